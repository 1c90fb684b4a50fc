//! The real binary as a process of its own: its commands, its end by SIGTERM and by SIGKILL, and a
//! database that goes away and comes back.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use reqwest::{StatusCode, header};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use sesame::{
    app::App,
    check,
    clock::Clock,
    config::{Partial, Settings},
    db::Database,
    demo::{self, Size},
};

use crate::{
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    network,
    postgres::Cluster,
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both a_new_database_gets_its_first_administrator,
        sqlite the_demonstrations_password_opens_nothing_elsewhere,
        both(threads = 2, seconds = 120 + 20 * rounds() as u64) k1_killed_at_random_it_loses_nothing_and_doubles_nothing,
        postgres(threads = 2) k3_a_database_that_goes_away_is_told_and_comes_back,
        postgres(threads = 2) two_processes_are_as_one,
        postgres(threads = 2, seconds = 120) k2_budgets_hold_under_sixty_four_clients_on_two_processes,
    ]
}

/// `sesame …` with a data folder and a database, and none of the settings around this test.
pub fn sesame(database_url: &str, data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sesame"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SESAME_")) {
        command.env_remove(name);
    }
    command.env_remove("DATABASE_URL").env("NO_COLOR", "1").current_dir(data);
    command.args(["--database-url", database_url, "--data"]).arg(data);
    command
}

pub async fn output(mut command: Command, input: &str) -> Output {
    let input = input.to_owned();
    let run = move || {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("a process");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("read by the process");
        child.wait_with_output().expect("an end")
    };
    tokio::task::spawn_blocking(run).await.expect("an end")
}

pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// A server in a process that does not outlive its test.
pub struct Server {
    pub process: Child,
    pub url: String,
    pub http: reqwest::Client,
}

impl Server {
    /// Starts `sesame serve`, or another command that serves, and waits until it listens.
    pub async fn start(command: Command) -> Self {
        Self::start_on(command, 0).await
    }

    /// The same, on a port.
    pub async fn start_on(mut command: Command, port: u16) -> Self {
        command.args(["--port", &port.to_string()]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("a process");
        let log = BufReader::new(process.stderr.take().expect("a pipe"));
        let (address, found) = tokio::sync::oneshot::channel();
        // The pipe is read to its end: a server that cannot write its log would wait.
        std::thread::spawn(move || {
            let mut address = Some(address);
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("listening on ")
                    && let Some(address) = address.take()
                {
                    let _nobody_waits = address.send(url.trim().to_owned());
                }
            }
        });
        let url = tokio::time::timeout(Duration::from_secs(60), found).await.expect("it listens").expect("an address");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
        Self { process, url, http }
    }

