//! Decisions: a regional manager approves an order (K-22).
//!
//! Each order is decided once, so all of them are prepared before: copies of the demonstration's orders,
//! small and custom, of the delegates who have most left, waiting for their regional manager.

use std::{cmp::Reverse, collections::VecDeque, sync::Arc};

use ::entity::{
    budgets::envelope,
    orders::order,
    platform::work_item,
    vocabulary::{ActionType, EnvelopeKind, Money, OrderKind, OrderStatus, RrReason, RrReasons, WorkKind},
};
use chrono::Datelike;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    TransactionTrait,
};
use serde_json::json;
use sesame::{clock::Clock, graphql::id::global};

use crate::{
    child::Server,
    client::{self, Ask},
    contest::{Contender, Contest, Run},
    database::{Postgres, connect, one},
    figures::verdict,
    network::Person,
    script::{Counts, Outcome, told},
};

const APPROVAL: &str = "mutation Approve($input: ValidateOrderInput!) { validateOrder(input: $input) { \
                        order { id status version } userErrors { code message } } }";

/// Decisions of each server before the first round.
const WARM: usize = 64;
/// Delegates of a region whose orders are decided.
const DELEGATES: usize = 8;
/// What an order costs.
const TOTAL: Money = Money::euros(1);
/// Orders written at a time.
const BATCH: usize = 500;

/// Most that Sésame may use, compared with a transaction written by hand.
const MOST: f64 = 2.0;
/// Most SQL statements, `BEGIN` and `COMMIT` included.
const MOST_STATEMENTS: u32 = 10;

/// Prepares orders, has them decided, and tells.
///
/// # Errors
/// When a decision is refused.
pub async fn report(
    http: &reqwest::Client,
    postgres: &Postgres,
    [bare, sesame]: [&Server; 2],
    managers: &[Person; 2],
    counts: Counts,
) -> Outcome<String> {
    told("orders to be decided");
    let Counts { decisions, pairs, requests: _ } = counts;
    let connection = connect(&postgres.url).await?;
    let templates = templates(&connection, managers).await?;
    let spread = templates.iter().cycle().take(2 * (WARM + pairs * decisions));
    let mut waiting = VecDeque::from(waiting(&connection, spread).await?);
    let of_one = waiting_of_one(&connection, &templates, decisions).await?;
    connection.close().await?;

    let mut take = |count: usize, ask: &dyn Fn(&order::Model) -> Ask| -> Arc<[Ask]> {
        waiting.drain(..count).map(|order| ask(&order)).collect()
    };
    let by_hand = |order: &order::Model| by_hand(bare, managers, order);
    let by_sesame = |order: &order::Model| by_sesame(sesame, managers, order);
    let is_good = |body: &str| body.contains("\"PENDING_PDV\"");
    client::send(http, &take(WARM, &by_hand), is_good).await?;
    client::send(http, &take(WARM, &by_sesame), is_good).await?;
    let mut rounds = |ask: &dyn Fn(&order::Model) -> Ask| (0..pairs).map(|_| take(decisions, ask)).collect();
    let contenders = [
        Contender { name: "transaction by hand", server: bare, rounds: rounds(&by_hand) },
        Contender { name: "Sésame", server: sesame, rounds: rounds(&by_sesame) },
    ];
    let contest = Contest::hold("validateOrder", http, postgres, &contenders, is_good).await?;
    let of_one: Vec<Ask> = of_one.iter().map(by_sesame).collect();
    let one = Run::take(http, postgres, sesame, &of_one, is_good).await?;
    Ok(told_of(&contest, &one, templates.len(), decisions))
}

fn told_of(contest: &Contest, one: &Run, envelopes: usize, decisions: usize) -> String {
    let both = contest.ratio(1, 0, Run::both);
    let (_, statements) = contest.statements(1).unwrap_or_default();
    format!(
        "validateOrder, orders of {envelopes} envelopes, {decisions} decisions a round\n{}  \
         all on one envelope: {:.0} decisions per second\n  \
         K-22: at most {MOST:.0} × a transaction by hand: {}; at most {MOST_STATEMENTS} statements: {}\n",
        contest.table(),
        one.per_second(),
        verdict(both.median, MOST),
        verdict(statements.into(), MOST_STATEMENTS.into()),
    )
}

fn manager<'m>(managers: &'m [Person; 2], order: &order::Model) -> &'m Person {
    let [first, second] = managers;
    if first.region == Some(order.region_id) { first } else { second }
}

fn by_hand(server: &Server, managers: &[Person; 2], order: &order::Model) -> Ask {
    let manager = manager(managers, order).id;
    let body = json!({ "order": order.id, "version": order.version, "manager": manager }).to_string();
    Ask { url: format!("{}/decide", server.url), token: None, body: Some(body) }
}

pub fn by_sesame(server: &Server, managers: &[Person; 2], order: &order::Model) -> Ask {
    let token = Some(manager(managers, order).token.clone());
    let input = json!({ "id": global(order.id), "expectedVersion": order.version, "decision": "APPROVE" });
    let body = json!({ "query": APPROVAL, "variables": { "input": input } }).to_string();
    Ask { url: format!("{}/graphql", server.url), token, body: Some(body) }
}

