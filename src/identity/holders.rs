//! Who holds a permission on a record: for rules that ask whether anybody is left to decide.

use std::collections::BTreeSet;

use ::entity::{
    identity::{person, person_role},
    vocabulary::{DelegationId, PersonId, RegionId},
};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationDef};

use crate::{
    app::App,
    authz::{Permission, Place, Policy, Scope},
    db::Conn,
    error::Result,
};

/// Active people with one role each: somebody with several comes several times.
#[derive(Debug, Default)]
pub struct Holders {
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    person: PersonId,
    permission: Permission,
    scopes: Vec<Scope>,
    delegation: Option<DelegationId>,
    region: Option<RegionId>,
}

impl Holders {
    /// Everybody who holds a permission on a record by its place, in the order of keys; what is one's own aside.
    #[must_use]
    pub fn of(&self, permission: Permission, place: &Place) -> Vec<PersonId> {
        let reaches = |held: &&Held| {
            held.permission == permission
                && held.scopes.iter().any(|scope| match scope {
                    Scope::All => true,
                    Scope::Region => held.region.is_some() && held.region == place.region,
                    Scope::Delegation => held.delegation.is_some() && held.delegation == place.delegation,
                    Scope::Own => false,
                })
        };
        let people: BTreeSet<PersonId> = self.held.iter().filter(reaches).map(|held| held.person).collect();
        people.into_iter().collect()
    }
}

/// Everybody active who holds one of some permissions anywhere, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn holders(app: &App, conn: &Conn, permissions: &[Permission]) -> Result<Holders> {
    let policy = app.policy();
    let granted: Vec<(&str, Permission, Vec<Scope>)> =
        permissions.iter().flat_map(|permission| grants(&policy, *permission)).collect();
    if granted.is_empty() {
        return Ok(Holders::default());
    }
    let roles = granted.iter().map(|(role, _, _)| *role);
    let rows: Vec<(PersonId, String, Option<DelegationId>, Option<RegionId>)> = person_role::Entity::find()
        .select_only()
        .columns([person_role::Column::PersonId, person_role::Column::RoleCode])
        .columns([person::Column::DelegationId, person::Column::RegionId])
        .join(JoinType::InnerJoin, person_of_role())
        .filter(person_role::Column::RoleCode.is_in(roles))
        .filter(person::Column::Active.eq(true))
        .order_by_asc(person_role::Column::PersonId)
        .into_tuple()
        .all(conn)
        .await?;
    let of_role = |(person, role, delegation, region): &(PersonId, String, _, _)| {
        let (person, delegation, region) = (*person, *delegation, *region);
        let theirs = granted.iter().filter(|(code, _, _)| code == role).cloned().collect::<Vec<_>>();
        theirs.into_iter().map(move |(_, permission, scopes)| Held { person, permission, scopes, delegation, region })
    };
    Ok(Holders { held: rows.iter().flat_map(of_role).collect() })
}

/// The roles that hold a permission, with its scopes.
fn grants(policy: &Policy, permission: Permission) -> Vec<(&str, Permission, Vec<Scope>)> {
    let scopes = |role| policy.view.rights([role]).scopes(permission).iter().collect::<Vec<_>>();
    let of = |role| (role, permission, scopes(role));
    policy.view.roles().map(of).filter(|(_, _, scopes)| !scopes.is_empty()).collect()
}

fn person_of_role() -> RelationDef {
    person_role::Entity::belongs_to(person::Entity).from(person_role::Column::PersonId).to(person::Column::Id).into()
}
