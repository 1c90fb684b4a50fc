//! HTTP: the router, and from a request's headers to its `Op`.

use std::{net::SocketAddr, sync::Arc};

use ::entity::vocabulary::Language;
use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use tokio::net::TcpListener;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::{
    app::{App, Background},
    authz::Caller,
    error::{Error, Result},
    i18n, identity,
    op::Op,
};

mod api;
pub mod graphiql;
pub mod limits;

/// A server that answers.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    stop: tokio::sync::watch::Sender<bool>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
    _background: Background,
}

impl Serving {
    /// Starts answering on a listener.
    ///
    /// # Errors
    /// When the listener has no address.
    pub fn start(app: Arc<App>, listener: TcpListener) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let background = app.start();
        let router = router(app);
        let task = tokio::spawn(async move {
            let signal = async move {
                let _closed = stopped.wait_for(|stop| *stop).await;
            };
            axum::serve(listener, router).with_graceful_shutdown(signal).await
        });
        Ok(Self { address, stop, task, _background: background })
    }

    /// Lets running requests finish, and ends.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(self) -> std::io::Result<()> {
        let _ended = self.stop.send(true);
        self.task.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
    }
}

/// All addresses.
pub fn router(app: Arc<App>) -> Router {
    let security = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let body = app.settings.limits.body_bytes;
    let mut router = Router::new()
        .route("/graphql", post(api::post).get(api::get))
        .route("/schema.graphql", get(schema))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/", get(front_page))
        .layer(DefaultBodyLimit::max(body))
        .with_state(app.clone());
    if app.settings.graphiql {
        router = router.merge(graphiql::router(page_config(&app)));
    }
    for (name, value) in security {
        router = router.layer(SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value)));
    }
    router
}

fn page_config(app: &App) -> graphiql::PageConfig {
    let accounts = if app.settings.demo { crate::demo::ACCOUNTS } else { &[] };
    graphiql::PageConfig {
        demo_accounts: accounts.iter().map(|a| (a.email.to_owned(), a.label.to_owned())).collect(),
        demo_password: app.settings.demo.then(|| crate::demo::PASSWORD.to_owned()),
    }
}

/// Who asks, in which language: the `Op` of a request.
async fn op(app: &Arc<App>, headers: &HeaderMap) -> Result<Op> {
    let request_id = crate::hex(&rand::random::<[u8; 8]>());
    let caller = match bearer(headers)? {
        Some(token) => Some(identity::authenticate(app, token).await?),
        None => None,
    };
    let language = language(headers, caller.as_deref());
    Ok(Op::new(app.clone(), caller, language, request_id))
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = value.to_str().map_err(|_| Error::Unauthenticated)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Error::Unauthenticated),
    }
}

/// What the request asks for, else the person's own setting, else French.
fn language(headers: &HeaderMap, caller: Option<&Caller>) -> Language {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(i18n::preferred);
    asked.or(caller.map(|c| c.person.language)).unwrap_or(Language::Fr)
}

/// The schema of the caller's roles.
async fn schema(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    match op(&app, &headers).await {
        Ok(op) => {
            let sdl = crate::graphql::sdl(&app.schemas, app.permissions_of(op.caller.as_deref()));
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")], sdl)
                .into_response()
        }
        Err(error) => api::refused(error, language(&headers, None)),
    }
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.database.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}

async fn front_page() -> Html<&'static str> {
    Html(include_str!("http/index.html"))
}
