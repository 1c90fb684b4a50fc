//! Accounts of people, and the roles that they can hold.

use ::entity::vocabulary::{DelegationId, Language, PersonId, RegionId};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use crate::{
    action::Call,
    error::{self, Error},
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
        scalars::Email,
    },
    identity::{
        actions::{self, NewRole, NewUser, UserChange},
        passwords::Password,
        query,
        types::{Person, Role},
    },
    input::line,
    loaders::Loaders,
};

mutations! {
    CreateUser: [
        "EMAIL_TAKEN", "CODE_TAKEN", "UNKNOWN_ROLE", "PASSWORD_TOO_SHORT", "PLACE_REQUIRED", "NAME_REQUIRED",
        "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH",
    ],
    UpdateUser: common + [
        "EMAIL_TAKEN", "CODE_TAKEN", "UNKNOWN_ROLE", "PASSWORD_TOO_SHORT", "PLACE_REQUIRED", "NAME_REQUIRED",
        "LAST_ADMINISTRATOR",
    ],
    DeactivateUser: common + ["WRONG_STATUS", "LAST_ADMINISTRATOR"],
    ReactivateUser: common + ["WRONG_STATUS"],
    UnlinkUser: common + ["NOT_LINKED"],
    CreateRole: ["CODE_TAKEN", "NAME_REQUIRED", "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH"],
}

/// Longest name or label.
const NAME: usize = 100;
/// Longest code.
const CODE: usize = 40;
/// Most roles of one person.
const ROLES: usize = 50;

/// Changes to people's accounts and roles.
#[derive(Debug, Default)]
pub struct UserMutation;

/// A person who is to be able to sign in.
#[derive(InputObject)]
struct CreateUserInput {
    /// E-mail address, with which they sign in.
    email: Email,
    /// Given name.
    given_name: String,
    /// Family name.
    family_name: String,
    /// Stable code; one is given where there is none.
    code: Option<String>,
    /// Codes of the roles that they hold.
    roles: Vec<String>,
    /// Delegation that they work in.
    delegation: Option<IdOf<DelegationId>>,
    /// Region that they manage; with a delegation it is the delegation's.
    region: Option<IdOf<RegionId>>,
    /// Language that they want to be spoken to in.
    #[graphql(default_with = "Language::Fr")]
    language: Language,
    /// First password, of at least twelve characters; without one they cannot sign in with a password.
    #[graphql(secret)]
    password: Option<String>,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

impl CreateUserInput {
    fn read(self) -> error::Result<(NewUser, Call)> {
        let Self { email, given_name, family_name, code, roles, delegation, region, language, password, call } = self;
        let code = code.map(|code| line(["input", "code"], &code, CODE)).transpose()?.filter(|code| !code.is_empty());
        let new = NewUser {
            email: email.0,
            given_name: line(["input", "givenName"], &given_name, NAME)?,
            family_name: line(["input", "familyName"], &family_name, NAME)?,
            code,
            roles: codes(&roles)?,
            delegation: delegation.map(|id| id.0),
            region: region.map(|id| id.0),
            language,
            password: typed(password)?,
        };
        Ok((new, call.into()))
    }
}

/// What is changed about a person; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateUserInput {
    /// Who.
    id: IdOf<PersonId>,
    /// E-mail address, with which they sign in.
    email: Option<Email>,
    /// Given name.
    given_name: Option<String>,
    /// Family name.
    family_name: Option<String>,
    /// Stable code.
    code: Option<String>,
    /// Codes of all the roles that they hold from now on.
    roles: Option<Vec<String>>,
    /// Delegation that they work in; null: in none any more.
    delegation: MaybeUndefined<IdOf<DelegationId>>,
    /// Region that they manage; with a delegation it is the delegation's; null: none any more.
    region: MaybeUndefined<IdOf<RegionId>>,
    /// Language that they want to be spoken to in.
    language: Option<Language>,
    /// A new password of at least twelve characters; all their sessions end.
    #[graphql(secret)]
    password: Option<String>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateUserInput {
    fn read(self) -> error::Result<(UserChange, Call)> {
        let Self { id, email, given_name, family_name, code, roles, delegation, region, language, password, call } =
            self;
        let text = |field, text: Option<String>, most| text.map(|text| line(["input", field], &text, most)).transpose();
        let change = UserChange {
            id: id.0,
            email: email.map(|email| email.0),
            given_name: text("givenName", given_name, NAME)?,
            family_name: text("familyName", family_name, NAME)?,
            code: text("code", code, CODE)?,
            roles: roles.map(|roles| codes(&roles)).transpose()?,
            delegation: delegation.map_value(|id| id.0).into(),
            region: region.map_value(|id| id.0).into(),
            language,
            password: typed(password)?,
        };
        Ok((change, call.into()))
    }
}

/// Whose account is deactivated.
#[derive(InputObject)]
struct DeactivateUserInput {
    /// Who.
    id: IdOf<PersonId>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// Whose account is active again.
#[derive(InputObject)]
struct ReactivateUserInput {
    /// Who.
    id: IdOf<PersonId>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// Whose account elsewhere is theirs no more.
#[derive(InputObject)]
struct UnlinkUserInput {
    /// Who.
    id: IdOf<PersonId>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

/// A role that people can hold.
#[derive(InputObject)]
struct CreateRoleInput {
    /// Code, as in the policy: capital letters, digits and underscores.
    code: String,
    /// French label.
    label_fr: String,
    /// English label.
    label_en: String,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

impl CreateRoleInput {
    fn read(self) -> error::Result<(NewRole, Call)> {
        let Self { code, label_fr, label_en, call } = self;
        let well_formed = code.len() <= CODE
            && code.starts_with(|c: char| c.is_ascii_uppercase())
            && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if !well_formed {
            let message = format!("1 to {CODE} capital letters, digits and underscores, a letter first");
            return Err(Error::bad_input(["input", "code"], message));
        }
        let label_fr = line(["input", "labelFr"], &label_fr, NAME)?;
        let label_en = line(["input", "labelEn"], &label_en, NAME)?;
        Ok((NewRole { code, label_fr, label_en }, call.into()))
    }
}

pub(super) fn codes(roles: &[String]) -> error::Result<Vec<String>> {
    if roles.len() > ROLES {
        return Err(Error::bad_input(["input", "roles"], format!("at most {ROLES} roles")));
    }
    roles.iter().map(|code| line(["input", "roles"], code, CODE)).collect()
}

fn typed(password: Option<String>) -> error::Result<Option<Password>> {
    password.map(|password| Password::typed(["input", "password"], password)).transpose()
}

/// A person who can sign in, or why not.
#[derive(SimpleObject)]
struct CreateUserPayload {
    /// The person.
    user: Option<Person>,
    /// Why not.
    user_errors: Vec<UserError<CreateUser>>,
}

/// A person as they are now, and why they were not changed.
#[derive(SimpleObject)]
struct UpdateUserPayload {
    /// The person.
    user: Option<Person>,
    /// Why not.
    user_errors: Vec<UserError<UpdateUser>>,
}

/// A person as they are now, and why they were not deactivated.
#[derive(SimpleObject)]
struct DeactivateUserPayload {
    /// The person.
    user: Option<Person>,
    /// Why not.
    user_errors: Vec<UserError<DeactivateUser>>,
}

/// A person as they are now, and why they are not active again.
#[derive(SimpleObject)]
struct ReactivateUserPayload {
    /// The person.
    user: Option<Person>,
    /// Why not.
    user_errors: Vec<UserError<ReactivateUser>>,
}

/// A person as they are now, and why they are linked still.
#[derive(SimpleObject)]
struct UnlinkUserPayload {
    /// The person.
    user: Option<Person>,
    /// Why not.
    user_errors: Vec<UserError<UnlinkUser>>,
}

/// A role, or why not.
#[derive(SimpleObject)]
struct CreateRolePayload {
    /// The role.
    role: Option<Role>,
    /// Why not.
    user_errors: Vec<UserError<CreateRole>>,
}

#[Object]
impl UserMutation {
    /// Creates a person who can sign in.
    async fn create_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person.")] input: CreateUserInput,
    ) -> Result<CreateUserPayload> {
        let op = op(ctx);
        let (new, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::create_user(op, &call, &new).await)?;
        let user = match made {
            Some(id) => user(ctx, id).await?,
            None => None,
        };
        Ok(CreateUserPayload { user, user_errors })
    }

