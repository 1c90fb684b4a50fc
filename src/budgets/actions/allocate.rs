//! Sharing out a year's budget (B-2).

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use ::entity::{
    budgets::{budget_year, envelope},
    identity::region,
    vocabulary::{BudgetYearStatus, EnvelopeId, EventId, LedgerKind, Money, PersonId, RegionId},
};
use serde::Serialize;

use super::{about, envelope_of, fingerprinted, open, reaches_company, year_in_range};
use crate::{
    action::{Call, perform},
    authz::Permission,
    budgets::{
        error::{Flaw, Refusal, SharingRefusal, YearRefusal},
        ledger::{Cause, Posting, post},
        rules::{self, Objective},
        store::{self, Holder, NewEnvelope},
        year,
    },
    db::Conn,
    error::{Error, Result},
    identity::{self, Delegate},
    op::Op,
    outbox::{self, Event},
    refusal::{Done, refused, unless_refused},
    version,
};

/// Most objectives, and most regions, to one allocation.
const MOST: usize = 2_000;

/// A year's budget to be shared out.
#[derive(Clone, Debug, Serialize)]
pub struct Allocation {
    /// Budget year.
    pub year: i32,
    /// Shared among the delegates.
    pub total: Money,
    /// Objective of each delegate.
    pub objectives: Vec<(PersonId, Money)>,
    /// For the regional managers' envelopes.
    pub regions: Vec<(RegionId, Money)>,
    /// For the management budget.
    pub management: Money,
    /// For the central pool.
    pub pool: Money,
}

/// Shares a year's budget out, once, and opens the year; a year that is not there is made with the rules
/// that Sésame ships with. Every region gets an envelope, be it empty.
///
/// # Errors
/// `ALREADY_ALLOCATED` alone; else everything that is wrong with the amounts and the objectives.
pub async fn allocate(op: &Op, call: &Call, input: &Allocation) -> Done<Vec<EnvelopeId>, Refusal> {
    bounded(input)?;
    perform(op, &fingerprinted("allocateBudgets", call, input), |tx| async move {
        reaches_company(op, call, Permission::AllocateBudgets)?;
        let year = planned(&tx, call, input.year).await?;
        let delegates = named(op, &tx, input).await?;
        let regions = regions(&tx, input).await?;
        unless_refused(flaws(input, &delegates))?;
        let shares = shares(input, &delegates.into_iter().flatten().collect::<Vec<_>>(), &regions)?;
        opened(&tx, &year).await?;
        let new: Vec<NewEnvelope> = shares.iter().map(|(envelope, _)| *envelope).collect();
        let made = store::make_envelopes(&tx, input.year, &new).await?;
        let mut event = Event::new("budget.allocated", about(input.year)).with_changes(input)?;
        event.from = Some(BudgetYearStatus::Planned.code());
        event.to = Some(BudgetYearStatus::Open.code());
        event.envelopes = made.iter().map(|envelope| envelope.id).collect();
        let decision = outbox::record(op, &tx, call, event).await?;
        fill(op, &tx, decision, &made, &shares).await?;
        Ok(made.iter().map(|envelope| envelope.id).collect())
    })
    .await
}

fn bounded(input: &Allocation) -> Result<()> {
    year_in_range(input.year)?;
    distinct("objectives", "delegate", input.objectives.iter().map(|(delegate, _)| *delegate))?;
    distinct("regions", "region", input.regions.iter().map(|(region, _)| *region))
}

/// Refuses a list that is too long or names somebody twice.
fn distinct<K: Eq + Hash>(list: &str, field: &str, named: impl ExactSizeIterator<Item = K>) -> Result<()> {
    if named.len() > MOST {
        return Err(Error::bad_input(["input", list], format!("at most {MOST}")));
    }
    let mut seen = HashSet::new();
    for (place, key) in named.enumerate() {
        if !seen.insert(key) {
            return Err(Error::bad_input(["input", list, &place.to_string(), field], "named twice"));
        }
    }
    Ok(())
}

/// The year to be opened, held until the end of the transaction where it is there.
async fn planned(tx: &Conn, call: &Call, year: i32) -> Done<budget_year::Model, Refusal> {
    let found = store::lock_year(tx, year).await?;
    let current = found.as_ref().map_or(0, |year| year.version);
    version::check(tx, call, Some(about(year)), current).await?;
    match found {
        Some(found) if found.status == BudgetYearStatus::Planned => Ok(found),
        Some(found) => {
            open(year, Some(found))?;
            refused(Refusal::Year { year, why: YearRefusal::AlreadyAllocated })
        }
        None => Ok(year::shipped(year).ok_or_else(|| Error::defect("a year beyond the calendar"))?),
    }
}

