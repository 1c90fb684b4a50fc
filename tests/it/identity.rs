//! People, sessions, mandates and the policy, through the server.

use std::{collections::BTreeSet, process::Command, sync::Arc, time::Instant};

use ::entity::{
    identity::{person, session},
    platform::{event, idempotency},
    vocabulary::{DelegationId, DeputyId, RegionId},
};
use casbin::CoreApi;
use chrono::Duration;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};
use sesame::{
    app::App,
    authz::{Permission, Scope, View, policy, view::enforcer},
    graphql::id::global,
    http::Serving,
    identity::passwords,
};
use tokio::net::TcpListener;

use crate::{
    app::{Client, Reply, TestApp, noon},
    harness::{Backend, Trial, trials},
    network::{PEOPLE, person, person_id},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both signing_in_tells_nothing_about_who_exists,
        both guessing_is_slowed_down,
        sqlite a_forged_token_proves_nothing,
        both a_refresh_token_is_good_for_one_use,
        both sessions_that_are_over_are_forgotten,
        both signing_out_ends_the_session_on_every_connection,
        both a_user_is_created_whole_or_not_at_all,
        both a_user_is_changed,
        both a_conflict_carries_the_user_as_they_are,
        both a_deactivated_user_is_out_at_once,
        both somebody_is_left_to_administer,
        both two_administrators_cannot_lock_each_other_out,
        both a_narrower_line_does_not_reach_further_than_its_holder,
        both a_key_gets_the_same_answer_and_a_dry_run_writes_nothing,
        both a_deputy_has_the_rights_for_their_days,
        both a_mandate_keeps_to_the_rules,
        both a_manager_names_deputies_in_the_region_alone,
        both a_mandate_is_seen_by_those_whom_it_concerns,
        both settings_are_ones_own,
        both a_new_password_ends_the_other_sessions,
        both users_are_listed_for_their_administrators,
        both people_are_listed_without_what_only_administrators_see,
        both the_policy_gives_and_takes_at_once,
        both the_policy_refuses_what_is_not_a_line,
        both of_two_changes_of_the_policy_one_wins,
        both a_role_is_data,
        both administration_is_denied_to_everybody_else,
        both texts_from_outside_are_bounded,
        both a_token_comes_from_the_command_line,
        postgres other_processes_follow,
        once casbin_and_the_compiled_view_agree_everywhere,
        once the_shipped_policy_is_sound,
    ]
}

const PASSWORD: &str = "a password for tests";

/// What these tests ask of a server beside the verbs of orders.
trait Asks {
    /// Calls a mutation; the payload with `selection` and its user errors.
    async fn call(&self, field: &str, selection: &str, input: Value) -> Value;
    /// Calls a mutation that must be refused as a whole; the code of its error.
    async fn fails(&self, field: &str, input: Value) -> String;
    /// The permissions that one has, for whom, as the schema tells.
    async fn permissions(&self) -> BTreeSet<(String, bool)>;
}

impl Asks for Client<'_> {
    async fn call(&self, field: &str, selection: &str, input: Value) -> Value {
        let reply = mutate(self, field, selection, input).await;
        reply.data()[field].clone()
    }

    async fn fails(&self, field: &str, input: Value) -> String {
        mutate(self, field, "", input).await.error().to_owned()
    }

    async fn permissions(&self) -> BTreeSet<(String, bool)> {
        let reply = self.ask("{ viewer { permissions { name onBehalfOf } } }", json!({})).await;
        let list = reply.data()["viewer"]["permissions"].as_array().expect("a list").clone();
        list.iter().map(|p| (text(&p["name"]), !p["onBehalfOf"].is_null())).collect()
    }
}

async fn mutate(client: &Client<'_>, field: &str, selection: &str, input: Value) -> Reply {
    let (first, rest) = field.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {field}(input: $input) {{ {selection} \
         userErrors {{ code message field }} }} }}",
        first.to_uppercase()
    );
    client.ask(&query, json!({ "input": input })).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

#[track_caller]
fn good(payload: &Value) -> &Value {
    assert_eq!(payload["userErrors"], json!([]), "{payload:#}");
    payload
}

fn codes(payload: &Value) -> Vec<&str> {
    let errors = payload["userErrors"].as_array().expect("user errors");
    errors.iter().map(|error| error["code"].as_str().expect("a code")).collect()
}

/// Code and field of each user error.
fn places(payload: &Value) -> Vec<(&str, String)> {
    let errors = payload["userErrors"].as_array().expect("user errors");
    let path = |error: &Value| {
        let words = error["field"].as_array().expect("a path");
        words.iter().map(text).collect::<Vec<_>>().join(".")
    };
    errors.iter().map(|error| (error["code"].as_str().expect("a code"), path(error))).collect()
}

fn delegation(key: i64) -> String {
    global(DelegationId(key)).0
}

fn region(key: i64) -> String {
    global(RegionId(key)).0
}

fn admin(app: &TestApp) -> Client<'_> {
    app.person("platform-admin")
}

fn with_token(app: &TestApp, token: String) -> Client<'_> {
    Client { token: Some(token), ..app.nobody() }
}

async fn give_password(app: &TestApp, name: &str) {
    let hash = passwords::hash(PASSWORD).expect("a hash");
    person::Entity::update_many()
        .col_expr(person::Column::PasswordHash, Expr::value(hash))
        .filter(person::Column::Id.eq(person_id(name)))
        .exec(app.app.database.writer())
        .await
        .expect("a password");
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Value {
    let input = json!({ "email": email, "password": password });
    app.nobody().call("signIn", "session { accessToken refreshToken }", input).await
}

async fn signed_in<'a>(app: &'a TestApp, name: &str) -> (Client<'a>, String) {
    let payload = sign_in(app, &format!("{name}@test.example"), PASSWORD).await;
    let session = &good(&payload)["session"];
    (with_token(app, text(&session["accessToken"])), text(&session["refreshToken"]))
}

async fn who(client: &Client<'_>) -> Option<String> {
    let reply = client.ask("{ viewer { user { email } } }", json!({})).await;
    match reply.body["errors"].is_null() {
        true => Some(text(&reply.data()["viewer"]["user"]["email"])),
        false => {
            assert_eq!(reply.error(), "UNAUTHENTICATED", "{:#}", reply.body);
            None
        }
    }
}

fn new_user(email: &str) -> Value {
    json!({ "email": email, "givenName": "Dominique", "familyName": "Durand", "roles": ["DELEGATE"],
            "delegation": delegation(2), "password": PASSWORD })
}

fn but(mut input: Value, more: Value) -> Value {
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    input
}

const USER: &str = "user { id code email version active displayName roles { code } delegation { id } region { id } }";

async fn events(app: &TestApp, kind: &str) -> u64 {
    let found = event::Entity::find().filter(event::Column::Kind.eq(kind));
    found.count(app.app.database.reader()).await.expect("a count")
}

// Sessions

async fn signing_in_tells_nothing_about_who_exists(backend: Backend) {
    let app = TestApp::start(backend).await;
    give_password(&app, "delegate").await;
    give_password(&app, "rr").await;
    app.execute("UPDATE person SET active = FALSE WHERE email = 'rr@test.example'").await;
    let (delegate, _) = signed_in(&app, "delegate").await;
    assert_eq!(who(&delegate).await.as_deref(), Some("delegate@test.example"));
    let wrong = sign_in(&app, "delegate@test.example", "another password").await;
    assert_eq!(places(&wrong), [("WRONG_CREDENTIALS", "password".to_owned())]);
    for email in ["nobody@test.example", "rr@test.example", "rr2@test.example", "DELEGATE2@test.example"] {
        assert_eq!(sign_in(&app, email, PASSWORD).await, wrong, "{email}");
    }
    let reply = mutate(&app.nobody(), "signIn", "", json!({ "email": "no address", "password": "x" })).await;
    assert_eq!(reply.error(), "BAD_USER_INPUT");
}

