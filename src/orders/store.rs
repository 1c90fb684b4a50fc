//! All SQL of the context. Whoever gets a row has named an action, and the row is within its reach.

use std::collections::{HashMap, HashSet};

use ::entity::{
    budgets::budget_year,
    crm::{account, broker, site},
    orders::{attachment, order, order_line, order_result},
    vocabulary::{AccountId, ArticleId, AttachmentId, AttachmentPurpose, OrderId, OrderLineId, OrderStatus, PersonId},
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult,
    IntoActiveModel, Iterable, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationDef, sea_query::Expr,
};

use super::{past::Whole, rules::Facts, workflow};
use crate::{
    app::App,
    authz::{Permission, Reach},
    budgets, catalog, crm,
    db::{Conn, Lock},
    error::{Error, Result},
    graphql::id::Key,
    identity,
    op::Op,
    outbox,
};

/// How often an order that changes while it is read is read again.
const READS: u32 = 5;

/// The orders within a reach.
#[must_use]
pub fn within(reach: &Reach) -> Condition {
    reach.condition(order::Column::OwnerId, order::Column::DelegationId, order::Column::RegionId)
}

fn year_of_order() -> RelationDef {
    order::Entity::belongs_to(budget_year::Entity).from(order::Column::Year).to(budget_year::Column::Year).into()
}

/// An order with what it is always judged by.
#[derive(Clone, Debug)]
pub struct Found {
    /// The order as it is stored.
    pub order: order::Model,
    /// Its budget year.
    pub year: budget_year::Model,
}

/// Orders with their years that match a condition, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_years(conn: &Conn, condition: Condition) -> Result<Vec<Found>, DbErr> {
    let rows = order::Entity::find()
        .filter(condition)
        .join(JoinType::InnerJoin, year_of_order())
        .select_also(budget_year::Entity)
        .all(conn)
        .await?;
    Ok(rows.into_iter().filter_map(|(order, year)| Some(Found { order, year: year? })).collect())
}

/// Orders that the caller may read.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, ids: &[OrderId]) -> Result<Vec<order::Model>, DbErr> {
    order::Entity::find()
        .filter(order::Column::Id.is_in(ids.iter().copied()))
        .filter(within(&op.sees(Permission::ReadOrders)))
        .all(&op.conn())
        .await
}

/// An order, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_key(conn: &impl ConnectionTrait, id: OrderId) -> Result<Option<order::Model>, DbErr> {
    order::Entity::find_by_id(id).one(conn).await
}

/// An attachment that was not removed, whoever asks.
///
/// # Errors
/// When the database cannot be read.
pub async fn attachment(conn: &impl ConnectionTrait, id: AttachmentId) -> Result<Option<attachment::Model>, DbErr> {
    attachment::Entity::find_by_id(id).filter(attachment::Column::RemovedAt.is_null()).one(conn).await
}

/// An attachment of an order that the caller may read.
///
/// # Errors
/// [`Error::NotFound`] where it is not there, removed, or its order may not be read.
pub async fn attachment_for(op: &Op, id: AttachmentId) -> Result<attachment::Model> {
    let row = attachment(&op.conn(), id).await?.ok_or(Error::NotFound)?;
    if readable(op, &[row.order_id]).await?.is_empty() { Err(Error::NotFound) } else { Ok(row) }
}

/// Lines of orders, in their order.
///
/// # Errors
/// When the database cannot be read.
pub async fn lines(conn: &impl ConnectionTrait, orders: &[OrderId]) -> Result<Vec<order_line::Model>, DbErr> {
    order_line::Entity::find()
        .filter(order_line::Column::OrderId.is_in(orders.iter().copied()))
        .order_by_asc(order_line::Column::OrderId)
        .order_by_asc(order_line::Column::Position)
        .all(conn)
        .await
}

/// How many lines orders have; one without lines is left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn line_counts(conn: &impl ConnectionTrait, orders: &[OrderId]) -> Result<Vec<(OrderId, i64)>, DbErr> {
    order_line::Entity::find()
        .select_only()
        .column(order_line::Column::OrderId)
        .column_as(order_line::Column::Id.count(), "lines")
        .filter(order_line::Column::OrderId.is_in(orders.iter().copied()))
        .group_by(order_line::Column::OrderId)
        .into_tuple()
        .all(conn)
        .await
}

