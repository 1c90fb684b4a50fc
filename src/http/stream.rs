//! `/graphql/stream`: one operation over server-sent events, `graphql-sse` in its mode of distinct connections.
//!
//! ```text
//! request ─▶ admitted as over HTTP ─▶ next … next, complete
//!                                       ▲
//!  rights looked at again, expiry ──────┴──▶ next with the reason, complete
//! ```
//! <https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md>: what is wrong with an operation, its limits
//! included, is told by an event; what is wrong with the request around it, by the status: not JSON, a token that
//! proves nothing, a mutation by GET, a page of another site. When the server ends, a stream ends without
//! `complete`, so that the client looks for another server; [`Operation::resume`] has it go on where it was.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ::entity::vocabulary::Language;
use async_graphql::parser::types::OperationType;
use axum::{
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use futures_util::{future::BoxFuture, stream};

use super::{
    Life, Peer, Server,
    api::{Asked, addressed, admitted, by_post, posted},
    bearer,
    limits::Limit,
    operation::{Answer, Incoming, Operation, beyond, plain, revalidate},
    origin, price,
    running::{self, What, next_event},
    session::{LAST_WORDS, RETRY, Session},
    told::Ran,
};
use crate::{
    authz::Caller,
    both,
    error::Error,
    identity,
    observe::{Open, Transport},
    op::Op,
};

/// What a client of the other mode names its connection with.
const TOKEN: HeaderName = HeaderName::from_static("x-graphql-event-stream-token");
/// From where a client goes on that was cut off.
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
/// Most bytes of a cursor that is gone on from.
const LONGEST_CURSOR: usize = 256;

/// A sign of life, which no client takes for an event.
const COMMENT: &[u8] = b":\n\n";
/// The end, with the empty data without which browsers do not tell it.
const COMPLETE: &[u8] = b"event: complete\ndata: \n\n";

/// What answers at the address.
pub(super) fn routes() -> MethodRouter<Arc<Server>> {
    get(by_address).post(by_body).put(single).delete(single)
}

/// `POST /graphql/stream`.
async fn by_body(
    State(server): State<Arc<Server>>,
    peer: Peer,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Body,
) -> Response {
    let answered = async {
        let asked = welcome(&server, &headers, query.as_deref())?;
        let (op, incoming) = posted(&server, &peer, &asked, body).await?;
        Ok(answer(&server, &asked, &headers, op, incoming, false).await)
    };
    answered.await.unwrap_or_else(|refused| refused)
}

/// `GET /graphql/stream`: queries and subscriptions.
async fn by_address(
    State(server): State<Arc<Server>>,
    peer: Peer,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answered = async {
        let asked = welcome(&server, &headers, query.as_deref())?;
        let (op, incoming) = addressed(&server, &peer, &asked, &query.unwrap_or_default()).await?;
        Ok(answer(&server, &asked, &headers, op, incoming, true).await)
    };
    answered.await.unwrap_or_else(|refused: Response| refused)
}

/// The protocol's other mode, many operations on one connection: sockets do that, and HTTP/2 in front of it.
async fn single(headers: HeaderMap) -> Response {
    let mut response = other_mode(&Asked::for_events(&headers), StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

fn other_mode(asked: &Asked<'_>, status: StatusCode) -> Response {
    let text = both!(
        "Une connexion par opération («distinct connections mode») : le mode à connexion unique n'est pas servi ; pour plusieurs opérations sur une connexion, /graphql/ws.",
        "One connection per operation («distinct connections mode»): single connection mode is not served; for several operations on one connection, /graphql/ws."
    );
    asked.malformed(status, "token", text)
}

/// Looks at what a request says of itself before it is read.
fn welcome<'h>(server: &Server, headers: &'h HeaderMap, query: Option<&str>) -> Result<Asked<'h>, Response> {
    let asked = Asked::for_events(headers);
    if !origin::is_welcome(headers, &server.app.settings.cors_origins) {
        return Err(origin::turned_away());
    }
    if server.life.is_ending() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "the server is ending\n").into_response());
    }
    let has_token = query.is_some_and(|query| query.split('&').any(|part| part.starts_with("token=")));
    if headers.contains_key(TOKEN) || has_token {
        return Err(other_mode(&asked, StatusCode::BAD_REQUEST));
    }
    if !takes_events(headers) {
        let text = both!("Les réponses sont en text/event-stream.", "Answers are text/event-stream.");
        return Err(asked.malformed(StatusCode::NOT_ACCEPTABLE, "accept", text));
    }
    Ok(asked)
}

