//! Rights that may change while an operation lives, and who has to be told.
//!
//! A query or a mutation is over before rights change: its [`Op`] holds the caller as they were when it
//! began. A subscription outlives sign-outs, mandates and policies. So its resolver finds, beside the
//! `Op` it began with, a [`LiveCaller`]: per event it asks for a fresh `Op`, reads and authorises with
//! that one, and hands the event on together with it ([`Live`]), so that the fields below are resolved
//! with the rights and the moment of the event as well:
//!
//! ```ignore
//! async fn work_queue_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Live<Change>>> {
//!     let live = LiveCaller::of(ctx)?;
//!     let mut events = op(ctx).app.outbox.watch();
//!     // per event:
//!     let Some(op) = live.op() else { return }; // nobody is signed in any more
//!     let change = read_and_authorise(&op, &event).await?;
//!     yield Live::new(op, change);
//! }
//! ```
//! All of them go through [`follow`]: a database that is away for a while ends none of them. What many
//! follow is read once and told once, as [`sharing`] says.
//! The connection ends the streams that are no longer valid for the new rights *before* it shows these
//! here, and ends all of them with itself: a stream need not watch for either.

use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};

use ::entity::vocabulary::{Language, PersonId, SessionId};
use async_graphql::{
    Context, ContextSelectionSet, Data, OutputType, Positioned, ServerResult, Value, parser::types::Field,
    registry::Registry,
};
use futures_util::stream::{self, Stream};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::{
    app::App,
    authz::Caller,
    error::{Error, Result},
    graphql::payload::Told,
    loaders,
    op::Op,
};

pub use self::sharing::{Audience, Common, Findings, Fresh, Shape, Shared, Sharing, Tellings};

mod sharing;

/// Pause before a database that did not answer is asked again, the first time.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The caller of a subscription, as they are now. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LiveCaller {
    app: Arc<App>,
    rights: watch::Receiver<Option<Arc<Caller>>>,
    language: Language,
    request_id: Arc<str>,
}

impl LiveCaller {
    /// The caller behind a connection that keeps their rights up to date.
    #[must_use]
    pub fn new(
        app: Arc<App>,
        rights: watch::Receiver<Option<Arc<Caller>>>,
        language: Language,
        request_id: &str,
    ) -> Self {
        Self { app, rights, language, request_id: request_id.into() }
    }

    /// The caller of the subscription that a resolver belongs to.
    ///
    /// # Errors
    /// A defect where the transport gave none.
    pub fn of(ctx: &Context<'_>) -> async_graphql::Result<Self> {
        let defect = || Error::defect("a subscription without a live caller");
        ctx.data_opt::<Self>().cloned().ok_or_else(|| defect().into_graphql(Language::Fr, "-"))
    }

    /// Who is signed in now, with what they may do now; nobody where the session has ended.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Caller>> {
        self.rights.borrow().clone()
    }

    /// An operation of this moment: a fresh `now` and the current rights. Nothing where the session
    /// has ended.
    #[must_use]
    pub fn op(&self) -> Option<Arc<Op>> {
        Some(self.op_of(self.current()?))
    }

    /// An operation of this moment with the rights of [`LiveCaller::current`].
    #[must_use]
    pub fn op_of(&self, caller: Arc<Caller>) -> Arc<Op> {
        Arc::new(Op::new(self.app.clone(), Some(caller), self.language, self.request_id.to_string()))
    }

    /// What followers find out together.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.app.findings
    }

    /// The language in which they are told what happens.
    #[must_use]
    pub const fn language(&self) -> Language {
        self.language
    }

    /// Waits until the rights change; for ever where the connection is gone.
    pub async fn changed(&mut self) {
        if self.rights.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

/// An item of a subscription with the operation that it was read by: its fields are resolved with it.
pub struct Live<T> {
    item: T,
    data: Option<Data>,
}

impl<T> Live<T> {
    /// An item, read and authorised by an operation of [`LiveCaller::op`].
    #[must_use]
    pub fn new(op: Arc<Op>, item: T) -> Self {
        let mut data = Data::default();
        data.insert(loaders::Loaders::new(&op));
        data.insert(op);
        Self { item, data: Some(data) }
    }

    /// An item of which nothing is left to be resolved.
    #[must_use]
    pub const fn finished(item: T) -> Self {
        Self { item, data: None }
    }

    /// The item.
    pub fn item(&self) -> &T {
        &self.item
    }
}

impl<T: std::fmt::Debug> std::fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Live").field(&self.item).finish()
    }
}

