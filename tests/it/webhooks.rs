//! Webhooks through the API, with a receiver on this machine: what is sent, to whom, again until it is taken, and
//! nothing that the person whose rights are used may not read.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use ::entity::vocabulary::Language;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sesame::{check, outbox::kinds, webhooks};
use sha2::Sha256;

use crate::{
    app::{Client, Reply, TestApp},
    authz_matrix::rust_files,
    harness::{Backend, Trial, trials},
    network::{leaflets, person},
};

pub fn trials() -> Vec<Trial> {
    trials![
        once r16_every_kind_of_event_can_be_chosen,
        both r16_a_submission_is_told_signed_with_what_was_chosen,
        both r16_what_fails_is_tried_again_after_growing_pauses_and_dies_in_the_end,
        both r16_what_happened_while_the_receiver_was_away_comes_once_each,
        both r16_a_webhook_that_only_fails_is_paused_and_loses_nothing,
        postgres(threads = 2) r16_two_processes_tell_each_event_once,
        both r16_killed_in_the_middle_it_loses_nothing,
        both r16_what_was_told_is_told_again_under_the_same_id,
        both r16_both_secrets_sign_for_a_while,
        both r16_what_a_person_may_not_read_is_not_told,
        both r16_a_query_that_is_no_longer_valid_pauses_and_goes_on,
        both r16_nothing_is_sent_into_networks_that_are_not_public,
        both(threads = 2) r16_a_slow_receiver_keeps_nobody_else_waiting,
        both r16_what_is_wrong_with_a_webhook_is_said,
        both r16_a_webhook_is_tried_changed_switched_off_and_deleted,
        both r16_nobody_else_knows_of_webhooks,
        both r16_events_cost_nothing_more,
    ]
}

// ---------------------------------------------------------------------------------------------------
// The receiver

/// A message as it came.
#[derive(Clone, Debug)]
struct Message {
    id: String,
    timestamp: String,
    signatures: String,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Message {
    /// Whether one of its signatures is made with a secret, as whoever receives it finds out.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a prefix")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.text).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.signatures.split(' ').any(|signature| signature == expected)
    }
}

#[derive(Default)]
struct Desk {
    messages: Mutex<Vec<Message>>,
    /// What is answered to the next messages; 200 to all others.
    answers: Mutex<VecDeque<u16>>,
    /// How long an answer takes.
    pause: Mutex<Duration>,
}

/// Whoever is told.
struct Receiver {
    url: String,
    desk: Arc<Desk>,
}

impl Receiver {
    async fn start() -> Self {
        let desk = Arc::<Desk>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(receive).with_state(desk.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, desk }
    }

    /// The next messages are answered so.
    fn answers(&self, statuses: impl IntoIterator<Item = u16>) {
        self.desk.answers.lock().extend(statuses);
    }

    fn messages(&self) -> Vec<Message> {
        self.desk.messages.lock().clone()
    }

    /// Waits until so many messages came.
    async fn received(&self, many: usize) -> Vec<Message> {
        until(&format!("{many} messages"), async || self.messages().len() >= many).await;
        self.messages()
    }
}

async fn receive(State(desk): State<Arc<Desk>>, headers: HeaderMap, text: String) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let message = Message {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: serde_json::from_str(&text).expect("JSON"),
        headers: headers.clone(),
        text,
    };
    desk.messages.lock().push(message);
    let pause = *desk.pause.lock();
    tokio::time::sleep(pause).await;
    let status = desk.answers.lock().pop_front().unwrap_or(200);
    (StatusCode::from_u16(status).expect("a status"), format!("answered {status} {}", "x".repeat(2000)))
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(15), "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// ---------------------------------------------------------------------------------------------------
// The verbs

const QUERY: &str = "query ($id: ID!) { order(id: $id) { number total status } }";
const HOOK: &str = "id name url status statusReason statusLabel position replaying failingSince formerSecretUntil \
    headerNames events query runAs { displayName } timeline { kind } version";
const DELIVERY: &str =
    "id kind position state dueAt response attempts { outcome status milliseconds } webhook { id } version";

/// Calls a mutation and gives its payload.
async fn call(client: &Client<'_>, field: &str, input: Value) -> Value {
    let name = format!("{}{}", field[..1].to_uppercase(), &field[1..]);
    let (input_type, answered) = match field {
        "createWebhook" | "rotateWebhookSecret" => (
            if field == "createWebhook" { "CreateWebhookInput" } else { "WebhookInput" }.to_owned(),
            format!("webhook {{ {HOOK} }} secret"),
        ),
        "testWebhook" => ("WebhookInput".to_owned(), format!("delivery {{ {DELIVERY} }}")),
        "replayDelivery" => (format!("{name}Input"), format!("delivery {{ {DELIVERY} }}")),
        "updateWebhook" | "replayWebhook" => (format!("{name}Input"), format!("webhook {{ {HOOK} }}")),
        _ => ("WebhookInput".to_owned(), format!("webhook {{ {HOOK} }}")),
    };
    let query = format!(
        "mutation($input: {input_type}!) {{ {field}(input: $input) {{ {answered} userErrors {{ code message field }} }} }}"
    );
    client.ask(&query, json!({ "input": input })).await.data()[field].clone()
}

