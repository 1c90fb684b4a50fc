//! Articles of the catalogue.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{ArticleCategory, ArticleId, Money};

/// Articles of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "article")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: ArticleId,
    /// Code.
    pub code: String,
    /// Name.
    pub name: String,
    /// What kind of article it is.
    pub category: ArticleCategory,
    /// A sentence about it.
    pub description: String,
    /// Price of one piece.
    pub unit_price: Money,
    /// Pieces to a pack.
    pub pack_size: i32,
    /// Pieces left; none: unlimited (C-3).
    pub stock: Option<i64>,
    /// First day on which it can be ordered.
    pub valid_from: Date,
    /// Last day on which it can be ordered; none: no end.
    pub valid_to: Option<Date>,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
