//! Sockets as a client sees them: `graphql-transport-ws`, its close codes, and rights that change on
//! the way.

use std::time::{Duration, Instant};

use ::entity::{
    platform::{policy_line, policy_version},
    vocabulary::{DelegationId, Language, PersonId, RegionId, WorkItemId, WorkKind},
};
use futures_util::{SinkExt, StreamExt};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::json;
use sesame::{
    action::Call,
    op::Op,
    outbox::{self, Event, Subject},
    work_queue::{Audience, Move, Moves},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{MaybeTlsStream, tungstenite::Message};

use crate::{
    excessive::excessive,
    harness::{Backend, Trial, trials},
    http::Site,
    talk::{PATIENCE, PROTOCOL, Talk, connect, init},
};

pub fn trials() -> Vec<Trial> {
    trials![
        sqlite only_pages_of_this_host_and_this_protocol,
        sqlite what_the_protocol_does_not_know_is_4400,
        sqlite nothing_before_the_acknowledgement,
        sqlite a_socket_waits_for_its_first_message_only_so_long,
        sqlite one_initialisation_is_enough,
        sqlite tokens_that_prove_nothing_are_4403,
        sqlite an_id_is_used_once_at_a_time,
        sqlite pings_are_answered,
        both queries_and_mutations_are_answered_as_over_http,
        sqlite limits_are_those_of_http,
        both events_come_until_nobody_wants_them,
        both a_socket_ends_with_its_token,
        both a_socket_lives_on_with_another_token,
        sqlite a_token_of_somebody_else_is_no_renewal,
        both signing_out_elsewhere_ends_the_socket,
        postgres signing_out_on_another_server_ends_the_socket,
        both who_loses_a_right_loses_what_hangs_on_it_alone,
        both who_gains_a_right_has_it_at_once,
        sqlite a_person_has_so_many_sockets,
        sqlite a_socket_has_so_many_operations,
        sqlite(threads = 2) a_slow_reader_harms_only_itself,
        sqlite who_is_silent_is_gone,
        sqlite stopping_closes_the_sockets,
        sqlite stopping_lets_what_runs_finish,
        sqlite what_is_no_text_is_1007,
        sqlite renewals_are_answered_one_after_the_other,
        sqlite the_session_before_a_renewal_may_end,
        sqlite an_operation_has_only_so_long,
        sqlite who_is_not_signed_in_takes_little_room,
        sqlite what_fails_ends_with_an_error,
        sqlite an_answer_on_a_socket_is_bounded,
        both cursors_are_those_of_their_feed,
    ]
}

const FOLLOW: &str = "subscription { workQueueChanged { change itemId } }";
const FOLLOW_PLACES: &str = "subscription { workQueueChanged { change item { delegation { name } } } }";
const ME: &str = "{ viewer { user { code } } }";

/// Something leaves the queue of sales promotion.
pub async fn happen(site: &Site, item: i64) {
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    let before = Audience {
        kind: WorkKind::Proof,
        owner: PersonId(3),
        delegation: DelegationId(1),
        region: RegionId(1),
        barred: Vec::new(),
    };
    let mut event = Event::new("order.proofSent", Subject { kind: "Order", id: 1 });
    event.queue = Moves(vec![Move { item: WorkItemId(item), before: Some(before), after: None }]);
    let conn = op.begin().await.expect("a transaction");
    outbox::record(&op, &conn, &Call::default(), event).await.expect("an event");
    conn.commit().await.expect("a commit");
    site.app.outbox.wake();
}

/// Follows the queue until it is certain that the server does.
async fn follow(site: &Site, talk: &mut Talk, id: &str, query: &str) {
    talk.subscribe(id, query).await;
    for _ in 0..100 {
        happen(site, 1).await;
        if let Ok(message) = timeout(Duration::from_millis(200), talk.hear()).await {
            assert_eq!((&message["type"], &message["id"]), (&json!("next"), &json!(id)), "{message}");
            return;
        }
    }
    panic!("{id} hears of nothing");
}

/// Changes the policy behind the server's back, as another process would.
async fn change_policy(site: &Site, change: impl AsyncFnOnce(&sea_orm::DatabaseConnection)) {
    let db = site.app.database.writer();
    change(db).await;
    let last = policy_version::Entity::find().order_by_desc(policy_version::Column::Version).one(db).await;
    let next = policy_version::ActiveModel {
        version: Set(last.expect("versions").expect("a version").version + 1),
        changed_at: Set(site.app.clock.now()),
        changed_by_id: Set(None),
        reason: Set("test".into()),
    };
    policy_version::Entity::insert(next).exec_without_returning(db).await.expect("a version");
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    let conn = op.begin().await.expect("a transaction");
    let event = Event::new("policy.changed", Subject { kind: "Policy", id: 1 });
    outbox::record(&op, &conn, &Call::default(), event).await.expect("an event");
    conn.commit().await.expect("a commit");
    site.app.outbox.wake();
}

pub async fn withdraw(site: &Site, role: &str, permission: &str) {
    change_policy(site, async |db| {
        let gone = policy_line::Entity::delete_many()
            .filter(policy_line::Column::Subject.eq(role))
            .filter(policy_line::Column::Object.eq(permission));
        assert!(gone.exec(db).await.expect("a change").rows_affected > 0);
    })
    .await;
}

pub async fn grant(site: &Site, role: &str, permission: &str) {
    change_policy(site, async |db| {
        let line = policy_line::ActiveModel {
            kind: Set("p".into()),
            subject: Set(role.into()),
            object: Set(permission.into()),
            step: Set("-".into()),
            scope: Set("all".into()),
            ..Default::default()
        };
        policy_line::Entity::insert(line).exec_without_returning(db).await.expect("a change");
    })
    .await;
}

async fn only_pages_of_this_host_and_this_protocol(backend: Backend) {
    let site = Site::start(backend).await;
    let address = site.address.to_string();
    let code = async |headers: &[(&'static str, &str)]| connect(&site.address, headers).await.err();
    // A socket on which another protocol is spoken, or none, is closed with the code that says so.
    for protocol in ["", "sec-websocket-protocol: graphql-ws\r\n"] {
        let mut stream = TcpStream::connect(site.address).await.expect("a connection");
        let request = format!(
            "GET /graphql/ws HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut heard = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut heard)).await.expect("an end").expect("an end");
        let head = heard.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("an answer") + 4;
        assert!(heard.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&heard));
        // A closing frame, its length, its code.
        assert_eq!((heard[head], u16::from_be_bytes([heard[head + 2], heard[head + 3]])), (0x88, 4406));
    }
    assert_eq!(code(&[("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")]).await, None);
    for (origin, refused) in [
        (format!("http://{address}"), None),
        (format!("https://{address}"), None),
        ("http://127.0.0.1".into(), Some(403)),
        (format!("http://{address}.evil.example"), Some(403)),
        (format!("http://evil.example/{address}"), Some(403)),
        ("null".into(), Some(403)),
    ] {
        assert_eq!(code(&[("sec-websocket-protocol", PROTOCOL), ("origin", &origin)]).await, refused, "{origin}");
    }
}

async fn what_the_protocol_does_not_know_is_4400(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for bad in [
        "",
        "{",
        "[]",
        "{}",
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"start","id":"1","payload":{}}"#,
    ] {
        let mut talk = Talk::open(&site.address).await;
        talk.0.send(Message::text(bad)).await.expect("sent");
        assert_eq!(talk.closed().await, 4400, "{bad}");
        let mut talk = Talk::begin(&site.address, &token).await;
        talk.0.send(Message::text(bad)).await.expect("sent");
        assert_eq!(talk.closed().await, 4400, "{bad}");
    }
    let mut talk = Talk::begin(&site.address, &token).await;
    talk.0.send(Message::binary(&br#"{"type":"ping"}"#[..])).await.expect("sent");
    assert_eq!(talk.closed().await, 4400);
    let mut talk = Talk::begin(&site.address, &token).await;
    talk.say(json!({ "type": "ping", "payload": { "x": "x".repeat(2 << 20) } })).await;
    assert_eq!(talk.closed().await, 1009);
}

async fn nothing_before_the_acknowledgement(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::open(&site.address).await;
    talk.subscribe("1", ME).await;
    assert_eq!(talk.closed().await, 4401);
    // Not even right behind the token, which is not proven yet.
    let mut talk = Talk::open(&site.address).await;
    let token = site.token("pdv").await;
    site.app.directory.forget();
    talk.0.feed(Message::text(init(&token, "en").to_string())).await.expect("sent");
    talk.subscribe("1", ME).await;
    assert_eq!(talk.closed().await, 4401);
    let mut talk = Talk::open(&site.address).await;
    talk.is_quiet().await;
    talk.say(json!({ "type": "complete", "id": "1" })).await;
    talk.say(init(&token, "en")).await;
    assert_eq!(talk.hear().await["type"], "connection_ack");
}

async fn a_socket_waits_for_its_first_message_only_so_long(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.init_seconds = 1).await;
    let (begun, mut talk) = (Instant::now(), Talk::open(&site.address).await);
    talk.is_quiet().await;
    assert_eq!(talk.closed().await, 4408);
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&begun.elapsed()));
}

async fn one_initialisation_is_enough(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut talk = Talk::begin(&site.address, &token).await;
    talk.say(init(&token, "en")).await;
    assert_eq!(talk.closed().await, 4429);
    let mut talk = Talk::open(&site.address).await;
    site.app.directory.forget();
    talk.0.feed(Message::text(init(&token, "en").to_string())).await.expect("sent");
    talk.say(init(&token, "en")).await;
    assert_eq!(talk.closed().await, 4429);
}

async fn tokens_that_prove_nothing_are_4403(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for payload in [
        json!(null),
        json!({}),
        json!({ "Authorization": token }),
        json!({ "Authorization": "Bearer nothing" }),
        json!({ "Authorization": format!("Basic {token}") }),
        json!({ "token": "" }),
        json!({ "token": 1 }),
        json!({ "token": format!("{token}x") }),
    ] {
        let mut talk = Talk::open(&site.address).await;
        talk.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(talk.closed().await, 4403, "{payload}");
    }
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        let mut talk = Talk::open(&site.address).await;
        talk.say(json!({ "type": "connection_init", "payload": { name: format!("bearer {token}") } })).await;
        assert_eq!(talk.hear().await["type"], "connection_ack");
    }
    let mut talk = Talk::open(&site.address).await;
    talk.say(json!({ "type": "connection_init", "payload": { "token": token } })).await;
    assert_eq!(talk.hear().await["type"], "connection_ack");
    site.sign_out(&token).await;
    let mut late = Talk::open(&site.address).await;
    late.say(init(&token, "en")).await;
    assert_eq!(late.closed().await, 4403);
}

