//! The world in which the demonstration's orders are made: who there is, what money is left, what day
//! it is. Every step that an order takes passes the same rules as the mutation does, and leaves the
//! same rows.

use std::collections::{BTreeMap, HashMap};

use ::entity::{
    catalog::article,
    orders::{attachment, order, order_line},
    vocabulary::{
        AccountId, AttachmentId, AttachmentPurpose, EnvelopeId, Money, OrderId, OrderKind, OrderLineId, OrderStatus,
        PersonId,
    },
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};

use super::{
    books::{Books, Movement},
    content::{self, Asked, Party},
    dice::Dice,
    files::DOCUMENTS,
    journal::{Journal, Told},
    journey::{Journey, Step},
    names,
    network::{Delegate, Network},
    results,
    schedule::WorkDays,
};
use crate::{
    authz::InNameOf,
    budgets::Cause,
    calendar,
    orders::{
        self, Refusal,
        draft::{self, Origin},
        outcome::{self, Signature},
        past,
        rules::{self, Facts},
        shares::Shares,
        workflow::{self, Action, OrderWorkflow},
    },
    outbox::Subject,
    record::Changed,
    transition::Tracked,
    work_queue::{self, Moves},
    workflow::{Actor, at_step},
};

/// Everything that the simulation knows.
#[derive(Debug)]
pub(super) struct World {
    pub dice: Dice,
    pub days: WorkDays,
    pub network: Network,
    pub catalogue: Vec<article::Model>,
    pub books: Books,
    pub journal: Journal,
    /// The last order number of each year.
    pub numbers: BTreeMap<i32, i32>,
    /// How many orders of a broker are open in a year.
    open: HashMap<(AccountId, i32), u64>,
    /// Handover receipts that owners of orders owe, until when.
    receipts: HashMap<PersonId, BTreeMap<OrderId, (NaiveDate, Option<String>)>>,
    orders: i64,
    lines: i64,
    attachments: i64,
    pub(super) gestures: i64,
}

/// An order's state after a step, with what its timeline says beside.
struct After {
    order: order::Model,
    kind: &'static str,
    reason: Option<&'static str>,
    changes: serde_json::Value,
}

impl After {
    fn new(kind: &'static str, order: order::Model) -> Self {
        Self { order, kind, reason: None, changes: serde_json::json!({}) }
    }

    fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

impl World {
    pub(super) fn new(
        dice: Dice,
        days: WorkDays,
        network: Network,
        books: Books,
        journal: Journal,
        today: NaiveDate,
    ) -> Self {
        Self {
            dice,
            days,
            network,
            catalogue: super::catalogue::articles(today),
            books,
            journal,
            numbers: BTreeMap::new(),
            open: HashMap::new(),
            receipts: HashMap::new(),
            orders: 0,
            lines: 0,
            attachments: 0,
            gestures: 0,
        }
    }

    /// Articles that everybody can order at any time, as many as they want.
    pub(super) fn staples(&self, today: NaiveDate) -> Vec<article::Model> {
        let old = |article: &&article::Model| article.valid_from.year() < today.year() - 1;
        let staple = |article: &&article::Model| article.stock.is_none() && article.valid_to.is_none();
        self.catalogue.iter().filter(old).filter(staple).cloned().collect()
    }

    /// A new draft for one of a delegate's brokers, by whoever handles it in the delegation.
    pub(super) fn create(
        &mut self,
        delegate: &Delegate,
        hand: PersonId,
        broker: usize,
        asked: &Asked,
        at: DateTime<Utc>,
    ) -> Option<Journey> {
        let broker = self.network.accounts.get(delegate.portfolio.clone())?.get(broker)?.id;
        let origin = Origin {
            owner: delegate.id,
            delegation: delegate.delegation,
            region: delegate.region,
            author: hand,
            authored_for: None,
            now: at,
        };
        let party = Party {
            account: self.network.account(broker)?,
            broker: self.network.broker(broker)?,
            sites: self.network.sites_of(broker),
            phone: self.network.phone(broker),
        };
        let kind = if matches!(asked, Asked::Standard { .. }) { OrderKind::Standard } else { OrderKind::Custom };
        let day = calendar::paris_day(at);
        let content = content::content(asked, party, day, &mut self.dice);
        let lines = content.lines.clone().unwrap_or_default();
        let drafted = draft::apply(content, &draft::empty(origin, kind, day.year(), broker)).ok()?;
        self.orders += 1;
        let id = OrderId(self.orders);
        let lines: Vec<_> = lines.into_iter().zip(1..).filter_map(|(line, n)| self.line(id, n, line)).collect();
        let mut journey = Journey::new(order::Model { id, ..drafted }, hand, lines);
        journey.order = rules::priced(&journey.order, &self.facts(&journey, day));
        let created = After::new("order.created", journey.order.clone());
        self.tell_order(&journey.order, None, &created, (hand, at), &[]);
        Some(journey)
    }

