//! One function per use case; each owns its transaction.

use ::entity::{budgets::budget_year, vocabulary::BudgetYearStatus};

mod allocate;
mod goodwill;
mod transfer;
mod year;

pub use allocate::{Allocation, allocate};
pub use goodwill::{Decision, GoodwillRequest, Payment, decide, record_paid, request};
pub use transfer::{Transfer, grant, move_budget};
pub use year::change as change_year;

use super::{
    error::{Refusal, YearRefusal},
    store::{Holder, NewEnvelope},
};
use crate::{
    action::{Call, Request},
    authz::{Permission, Place},
    error::{Error, Result},
    identity::Delegate,
    op::Op,
    outbox::Subject,
    refusal::{Done, refused},
};

/// The years that can be budget years.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2200;

/// A request whose fingerprint holds in whose name it is made and what the caller saw.
fn fingerprinted<'c>(mutation: &'static str, call: &'c Call, input: &impl std::fmt::Debug) -> Request<'c> {
    Request::new(mutation, call, &(input, call.on_behalf_of, call.expected_version))
}

/// What somebody has to be able to do to the whole company's budgets, since these belong nowhere else.
fn reaches_company(op: &Op, call: &Call, permission: Permission) -> Result<()> {
    if op.acts(permission, call.name()).covers(&Place::default()) { Ok(()) } else { Err(Error::Forbidden) }
}

/// A year in events.
fn about(year: i32) -> Subject {
    Subject { kind: "BudgetYear", id: year.into() }
}

/// Refuses a year in which no money moves; one that is not there is not open.
fn open(year: i32, found: Option<budget_year::Model>) -> Done<budget_year::Model, Refusal> {
    let why = match found {
        Some(found) => match found.status {
            BudgetYearStatus::Open => return Ok(found),
            BudgetYearStatus::Planned => YearRefusal::NotOpen,
            BudgetYearStatus::Closed => YearRefusal::Closed,
        },
        None => YearRefusal::NotOpen,
    };
    refused(Refusal::Year { year, why })
}

fn year_in_range(year: i32) -> Result<()> {
    let (first, last) = (YEARS.start(), YEARS.end());
    if YEARS.contains(&year) { Ok(()) } else { Err(Error::bad_input(["input", "year"], format!("{first} to {last}"))) }
}

/// Longest reason.
const REASON: usize = 2_000;

/// The envelope that a delegate would hold.
const fn envelope_of(delegate: &Delegate) -> NewEnvelope {
    let (delegation, region) = (Some(delegate.delegation), Some(delegate.region));
    NewEnvelope { holder: Holder::Delegate(delegate.id), delegation, region }
}
