//! The workflow of orders: what follows from an order's status, an action and the facts. Pure.
//!
//! One table says at which step, by which permission, an action may be taken; one match says where it
//! leads. The mutations, `availableActions`, `simulateOrder`, bulk decisions and dry runs all ask here
//! (through [`crate::workflow`]), so that a rule holds on every road.

use ::entity::{
    orders::order,
    vocabulary::{AttachmentPurpose, Money, OrderStatus, RrReason, WorkKind},
};
use async_graphql::Enum;
use chrono::NaiveDate;

use super::{
    error::Refusal,
    rules::{self, Facts},
    shares::Shares,
};
use crate::{
    authz::{Permission, Place},
    calendar,
    graphql::guard::requires,
    workflow::{self, Action as _, Actor, Step, Workflow, step},
};

/// What can be done to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enum)]
#[graphql(name = "OrderAction")]
pub enum Action {
    /// Change the draft (`updateOrder`).
    #[graphql(directive = requires::apply("updateOrder".into()))]
    Update,
    /// Copy it into a new draft (`duplicateOrder`).
    #[graphql(directive = requires::apply("duplicateOrder".into()))]
    Duplicate,
    /// Submit it (`submitOrder`).
    #[graphql(directive = requires::apply("submitOrder".into()))]
    Submit,
    /// Approve it (`validateOrder`).
    #[graphql(directive = requires::apply("validateOrder".into()))]
    Approve,
    /// Refuse it for good (`validateOrder`).
    #[graphql(directive = requires::apply("validateOrder".into()))]
    Reject,
    /// Send it back for changes (`validateOrder`).
    #[graphql(directive = requires::apply("validateOrder".into()))]
    Return,
    /// Release its gift cheques (`releaseGiftCheques`).
    #[graphql(directive = requires::apply("releaseGiftCheques".into()))]
    ReleaseGiftCheques,
    /// Send a proof (`sendProof`).
    #[graphql(directive = requires::apply("sendProof".into()))]
    SendProof,
    /// Approve the proof (`approveProof`).
    #[graphql(directive = requires::apply("approveProof".into()))]
    ApproveProof,
    /// Ask for changes to the proof (`requestProofChanges`).
    #[graphql(directive = requires::apply("requestProofChanges".into()))]
    RequestProofChanges,
    /// Complete it at its actual cost (`completeOrder`).
    #[graphql(directive = requires::apply("completeOrder".into()))]
    Complete,
    /// Record or correct its results (`recordResults`).
    #[graphql(directive = requires::apply("recordResults".into()))]
    RecordResults,
    /// Record the day on which the cheques came (`recordChequesReceived`).
    #[graphql(directive = requires::apply("recordChequesReceived".into()))]
    RecordChequesReceived,
    /// Cancel it (`cancelOrder`).
    #[graphql(directive = requires::apply("cancelOrder".into()))]
    Cancel,
    /// Attach a file (`attachFile`).
    #[graphql(directive = requires::apply("attachFile".into()))]
    AttachFile,
    /// Remove an attachment (`removeAttachment`).
    #[graphql(directive = requires::apply("removeAttachment".into()))]
    RemoveAttachment,
    /// Declare its handover receipt invalid (`declareReceiptInvalid`).
    #[graphql(directive = requires::apply("declareReceiptInvalid".into()))]
    DeclareReceiptInvalid,
}

impl workflow::Action for Action {
    type Status = OrderStatus;

