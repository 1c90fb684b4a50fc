//! Reading the ledger: pages of it for many envelopes at once, newest first.
//!
//! One statement answers for all envelopes of a list: a union of one short range of the index
//! (envelope, id) for each, so that it costs what the pages hold and not what the ledger does.

use std::{cmp::Reverse, collections::HashMap};

use ::entity::{budgets::ledger_entry, vocabulary::EnvelopeId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Asterisk, Expr, Order, Query, SelectStatement, UnionType},
};

use crate::{
    db::Conn,
    error::Result,
    graphql::connection::{Cut, KeyValue, Page, Paging, SortKey},
};

/// Envelopes to one statement; SQLite takes 500 selects to a union.
const MOST: usize = 100;

/// A page of an envelope's ledger.
pub type LedgerPage = Page<ledger_entry::Model>;

/// Which page of a ledger: what [`Paging`] says, in a form that pages can be gathered by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    first: Option<i32>,
    after: Option<String>,
    last: Option<i32>,
    before: Option<String>,
    counted: bool,
}

impl Window {
    /// The page that somebody asks for.
    ///
    /// # Errors
    /// A cursor that is none of a ledger.
    pub fn new(paging: Paging) -> Result<Self> {
        Cut::new(&keys(), &paging)?;
        let Paging { first, after, last, before, counted } = paging;
        Ok(Self { first, after, last, before, counted })
    }

    fn paging(&self) -> Paging {
        let Self { first, after, last, before, counted } = self.clone();
        Paging { first, after, last, before, counted }
    }
}

fn keys() -> [SortKey; 1] {
    [SortKey::number(Expr::col((ledger_entry::Entity, ledger_entry::Column::Id)), Order::Desc)]
}

/// The same page of several envelopes' ledgers.
///
/// # Errors
/// When the database cannot be read.
pub async fn pages(
    conn: &Conn,
    window: &Window,
    envelopes: &[EnvelopeId],
) -> Result<HashMap<EnvelopeId, LedgerPage>, DbErr> {
    let keys = keys();
    // A window was made from cursors that were read.
    let cut = Cut::new(&keys, &window.paging()).map_err(|error| DbErr::Custom(error.to_string()))?;
    let mut rows: HashMap<EnvelopeId, Vec<ledger_entry::Model>> = HashMap::new();
    for some in envelopes.chunks(MOST) {
        for row in conn.query_all(&union(&cut, some)).await? {
            let entry = ledger_entry::Model::from_query_result(&row, "")?;
            rows.entry(entry.envelope_id).or_default().push(entry);
        }
    }
    let totals = if window.counted { Some(totals(conn, envelopes).await?) } else { None };
    let page = |envelope: EnvelopeId| {
        let mut rows = rows.remove(&envelope).unwrap_or_default();
        // A union promises no order; a page from the end is read backwards.
        match window.last {
            Some(_) => rows.sort_by_key(|row| row.id),
            None => rows.sort_by_key(|row| Reverse(row.id)),
        }
        let total = totals.as_ref().map(|totals| totals.get(&envelope).copied().unwrap_or(0));
        (envelope, cut.page(rows, |row| vec![KeyValue::Number(row.id.0)], total))
    };
    Ok(envelopes.iter().copied().map(page).collect())
}

fn union(cut: &Cut<'_>, envelopes: &[EnvelopeId]) -> SelectStatement {
    let mut each = envelopes.iter().map(|envelope| {
        let entries = ledger_entry::Entity::find().filter(ledger_entry::Column::EnvelopeId.eq(*envelope));
        let mut page = entries.into_query();
        cut.apply(&mut page);
        Query::select().column(Asterisk).from_subquery(page, "page").take()
    });
    let mut all = each.next().unwrap_or_default();
    for select in each {
        all.union(UnionType::All, select);
    }
    all
}

async fn totals(conn: &Conn, envelopes: &[EnvelopeId]) -> Result<HashMap<EnvelopeId, i64>, DbErr> {
    use ledger_entry::Column::{EnvelopeId as Envelope, Id};
    let counts: Vec<(EnvelopeId, i64)> = ledger_entry::Entity::find()
        .select_only()
        .column(Envelope)
        .column_as(Id.count(), "entries")
        .filter(Envelope.is_in(envelopes.iter().copied()))
        .group_by(Envelope)
        .into_tuple()
        .all(conn)
        .await?;
    Ok(counts.into_iter().collect())
}
