//! A server that answers: its listener, its connections, and how they end.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tower::Service;

use super::{
    Life, figures,
    gate::{Full, Gate, Ticket},
    limits::{Limit, Limits},
    patient::Patient,
    proxies::Proxies,
    router,
};
use crate::{
    app::{App, Background},
    observe::{Metrics, Transport},
};

/// How long requests and sockets may take to end (K-3).
const LAST_WORDS: Duration = Duration::from_secs(9);
/// How long nobody must have knocked before the door is closed.
const SILENCE: Duration = Duration::from_millis(5);
/// How long whoever goes on knocking is let in.
const LAST_KNOCKS: Duration = Duration::from_millis(250);
/// How long the first request of a connection may take when the server ends.
const FIRST_WORDS: Duration = Duration::from_millis(500);
/// Pause after the machine had no room for one more connection.
pub(super) const BREATH: Duration = Duration::from_millis(200);
/// Most bytes of a request's headers.
const HEADERS: usize = 64 * 1024;
/// Bytes a second at which an answer must be read at least.
const SLOWEST: u64 = 256;

/// A server that answers.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where the figures are told, where that is an address of their own.
    pub figures: Option<SocketAddr>,
    ends: watch::Sender<bool>,
    life: Life,
    task: JoinHandle<()>,
    _background: Background,
}

impl Serving {
    /// Starts answering on a listener.
    ///
    /// # Errors
    /// When the listener has no address, or that of the figures is taken.
    pub fn start(app: Arc<App>, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (ends, life) = watch::channel(false);
        let life = Life::new(life);
        let at = app.settings.metrics_address;
        let figures = at.map(|at| figures::listen(app.clone(), at, life.clone())).transpose()?;
        let background = app.start();
        let task = tokio::spawn(serve(app, listener, life.clone()));
        Ok(Self { address, figures, ends, life, task, _background: background })
    }

    /// Says that nobody should come any more: readiness is red, and connections end after their next answer.
    /// Whoever comes is answered all the same, until [`Serving::stop`].
    pub fn drain(&self) {
        self.life.drain();
    }

    /// Takes no more connections, lets running requests finish, closes the sockets, and ends, all within
    /// ten seconds.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(self) -> io::Result<()> {
        // Whoever would hear it has ended.
        let _ended = self.ends.send(true);
        self.task.await.map_err(io::Error::other)
    }
}

async fn serve(app: Arc<App>, listener: TcpListener, mut life: Life) {
    // Whoever is answered may follow events from then on: where the feed begins is known first.
    tokio::select! {
        () = life.end() => return,
        () = app.outbox.started() => {}
    }
    let mut door = Door::new(app, life.clone());
    loop {
        let accepted = tokio::select! {
            () = life.end() => break,
            accepted = listener.accept() => accepted,
            Some(_) = door.connections.join_next() => continue,
        };
        door.open(accepted).await;
    }
    // Whoever has knocked by now is let in: a listener that closes cuts them off.
    let knocking = async {
        while let Ok(accepted) = timeout(SILENCE, listener.accept()).await {
            door.open(accepted).await;
        }
    };
    let _go_on_knocking = timeout(LAST_KNOCKS, knocking).await;
    drop(listener);
    let mut sockets = life.sockets.subscribe();
    let finished = async {
        while door.connections.join_next().await.is_some() {}
        let _gone = sockets.wait_for(|open| *open == 0).await;
    };
    if timeout(LAST_WORDS, finished).await.is_err() {
        tracing::warn!("connections that did not end are cut off");
        door.connections.shutdown().await;
    }
}

/// Lets connections in.
struct Door {
    router: Router,
    life: Life,
    limits: Arc<Limits>,
    gate: Gate,
    proxies: Arc<Proxies>,
    metrics: Arc<Metrics>,
    connections: JoinSet<()>,
}