    const ALL: &'static [Self] = &[
        Self::Update,
        Self::Duplicate,
        Self::Submit,
        Self::Approve,
        Self::Reject,
        Self::Return,
        Self::ReleaseGiftCheques,
        Self::SendProof,
        Self::ApproveProof,
        Self::RequestProofChanges,
        Self::Complete,
        Self::RecordResults,
        Self::RecordChequesReceived,
        Self::Cancel,
        Self::AttachFile,
        Self::RemoveAttachment,
        Self::DeclareReceiptInvalid,
    ];

    fn steps(self) -> &'static [Step<OrderStatus>] {
        use OrderStatus::{
            AwaitingResults, Closed, Draft, HeldByDelegation, InProcess, PendingPdv, PendingProofApproval, PendingRr,
            ProofInProgress,
        };
        use Permission as P;
        const ANY: &[OrderStatus] = OrderStatus::ALL;
        match self {
            Self::Update => const { &[step(P::UpdateOrder, &[Draft])] },
            Self::Duplicate => const { &[step(P::DuplicateOrder, ANY)] },
            Self::Submit => const { &[step(P::SubmitOrder, &[Draft])] },
            Self::Approve | Self::Reject | Self::Return => {
                const { &[step(P::ValidateOrderAsRr, &[PendingRr]), step(P::ValidateOrderAsPdv, &[PendingPdv])] }
            }
            Self::ReleaseGiftCheques => const { &[step(P::ReleaseGiftCheques, &[HeldByDelegation])] },
            Self::SendProof => const { &[step(P::SendProof, &[ProofInProgress])] },
            Self::ApproveProof => const { &[step(P::ApproveProof, &[PendingProofApproval])] },
            Self::RequestProofChanges => const { &[step(P::RequestProofChanges, &[PendingProofApproval])] },
            Self::Complete => const { &[step(P::CompleteOrder, &[InProcess])] },
            Self::RecordResults => const { &[step(P::RecordResults, &[AwaitingResults, Closed])] },
            Self::RecordChequesReceived => {
                const { &[step(P::RecordChequesReceived, &[InProcess, AwaitingResults, Closed])] }
            }
            Self::Cancel => {
                const {
                    &[
                        step(
                            P::CancelOrderAsAuthor,
                            &[Draft, PendingRr, HeldByDelegation, PendingPdv, ProofInProgress, PendingProofApproval],
                        ),
                        step(P::CancelOrderAsRr, &[PendingRr, HeldByDelegation]),
                        step(P::CancelOrderAsPdv, &[PendingPdv, ProofInProgress, PendingProofApproval, InProcess]),
                    ]
                }
            }
            Self::AttachFile => const { &[step(P::AttachFile, ANY)] },
            Self::RemoveAttachment => const { &[step(P::RemoveAttachment, ANY)] },
            Self::DeclareReceiptInvalid => {
                const { &[step(P::DeclareReceiptInvalid, &[InProcess, AwaitingResults, Closed])] }
            }
        }
    }
}

/// Whether a status is open (O-20): submitted and neither refused, given up nor closed.
#[must_use]
pub const fn is_open(status: OrderStatus) -> bool {
    match status {
        OrderStatus::PendingRr
        | OrderStatus::HeldByDelegation
        | OrderStatus::PendingPdv
        | OrderStatus::ProofInProgress
        | OrderStatus::PendingProofApproval
        | OrderStatus::InProcess
        | OrderStatus::AwaitingResults => true,
        OrderStatus::Draft | OrderStatus::Closed | OrderStatus::Rejected | OrderStatus::Cancelled => false,
    }
}

/// The workflow of orders.
#[derive(Clone, Copy, Debug)]
pub struct OrderWorkflow;

impl Workflow for OrderWorkflow {
    type Object = order::Model;
    type Action = Action;
    type Facts = Facts;
    type Refusal = Refusal;

    fn status(order: &order::Model) -> OrderStatus {
        order.status
    }

    fn place(order: &order::Model) -> Place {
        Place { owner: Some(order.owner_id), delegation: Some(order.delegation_id), region: Some(order.region_id) }
    }

    fn blockers(action: Action, order: &order::Model, facts: &Facts, actor: Actor, today: NaiveDate) -> Vec<Refusal> {
        blockers(action, order, facts, actor, today)
    }
}

