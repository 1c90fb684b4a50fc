//! What the history teaches: conversion and time per stage, what is won of what ends, what slips (P-23).

use std::collections::BTreeMap;

use ::entity::{
    forecast::deal_state,
    vocabulary::{Money, OppyStage, PersonId, SizeClass},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, QueryTrait,
    Select,
    sea_query::{Alias, Expr, ExprTrait, Query},
};

use super::{
    rules::{is_stopped, plus},
    store::{AsOf, in_force, sum, when},
};
use crate::db::Conn;

/// A period: from a moment until before another, of which one looks back as of then or as of now.
#[derive(Clone, Debug)]
pub struct Period {
    /// From here on.
    pub from: DateTime<Utc>,
    /// Until before here.
    pub until: DateTime<Utc>,
    /// As of when it is looked at.
    pub as_of: AsOf,
    /// What is looked at.
    pub belonging: Condition,
}

impl Period {
    fn began(&self) -> Condition {
        let within = deal_state::Column::FromAt.gte(self.from).and(deal_state::Column::FromAt.lt(self.until));
        Condition::all().add(within).add(self.belonging.clone())
    }
}

/// What happened in a stage of the way in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageFigures {
    /// Which.
    pub stage: OppyStage,
    /// How many deals entered it.
    pub entered: i64,
    /// How many left it for the next one.
    pub went_on: i64,
    /// How many left it by a stop.
    pub stopped: i64,
    /// Seconds that those who left had spent in it, all together.
    pub seconds: i64,
    /// Seconds that the one in the middle had spent in it; nothing where none left.
    pub median: Option<i64>,
}

#[derive(FromQueryResult)]
struct Left {
    left_stage: OppyStage,
    went_on: i64,
    stopped: i64,
    seconds: i64,
    middle: i64,
}

/// What happened in each stage up to the signature's, in two statements.
///
/// # Errors
/// When the database cannot be read.
pub async fn stages(conn: &Conn, period: &Period) -> Result<Vec<StageFigures>, DbErr> {
    let entered: Vec<(OppyStage, i64)> = deal_state::Entity::find()
        .select_only()
        .column(deal_state::Column::Stage)
        .column_as(deal_state::Column::Stage.count(), "deals")
        .filter(deal_state::Column::Entered.eq(true))
        .filter(period.began())
        .group_by(deal_state::Column::Stage)
        .into_tuple()
        .all(conn)
        .await?;
    let left = Left::find_by_statement(conn.get_database_backend().build(&left(period))).all(conn).await?;
    let figures = |stage: &OppyStage| {
        let entered = entered.iter().find(|(of, _)| of == stage).map_or(0, |(_, deals)| *deals);
        let left = left.iter().find(|left| left.left_stage == *stage);
        let (went_on, stopped) = left.map_or((0, 0), |left| (left.went_on, left.stopped));
        // Of an even number, the middle is between two.
        let between = 2 - (went_on + stopped) % 2;
        let (seconds, median) = (left.map_or(0, |left| left.seconds), left.map(|left| left.middle / between));
        StageFigures { stage: *stage, entered, went_on, stopped, seconds, median }
    };
    Ok(OppyStage::WAY.iter().filter(|stage| **stage != OppyStage::ClosedWon).map(figures).collect())
}

/// Those who left each stage: how many, how long they had been there, and how long those in the middle.
fn left(period: &Period) -> sea_orm::sea_query::SelectStatement {
    use deal_state::Column as C;
    let inner = deal_state::Entity::find()
        .select_only()
        .column(C::LeftStage)
        .column(C::Stage)
        .column(C::LeftAfter)
        .column_as(Expr::cust("ROW_NUMBER() OVER (PARTITION BY left_stage ORDER BY left_after)"), "place")
        .column_as(Expr::cust("COUNT(*) OVER (PARTITION BY left_stage)"), "deals")
        .filter(C::LeftStage.is_not_null())
        .filter(period.began())
        .into_query();
    let column = |name: &'static str| Expr::col(Alias::new(name));
    let stops = OppyStage::ALL.iter().copied().filter(|stage| is_stopped(*stage)).map(OppyStage::code);
    let is_stop = column("stage").is_in(stops);
    let middle = |more: i64| column("deals").add(more).div(2_i64);
    let is_middle = column("place").eq(middle(1)).or(column("place").eq(middle(2)));
    Query::select()
        .column(Alias::new("left_stage"))
        .expr_as(sum(when(is_stop.clone().not(), Expr::val(1_i64))), "went_on")
        .expr_as(sum(when(is_stop, Expr::val(1_i64))), "stopped")
        .expr_as(sum(column("left_after")), "seconds")
        .expr_as(sum(when(is_middle, column("left_after"))), "middle")
        .from_subquery(inner, Alias::new("gone"))
        .group_by_col(Alias::new("left_stage"))
        .take()
}