#[track_caller]
fn good(payload: Value) -> Value {
    assert_eq!(payload["userErrors"], json!([]), "{payload:#}");
    payload
}

fn codes(payload: &Value) -> Vec<&str> {
    payload["userErrors"].as_array().expect("user errors").iter().filter_map(|e| e["code"].as_str()).collect()
}

fn admin(app: &TestApp) -> Client<'_> {
    app.person("platform-admin")
}

/// A webhook that somebody wants, told of orders with the rights of sales promotion.
fn wanted(url: &str) -> Value {
    json!({ "name": "Warehouse", "url": url, "events": ["order.submitted"], "query": QUERY, "runAs": person("pdv") })
}

fn but(mut input: Value, more: Value) -> Value {
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    input
}

/// Registers a webhook, once everything that happened before has its place; it and its secret.
async fn registered(app: &TestApp, input: Value) -> (Value, String) {
    settled(app).await;
    let payload = good(call(&admin(app), "createWebhook", input).await);
    let secret = payload["secret"].as_str().expect("a secret").to_owned();
    (payload["webhook"].clone(), secret)
}

async fn settled(app: &TestApp) {
    until("places", async || app.number("SELECT COUNT(*) FROM event WHERE position IS NULL").await == 0).await;
}

async fn seen(app: &TestApp, hook: &Value) -> Value {
    let query = format!("query($id: ID!) {{ webhook(id: $id) {{ {HOOK} }} }}");
    admin(app).ask(&query, json!({ "id": hook["id"] })).await.data()["webhook"].clone()
}

async fn deliveries(app: &TestApp, filter: Value) -> Vec<Value> {
    let query = format!(
        "query($filter: WebhookDeliveryFilter) {{ webhookDeliveries(first: 100, filter: $filter, orderBy: [CREATED_AT_ASC]) \
         {{ nodes {{ {DELIVERY} }} totalCount }} }}"
    );
    let reply = admin(app).ask(&query, json!({ "filter": filter })).await;
    reply.data()["webhookDeliveries"]["nodes"].as_array().expect("nodes").clone()
}

/// Waits until all deliveries stand so.
async fn all_in(app: &TestApp, state: &str, many: usize) -> Vec<Value> {
    let filter = json!({ "state": { "eq": state } });
    until(&format!("{many} {state}"), async || deliveries(app, filter.clone()).await.len() == many).await;
    deliveries(app, filter).await
}

async fn submitted(app: &TestApp) -> String {
    let order = app.delegate().submitted(leaflets(10)).await;
    order.number().expect("a number").to_owned()
}

async fn is_clean(app: &TestApp) {
    settled(app).await;
    let report = check::run(&app.app.database).await.expect("a check");
    let findings: Vec<_> = report.findings.iter().filter(|finding| finding.rule == "R-16").collect();
    assert!(findings.is_empty(), "{findings:?}");
}

/// Moves the clock on.
fn later(app: &TestApp, by: chrono::Duration) {
    app.clock.set(app.app.clock.now() + by);
}

// ---------------------------------------------------------------------------------------------------
// The trials

