//! One function per use case; each owns its transaction. What takes time (names to be looked up, a query to be
//! validated) is done before it.

use ::entity::{
    vocabulary::{DeliveryId, DeliveryState, EventPatterns, Headers, PersonId, WebhookId, WebhookStatus},
    webhooks::webhook,
};
use chrono::{DateTime, Duration, Utc};
use sea_orm::ActiveValue::{NotSet, Set};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{
    error::Refusal,
    judge,
    rules::{self, PING},
    signature::Secret,
    store,
};
use crate::{
    action::{Call, Request, perform},
    authz::Permission,
    db::Conn,
    error::{Error, Result},
    identity,
    op::Op,
    outbox::{self, Event, Subject, kinds},
    outgoing::Barred,
    refusal::{Done, refused, unless_refused},
    version,
};

/// A webhook as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Where it is told.
    pub url: String,
    /// Of what.
    pub events: Vec<String>,
    /// What of the event's object is sent; none: nothing.
    pub query: Option<String>,
    /// With whose rights that is read.
    pub run_as: PersonId,
    /// Headers that are sent along.
    pub headers: Vec<(String, String)>,
}

/// What somebody changes about a webhook; what is none stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Its name.
    pub name: Option<String>,
    /// Where it is told.
    pub url: Option<String>,
    /// Of what.
    pub events: Option<Vec<String>>,
    /// What of the event's object is sent; none within: nothing.
    pub query: Option<Option<String>>,
    /// With whose rights that is read.
    pub run_as: Option<PersonId>,
    /// Headers that are sent along, all of them.
    pub headers: Option<Vec<(String, String)>>,
}

/// A webhook that got a secret, and what that is derived from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sealed {
    /// Which one.
    pub id: WebhookId,
    seed: String,
}

impl Sealed {
    /// The secret, to be shown once; none in a dry run, of which nothing stays.
    ///
    /// # Errors
    /// When it cannot be derived, which is a defect.
    pub fn secret(&self, op: &Op, call: &Call) -> Result<Option<String>> {
        if call.dry_run {
            return Ok(None);
        }
        Ok(Some(Secret::of(&op.app.issuer, &self.seed)?.shown()))
    }
}

/// From where on events are replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayFrom {
    /// From the event at this position on.
    Position(i64),
    /// From the first event of this moment or later on.
    Time(DateTime<Utc>),
}

impl Wanted {
    fn changed(row: &webhook::Model, changes: Changes) -> Self {
        let Changes { name, url, events, query, run_as, headers } = changes;
        Self {
            name: name.unwrap_or_else(|| row.name.clone()),
            url: url.unwrap_or_else(|| row.url.clone()),
            events: events.unwrap_or_else(|| row.events.0.clone()),
            query: query.unwrap_or_else(|| row.query.clone()),
            run_as: run_as.unwrap_or(row.run_as_id),
            headers: headers.unwrap_or_else(|| row.headers.0.clone()),
        }
    }

    fn told(&self) -> serde_json::Value {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        json!({
            "name": self.name, "url": without_query(&self.url), "events": self.events, "query": self.query,
            "runAs": self.run_as.0, "headers": headers,
        })
    }
}

/// What stands behind the `?` is often a secret.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// A webhook in events.
pub(super) const fn about(id: WebhookId) -> Subject {
    Subject { kind: "Webhook", id: id.0 }
}

/// Webhooks belong to no place: whoever does something to them may do it everywhere.
fn permitted(op: &Op, call: &Call, permission: Permission) -> Result<()> {
    if op.acts(permission, call.name()).all { Ok(()) } else { Err(Error::Forbidden) }
}

/// Everything that speaks against a webhook.
async fn judged(op: &Op, wanted: &Wanted) -> Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    if wanted.name.is_empty() {
        refusals.push(Refusal::NameRequired);
    }
    refusals.extend(address(op, &wanted.url).await);
    refusals.extend(events(&wanted.events));
    let refused = |(_, (name, value)): &(usize, &(String, String))| !rules::is_header(name, value);
    let headers = wanted.headers.iter().enumerate().filter(refused);
    refusals.extend(headers.map(|(place, _)| Refusal::HeaderRefused { place }));
    refusals.extend(query(op, wanted.run_as, wanted.query.as_deref()).await?);
    Ok(refusals)
}

async fn address(op: &Op, url: &str) -> Option<Refusal> {
    let checked = match url.parse::<Url>() {
        Ok(url) => op.app.outgoing.check(&url).await,
        Err(_) => Err(Barred::Malformed),
    };
    checked.err().map(|barred| Refusal::url(&barred, &op.app.settings.webhooks.rules()))
}

