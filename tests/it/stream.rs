//! Streams of events as a client sees them: `graphql-sse`, one operation on one connection, and rights that change
//! on the way. Pages of other sites (K-11) too.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ::entity::vocabulary::{Language, WorkItemId};
use futures_util::StreamExt;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use sesame::{
    action::Call,
    op::Op,
    outbox::{self, Event, Subject},
};
use tokio::time::timeout;

use crate::{
    excessive::excessive,
    harness::{Backend, Trial, trials},
    http::Site,
    socket::{happen, withdraw},
    talk::{PATIENCE, PROTOCOL, Talk, connect, init},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both what_is_asked_is_answered_as_over_http,
        sqlite what_is_wrong_around_an_operation_is_told_by_the_status,
        sqlite limits_are_those_of_http,
        sqlite one_mode_is_served_and_the_other_is_named,
        both events_come_and_go_on_where_a_client_was,
        both a_stream_ends_with_its_token,
        both signing_out_elsewhere_ends_the_stream,
        both who_loses_a_right_loses_what_hangs_on_it_alone,
        sqlite sockets_and_streams_are_counted_together,
        sqlite who_leaves_gives_up_the_place,
        sqlite a_stream_shows_that_it_lives,
        sqlite(threads = 2) a_slow_reader_harms_only_itself,
        sqlite stopping_ends_the_streams_and_says_no_farewell,
        sqlite stopping_lets_what_runs_finish,
        sqlite what_fails_ends_with_one_error,
        sqlite an_answer_in_a_stream_is_bounded,
        sqlite k11_only_pages_that_are_named_are_answered,
    ]
}

const FOLLOW: &str = "subscription { workQueueChanged { change itemId } }";
const FOLLOW_PLACES: &str = "subscription { workQueueChanged { change item { delegation { name } } } }";
const ME: &str = "{ viewer { user { code } } }";

/// What a client hears.
#[derive(Debug, PartialEq)]
enum Heard {
    /// The last `id:` and the answer.
    Next(Option<String>, Value),
    Complete,
    /// A sign of life.
    Comment,
    /// Nothing more comes, on either side.
    End,
}

/// The client's end of a stream.
struct Ears {
    bytes: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>>>>,
    text: String,
    heard: VecDeque<Heard>,
}

impl Ears {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{:?}", response.text().await);
        for (name, value) in [
            (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store, no-transform"),
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        Self { bytes: Box::pin(response.bytes_stream()), text: String::new(), heard: VecDeque::new() }
    }

    async fn of(site: &Site, token: &str, query: &str) -> Self {
        Self::open(posted(site, Some(token), &json!({ "query": query }))).await
    }

    /// Whatever comes next.
    async fn anything(&mut self) -> Heard {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return heard;
            }
            match timeout(PATIENCE, self.bytes.next()).await.expect("something within the time") {
                Some(Ok(bytes)) => self.read(&bytes),
                Some(Err(_)) | None => return Heard::End,
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        self.text.push_str(std::str::from_utf8(bytes).expect("whole characters"));
        while let Some((event, rest)) = self.text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            self.heard.push_back(match field("event: ").as_deref() {
                Some("next") => {
                    let data = field("data: ").expect("data");
                    Heard::Next(field("id: "), serde_json::from_str(&data).expect("JSON"))
                }
                Some("complete") => {
                    assert_eq!(field("data: ").as_deref(), Some(""), "browsers tell no event without data");
                    Heard::Complete
                }
                None if event.starts_with(':') => Heard::Comment,
                other => panic!("an event {other:?}"),
            });
            self.text = rest.to_owned();
        }
    }

    /// Whatever comes next, signs of life aside.
    async fn hear(&mut self) -> Heard {
        loop {
            match self.anything().await {
                Heard::Comment => {}
                other => return other,
            }
        }
    }

