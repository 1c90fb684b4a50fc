//! Deals.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{
    AccountId, ClientAgreement, CommitteeKind, Contract, DealSheet, Deciders, DecisionContacts, DelegationId,
    ForecastCategory, GoFile, Money, Negotiation, OpportunityId, OppyStage, People, PersonId, Proposal, RegionId,
    SizeClass, Stop, Waits,
};

/// Deals.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "opportunity")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: OpportunityId,
    /// `OPP-2026-000123`, gapless per year.
    pub number: String,
    /// A title in a few words.
    pub subject: String,
    /// The client.
    pub account_id: AccountId,
    /// The client's sector of activity, as its account had it at the last change.
    pub sector: Option<String>,
    /// Who takes part in the client's decision.
    pub contacts: DecisionContacts,
    /// Delegate whose deal it is.
    pub owner_id: PersonId,
    /// Who created it.
    pub author_id: PersonId,
    /// Whom the author stood in for.
    pub authored_for_id: Option<PersonId>,
    /// Who may not decide on it: everybody who owned or created it, for whomever.
    pub involved: People,
    /// Delegation of the owner.
    pub delegation_id: DelegationId,
    /// Region of that delegation.
    pub region_id: RegionId,
    /// Who accepted the committee's request.
    pub engagement_manager_id: Option<PersonId>,
    /// One-off price.
    pub one_off: Option<Money>,
    /// Recurring price of a year.
    pub recurring: Option<Money>,
    /// Services.
    pub services: Option<Money>,
    /// The three together: what decides class, discount and forecast; none where none is known.
    pub amount: Option<Money>,
    /// Day on which the client is expected to sign; from Won on the day of the agreement.
    pub signing_on: Date,
    /// Derived from amount and flags (P-1); none while it is unknown.
    pub size_class: Option<SizeClass>,
    /// Where it stands.
    pub stage: OppyStage,
    /// Since when.
    pub stage_since: DateTimeUtc,
    /// How it counts in the forecast (P-4).
    pub category: ForecastCategory,
    /// The one uncertainty left of a best case.
    pub uncertainty: Option<String>,
    /// Who committed it to its quarter.
    pub committed_by_id: Option<PersonId>,
    /// Complex: at least middle.
    pub complex: bool,
    /// Special bid: large.
    pub special_bid: bool,
    /// Presales have to invest.
    pub presales_investment: bool,
    /// Outside of the standard offer.
    pub out_of_standard: bool,
    /// Somebody asked for a committee.
    pub committee_requested: bool,
    /// The deal sheet.
    pub sheet: DealSheet,
    /// How the Go is come by.
    pub go: GoFile,
    /// The committee that meets next about it.
    pub meeting_kind: Option<CommitteeKind>,
    /// On what day.
    pub meeting_on: Option<Date>,
    /// How the proposal is made and sent.
    pub proposal: Proposal,
    /// How it is negotiated.
    pub negotiation: Negotiation,
    /// The client's formal agreement.
    pub agreement: ClientAgreement,
    /// The checks of the contract documents.
    pub contract: Contract,
    /// Why and from where it was stopped.
    pub stop: Option<Stop>,
    /// On hold: the day on which it goes on its owner's queue.
    pub wake_up_on: Option<Date>,
    /// Who may act for a function on it.
    pub deciders: Deciders,
    /// What it waits for in the queues.
    pub waiting: Waits,
    /// The stages that it has been in, one bit each (`OppyStage::bit`).
    pub passed: i32,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// When somebody last did something about it.
    pub active_at: DateTimeUtc,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
