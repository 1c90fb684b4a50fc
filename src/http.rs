//! HTTP: the addresses, and from a request's headers to its `Op`.
//!
//! ```text
//! serving ──a connection──▶ router ──▶ api (POST, GET) ─┐
//!                                  └─▶ socket (WebSocket)┴▶ operation: limits, then the caller's schema
//! ```
//! Every answer names its request (`x-request-id`), which the log and the events do too.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ::entity::vocabulary::Language;
use axum::{
    Router,
    extract::{ConnectInfo, Extension, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::watch;

use crate::{
    app::App,
    authz::Caller,
    error::{Error, Result},
    i18n, identity,
    op::Op,
};

mod api;
mod cost;
mod document;
mod documents;
mod gate;
pub mod graphiql;
mod json;
pub mod limits;
mod operation;
mod patient;
pub mod proxies;
mod scan;
mod serving;
mod socket;

pub use serving::Serving;

/// How long the database may take to show that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where a request came from; a router without a listener does not know.
type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

fn address(peer: &Peer) -> Option<std::net::IpAddr> {
    peer.as_ref().map(|Extension(ConnectInfo(address))| address.ip())
}

/// What every request of this server shares.
struct Server {
    app: Arc<App>,
    documents: documents::Documents,
    /// The sockets on which nobody is signed in yet.
    waiting: gate::Gate,
    /// How long this server lives.
    life: Life,
}

/// The life of a server, as its connections see it.
#[derive(Clone, Debug)]
pub struct Life {
    /// Whether it ends.
    ends: watch::Receiver<bool>,
    /// Whether nobody should come any more, though whoever comes is still answered.
    drains: Arc<AtomicBool>,
    /// The sockets that are open.
    sockets: watch::Sender<usize>,
}

impl Life {
    /// The life that ends when the sender says so, or is gone.
    #[must_use]
    pub fn new(ends: watch::Receiver<bool>) -> Self {
        Self { ends, drains: Arc::default(), sockets: watch::Sender::new(0) }
    }

    /// From now on nobody should come any more: readiness is red, and each answer is the last of its connection.
    fn drain(&self) {
        self.drains.store(true, Ordering::SeqCst);
    }

    fn is_draining(&self) -> bool {
        self.drains.load(Ordering::SeqCst) || self.is_ending()
    }

    fn is_ending(&self) -> bool {
        *self.ends.borrow() || self.ends.has_changed().is_err()
    }

    /// Waits for the end.
    async fn end(&mut self) {
        let _ends_or_gone = self.ends.wait_for(|ends| *ends).await;
    }
}

/// All addresses.
pub fn router(app: Arc<App>, life: Life) -> Router {
    let graphiql = app.settings.graphiql.then(|| graphiql::router(page_config(&app)));
    let files = crate::files::router(app.clone());
    let limits = &app.settings.limits;
    let waiting = gate::Gate::new(limits.waiting_sockets, limits.address_waiting_sockets);
    let server = Arc::new(Server { app, documents: documents::Documents::default(), waiting, life });
    Router::new()
        .route("/graphql", post(api::post).get(api::get))
        .route("/graphql/ws", get(socket::open))
        .route("/schema.graphql", get(schema))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/", get(front_page))
        .with_state(server)
        .merge(files)
        .merge(graphiql.unwrap_or_default())
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing here\n") })
        .layer(middleware::from_fn(named_and_safe))
}

fn page_config(app: &App) -> graphiql::PageConfig {
    let accounts = if app.settings.demo { crate::demo::ACCOUNTS } else { &[] };
    graphiql::PageConfig {
        demo_accounts: accounts.iter().map(|a| (a.email.to_owned(), a.label.to_owned())).collect(),
        demo_password: app.settings.demo.then(|| crate::demo::PASSWORD.to_owned()),
    }
}

/// Gives a request its name, and its answer the headers that every answer has (K-14).
async fn named_and_safe(mut request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let name = HeaderValue::try_from(crate::hex(&rand::random::<[u8; 8]>())).unwrap_or(HeaderValue::from_static("-"));
    request.headers_mut().insert(REQUEST_ID, name.clone());
    // A proxy that ends TLS says so; over plain HTTP browsers ignore what is said of it.
    let is_secure = request.headers().get("x-forwarded-proto").is_some_and(|protocol| protocol == "https");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, name);
    for (header, value) in HEADERS {
        headers.entry(header).or_insert(HeaderValue::from_static(value));
    }
    if is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// The name that a request was given.
fn request_id(headers: &HeaderMap) -> String {
    headers.get(REQUEST_ID).and_then(|name| name.to_str().ok()).unwrap_or("-").to_owned()
}

/// Who asks, in which language: the `Op` of a request.
///
/// # Errors
/// [`Error::Unauthenticated`] where there is a token that proves nothing.
pub(crate) async fn op(app: &Arc<App>, headers: &HeaderMap) -> Result<Op> {
    let caller = match bearer(headers)? {
        Some(token) => Some(identity::authenticate(app, token).await?),
        None => None,
    };
    let language = language(headers, caller.as_deref());
    Ok(Op::new(app.clone(), caller, language, request_id(headers)))
}

/// Looks whether the token of a request, where it has one, is one of ours and still good, without asking
/// the database whether its session is.
fn has_proof(app: &App, headers: &HeaderMap) -> Result<()> {
    match bearer(headers)? {
        Some(token) => app.issuer.read(token, app.clock.now()).map(drop).ok_or(Error::Unauthenticated),
        None => Ok(()),
    }
}

/// The `Op` of a request that names nobody, whatever token it carries.
pub(crate) fn anonymous(app: &Arc<App>, headers: &HeaderMap) -> Op {
    Op::new(app.clone(), None, language(headers, None), request_id(headers))
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Error::Unauthenticated)?;
    bearer_token(text).map(Some).ok_or(Error::Unauthenticated)
}

/// The token in `Bearer …`.
fn bearer_token(text: &str) -> Option<&str> {
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// What the request asks for, else the person's own setting, else French.
pub(crate) fn language(headers: &HeaderMap, caller: Option<&Caller>) -> Language {
    spoken(headers).or(caller.map(|c| c.person.language)).unwrap_or(Language::Fr)
}

/// The language that a request asks for.
fn spoken(headers: &HeaderMap) -> Option<Language> {
    headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(i18n::preferred)
}

/// The status of an answer that is nothing but an error.
pub(crate) const fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::Unauthenticated => StatusCode::UNAUTHORIZED,
        Error::Forbidden => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::BadInput { .. } => StatusCode::BAD_REQUEST,
        Error::Busy(_) | Error::Away(_) | Error::Uncertain(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The schema of the caller's roles.
async fn schema(State(server): State<Arc<Server>>, headers: HeaderMap) -> Response {
    let app = &server.app;
    match op(app, &headers).await {
        Ok(op) => {
            let sdl = crate::graphql::sdl(&app.schemas, app.permissions_of(op.caller.as_deref()));
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], sdl)
                .into_response()
        }
        Err(error) => api::refused(error, &headers),
    }
}

/// Whether requests should be sent here: not while the database is away or the outbox is stuck, nor once
/// the server ends.
async fn ready(State(server): State<Arc<Server>>) -> Response {
    let not_ready = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    if server.life.is_draining() {
        return not_ready("the server is ending\n");
    }
    if server.app.outbox.is_late() {
        return not_ready("events are stuck\n");
    }
    match tokio::time::timeout(SIGN_OF_LIFE, server.app.database.ping()).await {
        Ok(Ok(())) => "ready\n".into_response(),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            not_ready("the database does not answer\n")
        }
        Err(_elapsed) => {
            tracing::warn!("not ready: the database takes too long");
            not_ready("the database does not answer\n")
        }
    }
}

async fn front_page() -> Html<&'static str> {
    Html(include_str!("http/index.html"))
}
