//! Operations by name and outcome. A client chooses what it calls an operation; here it is called by its root
//! field, which the schema chose: as many names as there are root fields, and three more.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_graphql::{Response, ServerError, Value};

use super::histogram::{Histogram, nanoseconds};

/// How an operation ended, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered.
    Ok,
    /// A rule refused, which the payload tells.
    Refused,
    /// Nobody is signed in.
    Unauthenticated,
    /// Not the caller's to do.
    Forbidden,
    /// Not there, or not for the caller.
    NotFound,
    /// Malformed.
    BadInput,
    /// Beyond a limit.
    TooComplex,
    /// Too much in too short a time.
    RateLimited,
    /// Not among the operations that the caller may send.
    NotPersisted,
    /// A fault.
    Internal,
    /// Whoever asked did not wait for the answer.
    Abandoned,
    /// Another error.
    Other,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Refused,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::BadInput,
        Self::TooComplex,
        Self::RateLimited,
        Self::NotPersisted,
        Self::Internal,
        Self::Abandoned,
        Self::Other,
    ];

    /// Its label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::BadInput => "bad_user_input",
            Self::TooComplex => "too_complex",
            Self::RateLimited => "rate_limited",
            Self::NotPersisted => "not_persisted",
            Self::Internal => "internal",
            Self::Abandoned => "abandoned",
            Self::Other => "other",
        }
    }

    /// The outcome that a code of `extensions.code` stands for.
    #[must_use]
    pub fn of_code(code: &str) -> Self {
        match code {
            "UNAUTHENTICATED" => Self::Unauthenticated,
            "FORBIDDEN" => Self::Forbidden,
            "NOT_FOUND" => Self::NotFound,
            "BAD_USER_INPUT" => Self::BadInput,
            "TOO_COMPLEX" => Self::TooComplex,
            "RATE_LIMITED" | "THROTTLED" => Self::RateLimited,
            "INTERNAL" => Self::Internal,
            code if code.starts_with("PERSISTED_") => Self::NotPersisted,
            _ => Self::Other,
        }
    }

    /// How an answer ended: the fault where there is one among its errors, else the first of them.
    #[must_use]
    pub fn of(response: &Response, is_refused: bool) -> Self {
        let mut outcomes = response.errors.iter().map(Self::of_error);
        let Some(first) = outcomes.next() else {
            return if is_refused { Self::Refused } else { Self::Ok };
        };
        if outcomes.any(|outcome| outcome == Self::Internal) { Self::Internal } else { first }
    }

    /// How an error ended the operation.
    #[must_use]
    pub fn of_error(error: &ServerError) -> Self {
        match error.extensions.as_ref().and_then(|extensions| extensions.get("code")) {
            Some(Value::String(code)) => Self::of_code(code),
            _ => Self::Other,
        }
    }

    /// Whether the server is at fault.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Internal)
    }
}

/// The name of an operation among those that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

impl Label {
    /// Refused before it was looked at.
    pub const NONE: Self = Self(0);
    /// Several root fields.
    pub const SEVERAL: Self = Self(1);
    /// The schema about itself.
    pub const INTROSPECTION: Self = Self(2);
    /// A root field that does not exist.
    pub const OTHER: Self = Self(3);
    const FIXED: [&str; 4] = ["none", "several", "introspection", "other"];
}

/// What is counted of the operations of one name.
#[derive(Debug)]
pub(super) struct Figures {
    /// Its name.
    pub name: Arc<str>,
    /// How many ended how.
    pub outcomes: [AtomicU64; Outcome::ALL.len()],
    /// How long they took.
    pub took: Histogram,
    /// How many statements they made.
    pub statements: AtomicU64,
    /// How long the database took over these, in nanoseconds.
    pub sql: AtomicU64,
}

impl Figures {
    fn new(name: &str) -> Self {
        let (outcomes, took) = Default::default();
        Self { name: name.into(), outcomes, took, statements: AtomicU64::new(0), sql: AtomicU64::new(0) }
    }
}

/// What is counted of all operations.
#[derive(Debug)]
pub struct Operations {
    places: HashMap<Arc<str>, usize>,
    figures: Vec<Figures>,
}

