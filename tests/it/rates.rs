//! What an operation costs, what one may ask for in a minute (K-13), and how both are told.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode, header};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::{
    harness::{Backend, Trial, trials},
    http::{Answer, Site},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both the_cost_is_told_to_whoever_asks,
        both k13_who_asks_for_too_much_waits,
        both k13_every_transport_counts_for_the_same_person,
        sqlite k13_strangers_and_failures_are_counted_by_address,
        sqlite k13_what_fails_is_paid_for,
        sqlite k13_off_is_off,
        sqlite k13_a_refusal_is_cheap,
        postgres(threads = 2) k13_two_processes_keep_one_limit,
        postgres k13_an_idle_person_costs_the_database_nothing,
    ]
}

const ME: &str = "{ viewer { user { code } } }";
/// Costs 64 with its page of 20 rows: 3 for each, and the fields above them.
const PAGE: &str = "{ workQueue(first: 20) { nodes { id kind since } } }";

fn with_points(points: usize) -> impl FnOnce(&mut sesame::config::Settings) {
    move |settings| settings.limits.person_points = points
}

fn cost(answer: &Value) -> Value {
    answer["extensions"]["cost"].clone()
}

async fn the_cost_is_told_to_whoever_asks(backend: Backend) {
    let site = Site::with(backend, with_points(100_000)).await;
    let token = site.token("pdv").await;
    let plain = site.ask(Some(&token), json!({ "query": PAGE })).await;
    assert!(plain.body.get("extensions").is_none(), "{plain:?}");
    let asking = json!({ "query": PAGE, "extensions": { "cost": true } });
    let over_http = cost(&site.ask(Some(&token), asking.clone()).await.body);
    let requested = over_http["requested"].as_u64().expect("a cost");
    assert!((60..100).contains(&requested), "{over_http}");
    assert_eq!(over_http["most"], 20_000);
    assert!(over_http["statements"].as_u64().is_some_and(|statements| (1..5).contains(&statements)), "{over_http}");
    assert_eq!(over_http["budget"]["most"], 100_000);
    assert!(
        over_http["budget"]["remaining"].as_u64().is_some_and(|left| (90_000..=100_000).contains(&left)),
        "{over_http}"
    );
    let by_header = site.request(Method::POST, "/graphql").header("x-sesame-cost", "1").bearer_auth(&token);
    let by_header = Answer::of(by_header.json(&json!({ "query": PAGE }))).await;
    assert_eq!(cost(&by_header.body)["requested"], requested);
    let mut talk = Talk::begin(&site.address, &token).await;
    talk.say(json!({ "type": "subscribe", "id": "1", "payload": asking })).await;
    assert_eq!(cost(&talk.hear_of("next", "1").await)["requested"], requested);
    let stream = site.request(Method::POST, "/graphql/stream").bearer_auth(&token).json(&asking);
    let told = Answer::of(stream.header(header::ACCEPT, "text/event-stream")).await.body;
    assert!(told.as_str().is_some_and(|told| told.contains(&format!("\"requested\":{requested}"))), "{told}");
    // Beside the first event of what is followed, and no other.
    let follow = "subscription { workQueueChanged { change itemId } }";
    talk.hear_of("complete", "1").await;
    talk.say(json!({ "type": "subscribe", "id": "2", "payload": { "query": follow, "extensions": { "cost": true } } }))
        .await;
    talk.is_quiet().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    crate::socket::happen(&site, 7).await;
    crate::socket::happen(&site, 8).await;
    let first = talk.hear_of("next", "2").await;
    assert!(cost(&first)["requested"].is_u64() && first["data"]["workQueueChanged"]["change"] == "REMOVED", "{first}");
    assert!(talk.hear_of("next", "2").await.get("extensions").is_none());
}

