//! One follower of the queues: what each event means for this caller, with the rights of this moment.
//!
//! ```text
//!          ┌─ rights changed: compare the old view with the new one on the table
//!   next ──┼─ behind: read what moved from the table
//!          └─ else: wait for the hub
//! ```
//! Each gives messages; each message's item is read and authorised again when it is told.

use std::{collections::VecDeque, sync::Arc};

use ::entity::{
    platform::work_item,
    vocabulary::{WorkItemId, WorkKind},
};
use sea_orm::Condition;

use super::{
    feed::{Arrival, Seat, Snapshot},
    moves::{Audience, Move, Moves},
    store,
    types::{WorkItem, WorkQueueChange, WorkQueueEvent, only},
    view::{View, audience},
};
use crate::{
    authz::Caller,
    error::{Error, Result},
    graphql::filter::OneOf,
    live::{self, Feed, Live, LiveCaller, Shape, Shared, Sharing},
    op::Op,
    outbox::{self, Cursor, Place, WHOLE},
};

/// Rows to one statement of a follower who catches up or compares.
const PAGE: u64 = 100;

/// Follows the queues for one caller.
#[derive(Debug)]
pub(super) struct Follower {
    live: LiveCaller,
    kinds: Option<OneOf<WorkKind>>,
    /// Whose rights the view is of.
    caller: Arc<Caller>,
    /// What waits for the caller, of the kinds that they follow.
    view: View,
    /// Fingerprint of all that waits for the caller.
    print: u32,
    shape: Shape,
    /// With whom the caller shares answers.
    audience: live::Audience,
    /// What the caller was shown before their rights changed, for a while.
    former: Option<Former>,
    seat: Seat,
    /// Every move up to here has been dealt with.
    done: Place,
    /// Whether there may be more in the table than what has arrived.
    behind: bool,
    messages: VecDeque<Message>,
}

/// Views that the caller's rights gave earlier.
#[derive(Debug)]
struct Former {
    views: Vec<View>,
    /// What was committed until here was perhaps shown under one of them.
    until: i64,
    /// Items up to here were compared; nothing where all were.
    compared: Option<WorkItemId>,
    /// Fingerprint under which the comparison is told, since it is incomplete until its end.
    print: u32,
}

impl Former {
    fn any(&self, audience: &Audience) -> bool {
        self.views.iter().any(|view| view.contains(audience))
    }

    /// What was perhaps shown and is to vanish, or is to be shown and perhaps was not.
    fn differs(&self, view: &View) -> Condition {
        let any = self.views.iter().fold(Condition::any(), |any, former| any.add(former.condition()));
        let all = self.views.iter().fold(Condition::all(), |all, former| all.add(former.condition()));
        Condition::any()
            .add(Condition::all().add(any).add(view.condition().not()))
            .add(Condition::all().add(view.condition()).add(all.not()))
    }
}

/// Something to be told.
#[derive(Debug)]
struct Message {
    change: WorkQueueChange,
    item: WorkItemId,
    cursor: Cursor,
    snapshot: Arc<Snapshot>,
}

