//! Following the envelopes of a year.

use std::{collections::VecDeque, sync::Arc};

use ::entity::{budgets::envelope, platform::event, vocabulary::EnvelopeId};
use async_graphql::{Context, SimpleObject, Subscription};
use futures_util::stream::Stream;

use super::{store, types::Envelope};
use crate::{
    authz::{Caller, Permission, Reach},
    error::{Error, Result},
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    live::{self, Audience, Common, Feed, Fresh, Live, LiveCaller, Shape, Shared, Sharing, Tellings},
    outbox::{self, Cursor, Follower, Place},
};

/// What the cursors of this feed are marked with.
const FEED: u32 = 0x6275_6467;

/// What everybody is told alike who may ask for it.
const COMMON: Common = Common {
    object: "envelope",
    columns: &["id", "year", "kind", "allocated", "committed", "consumed", "available", "version"],
    objects: &["delegate", "delegation", "region", "corridors"],
};

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
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<Live<Shared<BudgetChange>>>>> {
        let op = op(ctx).clone();
        let changes =
            Changes::new(LiveCaller::of(ctx)?, year, after.as_deref(), Shape::of(ctx, &COMMON)).await.told(&op)?;
        Ok(live::follow(op, changes))
    }
}

/// What the events of the feed mean for one caller.
struct Changes {
    live: LiveCaller,
    events: Follower,
    year: i32,
    shape: Shape,
    /// With whom the caller shares what is told, what they may read, and with whose rights that was found.
    audience: Audience,
    readable: Reach,
    caller: Arc<Caller>,
    /// The caller was told until here.
    told: Option<Place>,
    /// An event whose envelopes are not read yet.
    unread: Option<Arc<event::Model>>,
    waiting: VecDeque<Waiting>,
}

/// An envelope to be told.
struct Waiting {
    place: Place,
    row: Row,
    /// Where it is told together with others.
    tellings: Option<Arc<Tellings>>,
}

type Row = Arc<envelope::Model>;

/// What is found out about an event once for all who follow.
#[derive(Default)]
struct Finding {
    /// The envelopes that it changed.
    envelopes: Fresh<Arc<[Row]>>,
    tellings: Arc<Tellings>,
}

impl Changes {
    async fn new(live: LiveCaller, year: i32, after: Option<&str>, shape: Shape) -> Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let told = match after {
            Some(text) => Some(begin(text, outbox::last_position(&op.conn()).await?)?),
            None => None,
        };
        // The event of the cursor may have changed more envelopes.
        let events = Follower::new(op.app.clone(), told.map(|(position, _)| position - 1)).await?;
        let caller = op.caller()?.clone();
        let (audience, readable) = rights(&caller, &live, shape);
        let (unread, waiting) = (None, VecDeque::new());
        Ok(Self { live, events, year, shape, audience, readable, caller, told, unread, waiting })
    }

    /// Goes over to the present rights.
    fn turn(&mut self, caller: Arc<Caller>) {
        if !Arc::ptr_eq(&caller, &self.caller) {
            (self.audience, self.readable) = rights(&caller, &self.live, self.shape);
            self.caller = caller;
        }
    }

    fn is_readable(&self, row: &envelope::Model) -> bool {
        row.year == self.year && self.readable.covers(&store::place(row))
    }

    /// Reads the envelopes of an event as they are now, and keeps those that are the caller's to read.
    async fn hear(&mut self, event: &event::Model) -> Result<()> {
        let position = event.position.unwrap_or_default();
        let changed: Vec<EnvelopeId> =
            serde_json::from_value(event.envelopes.clone()).map_err(|error| Error::Internal(error.into()))?;
        if changed.is_empty() {
            return Ok(());
        }
        let read = async || {
            let op = self.live.op_of(self.caller.clone());
            let rows = store::envelopes_by_key(&op.conn(), &changed).await?;
            Ok::<Arc<[Row]>, Error>(rows.into_iter().map(Arc::new).collect())
        };
        let finding = self.live.findings().of::<Finding>(position);
        let (rows, tellings) = match finding.envelopes.get(read).await? {
            Some(shared) => (shared, Some(finding.tellings.clone())),
            None => (Box::pin(read()).await?, None),
        };
        for (part, envelope) in (0..).zip(&changed) {
            let place = (position, part);
            let row = rows.iter().find(|row| row.id == *envelope);
            if let Some(row) = row.filter(|row| self.is_readable(row) && self.told.is_none_or(|told| told < place)) {
                self.waiting.push_back(Waiting { place, row: row.clone(), tellings: tellings.clone() });
            }
        }
        Ok(())
    }

    fn tell(&self, Waiting { place, row, tellings }: Waiting) -> Live<Shared<BudgetChange>> {
        let cursor = Cursor { place, view: FEED };
        let sharing = tellings.map(|tellings| Sharing::new(tellings, self.shape, self.audience, (row.id.0, 0)));
        if let Some(told) = sharing.as_ref().and_then(|sharing| sharing.told(cursor)) {
            return Live::finished(told);
        }
        let envelope = Envelope(Arc::unwrap_or_clone(row));
        let event = BudgetChange { envelope, cursor: cursor.to_string() };
        Live::new(self.live.op_of(self.caller.clone()), Shared::New { event, cursor, sharing })
    }
}

/// With whom a caller shares what is told, and what they may read.
fn rights(caller: &Caller, live: &LiveCaller, shape: Shape) -> (Audience, Reach) {
    (Audience::of(caller, live.language(), shape), caller.sees(Permission::ReadBudgets))
}

impl Feed for Changes {
    type Item = Shared<BudgetChange>;

    async fn next(&mut self) -> Result<Option<Live<Shared<BudgetChange>>>> {
        loop {
            let Some(caller) = self.live.current() else { return Ok(None) };
            self.turn(caller);
            while let Some(waiting) = self.waiting.pop_front() {
                if self.is_readable(&waiting.row) {
                    return Ok(Some(self.tell(waiting)));
                }
            }
            if let Some(event) = self.unread.clone() {
                self.hear(&event).await?;
                self.unread = None;
                continue;
            }
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
fn begin(text: &str, end: i64) -> Result<Place> {
    let cursor = Cursor::within(text, end)?;
    match cursor.view == FEED {
        true => Ok(cursor.place),
        false => Err(Error::bad_input(["after"], "not a cursor of this feed")),
    }
}
