//! Accounts of people, and the roles that they can hold.

use std::sync::Arc;

use ::entity::{
    identity::{person, role},
    vocabulary::{DelegationId, Language, PersonId, RegionId},
};
use sea_orm::ActiveValue::Set;
use serde::Serialize;
use serde_json::{Value, json};

use super::{hashed, permitted, place_of, request, settled, too_short};
use crate::{
    action::{Call, perform},
    authz::{IMPLIED, Permission, Place, Policy, policy},
    db::Conn,
    error::{Error, Result, is_duplicate},
    identity::{
        error::{Account, Refusal},
        passwords::Password,
        rules, store,
    },
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused, unless_refused},
    version,
};

/// A person who is to be able to sign in.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// E-mail address.
    pub email: String,
    /// Given name.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Stable code; none: one is given.
    pub code: Option<String>,
    /// Codes of their roles.
    pub roles: Vec<String>,
    /// Delegation they work in.
    pub delegation: Option<DelegationId>,
    /// Region they manage.
    pub region: Option<RegionId>,
    /// Language they want to be spoken to in.
    pub language: Language,
    /// First password; none: they cannot sign in with one.
    pub password: Option<Password>,
}

/// What is changed about a person; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct UserChange {
    /// Who.
    pub id: PersonId,
    /// E-mail address.
    pub email: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Stable code.
    pub code: Option<String>,
    /// Codes of all their roles from now on.
    pub roles: Option<Vec<String>>,
    /// Delegation, or that they work in none any more.
    pub delegation: Option<Option<DelegationId>>,
    /// Region, or that they manage none any more.
    pub region: Option<Option<RegionId>>,
    /// Language.
    pub language: Option<Language>,
    /// New password.
    pub password: Option<Password>,
}

/// A role that people can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// Code, as in the policy.
    pub code: String,
    /// French label.
    pub label_fr: String,
    /// English label.
    pub label_en: String,
}

/// An account as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Profile {
    pub(super) email: String,
    pub(super) given_name: String,
    pub(super) family_name: String,
    pub(super) code: String,
    pub(super) roles: Vec<String>,
    pub(super) delegation: Option<DelegationId>,
    pub(super) region: Option<RegionId>,
    pub(super) language: Language,
}

impl Profile {
    fn of(person: &person::Model, roles: Vec<String>) -> Self {
        Self {
            email: person.email.clone(),
            given_name: person.given_name.clone(),
            family_name: person.family_name.clone(),
            code: person.code.clone(),
            roles,
            delegation: person.delegation_id,
            region: person.region_id,
            language: person.language,
        }
    }

    pub(super) async fn new(tx: &Conn, new: &NewUser) -> Result<Self> {
        let code = match &new.code {
            Some(code) => code.clone(),
            None => store::free_code(tx).await?,
        };
        Ok(Self {
            email: new.email.clone(),
            given_name: new.given_name.clone(),
            family_name: new.family_name.clone(),
            code,
            roles: each_once(&new.roles),
            delegation: new.delegation,
            region: region(tx, new.delegation, new.region, Some(new.region)).await?,
            language: new.language,
        })
    }

    async fn changed(&self, tx: &Conn, change: &UserChange) -> Result<Self> {
        let or = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).clone();
        let delegation = change.delegation.unwrap_or(self.delegation);
        Ok(Self {
            email: or(&change.email, &self.email),
            given_name: or(&change.given_name, &self.given_name),
            family_name: or(&change.family_name, &self.family_name),
            code: or(&change.code, &self.code),
            roles: change.roles.as_deref().map_or_else(|| self.roles.clone(), each_once),
            delegation,
            region: region(tx, delegation, change.region.unwrap_or(self.region), change.region).await?,
            language: change.language.unwrap_or(self.language),
        })
    }

    pub(super) const fn place(&self, owner: Option<PersonId>) -> Place {
        Place { owner, delegation: self.delegation, region: self.region }
    }
}

fn each_once(codes: &[String]) -> Vec<String> {
    let mut codes = codes.to_vec();
    codes.sort();
    codes.dedup();
    codes
}

