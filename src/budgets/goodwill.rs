//! Goodwill gestures (O-6): what follows from where one stands. Pure.
//!
//! ```text
//! requestGoodwill ──▶ REQUESTED ──decideGoodwill, APPROVE──▶ APPROVED ──recordGoodwillPaid──▶ PAID
//!                        └────────decideGoodwill, REFUSE───▶ REFUSED
//! ```
//! The amount is committed on the management budget by the approval and consumed by the payment. The
//! mutations and `availableActions` ask the same function, [`decide`].

use ::entity::{
    budgets::goodwill,
    vocabulary::{BudgetYearStatus, EnvelopeId, GoodwillStatus, LedgerKind, Money, PersonId, WorkKind},
};
use async_graphql::Enum;
use chrono::{DateTime, Utc};

use super::{
    error::{GoodwillRefusal, Refusal, YearRefusal},
    ledger::Posting,
};
use crate::{
    authz::{self, InNameOf, Permission, Place, Reach},
    graphql::guard::requires,
    work_queue::Item,
};

/// What can be done to a goodwill gesture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(name = "GoodwillAction")]
pub enum Action {
    /// Approve it.
    #[graphql(directive = requires::apply("decideGoodwill".into()))]
    Approve,
    /// Refuse it.
    #[graphql(directive = requires::apply("decideGoodwill".into()))]
    Refuse,
    /// Record that its cheque is paid.
    #[graphql(directive = requires::apply("recordGoodwillPaid".into()))]
    RecordPaid,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Refuse, Self::RecordPaid];

    /// The permission that it takes.
    #[must_use]
    pub const fn permission(self) -> Permission {
        match self {
            Self::Approve | Self::Refuse => Permission::DecideGoodwill,
            Self::RecordPaid => Permission::RecordGoodwillPaid,
        }
    }

    /// From which status to which it leads.
    #[must_use]
    pub const fn path(self) -> (GoodwillStatus, GoodwillStatus) {
        match self {
            Self::Approve => (GoodwillStatus::Requested, GoodwillStatus::Approved),
            Self::Refuse => (GoodwillStatus::Requested, GoodwillStatus::Refused),
            Self::RecordPaid => (GoodwillStatus::Approved, GoodwillStatus::Paid),
        }
    }

    /// What the event of it is called.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Approve => "goodwill.approved",
            Self::Refuse => "goodwill.refused",
            Self::RecordPaid => "goodwill.paid",
        }
    }

    /// How it moves an amount on the management budget.
    #[must_use]
    pub fn postings(self, management: EnvelopeId, amount: Money) -> Vec<Posting> {
        let kinds: &[LedgerKind] = match self {
            Self::Approve => &[LedgerKind::Commitment],
            Self::Refuse => &[],
            Self::RecordPaid => &[LedgerKind::Release, LedgerKind::Consumption],
        };
        kinds.iter().filter_map(|kind| Posting::new(management, *kind, None, amount)).collect()
    }
}

/// What a decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'g> {
    /// The gesture.
    pub gesture: &'g goodwill::Model,
    /// Where its budget year stands.
    pub year: BudgetYearStatus,
    /// What the management budget still holds.
    pub available: Money,
    /// Who acts.
    pub actor: PersonId,
    /// In whose name.
    pub name: InNameOf,
}

/// Where an action leads, with what is wrong about the way in which it was asked for.
///
/// # Errors
/// Every reason why it may not be taken now; a status or a year that does not allow it stands alone.
pub fn decide(facts: &Facts<'_>, action: Action, flaws: Vec<Refusal>) -> Result<GoodwillStatus, Vec<Refusal>> {
    let Facts { gesture, year, available, actor, name } = *facts;
    let (from, to) = action.path();
    if gesture.status != from {
        return Err(vec![GoodwillRefusal::WrongStatus { status: gesture.status, allowed: from }.into()]);
    }
    if year == BudgetYearStatus::Closed {
        return Err(vec![Refusal::Year { year: gesture.year, why: YearRefusal::Closed }]);
    }
    let mut refusals = flaws;
    let (decides, spends) = match action {
        Action::Approve => (true, true),
        Action::Refuse => (true, false),
        Action::RecordPaid => (false, false),
    };
    if decides && authz::is_barred(actor, name, &involved(gesture)) {
        refusals.push(GoodwillRefusal::SelfValidation.into());
    }
    if spends && available < gesture.amount {
        refusals.push(GoodwillRefusal::BudgetDeficit { available }.into());
    }
    if refusals.is_empty() { Ok(to) } else { Err(refusals) }
}

/// Who asked, and for whom: they do not decide (spec 00).
#[must_use]
pub fn involved(gesture: &goodwill::Model) -> Vec<PersonId> {
    [Some(gesture.requester_id), gesture.requested_for_id].into_iter().flatten().collect()
}

/// Where a gesture belongs: to who asked and to whom it was asked for alike.
#[must_use]
pub fn places(gesture: &goodwill::Model) -> Vec<Place> {
    let (delegation, region) = (Some(gesture.delegation_id), Some(gesture.region_id));
    involved(gesture).into_iter().map(|owner| Place { owner: Some(owner), delegation, region }).collect()
}

