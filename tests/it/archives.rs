//! Archives: everything moves from one kind of database to the other and back, and a backup that was made while
//! people worked has all that they were told was done.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::{Value, json};
use sesame::{
    app::App,
    clock::Clock,
    config::{Partial, Settings},
    db::Database,
    demo::{self, Size},
};
use tempfile::TempDir;

use crate::{
    app::noon,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    process::{Place, Server, close, order, output, sesame, told},
};

pub fn trials() -> Vec<Trial> {
    trials![
        postgres(threads = 2, seconds = 240) k5_everything_moves_to_the_other_database_and_back,
        both(threads = 2, seconds = 180) k5_an_archive_is_taken_whole_or_not_at_all,
        both(threads = 2, seconds = 180) k6_a_backup_has_everything_acknowledged_before_it,
    ]
}

/// A database, and a data folder beside it.
struct Home {
    db: TestDb,
    data: TempDir,
}

impl Home {
    async fn new(backend: Backend) -> Self {
        Self { db: TestDb::empty(backend).await, data: scratch_dir() }
    }

    /// With the smallest demonstration, its files and a file in a folder of its own.
    async fn with_demonstration(backend: Backend) -> Self {
        let home = Self::new(backend).await;
        let app = App::open(home.settings(), Clock::standing(noon(2026, 11, 10))).await.expect("an app");
        demo::load(&app, Size::Test, |_, _| {}).await.expect("a demonstration");
        while sesame::audit::seal_some(&app.database).await.expect("seals") {}
        close(&app.database).await;
        home
    }

    fn settings(&self) -> Settings {
        let (data, url) = (self.data.path().to_owned(), self.db.url.clone());
        let flags = Partial { data: Some(data), database_url: Some(url), ..Partial::default() };
        Settings::resolve(&flags, &Partial::default(), &Partial::default())
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = sesame(&self.db.url, self.data.path());
        command.args(arguments);
        output(command, "").await
    }

    async fn succeeds(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments).await;
        assert!(done.status.success(), "{arguments:?}: {}", told(&done));
        told(&done)
    }

    async fn is_refused(&self, arguments: &[&str], why: &str) {
        let done = self.run(arguments).await;
        assert!(!done.status.success() && told(&done).contains(why), "{arguments:?}: {}", told(&done));
    }

    /// Writes an archive, and gives its place.
    async fn export(&self, name: &str) -> PathBuf {
        let to = self.data.path().join(name);
        self.succeeds(&["export", text(&to)]).await;
        to
    }

    async fn import(&self, archive: &Path) {
        self.succeeds(&["import", text(archive)]).await;
        self.is_clean().await;
    }

    async fn is_clean(&self) {
        self.succeeds(&["check"]).await;
    }

    async fn serve(&self, arguments: &[&str]) -> Server {
        let mut serve = sesame(&self.db.url, self.data.path());
        serve.args(arguments);
        Server::start(serve).await
    }

    async fn connect(&self) -> DatabaseConnection {
        sea_orm::Database::connect(&self.db.url).await.expect("a connection")
    }

    async fn execute(&self, sql: &str) {
        let db = self.connect().await;
        db.execute_unprepared(sql).await.expect(sql);
        db.close().await.expect("a closed connection");
    }

    /// Every value of every row, as this database writes it.
    async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let db = self.connect().await;
        let mut all = BTreeMap::new();
        for table in strings(&db, TABLES).await {
            let columns = strings(&db, &format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name")).await;
            let values: Vec<String> = columns.iter().map(|name| format!("quote(\"{name}\")")).collect();
            let applied =
                if table == "seaql_migrations" { "quote(version)".to_owned() } else { values.join("||','||") };
            let rows = strings(&db, &format!("SELECT {applied} FROM \"{table}\"")).await;
            all.insert(table, rows);
        }
        all.values_mut().for_each(|rows| rows.sort());
        db.close().await.expect("a closed connection");
        all
    }

    async fn number(&self, sql: &str) -> i64 {
        let db = self.connect().await;
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect(sql);
        let number = row.expect("a row").try_get_by_index(0).expect("a number");
        db.close().await.expect("a closed connection");
        number
    }

    /// What was uploaded: each file with its content.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.data.path().join("uploads")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                match entry.file_type().expect("a type").is_dir() {
                    true => folders.push(entry.path()),
                    false => {
                        let name = entry.path().strip_prefix(self.data.path()).expect("a file of ours").to_owned();
                        found.insert(name, fs::read(entry.path()).expect("a file"));
                    }
                }
            }
        }
        found
    }
}