async fn r16_every_kind_of_event_can_be_chosen() {
    let mut recorded = BTreeSet::new();
    for file in rust_files(concat!(env!("CARGO_MANIFEST_DIR"), "/src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        if file.ends_with("outbox/kinds.rs") || file.contains("/demo/") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let words = code.split('"').skip(1).step_by(2);
        let families: BTreeSet<&str> = kinds::ALL.iter().filter_map(|kind| kind.split('.').next()).collect();
        let is_kind = |word: &&str| {
            word.split_once('.').is_some_and(|(family, rest)| {
                families.contains(family)
                    && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    && !rest.is_empty()
            })
        };
        recorded.extend(words.filter(is_kind).map(str::to_owned));
        // Families that nobody knows yet.
        let made = code.split("Event::new(\"").skip(1).filter_map(|rest| rest.split('"').next());
        recorded.extend(made.map(str::to_owned));
    }
    for no_kind in ["policy.csv", "webhook.ping", "account.site", "order.id"] {
        recorded.remove(no_kind);
    }
    let known: BTreeSet<String> = kinds::ALL.iter().map(|&kind| kind.to_owned()).collect();
    assert_eq!(known.len(), kinds::ALL.len(), "one is named twice");
    assert_eq!(recorded, known, "src/outbox/kinds.rs names every kind of event, in the order of the alphabet");
    assert!(kinds::ALL.is_sorted(), "in the order of the alphabet");
}

async fn r16_a_submission_is_told_signed_with_what_was_chosen(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let headers = json!({ "headers": [{ "name": "Authorization", "value": "Bearer of good news" }] });
    let (hook, secret) = registered(&app, but(wanted(&receiver.url), headers)).await;
    assert_eq!((&hook["status"], &hook["headerNames"]), (&json!("ACTIVE"), &json!(["Authorization"])));
    let order = app.delegate().submitted(leaflets(10)).await;
    let message = receiver.received(1).await.remove(0);
    assert!(message.is_signed_with(&secret), "{message:?}");
    assert_eq!(message.headers["authorization"], "Bearer of good news");
    assert_eq!(message.headers["content-type"], "application/json");
    assert_eq!(message.timestamp, crate::app::monday().timestamp().to_string());
    let Message { body, id, text, .. } = message;
    assert_eq!(body["id"], id);
    assert_eq!(body["type"], "order.submitted");
    assert_eq!(body["subject"], json!({ "type": "Order", "id": order.id }));
    assert_eq!(body["actor"]["id"], person("delegate"));
    assert_eq!((&body["from"], &body["to"]), (&json!("DRAFT"), &order.row["status"]));
    assert!(body["position"].as_i64().is_some_and(|position| position > 0) && body["errors"].is_null(), "{body}");
    let chosen = json!({ "order": {
        "number": order.number(), "total": order.row["total"], "status": order.row["status"] } });
    assert_eq!(body["data"], chosen);
    // In the order in which it was asked for.
    assert!(text.contains(r#""data":{"order":{"number":"#), "{text}");
    let delivered = all_in(&app, "DELIVERED", 1).await.remove(0);
    assert_eq!(delivered["attempts"][0]["outcome"], "ACCEPTED");
    assert_eq!(delivered["attempts"][0]["status"], 200);
    assert_eq!(delivered["webhook"]["id"], hook["id"]);
    assert_eq!(delivered["response"].as_str().map(str::len), Some(1024));
    // The drafts that came before the submission were not asked for.
    assert_eq!(deliveries(&app, Value::Null).await.len(), 1);
    is_clean(&app).await;
}

async fn r16_what_fails_is_tried_again_after_growing_pauses_and_dies_in_the_end(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    registered(&app, wanted(&receiver.url)).await;
    receiver.answers([500, 302]);
    submitted(&app).await;
    let first = receiver.received(1).await.remove(0);
    until("a failure", async || failures(&app).await == 1).await;
    // Not before its time.
    later(&app, chrono::Duration::seconds(4));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.messages().len(), 1);
    later(&app, chrono::Duration::seconds(3));
    receiver.received(2).await;
    until("another failure", async || failures(&app).await == 2).await;
    later(&app, chrono::Duration::seconds(73));
    let messages = receiver.received(3).await;
    let delivered = all_in(&app, "DELIVERED", 1).await.remove(0);
    let outcomes: Vec<_> = delivered["attempts"].as_array().expect("attempts").iter().map(|a| &a["status"]).collect();
    assert_eq!(outcomes, [&json!(500), &json!(302), &json!(200)]);
    assert!(messages.iter().all(|message| message.id == first.id), "one id");
    // The last attempt.
    receiver.answers([500]);
    submitted(&app).await;
    receiver.received(4).await;
    until("a failure", async || failures(&app).await == 1).await;
    receiver.answers([503]);
    app.execute("UPDATE webhook_delivery SET failures = 10 WHERE state = 'PENDING'").await;
    later(&app, chrono::Duration::seconds(7));
    let dead = all_in(&app, "DEAD", 1).await.remove(0);
    assert!(dead["dueAt"].is_null(), "{dead}");
    let backlog = webhooks::backlog(app.app.database.reader()).await.expect("a backlog");
    assert_eq!((backlog.pending, backlog.dead, backlog.oldest), (0, 1, None));
    is_clean(&app).await;
}

async fn failures(app: &TestApp) -> i64 {
    app.number(
        "SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM webhook_delivery WHERE state = 'PENDING' AND leased_until IS NULL",
    )
    .await
}

async fn r16_what_happened_while_the_receiver_was_away_comes_once_each(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    // Nobody listens there.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nowhere = format!("http://{}/", gone.local_addr().expect("an address"));
    drop(gone);
    let (hook, _) = registered(&app, wanted(&nowhere)).await;
    let mut numbers = Vec::new();
    for _ in 0..5 {
        numbers.push(submitted(&app).await);
    }
    until("failures", async || failures(&app).await >= 5).await;
    let waiting = deliveries(&app, json!({ "state": { "eq": "PENDING" } })).await;
    assert!(waiting.iter().all(|delivery| delivery["attempts"][0]["outcome"] == "UNREACHABLE"), "{waiting:#?}");
    assert!(!seen(&app, &hook).await["failingSince"].is_null());
    // It comes back, under another address.
    good(call(&admin(&app), "updateWebhook", json!({ "id": hook["id"], "url": receiver.url })).await);
    later(&app, chrono::Duration::hours(1));
    all_in(&app, "DELIVERED", 5).await;
    let told: BTreeSet<String> = told_numbers(&receiver);
    assert_eq!(told, numbers.into_iter().collect());
    assert_eq!(receiver.messages().len(), 5, "once each");
    until("it fails no more", async || seen(&app, &hook).await["failingSince"].is_null()).await;
    is_clean(&app).await;
}

fn told_numbers(receiver: &Receiver) -> BTreeSet<String> {
    let number = |message: &Message| message.body["data"]["order"]["number"].as_str().expect("a number").to_owned();
    receiver.messages().iter().map(number).collect()
}

async fn r16_a_webhook_that_only_fails_is_paused_and_loses_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let (hook, _) = registered(&app, wanted(&receiver.url)).await;
    receiver.answers([500, 500]);
    submitted(&app).await;
    receiver.received(1).await;
    until("a failure", async || failures(&app).await == 1).await;
    later(&app, chrono::Duration::hours(49));
    until("it is paused", async || seen(&app, &hook).await["status"] == "PAUSED_FAILING").await;
    let paused = seen(&app, &hook).await;
    assert!(paused["statusReason"].as_str().is_some_and(|reason| reason.contains("enableWebhook")), "{paused}");
    assert_eq!(paused["timeline"][1]["kind"], "webhook.paused");
    // What happens meanwhile waits, and so does what was not taken.
    submitted(&app).await;
    later(&app, chrono::Duration::hours(49));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.messages().len(), 2);
    let payload =
        call(&admin(&app), "enableWebhook", json!({ "id": hook["id"], "expectedVersion": hook["version"] })).await;
    assert_eq!(codes(&payload), ["CONFLICT"]);
    good(call(&admin(&app), "enableWebhook", json!({ "id": hook["id"], "expectedVersion": paused["version"] })).await);
    all_in(&app, "DELIVERED", 2).await;
    let again = call(&admin(&app), "enableWebhook", json!({ "id": hook["id"] })).await;
    assert_eq!(codes(&again), ["WRONG_STATUS"]);
    is_clean(&app).await;
}

