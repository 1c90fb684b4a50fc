//! What quotas were from when to when (P-22).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{Money, QuotaId};

/// What a quota was from a moment to a moment.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "quota_figure")]
pub struct Model {
    /// Which quota.
    #[sea_orm(primary_key, auto_increment = false)]
    pub quota_id: QuotaId,
    /// Since when, inclusive.
    #[sea_orm(primary_key, auto_increment = false)]
    pub from_at: DateTimeUtc,
    /// Until when, exclusive; none: until now.
    pub until_at: Option<DateTimeUtc>,
    /// How much; none: nothing, it was taken back.
    pub amount: Option<Money>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
