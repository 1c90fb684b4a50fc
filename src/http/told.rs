//! What is told of each HTTP request: counted by route and status, and, where no operation told of itself, a
//! line in the log. A route is a pattern of the router: what stands in a path may be a secret.

use std::time::{Duration, Instant};

use async_graphql::ServerError;
use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use tracing::Span;

use crate::{
    app::App,
    observe::{Outcome, TraceParent, is_chosen, log::REQUEST, milliseconds, traces},
};

/// Stands in an answer to an operation that ran: it told of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ran;

/// Stands in an answer that is nothing but an error of GraphQL.
#[derive(Clone, Debug)]
pub(super) struct Refusal(pub ServerError);

/// A request, as far as it is told.
#[derive(Debug)]
pub(super) struct Asked {
    request_id: String,
    trace: Option<TraceParent>,
    method: Method,
    route: Option<MatchedPath>,
    begun: Instant,
}

impl Asked {
    pub(super) fn new(request: &Request) -> Self {
        Self {
            request_id: super::request_id(request.headers()),
            trace: trace(request.headers()),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            begun: Instant::now(),
        }
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or("none", MatchedPath::as_str)
    }

    /// The span of the request.
    pub(super) fn span(&self) -> Span {
        let span = tracing::debug_span!(
            target: traces::TRACE,
            "request",
            otel.name = %format_args!("{} {}", self.method, self.route()),
            otel.kind = "server",
            http.request.method = %self.method,
            http.route = self.route(),
            request_id = self.request_id,
        );
        traces::adopt(&span, self.trace);
        span
    }

    /// Tells how it was answered.
    pub(super) fn answered(&self, app: &App, response: &Response) {
        let (status, extensions) = (response.status(), response.extensions());
        app.metrics.answered(self.route(), status.as_u16());
        let ran = extensions.get::<Ran>().is_some();
        let refusal = extensions.get::<Refusal>().map(|Refusal(error)| error);
        match refusal {
            // An answer that was too large to be sent.
            Some(error) if ran => app.metrics.beyond_what(error),
            Some(error) => app.metrics.refused(error),
            None => {}
        }
        if !ran && !self.is_probe(status) && (status.is_server_error() || is_chosen(app.settings.log_requests)) {
            self.line(status, refusal.map(Outcome::of_error), self.begun.elapsed());
        }
    }

    /// Whether a machine looks every few seconds and finds what it expects.
    fn is_probe(&self, status: StatusCode) -> bool {
        status.is_success() && matches!(self.route(), "/healthz" | "/readyz" | "/metrics")
    }

    fn line(&self, status: StatusCode, outcome: Option<Outcome>, took: Duration) {
        tracing::info!(
            target: REQUEST,
            request_id = self.request_id,
            trace_id = self.trace.map(|trace| trace.trace_id()),
            method = %self.method,
            route = self.route(),
            status = status.as_u16(),
            outcome = outcome.map(Outcome::name),
            duration_ms = milliseconds(took),
            "request"
        );
    }
}

/// The trace that a request belongs to.
pub(super) fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(TraceParent::parse)
}