async fn guessing_is_slowed_down(backend: Backend) {
    let app = TestApp::start(backend).await;
    give_password(&app, "delegate").await;
    for email in ["delegate@test.example", "nobody@test.example"] {
        let before = Instant::now();
        for _ in 0..6 {
            assert_eq!(codes(&sign_in(&app, email, "wrong").await), ["WRONG_CREDENTIALS"]);
        }
        assert!(before.elapsed().as_secs_f64() >= 1.0, "{email}: {:?}", before.elapsed());
        let at_once = [(); 4].map(|()| sign_in(&app, email, "wrong"));
        let answers = futures_util::future::join_all(at_once).await;
        let refused = answers.iter().filter(|answer| codes(answer) == ["TOO_MANY_ATTEMPTS"]).count();
        assert!(refused >= 2, "{email}: {answers:#?}");
    }
    give_password(&app, "rr").await;
    good(&sign_in(&app, "rr@test.example", PASSWORD).await);
}

async fn a_forged_token_proves_nothing(backend: Backend) {
    use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
    let app = TestApp::start(backend).await;
    let key = std::fs::read(app.app.settings.data.join("keys/issuer.key")).expect("the key");
    let real = app.token("delegate");
    let payload = |token: &str| token.split('.').nth(1).expect("a payload").to_owned();
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&real).map(|data| data.claims).expect("claims");
    let signed = |claims: &Value, algorithm: Algorithm, key: &[u8]| {
        encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).expect("a token")
    };
    let good = signed(&claims, Algorithm::HS256, &key);
    assert!(who(&with_token(&app, good.clone())).await.is_some());
    let without = |name: &str| {
        let mut claims = claims.clone();
        claims.as_object_mut().expect("claims").remove(name);
        signed(&claims, Algorithm::HS256, &key)
    };
    let somebody_else = signed(&but(claims.clone(), json!({ "sub": "10" })), Algorithm::HS256, &key);
    let forged = [
        format!("eyJhbGciOiJub25lIn0.{}.", payload(&good)),
        signed(&claims, Algorithm::HS512, &key),
        signed(&claims, Algorithm::HS256, b"another key of thirty-two bytes!"),
        signed(&but(claims.clone(), json!({ "aud": "another" })), Algorithm::HS256, &key),
        signed(&but(claims.clone(), json!({ "iss": "another" })), Algorithm::HS256, &key),
        signed(&but(claims.clone(), json!({ "exp": 1 })), Algorithm::HS256, &key),
        format!(
            "{}.{}.{}",
            good.split('.').next().expect("a header"),
            payload(&somebody_else),
            good.split('.').nth(2).expect("a signature")
        ),
        somebody_else,
        without("exp"),
        without("aud"),
        without("iss"),
        without("sub"),
        "no token".to_owned(),
    ];
    for token in forged {
        assert_eq!(who(&with_token(&app, token.clone())).await, None, "{token}");
    }
}

async fn sessions_that_are_over_are_forgotten(backend: Backend) {
    let app = TestApp::start(backend).await;
    let open = app.number("SELECT COUNT(*) FROM session").await;
    app.execute("UPDATE session SET revoked_at = '2026-03-16T09:00:00+00:00' WHERE id = 1").await;
    app.execute("UPDATE session SET expires_at = '2026-03-20T09:00:00+00:00' WHERE id = 2").await;
    for (day, left) in [(22, open), (25, open - 1), (30, open - 2)] {
        app.clock.set(crate::app::noon(2026, 3, day));
        sesame::identity::forget_sessions(&app.app).await.expect("a pass");
        assert_eq!(app.number("SELECT COUNT(*) FROM session").await, left, "on 2026-03-{day}");
        assert_eq!(app.number("SELECT COUNT(*) FROM refresh_token").await, left, "on 2026-03-{day}");
    }
}

async fn a_refresh_token_is_good_for_one_use(backend: Backend) {
    let app = TestApp::start(backend).await;
    give_password(&app, "delegate").await;
    let (first, token) = signed_in(&app, "delegate").await;
    let refresh = async |token: &str| {
        app.nobody()
            .call("refreshSession", "session { accessToken refreshToken }", json!({ "refreshToken": token }))
            .await
    };
    let renewed = refresh(&token).await;
    let second = with_token(&app, text(&good(&renewed)["session"]["accessToken"]));
    assert!(who(&first).await.is_some() && who(&second).await.is_some());
    // Whoever comes with a used token has copied it, or was copied: the session ends for both.
    assert_eq!(codes(&refresh(&token).await), ["SESSION_ENDED"]);
    assert_eq!((who(&first).await, who(&second).await), (None, None));
    let last = text(&renewed["session"]["refreshToken"]);
    assert_eq!(places(&refresh(&last).await), [("SESSION_ENDED", "refreshToken".to_owned())]);
    assert_eq!(codes(&refresh("never given").await), ["SESSION_ENDED"]);
    assert_eq!(events(&app, "identity.session_ended").await, 1);
    // A session ends by itself too, with all its tokens.
    let (delegate, token) = signed_in(&app, "delegate").await;
    app.clock.set(app.clock.now() + Duration::days(i64::from(app.app.settings.session_days) + 1));
    assert_eq!(who(&delegate).await, None);
    assert_eq!(codes(&refresh(&token).await), ["SESSION_ENDED"]);
}

async fn signing_out_ends_the_session_on_every_connection(backend: Backend) {
    let app = TestApp::start(backend).await;
    give_password(&app, "delegate").await;
    let (delegate, refresh) = signed_in(&app, "delegate").await;
    let (elsewhere, _) = signed_in(&app, "delegate").await;
    let other_connection = reqwest::Client::new();
    let ask = async || {
        let request = other_connection
            .post(format!("{}/graphql", app.url))
            .bearer_auth(delegate.token.as_ref().expect("a token"));
        let answer =
            request.json(&json!({ "query": "{ viewer { user { email } } }" })).send().await.expect("an answer");
        answer.json::<Value>().await.expect("JSON")["errors"].is_null()
    };
    assert!(ask().await);
    let payload = delegate.call("signOut", "clientMutationId", json!({ "clientMutationId": "bye" })).await;
    assert_eq!(good(&payload)["clientMutationId"], "bye");
    assert!(!ask().await);
    assert!(who(&elsewhere).await.is_some(), "only this session ends");
    let renewed =
        app.nobody().call("refreshSession", "session { accessToken }", json!({ "refreshToken": refresh })).await;
    assert_eq!(codes(&renewed), ["SESSION_ENDED"]);
}

// Users

