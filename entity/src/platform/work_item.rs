//! What waits for somebody.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{
    AccountId, DelegationId, GoodwillId, Money, OpportunityId, OrderId, People, PersonId, RegionId, WorkItemId,
    WorkKind,
};

/// What waits for somebody.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "work_item")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: WorkItemId,
    /// What it waits for.
    pub kind: WorkKind,
    /// The order that waits.
    pub order_id: Option<OrderId>,
    /// The goodwill gesture that waits.
    pub goodwill_id: Option<GoodwillId>,
    /// The deal that waits.
    pub opportunity_id: Option<OpportunityId>,
    /// Whose order, gesture or deal it is.
    pub owner_id: PersonId,
    /// Who may not decide on it.
    pub involved: People,
    /// Delegation.
    pub delegation_id: DelegationId,
    /// Region.
    pub region_id: RegionId,
    /// Broker concerned.
    pub broker_id: Option<AccountId>,
    /// Budget year.
    pub year: i32,
    /// Amount at stake.
    pub total: Money,
    /// Since when it waits.
    pub since: DateTimeUtc,
    /// Version of what waits, the `expectedVersion` of a decision.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
