//! All SQL of the context.

use ::entity::{
    platform::event,
    vocabulary::{DeliveryId, DeliveryState, EventId, WebhookId, WebhookStatus},
    webhooks::{delivery, webhook},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, Select, Statement,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query, SelectStatement},
};

use super::Backlog;
use crate::{
    authz::Reach,
    db::Conn,
    record::{self, Changed, Versioned},
};

/// The advisory lock of whoever looks events through.
const LOOKING: i64 = 0x5e5a_3e17;

impl Versioned for webhook::Entity {
    const KEY: webhook::Column = webhook::Column::Id;
    const VERSION: webhook::Column = webhook::Column::Version;
}

/// The webhooks that somebody may read: they belong to no place.
#[must_use]
pub fn within(reach: &Reach) -> Select<webhook::Entity> {
    let all = webhook::Entity::find();
    if reach.all { all } else { all.filter(Expr::val(1).eq(0)) }
}

/// The deliveries that somebody may read.
#[must_use]
pub fn deliveries_within(reach: &Reach) -> Select<delivery::Entity> {
    let all = delivery::Entity::find();
    if reach.all { all } else { all.filter(Expr::val(1).eq(0)) }
}

/// Webhooks by key.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_key(conn: &impl ConnectionTrait, ids: &[WebhookId]) -> Result<Vec<webhook::Model>, DbErr> {
    webhook::Entity::find().filter(webhook::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// Those that are not switched off, oldest first.
pub(super) async fn in_use(conn: &impl ConnectionTrait) -> Result<Vec<webhook::Model>, DbErr> {
    let used = webhook::Column::Status.ne(WebhookStatus::Disabled);
    webhook::Entity::find().filter(used).order_by_asc(webhook::Column::Id).all(conn).await
}

/// A webhook that is going to be changed.
pub(super) async fn held(conn: &Conn, id: WebhookId) -> Result<Option<webhook::Model>, DbErr> {
    let select = webhook::Entity::find_by_id(id);
    if conn.is_postgres() { select.lock_exclusive().one(conn).await } else { select.one(conn).await }
}

/// A delivery that is going to be changed.
pub(super) async fn held_delivery(conn: &Conn, id: DeliveryId) -> Result<Option<delivery::Model>, DbErr> {
    let select = delivery::Entity::find_by_id(id);
    if conn.is_postgres() { select.lock_exclusive().one(conn).await } else { select.one(conn).await }
}

/// How many there are.
pub(super) async fn count(conn: &Conn) -> Result<u64, DbErr> {
    webhook::Entity::find().count(conn).await
}

/// A new one.
pub(super) async fn insert(conn: &Conn, row: webhook::ActiveModel) -> Result<WebhookId, DbErr> {
    Ok(webhook::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Writes a webhook's new state where it still is in the old one; whether it was.
pub(super) async fn advance(conn: &Conn, before: &webhook::Model, after: &webhook::Model) -> Result<bool, DbErr> {
    record::advance(conn, before, &Changed::<webhook::Entity>::between(before, after)).await
}

/// Deletes a webhook with its deliveries, where it still is in the state that was seen; whether it was.
pub(super) async fn delete(conn: &Conn, seen: &webhook::Model) -> Result<bool, DbErr> {
    let deleted = webhook::Entity::delete_many()
        .filter(webhook::Column::Id.eq(seen.id))
        .filter(webhook::Column::Version.eq(seen.version))
        .exec(conn)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Takes the place of whoever looks events through until the end of the transaction; on SQLite there is one writer
/// in any case.
pub(super) async fn is_alone(conn: &Conn) -> Result<bool, DbErr> {
    if !conn.is_postgres() {
        return Ok(true);
    }
    let sql = format!("SELECT pg_try_advisory_xact_lock({LOOKING})");
    let row = conn.query_one_raw(Statement::from_string(conn.get_database_backend(), sql)).await?;
    row.map_or(Ok(false), |row| row.try_get_by_index(0))
}

/// Notes that events were looked through for some webhooks.
pub(super) async fn looked_at(conn: &Conn, ids: &[WebhookId], position: i64) -> Result<(), DbErr> {
    webhook::Entity::update_many()
        .col_expr(webhook::Column::Position, Expr::val(position))
        .filter(webhook::Column::Id.is_in(ids.iter().copied()))
        .filter(webhook::Column::Position.lt(position))
        .exec(conn)
        .await
        .map(drop)
}

/// Notes how far events were looked through again; none: to the end.
pub(super) async fn replayed(conn: &Conn, id: WebhookId, rest: Option<(i64, i64)>) -> Result<(), DbErr> {
    let (after, until) = rest.unzip();
    webhook::Entity::update_many()
        .col_expr(webhook::Column::ReplayAfter, Expr::val(after))
        .col_expr(webhook::Column::ReplayUntil, Expr::val(until))
        .filter(webhook::Column::Id.eq(id))
        .exec(conn)
        .await
        .map(drop)
}

/// A delivery that is due at once.
#[must_use]
pub(super) fn due(
    webhook: WebhookId,
    event: Option<&event::Model>,
    kind: &str,
    now: DateTime<Utc>,
) -> delivery::ActiveModel {
    delivery::ActiveModel {
        webhook_id: Set(webhook),
        event_id: Set(event.map(|event| event.id)),
        kind: Set(kind.to_owned()),
        position: Set(event.and_then(|event| event.position).unwrap_or(0)),
        state: Set(DeliveryState::Pending),
        failures: Set(0),
        due_at: Set(now),
        leased_until: Set(None),
        attempts: Set(Default::default()),
        response: Set(None),
        created_at: Set(now),
        finished_at: Set(None),
        version: Set(1),
        ..Default::default()
    }
}

/// Adds deliveries; one that is there already stays as it is.
pub(super) async fn add(conn: &Conn, rows: Vec<delivery::ActiveModel>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let known = [delivery::Column::WebhookId, delivery::Column::EventId];
    delivery::Entity::insert_many(rows)
        .on_conflict(OnConflict::columns(known).do_nothing().to_owned())
        .exec_without_returning(conn)
        .await
        .map(drop)
}

/// Adds a delivery.
pub(super) async fn add_one(conn: &Conn, row: delivery::ActiveModel) -> Result<DeliveryId, DbErr> {
    Ok(delivery::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Begins deliveries that have ended again.
pub(super) async fn begin_again(
    conn: &Conn,
    webhook: WebhookId,
    events: &[EventId],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    delivery::Entity::update_many()
        .col_expr(delivery::Column::State, Expr::val(DeliveryState::Pending.code()))
        .col_expr(delivery::Column::Failures, Expr::val(0_i64))
        .col_expr(delivery::Column::DueAt, Expr::val(now))
        .col_expr(delivery::Column::LeasedUntil, Expr::val(None::<DateTime<Utc>>))
        .col_expr(delivery::Column::FinishedAt, Expr::val(None::<DateTime<Utc>>))
        .col_expr(delivery::Column::Version, Expr::col(delivery::Column::Version).add(1))
        .filter(delivery::Column::WebhookId.eq(webhook))
        .filter(delivery::Column::EventId.is_in(events.iter().copied()))
        .filter(delivery::Column::State.ne(DeliveryState::Pending))
        .exec(conn)
        .await
        .map(drop)
}

/// Has everything that waits for a webhook attempted now.
pub(super) async fn hurry(conn: &Conn, webhook: WebhookId, now: DateTime<Utc>) -> Result<(), DbErr> {
    delivery::Entity::update_many()
        .col_expr(delivery::Column::DueAt, Expr::val(now))
        .filter(delivery::Column::WebhookId.eq(webhook))
        .filter(delivery::Column::State.eq(DeliveryState::Pending))
        .filter(delivery::Column::DueAt.gt(now))
        .exec(conn)
        .await
        .map(drop)
}

/// What waits, is due, and nobody is at.
fn waiting(now: DateTime<Utc>) -> Condition {
    let free =
        Condition::any().add(delivery::Column::LeasedUntil.is_null()).add(delivery::Column::LeasedUntil.lte(now));
    Condition::all()
        .add(delivery::Column::State.eq(DeliveryState::Pending))
        .add(delivery::Column::DueAt.lte(now))
        .add(free)
}

/// The active webhooks for which something is due.
pub(super) async fn with_something_due(
    conn: &impl ConnectionTrait,
    now: DateTime<Utc>,
) -> Result<Vec<WebhookId>, DbErr> {
    let theirs = Query::select()
        .expr(Expr::val(1))
        .from(delivery::Entity)
        .and_where(
            Expr::col((delivery::Entity, delivery::Column::WebhookId)).equals((webhook::Entity, webhook::Column::Id)),
        )
        .cond_where(waiting(now))
        .to_owned();
    webhook::Entity::find()
        .select_only()
        .column(webhook::Column::Id)
        .filter(webhook::Column::Status.eq(WebhookStatus::Active))
        .filter(Expr::exists(theirs))
        .order_by_asc(webhook::Column::Id)
        .into_tuple()
        .all(conn)
        .await
}

/// Takes some deliveries of a webhook for oneself until a moment: nobody else is at them until then.
pub(super) async fn take(
    conn: &DatabaseConnection,
    webhook: WebhookId,
    most: u64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<delivery::Model>, DbErr> {
    let mut taken: Vec<delivery::Model> = delivery::Entity::update_many()
        .col_expr(delivery::Column::LeasedUntil, Expr::val(until))
        .col_expr(delivery::Column::Version, Expr::col(delivery::Column::Version).add(1))
        .filter(delivery::Column::Id.in_subquery(first_waiting(webhook, most, now)))
        .exec_with_returning(conn)
        .await?;
    taken.sort_by_key(|delivery| (delivery.due_at, delivery.id));
    Ok(taken)
}

/// The first that wait; those that somebody else takes at this moment are left to them.
fn first_waiting(webhook: WebhookId, most: u64, now: DateTime<Utc>) -> SelectStatement {
    Query::select()
        .column(delivery::Column::Id)
        .from(delivery::Entity)
        .and_where(delivery::Column::WebhookId.eq(webhook))
        .cond_where(waiting(now))
        .order_by(delivery::Column::DueAt, sea_orm::Order::Asc)
        .order_by(delivery::Column::Id, sea_orm::Order::Asc)
        .limit(most)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .to_owned()
}

/// Writes what became of a delivery, where nobody overtook it; whether so.
pub(super) async fn settle(
    conn: &impl ConnectionTrait,
    before: &delivery::Model,
    after: &delivery::Model,
) -> Result<bool, DbErr> {
    use delivery::Column as C;
    let written = delivery::Entity::update_many()
        .col_expr(C::State, Expr::val(after.state.code()))
        .col_expr(C::Failures, Expr::val(after.failures))
        .col_expr(C::DueAt, Expr::val(after.due_at))
        .col_expr(C::LeasedUntil, Expr::val(after.leased_until))
        .col_expr(C::Attempts, Expr::val(sea_orm::Value::from(after.attempts.clone())))
        .col_expr(C::Response, Expr::val(after.response.clone()))
        .col_expr(C::FinishedAt, Expr::val(after.finished_at))
        .col_expr(C::Version, Expr::val(before.version + 1))
        .filter(C::Id.eq(before.id))
        .filter(C::Version.eq(before.version))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}

/// Notes since when a webhook fails, or that it does no longer.
pub(super) async fn failing(
    conn: &impl ConnectionTrait,
    id: WebhookId,
    since: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    let mut update = webhook::Entity::update_many()
        .col_expr(webhook::Column::FailingSince, Expr::val(since))
        .filter(webhook::Column::Id.eq(id));
    if since.is_some() {
        update = update.filter(webhook::Column::FailingSince.is_null());
    }
    update.exec(conn).await.map(drop)
}

/// An event by key.
pub(super) async fn event(conn: &impl ConnectionTrait, id: EventId) -> Result<Option<event::Model>, DbErr> {
    event::Entity::find_by_id(id).one(conn).await
}

/// The position before the first event of a moment or later; none where there is none yet.
pub(super) async fn position_before(conn: &Conn, at: DateTime<Utc>) -> Result<Option<i64>, DbErr> {
    let first: Option<Option<i64>> = event::Entity::find()
        .select_only()
        .column_as(event::Column::Position.min(), "position")
        .filter(event::Column::At.gte(at))
        .into_tuple()
        .one(conn)
        .await?;
    Ok(first.flatten().map(|position| position - 1))
}

/// Deletes the deliveries that ended before a moment.
pub(super) async fn forget(conn: &DatabaseConnection, before: DateTime<Utc>) -> Result<(), DbErr> {
    delivery::Entity::delete_many().filter(delivery::Column::FinishedAt.lt(before)).exec(conn).await.map(drop)
}

#[derive(FromQueryResult)]
struct InState {
    state: DeliveryState,
    many: i64,
    oldest: DateTime<Utc>,
}

/// What waits and what is dead.
pub(super) async fn backlog(conn: &impl ConnectionTrait) -> Result<Backlog, DbErr> {
    use delivery::Column as C;
    let states: Vec<InState> = delivery::Entity::find()
        .select_only()
        .column(C::State)
        .column_as(C::Id.count(), "many")
        .column_as(C::CreatedAt.min(), "oldest")
        .filter(C::State.is_in([DeliveryState::Pending, DeliveryState::Dead]))
        .group_by(C::State)
        .into_model()
        .all(conn)
        .await?;
    let of = |state: DeliveryState| states.iter().find(|found| found.state == state);
    let many = |state| of(state).map_or(0, |found| found.many);
    Ok(Backlog {
        pending: many(DeliveryState::Pending),
        dead: many(DeliveryState::Dead),
        oldest: of(DeliveryState::Pending).map(|found| found.oldest),
    })
}
