//! Accounts, of which brokers are those with a broker part, and their sites.
//!
//! The door of the context. [`store`] gives rows by key, whoever asks; [`readable`] and
//! [`readable_site`] only what the caller may read.

use ::entity::{
    crm::{account, broker, site},
    vocabulary::{AccountId, SiteId},
};
use chrono::NaiveDate;

use crate::{
    authz::{InNameOf, Permission, Place, Reach},
    db::Conn,
    error::Result,
    loaders::Loaders,
    op::Op,
};

mod filter;
mod lookups;
mod query;
pub mod store;
pub mod types;

pub use query::CrmQuery;

/// Which accounts somebody may read.
#[derive(Clone, Debug)]
pub struct Readable {
    /// All of these.
    pub accounts: Reach,
    /// Of these, the brokers.
    pub brokers: Reach,
}

impl Readable {
    /// Which accounts the caller may read.
    #[must_use]
    pub fn by(op: &Op) -> Self {
        Self { accounts: op.sees(Permission::ReadAccounts), brokers: op.sees(Permission::ReadBrokers) }
    }

    /// Which accounts the caller may read when they act in a name: for that call, the rights of an absent
    /// person alone count.
    #[must_use]
    pub fn acting(op: &Op, name: InNameOf) -> Self {
        Self { accounts: op.acts(Permission::ReadAccounts, name), brokers: op.acts(Permission::ReadBrokers, name) }
    }
}

/// An account by key, where the caller may read it: what one may not read does not exist.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, loaders: &Loaders, id: AccountId) -> Result<Option<account::Model>> {
    let Some(account) = loaders.find(id).await? else { return Ok(None) };
    let place = place(&account);
    let Readable { accounts, brokers } = Readable::by(op);
    let is_readable =
        accounts.covers(&place) || (brokers.covers(&place) && loaders.find(lookups::BrokerOf(id)).await?.is_some());
    Ok(is_readable.then_some(account))
}

/// Whether an account is a broker whom the caller may read when they act in a name.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_readable_broker(op: &Op, conn: &Conn, name: InNameOf, id: AccountId) -> Result<bool> {
    let account = store::accounts(conn, &[id]).await?.pop();
    let is_broker = !store::brokers(conn, &[id]).await?.is_empty();
    let Readable { accounts, brokers } = Readable::acting(op, name);
    let is_readable = |account: account::Model| {
        let place = place(&account);
        accounts.covers(&place) || brokers.covers(&place)
    };
    Ok(is_broker && account.is_some_and(is_readable))
}

/// Where an account belongs.
fn place(account: &account::Model) -> Place {
    let account::Model { portfolio_owner_id, delegation_id, region_id, .. } = *account;
    Place { owner: portfolio_owner_id, delegation: Some(delegation_id), region: Some(region_id) }
}

/// A site by key, where the caller may read its account.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable_site(op: &Op, loaders: &Loaders, id: SiteId) -> Result<Option<site::Model>> {
    let Some(site) = loaders.find(id).await? else { return Ok(None) };
    Ok(readable(op, loaders, site.account_id).await?.map(|_| site))
}

/// Whether a broker is enrolled in the company-wide challenge programme on a day (O-7).
#[must_use]
pub fn in_programme(broker: &broker::Model, day: NaiveDate) -> bool {
    broker.programme_from.is_some_and(|first| first <= day) && broker.programme_to.is_none_or(|last| day <= last)
}