async fn r16_two_processes_tell_each_event_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_other, _background) = app.beside().await;
    let receiver = Receiver::start().await;
    registered(&app, but(wanted(&receiver.url), json!({ "events": ["order.*"] }))).await;
    let orders = futures_util::future::join_all((0..12).map(|_| async { submitted(&app).await })).await;
    settled(&app).await;
    let happened = app.number("SELECT COUNT(*) FROM event WHERE kind LIKE 'order.%'").await;
    let happened = usize::try_from(happened).expect("a number");
    all_in(&app, "DELIVERED", happened).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let messages = receiver.messages();
    let ids: BTreeSet<&str> = messages.iter().map(|message| message.id.as_str()).collect();
    assert_eq!((messages.len(), ids.len(), orders.len()), (happened, happened, 12));
    is_clean(&app).await;
}

async fn r16_killed_in_the_middle_it_loses_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    registered(&app, wanted(&receiver.url)).await;
    *receiver.desk.pause.lock() = Duration::from_secs(60);
    let mut numbers = BTreeSet::new();
    for _ in 0..6 {
        numbers.insert(submitted(&app).await);
    }
    // Some are under way, the others wait; nothing is answered.
    receiver.received(1).await;
    let app = app.restart().await;
    *receiver.desk.pause.lock() = Duration::ZERO;
    assert!(deliveries(&app, json!({ "state": { "eq": "DELIVERED" } })).await.is_empty());
    later(&app, chrono::Duration::minutes(2));
    all_in(&app, "DELIVERED", 6).await;
    assert_eq!(told_numbers(&receiver), numbers);
    let ids: BTreeSet<String> = receiver.messages().into_iter().map(|message| message.id).collect();
    assert_eq!(ids.len(), 6, "what came twice has the same id");
    is_clean(&app).await;
}