/// Whether a client takes a stream of events.
fn takes_events(headers: &HeaderMap) -> bool {
    let mut ranges =
        headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).peekable();
    let takes = |range: &str| {
        let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
        let is_ours = parts.next().is_some_and(|it| matches!(&*it, "text/event-stream" | "text/*" | "*/*"));
        is_ours && !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)))
    };
    ranges.peek().is_none() || ranges.take(32).any(takes)
}

async fn answer(
    server: &Arc<Server>,
    asked: &Asked<'_>,
    headers: &HeaderMap,
    op: Arc<Op>,
    incoming: Incoming,
    only_read: bool,
) -> Response {
    let payer = price::payer_of(&op);
    let mut response = match paid(server, headers, &op, incoming).await {
        Ok(operation) if only_read && operation.kind == OperationType::Mutation => by_post(asked),
        Ok(operation) => spoken(server, headers, op, operation),
        Err(answer) if answer.is_unauthenticated() => asked.failed(Error::Unauthenticated),
        Err(answer) => {
            answer.response.errors.iter().for_each(|error| server.app.metrics.refused(error));
            events(stream::iter(last_words(&answer).map(Ok::<_, Infallible>)))
        }
    };
    price::label(&server.app, payer, response.headers_mut());
    response
}

/// An operation that keeps the limits and is paid for.
async fn paid(server: &Server, headers: &HeaderMap, op: &Op, incoming: Incoming) -> Result<Operation, Answer> {
    let mut operation = admitted(server, op, incoming).await?;
    let charged = price::charge(op, operation.cost).await;
    charged.map_err(|error| Answer::refused(plain(error, op.language, &op.request_id)))?;
    operation.tells_cost |= price::is_asked_for(headers);
    let last = headers.get(LAST_EVENT).and_then(|value| value.to_str().ok());
    if let Some(cursor) = last.filter(|cursor| (1..=LONGEST_CURSOR).contains(&cursor.len())) {
        operation.resume(cursor);
    }
    Ok(operation)
}

/// The stream of an operation, unless its caller has as many as one may have.
fn spoken(server: &Arc<Server>, headers: &HeaderMap, op: Arc<Op>, operation: Operation) -> Response {
    // With another's eyes, it is still one's own place that is taken.
    let session = match (op.observer.as_ref().or(op.caller.as_ref()), bearer(headers)) {
        (Some(caller), Ok(Some(token))) => {
            let Some(session) = Session::begin(&server.app, caller.clone(), token.into(), op.language) else {
                server.app.metrics.beyond(Limit::Sockets);
                let answer = beyond(Limit::Sockets, &server.app.settings.limits, op.language);
                return events(stream::iter(last_words(&answer).map(Ok::<_, Infallible>)));
            };
            Some(session)
        }
        _ => None,
    };
    let speech = Box::new(Speech::new(server, op, operation, session));
    let mut response = events(stream::unfold(speech, Speech::next));
    response.extensions_mut().insert(Ran);
    response
}

/// An answer as the only event of a stream.
fn last_words(answer: &Answer) -> [Bytes; 2] {
    [event(answer), Bytes::from_static(COMPLETE)]
}

/// An answer as an event, with where it stands in its feed, where it says that.
fn event(answer: &Answer) -> Bytes {
    let json = answer.to_json();
    // Whatever a client calls a cursor: it stays on its line.
    match answer.cursor().filter(|cursor| cursor.chars().all(|c| c.is_ascii_graphic())) {
        Some(cursor) => format!("id: {cursor}\nevent: next\ndata: {json}\n\n"),
        None => format!("event: next\ndata: {json}\n\n"),
    }
    .into()
}

fn events(frames: impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        // Neither kept nor held back until there is enough of it to be worth sending on.
        (header::CACHE_CONTROL, "no-store, no-transform"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
        (header::VARY, "accept, accept-language, authorization"),
    ];
    (HEADERS, Body::from_stream(frames)).into_response()
}

/// What happens next.
enum Happened {
    Step(What),
    Proven(Result<Arc<Caller>, Error>),
    Called,
    Ends,
    Due,
}