/// The region of somebody: their delegation's, or without one the region itself.
async fn region(
    tx: &Conn,
    delegation: Option<DelegationId>,
    region: Option<RegionId>,
    asked: Option<Option<RegionId>>,
) -> Result<Option<RegionId>> {
    if let Some(delegation) = delegation {
        let office = store::delegations(tx, &[delegation]).await?.pop().ok_or(Error::NotFound)?;
        return match asked.flatten() {
            Some(asked) if asked != office.region_id => {
                Err(Error::bad_input(["input", "region"], "the delegation belongs to another region"))
            }
            Some(_) | None => Ok(Some(office.region_id)),
        };
    }
    match region {
        Some(region) if store::regions(tx, &[region]).await?.is_empty() => Err(Error::NotFound),
        region => Ok(region),
    }
}

/// Creates a person who can sign in.
///
/// # Errors
/// Every rule that the account breaks.
pub async fn create_user(op: &Op, call: &Call, new: &NewUser) -> Done<PersonId, Refusal> {
    let hash = hashed(new.password.as_ref()).await?;
    let request = request("createUser", call, new);
    settled(op, call, perform(op, &request, |tx| create(op, tx, call, new, hash.as_ref())).await)
}

async fn create(op: &Op, tx: Conn, call: &Call, new: &NewUser, hash: Option<&String>) -> Done<PersonId, Refusal> {
    store::one_at_a_time(&tx).await?;
    let profile = Profile::new(&tx, new).await?;
    permitted(op, call, Permission::CreateUser, &profile.place(None), &profile.roles)?;
    let mut refusals = against(op, &tx, None, &profile, &new.roles).await?;
    refusals.extend(too_short(new.password.as_ref(), "password"));
    unless_refused(refusals)?;
    let id = insert(op, &tx, &profile, hash.cloned()).await?;
    store::set_roles(&tx, id, &profile.roles).await?;
    let event = Event::new("identity.user_created", about(id)).with_changes(&profile)?;
    outbox::record(op, &tx, call, event).await?;
    Ok(id)
}

pub(super) async fn insert(op: &Op, tx: &Conn, profile: &Profile, hash: Option<String>) -> Result<PersonId> {
    let Profile { email, given_name, family_name, code, roles: _, delegation, region, language } = profile.clone();
    let row = person::ActiveModel {
        code: Set(code),
        email: Set(email),
        given_name: Set(given_name),
        family_name: Set(family_name),
        language: Set(language),
        delegation_id: Set(delegation),
        region_id: Set(region),
        password_hash: Set(hash),
        active: Set(true),
        created_at: Set(op.now),
        version: Set(1),
        ..Default::default()
    };
    store::insert_person(tx, row).await.map_err(taken_meanwhile)
}

/// Changes a person.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn update_user(op: &Op, call: &Call, change: &UserChange) -> Done<PersonId, Refusal> {
    let hash = hashed(change.password.as_ref()).await?;
    let request = request("updateUser", call, change);
    settled(op, call, perform(op, &request, |tx| update(op, tx, call, change, hash.as_ref())).await)
}

async fn update(op: &Op, tx: Conn, call: &Call, change: &UserChange, hash: Option<&String>) -> Done<PersonId, Refusal> {
    let (person, roles) = held(&tx, change.id).await?;
    permitted(op, call, Permission::UpdateUser, &place_of(&person), &roles)?;
    version::check(&tx, call, Some(about(person.id)), person.version).await?;
    let before = Profile::of(&person, roles);
    let after = before.changed(&tx, change).await?;
    permitted(op, call, Permission::UpdateUser, &after.place(Some(person.id)), &after.roles)?;
    let asked = change.roles.as_deref().unwrap_or_default();
    let mut refusals = against(op, &tx, Some((person.id, &before)), &after, asked).await?;
    refusals.extend(too_short(change.password.as_ref(), "password"));
    if person.active && !stays_administered(op, &tx, person.id, Some(&after.roles)).await? {
        refusals.push(Account::LastAdministrator.into());
    }
    unless_refused(refusals)?;
    let mut event = Event::new("identity.user_updated", about(person.id)).with_difference(&before, &after)?;
    if let (Some(_), Value::Object(changes)) = (hash, &mut event.changes) {
        changes.insert("password".to_owned(), json!(true));
    }
    write(op, &tx, person, &after, hash).await?;
    if after.roles != before.roles {
        store::set_roles(&tx, change.id, &after.roles).await?;
    }
    outbox::record(op, &tx, call, event).await?;
    Ok(change.id)
}

