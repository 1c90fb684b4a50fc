//! `/graphql/ws`: GraphQL over one WebSocket, `graphql-transport-ws` to the letter.
//!
//! ```text
//! connection_init ─▶ authenticate ─▶ connection_ack ─▶ subscribe … next, error, complete
//!                         ▲                                 │
//!        identity and policy events, pings, expiry ─────────┴──▶ 4403, or on with other rights
//! ```
//! One task holds a conversation: subscriptions are followed within it, queries and mutations run in
//! tasks of their own, so that neither a slow reader nor anything else here ever holds up a
//! transaction. What the caller may do is looked at again whenever that may have changed; operations
//! that are no longer valid end with an `error` before any of the others sees the new rights.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ::entity::vocabulary::Language;
use async_graphql::{ServerError, parser::types::OperationType};
use axum::{
    extract::{
        Extension, State,
        ws::{Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{
    FutureExt, SinkExt, Stream, StreamExt,
    future::{AbortHandle, BoxFuture, abortable},
    stream::FuturesUnordered,
};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use self::{
    message::{Close, PROTOCOL, Said, find},
    outgoing::Outgoing,
};
use super::{
    Life, Peer, Server, address, bearer_token,
    gate::{Full, Ticket},
    limits::Limit,
    operation::{Answer, Incoming, Operation, beyond, plain, resolved, revalidate},
    origin,
    persisted::is_looked_up,
    price, request_id,
    running::{self, Events, What, next_event},
    session::{LAST_WORDS, RETRY, Session},
    spoken,
};
use crate::{
    authz::Caller,
    error::{Error, Result},
    i18n, identity,
    observe::{Open, Transport},
    op::Op,
};

mod message;
mod outgoing;

/// axum's own buffers would take 140 KB a socket. They grow with a message that needs more.
const BUFFER: usize = 1024;
/// Events of one subscription that may wait to be sent before the next one is asked for.
const MOST_WAITING: usize = 8;
/// How long the other end may take to close too.
const FAREWELL: Duration = Duration::from_secs(2);
/// Renewals that may wait for the one that is looked at.
const MOST_RENEWALS: usize = 16;
/// How long a socket may go on under a token that has expired while the database cannot say whether the
/// next one is good.
const GRACE: Duration = Duration::from_secs(60);
/// After so many pings without any word from the other end it is gone.
const SILENCE: u32 = 3;

/// `GET /graphql/ws`.
pub(super) async fn open(
    State(server): State<Arc<Server>>,
    peer: Peer,
    place: Option<Extension<Arc<Ticket>>>,
    headers: HeaderMap,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.protocols([PROTOCOL]),
        Err(_) => {
            return (StatusCode::UPGRADE_REQUIRED, [(header::UPGRADE, "websocket")], "a WebSocket\n").into_response();
        }
    };
    if !origin::is_welcome(&headers, &server.app.settings.cors_origins) {
        return origin::turned_away();
    }
    if super::as_user::is_asked_for(&headers) {
        return (StatusCode::BAD_REQUEST, "a socket is one's own: see with another's eyes over HTTP\n").into_response();
    }
    if server.life.is_ending() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the server is ending\n").into_response();
    }
    let limits = &server.app.settings.limits;
    let most = limits.message_bytes;
    let waiting = match server.waiting.enter(address(&peer)) {
        Ok(ticket) => ticket,
        Err(full) => {
            let limit = if full == Full::All { Limit::WaitingSockets } else { Limit::AddressWaitingSockets };
            server.app.metrics.beyond(limit);
            let text =
                format!("too many sockets wait for somebody to sign in: {} ({})\n", limit.most(limits), limit.name());
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], text).into_response();
        }
    };
    let speaks_another = upgrade.selected_protocol().is_none();
    let asked = Asked {
        language: spoken(&headers),
        address: address(&peer),
        request_id: request_id(&headers).into(),
        waiting: Some(waiting),
        _place: place.map(|Extension(ticket)| ticket),
        _counted: Counted::new(server.life.clone()),
        _open: server.app.metrics.connection(Transport::WebSocket),
    };
    upgrade.read_buffer_size(BUFFER).write_buffer_size(BUFFER).max_message_size(most).max_frame_size(most).on_upgrade(
        move |socket| async move {
            if speaks_another {
                close(socket, &Close::not_acceptable()).await;
            } else {
                Conversation::new(server, asked).hold(socket).await;
            }
        },
    )
}

