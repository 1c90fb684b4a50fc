//! A private PostgreSQL cluster for this test process, thrown away with it.
//!
//! Each cluster has a *keeper*: a small shell that runs `initdb` and `pg_ctl` on
//! our orders, which it reads from a pipe. When the pipe closes (the tests are
//! done, panicked, were interrupted or were killed with SIGKILL), it stops the
//! cluster and deletes its directory. So nothing is left behind, whatever happens.
//!
//! Nearly all tests share [`shared`]; a test that takes the database away from a
//! running server starts a [`Cluster`] of its own.
//!
//! | variable | meaning |
//! | --- | --- |
//! | `SESAME_POSTGRES_BIN` | the one directory to look for `initdb`, `pg_ctl` and `postgres` in |
//! | `SESAME_TEST_DIR` | where the tests keep their files, else `/dev/shm` if it is roomy, else `TMPDIR` |
//! | `SESAME_REQUIRE_POSTGRES=1` | no PostgreSQL is a failure, not a reason to ignore the trials |

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, LazyLock},
};

use parking_lot::Mutex;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use tokio::{
    runtime::{self, Runtime},
    sync::{OnceCell, Semaphore, SemaphorePermit},
};

/// Enough for [`CONCURRENT_TRIALS`] trials with two servers of ten connections each.
const MAX_CONNECTIONS: usize = 300;

/// How many trials may use the shared cluster at a time, however many cores there are.
const CONCURRENT_TRIALS: usize = 12;

/// The role the tests connect as: it owns its databases and may do nothing else,
/// as in production.
const ROLE: &str = "sesame";

const SUPERUSER: &str = "postgres";

const REQUIRE: &str = "SESAME_REQUIRE_POSTGRES";

const TOOLS_OVERRIDE: &str = "SESAME_POSTGRES_BIN";

/// What the keeper does. It ignores signals, since only the closed pipe says that we
/// are gone, and SIGPIPE, since we may go before we have read its answer.
const KEEPER: &str = r#"
trap '' HUP INT PIPE TERM
cd "$DIRECTORY" || exit 1
quietly() { "$@" </dev/null >>log 2>&1; }
answer() { if quietly "$@"; then echo ok; else echo failed; fi; }
while read -r order argument; do
    case "$order" in
        init)
            echo "$argument" >password
            answer "$TOOLS/initdb" -D data -U postgres --auth=password --pwfile=password \
                --encoding=UTF8 --locale=C --no-sync ;;
        start) answer "$TOOLS/pg_ctl" start -D data -w -t 60 -o "-p $argument $OPTIONS" ;;
        stop) answer "$TOOLS/pg_ctl" stop -D data -w -t 60 -m immediate ;;
    esac
done
quietly "$TOOLS/pg_ctl" stop -D data -w -t 60 -m immediate
cd / && rm -rf "$DIRECTORY"
"#;

/// Where the admin connections live and blocking work is done: every trial has a
/// runtime of its own, and a connection dies with the runtime that opened it.
static BACKSTAGE: LazyLock<Runtime> = LazyLock::new(|| {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("backstage")
        .enable_all()
        .build()
        .expect("a runtime for the admin connections")
});

/// The directory of PostgreSQL's programs, if this machine has them.
static TOOLS: LazyLock<Option<PathBuf>> = LazyLock::new(find_tools);

/// Where the tests keep their files, preferably in memory: a copy of a template is many
/// small files, and on a busy disk that took five times as long.
pub static FILES: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = || Some(PathBuf::from("/dev/shm")).filter(|it| is_roomy(it));
    env::var_os("SESAME_TEST_DIR").map(PathBuf::from).or_else(memory).unwrap_or_else(env::temp_dir)
});

/// The result is kept, too: what failed once is not tried again for every trial.
static SHARED: OnceCell<Result<Cluster, String>> = OnceCell::const_new();

static GATE: Semaphore = Semaphore::const_new(CONCURRENT_TRIALS);

/// Whether the trials on PostgreSQL are to be reported as ignored.
pub fn is_missing() -> bool {
    TOOLS.is_none() && env::var_os(REQUIRE).is_none_or(|value| value != "1")
}

/// What to tell a person whose machine has no PostgreSQL.
pub fn how_to_get_it() -> String {
    format!(
        "no PostgreSQL found (initdb, pg_ctl and postgres, on PATH or in \
         /usr/lib/postgresql/*/bin): install it or name its directory in {TOOLS_OVERRIDE}; \
         {REQUIRE}=1 makes its absence a failure"
    )
}

/// Waits for a place among the trials on PostgreSQL, and starts the shared cluster
/// for the first of them. To be called outside of any runtime.
pub fn admit() -> Result<SemaphorePermit<'static>, String> {
    BACKSTAGE.block_on(async {
        let permit = GATE.acquire().await.map_err(|error| error.to_string())?;
        shared().await?;
        Ok(permit)
    })
}

/// The cluster shared by all trials of this process.
pub async fn shared() -> Result<&'static Cluster, String> {
    SHARED.get_or_init(Cluster::start).await.as_ref().map_err(Clone::clone)
}

