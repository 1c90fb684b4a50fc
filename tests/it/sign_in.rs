//! Signing in at an issuer outside (G-30, K-13), against a real one, and API keys (G-31).

use std::time::Duration;

use futures_util::future::join_all;
use migration::MigratorTrait;
use reqwest::{StatusCode, header, redirect};
use sea_orm::{ConnectionTrait, Database, EntityTrait, Statement};
use serde_json::{Value, json};
use sesame::{
    authz::{
        API_KEY,
        policy::{self, Line},
    },
    config::{Partial, Settings},
    identity::oidc::Oidc,
};
use tokio::net::TcpListener;

use crate::{
    harness::{Backend, TestDb, Trial, trials},
    http::{Answer, PASSWORD, Site},
    issuer::{self, AUDIENCE, CLIENT, Issuer},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    let with_an_issuer = trials![
        both g30_a_token_of_the_issuer_is_somebody,
        both g30_once_linked_the_subject_decides,
        sqlite k13_no_other_token_is_taken,
        sqlite g30_keys_change_while_the_server_runs,
        sqlite(threads = 2) k13_a_storm_of_unknown_keys_is_one_fetch,
        sqlite g30_the_issuer_may_be_away,
        both g30_a_socket_ends_with_its_token_and_may_be_renewed,
        both g30_who_logs_out_at_the_issuer_is_out,
        postgres g30_a_logout_reaches_every_process,
        sqlite g30_signing_out_ends_every_token_of_the_session,
        both(seconds = 180) g30_two_first_requests_at_once_link_once,
        sqlite g32_a_browser_signs_in_with_a_code_and_its_proof,
        sqlite g30_passwords_and_tokens_of_our_own_are_worth_nothing,
    ];
    let ignored = issuer::is_missing();
    let with_an_issuer = with_an_issuer.into_iter().map(|trial| {
        let is_out = ignored || trial.has_ignored_flag();
        trial.with_ignored_flag(is_out)
    });
    let others = trials![
        both k13_attempts_are_counted_for_all_processes_together,
        once an_issuer_that_cannot_be_believed_is_refused,
        both a_database_of_before_gets_the_grants,
    ];
    with_an_issuer.chain(others).collect()
}

const ME: &str = "{ viewer { user { code } } }";

/// A server whose people sign in at an issuer.
async fn signing_in_at(issuer: &Issuer, backend: Backend) -> Site {
    signing_in_with(issuer, backend, |_| {}).await
}

async fn signing_in_with(issuer: &Issuer, backend: Backend, change: impl FnOnce(&mut Oidc)) -> Site {
    let mut oidc = Oidc { leeway_seconds: 0, refetch_seconds: 0, ..Oidc::of(issuer.name.clone()) };
    oidc.audience.0 = vec![AUDIENCE.to_owned()];
    oidc.clients.0 = vec![CLIENT.to_owned()];
    change(&mut oidc);
    Site::with(backend, |settings| settings.oidc = Some(oidc)).await
}

async fn me(site: &Site, token: &str) -> Answer {
    site.ask(Some(token), json!({ "query": ME })).await
}

