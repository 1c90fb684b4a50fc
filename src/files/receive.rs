//! `PUT /files/uploads/{token}`: a file comes in, is verified, and only then enters the object store.

use std::{
    fs::File,
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use ::entity::orders::upload;
use async_graphql::ID;
use axum::{
    Json,
    body::{Body, BodyDataStream},
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use object_store::{ObjectStoreExt, buffered::BufWriter, path::Path as Key};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::{
    actions::{event, fingerprint},
    answer::{self, Problem},
    kind::Kind,
    name,
    store::{self, Content},
};
use crate::{
    action::Call,
    app::App,
    error::Error,
    graphql::id::global,
    http,
    op::Op,
    outbox,
    refusal::{Done, Stopped, refused},
};

/// How long the next bytes may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a whole file may take.
const LONGEST: Duration = Duration::from_secs(600);
/// Bytes that are handed to the object store at a time; S3 takes no smaller parts.
const PART: usize = 5 * 1024 * 1024;

/// A file that was taken.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Received {
    /// With what it is attached.
    upload_id: ID,
    name: String,
    size: i64,
    content_type: &'static str,
    sha256: String,
}

/// A file that came completely and is what was announced.
#[derive(Debug)]
struct Verified {
    file: File,
    kind: Kind,
    sha256: String,
}

/// `PUT /files/uploads/{token}`.
pub(super) async fn put(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let op = Arc::new(http::anonymous(&app, &headers));
    let mut chunks = body.into_data_stream();
    match receive(&op, &token, &headers, &mut chunks).await {
        Ok(received) => (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(received)).into_response(),
        Err(stopped) => {
            drain(chunks, app.settings.upload_bytes).await;
            answer::refused(stopped, &op)
        }
    }
}

/// Most clients listen for an answer only when they have sent everything: a refused file is read on for
/// a while and thrown away.
async fn drain(mut chunks: BodyDataStream, most: u64) {
    let mut length = 0;
    let read = async {
        while let Some(Ok(chunk)) = chunks.next().await
            && length <= most
        {
            length += chunk.len() as u64;
        }
    };
    if timeout(PATIENCE, read).await.is_err() {
        tracing::debug!("a refused file does not end");
    }
}

async fn receive(
    op: &Arc<Op>,
    token: &str,
    headers: &HeaderMap,
    chunks: &mut BodyDataStream,
) -> Done<Received, Problem> {
    let upload = awaited(op, token).await?;
    check_length(op, &upload, headers)?;
    let (file, sha256) = match timeout(LONGEST, stage(op, &upload, chunks)).await {
        Ok(staged) => staged?,
        Err(_) => return refused(Problem::Interrupted),
    };
    let verified = verify(&upload, file, sha256).await?;
    // From here on a caller who hangs up interrupts nothing.
    let op = op.clone();
    tokio::spawn(async move { keep(&op, &upload, verified).await }).await.map_err(fault)?
}

/// The upload that a token belongs to, where its content is still awaited.
async fn awaited(op: &Op, token: &str) -> Done<upload::Model, Problem> {
    let found = store::by_token(&op.conn(), &fingerprint(token)).await?;
    let upload = found.ok_or(Error::NotFound)?;
    if upload.received_at.is_some() {
        refused(Problem::AlreadyReceived)
    } else if upload.expires_at <= op.now {
        refused(Problem::Expired)
    } else {
        Ok(upload)
    }
}

/// What is known to be wrong before the first byte is read.
fn check_length(op: &Op, upload: &upload::Model, headers: &HeaderMap) -> Done<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let most = op.app.settings.upload_bytes;
    let announced = upload.size.unsigned_abs();
    match length {
        Some(length) if length > most => refused(Problem::TooLarge { most }),
        Some(length) if length != announced => refused(Problem::WrongSize { announced }),
        Some(_) | None => Ok(()),
    }
}

