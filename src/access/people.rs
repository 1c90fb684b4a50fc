//! Everybody who can sign in, as they act today under one policy or another.

use std::sync::Arc;

use ::entity::{
    identity::deputy,
    vocabulary::{PersonId, SessionId},
};

use crate::{
    authz::{Caller, Person, Policy},
    error::Result,
    identity,
    op::Op,
};

/// Everybody who can sign in, with those for whom they stand in today.
#[derive(Debug)]
pub(super) struct People {
    everybody: Vec<Arc<Person>>,
    mandates: Vec<deputy::Model>,
}

impl People {
    /// Reads them: three statements.
    pub(super) async fn read(op: &Op) -> Result<Self> {
        let conn = op.conn();
        let everybody = identity::store::everybody(&conn).await?;
        let mandates = identity::store::mandates_on(&conn, op.today()).await?;
        Ok(Self { everybody, mandates })
    }

    /// All of them, in the order of keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Person>> {
        self.everybody.iter()
    }

    pub(super) fn find(&self, id: PersonId) -> Option<&Arc<Person>> {
        let place = self.everybody.binary_search_by_key(&id, |person| person.id).ok()?;
        self.everybody.get(place)
    }

    /// Somebody as a request of theirs would be met under a policy.
    pub(super) fn caller(&self, op: &Op, policy: &Policy, person: &Arc<Person>) -> Caller {
        let theirs = self.mandates.iter().filter(|mandate| mandate.deputy_id == person.id);
        let absent = theirs.filter_map(|mandate| Some((mandate.id, self.find(mandate.absent_id)?.clone())));
        // No session of theirs is behind it: it is never shown to a door that asks for one.
        Caller::new(policy, person.clone(), absent, SessionId::default(), op.now)
    }
}
