//! What can be done to people, roles and mandates: one function per use case, each with its transaction.

mod administrator;
mod api_keys;
mod mandates;
mod settings;
mod users;

pub use administrator::{Administrator, appoint};
pub use api_keys::{ApiKeyChange, NewApiKey, create_api_key, revoke_api_key, update_api_key};
pub use mandates::{end_deputy, name_deputy};
pub use settings::{Settings, update_settings};
pub use users::{NewRole, NewUser, UserChange, create_role, create_user, set_active, unlink_user, update_user};

use ::entity::identity::person;

use super::{
    error::{Access, Refusal},
    passwords::Password,
    rules,
};
use crate::{
    action::{Call, Request},
    authz::{Permission, Place},
    error::{Error, Result},
    op::Op,
    refusal::Done,
};

/// Where somebody belongs.
fn place_of(person: &person::Model) -> Place {
    Place { owner: Some(person.id), delegation: person.delegation_id, region: person.region_id }
}

/// Whether the action reaches somebody with these roles at this place. Within less than everywhere,
/// nobody acts on, or makes, people who reach further than they do.
fn permitted(op: &Op, call: &Call, permission: Permission, place: &Place, roles: &[String]) -> Result<()> {
    let grant = op.caller()?.grant(call.name()).ok_or(Error::Forbidden)?;
    let reach = op.acts(permission, call.name());
    let theirs = op.app.policy().view.rights(roles.iter().map(String::as_str));
    let within = || reach.covers(place) && rules::reaches_no_further(&theirs, &grant.rights);
    if reach.all || within() { Ok(()) } else { Err(Error::Forbidden) }
}

/// A request whose fingerprint tells in whose name it is made and what the caller saw, too.
fn request<'c>(mutation: &'static str, call: &'c Call, input: &impl std::fmt::Debug) -> Request<'c> {
    Request::new(mutation, call, &(input, call.on_behalf_of, call.expected_version))
}

/// After a change of people: this process forgets at once what it remembers of them, the others when
/// the event reaches them.
fn settled<T>(op: &Op, call: &Call, done: Done<T, Refusal>) -> Done<T, Refusal> {
    if done.is_ok() && !call.dry_run {
        op.app.directory.forget();
    }
    done
}

/// The hash of a new password; none where there is none, or where it will be refused.
async fn hashed(password: Option<&Password>) -> Result<Option<String>> {
    match password.filter(|p| p.is_long_enough()) {
        Some(password) => password.clone().hashed().await.map(Some),
        None => Ok(None),
    }
}

/// A new password must be long enough.
fn too_short(password: Option<&Password>, field: &str) -> Option<Refusal> {
    password.filter(|p| !p.is_long_enough()).map(|_| Access::PasswordTooShort { field: field.to_owned() }.into())
}
