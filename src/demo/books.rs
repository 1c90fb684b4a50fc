//! The money of the demonstration: years, envelopes, ledger, kept as the database will keep them.

use std::collections::HashMap;

use ::entity::{
    budgets::{budget_year, envelope, ledger_entry},
    vocabulary::{BudgetYearStatus, EnvelopeId, EnvelopeKind, LedgerEntryId, Money, PersonId},
};
use chrono::{DateTime, Utc};

use crate::budgets::{
    Cause, Change, Envelopes, Named, Posting,
    rules::{self, Limits, Objective, Position},
    store::Holder,
    year,
};

use super::network::Network;

/// Years, envelopes, and the ledger entries on their way to the database.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub years: Vec<budget_year::Model>,
    pub envelopes: Vec<envelope::Model>,
    pub ledger: Vec<ledger_entry::Model>,
    entries: i64,
    places: HashMap<(i32, Holder), usize>,
}

/// What a year's budget comes to.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub year: i32,
    /// What each delegate is to get, about, in the order of the network.
    pub objectives: Vec<Money>,
}

/// Who moves money, when, why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Movement<'r> {
    pub author: PersonId,
    pub at: DateTime<Utc>,
    pub cause: Cause,
    pub reason: Option<&'r str>,
}

impl Books {
    /// A year with the rules that Sésame ships with.
    pub(super) fn add_year(&mut self, year: i32, status: BudgetYearStatus) {
        let version = match status {
            BudgetYearStatus::Planned => 1,
            BudgetYearStatus::Open => 2,
            BudgetYearStatus::Closed => 3,
        };
        self.years.extend(year::shipped(year).map(|shipped| budget_year::Model { status, version, ..shipped }));
    }

    pub(super) fn year(&self, year: i32) -> Option<&budget_year::Model> {
        self.years.iter().find(|known| known.year == year)
    }

    /// The envelopes of a year, still empty.
    pub(super) fn add_envelopes(&mut self, year: i32, network: &Network) {
        self.add_envelope(empty(year, EnvelopeKind::Pool));
        self.add_envelope(empty(year, EnvelopeKind::Management));
        for region in &network.regions {
            self.add_envelope(envelope::Model { region_id: Some(region.id), ..empty(year, EnvelopeKind::Region) });
        }
        for delegate in &network.delegates {
            self.add_envelope(envelope::Model {
                region_id: Some(delegate.region),
                delegation_id: Some(delegate.delegation),
                person_id: Some(delegate.id),
                ..empty(year, EnvelopeKind::Delegate)
            });
        }
    }

    fn add_envelope(&mut self, envelope: envelope::Model) {
        let id = EnvelopeId(self.envelopes.len() as i64 + 1);
        if let Some(holder) = Holder::of(&envelope) {
            self.places.insert((envelope.year, holder), self.envelopes.len());
        }
        self.envelopes.push(envelope::Model { id, ..envelope });
    }

    pub(super) fn held_by(&self, year: i32, holder: Holder) -> Option<&envelope::Model> {
        self.places.get(&(year, holder)).and_then(|place| self.envelopes.get(*place))
    }

    /// The envelopes that an order is charged to.
    pub(super) fn of(&self, year: i32, owner: PersonId, region: ::entity::vocabulary::RegionId) -> Envelopes {
        Envelopes {
            delegate: self.held_by(year, Holder::Delegate(owner)).cloned(),
            region: self.held_by(year, Holder::Region(region)).cloned(),
        }
    }

    /// Where a delegate's envelope stands, and the limits of its year.
    pub(super) fn standing(&self, year: i32, owner: PersonId) -> Option<(Position, Limits)> {
        let envelope = self.held_by(year, Holder::Delegate(owner))?;
        Some((Position::from(envelope), Limits::from(self.year(year)?)))
    }

