//! Goodwill gestures towards insured members (O-6), as the budgets' own workflow makes them.

use ::entity::{
    budgets::goodwill,
    vocabulary::{EnvelopeKind, GoodwillId, GoodwillStatus, Money, PersonId},
};
use chrono::{DateTime, Datelike, Utc};

use super::{books::Movement, names, network::Delegate, world::World};
use crate::{
    authz::InNameOf,
    budgets::{
        Cause,
        goodwill::{self as workflow, Action, Facts},
        store::Holder,
    },
    calendar,
    outbox::Subject,
    work_queue,
};

/// A gesture under way.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub gesture: goodwill::Model,
    /// Since when it stands where it stands.
    since: DateTime<Utc>,
    /// Steps told in advance; otherwise it goes the usual way.
    pub until: Option<GoodwillStatus>,
}

impl World {
    /// Somebody asks for a gesture.
    pub(super) fn request_goodwill(
        &mut self,
        delegate: &Delegate,
        until: Option<GoodwillStatus>,
        at: DateTime<Utc>,
    ) -> Course {
        self.gestures += 1;
        let (given, family) = names::person(&mut self.dice);
        let gesture = goodwill::Model {
            id: GoodwillId(self.gestures),
            year: calendar::paris_day(at).year(),
            status: GoodwillStatus::Requested,
            member_name: format!("{given} {family}"),
            member_number: self.dice.chance(80).then(|| format!("{:07}", 1_000_000 + self.gestures * 37 % 9_000_000)),
            amount: Money::euros(self.dice.between(3, 30) * 10),
            motive: self.dice.word(names::MOTIVES).to_owned(),
            requester_id: delegate.id,
            requested_for_id: None,
            delegation_id: delegate.delegation,
            region_id: delegate.region,
            decided_by_id: None,
            decision_reason: None,
            paid_on: None,
            cheque_number: None,
            created_at: at,
            version: 1,
        };
        let course = Course { gesture, since: at, until };
        let amount = serde_json::json!({ "amount": course.gesture.amount.to_string() });
        self.tell_gesture(
            &course.gesture,
            "goodwill.requested",
            None,
            Some(&course.gesture.motive),
            amount,
            (delegate.id, at),
        );
        course
    }

    /// What happens to a gesture next, in how many working days; nothing where it is done.
    pub(super) fn usual_goodwill(&mut self, course: &Course) -> Option<(Action, (i64, i64))> {
        let status = course.gesture.status;
        if course.until == Some(status) {
            return None;
        }
        let refused = course.until == Some(GoodwillStatus::Refused) || (course.until.is_none() && self.dice.chance(15));
        match status {
            GoodwillStatus::Requested if refused => Some((Action::Refuse, (0, 4))),
            GoodwillStatus::Requested => Some((Action::Approve, (0, 4))),
            GoodwillStatus::Approved => Some((Action::RecordPaid, (1, 6))),
            GoodwillStatus::Paid | GoodwillStatus::Refused => None,
        }
    }

    /// Takes a step; whether the rules let it happen.
    pub(super) fn take_goodwill(&mut self, course: &mut Course, action: Action, at: DateTime<Utc>) -> bool {
        let before = course.gesture.clone();
        let Some(management) = self.books.held_by(before.year, Holder::Management).cloned() else { return false };
        let Some(status) = self.books.year(before.year).map(|year| year.status) else { return false };
        debug_assert_eq!(management.kind, EnvelopeKind::Management);
        let actor = if self.dice.chance(70) { self.network.sales_admin } else { self.network.director };
        let actor = if action == Action::RecordPaid { self.network.sales_admin } else { actor };
        let available = management.allocated - management.committed - management.consumed;
        let facts = Facts { gesture: &before, year: status, available, actor, name: InNameOf::Self_ };
        let Ok(to) = workflow::decide(&facts, action, Vec::new()) else { return false };
        let reason = (action == Action::Refuse).then_some("Pièces justificatives insuffisantes.");
        let movement = Movement { author: actor, at, cause: Cause::Goodwill(before.id), reason };
        self.books.post(&action.postings(management.id, before.amount), movement);
        let paid = action == Action::RecordPaid;
        course.since = at;
        course.gesture = goodwill::Model {
            status: to,
            version: before.version + 1,
            decided_by_id: if paid { before.decided_by_id } else { Some(actor) },
            decision_reason: reason.map(str::to_owned),
            paid_on: paid.then(|| calendar::paris_day(at)),
            cheque_number: paid.then(|| format!("{:07}", 4_200_000 + before.id.0)),
            ..before.clone()
        };
        let changes = serde_json::json!({});
        self.tell_gesture(&course.gesture, action.event(), Some(before.status), reason, changes, (actor, at));
        true
    }

    fn tell_gesture(
        &mut self,
        gesture: &goodwill::Model,
        kind: &'static str,
        from: Option<GoodwillStatus>,
        reason: Option<&str>,
        changes: serde_json::Value,
        (actor, at): (PersonId, DateTime<Utc>),
    ) {
        let subject = Subject { kind: "GoodwillGesture", id: gesture.id.0 };
        let management = self.books.held_by(gesture.year, Holder::Management).map(|envelope| envelope.id);
        let moved = from.is_some() && gesture.status != GoodwillStatus::Refused;
        let envelopes: Vec<_> = management.filter(|_| moved).into_iter().collect();
        self.tell(
            kind,
            subject,
            (from.map(GoodwillStatus::code), Some(gesture.status.code())),
            reason,
            changes,
            &envelopes,
            (actor, at),
        );
    }

    /// Writes a gesture that nothing happens to any more.
    pub(super) fn write_goodwill(&mut self, course: Course) {
        let Course { gesture, since, .. } = course;
        self.journal.queue(work_queue::Subject::Goodwill(gesture.id), workflow::items(&gesture, since));
        self.journal.gestures.push(gesture);
    }
}
