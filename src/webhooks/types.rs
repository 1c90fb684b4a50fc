//! What the schema shows of webhooks.

use ::entity::{
    vocabulary::{AttemptOutcome, DeliveryAttempt, DeliveryState, WebhookStatus},
    webhooks::{delivery, webhook},
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    labels,
    log::{LogOf, Window},
};
use crate::{
    graphql::{
        connection::{self, Connection, Paging},
        guard::requires,
        id::global,
        payload::{Told, op},
        timeline::{self, TimelineEntry},
    },
    identity::types::Person,
    loaders::Loaders,
};

/// An address that is told of events.
#[derive(Clone, Debug)]
pub struct Webhook(pub webhook::Model);

/// An address that is told of events. Messages are `POST`ed as JSON with the headers `webhook-id`, `webhook-timestamp`
/// and `webhook-signature` of Standard Webhooks (HMAC-SHA256, `v1`), at least once, mostly in the order of their
/// `position`; any answer 2xx takes a message. Fields: `id` (the same at each attempt), `type`, `at`, `position`,
/// `subject { type id }`, `from`, `to`, `reason`, `actor { id name }`, `onBehalfOf`, `data` (what the query reads).
#[Object(directive = requires::apply("readWebhooks".into()))]
impl Webhook {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it is told.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// Kinds of events of which it is told: `order.submitted`, all of a family with `order.*`, all with `*`.
    async fn events(&self) -> &[String] {
        &self.0.events.0
    }

    /// The query whose result is sent as `data`; none: nothing is.
    async fn query(&self) -> Option<&str> {
        self.0.query.as_deref()
    }

    /// The person with whose rights objects are read: of what they may not read, nothing is sent.
    async fn run_as(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.run_as_id).await.told(op(ctx))?))
    }

    /// Names of the headers that are sent along; their values are not shown.
    async fn header_names(&self) -> Vec<&str> {
        self.0.headers.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Whether it is told, or why not.
    async fn status(&self) -> WebhookStatus {
        self.0.status
    }

    /// The same in the caller's language.
    async fn status_label(&self, ctx: &Context<'_>) -> String {
        labels::status(self.0.status).into_language(op(ctx).language)
    }

    /// Why it is not told and what would change that, in the caller's language; none where it is.
    async fn status_reason(&self, ctx: &Context<'_>) -> Option<String> {
        labels::reason(&self.0).map(|text| text.into_language(op(ctx).language))
    }

    /// Since when.
    async fn status_since(&self) -> DateTime<Utc> {
        self.0.status_since
    }

    /// Since when nothing but failures came back; none where it does not fail.
    async fn failing_since(&self) -> Option<DateTime<Utc>> {
        self.0.failing_since
    }

    /// Every event up to this position has been looked at.
    async fn position(&self) -> i64 {
        self.0.position
    }

    /// Whether earlier events are being replayed.
    async fn replaying(&self) -> bool {
        self.0.replay_until.is_some()
    }

    /// Until when messages are signed with the former secret too.
    async fn former_secret_until(&self, ctx: &Context<'_>) -> Option<DateTime<Utc>> {
        self.0.former_secret_until.filter(|until| *until > op(ctx).now)
    }

    /// Who registered it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.created_by_id).await.told(op(ctx))?))
    }

    /// When.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// What it is told, the latest first.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those that stand so; all where nothing is said.", default)] states: Vec<DeliveryState>,
    ) -> Result<Connection<WebhookDelivery>> {
        let op = op(ctx);
        let window = Paging::new(ctx, first, after, last, before).and_then(|paging| Window::new(paging, states));
        Ok(Loaders::of(ctx).one(LogOf(self.0.id, window.told(op)?)).await.told(op)?.into())
    }

    /// What happened to it, oldest first.
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<TimelineEntry>> {
        timeline::of(ctx, self.0.id).await
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

impl From<webhook::Model> for Webhook {
    fn from(row: webhook::Model) -> Self {
        Self(row)
    }
}

/// What one webhook is told of one event.
#[derive(Clone, Debug)]
pub struct WebhookDelivery(pub delivery::Model);

/// What one webhook is told of one event, and how that went.
#[Object(directive = requires::apply("readWebhooks".into()))]
impl WebhookDelivery {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Which webhook.
    async fn webhook(&self, ctx: &Context<'_>) -> Result<Webhook> {
        Ok(Webhook(Loaders::of(ctx).one(self.0.webhook_id).await.told(op(ctx))?))
    }

    /// Kind of the event; `webhook.ping` for a test.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Position of the event; 0 for a test.
    async fn position(&self) -> i64 {
        self.0.position
    }

    /// Where it stands.
    async fn state(&self) -> DeliveryState {
        self.0.state
    }

    /// When the next attempt is due; none where there is none.
    async fn due_at(&self) -> Option<DateTime<Utc>> {
        (self.0.state == DeliveryState::Pending).then_some(self.0.due_at)
    }

    /// The latest attempts, oldest first.
    async fn attempts(&self) -> Vec<WebhookAttempt> {
        self.0.attempts.0.iter().map(WebhookAttempt::from).collect()
    }

    /// The beginning of what was last answered.
    async fn response(&self) -> Option<&str> {
        self.0.response.as_deref()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it ended.
    async fn finished_at(&self) -> Option<DateTime<Utc>> {
        self.0.finished_at
    }

    /// Number of changes, attempts included: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

impl From<delivery::Model> for WebhookDelivery {
    fn from(row: delivery::Model) -> Self {
        Self(row)
    }
}

/// One attempt at a delivery.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readWebhooks".into()))]
pub struct WebhookAttempt {
    /// When.
    at: DateTime<Utc>,
    /// How it went.
    outcome: AttemptOutcome,
    /// HTTP status of the answer, where there was one.
    status: Option<u16>,
    /// How long it took, reading what was sent included.
    milliseconds: i64,
}

impl From<&DeliveryAttempt> for WebhookAttempt {
    fn from(attempt: &DeliveryAttempt) -> Self {
        let DeliveryAttempt { at, outcome, status, milliseconds } = attempt;
        Self { at: *at, outcome: *outcome, status: *status, milliseconds: *milliseconds }
    }
}

/// What waits to be sent to all webhooks, and what was given up.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readWebhooks".into()))]
pub struct WebhookBacklog {
    /// Deliveries that wait for an attempt.
    pub(super) pending: i64,
    /// Deliveries of which every attempt failed.
    pub(super) dead: i64,
    /// When the oldest that waits was made.
    pub(super) oldest_at: Option<DateTime<Utc>>,
}
