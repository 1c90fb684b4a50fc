//! GraphQL over HTTP: JSON in, JSON out, mutations by POST alone (K-11).

use std::{sync::Arc, time::Duration};

use ::entity::vocabulary::Language;
use async_graphql::{ServerError, parser::types::OperationType};
use async_graphql_axum::GraphQLResponse;
use axum::{
    body::{Body, HttpBody},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use serde::Deserialize;

use super::{
    Peer, Server, as_user,
    limits::{Limit, Limits, Refused},
    op,
    operation::{Answer, Incoming, Operation, plain, resolved, run, unreadable},
    price, request_id, spoken,
    told::{Ran, Refusal},
};
use crate::{
    both,
    error::Error,
    i18n::Text,
    op::Op,
    rates::{Payer, Spent},
};

/// HTTP status of an answer with data and errors.
const PARTIAL_SUCCESS: u16 = 294;
/// How many times the largest body may be read to its end before it is refused.
const LENIENCE: usize = 8;

/// The media type of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Media {
    /// `application/graphql-response+json`: the status tells how it went.
    GraphQl,
    /// `application/json`: whatever was understood is answered with 200.
    Json,
}

impl Media {
    const fn name(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// The one that a client prefers; nothing where it takes neither.
    fn preferred(headers: &HeaderMap) -> Option<Self> {
        let ranges: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).collect();
        if ranges.is_empty() {
            return Some(Self::GraphQl);
        }
        let ranges: Vec<Range> = ranges.into_iter().take(32).filter_map(Range::read).collect();
        let weigh = |media: Self| Some((Range::weight(&ranges, media)?, media));
        match (weigh(Self::GraphQl), weigh(Self::Json)) {
            // Between what is liked as much, the one that is named; and the newer where both or neither are.
            (Some((graphql, _)), Some((json, _))) if json.is_over(graphql) => Some(Self::Json),
            (Some(_), _) => Some(Self::GraphQl),
            (None, Some(_)) => Some(Self::Json),
            (None, None) => None,
        }
    }
}

/// A media range that takes in an answer of ours.
#[derive(Clone, Copy, Debug)]
struct Range {
    /// The media type that it names; none where it takes both.
    media: Option<Media>,
    weight: Weight,
}

/// How much a media type is liked.
#[derive(Clone, Copy, Debug)]
struct Weight {
    q: f32,
    /// How exactly the range names it.
    exactness: u8,
}

impl Weight {
    fn is_over(self, other: Self) -> bool {
        self.q > other.q || (self.q >= other.q && self.exactness > other.exactness)
    }
}

/// How exactly a range names a media type that it names.
const EXACT: u8 = 2;

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (exactness, media) = match parts.next()?.to_ascii_lowercase().as_str() {
            "application/graphql-response+json" => (EXACT, Some(Media::GraphQl)),
            "application/json" => (EXACT, Some(Media::Json)),
            "application/*" => (1, None),
            "*/*" => (0, None),
            _ => return None,
        };
        let q = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse::<f32>().ok())
        });
        let q = q.unwrap_or(Some(1.0)).filter(|q| (0.0..=1.0).contains(q))?;
        Some(Self { media, weight: Weight { q, exactness } })
    }

    /// What the most exact of the ranges says of a media type; nothing where it is excluded.
    fn weight(ranges: &[Self], media: Media) -> Option<Weight> {
        let about = ranges.iter().filter(|range| range.media.is_none_or(|named| named == media));
        let most_exact = about.map(|range| range.weight).max_by_key(|weight| weight.exactness)?;
        (most_exact.q > 0.0).then_some(most_exact)
    }
}

/// One request, as far as answering it is concerned.
pub(super) struct Asked<'h> {
    headers: &'h HeaderMap,
    media: Media,
}

impl<'h> Asked<'h> {
    fn new(headers: &'h HeaderMap) -> Result<Self, Response> {
        match Media::preferred(headers) {
            Some(media) => Ok(Self { headers, media }),
            None => Err(Self { headers, media: Media::Json }.malformed(
                StatusCode::NOT_ACCEPTABLE,
                "accept",
                both!(
                    "Les réponses sont en application/graphql-response+json ou application/json.",
                    "Answers are application/graphql-response+json or application/json."
                ),
            )),
        }
    }