    async fn next(&mut self) -> Value {
        match self.hear().await {
            Heard::Next(_, answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// The one answer, behind which the stream is complete.
    async fn only(&mut self) -> Value {
        let answer = self.next().await;
        assert_eq!((self.hear().await, self.hear().await), (Heard::Complete, Heard::End));
        answer
    }

    /// The code of the error with which the stream ends, whatever came before.
    async fn ends_with(&mut self) -> String {
        loop {
            let answer = self.next().await;
            if let Some(code) = answer["errors"][0]["extensions"]["code"].as_str() {
                assert_eq!((self.hear().await, self.hear().await), (Heard::Complete, Heard::End));
                return code.to_owned();
            }
        }
    }

    /// Hears of an item.
    async fn of_item(&mut self, item: i64) {
        let id = json!(sesame::graphql::id::global(WorkItemId(item)).0);
        while self.next().await["data"]["workQueueChanged"]["itemId"] != id {}
    }
}

fn posted(site: &Site, token: Option<&str>, body: &Value) -> RequestBuilder {
    let request = site.request(Method::POST, "/graphql/stream").header(header::ACCEPT, "text/event-stream").json(body);
    token.iter().fold(request, |request, token| request.bearer_auth(token))
}

fn by_get(site: &Site, token: Option<&str>, query: &[(&str, &str)]) -> RequestBuilder {
    let url = reqwest::Url::parse_with_params(&format!("http://{}/graphql/stream", site.address), query);
    let url = url.expect("a URL");
    let request = site.request(Method::GET, &format!("{}?{}", url.path(), url.query().unwrap_or_default()));
    let request = request.header(header::ACCEPT, "text/event-stream");
    token.iter().fold(request, |request, token| request.bearer_auth(token))
}

/// Follows the queue until it is certain that the server does.
async fn follow(site: &Site, token: &str, query: &str) -> Ears {
    let mut ears = Ears::of(site, token, query).await;
    for _ in 0..100 {
        happen(site, 1).await;
        if let Ok(heard) = timeout(Duration::from_millis(200), ears.hear()).await {
            assert!(matches!(&heard, Heard::Next(_, answer) if answer.get("errors").is_none()), "{heard:?}");
            return ears;
        }
    }
    panic!("nothing is heard");
}

async fn seats(site: &Site, most: usize) {
    let begun = Instant::now();
    while site.app.connections.count() > most {
        assert!(begun.elapsed() < PATIENCE, "the place is given up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn what_is_asked_is_answered_as_over_http(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for body in [
        json!({ "query": ME }),
        json!({ "query": "query A { __typename } query B($id: ID!) { node(id: $id) { id } }", "operationName": "B", "variables": { "id": "x" } }),
        json!({ "query": "{ nothing }" }),
        json!({ "query": "{ viewer {" }),
        json!({ "query": "query A { a } query B { b }" }),
        json!({ "query": "{ platformOnly: users { totalCount } }" }),
        json!({ "query": "mutation { createUser(input: {}) { user { id } } }" }),
        json!({ "query": "query($id: ID!) { node(id: $id) { id } }", "variables": { "id": "a\0b" } }),
    ] {
        let over_http = site.ask(Some(&token), body.clone()).await.body;
        let told = Ears::open(posted(&site, Some(&token), &body)).await.only().await;
        assert_eq!(told, over_http, "{body}");
    }
    let got = Ears::open(by_get(&site, Some(&token), &[("query", ME)])).await.only().await;
    assert_eq!(got["data"]["viewer"]["user"]["code"], "P1");
    // In the language of the request, and without a token what needs none.
    let french = posted(&site, Some(&token), &json!({ "query": "" })).header(header::ACCEPT_LANGUAGE, "fr");
    let french = Ears::open(french).await.only().await;
    assert!(french["errors"][0]["message"].is_string(), "{french}");
    let sign_in = json!({
        "query": "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } userErrors { code } } }",
        "variables": { "input": { "email": "pdv@test.example", "password": crate::http::PASSWORD } }
    });
    let signed_in = Ears::open(posted(&site, None, &sign_in)).await.only().await;
    assert!(signed_in["data"]["signIn"]["session"]["accessToken"].is_string(), "{signed_in}");
    seats(&site, 0).await;
}

async fn what_is_wrong_around_an_operation_is_told_by_the_status(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let status = async |request: RequestBuilder| {
        let answer = request.send().await.expect("an answer");
        let (status, media) = (answer.status().as_u16(), answer.headers()[header::CONTENT_TYPE].clone());
        assert!(media.to_str().is_ok_and(|media| media.contains("json")), "{media:?}");
        let body: Value = answer.json().await.expect("JSON");
        assert!(body["errors"][0]["message"].is_string() && body.get("data").is_none(), "{body}");
        status
    };
    let (me, sign_out) = (json!({ "query": ME }), "mutation { signOut(input: {}) { userErrors { message } } }");
    assert_eq!(status(posted(&site, None, &me)).await, 401);
    assert_eq!(status(posted(&site, None, &json!({ "query": FOLLOW }))).await, 401);
    assert_eq!(status(posted(&site, Some("nothing"), &me)).await, 401);
    assert_eq!(status(by_get(&site, Some(&token), &[("query", sign_out)])).await, 405);
    assert_eq!(status(by_get(&site, Some(&token), &[("query", ME), ("query", ME)])).await, 400);
    assert_eq!(status(posted(&site, Some(&token), &json!([me]))).await, 400);
    assert_eq!(status(posted(&site, Some(&token), &json!({ "query": 1 }))).await, 400);
    let request = || site.request(Method::POST, "/graphql/stream").bearer_auth(&token).body(me.to_string());
    assert_eq!(status(request().header(header::CONTENT_TYPE, "text/plain")).await, 415);
    let json = || request().header(header::CONTENT_TYPE, "application/json");
    assert_eq!(status(json().header(header::ACCEPT, "application/json")).await, 406);
    assert_eq!(
        Ears::open(json().header(header::ACCEPT, "*/*")).await.only().await["data"]["viewer"]["user"]["code"],
        "P1"
    );
    assert_eq!(site.ask(Some(&token), me).await.status, StatusCode::OK, "nobody was signed out");
}

async fn limits_are_those_of_http(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for (limit, body) in excessive() {
        let answer = posted(&site, Some(&token), &body).send().await.expect("an answer");
        // What holds too many values is not even read as a request.
        let told: Value = match answer.status() {
            StatusCode::BAD_REQUEST if limit == "values" => answer.json().await.expect("JSON"),
            _ => Ears::open(posted(&site, Some(&token), &body)).await.only().await,
        };
        assert_eq!(told["errors"][0]["extensions"]["limit"], limit, "{told}");
        assert_eq!(told["errors"][0]["extensions"]["code"], "TOO_COMPLEX");
    }
    seats(&site, 0).await;
}

async fn one_mode_is_served_and_the_other_is_named(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for (method, path, status) in [
        (Method::PUT, "/graphql/stream", 405),
        (Method::DELETE, "/graphql/stream?operationId=1", 405),
        (Method::GET, "/graphql/stream?token=1", 400),
    ] {
        let answer = site.request(method, path).bearer_auth(&token).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert!(answer.text().await.expect("a text").contains("distinct connections mode"), "{path}");
    }
    let reserved = posted(&site, Some(&token), &json!({ "query": ME })).header("x-graphql-event-stream-token", "1");
    assert_eq!(reserved.send().await.expect("an answer").status(), StatusCode::BAD_REQUEST);
}

async fn events_come_and_go_on_where_a_client_was(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let query = "subscription($after: String) { workQueueChanged(after: $after) { change itemId cursor } }";
    let mut ears = follow(&site, &token, query).await;
    for item in 2..12 {
        happen(&site, item).await;
    }
    let mut places = Vec::new();
    for item in 2..12 {
        let id = json!(sesame::graphql::id::global(WorkItemId(item)).0);
        loop {
            let Heard::Next(place, answer) = ears.hear().await else { panic!("the end") };
            let event = &answer["data"]["workQueueChanged"];
            assert_eq!(event["cursor"].as_str(), place.as_deref(), "its place is the event's id");
            if event["itemId"] == id {
                places.push(place.expect("a place"));
                break;
            }
            assert_eq!(event["itemId"], json!(sesame::graphql::id::global(WorkItemId(1)).0), "in order, none twice");
        }
    }
    drop(ears);
    // As a browser does that was cut off; and by address, with a variable.
    let again = posted(&site, Some(&token), &json!({ "query": query })).header("last-event-id", &places[4]);
    let mut again = Ears::open(again).await;
    let variables = json!({ "after": places[4] }).to_string();
    let mut by_address = Ears::open(by_get(&site, Some(&token), &[("query", query), ("variables", &variables)])).await;
    for item in 7..12 {
        let id = json!(sesame::graphql::id::global(WorkItemId(item)).0);
        assert_eq!(again.next().await["data"]["workQueueChanged"]["itemId"], id);
        assert_eq!(by_address.next().await["data"]["workQueueChanged"]["itemId"], id);
    }
    let odd = posted(&site, Some(&token), &json!({ "query": query })).header("last-event-id", "nothing");
    assert_eq!(Ears::open(odd).await.ends_with().await, "BAD_USER_INPUT");
    drop((again, by_address));
    seats(&site, 0).await;
}

async fn a_stream_ends_with_its_token(backend: Backend) {
    let site = Site::with(backend, |settings| settings.access_token_seconds = 2).await;
    let begun = Instant::now();
    let mut ears = follow(&site, &site.token("pdv").await, FOLLOW).await;
    assert_eq!(ears.ends_with().await, "UNAUTHENTICATED");
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    seats(&site, 0).await;
}

async fn signing_out_elsewhere_ends_the_stream(backend: Backend) {
    let site = Site::start(backend).await;
    let (token, other) = (site.token("pdv").await, site.token("pdv").await);
    let mut ears = follow(&site, &token, FOLLOW).await;
    let mut second = follow(&site, &other, FOLLOW).await;
    let begun = Instant::now();
    site.sign_out(&token).await;
    assert_eq!(ears.ends_with().await, "UNAUTHENTICATED");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    happen(&site, 88).await;
    second.of_item(88).await;
}

async fn who_loses_a_right_loses_what_hangs_on_it_alone(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut plain = follow(&site, &token, FOLLOW).await;
    let mut places = follow(&site, &token, FOLLOW_PLACES).await;
    let begun = Instant::now();
    withdraw(&site, "PDV", "readNetwork").await;
    assert_eq!(places.ends_with().await, "BAD_USER_INPUT");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let unknown = Ears::of(&site, &token, FOLLOW_PLACES).await.only().await;
    assert!(unknown["errors"][0]["message"].as_str().is_some_and(|text| text.contains("delegation")), "{unknown}");
    happen(&site, 77).await;
    plain.of_item(77).await;
    withdraw(&site, "PDV", "workQueue").await;
    assert_eq!(plain.ends_with().await, "BAD_USER_INPUT");
    seats(&site, 0).await;
}

async fn sockets_and_streams_are_counted_together(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.sockets = 2).await;
    let token = site.token("pdv").await;
    let first = Talk::begin(&site.address, &token).await;
    let second = follow(&site, &token, FOLLOW).await;
    for query in [FOLLOW, ME] {
        let third = Ears::of(&site, &token, query).await.only().await;
        assert_eq!(third["errors"][0]["extensions"]["limit"], "sockets", "{third}");
    }
    let mut socket = Talk::open(&site.address).await;
    socket.say(init(&token, "en")).await;
    assert_eq!(socket.closed().await, 4403);
    follow(&site, &site.token("pdv2").await, FOLLOW).await;
    drop(first);
    seats(&site, 1).await;
    let third = Ears::of(&site, &token, ME).await.only().await;
    assert_eq!(third["data"]["viewer"]["user"]["code"], "P1", "and what is over counts no more");
    seats(&site, 1).await;
    drop(second);
}

async fn who_leaves_gives_up_the_place(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let ears = follow(&site, &token, FOLLOW).await;
    assert_eq!(site.app.connections.count(), 1);
    drop(ears);
    seats(&site, 0).await;
}

async fn a_stream_shows_that_it_lives(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.ping_seconds = 1).await;
    let token = site.token("pdv").await;
    let begun = Instant::now();
    let mut ears = Ears::of(&site, &token, FOLLOW).await;
    // At once, and then every second.
    for _ in 0..3 {
        assert_eq!(ears.anything().await, Heard::Comment);
    }
    assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    happen(&site, 5).await;
    ears.of_item(5).await;
}

async fn a_slow_reader_harms_only_itself(backend: Backend) {
    let site = Site::with(backend, |settings| {
        settings.limits.unread_seconds = 2;
        settings.limits.name_length = 10_000;
    })
    .await;
    let long = format!("subscription {{ {}: workQueueChanged {{ change itemId }} }}", "a".repeat(10_000));
    let token = site.token("pdv").await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(Ears::of(&site, &token, &long).await);
    }
    let mut quick = follow(&site, &site.token("pdv2").await, FOLLOW).await;
    let mut longest = Duration::ZERO;
    let begun = Instant::now();
    let mut item = 1_000;
    // The machine keeps a few megabytes for whoever does not read; then they are given up.
    while site.app.connections.count() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(90), "the slow ones are given up");
        let told = Instant::now();
        item += 1;
        happen(&site, item).await;
        quick.of_item(item).await;
        longest = longest.max(told.elapsed());
    }
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    drop(slow);
}

