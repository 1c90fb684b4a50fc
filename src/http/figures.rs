//! `/metrics`: the figures for Prometheus, on a listener of their own or, where everything goes through one
//! port, for whoever has their token. They tell how much is done and by what, and nothing of anybody.

use std::{
    io,
    net::{SocketAddr, TcpListener as Listener},
    sync::Arc,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    Life, bearer_token,
    gate::Gate,
    serving::{Guest, connection},
};
use crate::{app::App, observe};

/// Most connections to the listener of its own.
const MOST: usize = 64;

/// The figures, for whoever comes.
fn open(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(for_anybody)).with_state(app)
}

async fn for_anybody(State(app): State<Arc<App>>) -> Response {
    told(&app).await
}

/// The figures beside everything else, for whoever has the token; without one in the settings there are none.
pub(super) fn behind_token(app: Arc<App>) -> Router {
    if app.settings.metrics_token.is_none() {
        return Router::new();
    }
    Router::new().route("/metrics", get(for_token)).with_state(app)
}

async fn for_token(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer_token);
    // As digests, so that the time it takes tells nothing of how much was right.
    let digest = |token: &str| Sha256::digest(token);
    match given.zip(app.settings.metrics_token.as_deref()) {
        Some((given, token)) if digest(given) == digest(token) => told(&app).await,
        Some(_) | None => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response(),
    }
}

async fn told(app: &Arc<App>) -> Response {
    match observe::scrape(app).await {
        Ok(text) => {
            ([(header::CONTENT_TYPE, observe::MEDIA), (header::CACHE_CONTROL, "no-store")], text).into_response()
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "the figures cannot be told");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Serves the figures at an address of their own until the server ends; the address.
///
/// # Errors
/// When it cannot be listened on.
pub(super) fn listen(app: Arc<App>, at: SocketAddr, life: Life) -> io::Result<SocketAddr> {
    let listener = Listener::bind(at)?;
    listener.set_nonblocking(true)?;
    let (address, listener) = (listener.local_addr()?, TcpListener::from_std(listener)?);
    tokio::spawn(serve(app, listener, life));
    Ok(address)
}

async fn serve(app: Arc<App>, listener: TcpListener, mut life: Life) {
    let (gate, limits) = (Gate::new(MOST, MOST), Arc::new(app.settings.limits.clone()));
    let router = open(app);
    // Whatever is still open ends with this.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = life.end() => return,
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Ok(ticket) = gate.enter(Some(peer.ip())) {
                    let (router, life, limits) = (router.clone(), life.clone(), limits.clone());
                    let guest = Guest::new(peer, Arc::default(), ticket);
                    connections.spawn(connection(stream, guest, router, life, limits));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the figures take no connections");
                tokio::time::sleep(super::serving::BREATH).await;
            }
        }
    }
}