/// When what is due.
struct Schedule {
    life_at: Instant,
    expires_at: Option<Instant>,
    retry_at: Option<Instant>,
    end_by: Option<Instant>,
}

impl Schedule {
    fn next(&self) -> Instant {
        [self.expires_at, self.retry_at, self.end_by].into_iter().flatten().fold(self.life_at, Instant::min)
    }
}

/// One operation and what is said of it, until it is over or nobody listens any more: it is dropped then.
struct Speech {
    server: Arc<Server>,
    life: Life,
    operation: Arc<Operation>,
    request_id: String,
    address: Option<IpAddr>,
    language: Language,
    /// Who listens; nobody by name where that is public.
    session: Option<Session>,
    /// Whether what is said depends on rights that may change meanwhile.
    is_followed: bool,
    work: Option<BoxFuture<'static, What>>,
    proof: Option<BoxFuture<'static, Result<Arc<Caller>, Error>>>,
    /// Whether the rights changed while a proof was under way.
    again: bool,
    schedule: Schedule,
    frames: VecDeque<Bytes>,
    is_over: bool,
    /// Counted while it is open.
    _open: Open,
}

impl Speech {
    fn new(server: &Arc<Server>, op: Arc<Op>, operation: Operation, session: Option<Session>) -> Self {
        let (app, operation) = (&server.app, Arc::new(operation));
        let is_followed = operation.kind == OperationType::Subscription;
        let now = Instant::now();
        let work = match &session {
            Some(session) if is_followed => {
                let fresh = session.op(app, op.request_id.clone(), op.address, Transport::Sse);
                running::following(fresh, session.live(app, &op.request_id), operation.clone())
            }
            _ => {
                let op = op.clone();
                running::running(async { Ok(op) }, operation.clone())
            }
        };
        let expires_at = session.as_ref().filter(|_| is_followed).map(|session| now + session.left(app));
        let mut speech = Self {
            server: server.clone(),
            life: server.life.clone(),
            operation,
            request_id: op.request_id.clone(),
            address: op.address,
            language: op.language,
            session,
            is_followed,
            work: Some(work),
            proof: None,
            again: false,
            schedule: Schedule { life_at: now + rhythm(server), expires_at, retry_at: None, end_by: None },
            // Whatever stands between sees at once that there is something to pass on.
            frames: VecDeque::from([Bytes::from_static(COMMENT)]),
            is_over: false,
            _open: app.metrics.connection(Transport::Sse),
        };
        // What changed before the seat was taken was announced to nobody here.
        speech.look_again();
        speech
    }

