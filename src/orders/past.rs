//! An order as it stood (G-20): what its events changed since then is taken back from what it is now, the newest
//! first. Pure.
//!
//! ```text
//! now ──undo event 9──▶ ──undo event 8──▶ … as it stood behind the last event that was not later than the moment
//! ```
//! Events tell the change of every column of an order; what belongs to it and is overwritten (lines, results) they
//! tell beside, before and after, and attachments are never deleted. The events of the first releases told less:
//! what they do not know is left unknown rather than guessed.

use ::entity::{
    orders::{attachment, order, order_line, order_result},
    platform::event,
    vocabulary::{ArticleId, AttachmentId, Money, OrderId, OrderKind, OrderLineId, OrderStatus, PersonId},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::{
    error::{Error, Result},
    record,
};

/// What an event calls the lines that it replaced or priced anew.
pub const LINES: &str = "lines";
/// What an event calls the results that it recorded.
pub const RESULTS: &str = "results";
/// What an event calls the attachment that it is about.
const ATTACHMENT: &str = "attachment";

/// An order with everything that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The order.
    pub order: order::Model,
    /// Its lines; unknown where the events do not tell them.
    pub lines: Option<Vec<order_line::Model>>,
    /// Its attachments; among those of now, the removed ones too.
    pub attachments: Vec<attachment::Model>,
    /// What it brought; unknown where the events do not tell it.
    pub results: Option<Option<order_result::Model>>,
    /// Everything that happened to it, oldest first.
    pub events: Vec<event::Model>,
}

impl Whole {
    /// The same order as it stood at a moment, with the attachments that it had; nothing where it was not there yet.
    ///
    /// # Errors
    /// Where its events tell what cannot have been, which is a defect.
    pub fn at(mut self, moment: DateTime<Utc>) -> Result<Option<Self>> {
        let kept = self.events.iter().rposition(|event| event.at <= moment).map_or(0, |last| last + 1);
        if kept == 0 && self.order.created_at > moment {
            return Ok(None);
        }
        let undone = self.events.split_off(kept);
        self.attachments.retain(|file| was_there(file, moment, &undone));
        for event in undone.iter().rev() {
            self.take_back(event)?;
        }
        if !undone.is_empty() {
            self.order.status_since = self.stands_since();
        }
        Ok(Some(self))
    }

    fn take_back(&mut self, event: &event::Model) -> Result<()> {
        let nothing = Map::new();
        let changes = event.changes.as_object().unwrap_or(&nothing);
        self.lines = self.lines_before(event, changes);
        self.results = results_before(self.results.take(), event, changes);
        if event.kind == "order.receipt_invalid" {
            let invalid = self.attachments.iter_mut().filter(|file| is_about(event, file.id));
            invalid.for_each(|file| file.invalid_reason = None);
        }
        record::take_back(&mut self.order, changes)?;
        if let Some(code) = &event.from_status {
            let known = OrderStatus::ALL.iter().copied().find(|status| status.code() == code);
            self.order.status = known.ok_or_else(|| Error::defect(format!("no order was ever {code}")))?;
        }
        self.order.version -= 1;
        Ok(())
    }

    /// The lines before an event. The events of the first releases said no more than that there were others, or
    /// nothing but the total that changed with their prices.
    fn lines_before(&self, event: &event::Model, changes: &Map<String, Json>) -> Option<Vec<order_line::Model>> {
        match changes.get(LINES) {
            Some(Json::Array(pair)) => {
                let told: Vec<Line> = serde_json::from_value(pair.first()?.clone()).ok()?;
                Some(told.iter().zip(1..).map(|(line, position)| line.of(self.order.id, position)).collect())
            }
            Some(Json::Bool(true)) => None,
            Some(_) | None => {
                let drafted = matches!(event.kind.as_str(), "order.updated" | "order.submitted");
                let repriced = drafted && self.order.kind == OrderKind::Standard && changes.contains_key("total");
                self.lines.clone().filter(|_| !repriced)
            }
        }
    }

    /// Since when it stands where it does, from what happened to it until then.
    fn stands_since(&self) -> DateTime<Utc> {
        let moved = self.events.iter().rev().find(|event| event.from_status != event.to_status);
        moved.map_or(self.order.created_at, |event| event.at)
    }
}

/// Whether an attachment was there at a moment: by its own word, and by what had not happened yet.
fn was_there(file: &attachment::Model, moment: DateTime<Utc>, undone: &[event::Model]) -> bool {
    let still_to = |kinds: &[&str]| undone.iter().any(|e| kinds.contains(&e.kind.as_str()) && is_about(e, file.id));
    let added = file.added_at <= moment && !still_to(&["order.file_attached", "order.proof_sent"]);
    let removed = file.removed_at.is_some_and(|at| at <= moment) && !still_to(&["order.file_removed"]);
    added && !removed
}

fn is_about(event: &event::Model, attachment: AttachmentId) -> bool {
    event.changes.get(ATTACHMENT).and_then(Json::as_i64) == Some(attachment.0)
}