    fn line(&mut self, order_id: OrderId, position: i32, line: draft::Line) -> Option<order_line::Model> {
        let place = usize::try_from(line.article.0 - 1).ok()?;
        let unit_price = self.catalogue.get(place)?.unit_price;
        self.lines += 1;
        let id = OrderLineId(self.lines);
        Some(order_line::Model {
            id,
            order_id,
            position,
            article_id: line.article,
            quantity: line.quantity,
            unit_price,
        })
    }

    /// What the rules have to know about an order.
    pub(super) fn facts(&self, journey: &Journey, today: NaiveDate) -> Facts {
        let order = &journey.order;
        let is_draft = order.status == OrderStatus::Draft;
        let article = |id: ::entity::vocabulary::ArticleId| {
            usize::try_from(id.0 - 1).ok().and_then(|place| self.catalogue.get(place)).cloned()
        };
        let lines = journey.lines.iter().filter(|_| is_draft);
        let owed = self.receipts.get(&order.owner_id).filter(|_| is_draft).into_iter().flatten();
        Facts {
            year: self.books.year(order.year).cloned(),
            lines: lines.map(|line| (line.clone(), article(line.article_id))).collect(),
            account: self.network.account(order.broker_id).cloned(),
            broker: self.network.broker(order.broker_id).cloned(),
            site: order.site_id.and_then(|id| self.network.site(id)).cloned(),
            envelopes: self.books.of(order.year, order.owner_id, order.region_id),
            other_open_orders: self.open.get(&(order.broker_id, order.year)).copied().unwrap_or_default(),
            overdue_receipts: owed
                .filter(|(id, (due, _))| **id != order.id && *due < today)
                .map(|(id, (_, number))| (*id, number.clone()))
                .collect(),
            owner_left: false,
        }
    }

