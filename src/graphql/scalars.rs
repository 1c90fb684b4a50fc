//! Scalars that only the schema knows; `Money` and `Date` live with the tables.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use rust_decimal::Decimal;

use crate::crm::rules;

/// An e-mail address, kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(pub String);

/// An e-mail address, such as "delegate@demo.example"; kept in lower case.
#[Scalar(specified_by_url = "https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address")]
impl ScalarType for Email {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        Self::normalised(text).map(Self).ok_or_else(|| InputValueError::custom("not an e-mail address"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl Email {
    /// An address in lower case, where it is one.
    #[must_use]
    pub fn normalised(text: &str) -> Option<String> {
        let text = text.trim().to_lowercase();
        let well_formed = text.len() <= 254
            && text.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain));
        well_formed.then_some(text)
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
            .filter(|p| (0..=10_000).contains(p))
            .map(|hundredths| Self { hundredths })
            .ok_or_else(|| {
                InputValueError::custom("a percentage lies between \"0\" and \"100\", with at most two decimals")
            })
    }

    fn to_value(&self) -> Value {
        Value::String(Decimal::new(self.hundredths.into(), 2).normalize().to_string())
    }
}

/// A company's number in the French register: nine digits, the last of which checks the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Siren(pub String);

/// A company's number in the French register (SIREN), such as "732829320": nine digits, checked with
/// Luhn's formula; blanks between them are dropped.
#[Scalar(specified_by_url = "https://www.insee.fr/fr/metadonnees/definition/c2047")]
impl ScalarType for Siren {
    fn parse(value: Value) -> InputValueResult<Self> {
        digits(&value, 9).filter(|number| luhn(number) == 0).map(Self).ok_or_else(|| {
            InputValueError::custom("not a SIREN number: nine digits, the last of which checks the others")
        })
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// An establishment's number in the French register: its company's and five digits more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Siret(pub String);

/// The company whose establishments are too many for Luhn's formula: La Poste.
const LA_POSTE: &str = "356000000";

/// An establishment's number in the French register (SIRET), such as "73282932000074": fourteen digits,
/// checked with Luhn's formula (La Poste's by their sum); blanks between them are dropped.
#[Scalar(specified_by_url = "https://www.insee.fr/fr/metadonnees/definition/c1841")]
impl ScalarType for Siret {
    fn parse(value: Value) -> InputValueResult<Self> {
        let is_checked = |number: &String| {
            let is_post_office = number.starts_with(LA_POSTE) && sum(number).is_multiple_of(5);
            is_post_office || (luhn(number) == 0 && luhn(&number[..9]) == 0)
        };
        digits(&value, 14)
            .filter(is_checked)
            .map(Self)
            .ok_or_else(|| InputValueError::custom("not a SIRET number: a SIREN number and five digits more"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A VAT number of a member state of the European Union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VatNumber(pub String);

/// A VAT number of a member state of the European Union, such as "FR44732829320": the country and the form
/// that it prescribes, a French number with its key verified; blanks, dots and hyphens are dropped.
#[Scalar(specified_by_url = "https://ec.europa.eu/taxation_customs/vies/#/faq")]
impl ScalarType for VatNumber {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        let message = "not a VAT number of the European Union: a country and the number that it prescribes";
        rules::vat_number(text).map(Self).ok_or_else(|| InputValueError::custom(message))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A telephone number, kept in the international form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber(pub String);

/// A telephone number in the international form, such as "+33261910017"; taken in the national form of France
/// ("02 61 91 00 17"), too.
#[Scalar(specified_by_url = "https://www.itu.int/rec/T-REC-E.164")]
impl ScalarType for PhoneNumber {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else { return Err(InputValueError::expected_type(value)) };
        rules::phone(text).map(Self).ok_or_else(|| InputValueError::custom("not a telephone number"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// A text of so many digits, without the blanks that people write between them.
fn digits(value: &Value, length: usize) -> Option<String> {
    let Value::String(text) = value else { return None };
    let plain = text.len() <= 2 * length && text.bytes().all(|b| b.is_ascii_digit() || b == b' ');
    let number = text.replace(' ', "");
    (plain && number.len() == length).then_some(number)
}

fn sum(number: &str) -> u32 {
    number.bytes().map(|digit| u32::from(digit - b'0')).sum()
}

/// What Luhn's formula leaves over; nothing for a number that is well formed.
fn luhn(number: &str) -> u32 {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let digits = number.bytes().rev().map(|digit| u32::from(digit - b'0')).enumerate();
    digits.map(|(place, digit)| if place % 2 == 1 { doubled(digit) } else { digit }).sum::<u32>() % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is<T: ScalarType>(text: &str) -> bool {
        T::parse(Value::String(text.into())).is_ok()
    }

    #[test]
    fn siren_and_siret_are_checked() {
        assert!(is::<Siren>("732829320") && is::<Siren>("732 829 320"));
        assert!(is::<Siret>("73282932000074") && is::<Siret>("732 829 320 00074"));
        for bad in ["", "732829321", "73282932", "7328293200", "73282932O", "７３２８２９３２０", "000 000 000 \0"]
        {
            assert!(!is::<Siren>(bad), "{bad}");
        }
        for bad in ["73282932000075", "732829320", "73282932100073"] {
            assert!(!is::<Siret>(bad), "{bad}");
        }
    }

    #[test]
    fn the_post_office_has_numbers_of_its_own() {
        // The head office keeps Luhn's formula, the post offices a sum that five divides.
        assert!(is::<Siret>("35600000000048") && is::<Siret>("35600000049837"));
        assert!(!is::<Siret>("35600000049838"));
    }
}
