//! The database, SQLite or PostgreSQL behind one door: pools, transactions, and a count of statements.
//!
//! On SQLite one connection writes and several read (WAL); a transaction that may write begins
//! `IMMEDIATE`, because one that reads first and writes later cannot be waited for. On PostgreSQL one
//! pool does both.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection, PgConnection,
        pool::PoolConnectionMetadata,
        postgres::{PgConnectOptions, PgPool, PgPoolOptions},
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};

use tracing::Instrument;

use self::traffic::{Asking, Place, Side, Text};
use crate::{
    error::{Error, Result},
    observe::nanoseconds,
};

mod traffic;

pub use traffic::Traffic;

/// Whether rows are read to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Only looked at.
    No,
    /// Held until the end of the transaction.
    Yes,
}

/// How long a writer waits for another.
const BUSY: Duration = Duration::from_secs(10);
/// How long whoever has an embedded database open may take to let it go.
const ALONE: Duration = Duration::from_millis(500);
/// How long one waits for a connection, of the pool or a new one.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a connection may take to show that it is alive.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// How much longer than a request a statement may take on PostgreSQL before it is ended there too.
const LENIENCE: Duration = Duration::from_secs(5);

/// How long a connection to PostgreSQL may have rested before it is tried ahead of its use: after the
/// database was away, what lies in the pool is dead; under load the test would cost a round trip each time.
const RESTED: Duration = Duration::from_millis(500);

/// The file of an embedded database.
#[must_use]
pub fn embedded_file(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    rest.strip_prefix("//").unwrap_or(rest).split('?').next()
}

/// Folds the log of an embedded database into its file. That takes the file for oneself.
///
/// # Errors
/// When somebody else has it open.
pub async fn fold(url: &str) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(ALONE));
    let database = sea_orm::Database::connect(options).await?;
    let folded = database.execute_unprepared("PRAGMA journal_mode = DELETE").await;
    database.close().await?;
    folded.map(drop)
}

/// Whether a connection of the pool can be used.
async fn is_alive(
    connection: &mut PgConnection,
    rest: PoolConnectionMetadata,
) -> std::result::Result<bool, sqlx::Error> {
    if rest.idle_for < RESTED {
        return Ok(true);
    }
    Ok(tokio::time::timeout(SIGN_OF_LIFE, connection.ping()).await.is_ok_and(|answered| answered.is_ok()))
}

/// What PostgreSQL is told at the beginning of each connection of a server: to give up what its client has
/// given up, and to notice a client that is gone or frozen, whose locks would stop all others.
fn protection(request: Duration) -> Vec<(&'static str, String)> {
    let milliseconds = |duration: Duration| duration.as_millis().to_string();
    vec![
        ("statement_timeout", milliseconds(request + LENIENCE)),
        ("lock_timeout", milliseconds(BUSY)),
        ("idle_in_transaction_session_timeout", milliseconds(request + LENIENCE)),
        ("tcp_keepalives_idle", "30".into()),
        ("tcp_keepalives_interval", "10".into()),
        ("tcp_keepalives_count", "3".into()),
        ("tcp_user_timeout", "30000".into()),
    ]
}

/// The pools of one database.
#[derive(Clone, Debug)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
    /// On PostgreSQL, a connection apart from the pool to listen on.
    listen: Option<PgPool>,
    traffic: Arc<Traffic>,
}

/// How a pool is used at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolUse {
    /// Which one.
    pub name: &'static str,
    /// Connections that there are.
    pub open: i64,
    /// Those of them that somebody uses.
    pub used: i64,
    /// Most that there may be.
    pub most: i64,
    /// Who waits for one, as far as requests are concerned.
    pub waiting: i64,
}