fn events(patterns: &[String]) -> Vec<Refusal> {
    let unknown = |place| Refusal::EventUnknown { place, families: families() };
    if patterns.is_empty() {
        return vec![unknown(None)];
    }
    let places = patterns.iter().enumerate().filter(|(_, pattern)| !rules::is_known(pattern));
    places.map(|(place, _)| unknown(Some(place))).collect()
}

/// The families of events, each once.
fn families() -> Vec<String> {
    let mut families: Vec<String> = kinds::ALL.iter().filter_map(|kind| kind.split('.').next()).map(pattern).collect();
    families.dedup();
    families
}

fn pattern(family: &str) -> String {
    format!("{family}.*")
}

async fn query(op: &Op, run_as: PersonId, query: Option<&str>) -> Result<Option<Refusal>> {
    let Some(caller) = identity::in_the_name_of(&op.app, run_as).await? else {
        return Ok(Some(Refusal::RunAsInactive));
    };
    let Some(query) = query else { return Ok(None) };
    let found = judge::validate(&op.app, &caller, query).await;
    Ok(found.err().map(|text| Refusal::QueryInvalid { fr: text.fr, en: text.en }))
}

/// Registers a webhook: it is told of what happens from now on.
///
/// # Errors
/// Everything that speaks against it.
pub async fn create(op: &Op, call: &Call, wanted: &Wanted) -> Done<Sealed, Refusal> {
    permitted(op, call, Permission::CreateWebhook)?;
    let refusals = judged(op, wanted).await?;
    let request = Request::new("createWebhook", call, &(wanted, call.on_behalf_of));
    perform(op, &request, |tx| created(op, tx, call, wanted, &refusals)).await
}

async fn created(op: &Op, tx: Conn, call: &Call, wanted: &Wanted, refusals: &[Refusal]) -> Done<Sealed, Refusal> {
    unless_refused(refusals.to_vec())?;
    if store::count(&tx).await? >= rules::MOST_WEBHOOKS {
        return refused(Refusal::TooMany);
    }
    let seed = Secret::seed();
    let new = row(op, wanted, &seed, outbox::last_position(&tx).await?)?;
    let id = store::insert(&tx, new).await?;
    let event = Event::new("webhook.created", about(id)).with_changes(&wanted.told())?;
    outbox::record(op, &tx, call, event).await?;
    Ok(Sealed { id, seed })
}

fn row(op: &Op, wanted: &Wanted, seed: &str, position: i64) -> Result<webhook::ActiveModel> {
    let Wanted { name, url, events, query, run_as, headers } = wanted.clone();
    Ok(webhook::ActiveModel {
        id: NotSet,
        name: Set(name),
        url: Set(url),
        events: Set(EventPatterns(events)),
        query: Set(query),
        run_as_id: Set(run_as),
        headers: Set(Headers(headers)),
        status: Set(WebhookStatus::Active),
        status_since: Set(op.now),
        status_detail: Set(None),
        secret: Set(seed.to_owned()),
        former_secret: Set(None),
        former_secret_until: Set(None),
        position: Set(position),
        replay_after: Set(None),
        replay_until: Set(None),
        failing_since: Set(None),
        created_by_id: Set(op.me()?),
        created_at: Set(op.now),
        version: Set(1),
    })
}

