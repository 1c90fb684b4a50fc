//! Sites of an account ("implantations").

use sea_orm::entity::prelude::*;

use crate::vocabulary::{AccountId, SiteId};

/// Sites of an account ("implantations").
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: SiteId,
    /// Account that it belongs to.
    pub account_id: AccountId,
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
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