    /// One whose answer is a stream of events; what is wrong with it is told by the status.
    pub(super) const fn for_events(headers: &'h HeaderMap) -> Self {
        Self { headers, media: Media::GraphQl }
    }

    pub(super) fn language(&self) -> Language {
        spoken(self.headers).unwrap_or(Language::Fr)
    }

    pub(super) fn malformed(&self, status: StatusCode, at: &str, text: Text) -> Response {
        self.refused(status, Refused::malformed(vec![at.to_owned()], text))
    }

    pub(super) fn refused(&self, status: StatusCode, refused: Refused) -> Response {
        self.error(status, refused.into_error(self.language()))
    }

    /// A body that is no request, or one that asks for too much before it is read.
    fn unread(&self, refused: Refused) -> Response {
        let is_legacy_answer = self.media == Media::Json && refused.limit().is_some();
        self.refused(if is_legacy_answer { StatusCode::OK } else { StatusCode::BAD_REQUEST }, refused)
    }

    /// A request that is not one, or cannot be looked at.
    fn error(&self, status: StatusCode, error: ServerError) -> Response {
        self.answer(status, &Answer::refused(error))
    }

    pub(super) fn failed(&self, error: Error) -> Response {
        let (status, spent) = (super::status_of(&error), error.spent());
        let mut response = self.error(status, plain(error, self.language(), &request_id(self.headers)));
        if let Some(spent) = spent {
            price::label_refusal(&spent, response.headers_mut());
        }
        response
    }

    /// How an answer went. Where its media type says so: 294, partial success, for data with errors beside it,
    /// as the specification of September 2026 has it.
    fn status(&self, answer: &Answer) -> StatusCode {
        match self.media {
            _ if answer.is_unauthenticated() => StatusCode::UNAUTHORIZED,
            Media::Json => StatusCode::OK,
            Media::GraphQl if !answer.ran => StatusCode::BAD_REQUEST,
            Media::GraphQl if answer.response.errors.is_empty() => StatusCode::OK,
            Media::GraphQl => StatusCode::from_u16(PARTIAL_SUCCESS).unwrap_or(StatusCode::OK),
        }
    }

    /// Somebody has asked for more than they may.
    fn too_much(&self, server: &Server, payer: Payer, spent: Spent) -> Response {
        let mut response = self.failed(Error::RateLimited(spent));
        price::label(&server.app, payer, response.headers_mut());
        response
    }

    fn answer(&self, status: StatusCode, answer: &Answer) -> Response {
        let mut response = serde_json::to_vec(answer).unwrap_or_default().into_response();
        *response.status_mut() = status;
        if let Some(error) = answer.response.errors.first() {
            response.extensions_mut().insert(Refusal(error.clone()));
        }
        self.label(response)
    }

    /// The answer to a request that was understood.
    fn respond(&self, op: &Op, answer: Answer) -> Response {
        let status = self.status(&answer);
        if !answer.ran {
            return self.answer(status, &answer);
        }
        let limits = &op.app.settings.limits;
        let wrote = answer.wrote;
        let mut response = GraphQLResponse::from(answer.response).into_response();
        let size = response.body().size_hint().exact().unwrap_or(u64::MAX);
        if size > u64::try_from(limits.response_bytes).unwrap_or(u64::MAX) {
            let answer = Answer::too_large(wrote, limits, op.language);
            return self.answer(self.status(&answer), &answer);
        }
        *response.status_mut() = status;
        self.label(response)
    }

