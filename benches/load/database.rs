//! PostgreSQL under load: a private cluster, or the one that is given.

use std::{
    env, fs,
    os::unix::{
        fs::MetadataExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};

use crate::{postgres::Cluster, processes, script::Outcome};

/// Settings of the private cluster beside PostgreSQL's own. What it does now and then on its own account
/// would fall into one run and not into the next one; commits wait for the disk as they should.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=on",
    "synchronous_commit=on",
    "autovacuum=off",
    "checkpoint_timeout=1h",
    "max_wal_size=8GB",
];
/// How long the cluster may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// PostgreSQL under load.
pub struct Postgres {
    /// Where the database is.
    pub url: String,
    /// The process whose children serve the connections.
    postmaster: u32,
    /// What runs it, where it is a private one. Its keeper ends the server first, then deletes the files.
    _private: Option<(Cluster, Child)>,
}

impl Postgres {
    /// The database at a URL, on this machine.
    ///
    /// # Errors
    /// When it cannot be reached, or runs elsewhere.
    pub async fn at(url: &str) -> Outcome<Self> {
        Ok(Self { url: url.to_owned(), postmaster: postmaster(url).await?, _private: None })
    }

    /// An empty database in a cluster of its own: made by the tests, and started again as a server whose
    /// commits last, which the tests' do not.
    ///
    /// # Errors
    /// When the machine has no PostgreSQL, or it does not start.
    pub async fn private() -> Outcome<Self> {
        let cluster = Cluster::start().await?;
        cluster.create_database("load", None).await?;
        let url = cluster.url("load");
        let hasty = postmaster(&url).await?;
        let program = fs::read_link(format!("/proc/{hasty}/exe"))?;
        let data = fs::read_link(format!("/proc/{hasty}/cwd"))?;
        cluster.stop_hard().await?;
        let mut server = start(program, data, port(&url)?)?;
        await_answer(&url, &mut server).await?;
        Ok(Self { postmaster: server.id(), url, _private: Some((cluster, server)) })
    }

    /// Processor time that all its processes used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn used(&self) -> Outcome<Duration> {
        processes::used_with_children(self.postmaster)
    }

    /// Its version.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn version(&self) -> Outcome<String> {
        let connection = connect(&self.url).await?;
        let version = one(&connection, "SHOW server_version").await?.try_get_by_index::<String>(0)?;
        Ok(version.split(' ').next().unwrap_or_default().to_owned())
    }
}

/// A connection of our own.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connect(url: &str) -> Outcome<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Ok(Database::connect(options).await?)
}

/// The only row of an answer.
///
/// # Errors
/// When the database cannot be read, or there is no row.
pub async fn one(connection: &DatabaseConnection, sql: &str) -> Outcome<sea_orm::QueryResult> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    Ok(connection.query_one_raw(statement).await?.ok_or("no row")?)
}

/// The process that started the one which serves our connection.
async fn postmaster(url: &str) -> Outcome<u32> {
    let connection = connect(url).await?;
    let backend: i32 = one(&connection, "SELECT pg_backend_pid()").await?.try_get_by_index(0)?;
    let backend = u32::try_from(backend)?;
    let name = fs::read_to_string(format!("/proc/{backend}/comm")).unwrap_or_default();
    if name.trim_end() != "postgres" {
        return Err("what PostgreSQL uses is read from /proc: it has to run on this machine".into());
    }
    let postmaster = processes::parent(backend)?;
    connection.close().await?;
    Ok(postmaster)
}

fn port(url: &str) -> Outcome<u16> {
    let address = url.rsplit_once(':').map_or("", |(_, rest)| rest);
    Ok(address.split('/').next().unwrap_or_default().parse()?)
}

fn start(program: PathBuf, data: PathBuf, port: u16) -> Outcome<Child> {
    let owner = fs::metadata(&data)?;
    let mut command = Command::new(program);
    command.arg("-D").arg(&data).args(["-p", &port.to_string()]).uid(owner.uid()).gid(owner.gid());
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command.env("LC_ALL", "C").current_dir(data);
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
}

async fn await_answer(url: &str, server: &mut Child) -> Outcome<()> {
    let started = Instant::now();
    loop {
        match connect(url).await {
            Ok(connection) => return Ok(connection.close().await?),
            Err(error) if started.elapsed() > PATIENCE => return Err(error),
            Err(_not_yet) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        if let Some(ended) = server.try_wait()? {
            let how = ended.code().or(ended.signal()).unwrap_or_default();
            return Err(format!("PostgreSQL ended instead of starting ({how})").into());
        }
    }
}

/// Makes the files of the private cluster go to a disk, where waiting for it means something: the tests'
/// go into memory. What it returns is why that was impossible.
pub fn on_disk() -> Option<std::io::Error> {
    const PLACE: &str = "SESAME_TEST_DIR";
    if env::var_os(PLACE).is_some() {
        return None;
    }
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(error) => return Some(error),
    };
    Some(Command::new(program).args(env::args_os().skip(1)).env(PLACE, env::temp_dir()).exec())
}