impl Database {
    /// Opens the database at a `sqlite:` or `postgres:` URL, with at most `connections` connections, whose
    /// statements may take as long as they like: for migrations, bulk loads and checks.
    ///
    /// # Errors
    /// When the URL is not understood or the database cannot be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, DbErr> {
        Self::open(url, connections, None).await
    }

    /// Opens the database for a server whose requests take no longer than `request`: PostgreSQL ends by
    /// itself what takes longer.
    ///
    /// # Errors
    /// As [`Database::connect`].
    pub async fn serve(url: &str, connections: u32, request: Duration) -> Result<Self, DbErr> {
        Self::open(url, connections, Some(request)).await
    }

    async fn open(url: &str, connections: u32, request: Option<Duration>) -> Result<Self, DbErr> {
        let pool = |most: u32| {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(most)
                .min_connections(1)
                .acquire_timeout(ACQUIRE)
                .test_before_acquire(false)
                .map_sqlx_postgres_pool_opts(|pool| {
                    pool.before_acquire(|connection, rest| Box::pin(is_alive(connection, rest)))
                })
                .map_sqlx_postgres_opts(move |postgres| match request {
                    Some(request) => postgres.options(protection(request)),
                    None => postgres,
                })
                .sqlx_logging(false)
                .map_sqlx_sqlite_opts(|sqlite| {
                    sqlite
                        .create_if_missing(true)
                        .foreign_keys(true)
                        .journal_mode(SqliteJournalMode::Wal)
                        // Durable against power loss too (K-1).
                        .synchronous(SqliteSynchronous::Full)
                        .busy_timeout(BUSY)
                });
            options
        };
        if url.starts_with("sqlite:") {
            let mut writer = pool(1);
            writer.acquire_timeout(BUSY);
            let write = sea_orm::Database::connect(writer).await?;
            let read = sea_orm::Database::connect(pool(connections)).await?;
            Ok(Self { read, write, listen: None, traffic: Arc::default() })
        } else {
            let both = sea_orm::Database::connect(pool(connections)).await?;
            let apart: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| DbErr::Custom(error.to_string()))?;
            let listen = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE).connect_lazy_with(apart);
            Ok(Self { read: both.clone(), write: both, listen: Some(listen), traffic: Arc::default() })
        }
    }

    /// Which database it is.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.read.get_database_backend()
    }

    /// Whether it is PostgreSQL, which several processes may share.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.backend() == DbBackend::Postgres
    }

    /// The pool for reading.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// The pool for statements that write on their own (migrations, bulk loads).
    #[must_use]
    pub fn writer(&self) -> &DatabaseConnection {
        &self.write
    }

    /// On PostgreSQL, one connection to listen on, which nobody else waits for.
    #[must_use]
    pub fn listening(&self) -> Option<&PgPool> {
        self.listen.as_ref()
    }

    /// What goes to the database.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// How the pools are used.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolUse> {
        let (readers, writers) = (self.traffic.asking(Side::Read), self.traffic.asking(Side::Write));
        if self.is_postgres() {
            return vec![pool_use("all", self.read.get_postgres_connection_pool(), readers + writers)];
        }
        vec![
            pool_use("read", self.read.get_sqlite_connection_pool(), readers),
            pool_use("write", self.write.get_sqlite_connection_pool(), writers),
        ]
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database cannot be reached or stays locked.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let sqlite_transaction_mode = (!self.is_postgres()).then_some(SqliteTransactionMode::Immediate);
        self.write.begin_with_options(TransactionOptions { sqlite_transaction_mode, ..Default::default() }).await
    }

    /// Closes every connection.
    ///
    /// # Errors
    /// When one cannot be closed in good order.
    pub async fn close(&self) -> Result<(), DbErr> {
        self.read.close_by_ref().await?;
        self.write.close_by_ref().await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.execute_unprepared("SELECT 1").await.map(drop)
    }
}

fn pool_use<D: sqlx::Database>(name: &'static str, pool: &sqlx::Pool<D>, asking: i64) -> PoolUse {
    let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let open = i64::from(pool.size());
    let used = (open - number(pool.num_idle())).max(0);
    let most = i64::from(pool.options().get_max_connections());
    PoolUse { name, open, used, most, waiting: (asking - used).max(0) }
}

