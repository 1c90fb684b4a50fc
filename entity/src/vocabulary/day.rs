//! A calendar day of Europe/Paris, as the schema writes it.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// A calendar day in Europe/Paris.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub NaiveDate);

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A calendar day in Europe/Paris, as "2026-07-14" (years 1900 to 2200).
#[Scalar(name = "Date", specified_by_url = "https://scalars.graphql.org/andimarek/local-date.html")]
impl ScalarType for Day {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::custom("a day is a string, such as \"2026-07-14\""));
        };
        let well_formed = text.len() == 10 && text.is_ascii();
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|day| well_formed && (1900..=2200).contains(&day.year()))
            .map(Self)
            .ok_or_else(|| InputValueError::custom("not a day between 1900-01-01 and 2200-12-31, as in \"2026-07-14\""))
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}