/// The results before an event; the first ones came with the step to the end.
fn results_before(
    after: Option<Option<order_result::Model>>,
    event: &event::Model,
    changes: &Map<String, Json>,
) -> Option<Option<order_result::Model>> {
    if event.kind != "order.results_recorded" {
        return after;
    }
    match changes.get(RESULTS) {
        Some(Json::Array(pair)) => {
            let told: Option<Results> = serde_json::from_value(pair.first()?.clone()).ok()?;
            Some(told.map(|told| told.of(OrderId(event.subject_id))))
        }
        Some(_) | None => (event.from_status != event.to_status).then_some(None),
    }
}

/// A line as an event tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    article: ArticleId,
    quantity: i64,
    unit_price: Money,
}

impl Line {
    const fn new(line: &order_line::Model) -> Self {
        Self { article: line.article_id, quantity: line.quantity, unit_price: line.unit_price }
    }

    const fn of(&self, order_id: OrderId, position: i32) -> order_line::Model {
        let Self { article: article_id, quantity, unit_price } = *self;
        order_line::Model { id: OrderLineId(0), order_id, position, article_id, quantity, unit_price }
    }
}

/// What an event tells of lines that became others, before and after; nothing where they stay what they are.
#[must_use]
pub fn lines_told<'l>(
    before: impl IntoIterator<Item = &'l order_line::Model>,
    after: impl IntoIterator<Item = &'l order_line::Model>,
) -> Option<Json> {
    let before: Vec<Line> = before.into_iter().map(Line::new).collect();
    let after: Vec<Line> = after.into_iter().map(Line::new).collect();
    (before != after).then(|| json!([before, after]))
}

/// Results as an event tells them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Results {
    contacts_reached: i32,
    appointments: i32,
    quotes: i32,
    contracts_signed: i32,
    premium_volume: Money,
    comment: Option<String>,
    improvement_ideas: Option<String>,
    recorded_at: DateTime<Utc>,
    recorded_by: PersonId,
}

impl Results {
    fn new(row: &order_result::Model) -> Self {
        let order_result::Model { order_id: _, contacts_reached, appointments, quotes, contracts_signed, .. } = *row;
        Self {
            contacts_reached,
            appointments,
            quotes,
            contracts_signed,
            premium_volume: row.premium_volume,
            comment: row.comment.clone(),
            improvement_ideas: row.improvement_ideas.clone(),
            recorded_at: row.recorded_at,
            recorded_by: row.recorded_by_id,
        }
    }

    fn of(self, order_id: OrderId) -> order_result::Model {
        let Self { contacts_reached, appointments, quotes, contracts_signed, premium_volume, .. } = self;
        order_result::Model {
            order_id,
            contacts_reached,
            appointments,
            quotes,
            contracts_signed,
            premium_volume,
            comment: self.comment,
            improvement_ideas: self.improvement_ideas,
            recorded_at: self.recorded_at,
            recorded_by_id: self.recorded_by,
        }
    }
}

/// What an event tells of results, before and after.
#[must_use]
pub fn results_told(before: Option<&order_result::Model>, after: &order_result::Model) -> Json {
    json!([before.map(Results::new), Results::new(after)])
}

#[cfg(test)]
mod tests {
    use ::entity::vocabulary::{EventId, OrderKind};
    use chrono::{Duration, TimeZone};
    use proptest::prelude::*;

    use super::*;
    use crate::orders::draft;

