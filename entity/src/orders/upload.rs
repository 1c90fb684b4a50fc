//! Files on their way in (G-18).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{PersonId, UploadId};

/// Files on their way in (G-18).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "upload")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: UploadId,
    /// SHA-256 of the one-time token in its address.
    pub token_hash: String,
    /// Who sends it.
    pub person_id: PersonId,
    /// Name of the file.
    pub name: String,
    /// Announced size in bytes.
    pub size: i64,
    /// Announced, then verified SHA-256, in hexadecimal.
    pub sha256: Option<String>,
    /// Media type, found from the content once it is there.
    pub content_type: Option<String>,
    /// Where the object store keeps it.
    pub storage_key: String,
    /// When the content arrived.
    pub received_at: Option<DateTimeUtc>,
    /// When it was attached; an upload is attached once.
    pub attached_at: Option<DateTimeUtc>,
    /// When it was asked for.
    pub created_at: DateTimeUtc,
    /// Until when it may be sent and attached.
    pub expires_at: DateTimeUtc,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
