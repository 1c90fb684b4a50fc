//! How often a password was tried, for all processes together.

use sea_orm::entity::prelude::*;

/// How often a password was tried, for all processes together.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_attempt")]
pub struct Model {
    /// Hash of the e-mail address and the network address.
    #[sea_orm(primary_key, auto_increment = false)]
    pub trier: String,
    /// How often.
    pub attempts: i64,
    /// When the last attempt was or will be made.
    pub last_at: DateTimeUtc,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
