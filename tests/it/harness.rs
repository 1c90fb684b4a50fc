//! Registers and runs the trials of this binary.
//!
//! libtest cannot ignore a test at run time, nor run one test on two databases; so
//! `libtest-mimic` runs this binary, with one trial per test and database. A context's
//! file lists its tests, and a forgotten one is a dead-code warning:
//!
//! ```ignore
//! pub fn trials() -> Vec<Trial> {
//!     trials![
//!         both o20_auto_validation,                        // orders::o20_auto_validation::sqlite, …::postgres
//!         postgres(threads = 2, seconds = 300) k2_race,    // only there, on two threads, with more time
//!         once b3_rounding,                                // no database
//!     ]
//! }
//!
//! async fn o20_auto_validation(backend: Backend) {
//!     let db = TestDb::from_template(backend, "seeded", async |url| seed(url).await).await;
//! }
//! ```
//!
//! A trial runs in a thread and a runtime of its own. A panic fails it, and so does a
//! hang, be it of a future or of the whole thread.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::{Child, ExitCode},
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use libtest_mimic::{Arguments, Failed};
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use tempfile::TempDir;
use tokio::{runtime, sync::OnceCell, time};

pub use libtest_mimic::Trial;

use crate::postgres;

/// What a hung trial gets beyond its limit to end by itself before its thread is given up.
const GRACE: Duration = Duration::from_secs(10);

/// Unoptimised futures are large; this costs address space only.
const STACK: usize = 16 << 20;

/// Lists trials as `kind path::to::test`, the kind being a function of this module.
macro_rules! trials {
    ($($kind:ident $(($($limit:ident = $value:expr),+))? $test:path),* $(,)?) => {
        [$(
            $crate::harness::$kind(
                concat!(module_path!(), "::", stringify!($test)),
                $crate::harness::Limits::default()$($(.$limit($value))+)?,
                $test,
            )
        ),*]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
    };
}
pub(crate) use trials;

/// What a trial may use.
#[derive(Clone, Copy)]
pub struct Limits {
    /// One: everything of the trial runs on its own thread, which is fastest.
    pub threads: usize,
    pub seconds: u64,
}

impl Limits {
    /// With so many threads.
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// With so much time.
    pub fn seconds(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { threads: 1, seconds: 120 }
    }
}

/// A test of what must hold on both databases.
pub fn both<F: Future<Output = ()> + 'static>(
    name: &str,
    limits: Limits,
    test: impl Fn(Backend) -> F + Send + Sync + 'static,
) -> Vec<Trial> {
    let test = Arc::new(test);
    [Backend::Sqlite, Backend::Postgres]
        .map(|backend| {
            let test = Arc::clone(&test);
            trial_on(backend, name, limits, move || test(backend))
        })
        .into()
}

/// A test of what only SQLite has.
pub fn sqlite<F: Future<Output = ()> + 'static>(
    name: &str,
    limits: Limits,
    test: impl Fn(Backend) -> F + Send + 'static,
) -> Vec<Trial> {
    let backend = Backend::Sqlite;
    vec![trial_on(backend, name, limits, move || test(backend))]
}

/// A test of what needs PostgreSQL, such as several processes; it may use SQLite, too.
pub fn postgres<F: Future<Output = ()> + 'static>(
    name: &str,
    limits: Limits,
    test: impl Fn(Backend) -> F + Send + 'static,
) -> Vec<Trial> {
    let backend = Backend::Postgres;
    vec![trial_on(backend, name, limits, move || test(backend))]
}

/// A test that needs no database.
pub fn once<F: Future<Output = ()> + 'static>(
    name: &str,
    limits: Limits,
    test: impl Fn() -> F + Send + 'static,
) -> Vec<Trial> {
    let name = without_crate(name);
    vec![Trial::test(name.clone(), move || run_in_thread(name, limits, test))]
}

/// Runs the trials the command line asks for, then clears up.
pub fn run(trials: Vec<Trial>) -> ExitCode {
    let arguments = Arguments::from_args();
    assert_unique_names(&trials);
    remember_panics();
    warn_of_missing_postgres(&arguments, &trials);
    let conclusion = libtest_mimic::run(&arguments, trials);
    postgres::stop_shared();
    Scratch::remove();
    conclusion.exit_code()
}

