//! `asUser` (G-7): a request with the header `x-sesame-as-user: <id of a person>` is answered as that person would be
//! answered, in their schema, scopes and deputyships. It can only read, and leaves a trace before it is answered.
//!
//! ```text
//! token ─▶ who asks ── may they? ──▶ Op of the other person, with who asks as its observer ─▶ admit ─▶ witness ─▶ run
//! ```
//! For whoever may not, a header of that name means as little as any other that begins like it: both are refused
//! alike. The session stays that of whoever asks; it ends with their sign-out.

use std::sync::Arc;

use ::entity::vocabulary::PersonId;
use async_graphql::parser::types::OperationType;
use axum::http::{HeaderMap, HeaderName};

use super::{
    language,
    limits::Refused,
    operation::{Answer, Operation, plain},
};
use crate::{
    authz::{InNameOf, Permission},
    both,
    error::{Error, Result},
    graphql::id::{self, Key},
    identity,
    op::Op,
};

/// Whose eyes a request is answered for.
const HEADER: HeaderName = HeaderName::from_static("x-sesame-as-user");
/// How headers begin that ask for such a thing.
const FAMILY: &str = "x-sesame-as";

/// Whether a request asks for another's eyes, whether or not it may.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(FAMILY))
}

/// The operation of a request as it asks for it: the caller's own, or that of the person whose eyes it asks for.
///
/// # Errors
/// When the database cannot be read. Inside: why it is not answered so.
pub(super) async fn look(mut op: Op, headers: &HeaderMap) -> Result<Result<Op, Refused>> {
    let Some(name) = headers.keys().find(|name| name.as_str().starts_with(FAMILY)) else { return Ok(Ok(op)) };
    let own = op.caller.as_ref().filter(|caller| {
        caller.grant(InNameOf::Self_).is_some_and(|own| own.rights.permissions().contains(Permission::AsUser))
    });
    let Some(observer) = own.filter(|_| *name == HEADER).cloned() else { return Ok(Err(unknown(name))) };
    let person = match person(headers) {
        Some(person) => identity::as_seen_by(&op.app, person, &observer).await?,
        None => None,
    };
    let Some(person) = person else { return Ok(Err(nobody())) };
    op.language = language(headers, Some(&person));
    (op.caller, op.observer) = (Some(person), Some(observer));
    Ok(Ok(op))
}

/// The person whom the header names, once.
fn person(headers: &HeaderMap) -> Option<PersonId> {
    let mut values = headers.get_all(HEADER).iter();
    let (value, more) = (values.next()?, values.next());
    let (of, key) = id::parse(value.to_str().ok()?.trim())?;
    (of == PersonId::TYPE && more.is_none()).then_some(PersonId(key))
}

fn unknown(name: &HeaderName) -> Refused {
    let text = both!("L'en-tête «{name}» n'est pas connu ici.", "The header «{name}» is not known here.");
    Refused::malformed(vec![name.to_string()], text)
}

fn nobody() -> Refused {
    let text = both!(
        "«x-sesame-as-user» doit être l'identifiant d'une personne active, une seule fois.",
        "«x-sesame-as-user» must be the id of an active person, once."
    );
    Refused::malformed(vec![HEADER.to_string()], text)
}

/// Looks whether an operation only reads, where somebody only sees what another sees.
///
/// # Errors
/// The answer to one that does more.
pub(super) fn only_reads(op: &Op, operation: &Operation) -> Result<(), Answer> {
    if op.observer.is_none() || operation.kind == OperationType::Query {
        return Ok(());
    }
    let text = both!(
        "Avec «x-sesame-as-user» on ne peut que lire : ni mutation ni abonnement.",
        "With «x-sesame-as-user» one can only read: neither mutations nor subscriptions."
    );
    Err(Answer::refused(Refused::malformed(vec![HEADER.to_string()], text).into_error(op.language)))
}

/// Writes down who sees what as whom, where somebody does; nothing is shown before.
///
/// # Errors
/// The answer where it is not written, or not to be answered.
pub(super) async fn witness(op: &Op, operation: &Operation) -> Result<(), Answer> {
    only_reads(op, operation)?;
    let (Some(observer), Some(seen)) = (&op.observer, &op.caller) else { return Ok(()) };
    let own = Op::new(op.app.clone(), Some(Arc::clone(observer)), op.language, op.request_id.clone());
    let (name, fields) = operation.outline();
    let written = identity::observed(&own, seen.person.id, name.as_deref(), &fields).await;
    written.map_err(|error: Error| Answer::refused(plain(error, op.language, &op.request_id)))
}
