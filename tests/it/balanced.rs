//! PostgreSQL, two processes and nginx with `deploy/nginx.conf`, as `deploy/compose.yaml` puts them together, on
//! this machine: what a client sees through the balancer while a process is killed, and while both are replaced.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use reqwest::StatusCode;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    network,
    postgres::watchdog,
    process::{CREATE, Place, SUBMIT, Server, network_input, sesame},
    talk::{PROTOCOL, connect, init},
};

const REQUIRE: &str = "SESAME_REQUIRE_NGINX";

pub fn trials() -> Vec<Trial> {
    let all = trials![
        postgres(threads = 2, seconds = 180) one_of_two_is_killed_and_nothing_is_lost_doubled_or_missed,
        postgres(threads = 2, seconds = 180) a_rolling_restart_fails_no_request,
    ];
    let is_required = env::var_os(REQUIRE).is_some_and(|value| value == "1");
    if nginx().is_some() || is_required {
        return all;
    }
    if !env::args().any(|argument| argument == "--list") {
        eprintln!("\n!!! nginx IS NOT TESTED: it is not installed; {REQUIRE}=1 makes its absence a failure\n");
    }
    all.into_iter().map(|trial| trial.with_ignored_flag(true)).collect()
}

fn nginx() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(["/usr/sbin".into()]).map(|folder| folder.join("nginx")).find(|it| it.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// nginx with the configuration that is shipped, gone with this value.
struct Balancer {
    address: String,
    shell: Child,
    _folder: TempDir,
}

impl Balancer {
    async fn start(servers: [u16; 2]) -> Self {
        let (folder, port) = (scratch_dir(), free_port());
        let place = folder.path().display();
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nginx.conf");
        let mut configuration = fs::read_to_string(shipped).expect("a configuration");
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let folders: String = folders.iter().map(|name| format!("{name}_temp_path {place}/{name};\n")).collect();
        for (from, to) in [
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("sesame-1:8080", format!("127.0.0.1:{}", servers[0])),
            ("sesame-2:8080", format!("127.0.0.1:{}", servers[1])),
            ("pid /run/nginx.pid;", format!("pid {place}/nginx.pid;")),
            ("error_log stderr warn;", format!("error_log {place}/error.log warn;")),
            ("worker_processes auto;", "worker_processes 1;".to_owned()),
            ("http {\n", format!("http {{\n{folders}")),
        ] {
            assert_eq!(configuration.matches(from).count(), 1, "nginx.conf has no «{from}»");
            configuration = configuration.replace(from, &to);
        }
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).expect("a file");
        // Whoever is root would become somebody who may not enter the folder.
        let is_root = fs::metadata(folder.path()).expect("a folder").uid() == 0;
        let shell =
            watchdog(r#"trap '' HUP INT TERM; "$NGINX" -c "$FILE" -g "$MORE" & read -r _; kill -TERM $!; wait"#)
                .env("NGINX", nginx().expect("nginx: install it, as .ci/run does"))
                .env("FILE", file)
                .env("MORE", if is_root { "daemon off; user root;" } else { "daemon off;" })
                .spawn()
                .expect("a shell");
        let balancer = Self { address: format!("127.0.0.1:{port}"), shell, _folder: folder };
        let ready = format!("http://{}/readyz", balancer.address);
        until("nginx answers", async || {
            reqwest::get(&ready).await.is_ok_and(|answer| answer.status() == StatusCode::OK)
        })
        .await;
        balancer
    }
}

impl Drop for Balancer {
    /// The closed pipe is the order to stop.
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _status = self.shell.wait();
    }
}

