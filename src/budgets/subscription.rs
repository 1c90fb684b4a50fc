//! Following the envelopes of a year.

use std::{
    collections::{HashSet, VecDeque},
    fmt,
    sync::Arc,
};

use ::entity::{budgets::envelope, platform::event, vocabulary::EnvelopeId};
use async_graphql::{Context, Result, SimpleObject, Subscription};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream::{self, Stream};

use super::{store, types::Envelope};
use crate::{
    authz::{Caller, Permission},
    error::Error,
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    live::{Live, LiveCaller},
    op::Op,
    outbox::{self, Follower},
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
    ) -> Result<impl Stream<Item = Result<Live<BudgetChange>>>> {
        let op = op(ctx).clone();
        let changes = Changes::new(LiveCaller::of(ctx)?, year, after.as_deref()).await.told(&op)?;
        Ok(stream::unfold(Some(changes), move |changes| {
            let op = op.clone();
            async move {
                let mut changes = changes?;
                match changes.next().await {
                    Ok(change) => Some((Ok(change?), Some(changes))),
                    Err(error) => Some((Err(error).told(&op), None)),
                }
            }
        }))
    }
}

/// A place in the feed: behind so many of the envelopes that an event at a position changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    position: i64,
    place: u32,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (position, place) = plain.split_once('.')?;
        let cursor = Self { position: position.parse().ok()?, place: place.parse().ok()? };
        // One text per cursor: what would print otherwise is not one.
        (cursor.position > 0 && cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}.{}", self.position, self.place)))
    }
}

/// What the events of the feed mean for one caller.
struct Changes {
    live: LiveCaller,
    events: Follower,
    year: i32,
    /// The caller was told until here.
    told: Option<Cursor>,
    waiting: VecDeque<(Cursor, envelope::Model)>,
    /// Envelopes that are not the caller's to read, or of another year: their changes cost no statement.
    others: HashSet<EnvelopeId>,
    /// With whose rights these were found.
    caller: Option<Arc<Caller>>,
}

impl Changes {
    async fn new(live: LiveCaller, year: i32, after: Option<&str>) -> crate::error::Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let told = match after {
            Some(text) => {
                let end = outbox::last_position(&op.conn()).await?;
                let cursor = Cursor::parse(text).filter(|cursor| cursor.position <= end);
                Some(cursor.ok_or_else(|| Error::bad_input(["after"], "not a cursor of this subscription"))?)
            }
            None => None,
        };
        // The event of the cursor may have changed more envelopes.
        let events = Follower::new(op.app.clone(), told.map(|cursor| cursor.position - 1)).await?;
        Ok(Self { live, events, year, told, waiting: VecDeque::new(), others: HashSet::new(), caller: None })
    }

    /// The next change; nothing where nobody is signed in any more.
    async fn next(&mut self) -> crate::error::Result<Option<Live<BudgetChange>>> {
        loop {
            let Some(op) = self.live.op() else { return Ok(None) };
            self.turn(&op);
            while let Some((cursor, row)) = self.waiting.pop_front() {
                if self.is_readable(&op, &row) {
                    let change = BudgetChange { envelope: Envelope(row), cursor: cursor.to_string() };
                    return Ok(Some(Live::new(op, change)));
                }
            }
            drop(op);
            let event = tokio::select! {
                biased;
                () = self.live.changed() => continue,
                event = self.events.next() => event?,
            };
            let (Some(event), Some(op)) = (event, self.live.op()) else { return Ok(None) };
            self.turn(&op);
            self.hear(&op, &event).await?;
        }
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
            let cursor = Cursor { position, place };
            if !self.others.contains(&envelope) && self.told.is_none_or(|told| told < cursor) {
                wanted.push((cursor, envelope));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let ids: Vec<EnvelopeId> = wanted.iter().map(|(_, envelope)| *envelope).collect();
        let rows = store::envelopes_by_key(&op.conn(), &ids).await?;
        for (cursor, envelope) in wanted {
            let Some(row) = rows.iter().find(|row| row.id == envelope) else { continue };
            if self.is_readable(op, row) {
                self.waiting.push_back((cursor, row.clone()));
            } else {
                self.others.insert(envelope);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_nothing_else_is_one() {
        let cursor = Cursor { position: 17, place: 3 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in ["", "17.3", "MTcuMDM", "LTEuMA", "MTc", "é"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
        assert!(cursor > Cursor { position: 17, place: 2 } && cursor < Cursor { position: 18, place: 0 });
    }
}
