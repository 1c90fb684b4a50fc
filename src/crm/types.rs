//! What the schema shows of accounts and contacts.

use ::entity::{
    crm::{account, broker, contact_point, site},
    vocabulary::{AccountKind, ContactPointKind, Day, Sector, SiteKind},
};
use async_graphql::{Context, ID, Object, Result};

use super::lookups::{BrokerOf, LinksOfAccount, PointsOfAccount, SitesOf};
use crate::{
    graphql::{
        guard::requires,
        id::global,
        payload::{Told, op},
        scalars::{Email, PhoneNumber, Siren, Siret, VatNumber},
        timeline::{self, TimelineEntry},
    },
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
};

mod contacts;

pub use contacts::{Contact, ContactLink, ContactPoint};

/// A company or a person that the network deals with.
#[derive(Clone, Debug)]
pub struct Account(pub account::Model);

impl From<account::Model> for Account {
    fn from(row: account::Model) -> Self {
        Self(row)
    }
}

/// A company or a person that the network deals with; a broker is an account with a broker part.
#[Object(directive = requires::apply("readAccounts".into()))]
impl Account {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Code in the network's own numbering.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Company or natural person.
    async fn kind(&self) -> AccountKind {
        self.0.kind
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Number in the register of companies.
    async fn siren(&self) -> Option<Siren> {
        self.0.siren.clone().map(Siren)
    }

    /// VAT number.
    async fn vat_number(&self) -> Option<VatNumber> {
        self.0.vat_number.clone().map(VatNumber)
    }

    /// Line of business, where it is known.
    async fn sector(&self) -> Option<Sector> {
        self.0.sector
    }

    /// Line of business in the caller's language.
    async fn sector_label(&self, ctx: &Context<'_>) -> Option<&'static str> {
        self.0.sector.map(|sector| sector.label(op(ctx).language))
    }

    /// A person's given name.
    async fn given_name(&self) -> Option<&str> {
        self.0.given_name.as_deref()
    }

    /// A person's family name.
    async fn family_name(&self) -> Option<&str> {
        self.0.family_name.as_deref()
    }

    /// Whether it is still dealt with; another one may take the SIREN number of one that is not.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// First e-mail address.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<Email>> {
        Ok(self.first(ctx, ContactPointKind::Email).await?.map(Email))
    }

    /// First telephone number, of a fixed telephone where there is one.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<PhoneNumber>> {
        let fixed = self.first(ctx, ContactPointKind::Phone).await?;
        let number = match fixed {
            Some(number) => Some(number),
            None => self.first(ctx, ContactPointKind::Mobile).await?,
        };
        Ok(number.map(PhoneNumber))
    }

    /// All its e-mail addresses and telephone numbers, of each kind the first one first.
    async fn contact_points(&self, ctx: &Context<'_>) -> Result<Vec<ContactPoint>> {
        Ok(self.points(ctx).await?.into_iter().map(ContactPoint).collect())
    }

    /// The contacts who are at it today, the first one first.
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Those who were there once, too.", default)] former: bool,
    ) -> Result<Vec<ContactLink>> {
        let found = Loaders::of(ctx).find(LinksOfAccount(self.0.id)).await.told(op(ctx))?.unwrap_or_default();
        Ok(found.into_iter().filter(|link| former || link.until.is_none()).map(ContactLink).collect())
    }

    /// What happened to it, oldest first.
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<TimelineEntry>> {
        timeline::of(ctx, self.0.id).await
    }

    /// Delegate in whose portfolio it is.
    async fn portfolio_owner(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.portfolio_owner_id).await.told(op(ctx))?.map(Person))
    }

    /// Delegation that looks after it.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.0.delegation_id).await.told(op(ctx))?))
    }

    /// Region of that delegation.
    async fn region(&self, ctx: &Context<'_>) -> Result<Region> {
        Ok(Region(Loaders::of(ctx).one(self.0.region_id).await.told(op(ctx))?))
    }

    /// Its sites, in the order of their names.
    async fn sites(&self, ctx: &Context<'_>) -> Result<Vec<Site>> {
        let found = Loaders::of(ctx).find(SitesOf(self.0.id)).await.told(op(ctx))?;
        Ok(found.unwrap_or_default().into_iter().map(Site).collect())
    }

    /// What it has more as a broker; none: it is no broker.
    async fn broker(&self, ctx: &Context<'_>) -> Result<Option<BrokerPart>> {
        Ok(Loaders::of(ctx).find(BrokerOf(self.0.id)).await.told(op(ctx))?.map(BrokerPart))
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

impl Account {
    async fn points(&self, ctx: &Context<'_>) -> Result<Vec<contact_point::Model>> {
        Ok(Loaders::of(ctx).find(PointsOfAccount(self.0.id)).await.told(op(ctx))?.unwrap_or_default())
    }

    /// The first address or number of a kind.
    async fn first(&self, ctx: &Context<'_>, kind: ContactPointKind) -> Result<Option<String>> {
        let first = self.points(ctx).await?.into_iter().find(|point| point.kind == kind);
        Ok(first.map(|point| point.value))
    }
}

/// A site of an account.
#[derive(Clone, Debug)]
pub struct Site(pub site::Model);

/// A site of an account, to which orders can be delivered.
#[Object(directive = requires::apply("readAccounts".into()))]
impl Site {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Account that it belongs to.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        Ok(Account(Loaders::of(ctx).one(self.0.account_id).await.told(op(ctx))?))
    }

    /// What it is to its account.
    async fn kind(&self) -> SiteKind {
        self.0.kind
    }

    /// Name, such as the commune's.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Number of the establishment in the register of companies.
    async fn siret(&self) -> Option<Siret> {
        self.0.siret.clone().map(Siret)
    }

    /// Number and street.
    async fn street(&self) -> &str {
        &self.0.street
    }

    /// Postcode.
    async fn postcode(&self) -> &str {
        &self.0.postcode
    }

    /// City.
    async fn city(&self) -> &str {
        &self.0.city
    }

    /// Code of the commune in the official geographic code, five characters.
    async fn insee_code(&self) -> Option<&str> {
        self.0.insee_code.as_deref()
    }

    /// Country, two letters of ISO 3166-1.
    async fn country(&self) -> &str {
        &self.0.country
    }

    /// Whether it is still there.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// What an account has more as a broker.
#[derive(Clone, Debug)]
pub struct BrokerPart(pub broker::Model);

/// What an account has more as a broker.
#[Object(directive = requires::apply("readAccounts".into()))]
impl BrokerPart {
    /// Number in the register of insurance intermediaries.
    async fn orias(&self) -> &str {
        &self.0.orias
    }

    /// First day in the company-wide challenge programme.
    async fn programme_from(&self) -> Option<Day> {
        self.0.programme_from.map(Day)
    }

    /// Last day in the programme; none: until further notice.
    async fn programme_to(&self) -> Option<Day> {
        self.0.programme_to.map(Day)
    }

    /// Whether the broker is enrolled in the programme today.
    async fn in_programme(&self, ctx: &Context<'_>) -> bool {
        super::in_programme(&self.0, op(ctx).today())
    }
}
