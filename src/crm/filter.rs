//! Which accounts and contacts are wanted, and in which order.

use ::entity::{
    crm::{account, broker, contact, contact_point, site},
    vocabulary::{AccountKind, DelegationId, Language, PersonId, RegionId, Sector},
};
use async_graphql::{Enum, InputObject};
use sea_orm::{
    ColumnTrait, IntoSimpleExpr,
    sea_query::{Expr, ExprTrait, Func, Order, Query, SelectStatement, SimpleExpr},
};

use crate::{
    error::Result,
    graphql::{
        connection::{KeyValue, SortKey},
        filter::{Conditions, Filter, OneOf, containing},
        id::IdOf,
        scalars::{Email, PhoneNumber, Siren, Siret},
        sorting::ListOrder,
    },
};

/// Which accounts are wanted; all that is given holds together.
#[derive(Clone, Debug, InputObject)]
pub(super) struct AccountFilter {
    /// The name or the code contains this, in large or small letters.
    text: Option<String>,
    /// The delegation that looks after it.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// The region of that delegation.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// The delegate in whose portfolio it is.
    portfolio_owner: Option<OneOf<IdOf<PersonId>>>,
    /// Whether it is a broker.
    is_broker: Option<bool>,
    /// Company or natural person.
    kind: Option<OneOf<AccountKind>>,
    /// Its line of business.
    sector: Option<OneOf<Sector>>,
    /// Exactly this SIREN number.
    siren: Option<Siren>,
    /// One of its sites has exactly this SIRET number.
    siret: Option<Siret>,
    /// It has exactly this e-mail address.
    email: Option<Email>,
    /// Whether it is still dealt with.
    active: Option<bool>,
    /// The city of one of its sites contains this, in large or small letters.
    city: Option<String>,
    /// All of these hold as well.
    and: Option<Vec<Self>>,
    /// One of these holds as well; an empty list says nothing.
    or: Option<Vec<Self>>,
    /// This does not hold.
    not: Option<Box<Self>>,
}

impl Filter for AccountFilter {
    fn own(&self) -> Result<Conditions> {
        use account::Column::{Active, Code, DelegationId, Id, Kind, Name, PortfolioOwnerId, RegionId};
        let Self {
            text,
            delegation,
            region,
            portfolio_owner,
            is_broker,
            kind,
            sector,
            siren,
            siret,
            email,
            active,
            city,
            and: _,
            or: _,
            not: _,
        } = self;
        let brokers = Query::select().column(broker::Column::AccountId).from(broker::Entity).to_owned();
        let part = |wanted| if wanted { Id.in_subquery(brokers.clone()) } else { Id.not_in_subquery(brokers.clone()) };
        let texts = [Name.into_simple_expr(), Code.into_simple_expr()];
        let conditions = Conditions::default()
            .with(is_broker.map(part))
            .with(city.as_deref().map(has_site_in).transpose()?)
            .with(siren.as_ref().map(has_siren))
            .with(siret.as_ref().map(has_siret))
            .with(email.as_ref().map(|email| Id.in_subquery(owners_of(contact_point::Column::AccountId, &email.0))))
            .with(active.map(|active| Active.eq(active)))
            .one_of(Kind.into_simple_expr(), kind.as_ref())?
            .one_of_nullable(account::Column::Sector.into_simple_expr(), sector.as_ref())?
            .contains("text", texts, text.as_deref())?
            .one_of(DelegationId.into_simple_expr(), delegation.as_ref())?
            .one_of(RegionId.into_simple_expr(), region.as_ref())?
            .one_of_nullable(PortfolioOwnerId.into_simple_expr(), portfolio_owner.as_ref())?;
        Ok(conditions)
    }

    fn and(&self) -> &[Self] {
        self.and.as_deref().unwrap_or_default()
    }

