//! Where people worked before, so that a team of a past day can be told.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DelegationId, PersonId, RegionId};

/// Where somebody worked until they moved: what holds of a moment is the earliest that ended after it, or
/// where they work now.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "former_place")]
pub struct Model {
    /// Who.
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: PersonId,
    /// When they moved.
    #[sea_orm(primary_key, auto_increment = false)]
    pub until_at: DateTimeUtc,
    /// Delegation they worked in until then.
    pub delegation_id: Option<DelegationId>,
    /// Region they managed, or their delegation belonged to, until then.
    pub region_id: Option<RegionId>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
