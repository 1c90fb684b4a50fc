//! The forecast: quarters, by whom it is shown, what explains a change.

use std::{fmt, str::FromStr};

use async_graphql::{Enum, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike, NaiveDate};
use sea_orm::{DeriveActiveEnum, DeriveValueType, EnumIter};
use serde::{Deserialize, Serialize};

use super::sets::closed_set;

closed_set! {
    /// By whom the forecast is shown, and who has a quota (P-20, P-21).
    ForecastLevel {
        /// A person who owns deals.
        Owner = "OWNER",
        /// A delegation.
        Delegation = "DELEGATION",
        /// A region.
        Region = "REGION",
        /// The whole company.
        Company = "COMPANY",
    }
}

closed_set! {
    /// What became of a deal between two days, as far as a quarter's open deals are concerned (P-22).
    WaterfallKind {
        /// It was created.
        New = "NEW",
        /// It came from another quarter, from outside the scope, from on hold or omitted, or was reopened.
        MovedIn = "MOVED_IN",
        /// It went to another quarter, outside the scope, on hold, or was omitted.
        MovedOut = "MOVED_OUT",
        /// Its amount rose.
        Grown = "GROWN",
        /// Its amount fell.
        Shrunk = "SHRUNK",
        /// The client signed.
        Won = "WON",
        /// Lost, dismissed, or not gone for.
        Lost = "LOST",
    }
}

/// A quarter of a calendar year; in the database its year times ten and its number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Quarter(i32);

impl Quarter {
    /// The first to the fourth quarter of a year; nothing for any other number.
    #[must_use]
    pub const fn new(year: i32, number: i32) -> Option<Self> {
        if 1 <= number && number <= 4 && 1900 <= year && year <= 2200 { Some(Self(year * 10 + number)) } else { None }
    }

    /// The quarter that a day lies in.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self(day.year() * 10 + day.month0() as i32 / 3 + 1)
    }

    /// Its calendar year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.0.div_euclid(10)
    }

    /// 1 to 4.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.rem_euclid(10)
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-Q{}", self.year(), self.number())
    }
}

/// What is no quarter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoQuarter;

impl fmt::Display for NoQuarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quarter is a year from 1900 to 2200 and a number from 1 to 4, such as \"2026-Q3\"")
    }
}

impl FromStr for Quarter {
    type Err = NoQuarter;

    fn from_str(text: &str) -> Result<Self, NoQuarter> {
        let (year, number) = text.split_once("-Q").ok_or(NoQuarter)?;
        let has_digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !has_digits(year, 4) || !has_digits(number, 1) {
            return Err(NoQuarter);
        }
        let (year, number) = (year.parse().map_err(|_| NoQuarter)?, number.parse().map_err(|_| NoQuarter)?);
        Self::new(year, number).ok_or(NoQuarter)
    }
}

/// A quarter of a calendar year, as "2026-Q3" (years 1900 to 2200).
#[Scalar]
impl ScalarType for Quarter {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map_err(|error: NoQuarter| InputValueError::custom(error)),
            _ => Err(InputValueError::custom(NoQuarter)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_read_as_it_is_written() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (first, last, quarter) in [
            ("2026-01-01", "2026-03-31", "2026-Q1"),
            ("2026-04-01", "2026-06-30", "2026-Q2"),
            ("2026-07-01", "2026-09-30", "2026-Q3"),
            ("2026-10-01", "2026-12-31", "2026-Q4"),
        ] {
            assert_eq!(Quarter::of(day(first)).to_string(), quarter);
            assert_eq!(Quarter::of(day(last)), quarter.parse().unwrap());
        }
        for bad in ["", "2026", "2026-Q0", "2026-Q5", "2026-q1", "26-Q1", "+026-Q1", "2026-Q11", "1899-Q4", "2201-Q1"] {
            assert_eq!(bad.parse::<Quarter>(), Err(NoQuarter), "{bad}");
        }
    }
}