    fn or(&self) -> &[Self] {
        self.or.as_deref().unwrap_or_default()
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

fn has_site_in(city: &str) -> Result<SimpleExpr> {
    let there = containing("city", site::Column::City.into_simple_expr(), city)?;
    let accounts = Query::select().column(site::Column::AccountId).from(site::Entity).and_where(there).to_owned();
    Ok(account::Column::Id.in_subquery(accounts))
}

/// Whose SIREN number it is; nothing comes out as null where there is none.
fn has_siren(siren: &Siren) -> SimpleExpr {
    account::Column::Siren.is_not_null().and(account::Column::Siren.eq(siren.0.as_str()))
}

fn has_siret(siret: &Siret) -> SimpleExpr {
    let there = site::Column::Siret.eq(siret.0.as_str());
    let accounts = Query::select().column(site::Column::AccountId).from(site::Entity).and_where(there).to_owned();
    account::Column::Id.in_subquery(accounts)
}

/// The accounts, or the contacts, that have an address or a number.
fn owners_of(owner: contact_point::Column, value: &str) -> SelectStatement {
    Query::select()
        .column(owner)
        .from(contact_point::Entity)
        .and_where(contact_point::Column::Value.eq(value))
        .and_where(owner.is_not_null())
        .to_owned()
}

/// Which contacts are wanted; all that is given holds together.
#[derive(Clone, Debug, InputObject)]
pub(super) struct ContactFilter {
    /// Given or family name contains this, in large or small letters.
    text: Option<String>,
    /// They have exactly this e-mail address.
    email: Option<Email>,
    /// They have exactly this telephone number.
    phone: Option<PhoneNumber>,
    /// Language that they are spoken to in.
    language: Option<OneOf<Language>>,
    /// Whether they are still dealt with.
    active: Option<bool>,
    /// All of these hold as well.
    and: Option<Vec<Self>>,
    /// One of these holds as well; an empty list says nothing.
    or: Option<Vec<Self>>,
    /// This does not hold.
    not: Option<Box<Self>>,
}

impl Filter for ContactFilter {
    fn own(&self) -> Result<Conditions> {
        use contact::Column::{Active, FamilyName, GivenName, Id};
        let Self { text, email, phone, language, active, and: _, or: _, not: _ } = self;
        // A given name that is not known is an empty one: `not` would lose what is null.
        let given = Func::coalesce([GivenName.into_simple_expr(), Expr::val("")]);
        let reached = |value: &str| Id.in_subquery(owners_of(contact_point::Column::ContactId, value));
        Conditions::default()
            .with(email.as_ref().map(|email| reached(&email.0)))
            .with(phone.as_ref().map(|phone| reached(&phone.0)))
            .with(active.map(|active| Active.eq(active)))
            .contains("text", [given.into(), FamilyName.into_simple_expr()], text.as_deref())?
            .one_of(contact::Column::Language.into_simple_expr(), language.as_ref())
    }

    fn and(&self) -> &[Self] {
        self.and.as_deref().unwrap_or_default()
    }

    fn or(&self) -> &[Self] {
        self.or.as_deref().unwrap_or_default()
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

/// In which order contacts come; further ones decide between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum ContactOrder {
    /// By family name.
    FamilyNameAsc,
    /// By family name, backwards.
    FamilyNameDesc,
    /// The oldest first.
    CreatedAtAsc,
    /// The newest first.
    CreatedAtDesc,
}

impl ListOrder for ContactOrder {
    type Row = contact::Model;

    const USUAL: Self = Self::FamilyNameAsc;

    fn direction(self) -> Order {
        match self {
            Self::FamilyNameAsc | Self::CreatedAtAsc => Order::Asc,
            Self::FamilyNameDesc | Self::CreatedAtDesc => Order::Desc,
        }
    }

    fn key(self) -> SortKey {
        use contact::Column::{CreatedAt, FamilyName};
        match self {
            Self::FamilyNameAsc | Self::FamilyNameDesc => {
                SortKey::text(FamilyName.into_simple_expr(), self.direction())
            }
            Self::CreatedAtAsc | Self::CreatedAtDesc => SortKey::moment(CreatedAt.into_simple_expr(), self.direction()),
        }
    }

    fn value(self, row: &contact::Model) -> KeyValue {
        match self {
            Self::FamilyNameAsc | Self::FamilyNameDesc => KeyValue::Text(row.family_name.clone()),
            Self::CreatedAtAsc | Self::CreatedAtDesc => KeyValue::Moment { at: row.created_at },
        }
    }
}

/// In which order accounts come; further ones decide between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum AccountOrder {
    /// By name.
    NameAsc,
    /// By name, backwards.
    NameDesc,
    /// By code.
    CodeAsc,
    /// By code, backwards.
    CodeDesc,
    /// The oldest first.
    CreatedAtAsc,
    /// The newest first.
    CreatedAtDesc,
}

impl ListOrder for AccountOrder {
    type Row = account::Model;

    const USUAL: Self = Self::NameAsc;

    fn direction(self) -> Order {
        match self {
            Self::NameAsc | Self::CodeAsc | Self::CreatedAtAsc => Order::Asc,
            Self::NameDesc | Self::CodeDesc | Self::CreatedAtDesc => Order::Desc,
        }
    }

    fn key(self) -> SortKey {
        use account::Column::{Code, CreatedAt, Name};
        match self {
            Self::NameAsc | Self::NameDesc => SortKey::text(Name.into_simple_expr(), self.direction()),
            Self::CodeAsc | Self::CodeDesc => SortKey::text(Code.into_simple_expr(), self.direction()),
            Self::CreatedAtAsc | Self::CreatedAtDesc => SortKey::moment(CreatedAt.into_simple_expr(), self.direction()),
        }
    }

    fn value(self, row: &account::Model) -> KeyValue {
        match self {
            Self::NameAsc | Self::NameDesc => KeyValue::Text(row.name.clone()),
            Self::CodeAsc | Self::CodeDesc => KeyValue::Text(row.code.clone()),
            Self::CreatedAtAsc | Self::CreatedAtDesc => KeyValue::Moment { at: row.created_at },
        }
    }
}
