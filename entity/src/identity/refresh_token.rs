//! Refresh tokens, each good for one use: a second use betrays theft and ends the session.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{RefreshTokenId, SessionId};

/// Refresh tokens, each good for one use: a second use betrays theft and ends the session.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_token")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: RefreshTokenId,
    /// Session that it renews.
    pub session_id: SessionId,
    /// SHA-256 of the token; the token itself is never kept.
    pub token_hash: String,
    /// When it was used.
    pub used_at: Option<DateTimeUtc>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
