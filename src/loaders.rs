//! Batched look-ups of what many rows point to: one statement per kind of object and level.
//!
//! A look-up is made when its request can go no further without it, not before: only then everybody who
//! asks for that kind of object has asked. It is made by the request's own task ([`along_with`]):
//! handed to another thread it would begin too soon, and cost more than the statement. What was found is
//! known for the rest of a query, and in a mutation until its next field.

use std::{
    any::{Any, TypeId},
    cell::RefCell,
    collections::HashMap,
    fmt::Debug,
    future::poll_fn,
    hash::Hash,
    mem::take,
    panic::AssertUnwindSafe,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll, Wake, Waker},
};

use ::entity::{
    budgets::{envelope, goodwill},
    catalog::article,
    crm::{account, contact, site},
    forecast::quota,
    identity::{delegation, person, region, role},
    vocabulary::{
        AccountId, ArticleId, ContactId, DelegationId, EnvelopeId, GoodwillId, PersonId, QuotaId, RegionId, SiteId,
        WebhookId,
    },
    webhooks::webhook,
};
use async_graphql::{Context, dataloader::Loader};
use futures_util::{
    FutureExt,
    future::BoxFuture,
    stream::{FuturesUnordered, StreamExt},
};
use parking_lot::Mutex;
use sea_orm::DbErr;
use tokio::task::coop::has_budget_remaining;

use crate::{
    budgets, catalog, crm,
    error::{Error, Result},
    forecast, identity,
    op::Op,
    webhooks,
};

/// Most keys to one statement; SQLite takes 32 766 parameters.
const BATCH: usize = 1000;

/// The look-ups of one request.
pub struct Loaders(Mutex<Arc<Shelves<Reader>>>);

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
        Self(Mutex::new(Shelves::of(Reader(op.clone()))))
    }

    /// The look-ups of the request that a resolver belongs to.
    pub fn of<'c>(ctx: &'c Context<'_>) -> &'c Self {
        ctx.data_unchecked::<Self>()
    }

    /// Forgets what was found: something is going to change. What is still looked up, nobody will see.
    pub(crate) fn forget(&self) {
        let mut shelves = self.0.lock();
        let reader = Reader(shelves.reader.0.clone());
        *shelves = Shelves::of(reader);
    }

    /// What a key points to, which a foreign key says is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn one<K: Key>(&self, key: K) -> Result<<Reader as Loader<K>>::Value>
    where
        Reader: Loader<K, Error = Arc<DbErr>>,
    {
        let found = self.find(key.clone()).await?;
        found.ok_or_else(|| Error::defect(format!("{key:?} is pointed to and not there")))
    }

    /// What a key points to, where it is there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn find<K: Key>(&self, key: K) -> Result<Option<<Reader as Loader<K>>::Value>>
    where
        Reader: Loader<K, Error = Arc<DbErr>>,
    {
        let shelves = self.0.lock().clone();
        shelves.find(key).await.map_err(|error| Arc::unwrap_or_clone(error).into())
    }

    /// What an optional key points to.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn optional<K: Key>(&self, key: Option<K>) -> Result<Option<<Reader as Loader<K>>::Value>>
    where
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

/// A look-up fails as the database does.
pub(crate) fn failed(error: Error) -> Arc<DbErr> {
    Arc::new(match error {
        Error::Busy(error) | Error::Away(error) => error,
        other => DbErr::Custom(other.to_string()),
    })
}

/// What can be looked up.
pub trait Key: Send + Sync + Hash + Eq + Clone + Debug + 'static {}

impl<K: Send + Sync + Hash + Eq + Clone + Debug + 'static> Key for K {}

/// What is known in a request, a shelf for each kind of key.
struct Shelves<L> {
    reader: L,
    shelves: Mutex<HashMap<TypeId, Box<dyn Any + Send>>>,
}

/// What is known of one kind of key.
struct Shelf<K, V> {
    places: HashMap<K, Place<V>>,
    /// The keys that nobody has begun to look up.
    asked: Vec<K>,
}

/// What is known of one key.
enum Place<V> {
    /// These wait for it.
    Awaited(Vec<Waker>),
    /// What the database says.
    Known(Answer<V>),
}

type Answer<V> = Result<Option<V>, Arc<DbErr>>;

