//! Rows on their way to the database, with the keys that they get there.

use std::mem::take;

use ::entity::{
    budgets::{goodwill, ledger_entry},
    forecast::{deal_state, quota, quota_figure},
    orders::{attachment, order, order_line, order_result},
    platform::{event, work_item},
    sales::{opportunity, oppy_document},
    vocabulary::{DealStateId, EnvelopeId, EventId, PersonId, WorkItemId},
};
use chrono::{DateTime, Utc};

use crate::{
    audit,
    outbox::Subject,
    work_queue::{self, Item, Moves},
};

/// Rows that nothing changes any more.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub orders: Vec<order::Model>,
    pub lines: Vec<order_line::Model>,
    pub results: Vec<order_result::Model>,
    pub attachments: Vec<attachment::Model>,
    pub gestures: Vec<goodwill::Model>,
    pub deals: Vec<opportunity::Model>,
    pub deal_documents: Vec<oppy_document::Model>,
    pub deal_states: Vec<deal_state::Model>,
    pub quotas: Vec<quota::Model>,
    pub quota_figures: Vec<quota_figure::Model>,
    pub items: Vec<work_item::Model>,
    pub events: Vec<event::Model>,
    pub ledger: Vec<ledger_entry::Model>,
    /// Version of the policy that allows everything here.
    pub policy_version: i64,
    last_event: i64,
    last_seal: String,
    last_item: i64,
    last_state: i64,
}

/// Something that happened, as a timeline tells it.
#[derive(Clone, Debug)]
pub(super) struct Told<'t> {
    pub at: DateTime<Utc>,
    pub kind: &'static str,
    /// None: the system.
    pub actor: Option<PersonId>,
    pub role: &'t str,
    pub subject: Subject,
    pub from: Option<&'static str>,
    pub to: Option<&'static str>,
    pub reason: Option<&'t str>,
    pub changes: serde_json::Value,
    pub queue: Moves,
    pub envelopes: &'t [EnvelopeId],
}

impl Journal {
    pub(super) fn new(policy_version: i64) -> Self {
        Self { policy_version, ..Self::default() }
    }

    /// How many rows wait to be written.
    pub(super) fn len(&self) -> usize {
        let Self { orders, lines, results, attachments, gestures, items, events, ledger, .. } = self;
        let Self { deals, deal_documents, deal_states, quotas, quota_figures, .. } = self;
        orders.len()
            + lines.len()
            + results.len()
            + attachments.len()
            + gestures.len()
            + items.len()
            + events.len()
            + ledger.len()
            + deals.len()
            + deal_documents.len()
            + deal_states.len()
            + quotas.len()
            + quota_figures.len()
    }

    /// The rows until now, to be written; the keys go on behind them.
    pub(super) fn rows(&mut self) -> Self {
        Self {
            orders: take(&mut self.orders),
            lines: take(&mut self.lines),
            results: take(&mut self.results),
            attachments: take(&mut self.attachments),
            gestures: take(&mut self.gestures),
            deals: take(&mut self.deals),
            deal_documents: take(&mut self.deal_documents),
            deal_states: take(&mut self.deal_states),
            quotas: take(&mut self.quotas),
            quota_figures: take(&mut self.quota_figures),
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
        let Told { at, kind, actor, role, subject, from, to, reason, changes, queue, envelopes } = told;
        let id = self.next_event();
        self.last_event = id.0;
        let mut event = event::Model {
            id,
            position: Some(self.last_event),
            at,
            kind: kind.to_owned(),
            actor_id: actor,
            on_behalf_of_id: None,
            roles: role.to_owned(),
            subject_type: subject.kind.to_owned(),
            subject_id: subject.id,
            from_status: from.map(str::to_owned),
            to_status: to.map(str::to_owned),
            reason: reason.map(str::to_owned),
            changes,
            queue: serde_json::to_value(&queue).unwrap_or_default(),
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

    /// The key of another item of a queue.
    pub(super) fn next_item(&mut self) -> WorkItemId {
        self.last_item += 1;
        WorkItemId(self.last_item)
    }

    /// Queues what a subject waits for.
    pub(super) fn queue(&mut self, subject: work_queue::Subject, items: Vec<Item>) {
        let keyed: Vec<_> = items.into_iter().map(|item| (self.next_item(), item)).collect();
        self.queue_as(subject, keyed);
    }

    /// Queues what a subject waits for, where the keys are known.
    pub(super) fn queue_as(&mut self, subject: work_queue::Subject, items: Vec<(WorkItemId, Item)>) {
        use work_queue::Subject;
        let (order_id, goodwill_id, opportunity_id) = match subject {
            Subject::Order(order) => (Some(order), None, None),
            Subject::Goodwill(gesture) => (None, Some(gesture), None),
            Subject::Opportunity(opportunity) => (None, None, Some(opportunity)),
        };
        for (id, item) in items {
            let Item { kind, owner, involved, .. } = item.clone();
            let Item { delegation, region, broker, year, total, since, version, .. } = item;
            self.items.push(work_item::Model {
                id,
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

    /// Keeps the states that a deal was in.
    pub(super) fn keep_states(&mut self, states: Vec<deal_state::Model>) {
        for state in states {
            self.last_state += 1;
            self.deal_states.push(deal_state::Model { id: DealStateId(self.last_state), ..state });
        }
    }
}
