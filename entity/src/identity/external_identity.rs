//! Under which subject of an OpenID Connect issuer people sign in.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{ExternalIdentityId, PersonId};

/// Under which subject of an OpenID Connect issuer people sign in.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "external_identity")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: ExternalIdentityId,
    /// Who.
    pub person_id: PersonId,
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// The subject of its tokens.
    pub subject: String,
    /// When the two were put together.
    pub linked_at: DateTimeUtc,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
