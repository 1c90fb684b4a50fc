//! The command line: one file a subcommand; nothing but arguments and output.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::config::{Partial, Settings};

mod admin;
mod archive;
mod backup;
mod check;
mod demo;
mod export;
mod import;
mod operations;
mod policy;
mod ready;
mod restore;
mod schema;
mod serve;
mod token;

/// The stack of each worker. Unoptimised, an answer's future is larger than the usual two megabytes take; this
/// costs address space only.
const STACK: usize = 16 << 20;

/// The back office of a sales network, served as one role-aware GraphQL API.
#[derive(Debug, Parser)]
#[command(name = "sesame", version, about)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Settings that every command takes.
#[derive(Clone, Debug, Args)]
struct Common {
    /// Configuration file; sesame.toml where there is one.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Folder of the embedded database, uploads and keys.
    #[arg(long, global = true)]
    data: Option<PathBuf>,
    /// sqlite: or postgres: URL.
    #[arg(long, global = true)]
    database_url: Option<String>,
    /// Port to listen on; 0 takes any free one.
    #[arg(long, global = true)]
    port: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the demonstration network; make it where there is none.
    Demo(demo::Demo),
    /// Serve.
    Serve(serve::Serve),
    /// Let somebody administer the platform: the first person of a new database, or one who is locked out.
    Admin(admin::Admin),
    /// Print the schema, whole or as a role sees it.
    Schema(schema::Schema),
    /// Check, test, compare and show policies.
    Policy(policy::Policy),
    /// Open a session for somebody and print its bearer token.
    Token(token::Token),
    /// Publish, list and retire the operations that clients may ask for by id.
    Operations(operations::Operations),
    /// Recompute what is stored and name what is not as it must be.
    Check(check::Check),
    /// Bring the database's schema up to date.
    Migrate,
    /// Write everything into one archive, for a database of either kind.
    Export(export::Export),
    /// Take an archive into an empty database.
    Import(import::Import),
    /// Write an archive of everything, signing key included, while servers go on.
    Backup(backup::Backup),
    /// Take a backup in.
    Restore(restore::Restore),
    /// Ask the server of these settings whether it takes requests.
    Ready,
    /// Print the settings in force and where each came from; secrets are masked.
    Config,
}

/// What a command can fail with.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What the command line understands.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

/// Says what went wrong and why, down to the first cause.
fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("sesame: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        eprintln!("  because: {source}");
        cause = source.source();
    }
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Outcome {
    let settings = settings(&cli.common)?;
    match cli.command {
        Command::Demo(command) => command.run(settings).await,
        Command::Admin(command) => command.run(settings).await,
        Command::Check(command) => command.run(settings).await,
        Command::Operations(command) => command.run(settings).await,
        Command::Serve(command) => command.run(settings).await,
        Command::Policy(command) => command.run(settings).await,
        Command::Schema(command) => command.run(settings).await,
        Command::Token(command) => command.run(settings).await,
        Command::Migrate => migrate(settings).await,
        Command::Export(command) => command.run(settings).await,
        Command::Import(command) => command.run(settings).await,
        Command::Backup(command) => command.run(settings).await,
        Command::Restore(command) => command.run(settings).await,
        Command::Ready => ready::run(&settings).await,
        Command::Config => {
            print!("{}", settings.describe());
            Ok(())
        }
    }
}

fn settings(common: &Common) -> Result<Settings, crate::config::ConfigError> {
    let Common { config, data, database_url, port } = common.clone();
    let flags = Partial { data, database_url, port, ..Partial::default() };
    let environment = Partial::from_environment(|name| std::env::var(name).ok())?;
    Ok(Settings::resolve(&flags, &environment, &Partial::from_file(config)?))
}

async fn migrate(settings: Settings) -> Outcome {
    std::fs::create_dir_all(&settings.data)?;
    let database = crate::db::Database::connect(&settings.database_url, 2).await?;
    crate::app::migrate(&database).await?;
    println!("The database is up to date.");
    Ok(())
}
