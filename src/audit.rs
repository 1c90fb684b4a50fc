//! The audit chain (G-20, G-21): every event is sealed with a hash over itself and the seal before it, in
//! the order of positions. Whoever changes, drops or slips in an event breaks the chain from there on.
//!
//! ```text
//! event 1 ──▶ seal 1 ─┐
//! event 2 ────────────┴▶ seal 2 ─┐
//! event 3 ───────────────────────┴▶ seal 3
//! ```
//! Seals are given behind the commits, by one sealer at a time on however many processes, so that no
//! writer waits for another; the last moments are not sealed yet. [`verify`] reads the whole chain again.
//!
//! The same events are the audit log in the schema (`auditLog`), and [`changes`] tells what they changed in one
//! form. Each entry carries the text under its seal, so that whoever keeps an old seal can verify the chain without
//! trusting this server.

use std::{sync::Arc, time::Duration};

use ::entity::platform::event;
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
    sea_query::{CaseStatement, Expr},
};
use sha2::{Digest, Sha256};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    app::App,
    db::{Conn, Database},
    error::Result,
};

pub mod changes;
mod lookups;
mod query;
mod types;

pub use lookups::readable;
pub use query::{AuditFilter, AuditQuery};
pub use types::{AuditEntry, EntryId};

/// Events to one pass of the sealer.
const BATCH: u64 = 200;
/// Events to one statement of whoever verifies.
const PAGE: u64 = 5_000;
/// What comes within this time is sealed together.
const GATHERING: Duration = Duration::from_millis(200);
/// How often the sealer looks though it heard of nothing.
const TICK: Duration = Duration::from_secs(30);
/// The advisory lock of the sealer.
const SEALING: i64 = 0x5e5a_3e03;

/// The seal before the first event.
pub const FIRST: &str = "";

/// The seal of an event: SHA-256 over the seal before it and everything that the event says, in
/// hexadecimal. Moments count in microseconds, which both databases keep; objects have their keys in
/// alphabetical order, whatever a database makes of them.
///
/// # Errors
/// When the event cannot be written as JSON, which is a defect.
pub fn seal(previous: &str, event: &event::Model) -> serde_json::Result<String> {
    Ok(crate::hex(&Sha256::digest(sealed_text(previous, event)?)))
}

/// What the seal of an event is the hash of: the seal before it, and everything that the event says.
///
/// # Errors
/// When the event cannot be written as JSON, which is a defect.
pub fn sealed_text(previous: &str, event: &event::Model) -> serde_json::Result<String> {
    let event::Model {
        id,
        position,
        at,
        kind,
        actor_id,
        on_behalf_of_id,
        roles,
        subject_type,
        subject_id,
        from_status,
        to_status,
        reason,
        changes,
        queue,
        envelopes,
        policy_version,
        request_id,
        seal: _,
    } = event;
    let acted =
        (id.0, position, at.timestamp_micros(), kind, actor_id.map(|p| p.0), on_behalf_of_id.map(|p| p.0), roles);
    let happened = (subject_type, subject_id, from_status, to_status, reason, changes, queue, envelopes);
    serde_json::to_string(&(previous, acted, happened, policy_version, request_id))
}

/// Seals what is committed, now and as long as the task lives.
pub async fn seal_all(app: Arc<App>) {
    let mut news = app.outbox.watch();
    loop {
        match seal_some(&app.database).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "events cannot be sealed now"),
        }
        match tokio::time::timeout(TICK, news.recv()).await {
            Ok(Err(RecvError::Closed)) => return,
            Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => tokio::time::sleep(GATHERING).await,
        }
    }
}

/// Seals some events in a transaction of its own; whether there may be more. Where another process seals,
/// there is nothing to do.
///
/// # Errors
/// When the database cannot be used.
pub async fn seal_some(database: &Database) -> Result<bool> {
    // Mostly there is nothing to do, and no reason to begin a transaction.
    if waiting(&Conn::reader(database, Arc::default()), 1).await?.is_empty() {
        return Ok(false);
    }
    let conn = Conn::begin(database, Arc::default()).await?;
    if !is_alone(&conn).await? {
        conn.rollback().await?;
        return Ok(false);
    }
    let sealed = seal_batch(&conn).await?;
    conn.commit().await?;
    Ok(sealed == BATCH)
}

