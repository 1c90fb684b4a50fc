//! From an archive into a database.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    sync::Arc,
};

use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, buffered::BufWriter, path::Path as Key};
use sea_orm::{ConnectionTrait, DatabaseTransaction, Statement};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use super::{
    Problem, Result, Summary, Told,
    aside::Aside,
    format::{Content, Head, Manifest, Sum},
    key_file,
    source::{self, Part},
    tables::{self, Table},
    target,
};
use crate::{app, config::Settings, db::Database, outbox};

/// Bytes of a file that are read at a time.
const PIECE: usize = 64 << 10;
/// Bytes that are handed to the object store at a time; S3 takes no smaller parts.
const UPLOAD: usize = 5 << 20;

/// What an archive may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onto {
    /// A database without data.
    Nothing,
    /// Anything: it is replaced.
    Anything,
}

/// What is taken out of an archive beside rows and files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taking {
    /// What the rows may meet.
    pub rows: Onto,
    /// What the key that access tokens are signed with may meet, where it is wanted.
    pub key: Option<Onto>,
}

/// What came in, beside the rows.
#[derive(Debug, Default)]
pub(super) struct Came {
    pub summary: Summary,
    /// The keys of the files, where the archive had any.
    pub files: Option<BTreeSet<String>>,
    /// What access tokens were signed with.
    pub key: Option<Vec<u8>>,
}

