//! `sesame check`.

use std::{path::Path, time::Instant};

use clap::Args;
use migration::MigratorTrait;

use super::Outcome;
use crate::{
    check::{self, Finding, Report},
    config::Settings,
    db::{self, Database},
};

/// Recomputes what is stored, and names everything that is not what it must be.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(self, settings: Settings) -> Outcome {
        let start = Instant::now();
        let report = check::run(&existing(&settings).await?).await?;
        if self.json {
            println!("{:#}", as_json(&report));
        } else {
            print!("{}", told(&report, start.elapsed().as_secs_f64()));
        }
        match report.findings.len() {
            0 => Ok(()),
            1 => Err("1 thing is not what it must be".into()),
            more => Err(format!("{more} things are not what they must be").into()),
        }
    }
}

/// A database that is there and up to date: looking at one neither makes nor changes it.
pub(super) async fn existing(settings: &Settings) -> Result<Database, Box<dyn std::error::Error>> {
    let url = &settings.database_url;
    if let Some(file) = db::embedded_file(url).filter(|file| !Path::new(file).exists()) {
        return Err(format!("there is no database at {file}").into());
    }
    let database = Database::connect(url, 2).await?;
    if !migration::Migrator::get_pending_migrations(database.reader()).await?.is_empty() {
        return Err("the database's schema is not up to date: run «sesame migrate» first".into());
    }
    Ok(database)
}

fn as_json(report: &Report) -> serde_json::Value {
    let Report { orders, entries, events, findings } = report;
    let finding = |Finding { rule, text }: &Finding| serde_json::json!({ "rule": rule, "text": text });
    serde_json::json!({
        "clean": findings.is_empty(),
        "orders": orders,
        "ledgerEntries": entries,
        "events": events,
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn told(report: &Report, seconds: f64) -> String {
    let Report { orders, entries, events, findings } = report;
    let lines: String = findings.iter().map(|Finding { rule, text }| format!("{rule}: {text}\n")).collect();
    let verdict = if findings.is_empty() { "All is as it must be" } else { "Not all is as it must be" };
    format!("{lines}{verdict}: {orders} orders, {entries} ledger entries, {events} events checked in {seconds:.1} s.\n")
}