/// Who a token is.
async fn code(site: &Site, token: &str) -> String {
    let answer = me(site, token).await;
    answer.body["data"]["viewer"]["user"]["code"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

async fn is_nobody(site: &Site, token: &str, why: &str) {
    let answer = me(site, token).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{why}: {answer:?}");
}

async fn number(site: &Site, sql: &str) -> i64 {
    let statement = Statement::from_string(site.app.database.backend(), sql);
    let row = site.app.database.reader().query_one_raw(statement).await.expect(sql);
    row.expect("a row").try_get_by_index(0).expect("a number")
}

/// Waits for what happens beside the requests.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

async fn is_ready(site: &Site) -> bool {
    site.get("/readyz").await.status == StatusCode::OK
}

async fn g30_a_token_of_the_issuer_is_somebody(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let token = issuer.token("u1|pdv@test.example").await;
    assert_eq!(code(&site, &token).await, "P1", "by the verified e-mail address");
    assert_eq!(code(&site, &token).await, "P1");
    assert_eq!(code(&site, &issuer.token("u1|pdv@test.example").await).await, "P1", "and by the subject");
    assert_eq!(code(&site, &issuer.token("u2|PDV2@test.example").await).await, "P2", "in whatever letters");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM external_identity").await, 2);
    assert_eq!(number(&site, "SELECT COUNT(*) FROM session").await, 3, "one to a token");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM event WHERE kind = 'identity.user_linked'").await, 2);
    // Unknown, not theirs for certain, deactivated: the same answer.
    let admin = issuer.token("u4|platform-admin@test.example").await;
    let unknown = me(&site, &issuer.token("u5|nobody@test.example").await).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    let unverified = me(&site, &issuer.token("unverified:u6|delegate@test.example").await).await;
    assert_eq!((unverified.status, &unverified.body), (unknown.status, &unknown.body));
    let person = sesame::graphql::id::global(::entity::vocabulary::PersonId(1)).0;
    let out = "mutation($id: ID!) { deactivateUser(input: { id: $id }) { userErrors { code } } }";
    let answer = site.ask(Some(&admin), json!({ "query": out, "variables": { "id": person } })).await;
    assert_eq!(answer.body["data"]["deactivateUser"]["userErrors"], json!([]), "{answer:?}");
    for gone in [token, issuer.token("u1|pdv@test.example").await] {
        let gone = me(&site, &gone).await;
        assert_eq!((gone.status, &gone.body), (unknown.status, &unknown.body));
    }
    assert_eq!(number(&site, "SELECT COUNT(*) FROM external_identity").await, 3);
}

async fn g30_once_linked_the_subject_decides(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let token = async |sub: &str, email: Value| {
        issuer.signed("issuer", json!({}), json!({ "sub": sub, "email": email, "email_verified": true })).await
    };
    assert_eq!(code(&site, &token("one", json!("pdv@test.example")).await).await, "P1");
    assert_eq!(
        code(&site, &token("one", json!("pdv2@test.example")).await).await,
        "P1",
        "whatever address they have now"
    );
    assert_eq!(code(&site, &token("one", Value::Null).await).await, "P1", "or none");
    is_nobody(&site, &token("two", json!("pdv@test.example")).await, "somebody else with the same address").await;
    assert_eq!(code(&site, &token("two", json!("pdv2@test.example")).await).await, "P2");
    // Unlinked, the address decides once more, and the old subject is nobody.
    let admin = token("four", json!("platform-admin@test.example")).await;
    let unlink = |id: i64| {
        let query = "mutation($id: ID!) { unlinkUser(input: { id: $id }) { userErrors { code } } }";
        let id = sesame::graphql::id::global(::entity::vocabulary::PersonId(id)).0;
        json!({ "query": query, "variables": { "id": id } })
    };
    let answer = site.ask(Some(&admin), unlink(1)).await;
    assert_eq!(answer.body["data"]["unlinkUser"]["userErrors"], json!([]), "{answer:?}");
    is_nobody(&site, &token("one", Value::Null).await, "the old subject").await;
    assert_eq!(code(&site, &token("three", json!("pdv@test.example")).await).await, "P1");
    let answer = site.ask(Some(&admin), unlink(3)).await;
    assert_eq!(answer.body["data"]["unlinkUser"]["userErrors"][0]["code"], "NOT_LINKED", "{answer:?}");
}

async fn k13_no_other_token_is_taken(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    // Nobody may fetch a key that a token's own header names.
    let trap = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let theirs = format!("http://{}/keys", trap.local_addr().expect("an address"));
    let now = site.app.clock.now().timestamp();
    let pdv = |more: Value| {
        let mut claims = json!({ "sub": "u1", "email": "pdv@test.example", "email_verified": true });
        claims.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        claims
    };
    let mut bad = Vec::new();
    for (why, claims) in [
        ("expired", json!({ "exp": now - 1, "iat": now - 60 })),
        ("of tomorrow", json!({ "nbf": now + 600 })),
        ("made tomorrow", json!({ "iat": now + 600, "exp": now + 900 })),
        ("for another service", json!({ "aud": "urn:another" })),
        ("of another issuer", json!({ "iss": "https://evil.example" })),
        ("of almost the issuer", json!({ "iss": format!("{}/", issuer.name) })),
        ("for another client", json!({ "client_id": "another" })),
        ("for ever", json!({ "exp": null })),
        ("a logout token", json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } })),
    ] {
        bad.push((why, issuer.signed("issuer", json!({}), pdv(claims)).await));
    }
    for (why, by, header) in [
        ("another's key under the issuer's name", "another", json!({})),
        ("unsigned", "nobody", json!({ "alg": "none" })),
        ("unsigned, in other letters", "nobody", json!({ "alg": "nOnE" })),
        ("the public key as a secret", "secret", json!({ "alg": "HS256" })),
        ("a key that its header brings", "another", json!({ "jwk": "another", "kid": null })),
        ("a key that its header names", "another", json!({ "jku": theirs, "x5u": theirs, "kid": "theirs" })),
        ("an algorithm that is not pinned", "issuer", json!({ "alg": "RS512" })),
        ("another type", "issuer", json!({ "typ": "logout+jwt" })),
        ("something that must be understood", "issuer", json!({ "crit": ["exp"] })),
    ] {
        bad.push((why, issuer.signed(by, header, pdv(json!({}))).await));
    }
    bad.push((
        "meant for another by the provider itself",
        issuer.token_with("u1|pdv@test.example", json!({ "audience": "urn:other" })).await,
    ));
    until("ready", async || is_ready(&site).await).await;
    for (why, token) in &bad {
        is_nobody(&site, token, why).await;
    }
    let asked = tokio::time::timeout(Duration::from_millis(200), trap.accept()).await;
    assert!(asked.is_err(), "a key was fetched from where a token said");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM session").await, 0);
    assert_eq!(number(&site, "SELECT COUNT(*) FROM external_identity").await, 0);
    let good = issuer.signed("issuer", json!({ "jku": theirs }), pdv(json!({}))).await;
    assert_eq!(code(&site, &good).await, "P1", "what is the issuer's is, whatever else it says");
}

