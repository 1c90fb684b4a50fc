//! Sites of an account ("implantations").

use sea_orm::entity::prelude::*;

use crate::vocabulary::{AccountId, SiteId, SiteKind};

/// Sites of an account ("implantations").
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: SiteId,
    /// Account that it belongs to.
    pub account_id: AccountId,
    /// What it is to its account.
    pub kind: SiteKind,
    /// Name, such as the commune's.
    pub name: String,
    /// SIRET number, fourteen digits.
    pub siret: Option<String>,
    /// Street.
    pub street: String,
    /// Postcode.
    pub postcode: String,
    /// City.
    pub city: String,
    /// INSEE code of the commune.
    pub insee_code: Option<String>,
    /// Country, two letters of ISO 3166-1.
    pub country: String,
    /// Whether it is still there.
    pub active: bool,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