async fn a_user_is_created_whole_or_not_at_all(backend: Backend) {
    let app = TestApp::start(backend).await;
    let payload = admin(&app).call("createUser", USER, new_user("New@Test.Example")).await;
    let user = &good(&payload)["user"];
    assert_eq!(user["email"], "new@test.example");
    assert_eq!(user["code"], "P00012");
    assert_eq!(user["region"]["id"], region(1), "the delegation's");
    assert_eq!(user["roles"], json!([{ "code": "DELEGATE" }]));
    let signed = sign_in(&app, "new@test.example", PASSWORD).await;
    let client = with_token(&app, text(&good(&signed)["session"]["accessToken"]));
    assert!(client.permissions().await.contains(&("createOrder".into(), false)));
    assert_eq!(events(&app, "identity.user_created").await, 1);
    let told = app.number("SELECT COUNT(*) FROM event WHERE CAST(changes AS TEXT) LIKE '%argon2%'").await;
    assert_eq!(told, 0, "no event tells a password");

    let wrong = json!({ "email": "new@test.example", "givenName": "  ", "familyName": "", "code": "PDV",
                        "roles": ["RR", "NOBODY"], "password": "elevenchars" });
    let payload = app.nothing_moves(admin(&app).call("createUser", USER, wrong)).await;
    let expected = [
        ("NAME_REQUIRED", "givenName"),
        ("NAME_REQUIRED", "familyName"),
        ("EMAIL_TAKEN", "email"),
        ("CODE_TAKEN", "code"),
        ("UNKNOWN_ROLE", "roles.1"),
        ("PLACE_REQUIRED", "region"),
        ("PASSWORD_TOO_SHORT", "password"),
    ];
    assert_eq!(places(&payload), expected.map(|(code, field)| (code, field.to_owned())));
    assert_eq!(payload["user"], Value::Null);
    let placeless = but(new_user("b@test.example"), json!({ "delegation": null }));
    let payload = app.nothing_moves(admin(&app).call("createUser", USER, placeless)).await;
    assert_eq!(places(&payload), [("PLACE_REQUIRED", "delegation".to_owned())]);
    // Sales promotion works everywhere, and needs no place.
    let everywhere =
        but(new_user("c@test.example"), json!({ "delegation": null, "roles": ["PDV", "PDV"], "code": "C" }));
    assert_eq!(good(&admin(&app).call("createUser", USER, everywhere).await)["user"]["code"], "C");
    let elsewhere = but(new_user("d@test.example"), json!({ "region": region(2) }));
    assert_eq!(app.nothing_moves(admin(&app).fails("createUser", elsewhere)).await, "BAD_USER_INPUT");
    let nowhere = but(new_user("d@test.example"), json!({ "delegation": delegation(99) }));
    assert_eq!(app.nothing_moves(admin(&app).fails("createUser", nowhere)).await, "NOT_FOUND");
}

async fn a_user_is_changed(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = admin(&app);
    assert!(!app.delegate2().permissions().await.contains(&("validateOrder".into(), false)));
    let input = json!({ "id": person("delegate2"), "expectedVersion": 1, "roles": ["RR"], "familyName": "Petit",
                        "delegation": null, "region": region(2) });
    let payload = admin.call("updateUser", USER, input).await;
    let user = &good(&payload)["user"];
    assert_eq!((&user["version"], &user["displayName"]), (&json!(2), &json!("Camille Petit")));
    assert_eq!((&user["delegation"], &user["region"]["id"]), (&Value::Null, &json!(region(2))));
    assert!(app.delegate2().permissions().await.contains(&("validateOrder".into(), false)), "at once");
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'identity.user_updated'").await, 1);
    // The region follows the delegation.
    let input = json!({ "id": person("delegate2"), "delegation": delegation(1) });
    let payload = admin.call("updateUser", USER, input).await;
    assert_eq!(good(&payload)["user"]["region"]["id"], region(1));
    let input = json!({ "id": person("delegate2"), "email": "rr@test.example", "code": "RR", "givenName": " ",
                        "password": "short", "roles": ["DELEGATE", "NOBODY"], "delegation": null });
    let payload = app.nothing_moves(admin.call("updateUser", USER, input)).await;
    assert_eq!(
        codes(&payload),
        ["NAME_REQUIRED", "EMAIL_TAKEN", "CODE_TAKEN", "UNKNOWN_ROLE", "PLACE_REQUIRED", "PASSWORD_TOO_SHORT"]
    );
    assert_eq!(payload["user"]["displayName"], "Camille Petit", "as they are");
    let missing = json!({ "id": global(::entity::vocabulary::PersonId(99)).0, "givenName": "X" });
    assert_eq!(admin.fails("updateUser", missing).await, "NOT_FOUND");
    // A new password puts whoever has the old one out.
    let input = json!({ "id": person("delegate"), "password": PASSWORD });
    good(&admin.call("updateUser", USER, input).await);
    assert_eq!(who(&app.delegate()).await, None);
    signed_in(&app, "delegate").await;
}

async fn a_conflict_carries_the_user_as_they_are(backend: Backend) {
    let app = TestApp::start(backend).await;
    let change = |name: &str| json!({ "id": person("delegate"), "expectedVersion": 1, "familyName": name });
    let (admin, other) = (admin(&app), admin(&app));
    let (first, second) =
        tokio::join!(admin.call("updateUser", USER, change("First")), other.call("updateUser", USER, change("Second")));
    let (won, lost) = if codes(&first).is_empty() { (first, second) } else { (second, first) };
    assert_eq!(places(&lost), [("CONFLICT", "expectedVersion".to_owned())]);
    assert_eq!(lost["user"], good(&won)["user"]);
    assert_eq!(lost["user"]["version"], 2);
    // O-27: who was faster, and when.
    let message = lost["userErrors"][0]["message"].as_str().expect("a message");
    assert!(message.contains("platform-admin, on 2026-"), "{message}");
}

async fn a_deactivated_user_is_out_at_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    give_password(&app, "delegate").await;
    name(&app.delegate(), json!({ "deputy": person("delegate2") })).await;
    name(&app.delegate2(), json!({ "deputy": person("delegate") })).await;
    let switch = json!({ "id": person("delegate"), "expectedVersion": 1 });
    let payload = admin(&app).call("deactivateUser", USER, switch.clone()).await;
    assert_eq!(good(&payload)["user"]["active"], false);
    assert_eq!(who(&app.delegate()).await, None);
    assert_eq!(codes(&sign_in(&app, "delegate@test.example", PASSWORD).await), ["WRONG_CREDENTIALS"]);
    assert!(app.delegate2().permissions().await.iter().all(|(_, for_somebody)| !for_somebody));
    assert_eq!(app.number("SELECT COUNT(*) FROM deputy WHERE ended_at IS NULL").await, 0);
    let open = session::Entity::find()
        .filter(session::Column::PersonId.eq(person_id("delegate")))
        .filter(session::Column::RevokedAt.is_null());
    assert_eq!(open.count(app.app.database.reader()).await.expect("a count"), 0);
    let payload = app.nothing_moves(admin(&app).call("deactivateUser", USER, switch)).await;
    assert_eq!(codes(&payload), ["CONFLICT"]);
    let again = json!({ "id": person("delegate") });
    let payload = app.nothing_moves(admin(&app).call("deactivateUser", USER, again.clone())).await;
    assert_eq!(codes(&payload), ["WRONG_STATUS"]);
    good(&admin(&app).call("reactivateUser", USER, again.clone()).await);
    assert_eq!(codes(&admin(&app).call("reactivateUser", USER, again).await), ["WRONG_STATUS"]);
    let (back, _) = signed_in(&app, "delegate").await;
    assert!(back.permissions().await.contains(&("createOrder".into(), false)));
    assert!(back.permissions().await.iter().all(|(_, for_somebody)| !for_somebody), "mandates do not come back");
    assert_eq!(who(&app.delegate()).await, None, "nor do sessions");
}

