//! Which articles are wanted, and in which order.

use ::entity::{catalog::article, vocabulary::ArticleCategory};
use async_graphql::{Enum, InputObject};
use chrono::NaiveDate;
use sea_orm::{
    ColumnTrait, IntoSimpleExpr,
    sea_query::{ExprTrait, Order, SimpleExpr},
};

use crate::{
    error::Result,
    graphql::{
        connection::{KeyValue, SortKey},
        filter::{Conditions, Filter, OneOf},
        sorting::ListOrder,
    },
};

/// Which articles are wanted; all that is given holds together.
#[derive(Clone, Debug, InputObject)]
pub(super) struct ArticleFilter {
    /// The name, the code or the description contains this, in large or small letters.
    text: Option<String>,
    /// What kind of article it is.
    category: Option<OneOf<ArticleCategory>>,
    /// Whether today is one of the days on which it can be ordered.
    available: Option<bool>,
    /// All of these hold as well.
    and: Option<Vec<Self>>,
    /// One of these holds as well; an empty list says nothing.
    or: Option<Vec<Self>>,
    /// This does not hold.
    not: Option<Box<Self>>,
    #[graphql(skip)]
    today: NaiveDate,
}

impl ArticleFilter {
    /// The filter as it is meant on a day.
    pub(super) fn on(self, today: NaiveDate) -> Self {
        let all = |filters: Option<Vec<Self>>| filters.map(|each| each.into_iter().map(|f| f.on(today)).collect());
        Self { and: all(self.and), or: all(self.or), not: self.not.map(|f| Box::new(f.on(today))), today, ..self }
    }
}

impl Filter for ArticleFilter {
    fn own(&self) -> Result<Conditions> {
        use article::Column::{Category, Code, Description, Name};
        let Self { text, category, available, and: _, or: _, not: _, today } = self;
        let texts = [Name, Code, Description].map(|column| column.into_simple_expr());
        Conditions::default()
            .with(available.map(|wanted| if wanted { is_available(*today) } else { is_available(*today).not() }))
            .contains("text", texts, text.as_deref())?
            .one_of(Category.into_simple_expr(), category.as_ref())
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

/// What [`super::is_available`] says, for SQL.
fn is_available(day: NaiveDate) -> SimpleExpr {
    use article::Column::{ValidFrom, ValidTo};
    let has_begun = ValidFrom.lte(day);
    let has_not_ended = ValidTo.is_null().or(ValidTo.gte(day));
    has_begun.and(has_not_ended)
}

/// In which order articles come; further ones decide between equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum ArticleOrder {
    /// By name.
    NameAsc,
    /// By name, backwards.
    NameDesc,
    /// By code.
    CodeAsc,
    /// By code, backwards.
    CodeDesc,
    /// The cheapest first.
    UnitPriceAsc,
    /// The dearest first.
    UnitPriceDesc,
}

impl ListOrder for ArticleOrder {
    type Row = article::Model;

    const USUAL: Self = Self::NameAsc;

    fn direction(self) -> Order {
        match self {
            Self::NameAsc | Self::CodeAsc | Self::UnitPriceAsc => Order::Asc,
            Self::NameDesc | Self::CodeDesc | Self::UnitPriceDesc => Order::Desc,
        }
    }

    fn key(self) -> SortKey {
        use article::Column::{Code, Name, UnitPrice};
        match self {
            Self::NameAsc | Self::NameDesc => SortKey::text(Name.into_simple_expr(), self.direction()),
            Self::CodeAsc | Self::CodeDesc => SortKey::text(Code.into_simple_expr(), self.direction()),
            Self::UnitPriceAsc | Self::UnitPriceDesc => SortKey::number(UnitPrice.into_simple_expr(), self.direction()),
        }
    }

    fn value(self, row: &article::Model) -> KeyValue {
        match self {
            Self::NameAsc | Self::NameDesc => KeyValue::Text(row.name.clone()),
            Self::CodeAsc | Self::CodeDesc => KeyValue::Text(row.code.clone()),
            Self::UnitPriceAsc | Self::UnitPriceDesc => KeyValue::Number(row.unit_price.0),
        }
    }
}