async fn until(what: &str, happens: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !happens().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not happen that {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// How long nginx leaves alone a process that took no connection.
const LEFT_ALONE: Duration = Duration::from_millis(1_200);
/// How long a process goes on after SIGTERM while readiness is red.
const DRAIN: Duration = Duration::from_secs(1);

/// Two processes on one database behind nginx.
struct Cluster {
    place: Place,
    ports: [u16; 2],
    servers: [Option<Server>; 2],
    balancer: Balancer,
    token: String,
    _data: TempDir,
    _db: TestDb,
}

impl Cluster {
    async fn start(backend: Backend) -> Self {
        let (db, data) = (TestDb::empty(backend).await, scratch_dir());
        let place = Place::with_network(&db.url, data.path()).await;
        let (ports, token) = ([free_port(), free_port()], place.token("delegate").await);
        let servers = [Some(serve(&place, ports[0]).await), Some(serve(&place, ports[1]).await)];
        let balancer = Balancer::start(ports).await;
        Self { place, ports, servers, balancer, token, _data: data, _db: db }
    }

    async fn restart(&mut self, which: usize) {
        let server = serve(&self.place, self.ports[which]).await;
        until("it is ready", async || server.is_ready().await).await;
        self.servers[which] = Some(server);
        sleep(LEFT_ALONE).await;
    }

    fn begin(&self, retry: bool) -> People {
        let heard = Arc::<Mutex<Heard>>::default();
        let done = Arc::<AtomicBool>::default();
        let (address, token) = (self.balancer.address.clone(), self.token.clone());
        let following = tokio::spawn(follow(address.clone(), token.clone(), heard.clone(), done.clone()));
        let written = Arc::<Mutex<Written>>::default();
        let writing = (0..3)
            .map(|me| {
                let url = format!("http://{address}");
                tokio::spawn(write(url, token.clone(), me, retry, done.clone(), written.clone()))
            })
            .collect();
        People { heard, written, done, following, writing }
    }

    /// Names of the orders that were submitted.
    async fn kept(&self) -> Vec<String> {
        let db = sea_orm::Database::connect(&self.place.url).await.expect("a connection");
        let sql = "SELECT subject FROM orders WHERE status <> 'DRAFT'";
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect(sql);
        let kept = rows.iter().map(|row| row.try_get_by_index(0).expect("a subject")).collect();
        db.close().await.expect("a closed connection");
        kept
    }
}

async fn serve(place: &Place, port: u16) -> Server {
    let mut command = sesame(&place.url, &place.data);
    command.env("SESAME_TRUSTED_PROXIES", "127.0.0.1").env("SESAME_DRAIN_SECONDS", DRAIN.as_secs().to_string());
    command.arg("serve");
    Server::start_on(command, port).await
}

/// What those who write were told.
#[derive(Default)]
struct Written {
    /// Name and id of each order that was acknowledged.
    orders: Vec<(String, String)>,
    /// Everything else that was answered, or not.
    failures: Vec<String>,
}

/// What somebody heard who follows.
#[derive(Default)]
struct Heard {
    /// What happened to which order.
    events: Vec<(String, String)>,
    /// How the sockets ended; 1006 where nobody said.
    ends: Vec<u16>,
}

/// Some who write, and one who follows.
struct People {
    heard: Arc<Mutex<Heard>>,
    written: Arc<Mutex<Written>>,
    done: Arc<AtomicBool>,
    following: JoinHandle<()>,
    writing: Vec<JoinHandle<()>>,
}

impl People {
    /// Waits for so many acknowledged orders more.
    async fn work(&self, more: usize) {
        let before = self.written.lock().orders.len();
        until("people go on", async || self.written.lock().orders.len() >= before + more).await;
    }

    /// Everybody goes; each order was told once, whatever happened meanwhile.
    async fn leave(self, from: usize) -> (Written, Heard) {
        self.done.store(true, Ordering::SeqCst);
        for writer in self.writing {
            writer.await.expect("an end");
        }
        let written = std::mem::take(&mut *self.written.lock());
        let (_, last) = written.orders.last().cloned().expect("an order");
        until("the last order is heard of", async || {
            self.heard.lock().events.iter().any(|(kind, id)| kind == "order.submitted" && *id == last)
        })
        .await;
        // Others may have been acknowledged before it and committed after it.
        until("every order is heard of", async || {
            let heard = self.heard.lock();
            written.orders[from..].iter().all(|(_, id)| heard.events.iter().any(|(_, known)| known == id))
        })
        .await;
        self.following.abort();
        let heard = std::mem::take(&mut *self.heard.lock());
        for (name, id) in &written.orders[from..] {
            for kind in ["order.created", "order.submitted"] {
                let times = heard.events.iter().filter(|(k, known)| k == kind && known == id).count();
                assert_eq!(times, 1, "{name}: {kind}");
            }
        }
        (written, heard)
    }
}

/// One request: the id of the order in its answer, or what came instead.
async fn send(http: &reqwest::Client, url: &str, token: &str, query: &str, input: &Value) -> Result<String, String> {
    let body = json!({ "query": query, "variables": { "input": input } });
    let request = http.post(format!("{url}/graphql")).bearer_auth(token).json(&body);
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    let body: Value = serde_json::from_str(&text).map_err(|_| format!("{status}: {text}"))?;
    let payload = body["data"].as_object().and_then(|data| data.values().next()).cloned().unwrap_or_default();
    payload["order"]["id"].as_str().map(str::to_owned).ok_or_else(|| format!("{status}: {text}"))
}

/// One request until it is answered, where `retry` says so.
async fn persist(
    http: &reqwest::Client,
    url: &str,
    token: &str,
    retry: bool,
    written: &Mutex<Written>,
    query: &str,
    input: Value,
) -> Option<String> {
    loop {
        match send(http, url, token, query, &input).await {
            Ok(id) => return Some(id),
            Err(failure) => written.lock().failures.push(failure),
        }
        if !retry {
            return None;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Writes order after order; what failed is tried again under the same key, where `retry` says so.
async fn write(
    url: String,
    token: String,
    me: usize,
    retry: bool,
    done: Arc<AtomicBool>,
    written: Arc<Mutex<Written>>,
) {
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
    let persist = |query, input| persist(&http, &url, &token, retry, &written, query, input);
    for place in 0.. {
        if done.load(Ordering::SeqCst) {
            return;
        }
        let name = format!("order {me}-{place}");
        let mut input = network::leaflets(2);
        network_input(&mut input, &name, "create");
        let Some(id) = persist(CREATE, input).await else { continue };
        let input = json!({ "id": id, "idempotencyKey": format!("{name}-submit") });
        if persist(SUBMIT, input).await.is_some() {
            written.lock().orders.push((name, id));
        }
    }
}

/// Follows the orders; where the socket ends, a new one goes on from the last cursor.
async fn follow(address: String, token: String, heard: Arc<Mutex<Heard>>, done: Arc<AtomicBool>) {
    let mut cursor: Option<String> = None;
    loop {
        let Ok(mut talk) = connect(&address, &[("sec-websocket-protocol", PROTOCOL)]).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _gone = talk.0.send(Message::text(init(&token, "en").to_string())).await;
        let end = loop {
            let next = match timeout(Duration::from_secs(40), talk.0.next()).await {
                Ok(next) => next,
                Err(_) if done.load(Ordering::SeqCst) => return,
                Err(_) => panic!("silence"),
            };
            let text = match next {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => break frame.map_or(1005, |frame| frame.code.into()),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => break 1006,
            };
            let message: Value = serde_json::from_str(&text).expect("JSON");
            match message["type"].as_str() {
                Some("connection_ack") => {
                    let query =
                        "subscription($after: String) { orderChanged(after: $after) { kind cursor order { id } } }";
                    let payload = json!({ "query": query, "variables": { "after": cursor } });
                    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": payload });
                    let _gone = talk.0.send(Message::text(subscribe.to_string())).await;
                }
                Some("next") => {
                    let change = &message["payload"]["data"]["orderChanged"];
                    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{message}")).to_owned();
                    cursor = Some(text(&change["cursor"]));
                    heard.lock().events.push((text(&change["kind"]), text(&change["order"]["id"])));
                }
                Some("ping") => {
                    let _gone = talk.0.send(Message::text(json!({ "type": "pong" }).to_string())).await;
                }
                Some("complete") => {}
                other => panic!("{other:?}: {message}"),
            }
        };
        heard.lock().ends.push(end);
    }
}

/// Begins, and waits until whoever follows hears; how many orders may have been written before that.
async fn begun(cluster: &Cluster, retry: bool) -> (People, usize) {
    let people = cluster.begin(retry);
    until("somebody hears", async || !people.heard.lock().events.is_empty()).await;
    // More than can have been under way then.
    people.work(12).await;
    let from = people.written.lock().orders.len();
    (people, from)
}

async fn one_of_two_is_killed_and_nothing_is_lost_doubled_or_missed(backend: Backend) {
    let mut cluster = Cluster::start(backend).await;
    let (people, from) = begun(&cluster, true).await;
    for which in [0, 1] {
        people.work(6).await;
        // SIGKILL.
        drop(cluster.servers[which].take());
        people.work(12).await;
        cluster.restart(which).await;
    }
    let (written, heard) = people.leave(from).await;
    let mut kept = cluster.kept().await;
    let mut names: Vec<String> = written.orders.iter().map(|(name, _)| name.clone()).collect();
    kept.sort();
    names.sort();
    assert_eq!(kept, names, "each order is there once");
    assert!(!heard.ends.is_empty(), "no socket was cut");
    assert_eq!(cluster.place.findings().await, Vec::<String>::new());
}

async fn a_rolling_restart_fails_no_request(backend: Backend) {
    let mut cluster = Cluster::start(backend).await;
    let (people, from) = begun(&cluster, false).await;
    for which in [0, 1] {
        people.work(6).await;
        let server = cluster.servers[which].take().expect("a server");
        let (url, http) = (server.url.clone(), server.http.clone());
        let ended = tokio::spawn(server.terminate());
        // Readiness is red while everything is still answered, and connections are given up after their answer.
        until("readiness is red", async || {
            let answer = http.get(format!("{url}/readyz")).send().await.expect("an answer while it drains");
            answer.status() == StatusCode::SERVICE_UNAVAILABLE
        })
        .await;
        let alive = http.get(format!("{url}/healthz")).send().await.expect("an answer while it drains");
        assert_eq!(
            (alive.status(), &alive.headers()["connection"]),
            (StatusCode::OK, &"close".parse().expect("a header"))
        );
        let took = ended.await.expect("an end");
        assert!(took >= DRAIN && took < DRAIN + Duration::from_secs(10), "{took:?}");
        people.work(6).await;
        cluster.restart(which).await;
    }
    people.work(6).await;
    let (written, heard) = people.leave(from).await;
    assert_eq!(written.failures, Vec::<String>::new(), "{} orders were written", written.orders.len());
    assert!(written.orders.len() > 40, "{}", written.orders.len());
    assert!(!heard.ends.is_empty() && heard.ends.iter().all(|end| *end == 1001), "{:?}", heard.ends);
    assert_eq!(cluster.kept().await.len(), written.orders.len());
    assert_eq!(cluster.place.findings().await, Vec::<String>::new());
}
