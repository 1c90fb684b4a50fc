//! What is counted while the server runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_graphql::{ServerError, Value};
use chrono::{DateTime, Utc};
use parking_lot::RwLock;

use super::{
    histogram::Histogram,
    operations::{Label, Operations, Outcome},
};
use crate::http::limits::Limit;

/// The road by which somebody asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// A request and its answer.
    #[default]
    Http,
    /// A WebSocket.
    WebSocket,
    /// Server-sent events.
    Sse,
}

impl Transport {
    /// Every road.
    pub const ALL: [Self; 3] = [Self::Http, Self::WebSocket, Self::Sse];

    /// Its label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
        }
    }
}

/// What did not prove who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disproved {
    /// An access token.
    Token,
    /// A password.
    Password,
    /// Too many of them in a row.
    Attempts,
}

impl Disproved {
    /// All of these.
    pub const ALL: [Self; 3] = [Self::Token, Self::Password, Self::Attempts];

    /// Its label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::Attempts => "attempts",
        }
    }
}

/// The statuses that are told apart; every other one is counted with the last.
pub(super) const STATUSES: [u16; 24] = [
    101, 200, 201, 202, 204, 206, 294, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 415, 426, 429, 500, 503,
    0,
];

/// Answers on one route of the router.
#[derive(Debug)]
pub(super) struct Route {
    pub name: String,
    pub answers: [AtomicU64; STATUSES.len()],
}

/// What is counted while the server runs.
#[derive(Debug)]
pub struct Metrics {
    /// Operations by name and outcome.
    pub operations: Operations,
    /// Operations under way.
    pub(super) running: AtomicI64,
    pub(super) routes: RwLock<Vec<Route>>,
    /// Refusals by limit.
    pub(super) beyond: [AtomicU64; Limit::ALL.len()],
    pub(super) connections: [AtomicI64; Transport::ALL.len()],
    pub(super) subscriptions: [AtomicI64; Transport::ALL.len()],
    pub(super) messages: [AtomicU64; Transport::ALL.len()],
    pub(super) disproved: [AtomicU64; Disproved::ALL.len()],
    pub(super) retries: AtomicU64,
    pub(super) replays: AtomicU64,
    pub(super) events: AtomicU64,
    pub(super) event_lag: Histogram,
}

/// Something that is open as long as this lives.
#[derive(Debug)]
pub struct Open {
    metrics: Arc<Metrics>,
    kind: Kind,
    transport: Transport,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Connection,
    Subscription,
}

impl Metrics {
    /// Nothing counted yet, for a schema with these root fields.
    pub fn new<'f>(fields: impl Iterator<Item = &'f str>) -> Self {
        Self {
            operations: Operations::new(fields),
            running: AtomicI64::new(0),
            routes: RwLock::default(),
            beyond: std::array::from_fn(|_| AtomicU64::new(0)),
            connections: Default::default(),
            subscriptions: Default::default(),
            messages: Default::default(),
            disproved: Default::default(),
            retries: AtomicU64::new(0),
            replays: AtomicU64::new(0),
            events: AtomicU64::new(0),
            event_lag: Histogram::default(),
        }
    }

    /// A connection is there as long as what this gives.
    #[must_use]
    pub fn connection(self: &Arc<Self>, transport: Transport) -> Open {
        self.open(Kind::Connection, transport)
    }

    /// A subscription is there as long as what this gives.
    #[must_use]
    pub fn subscription(self: &Arc<Self>, transport: Transport) -> Open {
        self.open(Kind::Subscription, transport)
    }

    fn open(self: &Arc<Self>, kind: Kind, transport: Transport) -> Open {
        self.gauge(kind, transport).fetch_add(1, Ordering::Relaxed);
        Open { metrics: self.clone(), kind, transport }
    }

    fn gauge(&self, kind: Kind, transport: Transport) -> &AtomicI64 {
        let gauges = match kind {
            Kind::Connection => &self.connections,
            Kind::Subscription => &self.subscriptions,
        };
        &gauges[transport as usize]
    }

    /// An HTTP answer was made on a route of the router, which no client names.
    pub fn answered(&self, route: &str, status: u16) {
        let place = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len() - 1);
        let find = |routes: &[Route]| {
            let known = routes.iter().find(|known| known.name == route)?;
            Some(known.answers[place].fetch_add(1, Ordering::Relaxed))
        };
        if find(&self.routes.read()).is_some() {
            return;
        }
        let mut routes = self.routes.write();
        if find(&routes).is_none() {
            let answers: [AtomicU64; STATUSES.len()] = Default::default();
            answers[place].fetch_add(1, Ordering::Relaxed);
            routes.push(Route { name: route.to_owned(), answers });
        }
    }

    /// A request was refused before it was an operation, or an operation before it ran.
    pub fn refused(&self, error: &ServerError) {
        self.operations.counted(Label::NONE, Outcome::of_error(error));
        self.beyond_what(error);
    }

    /// Counts the limit that an error names, where it names one.
    pub fn beyond_what(&self, error: &ServerError) {
        let name = error.extensions.as_ref().and_then(|extensions| extensions.get("limit"));
        let Some(Value::String(name)) = name else { return };
        if let Some(limit) = Limit::ALL.iter().find(|limit| limit.name() == name.as_str()) {
            self.beyond(*limit);
        }
    }

    /// Somebody was refused for a limit.
    pub fn beyond(&self, limit: Limit) {
        self.beyond[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody did not prove who they are.
    pub fn disproved(&self, what: Disproved) {
        self.disproved[what as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A transaction was begun again because the database asked for it.
    pub fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was answered as it was the first time, for the sake of its key.
    pub fn replayed(&self) {
        self.replays.fetch_add(1, Ordering::Relaxed);
    }

    /// This process told its watchers of an event that began at one moment, at another.
    pub fn told(&self, began: DateTime<Utc>, now: DateTime<Utc>) {
        self.events.fetch_add(1, Ordering::Relaxed);
        // Clocks of two machines may differ: nothing is told before it happened.
        self.event_lag.observe((now - began).to_std().unwrap_or(Duration::ZERO));
    }
}

impl Open {
    /// Something was told over it.
    pub fn message(&self) {
        self.metrics.messages[self.transport as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.gauge(self.kind, self.transport).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_has_its_place() {
        assert!(Transport::ALL.into_iter().enumerate().all(|(place, it)| it as usize == place));
        assert!(Disproved::ALL.into_iter().enumerate().all(|(place, it)| it as usize == place));
        assert!(Limit::ALL.iter().enumerate().all(|(place, it)| *it as usize == place));
    }

    #[test]
    fn what_is_open_is_counted_as_long_as_it_is() {
        let metrics = Arc::new(Metrics::new(std::iter::empty()));
        let count = || metrics.subscriptions[Transport::WebSocket as usize].load(Ordering::Relaxed);
        let (one, other) = (metrics.subscription(Transport::WebSocket), metrics.subscription(Transport::WebSocket));
        assert_eq!(count(), 2);
        drop((one, other));
        assert_eq!(count(), 0);
    }

    #[test]
    fn a_status_that_nobody_knows_is_counted_with_the_others() {
        let metrics = Metrics::new(std::iter::empty());
        for status in [200, 200, 418] {
            metrics.answered("/graphql", status);
        }
        let routes = metrics.routes.read();
        assert_eq!(routes.len(), 1);
        let counts = routes[0].answers.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!((counts[1], counts[STATUSES.len() - 1], counts.iter().sum::<u64>()), (2, 1, 3));
    }
}
