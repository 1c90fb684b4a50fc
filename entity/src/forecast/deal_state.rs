//! The states that deals were in, each from a moment to a moment (P-22).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{
    DealStateId, DelegationId, ForecastCategory, Money, OpportunityId, OppyStage, PersonId, Quarter, RegionId,
    SizeClass,
};

/// A state that a deal was in, as far as the forecast can tell it from another.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deal_state")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: DealStateId,
    /// Which deal.
    pub opportunity_id: OpportunityId,
    /// Since when, inclusive.
    pub from_at: DateTimeUtc,
    /// Until when, exclusive; none: until now.
    pub until_at: Option<DateTimeUtc>,
    /// Where it stands.
    pub stage: OppyStage,
    /// How it is forecast.
    pub category: ForecastCategory,
    /// In which column of the board it counts; none: in no column.
    pub counts_as: Option<ForecastCategory>,
    /// What it is worth.
    pub amount: Money,
    /// Expected signing day; the day of the agreement where it is won.
    pub signing_day: Date,
    /// Quarter of that day.
    pub quarter: Quarter,
    /// Whose deal.
    pub owner_id: PersonId,
    /// Delegation that it belongs to.
    pub delegation_id: DelegationId,
    /// Region of that delegation.
    pub region_id: RegionId,
    /// How large; none: not known yet.
    pub size_class: Option<SizeClass>,
    /// The client's sector.
    pub sector: Option<String>,
    /// Code of the reason for which it was stopped.
    pub reason: Option<String>,
    /// Who put it into its category, where that commits somebody.
    pub committed_by_id: Option<PersonId>,
    /// The stages that the deal has been in, as bits.
    pub passed: i32,
    /// The stage of the way that it is in, or was in when it was stopped or put on hold.
    pub way_stage: OppyStage,
    /// Seconds that it had spent in that stage when this state began, on hold not counted.
    pub spent_before: i64,
    /// Whether it entered its stage with this state.
    pub entered: bool,
    /// The stage that it left with this state, on the way or by a stop.
    pub left_stage: Option<OppyStage>,
    /// Seconds that it had spent in the stage that it left.
    pub left_after: Option<i64>,
    /// The quarter that the signing day was put off from with this state.
    pub slipped_from: Option<Quarter>,
    /// When it ended: Closed Won, Lost or No Go; none: it has not.
    pub ended_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
