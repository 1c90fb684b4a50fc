//! What can go wrong outside the rules: access, bad requests, faults.
//!
//! A refusal by a rule is no error: it is an answer ([`crate::refusal`]). The text for people and the
//! text for the log are two things: a fault shows its request id and nothing else.

use ::entity::vocabulary::Language;
use async_graphql::ErrorExtensions;
use sea_orm::{DbErr, RuntimeErr, SqlErr, sqlx};

use crate::{both, rates::Spent};

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in, or no longer.
    #[error("not signed in")]
    Unauthenticated,
    /// The object can be read, but the action does not reach it.
    #[error("the action does not reach this object")]
    Forbidden,
    /// Not there, or not for the caller: the two are not told apart.
    #[error("no such object")]
    NotFound,
    /// An argument is malformed beyond what the schema's types say.
    #[error("bad input at {}: {message}", path.join("."))]
    BadInput {
        /// Path into the arguments.
        path: Vec<String>,
        /// What is wrong and what would be right.
        message: String,
    },
    /// More was asked for in a short time than one may.
    #[error(transparent)]
    RateLimited(Spent),
    /// Somebody else changed the same rows at the same time; nothing was written.
    #[error("the database asked to try again")]
    Busy(#[source] DbErr),
    /// The database cannot be reached; nothing was written.
    #[error("the database cannot be reached")]
    Away(#[source] DbErr),
    /// The database went away while it committed, or the time ended: whether anything was written is not known.
    #[error("whether it was written is not known")]
    Uncertain(#[source] DbErr),
    /// A defect or a fault of the machine.
    #[error("{0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The result of anything that can fail outside the rules.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A defect: something that cannot be, was.
    pub fn defect(what: impl Into<String>) -> Self {
        Self::Internal(what.into().into())
    }

    /// A malformed argument.
    pub fn bad_input<const N: usize>(path: [&str; N], message: impl Into<String>) -> Self {
        Self::BadInput { path: path.map(str::to_owned).to_vec(), message: message.into() }
    }

    /// What became of a transaction whose commit failed: what the database refused was not written; where
    /// the connection broke, nobody knows.
    #[must_use]
    pub fn of_commit(error: DbErr) -> Self {
        match Self::from(error) {
            Self::Away(error) if !is_refusal(&error) => Self::Uncertain(error),
            other => other,
        }
    }

    /// Whether it passes by itself, with nothing written: trying again later is all there is to do.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Away(_))
    }

    /// How much was asked for, where that is why.
    #[must_use]
    pub const fn spent(&self) -> Option<Spent> {
        match self {
            Self::RateLimited(spent) => Some(*spent),
            _ => None,
        }
    }

    /// The code in `extensions.code` (G-11).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadInput { .. } => "BAD_USER_INPUT",
            Self::RateLimited(_) => "RATE_LIMITED",
            Self::Busy(_) | Self::Away(_) | Self::Uncertain(_) | Self::Internal(_) => "INTERNAL",
        }
    }

    /// The text for people.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match self {
            Self::Unauthenticated => both!("Connectez-vous d'abord.", "Sign in first."),
            Self::Forbidden => both!(
                "Cette action ne vous est pas permise sur cet objet.",
                "You are not allowed to do this to this object."
            ),
            Self::NotFound => both!("Cet objet n'existe pas.", "There is no such object."),
            Self::BadInput { message, .. } => both!("Saisie invalide : {message}", "Invalid input: {message}"),
            Self::RateLimited(spent) => {
                let (Spent { limit, most, .. }, seconds) = (spent, spent.seconds());
                both!(
                    "Trop de requêtes : au plus {most} points par minute ({limit}). Réessayez dans {seconds} s.",
                    "Too many requests: at most {most} points a minute ({limit}). Try again in {seconds} s."
                )
            }
            Self::Busy(_) | Self::Away(_) => both!(
                "La base de données ne répond pas ; rien n'a été modifié, réessayez.",
                "The database does not answer; nothing was changed, try again."
            ),
            Self::Uncertain(_) => both!(
                "La base de données n'a pas confirmé l'écriture : on ne sait pas si elle a eu lieu. Réessayez avec la même «idempotencyKey» : rien ne sera fait deux fois. Sans clé, vérifiez d'abord.",
                "The database has not confirmed the write: it is not known whether it was written. Try again with the same «idempotencyKey»: nothing will be done twice. Without a key, look first."
            ),
            Self::Internal(_) => both!("Erreur interne.", "Internal error."),
        }
        .into_language(language)
    }

    /// The error as GraphQL answers it; faults are logged with their sources under the request id.
    #[must_use]
    pub fn into_graphql(self, language: Language, request_id: &str) -> async_graphql::Error {
        let (code, message) = (self.code(), self.message(language));
        let fault = matches!(self, Self::Busy(_) | Self::Away(_) | Self::Uncertain(_) | Self::Internal(_));
        if fault {
            tracing::error!(request_id, error = &self as &dyn std::error::Error, "request failed");
        }
        async_graphql::Error::new(message).extend_with(|_, extensions| {
            extensions.set("code", code);
            if fault {
                extensions.set("requestId", request_id);
            }
            if matches!(self, Self::Uncertain(_)) {
                extensions.set("outcome", "UNKNOWN");
            }
            if let Self::RateLimited(spent) = &self {
                extensions.set("limit", spent.limit);
                extensions.set("most", spent.most);
                extensions.set("retryAfter", spent.seconds());
            }
            if let Self::BadInput { path, .. } = &self {
                extensions.set("path", path.clone());
            }
        })
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_transient(&error) {
            Self::Busy(error)
        } else if is_away(&error) {
            Self::Away(error)
        } else {
            Self::Internal(error.into())
        }
    }
}

/// What the database's driver says of an error.
fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// Deadlocks, serialisation failures, locks that were not got in time and a locked SQLite file: safe to
/// try again from the beginning.
fn is_transient(error: &DbErr) -> bool {
    let code = match driver(error) {
        Some(sqlx::Error::Database(database)) => database.code(),
        _ => None,
    };
    code.is_some_and(|code| matches!(&*code, "40P01" | "40001" | "55P03" | "5" | "6" | "517"))
}

fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        _ => driver(error).is_some_and(|error| match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                true
            }
            sqlx::Error::Database(database) => database.code().is_some_and(|code| is_fault_of_the_machine(&code)),
            _ => false,
        }),
    }
}

/// Shutdown, crash, "cannot connect now", a statement or a transaction that took too long, no room left on
/// the disk or for a connection; SQLite: no room (13), input and output (10 in the last byte).
fn is_fault_of_the_machine(code: &str) -> bool {
    let is_sqlite = |number: u32| number == 13 || number & 0xff == 10;
    code.starts_with("57P")
        || matches!(code, "57014" | "25P03")
        || (code.len() == 5 && code.starts_with("53"))
        || (code.len() < 5 && code.parse().is_ok_and(is_sqlite))
}

/// Whether the database itself said no, and lives on.
fn is_refusal(error: &DbErr) -> bool {
    match driver(error) {
        Some(sqlx::Error::Database(database)) => {
            database.code().is_some_and(|code| !code.starts_with("57P") && !is_broken_file(&code))
        }
        _ => false,
    }
}

/// Whether SQLite could not read or write its file, the last time perhaps behind the commit.
fn is_broken_file(code: &str) -> bool {
    code.len() < 5 && code.parse().is_ok_and(|number: u32| number & 0xff == 10)
}

/// Whether a row with the same unique key was already there.
#[must_use]
pub fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
