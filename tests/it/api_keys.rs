//! Keys with which programs come in (G-31).

use std::time::Duration;

use serde_json::{Value, json};
use sesame::graphql::id::global;

use crate::{
    app::{Client, Reply, TestApp, monday},
    harness::{Backend, Trial, trials},
    network::{but, leaflets, person, sponsorship},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g31_a_key_is_told_once_and_acts_as_itself,
        both g31_nobody_decides_on_what_a_key_of_theirs_did,
        sqlite g31_a_key_has_no_more_than_its_roles_and_what_it_is_limited_to,
        both g31_a_key_that_is_over_closes_its_sockets,
        sqlite g31_a_key_is_used_from_where_it_may_be,
        both g31_the_last_use_is_known_to_the_minute,
        both g31_what_a_key_cannot_be_is_refused,
        sqlite g31_a_key_is_nobody_among_the_people,
        sqlite g31_an_administrators_key_is_no_administrator,
    ]
}

const KEY: &str = "id name hint status version expiresAt lastUsedAt revokedAt limitedTo addresses \
                   actor { id displayName } roles { code } createdBy { id }";

/// Calls a mutation on keys.
async fn call(client: &Client<'_>, field: &str, input: Value) -> Reply {
    let pascal = field[..1].to_uppercase() + &field[1..];
    let secret = if field == "createApiKey" { "secret" } else { "" };
    let query = format!(
        "mutation($input: {pascal}Input!) {{ {field}(input: $input) {{ apiKey {{ {KEY} }} {secret} \
         userErrors {{ code message field }} }} }}"
    );
    client.ask(&query, json!({ "input": input })).await
}

fn codes(reply: &Reply, field: &str) -> Vec<String> {
    let errors = reply.data()[field]["userErrors"].as_array().expect("user errors");
    errors.iter().map(|error| error["code"].as_str().expect("a code").to_owned()).collect()
}

/// The input of a key of these roles in Lille.
fn of_roles(roles: &[&str]) -> Value {
    let lille = global(::entity::vocabulary::DelegationId(1)).0;
    json!({ "name": "Nightly export", "roles": roles, "delegation": lille, "expiresAt": "2026-06-01T00:00:00Z" })
}

/// A new key: what is known of it, and itself.
async fn made(app: &TestApp, input: Value) -> (Value, String) {
    let reply = call(&app.person("platform-admin"), "createApiKey", input).await;
    assert_eq!(codes(&reply, "createApiKey"), [""; 0], "{:#}", reply.body);
    let payload = &reply.data()["createApiKey"];
    (payload["apiKey"].clone(), payload["secret"].as_str().expect("a secret").to_owned())
}

fn with<'a>(app: &'a TestApp, key: &str) -> Client<'a> {
    Client { token: Some(key.to_owned()), ..app.nobody() }
}

async fn works(app: &TestApp, key: &str) -> bool {
    let reply = with(app, key).ask("{ viewer { user { displayName } } }", json!({})).await;
    if reply.body["errors"].is_null() {
        return true;
    }
    assert_eq!(reply.error(), "UNAUTHENTICATED");
    false
}

/// Waits for what happens beside the requests.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}");
}

