//! Lines of every version of the policy.

use sea_orm::entity::prelude::*;

use crate::vocabulary::PolicyHistoryId;

/// A line of the policy, from the version with which it came into force until the one with which it went.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policy_history")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: PolicyHistoryId,
    /// `p` for a permission, `g` for a role that has all of another's.
    pub kind: String,
    /// Role.
    pub subject: String,
    /// What may be done; for `g` the other role.
    pub object: String,
    /// Step of the workflow, `-` where there is none.
    pub step: String,
    /// `own`, `delegation`, `region` or `all`; `-` for `g`.
    pub scope: String,
    /// The first version that had it; of the oldest version that is known, what came earlier too.
    pub from_version: i64,
    /// The first version that no longer had it; none: it is in force.
    pub until_version: Option<i64>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
