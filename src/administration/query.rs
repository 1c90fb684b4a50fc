//! What can be asked about the policy.

use async_graphql::{Context, Object, Result};

use super::{store, types::Policy};
use crate::{
    error::{self, Error},
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    op::Op,
};

/// Questions about the policy.
#[derive(Debug, Default)]
pub struct AdministrationQuery;

#[Object]
impl AdministrationQuery {
    /// The policy in force: who may do what.
    #[graphql(directive = requires::apply("readPolicy".into()))]
    async fn policy(&self, ctx: &Context<'_>) -> Result<Policy> {
        policy(op(ctx)).await.told(op(ctx))
    }
}

/// The policy in force; in a dry run, as it would be.
pub(super) async fn policy(op: &Op) -> error::Result<Policy> {
    let version = store::version(&op.conn()).await?;
    version.map(Policy).ok_or_else(|| Error::defect("there is no policy"))
}
