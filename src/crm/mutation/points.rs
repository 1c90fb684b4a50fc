//! Addresses and numbers, and texts, as they come in.

use ::entity::vocabulary::ContactPointKind;
use async_graphql::{InputObject, MaybeUndefined};

use crate::{
    crm::rules::Point,
    error::{Error, Result},
    input::line,
};

/// Longest name, street, city, function or department.
pub(super) const NAME: usize = 200;
/// Longest label of an address or a number.
const LABEL: usize = 50;
/// Longest address or number, blanks included.
const VALUE: usize = 300;
/// Most addresses and numbers of one account or contact.
const MOST: usize = 30;

/// An e-mail address or a telephone number of an account or a contact.
#[derive(Clone, Debug, InputObject)]
pub(super) struct ContactPointInput {
    /// What it is.
    kind: ContactPointKind,
    /// An e-mail address, or a telephone number in the international or in the French national form.
    value: String,
    /// What it is for, such as "claims".
    label: Option<String>,
    /// Whether it is the first of its kind; where none is, the one that stands first.
    #[graphql(default)]
    primary: bool,
}

/// Addresses and numbers as they were given.
///
/// # Errors
/// Too many, or too long.
pub(super) fn points(given: Vec<ContactPointInput>) -> Result<Vec<Point>> {
    if given.len() > MOST {
        return Err(Error::bad_input(["input", "contactPoints"], format!("at most {MOST}")));
    }
    let read = |ContactPointInput { kind, value, label, primary }| {
        let value = line(["input", "contactPoints"], &value, VALUE)?;
        Ok(Point { kind, value, label: optional("contactPoints", label, LABEL)?, primary })
    };
    given.into_iter().map(read).collect()
}

/// A text of one line; an empty one is none.
///
/// # Errors
/// A text that is too long or cannot be one.
pub(super) fn optional(field: &str, text: Option<String>, most: usize) -> Result<Option<String>> {
    let text = text.map(|text| line(["input", field], &text, most)).transpose()?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// A text of one line that may be taken away; an empty one is none.
///
/// # Errors
/// A text that is too long or cannot be one.
pub(super) fn removable(field: &str, text: MaybeUndefined<String>, most: usize) -> Result<Option<Option<String>>> {
    match text {
        MaybeUndefined::Undefined => Ok(None),
        MaybeUndefined::Null => Ok(Some(None)),
        MaybeUndefined::Value(text) => optional(field, Some(text), most).map(Some),
    }
}

/// A text of one line, empty or not, where there is one.
///
/// # Errors
/// A text that is too long or cannot be one.
pub(super) fn text(field: &str, text: Option<String>, most: usize) -> Result<Option<String>> {
    text.map(|text| line(["input", field], &text, most)).transpose()
}
