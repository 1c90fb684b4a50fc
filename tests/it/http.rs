//! GraphQL over HTTP as a client sees it: media types and statuses, limits, and what must never happen.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use ::entity::{
    identity::{delegation, person, person_role, region},
    vocabulary::{DelegationId, Language, PersonId, RegionId},
};
use reqwest::{Method, StatusCode, header};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::{Value, json};
use sesame::{
    app::App,
    clock::Clock,
    config::{Partial, Settings},
    http::Serving,
    identity::passwords,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{
    excessive::excessive,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    postgres,
};

pub fn trials() -> Vec<Trial> {
    trials![
        sqlite media_types_and_statuses,
        sqlite malformed_requests_are_told_why,
        sqlite only_json_is_taken,
        sqlite queries_may_come_by_get_and_nothing_else,
        both without_a_token_only_signing_in_exists,
        sqlite a_bad_token_is_401,
        sqlite every_answer_is_named_and_safe,
        sqlite each_limit_refuses_and_is_named,
        sqlite a_body_is_bounded_however_it_comes,
        sqlite default_limits_let_graphiql_in,
        sqlite many_errors_are_cut_short,
        both characters_that_no_database_takes_are_pointed_at,
        sqlite absurd_numbers_are_bad_input,
        sqlite a_request_has_only_so_long,
        sqlite slow_clients_are_not_waited_for,
        sqlite who_signs_out_while_the_body_arrives_is_signed_out,
        sqlite malformed_scalars_are_refused_before_anything_runs,
        sqlite what_failed_is_null_or_what_holds_it,
        sqlite variables_that_nobody_declared_are_dropped,
        sqlite an_answer_is_bounded,
        sqlite connections_are_bounded,
        sqlite a_mutation_by_get_is_405_whoever_asks,
        sqlite who_does_not_read_is_given_up,
        postgres(seconds = 180) the_database_goes_away_and_comes_back,
        sqlite(threads = 2) stopping_lets_requests_finish,
        once(seconds = 180) bombs_do_not_end_the_process,
    ]
}

pub const PASSWORD: &str = "open sesame please";

/// Somebody of the tests: key, role.
const PEOPLE: &[(i64, &str, &str)] =
    &[(1, "pdv", "PDV"), (2, "pdv2", "PDV"), (3, "delegate", "DELEGATE"), (4, "platform-admin", "PLATFORM_ADMIN")];

/// A server with settings of the test's own, four people and nothing else.
pub struct Site {
    pub app: Arc<App>,
    pub address: SocketAddr,
    http: reqwest::Client,
    serving: Option<Serving>,
    db: Arc<TestDb>,
    data: Arc<TempDir>,
}

impl Site {
    pub async fn start(backend: Backend) -> Self {
        Self::with(backend, |_| {}).await
    }

    pub async fn with(backend: Backend, change: impl FnOnce(&mut Settings)) -> Self {
        let db = TestDb::from_template(backend, "people", async |url| {
            let data = scratch_dir();
            let app = App::open(settings(url, data.path()), Clock::system()).await.expect("an app");
            populate(&app).await;
            app.database.reader().close_by_ref().await.expect("a closed reader");
            app.database.writer().close_by_ref().await.expect("a closed writer");
        })
        .await;
        Self::on(Arc::new(db), Arc::new(scratch_dir()), change).await
    }

    /// One more server on the same database.
    pub async fn another(&self) -> Self {
        self.another_with(|_| {}).await
    }

    /// One more server on the same database, with settings of its own.
    pub async fn another_with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(self.db.clone(), self.data.clone(), change).await
    }

    /// Where its files are.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    async fn on(db: Arc<TestDb>, data: Arc<TempDir>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(&db.url, data.path());
        change(&mut settings);
        let app = App::open(settings, Clock::system()).await.expect("an app");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let serving = Serving::start(app.clone(), listener).expect("a server");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        Self { app, address: serving.address, http, serving: Some(serving), db, data }
    }

    pub async fn stop(&mut self) {
        self.serving.take().expect("a server").stop().await.expect("an orderly end");
    }

    /// Signs somebody in: access token and refresh token.
    pub async fn sign_in(&self, name: &str) -> (String, String) {
        let input = json!({ "email": format!("{name}@test.example"), "password": PASSWORD });
        let query = "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken refreshToken } userErrors { code } } }";
        let answer = self.ask(None, json!({ "query": query, "variables": { "input": input } })).await;
        let session = &answer.body["data"]["signIn"]["session"];
        let text = |field| session[field].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        (text("accessToken"), text("refreshToken"))
    }

    /// A token of somebody, with no password asked for.
    pub async fn token(&self, name: &str) -> String {
        let op = sesame::op::Op::new(self.app.clone(), None, Language::En, "test".into());
        let (id, ..) = PEOPLE.iter().find(|(_, known, _)| *known == name).expect("somebody known");
        sesame::identity::open_session(&op, PersonId(*id)).await.expect("a session").access.token
    }

    pub async fn sign_out(&self, token: &str) {
        let answer = self
            .ask(Some(token), json!({ "query": "mutation { signOut(input: {}) { userErrors { message } } }" }))
            .await;
        assert_eq!(answer.body["data"]["signOut"]["userErrors"], json!([]), "{answer:?}");
    }

    pub async fn ask(&self, token: Option<&str>, body: Value) -> Answer {
        let mut request = self.request(Method::POST, "/graphql").header(header::ACCEPT, MODERN).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address)).header(header::ACCEPT_LANGUAGE, "en")
    }

    fn post(&self, body: &str) -> reqwest::RequestBuilder {
        self.request(Method::POST, "/graphql").header(header::CONTENT_TYPE, "application/json").body(body.to_owned())
    }
}

