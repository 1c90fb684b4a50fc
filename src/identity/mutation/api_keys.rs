//! Keys with which programs come in.

use ::entity::vocabulary::{ApiKeyId, DelegationId, RegionId};
use async_graphql::{Context, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Datelike, Utc};

use super::users::codes;
use crate::{
    action::Call,
    error::{self, Error},
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
    },
    identity::{
        actions::{self, ApiKeyChange, NewApiKey},
        api_key::Network,
        query,
        types::ApiKey,
    },
    input::line,
};

mutations! {
    CreateApiKey: [
        "NAME_REQUIRED", "UNKNOWN_ROLE", "ROLE_REQUIRED", "PLACE_REQUIRED", "UNKNOWN_PERMISSION", "EXPIRY_PASSED",
        "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH",
    ],
    UpdateApiKey: common + ["NAME_REQUIRED", "EXPIRY_PASSED", "KEY_REVOKED"],
    RevokeApiKey: common + ["KEY_REVOKED"],
}

/// Longest name.
const NAME: usize = 100;
/// Most addresses, or names of what a key is limited to.
const MOST: usize = 100;

/// Changes to API keys.
#[derive(Debug, Default)]
pub struct ApiKeyMutation;

/// A key for a program.
#[derive(InputObject)]
struct CreateApiKeyInput {
    /// What it is for, such as the program's name; events name it.
    name: String,
    /// Codes of the roles that it has.
    roles: Vec<String>,
    /// Delegation that it works in: what `own` and `delegation` reach.
    delegation: Option<IdOf<DelegationId>>,
    /// Region that it works in; with a delegation it is the delegation's.
    region: Option<IdOf<RegionId>>,
    /// Names of permissions, as `viewer.permissions` tells them: the key may do nothing else of what its roles may.
    limited_to: Option<Vec<String>>,
    /// Addresses and networks that it may be used from, such as `192.0.2.7` and `2001:db8::/32`; any by default.
    #[graphql(default)]
    addresses: Vec<String>,
    /// When it ends by itself.
    expires_at: DateTime<Utc>,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

impl CreateApiKeyInput {
    fn read(self) -> error::Result<(NewApiKey, Call)> {
        let Self { name, roles, delegation, region, limited_to, addresses, expires_at, call } = self;
        let names = |names: Vec<String>| {
            let bounded = bounded("limitedTo", names)?;
            bounded.iter().map(|name| line(["input", "limitedTo"], name, NAME)).collect::<error::Result<Vec<_>>>()
        };
        let new = NewApiKey {
            name: line(["input", "name"], &name, NAME)?,
            roles: codes(&roles)?,
            delegation: delegation.map(|id| id.0),
            region: region.map(|id| id.0),
            limited_to: limited_to.map(names).transpose()?,
            addresses: networks(addresses)?,
            expires_at: end(expires_at)?,
        };
        Ok((new, call.into()))
    }
}

/// What is changed about a key; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateApiKeyInput {
    /// Which key.
    id: IdOf<ApiKeyId>,
    /// What it is for.
    name: Option<String>,
    /// When it ends by itself; one that has ended can be used again.
    expires_at: Option<DateTime<Utc>>,
    /// Addresses and networks that it may be used from; empty: any.
    addresses: Option<Vec<String>>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateApiKeyInput {
    fn read(self) -> error::Result<(ApiKeyChange, Call)> {
        let Self { id, name, expires_at, addresses, call } = self;
        let change = ApiKeyChange {
            id: id.0,
            name: name.map(|name| line(["input", "name"], &name, NAME)).transpose()?,
            expires_at: expires_at.map(end).transpose()?,
            addresses: addresses.map(networks).transpose()?,
        };
        Ok((change, call.into()))
    }
}

/// Which key is ended.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// Which key.
    id: IdOf<ApiKeyId>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

fn bounded(field: &'static str, texts: Vec<String>) -> error::Result<Vec<String>> {
    if texts.len() > MOST { Err(Error::bad_input(["input", field], format!("at most {MOST}"))) } else { Ok(texts) }
}

/// A moment that both databases can keep.
fn end(at: DateTime<Utc>) -> error::Result<DateTime<Utc>> {
    let is_near = (1970..=9999).contains(&at.year());
    if is_near { Ok(at) } else { Err(Error::bad_input(["input", "expiresAt"], "a moment before the year 10000")) }
}

fn networks(texts: Vec<String>) -> error::Result<Vec<String>> {
    let texts = bounded("addresses", texts)?;
    for (place, text) in texts.iter().enumerate() {
        text.parse::<Network>().map_err(|()| {
            let path = ["input", "addresses", &place.to_string()].map(str::to_owned).to_vec();
            let message = "an address or a network, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32".to_owned();
            Error::BadInput { path, message }
        })?;
    }
    Ok(texts)
}

/// A key, or why not.
#[derive(SimpleObject)]
struct CreateApiKeyPayload {
    /// The key, as it is known from now on.
    api_key: Option<ApiKey>,
    /// The key itself, to be sent as `Authorization: Bearer …`. It is told here and never again: neither to a
    /// retry with the same idempotency key, nor in a dry run.
    secret: Option<String>,
    /// Why not.
    user_errors: Vec<UserError<CreateApiKey>>,
}

/// A key as it is now, and why it was not changed.
#[derive(SimpleObject)]
struct UpdateApiKeyPayload {
    /// The key.
    api_key: Option<ApiKey>,
    /// Why not.
    user_errors: Vec<UserError<UpdateApiKey>>,
}

/// A key as it is now, and why it was not ended.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The key.
    api_key: Option<ApiKey>,
    /// Why not.
    user_errors: Vec<UserError<RevokeApiKey>>,
}

#[Object]
impl ApiKeyMutation {
    /// Makes a key for a program. It acts as a person of its own, and has no more than these roles have there.
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        let op = op(ctx);
        let (new, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::create_api_key(op, &call, &new).await)?;
        let Some((id, secret)) = made else {
            return Ok(CreateApiKeyPayload { api_key: None, secret: None, user_errors });
        };
        let secret = secret.map(|secret| secret.tell().to_owned());
        Ok(CreateApiKeyPayload { api_key: query::api_key(op, id).await.told(op)?, secret, user_errors })
    }

    /// Changes what a key is for, when it ends, and where it may be used from.
    async fn update_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key, and what is changed.")] input: UpdateApiKeyInput,
    ) -> Result<UpdateApiKeyPayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_api_key(op, &call, &change).await)?;
        Ok(UpdateApiKeyPayload { api_key: query::api_key(op, change.id).await.told(op)?, user_errors })
    }

    /// Ends a key at once, on open sockets too. It cannot be taken back.
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which key.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let (op, RevokeApiKeyInput { id, call }) = (op(ctx), input);
        let (_, user_errors) = answer(op, actions::revoke_api_key(op, &call.into(), id.0).await)?;
        Ok(RevokeApiKeyPayload { api_key: query::api_key(op, id.0).await.told(op)?, user_errors })
    }
}
