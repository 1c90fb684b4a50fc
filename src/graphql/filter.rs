//! Typed filters (G-17): the conditions on one column, and how filters of a list are combined.

use ::entity::vocabulary::{
    AccountId, AccountKind, ActionType, ArticleCategory, Day, DelegationId, DeliveryState, EnvelopeKind,
    ForecastCategory, GoodwillStatus, Language, Money, OppyStage, OrderKind, OrderStatus, PersonId, RegionId, Sector,
    SizeClass, WebhookId, WorkKind,
};
use async_graphql::{InputObject, InputType};
use chrono::{DateTime, Utc};
use sea_orm::{
    Condition, Value,
    sea_query::{Expr, ExprTrait, Func, LikeExpr, SimpleExpr},
};

use super::id::{IdOf, Key};
use crate::{
    error::{Error, Result},
    input,
};

/// How deep `and`, `or` and `not` may be nested.
const DEEPEST: usize = 5;
/// How many filters one list may be given, all levels together.
const MOST: usize = 100;
/// How many values `in` may have.
const MOST_VALUES: usize = 100;
/// How long a text that is looked for may be.
const LONGEST_TEXT: usize = 100;

/// A value that columns are compared with.
pub trait Comparable: InputType + Clone {
    /// The value as SQL takes it.
    fn value(&self) -> Value;
}

impl Comparable for i32 {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Comparable for Money {
    fn value(&self) -> Value {
        self.0.into()
    }
}

impl Comparable for DateTime<Utc> {
    fn value(&self) -> Value {
        (*self).into()
    }
}

impl Comparable for Day {
    fn value(&self) -> Value {
        self.0.into()
    }
}

/// Closed sets are compared by their codes.
macro_rules! by_code {
    ($($set:ty),+ $(,)?) => {$(
        impl Comparable for $set {
            fn value(&self) -> Value {
                self.code().into()
            }
        }
    )+};
}

by_code! {
    AccountKind, ActionType, ArticleCategory, DeliveryState, EnvelopeKind, ForecastCategory, GoodwillStatus, Language, OppyStage, OrderKind, OrderStatus, Sector, SizeClass, WorkKind
}

impl Comparable for String {
    fn value(&self) -> Value {
        self.as_str().into()
    }
}

impl<K: Key> Comparable for IdOf<K> {
    fn value(&self) -> Value {
        self.0.raw().into()
    }
}

/// Which values are meant; all that is given holds together.
#[derive(Clone, Debug, InputObject)]
#[graphql(
    concrete(name = "IntFilter", params(i32)),
    concrete(name = "TextFilter", params(String)),
    concrete(name = "AccountKindFilter", params(AccountKind)),
    concrete(name = "SectorFilter", params(Sector)),
    concrete(name = "LanguageFilter", params(Language)),
    concrete(name = "ArticleCategoryFilter", params(ArticleCategory)),
    concrete(name = "WorkKindFilter", params(WorkKind)),
    concrete(name = "OppyStageFilter", params(OppyStage)),
    concrete(name = "ForecastCategoryFilter", params(ForecastCategory)),
    concrete(name = "SizeClassFilter", params(SizeClass)),
    concrete(name = "OrderStatusFilter", params(OrderStatus)),
    concrete(name = "EnvelopeKindFilter", params(EnvelopeKind)),
    concrete(name = "GoodwillStatusFilter", params(GoodwillStatus)),
    concrete(name = "OrderKindFilter", params(OrderKind)),
    concrete(name = "ActionTypeFilter", params(ActionType)),
    concrete(name = "DeliveryStateFilter", params(DeliveryState)),
    concrete(name = "WebhookIdFilter", params(AWebhook)),
    concrete(name = "AccountIdFilter", params(AnAccount)),
    concrete(name = "DelegationIdFilter", params(ADelegation)),
    concrete(name = "PersonIdFilter", params(APerson)),
    concrete(name = "RegionIdFilter", params(ARegion))
)]
pub struct OneOf<T: Comparable> {
    /// Exactly this one.
    pub eq: Option<T>,
    /// One of these, at most 100.
    #[graphql(name = "in")]
    pub among: Option<Vec<T>>,
}

type AnAccount = IdOf<AccountId>;
type ADelegation = IdOf<DelegationId>;
type APerson = IdOf<PersonId>;
type ARegion = IdOf<RegionId>;
type AWebhook = IdOf<WebhookId>;

/// Between which values it lies; all that is given holds together.
#[derive(Clone, Debug, InputObject)]
#[graphql(
    concrete(name = "MoneyRange", params(Money)),
    concrete(name = "DateRange", params(Day)),
    concrete(name = "DateTimeRange", params(Moment))
)]
pub struct Between<T: Comparable> {
    /// This one or more.
    pub gte: Option<T>,
    /// This one or less.
    pub lte: Option<T>,
}

type Moment = DateTime<Utc>;

/// The conditions that one filter sets on columns, collected field by field.
#[derive(Debug)]
pub struct Conditions(Condition);