async fn stopping_ends_the_streams_and_says_no_farewell(backend: Backend) {
    let mut site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut first = follow(&site, &token, FOLLOW).await;
    let mut second = follow(&site, &token, FOLLOW).await;
    let begun = Instant::now();
    let ended = async |ears: &mut Ears| {
        loop {
            match ears.hear().await {
                Heard::Next(..) => {}
                other => break other,
            }
        }
    };
    let ((), first, second) = tokio::join!(site.stop(), ended(&mut first), ended(&mut second));
    // Not complete: a client goes on with another server.
    assert_eq!((first, second), (Heard::End, Heard::End));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

async fn stopping_lets_what_runs_finish(backend: Backend) {
    let mut site = Site::start(backend).await;
    let busy = site.app.database.begin().await.expect("a transaction");
    let query = format!(
        "mutation {{ signIn(input: {{ email: \"pdv@test.example\", password: \"{}\" }}) {{ session {{ accessToken }} }} }}",
        crate::http::PASSWORD
    );
    let mut ears = Ears::open(posted(&site, None, &json!({ "query": query }))).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let ((), (), answer) = tokio::join!(
        site.stop(),
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            busy.rollback().await.expect("an end");
        },
        ears.only()
    );
    assert!(answer["data"]["signIn"]["session"]["accessToken"].is_string(), "{answer}");
}

