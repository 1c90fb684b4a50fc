//! Following the envelopes of a year.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use ::entity::{budgets::envelope, platform::event, vocabulary::EnvelopeId};
use async_graphql::{Context, Result, SimpleObject, Subscription};
use futures_util::stream::{self, Stream};

use super::{store, types::Envelope};
use crate::{
    authz::{Caller, Permission},
    error::Error,
    follow::{Cursor, Follower},
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    live::{Live, LiveCaller},
    op::Op,
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
        let events = Follower::new(LiveCaller::of(ctx)?, after.as_deref()).await.told(&op)?;
        Ok(stream::unfold(Some(Changes::new(events, year)), move |changes| {
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

/// What the events of the feed mean for one caller.
struct Changes {
    events: Follower,
    year: i32,
    waiting: VecDeque<(Cursor, envelope::Model)>,
    /// Envelopes that are not the caller's to read, or of another year: their changes cost no statement.
    others: HashSet<EnvelopeId>,
    /// With whose rights these were found.
    caller: Option<Arc<Caller>>,
}

impl Changes {
    fn new(events: Follower, year: i32) -> Self {
        Self { events, year, waiting: VecDeque::new(), others: HashSet::new(), caller: None }
    }

    async fn next(&mut self) -> crate::error::Result<Option<Live<BudgetChange>>> {
        loop {
            let Some(op) = self.events.op() else { return Ok(None) };
            self.turn(&op);
            while let Some((cursor, row)) = self.waiting.pop_front() {
                if self.is_readable(&op, &row) {
                    let change = BudgetChange { envelope: Envelope(row), cursor: cursor.to_string() };
                    return Ok(Some(Live::new(op, change)));
                }
            }
            drop(op);
            let Some((position, event)) = self.events.next().await? else { return Ok(None) };
            let Some(op) = self.events.op() else { return Ok(None) };
            self.turn(&op);
            self.hear(&op, position, &event).await?;
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
    async fn hear(&mut self, op: &Op, position: i64, event: &event::Model) -> crate::error::Result<()> {
        let changed: Vec<EnvelopeId> =
            serde_json::from_value(event.envelopes.clone()).map_err(|error| Error::Internal(error.into()))?;
        let mut wanted = Vec::new();
        for (message, envelope) in (0..).zip(changed) {
            let cursor = Cursor { position, message };
            if !self.others.contains(&envelope) && !self.events.was_told(cursor) {
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
