//! Changing a budget year's rules.

use super::{about, fingerprinted, reaches_company, year_in_range};
use crate::{
    action::{Call, perform},
    authz::Permission,
    budgets::{
        error::{Refusal, YearRefusal},
        store,
        year::{self, YearChange},
    },
    error::Error,
    op::Op,
    outbox::{self, Event},
    refusal::{Done, refused, unless_refused},
    version,
};
use ::entity::{budgets::budget_year, vocabulary::BudgetYearStatus};

/// Most months that can be given for a handover receipt.
const MONTHS: i32 = 24;

/// Changes a year's rules; a year that is not there is planned with the rules that Sésame ships with, and
/// counts as version 0. A change that changes nothing writes nothing.
///
/// # Errors
/// `YEAR_CLOSED` alone; else everything that the rules cannot be.
pub async fn change(op: &Op, call: &Call, year: i32, input: &YearChange) -> Done<(), Refusal> {
    year_in_range(year)?;
    if input.receipt_due_months.is_some_and(|months| !(0..=MONTHS).contains(&months)) {
        return Err(Error::bad_input(["input", "receiptDueMonths"], format!("0 to {MONTHS}")).into());
    }
    perform(op, &fingerprinted("updateBudgetYear", call, &(year, input)), |tx| async move {
        reaches_company(op, call, Permission::UpdateBudgetYear)?;
        let found = store::lock_year(&tx, year).await?;
        let before = match found {
            Some(found) => found,
            None => year::shipped(year).ok_or_else(|| Error::defect("a year beyond the calendar"))?,
        };
        version::check(&tx, call, Some(about(year)), before.version).await?;
        if before.status == BudgetYearStatus::Closed {
            return refused(Refusal::Year { year, why: YearRefusal::Closed });
        }
        let after = input.applied_to(&before);
        unless_refused(year::flaws(&after))?;
        if after == before && before.version > 0 {
            return Ok(());
        }
        let after = budget_year::Model { version: before.version + 1, ..after };
        if !store::write_year(&tx, &after).await? {
            return version::overtaken(&tx, Some(about(year)), before.version, after.version).await;
        }
        let event = Event::new("budget.year_changed", about(year));
        let event = event.with_changes(&year::differences(&before, &after))?;
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}
