//! The server under test, on a small network of its own, and the verbs that tests are written in.
//!
//! ```ignore
//! let app = TestApp::start(backend).await;
//! let order = app.delegate().create(standard(&[("LEAFLET", 10)])).await.order();
//! app.delegate().submit(&order).await.good();
//! app.rr().validate(&order, "APPROVE").await.refused(&["WRONG_STATUS"]);
//! ```

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use sea_orm::{ConnectionTrait, DbBackend, JsonValue, Statement};
use serde_json::{Value, json};
use sesame::{
    app::{App, Background},
    clock::Clock,
    config::{Partial, Settings},
    http::Serving,
    webhooks::settings::SomeSettings,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    harness::{Backend, TestDb, scratch_dir},
    network,
};

/// The moment at which tests begin: a Monday morning in March.
pub fn monday() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap()
}

/// A day at noon in Paris.
pub fn noon(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(year, month, day, 11, 0, 0).unwrap()
}

/// The server under test.
pub struct TestApp {
    pub app: Arc<App>,
    pub clock: Clock,
    pub url: String,
    /// Where the figures are told.
    pub figures: String,
    http: reqwest::Client,
    tokens: Vec<(&'static str, String)>,
    _serving: Serving,
    _data: TempDir,
    _db: TestDb,
}

impl TestApp {
    /// Serves a fresh copy of the small network.
    pub async fn start(backend: Backend) -> Self {
        Self::start_with(backend, |_| ()).await
    }

    /// The same with other settings.
    pub async fn start_with(backend: Backend, change: impl FnOnce(&mut Partial)) -> Self {
        let db = TestDb::from_template(backend, "network", async |url| {
            let data = scratch_dir();
            let settings = settings(flags(url, data.path()));
            let app = App::open(settings, Clock::standing(monday())).await.expect("an app");
            network::load(&app).await;
        })
        .await;
        let data = scratch_dir();
        let mut flags = flags(&db.url, data.path());
        change(&mut flags);
        Self::serve(db, data, Clock::standing(monday()), settings(flags)).await
    }

    /// Ends as if it were killed, and serves again.
    pub async fn restart(self) -> Self {
        let Self { clock, _serving: serving, _data: data, _db: db, app, .. } = self;
        let settings = app.settings.clone();
        drop((serving, app));
        Self::serve(db, data, clock, settings).await
    }

    /// Another process on the same database; what runs beside its requests ends with the second value.
    pub async fn beside(&self) -> (Arc<App>, Background) {
        let app = App::open(self.app.settings.clone(), self.clock.clone()).await.expect("an app");
        let background = app.start();
        (app, background)
    }

    async fn serve(db: TestDb, data: TempDir, clock: Clock, settings: Settings) -> Self {
        let app = App::open(settings, clock.clone()).await.expect("an app");
        let tokens = network::sign_in_everybody(&app).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let serving = Serving::start(app.clone(), listener).expect("a server");
        let url = format!("http://{}", serving.address);
        let figures = serving.figures.map(|address| format!("http://{address}")).expect("figures");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        Self { app, clock, url, figures, http, tokens, _serving: serving, _data: data, _db: db }
    }

    /// Somebody of the network.
    pub fn person(&self, name: &'static str) -> Client<'_> {
        let token = self.tokens.iter().find(|(known, _)| *known == name).map(|(_, token)| token.clone());
        Client { app: self, token: Some(token.unwrap_or_else(|| panic!("nobody is called {name}"))), language: "en" }
    }

    /// Nobody.
    pub fn nobody(&self) -> Client<'_> {
        Client { app: self, token: None, language: "en" }
    }

    /// A bearer token of somebody of the network.
    pub fn token(&self, name: &'static str) -> String {
        self.person(name).token.expect("a token")
    }

    /// Delegate in Lille.
    pub fn delegate(&self) -> Client<'_> {
        self.person("delegate")
    }