/// Attachments of orders that were not removed, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn attachments(conn: &impl ConnectionTrait, orders: &[OrderId]) -> Result<Vec<attachment::Model>, DbErr> {
    attachment::Entity::find()
        .filter(attachment::Column::OrderId.is_in(orders.iter().copied()))
        .filter(attachment::Column::RemovedAt.is_null())
        .order_by_asc(attachment::Column::Id)
        .all(conn)
        .await
}

/// Results of orders.
///
/// # Errors
/// When the database cannot be read.
pub async fn results(conn: &impl ConnectionTrait, orders: &[OrderId]) -> Result<Vec<order_result::Model>, DbErr> {
    order_result::Entity::find().filter(order_result::Column::OrderId.is_in(orders.iter().copied())).all(conn).await
}

/// An order with everything that belongs to it and happened to it, all of one moment: what changed meanwhile is read
/// again. Its attachments are those that were removed, too.
///
/// # Errors
/// When the database cannot be read, or the order does not stand still.
pub async fn whole(conn: &Conn, order: order::Model) -> Result<Whole> {
    let mut order = order;
    for _ in 0..READS {
        let whole = belongings(conn, order).await?;
        let now = by_key(conn, whole.order.id).await?.ok_or(Error::NotFound)?;
        if now.version == whole.order.version {
            return Ok(whole);
        }
        order = now;
    }
    Err(Error::defect("an order changes faster than it can be read"))
}

async fn belongings(conn: &Conn, order: order::Model) -> Result<Whole> {
    let id = order.id;
    let attachments = attachment::Entity::find()
        .filter(attachment::Column::OrderId.eq(id))
        .order_by_asc(attachment::Column::Id)
        .all(conn)
        .await?;
    Ok(Whole {
        lines: Some(lines(conn, &[id]).await?),
        attachments,
        results: Some(results(conn, &[id]).await?.pop()),
        events: outbox::about(conn, OrderId::TYPE, &[id.0]).await?,
        order,
    })
}

/// What the rules have to know about orders, as far as their status makes it matter: a handful of
/// statements however many orders there are.
///
/// # Errors
/// When the database cannot be read.
pub async fn facts(conn: &Conn, lock: Lock, orders: &[Found], today: NaiveDate) -> Result<Vec<Facts>> {
    let of = |statuses: &[OrderStatus]| -> Vec<&order::Model> {
        orders.iter().map(|f| &f.order).filter(|o| statuses.contains(&o.status)).collect()
    };
    let drafts = of(&[OrderStatus::Draft]);
    let funded = of(&[OrderStatus::Draft, OrderStatus::PendingRr, OrderStatus::InProcess]);
    let delivered = of(&[OrderStatus::Draft, OrderStatus::HeldByDelegation]);
    let known = Known {
        lines: lines_with_articles(conn, &drafts).await?,
        envelopes: budgets::envelopes(conn, lock, &unique(funded, |o| Some((o.year, o.owner_id, o.region_id)))).await?,
        accounts: match unique(drafts.clone(), |o| Some(o.broker_id)).as_slice() {
            [] => Vec::new(),
            ids => crm::store::accounts(conn, ids).await?,
        },
        brokers: match unique(delivered.clone(), |o| Some(o.broker_id)).as_slice() {
            [] => Vec::new(),
            ids => crm::store::brokers(conn, ids).await?,
        },
        sites: match unique(delivered, |o| o.site_id).as_slice() {
            [] => Vec::new(),
            ids => crm::store::sites(conn, ids).await?,
        },
        open: open_orders(conn, &unique(drafts.clone(), |o| Some(o.broker_id))).await?,
        overdue: overdue_receipts(conn, &unique(drafts, |o| Some(o.owner_id)), today).await?,
    };
    Ok(orders.iter().map(|found| known.about(found)).collect())
}

