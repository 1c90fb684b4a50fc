//! Batched look-ups of what belongs to accounts.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    crm::{broker, site},
    vocabulary::AccountId,
};
use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use super::store;
use crate::loaders::Reader;

/// Asks for the broker part of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BrokerOf(pub AccountId);

/// Asks for the sites of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SitesOf(pub AccountId);

impl Loader<BrokerOf> for Reader {
    type Value = broker::Model;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[BrokerOf]) -> Result<HashMap<BrokerOf, Self::Value>, Self::Error> {
        let accounts: Vec<AccountId> = keys.iter().map(|key| key.0).collect();
        let found = store::brokers(&self.0.conn(), &accounts).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|broker| (BrokerOf(broker.account_id), broker)).collect())
    }
}

impl Loader<SitesOf> for Reader {
    type Value = Vec<site::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[SitesOf]) -> Result<HashMap<SitesOf, Self::Value>, Self::Error> {
        let accounts: Vec<AccountId> = keys.iter().map(|key| key.0).collect();
        let mut sites: HashMap<SitesOf, Self::Value> = HashMap::new();
        for site in store::sites_of(&self.0.conn(), &accounts).await.map_err(Arc::new)? {
            sites.entry(SitesOf(site.account_id)).or_default().push(site);
        }
        Ok(sites)
    }
}
