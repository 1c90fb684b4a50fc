//! Marketing-action orders.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{
    AccountId, ActionType, Address, Beneficiary, Challenge, CustomDetails, DelegationId, DeliveryMode, Money, OrderId,
    OrderKind, OrderStatus, People, PersonId, RegionId, RrReasons, SiteId,
};

/// Marketing-action orders.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: OrderId,
    /// `ACOR-2026-000123`, gapless per year, given at first submission.
    pub number: Option<String>,
    /// Standard or custom (O-1).
    pub kind: OrderKind,
    /// Custom orders: what for.
    pub action_type: Option<ActionType>,
    /// Budget year.
    pub year: i32,
    /// Where it stands.
    pub status: OrderStatus,
    /// Since when.
    pub status_since: DateTimeUtc,
    /// Delegate whose order it is.
    pub owner_id: PersonId,
    /// Who created it.
    pub author_id: PersonId,
    /// Whom the author stood in for.
    pub authored_for_id: Option<PersonId>,
    /// Who submitted it last.
    pub submitter_id: Option<PersonId>,
    /// Whom the submitter stood in for.
    pub submitted_for_id: Option<PersonId>,
    /// Who may not decide on it: its owner, and everybody who created or submitted it, for whomever.
    pub involved: People,
    /// Delegation of the owner.
    pub delegation_id: DelegationId,
    /// Region of that delegation.
    pub region_id: RegionId,
    /// Broker for whom it is.
    pub broker_id: AccountId,
    /// Site of the broker that it is delivered to.
    pub site_id: Option<SiteId>,
    /// Who benefits.
    pub beneficiary: Beneficiary,
    /// Where it is delivered.
    pub delivery_mode: DeliveryMode,
    /// The free address, or from submission on the copy of whichever was chosen (O-3).
    pub delivery_address: Option<Address>,
    /// Everything together.
    pub total: Money,
    /// What the regional manager pays.
    pub rr_share: Money,
    /// What the broker pays.
    pub partner_share: Money,
    /// The rest: what the owner's envelope pays (O-2).
    pub delegation_share: Money,
    /// What is committed on the owner's envelope.
    pub committed: Money,
    /// What is committed on the regional manager's envelope.
    pub rr_committed: Money,
    /// Cost in the end (O-25).
    pub actual_cost: Option<Money>,
    /// Why the regional manager had to see it (O-20).
    pub rr_reasons: RrReasons,
    /// Whether it skipped the regional manager.
    pub auto_validated: bool,
    /// What a custom action says (O-4).
    pub details: Option<CustomDetails>,
    /// The challenge behind gift cheques (O-7).
    pub challenge: Option<Challenge>,
    /// A title in a few words.
    pub subject: String,
    /// Complementary information.
    pub comment: Option<String>,
    /// Which purposes its valid attachments cover, one bit each (`AttachmentPurpose::bit`).
    pub documents: i32,
    /// Since when all documents that it needs are there.
    pub documents_since: Option<DateTimeUtc>,
    /// Number of proofs sent.
    pub proof_rounds: i32,
    /// Day on which the cheques reached the delegation (O-8).
    pub cheques_received_on: Option<Date>,
    /// Last day for the handover receipt; none once it is there.
    pub receipt_due_on: Option<Date>,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// When it was submitted last.
    pub submitted_at: Option<DateTimeUtc>,
    /// When its gift cheques were released last.
    pub released_at: Option<DateTimeUtc>,
    /// When it was completed.
    pub completed_at: Option<DateTimeUtc>,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
