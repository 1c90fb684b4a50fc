//! `asUser` (G-7): seeing what another sees, and leaving a trace.

use serde_json::{Value, json};

use crate::{
    app::TestApp,
    harness::{Backend, Trial, trials},
    network::{leaflets, person},
    talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g7_one_sees_what_the_other_sees_and_leaves_a_trace,
        both g7_by_get_too_and_never_by_socket,
        both g7_nothing_is_written_with_anothers_eyes,
        both g7_a_stream_of_events_answers_queries_alone,
        both g7_for_whoever_may_not_there_is_no_such_header,
        both g7_only_active_people_have_eyes,
        both g7_it_ends_with_ones_own_session,
        both g7_deputies_are_seen_with_what_they_stand_in_for,
    ]
}

const AS_USER: &str = "x-sesame-as-user";

/// Asks as somebody, with headers of their own.
async fn ask(app: &TestApp, who: &'static str, headers: &[(&str, &str)], query: &str) -> (u16, Value) {
    let http = reqwest::Client::new();
    let mut request = http
        .post(format!("{}/graphql", app.url))
        .bearer_auth(app.token(who))
        .header("accept-language", "en")
        .json(&json!({ "query": query }));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn code(body: &Value) -> &str {
    body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

async fn traces(app: &TestApp) -> i64 {
    app.number("SELECT COUNT(*) FROM event WHERE kind = 'audit.seen_as_user'").await
}

async fn g7_one_sees_what_the_other_sees_and_leaves_a_trace(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.delegate().submitted(leaflets(10)).await;
    app.delegate3().ask("{ viewer { user { id } } }", json!({})).await.data();
    let query = "query Look { viewer { user { id } roles { code } } orders { totalCount nodes { number } } }";
    for who in ["delegate", "delegate3", "rr", "director"] {
        let eyes = person(who);
        let (status, seen) = ask(&app, "platform-admin", &[(AS_USER, &eyes)], query).await;
        assert_eq!((status, seen["errors"].clone()), (200, json!(null)), "{who}: {seen:#}");
        assert_eq!(seen["data"], *app.person(who).ask(query, json!({})).await.data(), "{who}");
    }
    // The schema is theirs too: what they may not ask is not there, and one's own is not either.
    let (_, admin) = ask(&app, "platform-admin", &[(AS_USER, &person("delegate"))], "{ policy { version } }").await;
    assert!(admin["errors"][0]["message"].as_str().unwrap().contains("Unknown field"), "{admin:#}");
    let log = "{ auditLog(filter: { action: { eq: \"audit.seen_as_user\" } }, orderBy: AT_ASC) { nodes {
        actor { id } roles objectType objectId requestId changes { path after } } } }";
    let reply = app.person("platform-admin").ask(log, json!({})).await;
    let told = reply.data()["auditLog"]["nodes"].as_array().unwrap().clone();
    assert_eq!(told.len(), 5, "what was tried in vain, too: {told:#?}");
    assert_eq!(told[0]["actor"]["id"], json!(person("platform-admin")));
    assert_eq!(told[0]["roles"], json!(["PLATFORM_ADMIN"]));
    assert_eq!((&told[1]["objectType"], &told[1]["objectId"]), (&json!("Person"), &json!(person("delegate3"))));
    let changes = json!([
        { "path": ["fields", "0"], "after": "orders" },
        { "path": ["fields", "1"], "after": "viewer" },
        { "path": ["operation"], "after": "Look" },
    ]);
    assert_eq!(told[0]["changes"], changes);
}

async fn g7_by_get_too_and_never_by_socket(backend: Backend) {
    let app = TestApp::start(backend).await;
    let url = format!("{}/graphql?query=%7Bviewer%7Buser%7Bid%7D%7D%7D", app.url);
    let get = reqwest::Client::new().get(url).bearer_auth(app.token("platform-admin"));
    let seen: Value = get.header(AS_USER, person("rr")).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["data"]["viewer"]["user"]["id"], json!(person("rr")));
    assert_eq!(traces(&app).await, 1);
    let address = app.url.trim_start_matches("http://").to_owned();
    let eyes = person("rr");
    let headers = [("sec-websocket-protocol", talk::PROTOCOL), (AS_USER, eyes.as_str())];
    assert_eq!(talk::connect(&address, &headers).await.err(), Some(400));
}

async fn g7_nothing_is_written_with_anothers_eyes(backend: Backend) {
    let app = TestApp::start(backend).await;
    let eyes = person("delegate");
    let sign_out = "mutation { signOut(input: {}) { __typename } }";
    let settings = "mutation { updateSettings(input: { language: EN }) { __typename } }";
    let dry = "mutation { createOrder(input: { dryRun: true, kind: STANDARD, broker: \"x\", subject: \"x\" }) { __typename } }";
    let follow = "subscription { orderChanged { kind } }";
    for written in [sign_out, settings, dry, follow] {
        let (status, body) = app.nothing_moves(ask(&app, "platform-admin", &[(AS_USER, &eyes)], written)).await;
        assert_eq!((status, code(&body)), (400, "BAD_USER_INPUT"), "{written}: {body:#}");
    }
    let (_, body) = ask(&app, "platform-admin", &[(AS_USER, &eyes)], settings).await;
    assert!(body["errors"][0]["message"].as_str().unwrap().contains("only read"), "{body:#}");
    assert_eq!(traces(&app).await, 0);
}