/// Counts the statements of one request and their time, and knows what became of its commits.
#[derive(Debug, Default)]
pub struct Meter {
    /// How the request is called.
    request_id: String,
    /// Which operation it is, once that is known.
    operation: OnceLock<Arc<str>>,
    statements: AtomicU32,
    /// How long the database took, in nanoseconds.
    time: AtomicU64,
    /// Whether a rule refused something.
    refused: AtomicBool,
    /// Commits that were begun and not refused.
    begun: AtomicU32,
    /// Those of them that have ended, one way or another.
    ended: AtomicU32,
}

impl Meter {
    /// A meter for a request.
    #[must_use]
    pub fn of(request_id: &str) -> Self {
        Self { request_id: request_id.to_owned(), ..Self::default() }
    }

    /// Notes for which operation the statements are made.
    pub fn work_for(&self, operation: Arc<str>) {
        // One request is one operation: the first word stays.
        let _known = self.operation.set(operation);
    }

    /// How the request is called; nothing beside requests.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        Some(self.request_id.as_str()).filter(|id| !id.is_empty())
    }

    /// Which operation it is, where that is known.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.operation.get().map(|operation| &**operation)
    }

    /// Adds to the time that the database took.
    pub fn took(&self, time: Duration) {
        self.time.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    /// How long the database took so far; statements at the same time count each.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.time.load(Ordering::Relaxed))
    }

    /// Notes that a rule refused something.
    pub fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// Whether a rule refused something.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts one more.
    pub fn tick(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far, `BEGIN` and `COMMIT` included.
    #[must_use]
    pub fn statements(&self) -> u32 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Whether a commit is under way.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.begun.load(Ordering::SeqCst) > self.ended.load(Ordering::SeqCst)
    }

    /// Whether something was written, or may have been.
    #[must_use]
    pub fn may_have_written(&self) -> bool {
        self.begun.load(Ordering::SeqCst) > 0
    }
}

/// Where a statement goes: the pool, or an open transaction. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Conn {
    target: Target,
    meter: Arc<Meter>,
    traffic: Arc<Traffic>,
    /// Whether it is a transaction within another: its commit writes nothing by itself.
    is_nested: bool,
}

#[derive(Clone, Debug)]
enum Target {
    Pool(DatabaseConnection),
    Transaction(Arc<Opened>),
}

/// A transaction, with the place that it takes at the pool where it is none within another.
#[derive(Debug)]
struct Opened {
    transaction: DatabaseTransaction,
    _place: Option<Place>,
}

