//! What an order becomes by each action that nothing refuses. Pure: the use cases and the demonstration
//! both take it from here, so that a simulated past is made of the same orders as a lived one.

use ::entity::{
    crm::site,
    identity::delegation,
    orders::order,
    vocabulary::{Address, AttachmentPurpose, DeliveryMode, Money, OrderStatus, PersonId, RrReasons, WorkKind},
};
use chrono::{DateTime, NaiveDate, Utc};

use super::{
    rules::{self, Facts},
    shares::Shares,
    workflow::{self, Action},
};
use crate::{calendar, work_queue};

/// Who acts, for whom, and when.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The person who acts.
    pub person: PersonId,
    /// The absent person for whom they do.
    pub on_behalf_of: Option<PersonId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Submitted under a number, to an address that is copied onto it (O-3, O-20).
#[must_use]
pub fn submitted(
    order: &order::Model,
    facts: &Facts,
    number: String,
    address: Option<Address>,
    by: Signature,
) -> order::Model {
    let submission = workflow::submit(order, facts);
    order::Model {
        number: Some(number),
        delivery_address: address,
        status: submission.status,
        auto_validated: submission.reasons.is_empty(),
        rr_reasons: RrReasons(submission.reasons),
        committed: submission.committed,
        submitter_id: Some(by.person),
        submitted_for_id: by.on_behalf_of,
        submitted_at: Some(by.at),
        involved: order.involved.clone().with([by.person]).with(by.on_behalf_of),
        ..order.clone()
    }
}

/// O-3: where the goods go, as it is known today; none where that is not known.
#[must_use]
pub fn address(
    order: &order::Model,
    site: Option<&site::Model>,
    office: Option<&delegation::Model>,
) -> Option<Address> {
    let at = |recipient: &String, street: &String, postcode: &String, city: &String| Address {
        recipient: recipient.clone(),
        street: street.clone(),
        postcode: postcode.clone(),
        city: city.clone(),
    };
    match order.delivery_mode {
        DeliveryMode::Other => order.delivery_address.clone(),
        DeliveryMode::PartnerSite => site.map(|s| at(&s.name, &s.street, &s.postcode, &s.city)),
        DeliveryMode::Delegation => office.map(|o| at(&o.name, &o.street, &o.postcode, &o.city)),
    }
}

/// Approved: at the regional manager's step its shares are committed now (O-21).
#[must_use]
pub fn approved(order: &order::Model) -> order::Model {
    let after = moved_on(order, Action::Approve);
    if order.status == OrderStatus::PendingRr {
        order::Model { committed: rules::own_share(order), rr_committed: order.rr_share, ..after }
    } else {
        after
    }
}

/// Rejected, returned or cancelled: without its promises.
#[must_use]
pub fn withdrawn(order: &order::Model, action: Action) -> order::Model {
    let after = moved_on(order, action);
    // Back in draft the place is chosen again; the copy of its address goes with the submission.
    let keeps_address = order.delivery_mode == DeliveryMode::Other || after.status != OrderStatus::Draft;
    order::Model {
        committed: Money::ZERO,
        rr_committed: Money::ZERO,
        delivery_address: after.delivery_address.filter(|_| keeps_address),
        ..after
    }
}

/// Released with shares that may be lower: what is lowered is promised no more (O-22).
#[must_use]
pub fn released(order: &order::Model, shares: Shares, at: DateTime<Utc>) -> order::Model {
    let after = rules::with_shares(moved_on(order, Action::ReleaseGiftCheques), shares);
    order::Model {
        committed: after.committed.min(rules::own_share(&after)),
        rr_committed: after.rr_committed.min(after.rr_share),
        released_at: Some(at),
        ..after
    }
}

/// With one more round of proof sent (O-24).
#[must_use]
pub fn proof_sent(order: &order::Model) -> order::Model {
    order::Model { proof_rounds: order.proof_rounds + 1, ..moved_on(order, Action::SendProof) }
}

/// Completed: what was promised is spent, at the actual cost (O-25).
#[must_use]
pub fn completed(order: &order::Model, cost: Money, at: DateTime<Utc>) -> order::Model {
    order::Model {
        committed: Money::ZERO,
        rr_committed: Money::ZERO,
        actual_cost: Some(cost),
        completed_at: Some(at),
        ..moved_on(order, Action::Complete)
    }
}

/// With the day on which its cheques came: from then on the receipt is due (O-8).
#[must_use]
pub fn cheques_received(order: &order::Model, facts: &Facts, on: NaiveDate) -> order::Model {
    with_receipt(order::Model { cheques_received_on: Some(on), ..order.clone() }, facts)
}

/// With one more document.
#[must_use]
pub fn with_document(
    order: &order::Model,
    purpose: AttachmentPurpose,
    facts: &Facts,
    at: DateTime<Utc>,
) -> order::Model {
    documented(order::Model { documents: order.documents | purpose.bit(), ..order.clone() }, facts, at)
}

/// Without its last valid document of a purpose.
#[must_use]
pub fn without_document(
    order: &order::Model,
    purpose: AttachmentPurpose,
    facts: &Facts,
    at: DateTime<Utc>,
) -> order::Model {
    documented(order::Model { documents: order.documents & !purpose.bit(), ..order.clone() }, facts, at)
}

/// An action that changes nothing but where the order stands.
#[must_use]
pub fn moved_on(order: &order::Model, action: Action) -> order::Model {
    order::Model { status: workflow::next(action, order), ..order.clone() }
}

/// What follows from its documents: since when they are complete (O-5), and whether a receipt is still
/// due (O-8).
fn documented(order: order::Model, facts: &Facts, at: DateTime<Utc>) -> order::Model {
    let complete = rules::documents_missing(&order).is_empty();
    let since = order.documents_since.filter(|_| complete).or_else(|| complete.then_some(at));
    with_receipt(order::Model { documents_since: since, ..order }, facts)
}

fn with_receipt(order: order::Model, facts: &Facts) -> order::Model {
    let months = facts.year.as_ref().map_or(1, |year| year.receipt_due_months);
    order::Model { receipt_due_on: workflow::receipt_due(&order, months), ..order }
}

/// What an order waits for, as the queues keep it.
#[must_use]
pub fn items(order: &order::Model) -> Vec<work_queue::Item> {
    let item = |kind| work_queue::Item {
        kind,
        owner: order.owner_id,
        involved: order.involved.clone(),
        delegation: order.delegation_id,
        region: order.region_id,
        broker: Some(order.broker_id),
        year: order.year,
        total: order.total,
        since: waits_since(order, kind),
        version: order.version,
    };
    workflow::waits_for(order).into_iter().map(item).collect()
}

/// Since when an order waits for something: mostly as long as it stands where it does, but documents are
/// missing since its submission, and the receipt since the day of the cheques.
fn waits_since(order: &order::Model, kind: WorkKind) -> DateTime<Utc> {
    let since = match kind {
        WorkKind::MissingDocuments => order.submitted_at,
        WorkKind::HandoverReceipt => order.cheques_received_on.map(calendar::start_of_paris_day),
        _present => None,
    };
    since.unwrap_or(order.status_since)
}