async fn what_fails_ends_with_one_error(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut ears = Ears::of(&site, &token, "subscription { budgetChanged(year: 2026) { cursor } }").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    // An event that cannot be read: a defect, which no waiting heals.
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    let conn = op.begin().await.expect("a transaction");
    let event = Event::new("budget.broken", Subject { kind: "Envelope", id: 1 });
    let id = outbox::record(&op, &conn, &Call::default(), event).await.expect("an event");
    let unlock = "DROP TRIGGER event_is_not_changed";
    sea_orm::ConnectionTrait::execute_unprepared(&conn, unlock).await.expect("a change");
    let sql = format!("UPDATE event SET envelopes = '\"broken\"' WHERE id = {}", id.0);
    sea_orm::ConnectionTrait::execute_unprepared(&conn, &sql).await.expect("a change");
    conn.commit().await.expect("a commit");
    site.app.outbox.wake();
    assert_eq!(ears.ends_with().await, "INTERNAL");
    seats(&site, 0).await;
}

async fn an_answer_in_a_stream_is_bounded(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.response_bytes = 2_000).await;
    let token = site.token("pdv").await;
    let told = Ears::of(&site, &token, crate::http::INTROSPECTION).await.only().await;
    assert_eq!(told["errors"][0]["extensions"]["limit"], "response_bytes", "{told}");
}

