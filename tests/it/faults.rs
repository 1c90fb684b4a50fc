//! What goes wrong between a server and PostgreSQL: commits that nobody confirms, connections that are cut,
//! processes that freeze, tables that are locked; and a disk that is full.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};
use sesame::config::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    app::TestApp,
    harness::{Backend, Trial, trials},
    http::{Answer, Site},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        postgres a_commit_that_nobody_confirmed_is_found_by_its_key,
        postgres without_a_key_it_is_said_that_nobody_knows,
        postgres a_commit_is_not_cut_by_the_time_limit,
        postgres what_takes_too_long_is_ended_by_the_database_too,
        postgres a_frozen_process_does_not_stop_the_others,
        postgres what_is_remembered_does_not_outlive_a_stuck_outbox,
        postgres a_listener_that_is_cut_listens_again,
        postgres a_renewal_waits_for_a_database_that_is_away,
        sqlite a_panic_is_answered_and_ends_the_socket_with_4500,
        sqlite a_full_disk_is_told_and_nothing_is_half_written,
    ]
}

const UPLOAD: &str = "mutation($key: String) { createUpload(input: { name: \"a.pdf\", size: 10, idempotencyKey: $key }) \
                      { upload { id } userErrors { code } } }";

async fn upload(site: &Site, token: &str, key: Option<&str>) -> Answer {
    site.ask(Some(token), json!({ "query": UPLOAD, "variables": { "key": key } })).await
}

async fn number(site: &Site, sql: &str) -> i64 {
    let statement = Statement::from_string(site.app.database.backend(), sql);
    let row = site.app.database.reader().query_one_raw(statement).await.expect(sql).expect("a row");
    row.try_get_by_index(0).expect("a number")
}

async fn execute(site: &Site, sql: &str) {
    site.app.database.writer().execute_unprepared(sql).await.expect(sql);
}

/// A wire to PostgreSQL that can lose the answer to a commit, and be cut.
struct Wire {
    url: String,
    fate: Arc<Fate>,
}

#[derive(Default)]
struct Fate {
    /// The next answer to a commit is lost, and its connection with it.
    loses: AtomicBool,
    /// Nothing comes through, on the connections that there are and on new ones.
    is_cut: AtomicBool,
}

impl Wire {
    fn to(url: &str) -> Self {
        let address = url.split('@').nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        let near = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        near.set_nonblocking(true).expect("a listener");
        let place = near.local_addr().expect("an address");
        let (near, fate) = (TcpListener::from_std(near).expect("a listener"), Arc::<Fate>::default());
        let (far, told): (SocketAddr, _) = (address.parse().expect("an address"), fate.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = near.accept().await {
                tokio::spawn(carry(client, far, told.clone()));
            }
        });
        Self { url: url.replace(&address, &place.to_string()), fate }
    }
}

async fn carry(mut client: TcpStream, far: SocketAddr, fate: Arc<Fate>) {
    if fate.is_cut.load(Ordering::SeqCst) {
        return;
    }
    let Ok(mut server) = TcpStream::connect(far).await else { return };
    let (mut from_client, mut from_server) = ([0_u8; 8192], [0_u8; 8192]);
    let mut is_lost = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                let said = &from_client[..length];
                is_lost |= said.windows(6).any(|word| word == b"COMMIT") && fate.loses.swap(false, Ordering::SeqCst);
                if fate.is_cut.load(Ordering::SeqCst) { return }
                if server.write_all(said).await.is_err() { return }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                // It has been committed by now, and nobody will hear of it.
                if is_lost { return }
                if client.write_all(&from_server[..length]).await.is_err() { return }
            }
        }
    }
}

async fn wired(backend: Backend, change: impl FnOnce(&mut Settings)) -> (Site, Arc<Fate>) {
    let mut fate = None;
    let site = Site::with(backend, |settings| {
        let wire = Wire::to(&settings.database_url);
        settings.database_url = wire.url;
        fate = Some(wire.fate);
        change(settings);
    })
    .await;
    (site, fate.expect("a wire"))
}

async fn a_commit_that_nobody_confirmed_is_found_by_its_key(backend: Backend) {
    let (site, fate) = wired(backend, |_| {}).await;
    let token = site.token("pdv").await;
    fate.loses.store(true, Ordering::SeqCst);
    let answer = upload(&site, &token, Some("once")).await;
    assert!(!fate.loses.load(Ordering::SeqCst), "a commit was lost");
    let id = answer.body["data"]["createUpload"]["upload"]["id"].clone();
    assert!(id.is_string(), "{answer:?}");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM upload").await, 1, "written once");
    let again = upload(&site, &token, Some("once")).await;
    assert_eq!(again.body["data"]["createUpload"]["upload"]["id"], id);
    // Ended by the database in the middle of the commit, it was not written: it is begun again.
    execute(
        &site,
        "CREATE SEQUENCE cut; \
         CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('cut') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON upload DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION cut()",
    )
    .await;
    let second = upload(&site, &token, Some("twice")).await;
    assert!(second.body["data"]["createUpload"]["upload"]["id"].is_string(), "{second:?}");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM upload").await, 2);
    assert_eq!(number(&site, "SELECT last_value FROM cut").await, 2, "tried twice");
}

