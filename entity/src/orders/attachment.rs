//! Files attached to orders (D-2).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{AttachmentId, AttachmentPurpose, OrderId, PersonId};

/// Files attached to orders (D-2).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attachment")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: AttachmentId,
    /// Order that it belongs to.
    pub order_id: OrderId,
    /// What it is for.
    pub purpose: AttachmentPurpose,
    /// Number of the proof's round (O-24).
    pub round: Option<i32>,
    /// Name of the file.
    pub name: String,
    /// Media type, found from its content.
    pub content_type: String,
    /// Size in bytes.
    pub size: i64,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// Where the object store keeps it.
    pub storage_key: String,
    /// Who added it.
    pub added_by_id: PersonId,
    /// When.
    pub added_at: DateTimeUtc,
    /// Whether a transition relied on it: it can no longer be removed.
    pub relied_on: bool,
    /// Why it was declared invalid.
    pub invalid_reason: Option<String>,
    /// When it was removed.
    pub removed_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
