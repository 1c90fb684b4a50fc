//! Documents that are asked for by id (K-12), and who may send documents of their own.
//!
//! An id comes as `documentId` (GraphQL over HTTP, "Persisted Documents"; `sha256:` in front is understood) or as
//! Apollo's `extensions.persistedQuery.sha256Hash`. It names a published document ([`crate::manifests`]), or, where
//! `automatic_persisted_queries` is on, one that a client registered by sending it along with its hash.

use async_graphql::parser::types::OperationType;

use super::{
    document::Document,
    limits::{Limits, Refused},
    operation::Incoming,
};
use crate::{
    app::App,
    authz::{Caller, Permission},
    both,
    error::Error,
    manifests::sha256,
};

/// In front of an id that is a hash.
const HASHED: &str = "sha256:";

/// Why a request has no document.
pub(super) enum Missing {
    Refused(Refused),
    /// The database could not be asked.
    Failed(Error),
}

impl From<Refused> for Missing {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Whether somebody may send documents of their own.
pub(super) fn is_free(app: &App, caller: Option<&Caller>) -> bool {
    app.permissions_of(caller).contains(Permission::FreeFormOperations)
}

/// Whether a request has to be looked up: most have not.
pub(super) fn is_looked_up(app: &App, caller: Option<&Caller>, incoming: &Incoming) -> bool {
    incoming.names_document() || !is_free(app, caller)
}

/// Puts the document into a request that names one, and marks what was published.
///
/// # Errors
/// Where there is no such document, or another was sent along.
pub(super) async fn resolve(app: &App, caller: Option<&Caller>, incoming: Incoming) -> Result<Incoming, Missing> {
    if !is_looked_up(app, caller, &incoming) {
        return Ok(incoming);
    }
    let named = name_of(&incoming)?;
    let is_free = is_free(app, caller);
    let Some(sent) = incoming.query() else {
        let Some(id) = named else { return Ok(incoming) };
        let registered = || app.manifests.registered(&id).filter(|_| is_free);
        return match app.manifests.find(app, &id).await? {
            Some(document) => Ok(incoming.published(&document)),
            None => Ok(incoming.with(&registered().ok_or_else(Refused::unknown_document)?)),
        };
    };
    let hash = sha256(sent);
    if named.is_some_and(|named| !named.eq_ignore_ascii_case(&hash)) {
        let text = both!(
            "L'empreinte n'est pas celle du document envoyé avec elle.",
            "The hash is not that of the document that was sent along."
        );
        return Err(
            Refused::malformed(["extensions", "persistedQuery", "sha256Hash"].map(str::to_owned).into(), text).into()
        );
    }
    if is_free {
        if app.settings.automatic_persisted_queries {
            app.manifests.register(hash, sent);
        }
        return Ok(incoming);
    }
    let is_published = app.manifests.find(app, &hash).await?.is_some();
    Ok(if is_published { incoming.marked_published() } else { incoming })
}

/// The id that a request names.
fn name_of(incoming: &Incoming) -> Result<Option<String>, Refused> {
    let malformed =
        |path: &[&str], text| Err(Refused::malformed(path.iter().map(|&part| part.to_owned()).collect(), text));
    if let Some(id) = incoming.document_id() {
        if incoming.query().is_some() {
            let text = both!("Envoyez «documentId» ou «query».", "Send «documentId» or «query».");
            return malformed(&["documentId"], text);
        }
        return Ok(Some(id.strip_prefix(HASHED).unwrap_or(id).to_owned()));
    }
    let Some(persisted) = incoming.extension("persistedQuery") else { return Ok(None) };
    match (persisted["sha256Hash"].as_str(), persisted.get("version").is_none_or(|version| *version == 1)) {
        (Some(hash), true) => Ok(Some(hash.to_owned())),
        _ => malformed(
            &["extensions", "persistedQuery"],
            both!("Version 1, avec «sha256Hash».", "Version 1, with «sha256Hash»."),
        ),
    }
}

/// What a document that is published holds: the name and the kind of its one operation.
///
/// # Errors
/// What is wrong with it, in English.
pub(crate) fn look_at(text: &str, limits: &Limits) -> Result<(Option<String>, &'static str), String> {
    let told = |refused: Refused| refused.into_error(::entity::vocabulary::Language::En).message;
    let document = Document::read(text, limits).map_err(told)?;
    let kind = match document.operation(None).map_err(told)?.ty {
        OperationType::Query => "QUERY",
        OperationType::Mutation => "MUTATION",
        OperationType::Subscription => "SUBSCRIPTION",
    };
    let name = document.parsed.operations.iter().find_map(|(name, _)| name.map(ToString::to_string));
    Ok((name, kind))
}
