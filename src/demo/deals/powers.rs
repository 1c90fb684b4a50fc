//! Who may do what, read from the shipped policy: the demonstration's people act by their roles, like everybody.

use std::collections::HashMap;

use ::entity::vocabulary::PersonId;

use super::super::network::Network;
use crate::authz::{Permission, Place, Scope, policy};

/// What each role may do, and how far.
#[derive(Debug, Default)]
pub(super) struct Powers(HashMap<String, Vec<(Permission, Scope)>>);

impl Powers {
    /// Those that Sésame ships with, which a demonstration has: its database is new.
    pub(super) fn shipped() -> Self {
        let mut powers = Self::default();
        for line in policy::shipped().unwrap_or_default() {
            let scope = Scope::EACH.into_iter().find(|scope| scope.name() == line.scope);
            if let (Some(permission), Some(scope)) = (Permission::find(&line.object, &line.step), scope) {
                powers.0.entry(line.subject).or_default().push((permission, scope));
            }
        }
        powers
    }

    /// Whether somebody holds a permission at a place, in their own name.
    pub(super) fn holds(&self, network: &Network, id: PersonId, permission: Permission, place: &Place) -> bool {
        let Some(person) = network.person(id) else { return false };
        let covers = |scope: Scope| match scope {
            Scope::Own => place.owner == Some(id),
            Scope::Delegation => place.delegation.is_some() && place.delegation == person.delegation_id,
            Scope::Region => place.region.is_some() && place.region == person.region_id,
            Scope::All => true,
        };
        let held = self.0.get(network.role(id)).into_iter().flatten();
        held.filter(|(what, _)| *what == permission).any(|(_, scope)| covers(*scope))
    }
}
