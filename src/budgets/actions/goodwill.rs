//! Goodwill gestures (O-6): asking, deciding, paying.

use std::collections::BTreeMap;

use ::entity::{
    budgets::{envelope, goodwill},
    vocabulary::{BudgetYearStatus, DelegationId, GoodwillId, GoodwillStatus, Money, PersonId, RegionId},
};
use chrono::{Datelike, NaiveDate};
use sea_orm::ActiveValue::Set;

use super::{REASON, fingerprinted, open};
use crate::{
    action::{Call, perform},
    authz::{Permission, Place},
    budgets::{
        error::{Flaw, GoodwillRefusal, Refusal},
        goodwill::{Action, Facts, decide as decide_purely, is_within, items},
        ledger::{Cause, post},
        store::{self, Holder},
    },
    calendar,
    db::{Conn, Lock},
    error::{Error, Result},
    identity, input as text,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, Stopped, refused, unless_refused},
    version, work_queue,
};

/// Longest name of a member.
const NAME: usize = 200;
/// Longest member's number, and longest number of a cheque.
const NUMBER: usize = 50;

/// A gesture that somebody asks for.
#[derive(Clone, Debug)]
pub struct GoodwillRequest {
    /// Budget year; the present one where it is left out.
    pub year: Option<i32>,
    /// Member to whom the cheque is to be made out.
    pub member_name: String,
    /// The member's number.
    pub member_number: Option<String>,
    /// How much.
    pub amount: Money,
    /// Why.
    pub motive: String,
    /// Delegate for whom it is asked.
    pub requested_for: Option<PersonId>,
    /// Delegation, where whoever it is asked for works in none.
    pub delegation: Option<DelegationId>,
}

/// A decision on a gesture.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Which gesture.
    pub id: GoodwillId,
    /// Whether it is approved.
    pub approved: bool,
    /// Why; needed where it is refused.
    pub reason: String,
}

/// A payment of a gesture.
#[derive(Clone, Debug)]
pub struct Payment {
    /// Which gesture.
    pub id: GoodwillId,
    /// On which day.
    pub paid_on: NaiveDate,
    /// With which cheque.
    pub cheque_number: String,
}

/// Asks for a gesture towards an insured member.
///
/// # Errors
/// A year that is not open, alone; else everything that is wrong with the request.
pub async fn request(op: &Op, call: &Call, input: GoodwillRequest) -> Done<GoodwillId, Refusal> {
    let input = &cleaned(call, input)?;
    perform(op, &fingerprinted("requestGoodwill", call, input), |tx| async move {
        let origin = origin(op, &tx, call, input).await?;
        let year = input.year.unwrap_or_else(|| op.today().year());
        open(year, store::years(&tx, &[year]).await?.pop())?;
        unless_refused(flaws(input))?;
        let gesture = store::insert_gesture(&tx, row(op, call, input, year, &origin)?).await?;
        let mut event = event(&gesture, "goodwill.requested", None);
        event.reason = Some(gesture.motive.clone());
        event.queue = work_queue::moved(&tx, queued(&gesture), &[], &items(&gesture, op.now)).await?;
        let event = event.with_changes(&BTreeMap::from([("amount", gesture.amount.to_string())]))?;
        outbox::record(op, &tx, call, event).await?;
        Ok(gesture.id)
    })
    .await
}

fn cleaned(call: &Call, input: GoodwillRequest) -> Result<GoodwillRequest> {
    // The row names one person beside the caller: the absent one, or the delegate.
    if call.on_behalf_of.is_some() && input.requested_for.is_some_and(|person| call.on_behalf_of != Some(person)) {
        return Err(Error::bad_input(["input", "requestedFor"], "left out together with onBehalfOf"));
    }
    let number =
        input.member_number.map(|number| text::line(["input", "memberNumber"], &number, NUMBER)).transpose()?;
    Ok(GoodwillRequest {
        member_name: text::line(["input", "memberName"], &input.member_name, NAME)?,
        member_number: number.filter(|number| !number.is_empty()),
        motive: text::paragraph(["input", "motive"], &input.motive, REASON)?,
        ..input
    })
}

/// Where a gesture comes from.
struct Origin {
    delegation: DelegationId,
    region: RegionId,
}

