//! API keys: each acts as a person of its own, made with it, who can do nothing else than what the key does.
//!
//! So what holds for people holds for keys with no rule of their own: roles and place give the scopes, events
//! name it, nobody decides on what it submitted through it, deactivation ends it.

use ::entity::{
    identity::{api_key, person, session},
    vocabulary::{ApiKeyId, DelegationId, Language, PersonId, RegionId, SessionId},
};
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use serde::Serialize;
use serde_json::json;

use super::{
    permitted, place_of, request, settled,
    users::{NewUser, Profile, against, insert},
};
use crate::{
    action::{Call, perform},
    authz::Permission,
    db::Conn,
    error::{Error, Result},
    identity::{
        api_key::Secret,
        error::{Account, Key, Refusal},
        store,
    },
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused, unless_refused},
    version,
};

/// A key that is to be made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// Codes of its roles.
    pub roles: Vec<String>,
    /// The delegation that it works in.
    pub delegation: Option<DelegationId>,
    /// The region that it works in.
    pub region: Option<RegionId>,
    /// Names of what it is limited to; none: everything that its roles may do.
    pub limited_to: Option<Vec<String>>,
    /// Addresses and networks that it may be used from; empty: any.
    pub addresses: Vec<String>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// What is changed about a key; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct ApiKeyChange {
    /// Which.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: Option<String>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// Addresses and networks that it may be used from.
    pub addresses: Option<Vec<String>>,
}

/// What can be changed about a key, as its events tell it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changeable {
    name: String,
    expires_at: DateTime<Utc>,
    addresses: serde_json::Value,
}

impl Changeable {
    fn of(key: &api_key::Model) -> Self {
        let api_key::Model { name, expires_at, addresses, .. } = key.clone();
        Self { name, expires_at, addresses }
    }
}

/// Makes a key. The secret is given here and never again: a retry with the same idempotency key, like a dry run,
/// gives the key without it.
///
/// # Errors
/// Every rule that the key breaks.
pub async fn create_api_key(op: &Op, call: &Call, new: &NewApiKey) -> Done<(ApiKeyId, Option<Secret>), Refusal> {
    let secret = Secret::new();
    let request = request("createApiKey", call, new);
    let id = settled(op, call, perform(op, &request, |tx| create(op, tx, call, new, &secret)).await)?;
    let made = store::api_keys(&op.conn(), &[id]).await?.pop();
    // What was kept of an earlier call is another key's.
    let is_this_one = !call.dry_run && made.is_some_and(|key| key.key_hash == secret.hash());
    Ok((id, Some(secret).filter(|_| is_this_one)))
}

async fn create(op: &Op, tx: Conn, call: &Call, new: &NewApiKey, secret: &Secret) -> Done<ApiKeyId, Refusal> {
    store::one_at_a_time(&tx).await?;
    let profile = Profile::new(&tx, &as_user(new, secret)).await?;
    permitted(op, call, Permission::CreateApiKey, &profile.place(None), &profile.roles)?;
    let mut refusals = against(op, &tx, None, &profile, &new.roles).await?;
    // A key has one name, not two.
    refusals.retain(|refusal| !matches!(refusal, Refusal::Account(Account::NameRequired { .. })));
    refusals.extend(unnamed(&new.name));
    refusals.extend(against_key(op, new).into_iter().map(Refusal::from));
    unless_refused(refusals)?;
    let person = insert(op, &tx, &profile, None).await?;
    store::set_roles(&tx, person, &profile.roles).await?;
    let session = store::insert_session(&tx, session_of(op, person, new.expires_at)).await?;
    let id = store::insert_api_key(&tx, row(op, new, secret, person, session)?).await?;
    outbox::record(op, &tx, call, Event::new("identity.api_key_created", about(id)).with_changes(new)?).await?;
    Ok(id)
}

/// The person that a key acts as. The address is one at which there can be nobody (RFC 2606).
fn as_user(new: &NewApiKey, secret: &Secret) -> NewUser {
    let NewApiKey { name, roles, delegation, region, .. } = new.clone();
    NewUser {
        email: format!("{}@keys.invalid", &secret.hash()[..20]),
        given_name: "API".to_owned(),
        family_name: name,
        code: None,
        roles,
        delegation,
        region,
        language: Language::Fr,
        password: None,
    }
}

fn unnamed(name: &str) -> Option<Refusal> {
    name.is_empty().then(|| Account::NameRequired { field: "name".to_owned() }.into())
}

fn against_key(op: &Op, new: &NewApiKey) -> Vec<Key> {
    let mut refusals = Vec::new();
    if new.roles.is_empty() {
        refusals.push(Key::RoleRequired);
    }
    if new.expires_at <= op.now {
        refusals.push(Key::ExpiryPassed { now: op.now });
    }
    let is_known = |name: &String| Permission::ALL.iter().any(|permission| permission.object() == *name);
    let named = new.limited_to.iter().flatten().enumerate();
    refusals.extend(
        named
            .filter(|(_, name)| !is_known(name))
            .map(|(place, name)| Key::UnknownPermission { place, name: name.clone() }),
    );
    refusals
}