impl<T: OutputType> OutputType for Live<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.item.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let Some(data) = &self.data else { return self.item.resolve(ctx, field).await };
        let mut fresh = ctx.clone();
        fresh.execute_data = Some(data);
        self.item.resolve(&fresh, field).await
    }
}

/// What a subscription follows.
pub trait Feed: Send + 'static {
    /// What it gives.
    type Item: Send;

    /// The next item, read and authorised with the rights of this moment; nothing where nobody is signed in
    /// any more.
    ///
    /// # Errors
    /// When it cannot be read. Nothing is lost by it: asked again, it goes on from the same place.
    fn next(&mut self) -> impl Future<Output = Result<Option<Live<Self::Item>>>> + Send;
}

/// The stream of a feed. What passes by itself is waited for; any other error is told and ends the stream.
pub fn follow<F: Feed>(op: Arc<Op>, feed: F) -> impl Stream<Item = async_graphql::Result<Live<F::Item>>> + Send {
    stream::unfold(Some(feed), move |feed| {
        let op = op.clone();
        async move {
            let mut feed = feed?;
            match patiently(&mut feed).await {
                Ok(item) => Some((Ok(item?), Some(feed))),
                Err(error) => Some((Err(error).told(&op), None)),
            }
        }
    })
}

async fn patiently<F: Feed>(feed: &mut F) -> Result<Option<Live<F::Item>>> {
    let mut pause = PAUSE;
    loop {
        match feed.next().await {
            Err(error) if error.passes() => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a subscription waits for the database");
                // Not all of them at the same moment.
                tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            told => return told,
        }
    }
}

/// Whether two callers may do the same on the same records.
#[must_use]
pub fn may_do_the_same(one: &Caller, other: &Caller) -> bool {
    let as_told = |caller: &Caller| (caller.person.clone(), caller.permissions, caller.grants.len());
    as_told(one) == as_told(other)
        && one
            .grants
            .iter()
            .zip(&other.grants)
            .all(|(a, b)| a.through == b.through && a.holder == b.holder && a.rights == b.rights)
}

/// The connections that live as long as somebody's rights do, to be looked at again when these change.
#[derive(Debug, Default)]
pub struct Connections(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: u64,
    people: HashMap<PersonId, HashMap<u64, Connection>>,
}

#[derive(Debug)]
struct Connection {
    session: SessionId,
    bell: Arc<Notify>,
}

/// A place among the [`Connections`], given up when it is dropped.
#[derive(Debug)]
pub struct Seat {
    app: Arc<App>,
    person: PersonId,
    number: u64,
    bell: Arc<Notify>,
}

impl Connections {
    /// Takes a place for a caller, unless they have `most` already.
    #[must_use]
    pub fn enter(app: &Arc<App>, caller: &Caller, most: usize) -> Option<Seat> {
        let mut known = app.connections.0.lock();
        let person = caller.person.id;
        if known.people.get(&person).is_some_and(|theirs| theirs.len() >= most) {
            return None;
        }
        known.last += 1;
        let (number, bell) = (known.last, Arc::new(Notify::new()));
        let connection = Connection { session: caller.session, bell: bell.clone() };
        known.people.entry(person).or_default().insert(number, connection);
        Some(Seat { app: app.clone(), person, number, bell })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().people.values().map(HashMap::len).sum()
    }

    /// Has the connections look at their caller's rights again: those of one session, or all.
    pub fn look_again(&self, session: Option<SessionId>) {
        let known = self.0.lock();
        let all = known.people.values().flat_map(HashMap::values);
        all.filter(|c| session.is_none_or(|session| c.session == session)).for_each(|c| c.bell.notify_one());
    }
}

impl Seat {
    /// Goes on under another session of the same person.
    pub fn change(&self, session: SessionId) {
        let mut known = self.app.connections.0.lock();
        let theirs = known.people.get_mut(&self.person);
        if let Some(connection) = theirs.and_then(|theirs| theirs.get_mut(&self.number)) {
            connection.session = session;
        }
    }

    /// Waits until the caller's rights have to be looked at again.
    pub async fn called(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut known = self.app.connections.0.lock();
        if let Some(theirs) = known.people.get_mut(&self.person) {
            theirs.remove(&self.number);
            if theirs.is_empty() {
                known.people.remove(&self.person);
            }
        }
    }
}