async fn an_id_is_used_once_at_a_time(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut talk = Talk::begin(&site.address, &token).await;
    follow(&site, &mut talk, "same", FOLLOW).await;
    talk.subscribe("same", FOLLOW).await;
    assert_eq!(talk.closed().await, 4409);
    // At once, before the first has even begun.
    let mut talk = Talk::begin(&site.address, &token).await;
    let twice = json!({ "type": "subscribe", "id": "same", "payload": { "query": FOLLOW } }).to_string();
    talk.0.feed(Message::text(twice.clone())).await.expect("sent");
    talk.0.feed(Message::text(twice)).await.expect("sent");
    talk.0.flush().await.expect("sent");
    assert_eq!(talk.closed().await, 4409);
    // One after the other.
    let mut talk = Talk::begin(&site.address, &token).await;
    for _ in 0..3 {
        talk.subscribe("same", ME).await;
        talk.hear_of("next", "same").await;
        talk.hear_of("complete", "same").await;
        talk.subscribe("same", "{ nothing }").await;
        talk.refused("same").await;
        follow(&site, &mut talk, "same", FOLLOW).await;
        talk.say(json!({ "type": "complete", "id": "same" })).await;
    }
}

async fn pings_are_answered(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    talk.say(json!({ "type": "ping", "payload": { "any": 1 } })).await;
    assert_eq!(talk.hear().await, json!({ "type": "pong" }));
    talk.say(json!({ "type": "pong" })).await;
    talk.0.send(Message::Ping(b"x"[..].into())).await.expect("sent");
    assert!(matches!(talk.frame().await, Some(Ok(Message::Pong(_)))));
    talk.0.close(None).await.expect("closed");
    while let Some(frame) = talk.frame().await {
        frame.expect("an orderly end");
    }
    let begun = Instant::now();
    while site.app.connections.count() > 0 {
        assert!(begun.elapsed() < PATIENCE, "the seat is given up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn queries_and_mutations_are_answered_as_over_http(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut talk = Talk::begin(&site.address, &token).await;
    for body in [
        json!({ "query": ME }),
        json!({ "query": "query A { __typename } query B($id: ID!) { node(id: $id) { id } }", "operationName": "B", "variables": { "id": "x" } }),
        json!({ "query": "{ nothing }" }),
        json!({ "query": "{ viewer { nothing } }" }),
        json!({ "query": "{ viewer {" }),
        json!({ "query": "query A { a } query B { b }" }),
        json!({ "query": "{ platformOnly: users { totalCount } }" }),
        json!({ "query": "mutation { createUser(input: {}) { user { id } } }" }),
        json!({ "query": "query($id: ID!) { node(id: $id) { id } }", "variables": { "id": "a\0b" } }),
        json!({ "query": "query($id: ID!) { node(id: $id) { id } }" }),
    ] {
        let over_http = site.ask(Some(&token), body.clone()).await.body;
        talk.say(json!({ "type": "subscribe", "id": "1", "payload": body })).await;
        if over_http.get("data").is_some() {
            assert_eq!(talk.hear_of("next", "1").await, over_http, "{body}");
            talk.hear_of("complete", "1").await;
        } else {
            assert_eq!(talk.hear_of("error", "1").await, over_http["errors"], "{body}");
        }
    }
    // Half a character in JSON is no malformed message.
    let half = r#"{"type":"subscribe","id":"1","payload":{"query":"query($id: ID!) { node(id: $id) { id } }","variables":{"id":"\ud83d"}}}"#;
    talk.0.send(Message::text(half)).await.expect("sent");
    let errors = talk.hear_of("error", "1").await;
    assert_eq!(errors[0]["extensions"]["path"], json!(["variables", "id"]));
    let mut french = Talk::open(&site.address).await;
    french.say(json!({ "type": "connection_init", "payload": { "token": token, "accept-language": "fr-FR" } })).await;
    french.hear().await;
    french.subscribe("1", "").await;
    assert!(french.hear_of("error", "1").await[0]["message"].as_str().is_some_and(|text| text.contains("vide")));
    // Signing out over the socket ends it, behind its answer or before.
    talk.subscribe("bye", "mutation { signOut(input: {}) { userErrors { message } } }").await;
    assert_eq!(talk.closed().await, 4403);
}

async fn limits_are_those_of_http(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    for (limit, payload) in excessive() {
        talk.say(json!({ "type": "subscribe", "id": limit, "payload": payload })).await;
        let errors = talk.hear_of("error", limit).await;
        assert_eq!(errors[0]["extensions"]["limit"], limit, "{errors}");
        assert_eq!(errors[0]["extensions"]["code"], "TOO_COMPLEX");
    }
    talk.is_quiet().await;
}

async fn events_come_until_nobody_wants_them(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    follow(&site, &mut talk, "one", FOLLOW).await;
    talk.subscribe("two", "subscription($n: Boolean!) { workQueueChanged { change itemId @include(if: $n) } }").await;
    assert_eq!(talk.refused("two").await, "BAD_USER_INPUT", "a variable is missing");
    talk.subscribe("three", "subscription { workQueueChanged { nothing } }").await;
    assert_eq!(talk.refused("three").await, "BAD_USER_INPUT");
    talk.subscribe("four", "subscription { workQueueChanged(after: \"nothing\") { change } }").await;
    assert_eq!(talk.refused("four").await, "BAD_USER_INPUT", "what cannot begin is an error");
    for item in 2..12 {
        happen(&site, item).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 10 {
        let event = talk.hear_of("next", "one").await;
        assert_eq!(event["data"]["workQueueChanged"]["change"], "REMOVED");
        seen.push(event["data"]["workQueueChanged"]["itemId"].as_str().expect("an id").to_owned());
        // `follow` may have made more than one happen.
        seen.dedup();
        if seen.len() == 1 && seen[0] == sesame::graphql::id::global(WorkItemId(1)).0 {
            seen.clear();
        }
    }
    let expected: Vec<String> = (2..12).map(|item| sesame::graphql::id::global(WorkItemId(item)).0).collect();
    assert_eq!(seen, expected, "in order, none lost, none twice");
    talk.say(json!({ "type": "complete", "id": "one" })).await;
    talk.is_quiet().await;
    happen(&site, 13).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    talk.is_quiet().await;
}

async fn a_socket_ends_with_its_token(backend: Backend) {
    let site = Site::with(backend, |settings| settings.access_token_seconds = 2).await;
    let begun = Instant::now();
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    follow(&site, &mut talk, "1", FOLLOW).await;
    assert_eq!(talk.closed().await, 4403);
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

async fn a_socket_lives_on_with_another_token(backend: Backend) {
    let site = Site::with(backend, |settings| settings.access_token_seconds = 3).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    follow(&site, &mut talk, "1", FOLLOW).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let token = site.token("pdv").await;
        talk.say(json!({ "type": "ping", "payload": { "authorization": format!("Bearer {token}") } })).await;
        let pong = loop {
            let message = talk.hear().await;
            if message["type"] == "pong" {
                break message;
            }
        };
        assert!(pong["payload"]["expiresAt"].is_string(), "{pong}");
    }
    happen(&site, 99).await;
    let last = sesame::graphql::id::global(WorkItemId(99)).0;
    while talk.hear_of("next", "1").await["data"]["workQueueChanged"]["itemId"] != json!(last) {}
    assert_eq!(talk.closed().await, 4403, "and ends with the last one");
}

async fn a_token_of_somebody_else_is_no_renewal(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for other in [site.token("pdv2").await, "nothing".into()] {
        let mut talk = Talk::begin(&site.address, &token).await;
        talk.say(json!({ "type": "ping", "payload": { "authorization": format!("Bearer {other}") } })).await;
        assert_eq!(talk.closed().await, 4403);
    }
    let mut talk = Talk::open(&site.address).await;
    talk.say(json!({ "type": "ping", "payload": { "authorization": format!("Bearer {token}") } })).await;
    assert_eq!(talk.hear().await, json!({ "type": "pong" }), "and nobody is signed in by it");
    talk.subscribe("1", ME).await;
    assert_eq!(talk.closed().await, 4401);
}

async fn signing_out_elsewhere_ends_the_socket(backend: Backend) {
    let site = Site::start(backend).await;
    let (token, other) = (site.token("pdv").await, site.token("pdv").await);
    let mut talk = Talk::begin(&site.address, &token).await;
    let mut second = Talk::begin(&site.address, &other).await;
    follow(&site, &mut talk, "1", FOLLOW).await;
    follow(&site, &mut second, "1", FOLLOW).await;
    let begun = Instant::now();
    site.sign_out(&token).await;
    assert_eq!(talk.closed().await, 4403);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    second.say(json!({ "type": "complete", "id": "1" })).await;
    while second.hear_after_ping().await {}
}

async fn signing_out_on_another_server_ends_the_socket(backend: Backend) {
    let site = Site::start(backend).await;
    let other = site.another().await;
    let token = site.token("pdv").await;
    let talk = Talk::begin(&site.address, &token).await;
    let begun = Instant::now();
    other.sign_out(&token).await;
    assert_eq!(talk.closed().await, 4403);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

async fn who_loses_a_right_loses_what_hangs_on_it_alone(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut talk = Talk::begin(&site.address, &token).await;
    follow(&site, &mut talk, "plain", FOLLOW).await;
    talk.subscribe("places", FOLLOW_PLACES).await;
    talk.is_quiet().await;
    let begun = Instant::now();
    withdraw(&site, "PDV", "readNetwork").await;
    let errors = loop {
        let message = talk.hear().await;
        if message["id"] == "places" && message["type"] == "error" {
            break message["payload"].clone();
        }
    };
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    talk.subscribe("again", FOLLOW_PLACES).await;
    let again = loop {
        let message = talk.hear().await;
        if message["id"] == "again" {
            break message;
        }
    };
    assert_eq!((&again["type"], &again["payload"]), (&json!("error"), &errors), "like any unknown field");
    assert!(errors[0]["message"].as_str().is_some_and(|text| text.contains("delegation")), "{errors}");
    happen(&site, 77).await;
    let last = sesame::graphql::id::global(WorkItemId(77)).0;
    while talk.hear_of("next", "plain").await["data"]["workQueueChanged"]["itemId"] != json!(last) {}
    withdraw(&site, "PDV", "workQueue").await;
    assert_eq!(talk.refused("plain").await, "BAD_USER_INPUT");
    talk.is_quiet().await;
    happen(&site, 78).await;
    talk.subscribe("me", ME).await;
    talk.hear_of("next", "me").await;
}

async fn who_gains_a_right_has_it_at_once(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    follow(&site, &mut talk, "1", FOLLOW).await;
    let roles = "{ viewer { user { roles { code } } } }";
    talk.subscribe("before", roles).await;
    while talk.hear().await["id"] != "before" {}
    grant(&site, "PDV", "readUsers").await;
    let begun = Instant::now();
    loop {
        talk.subscribe("after", roles).await;
        let answer = loop {
            let message = talk.hear().await;
            if message["id"] == "after" {
                break message;
            }
        };
        if answer["type"] == "next" {
            talk.hear_of("complete", "after").await;
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{answer}");
    }
    happen(&site, 55).await;
    let last = sesame::graphql::id::global(WorkItemId(55)).0;
    while talk.hear_of("next", "1").await["data"]["workQueueChanged"]["itemId"] != json!(last) {}
}

async fn a_person_has_so_many_sockets(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.sockets = 2).await;
    let token = site.token("pdv").await;
    let first = Talk::begin(&site.address, &token).await;
    let _second = Talk::begin(&site.address, &token).await;
    let mut third = Talk::open(&site.address).await;
    third.say(init(&token, "en")).await;
    assert_eq!(third.closed().await, 4403);
    let _somebody_else = Talk::begin(&site.address, &site.token("pdv2").await).await;
    drop(first);
    let begun = Instant::now();
    while site.app.connections.count() > 2 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let _in_its_place = Talk::begin(&site.address, &token).await;
}

async fn a_socket_has_so_many_operations(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.socket_operations = 2).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    for id in ["1", "2", "3"] {
        talk.subscribe(id, FOLLOW).await;
    }
    let errors = talk.hear_of("error", "3").await;
    assert_eq!(errors[0]["extensions"]["limit"], "socket_operations", "{errors}");
    talk.say(json!({ "type": "complete", "id": "1" })).await;
    talk.subscribe("4", ME).await;
    talk.hear_of("next", "4").await;
}

async fn a_slow_reader_harms_only_itself(backend: Backend) {
    let site = Site::with(backend, |settings| {
        settings.limits.unread_seconds = 2;
        settings.limits.name_length = 5_000;
    })
    .await;
    let mut slow = Talk::begin(&site.address, &site.token("pdv").await).await;
    let long = format!("subscription {{ {}: workQueueChanged {{ change itemId }} }}", "a".repeat(5_000));
    for id in 0..100 {
        slow.subscribe(&format!("{id}"), &long).await;
    }
    let mut quick = Talk::begin(&site.address, &site.token("pdv2").await).await;
    follow(&site, &mut quick, "1", FOLLOW).await;
    let (first, last) = (1_000, 1_100);
    let mut longest = Duration::ZERO;
    for item in first..last {
        let begun = Instant::now();
        happen(&site, item).await;
        let id = json!(sesame::graphql::id::global(WorkItemId(item)).0);
        while quick.hear_of("next", "1").await["data"]["workQueueChanged"]["itemId"] != id {}
        longest = longest.max(begun.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    let begun = Instant::now();
    while site.app.connections.count() > 1 {
        assert!(begun.elapsed() < PATIENCE, "the slow one is given up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    quick.is_quiet().await;
}

async fn who_is_silent_is_gone(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.ping_seconds = 1).await;
    let talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    let mut living = Talk::begin(&site.address, &site.token("pdv").await).await;
    let begun = Instant::now();
    // Nobody reads, so nobody answers the pings.
    while site.app.connections.count() > 1 {
        assert!(begun.elapsed() < PATIENCE);
        let _answered = timeout(Duration::from_millis(100), living.0.next()).await;
    }
    assert!(begun.elapsed() > Duration::from_secs(2));
    drop(talk);
    living.is_quiet().await;
}

async fn stopping_closes_the_sockets(backend: Backend) {
    let mut site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let waiting = Talk::open(&site.address).await;
    let mut following = Talk::begin(&site.address, &token).await;
    follow(&site, &mut following, "1", FOLLOW).await;
    let silent = Talk::begin(&site.address, &token).await;
    let begun = Instant::now();
    // What is followed is not complete: a client goes on with it where it connects next.
    let left = async {
        loop {
            match following.frame().await {
                Some(Ok(Message::Text(text))) => assert!(text.contains("\"next\""), "{text}"),
                Some(Ok(Message::Close(Some(frame)))) => break u16::from(frame.code),
                other => panic!("not closed but {other:?}"),
            }
        }
    };
    let ((), first, second) = tokio::join!(site.stop(), waiting.closed(), left);
    assert_eq!((first, second), (1001, 1001));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(silent.closed().await, 1001);
}

async fn stopping_lets_what_runs_finish(backend: Backend) {
    let mut site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut talk = Talk::begin(&site.address, &token).await;
    let busy = site.app.database.begin().await.expect("a transaction");
    let query = format!(
        "mutation {{ signIn(input: {{ email: \"pdv@test.example\", password: \"{}\" }}) {{ session {{ accessToken }} }} }}",
        crate::http::PASSWORD
    );
    talk.subscribe("1", &query).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let ((), ()) = tokio::join!(site.stop(), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        busy.rollback().await.expect("an end");
    });
    let answer = talk.hear_of("next", "1").await;
    assert!(answer["data"]["signIn"]["session"]["accessToken"].is_string(), "{answer}");
    talk.hear_of("complete", "1").await;
    assert_eq!(talk.closed().await, 1001);
}

impl Talk {
    /// Whether something came before the answer to a ping.
    async fn hear_after_ping(&mut self) -> bool {
        self.say(json!({ "type": "ping" })).await;
        self.hear().await["type"] != "pong"
    }
}

async fn what_is_no_text_is_1007(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    let MaybeTlsStream::Plain(stream) = talk.0.get_mut() else { panic!("not plain") };
    // A text frame of two masked bytes, which are none of UTF-8.
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]).await.expect("sent");
    assert_eq!(talk.closed().await, 1007);
}

async fn renewals_are_answered_one_after_the_other(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    let renew = |token: &str| {
        let payload = json!({ "authorization": format!("Bearer {token}") });
        Message::text(json!({ "type": "ping", "payload": payload }).to_string())
    };
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(site.token("pdv").await);
    }
    site.app.directory.forget();
    for token in &tokens {
        talk.0.feed(renew(token)).await.expect("sent");
    }
    talk.0.flush().await.expect("sent");
    for _ in &tokens {
        let pong = talk.hear().await;
        assert!(pong["type"] == "pong" && pong["payload"]["expiresAt"].is_string(), "{pong}");
    }
    // It goes on under the last one.
    for token in &tokens[..4] {
        site.sign_out(token).await;
    }
    talk.is_quiet().await;
    site.sign_out(&tokens[4]).await;
    assert_eq!(talk.closed().await, 4403);
}

async fn the_session_before_a_renewal_may_end(backend: Backend) {
    let site = Site::start(backend).await;
    let (old, new) = (site.token("pdv").await, site.token("pdv").await);
    let mut talk = Talk::begin(&site.address, &old).await;
    follow(&site, &mut talk, "1", FOLLOW).await;
    talk.say(json!({ "type": "ping", "payload": { "token": new } })).await;
    while talk.hear().await["type"] != "pong" {}
    site.sign_out(&old).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    happen(&site, 66).await;
    let last = sesame::graphql::id::global(WorkItemId(66)).0;
    while talk.hear_of("next", "1").await["data"]["workQueueChanged"]["itemId"] != json!(last) {}
    talk.subscribe("2", ME).await;
    assert_eq!(talk.hear_of("next", "2").await["data"]["viewer"]["user"]["code"], "P1");
}

async fn an_operation_has_only_so_long(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.seconds = 1).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    let busy = site.app.database.begin().await.expect("a transaction");
    let begun = Instant::now();
    talk.subscribe("1", "mutation { createUpload(input: { name: \"a.pdf\", size: 9 }) { upload { id } } }").await;
    let answer = talk.hear_of("next", "1").await;
    assert_eq!(answer["errors"][0]["extensions"]["limit"], "seconds", "{answer}");
    assert!(answer["data"].is_null() && begun.elapsed() < Duration::from_secs(5), "{answer}");
    talk.hear_of("complete", "1").await;
    // What is followed is no request: it has all the time.
    follow_quietly(&site, &mut talk, busy).await;
}

async fn follow_quietly(site: &Site, talk: &mut Talk, busy: sea_orm::DatabaseTransaction) {
    busy.rollback().await.expect("an end");
    follow(site, talk, "2", FOLLOW).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    happen(site, 44).await;
    let last = sesame::graphql::id::global(WorkItemId(44)).0;
    while talk.hear_of("next", "2").await["data"]["workQueueChanged"]["itemId"] != json!(last) {}
}

async fn who_is_not_signed_in_takes_little_room(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.waiting_sockets = 2).await;
    let token = site.token("pdv").await;
    let protocol = [("sec-websocket-protocol", PROTOCOL)];
    let (mut first, _second) = (Talk::open(&site.address).await, Talk::open(&site.address).await);
    assert_eq!(connect(&site.address, &protocol).await.err(), Some(503));
    // Whoever signs in makes room.
    first.say(init(&token, "en")).await;
    assert_eq!(first.hear().await["type"], "connection_ack");
    let _third = Talk::open(&site.address).await;
    assert_eq!(connect(&site.address, &protocol).await.err(), Some(503));
}