async fn without_a_key_it_is_said_that_nobody_knows(backend: Backend) {
    let (site, fate) = wired(backend, |_| {}).await;
    let token = site.token("pdv").await;
    fate.loses.store(true, Ordering::SeqCst);
    let answer = upload(&site, &token, None).await;
    let error = &answer.body["errors"][0];
    assert_eq!(
        (&error["extensions"]["code"], &error["extensions"]["outcome"]),
        (&json!("INTERNAL"), &json!("UNKNOWN"))
    );
    let text = error["message"].as_str().expect("a text");
    assert!(text.contains("not known") && text.contains("idempotencyKey"), "{text}");
    assert!(!text.contains("nothing was changed"), "{text}");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM upload").await, 1, "and it was written");
}

async fn a_commit_is_not_cut_by_the_time_limit(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.seconds = 1).await;
    let token = site.token("pdv").await;
    execute(
        &site,
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON upload DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION slow()",
    )
    .await;
    let begun = Instant::now();
    let answer = upload(&site, &token, None).await;
    assert!(answer.body["data"]["createUpload"]["upload"]["id"].is_string(), "{answer:?}");
    assert!(begun.elapsed() > Duration::from_secs(2));
    // Cut before the commit, it says so.
    execute(&site, "DROP TRIGGER slow ON upload").await;
    execute(&site, "CREATE TRIGGER slow AFTER INSERT ON upload FOR EACH ROW EXECUTE FUNCTION slow()").await;
    let answer = upload(&site, &token, None).await;
    assert_eq!(answer.code(), "TOO_COMPLEX", "{answer:?}");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM upload").await, 1, "and was not written");
}

async fn what_takes_too_long_is_ended_by_the_database_too(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.seconds = 1).await;
    let shown = async |name: &str| {
        let statement = Statement::from_string(DbBackend::Postgres, format!("SHOW {name}"));
        let row = site.app.database.reader().query_one_raw(statement).await.expect("a row").expect("a row");
        row.try_get_by_index::<String>(0).expect("a text")
    };
    for (name, value) in
        [("statement_timeout", "6s"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "6s")]
    {
        assert_eq!(shown(name).await, value, "{name}");
    }
    let begun = Instant::now();
    let ended = site.app.database.writer().execute_unprepared("SELECT pg_sleep(60)").await.expect_err("an end");
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert!(sesame::error::Error::from(ended).passes(), "told as a database that does not answer");
}

