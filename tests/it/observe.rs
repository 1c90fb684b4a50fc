//! What the server tells of itself (K-30): figures, lines, spans, readiness, and that none of it tells a secret
//! (K-14) or grows with what clients choose (K-18).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, routing::post};
use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sesame::{config::Partial, db::Conn};
use tokio::net::TcpListener;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    app::TestApp,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    network::{self, leaflets, sponsorship},
    process::{Place, sesame},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both k30_operations_are_counted_by_root_field_and_outcome,
        both k30_statements_pools_events_and_queues_are_told,
        sqlite who_waits_for_the_one_writer_is_seen_to_wait,
        both k30_sockets_and_subscriptions_are_counted_while_they_are_open,
        sqlite k18_nothing_that_a_client_chooses_is_a_label,
        sqlite the_figures_are_for_those_who_may_read_them,
        sqlite what_the_dashboard_and_the_alerts_ask_for_is_told,
        both k14_a_request_has_one_name_everywhere,
        both a_slow_statement_is_told_by_its_operation_and_without_values,
        sqlite a_share_of_the_requests_is_told_and_every_fault,
        sqlite(threads = 2) k14_no_secret_is_told,
        both(threads = 2) k30_spans_reach_a_collector,
        both a_server_that_is_not_ready_says_why,
    ]
}

/// The figures at a moment, by name and labels.
#[derive(Debug)]
struct Figures(BTreeMap<String, f64>);

impl Figures {
    async fn of(app: &TestApp) -> Self {
        Self::read(&text(app).await)
    }

    fn read(text: &str) -> Self {
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).map(sample).collect())
    }

    /// A figure; 0 where there is none yet.
    fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn requests(&self, operation: &str, outcome: &str) -> f64 {
        self.get(&format!("sesame_requests_total{{operation=\"{operation}\",outcome=\"{outcome}\"}}"))
    }

    fn refusals(&self, limit: &str) -> f64 {
        self.get(&format!("sesame_refusals_total{{limit=\"{limit}\"}}"))
    }
}

async fn text(app: &TestApp) -> String {
    let answer = reqwest::get(format!("{}/metrics", app.figures)).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.expect("a text")
}

