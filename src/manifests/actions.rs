//! Publishing, listing and retiring manifests: for whoever runs the server.

use std::collections::{HashMap, HashSet};

use ::entity::platform::persisted_operation::Model;
use sea_orm::DbErr;

use super::{
    format::{self, Entry},
    store::{self, Release},
};
use crate::{
    action::Call,
    db::Conn,
    error::{Error, Result},
    op::Op,
    outbox::{self, Event, Subject},
};

/// Most characters of a client's name and of a version.
const LONGEST_NAME: usize = 100;

/// What came of publishing a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Operations that are new.
    pub added: usize,
    /// Operations of this version that were there.
    pub kept: usize,
}

/// Publishes the manifest of a version of a client. Done again, it adds what is missing, and what was retired is
/// answered again.
///
/// # Errors
/// [`Error::BadInput`] where it is no manifest, a document is none that could be run, or an id names another document
/// already.
pub async fn publish(op: &Op, client: &str, version: &str, json: &str) -> Result<Published> {
    check_name("client", client)?;
    check_name("version", version)?;
    let entries = format::read(json).map_err(|error| Error::bad_input(["manifest"], error.to_string()))?;
    let mut rows = Vec::new();
    for entry in entries {
        rows.push(looked_at(op, client, version, entry)?);
    }
    let conn = op.begin().await?;
    let published = insert(op, &conn, client, version, rows).await?;
    let reason = format!("{client} {version}: {} added", published.added);
    record(op, &conn, "operations.published", reason).await?;
    conn.commit().await?;
    op.app.manifests.forget();
    op.app.outbox.wake();
    Ok(published)
}

async fn insert(op: &Op, conn: &Conn, client: &str, version: &str, rows: Vec<Model>) -> Result<Published> {
    let ids: Vec<String> = rows.iter().map(|row| row.operation_id.clone()).collect();
    let found = store::known(conn, &ids).await?;
    let texts: HashMap<&str, &str> = found.iter().map(|row| (row.operation_id.as_str(), row.sha256.as_str())).collect();
    let differs = |row: &&Model| texts.get(row.operation_id.as_str()).is_some_and(|sha256| *sha256 != row.sha256);
    if let Some(row) = rows.iter().find(differs) {
        let text = format!("«{}» names another document already", row.operation_id);
        return Err(Error::bad_input(["manifest"], text));
    }
    let theirs = found.iter().filter(|row| row.client == client && row.version == version);
    let theirs: HashSet<&str> = theirs.map(|row| row.operation_id.as_str()).collect();
    let (kept, new): (Vec<Model>, Vec<Model>) =
        rows.into_iter().partition(|row| theirs.contains(row.operation_id.as_str()));
    let published = Published { added: new.len(), kept: kept.len() };
    store::insert(conn, new.into_iter().map(store::row).collect()).await?;
    store::set_retired(conn, client, version, None).await?;
    tracing::info!(request_id = op.request_id, client, version, added = published.added, "operations published");
    Ok(published)
}

/// A document that could be run.
fn looked_at(op: &Op, client: &str, version: &str, entry: Entry) -> Result<Model> {
    let Entry { id, body } = entry;
    let (name, kind) = crate::http::look_at(&body, &op.app.settings.limits)
        .map_err(|error| Error::bad_input(["manifest"], format!("«{id}»: {error}")))?;
    Ok(Model {
        id: 0,
        client: client.to_owned(),
        version: version.to_owned(),
        operation_id: id,
        sha256: format::sha256(&body),
        name,
        kind: kind.to_owned(),
        body,
        published_at: op.now,
        retired_at: None,
    })
}

/// Retires a version of a client: from then on its operations are answered only where another version has them. How
/// many they are.
///
/// # Errors
/// [`Error::NotFound`] where there is none that is in use.
pub async fn retire(op: &Op, client: &str, version: &str) -> Result<u64> {
    let conn = op.begin().await?;
    let retired = store::set_retired(&conn, client, version, Some(op.now)).await?;
    if retired == 0 {
        conn.rollback().await?;
        return Err(Error::NotFound);
    }
    record(op, &conn, "operations.retired", format!("{client} {version}: {retired} retired")).await?;
    conn.commit().await?;
    op.app.manifests.forget();
    op.app.outbox.wake();
    Ok(retired)
}

/// The versions of all clients, the latest published first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(op: &Op) -> Result<Vec<Release>, DbErr> {
    store::releases(&op.conn()).await
}

async fn record(op: &Op, conn: &Conn, kind: &'static str, reason: String) -> Result<()> {
    let mut event = Event::new(kind, Subject { kind: "Operations", id: 0 });
    event.reason = Some(reason);
    outbox::record(op, conn, &Call::default(), event).await.map(drop)
}

fn check_name(field: &'static str, name: &str) -> Result<()> {
    let is_name = (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(|c| c.is_ascii_graphic());
    let text = || format!("1 to {LONGEST_NAME} letters, digits and signs without a space");
    if is_name { Ok(()) } else { Err(Error::bad_input([field], text())) }
}
