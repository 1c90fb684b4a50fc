//! Reading the log: pages of it for many webhooks at once, newest first.
//!
//! One statement answers for all webhooks of a list: a union of one short range of the index (webhook, id) for each,
//! so that it costs what the pages hold and not what the log does.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ::entity::{
    vocabulary::{DeliveryState, WebhookId},
    webhooks::delivery,
};
use async_graphql::dataloader::Loader;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Asterisk, Expr, Order, Query, SelectStatement, UnionType},
};

use crate::{
    db::Conn,
    error::Result,
    graphql::connection::{Cut, KeyValue, Page, Paging, SortKey},
    loaders::Reader,
};

/// A page of a webhook's log.
type LogPage = Page<delivery::Model>;

/// Which page of a log: what [`Paging`] says, in a form that pages can be gathered by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
    counted: bool,
    states: Vec<DeliveryState>,
}

impl Window {
    /// The page that somebody asks for, of deliveries that stand so; all where nothing is said.
    ///
    /// # Errors
    /// A cursor that is none of a log.
    pub(super) fn new(paging: Paging, states: Vec<DeliveryState>) -> Result<Self> {
        Cut::new(&keys(), &paging)?;
        let Paging { first, after, last, before, counted } = paging;
        Ok(Self { first, after, last, before, counted, states })
    }

    fn paging(&self) -> Paging {
        let Self { first, after, last, before, counted, states: _ } = self.clone();
        Paging { first, after, last, before, counted }
    }

    fn of(&self, webhooks: &[WebhookId]) -> Select<delivery::Entity> {
        let theirs = delivery::Entity::find().filter(delivery::Column::WebhookId.is_in(webhooks.iter().copied()));
        if self.states.is_empty() {
            return theirs;
        }
        theirs.filter(delivery::Column::State.is_in(self.states.iter().copied()))
    }
}

fn keys() -> [SortKey; 1] {
    [SortKey::number(Expr::col((delivery::Entity, delivery::Column::Id)), Order::Desc)]
}

/// Asks for a page of a webhook's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LogOf(pub(super) WebhookId, pub(super) Window);

impl Loader<LogOf> for Reader {
    type Value = LogPage;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[LogOf]) -> std::result::Result<HashMap<LogOf, LogPage>, Arc<DbErr>> {
        let mut windows: HashMap<&Window, Vec<WebhookId>> = HashMap::new();
        for LogOf(webhook, window) in keys {
            windows.entry(window).or_default().push(*webhook);
        }
        let (conn, mut found) = (self.0.conn(), HashMap::new());
        for (window, webhooks) in windows {
            for (webhook, page) in pages(&conn, window, &webhooks).await.map_err(Arc::new)? {
                found.insert(LogOf(webhook, window.clone()), page);
            }
        }
        Ok(found)
    }
}

/// The same page of several webhooks' logs; there are never many webhooks.
async fn pages(conn: &Conn, window: &Window, webhooks: &[WebhookId]) -> Result<Vec<(WebhookId, LogPage)>, DbErr> {
    let keys = keys();
    // A window was made from cursors that were read.
    let cut = Cut::new(&keys, &window.paging()).map_err(|error| DbErr::Custom(error.to_string()))?;
    let mut rows: BTreeMap<WebhookId, Vec<delivery::Model>> = BTreeMap::new();
    for row in conn.query_all(&union(&cut, window, webhooks)).await? {
        let row = delivery::Model::from_query_result(&row, "")?;
        rows.entry(row.webhook_id).or_default().push(row);
    }
    let totals = if window.counted { Some(totals(conn, window, webhooks).await?) } else { None };
    let page = |webhook: WebhookId| {
        let mut rows = rows.remove(&webhook).unwrap_or_default();
        // A union promises no order; a page from the end is read backwards.
        match window.last {
            Some(_) => rows.sort_by_key(|row| row.id),
            None => rows.sort_by_key(|row| Reverse(row.id)),
        }
        let total = totals.as_ref().map(|totals| totals.get(&webhook).copied().unwrap_or(0));
        (webhook, cut.page(rows, |row| vec![KeyValue::Number(row.id.0)], total))
    };
    Ok(webhooks.iter().copied().map(page).collect())
}

fn union(cut: &Cut<'_>, window: &Window, webhooks: &[WebhookId]) -> SelectStatement {
    let mut each = webhooks.iter().map(|webhook| {
        let mut page = window.of(&[*webhook]).into_query();
        cut.apply(&mut page);
        Query::select().column(Asterisk).from_subquery(page, "page").take()
    });
    let mut all = each.next().unwrap_or_default();
    for select in each {
        all.union(UnionType::All, select);
    }
    all
}

async fn totals(conn: &Conn, window: &Window, webhooks: &[WebhookId]) -> Result<HashMap<WebhookId, i64>, DbErr> {
    use delivery::Column::{Id, WebhookId as Webhook};
    let counts: Vec<(WebhookId, i64)> = window
        .of(webhooks)
        .select_only()
        .column(Webhook)
        .column_as(Id.count(), "deliveries")
        .group_by(Webhook)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(counts.into_iter().collect())
}