async fn k13_who_asks_for_too_much_waits(backend: Backend) {
    let site = Site::with(backend, with_points(1_200)).await;
    let (token, other) = (site.token("pdv").await, site.token("pdv2").await);
    let first = site.ask(Some(&token), json!({ "query": PAGE })).await;
    assert_eq!(first.headers["ratelimit-policy"], "\"person\";q=1200;w=60");
    let left = |answer: &Answer| answer.headers["ratelimit"].to_str().expect("a text").to_owned();
    assert!(left(&first).starts_with("\"person\";r=11"), "{}", left(&first));
    let mut answered = 1;
    let refused = loop {
        let answer = site.ask(Some(&token), json!({ "query": PAGE })).await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        answered += 1;
        assert!(answered < 30, "{answer:?}");
    };
    // 1 200 points, a little of which came back meanwhile, and the share of a process.
    assert!((14..=22).contains(&answered), "{answered}");
    assert_eq!((refused.status, refused.code()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"), "{refused:?}");
    let error = &refused.body["errors"][0];
    assert_eq!((&error["extensions"]["limit"], &error["extensions"]["most"]), (&json!("person_points"), &json!(1_200)));
    let seconds: u64 = refused.headers["retry-after"].to_str().expect("a text").parse().expect("a number");
    assert_eq!(error["extensions"]["retryAfter"], seconds);
    assert!((1..=5).contains(&seconds) && left(&refused).starts_with("\"person\";r="), "{refused:?}");
    assert!(refused.body.get("data").is_none(), "nothing was run");
    let legacy = site.request(Method::POST, "/graphql").header(header::ACCEPT, "application/json").bearer_auth(&token);
    let legacy = Answer::of(legacy.json(&json!({ "query": PAGE }))).await;
    assert_eq!(legacy.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(site.ask(Some(&other), json!({ "query": PAGE })).await.status, StatusCode::OK, "each has their own");
    tokio::time::sleep(Duration::from_secs(seconds + 1)).await;
    assert_eq!(site.ask(Some(&token), json!({ "query": PAGE })).await.status, StatusCode::OK, "and it comes back");
}

async fn k13_every_transport_counts_for_the_same_person(backend: Backend) {
    let site = Site::with(backend, with_points(600)).await;
    let token = site.token("pdv").await;
    let mut talk = Talk::begin(&site.address, &token).await;
    let mut answered = 0;
    let refused = loop {
        let id = answered.to_string();
        talk.subscribe(&id, PAGE).await;
        let message = talk.hear().await;
        if message["type"] == "error" {
            break message["payload"].clone();
        }
        talk.hear_of("complete", &id).await;
        answered += 1;
        assert!(answered < 15, "{message}");
    };
    assert_eq!(refused[0]["extensions"]["code"], "RATE_LIMITED", "{refused}");
    assert!(refused[0]["extensions"]["retryAfter"].is_u64(), "{refused}");
    talk.is_quiet().await;
    let over_http = site.ask(Some(&token), json!({ "query": PAGE })).await;
    assert_eq!(over_http.status, StatusCode::TOO_MANY_REQUESTS);
    let stream = site.request(Method::POST, "/graphql/stream").bearer_auth(&token).json(&json!({ "query": PAGE }));
    let told = Answer::of(stream.header(header::ACCEPT, "text/event-stream")).await;
    // Who has nothing left is told by the status, and who has too little by an event.
    assert!(told.body.to_string().contains("RATE_LIMITED"), "{told:?}");
}

async fn k13_strangers_and_failures_are_counted_by_address(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.address_points = 200).await;
    let token = site.token("pdv").await;
    let until_refused = async |ask: &dyn AsyncAsk| {
        for times in 0..40 {
            let answer = ask.ask().await;
            if answer.status == StatusCode::TOO_MANY_REQUESTS {
                assert_eq!(answer.body["errors"][0]["extensions"]["limit"], "address_points", "{answer:?}");
                assert!(answer.headers.contains_key("retry-after"));
                return times;
            }
        }
        panic!("never refused");
    };
    assert!((20..=24).contains(&until_refused(&Stranger(&site, None)).await));
    // Tokens that prove nothing come from the same address: there is nothing left for them either.
    assert!(until_refused(&Stranger(&site, Some("nothing"))).await < 3);
    // Who is signed in pays for themselves.
    assert_eq!(site.ask(Some(&token), json!({ "query": ME })).await.status, StatusCode::OK);
}

/// Somebody who asks again and again.
trait AsyncAsk {
    fn ask(&self) -> std::pin::Pin<Box<dyn Future<Output = Answer> + '_>>;
}

struct Stranger<'s>(&'s Site, Option<&'static str>);

impl AsyncAsk for Stranger<'_> {
    fn ask(&self) -> std::pin::Pin<Box<dyn Future<Output = Answer> + '_>> {
        Box::pin(self.0.ask(self.1, json!({ "query": "{ __typename }" })))
    }
}

