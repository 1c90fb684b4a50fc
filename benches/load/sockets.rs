//! Events to many sockets: memory, time to the last one, and processor time, beside a bare broadcast.
//!
//! ```text
//! cargo bench --bench load -- sockets --sockets 10000
//! ```
//! Half of the sockets follow the queue of the sales-promotion department, half that of a regional manager.
//! Each approval by that manager is one event for all of them: an item comes here and goes there. The next
//! approval follows when the last socket has heard of the one before. The clients are tasks of this process,
//! on the same machine: what they use is told too, since it is not there for the server.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocketUpgrade},
    },
    response::Response,
    routing::{get, post},
};
use clap::Parser;
use futures_util::{StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use serde_json::json;
use sesame::demo::Size;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::broadcast,
    task::JoinSet,
};

use crate::{
    child::{Kind, Server},
    client::{self, Ask},
    database::{self, Postgres, connect},
    decisions,
    figures::{Spread, table},
    network, processes,
    script::{Outcome, failed, told},
    start,
};

/// The word on the command line.
const WORD: &str = "sockets";
/// What is followed.
const FOLLOWED: &str = "subscription { workQueueChanged { change cursor item { label order { number total } } } }";
/// Sockets that are being opened at the same time.
const AT_A_TIME: usize = 64;
/// Events before those that are measured.
const WARM: usize = 3;
/// How long all sockets may take to hear of an event.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the server is looked at until it rests.
const LOOK: Duration = Duration::from_millis(500);
/// The part of one processor that a server at rest uses at most.
const AT_REST: f64 = 0.03;
/// What either server reads into: axum's own buffers would take 140 KB a socket.
const BUFFER: usize = 4096;

