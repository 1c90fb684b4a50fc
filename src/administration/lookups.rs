//! Batched look-ups of what versions of the policy were.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use crate::{
    authz::{
        history::{self, Past},
        policy,
    },
    loaders::Reader,
};

/// Asks what a version of the policy was; nothing where its lines were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PastOf(pub i64);

impl Loader<PastOf> for Reader {
    type Value = Arc<Past>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[PastOf]) -> Result<HashMap<PastOf, Arc<Past>>, Arc<DbErr>> {
        let versions: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let conn = self.0.conn();
        let mut found = history::of(&conn, &versions).await.map_err(Arc::new)?;
        // What is in force is what decides, whether or not the history has noted it yet.
        if let Some((version, lines)) = policy::in_force(&conn).await.map_err(Arc::new)?
            && versions.contains(&version)
        {
            found.entry(version).or_default().lines = lines;
        }
        Ok(found.into_iter().map(|(version, past)| (PastOf(version), Arc::new(past))).collect())
    }
}
