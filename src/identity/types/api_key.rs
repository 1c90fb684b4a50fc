//! What the schema shows of API keys.

use ::entity::identity::api_key;
use async_graphql::{Context, Enum, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::{Person, Role};
use crate::{
    error::Error,
    graphql::{
        guard::requires,
        id::global,
        payload::{Told, op},
    },
    loaders::Loaders,
};

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ApiKeyStatus {
    /// It can be used.
    Active,
    /// It has ended by itself.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A key with which a program comes in.
#[derive(Clone, Debug)]
pub struct ApiKey(pub api_key::Model);

/// A key with which a program comes in.
#[Object(directive = requires::apply("readApiKeys".into()))]
impl ApiKey {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// What it is for.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its first characters, to be recognised by.
    async fn hint(&self) -> &str {
        &self.0.hint
    }

    /// Whether it can be used.
    async fn status(&self, ctx: &Context<'_>) -> ApiKeyStatus {
        match self.0.revoked_at {
            Some(_) => ApiKeyStatus::Revoked,
            None if self.0.expires_at <= op(ctx).now => ApiKeyStatus::Expired,
            None => ApiKeyStatus::Active,
        }
    }

    /// The person that it acts as, whom events name; made with it, and nobody else.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.person_id).await.told(op(ctx))?))
    }

    /// Its roles.
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        let held = Loaders::of(ctx).roles_of(self.0.person_id).await.told(op(ctx))?;
        Ok(held.into_iter().map(Role).collect())
    }

    /// Names of what it is limited to; null: everything that its roles may do.
    async fn limited_to(&self, ctx: &Context<'_>) -> Result<Option<Vec<String>>> {
        self.0.limited_to.clone().map(texts).transpose().told(op(ctx))
    }

    /// Addresses and networks that it may be used from; empty: any.
    async fn addresses(&self, ctx: &Context<'_>) -> Result<Vec<String>> {
        texts(self.0.addresses.clone()).told(op(ctx))
    }

    /// Who made it.
    async fn created_by(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.created_by_id).await.told(op(ctx))?))
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When it ends by itself.
    async fn expires_at(&self) -> DateTime<Utc> {
        self.0.expires_at
    }

    /// When it was used last, to the minute.
    async fn last_used_at(&self) -> Option<DateTime<Utc>> {
        self.0.last_used_at
    }

    /// When it was revoked.
    async fn revoked_at(&self) -> Option<DateTime<Utc>> {
        self.0.revoked_at
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

impl From<api_key::Model> for ApiKey {
    fn from(row: api_key::Model) -> Self {
        Self(row)
    }
}

fn texts(json: serde_json::Value) -> crate::error::Result<Vec<String>> {
    serde_json::from_value(json).map_err(|error| Error::Internal(error.into()))
}
