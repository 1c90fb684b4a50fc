//! From events to those whom they concern: nobody else is even woken.
//!
//! ```text
//! outbox ──every event──▶ Hub ──by kind and place──▶ Seat of each follower whose view lies there
//! ```
//! One task per process reads what an event moved; the rows are read once for all who follow.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use ::entity::{
    platform::{event, work_item},
    vocabulary::WorkItemId,
};
use parking_lot::Mutex;
use sea_orm::DbErr;
use tokio::sync::{Notify, broadcast};

use super::{moves::Moves, store, view::Route};
pub use crate::outbox::Cursor;
use crate::{
    db::Conn,
    live::{Fresh, Tellings},
};

/// How much news a slow follower may leave lying before it has to catch up from the table.
const BACKLOG: usize = 256;

/// What an event moved, with the rows as they are now.
#[derive(Debug)]
pub(super) struct News {
    pub(super) position: i64,
    pub(super) moves: Moves,
    pub(super) snapshot: Arc<Snapshot>,
}

/// Rows, read when the first follower needs them and shared with those who need them at the same time.
#[derive(Debug)]
pub(super) struct Snapshot {
    ids: Vec<WorkItemId>,
    rows: Fresh<Rows>,
    /// What was told of them.
    pub(super) tellings: Arc<Tellings>,
}

/// The rows that there are.
pub(super) type Rows = Arc<HashMap<WorkItemId, work_item::Model>>;

impl Snapshot {
    /// Rows yet to be read.
    pub(super) fn of(ids: Vec<WorkItemId>) -> Arc<Self> {
        Arc::new(Self { ids, rows: Fresh::default(), tellings: Arc::default() })
    }

    /// Rows that were just read.
    pub(super) fn taken(rows: Vec<work_item::Model>) -> Arc<Self> {
        Arc::new(Self { ids: Vec::new(), rows: Fresh::taken(by_id(rows)), tellings: Arc::default() })
    }

    /// The rows as they are now; nothing where everybody has to read their own by now.
    pub(super) async fn rows(&self, conn: impl FnOnce() -> Conn) -> Result<Option<Rows>, DbErr> {
        self.rows.get(async || Ok(by_id(store::items(&conn(), &self.ids).await?))).await
    }
}