/// Closes a socket on which nothing is said.
async fn close(mut socket: WebSocket, close: &Close) {
    let farewell = async {
        socket.send(close.frame()).await?;
        while let Some(frame) = socket.recv().await {
            frame?;
        }
        Ok::<(), axum::Error>(())
    };
    let _gone_or_late = timeout(FAREWELL, farewell).await;
}

/// What the request for the socket said.
struct Asked {
    language: Option<Language>,
    address: Option<IpAddr>,
    request_id: Arc<str>,
    /// Held until somebody is signed in.
    waiting: Option<Ticket>,
    _place: Option<Arc<Ticket>>,
    _counted: Counted,
    _open: Open,
}

/// Counts a socket from the request for it to its end.
struct Counted(Life);

impl Counted {
    fn new(life: Life) -> Self {
        life.sockets.send_modify(|open| *open += 1);
        Self(life)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.sockets.send_modify(|open| *open -= 1);
    }
}

/// What a token is looked at for.
#[derive(Clone, Copy)]
enum Purpose {
    /// The first message, in a language where it names one.
    Init(Option<Language>),
    /// Another token, in place of the one before.
    Renew,
    /// Whether anything has changed.
    Again,
}

/// A token that was looked at.
struct Proven {
    purpose: Purpose,
    token: Arc<str>,
    caller: Result<Arc<Caller>>,
}

/// An operation that runs.
struct Running {
    serial: u64,
    abort: AbortHandle,
    /// Of a subscription: what is needed to look at it again.
    following: Option<Following>,
}

struct Following {
    operation: Arc<Operation>,
    begun: bool,
    waiting: usize,
    paused: Option<Events>,
}

/// What an operation came to.
struct Step {
    id: Arc<str>,
    serial: u64,
    what: Came,
}

enum Came {
    /// The document that it names was looked for.
    Found(std::result::Result<Incoming, ServerError>),
    /// It runs.
    To(What),
}

/// How a conversation ends.
enum End {
    /// The other end is gone.
    Gone,
    /// The other end has closed it.
    Closed,
    /// It is closed from here.
    Close(Close),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::Close(close)
    }
}

/// When what is due.
struct Schedule {
    init_by: Instant,
    ping_at: Instant,
    heard_at: Instant,
    expires_at: Option<Instant>,
    retry: Option<(Instant, Purpose, Arc<str>)>,
    end_by: Option<Instant>,
}

impl Schedule {
    fn next(&self, is_waiting: bool) -> Instant {
        let retry = self.retry.as_ref().map(|(at, ..)| *at);
        let init = is_waiting.then_some(self.init_by);
        [init, self.expires_at, retry, self.end_by].into_iter().flatten().fold(self.ping_at, Instant::min)
    }
}

/// What happens next.
enum Happened {
    Frame(Option<std::result::Result<Message, axum::Error>>),
    Sent(std::result::Result<Option<u64>, axum::Error>),
    Step(Option<Step>),
    Proven(Proven),
    Called,
    Ends,
    Due,
}

struct Conversation {
    server: Arc<Server>,
    asked: Asked,
    life: Life,
    session: Option<Session>,
    proof: Option<BoxFuture<'static, Proven>>,
    /// Whether the rights changed while a proof was under way.
    again: bool,
    /// Tokens to be looked at behind the one that is.
    renewals: VecDeque<Arc<str>>,
    /// The token of a renewal that is looked at now.
    renewing: Option<Arc<str>>,
    /// Since when the token has expired while the next one cannot be looked at.
    expired_since: Option<Instant>,
    operations: HashMap<Arc<str>, Running>,
    running: FuturesUnordered<BoxFuture<'static, Option<Step>>>,
    serial: u64,
    outgoing: Outgoing,
    schedule: Schedule,
}

