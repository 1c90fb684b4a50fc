//! Contacts and their places in accounts.

use ::entity::vocabulary::{AccountId, ContactId, Day, Language, Salutation};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::points::{ContactPointInput, NAME, optional, points, removable, text};
use crate::{
    action::Call,
    crm::{
        self,
        actions::{self, ContactChange, NewContact, NewLink, OldLink, Post},
        rules::ContactProfile,
        types::Contact,
    },
    error,
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
    },
    input::line,
    loaders::Loaders,
};

mutations! {
    CreateContact: ["NAME_REQUIRED", "CONTACT_POINT_INVALID", "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH"],
    UpdateContact: common + ["NAME_REQUIRED", "CONTACT_POINT_INVALID"],
    LinkContact: common + ["ALREADY_LINKED"],
    UnlinkContact: common + ["NOT_LINKED", "DATE_IN_FUTURE", "PERIOD_INVALID"],
}

/// Changes to contacts.
#[derive(Debug, Default)]
pub struct ContactMutation;

/// The place of a contact in an account.
#[derive(InputObject)]
struct ContactPlaceInput {
    /// Where.
    account: IdOf<AccountId>,
    /// What they do there.
    function: Option<String>,
    /// In which department.
    department: Option<String>,
    /// First day, where it is known.
    since: Option<Day>,
    /// Whether they are the account's first contact from now on, instead of whoever was.
    #[graphql(default)]
    primary: bool,
}

impl ContactPlaceInput {
    fn read(self) -> error::Result<Post> {
        let Self { account, function, department, since, primary } = self;
        Ok(Post {
            account: account.0,
            function: optional("function", function, NAME)?,
            department: optional("department", department, NAME)?,
            since: since.map(|day| day.0),
            primary,
        })
    }
}

/// A contact that is to be.
#[derive(InputObject)]
struct CreateContactInput {
    /// How they are addressed.
    salutation: Option<Salutation>,
    /// Given name.
    given_name: Option<String>,
    /// Family name.
    family_name: String,
    /// Language that they are spoken to in.
    #[graphql(default_with = "Language::Fr")]
    language: Language,
    /// E-mail addresses and telephone numbers.
    #[graphql(default)]
    contact_points: Vec<ContactPointInput>,
    /// At which account, as what.
    place: ContactPlaceInput,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

impl CreateContactInput {
    fn read(self) -> error::Result<(NewContact, Call)> {
        let Self { salutation, given_name, family_name, language, contact_points, place, call } = self;
        let profile = ContactProfile {
            salutation,
            given_name: optional("givenName", given_name, NAME)?,
            family_name: line(["input", "familyName"], &family_name, NAME)?,
            language,
            active: true,
            contact_points: points(contact_points)?,
        };
        Ok((NewContact { profile, post: place.read()? }, call.into()))
    }
}

/// What is changed about a contact; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateContactInput {
    /// Who.
    id: IdOf<ContactId>,
    /// How they are addressed; null: it is not known.
    salutation: MaybeUndefined<Salutation>,
    /// Given name; null: it is not known.
    given_name: MaybeUndefined<String>,
    /// Family name.
    family_name: Option<String>,
    /// Language that they are spoken to in.
    language: Option<Language>,
    /// Whether they are still dealt with.
    active: Option<bool>,
    /// All their e-mail addresses and telephone numbers from now on.
    contact_points: Option<Vec<ContactPointInput>>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateContactInput {
    fn read(self) -> error::Result<(ContactChange, Call)> {
        let Self { id, salutation, given_name, family_name, language, active, contact_points, call } = self;
        let change = ContactChange {
            id: id.0,
            salutation: salutation.into(),
            given_name: removable("givenName", given_name, NAME)?,
            family_name: text("familyName", family_name, NAME)?,
            language,
            active,
            contact_points: contact_points.map(points).transpose()?,
        };
        Ok((change, call.into()))
    }
}

/// A place in an account that a contact is to have.
#[derive(InputObject)]
struct LinkContactInput {
    /// Who.
    contact: IdOf<ContactId>,
    /// At which account, as what.
    place: ContactPlaceInput,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A place in an account that a contact has no longer.
#[derive(InputObject)]
struct UnlinkContactInput {
    /// Who.
    contact: IdOf<ContactId>,
    /// At which account.
    account: IdOf<AccountId>,
    /// Last day there; today by default.
    until: Option<Day>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A contact, or why not.
#[derive(SimpleObject)]
struct CreateContactPayload {
    /// The contact.
    contact: Option<Contact>,
    /// Why not.
    user_errors: Vec<UserError<CreateContact>>,
}

/// A contact as they are now, and why they were not changed.
#[derive(SimpleObject)]
struct UpdateContactPayload {
    /// The contact.
    contact: Option<Contact>,
    /// Why not.
    user_errors: Vec<UserError<UpdateContact>>,
}

/// A contact as they are now, and why they got no further place.
#[derive(SimpleObject)]
struct LinkContactPayload {
    /// The contact.
    contact: Option<Contact>,
    /// Why not.
    user_errors: Vec<UserError<LinkContact>>,
}

/// A contact as they are now, and why they kept their place.
#[derive(SimpleObject)]
struct UnlinkContactPayload {
    /// The contact.
    contact: Option<Contact>,
    /// Why not.
    user_errors: Vec<UserError<UnlinkContact>>,
}

#[Object]
impl ContactMutation {
    /// Creates a contact at an account.
    async fn create_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact.")] input: CreateContactInput,
    ) -> Result<CreateContactPayload> {
        let op = op(ctx);
        let (new, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::create_contact(op, &call, &new).await)?;
        let contact = match made {
            Some(id) => contact(ctx, id).await?,
            None => None,
        };
        Ok(CreateContactPayload { contact, user_errors })
    }

    /// Changes a contact.
    async fn update_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and what is changed.")] input: UpdateContactInput,
    ) -> Result<UpdateContactPayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_contact(op, &call, &change).await)?;
        Ok(UpdateContactPayload { contact: contact(ctx, change.id).await?, user_errors })
    }

    /// Gives a contact a place in a further account.
    async fn link_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and where.")] input: LinkContactInput,
    ) -> Result<LinkContactPayload> {
        let (op, LinkContactInput { contact: id, place, call }) = (op(ctx), input);
        let new = NewLink { contact: id.0, post: place.read().told(op)? };
        let (_, user_errors) = answer(op, actions::link_contact(op, &call.into(), &new).await)?;
        Ok(LinkContactPayload { contact: contact(ctx, id.0).await?, user_errors })
    }

    /// Ends a contact's place in an account; it remains as one that they had.
    async fn unlink_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and where.")] input: UnlinkContactInput,
    ) -> Result<UnlinkContactPayload> {
        let (op, UnlinkContactInput { contact: id, account, until, call }) = (op(ctx), input);
        let old = OldLink { contact: id.0, account: account.0, until: until.map(|day| day.0) };
        let (_, user_errors) = answer(op, actions::unlink_contact(op, &call.into(), &old).await)?;
        Ok(UnlinkContactPayload { contact: contact(ctx, id.0).await?, user_errors })
    }
}

/// A contact as the action left them.
async fn contact(ctx: &Context<'_>, id: ContactId) -> Result<Option<Contact>> {
    Ok(crm::readable_contact(op(ctx), Loaders::of(ctx), id).await.told(op(ctx))?.map(Contact))
}
