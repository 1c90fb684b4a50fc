//! The sales forecast over a long history: boards of now and of a past day, waterfalls, analytics (P-21 to P-23).
//!
//! ```text
//! cargo bench --bench load -- board --deals 200000
//! ```
//! Deals of five years with their states are written in the way that the deals themselves note them, on SQLite
//! and on PostgreSQL; then a director, who sees all, and a delegate ask, one request at a time.

use std::{fmt::Write, path::Path, process::ExitCode, sync::Arc, time::Duration};

use ::entity::vocabulary::{DelegationId, ForecastCategory, Money, OppyStage, PersonId, RegionId, SizeClass};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::json;
use sesame::{
    app::App,
    calendar,
    clock::Clock,
    config::{Partial, Settings},
    demo::{self, Size},
    forecast::{
        Standing,
        rules::{Earlier, counts_as, step},
    },
};

use crate::{
    child::{Kind, Server},
    client::{self, Ask},
    database::{self, Postgres},
    figures::table,
    network, processes,
    script::{Outcome, failed, told},
    start,
};

/// The word on the command line.
const WORD: &str = "board";
/// For how long deals have been made.
const HISTORY: TimeDelta = TimeDelta::days(5 * 365);
/// Rows to one statement.
const BATCH: usize = 500;
/// Requests before those that are measured.
const WARM: usize = 3;
/// The stages of a deal, one every few days, until it ends.
const COURSE: [OppyStage; 7] = [
    OppyStage::Identification,
    OppyStage::Qualification,
    OppyStage::Qualification,
    OppyStage::Proposition,
    OppyStage::Negotiation,
    OppyStage::Won,
    OppyStage::ClosedWon,
];
/// Days between two states.
const PACE: i64 = 12;

