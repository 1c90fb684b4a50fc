//! Requests, eight at a time over connections that stay open.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use serde_json::Value;

use crate::script::Outcome;

/// How many requests are under way at a time.
pub const CONNECTIONS: usize = 8;

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Where to.
    pub url: String,
    /// Who asks.
    pub token: Option<String>,
    /// What is sent, as JSON; where there is nothing, it is a GET.
    pub body: Option<String>,
}

/// What came of some requests.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// How long they took together.
    pub elapsed: Duration,
    /// Fewest and most SQL statements of one, where the server tells.
    pub statements: Option<(u32, u32)>,
}

/// One answer.
struct Answer {
    body: String,
    statements: Option<u32>,
}

/// Sends requests and looks at every answer.
///
/// # Errors
/// When an answer does not come or is not as it should be.
pub async fn send(http: &reqwest::Client, asks: &[Ask], is_good: impl Fn(&str) -> bool) -> Outcome<Answered> {
    let started = Instant::now();
    let lanes = (0..CONNECTIONS).map(|lane| {
        let asks = asks.iter().skip(lane).step_by(CONNECTIONS);
        let is_good = &is_good;
        async move {
            let mut counted = Vec::new();
            for ask in asks {
                let Answer { body, statements } = answer(http, ask).await?;
                if !is_good(&body) {
                    return Err(format!("{}: {body}", ask.url).into());
                }
                counted.extend(statements);
            }
            Outcome::Ok(counted)
        }
    });
    let counted = try_join_all(lanes).await?.concat();
    let statements = counted.iter().min().copied().zip(counted.iter().max().copied());
    Ok(Answered { elapsed: started.elapsed(), statements })
}

/// The JSON of one answer.
///
/// # Errors
/// When it does not come, or is none.
pub async fn json(http: &reqwest::Client, ask: &Ask) -> Outcome<Value> {
    Ok(serde_json::from_str(&answer(http, ask).await?.body)?)
}

async fn answer(http: &reqwest::Client, ask: &Ask) -> Outcome<Answer> {
    let mut request = match &ask.body {
        Some(body) => http.post(&ask.url).header("content-type", "application/json").body(body.clone()),
        None => http.get(&ask.url),
    };
    // Whatever is understood is answered with 200 then.
    request = request.header("accept", "application/json");
    if let Some(token) = &ask.token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await?.error_for_status()?;
    let timing = response.headers().get("server-timing").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let statements = timing.split('"').nth(1).and_then(|text| text.split(' ').next()?.parse().ok());
    Ok(Answer { body: response.text().await?, statements })
}
