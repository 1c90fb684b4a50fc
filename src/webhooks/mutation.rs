//! What can be done to webhooks. Thin: decode, call, answer.

use ::entity::vocabulary::{DeliveryId, PersonId, WebhookId};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, OneofObject, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    actions::{self, Changes, ReplayFrom, Sealed, Wanted},
    rules,
    types::{Webhook, WebhookDelivery},
};
use crate::{
    action::Call,
    error::{self, Error},
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
    },
    input::{line, paragraph},
    op::Op,
};

mutations! {
    CreateWebhook: common + [
        "NAME_REQUIRED", "URL_REFUSED", "EVENT_UNKNOWN", "HEADER_REFUSED", "QUERY_INVALID", "RUN_AS_INACTIVE",
        "TOO_MANY_WEBHOOKS",
    ],
    UpdateWebhook: common + [
        "NAME_REQUIRED", "URL_REFUSED", "EVENT_UNKNOWN", "HEADER_REFUSED", "QUERY_INVALID", "RUN_AS_INACTIVE",
    ],
    EnableWebhook: common + ["WRONG_STATUS", "QUERY_INVALID", "RUN_AS_INACTIVE"],
    DisableWebhook: common + ["WRONG_STATUS"],
    DeleteWebhook: common + [],
    RotateWebhookSecret: common + [],
    TestWebhook: common + ["WRONG_STATUS"],
    ReplayWebhook: common + ["NOTHING_TO_REPLAY"],
    ReplayDelivery: common + ["DELIVERY_PENDING"],
}

/// A header that is sent along.
#[derive(Clone, Debug, InputObject)]
struct WebhookHeaderInput {
    /// Its name.
    name: String,
    /// Its value; it is not shown again.
    value: String,
}

