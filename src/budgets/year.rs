//! A budget year's rules: what they are at first, how they change, what they cannot be. Pure.

use std::collections::BTreeMap;

use ::entity::{
    budgets::budget_year,
    vocabulary::{BudgetYearStatus, Money},
};
use chrono::{Datelike, NaiveDate};

use super::error::{Flaw, Refusal};

/// The whole, in hundredths of a percent.
const WHOLE: i32 = 10_000;

/// A planned year with the rules that Sésame ships with (O-8, O-10, O-20, B-5), at version 0: not written
/// yet. None for a year that the calendar does not have.
#[must_use]
pub fn shipped(year: i32) -> Option<budget_year::Model> {
    let day = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    Some(budget_year::Model {
        year,
        status: BudgetYearStatus::Planned,
        auto_standard_below: Money::euros(500),
        auto_custom_below: Money::euros(200),
        refund_maximum: 3_000,
        gift_cheques_maximum: 3_000,
        custom_minimum: 3_000,
        standard_minimum: 1_000,
        standard_closes_on: day(12, 31)?,
        custom_closes_on: day(12, 10)?,
        receipt_due_months: 1,
        version: 0,
    })
}

/// What somebody wants to change of a year's rules; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct YearChange {
    /// Standard orders strictly below skip the regional manager.
    pub auto_standard_below: Option<Money>,
    /// Custom orders strictly below skip the regional manager.
    pub auto_custom_below: Option<Money>,
    /// Most that refunds may take, in hundredths of a percent.
    pub refund_maximum: Option<i32>,
    /// Most that gift cheques may take, in hundredths of a percent.
    pub gift_cheques_maximum: Option<i32>,
    /// Least kept for custom actions, in hundredths of a percent.
    pub custom_minimum: Option<i32>,
    /// Least kept for standard orders, in hundredths of a percent.
    pub standard_minimum: Option<i32>,
    /// Last day for standard orders.
    pub standard_closes_on: Option<NaiveDate>,
    /// Last day for custom orders.
    pub custom_closes_on: Option<NaiveDate>,
    /// Months between the cheques' arrival and the handover receipt.
    pub receipt_due_months: Option<i32>,
}

impl YearChange {
    /// The year as it would be, at the same version.
    #[must_use]
    pub fn applied_to(&self, year: &budget_year::Model) -> budget_year::Model {
        budget_year::Model {
            year: year.year,
            status: year.status,
            auto_standard_below: self.auto_standard_below.unwrap_or(year.auto_standard_below),
            auto_custom_below: self.auto_custom_below.unwrap_or(year.auto_custom_below),
            refund_maximum: self.refund_maximum.unwrap_or(year.refund_maximum),
            gift_cheques_maximum: self.gift_cheques_maximum.unwrap_or(year.gift_cheques_maximum),
            custom_minimum: self.custom_minimum.unwrap_or(year.custom_minimum),
            standard_minimum: self.standard_minimum.unwrap_or(year.standard_minimum),
            standard_closes_on: self.standard_closes_on.unwrap_or(year.standard_closes_on),
            custom_closes_on: self.custom_closes_on.unwrap_or(year.custom_closes_on),
            receipt_due_months: self.receipt_due_months.unwrap_or(year.receipt_due_months),
            version: year.version,
        }
    }
}

/// Everything about a year's rules that cannot be. Percentages lie between 0 and 100 by their type.
#[must_use]
pub fn flaws(year: &budget_year::Model) -> Vec<Refusal> {
    let amounts =
        [("autoStandardBelow", year.auto_standard_below), ("autoCustomBelow", year.auto_custom_below)].into_iter();
    let days = [("standardClosesOn", year.standard_closes_on), ("customClosesOn", year.custom_closes_on)].into_iter();
    let negative = amounts.filter(|(_, amount)| *amount < Money::ZERO).map(|(field, _)| (field, Flaw::Negative));
    let minima =
        (year.custom_minimum + year.standard_minimum > WHOLE).then_some(("customMinimum", Flaw::MinimaAboveWhole));
    let outside = days
        .filter(|(_, day)| day.year() != year.year)
        .map(|(field, _)| (field, Flaw::OutsideYear { year: year.year }));
    negative.chain(minima).chain(outside).map(|(field, flaw)| Refusal::input(&[field], flaw)).collect()
}

/// What differs between two versions of a year, field by field, before and after.
#[must_use]
pub fn differences(before: &budget_year::Model, after: &budget_year::Model) -> BTreeMap<&'static str, [String; 2]> {
    let told = |year: &budget_year::Model| {
        [
            ("status", year.status.code().to_owned()),
            ("autoStandardBelow", year.auto_standard_below.to_string()),
            ("autoCustomBelow", year.auto_custom_below.to_string()),
            ("refundMaximum", year.refund_maximum.to_string()),
            ("giftChequesMaximum", year.gift_cheques_maximum.to_string()),
            ("customMinimum", year.custom_minimum.to_string()),
            ("standardMinimum", year.standard_minimum.to_string()),
            ("standardClosesOn", year.standard_closes_on.to_string()),
            ("customClosesOn", year.custom_closes_on.to_string()),
            ("receiptDueMonths", year.receipt_due_months.to_string()),
        ]
    };
    let pairs = told(before).into_iter().zip(told(after));
    pairs.filter(|(old, new)| old != new).map(|((field, old), (_, new))| (field, [old, new])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B-5, O-10: the minima fit into the whole, and a year's closing dates lie in it.
    #[test]
    fn a_year_is_told_everything_that_it_cannot_be() {
        let shipped = shipped(2026).unwrap();
        assert_eq!(flaws(&shipped), []);
        let full = YearChange { custom_minimum: Some(9_000), ..YearChange::default() };
        assert_eq!(flaws(&full.applied_to(&shipped)), []);
        let wrong = YearChange {
            auto_standard_below: Some(Money(-1)),
            custom_minimum: Some(9_001),
            custom_closes_on: NaiveDate::from_ymd_opt(2027, 1, 1),
            ..YearChange::default()
        };
        let expected = [
            Refusal::input(&["autoStandardBelow"], Flaw::Negative),
            Refusal::input(&["customMinimum"], Flaw::MinimaAboveWhole),
            Refusal::input(&["customClosesOn"], Flaw::OutsideYear { year: 2026 }),
        ];
        assert_eq!(flaws(&wrong.applied_to(&shipped)), expected);
    }

    #[test]
    fn differences_name_what_changed_alone() {
        let shipped = shipped(2026).unwrap();
        let change = YearChange { receipt_due_months: Some(2), ..YearChange::default() };
        let after = change.applied_to(&shipped);
        assert_eq!(differences(&shipped, &after), BTreeMap::from([("receiptDueMonths", ["1".into(), "2".into()])]));
        assert!(differences(&after, &after).is_empty());
    }
}
