//! What the schema shows of people and the organisation.

use ::entity::{
    identity::{delegation, deputy, person, region, role},
    vocabulary::{Day, Language},
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};

pub use api_key::ApiKey;

use super::session::Tokens;
use crate::{
    authz::{Caller, Scope},
    graphql::{
        guard::requires,
        id::global,
        payload::{Told, op},
        scalars::Email,
    },
    loaders::Loaders,
};

mod api_key;

/// A person of the network.
#[derive(Clone, Debug)]
pub struct Person(pub person::Model);

/// A person of the network.
#[Object(directive = requires::apply("viewer".into()))]
impl Person {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Stable code.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Given and family name.
    async fn display_name(&self) -> String {
        format!("{} {}", self.0.given_name, self.0.family_name)
    }

    /// Given name.
    async fn given_name(&self) -> &str {
        &self.0.given_name
    }

    /// Family name.
    async fn family_name(&self) -> &str {
        &self.0.family_name
    }

    /// E-mail address.
    async fn email(&self) -> Email {
        Email(self.0.email.clone())
    }

    /// Delegation they work in.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Option<Delegation>> {
        Ok(Loaders::of(ctx).optional(self.0.delegation_id).await.told(op(ctx))?.map(Delegation))
    }

    /// Region they manage, or the one of their delegation.
    async fn region(&self, ctx: &Context<'_>) -> Result<Option<Region>> {
        Ok(Loaders::of(ctx).optional(self.0.region_id).await.told(op(ctx))?.map(Region))
    }

    /// Whether they can sign in.
    #[graphql(directive = requires::apply("readUsers".into()))]
    async fn active(&self) -> bool {
        self.0.active
    }

    /// Language that they want to be spoken to in.
    #[graphql(directive = requires::apply("readUsers".into()))]
    async fn language(&self) -> Language {
        self.0.language
    }

    /// Roles that they hold.
    #[graphql(directive = requires::apply("readUsers".into()))]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        let held = Loaders::of(ctx).roles_of(self.0.id).await.told(op(ctx))?;
        Ok(held.into_iter().map(Role).collect())
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

impl From<person::Model> for Person {
    fn from(row: person::Model) -> Self {
        Self(row)
    }
}

/// A sales office.
#[derive(Clone, Debug)]
pub struct Delegation(pub delegation::Model);

/// A sales office of a region.
#[Object(directive = requires::apply("readNetwork".into()))]
impl Delegation {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Code.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Street of the office.
    async fn street(&self) -> &str {
        &self.0.street
    }

    /// Postcode of the office.
    async fn postcode(&self) -> &str {
        &self.0.postcode
    }

    /// City of the office.
    async fn city(&self) -> &str {
        &self.0.city
    }

    /// Region it belongs to.
    async fn region(&self, ctx: &Context<'_>) -> Result<Region> {
        Ok(Region(Loaders::of(ctx).one(self.0.region_id).await.told(op(ctx))?))
    }
}

/// A region of the company.
#[derive(Clone, Debug)]
pub struct Region(pub region::Model);

/// A region of the company.
#[Object(directive = requires::apply("readNetwork".into()))]
impl Region {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Code.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }
}

/// A role that people can hold.
#[derive(Clone, Debug)]
pub struct Role(pub role::Model);

/// A role that people can hold.
#[Object]
impl Role {
    /// Code, as in the policy.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Label in the caller's language.
    async fn label(&self, ctx: &Context<'_>) -> &str {
        match op(ctx).language {
            Language::Fr => &self.0.label_fr,
            Language::En => &self.0.label_en,
        }
    }
}

/// Who stands in for whom, from when to when.
#[derive(Clone, Debug)]
pub struct Deputy(pub deputy::Model);

/// Who stands in for whom, from when to when.
#[Object(directive = requires::apply("viewer".into()))]
impl Deputy {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Who is away.
    async fn absent(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.absent_id).await.told(op(ctx))?))
    }

    /// Who stands in.
    async fn deputy(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.deputy_id).await.told(op(ctx))?))
    }

    /// First day, inclusive.
    async fn first_day(&self) -> Day {
        Day(self.0.first_day)
    }

    /// Last day, inclusive.
    async fn last_day(&self) -> Day {
        Day(self.0.last_day)
    }

    /// Who named the deputy.
    async fn named_by(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.named_by_id).await.told(op(ctx))?))
    }

    /// When it was ended before its last day.
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.0.ended_at
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

impl From<deputy::Model> for Deputy {
    fn from(row: deputy::Model) -> Self {
        Self(row)
    }
}

/// What one may do, and on which records.
#[derive(Clone, Debug, SimpleObject)]
pub struct PermissionGrant {
    /// What: the field's name, or one name for several fields.
    name: &'static str,
    /// At which step of the workflow, where there are several.
    step: Option<&'static str>,
    /// On which records.
    scopes: Vec<Scope>,
    /// For whom, where one stands in for somebody.
    on_behalf_of: Option<ID>,
}

/// What each grant of a caller permits.
pub(super) fn permissions(caller: &Caller) -> Vec<PermissionGrant> {
    let each = caller.grants.iter().flat_map(|grant| {
        grant.rights.permissions().iter().map(move |permission| PermissionGrant {
            name: permission.object(),
            step: Some(permission.step()).filter(|step| *step != "-"),
            scopes: grant.rights.scopes(permission).iter().collect(),
            on_behalf_of: grant.through.map(|_| global(grant.holder.id)),
        })
    });
    each.collect()
}

/// A signed-in session.
#[derive(Clone, Debug, SimpleObject)]
pub struct Session {
    /// Bearer token for every request.
    access_token: String,
    /// When it expires.
    access_token_expires_at: DateTime<Utc>,
    /// Token for one renewal with `refreshSession`, which gives the next.
    refresh_token: String,
}

impl From<Tokens> for Session {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access.token,
            access_token_expires_at: tokens.access.expires_at,
            refresh_token: tokens.refresh,
        }
    }
}
