//! What async-graphql as it comes does not withstand, each beside Sésame: the library's own server and the
//! real binary, both as child processes, are sent the same.

use std::{
    process::{Command, ExitCode},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use async_graphql::{Context, EmptySubscription, ID, Object, Schema};
use async_graphql_axum::GraphQL;
use axum::Router;
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::{
    excessive::excessive,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    http::INTROSPECTION,
    process::{Place, Server, sesame},
};

pub fn trials() -> Vec<Trial> {
    trials![
        sqlite(threads = 2) gap_1_nested_values_end_the_process,
        sqlite(threads = 2) gap_2_fragments_that_double_hold_a_core,
        sqlite(threads = 2) gap_3_nothing_is_counted,
        sqlite(threads = 2) gap_4_suggestions_and_introspection,
        sqlite(threads = 2) gap_5_what_http_lets_through,
    ]
}

// ---------------------------------------------------------------------------------------------------
// The library as it comes

/// Has this very binary be the library's server.
const STOCK: &str = "SESAME_TEST_STOCK";
/// Deeper than anybody asks here, and less deep than GraphiQL's introspection.
const DEPTH: usize = 12;

struct Query;
struct Mutation;
struct Viewer;
struct User;

#[Object]
impl Query {
    async fn viewer(&self) -> Viewer {
        Viewer
    }

    async fn node(&self, id: ID) -> Option<User> {
        Some(User).filter(|_| id.is_empty())
    }

    async fn changes(&self, ctx: &Context<'_>) -> u32 {
        ctx.data_unchecked::<AtomicU32>().load(Ordering::SeqCst)
    }
}

#[Object]
impl Mutation {
    async fn change(&self, ctx: &Context<'_>) -> u32 {
        ctx.data_unchecked::<AtomicU32>().fetch_add(1, Ordering::SeqCst)
    }
}

#[Object]
impl Viewer {
    async fn user(&self) -> User {
        User
    }
}

#[Object]
impl User {
    async fn id(&self) -> ID {
        "1".into()
    }

    async fn code(&self) -> &str {
        "RR"
    }
}

/// Serves the library as it comes, with the limits that it has, where this process is asked to.
pub fn stock() -> Option<ExitCode> {
    std::env::var_os(STOCK)?;
    let schema = Schema::build(Query, Mutation, EmptySubscription).data(AtomicU32::new(0));
    let schema = schema.limit_depth(DEPTH).limit_complexity(20_000).finish();
    let router = Router::new().route_service("/graphql", GraphQL::new(schema));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        eprintln!("listening on http://{}", listener.local_addr().expect("an address"));
        axum::serve(listener, router).await.expect("a server");
    });
    Some(ExitCode::SUCCESS)
}

async fn library() -> Server {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.env(STOCK, "1");
    Server::start(command).await
}

// ---------------------------------------------------------------------------------------------------
// Both, and what they are sent

/// The library's server, Sésame's, and a token for that.
struct Pair {
    library: Server,
    sesame: Server,
    token: String,
    _database: TestDb,
    _data: tempfile::TempDir,
}

impl Pair {
    async fn start(backend: Backend) -> Self {
        let (database, data) = (TestDb::empty(backend).await, scratch_dir());
        let place = Place::with_network(&database.url, data.path()).await;
        let token = place.token("rr").await;
        let mut command = sesame(&database.url, data.path());
        command.env("SESAME_LIMITS_DEPTH", DEPTH.to_string()).arg("serve");
        let (library, sesame) = (library().await, Server::start(command).await);
        Self { library, sesame, token, _database: database, _data: data }
    }

    /// What Sésame answers.
    async fn refused(&self, request: &Value) -> Value {
        let body = request.to_string();
        let (_, answer) = said(&self.sesame, Some(&self.token), body).await.expect("an answer");
        answer
    }
}

