//! A server that answers: its listener, its connections, and how they end.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
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
    router,
};
use crate::{
    app::{App, Background},
    observe::{Metrics, Transport},
};

/// How long requests and sockets may take to end (K-3).
const LAST_WORDS: Duration = Duration::from_secs(9);
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
        let task = tokio::spawn(serve(app, listener, life));
        Ok(Self { address, figures, ends, task, _background: background })
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
    let mut connections = JoinSet::new();
    let (limits, metrics) = (Arc::new(app.settings.limits.clone()), app.metrics.clone());
    let gate = Gate::new(limits.connections, limits.address_connections);
    let router = router(app, life.clone());
    loop {
        let accepted = tokio::select! {
            () = life.end() => break,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => match gate.enter(Some(peer.ip())) {
                Ok(ticket) => {
                    let (ticket, open) = (Arc::new(ticket), metrics.connection(Transport::Http));
                    let held = connection(stream, peer, ticket, router.clone(), life.clone(), limits.clone());
                    connections.spawn(async move {
                        held.await;
                        drop(open);
                    });
                }
                Err(full) => turn_away(&stream, peer, full, &limits, &metrics),
            },
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot take connections");
                sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    let mut sockets = life.sockets.subscribe();
    let finished = async {
        while connections.join_next().await.is_some() {}
        let _gone = sockets.wait_for(|open| *open == 0).await;
    };
    if timeout(LAST_WORDS, finished).await.is_err() {
        tracing::warn!("connections that did not end are cut off");
        connections.shutdown().await;
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

/// One connection, until it ends or becomes a socket.
pub(super) async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    ticket: Arc<Ticket>,
    router: Router,
    mut life: Life,
    limits: Arc<Limits>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small messages may be held back");
    }
    let stream = TokioIo::new(Patient::new(stream, Duration::from_secs(limits.unread_seconds), SLOWEST));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // A socket outlives this task: it keeps its place itself.
        request.extensions_mut().insert(ticket.clone());
        answer(router.clone(), request.map(Body::new))
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
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(mut router: Router, request: hyper::Request<Body>) -> Result<axum::response::Response, Infallible> {
    router.call(request).await
}
