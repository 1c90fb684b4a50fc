//! HTTP: the addresses, and from a request's headers to its `Op`.
//!
//! ```text
//! serving ──a connection──▶ router ──▶ api (POST, GET) ─┐
//!                                  ├─▶ stream (events) ──┤
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
    body::Body,
    extract::{ConnectInfo, Extension, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::watch;
use tracing::Instrument;

use crate::{
    app::App,
    authz::Caller,
    error::{Error, Result},
    i18n, identity,
    observe::{Disproved, is_request_id},
    op::Op,
};

mod api;
mod as_user;
mod cost;
mod document;
mod documents;
mod figures;
mod gate;
pub mod graphiql;
mod json;
pub mod limits;
mod operation;
mod origin;
mod patient;
mod persisted;
mod price;
pub mod proxies;
mod readiness;
mod running;
mod scan;
mod serving;
mod session;
mod socket;
pub mod stored;
mod stream;
mod told;

pub(crate) use gate::network;
pub(crate) use origin::is_origin;
pub(crate) use persisted::look_at;
pub use serving::Serving;

/// The largest form that tells of a logout.
const LOGOUT_FORM: usize = 32 * 1024;
/// Names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where a request came from, as this server saw it; whatever a client writes there is thrown away.
const PEER: HeaderName = HeaderName::from_static("x-sesame-peer");

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
    let graphiql = app.settings.graphiql.then(|| graphiql::router(page_config(&app), Some(app.clone())));
    let (files, figures) = (crate::files::router(app.clone()), figures::behind_token(app.clone()));
    let limits = &app.settings.limits;
    let waiting = gate::Gate::new(limits.waiting_sockets, limits.address_waiting_sockets);
    let cors = origin::cors(&app.settings.cors_origins);
    let logout = app.oidc.as_ref().map(|_| Router::new().route("/oidc/backchannel-logout", post(logged_out)));
    let server = Arc::new(Server { app, documents: documents::Documents::default(), waiting, life });
    let router = Router::new()
        .route("/graphql", post(api::post).get(api::get))
        .route("/graphql/ws", get(socket::open))
        .route("/graphql/stream", stream::routes())
        .route("/schema.graphql", get(schema))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readiness::ready))
        .route("/", get(front_page))
        .merge(logout.unwrap_or_default())
        .with_state(server.clone())
        .merge(files)
        .merge(figures)
        .merge(graphiql.unwrap_or_default())
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing here\n") });
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(middleware::from_fn_with_state(server, named_and_safe))
}

fn page_config(app: &App) -> graphiql::PageConfig {
    let accounts = if app.settings.demo { crate::demo::ACCOUNTS } else { &[] };
    graphiql::PageConfig {
        demo_accounts: accounts.iter().map(|a| (a.email.to_owned(), a.label.to_owned())).collect(),
        demo_password: app.settings.demo.then(|| crate::demo::PASSWORD.to_owned()),
    }
}

/// Gives a request its name, and its answer the headers that every answer has (K-14), and tells of both.
async fn named_and_safe(State(server): State<Arc<Server>>, mut request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let name = name(request.headers());
    request.headers_mut().insert(REQUEST_ID, name.clone());
    request.headers_mut().remove(PEER);
    if let Some(peer) = peer_of(&request) {
        request.headers_mut().insert(PEER, peer);
    }
    // A proxy that ends TLS says so; over plain HTTP browsers ignore what is said of it.
    let is_secure = request.headers().get("x-forwarded-proto").is_some_and(|protocol| protocol == "https");
    let asked = told::Asked::new(&request);
    let mut response = next.run(request).instrument(asked.span()).await;
    asked.answered(&server.app, &response);
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

/// The address that a request came from, as a header.
fn peer_of(request: &Request) -> Option<HeaderValue> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    HeaderValue::try_from(peer.ip().to_string()).ok()
}

/// The address that a request came from, where that is known.
fn came_from(headers: &HeaderMap) -> Option<std::net::IpAddr> {
    headers.get(PEER)?.to_str().ok()?.parse().ok()
}

/// What a request is called: as its client calls it, where that is well-formed.
fn name(headers: &HeaderMap) -> HeaderValue {
    let is_name = |name: &&HeaderValue| name.to_str().is_ok_and(is_request_id);
    let given = headers.get(REQUEST_ID).filter(is_name).cloned();
    let new = || HeaderValue::try_from(crate::hex(&rand::random::<[u8; 8]>())).ok();
    given.or_else(new).unwrap_or(HeaderValue::from_static("-"))
}

/// A body as far as it is looked at before its caller's schema is: for the fuzz targets (K-17).
///
/// # Errors
/// Why it would be refused.
#[doc(hidden)]
pub fn consider(body: &[u8]) -> Result<(), limits::Refused> {
    operation::consider(body, &limits::Limits::default())
}

/// The parameters of a GET as far as they are looked at: for the fuzz targets (K-17).
///
/// # Errors
/// Why they would be refused.
#[doc(hidden)]
pub fn consider_parameters(query: &str) -> Result<(), limits::Refused> {
    api::parameters(query, &limits::Limits::default()).map(drop)
}

/// Whether an `accept` is understood: for the fuzz targets (K-17).
#[doc(hidden)]
#[must_use]
pub fn consider_media(accept: &str) -> bool {
    let accept = HeaderValue::from_str(accept).map(|accept| HeaderMap::from_iter([(header::ACCEPT, accept)]));
    accept.is_ok_and(|headers| api::is_answered_in(&headers))
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
        Some(token) => Some(identity::authenticate_from(app, token, came_from(headers)).await?),
        None => None,
    };
    let language = language(headers, caller.as_deref());
    let mut op = Op::new(app.clone(), caller, language, request_id(headers));
    op.trace = told::trace(headers);
    Ok(op)
}

/// Looks whether the token of a request, where it has one, is signed as it must be and still good, without asking
/// the database whether its session is.
async fn has_proof(app: &App, headers: &HeaderMap) -> Result<()> {
    match bearer(headers)? {
        Some(token) if !identity::may_prove_something(app, token).await => {
            app.metrics.disproved(Disproved::Token);
            Err(Error::Unauthenticated)
        }
        Some(_) | None => Ok(()),
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
        Error::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
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

/// What the issuer sends when somebody has logged out there (OpenID Connect Back-Channel Logout 1.0). A form, as
/// it must be: what it says is proven by its signature, whoever sends it.
async fn logged_out(State(server): State<Arc<Server>>, body: Body) -> Response {
    let patience = Duration::from_secs(server.app.settings.limits.body_seconds);
    let Ok(Ok(form)) = tokio::time::timeout(patience, axum::body::to_bytes(body, LOGOUT_FORM)).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let form = String::from_utf8_lossy(&form);
    let token = form.split('&').find_map(|pair| pair.strip_prefix("logout_token=")).unwrap_or_default();
    let status = match identity::log_out(&server.app, token).await {
        Ok(()) => StatusCode::OK,
        Err(Error::Unauthenticated) => StatusCode::BAD_REQUEST,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a logout at the issuer is not done");
            status_of(&error)
        }
    };
    (status, [(header::CACHE_CONTROL, "no-store")]).into_response()
}

async fn front_page() -> Html<&'static str> {
    Html(include_str!("http/index.html"))
}
