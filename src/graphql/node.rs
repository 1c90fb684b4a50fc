//! Relay's `node`: any object by its global id, where one may read it.

use ::entity::vocabulary::{DelegationId, PersonId, RegionId};
use async_graphql::{Context, ID, Interface, Object, Result};

use super::{
    id::{self, Key},
    payload::{Told, op},
};
use crate::{
    error::Error,
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
    op::Op,
};

/// An object with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id."))]
pub enum Node {
    /// A person.
    Person(Person),
    /// A delegation.
    Delegation(Delegation),
    /// A region.
    Region(Region),
}

/// Look-ups by global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

/// Most ids to one request.
const MOST: usize = 100;

#[Object]
impl NodeQuery {
    /// An object by its global id; none where there is none that one may read.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "Global id.")] id: ID) -> Result<Option<Node>> {
        find(op(ctx), Loaders::of(ctx), &id).await.told(op(ctx))
    }

    /// Objects by their global ids, in the same order.
    #[graphql(directive = super::guard::requires::apply("node".into()))]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        let op = op(ctx);
        if ids.len() > MOST {
            return Err(Error::bad_input(["ids"], "0 to 100")).told(op);
        }
        let found = ids.iter().map(|id| find(op, Loaders::of(ctx), id));
        futures_util::future::try_join_all(found).await.told(op)
    }
}

async fn find(op: &Op, loaders: &Loaders, id: &ID) -> crate::error::Result<Option<Node>> {
    let Some((name, key)) = id::parse(id) else { return Ok(None) };
    // Everybody signed in sees people and places; every other kind asks its context.
    let _ = op;
    Ok(match name.as_str() {
        PersonId::TYPE => loaders.find(PersonId(key)).await?.map(|row| Person(row).into()),
        DelegationId::TYPE => loaders.find(DelegationId(key)).await?.map(|row| Delegation(row).into()),
        RegionId::TYPE => loaders.find(RegionId(key)).await?.map(|row| Region(row).into()),
        _ => None,
    })
}