/// Stops and deletes the shared cluster, if it was ever started: statics are not dropped.
pub fn stop_shared() {
    if let Some(Ok(cluster)) = SHARED.get() {
        cluster.keeper.lock().take();
    }
}

/// Drops a database of the shared cluster; see [`Cluster::drop_database_later`].
pub fn drop_shared_database(name: &str) {
    if let Some(Ok(cluster)) = SHARED.get() {
        cluster.drop_database_later(name);
    }
}

/// A running cluster; dropping it stops and deletes it.
pub struct Cluster {
    port: u16,
    password: String,
    admin: DatabaseConnection,
    keeper: Arc<Mutex<Option<Keeper>>>,
}

impl Cluster {
    /// A new cluster on a free port of the loopback interface: a server refused by TCP
    /// behaves as in production, one without its socket file does not.
    pub async fn start() -> Result<Self, String> {
        let password = format!("{:032x}", rand::random::<u128>());
        let initial = password.clone();
        let (keeper, port) = backstage(move || Keeper::with_running_cluster(&initial)).await?;
        let cluster = Self {
            admin: admin_connection(url(SUPERUSER, &password, port, "postgres")).await?,
            keeper: Arc::new(Mutex::new(Some(keeper))),
            port,
            password,
        };
        cluster.create_role().await?;
        Ok(cluster)
    }

    /// How the tests' role reaches a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        url(ROLE, &self.password, self.port, database)
    }

    /// A new database, empty or a copy of `template`.
    pub async fn create_database(&self, name: &str, template: Option<&str>) -> Result<(), String> {
        let template = template.map(|it| format!(" TEMPLATE {it}")).unwrap_or_default();
        self.execute(format!("CREATE DATABASE {name} OWNER {ROLE}{template}")).await
    }

    /// Makes a template of a database: nobody is connected to it from now on, since
    /// PostgreSQL copies no database in use.
    pub async fn seal_database(&self, name: &str) -> Result<(), String> {
        self.execute(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await?;
        self.execute(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await
    }

    /// Drops a database and whoever is still connected to it. Nobody waits for it: it
    /// is called from destructors, and the whole cluster goes away soon after.
    pub fn drop_database_later(&self, name: &str) {
        let (admin, name) = (self.admin.clone(), name.to_owned());
        BACKSTAGE.spawn(async move {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = admin.execute_unprepared(&drop).await;
        });
    }

    /// Runs a statement as the superuser.
    pub async fn execute(&self, sql: String) -> Result<(), String> {
        let admin = self.admin.clone();
        let run = async move {
            let result = admin.execute_unprepared(&sql).await;
            result.map(drop).map_err(|error| format!("{sql}: {error}"))
        };
        BACKSTAGE.spawn(run).await.map_err(|error| error.to_string())?
    }

    /// Stops the cluster as a crash would: sessions end in the middle of what they do,
    /// and nothing is written in an orderly way. What was committed is there after
    /// [`Self::restart`].
    pub async fn stop_hard(&self) -> Result<(), String> {
        self.order("stop".to_owned()).await
    }

    /// Starts the cluster again after [`Self::stop_hard`], on the same port.
    pub async fn restart(&self) -> Result<(), String> {
        self.order(format!("start {}", self.port)).await
    }

    async fn order(&self, order: String) -> Result<(), String> {
        let keeper = Arc::clone(&self.keeper);
        backstage(move || match keeper.lock().as_mut() {
            Some(keeper) => keeper.order(&order),
            None => Err("this cluster is gone".to_owned()),
        })
        .await
    }

    /// The tests connect many hundred times, and a password costs PostgreSQL 8 ms of
    /// hashing each time unless told to hash it lightly.
    async fn create_role(&self) -> Result<(), String> {
        self.execute(format!(
            "DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 160000
                THEN PERFORM set_config('scram_iterations', '1', true);
                ELSE PERFORM set_config('password_encryption', 'md5', true);
                END IF;
                CREATE ROLE {ROLE} LOGIN PASSWORD '{password}';
            END $$",
            password = self.password,
        ))
        .await
    }
}

fn url(role: &str, password: &str, port: u16, database: &str) -> String {
    format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}")
}

async fn admin_connection(url: String) -> Result<DatabaseConnection, String> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false);
    let connection = BACKSTAGE.spawn(Database::connect(options)).await;
    connection.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

/// Runs blocking work where it does not stall the server under test.
async fn backstage<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    BACKSTAGE.spawn_blocking(work).await.map_err(|error| error.to_string())?
}

/// Our end of the pipes to the shell that runs one cluster.
struct Keeper {
    shell: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    directory: TempDir,
}

impl Keeper {
    fn with_running_cluster(password: &str) -> Result<(Self, u16), String> {
        let mut keeper = Self::hire()?;
        keeper.order(&format!("init {password}"))?;
        let port = keeper.start_on_free_port()?;
        Ok((keeper, port))
    }

