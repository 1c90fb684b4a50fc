//! Batched look-ups of deals and what belongs to them.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    sales::{opportunity, oppy_document},
    vocabulary::OpportunityId,
};
use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use super::store;
use crate::loaders::Reader;

/// Asks for a deal that the caller may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Readable(pub OpportunityId);

/// Asks for a deal's documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct DocumentsOf(pub OpportunityId);

impl Loader<Readable> for Reader {
    type Value = opportunity::Model;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[Readable]) -> Result<HashMap<Readable, Self::Value>, Self::Error> {
        let ids: Vec<OpportunityId> = keys.iter().map(|key| key.0).collect();
        let rows = store::readable(&self.0, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (Readable(row.id), row)).collect())
    }
}

impl Loader<DocumentsOf> for Reader {
    type Value = Vec<oppy_document::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[DocumentsOf]) -> Result<HashMap<DocumentsOf, Self::Value>, Self::Error> {
        let ids: Vec<OpportunityId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<DocumentsOf, Self::Value> = HashMap::new();
        for row in store::documents(&self.0.conn(), &ids).await.map_err(Arc::new)? {
            found.entry(DocumentsOf(row.opportunity_id)).or_default().push(row);
        }
        Ok(found)
    }
}