impl Conn {
    /// A connection of the reading pool.
    #[must_use]
    pub fn reader(database: &Database, meter: Arc<Meter>) -> Self {
        let traffic = database.traffic.clone();
        Self { target: Target::Pool(database.read.clone()), meter, traffic, is_nested: false }
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database cannot be reached or stays locked.
    pub async fn begin(database: &Database, meter: Arc<Meter>) -> Result<Self, DbErr> {
        let traffic = database.traffic.clone();
        let place = Some(Place::take(&traffic, Side::Write));
        let begun = Instant::now();
        let asking = Asking::begin(&traffic, &meter, Text::bare("BEGIN"), None);
        let transaction = database.begin().instrument(Text::bare("BEGIN").span(database.backend())).await;
        drop(asking);
        traffic.begins.observe(begun.elapsed());
        let opened = Arc::new(Opened { transaction: transaction?, _place: place });
        Ok(Self { target: Target::Transaction(opened), meter, traffic, is_nested: false })
    }

    /// Begins a transaction within this one: taken back, it leaves alone what was done before it.
    ///
    /// # Errors
    /// When the database cannot be reached, or this is no transaction.
    pub async fn nested(&self) -> Result<Self, DbErr> {
        self.meter.tick();
        match &self.target {
            Target::Transaction(outer) => {
                let opened = Arc::new(Opened { transaction: outer.transaction.begin().await?, _place: None });
                let (meter, traffic) = (self.meter.clone(), self.traffic.clone());
                Ok(Self { target: Target::Transaction(opened), meter, traffic, is_nested: true })
            }
            Target::Pool(_) => Err(DbErr::Custom("not in a transaction".into())),
        }
    }

    /// Commits; every clone of this connection must be gone by then. Whoever waits for it may give up: the
    /// commit is not cut.
    ///
    /// # Errors
    /// When the database refuses, or a clone still holds the transaction; [`Error::Uncertain`] where the
    /// connection broke meanwhile.
    pub async fn commit(self) -> Result<()> {
        let (meter, traffic) = (self.meter.clone(), self.traffic.clone());
        if self.is_nested {
            meter.tick();
            return Ok(self.owned()?.transaction.commit().await?);
        }
        let opened = self.owned()?;
        meter.begun.fetch_add(1, Ordering::SeqCst);
        let span = Text::bare("COMMIT").span(opened.transaction.get_database_backend());
        let committing = async move {
            let asking = Asking::begin(&traffic, &meter, Text::bare("COMMIT"), None);
            let committed = opened.transaction.commit().await.map_err(Error::of_commit);
            drop(asking);
            if committed.as_ref().is_err_and(|error| !matches!(error, Error::Uncertain(_))) {
                meter.begun.fetch_sub(1, Ordering::SeqCst);
            } else {
                meter.ended.fetch_add(1, Ordering::SeqCst);
            }
            committed
        };
        tokio::spawn(committing.instrument(span))
            .await
            .map_err(|error| Error::Uncertain(DbErr::Custom(error.to_string())))?
    }

    /// Takes back everything since the beginning.
    ///
    /// # Errors
    /// When the database cannot be reached (it takes everything back by itself then).
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.meter.tick();
        self.owned()?.transaction.rollback().await
    }

    /// Whether it is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.get_database_backend() == DbBackend::Postgres
    }

    fn ask(&self, text: Text<'_>) -> Asking<'_> {
        let is_of_pool = matches!(self.target, Target::Pool(_));
        let place = is_of_pool.then(|| Place::take(&self.traffic, Side::Read));
        Asking::begin(&self.traffic, &self.meter, text, place)
    }

    fn owned(self) -> Result<Opened, DbErr> {
        match self.target {
            Target::Transaction(opened) => {
                Arc::try_unwrap(opened).map_err(|_| DbErr::Custom("the transaction is still in use".into()))
            }
            Target::Pool(_) => Err(DbErr::Custom("not in a transaction".into())),
        }
    }
}

/// Runs a statement where it belongs, timed and within its span; `rows` says how many an answer has.
macro_rules! forward {
    ($self:ident, $text:expr, $method:ident($argument:expr), $rows:expr) => {{
        let text: Text<'_> = $text;
        let (span, mut asking) = (text.span($self.get_database_backend()), $self.ask(text));
        let answer = async {
            match &$self.target {
                Target::Pool(pool) => pool.$method($argument).await,
                Target::Transaction(opened) => opened.transaction.$method($argument).await,
            }
        };
        let answer = answer.instrument(span).await;
        asking.answered(answer.as_ref().ok().map($rows));
        answer
    }};
}

#[async_trait::async_trait]
impl ConnectionTrait for Conn {
    fn get_database_backend(&self) -> DbBackend {
        match &self.target {
            Target::Pool(pool) => pool.get_database_backend(),
            Target::Transaction(opened) => opened.transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        forward!(self, Text::of(&statement), execute_raw(statement), ExecResult::rows_affected)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        forward!(self, Text::bare(sql), execute_unprepared(sql), ExecResult::rows_affected)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        forward!(self, Text::of(&statement), query_one_raw(statement), |row| u64::from(row.is_some()))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        forward!(self, Text::of(&statement), query_all_raw(statement), |rows| rows.len() as u64)
    }
}
