//! The database, SQLite or PostgreSQL behind one door: pools, transactions, and a count of statements.
//!
//! On SQLite one connection writes and several read (WAL); a transaction that may write begins
//! `IMMEDIATE`, because one that reads first and writes later cannot be waited for. On PostgreSQL one
//! pool does both.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    sqlx::{
        self, Connection, PgConnection,
        pool::PoolConnectionMetadata,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};

/// How long a writer waits for another on SQLite.
const BUSY: Duration = Duration::from_secs(10);

/// How long a connection to PostgreSQL may have rested before it is tried ahead of its use: after the
/// database was away, what lies in the pool is dead; under load the test would cost a round trip each time.
const RESTED: Duration = Duration::from_millis(500);

/// Whether a connection of the pool can be used.
async fn is_alive(connection: &mut PgConnection, rest: PoolConnectionMetadata) -> Result<bool, sqlx::Error> {
    Ok(rest.idle_for < RESTED || connection.ping().await.is_ok())
}

/// The pools of one database.
#[derive(Clone, Debug)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
}

impl Database {
    /// Opens the database at a `sqlite:` or `postgres:` URL, with at most `connections` connections.
    ///
    /// # Errors
    /// When the URL is not understood or the database cannot be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, DbErr> {
        let pool = |most: u32| {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(most)
                .min_connections(1)
                .acquire_timeout(Duration::from_secs(5))
                .test_before_acquire(false)
                .map_sqlx_postgres_pool_opts(|pool| {
                    pool.before_acquire(|connection, rest| Box::pin(is_alive(connection, rest)))
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
            let write = sea_orm::Database::connect(pool(1)).await?;
            let read = sea_orm::Database::connect(pool(connections)).await?;
            Ok(Self { read, write })
        } else {
            let both = sea_orm::Database::connect(pool(connections)).await?;
            Ok(Self { read: both.clone(), write: both })
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

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database cannot be reached or stays locked.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let sqlite_transaction_mode = (!self.is_postgres()).then_some(SqliteTransactionMode::Immediate);
        self.write.begin_with_options(TransactionOptions { sqlite_transaction_mode, ..Default::default() }).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// When it gives none.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.execute_unprepared("SELECT 1").await.map(drop)
    }
}

/// Counts the statements of one request.
#[derive(Debug, Default)]
pub struct Meter(AtomicU32);

impl Meter {
    /// Counts one more.
    pub fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far, `BEGIN` and `COMMIT` included.
    #[must_use]
    pub fn statements(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where a statement goes: the pool, or an open transaction. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Conn {
    target: Target,
    meter: Arc<Meter>,
}

#[derive(Clone, Debug)]
enum Target {
    Pool(DatabaseConnection),
    Transaction(Arc<DatabaseTransaction>),
}

impl Conn {
    /// A connection of the reading pool.
    #[must_use]
    pub fn reader(database: &Database, meter: Arc<Meter>) -> Self {
        Self { target: Target::Pool(database.read.clone()), meter }
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database cannot be reached or stays locked.
    pub async fn begin(database: &Database, meter: Arc<Meter>) -> Result<Self, DbErr> {
        meter.tick();
        let transaction = database.begin().await?;
        Ok(Self { target: Target::Transaction(Arc::new(transaction)), meter })
    }

    /// Begins a transaction within this one: taken back, it leaves alone what was done before it.
    ///
    /// # Errors
    /// When the database cannot be reached, or this is no transaction.
    pub async fn nested(&self) -> Result<Self, DbErr> {
        self.meter.tick();
        match &self.target {
            Target::Transaction(outer) => {
                let inner = outer.begin().await?;
                Ok(Self { target: Target::Transaction(Arc::new(inner)), meter: self.meter.clone() })
            }
            Target::Pool(_) => Err(DbErr::Custom("not in a transaction".into())),
        }
    }

    /// Commits; every clone of this connection must be gone by then.
    ///
    /// # Errors
    /// When the database refuses, or a clone still holds the transaction.
    pub async fn commit(self) -> Result<(), DbErr> {
        self.meter.tick();
        self.owned()?.commit().await
    }

    /// Takes back everything since the beginning.
    ///
    /// # Errors
    /// When the database cannot be reached (it takes everything back by itself then).
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.meter.tick();
        self.owned()?.rollback().await
    }

    /// Whether it is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.get_database_backend() == DbBackend::Postgres
    }

    fn owned(self) -> Result<DatabaseTransaction, DbErr> {
        match self.target {
            Target::Transaction(transaction) => {
                Arc::try_unwrap(transaction).map_err(|_| DbErr::Custom("the transaction is still in use".into()))
            }
            Target::Pool(_) => Err(DbErr::Custom("not in a transaction".into())),
        }
    }
}

macro_rules! forward {
    ($self:ident, $method:ident($argument:expr)) => {{
        $self.meter.tick();
        match &$self.target {
            Target::Pool(pool) => pool.$method($argument).await,
            Target::Transaction(transaction) => transaction.$method($argument).await,
        }
    }};
}

#[async_trait::async_trait]
impl ConnectionTrait for Conn {
    fn get_database_backend(&self) -> DbBackend {
        match &self.target {
            Target::Pool(pool) => pool.get_database_backend(),
            Target::Transaction(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        forward!(self, execute_raw(statement))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        forward!(self, execute_unprepared(sql))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        forward!(self, query_one_raw(statement))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        forward!(self, query_all_raw(statement))
    }
}
