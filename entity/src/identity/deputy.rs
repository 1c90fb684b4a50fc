//! Who stands in for whom, from when to when.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DeputyId, PersonId};

/// Who stands in for whom, from when to when.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deputy")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: DeputyId,
    /// Who is away.
    pub absent_id: PersonId,
    /// Who stands in.
    pub deputy_id: PersonId,
    /// First day, inclusive.
    pub first_day: Date,
    /// Last day, inclusive.
    pub last_day: Date,
    /// Who named the deputy.
    pub named_by_id: PersonId,
    /// When it was ended before its last day.
    pub ended_at: Option<DateTimeUtc>,
    /// When it was named.
    pub created_at: DateTimeUtc,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
