//! From the events to the deliveries: one row for each webhook and event, written behind the commits, in their
//! order.
//!
//! Each webhook keeps, in its own row, how far the events were looked through for it, and that moves in the
//! transaction in which the deliveries are written: whoever breaks off leaves nothing half done, and nothing is
//! written twice. On however many processes one looks at a time; the others leave it to that one.

use std::{collections::BTreeMap, sync::Arc};

use ::entity::{
    platform::event,
    vocabulary::{WebhookId, WebhookStatus},
    webhooks::webhook,
};
use chrono::{DateTime, Utc};

use super::{rules, store};
use crate::{app::App, db::Conn, error::Result, outbox};

/// Events to one look.
const PAGE: u64 = 500;

/// Looks some events through for those who are told; whether there may be more.
pub(super) async fn look(app: &App, hooks: &[webhook::Model]) -> Result<bool> {
    if !is_anything_new(app, hooks).await? {
        return Ok(false);
    }
    let tx = Conn::begin(&app.database, Arc::default()).await?;
    if !store::is_alone(&tx).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    let now = app.clock.now();
    let mut hooks = store::in_use(&tx).await?;
    hooks.retain(|hook| hook.status == WebhookStatus::Active);
    let mut more = false;
    for (position, together) in by_position(&hooks) {
        more |= go_on(&tx, position, &together, now).await?;
    }
    for hook in &hooks {
        more |= go_back(&tx, hook, now).await?;
    }
    tx.commit().await?;
    Ok(more)
}

/// Mostly there is nothing to do, and no reason to begin a transaction.
async fn is_anything_new(app: &App, hooks: &[webhook::Model]) -> Result<bool> {
    let told = || hooks.iter().filter(|hook| hook.status == WebhookStatus::Active);
    if told().any(|hook| hook.replay_until.is_some()) {
        return Ok(true);
    }
    let Some(first) = told().map(|hook| hook.position).min() else { return Ok(false) };
    Ok(outbox::last_position(app.database.reader()).await? > first)
}

/// Webhooks that are equally far: they share what is read.
fn by_position(hooks: &[webhook::Model]) -> BTreeMap<i64, Vec<&webhook::Model>> {
    let mut by_position: BTreeMap<i64, Vec<&webhook::Model>> = BTreeMap::new();
    for hook in hooks {
        by_position.entry(hook.position).or_default().push(hook);
    }
    by_position
}

/// Looks the next events through for some webhooks.
async fn go_on(tx: &Conn, position: i64, hooks: &[&webhook::Model], now: DateTime<Utc>) -> Result<bool> {
    let events = outbox::since(tx, position, PAGE).await?;
    let Some(last) = events.last().and_then(|event| event.position) else { return Ok(false) };
    for hook in hooks {
        let rows = meant(hook, &events).map(|event| store::due(hook.id, Some(event), &event.kind, now));
        store::add(tx, rows.collect()).await?;
    }
    let ids: Vec<WebhookId> = hooks.iter().map(|hook| hook.id).collect();
    store::looked_at(tx, &ids, last).await?;
    Ok(events.len() as u64 == PAGE)
}

/// Looks the next events through that are to be replayed for a webhook.
async fn go_back(tx: &Conn, hook: &webhook::Model, now: DateTime<Utc>) -> Result<bool> {
    let (Some(after), Some(until)) = (hook.replay_after, hook.replay_until) else { return Ok(false) };
    let mut events = outbox::since(tx, after, PAGE).await?;
    events.retain(|event| event.position.is_some_and(|position| position <= until));
    let again: Vec<&event::Model> = meant(hook, &events).collect();
    let ids: Vec<_> = again.iter().map(|event| event.id).collect();
    store::begin_again(tx, hook.id, &ids, now).await?;
    let rows = again.iter().map(|event| store::due(hook.id, Some(event), &event.kind, now));
    store::add(tx, rows.collect()).await?;
    let last = events.last().and_then(|event| event.position);
    let rest = last.filter(|last| *last < until).map(|last| (last, until));
    store::replayed(tx, hook.id, rest).await?;
    Ok(rest.is_some())
}

fn meant<'e>(hook: &'e webhook::Model, events: &'e [event::Model]) -> impl Iterator<Item = &'e event::Model> {
    events.iter().filter(|event| rules::mean(&hook.events.0, &event.kind))
}