const MODERN: &str = "application/graphql-response+json";

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a text");
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    pub fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    fn limit(&self) -> &str {
        self.body["errors"][0]["extensions"]["limit"].as_str().unwrap_or_else(|| panic!("no limit: {self:?}"))
    }

    fn message(&self) -> &str {
        self.body["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    /// A request of which nothing was run.
    fn was_not_run(&self) -> bool {
        self.body.get("data").is_none() && self.body["errors"].is_array()
    }
}

fn settings(url: &str, data: &Path) -> Settings {
    let flags = Partial {
        data: Some(data.to_owned()),
        database_url: Some(url.to_owned()),
        port: Some(0),
        ..Partial::default()
    };
    Settings::resolve(&flags, &Partial::default(), &Partial::default())
}

async fn populate(app: &App) {
    let conn = app.database.writer();
    let nord = region::ActiveModel { id: Set(RegionId(1)), code: Set("N".into()), name: Set("Nord".into()) };
    region::Entity::insert(nord).exec_without_returning(conn).await.expect("a region");
    let lille = delegation::ActiveModel {
        id: Set(DelegationId(1)),
        code: Set("LIL".into()),
        name: Set("Lille".into()),
        region_id: Set(RegionId(1)),
        street: Set("1 rue Nationale".into()),
        postcode: Set("59000".into()),
        city: Set("Lille".into()),
    };
    delegation::Entity::insert(lille).exec_without_returning(conn).await.expect("a delegation");
    let hash = passwords::hash(PASSWORD).expect("a hash");
    for (id, name, role) in PEOPLE {
        let row = person::ActiveModel {
            id: Set(PersonId(*id)),
            code: Set(format!("P{id}")),
            email: Set(format!("{name}@test.example")),
            given_name: Set("Ada".into()),
            family_name: Set((*name).into()),
            language: Set(Language::Fr),
            delegation_id: Set((*role == "DELEGATE").then_some(DelegationId(1))),
            region_id: Set((*role == "DELEGATE").then_some(RegionId(1))),
            password_hash: Set(Some(hash.clone())),
            active: Set(true),
            created_at: Set(app.clock.now()),
            version: Set(1),
        };
        person::Entity::insert(row).exec_without_returning(conn).await.expect("a person");
        let held = person_role::ActiveModel { person_id: Set(PersonId(*id)), role_code: Set((*role).into()) };
        person_role::Entity::insert(held).exec_without_returning(conn).await.expect("a role");
    }
}

async fn media_types_and_statuses(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let (good, bad, odd) = ("{ viewer { user { code } } }", "{ viewer {", "{ viewer { nothing } }");
    for (accept, media, statuses) in [
        (Some("application/json"), "application/json; charset=utf-8", [200, 200, 200]),
        (None, "application/graphql-response+json; charset=utf-8", [200, 400, 400]),
        (Some(MODERN), "application/graphql-response+json; charset=utf-8", [200, 400, 400]),
    ] {
        for (query, status) in [good, bad, odd].into_iter().zip(statuses) {
            let mut request = site.post(&json!({ "query": query }).to_string()).bearer_auth(&token);
            if let Some(accept) = accept {
                request = request.header(header::ACCEPT, accept);
            }
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, status, "{accept:?} {query} {answer:?}");
            assert_eq!(answer.headers[header::CONTENT_TYPE], media);
            assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
            if query == good {
                assert_eq!(answer.body, json!({ "data": { "viewer": { "user": { "code": "P1" } } } }));
            } else {
                assert_eq!(answer.code(), "BAD_USER_INPUT");
                assert!(answer.was_not_run(), "{answer:?}");
                assert!(answer.body["errors"][0]["locations"].is_array());
            }
        }
    }
    let neither = site.post("{}").header(header::ACCEPT, "text/html");
    assert_eq!(Answer::of(neither).await.status, StatusCode::NOT_ACCEPTABLE);
}