fn trial_on<F: Future<Output = ()> + 'static>(
    backend: Backend,
    name: &str,
    limits: Limits,
    test: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    let name = format!("{}::{}", without_crate(name), backend.name());
    let ignored = backend == Backend::Postgres && postgres::is_missing();
    let trial = Trial::test(name.clone(), move || {
        let _place = match backend {
            Backend::Postgres => Some(postgres::admit()?),
            Backend::Sqlite => None,
        };
        run_in_thread(name, limits, test)
    });
    trial.with_ignored_flag(ignored)
}

/// `it::orders::o20` becomes `orders::o20`.
fn without_crate(name: &str) -> String {
    name.split_once("::").map_or(name, |(_, rest)| rest).to_owned()
}

/// Gives a trial a thread that bears its name, for the panic message, and that can be
/// left behind if it hangs where no timeout of the runtime reaches it.
fn run_in_thread<F: Future<Output = ()> + 'static>(
    name: String,
    limits: Limits,
    test: impl FnOnce() -> F + Send + 'static,
) -> Result<(), Failed> {
    let (sender, outcome) = mpsc::channel();
    let body = move || sender.send(run_in_runtime(limits, test));
    thread::Builder::new().name(name).stack_size(STACK).spawn(body)?;
    let patience = Duration::from_secs(limits.seconds) + GRACE;
    let outcome = outcome
        .recv_timeout(patience)
        .unwrap_or_else(|_| Err(format!("blocked its thread for more than {} s", limits.seconds)));
    outcome.map_err(Failed::from)
}

fn run_in_runtime<F: Future<Output = ()>>(limits: Limits, test: impl FnOnce() -> F) -> Result<(), String> {
    let runtime = new_runtime(limits.threads).map_err(|error| error.to_string())?;
    let limited = async { time::timeout(Duration::from_secs(limits.seconds), test()).await };
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(limited)));
    runtime.shutdown_timeout(Duration::from_secs(2));
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(format!("not done after {} s", limits.seconds)),
        Err(_) => Err(LAST_PANIC.take()),
    }
}

fn new_runtime(threads: usize) -> std::io::Result<runtime::Runtime> {
    let mut builder = match threads {
        0 | 1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    builder.worker_threads(threads.max(1)).thread_stack_size(STACK).enable_all().build()
}

thread_local! {
    static LAST_PANIC: RefCell<String> = RefCell::new("panicked elsewhere, see above".to_owned());
}

/// `catch_unwind` tells what a panic said, but only the hook is told where it was.
fn remember_panics() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        LAST_PANIC.set(info.to_string());
        print(info);
    }));
}

/// A filter that names one trial must not run two.
fn assert_unique_names(trials: &[Trial]) {
    let mut seen = HashSet::new();
    for trial in trials {
        assert!(seen.insert(trial.name()), "{} is listed twice", trial.name());
    }
}