/// Every rule that refuses an action on the order as it stands: what `availableActions` tells and what
/// the mutation refuses for, beside what is wrong with its input.
#[must_use]
pub fn blockers(action: Action, order: &order::Model, facts: &Facts, actor: Actor, today: NaiveDate) -> Vec<Refusal> {
    match action {
        Action::Duplicate => facts.owner_left.then_some(Refusal::OwnerLeft).into_iter().collect(),
        // Of a closed year, receipts still come (O-8).
        Action::AttachFile if rules::is_gift_cheques(order) => Vec::new(),
        Action::DeclareReceiptInvalid => receipt_to_declare(order).into_iter().collect(),
        Action::Submit => rules::submission(order, facts, today),
        Action::Approve => approval(order, facts, actor),
        Action::Reject | Action::Return => self_validation(order, actor).into_iter().chain(still_open(facts)).collect(),
        Action::ReleaseGiftCheques => release(order, facts, today),
        Action::Complete => still_open(facts).into_iter().chain(missing_documents(order)).collect(),
        Action::RecordChequesReceived => cheques_received(order),
        Action::Cancel => {
            still_open(facts).into_iter().chain(order.cheques_received_on.map(|_| Refusal::ChequesReceived)).collect()
        }
        Action::Update
        | Action::SendProof
        | Action::ApproveProof
        | Action::RequestProofChanges
        | Action::RecordResults
        | Action::AttachFile
        | Action::RemoveAttachment => still_open(facts).into_iter().collect(),
    }
}

fn still_open(facts: &Facts) -> Option<Refusal> {
    facts.year.as_ref().and_then(rules::year_closed)
}

fn missing_documents(order: &order::Model) -> Option<Refusal> {
    let missing = rules::documents_missing(order);
    (!missing.is_empty()).then_some(Refusal::MissingDocuments { missing })
}

/// Segregation of duties: owner, creator and whoever ever submitted it, in their own name or for another.
fn self_validation(order: &order::Model, actor: Actor) -> Option<Refusal> {
    actor.is_barred(&order.involved).then_some(Refusal::SelfValidation)
}

/// O-21 and O-23: what the decider may not pass over.
fn approval(order: &order::Model, facts: &Facts, actor: Actor) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = self_validation(order, actor).into_iter().collect();
    refusals.extend(still_open(facts));
    if order.status == OrderStatus::PendingPdv {
        refusals.extend(missing_documents(order));
        return refusals;
    }
    let rise = rules::own_share(order) - order.committed;
    if rise > Money::ZERO {
        refusals.extend(rules::budget_refusals(order, facts, rise));
    }
    refusals.extend(rules::rr_budget_refusal(facts, order.rr_share - order.rr_committed));
    refusals
}

/// O-22: released only with the challenge's deed, and with O-3 and O-7 judged again.
fn release(order: &order::Model, facts: &Facts, today: NaiveDate) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = still_open(facts).into_iter().collect();
    if !rules::is_gift_cheques(order) {
        refusals.push(Refusal::NotGiftCheques);
    }
    refusals.extend(missing_documents(order));
    refusals.extend(rules::delivery(order, facts));
    refusals.extend(rules::challenge(order, facts, today));
    refusals
}

/// What a file's purpose adds (O-8, B-10): a closed year takes receipts alone, and a receipt belongs to
/// gift cheques that can have been handed over.
#[must_use]
pub fn attaching(purpose: AttachmentPurpose, order: &order::Model, facts: &Facts) -> Vec<Refusal> {
    if purpose != AttachmentPurpose::HandoverReceipt {
        // Where it is not of gift cheques, the action itself is refused already.
        return still_open(facts).filter(|_| rules::is_gift_cheques(order)).into_iter().collect();
    }
    if !rules::is_gift_cheques(order) {
        return vec![Refusal::NotGiftCheques];
    }
    let allowed = Action::RecordChequesReceived.statuses();
    match allowed.contains(&order.status) {
        true => Vec::new(),
        false => vec![Refusal::WrongStatus { status: order.status, allowed }],
    }
}

