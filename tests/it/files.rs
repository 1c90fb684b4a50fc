//! Files on their way in and out (G-18, D-2).

use std::time::Duration;

use ::entity::vocabulary::{AttachmentId, Language, UploadId};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sesame::{
    files::{self, FileProblem},
    graphql::id::{self, global},
    identity,
    op::Op,
};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    app::{Client, OrderRef, Reply, TestApp, monday},
    harness::{Backend, Trial, trials},
    network::{PDF, leaflets, person, person_id},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both d2_a_file_goes_out_as_it_came_in_to_those_who_read_the_order,
        both g18_an_address_takes_one_file_once,
        both g18_what_is_not_what_was_announced_leaves_nothing,
        both d2_the_type_is_found_from_the_content,
        both(threads = 2) g18_of_two_at_the_same_time_one_is_taken,
        both g18_an_interrupted_file_leaves_nothing_and_can_be_sent_again,
        both g18_what_cannot_be_taken_is_refused_before_it_is_sent,
        both k18_malformed_announcements_are_pointed_out,
        both g13_g14_a_key_gives_the_same_address_and_a_dry_run_none,
        both g18_a_file_is_attached_once_by_whoever_sent_it_in_time,
        both g18_what_was_not_attached_is_swept,
        both d2_refusals_speak_both_languages,
    ]
}

const CREATE: &str = "mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
    upload { id name url expiresAt } userErrors { code field message } } }";

/// An upload that waits for its file.
struct Awaited {
    id: String,
    url: String,
}

async fn announce(user: &Client<'_>, input: Value) -> Value {
    user.ask(CREATE, json!({ "input": input })).await.data()["createUpload"].clone()
}

async fn awaited(user: &Client<'_>, name: &str, content: &[u8]) -> Awaited {
    awaited_with(user, json!({ "name": name, "size": content.len() })).await
}

async fn awaited_with(user: &Client<'_>, input: Value) -> Awaited {
    let upload = announce(user, input).await["upload"].clone();
    let text = |field: &str| upload[field].as_str().unwrap_or_else(|| panic!("{upload}")).to_owned();
    Awaited { id: text("id"), url: text("url") }
}

fn request(app: &TestApp, method: Method, path: &str) -> reqwest::RequestBuilder {
    reqwest::Client::new().request(method, format!("{}{path}", app.url)).header("accept-language", "en")
}

async fn send(app: &TestApp, upload: &Awaited, content: impl Into<reqwest::Body>) -> Response {
    request(app, Method::PUT, &upload.url).body(content).send().await.expect("an answer")
}

/// Without saying how long it is.
fn unannounced(content: &[u8]) -> reqwest::Body {
    let chunks: Vec<_> = content.chunks(7).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect();
    reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
}

