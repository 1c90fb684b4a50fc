//! Accounts and their broker parts.

use ::entity::vocabulary::{AccountId, AccountKind, Day, DelegationId, PersonId, Sector};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::points::{ContactPointInput, NAME, optional, points, text};
use crate::{
    action::Call,
    crm::{
        self,
        actions::{self, AccountChange, BrokerChange, NewAccount},
        rules::AccountProfile,
        types::Account,
    },
    error,
    graphql::{
        call::{CallInput, NewCallInput},
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
        scalars::{Siren, VatNumber},
    },
    loaders::Loaders,
};

mutations! {
    CreateAccount: [
        "NAME_REQUIRED", "SIREN_TAKEN", "VAT_NOT_OF_SIREN", "CONTACT_POINT_INVALID", "OWNER_INVALID",
        "DELEGATION_REQUIRED", "NOT_DEPUTY", "IDEMPOTENCY_MISMATCH",
    ],
    UpdateAccount: common + [
        "NAME_REQUIRED", "SIREN_TAKEN", "SIRET_NOT_OF_SIREN", "VAT_NOT_OF_SIREN", "CONTACT_POINT_INVALID",
    ],
    UpdateBroker: common + ["ORIAS_REQUIRED", "ORIAS_INVALID", "ORIAS_TAKEN", "PERIOD_INVALID"],
}

/// Longest ORIAS number, blanks included.
const ORIAS: usize = 20;

/// Changes to accounts.
#[derive(Debug, Default)]
pub struct AccountMutation;

/// An account that is to be. It gets its code by itself.
#[derive(InputObject)]
struct CreateAccountInput {
    /// Company or natural person.
    kind: AccountKind,
    /// Name of a company.
    name: Option<String>,
    /// Given name of a person.
    given_name: Option<String>,
    /// Family name of a person.
    family_name: Option<String>,
    /// Number in the register of companies.
    siren: Option<Siren>,
    /// VAT number; a French one contains the SIREN number.
    vat_number: Option<VatNumber>,
    /// Line of business.
    sector: Option<Sector>,
    /// E-mail addresses and telephone numbers.
    #[graphql(default)]
    contact_points: Vec<ContactPointInput>,
    /// Delegate in whose portfolio it is; where it is left out, the caller where they are one, else nobody.
    portfolio_owner: Option<IdOf<PersonId>>,
    /// Delegation that looks after it, where nobody's portfolio says so; the caller's by default.
    delegation: Option<IdOf<DelegationId>>,
    /// How it is called.
    #[graphql(flatten)]
    call: NewCallInput,
}

impl CreateAccountInput {
    fn read(self) -> error::Result<(NewAccount, Call)> {
        let Self {
            kind,
            name,
            given_name,
            family_name,
            siren,
            vat_number,
            sector,
            contact_points,
            portfolio_owner,
            delegation,
            call,
        } = self;
        actions::only_of(kind, name.is_some(), given_name.is_some() || family_name.is_some())?;
        let profile = AccountProfile {
            kind,
            name: text("name", name, NAME)?.unwrap_or_default(),
            given_name: optional("givenName", given_name, NAME)?,
            family_name: optional("familyName", family_name, NAME)?,
            siren: siren.map(|siren| siren.0),
            vat_number: vat_number.map(|number| number.0),
            sector,
            active: true,
            contact_points: points(contact_points)?,
        };
        let (owner, delegation) = (portfolio_owner.map(|id| id.0), delegation.map(|id| id.0));
        Ok((NewAccount { profile, owner, delegation }, call.into()))
    }
}

