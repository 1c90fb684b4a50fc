//! A refusal by a rule: an answer with a code, a place in the input and a text in both languages.

use ::entity::vocabulary::{Money, OrderId};
use sea_orm::DbErr;
use serde::{Serialize, de::DeserializeOwned};

use crate::{error::Error, i18n::Text};

/// What a context's refusals have in common.
pub trait Refusal: Serialize + DeserializeOwned + Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The code in the schema's enums, in `SCREAMING_SNAKE_CASE`.
    fn code(&self) -> &'static str;
    /// Path into the input, empty where no single field is to blame.
    fn field(&self) -> Vec<String>;
    /// Which rule refused and what would be allowed.
    fn text(&self) -> Text;
    /// What a client may want to compute with.
    fn details(&self) -> Details {
        Details::default()
    }
}

/// The typed part of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The most that would be allowed.
    pub available: Option<Money>,
    /// The least that has to be moved into the envelope first.
    pub to_move: Option<Money>,
    /// Orders that stand in the way.
    pub orders: Vec<(OrderId, Option<String>)>,
    /// Codes of what is missing or in the way, such as a deliverable, a team or a document.
    pub items: Vec<String>,
}

/// How an action ends that did not happen.
#[derive(Debug)]
pub enum Stopped<R> {
    /// Rules refused it; every reason is there.
    Refused(Vec<R>),
    /// Access, a bad request or a fault.
    Failed(Error),
}

/// The result of an action.
pub type Done<T, R> = std::result::Result<T, Stopped<R>>;

impl<R> From<Error> for Stopped<R> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl<R> From<DbErr> for Stopped<R> {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}

/// One refusal alone.
pub fn refused<T, R>(refusal: R) -> Done<T, R> {
    Err(Stopped::Refused(vec![refusal]))
}

/// Goes on only where nothing was refused.
///
/// # Errors
/// All the refusals, where there are any.
pub fn unless_refused<R>(refusals: Vec<R>) -> Done<(), R> {
    if refusals.is_empty() { Ok(()) } else { Err(Stopped::Refused(refusals)) }
}
