//! Who may do what, on which records: one Casbin policy decides everything (G-1).
//!
//! ```text
//! policy_line rows ──▶ Casbin ──every combination, once──▶ View ──roles──▶ Rights ──person──▶ Grant
//!                                                                          │                  │
//!                                                        PermissionSet: which schema     Reach: which records
//! ```
//! A person acts through grants: the own one, and one for each absent person they stand in for. What
//! they see is the union; in an action the own grant counts, or the one of the person named with
//! `onBehalfOf`, and that one alone. Deputies and the segregation of duties are decided here too.

use std::sync::Arc;

use ::entity::vocabulary::{DelegationId, DeputyId, Language, PersonId, RegionId, SessionId};
use chrono::{DateTime, Utc};

mod behind;
pub mod history;
mod permission;
pub mod policy;
mod reach;
pub mod view;

pub use behind::{Behind, behind, inherited, is_circular};
pub use permission::{Permission, PermissionSet};
pub use reach::{Place, Reach};
pub use view::{Rights, Scope, Scopes, View};

/// Role of whoever is not signed in.
pub const ANONYMOUS: &str = "ANONYMOUS";
/// Role that every API key has: what it may do beside its roles, instead of what everybody signed in may.
pub const API_KEY: &str = "API_KEY";
/// Role that everybody signed in has.
pub const ANYONE: &str = "ANYONE";
/// The roles that nobody is given: one has them by being signed in, by not being, or by being an API key.
pub const IMPLIED: [&str; 3] = [ANYONE, ANONYMOUS, API_KEY];

/// The implied role that whoever holds a role has as well.
#[must_use]
pub fn implied_by(role: &str) -> &str {
    if [ANONYMOUS, API_KEY].contains(&role) { role } else { ANYONE }
}

/// The compiled policy in force.
#[derive(Debug, Default)]
pub struct Policy {
    /// Its version, written with every event.
    pub version: i64,
    /// Casbin's answers.
    pub view: View,
}

/// A person as far as access is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Key.
    pub id: PersonId,
    /// E-mail address.
    pub email: String,
    /// Given and family name.
    pub name: String,
    /// Their own setting.
    pub language: Language,
    /// Delegation they work in.
    pub delegation: Option<DelegationId>,
    /// Region of that delegation, or the one they manage.
    pub region: Option<RegionId>,
    /// Codes of their roles.
    pub roles: Vec<String>,
}

impl Person {
    /// Adds what a scope covers for them.
    pub fn extend(&self, reach: &mut Reach, scope: Scope) {
        match scope {
            Scope::All => reach.all = true,
            Scope::Region => reach.regions.extend(self.region),
            Scope::Delegation => reach.delegations.extend(self.delegation),
            Scope::Own => reach.owners.push(self.id),
        }
    }
}

/// What somebody may do in their own name or for one absent person.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whose rights they are.
    pub holder: Arc<Person>,
    /// The mandate, where they are not one's own.
    pub through: Option<DeputyId>,
    /// What the holder's roles may do.
    pub rights: Rights,
}

impl Grant {
    fn extend(&self, reach: &mut Reach, permission: Permission) {
        self.rights.scopes(permission).iter().for_each(|scope| self.holder.extend(reach, scope));
    }
}

/// In whose name an action is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InNameOf {
    /// The caller's own.
    Self_,
    /// An absent person's whom the caller stands in for.
    Absent(PersonId),
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub person: Arc<Person>,
    /// Their session.
    pub session: SessionId,
    /// When their token expires.
    pub until: DateTime<Utc>,
    /// What they may do: the own grant first.
    pub grants: Vec<Grant>,
    /// Union of all grants: which schema they see.
    pub permissions: PermissionSet,
}

impl Caller {
    /// Puts together what a person may do.
    #[must_use]
    pub fn new(
        policy: &Policy,
        person: Arc<Person>,
        absent: impl IntoIterator<Item = (DeputyId, Arc<Person>)>,
        session: SessionId,
        until: DateTime<Utc>,
    ) -> Self {
        let rights_of = |person: &Person| policy.view.rights(person.roles.iter().map(String::as_str));
        let mut own = rights_of(&person);
        own.include(&policy.view.rights([ANYONE]));
        let mut grants = vec![Grant { holder: person.clone(), through: None, rights: own }];
        grants.extend(absent.into_iter().map(|(mandate, holder)| Grant {
            rights: rights_of(&holder),
            through: Some(mandate),
            holder,
        }));
        let permissions = grants.iter().fold(PermissionSet::default(), |all, g| all.union(g.rights.permissions()));
        Self { person, session, until, grants, permissions }
    }

    /// Puts together what an API key may do: what its roles may, limited to some permissions, and what every key may.
    #[must_use]
    pub fn of_key(
        policy: &Policy,
        person: Arc<Person>,
        limited_to: Option<PermissionSet>,
        session: SessionId,
        until: DateTime<Utc>,
    ) -> Self {
        let mut rights = policy.view.rights(person.roles.iter().map(String::as_str));
        if let Some(only) = limited_to {
            rights.limit(only);
        }
        rights.include(&policy.view.rights([API_KEY]));
        let permissions = rights.permissions();
        let grants = vec![Grant { holder: person.clone(), through: None, rights }];
        Self { person, session, until, grants, permissions }
    }

    /// What one can see with a permission: the union over all grants.
    #[must_use]
    pub fn sees(&self, permission: Permission) -> Reach {
        let mut reach = Reach::default();
        self.grants.iter().for_each(|g| g.extend(&mut reach, permission));
        reach
    }

    /// What one can act on with a permission in somebody's name; nothing where one is not their deputy.
    #[must_use]
    pub fn acts(&self, permission: Permission, name: InNameOf) -> Reach {
        let mut reach = Reach::default();
        if let Some(grant) = self.grant(name) {
            grant.extend(&mut reach, permission);
        }
        reach
    }

    /// The grant under which one acts in somebody's name.
    #[must_use]
    pub fn grant(&self, name: InNameOf) -> Option<&Grant> {
        match name {
            InNameOf::Self_ => self.grants.first(),
            InNameOf::Absent(person) => self.grants.iter().find(|g| g.through.is_some() && g.holder.id == person),
        }
    }
}

/// Segregation of duties (spec 00): nobody decides on what they, or the person they stand in for,
/// own, created or submitted, in their own name or for another.
#[must_use]
pub fn is_barred(actor: PersonId, name: InNameOf, involved: &[PersonId]) -> bool {
    let absent = match name {
        InNameOf::Self_ => None,
        InNameOf::Absent(person) => Some(person),
    };
    involved.contains(&actor) || absent.is_some_and(|person| involved.contains(&person))
}
