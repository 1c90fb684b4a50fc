//! Which accounts are wanted, and in which order.

use ::entity::{
    crm::{account, broker, site},
    vocabulary::{DelegationId, PersonId, RegionId},
};
use async_graphql::{Enum, InputObject};
use sea_orm::{
    ColumnTrait, IntoSimpleExpr,
    sea_query::{Order, Query, SimpleExpr},
};

use crate::{
    error::Result,
    graphql::{
        connection::{KeyValue, SortKey},
        filter::{Conditions, Filter, OneOf, containing},
        id::IdOf,
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
        use account::Column::{Code, DelegationId, Id, Name, PortfolioOwnerId, RegionId};
        let Self { text, delegation, region, portfolio_owner, is_broker, city, and: _, or: _, not: _ } = self;
        let brokers = Query::select().column(broker::Column::AccountId).from(broker::Entity).to_owned();
        let part = |wanted| if wanted { Id.in_subquery(brokers.clone()) } else { Id.not_in_subquery(brokers.clone()) };
        let texts = [Name.into_simple_expr(), Code.into_simple_expr()];
        let conditions = Conditions::default()
            .with(is_broker.map(part))
            .with(city.as_deref().map(has_site_in).transpose()?)
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
