//! What can be asked about people.

use async_graphql::{Context, Object, Result};

use super::{
    store,
    types::{self, Deputy, PermissionGrant, Person, Role},
};
use crate::{
    authz::Caller,
    graphql::payload::{Told, op},
    loaders::Loaders,
};

/// Questions about people.
#[derive(Debug, Default)]
pub struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// Who one is, and what one may do.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(op(ctx).caller().told(op(ctx))?.clone()))
    }
}

/// Who is signed in.
#[derive(Debug)]
pub struct Viewer(std::sync::Arc<Caller>);

/// Who is signed in, and what they may do.
#[Object]
impl Viewer {
    /// The person.
    async fn user(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.person.id).await.told(op(ctx))?))
    }

    /// The roles they hold.
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        let held = Loaders::of(ctx).roles_of(self.0.person.id).await.told(op(ctx))?;
        Ok(held.into_iter().map(Role).collect())
    }

    /// What they may do and on which records, in their own name and for those they stand in for.
    async fn permissions(&self) -> Vec<PermissionGrant> {
        types::permissions(&self.0)
    }

    /// Whom they stand in for, today or later.
    async fn stands_in_for(&self, ctx: &Context<'_>) -> Result<Vec<Deputy>> {
        let op = op(ctx);
        let found = store::mandates_from(&op.conn(), self.0.person.id, op.today()).await.told(op)?;
        Ok(found.into_iter().map(Deputy).collect())
    }

    /// Who stands in for them, today or later.
    async fn deputies(&self, ctx: &Context<'_>) -> Result<Vec<Deputy>> {
        let op = op(ctx);
        let found = store::deputies_from(&op.conn(), self.0.person.id, op.today()).await.told(op)?;
        Ok(found.into_iter().map(Deputy).collect())
    }
}