async fn g31_a_key_is_told_once_and_acts_as_itself(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = app.person("platform-admin");
    let rehearsed =
        app.nothing_moves(call(&admin, "createApiKey", but(of_roles(&["ASSISTANT"]), json!({ "dryRun": true })))).await;
    assert_eq!(rehearsed.data()["createApiKey"]["secret"], Value::Null);
    assert_eq!(rehearsed.data()["createApiKey"]["apiKey"]["name"], "Nightly export", "{:#}", rehearsed.body);
    let input = but(of_roles(&["ASSISTANT"]), json!({ "idempotencyKey": "one" }));
    let (key, secret) = made(&app, input.clone()).await;
    assert_eq!((&key["status"], &key["version"], &key["lastUsedAt"]), (&json!("ACTIVE"), &json!(1), &Value::Null));
    assert_eq!(key["createdBy"]["id"], person("platform-admin"));
    let again = app.nothing_moves(call(&admin, "createApiKey", input)).await;
    let again = &again.data()["createApiKey"];
    assert_eq!((&again["apiKey"]["id"], &again["secret"]), (&key["id"], &Value::Null), "told once");
    assert!(secret.starts_with(key["hint"].as_str().expect("a hint")) && secret.len() == 56, "{key}");
    // The secret itself is nowhere.
    let everywhere = app.everything().await.join("\n");
    assert!(!everywhere.contains(&secret) && !everywhere.contains(&secret[12..]), "the secret is kept");
    let robot = with(&app, &secret);
    let order = robot.draft(but(leaflets(10), json!({ "owner": person("delegate") }))).await;
    let seen = app
        .delegate()
        .ask("query($id: ID!) { order(id: $id) { timeline { actor { id displayName } } } }", json!({ "id": order.id }))
        .await;
    assert_eq!(seen.data()["order"]["timeline"][0]["actor"], key["actor"], "{:#}", seen.body);
    assert_eq!(key["actor"]["displayName"], "API Nightly export");
    let mut talk = Talk::begin(&app.url.trim_start_matches("http://"), &secret).await;
    talk.subscribe("1", "{ viewer { user { displayName } } }").await;
    assert_eq!(talk.hear_of("next", "1").await["data"]["viewer"]["user"]["displayName"], "API Nightly export");
}

async fn g31_nobody_decides_on_what_a_key_of_theirs_did(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, secret) = made(&app, of_roles(&["ASSISTANT", "RR"])).await;
    let robot = with(&app, &secret);
    let order = robot.submitted(but(sponsorship("500.00"), json!({ "owner": person("delegate") }))).await;
    let decided = app.nothing_moves(robot.validate(&order, "APPROVE")).await;
    decided.refused(&["SELF_VALIDATION"]);
    let (_, other) = made(&app, of_roles(&["RR"])).await;
    with(&app, &other).validate(&order, "APPROVE").await.good();
}

async fn g31_a_key_has_no_more_than_its_roles_and_what_it_is_limited_to(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, whole) = made(&app, of_roles(&["ASSISTANT"])).await;
    let limits = json!({ "limitedTo": ["readOrders", "readNetwork", "updateOrder", "createApiKey"] });
    let (key, limited) = made(&app, but(of_roles(&["ASSISTANT"]), limits.clone())).await;
    assert_eq!(key["limitedTo"], limits["limitedTo"]);
    let unknown = async |secret: &str, text: &str| {
        let reply = app.nothing_moves(with(&app, secret).ask(text, json!({}))).await;
        assert!(reply.message().contains("Unknown field"), "{text}: {:#}", reply.body);
    };
    for personal in
        ["signIn", "refreshSession", "signOut", "updateSettings", "nameDeputy", "createApiKey", "createUser"]
    {
        unknown(&whole, &format!("mutation {{ {personal}(input: {{}}) {{ __typename }} }}")).await;
        unknown(&limited, &format!("mutation {{ {personal}(input: {{}}) {{ __typename }} }}")).await;
    }
    unknown(&limited, "mutation { createOrder(input: {}) { __typename } }").await;
    unknown(&limited, "{ accounts(first: 1) { totalCount } }").await;
    for good in ["{ orders(first: 1) { totalCount } }", "{ viewer { permissions { name scopes } } }"] {
        with(&app, &limited).ask(good, json!({})).await.data();
        with(&app, &whole).ask(good, json!({})).await.data();
    }
    // Its place is its own: what is elsewhere is not there.
    let elsewhere = app.delegate3().draft(but(leaflets(10), json!({ "broker": crate::network::account(3) }))).await;
    assert!(with(&app, &whole).see(&elsewhere).await.is_none());
}

