//! The way of every transition of every workflow: fetch for the action, check version and step, judge, then
//! write object, queues and event in the one open transaction (O-27).
//!
//! ```text
//! take ──AtHand──▶ judge ──▶ (what the object becomes: pure) ──▶ settle ──▶ row · work_item · event
//! ```
//! What a context moves beside these (money, stock, files) it writes between the two.

use std::{fmt::Debug, future::Future, hash::Hash};

use ::entity::vocabulary::EnvelopeId;
use chrono::{DateTime, Utc};
use sea_orm::{Condition, DbErr, EntityTrait, QueryFilter, Value};
use serde_json::{Map, Value as Json};

use crate::{
    action::Call,
    authz::{Permission, Place, Reach},
    db::{Conn, Lock},
    error::{Error, Result},
    graphql::id,
    op::Op,
    outbox::{self, Event, Subject},
    record::{Changed, Versioned, advance},
    refusal::{Done, refused, unless_refused},
    version, work_queue,
    workflow::{Action, Actor, StatusOf, Workflow, at_step},
};

/// A workflow whose objects are rows with a version, a place in the queues and events.
pub trait Tracked: Workflow {
    /// The table of its objects.
    type Entity: Versioned<Model = Self::Object>;
    /// Their key.
    type Key: id::Key + Eq + Hash + Debug + Into<Value>;
    /// What one statement fetches: the object, with what it is always judged by.
    type Found: Clone + Send + Sync + 'static;

    /// Name of the objects' type in the schema: what their events are about.
    const TYPE: &'static str = <Self::Key as id::Key>::TYPE;
    /// What permits reading them.
    const READ: Permission;
    /// The columns that every change changes, and its event does not tell.
    const SILENT: &'static [<Self::Entity as EntityTrait>::Column];

    /// What matches a condition, whoever asks.
    fn find(conn: &Conn, condition: Condition) -> impl Future<Output = Result<Vec<Self::Found>, DbErr>> + Send;

    /// The object in what was fetched.
    fn object(found: &Self::Found) -> &Self::Object;

    /// The rows within a reach.
    fn within(reach: &Reach) -> Condition;

    /// Its key.
    fn key(object: &Self::Object) -> Self::Key;

    /// Its version.
    fn version(object: &Self::Object) -> i64;

    /// Gives the changed object its next version, and the moment since when it stands where it does.
    fn raise(after: &mut Self::Object, before: &Self::Object, now: DateTime<Utc>);

    /// A status as events name it.
    fn status_code(status: StatusOf<Self>) -> &'static str;

    /// Its name in the queues.
    fn subject(object: &Self::Object) -> work_queue::Subject;

    /// What it waits for.
    fn items(object: &Self::Object) -> Vec<work_queue::Item>;

    /// What the rules have to know about some objects, in the order of these: in as many statements however many
    /// there are. It is asked for one action, or for all of them where none is named; it is locked until the end of
    /// the transaction where the action may change it.
    fn facts(
        op: &Op,
        conn: &Conn,
        lock: Lock,
        action: Option<Self::Action>,
        found: &[Self::Found],
    ) -> impl Future<Output = Result<Vec<Self::Facts>>> + Send;

    /// The object as the rules see it.
    fn seen(object: &Self::Object, _facts: &Self::Facts) -> Self::Object {
        object.clone()
    }
}

/// An object at hand, with everything that the rules have to know.
pub struct AtHand<W: Workflow> {
    /// As it is stored.
    pub stored: W::Object,
    /// As the rules see it.
    pub object: W::Object,
    /// What the rules have to know beside it.
    pub facts: W::Facts,
    /// Who acts.
    pub actor: Actor,
}

/// Where an object belongs, whoever asks; nothing where it is not there.
///
/// # Errors
/// When the database cannot be read.
pub async fn place_of<W: Tracked>(conn: &Conn, key: W::Key) -> Result<Option<Place>, DbErr> {
    let found = W::find(conn, W::Entity::among([key])).await?.pop();
    Ok(found.map(|found| W::place(W::object(&found))))
}

/// What is found by its key for one of some permissions, in the name that the call says.
///
/// # Errors
/// [`Error::NotFound`] where it may not be read, [`Error::Forbidden`] where none of the permissions reaches it.
pub async fn fetch<W: Tracked>(
    op: &Op,
    conn: &Conn,
    call: &Call,
    key: W::Key,
    permissions: impl IntoIterator<Item = Permission> + Send,
) -> Result<W::Found> {
    let readable = W::within(&op.acts(W::READ, call.name()));
    let found = W::find(conn, W::Entity::among([key]).add(readable)).await?.pop().ok_or(Error::NotFound)?;
    let place = W::place(W::object(&found));
    let reached = permissions.into_iter().any(|permission| op.acts(permission, call.name()).covers(&place));
    if reached { Ok(found) } else { Err(Error::Forbidden) }
}