async fn somebody_is_left_to_administer(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = admin(&app);
    let me = person("platform-admin");
    let payload = app.nothing_moves(admin.call("deactivateUser", USER, json!({ "id": me }))).await;
    assert_eq!(codes(&payload), ["LAST_ADMINISTRATOR"]);
    let payload = app.nothing_moves(admin.call("updateUser", USER, json!({ "id": me, "roles": ["PDV"] }))).await;
    assert_eq!(codes(&payload), ["LAST_ADMINISTRATOR"]);
    let lines = json!([{ "role": "PLATFORM_ADMIN", "object": "updateUser", "scope": "all" }]);
    for line in [
        json!({ "role": "PLATFORM_ADMIN", "object": "changePolicy", "scope": "all" }),
        json!({ "role": "ANONYMOUS", "object": "signIn", "scope": "all" }),
        lines[0].clone(),
    ] {
        let change = json!({ "remove": [line], "reason": "test" });
        let payload = app.nothing_moves(admin.call("changePolicy", "", change)).await;
        assert_eq!(codes(&payload), ["LAST_ADMINISTRATOR"], "{line}");
    }
    let heir = but(new_user("heir@test.example"), json!({ "roles": ["PLATFORM_ADMIN"] }));
    good(&admin.call("createUser", USER, heir).await);
    good(&admin.call("deactivateUser", USER, json!({ "id": me })).await);
    assert_eq!(who(&admin).await, None);
}

async fn two_administrators_cannot_lock_each_other_out(backend: Backend) {
    let app = TestApp::start(backend).await;
    let heir = but(new_user("heir@test.example"), json!({ "roles": ["PLATFORM_ADMIN"] }));
    let payload = admin(&app).call("createUser", USER, heir).await;
    let heir = text(&good(&payload)["user"]["id"]);
    let signed = sign_in(&app, "heir@test.example", PASSWORD).await;
    let other = with_token(&app, text(&good(&signed)["session"]["accessToken"]));
    let (one, two) = (json!({ "id": heir }), json!({ "id": person("platform-admin") }));
    let admin = admin(&app);
    let (first, second) =
        tokio::join!(mutate(&admin, "deactivateUser", "", one), mutate(&other, "deactivateUser", "", two));
    let done = |reply: &Reply| reply.body["data"]["deactivateUser"]["userErrors"] == json!([]);
    assert!(done(&first) != done(&second), "{:#}\n{:#}", first.body, second.body);
    assert_eq!(app.number("SELECT COUNT(*) FROM person p JOIN person_role r ON r.person_id = p.id WHERE active AND role_code = 'PLATFORM_ADMIN'").await, 1);
}

async fn a_narrower_line_does_not_reach_further_than_its_holder(backend: Backend) {
    let app = TestApp::start(backend).await;
    let lines = ["createUser", "updateUser", "deactivateUser", "readUsers"]
        .map(|object| json!({ "role": "RR", "object": object, "scope": "region" }));
    good(&admin(&app).call("changePolicy", "", json!({ "add": lines, "reason": "regional administrators" })).await);
    let rr = app.rr();
    good(&rr.call("updateUser", USER, json!({ "id": person("delegate"), "familyName": "Durand" })).await);
    good(&rr.call("createUser", USER, new_user("mine@test.example")).await);
    let denied = [
        ("updateUser", json!({ "id": person("delegate3"), "familyName": "Durand" })),
        ("updateUser", json!({ "id": person("delegate"), "delegation": delegation(3) })),
        ("updateUser", json!({ "id": person("delegate"), "roles": ["DELEGATE", "PLATFORM_ADMIN"] })),
        ("updateUser", json!({ "id": person("platform-admin"), "password": PASSWORD })),
        ("createUser", but(new_user("x@test.example"), json!({ "delegation": delegation(3) }))),
        ("createUser", but(new_user("x@test.example"), json!({ "roles": ["PDV"] }))),
        ("deactivateUser", json!({ "id": person("delegate3") })),
    ];
    for (field, input) in denied {
        assert_eq!(app.nothing_moves(rr.fails(field, input.clone())).await, "FORBIDDEN", "{field} {input}");
    }
    let listed = rr.ask("{ users(first: 50) { totalCount } }", json!({})).await;
    assert_eq!(listed.data()["users"]["totalCount"], 5, "those of the region");
}

async fn a_key_gets_the_same_answer_and_a_dry_run_writes_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = admin(&app);
    let dry = but(new_user("dry@test.example"), json!({ "dryRun": true }));
    let payload = app.nothing_moves(admin.call("createUser", USER, dry)).await;
    assert_eq!(good(&payload)["user"]["roles"], json!([{ "code": "DELEGATE" }]));
    let dry = json!({ "id": person("delegate"), "dryRun": true });
    let payload = app.nothing_moves(admin.call("deactivateUser", USER, dry)).await;
    assert_eq!(good(&payload)["user"]["active"], false);
    assert!(who(&app.delegate()).await.is_some());

    let keyed = but(new_user("keyed@test.example"), json!({ "idempotencyKey": "once" }));
    let first = admin.call("createUser", USER, keyed.clone()).await;
    let again = app.nothing_moves(admin.call("createUser", USER, keyed.clone())).await;
    assert_eq!(good(&first), &again);
    let other = but(keyed, json!({ "familyName": "Other" }));
    assert_eq!(codes(&app.nothing_moves(admin.call("createUser", USER, other)).await), ["IDEMPOTENCY_MISMATCH"]);
    let kept = idempotency::Entity::find().all(app.app.database.reader()).await.expect("rows");
    assert!(kept.iter().all(|row| !row.answer.to_string().contains(PASSWORD)));
}

// Deputies

/// Names a deputy from today for a week.
async fn name(client: &Client<'_>, input: Value) -> Value {
    let input = but(json!({ "firstDay": "2026-03-16", "lastDay": "2026-03-22" }), input);
    let payload = client.call("nameDeputy", DEPUTY, input).await;
    good(&payload)["deputy"].clone()
}

const DEPUTY: &str = "deputy { id version firstDay lastDay endedAt absent { id } deputy { id } namedBy { id } }";

async fn a_deputy_has_the_rights_for_their_days(backend: Backend) {
    let app = TestApp::start(backend).await;
    let stands_in = async || app.rr2().permissions().await.iter().any(|(_, for_somebody)| *for_somebody);
    assert!(!stands_in().await);
    let mandate = name(&app.delegate(), json!({ "deputy": person("rr2") })).await;
    assert_eq!(mandate["absent"]["id"], person("delegate"));
    let rights = app.rr2().permissions().await;
    assert!(rights.contains(&("createOrder".into(), true)), "at once: {rights:?}");
    assert!(!rights.contains(&("createOrder".into(), false)), "for the absent person alone");
    assert!(!rights.contains(&("nameDeputy".into(), true)), "a mandate is not handed on");
    let ended = app.delegate().call("endDeputy", DEPUTY, json!({ "id": mandate["id"], "expectedVersion": 1 })).await;
    assert!(!good(&ended)["deputy"]["endedAt"].is_null());
    assert!(!stands_in().await, "gone at once");
    let again = app.nothing_moves(app.delegate().call("endDeputy", DEPUTY, json!({ "id": mandate["id"] }))).await;
    assert_eq!(codes(&again), ["ALREADY_ENDED"]);

    // Who stands in for somebody has none of what that person holds for others.
    name(&app.delegate(), json!({ "deputy": person("assistant") })).await;
    name(&app.assistant(), json!({ "deputy": person("director") })).await;
    let for_whom = app
        .person("director")
        .ask("{ viewer { permissions { onBehalfOf } standsInFor { absent { id } } } }", json!({}))
        .await;
    assert!(!for_whom.body.to_string().contains(&person("delegate")), "{:#}", for_whom.body);
    assert!(for_whom.body.to_string().contains(&person("assistant")));

    // Both days belong to it, in Paris.
    give_password(&app, "rr2").await;
    let from_wednesday = json!({ "deputy": person("rr2"), "firstDay": "2026-03-18", "lastDay": "2026-03-19" });
    name(&app.delegate(), from_wednesday).await;
    let on = async |moment| {
        app.clock.set(moment);
        let (rr2, _) = signed_in(&app, "rr2").await;
        rr2.permissions().await.iter().any(|(_, for_somebody)| *for_somebody)
    };
    assert!(!on(noon(2026, 3, 17)).await);
    assert!(on(noon(2026, 3, 17) + Duration::hours(12)).await, "Wednesday has begun in Paris");
    assert!(on(noon(2026, 3, 18)).await && on(noon(2026, 3, 19)).await);
    assert!(!on(noon(2026, 3, 20)).await);
}

