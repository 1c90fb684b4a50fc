//! What can be done with files, each in one transaction.

use ::entity::{orders::upload, vocabulary::UploadId};
use chrono::{DateTime, Duration, Utc};
use sea_orm::ActiveValue::Set;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    error::{FileProblem, Refusal},
    kind::Kind,
    name, store,
};
use crate::{
    action::{self, Call, Request},
    authz::{Permission, Place},
    db::Conn,
    error::{Error, Result},
    graphql::id::Key,
    input,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, unless_refused},
};

/// How long a file may be sent and attached.
const LIFE: Duration = Duration::hours(1);

/// A file that somebody wants to send.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: i64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: Option<String>,
}

/// A file that is awaited.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Awaited {
    /// Key.
    pub id: UploadId,
    /// Its name, made harmless.
    pub name: String,
    /// Its folder in the object store, from which the token is derived.
    pub folder: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Prepares for a file (G-18).
pub(super) async fn create_upload(op: &Op, request: &Request<'_>, announced: &Announced) -> Done<Awaited, Refusal> {
    action::perform(op, request, |tx| await_file(op, tx, request.call, announced)).await
}

async fn await_file(op: &Op, tx: Conn, call: &Call, announced: &Announced) -> Done<Awaited, Refusal> {
    permitted(op, call)?;
    let Announced { name, size, sha256 } = checked(announced)?;
    unless_refused(problems(&name, size, op.app.settings.upload_bytes))?;
    let folder = crate::hex(&rand::random::<[u8; 16]>());
    let expires_at = op.now + LIFE;
    let row = upload::ActiveModel {
        token_hash: Set(fingerprint(&token(op, &folder)?)),
        person_id: Set(op.me()?),
        name: Set(name.clone()),
        size: Set(size),
        sha256: Set(sha256),
        content_type: Set(None),
        storage_key: Set(folder.clone()),
        received_at: Set(None),
        attached_at: Set(None),
        created_at: Set(op.now),
        expires_at: Set(expires_at),
        ..Default::default()
    };
    let id = store::insert(&tx, row).await?;
    let changes = serde_json::json!({ "name": name, "size": size });
    outbox::record(op, &tx, call, event("upload.created", id).with_changes(&changes)?).await?;
    Ok(Awaited { id, name, folder, expires_at })
}

/// Something that happened to an upload.
pub(super) fn event(kind: &'static str, id: UploadId) -> Event {
    Event::new(kind, Subject { kind: UploadId::TYPE, id: id.0 })
}

/// A file is sent in one's own name, or in that of the person whom one stands in for.
fn permitted(op: &Op, call: &Call) -> Result<()> {
    let grant = op.caller()?.grant(call.name()).ok_or(Error::Forbidden)?;
    let holder = &grant.holder;
    let place = Place { owner: Some(holder.id), delegation: holder.delegation, region: holder.region };
    let covered = op.acts(Permission::CreateUpload, call.name()).covers(&place);
    if covered { Ok(()) } else { Err(Error::Forbidden) }
}

/// What was announced, in the form in which it is kept.
fn checked(announced: &Announced) -> Result<Announced> {
    let Announced { name, size, sha256 } = announced;
    let name = input::line(["input", "name"], name, name::LONGEST)?;
    if *size < 1 {
        return Err(Error::bad_input(["input", "size"], "at least 1 byte"));
    }
    let sha256 = sha256.as_ref().map(|hash| hash.to_ascii_lowercase());
    if sha256.as_ref().is_some_and(|hash| hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Error::bad_input(["input", "sha256"], "64 hexadecimal digits"));
    }
    Ok(Announced { name: name::sanitised(&name), size: *size, sha256 })
}

/// Everything that is wrong with what was announced.
fn problems(name: &str, size: i64, most: u64) -> Vec<Refusal> {
    let mut problems = Vec::new();
    if name.is_empty() {
        problems.push(Refusal::NameRequired);
    }
    if let Some(extension) = name::extension(name).filter(|extension| !Kind::is_extension(extension)) {
        problems.push(Refusal::TypeRefused { extension });
    }
    if size.unsigned_abs() > most {
        problems.push(Refusal::TooLarge { most });
    }
    problems
}

/// The token in the address of an upload: nobody else can derive it, and it is kept nowhere.
pub(super) fn token(op: &Op, folder: &str) -> Result<String> {
    op.app.issuer.seal(&format!("upload:{folder}")).map_err(|e| Error::Internal(e.into()))
}

/// What is kept of a token.
pub(super) fn fingerprint(token: &str) -> String {
    crate::hex(&Sha256::digest(token))
}

/// A received file as whoever attaches it keeps it, in a table of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name, made harmless, ending in what its content is.
    pub name: String,
    /// Its media type, found from its content.
    pub content_type: String,
    /// Its size in bytes.
    pub size: i64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    /// Where the object store keeps it.
    pub storage_key: String,
}

/// Takes one of the caller's own uploads to attach it, in the open transaction: each is taken once.
///
/// # Errors
/// When the database cannot be read or written. What is wrong with the upload is the inner result.
pub async fn take(op: &Op, conn: &Conn, upload: UploadId) -> Result<std::result::Result<StoredFile, FileProblem>> {
    let me = op.me()?;
    let attached = store::attach(conn, upload, me, op.now).await?;
    match store::of_person(conn, upload, me).await? {
        Some(row) if attached => {
            Ok(Ok(taken(row).ok_or_else(|| Error::defect("an upload was received without a type"))?))
        }
        Some(row) if row.attached_at.is_some() => Ok(Err(FileProblem::AlreadyAttached)),
        Some(row) if row.expires_at <= op.now => Ok(Err(FileProblem::Expired)),
        Some(_) => Ok(Err(FileProblem::NotReceived)),
        None => Ok(Err(FileProblem::Unknown)),
    }
}

fn taken(row: upload::Model) -> Option<StoredFile> {
    let upload::Model { name, content_type, size, sha256, storage_key, .. } = row;
    Some(StoredFile { name, content_type: content_type?, size, sha256: sha256?, storage_key })
}
