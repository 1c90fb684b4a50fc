//! Moving budget between envelopes (B-6) and granting from the central pool.

use ::entity::{
    budgets::{budget_year, envelope},
    vocabulary::{EnvelopeId, EventId, LedgerKind, Money, PersonId},
};
use serde::Serialize;

use super::{REASON, envelope_of, fingerprinted, open};
use crate::{
    action::{Call, perform},
    authz::{Permission, Place, is_barred},
    budgets::{
        error::{Flaw, Refusal, SharingRefusal},
        ledger::{Cause, Posting, post},
        rules::{self, Limits, Position},
        store::{self, Holder, NewEnvelope},
    },
    db::{Conn, Lock},
    error::{Error, Result},
    identity, input,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, unless_refused},
    version,
};

/// Money to be moved from one envelope to another.
#[derive(Clone, Debug, Serialize)]
pub struct Transfer {
    /// Budget year.
    pub year: i32,
    /// Who gives.
    pub from: Holder,
    /// Who receives.
    pub to: Holder,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

/// What the two mutations differ in.
struct Kind {
    mutation: &'static str,
    permission: Permission,
    event: &'static str,
    within_region: bool,
}

/// Moves budget from a delegate or a regional manager to a delegate of the same region.
///
/// # Errors
/// A year that is not open, alone; else every rule that stands against it.
pub async fn move_budget(op: &Op, call: &Call, transfer: Transfer) -> Done<(), Refusal> {
    let (mutation, event) = ("moveBudget", "budget.moved");
    run(op, call, transfer, Kind { mutation, permission: Permission::MoveBudget, event, within_region: true }).await
}

/// Grants from the central pool to any other envelope.
///
/// # Errors
/// As [`move_budget`].
pub async fn grant(op: &Op, call: &Call, transfer: Transfer) -> Done<(), Refusal> {
    let (mutation, event) = ("grantFromPool", "budget.granted");
    run(op, call, transfer, Kind { mutation, permission: Permission::GrantFromPool, event, within_region: false }).await
}

async fn run(op: &Op, call: &Call, transfer: Transfer, kind: Kind) -> Done<(), Refusal> {
    let reason = input::paragraph(["input", "reason"], &transfer.reason, REASON)?;
    let (transfer, kind) = (&Transfer { reason, ..transfer }, &kind);
    perform(op, &fingerprinted(kind.mutation, call, transfer), |tx| async move {
        let parties = Parties::find(op, &tx, call, transfer).await?;
        parties.are_within(op, call, kind.permission)?;
        // Orders move an envelope too: its own events would name somebody else.
        version::check(&tx, call, None, parties.donor.version).await?;
        let year = open(transfer.year, store::years(&tx, &[transfer.year]).await?.pop())?;
        unless_refused(refusals(op, call, transfer, kind, &parties, &year)?)?;
        let receiver = parties.receiving_envelope(&tx, transfer.year).await?;
        let donor = parties.donor.id;
        let mut event = Event::new(kind.event, Subject { kind: "Envelope", id: donor.0 }).with_changes(transfer)?;
        event.reason = Some(transfer.reason.clone());
        event.envelopes = vec![donor, receiver];
        let decision = outbox::record(op, &tx, call, event).await?;
        carry_out(op, &tx, decision, transfer, [donor, receiver]).await?;
        Ok(())
    })
    .await
}

/// Who gives and who receives; their envelopes are held until the end of the transaction.
struct Parties {
    donor: envelope::Model,
    receiver: Option<envelope::Model>,
    /// Where the receiving envelope belongs or would.
    place: Place,
    /// The receiving envelope as it would be made; nothing where its holder can have none.
    new: Option<NewEnvelope>,
}

impl Parties {
    /// # Errors
    /// [`Error::NotFound`] where either is not there or may not be read.
    async fn find(op: &Op, tx: &Conn, call: &Call, transfer: &Transfer) -> Result<Self> {
        let Transfer { year, from, to, .. } = *transfer;
        let found = store::held_by(tx, Lock::Yes, year, &[from, to]).await?;
        let donor = from.among(&found).cloned().ok_or(Error::NotFound)?;
        let receiver = to.among(&found).cloned();
        let (place, new) = match to {
            Holder::Delegate(person) => delegate(op, tx, person).await?,
            Holder::Region(region) => {
                identity::store::regions(tx, &[region]).await?.pop().ok_or(Error::NotFound)?;
                let new = NewEnvelope { holder: to, delegation: None, region: Some(region) };
                (Place { region: Some(region), ..Place::default() }, Some(new))
            }
            Holder::Pool | Holder::Management => {
                (Place::default(), Some(NewEnvelope { holder: to, delegation: None, region: None }))
            }
        };
        let place = receiver.as_ref().map_or(place, store::place);
        let readable = op.acts(Permission::ReadBudgets, call.name());
        if readable.covers(&store::place(&donor)) && readable.covers(&place) {
            Ok(Self { donor, receiver, place, new })
        } else {
            Err(Error::NotFound)
        }
    }

