//! One decision about many orders (O-28): each succeeds or is refused by itself, in order.

use ::entity::vocabulary::OrderId;
use sha2::{Digest, Sha256};

use super::{
    actions::{self, Decision},
    error::Refusal,
};
use crate::{
    action::{Call, Request, perform},
    error::Error,
    op::Op,
    refusal::{Done, Stopped, refused},
};

/// Most decisions in one request.
pub(super) const MOST: usize = 100;

/// One decision about several orders.
#[derive(Clone, Debug)]
pub(super) struct Bulk {
    /// Each order with the version that the caller saw.
    pub items: Vec<(OrderId, Option<i64>)>,
    pub decision: Decision,
    pub reason: Option<String>,
    pub call: Call,
}

/// What became of each order, in the order in which they were given.
pub(super) type Decided = Vec<(OrderId, Done<OrderId, Refusal>)>;

/// Decides each order in a transaction of its own; a dry run, all of them in one, so that each sees what
/// the ones before it would have taken from the budget.
///
/// # Errors
/// What is wrong with the request as a whole; then nothing was decided.
pub(super) async fn validate(op: &Op, bulk: Bulk) -> Done<Decided, Refusal> {
    let Bulk { items, decision, reason, call } = &bulk;
    if items.len() > MOST {
        return refused(Refusal::TooMany { most: MOST });
    }
    if call.dry_run {
        op.rehearse(op.begin().await?);
    } else {
        claim(op, &bulk).await?;
    }
    let mut decided = Decided::new();
    for (place, (id, expected_version)) in items.iter().enumerate() {
        let done = actions::validate(op, *id, *decision, reason.clone(), each(call, place, *expected_version)).await;
        match told_alone(done) {
            Err(Stopped::Failed(error)) if decided.is_empty() => return Err(error.into()),
            Err(Stopped::Failed(error)) => {
                tracing::error!(
                    request_id = op.request_id,
                    error = &error as &dyn std::error::Error,
                    "a bulk was interrupted"
                );
                decided.extend(items.iter().skip(place).map(|(id, _)| (*id, refused(Refusal::Interrupted))));
                break;
            }
            done => decided.push((*id, done)),
        }
    }
    Ok(decided)
}

/// Takes the key for this very list: the same key with another one is refused before anything is decided.
async fn claim(op: &Op, bulk: &Bulk) -> Done<(), Refusal> {
    if bulk.call.idempotency_key.is_none() {
        return Ok(());
    }
    let input = (&bulk.items, bulk.decision, &bulk.reason, bulk.call.on_behalf_of);
    let request = Request::new("validateOrders", &bulk.call, &input);
    perform(op, &request, |_| async { Ok(()) }).await
}

/// How one order is called: each has a key of its own, so that a retry goes on where it stopped.
fn each(call: &Call, place: usize, expected_version: Option<i64>) -> Call {
    let own = |key: &String| crate::hex(&Sha256::digest(format!("{key}\n{place}")));
    Call { expected_version, idempotency_key: call.idempotency_key.as_ref().map(own), ..call.clone() }
}

/// That an order cannot be reached is told of it alone and leaves the others be.
fn told_alone(done: Done<OrderId, Refusal>) -> Done<OrderId, Refusal> {
    match done {
        Err(Stopped::Failed(Error::NotFound)) => refused(Refusal::NotFound),
        Err(Stopped::Failed(Error::Forbidden)) => refused(Refusal::Forbidden),
        done => done,
    }
}
