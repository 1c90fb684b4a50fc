//! What becomes of webhooks by themselves: they are paused, and go on. Each is an event, like what people do.

use std::sync::Arc;

use ::entity::{
    vocabulary::{Language, WebhookStatus},
    webhooks::webhook,
};
use serde_json::json;

use super::{
    actions::{about, turn},
    store,
};
use crate::{
    action::Call,
    app::App,
    error::Result,
    op::Op,
    outbox::{self, Event},
};

/// Pauses a webhook: its deliveries wait, and the events that come are looked through later.
pub(super) async fn pause(
    app: &Arc<App>,
    hook: &webhook::Model,
    status: WebhookStatus,
    detail: Option<String>,
) -> Result<()> {
    tracing::warn!(webhook = hook.id.0, status = status.code(), "a webhook is paused");
    become_so(app, hook, "webhook.paused", status, detail).await
}

/// Lets a webhook go on.
pub(super) async fn resume(app: &Arc<App>, hook: &webhook::Model) -> Result<()> {
    become_so(app, hook, "webhook.resumed", WebhookStatus::Active, None).await
}

/// Where somebody was faster, it stays as they made it.
async fn become_so(
    app: &Arc<App>,
    hook: &webhook::Model,
    kind: &'static str,
    status: WebhookStatus,
    detail: Option<String>,
) -> Result<()> {
    let op = Op::new(app.clone(), None, Language::Fr, "webhooks".to_owned());
    let mut after = webhook::Model { version: hook.version + 1, ..hook.clone() };
    turn(&mut after, status, op.now);
    after.status_detail.clone_from(&detail);
    let tx = op.begin().await?;
    if !store::advance(&tx, hook, &after).await? {
        tx.rollback().await?;
        return Ok(());
    }
    let mut event = Event::new(kind, about(hook.id));
    (event.from, event.to) = (Some(hook.status.code()), Some(status.code()));
    event.reason = detail.clone();
    event.changes = json!({ "name": hook.name });
    outbox::record(&op, &tx, &Call::default(), event).await?;
    tx.commit().await?;
    app.outbox.wake();
    Ok(())
}