/// Writes what comes into a file without a name, which goes with its last handle however this ends.
async fn stage(op: &Op, upload: &upload::Model, chunks: &mut BodyDataStream) -> Done<(File, String), Problem> {
    let announced = upload.size.unsigned_abs();
    let folder = op.app.settings.data.clone();
    let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(folder)).await.map_err(fault)?;
    let mut file = tokio::fs::File::from_std(file.map_err(disk)?);
    let (mut length, mut digest) = (0, Sha256::new());
    while let Some(chunk) = next(chunks).await? {
        length += chunk.len() as u64;
        if length > announced {
            return refused(Problem::WrongSize { announced });
        }
        digest.update(&chunk);
        file.write_all(&chunk).await.map_err(disk)?;
    }
    file.flush().await.map_err(disk)?;
    if length < announced {
        return refused(Problem::WrongSize { announced });
    }
    Ok((file.into_std().await, crate::hex(&digest.finalize())))
}

async fn next(chunks: &mut BodyDataStream) -> Done<Option<bytes::Bytes>, Problem> {
    match timeout(PATIENCE, chunks.next()).await {
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) | Err(_) => refused(Problem::Interrupted),
    }
}

/// Compares the hash with the announced one, and finds out what the file is.
async fn verify(upload: &upload::Model, mut file: File, sha256: String) -> Done<Verified, Problem> {
    if upload.sha256.as_ref().is_some_and(|announced| *announced != sha256) {
        return refused(Problem::WrongHash { came: sha256 });
    }
    let found = tokio::task::spawn_blocking(move || Kind::of(&mut file).map(|kind| (file, kind))).await;
    match found.map_err(fault)?.map_err(disk)? {
        (file, Some(kind)) => Ok(Verified { file, kind, sha256 }),
        (_, None) => refused(Problem::WrongType),
    }
}

/// Puts a verified file into the object store and notes that it is there. Each attempt has a key of its
/// own, so that of two at the same time neither can change what the other left.
async fn keep(op: &Op, upload: &upload::Model, verified: Verified) -> Done<Received, Problem> {
    let Verified { file, kind, sha256 } = verified;
    let attempt = crate::hex(&rand::random::<[u8; 8]>());
    let key = Key::from(format!("{}/{attempt}", upload.storage_key));
    let name = name::fitting(&upload.name, kind);
    let content = Content { name: &name, content_type: kind.media_type(), sha256: &sha256, storage_key: key.as_ref() };
    transfer(op, file, &key).await?;
    note(op, upload, &content).await?;
    Ok(Received { upload_id: global(upload.id), name, size: upload.size, content_type: kind.media_type(), sha256 })
}

async fn transfer(op: &Op, file: File, key: &Key) -> Done<(), Problem> {
    let mut from = tokio::fs::File::from_std(file);
    tokio::io::AsyncSeekExt::rewind(&mut from).await.map_err(disk)?;
    let mut to = BufWriter::with_capacity(op.app.files.clone(), key.clone(), PART);
    let copied = match tokio::io::copy(&mut from, &mut to).await {
        Ok(_) => to.shutdown().await,
        Err(error) => Err(error),
    };
    if copied.is_err()
        && let Err(error) = to.abort().await
    {
        tracing::debug!(%error, "giving up a transfer");
    }
    copied.map_err(disk)
}

/// Notes that the content is there; another attempt may have been faster. Where it fails without
/// telling whether it was noted, what is in the object store stays for the sweeper to judge.
async fn note(op: &Op, upload: &upload::Model, content: &Content<'_>) -> Done<(), Problem> {
    // The moment that counts is the one at which it is all there.
    let now = op.app.clock.now();
    let tx = op.begin().await?;
    if !store::receive(&tx, upload.id, content, now).await? {
        tx.rollback().await?;
        op.app.files.delete(&Key::from(content.storage_key)).await.map_err(fault)?;
        return refused(if upload.expires_at <= now { Problem::Expired } else { Problem::AlreadyReceived });
    }
    let changes = serde_json::json!({ "contentType": content.content_type, "sha256": content.sha256 });
    outbox::record(op, &tx, &Call::default(), event("upload.received", upload.id).with_changes(&changes)?).await?;
    tx.commit().await?;
    op.app.outbox.wake();
    Ok(())
}

fn fault(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Stopped<Problem> {
    Stopped::Failed(Error::Internal(error.into()))
}

fn disk(error: io::Error) -> Stopped<Problem> {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            tracing::error!(%error, "no room for a file");
            Stopped::Refused(vec![Problem::NoSpace])
        }
        _ => fault(error),
    }
}
