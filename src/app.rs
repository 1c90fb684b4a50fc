//! The running server: what every request shares.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use migration::MigratorTrait;
use object_store::{ObjectStore, local::LocalFileSystem};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, EntityTrait};

use ::entity::{platform::policy_version, vocabulary::SessionId};

use crate::{
    authz::{self, Caller, PermissionSet, Policy, View, history, policy},
    clock::Clock,
    config::Settings,
    db::{Conn, Database},
    error::{Error, Result},
    files,
    graphql::Schemas,
    identity::{self, Directory, Issuer, oidc::Provider, roles},
    live::{Connections, Findings},
    manifests::Manifests,
    observe::{Metrics, Readings},
    outbox::Outbox,
    outgoing::{self, Guard},
    rates::Rates,
    webhooks,
    work_queue::Hub,
};

/// What every request shares.
pub struct App {
    /// The settings in force.
    pub settings: Settings,
    /// The database.
    pub database: Database,
    /// Where the present comes from.
    pub clock: Clock,
    /// Events on their way to whoever watches.
    pub outbox: Outbox,
    /// The schemas, one per set of permissions.
    pub schemas: Schemas,
    /// Who is known to this process.
    pub directory: Directory,
    /// Makes and reads access tokens.
    pub issuer: Issuer,
    /// The issuer outside that signs people in, where there is one.
    pub oidc: Option<Provider>,
    /// Where files are kept.
    pub files: Arc<dyn ObjectStore>,
    /// Connections that live as long as their caller's rights.
    pub connections: Connections,
    /// What those who follow events find out together.
    pub findings: Findings,
    /// The documents that clients may ask for by id.
    pub manifests: Manifests,
    /// What each has left to ask for.
    pub rates: Rates,
    /// What is counted while the server runs.
    pub metrics: Arc<Metrics>,
    /// What the database said of itself last.
    pub readings: Readings,
    /// Sends webhooks to whom they may be sent.
    pub outgoing: Guard,
    /// News of the queues on their way to whoever follows them.
    pub queues: Arc<Hub>,
    policy: ArcSwap<Policy>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl App {
    /// Opens the database, brings it up to date, and loads the policy.
    ///
    /// # Errors
    /// When the data folder or the database cannot be used, or its schema is newer than this program.
    pub async fn open(settings: Settings, clock: Clock) -> Result<Arc<Self>> {
        settings.check().map_err(|e| Error::Internal(e.into()))?;
        let fault = |e: std::io::Error| Error::Internal(e.into());
        let files = files(&settings)?;
        let issuer = Issuer::open(&settings).map_err(fault)?;
        let oidc = settings.oidc.clone().map(Provider::new).transpose().map_err(|e| Error::Internal(e.into()))?;
        prepare(&settings).await?;
        let rules = settings.webhooks.rules();
        let outgoing = Guard::new(rules, Arc::new(outgoing::System));
        let seconds = u64::try_from(settings.limits.seconds).unwrap_or(u64::MAX);
        let (url, connections) = (&settings.database_url, settings.database_connections);
        let database = Database::serve(url, connections, Duration::from_secs(seconds)).await?;
        database.traffic().tell_from(Duration::from_millis(settings.slow_statement_ms));
        let policy = load_policy(&database, &clock).await?;
        keep_history(&database).await?;
        crate::playbook::install(database.writer()).await?;
        let schemas = Schemas::new(settings.limits.clone());
        let app = Self {
            policy: ArcSwap::from_pointee(policy),
            manifests: Manifests::default(),
            rates: Rates::new(&settings.limits, database.is_postgres()),
            metrics: Arc::new(Metrics::new(schemas.needs().fields())),
            readings: Readings::default(),
            schemas,
            settings,
            database,
            clock,
            outbox: Outbox::default(),
            directory: Directory::default(),
            issuer,
            oidc,
            files,
            connections: Connections::default(),
            findings: Findings::default(),
            outgoing,
            queues: Arc::default(),
        };
        Ok(Arc::new(app))
    }

    /// Starts what runs beside the requests: the outbox, and whatever follows its events. What ends by
    /// itself is begun again.
    pub fn start(self: &Arc<Self>) -> Background {
        let app = || self.clone();
        let (feeding, following, telling, watching) = (app(), app(), app(), app());
        let mut tasks = vec![
            supervised("following events", move || {
                let (app, events) = (following.clone(), following.outbox.watch());
                async move { app.follow(events).await }
            }),
            supervised("the queues' news", move || {
                let (queues, news) = (telling.queues.clone(), telling.outbox.watch());
                async move { queues.run(news).await }
            }),
            supervised("the outbox", move || {
                let app = feeding.clone();
                async move { app.outbox.run(app.database.clone()).await }
            }),
            supervised("watching the outbox", move || forget_while_late(watching.clone())),
        ];
        let (keeping, sealing, sweeping, forgetting) = (app(), app(), app(), app());
        if self.database.is_postgres() {
            tasks.push(supervised("keeping the policy", move || keep_policy(keeping.clone())));
        }
        let rating = app();
        tasks.push(supervised("keeping the rate limits", move || crate::rates::keep(rating.clone())));
        tasks.push(supervised("sealing events", move || crate::audit::seal_all(sealing.clone())));
        tasks.push(supervised("sweeping files", move || files::sweep_hourly(sweeping.clone())));
        tasks.push(supervised("forgetting what is over", move || forget_hourly(forgetting.clone())));
        let waking = app();
        tasks.push(supervised("waking deals", move || crate::opportunities::wake_daily(waking.clone())));
        let (noting, reading) = (app(), app());
        tasks.push(supervised("noting the use of keys", move || crate::identity::note_uses(noting.clone())));
        if self.oidc.is_some() {
            tasks.push(supervised("reading the issuer's keys", move || read_issuer(reading.clone())));
        }
        let telling = app();
        tasks.push(supervised("webhooks", move || webhooks::run(telling.clone())));
        Background(tasks)
    }

    /// Keeps what this process remembers in step with what any process changes.
    async fn follow(&self, mut events: tokio::sync::broadcast::Receiver<Arc<::entity::platform::event::Model>>) {
        use tokio::sync::broadcast::error::RecvError;
        // Begun again, it knows nothing of what happened meanwhile.
        self.directory.forget();
        loop {
            let (people, policy, documents, session) = match events.recv().await {
                Ok(event) => {
                    self.metrics.told(event.at, self.clock.now());
                    (
                        event.kind.starts_with("identity."),
                        event.kind.starts_with("policy."),
                        event.kind.starts_with("operations."),
                        (event.kind == "identity.session_ended").then_some(SessionId(event.subject_id)),
                    )
                }
                Err(RecvError::Lagged(_)) => (true, true, true, None),
                Err(RecvError::Closed) => return,
            };
            if people {
                self.directory.forget();
            }
            if documents {
                self.manifests.forget();
            }
            if policy && let Err(error) = self.reload_policy().await {
                tracing::error!(error = &error as &dyn std::error::Error, "the policy cannot be read again");
            }
            if people || policy {
                self.connections.look_again(session);
            }
        }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Reads the policy again.
    ///
    /// # Errors
    /// When the database cannot be read; the policy in force stays.
    pub async fn reload_policy(&self) -> Result<()> {
        let read = Arc::new(load_policy(&self.database, &self.clock).await?);
        // Two may read at once: the later version stays.
        self.policy.rcu(|held| if held.version > read.version { held.clone() } else { read.clone() });
        self.directory.forget();
        Ok(())
    }

    /// What somebody, or nobody, may do.
    #[must_use]
    pub fn permissions_of(&self, caller: Option<&Caller>) -> PermissionSet {
        match caller {
            Some(caller) => caller.permissions,
            None => self.policy.load().view.rights([authz::ANONYMOUS]).permissions(),
        }
    }
}

/// The tasks beside the requests; dropping it ends them.
#[derive(Debug)]
pub struct Background(Vec<tokio::task::JoinHandle<()>>);

impl Drop for Background {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Pause before what ended is begun again.
const BREATH: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 1000 });

/// Runs something that never ends, and begins it again, with a word in the log, where it does. The first
/// time, `begin` is called before this returns.
fn supervised<F>(name: &'static str, mut begin: impl FnMut() -> F + Send + 'static) -> tokio::task::JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut running = begin();
    tokio::spawn(async move {
        loop {
            match AssertUnwindSafe(running).catch_unwind().await {
                Ok(()) => tracing::error!(task = name, "a task beside the requests has ended; it is begun again"),
                Err(_panic) => tracing::error!(task = name, "a task beside the requests panicked; it is begun again"),
            }
            tokio::time::sleep(BREATH).await;
            running = begin();
        }
    })
}