async fn g31_a_key_that_is_over_closes_its_sockets(backend: Backend) {
    let app = TestApp::start(backend).await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let (revoked, one) = made(&app, of_roles(&["PDV"])).await;
    let soon = (monday() + chrono::Duration::seconds(2)).to_rfc3339();
    let (expiring, two) = made(&app, but(of_roles(&["PDV"]), json!({ "expiresAt": soon }))).await;
    let (first, second) = (Talk::begin(&address, &one).await, Talk::begin(&address, &two).await);
    let input = json!({ "id": revoked["id"], "expectedVersion": 1 });
    let reply = call(&app.person("platform-admin"), "revokeApiKey", input.clone()).await;
    assert_eq!(reply.data()["revokeApiKey"]["apiKey"]["status"], "REVOKED", "{:#}", reply.body);
    assert_eq!(first.closed().await, 4403);
    assert!(!works(&app, &one).await && works(&app, &two).await);
    app.clock.set(monday() + chrono::Duration::seconds(3));
    assert_eq!(second.closed().await, 4403);
    assert!(!works(&app, &two).await);
    // One that ended by itself can be prolonged, one that was revoked cannot.
    let later = json!({ "expiresAt": "2026-12-01T00:00:00Z", "name": "Longer" });
    let prolong =
        |key: &Value, version: i64| but(json!({ "id": key["id"], "expectedVersion": version }), later.clone());
    let admin = app.person("platform-admin");
    let reply = call(&admin, "updateApiKey", prolong(&expiring, 1)).await;
    assert_eq!(reply.data()["updateApiKey"]["apiKey"]["actor"]["displayName"], "API Longer", "{:#}", reply.body);
    assert!(works(&app, &two).await);
    let reply = app.nothing_moves(call(&admin, "updateApiKey", prolong(&revoked, 2))).await;
    assert_eq!(codes(&reply, "updateApiKey"), ["KEY_REVOKED"]);
    let reply = app.nothing_moves(call(&admin, "revokeApiKey", input)).await;
    assert_eq!(codes(&reply, "revokeApiKey"), ["CONFLICT"]);
    assert!(!works(&app, &one).await);
}

async fn g31_a_key_is_used_from_where_it_may_be(backend: Backend) {
    let app = TestApp::start(backend).await;
    let far = json!({ "addresses": ["192.0.2.0/24", "2001:db8::/32"] });
    let (key, secret) = made(&app, but(of_roles(&["PDV"]), far)).await;
    assert!(!works(&app, &secret).await);
    // Where one comes from is what the server sees, and nothing that one says.
    let http = reqwest::Client::new();
    let request = http.post(format!("{}/graphql", app.url)).bearer_auth(&secret).header("x-sesame-peer", "192.0.2.7");
    let answer = request.json(&json!({ "query": "{ viewer { user { code } } }" })).send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    let mut talk = Talk::open(&app.url.trim_start_matches("http://")).await;
    talk.say(crate::talk::init(&secret, "en")).await;
    assert_eq!(talk.closed().await, 4403);
    let near = json!({ "id": key["id"], "expectedVersion": 1, "addresses": ["127.0.0.0/8"] });
    let reply = call(&app.person("platform-admin"), "updateApiKey", near).await;
    assert_eq!(codes(&reply, "updateApiKey"), [""; 0], "{:#}", reply.body);
    assert!(works(&app, &secret).await);
}

async fn g31_the_last_use_is_known_to_the_minute(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (key, secret) = made(&app, of_roles(&["PDV"])).await;
    let used = async || {
        let query = "query($id: ID!) { node(id: $id) { ... on ApiKey { lastUsedAt version } } }";
        let reply = app.person("platform-admin").ask(query, json!({ "id": key["id"] })).await;
        reply.data()["node"].clone()
    };
    let at = |seconds: i64| {
        let at = monday() + chrono::Duration::seconds(seconds);
        json!({ "lastUsedAt": at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false), "version": 1 })
    };
    assert!(works(&app, &secret).await);
    until("the first use is written", async || used().await == at(0)).await;
    app.clock.set(monday() + chrono::Duration::seconds(59));
    assert!(works(&app, &secret).await);
    app.clock.set(monday() + chrono::Duration::seconds(60));
    assert!(works(&app, &secret).await);
    until("the next minute's", async || used().await == at(60)).await;
}