async fn g30_keys_change_while_the_server_runs(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let first = issuer.token("u1|pdv@test.example").await;
    assert_eq!(code(&site, &first).await, "P1");
    issuer.test("rotate", json!({ "keep": true })).await;
    let second = issuer.token("u1|pdv@test.example").await;
    assert_eq!(code(&site, &second).await, "P1", "a key that is new is read at once");
    assert_eq!(code(&site, &first).await, "P1", "and the one before is still published");
    issuer.test("rotate", json!({ "keep": false })).await;
    assert_eq!(code(&site, &issuer.token("u1|pdv@test.example").await).await, "P1");
    is_nobody(&site, &first, "its key is published no more").await;
    is_nobody(&site, &second, "its key is published no more").await;
}

async fn k13_a_storm_of_unknown_keys_is_one_fetch(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_with(&issuer, backend, |oidc| oidc.refetch_seconds = 3600).await;
    let good = issuer.token("u1|pdv@test.example").await;
    assert_eq!(code(&site, &good).await, "P1");
    let before = issuer.fetches().await;
    let unknown = issuer.signed("another", json!({ "kid": "unknown" }), json!({})).await;
    let (head, rest) = unknown.split_once('.').expect("a token");
    let storm = (0..300).map(|number| {
        // Another signature each time: nothing that could be remembered.
        let token = format!("{head}.{rest}{number:04}");
        let site = &site;
        async move { me(site, &token).await.status }
    });
    let statuses = join_all(storm).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::UNAUTHORIZED));
    assert!(issuer.fetches().await <= before + 1, "{} fetches", issuer.fetches().await - before);
    assert_eq!(code(&site, &good).await, "P1");
    assert_eq!(code(&site, &issuer.token("u2|pdv2@test.example").await).await, "P2");
}