async fn what_fails_ends_with_an_error(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    follow(&site, &mut talk, "queue", FOLLOW).await;
    talk.subscribe("budgets", "subscription { budgetChanged(year: 2026) { cursor } }").await;
    talk.is_quiet().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    // An event that cannot be read: a defect, which no waiting heals.
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    let conn = op.begin().await.expect("a transaction");
    let event = Event::new("budget.broken", Subject { kind: "Envelope", id: 1 });
    let id = outbox::record(&op, &conn, &Call::default(), event).await.expect("an event");
    let unlock = match backend {
        Backend::Sqlite => "DROP TRIGGER event_is_not_changed",
        Backend::Postgres => "DROP TRIGGER event_is_kept ON event",
    };
    sea_orm::ConnectionTrait::execute_unprepared(&conn, unlock).await.expect("a change");
    let sql = format!("UPDATE event SET envelopes = '\"broken\"' WHERE id = {}", id.0);
    sea_orm::ConnectionTrait::execute_unprepared(&conn, &sql).await.expect("a change");
    conn.commit().await.expect("a commit");
    site.app.outbox.wake();
    let errors = loop {
        let message = talk.hear().await;
        if message["id"] == "budgets" {
            assert_eq!(message["type"], "error", "{message}");
            break message["payload"].clone();
        }
    };
    assert_eq!(errors[0]["extensions"]["code"], "INTERNAL", "{errors}");
    talk.subscribe("budgets", ME).await;
    while talk.hear().await["id"] != "budgets" {}
}

