//! Budget years and the rules that hold in each: every number of the rules is here, none in the code.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{BudgetYearStatus, Money};

/// A budget year.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "budget_year")]
pub struct Model {
    /// The calendar year.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: i32,
    /// Where it stands.
    pub status: BudgetYearStatus,
    /// Standard orders strictly below skip the regional manager (O-20).
    pub auto_standard_below: Money,
    /// Custom orders strictly below skip the regional manager (O-20).
    pub auto_custom_below: Money,
    /// Most of an allocation that refunds may take, in hundredths of a percent (B-5).
    pub refund_maximum: i32,
    /// Most of an allocation that gift cheques may take, in hundredths of a percent (B-5).
    pub gift_cheques_maximum: i32,
    /// Least of an allocation that custom actions take, in hundredths of a percent (B-5).
    pub custom_minimum: i32,
    /// Least of an allocation that standard orders take, in hundredths of a percent (B-5).
    pub standard_minimum: i32,
    /// Last day on which standard orders can be submitted (O-10).
    pub standard_closes_on: Date,
    /// Last day on which custom orders can be submitted (O-10).
    pub custom_closes_on: Date,
    /// Months between the cheques' arrival and the handover receipt (O-8).
    pub receipt_due_months: i32,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