/// Who the objectives name, in their order; nobody where it is no delegate.
async fn named(op: &Op, tx: &Conn, input: &Allocation) -> Result<Vec<Option<Delegate>>> {
    let ids: Vec<PersonId> = input.objectives.iter().map(|(delegate, _)| *delegate).collect();
    let mut found: HashMap<PersonId, Delegate> =
        identity::delegates(&op.app, tx, &ids).await?.into_iter().map(|delegate| (delegate.id, delegate)).collect();
    Ok(ids.iter().map(|id| found.remove(id)).collect())
}

/// Every region, by code, after making sure that those named are among them.
async fn regions(tx: &Conn, input: &Allocation) -> Result<Vec<region::Model>> {
    let all = store::regions(tx).await?;
    let known: HashSet<RegionId> = all.iter().map(|region| region.id).collect();
    if input.regions.iter().all(|(region, _)| known.contains(region)) { Ok(all) } else { Err(Error::NotFound) }
}

fn flaws(input: &Allocation, delegates: &[Option<Delegate>]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if input.total <= Money::ZERO {
        refusals.push(Refusal::input(&["total"], Flaw::NotPositive));
    }
    let mut refuse_negative = |amount: Money, field: &[&str]| {
        if amount < Money::ZERO {
            refusals.push(Refusal::input(field, Flaw::Negative));
        }
    };
    for (place, (_, weight)) in input.objectives.iter().enumerate() {
        refuse_negative(*weight, &["objectives", &place.to_string(), "weight"]);
    }
    for (place, (_, amount)) in input.regions.iter().enumerate() {
        refuse_negative(*amount, &["regions", &place.to_string(), "amount"]);
    }
    refuse_negative(input.management, &["management"]);
    refuse_negative(input.pool, &["pool"]);
    let nobody = delegates.iter().enumerate().filter(|(_, delegate)| delegate.is_none());
    refusals.extend(nobody.map(|(objective, _)| SharingRefusal::NoObjectiveFor { objective }.into()));
    if input.objectives.iter().all(|(_, weight)| *weight == Money::ZERO) {
        refusals.push(SharingRefusal::NothingToShareBy.into());
    }
    refusals
}

/// An envelope to be made, with what it gets.
type Share = (NewEnvelope, Money);

/// Who gets what: the pool, the management budget, the regions by code, the delegates by code.
fn shares(input: &Allocation, delegates: &[Delegate], regions: &[region::Model]) -> Result<Vec<Share>> {
    let weights = input.objectives.iter().map(|(_, weight)| *weight);
    let objectives: Vec<Objective<'_>> =
        delegates.iter().zip(weights).map(|(delegate, weight)| Objective { code: &delegate.code, weight }).collect();
    let parts = rules::allocate(input.total, &objectives)
        .ok_or_else(|| Error::defect("objectives that were checked cannot be shared by"))?;
    let company = |holder| NewEnvelope { holder, delegation: None, region: None };
    let mut shares = vec![(company(Holder::Pool), input.pool), (company(Holder::Management), input.management)];
    for region in regions {
        let named = input.regions.iter().find(|(id, _)| *id == region.id);
        let envelope = NewEnvelope { holder: Holder::Region(region.id), delegation: None, region: Some(region.id) };
        shares.push((envelope, named.map_or(Money::ZERO, |(_, amount)| *amount)));
    }
    let mut by_code: Vec<(&Delegate, Money)> = delegates.iter().zip(parts).collect();
    by_code.sort_by_key(|(delegate, _)| &delegate.code);
    shares.extend(by_code.into_iter().map(|(delegate, part)| (envelope_of(delegate), part)));
    Ok(shares)
}

async fn opened(tx: &Conn, year: &budget_year::Model) -> Done<(), Refusal> {
    let open = budget_year::Model { status: BudgetYearStatus::Open, version: year.version + 1, ..year.clone() };
    match store::write_year(tx, &open).await? {
        true => Ok(()),
        false => version::overtaken(tx, Some(about(year.year)), year.version, open.version).await,
    }
}

/// Allocates its share to each envelope.
async fn fill(op: &Op, tx: &Conn, decision: EventId, made: &[envelope::Model], shares: &[Share]) -> Result<()> {
    let share_of = |envelope: &envelope::Model| {
        shares.iter().find(|(new, _)| Some(new.holder) == Holder::of(envelope)).map_or(Money::ZERO, |(_, share)| *share)
    };
    let postings: Vec<Posting> = made
        .iter()
        .filter_map(|envelope| Posting::new(envelope.id, LedgerKind::Allocation, None, share_of(envelope)))
        .collect();
    post(op, tx, Cause::Decision(decision), &postings, None).await.map(drop)
}
