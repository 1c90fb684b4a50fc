//! Batched look-ups of what many rows point to: one statement per kind of object and level.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use ::entity::{
    budgets::{envelope, goodwill},
    catalog::article,
    crm::{account, site},
    identity::{delegation, person, region, role},
    vocabulary::{AccountId, ArticleId, DelegationId, EnvelopeId, GoodwillId, PersonId, RegionId, SiteId},
};
use async_graphql::{
    Context,
    dataloader::{DataLoader, Loader},
};
use sea_orm::DbErr;

use crate::{
    budgets, catalog, crm,
    error::{Error, Result},
    identity,
    op::Op,
};

/// Most keys to one statement; SQLite takes 32 766 parameters.
const BATCH: usize = 1000;

/// The look-ups of one request.
pub struct Loaders(DataLoader<Reader>);

/// Reads where the request reads.
pub struct Reader(pub Arc<Op>);

impl std::fmt::Debug for Loaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loaders")
    }
}

/// Gives a request its look-ups.
pub(crate) fn install(request: async_graphql::Request, op: &Arc<Op>) -> async_graphql::Request {
    request.data(Loaders::new(op))
}

impl Loaders {
    /// Look-ups that read where an operation reads.
    #[must_use]
    pub fn new(op: &Arc<Op>) -> Self {
        Self(DataLoader::new(Reader(op.clone()), tokio::spawn).delay(Duration::ZERO).max_batch_size(BATCH))
    }

    /// The look-ups of the request that a resolver belongs to.
    pub fn of<'c>(ctx: &'c Context<'_>) -> &'c Self {
        ctx.data_unchecked::<Self>()
    }

    /// What a key points to, which a foreign key says is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn one<K>(&self, key: K) -> Result<<Reader as Loader<K>>::Value>
    where
        K: Send + Sync + Hash + Eq + Clone + std::fmt::Debug + 'static,
        Reader: Loader<K, Error = Arc<DbErr>>,
    {
        let found = self.find(key.clone()).await?;
        found.ok_or_else(|| Error::defect(format!("{key:?} is pointed to and not there")))
    }

    /// What a key points to, where it is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find<K>(&self, key: K) -> Result<Option<<Reader as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + 'static,
        Reader: Loader<K, Error = Arc<DbErr>>,
    {
        self.0.load_one(key).await.map_err(|error| match Arc::try_unwrap(error) {
            Ok(error) => error.into(),
            Err(shared) => Error::defect(shared.to_string()),
        })
    }

    /// What an optional key points to.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn optional<K>(&self, key: Option<K>) -> Result<Option<<Reader as Loader<K>>::Value>>
    where
        K: Send + Sync + Hash + Eq + Clone + std::fmt::Debug + 'static,
        Reader: Loader<K, Error = Arc<DbErr>>,
    {
        match key {
            Some(key) => self.one(key).await.map(Some),
            None => Ok(None),
        }
    }

    /// The roles that somebody holds.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn roles_of(&self, person: PersonId) -> Result<Vec<role::Model>> {
        Ok(self.find(RolesOf(person)).await?.unwrap_or_default())
    }
}

/// Asks for the roles that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RolesOf(pub PersonId);

impl Loader<RolesOf> for Reader {
    type Value = Vec<role::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[RolesOf]) -> Result<HashMap<RolesOf, Self::Value>, Self::Error> {
        let people: Vec<PersonId> = keys.iter().map(|k| k.0).collect();
        let conn = self.0.conn();
        let all = identity::store::roles(&conn).await.map_err(Arc::new)?;
        let held = identity::store::roles_of(&conn, &people).await.map_err(Arc::new)?;
        let of = |codes: Vec<String>| all.iter().filter(|r| codes.contains(&r.code)).cloned().collect();
        Ok(held.into_iter().map(|(person, codes)| (RolesOf(person), of(codes))).collect())
    }
}

/// Look-ups by key: `by_key! { PersonId => person::Model, identity::store::people }`.
macro_rules! by_key {
    ($($key:ty => $row:ty, $read:path);+ $(;)?) => {$(
        impl Loader<$key> for Reader {
            type Value = $row;
            type Error = Arc<DbErr>;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $row>, Arc<DbErr>> {
                let rows = $read(&self.0.conn(), keys).await.map_err(Arc::new)?;
                Ok(rows.into_iter().map(|row| (row.id, row)).collect())
            }
        }
    )+};
}

by_key! {
    PersonId => person::Model, identity::store::people;
    DelegationId => delegation::Model, identity::store::delegations;
    RegionId => region::Model, identity::store::regions;
    AccountId => account::Model, crm::store::accounts;
    SiteId => site::Model, crm::store::sites;
    ArticleId => article::Model, catalog::store::articles;
    EnvelopeId => envelope::Model, budgets::store::envelopes_by_key;
    GoodwillId => goodwill::Model, budgets::store::gestures_by_key;
}
