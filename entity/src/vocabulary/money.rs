//! Euro amounts in whole cents: exact on SQLite (INTEGER) and PostgreSQL (BIGINT), summable in SQL.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Neg, Sub, SubAssign},
    str::FromStr,
};

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero, prelude::ToPrimitive};
use sea_orm::DeriveValueType;
use serde::{Deserialize, Serialize};

/// An amount in euros, kept as whole cents.
///
/// What comes from outside is bounded by [`Money::LIMIT`], so that no sum over a whole table can
/// leave an `i64`; the operators still check, and stop rather than wrap.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(pub i64);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoneyError {
    /// Not digits with at most one point.
    Malformed,
    /// More than two decimals.
    TooPrecise,
    /// Beyond ten billion euros either way.
    OutOfRange,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount that is taken from outside, either way: ten billion euros.
    pub const LIMIT: Self = Self(1_000_000_000_000);

    /// Whole euros.
    #[must_use]
    pub const fn euros(euros: i64) -> Self {
        Self(euros * 100)
    }

    /// The amount as a decimal with two places.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Rounds half away from zero to the cent, the French commercial rounding.
    /// `None` beyond the range of [`Money::LIMIT`].
    #[must_use]
    pub fn round(amount: Decimal) -> Option<Self> {
        let cents = amount.round_dp_with_strategy(2, MidpointAwayFromZero).checked_mul(Decimal::ONE_HUNDRED)?;
        cents.to_i64().map(Self).filter(|m| m.is_in_range())
    }

    /// A whole number of pieces at this price; `None` beyond the range of [`Money::LIMIT`].
    #[must_use]
    pub fn times(self, pieces: i64) -> Option<Self> {
        self.0.checked_mul(pieces).map(Self).filter(|m| m.is_in_range())
    }

    /// Whether the amount may come from outside.
    #[must_use]
    pub fn is_in_range(self) -> bool {
        self.0.unsigned_abs() <= Self::LIMIT.0.unsigned_abs()
    }

    /// The amount, or nothing where it is negative.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("amounts are bounded, their sums fit"))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("amounts are bounded, their differences fit"))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_decimal().fmt(f)
    }
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "an amount is written with digits and at most one point, such as \"1234.50\"",
            Self::TooPrecise => "an amount has at most two decimals",
            Self::OutOfRange => "an amount lies between -10000000000.00 and 10000000000.00",
        })
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit());
        if !plain || digits.matches('.').count() > 1 {
            return Err(MoneyError::Malformed);
        }
        if digits.split('.').next().unwrap_or_default().len() > 20 {
            return Err(MoneyError::OutOfRange);
        }
        if digits.split_once('.').is_some_and(|(_, cents)| cents.trim_end_matches('0').len() > 2) {
            return Err(MoneyError::TooPrecise);
        }
        let amount = Decimal::from_str(text).map_err(|_| MoneyError::Malformed)?;
        Self::round(amount).ok_or(MoneyError::OutOfRange)
    }
}

/// An amount in euros, exact to the cent, as a string with a decimal point: "1234.50".
#[Scalar(name = "Money")]
impl ScalarType for Money {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => text.parse().map_err(|e: MoneyError| InputValueError::custom(e)),
            // A JSON number may already have been through a binary float on its way here.
            _ => Err(InputValueError::custom("an amount is a string, such as \"1234.50\"")),
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
    fn amounts_are_read_exactly_or_refused() {
        assert_eq!("1234.5".parse(), Ok(Money(123_450)));
        assert_eq!("-0.01".parse(), Ok(Money(-1)));
        assert_eq!("7.10000".parse(), Ok(Money(710)));
        for bad in ["", "-", ".5", "5.", "1e3", "1,5", " 1", "1.2.3", "+1", "٣"] {
            assert_eq!(bad.parse::<Money>(), Err(MoneyError::Malformed), "{bad:?}");
        }
        assert_eq!("0.001".parse::<Money>(), Err(MoneyError::TooPrecise));
        assert_eq!("99999999999999999999999999999".parse::<Money>(), Err(MoneyError::OutOfRange));
        assert_eq!("10000000000.01".parse::<Money>(), Err(MoneyError::OutOfRange));
    }

    #[test]
    fn rounding_is_half_away_from_zero() {
        let round = |text: &str| Money::round(Decimal::from_str(text).unwrap());
        assert_eq!(round("0.005"), Some(Money(1)));
        assert_eq!(round("-0.005"), Some(Money(-1)));
        assert_eq!(round("0.0049"), Some(Money(0)));
    }
}