fn by_id(rows: Vec<work_item::Model>) -> Rows {
    Arc::new(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Hands news on to those whom it may concern.
#[derive(Debug, Default)]
pub struct Hub {
    seats: Mutex<Seats>,
    /// Everything before this position has been handed on.
    next: AtomicI64,
}

#[derive(Debug, Default)]
struct Seats {
    last: u64,
    boxes: BTreeMap<u64, Arc<Letterbox>>,
    routes: HashMap<Route, BTreeMap<u64, Arc<Letterbox>>>,
}

/// What arrived for one follower.
#[derive(Debug, Default)]
struct Letterbox {
    contents: Mutex<Contents>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Contents {
    news: VecDeque<Arc<News>>,
    /// From this position on news was lost; none is taken until the follower knows.
    lost: Option<i64>,
}

impl Letterbox {
    fn put(&self, news: &Arc<News>) {
        let mut contents = self.contents.lock();
        if contents.lost.is_none() {
            if contents.news.len() < BACKLOG {
                contents.news.push_back(news.clone());
            } else {
                contents.lost = Some(news.position);
            }
        }
        drop(contents);
        self.bell.notify_one();
    }

    fn lose(&self, from: i64) {
        self.contents.lock().lost.get_or_insert(from);
        self.bell.notify_one();
    }
}

impl Hub {
    /// Hands events on until the feed ends. One per process; run again, it has whoever follows catch up.
    pub async fn run(&self, mut events: broadcast::Receiver<Arc<event::Model>>) {
        use broadcast::error::RecvError;
        if self.next.load(Ordering::SeqCst) > 0 {
            self.lose();
        }
        loop {
            match events.recv().await {
                Ok(event) => {
                    self.tell(&event);
                    if let Some(position) = event.position {
                        self.next.store(position + 1, Ordering::SeqCst);
                    }
                }
                Err(RecvError::Lagged(_)) => self.lose(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn lose(&self) {
        let next = self.next.load(Ordering::SeqCst);
        self.seats.lock().boxes.values().for_each(|letterbox| letterbox.lose(next));
    }

    fn tell(&self, event: &event::Model) {
        let Some(position) = event.position else { return };
        let moves = match Moves::read(&event.queue) {
            Ok(moves) if moves.0.is_empty() => return,
            Ok(moves) => moves,
            Err(error) => {
                tracing::error!(position, error = &error as &dyn std::error::Error, "an event has no moves to read");
                return;
            }
        };
        let concerned = self.concerned(&moves);
        if concerned.is_empty() {
            return;
        }
        let snapshot = Snapshot::of(moves.0.iter().map(|m| m.item).collect());
        let news = Arc::new(News { position, moves, snapshot });
        concerned.values().for_each(|letterbox| letterbox.put(&news));
    }

    fn concerned(&self, moves: &Moves) -> BTreeMap<u64, Arc<Letterbox>> {
        let seats = self.seats.lock();
        let audiences = moves.0.iter().flat_map(|m| m.before.iter().chain(&m.after));
        let routes = audiences.flat_map(|audience| audience.routes());
        let found = routes.filter_map(|route| seats.routes.get(&route));
        found.flatten().map(|(number, letterbox)| (*number, letterbox.clone())).collect()
    }

    /// How many follow.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seats.lock().boxes.len()
    }
}

impl Seats {
    fn welcome(&mut self, letterbox: Arc<Letterbox>) -> u64 {
        self.last += 1;
        self.boxes.insert(self.last, letterbox);
        self.last
    }

    fn leave(&mut self, number: u64, routes: &[Route]) {
        for route in routes {
            if let Some(there) = self.routes.get_mut(route) {
                there.remove(&number);
                if there.is_empty() {
                    self.routes.remove(route);
                }
            }
        }
    }
}

/// What arrives at a seat.
#[derive(Debug)]
pub(super) enum Arrival {
    /// News, in the order of commits.
    News(Arc<News>),
    /// From this position on, news was lost.
    Lost(i64),
}

/// A place in the hub, given up when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    hub: Weak<Hub>,
    number: u64,
    letterbox: Arc<Letterbox>,
    routes: Vec<Route>,
}

impl Seat {
    /// Takes a place at which arrives what moves on some routes.
    pub(super) fn take(hub: &Arc<Hub>, routes: Vec<Route>) -> Self {
        let letterbox = Arc::<Letterbox>::default();
        let number = hub.seats.lock().welcome(letterbox.clone());
        let mut seat = Self { hub: Arc::downgrade(hub), number, letterbox, routes: Vec::new() };
        seat.listen(routes);
        seat
    }

    /// Listens on other routes from now on; what has arrived stays.
    pub(super) fn listen(&mut self, routes: Vec<Route>) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut seats = hub.seats.lock();
        seats.leave(self.number, &self.routes);
        for route in &routes {
            seats.routes.entry(*route).or_default().insert(self.number, self.letterbox.clone());
        }
        self.routes = routes;
    }

    /// What arrives next. Nothing is lost when the waiting is given up.
    pub(super) async fn next(&self) -> Arrival {
        loop {
            if let Some(arrival) = self.open() {
                return arrival;
            }
            self.letterbox.bell.notified().await;
        }
    }

    fn open(&self) -> Option<Arrival> {
        let mut contents = self.letterbox.contents.lock();
        let news = contents.news.pop_front().map(Arrival::News);
        news.or_else(|| contents.lost.take().map(Arrival::Lost))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut seats = hub.seats.lock();
        seats.leave(self.number, &self.routes);
        seats.boxes.remove(&self.number);
    }
}
