//! The history of the deals' states: one row for each state that the forecast can tell apart (P-22).

use ::entity::{
    forecast::deal_state,
    vocabulary::{DealStateId, OpportunityId, OppyStage},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
};

use super::rules::{Earlier, Standing, Step, Track, counts_as, is_stopped, step};
use crate::{db::Conn, error::Result};

/// Notes how a deal stands from a moment on, in the transaction that brought it there. Where nothing changed
/// that the forecast can tell, nothing is written; several changes at one moment leave one state.
///
/// The deal must be held by the transaction, so that nobody else notes the same at the same time.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn record(
    conn: &Conn,
    opportunity: OpportunityId,
    before: Option<&Standing>,
    after: &Standing,
    at: DateTime<Utc>,
) -> Result<()> {
    if before == Some(after) {
        return Ok(());
    }
    let Some(open) = open_state(conn, opportunity).await? else {
        return insert(conn, state(opportunity, None, after, at)).await;
    };
    if at > open.from_at {
        close(conn, &open, at).await?;
        return insert(conn, state(opportunity, Some(&open), after, at)).await;
    }
    // At the same moment, or on a clock that is a little behind another process's.
    let predecessor = ended_at(conn, opportunity, open.from_at).await?;
    let instead = state(opportunity, predecessor.as_ref(), after, open.from_at);
    let row = deal_state::Model { id: open.id, passed: instead.passed | open.passed, ..instead };
    deal_state::Entity::update(row.into_active_model().reset_all()).exec(conn).await?;
    Ok(())
}

async fn insert(conn: &Conn, state: deal_state::Model) -> Result<()> {
    let row = deal_state::ActiveModel { id: NotSet, ..state.into_active_model().reset_all() };
    deal_state::Entity::insert(row).exec(conn).await?;
    Ok(())
}

/// The state that a deal is in from a moment on, behind the one that it was in or as its first; its key is not
/// known yet. Pure: what [`record`] writes, also for whoever writes a whole history at once.
#[must_use]
pub fn state(
    opportunity: OpportunityId,
    before: Option<&deal_state::Model>,
    after: &Standing,
    at: DateTime<Utc>,
) -> deal_state::Model {
    let Standing {
        stage,
        category,
        amount,
        signing_day,
        owner,
        delegation,
        region,
        size,
        sector,
        reason,
        committed_by,
    } = after.clone();
    let Step { track: Track { passed, way_stage, spent_before, ended_at }, entered, left, slipped_from } =
        step(before.map(earlier).as_ref(), after, at);
    deal_state::Model {
        id: DealStateId(0),
        opportunity_id: opportunity,
        from_at: at,
        until_at: None,
        stage,
        category,
        counts_as: counts_as(stage, category),
        amount,
        signing_day,
        quarter: after.quarter(),
        owner_id: owner,
        delegation_id: delegation,
        region_id: region,
        size_class: size,
        sector,
        // Of a stop alone: a deal that was reopened and signed may still know why it was once stopped.
        reason: reason.filter(|_| is_stopped(stage) || stage == OppyStage::OnHold),
        committed_by_id: committed_by,
        passed,
        way_stage,
        spent_before,
        entered,
        left_stage: left.map(|(stage, _)| stage),
        left_after: left.map(|(_, seconds)| seconds),
        slipped_from,
        ended_at,
    }
}

/// A state as far as the next one follows from it.
fn earlier(state: &deal_state::Model) -> Earlier {
    let deal_state::Model { from_at, stage, quarter, passed, way_stage, spent_before, ended_at, .. } = *state;
    Earlier { from_at, stage, quarter, track: Track { passed, way_stage, spent_before, ended_at } }
}

async fn open_state(conn: &Conn, opportunity: OpportunityId) -> Result<Option<deal_state::Model>, DbErr> {
    deal_state::Entity::find()
        .filter(deal_state::Column::OpportunityId.eq(opportunity))
        .filter(deal_state::Column::UntilAt.is_null())
        .one(conn)
        .await
}

async fn ended_at(
    conn: &Conn,
    opportunity: OpportunityId,
    at: DateTime<Utc>,
) -> Result<Option<deal_state::Model>, DbErr> {
    deal_state::Entity::find()
        .filter(deal_state::Column::OpportunityId.eq(opportunity))
        .filter(deal_state::Column::UntilAt.eq(at))
        .one(conn)
        .await
}

async fn close(conn: &Conn, open: &deal_state::Model, at: DateTime<Utc>) -> Result<(), DbErr> {
    let mut row = open.clone().into_active_model();
    row.until_at = Set(Some(at));
    deal_state::Entity::update(row).exec(conn).await.map(drop)
}

/// The states that began or ended at a moment: what an event of that moment changed.
///
/// # Errors
/// When the database cannot be read.
pub async fn changed_at(
    conn: &Conn,
    opportunity: OpportunityId,
    at: DateTime<Utc>,
) -> Result<Vec<deal_state::Model>, DbErr> {
    let begun_or_ended =
        Condition::any().add(deal_state::Column::FromAt.eq(at)).add(deal_state::Column::UntilAt.eq(at));
    deal_state::Entity::find()
        .filter(deal_state::Column::OpportunityId.eq(opportunity))
        .filter(begun_or_ended)
        .all(conn)
        .await
}