    /// Their colleague in Lille.
    pub fn delegate2(&self) -> Client<'_> {
        self.person("delegate2")
    }

    /// Delegate in Nice, in the other region.
    pub fn delegate3(&self) -> Client<'_> {
        self.person("delegate3")
    }

    /// Assistant in Lille.
    pub fn assistant(&self) -> Client<'_> {
        self.person("assistant")
    }

    /// Manager of the region Nord.
    pub fn rr(&self) -> Client<'_> {
        self.person("rr")
    }

    /// Manager of the region Sud.
    pub fn rr2(&self) -> Client<'_> {
        self.person("rr2")
    }

    /// Sales promotion.
    pub fn pdv(&self) -> Client<'_> {
        self.person("pdv")
    }

    /// Everything in the tables of the business, to see that nothing moved.
    pub async fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        for table in network::TABLES {
            // Positions are given behind the commits, perhaps only now; the use of a key is noted beside the requests.
            let columns = match *table {
                "event" => "id, kind, subject_id, actor_id, changes, request_id",
                "api_key" => "id, person_id, name, hint, key_hash, expires_at, revoked_at, version",
                _ => "*",
            };
            let sql = format!("SELECT {columns} FROM {table} ORDER BY 1, 2");
            let backend = self.app.database.backend();
            let rows = sea_orm::FromQueryResult::find_by_statement(Statement::from_string(backend, sql));
            let rows: Vec<JsonValue> =
                sea_orm::SelectorRaw::<sea_orm::SelectModel<JsonValue>>::all(rows, self.app.database.reader())
                    .await
                    .unwrap_or_else(|e| panic!("{table}: {e}"));
            all.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        all
    }

    /// Runs something that must change nothing.
    pub async fn nothing_moves<T>(&self, something: impl Future<Output = T>) -> T {
        let before = self.everything().await;
        let done = something.await;
        let after = self.everything().await;
        let moved: Vec<_> = after.iter().filter(|row| !before.contains(row)).collect();
        assert!(before == after, "something moved: {moved:#?}");
        done
    }

    /// Runs SQL behind the server's back.
    pub async fn execute(&self, sql: &str) {
        self.app.database.writer().execute_unprepared(sql).await.expect(sql);
    }

    /// How the database would run a statement, without walking through whole tables where it can help it.
    pub async fn plan(&self, explain: &str) -> String {
        let backend = self.app.database.backend();
        let transaction = sea_orm::TransactionTrait::begin(self.app.database.writer()).await.expect("a transaction");
        if backend == DbBackend::Postgres {
            // A table of a few rows is read whole, whatever indexes it has.
            transaction.execute_unprepared("SET LOCAL enable_seqscan = off").await.expect("a setting");
        }
        let rows = transaction.query_all_raw(Statement::from_string(backend, explain)).await.expect(explain);
        let column = if backend == DbBackend::Postgres { "QUERY PLAN" } else { "detail" };
        rows.iter().map(|row| row.try_get::<String>("", column).expect("a line") + "\n").collect()
    }

    /// One number from the database.
    pub async fn number(&self, sql: &str) -> i64 {
        let backend: DbBackend = self.app.database.backend();
        let row = self.app.database.reader().query_one_raw(Statement::from_string(backend, sql)).await.expect(sql);
        row.expect("a row").try_get_by_index(0).expect("a number")
    }
}

fn settings(flags: Partial) -> Settings {
    Settings::resolve(&flags, &Partial::default(), &Partial::default())
}

fn flags(url: &str, data: &std::path::Path) -> Partial {
    Partial {
        data: Some(data.to_owned()),
        database_url: Some(url.to_owned()),
        port: Some(0),
        server_timing: Some(true),
        // Tests move the clock by months; what expires has tests of its own.
        access_token_seconds: Some(10 * 365 * 86_400),
        session_days: Some(10 * 365),
        metrics_address: Some(([127, 0, 0, 1], 0).into()),
        // Receivers of webhooks are on this machine.
        webhooks: SomeSettings {
            allowed_networks: Some("127.0.0.0/8".parse().expect("a network")),
            plain_http: Some(true),
            timeout_seconds: Some(4),
            ..SomeSettings::default()
        },
        ..Partial::default()
    }
}

/// Somebody with a connection to the server.
#[derive(Clone)]
pub struct Client<'a> {
    pub app: &'a TestApp,
    pub token: Option<String>,
    pub language: &'static str,
}

/// An order as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderRef {
    pub id: String,
    pub version: i64,
    pub row: Value,
}

impl OrderRef {
    pub fn status(&self) -> &str {
        self.row["status"].as_str().expect("a status")
    }

    pub fn number(&self) -> Option<&str> {
        self.row["number"].as_str()
    }
}

/// What the payloads of orders are asked for.
pub const ORDER: &str = "id version number status kind total rrShare partnerShare delegationShare committed actualCost autoValidated rrReasons missingDocuments receiptDueOn chequesReceivedOn";

