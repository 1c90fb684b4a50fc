//! People who can sign in.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DelegationId, Language, PersonId, RegionId};

/// People who can sign in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "person")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: PersonId,
    /// Stable code, the tie-breaker of allocations (B-2).
    pub code: String,
    /// E-mail address, in lower case; one signs in with it.
    pub email: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Language they want to be spoken to in.
    pub language: Language,
    /// Delegation they work in.
    pub delegation_id: Option<DelegationId>,
    /// Region they manage or their delegation belongs to.
    pub region_id: Option<RegionId>,
    /// Argon2id hash; none: cannot sign in with a password.
    pub password_hash: Option<String>,
    /// Whether they may sign in at all.
    pub active: bool,
    /// When they were created.
    pub created_at: DateTimeUtc,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