async fn r16_what_was_told_is_told_again_under_the_same_id(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let (hook, _) = registered(&app, wanted(&receiver.url)).await;
    submitted(&app).await;
    let delivered = all_in(&app, "DELIVERED", 1).await.remove(0);
    let first = receiver.messages().remove(0);
    // One delivery.
    let input = json!({ "id": delivered["id"], "expectedVersion": delivered["version"] });
    let payload = good(call(&admin(&app), "replayDelivery", input.clone()).await);
    assert_eq!(payload["delivery"]["state"], "PENDING");
    receiver.received(2).await;
    all_in(&app, "DELIVERED", 1).await;
    assert_eq!(codes(&call(&admin(&app), "replayDelivery", input).await), ["CONFLICT"]);
    // What happened while it was switched off comes only when it is asked for.
    good(call(&admin(&app), "disableWebhook", json!({ "id": hook["id"] })).await);
    submitted(&app).await;
    settled(&app).await;
    good(call(&admin(&app), "enableWebhook", json!({ "id": hook["id"] })).await);
    submitted(&app).await;
    receiver.received(3).await;
    all_in(&app, "DELIVERED", 2).await;
    let from = json!({ "position": first.body["position"] });
    good(call(&admin(&app), "replayWebhook", json!({ "id": hook["id"], "from": from })).await);
    receiver.received(6).await;
    all_in(&app, "DELIVERED", 3).await;
    until("it has been replayed", async || seen(&app, &hook).await["replaying"] == false).await;
    let messages = receiver.messages();
    assert_eq!(messages.iter().filter(|message| message.id == first.id).count(), 3);
    assert_eq!(told_numbers(&receiver).len(), 3);
    // From a moment on; nothing lies beyond the end.
    let beyond = json!({ "id": hook["id"], "from": { "time": "2030-01-01T00:00:00Z" } });
    assert_eq!(codes(&call(&admin(&app), "replayWebhook", beyond).await), ["NOTHING_TO_REPLAY"]);
    let all = json!({ "id": hook["id"], "from": { "time": "2020-01-01T00:00:00Z" } });
    good(call(&admin(&app), "replayWebhook", all).await);
    receiver.received(9).await;
    is_clean(&app).await;
}

async fn r16_both_secrets_sign_for_a_while(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let (hook, former) = registered(&app, wanted(&receiver.url)).await;
    let payload = good(call(&admin(&app), "rotateWebhookSecret", json!({ "id": hook["id"] })).await);
    let secret = payload["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(secret, former);
    assert_eq!(payload["webhook"]["formerSecretUntil"], "2026-03-17T09:00:00+00:00");
    submitted(&app).await;
    let message = receiver.received(1).await.remove(0);
    assert!(message.is_signed_with(&secret) && message.is_signed_with(&former));
    later(&app, chrono::Duration::hours(25));
    submitted(&app).await;
    let message = receiver.received(2).await.remove(1);
    assert!(message.is_signed_with(&secret) && !message.is_signed_with(&former));
    // Nothing that signs is kept in the database.
    let kept = app.number(&format!("SELECT COUNT(*) FROM webhook WHERE secret LIKE '%{}%'", &secret[6..20])).await;
    assert_eq!(kept, 0);
}

async fn r16_what_a_person_may_not_read_is_not_told(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    // The delegate of Nice reads the orders of Nice.
    let input = but(wanted(&receiver.url), json!({ "runAs": person("delegate3"), "events": ["*"] }));
    registered(&app, input).await;
    submitted(&app).await;
    until("they are withheld", async || {
        app.number("SELECT COUNT(*) FROM webhook_delivery WHERE state = 'WITHHELD' AND kind = 'order.submitted'").await
            == 1
    })
    .await;
    until("nothing waits", async || {
        app.number("SELECT COUNT(*) FROM webhook_delivery WHERE state = 'PENDING'").await == 0
    })
    .await;
    let told = |receiver: &Receiver| -> Vec<String> {
        receiver.messages().iter().map(|m| m.body["type"].as_str().expect("a type").to_owned()).collect()
    };
    assert!(told(&receiver).is_empty(), "neither orders of Lille nor webhooks: {:?}", told(&receiver));
    // He moves to Lille, and from then on he is told.
    app.execute("UPDATE person SET delegation_id = 1, region_id = 1 WHERE id = 3").await;
    let number = submitted(&app).await;
    let messages = receiver.received(2).await;
    assert!(messages.iter().any(|message| message.body["data"]["order"]["number"] == json!(number)), "{messages:?}");
    assert!(told(&receiver).iter().all(|kind| kind.starts_with("order.")), "{:?}", told(&receiver));
    is_clean(&app).await;
}

async fn r16_a_query_that_is_no_longer_valid_pauses_and_goes_on(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let (hook, _) = registered(&app, wanted(&receiver.url)).await;
    let line = json!([{ "role": "PDV", "object": "readOrders", "scope": "all" }]);
    let change = async |list: &str| {
        let query =
            "mutation($input: ChangePolicyInput!) { changePolicy(input: $input) { userErrors { code message } } }";
        let input = json!({ list: line, "reason": "a trial" });
        let reply = admin(&app).ask(query, json!({ "input": input })).await;
        assert_eq!(reply.data()["changePolicy"]["userErrors"], json!([]), "{:#}", reply.body);
    };
    change("remove").await;
    until("it is paused", async || seen(&app, &hook).await["status"] == "PAUSED_INVALID").await;
    let paused = seen(&app, &hook).await;
    assert!(paused["statusReason"].as_str().is_some_and(|reason| reason.contains("order")), "{paused}");
    let refused = call(&admin(&app), "enableWebhook", json!({ "id": hook["id"] })).await;
    assert_eq!(codes(&refused), ["QUERY_INVALID"]);
    let number = submitted(&app).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(receiver.messages().is_empty());
    change("add").await;
    let message = receiver.received(1).await.remove(0);
    assert_eq!(message.body["data"]["order"]["number"], json!(number), "nothing is lost");
    let kinds: Vec<Value> = seen(&app, &hook).await["timeline"].as_array().expect("events").clone();
    let kinds: Vec<&str> = kinds.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["webhook.created", "webhook.paused", "webhook.resumed"]);
    // The person leaves.
    app.execute("UPDATE person SET active = FALSE WHERE id = 7").await;
    submitted(&app).await;
    until("it is paused", async || seen(&app, &hook).await["status"] == "PAUSED_NOBODY").await;
    assert_eq!(receiver.messages().len(), 1);
    // Somebody else's rights are used instead.
    let other = json!({ "id": hook["id"], "runAs": person("director") });
    let payload = good(call(&admin(&app), "updateWebhook", other).await);
    assert_eq!(payload["webhook"]["status"], "ACTIVE");
    receiver.received(2).await;
    is_clean(&app).await;
}

