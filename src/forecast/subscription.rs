//! Following the forecast of a quarter (P-24).
//!
//! A board is sums: after some deals changed it is read again, once for all that happened within a moment, and
//! once for all who see the same.

use std::{sync::Arc, time::Duration};

use ::entity::{
    platform::event,
    vocabulary::{ForecastLevel, OpportunityId, Quarter, QuotaId},
};
use async_graphql::{Context, SimpleObject, Subscription};
use futures_util::stream::Stream;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{
    board::{self, Board, Wanted},
    history,
    quotas::Scope,
    store,
    types::{ForecastBoard, ForecastScope},
};
use crate::{
    authz::{Caller, Permission, Place, Reach},
    error::{Error, Result},
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    identity,
    live::{self, Feed, Fresh, Live, LiveCaller},
    op::Op,
    outbox::{self, Cursor, Follower, WHOLE},
};

/// What the cursors of this feed are marked with.
const FEED: u32 = 0x666f_7265;
/// What happens within so long after a change is told together with it.
const PAUSE: Duration = Duration::from_millis(250);

/// The end of the feed, as a cursor.
///
/// # Errors
/// When the database cannot be read.
pub async fn now(op: &Op) -> Result<String> {
    Ok(Cursor::now(&op.conn(), FEED).await?.to_string())
}

/// Follows the forecast.
#[derive(Debug, Default)]
pub struct ForecastSubscription;

/// A forecast that changed.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readForecast".into()))]
pub struct ForecastChange {
    /// The forecast, as it is now.
    board: ForecastBoard,
    /// Place in the feed, from which one can go on.
    cursor: String,
}

#[Subscription]
impl ForecastSubscription {
    /// The forecast of a quarter again, whenever deals or quotas changed that the caller may see: once for all that
    /// changed within a moment.
    #[graphql(directive = requires::apply("readForecast".into()))]
    async fn forecast_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Quarter; the one in which one begins to follow where nothing is said.")] quarter: Option<
            Quarter,
        >,
        #[graphql(desc = "By whom its rows are.", default_with = "ForecastLevel::Owner")] by: ForecastLevel,
        #[graphql(desc = "Which part of the company; all that the caller may see where nothing is said.")]
        scope: Option<ForecastScope>,
        #[graphql(desc = "From this cursor on, of an earlier change or of a board; from now on where there is none.")]
        after: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<Live<ForecastChange>>>> {
        let op = op(ctx).clone();
        let quarter = quarter.unwrap_or(Quarter::of(op.today()));
        let wanted = Wanted { quarter, day: None, level: by, scope: Scope::from(scope) };
        let changes = Changes::new(LiveCaller::of(ctx)?, wanted, after.as_deref()).await.told(&op)?;
        Ok(live::follow(op, changes))
    }
}

/// What the events of the feed mean for one caller.
struct Changes {
    live: LiveCaller,
    events: Follower,
    wanted: Wanted,
    /// An event of which is not known yet whether it concerns the caller.
    unheard: Option<Arc<event::Model>>,
    /// What is to be told: when, and the position of the last event that it follows from.
    due: Option<(Instant, i64)>,
}

/// Where something changed.
type Touched = Arc<[(Quarter, Place)]>;

/// What is found out about an event once for all who follow.
#[derive(Default)]
struct Finding {
    touched: Fresh<Touched>,
    boards: Mutex<Vec<Shared>>,
}

/// A board that is read once for all who ask for the same and see the same.
struct Shared {
    wanted: Wanted,
    reach: Reach,
    board: Arc<Fresh<Arc<Board>>>,
}

impl Finding {
    fn board(&self, wanted: &Wanted, reach: &Reach) -> Arc<Fresh<Arc<Board>>> {
        let mut boards = self.boards.lock();
        if let Some(shared) = boards.iter().find(|shared| shared.wanted == *wanted && shared.reach == *reach) {
            return shared.board.clone();
        }
        let board = Arc::<Fresh<Arc<Board>>>::default();
        boards.push(Shared { wanted: *wanted, reach: reach.clone(), board: board.clone() });
        board
    }
}

