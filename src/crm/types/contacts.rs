//! What the schema shows of contacts.

use ::entity::{
    crm::{contact, contact_link, contact_point},
    vocabulary::{ContactPointKind, Day, Language, Salutation},
};
use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};

use super::Account;
use crate::{
    crm::{self, lookups::PointsOfContact, rules},
    graphql::{
        guard::requires,
        id::global,
        payload::{Told, op},
        timeline::{self, TimelineEntry},
    },
    loaders::Loaders,
};

/// Somebody to whom one speaks at accounts.
#[derive(Clone, Debug)]
pub struct Contact(pub contact::Model);

impl From<contact::Model> for Contact {
    fn from(row: contact::Model) -> Self {
        Self(row)
    }
}

/// Somebody to whom one speaks at accounts; read by whoever reads one of these.
#[Object(directive = requires::apply("readAccounts".into()))]
impl Contact {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// How they are addressed.
    async fn salutation(&self) -> Option<Salutation> {
        self.0.salutation
    }

    /// Given name.
    async fn given_name(&self) -> Option<&str> {
        self.0.given_name.as_deref()
    }

    /// Family name.
    async fn family_name(&self) -> &str {
        &self.0.family_name
    }

    /// Given and family name.
    async fn display_name(&self) -> String {
        rules::full_name(self.0.given_name.as_deref(), Some(&self.0.family_name))
    }

    /// Language that they are spoken to in.
    async fn language(&self) -> Language {
        self.0.language
    }

    /// Whether they are still dealt with.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// When they were created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// Their e-mail addresses and telephone numbers, of each kind the first one first.
    async fn contact_points(&self, ctx: &Context<'_>) -> Result<Vec<ContactPoint>> {
        let points = Loaders::of(ctx).find(PointsOfContact(self.0.id)).await.told(op(ctx))?;
        Ok(points.unwrap_or_default().into_iter().map(ContactPoint).collect())
    }

    /// Their places in those accounts that the caller may read.
    async fn accounts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Places that they had once, too.", default)] former: bool,
    ) -> Result<Vec<ContactLink>> {
        let links = crm::readable_links(op(ctx), Loaders::of(ctx), self.0.id).await.told(op(ctx))?;
        Ok(links.into_iter().filter(|link| former || link.until.is_none()).map(ContactLink).collect())
    }

    /// What happened to them, oldest first.
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<TimelineEntry>> {
        timeline::of(ctx, self.0.id).await
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// The place of a contact in an account.
#[derive(Clone, Debug)]
pub struct ContactLink(pub contact_link::Model);

/// The place of a contact in an account.
#[Object(directive = requires::apply("readAccounts".into()))]
impl ContactLink {
    /// Who.
    async fn contact(&self, ctx: &Context<'_>) -> Result<Contact> {
        Ok(Contact(Loaders::of(ctx).one(self.0.contact_id).await.told(op(ctx))?))
    }

    /// Where.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        Ok(Account(Loaders::of(ctx).one(self.0.account_id).await.told(op(ctx))?))
    }

    /// What they do there.
    async fn function(&self) -> Option<&str> {
        self.0.function.as_deref()
    }

    /// In which department.
    async fn department(&self) -> Option<&str> {
        self.0.department.as_deref()
    }

    /// First day, where it is known.
    async fn since(&self) -> Option<Day> {
        self.0.since.map(Day)
    }

    /// Last day; none: they are there today.
    async fn until(&self) -> Option<Day> {
        self.0.until.map(Day)
    }

    /// Whether they are the account's first contact.
    async fn primary(&self) -> bool {
        self.0.is_primary
    }
}

/// An e-mail address or a telephone number.
#[derive(Clone, Debug)]
pub struct ContactPoint(pub contact_point::Model);

/// An e-mail address or a telephone number of an account or a contact.
#[Object(directive = requires::apply("readAccounts".into()))]
impl ContactPoint {
    /// What it is.
    async fn kind(&self) -> ContactPointKind {
        self.0.kind
    }

    /// The address in lower case, or the number in the international form.
    async fn value(&self) -> &str {
        &self.0.value
    }

    /// The same as people write it: a French number in pairs, such as "02 61 91 00 17".
    async fn display(&self) -> String {
        rules::written(&self.0.value)
    }

    /// What it is for, such as "claims".
    async fn label(&self) -> Option<&str> {
        self.0.label.as_deref()
    }

    /// Whether it is the first of its kind.
    async fn primary(&self) -> bool {
        self.0.is_primary
    }
}
