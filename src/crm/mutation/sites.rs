//! Sites of accounts.

use ::entity::vocabulary::{AccountId, SiteId, SiteKind};
use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result, SimpleObject};

use super::points::{NAME, optional, removable, text};
use crate::{
    action::Call,
    crm::{
        self,
        actions::{self, NewSite, SiteChange},
        rules::{FRANCE, SiteProfile},
        types::Site,
    },
    error::{self, Error},
    graphql::{
        call::CallInput,
        id::IdOf,
        payload::{Told, UserError, answer, mutations, op},
        scalars::Siret,
    },
    input::{line, paragraph},
    loaders::Loaders,
};

mutations! {
    AddSite: common + [
        "NAME_REQUIRED", "ADDRESS_INCOMPLETE", "POSTCODE_INVALID", "SIRET_NOT_OF_SIREN", "SIRET_TAKEN",
    ],
    UpdateSite: common + [
        "NAME_REQUIRED", "ADDRESS_INCOMPLETE", "POSTCODE_INVALID", "SIRET_NOT_OF_SIREN", "SIRET_TAKEN",
    ],
}

/// Longest postcode.
const POSTCODE: usize = 16;
/// Longest code of a commune.
const INSEE_CODE: usize = 5;

/// Changes to sites.
#[derive(Debug, Default)]
pub struct SiteMutation;

/// A site that an account is to have.
#[derive(InputObject)]
struct AddSiteInput {
    /// Whose; `expectedVersion` is the account's.
    account: IdOf<AccountId>,
    /// What it is to the account.
    kind: SiteKind,
    /// Name, such as the commune's.
    name: String,
    /// Number of the establishment in the register of companies; it begins with the account's SIREN number.
    siret: Option<Siret>,
    /// Number and street, further lines separated by a line break.
    street: String,
    /// Postcode; in France five digits.
    postcode: String,
    /// City.
    city: String,
    /// Country, two letters of ISO 3166-1.
    #[graphql(default_with = "FRANCE.to_owned()")]
    country: String,
    /// Code of the commune in the official geographic code, five characters.
    insee_code: Option<String>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl AddSiteInput {
    fn read(self) -> error::Result<(NewSite, Call)> {
        let Self { account, kind, name, siret, street, postcode, city, country, insee_code, call } = self;
        let profile = SiteProfile {
            kind,
            name: line(["input", "name"], &name, NAME)?,
            siret: siret.map(|siret| siret.0),
            street: paragraph(["input", "street"], &street, NAME)?,
            postcode: line(["input", "postcode"], &postcode, POSTCODE)?,
            city: line(["input", "city"], &city, NAME)?,
            country: country_code(&country)?,
            insee_code: optional("inseeCode", insee_code, INSEE_CODE)?,
            active: true,
        };
        Ok((NewSite { account: account.0, profile }, call.into()))
    }
}

/// What is changed about a site; what is left out stays as it is.
#[derive(InputObject)]
struct UpdateSiteInput {
    /// Which; `expectedVersion` is the site's own.
    id: IdOf<SiteId>,
    /// What it is to the account.
    kind: Option<SiteKind>,
    /// Name, such as the commune's.
    name: Option<String>,
    /// Number of the establishment in the register of companies; null: it has none.
    siret: MaybeUndefined<Siret>,
    /// Number and street, further lines separated by a line break.
    street: Option<String>,
    /// Postcode; in France five digits.
    postcode: Option<String>,
    /// City.
    city: Option<String>,
    /// Country, two letters of ISO 3166-1.
    country: Option<String>,
    /// Code of the commune in the official geographic code; null: it has none.
    insee_code: MaybeUndefined<String>,
    /// Whether it is still there.
    active: Option<bool>,
    /// How it is called.
    #[graphql(flatten)]
    call: CallInput,
}

impl UpdateSiteInput {
    fn read(self) -> error::Result<(SiteChange, Call)> {
        let Self { id, kind, name, siret, street, postcode, city, country, insee_code, active, call } = self;
        let change = SiteChange {
            id: id.0,
            kind,
            name: text("name", name, NAME)?,
            siret: siret.map_value(|siret| siret.0).into(),
            street: street.map(|street| paragraph(["input", "street"], &street, NAME)).transpose()?,
            postcode: text("postcode", postcode, POSTCODE)?,
            city: text("city", city, NAME)?,
            country: country.as_deref().map(country_code).transpose()?,
            insee_code: removable("inseeCode", insee_code, INSEE_CODE)?,
            active,
        };
        Ok((change, call.into()))
    }
}

/// The code of a country.
fn country_code(text: &str) -> error::Result<String> {
    let code = text.trim().to_ascii_uppercase();
    let is_code = code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_uppercase());
    if is_code { Ok(code) } else { Err(Error::bad_input(["input", "country"], "two letters of ISO 3166-1")) }
}

/// A site, or why not.
#[derive(SimpleObject)]
struct AddSitePayload {
    /// The site.
    site: Option<Site>,
    /// Why not.
    user_errors: Vec<UserError<AddSite>>,
}

/// A site as it is now, and why it was not changed.
#[derive(SimpleObject)]
struct UpdateSitePayload {
    /// The site.
    site: Option<Site>,
    /// Why not.
    user_errors: Vec<UserError<UpdateSite>>,
}

#[Object]
impl SiteMutation {
    /// Adds a site to an account.
    async fn add_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] input: AddSiteInput,
    ) -> Result<AddSitePayload> {
        let op = op(ctx);
        let (new, call) = input.read().told(op)?;
        let (made, user_errors) = answer(op, actions::add_site(op, &call, &new).await)?;
        let site = match made {
            Some(id) => site(ctx, id).await?,
            None => None,
        };
        Ok(AddSitePayload { site, user_errors })
    }

    /// Changes a site; one that is there no more stays in the orders that name it.
    async fn update_site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what is changed.")] input: UpdateSiteInput,
    ) -> Result<UpdateSitePayload> {
        let op = op(ctx);
        let (change, call) = input.read().told(op)?;
        let (_, user_errors) = answer(op, actions::update_site(op, &call, &change).await)?;
        Ok(UpdateSitePayload { site: site(ctx, change.id).await?, user_errors })
    }
}

/// A site as the action left it.
async fn site(ctx: &Context<'_>, id: SiteId) -> Result<Option<Site>> {
    Ok(crm::readable_site(op(ctx), Loaders::of(ctx), id).await.told(op(ctx))?.map(Site))
}
