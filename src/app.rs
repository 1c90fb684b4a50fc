//! The running server: what every request shares.

use std::sync::Arc;

use arc_swap::ArcSwap;
use migration::MigratorTrait;
use object_store::{ObjectStore, local::LocalFileSystem};
use sea_orm::{ActiveValue::Set, EntityTrait};

use ::entity::platform::policy_version;

use crate::{
    authz::{self, Caller, PermissionSet, Policy, View, policy},
    clock::Clock,
    config::Settings,
    db::Database,
    error::{Error, Result},
    graphql::Schemas,
    identity::{Directory, Issuer},
    outbox::Outbox,
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
        };
        Ok(Arc::new(app))
    }

    /// Starts what runs beside the requests: the outbox, and whatever follows its events.
    pub fn start(self: &Arc<Self>) -> Background {
        let feeding = self.clone();
        let following = self.clone();
        let events = self.outbox.watch();
        Background(vec![
            tokio::spawn(async move { feeding.outbox.run(feeding.database.clone()).await }),
            tokio::spawn(async move { following.follow(events).await }),
        ])
    }

    /// Keeps what this process remembers in step with what any process changes.
    async fn follow(&self, mut events: tokio::sync::broadcast::Receiver<Arc<::entity::platform::event::Model>>) {
        use tokio::sync::broadcast::error::RecvError;
        loop {
            let (people, policy) = match events.recv().await {
                Ok(event) => (event.kind.starts_with("identity."), event.kind.starts_with("policy.")),
                Err(RecvError::Lagged(_)) => (true, true),
                Err(RecvError::Closed) => return,
            };
            if people {
                self.directory.forget();
            }
            if policy && let Err(error) = self.reload_policy().await {
                tracing::error!(error = &error as &dyn std::error::Error, "the policy cannot be read again");
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
        self.policy.store(Arc::new(load_policy(&self.database, &self.clock).await?));
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

/// Reads the policy, after loading the shipped one into a new database.
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
    Ok(transaction.commit().await?)
}
