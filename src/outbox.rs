//! Events, written in the transaction of what they tell: timeline, outbox and audit log in one row
//! (G-21), and from them the live feed of every process.
//!
//! ```text
//! action ──record──▶ event row ──commit──▶ wake ──▶ number (PostgreSQL: behind the commit) ──▶ feed
//! ```
//! A *position* is an event's place in the order of commits. On SQLite there is one writer, so a
//! row has its position at once. On PostgreSQL keys are handed out before commits, so
//! positions are given behind them, by one process at a time, to what it finds committed: a reader
//! that goes on from its last position can miss nothing.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use ::entity::{
    identity::person,
    platform::event,
    vocabulary::{EnvelopeId, EventId},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sqlx::postgres::PgListener,
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::{Instant, timeout},
};

use crate::{
    action::{Call, LastChange},
    app::App,
    db::{Conn, Database},
    error::{Error, Result},
    op::Op,
    work_queue::Moves,
};

pub mod kinds;

/// How many events a slow reader may be behind before it has to catch up from the table.
const BACKLOG: usize = 4096;
/// Events to one statement of a follower who catches up.
const PAGE: u64 = 200;
/// How often the table is looked at though nobody called.
const TICK: Duration = Duration::from_millis(500);
/// How long one look at the table may take.
const PASS: Duration = Duration::from_secs(3);
/// After so long without a complete look, what this process remembers may be wrong.
const LATE: Duration = Duration::from_secs(5);
/// Events that are given their positions at a time.
const BATCH: u32 = 5_000;
/// The channel on which PostgreSQL wakes every process.
const CHANNEL: &str = "sesame_event";
/// The advisory lock of whoever gives positions.
const NUMBERING: i64 = 0x5e5a_3e01;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Name of the type in the schema.
    pub kind: &'static str,
    /// Key.
    pub id: i64,
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Such as `order.submitted`.
    pub kind: &'static str,
    /// To what.
    pub subject: Subject,
    /// Status before.
    pub from: Option<&'static str>,
    /// Status after.
    pub to: Option<&'static str>,
    /// Reason given.
    pub reason: Option<String>,
    /// What changed, field by field.
    pub changes: serde_json::Value,
    /// How the queues changed.
    pub queue: Moves,
    /// Envelopes whose balance changed.
    pub envelopes: Vec<EnvelopeId>,
}

impl Event {
    /// Something that happened to an object.
    #[must_use]
    pub fn new(kind: &'static str, subject: Subject) -> Self {
        Self {
            kind,
            subject,
            from: None,
            to: None,
            reason: None,
            changes: serde_json::Value::Object(serde_json::Map::new()),
            queue: Moves::default(),
            envelopes: Vec::new(),
        }
    }

    /// With what changed.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which is a defect.
    pub fn with_changes(mut self, changes: &impl Serialize) -> Result<Self> {
        self.changes = serde_json::to_value(changes).map_err(|e| Error::Internal(e.into()))?;
        Ok(self)
    }

    /// With what is another than before: each field that differs, with its value before and after.
    ///
    /// # Errors
    /// When it cannot be written as a JSON object, which is a defect.
    pub fn with_difference<T: Serialize>(mut self, before: &T, after: &T) -> Result<Self> {
        let fields = |state: &T| match serde_json::to_value(state) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Error::defect("what is compared is an object")),
            Err(error) => Err(Error::Internal(error.into())),
        };
        let (before, after) = (fields(before)?, fields(after)?);
        let differs = |(name, old): (String, Value)| {
            let new = after.get(&name).cloned().unwrap_or_default();
            (old != new).then(|| (name, json!({ "before": old, "after": new })))
        };
        self.changes = Value::Object(before.into_iter().filter_map(differs).collect());
        Ok(self)
    }
}

