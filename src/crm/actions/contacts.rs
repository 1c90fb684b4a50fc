//! Contacts and their places in accounts.

use ::entity::{
    crm::{account, contact, contact_link},
    vocabulary::{AccountId, ContactId, ContactLinkId, Language, Salutation},
};
use chrono::NaiveDate;
use sea_orm::ActiveValue::{NotSet, Set};
use serde::Serialize;
use serde_json::json;

use super::{Together, about_contact, account_to, kept, request, taken_meanwhile};
use crate::{
    action::{Call, perform},
    authz::Permission,
    crm::{
        error::Refusal,
        may_read, place,
        rules::{self, ContactProfile, Point},
        store::{self, Owner},
    },
    db::Conn,
    error::{Error, Result},
    op::Op,
    outbox::{self, Event},
    refusal::{Done, refused, unless_refused},
    version,
};

/// A contact's place in an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// Where.
    pub account: AccountId,
    /// What they do there.
    pub function: Option<String>,
    /// In which department.
    pub department: Option<String>,
    /// First day.
    pub since: Option<NaiveDate>,
    /// Whether they are the account's first contact.
    pub primary: bool,
}

/// A contact that is to be.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// What they are like, addresses and numbers as they were given.
    pub profile: ContactProfile,
    /// At which account.
    pub post: Post,
}

/// What is changed about a contact; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct ContactChange {
    /// Who.
    pub id: ContactId,
    /// How they are addressed, or that it is not known.
    pub salutation: Option<Option<Salutation>>,
    /// Given name, or that it is not known.
    pub given_name: Option<Option<String>>,
    /// Family name.
    pub family_name: Option<String>,
    /// Language that they are spoken to in.
    pub language: Option<Language>,
    /// Whether they are dealt with.
    pub active: Option<bool>,
    /// All their addresses and numbers, as they were given.
    pub contact_points: Option<Vec<Point>>,
}

/// A place in an account that a contact is to have.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Who.
    pub contact: ContactId,
    /// Where.
    pub post: Post,
}

/// A place in an account that a contact has no longer.
#[derive(Clone, Debug)]
pub struct OldLink {
    /// Who.
    pub contact: ContactId,
    /// Where.
    pub account: AccountId,
    /// Last day; today where it is left out.
    pub until: Option<NaiveDate>,
}

/// Creates a contact at an account.
///
/// # Errors
/// Every rule that the contact breaks.
pub async fn create_contact(op: &Op, call: &Call, new: &NewContact) -> Done<ContactId, Refusal> {
    let request = request("createContact", call, new);
    perform(op, &request, |tx| async move {
        account_to(op, &tx, call, Permission::CreateContact, new.post.account).await?;
        let (points, mut refusals) = kept(&new.profile.contact_points);
        let profile = ContactProfile { contact_points: points, ..new.profile.clone() };
        refusals.extend(rules::contact_flaws(&profile));
        unless_refused(refusals)?;
        let id = insert(op, &tx, &profile).await?;
        store::insert_link(&tx, link(id, &new.post)).await.map_err(taken_meanwhile)?;
        let told = Together { one: &profile, other: &new.post };
        let event = Event::new("contact.created", about_contact(id)).with_changes(&told)?;
        outbox::record(op, &tx, call, event).await?;
        Ok(id)
    })
    .await
}

async fn insert(op: &Op, tx: &Conn, profile: &ContactProfile) -> Result<ContactId> {
    let ContactProfile { salutation, given_name, family_name, language, active, contact_points } = profile.clone();
    let row = contact::ActiveModel {
        id: NotSet,
        salutation: Set(salutation),
        given_name: Set(given_name),
        family_name: Set(family_name),
        language: Set(language),
        active: Set(active),
        created_at: Set(op.now),
        version: Set(1),
    };
    let id = store::insert_contact(tx, row).await?;
    store::set_points(tx, Owner::Contact(id), &contact_points).await?;
    Ok(id)
}

fn link(contact: ContactId, post: &Post) -> contact_link::Model {
    let Post { account, function, department, since, primary } = post.clone();
    contact_link::Model {
        id: ContactLinkId::default(),
        contact_id: contact,
        account_id: account,
        function,
        department,
        since,
        until: None,
        is_primary: primary,
    }
}

/// A contact to act on, held until the transaction ends, with their places.
struct Found {
    contact: contact::Model,
    links: Vec<contact_link::Model>,
    accounts: Vec<account::Model>,
}

impl Found {
    /// # Errors
    /// [`Error::NotFound`] where the contact is, and was, at no account that may be read.
    async fn read(op: &Op, tx: &Conn, call: &Call, id: ContactId) -> Result<Self> {
        let contact = store::contact_held(tx, id).await?.ok_or(Error::NotFound)?;
        let links = store::links_of_contacts(tx, &[id]).await?;
        let ids: Vec<AccountId> = links.iter().map(|link| link.account_id).collect();
        let accounts = store::accounts(tx, &ids).await?;
        for account in &accounts {
            if may_read(op, tx, call.name(), account).await? {
                return Ok(Self { contact, links, accounts });
            }
        }
        Err(Error::NotFound)
    }

    /// Where they are today; where they are nowhere, where they were.
    fn places(&self) -> impl Iterator<Item = &account::Model> {
        let is_somewhere = self.links.iter().any(|link| link.until.is_none());
        self.accounts.iter().filter(move |account| {
            let mut links = self.links.iter().filter(|link| link.account_id == account.id);
            links.any(|link| link.until.is_none() || !is_somewhere)
        })
    }

