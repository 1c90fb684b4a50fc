//! What only the database knows of the server's state: read when somebody asks for figures, not more often than
//! every few seconds, however many ask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::{app::App, audit, db::Conn, error::Result, files, outbox, work_queue};

/// How long a reading is good.
const FRESH: Duration = Duration::from_secs(5);
/// How long one of the files is: counting them takes longer the more there are.
const FRESH_FILES: Duration = Duration::from_secs(300);
/// How long a reading may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the database knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    /// How much waits: kind, code of the region, number.
    pub queues: Vec<(String, String, i64)>,
    /// Position of the last event.
    pub head: i64,
    /// Events that are committed without a position.
    pub unnumbered: u64,
    /// Position and moment of the oldest event without a seal.
    pub unsealed: Option<(i64, DateTime<Utc>)>,
    /// Files that are attached, and files that wait to be: their number and their bytes.
    pub files: [(i64, i64); 2],
    /// Whether the last attempt to read succeeded.
    pub is_fresh: bool,
}

#[derive(Debug, Default)]
struct Kept {
    reading: Reading,
    at: Option<Instant>,
    files_at: Option<Instant>,
}

/// The last reading, kept for some seconds.
#[derive(Debug, Default)]
pub struct Readings(Mutex<Kept>);

impl Readings {
    /// The last reading; a new one where that is too old. Where the database does not answer, what it said
    /// before.
    pub(super) async fn take(&self, app: &App) -> Reading {
        // Whoever comes meanwhile waits for the same reading.
        let mut kept = self.0.lock().await;
        if !is_within(kept.at, FRESH) {
            let with_files = !is_within(kept.files_at, FRESH_FILES);
            let attempt = tokio::time::timeout(PATIENCE, read(app, kept.reading.clone(), with_files)).await;
            let now = Some(Instant::now());
            match attempt {
                Ok(Ok(reading)) => {
                    let files_at = if with_files { now } else { kept.files_at };
                    *kept = Kept { reading, at: now, files_at };
                }
                Ok(Err(error)) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the database tells no figures");
                    (kept.reading.is_fresh, kept.at) = (false, now);
                }
                Err(_elapsed) => (kept.reading.is_fresh, kept.at) = (false, now),
            }
        }
        kept.reading.clone()
    }
}

fn is_within(at: Option<Instant>, time: Duration) -> bool {
    at.is_some_and(|at| at.elapsed() < time)
}

async fn read(app: &App, before: Reading, with_files: bool) -> Result<Reading> {
    let conn = Conn::reader(&app.database, Arc::default());
    let files = if with_files { files::stored(&conn).await? } else { before.files };
    Ok(Reading {
        queues: work_queue::lengths(&conn).await?,
        head: outbox::last_position(&conn).await?,
        unnumbered: outbox::unnumbered(&conn).await?,
        unsealed: audit::oldest_unsealed(&conn).await?,
        files,
        is_fresh: true,
    })
}
