//! Persisted operations (K-12): manifests of clients, whom they bind, and documents that clients register.

use std::process::Command;

use ::entity::vocabulary::Language;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use sesame::{manifests, op::Op};

use crate::{
    harness::{Backend, Trial, trials},
    http::{Answer, Site},
    process::sesame,
    socket::{grant, withdraw},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both k12_published_operations_are_asked_for_by_id,
        both k12_who_may_not_send_documents_is_bound_to_the_manifests,
        both k12_what_is_retired_is_gone,
        postgres k12_every_process_knows_what_another_published,
        sqlite k12_an_unknown_id_is_said_as_clients_expect,
        sqlite k12_clients_register_documents_where_that_is_on,
        sqlite k12_a_manifest_that_is_odd_is_refused_whole,
        both k12_manifests_are_kept_from_the_command_line,
    ]
}

const ME: &str = "query Me { viewer { user { code } } }";
const FOLLOW: &str = "subscription Follow { workQueueChanged { change itemId } }";
const SIGN_OUT: &str = "mutation Leave { signOut(input: {}) { userErrors { message } } }";

fn apollo(documents: &[&str]) -> String {
    let operations: Vec<Value> = documents
        .iter()
        .map(|body| json!({ "id": manifests::sha256(body), "name": "x", "type": "query", "body": body }))
        .collect();
    json!({ "format": "apollo-persisted-query-manifest", "version": 1, "operations": operations }).to_string()
}

async fn publish(site: &Site, version: &str, manifest: &str) -> manifests::Published {
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    manifests::publish(&op, "desk", version, manifest).await.expect("a manifest")
}

fn by_hash(document: &str) -> Value {
    json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": manifests::sha256(document) } } })
}