    fn label(&self, mut response: Response) -> Response {
        let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media.name()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers
            .insert(header::VARY, HeaderValue::from_static("accept, accept-language, authorization, x-sesame-as-user"));
        if is_unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// `POST /graphql`.
pub(super) async fn post(State(server): State<Arc<Server>>, peer: Peer, headers: HeaderMap, body: Body) -> Response {
    let answered = async {
        let asked = Asked::new(&headers)?;
        let (op, incoming) = posted(&server, &peer, &asked, body).await?;
        Ok(answer(&server, &asked, op, incoming, false).await)
    };
    answered.await.unwrap_or_else(|refused| refused)
}

/// Who sends what as a body.
pub(super) async fn posted(
    server: &Server,
    peer: &Peer,
    asked: &Asked<'_>,
    body: Body,
) -> Result<(Arc<Op>, Incoming), Response> {
    is_json(asked)?;
    // A token that proves nothing is refused before anything is waited for. Who it speaks for is looked
    // at when the body is there: it may have taken its time.
    super::has_proof(&server.app, asked.headers).await.map_err(|error| denied(server, peer, asked, error))?;
    let body = arrived(server, asked, body).await?;
    let op = caller(server, peer, asked).await?;
    let incoming = Incoming::from_json(&body, &server.app.settings.limits);
    let incoming = incoming.map_err(|refused| {
        server.app.rates.fine(price::payer_of(&op));
        asked.unread(refused)
    })?;
    Ok((op, incoming))
}

/// `GET /graphql`: queries only.
pub(super) async fn get(
    State(server): State<Arc<Server>>,
    peer: Peer,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answered = async {
        let asked = Asked::new(&headers)?;
        let (op, incoming) = addressed(&server, &peer, &asked, &query.unwrap_or_default()).await?;
        Ok(answer(&server, &asked, op, incoming, true).await)
    };
    answered.await.unwrap_or_else(|refused: Response| refused)
}

/// Who asks for what behind the `?` of an address.
pub(super) async fn addressed(
    server: &Server,
    peer: &Peer,
    asked: &Asked<'_>,
    query: &str,
) -> Result<(Arc<Op>, Incoming), Response> {
    let limits = &server.app.settings.limits;
    let incoming = parameters(query, limits).map_err(|refused| asked.refused(StatusCode::BAD_REQUEST, refused))?;
    // Whoever asks: the method is wrong.
    if incoming.is_mutation(limits) {
        return Err(by_post(asked));
    }
    Ok((caller(server, peer, asked).await?, incoming))
}

/// Only JSON, in UTF-8 and not compressed: a form of another site cannot send it.
fn is_json(asked: &Asked<'_>) -> Result<(), Response> {
    let text = |name| asked.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = text(header::CONTENT_TYPE).split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|media| media == "application/json")
        && parts.all(|p| !p.starts_with("charset=") || p.trim_start_matches("charset=").trim_matches('"') == "utf-8");
    let encoding = text(header::CONTENT_ENCODING);
    if is_json && (encoding.is_empty() || encoding.eq_ignore_ascii_case("identity")) {
        return Ok(());
    }
    Err(asked.malformed(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "content-type",
        both!(
            "Envoyez application/json, en UTF-8 et sans compression.",
            "Send application/json, in UTF-8 and not compressed."
        ),
    ))
}

/// Who asks, unless they have nothing left to ask for.
async fn caller(server: &Server, peer: &Peer, asked: &Asked<'_>) -> Result<Arc<Op>, Response> {
    let mut op = op(&server.app, asked.headers).await.map_err(|error| denied(server, peer, asked, error))?;
    op.address = super::address(peer);
    let payer = price::payer_of(&op);
    server.app.rates.check(payer).map_err(|spent| asked.too_much(server, payer, spent))?;
    let looking = as_user::look(op, asked.headers).await.map_err(|error| asked.failed(error))?;
    looking.map(Arc::new).map_err(|refused| asked.refused(StatusCode::BAD_REQUEST, refused))
}

/// The answer to a token that proves nothing: the address pays for it.
fn denied(server: &Server, peer: &Peer, asked: &Asked<'_>, error: Error) -> Response {
    if !matches!(error, Error::Unauthenticated) {
        return asked.failed(error);
    }
    let (rates, payer) = (&server.app.rates, Payer::address(super::address(peer)));
    match rates.check(payer) {
        Ok(()) => {
            rates.fine(payer);
            asked.failed(error)
        }
        Err(spent) => asked.too_much(server, payer, spent),
    }
}

/// The body, once it is all there.
async fn arrived(server: &Server, asked: &Asked<'_>, body: Body) -> Result<Vec<u8>, Response> {
    let limits = &server.app.settings.limits;
    match tokio::time::timeout(Duration::from_secs(limits.body_seconds), collected(body, limits.body_bytes)).await {
        Ok(Ok(Some(bytes))) => Ok(bytes),
        Ok(Ok(None)) => Err(asked.refused(StatusCode::PAYLOAD_TOO_LARGE, Refused::excess(Limit::BodyBytes, limits))),
        Ok(Err(_broken)) => Err(asked.malformed(
            StatusCode::BAD_REQUEST,
            "body",
            both!("Le corps de la requête est incomplet.", "The body of the request is incomplete."),
        )),
        Err(_elapsed) => {
            let seconds = limits.body_seconds;
            Err(asked.malformed(
                StatusCode::REQUEST_TIMEOUT,
                "body",
                both!(
                    "Le corps de la requête n'est pas arrivé en {seconds} secondes (body_seconds).",
                    "The body of the request did not arrive within {seconds} seconds (body_seconds)."
                ),
            ))
        }
    }
}

/// A body; nothing where it is too large. What is too large is still read for a while and thrown away:
/// most clients listen for an answer only when they have sent everything.
async fn collected(body: Body, most: usize) -> Result<Option<Vec<u8>>, axum::Error> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        length = length.saturating_add(chunk.len());
        if length <= most {
            bytes.extend_from_slice(&chunk);
        } else if length > most.saturating_mul(LENIENCE) {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    Ok((length <= most).then_some(bytes))
}

#[derive(Deserialize)]
struct Parameters {
    query: Option<String>,
    #[serde(rename = "operationName")]
    name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
    #[serde(rename = "documentId")]
    document_id: Option<String>,
}

/// What stands behind the `?`.
pub(super) fn parameters(query: &str, limits: &Limits) -> Result<Incoming, Refused> {
    let uri = format!("/?{query}").parse().map_err(|_| unreadable_query())?;
    let axum::extract::Query(parameters) =
        axum::extract::Query::<Parameters>::try_from_uri(&uri).map_err(|_| unreadable_query())?;
    let Parameters { query, name, variables, extensions, document_id } = parameters;
    let mut json = String::from("{");
    for (key, value) in [("variables", variables), ("extensions", extensions)] {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        // Each is read for itself first: what stands in one cannot leak into the other.
        serde_json::from_str::<serde::de::IgnoredAny>(&value).map_err(|error| unreadable(&error))?;
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&format!("\"{key}\":{value}"));
    }
    json.push('}');
    Ok(Incoming::from_json(json.as_bytes(), limits)?.of(query, name, document_id))
}

