//! Why something about the forecast is refused.

use serde::{Deserialize, Serialize};

use crate::{action::Common, both, i18n::Text, refusal};

/// A refusal of this context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// A quota below zero.
    AmountInvalid,
    /// Somebody who owns no deals.
    NotADelegate,
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::AmountInvalid => "AMOUNT_INVALID",
            Self::NotADelegate => "NOT_A_DELEGATE",
        }
    }

    fn field(&self) -> Vec<String> {
        match self {
            Self::Common(common) => vec![common.field().to_owned()],
            Self::AmountInvalid => vec!["amount".to_owned()],
            Self::NotADelegate => vec!["of".to_owned(), "person".to_owned()],
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::AmountInvalid => both!("Un objectif n'est pas négatif.", "A quota is not negative."),
            Self::NotADelegate => both!(
                "Seul un délégué en activité, qui porte des affaires, a un objectif personnel.",
                "Only an active delegate, who owns deals, has a quota of their own."
            ),
        }
    }
}
