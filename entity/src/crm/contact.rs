//! Contacts: the people to whom one speaks at accounts.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{ContactId, Language, Salutation};

/// Contacts: the people to whom one speaks at accounts. Where one belongs, its accounts say.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: ContactId,
    /// How they are addressed.
    pub salutation: Option<Salutation>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: String,
    /// Language that they are spoken to in.
    pub language: Language,
    /// Whether they are still dealt with.
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
