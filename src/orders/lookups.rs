//! Batched look-ups of what belongs to orders.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    orders::{attachment, order, order_line, order_result},
    vocabulary::OrderId,
};
use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use super::store;
use crate::loaders::Reader;

/// Declares what can be asked for by an order's key.
macro_rules! asks {
    ($($(#[$doc:meta])* $name:ident => $value:ty, |$reader:ident, $orders:ident| $read:expr);+ $(;)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub OrderId);

        impl Loader<$name> for Reader {
            type Value = $value;
            type Error = Arc<DbErr>;

            async fn load(&self, keys: &[$name]) -> Result<HashMap<$name, $value>, Arc<DbErr>> {
                let $reader = self;
                let ids: Vec<OrderId> = keys.iter().map(|key| key.0).collect();
                let $orders = ids.as_slice();
                let found: Vec<(OrderId, $value)> = $read;
                Ok(found.into_iter().map(|(order, value)| ($name(order), value)).collect())
            }
        }
    )+};
}

asks! {
    /// Asks for an order that the caller may read.
    Readable => order::Model, |reader, orders| {
        let found = store::readable(&reader.0, orders).await.map_err(Arc::new)?;
        found.into_iter().map(|order| (order.id, order)).collect()
    };
    /// Asks for the lines of an order.
    LinesOf => Vec<order_line::Model>, |reader, orders| {
        let lines = store::lines(&reader.0.conn(), orders).await.map_err(Arc::new)?;
        grouped(lines, |line| line.order_id)
    };
    /// Asks how many lines an order has.
    LineCountOf => i64, |reader, orders| {
        store::line_counts(&reader.0.conn(), orders).await.map_err(Arc::new)?
    };
    /// Asks for the attachments of an order.
    AttachmentsOf => Vec<attachment::Model>, |reader, orders| {
        let attachments = store::attachments(&reader.0.conn(), orders).await.map_err(Arc::new)?;
        grouped(attachments, |attachment| attachment.order_id)
    };
    /// Asks for the results of an order.
    ResultsOf => order_result::Model, |reader, orders| {
        let results = store::results(&reader.0.conn(), orders).await.map_err(Arc::new)?;
        results.into_iter().map(|result| (result.order_id, result)).collect()
    };
}

fn grouped<R>(rows: Vec<R>, order: impl Fn(&R) -> OrderId) -> Vec<(OrderId, Vec<R>)> {
    let mut groups: HashMap<OrderId, Vec<R>> = HashMap::new();
    for row in rows {
        groups.entry(order(&row)).or_default().push(row);
    }
    groups.into_iter().collect()
}
