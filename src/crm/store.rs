//! All SQL of the context.

use ::entity::{
    crm::{account, broker, site},
    vocabulary::{AccountId, SiteId},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Select, sea_query::Query,
};

use super::Readable;
use crate::authz::Reach;

/// Accounts by key, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn accounts(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<account::Model>, DbErr> {
    account::Entity::find().filter(account::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The broker parts of accounts; an account that is no broker has none.
///
/// # Errors
/// When the database cannot be read.
pub async fn brokers(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<broker::Model>, DbErr> {
    broker::Entity::find().filter(broker::Column::AccountId.is_in(ids.iter().copied())).all(conn).await
}

/// Sites by key, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn sites(conn: &impl ConnectionTrait, ids: &[SiteId]) -> Result<Vec<site::Model>, DbErr> {
    site::Entity::find().filter(site::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The sites of accounts, in the order of their names.
///
/// # Errors
/// When the database cannot be read.
pub async fn sites_of(conn: &impl ConnectionTrait, ids: &[AccountId]) -> Result<Vec<site::Model>, DbErr> {
    site::Entity::find()
        .filter(site::Column::AccountId.is_in(ids.iter().copied()))
        .order_by_asc(site::Column::Name)
        .order_by_asc(site::Column::Id)
        .all(conn)
        .await
}

/// The accounts that somebody may read, of those that a condition selects.
#[must_use]
pub(super) fn readable(readable: &Readable, wanted: Condition) -> Select<account::Entity> {
    use account::Column::{DelegationId, Id, PortfolioOwnerId, RegionId};
    let Readable { accounts, brokers } = readable;
    let within = |reach: &Reach| reach.condition(PortfolioOwnerId, DelegationId, RegionId);
    let mut any = Condition::any().add(within(accounts));
    if !brokers.is_empty() && !accounts.all {
        let ids = Query::select().column(broker::Column::AccountId).from(broker::Entity).to_owned();
        any = any.add(within(brokers).add(Id.in_subquery(ids)));
    }
    account::Entity::find().filter(any).filter(wanted)
}
