//! All SQL of the queues.

use std::collections::HashMap;

use ::entity::{
    identity::region,
    platform::{
        event,
        work_item::{self, Column},
    },
    vocabulary::{WorkItemId, WorkKind},
};
use sea_orm::{
    ActiveEnum,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QueryResult, QuerySelect, QueryTrait, Select,
    sea_query::{Asterisk, CaseStatement, Expr, ExprTrait, JoinType, Query, SelectStatement, SimpleExpr, UnionType},
};

use super::{
    moves::{Item, Moves, Subject},
    types::WorkItemOrder,
    view::{Strand, View, are_apart},
};
use crate::{
    db::Conn,
    error::{Error, Result},
    graphql::{
        connection::{self, Cut, Page, Paging},
        sorting::Sorting,
    },
};

/// In how many strands a page is read at most; a view of more is read in one piece, and sorted.
const MOST_STRANDS: usize = 32;

/// One page of what a view holds.
pub(super) async fn page(
    conn: &Conn,
    view: &View,
    filter: &Condition,
    sorting: &Sorting<WorkItemOrder>,
    paging: &Paging,
) -> Result<Page<work_item::Model>> {
    let total = match paging.counted {
        true => Some(whole(view, filter).count(conn).await?),
        false => None,
    };
    let keys = sorting.keys(Expr::col((work_item::Entity, Column::Id)));
    let cut = Cut::new(&keys, paging)?;
    let rows = cut_out(view, filter, sorting, &cut).all(conn).await?;
    let total = total.map(|total| i64::try_from(total).unwrap_or(i64::MAX));
    Ok(cut.page(rows, |row| sorting.values(row, row.id.0), total))
}

/// What a view holds.
fn whole(view: &View, filter: &Condition) -> Select<work_item::Entity> {
    work_item::Entity::find().filter(view.condition()).filter(filter.clone())
}

/// The statement of a page. An index gives the items of one strand in the order of waiting; so a page
/// is the beginning of what the beginnings of all strands give together, whatever waits behind them.
pub(super) fn cut_out(
    view: &View,
    filter: &Condition,
    sorting: &Sorting<WorkItemOrder>,
    cut: &Cut<'_>,
) -> Select<work_item::Entity> {
    let strands = view.strands();
    let is_indexed = sorting.only().is_some_and(WorkItemOrder::is_by_waiting);
    let mut select = match strands.as_slice() {
        [only] => work_item::Entity::find().filter(only.condition()).filter(filter.clone()),
        [] => whole(view, filter),
        several if is_indexed && several.len() <= MOST_STRANDS => {
            let kind = if are_apart(several) { UnionType::All } else { UnionType::Distinct };
            united(kind, several.iter().map(|strand| beginning(strand, filter, cut)))
        }
        _too_many => whole(view, filter),
    };
    cut.apply(QuerySelect::query(&mut select));
    select
}

/// The statement of the first page of a queue, for tests that look at its plan.
#[must_use]
pub fn first_page(view: &View, backend: DbBackend) -> String {
    let sorting = Sorting::new(None);
    let keys = sorting.keys(Expr::col((work_item::Entity, Column::Id)));
    Cut::new(&keys, &Paging::default())
        .map(|cut| connection::statement(&cut_out(view, &Condition::all(), &sorting, &cut), backend))
        .unwrap_or_default()
}

fn beginning(strand: &Strand, filter: &Condition, cut: &Cut<'_>) -> SelectStatement {
    let mut select = work_item::Entity::find().filter(strand.condition()).filter(filter.clone()).into_query();
    cut.apply(&mut select);
    // SQLite takes no limit within a union but in a statement of its own.
    Query::select().column(Asterisk).from_subquery(select, work_item::Entity).to_owned()
}

fn united(kind: UnionType, mut parts: impl Iterator<Item = SelectStatement>) -> Select<work_item::Entity> {
    let mut select = work_item::Entity::find();
    if let Some(mut union) = parts.next() {
        union.unions(parts.map(|part| (kind, part)));
        QuerySelect::query(&mut select).from_clear().from_subquery(union, work_item::Entity);
    }
    select
}

/// How many items of each kind a view holds.
pub(super) async fn counts(conn: &Conn, view: &View, filter: &Condition) -> Result<Vec<(WorkKind, i64)>, DbErr> {
    whole(view, filter)
        .select_only()
        .column(Column::Kind)
        .column_as(Column::Id.count(), "count")
        .group_by(Column::Kind)
        .into_tuple()
        .all(conn)
        .await
}

/// How much waits for whomever, by kind and by the region's code.
///
/// # Errors
/// When the database cannot be read.
pub async fn lengths(conn: &Conn) -> Result<Vec<(String, String, i64)>, DbErr> {
    let to_region = Expr::col((region::Entity, region::Column::Id)).equals((work_item::Entity, Column::RegionId));
    let mut select = work_item::Entity::find().select_only().column(Column::Kind);
    QuerySelect::query(&mut select).join(JoinType::InnerJoin, region::Entity, to_region);
    select
        .column(region::Column::Code)
        .column_as(Column::Id.count(), "count")
        .group_by(Column::Kind)
        .group_by(region::Column::Code)
        .order_by_asc(Column::Kind)
        .order_by_asc(region::Column::Code)
        .into_tuple()
        .all(conn)
        .await
}

