//! What can be done to accounts and contacts: one function per use case, each with its transaction.

mod accounts;
mod contacts;
mod portfolio;
mod sites;

pub(super) use accounts::{
    AccountChange, BrokerChange, NewAccount, create_account, only_of, update_account, update_broker,
};
pub(super) use contacts::{
    ContactChange, NewContact, NewLink, OldLink, Post, create_contact, link_contact, unlink_contact, update_contact,
};
pub(super) use portfolio::{Handover, move_portfolio};
pub(super) use sites::{NewSite, SiteChange, add_site, update_site};

use ::entity::{
    crm::{account, contact_point},
    vocabulary::{AccountId, ContactId, PersonId},
};
use serde::Serialize;

use super::{
    error::{Holder, Refusal},
    may_read, place,
    rules::Point,
    store,
};
use crate::{
    action::{Call, Request},
    authz::{Permission, Place},
    db::Conn,
    error::{Error, Result, is_duplicate},
    identity,
    op::Op,
    outbox::Subject,
    refusal::{Done, refused},
};

/// A request whose fingerprint tells in whose name it is made and what the caller saw, too.
fn request<'c>(mutation: &'static str, call: &'c Call, input: &impl std::fmt::Debug) -> Request<'c> {
    Request::new(mutation, call, &(input, call.on_behalf_of, call.expected_version))
}

const fn about_account(id: AccountId) -> Subject {
    Subject { kind: "Account", id: id.0 }
}

const fn about_contact(id: ContactId) -> Subject {
    Subject { kind: "Contact", id: id.0 }
}

/// An action reaches a place, or is forbidden there.
fn reaches(op: &Op, call: &Call, permission: Permission, place: &Place) -> Result<()> {
    if op.acts(permission, call.name()).covers(place) { Ok(()) } else { Err(Error::Forbidden) }
}

/// An account to act on, held until the transaction ends (G-3).
///
/// # Errors
/// [`Error::NotFound`] where it may not be read, [`Error::Forbidden`] where the action does not reach it.
async fn account_to(op: &Op, tx: &Conn, call: &Call, permission: Permission, id: AccountId) -> Result<account::Model> {
    let account = store::accounts_held(tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    if !may_read(op, tx, call.name(), &account).await? {
        return Err(Error::NotFound);
    }
    reaches(op, call, permission, &place(&account))?;
    Ok(account)
}

/// Somebody into whose portfolio an account is to go; `field` names them in the input.
///
/// # Errors
/// [`Error::NotFound`] where there is nobody, [`Error::Forbidden`] where the action does not reach them; a refusal
/// where they are no delegate.
async fn keeper(
    op: &Op,
    tx: &Conn,
    call: &Call,
    permission: Permission,
    (field, id): (&str, PersonId),
) -> Done<identity::Delegate, Refusal> {
    let person = identity::store::people(tx, &[id]).await?.pop().ok_or(Error::NotFound)?;
    let there = Place { owner: Some(id), delegation: person.delegation_id, region: person.region_id };
    reaches(op, call, permission, &there)?;
    match identity::delegates(&op.app, tx, &[id]).await?.pop() {
        Some(delegate) => Ok(delegate),
        None => refused(Refusal::OwnerInvalid { field: field.to_owned() }),
    }
}

/// Which account stands in the way, where the caller may know.
async fn holder(op: &Op, tx: &Conn, call: &Call, account: AccountId) -> Result<Option<Holder>> {
    let Some(account) = store::accounts(tx, &[account]).await?.pop() else { return Ok(None) };
    let is_readable = may_read(op, tx, call.name(), &account).await?;
    let account::Model { code, name, .. } = account;
    Ok(is_readable.then_some(Holder { code, name }))
}

/// Somebody took the number since it was looked for: begin again and tell who.
fn taken_meanwhile(error: sea_orm::DbErr) -> Error {
    if is_duplicate(&error) { Error::Busy(error) } else { error.into() }
}

impl From<contact_point::Model> for Point {
    fn from(row: contact_point::Model) -> Self {
        let contact_point::Model { id: _, account_id: _, contact_id: _, kind, value, label, is_primary } = row;
        Self { kind, value, label, primary: is_primary }
    }
}

/// Two states in one object, as an event tells them.
#[derive(Serialize)]
struct Together<'s, A, B> {
    #[serde(flatten)]
    one: &'s A,
    #[serde(flatten)]
    other: &'s B,
}

/// Addresses and numbers as they are to be kept, and what is wrong with them.
fn kept(points: &[Point]) -> (Vec<Point>, Vec<Refusal>) {
    match super::rules::points(points) {
        Ok(points) => (points, Vec::new()),
        Err(refusals) => (Vec::new(), refusals),
    }
}