/// Measures the sales forecast.
#[derive(Debug, Parser)]
#[command(name = "load board")]
struct Arguments {
    /// Deals in five years.
    #[arg(long, default_value_t = 200_000)]
    deals: i64,
    /// Requests of each kind that are measured.
    #[arg(long, default_value_t = 20)]
    requests: usize,
    /// What cargo says to a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether this is what the command line asks for.
pub fn is_asked() -> bool {
    std::env::args().nth(1).is_some_and(|word| word == WORD)
}

/// Measures and tells.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse_from(std::env::args().skip(1));
    if !arguments.bench {
        println!("Nothing is measured in a test: cargo bench --bench load");
        return ExitCode::SUCCESS;
    }
    if let Some(error) = database::on_disk() {
        return failed(&error);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(measure(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

async fn measure(arguments: &Arguments) -> Outcome<()> {
    let build = if cfg!(debug_assertions) { " UNOPTIMISED BUILD." } else { "" };
    println!("{} deals in five years, {} requests of each kind.{build}\n", arguments.deals, arguments.requests);
    let folder = tempfile::tempdir()?;
    let sqlite = format!("sqlite://{}?mode=rwc", folder.path().join("sesame.db").display());
    println!("SQLite\n{}", report(arguments, folder.path(), &sqlite, None).await?);
    let (postgres, folder) = (Postgres::private().await?, tempfile::tempdir()?);
    println!("PostgreSQL\n{}", report(arguments, folder.path(), &postgres.url, Some(&postgres)).await?);
    Ok(())
}

/// Fills a database and measures the requests.
async fn report(arguments: &Arguments, folder: &Path, url: &str, postgres: Option<&Postgres>) -> Outcome<String> {
    let flags = Partial { data: Some(folder.to_owned()), database_url: Some(url.to_owned()), ..Partial::default() };
    let app = App::open(Settings::resolve(&flags, &Partial::default(), &Partial::default()), Clock::system()).await?;
    demo::load(&app, Size::Small, |done, all| told(&format!("demonstration: {done} of {all} orders"))).await?;
    let states = fill(&app, arguments.deals).await?;
    let tokens = [sign_in(&app, "director@demo.example").await?, sign_in(&app, "delegate@demo.example").await?];
    app.database.close().await?;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build()?;
    let healthy = async |address: &str| start::is_healthy(&http, address).await;
    let server = Server::start(Kind::Sesame, folder, Some(url), healthy).await?;
    let mut rows = Vec::new();
    for (name, query) in questions() {
        for (who, token) in ["director", "delegate"].into_iter().zip(&tokens) {
            told(&format!("{name}, {who}"));
            let ask = Ask {
                url: format!("{}/graphql", server.url),
                token: Some(token.clone()),
                body: Some(json!({ "query": query }).to_string()),
            };
            rows.push(row(&http, &server, postgres, format!("{name}, {who}"), &ask, arguments.requests).await?);
        }
    }
    told("");
    let head = ["", "statements", "ms of the server", "ms of PostgreSQL", "ms until answered"];
    Ok(format!("{states} states\n{}", table(&head, rows)))
}

async fn sign_in(app: &Arc<App>, email: &str) -> Outcome<String> {
    Ok(network::sign_in(app, email).await?.token)
}

/// What is asked, each with its name.
fn questions() -> Vec<(&'static str, String)> {
    let today = calendar::paris_day(Clock::system().now());
    let (month_ago, year_ago) = (today - TimeDelta::days(30), today - TimeDelta::days(365));
    let quarter = |day: chrono::NaiveDate| ::entity::vocabulary::Quarter::of(day).to_string();
    let row = "quota pipeline bestCase commit closed coverage weighted deals";
    let board = |more: &str| format!("{{ forecastBoard({more}) {{ total {{ {row} }} rows {{ {row} }} }} }}");
    let waterfall = |from| {
        format!(
            "{{ forecastWaterfall(from: \"{from}\") {{ start end totals {{ kind amount deals }} \
             rows(first: 20) {{ nodes {{ kind amount opportunityId }} }} }} }}"
        )
    };
    vec![
        ("board by owner, now", board("by: OWNER")),
        ("board by region, now", board("by: REGION")),
        ("board of a month ago", board(&format!("asOf: \"{month_ago}\", quarter: \"{}\"", quarter(month_ago)))),
        ("board of a year ago", board(&format!("asOf: \"{year_ago}\", quarter: \"{}\"", quarter(year_ago)))),
        ("waterfall of a week", waterfall(today - TimeDelta::days(7))),
        ("waterfall of a month", waterfall(month_ago)),
        (
            "analytics of a year",
            format!(
                "{{ salesAnalytics(from: \"{year_ago}\", to: \"{today}\") {{ stages {{ stage conversion medianDays }} \
                 winRates(by: SIZE) {{ size rate }} slipped {{ count amount }} }} }}"
            ),
        ),
    ]
}

async fn row(
    http: &reqwest::Client,
    server: &Server,
    postgres: Option<&Postgres>,
    name: String,
    ask: &Ask,
    requests: usize,
) -> Outcome<Vec<String>> {
    let is_good = |body: &str| !body.contains("\"errors\"");
    let one = std::slice::from_ref(ask);
    for _ in 0..WARM {
        client::send(http, one, is_good).await?;
    }
    let used = || Outcome::Ok((processes::used(server.process())?, postgres.map(Postgres::used).transpose()?));
    let (mut elapsed, mut statements, before) = (Duration::ZERO, 0, used()?);
    for _ in 0..requests {
        let answered = client::send(http, one, is_good).await?;
        elapsed += answered.elapsed;
        statements = answered.statements.map_or(statements, |(_, most)| most.max(statements));
    }
    let after = used()?;
    let each = |all: Duration| format!("{:.1}", all.as_secs_f64() * 1000.0 / requests as f64);
    let database = before.1.zip(after.1).map_or_else(|| "-".to_owned(), |(before, after)| each(after - before));
    Ok(vec![name, statements.to_string(), each(after.0 - before.0), database, each(elapsed)])
}

/// Somebody whose deals they are.
struct Owner {
    person: PersonId,
    delegation: DelegationId,
    region: RegionId,
}

/// Writes the deals, and how many states they have.
async fn fill(app: &App, deals: i64) -> Outcome<usize> {
    let database = app.database.writer();
    let sql = "SELECT person.id, person.delegation_id, person.region_id FROM person \
               INNER JOIN person_role ON person_role.person_id = person.id AND role_code = 'DELEGATE' ORDER BY 1";
    let rows = database.query_all_raw(Statement::from_string(database.get_database_backend(), sql)).await?;
    let owner = |row: &sea_orm::QueryResult| -> Outcome<Owner> {
        Ok(Owner {
            person: row.try_get_by_index(0)?,
            delegation: row.try_get_by_index(1)?,
            region: row.try_get_by_index(2)?,
        })
    };
    let owners = rows.iter().map(owner).collect::<Outcome<Vec<_>>>()?;
    let (now, mut states, mut written) = (app.clock.now(), Vec::new(), 0);
    let first = now - HISTORY;
    let transaction = app.database.begin().await?;
    let mut opportunities = Vec::new();
    for deal in 1..=deals {
        let owner = &owners[usize::try_from(deal)? % owners.len()];
        let begun = first + HISTORY * i32::try_from(deal * 1_000 / deals)? / 1_000;
        opportunities.push(opportunity(deal, owner, begun));
        states.extend(history(deal, owner, begun, now));
        if opportunities.len() == BATCH || deal == deals {
            written += states.len();
            insert(&transaction, "opportunity", OPPORTUNITY, &std::mem::take(&mut opportunities)).await?;
            for some in std::mem::take(&mut states).chunks(BATCH) {
                insert(&transaction, "deal_state", STATE, some).await?;
            }
            told(&format!("{deal} of {deals} deals"));
        }
    }
    transaction.commit().await?;
    settle(database).await?;
    Ok(written)
}

/// What autovacuum does by and by, which the private cluster is without.
async fn settle(database: &DatabaseConnection) -> Outcome<()> {
    if database.get_database_backend() == sea_orm::DbBackend::Postgres {
        database.execute_unprepared("VACUUM ANALYZE deal_state").await?;
    }
    Ok(())
}

async fn insert(conn: &impl ConnectionTrait, into: &str, columns: &str, rows: &[String]) -> Outcome<()> {
    let sql = format!("INSERT INTO {into} ({columns}) VALUES {}", rows.join(", "));
    conn.execute_unprepared(&sql).await?;
    Ok(())
}

const OPPORTUNITY: &str = "id, number, subject, account_id, owner_id, author_id, involved, delegation_id, region_id, \
    signing_on, stage, stage_since, category, complex, special_bid, presales_investment, out_of_standard, \
    committee_requested, sheet, go, proposal, negotiation, agreement, contract, deciders, passed, waiting, contacts, \
    created_at, active_at, version";

/// The row that the history's foreign key needs.
fn opportunity(deal: i64, owner: &Owner, at: DateTime<Utc>) -> String {
    let Owner { person, delegation, region } = owner;
    let (day, at) = (at.date_naive(), moment(at));
    format!(
        "({deal}, 'LOAD-{deal}', 'Deal', (SELECT MIN(id) FROM account), {person}, {person}, '', {delegation}, \
         {region}, '{day}', 'IDENTIFICATION', {at}, 'PIPELINE', false, false, false, false, false, '{{}}', '{{}}', \
         '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', 1, '[]', '[]', {at}, {at}, 1)"
    )
}

const STATE: &str = "opportunity_id, from_at, until_at, stage, category, counts_as, amount, signing_day, quarter, \
    owner_id, delegation_id, region_id, size_class, sector, passed, way_stage, spent_before, entered, left_stage, \
    left_after, slipped_from, ended_at";

/// The states of a deal until now: eight or so, of which two of three deals are lost in negotiation.
fn history(deal: i64, owner: &Owner, begun: DateTime<Utc>, now: DateTime<Utc>) -> Vec<String> {
    let mut before: Option<Earlier> = None;
    let mut standing = Standing {
        stage: OppyStage::Identification,
        category: ForecastCategory::Pipeline,
        amount: Money::euros(5_000 + deal % 97 * 3_000),
        signing_day: begun.date_naive() + TimeDelta::days(75),
        owner: owner.person,
        delegation: owner.delegation,
        region: owner.region,
        size: Some(SizeClass::ALL[usize::try_from(deal % 3).unwrap_or_default()]),
        sector: Some(["HEALTH", "BUILDING", "TRADE", "FARMING"][usize::try_from(deal % 4).unwrap_or_default()].into()),
        reason: None,
        committed_by: None,
    };
    let mut rows = Vec::new();
    for (place, stage) in (0..).zip(COURSE) {
        let at = begun + TimeDelta::days(PACE * place);
        if at > now {
            break;
        }
        standing.stage = if place == 5 && deal % 3 != 0 { OppyStage::Lost } else { stage };
        standing.category = match standing.stage {
            stage if stage.is_signed() => ForecastCategory::Closed,
            _ if place < 3 => ForecastCategory::Pipeline,
            _ if deal % 2 == 0 => ForecastCategory::BestCase,
            _ => ForecastCategory::Commit,
        };
        if place == 2 {
            standing.amount = Money(standing.amount.0 + 100_000);
        }
        if place == 4 && deal % 5 == 0 {
            standing.signing_day += TimeDelta::days(90);
        }
        let is_last = standing.stage == OppyStage::Lost || place == 6;
        let later = begun + TimeDelta::days(PACE * (place + 1));
        let until = (!is_last && later <= now).then_some(later);
        let step = step(before.as_ref(), &standing, at);
        rows.push(state(deal, &standing, &step, at, until));
        let quarter = standing.quarter();
        before = Some(Earlier { from_at: at, stage: standing.stage, quarter, track: step.track });
        if is_last {
            break;
        }
    }
    rows
}

fn state(
    deal: i64,
    standing: &Standing,
    step: &sesame::forecast::rules::Step,
    at: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> String {
    let quoted = |text: Option<&str>| text.map_or_else(|| "NULL".to_owned(), |text| format!("'{text}'"));
    let number = |number: Option<i64>| number.map_or_else(|| "NULL".to_owned(), |number| number.to_string());
    let quarter = |quarter: ::entity::vocabulary::Quarter| quarter.year() * 10 + quarter.number();
    let Standing { stage, category, amount, signing_day, owner, delegation, region, size, sector, .. } = standing;
    let counts = counts_as(*stage, *category).map(ForecastCategory::code);
    let mut row = String::new();
    let _infallible = write!(
        row,
        "({deal}, {}, {}, '{}', '{}', {}, {}, '{signing_day}', {}, {owner}, {delegation}, {region}, {}, {}, {}, '{}', \
         {}, {}, {}, {}, {}, {})",
        moment(at),
        until.map_or_else(|| "NULL".to_owned(), moment),
        stage.code(),
        category.code(),
        quoted(counts),
        amount.0,
        quarter(standing.quarter()),
        quoted(size.map(SizeClass::code)),
        quoted(sector.as_deref()),
        step.track.passed,
        step.track.way_stage.code(),
        step.track.spent_before,
        step.entered,
        quoted(step.left.map(|(stage, _)| stage.code())),
        number(step.left.map(|(_, seconds)| seconds)),
        number(step.slipped_from.map(|from| quarter(from).into())),
        step.track.ended_at.map_or_else(|| "NULL".to_owned(), moment),
    );
    row
}

/// A moment as both databases read it, and as SQLite keeps it.
fn moment(at: DateTime<Utc>) -> String {
    format!("'{}'", at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false))
}