async fn told(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("JSON");
    (status, body["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

async fn fetch(user: &Client<'_>, path: &str) -> Response {
    let request = request(user.app, Method::GET, path);
    let request = match &user.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.expect("an answer")
}

/// Everything in the object store.
async fn stored(app: &TestApp) -> usize {
    app.app.files.list(None).try_collect::<Vec<_>>().await.expect("a list").len()
}

fn sha256(content: &[u8]) -> String {
    sesame::hex(&Sha256::digest(content))
}

async fn attach(user: &Client<'_>, order: &OrderRef, upload: &Awaited) -> Reply {
    user.with("attachFile", "AttachFileInput", order, json!({ "upload": upload.id, "purpose": "OTHER" })).await
}

/// Where the first attachment of an order can be had.
async fn attachment(user: &Client<'_>, order: &OrderRef) -> Value {
    let query = "query ($id: ID!) { order(id: $id) { attachments { id name url contentType size sha256 } } }";
    user.ask(query, json!({ "id": order.id })).await.data()["order"]["attachments"][0].clone()
}

async fn d2_a_file_goes_out_as_it_came_in_to_those_who_read_the_order(backend: Backend) {
    let app = TestApp::start(backend).await;
    // Larger than what is handed to the object store at a time.
    let content = [PDF, &[b'.'; 6 * 1024 * 1024], b"\n%%EOF\n"].concat();
    let delegate = app.delegate();
    let hash = sha256(&content).to_uppercase();
    let input = json!({ "name": "/tmp/Été à 100%.pdf", "size": content.len(), "sha256": hash });
    let upload = awaited_with(&delegate, input).await;
    let sent = send(&app, &upload, content.clone()).await;
    assert_eq!(sent.status(), StatusCode::CREATED);
    let sent: Value = sent.json().await.expect("JSON");
    assert_eq!(
        sent,
        json!({ "uploadId": upload.id, "name": "Été à 100%.pdf", "size": content.len(),
                "contentType": "application/pdf", "sha256": sha256(&content) })
    );
    let order = attach(&delegate, &delegate.draft(leaflets(10)).await, &upload).await.order();
    let attached = attachment(&delegate, &order).await;
    assert_eq!(attached["sha256"], sha256(&content));
    let url = attached["url"].as_str().expect("an address");
    for reader in [&delegate, &app.delegate2(), &app.assistant(), &app.rr(), &app.pdv()] {
        let got = fetch(reader, url).await;
        assert_eq!(got.status(), StatusCode::OK);
        let header = |name: &str| got.headers()[name].to_str().expect("plain letters").to_owned();
        assert_eq!(header("content-type"), "application/pdf");
        assert_eq!(header("content-length"), content.len().to_string());
        assert_eq!(
            header("content-disposition"),
            "attachment; filename=\"_t_ _ 100_.pdf\"; filename*=UTF-8''%C3%89t%C3%A9%20%C3%A0%20100%25.pdf"
        );
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("sandbox"));
        assert!(got.bytes().await.expect("content") == content);
    }
    for stranger in [app.delegate3(), app.rr2(), app.person("platform-admin")] {
        assert_eq!(told(fetch(&stranger, url).await).await, (404, "NOT_FOUND".into()));
    }
    assert_eq!(told(fetch(&app.nobody(), url).await).await, (401, "UNAUTHENTICATED".into()));
    let forged = Client { token: Some("forged".into()), ..app.delegate() };
    assert_eq!(told(fetch(&forged, url).await).await, (401, "UNAUTHENTICATED".into()));
    for nothing in
        [global(AttachmentId(99)).0, global(UploadId(1)).0, "x".into(), "%00".into(), "..%2F..%2Fkeys".into()]
    {
        let (status, _) = told(fetch(&delegate, &format!("/files/attachments/{nothing}")).await).await;
        assert_eq!(status, 404, "{nothing}");
    }
    let input = json!({ "attachment": attached["id"], "expectedVersion": order.version });
    delegate.mutate("removeAttachment", "AttachmentInput", input).await.good();
    assert_eq!(told(fetch(&delegate, url).await).await, (404, "NOT_FOUND".into()));
}

async fn g18_an_address_takes_one_file_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let upload = awaited(&app.delegate(), "scan.pdf", PDF).await;
    assert_eq!(send(&app, &upload, PDF).await.status(), StatusCode::CREATED);
    assert_eq!(told(send(&app, &upload, PDF).await).await, (409, "ALREADY_RECEIVED".into()));
    assert_eq!(stored(&app).await, 1);
    let unknown = Awaited { id: String::new(), url: "/files/uploads/guessed".into() };
    assert_eq!(told(send(&app, &unknown, PDF).await).await, (404, "NOT_FOUND".into()));
    assert_eq!(request(&app, Method::GET, &upload.url).send().await.expect("an answer").status(), 405);
    let late = awaited(&app.delegate(), "scan.pdf", PDF).await;
    app.clock.set(monday() + chrono::Duration::hours(1));
    assert_eq!(told(send(&app, &late, PDF).await).await, (410, "UPLOAD_EXPIRED".into()));
    assert_eq!(stored(&app).await, 1);
}

async fn g18_what_is_not_what_was_announced_leaves_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let input = json!({ "name": "scan.pdf", "size": PDF.len(), "sha256": sha256(PDF) });
    let upload = awaited_with(&app.delegate(), input).await;
    let (longer, other) = ([PDF, b"\n"].concat(), PDF.to_ascii_lowercase());
    let (announced, mismatch) = ((422, "SIZE_MISMATCH".to_owned()), (422, "HASH_MISMATCH".to_owned()));
    assert_eq!(told(send(&app, &upload, longer.clone()).await).await, announced);
    assert_eq!(told(send(&app, &upload, &PDF[1..]).await).await, announced);
    assert_eq!(told(send(&app, &upload, "").await).await, announced);
    assert_eq!(told(send(&app, &upload, unannounced(&longer)).await).await, announced);
    assert_eq!(told(send(&app, &upload, unannounced(&PDF[1..])).await).await, announced);
    assert_eq!(told(send(&app, &upload, other).await).await, mismatch);
    assert_eq!(stored(&app).await, 0);
    // What failed can be sent again.
    assert_eq!(send(&app, &upload, unannounced(PDF)).await.status(), StatusCode::CREATED);
    assert_eq!(stored(&app).await, 1);
}

