//! Signed-in sessions.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{PersonId, SessionId};

/// Signed-in sessions.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: SessionId,
    /// Whose session it is.
    pub person_id: PersonId,
    /// When it was opened.
    pub created_at: DateTimeUtc,
    /// When it ends by itself.
    pub expires_at: DateTimeUtc,
    /// When it was signed out or revoked.
    pub revoked_at: Option<DateTimeUtc>,
    /// Hash of the issuer's token that opened it; none: it was opened here.
    pub token_hash: Option<String>,
    /// The session at the issuer; empty: all of them, where the row remembers a logout.
    pub issuer_sid: Option<String>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