/// Takes everything that an archive holds into a database, whole or not at all, and brings it up to date.
///
/// # Errors
/// When the archive is none, is damaged or too new, the database is in use or holds something, or one of them
/// fails: then the database has no rows more than before.
pub async fn import(settings: &Settings, from: impl Read, told: impl FnMut(Told<'_>)) -> Result<Summary> {
    let taking = Taking { rows: Onto::Nothing, key: None };
    Ok(take(settings, from, taking, told).await?.summary)
}

/// As [`import`], telling what came.
pub(super) async fn take(
    settings: &Settings,
    from: impl Read,
    taking: Taking,
    mut told: impl FnMut(Told<'_>),
) -> Result<Came> {
    let mut archive = tar::Archive::new(from);
    let mut entries = archive.entries().map_err(|_| Problem::Foreign)?;
    let head = source::head(&mut entries, &target::known())?;
    target::is_alone(&settings.database_url).await?;
    // One connection to work on, and one that keeps other processes from changing the schema meanwhile.
    let database = Database::connect(&settings.database_url, 2).await?;
    target::bring_to(&database, &head).await?;
    let mut arrival = Arrival::begin(settings, &database, &head, taking).await?;
    let came = match arrival.everything(&mut entries, &mut told).await {
        Ok(came) => came,
        Err(problem) => {
            arrival.take_back().await;
            return Err(problem);
        }
    };
    app::migrate(&database).await?;
    tidy(&database).await?;
    database.close().await?;
    Ok(came)
}

/// An archive on its way into a database.
struct Arrival<'a> {
    settings: &'a Settings,
    head: &'a Head,
    taking: Taking,
    conn: Option<DatabaseTransaction>,
    /// The tables, in their order.
    tables: Vec<Table>,
    aside: [Aside; 2],
    sums: BTreeMap<String, Sum>,
    store: Arc<dyn ObjectStore>,
    files: Sum,
    /// The files that were not there before.
    written: Vec<Key>,
    came: Came,
}

impl<'a> Arrival<'a> {
    async fn begin(settings: &'a Settings, database: &Database, head: &'a Head, taking: Taking) -> Result<Self> {
        let store = app::files(settings)?;
        if !database.is_postgres() {
            database.writer().execute_unprepared("PRAGMA cache_size = -131072").await?;
        }
        let conn = database.begin().await?;
        let tables = tables::all(&conn).await?;
        target::compare(head, &tables)?;
        let triggers = Aside::triggers(&conn).await?;
        target::empty(&conn, &tables, taking.rows == Onto::Anything).await?;
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let upkeep = Aside::upkeep(&conn, &names).await?;
        if !database.is_postgres() {
            conn.execute_unprepared("PRAGMA defer_foreign_keys = ON").await?;
        }
        Ok(Self {
            settings,
            head,
            taking,
            conn: Some(conn),
            tables,
            aside: [upkeep, triggers],
            sums: BTreeMap::new(),
            store,
            files: Sum::default(),
            written: Vec::new(),
            came: Came::default(),
        })
    }

    fn conn(&self) -> Result<&DatabaseTransaction> {
        self.conn.as_ref().ok_or_else(|| Problem::Damaged("it goes on behind its end".into()))
    }

    /// Takes every entry to the last.
    async fn everything(
        &mut self,
        entries: &mut tar::Entries<'_, impl Read>,
        told: &mut impl FnMut(Told<'_>),
    ) -> Result<Came> {
        loop {
            let next = entries.next().ok_or_else(source::ended)?;
            let mut entry = next.map_err(|error| Problem::Damaged(error.to_string()))?;
            let name = source::name(&entry)?;
            match Part::of(&name) {
                Some(Part::Rows(table)) => self.rows(&table, &source::whole(&mut entry)?).await?,
                Some(Part::File(key)) => self.file(&key, &mut entry).await?,
                Some(Part::Key) => self.key(source::whole(&mut entry)?)?,
                Some(Part::Manifest) => {
                    let manifest: Manifest = serde_json::from_slice(&source::whole(&mut entry)?)?;
                    self.end(&manifest, told).await?;
                    return Ok(std::mem::take(&mut self.came));
                }
                None => return Err(Problem::Damaged(format!("there is an entry «{name}»"))),
            }
        }
    }

    /// Writes some rows.
    async fn rows(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(content).map_err(|error| Problem::Damaged(error.to_string()))?;
        let (Some(table), Some(shape)) = (
            self.tables.iter().find(|table| table.name == name),
            self.head.tables.iter().find(|shape| shape.name == name),
        ) else {
            return Err(Problem::Damaged(format!("there is no table «{name}»")));
        };
        let conn = self.conn()?;
        let backend = conn.get_database_backend();
        let array = format!("[{}]", text.trim_end().replace('\n', ","));
        let sql = table.insert(backend, &shape.columns);
        let done = conn.execute_raw(Statement::from_sql_and_values(backend, sql, [array.into()])).await?;
        let sum = self.sums.entry(name.to_owned()).or_default();
        let before = sum.count;
        text.lines().for_each(|line| sum.row(line));
        match done.rows_affected() == sum.count - before {
            true => Ok(()),
            false => Err(Problem::Damaged(format!("rows of «{name}» are missing"))),
        }
    }

    /// Takes the key, where it is wanted and no other is in its place.
    fn key(&mut self, content: Vec<u8>) -> Result<()> {
        let Some(onto) = self.taking.key else { return Ok(()) };
        let path = key_file(self.settings);
        let is_other = onto == Onto::Nothing && std::fs::read(&path).is_ok_and(|there| there != content);
        if is_other {
            return Err(Problem::Exists(path));
        }
        self.came.key = Some(content);
        Ok(())
    }

    /// Writes a file, or looks whether the one that is there is the same.
    async fn file(&mut self, name: &str, entry: &mut tar::Entry<'_, impl Read>) -> Result<()> {
        let key = Key::parse(name).map_err(|error| Problem::Damaged(error.to_string()))?;
        self.files.file(name, entry.size());
        match self.store.head(&key).await {
            Ok(_) => self.same(&key, entry).await?,
            Err(object_store::Error::NotFound { .. }) => self.write(&key, entry).await?,
            Err(error) => return Err(error.into()),
        }
        self.came.files.get_or_insert_default().insert(name.to_owned());
        Ok(())
    }

    async fn same(&mut self, key: &Key, entry: &mut impl Read) -> Result<()> {
        let (mut theirs, mut ours) = (Sha256::new(), Sha256::new());
        let mut piece = vec![0; PIECE];
        while let length @ 1.. = entry.read(&mut piece)? {
            theirs.update(&piece[..length]);
            self.files.piece(&piece[..length]);
        }
        let mut there = self.store.get(key).await?.into_stream();
        while let Some(piece) = there.try_next().await? {
            ours.update(&piece);
        }
        if theirs.finalize() == ours.finalize() { Ok(()) } else { Err(Problem::Taken(key.to_string())) }
    }

    async fn write(&mut self, key: &Key, entry: &mut impl Read) -> Result<()> {
        self.written.push(key.clone());
        let mut to = BufWriter::with_capacity(self.store.clone(), key.clone(), UPLOAD);
        let mut piece = vec![0; PIECE];
        while let length @ 1.. = entry.read(&mut piece)? {
            self.files.piece(&piece[..length]);
            to.write_all(&piece[..length]).await?;
        }
        Ok(to.shutdown().await?)
    }

    /// Looks whether everything came, and makes it count.
    async fn end(&mut self, manifest: &Manifest, told: &mut impl FnMut(Told<'_>)) -> Result<()> {
        for content in &manifest.tables {
            self.verify(content)?;
            let news = Told::Table { name: &content.name, rows: content.rows };
            self.came.summary.add(news);
            told(news);
        }
        if manifest.tables.len() != self.tables.len() {
            return Err(Problem::Damaged("tables are missing".into()));
        }
        let files = std::mem::take(&mut self.files).files();
        if manifest.files.as_ref().map_or(files.count > 0, |expected| *expected != files) {
            return Err(Problem::Damaged("its files are not those that were written".into()));
        }
        if manifest.files.is_some() {
            self.came.files.get_or_insert_default();
            let news = Told::Files { count: files.count, bytes: files.bytes };
            self.came.summary.add(news);
            told(news);
        }
        self.commit(manifest).await
    }

    fn verify(&mut self, content: &Content) -> Result<()> {
        let Content { name, rows, sha256, counter } = content;
        let came = self.sums.remove(name).unwrap_or_default().content(name, *counter);
        match came.rows == *rows && came.sha256 == *sha256 {
            true => Ok(()),
            false => Err(Problem::Damaged(format!("the rows of «{name}» are not those that were written"))),
        }
    }

    async fn commit(&mut self, manifest: &Manifest) -> Result<()> {
        let conn = self.conn.take().ok_or_else(source::ended)?;
        for table in &self.tables {
            let counted = manifest.tables.iter().find(|content| content.name == table.name);
            if let Some(last) = counted.and_then(|content| content.counter).filter(|_| table.is_counted) {
                tables::count_on(&conn, table, last).await?;
            }
        }
        if conn.get_database_backend() == sea_orm::DbBackend::Sqlite {
            outbox::place_stragglers(&conn).await?;
        }
        for aside in std::mem::take(&mut self.aside) {
            aside.bring_back(&conn).await?;
        }
        Ok(conn.commit().await?)
    }

    /// Leaves everything as it was.
    async fn take_back(self) {
        if let Some(conn) = self.conn
            && let Err(error) = conn.rollback().await
        {
            tracing::debug!(%error, "the database takes it back by itself");
        }
        for key in &self.written {
            if let Err(error) = self.store.delete(key).await {
                tracing::debug!(%error, %key, "a file is left behind");
            }
        }
    }
}

/// PostgreSQL's planner learns what there is; SQLite's log goes into its file.
async fn tidy(database: &Database) -> Result<()> {
    let sql = if database.is_postgres() { "ANALYZE" } else { "PRAGMA wal_checkpoint(TRUNCATE)" };
    database.writer().execute_unprepared(sql).await?;
    Ok(())
}
