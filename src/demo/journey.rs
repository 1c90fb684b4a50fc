//! One order's way through the workflow: what happens to it next, and when.

use std::collections::VecDeque;

use ::entity::{
    orders::{attachment, order, order_line, order_result},
    vocabulary::{AttachmentPurpose, Money, OrderStatus, PersonId},
};
use chrono::{DateTime, Utc};

use super::dice::Dice;
use crate::orders::{rules, workflow::Action};

/// Something that somebody does to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Submit,
    Update,
    Attach(AttachmentPurpose),
    Approve,
    Reject,
    Return,
    Release,
    SendProof,
    ApproveProof,
    RequestProofChanges,
    RecordCheques,
    Complete,
    RecordResults,
    Cancel,
}

impl Step {
    /// The action of the workflow that it is.
    pub(super) const fn action(self) -> Action {
        match self {
            Self::Submit => Action::Submit,
            Self::Update => Action::Update,
            Self::Attach(_) => Action::AttachFile,
            Self::Approve => Action::Approve,
            Self::Reject => Action::Reject,
            Self::Return => Action::Return,
            Self::Release => Action::ReleaseGiftCheques,
            Self::SendProof => Action::SendProof,
            Self::ApproveProof => Action::ApproveProof,
            Self::RequestProofChanges => Action::RequestProofChanges,
            Self::RecordCheques => Action::RecordChequesReceived,
            Self::Complete => Action::Complete,
            Self::RecordResults => Action::RecordResults,
            Self::Cancel => Action::Cancel,
        }
    }
}

/// An order under way, with everything that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Journey {
    pub order: order::Model,
    pub lines: Vec<order_line::Model>,
    pub attachments: Vec<attachment::Model>,
    pub result: Option<order_result::Model>,
    /// Who handles it in the delegation: its owner or the assistant.
    pub hand: PersonId,
    /// Steps told in advance, with their moments; nothing else happens to such an order.
    pub script: Option<VecDeque<(DateTime<Utc>, Step)>>,
    /// Whether a draft that came back was changed.
    pub touched_up: bool,
    /// What the delegation's share has to be lowered to.
    pub lower_to: Option<Money>,
    /// Whether it costs exactly what was ordered.
    pub exact: bool,
    /// How often the present step was refused.
    pub tries: u32,
    character: Character,
}

/// What kind of order it is in its author's hands.
#[derive(Clone, Copy, Debug, Default)]
struct Character {
    /// Left as a draft.
    forgotten: bool,
    /// Given up as a draft.
    given_up: bool,
    /// Its documents come before it is submitted.
    early_documents: bool,
    /// Its cheques come after it is completed.
    late_cheques: bool,
    /// Its handover receipt comes too late.
    late_receipt: bool,
}

/// Working days that a step takes, at least and at most.
type Wait = (i64, i64);

impl Journey {
    pub(super) fn new(order: order::Model, hand: PersonId, lines: Vec<order_line::Model>) -> Self {
        Self {
            order,
            lines,
            attachments: Vec::new(),
            result: None,
            hand,
            script: None,
            touched_up: false,
            lower_to: None,
            exact: false,
            tries: 0,
            character: Character::default(),
        }
    }

    /// With a character; the orders of careful people have their receipts in time.
    pub(super) fn with_character(self, careful: bool, dice: &mut Dice) -> Self {
        let character = Character {
            forgotten: dice.chance(2),
            given_up: dice.chance(3),
            early_documents: dice.chance(40),
            late_cheques: dice.chance(25),
            late_receipt: dice.chance(4) && !careful,
        };
        Self { character, ..self }
    }

    /// What usually happens to such an order next, in how many working days; nothing where it is done.
    pub(super) fn usual(&self, dice: &mut Dice) -> Option<(Step, Wait)> {
        let order = &self.order;
        match order.status {
            OrderStatus::Draft => Some(self.as_draft(dice)),
            OrderStatus::PendingRr => {
                Some((dice.weighted(&[(Step::Approve, 88), (Step::Return, 6), (Step::Reject, 6)]), (0, 4)))
            }
            OrderStatus::HeldByDelegation => Some(match self.missing() {
                Some(purpose) => (Step::Attach(purpose), (1, 5)),
                None => (dice.weighted(&[(Step::Release, 95), (Step::Cancel, 5)]), (1, 9)),
            }),
            OrderStatus::PendingPdv => Some(match self.missing() {
                Some(purpose) => (Step::Attach(purpose), (0, 6)),
                None => (dice.weighted(&[(Step::Approve, 94), (Step::Return, 4), (Step::Reject, 2)]), (0, 3)),
            }),
            OrderStatus::ProofInProgress => Some((Step::SendProof, (1, 5))),
            OrderStatus::PendingProofApproval => {
                Some((dice.weighted(&[(Step::ApproveProof, 77), (Step::RequestProofChanges, 23)]), (0, 4)))
            }
            OrderStatus::InProcess => {
                let awaited = self.awaits_cheques() && !self.character.late_cheques;
                Some(if awaited { (Step::RecordCheques, (2, 5)) } else { (Step::Complete, (1, 7)) })
            }
            OrderStatus::AwaitingResults => Some(self.custody().unwrap_or((Step::RecordResults, (4, 18)))),
            OrderStatus::Closed => self.custody(),
            OrderStatus::Rejected | OrderStatus::Cancelled => None,
        }
    }

    fn as_draft(&self, dice: &mut Dice) -> (Step, Wait) {
        let came_back = self.order.number.is_some();
        if self.character.forgotten && !came_back {
            // Until somebody tidies up.
            return (Step::Cancel, (250, 280));
        }
        if self.character.given_up && !came_back {
            return (Step::Cancel, (3, 15));
        }
        if (came_back || self.lower_to.is_some()) && !self.touched_up {
            return (if dice.chance(90) { Step::Update } else { Step::Cancel }, (0, 3));
        }
        match self.missing().filter(|_| self.character.early_documents) {
            Some(purpose) => (Step::Attach(purpose), (0, 1)),
            None => (Step::Submit, (0, 3)),
        }
    }

    /// What is to be done about gift cheques and the receipt for them.
    fn custody(&self) -> Option<(Step, Wait)> {
        if self.awaits_cheques() {
            return Some((Step::RecordCheques, (1, 8)));
        }
        let receipt = Step::Attach(AttachmentPurpose::HandoverReceipt);
        match (self.order.receipt_due_on.is_some(), self.character.late_receipt) {
            (true, false) => Some((receipt, (0, 5))),
            (true, true) if self.order.status == OrderStatus::Closed => Some((receipt, (22, 40))),
            (true, true) | (false, _) => None,
        }
    }

    fn awaits_cheques(&self) -> bool {
        rules::is_gift_cheques(&self.order) && self.order.cheques_received_on.is_none()
    }

    /// The first document that is missing.
    fn missing(&self) -> Option<AttachmentPurpose> {
        rules::documents_missing(&self.order).into_iter().next()
    }
}