    fn monday() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap()
    }

    fn whole(kind: OrderKind) -> Whole {
        let origin = draft::Origin {
            owner: PersonId(1),
            delegation: Default::default(),
            region: Default::default(),
            author: PersonId(1),
            authored_for: None,
            now: monday(),
        };
        let order = order::Model { id: OrderId(4), ..draft::empty(origin, kind, 2026, Default::default()) };
        let created = event(0, "order.created", (None, "DRAFT"), json!({}));
        Whole { order, lines: Some(Vec::new()), attachments: Vec::new(), results: Some(None), events: vec![created] }
    }

    fn event(minutes: i64, kind: &str, (from, to): (Option<&str>, &str), changes: Json) -> event::Model {
        event::Model {
            id: EventId(minutes + 1),
            position: Some(minutes + 1),
            at: monday() + Duration::minutes(minutes),
            kind: kind.into(),
            actor_id: Some(PersonId(1)),
            on_behalf_of_id: None,
            roles: "DELEGATE".into(),
            subject_type: "Order".into(),
            subject_id: 4,
            from_status: from.map(str::to_owned),
            to_status: Some(to.into()),
            reason: None,
            changes,
            queue: json!([]),
            envelopes: json!([]),
            policy_version: 1,
            request_id: "r".into(),
            seal: None,
        }
    }

    fn line(article: i64, quantity: i64, cents: i64) -> order_line::Model {
        Line { article: ArticleId(article), quantity, unit_price: Money(cents) }.of(OrderId(4), 1)
    }

    /// One more change, as the use cases tell it.
    fn changed(now: &Whole, minutes: i64, total: i64, lines: Vec<order_line::Model>, status: OrderStatus) -> Whole {
        let mut after = now.clone();
        after.order.version += 1;
        after.order.total = Money(total);
        if status != now.order.status {
            after.order.status_since = monday() + Duration::minutes(minutes);
        }
        after.order.status = status;
        let mut changes = Map::new();
        if now.order.total != after.order.total {
            changes.insert("total".into(), json!([now.order.total, after.order.total]));
        }
        if let Some(told) = lines_told(now.lines.iter().flatten(), &lines) {
            changes.insert(LINES.into(), told);
        }
        after.lines = Some(lines);
        let states = (Some(now.order.status.code()), status.code());
        after.events.push(event(minutes, "order.updated", states, changes.into()));
        after
    }

    proptest! {
        #[test]
        fn every_moment_is_what_it_was(
            steps in prop::collection::vec((0..5_i64, 0..4_i64, 0..3_i64, any::<bool>()), 0..12),
        ) {
            let mut states = vec![whole(OrderKind::Standard)];
            for (minutes, (price, article, count, moves)) in (1..).zip(steps) {
                // The total of a standard order is that of its lines: it never changes alone.
                let made = |(n, place)| order_line::Model { position: place, ..line(article + 1, n, price) };
                let lines: Vec<_> = (1..=count).zip(1..).map(made).collect();
                let total = lines.iter().map(|line| line.quantity * line.unit_price.0).sum();
                let status = if moves { OrderStatus::PendingRr } else { OrderStatus::Draft };
                let now = states.last().unwrap();
                states.push(changed(now, minutes, total, lines, status));
            }
            let last = states.last().unwrap();
            for (minutes, state) in (0..).zip(&states) {
                let moment = monday() + Duration::minutes(minutes);
                let then = last.clone().at(moment).unwrap();
                prop_assert_eq!(then.as_ref(), Some(state));
                let before_the_next = last.clone().at(moment + Duration::seconds(59)).unwrap();
                prop_assert_eq!(before_the_next.as_ref(), Some(state));
            }
            prop_assert_eq!(last.clone().at(monday() - Duration::seconds(1)).unwrap(), None);
        }
    }

    #[test]
    fn what_the_first_events_did_not_tell_stays_unknown() {
        let drafted = whole(OrderKind::Standard);
        let at = |whole: &Whole, minutes| whole.clone().at(monday() + Duration::minutes(minutes)).unwrap().unwrap();
        let mut now = drafted.clone();
        now.order.version += 1;
        now.events.push(event(1, "order.updated", (Some("DRAFT"), "DRAFT"), json!({ "lines": true })));
        assert_eq!((at(&now, 0).lines, at(&now, 1).lines), (None, now.lines.clone()));
        let mut now = drafted.clone();
        now.order.version += 1;
        let repriced = json!({ "total": [0, 5], "number": [null, "ACOR-2026-000001"] });
        now.events.push(event(1, "order.submitted", (Some("DRAFT"), "PENDING_RR"), repriced));
        assert_eq!(at(&now, 0).lines, None);
        assert_eq!(at(&now, 0).order.status, OrderStatus::Draft);
        let mut now = drafted;
        now.order.version += 2;
        now.results = Some(None);
        let told = json!({ "contractsSigned": 1 });
        now.events.push(event(1, "order.results_recorded", (Some("AWAITING_RESULTS"), "CLOSED"), told.clone()));
        now.events.push(event(2, "order.results_recorded", (Some("CLOSED"), "CLOSED"), told));
        assert_eq!((at(&now, 1).results, at(&now, 0).results), (None, Some(None)));
    }

    #[test]
    fn attachments_come_and_go() {
        let file = |id: i64, added: i64, removed: Option<i64>| attachment::Model {
            id: AttachmentId(id),
            order_id: OrderId(4),
            purpose: ::entity::vocabulary::AttachmentPurpose::Proof,
            round: None,
            name: "a.pdf".into(),
            content_type: "application/pdf".into(),
            size: 1,
            sha256: String::new(),
            storage_key: String::new(),
            added_by_id: PersonId(1),
            added_at: monday() + Duration::minutes(added),
            relied_on: false,
            invalid_reason: (id == 1).then(|| "blurred".to_owned()),
            removed_at: removed.map(|minutes| monday() + Duration::minutes(minutes)),
        };
        let mut now = whole(OrderKind::Custom);
        now.attachments = vec![file(1, 1, None), file(2, 2, Some(4))];
        let told = |minutes, kind, id| event(minutes, kind, (Some("DRAFT"), "DRAFT"), json!({ "attachment": id }));
        now.events.extend([
            told(1, "order.file_attached", 1),
            told(2, "order.file_attached", 2),
            told(3, "order.receipt_invalid", 1),
            told(4, "order.file_removed", 2),
        ]);
        now.order.version += 4;
        let at = |minutes| {
            let whole = now.clone().at(monday() + Duration::minutes(minutes)).unwrap().unwrap();
            let files = whole.attachments.into_iter();
            files.map(|file| (file.id.0, file.invalid_reason.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(at(0), []);
        assert_eq!(at(1), [(1, false)]);
        assert_eq!(at(2), [(1, false), (2, false)]);
        assert_eq!(at(3), [(1, true), (2, false)]);
        assert_eq!(at(4), [(1, true)]);
    }
}
