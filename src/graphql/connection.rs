//! Connections with stable keyset cursors (G-10): a page stays right while rows come and go.

use std::borrow::Cow;

use async_graphql::{Context, Object, OutputType, SimpleObject, TypeName};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Datelike;
use sea_orm::{
    Condition, ConnectionTrait, EntityTrait, FromQueryResult, PaginatorTrait, QuerySelect, QueryTrait, Select, Value,
    sea_query::{Expr, ExprTrait, Order, SelectStatement, SimpleExpr},
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most rows to a page.
pub const MOST: i32 = 100;
/// Rows to a page where the caller does not say.
pub const USUAL: i32 = 20;

/// How many rows a page may have, for what a query costs.
#[must_use]
pub fn cost(first: Option<i32>, last: Option<i32>) -> usize {
    first.or(last).unwrap_or(USUAL).clamp(1, MOST).unsigned_abs() as usize
}

/// Which page is asked for.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// From the beginning on: so many.
    pub first: Option<i32>,
    /// After this cursor.
    pub after: Option<String>,
    /// From the end: so many.
    pub last: Option<i32>,
    /// Before this cursor.
    pub before: Option<String>,
    /// Whether `totalCount` is asked for.
    pub counted: bool,
}

impl Paging {
    /// The arguments of a connection, checked.
    ///
    /// # Errors
    /// `first` and `last` lie between 0 and 100 and exclude each other.
    pub fn new(
        ctx: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        last: Option<i32>,
        before: Option<String>,
    ) -> Result<Self> {
        for (name, count) in [("first", first), ("last", last)] {
            if count.is_some_and(|n| !(0..=MOST).contains(&n)) {
                return Err(Error::bad_input([name], format!("0 to {MOST}")));
            }
        }
        if first.is_some() && last.is_some() {
            return Err(Error::bad_input(["last"], "«first» or «last», not both"));
        }
        let counted = ctx.look_ahead().field("totalCount").exists();
        Ok(Self { first, after, last, before, counted })
    }

    fn backwards(&self) -> bool {
        self.last.is_some()
    }

    fn size(&self) -> u64 {
        self.first.or(self.last).unwrap_or(USUAL).unsigned_abs().into()
    }
}

/// One key of an order: an expression that is never null, its direction, and what its values are.
#[derive(Clone, Debug)]
pub struct SortKey {
    by: SimpleExpr,
    order: Order,
    is_kind: fn(&KeyValue) -> bool,
}

impl SortKey {
    /// By a number: a key, an amount, a version.
    pub fn number(by: impl Into<SimpleExpr>, order: Order) -> Self {
        Self { by: by.into(), order, is_kind: |value| matches!(value, KeyValue::Number(_)) }
    }

    /// By a text.
    pub fn text(by: impl Into<SimpleExpr>, order: Order) -> Self {
        Self { by: by.into(), order, is_kind: |value| matches!(value, KeyValue::Text(text) if !text.contains('\0')) }
    }

    /// By a day.
    pub fn day(by: impl Into<SimpleExpr>, order: Order) -> Self {
        let is_kind = |value: &KeyValue| matches!(value, KeyValue::Day { on } if (1..=9999).contains(&on.year()));
        Self { by: by.into(), order, is_kind }
    }

    /// By a moment.
    pub fn moment(by: impl Into<SimpleExpr>, order: Order) -> Self {
        let is_kind = |value: &KeyValue| matches!(value, KeyValue::Moment { at } if (1..=9999).contains(&at.year()));
        Self { by: by.into(), order, is_kind }
    }
}

/// A value of a sort key, as a cursor carries it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyValue {
    /// A number: keys, amounts, versions.
    Number(i64),
    /// A text.
    Text(String),
    /// A day.
    Day {
        /// In ISO 8601.
        on: chrono::NaiveDate,
    },
    /// A moment.
    Moment {
        /// In RFC 3339.
        at: chrono::DateTime<chrono::Utc>,
    },
}

impl From<KeyValue> for Value {
    fn from(key: KeyValue) -> Self {
        match key {
            KeyValue::Number(number) => number.into(),
            KeyValue::Text(text) => text.into(),
            KeyValue::Day { on } => on.into(),
            KeyValue::Moment { at } => at.into(),
        }
    }
}

fn encode(keys: &[KeyValue]) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(keys).unwrap_or_default())
}

