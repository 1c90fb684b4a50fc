//! Quotas: what a person or a team is to sign in a quarter (P-20).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DelegationId, ForecastLevel, Money, PersonId, Quarter, QuotaId, RegionId};

/// What a person or a team is to sign in a quarter.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quota")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: QuotaId,
    /// In which quarter.
    pub quarter: Quarter,
    /// Whose it is.
    pub level: ForecastLevel,
    /// The person, of a person's.
    pub person_id: Option<PersonId>,
    /// The delegation, of a delegation's.
    pub delegation_id: Option<DelegationId>,
    /// The region, of a region's or a delegation's.
    pub region_id: Option<RegionId>,
    /// How much; none: it was taken back.
    pub amount: Option<Money>,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