/// O-8: there must be a receipt to be invalid.
fn receipt_to_declare(order: &order::Model) -> Option<Refusal> {
    if !rules::is_gift_cheques(order) {
        return Some(Refusal::NotGiftCheques);
    }
    (order.documents & AttachmentPurpose::HandoverReceipt.bit() == 0).then_some(Refusal::FileRequired)
}

/// O-8: recordable once, for gift cheques.
fn cheques_received(order: &order::Model) -> Vec<Refusal> {
    if !rules::is_gift_cheques(order) {
        return vec![Refusal::NotGiftCheques];
    }
    order.cheques_received_on.map(|on| Refusal::AlreadyRecorded { on }).into_iter().collect()
}

/// Why a completion at an actual cost is refused (O-25): what it costs more is wholly the delegation's.
#[must_use]
pub fn completion(order: &order::Model, facts: &Facts, actual: Money) -> Vec<Refusal> {
    if actual < Money::ZERO || !actual.is_in_range() {
        return vec![Refusal::AmountInvalid { field: super::error::path(&["actualCost"]), at_most: None }];
    }
    let rise = rules::shares(order).at_actual_cost(actual).delegation() - order.committed;
    if rise > Money::ZERO { rules::budget_refusals(order, facts, rise) } else { Vec::new() }
}

/// What a submission leads to (O-20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where the order goes.
    pub status: OrderStatus,
    /// Why the regional manager has to see it; none: it skips them.
    pub reasons: Vec<RrReason>,
    /// What is committed on the owner's envelope: nothing where there is a deficit or a minimum to keep.
    pub committed: Money,
}

/// Where an order goes that can be submitted.
#[must_use]
pub fn submit(order: &order::Model, facts: &Facts) -> Submission {
    let reasons = rules::rr_reasons(order, facts);
    let unfunded = reasons.iter().any(|r| matches!(r, RrReason::BudgetDeficit | RrReason::SplitMinimum));
    let status = if reasons.is_empty() { after_rr(order) } else { OrderStatus::PendingRr };
    Submission { status, reasons, committed: if unfunded { Money::ZERO } else { rules::own_share(order) } }
}

/// What a submission that nothing refuses will meet later as things stand: the documents that it needs
/// (O-5, O-7), and what the regional manager's approval will be refused for (O-21).
#[must_use]
pub fn warnings(order: &order::Model, facts: &Facts, submission: &Submission) -> Vec<Refusal> {
    let mut warnings: Vec<Refusal> = missing_documents(order).into_iter().collect();
    if submission.status == OrderStatus::PendingRr {
        let rise = rules::own_share(order) - submission.committed;
        if rise > Money::ZERO {
            warnings.extend(rules::budget_refusals(order, facts, rise));
        }
        warnings.extend(rules::rr_budget_refusal(facts, order.rr_share));
    }
    warnings
}

fn after_rr(order: &order::Model) -> OrderStatus {
    if rules::is_gift_cheques(order) { OrderStatus::HeldByDelegation } else { OrderStatus::PendingPdv }
}

/// Where an action leads that nothing refuses. Submission has its own answer, [`submit`].
#[must_use]
pub fn next(action: Action, order: &order::Model) -> OrderStatus {
    match action {
        Action::Approve if order.status == OrderStatus::PendingRr => after_rr(order),
        Action::Approve if rules::needs_proof(order) => OrderStatus::ProofInProgress,
        Action::Approve | Action::ApproveProof => OrderStatus::InProcess,
        Action::Reject => OrderStatus::Rejected,
        Action::Return => OrderStatus::Draft,
        Action::ReleaseGiftCheques => OrderStatus::PendingPdv,
        Action::SendProof => OrderStatus::PendingProofApproval,
        Action::RequestProofChanges => OrderStatus::ProofInProgress,
        Action::Complete => OrderStatus::AwaitingResults,
        Action::RecordResults => OrderStatus::Closed,
        Action::Cancel => OrderStatus::Cancelled,
        Action::Submit
        | Action::Update
        | Action::Duplicate
        | Action::RecordChequesReceived
        | Action::AttachFile
        | Action::RemoveAttachment
        | Action::DeclareReceiptInvalid => order.status,
    }
}

