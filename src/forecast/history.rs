//! The history of the deals' states: one row for each state that the forecast can tell apart (P-22).

use ::entity::{
    forecast::deal_state,
    vocabulary::{OpportunityId, OppyStage},
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
        deal_state::Entity::insert(row(opportunity, after, &step(None, after, at), at)).exec(conn).await?;
        return Ok(());
    };
    if at > open.from_at {
        let step = step(Some(&earlier(&open)), after, at);
        close(conn, &open, at).await?;
        deal_state::Entity::insert(row(opportunity, after, &step, at)).exec(conn).await?;
        return Ok(());
    }
    // At the same moment, or on a clock that is a little behind another process's.
    let predecessor = ended_at(conn, opportunity, open.from_at).await?;
    let mut step = step(predecessor.as_ref().map(earlier).as_ref(), after, open.from_at);
    step.track.passed |= open.passed;
    let row = deal_state::ActiveModel { id: Set(open.id), ..row(opportunity, after, &step, open.from_at) };
    deal_state::Entity::update(row.reset_all()).exec(conn).await?;
    Ok(())
}

fn row(opportunity: OpportunityId, after: &Standing, step: &Step, at: DateTime<Utc>) -> deal_state::ActiveModel {
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
    let Step { track: Track { passed, way_stage, spent_before, ended_at }, entered, left, slipped_from } = *step;
    deal_state::ActiveModel {
        id: NotSet,
        opportunity_id: Set(opportunity),
        from_at: Set(at),
        until_at: Set(None),
        stage: Set(stage),
        category: Set(category),
        counts_as: Set(counts_as(stage, category)),
        amount: Set(amount),
        signing_day: Set(signing_day),
        quarter: Set(after.quarter()),
        owner_id: Set(owner),
        delegation_id: Set(delegation),
        region_id: Set(region),
        size_class: Set(size),
        sector: Set(sector),
        // Of a stop alone: a deal that was reopened and signed may still know why it was once stopped.
        reason: Set(reason.filter(|_| is_stopped(stage) || stage == OppyStage::OnHold)),
        committed_by_id: Set(committed_by),
        passed: Set(passed),
        way_stage: Set(way_stage),
        spent_before: Set(spent_before),
        entered: Set(entered),
        left_stage: Set(left.map(|(stage, _)| stage)),
        left_after: Set(left.map(|(_, seconds)| seconds)),
        slipped_from: Set(slipped_from),
        ended_at: Set(ended_at),
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
