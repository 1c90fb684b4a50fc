//! One delivery: what there is to be said is read with the rights of this moment, signed, sent, and what came back
//! written down.

use std::{sync::Arc, time::Duration};

use ::entity::{
    vocabulary::{AttemptOutcome, DeliveryAttempt, DeliveryState, WebhookStatus},
    webhooks::{delivery, webhook},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use url::Url;

use super::{
    judge::{Judge, Verdict},
    pause,
    payload::{self, Message},
    rules,
    signature::{Secret, signature},
    store,
};
use crate::{
    app::App,
    error::{Error, Result},
    outgoing::{Answer, Unanswered},
};

/// How much of an answer is kept.
const ANSWER: usize = 1024;
/// Most attempts that are remembered of a delivery.
const REMEMBERED: usize = 30;

/// Makes one attempt at a delivery that was taken.
pub(super) async fn deliver(app: Arc<App>, judge: Arc<Judge>, taken: delivery::Model) {
    let id = taken.id;
    if let Err(error) = attempt(&app, &judge, taken).await {
        // It is taken up again when the time is over that it was taken for.
        tracing::warn!(delivery = id.0, error = &error as &dyn std::error::Error, "a delivery cannot be made now");
    }
}

async fn attempt(app: &Arc<App>, judge: &Judge, taken: delivery::Model) -> Result<()> {
    let Some(hook) = store::by_key(app.database.reader(), &[taken.webhook_id]).await?.pop() else { return Ok(()) };
    if hook.status != WebhookStatus::Active {
        return give_back(app, &taken).await;
    }
    let caller = match judge.judge(app, &hook).await? {
        Verdict::Able(caller) => caller,
        Verdict::Unable(status, detail) => {
            give_back(app, &taken).await?;
            return pause::pause(app, &hook, status, detail).await;
        }
    };
    let event = match taken.event_id {
        Some(id) => store::event(app.database.reader(), id).await?,
        None => None,
    };
    let started = Instant::now();
    let sent = match payload::compose(app, &hook, caller, &taken, event.as_ref()).await? {
        Message::Withheld => return withhold(app, &taken).await,
        Message::NotRead => Sent::failed(AttemptOutcome::NotRead),
        Message::Text { id, body } => send(app, &hook, &id, body).await?,
    };
    settle(app, &hook, &taken, sent, started.elapsed()).await
}

/// Leaves a delivery as it was.
async fn give_back(app: &App, taken: &delivery::Model) -> Result<()> {
    let after = delivery::Model { leased_until: None, ..taken.clone() };
    store::settle(app.database.writer(), taken, &after).await?;
    Ok(())
}

/// Ends a delivery of which nobody may be told.
async fn withhold(app: &App, taken: &delivery::Model) -> Result<()> {
    let after = delivery::Model {
        state: DeliveryState::Withheld,
        leased_until: None,
        finished_at: Some(app.clock.now()),
        ..taken.clone()
    };
    store::settle(app.database.writer(), taken, &after).await?;
    Ok(())
}

/// What came back.
#[derive(Debug)]
struct Sent {
    outcome: AttemptOutcome,
    status: Option<u16>,
    answer: Option<String>,
}

impl Sent {
    const fn failed(outcome: AttemptOutcome) -> Self {
        Self { outcome, status: None, answer: None }
    }
}

/// The secrets that messages are signed with at a moment.
fn secrets(app: &App, hook: &webhook::Model, now: DateTime<Utc>) -> Result<Vec<Secret>> {
    let former = hook.former_secret.as_ref().filter(|_| hook.former_secret_until.is_some_and(|until| until > now));
    [Some(&hook.secret), former].into_iter().flatten().map(|seed| Secret::of(&app.issuer, seed)).collect()
}

async fn send(app: &App, hook: &webhook::Model, id: &str, body: String) -> Result<Sent> {
    let now = app.clock.now();
    let signed = signature(&secrets(app, hook, now)?, id, now.timestamp(), &body);
    let url: Url = hook.url.parse().map_err(|_| Error::defect("a webhook's address is none"))?;
    let headers = headers(hook, id, now, &signed)?;
    let patience = Duration::from_secs(app.settings.webhooks.timeout_seconds.into());
    Ok(match tokio::time::timeout(patience, app.outgoing.post(&url, headers, body, ANSWER)).await {
        Ok(Ok(answer)) => Sent::from(answer),
        Ok(Err(Unanswered::Barred(_))) => Sent::failed(AttemptOutcome::AddressRefused),
        Ok(Err(error)) => {
            tracing::debug!(
                webhook = hook.id.0,
                error = &error as &dyn std::error::Error,
                "a receiver cannot be reached"
            );
            Sent::failed(AttemptOutcome::Unreachable)
        }
        Err(_elapsed) => Sent::failed(AttemptOutcome::TimedOut),
    })
}

/// What people want to be sent along, then what Sésame says itself.
fn headers(hook: &webhook::Model, id: &str, now: DateTime<Utc>, signed: &str) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| -> Result<()> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| Error::Internal(error.into()))?;
        let value = HeaderValue::from_str(value).map_err(|error| Error::Internal(error.into()))?;
        headers.insert(name, value);
        Ok(())
    };
    for (name, value) in &hook.headers.0 {
        add(name, value)?;
    }
    add("content-type", "application/json")?;
    add("webhook-id", id)?;
    add("webhook-timestamp", &now.timestamp().to_string())?;
    add("webhook-signature", signed)?;
    Ok(headers)
}

