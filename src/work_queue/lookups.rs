//! Batched look-ups of items.

use std::{collections::HashMap, sync::Arc};

use ::entity::vocabulary::WorkItemId;
use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use super::{store, types::WorkItem, view::View};
use crate::loaders::Reader;

/// Asks for an item that waits for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Waiting(pub WorkItemId);

impl Loader<Waiting> for Reader {
    type Value = WorkItem;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[Waiting]) -> Result<HashMap<Waiting, WorkItem>, Arc<DbErr>> {
        let ids: Vec<WorkItemId> = keys.iter().map(|key| key.0).collect();
        let view = self.0.caller.as_deref().map(View::of).unwrap_or_default();
        let rows = store::items(&self.0.conn(), &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().filter_map(|row| Some((Waiting(row.id), WorkItem::seen(row, &view)?))).collect())
    }
}