/// Writes an event in the open transaction.
///
/// # Errors
/// When the database cannot be written.
pub async fn record(op: &Op, conn: &Conn, call: &Call, event: Event) -> Result<EventId> {
    let Event { kind, subject, from, to, reason, changes, queue, envelopes } = event;
    let json = |value: serde_json::Result<serde_json::Value>| value.map_err(|e| Error::Internal(e.into()));
    let row = event::ActiveModel {
        position: Set(None),
        at: Set(op.now),
        kind: Set(kind.to_owned()),
        actor_id: Set(op.caller.as_ref().map(|c| c.person.id)),
        on_behalf_of_id: Set(call.on_behalf_of),
        roles: Set(acting_roles(op, call)),
        subject_type: Set(subject.kind.to_owned()),
        subject_id: Set(subject.id),
        from_status: Set(from.map(str::to_owned)),
        to_status: Set(to.map(str::to_owned)),
        reason: Set(reason),
        changes: Set(changes),
        queue: Set(json(serde_json::to_value(&queue))?),
        envelopes: Set(json(serde_json::to_value(&envelopes))?),
        policy_version: Set(op.app.policy().version),
        request_id: Set(op.request_id.clone()),
        ..Default::default()
    };
    Ok(event::Entity::insert(row).exec(conn).await?.last_insert_id)
}

fn acting_roles(op: &Op, call: &Call) -> String {
    let grant = op.caller.as_ref().and_then(|caller| caller.grant(call.name()));
    grant.map(|grant| grant.holder.roles.join(" ")).unwrap_or_default()
}

/// The highest position given so far; 0 before the first.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_position(conn: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let highest: Option<Option<i64>> = event::Entity::find()
        .select_only()
        .column_as(event::Column::Position.max(), "position")
        .into_tuple()
        .one(conn)
        .await?;
    Ok(highest.flatten().unwrap_or(0))
}

/// How many events are committed and have no position yet.
///
/// # Errors
/// When the database cannot be read.
pub async fn unnumbered(conn: &impl ConnectionTrait) -> Result<u64, DbErr> {
    event::Entity::find().filter(event::Column::Position.is_null()).count(conn).await
}

/// Events after a position, in the order of commits.
///
/// # Errors
/// When the database cannot be read.
pub async fn since(conn: &impl ConnectionTrait, position: i64, most: u64) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::Position.gt(position))
        .order_by_asc(event::Column::Position)
        .limit(most)
        .all(conn)
        .await
}

/// Everything that happened to some objects, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn about(conn: &impl ConnectionTrait, kind: &str, ids: &[i64]) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::SubjectType.eq(kind))
        .filter(event::Column::SubjectId.is_in(ids.iter().copied()))
        .order_by_asc(event::Column::SubjectId)
        .order_by_asc(event::Column::Id)
        .all(conn)
        .await
}

/// Who changed an object last, and when (O-27).
///
/// # Errors
/// When the database cannot be read.
pub async fn last_change(conn: &impl ConnectionTrait, subject: Subject) -> Result<Option<LastChange>, DbErr> {
    let event = event::Entity::find()
        .filter(event::Column::SubjectType.eq(subject.kind))
        .filter(event::Column::SubjectId.eq(subject.id))
        .order_by_desc(event::Column::Id)
        .one(conn)
        .await?;
    let Some(event::Model { at, actor_id: Some(actor), .. }) = event else { return Ok(None) };
    let person = person::Entity::find_by_id(actor).one(conn).await?;
    Ok(person.map(|person| LastChange { by: format!("{} {}", person.given_name, person.family_name), at }))
}

/// The live feed of this process.
#[derive(Debug)]
pub struct Outbox {
    called: Notify,
    feed: broadcast::Sender<Arc<event::Model>>,
    /// Position up to which the watchers were told; nothing before the start of the feed is known.
    told: watch::Sender<Option<i64>>,
    /// When the table was last looked at completely.
    looked: Mutex<Instant>,
}

impl Default for Outbox {
    fn default() -> Self {
        let (feed, told) = (broadcast::channel(BACKLOG).0, watch::Sender::new(None));
        Self { called: Notify::new(), feed, told, looked: Mutex::new(Instant::now()) }
    }
}

impl Outbox {
    /// Says that something was committed.
    pub fn wake(&self) {
        self.called.notify_one();
    }