async fn g31_what_a_key_cannot_be_is_refused(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = app.person("platform-admin");
    for (change, expected) in [
        (json!({ "name": " " }), "NAME_REQUIRED"),
        (json!({ "roles": [] }), "ROLE_REQUIRED"),
        (json!({ "roles": ["KING"] }), "UNKNOWN_ROLE"),
        (json!({ "delegation": null }), "PLACE_REQUIRED"),
        (json!({ "expiresAt": "2026-03-16T09:00:00Z" }), "EXPIRY_PASSED"),
        (json!({ "limitedTo": ["readOrders", "rule"] }), "UNKNOWN_PERMISSION"),
    ] {
        let reply = app.nothing_moves(call(&admin, "createApiKey", but(of_roles(&["DELEGATE"]), change.clone()))).await;
        assert_eq!(codes(&reply, "createApiKey"), [expected], "{change} {:#}", reply.body);
        assert_eq!(reply.data()["createApiKey"]["secret"], Value::Null);
    }
    for change in
        [json!({ "addresses": ["here"] }), json!({ "expiresAt": "+12026-01-01T00:00:00Z" }), json!({ "name": "a\0b" })]
    {
        let reply = app.nothing_moves(call(&admin, "createApiKey", but(of_roles(&["DELEGATE"]), change.clone()))).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{change}");
    }
    let (key, secret) = made(&app, of_roles(&["PDV"])).await;
    let stale = json!({ "id": key["id"], "expectedVersion": 7, "name": "Another" });
    let reply = app.nothing_moves(call(&admin, "updateApiKey", stale)).await;
    assert_eq!(codes(&reply, "updateApiKey"), ["CONFLICT"]);
    for wrong in [&secret[..secret.len() - 1], &format!("{}A", &secret[..secret.len() - 1]), "sesame_"] {
        assert!(wrong == secret || !works(&app, wrong).await, "{wrong}");
    }
    for somebody in ["rr", "sales-admin", "director"] {
        let reply = app.nothing_moves(call(&app.person(somebody), "revokeApiKey", json!({ "id": key["id"] }))).await;
        assert!(reply.message().contains("Unknown"), "{somebody}: {:#}", reply.body);
    }
    assert!(works(&app, &secret).await);
}

async fn g31_a_key_is_nobody_among_the_people(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = app.person("platform-admin");
    let (key, _) = made(&app, of_roles(&["ASSISTANT"])).await;
    let actor = &key["actor"]["id"];
    for query in ["{ users(first: 100) { nodes { id } } }", "{ people(first: 100) { nodes { id } } }"] {
        let reply = admin.ask(query, json!({})).await;
        assert!(!reply.data().to_string().contains(actor.as_str().expect("an id")), "{query}");
    }
    for (mutation, more) in
        [("UpdateUser", json!({ "password": "a password of twelve" })), ("ReactivateUser", json!({}))]
    {
        let field = mutation[..1].to_lowercase() + &mutation[1..];
        let query =
            format!("mutation($input: {mutation}Input!) {{ {field}(input: $input) {{ userErrors {{ code }} }} }}");
        let reply = app.nothing_moves(admin.ask(&query, json!({ "input": but(json!({ "id": actor }), more) }))).await;
        assert_eq!(reply.error(), "NOT_FOUND", "{mutation}");
    }
    let query = "mutation($input: NameDeputyInput!) { nameDeputy(input: $input) { userErrors { code } } }";
    let input =
        json!({ "absent": person("delegate"), "deputy": actor, "firstDay": "2026-03-16", "lastDay": "2026-03-20" });
    let reply = app.nothing_moves(app.delegate().ask(query, json!({ "input": input }))).await;
    assert_eq!(reply.error(), "NOT_FOUND", "{:#}", reply.body);
    let keys = admin.ask("{ apiKeys(first: 5) { totalCount nodes { id status roles { code } } } }", json!({})).await;
    assert_eq!(keys.data()["apiKeys"]["nodes"][0]["id"], key["id"], "{:#}", keys.body);
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(admin.ask(node, json!({ "id": key["id"] })).await.data()["node"]["id"], key["id"]);
    assert_eq!(app.rr().ask(node, json!({ "id": key["id"] })).await.data()["node"], Value::Null);
}

async fn g31_an_administrators_key_is_no_administrator(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, secret) = made(&app, of_roles(&["PLATFORM_ADMIN"])).await;
    let robot = with(&app, &secret);
    robot.ask("{ apiKeys(first: 1) { totalCount } }", json!({})).await.data();
    let out = "mutation($id: ID!) { deactivateUser(input: { id: $id }) { userErrors { code } } }";
    let reply = app.nothing_moves(robot.ask(out, json!({ "id": person("platform-admin") }))).await;
    assert_eq!(codes(&reply, "deactivateUser"), ["LAST_ADMINISTRATOR"], "a person must be left");
}
