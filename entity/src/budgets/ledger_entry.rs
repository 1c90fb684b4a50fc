//! The immutable ledger (B-3): balances are sums of these.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{
    BudgetFamily, EnvelopeId, EventId, GoodwillId, LedgerEntryId, LedgerKind, Money, OrderId, PersonId,
};

/// The immutable ledger (B-3): balances are sums of these.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "ledger_entry")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: LedgerEntryId,
    /// Envelope on which the money moved.
    pub envelope_id: EnvelopeId,
    /// Why.
    pub kind: LedgerKind,
    /// Family of the order, where there is one.
    pub family: Option<BudgetFamily>,
    /// How much: positive as its kind says; transfers and claw-backs are signed.
    pub amount: Money,
    /// Order for which it moved.
    pub order_id: Option<OrderId>,
    /// Goodwill gesture for which it moved.
    pub goodwill_id: Option<GoodwillId>,
    /// Event of the decision that moved it, where it was one about the budgets themselves.
    pub decision_id: Option<EventId>,
    /// Who moved it.
    pub author_id: PersonId,
    /// When.
    pub at: DateTimeUtc,
    /// Why, in words.
    pub reason: Option<String>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
