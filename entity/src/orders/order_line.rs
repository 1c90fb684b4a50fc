//! Lines of standard orders.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{ArticleId, Money, OrderId, OrderLineId};

/// Lines of standard orders.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_line")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: OrderLineId,
    /// Order that it belongs to.
    pub order_id: OrderId,
    /// Place in the order, from 1.
    pub position: i32,
    /// What is ordered.
    pub article_id: ArticleId,
    /// How many pieces.
    pub quantity: i64,
    /// Price of a piece: the catalogue's while a draft, frozen at submission.
    pub unit_price: Money,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
