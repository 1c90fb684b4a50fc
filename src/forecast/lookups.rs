//! Look-ups of what the caller may read.

use std::collections::HashMap;

use ::entity::{
    forecast::quota,
    vocabulary::{PersonId, Quarter, QuotaId},
};

use super::store;
use crate::{
    authz::{Permission, Place, Reach},
    db::Conn,
    error::Result,
    identity,
    loaders::Loaders,
    op::Op,
};

/// A quota by its key, where the caller may read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, loaders: &Loaders, id: QuotaId) -> Result<Option<quota::Model>> {
    let reach = op.sees(Permission::ReadForecast);
    if reach.is_empty() {
        return Ok(None);
    }
    let Some(quota) = loaders.find(id).await? else { return Ok(None) };
    Ok(within(&op.conn(), &reach, vec![quota]).await?.pop())
}

/// The quotas of a quarter that the caller may read.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_quarter(op: &Op, quarter: Quarter) -> Result<Vec<quota::Model>> {
    let quotas = store::quotas(&op.conn(), quarter, None).await?;
    within(&op.conn(), &op.sees(Permission::ReadForecast), quotas).await
}

/// Those quotas that are within a reach: a person's belongs where they work now.
///
/// # Errors
/// When the database cannot be read.
pub async fn within(conn: &Conn, reach: &Reach, mut quotas: Vec<quota::Model>) -> Result<Vec<quota::Model>> {
    let people: Vec<PersonId> = quotas.iter().filter_map(|quota| quota.person_id).collect();
    let places = if reach.all || people.is_empty() {
        HashMap::new()
    } else {
        identity::store::places(conn, &people, None).await?
    };
    quotas.retain(|quota| reach.all || place(quota, &places).is_some_and(|place| reach.covers(&place)));
    Ok(quotas)
}

/// Where a quota belongs, whoever asks; nothing where it is not there.
///
/// # Errors
/// When the database cannot be read.
pub async fn place_of(conn: &Conn, id: QuotaId) -> Result<Option<Place>> {
    let Some(quota) = store::quotas_by_key(conn, &[id]).await?.pop() else { return Ok(None) };
    let people: Vec<PersonId> = quota.person_id.into_iter().collect();
    Ok(place(&quota, &identity::store::places(conn, &people, None).await?))
}

/// A person's belongs where they work, a team's to the team.
fn place(quota: &quota::Model, people: &HashMap<PersonId, Place>) -> Option<Place> {
    let team = Place { owner: None, delegation: quota.delegation_id, region: quota.region_id };
    quota.person_id.map_or(Some(team), |person| people.get(&person).copied())
}