impl Changes {
    async fn new(live: LiveCaller, wanted: Wanted, after: Option<&str>) -> Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let after = match after {
            Some(text) => Some(begin(text, outbox::last_position(&op.conn()).await?)?),
            None => None,
        };
        let events = Follower::new(op.app.clone(), after).await?;
        Ok(Self { live, events, wanted, unheard: None, due: None })
    }

    /// Whether an event changed something that the caller sees of the board.
    async fn concerns(&self, event: &event::Model, caller: &Arc<Caller>) -> Result<bool> {
        let position = event.position.unwrap_or_default();
        let read = async || touched(&self.live.op_of(caller.clone()), event).await;
        let finding = self.live.findings().of::<Finding>(position);
        let touched = match finding.touched.get(read).await? {
            Some(touched) => touched,
            None => Box::pin(read()).await?,
        };
        let reach = caller.sees(Permission::ReadForecast);
        let is_seen = |place: &Place| reach.covers(place) && self.wanted.scope.covers(place);
        Ok(touched.iter().any(|(quarter, place)| *quarter == self.wanted.quarter && is_seen(place)))
    }

    async fn tell(&self, position: i64, caller: Arc<Caller>) -> Result<Live<ForecastChange>> {
        let reach = caller.sees(Permission::ReadForecast);
        let op = self.live.op_of(caller);
        let shared = self.live.findings().of::<Finding>(position).board(&self.wanted, &reach);
        let read = async || Ok::<_, Error>(Arc::new(board::board(&op, &reach, self.wanted).await?));
        let board = match shared.get(read).await? {
            Some(board) => board,
            None => Box::pin(read()).await?,
        };
        let cursor = Cursor { place: (position, WHOLE), view: FEED }.to_string();
        let board = ForecastBoard { board: Board::clone(&board), live_cursor: Some(cursor.clone()) };
        Ok(Live::new(op, ForecastChange { board, cursor }))
    }
}

/// In which quarters, and whose, an event changed a deal's standing or a quota.
async fn touched(op: &Op, event: &event::Model) -> Result<Touched> {
    let conn = op.conn();
    match event.subject_type.as_str() {
        "Opportunity" => {
            let states = history::changed_at(&conn, OpportunityId(event.subject_id), event.at).await?;
            Ok(states.iter().map(|state| (state.quarter, store::place(state))).collect())
        }
        "Quota" => {
            let Some(quota) = store::quotas_by_key(&conn, &[QuotaId(event.subject_id)]).await?.pop() else {
                return Ok(Arc::default());
            };
            let team = Place { owner: None, delegation: quota.delegation_id, region: quota.region_id };
            let place = match quota.person_id {
                Some(person) => identity::store::places(&conn, &[person], None).await?.remove(&person),
                None => Some(team),
            };
            Ok(place.into_iter().map(|place| (quota.quarter, place)).collect())
        }
        _ => Ok(Arc::default()),
    }
}

impl Feed for Changes {
    type Item = ForecastChange;

    async fn next(&mut self) -> Result<Option<Live<ForecastChange>>> {
        loop {
            let Some(caller) = self.live.current() else { return Ok(None) };
            if let Some(event) = self.unheard.clone() {
                if matches!(event.subject_type.as_str(), "Opportunity" | "Quota")
                    && self.concerns(&event, &caller).await?
                {
                    let since = self.due.map_or_else(|| Instant::now() + PAUSE, |(since, _)| since);
                    self.due = Some((since, event.position.unwrap_or_default()));
                }
                self.unheard = None;
            }
            if let Some((at, position)) = self.due
                && at <= Instant::now()
            {
                let told = self.tell(position, caller).await?;
                self.due = None;
                return Ok(Some(told));
            }
            let due = self.due.map(|(at, _)| at);
            tokio::select! {
                biased;
                () = self.live.changed() => {}
                event = self.events.next() => match event? {
                    Some(event) => self.unheard = Some(event),
                    None => return Ok(None),
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }
}

/// The position behind which one goes on, in a feed that ends at a position.
fn begin(text: &str, end: i64) -> Result<i64> {
    let cursor = Cursor::within(text, end)?;
    match cursor.view == FEED {
        true => Ok(cursor.place.0),
        false => Err(Error::bad_input(["after"], "not a cursor of this feed")),
    }
}