    /// Changes a person: name, address, roles, place, language, password.
    async fn update_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and what is changed.")] input: UpdateUserInput,
    ) -> Result<UpdateUserPayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_user(op, &call, &change).await)?;
        Ok(UpdateUserPayload { user: user(ctx, change.id).await?, user_errors })
    }

    /// Lets a person in no more: their sessions and mandates end at once.
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: DeactivateUserInput,
    ) -> Result<DeactivateUserPayload> {
        let (op, DeactivateUserInput { id, call }) = (op(ctx), input);
        let (_, user_errors) = answer(op, actions::set_active(op, &call.into(), id.0, false).await)?;
        Ok(DeactivateUserPayload { user: user(ctx, id.0).await?, user_errors })
    }

    /// Lets a deactivated person in again, with the roles that they had.
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: ReactivateUserInput,
    ) -> Result<ReactivateUserPayload> {
        let (op, ReactivateUserInput { id, call }) = (op(ctx), input);
        let (_, user_errors) = answer(op, actions::set_active(op, &call.into(), id.0, true).await)?;
        Ok(ReactivateUserPayload { user: user(ctx, id.0).await?, user_errors })
    }

    /// Takes from a person the account that they sign in with elsewhere: their sessions end, and the next token
    /// that brings their verified e-mail address links them anew.
    async fn unlink_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: UnlinkUserInput,
    ) -> Result<UnlinkUserPayload> {
        let (op, UnlinkUserInput { id, call }) = (op(ctx), input);
        let (_, user_errors) = answer(op, actions::unlink_user(op, &call.into(), id.0).await)?;
        Ok(UnlinkUserPayload { user: user(ctx, id.0).await?, user_errors })
    }

    /// Creates a role; what it may do is for the policy to say.
    async fn create_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role.")] input: CreateRoleInput,
    ) -> Result<CreateRolePayload> {
        let op = op(ctx);
        let (new, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::create_role(op, &call, &new).await)?;
        let role = match made {
            Some(code) => query::role(op, &code).await.told(op)?,
            None => None,
        };
        Ok(CreateRolePayload { role, user_errors })
    }
}

/// A person as the action left them.
async fn user(ctx: &Context<'_>, id: PersonId) -> Result<Option<Person>> {
    Ok(Loaders::of(ctx).find(id).await.told(op(ctx))?.map(Person))
}
