//! Scalars that only the schema knows; `Money` and `Date` live with the tables.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use rust_decimal::Decimal;

/// An e-mail address, kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(pub String);

/// An e-mail address, such as "delegate@demo.example"; kept in lower case.
#[Scalar(specified_by_url = "https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address")]
impl ScalarType for Email {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let text = text.trim().to_lowercase();
        let well_formed = text.len() <= 254
            && text.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain));
        if well_formed { Ok(Self(text)) } else { Err(InputValueError::custom("not an e-mail address")) }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

fn is_local(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b))
}

fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// A share in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent {
    /// Hundredths of a percent.
    pub hundredths: i32,
}

/// A percentage with at most two decimals, as a string: "30" or "12.5".
#[Scalar]
impl ScalarType for Percent {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::custom("a percentage is a string, such as \"12.5\""));
        };
        let plain = text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let percent = plain.then(|| text.parse::<Decimal>().ok()).flatten();
        percent
            .and_then(|p| p.checked_mul(Decimal::ONE_HUNDRED))
            .filter(|p| p.is_integer())
            .and_then(|p| i32::try_from(p).ok())
            .filter(|p| (0..=100_00).contains(p))
            .map(|hundredths| Self { hundredths })
            .ok_or_else(|| {
                InputValueError::custom("a percentage lies between \"0\" and \"100\", with at most two decimals")
            })
    }

    fn to_value(&self) -> Value {
        Value::String(Decimal::new(self.hundredths.into(), 2).normalize().to_string())
    }
}