async fn a_mandate_keeps_to_the_rules(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let ask = async |input: Value| {
        let input =
            but(json!({ "deputy": person("delegate2"), "firstDay": "2026-03-16", "lastDay": "2026-03-20" }), input);
        let payload = app.nothing_moves(delegate.call("nameDeputy", DEPUTY, input)).await;
        assert_eq!(payload["deputy"], Value::Null);
        places(&payload).into_iter().map(|(code, field)| format!("{code} {field}")).collect::<Vec<_>>()
    };
    assert_eq!(ask(json!({ "deputy": person("delegate") })).await, ["DEPUTY_INVALID deputy"]);
    assert_eq!(ask(json!({ "lastDay": "2026-03-15" })).await, ["PERIOD_INVALID lastDay"]);
    assert_eq!(ask(json!({ "firstDay": "2026-03-01", "lastDay": "2026-03-15" })).await, ["PERIOD_INVALID lastDay"]);
    good(&admin(&app).call("deactivateUser", "", json!({ "id": person("rr2") })).await);
    let both = ask(json!({ "deputy": person("rr2"), "lastDay": "2026-03-15" })).await;
    assert_eq!(both, ["DEPUTY_INVALID deputy", "PERIOD_INVALID lastDay"]);
    name(&delegate, json!({ "deputy": person("delegate2"), "firstDay": "2026-03-18", "lastDay": "2026-03-20" })).await;
    assert_eq!(ask(json!({ "lastDay": "2026-03-18" })).await, ["MANDATE_OVERLAPS firstDay"]);
    name(&delegate, json!({ "deputy": person("delegate2"), "lastDay": "2026-03-17" })).await;
    name(&delegate, json!({ "deputy": person("assistant"), "lastDay": "2026-03-18" })).await;
    let missing = json!({ "deputy": global(::entity::vocabulary::PersonId(99)).0, "firstDay": "2026-03-16", "lastDay": "2026-03-16" });
    assert_eq!(delegate.fails("nameDeputy", missing).await, "NOT_FOUND");
    // Two at once are one.
    let twice = json!({ "deputy": person("rr"), "firstDay": "2026-03-16", "lastDay": "2026-03-16" });
    let (first, second) =
        tokio::join!(delegate.call("nameDeputy", "", twice.clone()), delegate.call("nameDeputy", "", twice.clone()));
    let mut answers = [codes(&first), codes(&second)];
    answers.sort();
    assert_eq!(answers, [vec![], vec!["MANDATE_OVERLAPS"]]);
}

async fn a_manager_names_deputies_in_the_region_alone(backend: Backend) {
    let app = TestApp::start(backend).await;
    // Somebody who works everywhere, and is limited to the region Nord.
    app.execute("UPDATE person SET region_id = 1 WHERE email = 'pdv@test.example'").await;
    let (rr, week) = (app.rr(), json!({ "firstDay": "2026-03-16", "lastDay": "2026-03-22" }));
    let mandate = name(&rr, json!({ "absent": person("delegate"), "deputy": person("delegate2") })).await;
    assert_eq!(mandate["namedBy"]["id"], person("rr"));
    assert!(app.delegate2().permissions().await.contains(&("createOrder".into(), true)));
    for (client, absent) in [(&rr, "delegate3"), (&rr, "pdv"), (&app.rr2(), "delegate"), (&app.delegate2(), "delegate")]
    {
        let input = but(week.clone(), json!({ "absent": person(absent), "deputy": person("assistant") }));
        assert_eq!(app.nothing_moves(client.fails("nameDeputy", input)).await, "FORBIDDEN", "{absent}");
    }
    // Who stands in for a manager may name deputies in the region, but hands the own mandate on to nobody.
    name(&rr, json!({ "deputy": person("assistant") })).await;
    let input = but(week.clone(), json!({ "deputy": person("delegate2"), "onBehalfOf": person("rr") }));
    let for_a_delegate = but(input.clone(), json!({ "absent": person("delegate2"), "deputy": person("delegate") }));
    good(&app.assistant().call("nameDeputy", "", for_a_delegate).await);
    let for_the_manager = but(input.clone(), json!({ "absent": person("rr") }));
    assert_eq!(app.nothing_moves(app.assistant().fails("nameDeputy", for_the_manager)).await, "FORBIDDEN");
    let not_for_them = but(input, json!({ "absent": person("delegate2"), "onBehalfOf": person("rr2") }));
    assert_eq!(codes(&app.nothing_moves(app.assistant().call("nameDeputy", "", not_for_them)).await), ["NOT_DEPUTY"]);
    // The manager and the absent person end it; the deputy sees it, and cannot.
    let end = json!({ "id": mandate["id"] });
    assert_eq!(app.nothing_moves(app.delegate2().fails("endDeputy", end.clone())).await, "FORBIDDEN");
    assert_eq!(app.nothing_moves(app.delegate3().fails("endDeputy", end.clone())).await, "NOT_FOUND");
    good(&rr.call("endDeputy", "", end).await);
}

async fn a_mandate_is_seen_by_those_whom_it_concerns(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mandate = name(&app.delegate(), json!({ "deputy": person("rr2") })).await;
    let query = "query($id: ID!) { node(id: $id) { __typename id ... on Deputy { firstDay } } \
                 deputies(current: true) { totalCount nodes { id } } }";
    for (name, sees) in
        [("delegate", true), ("rr2", true), ("rr", true), ("delegate2", false), ("platform-admin", false)]
    {
        let reply = app.person(name).ask(query, json!({ "id": mandate["id"] })).await;
        let data = reply.data();
        assert_eq!(!data["node"].is_null(), sees, "{name}: {data:#}");
        assert_eq!(data["deputies"]["totalCount"], u8::from(sees), "{name}");
    }
    let none = app.delegate().ask(query, json!({ "id": global(DeputyId(99)).0 })).await;
    assert!(none.data()["node"].is_null());
    good(&app.delegate().call("endDeputy", "", json!({ "id": mandate["id"] })).await);
    let reply = app.delegate().ask(query, json!({ "id": mandate["id"] })).await;
    assert_eq!(reply.data()["deputies"]["totalCount"], 0);
    let all = app.delegate().ask("{ deputies { totalCount } }", json!({})).await;
    assert_eq!(all.data()["deputies"]["totalCount"], 1);
}

// Settings

async fn settings_are_ones_own(backend: Backend) {
    let app = TestApp::start(backend).await;
    let me = app.delegate();
    let settings = "viewer { language user { version } }";
    let payload = me.call("updateSettings", settings, json!({ "language": "EN", "expectedVersion": 1 })).await;
    assert_eq!(good(&payload)["viewer"], json!({ "language": "EN", "user": { "version": 2 } }));
    let stale = json!({ "language": "FR", "expectedVersion": 1 });
    let payload = app.nothing_moves(me.call("updateSettings", settings, stale)).await;
    assert_eq!(codes(&payload), ["CONFLICT"]);
    assert_eq!(payload["viewer"]["language"], "EN");
    let dry = json!({ "language": "FR", "dryRun": true });
    let payload = app.nothing_moves(me.call("updateSettings", settings, dry)).await;
    assert_eq!(good(&payload)["viewer"]["language"], "FR");
    // Without `Accept-Language` the own setting speaks.
    let query = format!(
        "mutation {{ endDeputy(input: {{ id: \"{}\" }}) {{ userErrors {{ code }} }} }}",
        global(DeputyId(99)).0
    );
    for (name, told) in [("delegate", "There is no such object."), ("delegate2", "Cet objet n'existe pas.")] {
        let request = reqwest::Client::new().post(format!("{}/graphql", app.url)).bearer_auth(app.token(name));
        let answer = request.json(&json!({ "query": query })).send().await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["errors"][0]["message"], told, "{body:#}");
    }
}