async fn g7_a_stream_of_events_answers_queries_alone(backend: Backend) {
    let app = TestApp::start(backend).await;
    let stream = async |query: &str| {
        let request = reqwest::Client::new()
            .post(format!("{}/graphql/stream", app.url))
            .bearer_auth(app.token("platform-admin"))
            .header("accept", "text/event-stream")
            .header("accept-language", "en")
            .header(AS_USER, person("rr"))
            .json(&json!({ "query": query }));
        request.send().await.expect("an answer").text().await.expect("a text")
    };
    let seen = stream("{ viewer { user { id } } }").await;
    assert!(seen.contains(&person("rr")), "{seen}");
    assert_eq!(traces(&app).await, 1);
    // Their own subscription neither: nothing begins, in nobody's name.
    for more in ["subscription { workQueueChanged { change } }", "mutation { signOut(input: {}) { __typename } }"] {
        let refused = app.nothing_moves(stream(more)).await;
        assert!(refused.contains("can only read"), "{more}: {refused}");
    }
}

async fn g7_for_whoever_may_not_there_is_no_such_header(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "{ viewer { user { id } } }";
    for who in ["delegate", "rr", "pdv", "sales-admin", "director"] {
        let eyes = person("director");
        let (status, mut refused) = app.nothing_moves(ask(&app, who, &[(AS_USER, &eyes)], query)).await;
        let (other, mut unknown) = ask(&app, who, &[("x-sesame-as-usher", &eyes)], query).await;
        assert_eq!((status, other, code(&refused)), (400, 400, "BAD_USER_INPUT"));
        for body in [&mut refused, &mut unknown] {
            *body = serde_json::from_str(&body.to_string().replace("usher", "user")).unwrap();
        }
        assert_eq!(refused, unknown, "like a header that never was");
    }
    let stranger = reqwest::Client::new().post(format!("{}/graphql", app.url)).header(AS_USER, person("rr"));
    let body: Value = stranger.json(&json!({ "query": query })).send().await.unwrap().json().await.unwrap();
    assert_eq!(code(&body), "BAD_USER_INPUT");
}

async fn g7_only_active_people_have_eyes(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "{ viewer { user { id } } }";
    app.execute(&format!("UPDATE person SET active = FALSE WHERE id = {}", crate::network::person_id("delegate2").0))
        .await;
    let (gone, order, nobody) = (person("delegate2"), crate::network::account(1), "UGVyc29uOjk5OTk");
    let both = [(AS_USER, person("rr")), (AS_USER, person("rr2"))];
    for eyes in [gone.as_str(), order.as_str(), nobody, "", "7", "Person:5"] {
        let (status, body) = app.nothing_moves(ask(&app, "platform-admin", &[(AS_USER, eyes)], query)).await;
        assert_eq!((status, code(&body)), (400, "BAD_USER_INPUT"), "{eyes}: {body:#}");
    }
    let both: Vec<(&str, &str)> = both.iter().map(|(name, eyes)| (*name, eyes.as_str())).collect();
    assert_eq!(ask(&app, "platform-admin", &both, query).await.0, 400);
    assert_eq!(traces(&app).await, 0);
}

async fn g7_it_ends_with_ones_own_session(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "{ viewer { user { id } } }";
    let eyes = person("rr");
    assert_eq!(ask(&app, "platform-admin", &[(AS_USER, &eyes)], query).await.0, 200);
    app.person("platform-admin").ask("mutation { signOut(input: {}) { __typename } }", json!({})).await.data();
    let (status, body) = ask(&app, "platform-admin", &[(AS_USER, &eyes)], query).await;
    assert_eq!((status, code(&body)), (401, "UNAUTHENTICATED"));
    // And the other's own goes on.
    app.rr().ask(query, json!({})).await.data();
}

async fn g7_deputies_are_seen_with_what_they_stand_in_for(backend: Backend) {
    let app = TestApp::start(backend).await;
    let input = json!({ "kind": "CUSTOM", "actionType": "SPONSORSHIP",
        "broker": crate::network::account(3), "subject": "Race", "total": "100.00" });
    let order = app.delegate3().submitted(input).await;
    let query = format!("{{ order(id: \"{}\") {{ id }} }}", order.id);
    let look = async || ask(&app, "platform-admin", &[(AS_USER, &person("delegate"))], &query).await.1;
    assert_eq!(look().await["data"]["order"], json!(null));
    let input = json!({ "deputy": person("delegate"), "firstDay": "2026-03-16", "lastDay": "2026-03-20" });
    let named = app
        .delegate3()
        .ask(
            "mutation($input: NameDeputyInput!) { nameDeputy(input: $input) { userErrors { message } } }",
            json!({ "input": input }),
        )
        .await;
    assert_eq!(named.data()["nameDeputy"]["userErrors"], json!([]));
    assert_eq!(look().await["data"]["order"]["id"], json!(order.id));
}