/// Waits until the figures are as they should be; the database's own are read every few seconds only.
async fn until(app: &TestApp, what: &str, holds: impl Fn(&Figures) -> bool) -> Figures {
    let begun = Instant::now();
    loop {
        let figures = Figures::of(app).await;
        if holds(&figures) {
            return figures;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}: {figures:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn k30_operations_are_counted_by_root_field_and_outcome(backend: Backend) {
    let app = TestApp::start(backend).await;
    let before = Figures::of(&app).await;
    assert!(!before.0.keys().any(|name| name.starts_with("sesame_requests_total")), "nobody has asked: {before:?}");

    let orders = "query ByName { all: orders(first: 1) { totalCount } }";
    app.delegate().ask(orders, json!({})).await.data();
    app.delegate().ask(orders, json!({})).await.data();
    let refused = app.delegate().create(leaflets(0)).await;
    let order = app.delegate().draft(leaflets(2)).await;
    assert_eq!(app.delegate2().submit(&order).await.error(), "FORBIDDEN");
    app.delegate().ask("{ orders(first: 1) { totalCount } viewer { user { code } } }", json!({})).await.data();
    app.delegate().ask("{ __schema { queryType { name } } }", json!({})).await.data();
    app.delegate().ask("{ nothingOfTheKind }", json!({})).await.error();
    app.delegate().ask("{ nothing that can be read", json!({})).await.error();
    app.nobody().ask(orders, json!({})).await.error();
    let deep = format!("{{ {}{} }}", "a { ".repeat(60), "} ".repeat(60));
    app.delegate().ask(&deep, json!({})).await.error();
    let mut forged = app.delegate();
    forged.token = forged.token.map(|token| format!("{token}x"));
    assert_eq!(forged.ask(orders, json!({})).await.error(), "UNAUTHENTICATED");
    let sign_in = "mutation { signIn(input: { email: \"rr@test.example\", password: \"not the password\" }) { userErrors { code } } }";
    app.nobody().ask(sign_in, json!({})).await.data();

    let after = Figures::of(&app).await;
    assert_eq!(after.requests("orders", "ok"), 2.0);
    assert!(!refused.codes().is_empty());
    assert_eq!((after.requests("createOrder", "refused"), after.requests("createOrder", "ok")), (1.0, 1.0));
    assert_eq!(after.requests("submitOrder", "forbidden"), 1.0);
    assert_eq!((after.requests("several", "ok"), after.requests("introspection", "ok")), (1.0, 1.0));
    assert_eq!(after.requests("other", "bad_user_input"), 1.0, "a field that does not exist");
    assert_eq!(after.requests("none", "bad_user_input"), 1.0, "no document");
    assert_eq!(after.requests("none", "unauthenticated"), 2.0, "no token, and a forged one");
    assert_eq!((after.requests("none", "too_complex"), after.refusals("nesting")), (1.0, 1.0));
    assert_eq!(after.requests("signIn", "refused"), 1.0);
    assert_eq!(after.get("sesame_authentication_failures_total{proof=\"token\"}"), 1.0);
    assert_eq!(after.get("sesame_authentication_failures_total{proof=\"password\"}"), 1.0);
    assert_eq!(after.get("sesame_request_seconds_count{operation=\"orders\"}"), 2.0);
    assert!(after.get("sesame_request_seconds_sum{operation=\"orders\"}") > 0.0);
    assert_eq!(after.get("sesame_request_seconds_bucket{operation=\"orders\",le=\"+Inf\"}"), 2.0);
    assert!(after.get("sesame_request_statements_total{operation=\"createOrder\"}") >= 3.0);
    assert!(after.get("sesame_request_sql_seconds_total{operation=\"createOrder\"}") > 0.0);
    assert_eq!(after.get("sesame_requests_running"), 0.0);
    let answers =
        |status: &str| after.get(&format!("sesame_http_answers_total{{route=\"/graphql\",status=\"{status}\"}}"));
    assert!(answers("200") >= 6.0 && answers("401") == 2.0, "{after:#?}");
}

async fn k30_statements_pools_events_and_queues_are_told(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.delegate().upload("scan.pdf", network::PDF).await;
    let order = app.delegate().submitted(sponsorship("300.00")).await;
    let before = Figures::of(&app).await;
    let approval =
        json!({ "id": order.id, "expectedVersion": order.version, "decision": "APPROVE", "idempotencyKey": "once" });
    for _ in 0..3 {
        app.rr().mutate("validateOrder", "ValidateOrderInput", approval.clone()).await.good();
    }
    app.delegate().submitted(sponsorship("310.00")).await;
    app.delegate3().submitted(network::but(sponsorship("320.00"), json!({ "broker": network::account(3) }))).await;
    let is_of_queue = |name: &str| name.starts_with("sesame_work_items{kind=\"RR_VALIDATION\"");
    let of_queue = |figures: &Figures| -> Vec<f64> {
        figures.0.iter().filter(|(name, _)| is_of_queue(name)).map(|(_, count)| *count).collect()
    };
    let head = app.number("SELECT MAX(id) FROM event").await as f64;
    let figures = until(&app, "queues and events", |figures| {
        let told = figures.get("sesame_event_position{of=\"told\"}");
        of_queue(figures) == [1.0, 1.0] && figures.get("sesame_seal_lag_events") == 0.0 && told >= head
    })
    .await;
    assert_eq!(figures.get("sesame_idempotent_replays_total") - before.get("sesame_idempotent_replays_total"), 2.0);
    let position = |of: &str| figures.get(&format!("sesame_event_position{{of=\"{of}\"}}"));
    assert_eq!(position("told"), position("committed"));
    assert!(figures.get("sesame_events_told_total") >= 5.0, "{figures:#?}");
    assert_eq!(figures.get("sesame_event_lag_seconds_count"), figures.get("sesame_events_told_total"));
    assert_eq!((figures.get("sesame_events_unnumbered"), figures.get("sesame_outbox_late")), (0.0, 0.0));
    assert!(figures.get("sesame_statement_seconds_count") > before.get("sesame_statement_seconds_count"));
    assert!(figures.get("sesame_transaction_begin_seconds_count") >= 5.0);
    assert_eq!(figures.get("sesame_policy_version"), app.app.policy().version as f64);
    assert_eq!(figures.get("sesame_files{state=\"waiting\"}"), 1.0);
    assert_eq!(figures.get("sesame_file_bytes{state=\"waiting\"}"), network::PDF.len() as f64);
    assert_eq!(figures.get("sesame_readings_fresh"), 1.0);
    let (pool, kind) = match backend {
        Backend::Sqlite => ("write", "sqlite"),
        Backend::Postgres => ("all", "postgres"),
    };
    let of_pool = |what: &str| figures.get(&format!("sesame_pool_{what}{{pool=\"{pool}\"}}"));
    assert!(of_pool("connections") >= 1.0 && of_pool("most") >= of_pool("connections"), "{figures:#?}");
    assert_eq!(of_pool("waiting"), 0.0);
    assert!(figures.0.keys().any(|name| name.starts_with("sesame_build_info{") && name.contains(kind)));
    assert!(figures.get("sesame_schema_views") >= 2.0, "the whole one and the delegate's");
    assert!(figures.get("process_resident_memory_bytes") > 1e6 && figures.get("process_open_fds") > 3.0);
}

async fn who_waits_for_the_one_writer_is_seen_to_wait(backend: Backend) {
    let app = TestApp::start(backend).await;
    let busy = Conn::begin(&app.app.database, Arc::default()).await.expect("a transaction");
    let delegate = app.delegate();
    let watching = async {
        let waiting = |figures: &Figures| figures.get("sesame_pool_waiting{pool=\"write\"}") == 1.0;
        let figures = until(&app, "who waits", waiting).await;
        assert_eq!(figures.get("sesame_requests_running"), 1.0);
        busy.rollback().await.expect("an end");
    };
    let (made, ()) = tokio::join!(delegate.create(leaflets(2)), watching);
    made.good();
    let figures = Figures::of(&app).await;
    assert_eq!(
        (figures.get("sesame_pool_waiting{pool=\"write\"}"), figures.get("sesame_requests_running")),
        (0.0, 0.0)
    );
}

async fn k30_sockets_and_subscriptions_are_counted_while_they_are_open(backend: Backend) {
    let app = TestApp::start(backend).await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let mut talk = Talk::begin(&address, &app.token("rr")).await;
    talk.subscribe("orders", "subscription { orderChanged { kind } }").await;
    talk.subscribe("queue", "subscription { workQueueChanged { cursor } }").await;
    talk.subscribe("wrong", "subscription { nothing }").await;
    assert_eq!(talk.refused("wrong").await, "BAD_USER_INPUT");
    talk.subscribe("unreadable", "subscription {").await;
    assert_eq!(talk.refused("unreadable").await, "BAD_USER_INPUT");
    let on_sockets = |name: &str| format!("{name}{{transport=\"websocket\"}}");
    let open = until(&app, "two subscriptions", |it| it.get(&on_sockets("sesame_subscriptions")) == 2.0).await;
    assert_eq!((open.get(&on_sockets("sesame_connections")), open.get("sesame_signed_in_connections")), (1.0, 1.0));
    assert_eq!(open.requests("orderChanged", "ok"), 1.0);
    assert!(open.requests("none", "bad_user_input") >= 1.0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    app.delegate().draft(sponsorship("300.00")).await;
    assert_eq!(talk.hear_of("next", "orders").await["data"]["orderChanged"]["kind"], "order.created");
    let told = Figures::of(&app).await.get(&on_sockets("sesame_subscription_messages_total"));
    assert!(told >= 1.0, "{told}");
    // A query over the socket is an operation like any other.
    talk.subscribe("query", "{ orders(first: 1) { totalCount } }").await;
    talk.hear_of("next", "query").await;
    talk.hear_of("complete", "query").await;
    assert_eq!(Figures::of(&app).await.requests("orders", "ok"), 1.0);
    drop(talk);
    let closed = until(&app, "nothing is open", |it| it.get(&on_sockets("sesame_subscriptions")) == 0.0).await;
    assert_eq!(closed.get("sesame_signed_in_connections"), 0.0);
    until(&app, "no socket is open", |it| it.get(&on_sockets("sesame_connections")) == 0.0).await;
}

async fn k18_nothing_that_a_client_chooses_is_a_label(backend: Backend) {
    let app = TestApp::start(backend).await;
    let http = reqwest::Client::new();
    let names = async || -> BTreeSet<String> { Figures::of(&app).await.0.into_keys().collect() };
    let strange = async |word: &str| {
        let query = format!("query {word} {{ {word}: orders(first: 1) {{ totalCount }} }}");
        app.delegate().ask(&query, json!({})).await.data();
        app.delegate().ask(&format!("query {word} {{ {word} }}"), json!({})).await.error();
        let request = http.get(format!("{}/{word}/{word}?{word}={word}", app.url)).header("x-request-id", word);
        request.header("user-agent", word).send().await.expect("an answer");
        let put = http.put(format!("{}/files/uploads/{word}", app.url)).body(word.to_owned()).send().await;
        assert_eq!(put.expect("an answer").status(), StatusCode::NOT_FOUND);
    };
    strange("Chosen0First").await;
    let before = names().await;
    for round in 1..20 {
        strange(&format!("Chosen{round}")).await;
    }
    let after = names().await;
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new(), "they grow");
    let told = text(&app).await;
    for word in ["Chosen", "@", "test.example", "delegate"] {
        assert!(!told.contains(&format!("\"{word}")), "{word} is told");
    }
    assert!(told.contains("route=\"/files/uploads/{token}\",status=\"404\"} 20"), "{told}");
    assert!(told.contains("route=\"none\",status=\"404\"} 20"), "{told}");
}

async fn the_figures_are_for_those_who_may_read_them(backend: Backend) {
    let app = TestApp::start(backend).await;
    let status = async |url: String, token: Option<&str>| {
        let request = reqwest::Client::new().get(url);
        let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
        request.send().await.expect("an answer").status()
    };
    // On the port that everybody reaches there are none, whoever asks.
    let public = format!("{}/metrics", app.url);
    assert_eq!(status(public.clone(), None).await, StatusCode::NOT_FOUND);
    assert_eq!(status(public, Some(&app.token("platform-admin"))).await, StatusCode::NOT_FOUND);
    // Where the figures are, there is nothing else.
    assert_eq!(status(format!("{}/metrics", app.figures), None).await, StatusCode::OK);
    for path in ["/graphql", "/", "/readyz", "/schema.graphql"] {
        assert_eq!(status(format!("{}{path}", app.figures), None).await, StatusCode::NOT_FOUND, "{path}");
    }
    // Through the one port, with the token of the settings.
    let token = "0123456789abcdef0123";
    let guarded = TestApp::start_with(backend, |flags| flags.metrics_token = Some(token.to_owned())).await;
    let public = format!("{}/metrics", guarded.url);
    for wrong in [None, Some("0123456789abcdef0124"), Some(guarded.token("platform-admin").as_str())] {
        assert_eq!(status(public.clone(), wrong).await, StatusCode::UNAUTHORIZED, "{wrong:?}");
    }
    assert_eq!(status(public, Some(token)).await, StatusCode::OK);
}

/// The metrics that a text speaks of.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("sesame_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// What PromQL asks for in a dashboard.
fn expressions(panel: &Value) -> Vec<String> {
    match panel {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("expr" | "query", Value::String(text)) => vec![text.clone()],
                _ => expressions(value),
            })
            .collect(),
        Value::Array(all) => all.iter().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

fn deployed(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)).expect(name)
}

async fn what_the_dashboard_and_the_alerts_ask_for_is_told(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.delegate().ask("{ orders(first: 1) { totalCount } }", json!({})).await.data();
    let told = text(&app).await;
    let declared: BTreeMap<&str, &str> =
        told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let is_told = |name: &str| {
        let of_histogram = ["_bucket", "_sum", "_count"].iter().filter_map(|suffix| name.strip_suffix(suffix));
        declared.contains_key(name) || of_histogram.into_iter().any(|name| declared.get(name) == Some(&"histogram"))
    };
    for name in declared.keys() {
        assert!(told.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }

    let dashboard: Value = serde_json::from_str(&deployed("grafana-dashboard.json")).expect("JSON");
    let asked = expressions(&dashboard);
    assert!(asked.len() >= 20, "{} expressions", asked.len());
    let rules = yaml_rust2::YamlLoader::load_from_str(&deployed("alerts.yml")).expect("YAML");
    let rules: Vec<_> = rules[0]["groups"]
        .as_vec()
        .expect("groups")
        .iter()
        .flat_map(|group| group["rules"].as_vec().expect("rules").clone())
        .collect();
    assert!(rules.len() >= 10, "{} rules", rules.len());
    for rule in &rules {
        let name = rule["alert"].as_str().expect("a name");
        let annotations = &rule["annotations"];
        for (what, least) in [("summary", 10), ("description", 20), ("runbook", 40)] {
            let text = annotations[what].as_str().unwrap_or_default();
            assert!(text.len() >= least, "{name} has no {what}");
        }
        assert!(rule["labels"]["severity"].as_str().is_some_and(|it| ["page", "ticket"].contains(&it)), "{name}");
    }
    let alerts = rules.iter().map(|rule| rule["expr"].as_str().expect("an expression").to_owned());
    let names: BTreeSet<String> = asked.into_iter().chain(alerts).flat_map(|text| metrics_in(&text)).collect();
    assert!(names.len() >= 20, "{names:?}");
    for name in &names {
        assert!(is_told(name), "{name} is asked for and not told");
    }
}

/// A log that is kept as lines.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Kept {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Kept {
    /// Keeps the log of this thread, on which everything of a trial runs.
    fn begin() -> (Self, tracing::subscriber::DefaultGuard) {
        let kept = Self::default();
        let json = tracing_subscriber::fmt().json().flatten_event(true).with_writer(kept.clone());
        let guard = tracing::subscriber::set_default(json.with_env_filter(EnvFilter::new("info")).finish());
        (kept, guard)
    }

    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().clone();
        let text = String::from_utf8(bytes).expect("a text");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    fn of(&self, target: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["target"] == target).collect()
    }
}