/// Follows what the issuer publishes.
async fn read_issuer(app: Arc<App>) {
    match &app.oidc {
        Some(issuer) => issuer.follow().await,
        None => std::future::pending().await,
    }
}

/// How often the outbox is looked after.
const WATCH: Duration = Duration::from_secs(1);
/// While the outbox is stuck, the sockets look at their rights once in so many of these.
const LOOKS: u32 = 10;

/// While the outbox is stuck, nothing is remembered that an event might contradict.
async fn forget_while_late(app: Arc<App>) {
    let mut late = 0_u32;
    loop {
        tokio::time::sleep(WATCH).await;
        if !app.outbox.is_late() {
            late = 0;
            continue;
        }
        app.directory.forget();
        if late.is_multiple_of(LOOKS) {
            tracing::error!("the outbox is stuck: nothing is remembered until it goes on");
            app.connections.look_again(None);
        }
        late = late.wrapping_add(1);
    }
}

/// How often a process looks at the policy's version though no event told of a change (G-6).
const POLICY_TICK: Duration = Duration::from_millis(500);

/// How long such a look may take.
const POLICY_LOOK: Duration = Duration::from_secs(3);

/// Follows changes of the policy that other processes made, should their events be late. On SQLite there
/// is no other process.
async fn keep_policy(app: Arc<App>) {
    let mut ticks = tokio::time::interval(POLICY_TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(POLICY_LOOK, catch_up_with_policy(&app)).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => app.connections.look_again(None),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the policy cannot be read again")
            }
            Err(_elapsed) => tracing::warn!("the policy cannot be read: the database takes too long"),
        }
    }
}