/// Adds to the facts whether the owners still place orders, which matters only to whoever wants a copy.
///
/// # Errors
/// When the database cannot be read.
pub async fn add_owners(app: &App, conn: &Conn, orders: &[Found], facts: &mut [Facts]) -> Result<()> {
    let owners = unique(orders.iter().map(|found| &found.order).collect(), |order| Some(order.owner_id));
    let delegates = identity::delegates(app, conn, &owners).await?;
    for (Found { order, .. }, facts) in orders.iter().zip(facts) {
        facts.owner_left = !delegates.iter().any(|delegate| delegate.id == order.owner_id);
    }
    Ok(())
}

/// What was read about several orders.
struct Known {
    lines: Vec<(order_line::Model, Option<::entity::catalog::article::Model>)>,
    envelopes: Vec<::entity::budgets::envelope::Model>,
    accounts: Vec<account::Model>,
    brokers: Vec<broker::Model>,
    sites: Vec<site::Model>,
    open: Vec<OpenOrder>,
    overdue: Vec<order::Model>,
}

impl Known {
    fn about(&self, found: &Found) -> Facts {
        let Found { order, year } = found;
        let others =
            self.open.iter().filter(|o| o.broker_id == order.broker_id && o.year == order.year && o.id != order.id);
        let overdue = self.overdue.iter().filter(|o| o.owner_id == order.owner_id && o.id != order.id);
        Facts {
            year: Some(year.clone()),
            lines: self.lines.iter().filter(|(line, _)| line.order_id == order.id).cloned().collect(),
            account: self.accounts.iter().find(|a| a.id == order.broker_id).cloned(),
            broker: self.brokers.iter().find(|b| b.account_id == order.broker_id).cloned(),
            site: self.sites.iter().find(|s| Some(s.id) == order.site_id).cloned(),
            envelopes: budgets::pick(&self.envelopes, order.year, order.owner_id, order.region_id),
            other_open_orders: others.count() as u64,
            overdue_receipts: overdue.map(|o| (o.id, o.number.clone())).collect(),
            owner_left: false,
        }
    }
}

fn unique<T: Eq + std::hash::Hash + Clone>(
    orders: Vec<&order::Model>,
    key: impl Fn(&order::Model) -> Option<T>,
) -> Vec<T> {
    let mut seen = HashSet::new();
    orders.into_iter().filter_map(key).filter(|k| seen.insert(k.clone())).collect()
}

/// Lines of some orders, each with its article.
async fn lines_with_articles(
    conn: &Conn,
    orders: &[&order::Model],
) -> Result<Vec<(order_line::Model, Option<::entity::catalog::article::Model>)>> {
    let standard: Vec<OrderId> =
        orders.iter().filter(|o| o.kind == ::entity::vocabulary::OrderKind::Standard).map(|o| o.id).collect();
    if standard.is_empty() {
        return Ok(Vec::new());
    }
    let lines = lines(conn, &standard).await?;
    with_articles(conn, lines).await
}

/// Lines with what the catalogue says of their articles.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_articles(
    conn: &Conn,
    lines: Vec<order_line::Model>,
) -> Result<Vec<(order_line::Model, Option<::entity::catalog::article::Model>)>> {
    let ids: Vec<ArticleId> = lines.iter().map(|l| l.article_id).collect();
    let articles: HashMap<ArticleId, _> = match ids.is_empty() {
        true => HashMap::new(),
        false => catalog::articles(conn, &ids).await?.into_iter().map(|a| (a.id, a)).collect(),
    };
    Ok(lines.into_iter().map(|line| (articles.get(&line.article_id).cloned(), line)).map(|(a, l)| (l, a)).collect())
}

/// An open order, as far as O-20 asks.
#[derive(Clone, Debug, FromQueryResult)]
struct OpenOrder {
    id: OrderId,
    broker_id: AccountId,
    year: i32,
}

async fn open_orders(conn: &Conn, brokers: &[AccountId]) -> Result<Vec<OpenOrder>, DbErr> {
    if brokers.is_empty() {
        return Ok(Vec::new());
    }
    let open = OrderStatus::ALL.iter().copied().filter(|s| workflow::is_open(*s));
    order::Entity::find()
        .select_only()
        .columns([order::Column::Id, order::Column::BrokerId, order::Column::Year])
        .filter(order::Column::BrokerId.is_in(brokers.iter().copied()))
        .filter(order::Column::Status.is_in(open))
        .into_model()
        .all(conn)
        .await
}