async fn k14_a_request_has_one_name_everywhere(backend: Backend) {
    let (log, _guard) = Kept::begin();
    let app = TestApp::start(backend).await;
    let post = async |name: &str, trace: &str, query: &str, variables: Value| {
        let request = reqwest::Client::new().post(format!("{}/graphql", app.url)).bearer_auth(app.token("delegate"));
        let request = request.header("x-request-id", name).header("traceparent", trace);
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("an answer");
        let given = answer.headers()["x-request-id"].to_str().expect("a name").to_owned();
        (given, answer.json::<Value>().await.expect("JSON"))
    };
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let create =
        "mutation Make($input: CreateOrderInput!) { createOrder(input: $input) { order { id } userErrors { code } } }";
    let (name, body) = post("client-chose.this_1", trace, create, json!({ "input": leaflets(2) })).await;
    assert_eq!(
        (name.as_str(), &body["data"]["createOrder"]["userErrors"]),
        ("client-chose.this_1", &json!([])),
        "{body}"
    );
    let named = "SELECT COUNT(*) FROM event WHERE request_id = 'client-chose.this_1' AND kind = 'order.created'";
    assert_eq!(app.number(named).await, 1);
    let lines = log.of("sesame::request");
    let line = lines.iter().find(|line| line["request_id"] == "client-chose.this_1").expect("a line");
    let told = json!({ "operation": "createOrder", "kind": "mutation", "name": "Make", "transport": "http", "outcome": "ok",
                       "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "person": 1 });
    for (field, value) in told.as_object().expect("fields") {
        assert_eq!(&line[field], value, "{field}: {line}");
    }
    assert!(line["statements"].as_u64() >= Some(3) && line["duration_ms"].as_f64() > line["sql_ms"].as_f64(), "{line}");
    assert!(line["sql_ms"].as_f64() > Some(0.0), "{line}");

    // One that could be mistaken for something else is not taken.
    for ill in ["short", "has a blank inside", "quote\"quote\"", &"x".repeat(65), "semi;colon;semi"] {
        let (name, _) = post(ill, "00-nothing", "{ viewer { user { code } } }", json!({})).await;
        assert!(name.len() == 16 && name != ill, "{name}");
        assert!(!log.lines().iter().any(|line| line.to_string().contains(ill)), "{ill}");
    }
    // A fault bears the same name.
    app.execute("ALTER TABLE article RENAME TO elsewhere").await;
    let (_, body) = post("client-chose.this_2", trace, "{ articles(first: 1) { nodes { name } } }", json!({})).await;
    assert_eq!(body["errors"][0]["extensions"], json!({ "code": "INTERNAL", "requestId": "client-chose.this_2" }));
    let about = |line: &&Value| line["request_id"] == "client-chose.this_2";
    let lines = log.lines();
    let about: Vec<_> = lines.iter().filter(about).collect();
    assert!(about.iter().any(|line| line["level"] == "ERROR"), "{about:#?}");
    assert!(about.iter().any(|line| line["outcome"] == "internal" && line["operation"] == "articles"), "{about:#?}");
}

async fn a_slow_statement_is_told_by_its_operation_and_without_values(backend: Backend) {
    let (log, _guard) = Kept::begin();
    let never = |flags: &mut Partial| (flags.slow_request_ms, flags.slow_statement_ms) = (Some(0), Some(0));
    let app = TestApp::start_with(backend, never).await;
    app.delegate().ask("{ orders(first: 1) { totalCount } }", json!({})).await.data();
    assert_eq!(log.of("sesame::slow").len(), 0, "nothing is slow");
    app.app.database.traffic().tell_from(Duration::from_nanos(1));
    let secret = "a subject that nobody else may know";
    app.delegate().draft(network::but(leaflets(2), json!({ "subject": secret }))).await;
    let lines = log.of("sesame::slow");
    let of_ours: Vec<_> = lines.iter().filter(|line| line["operation"] == "createOrder").collect();
    let begins =
        |word: &str| of_ours.iter().any(|line| line["statement"].as_str().is_some_and(|it| it.starts_with(word)));
    assert!(begins("BEGIN") && begins("COMMIT") && begins("INSERT INTO \"orders\"") && begins("SELECT"), "{lines:#?}");
    let insert = of_ours
        .iter()
        .find(|line| line["statement"].as_str().is_some_and(|it| it.starts_with("INSERT INTO \"orders\"")));
    let insert = insert.expect("an insertion");
    let placeholder = if backend == Backend::Postgres { "$1" } else { "?" };
    assert!(insert["statement"].as_str().is_some_and(|text| text.contains(placeholder)), "{insert}");
    assert!(insert["request_id"].is_string() && insert["duration_ms"].is_number(), "{insert}");
    assert!(of_ours.iter().any(|line| line["rows"] == 1), "{of_ours:#?}");
    assert!(!lines.iter().any(|line| line.to_string().contains(secret)), "a value is told");
    assert!(Figures::of(&app).await.get("sesame_slow_statements_total") >= of_ours.len() as f64);

    // A request that takes long is told too.
    let app = TestApp::start_with(backend, |flags| flags.slow_request_ms = Some(1)).await;
    app.delegate().draft(leaflets(2)).await;
    let lines = log.of("sesame::slow");
    assert!(
        lines.iter().any(|line| line["message"] == "slow request" && line["operation"] == "createOrder"),
        "{lines:#?}"
    );
}

async fn a_share_of_the_requests_is_told_and_every_fault(backend: Backend) {
    let (log, _guard) = Kept::begin();
    let app = TestApp::start_with(backend, |flags| {
        flags.log_requests = Some(0.0);
        flags.slow_request_ms = Some(0);
    })
    .await;
    app.delegate().ask("{ orders(first: 1) { totalCount } }", json!({})).await.data();
    app.nobody().ask("{ orders(first: 1) { totalCount } }", json!({})).await.error();
    assert_eq!(log.of("sesame::request"), Vec::<Value>::new());
    app.execute("ALTER TABLE article RENAME TO elsewhere").await;
    app.delegate().ask("{ articles(first: 1) { nodes { name } } }", json!({})).await.error();
    assert_eq!(log.of("sesame::request").len(), 1);
}

/// The real server, with its log kept.
struct Logged {
    process: Child,
    url: String,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Logged {
    async fn start(mut command: Command) -> Self {
        command.args(["serve", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.env("SESAME_LOG_JSON", "true").spawn().expect("a process");
        let log = BufReader::new(process.stderr.take().expect("a pipe"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| kept.lock().push(line)));
        let begun = Instant::now();
        let url = loop {
            let said = lines.lock().join("\n");
            let address =
                said.split_once("listening on ").and_then(|(_, rest)| rest.split('"').next().map(str::to_owned));
            if let Some(address) = address {
                break address;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not listen: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        Self { process, url, lines }
    }

    /// Sends SIGTERM and waits for the end.
    async fn end(&mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        let begun = Instant::now();
        while self.process.try_wait().expect("a status").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(15), "it does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ended_before = self.process.kill();
        let _status = self.process.wait();
    }
}

async fn k14_no_secret_is_told(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let place = Place::with_network(&db.url, data.path()).await;
    let password = "correct horse battery staple";
    let mut admin = sesame(&db.url, data.path());
    admin
        .args(["admin", "platform-admin@test.example", "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut admin = admin.spawn().expect("a process");
    admin.stdin.take().expect("a pipe").write_all(format!("{password}\n").as_bytes()).expect("read");
    assert!(admin.wait().expect("an end").success());
    let token = place.token("delegate").await;
    let mut command = sesame(&db.url, data.path());
    // As much as one would ever ask for, and every statement.
    command.env("SESAME_LOG", "debug").env("SESAME_SLOW_STATEMENT_MS", "1");
    command.env("SESAME_METRICS_ADDRESS", "127.0.0.1:0").env("SESAME_METRICS_TOKEN", "a token of the figures");
    let mut server = Logged::start(command).await;
    let http = reqwest::Client::new();
    let ask = async |token: Option<&str>, query: &str, variables: Value| {
        let request = http.post(format!("{}/graphql", server.url)).header("accept-language", "en");
        let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
        let answer = request.json(&json!({ "query": query, "variables": variables })).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")
    };
    let sign_in = "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken refreshToken } userErrors { code } } }";
    let input = |password: &str| json!({ "input": { "email": "platform-admin@test.example", "password": password } });
    let session = ask(None, sign_in, input(password)).await["data"]["signIn"]["session"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
    let (access, refresh) = (text(&session["accessToken"]), text(&session["refreshToken"]));
    let wrong = "the wrong horse altogether";
    assert_eq!(ask(None, sign_in, input(wrong)).await["data"]["signIn"]["userErrors"][0]["code"], "WRONG_CREDENTIALS");
    // Written into the document itself, and malformed at that.
    let literal =
        format!("mutation {{ signIn(input: {{ email: \"platform-admin@test.example\", password: \"{wrong}\" }}) {{ }}");
    ask(None, &literal, json!({})).await;
    let renew = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) { session { accessToken refreshToken } userErrors { code } } }";
    let renewed = ask(None, renew, json!({ "input": { "refreshToken": refresh } })).await;
    let renewed = renewed["data"]["refreshSession"]["session"]["accessToken"]
        .as_str()
        .unwrap_or_else(|| panic!("{renewed}"))
        .to_owned();
    ask(Some(&format!("{token}forged")), "{ viewer { user { code } } }", json!({})).await;
    let upload = "mutation($input: CreateUploadInput!) { createUpload(input: $input) { upload { id url } userErrors { code } } }";
    let made = ask(Some(&token), upload, json!({ "input": { "name": "scan.pdf", "size": network::PDF.len() } })).await;
    let address = made["data"]["createUpload"]["upload"]["url"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let sent = http.put(format!("{}{address}", server.url)).body(network::PDF).send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::CREATED);
    http.get(format!("{}{address}", server.url)).send().await.expect("an answer");
    for guess in ["a token of the figures", "a wrong token of figures"] {
        http.get(format!("{}/metrics", server.url)).bearer_auth(guess).send().await.expect("an answer");
    }
    let mut talk = Talk::begin(&server.url.trim_start_matches("http://"), &token).await;
    talk.subscribe("query", "{ viewer { user { code } } }").await;
    talk.hear_of("next", "query").await;
    drop(talk);
    server.end().await;

    let log = server.lines.lock().join("\n");
    let capability = address.rsplit('/').next().expect("a token");
    let signature = |token: &str| token.rsplit('.').next().expect("a signature").to_owned();
    for secret in [
        password,
        wrong,
        &refresh,
        &signature(&access),
        &signature(&renewed),
        &signature(&token),
        capability,
        "token of the figures",
        "wrong token of figures",
        "test.example",
    ] {
        let place = log.lines().find(|line| line.contains(secret));
        assert_eq!(place, None, "«{secret}» is told");
    }
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "a line of the log is no JSON: {line}");
    }
    // And yet each request has its line.
    for told in [
        "\"operation\":\"signIn\"",
        "\"operation\":\"createUpload\"",
        "\"route\":\"/files/uploads/{token}\"",
        "\"transport\":\"websocket\"",
    ] {
        assert!(log.contains(told), "{told} is not told: {log}");
    }
}

/// A collector that keeps what it is sent.
async fn collector() -> (String, Arc<Mutex<Vec<Value>>>) {
    let kept = Arc::<Mutex<Vec<Value>>>::default();
    let keep = async |State(kept): State<Arc<Mutex<Vec<Value>>>>, Json(sent): Json<Value>| {
        kept.lock().push(sent);
        Json(json!({}))
    };
    let router = Router::new().route("/v1/traces", post(keep)).with_state(kept.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, kept)
}

/// A span as the collector has it.
#[derive(Clone, Debug)]
struct Span {
    name: String,
    id: String,
    parent: String,
    trace: String,
    attributes: Value,
}

fn spans(sent: &[Value]) -> Vec<Span> {
    let of = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let scopes = sent.iter().flat_map(|it| of(it, "resourceSpans")).flat_map(|it| of(&it, "scopeSpans"));
    let text = |span: &Value, name: &str| span[name].as_str().unwrap_or_default().to_owned();
    let span = |span: Value| Span {
        name: text(&span, "name"),
        id: text(&span, "spanId"),
        parent: text(&span, "parentSpanId"),
        trace: text(&span, "traceId"),
        attributes: span["attributes"].clone(),
    };
    scopes.flat_map(|it| of(&it, "spans")).map(span).collect()
}

async fn k30_spans_reach_a_collector(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let place = Place::with_network(&db.url, data.path()).await;
    let token = place.token("delegate").await;
    let (address, sent) = collector().await;
    let mut command = sesame(&db.url, data.path());
    command.env("SESAME_OTEL_ENDPOINT", &address);
    let mut server = Logged::start(command).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let post = async |parent: &str, query: &str| {
        let request = reqwest::Client::new().post(format!("{}/graphql", server.url)).bearer_auth(&token);
        let request = request.header("traceparent", parent).json(&json!({ "query": query }));
        request.send().await.expect("an answer").text().await.expect("a text")
    };
    post(&format!("00-{trace}-00f067aa0ba902b7-01"), "query Mine { orders(first: 1) { nodes { id } } }").await;
    post(&format!("00-{}-00f067aa0ba902b7-00", trace.replace('4', "5")), "{ orders(first: 1) { nodes { id } } }").await;
    // What was not sent yet is sent at the end.
    server.end().await;

    let spans = spans(&sent.lock());
    let ours: Vec<_> = spans.iter().filter(|span| span.trace == trace).collect();
    let under = |parent: &Span, name: &str| {
        let found = ours.iter().find(|span| span.parent == parent.id && span.name == name);
        (*found.unwrap_or_else(|| panic!("no {name} under {parent:?}: {ours:#?}"))).clone()
    };
    let request = ours.iter().find(|span| span.name == "POST /graphql").unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(request.parent, "00f067aa0ba902b7", "whoever asked is above");
    let operation = under(request, "orders");
    let field = under(&operation, "orders");
    let statement = under(&field, "SELECT");
    let attributes = statement.attributes.to_string();
    assert!(attributes.contains("db.query.text") && attributes.contains("\\\"orders\\\""), "{attributes}");
    let system = if backend == Backend::Postgres { "postgresql" } else { "sqlite" };
    assert!(attributes.contains(system), "{attributes}");
    let attributes = operation.attributes.to_string();
    for told in ["\"Mine\"", "\"query\"", "\"ok\""] {
        assert!(attributes.contains(told), "{told}: {attributes}");
    }
    assert!(!spans.iter().any(|span| span.trace.starts_with("5b")), "who does not want it kept is heeded");
    let log = server.lines.lock().join("\n");
    assert!(log.contains(&format!("\"trace_id\":\"{trace}\"")), "{log}");
}

async fn a_server_that_is_not_ready_says_why(backend: Backend) {
    let app = TestApp::start(backend).await;
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", app.url)).await.expect("an answer");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let status = answer.status();
        let body = answer.json::<Value>().await.expect("JSON");
        (status, json!({ "ready": body["ready"], "reasons": body["reasons"] }))
    };
    let well = (StatusCode::OK, json!({ "ready": true, "reasons": [] }));
    assert_eq!(ready().await, well);
    // A database of before, put in the place of the one it began with.
    app.execute("CREATE TABLE kept AS SELECT * FROM seaql_migrations").await;
    app.execute("DELETE FROM seaql_migrations WHERE version = (SELECT MAX(version) FROM kept)").await;
    let pending = json!({ "ready": false, "reasons": ["MIGRATIONS_PENDING"] });
    assert_eq!(ready().await, (StatusCode::SERVICE_UNAVAILABLE, pending));
    app.execute("DELETE FROM seaql_migrations").await;
    app.execute("INSERT INTO seaql_migrations SELECT * FROM kept").await;
    assert_eq!(ready().await, well);
    // No pool, no database; the process lives.
    app.app.database.reader().close_by_ref().await.expect("a closed pool");
    let (status, body) = ready().await;
    assert_eq!((status, &body["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)), "{body}");
    assert!(body["reasons"].as_array().is_some_and(|it| it.contains(&json!("DATABASE_AWAY"))), "{body}");
    let alive = reqwest::get(format!("{}/healthz", app.url)).await.expect("an answer");
    assert_eq!(alive.status(), StatusCode::OK);
    // The figures go on, and say that the database's own are old.
    let figures = until(&app, "old figures", |figures| figures.get("sesame_readings_fresh") == 0.0).await;
    assert!(figures.get("process_open_fds") > 0.0);
}
