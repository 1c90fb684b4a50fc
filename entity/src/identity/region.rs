//! Regions of the company.

use sea_orm::entity::prelude::*;

use crate::vocabulary::RegionId;

/// Regions of the company.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "region")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: RegionId,
    /// Short name in codes and files.
    pub code: String,
    /// Name.
    pub name: String,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
