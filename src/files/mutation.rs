//! What can be changed about files.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::actions::{self, Announced, Awaited};
use crate::{
    action::{Call, Request},
    graphql::{
        call::NewCallInput,
        guard::requires,
        id::global,
        payload::{Told, UserError, answer, mutations, op},
    },
};

mutations! {
    CreateUpload: common + ["NAME_REQUIRED", "FILE_TOO_LARGE", "FILE_TYPE_REFUSED"],
}

/// Changes to files.
#[derive(Debug, Default)]
pub struct FilesMutation;

/// A file that is to be sent.
#[derive(InputObject)]
struct CreateUploadInput {
    /// Name of the file; folders in it are dropped.
    name: String,
    /// Size in bytes; exactly so much will be taken.
    size: i64,
    /// SHA-256 of the content as 64 hexadecimal digits, to be compared with what arrives.
    sha256: Option<String>,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

/// An awaited file, or why not.
#[derive(SimpleObject)]
struct CreateUploadPayload {
    /// Where to send the file.
    upload: Option<Upload>,
    /// Why not.
    user_errors: Vec<UserError<CreateUpload>>,
}

/// A file on its way in.
#[derive(Debug)]
struct Upload(Awaited);

/// A file on its way in: sent by PUT to its address, then attached by its id.
#[Object(directive = requires::apply("createUpload".into()))]
impl Upload {
    /// Global id, with which the file is attached.
    async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Name of the file, made harmless.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Path to which the content is sent by PUT, once; no other sign of who one is is needed there.
    async fn url(&self, ctx: &Context<'_>) -> Result<String> {
        let op = op(ctx);
        Ok(format!("/files/uploads/{}", actions::token(op, &self.0.folder).told(op)?))
    }

    /// Until when the file may be sent and attached.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }
}

#[Object]
impl FilesMutation {
    /// Prepares for a file: gives the one-time address to which its content is sent.
    async fn create_upload(&self, ctx: &Context<'_>, input: CreateUploadInput) -> Result<CreateUploadPayload> {
        let CreateUploadInput { name, size, sha256, call } = input;
        let (announced, call) = (Announced { name, size, sha256 }, Call::from(call));
        let request = Request::new("createUpload", &call, &(&announced, &call));
        let done = actions::create_upload(op(ctx), &request, &announced).await;
        let (awaited, user_errors) = answer(op(ctx), done)?;
        Ok(CreateUploadPayload { upload: awaited.map(Upload), user_errors })
    }
}