/// An order of each delegate who has most left, the regions by turns.
pub async fn templates(connection: &DatabaseConnection, managers: &[Person; 2]) -> Outcome<Vec<order::Model>> {
    let mut templates = Vec::new();
    for (turn, region) in managers.iter().enumerate().filter_map(|(turn, manager)| Some((turn, manager.region?))) {
        let mut envelopes = envelope::Entity::find()
            .filter(envelope::Column::Year.eq(Clock::system().today().year()))
            .filter(envelope::Column::Kind.eq(EnvelopeKind::Delegate))
            .filter(envelope::Column::RegionId.eq(region))
            .all(connection)
            .await?;
        envelopes.sort_by_key(|envelope| Reverse(envelope.allocated - envelope.committed - envelope.consumed));
        for (place, envelope) in envelopes.iter().take(DELEGATES).enumerate() {
            let latest = order::Entity::find()
                .filter(order::Column::OwnerId.eq(envelope.person_id))
                .filter(order::Column::Year.eq(envelope.year))
                .filter(order::Column::Number.is_not_null())
                .order_by_desc(order::Column::Id);
            templates.extend(latest.one(connection).await?.map(|order| ((place, turn), order)));
        }
    }
    templates.sort_by_key(|(place, _)| *place);
    if templates.is_empty() {
        return Err("no delegate has both a budget and an order this year".into());
    }
    Ok(templates.into_iter().map(|(_, order)| order).collect())
}

pub async fn waiting_of_one(
    connection: &DatabaseConnection,
    templates: &[order::Model],
    count: usize,
) -> Outcome<Vec<order::Model>> {
    waiting(connection, templates.iter().take(1).cycle().take(count)).await
}

/// Writes orders that wait for their regional manager, with their numbers and work items.
pub async fn waiting<'t>(
    connection: &DatabaseConnection,
    templates: impl Iterator<Item = &'t order::Model>,
) -> Outcome<Vec<order::Model>> {
    let templates: Vec<&order::Model> = templates.collect();
    let Some(year) = templates.first().map(|order| order.year) else { return Ok(Vec::new()) };
    let count = templates.len();
    let numbering = format!(
        "UPDATE number_series SET last = last + {count} WHERE series = 'ACOR' AND year = {year} RETURNING last"
    );
    let last: i32 = one(connection, &numbering).await?.try_get_by_index(0)?;
    let first = i64::from(last) - i64::try_from(count)? + 1;
    let rows: Vec<_> = templates.into_iter().zip(first..).map(|(order, number)| copy(order, number)).collect();
    let mut written = Vec::new();
    let transaction = connection.begin().await?;
    for batch in rows.chunks(BATCH) {
        let orders = order::Entity::insert_many(batch.to_vec()).exec_with_returning(&transaction).await?;
        work_item::Entity::insert_many(orders.iter().map(item)).exec_without_returning(&transaction).await?;
        written.extend(orders);
    }
    transaction.commit().await?;
    connection.execute_unprepared("ANALYZE orders, work_item").await?;
    Ok(written)
}

fn copy(template: &order::Model, number: i64) -> order::ActiveModel {
    let now = Clock::system().now();
    let owner = template.owner_id;
    let order = order::Model {
        number: Some(format!("ACOR-{}-{number:06}", template.year)),
        kind: OrderKind::Custom,
        action_type: Some(ActionType::Sponsorship),
        status: OrderStatus::PendingRr,
        status_since: now,
        author_id: owner,
        authored_for_id: None,
        submitter_id: Some(owner),
        submitted_for_id: None,
        involved: [owner].into_iter().collect(),
        total: TOTAL,
        rr_share: Money::ZERO,
        partner_share: Money::ZERO,
        delegation_share: TOTAL,
        committed: Money::ZERO,
        rr_committed: Money::ZERO,
        actual_cost: None,
        rr_reasons: RrReasons(vec![RrReason::SeveralOrdersForBroker]),
        auto_validated: false,
        details: None,
        challenge: None,
        documents: 0,
        documents_since: Some(now),
        proof_rounds: 0,
        cheques_received_on: None,
        receipt_due_on: None,
        created_at: now,
        submitted_at: Some(now),
        released_at: None,
        completed_at: None,
        version: 2,
        ..template.clone()
    };
    order::ActiveModel { id: NotSet, ..order.into_active_model().reset_all() }
}

fn item(order: &order::Model) -> work_item::ActiveModel {
    work_item::ActiveModel {
        id: NotSet,
        kind: Set(WorkKind::RrValidation),
        order_id: Set(Some(order.id)),
        goodwill_id: Set(None),
        opportunity_id: Set(None),
        owner_id: Set(order.owner_id),
        involved: Set(order.involved.clone()),
        delegation_id: Set(order.delegation_id),
        region_id: Set(order.region_id),
        broker_id: Set(Some(order.broker_id)),
        year: Set(order.year),
        total: Set(order.total),
        since: Set(order.status_since),
        version: Set(order.version),
    }
}