async fn said(server: &Server, token: Option<&str>, body: String) -> reqwest::Result<(u16, Value)> {
    let request = server.http.post(format!("{}/graphql", server.url)).header(header::CONTENT_TYPE, "application/json");
    let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
    let answer = request.header(header::ACCEPT_LANGUAGE, "en").body(body).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

fn limit(answer: &Value) -> &Value {
    &answer["errors"][0]["extensions"]["limit"]
}

async fn gap_1_nested_values_end_the_process(backend: Backend) {
    let mut pair = Pair::start(backend).await;
    for (open, close) in [("[", "]"), ("{a:", "}")] {
        let bomb = format!("{{ node(id: {}1{}) {{ id }} }}", open.repeat(400), close.repeat(400));
        let bomb = json!({ "query": bomb });
        assert_eq!(limit(&pair.refused(&bomb).await), "nesting");
        let answer = said(&pair.library, None, bomb.to_string()).await;
        assert!(answer.is_err(), "the library answers: {answer:?}");
        let begun = Instant::now();
        while pair.library.process.try_wait().expect("a status").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the library's server lives");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        pair.library = library().await;
    }
    assert!(pair.sesame.is_ready().await);
}

async fn gap_2_fragments_that_double_hold_a_core(backend: Backend) {
    let pair = Pair::start(backend).await;
    let doubling: String =
        (0..30).map(|n| format!("fragment F{n} on Viewer {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
    let bomb = format!("{{ viewer {{ ...F0 }} }} {doubling} fragment F30 on Viewer {{ __typename }}");
    let bomb = json!({ "query": bomb });
    assert_eq!(limit(&pair.refused(&bomb).await), "fields");
    let answer = tokio::time::timeout(Duration::from_secs(3), said(&pair.library, None, bomb.to_string())).await;
    assert!(answer.is_err(), "the library answers in time: {answer:?}");
}

async fn gap_3_nothing_is_counted(backend: Backend) {
    let pair = Pair::start(backend).await;
    let many = |times, part: &str| part.repeat(times);
    let numbered = |times, part: &str| (0..times).map(|n| part.replace('#', &n.to_string())).collect::<String>();
    let query = |text: String| json!({ "query": text });
    let requests = [
        ("tokens", query(format!("{{ viewer {{ {} }} }}", many(6_000, "__typename ")))),
        ("aliases", query(format!("{{ viewer {{ {} }} }}", numbered(600, "a#: __typename ")))),
        ("directives", query(format!("{{ viewer {{ {} }} }}", many(250, "__typename @skip(if: false) ")))),
        ("root_fields", query(format!("{{ {} }}", many(60, "viewer { __typename } ")))),
        ("document_bytes", query(format!("{{ viewer {{ __typename }} }} {}", many(300_000, "#")))),
        ("operations", json!({ "query": numbered(60, "query Q# { viewer { __typename } } "), "operationName": "Q0" })),
    ];
    for (name, request) in requests {
        let (_, answer) = said(&pair.library, None, request.to_string()).await.expect("an answer");
        assert!(answer.get("errors").is_none(), "the library counts {name}: {answer}");
        assert_eq!(limit(&pair.refused(&request).await), name);
    }
    let batch = json!(vec![json!({ "query": "{ viewer { user { code } } }" }); 100]);
    let (_, answer) = said(&pair.library, None, batch.to_string()).await.expect("an answer");
    assert_eq!(answer.as_array().map(Vec::len), Some(100), "the library counts batches");
    assert_eq!(pair.refused(&batch).await["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    // All that Sésame refuses elsewhere, it refuses in a process of its own, too.
    for (name, request) in excessive().into_iter().filter(|(name, _)| *name != "depth") {
        assert_eq!(limit(&pair.refused(&request).await), name);
    }
    assert!(pair.sesame.is_ready().await);
}

async fn gap_4_suggestions_and_introspection(backend: Backend) {
    let pair = Pair::start(backend).await;
    let request = json!({ "query": "{ viewer { userr { code } } }" });
    let message = |answer: &Value| answer["errors"][0]["message"].as_str().expect("a message").to_owned();
    let (_, answer) = said(&pair.library, None, request.to_string()).await.expect("an answer");
    assert!(message(&answer).contains("Did you mean"), "{answer}");
    let answer = pair.refused(&request).await;
    assert!(!message(&answer).contains("Did you mean") && !message(&answer).contains("\"user\""), "{answer}");
    // A limit on depth stops GraphiQL in the library, not here.
    let request = json!({ "query": INTROSPECTION });
    let (_, answer) = said(&pair.library, None, request.to_string()).await.expect("an answer");
    assert!(message(&answer).contains("too deep"), "{answer}");
    let answer = pair.refused(&request).await;
    assert!(answer.get("errors").is_none() && answer["data"]["__schema"]["types"].is_array(), "{answer}");
}

async fn gap_5_what_http_lets_through(backend: Backend) {
    let pair = Pair::start(backend).await;
    let send = async |server: &Server, method: Method, query: &[(&str, &str)], media: &str, body: &str| {
        let mut address = reqwest::Url::parse(&format!("{}/graphql", server.url)).expect("a URL");
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        let request = server.http.request(method, address).header(header::CONTENT_TYPE, media).body(body.to_owned());
        let answer = request.bearer_auth(&pair.token).send().await.expect("an answer");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a text"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    };
    let get = async |server: &Server, query: &[(&str, &str)]| send(server, Method::GET, query, "text/plain", "").await;
    // A mutation by GET.
    let (status, answer) = get(&pair.library, &[("query", "mutation { change }")]).await;
    assert_eq!((status, &answer["data"]["change"]), (200, &json!(0)));
    let sign_out = "mutation { signOut(input: {}) { userErrors { message } } }";
    assert_eq!(get(&pair.sesame, &[("query", sign_out)]).await.0, 405);
    // The operation's name on GET.
    let two =
        [("query", "query A { viewer { __typename } } query B { viewer { user { code } } }"), ("operationName", "B")];
    assert!(get(&pair.library, &two).await.1["errors"].is_array(), "the library reads the name");
    assert_eq!(get(&pair.sesame, &two).await.1["data"]["viewer"]["user"]["code"], "RR");
    // A form of another site.
    let body = r#"{"query":"{ viewer { user { code } } }"}"#;
    for media in ["text/plain", "application/x-www-form-urlencoded"] {
        let (status, answer) = send(&pair.library, Method::POST, &[], media, body).await;
        assert_eq!((status, &answer["data"]["viewer"]["user"]["code"]), (200, &json!("RR")), "{media}");
        assert_eq!(send(&pair.sesame, Method::POST, &[], media, body).await.0, 415, "{media}");
    }
    // What is not run has no data.
    let (status, answer) =
        send(&pair.library, Method::POST, &[], "application/json", r#"{"query":"{ nothing }"}"#).await;
    assert_eq!((status, answer.get("data")), (200, Some(&Value::Null)), "{answer}");
    let (status, answer) =
        send(&pair.sesame, Method::POST, &[], "application/json", r#"{"query":"{ nothing }"}"#).await;
    assert_eq!((status, answer.get("data")), (400, None), "{answer}");
}
