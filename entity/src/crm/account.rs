//! Accounts: everybody whom orders, deals and invoices point to.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{AccountId, AccountKind, DelegationId, PersonId, RegionId, Sector};

/// Accounts: everybody whom orders, deals and invoices point to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: AccountId,
    /// Code in the network's own numbering.
    pub code: String,
    /// Company or person.
    pub kind: AccountKind,
    /// Name.
    pub name: String,
    /// SIREN number, nine digits.
    pub siren: Option<String>,
    /// VAT number, without blanks.
    pub vat_number: Option<String>,
    /// Line of business.
    pub sector: Option<Sector>,
    /// A person's given name.
    pub given_name: Option<String>,
    /// A person's family name.
    pub family_name: Option<String>,
    /// Whether it is still dealt with; another account may take the SIREN number of one that is not.
    pub active: bool,
    /// Delegate in whose portfolio it is.
    pub portfolio_owner_id: Option<PersonId>,
    /// Delegation that looks after it.
    pub delegation_id: DelegationId,
    /// Region of that delegation.
    pub region_id: RegionId,
    /// When it was created.
    pub created_at: DateTimeUtc,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