/// A webhook to be registered.
#[derive(Clone, Debug, InputObject)]
struct CreateWebhookInput {
    /// What people call it.
    name: String,
    /// Where it is told: `https`, to a public address or one of the networks that the server's settings allow.
    url: String,
    /// Of which kinds of events: `order.submitted`, all of a family with `order.*`, all with `*`. The families are
    /// account, budget, contact, goodwill, identity, oppy, order, playbook, policy, quota, upload and webhook;
    /// `webhookEventKinds` has every kind.
    events: Vec<String>,
    /// The query whose result is sent as `data`, such as `query ($id: ID!) { order(id: $id) { number total } }`, or
    /// with `node(id: $id)` for several kinds of objects. `$id` is the event's object. It sees the schema and the
    /// records of `runAs`. Nothing is sent as `data` where there is none.
    query: Option<String>,
    /// The person with whose own rights objects are read: of what they may not read, nothing is sent.
    run_as: IdOf<PersonId>,
    /// Headers that are sent along.
    #[graphql(default)]
    headers: Vec<WebhookHeaderInput>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

impl CreateWebhookInput {
    fn read(self) -> error::Result<(Wanted, Call)> {
        let Self { name, url, events, query, run_as, headers, call } = self;
        let wanted = Wanted {
            name: line(["input", "name"], &name, rules::NAME)?,
            url: address(&url)?,
            events: patterns(&events)?,
            query: query.map(|query| document(&query)).transpose()?.filter(|query| !query.is_empty()),
            run_as: run_as.0,
            headers: pairs(headers)?,
        };
        Ok((wanted, call.into()))
    }
}

/// What is changed about a webhook; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
struct UpdateWebhookInput {
    /// Global id of the webhook.
    id: IdOf<WebhookId>,
    /// What people call it.
    name: Option<String>,
    /// Where it is told.
    url: Option<String>,
    /// Of which kinds of events.
    events: Option<Vec<String>>,
    /// The query whose result is sent as `data`; null: nothing is sent.
    query: MaybeUndefined<String>,
    /// The person with whose own rights objects are read.
    run_as: Option<IdOf<PersonId>>,
    /// Headers that are sent along, all of them.
    headers: Option<Vec<WebhookHeaderInput>>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateWebhookInput {
    fn read(self) -> error::Result<(WebhookId, Changes, Call)> {
        let Self { id, name, url, events, query, run_as, headers, call } = self;
        let query = match query {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(None),
            MaybeUndefined::Value(query) => Some(Some(document(&query)?).filter(|query| !query.is_empty())),
        };
        let changes = Changes {
            name: name.map(|name| line(["input", "name"], &name, rules::NAME)).transpose()?,
            url: url.map(|url| address(&url)).transpose()?,
            events: events.map(|events| patterns(&events)).transpose()?,
            query,
            run_as: run_as.map(|id| id.0),
            headers: headers.map(pairs).transpose()?,
        };
        Ok((id.0, changes, call.into()))
    }
}

fn address(url: &str) -> error::Result<String> {
    line(["input", "url"], url, rules::URL)
}

fn document(query: &str) -> error::Result<String> {
    paragraph(["input", "query"], query, rules::QUERY)
}

fn patterns(events: &[String]) -> error::Result<Vec<String>> {
    if events.len() > rules::MOST {
        return Err(Error::bad_input(["input", "events"], format!("at most {}", rules::MOST)));
    }
    events.iter().map(|pattern| line(["input", "events"], pattern, rules::NAME)).collect()
}

fn pairs(headers: Vec<WebhookHeaderInput>) -> error::Result<Vec<(String, String)>> {
    if headers.len() > rules::MOST {
        return Err(Error::bad_input(["input", "headers"], format!("at most {}", rules::MOST)));
    }
    Ok(headers.into_iter().map(|WebhookHeaderInput { name, value }| (name, value)).collect())
}

/// Which webhook.
#[derive(Clone, Debug, InputObject)]
struct WebhookInput {
    /// Global id of the webhook.
    id: IdOf<WebhookId>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// From where on events are replayed; exactly one is said.
#[derive(Clone, Copy, Debug, OneofObject)]
enum ReplayFromInput {
    /// From the event at this position on.
    Position(i64),
    /// From the first event of this moment or later on.
    Time(DateTime<Utc>),
}

/// Which webhook is told again, and of what.
#[derive(Clone, Debug, InputObject)]
struct ReplayWebhookInput {
    /// Global id of the webhook.
    id: IdOf<WebhookId>,
    /// From where on.
    from: ReplayFromInput,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// Which delivery.
#[derive(Clone, Debug, InputObject)]
struct ReplayDeliveryInput {
    /// Global id of the delivery.
    id: IdOf<DeliveryId>,
    /// How the mutation is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A webhook that was registered, with its secret.
#[derive(SimpleObject)]
struct CreateWebhookPayload {
    /// The webhook.
    webhook: Option<Webhook>,
    /// What its messages are signed with (`whsec_…`): shown here, and not again. None in a dry run.
    secret: Option<String>,
    /// Why not.
    user_errors: Vec<UserError<CreateWebhook>>,
}

/// A webhook that got another secret.
#[derive(SimpleObject)]
struct RotateWebhookSecretPayload {
    /// The webhook, as it is now.
    webhook: Option<Webhook>,
    /// What its messages are signed with from now on, beside the former secret for a while: shown here, and not
    /// again. None in a dry run.
    secret: Option<String>,
    /// Why not.
    user_errors: Vec<UserError<RotateWebhookSecret>>,
}

/// A webhook, as it is now, and why it was not changed.
#[derive(SimpleObject)]
struct UpdateWebhookPayload {
    /// The webhook, as it is now.
    webhook: Option<Webhook>,
    /// Why not.
    user_errors: Vec<UserError<UpdateWebhook>>,
}

/// A webhook, as it is now, and why it is not told again.
#[derive(SimpleObject)]
struct EnableWebhookPayload {
    /// The webhook, as it is now.
    webhook: Option<Webhook>,
    /// Why not.
    user_errors: Vec<UserError<EnableWebhook>>,
}

/// A webhook, as it is now, and why it was not switched off.
#[derive(SimpleObject)]
struct DisableWebhookPayload {
    /// The webhook, as it is now.
    webhook: Option<Webhook>,
    /// Why not.
    user_errors: Vec<UserError<DisableWebhook>>,
}

/// Which webhook was deleted, and why it was not.
#[derive(SimpleObject)]
struct DeleteWebhookPayload {
    /// The webhook, as it is now; none once it is deleted.
    webhook: Option<Webhook>,
    /// Why not.
    user_errors: Vec<UserError<DeleteWebhook>>,
}

/// A test, and why none was sent.
#[derive(SimpleObject)]
struct TestWebhookPayload {
    /// The delivery of the test.
    delivery: Option<WebhookDelivery>,
    /// Why not.
    user_errors: Vec<UserError<TestWebhook>>,
}

/// A webhook that is told again, and why it is not.
#[derive(SimpleObject)]
struct ReplayWebhookPayload {
    /// The webhook, as it is now.
    webhook: Option<Webhook>,
    /// Why not.
    user_errors: Vec<UserError<ReplayWebhook>>,
}

/// A delivery that is begun again, and why it is not.
#[derive(SimpleObject)]
struct ReplayDeliveryPayload {
    /// The delivery, as it is now.
    delivery: Option<WebhookDelivery>,
    /// Why not.
    user_errors: Vec<UserError<ReplayDelivery>>,
}

/// Changes to webhooks.
#[derive(Debug, Default)]
pub struct WebhooksMutation;

#[Object]
impl WebhooksMutation {
    /// Registers a webhook: it is told of what happens from now on.
    async fn create_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The webhook.")] input: CreateWebhookInput,
    ) -> Result<CreateWebhookPayload> {
        let op = op(ctx);
        let (wanted, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::create(op, &call, &wanted).await)?;
        let (webhook, secret) = sealed(op, &call, None, made).await.told(op)?;
        Ok(CreateWebhookPayload { webhook, secret, user_errors })
    }

