//! `simulatePolicy` (G-6): the change's own decision, asked without writing, and everybody under both policies.

use std::sync::Arc;

use ::entity::identity::role;

use super::{
    comparison::seen,
    gains::{self, Held, Right},
    people::People,
};
use crate::{
    action::Common,
    administration::{self, Decided, Refusal, Wanted},
    app::App,
    authz::{ANYONE, Caller, Permission, PermissionSet, Person, Policy, policy},
    error::{Error, Result},
    graphql::{
        self,
        coordinates::{Difference, coordinates, differences},
    },
    identity,
    op::Op,
    refusal::{Done, refused},
};

/// What a change would come to.
#[derive(Debug)]
pub(super) struct Foreseen {
    pub decided: Decided,
    before: Arc<Policy>,
    after: Policy,
    people: People,
    roles: Vec<role::Model>,
}

/// Decides a change as the mutation would, and puts everybody under both policies.
///
/// # Errors
/// Every reason for which the mutation would refuse.
pub(super) async fn foresee(op: &Op, wanted: &Wanted, expected: Option<i64>) -> Done<Foreseen, Refusal> {
    let conn = op.conn();
    let before = policy::up_to_date(&conn, op.app.policy()).await?;
    if let Some(expected) = expected.filter(|expected| *expected != before.version) {
        return refused(Common::Conflict { expected, current: before.version, last: None }.into());
    }
    let decided = administration::decide(&conn, wanted).await?;
    let after = Policy { version: decided.version + 1, view: decided.view.clone() };
    let (people, roles) = (People::read(op).await?, identity::store::roles(&conn).await?);
    Ok(Foreseen { decided, before, after, people, roles })
}

/// A role of which the rights would be others.
#[derive(Clone, Debug)]
pub(super) struct RoleChange {
    pub code: String,
    pub role: Option<role::Model>,
    pub holders: usize,
    pub gained: Vec<Right>,
    pub lost: Vec<Right>,
    pub sight: Sight,
}

/// Somebody whose rights would be others.
#[derive(Clone, Debug)]
pub(super) struct PersonChange {
    pub before: Arc<Caller>,
    pub after: Arc<Caller>,
}

/// What is seen of the schema before and after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub before: PermissionSet,
    pub after: PermissionSet,
}

impl Foreseen {
    /// The roles whose own rights would be others, by code.
    pub(super) fn roles(&self) -> Vec<RoleChange> {
        let (old, new) = (&self.before.view, &self.after.view);
        let mut codes: Vec<&str> = old.roles().chain(new.roles()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.into_iter().filter_map(|code| self.role(code)).collect()
    }

    fn role(&self, code: &str) -> Option<RoleChange> {
        let (old, new) = (self.before.view.rights([code]), self.after.view.rights([code]));
        let (gained, lost) = (gains::beyond(&new, &old), gains::beyond(&old, &new));
        if gained.is_empty() && lost.is_empty() {
            return None;
        }
        let holds = |person: &&Arc<Person>| code == ANYONE || person.roles.iter().any(|role| role == code);
        Some(RoleChange {
            code: code.to_owned(),
            role: self.roles.iter().find(|role| role.code == code).cloned(),
            holders: self.people.iter().filter(holds).count(),
            gained,
            lost,
            sight: Sight { before: seen(&self.before.view, code), after: seen(&self.after.view, code) },
        })
    }

    /// Everybody whose rights would be others, in their own name or for whom they stand in for; in the order of keys.
    pub(super) fn people(&self, op: &Op) -> Vec<PersonChange> {
        let under = |policy: &Policy, person| Arc::new(self.people.caller(op, policy, person));
        let both = |person| PersonChange { before: under(&self.before, person), after: under(&self.after, person) };
        let differs = |change: &PersonChange| !change.gained().is_empty() || !change.lost().is_empty();
        self.people.iter().map(both).filter(differs).collect()
    }
}

impl PersonChange {
    pub(super) fn gained(&self) -> Vec<Held> {
        gains::gained(&self.before, &self.after)
    }

    pub(super) fn lost(&self) -> Vec<Held> {
        gains::gained(&self.after, &self.before)
    }

    pub(super) fn sight(&self) -> Sight {
        Sight { before: self.before.permissions, after: self.after.permissions }
    }
}

impl Sight {
    /// The other way round.
    pub(super) const fn reversed(self) -> Self {
        Self { before: self.after, after: self.before }
    }

    /// The fields of Query, Mutation and Subscription that would be new.
    pub(super) fn fields(self, app: &App) -> Vec<String> {
        let needs = app.schemas.needs();
        let opens = |held: PermissionSet, field: &str| held.intersects(needs.of(field));
        let is_new = |field: &&str| opens(self.after, field) && !opens(self.before, field);
        let mut fields: Vec<String> = needs.fields().filter(is_new).map(str::to_owned).collect();
        fields.sort_unstable();
        fields
    }

    /// In what the schemas would differ.
    pub(super) fn schema(self, app: &App) -> Vec<Difference> {
        if self.before == self.after {
            return Vec::new();
        }
        let read = |held| coordinates(&graphql::sdl(&app.schemas, held));
        differences(&read(self.before), &read(self.after))
    }
}

/// Whether somebody may ask at all, everywhere: the policy belongs to no place.
///
/// # Errors
/// [`crate::error::Error::Forbidden`] where they may not.
pub(super) fn everywhere(op: &Op, permission: Permission) -> Result<()> {
    if op.sees(permission).all { Ok(()) } else { Err(Error::Forbidden) }
}