/// Whether a request takes a media type in which there are answers.
pub(super) fn is_answered_in(headers: &HeaderMap) -> bool {
    Media::preferred(headers).is_some()
}

fn unreadable_query() -> Refused {
    Refused::malformed(
        vec!["query".into()],
        both!(
            "Les paramètres sont query ou documentId, operationName, variables et extensions, une fois chacun.",
            "The parameters are query or documentId, operationName, variables and extensions, once each."
        ),
    )
}

async fn answer(server: &Server, asked: &Asked<'_>, op: Arc<Op>, incoming: Incoming, only_read: bool) -> Response {
    let mut response = ran(server, asked, &op, incoming, only_read).await;
    price::label(&server.app, price::payer_of(&op), response.headers_mut());
    response
}

/// An operation that keeps the limits; what failed is paid for, too.
pub(super) async fn admitted(server: &Server, op: &Op, incoming: Incoming) -> Result<Operation, Answer> {
    let Server { app, documents, .. } = server;
    let caller = op.caller.as_deref();
    let admitted = async {
        let incoming = resolved(app, caller, op.language, &op.request_id, incoming).await?;
        Operation::admit(app, documents, caller, incoming).map_err(|refused| refused.into_error(op.language))
    };
    let operation = admitted.await.map_err(|error| {
        app.rates.fine(price::payer_of(op));
        Answer::refused(error)
    })?;
    // Before anything is opened in the name of whoever is looked at.
    as_user::only_reads(op, &operation)?;
    Ok(operation)
}

