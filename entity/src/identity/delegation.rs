//! Delegations: the sales offices of a region.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DelegationId, RegionId};

/// Delegations: the sales offices of a region.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "delegation")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: DelegationId,
    /// Short name in codes and files.
    pub code: String,
    /// Name.
    pub name: String,
    /// Region it belongs to.
    pub region_id: RegionId,
    /// Street of the office.
    pub street: String,
    /// Postcode of the office.
    pub postcode: String,
    /// City of the office.
    pub city: String,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