async fn a_new_password_ends_the_other_sessions(backend: Backend) {
    let app = TestApp::start(backend).await;
    give_password(&app, "delegate").await;
    let (me, _) = signed_in(&app, "delegate").await;
    let (elsewhere, _) = signed_in(&app, "delegate").await;
    let refused = [
        (json!({ "newPassword": "a longer password" }), vec!["WRONG_CREDENTIALS"]),
        (
            json!({ "newPassword": "short", "currentPassword": "wrong" }),
            vec!["WRONG_CREDENTIALS", "PASSWORD_TOO_SHORT"],
        ),
        (json!({ "newPassword": "short", "currentPassword": PASSWORD }), vec!["PASSWORD_TOO_SHORT"]),
    ];
    for (input, expected) in refused {
        let payload = app.nothing_moves(me.call("updateSettings", "", input)).await;
        assert_eq!(codes(&payload), expected);
    }
    let change = json!({ "newPassword": "another good password", "currentPassword": PASSWORD });
    good(&me.call("updateSettings", "", change).await);
    assert!(who(&me).await.is_some(), "one's own session stays");
    assert_eq!((who(&elsewhere).await, who(&app.delegate()).await), (None, None));
    assert_eq!(codes(&sign_in(&app, "delegate@test.example", PASSWORD).await), ["WRONG_CREDENTIALS"]);
    good(&sign_in(&app, "delegate@test.example", "another good password").await);
}

// Lists

async fn users_are_listed_for_their_administrators(backend: Backend) {
    let app = TestApp::start(backend).await;
    good(&admin(&app).call("deactivateUser", "", json!({ "id": person("rr2") })).await);
    let list = async |arguments: &str| {
        let query = format!(
            "{{ users({arguments}) {{ totalCount pageInfo {{ endCursor hasNextPage }} nodes {{ familyName active language roles {{ code }} }} }} }}"
        );
        let reply = admin(&app).ask(&query, json!({})).await;
        let names = reply.data()["users"]["nodes"].as_array().expect("a list").iter().map(|n| text(&n["familyName"]));
        (names.collect::<Vec<_>>(), reply.data()["users"].clone())
    };
    let (names, page) = list("first: 3").await;
    assert_eq!(names, ["assistant", "delegate", "delegate2"]);
    assert_eq!(page["totalCount"], 11);
    let (names, _) = list(&format!("first: 3, after: \"{}\"", text(&page["pageInfo"]["endCursor"]))).await;
    assert_eq!(names, ["delegate3", "director", "engagement"]);
    let (names, _) = list("first: 2, orderBy: [CREATED_AT_ASC, FAMILY_NAME_DESC]").await;
    assert_eq!(names, ["sales-admin", "rr2"]);
    assert_eq!(list("filter: { active: false }").await.0, ["rr2"]);
    assert_eq!(list("filter: { role: \"RR\", active: true }").await.0, ["rr"]);
    assert_eq!(list("filter: { not: { active: true } }").await.0, ["rr2"]);
    assert_eq!(
        list("filter: { text: \"CAMILLE DEL\" }, orderBy: [CODE_DESC]").await.0,
        ["delegate3", "delegate2", "delegate"]
    );
    assert_eq!(list("filter: { text: \"director@\" }").await.0, ["director"]);
    assert_eq!(list("filter: { text: \"%\" }").await.0, Vec::<String>::new());
    let places = format!(
        "filter: {{ or: [{{ delegation: {{ eq: \"{}\" }} }}, {{ region: {{ eq: \"{}\" }} }}] }}",
        delegation(1),
        region(2)
    );
    assert_eq!(list(&places).await.0, ["assistant", "delegate", "delegate2", "delegate3", "rr2"]);
    for (name, ..) in PEOPLE.iter().filter(|(name, ..)| !["platform-admin", "rr2"].contains(name)) {
        let reply = app.person(name).ask("{ users { totalCount } }", json!({})).await;
        assert!(reply.message().starts_with("Unknown field \"users\""), "{name}: {:#}", reply.body);
    }
}

async fn people_are_listed_without_what_only_administrators_see(backend: Backend) {
    let app = TestApp::start(backend).await;
    good(&admin(&app).call("deactivateUser", "", json!({ "id": person("delegate2") })).await);
    let query = format!(
        "{{ people(filter: {{ delegation: {{ eq: \"{}\" }} }}) {{ totalCount nodes {{ familyName delegation {{ code region {{ code }} }} }} }} \
                       regions {{ code }} delegations(region: \"{}\") {{ code }} roles {{ code }} }}",
        delegation(1),
        region(1)
    );
    let reply = app.delegate3().ask(&query, json!({})).await;
    let data = reply.data();
    let names: Vec<String> =
        data["people"]["nodes"].as_array().expect("a list").iter().map(|n| text(&n["familyName"])).collect();
    assert_eq!(names, ["assistant", "delegate"], "those who are active");
    assert_eq!(data["regions"], json!([{ "code": "NORD" }, { "code": "SUD" }]));
    assert_eq!(data["delegations"], json!([{ "code": "AMIENS" }, { "code": "LILLE" }]));
    assert_eq!(data["roles"].as_array().map(Vec::len), Some(8));
    // Neither a field nor a filter nor an order tells what is for administrators.
    for hidden in [
        "{ people { nodes { active } } }",
        "{ people { nodes { roles { code } } } }",
        "{ people(filter: { role: \"RR\" }) { totalCount } }",
        "{ people(filter: { not: { role: \"RR\" } }) { totalCount } }",
        "{ people(filter: { text: \"@\" }) { totalCount } }",
    ] {
        let reply = app.delegate().ask(hidden, json!({})).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{hidden}: {:#}", reply.body);
    }
    let many = admin(&app).ask("{ people(filter: { role: \"RR\" }) { totalCount } }", json!({})).await;
    assert_eq!(many.data()["people"]["totalCount"], 2);
    // However many rows: one statement for the list, one for each kind of object they point to.
    let few = app.delegate().ask("{ people(first: 1) { nodes { delegation { region { code } } } } }", json!({})).await;
    let all =
        app.delegate().ask("{ people(first: 100) { nodes { delegation { region { code } } } } }", json!({})).await;
    assert!(all.data()["people"]["nodes"].as_array().is_some_and(|n| n.len() == 10));
    assert!(all.statements <= few.statements || all.statements <= Some(3), "{few:?} {all:?}");
}

// The policy

const POLICY: &str = "policy { version reason changedBy { id } lines { kind role object step scope } }";

fn grant(role: &str, object: &str, scope: &str) -> Value {
    json!({ "role": role, "object": object, "scope": scope })
}

async fn sdl(client: &Client<'_>) -> String {
    let request = reqwest::Client::new().get(format!("{}/schema.graphql", client.app.url));
    let request = request.bearer_auth(client.token.as_ref().expect("a token"));
    request.send().await.expect("an answer").text().await.expect("a text")
}

async fn the_policy_gives_and_takes_at_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (admin, pdv) = (admin(&app), app.pdv());
    assert!(!sdl(&pdv).await.contains("users("));
    let change = json!({ "add": [grant("PDV", "readUsers", "all")], "reason": "They help out", "expectedVersion": 1 });
    let payload = admin.call("changePolicy", POLICY, change).await;
    let policy = &good(&payload)["policy"];
    assert_eq!((&policy["version"], &policy["reason"]), (&json!(2), &json!("They help out")));
    assert_eq!(policy["changedBy"]["id"], person("platform-admin"));
    let line = json!({ "kind": "GRANT", "role": "PDV", "object": "readUsers", "step": null, "scope": "all" });
    assert!(policy["lines"].as_array().is_some_and(|lines| lines.contains(&line)));
    assert!(sdl(&pdv).await.contains("users("));
    assert_eq!(pdv.ask("{ users { totalCount } }", json!({})).await.data()["users"]["totalCount"], 11);
    assert_eq!(
        app.number("SELECT policy_version FROM event WHERE kind = 'policy.changed'").await,
        1,
        "decided under the first"
    );

    let change = json!({ "remove": [grant("PDV", "readUsers", "all")], "reason": "No longer", "expectedVersion": 2 });
    let dry = but(change.clone(), json!({ "dryRun": true }));
    let payload = app.nothing_moves(admin.call("changePolicy", POLICY, dry)).await;
    assert_eq!(good(&payload)["policy"]["version"], 3);
    assert!(sdl(&pdv).await.contains("users("), "a dry run changes nothing");
    good(&admin.call("changePolicy", POLICY, change).await);
    assert!(!sdl(&pdv).await.contains("users("));
    let reply = pdv.ask("{ users { totalCount } }", json!({})).await;
    assert!(reply.message().starts_with("Unknown field \"users\""), "{:#}", reply.body);
    let told = admin.ask("{ policy { version changedAt } }", json!({})).await;
    assert_eq!(told.data()["policy"]["version"], 3);
}