    /// The next frame. Nothing happens between two of them: who does not read harms only themselves.
    async fn next(mut self: Box<Self>) -> Option<(Result<Bytes, Infallible>, Box<Self>)> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some((Ok(frame), self));
            }
            if self.is_over {
                return None;
            }
            let happened = self.happens().await;
            self.react(happened);
        }
    }

    async fn happens(&mut self) -> Happened {
        tokio::select! {
            what = done(&mut self.work), if self.work.is_some() => Happened::Step(what),
            caller = done(&mut self.proof), if self.proof.is_some() => Happened::Proven(caller),
            () = called(self.session.as_ref()), if self.is_followed => Happened::Called,
            () = self.life.end(), if self.schedule.end_by.is_none() => Happened::Ends,
            () = tokio::time::sleep_until(self.schedule.next().into()) => Happened::Due,
        }
    }

    fn react(&mut self, happened: Happened) {
        match happened {
            Happened::Step(what) => self.step(what),
            Happened::Proven(caller) => self.proven(caller),
            Happened::Called => self.look_again(),
            // Without a word of farewell: the client goes on with another server.
            Happened::Ends if self.is_followed => self.is_over = true,
            Happened::Ends => self.schedule.end_by = Some(Instant::now() + LAST_WORDS),
            Happened::Due => self.tick(Instant::now()),
        }
    }

    fn step(&mut self, what: What) {
        match what {
            What::Event(answer, _) if answer.is_broken => self.end_with(&answer),
            What::Event(answer, events) => {
                if self.tell(&answer) {
                    self.work = Some(Box::pin(next_event(events)));
                }
            }
            What::Failed(answer) => self.end_with(&answer),
            What::Ended => self.end(),
            What::Answered(Ok(answer)) => {
                if self.tell(&answer) {
                    self.end();
                }
            }
            What::Answered(Err(error)) => self.fail(error),
        }
    }

    /// Tells an answer; one that is too large ends the stream with an error.
    fn tell(&mut self, answer: &Answer) -> bool {
        let (frame, limits) = (event(answer), &self.server.app.settings.limits);
        if frame.len() <= limits.response_bytes {
            self.frames.push_back(frame);
            return true;
        }
        let answer = Answer::too_large(answer.wrote, limits, self.language);
        self.end_with(&answer);
        false
    }

    fn fail(&mut self, error: Error) {
        let error = plain(error, self.language, &self.request_id);
        self.end_with(&Answer::refused(error));
    }

    fn end_with(&mut self, answer: &Answer) {
        self.frames.push_back(event(answer));
        self.end();
    }

    fn end(&mut self) {
        self.frames.push_back(Bytes::from_static(COMPLETE));
        self.is_over = true;
        (self.work, self.proof, self.session) = (None, None, None);
    }

    fn look_again(&mut self) {
        let Some(session) = self.session.as_ref().filter(|_| self.is_followed) else { return };
        if self.proof.is_some() {
            self.again = true;
            return;
        }
        let (app, token, address) = (self.server.app.clone(), session.token.clone(), self.address);
        self.schedule.retry_at = None;
        self.proof = Some(Box::pin(async move { identity::authenticate_from(&app, &token, address).await }));
    }

    fn proven(&mut self, caller: Result<Arc<Caller>, Error>) {
        match caller {
            Ok(caller) => self.take_on(caller),
            Err(Error::Unauthenticated) => return self.fail(Error::Unauthenticated),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell whether a token is still valid");
                self.schedule.retry_at = Some(Instant::now() + RETRY);
            }
        }
        if std::mem::take(&mut self.again) {
            self.look_again();
        }
    }

    /// Goes on with what the caller may do now, or ends where that no longer takes in what is followed.
    fn take_on(&mut self, caller: Arc<Caller>) {
        let Some(session) = &mut self.session else { return };
        if session.would_change(&caller) {
            let app = self.server.app.clone();
            let mut op = Op::new(app, Some(caller.clone()), self.language, self.request_id.clone());
            op.address = self.address;
            if let Err(answer) = revalidate(&Arc::new(op), &self.operation) {
                return self.end_with(&answer);
            }
        }
        session.take_on(caller);
        self.schedule.expires_at = Some(Instant::now() + session.left(&self.server.app));
    }

    fn tick(&mut self, now: Instant) {
        if self.schedule.end_by.is_some_and(|at| now >= at) {
            self.is_over = true;
            return;
        }
        if self.schedule.retry_at.is_some_and(|at| now >= at) {
            self.look_again();
        }
        if self.schedule.expires_at.is_some_and(|at| now >= at) {
            let left = self.session.as_ref().map(|session| session.left(&self.server.app)).unwrap_or_default();
            if left.is_zero() {
                return self.fail(Error::Unauthenticated);
            }
            // The clock runs more slowly than the machine's.
            self.schedule.expires_at = Some(now + left.max(RETRY));
        }
        if now >= self.schedule.life_at {
            self.schedule.life_at = now + rhythm(&self.server);
            self.frames.push_back(Bytes::from_static(COMMENT));
            // A mandate may have begun or ended with the day.
            self.look_again();
        }
    }
}

fn rhythm(server: &Server) -> Duration {
    Duration::from_secs(server.app.settings.limits.ping_seconds)
}

async fn done<T>(work: &mut Option<BoxFuture<'static, T>>) -> T {
    match work {
        Some(running) => {
            let what = running.await;
            *work = None;
            what
        }
        None => std::future::pending().await,
    }
}

async fn called(session: Option<&Session>) {
    match session {
        Some(session) => session.called().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_events_is_known_by_what_they_accept() {
        let takes = |accept: &str| {
            takes_events(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]))
        };
        assert!(takes_events(&HeaderMap::new()));
        for good in ["text/event-stream", "Text/Event-Stream; charset=utf-8", "application/json, text/*;q=0.5", "*/*"] {
            assert!(takes(good), "{good}");
        }
        for bad in ["application/json", "text/html", "text/event-stream;q=0", "application/*"] {
            assert!(!takes(bad), "{bad}");
        }
    }
}