/// A person and their roles, held until the transaction ends. The people of API keys are changed with these.
async fn held(tx: &Conn, id: PersonId) -> Result<(person::Model, Vec<String>)> {
    store::one_at_a_time(tx).await?;
    if store::is_of_a_key(tx, id).await? {
        return Err(Error::NotFound);
    }
    let person = store::people_held(tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    let roles = store::roles_of(tx, &[id]).await?.remove(&id).unwrap_or_default();
    Ok((person, roles))
}

async fn write(
    op: &Op,
    tx: &Conn,
    before: person::Model,
    profile: &Profile,
    hash: Option<&String>,
) -> Done<(), Refusal> {
    let Profile { email, given_name, family_name, code, roles: _, delegation, region, language } = profile.clone();
    let (id, version) = (before.id, before.version);
    if (before.delegation_id, before.region_id) != (delegation, region) {
        store::insert_former_place(tx, &before, op.now).await?;
    }
    let after = person::Model {
        email,
        given_name,
        family_name,
        code,
        delegation_id: delegation,
        region_id: region,
        language,
        password_hash: hash.cloned().or(before.password_hash.clone()),
        ..before
    };
    if !store::update_person(tx, after).await.map_err(taken_meanwhile)? {
        return version::overtaken(tx, Some(about(id)), version, version + 1).await;
    }
    if hash.is_some() {
        // Whoever has the old password is out.
        store::revoke_sessions(tx, id, None, op.now).await?;
    }
    Ok(())
}

/// Lets a person in no more, or in again. Deactivation ends their sessions and mandates at once.
///
/// # Errors
/// A refusal where they are active, or deactivated, already, or nobody would be left to administer.
pub async fn set_active(op: &Op, call: &Call, id: PersonId, active: bool) -> Done<PersonId, Refusal> {
    let mutation = if active { "reactivateUser" } else { "deactivateUser" };
    let request = request(mutation, call, &id);
    settled(op, call, perform(op, &request, |tx| switch(op, tx, call, id, active)).await)
}

async fn switch(op: &Op, tx: Conn, call: &Call, id: PersonId, active: bool) -> Done<PersonId, Refusal> {
    let (person, roles) = held(&tx, id).await?;
    let permission = if active { Permission::ReactivateUser } else { Permission::DeactivateUser };
    permitted(op, call, permission, &place_of(&person), &roles)?;
    version::check(&tx, call, Some(about(person.id)), person.version).await?;
    if person.active == active {
        return refused(Account::WrongStatus { active }.into());
    }
    if !active && !stays_administered(op, &tx, id, None).await? {
        return refused(Account::LastAdministrator.into());
    }
    let version = person.version;
    if !store::update_person(&tx, person::Model { active, ..person }).await? {
        return version::overtaken(&tx, Some(about(id)), version, version + 1).await;
    }
    if !active {
        store::revoke_sessions(&tx, id, None, op.now).await?;
        store::end_mandates_of(&tx, id, op.today(), op.now).await?;
    }
    let kind = if active { "identity.user_reactivated" } else { "identity.user_deactivated" };
    outbox::record(op, &tx, call, Event::new(kind, about(id))).await?;
    Ok(id)
}

/// Takes from a person what they sign in with elsewhere; their sessions end.
///
/// # Errors
/// A refusal where they sign in nowhere else.
pub async fn unlink_user(op: &Op, call: &Call, id: PersonId) -> Done<PersonId, Refusal> {
    let request = request("unlinkUser", call, &id);
    settled(op, call, perform(op, &request, |tx| unlink(op, tx, call, id)).await)
}

async fn unlink(op: &Op, tx: Conn, call: &Call, id: PersonId) -> Done<PersonId, Refusal> {
    let (person, roles) = held(&tx, id).await?;
    permitted(op, call, Permission::UnlinkUser, &place_of(&person), &roles)?;
    version::check(&tx, call, Some(about(id)), person.version).await?;
    if !store::delete_identities(&tx, id).await? {
        return refused(Account::NotLinked.into());
    }
    let version = person.version;
    if !store::update_person(&tx, person).await? {
        return version::overtaken(&tx, Some(about(id)), version, version + 1).await;
    }
    store::revoke_sessions(&tx, id, None, op.now).await?;
    outbox::record(op, &tx, call, Event::new("identity.user_unlinked", about(id))).await?;
    Ok(id)
}

/// Creates a role: what it may do is for the policy to say.
///
/// # Errors
/// Every rule that the role breaks.
pub async fn create_role(op: &Op, call: &Call, new: &NewRole) -> Done<String, Refusal> {
    let request = request("createRole", call, new);
    perform(op, &request, |tx| add_role(op, tx, call, new)).await
}

async fn add_role(op: &Op, tx: Conn, call: &Call, new: &NewRole) -> Done<String, Refusal> {
    if !op.acts(Permission::CreateRole, call.name()).all {
        return Err(Error::Forbidden.into());
    }
    store::one_at_a_time(&tx).await?;
    let NewRole { code, label_fr, label_en } = new.clone();
    let mut refusals = missing(&[("labelFr", &label_fr), ("labelEn", &label_en)]);
    let is_taken = store::roles(&tx).await?.iter().any(|r| r.code == code);
    if is_taken || IMPLIED.contains(&code.as_str()) {
        refusals.push(Account::CodeTaken { code: code.clone() }.into());
    }
    unless_refused(refusals)?;
    let mut event = Event::new("identity.role_created", Subject { kind: "Role", id: 0 });
    event.changes = json!({ "code": code, "labelFr": label_fr, "labelEn": label_en });
    store::insert_role(&tx, role::Model { code, label_fr, label_en }).await.map_err(taken_meanwhile)?;
    outbox::record(op, &tx, call, event).await?;
    Ok(new.code.clone())
}

/// Every reason why an account cannot be like this.
pub(super) async fn against(
    op: &Op,
    tx: &Conn,
    before: Option<(PersonId, &Profile)>,
    profile: &Profile,
    asked: &[String],
) -> Result<Vec<Refusal>> {
    let except = before.map(|(id, _)| id);
    let Profile { given_name, family_name, code, .. } = profile;
    let mut refusals = missing(&[("givenName", given_name), ("familyName", family_name), ("code", code)]);
    if store::is_email_taken(tx, &profile.email, except).await? {
        refusals.push(Account::EmailTaken.into());
    }
    if store::is_code_taken(tx, code, except).await? {
        refusals.push(Account::CodeTaken { code: code.clone() }.into());
    }
    let known: Vec<String> = store::roles(tx).await?.into_iter().map(|r| r.code).collect();
    let unknown = asked.iter().enumerate().filter(|(_, code)| !known.contains(code));
    refusals.extend(
        unknown.map(|(place, code)| Account::UnknownRole { place, code: code.clone(), known: known.clone() }.into()),
    );
    // What the policy asks for since they were given their roles does not stand in the way of the rest.
    if before.is_none_or(|(_, before)| before.roles != profile.roles || before.place(None) != profile.place(None)) {
        let rights = in_force(op, tx).await?.view.rights(profile.roles.iter().map(String::as_str));
        let lacking = rules::lacking(&rights, &profile.place(None));
        refusals.extend(lacking.into_iter().map(|lacking| Account::PlaceRequired(lacking).into()));
    }
    Ok(refusals)
}

fn missing(names: &[(&str, &String)]) -> Vec<Refusal> {
    let empty = names.iter().filter(|(_, name)| name.is_empty());
    empty.map(|(field, _)| Account::NameRequired { field: (*field).to_owned() }.into()).collect()
}

/// Whether people and policy can still be administered when a person has these roles, or none any more.
async fn stays_administered(op: &Op, tx: &Conn, person: PersonId, roles: Option<&Vec<String>>) -> Result<bool> {
    let policy = in_force(op, tx).await?;
    let mut held = store::roles_of_active(tx).await?;
    let before = rules::is_administered(&policy.view, held.values());
    match roles {
        Some(roles) => held.insert(person, roles.clone()),
        None => held.remove(&person),
    };
    Ok(!before || rules::is_administered(&policy.view, held.values()))
}

async fn in_force(op: &Op, tx: &Conn) -> Result<Arc<Policy>> {
    policy::up_to_date(tx, op.app.policy()).await
}

/// Somebody who does not wait for his turn, an import for example, took the code or the address since it
/// was looked for: begin again and tell which.
fn taken_meanwhile(error: sea_orm::DbErr) -> Error {
    if is_duplicate(&error) { Error::Busy(error) } else { error.into() }
}

pub(super) const fn about(person: PersonId) -> Subject {
    Subject { kind: "Person", id: person.0 }
}