async fn ran(server: &Server, asked: &Asked<'_>, op: &Arc<Op>, incoming: Incoming, only_read: bool) -> Response {
    let is_whole = incoming.has_query();
    let mut operation = match admitted(server, op, incoming).await {
        Ok(operation) => operation,
        Err(answer) if is_whole => return asked.respond(op, answer),
        Err(answer) => return asked.answer(StatusCode::BAD_REQUEST, &answer),
    };
    match operation.kind {
        OperationType::Query => {}
        OperationType::Mutation if !only_read => {}
        OperationType::Mutation => return by_post(asked),
        OperationType::Subscription => return by_socket(asked, op),
    }
    if let Err(error) = price::charge(op, operation.cost).await {
        return asked.failed(error);
    }
    operation.tells_cost |= price::is_asked_for(asked.headers);
    let started = std::time::Instant::now();
    let answer = run(op, &operation).await;
    let mut response = asked.respond(op, answer);
    response.extensions_mut().insert(Ran);
    if server.app.settings.server_timing {
        timing(op, started.elapsed(), &mut response);
    }
    response
}

pub(super) fn by_post(asked: &Asked<'_>) -> Response {
    let text = both!("Une mutation s'envoie par POST.", "Send mutations by POST.");
    let mut response = asked.malformed(StatusCode::METHOD_NOT_ALLOWED, "query", text);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

fn by_socket(asked: &Asked<'_>, op: &Op) -> Response {
    let text = both!(
        "Un abonnement se suit par WebSocket (/graphql/ws, graphql-transport-ws) ou par événements (/graphql/stream, graphql-sse).",
        "Subscriptions go over a WebSocket (/graphql/ws, graphql-transport-ws) or as events (/graphql/stream, graphql-sse)."
    );
    let refused = Refused::malformed(vec!["query".into()], text);
    asked.respond(op, Answer::refused(refused.into_error(asked.language())))
}

fn timing(op: &Op, elapsed: Duration, response: &mut Response) {
    let milliseconds = elapsed.as_secs_f64() * 1000.0;
    let text = format!("sql;desc=\"{} statements\", total;dur={milliseconds:.3}", op.meter.statements());
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert("server-timing", value);
    }
}

/// An error of a whole request that is no GraphQL.
pub(super) fn refused(error: Error, headers: &HeaderMap) -> Response {
    Asked { headers, media: Media::preferred(headers).unwrap_or(Media::Json) }.failed(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &str) -> Option<Media> {
        Media::preferred(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]))
    }

    #[test]
    fn the_client_chooses_the_media_type() {
        assert_eq!(Media::preferred(&HeaderMap::new()), Some(Media::GraphQl));
        assert_eq!(preferred("*/*"), Some(Media::GraphQl));
        assert_eq!(preferred("application/graphql-response+json, application/json;q=0.9"), Some(Media::GraphQl));
        assert_eq!(preferred("application/json, application/graphql-response+json"), Some(Media::GraphQl));
        assert_eq!(preferred("application/graphql-response+json;q=0.1, application/json"), Some(Media::Json));
        assert_eq!(preferred("Application/GraphQL-Response+JSON; charset=utf-8"), Some(Media::GraphQl));
        assert_eq!(preferred("text/html, */*;q=0.1"), Some(Media::GraphQl));
        assert_eq!(preferred("application/json;q=0.9, */*;q=0.8"), Some(Media::Json));
        assert_eq!(preferred("text/html, application/json;q=0"), None);
        assert_eq!(preferred("*/*, application/json;q=0"), Some(Media::GraphQl));
        assert_eq!(preferred("application/*, application/graphql-response+json;Q=0.0"), Some(Media::Json));
        assert_eq!(preferred("application/json;Q=0.5, application/graphql-response+json;Q=0.4"), Some(Media::Json));
        assert_eq!(preferred("*/*;q=0"), None);
        assert_eq!(preferred("application/graphql-response+json, */*;q=0.8"), Some(Media::GraphQl));
        assert_eq!(preferred("application/json, */*"), Some(Media::Json));
    }

    #[test]
    fn parameters_are_read_each_for_itself() {
        let read = |query: &str| parameters(query, &Limits::default()).is_ok();
        assert!(read("query=%7Ba%7D&variables=%7B%22a%22%3A1%7D&operationName=A"));
        assert!(read("query=%7Ba%7D&variables=&extensions="));
        assert!(!read("query=%7Ba%7D&query=%7Bb%7D"));
        assert!(!read("query=a&variables=1"));
        assert!(!read("query=a&variables=%7B%7D%2C%22query%22%3A%22b%22"));
    }
}