async fn g30_the_issuer_may_be_away(backend: Backend) {
    let issuer = Issuer::start().await;
    let token = issuer.token("u1|pdv@test.example").await;
    issuer.test("away", json!({})).await;
    let site = signing_in_with(&issuer, backend, |oidc| oidc.refresh_seconds = 1).await;
    let unready = site.get("/readyz").await;
    assert_eq!(unready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(unready.body["reasons"], json!(["ISSUER_UNKNOWN"]), "{unready:?}");
    is_nobody(&site, &token, "nobody can tell").await;
    issuer.test("back", json!({})).await;
    until("ready", async || is_ready(&site).await).await;
    assert_eq!(code(&site, &token).await, "P1");
    issuer.test("away", json!({})).await;
    let says = async || site.get("/readyz").await.body["warnings"] == json!(["ISSUER_AWAY"]);
    until("it is seen that the issuer is away", says).await;
    assert!(is_ready(&site).await, "tokens whose keys are known go on");
    assert_eq!(code(&site, &token).await, "P1");
    issuer.test("back", json!({})).await;
    until("good again", async || site.get("/readyz").await.body["warnings"] == json!([])).await;
}

async fn renew(talk: &mut Talk, token: &str) -> Value {
    talk.say(json!({ "type": "ping", "payload": { "authorization": format!("Bearer {token}") } })).await;
    talk.hear().await
}

async fn g30_a_socket_ends_with_its_token_and_may_be_renewed(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let short = async || issuer.token_with("u1|pdv@test.example", json!({ "life": 3 })).await;
    let mut ends = Talk::begin(&site.address, &short().await).await;
    let mut lives = Talk::begin(&site.address, &short().await).await;
    let pong = renew(&mut lives, &issuer.token("u1|pdv@test.example").await).await;
    assert!(pong["payload"]["expiresAt"].is_string(), "{pong}");
    ends.is_quiet().await;
    assert_eq!(ends.closed().await, 4403, "it ends with its token");
    lives.subscribe("1", ME).await;
    assert_eq!(lives.hear_of("next", "1").await["data"]["viewer"]["user"]["code"], "P1");
    assert_eq!(lives.hear_of("complete", "1").await, Value::Null);
    lives.say(json!({ "type": "ping", "payload": { "token": issuer.token("u2|pdv2@test.example").await } })).await;
    assert_eq!(lives.closed().await, 4403, "a token of somebody else renews nothing");
}

async fn g30_who_logs_out_at_the_issuer_is_out(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let hook = format!("http://{}/oidc/backchannel-logout", site.address);
    issuer.test("client", json!({ "backchannel_logout_uri": hook, "backchannel_logout_session_required": true })).await;
    let of = async |sid: &str| issuer.token_with("u1|pdv@test.example", json!({ "sid": sid })).await;
    let (one, unseen, other) = (of("s1").await, of("s1").await, of("s2").await);
    assert_eq!(code(&site, &other).await, "P1");
    let ends = Talk::begin(&site.address, &one).await;
    let mut lives = Talk::begin(&site.address, &other).await;
    issuer.test("logout", json!({ "sub": "u1|pdv@test.example", "sid": "s1" })).await;
    assert_eq!(ends.closed().await, 4403);
    is_nobody(&site, &one, "logged out").await;
    is_nobody(&site, &unseen, "of the same session, seen for the first time").await;
    lives.is_quiet().await;
    assert_eq!(code(&site, &other).await, "P1", "another session goes on");
    // Without a session it is about all of them.
    let subject = json!({ "sub": "u1|pdv@test.example", "iat": site.app.clock.now().timestamp() });
    let mut claims =
        json!({ "aud": CLIENT, "events": { "http://schemas.openid.net/event/backchannel-logout": {} }, "jti": "1" });
    claims.as_object_mut().expect("an object").extend(subject.as_object().expect("an object").clone());
    let say = async |token: &str| {
        let request =
            reqwest::Client::new().post(&hook).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        request.body(format!("logout_token={token}")).send().await.expect("an answer").status()
    };
    let forged = issuer.signed("another", json!({ "typ": "logout+jwt" }), claims.clone()).await;
    assert_eq!(say(&forged).await, StatusCode::BAD_REQUEST);
    assert_eq!(say(&other).await, StatusCode::BAD_REQUEST, "an access token is none");
    lives.is_quiet().await;
    assert_eq!(say(&issuer.signed("issuer", json!({ "typ": "logout+jwt" }), claims).await).await, StatusCode::OK);
    assert_eq!(lives.closed().await, 4403);
    is_nobody(&site, &other, "logged out everywhere").await;
    // Whoever signs in again, a moment later, is in.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(code(&site, &of("s3").await).await, "P1");
}

async fn g30_a_logout_reaches_every_process(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let another = site.another_with(|settings| settings.oidc.clone_from(&site.app.settings.oidc)).await;
    let token = issuer.token_with("u1|pdv@test.example", json!({ "sid": "s1" })).await;
    let ends = Talk::begin(&another.address, &token).await;
    let hook = format!("http://{}/oidc/backchannel-logout", site.address);
    issuer.test("client", json!({ "backchannel_logout_uri": hook, "backchannel_logout_session_required": true })).await;
    issuer.test("logout", json!({ "sub": "u1|pdv@test.example", "sid": "s1" })).await;
    assert_eq!(ends.closed().await, 4403);
    is_nobody(&another, &token, "logged out through another process").await;
}

async fn g30_signing_out_ends_every_token_of_the_session(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let of = async |sid: &str| issuer.token_with("u1|pdv@test.example", json!({ "sid": sid })).await;
    let (one, two, unseen, other) = (of("s1").await, of("s1").await, of("s1").await, of("s2").await);
    let ends = Talk::begin(&site.address, &two).await;
    assert_eq!(code(&site, &other).await, "P1");
    site.sign_out(&one).await;
    assert_eq!(ends.closed().await, 4403);
    for gone in [&one, &two, &unseen] {
        is_nobody(&site, gone, "signed out").await;
    }
    assert_eq!(code(&site, &other).await, "P1");
}

async fn g30_two_first_requests_at_once_link_once(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    let (one, two) = (issuer.token("u1|pdv@test.example").await, issuer.token("u1|pdv@test.example").await);
    let codes = join_all((0..12).map(|turn| code(&site, if turn % 2 == 0 { &one } else { &two }))).await;
    assert_eq!(codes, ["P1"; 12]);
    assert_eq!(number(&site, "SELECT COUNT(*) FROM external_identity").await, 1);
    assert_eq!(number(&site, "SELECT COUNT(*) FROM session").await, 2);
}

async fn g30_passwords_and_tokens_of_our_own_are_worth_nothing(backend: Backend) {
    let issuer = Issuer::start().await;
    let site = signing_in_at(&issuer, backend).await;
    is_nobody(&site, &site.token("pdv").await, "a token of our own").await;
    let query = "mutation($input: SignInInput!) { signIn(input: $input) { session { accessToken } userErrors { code message } } }";
    let input = json!({ "email": "pdv@test.example", "password": PASSWORD });
    let answer = site.ask(None, json!({ "query": query, "variables": { "input": input } })).await;
    let refused = &answer.body["data"]["signIn"];
    assert_eq!((&refused["session"], &refused["userErrors"][0]["code"]), (&Value::Null, &json!("SIGN_IN_ELSEWHERE")));
    assert!(refused["userErrors"][0]["message"].as_str().is_some_and(|text| text.contains(&issuer.name)), "{answer:?}");
    let query = "mutation { refreshSession(input: { refreshToken: \"x\" }) { userErrors { code } } }";
    let answer = site.ask(None, json!({ "query": query })).await;
    assert_eq!(answer.body["data"]["refreshSession"]["userErrors"][0]["code"], "SIGN_IN_ELSEWHERE", "{answer:?}");
    let printed = std::process::Command::new(env!("CARGO_BIN_EXE_sesame"))
        .args(["token", "--user", "pdv@test.example"])
        .env("SESAME_DATA", &site.app.settings.data)
        .env("DATABASE_URL", &site.app.settings.database_url)
        .env("SESAME_OIDC_ISSUER", &issuer.name)
        .env("SESAME_OIDC_AUDIENCE", AUDIENCE)
        .output()
        .expect("an end");
    let told = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(!printed.status.success() && printed.stdout.is_empty() && told.contains(&issuer.name), "{told}");
}

/// A browser, as far as signing in goes: it keeps cookies and follows where it is sent.
#[derive(Default)]
struct Browser {
    cookies: Vec<(String, String)>,
}

impl Browser {
    async fn go(&mut self, address: &str, form: Option<&str>) -> (StatusCode, Option<String>, String) {
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build().expect("a client");
        let kept: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match form {
            Some(form) => http
                .post(address)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.to_owned()),
            None => http.get(address),
        };
        let response = request.header(header::COOKIE, kept.join("; ")).send().await.expect("an answer");
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().expect("a cookie").split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let place = response.headers().get(header::LOCATION).map(|place| place.to_str().expect("a place").to_owned());
        (response.status(), place, response.text().await.expect("a page"))
    }

    /// Goes where it is sent until a page is shown, or it would leave the issuer.
    async fn follow(&mut self, issuer: &Issuer, mut address: String) -> Result<(String, String), String> {
        loop {
            let (_, place, page) = self.go(&address, None).await;
            let Some(place) = place else { return Ok((address, page)) };
            address = if place.starts_with('/') { format!("{}{place}", issuer.name) } else { place };
            if !address.starts_with(&issuer.name) {
                return Err(address);
            }
        }
    }
}

