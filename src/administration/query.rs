//! What can be asked about the policy.

use ::entity::platform::policy_version;
use async_graphql::{Context, Object, Result};
use sea_orm::{ColumnTrait, EntityTrait, sea_query::Order};

use super::{store, types::Policy};
use crate::{
    error::{self, Error},
    graphql::{
        connection::{self, Connection, KeyValue, Paging, SortKey},
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
    /// The policy: who may do what.
    #[graphql(directive = requires::apply("readPolicy".into()))]
    async fn policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which version; the one in force where nothing is said.")] version: Option<i64>,
    ) -> Result<Policy> {
        let op = op(ctx);
        match version {
            Some(version) => store::version(&op.conn(), version).await.told(op)?.map(Policy).ok_or(Error::NotFound),
            None => policy(op).await,
        }
        .told(op)
    }

    /// Every version of the policy, the newest first: who changed what, when and why.
    #[graphql(
        directive = requires::apply("readPolicy".into()),
        complexity = "connection::cost(first, last) * child_complexity"
    )]
    async fn policy_versions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Policy>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let keys = [SortKey::number(policy_version::Column::Version.into_expr(), Order::Desc)];
        let values = |row: &policy_version::Model| vec![KeyValue::Number(row.version)];
        let versions = policy_version::Entity::find();
        Ok(connection::page(&op.conn(), versions, &keys, values, &paging).await.told(op)?.into())
    }
}

/// The policy in force; in a dry run, as it would be.
pub(super) async fn policy(op: &Op) -> error::Result<Policy> {
    let version = store::in_force(&op.conn()).await?;
    version.map(Policy).ok_or_else(|| Error::defect("there is no policy"))
}