impl Follower {
    /// Follows from a cursor on, or from now on.
    pub(super) async fn new(
        live: LiveCaller,
        after: Option<String>,
        kinds: Option<OneOf<WorkKind>>,
        shape: Shape,
    ) -> Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let caller = op.caller()?.clone();
        let (view, print) = views(&caller, kinds.as_ref());
        // Sit down first, then look where the feed ends: nothing falls between the two.
        let seat = Seat::take(&op.app.queues, view.routes());
        let end = outbox::last_position(&op.conn()).await?;
        let (done, behind) = match after {
            None => ((end, WHOLE), false),
            Some(text) => (begin(&text, end, print)?, true),
        };
        let audience = live::Audience::of(&caller, live.language(), shape);
        let messages = VecDeque::new();
        Ok(Self { live, kinds, caller, view, print, shape, audience, former: None, seat, done, behind, messages })
    }

    /// An operation of this moment with the rights of the view.
    fn op(&self) -> Arc<Op> {
        self.live.op_of(self.caller.clone())
    }

    /// Goes over to the present rights. Listens on the new routes first: what the hub told before is in
    /// the table that is compared. Nothing is changed before all that can fail is done.
    async fn turn(&mut self, op: &Op) -> Result<()> {
        let caller = op.caller()?.clone();
        let (view, print) = views(&caller, self.kinds.as_ref());
        if view != self.view {
            let mut former = self.former.as_ref().map(|former| former.views.clone()).unwrap_or_default();
            former.retain(|view| *view != self.view);
            former.push(self.view.clone());
            self.seat.listen(former.iter().chain([&view]).flat_map(View::routes).collect());
            let until = outbox::last_position(&op.conn()).await?;
            self.former = Some(Former { views: former, until, compared: Some(WorkItemId(0)), print: self.print });
            self.view = view;
        }
        self.print = print;
        self.audience = live::Audience::of(&caller, self.live.language(), self.shape);
        self.caller = caller;
        Ok(())
    }

    /// Finds, in the table, what the caller sees no longer and what they see anew.
    async fn compare(&mut self, op: &Op) -> Result<()> {
        let Some(former) = &mut self.former else { return Ok(()) };
        let Some(after) = former.compared else { return Ok(()) };
        let rows = store::matching(&op.conn(), former.differs(&self.view), after, PAGE).await?;
        let is_last = (rows.len() as u64) < PAGE;
        former.compared = if is_last { None } else { rows.last().map(|row| row.id) };
        let seen: Vec<(WorkItemId, bool)> =
            rows.iter().map(|row| (row.id, self.view.contains(&audience(row)))).collect();
        let snapshot = Snapshot::taken(rows);
        let cursor = Cursor { place: self.done, view: former.print };
        self.messages.extend(seen.into_iter().map(|(item, is_seen)| Message {
            change: if is_seen { WorkQueueChange::Added } else { WorkQueueChange::Removed },
            item,
            cursor,
            snapshot: snapshot.clone(),
        }));
        if is_last && let Some(last) = self.messages.back_mut() {
            last.cursor.view = self.print;
        }
        Ok(())
    }

    /// Reads the next moves from the table.
    async fn catch_up(&mut self, op: &Op) -> Result<()> {
        let (position, place) = self.done;
        let from = if place == WHOLE { position } else { position - 1 };
        let found = store::moves_since(&op.conn(), from, PAGE).await?;
        self.behind = found.len() as u64 == PAGE;
        let snapshot = Snapshot::of(found.iter().flat_map(|(_, moves)| moves.0.iter().map(|m| m.item)).collect());
        for (position, moves) in &found {
            self.take(*position, moves, &snapshot);
        }
        Ok(())
    }

    fn hear(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::News(news) => self.take(news.position, &news.moves, &news.snapshot),
            Arrival::Lost(from) => {
                self.behind = true;
                // What came before it has arrived.
                self.done = self.done.max((from - 1, WHOLE));
            }
        }
    }

    /// Takes an event's moves in, each once.
    fn take(&mut self, position: i64, moves: &Moves, snapshot: &Arc<Snapshot>) {
        for (place, moved) in (0..).zip(&moves.0) {
            if (position, place) <= self.done {
                continue;
            }
            if let Some(change) = self.judge(position, moved) {
                let cursor = Cursor { place: (position, place), view: self.print };
                self.messages.push_back(Message { change, item: moved.item, cursor, snapshot: snapshot.clone() });
            }
        }
        self.done = self.done.max((position, WHOLE));
        if self.former.as_ref().is_some_and(|former| former.compared.is_none() && former.until < position) {
            self.former = None;
            self.seat.listen(self.view.routes());
        }
    }

    /// What a move means for the caller.
    fn judge(&self, position: i64, Move { item: _, before, after }: &Move) -> Option<WorkQueueChange> {
        let former = self.former.as_ref().filter(|former| position <= former.until);
        let sees = |audience: &Audience| self.view.contains(audience);
        let saw = |audience: &Audience| sees(audience) || former.is_some_and(|former| former.any(audience));
        match (before.as_ref().is_some_and(saw), after.as_ref().is_some_and(sees)) {
            (false, true) => Some(WorkQueueChange::Added),
            (true, true) => Some(WorkQueueChange::Updated),
            (true, false) => Some(WorkQueueChange::Removed),
            (false, false) => None,
        }
    }

    /// Reads and authorises the item again: what is gone or out of sight by now has been removed.
    async fn tell(&self, message: &Message) -> Result<Live<Shared<WorkQueueEvent>>> {
        let Message { change, item: id, cursor, snapshot } = message;
        let (change, id, cursor) = (*change, *id, *cursor);
        if change == WorkQueueChange::Removed {
            return Ok(self.told(snapshot, None, change, id, cursor));
        }
        match snapshot.rows(|| self.op().conn()).await? {
            Some(rows) => Ok(self.told(snapshot, rows.get(&id), change, id, cursor)),
            None => {
                let op = self.op();
                let row = Box::pin(store::items(&op.conn(), &[id])).await?.pop();
                let event = self.event(row.as_ref(), change, id, cursor);
                Ok(Live::new(op, Shared::New { event, cursor, sharing: None }))
            }
        }
    }

    /// What is told of a row that is shared: the same as others are told, where one was before.
    fn told(
        &self,
        snapshot: &Snapshot,
        row: Option<&work_item::Model>,
        change: WorkQueueChange,
        id: WorkItemId,
        cursor: Cursor,
    ) -> Live<Shared<WorkQueueEvent>> {
        let row = row.filter(|row| self.view.contains(&audience(row)));
        let change = if row.is_some() { change } else { WorkQueueChange::Removed };
        let sharing = Sharing::new(snapshot.tellings.clone(), self.shape, self.audience, (id.0, change as u8));
        match sharing.told(cursor) {
            Some(told) => Live::finished(told),
            None => {
                let event = self.event(row, change, id, cursor);
                Live::new(self.op(), Shared::New { event, cursor, sharing: Some(sharing) })
            }
        }
    }

    fn event(
        &self,
        row: Option<&work_item::Model>,
        change: WorkQueueChange,
        id: WorkItemId,
        cursor: Cursor,
    ) -> WorkQueueEvent {
        let item = row.and_then(|row| WorkItem::seen(row.clone(), &self.view));
        let change = if item.is_some() { change } else { WorkQueueChange::Removed };
        WorkQueueEvent::new(change, id, item, cursor)
    }
}