impl<L: Send + Sync + 'static> Shelves<L> {
    fn of(reader: L) -> Arc<Self> {
        Arc::new(Self { reader, shelves: Mutex::default() })
    }

    fn with_shelf<K: Key, V: Send + 'static, T>(&self, work: impl FnOnce(&mut Shelf<K, V>) -> Option<T>) -> Option<T> {
        let mut shelves = self.shelves.lock();
        let empty = || Box::new(Shelf::<K, V> { places: HashMap::new(), asked: Vec::new() });
        let shelf = shelves.entry(TypeId::of::<K>()).or_insert_with(|| empty());
        shelf.downcast_mut().and_then(work)
    }

    async fn find<K: Key>(self: &Arc<Self>, key: K) -> Answer<L::Value>
    where
        L: Loader<K, Error = Arc<DbErr>>,
    {
        // Where among those who wait for the key.
        let mut turn = None;
        poll_fn(|cx| self.with_shelf(|shelf| shelf.poll(&key, &mut turn, cx, self)).map_or(Poll::Pending, Poll::Ready))
            .await
    }

    /// Looks up all that was asked for until now.
    async fn look_up<K: Key>(self: Arc<Self>)
    where
        L: Loader<K, Error = Arc<DbErr>>,
    {
        let asked = self.with_shelf(|shelf: &mut Shelf<K, L::Value>| Some(take(&mut shelf.asked)));
        for keys in asked.unwrap_or_default().chunks(BATCH) {
            let panicked = |_| Err(Arc::new(DbErr::Custom("a look-up panicked".to_owned())));
            let found = AssertUnwindSafe(self.reader.load(keys)).catch_unwind().await.unwrap_or_else(panicked);
            self.with_shelf(|shelf| {
                shelf.fill(keys, found);
                Some(())
            });
        }
    }
}

impl<K: Key, V: Clone + Send + 'static> Shelf<K, V> {
    /// What is known of a key; nothing while it is looked up.
    fn poll<L>(
        &mut self,
        key: &K,
        turn: &mut Option<usize>,
        cx: &mut task::Context<'_>,
        shelves: &Arc<Shelves<L>>,
    ) -> Option<Answer<V>>
    where
        L: Loader<K, Value = V, Error = Arc<DbErr>>,
    {
        match (self.places.get_mut(key), *turn) {
            (Some(Place::Known(answer)), _) => return Some(answer.clone()),
            (Some(Place::Awaited(wakers)), Some(turn)) => {
                if let Some(waker) = wakers.get_mut(turn) {
                    waker.clone_from(cx.waker());
                }
            }
            (Some(Place::Awaited(wakers)), None) => {
                *turn = Some(wakers.len());
                wakers.push(cx.waker().clone());
            }
            (None, _) => {
                *turn = Some(0);
                self.places.insert(key.clone(), Place::Awaited(vec![cx.waker().clone()]));
                if self.asked.is_empty() {
                    begin(shelves.clone().look_up::<K>().boxed());
                }
                self.asked.push(key.clone());
            }
        }
        None
    }

    /// Puts what was found in its place, and wakes those who wait for it.
    fn fill(&mut self, keys: &[K], mut found: Result<HashMap<K, V>, Arc<DbErr>>) {
        for key in keys {
            let answer = match &mut found {
                Ok(found) => Ok(found.remove(key)),
                Err(error) => Err(error.clone()),
            };
            if let Some(Place::Awaited(wakers)) = self.places.insert(key.clone(), Place::Known(answer)) {
                wakers.into_iter().for_each(Waker::wake);
            }
        }
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

/// Tells whether work that rests has already been called again.
struct Bell {
    task: Waker,
    called: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.called.store(true, Ordering::SeqCst);
        self.task.wake_by_ref();
    }
}

