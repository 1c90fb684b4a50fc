//! The places of contacts in accounts.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{AccountId, ContactId, ContactLinkId};

/// The place of a contact in an account.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_link")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: ContactLinkId,
    /// Who.
    pub contact_id: ContactId,
    /// Where.
    pub account_id: AccountId,
    /// What they do there.
    pub function: Option<String>,
    /// In which department.
    pub department: Option<String>,
    /// First day, where it is known.
    pub since: Option<Date>,
    /// Last day; none: they are there today.
    pub until: Option<Date>,
    /// Whether they are the account's first contact: one at most is.
    pub is_primary: bool,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
