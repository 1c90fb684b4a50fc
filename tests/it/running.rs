//! How a server starts, goes on and ends: schemas of before and of later, several processes that start at once,
//! readiness that goes red before the door is closed, and whom a proxy speaks for.

use std::{process::Command, time::Duration};

use ::migration::{Migrator, MigratorTrait};
use reqwest::StatusCode;
use sea_orm::ConnectionTrait;
use serde_json::json;
use sesame::{check, db::Database};

use crate::{
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    http::Site,
    process::{Server, close, output, sesame, told},
    talk::{PROTOCOL, connect},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both(threads = 2) k4_a_database_of_before_goes_forward,
        both(threads = 2) k4_a_newer_schema_is_refused,
        postgres(threads = 2) k4_several_processes_start_at_once_on_a_new_database,
        sqlite(threads = 2) k3_readiness_goes_red_before_the_door_is_closed,
        sqlite a_proxy_speaks_for_others_where_it_is_trusted,
    ]
}

/// Databases as they were left by earlier releases: the last step of their schema, and rows.
const EARLIER: [(&str, &str); 2] =
    [("m0009_number_series", include_str!("earlier/m0009.sql")), ("m0013_grants", include_str!("earlier/m0013.sql"))];

async fn k4_a_database_of_before_goes_forward(backend: Backend) {
    for (step, rows) in EARLIER {
        let (db, data) = (TestDb::empty(backend).await, scratch_dir());
        let database = Database::connect(&db.url, 2).await.expect("a database");
        let place = Migrator::migrations().iter().position(|known| known.name() == step).expect(step);
        let steps = u32::try_from(place + 1).expect("a number of steps");
        Migrator::up(database.writer(), Some(steps)).await.expect(step);
        for statement in rows.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()) {
            database
                .writer()
                .execute_unprepared(statement)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
            count_on(&database, statement).await;
        }
        close(&database).await;
        let mut migrate = sesame(&db.url, data.path());
        migrate.arg("migrate");
        let done = output(migrate, "").await;
        assert!(done.status.success(), "{step}: {}", told(&done));

        let server = serve(&db, data.path()).await;
        let token = async |name: &str| {
            let mut token = sesame(&db.url, data.path());
            token.args(["token", "--user", &format!("{name}@test.example")]);
            String::from_utf8(output(token, "").await.stdout).expect("a text").trim().to_owned()
        };
        let (token, admin) = (token("delegate").await, token("platform-admin").await);
        let query = "{ orders(first: 10) { nodes { number status total } } accounts(first: 10) { totalCount } }";
        let (_, body) = server.ask(Some(&token), query, json!({})).await.expect("an answer");
        let orders = body["data"]["orders"]["nodes"].as_array().unwrap_or_else(|| panic!("{step}: {body}"));
        assert!(orders.iter().any(|order| order["number"].is_string()), "{step}: {body}");
        assert!(body["data"]["accounts"]["totalCount"].as_i64() > Some(0), "{step}: {body}");
        // Work goes on: events, their positions and seals behind those of before.
        let change = "mutation { changePolicy(input: { remove: [{ role: \"DELEGATE\", object: \"readOrders\", \
                      scope: \"delegation\" }], reason: \"a test\" }) { policy { version } userErrors { message } } }";
        let (_, body) = server.ask(Some(&admin), change, json!({})).await.expect("an answer");
        assert_eq!(body["data"]["changePolicy"]["userErrors"], json!([]), "{step}: {body}");
        assert!(server.terminate().await < Duration::from_secs(10));

        let database = Database::connect(&db.url, 2).await.expect("a database");
        let findings = check::run(&database).await.expect("a check").findings;
        assert!(findings.is_empty(), "{step}: {findings:#?}");
        close(&database).await;
    }
}

/// PostgreSQL counts on behind the keys that a statement gave; SQLite does so by itself.
async fn count_on(database: &Database, statement: &str) {
    let table = statement.split("INSERT INTO ").nth(1).and_then(|rest| rest.split_once(" (id,"));
    if let Some((table, _)) = table.filter(|_| database.is_postgres()) {
        let sql = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))");
        database.writer().execute_unprepared(&sql).await.expect(&sql);
    }
}

async fn serve(db: &TestDb, data: &std::path::Path) -> Server {
    let mut command = sesame(&db.url, data);
    command.arg("serve");
    Server::start(command).await
}