impl Conversation {
    fn new(server: Arc<Server>, asked: Asked) -> Self {
        let limits = &server.app.settings.limits;
        let now = Instant::now();
        let schedule = Schedule {
            init_by: now + Duration::from_secs(limits.init_seconds),
            ping_at: now + Duration::from_secs(limits.ping_seconds),
            heard_at: now,
            expires_at: None,
            retry: None,
            end_by: None,
        };
        Self {
            life: server.life.clone(),
            server,
            asked,
            session: None,
            proof: None,
            again: false,
            renewals: VecDeque::new(),
            renewing: None,
            expired_since: None,
            operations: HashMap::new(),
            running: FuturesUnordered::new(),
            serial: 0,
            outgoing: Outgoing::default(),
            schedule,
        }
    }

    /// Speaks until the socket is closed from either side.
    async fn hold(mut self, socket: WebSocket) {
        let (mut sink, mut frames) = socket.split();
        let end = self.speak(&mut sink, &mut frames).await;
        // Nothing that was running goes on, and nobody hears of it, while the socket is being closed.
        drop(self.running);
        drop(self.session);
        let last = match end {
            End::Gone => return,
            End::Closed => None,
            End::Close(close) => {
                tracing::debug!(request_id = &*self.asked.request_id, code = close.code, "closing a socket");
                Some(close.frame())
            }
        };
        let farewell = async {
            if let Some(last) = last {
                sink.send(last).await?;
            }
            // Reading on is what answers the other end's farewell, and waits for it.
            while let Some(frame) = frames.next().await {
                frame?;
            }
            Ok::<(), axum::Error>(())
        };
        let _gone_or_late = timeout(FAREWELL, farewell).await;
    }

    async fn speak<S>(&mut self, sink: &mut S, frames: &mut (impl Frames + Unpin)) -> End
    where
        S: futures_util::Sink<Message, Error = axum::Error> + Unpin,
    {
        let timer = tokio::time::sleep_until(self.due().into());
        tokio::pin!(timer);
        loop {
            let due = self.due().into();
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            let happened = tokio::select! {
                frame = frames.next(), if self.outgoing.may_read() => Happened::Frame(frame),
                sent = self.outgoing.send(sink), if !self.outgoing.is_idle() => Happened::Sent(sent),
                Some(step) = self.running.next(), if !self.running.is_empty() => Happened::Step(step),
                proven = finished(&mut self.proof), if self.proof.is_some() => Happened::Proven(proven),
                () = called(self.session.as_ref()), if self.session.is_some() => Happened::Called,
                () = self.life.end(), if self.schedule.end_by.is_none() => Happened::Ends,
                () = timer.as_mut() => Happened::Due,
            };
            if let Some(end) = self.react(happened).or_else(|| self.finish()) {
                return end;
            }
        }
    }

    fn due(&self) -> Instant {
        self.schedule.next(self.session.is_none() && self.proof.is_none())
    }

    fn react(&mut self, happened: Happened) -> Option<End> {
        match happened {
            Happened::Frame(frame) => self.receive(frame),
            Happened::Sent(Ok(serial)) => self.sent(serial),
            Happened::Sent(Err(_)) => Some(End::Gone),
            Happened::Step(step) => step.and_then(|step| self.step(step)),
            Happened::Proven(proven) => self.proven(proven),
            Happened::Called => self.look_again(),
            Happened::Ends => {
                self.schedule.end_by = Some(Instant::now() + LAST_WORDS);
                self.leave_subscriptions();
                None
            }
            Happened::Due => self.tick(Instant::now()),
        }
    }

    /// When the server ends, subscriptions do, behind what they have told, and without a word: they are not
    /// complete, and the client goes on with them where it connects next. What runs may finish.
    fn leave_subscriptions(&mut self) {
        self.operations.retain(|_, running| {
            let is_subscription = running.following.is_some();
            if is_subscription {
                running.abort.abort();
            }
            !is_subscription
        });
    }

