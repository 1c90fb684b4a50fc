//! `orderBy` of a list (G-17): an enum list, in which what comes first decides first.

use sea_orm::sea_query::{Order, SimpleExpr};

use super::connection::{KeyValue, SortKey};

/// A value of an `orderBy` enum.
pub trait ListOrder: Copy + PartialEq {
    /// The rows of the list.
    type Row;

    /// The order of whoever does not ask for one.
    const USUAL: Self;

    /// Ascending or descending.
    fn direction(self) -> Order;

    /// By what, in that direction.
    fn key(self) -> SortKey;

    /// What a row has there.
    fn value(self, row: &Self::Row) -> KeyValue;
}

/// An order of a list in which no two rows are equal.
#[derive(Debug)]
pub struct Sorting<O>(Vec<O>);

impl<O: ListOrder> Sorting<O> {
    /// By what is asked for, else the usual way. What is asked for twice decides once.
    #[must_use]
    pub fn new(asked: Option<Vec<O>>) -> Self {
        let mut orders: Vec<O> = Vec::new();
        for order in asked.unwrap_or_default() {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        if orders.is_empty() {
            orders.push(O::USUAL);
        }
        Self(orders)
    }

    /// The one order that it consists of, where there is no second.
    #[must_use]
    pub fn only(&self) -> Option<O> {
        match self.0.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Its keys; the last one is the row's own key, in the direction of the one before it, as indexes
    /// have it.
    #[must_use]
    pub fn keys(&self, id: impl Into<SimpleExpr>) -> Vec<SortKey> {
        let last = self.0.last().map_or(Order::Asc, |order| order.direction());
        self.0.iter().map(|order| order.key()).chain([SortKey::number(id, last)]).collect()
    }

    /// What a row has there.
    #[must_use]
    pub fn values(&self, row: &O::Row, id: i64) -> Vec<KeyValue> {
        self.0.iter().map(|order| order.value(row)).chain([KeyValue::Number(id)]).collect()
    }
}