/// Changes a webhook. One that waited because its query or its person was no longer good goes on.
///
/// # Errors
/// Everything that speaks against what it would be.
pub async fn update(op: &Op, call: &Call, id: WebhookId, changes: &Changes) -> Done<WebhookId, Refusal> {
    permitted(op, call, Permission::UpdateWebhook)?;
    let seen = store::by_key(&op.conn(), &[id]).await?.pop().ok_or(Error::NotFound)?;
    let wanted = Wanted::changed(&seen, changes.clone());
    let refusals = judged(op, &wanted).await?;
    let request = Request::new("updateWebhook", call, &(id, changes, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| updated(op, tx, call, &seen, &wanted, &refusals)).await
}

async fn updated(
    op: &Op,
    tx: Conn,
    call: &Call,
    seen: &webhook::Model,
    wanted: &Wanted,
    refusals: &[Refusal],
) -> Done<WebhookId, Refusal> {
    let id = seen.id;
    let before = held(&tx, call, id).await?;
    if before.version != seen.version {
        return version::overtaken(&tx, Some(about(id)), seen.version, before.version).await;
    }
    unless_refused(refusals.to_vec())?;
    let mut after = changed(&before, wanted);
    if before.status.waits() {
        turn(&mut after, WebhookStatus::Active, op.now);
    }
    let event = Event::new("webhook.updated", about(id))
        .with_difference(&Wanted::changed(&before, Changes::none()).told(), &wanted.told())?;
    write(op, &tx, call, &before, &after, event).await
}

impl Changes {
    const fn none() -> Self {
        Self { name: None, url: None, events: None, query: None, run_as: None, headers: None }
    }
}

fn changed(before: &webhook::Model, wanted: &Wanted) -> webhook::Model {
    let Wanted { name, url, events, query, run_as, headers } = wanted.clone();
    webhook::Model {
        name,
        url,
        events: EventPatterns(events),
        query,
        run_as_id: run_as,
        headers: Headers(headers),
        ..before.clone()
    }
}

/// A webhook that is going to be changed, where it still is as the caller saw it.
async fn held(tx: &Conn, call: &Call, id: WebhookId) -> Done<webhook::Model, Refusal> {
    let row = store::held(tx, id).await?.ok_or(Error::NotFound)?;
    version::check(tx, call, Some(about(id)), row.version).await?;
    Ok(row)
}

/// Puts a webhook into another status.
pub(super) fn turn(row: &mut webhook::Model, status: WebhookStatus, now: DateTime<Utc>) {
    row.status = status;
    row.status_since = now;
    row.status_detail = None;
    row.failing_since = None;
}

/// Writes what a webhook becomes, with its event.
async fn write(
    op: &Op,
    tx: &Conn,
    call: &Call,
    before: &webhook::Model,
    after: &webhook::Model,
    mut event: Event,
) -> Done<WebhookId, Refusal> {
    let after = webhook::Model { version: before.version + 1, ..after.clone() };
    if !store::advance(tx, before, &after).await? {
        return version::overtaken(tx, Some(about(before.id)), before.version, after.version).await;
    }
    if before.status != after.status {
        (event.from, event.to) = (Some(before.status.code()), Some(after.status.code()));
    }
    outbox::record(op, tx, call, event).await?;
    Ok(before.id)
}

/// Has a webhook told again: of what happens from now on where somebody had switched it off, of everything since
/// where it was paused.
///
/// # Errors
/// Where it is told already, or could not be.
pub async fn enable(op: &Op, call: &Call, id: WebhookId) -> Done<WebhookId, Refusal> {
    permitted(op, call, Permission::EnableWebhook)?;
    let seen = store::by_key(&op.conn(), &[id]).await?.pop().ok_or(Error::NotFound)?;
    let refusal = query(op, seen.run_as_id, seen.query.as_deref()).await?;
    let request = Request::new("enableWebhook", call, &(id, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| enabled(op, tx, call, id, refusal.as_ref())).await
}

async fn enabled(op: &Op, tx: Conn, call: &Call, id: WebhookId, refusal: Option<&Refusal>) -> Done<WebhookId, Refusal> {
    let before = held(&tx, call, id).await?;
    if before.status == WebhookStatus::Active {
        return refused(Refusal::WrongStatus { status: before.status });
    }
    unless_refused(refusal.into_iter().cloned().collect())?;
    let mut after = before.clone();
    turn(&mut after, WebhookStatus::Active, op.now);
    if before.status == WebhookStatus::Disabled {
        after.position = outbox::last_position(&tx).await?.max(before.position);
    }
    store::hurry(&tx, id, op.now).await?;
    write(op, &tx, call, &before, &after, Event::new("webhook.enabled", about(id))).await
}

/// Switches a webhook off: nothing more is sent.
///
/// # Errors
/// Where it is switched off already.
pub async fn disable(op: &Op, call: &Call, id: WebhookId) -> Done<WebhookId, Refusal> {
    permitted(op, call, Permission::DisableWebhook)?;
    let request = Request::new("disableWebhook", call, &(id, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| disabled(op, tx, call, id)).await
}

async fn disabled(op: &Op, tx: Conn, call: &Call, id: WebhookId) -> Done<WebhookId, Refusal> {
    let before = held(&tx, call, id).await?;
    if before.status == WebhookStatus::Disabled {
        return refused(Refusal::WrongStatus { status: before.status });
    }
    let mut after = before.clone();
    turn(&mut after, WebhookStatus::Disabled, op.now);
    write(op, &tx, call, &before, &after, Event::new("webhook.disabled", about(id))).await
}

/// Deletes a webhook with the log of its deliveries.
///
/// # Errors
/// Where somebody was faster.
pub async fn delete(op: &Op, call: &Call, id: WebhookId) -> Done<WebhookId, Refusal> {
    permitted(op, call, Permission::DeleteWebhook)?;
    let request = Request::new("deleteWebhook", call, &(id, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| deleted(op, tx, call, id)).await
}

async fn deleted(op: &Op, tx: Conn, call: &Call, id: WebhookId) -> Done<WebhookId, Refusal> {
    let before = held(&tx, call, id).await?;
    if !store::delete(&tx, &before).await? {
        return version::overtaken(&tx, Some(about(id)), before.version, before.version + 1).await;
    }
    let told = Wanted::changed(&before, Changes::none()).told();
    outbox::record(op, &tx, call, Event::new("webhook.deleted", about(id)).with_changes(&told)?).await?;
    Ok(id)
}

/// Gives a webhook another secret. For a while messages are signed with both.
///
/// # Errors
/// Where somebody was faster.
pub async fn rotate(op: &Op, call: &Call, id: WebhookId) -> Done<Sealed, Refusal> {
    permitted(op, call, Permission::RotateWebhookSecret)?;
    let request = Request::new("rotateWebhookSecret", call, &(id, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| rotated(op, tx, call, id)).await
}

async fn rotated(op: &Op, tx: Conn, call: &Call, id: WebhookId) -> Done<Sealed, Refusal> {
    let before = held(&tx, call, id).await?;
    let seed = Secret::seed();
    let after = webhook::Model {
        secret: seed.clone(),
        former_secret: Some(before.secret.clone()),
        former_secret_until: Some(op.now + Duration::hours(op.app.settings.webhooks.secret_hours.into())),
        ..before.clone()
    };
    let id = write(op, &tx, call, &before, &after, Event::new("webhook.secret_rotated", about(id))).await?;
    Ok(Sealed { id, seed })
}

/// Sends a test.
///
/// # Errors
/// Where nothing is sent at present.
pub async fn test(op: &Op, call: &Call, id: WebhookId) -> Done<DeliveryId, Refusal> {
    permitted(op, call, Permission::TestWebhook)?;
    let request = Request::new("testWebhook", call, &(id, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| tested(op, tx, call, id)).await
}

async fn tested(op: &Op, tx: Conn, call: &Call, id: WebhookId) -> Done<DeliveryId, Refusal> {
    let hook = held(&tx, call, id).await?;
    if hook.status != WebhookStatus::Active {
        return refused(Refusal::WrongStatus { status: hook.status });
    }
    let delivery = store::add_one(&tx, store::due(id, None, PING, op.now)).await?;
    outbox::record(op, &tx, call, Event::new("webhook.tested", about(id))).await?;
    Ok(delivery)
}

/// Has a webhook told again of everything from an event on: under the same ids as before, so that a receiver that
/// took a message knows it.
///
/// # Errors
/// Where nothing from there on was shown to it yet.
pub async fn replay(op: &Op, call: &Call, id: WebhookId, from: ReplayFrom) -> Done<WebhookId, Refusal> {
    permitted(op, call, Permission::ReplayWebhook)?;
    let request = Request::new("replayWebhook", call, &(id, from, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| replayed(op, tx, call, id, from)).await
}

async fn replayed(op: &Op, tx: Conn, call: &Call, id: WebhookId, from: ReplayFrom) -> Done<WebhookId, Refusal> {
    let before = held(&tx, call, id).await?;
    let after = match from {
        ReplayFrom::Position(position) => Some(position.saturating_sub(1).max(0)),
        ReplayFrom::Time(at) => store::position_before(&tx, at).await?,
    };
    let Some(after) = after.filter(|after| *after < before.position) else {
        return refused(Refusal::NothingToReplay);
    };
    let replay_after = before.replay_after.map_or(after, |running| running.min(after));
    let replaying =
        webhook::Model { replay_after: Some(replay_after), replay_until: Some(before.position), ..before.clone() };
    let event = Event::new("webhook.replayed", about(id)).with_changes(&json!({ "after": after }))?;
    write(op, &tx, call, &before, &replaying, event).await
}

/// Begins a delivery that has ended again.
///
/// # Errors
/// Where it has not ended.
pub async fn replay_delivery(op: &Op, call: &Call, id: DeliveryId) -> Done<DeliveryId, Refusal> {
    permitted(op, call, Permission::ReplayDelivery)?;
    let request = Request::new("replayDelivery", call, &(id, call.on_behalf_of, call.expected_version));
    perform(op, &request, |tx| begun_again(op, tx, call, id)).await
}

async fn begun_again(op: &Op, tx: Conn, call: &Call, id: DeliveryId) -> Done<DeliveryId, Refusal> {
    let before = store::held_delivery(&tx, id).await?.ok_or(Error::NotFound)?;
    version::check(&tx, call, None, before.version).await?;
    if before.state == DeliveryState::Pending {
        return refused(Refusal::DeliveryPending);
    }
    let mut after = before.clone();
    (after.state, after.failures, after.due_at) = (DeliveryState::Pending, 0, op.now);
    (after.leased_until, after.finished_at) = (None, None);
    if !store::settle(&tx, &before, &after).await? {
        return version::overtaken(&tx, None, before.version, before.version + 1).await;
    }
    let event = Event::new("webhook.delivery_replayed", about(before.webhook_id))
        .with_changes(&json!({ "delivery": id.0, "kind": before.kind, "position": before.position }))?;
    outbox::record(op, &tx, call, event).await?;
    Ok(id)
}