async fn r16_nothing_is_sent_into_networks_that_are_not_public(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    for url in [
        "https://10.0.0.1/",
        "https://192.168.1.1:8443/",
        "http://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://100.64.0.1/",
        "https://[::ffff:10.0.0.1]/",
        "https://0.0.0.0/",
        "https://2886729729/",
        "https://1.1.1.1:25/",
        "ftp://1.1.1.1/",
        "https://a:b@1.1.1.1/",
        "not an address",
        "https://nobody.invalid/",
    ] {
        let payload = app.nothing_moves(call(&admin(&app), "createWebhook", wanted(url))).await;
        assert_eq!(codes(&payload), ["URL_REFUSED"], "{url}");
        let message = payload["userErrors"][0]["message"].as_str().expect("a message");
        assert!(message.contains("127.0.0.0/8") && message.contains("https"), "{message}");
        assert_eq!(payload["userErrors"][0]["field"], json!(["url"]));
    }
    // One that was let in by whatever means is refused when something is to be sent.
    registered(&app, wanted(&receiver.url)).await;
    app.execute("UPDATE webhook SET url = 'http://169.254.169.254/latest/meta-data/'").await;
    submitted(&app).await;
    let refused = async || {
        let waiting = deliveries(&app, json!({ "state": { "eq": "PENDING" } })).await;
        waiting.first().is_some_and(|delivery| delivery["attempts"][0]["outcome"] == "ADDRESS_REFUSED")
    };
    until("it is refused", refused).await;
}

async fn r16_a_slow_receiver_keeps_nobody_else_waiting(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    *slow.desk.pause.lock() = Duration::from_secs(30);
    registered(&app, wanted(&slow.url)).await;
    registered(&app, wanted(&quick.url)).await;
    for _ in 0..8 {
        submitted(&app).await;
    }
    let begun = Instant::now();
    quick.received(8).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // So many at a time, and no more.
    let busy = app.number("SELECT COUNT(*) FROM webhook_delivery WHERE leased_until IS NOT NULL").await;
    assert!(busy <= 4, "{busy} at a time");
    until("it takes too long", async || {
        let late = deliveries(&app, json!({ "state": { "eq": "PENDING" } })).await;
        late.iter().any(|delivery| delivery["attempts"][0]["outcome"] == "TIMED_OUT")
    })
    .await;
}