/// Waits until something holds.
async fn until(what: &str, seconds: u64, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_ready(site: &Site) -> bool {
    site.get("/readyz").await.status == StatusCode::OK
}

const UNNUMBERED: &str = "SELECT COUNT(*) FROM event WHERE position IS NULL";

async fn a_frozen_process_does_not_stop_the_others(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    // Somebody froze with the lock of whoever gives positions.
    let frozen = sea_orm::Database::connect(&site.app.settings.database_url).await.expect("a connection");
    let held = frozen.begin().await.expect("a transaction");
    held.execute_unprepared("SELECT pg_advisory_xact_lock(1582972417)").await.expect("a lock");
    upload(&site, &token, None).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(7) {
        assert!(is_ready(&site).await, "the outbox goes on");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(number(&site, UNNUMBERED).await > 0, "the lock is the one");
    held.rollback().await.expect("an end");
    until("positions are given", 5, async || number(&site, UNNUMBERED).await == 0).await;
}

async fn what_is_remembered_does_not_outlive_a_stuck_outbox(backend: Backend) {
    let site = Site::start(backend).await;
    let (token, other) = (site.token("pdv").await, site.token("pdv2").await);
    let query = || json!({ "query": "{ viewer { user { code } } }" });
    assert_eq!(site.ask(Some(&token), query()).await.status, StatusCode::OK);
    let apart = sea_orm::Database::connect(&site.app.settings.database_url).await.expect("a connection");
    let held = apart.begin().await.expect("a transaction");
    held.execute_unprepared("LOCK TABLE event IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    // Another process ends the session; its event cannot arrive.
    let revoke = "UPDATE session SET revoked_at = NOW() WHERE person_id = 1";
    site.app.database.writer().execute_unprepared(revoke).await.expect("a change");
    let status = async || site.ask(Some(&token), query()).await.status;
    until("the session is looked at again", 12, async || status().await == StatusCode::UNAUTHORIZED).await;
    assert!(!is_ready(&site).await, "and nobody is sent here");
    assert_eq!(site.ask(Some(&other), query()).await.status, StatusCode::OK, "the others go on");
    held.rollback().await.expect("an end");
    until("ready again", 10, async || is_ready(&site).await).await;
}

async fn a_listener_that_is_cut_listens_again(backend: Backend) {
    let site = Site::start(backend).await;
    let other = site.another().await;
    let listeners =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'";
    until("both listen", 10, async || number(&site, listeners).await == 2).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE 'LISTEN %'";
    execute(&site, cut).await;
    // What happens elsewhere is heard of nonetheless.
    let token = site.token("pdv").await;
    let query = || json!({ "query": "{ viewer { user { code } } }" });
    assert_eq!(site.ask(Some(&token), query()).await.status, StatusCode::OK);
    other.sign_out(&token).await;
    let status = async || site.ask(Some(&token), query()).await.status;
    until("signed out here too", 3, async || status().await == StatusCode::UNAUTHORIZED).await;
    until("both listen again", 10, async || number(&site, listeners).await == 2).await;
}

async fn a_full_disk_is_told_and_nothing_is_half_written(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    // The file may not grow any more.
    execute(&site, "PRAGMA max_page_count = 1").await;
    let before = number(&site, "SELECT COUNT(*) FROM upload").await;
    let mut refused = None;
    for _ in 0..2_000 {
        let answer = upload(&site, &token, None).await;
        if answer.body["errors"].is_array() {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the disk is full");
    assert_eq!(refused.code(), "INTERNAL", "{refused:?}");
    let text: &Value = &refused.body["errors"][0]["message"];
    assert!(text.as_str().is_some_and(|text| text.contains("nothing was changed")), "{text}");
    let written = number(&site, "SELECT COUNT(*) FROM upload").await;
    assert_eq!(number(&site, "SELECT COUNT(*) FROM event WHERE kind = 'upload.created'").await, written - before);
    execute(&site, "PRAGMA max_page_count = 1000000").await;
    let again = upload(&site, &token, None).await;
    assert!(again.body["data"]["createUpload"]["upload"]["id"].is_string(), "{again:?}");
}

/// The next token has come, and only the database is missing to look at it: the socket waits, with what it
/// follows. Without one, it ends with its token as ever.
async fn a_renewal_waits_for_a_database_that_is_away(backend: Backend) {
    let (site, fate) = wired(backend, |settings| settings.access_token_seconds = 6).await;
    let first = site.token("pdv").await;
    let mut renewed = Talk::begin(&site.address, &first).await;
    let forgotten = Talk::begin(&site.address, &first).await;
    renewed.subscribe("queue", "subscription { workQueueChanged { change } }").await;
    renewed.is_quiet().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let next = site.token("pdv").await;
    fate.is_cut.store(true, Ordering::SeqCst);
    site.app.directory.forget();
    renewed.say(json!({ "type": "ping", "payload": { "token": next } })).await;
    assert_eq!(forgotten.closed().await, 4403, "nobody brought another token");
    // The first token has expired by now.
    renewed.is_quiet().await;
    fate.is_cut.store(false, Ordering::SeqCst);
    let pong = renewed.hear().await;
    assert!(pong["type"] == "pong" && pong["payload"]["expiresAt"].is_string(), "{pong}");
    renewed.is_quiet().await;
}

/// A defect in a resolver ends nothing but what ran into it: an answer over HTTP, one socket with 4500.
async fn a_panic_is_answered_and_ends_the_socket_with_4500(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "{ budgets(year: 2026) { nodes { available } } }";
    let address = app.url.trim_start_matches("http://");
    let mut broken = Talk::begin(&address, &app.token("rr")).await;
    let mut whole = Talk::begin(&address, &app.token("rr")).await;
    // Amounts of which no sum can be made, which no rule lets in.
    app.execute("PRAGMA ignore_check_constraints = ON").await;
    app.execute("UPDATE envelope SET allocated = 9223372036854775807, committed = -9223372036854775807").await;
    let answer = app.rr().ask(query, json!({})).await;
    assert_eq!(answer.error(), "INTERNAL");
    assert!(!answer.message().contains("amounts"), "nothing of what is inside: {}", answer.message());
    broken.subscribe("1", query).await;
    assert_eq!(broken.closed().await, 4500);
    whole.subscribe("1", "{ viewer { user { code } } }").await;
    assert_eq!(whole.hear_of("next", "1").await["data"]["viewer"]["user"]["code"], "RR");
    assert!(app.rr().ask("{ viewer { user { code } } }", json!({})).await.data()["viewer"].is_object());
}