/// What an order waits for, in every queue (§3).
#[must_use]
pub fn waits_for(order: &order::Model) -> Vec<WorkKind> {
    let by_status = match order.status {
        OrderStatus::PendingRr => Some(WorkKind::RrValidation),
        OrderStatus::HeldByDelegation => Some(WorkKind::Release),
        OrderStatus::PendingPdv => Some(WorkKind::PdvValidation),
        OrderStatus::ProofInProgress => Some(WorkKind::Proof),
        OrderStatus::PendingProofApproval => Some(WorkKind::ProofApproval),
        OrderStatus::InProcess => Some(WorkKind::Processing),
        OrderStatus::AwaitingResults => Some(WorkKind::Results),
        OrderStatus::Draft | OrderStatus::Closed | OrderStatus::Rejected | OrderStatus::Cancelled => None,
    };
    let processed = matches!(order.status, OrderStatus::AwaitingResults | OrderStatus::Closed);
    let owes_documents = is_open(order.status) && !processed && !rules::documents_missing(order).is_empty();
    let owes_receipt = order.receipt_due_on.is_some() && order.status != OrderStatus::Cancelled;
    by_status
        .into_iter()
        .chain(owes_documents.then_some(WorkKind::MissingDocuments))
        .chain(owes_receipt.then_some(WorkKind::HandoverReceipt))
        .collect()
}

/// O-8: the last day for the handover receipt; none where it is there or nothing was received.
#[must_use]
pub fn receipt_due(order: &order::Model, months: i32) -> Option<NaiveDate> {
    let has_receipt = order.documents & AttachmentPurpose::HandoverReceipt.bit() != 0;
    order.cheques_received_on.filter(|_| !has_receipt).map(|day| calendar::add_months(day, months))
}

/// The shares after a release (O-22): lowered as the caller says, or partner, regional manager, own in
/// that order.
///
/// # Errors
/// Every reason why they cannot be lowered so.
pub fn lowered(
    order: &order::Model,
    total: Option<Money>,
    rr: Option<Money>,
    partner: Option<Money>,
) -> Result<Shares, Vec<Refusal>> {
    use super::shares::LoweringRefusal::{SharesInvalid, TotalRaised, TotalTooLow};
    let current = rules::shares(order);
    let total = total.unwrap_or(current.total);
    let lowered = match (rr, partner) {
        (None, None) => current.lower_to(total).map_err(|refusal| vec![refusal]),
        (rr, partner) => current.lower_explicitly(Shares {
            total,
            rr: rr.unwrap_or(current.rr),
            partner: partner.unwrap_or(current.partner),
        }),
    };
    lowered.map_err(|refusals| {
        let refusal = |why| match why {
            TotalRaised => Refusal::TotalRaised { at_most: current.total },
            TotalTooLow => Refusal::AmountInvalid { field: super::error::path(&["total"]), at_most: None },
            SharesInvalid => Refusal::SharesInvalid,
        };
        refusals.into_iter().map(refusal).collect()
    })
}

