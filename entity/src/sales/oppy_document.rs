//! Documents of a deal.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{ContractDocument, OpportunityId, OppyDocumentId, PersonId};

/// Documents of a deal; all versions are kept.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "oppy_document")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: OppyDocumentId,
    /// The deal.
    pub opportunity_id: OpportunityId,
    /// What it is.
    pub kind: ContractDocument,
    /// Name of the file.
    pub name: String,
    /// Media type, found from the content.
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
    /// Why it was declared non-conforming.
    pub refused_for: Option<String>,
    /// When a later one took its place.
    pub replaced_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
