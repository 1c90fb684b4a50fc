//! Versions of the policy.

use sea_orm::entity::prelude::*;

use crate::vocabulary::PersonId;

/// One version of the policy; the highest is in force.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_version")]
pub struct Model {
    /// Number.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// When it came into force.
    pub changed_at: DateTimeUtc,
    /// Who changed it; none: shipped.
    pub changed_by_id: Option<PersonId>,
    /// Why.
    pub reason: String,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
