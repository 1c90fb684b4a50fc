//! Batched look-ups of the audit log.

use std::{collections::HashMap, sync::Arc};

use ::entity::{platform::event, vocabulary::EventId};
use async_graphql::dataloader::Loader;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use super::types::{AuditEntry, EntryId};
use crate::{
    authz::Permission,
    error::Result,
    loaders::{Loaders, Reader},
    op::Op,
};

/// An entry of the log, where the caller may read the log.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, loaders: &Loaders, id: EntryId) -> Result<Option<AuditEntry>> {
    if !op.sees(Permission::AuditLog).all {
        return Ok(None);
    }
    Ok(loaders.find(id).await?.map(AuditEntry))
}

impl Loader<EntryId> for Reader {
    type Value = event::Model;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[EntryId]) -> std::result::Result<HashMap<EntryId, event::Model>, Arc<DbErr>> {
        let ids: Vec<EventId> = keys.iter().map(|key| key.0).collect();
        let found = event::Entity::find().filter(event::Column::Id.is_in(ids)).all(&self.0.conn()).await;
        Ok(found.map_err(Arc::new)?.into_iter().map(|row| (EntryId(row.id), row)).collect())
    }
}

/// Asks for the seal of the event at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SealAt(pub i64);

impl Loader<SealAt> for Reader {
    type Value = String;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[SealAt]) -> std::result::Result<HashMap<SealAt, String>, Arc<DbErr>> {
        let found: Vec<(i64, String)> = event::Entity::find()
            .select_only()
            .columns([event::Column::Position, event::Column::Seal])
            .filter(event::Column::Position.is_in(keys.iter().map(|key| key.0)))
            .filter(event::Column::Seal.is_not_null())
            .into_tuple()
            .all(&self.0.conn())
            .await
            .map_err(Arc::new)?;
        Ok(found.into_iter().map(|(position, seal)| (SealAt(position), seal)).collect())
    }
}