#[cfg(test)]
mod tests {
    use ::entity::{
        budgets::{budget_year, envelope},
        vocabulary::{
            AccountId, ActionType, BudgetYearStatus, DelegationId, EnvelopeId, EnvelopeKind, LedgerKind, OrderKind,
            PersonId, RegionId,
        },
    };
    use chrono::{TimeZone, Utc};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        authz::InNameOf,
        budgets::{Envelopes, Posting},
        orders::{
            draft::{self, Origin},
            outcome,
        },
    };

    const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 3, 16).expect("a day");

    fn year() -> budget_year::Model {
        budget_year::Model {
            year: 2026,
            status: BudgetYearStatus::Open,
            auto_standard_below: Money::euros(500),
            auto_custom_below: Money::euros(200),
            refund_maximum: 3_000,
            gift_cheques_maximum: 3_000,
            custom_minimum: 3_000,
            standard_minimum: 1_000,
            standard_closes_on: NaiveDate::from_ymd_opt(2026, 12, 31).unwrap(),
            custom_closes_on: NaiveDate::from_ymd_opt(2026, 12, 10).unwrap(),
            receipt_due_months: 1,
            version: 1,
        }
    }

    fn envelope(key: i64, kind: EnvelopeKind, allocated: i64) -> envelope::Model {
        let zero = Money::ZERO;
        envelope::Model {
            id: EnvelopeId(key),
            year: 2026,
            kind,
            region_id: Some(RegionId(1)),
            delegation_id: None,
            person_id: None,
            allocated: Money(allocated),
            committed: zero,
            consumed: zero,
            used_refund: zero,
            used_gift_cheques: zero,
            used_custom: zero,
            used_standard: zero,
            version: 1,
        }
    }

    /// Posts as the ledger does, and checks what the database would.
    fn post(envelope: &mut envelope::Model, posting: &Posting) {
        let sign = |amount: Money| if posting.kind == LedgerKind::Release { -amount } else { amount };
        let moved = sign(posting.amount);
        match posting.kind {
            LedgerKind::Commitment | LedgerKind::Release => envelope.committed += moved,
            LedgerKind::Consumption => envelope.consumed += moved,
            LedgerKind::Allocation | LedgerKind::Transfer | LedgerKind::ClawBack => {
                unreachable!("orders do not allocate")
            }
        }
        let used = match posting.family {
            Some(::entity::vocabulary::BudgetFamily::Refund) => &mut envelope.used_refund,
            Some(::entity::vocabulary::BudgetFamily::GiftCheques) => &mut envelope.used_gift_cheques,
            Some(::entity::vocabulary::BudgetFamily::Custom) => &mut envelope.used_custom,
            Some(::entity::vocabulary::BudgetFamily::Standard) => &mut envelope.used_standard,
            None => return,
        };
        *used += moved;
    }

    fn order(action: ActionType, total: i64, rr: i64, partner: i64) -> order::Model {
        let now = Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap();
        let origin = Origin {
            owner: PersonId(1),
            delegation: DelegationId(1),
            region: RegionId(1),
            author: PersonId(1),
            authored_for: None,
            now,
        };
        let empty = draft::empty(origin, OrderKind::Custom, 2026, AccountId(1));
        let shares = Shares { total: Money(total), rr: Money(rr), partner: Money(partner) };
        rules::with_shares(order::Model { action_type: Some(action), documents: -1, ..empty }, shares)
    }

    /// What may be tried: an action and a cost where it is a completion.
    fn attempts() -> impl Strategy<Value = Vec<(usize, Action, i64)>> {
        let actions = prop::sample::select(Action::ALL);
        prop::collection::vec((0..4_usize, actions, 0..60_000_i64), 1..60)
    }

    fn portfolio() -> impl Strategy<Value = Vec<order::Model>> {
        let actions = prop::sample::select(vec![
            ActionType::Refund,
            ActionType::Sponsorship,
            ActionType::Mailing,
            ActionType::GiftCheques,
        ]);
        let one = (actions, 1..50_000_i64, 0..10_000_i64, 0..10_000_i64)
            .prop_map(|(action, own, rr, partner)| order(action, own + rr + partner, rr, partner));
        prop::collection::vec(one, 4)
    }

    /// Takes an action as the use cases do, where the rules let it.
    fn attempt(order: &order::Model, action: Action, cost: Money, facts: &Facts) -> Option<order::Model> {
        workflow::at_step::<OrderWorkflow>(action, order, |_| true).ok()?;
        let actor = Actor { person: PersonId(9), name: InNameOf::Self_ };
        let budget_only = |r: &Refusal| {
            !matches!(
                r,
                Refusal::DetailsIncomplete { .. } | Refusal::ChallengeIncomplete { .. } | Refusal::BrokerNotInPortfolio
            )
        };
        if blockers(action, order, facts, actor, TODAY).iter().any(budget_only) {
            return None;
        }
        let now = Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap();
        let after = match action {
            Action::Submit => {
                let by = outcome::Signature { person: PersonId(1), on_behalf_of: None, at: now };
                outcome::submitted(order, facts, "ACOR-2026-000001".to_owned(), None, by)
            }
            Action::Approve => outcome::approved(order),
            Action::Reject | Action::Return | Action::Cancel => outcome::withdrawn(order, action),
            Action::ReleaseGiftCheques => {
                let lower = lowered(order, Some(cost.max(Money(1)).min(order.total)), None, None).ok()?;
                outcome::released(order, lower, now)
            }
            Action::SendProof => outcome::proof_sent(order),
            Action::Complete if completion(order, facts, cost).is_empty() => outcome::completed(order, cost, now),
            Action::Complete => return None,
            Action::RecordChequesReceived => outcome::cheques_received(order, facts, TODAY),
            Action::ApproveProof | Action::RequestProofChanges | Action::RecordResults => {
                outcome::moved_on(order, action)
            }
            Action::Update
            | Action::Duplicate
            | Action::AttachFile
            | Action::RemoveAttachment
            | Action::DeclareReceiptInvalid => order.clone(),
        };
        Some(after)
    }

    proptest! {
        /// No sequence of actions overspends an envelope, loses a cent, or breaks a maximum.
        #[test]
        fn b4_no_sequence_overspends_or_loses_a_cent(mut orders in portfolio(), attempts in attempts()) {
            let mut own = envelope(1, EnvelopeKind::Delegate, 100_000);
            let mut region = envelope(2, EnvelopeKind::Region, 15_000);
            for (which, action, cost) in attempts {
                let envelopes = Envelopes { delegate: Some(own.clone()), region: Some(region.clone()) };
                let facts = Facts { year: Some(year()), envelopes: envelopes.clone(), ..Facts::default() };
                let Some(after) = attempt(&orders[which], action, Money(cost), &facts) else { continue };
                for posting in rules::postings(&orders[which], &after, &envelopes) {
                    post(if posting.envelope == own.id { &mut own } else { &mut region }, &posting);
                }
                orders[which] = after;
                for envelope in [&own, &region] {
                    prop_assert!(envelope.committed >= Money::ZERO && envelope.consumed >= Money::ZERO);
                    prop_assert!(envelope.committed + envelope.consumed <= envelope.allocated, "overspent: {envelope:?}");
                }
                let promised: Money = orders.iter().map(|o| o.committed).sum();
                prop_assert_eq!(promised, own.committed);
                let spent: Money = orders.iter().filter_map(|o| Some(rules::shares(o).at_actual_cost(o.actual_cost?).delegation())).sum();
                prop_assert_eq!(spent, own.consumed);
                prop_assert_eq!(own.used_refund + own.used_gift_cheques + own.used_custom + own.used_standard, own.committed + own.consumed);
                prop_assert!(own.used_refund.0 * 10_000 <= own.allocated.0 * 3_000);
                prop_assert!(own.used_gift_cheques.0 * 10_000 <= own.allocated.0 * 3_000);
            }
        }

        /// Every action leads only where the table lets some action go on from, or to an end.
        #[test]
        fn every_step_of_the_table_leads_into_the_table(action in prop::sample::select(Action::ALL), kind in 0..4_usize) {
            let actions = [ActionType::Refund, ActionType::Sponsorship, ActionType::Mailing, ActionType::GiftCheques];
            for status in action.statuses() {
                let from = order::Model { status, ..order(actions[kind], 100, 0, 0) };
                let to = next(action, &from);
                let ends = matches!(to, OrderStatus::Rejected | OrderStatus::Cancelled);
                prop_assert!(ends || Action::ALL.iter().any(|a| *a != Action::Duplicate && a.statuses().contains(&to)));
                prop_assert_eq!(waits_for(&order::Model { status: to, ..from.clone() }).is_empty(), !is_open(to));
            }
        }
    }
}
