//! What Sésame is compared with, written by hand, without authentication or authorisation: the queue page
//! in one statement, behind a bare handler and behind plain async-graphql, and a decision in one
//! transaction.

use std::{env, error::Error, net::Ipv4Addr, process::ExitCode, sync::Arc};

use ::entity::vocabulary::OrderId;
use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Schema, SimpleObject};
use async_graphql_axum::{GraphQLRequest, GraphQLResponse};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sea_orm::sqlx::{PgConnection, PgPool, postgres::PgPoolOptions, query, query_as, query_scalar};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sesame::graphql::id::global;
use tokio::net::TcpListener;

use crate::script::{Outcome, failed};

/// As many connections as Sésame has.
const CONNECTIONS: u32 = 16;

/// Serves until the process ends.
pub fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

async fn serve() -> Outcome<()> {
    let port = env::args().skip_while(|word| word != "--port").nth(1).ok_or("no port")?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&env::var("SESAME_DATABASE_URL")?).await?;
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).data(pool.clone()).finish();
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/queue", get(queue))
        .route("/decide", post(decide))
        .with_state(pool)
        .route("/graphql", post(graphql).with_state(Arc::new(schema)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    Ok(axum::serve(listener, router).await?)
}

/// Any failure is told and answered with 500.
struct Fault(Box<dyn Error + Send + Sync>);

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

/// The first twenty items of the sales-promotion department's queue, with all that the page shows: each
/// kind from its index, as far as the page can need it.
const PAGE: &str = "
    SELECT o.number, a.name, p.given_name || ' ' || p.family_name, d.name,
           (SELECT COUNT(*) FROM order_line l WHERE l.order_id = o.id)
    FROM (
        SELECT * FROM (
            (SELECT * FROM work_item WHERE kind = 'PDV_VALIDATION' ORDER BY since, id LIMIT 20) UNION ALL
            (SELECT * FROM work_item WHERE kind = 'PROOF' ORDER BY since, id LIMIT 20) UNION ALL
            (SELECT * FROM work_item WHERE kind = 'PROCESSING' ORDER BY since, id LIMIT 20)
        ) kinds ORDER BY since, id LIMIT 20
    ) w
    JOIN orders o ON o.id = w.order_id
    JOIN account a ON a.id = w.broker_id
    JOIN person p ON p.id = w.owner_id
    JOIN delegation d ON d.id = w.delegation_id
    ORDER BY w.since, w.id";

#[derive(Serialize, SimpleObject)]
struct Page {
    nodes: Vec<Item>,
}

#[derive(Serialize, SimpleObject)]
struct Item {
    order: Order,
    broker: Named,
    owner: Person,
    delegation: Named,
}

#[derive(Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Order {
    number: Option<String>,
    line_count: i64,
}

#[derive(Serialize, SimpleObject)]
#[graphql(name = "Account")]
struct Named {
    name: String,
}

#[derive(Serialize, SimpleObject)]
#[serde(rename_all = "camelCase")]
struct Person {
    display_name: String,
}

async fn page(pool: &PgPool) -> Result<Page, sea_orm::sqlx::Error> {
    let rows: Vec<(Option<String>, String, String, String, i64)> = query_as(PAGE).fetch_all(pool).await?;
    let item = |(number, broker, owner, delegation, line_count)| Item {
        order: Order { number, line_count },
        broker: Named { name: broker },
        owner: Person { display_name: owner },
        delegation: Named { name: delegation },
    };
    Ok(Page { nodes: rows.into_iter().map(item).collect() })
}

async fn queue(State(pool): State<PgPool>) -> Result<Json<Answer>, Fault> {
    Ok(Json(Answer { data: Data { work_queue: page(&pool).await? } }))
}

#[derive(Serialize)]
struct Answer {
    data: Data,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    work_queue: Page,
}

struct Query;

#[Object]
impl Query {
    async fn work_queue(&self, ctx: &Context<'_>, first: i32) -> async_graphql::Result<Page> {
        let mut page = page(ctx.data::<PgPool>()?).await?;
        page.nodes.truncate(usize::try_from(first)?);
        Ok(page)
    }
}

type Plain = Schema<Query, EmptyMutation, EmptySubscription>;

async fn graphql(State(schema): State<Arc<Plain>>, request: GraphQLRequest) -> GraphQLResponse {
    schema.execute(request.into_inner()).await.into()
}

/// An approval by a regional manager.
#[derive(Deserialize)]
struct Decision {
    order: i64,
    version: i64,
    manager: i64,
}

