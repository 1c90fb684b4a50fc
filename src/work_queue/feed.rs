//! From events to those whom they concern: nobody else is even woken.
//!
//! ```text
//! outbox ──every event──▶ Hub ──by kind and place──▶ Seat of each follower whose view lies there
//! ```
//! One task per process reads what an event moved; the rows are read once for all who follow.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use ::entity::{
    platform::{event, work_item},
    vocabulary::WorkItemId,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use sea_orm::DbErr;
use tokio::{
    sync::{Notify, OnceCell, broadcast},
    time::Instant,
};

use super::{
    moves::Moves,
    shown::Answers,
    store,
    view::{Route, View},
};
use crate::{db::Conn, error::Result, outbox};

/// How much news a slow follower may leave lying before it has to catch up from the table.
const BACKLOG: usize = 256;
/// How long rows that were read for one follower are good for the others.
const FRESH: Duration = Duration::from_secs(1);

/// A place in the feed: behind one move of one event, as a caller with certain rights saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Which event and which of its moves.
    pub(super) place: Place,
    /// Fingerprint of what waited for the caller.
    pub(super) view: u32,
}

/// An event's position, and the place of a move in it.
pub(super) type Place = (i64, u32);

/// Behind all moves of an event.
pub(super) const WHOLE: u32 = u32::MAX;

impl Cursor {
    /// The end of the feed, for somebody for whom a view waits.
    pub(super) async fn now(conn: &Conn, view: &View) -> Result<Self> {
        Ok(Self { place: (outbox::last_position(conn).await?, WHOLE), view: view.fingerprint() })
    }

    /// Reads a cursor; nothing where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut words = plain.split('.');
        let (position, place) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let view = u32::from_str_radix(words.next()?, 16).ok()?;
        let cursor = Self { place: (position, place), view };
        // One text per cursor: what would print otherwise is not one.
        (position >= 0 && cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((position, place), view) = (self.place, self.view);
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{position}.{place}.{view:x}")))
    }
}

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
    rows: OnceCell<(Instant, HashMap<WorkItemId, work_item::Model>)>,
    answers: Arc<Answers>,
}

/// A row as it is now.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) row: work_item::Model,
    /// Answers about it that others may have been given; none where the row was read for one alone.
    pub(super) answers: Option<Arc<Answers>>,
}

impl Snapshot {
    /// Rows yet to be read.
    pub(super) fn of(ids: Vec<WorkItemId>) -> Arc<Self> {
        Arc::new(Self { ids, rows: OnceCell::new(), answers: Arc::default() })
    }

    /// Rows that were just read.
    pub(super) fn taken(rows: Vec<work_item::Model>) -> Arc<Self> {
        let rows = OnceCell::new_with(Some((Instant::now(), by_id(rows))));
        Arc::new(Self { ids: Vec::new(), rows, answers: Arc::default() })
    }

    /// A row as it is now; nothing where it is gone.
    pub(super) async fn row(&self, conn: &Conn, id: WorkItemId) -> Result<Option<Now>, DbErr> {
        let read = async || Ok::<_, DbErr>((Instant::now(), by_id(store::items(conn, &self.ids).await?)));
        let (at, rows) = self.rows.get_or_try_init(read).await?;
        if at.elapsed() <= FRESH {
            return Ok(rows.get(&id).map(|row| Now { row: row.clone(), answers: Some(self.answers.clone()) }));
        }
        let alone = store::items(conn, &[id]).await?.pop();
        Ok(alone.map(|row| Now { row, answers: None }))
    }
}

fn by_id(rows: Vec<work_item::Model>) -> HashMap<WorkItemId, work_item::Model> {
    rows.into_iter().map(|row| (row.id, row)).collect()
}

/// Hands news on to those whom it may concern.
#[derive(Debug, Default)]
pub struct Hub(Mutex<Seats>);

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
    /// Hands events on until the feed ends. One per process.
    pub async fn run(&self, mut events: broadcast::Receiver<Arc<event::Model>>) {
        use broadcast::error::RecvError;
        // Everything before it has been handed on.
        let mut next = 0;
        loop {
            match events.recv().await {
                Ok(event) => {
                    self.tell(&event);
                    next = event.position.map_or(next, |position| position + 1);
                }
                Err(RecvError::Lagged(_)) => self.0.lock().boxes.values().for_each(|letterbox| letterbox.lose(next)),
                Err(RecvError::Closed) => return,
            }
        }
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
        let seats = self.0.lock();
        let audiences = moves.0.iter().flat_map(|m| m.before.iter().chain(&m.after));
        let routes = audiences.flat_map(|audience| audience.routes());
        let found = routes.filter_map(|route| seats.routes.get(&route));
        found.flatten().map(|(number, letterbox)| (*number, letterbox.clone())).collect()
    }

    /// How many follow.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.lock().boxes.len()
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
        let number = hub.0.lock().welcome(letterbox.clone());
        let mut seat = Self { hub: Arc::downgrade(hub), number, letterbox, routes: Vec::new() };
        seat.listen(routes);
        seat
    }

    /// Listens on other routes from now on; what has arrived stays.
    pub(super) fn listen(&mut self, routes: Vec<Route>) {
        let Some(hub) = self.hub.upgrade() else { return };
        let mut seats = hub.0.lock();
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
        let mut seats = hub.0.lock();
        seats.leave(self.number, &self.routes);
        seats.boxes.remove(&self.number);
    }
}
