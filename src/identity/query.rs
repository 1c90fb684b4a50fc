//! What can be asked about people and the organisation.

use std::sync::Arc;

use ::entity::{
    identity::{api_key, deputy, person},
    vocabulary::{ApiKeyId, DelegationId, DeputyId, Language, RegionId},
};
use async_graphql::{Context, Object, Result};
use sea_orm::{ColumnTrait, IntoSimpleExpr, QueryFilter, Select, sea_query::Order};

use super::{
    filter::{PersonFilter, PersonOrder, UserFilter},
    store,
    types::{self, ApiKey, Delegation, Deputy, PermissionGrant, Person, Region, Role},
};
use crate::{
    authz::{Caller, Permission, Place},
    error,
    graphql::{
        connection::{Connection, KeyValue, Paging, SortKey, page},
        filter,
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::Sorting,
    },
    loaders::Loaders,
    op::Op,
};

/// Questions about people and the organisation.
#[derive(Debug, Default)]
pub struct IdentityQuery;

#[Object]
impl IdentityQuery {
    /// Who one is, and what one may do.
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(op(ctx).caller().told(op(ctx))?.clone()))
    }

    /// Everybody who has an account, active or not.
    #[graphql(directive = requires::apply("readUsers".into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones; all by default.")] filter: Option<UserFilter>,
        #[graphql(desc = "In which order; by family name by default.")] order_by: Option<Vec<PersonOrder>>,
    ) -> Result<Connection<Person>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let wanted = filter::condition(filter.as_ref()).told(op)?;
        let users = store::people_within(&op.sees(Permission::ReadUsers)).filter(wanted);
        people_of(op, users, &Sorting::new(order_by), &paging).await.told(op)
    }

    /// The keys with which programs come in, the latest first; those that have ended, too.
    #[graphql(directive = requires::apply("readApiKeys".into()))]
    async fn api_keys(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ApiKey>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        keys_of(op, &paging).await.told(op)
    }

    /// The active people of the network, to choose a deputy for example.
    #[graphql(directive = requires::apply("readNetwork".into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn people(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones; all by default.")] filter: Option<PersonFilter>,
        #[graphql(desc = "In which order; by family name by default.")] order_by: Option<Vec<PersonOrder>>,
    ) -> Result<Connection<Person>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let wanted = filter::condition(filter.as_ref()).told(op)?;
        let people = store::active_within(&op.sees(Permission::ReadNetwork)).filter(wanted);
        people_of(op, people, &Sorting::new(order_by), &paging).await.told(op)
    }

    /// The roles that people can hold, by code.
    #[graphql(directive = requires::apply("readNetwork".into()))]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        let op = op(ctx);
        Ok(store::roles(&op.conn()).await.told(op)?.into_iter().map(Role).collect())
    }

    /// The regions, by code.
    #[graphql(directive = requires::apply("readNetwork".into()))]
    async fn regions(&self, ctx: &Context<'_>) -> Result<Vec<Region>> {
        let op = op(ctx);
        let found = store::regions_within(&op.conn(), &op.sees(Permission::ReadNetwork)).await.told(op)?;
        Ok(found.into_iter().map(Region).collect())
    }

    /// The delegations, by code.
    #[graphql(directive = requires::apply("readNetwork".into()))]
    async fn delegations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this region.")] region: Option<IdOf<RegionId>>,
    ) -> Result<Vec<Delegation>> {
        let op = op(ctx);
        let reach = op.sees(Permission::ReadNetwork);
        let found = store::delegations_within(&op.conn(), &reach, region.map(|id| id.0)).await.told(op)?;
        Ok(found.into_iter().map(Delegation).collect())
    }

    /// The mandates that concern the caller: their own, and those of the people for whom they may name a
    /// deputy. The latest first.
    #[graphql(directive = requires::apply("nameDeputy".into()))]
    async fn deputies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Leave out those that were ended or whose last day has passed.", default)] current: bool,
    ) -> Result<Connection<Deputy>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        mandates_of(op, current, &paging).await.told(op)
    }
}

