//! How long a start takes and how much memory an idle server holds (K-25).

use std::{path::Path, time::Duration};

use crate::{
    child::{Kind, Server},
    client::{self, Ask},
    database::Postgres,
    figures::{Spread, table, verdict},
    processes,
    script::{Outcome, told},
};

/// How often each start is measured.
const STARTS: usize = 5;
/// How long a server does nothing before its memory is looked at.
const REST: Duration = Duration::from_secs(1);
/// Most milliseconds of a start.
const MOST_MILLISECONDS: f64 = 300.0;
/// Most megabytes of an idle server.
const MOST_MEGABYTES: f64 = 60.0;

/// Starts servers, and tells.
///
/// # Errors
/// When one does not start.
pub async fn report(http: &reqwest::Client, postgres: &Postgres, folder: &Path, first: &Ask) -> Outcome<String> {
    let answers = async |url: &str| {
        let ask = Ask { url: format!("{url}/graphql"), ..first.clone() };
        client::json(http, &ask).await.is_ok()
    };
    let (mut starts, mut idle) = (Vec::new(), Vec::new());
    for number in 1..=STARTS {
        told(&format!("start {number} of {STARTS}"));
        let server = Server::start(Kind::Sesame, folder, Some(&postgres.url), answers).await?;
        starts.push(server.started_in.as_secs_f64() * 1000.0);
        tokio::time::sleep(REST).await;
        idle.push(megabytes(processes::resident(server.process())?));
    }
    let (starts, idle) = (Spread::of(starts), Spread::of(idle));
    told("sesame demo");
    let demo = demonstration(http).await?;
    let binary = megabytes(std::fs::metadata(env!("CARGO_BIN_EXE_sesame"))?.len());
    let rows = [
        vec!["start to first answer, an existing database, ms".to_owned(), format!("{starts:.0}")],
        vec!["start to first answer, «sesame demo» in an empty folder, ms".to_owned(), format!("{demo:.0}")],
        vec!["memory after the first answer, MB".to_owned(), format!("{idle:.1}")],
        vec!["size of the binary, MB".to_owned(), format!("{binary:.1}")],
    ];
    Ok(format!(
        "{}  K-25: under 300 ms: {}; under 60 MB: {}\n",
        table(&["Start", ""], rows),
        verdict(starts.median, MOST_MILLISECONDS),
        verdict(idle.median, MOST_MEGABYTES),
    ))
}

async fn demonstration(http: &reqwest::Client) -> Outcome<f64> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(Kind::Demo, folder.path(), None, async |url| is_healthy(http, url).await).await?;
    Ok(server.started_in.as_secs_f64() * 1000.0)
}

/// Whether a server is there.
pub async fn is_healthy(http: &reqwest::Client, url: &str) -> bool {
    let answer = http.get(format!("{url}/healthz")).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