async fn k11_only_pages_that_are_named_are_answered(backend: Backend) {
    let site = Site::with(backend, |settings| settings.cors_origins = vec!["https://desk.example".into()]).await;
    let token = site.token("pdv").await;
    let (named, other) = ("https://desk.example", "https://evil.example");
    // Before a page may send anything, its browser asks.
    for path in ["/graphql", "/graphql/stream"] {
        let ask = async |origin: &str| {
            let request = site.request(Method::OPTIONS, path).header(header::ORIGIN, origin);
            let request = request.header("access-control-request-method", "POST");
            request
                .header("access-control-request-headers", "authorization,content-type")
                .send()
                .await
                .expect("an answer")
        };
        let allowed = ask(named).await;
        assert!(allowed.status().is_success());
        assert_eq!(allowed.headers()["access-control-allow-origin"], named);
        let headers = allowed.headers()["access-control-allow-headers"].to_str().expect("a text").to_owned();
        assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
        assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
        assert!(!ask(other).await.headers().contains_key("access-control-allow-origin"), "{path}");
    }
    let answer = site.request(Method::POST, "/graphql").bearer_auth(&token).header(header::ORIGIN, named);
    let answer = answer.json(&json!({ "query": ME })).send().await.expect("an answer");
    assert_eq!(answer.headers()["access-control-allow-origin"], named);
    assert!(answer.headers()["access-control-expose-headers"].to_str().is_ok_and(|told| told.contains("retry-after")));
    // Events and sockets: no browser asks before.
    let stream = |origin: &str| posted(&site, Some(&token), &json!({ "query": ME })).header(header::ORIGIN, origin);
    Ears::open(stream(named)).await.only().await;
    Ears::open(stream(&format!("http://{}", site.address))).await.only().await;
    assert_eq!(stream(other).send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    let socket = async |origin: &str| {
        connect(&site.address, &[("sec-websocket-protocol", PROTOCOL), ("origin", origin)]).await.err()
    };
    assert_eq!((socket(named).await, socket(other).await), (None, Some(403)));
    // Nobody is named unless the settings do.
    let closed = Site::start(backend).await;
    let answer = closed.request(Method::GET, "/graphql?query=%7B__typename%7D").header(header::ORIGIN, named);
    assert!(!answer.send().await.expect("an answer").headers().contains_key("access-control-allow-origin"));
}