impl Door {
    fn new(app: Arc<App>, life: Life) -> Self {
        let limits = Arc::new(app.settings.limits.clone());
        let gate = Gate::new(limits.connections, limits.address_connections);
        let proxies = Arc::new(app.settings.trusted_proxies.clone());
        let metrics = app.metrics.clone();
        let router = router(app, life.clone());
        Self { router, life, limits, gate, proxies, metrics, connections: JoinSet::new() }
    }

    async fn open(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, peer)) => self.let_in(stream, peer),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot take connections");
                sleep(BREATH).await;
            }
        }
    }

    fn let_in(&mut self, stream: TcpStream, peer: SocketAddr) {
        // Behind a proxy are many, whom it counts itself.
        let counted = (!self.proxies.trust(peer.ip())).then(|| peer.ip());
        match self.gate.enter(counted) {
            Ok(ticket) => {
                let guest = Guest::new(peer, self.proxies.clone(), ticket);
                let (router, life, limits) = (self.router.clone(), self.life.clone(), self.limits.clone());
                let open = self.metrics.connection(Transport::Http);
                self.connections.spawn(async move {
                    connection(stream, guest, router, life, limits).await;
                    drop(open);
                });
            }
            Err(full) => turn_away(&stream, peer, full, &self.limits, &self.metrics),
        }
    }
}

/// There are too many connections: says so, where the other end takes it at once, and closes.
fn turn_away(stream: &TcpStream, peer: SocketAddr, full: Full, limits: &Limits, metrics: &Metrics) {
    let limit = match full {
        Full::All => Limit::Connections,
        Full::OfOne => Limit::AddressConnections,
    };
    let text = format!("too many connections: at most {} ({})\n", limit.most(limits), limit.name());
    metrics.beyond(limit);
    tracing::warn!(%peer, limit = limit.name(), "a connection is turned away");
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\n\
         content-type: text/plain\r\ncontent-length: {length}\r\n\r\n{text}"
    );
    if let Err(error) = stream.try_write(answer.as_bytes()) {
        tracing::debug!(%error, "and does not hear why");
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(super) struct Guest {
    peer: SocketAddr,
    proxies: Arc<Proxies>,
    ticket: Arc<Ticket>,
}

impl Guest {
    /// Somebody with a ticket, who may be one of the proxies.
    pub(super) fn new(peer: SocketAddr, proxies: Arc<Proxies>, ticket: Ticket) -> Self {
        Self { peer, proxies, ticket: Arc::new(ticket) }
    }

    /// Notes on a request who asks.
    fn sign(&self, request: &mut hyper::Request<Incoming>) {
        let caller = self.proxies.caller(self.peer.ip(), request.headers());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(caller, self.peer.port())));
        // A socket outlives the task of its connection: it keeps its place itself.
        request.extensions_mut().insert(self.ticket.clone());
    }
}

/// One connection, until it ends or becomes a socket.
pub(super) async fn connection(stream: TcpStream, guest: Guest, router: Router, mut life: Life, limits: Arc<Limits>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small messages may be held back");
    }
    let stream = TokioIo::new(Patient::new(stream, Duration::from_secs(limits.unread_seconds), SLOWEST));
    let (living, asked) = (life.clone(), Arc::<AtomicBool>::default());
    let was_asked = asked.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        asked.store(true, Ordering::SeqCst);
        guest.sign(&mut request);
        answer(router.clone(), request.map(Body::new), living.clone())
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_seconds))
        .max_buf_size(HEADERS)
        .serve_connection(stream, service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = life.end() => {
            // The first request may be on its way: told to end now, the connection would be closed in its face.
            let first = async {
                match was_asked.load(Ordering::SeqCst) {
                    true => None,
                    false => timeout(FIRST_WORDS, connection.as_mut()).await.ok(),
                }
            };
            match first.await {
                Some(ended) => ended,
                None => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(mut router: Router, request: hyper::Request<Body>, life: Life) -> Result<Response, Infallible> {
    let mut response = router.call(request).await?;
    // While the server drains, a connection is given up behind its answer; one that becomes a socket goes on.
    if life.is_draining() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
