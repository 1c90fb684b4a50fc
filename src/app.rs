//! The running server: what every request shares.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use migration::MigratorTrait;
use object_store::{ObjectStore, local::LocalFileSystem};
use sea_orm::{ActiveValue::Set, EntityTrait};

use ::entity::{platform::policy_version, vocabulary::SessionId};

use crate::{
    authz::{self, Caller, PermissionSet, Policy, View, policy},
    clock::Clock,
    config::Settings,
    db::Database,
    error::{Error, Result},
    files,
    graphql::Schemas,
    identity::{Directory, Issuer, roles},
    live::Connections,
    outbox::Outbox,
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
    /// Where files are kept.
    pub files: Arc<dyn ObjectStore>,
    /// Connections that live as long as their caller's rights.
    pub connections: Connections,
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
        let fault = |e: std::io::Error| Error::Internal(e.into());
        let uploads = settings.data.join("uploads");
        std::fs::create_dir_all(&uploads).map_err(fault)?;
        let issuer = Issuer::open(&settings).map_err(fault)?;
        let files = LocalFileSystem::new_with_prefix(&uploads).map_err(|e| Error::Internal(e.into()))?;
        // Durable before it is acknowledged (K-1).
        let files = files.with_fsync(true).with_automatic_cleanup(true);
        let database = Database::connect(&settings.database_url, settings.database_connections).await?;
        migrate(&database).await?;
        let app = Self {
            policy: ArcSwap::from_pointee(load_policy(&database, &clock).await?),
            schemas: Schemas::new(settings.limits.clone()),
            settings,
            database,
            clock,
            outbox: Outbox::default(),
            directory: Directory::default(),
            issuer,
            files: Arc::new(files),
            connections: Connections::default(),
            queues: Arc::default(),
        };
        Ok(Arc::new(app))
    }

    /// Starts what runs beside the requests: the outbox, and whatever follows its events.
    pub fn start(self: &Arc<Self>) -> Background {
        let feeding = self.clone();
        let following = self.clone();
        let telling = self.queues.clone();
        let (events, news) = (self.outbox.watch(), self.outbox.watch());
        Background(vec![
            tokio::spawn(async move { feeding.outbox.run(feeding.database.clone()).await }),
            tokio::spawn(async move { following.follow(events).await }),
            tokio::spawn(keep_policy(self.clone())),
            tokio::spawn(async move { telling.run(news).await }),
            tokio::spawn(crate::audit::seal_all(self.clone())),
            tokio::spawn(files::sweep_hourly(self.clone())),
            tokio::spawn(crate::action::forget_answers_hourly(self.clone())),
        ])
    }

    /// Keeps what this process remembers in step with what any process changes.
    async fn follow(&self, mut events: tokio::sync::broadcast::Receiver<Arc<::entity::platform::event::Model>>) {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            let (people, policy, session) = match events.recv().await {
                Ok(event) => (
                    event.kind.starts_with("identity."),
                    event.kind.starts_with("policy."),
                    (event.kind == "identity.session_ended").then_some(SessionId(event.subject_id)),
                ),
                Err(RecvError::Lagged(_)) => (true, true, None),
                Err(RecvError::Closed) => return,
            };
            if people {
                self.directory.forget();
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

/// How often a process looks at the policy's version though no event told of a change (G-6).
const POLICY_TICK: Duration = Duration::from_millis(500);

/// Follows changes of the policy that other processes made, should their events be late. On SQLite there
/// is no other process.
async fn keep_policy(app: Arc<App>) {
    let mut ticks = tokio::time::interval(POLICY_TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while app.database.is_postgres() {
        ticks.tick().await;
        let is_old = match policy::version(app.database.reader()).await {
            Ok(version) => version.is_some_and(|version| version > app.policy().version),
            Err(error) => {
                tracing::debug!(%error, "the policy's version cannot be read");
                false
            }
        };
        if is_old {
            match app.reload_policy().await {
                Ok(()) => app.connections.look_again(None),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the policy cannot be read again")
                }
            }
        }
    }
}

/// Brings the database's schema up to date.
///
/// # Errors
/// When a step fails, or the schema is newer than this program.
pub async fn migrate(database: &Database) -> Result<()> {
    migration::Migrator::up(database.writer(), None).await.map_err(|error| {
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