    /// Everything that is committed from now on, in the order of commits.
    ///
    /// Watch first, then read what there is: nothing falls between the two.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<event::Model>> {
        self.feed.subscribe()
    }

    /// Waits until the start of the feed is known: whoever is answered after it misses nothing.
    pub async fn started(&self) {
        let mut told = self.told.subscribe();
        // The sender lives as long as this does.
        let _position = told.wait_for(Option::is_some).await;
    }

    /// The position up to which the watchers were told, once that is known.
    #[must_use]
    pub fn told(&self) -> Option<i64> {
        *self.told.borrow()
    }

    /// How long ago the table was last looked at completely.
    #[must_use]
    pub fn quiet(&self) -> Duration {
        self.looked.lock().elapsed()
    }

    /// Whether the feed is stuck: what other processes changed may be unknown here.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.quiet() > LATE
    }

    /// Feeds the watchers until the task is dropped. One per process; run again, it goes on where it was.
    pub async fn run(&self, database: Database) {
        let mut listener = None;
        loop {
            match timeout(PASS, self.pass(&database)).await {
                Ok(Ok(())) => {
                    *self.looked.lock() = Instant::now();
                    if listener.is_none() {
                        listener = listen(&database).await;
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the outbox cannot read events");
                    listener = None;
                }
                Err(_elapsed) => tracing::warn!("the outbox waits too long for the database"),
            }
            self.wait(&mut listener).await;
        }
    }

    async fn wait(&self, listener: &mut Option<PgListener>) {
        let notified = async {
            match listener {
                Some(listener) => listener.recv().await.is_ok(),
                None => std::future::pending().await,
            }
        };
        let alive = tokio::select! {
            () = self.called.notified() => true,
            alive = notified => alive,
            () = tokio::time::sleep(TICK) => true,
        };
        if !alive {
            *listener = None;
        }
    }

    async fn pass(&self, database: &Database) -> Result<(), DbErr> {
        if database.is_postgres() {
            number(database.writer()).await?;
        }
        let known = *self.told.borrow();
        let mut from = match known {
            Some(position) => position,
            None => last_position(database.reader()).await?,
        };
        self.told.send_replace(Some(from));
        loop {
            let events = since(database.reader(), from, 500).await?;
            let Some(last) = events.last().and_then(|e| e.position) else { return Ok(()) };
            for event in events {
                // Nobody watching is no error.
                let _unwatched = self.feed.send(Arc::new(event));
            }
            from = last;
            self.told.send_replace(Some(last));
        }
    }
}

/// Every event after a position, in the order of commits, each once: what was missed from the table,
/// then what comes, and from the table again for whoever is too slow.
pub struct Follower {
    app: Arc<App>,
    feed: broadcast::Receiver<Arc<event::Model>>,
    position: i64,
    waiting: VecDeque<Arc<event::Model>>,
    behind: bool,
}

impl Follower {
    /// Follows from a position on; from now on where there is none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn new(app: Arc<App>, after: Option<i64>) -> Result<Self, DbErr> {
        // Watch first, then look where the table ends: nothing falls between the two.
        let feed = app.outbox.watch();
        let position = match after {
            Some(position) => position,
            None => last_position(app.database.reader()).await?,
        };
        Ok(Self { app, feed, position, waiting: VecDeque::new(), behind: after.is_some() })
    }

    /// The next event; nothing when the process ends.
    ///
    /// # Errors
    /// When the database cannot be read; asked again, it goes on from the last position.
    pub async fn next(&mut self) -> Result<Option<Arc<event::Model>>, DbErr> {
        use broadcast::error::RecvError;
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.position = event.position.unwrap_or(self.position);
                return Ok(Some(event));
            }
            if self.behind {
                // Boxed, since it is rare: a follower takes little room while it waits.
                let missed = Box::pin(since(self.app.database.reader(), self.position, PAGE)).await?;
                self.behind = missed.len() as u64 == PAGE;
                self.waiting.extend(missed.into_iter().map(Arc::new));
                continue;
            }
            match self.feed.recv().await {
                Ok(event) if event.position.is_some_and(|position| position > self.position) => {
                    self.waiting.push_back(event);
                }
                // Told from the table before.
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return Ok(None),
            }
        }
    }
}