/// Whether a gesture is within reach.
#[must_use]
pub fn is_within(reach: &Reach, gesture: &goodwill::Model) -> bool {
    places(gesture).iter().any(|place| reach.covers(place))
}

/// What a gesture waits for, since a moment.
#[must_use]
pub fn items(gesture: &goodwill::Model, since: DateTime<Utc>) -> Vec<Item> {
    let kind = match gesture.status {
        GoodwillStatus::Requested => WorkKind::GoodwillDecision,
        GoodwillStatus::Approved => WorkKind::GoodwillPayment,
        GoodwillStatus::Paid | GoodwillStatus::Refused => return Vec::new(),
    };
    vec![Item {
        kind,
        owner: gesture.requested_for_id.unwrap_or(gesture.requester_id),
        involved: involved(gesture).into_iter().collect(),
        delegation: gesture.delegation_id,
        region: gesture.region_id,
        broker: None,
        year: gesture.year,
        total: gesture.amount,
        since,
        version: gesture.version,
    }]
}

#[cfg(test)]
mod tests {
    use ::entity::vocabulary::{DelegationId, GoodwillId, RegionId};

    use super::*;
    use GoodwillRefusal::{BudgetDeficit, SelfValidation, WrongStatus};

    const REQUESTER: PersonId = PersonId(1);
    const DELEGATE: PersonId = PersonId(2);
    const DECIDER: PersonId = PersonId(3);

    fn gesture(status: GoodwillStatus) -> goodwill::Model {
        goodwill::Model {
            id: GoodwillId(1),
            year: 2026,
            status,
            member_name: "Jeanne Morel".into(),
            member_number: None,
            amount: Money::euros(150),
            motive: "A claim settled late".into(),
            requester_id: REQUESTER,
            requested_for_id: Some(DELEGATE),
            delegation_id: DelegationId(1),
            region_id: RegionId(1),
            decided_by_id: None,
            decision_reason: None,
            paid_on: None,
            cheque_number: None,
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn facts(gesture: &goodwill::Model) -> Facts<'_> {
        let (year, available) = (BudgetYearStatus::Open, Money::euros(150));
        Facts { gesture, year, available, actor: DECIDER, name: InNameOf::Self_ }
    }

    /// O-6: REQUESTED → APPROVED → PAID, or REFUSED; nothing else.
    #[test]
    fn each_action_leads_from_its_status_alone() {
        for status in GoodwillStatus::ALL {
            let gesture = gesture(*status);
            for action in Action::ALL {
                let (from, to) = action.path();
                let wrong = Err(vec![WrongStatus { status: *status, allowed: from }.into()]);
                let expected = if *status == from { Ok(to) } else { wrong };
                assert_eq!(decide(&facts(&gesture), action, Vec::new()), expected, "{action:?} at {status:?}");
            }
        }
    }

    /// O-6, spec 00: the requester, the person asked for and their deputies are barred from deciding.
    #[test]
    fn nobody_decides_what_they_asked_for() {
        let gesture = gesture(GoodwillStatus::Requested);
        let names = [
            (REQUESTER, InNameOf::Self_),
            (DELEGATE, InNameOf::Self_),
            (DECIDER, InNameOf::Absent(REQUESTER)),
            (DECIDER, InNameOf::Absent(DELEGATE)),
            (REQUESTER, InNameOf::Absent(DECIDER)),
        ];
        for (actor, name) in names {
            let facts = Facts { actor, name, ..facts(&gesture) };
            for action in [Action::Approve, Action::Refuse] {
                assert_eq!(decide(&facts, action, Vec::new()), Err(vec![SelfValidation.into()]));
            }
        }
    }

    /// O-6, B-4: an approval above what is left names what is left, beside every other reason.
    #[test]
    fn an_approval_needs_the_money_and_tells_every_reason() {
        let gesture = gesture(GoodwillStatus::Requested);
        let short = Facts { available: Money(14_999), actor: REQUESTER, ..facts(&gesture) };
        let deficit = BudgetDeficit { available: Money(14_999) }.into();
        assert_eq!(decide(&short, Action::Approve, Vec::new()), Err(vec![SelfValidation.into(), deficit]));
        assert_eq!(decide(&facts(&gesture), Action::Approve, Vec::new()), Ok(GoodwillStatus::Approved));
        let short = Facts { available: Money::ZERO, ..facts(&gesture) };
        assert_eq!(decide(&short, Action::Refuse, Vec::new()), Ok(GoodwillStatus::Refused));
    }

    /// B-10: nothing of a closed year changes.
    #[test]
    fn a_closed_year_is_left_alone() {
        for (status, action) in
            [(GoodwillStatus::Requested, Action::Refuse), (GoodwillStatus::Approved, Action::RecordPaid)]
        {
            let gesture = gesture(status);
            let facts = Facts { year: BudgetYearStatus::Closed, ..facts(&gesture) };
            assert_eq!(
                decide(&facts, action, Vec::new()),
                Err(vec![Refusal::Year { year: 2026, why: YearRefusal::Closed }])
            );
        }
    }
}