/// Items by key, whoever asks.
pub(super) async fn items(conn: &impl ConnectionTrait, ids: &[WorkItemId]) -> Result<Vec<work_item::Model>, DbErr> {
    work_item::Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// Items that match a condition behind a key, in the order of keys.
pub(super) async fn matching(
    conn: &Conn,
    condition: Condition,
    after: WorkItemId,
    most: u64,
) -> Result<Vec<work_item::Model>, DbErr> {
    work_item::Entity::find()
        .filter(condition)
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(most)
        .all(conn)
        .await
}

/// How the queues moved after a position, in the order of commits.
pub(super) async fn moves_since(conn: &Conn, position: i64, most: u64) -> Result<Vec<(i64, Moves)>> {
    let rows: Vec<(i64, serde_json::Value)> = event::Entity::find()
        .select_only()
        .column(event::Column::Position)
        .column(event::Column::Queue)
        .filter(event::Column::Position.gt(position))
        .order_by_asc(event::Column::Position)
        .limit(most)
        .into_tuple()
        .all(conn)
        .await?;
    rows.into_iter().map(|(position, queue)| Ok((position, Moves::read(&queue)?))).collect()
}

/// Items of a subject, of some kinds.
fn of(subject: Subject, kinds: impl Iterator<Item = WorkKind>) -> Condition {
    let subject = match subject {
        Subject::Order(order) => Column::OrderId.eq(order),
        Subject::Goodwill(goodwill) => Column::GoodwillId.eq(goodwill),
        Subject::Opportunity(opportunity) => Column::OpportunityId.eq(opportunity),
    };
    let kinds: Vec<WorkKind> = kinds.collect();
    Condition::all().add(subject).add(Column::Kind.is_in(kinds))
}

/// Changes rows in one statement; their keys, in the order of the pairs.
pub(super) async fn change(conn: &Conn, subject: Subject, pairs: &[(&Item, &Item)]) -> Result<Vec<WorkItemId>> {
    let Some((_, facts)) = pairs.first() else { return Ok(Vec::new()) };
    let statement = Query::update()
        .table(work_item::Entity)
        .value(Column::Kind, each(pairs, |new| Expr::val(new.kind.to_value())))
        .value(Column::Since, each(pairs, |new| Expr::val(new.since)))
        .value(Column::OwnerId, each(pairs, |new| Expr::val(new.owner)))
        .value(Column::Involved, each(pairs, |new| Expr::val(new.involved.clone())))
        .value(Column::DelegationId, facts.delegation)
        .value(Column::RegionId, facts.region)
        .value(Column::BrokerId, facts.broker)
        .value(Column::Year, facts.year)
        .value(Column::Total, facts.total)
        .value(Column::Version, facts.version)
        .cond_where(of(subject, pairs.iter().map(|(old, _)| old.kind)))
        .returning(Query::returning().columns([Column::Id, Column::Kind]))
        .to_owned();
    keys(&conn.query_all(&statement).await?, pairs.iter().map(|(_, new)| new.kind))
}

/// A value for each row, told apart by its old kind where there are several rows.
fn each(pairs: &[(&Item, &Item)], value: impl Fn(&Item) -> Expr) -> SimpleExpr {
    match pairs {
        [(_, only)] => value(only),
        several => several
            .iter()
            .fold(CaseStatement::new(), |case, (old, new)| case.case(Column::Kind.eq(old.kind), value(new)))
            .into(),
    }
}

/// Deletes rows; their keys, in the order of the items.
pub(super) async fn remove(conn: &Conn, subject: Subject, items: &[&Item]) -> Result<Vec<WorkItemId>> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let statement = Query::delete()
        .from_table(work_item::Entity)
        .cond_where(of(subject, items.iter().map(|item| item.kind)))
        .returning(Query::returning().columns([Column::Id, Column::Kind]))
        .to_owned();
    keys(&conn.query_all(&statement).await?, items.iter().map(|item| item.kind))
}

/// Inserts rows; their keys, in the order of the items.
pub(super) async fn add(conn: &Conn, subject: Subject, items: &[&Item]) -> Result<Vec<WorkItemId>> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let rows = items.iter().map(|item| row(subject, item));
    let written = work_item::Entity::insert_many(rows).exec_with_returning(conn).await?;
    in_order(written.into_iter().map(|row| (row.kind, row.id)).collect(), items.iter().map(|item| item.kind))
}

fn row(subject: Subject, item: &Item) -> work_item::ActiveModel {
    let (order_id, goodwill_id, opportunity_id) = match subject {
        Subject::Order(order) => (Some(order), None, None),
        Subject::Goodwill(goodwill) => (None, Some(goodwill), None),
        Subject::Opportunity(opportunity) => (None, None, Some(opportunity)),
    };
    work_item::ActiveModel {
        kind: Set(item.kind),
        order_id: Set(order_id),
        goodwill_id: Set(goodwill_id),
        opportunity_id: Set(opportunity_id),
        owner_id: Set(item.owner),
        involved: Set(item.involved.clone()),
        delegation_id: Set(item.delegation),
        region_id: Set(item.region),
        broker_id: Set(item.broker),
        year: Set(item.year),
        total: Set(item.total),
        since: Set(item.since),
        version: Set(item.version),
        ..Default::default()
    }
}

fn keys(rows: &[QueryResult], kinds: impl Iterator<Item = WorkKind>) -> Result<Vec<WorkItemId>> {
    let found: Result<HashMap<WorkKind, WorkItemId>, sea_orm::DbErr> =
        rows.iter().map(|row| Ok((row.try_get("", "kind")?, row.try_get("", "id")?))).collect();
    in_order(found?, kinds)
}

fn in_order(found: HashMap<WorkKind, WorkItemId>, kinds: impl Iterator<Item = WorkKind>) -> Result<Vec<WorkItemId>> {
    let key = |kind: WorkKind| {
        let missing = || Error::defect(format!("there is no work item of kind {} to change", kind.code()));
        found.get(&kind).copied().ok_or_else(missing)
    };
    kinds.map(key).collect()
}
