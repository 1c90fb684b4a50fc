//! Answers kept so that a retry gets them again (G-13).

use sea_orm::entity::prelude::*;

use crate::vocabulary::PersonId;

/// The answer to one mutation with a key.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// Who asked.
    #[sea_orm(primary_key, auto_increment = false)]
    pub person_id: PersonId,
    /// Their key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    /// Name of the mutation.
    pub mutation: String,
    /// SHA-256 of the input: the same key with other input is refused.
    pub input_hash: String,
    /// What was answered.
    pub answer: Json,
    /// When.
    pub created_at: DateTimeUtc,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