    fn hire() -> Result<Self, String> {
        let tools = TOOLS.as_deref().ok_or_else(how_to_get_it)?;
        let directory = tempfile::Builder::new().prefix("sesame-postgres-").tempdir_in(&*FILES);
        let directory = directory.map_err(|error| format!("no directory for PostgreSQL: {error}"))?;
        let mut command = watchdog(KEEPER);
        command
            .envs([("TOOLS", tools), ("DIRECTORY", directory.path())])
            .env("OPTIONS", server_options())
            .env("LC_ALL", "C")
            .current_dir("/");
        run_unprivileged(&mut command, directory.path())?;
        let mut shell = command.spawn().map_err(|error| format!("sh: {error}"))?;
        Ok(Self {
            orders: shell.stdin.take(),
            answers: BufReader::new(shell.stdout.take().expect("stdout is piped")),
            shell,
            directory,
        })
    }

    /// A port that is free now may be taken the next moment, hence several attempts.
    fn start_on_free_port(&mut self) -> Result<u16, String> {
        let mut outcome = Err(String::new());
        for _ in 0..5 {
            let port = free_port()?;
            outcome = self.order(&format!("start {port}")).map(|()| port);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn order(&mut self, order: &str) -> Result<(), String> {
        let mut answer = String::new();
        let told = match self.orders.as_mut() {
            Some(orders) => writeln!(orders, "{order}"),
            None => Ok(()),
        };
        let heard = told.and_then(|()| self.answers.read_line(&mut answer));
        match heard {
            Ok(_) if answer.trim_end() == "ok" => Ok(()),
            _ => Err(self.complaint(order)),
        }
    }

    fn complaint(&self, order: &str) -> String {
        let verb = order.split(' ').next().unwrap_or_default();
        let directory = self.directory.path();
        let log = fs::read_to_string(directory.join("log"))
            .unwrap_or_else(|_| "no log: may its user enter this directory? see SESAME_TEST_DIR".to_owned());
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        format!("PostgreSQL in {}: \"{verb}\" failed:\n{tail}", directory.display())
    }
}

impl Drop for Keeper {
    /// The closed pipe is the order to stop and to delete everything.
    fn drop(&mut self) {
        self.orders.take();
        let _ = self.shell.wait();
    }
}

/// A shell that learns of this process's end, even by SIGKILL, from the end of its
/// standard input. In a process group of its own it is out of Ctrl-C's reach.
pub fn watchdog(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script, "sesame-test-watchdog"])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Fast, since losing everything in a power cut is fine here, but a crash of the server
/// alone loses no commit: tests rely on that. Autovacuum would only disturb timings.
fn server_options() -> String {
    [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        &format!("max_connections={MAX_CONNECTIONS}"),
        "fsync=off",
        "full_page_writes=off",
        "max_wal_size=256MB",
        "autovacuum=off",
        "jit=off",
        "timezone=UTC",
        "log_timezone=UTC",
    ]
    .map(|setting| format!("-c {setting}"))
    .join(" ")
}

/// Containers tend to have 64 MB of shared memory, which would be full in no time.
fn is_roomy(directory: &Path) -> bool {
    const WANTED_KILOBYTES: u64 = 2 << 20;
    let output = Command::new("df").arg("-Pk").arg(directory).output();
    let table = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    let available = table.lines().nth(1).and_then(|line| line.split_whitespace().nth(3));
    available.and_then(|it| it.parse().ok()).is_some_and(|it: u64| it >= WANTED_KILOBYTES)
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free port: {error}"))
}

/// PostgreSQL refuses to run as root, so root hands it and its directory to someone else.
fn run_unprivileged(command: &mut Command, directory: &Path) -> Result<(), String> {
    let in_directory = |error| format!("{}: {error}", directory.display());
    let am_root = fs::metadata(directory).map_err(in_directory)?.uid() == 0;
    if am_root {
        let (uid, gid) = unprivileged_user()?;
        chown(directory, Some(uid), Some(gid)).map_err(in_directory)?;
        command.uid(uid).gid(gid);
    }
    Ok(())
}

fn unprivileged_user() -> Result<(u32, u32), String> {
    let users = fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
    let ids = |name: &str| {
        let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let user = fields.find(|fields| fields[0] == name)?;
        Some((user.get(2)?.parse().ok()?, user.get(3)?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .ok_or_else(|| "PostgreSQL will not run as root, and there is no user postgres or nobody".to_owned())
}

fn find_tools() -> Option<PathBuf> {
    if let Some(only) = env::var_os(TOOLS_OVERRIDE) {
        return complete(PathBuf::from(only));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(installed_versions()).find_map(complete)
}

/// `directory`, or the one its `initdb` is a link into, if all programs are there.
fn complete(directory: PathBuf) -> Option<PathBuf> {
    let initdb = directory.join("initdb").canonicalize().ok()?;
    [directory, initdb.parent()?.to_owned()]
        .into_iter()
        .find(|it| ["initdb", "pg_ctl", "postgres"].iter().all(|tool| it.join(tool).is_file()))
}

/// Where Debian keeps the programs, the newest version first.
fn installed_versions() -> Vec<PathBuf> {
    let entries = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> =
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path()))).collect();
    versions.sort();
    versions.into_iter().rev().map(|(_, path)| path.join("bin")).collect()
}