async fn r16_what_is_wrong_with_a_webhook_is_said(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let deep = format!(
        "query($id: ID!) {{ {} }}",
        (0..40).map(|n| format!("a{n}: orders(first: 100) {{ nodes {{ id }} }} ")).collect::<String>()
    );
    for (more, code, field) in [
        (json!({ "name": " " }), "NAME_REQUIRED", json!(["name"])),
        (json!({ "events": [] }), "EVENT_UNKNOWN", json!(["events"])),
        (json!({ "events": ["order.submitted", "order.vanished"] }), "EVENT_UNKNOWN", json!(["events", "1"])),
        (json!({ "headers": [{ "name": "Webhook-Id", "value": "1" }] }), "HEADER_REFUSED", json!(["headers", "0"])),
        (json!({ "headers": [{ "name": "X", "value": "a\r\nHost: b" }] }), "HEADER_REFUSED", json!(["headers", "0"])),
        (json!({ "query": "{" }), "QUERY_INVALID", json!(["query"])),
        (json!({ "query": "{ nothingOfTheKind }" }), "QUERY_INVALID", json!(["query"])),
        (json!({ "query": "{ webhooks { nodes { id } } }" }), "QUERY_INVALID", json!(["query"])),
        (json!({ "query": "mutation { signOut { userErrors { code } } }" }), "QUERY_INVALID", json!(["query"])),
        (json!({ "query": "subscription { orderChanged { kind } }" }), "QUERY_INVALID", json!(["query"])),
        (
            json!({ "query": "query($id: ID!, $more: Int!) { order(id: $id) { lines(first: $more) { id } } }" }),
            "QUERY_INVALID",
            json!(["query"]),
        ),
        (json!({ "query": deep }), "QUERY_INVALID", json!(["query"])),
        (json!({ "runAs": person("platform-admin") }), "QUERY_INVALID", json!(["query"])),
    ] {
        let payload =
            app.nothing_moves(call(&admin(&app), "createWebhook", but(wanted(&receiver.url), more.clone()))).await;
        assert_eq!((codes(&payload), &payload["userErrors"][0]["field"]), (vec![code], &field), "{more}: {payload:#}");
        assert!(payload["secret"].is_null() && payload["webhook"].is_null());
    }
    app.execute("UPDATE person SET active = FALSE WHERE id = 7").await;
    let payload = call(&admin(&app).in_french(), "createWebhook", wanted(&receiver.url)).await;
    assert_eq!(codes(&payload), ["RUN_AS_INACTIVE"]);
    assert!(payload["userErrors"][0]["message"].as_str().is_some_and(|m| m.contains("Cette personne")), "{payload}");
    let nobody = but(
        wanted(&receiver.url),
        json!({ "runAs": sesame::graphql::id::global(::entity::vocabulary::PersonId(999)).0 }),
    );
    assert_eq!(codes(&call(&admin(&app), "createWebhook", nobody).await), ["RUN_AS_INACTIVE"]);
}

