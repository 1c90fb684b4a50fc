//! What orders add to the way of every transition ([`crate::transition`]): the rows that belong to them, and the
//! money that moves with them (B-3).

use ::entity::{
    orders::order,
    vocabulary::{EnvelopeId, Money, OrderId, OrderStatus},
};
use chrono::{DateTime, Utc};
use sea_orm::{Condition, DbErr};

use super::{
    error::Refusal,
    outcome,
    rules::{self, Facts},
    store::{self, Found},
    workflow::{Action, OrderWorkflow},
};
use crate::{
    action::Call,
    authz::{Permission, Reach},
    budgets::{self, Cause},
    db::{Conn, Lock},
    error::Result,
    op::Op,
    record::Versioned,
    refusal::Done,
    transition::{self, Told, Tracked},
    work_queue,
};

/// An order at hand, with everything that the rules have to know.
pub(super) type AtHand = transition::AtHand<OrderWorkflow>;

impl Versioned for order::Entity {
    const KEY: order::Column = order::Column::Id;
    const VERSION: order::Column = order::Column::Version;
}

impl Tracked for OrderWorkflow {
    type Entity = order::Entity;
    type Key = OrderId;
    type Found = Found;

    const READ: Permission = Permission::ReadOrders;
    const SILENT: &'static [order::Column] =
        &[order::Column::Version, order::Column::Status, order::Column::StatusSince];

    async fn find(conn: &Conn, condition: Condition) -> Result<Vec<Found>, DbErr> {
        store::with_years(conn, condition).await
    }

    fn object(found: &Found) -> &order::Model {
        &found.order
    }

    fn within(reach: &Reach) -> Condition {
        store::within(reach)
    }

    fn key(order: &order::Model) -> OrderId {
        order.id
    }

    fn version(order: &order::Model) -> i64 {
        order.version
    }

    fn raise(after: &mut order::Model, before: &order::Model, now: DateTime<Utc>) {
        after.version = before.version + 1;
        if after.status != before.status {
            after.status_since = now;
        }
    }

    fn status_code(status: OrderStatus) -> &'static str {
        status.code()
    }

    fn subject(order: &order::Model) -> work_queue::Subject {
        work_queue::Subject::Order(order.id)
    }

    fn items(order: &order::Model) -> Vec<work_queue::Item> {
        outcome::items(order)
    }

    async fn facts(op: &Op, conn: &Conn, lock: Lock, action: Option<Action>, found: &[Found]) -> Result<Vec<Facts>> {
        let mut facts = store::facts(conn, lock, found, op.today()).await?;
        if action.is_none_or(|action| action == Action::Duplicate) {
            store::add_owners(&op.app, conn, found, &mut facts).await?;
        }
        Ok(facts)
    }

    fn seen(order: &order::Model, facts: &Facts) -> order::Model {
        rules::seen(order, facts)
    }
}

/// Fetches an order for an action; see [`transition::take`].
pub(super) async fn take(op: &Op, conn: &Conn, call: &Call, id: OrderId, action: Action) -> Done<AtHand, Refusal> {
    transition::take(op, conn, call, id, action).await
}

/// Writes the order's new state with everything that follows from it: money, queues, event.
pub(super) async fn settle(
    op: &Op,
    conn: &Conn,
    call: &Call,
    at_hand: &AtHand,
    after: order::Model,
    told: Told,
) -> Done<order::Model, Refusal> {
    let touched = money(op, conn, &at_hand.facts, &at_hand.stored, &after, told.reason.as_deref()).await?;
    transition::settle(op, conn, call, at_hand, after, told, touched).await
}

/// Holds the envelopes that the order's promises are on until the transaction ends.
pub(super) async fn hold_envelopes(conn: &Conn, at_hand: &mut AtHand) -> Result<()> {
    let order = &at_hand.stored;
    let is_promised = (order.committed, order.rr_committed) != (Money::ZERO, Money::ZERO);
    if is_promised && at_hand.facts.envelopes.delegate.is_none() {
        at_hand.facts.envelopes =
            budgets::envelopes_of(conn, Lock::Yes, order.year, order.owner_id, order.region_id).await?;
    }
    Ok(())
}

/// Moves on the envelopes what the change commits, releases and spends; those that it touched.
async fn money(
    op: &Op,
    conn: &Conn,
    facts: &Facts,
    before: &order::Model,
    after: &order::Model,
    reason: Option<&str>,
) -> Result<Vec<EnvelopeId>> {
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