/// Reads the policy again where it is no longer the one in force; whether it was.
async fn catch_up_with_policy(app: &App) -> Result<bool> {
    let version = policy::version(app.database.reader()).await?;
    let is_old = version.is_some_and(|version| version > app.policy().version);
    if is_old {
        app.reload_policy().await?;
    }
    Ok(is_old)
}

/// Where files are kept: in the data folder.
///
/// # Errors
/// When the folder cannot be made.
pub fn files(settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    let uploads = settings.data.join("uploads");
    std::fs::create_dir_all(&uploads).map_err(|e| Error::Internal(e.into()))?;
    let files = LocalFileSystem::new_with_prefix(&uploads).map_err(|e| Error::Internal(e.into()))?;
    // Durable before it is acknowledged (K-1).
    Ok(Arc::new(files.with_fsync(true).with_automatic_cleanup(true)))
}

/// Brings the schema up to date, on connections that may take their time: one to work on, one for its turn.
async fn prepare(settings: &Settings) -> Result<()> {
    let database = Database::connect(&settings.database_url, 2).await?;
    migrate(&database).await?;
    database.close().await?;
    Ok(())
}

/// Forgets every hour what nobody needs any more: old answers, and sessions that are over.
async fn forget_hourly(app: Arc<App>) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        let forgotten = async {
            crate::action::forget_answers(&app).await?;
            crate::identity::forget_sessions(&app).await?;
            webhooks::forget(&app).await
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "what is over cannot be forgotten now");
        }
    }
}

/// The advisory lock of whoever changes the schema.
const MIGRATING: i64 = 0x5e5a_3e04;

/// Waits until no other process changes the schema; none does until this is dropped. On SQLite there is no other.
async fn turn(database: &Database) -> Result<Option<DatabaseTransaction>> {
    if !database.is_postgres() {
        return Ok(None);
    }
    let turn = database.begin().await?;
    turn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
    Ok(Some(turn))
}

/// Brings the database's schema up to date, one process at a time: the others find it done. On PostgreSQL it
/// takes two connections.
///
/// # Errors
/// When a step fails, or the schema is newer than this program.
pub async fn migrate(database: &Database) -> Result<()> {
    migrate_by(database, None).await
}

/// Brings the database's schema so many steps forward, or up to date.
///
/// # Errors
/// As [`migrate`].
pub async fn migrate_by(database: &Database, steps: Option<u32>) -> Result<()> {
    let turn = turn(database).await?;
    let done = migration::Migrator::up(database.writer(), steps).await;
    if let Some(turn) = turn {
        turn.rollback().await?;
    }
    done.map_err(|error| {
        let text = error.to_string();
        if text.contains("missing") {
            Error::defect(format!("the database's schema is newer than this program: {text}"))
        } else {
            error.into()
        }
    })
}

/// Reads the policy, after loading the shipped one and its roles into a new database.
async fn load_policy(database: &Database, clock: &Clock) -> Result<Policy> {
    let found = policy::in_force(database.reader()).await?;
    let (version, lines) = match found {
        Some(found) => found,
        None => {
            install_shipped(database, clock).await?;
            policy::in_force(database.reader()).await?.ok_or_else(|| Error::defect("no policy after loading it"))?
        }
    };
    let view = View::compile(policy::MODEL, &lines).await.map_err(|e| Error::Internal(e.into()))?;
    Ok(Policy { version, view })
}

/// Notes which lines the policy has, where its history does not tell yet: a step of the schema may have added some.
async fn keep_history(database: &Database) -> Result<()> {
    let conn = Conn::begin(database, Arc::default()).await?;
    identity::store::one_at_a_time(&conn).await?;
    history::keep_up(&conn).await?;
    conn.commit().await
}

async fn install_shipped(database: &Database, clock: &Clock) -> Result<()> {
    let lines = policy::shipped().map_err(|e| Error::Internal(e.into()))?;
    let transaction = database.begin().await?;
    let first = policy_version::ActiveModel {
        version: Set(1),
        changed_at: Set(clock.now()),
        changed_by_id: Set(None),
        reason: Set("shipped".into()),
    };
    match policy_version::Entity::insert(first).exec_without_returning(&transaction).await {
        Ok(_) => {}
        // Another process was faster.
        Err(error) if crate::error::is_duplicate(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    policy::insert(&transaction, lines).await?;
    roles::install(&transaction).await?;
    Ok(transaction.commit().await?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_ends_or_panics_is_begun_again() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = begun.clone();
        let task = supervised("a test", move || {
            let time = counted.fetch_add(1, Ordering::SeqCst);
            async move { assert!(time.is_multiple_of(2), "a panic of the test's own") }
        });
        assert_eq!(begun.load(Ordering::SeqCst), 1, "begun at once");
        let often = async {
            while begun.load(Ordering::SeqCst) < 4 {
                tokio::time::sleep(BREATH).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), often).await.expect("begun again, and again");
        task.abort();
    }
}
