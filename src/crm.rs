//! Accounts, of which brokers are those with a broker part, their sites, and the contacts at them (R-2).
//!
//! ```text
//! account ──< site                 contact ──< contact_link >── account
//!    ├── broker                       └──< contact_point >────────┘
//!    └── portfolio owner, delegation, region: where it and its contacts belong
//! ```
//! The door of the context. [`store`] gives rows by key, whoever asks; [`readable`], [`readable_site`] and
//! [`readable_contact`] only what the caller may read. A contact is read by whoever reads an account at which
//! they are, or were; it is changed by whoever may change an account at which they are today.
//!
//! For what points to accounts: [`is_readable_account`] before a row names one, [`completeness`] where a rule
//! asks what is known of it, [`store::contacts`] for the people named.

use std::collections::HashMap;

use ::entity::{
    crm::{account, broker, contact, contact_link, site},
    vocabulary::{AccountId, ContactId, SiteId},
};
use chrono::NaiveDate;
use futures_util::future::try_join_all;
use sea_orm::ConnectionTrait;

use crate::{
    authz::{InNameOf, Permission, Place, Reach},
    db::Conn,
    error::Result,
    loaders::Loaders,
    op::Op,
};

mod actions;
mod error;
mod filter;
mod lookups;
mod mutation;
mod query;
pub(crate) mod rules;
pub mod store;
pub mod types;

pub use error::Refusal;
pub use mutation::CrmMutation;
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
    let is_broker = !store::brokers(conn, &[id]).await?.is_empty();
    Ok(is_broker && is_readable_account(op, conn, name, id).await?)
}

/// Whether there is an account that the caller may read when they act in a name.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_readable_account(op: &Op, conn: &Conn, name: InNameOf, id: AccountId) -> Result<bool> {
    Ok(readable_account(op, conn, name, id).await?.is_some())
}

/// An account that the caller may read when they act in a name.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable_account(op: &Op, conn: &Conn, name: InNameOf, id: AccountId) -> Result<Option<account::Model>> {
    let Some(account) = store::accounts(conn, &[id]).await?.pop() else { return Ok(None) };
    Ok(may_read(op, conn, name, &account).await?.then_some(account))
}

/// Whether the caller may read an account when they act in a name.
async fn may_read(op: &Op, conn: &Conn, name: InNameOf, account: &account::Model) -> Result<bool> {
    let Readable { accounts, brokers } = Readable::acting(op, name);
    let place = place(account);
    if accounts.covers(&place) {
        return Ok(true);
    }
    Ok(brokers.covers(&place) && !store::brokers(conn, &[account.id]).await?.is_empty())
}

/// What is known of an account, as far as rules ask for it: a deal is not closed on a company without an
/// address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// One of its sites that are still there has a SIRET number.
    pub siret: bool,
    /// One of its sites that are still there has street, postcode and city.
    pub address: bool,
    /// Its line of business is known.
    pub sector: bool,
}

/// What is known of some accounts, in the order of `ids`; an account that is not there is left out. Two
/// statements, however many accounts.
///
/// # Errors
/// When the database cannot be read.
pub async fn completeness(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<(AccountId, Completeness)>> {
    let accounts = store::accounts(conn, ids).await?;
    let mut known: HashMap<AccountId, Completeness> = HashMap::new();
    for account in accounts {
        known.insert(account.id, Completeness { sector: account.sector.is_some(), ..Completeness::default() });
    }
    for site in store::sites_of(conn, ids).await?.into_iter().filter(|site| site.active) {
        if let Some(of_account) = known.get_mut(&site.account_id) {
            of_account.siret |= site.siret.is_some();
            of_account.address |= [&site.street, &site.postcode, &site.city].iter().all(|part| !part.is_empty());
        }
    }
    Ok(ids.iter().filter_map(|id| Some((*id, *known.get(id)?))).collect())
}

/// Where accounts belong, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn places_of(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<Place>> {
    Ok(store::accounts(conn, ids).await?.iter().map(place).collect())
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

/// A contact by key, where the caller may read an account at which they are, or were.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable_contact(op: &Op, loaders: &Loaders, id: ContactId) -> Result<Option<contact::Model>> {
    let Some(contact) = loaders.find(id).await? else { return Ok(None) };
    Ok((!readable_links(op, loaders, id).await?.is_empty()).then_some(contact))
}

/// The places of a contact in the accounts that the caller may read, present and past.
async fn readable_links(op: &Op, loaders: &Loaders, id: ContactId) -> Result<Vec<contact_link::Model>> {
    let links = loaders.find(lookups::LinksOfContact(id)).await?.unwrap_or_default();
    let accounts = try_join_all(links.iter().map(|link| readable(op, loaders, link.account_id))).await?;
    let seen = links.into_iter().zip(accounts).filter_map(|(link, account)| account.map(|_| link));
    Ok(seen.collect())
}

/// Whether a broker is enrolled in the company-wide challenge programme on a day (O-7).
#[must_use]
pub fn in_programme(broker: &broker::Model, day: NaiveDate) -> bool {
    broker.programme_from.is_some_and(|first| first <= day) && broker.programme_to.is_none_or(|last| day <= last)
}
