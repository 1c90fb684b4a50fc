//! The context's refusals.

use serde::{Deserialize, Serialize};

use crate::{action::Common, both, i18n::Text, refusal};

/// Why something about people, sessions or the policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// E-mail address or password are wrong; which one is not told.
    WrongCredentials,
    /// The refresh token is unknown, used before, or its session has ended.
    SessionEnded,
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
            Self::WrongCredentials => "WRONG_CREDENTIALS",
            Self::SessionEnded => "SESSION_ENDED",
        }
    }

    fn field(&self) -> Vec<String> {
        let path: &[&str] = match self {
            Self::Common(common) => &[common.field()],
            Self::WrongCredentials => &["password"],
            Self::SessionEnded => &["refreshToken"],
        };
        path.iter().map(|&name| name.to_owned()).collect()
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::WrongCredentials => {
                both!("Adresse ou mot de passe incorrect.", "The e-mail address or the password is wrong.")
            }
            Self::SessionEnded => both!(
                "Cette session est terminée ; connectez-vous à nouveau.",
                "This session has ended; sign in again."
            ),
        }
    }
}
