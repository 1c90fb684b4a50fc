//! From the simulation into the database.

use std::collections::BTreeMap;

use ::entity::{
    budgets::{budget_year, envelope, goodwill, ledger_entry},
    catalog::article,
    crm::{account, broker, contact, contact_link, contact_point, site},
    forecast::{deal_state, quota, quota_figure},
    identity::{delegation, deputy, person, person_role, region},
    orders::{attachment, order, order_line, order_result},
    platform::{event, number_series, work_item},
    sales::{opportunity, oppy_document},
    vocabulary::Money,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, sea_query::Expr,
};

use tokio::task::JoinHandle;

use super::{bulk, journal::Journal, network::Network, simulation::Simulation};
use crate::{
    app::App,
    archive::Aside,
    db::Database,
    error::{Error, Result},
    numbering::Series,
    opportunities, orders,
};

/// Rows that are made before they are written.
const BATCH: usize = 16_000;
/// Rows to one transaction on SQLite, about.
const TRANSACTION: usize = 400_000;

/// Writes the whole history, and at last lets the people sign in.
pub(super) async fn load(
    app: &App,
    mut simulation: Simulation,
    password: &str,
    progress: impl Fn(u64, u64),
) -> Result<()> {
    // On PostgreSQL a server's own connections give up what takes longer than a request may.
    let patient = match app.database.is_postgres() {
        true => Some(Database::connect(&app.settings.database_url, 1).await?),
        false => None,
    };
    let database = patient.as_ref().unwrap_or(&app.database);
    hurry(database, true).await?;
    let mut open = database.begin().await?;
    let aside = Aside::upkeep(&open, &JOURNAL).await?;
    network(&open, &mut simulation).await?;
    let mut written = 0;
    let mut making = make(simulation);
    let simulation = loop {
        let Made { simulation, rows, goes_on } = making.await.map_err(|error| Error::Internal(error.into()))?;
        let (done, all) = simulation.progress();
        let next = if goes_on { Next::Rows(make(simulation)) } else { Next::End(simulation) };
        // The next rows are made while these are written.
        written += rows.len();
        journal(&open, &rows).await?;
        progress(done, all);
        making = match next {
            Next::Rows(making) => making,
            Next::End(simulation) => break simulation,
        };
        if written >= TRANSACTION && !database.is_postgres() {
            open.commit().await?;
            open = database.begin().await?;
            written = 0;
        }
    };
    balances(&open, &simulation).await?;
    aside.bring_back(&open).await?;
    open.commit().await?;
    hurry(database, false).await?;
    let open = database.begin().await?;
    admit(&open, password).await?;
    open.commit().await?;
    Ok(tidy(database).await?)
}

/// Some rows, and how the history goes on.
struct Made {
    simulation: Simulation,
    rows: Journal,
    goes_on: bool,
}

/// What comes after some rows.
enum Next {
    Rows(JoinHandle<Made>),
    End(Simulation),
}

/// Makes the next rows, on another thread.
fn make(mut simulation: Simulation) -> JoinHandle<Made> {
    tokio::task::spawn_blocking(move || {
        let goes_on = simulation.advance(BATCH);
        Made { rows: simulation.world.journal.rows(), simulation, goes_on }
    })
}

/// While it loads, SQLite keeps more in memory and waits for no disk: a load that is interrupted is begun
/// again. What comes after it takes everything before it to the disk.
async fn hurry(database: &Database, hurried: bool) -> Result<(), DbErr> {
    if database.is_postgres() {
        return Ok(());
    }
    let (synchronous, cache) = if hurried { ("OFF", -131_072) } else { ("FULL", -2_000) };
    let pragmas = format!("PRAGMA synchronous = {synchronous}; PRAGMA cache_size = {cache}");
    database.writer().execute_unprepared(&pragmas).await.map(drop)
}

/// The tables that the journal fills.
const JOURNAL: [&str; 11] = [
    "orders",
    "order_line",
    "order_result",
    "attachment",
    "goodwill",
    "opportunity",
    "oppy_document",
    "deal_state",
    "work_item",
    "ledger_entry",
    "event",
];