async fn an_answer_on_a_socket_is_bounded(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.response_bytes = 2_000).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    talk.subscribe("1", crate::http::INTROSPECTION).await;
    let errors = talk.hear_of("error", "1").await;
    assert_eq!(errors[0]["extensions"]["limit"], "response_bytes", "{errors}");
    talk.subscribe("2", ME).await;
    talk.hear_of("next", "2").await;
}

async fn cursors_are_those_of_their_feed(backend: Backend) {
    let site = Site::start(backend).await;
    let mut talk = Talk::begin(&site.address, &site.token("pdv").await).await;
    happen(&site, 1).await;
    let text = |position, view| outbox::Cursor { place: (position, outbox::WHOLE), view }.to_string();
    for (id, (field, after)) in [
        ("orderChanged(", text(9_999_999, 0x6f72_6465)),
        ("orderChanged(", text(0, 0x6275_6467)),
        ("orderChanged(", "MQ".into()),
        ("budgetChanged(year: 2026, ", text(9_999_999, 0x6275_6467)),
        ("budgetChanged(year: 2026, ", text(0, 0x6f72_6465)),
        ("workQueueChanged(", text(9_999_999, 0)),
    ]
    .into_iter()
    .enumerate()
    {
        let id = id.to_string();
        talk.subscribe(&id, &format!("subscription {{ {field}after: \"{after}\") {{ cursor }} }}")).await;
        assert_eq!(talk.refused(&id).await, "BAD_USER_INPUT", "{field} {after}");
    }
}
