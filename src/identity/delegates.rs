//! Who is a delegate: whoever places orders of their own, whatever their role is called.

use ::entity::{
    identity::person,
    vocabulary::{DelegationId, PersonId, RegionId},
};

use super::store;
use crate::{
    app::App,
    authz::{ANYONE, Permission, Scope},
    db::Conn,
    error::Result,
};

/// An active person who places orders of their own, and so may hold an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegate {
    /// Who.
    pub id: PersonId,
    /// Their stable code.
    pub code: String,
    /// Where they work.
    pub delegation: DelegationId,
    /// The region of that delegation.
    pub region: RegionId,
}

/// Those among some people who are delegates, in two statements.
///
/// # Errors
/// When the database cannot be read.
pub async fn delegates(app: &App, conn: &Conn, ids: &[PersonId]) -> Result<Vec<Delegate>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let policy = app.policy();
    let mut roles = store::roles_of(conn, ids).await?;
    let people = store::people(conn, ids).await?.into_iter().filter(|person| person.active);
    let delegate = |person: person::Model| {
        let held = roles.remove(&person.id).unwrap_or_default();
        let rights = policy.view.rights(held.iter().map(String::as_str).chain([ANYONE]));
        let (delegation, region) = (person.delegation_id?, person.region_id?);
        let owns = rights.scopes(Permission::CreateOrder).contains(Scope::Own);
        owns.then_some(Delegate { id: person.id, code: person.code, delegation, region })
    };
    Ok(people.filter_map(delegate).collect())
}