/// Writes the same rows as Sésame does, with the same locks.
async fn decide(State(pool): State<PgPool>, Json(decision): Json<Decision>) -> Result<Json<Value>, Fault> {
    let mut transaction = pool.begin().await?;
    let commitment = commit(&mut transaction, &decision).await?;
    let item: i64 = query_scalar(
        "UPDATE work_item SET kind = 'PDV_VALIDATION', since = now(), version = $2
         WHERE order_id = $1 AND kind = 'RR_VALIDATION' RETURNING id",
    )
    .bind(decision.order)
    .bind(decision.version + 1)
    .fetch_one(&mut *transaction)
    .await?;
    tell(&mut transaction, &decision, &commitment, item).await?;
    transaction.commit().await?;
    let order =
        json!({ "id": global(OrderId(decision.order)), "status": "PENDING_PDV", "version": decision.version + 1 });
    Ok(Json(json!({ "data": { "validateOrder": { "order": order, "userErrors": [] } } })))
}

struct Commitment {
    owner: i64,
    delegation: i64,
    region: i64,
    share: i64,
    envelope: i64,
}

/// Takes the order on, and its share from the owner's envelope.
async fn commit(conn: &mut PgConnection, decision: &Decision) -> Result<Commitment, Fault> {
    let (owner, delegation, region, year, share): (i64, i64, i64, i32, i64) = query_as(
        "SELECT owner_id, delegation_id, region_id, year, delegation_share FROM orders
         WHERE id = $1 AND version = $2 AND status = 'PENDING_RR' FOR UPDATE",
    )
    .bind(decision.order)
    .bind(decision.version)
    .fetch_one(&mut *conn)
    .await?;
    let envelopes: Vec<(i64, Option<i64>, i64)> = query_as(
        "SELECT id, person_id, allocated - committed - consumed FROM envelope
         WHERE year = $1 AND (person_id = $2 OR kind = 'REGION' AND region_id = $3) ORDER BY id FOR UPDATE",
    )
    .bind(year)
    .bind(owner)
    .bind(region)
    .fetch_all(&mut *conn)
    .await?;
    let own = envelopes.iter().find(|(_, person, left)| *person == Some(owner) && *left >= share);
    let envelope = own.ok_or("not enough is left")?.0;
    query(
        "UPDATE orders SET status = 'PENDING_PDV', status_since = now(), committed = $2, version = version + 1
         WHERE id = $1",
    )
    .bind(decision.order)
    .bind(share)
    .execute(&mut *conn)
    .await?;
    query(
        "INSERT INTO ledger_entry (envelope_id, kind, family, amount, order_id, author_id, at)
         VALUES ($1, 'COMMITMENT', 'CUSTOM', $2, $3, $4, now())",
    )
    .bind(envelope)
    .bind(share)
    .bind(decision.order)
    .bind(decision.manager)
    .execute(&mut *conn)
    .await?;
    query(
        "UPDATE envelope SET committed = committed + $2, used_custom = used_custom + $2, version = version + 1
         WHERE id = $1",
    )
    .bind(envelope)
    .bind(share)
    .execute(&mut *conn)
    .await?;
    Ok(Commitment { owner, delegation, region, share, envelope })
}

/// Adds the event. It has its position at once, beside those that Sésame's outbox gives, so that Sésame
/// is not made to follow what it has not done.
async fn tell(conn: &mut PgConnection, decision: &Decision, commitment: &Commitment, item: i64) -> Result<(), Fault> {
    let Commitment { owner, delegation, region, share, envelope } = commitment;
    let audience = |kind: &str| json!({ "kind": kind, "owner": owner, "delegation": delegation, "region": region, "barred": [owner] });
    let moves = json!([{ "item": item, "before": audience("RR_VALIDATION"), "after": audience("PDV_VALIDATION") }]);
    query(
        "INSERT INTO event (position, at, kind, actor_id, roles, subject_type, subject_id, from_status, to_status,
                            changes, queue, envelopes, policy_version, request_id)
         VALUES ($1, now(), 'order.approved', $2, 'RR', 'Order', $3, 'PENDING_RR', 'PENDING_PDV', $4, $5, $6, 1, '-')",
    )
    .bind(-decision.order)
    .bind(decision.manager)
    .bind(decision.order)
    .bind(json!({ "committed": [0, share] }))
    .bind(moves)
    .bind(json!([envelope]))
    .execute(&mut *conn)
    .await?;
    Ok(())
}