    /// Shares a year's budget out by objectives (B-2); the envelopes that got something.
    pub(super) fn allocate(&mut self, plan: &Plan, network: &Network, movement: Movement<'_>) -> Vec<EnvelopeId> {
        let codes = network.delegates.iter().map(|delegate| delegate.code.as_str());
        let objectives: Vec<Objective<'_>> =
            codes.zip(&plan.objectives).map(|(code, weight)| Objective { code, weight: *weight }).collect();
        let sum: Money = plan.objectives.iter().copied().sum();
        let total = Money::euros(sum.0 / 100_000 * 1_000);
        let parts = rules::allocate(total, &objectives).unwrap_or_default();
        let mut shares = vec![
            (Holder::Pool, Money(total.0 / 20)),
            (Holder::Management, Money::euros(12_000) + Money(total.0 / 100)),
        ];
        for region in &network.regions {
            let delegates = network.delegates.iter().zip(&parts).filter(|(delegate, _)| delegate.region == region.id);
            let together: Money = delegates.map(|(_, part)| *part).sum();
            shares.push((Holder::Region(region.id), Money(together.0 * 8 / 10_000 * 100)));
        }
        shares
            .extend(network.delegates.iter().zip(parts).map(|(delegate, part)| (Holder::Delegate(delegate.id), part)));
        let posting = |(holder, amount)| {
            let envelope = self.held_by(plan.year, holder)?.id;
            Posting::new(envelope, ::entity::vocabulary::LedgerKind::Allocation, None, amount)
        };
        let postings: Vec<Posting> = shares.into_iter().filter_map(posting).collect();
        self.post(&postings, movement)
    }

    /// Moves money as [`crate::budgets::post`] does; the envelopes that it moved on.
    pub(super) fn post(&mut self, postings: &[Posting], movement: Movement<'_>) -> Vec<EnvelopeId> {
        let mut touched = Vec::new();
        for posting in postings {
            self.entries += 1;
            self.ledger.push(row(LedgerEntryId(self.entries), posting, movement));
            let place = usize::try_from(posting.envelope.0 - 1).unwrap_or(usize::MAX);
            if let Some(envelope) = self.envelopes.get_mut(place) {
                apply(envelope, posting);
            }
            if !touched.contains(&posting.envelope) {
                touched.push(posting.envelope);
            }
        }
        touched
    }
}

fn empty(year: i32, kind: EnvelopeKind) -> envelope::Model {
    envelope::Model {
        id: EnvelopeId(0),
        year,
        kind,
        region_id: None,
        delegation_id: None,
        person_id: None,
        allocated: Money::ZERO,
        committed: Money::ZERO,
        consumed: Money::ZERO,
        used_refund: Money::ZERO,
        used_gift_cheques: Money::ZERO,
        used_custom: Money::ZERO,
        used_standard: Money::ZERO,
        version: 1,
    }
}

fn apply(envelope: &mut envelope::Model, posting: &Posting) {
    let mut change = Change::default();
    change.add(posting.kind, posting.family, posting.amount);
    let Change { allocated, committed, consumed, used: [refund, gift_cheques, custom, standard] } = change;
    envelope.allocated += allocated;
    envelope.committed += committed;
    envelope.consumed += consumed;
    envelope.used_refund += refund;
    envelope.used_gift_cheques += gift_cheques;
    envelope.used_custom += custom;
    envelope.used_standard += standard;
    envelope.version += 1;
}

fn row(id: LedgerEntryId, posting: &Posting, movement: Movement<'_>) -> ledger_entry::Model {
    let Posting { envelope, kind, family, amount } = posting.clone();
    let Movement { author, at, cause, reason } = movement;
    let Named { order: order_id, goodwill: goodwill_id, decision: decision_id } = cause.into();
    let reason = reason.map(str::to_owned);
    ledger_entry::Model {
        id,
        envelope_id: envelope,
        kind,
        family,
        amount,
        order_id,
        goodwill_id,
        decision_id,
        author_id: author,
        at,
        reason,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An envelope with nothing in it.
    pub(in super::super) fn empty() -> envelope::Model {
        super::empty(0, EnvelopeKind::Pool)
    }

    /// What a ledger entry adds to an envelope.
    pub(in super::super) fn add(envelope: &mut envelope::Model, entry: &ledger_entry::Model) {
        let ledger_entry::Model { envelope_id, kind, family, amount, .. } = entry.clone();
        apply(envelope, &Posting { envelope: envelope_id, kind, family, amount });
    }
}