async fn people_of(
    op: &Op,
    people: Select<person::Entity>,
    sorting: &Sorting<PersonOrder>,
    paging: &Paging,
) -> error::Result<Connection<Person>> {
    let keys = sorting.keys(person::Column::Id.into_simple_expr());
    Ok(page(&op.conn(), people, &keys, |row| sorting.values(row, row.id.0), paging).await?.into())
}

async fn mandates_of(op: &Op, current: bool, paging: &Paging) -> error::Result<Connection<Deputy>> {
    let from = current.then(|| op.today());
    let mandates = store::mandates_within(&op.sees(Permission::NameDeputy), op.me()?, from);
    let keys = [SortKey::number(deputy::Column::Id.into_simple_expr(), Order::Desc)];
    Ok(page(&op.conn(), mandates, &keys, |row| vec![KeyValue::Number(row.id.0)], paging).await?.into())
}

async fn keys_of(op: &Op, paging: &Paging) -> error::Result<Connection<ApiKey>> {
    let found = store::api_keys_within(&op.sees(Permission::ReadApiKeys));
    let keys = [SortKey::number(api_key::Column::Id.into_simple_expr(), Order::Desc)];
    Ok(page(&op.conn(), found, &keys, |row| vec![KeyValue::Number(row.id.0)], paging).await?.into())
}

/// An API key by key, where the caller may read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn api_key(op: &Op, id: ApiKeyId) -> error::Result<Option<ApiKey>> {
    let within = store::api_keys_within(&op.sees(Permission::ReadApiKeys));
    Ok(within.filter(api_key::Column::Id.eq(id)).one(&op.conn()).await?.map(ApiKey))
}

/// A mandate by key, where it concerns the caller.
///
/// # Errors
/// When the database cannot be read.
pub async fn mandate(op: &Op, id: DeputyId) -> error::Result<Option<Deputy>> {
    let reach = op.sees(Permission::NameDeputy);
    Ok(store::mandate_within(&op.conn(), id, &reach, op.me()?).await?.map(Deputy))
}

/// A delegation by key, where the caller sees it in the network.
///
/// # Errors
/// When the database cannot be read.
pub async fn delegation(op: &Op, loaders: &Loaders, id: DelegationId) -> error::Result<Option<Delegation>> {
    let Some(row) = loaders.find(id).await? else { return Ok(None) };
    let place = Place { owner: None, delegation: Some(id), region: Some(row.region_id) };
    Ok(op.sees(Permission::ReadNetwork).covers(&place).then_some(Delegation(row)))
}

/// A region by key, where the caller sees it in the network.
///
/// # Errors
/// When the database cannot be read.
pub async fn region(op: &Op, loaders: &Loaders, id: RegionId) -> error::Result<Option<Region>> {
    let place = Place { owner: None, delegation: None, region: Some(id) };
    if !op.sees(Permission::ReadNetwork).covers(&place) {
        return Ok(None);
    }
    Ok(loaders.find(id).await?.map(Region))
}

/// A role by its code.
pub(super) async fn role(op: &Op, code: &str) -> error::Result<Option<Role>> {
    Ok(store::roles(&op.conn()).await?.into_iter().find(|role| role.code == code).map(Role))
}

/// Who is signed in.
#[derive(Debug)]
pub struct Viewer(pub(super) Arc<Caller>);

/// Who is signed in, and what they may do.
#[Object]
impl Viewer {
    /// The person.
    async fn user(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.person.id).await.told(op(ctx))?))
    }

    /// The language that they want to be spoken to in.
    async fn language(&self, ctx: &Context<'_>) -> Result<Language> {
        Ok(Loaders::of(ctx).one(self.0.person.id).await.told(op(ctx))?.language)
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
