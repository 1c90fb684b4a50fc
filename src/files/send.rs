//! `GET /files/attachments/{id}`: a file goes out to those who may read what it is attached to (D-2).

use std::sync::Arc;

use ::entity::{
    orders::attachment,
    sales::oppy_document,
    vocabulary::{AttachmentId, OppyDocumentId},
};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use object_store::{ObjectStoreExt, path::Path as Key};

use super::{StoredFile, answer};
use crate::{
    app::App,
    error::{Error, Result},
    graphql::id::{self, Key as _},
    http,
    op::Op,
    opportunities, orders,
};

/// `GET /files/attachments/{id}`.
pub(super) async fn get(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let op = match http::op(&app, &headers).await {
        Ok(op) => op,
        Err(error) => return answer::failed(error, &http::anonymous(&app, &headers)),
    };
    match send(&op, &id).await {
        Ok(response) => response,
        Err(error) => answer::failed(error, &op),
    }
}

async fn send(op: &Op, id: &str) -> Result<Response> {
    op.caller()?;
    let file = readable(op, id).await?;
    let object = op.app.files.get(&Key::from(file.storage_key.as_str())).await;
    let object = object.map_err(|e| Error::Internal(e.into()))?;
    Ok((headers(&file)?, Body::from_stream(object.into_stream())).into_response())
}

/// The file behind a global id, where the caller may read what it is attached to. Each kind of attachment asks its
/// own context.
async fn readable(op: &Op, id: &str) -> Result<StoredFile> {
    let (kind, key) = id::parse(id).ok_or(Error::NotFound)?;
    match kind.as_str() {
        AttachmentId::TYPE => orders::store::attachment_for(op, AttachmentId(key)).await.map(StoredFile::from),
        OppyDocumentId::TYPE => opportunities::store::document_for(op, OppyDocumentId(key)).await.map(StoredFile::from),
        _ => Err(Error::NotFound),
    }
}

impl From<attachment::Model> for StoredFile {
    fn from(row: attachment::Model) -> Self {
        let attachment::Model { name, content_type, size, sha256, storage_key, .. } = row;
        Self { name, content_type, size, sha256, storage_key }
    }
}

impl From<oppy_document::Model> for StoredFile {
    fn from(row: oppy_document::Model) -> Self {
        let oppy_document::Model { name, content_type, size, sha256, storage_key, .. } = row;
        Self { name, content_type, size, sha256, storage_key }
    }
}

/// Whatever the content is, no browser runs or shows it as a page of ours.
fn headers(file: &StoredFile) -> Result<HeaderMap> {
    let text = |text: String| HeaderValue::try_from(text).map_err(|e| Error::Internal(e.into()));
    Ok(HeaderMap::from_iter([
        (header::CONTENT_TYPE, text(file.content_type.clone())?),
        (header::CONTENT_LENGTH, file.size.into()),
        (header::CONTENT_DISPOSITION, text(disposition(&file.name))?),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::ETAG, text(format!("\"{}\"", file.sha256))?),
    ]))
}

/// To be saved under its name: in plain letters, and as RFC 5987 writes all others.
fn disposition(name: &str) -> String {
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let exact: String = name
        .bytes()
        .map(|byte| if is_token(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

fn is_plain(c: char) -> bool {
    (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_in_plain_letters_and_exactly() {
        assert_eq!(
            disposition("Été 100%\".pdf"),
            "attachment; filename=\"_t_ 100__.pdf\"; filename*=UTF-8''%C3%89t%C3%A9%20100%25%22.pdf"
        );
    }
}
