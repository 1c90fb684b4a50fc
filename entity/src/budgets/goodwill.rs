//! Goodwill gestures towards insured members (O-6), charged to the management budget.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DelegationId, GoodwillId, GoodwillStatus, Money, PersonId, RegionId};

/// Goodwill gestures towards insured members (O-6), charged to the management budget.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "goodwill")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: GoodwillId,
    /// Budget year.
    pub year: i32,
    /// Where it stands.
    pub status: GoodwillStatus,
    /// Member to whom the cheque is made out.
    pub member_name: String,
    /// The member's number, where known.
    pub member_number: Option<String>,
    /// Amount.
    pub amount: Money,
    /// Why.
    pub motive: String,
    /// Who asked.
    pub requester_id: PersonId,
    /// For whom they asked, as a deputy or an assistant.
    pub requested_for_id: Option<PersonId>,
    /// Delegation of the requester.
    pub delegation_id: DelegationId,
    /// Region of the requester.
    pub region_id: RegionId,
    /// Who decided.
    pub decided_by_id: Option<PersonId>,
    /// Why it was refused, or a word with the approval.
    pub decision_reason: Option<String>,
    /// Day on which the cheque was paid.
    pub paid_on: Option<Date>,
    /// Number of the cheque.
    pub cheque_number: Option<String>,
    /// When it was asked for.
    pub created_at: DateTimeUtc,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