async fn the_policy_refuses_what_is_not_a_line(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = admin(&app);
    let change = json!({
        "add": [
            grant("PDV", "readUser", "all"), grant("PDV", "readUsers", "everything"), grant("NOBODY", "readUsers", "all"),
            grant("RR", "readOrders", "region"), { "kind": "INHERIT", "role": "RR", "object": "RR" },
            grant("ANONYMOUS", "readOrders", "all"), { "role": "PDV", "object": "readUsers" },
            { "role": "RR", "object": "validateOrder", "step": "pvd", "scope": "all" },
        ],
        "remove": [grant("PDV", "readUsers", "own")],
        "reason": " "
    });
    let payload = app.nothing_moves(admin.call("changePolicy", POLICY, change)).await;
    let mut found: Vec<String> = places(&payload).into_iter().map(|(code, field)| format!("{code} {field}")).collect();
    found.sort();
    let expected = [
        "POLICY_LINE_EXISTS add.3",
        "POLICY_LINE_INVALID add.0.object",
        "POLICY_LINE_INVALID add.1.scope",
        "POLICY_LINE_INVALID add.2.role",
        "POLICY_LINE_INVALID add.4",
        "POLICY_LINE_INVALID add.5",
        "POLICY_LINE_INVALID add.6.scope",
        "POLICY_LINE_INVALID add.7.step",
        "POLICY_LINE_UNKNOWN remove.0",
        "REASON_REQUIRED reason",
    ];
    assert_eq!(found, expected);
    assert_eq!(payload["policy"]["version"], 1);
    let told = payload["userErrors"].to_string();
    for name in ["readUsers", "own, delegation, region, all", "PLATFORM_ADMIN", "rr, pdv"] {
        assert!(told.contains(name), "{name} in {told}");
    }
    let none = json!({ "reason": "nothing" });
    assert_eq!(admin.fails("changePolicy", none).await, "BAD_USER_INPUT");
    // Whose policy line is narrower than everything changes nothing.
    let change = json!({ "add": [grant("RR", "changePolicy", "region")], "reason": "test" });
    good(&admin.call("changePolicy", "", change).await);
    let change = json!({ "add": [grant("RR", "readUsers", "all")], "reason": "test" });
    assert_eq!(app.nothing_moves(app.rr().fails("changePolicy", change)).await, "FORBIDDEN");
}

async fn of_two_changes_of_the_policy_one_wins(backend: Backend) {
    let app = TestApp::start(backend).await;
    let change = |object: &str| json!({ "add": [grant("PDV", object, "all")], "reason": "race", "expectedVersion": 1 });
    let (one, two) = (admin(&app), admin(&app));
    let (first, second) = tokio::join!(
        one.call("changePolicy", POLICY, change("readUsers")),
        two.call("changePolicy", POLICY, change("readPolicy"))
    );
    let (won, lost) = if codes(&first).is_empty() { (first, second) } else { (second, first) };
    assert_eq!(good(&won)["policy"]["version"], 2);
    assert_eq!(places(&lost), [("CONFLICT", "expectedVersion".to_owned())]);
    assert_eq!(lost["policy"], won["policy"], "as it is now");
}

async fn a_role_is_data(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = admin(&app);
    let role = json!({ "code": "ACCOUNTANT", "labelFr": "Comptable", "labelEn": "Accountant" });
    let payload = admin.call("createRole", "role { code label }", role.clone()).await;
    assert_eq!(good(&payload)["role"], json!({ "code": "ACCOUNTANT", "label": "Accountant" }));
    assert_eq!(codes(&app.nothing_moves(admin.call("createRole", "", role.clone())).await), ["CODE_TAKEN"]);
    let reserved = but(role.clone(), json!({ "code": "ANYONE", "labelFr": " " }));
    assert_eq!(
        codes(&app.nothing_moves(admin.call("createRole", "", reserved)).await),
        ["NAME_REQUIRED", "CODE_TAKEN"]
    );
    let malformed = but(role, json!({ "code": "accountant, RR" }));
    assert_eq!(admin.fails("createRole", malformed).await, "BAD_USER_INPUT");

    let lines = json!([grant("ACCOUNTANT", "readBudgets", "region"), grant("ACCOUNTANT", "readNetwork", "all"),
                       { "kind": "INHERIT", "role": "ACCOUNTANT", "object": "DIRECTOR" }]);
    good(&admin.call("changePolicy", "", json!({ "add": lines, "reason": "An accountant" })).await);
    let placeless = but(new_user("a@test.example"), json!({ "roles": ["ACCOUNTANT"], "delegation": null }));
    assert_eq!(
        places(&admin.call("createUser", "", placeless.clone()).await),
        [("PLACE_REQUIRED", "region".to_owned())]
    );
    good(&admin.call("createUser", "", but(placeless, json!({ "region": region(1) }))).await);
    let signed = sign_in(&app, "a@test.example", PASSWORD).await;
    let accountant = with_token(&app, text(&good(&signed)["session"]["accessToken"]));
    let rights = accountant.permissions().await;
    assert!(rights.contains(&("readBudgets".into(), false)) && rights.contains(&("decideGoodwill".into(), false)));
    assert!(!rights.contains(&("createOrder".into(), false)));
}