    fn finish(&self) -> Option<End> {
        let end_by = self.schedule.end_by?;
        let is_done = self.operations.is_empty() && self.outgoing.is_idle();
        (is_done || Instant::now() >= end_by).then(|| Close::going_away().into())
    }

    fn receive(&mut self, frame: Option<std::result::Result<Message, axum::Error>>) -> Option<End> {
        self.schedule.heard_at = Instant::now();
        match frame {
            Some(Ok(Message::Text(text))) => match Said::read(&text, &self.server.app.settings.limits) {
                Ok(said) => self.hear(said),
                Err(close) => Some(close.into()),
            },
            Some(Ok(Message::Binary(_))) => Some(Close::malformed("Invalid message: not a text").into()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => None,
            Some(Ok(Message::Close(_))) => Some(End::Closed),
            None => Some(End::Gone),
            Some(Err(error)) if is_too_big(&error) => Some(Close::too_big().into()),
            Some(Err(error)) if is_no_text(&error) => Some(Close::no_text().into()),
            Some(Err(_)) => Some(Close::protocol().into()),
        }
    }

    fn hear(&mut self, said: Said) -> Option<End> {
        match said {
            Said::Init(payload) => self.init(&payload),
            Said::Ping(payload) => self.ping(&payload),
            Said::Pong => None,
            Said::Subscribe { id, incoming } => self.subscribe(id.into(), incoming),
            Said::TooMuch { id } => self.refuse(&id),
            Said::Complete { id } => {
                self.cancel(&id);
                None
            }
        }
    }

    fn init(&mut self, payload: &Map<String, Value>) -> Option<End> {
        if self.session.is_some() || self.proof.is_some() {
            return Some(Close::too_many_inits().into());
        }
        let Some(token) = token(payload) else { return Some(Close::forbidden("Forbidden: no token").into()) };
        let language = find(payload, &["language", "accept-language"]).and_then(i18n::preferred);
        self.prove(Purpose::Init(language), token.into());
        None
    }

    /// A ping is answered at once; one that brings another token, when that is proven: one after the other.
    fn ping(&mut self, payload: &Map<String, Value>) -> Option<End> {
        match token(payload).filter(|_| self.session.is_some() && self.renewals.len() < MOST_RENEWALS) {
            Some(token) => {
                self.renewals.push_back(token.into());
                self.go_on();
            }
            None => self.outgoing.push(None, message::pong(None)),
        }
        None
    }

    /// Looks at the next token that waits, or at the present one again where that is due.
    fn go_on(&mut self) {
        if self.proof.is_some() || self.is_renewing() {
            return;
        }
        if let Some(token) = self.renewals.pop_front() {
            self.prove(Purpose::Renew, token);
        } else if std::mem::take(&mut self.again) {
            self.look_again();
        }
    }

    /// Whether a renewal waits for the database.
    fn is_renewing(&self) -> bool {
        matches!(self.schedule.retry, Some((_, Purpose::Renew, _)))
    }

    /// Answers an operation whose request holds too much to be read.
    fn refuse(&mut self, id: &str) -> Option<End> {
        let Some(session) = &self.session else { return Some(Close::unauthorized().into()) };
        if self.operations.contains_key(id) {
            return Some(Close::exists(id).into());
        }
        let answer = beyond(Limit::Values, &self.server.app.settings.limits, session.language);
        self.tell_refused(&answer);
        self.outgoing.push(None, message::error(id, &answer.response.errors));
        None
    }

    /// Counts an operation that is not run.
    fn tell_refused(&self, answer: &Answer) {
        answer.response.errors.iter().for_each(|error| self.server.app.metrics.refused(error));
    }

    fn prove(&mut self, purpose: Purpose, token: Arc<str>) {
        let app = self.server.app.clone();
        // Who looked at the present token again does so behind the next one.
        self.again |= self.schedule.retry.take().is_some() && !matches!(purpose, Purpose::Again);
        self.renewing = matches!(purpose, Purpose::Renew).then(|| token.clone());
        let address = self.asked.address;
        self.proof = Some(Box::pin(async move {
            let caller = identity::authenticate_from(&app, &token, address).await;
            Proven { purpose, token, caller }
        }));
    }

    fn look_again(&mut self) -> Option<End> {
        match &self.session {
            Some(session) if self.proof.is_none() && !self.is_renewing() => {
                let token = session.token.clone();
                self.prove(Purpose::Again, token);
            }
            Some(_) | None => self.again = true,
        }
        None
    }

    fn proven(&mut self, proven: Proven) -> Option<End> {
        let Proven { purpose, token, caller } = proven;
        self.renewing = None;
        let caller = match caller {
            Ok(caller) => caller,
            Err(Error::Unauthenticated) => return Some(self.disproved(purpose).into()),
            Err(error) => {
                let request_id = &*self.asked.request_id;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(request_id, error, "cannot tell whether a token is still valid");
                return match purpose {
                    Purpose::Init(_) => Some(Close::try_again().into()),
                    Purpose::Renew | Purpose::Again => {
                        self.schedule.retry = Some((Instant::now() + RETRY, purpose, token));
                        None
                    }
                };
            }
        };
        let end = match purpose {
            Purpose::Init(language) => self.begin(caller, token, language),
            Purpose::Renew => self.renew(caller, token),
            Purpose::Again => {
                self.apply(caller);
                None
            }
        };
        if end.is_none() {
            self.go_on();
        }
        end
    }

    fn disproved(&self, purpose: Purpose) -> Close {
        let is_over = |session: &Session| session.caller.until <= self.server.app.clock.now();
        Close::forbidden(match purpose {
            Purpose::Init(_) | Purpose::Renew => "Forbidden: the token proves nothing",
            Purpose::Again if self.session.as_ref().is_some_and(is_over) => "Forbidden: the token has expired",
            Purpose::Again => "Forbidden: the session has ended",
        })
    }

    fn begin(&mut self, caller: Arc<Caller>, token: Arc<str>, language: Option<Language>) -> Option<End> {
        let language = language.or(self.asked.language).unwrap_or(caller.person.language);
        self.expire(&caller);
        let Some(session) = Session::begin(&self.server.app, caller, token, language) else {
            self.server.app.metrics.beyond(Limit::Sockets);
            return Some(Close::forbidden("Forbidden: too many sockets of one person (sockets)").into());
        };
        self.session = Some(session);
        self.asked.waiting = None;
        self.outgoing.push(None, message::ack());
        // What changed before the seat was taken was announced to nobody here.
        self.again = true;
        None
    }

    fn renew(&mut self, caller: Arc<Caller>, token: Arc<str>) -> Option<End> {
        let session = self.session.as_mut()?;
        if session.caller.person.id != caller.person.id {
            return Some(Close::forbidden("Forbidden: the token of somebody else").into());
        }
        session.renew(token, caller.session);
        let until = caller.until.to_rfc3339();
        self.apply(caller);
        self.outgoing.push(None, message::pong(Some(json!({ "expiresAt": until }))));
        None
    }

    /// Goes on with what the caller may do now.
    fn apply(&mut self, caller: Arc<Caller>) {
        self.expire(&caller);
        if self.session.as_ref().is_some_and(|session| session.would_change(&caller)) {
            self.end_invalid(&caller);
        }
        if let Some(session) = &mut self.session {
            session.take_on(caller);
        }
    }

    fn expire(&mut self, caller: &Caller) {
        self.expired_since = None;
        let left = (caller.until - self.server.app.clock.now()).to_std().unwrap_or_default();
        self.schedule.expires_at = Some(Instant::now() + left);
    }

    /// Ends the subscriptions that somebody with these rights could not begin.
    fn end_invalid(&mut self, caller: &Arc<Caller>) {
        let mut ended = Vec::new();
        for (id, running) in &self.operations {
            let Some(following) = &running.following else { continue };
            let op = Arc::new(self.op(caller.clone(), running.serial));
            if let Err(answer) = revalidate(&op, &following.operation) {
                ended.push((id.clone(), answer));
            }
        }
        for (id, answer) in ended {
            self.cancel(&id);
            self.outgoing.push(None, message::error(&id, &answer.response.errors));
        }
    }

    fn cancel(&mut self, id: &str) {
        if let Some(running) = self.operations.remove(id) {
            running.abort.abort();
            self.outgoing.forget(running.serial);
        }
    }

    fn op(&self, caller: Arc<Caller>, serial: u64) -> Op {
        let language = self.session.as_ref().map_or(Language::Fr, |session| session.language);
        let mut op = Op::new(self.server.app.clone(), Some(caller), language, self.name(serial));
        op.address = self.asked.address;
        op.transport = Transport::WebSocket;
        op
    }

    /// Names an operation in logs and events.
    fn name(&self, serial: u64) -> String {
        format!("{}.{serial}", self.asked.request_id)
    }

    fn subscribe(&mut self, id: Arc<str>, incoming: Incoming) -> Option<End> {
        let Some(session) = &self.session else { return Some(Close::unauthorized().into()) };
        if self.operations.contains_key(&id) {
            return Some(Close::exists(&id).into());
        }
        if self.schedule.end_by.is_some() {
            return None;
        }
        let limits = &self.server.app.settings.limits;
        if self.operations.len() >= limits.socket_operations {
            let answer = beyond(Limit::SocketOperations, limits, session.language);
            self.tell_refused(&answer);
            self.outgoing.push(None, message::error(&id, &answer.response.errors));
            return None;
        }
        if is_looked_up(&self.server.app, Some(&session.caller), &incoming) {
            self.look_up(id, incoming);
        } else {
            self.admit(id, incoming);
        }
        None
    }

    /// Looks for the document of an operation.
    fn look_up(&mut self, id: Arc<str>, incoming: Incoming) {
        let Some(session) = &self.session else { return };
        self.serial += 1;
        let (serial, name) = (self.serial, self.name(self.serial));
        let (app, caller, language) = (self.server.app.clone(), session.caller.clone(), session.language);
        let found = async move { Came::Found(resolved(&app, Some(&caller), language, &name, incoming).await) };
        let abort = self.work(id.clone(), serial, Box::pin(found));
        self.operations.insert(id, Running { serial, abort, following: None });
    }

    fn admit(&mut self, id: Arc<str>, incoming: Incoming) {
        let Some(session) = &self.session else { return };
        let (Server { app, documents, .. }, caller) = (&*self.server, &session.caller);
        let payer = price::payer(Some(caller), self.asked.address);
        let admitted = match app.rates.check(payer) {
            Ok(()) => Operation::admit(app, documents, Some(caller), incoming).map_err(|refused| {
                app.rates.fine(payer);
                refused.into_error(session.language)
            }),
            Err(spent) => Err(plain(Error::RateLimited(spent), session.language, &self.asked.request_id)),
        };
        match admitted {
            Ok(operation) => self.start(id, operation),
            Err(error) => {
                app.metrics.refused(&error);
                self.outgoing.push(None, message::error(&id, &[error]));
            }
        }
    }

    fn start(&mut self, id: Arc<str>, operation: Operation) {
        let Some(session) = &self.session else { return };
        self.serial += 1;
        let serial = self.serial;
        let (operation, name) = (Arc::new(operation), self.name(serial));
        let following = (operation.kind == OperationType::Subscription).then(|| Following {
            operation: operation.clone(),
            begun: false,
            waiting: 0,
            paused: None,
        });
        // The rights are those of this moment, not those of the last time they were looked at.
        let (op, cost) =
            (session.op(&self.server.app, name.clone(), self.asked.address, Transport::WebSocket), operation.cost);
        let op = async move {
            let op = op.await?;
            price::charge(&op, cost).await?;
            Ok(op)
        };
        let work = match following.is_some() {
            true => running::following(op, session.live(&self.server.app, &name), operation),
            false => running::running(op, operation),
        };
        let abort = self.work(id.clone(), serial, Box::pin(work.map(Came::To)));
        self.operations.insert(id, Running { serial, abort, following });
    }

    fn work(&mut self, id: Arc<str>, serial: u64, work: BoxFuture<'static, Came>) -> AbortHandle {
        let (work, abort) = abortable(work);
        self.running.push(Box::pin(work.map(move |what| Some(Step { id, serial, what: what.ok()? }))));
        abort
    }

    fn step(&mut self, step: Step) -> Option<End> {
        let Step { id, serial, what } = step;
        self.operations.get(&id).filter(|running| running.serial == serial)?;
        match what {
            Came::To(what) => self.came(id, serial, what),
            Came::Found(found) => {
                self.operations.remove(&id);
                match found {
                    Ok(incoming) => self.admit(id, incoming),
                    Err(error) => {
                        let caller = self.session.as_ref().map(|session| &*session.caller);
                        self.server.app.rates.fine(price::payer(caller, self.asked.address));
                        self.server.app.metrics.refused(&error);
                        self.outgoing.push(None, message::error(&id, &[error]));
                    }
                }
                None
            }
        }
    }

    fn came(&mut self, id: Arc<str>, serial: u64, what: What) -> Option<End> {
        let running = self.operations.get_mut(&id)?;
        match what {
            What::Event(answer, _) | What::Failed(answer) | What::Answered(Ok(answer)) if answer.is_broken => {
                return Some(Close::internal().into());
            }
            What::Event(answer, events) => {
                let following = running.following.as_mut()?;
                if !following.begun && answer.failed() {
                    self.conclude(&id, message::error(&id, &answer.response.errors));
                    return None;
                }
                let next = self.next(&id, &answer)?;
                let following = self.operations.get_mut(&id)?.following.as_mut()?;
                following.begun = true;
                following.waiting += 1;
                following.paused = Some(events);
                self.outgoing.push(Some(serial), next);
                self.resume();
            }
            What::Failed(answer) => self.conclude(&id, message::error(&id, &answer.response.errors)),
            What::Ended => self.conclude(&id, message::complete(&id)),
            What::Answered(Ok(answer)) if answer.ran => {
                let next = self.next(&id, &answer)?;
                self.outgoing.push(Some(serial), next);
                self.conclude(&id, message::complete(&id));
            }
            What::Answered(Ok(answer)) => self.conclude(&id, message::error(&id, &answer.response.errors)),
            What::Answered(Err(Error::Unauthenticated)) => return Some(self.disproved(Purpose::Again).into()),
            // A panic, or a fault that no database and no caller explains.
            What::Answered(Err(error @ Error::Internal(_))) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(request_id = self.name(serial), error, "an operation failed");
                return Some(Close::internal().into());
            }
            What::Answered(Err(error)) => {
                let language = self.session.as_ref().map_or(Language::Fr, |session| session.language);
                let error = plain(error, language, &self.name(serial));
                self.conclude(&id, message::error(&id, &[error]));
            }
        }
        None
    }

