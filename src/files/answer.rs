//! What the addresses under `/files` answer when they refuse: errors in GraphQL's shape.

use async_graphql::ErrorExtensions;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{error::too_large, kind::Kind};
use crate::{both, error::Error, http, i18n::Text, op::Op, refusal::Stopped};

/// Why a file was not taken. It can be sent again, but where it was taken before or comes too late.
#[derive(Debug)]
pub(super) enum Problem {
    /// It came before.
    AlreadyReceived,
    /// Nobody waits for it any more.
    Expired,
    /// More bytes than the settings allow.
    TooLarge {
        /// The most.
        most: u64,
    },
    /// Another number of bytes than was announced.
    WrongSize {
        /// The number that was announced.
        announced: u64,
    },
    /// Another SHA-256 than was announced.
    WrongHash {
        /// The one of what came.
        came: String,
    },
    /// None of what is taken, whatever its name says.
    WrongType,
    /// The bytes stopped coming.
    Interrupted,
    /// The disk is full.
    NoSpace,
}

impl Problem {
    fn told(&self) -> (StatusCode, &'static str, Text) {
        match self {
            Self::AlreadyReceived => (
                StatusCode::CONFLICT,
                "ALREADY_RECEIVED",
                both!(
                    "Ce fichier est déjà arrivé ; une adresse sert une fois.",
                    "This file has come already; an address is good for one."
                ),
            ),
            Self::Expired => (
                StatusCode::GONE,
                "UPLOAD_EXPIRED",
                both!("Cette adresse a expiré ; demandez-en une autre.", "This address has expired; ask for another."),
            ),
            Self::TooLarge { most } => (StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE", too_large(*most)),
            Self::WrongSize { announced } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "SIZE_MISMATCH",
                both!(
                    "Le fichier annoncé avait {announced} octets.",
                    "The file that was announced had {announced} bytes."
                ),
            ),
            Self::WrongHash { came } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "HASH_MISMATCH",
                both!(
                    "L'empreinte reçue, {came}, n'est pas celle annoncée.",
                    "What came has the SHA-256 {came}, not the one announced."
                ),
            ),
            Self::WrongType => {
                let allowed = Kind::names();
                let text = both!(
                    "Le contenu n'est d'aucun des types acceptés : {allowed}.",
                    "The content is of none of the types that are taken: {allowed}."
                );
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "FILE_TYPE_REFUSED", text)
            }
            Self::Interrupted => (
                StatusCode::REQUEST_TIMEOUT,
                "UPLOAD_INTERRUPTED",
                both!("L'envoi s'est interrompu ; recommencez.", "The upload was interrupted; send it again."),
            ),
            Self::NoSpace => (
                StatusCode::INSUFFICIENT_STORAGE,
                "NO_SPACE",
                both!(
                    "Il n'y a plus de place pour ce fichier ; réessayez plus tard.",
                    "There is no room for this file; try again later."
                ),
            ),
        }
    }
}

/// The answer to a file that was not taken.
pub(super) fn refused(stopped: Stopped<Problem>, op: &Op) -> Response {
    match stopped {
        Stopped::Failed(error) => failed(error, op),
        Stopped::Refused(problems) => match problems.first().map(Problem::told) {
            Some((status, code, text)) => {
                let error = async_graphql::Error::new(text.into_language(op.language));
                respond(status, &error.extend_with(|_, extensions| extensions.set("code", code)))
            }
            None => failed(Error::defect("refused without a reason"), op),
        },
    }
}

/// The answer to what is not there, not allowed, or went wrong.
pub(super) fn failed(error: Error, op: &Op) -> Response {
    let status = http::status_of(&error);
    respond(status, &error.into_graphql(op.language, &op.request_id))
}

fn respond(status: StatusCode, error: &async_graphql::Error) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!({ "errors": [error] }))).into_response()
}
