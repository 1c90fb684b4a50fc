//! The queues hold what orders and gestures wait for, and nothing else (§3); for deals see [`super::deals`].

use ::entity::{
    budgets::goodwill,
    orders::order,
    vocabulary::{GoodwillId, OrderId, WorkKind},
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};

use super::{Comparison, Finding, all, compare};
use crate::{budgets::goodwill::items, db::Conn, error::Result, orders::workflow::waits_for};

/// Orders that are alike in everything that decides what an order waits for, and in what they have in
/// the queues: the first of them and how many there are.
const ORDERS: &str = "
SELECT MIN(orders.id) AS first, COUNT(*) AS count, COALESCE(queued.kinds, 0) AS kinds
FROM orders LEFT JOIN ({queued}) AS queued ON queued.subject = orders.id
GROUP BY orders.status, orders.kind, orders.action_type, orders.documents,
    CASE WHEN orders.receipt_due_on IS NULL THEN 0 ELSE 1 END, COALESCE(queued.kinds, 0)";

/// The same for goodwill gestures.
const GESTURES: &str = "
SELECT MIN(goodwill.id) AS first, COUNT(*) AS count, COALESCE(queued.kinds, 0) AS kinds
FROM goodwill LEFT JOIN ({queued}) AS queued ON queued.subject = goodwill.id
GROUP BY goodwill.status, COALESCE(queued.kinds, 0)";

#[derive(Debug, FromQueryResult)]
struct Alike {
    first: i64,
    count: i64,
    kinds: i64,
}

/// Everything that is wrong with the queues.
pub(super) async fn check(conn: &Conn) -> Result<Vec<Finding>> {
    let mut findings = orders(conn).await?;
    findings.extend(gestures(conn).await?);
    for comparison in [copies_of_orders(), copies_of_gestures()] {
        findings.extend(compare(conn, &comparison).await?);
    }
    Ok(findings)
}

async fn orders(conn: &Conn) -> Result<Vec<Finding>> {
    let groups: Vec<Alike> = all(conn, &with_queued(ORDERS, "order_id")).await?;
    let firsts = groups.iter().map(|group| OrderId(group.first));
    let samples = order::Entity::find().filter(order::Column::Id.is_in(firsts)).all(conn).await?;
    let expected = |group: &Alike| samples.iter().find(|o| o.id.0 == group.first).map(|o| bits(&waits_for(o)));
    Ok(groups.iter().filter_map(|group| wrong("orders", group, expected(group)?)).collect())
}

async fn gestures(conn: &Conn) -> Result<Vec<Finding>> {
    let groups: Vec<Alike> = all(conn, &with_queued(GESTURES, "goodwill_id")).await?;
    let firsts = groups.iter().map(|group| GoodwillId(group.first));
    let samples = goodwill::Entity::find().filter(goodwill::Column::Id.is_in(firsts)).all(conn).await?;
    let expected = |group: &Alike| {
        let sample = samples.iter().find(|gesture| gesture.id.0 == group.first)?;
        let kinds: Vec<WorkKind> = items(sample, sample.created_at).iter().map(|item| item.kind).collect();
        Some(bits(&kinds))
    };
    Ok(groups.iter().filter_map(|group| wrong("goodwill", group, expected(group)?)).collect())
}

fn wrong(table: &str, group: &Alike, expected: i64) -> Option<Finding> {
    let Alike { first, count, kinds } = group;
    let others = if *count > 1 { format!(" and {} others like it", count - 1) } else { String::new() };
    let text = || format!("{table} {first}{others}: queued for {}, should be for {}", names(*kinds), names(expected));
    (*kinds != expected).then(|| Finding { rule: "work queue", text: text() })
}

/// A statement with what subjects have in the queues, one bit for each kind: a subject has each at most
/// once.
fn with_queued(sql: &str, subject: &str) -> String {
    let bits: String =
        WorkKind::ALL.iter().map(|kind| format!("WHEN '{}' THEN {} ", kind.code(), bit(*kind))).collect();
    let queued = format!(
        "SELECT {subject} AS subject, CAST(SUM(CASE kind {bits}ELSE 0 END) AS BIGINT) AS kinds \
         FROM work_item WHERE {subject} IS NOT NULL GROUP BY {subject}"
    );
    sql.replace("{queued}", &queued)
}

const fn bit(kind: WorkKind) -> i64 {
    1 << kind as i64
}

fn bits(kinds: &[WorkKind]) -> i64 {
    kinds.iter().map(|kind| bit(*kind)).sum()
}

fn names(bits: i64) -> String {
    let kinds: Vec<&str> =
        WorkKind::ALL.iter().filter(|kind| bits & bit(**kind) != 0).map(|kind| kind.code()).collect();
    if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" + ") }
}

/// An item repeats what its order says.
fn copies_of_orders() -> Comparison {
    let sql =
        "SELECT CAST(work_item.id AS TEXT) AS row_key, 'what it repeats of order ' || CAST(orders.id AS TEXT) AS what,
            'version ' || CAST(work_item.version AS TEXT) AS found,
            'version ' || CAST(orders.version AS TEXT) || ' in every column' AS expected
        FROM work_item INNER JOIN orders ON orders.id = work_item.order_id
        WHERE work_item.version <> orders.version
            OR work_item.owner_id <> orders.owner_id
            OR work_item.involved <> orders.involved
            OR work_item.delegation_id <> orders.delegation_id
            OR work_item.region_id <> orders.region_id
            OR work_item.broker_id IS DISTINCT FROM orders.broker_id
            OR work_item.year <> orders.year
            OR work_item.total <> orders.total
            OR work_item.since <> CASE work_item.kind WHEN 'MISSING_DOCUMENTS' THEN orders.submitted_at
                WHEN 'HANDOVER_RECEIPT' THEN work_item.since ELSE orders.status_since END";
    Comparison { rule: "work queue", table: "work_item", sql: sql.to_owned() }
}

/// An item repeats what its gesture says.
fn copies_of_gestures() -> Comparison {
    let sql = "SELECT CAST(work_item.id AS TEXT) AS row_key, 'what it repeats of gesture ' || CAST(goodwill.id AS TEXT) AS what,
            'version ' || CAST(work_item.version AS TEXT) AS found,
            'version ' || CAST(goodwill.version AS TEXT) || ' in every column' AS expected
        FROM work_item INNER JOIN goodwill ON goodwill.id = work_item.goodwill_id
        WHERE work_item.version <> goodwill.version
            OR work_item.delegation_id <> goodwill.delegation_id
            OR work_item.region_id <> goodwill.region_id
            OR work_item.year <> goodwill.year
            OR work_item.total <> goodwill.amount";
    Comparison { rule: "work queue", table: "work_item", sql: sql.to_owned() }
}