/// Where a request comes from: from the delegation of whom it is for, which the caller's right to ask must
/// reach.
async fn origin(op: &Op, tx: &Conn, call: &Call, input: &GoodwillRequest) -> Done<Origin, Refusal> {
    let acting = op.caller()?.grant(call.name()).ok_or(Error::Forbidden)?.holder.clone();
    let whom = input.requested_for.unwrap_or(acting.id);
    let works_in = match input.requested_for {
        Some(person) => {
            let found = identity::store::people(tx, &[person]).await?.pop().filter(|person| person.active);
            found.ok_or(Error::NotFound)?.delegation_id
        }
        None => acting.delegation,
    };
    let Some(delegation) = works_in.or(input.delegation) else {
        return refused(GoodwillRefusal::DelegationRequired.into());
    };
    let found = identity::store::delegations(tx, &[delegation]).await?.pop().ok_or(Error::NotFound)?;
    let place = Place { owner: Some(whom), delegation: Some(delegation), region: Some(found.region_id) };
    let is_theirs = input.delegation.is_none_or(|named| named == delegation);
    if is_theirs && op.acts(Permission::RequestGoodwill, call.name()).covers(&place) {
        Ok(Origin { delegation, region: found.region_id })
    } else {
        Err(Error::Forbidden.into())
    }
}

fn flaws(input: &GoodwillRequest) -> Vec<Refusal> {
    let wrong = [
        (input.member_name.is_empty(), "memberName", Flaw::NoName),
        (input.amount <= Money::ZERO, "amount", Flaw::NotPositive),
        (input.motive.is_empty(), "motive", Flaw::NoReason),
    ];
    wrong
        .into_iter()
        .filter(|(is_wrong, ..)| *is_wrong)
        .map(|(_, field, flaw)| Refusal::input(&[field], flaw))
        .collect()
}

fn row(op: &Op, call: &Call, input: &GoodwillRequest, year: i32, origin: &Origin) -> Result<goodwill::ActiveModel> {
    Ok(goodwill::ActiveModel {
        year: Set(year),
        status: Set(GoodwillStatus::Requested),
        member_name: Set(input.member_name.clone()),
        member_number: Set(input.member_number.clone()),
        amount: Set(input.amount),
        motive: Set(input.motive.clone()),
        requester_id: Set(op.me()?),
        requested_for_id: Set(call.on_behalf_of.or(input.requested_for)),
        delegation_id: Set(origin.delegation),
        region_id: Set(origin.region),
        decided_by_id: Set(None),
        decision_reason: Set(None),
        paid_on: Set(None),
        cheque_number: Set(None),
        created_at: Set(op.now),
        version: Set(1),
        ..Default::default()
    })
}

/// Approves or refuses a gesture; an approval commits its amount on the management budget.
///
/// # Errors
/// A status that does not allow it, alone; else every rule that stands against it.
pub async fn decide(op: &Op, call: &Call, input: Decision) -> Done<(), Refusal> {
    let input = &Decision { reason: text::paragraph(["input", "reason"], &input.reason, REASON)?, ..input };
    let action = if input.approved { Action::Approve } else { Action::Refuse };
    perform(op, &fingerprinted("decideGoodwill", call, input), |tx| async move {
        let no_reason =
            (!input.approved && input.reason.is_empty()).then(|| Refusal::input(&["reason"], Flaw::NoReason));
        let found = Found::lock(op, &tx, call, input.id, action).await?;
        found.allow(op, call, action, no_reason.into_iter().collect())?;
        let reason = Some(input.reason.clone()).filter(|reason| !reason.is_empty());
        let change = goodwill::ActiveModel {
            decided_by_id: Set(Some(op.me()?)),
            decision_reason: Set(reason.clone()),
            ..Default::default()
        };
        found.advance(op, &tx, call, action, change, reason).await
    })
    .await
}

/// Records that a gesture's cheque is paid: the commitment becomes consumption.
///
/// # Errors
/// A status that does not allow it, alone; else every rule that stands against it.
pub async fn record_paid(op: &Op, call: &Call, input: Payment) -> Done<(), Refusal> {
    let input =
        &Payment { cheque_number: text::line(["input", "chequeNumber"], &input.cheque_number, NUMBER)?, ..input };
    if input.cheque_number.is_empty() {
        return Err(Error::bad_input(["input", "chequeNumber"], format!("1 to {NUMBER} characters")).into());
    }
    perform(op, &fingerprinted("recordGoodwillPaid", call, input), |tx| async move {
        let found = Found::lock(op, &tx, call, input.id, Action::RecordPaid).await?;
        let flaw = day_flaw(op.today(), &found.gesture, input.paid_on);
        let flaws = flaw.map(|flaw| Refusal::input(&["paidOn"], flaw));
        found.allow(op, call, Action::RecordPaid, flaws.into_iter().collect())?;
        let change = goodwill::ActiveModel {
            paid_on: Set(Some(input.paid_on)),
            cheque_number: Set(Some(input.cheque_number.clone())),
            ..Default::default()
        };
        found.advance(op, &tx, call, Action::RecordPaid, change, None).await
    })
    .await
}