impl Default for Conditions {
    fn default() -> Self {
        Self(Condition::all())
    }
}

impl Conditions {
    /// With a condition of another kind, where there is one.
    #[must_use]
    pub fn with(self, condition: Option<SimpleExpr>) -> Self {
        Self(self.0.add_option(condition))
    }

    /// With a column that has one of some values.
    ///
    /// # Errors
    /// More values than `in` may have.
    pub fn one_of<T: Comparable>(self, column: impl Into<SimpleExpr>, filter: Option<&OneOf<T>>) -> Result<Self> {
        let Some(OneOf { eq, among }) = filter else { return Ok(self) };
        let column = column.into();
        if among.as_ref().is_some_and(|values| values.len() > MOST_VALUES) {
            return Err(Error::bad_input(["filter"], format!("«in» takes at most {MOST_VALUES} values")));
        }
        let eq = eq.as_ref().map(|value| column.clone().eq(Expr::val(value.value())));
        let among = among.as_ref().map(|values| column.clone().is_in(values.iter().map(T::value)));
        Ok(Self(self.0.add_option(eq).add_option(among)))
    }

    /// With a column that lies between values.
    #[must_use]
    pub fn between<T: Comparable>(self, column: impl Into<SimpleExpr>, filter: Option<&Between<T>>) -> Self {
        let Some(Between { gte, lte }) = filter else { return self };
        let column = column.into();
        let gte = gte.as_ref().map(|value| column.clone().gte(Expr::val(value.value())));
        let lte = lte.as_ref().map(|value| column.clone().lte(Expr::val(value.value())));
        Self(self.0.add_option(gte).add_option(lte))
    }
}

impl Conditions {
    /// With a column that may be null and has one of some values.
    ///
    /// # Errors
    /// More values than `in` may have.
    pub fn one_of_nullable<T: Comparable>(
        self,
        column: impl Into<SimpleExpr>,
        filter: Option<&OneOf<T>>,
    ) -> Result<Self> {
        let column = column.into();
        let is_set = filter.is_some().then(|| column.clone().is_not_null());
        self.with(is_set).one_of(column, filter)
    }

    /// With a text somewhere in one of some columns, in large or small letters.
    ///
    /// # Errors
    /// A text that is too long or cannot be one; `field` names it.
    pub fn contains<const N: usize>(self, field: &str, columns: [SimpleExpr; N], text: Option<&str>) -> Result<Self> {
        let Some(text) = text else { return Ok(self) };
        let mut any = Condition::any();
        for column in columns {
            any = any.add(containing(field, column, text)?);
        }
        Ok(Self(self.0.add(any)))
    }
}

/// Whether a column contains a text, in large or small letters; nothing in it stands for anything else.
///
/// # Errors
/// A text that is too long or cannot be one; `field` names it.
pub fn containing(field: &str, column: SimpleExpr, text: &str) -> Result<SimpleExpr> {
    let text = input::line(["filter", field], text, LONGEST_TEXT)?;
    let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    Ok(Func::lower(column).like(LikeExpr::new(format!("%{escaped}%")).escape('!')))
}

/// A filter of a list, with filters of the same list in it.
pub trait Filter: Sized {
    /// What it asks of the columns. No condition may come out as null: `not` would lose the row.
    ///
    /// # Errors
    /// Something malformed beyond what the schema's types say.
    fn own(&self) -> Result<Conditions>;
    /// All of these hold.
    fn and(&self) -> &[Self];
    /// One of these holds, where there are any.
    fn or(&self) -> &[Self];
    /// This does not hold.
    fn not(&self) -> Option<&Self>;
}

/// The condition of a filter; none filters nothing.
///
/// # Errors
/// Too deep, too many, or something malformed in it.
pub fn condition<F: Filter>(filter: Option<&F>) -> Result<Condition> {
    let mut left = MOST;
    filter.map_or(Ok(Condition::all()), |filter| nested(filter, DEEPEST, &mut left))
}

fn nested<F: Filter>(filter: &F, depth: usize, left: &mut usize) -> Result<Condition> {
    let too_much = || Error::bad_input(["filter"], format!("at most {DEEPEST} levels and {MOST} filters in all"));
    let depth = depth.checked_sub(1).ok_or_else(too_much)?;
    *left = left.checked_sub(1).ok_or_else(too_much)?;
    let mut all = filter.own()?.0;
    for each in filter.and() {
        all = all.add(nested(each, depth, left)?);
    }
    if !filter.or().is_empty() {
        let mut any = Condition::any();
        for each in filter.or() {
            any = any.add(always(nested(each, depth, left)?));
        }
        all = all.add(any);
    }
    if let Some(not) = filter.not() {
        all = all.add(always(nested(not, depth, left)?).not());
    }
    Ok(all)
}

/// An empty filter holds for everything, in an `or` and under a `not` as well, where an empty condition
/// would vanish.
fn always(condition: Condition) -> Condition {
    Condition::all().add(Expr::val(1).eq(1)).add(condition)
}