/// Measures events to many sockets.
#[derive(Debug, Parser)]
#[command(name = "load sockets")]
struct Arguments {
    /// How many sockets: each number is measured by itself.
    #[arg(long, default_values_t = [1_000, 10_000])]
    sockets: Vec<usize>,
    /// Events that are measured.
    #[arg(long, default_value_t = 20)]
    events: usize,
    /// Orders of the demonstration network: small, medium, large, or a number.
    #[arg(long, default_value = "small")]
    orders: Size,
    /// An empty database on this machine, or one that holds a demonstration; what is measured changes it.
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// What cargo says to a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether this is what the command line asks for.
pub fn is_asked() -> bool {
    std::env::args().nth(1).is_some_and(|word| word == WORD)
}

/// Measures and tells.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse_from(std::env::args().skip(1));
    if !arguments.bench {
        println!("Nothing is measured in a test: cargo bench --bench load");
        return ExitCode::SUCCESS;
    }
    if arguments.postgres.is_none()
        && let Some(error) = database::on_disk()
    {
        return failed(&error);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(measure(arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

async fn measure(arguments: Arguments) -> Outcome<()> {
    let Arguments { sockets, events, orders, postgres, bench: _ } = arguments;
    let postgres = match postgres {
        Some(url) => Postgres::at(&url).await?,
        None => Postgres::private().await?,
    };
    let folder = tempfile::tempdir()?;
    let people = network::prepare(folder.path(), &postgres.url, orders).await?;
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let build = if cfg!(debug_assertions) { " UNOPTIMISED BUILD: the figures mean nothing." } else { "" };
    let cores = std::thread::available_parallelism()?;
    println!("{events} events, one at a time; {cores} cores, clients and PostgreSQL among them.{build}\n");
    let mut rows = Vec::new();
    for count in sockets {
        let setting = Setting { http: &http, folder: folder.path(), postgres: &postgres, count, events };
        let (sesame, sample) = setting.sesame(&people).await?;
        let bare = setting.bare(sample).await?;
        told("");
        rows.push(sesame.row(count, "Sésame"));
        rows.push(bare.row(count, "bare broadcast"));
    }
    let head = ["Sockets", "KB each", "to the last, ms", "server, µs a delivery", "clients, µs a delivery"];
    println!("{}", table(&head, rows));
    println!("  KB: resident memory of the server before and after, the kernel's not included.");
    println!("  To the last: from the answer to whoever caused the event. Medians, smallest and largest.");
    println!("  µs: processor time, without what the same requests use while nobody follows.");
    Ok(())
}

/// What is measured.
struct Setting<'s> {
    http: &'s reqwest::Client,
    folder: &'s Path,
    postgres: &'s Postgres,
    count: usize,
    events: usize,
}

/// What came of it.
struct Figures {
    bytes_each: f64,
    to_the_last: Spread,
    server: f64,
    clients: f64,
}

impl Figures {
    fn row(&self, count: usize, name: &str) -> Vec<String> {
        let Self { bytes_each, to_the_last, server, clients } = self;
        vec![
            format!("{count}, {name}"),
            format!("{:.1}", bytes_each / 1024.0),
            format!("{to_the_last:.1}"),
            format!("{server:.1}"),
            format!("{clients:.1}"),
        ]
    }
}

impl Setting<'_> {
    /// Sésame's figures, and a message as it sends them.
    async fn sesame(&self, people: &network::People) -> Outcome<(Figures, String)> {
        let [manager, _] = &people.managers;
        let connection = connect(&self.postgres.url).await?;
        let templates = decisions::templates(&connection, &people.managers).await?;
        let theirs = templates.iter().filter(|order| Some(order.region_id) == manager.region);
        let orders = decisions::waiting(&connection, theirs.cycle().take(2 * (WARM + self.events))).await?;
        connection.close().await?;
        let healthy = async |url: &str| start::is_healthy(self.http, url).await;
        let server = Server::start(Kind::Sesame, self.folder, Some(&self.postgres.url), healthy).await?;
        let asks: Vec<Ask> =
            orders.iter().map(|order| decisions::by_sesame(&server, &people.managers, order)).collect();
        let subscriptions = [&people.promotion.token, &manager.token].map(|token| {
            let init = json!({ "type": "connection_init", "payload": { "token": token } });
            let subscribe = json!({ "id": "1", "type": "subscribe", "payload": { "query": FOLLOWED } });
            Greeting { path: "/graphql/ws", init: Some([init.to_string(), subscribe.to_string()]) }
        });
        self.of(&server, &asks, subscriptions).await
    }

    /// What a broadcast of a message uses.
    async fn bare(&self, message: String) -> Outcome<Figures> {
        let healthy = async |url: &str| start::is_healthy(self.http, url).await;
        let server = Server::start(Kind::Broadcast, self.folder, None, healthy).await?;
        let ask = Ask { url: format!("{}/tell", server.url), token: None, body: Some(message) };
        let asks = vec![ask; 2 * (WARM + self.events)];
        let greeting = || Greeting { path: "/ws", init: None };
        Ok(self.of(&server, &asks, [greeting(), greeting()]).await?.0)
    }

    async fn of(&self, server: &Server, asks: &[Ask], greetings: [Greeting; 2]) -> Outcome<(Figures, String)> {
        let (alone, followed) = asks.split_at(asks.len() / 2);
        told("nobody follows");
        let (warm, measured) = alone.split_at(WARM);
        self.ask(warm).await?;
        let before = processes::used(server.process())?;
        for ask in measured {
            self.ask(std::slice::from_ref(ask)).await?;
        }
        rest(server).await?;
        let by_themselves = processes::used(server.process())? - before;

        let memory = processes::resident(server.process())?;
        let (warm, measured) = followed.split_at(WARM);
        let crowd = Crowd::gather(server, self.count, followed.len(), greetings).await?;
        rest(server).await?;
        let bytes_each = (processes::resident(server.process())?.saturating_sub(memory)) as f64 / self.count as f64;
        for (number, ask) in warm.iter().enumerate() {
            self.ask(std::slice::from_ref(ask)).await?;
            crowd.heard(number).await?;
        }
        rest(server).await?;
        let (server_before, own_before) = (processes::used(server.process())?, processes::used(std::process::id())?);
        let mut to_the_last = Vec::new();
        for (number, ask) in measured.iter().enumerate() {
            told(&format!("{} sockets, event {} of {}", self.count, number + 1, self.events));
            self.ask(std::slice::from_ref(ask)).await?;
            let asked = Instant::now();
            let last = crowd.heard(WARM + number).await?;
            to_the_last.push(last.saturating_duration_since(asked).as_secs_f64() * 1000.0);
        }
        rest(server).await?;
        let deliveries = (self.count * self.events) as f64;
        let used = (processes::used(server.process())? - server_before).saturating_sub(by_themselves);
        let own = processes::used(std::process::id())? - own_before;
        let figures = Figures {
            bytes_each,
            to_the_last: Spread::of(to_the_last),
            server: used.as_secs_f64() * 1e6 / deliveries,
            clients: own.as_secs_f64() * 1e6 / deliveries,
        };
        let sample = crowd.heard.sample.lock().clone();
        Ok((figures, sample))
    }

    async fn ask(&self, asks: &[Ask]) -> Outcome<()> {
        client::send(self.http, asks, |body| !body.contains("\"errors\"")).await.map(|_| ())
    }
}

/// Waits until a server rests.
async fn rest(server: &Server) -> Outcome<()> {
    let mut before = processes::used(server.process())?;
    loop {
        let since = Instant::now();
        tokio::time::sleep(LOOK).await;
        let now = processes::used(server.process())?;
        if (now - before).as_secs_f64() < AT_REST * since.elapsed().as_secs_f64() {
            return Ok(());
        }
        before = now;
    }
}

/// How a client begins.
struct Greeting {
    path: &'static str,
    /// What it says first, and once that is acknowledged.
    init: Option<[String; 2]>,
}

/// What has been heard of the events.
struct Heard {
    since: Instant,
    /// Of each event: by how many sockets, and by the last one when, in nanoseconds.
    events: Vec<(AtomicUsize, AtomicU64)>,
    sample: Mutex<String>,
}

/// Those who listen; dropped, they are gone.
struct Crowd {
    count: usize,
    heard: Arc<Heard>,
    tasks: JoinSet<io::Result<()>>,
}

impl Crowd {
    async fn gather(server: &Server, count: usize, events: usize, greetings: [Greeting; 2]) -> Outcome<Self> {
        let address: SocketAddr = server.url.trim_start_matches("http://").parse()?;
        let events = (0..events).map(|_| Default::default()).collect();
        let heard = Arc::new(Heard { since: Instant::now(), events, sample: Mutex::default() });
        let opened = stream::iter((0..count).zip(greetings.iter().cycle())).map(|(number, greeting)| async move {
            if number % 500 == 0 {
                told(&format!("socket {number} of {count}"));
            }
            Listener::greet(address, greeting).await
        });
        let listeners: Vec<Listener> = opened.buffer_unordered(AT_A_TIME).try_collect().await?;
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(listener.listen(heard.clone()));
        }
        Ok(Self { count, heard, tasks })
    }

    /// Waits until all have heard of an event, and tells when the last one did.
    async fn heard(&self, number: usize) -> Outcome<Instant> {
        let (by, last) = self.heard.events.get(number).ok_or("no such event")?;
        let began = Instant::now();
        while by.load(Ordering::Acquire) < self.count {
            if began.elapsed() > PATIENCE {
                let (by, here) = (by.load(Ordering::Acquire), self.tasks.len());
                return Err(format!("event {number} was heard by {by} of {here} sockets").into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(self.heard.since + Duration::from_nanos(last.load(Ordering::Acquire)))
    }
}

/// One socket, as small as can be.
struct Listener {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Listener {
    async fn greet(address: SocketAddr, greeting: &Greeting) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let mut listener = Self { read: BufReader::with_capacity(512, read), write };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
            greeting.path
        );
        listener.write.write_all(request.as_bytes()).await?;
        let mut line = String::new();
        listener.read.read_line(&mut line).await?;
        if !line.contains(" 101 ") {
            return Err(io::Error::other(line));
        }
        while line.trim() != "" {
            line.clear();
            listener.read.read_line(&mut line).await?;
        }
        if let Some([init, subscribe]) = &greeting.init {
            listener.send(0x1, init.as_bytes()).await?;
            let answer = listener.frame().await?;
            if answer.0 != 0x1 || !String::from_utf8_lossy(&answer.1).contains("connection_ack") {
                return Err(io::Error::other(String::from_utf8_lossy(&answer.1).into_owned()));
            }
            listener.send(0x1, subscribe.as_bytes()).await?;
        }
        Ok(listener)
    }

    /// Sends a frame. Its mask is zero, which leaves everything as it is.
    async fn send(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![0x80 | kind];
        match u8::try_from(payload.len()) {
            Ok(short @ ..126) => frame.push(0x80 | short),
            _ => {
                let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.write.write_all(&frame).await
    }

    async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let kind = self.read.read_u8().await? & 0xf;
        let length = match self.read.read_u8().await? & 0x7f {
            126 => self.read.read_u16().await?.into(),
            127 => self.read.read_u64().await?,
            short => short.into(),
        };
        let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.read.read_exact(&mut payload).await?;
        Ok((kind, payload))
    }

    async fn listen(mut self, heard: Arc<Heard>) -> io::Result<()> {
        let mut events = heard.events.iter();
        loop {
            match self.frame().await? {
                (0x1, text) => {
                    let Some((by, last)) = events.next() else { return Ok(()) };
                    let now = u64::try_from(heard.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
                    last.fetch_max(now, Ordering::AcqRel);
                    // The longest of the first ones serves as an example.
                    if by.fetch_add(1, Ordering::AcqRel) < 2 {
                        let mut sample = heard.sample.lock();
                        if sample.len() < text.len() {
                            *sample = String::from_utf8_lossy(&text).into_owned();
                        }
                    }
                }
                (0x9, payload) => self.send(0xa, &payload).await?,
                (0x8, _) => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Serves a bare broadcast until the process ends: what is posted goes to every socket.
pub fn broadcast() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(serve())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&*error),
    }
}

async fn serve() -> Outcome<()> {
    let port = std::env::args().skip_while(|word| word != "--port").nth(1).ok_or("no port")?;
    let (messages, _) = broadcast::channel::<Utf8Bytes>(64);
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/tell", post(tell))
        .route("/ws", get(follow))
        .with_state(messages);
    let listener = TcpListener::bind(("127.0.0.1", port.parse::<u16>()?)).await?;
    Ok(axum::serve(listener, router).await?)
}

async fn tell(State(messages): State<broadcast::Sender<Utf8Bytes>>, message: String) -> &'static str {
    // Nobody may follow.
    let _nobody = messages.send(message.into());
    "{}"
}

async fn follow(State(messages): State<broadcast::Sender<Utf8Bytes>>, upgrade: WebSocketUpgrade) -> Response {
    let mut messages = messages.subscribe();
    upgrade.protocols(["graphql-transport-ws"]).read_buffer_size(BUFFER).write_buffer_size(BUFFER).on_upgrade(
        async move |mut socket| {
            while let Ok(message) = messages.recv().await {
                if socket.send(Message::Text(message)).await.is_err() {
                    return;
                }
            }
        },
    )
}
