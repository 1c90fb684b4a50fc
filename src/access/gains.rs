//! What somebody has more under one policy than under another. Pure.

use ::entity::vocabulary::PersonId;

use crate::authz::{Caller, Permission, Rights, Scope};

/// A permission on some records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// What may be done.
    pub permission: Permission,
    /// On which records.
    pub scope: Scope,
}

/// The rights that are among some and not among others.
#[must_use]
pub fn beyond(these: &Rights, others: &Rights) -> Vec<Right> {
    let of = |&permission: &Permission| {
        let (mine, theirs) = (these.scopes(permission), others.scopes(permission));
        mine.iter().filter(move |scope| !theirs.contains(*scope)).map(move |scope| Right { permission, scope })
    };
    Permission::ALL.iter().flat_map(of).collect()
}

/// A right with the absent person for whom it is held, where it is not one's own.
pub type Held = (Right, Option<PersonId>);

/// The rights that somebody has under one policy and not under another, in their own name and in each name that
/// they may act in. They stand in for the same people under both.
#[must_use]
pub fn gained(before: &Caller, after: &Caller) -> Vec<Held> {
    let of = |(old, new): (&crate::authz::Grant, &crate::authz::Grant)| {
        let name = new.through.map(|_| new.holder.id);
        beyond(&new.rights, &old.rights).into_iter().map(move |right| (right, name)).collect::<Vec<_>>()
    };
    before.grants.iter().zip(&after.grants).flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::{
        View,
        policy::{self, Line},
    };

    async fn rights(lines: &[&str]) -> Rights {
        let lines: Vec<Line> = lines.iter().map(|text| Line::parse(text).unwrap()).collect();
        View::compile(policy::MODEL, &lines).await.unwrap().rights(["RR"])
    }

    #[tokio::test]
    async fn what_is_beyond_is_what_only_one_has() {
        let old = rights(&["p, RR, readOrders, -, region", "p, RR, readUsers, -, all"]).await;
        let new =
            rights(&["p, RR, readOrders, -, region", "p, RR, readOrders, -, all", "p, RR, validateOrder, rr, own"])
                .await;
        let right = |permission, scope| Right { permission, scope };
        let more = [right(Permission::ReadOrders, Scope::All), right(Permission::ValidateOrderAsRr, Scope::Own)];
        assert_eq!(beyond(&new, &old), more);
        assert_eq!(beyond(&old, &new), [right(Permission::ReadUsers, Scope::All)]);
        assert_eq!(beyond(&new, &new), []);
    }
}
