//! Following the envelopes of a year.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use ::entity::{budgets::envelope, platform::event, vocabulary::EnvelopeId};
use async_graphql::{Context, Result, SimpleObject, Subscription};
use futures_util::stream::Stream;

use super::{store, types::Envelope};
use crate::{
    authz::{Caller, Permission},
    error::Error,
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    live::{self, Feed, Live, LiveCaller},
    op::Op,
    outbox::{self, Cursor, Follower, Place},
};

/// What the cursors of this feed are marked with.
const FEED: u32 = 0x6275_6467;

/// Follows the envelopes.
#[derive(Debug, Default)]
pub struct BudgetsSubscription;

/// An envelope whose balance changed.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readBudgets".into()))]
pub struct BudgetChange {
    /// The envelope, as it is now.
    envelope: Envelope,
    /// Place in the feed, from which one can go on.
    cursor: String,
}

#[Subscription]
impl BudgetsSubscription {
    /// Each envelope of a year that the caller may read, whenever its balance changes, in the order of the
    /// changes.
    #[graphql(directive = requires::apply("readBudgets".into()))]
    async fn budget_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Budget year.")] year: i32,
        #[graphql(desc = "From this cursor on, of an earlier change; from now on where there is none.")] after: Option<
            String,
        >,
    ) -> Result<impl Stream<Item = Result<Live<BudgetChange>>>> {
        let op = op(ctx).clone();
        let changes = Changes::new(LiveCaller::of(ctx)?, year, after.as_deref()).await.told(&op)?;
        Ok(live::follow(op, changes))
    }
}

/// What the events of the feed mean for one caller.
struct Changes {
    live: LiveCaller,
    events: Follower,
    year: i32,
    /// The caller was told until here.
    told: Option<Place>,
    /// An event whose envelopes are not read yet.
    unread: Option<Arc<event::Model>>,
    waiting: VecDeque<(Place, envelope::Model)>,
    /// Envelopes that are not the caller's to read, or of another year: their changes cost no statement.
    others: HashSet<EnvelopeId>,
    /// With whose rights these were found.
    caller: Option<Arc<Caller>>,
}

impl Changes {
    async fn new(live: LiveCaller, year: i32, after: Option<&str>) -> crate::error::Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let told = match after {
            Some(text) => Some(begin(text, outbox::last_position(&op.conn()).await?)?),
            None => None,
        };
        // The event of the cursor may have changed more envelopes.
        let events = Follower::new(op.app.clone(), told.map(|(position, _)| position - 1)).await?;
        let (unread, waiting, others) = (None, VecDeque::new(), HashSet::new());
        Ok(Self { live, events, year, told, unread, waiting, others, caller: None })
    }

    /// Forgets what was not readable once the caller's rights are others.
    fn turn(&mut self, op: &Op) {
        let is_same = |known: &Arc<Caller>| op.caller.as_ref().is_some_and(|caller| Arc::ptr_eq(caller, known));
        if !self.caller.as_ref().is_some_and(is_same) {
            self.caller.clone_from(&op.caller);
            self.others.clear();
        }
    }

    fn is_readable(&self, op: &Op, row: &envelope::Model) -> bool {
        row.year == self.year && op.sees(Permission::ReadBudgets).covers(&store::place(row))
    }

    /// Reads the envelopes of an event as they are now, where they may be the caller's to read.
    async fn hear(&mut self, op: &Op, event: &event::Model) -> crate::error::Result<()> {
        let position = event.position.unwrap_or_default();
        let changed: Vec<EnvelopeId> =
            serde_json::from_value(event.envelopes.clone()).map_err(|error| Error::Internal(error.into()))?;
        let mut wanted = Vec::new();
        for (place, envelope) in (0..).zip(changed) {
            let place = (position, place);
            if !self.others.contains(&envelope) && self.told.is_none_or(|told| told < place) {
                wanted.push((place, envelope));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ids: Vec<EnvelopeId> = wanted.iter().map(|(_, envelope)| *envelope).collect();
        let rows = store::envelopes_by_key(&op.conn(), &ids).await?;
        for (place, envelope) in wanted {
            let Some(row) = rows.iter().find(|row| row.id == envelope) else { continue };
            if self.is_readable(op, row) {
                self.waiting.push_back((place, row.clone()));
            } else {
                self.others.insert(envelope);
            }
        }
        Ok(())
    }
}

impl Feed for Changes {
    type Item = BudgetChange;

    async fn next(&mut self) -> crate::error::Result<Option<Live<BudgetChange>>> {
        loop {
            let Some(op) = self.live.op() else { return Ok(None) };
            self.turn(&op);
            while let Some((place, row)) = self.waiting.pop_front() {
                if self.is_readable(&op, &row) {
                    let cursor = Cursor { place, view: FEED }.to_string();
                    return Ok(Some(Live::new(op, BudgetChange { envelope: Envelope(row), cursor })));
                }
            }
            if let Some(event) = self.unread.clone() {
                self.hear(&op, &event).await?;
                self.unread = None;
                continue;
            }
            drop(op);
            tokio::select! {
                biased;
                () = self.live.changed() => {}
                event = self.events.next() => match event? {
                    Some(event) => self.unread = Some(event),
                    None => return Ok(None),
                },
            }
        }
    }
}

/// The place behind which one goes on, in a feed that ends at a position.
fn begin(text: &str, end: i64) -> crate::error::Result<Place> {
    let cursor = Cursor::within(text, end)?;
    match cursor.view == FEED {
        true => Ok(cursor.place),
        false => Err(Error::bad_input(["after"], "not a cursor of this feed")),
    }
}
