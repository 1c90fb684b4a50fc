//! What a webhook is told of an event: that it happened, and what its query reads of the object, with the rights of
//! this moment. Somebody who may not read the object is not told that anything happened to it.
//!
//! ```json
//! { "id": "msg_3_417", "type": "order.submitted", "at": "2026-03-16T09:00:00Z", "position": 417,
//!   "subject": { "type": "Order", "id": "T3JkZXI6Nw" }, "from": "DRAFT", "to": "AWAITING_PDV",
//!   "actor": { "id": "…", "name": "…" }, "onBehalfOf": null, "reason": null,
//!   "data": { "order": { "number": "2026-00012" } } }
//! ```
//! `id` is the same at each attempt and each replay. `position` is the event's place in the order of commits: several
//! deliveries are under way at a time, and whoever must not go backwards compares it. `data` is as the object is when
//! it is sent, and no longer as it was when the event happened; `errors` stands beside it where something could not
//! be read.

use std::sync::Arc;

use ::entity::{
    identity::person,
    platform::event,
    vocabulary::PersonId,
    webhooks::{delivery, webhook},
};
use async_graphql::{ID, ServerError};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::{
    judge::{op_of, query_for},
    rules::PING,
};
use crate::{
    app::App,
    authz::{Caller, Permission},
    error::{Error, Result},
    graphql::{
        id::{global, named},
        node,
    },
    http::stored::Read,
    identity,
    op::Op,
};

/// What there is to be sent.
#[derive(Debug)]
pub(super) enum Message {
    /// This text, under this id.
    Text {
        /// The same at each attempt.
        id: String,
        /// JSON.
        body: String,
    },
    /// Nothing: the object is not this person's to read.
    Withheld,
    /// It could not be read now.
    NotRead,
}

/// Puts together what a webhook is told.
pub(super) async fn compose(
    app: &Arc<App>,
    hook: &webhook::Model,
    caller: Arc<Caller>,
    delivery: &delivery::Model,
    event: Option<&event::Model>,
) -> Result<Message> {
    let Some(event) = event else { return Ok(ping(hook, delivery)) };
    let op = op_of(app, caller, &delivery.id.to_string());
    if !may_read(&op, event).await? {
        return Ok(Message::Withheld);
    }
    let Some(read) = read(&op, hook, event).await else { return Ok(Message::NotRead) };
    let id = format!("msg_{}_{}", hook.id, event.id);
    let people = people(&op, event).await?;
    let body = body(&id, event, &people, read)?;
    Ok(Message::Text { id, body })
}

/// A test tells of nothing but itself.
fn ping(hook: &webhook::Model, delivery: &delivery::Model) -> Message {
    let id = format!("ping_{}_{}", hook.id, delivery.id);
    let told = json!({ "id": id, "type": PING, "at": delivery.created_at, "position": 0, "data": null });
    Message::Text { id, body: told.to_string() }
}

/// Whether somebody may read that an event happened: whoever reads its object, and, of what is about accounts and
/// sessions, whoever reads users.
async fn may_read(op: &Arc<Op>, event: &event::Model) -> Result<bool> {
    let holds = |permission| op.caller.as_ref().is_some_and(|caller| caller.permissions.contains(permission));
    if event.kind.starts_with("identity.") {
        return Ok(holds(Permission::ReadUsers));
    }
    match event.subject_type.as_str() {
        "Policy" => Ok(holds(Permission::ReadPolicy)),
        "Playbook" => Ok(holds(Permission::ReadPlaybook)),
        "BudgetYear" => Ok(holds(Permission::ReadBudgets)),
        "Webhook" => Ok(holds(Permission::ReadWebhooks)),
        // A file on its way in is its sender's.
        "Upload" => Ok(event.actor_id == op.caller.as_ref().map(|caller| caller.person.id)),
        _ => node::is_readable(op, &subject(event)).await,
    }
}

fn subject(event: &event::Model) -> ID {
    named(&event.subject_type, event.subject_id)
}

/// What the webhook's query reads of an event's object; nothing where a fault came in between, or it took too
/// long.
async fn read(op: &Arc<Op>, hook: &webhook::Model, event: &event::Model) -> Option<Option<Read>> {
    let Some(query) = &hook.query else { return Some(None) };
    let caller = op.caller.as_deref()?;
    let stored = query_for(&op.app, caller, query, Some(&subject(event))).ok()?;
    let read = stored.run(op).await;
    let is_fault = |error: &ServerError| {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        code == Some(&async_graphql::Value::from("INTERNAL"))
    };
    let is_cut = read.data == async_graphql::Value::Null && !read.errors.is_empty();
    (!is_cut && !read.errors.iter().any(is_fault)).then_some(Some(read))
}

async fn people(op: &Op, event: &event::Model) -> Result<Vec<person::Model>> {
    let ids: Vec<PersonId> = [event.actor_id, event.on_behalf_of_id].into_iter().flatten().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(identity::store::people(&op.conn(), &ids).await?)
}

/// The text of a message, its fields in this order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'e> {
    id: &'e str,
    r#type: &'e str,
    at: DateTime<Utc>,
    position: Option<i64>,
    subject: Subject<'e>,
    from: Option<&'e str>,
    to: Option<&'e str>,
    reason: Option<&'e str>,
    actor: Option<Named>,
    on_behalf_of: Option<Named>,
    data: async_graphql::Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ServerError>,
}

#[derive(Serialize)]
struct Subject<'e> {
    r#type: &'e str,
    id: String,
}

#[derive(Serialize)]
struct Named {
    id: String,
    name: String,
}

fn body(id: &str, event: &event::Model, people: &[person::Model], read: Option<Read>) -> Result<String> {
    let named = |id: Option<PersonId>| {
        let person = people.iter().find(|person| Some(person.id) == id)?;
        Some(Named { id: global(person.id).0, name: format!("{} {}", person.given_name, person.family_name) })
    };
    let (data, errors) = read.map_or_else(Default::default, |Read { data, errors }| (data, errors));
    let body = Body {
        id,
        r#type: &event.kind,
        at: event.at,
        position: event.position,
        subject: Subject { r#type: &event.subject_type, id: subject(event).0 },
        from: event.from_status.as_deref(),
        to: event.to_status.as_deref(),
        reason: event.reason.as_deref(),
        actor: named(event.actor_id),
        on_behalf_of: named(event.on_behalf_of_id),
        data,
        errors,
    };
    serde_json::to_string(&body).map_err(|error| Error::Internal(error.into()))
}
