//! The last number given in each series and year: a row lock keeps the numbers gapless.

use sea_orm::entity::prelude::*;

/// A series' counter of a year.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "number_series")]
pub struct Model {
    /// What its numbers begin with, such as `ACOR`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub series: String,
    /// The year that they name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub year: i32,
    /// Last number given.
    pub last: i32,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