/// Every table, the one of the counters included.
const TABLES: &str =
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema'";

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

async fn strings(db: &DatabaseConnection, sql: &str) -> Vec<String> {
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect(sql);
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

/// The entries of an archive: name and content.
fn entries(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(fs::File::open(archive).expect("an archive"));
    let read = archive.entries().expect("entries").map(|entry| {
        let mut entry = entry.expect("an entry");
        let (name, mut content) = (entry.path().expect("a name").display().to_string(), Vec::new());
        entry.read_to_end(&mut content).expect("its content");
        (name, content)
    });
    read.collect()
}

/// What an archive ends with.
fn manifest(archive: &Path) -> Value {
    let (name, content) = entries(archive).pop().expect("an entry");
    assert_eq!(name, "manifest.json");
    serde_json::from_slice(&content).expect("JSON")
}

/// Creates and submits an order as somebody of the demonstration, which writes rows, numbers and events.
async fn work(home: &Home, subject: &str) {
    let server = home.serve(&["demo", "--today", "2026-11-12"]).await;
    let session = server.sign_in("delegate@demo.example", demo::PASSWORD).await;
    let token = session["session"]["accessToken"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
    let query = "{ accounts(first: 1, filter: { isBroker: true }) { nodes { id } } \
                 articles(first: 1, filter: { available: true }) { nodes { id } } }";
    let (_, found) = server.ask(Some(&token), query, json!({})).await.expect("an answer");
    let (broker, article) =
        (&found["data"]["accounts"]["nodes"][0]["id"], &found["data"]["articles"]["nodes"][0]["id"]);
    let input = json!({ "kind": "STANDARD", "broker": broker, "subject": subject,
                        "lines": [{ "article": article, "quantity": 1 }] });
    let create =
        "mutation($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { message } } }";
    let (_, made) = server.ask(Some(&token), create, json!({ "input": input })).await.expect("an answer");
    assert!(made["data"]["createOrder"]["order"]["id"].is_string(), "{made}");
    assert!(server.terminate().await < Duration::from_secs(10));
}

async fn k5_everything_moves_to_the_other_database_and_back(_: Backend) {
    let sqlite = Home::with_demonstration(Backend::Sqlite).await;
    let (first, postgres) = (sqlite.export("first.tar").await, Home::new(Backend::Postgres).await);
    postgres.import(&first).await;
    let second = postgres.export("second.tar").await;
    let (told, again) = (manifest(&first), manifest(&second));
    assert_eq!(told["tables"], again["tables"], "the same rows in the same words, whichever database tells them");
    // A folder lists its files in an order of its own, so their sum differs: their contents are compared below.
    for what in ["count", "bytes"] {
        assert_eq!(told["files"][what], again["files"][what], "{what}");
    }
    assert!(told["tables"].as_array().is_some_and(|tables| tables.len() > 30), "{told}");
    let back = Home::new(Backend::Sqlite).await;
    back.import(&second).await;
    let (before, after) = (sqlite.rows().await, back.rows().await);
    for (table, rows) in &before {
        assert_eq!(after.get(table), Some(rows), "{table}");
    }
    assert_eq!(before.len(), after.len());
    assert_eq!(sqlite.files(), back.files());
    assert!(!sqlite.files().is_empty());

    // It goes on where it was, on PostgreSQL with keys that are given and lost, and events without a place yet.
    work(&postgres, "on PostgreSQL").await;
    postgres
        .execute(
            "SELECT setval(pg_get_serial_sequence('event', 'id'), nextval(pg_get_serial_sequence('event', 'id')) + 5);
             INSERT INTO event (at, kind, roles, subject_type, subject_id, changes, queue, envelopes, policy_version,
                request_id)
             SELECT at, kind, roles, subject_type, subject_id, changes, queue, envelopes, policy_version, request_id
             FROM event ORDER BY id LIMIT 3",
        )
        .await;
    let third = postgres.export("third.tar").await;
    let last = Home::new(Backend::Sqlite).await;
    last.import(&third).await;
    work(&last, "on SQLite").await;
    let database = Database::connect(&last.db.url, 2).await.expect("a database");
    while sesame::audit::seal_some(&database).await.expect("seals") {}
    close(&database).await;
    last.is_clean().await;
    let sealed = last.number("SELECT COUNT(seal) - COUNT(*) FROM event").await;
    assert_eq!(sealed, 0, "the chain goes on");
    assert_eq!(last.number("SELECT COUNT(*) FROM orders WHERE subject LIKE 'on %'").await, 2);
}

/// A copy of an archive with something else in it.
fn changed(archive: &Path, to: &Path, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) {
    let mut file = fs::File::create(to).expect("a file");
    for (name, content) in entries(archive) {
        let Some(content) = change(&name, content) else { continue };
        let mut header = tar::Header::new_ustar();
        header.set_path(&name).expect("a name");
        header.set_size(content.len() as u64);
        header.set_cksum();
        file.write_all(header.as_bytes()).expect("a header");
        file.write_all(&content).expect("content");
        file.write_all(&vec![0; (512 - content.len() % 512) % 512]).expect("the rest of a block");
    }
    file.write_all(&[0; 1024]).expect("an end");
}

async fn k5_an_archive_is_taken_whole_or_not_at_all(backend: Backend) {
    let source = Home::with_demonstration(backend).await;
    let good = source.export("good.tar").await;
    source.is_refused(&["export", text(&good)], "--force").await;
    source.is_refused(&["import", text(&good)], "not empty").await;
    source.is_clean().await;

    let home = Home::new(backend).await;
    let bad = home.data.path().join("bad.tar");
    let refused = async |why: &str| {
        home.is_refused(&["import", text(&bad)], why).await;
        assert!(home.files().is_empty(), "{why}: files were left behind");
    };
    fs::write(&bad, "PK\u{3}\u{4} and more").expect("a file");
    refused("not an archive").await;
    let replace = |content: Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8(content).expect("a text");
        assert!(text.contains(from), "no {from}");
        Some(text.replacen(from, to, 1).into_bytes())
    };
    changed(&good, &bad, |name, content| match name {
        "head.json" => replace(content, "\"m0001_identity\",", "\"m0001_identity\", \"m9999_future\","),
        _ => Some(content),
    });
    refused("newer").await;
    // From here on the schema is made, and there is nothing in it.
    changed(&good, &bad, |name, content| match name {
        "tables/person/000001.jsonl" => replace(content, "delegate@demo.example", "somebody@demo.example"),
        _ => Some(content),
    });
    refused("«person»").await;
    changed(&good, &bad, |name, content| (name != "manifest.json").then_some(content));
    refused("too early").await;
    let whole = fs::read(&good).expect("an archive");
    fs::write(&bad, &whole[..whole.len() / 2]).expect("a file");
    refused("damaged").await;
    changed(&good, &bad, |name, content| (name != "tables/region/000001.jsonl").then_some(content));
    let missing = home.run(&["import", text(&bad)]).await;
    assert!(!missing.status.success(), "{}", told(&missing));
    changed(&good, &bad, |name, mut content| {
        if name.starts_with("files/") {
            content[0] ^= 1;
        }
        Some(content)
    });
    refused("its files").await;
    assert_eq!(home.number("SELECT COUNT(*) FROM person").await, 0);

    // A first start is nobody's data; a server that runs is in the way.
    let server = home.serve(&["serve"]).await;
    home.is_refused(&["import", text(&good)], "in use").await;
    assert!(server.terminate().await < Duration::from_secs(10));
    home.import(&good).await;
    assert_eq!(home.files(), source.files());
    let without = source.data.path().join("without.tar");
    source.succeeds(&["export", "--without-files", text(&without)]).await;
    assert!(!entries(&without).iter().any(|(name, _)| name.starts_with("files/")));
    assert!(entries(&good).iter().all(|(name, _)| !name.starts_with("keys/")), "an export has no key");
    let other = Home::new(backend).await;
    other.import(&without).await;
    assert!(other.files().is_empty());
    // Where no server ever was, there is neither a key nor what was uploaded.
    let backup = other.data.path().join("backup.tar");
    other.is_refused(&["backup", text(&backup)], "no signing key").await;
    assert!(!backup.exists());
}

/// Orders that were acknowledged, by name.
type Acknowledged = Arc<Mutex<Vec<String>>>;

/// Writes one order after the other until it is told to stop.
async fn write(server: String, token: String, me: usize, done: Arc<AtomicBool>, acknowledged: Acknowledged) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
    for place in 0.. {
        if done.load(Ordering::SeqCst) {
            return;
        }
        let name = format!("order {me}-{place}");
        order(&http, &server, &token, &name).await.expect("acknowledged");
        acknowledged.lock().push(name);
    }
}