/// Events that are committed, have their place, and are not sealed yet: the oldest of them.
async fn waiting(conn: &Conn, most: u64) -> Result<Vec<event::Model>, DbErr> {
    event::Entity::find()
        .filter(event::Column::Seal.is_null())
        .filter(event::Column::Position.is_not_null())
        .order_by_asc(event::Column::Position)
        .limit(most)
        .all(conn)
        .await
}

/// Position and moment of the oldest event that waits for its seal.
///
/// # Errors
/// When the database cannot be read.
pub async fn oldest_unsealed(conn: &Conn) -> Result<Option<(i64, DateTime<Utc>)>, DbErr> {
    let oldest = waiting(conn, 1).await?.pop();
    Ok(oldest.and_then(|event| Some((event.position?, event.at))))
}

/// Takes the sealer's place until the end of the transaction; on SQLite there is one writer in any case.
async fn is_alone(conn: &Conn) -> Result<bool, DbErr> {
    if !conn.is_postgres() {
        return Ok(true);
    }
    let sql = format!("SELECT pg_try_advisory_xact_lock({SEALING})");
    let row = conn.query_one_raw(Statement::from_string(conn.get_database_backend(), sql)).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

async fn seal_batch(conn: &Conn) -> Result<u64> {
    let waiting = waiting(conn, BATCH).await?;
    let Some(first) = waiting.first().and_then(|event| event.position) else { return Ok(0) };
    let mut previous = seal_at(conn, first - 1).await?;
    let mut seals = CaseStatement::new();
    for event in &waiting {
        previous = seal(&previous, event).map_err(|e| crate::error::Error::Internal(e.into()))?;
        seals = seals.case(event::Column::Id.eq(event.id), Expr::val(previous.clone()));
    }
    event::Entity::update_many()
        .col_expr(event::Column::Seal, seals.into())
        .filter(event::Column::Id.is_in(waiting.iter().map(|event| event.id)))
        .exec(conn)
        .await?;
    Ok(waiting.len() as u64)
}

/// The seal at a position; [`FIRST`] before the first one.
async fn seal_at(conn: &Conn, position: i64) -> Result<String, DbErr> {
    let found: Option<Option<String>> = event::Entity::find()
        .filter(event::Column::Position.eq(position))
        .select_only()
        .column(event::Column::Seal)
        .into_tuple()
        .one(conn)
        .await?;
    Ok(found.flatten().unwrap_or_else(|| FIRST.to_owned()))
}

/// Where the chain breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Break {
    /// The position of the first event whose seal is not what it must be.
    pub position: i64,
    /// Its seal, where there is one.
    pub found: Option<String>,
    /// What it must be.
    pub expected: String,
}

/// A part of the chain that was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The position of its last event; the one before its first where it has none.
    pub to: i64,
    /// How many events it has.
    pub events: u64,
    /// The seal of its last event, as it is stored.
    pub seal: String,
    /// Where it breaks, if it does: then nothing behind that was read.
    pub broken: Option<Break>,
}

/// Reads the whole chain; where it breaks, if it does. Events behind the last seal are not sealed yet.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(conn: &Conn) -> Result<Option<Break>> {
    let last = last_sealed(conn).await?;
    Ok(verify_between(conn, 1, last).await?.broken)
}

/// The position of the last event that is sealed; 0 before the first.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_sealed(conn: &Conn) -> Result<i64, DbErr> {
    let last: Option<Option<i64>> = event::Entity::find()
        .filter(event::Column::Seal.is_not_null())
        .select_only()
        .column_as(event::Column::Position.max(), "position")
        .into_tuple()
        .one(conn)
        .await?;
    Ok(last.flatten().unwrap_or_default())
}

