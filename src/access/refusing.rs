//! Whether the rules of a workflow would refuse an action that the policy lets somebody take: the workflow's own
//! decision, asked for them without doing it. Only yes or no is told: why would tell of the record.

use std::sync::Arc;

use ::entity::vocabulary::{OpportunityId, OrderId, PersonId};

use crate::{
    authz::{Caller, InNameOf, Permission},
    db::Lock,
    error::Result,
    graphql::id::Key,
    op::Op,
    opportunities::workflow::Deals,
    orders::workflow::OrderWorkflow,
    record::Versioned,
    transition::Tracked,
    workflow::{Action, Actor, reasons},
};

/// An action that somebody might try on a record, in some names.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub caller: Arc<Caller>,
    /// Those in whose names the policy lets them; none: their own.
    pub names: Vec<Option<PersonId>>,
    pub permissions: Vec<Permission>,
    pub kind: String,
    pub key: i64,
}

impl Trial {
    /// Whether it would be refused in every one of the names; nothing where it is no step of a workflow.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn is_refused(&self, op: &Op) -> Result<Option<bool>> {
        match self.kind.as_str() {
            OrderId::TYPE => self.in_workflow::<OrderWorkflow>(op, OrderId(self.key)).await,
            OpportunityId::TYPE => self.in_workflow::<Deals>(op, OpportunityId(self.key)).await,
            _ => Ok(None),
        }
    }

    async fn in_workflow<W: Tracked>(&self, op: &Op, key: W::Key) -> Result<Option<bool>> {
        let is_meant =
            |action: &W::Action| action.steps().iter().any(|step| self.permissions.contains(&step.permission));
        let actions: Vec<W::Action> = W::Action::ALL.iter().copied().filter(is_meant).collect();
        let conn = op.conn();
        let Some(found) = W::find(&conn, W::Entity::among([key])).await?.pop() else { return Ok(None) };
        if actions.is_empty() {
            return Ok(None);
        }
        let (stored, place) = (W::object(&found).clone(), W::place(W::object(&found)));
        let facts = W::facts(op, &conn, Lock::No, None, &[found]).await?.pop().unwrap_or_default();
        let object = W::seen(&stored, &facts);
        let is_free = |name: InNameOf, action: W::Action| {
            let actor = Actor { person: self.caller.person.id, name };
            let held = |permission| self.caller.acts(permission, name).covers(&place);
            reasons::<W>(action, &object, &facts, actor, op.today(), held).is_empty()
        };
        let names = self.names.iter().map(|absent| absent.map_or(InNameOf::Self_, InNameOf::Absent));
        Ok(Some(!names.into_iter().any(|name| actions.iter().any(|action| is_free(name, *action)))))
    }
}
