//! What it costs to refuse a request that asks for too much (K-10), next to one that asks for next to nothing.

use serde_json::{Value, json};

use crate::{
    child::Server,
    client::{self, Ask},
    excessive::excessive,
    figures::table,
    processes,
    script::{Outcome, told},
};

/// How often each request is sent.
const TIMES: usize = 100;

/// Sends each of them, and tells.
///
/// # Errors
/// When one is not refused, or not for the limit that it exceeds.
pub async fn report(http: &reqwest::Client, server: &Server, token: &str) -> Outcome<String> {
    let mut rows = vec![measured(http, server, token, "(answered)", &json!({ "query": "{ __typename }" })).await?];
    for (limit, request) in excessive() {
        told(&format!("refusing: {limit}"));
        rows.push(measured(http, server, token, limit, &request).await?);
    }
    let head = ["Refused for", "bytes", "CPU, µs"];
    Ok(format!(
        "{}  Processor time of the server for one request over HTTP, by somebody signed in.\n",
        table(&head, rows)
    ))
}

async fn measured(
    http: &reqwest::Client,
    server: &Server,
    token: &str,
    limit: &str,
    request: &Value,
) -> Outcome<Vec<String>> {
    let body = request.to_string();
    let length = body.len();
    let ask = Ask { url: format!("{}/graphql", server.url), token: Some(token.to_owned()), body: Some(body) };
    let asks = vec![ask; TIMES];
    let named = format!("\"limit\":\"{limit}\"");
    let is_good = |answer: &str| answer.contains(&named) || !answer.contains("\"errors\"");
    client::send(http, &asks[..TIMES / 10], is_good).await?;
    let before = processes::used(server.process())?;
    client::send(http, &asks, is_good).await?;
    let used = processes::used(server.process())? - before;
    let micros = used.as_secs_f64() * 1e6 / TIMES as f64;
    Ok(vec![limit.to_owned(), length.to_string(), format!("{micros:.0}")])
}