/// Reads the chain from one position to another again, both included; the seal before it is taken as it is stored.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify_between(conn: &Conn, from: i64, to: i64) -> Result<Checked> {
    let before = from.max(1) - 1;
    let mut checked = Checked { to: before, events: 0, seal: seal_at(conn, before).await?, broken: None };
    while checked.to < to && checked.broken.is_none() {
        let page = event::Entity::find()
            .filter(event::Column::Position.gt(checked.to))
            .filter(event::Column::Position.lte(to))
            .order_by_asc(event::Column::Position)
            .limit(PAGE)
            .all(conn)
            .await?;
        if page.is_empty() {
            break;
        }
        for event in page {
            if !checked.goes_on(event)? {
                break;
            }
        }
    }
    Ok(checked)
}

impl Checked {
    /// Looks at the next event; whether the chain holds there.
    fn goes_on(&mut self, event: event::Model) -> Result<bool> {
        let expected = seal(&self.seal, &event).map_err(|e| crate::error::Error::Internal(e.into()))?;
        let position = event.position.unwrap_or(self.to + 1);
        if event.seal.as_ref() != Some(&expected) {
            self.broken = Some(Break { position, found: event.seal, expected });
            return Ok(false);
        }
        (self.to, self.seal) = (position, expected);
        self.events += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use ::entity::vocabulary::{EventId, PersonId};
    use chrono::TimeZone;
    use serde_json::json;

    use super::*;

    fn event() -> event::Model {
        event::Model {
            id: EventId(7),
            position: Some(5),
            at: Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap(),
            kind: "order.approved".into(),
            actor_id: Some(PersonId(3)),
            on_behalf_of_id: None,
            roles: "RR".into(),
            subject_type: "Order".into(),
            subject_id: 12,
            from_status: Some("PENDING_RR".into()),
            to_status: Some("PENDING_PDV".into()),
            reason: None,
            changes: json!({ "b": [1, 2], "a": { "d": 1, "c": null } }),
            queue: json!([]),
            envelopes: json!([4]),
            policy_version: 1,
            request_id: "r".into(),
            seal: None,
        }
    }

    /// A release that computed seals in another way would call every database tampered with.
    #[test]
    fn a_seal_stays_what_it_is() {
        assert_eq!(seal(FIRST, &event()).unwrap(), "e82c750ec615df5702499ec1e931c0b2f4faad8e02007dcbb0f93f0b70b5def7");
        let sealed = event::Model { seal: Some("x".into()), ..event() };
        assert_eq!(seal(FIRST, &sealed).unwrap(), seal(FIRST, &event()).unwrap(), "a seal is no part of itself");
        let reordered: serde_json::Value =
            serde_json::from_str(r#"{ "a": { "c": null, "d": 1 }, "b": [1, 2] }"#).unwrap();
        let reordered = event::Model { changes: reordered, ..event() };
        assert_eq!(seal(FIRST, &reordered).unwrap(), seal(FIRST, &event()).unwrap(), "databases reorder keys");
    }

    #[test]
    fn everything_is_under_the_seal() {
        let changes: [fn(&mut event::Model); 17] = [
            |e| e.id = EventId(8),
            |e| e.position = Some(6),
            |e| e.at += chrono::Duration::microseconds(1),
            |e| e.kind.push('x'),
            |e| e.actor_id = None,
            |e| e.on_behalf_of_id = Some(PersonId(9)),
            |e| e.roles.clear(),
            |e| e.subject_type.push('x'),
            |e| e.subject_id += 1,
            |e| e.from_status = None,
            |e| e.to_status = None,
            |e| e.reason = Some(String::new()),
            |e| e.changes = json!({}),
            |e| e.queue = json!([1]),
            |e| e.envelopes = json!([]),
            |e| e.policy_version += 1,
            |e| e.request_id.push('x'),
        ];
        let original = seal(FIRST, &event()).unwrap();
        for (place, change) in changes.into_iter().enumerate() {
            let mut other = event();
            change(&mut other);
            assert_ne!(seal(FIRST, &other).unwrap(), original, "change {place}");
        }
        assert_ne!(seal(&original, &event()).unwrap(), original);
    }
}