async fn k4_a_newer_schema_is_refused(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let database = Database::connect(&db.url, 2).await.expect("a database");
    sesame::app::migrate(&database).await.expect("a schema");
    let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)";
    database.writer().execute_unprepared(later).await.expect(later);
    close(&database).await;
    for command in ["serve", "migrate", "demo"] {
        let mut started = sesame(&db.url, data.path());
        started.args([command, "--port", "0"]);
        let ended = output(started, "").await;
        let said = told(&ended);
        assert!(!ended.status.success(), "{command}: {said}");
        assert!(said.contains("newer than this program") && said.contains("m9999_later"), "{command}: {said}");
    }
}

async fn k4_several_processes_start_at_once_on_a_new_database(backend: Backend) {
    for _ in 0..2 {
        let (db, data) = (TestDb::empty(backend).await, scratch_dir());
        let (one, two, three) = tokio::join!(serve(&db, data.path()), serve(&db, data.path()), serve(&db, data.path()));
        for server in [one, two, three] {
            assert!(server.is_ready().await);
            assert!(server.terminate().await < Duration::from_secs(10));
        }
        let database = Database::connect(&db.url, 2).await.expect("a database");
        let pending = Migrator::get_pending_migrations(database.reader()).await.expect("the steps");
        assert!(pending.is_empty());
        close(&database).await;
    }
}

fn tell(server: &Server, signal: &str) {
    let sent = Command::new("kill").args([signal, &server.process.id().to_string()]).status().expect("kill");
    assert!(sent.success());
}

async fn k3_readiness_goes_red_before_the_door_is_closed(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let ask = |port: String| {
        let mut ready = sesame(&db.url, data.path());
        ready.args(["ready", "--port", &port]);
        output(ready, "")
    };
    let mut command = sesame(&db.url, data.path());
    command.env("SESAME_DRAIN_SECONDS", "60").arg("serve");
    let mut server = Server::start(command).await;
    let port = server.url.rsplit(':').next().expect("a port").to_owned();
    let ready = ask(port.clone()).await;
    assert!(ready.status.success() && told(&ready).contains("ready"), "{}", told(&ready));
    let get = async |path: &str| server.http.get(format!("{}{path}", server.url)).send().await.expect("an answer");
    assert!(get("/healthz").await.headers().get("connection").is_none());
    tell(&server, "-TERM");
    while get("/readyz").await.status() == StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let red = ask(port.clone()).await;
    assert!(!red.status.success() && told(&red).contains("DRAINING"), "{}", told(&red));
    // Everything else goes on; who keeps connections is told to open another.
    for path in ["/healthz", "/schema.graphql"] {
        let answer = get(path).await;
        assert_eq!((answer.status(), answer.headers()["connection"].as_bytes()), (StatusCode::OK, &b"close"[..]));
    }
    let socket = connect(&server.url.trim_start_matches("http://"), &[("sec-websocket-protocol", PROTOCOL)]).await;
    let socket = socket.expect("a socket while it drains");
    // Who says it once more does not want to wait.
    tell(&server, "-TERM");
    assert_eq!(socket.closed().await, 1001);
    let status = tokio::task::spawn_blocking(move || server.process.wait().expect("an end")).await.expect("an end");
    assert!(status.success());
    let gone = ask(port).await;
    assert!(!gone.status.success(), "{}", told(&gone));
}

async fn a_proxy_speaks_for_others_where_it_is_trusted(backend: Backend) {
    // One address may have one socket on which nobody is signed in.
    let open = async |site: &Site, said: &str| {
        connect(&site.address, &[("sec-websocket-protocol", PROTOCOL), ("x-forwarded-for", said)]).await
    };
    let trusting = Site::with(backend, |settings| {
        settings.limits.address_waiting_sockets = 1;
        settings.limits.address_connections = 2;
        settings.trusted_proxies = "127.0.0.0/8".parse().expect("a network");
    })
    .await;
    let _first = open(&trusting, "198.51.100.1").await.expect("a socket");
    assert_eq!(open(&trusting, "198.51.100.1").await.err(), Some(503), "the same caller");
    // What the caller says of somebody before is no help: the proxy's own word is the last.
    assert_eq!(open(&trusting, "203.0.113.7, 198.51.100.1").await.err(), Some(503), "the same caller, who lies");
    // More callers than one address may have connections: those of a proxy are not one address's.
    let mut others = Vec::new();
    for last in 2..6 {
        others.push(open(&trusting, &format!("198.51.100.{last}")).await.expect("another caller"));
    }

    let plain = Site::with(backend, |settings| settings.limits.address_waiting_sockets = 1).await;
    let _first = open(&plain, "198.51.100.1").await.expect("a socket");
    assert_eq!(open(&plain, "198.51.100.2").await.err(), Some(503), "nobody is believed");
}