fn warn_of_missing_postgres(arguments: &Arguments, trials: &[Trial]) {
    let mut wanted = trials.iter().filter(|trial| !arguments.is_filtered_out(trial));
    if !arguments.list && postgres::is_missing() && wanted.any(Trial::has_ignored_flag) {
        eprintln!("\n!!! PostgreSQL IS NOT TESTED: {}\n", postgres::how_to_get_it());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// A database of the trial's own, gone when this value is.
pub struct TestDb {
    pub backend: Backend,
    pub url: String,
    place: Place,
}

enum Place {
    File(TempDir),
    Cluster { database: String },
}

impl TestDb {
    /// A database without a table.
    pub async fn empty(backend: Backend) -> Self {
        Self::create(backend, None).await
    }

    /// A copy of the database that `prepare` makes at the given URL. The first to come
    /// with this key has it made, all others only copy it: a key must always stand for
    /// the same preparation.
    pub async fn from_template(backend: Backend, key: &str, prepare: impl AsyncFnOnce(&str)) -> Self {
        let make = async || {
            let template = Self::empty(backend).await;
            prepare(&template.url).await;
            template.seal().await;
            template
        };
        let template = template_cell(backend, key);
        Self::create(backend, Some(template.get_or_init(make).await)).await
    }

    async fn create(backend: Backend, template: Option<&Self>) -> Self {
        match backend {
            Backend::Sqlite => Self::create_file(template),
            Backend::Postgres => Self::create_in_cluster(template).await,
        }
    }

    fn create_file(template: Option<&Self>) -> Self {
        let directory = scratch_dir();
        let path = directory.path().join("sesame.db");
        if let Some(Place::File(source)) = template.map(|it| &it.place) {
            fs::copy(source.path().join("sesame.db"), &path).expect("a copy of the template");
        }
        Self {
            backend: Backend::Sqlite,
            url: format!("sqlite://{}?mode=rwc", path.display()),
            place: Place::File(directory),
        }
    }

    async fn create_in_cluster(template: Option<&Self>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let database = format!("sesame_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let source = template.and_then(|it| match &it.place {
            Place::Cluster { database } => Some(database.as_str()),
            Place::File(_) => None,
        });
        let cluster = postgres::shared().await.expect("PostgreSQL");
        cluster.create_database(&database, source).await.expect("a new database");
        Self { backend: Backend::Postgres, url: cluster.url(&database), place: Place::Cluster { database } }
    }

    /// Makes the database fit to be copied: complete on disk, and used by nobody.
    async fn seal(&self) {
        match &self.place {
            Place::File(_) => fold_log_into_file(&self.url).await,
            Place::Cluster { database } => {
                let cluster = postgres::shared().await.expect("PostgreSQL");
                cluster.seal_database(database).await.expect("a sealed template");
            }
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Place::Cluster { database } = &self.place {
            postgres::drop_shared_database(database);
        }
    }
}

type TemplateCell = Arc<OnceCell<TestDb>>;

fn template_cell(backend: Backend, key: &str) -> TemplateCell {
    static CELLS: LazyLock<Mutex<HashMap<(Backend, String), TemplateCell>>> = LazyLock::new(Mutex::default);
    Arc::clone(CELLS.lock().entry((backend, key.to_owned())).or_default())
}

/// Moves what SQLite's write-ahead log still holds into the file, which is all we copy.
/// Connections that were dropped without being closed take a moment to let go.
async fn fold_log_into_file(url: &str) {
    let db = Database::connect(url).await.expect("the template");
    for _ in 0..100 {
        let checkpoint = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
        let row = db.query_one_raw(checkpoint).await.expect("a checkpoint");
        let busy: i32 = row.expect("one row").try_get_by_index(0).expect("the flag \"busy\"");
        if busy == 0 {
            return db.close().await.expect("a closed template");
        }
        time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the template is still in use: close every connection in `prepare`");
}

/// A fresh directory, gone when the value is, or at the latest with this process.
pub fn scratch_dir() -> TempDir {
    tempfile::tempdir_in(Scratch::root()).expect("a directory for temporary files")
}

/// The directory of all our files, and the watchdog that deletes it however we end.
struct Scratch {
    root: PathBuf,
    watchdog: Mutex<Child>,
}

static SCRATCH: OnceLock<Scratch> = OnceLock::new();

impl Scratch {
    fn root() -> &'static Path {
        &SCRATCH.get_or_init(Self::create).root
    }

    fn create() -> Self {
        let root = tempfile::Builder::new().prefix("sesame-it-").tempdir_in(&*postgres::FILES);
        let root = root.expect("a directory for temporary files").keep();
        let watchdog = postgres::watchdog(r#"trap '' HUP INT TERM; read -r _; rm -rf "$SCRATCH""#)
            .env("SCRATCH", &root)
            .spawn()
            .expect("a shell");
        Self { root, watchdog: Mutex::new(watchdog) }
    }

    /// `wait` closes the pipe that the watchdog reads from, and returns when it is done.
    fn remove() {
        if let Some(scratch) = SCRATCH.get() {
            let _ = scratch.watchdog.lock().wait();
        }
    }
}