async fn k13_what_fails_is_paid_for(backend: Backend) {
    let site = Site::with(backend, with_points(200)).await;
    let token = site.token("pdv").await;
    let too_much = json!({ "query": "{ a(first: 100) { nodes { b(first: 100) { nodes { c d } } } } }" });
    let mut refused = 0;
    while site.ask(Some(&token), too_much.clone()).await.status != StatusCode::TOO_MANY_REQUESTS {
        refused += 1;
        assert!(refused < 30);
    }
    assert!((20..=24).contains(&refused), "{refused}");
}

async fn k13_off_is_off(backend: Backend) {
    let site = Site::with(backend, |settings| {
        settings.limits.person_points = 0;
        settings.limits.address_points = 0;
    })
    .await;
    let token = site.token("pdv").await;
    for token in [None, Some(token.as_str())] {
        let answer = site.ask(token, json!({ "query": "{ __typename }", "extensions": { "cost": true } })).await;
        assert!(!answer.headers.contains_key("ratelimit"), "{answer:?}");
        assert!(cost(&answer.body).get("budget").is_none() && cost(&answer.body)["requested"] == 1, "{answer:?}");
    }
}

async fn k13_a_refusal_is_cheap(backend: Backend) {
    let site = Site::with(backend, with_points(100)).await;
    let token = site.token("pdv").await;
    while site.ask(Some(&token), json!({ "query": PAGE })).await.status == StatusCode::OK {}
    let large = json!({ "query": format!("{{ {} }}", "viewer { user { code } } ".repeat(1_000)) });
    let begun = Instant::now();
    let mut refused = 0;
    while refused < 50 {
        let answer = site.ask(Some(&token), large.clone()).await;
        // The document is not even looked at.
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS => refused += 1,
            _ => assert_eq!(answer.code(), "TOO_COMPLEX", "{answer:?}"),
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// However two processes are asked, they let through what one would, what comes back meanwhile, and a sixteenth for
/// each.
async fn k13_two_processes_keep_one_limit(backend: Backend) {
    const MOST: usize = 6_400;
    let one = Site::with(backend, with_points(MOST)).await;
    let other = one.another_with(with_points(MOST)).await;
    let token = one.token("pdv").await;
    let asking = json!({ "query": PAGE, "extensions": { "cost": true } });
    let points = cost(&one.ask(Some(&token), asking).await.body)["requested"].as_u64().expect("a cost") as usize;
    let begun = Instant::now();
    let hammer = async |site: &Site| {
        let (mut answered, mut refused) = (0, 0);
        while begun.elapsed() < Duration::from_secs(4) {
            match site.ask(Some(&token), json!({ "query": PAGE })).await.status {
                StatusCode::OK => answered += 1,
                StatusCode::TOO_MANY_REQUESTS => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                status => panic!("{status}"),
            }
        }
        (answered, refused)
    };
    let ((first, gone), (second, gone_too)) = tokio::join!(hammer(&one), hammer(&other));
    let through = (1 + first + second) * points;
    let come_back = (MOST as f64 * begun.elapsed().as_secs_f64() / 60.0) as usize;
    let most = MOST + come_back + 2 * MOST / 16 + points;
    assert!(through <= most, "{through} of {most}: {first} and {second}");
    assert!(through >= MOST - 2 * MOST / 16, "{through} of {MOST}: nobody is refused what is theirs");
    assert!(first > 0 && second > 0 && gone > 0 && gone_too > 0, "{first} {second} {gone} {gone_too}");
}

async fn k13_an_idle_person_costs_the_database_nothing(backend: Backend) {
    let site = Site::with(backend, with_points(1_000_000)).await;
    let token = site.token("pdv").await;
    for _ in 0..20 {
        site.ask(Some(&token), json!({ "query": ME })).await;
    }
    // What the first share owes is told once; nothing more is asked while that share lasts.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let settled = async || {
        let db = site.app.database.reader();
        let sql = "SELECT extract(epoch FROM settled_at)::float8 FROM rate_bucket";
        let rows = db.query_all_raw(sea_orm::Statement::from_string(db.get_database_backend(), sql)).await;
        rows.expect("rows").iter().map(|row| row.try_get_by_index::<f64>(0).expect("a moment")).collect::<Vec<_>>()
    };
    let before = settled().await;
    assert_eq!(before.len(), 1, "one row for one person");
    for _ in 0..20 {
        site.ask(Some(&token), json!({ "query": ME })).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(settled().await, before);
}