/// O-8: orders of some owners whose receipt should have come before a day.
async fn overdue_receipts(conn: &Conn, owners: &[PersonId], today: NaiveDate) -> Result<Vec<order::Model>, DbErr> {
    if owners.is_empty() {
        return Ok(Vec::new());
    }
    order::Entity::find()
        .filter(order::Column::OwnerId.is_in(owners.iter().copied()))
        .filter(order::Column::ReceiptDueOn.lt(today))
        .filter(order::Column::Status.ne(OrderStatus::Cancelled))
        .order_by_asc(order::Column::Id)
        .all(conn)
        .await
}

/// Adds a draft.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(conn: &Conn, draft: order::Model) -> Result<order::Model, DbErr> {
    let mut row = draft.clone().into_active_model().reset_all();
    row.id = sea_orm::ActiveValue::NotSet;
    let id = order::Entity::insert(row).exec(conn).await?.last_insert_id;
    Ok(order::Model { id, ..draft })
}

/// Replaces an order's lines.
///
/// # Errors
/// When the database cannot be written.
pub async fn replace_lines(conn: &Conn, order: OrderId, lines: &[order_line::Model]) -> Result<(), DbErr> {
    order_line::Entity::delete_many().filter(order_line::Column::OrderId.eq(order)).exec(conn).await?;
    insert_lines(conn, order, lines).await
}

/// Adds lines to a new order.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_lines(conn: &Conn, order: OrderId, lines: &[order_line::Model]) -> Result<(), DbErr> {
    if lines.is_empty() {
        return Ok(());
    }
    let rows = lines.iter().zip(1..).map(|(line, position)| order_line::ActiveModel {
        order_id: Set(order),
        position: Set(position),
        article_id: Set(line.article_id),
        quantity: Set(line.quantity),
        unit_price: Set(line.unit_price),
        ..Default::default()
    });
    order_line::Entity::insert_many(rows).exec_without_returning(conn).await.map(drop)
}

/// Freezes the price of a line.
///
/// # Errors
/// When the database cannot be written.
pub async fn freeze_price(conn: &Conn, line: OrderLineId, price: ::entity::vocabulary::Money) -> Result<(), DbErr> {
    order_line::Entity::update_many()
        .col_expr(order_line::Column::UnitPrice, Expr::value(price))
        .filter(order_line::Column::Id.eq(line))
        .exec(conn)
        .await
        .map(drop)
}

/// Notes that a transition relied on the documents of some purposes: they stay.
///
/// # Errors
/// When the database cannot be written.
pub async fn rely_on(conn: &Conn, order: OrderId, purposes: &[AttachmentPurpose]) -> Result<(), DbErr> {
    if purposes.is_empty() {
        return Ok(());
    }
    attachment::Entity::update_many()
        .col_expr(attachment::Column::ReliedOn, Expr::value(true))
        .filter(attachment::Column::OrderId.eq(order))
        .filter(attachment::Column::Purpose.is_in(purposes.iter().copied()))
        .filter(attachment::Column::RemovedAt.is_null())
        .exec(conn)
        .await
        .map(drop)
}

/// Writes results, the first time or again.
///
/// # Errors
/// When the database cannot be written.
pub async fn save_results(conn: &Conn, row: order_result::Model) -> Result<(), DbErr> {
    use sea_orm::sea_query::OnConflict;
    let columns = order_result::Column::iter().filter(|c| !matches!(c, order_result::Column::OrderId));
    order_result::Entity::insert(row.into_active_model().reset_all())
        .on_conflict(OnConflict::column(order_result::Column::OrderId).update_columns(columns).to_owned())
        .exec_without_returning(conn)
        .await
        .map(drop)
}

/// Adds an attachment.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert_attachment(conn: &Conn, row: attachment::ActiveModel) -> Result<AttachmentId, DbErr> {
    Ok(attachment::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Changes an attachment.
///
/// # Errors
/// When the database cannot be written.
pub async fn update_attachment(conn: &Conn, row: attachment::ActiveModel) -> Result<(), DbErr> {
    attachment::Entity::update(row).exec(conn).await.map(drop)
}