    /// # Errors
    /// [`Error::Forbidden`] where the action reaches none of the accounts at which they are.
    fn reached(self, op: &Op, call: &Call, permission: Permission) -> Result<Self> {
        let reach = op.acts(permission, call.name());
        let is_reached = self.places().any(|account| reach.covers(&place(account)));
        if is_reached { Ok(self) } else { Err(Error::Forbidden) }
    }

    /// Their place in an account today.
    fn present(&self, account: AccountId) -> Option<&contact_link::Model> {
        self.links.iter().find(|link| link.account_id == account && link.until.is_none())
    }
}

/// Changes a contact.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn update_contact(op: &Op, call: &Call, change: &ContactChange) -> Done<(), Refusal> {
    let request = request("updateContact", call, change);
    perform(op, &request, |tx| async move {
        let found = Found::read(op, &tx, call, change.id).await?.reached(op, call, Permission::UpdateContact)?;
        let contact = found.contact;
        version::check(&tx, call, Some(about_contact(contact.id)), contact.version).await?;
        let before = profile(&tx, &contact).await?;
        let (after, mut refusals) = changed(&before, change);
        refusals.extend(rules::contact_flaws(&after));
        unless_refused(refusals)?;
        let event = Event::new("contact.updated", about_contact(contact.id)).with_difference(&before, &after)?;
        if after.contact_points != before.contact_points {
            store::set_points(&tx, Owner::Contact(contact.id), &after.contact_points).await?;
        }
        let ContactProfile { salutation, given_name, family_name, language, active, contact_points: _ } = after;
        advance(&tx, contact::Model { salutation, given_name, family_name, language, active, ..contact }).await?;
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}

async fn profile(tx: &Conn, contact: &contact::Model) -> Result<ContactProfile> {
    let points = store::points_of_contacts(tx, &[contact.id]).await?;
    let contact::Model { id: _, salutation, given_name, family_name, language, active, .. } = contact.clone();
    let contact_points = points.into_iter().map(Point::from).collect();
    Ok(ContactProfile { salutation, given_name, family_name, language, active, contact_points })
}

/// The contact as they are to be, and what is wrong with their addresses and numbers.
fn changed(before: &ContactProfile, change: &ContactChange) -> (ContactProfile, Vec<Refusal>) {
    let ContactChange { id: _, salutation, given_name, family_name, language, active, contact_points } = change.clone();
    let (points, refusals) = match contact_points {
        Some(given) => kept(&given),
        None => (before.contact_points.clone(), Vec::new()),
    };
    let before = before.clone();
    let after = ContactProfile {
        salutation: salutation.unwrap_or(before.salutation),
        given_name: given_name.unwrap_or(before.given_name),
        family_name: family_name.unwrap_or(before.family_name),
        language: language.unwrap_or(before.language),
        active: active.unwrap_or(before.active),
        contact_points: points,
    };
    (after, refusals)
}

/// Writes a contact's row, one version on.
async fn advance(tx: &Conn, contact: contact::Model) -> Done<(), Refusal> {
    let (id, version) = (contact.id, contact.version);
    if !store::update_contact(tx, contact).await? {
        return version::overtaken(tx, Some(about_contact(id)), version, version + 1).await;
    }
    Ok(())
}

/// Gives a contact a place in a further account. The right to do so must reach that account, and one at which they
/// are: nobody takes hold of another's contact alone.
///
/// # Errors
/// A refusal where they are at the account already.
pub async fn link_contact(op: &Op, call: &Call, new: &NewLink) -> Done<(), Refusal> {
    let request = request("linkContact", call, new);
    perform(op, &request, |tx| async move {
        let found = Found::read(op, &tx, call, new.contact).await?;
        account_to(op, &tx, call, Permission::LinkContact, new.post.account).await?;
        let found = found.reached(op, call, Permission::LinkContact)?;
        version::check(&tx, call, Some(about_contact(new.contact)), found.contact.version).await?;
        if found.present(new.post.account).is_some() {
            return refused(Refusal::AlreadyLinked);
        }
        store::insert_link(&tx, link(new.contact, &new.post)).await.map_err(taken_meanwhile)?;
        advance(&tx, found.contact).await?;
        let event = Event::new("contact.linked", about_contact(new.contact)).with_changes(&new.post)?;
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}

/// Ends a contact's place in an account; the account keeps them among those who were there.
///
/// # Errors
/// A refusal where they are not there, or the day lies in the future or before their first one.
pub async fn unlink_contact(op: &Op, call: &Call, old: &OldLink) -> Done<(), Refusal> {
    let request = request("unlinkContact", call, old);
    perform(op, &request, |tx| async move {
        let found = Found::read(op, &tx, call, old.contact).await?;
        account_to(op, &tx, call, Permission::UnlinkContact, old.account).await?;
        version::check(&tx, call, Some(about_contact(old.contact)), found.contact.version).await?;
        let Some(present) = found.present(old.account) else { return refused(Refusal::NotLinked) };
        let (today, until) = (op.today(), old.until.unwrap_or_else(|| op.today()));
        if until > today {
            return refused(Refusal::InFuture { today });
        }
        if present.since.is_some_and(|since| until < since) {
            return refused(Refusal::PeriodInvalid { field: "until".to_owned() });
        }
        store::end_link(&tx, present.id, until).await?;
        let mut event = Event::new("contact.unlinked", about_contact(old.contact));
        event.changes = json!({ "account": old.account, "until": { "before": null, "after": until } });
        advance(&tx, found.contact).await?;
        outbox::record(op, &tx, call, event).await?;
        Ok(())
    })
    .await
}