    /// Takes a step, where no rule refuses it.
    ///
    /// # Errors
    /// Every refusal, as the mutation would answer.
    pub(super) fn take(&mut self, journey: &mut Journey, step: Step, at: DateTime<Utc>) -> Result<(), Vec<Refusal>> {
        let today = calendar::paris_day(at);
        let action = step.action();
        let person = self.actor(journey, step);
        let facts = self.facts(journey, today);
        at_step::<OrderWorkflow>(action, &journey.order, |_| true).map_err(|refusal| vec![refusal])?;
        let seen = rules::seen(&journey.order, &facts);
        let actor = Actor { person, name: InNameOf::Self_ };
        let mut refusals = workflow::blockers(action, &seen, &facts, actor, today);
        let cost = if action == Action::Complete { self.actual_cost(journey) } else { Default::default() };
        if action == Action::Complete {
            refusals.extend(workflow::completion(&journey.order, &facts, cost));
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let after = self.after(journey, step, seen, &facts, (person, at, cost));
        self.settle(journey, after, &facts, person, at);
        Ok(())
    }

    /// Who takes a step.
    fn actor(&self, journey: &Journey, step: Step) -> PersonId {
        let order = &journey.order;
        let promotion = &self.network.promotion;
        let somebody = promotion[usize::try_from(order.id.0).unwrap_or_default() % promotion.len()];
        match step {
            Step::Approve | Step::Reject | Step::Return if order.status == OrderStatus::PendingRr => {
                self.network.manager(order.region_id)
            }
            Step::Approve | Step::Reject | Step::Return | Step::SendProof | Step::Complete => somebody,
            Step::Submit
            | Step::Update
            | Step::Cancel
            | Step::Release
            | Step::ApproveProof
            | Step::RequestProofChanges
            | Step::RecordCheques
            | Step::RecordResults
            | Step::Attach(_) => journey.hand,
        }
    }

    /// The order after a step that nothing refuses, as the actions of `orders` leave it.
    fn after(
        &mut self,
        journey: &mut Journey,
        step: Step,
        seen: order::Model,
        facts: &Facts,
        (person, at, cost): (PersonId, DateTime<Utc>, Money),
    ) -> After {
        let action = step.action();
        match step {
            Step::Submit => After::new("order.submitted", self.submitted(&seen, facts, person, at)),
            Step::Update => After::new("order.updated", updated(journey, seen)),
            Step::Cancel => After::new("order.cancelled", outcome::withdrawn(&seen, action))
                .because(self.dice.word(names::GIVEN_UP)),
            Step::Approve => After::new("order.approved", approved(journey, &seen)),
            Step::Reject => {
                After::new("order.rejected", outcome::withdrawn(&seen, action)).because(self.dice.word(names::NO))
            }
            Step::Return => {
                After::new("order.returned", outcome::withdrawn(&seen, action)).because(self.dice.word(names::CHANGES))
            }
            Step::Release => After::new("order.released", self.released(journey, seen, at)),
            Step::SendProof => {
                let sent = outcome::proof_sent(&seen);
                let id = self.attach(journey, AttachmentPurpose::Proof, Some(sent.proof_rounds), person, at);
                let changes = serde_json::json!({ "attachment": id.0 });
                After { changes, ..After::new("order.proof_sent", sent) }
            }
            Step::ApproveProof => After::new("order.proof_approved", outcome::moved_on(&seen, action)),
            Step::RequestProofChanges => After::new("order.proof_changes_requested", outcome::moved_on(&seen, action))
                .because(self.dice.word(names::PROOF)),
            Step::RecordCheques => {
                let came = outcome::cheques_received(&seen, facts, calendar::paris_day(at));
                After::new("order.cheques_received", came)
            }
            Step::Complete => After::new("order.completed", completed(journey, &seen, cost, at)),
            Step::RecordResults => {
                let result = results::results(&seen, person, at, &mut self.dice);
                let changes =
                    serde_json::json!({ past::RESULTS: past::results_told(journey.result.as_ref(), &result) });
                journey.result = Some(result);
                After { changes, ..After::new("order.results_recorded", outcome::moved_on(&seen, action)) }
            }
            Step::Attach(purpose) => {
                let id = self.attach(journey, purpose, None, person, at);
                let changes = serde_json::json!({ "attachment": id.0, "purpose": purpose.code() });
                After {
                    changes,
                    ..After::new("order.file_attached", outcome::with_document(&seen, purpose, facts, at))
                }
            }
        }
    }

    fn submitted(&mut self, order: &order::Model, facts: &Facts, person: PersonId, at: DateTime<Utc>) -> order::Model {
        let number = order.number.clone().unwrap_or_else(|| {
            let last = self.numbers.entry(order.year).or_default();
            *last += 1;
            orders::NUMBERS.number(order.year, *last)
        });
        let office = self.network.delegation(order.delegation_id);
        let address = outcome::address(order, facts.site.as_ref(), office);
        outcome::submitted(order, facts, number, address, Signature { person, on_behalf_of: None, at })
    }

    /// O-22: one release in five lowers the total.
    fn released(&mut self, journey: &mut Journey, order: order::Model, at: DateTime<Utc>) -> order::Model {
        rely_on(journey, &order);
        let percent = if self.dice.chance(20) { self.dice.between(7, 9) * 10 } else { 100 };
        let lower = Money((order.total.0 * percent / 100).max(1));
        let lowered = rules::shares(&order).lower_to(lower).unwrap_or_else(|_| rules::shares(&order));
        outcome::released(&order, lowered, at)
    }

    /// O-25: most orders cost what was ordered, some less, a few a little more.
    fn actual_cost(&mut self, journey: &Journey) -> Money {
        let total = journey.order.total;
        if journey.exact || journey.order.kind == OrderKind::Standard {
            return total;
        }
        let percent = self.dice.weighted(&[(100, 70), (97, 8), (94, 8), (88, 5), (102, 5), (103, 4)]);
        Money(total.0 * percent / 100)
    }

    fn attach(
        &mut self,
        journey: &mut Journey,
        purpose: AttachmentPurpose,
        round: Option<i32>,
        added_by_id: PersonId,
        added_at: DateTime<Utc>,
    ) -> AttachmentId {
        self.attachments += 1;
        let id = AttachmentId(self.attachments);
        let document = DOCUMENTS.of(purpose);
        journey.attachments.push(attachment::Model {
            id,
            order_id: journey.order.id,
            purpose,
            round,
            name: round.map_or_else(|| format!("{}.pdf", document.name), |n| format!("{} {n}.pdf", document.name)),
            content_type: "application/pdf".to_owned(),
            size: document.size(),
            sha256: document.sha256.clone(),
            storage_key: document.key.clone(),
            added_by_id,
            added_at,
            relied_on: false,
            invalid_reason: None,
            removed_at: None,
        });
        id
    }

    /// Everything that follows from an order's new state: money, what is open and owed, the timeline.
    fn settle(&mut self, journey: &mut Journey, mut after: After, facts: &Facts, actor: PersonId, at: DateTime<Utc>) {
        let before = &journey.order;
        after.order.version = before.version + 1;
        if after.order.status != before.status {
            after.order.status_since = at;
        }
        let postings = rules::postings(before, &after.order, &facts.envelopes);
        let movement = Movement { author: actor, at, cause: Cause::Order(before.id), reason: after.reason };
        let touched = self.books.post(&postings, movement);
        self.count_open(before, &after.order);
        self.count_receipts(&after.order);
        let from = before.status;
        let mut changes = Changed::<order::Entity>::between(before, &after.order).as_json(OrderWorkflow::SILENT);
        changes.extend(after.changes.as_object().cloned().unwrap_or_default());
        after.changes = changes.into();
        self.tell_order(&after.order, Some(from), &after, (actor, at), &touched);
        journey.order = after.order;
    }

    fn count_open(&mut self, before: &order::Model, after: &order::Model) {
        let open = self.open.entry((after.broker_id, after.year)).or_default();
        match (workflow::is_open(before.status), workflow::is_open(after.status)) {
            (false, true) => *open += 1,
            (true, false) => *open = open.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
    }

    fn count_receipts(&mut self, after: &order::Model) {
        match after.receipt_due_on.filter(|_| after.status != OrderStatus::Cancelled) {
            Some(due) => {
                self.receipts.entry(after.owner_id).or_default().insert(after.id, (due, after.number.clone()));
            }
            None => {
                self.receipts.get_mut(&after.owner_id).map(|owed| owed.remove(&after.id));
            }
        }
    }

    fn tell_order(
        &mut self,
        order: &order::Model,
        from: Option<OrderStatus>,
        after: &After,
        (actor, at): (PersonId, DateTime<Utc>),
        envelopes: &[EnvelopeId],
    ) {
        let subject = Subject { kind: "Order", id: order.id.0 };
        let states = (from.map(OrderStatus::code), Some(order.status.code()));
        self.tell(after.kind, subject, states, after.reason, after.changes.clone(), envelopes, (actor, at));
    }

    /// Writes what happened into the events.
    #[expect(clippy::too_many_arguments, reason = "a row has many columns")]
    pub(super) fn tell(
        &mut self,
        kind: &'static str,
        subject: Subject,
        (from, to): (Option<&'static str>, Option<&'static str>),
        reason: Option<&str>,
        changes: serde_json::Value,
        envelopes: &[EnvelopeId],
        (actor, at): (PersonId, DateTime<Utc>),
    ) {
        let role = self.network.role(actor);
        let (actor, queue) = (Some(actor), Moves::default());
        self.journal.tell(Told { at, kind, actor, role, subject, from, to, reason, changes, queue, envelopes });
    }

    /// Writes an order that nothing happens to any more, with everything that belongs to it.
    pub(super) fn write(&mut self, journey: Journey) {
        let Journey { order, lines, attachments, result, .. } = journey;
        self.journal.queue(work_queue::Subject::Order(order.id), outcome::items(&order));
        self.journal.lines.extend(lines);
        self.journal.attachments.extend(attachments);
        self.journal.results.extend(result);
        self.journal.orders.push(order);
    }
}

/// A draft as its author changes it: lowered where the budget refused it.
fn updated(journey: &mut Journey, order: order::Model) -> order::Model {
    journey.touched_up = true;
    match journey.lower_to.take() {
        Some(own) => rules::with_shares(
            order.clone(),
            Shares { total: own + order.rr_share + order.partner_share, ..rules::shares(&order) },
        ),
        None => order::Model { comment: Some("Corrigé selon vos remarques.".to_owned()), ..order },
    }
}

/// The order after an approval, which relies on its documents at the department's step.
fn approved(journey: &mut Journey, order: &order::Model) -> order::Model {
    if order.status == OrderStatus::PendingPdv {
        rely_on(journey, order);
    }
    outcome::approved(order)
}

fn completed(journey: &mut Journey, order: &order::Model, cost: Money, at: DateTime<Utc>) -> order::Model {
    rely_on(journey, order);
    outcome::completed(order, cost, at)
}

fn rely_on(journey: &mut Journey, order: &order::Model) {
    let needed = rules::documents_needed(order);
    for attachment in journey.attachments.iter_mut().filter(|attachment| needed.contains(&attachment.purpose)) {
        attachment.relied_on = true;
    }
}