/// Does some work, and whenever it can go no further, the look-ups that it asked for: those of a level
/// together, and those of the next one when they are done. Long lists rest before they have gone through
/// all of their items, to let others work: that they call themselves again tells them from those that wait.
pub(crate) async fn along_with<T>(work: impl Future<Output = T>) -> T {
    let both = async {
        let mut work = pin!(work);
        let mut begun = FuturesUnordered::new();
        poll_fn(|cx| {
            let bell = Arc::new(Bell { task: cx.waker().clone(), called: AtomicBool::new(false) });
            let waker = Waker::from(bell.clone());
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(&mut task::Context::from_waker(&waker)) {
                    return Poll::Ready(done);
                }
                if bell.called.swap(false, Ordering::SeqCst) {
                    if has_budget_remaining() {
                        continue;
                    }
                    return Poll::Pending;
                }
                if begun.is_empty() {
                    begun.extend(ERRANDS.with(RefCell::take));
                }
                // Something was found: the work may go on.
                let Poll::Ready(Some(())) = begun.poll_next_unpin(cx) else { return Poll::Pending };
            }
        })
        .await
    };
    ERRANDS.scope(RefCell::default(), both).await
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
    ContactId => contact::Model, crm::store::contacts;
    ArticleId => article::Model, catalog::store::articles;
    EnvelopeId => envelope::Model, budgets::store::envelopes_by_key;
    GoodwillId => goodwill::Model, budgets::store::gestures_by_key;
    QuotaId => quota::Model, forecast::store::quotas_by_key;
    WebhookId => webhook::Model, webhooks::store::by_key;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use futures_util::future::{join_all, try_join_all};

    use super::*;

    /// Counts how often it is asked.
    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Loader<u32> for Counting {
        type Value = u32;
        type Error = Arc<DbErr>;

        async fn load(&self, keys: &[u32]) -> Result<HashMap<u32, u32>, Arc<DbErr>> {
            let round = self.0.fetch_add(1, Ordering::SeqCst);
            for _ in 0..round % 3 {
                tokio::task::yield_now().await;
            }
            match keys {
                [0] => panic!("asked for nothing"),
                [1] => Err(Arc::new(DbErr::Custom("broken".to_owned()))),
                _ => Ok(keys.iter().filter(|key| **key < 3000).map(|key| (*key, key + 1000)).collect()),
            }
        }
    }

    fn counting() -> Arc<Shelves<Counting>> {
        Shelves::of(Counting::default())
    }

    fn times(shelves: &Shelves<Counting>) -> u32 {
        shelves.reader.0.load(Ordering::SeqCst)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn all_of_a_level_are_looked_up_at_once() {
        for _ in 0..200 {
            let shelves = counting();
            // Two levels, what was found being a key again, and every key asked for twice.
            let twice = |key: u32| {
                let shelves = &shelves;
                async move {
                    let found = shelves.find(key / 2 + 10).await.unwrap().unwrap();
                    std::thread::yield_now();
                    shelves.find(found).await.unwrap()
                }
            };
            let found = along_with(join_all((0..100).map(twice))).await;
            assert_eq!(found, (0..100).map(|key| Some(key / 2 + 2010)).collect::<Vec<_>>());
            assert_eq!(times(&shelves), 2);
        }
    }

    #[tokio::test]
    async fn lists_of_lists_are_looked_up_at_once_however_long() {
        let shelves = counting();
        let row = |key: u32| {
            let shelves = &shelves;
            let cell = move |cell: u32| async move { shelves.find(key * 40 + cell).await.unwrap() };
            try_join_all((0..40).map(move |number| async move { Ok::<_, ()>(cell(number).await) }))
        };
        let found = along_with(try_join_all((0..60).map(row))).await.unwrap();
        assert_eq!(found.concat(), (0..2400).map(|key| Some(key + 1000)).collect::<Vec<_>>());
        assert_eq!(times(&shelves), 3, "in batches of a thousand");
    }

    #[tokio::test]
    async fn a_key_that_is_being_looked_up_is_not_looked_up_again() {
        let shelves = counting();
        let late = async {
            tokio::task::yield_now().await;
            shelves.find(2).await
        };
        let (early, late) = along_with(async { tokio::join!(shelves.find(2), late) }).await;
        assert_eq!((early.unwrap(), late.unwrap(), times(&shelves)), (Some(1002), Some(1002), 1));
        assert_eq!(shelves.find(2).await.unwrap(), Some(1002));
        assert_eq!(times(&shelves), 1);
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_a_failure() {
        let shelves = counting();
        let (one, other) = along_with(async { tokio::join!(shelves.find(1), shelves.find(1)) }).await;
        assert!(one.unwrap_err().to_string().contains("broken"));
        assert!(other.is_err());
        assert!(along_with(shelves.find(0)).await.is_err());
        assert_eq!(along_with(shelves.find(5000)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn look_ups_without_a_request_are_made_too() {
        assert_eq!(counting().find(2).await.unwrap(), Some(1002));
    }
}
