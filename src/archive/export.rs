//! From a database into an archive.

use std::{
    io::{self, Write},
    path::Path,
    pin::pin,
    sync::Arc,
};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path as Key};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbErr, IsolationLevel, Statement, TransactionOptions,
    TransactionTrait,
};

use super::{
    Problem, Result, Summary, Told,
    format::{Content, FILES, Files, HEAD, Head, KEY, MANIFEST, Manifest, Sum, TABLES, canonical},
    key_file,
    tables::{self, Table},
};
use crate::{
    app,
    config::Settings,
    db::{self, Database},
};

/// Bytes of rows to one entry, about: what is held in memory.
const PART: usize = 1 << 20;
/// A tar consists of blocks of so many bytes.
const BLOCK: usize = 512;

/// What goes into an archive beside the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct What {
    /// What was uploaded.
    pub files: bool,
    /// What access tokens are signed with.
    pub key: bool,
}

/// Writes everything that the database and the object store hold at one moment, while others go on writing.
///
/// # Errors
/// When there is no database, or it, the object store or the archive fails.
pub async fn export(
    settings: &Settings,
    made_at: DateTime<Utc>,
    to: impl Write,
    what: What,
    mut told: impl FnMut(Told<'_>),
) -> Result<Summary> {
    let url = &settings.database_url;
    if let Some(file) = db::embedded_file(url).filter(|file| !Path::new(file).exists()) {
        return Err(Problem::Missing(file.into()));
    }
    // A folder without it is not the servers', and would lack what was uploaded, too.
    if what.key && !key_file(settings).exists() {
        return Err(Problem::NoKey(key_file(settings)));
    }
    let database = Database::connect(url, 1).await?;
    let conn = snapshot(&database).await?;
    let mut archive = Archive { to, made_at };
    let mut summary = Summary::default();
    let mut note = |news: Told<'_>| {
        summary.add(news);
        told(news);
    };
    let manifest = everything(settings, &mut archive, &conn, what, &mut note).await?;
    conn.rollback().await?;
    database.close().await?;
    archive.entry(MANIFEST, &serde_json::to_vec_pretty(&manifest)?)?;
    archive.finish()?;
    Ok(summary)
}

/// A transaction that sees one moment to its end.
async fn snapshot(database: &Database) -> Result<DatabaseTransaction> {
    let is_postgres = database.is_postgres();
    let options = TransactionOptions {
        isolation_level: is_postgres.then_some(IsolationLevel::RepeatableRead),
        access_mode: is_postgres.then_some(AccessMode::ReadOnly),
        ..TransactionOptions::default()
    };
    Ok(database.reader().begin_with_options(options).await?)
}

async fn everything(
    settings: &Settings,
    archive: &mut Archive<impl Write>,
    conn: &DatabaseTransaction,
    what: What,
    told: &mut impl FnMut(Told<'_>),
) -> Result<Manifest> {
    // The first read is the moment that all others see.
    let schema = tables::steps(conn).await?;
    if schema.is_empty() {
        return Err(Problem::NotOurs);
    }
    let tables = tables::all(conn).await?;
    let kind = format!("{:?}", conn.get_database_backend()).to_lowercase();
    let head = Head::new(archive.made_at, &kind, schema, tables.iter().map(Table::shape).collect());
    archive.entry(HEAD, &serde_json::to_vec_pretty(&head)?)?;
    let mut contents = Vec::new();
    for table in &tables {
        let content = rows(archive, conn, table).await?;
        told(Told::Table { name: &content.name, rows: content.rows });
        contents.push(content);
    }
    // Files are never changed and enter the store before rows name them: those of the moment are all there.
    let files = match what.files {
        true => Some(files(archive, &app::files(settings)?).await?),
        false => None,
    };
    if let Some(Files { count, bytes, .. }) = &files {
        told(Told::Files { count: *count, bytes: *bytes });
    }
    if what.key {
        archive.entry(KEY, &std::fs::read(key_file(settings))?)?;
    }
    Ok(Manifest { tables: contents, files })
}

/// Writes the rows of a table.
async fn rows(archive: &mut Archive<impl Write>, conn: &DatabaseTransaction, table: &Table) -> Result<Content> {
    let backend = conn.get_database_backend();
    let json = table.json();
    let (mut sum, mut part, mut parts) = (Sum::default(), String::new(), 0_u32);
    {
        let select = Statement::from_string(backend, table.select(backend));
        let mut rows = pin!(sea_orm::StreamTrait::stream_raw(conn, select).await?);
        loop {
            let row = rows.try_next().await?;
            if part.len() >= PART || (row.is_none() && !part.is_empty()) {
                parts += 1;
                archive.entry(&format!("{TABLES}/{}/{parts:06}.jsonl", table.name), part.as_bytes())?;
                part.clear();
            }
            let Some(row) = row else { break };
            let row: String = row.try_get_by_index(0)?;
            let line = canonical(&row, &json).map_err(|error| unreadable(table, &error))?;
            sum.row(&line);
            part.push_str(&line);
            part.push('\n');
        }
    }
    Ok(sum.content(&table.name, tables::counter(conn, table).await?))
}

fn unreadable(table: &Table, error: &serde_json::Error) -> DbErr {
    DbErr::Custom(format!("a row of {} cannot be told as JSON: {error}", table.name))
}

/// Writes what is in the object store.
async fn files(archive: &mut Archive<impl Write>, store: &Arc<dyn ObjectStore>) -> Result<Files> {
    let mut sum = Sum::default();
    let mut found = store.list(None);
    while let Some(object) = found.try_next().await? {
        file(archive, store, &object.location, &mut sum).await?;
    }
    Ok(sum.files())
}

/// Writes one file; one that is gone meanwhile was nobody's.
async fn file(archive: &mut Archive<impl Write>, store: &Arc<dyn ObjectStore>, key: &Key, sum: &mut Sum) -> Result<()> {
    let object = match store.get(key).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(()),
        got => got?,
    };
    let size = object.meta.size;
    sum.file(key.as_ref(), size);
    archive.begin(&format!("{FILES}/{key}"), size)?;
    let (mut left, mut pieces) = (size, object.into_stream());
    while let Some(piece) = pieces.try_next().await? {
        sum.piece(&piece);
        archive.to.write_all(&piece)?;
        left = left.saturating_sub(piece.len() as u64);
    }
    if left > 0 {
        return Err(io::Error::other(format!("the file {key} is shorter than it was")).into());
    }
    Ok(archive.pad(size)?)
}

/// A tar on its way. Only this command runs in its process, so nobody waits while it writes.
struct Archive<W> {
    to: W,
    made_at: DateTime<Utc>,
}

impl<W: Write> Archive<W> {
    fn entry(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let size = content.len() as u64;
        self.begin(path, size)?;
        self.to.write_all(content)?;
        self.pad(size)
    }

    fn begin(&mut self, path: &str, size: u64) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(path)?;
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.made_at.timestamp()).unwrap_or_default());
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.to.write_all(header.as_bytes())
    }

    /// Fills the last block.
    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
        if over > 0 { self.to.write_all(&[0; BLOCK][over..]) } else { Ok(()) }
    }

    fn finish(mut self) -> io::Result<()> {
        self.to.write_all(&[0; 2 * BLOCK])?;
        self.to.flush()
    }
}