    /// An answer as a message; one that is too large ends its operation with an error.
    fn next(&mut self, id: &str, answer: &Answer) -> Option<Message> {
        let message = message::next(id, answer);
        let limits = &self.server.app.settings.limits;
        if outgoing::size(&message) <= limits.response_bytes {
            return Some(message);
        }
        let language = self.session.as_ref().map_or(Language::Fr, |session| session.language);
        let answer = Answer::too_large(answer.wrote, limits, language);
        self.server.app.metrics.beyond(Limit::ResponseBytes);
        if let Some(running) = self.operations.get(id) {
            running.abort.abort();
        }
        self.conclude(id, message::error(id, &answer.response.errors));
        None
    }

    fn conclude(&mut self, id: &str, message: Message) {
        let serial = self.operations.remove(id).map(|running| running.serial);
        self.outgoing.push(serial, message);
    }

    fn sent(&mut self, serial: Option<u64>) -> Option<End> {
        let owner = self.operations.values_mut().find(|running| Some(running.serial) == serial);
        if let Some(following) = owner.and_then(|running| running.following.as_mut()) {
            following.waiting = following.waiting.saturating_sub(1);
        }
        self.resume();
        None
    }

    /// Asks for the next event of each subscription whose last ones have gone out. Until then it rests
    /// between two events, holding nothing: a slow reader harms only itself.
    fn resume(&mut self) {
        if !self.outgoing.has_room() {
            return;
        }
        let mut ready = Vec::new();
        for (id, running) in &mut self.operations {
            let Some(following) = &mut running.following else { continue };
            if following.waiting < MOST_WAITING
                && let Some(events) = following.paused.take()
            {
                ready.push((id.clone(), running.serial, events));
            }
        }
        for (id, serial, events) in ready {
            let abort = self.work(id.clone(), serial, Box::pin(next_event(events).map(Came::To)));
            if let Some(running) = self.operations.get_mut(&id) {
                running.abort = abort;
            }
        }
    }