async fn k6_a_backup_has_everything_acknowledged_before_it(backend: Backend) {
    let home = Home::new(backend).await;
    let place = Place::with_network(&home.db.url, home.data.path()).await;
    let token = place.token("delegate").await;
    let server = home.serve(&["serve"]).await;
    let (done, acknowledged) = (Arc::<AtomicBool>::default(), Acknowledged::default());
    let writers =
        (0..4).map(|me| tokio::spawn(write(server.url.clone(), token.clone(), me, done.clone(), acknowledged.clone())));
    let writers: Vec<_> = writers.collect();
    while acknowledged.lock().len() < 8 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let folder = scratch_dir();
    let before = acknowledged.lock().clone();
    home.succeeds(&["backup", text(folder.path())]).await;
    let during = acknowledged.lock().len();
    done.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("an end");
    }
    let after = acknowledged.lock().len();
    let backup = fs::read_dir(folder.path()).expect("a folder").next().expect("a backup").expect("a file").path();
    let name = backup.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(name.starts_with("sesame-") && name.ends_with(".tar"), "{name}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&backup).expect("a file").permissions());
    assert_eq!(mode & 0o777, 0o600, "its owner's alone");

    // Elsewhere it is as it was, down to who is signed in.
    let elsewhere = Home::new(backend).await;
    elsewhere.succeeds(&["restore", text(&backup)]).await;
    elsewhere.is_clean().await;
    let sql = "SELECT subject FROM orders WHERE status <> 'DRAFT'";
    let db = elsewhere.connect().await;
    let kept = strings(&db, sql).await;
    db.close().await.expect("a closed connection");
    let lost: Vec<_> = before.iter().filter(|name| !kept.contains(name)).collect();
    assert!(lost.is_empty(), "acknowledged before the backup and not in it: {lost:?}");
    assert!(during > before.len(), "people worked meanwhile");
    let again = elsewhere.serve(&["serve"]).await;
    let (_, me) = again.ask(Some(&token), "{ viewer { user { code } } }", json!({})).await.expect("an answer");
    assert!(me["data"]["viewer"]["user"]["code"].is_string(), "{me}");
    assert!(again.terminate().await < Duration::from_secs(10));
    elsewhere
        .is_refused(&["restore", text(&backup)], if backend == Backend::Sqlite { "--force" } else { "not empty" })
        .await;

    // Where people went on, it is brought back only with --force and without a server.
    home.is_refused(&["restore", text(&backup), "--force"], "in use").await;
    assert!(server.terminate().await < Duration::from_secs(10));
    fs::write(home.data.path().join("uploads").join("later"), "later").expect("a file");
    let submitted = "SELECT COUNT(*) FROM orders WHERE status <> 'DRAFT'";
    assert_eq!(home.number(submitted).await, after as i64);
    home.succeeds(&["restore", text(&backup), "--force"]).await;
    home.is_clean().await;
    assert_eq!(home.number(submitted).await, kept.len() as i64, "what came after it is gone");
    assert!(!home.data.path().join("uploads").join("later").exists());
    if let Some(folder) = sesame::db::embedded_file(&home.db.url).and_then(|file| Path::new(file).parent()) {
        let left = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with(".restoring")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