/// What is changed about an account; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateAccountInput {
    /// Which.
    id: IdOf<AccountId>,
    /// Name of a company.
    name: Option<String>,
    /// Given name of a person.
    given_name: Option<String>,
    /// Family name of a person.
    family_name: Option<String>,
    /// Number in the register of companies; null: it has none.
    siren: MaybeUndefined<Siren>,
    /// VAT number; null: it has none.
    vat_number: MaybeUndefined<VatNumber>,
    /// Line of business; null: it is not known.
    sector: MaybeUndefined<Sector>,
    /// Whether it is still dealt with.
    active: Option<bool>,
    /// All its e-mail addresses and telephone numbers from now on.
    contact_points: Option<Vec<ContactPointInput>>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateAccountInput {
    fn read(self) -> error::Result<(AccountChange, Call)> {
        let Self { id, name, given_name, family_name, siren, vat_number, sector, active, contact_points, call } = self;
        let change = AccountChange {
            id: id.0,
            name: text("name", name, NAME)?,
            given_name: text("givenName", given_name, NAME)?,
            family_name: text("familyName", family_name, NAME)?,
            siren: siren.map_value(|siren| siren.0).into(),
            vat_number: vat_number.map_value(|number| number.0).into(),
            sector: sector.into(),
            active,
            contact_points: contact_points.map(points).transpose()?,
        };
        Ok((change, call.into()))
    }
}

/// What is changed about a broker part; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateBrokerInput {
    /// Which account; it becomes a broker where it was none.
    id: IdOf<AccountId>,
    /// Number in the register of insurance intermediaries, eight digits.
    orias: Option<String>,
    /// First day in the company-wide challenge programme; null: it is not enrolled.
    programme_from: MaybeUndefined<Day>,
    /// Last day in the programme; null: until further notice.
    programme_to: MaybeUndefined<Day>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateBrokerInput {
    fn read(self) -> error::Result<(BrokerChange, Call)> {
        let Self { id, orias, programme_from, programme_to, call } = self;
        let change = BrokerChange {
            id: id.0,
            orias: text("orias", orias, ORIAS)?.map(|orias| orias.replace(' ', "")),
            programme_from: programme_from.map_value(|day| day.0).into(),
            programme_to: programme_to.map_value(|day| day.0).into(),
        };
        Ok((change, call.into()))
    }
}

/// An account, or why not.
#[derive(SimpleObject)]
struct CreateAccountPayload {
    /// The account.
    account: Option<Account>,
    /// Why not.
    user_errors: Vec<UserError<CreateAccount>>,
}

/// An account as it is now, and why it was not changed.
#[derive(SimpleObject)]
struct UpdateAccountPayload {
    /// The account.
    account: Option<Account>,
    /// Why not.
    user_errors: Vec<UserError<UpdateAccount>>,
}

/// An account as it is now, and why its broker part was not changed.
#[derive(SimpleObject)]
struct UpdateBrokerPayload {
    /// The account.
    account: Option<Account>,
    /// Why not.
    user_errors: Vec<UserError<UpdateBroker>>,
}

#[Object]
impl AccountMutation {
    /// Creates an account.
    async fn create_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: CreateAccountInput,
    ) -> Result<CreateAccountPayload> {
        let op = op(ctx);
        let (new, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::create_account(op, &call, &new).await)?;
        let account = match made {
            Some(id) => account(ctx, id).await?,
            None => None,
        };
        Ok(CreateAccountPayload { account, user_errors })
    }

    /// Changes an account.
    async fn update_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what is changed.")] input: UpdateAccountInput,
    ) -> Result<UpdateAccountPayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_account(op, &call, &change).await)?;
        Ok(UpdateAccountPayload { account: account(ctx, change.id).await?, user_errors })
    }

    /// Changes what an account has more as a broker; makes it one where it was none.
    async fn update_broker(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what is changed.")] input: UpdateBrokerInput,
    ) -> Result<UpdateBrokerPayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_broker(op, &call, &change).await)?;
        Ok(UpdateBrokerPayload { account: account(ctx, change.id).await?, user_errors })
    }
}

/// An account as the action left it.
pub(super) async fn account(ctx: &Context<'_>, id: AccountId) -> Result<Option<Account>> {
    Ok(crm::readable(op(ctx), Loaders::of(ctx), id).await.told(op(ctx))?.map(Account))
}