async fn d2_the_type_is_found_from_the_content(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    for program in
        [&b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"[..], b"\x7fELF\x02\x01\x01\0", b"<html><script>", b"plain"]
    {
        let upload = awaited(&delegate, "facture.pdf", program).await;
        assert_eq!(told(send(&app, &upload, program).await).await, (415, "FILE_TYPE_REFUSED".into()));
    }
    assert_eq!(stored(&app).await, 0);
    // The name tells afterwards what the content is.
    let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let upload = awaited(&delegate, "facture.pdf", png).await;
    let sent: Value = send(&app, &upload, png).await.json().await.expect("JSON");
    assert_eq!((&sent["contentType"], &sent["name"]), (&json!("image/png"), &json!("facture.pdf.png")));
}

async fn g18_of_two_at_the_same_time_one_is_taken(backend: Backend) {
    let app = TestApp::start(backend).await;
    let upload = awaited(&app.delegate(), "scan.pdf", PDF).await;
    let answers = futures_util::future::join_all((0..8).map(|_| send(&app, &upload, PDF))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(stored(&app).await, 1);
}

async fn g18_an_interrupted_file_leaves_nothing_and_can_be_sent_again(backend: Backend) {
    let app = TestApp::start(backend).await;
    let upload = awaited(&app.delegate(), "scan.pdf", PDF).await;
    let address = app.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    let head = format!("PUT {} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n", upload.url, PDF.len());
    connection.write_all(head.as_bytes()).await.expect("sent");
    connection.write_all(&PDF[..20]).await.expect("sent");
    connection.shutdown().await.expect("hung up");
    let mut answer = Vec::new();
    let _whatever = tokio::time::timeout(Duration::from_secs(10), connection.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8_lossy(&answer).contains(" 201 "));
    assert_eq!(stored(&app).await, 0);
    assert_eq!(send(&app, &upload, PDF).await.status(), StatusCode::CREATED);
}

async fn g18_what_cannot_be_taken_is_refused_before_it_is_sent(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let most = 20 * 1024 * 1024;
    let refused = async |input: Value| {
        let payload = announce(&delegate, input).await;
        assert!(payload["upload"].is_null(), "{payload}");
        let errors = payload["userErrors"].as_array().expect("errors").clone();
        errors.iter().map(|e| (e["code"].clone(), e["field"][0].clone())).collect::<Vec<_>>()
    };
    let error = |code: &str, field: &str| (json!(code), json!(field));
    assert_eq!(refused(json!({ "name": "a.pdf", "size": most + 1 })).await, [error("FILE_TOO_LARGE", "size")]);
    assert_eq!(refused(json!({ "name": "../", "size": 1 })).await, [error("NAME_REQUIRED", "name")]);
    assert_eq!(
        refused(json!({ "name": "a.EXE", "size": most + 1 })).await,
        [error("FILE_TYPE_REFUSED", "name"), error("FILE_TOO_LARGE", "size")]
    );
    for name in ["a.pdf", "a.JPEG", "a.docx", "Facture n.12", "sans extension"] {
        assert!(
            announce(&delegate, json!({ "name": name, "size": most })).await["upload"]["url"].is_string(),
            "{name}"
        );
    }
    // Who may attach nothing has nothing to send.
    let unknown = app.person("director").ask(CREATE, json!({ "input": { "name": "a.pdf", "size": 1 } })).await;
    assert_eq!(unknown.error(), "BAD_USER_INPUT");
    let deputy = json!({ "name": "a.pdf", "size": 1, "onBehalfOf": person("rr") });
    assert_eq!(refused(deputy).await, [error("NOT_DEPUTY", "onBehalfOf")]);
}

async fn k18_malformed_announcements_are_pointed_out(backend: Backend) {
    let app = TestApp::start(backend).await;
    for input in [
        json!({ "name": "a\0.pdf", "size": 1 }),
        json!({ "name": "a".repeat(201), "size": 1 }),
        json!({ "name": "a.pdf", "size": 0 }),
        json!({ "name": "a.pdf", "size": -1 }),
        json!({ "name": "a.pdf", "size": 1e30 }),
        json!({ "name": "a.pdf", "size": 1, "sha256": "abc" }),
        json!({ "name": "a.pdf", "size": 1, "sha256": "g".repeat(64) }),
        json!({ "name": "a.pdf", "size": 1, "idempotencyKey": "" }),
    ] {
        let reply = app.delegate().ask(CREATE, json!({ "input": input })).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{input}");
    }
}

async fn g13_g14_a_key_gives_the_same_address_and_a_dry_run_none(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let input = json!({ "name": "scan.pdf", "size": PDF.len(), "idempotencyKey": "k" });
    let first = announce(&delegate, input.clone()).await;
    app.clock.set(monday() + chrono::Duration::minutes(5));
    assert_eq!(announce(&delegate, input).await, first);
    let other = announce(&delegate, json!({ "name": "autre.pdf", "size": 1, "idempotencyKey": "k" })).await;
    assert_eq!(other["userErrors"][0]["code"], "IDEMPOTENCY_MISMATCH");
    let another = announce(&delegate, json!({ "name": "scan.pdf", "size": PDF.len() })).await;
    assert_ne!(another["upload"]["url"], first["upload"]["url"]);
    // What is in the database does not tell the address.
    let token = first["upload"]["url"].as_str().expect("an address").rsplit('/').next().expect("a token").to_owned();
    let told =
        app.number(&format!("SELECT COUNT(*) FROM idempotency WHERE CAST(answer AS TEXT) LIKE '%{token}%'")).await;
    assert_eq!(told, 0);

    let uploads = app.number("SELECT COUNT(*) FROM upload").await;
    let input = json!({ "name": "scan.pdf", "size": PDF.len(), "dryRun": true });
    let rehearsed = app.nothing_moves(awaited_with(&delegate, input)).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM upload").await, uploads);
    assert_eq!(told_status(&app, &rehearsed).await, 404);
}

async fn told_status(app: &TestApp, upload: &Awaited) -> u16 {
    told(send(app, upload, PDF).await).await.0
}

/// Somebody's operation, of somebody who signed in just before.
async fn op(app: &TestApp, name: &'static str) -> Op {
    let new = |caller| Op::new(app.app.clone(), caller, Language::En, "test".into());
    let tokens = identity::open_session(&new(None), person_id(name)).await.expect("a session");
    new(Some(identity::authenticate(&app.app, &tokens.access.token).await.expect("a caller")))
}

async fn take(app: &TestApp, name: &'static str, upload: &Awaited) -> Result<String, FileProblem> {
    let op = op(app, name).await;
    let (_, key) = id::parse(&upload.id).expect("an id");
    let tx = op.begin().await.expect("a transaction");
    let taken = files::take(&op, &tx, UploadId(key)).await.expect("an answer");
    tx.commit().await.expect("a commit");
    taken.map(|file| file.name)
}

async fn g18_a_file_is_attached_once_by_whoever_sent_it_in_time(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, colleague) = (app.delegate(), app.delegate2());
    let upload = awaited(&delegate, "scan", PDF).await;
    assert_eq!(take(&app, "delegate", &upload).await, Err(FileProblem::NotReceived));
    send(&app, &upload, PDF).await;
    let order = colleague.draft(leaflets(10)).await;
    // A colleague does not get at it by its id.
    assert_eq!(take(&app, "delegate2", &upload).await, Err(FileProblem::Unknown));
    app.nothing_moves(attach(&colleague, &order, &upload)).await.refused(&["FILE_REQUIRED"]);
    assert_eq!(take(&app, "delegate", &upload).await.as_deref(), Ok("scan.pdf"));
    assert_eq!(take(&app, "delegate", &upload).await, Err(FileProblem::AlreadyAttached));

    let late = awaited(&delegate, "scan.pdf", PDF).await;
    let later = awaited(&delegate, "scan.pdf", PDF).await;
    send(&app, &late, PDF).await;
    app.clock.set(monday() + chrono::Duration::minutes(60));
    assert_eq!(take(&app, "delegate", &late).await, Err(FileProblem::Expired));
    assert_eq!(take(&app, "delegate", &later).await, Err(FileProblem::Expired));
    let missing = Awaited { id: global(UploadId(999)).0, url: String::new() };
    assert_eq!(take(&app, "delegate", &missing).await, Err(FileProblem::Unknown));
}

async fn g18_what_was_not_attached_is_swept(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let (attached, left, empty) = (
        awaited(&delegate, "scan.pdf", PDF).await,
        awaited(&delegate, "scan.pdf", PDF).await,
        awaited(&delegate, "scan.pdf", PDF).await,
    );
    send(&app, &attached, PDF).await;
    send(&app, &left, PDF).await;
    let order = attach(&delegate, &delegate.draft(leaflets(10)).await, &attached).await.order();
    let url = attachment(&delegate, &order).await["url"].as_str().expect("an address").to_owned();
    // An attempt that was interrupted between the object store and the database.
    let key = app.app.files.list(None).try_collect::<Vec<_>>().await.expect("a list")[0].location.clone();
    app.app.files.put(&object_store::path::Path::from(format!("{key}x")), "stray".into()).await.expect("stored");
    assert_eq!(stored(&app).await, 3);

    app.clock.set(monday() + chrono::Duration::minutes(119));
    assert_eq!(files::sweep(&app.app).await.expect("swept"), 0);
    app.clock.set(monday() + chrono::Duration::minutes(121));
    assert_eq!(files::sweep(&app.app).await.expect("swept"), 3);
    assert_eq!((stored(&app).await, app.number("SELECT COUNT(*) FROM upload").await), (1, 0));
    assert_eq!(told_status(&app, &empty).await, 404);
    app.clock.set(monday());
    assert_eq!(fetch(&delegate, &url).await.bytes().await.expect("content"), PDF);
}

async fn d2_refusals_speak_both_languages(backend: Backend) {
    let app = TestApp::start(backend).await;
    let upload = awaited(&app.delegate(), "scan.pdf", b"not a pdf").await;
    let message = async |language: &str| {
        let client = reqwest::Client::new();
        let sent =
            client.put(format!("{}{}", app.url, upload.url)).header("accept-language", language).body("not a pdf");
        let body: Value = sent.send().await.expect("an answer").json().await.expect("JSON");
        body["errors"][0]["message"].as_str().expect("a message").to_owned()
    };
    assert!(message("en-GB, fr;q=0.5").await.starts_with("The content is of none"));
    assert!(message("de").await.starts_with("Le contenu n'est d'aucun"));
    let input = json!({ "name": "a.exe", "size": 1 });
    let payload = announce(&app.delegate().in_french(), input).await;
    let told = payload["userErrors"][0]["message"].as_str().expect("a message").to_owned();
    assert!(told.contains("ne sont pas acceptés ; le sont : pdf, png"), "{told}");
}