async fn malformed_requests_are_told_why(backend: Backend) {
    let site = Site::start(backend).await;
    for (body, hint) in [
        ("", "JSON"),
        ("{", "JSON"),
        ("null", "JSON"),
        ("\"{ viewer }\"", "JSON"),
        ("{}", "query"),
        (r#"{"query":null}"#, "query"),
        (r#"{"query":1}"#, "JSON"),
        (r#"{"query":"{a}","variables":[]}"#, "map"),
        (r#"{"query":"{a}","variables":"{}"}"#, "map"),
        (r#"{"query":"{a}","operationName":1}"#, "string"),
        (r#"{"query":"{a}","extensions":1}"#, "map"),
        (r#"{"query":"{a}","query":"{b}"}"#, "duplicate"),
        (r#"[{"query":"{a}"}]"#, "batches"),
        (" \n [", "batches"),
    ] {
        for accept in [MODERN, "application/json"] {
            let answer = Answer::of(site.post(body).header(header::ACCEPT, accept)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body} {answer:?}");
            assert_eq!(answer.code(), "BAD_USER_INPUT");
            assert!(answer.message().contains(hint), "{body} {answer:?}");
        }
    }
    let token = site.token("pdv").await;
    let two = "query A { viewer { user { code } } } query B { __typename }";
    for (body, status, hint) in [
        (json!({ "query": "  \n" }), 400, "empty"),
        (json!({ "query": two }), 400, "name the one"),
        (json!({ "query": two, "operationName": "C" }), 400, "no operation of that name"),
        (json!({ "query": two, "operationName": "B" }), 200, ""),
        (
            json!({ "query": "query A { __typename }", "operationName": null, "variables": null, "extensions": {} }),
            200,
            "",
        ),
        (json!({ "query": "{ ...F } fragment F on Query { ...F }" }), 400, "itself"),
        (json!({ "query": "subscription { workQueueChanged { change } }" }), 400, "WebSocket"),
    ] {
        let answer = site.ask(Some(&token), body.clone()).await;
        assert_eq!(answer.status, status, "{body} {answer:?}");
        assert!(hint.is_empty() || answer.message().contains(hint), "{body} {answer:?}");
    }
    let french =
        site.http.post(format!("http://{}/graphql", site.address)).header(header::CONTENT_TYPE, "application/json");
    assert!(Answer::of(french.body("[]")).await.message().contains("lots"), "French is the usual language");
}

async fn only_json_is_taken(backend: Backend) {
    let site = Site::start(backend).await;
    let body = json!({ "query": "{ __typename }" }).to_string();
    for (content_type, status) in [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("application/json; charset=\"utf-8\"", 200),
        ("application/json; charset=latin1", 415),
        ("text/plain", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/graphql", 415),
        ("", 415),
    ] {
        let request = site.request(Method::POST, "/graphql").header(header::CONTENT_TYPE, content_type);
        assert_eq!(Answer::of(request.body(body.clone())).await.status, status, "{content_type}");
    }
    assert_eq!(Answer::of(site.request(Method::POST, "/graphql").body(body.clone())).await.status, 415);
    let compressed = site.post(&body).header(header::CONTENT_ENCODING, "gzip");
    assert_eq!(Answer::of(compressed).await.status, 415);
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = Answer::of(site.request(method, "/graphql")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "CORS is off");
    }
}

async fn queries_may_come_by_get_and_nothing_else(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let get = async |query: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params(&format!("http://{}/graphql", site.address), query).expect("a URL");
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        Answer::of(site.request(Method::GET, &path).header(header::ACCEPT, MODERN).bearer_auth(&token)).await
    };
    let two = "query A { viewer { user { code } } } query B($id: ID!) { node(id: $id) { id } }";
    let named = get(&[("query", two), ("operationName", "A")]).await;
    assert_eq!(named.body["data"]["viewer"]["user"]["code"], "P1", "{named:?}");
    let variables = get(&[("query", two), ("operationName", "B"), ("variables", r#"{"id":"x"}"#)]).await;
    assert_eq!(variables.body, json!({ "data": { "node": null } }));
    for broken in [r#"{"id":"x""#, "[]", "1", r#"{},"query":"{ __typename }""#] {
        let answer = get(&[("query", two), ("operationName", "B"), ("variables", broken)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{broken} {answer:?}");
    }
    assert_eq!(get(&[]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(get(&[("query", "{ __typename }"), ("query", "{ __typename }")]).await.status, StatusCode::BAD_REQUEST);
    let mutation = "query A { __typename } mutation B { signOut(input: {}) { userErrors { message } } }";
    let answer = get(&[("query", mutation), ("operationName", "B")]).await;
    assert_eq!(
        (answer.status, &answer.headers[header::ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    assert_eq!(get(&[("query", mutation), ("operationName", "A")]).await.status, StatusCode::OK, "and still signed in");
    let subscription = get(&[("query", "subscription { workQueueChanged { change } }")]).await;
    assert_eq!(subscription.status, StatusCode::BAD_REQUEST);
}

async fn without_a_token_only_signing_in_exists(backend: Backend) {
    let site = Site::start(backend).await;
    for hidden in [
        "{ viewer { user { code } } }",
        "{ orders { totalCount } }",
        "{ nothingOfTheSort }",
        "{ __typename viewer { user { code } } }",
        "{ ...F } fragment F on Query { ... { viewer { user { code } } } }",
        "mutation { signOut(input: {}) { userErrors { message } } }",
        "subscription { workQueueChanged { change } }",
        "mutation { createOrder(input: {}) { order { id } } }",
    ] {
        let answer = site.ask(None, json!({ "query": hidden })).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
            "{hidden} {answer:?}"
        );
        assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        assert!(answer.was_not_run() && answer.body["errors"].as_array().is_some_and(|e| e.len() == 1));
    }
    let schema = site.ask(None, json!({ "query": INTROSPECTION })).await;
    let names = schema.body["data"].to_string();
    assert!(names.contains("signIn") && names.contains("refreshSession"), "{names}");
    for foreign in ["viewer", "signOut", "Order", "workQueue", "Person", "Delegation", "requires"] {
        assert!(!names.contains(&format!("\"{foreign}\"")), "{foreign} in {names}");
    }
    let unknown = site.ask(None, json!({ "query": "{ __type(name: \"Order\") { name } }" })).await;
    assert_eq!(unknown.body, json!({ "data": { "__type": null } }));
    let wrong = json!({ "query": "mutation($e: Email!) { signIn(input: { email: $e, password: \"x\" }) { userErrors { code field } } }",
        "variables": { "e": "nobody@test.example" } });
    let answer = site.ask(None, wrong).await;
    assert_eq!(answer.body["data"]["signIn"]["userErrors"][0]["code"], "WRONG_CREDENTIALS", "{answer:?}");
    let malformed = site.ask(None, json!({ "query": "mutation { signIn(input: { email: 1 }) { nothing } }" })).await;
    assert_eq!((malformed.status, malformed.code()), (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"), "{malformed:?}");
    assert_eq!(site.sign_in("pdv").await.0.split('.').count(), 3);
}

async fn a_bad_token_is_401(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let forged = format!("{}x", &token[..token.len() - 2]);
    for value in ["Bearer", "Bearer ", "Bearer x", "Basic cGR2OnBkdg==", token.as_str(), &format!("Bearer {forged}")] {
        for accept in [MODERN, "application/json"] {
            let request = site.post(r#"{"query":"{ __typename }"}"#).header(header::AUTHORIZATION, value);
            let answer = Answer::of(request.header(header::ACCEPT, accept)).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{value}");
        }
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = site.post(r#"{"query":"{ viewer { user { code } } }"}"#);
        let answer = Answer::of(request.header(header::AUTHORIZATION, format!("{scheme} {token}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    site.sign_out(&token).await;
    assert_eq!(site.ask(Some(&token), json!({ "query": "{ __typename }" })).await.status, StatusCode::UNAUTHORIZED);
    let schema = site.request(Method::GET, "/schema.graphql").bearer_auth(&token);
    assert_eq!(Answer::of(schema).await.code(), "UNAUTHENTICATED");
}

async fn every_answer_is_named_and_safe(backend: Backend) {
    let site = Site::start(backend).await;
    let mut names = Vec::new();
    for path in ["/", "/healthz", "/readyz", "/graphql", "/graphiql", "/schema.graphql", "/nothing/here", "/graphql/ws"]
    {
        let request = site.request(Method::GET, path).header("x-request-id", "mine");
        let answer = Answer::of(request.header("x-forwarded-proto", "https")).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", "max-age=31536000"),
        ] {
            assert_eq!(answer.headers[name], value, "{path}");
        }
        assert!(
            answer.headers["content-security-policy"].to_str().is_ok_and(|csp| csp.contains("frame-ancestors 'none'"))
        );
        names.push(answer.headers["x-request-id"].to_str().expect("a name").to_owned());
    }
    assert!(names.iter().all(|name| name.len() == 16), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8, "each request has a name of its own");
    let plain = Answer::of(site.request(Method::GET, "/healthz")).await;
    assert!(!plain.headers.contains_key("strict-transport-security"));
}

/// What graphql 16 sends.
pub const INTROSPECTION: &str = "query IntrospectionQuery { __schema { description \
    queryType { name kind } mutationType { name kind } subscriptionType { name kind } \
    types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } } \
    fragment FullType on __Type { kind name description specifiedByURL isOneOf \
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason } \
    inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef } \
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } } \
    fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason } \
    fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name \
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }";

async fn each_limit_refuses_and_is_named(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let mut slow = Vec::new();
    for (limit, request) in excessive() {
        let text: String = request["query"].as_str().unwrap_or_default().chars().take(80).collect();
        let begun = Instant::now();
        let answer = site.ask(Some(&token), request.clone()).await;
        let taken = begun.elapsed();
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::BAD_REQUEST, "TOO_COMPLEX"),
            "{limit}: {text} {answer:?}"
        );
        assert_eq!(answer.limit(), limit, "{text}");
        assert!(answer.message().contains(limit) && answer.was_not_run());
        assert!(answer.body.to_string().len() < 1_000, "a refusal is short");
        if taken > Duration::from_millis(500) {
            slow.push((limit, taken));
        }
        let legacy = site.post(&request.to_string()).bearer_auth(&token).header(header::ACCEPT, "application/json");
        assert_eq!(Answer::of(legacy).await.status, StatusCode::OK);
    }
    assert!(slow.is_empty(), "slow refusals: {slow:?}");
}

async fn a_body_is_bounded_however_it_comes(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.body_bytes = 1_000).await;
    let body = json!({ "query": format!("{{ __typename }} #{}", "x".repeat(2_000)) }).to_string();
    let announced = Answer::of(site.post(&body)).await;
    assert_eq!((announced.status, announced.limit()), (StatusCode::PAYLOAD_TOO_LARGE, "body_bytes"));
    let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
        body.as_bytes().chunks(100).map(|chunk| Ok(chunk.to_vec())).collect();
    let chunked = site.post("").body(reqwest::Body::wrap_stream(futures_util::stream::iter(chunks)));
    let chunked = Answer::of(chunked).await;
    assert_eq!((chunked.status, chunked.limit()), (StatusCode::PAYLOAD_TOO_LARGE, "body_bytes"));
    assert_eq!(Answer::of(site.post(r#"{"query":"{ __typename }"}"#)).await.status, StatusCode::OK);
}

async fn default_limits_let_graphiql_in(backend: Backend) {
    let site = Site::start(backend).await;
    for name in ["pdv", "delegate", "platform-admin"] {
        let token = site.token(name).await;
        let answer = site.ask(Some(&token), json!({ "query": INTROSPECTION })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(answer.body["data"]["__schema"]["types"].as_array().is_some_and(|types| types.len() > 10));
        assert!(answer.body.get("errors").is_none());
    }
}

async fn many_errors_are_cut_short(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let wrong: String = (0..400).map(|n| format!("a{n} ")).collect();
    let answer = site.ask(Some(&token), json!({ "query": format!("{{ viewer {{ {wrong} }} }}") })).await;
    assert_eq!(answer.body["errors"].as_array().map(Vec::len), Some(50));
    assert!(!answer.body.to_string().contains("Did you mean"));
}

async fn characters_that_no_database_takes_are_pointed_at(backend: Backend) {
    let site = Site::start(backend).await;
    let sign_in = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }";
    for (escape, place) in [("a\\u0000b", "password"), ("\\ud83d", "password"), ("x\\udc00", "email")] {
        let mut input = json!({ "email": "pdv@test.example", "password": "x" });
        input[place] = json!("PLACE");
        let body = json!({ "query": sign_in, "variables": { "input": input } }).to_string().replace("PLACE", escape);
        let answer = Answer::of(site.post(&body).header(header::ACCEPT, MODERN)).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"), "{answer:?}");
        assert_eq!(answer.body["errors"][0]["extensions"]["path"], json!(["variables", "input", place]));
    }
    for literal in ["\"a\\u0000b\"", "\"\\ud83d\"", "\"\"\"a\0b\"\"\""] {
        let query = format!(
            "mutation {{\n  signIn(input: {{ email: \"a@b.fr\", password: {literal} }}) {{ userErrors {{ code }} }} }}"
        );
        let answer = site.ask(None, json!({ "query": query })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"), "{answer:?}");
        assert_eq!(answer.body["errors"][0]["locations"][0]["line"], 2, "{answer:?}");
    }
    let whole = json!({ "query": sign_in, "variables": { "input": { "email": "pdv@test.example", "password": "😀 ' OR 1=1 --" } } });
    let escaped = whole.to_string().replace('😀', "\\ud83d\\ude00");
    let answer = Answer::of(site.post(&escaped).header(header::ACCEPT, MODERN)).await;
    assert_eq!(answer.body["data"]["signIn"]["userErrors"][0]["code"], "WRONG_CREDENTIALS", "{answer:?}");
    let token = site.token("pdv").await;
    for id in ["\u{0}", "'; DROP TABLE person; --", "\u{ffff}", "٣"] {
        let answer = site
            .ask(
                Some(&token),
                json!({ "query": "query($id: ID!) { node(id: $id) { id } }", "variables": { "id": id } }),
            )
            .await;
        let fine = answer.body["data"]["node"].is_null() && answer.body.get("errors").is_none();
        assert!(fine || answer.code() == "BAD_USER_INPUT", "{id:?} {answer:?}");
    }
    let invalid = site.request(Method::POST, "/graphql").header(header::CONTENT_TYPE, "application/json");
    let answer = Answer::of(invalid.body(b"{\"query\":\"{ a(b: \\\"\xff\\\") }\"}".to_vec())).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"));
}

async fn absurd_numbers_are_bad_input(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for number in [
        "-1",
        "101",
        "2147483648",
        "9223372036854775808",
        "18446744073709551616",
        "1e400",
        "-1e-400",
        "1.5",
        "0.1e999999999",
    ] {
        let literal = format!("{{ workQueue(first: {number}) {{ totalCount }} }}");
        let answer = site.ask(Some(&token), json!({ "query": literal })).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{number} {answer:?}");
        let body = format!(
            r#"{{"query":"query($n: Int) {{ workQueue(first: $n) {{ totalCount }} }}","variables":{{"n":{number}}}}}"#
        );
        let answer = Answer::of(site.post(&body).bearer_auth(&token)).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{number} {answer:?}");
    }
}

async fn a_request_has_only_so_long(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.seconds = 1).await;
    // The one writer of SQLite is busy.
    let busy = site.app.database.begin().await.expect("a transaction");
    let (begun, token) = (Instant::now(), site.token("pdv"));
    let _not_yet = timeout(Duration::from_millis(10), token).await;
    let input = json!({ "email": "pdv@test.example", "password": PASSWORD });
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code } } }";
    let answer = site.ask(None, json!({ "query": query, "variables": { "input": input } })).await;
    assert_eq!((answer.code(), answer.limit()), ("TOO_COMPLEX", "seconds"), "{answer:?}");
    assert!(begun.elapsed() < Duration::from_secs(4));
    busy.rollback().await.expect("an end");
    site.sign_in("pdv").await;
}

async fn slow_clients_are_not_waited_for(backend: Backend) {
    let site = Site::with(backend, |settings| {
        settings.limits.header_seconds = 1;
        settings.limits.body_seconds = 1;
    })
    .await;
    let send = async |text: &str| {
        let mut stream = TcpStream::connect(site.address).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        let ended = timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await;
        assert!(ended.is_ok(), "still open after {text:?}");
        answer
    };
    send("").await;
    send("POST /graphql HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    let body = send(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"query\":",
    )
    .await;
    assert!(body.starts_with("HTTP/1.1 408") && body.contains("body_seconds"), "{body}");
    let idle = send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
    let huge = send(&format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx-huge: {}\r\n\r\n", "x".repeat(300_000))).await;
    assert!(huge.is_empty() || huge.starts_with("HTTP/1.1 4"), "{huge}");
}

async fn who_signs_out_while_the_body_arrives_is_signed_out(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let body = json!({ "query": "{ viewer { user { code } } }" }).to_string();
    let mut stream = TcpStream::connect(site.address).await.expect("a connection");
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let (first, rest) = body.as_bytes().split_at(10);
    stream.write_all(&[head.as_bytes(), first].concat()).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.sign_out(&token).await;
    stream.write_all(rest).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("UNAUTHENTICATED"), "{answer}");
    // A token that proves nothing is not waited for.
    let mut stream = TcpStream::connect(site.address).await.expect("a connection");
    stream.write_all(&[head.replace(&token, "x").as_bytes(), first].concat()).await.expect("sent");
    let mut answer = [0; 12];
    timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.expect("at once").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 401");
}

async fn malformed_scalars_are_refused_before_anything_runs(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let ask = async |query: &str, variables: Value| {
        site.ask(Some(&token), json!({ "query": query, "variables": variables })).await
    };
    let sign_in = "mutation($e: Email!) { signIn(input: { email: $e, password: \"x\" }) { userErrors { code } } }";
    let queue = |filter: &str| format!("{{ workQueue(filter: {{ {filter} }}) {{ totalCount }} }}");
    for (answer, hint) in [
        (ask(sign_in, json!({ "e": "nobody" })).await, "Email"),
        (ask(&sign_in.replace("$e,", "\"nobody\",").replace("($e: Email!)", ""), json!({})).await, "Email"),
        (ask(&queue("total: { gte: \"1,5\" }"), json!({})).await, "Money"),
        (ask(&queue("total: { gte: 1 }"), json!({})).await, "Money"),
        (ask(&queue("since: { gte: \"yesterday\" }"), json!({})).await, "DateTime"),
        (ask("query($n: Int) { workQueue(first: $n) { totalCount } }", json!({ "n": 4_294_967_296_i64 })).await, "Int"),
        (ask("{ workQueue(first: 4294967296) { totalCount } }", json!({})).await, "Int"),
    ] {
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "BAD_USER_INPUT"), "{answer:?}");
        assert!(answer.was_not_run() && answer.message().contains(hint), "{answer:?}");
    }
}

async fn what_failed_is_null_or_what_holds_it(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    // The queue cannot be null: neither can the answer be anything else.
    let query = "{ viewer { user { code } } workQueue(first: 101) { totalCount } }";
    let answer = site.ask(Some(&token), json!({ "query": query })).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (294, "BAD_USER_INPUT"), "{answer:?}");
    assert_eq!(answer.body.get("data"), Some(&Value::Null), "{answer:?}");
    assert_eq!(answer.body["errors"][0]["path"][0], "workQueue");
}

async fn variables_that_nobody_declared_are_dropped(backend: Backend) {
    let site = Site::start(backend).await;
    let query =
        "query($a: Int) { __typename @skip(if: false) ...F @include(if: true) } fragment F on Query { __typename }";
    let more = json!({ "a": null, "more": "a\0b", "deep": [[[[[[1]]]]]], "much": vec![1; 40_000] });
    let answer = site.ask(None, json!({ "query": query.replace("($a: Int)", ""), "variables": more })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    // Counted before they are read: more than may be is refused, declared or not.
    let much = json!({ "query": "{ __typename }", "variables": { "much": vec![1; 60_000] } });
    let answer = site.ask(None, much).await;
    assert_eq!((answer.status, answer.limit()), (StatusCode::BAD_REQUEST, "values"));
}

async fn an_answer_is_bounded(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.response_bytes = 2_000).await;
    let answer = site.ask(None, json!({ "query": INTROSPECTION })).await;
    assert_eq!((answer.code(), answer.limit()), ("TOO_COMPLEX", "response_bytes"), "{answer:?}");
    assert_eq!(answer.status.as_u16(), 294);
    assert!(answer.body["errors"][0]["extensions"].get("outcome").is_none(), "nothing was written: {answer:?}");
    assert_eq!(answer.body.get("data"), Some(&Value::Null));
    assert_eq!(site.ask(None, json!({ "query": "{ __typename }" })).await.status, StatusCode::OK);
    // What was written stays, which is said.
    let site = Site::with(backend, |settings| settings.limits.response_bytes = 30).await;
    let token = site.token("pdv").await;
    let sign_out = json!({ "query": "mutation { signOut(input: {}) { userErrors { message } } }" });
    let answer = site.ask(Some(&token), sign_out).await;
    assert_eq!(answer.body["errors"][0]["extensions"]["outcome"], "UNKNOWN", "{answer:?}");
    assert!(answer.message().contains("What was written stays"), "{answer:?}");
    assert_eq!(site.ask(Some(&token), json!({ "query": "{ __typename }" })).await.status, StatusCode::UNAUTHORIZED);
}

async fn connections_are_bounded(backend: Backend) {
    for (change, name) in [
        ((|settings| settings.limits.connections = 2) as fn(&mut Settings), "(connections)"),
        (|settings| settings.limits.address_connections = 2, "(address_connections)"),
    ] {
        let site = Site::with(backend, change).await;
        let connect = async || TcpStream::connect(site.address).await.expect("a connection");
        let ask = async |stream: &mut TcpStream| {
            let _refused = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
            let mut answer = vec![0; 2_000];
            let length = timeout(Duration::from_secs(5), stream.read(&mut answer)).await.expect("an answer");
            String::from_utf8_lossy(&answer[..length.unwrap_or_default()]).into_owned()
        };
        let (mut first, mut second) = (connect().await, connect().await);
        assert!(ask(&mut first).await.starts_with("HTTP/1.1 200"));
        assert!(ask(&mut second).await.starts_with("HTTP/1.1 200"));
        let mut third = connect().await;
        let refused = ask(&mut third).await;
        assert!(refused.starts_with("HTTP/1.1 503") && refused.contains(name), "{refused}");
        drop(first);
        let begun = Instant::now();
        while !ask(&mut connect().await).await.starts_with("HTTP/1.1 200") {
            assert!(begun.elapsed() < Duration::from_secs(5), "the place is not given up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn a_mutation_by_get_is_405_whoever_asks(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let hidden = "mutation { deleteEverything { done } }".to_owned();
    let large = format!("mutation {{ {} }}", "a { b } ".repeat(60));
    for query in [hidden, large] {
        for header in [None, Some(format!("Bearer {token}")), Some("Bearer nothing".into())] {
            let url = reqwest::Url::parse_with_params(&format!("http://{}/graphql", site.address), [("query", &query)]);
            let request = header.into_iter().fold(site.http.get(url.expect("a URL")), |request, header| {
                request.header(header::AUTHORIZATION, header)
            });
            let answer = Answer::of(request).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{query} {answer:?}");
            assert_eq!(answer.headers[header::ALLOW], "POST");
        }
    }
    let none = reqwest::Url::parse_with_params(
        &format!("http://{}/graphql", site.address),
        [("query", "query mutation { viewer { user { code } } }")],
    );
    assert_eq!(Answer::of(site.http.get(none.expect("a URL"))).await.status, StatusCode::UNAUTHORIZED);
}

async fn who_does_not_read_is_given_up(backend: Backend) {
    let site = Site::with(backend, |settings| settings.limits.unread_seconds = 1).await;
    let mut stream = TcpStream::connect(site.address).await.expect("a connection");
    let asking = "GET /graphiql/assets/app.js HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50);
    let gone = async {
        loop {
            if stream.write_all(asking.as_bytes()).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("the connection is cut");
}

async fn the_database_goes_away_and_comes_back(_: Backend) {
    let cluster = postgres::Cluster::start().await.expect("a cluster");
    cluster.create_database("mine", None).await.expect("a database");
    let data = scratch_dir();
    let app = App::open(settings(&cluster.url("mine"), data.path()), Clock::system()).await.expect("an app");
    populate(&app).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let serving = Serving::start(app.clone(), listener).expect("a server");
    let site = Site {
        address: serving.address,
        app,
        http: reqwest::Client::new(),
        serving: Some(serving),
        db: Arc::new(TestDb::empty(Backend::Sqlite).await),
        data: Arc::new(data),
    };
    let token = site.token("pdv").await;
    let ready = async || Answer::of(site.request(Method::GET, "/readyz")).await.status;
    let query = json!({ "query": "{ viewer { user { code } } }" });
    assert_eq!(ready().await, StatusCode::OK);
    assert_eq!(site.ask(Some(&token), query.clone()).await.status, StatusCode::OK);
    cluster.stop_hard().await.expect("a stopped cluster");
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(Answer::of(site.request(Method::GET, "/healthz")).await.status, StatusCode::OK);
    let failed = site.ask(Some(&token), query.clone()).await;
    assert_eq!(failed.code(), "INTERNAL", "{failed:?}");
    let name = failed.headers["x-request-id"].to_str().expect("a name");
    assert_eq!(failed.body["errors"][0]["extensions"], json!({ "code": "INTERNAL", "requestId": name }));
    let text = failed.body.to_string().to_lowercase();
    assert!(["sql", "pool", "postgres", "connection", "127.0.0.1"].iter().all(|word| !text.contains(word)), "{text}");
    cluster.restart().await.expect("a running cluster");
    let begun = Instant::now();
    while ready().await != StatusCode::OK {
        assert!(begun.elapsed() < Duration::from_secs(30), "not ready again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let again = site.ask(Some(&token), query).await;
    assert_eq!(again.status, StatusCode::OK, "{again:?}");
}

async fn stopping_lets_requests_finish(backend: Backend) {
    let mut site = Site::start(backend).await;
    let idle = TcpStream::connect(site.address).await.expect("a connection");
    // The one writer is busy for a while: the request is under way when the server is told to end.
    let busy = site.app.database.begin().await.expect("a transaction");
    let http = site.http.clone();
    let url = format!("http://{}/graphql", site.address);
    let input = json!({ "email": "pdv@test.example", "password": PASSWORD });
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } } }";
    let body = json!({ "query": query, "variables": { "input": input } });
    let running = tokio::spawn(async move { http.post(url).json(&body).send().await.expect("an answer").text().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ready = format!("http://{}/readyz", site.address);
    let kept = site.http.get(&ready).send().await.expect("an answer");
    assert_eq!(kept.status(), StatusCode::OK);
    let begun = Instant::now();
    let (_, answer) = tokio::join!(site.stop(), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        busy.rollback().await.expect("an end");
        running.await.expect("a task").expect("a text")
    });
    assert!(answer.contains("accessToken"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(site.address).await.is_err(), "nobody listens any more");
    drop(idle);
}

/// Texts that would end the process or hold a core, were they not refused beforehand.
fn bombs() -> Vec<String> {
    let around = |value: String| format!("{{ node(id: {value}) {{ id }} }}");
    let mut bombs = Vec::new();
    for levels in [95, 1_500, 5_000, 100_000] {
        for (open, close) in [("[", "]"), ("{a:", "}"), ("[{a:", "}]")] {
            bombs.push(around(open.repeat(levels)));
            bombs.push(around(format!("{}{}", open.repeat(levels), close.repeat(levels))));
            bombs.push(around(format!("[\"\"\" x\" {}", open.repeat(levels))));
            bombs.push(around(format!("\"\n{}", open.repeat(levels))));
            bombs.push(around(format!("#\r{}", open.repeat(levels))));
            bombs.push(format!("query($v: I = {}1{}) {{ a }}", open.repeat(levels), close.repeat(levels)));
            bombs.push(format!("{{ a @b(c: {}1{}) }}", open.repeat(levels), close.repeat(levels)));
        }
        bombs.push(format!("query($v: {}I{}) {{ a }}", "[".repeat(levels), "]".repeat(levels)));
        bombs.push("{a".repeat(levels));
        bombs.push(format!("{}{}", "{a".repeat(levels), "}".repeat(levels)));
        bombs.push(format!("{}{}", "{...on Query".repeat(levels), "}".repeat(levels)));
        bombs.push(format!("{}{}", "{...".repeat(levels), "}".repeat(levels)));
    }
    for count in [12, 25, 200] {
        let doubling: String =
            (0..count).map(|n| format!("fragment F{n} on Query {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
        bombs.push(format!("{{ ...F0 }} {doubling} fragment F{count} on Query {{ __typename }}"));
        let branching: String = (0..count)
            .map(|n| format!("fragment F{n} on Query {{ a {{ ...F{m} }} b {{ ...F{m} }} }} ", m = n + 1))
            .collect();
        bombs.push(format!("{{ ...F0 }} {branching} fragment F{count} on Query {{ __typename }}"));
        let circle: String =
            (0..count).map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", (n + 1) % count)).collect();
        bombs.push(format!("{{ ...F0 }} {circle}"));
        let unused: String =
            (0..count).map(|n| format!("fragment F{n} on Query {{ ...F{} a }} ", (n + 1) % count)).collect();
        bombs.push(format!("{{ __typename }} {unused}"));
    }
    for (count, times) in [(20, 10), (40, 10), (45, 2)] {
        for last in ["...Missing", "... { ...Missing }", "... on Query { a: ...Missing }", "__typename", "a(b: $v)"] {
            for (open, close) in [("", ""), ("... { ", "}"), ("... on Query { ", "}"), ("a { ", "}")] {
                let chain: String = (0..count)
                    .map(|n| {
                        let spreads = format!("{open}...F{} {close}", n + 1).repeat(times);
                        format!("fragment F{n} on Query {{ {spreads} }} ")
                    })
                    .collect();
                bombs.push(format!(
                    "query($v: [Int] = [1]) {{ ...F0 }} {chain} fragment F{count} on Query {{ {last} }}"
                ));
            }
        }
    }
    // A variable in its place thousands of times, each time as large.
    let list = "[1,2,3,4,5,6,7,8]".repeat(100).replace("][", ",");
    let uses: String = (0..400).map(|n| format!("a{n}: node(id: $v) {{ id }} ")).collect();
    bombs.push(format!("query($v: [Int!] = {list}) {{ {uses} }}"));
    bombs.push(format!("query($v: [Int!] = {list}) {{ node(id: [{}]) {{ id }} }}", "$v ".repeat(2_000)));
    bombs.push(format!("{{ {} }}", ",".repeat(200_000)));
    bombs.push("\u{feff}".repeat(80_000));
    bombs.push(format!("{{ {} }}", "a(b:1)@c ".repeat(900)));
    bombs
}

/// A server of its own: a stack that overflows takes its process with it.
async fn bombs_do_not_end_the_process() {
    let data = scratch_dir();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    // As high as it can be set, and no higher.
    let highest = ("SESAME_LIMITS_NESTING", "100");
    let refused = Command::new(env!("CARGO_BIN_EXE_sesame"))
        .args(["serve", "--port", "0", "--data"])
        .arg(data.path())
        .env(highest.0, "100000")
        .env_remove("DATABASE_URL")
        .env_remove("SESAME_DATABASE_URL")
        .current_dir(data.path())
        .output()
        .expect("an end");
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && text.contains("limits.nesting"), "{text}");
    let mut child = Child(
        Command::new(env!("CARGO_BIN_EXE_sesame"))
            .args(["serve", "--port", &port.to_string(), "--data"])
            .arg(data.path())
            .env_remove("DATABASE_URL")
            .env_remove("SESAME_DATABASE_URL")
            .env(highest.0, highest.1)
            .env("SESAME_LIMITS_DEPTH", "100")
            .env("SESAME_LIMITS_INTROSPECTION_DEPTH", "100")
            .current_dir(data.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("a server"),
    );
    let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
    let health = async || http.get(format!("http://127.0.0.1:{port}/healthz")).send().await.is_ok();
    let begun = Instant::now();
    while !health().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "the server did not start");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let send = async |body: String| {
        let request =
            http.post(format!("http://127.0.0.1:{port}/graphql")).header(header::CONTENT_TYPE, "application/json");
        request.header(header::ACCEPT, MODERN).body(body).send().await.expect("the server is still there").status()
    };
    for bomb in bombs() {
        let begun = Instant::now();
        let status = send(json!({ "query": bomb }).to_string()).await;
        let text: String = bomb.chars().take(60).collect();
        assert!(status.is_client_error(), "{status} {text}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?} for {text}", begun.elapsed());
    }
    for levels in [200, 100_000] {
        let json = format!(
            "{{\"query\":\"{{ __typename }}\",\"variables\":{}{}}}",
            "{\"a\":".repeat(levels),
            "}".repeat(levels)
        );
        assert!(send(json).await.is_client_error());
        assert!(send("[".repeat(levels)).await.is_client_error());
    }
    assert_eq!(send(json!({ "query": "{ __typename }" }).to_string()).await, StatusCode::OK);
    // SIGTERM ends it in good order.
    let told = Command::new("kill").args(["-TERM", &child.0.id().to_string()]).status().expect("kill");
    assert!(told.success());
    let begun = Instant::now();
    let ended = loop {
        match child.0.try_wait().expect("a status") {
            Some(status) => break status,
            None if begun.elapsed() > Duration::from_secs(10) => panic!("it does not end"),
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    assert!(ended.success());
}

/// A process that does not outlive its test.
struct Child(std::process::Child);

impl Drop for Child {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _status = self.0.wait();
    }
}
