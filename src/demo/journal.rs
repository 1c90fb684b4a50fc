//! Rows on their way to the database, with the keys that they get there.

use std::mem::take;

use ::entity::{
    budgets::{goodwill, ledger_entry},
    orders::{attachment, order, order_line, order_result},
    platform::{event, work_item},
    vocabulary::{EnvelopeId, EventId, PersonId, WorkItemId},
};
use chrono::{DateTime, Utc};

use crate::{audit, outbox::Subject, work_queue::Item};

/// Rows that nothing changes any more.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub orders: Vec<order::Model>,
    pub lines: Vec<order_line::Model>,
    pub results: Vec<order_result::Model>,
    pub attachments: Vec<attachment::Model>,
    pub gestures: Vec<goodwill::Model>,
    pub items: Vec<work_item::Model>,
    pub events: Vec<event::Model>,
    pub ledger: Vec<ledger_entry::Model>,
    /// Version of the policy that allows everything here.
    pub policy_version: i64,
    last_event: i64,
    last_seal: String,
    last_item: i64,
}

/// Something that happened, as a timeline tells it.
#[derive(Clone, Debug)]
pub(super) struct Told<'t> {
    pub at: DateTime<Utc>,
    pub kind: &'static str,
    pub actor: PersonId,
    pub role: &'t str,
    pub subject: Subject,
    pub from: Option<&'static str>,
    pub to: Option<&'static str>,
    pub reason: Option<&'t str>,
    pub changes: serde_json::Value,
    pub envelopes: &'t [EnvelopeId],
}

impl Journal {
    pub(super) fn new(policy_version: i64) -> Self {
        Self { policy_version, ..Self::default() }
    }

    /// How many rows wait to be written.
    pub(super) fn len(&self) -> usize {
        let Self { orders, lines, results, attachments, gestures, items, events, ledger, .. } = self;
        orders.len()
            + lines.len()
            + results.len()
            + attachments.len()
            + gestures.len()
            + items.len()
            + events.len()
            + ledger.len()
    }

    /// The rows until now, to be written; the keys go on behind them.
    pub(super) fn rows(&mut self) -> Self {
        Self {
            orders: take(&mut self.orders),
            lines: take(&mut self.lines),
            results: take(&mut self.results),
            attachments: take(&mut self.attachments),
            gestures: take(&mut self.gestures),
            items: take(&mut self.items),
            events: take(&mut self.events),
            ledger: take(&mut self.ledger),
            ..Self::default()
        }
    }

    /// The key of the event that is told next.
    pub(super) fn next_event(&self) -> EventId {
        EventId(self.last_event + 1)
    }

    /// Writes an event: in the order of commits, which is the order of keys.
    pub(super) fn tell(&mut self, told: Told<'_>) {
        let Told { at, kind, actor, role, subject, from, to, reason, changes, envelopes } = told;
        let id = self.next_event();
        self.last_event = id.0;
        let mut event = event::Model {
            id,
            position: Some(self.last_event),
            at,
            kind: kind.to_owned(),
            actor_id: Some(actor),
            on_behalf_of_id: None,
            roles: role.to_owned(),
            subject_type: subject.kind.to_owned(),
            subject_id: subject.id,
            from_status: from.map(str::to_owned),
            to_status: to.map(str::to_owned),
            reason: reason.map(str::to_owned),
            changes,
            queue: serde_json::Value::Array(Vec::new()),
            envelopes: envelopes.iter().map(|id| id.0).collect(),
            policy_version: self.policy_version,
            request_id: "demonstration".to_owned(),
            seal: None,
        };
        // Sealed at once: nobody else writes meanwhile. What cannot be sealed here is left to the server.
        event.seal = audit::seal(&self.last_seal, &event).ok();
        if let Some(seal) = &event.seal {
            self.last_seal.clone_from(seal);
        }
        self.events.push(event);
    }

    /// Queues what a subject waits for.
    pub(super) fn queue(&mut self, subject: crate::work_queue::Subject, items: Vec<Item>) {
        use crate::work_queue::Subject;
        let (order_id, goodwill_id, opportunity_id) = match subject {
            Subject::Order(order) => (Some(order), None, None),
            Subject::Goodwill(gesture) => (None, Some(gesture), None),
            Subject::Opportunity(opportunity) => (None, None, Some(opportunity)),
        };
        for item in items {
            self.last_item += 1;
            let Item { kind, owner, involved, .. } = item.clone();
            let Item { delegation, region, broker, year, total, since, version, .. } = item;
            self.items.push(work_item::Model {
                id: WorkItemId(self.last_item),
                kind,
                order_id,
                goodwill_id,
                opportunity_id,
                owner_id: owner,
                involved,
                delegation_id: delegation,
                region_id: region,
                broker_id: broker,
                year,
                total,
                since,
                version,
            });
        }
    }
}
