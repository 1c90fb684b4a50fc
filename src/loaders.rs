//! Batched look-ups of what many rows point to: one statement per kind of object and level.
//!
//! A look-up is made when its request can go no further without it, not before: only then everybody who
//! asks for that kind of object has asked. It is made by the request's own task ([`along_with`]):
//! handed to another thread it would begin too soon, and cost more than the statement.

use std::{
    cell::RefCell, collections::HashMap, future::poll_fn, hash::Hash, pin::pin, sync::Arc, task::Poll, time::Duration,
};

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
use futures_util::{
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt},
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

/// A look-up to be made.
type Errand = BoxFuture<'static, ()>;

tokio::task_local! {
    /// The look-ups that were asked for, and not begun.
    static ERRANDS: RefCell<Vec<Errand>>;
}

/// Leaves a look-up to the request that it is for, or to a task of its own where there is none around it.
fn begin(errand: Errand) {
    let mut errand = Some(errand);
    let _no_request = ERRANDS.try_with(|errands| errands.borrow_mut().extend(errand.take()));
    if let Some(errand) = errand {
        tokio::spawn(errand);
    }
}

/// Does some work, and whenever it can go no further, the look-ups that it asked for.
pub(crate) async fn along_with<T>(work: impl Future<Output = T>) -> T {
    let errands = async {
        let mut work = pin!(work);
        let mut begun = FuturesUnordered::new();
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(done);
                }
                begun.extend(ERRANDS.with(RefCell::take));
                let Poll::Ready(Some(())) = begun.poll_next_unpin(cx) else { return Poll::Pending };
            }
        })
        .await
    };
    ERRANDS.scope(RefCell::default(), errands).await
}

/// Gives a request its look-ups.
pub(crate) fn install(request: async_graphql::Request, op: &Arc<Op>) -> async_graphql::Request {
    request.data(Loaders::new(op))
}

impl Loaders {
    /// Look-ups that read where an operation reads.
    #[must_use]
    pub fn new(op: &Arc<Op>) -> Self {
        Self(DataLoader::new(Reader(op.clone()), begin).delay(Duration::ZERO).max_batch_size(BATCH))
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

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicU32, Ordering},
    };

    use futures_util::future::join_all;

    use super::*;

    /// Counts how often it is asked.
    struct Counting(AtomicU32);

    impl Loader<u32> for Counting {
        type Value = u32;
        type Error = Infallible;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Infallible> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(keys.iter().map(|key| (*key, key + 1000)).collect())
        }
    }

    fn counting() -> DataLoader<Counting> {
        DataLoader::new(Counting(AtomicU32::new(0)), begin).delay(Duration::ZERO)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn all_of_a_level_are_looked_up_at_once() {
        for _ in 0..200 {
            let loader = counting();
            // Two levels: what was found is a key again.
            let twice = |key: u32| {
                let loader = &loader;
                async move {
                    std::thread::yield_now();
                    let found = loader.load_one(key).await.unwrap().unwrap();
                    loader.load_one(found).await.unwrap()
                }
            };
            let found = along_with(join_all((0..100).map(twice))).await;
            assert_eq!(found, (2000..2100).map(Some).collect::<Vec<_>>());
            assert_eq!(loader.loader().0.load(Ordering::SeqCst), 2);
        }
    }

    #[tokio::test]
    async fn look_ups_without_a_request_are_made_too() {
        assert_eq!(counting().load_one(1).await, Ok(Some(1001)));
    }
}