fn decode(argument: &str, cursor: &str, keys: &[SortKey]) -> Result<Vec<KeyValue>> {
    let values: Option<Vec<KeyValue>> =
        URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    values
        .filter(|values| values.len() == keys.len() && keys.iter().zip(values).all(|(key, v)| (key.is_kind)(v)))
        .ok_or_else(|| Error::bad_input([argument], "not a cursor of this list in this order"))
}

/// Reads what may be a cursor of some list; whether it could be one.
#[doc(hidden)]
#[must_use]
pub fn look_at_cursor(text: &str) -> bool {
    let by = || Expr::val(1);
    let keys = [SortKey::moment(by(), Order::Asc), SortKey::text(by(), Order::Asc), SortKey::number(by(), Order::Asc)];
    let days = [SortKey::day(by(), Order::Asc), SortKey::number(by(), Order::Asc)];
    let numbers = [SortKey::number(by(), Order::Asc)];
    [keys.as_slice(), days.as_slice(), numbers.as_slice()].into_iter().any(|keys| decode("after", text, keys).is_ok())
}

/// What lies beyond a cursor, in the order of the keys: `a > x OR (a = x AND b > y) OR …`, after
/// `a >= x`, which says no more and lets an index be entered there.
fn beyond(keys: &[SortKey], values: &[KeyValue], backwards: bool) -> Condition {
    let value = |place: usize| Expr::val(Value::from(values[place].clone()));
    let ascending = |key: &SortKey| matches!(key.order, Order::Asc) != backwards;
    let mut any = Condition::any();
    for (place, key) in keys.iter().enumerate() {
        let mut all = Condition::all();
        for (earlier, key) in keys.iter().take(place).enumerate() {
            all = all.add(key.by.clone().eq(value(earlier)));
        }
        let by = key.by.clone();
        any = any.add(all.add(if ascending(key) { by.gt(value(place)) } else { by.lt(value(place)) }));
    }
    let entry = keys.first().map(|key| {
        let by = key.by.clone();
        if ascending(key) { by.gte(value(0)) } else { by.lte(value(0)) }
    });
    Condition::all().add_option(entry).add(any)
}

/// How a page is cut out of a list: between which cursors, in which order, how many rows. The last key
/// must be unique.
#[derive(Debug)]
pub struct Cut<'k> {
    keys: &'k [SortKey],
    between: Condition,
    size: u64,
    backwards: bool,
    /// Whether a cursor says that there are rows before the page.
    after: bool,
    /// Whether a cursor says that there are rows behind it.
    before: bool,
}

impl<'k> Cut<'k> {
    /// The page that is asked for, of a list in the order of the keys.
    ///
    /// # Errors
    /// A cursor that is none of this list.
    pub fn new(keys: &'k [SortKey], paging: &Paging) -> Result<Self> {
        let mut between = Condition::all();
        if let Some(cursor) = &paging.after {
            between = between.add(beyond(keys, &decode("after", cursor, keys)?, false));
        }
        if let Some(cursor) = &paging.before {
            between = between.add(beyond(keys, &decode("before", cursor, keys)?, true));
        }
        let (after, before) = (paging.after.is_some(), paging.before.is_some());
        Ok(Self { keys, between, size: paging.size(), backwards: paging.backwards(), after, before })
    }

    /// Restricts a statement to the page, and one row more, which tells whether the list goes on.
    pub fn apply(&self, select: &mut SelectStatement) {
        select.cond_where(self.between.clone());
        for key in self.keys {
            let ascending = matches!(key.order, Order::Asc) != self.backwards;
            select.order_by_expr(key.by.clone(), if ascending { Order::Asc } else { Order::Desc });
        }
        select.limit(self.size + 1);
    }

    /// The page that the rows of such a statement make.
    pub fn page<R>(&self, mut rows: Vec<R>, values: impl Fn(&R) -> Vec<KeyValue>, total: Option<i64>) -> Page<R> {
        let more = rows.len() as u64 > self.size;
        rows.truncate(usize::try_from(self.size).unwrap_or(usize::MAX));
        if self.backwards {
            rows.reverse();
        }
        Page {
            rows: rows.into_iter().map(|row| (encode(&values(&row)), row)).collect(),
            has_next: if self.backwards { self.before } else { more },
            has_previous: if self.backwards { more } else { self.after },
            total,
        }
    }
}

