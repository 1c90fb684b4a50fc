//! All SQL of the context.

use std::collections::BTreeMap;

use ::entity::{catalog::article, vocabulary::ArticleId};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{CaseStatement, Expr, ExprTrait, SimpleExpr},
};

use crate::error::{Error, Result};

/// Articles by key.
///
/// # Errors
/// When the database cannot be read.
pub async fn articles(conn: &impl ConnectionTrait, ids: &[ArticleId]) -> Result<Vec<article::Model>, DbErr> {
    article::Entity::find().filter(article::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The articles that a condition selects.
#[must_use]
pub(super) fn wanted(condition: Condition) -> Select<article::Entity> {
    article::Entity::find().filter(condition)
}

/// Holds pieces back for an order (C-3): all of them, or none where some article has too few. Answers
/// which ones have too few, by key. An article without a stock is unlimited.
///
/// # Errors
/// When the database cannot be written.
pub async fn reserve(conn: &impl ConnectionTrait, wanted: &[(ArticleId, i64)]) -> Result<Vec<ArticleId>> {
    let wanted = summed(wanted);
    let left = locked_stock(conn, &wanted).await?;
    let is_short = |(id, stock): &&(ArticleId, i64)| wanted.get(id).is_some_and(|pieces| pieces > stock);
    let short: Vec<ArticleId> = left.iter().filter(is_short).map(|(id, _)| *id).collect();
    if !short.is_empty() || left.is_empty() {
        return Ok(short);
    }
    let changed = article::Entity::update_many()
        .col_expr(article::Column::Stock, Expr::col(article::Column::Stock).sub(pieces_of(&wanted)))
        .filter(article::Column::Id.is_in(left.iter().map(|(id, _)| *id)))
        .filter(Expr::col(article::Column::Stock).gte(pieces_of(&wanted)))
        .exec(conn)
        .await?;
    if changed.rows_affected == left.len() as u64 {
        Ok(Vec::new())
    } else {
        Err(Error::defect("stock changed under its lock"))
    }
}

/// Gives pieces back that an order held (C-3).
///
/// # Errors
/// When the database cannot be written.
pub async fn give_back(conn: &impl ConnectionTrait, held: &[(ArticleId, i64)]) -> Result<()> {
    let held = summed(held);
    let limited = locked_stock(conn, &held).await?;
    if limited.is_empty() {
        return Ok(());
    }
    article::Entity::update_many()
        .col_expr(article::Column::Stock, Expr::col(article::Column::Stock).add(pieces_of(&held)))
        .filter(article::Column::Id.is_in(limited.iter().map(|(id, _)| *id)))
        .exec(conn)
        .await?;
    Ok(())
}

/// An article may stand on several lines.
fn summed(lines: &[(ArticleId, i64)]) -> BTreeMap<ArticleId, i64> {
    let mut sums = BTreeMap::new();
    for (id, pieces) in lines {
        let sum: &mut i64 = sums.entry(*id).or_default();
        *sum = sum.saturating_add(*pieces);
    }
    sums
}

/// The stock of the limited ones, locked in the order of their keys, so that two orders for the same
/// articles wait for each other rather than stop each other.
async fn locked_stock(
    conn: &impl ConnectionTrait,
    wanted: &BTreeMap<ArticleId, i64>,
) -> Result<Vec<(ArticleId, i64)>, DbErr> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    article::Entity::find()
        .select_only()
        .columns([article::Column::Id, article::Column::Stock])
        .filter(article::Column::Id.is_in(wanted.keys().copied()))
        .filter(article::Column::Stock.is_not_null())
        .order_by_asc(article::Column::Id)
        .lock_exclusive()
        .into_tuple()
        .all(conn)
        .await
}

/// `CASE WHEN id = 1 THEN 10 WHEN id = 2 THEN 5 END`.
fn pieces_of(wanted: &BTreeMap<ArticleId, i64>) -> SimpleExpr {
    let case = wanted
        .iter()
        .fold(CaseStatement::new(), |case, (id, pieces)| case.case(article::Column::Id.eq(*id), Expr::val(*pieces)));
    case.into()
}
