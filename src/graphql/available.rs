//! `availableActions`: what the caller may do to an object, and every reason why not: the mutations' own checks,
//! asked without doing it.

use std::{borrow::Cow, collections::HashMap, fmt, hash, sync::Arc};

use ::entity::vocabulary::PersonId;
use async_graphql::{Context, OutputType, SimpleObject, TypeName, dataloader::Loader};
use sea_orm::DbErr;

use super::{
    id::IdOf,
    payload::{Mutation, Told, UserError, op, user_errors},
};
use crate::{
    action::Common,
    authz::InNameOf,
    db::Lock,
    error::Result,
    loaders::{self, Loaders, Reader},
    op::Op,
    record::Versioned,
    transition::Tracked,
    workflow::{Action, Actor, Workflow, reasons},
};

/// A workflow whose actions the schema offers.
pub trait Offered: Tracked<Action: OutputType> {
    /// Name of the type that tells of one action.
    const NAME: &'static str;
    /// The codes of the reasons why an action cannot be taken.
    type Reasons: Mutation;
}

/// Whether an action can be taken now.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct AvailableAction<W: Offered> {
    /// Which.
    action: <W as Workflow>::Action,
    /// Whether the caller may take it now.
    allowed: bool,
    /// Every reason why not: those for which the mutation would refuse.
    reasons: Vec<UserError<W::Reasons>>,
}

impl<W: Offered> TypeName for AvailableAction<W> {
    fn type_name() -> Cow<'static, str> {
        W::NAME.into()
    }
}

/// For each action of the caller's schema whether they may take it now on an object that they may read, and if not,
/// every reason; in the name of an absent person where one is given.
///
/// # Errors
/// When the database cannot be read.
pub async fn of<W: Offered>(
    ctx: &Context<'_>,
    key: W::Key,
    on_behalf_of: Option<IdOf<PersonId>>,
) -> async_graphql::Result<Vec<AvailableAction<W>>> {
    let op = op(ctx);
    let known = Loaders::of(ctx).find(FactsOf::<W>(key)).await.told(op)?;
    let name = on_behalf_of.map_or(InNameOf::Self_, |id| InNameOf::Absent(id.0));
    known.map_or(Ok(Vec::new()), |(found, facts)| available::<W>(op, W::object(&found), &facts, name)).told(op)
}

fn available<W: Offered>(
    op: &Op,
    stored: &W::Object,
    facts: &W::Facts,
    name: InNameOf,
) -> Result<Vec<AvailableAction<W>>> {
    let actor = Actor { person: op.me()?, name };
    let (object, place, today) = (W::seen(stored, facts), W::place(stored), op.today());
    let held = |permission| op.acts(permission, name).covers(&place);
    let stands_in = op.caller()?.grant(name).is_some();
    let permitted = op.app.permissions_of(op.caller.as_deref());
    let mine = |action: &W::Action| action.steps().iter().any(|step| permitted.contains(step.permission));
    let told = |action: W::Action| {
        let reasons = match stands_in {
            true => reasons::<W>(action, &object, facts, actor, today, held),
            false => vec![Common::NotDeputy.into()],
        };
        AvailableAction { action, allowed: reasons.is_empty(), reasons: user_errors(&reasons, op.language) }
    };
    Ok(W::Action::ALL.iter().copied().filter(mine).map(told).collect())
}

/// Asks for an object, whoever asks, with what the rules have to know about it.
pub struct FactsOf<W: Tracked>(pub W::Key);

impl<W: Tracked> Clone for FactsOf<W> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<W: Tracked> PartialEq for FactsOf<W> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<W: Tracked> Eq for FactsOf<W> {}

impl<W: Tracked> hash::Hash for FactsOf<W> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<W: Tracked> fmt::Debug for FactsOf<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FactsOf").field(&self.0).finish()
    }
}

impl<W: Tracked> Loader<FactsOf<W>> for Reader {
    type Value = (W::Found, W::Facts);
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[FactsOf<W>]) -> std::result::Result<HashMap<FactsOf<W>, Self::Value>, Self::Error> {
        let conn = self.0.conn();
        let wanted = W::Entity::among(keys.iter().map(|key| key.0));
        let found = W::find(&conn, wanted).await.map_err(Arc::new)?;
        let facts = W::facts(&self.0, &conn, Lock::No, None, &found).await.map_err(loaders::failed)?;
        let each = found.into_iter().zip(facts);
        Ok(each.map(|(found, facts)| (FactsOf(W::key(W::object(&found))), (found, facts))).collect())
    }
}