/// By what ended deals are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Their size.
    Size,
    /// Whose they were.
    Owner,
    /// The client's sector.
    Sector,
    /// Why they were stopped.
    Reason,
}

/// Of which ended deals a win rate is; nothing where what they are told apart by is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// A size.
    Size(Option<SizeClass>),
    /// An owner.
    Owner(PersonId),
    /// A sector.
    Sector(Option<String>),
    /// A reason.
    Reason(Option<String>),
}

/// How some deals ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// How many were closed as won.
    pub won: i64,
    /// How many were lost or not gone for.
    pub lost: i64,
    /// What those won were worth.
    pub won_amount: Money,
    /// What those lost were worth.
    pub lost_amount: Money,
}

/// How the deals ended that ended in a period and have not been reopened since, in one statement.
///
/// # Errors
/// When the database cannot be read.
pub async fn ends(conn: &Conn, period: &Period, by: By) -> Result<BTreeMap<Of, Ends>, DbErr> {
    use deal_state::Column as C;
    let of = match by {
        By::Size => C::SizeClass,
        By::Owner => C::OwnerId,
        By::Sector => C::Sector,
        By::Reason => C::Reason,
    };
    let select = deal_state::Entity::find()
        .select_only()
        .column_as(of.into_expr(), "of")
        .column(C::Stage)
        .column_as(C::Stage.count(), "deals")
        .column_as(sum(C::Amount.into_expr()), "amount")
        .filter(C::EndedAt.is_not_null())
        .filter(C::EndedAt.gte(period.from))
        .filter(C::EndedAt.lt(period.until))
        .filter(in_force(period.as_of))
        .filter(period.belonging.clone())
        .group_by(of)
        .group_by(C::Stage);
    let rows: Vec<(Of, OppyStage, i64, i64)> = match by {
        By::Size => read(conn, select, Of::Size).await?,
        By::Owner => read(conn, select, Of::Owner).await?,
        By::Sector => read(conn, select, Of::Sector).await?,
        By::Reason => read(conn, select, Of::Reason).await?,
    };
    let mut ends: BTreeMap<Of, Ends> = BTreeMap::new();
    for (of, stage, deals, amount) in rows {
        let ends = ends.entry(of).or_default();
        let (count, sum) = match stage {
            OppyStage::ClosedWon => (&mut ends.won, &mut ends.won_amount),
            _ => (&mut ends.lost, &mut ends.lost_amount),
        };
        *count = count.saturating_add(deals);
        *sum = plus(*sum, Money(amount));
    }
    Ok(ends)
}

async fn read<T: sea_orm::TryGetable + Send>(
    conn: &Conn,
    select: Select<deal_state::Entity>,
    of: fn(T) -> Of,
) -> Result<Vec<(Of, OppyStage, i64, i64)>, DbErr> {
    let rows: Vec<(T, OppyStage, i64, i64)> = select.into_tuple().all(conn).await?;
    Ok(rows.into_iter().map(|(key, stage, deals, amount)| (of(key), stage, deals, amount)).collect())
}

/// The states with which signing days were put off to another quarter in a period.
#[must_use]
pub fn slips(period: &Period) -> Select<deal_state::Entity> {
    deal_state::Entity::find().filter(deal_state::Column::SlippedFrom.is_not_null()).filter(period.began())
}

/// How often signing days were put off to another quarter, and what those deals were worth then.
///
/// # Errors
/// When the database cannot be read.
pub async fn slipped(conn: &Conn, period: &Period) -> Result<(i64, Money), DbErr> {
    let sums: Option<(i64, i64)> = slips(period)
        .select_only()
        .column_as(deal_state::Column::Id.count(), "deals")
        .column_as(sum(deal_state::Column::Amount.into_expr()), "amount")
        .into_tuple()
        .one(conn)
        .await?;
    let (deals, amount) = sums.unwrap_or_default();
    Ok((deals, Money(amount)))
}
