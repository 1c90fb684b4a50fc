//! Lines of the Casbin policy.

use sea_orm::entity::prelude::*;

use crate::vocabulary::PolicyLineId;

/// Lines of the Casbin policy.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_line")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: PolicyLineId,
    /// `p` for a permission, `g` for a role that has all of another's.
    pub kind: String,
    /// Role.
    pub subject: String,
    /// What may be done (the field's or the permission's name); for `g` the other role.
    pub object: String,
    /// Step of the workflow, `-` where there is none.
    pub step: String,
    /// `own`, `delegation`, `region` or `all`; `-` for `g`.
    pub scope: String,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