/// Everything that is there before the first order.
async fn network(conn: &DatabaseTransaction, simulation: &mut Simulation) -> Result<(), DbErr> {
    let years = simulation.years();
    let world = &mut simulation.world;
    let Network { regions, delegations, people, held, mandates, accounts, brokers, sites, .. } = &world.network;
    let Network { contacts, links, points, .. } = &world.network;
    bulk::insert::<region::Entity>(conn, regions).await?;
    bulk::insert::<delegation::Entity>(conn, delegations).await?;
    bulk::insert::<person::Entity>(conn, people).await?;
    bulk::insert::<person_role::Entity>(conn, held).await?;
    bulk::insert::<deputy::Entity>(conn, mandates).await?;
    bulk::insert::<account::Entity>(conn, accounts).await?;
    bulk::insert::<broker::Entity>(conn, brokers).await?;
    bulk::insert::<site::Entity>(conn, sites).await?;
    bulk::insert::<contact::Entity>(conn, contacts).await?;
    bulk::insert::<contact_link::Entity>(conn, links).await?;
    bulk::insert::<contact_point::Entity>(conn, points).await?;
    bulk::insert::<article::Entity>(conn, &world.catalogue).await?;
    bulk::insert::<budget_year::Entity>(conn, &years).await?;
    bulk::insert::<envelope::Entity>(conn, &world.books.envelopes).await
}

/// What happened since the last time.
async fn journal(conn: &DatabaseTransaction, journal: &Journal) -> Result<(), DbErr> {
    bulk::insert::<order::Entity>(conn, &journal.orders).await?;
    bulk::insert::<order_line::Entity>(conn, &journal.lines).await?;
    bulk::insert::<order_result::Entity>(conn, &journal.results).await?;
    bulk::insert::<attachment::Entity>(conn, &journal.attachments).await?;
    bulk::insert::<goodwill::Entity>(conn, &journal.gestures).await?;
    bulk::insert::<opportunity::Entity>(conn, &journal.deals).await?;
    bulk::insert::<oppy_document::Entity>(conn, &journal.deal_documents).await?;
    bulk::insert::<deal_state::Entity>(conn, &journal.deal_states).await?;
    bulk::insert::<quota::Entity>(conn, &journal.quotas).await?;
    bulk::insert::<quota_figure::Entity>(conn, &journal.quota_figures).await?;
    bulk::insert::<work_item::Entity>(conn, &journal.items).await?;
    bulk::insert::<event::Entity>(conn, &journal.events).await?;
    bulk::insert::<ledger_entry::Entity>(conn, &journal.ledger).await
}

/// The balances that the ledger comes to, and the last numbers of each year.
async fn balances(conn: &DatabaseTransaction, simulation: &Simulation) -> Result<(), DbErr> {
    let world = &simulation.world;
    for envelope in world.books.envelopes.iter().filter(|envelope| envelope.allocated > Money::ZERO) {
        envelope::Entity::update(envelope.clone().into_active_model().reset_all()).exec(conn).await?;
    }
    let given = [(orders::NUMBERS, &world.numbers), (opportunities::NUMBERS, &simulation.deals.numbers)];
    let counters = |(series, years): (Series, &BTreeMap<i32, i32>)| {
        years.iter().map(|(year, last)| series.counter(*year, *last)).collect::<Vec<_>>()
    };
    let numbers: Vec<_> = given.into_iter().flat_map(counters).collect();
    bulk::insert::<number_series::Entity>(conn, &numbers).await
}

/// Everything is there: people may sign in.
async fn admit(conn: &DatabaseTransaction, password: &str) -> Result<(), DbErr> {
    person::Entity::update_many()
        .col_expr(person::Column::Active, Expr::value(true))
        .col_expr(person::Column::PasswordHash, Expr::value(password))
        .filter(person::Column::Active.eq(false))
        .exec(conn)
        .await
        .map(drop)
}

/// PostgreSQL's counters go on behind the keys that were given here, and its planner learns what there
/// is; SQLite's log goes into its file.
async fn tidy(database: &Database) -> Result<(), DbErr> {
    let writer = database.writer();
    if !database.is_postgres() {
        return writer.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.map(drop);
    }
    for table in COUNTED {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT COALESCE(MAX(id), 1) FROM {table}))"
        );
        writer.execute_unprepared(&sql).await?;
    }
    writer.execute_unprepared("ANALYZE").await.map(drop)
}

/// The tables whose keys the database counts.
const COUNTED: &[&str] = &[
    "region",
    "delegation",
    "person",
    "deputy",
    "account",
    "site",
    "contact",
    "contact_link",
    "contact_point",
    "article",
    "envelope",
    "ledger_entry",
    "goodwill",
    "orders",
    "order_line",
    "attachment",
    "opportunity",
    "oppy_document",
    "deal_state",
    "quota",
    "work_item",
    "event",
];