/// One page of rows.
#[derive(Clone, Debug)]
pub struct Page<R> {
    /// The rows with their cursors.
    pub rows: Vec<(String, R)>,
    /// Whether there are more behind it.
    pub has_next: bool,
    /// Whether there are more before it.
    pub has_previous: bool,
    /// How many there are in all, where it was asked for.
    pub total: Option<i64>,
}

/// Reads one page of a select. The last key must be unique.
///
/// # Errors
/// A cursor that is none of this list, or the database.
pub async fn page<E, R>(
    conn: &impl ConnectionTrait,
    select: Select<E>,
    keys: &[SortKey],
    values: impl Fn(&R) -> Vec<KeyValue>,
    paging: &Paging,
) -> Result<Page<R>>
where
    E: EntityTrait<Model = R>,
    R: FromQueryResult + Sized + Send + Sync,
{
    let total = match paging.counted {
        true => Some(i64::try_from(select.clone().count(conn).await?).unwrap_or(i64::MAX)),
        false => None,
    };
    let cut = Cut::new(keys, paging)?;
    let mut select = select;
    cut.apply(QuerySelect::query(&mut select));
    Ok(cut.page(select.all(conn).await?, values, total))
}

/// One page of a list that is at hand, in the ascending order of its keys.
///
/// # Errors
/// A cursor that is none of this list.
pub fn slice<R>(mut rows: Vec<R>, key: impl Fn(&R) -> i64, paging: &Paging) -> Result<Page<R>> {
    let keys = [SortKey::number(Expr::val(0), Order::Asc)];
    let cut = Cut::new(&keys, paging)?;
    let bound = |argument, cursor: Option<&String>| match cursor.map(|cursor| decode(argument, cursor, &keys)) {
        Some(Ok(values)) => {
            Ok(values.into_iter().find_map(|value| if let KeyValue::Number(key) = value { Some(key) } else { None }))
        }
        Some(Err(error)) => Err(error),
        None => Ok(None),
    };
    let (after, before) = (bound("after", paging.after.as_ref())?, bound("before", paging.before.as_ref())?);
    let total = paging.counted.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX));
    rows.retain(|row| after.is_none_or(|after| key(row) > after) && before.is_none_or(|before| key(row) < before));
    if cut.backwards {
        rows.reverse();
    }
    Ok(cut.page(rows, |row| vec![KeyValue::Number(key(row))], total))
}

/// The statement of a select, for tests that look at its plan.
#[must_use]
pub fn statement<E: EntityTrait>(select: &Select<E>, backend: sea_orm::DbBackend) -> String {
    select.build(backend).to_string()
}

/// A page of a list, as Relay wants it.
#[derive(Debug)]
pub struct Connection<T: OutputType> {
    pub(crate) edges: Vec<Edge<T>>,
    pub(crate) page_info: PageInfo,
    pub(crate) total_count: Option<i64>,
}

/// A page of a list.
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// The page's rows with their cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// The page's rows without their cursors.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where the page lies.
    async fn page_info(&self) -> &PageInfo {
        &self.page_info
    }

    /// How many rows there are in all; counted only when asked for.
    async fn total_count(&self) -> Option<i64> {
        self.total_count
    }
}

/// A row with its cursor.
#[derive(Debug, SimpleObject)]
#[graphql(name_type)]
pub struct Edge<T: OutputType> {
    /// Its place in the list.
    cursor: String,
    /// The row.
    pub(crate) node: T,
}

/// Where a page lies.
#[derive(Debug, SimpleObject)]
pub struct PageInfo {
    /// Whether there are rows behind it.
    has_next_page: bool,
    /// Whether there are rows before it.
    has_previous_page: bool,
    /// Cursor of its first row.
    start_cursor: Option<String>,
    /// Cursor of its last row.
    end_cursor: Option<String>,
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

impl<R, T: OutputType + From<R>> From<Page<R>> for Connection<T> {
    fn from(page: Page<R>) -> Self {
        let cursor = |row: Option<&(String, R)>| row.map(|(cursor, _)| cursor.clone());
        Self {
            page_info: PageInfo {
                has_next_page: page.has_next,
                has_previous_page: page.has_previous,
                start_cursor: cursor(page.rows.first()),
                end_cursor: cursor(page.rows.last()),
            },
            total_count: page.total,
            edges: page.rows.into_iter().map(|(cursor, row)| Edge { cursor, node: row.into() }).collect(),
        }
    }
}