async fn k12_published_operations_are_asked_for_by_id(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let published = publish(&site, "1", &apollo(&[ME, FOLLOW, SIGN_OUT])).await;
    assert_eq!(published, manifests::Published { added: 3, kept: 0 });
    assert_eq!(publish(&site, "1", &apollo(&[ME])).await, manifests::Published { added: 0, kept: 1 });
    // As relay-compiler names them.
    publish(&site, "2", &json!({ "0a1b": "query($id: ID!) { node(id: $id) { id } }" }).to_string()).await;
    let hash = manifests::sha256(ME);
    for body in [by_hash(ME), json!({ "documentId": format!("sha256:{hash}") }), json!({ "documentId": hash })] {
        let answer = site.ask(Some(&token), body.clone()).await;
        assert_eq!(answer.body, json!({ "data": { "viewer": { "user": { "code": "P1" } } } }), "{body}");
        let mut talk = Talk::begin(&site.address, &token).await;
        talk.say(json!({ "type": "subscribe", "id": "1", "payload": body })).await;
        assert_eq!(talk.hear_of("next", "1").await["data"]["viewer"]["user"]["code"], "P1");
        let stream = site.request(Method::POST, "/graphql/stream").bearer_auth(&token).json(&body);
        let told = Answer::of(stream.header(header::ACCEPT, "text/event-stream")).await.body;
        assert!(told.as_str().is_some_and(|told| told.contains(r#"{"code":"P1"}"#)), "{told}");
    }
    let relay = site.ask(Some(&token), json!({ "documentId": "0a1b", "variables": { "id": "x" } })).await;
    assert_eq!(relay.body, json!({ "data": { "node": null } }));
    let get = async |path: &str, query: &[(&str, &str)]| {
        let url = reqwest::Url::parse_with_params("http://x", query).expect("a URL");
        let path = format!("{path}?{}", url.query().unwrap_or_default());
        Answer::of(site.request(Method::GET, &path).bearer_auth(&token)).await
    };
    let extensions = by_hash(ME)["extensions"].to_string();
    for query in [("documentId", hash.as_str()), ("extensions", extensions.as_str())] {
        assert_eq!(get("/graphql", &[query]).await.body["data"]["viewer"]["user"]["code"], "P1");
        let told = get("/graphql/stream", &[query]).await.body;
        assert!(told.as_str().is_some_and(|told| told.contains(r#"{"code":"P1"}"#)), "{told}");
    }
    // By address, no mutation is run by whatever name.
    for path in ["/graphql", "/graphql/stream"] {
        let mutation = get(path, &[("documentId", &manifests::sha256(SIGN_OUT))]).await;
        assert_eq!(mutation.status, StatusCode::METHOD_NOT_ALLOWED, "{mutation:?}");
    }
    let mut talk = Talk::begin(&site.address, &token).await;
    talk.say(json!({ "type": "subscribe", "id": "f", "payload": by_hash(FOLLOW) })).await;
    talk.is_quiet().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    crate::socket::happen(&site, 3).await;
    assert_eq!(talk.hear_of("next", "f").await["data"]["workQueueChanged"]["change"], "REMOVED");
    let another = json!({ "query": ME, "extensions": by_hash(FOLLOW)["extensions"] });
    assert_eq!(site.ask(Some(&token), another).await.code(), "BAD_USER_INPUT", "not the document of that hash");
}

async fn k12_who_may_not_send_documents_is_bound_to_the_manifests(backend: Backend) {
    let site = Site::start(backend).await;
    let (bound, free) = (site.token("pdv").await, site.token("delegate").await);
    publish(&site, "1", &apollo(&[ME, FOLLOW])).await;
    let mut before = Talk::begin(&site.address, &bound).await;
    before.subscribe("own", "subscription { workQueueChanged { change } }").await;
    before.say(json!({ "type": "subscribe", "id": "published", "payload": by_hash(FOLLOW) })).await;
    before.is_quiet().await;
    // Taken from everybody, and given to some.
    grant(&site, "DELEGATE", "freeFormOperations").await;
    withdraw(&site, "ANYONE", "freeFormOperations").await;
    assert_eq!(before.refused("own").await, "QUERY_NOT_IN_SAFELIST", "what was begun freely ends");
    let own = json!({ "query": "{ viewer { user { displayName } } }" });
    let refused = site.ask(Some(&bound), own.clone()).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "QUERY_NOT_IN_SAFELIST"), "{refused:?}");
    assert!(refused.body.get("data").is_none());
    assert_eq!(site.ask(Some(&free), own.clone()).await.status, StatusCode::OK);
    before.say(json!({ "type": "subscribe", "id": "again", "payload": own })).await;
    assert_eq!(before.refused("again").await, "QUERY_NOT_IN_SAFELIST");
    let stream = site.request(Method::POST, "/graphql/stream").bearer_auth(&bound).json(&own);
    let told = Answer::of(stream.header(header::ACCEPT, "text/event-stream")).await.body;
    assert!(told.as_str().is_some_and(|told| told.contains("QUERY_NOT_IN_SAFELIST")), "{told}");
    // By id, or the very document; and what the schema tells about itself, as GraphiQL asks for it.
    for body in [by_hash(ME), json!({ "query": ME }), json!({ "query": crate::http::INTROSPECTION })] {
        let answer = site.ask(Some(&bound), body.clone()).await;
        assert!(answer.body.get("errors").is_none(), "{body} {answer:?}");
    }
    for body in [
        json!({ "query": ME.replace("code", "code ") }),
        json!({ "query": format!("{ME} query Other {{ viewer {{ user {{ name }} }} }}"), "operationName": "Other" }),
        json!({ "query": "{ __schema { queryType { name } } viewer { user { displayName } } }" }),
        json!({ "query": "{ ...F } fragment F on Query { viewer { user { displayName } } }" }),
    ] {
        assert_eq!(site.ask(Some(&bound), body).await.code(), "QUERY_NOT_IN_SAFELIST");
    }
    crate::socket::happen(&site, 9).await;
    before.hear_of("next", "published").await;
    let french = site
        .request(Method::POST, "/graphql")
        .bearer_auth(&bound)
        .json(&json!({ "query": "{ viewer { user { displayName } } }" }));
    let french = french.headers([(header::ACCEPT_LANGUAGE, "fr".parse().expect("a header"))].into_iter().collect());
    assert!(
        Answer::of(french).await.body["errors"][0]["message"].as_str().is_some_and(|text| text.contains("publiées"))
    );
}

async fn k12_what_is_retired_is_gone(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    publish(&site, "1", &apollo(&[ME])).await;
    publish(&site, "2", &apollo(&[ME, FOLLOW])).await;
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    assert_eq!(manifests::retire(&op, "desk", "1").await.expect("a version"), 1);
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.status, StatusCode::OK, "another version has it");
    assert_eq!(manifests::retire(&op, "desk", "2").await.expect("a version"), 2);
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert!(matches!(manifests::retire(&op, "desk", "2").await, Err(sesame::error::Error::NotFound)));
    let releases = manifests::list(&op).await.expect("a list");
    let told: Vec<_> =
        releases.iter().map(|it| (it.version.as_str(), it.operations, it.retired_at.is_some())).collect();
    assert_eq!(told, [("2", 2, true), ("1", 1, true)]);
    publish(&site, "1", &apollo(&[ME])).await;
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.status, StatusCode::OK, "published again");
}

async fn k12_every_process_knows_what_another_published(backend: Backend) {
    let site = Site::start(backend).await;
    let other = site.another().await;
    let token = site.token("pdv").await;
    assert_eq!(other.ask(Some(&token), by_hash(ME)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    publish(&site, "1", &apollo(&[ME])).await;
    assert_eq!(other.ask(Some(&token), by_hash(ME)).await.status, StatusCode::OK, "at once");
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    manifests::retire(&op, "desk", "1").await.expect("a version");
    let begun = std::time::Instant::now();
    while other.ask(Some(&token), by_hash(ME)).await.status == StatusCode::OK {
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "it is still answered there");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn k12_an_unknown_id_is_said_as_clients_expect(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    for body in
        [by_hash(ME), json!({ "documentId": "x" }), json!({ "documentId": "a\0b" }), json!({ "documentId": "é" })]
    {
        let answer = site.ask(Some(&token), body.clone()).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "PERSISTED_QUERY_NOT_FOUND"), "{body}");
        assert_eq!(answer.body["errors"][0]["message"], "PersistedQueryNotFound");
        let legacy =
            site.request(Method::POST, "/graphql").bearer_auth(&token).header(header::ACCEPT, "application/json");
        let legacy = Answer::of(legacy.json(&body)).await;
        assert_eq!((legacy.status, legacy.code()), (StatusCode::OK, "PERSISTED_QUERY_NOT_FOUND"));
    }
    // Registering is off: the document that is sent along is answered, and not kept.
    let along = json!({ "query": ME, "extensions": by_hash(ME)["extensions"] });
    assert_eq!(site.ask(Some(&token), along).await.status, StatusCode::OK);
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    for odd in [
        json!({ "query": ME, "documentId": "x" }),
        json!({ "extensions": { "persistedQuery": { "version": 2, "sha256Hash": "x" } } }),
        json!({ "extensions": { "persistedQuery": { "version": 1 } } }),
        json!({ "extensions": { "persistedQuery": "x" } }),
    ] {
        assert_eq!(site.ask(Some(&token), odd.clone()).await.code(), "BAD_USER_INPUT", "{odd}");
    }
    let mut talk = Talk::begin(&site.address, &token).await;
    talk.say(json!({ "type": "subscribe", "id": "1", "payload": { "documentId": "x" } })).await;
    assert_eq!(talk.refused("1").await, "PERSISTED_QUERY_NOT_FOUND");
    talk.is_quiet().await;
}

async fn k12_clients_register_documents_where_that_is_on(backend: Backend) {
    let site = Site::with(backend, |settings| settings.automatic_persisted_queries = true).await;
    let token = site.token("pdv").await;
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    let along = json!({ "query": ME, "extensions": by_hash(ME)["extensions"] });
    assert_eq!(site.ask(Some(&token), along).await.status, StatusCode::OK);
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.body["data"]["viewer"]["user"]["code"], "P1");
    // Who is bound to the manifests cannot register, nor use what others registered.
    withdraw(&site, "ANYONE", "freeFormOperations").await;
    let begun = std::time::Instant::now();
    while site.ask(Some(&token), by_hash(ME)).await.status == StatusCode::OK {
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

async fn k12_a_manifest_that_is_odd_is_refused_whole(backend: Backend) {
    let site = Site::start(backend).await;
    let op = Op::new(site.app.clone(), None, Language::En, "test".into());
    let refused = async |client: &str, version: &str, manifest: &str| {
        let error = manifests::publish(&op, client, version, manifest).await.expect_err("a refusal");
        assert_eq!(error.code(), "BAD_USER_INPUT");
        error.to_string()
    };
    for (client, version, manifest, word) in [
        ("", "1", apollo(&[ME]), "client"),
        ("desk", "1 2", apollo(&[ME]), "version"),
        ("desk", "1", "no JSON".into(), "manifest"),
        ("desk", "1", apollo(&[ME, "{ viewer {"]), "Syntax"),
        ("desk", "1", apollo(&[ME, "query A { a } query B { b }"]), "several operations"),
        ("desk", "1", json!({ "x": format!("{{ {} }}", "a ".repeat(6_000)) }).to_string(), "tokens"),
    ] {
        let told = refused(client, version, &manifest).await;
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(manifests::list(&op).await.expect("a list").is_empty(), "nothing of it is kept");
    publish(&site, "1", &json!({ "x": ME }).to_string()).await;
    let told = refused("other", "1", &json!({ "x": FOLLOW }).to_string()).await;
    assert!(told.contains("another document"), "{told}");
}

async fn k12_manifests_are_kept_from_the_command_line(backend: Backend) {
    let site = Site::start(backend).await;
    let token = site.token("pdv").await;
    let file = site.data().join("manifest.json");
    std::fs::write(&file, apollo(&[ME])).expect("a file");
    // Beside the server, which goes on meanwhile.
    let run = async |arguments: &[&str]| {
        let mut command: Command = sesame(&site.app.settings.database_url, site.data());
        command.arg("operations").args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let path = file.to_str().expect("a path");
    let published = run(&["publish", "--client", "desk", "--version", "1.4", path]).await;
    assert!(published.0 && published.1.contains("1 operations added"), "{published:?}");
    assert_eq!(site.ask(Some(&token), by_hash(ME)).await.status, StatusCode::OK);
    let listed = run(&["list"]).await;
    assert!(listed.0 && listed.1.contains("desk 1.4: 1 operations") && listed.1.contains("in use"), "{listed:?}");
    assert!(run(&["retire", "--client", "desk", "--version", "1.4"]).await.0);
    let again = run(&["retire", "--client", "desk", "--version", "1.4"]).await;
    assert!(!again.0 && again.2.contains("not in use"), "{again:?}");
    std::fs::write(&file, "{}").expect("a file");
    let odd = run(&["publish", "--client", "desk", "--version", "1.5", path]).await;
    assert!(!odd.0 && odd.2.contains("1 to 10000 operations"), "{odd:?}");
}