/// Fetches an object for an action and checks, in this order and each alone: that it may be read, that the action
/// reaches it, that it is the version the caller saw, and that it is at the caller's step.
///
/// # Errors
/// What of this does not hold, or when the database cannot be read.
pub async fn take<W: Tracked>(
    op: &Op,
    conn: &Conn,
    call: &Call,
    key: W::Key,
    action: W::Action,
) -> Done<AtHand<W>, W::Refusal> {
    let permissions: Vec<Permission> = action.steps().iter().map(|step| step.permission).collect();
    let found = fetch::<W>(op, conn, call, key, permissions).await?;
    let stored = W::object(&found).clone();
    version::check(conn, call, Some(about::<W>(&stored)), W::version(&stored)).await?;
    let place = W::place(&stored);
    if let Err(refusal) = at_step::<W>(action, &stored, |permission| op.acts(permission, call.name()).covers(&place)) {
        return refused(refusal);
    }
    let facts = W::facts(op, conn, Lock::Yes, Some(action), &[found]).await?.pop().unwrap_or_default();
    let actor = Actor { person: op.me()?, name: call.name() };
    let object = W::seen(&stored, &facts);
    Ok(AtHand { stored, object, facts, actor })
}

impl<W: Workflow> AtHand<W> {
    /// Goes on only where no rule refuses the action, and nothing else (`also`) does.
    ///
    /// # Errors
    /// Every reason why not.
    pub fn judge(&self, op: &Op, action: W::Action, mut also: Vec<W::Refusal>) -> Done<(), W::Refusal> {
        also.extend(W::blockers(action, &self.object, &self.facts, self.actor, op.today()));
        unless_refused(also)
    }
}

/// What an event tells beside the change of the object itself.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Such as `order.submitted`.
    pub kind: &'static str,
    /// Reason given.
    pub reason: Option<String>,
    /// What changed beside the object's own columns.
    pub changes: Map<String, Json>,
}

impl Told {
    /// An event of a kind.
    #[must_use]
    pub fn kind(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// With a reason.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// With something else that changed.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.changes.insert(name.to_owned(), value.into());
        self
    }

    /// With something else, where it changed.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<Json>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// Writes the object's new state with everything that follows from it: queues and event. The event names the
/// envelopes that the context moved money on before.
///
/// # Errors
/// [`crate::action::Common::Conflict`] where somebody else was faster, or when the database cannot be written.
pub async fn settle<W: Tracked>(
    op: &Op,
    conn: &Conn,
    call: &Call,
    at_hand: &AtHand<W>,
    mut after: W::Object,
    told: Told,
    envelopes: Vec<EnvelopeId>,
) -> Done<W::Object, W::Refusal> {
    let before = &at_hand.stored;
    W::raise(&mut after, before, op.now);
    let changed = Changed::<W::Entity>::between(before, &after);
    if !advance(conn, before, &changed).await? {
        return overtaken::<W, _>(conn, before).await;
    }
    let mut changes = changed.as_json(W::SILENT);
    changes.extend(told.changes);
    let mut event = Event::new(told.kind, about::<W>(before));
    event.from = Some(W::status_code(W::status(before)));
    event.to = Some(W::status_code(W::status(&after)));
    event.reason = told.reason;
    event.changes = changes.into();
    event.queue = work_queue::moved(conn, W::subject(before), &W::items(before), &W::items(&after)).await?;
    event.envelopes = envelopes;
    outbox::record(op, conn, call, event).await?;
    Ok(after)
}

/// Writes what follows from an object that was just added: queues and event.
///
/// # Errors
/// When the database cannot be written.
pub async fn begin<W: Tracked>(op: &Op, conn: &Conn, call: &Call, object: &W::Object, told: Told) -> Result<()> {
    let mut event = Event::new(told.kind, about::<W>(object));
    event.to = Some(W::status_code(W::status(object)));
    event.reason = told.reason;
    event.changes = told.changes.into();
    event.queue = work_queue::moved(conn, W::subject(object), &[], &W::items(object)).await?;
    outbox::record(op, conn, call, event).await?;
    Ok(())
}

/// Somebody else was faster: the version to look at is theirs.
async fn overtaken<W: Tracked, T>(conn: &Conn, before: &W::Object) -> Done<T, W::Refusal> {
    let stands = W::Entity::find().filter(W::Entity::among([W::key(before)])).one(conn).await?;
    let current = stands.as_ref().map_or_else(|| W::version(before), W::version);
    version::overtaken(conn, Some(about::<W>(before)), W::version(before), current).await
}

/// Whose events they are.
fn about<W: Tracked>(object: &W::Object) -> Subject {
    Subject { kind: W::TYPE, id: id::Key::raw(W::key(object)) }
}