    fn are_within(&self, op: &Op, call: &Call, permission: Permission) -> Result<()> {
        let reach = op.acts(permission, call.name());
        let covered = reach.covers(&store::place(&self.donor)) && reach.covers(&self.place);
        if covered { Ok(()) } else { Err(Error::Forbidden) }
    }

    async fn receiving_envelope(&self, tx: &Conn, year: i32) -> Result<EnvelopeId> {
        match (&self.receiver, self.new) {
            (Some(envelope), _) => Ok(envelope.id),
            (None, Some(new)) => {
                let made = store::make_envelopes(tx, year, &[new]).await?;
                made.first().map(|envelope| envelope.id).ok_or_else(|| Error::defect("an envelope vanished"))
            }
            (None, None) => Err(Error::defect("money moves to nobody")),
        }
    }
}

/// Where a person belongs, and the envelope that they would hold as a delegate.
async fn delegate(op: &Op, tx: &Conn, person: PersonId) -> Result<(Place, Option<NewEnvelope>)> {
    if let Some(delegate) = identity::delegates(&op.app, tx, &[person]).await?.pop() {
        let (delegation, region) = (Some(delegate.delegation), Some(delegate.region));
        return Ok((Place { owner: Some(person), delegation, region }, Some(envelope_of(&delegate))));
    }
    let other = identity::store::people(tx, &[person]).await?.pop().ok_or(Error::NotFound)?;
    Ok((Place { owner: Some(person), delegation: other.delegation_id, region: other.region_id }, None))
}

fn refusals(
    op: &Op,
    call: &Call,
    transfer: &Transfer,
    kind: &Kind,
    parties: &Parties,
    year: &budget_year::Model,
) -> Result<Vec<Refusal>> {
    let Parties { donor, place, new, .. } = parties;
    let mut refusals = Vec::new();
    if transfer.reason.is_empty() {
        refusals.push(Refusal::input(&["reason"], Flaw::NoReason));
    }
    if let Holder::Delegate(person) = transfer.to {
        let me = op.me()?;
        let wrong = [
            (is_barred(me, call.name(), &[person]), SharingRefusal::SelfBenefit),
            (new.is_none(), SharingRefusal::NoDelegate),
        ];
        refusals.extend(wrong.into_iter().filter(|(is_wrong, _)| *is_wrong).map(|(_, why)| why.into()));
    }
    if transfer.from == transfer.to {
        refusals.push(SharingRefusal::SameEnvelope.into());
    } else if kind.within_region && donor.region_id != place.region {
        refusals.push(SharingRefusal::OtherRegion.into());
    }
    if transfer.amount <= Money::ZERO {
        refusals.push(Refusal::input(&["amount"], Flaw::NotPositive));
    } else if let Err(broken) = judged(transfer, donor, year) {
        refusals.extend(broken);
    }
    Ok(refusals)
}

/// Whether the donor can spare the amount. Only a delegate's allocation is split; what receives money
/// cannot break its split by it ([`rules::check_move`]).
fn judged(transfer: &Transfer, donor: &envelope::Model, year: &budget_year::Model) -> Result<(), Vec<Refusal>> {
    let limits = match transfer.from {
        Holder::Delegate(_) => Some(Limits::from(year)),
        Holder::Pool | Holder::Management | Holder::Region(_) => None,
    };
    let judged = rules::check_move(&Position::from(donor), limits.as_ref(), transfer.amount);
    judged.map_err(|broken| broken.into_iter().map(Refusal::from).collect())
}

async fn carry_out(
    op: &Op,
    tx: &Conn,
    decision: EventId,
    transfer: &Transfer,
    [donor, receiver]: [EnvelopeId; 2],
) -> Result<()> {
    let sides = [(donor, -transfer.amount), (receiver, transfer.amount)];
    let posting = |(envelope, amount)| Posting::new(envelope, LedgerKind::Transfer, None, amount);
    let postings: Vec<Posting> = sides.into_iter().filter_map(posting).collect();
    post(op, tx, Cause::Decision(decision), &postings, Some(&transfer.reason)).await.map(drop)
}
