//! The way of every transition: fetch for the action, check version and step, judge, then write order,
//! ledger, queues and event in the one open transaction (O-27).

use ::entity::{
    orders::order,
    vocabulary::{Money, OrderId},
};
use sea_orm::EntityTrait;
use serde_json::{Map, Value as Json};

use super::{
    error::Refusal,
    outcome,
    rules::{self, Facts},
    store::{self, Changed},
    workflow::{self, Action, Actor},
};
use crate::{
    action::Call,
    authz::Permission,
    budgets::{self, Cause, Lock},
    db::Conn,
    error::Result,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused, unless_refused},
    version, work_queue,
};

/// An order at hand, with everything that the rules have to know.
#[derive(Clone, Debug)]
pub(super) struct AtHand {
    /// As it is stored.
    pub stored: order::Model,
    /// As the rules see it: a draft has today's prices.
    pub order: order::Model,
    /// What the rules have to know beside it.
    pub facts: Facts,
    /// Who acts.
    pub actor: Actor,
}

/// Fetches an order for an action and checks, in this order and each alone: that it may be read, that
/// the action reaches it, that it is the version the caller saw, and that it is at the caller's step.
pub(super) async fn take(op: &Op, conn: &Conn, call: &Call, id: OrderId, action: Action) -> Done<AtHand, Refusal> {
    let permissions: Vec<Permission> = action.steps().iter().map(|step| step.permission).collect();
    let found = store::fetch_for(op, conn, call, id, &permissions).await?;
    let stored = found.order.clone();
    version::check(conn, call, Some(about(id)), stored.version).await?;
    let place = store::place(&stored);
    let held = |permission| op.acts(permission, call.name()).covers(&place);
    if let Err(refusal) = workflow::at_step(action, &stored, held) {
        return refused(refusal);
    }
    let found = [found];
    let mut facts = store::facts(conn, Lock::Yes, &found, op.today()).await?;
    if action == Action::Duplicate {
        store::add_owners(&op.app, conn, &found, &mut facts).await?;
    }
    let facts = facts.pop().unwrap_or_default();
    let actor = Actor { person: op.me()?, name: call.name() };
    let order = rules::seen(&stored, &facts);
    Ok(AtHand { stored, order, facts, actor })
}

impl AtHand {
    /// Holds the envelopes that the order's promises are on until the transaction ends.
    pub(super) async fn hold_envelopes(&mut self, conn: &Conn) -> Result<()> {
        let order = &self.stored;
        let is_promised = (order.committed, order.rr_committed) != (Money::ZERO, Money::ZERO);
        if is_promised && self.facts.envelopes.delegate.is_none() {
            self.facts.envelopes =
                budgets::envelopes_of(conn, Lock::Yes, order.year, order.owner_id, order.region_id).await?;
        }
        Ok(())
    }

    /// Goes on only where no rule refuses the action.
    pub(super) fn judge(&self, op: &Op, action: Action, mut also: Vec<Refusal>) -> Done<(), Refusal> {
        also.extend(workflow::blockers(action, &self.order, &self.facts, self.actor, op.today()));
        unless_refused(also)
    }
}

/// What an event tells beside the change of the order itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Such as `order.submitted`.
    pub kind: &'static str,
    /// Reason given.
    pub reason: Option<String>,
    /// What changed beside the order's own columns.
    pub changes: Map<String, Json>,
}

impl Told {
    /// An event of a kind.
    pub(super) fn kind(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// With a reason.
    pub(super) fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// With something else that changed.
    pub(super) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.changes.insert(name.to_owned(), value.into());
        self
    }
}

/// Writes the order's new state with everything that follows from it: money, queues, event.
pub(super) async fn settle(
    op: &Op,
    conn: &Conn,
    call: &Call,
    at_hand: &AtHand,
    mut after: order::Model,
    told: Told,
) -> Done<order::Model, Refusal> {
    let before = &at_hand.stored;
    after.version = before.version + 1;
    if after.status != before.status {
        after.status_since = op.now;
    }
    let touched = money(op, conn, &at_hand.facts, before, &after, told.reason.as_deref()).await?;
    let changed = Changed::between(before, &after);
    if !store::advance(conn, before, &changed).await? {
        return overtaken(conn, before).await;
    }
    let queue = work_queue::moved(
        conn,
        work_queue::Subject::Order(before.id),
        &outcome::items(before),
        &outcome::items(&after),
    )
    .await?;
    let mut event = event(told.kind, before.id);
    event.from = Some(before.status.code());
    event.to = Some(after.status.code());
    event.reason = told.reason;
    event.changes = merged(changed.as_json(), told.changes);
    event.queue = queue;
    event.envelopes = touched;
    outbox::record(op, conn, call, event).await?;
    Ok(after)
}

/// Somebody else was faster: the version to look at is theirs.
async fn overtaken<T>(conn: &Conn, before: &order::Model) -> Done<T, Refusal> {
    let current = order::Entity::find_by_id(before.id).one(conn).await?.map_or(before.version, |o| o.version);
    version::overtaken(conn, Some(about(before.id)), before.version, current).await
}

fn about(order: OrderId) -> Subject {
    Subject { kind: "Order", id: order.0 }
}

/// Moves on the envelopes what the change commits, releases and spends.
async fn money(
    op: &Op,
    conn: &Conn,
    facts: &Facts,
    before: &order::Model,
    after: &order::Model,
    reason: Option<&str>,
) -> Result<Vec<::entity::vocabulary::EnvelopeId>> {
    let moves = (before.committed, before.rr_committed, before.actual_cost)
        != (after.committed, after.rr_committed, after.actual_cost);
    if !moves {
        return Ok(Vec::new());
    }
    let read = facts.envelopes.delegate.is_some();
    let envelopes = match read {
        true => facts.envelopes.clone(),
        false => budgets::envelopes_of(conn, Lock::Yes, before.year, before.owner_id, before.region_id).await?,
    };
    let postings = rules::postings(before, after, &envelopes);
    budgets::post(op, conn, Cause::Order(before.id), &postings, reason).await
}

/// An event about an order.
pub(super) fn event(kind: &'static str, id: OrderId) -> Event {
    Event::new(kind, about(id))
}

fn merged(mut changes: Json, more: Map<String, Json>) -> Json {
    if let Json::Object(all) = &mut changes {
        all.extend(more);
    }
    changes
}
