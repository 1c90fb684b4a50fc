//! `sesame operations publish | list | retire`.

use std::{path::PathBuf, sync::Arc};

use ::entity::vocabulary::Language;
use clap::{Args, Subcommand};

use super::Outcome;
use crate::{app::App, clock::Clock, config::Settings, error::Error, manifests, op::Op};

/// Keeps the manifests of clients: the operations that they may ask for by id.
#[derive(Debug, Args)]
pub(super) struct Operations {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish what generate-persisted-query-manifest or relay-compiler wrote, for one version of a client.
    Publish {
        /// The manifest.
        file: PathBuf,
        #[command(flatten)]
        release: Release,
    },
    /// List the versions of the clients.
    List,
    /// Answer the operations of one version of a client no longer.
    Retire {
        #[command(flatten)]
        release: Release,
    },
}

/// One version of a client.
#[derive(Debug, Args)]
struct Release {
    /// The client's name.
    #[arg(long, value_name = "NAME")]
    client: String,
    /// Its version.
    #[arg(long, value_name = "VERSION")]
    version: String,
}

impl Operations {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let app = App::open(settings, Clock::system()).await?;
        let op = Op::new(Arc::clone(&app), None, Language::En, "command line".to_owned());
        match self.command {
            Command::Publish { file, release: Release { client, version } } => {
                let json = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                let published = manifests::publish(&op, &client, &version, &json).await?;
                println!("{client} {version}: {} operations added, {} kept.", published.added, published.kept);
            }
            Command::List => list(&op).await?,
            Command::Retire { release: Release { client, version } } => {
                match manifests::retire(&op, &client, &version).await {
                    Ok(retired) => println!("{client} {version}: {retired} operations retired."),
                    Err(Error::NotFound) => return Err(format!("{client} {version} is not in use").into()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

async fn list(op: &Op) -> Outcome {
    for release in manifests::list(op).await? {
        let manifests::Release { client, version, operations, published_at, retired_at } = release;
        let state = retired_at.map_or("in use".to_owned(), |at| format!("retired {}", at.format("%Y-%m-%d")));
        println!("{client} {version}: {operations} operations, published {}, {state}", published_at.format("%Y-%m-%d"));
    }
    Ok(())
}