async fn r16_a_webhook_is_tried_changed_switched_off_and_deleted(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    settled(&app).await;
    // As if.
    let rehearsed = but(wanted(&receiver.url), json!({ "dryRun": true }));
    let payload = good(app.nothing_moves(call(&admin(&app), "createWebhook", rehearsed)).await);
    assert!(payload["secret"].is_null() && payload["webhook"]["status"] == "ACTIVE", "{payload}");
    // A retry is told the same, the secret included; the key holds for nothing else.
    let keyed = but(wanted(&receiver.url), json!({ "idempotencyKey": "once" }));
    let first = good(call(&admin(&app), "createWebhook", keyed.clone()).await);
    let again = good(call(&admin(&app), "createWebhook", keyed.clone()).await);
    assert_eq!((&first["secret"], &first["webhook"]["id"]), (&again["secret"], &again["webhook"]["id"]));
    let header = json!({ "headers": [{ "name": "X", "value": "other" }] });
    assert_eq!(codes(&call(&admin(&app), "createWebhook", but(keyed, header)).await), ["IDEMPOTENCY_MISMATCH"]);
    let hook = first["webhook"].clone();
    // A test.
    let payload = good(call(&admin(&app), "testWebhook", json!({ "id": hook["id"] })).await);
    assert_eq!(payload["delivery"]["kind"], "webhook.ping");
    let message = receiver.received(1).await.remove(0);
    assert_eq!((&message.body["type"], &message.body["data"]), (&json!("webhook.ping"), &Value::Null));
    assert!(message.is_signed_with(first["secret"].as_str().expect("a secret")));
    all_in(&app, "DELIVERED", 1).await;
    // Without a query nothing is read.
    let change = json!({ "id": hook["id"], "query": null, "events": ["order.*"], "expectedVersion": hook["version"] });
    let payload = good(call(&admin(&app), "updateWebhook", change.clone()).await);
    assert!(payload["webhook"]["query"].is_null(), "{payload}");
    assert_eq!(codes(&call(&admin(&app), "updateWebhook", change).await), ["CONFLICT"]);
    submitted(&app).await;
    let messages = receiver.received(3).await;
    assert!(messages[1..].iter().all(|message| message.body["data"].is_null()), "{messages:?}");
    all_in(&app, "DELIVERED", 3).await;
    let nested = "{ webhooks { nodes { deliveries(last: 1, states: [DELIVERED]) { nodes { kind } totalCount } } } }";
    let reply = admin(&app).ask(nested, json!({})).await;
    let oldest = json!({ "nodes": [{ "kind": "webhook.ping" }], "totalCount": 3 });
    assert_eq!(reply.data()["webhooks"]["nodes"][0]["deliveries"], oldest);
    // Switched off.
    good(call(&admin(&app), "disableWebhook", json!({ "id": hook["id"] })).await);
    assert_eq!(codes(&call(&admin(&app), "testWebhook", json!({ "id": hook["id"] })).await), ["WRONG_STATUS"]);
    assert_eq!(codes(&call(&admin(&app), "disableWebhook", json!({ "id": hook["id"] })).await), ["WRONG_STATUS"]);
    submitted(&app).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.messages().len(), 3);
    // What ended long ago is forgotten.
    later(&app, chrono::Duration::days(31));
    webhooks::forget(&app.app).await.expect("forgotten");
    assert!(deliveries(&app, Value::Null).await.is_empty());
    let nested =
        "{ webhooks { nodes { deliveries(first: 5, states: [DELIVERED, DEAD]) { nodes { kind } totalCount } } } }";
    let reply = admin(&app).ask(nested, json!({})).await;
    assert_eq!(reply.data()["webhooks"]["nodes"][0]["deliveries"], json!({ "nodes": [], "totalCount": 0 }));
    let node = "query($id: ID!) { node(id: $id) { id ... on Webhook { name } } webhookBacklog { pending dead } webhookEventKinds }";
    let reply = admin(&app).ask(node, json!({ "id": hook["id"] })).await;
    assert_eq!(reply.data()["node"], json!({ "id": hook["id"], "name": "Warehouse" }));
    // Deleted.
    let payload = good(call(&admin(&app), "deleteWebhook", json!({ "id": hook["id"] })).await);
    assert!(payload["webhook"].is_null() && seen(&app, &hook).await.is_null());
    let payload = admin(&app)
        .ask(
            "mutation($id: ID!) { deleteWebhook(input: { id: $id }) { userErrors { code } } }",
            json!({ "id": hook["id"] }),
        )
        .await;
    assert_eq!(payload.error(), "NOT_FOUND");
    is_clean(&app).await;
}

async fn r16_nobody_else_knows_of_webhooks(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let (hook, _) = registered(&app, wanted(&receiver.url)).await;
    settled(&app).await;
    for name in ["delegate", "rr", "pdv", "sales-admin", "director"] {
        let somebody = app.person(name);
        let unknown = |reply: Reply| assert!(reply.message().contains("Unknown"), "{name}: {:#}", reply.body);
        unknown(somebody.ask("{ webhooks { nodes { id } } }", json!({})).await);
        unknown(somebody.ask("{ webhookDeliveries { nodes { id } } }", json!({})).await);
        let delete = "mutation($id: ID!) { deleteWebhook(input: { id: $id }) { userErrors { code } } }";
        unknown(app.nothing_moves(somebody.ask(delete, json!({ "id": hook["id"] }))).await);
        let node = somebody.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": hook["id"] })).await;
        assert!(node.data()["node"].is_null(), "{name}");
    }
    let languages = [(Language::En, "Active"), (Language::Fr, "Actif")];
    for (language, label) in languages {
        let client = if language == Language::Fr { admin(&app).in_french() } else { admin(&app) };
        let reply = client.ask("{ webhooks { nodes { statusLabel } } }", json!({})).await;
        assert_eq!(reply.data()["webhooks"]["nodes"][0]["statusLabel"], label);
    }
}

async fn r16_events_cost_nothing_more(backend: Backend) {
    let app = TestApp::start(backend).await;
    let receiver = Receiver::start().await;
    let statements = async || {
        let draft = app.delegate().draft(leaflets(10)).await;
        app.delegate().submit(&draft).await.good().statements
    };
    let _warm = statements().await;
    let without = statements().await;
    registered(&app, but(wanted(&receiver.url), json!({ "events": ["*"] }))).await;
    assert_eq!(statements().await, without);
    // A corrupted log is found.
    all_in(&app, "PENDING", 0).await;
    app.execute("UPDATE webhook_delivery SET kind = 'order.cancelled' WHERE kind = 'order.submitted'").await;
    settled(&app).await;
    let report = check::run(&app.app.database).await.expect("a check");
    assert!(report.findings.iter().any(|finding| finding.rule == "R-16"), "{:?}", report.findings);
}
