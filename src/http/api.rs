//! GraphQL over HTTP: JSON in, JSON out, mutations by POST alone.

use std::sync::Arc;

use ::entity::vocabulary::Language;
use async_graphql::{Request, Response as Answer, ServerError};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{language, op};
use crate::{app::App, error::Error, graphql, op::Op};

const GRAPHQL_RESPONSE: &str = "application/graphql-response+json; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// `POST /graphql`.
pub(super) async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_json(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json\n").into_response();
    }
    let request = serde_json::from_slice::<Request>(&body)
        .map_err(|error| Error::bad_input(["body"], format!("not a GraphQL request in JSON: {error}")));
    run(&app, &headers, request).await
}

/// `GET /graphql`: queries only.
pub(super) async fn get(State(app): State<Arc<App>>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let request = async_graphql::http::parse_query_string(&query.unwrap_or_default())
        .map_err(|error| Error::bad_input(["query"], error.to_string()));
    let is_query = request.as_ref().is_ok_and(|request| only_queries(request.query.as_str()));
    if request.is_ok() && !is_query {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], "send mutations by POST\n").into_response();
    }
    run(&app, &headers, request).await
}

fn only_queries(query: &str) -> bool {
    use async_graphql::parser::{parse_query, types::OperationType};
    // What cannot be parsed is refused with its own message later.
    parse_query(query).map_or(true, |document| {
        document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query)
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"))
}

async fn run(app: &Arc<App>, headers: &HeaderMap, request: crate::error::Result<Request>) -> Response {
    let (op, request) = match (op(app, headers).await, request) {
        (Ok(op), Ok(request)) => (Arc::new(op), request),
        (Err(error), _) | (_, Err(error)) => return refused(error, language(headers, None)),
    };
    let started = std::time::Instant::now();
    let answer = execute(&op, request).await;
    let mut response = respond(headers, answer);
    if app.settings.server_timing {
        let micros = started.elapsed().as_micros();
        let timing = format!("sql;desc=\"{} statements\", total;dur={}", op.meter.statements(), micros as f64 / 1000.0);
        if let Ok(value) = HeaderValue::from_str(&timing) {
            response.headers_mut().insert("server-timing", value);
        }
    }
    response
}

/// Runs one request against the schema of its caller.
pub(crate) async fn execute(op: &Arc<Op>, request: Request) -> Answer {
    let schema = op.app.schemas.of(op.app.permissions_of(op.caller.as_deref()));
    let answer = schema.execute(graphql::request(request, op)).await;
    // Without a token nothing else exists, and nothing tells what would.
    if op.caller.is_none() && answer.is_err() && answer.data == async_graphql::Value::Null {
        let error = Error::Unauthenticated.into_graphql(op.language, &op.request_id);
        return Answer::from_errors(vec![error.into_server_error(async_graphql::Pos::default())]);
    }
    coded(answer)
}

/// Errors of the library itself (syntax, validation) are bad requests.
fn coded(mut answer: Answer) -> Answer {
    for error in &mut answer.errors {
        let known = error.extensions.as_ref().is_some_and(|e| e.get("code").is_some());
        if !known {
            error.extensions.get_or_insert_default().set("code", "BAD_USER_INPUT");
        }
    }
    answer
}

/// An error of the whole request.
pub(super) fn refused(error: Error, language: Language) -> Response {
    let status = match error {
        Error::Unauthenticated => StatusCode::UNAUTHORIZED,
        Error::Forbidden => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::BadInput { .. } => StatusCode::BAD_REQUEST,
        Error::Busy(_) | Error::Away(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let error: ServerError = error.into_graphql(language, "-").into_server_error(async_graphql::Pos::default());
    let mut response =
        json(&Answer::from_errors(vec![ServerError { locations: Vec::new(), ..error }]), GRAPHQL_RESPONSE);
    *response.status_mut() = status;
    response
}

fn respond(headers: &HeaderMap, answer: Answer) -> Response {
    let modern = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("application/graphql-response+json"));
    let is_request_error = answer.is_err() && answer.data == async_graphql::Value::Null && is_validation(&answer);
    let status = if modern && is_request_error { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut response = GraphQLResponse::from(answer).into_response();
    *response.status_mut() = status;
    let media = if modern { GRAPHQL_RESPONSE } else { JSON };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether nothing ran: syntax and validation errors have no path.
fn is_validation(answer: &Answer) -> bool {
    answer.errors.iter().all(|error| error.path.is_empty())
}

fn json(answer: &Answer, media: &'static str) -> Response {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    ([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")], body).into_response()
}
