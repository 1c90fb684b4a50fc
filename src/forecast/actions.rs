//! One function per use case; each owns its transaction.

use std::collections::BTreeMap;

use ::entity::{
    forecast::quota,
    vocabulary::{ForecastLevel, Money, Quarter, QuotaId},
};
use sea_orm::ActiveValue::{NotSet, Set};

use super::{error::Refusal, quotas::Unit, store};
use crate::{
    action::{Call, Request, perform},
    authz::{Permission, Place},
    db::Conn,
    error::{Error, Result},
    identity,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused},
    version,
};

/// A quota that somebody sets.
#[derive(Clone, Copy, Debug)]
pub struct NewQuota {
    /// Whose.
    pub unit: Unit,
    /// In which quarter.
    pub quarter: Quarter,
    /// How much; none takes it back: a team's is then the sum of its people's.
    pub amount: Option<Money>,
}

/// A quota in events.
const fn about(id: QuotaId) -> Subject {
    Subject { kind: "Quota", id: id.0 }
}

/// Sets a quota (P-20). One that is not there counts as version 0; a change that changes nothing writes nothing.
///
/// # Errors
/// A negative amount; a person who owns no deals and has no quota yet.
pub async fn set_quota(op: &Op, call: &Call, new: &NewQuota) -> Done<Option<QuotaId>, Refusal> {
    let request = Request::new("setQuota", call, &(new, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| set(op, tx, call, *new)).await
}

async fn set(op: &Op, tx: Conn, call: &Call, new: NewQuota) -> Done<Option<QuotaId>, Refusal> {
    let (place, is_delegate) = whose(op, &tx, new.unit).await?;
    if !op.acts(Permission::SetQuota, call.name()).covers(&place) {
        return Err(Error::Forbidden.into());
    }
    let found = store::lock_quota(&tx, new.quarter, new.unit).await?;
    let (about_it, current) = (found.as_ref().map(|quota| about(quota.id)), found.as_ref().map_or(0, |q| q.version));
    version::check(&tx, call, about_it, current).await?;
    if new.amount.is_some_and(|amount| amount < Money::ZERO) {
        return refused(Refusal::AmountInvalid);
    }
    if found.is_none() && !is_delegate && new.amount.is_some() {
        return refused(Refusal::NotADelegate);
    }
    let before = found.as_ref().and_then(|quota| quota.amount);
    if before == new.amount {
        return Ok(found.map(|quota| quota.id));
    }
    let written = match found {
        Some(found) => {
            let written = quota::Model { amount: new.amount, version: found.version + 1, ..found };
            if !store::write_quota(&tx, &written).await? {
                return version::overtaken(&tx, Some(about(written.id)), current, written.version).await;
            }
            written
        }
        None => store::insert_quota(&tx, row(&new, &place)).await?,
    };
    store::write_figure(&tx, written.id, new.amount, op.now).await?;
    outbox::record(op, &tx, call, event(&written, before)?).await?;
    Ok(Some(written.id))
}

/// Where a quota belongs, and whether it is a team's or a delegate's.
async fn whose(op: &Op, tx: &Conn, unit: Unit) -> Result<(Place, bool)> {
    match unit {
        Unit::Owner(person) => {
            let found = identity::store::places(tx, &[person], None).await?.remove(&person).ok_or(Error::NotFound)?;
            Ok((found, !identity::delegates(&op.app, tx, &[person]).await?.is_empty()))
        }
        Unit::Delegation(delegation) => {
            let office = identity::store::delegations(tx, &[delegation]).await?.pop().ok_or(Error::NotFound)?;
            Ok((Place { owner: None, delegation: Some(delegation), region: Some(office.region_id) }, true))
        }
        Unit::Region(region) => {
            identity::store::regions(tx, &[region]).await?.pop().ok_or(Error::NotFound)?;
            Ok((Place { owner: None, delegation: None, region: Some(region) }, true))
        }
        Unit::Company => Ok((Place::default(), true)),
    }
}

fn row(new: &NewQuota, place: &Place) -> quota::ActiveModel {
    let level = match new.unit {
        Unit::Owner(_) => ForecastLevel::Owner,
        Unit::Delegation(_) => ForecastLevel::Delegation,
        Unit::Region(_) => ForecastLevel::Region,
        Unit::Company => ForecastLevel::Company,
    };
    // A person's goes with the person, wherever they work.
    let team = if level == ForecastLevel::Owner { Place::default() } else { *place };
    quota::ActiveModel {
        id: NotSet,
        quarter: Set(new.quarter),
        level: Set(level),
        person_id: Set(place.owner),
        delegation_id: Set(team.delegation),
        region_id: Set(team.region),
        amount: Set(new.amount),
        version: Set(1),
    }
}

fn event(quota: &quota::Model, before: Option<Money>) -> Result<Event> {
    let told = |amount: Option<Money>| amount.map(|amount| amount.to_string());
    let changes = BTreeMap::from([
        ("amount", [told(before), told(quota.amount)]),
        ("quarter", [Some(quota.quarter.to_string()), Some(quota.quarter.to_string())]),
    ]);
    Event::new("quota.set", about(quota.id)).with_changes(&changes)
}