/// The status decides; of the body the beginning is kept.
impl From<Answer> for Sent {
    fn from(answer: Answer) -> Self {
        let Answer { status, beginning } = answer;
        let is_shown = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
        let text = String::from_utf8_lossy(&beginning).chars().filter(is_shown).collect();
        let outcome = if (200..300).contains(&status) { AttemptOutcome::Accepted } else { AttemptOutcome::Rejected };
        Self { outcome, status: Some(status), answer: Some(text) }
    }
}

/// Writes down how an attempt went, and what follows.
async fn settle(
    app: &Arc<App>,
    hook: &webhook::Model,
    taken: &delivery::Model,
    sent: Sent,
    took: Duration,
) -> Result<()> {
    let now = app.clock.now();
    let is_accepted = sent.outcome == AttemptOutcome::Accepted;
    let after = after(app, taken, sent, took, now);
    if !store::settle(app.database.writer(), taken, &after).await? {
        return Ok(());
    }
    match (is_accepted, hook.failing_since) {
        (true, Some(_)) => Ok(store::failing(app.database.writer(), hook.id, None).await?),
        (false, None) => Ok(store::failing(app.database.writer(), hook.id, Some(now)).await?),
        (false, Some(since)) if rules::is_given_up(now, since, app.settings.webhooks.failing_hours) => {
            pause::pause(app, hook, WebhookStatus::PausedFailing, None).await
        }
        (true, None) | (false, Some(_)) => Ok(()),
    }
}

fn after(app: &App, taken: &delivery::Model, sent: Sent, took: Duration, now: DateTime<Utc>) -> delivery::Model {
    let Sent { outcome, status, answer } = sent;
    let mut after = delivery::Model { leased_until: None, response: answer, ..taken.clone() };
    let milliseconds = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    after.attempts.0.push(DeliveryAttempt { at: now, outcome, status, milliseconds });
    let old = after.attempts.0.len().saturating_sub(REMEMBERED);
    after.attempts.0.drain(..old);
    if outcome == AttemptOutcome::Accepted {
        (after.state, after.finished_at) = (DeliveryState::Delivered, Some(now));
        return after;
    }
    after.failures += 1;
    let pauses = &app.settings.webhooks.retry_seconds.0;
    match rules::retry(now, after.failures, pauses, rand::random::<f64>()) {
        Some(due) => after.due_at = due,
        None => (after.state, after.finished_at) = (DeliveryState::Dead, Some(now)),
    }
    after
}