/// What is rarely done is boxed: a follower takes little room while it waits, which is nearly always.
impl Feed for Follower {
    type Item = Shared<WorkQueueEvent>;

    async fn next(&mut self) -> Result<Option<Live<Shared<WorkQueueEvent>>>> {
        loop {
            let Some(caller) = self.live.current() else { return Ok(None) };
            if !Arc::ptr_eq(&caller, &self.caller) {
                let op = self.live.op_of(caller);
                Box::pin(self.turn(&op)).await?;
            }
            if let Some(message) = self.messages.front() {
                let told = self.tell(message).await?;
                self.messages.pop_front();
                return Ok(Some(told));
            }
            if self.former.as_ref().is_some_and(|former| former.compared.is_some()) {
                let op = self.op();
                Box::pin(self.compare(&op)).await?;
            } else if self.behind {
                let op = self.op();
                Box::pin(self.catch_up(&op)).await?;
            } else {
                tokio::select! {
                    biased;
                    () = self.live.changed() => {}
                    arrival = self.seat.next() => self.hear(arrival),
                }
            }
        }
    }
}

/// What waits for a caller, of some kinds, and the fingerprint of all that waits for them.
fn views(caller: &Caller, kinds: Option<&OneOf<WorkKind>>) -> (View, u32) {
    let view = View::of(caller);
    let print = view.fingerprint();
    (kinds.map_or_else(|| view.clone(), |kinds| only(view.clone(), kinds)), print)
}

/// Where a cursor lies in a feed that ends at a position.
fn begin(text: &str, end: i64, print: u32) -> Result<Place> {
    let cursor = Cursor::within(text, end)?;
    if cursor.view != print {
        let message = "your rights have changed since; read «workQueue» and follow from its «liveCursor»";
        return Err(Error::bad_input(["after"], message));
    }
    Ok(cursor.place)
}
