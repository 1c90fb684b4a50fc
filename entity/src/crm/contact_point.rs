//! E-mail addresses and telephone numbers of accounts and contacts.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{AccountId, ContactId, ContactPointId, ContactPointKind};

/// An e-mail address or a telephone number of an account or of a contact.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "contact_point")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: ContactPointId,
    /// Account that it belongs to; none: a contact's.
    pub account_id: Option<AccountId>,
    /// Contact that it belongs to; none: an account's.
    pub contact_id: Option<ContactId>,
    /// What it is.
    pub kind: ContactPointKind,
    /// An address in lower case, or a number in the international form.
    pub value: String,
    /// What it is for, such as "claims".
    pub label: Option<String>,
    /// Whether it is the first of its kind.
    pub is_primary: bool,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
