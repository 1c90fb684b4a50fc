//! The rules of the sales process, from a year on.

use sea_orm::entity::prelude::*;

use crate::vocabulary::Playbook;

/// The rules of the sales process, from a year on.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "playbook")]
pub struct Model {
    /// The first year for which they hold.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: i32,
    /// The rules.
    pub rules: Playbook,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