    /// Changes a webhook. One that waited because its query or its person was no longer good goes on.
    async fn update_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook, and what is changed.")] input: UpdateWebhookInput,
    ) -> Result<UpdateWebhookPayload> {
        let op = op(ctx);
        let (id, changes, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update(op, &call, id, &changes).await)?;
        Ok(UpdateWebhookPayload { webhook: webhook(op, id).await.told(op)?, user_errors })
    }

    /// Has a webhook told again: from now on where somebody had switched it off, of everything since where it was
    /// paused.
    async fn enable_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook.")] input: WebhookInput,
    ) -> Result<EnableWebhookPayload> {
        let op = op(ctx);
        let WebhookInput { id: IdOf(id), call } = input;
        let (_, user_errors) = answer(op, actions::enable(op, &call.into(), id).await)?;
        Ok(EnableWebhookPayload { webhook: webhook(op, id).await.told(op)?, user_errors })
    }

    /// Switches a webhook off: nothing more is sent, and what happens meanwhile it is not told of.
    async fn disable_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook.")] input: WebhookInput,
    ) -> Result<DisableWebhookPayload> {
        let op = op(ctx);
        let WebhookInput { id: IdOf(id), call } = input;
        let (_, user_errors) = answer(op, actions::disable(op, &call.into(), id).await)?;
        Ok(DisableWebhookPayload { webhook: webhook(op, id).await.told(op)?, user_errors })
    }

    /// Deletes a webhook with the log of its deliveries.
    async fn delete_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook.")] input: WebhookInput,
    ) -> Result<DeleteWebhookPayload> {
        let op = op(ctx);
        let WebhookInput { id: IdOf(id), call } = input;
        let (_, user_errors) = answer(op, actions::delete(op, &call.into(), id).await)?;
        Ok(DeleteWebhookPayload { webhook: webhook(op, id).await.told(op)?, user_errors })
    }

    /// Gives a webhook another secret; for a while messages are signed with both.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook.")] input: WebhookInput,
    ) -> Result<RotateWebhookSecretPayload> {
        let op = op(ctx);
        let WebhookInput { id: IdOf(id), call } = input;
        let call = call.into();
        let (made, user_errors) = answer(op, actions::rotate(op, &call, id).await)?;
        let (webhook, secret) = sealed(op, &call, Some(id), made).await.told(op)?;
        Ok(RotateWebhookSecretPayload { webhook, secret, user_errors })
    }

    /// Sends a test, of the type `webhook.ping`.
    async fn test_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook.")] input: WebhookInput,
    ) -> Result<TestWebhookPayload> {
        let op = op(ctx);
        let WebhookInput { id: IdOf(id), call } = input;
        let (made, user_errors) = answer(op, actions::test(op, &call.into(), id).await)?;
        Ok(TestWebhookPayload { delivery: delivery(op, made).await.told(op)?, user_errors })
    }

    /// Has a webhook told again of everything from an event or a moment on, under the same ids as before.
    async fn replay_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which webhook, and from where on.")] input: ReplayWebhookInput,
    ) -> Result<ReplayWebhookPayload> {
        let op = op(ctx);
        let ReplayWebhookInput { id: IdOf(id), from, call } = input;
        let from = match from {
            ReplayFromInput::Position(position) => ReplayFrom::Position(position),
            ReplayFromInput::Time(at) => ReplayFrom::Time(at),
        };
        let (_, user_errors) = answer(op, actions::replay(op, &call.into(), id, from).await)?;
        Ok(ReplayWebhookPayload { webhook: webhook(op, id).await.told(op)?, user_errors })
    }

    /// Begins a delivery that has ended again, under the same id.
    async fn replay_delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which delivery.")] input: ReplayDeliveryInput,
    ) -> Result<ReplayDeliveryPayload> {
        let op = op(ctx);
        let ReplayDeliveryInput { id: IdOf(id), call } = input;
        let (_, user_errors) = answer(op, actions::replay_delivery(op, &call.into(), id).await)?;
        Ok(ReplayDeliveryPayload { delivery: delivery(op, Some(id)).await.told(op)?, user_errors })
    }
}

/// A webhook as it is now, where the caller may read it.
async fn webhook(op: &Op, id: WebhookId) -> error::Result<Option<Webhook>> {
    Ok(super::readable(op, id).await?.map(Webhook))
}

async fn delivery(op: &Op, id: Option<DeliveryId>) -> error::Result<Option<WebhookDelivery>> {
    let Some(id) = id else { return Ok(None) };
    Ok(super::readable_delivery(op, id).await?.map(WebhookDelivery))
}

/// A webhook with the secret that it was given, where it was given one.
async fn sealed(
    op: &Op,
    call: &Call,
    known: Option<WebhookId>,
    made: Option<Sealed>,
) -> error::Result<(Option<Webhook>, Option<String>)> {
    let secret = made.as_ref().map(|made| made.secret(op, call)).transpose()?.flatten();
    match known.or(made.map(|made| made.id)) {
        Some(id) => Ok((webhook(op, id).await?, secret)),
        None => Ok((None, secret)),
    }
}
