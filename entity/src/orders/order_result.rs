//! What an order brought (O-26).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{Money, OrderId, PersonId};

/// The results of an order.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_result")]
pub struct Model {
    /// The order.
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    /// People reached.
    pub contacts_reached: i32,
    /// Appointments made.
    pub appointments: i32,
    /// Quotes made.
    pub quotes: i32,
    /// Contracts signed.
    pub contracts_signed: i32,
    /// Yearly premium of these contracts.
    pub premium_volume: Money,
    /// A comment.
    pub comment: Option<String>,
    /// What could be done better.
    pub improvement_ideas: Option<String>,
    /// When it was recorded or corrected last.
    pub recorded_at: DateTimeUtc,
    /// By whom.
    pub recorded_by_id: PersonId,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