    fn tick(&mut self, now: Instant) -> Option<End> {
        if self.session.is_none() && self.proof.is_none() && now >= self.schedule.init_by {
            return Some(Close::init_timeout().into());
        }
        if let Some((_, purpose, token)) = self.schedule.retry.take_if(|(at, ..)| now >= *at) {
            self.prove(purpose, token);
        }
        if self.schedule.expires_at.is_some_and(|at| now >= at) {
            let caller = self.session.as_ref().map(|session| session.caller.clone())?;
            if caller.until <= self.server.app.clock.now() {
                if !self.may_yet_be_renewed(&caller, now) {
                    return Some(self.disproved(Purpose::Again).into());
                }
                self.schedule.expires_at = Some(now + RETRY);
                return None;
            }
            // The clock runs more slowly than the machine's.
            self.expire(&caller);
            self.schedule.expires_at = self.schedule.expires_at.max(Some(now + RETRY));
        }
        if now >= self.schedule.ping_at {
            return self.show_life(now);
        }
        None
    }

    /// Whether the next token has come and only the database is missing to look at it. It is away for
    /// whatever is asked under the old one, too.
    fn may_yet_be_renewed(&mut self, caller: &Caller, now: Instant) -> bool {
        let app = &self.server.app;
        let present = self.session.as_ref().map(|session| session.token.clone()).unwrap_or_default();
        let is_theirs = |token: &Arc<str>| identity::is_one_more(app, token, &present, caller.person.id);
        let next = match &self.schedule.retry {
            Some((_, Purpose::Renew, token)) => Some(token),
            _ => self.renewals.front().or(self.renewing.as_ref()),
        };
        let is_coming = next.is_some_and(is_theirs);
        is_coming && now.duration_since(*self.expired_since.get_or_insert(now)) < GRACE
    }

