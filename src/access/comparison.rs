//! Two policies beside each other: what each role may do under one and not under the other, and in what its schema
//! differs. Pure.

use std::fmt;

use super::gains::{self, Right};
use crate::{
    authz::{PermissionSet, View, implied_by},
    graphql::{
        self, Schemas,
        coordinates::{Difference, coordinates, differences},
    },
};

/// A role that may do something else under another policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDifference {
    /// Its code.
    pub role: String,
    /// What it may do under the other alone.
    pub gained: Vec<Right>,
    /// What it may do under the one alone.
    pub lost: Vec<Right>,
    /// In what its schema differs.
    pub schema: Vec<Difference>,
}

/// What a role sees: what everybody signed in does, and its own.
#[must_use]
pub fn seen(view: &View, role: &str) -> PermissionSet {
    view.rights([role, implied_by(role)]).permissions()
}

/// The roles that differ, by code.
#[must_use]
pub fn compare(before: &View, after: &View, schemas: &Schemas) -> Vec<RoleDifference> {
    let mut roles: Vec<&str> = before.roles().chain(after.roles()).collect();
    roles.sort_unstable();
    roles.dedup();
    let of = |role: &str| {
        let (old, new) = (before.rights([role]), after.rights([role]));
        let (gained, lost) = (gains::beyond(&new, &old), gains::beyond(&old, &new));
        let differs = !gained.is_empty() || !lost.is_empty();
        differs.then(|| {
            let read = |view| coordinates(&graphql::sdl(schemas, seen(view, role)));
            RoleDifference { role: role.to_owned(), gained, lost, schema: differences(&read(before), &read(after)) }
        })
    };
    roles.into_iter().filter_map(of).collect()
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.permission.object(), self.permission.step(), self.scope.name())
    }
}

impl fmt::Display for RoleDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, gained, lost, schema: _ } = self;
        writeln!(f, "{role}")?;
        lost.iter().try_for_each(|right| writeln!(f, "  - {right}"))?;
        gained.iter().try_for_each(|right| writeln!(f, "  + {right}"))
    }
}