/// A place in a feed: behind one part of one event, for somebody who follows a certain view of it. The same
/// for every subscription, so that one goes on after a lost connection where it broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// Which event and which of its parts.
    pub place: Place,
    /// Fingerprint of what is followed: a cursor of one feed is none of another.
    pub view: u32,
}

/// An event's position, and the place of a part in it.
pub type Place = (i64, u32);

/// Behind all parts of an event.
pub const WHOLE: u32 = u32::MAX;

impl Cursor {
    /// The end of the feed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn now(conn: &impl ConnectionTrait, view: u32) -> Result<Self, DbErr> {
        Ok(Self { place: (last_position(conn).await?, WHOLE), view })
    }

    /// Reads a cursor; nothing where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut words = plain.split('.');
        let (position, place) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let view = u32::from_str_radix(words.next()?, 16).ok()?;
        let cursor = Self { place: (position, place), view };
        // One text per cursor: what would print otherwise is not one.
        (position >= 0 && cursor.to_string() == text).then_some(cursor)
    }

    /// Reads the cursor from which somebody wants to go on, in a feed that ends at a position.
    ///
    /// # Errors
    /// Where it is none, or lies beyond the end.
    pub fn within(text: &str, end: i64) -> Result<Self> {
        let cursor = Self::parse(text).filter(|cursor| cursor.place.0 <= end);
        cursor.ok_or_else(|| Error::bad_input(["after"], "not a cursor of this feed"))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((position, place), view) = (self.place, self.view);
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{position}.{place}.{view:x}")))
    }
}

async fn listen(database: &Database) -> Option<PgListener> {
    let listening = async {
        let mut listener = PgListener::connect_with(database.listening()?).await.ok()?;
        listener.listen(CHANNEL).await.ok()?;
        Some(listener)
    };
    timeout(PASS, listening).await.ok().flatten()
}

/// Gives positions to what is committed without one. The lock makes it one process at a time, and who does
/// not get it leaves it to whoever has it; each statement after it sees everything committed before. All
/// of it is one message to the database: a process that freezes holds the lock no longer for that.
async fn number(db: &DatabaseConnection) -> Result<(), DbErr> {
    let waiting = event::Entity::find().filter(event::Column::Position.is_null()).one(db).await?;
    if waiting.is_none() {
        return Ok(());
    }
    db.execute_unprepared(&format!(
        "DO $$ BEGIN IF pg_try_advisory_xact_lock({NUMBERING}) THEN \
         UPDATE event SET position = waiting.place + (SELECT COALESCE(MAX(position), 0) FROM event) \
         FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM event \
               WHERE position IS NULL ORDER BY id LIMIT {BATCH}) AS waiting \
         WHERE event.id = waiting.id; \
         PERFORM pg_notify('{CHANNEL}', ''); \
         END IF; END $$"
    ))
    .await
    .map(drop)
}

/// Gives positions to events that came from PostgreSQL before they had any: on SQLite nobody else would.
///
/// # Errors
/// When the database cannot be written.
pub async fn place_stragglers(conn: &impl ConnectionTrait) -> Result<(), DbErr> {
    let sql = "UPDATE event SET position = waiting.place + last.position \
               FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS place FROM event WHERE position IS NULL) AS waiting, \
                    (SELECT COALESCE(MAX(position), 0) AS position FROM event) AS last \
               WHERE event.id = waiting.id";
    conn.execute_unprepared(sql).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_is_one() {
        for cursor in [Cursor { place: (17, 3), view: 0xbeef }, Cursor { place: (0, WHOLE), view: 0 }] {
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        for bad in ["", "17.3.1", "MTcuMDMuMQ", "LTEuMC4x", "MTc", "é", &"A".repeat(80)] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
        let text = Cursor { place: (17, 3), view: 1 }.to_string();
        assert!(Cursor::within(&text, 17).is_ok() && Cursor::within(&text, 16).is_err());
    }
}
