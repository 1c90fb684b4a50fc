//! Servers side by side: in each round every one of them gets the same number of the same requests, one
//! server after the other, so that whatever the machine does meanwhile happens to all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    child::Server,
    client::{self, Ask},
    database::Postgres,
    figures::{Spread, table},
    processes,
    script::{Outcome, told},
};

/// How long servers are watched that have nothing to do.
const REST: Duration = Duration::from_secs(3);

/// Who takes part.
pub struct Contender<'s> {
    /// What it is.
    pub name: &'static str,
    /// Its process.
    pub server: &'s Server,
    /// What it is sent, round by round.
    pub rounds: Vec<Arc<[Ask]>>,
}

/// What a server and PostgreSQL use together while nobody asks for anything, in thousandths of a processor:
/// it falls into everybody's rounds.
///
/// # Errors
/// When either is gone.
pub async fn at_rest(postgres: &Postgres, server: &Server) -> Outcome<f64> {
    let used = || Outcome::Ok(processes::used(server.process())? + postgres.used()?);
    let (started, before) = (Instant::now(), used()?);
    tokio::time::sleep(REST).await;
    Ok((used()? - before).as_secs_f64() * 1000.0 / started.elapsed().as_secs_f64())
}

/// What one contender's requests of one round used.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    requests: usize,
    server: Duration,
    database: Duration,
    elapsed: Duration,
    statements: Option<(u32, u32)>,
}

impl Run {
    /// Sends requests, and takes the times before and after.
    ///
    /// # Errors
    /// When an answer is not as it should be.
    pub async fn take(
        http: &reqwest::Client,
        postgres: &Postgres,
        server: &Server,
        asks: &[Ask],
        is_good: impl Fn(&str) -> bool,
    ) -> Outcome<Self> {
        let used = || Outcome::Ok((processes::used(server.process())?, postgres.used()?));
        let (server_before, database_before) = used()?;
        let answered = client::send(http, asks, is_good).await?;
        let (server_after, database_after) = used()?;
        Ok(Self {
            requests: asks.len(),
            server: server_after.saturating_sub(server_before),
            database: database_after.saturating_sub(database_before),
            elapsed: answered.elapsed,
            statements: answered.statements,
        })
    }

    fn per_thousand(&self, used: Duration) -> f64 {
        used.as_secs_f64() * 1000.0 / self.requests as f64
    }

    /// Processor seconds of the server per 1 000 requests.
    pub fn server(&self) -> f64 {
        self.per_thousand(self.server)
    }

    /// Processor seconds of PostgreSQL per 1 000 requests.
    pub fn database(&self) -> f64 {
        self.per_thousand(self.database)
    }

    /// Both together.
    pub fn both(&self) -> f64 {
        self.server() + self.database()
    }

    /// Requests answered in a second.
    pub fn per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }
}

/// What came of a contest: the runs of each contender, in the order of rounds.
pub struct Contest {
    names: Vec<&'static str>,
    runs: Vec<Vec<Run>>,
}

impl Contest {
    /// Holds it. The first contender is the measure of the others.
    ///
    /// # Errors
    /// When an answer is not as it should be.
    pub async fn hold(
        what: &str,
        http: &reqwest::Client,
        postgres: &Postgres,
        contenders: &[Contender<'_>],
        is_good: impl Fn(&str) -> bool,
    ) -> Outcome<Self> {
        let mut runs = vec![Vec::new(); contenders.len()];
        let rounds = contenders.iter().map(|contender| contender.rounds.len()).min().unwrap_or_default();
        for round in 0..rounds {
            told(&format!("{what}: round {} of {rounds}", round + 1));
            for (contender, runs) in contenders.iter().zip(&mut runs) {
                runs.push(Run::take(http, postgres, contender.server, &contender.rounds[round], &is_good).await?);
            }
        }
        Ok(Self { names: contenders.iter().map(|contender| contender.name).collect(), runs })
    }

    /// How a contender compares with another one, round by round.
    pub fn ratio(&self, contender: usize, measure: usize, of: impl Fn(&Run) -> f64) -> Spread {
        Spread::of(self.runs[contender].iter().zip(&self.runs[measure]).map(|(run, measure)| of(run) / of(measure)))
    }

    /// The figures, a contender a line.
    pub fn table(&self) -> String {
        let head =
            ["CPU s per 1 000 requests", "server", "database", "both", "× the first", "statements", "per second"];
        let rows = self.names.iter().enumerate().map(|(place, name)| {
            let runs = &self.runs[place];
            let median = |of: fn(&Run) -> f64| Spread::of(runs.iter().map(of)).median;
            vec![
                (*name).to_owned(),
                format!("{:.3}", median(Run::server)),
                format!("{:.3}", median(Run::database)),
                format!("{:.3}", median(Run::both)),
                if place == 0 { String::new() } else { self.ratio(place, 0, Run::both).to_string() },
                statements(self.statements(place)),
                format!("{:.0}", median(Run::per_second)),
            ]
        });
        table(&head, rows)
    }

    /// Fewest and most SQL statements of a contender's requests.
    pub fn statements(&self, contender: usize) -> Option<(u32, u32)> {
        let counted = || self.runs[contender].iter().filter_map(|run| run.statements);
        Some((counted().map(|(least, _)| least).min()?, counted().map(|(_, most)| most).max()?))
    }
}

fn statements(counted: Option<(u32, u32)>) -> String {
    match counted {
        None => String::new(),
        Some((least, most)) if least == most => most.to_string(),
        Some((least, most)) => format!("{least} to {most}"),
    }
}