fn session_of(op: &Op, person: PersonId, until: DateTime<Utc>) -> session::ActiveModel {
    session::ActiveModel {
        person_id: Set(person),
        created_at: Set(op.now),
        expires_at: Set(until),
        revoked_at: Set(None),
        ..Default::default()
    }
}

fn row(
    op: &Op,
    new: &NewApiKey,
    secret: &Secret,
    person: PersonId,
    session: SessionId,
) -> Result<api_key::ActiveModel> {
    Ok(api_key::ActiveModel {
        person_id: Set(person),
        session_id: Set(session),
        name: Set(new.name.clone()),
        hint: Set(secret.hint()),
        key_hash: Set(secret.hash()),
        limited_to: Set(new.limited_to.as_ref().map(|names| json!(names))),
        addresses: Set(json!(new.addresses)),
        created_by_id: Set(op.me()?),
        created_at: Set(op.now),
        expires_at: Set(new.expires_at),
        last_used_at: Set(None),
        revoked_at: Set(None),
        version: Set(1),
        ..Default::default()
    })
}

/// Changes what a key is for, when it ends, and where it may be used from.
///
/// # Errors
/// A refusal where it is revoked, or the change breaks a rule.
pub async fn update_api_key(op: &Op, call: &Call, change: &ApiKeyChange) -> Done<ApiKeyId, Refusal> {
    let request = request("updateApiKey", call, change);
    settled(op, call, perform(op, &request, |tx| update(op, tx, call, change)).await)
}

async fn update(op: &Op, tx: Conn, call: &Call, change: &ApiKeyChange) -> Done<ApiKeyId, Refusal> {
    let (before, person) = held(op, &tx, call, Permission::UpdateApiKey, change.id).await?;
    let ApiKeyChange { id, name, expires_at, addresses } = change.clone();
    let mut refusals: Vec<Refusal> = name.as_deref().and_then(unnamed).into_iter().collect();
    if expires_at.is_some_and(|at| at <= op.now) {
        refusals.push(Key::ExpiryPassed { now: op.now }.into());
    }
    unless_refused(refusals)?;
    let after = api_key::Model {
        name: name.unwrap_or_else(|| before.name.clone()),
        expires_at: expires_at.unwrap_or(before.expires_at),
        addresses: addresses.map_or_else(|| before.addresses.clone(), |addresses| json!(addresses)),
        ..before.clone()
    };
    let event = Event::new("identity.api_key_updated", about(id))
        .with_difference(&Changeable::of(&before), &Changeable::of(&after))?;
    store::prolong_session(&tx, after.session_id, after.expires_at).await?;
    if person.family_name != after.name {
        store::update_person(&tx, person::Model { family_name: after.name.clone(), ..person }).await?;
    }
    write(&tx, after).await?;
    outbox::record(op, &tx, call, event).await?;
    Ok(id)
}

/// Ends a key, on open sockets too. It cannot be taken back.
///
/// # Errors
/// A refusal where it is revoked already.
pub async fn revoke_api_key(op: &Op, call: &Call, id: ApiKeyId) -> Done<ApiKeyId, Refusal> {
    let request = request("revokeApiKey", call, &id);
    settled(op, call, perform(op, &request, |tx| revoke(op, tx, call, id)).await)
}

async fn revoke(op: &Op, tx: Conn, call: &Call, id: ApiKeyId) -> Done<ApiKeyId, Refusal> {
    let (key, person) = held(op, &tx, call, Permission::RevokeApiKey, id).await?;
    store::revoke_sessions(&tx, person.id, None, op.now).await?;
    store::update_person(&tx, person::Model { active: false, ..person }).await?;
    write(&tx, api_key::Model { revoked_at: Some(op.now), ..key }).await?;
    outbox::record(op, &tx, call, Event::new("identity.api_key_revoked", about(id))).await?;
    Ok(id)
}

/// A key that lives, with its person, held until the transaction ends.
async fn held(
    op: &Op,
    tx: &Conn,
    call: &Call,
    permission: Permission,
    id: ApiKeyId,
) -> Done<(api_key::Model, person::Model), Refusal> {
    store::one_at_a_time(tx).await?;
    let key = store::api_keys(tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    let person = store::people_held(tx, &[key.person_id]).await?.pop().ok_or(Error::NotFound)?;
    let roles = store::roles_of(tx, &[person.id]).await?.remove(&person.id).unwrap_or_default();
    permitted(op, call, permission, &place_of(&person), &roles)?;
    version::check(tx, call, Some(about(id)), key.version).await?;
    if key.revoked_at.is_some() {
        return refused(Key::Revoked.into());
    }
    Ok((key, person))
}

async fn write(tx: &Conn, key: api_key::Model) -> Done<(), Refusal> {
    let (id, version) = (key.id, key.version);
    if store::update_api_key(tx, key).await? {
        return Ok(());
    }
    version::overtaken(tx, Some(about(id)), version, version + 1).await
}

const fn about(id: ApiKeyId) -> Subject {
    Subject { kind: "ApiKey", id: id.0 }
}
