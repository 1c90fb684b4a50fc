//! The command line of the load script, and its course.

use std::{
    error::Error,
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use sesame::demo::Size;

use crate::{
    bare,
    child::{self, Kind, Server},
    client, contest, database,
    database::Postgres,
    decisions, network, permission, queue, refusals, sockets, start,
};

/// What anything here can fail with.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures what Sésame uses, next to what is written by hand.
#[derive(Debug, Parser)]
#[command(name = "load", about)]
struct Arguments {
    /// Orders of the demonstration network: small, medium, large, or a number.
    #[arg(long, default_value = "medium")]
    orders: Size,
    /// Queue pages to one round.
    #[arg(long, default_value_t = 2_000)]
    requests: usize,
    /// Decisions to one round.
    #[arg(long, default_value_t = 100)]
    decisions: usize,
    /// Rounds.
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// An empty database on this machine, or one that holds a demonstration; what is measured changes it.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// What cargo says to a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Queue pages to one round.
    pub requests: usize,
    /// Decisions to one round.
    pub decisions: usize,
    /// Rounds.
    pub pairs: usize,
}

/// Runs the load script, or one of its servers.
pub fn main() -> ExitCode {
    match Kind::of_this_process() {
        Some(kind) => {
            child::end_with_parent();
            match kind {
                Kind::Sesame | Kind::Demo => sesame::cli::main(),
                Kind::Bare => bare::main(),
                Kind::Broadcast => sockets::broadcast(),
            }
        }
        None => conduct(),
    }
}

fn conduct() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.bench {
        println!("Nothing is measured in a test: cargo bench --bench load");
        return ExitCode::SUCCESS;
    }
    if arguments.postgres.is_none()
        && let Some(error) = database::on_disk()
    {
        return failed(&error);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(measure(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

async fn measure(arguments: Arguments) -> Outcome<()> {
    let Arguments { orders, requests, decisions, pairs, postgres, bench: _ } = arguments;
    let counts = Counts { requests, decisions, pairs };
    let began = Instant::now();
    told("PostgreSQL");
    let postgres = match postgres {
        Some(url) => Postgres::at(&url).await?,
        None => Postgres::private().await?,
    };
    let folder = tempfile::tempdir()?;
    let people = network::prepare(folder.path(), &postgres.url, orders).await?;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build()?;
    say(&head(&postgres, counts).await?);
    {
        let bare = server(&http, Kind::Bare, folder.path(), &postgres).await?;
        let sesame = server(&http, Kind::Sesame, folder.path(), &postgres).await?;
        let both = [&bare, &sesame];
        say(&queue::report(&http, &postgres, both, &people.promotion.token, counts).await?);
        say(&decisions::report(&http, &postgres, both, &people.managers, counts).await?);
        say(&refusals::report(&http, &sesame, &people.promotion.token).await?);
        let rest = contest::at_rest(&postgres, &sesame).await?;
        say(&format!("Sésame and PostgreSQL with nothing to do: {rest:.1} ms of processor time a second\n"));
    }
    say(&permission::report().await?);
    let first = queue::ask("", Some(&people.promotion.token));
    say(&start::report(&http, &postgres, folder.path(), &first).await?);
    say(&format!("Measured in {:.0} s.\n", began.elapsed().as_secs_f64()));
    Ok(())
}

async fn server(http: &reqwest::Client, kind: Kind, folder: &Path, postgres: &Postgres) -> Outcome<Server> {
    Server::start(kind, folder, Some(&postgres.url), async |url| start::is_healthy(http, url).await).await
}

/// What was measured where.
async fn head(postgres: &Postgres, counts: Counts) -> Outcome<String> {
    let connection = database::connect(&postgres.url).await?;
    let count = "SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM work_item)";
    let row = database::one(&connection, count).await?;
    let (orders, items): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
    let build = if cfg!(debug_assertions) { " UNOPTIMISED BUILD: the figures mean nothing." } else { "" };
    let cores = std::thread::available_parallelism()?;
    Ok(format!(
        "{orders} orders, {items} work items, PostgreSQL {}, {cores} cores, {} rounds, {} requests at a time.{build}\n\
         Medians; in brackets the smallest and the largest of all rounds.\n",
        postgres.version().await?,
        counts.pairs,
        client::CONNECTIONS,
    ))
}

/// Tells how far it is, where somebody looks.
pub fn told(stage: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{stage}");
    }
}

fn say(text: &str) {
    told("");
    println!("{text}");
    // Whoever reads it may have gone.
    let _gone = std::io::stdout().flush();
}

/// Says what went wrong.
pub fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    told("");
    eprintln!("load: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        eprintln!("  because: {source}");
        cause = source.source();
    }
    ExitCode::FAILURE
}