async fn administration_is_denied_to_everybody_else(backend: Backend) {
    let app = TestApp::start(backend).await;
    let fields = ["createUser", "updateUser", "deactivateUser", "reactivateUser", "createRole", "changePolicy"];
    for (name, ..) in PEOPLE.iter().filter(|(name, ..)| *name != "platform-admin") {
        for field in fields {
            let query = format!("mutation {{ {field} {{ userErrors {{ code }} }} }}");
            let reply = app.nothing_moves(app.person(name).ask(&query, json!({}))).await;
            let unknown = format!("Unknown field \"{field}\" on type \"Mutation\".");
            assert_eq!((reply.error(), reply.message()), ("BAD_USER_INPUT", unknown.as_str()), "{name}");
        }
        let reply = app.person(name).ask("{ policy { version } }", json!({})).await;
        assert!(reply.message().starts_with("Unknown field \"policy\""), "{name}");
        let told = sdl(&app.person(name)).await;
        for hidden in
            ["createUser", "CreateUser", "changePolicy", "PolicyLine", "UserFilter", "createRole", "LAST_ADMINISTRATOR"]
        {
            assert!(!told.contains(hidden), "{hidden} in the schema of {name}");
        }
    }
    let reply = app.nobody().ask("mutation { createUser { userErrors { code } } }", json!({})).await;
    assert_eq!(reply.error(), "UNAUTHENTICATED");
}

async fn texts_from_outside_are_bounded(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = admin(&app);
    let long = "x".repeat(3_000);
    for (field, input) in [
        ("createUser", but(new_user("a@test.example"), json!({ "givenName": "a\0b" }))),
        ("createUser", but(new_user("a@test.example"), json!({ "familyName": long }))),
        ("createUser", but(new_user("a@test.example"), json!({ "code": "a\nb" }))),
        ("createUser", but(new_user("a@test.example"), json!({ "roles": ["a\0"] }))),
        ("createUser", but(new_user("a@test.example"), json!({ "password": long }))),
        ("createUser", but(new_user("a@test.example"), json!({ "idempotencyKey": "a\0" }))),
        ("updateUser", json!({ "id": person("rr"), "code": "\0" })),
        ("changePolicy", json!({ "add": [grant("PDV\0", "readUsers", "all")], "reason": "x" })),
        ("changePolicy", json!({ "add": [grant("PDV", "readUsers", "all")], "reason": long })),
        ("createRole", json!({ "code": "A", "labelFr": "a\0", "labelEn": "a" })),
        ("updateSettings", json!({ "newPassword": long })),
    ] {
        assert_eq!(app.nothing_moves(admin.fails(field, input.clone())).await, "BAD_USER_INPUT", "{field} {input}");
    }
    for filter in [json!({ "text": "\0" }), json!({ "role": "\0" }), json!({ "text": long })] {
        let query = "query($filter: UserFilter) { users(filter: $filter) { totalCount } }";
        let reply = admin.ask(query, json!({ "filter": filter })).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{filter}");
    }
}

// Processes

async fn a_token_comes_from_the_command_line(backend: Backend) {
    let app = TestApp::start(backend).await;
    // The command lives in the real present, and so does this server.
    let real = sesame::clock::Clock::system();
    app.clock.set(real.now());
    let settings = app.app.settings.clone();
    let run = async |email: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sesame"));
        command.args(["token", "--user", email, "--days", "3"]).arg("--data").arg(&settings.data);
        command.args(["--database-url", &settings.database_url]).env_remove("DATABASE_URL");
        tokio::task::spawn_blocking(move || command.output().expect("the command")).await.expect("an end")
    };
    let done = run("RR@test.example").await;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let token = String::from_utf8(done.stdout).expect("a text").trim().to_owned();
    let rr = with_token(&app, token);
    assert_eq!(who(&rr).await.as_deref(), Some("rr@test.example"));
    assert_eq!(events(&app, "identity.token_issued").await, 1);
    app.clock.set(real.now() + Duration::days(2));
    assert!(who(&rr).await.is_some());
    app.clock.set(real.now() + Duration::days(4));
    assert_eq!(who(&rr).await, None);
    let failed = run("nobody@test.example").await;
    assert!(!failed.status.success() && failed.stdout.is_empty());
    assert!(String::from_utf8_lossy(&failed.stderr).contains("nobody@test.example"));
}

async fn other_processes_follow(backend: Backend) {
    let app = TestApp::start(backend).await;
    let other = App::open(app.app.settings.clone(), app.clock.clone()).await.expect("an app");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let serving = Serving::start(Arc::clone(&other), listener).expect("a server");
    let url = format!("http://{}", serving.address);
    let http = reqwest::Client::new();
    let ask = async |name: &'static str, query: &str| {
        let request = http.post(format!("{url}/graphql")).bearer_auth(app.token(name)).json(&json!({ "query": query }));
        request.send().await.expect("an answer").json::<Value>().await.expect("JSON")
    };
    // Within a second on a machine that does nothing else; here that they follow at all.
    let before_long = async |name: &'static str, query: &str, good: fn(&Value) -> bool| {
        let before = Instant::now();
        while !good(&ask(name, query).await) {
            assert!(before.elapsed().as_secs_f64() < 20.0, "{query}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let users = "{ users { totalCount } }";
    assert!(!ask("pdv", users).await["errors"].is_null());
    good(
        &admin(&app)
            .call("changePolicy", "", json!({ "add": [grant("PDV", "readUsers", "all")], "reason": "x" }))
            .await,
    );
    before_long("pdv", users, |answer| answer["errors"].is_null()).await;
    // Without an event too: the version is looked at.
    app.execute("DELETE FROM policy_line WHERE subject = 'PDV' AND object = 'readUsers'").await;
    app.execute(
        "INSERT INTO policy_version SELECT 3, changed_at, NULL, 'by hand' FROM policy_version WHERE version = 1",
    )
    .await;
    before_long("pdv", users, |answer| !answer["errors"].is_null()).await;
    // People are forgotten as well.
    let viewer = "{ viewer { roles { code } permissions { name } } }";
    assert!(ask("delegate", viewer).await["errors"].is_null());
    good(&admin(&app).call("updateUser", "", json!({ "id": person("delegate"), "roles": ["PDV"] })).await);
    before_long("delegate", viewer, |answer| answer.to_string().contains("sendProof")).await;
    good(&admin(&app).call("deactivateUser", "", json!({ "id": person("delegate") })).await);
    before_long("delegate", viewer, |answer| !answer["errors"].is_null()).await;
    // The rights that count are those of now, whatever a process has heard of them.
    let heir = but(new_user("heir@test.example"), json!({ "roles": ["PLATFORM_ADMIN"] }));
    good(&admin(&app).call("createUser", "", heir).await);
    serving.stop().await.expect("an end");
}

async fn casbin_and_the_compiled_view_agree_everywhere() {
    let mut lines = policy::shipped().expect("the shipped policy");
    lines.push(policy::Line::parse("g, ACCOUNTANT, DIRECTOR").expect("a line"));
    lines.push(policy::Line::parse("p, ACCOUNTANT, readUsers, -, region").expect("a line"));
    let view = View::compile(policy::MODEL, &lines).await.expect("a view");
    let casbin = enforcer(policy::MODEL, &lines).await.expect("an enforcer");
    let mut asked = 0;
    for role in view.roles().chain(["NOBODY"]) {
        let rights = view.rights([role]);
        for &permission in Permission::ALL {
            for scope in Scope::EACH {
                let answer = casbin.enforce((role, permission.object(), permission.step(), scope.name()));
                let answer = answer.expect("an answer");
                assert_eq!(rights.scopes(permission).contains(scope), answer, "{role} {permission:?} {scope:?}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, (view.roles().count() + 1) * Permission::COUNT * 4);
}

async fn the_shipped_policy_is_sound() {
    let lines = policy::shipped().expect("each line parses");
    for &permission in Permission::ALL {
        let has_line = |line: &policy::Line| line.object == permission.object() && line.step == permission.step();
        assert!(lines.iter().any(has_line), "{permission:?} is given to nobody");
    }
    let distinct: BTreeSet<_> = lines.iter().collect();
    assert_eq!(distinct.len(), lines.len(), "a line stands twice");
}
