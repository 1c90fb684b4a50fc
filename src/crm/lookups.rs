//! Batched look-ups of what belongs to accounts and contacts.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use ::entity::{
    crm::{broker, contact_link, contact_point, site},
    vocabulary::{AccountId, ContactId},
};
use async_graphql::dataloader::Loader;
use sea_orm::DbErr;

use super::store;
use crate::loaders::Reader;

/// Declares what can be asked for by the key of an account or a contact.
macro_rules! asks {
    ($($(#[$doc:meta])* $name:ident($id:ty) => $value:ty, |$reader:ident, $ids:ident| $read:expr);+ $(;)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(super) struct $name(pub $id);

        impl Loader<$name> for Reader {
            type Value = $value;
            type Error = Arc<DbErr>;

            async fn load(&self, keys: &[$name]) -> Result<HashMap<$name, $value>, Arc<DbErr>> {
                let $reader = self;
                let ids: Vec<$id> = keys.iter().map(|key| key.0).collect();
                let $ids = ids.as_slice();
                let found: HashMap<$id, $value> = $read;
                Ok(found.into_iter().map(|(id, value)| ($name(id), value)).collect())
            }
        }
    )+};
}

asks! {
    /// Asks for the broker part of an account.
    BrokerOf(AccountId) => broker::Model, |reader, accounts| {
        let brokers = store::brokers(&reader.0.conn(), accounts).await.map_err(Arc::new)?;
        brokers.into_iter().map(|broker| (broker.account_id, broker)).collect()
    };
    /// Asks for the sites of an account.
    SitesOf(AccountId) => Vec<site::Model>, |reader, accounts| {
        let sites = store::sites_of(&reader.0.conn(), accounts).await.map_err(Arc::new)?;
        grouped(sites, |site| Some(site.account_id))
    };
    /// Asks for the addresses and numbers of an account.
    PointsOfAccount(AccountId) => Vec<contact_point::Model>, |reader, accounts| {
        let points = store::points_of_accounts(&reader.0.conn(), accounts).await.map_err(Arc::new)?;
        grouped(points, |point| point.account_id)
    };
    /// Asks for the addresses and numbers of a contact.
    PointsOfContact(ContactId) => Vec<contact_point::Model>, |reader, contacts| {
        let points = store::points_of_contacts(&reader.0.conn(), contacts).await.map_err(Arc::new)?;
        grouped(points, |point| point.contact_id)
    };
    /// Asks for the places of contacts in an account, present and past.
    LinksOfAccount(AccountId) => Vec<contact_link::Model>, |reader, accounts| {
        let links = store::links_of_accounts(&reader.0.conn(), accounts).await.map_err(Arc::new)?;
        grouped(links, |link| Some(link.account_id))
    };
    /// Asks for the places of a contact in accounts, present and past.
    LinksOfContact(ContactId) => Vec<contact_link::Model>, |reader, contacts| {
        let links = store::links_of_contacts(&reader.0.conn(), contacts).await.map_err(Arc::new)?;
        grouped(links, |link| Some(link.contact_id))
    };
}

fn grouped<R, K: Eq + Hash>(rows: Vec<R>, key: impl Fn(&R) -> Option<K>) -> HashMap<K, Vec<R>> {
    let mut groups: HashMap<K, Vec<R>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(&row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}