impl Client<'_> {
    /// In French.
    pub fn in_french(self) -> Self {
        Self { language: "fr", ..self }
    }

    /// Asks anything.
    pub async fn ask(&self, query: &str, variables: Value) -> Reply {
        let mut request = self
            .app
            .http
            .post(format!("{}/graphql", self.app.url))
            .header("accept", "application/graphql-response+json")
            .header("accept-language", self.language)
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        let timing = response.headers().get("server-timing").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let statements = timing.split('"').nth(1).and_then(|t| t.split(' ').next()?.parse().ok());
        let body: Value = response.json().await.expect("JSON");
        Reply { statements, body, field: String::new() }
    }

    /// Calls a mutation on orders.
    pub async fn mutate(&self, field: &str, input_type: &str, input: Value) -> Reply {
        let query = format!(
            "mutation($input: {input_type}!) {{ {field}(input: $input) {{ order {{ {ORDER} }} \
             userErrors {{ code message field details {{ available toMove orders {{ orderId number }} }} }} }} }}"
        );
        let mut reply = self.ask(&query, json!({ "input": input })).await;
        reply.field = field.to_owned();
        reply
    }

    /// Creates a draft.
    pub async fn create(&self, input: Value) -> Reply {
        self.mutate("createOrder", "CreateOrderInput", input).await
    }

    /// Creates a draft that must be accepted.
    pub async fn draft(&self, input: Value) -> OrderRef {
        self.create(input).await.order()
    }

    /// Takes an action that says nothing but which order.
    pub async fn act(&self, field: &str, order: &OrderRef) -> Reply {
        self.mutate(field, "OrderInput", json!({ "id": order.id, "expectedVersion": order.version })).await
    }

    /// Submits a draft.
    pub async fn submit(&self, order: &OrderRef) -> Reply {
        self.act("submitOrder", order).await
    }

    /// Creates and submits.
    pub async fn submitted(&self, input: Value) -> OrderRef {
        let draft = self.draft(input).await;
        self.submit(&draft).await.order()
    }

    /// Approves, rejects or returns.
    pub async fn validate(&self, order: &OrderRef, decision: &str) -> Reply {
        let input = json!({
            "id": order.id, "expectedVersion": order.version, "decision": decision, "reason": "because"
        });
        self.mutate("validateOrder", "ValidateOrderInput", input).await
    }

    /// Calls a mutation with an order's id and version and something more.
    pub async fn with(&self, field: &str, input_type: &str, order: &OrderRef, more: Value) -> Reply {
        let mut input = json!({ "id": order.id, "expectedVersion": order.version });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        self.mutate(field, input_type, input).await
    }

    /// Sends a file and gives its upload's id.
    pub async fn upload(&self, name: &str, content: &[u8]) -> String {
        let query = "mutation($input: CreateUploadInput!) { createUpload(input: $input) { upload { id url } userErrors { code } } }";
        let input = json!({ "name": name, "size": content.len() });
        let reply = self.ask(query, json!({ "input": input })).await;
        let upload = reply.data()["createUpload"]["upload"].clone();
        let url = format!("{}{}", self.app.url, upload["url"].as_str().unwrap_or_else(|| panic!("{:?}", reply.body)));
        let sent = self.app.http.put(url).body(content.to_vec()).send().await.expect("an answer");
        assert!(sent.status().is_success(), "{}", sent.text().await.unwrap_or_default());
        upload["id"].as_str().expect("an id").to_owned()
    }

    /// Attaches a small PDF.
    pub async fn attach(&self, order: &OrderRef, purpose: &str) -> Reply {
        let upload = self.upload("scan.pdf", network::PDF).await;
        self.with("attachFile", "AttachFileInput", order, json!({ "upload": upload, "purpose": purpose })).await
    }

    /// An order as this person sees it.
    pub async fn see(&self, order: &OrderRef) -> Option<OrderRef> {
        let query = format!("query($id: ID!) {{ order(id: $id) {{ {ORDER} }} }}");
        let reply = self.ask(&query, json!({ "id": order.id })).await;
        order_of(&reply.data()["order"])
    }
}

fn order_of(row: &Value) -> Option<OrderRef> {
    let id = row["id"].as_str()?.to_owned();
    Some(OrderRef { id, version: row["version"].as_i64()?, row: row.clone() })
}

/// What the server answered.
#[derive(Debug)]
pub struct Reply {
    /// SQL statements that it took.
    pub statements: Option<u32>,
    pub body: Value,
    field: String,
}

impl Reply {
    /// The data of an answer without errors.
    pub fn data(&self) -> &Value {
        assert!(self.body["errors"].is_null(), "{:#}", self.body);
        &self.body["data"]
    }

    /// The payload of a mutation.
    pub fn payload(&self) -> &Value {
        &self.data()[&self.field]
    }

    /// The mutation did what it was asked for.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.payload()["userErrors"], json!([]), "{:#}", self.body);
        self
    }

    /// The order after a mutation that did what it was asked for.
    #[track_caller]
    pub fn order(self) -> OrderRef {
        let good = self.good();
        order_of(&good.payload()["order"]).unwrap_or_else(|| panic!("no order in {:#}", good.body))
    }

    /// The order in the payload, whatever became of the mutation.
    pub fn current(&self) -> Option<OrderRef> {
        order_of(&self.payload()["order"])
    }

    /// The codes of its user errors.
    pub fn codes(&self) -> Vec<&str> {
        let errors = self.payload()["userErrors"].as_array().expect("user errors");
        errors.iter().map(|e| e["code"].as_str().expect("a code")).collect()
    }

    /// The mutation was refused for exactly these reasons.
    #[track_caller]
    pub fn refused(self, codes: &[&str]) -> Self {
        assert_eq!(self.codes(), codes, "{:#}", self.body);
        self
    }

    /// The code of a top-level error.
    #[track_caller]
    pub fn error(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no error in {:#}", self.body))
    }

    /// The text of a top-level error.
    pub fn message(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap_or_default()
    }
}

/// A day.
pub fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a day")
}

/// What a subscription's field tells, be it finished JSON, as a socket takes it.
pub fn event(response: async_graphql::Response, field: &str) -> Value {
    let async_graphql::Value::Object(mut data) = response.data else { panic!("no data: {response:?}") };
    match data.swap_remove(field).unwrap_or_else(|| panic!("no {field}")) {
        async_graphql::Value::Binary(json) => serde_json::from_slice(&json).expect("JSON"),
        value => value.into_json().expect("JSON"),
    }
}
