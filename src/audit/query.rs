//! What can be asked of the audit log.

use ::entity::{platform::event, vocabulary::PersonId};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, LikeExpr, Order as Direction, SimpleExpr},
};

use super::{
    last_sealed,
    types::{AuditChain, AuditEntry},
    verify_between,
};
use crate::{
    authz::Permission,
    error::{self, Error},
    graphql::{
        connection::{self, Connection, KeyValue, Paging, SortKey},
        filter::{self, Between, Conditions, Filter, OneOf},
        guard::requires,
        id::{self, IdOf},
        payload::{Told, op},
        sorting::{ListOrder, Sorting},
    },
    input,
    op::Op,
};

/// Longest text that is looked for.
const LONGEST: usize = 100;
/// Entries that one request reads again at most.
const MOST_VERIFIED: i64 = 50_000;

/// Which entries; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub struct AuditFilter {
    /// Who acted.
    actor: Option<OneOf<IdOf<PersonId>>>,
    /// For whom, as a deputy.
    on_behalf_of: Option<OneOf<IdOf<PersonId>>>,
    /// Code of a role in which they acted, such as `RR`.
    role: Option<String>,
    /// What was done, such as `order.submitted`.
    action: Option<OneOf<String>>,
    /// Global id of what it was done to.
    object: Option<ID>,
    /// Type of what it was done to, such as `Person`.
    object_type: Option<OneOf<String>>,
    /// Request in which it happened.
    request_id: Option<String>,
    /// Version of the policy that allowed it.
    policy_version: Option<OneOf<i32>>,
    /// When.
    at: Option<Between<DateTime<Utc>>>,
    /// All of these hold.
    and: Option<Vec<AuditFilter>>,
    /// One of these holds.
    or: Option<Vec<AuditFilter>>,
    /// This does not hold.
    not: Option<Box<AuditFilter>>,
}

impl Filter for AuditFilter {
    fn own(&self) -> error::Result<Conditions> {
        use event::Column as C;
        let Self { actor, on_behalf_of, role, action, object, object_type, request_id, policy_version, at, .. } = self;
        let action = action.as_ref().map(|texts| plain("action", texts)).transpose()?;
        let object_type = object_type.as_ref().map(|texts| plain("objectType", texts)).transpose()?;
        let request =
            request_id.as_deref().map(|text| input::line(["filter", "requestId"], text, LONGEST)).transpose()?;
        let conditions = Conditions::default()
            .one_of_nullable(C::ActorId.into_expr(), actor.as_ref())?
            .one_of_nullable(C::OnBehalfOfId.into_expr(), on_behalf_of.as_ref())?
            .one_of(C::Kind.into_expr(), action.as_ref())?
            .one_of(C::SubjectType.into_expr(), object_type.as_ref())?
            .one_of(C::PolicyVersion.into_expr(), policy_version.as_ref())?
            .between(C::At.into_expr(), at.as_ref())
            .with(request.map(|request| C::RequestId.into_expr().eq(request)))
            .with(object.as_ref().map(about).transpose()?);
        match role {
            Some(role) => Ok(conditions.with(Some(in_role(&input::line(["filter", "role"], role, LONGEST)?)))),
            None => Ok(conditions),
        }
    }

    fn and(&self) -> &[Self] {
        self.and.as_deref().unwrap_or_default()
    }

    fn or(&self) -> &[Self] {
        self.or.as_deref().unwrap_or_default()
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

/// Texts as they can be in the log.
fn plain(field: &str, texts: &OneOf<String>) -> error::Result<OneOf<String>> {
    let line = |text: &String| input::line(["filter", field], text, LONGEST);
    Ok(OneOf {
        eq: texts.eq.as_ref().map(line).transpose()?,
        among: texts.among.as_ref().map(|texts| texts.iter().map(line).collect()).transpose()?,
    })
}

/// What was done to one object.
fn about(object: &ID) -> error::Result<SimpleExpr> {
    let (of, key) = id::parse(object).ok_or_else(|| Error::bad_input(["filter", "object"], "the id of an object"))?;
    Ok(event::Column::SubjectType.into_expr().eq(of).and(event::Column::SubjectId.into_expr().eq(key)))
}

/// What was done in a role, perhaps among others: they stand in one text, separated by blanks.
fn in_role(code: &str) -> SimpleExpr {
    let escaped = code.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let roles = || event::Column::Roles.into_expr();
    let like = |pattern: String| roles().like(LikeExpr::new(pattern).escape('!'));
    let first = like(format!("{escaped} %"));
    let last = like(format!("% {escaped}"));
    let between = like(format!("% {escaped} %"));
    roles().eq(Expr::val(code)).or(first).or(last).or(between)
}

/// In which order entries are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AuditSort {
    /// Newest first.
    AtDesc,
    /// Oldest first.
    AtAsc,
}

impl ListOrder for AuditSort {
    type Row = event::Model;

    const USUAL: Self = Self::AtDesc;

    fn direction(self) -> Direction {
        match self {
            Self::AtDesc => Direction::Desc,
            Self::AtAsc => Direction::Asc,
        }
    }

    fn key(self) -> SortKey {
        SortKey::moment(event::Column::At.into_expr(), self.direction())
    }

    fn value(self, row: &event::Model) -> KeyValue {
        KeyValue::Moment { at: row.at }
    }
}

/// Questions about the audit log.
#[derive(Debug, Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Everything that was done: who, for whom, in which roles, what, to what, and what it changed. Newest first where
    /// nothing else is said.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn audit_log(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which entries.")] filter: Option<AuditFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<Vec<AuditSort>>,
    ) -> Result<Connection<AuditEntry>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let sorting = Sorting::new(order_by);
        let select = event::Entity::find().filter(readable(op)).filter(filter::condition(filter.as_ref()).told(op)?);
        let keys = sorting.keys(event::Column::Id.into_expr());
        let values = |row: &event::Model| sorting.values(row, row.id.0);
        let page = connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?;
        Ok(page.into())
    }

    /// Reads the chain of seals behind the audit log again, from one position to another, at most 50 000 entries at a
    /// time: a changed, dropped or slipped-in entry breaks it. The seal before the first position is taken as it is.
    #[graphql(directive = requires::apply("auditLog".into()))]
    async fn audit_chain(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From this position on; from the first where nothing is said.")] from: Option<i64>,
        #[graphql(desc = "To this position; as far as one request goes where nothing is said.")] to: Option<i64>,
    ) -> Result<AuditChain> {
        let op = op(ctx);
        chain(op, from.unwrap_or(1), to).await.told(op)
    }
}

/// The log has no owners, delegations or regions: within reach is all of it or nothing.
fn readable(op: &Op) -> Condition {
    match op.sees(Permission::AuditLog).all {
        true => Condition::all(),
        false => Condition::all().add(Expr::val(1).eq(0)),
    }
}

async fn chain(op: &Op, from: i64, to: Option<i64>) -> error::Result<AuditChain> {
    if from < 1 {
        return Err(Error::bad_input(["from"], "1 or more"));
    }
    if to.is_some_and(|to| to < from) {
        return Err(Error::bad_input(["to"], "not before «from»"));
    }
    if !op.sees(Permission::AuditLog).all {
        return Err(Error::Forbidden);
    }
    let conn = op.conn();
    let sealed = last_sealed(&conn).await?;
    let farthest = Ord::min(from.saturating_add(MOST_VERIFIED - 1), sealed);
    let checked = verify_between(&conn, from, Ord::min(to.unwrap_or(farthest), farthest)).await?;
    Ok(AuditChain::new(from, sealed, checked))
}