async fn g32_a_browser_signs_in_with_a_code_and_its_proof(backend: Backend) {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use sha2::{Digest, Sha256};

    let issuer = Issuer::start().await;
    let site = signing_in_with(&issuer, backend, |oidc| oidc.graphiql_client = CLIENT.to_owned()).await;
    let back = format!("http://{}/graphiql", site.address);
    issuer.test("client", json!({ "redirect_uris": [back] })).await;
    let proof = "a-verifier-that-nobody-else-knows-0123456789abcdef";
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(proof));
    let mut browser = Browser::default();
    let begin = format!(
        "{}/auth?client_id={CLIENT}&response_type=code&scope=openid%20email&redirect_uri={back}&state=xyz\
         &code_challenge={challenge}&code_challenge_method=S256&resource={AUDIENCE}",
        issuer.name
    );
    let (address, page) = browser.follow(&issuer, begin).await.expect("the issuer asks who it is");
    assert!(page.contains("<form"), "{page}");
    let (_, place, _) = browser.go(&address, Some("prompt=login&login=u1%7Cpdv%40test.example&password=x")).await;
    let (address, page) = browser.follow(&issuer, place.expect("a place")).await.expect("and whether they agree");
    assert!(page.contains("<form"), "{page}");
    let (_, place, _) = browser.go(&address, Some("prompt=consent")).await;
    let sent_back = browser.follow(&issuer, place.expect("a place")).await.expect_err("back to the page");
    assert!(sent_back.starts_with(&back) && sent_back.contains("state=xyz"), "{sent_back}");
    let code_given = sent_back.split(['?', '&']).find_map(|pair| pair.strip_prefix("code=")).expect("a code");
    let exchange = async |proof: &str| {
        let form = format!(
            "grant_type=authorization_code&client_id={CLIENT}&code={code_given}&redirect_uri={back}&code_verifier={proof}\
             &resource={AUDIENCE}"
        );
        let (status, _, text) = Browser::default().go(&format!("{}/token", issuer.name), Some(&form)).await;
        (status, serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    let (status, tokens) = exchange(proof).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    let access = tokens["access_token"].as_str().expect("a token");
    assert_eq!(code(&site, access).await, "P1");
    is_nobody(&site, tokens["id_token"].as_str().expect("an identity"), "who somebody is opens nothing").await;
    assert_eq!(exchange(proof).await.0, StatusCode::BAD_REQUEST, "a code is good for once");
}

async fn k13_attempts_are_counted_for_all_processes_together(backend: Backend) {
    let site = Site::start(backend).await;
    let another = site.another().await;
    let wrong = async |site: &Site, email: &str| {
        let query = "mutation($input: SignInInput!) { signIn(input: $input) { userErrors { code message } } }";
        let input = json!({ "email": email, "password": "not the password" });
        let answer = site.ask(None, json!({ "query": query, "variables": { "input": input } })).await;
        let error = answer.body["data"]["signIn"]["userErrors"][0].clone();
        (error["code"].as_str().expect("a code").to_owned(), error["message"].clone())
    };
    for email in ["pdv@test.example", "nobody@test.example"] {
        // Both servers begin at once: what is free is free once, the rest waits or is sent away.
        let tried = (0..12).map(|turn| wrong(if turn % 2 == 0 { &site } else { &another }, email));
        let codes: Vec<String> = join_all(tried).await.into_iter().map(|(code, _)| code).collect();
        let let_in = codes.iter().filter(|code| *code == "WRONG_CREDENTIALS").count();
        assert!((5..=8).contains(&let_in), "{email}: {codes:?}");
        assert!(codes.iter().all(|code| code == "WRONG_CREDENTIALS" || code == "TOO_MANY_ATTEMPTS"), "{codes:?}");
    }
    assert_eq!(number(&site, "SELECT COUNT(*) FROM sign_in_attempt").await, 2);
    let kept = ::entity::identity::sign_in_attempt::Entity::find().all(site.app.database.reader()).await.expect("rows");
    assert!(kept.iter().all(|row| !row.trier.contains("test.example")), "{kept:?}");
    let (right, _) = another.sign_in("pdv2").await;
    assert_eq!(code(&site, &right).await, "P2", "whoever is somebody else does not wait");
    assert_eq!(number(&site, "SELECT COUNT(*) FROM sign_in_attempt").await, 2, "and leaves no trail");
}

async fn an_issuer_that_cannot_be_believed_is_refused() {
    let checked = |toml: &str| {
        let file: Partial = toml::from_str(toml).expect("settings");
        let none = Partial::default();
        Settings::resolve(&none, &none, &file).check().map_err(|error| error.to_string())
    };
    let good = "[oidc]\nissuer = \"https://login.example\"\naudience = \"sesame\"";
    assert_eq!(checked(good), Ok(()));
    for (bad, hint) in [
        ("[oidc]\nissuer = \"https://login.example\"", "audience"),
        ("[oidc]\naudience = \"sesame\"", "oidc.issuer"),
        ("[oidc]\nissuer = \"http://login.example\"\naudience = \"sesame\"", "insecure_http"),
    ] {
        assert!(checked(bad).is_err_and(|error| error.contains(hint)), "{bad}");
    }
    for algorithms in ["HS256", "none"] {
        let bad = format!("{good}\nalgorithms = [\"{algorithms}\"]");
        assert!(checked(&bad).is_err_and(|error| error.contains(algorithms)), "{bad}");
    }
}

/// Who had a policy before has what came with API keys in it afterwards.
async fn a_database_of_before_gets_the_grants(backend: Backend) {
    let db = TestDb::empty(backend).await;
    let conn = Database::connect(&db.url).await.expect("a connection");
    migration::Migrator::up(&conn, Some(13)).await.expect("the steps before");
    let policy =
        "INSERT INTO policy_version (version, changed_at, reason) VALUES (1, '2026-03-16 09:00:00+00:00', 'x')";
    conn.execute_unprepared(policy).await.expect("a policy");
    migration::Migrator::up(&conn, None).await.expect("the steps from there");
    let count = async |what: String| {
        let row =
            conn.query_one_raw(Statement::from_string(conn.get_database_backend(), what)).await.expect("an answer");
        row.expect("a row").try_get_by_index::<i64>(0).expect("a number")
    };
    let came = ["readApiKeys", "createApiKey", "updateApiKey", "revokeApiKey", "unlinkUser"];
    let lines = policy::shipped().expect("the shipped policy");
    let ours = lines.iter().filter(|line| line.subject == API_KEY || came.contains(&line.object.as_str()));
    let mut granted = 0;
    for Line { subject, object, step, scope, .. } in ours {
        let same = format!("subject = '{subject}' AND object = '{object}' AND step = '{step}' AND scope = '{scope}'");
        assert_eq!(count(format!("SELECT COUNT(*) FROM policy_line WHERE {same}")).await, 1, "{subject} {object}");
        granted += 1;
    }
    assert_eq!(granted, 8);
    assert!(count("SELECT MAX(version) FROM policy_version".to_owned()).await > 1);
    conn.close().await.expect("closed");
}