impl Operations {
    /// Nothing counted yet, for operations on these root fields.
    pub fn new<'f>(fields: impl Iterator<Item = &'f str>) -> Self {
        let mut fields: Vec<&str> = fields.collect();
        fields.sort_unstable();
        let figures: Vec<Figures> = Label::FIXED.into_iter().chain(fields).map(Figures::new).collect();
        let places = figures.iter().enumerate().skip(Label::FIXED.len()).map(|(place, it)| (it.name.clone(), place));
        Self { places: places.collect(), figures }
    }

    /// The label of an operation with these root fields.
    pub fn label<'f>(&self, mut fields: impl Iterator<Item = &'f str>) -> Label {
        let Some(first) = fields.next() else { return Label::OTHER };
        if fields.any(|field| field != first) {
            return Label::SEVERAL;
        }
        match self.places.get(first) {
            Some(place) => Label(*place),
            None if first.starts_with("__") => Label::INTROSPECTION,
            None => Label::OTHER,
        }
    }

    /// The name of a label.
    #[must_use]
    pub fn name(&self, label: Label) -> Arc<str> {
        self.figures.get(label.0).map_or_else(|| "other".into(), |figures| figures.name.clone())
    }

    /// Counts an operation that ended.
    pub fn ended(&self, label: Label, outcome: Outcome, took: Duration, (statements, sql): (u32, Duration)) {
        let Some(figures) = self.figures.get(label.0) else { return };
        self.counted(label, outcome);
        figures.took.observe(took);
        figures.statements.fetch_add(statements.into(), Ordering::Relaxed);
        figures.sql.fetch_add(nanoseconds(sql), Ordering::Relaxed);
    }

    /// Counts an operation of which nothing is known but how it ended.
    pub fn counted(&self, label: Label, outcome: Outcome) {
        if let Some(count) = self.figures.get(label.0).and_then(|figures| figures.outcomes.get(outcome as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted of each name that occurred.
    pub(super) fn seen(&self) -> impl Iterator<Item = &Figures> {
        let occurred = |figures: &&Figures| figures.outcomes.iter().any(|count| count.load(Ordering::Relaxed) > 0);
        self.figures.iter().filter(occurred)
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::ErrorExtensionValues;

    use super::*;

    #[test]
    fn an_operation_is_called_by_its_root_field_and_by_nothing_that_a_client_chose() {
        let operations = Operations::new(["orders", "order"].into_iter());
        let name = |fields: &[&str]| operations.name(operations.label(fields.iter().copied())).to_string();
        assert_eq!(name(&["orders"]), "orders");
        assert_eq!(name(&["order", "order"]), "order");
        assert_eq!(name(&["order", "orders"]), "several");
        assert_eq!(name(&["__schema"]), "introspection");
        for unknown in [&["x"][..], &["none"], &["several"], &[]] {
            assert_eq!(name(unknown), "other", "{unknown:?}");
        }
    }

    #[test]
    fn each_outcome_has_its_place() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place, "{outcome:?}");
        }
        let operations = Operations::new(["orders"].into_iter());
        let label = operations.label(["orders"].into_iter());
        operations.ended(label, Outcome::Other, Duration::from_millis(3), (2, Duration::from_millis(1)));
        operations.counted(Label::NONE, Outcome::Internal);
        let seen: Vec<_> = operations.seen().map(|figures| figures.name.to_string()).collect();
        assert_eq!(seen, ["none", "orders"]);
    }

    #[test]
    fn a_fault_among_errors_is_what_it_ended_with() {
        let error = |code: &str| {
            let mut extensions = ErrorExtensionValues::default();
            extensions.set("code", code);
            ServerError { extensions: Some(extensions), ..ServerError::new("", None) }
        };
        let outcome =
            |codes: &[&str]| Outcome::of(&Response::from_errors(codes.iter().map(|c| error(c)).collect()), true);
        assert_eq!(outcome(&["NOT_FOUND", "INTERNAL"]), Outcome::Internal);
        assert_eq!(outcome(&["NOT_FOUND", "FORBIDDEN"]), Outcome::NotFound);
        assert_eq!(outcome(&["a client's own"]), Outcome::Other);
        assert_eq!(outcome(&[]), Outcome::Refused);
        assert_eq!(Outcome::of(&Response::default(), false), Outcome::Ok);
    }
}