    pub async fn ask(
        &self,
        token: Option<&str>,
        query: &str,
        variables: Value,
    ) -> reqwest::Result<(StatusCode, Value)> {
        ask(&self.http, &self.url, token, query, variables).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Value {
        let query =
            "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } userErrors { code } } }";
        let input = json!({ "email": email, "password": password });
        let (_, body) = self.ask(None, query, json!({ "input": input })).await.expect("an answer");
        body["data"]["signIn"].clone()
    }

    pub async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends SIGTERM, and waits for the end of the process.
    pub async fn terminate(mut self) -> Duration {
        let begun = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        while self.process.try_wait().expect("a status").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(15), "it does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    }
}

impl Drop for Server {
    /// SIGKILL.
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _status = self.process.wait();
    }
}

async fn ask(
    http: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> reqwest::Result<(StatusCode, Value)> {
    let request = http
        .post(format!("{url}/graphql"))
        .header(header::ACCEPT, "application/graphql-response+json")
        .header(header::ACCEPT_LANGUAGE, "en")
        .json(&json!({ "query": query, "variables": variables }));
    let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
    let answer = request.send().await?;
    Ok((answer.status(), answer.json().await?))
}

async fn a_new_database_gets_its_first_administrator(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let admin = |more: &[&str]| {
        let mut command = sesame(&db.url, data.path());
        command.arg("admin").args(more);
        command
    };
    let refused = output(admin(&["ada"]), "").await;
    assert!(!refused.status.success() && told(&refused).contains("not an e-mail address"), "{}", told(&refused));
    let refused = output(admin(&["ada@sesame.example", "--password-stdin"]), "too short\n").await;
    assert!(!refused.status.success() && told(&refused).contains("at least 12"), "{}", told(&refused));
    let made = output(admin(&["Ada@sesame.example", "--given-name", "Ada", "--family-name", "Lovelace"]), "").await;
    assert!(made.status.success(), "{}", told(&made));
    let stdout = String::from_utf8_lossy(&made.stdout).into_owned();
    let password = stdout.lines().find_map(|line| line.strip_prefix("Password: ")).expect(&stdout).to_owned();

    let mut serve = sesame(&db.url, data.path());
    serve.arg("serve");
    let server = Server::start(serve).await;
    let signed_in = server.sign_in("ada@sesame.example", &password).await;
    let token = signed_in["session"]["accessToken"].as_str().unwrap_or_else(|| panic!("{signed_in}")).to_owned();
    let query = "{ viewer { user { displayName } roles { code label } } roles { code } }";
    let (_, body) = server.ask(Some(&token), query, json!({})).await.expect("an answer");
    assert_eq!(body["data"]["viewer"]["user"]["displayName"], "Ada Lovelace", "{body}");
    assert_eq!(body["data"]["viewer"]["roles"][0]["code"], "PLATFORM_ADMIN", "{body}");
    assert_eq!(body["data"]["roles"].as_array().map(Vec::len), Some(8), "{body}");

    // Locked out, she is let in again, under the password that was typed; what was open is closed.
    let again = output(admin(&["ada@sesame.example", "--password-stdin"]), "open sesame please\n").await;
    assert!(again.status.success() && !told(&again).contains("Password"), "{}", told(&again));
    assert!(server.sign_in("ada@sesame.example", &password).await["session"].is_null());
    assert!(server.sign_in("ada@sesame.example", "open sesame please").await["session"].is_object());
    let begun = Instant::now();
    while server.ask(Some(&token), query, json!({})).await.expect("an answer").1["errors"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(5), "the session under the old password goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let checked = output(
        {
            let mut command = sesame(&db.url, data.path());
            command.arg("check");
            command
        },
        "",
    )
    .await;
    assert!(checked.status.success(), "{}", told(&checked));
}

async fn the_demonstrations_password_opens_nothing_elsewhere(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let flags =
        Partial { data: Some(data.path().to_owned()), database_url: Some(db.url.clone()), ..Partial::default() };
    let settings = Settings::resolve(&flags, &Partial::default(), &Partial::default());
    let app = App::open(settings, Clock::system()).await.expect("an app");
    demo::load(&app, Size::Test, |_, _| {}).await.expect("a demonstration");
    drop(app);
    let server = async |name: &str| {
        let mut command = sesame(&db.url, data.path());
        command.arg(name);
        Server::start(command).await
    };
    let answer = server("demo").await.sign_in("rr@demo.example", demo::PASSWORD).await;
    assert!(answer["session"].is_object(), "{answer}");
    let answer = server("serve").await.sign_in("rr@demo.example", demo::PASSWORD).await;
    assert_eq!(answer, json!({ "session": null, "userErrors": [{ "code": "WRONG_CREDENTIALS" }] }));
}

/// A database with the small network and a process to serve it.
pub struct Place {
    pub url: String,
    pub data: PathBuf,
}

impl Place {
    pub async fn with_network(url: &str, data: &Path) -> Self {
        let flags = Partial { data: Some(data.to_owned()), database_url: Some(url.to_owned()), ..Partial::default() };
        let settings = Settings::resolve(&flags, &Partial::default(), &Partial::default());
        let app = App::open(settings, Clock::standing(crate::app::monday())).await.expect("an app");
        network::load(&app).await;
        close(&app.database).await;
        Self { url: url.to_owned(), data: data.to_owned() }
    }

    pub async fn serve(&self) -> Server {
        let mut command = sesame(&self.url, &self.data);
        command.arg("serve");
        Server::start(command).await
    }

    /// A token of somebody, from the command line.
    pub async fn token(&self, name: &str) -> String {
        let mut command = sesame(&self.url, &self.data);
        command.args(["token", "--user", &format!("{name}@test.example")]);
        let made = output(command, "").await;
        assert!(made.status.success(), "{}", told(&made));
        String::from_utf8(made.stdout).expect("a text").trim().to_owned()
    }

    /// What `sesame check` says.
    pub async fn findings(&self) -> Vec<String> {
        let database = Database::connect(&self.url, 2).await.expect("a database");
        let report = check::run(&database).await.expect("a check");
        close(&database).await;
        report.findings.iter().map(|finding| format!("{finding:?}")).collect()
    }
}

pub async fn close(database: &Database) {
    database.reader().close_by_ref().await.expect("a closed reader");
    database.writer().close_by_ref().await.expect("a closed writer");
}

/// How often the server is killed; more with `SESAME_KILL_ROUNDS=100`.
fn rounds() -> usize {
    std::env::var("SESAME_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(10)
}
/// Clients that write at the same time.
const CLIENTS: usize = 6;

/// What a client knows of its orders: the name that it gave each, and the id that it was told.
type Known = Vec<(String, Option<String>)>;

pub const CREATE: &str =
    "mutation($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { message } } }";
pub const SUBMIT: &str =
    "mutation($input: OrderInput!) { submitOrder(input: $input) { order { id number } userErrors { message } } }";

/// Creates and submits one order under keys made from its name; its id once both are acknowledged.
pub async fn order(http: &reqwest::Client, url: &str, token: &str, name: &str) -> Option<String> {
    let mut input = network::leaflets(2);
    network_input(&mut input, name, "create");
    let id = acknowledged(http, url, token, CREATE, "createOrder", input).await?;
    let mut input = json!({ "id": id });
    input["idempotencyKey"] = json!(format!("{name}-submit"));
    acknowledged(http, url, token, SUBMIT, "submitOrder", input).await
}

pub fn network_input(input: &mut Value, name: &str, step: &str) {
    input["subject"] = json!(name);
    input["idempotencyKey"] = json!(format!("{name}-{step}"));
}

/// The id of the order in an answer that arrived; an answer that refuses is a failure of the test.
async fn acknowledged(
    http: &reqwest::Client,
    url: &str,
    token: &str,
    query: &str,
    field: &str,
    input: Value,
) -> Option<String> {
    let (_, body) = ask(http, url, Some(token), query, json!({ "input": input })).await.ok()?;
    let payload = &body["data"][field];
    assert_eq!(payload["userErrors"], json!([]), "{body}");
    Some(payload["order"]["id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

/// Writes until the server is gone; whatever was not acknowledged is tried again first, by the same keys.
async fn client(url: String, token: String, me: usize, mut known: Known) -> Known {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
    loop {
        let place = known.iter().position(|(_, id)| id.is_none()).unwrap_or(known.len());
        if place == known.len() {
            known.push((format!("order {me}-{place}"), None));
        }
        match order(&http, &url, &token, &known[place].0).await {
            Some(id) => known[place].1 = Some(id),
            None => return known,
        }
    }
}

async fn k1_killed_at_random_it_loses_nothing_and_doubles_nothing(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let place = Place::with_network(&db.url, data.path()).await;
    // The rules of the network's year hold in 2026 only.
    let database = Database::connect(&db.url, 2).await.expect("a database");
    database.writer().execute_unprepared("UPDATE person SET active = TRUE").await.expect("a change");
    close(&database).await;
    let token = place.token("delegate").await;
    let mut known: Vec<Known> = vec![Known::new(); CLIENTS];
    for round in 0..rounds() {
        let server = place.serve().await;
        let writing = known
            .drain(..)
            .enumerate()
            .map(|(me, known)| tokio::spawn(client(server.url.clone(), token.clone(), me, known)));
        let writing: Vec<_> = writing.collect();
        tokio::time::sleep(Duration::from_millis(rand::random_range(150..1_500))).await;
        drop(server);
        for client in writing {
            known.push(client.await.expect("a client"));
        }
        assert_eq!(place.findings().await, Vec::<String>::new(), "round {round}");
    }
    // The last round is left in peace: what was never acknowledged is tried once more.
    let server = place.serve().await;
    let http = reqwest::Client::new();
    let mut told = Vec::new();
    for (name, id) in known.into_iter().flatten() {
        let again = order(&http, &server.url, &token, &name).await.expect("acknowledged");
        assert!(id.is_none_or(|id| id == again), "{name} was answered differently");
        told.push((name, again));
    }
    assert!(told.len() > CLIENTS, "nothing was written");
    assert!(server.terminate().await < Duration::from_secs(10));
    let database = Database::connect(&db.url, 2).await.expect("a database");
    let sql = "SELECT subject FROM orders WHERE status <> 'DRAFT' ORDER BY 1";
    let statement = sea_orm::Statement::from_string(database.backend(), sql);
    let rows = database.reader().query_all_raw(statement).await.expect(sql);
    let mut kept: Vec<String> = rows.iter().map(|row| row.try_get_by_index(0).expect("a subject")).collect();
    let mut names: Vec<String> = told.into_iter().map(|(name, _)| name).collect();
    kept.sort();
    names.sort();
    assert_eq!(kept, names, "each order is there once");
    close(&database).await;
    assert_eq!(place.findings().await, Vec::<String>::new());
}

async fn k3_a_database_that_goes_away_is_told_and_comes_back(_: Backend) {
    let (cluster, data) = (Cluster::start().await.expect("a cluster"), scratch_dir());
    cluster.create_database("away", None).await.expect("a database");
    let place = Place::with_network(&cluster.url("away"), data.path()).await;
    let token = place.token("delegate").await;
    let server = place.serve().await;
    let query = "{ orders(first: 1) { totalCount } }";
    let orders = async || server.ask(Some(&token), query, json!({})).await.expect("an answer, at any time");
    let mut followed = follow(&server, &token).await;
    assert!(server.is_ready().await);
    assert_eq!(orders().await.1["data"]["orders"]["totalCount"], 0);

    cluster.stop_hard().await.expect("a stop");
    assert!(!server.is_ready().await, "ready without a database");
    let begun = Instant::now();
    let (_, body) = orders().await;
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
    assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL", "{body}");
    assert!(body["errors"][0]["message"].as_str().is_some_and(|text| text.contains("database")), "{body}");
    assert!(body["errors"][0]["extensions"]["requestId"].is_string(), "{body}");
    let input = network::but(network::leaflets(2), json!({ "idempotencyKey": "while away" }));
    let (_, body) = server.ask(Some(&token), CREATE, json!({ "input": input })).await.expect("an answer");
    assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL", "{body}");

    cluster.restart().await.expect("a start");
    let begun = Instant::now();
    while !server.is_ready().await {
        assert!(begun.elapsed() < Duration::from_secs(15), "it does not recover");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(orders().await.1["data"]["orders"]["totalCount"], 0, "nothing was written while it was away");
    let (_, body) = server.ask(Some(&token), CREATE, json!({ "input": input })).await.expect("an answer");
    assert_eq!(body["data"]["createOrder"]["userErrors"], json!([]), "{body}");
    assert_eq!(orders().await.1["data"]["orders"]["totalCount"], 1);
    // Whoever followed before follows still: the order of before the stop, and now this one's event.
    let heard = followed.hear_of("next", "orders").await;
    assert_eq!(heard["data"]["orderChanged"]["kind"], "order.created", "{heard}");
    // Events are numbered and the policy is watched again.
    let database = Database::connect(&place.url, 1).await.expect("a database");
    let begun = Instant::now();
    let sql = "SELECT COUNT(*) FROM event WHERE position IS NULL";
    let unnumbered = async || {
        let statement = sea_orm::Statement::from_string(database.backend(), sql);
        let row = database.reader().query_one_raw(statement).await.expect(sql).expect("a row");
        row.try_get_by_index::<i64>(0).expect("a number")
    };
    while unnumbered().await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the outbox does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    close(&database).await;
    assert!(server.terminate().await < Duration::from_secs(10));
}

/// A socket on which all three feeds are followed.
async fn follow(server: &Server, token: &str) -> Talk {
    let mut talk = Talk::begin(&server.url.trim_start_matches("http://"), token).await;
    for (id, field) in [
        ("queue", "workQueueChanged { cursor }"),
        ("orders", "orderChanged { kind cursor }"),
        ("budgets", "budgetChanged(year: 2026) { cursor }"),
    ] {
        talk.subscribe(id, &format!("subscription {{ {field} }}")).await;
    }
    // What was said before is done when this is answered, a moment later.
    talk.is_quiet().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    talk
}

async fn two_processes_are_as_one(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let place = Place::with_network(&db.url, data.path()).await;
    let (one, other) = (place.serve().await, place.serve().await);
    let (token, admin) = (place.token("delegate").await, place.token("platform-admin").await);
    // The same request under one key, at both at the same moment.
    for round in 0..5 {
        let input = network::but(network::leaflets(2), json!({ "idempotencyKey": format!("both {round}") }));
        let create = async |server: &Server| {
            let (_, body) = server.ask(Some(&token), CREATE, json!({ "input": input })).await.expect("an answer");
            body["data"]["createOrder"]["order"]["id"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
        };
        let (first, second) = tokio::join!(create(&one), create(&other));
        assert_eq!(first, second, "one order, told twice");
    }
    let query = "{ orders(first: 1) { totalCount } }";
    let orders = async |server: &Server| server.ask(Some(&token), query, json!({})).await.expect("an answer");
    assert_eq!(orders(&other).await.1["data"]["orders"]["totalCount"], 5);
    // A change of the policy at one of them.
    let change = "mutation { changePolicy(input: { remove: [{ role: \"DELEGATE\", object: \"readOrders\", \
                  scope: \"delegation\" }], reason: \"a test\" }) { policy { version } userErrors { code message } } }";
    let (_, body) = one.ask(Some(&admin), change, json!({})).await.expect("an answer");
    assert_eq!(body["data"]["changePolicy"]["userErrors"], json!([]), "{body}");
    let begun = Instant::now();
    while orders(&other).await.1["errors"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(1), "G-6: within a second");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Signing out at the other one.
    let sign_out = "mutation { signOut(input: {}) { userErrors { message } } }";
    let me = async |server: &Server| {
        server.ask(Some(&token), "{ viewer { user { code } } }", json!({})).await.expect("an answer").0
    };
    assert_eq!(me(&one).await, StatusCode::OK);
    other.ask(Some(&token), sign_out, json!({})).await.expect("an answer");
    assert_eq!(me(&other).await, StatusCode::UNAUTHORIZED);
    let begun = Instant::now();
    while me(&one).await == StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(1), "signed out here too");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(one.terminate().await < Duration::from_secs(10));
    assert!(other.terminate().await < Duration::from_secs(10));
}

const EVERYBODY: usize = 64;

/// What one of many does with orders on the same envelopes: submits them, and has them approved, returned and
/// lowered, or cancelled; how many submissions were taken and how many approvals refused for want of budget.
async fn besiege(
    http: &reqwest::Client,
    servers: &[String; 2],
    [delegate, manager]: [&str; 2],
    me: usize,
) -> [usize; 2] {
    let (mut taken, mut refused) = (0, 0);
    for round in 0..3 {
        // Each step may go to the other process.
        let url = |step: usize| servers[(me + round + step) % 2].as_str();
        let call = async |step: usize, token: &str, field: &str, kind: &str, input: Value| {
            let query = format!(
                "mutation($input: {kind}!) {{ {field}(input: $input) {{ order {{ id version status }} userErrors {{ code }} }} }}"
            );
            let (_, body) =
                ask(http, url(step), Some(token), &query, json!({ "input": input })).await.expect("an answer");
            assert!(body.get("errors").is_none(), "{body}");
            body["data"][field].clone()
        };
        // Some skip the regional manager, some do not.
        let total = if me.is_multiple_of(2) { "199.00" } else { "450.00" };
        let made = call(0, delegate, "createOrder", "CreateOrderInput", network::sponsorship(total)).await;
        let id = &made["order"]["id"];
        let submitted = call(1, delegate, "submitOrder", "OrderInput", json!({ "id": id })).await;
        taken += usize::from(submitted["userErrors"] == json!([]));
        let decision = ["APPROVE", "APPROVE", "RETURN", "REJECT"][me / 2 % 4];
        let decided = json!({ "id": id, "decision": decision, "reason": "because" });
        let decided = call(2, manager, "validateOrder", "ValidateOrderInput", decided).await;
        let why = decided["userErrors"].to_string();
        refused += usize::from(why.contains("BUDGET_DEFICIT") || why.contains("SPLIT_MINIMUM"));
        if decision == "RETURN" {
            call(3, delegate, "updateOrder", "UpdateOrderInput", json!({ "id": id, "total": "150.00" })).await;
            call(4, delegate, "submitOrder", "OrderInput", json!({ "id": id })).await;
        }
        if me.is_multiple_of(4) {
            call(5, delegate, "cancelOrder", "CancelOrderInput", json!({ "id": id, "reason": "because" })).await;
        }
    }
    [taken, refused]
}

async fn k2_budgets_hold_under_sixty_four_clients_on_two_processes(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let place = Place::with_network(&db.url, data.path()).await;
    let (one, other) = (place.serve().await, place.serve().await);
    let servers = [one.url.clone(), other.url.clone()];
    let (delegate, manager) = (place.token("delegate").await, place.token("rr").await);
    let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
    let siege = (0..EVERYBODY).map(|me| besiege(&http, &servers, [&delegate, &manager], me));
    let done = futures_util::future::join_all(siege).await;
    let [taken, refused] = done.iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    assert!(taken > 40 && refused > 10, "{taken} were taken, {refused} refused");
    assert!(one.terminate().await < Duration::from_secs(10));
    assert!(other.terminate().await < Duration::from_secs(10));
    // Never overspent, ledger and balances agree, numbers are gapless.
    assert_eq!(place.findings().await, Vec::<String>::new());
}
