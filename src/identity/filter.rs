//! Which people are wanted, and in which order.

use ::entity::{
    identity::{person, person_role},
    vocabulary::{DelegationId, RegionId},
};
use async_graphql::{Enum, InputObject};
use sea_orm::{
    ColumnTrait, IntoSimpleExpr,
    sea_query::{BinOper, Expr, ExprTrait, Order, Query, SimpleExpr},
};

use crate::{
    error::Result,
    graphql::{
        connection::{KeyValue, SortKey},
        filter::{Conditions, Filter, OneOf},
        guard::requires,
        id::IdOf,
        sorting::ListOrder,
    },
    input::line,
};

/// Which users are wanted; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct UserFilter {
    /// Name, e-mail address or code contain this, in large or small letters.
    text: Option<String>,
    /// Code of a role that they hold.
    role: Option<String>,
    /// Whether they can sign in.
    active: Option<bool>,
    /// The delegation that they work in.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// The region that they manage, or the one of their delegation.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// All of these hold.
    #[graphql(default)]
    and: Vec<UserFilter>,
    /// One of these holds.
    #[graphql(default)]
    or: Vec<UserFilter>,
    /// This does not hold.
    not: Option<Box<UserFilter>>,
}

impl Filter for UserFilter {
    fn own(&self) -> Result<Conditions> {
        use person::Column::{Active, Code, DelegationId, Email, RegionId};
        let Self { text, role, active, delegation, region, and: _, or: _, not: _ } = self;
        let texts = [full_name(), Email.into_simple_expr(), Code.into_simple_expr()];
        Conditions::default()
            .contains("text", texts, text.as_deref())?
            .with(role.as_deref().map(holds).transpose()?)
            .with(active.map(|active| Active.eq(active)))
            .one_of_nullable(DelegationId.into_simple_expr(), delegation.as_ref())?
            .one_of_nullable(RegionId.into_simple_expr(), region.as_ref())
    }

    fn and(&self) -> &[Self] {
        &self.and
    }

    fn or(&self) -> &[Self] {
        &self.or
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

/// Which people are wanted; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct PersonFilter {
    /// The name contains this, in large or small letters.
    name: Option<String>,
    /// The delegation that they work in.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// The region that they manage, or the one of their delegation.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// Code of a role that they hold.
    #[graphql(directive = requires::apply("readUsers".into()))]
    role: Option<String>,
    /// All of these hold.
    #[graphql(default)]
    and: Vec<PersonFilter>,
    /// One of these holds.
    #[graphql(default)]
    or: Vec<PersonFilter>,
    /// This does not hold.
    not: Option<Box<PersonFilter>>,
}

impl Filter for PersonFilter {
    fn own(&self) -> Result<Conditions> {
        use person::Column::{DelegationId, RegionId};
        let Self { name, delegation, region, role, and: _, or: _, not: _ } = self;
        Conditions::default()
            .contains("name", [full_name()], name.as_deref())?
            .with(role.as_deref().map(holds).transpose()?)
            .one_of_nullable(DelegationId.into_simple_expr(), delegation.as_ref())?
            .one_of_nullable(RegionId.into_simple_expr(), region.as_ref())
    }

    fn and(&self) -> &[Self] {
        &self.and
    }

    fn or(&self) -> &[Self] {
        &self.or
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

/// Given and family name, as people are shown.
fn full_name() -> SimpleExpr {
    let joined = |a: SimpleExpr, b: SimpleExpr| a.binary(BinOper::Custom("||"), b);
    let given = joined(person::Column::GivenName.into_simple_expr(), Expr::val(" "));
    joined(given, person::Column::FamilyName.into_simple_expr())
}

fn holds(role: &str) -> Result<SimpleExpr> {
    let role = line(["filter", "role"], role, 40)?;
    let holders = Query::select()
        .column(person_role::Column::PersonId)
        .from(person_role::Entity)
        .and_where(person_role::Column::RoleCode.eq(role))
        .to_owned();
    Ok(person::Column::Id.in_subquery(holders))
}

/// In which order people come; further ones decide between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum PersonOrder {
    /// By family name.
    FamilyNameAsc,
    /// By family name, backwards.
    FamilyNameDesc,
    /// By given name.
    GivenNameAsc,
    /// By given name, backwards.
    GivenNameDesc,
    /// By code.
    CodeAsc,
    /// By code, backwards.
    CodeDesc,
    /// Whose account is oldest first.
    CreatedAtAsc,
    /// Whose account is newest first.
    CreatedAtDesc,
}

impl ListOrder for PersonOrder {
    type Row = person::Model;

    const USUAL: Self = Self::FamilyNameAsc;

    fn direction(self) -> Order {
        match self {
            Self::FamilyNameAsc | Self::GivenNameAsc | Self::CodeAsc | Self::CreatedAtAsc => Order::Asc,
            Self::FamilyNameDesc | Self::GivenNameDesc | Self::CodeDesc | Self::CreatedAtDesc => Order::Desc,
        }
    }

    fn key(self) -> SortKey {
        use person::Column::{Code, CreatedAt, FamilyName, GivenName};
        let text = |column: person::Column| SortKey::text(column.into_simple_expr(), self.direction());
        match self {
            Self::FamilyNameAsc | Self::FamilyNameDesc => text(FamilyName),
            Self::GivenNameAsc | Self::GivenNameDesc => text(GivenName),
            Self::CodeAsc | Self::CodeDesc => text(Code),
            Self::CreatedAtAsc | Self::CreatedAtDesc => SortKey::moment(CreatedAt.into_simple_expr(), self.direction()),
        }
    }

    fn value(self, row: &person::Model) -> KeyValue {
        match self {
            Self::FamilyNameAsc | Self::FamilyNameDesc => KeyValue::Text(row.family_name.clone()),
            Self::GivenNameAsc | Self::GivenNameDesc => KeyValue::Text(row.given_name.clone()),
            Self::CodeAsc | Self::CodeDesc => KeyValue::Text(row.code.clone()),
            Self::CreatedAtAsc | Self::CreatedAtDesc => KeyValue::Moment { at: row.created_at },
        }
    }
}
