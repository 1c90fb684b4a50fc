//! Keys with which programs come in.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{ApiKeyId, PersonId, SessionId};

/// Keys with which programs come in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: ApiKeyId,
    /// The person that it acts as, made for it: with its roles and its place.
    pub person_id: PersonId,
    /// The session that it is, as long as it lives.
    pub session_id: SessionId,
    /// What it is for.
    pub name: String,
    /// Its first characters, to be recognised by.
    pub hint: String,
    /// SHA-256 of the whole.
    pub key_hash: String,
    /// Names of what it is limited to; none: everything that its roles may do.
    pub limited_to: Option<Json>,
    /// Addresses and networks that it may be used from; empty: any.
    pub addresses: Json,
    /// Who made it.
    pub created_by_id: PersonId,
    /// When.
    pub created_at: DateTimeUtc,
    /// When it ends by itself.
    pub expires_at: DateTimeUtc,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTimeUtc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTimeUtc>,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