    /// Says that this end lives, asks whether the other does, and looks at the rights: a mandate may have
    /// begun or ended with the day.
    fn show_life(&mut self, now: Instant) -> Option<End> {
        let rhythm = Duration::from_secs(self.server.app.settings.limits.ping_seconds);
        if now.duration_since(self.schedule.heard_at) >= rhythm * SILENCE {
            return Some(End::Gone);
        }
        self.schedule.ping_at = now + rhythm;
        self.outgoing.push(None, Message::Ping(Default::default()));
        self.look_again()
    }
}

/// A token in a payload: `Authorization: Bearer …`, as in a header, or `token`.
fn token(payload: &Map<String, Value>) -> Option<&str> {
    match find(payload, &["authorization"]) {
        Some(text) => bearer_token(text),
        None => find(payload, &["token"]),
    }
}

trait Frames: Stream<Item = std::result::Result<Message, axum::Error>> {}

impl<S: Stream<Item = std::result::Result<Message, axum::Error>>> Frames for S {}

/// axum hides what kind of error it was.
fn is_no_text(error: &axum::Error) -> bool {
    error.to_string().contains("UTF-8")
}

fn is_too_big(error: &axum::Error) -> bool {
    error.to_string().starts_with("Space limit exceeded")
}

async fn finished(proof: &mut Option<BoxFuture<'static, Proven>>) -> Proven {
    match proof {
        Some(running) => {
            let proven = running.await;
            *proof = None;
            proven
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
