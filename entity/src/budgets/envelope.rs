//! Envelopes with their stored balances (B-1, B-3).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DelegationId, EnvelopeId, EnvelopeKind, Money, PersonId, RegionId};

/// Envelopes with their stored balances (B-1, B-3).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "envelope")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: EnvelopeId,
    /// Budget year.
    pub year: i32,
    /// Whose money it is.
    pub kind: EnvelopeKind,
    /// Region of a regional manager's or a delegate's envelope.
    pub region_id: Option<RegionId>,
    /// Delegation of a delegate's envelope.
    pub delegation_id: Option<DelegationId>,
    /// Delegate whose envelope it is.
    pub person_id: Option<PersonId>,
    /// What was given, moved and clawed back.
    pub allocated: Money,
    /// What is promised to orders.
    pub committed: Money,
    /// What is spent.
    pub consumed: Money,
    /// Committed and consumed by refunds.
    pub used_refund: Money,
    /// Committed and consumed by gift cheques.
    pub used_gift_cheques: Money,
    /// Committed and consumed by the other custom actions.
    pub used_custom: Money,
    /// Committed and consumed by catalogue orders.
    pub used_standard: Money,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
