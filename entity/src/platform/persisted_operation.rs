//! The operations of clients' manifests (K-12): documents by the ids under which they are asked for.

use sea_orm::entity::prelude::*;

/// One operation of one version of a client.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "persisted_operation")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The client's name.
    pub client: String,
    /// Its version.
    pub version: String,
    /// The id that the client's build gave the document.
    pub operation_id: String,
    /// SHA-256 of the document, in hexadecimal.
    pub sha256: String,
    /// The operation's name, where it has one.
    pub name: Option<String>,
    /// `QUERY`, `MUTATION` or `SUBSCRIPTION`.
    pub kind: String,
    /// The document.
    pub body: String,
    /// When it was published.
    pub published_at: DateTimeUtc,
    /// Since when it is no longer answered.
    pub retired_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
