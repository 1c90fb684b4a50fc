//! The queue page: twenty items with broker, delegate, delegation and line count (K-20).

use std::sync::Arc;

use serde_json::json;

use crate::{
    child::Server,
    client::{self, Ask},
    contest::{Contender, Contest, Run},
    database::Postgres,
    figures::verdict,
    script::{Counts, Outcome},
};

/// The page.
const PAGE: &str = "query Queue($first: Int!) { workQueue(first: $first) { nodes { \
                    order { number lineCount } broker { name } owner { displayName } delegation { name } } } }";

/// Requests before the first round.
const WARM: usize = 400;

/// Most that Sésame may use, compared with the bare handler, PostgreSQL included.
const MOST: f64 = 1.4;
/// Most that its server may use, compared with plain async-graphql's.
const MOST_OF_PLAIN: f64 = 1.0;

/// A request for the page.
pub fn ask(server: &str, token: Option<&str>) -> Ask {
    let body = json!({ "query": PAGE, "variables": { "first": 20 } }).to_string();
    Ask { url: format!("{server}/graphql"), token: token.map(str::to_owned), body: Some(body) }
}

/// Holds the contest, and tells.
///
/// # Errors
/// When the answers differ.
pub async fn report(
    http: &reqwest::Client,
    postgres: &Postgres,
    [bare, sesame]: [&Server; 2],
    token: &str,
    counts: Counts,
) -> Outcome<String> {
    let handler = Ask { url: format!("{}/queue", bare.url), token: None, body: None };
    let asks = [handler, ask(&bare.url, None), ask(&sesame.url, Some(token))];
    let expected = client::json(http, &asks[0]).await?;
    let items = expected["data"]["workQueue"]["nodes"].as_array().map_or(0, Vec::len);
    for ask in &asks {
        let answer = client::json(http, ask).await?;
        if answer != expected {
            return Err(format!("{} answers {answer}, not {expected}", ask.url).into());
        }
        client::send(http, &vec![ask.clone(); WARM], |_| true).await?;
    }
    let length = expected.to_string().len();
    let contender = |name, server, ask: &Ask| {
        let round: Arc<[Ask]> = vec![ask.clone(); counts.requests].into();
        Contender { name, server, rounds: vec![round; counts.pairs] }
    };
    let contenders = [
        contender("bare handler, one statement", bare, &asks[0]),
        contender("async-graphql, the same statement", bare, &asks[1]),
        contender("Sésame", sesame, &asks[2]),
    ];
    let is_good = |body: &str| body.len() == length;
    let contest = Contest::hold("queue page", http, postgres, &contenders, is_good).await?;
    let (both, server) = (contest.ratio(2, 0, Run::both), contest.ratio(2, 1, Run::server));
    Ok(format!(
        "Queue page, {items} items, {} requests a round\n{}  K-20: at most {MOST} × the bare handler: {}; \
         its server at most {MOST_OF_PLAIN:.1} × async-graphql's: {server}: {}\n",
        counts.requests,
        contest.table(),
        verdict(both.median, MOST),
        verdict(server.median, MOST_OF_PLAIN),
    ))
}