/// A cheque is paid between the day on which it was asked for and today.
fn day_flaw(today: NaiveDate, gesture: &goodwill::Model, paid_on: NaiveDate) -> Option<Flaw> {
    let earliest = calendar::paris_day(gesture.created_at);
    if paid_on > today {
        Some(Flaw::InFuture { today })
    } else {
        (paid_on < earliest).then_some(Flaw::TooEarly { earliest })
    }
}

/// A gesture to act on with what the action rests on; gesture and envelope are held until the end of the
/// transaction.
struct Found {
    gesture: goodwill::Model,
    year: BudgetYearStatus,
    management: Option<envelope::Model>,
}

impl Found {
    /// # Errors
    /// [`Error::NotFound`] where the gesture may not be read, [`Error::Forbidden`] where the action does not
    /// reach it; a refusal where it changed since the caller saw it.
    async fn lock(op: &Op, tx: &Conn, call: &Call, id: GoodwillId, action: Action) -> Done<Self, Refusal> {
        let readable = op.acts(Permission::ReadGoodwill, call.name());
        let found = store::lock_gesture(tx, id).await?.filter(|gesture| is_within(&readable, gesture));
        let gesture = found.ok_or(Error::NotFound)?;
        if !is_within(&op.acts(action.permission(), call.name()), &gesture) {
            return Err(Error::Forbidden.into());
        }
        version::check(tx, call, Some(about(&gesture)), gesture.version).await?;
        let year = store::years(tx, &[gesture.year]).await?.pop();
        let year = year.ok_or_else(|| Error::defect("a goodwill gesture without its year"))?.status;
        let management = store::held_by(tx, Lock::Yes, gesture.year, &[Holder::Management]).await?.pop();
        Ok(Self { gesture, year, management })
    }

    fn allow(&self, op: &Op, call: &Call, action: Action, flaws: Vec<Refusal>) -> Done<(), Refusal> {
        let available = available(self.management.as_ref());
        let facts = Facts { gesture: &self.gesture, year: self.year, available, actor: op.me()?, name: call.name() };
        decide_purely(&facts, action, flaws).map(drop).map_err(Stopped::Refused)
    }

    async fn advance(
        self,
        op: &Op,
        tx: &Conn,
        call: &Call,
        action: Action,
        change: goodwill::ActiveModel,
        reason: Option<String>,
    ) -> Done<(), Refusal> {
        let Self { gesture: before, management, .. } = self;
        let (_, status) = action.path();
        let change = goodwill::ActiveModel { status: Set(status), ..change };
        if !store::advance_gesture(tx, &before, change).await? {
            return version::overtaken(tx, Some(about(&before)), before.version, before.version + 1).await;
        }
        let after = goodwill::Model { status, version: before.version + 1, ..before.clone() };
        let postings = management.map(|envelope| action.postings(envelope.id, before.amount)).unwrap_or_default();
        let mut event = event(&after, action.event(), Some(before.status));
        event.envelopes = post(op, tx, Cause::Goodwill(before.id), &postings, reason.as_deref()).await?;
        event.reason = reason;
        let (waited, waits) = (items(&before, before.created_at), items(&after, op.now));
        event.queue = work_queue::moved(tx, queued(&after), &waited, &waits).await?;
        outbox::record(op, tx, call, event).await?;
        Ok(())
    }
}

/// What a management budget still holds; nothing where there is none.
fn available(management: Option<&envelope::Model>) -> Money {
    management.map_or(Money::ZERO, |envelope| envelope.allocated - envelope.committed - envelope.consumed)
}

fn about(gesture: &goodwill::Model) -> Subject {
    Subject { kind: "GoodwillGesture", id: gesture.id.0 }
}

fn queued(gesture: &goodwill::Model) -> work_queue::Subject {
    work_queue::Subject::Goodwill(gesture.id)
}

fn event(gesture: &goodwill::Model, kind: &'static str, from: Option<GoodwillStatus>) -> Event {
    let mut event = Event::new(kind, about(gesture));
    event.from = from.map(GoodwillStatus::code);
    event.to = Some(gesture.status.code());
    event
}
