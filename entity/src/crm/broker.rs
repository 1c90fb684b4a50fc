//! The broker part of an account.

use sea_orm::entity::prelude::*;

use crate::vocabulary::AccountId;

/// What an account has more when it is a broker.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "broker")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account_id: AccountId,
    /// Number in the register of insurance intermediaries.
    pub orias: String,
    /// First day in the company-wide challenge programme (O-7).
    pub programme_from: Option<Date>,
    /// Last day in it; none: until further notice.
    pub programme_to: Option<Date>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
