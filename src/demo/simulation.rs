//! The history of the network, event by event, until the last midnight: everything in the order in which it
//! happened. Deals begin three years ago, orders on the first working day of last year.
//!
//! What is under way is kept in memory, what nothing happens to any more goes to the journal: so a
//! million orders take the memory of those that are open at the same time.

use std::collections::BTreeMap;

use ::entity::{
    budgets::budget_year,
    vocabulary::{BudgetYearStatus, GoodwillStatus, Money, OrderKind, OrderStatus, PersonId},
};
use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};

use super::{
    Scale,
    books::{Books, Movement, Plan},
    content::Asked,
    deals::Deals,
    dice::Dice,
    goodwill::Course,
    journal::Journal,
    journey::{Journey, Step},
    network::{KEPT, Network},
    schedule::{WorkDays, day, midnight, season},
    showcase::{self, Tale},
    world::World,
};
use crate::{
    budgets::{Cause, Posting, goodwill, rules as budget, store::Holder},
    calendar,
    orders::Refusal,
    outbox::Subject,
};

/// The seed of everything.
const SEED: u64 = 0x005e_5a3e;
/// What an order costs a delegation on average, in euros, by which budgets are planned.
const AVERAGE: i64 = 430;
/// Least that an order is lowered to where the budget refuses it.
const LEAST: Money = Money::euros(50);
/// How often a refused step is tried again.
const TRIES: u32 = 4;

/// Something that is going to happen.
#[derive(Clone, Debug)]
enum Task {
    Allocate(i32),
    Close(i32),
    Morning(usize),
    Create,
    Tell(usize),
    Step(usize, Step),
    Request(Option<GoodwillStatus>),
    Decide(usize, goodwill::Action),
}

/// The history in the making.
#[derive(Debug)]
pub(super) struct Simulation {
    pub world: World,
    scale: Scale,
    /// The first instant that has not happened.
    end: DateTime<Utc>,
    agenda: BTreeMap<(DateTime<Utc>, u64), Task>,
    entries: u64,
    journeys: Slots<Journey>,
    courses: Slots<Course>,
    pub deals: Deals,
    tales: Vec<Tale>,
    staples: Vec<::entity::catalog::article::Model>,
    /// How often each delegate orders, compared with others.
    activity: Vec<(usize, u32)>,
    /// From which working day on last year's orders have to be done.
    closing: DateTime<Utc>,
    stage: i32,
    today: NaiveDate,
    /// How many orders come on each working day, from the first one on.
    quotas: Vec<usize>,
    first: usize,
    created: u64,
    /// Told orders that went another way than told: none, or the tale contradicts the rules.
    pub derailed: Vec<String>,
}

/// Things under way, each at a place that is used again when it is done.
#[derive(Debug)]
struct Slots<T> {
    things: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    const fn new() -> Self {
        Self { things: Vec::new(), free: Vec::new() }
    }

    fn put(&mut self, thing: T) -> usize {
        match self.free.pop() {
            Some(place) => {
                self.things[place] = Some(thing);
                place
            }
            None => {
                self.things.push(Some(thing));
                self.things.len() - 1
            }
        }
    }

    fn take(&mut self, place: usize) -> Option<T> {
        let thing = self.things.get_mut(place)?.take();
        if thing.is_some() {
            self.free.push(place);
        }
        thing
    }

    fn drain(&mut self) -> Vec<T> {
        self.free.clear();
        std::mem::take(&mut self.things).into_iter().flatten().collect()
    }
}

impl Simulation {
    /// Everything that is there before the first order, on the eve of the history.
    pub(super) fn new(scale: Scale, today: NaiveDate, policy_version: i64) -> Self {
        let mut dice = Dice::new(SEED);
        let year = today.year();
        let days = WorkDays::new(day(year - 2, 12, 1), today);
        let network = Network::build(&scale, today, &mut dice);
        let closing = days.morning(days.from(day(year, 3, 1)));
        let (end, stage, first) = (midnight(today), showcase::stage(today), days.from(day(year - 1, 1, 2)));
        let mut books = Books::default();
        for year in [year - 1, year] {
            books.add_year(year, BudgetYearStatus::Open);
            books.add_envelopes(year, &network);
        }
        books.add_year(year + 1, BudgetYearStatus::Planned);
        let activity = activity(&network, &scale, &mut dice);
        let world = World::new(dice, days, network, books, Journal::new(policy_version), today);
        let tales = showcase::tales(&world.network, &world.catalogue, &world.days, today, Dice::new(SEED + 1));
        let staples = world.staples(today);
        let deals = Deals::new(&world.network, &scale, today);
        let mut simulation = Self {
            world,
            scale,
            end,
            agenda: BTreeMap::new(),
            entries: 0,
            journeys: Slots::new(),
            courses: Slots::new(),
            deals,
            tales,
            staples,
            activity,
            closing,
            stage,
            today,
            quotas: Vec::new(),
            first,
            created: 0,
            derailed: Vec::new(),
        };
        simulation.quotas = simulation.quotas();
        simulation.plan();
        simulation
    }

    /// The budget years as they are in the end.
    pub(super) fn years(&self) -> Vec<budget_year::Model> {
        let mut years = self.world.books.years.clone();
        for year in years.iter_mut().filter(|year| self.closing < self.end && year.year < self.today.year()) {
            close(year);
        }
        years
    }

    /// How many orders there will be, and how many there are.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.created, self.scale.orders.max(self.created))
    }

    /// Lets so many rows happen; whether anything is left to happen.
    pub(super) fn advance(&mut self, rows: usize) -> bool {
        while self.world.journal.len() + self.world.books.ledger.len() < rows {
            let order = self.agenda.first_key_value().map(|((at, _), _)| *at).filter(|at| *at < self.end);
            match (order, self.deals.next()) {
                (None, None) => {
                    self.leave();
                    self.hand_over();
                    return false;
                }
                (None, Some(_)) => self.deals.happen(&self.world.network, &mut self.world.journal),
                (Some(order), Some(deal)) if deal < order => {
                    self.deals.happen(&self.world.network, &mut self.world.journal);
                }
                (Some(_), _) => {
                    if let Some(((at, _), task)) = self.agenda.pop_first() {
                        self.happen(task, at);
                    }
                }
            }
        }
        self.hand_over();
        true
    }

    fn hand_over(&mut self) {
        self.world.journal.ledger.append(&mut self.world.books.ledger);
    }

    /// Writes what is under way as it stands.
    fn leave(&mut self) {
        for journey in self.journeys.drain() {
            self.world.write(journey);
        }
        for course in self.courses.drain() {
            self.world.write_goodwill(course);
        }
        self.agenda.clear();
        self.deals.leave(&mut self.world.journal);
    }

    fn add(&mut self, at: DateTime<Utc>, task: Task) {
        self.entries += 1;
        self.agenda.insert((at, self.entries), task);
    }

    fn plan(&mut self) {
        for year in [self.today.year() - 1, self.today.year()] {
            let index = self.world.days.from(day(year - 1, 12, 15));
            self.add(self.world.days.morning(index), Task::Allocate(year));
        }
        self.add(self.closing, Task::Close(self.today.year() - 1));
        self.add(self.world.days.morning(self.first), Task::Morning(self.first));
        for place in 0..self.tales.len() {
            self.add(self.tales[place].starts_at, Task::Tell(place));
        }
        let past = self.world.days.past();
        let examples = [
            (GoodwillStatus::Requested, 2),
            (GoodwillStatus::Approved, 6),
            (GoodwillStatus::Paid, 20),
            (GoodwillStatus::Refused, 16),
        ];
        for (status, ago) in examples {
            let at = self.world.days.during(past.saturating_sub(ago), &mut self.world.dice);
            self.add(at, Task::Request(Some(status)));
        }
    }

    fn happen(&mut self, task: Task, at: DateTime<Utc>) {
        match task {
            Task::Allocate(year) => self.allocate(year, at),
            Task::Close(year) => self.world.books.years.iter_mut().filter(|known| known.year == year).for_each(close),
            Task::Morning(index) => self.begin_day(index),
            Task::Create => self.create(at),
            Task::Tell(place) => self.tell(place, at),
            Task::Step(place, step) => {
                if let Some(journey) = self.journeys.take(place) {
                    self.step(journey, step, at);
                }
            }
            Task::Request(until) => self.request_goodwill(until, at),
            Task::Decide(place, action) => {
                if let Some(mut course) = self.courses.take(place) {
                    self.world.take_goodwill(&mut course, action, at);
                    self.go_on_with_goodwill(course, at);
                }
            }
        }
    }

    /// B-2: a year's budget is shared out in the December before it.
    fn allocate(&mut self, year: i32, at: DateTime<Utc>) {
        let per_year = self.scale.orders * 365 / u64::from(self.today.ordinal() + 365);
        let weights: u32 = self.activity.iter().map(|(_, weight)| weight).sum();
        let least = self.scale.least_budget;
        let mut objectives = Vec::new();
        for (place, weight) in self.activity.clone() {
            let orders = per_year as i64 * i64::from(weight) / i64::from(weights.max(1));
            let generous = if place < 2 { 190 } else { self.world.dice.between(105, 160) };
            let expected = Money(orders * AVERAGE * generous);
            objectives.push(expected.max(if place < 2 { Money(least.0 * 3) } else { least }));
        }
        let author = self.world.network.sales_admin;
        let cause = Cause::Decision(self.world.journal.next_event());
        let movement = Movement { author, at, cause, reason: None };
        let envelopes = self.world.books.allocate(&Plan { year, objectives }, &self.world.network, movement);
        let subject = Subject { kind: "BudgetYear", id: year.into() };
        let states = (Some(BudgetYearStatus::Planned.code()), Some(BudgetYearStatus::Open.code()));
        self.world.tell("budget.allocated", subject, states, None, serde_json::json!({}), &envelopes, (author, at));
    }

    /// A working day begins: as many orders come as its share of the whole.
    fn begin_day(&mut self, index: usize) {
        let share = self.quotas.get(index - self.first).copied().unwrap_or_default();
        for _ in 0..share {
            let at = self.world.days.during(index, &mut self.world.dice);
            self.add(at, Task::Create);
        }
        if share > 0 && self.world.dice.below(200) < share {
            let at = self.world.days.during(index, &mut self.world.dice);
            self.add(at, Task::Request(None));
        }
        if index + 1 < self.world.days.past() {
            self.add(self.world.days.morning(index + 1), Task::Morning(index + 1));
        }
    }

    /// How many orders come on each working day: those up to it less those up to the day before.
    fn quotas(&self) -> Vec<usize> {
        let (days, past) = (&self.world.days, self.world.days.past());
        let recently = |index: usize| if past - index <= 40 { self.scale.recent } else { 1 };
        let weights: Vec<u64> = (self.first..past).map(|index| season(days.day(index)) * recently(index)).collect();
        let (all, orders) = (weights.iter().sum::<u64>().max(1), self.scale.orders - self.tales.len() as u64);
        let sums = weights.iter().scan(0, |sum, weight| {
            let before = orders * *sum / all;
            *sum += weight;
            usize::try_from(orders * *sum / all - before).ok()
        });
        sums.collect()
    }

    /// Somebody has an idea for an order.
    fn create(&mut self, at: DateTime<Utc>) {
        let on = calendar::paris_day(at);
        let Some(owner) = self.owner(on) else { return };
        let delegate = self.world.network.delegates[owner].clone();
        let standard_only = on > day(on.year(), 12, 6);
        let asked = Asked::anything(&self.staples, standard_only, &mut self.world.dice);
        let assistant = self.world.dice.chance(40);
        let hand = if assistant { self.world.network.assistant(delegate.delegation) } else { delegate.id };
        let count = delegate.portfolio.len();
        let kept = if count > KEPT { KEPT } else { 0 };
        let broker = kept + self.world.dice.below(count - kept);
        if let Some(journey) = self.world.create(&delegate, hand, broker, &asked, at) {
            self.created += 1;
            let journey = journey.with_character(self.is_careful(delegate.id), &mut self.world.dice);
            self.go_on(journey, at);
        }
    }

    /// Who orders; those near their limits only do what is told of them.
    fn owner(&mut self, on: NaiveDate) -> Option<usize> {
        let tight = self.world.network.tight();
        let told = |owner: usize| on.year() == self.stage && tight.contains(&owner);
        (0..20).map(|_| self.world.dice.weighted(&self.activity)).find(|owner| !told(*owner))
    }

    /// Whether somebody's receipts always come in time: nothing blocks those whom one can sign in as.
    fn is_careful(&self, owner: PersonId) -> bool {
        owner.0 <= 3
    }

    /// An order begins whose course is told in advance.
    fn tell(&mut self, place: usize, at: DateTime<Utc>) {
        let Tale { owner, by_assistant, broker, wanted, script, .. } = self.tales[place].clone();
        let delegate = self.world.network.delegates[owner].clone();
        let hand = if by_assistant { self.world.network.assistant(delegate.delegation) } else { delegate.id };
        let asked = wanted.asked(&self.world, owner, calendar::paris_day(at));
        let journey = asked.and_then(|asked| self.world.create(&delegate, hand, broker, &asked, at));
        if let Some(mut journey) = journey {
            self.created += 1;
            journey.script = Some(script);
            journey.exact = true;
            self.go_on(journey, at);
        }
    }

    /// Plans what happens to an order next; where nothing does, it is written.
    fn go_on(&mut self, mut journey: Journey, at: DateTime<Utc>) {
        let next = match &mut journey.script {
            Some(script) => script.pop_front(),
            None => journey.usual(&mut self.world.dice).map(|(step, wait)| {
                let then = later(&mut self.world, at, wait);
                (self.in_time(&journey, then, at), step)
            }),
        };
        match next {
            Some((then, step)) => {
                let place = self.journeys.put(journey);
                self.add(then.max(at), Task::Step(place, step));
            }
            None => self.world.write(journey),
        }
    }

    /// Last year's orders are done before the year is closed (B-10).
    fn in_time(&self, journey: &Journey, then: DateTime<Utc>, at: DateTime<Utc>) -> DateTime<Utc> {
        let deadline = self.closing - TimeDelta::days(1);
        let closes = journey.order.year < self.today.year() && self.closing < self.end;
        let may_wait = journey.order.status == OrderStatus::Closed;
        if !closes || may_wait || then <= deadline { then } else { deadline.max(at + TimeDelta::minutes(7)) }
    }

    fn step(&mut self, mut journey: Journey, step: Step, at: DateTime<Utc>) {
        match self.world.take(&mut journey, step, at) {
            Ok(()) => {
                journey.tries = 0;
                self.go_on(journey, at);
            }
            Err(refusals) => self.refused(journey, step, &refusals, at),
        }
    }

    /// A rule refuses a step: people do what the refusal tells them, wait, or give up.
    fn refused(&mut self, mut journey: Journey, step: Step, refusals: &[Refusal], at: DateTime<Utc>) {
        if journey.script.is_some() {
            self.derailed.push(format!("{step:?} of {}: {refusals:?}", journey.order.subject));
            return self.world.write(journey);
        }
        journey.tries += 1;
        let again = journey.tries <= TRIES;
        let (then, wait) = match step {
            Step::Submit => self.not_submitted(&mut journey, refusals, again),
            Step::Approve if journey.order.status == OrderStatus::PendingRr => {
                if self.move_budget(&journey, refusals, at) {
                    (Step::Approve, (0, 0))
                } else {
                    (if again { Step::Approve } else { Step::Reject }, (2, 5))
                }
            }
            Step::Complete => {
                journey.exact = true;
                (Step::Complete, (0, 0))
            }
            Step::Release => (Step::Cancel, (0, 2)),
            Step::Update
            | Step::Attach(_)
            | Step::Approve
            | Step::Reject
            | Step::Return
            | Step::SendProof
            | Step::ApproveProof
            | Step::RequestProofChanges
            | Step::RecordCheques
            | Step::RecordResults
            | Step::Cancel => return self.world.write(journey),
        };
        let then_at = later(&mut self.world, at, wait);
        let then_at = self.in_time(&journey, then_at, at);
        let place = self.journeys.put(journey);
        self.add(then_at, Task::Step(place, then));
    }

    /// A submission that is refused is lowered to what the budget allows, tried again where a receipt
    /// is awaited, or given up.
    fn not_submitted(&self, journey: &mut Journey, refusals: &[Refusal], again: bool) -> (Step, (i64, i64)) {
        let lower_to = refusals.iter().find_map(|refusal| match refusal {
            Refusal::SplitMaximum { available, .. } => Some(*available),
            _ => None,
        });
        let awaited = refusals.iter().all(|refusal| matches!(refusal, Refusal::ReceiptOverdue { .. }));
        match lower_to {
            Some(available) if again && available >= LEAST && journey.order.kind == OrderKind::Custom => {
                journey.lower_to = Some(Money::euros(available.0 / 100));
                (Step::Update, (0, 2))
            }
            None if awaited && again => (Step::Submit, (4, 9)),
            Some(_) | None => (Step::Cancel, (0, 3)),
        }
    }

    /// B-6: the regional manager moves what an order lacks from the own envelope, where it is there.
    fn move_budget(&mut self, journey: &Journey, refusals: &[Refusal], at: DateTime<Utc>) -> bool {
        let order = &journey.order;
        let lacking = refusals.iter().filter_map(|refusal| match refusal {
            Refusal::BudgetDeficit { to_move, .. } | Refusal::SplitMinimum { to_move, .. } => *to_move,
            _ => None,
        });
        let Some(amount) = lacking.max() else { return false };
        let envelopes = self.world.books.of(order.year, order.owner_id, order.region_id);
        let (Some(own), Some(region)) = (envelopes.delegate, envelopes.region) else { return false };
        if budget::check_move(&(&region).into(), None, amount + order.rr_share).is_err() {
            return false;
        }
        let author = self.world.network.manager(order.region_id);
        let reason = Some("Complément pour une commande au-dessus de l'enveloppe.");
        let kind = ::entity::vocabulary::LedgerKind::Transfer;
        let sides = [(region.id, -amount), (own.id, amount)];
        let postings: Vec<Posting> =
            sides.into_iter().filter_map(|(envelope, amount)| Posting::new(envelope, kind, None, amount)).collect();
        let cause = Cause::Decision(self.world.journal.next_event());
        let touched = self.world.books.post(&postings, Movement { author, at, cause, reason });
        let subject = Subject { kind: "Envelope", id: region.id.0 };
        let changes = serde_json::json!({
            "year": order.year,
            "from": Holder::Region(order.region_id),
            "to": Holder::Delegate(order.owner_id),
            "amount": amount,
            "reason": reason,
        });
        self.world.tell("budget.moved", subject, (None, None), reason, changes, &touched, (author, at));
        true
    }

    fn request_goodwill(&mut self, until: Option<GoodwillStatus>, at: DateTime<Utc>) {
        let owner = if until.is_some() { Network::DELEGATE } else { self.world.dice.weighted(&self.activity) };
        let delegate = self.world.network.delegates[owner].clone();
        let course = self.world.request_goodwill(&delegate, until, at);
        self.go_on_with_goodwill(course, at);
    }

    fn go_on_with_goodwill(&mut self, course: Course, at: DateTime<Utc>) {
        match self.world.usual_goodwill(&course) {
            Some((action, wait)) => {
                let then = later(&mut self.world, at, wait);
                let place = self.courses.put(course);
                self.add(then, Task::Decide(place, action));
            }
            None => self.world.write_goodwill(course),
        }
    }
}

/// B-10: nothing of the year changes any more.
fn close(year: &mut budget_year::Model) {
    year.status = BudgetYearStatus::Closed;
    year.version += 1;
}

/// Some moment in so many working days.
fn later(world: &mut World, at: DateTime<Utc>, (least, most): (i64, i64)) -> DateTime<Utc> {
    let days = usize::try_from(world.dice.between(least, most)).unwrap_or_default();
    world.days.after(at, days, &mut world.dice)
}

/// How often each delegate orders. Where orders are few, those whom one can sign in as have more.
fn activity(network: &Network, scale: &Scale, dice: &mut Dice) -> Vec<(usize, u32)> {
    let favourites = [Network::DELEGATE, Network::COLLEAGUE, network.elsewhere()];
    (0..network.delegates.len())
        .map(|place| {
            let usual = u32::try_from(dice.between(60, 140)).unwrap_or(100);
            (place, if favourites.contains(&place) { 100 * scale.favour } else { usual })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ::entity::{
        budgets::envelope,
        orders::order,
        vocabulary::{RrReason, WorkKind},
    };

    use super::{super::Size, *};

    /// A history as a whole.
    fn history(size: Size, today: NaiveDate) -> Simulation {
        // Of deals only those that are told: `demo::deals` looks at all of them.
        let mut simulation = Simulation::new(Scale { deals: 0, ..size.scale() }, today, 1);
        assert!(!simulation.advance(usize::MAX));
        assert_eq!(simulation.derailed, Vec::<String>::new(), "{today}");
        assert_eq!(simulation.deals.derailed, Vec::<String>::new(), "{today}");
        simulation
    }

    /// Every tenth day of two years, and the days around which the rules change.
    fn days() -> Vec<NaiveDate> {
        let edges =
            [(1, 1), (1, 2), (1, 21), (1, 22), (2, 28), (3, 1), (3, 2), (12, 5), (12, 9), (12, 10), (12, 11), (12, 31)];
        let edges = [2026, 2027].into_iter().flat_map(|year| edges.map(|(month, date)| day(year, month, date)));
        day(2026, 1, 1).iter_days().step_by(10).take(73).chain(edges).collect()
    }

    #[test]
    fn on_any_day_there_is_something_in_every_status_and_the_tales_come_true() {
        for today in days() {
            let simulation = history(Size::Test, today);
            let journal = &simulation.world.journal;
            let statuses: BTreeSet<_> = journal.orders.iter().map(|order| order.status).collect();
            assert_eq!(statuses, OrderStatus::ALL.iter().copied().collect(), "{today}");
            let waiting = |reason| {
                journal.orders.iter().any(|o| o.status == OrderStatus::PendingRr && o.rr_reasons.0.contains(&reason))
            };
            for reason in [RrReason::AboveThreshold, RrReason::RrShare, RrReason::BudgetDeficit, RrReason::SplitMinimum]
            {
                assert!(waiting(reason), "{today}: {reason:?}");
            }
            let overdue: BTreeSet<_> = journal
                .orders
                .iter()
                .filter(|o| o.receipt_due_on.is_some_and(|due| due < today))
                .map(|o| o.owner_id.0)
                .collect();
            assert!(overdue.contains(&3) && !overdue.contains(&1) && !overdue.contains(&2), "{today}: {overdue:?}");
            let kinds: BTreeSet<_> = journal.items.iter().map(|item| item.kind).collect();
            assert_eq!(kinds, WorkKind::ALL.iter().copied().collect(), "{today}");
            let gestures: BTreeSet<_> = journal.gestures.iter().map(|gesture| gesture.status).collect();
            assert_eq!(gestures, GoodwillStatus::ALL.iter().copied().collect(), "{today}");
        }
    }

    #[test]
    fn nothing_is_later_than_the_last_midnight_and_a_closed_year_has_nothing_open() {
        for today in days() {
            let simulation = history(Size::Small, today);
            let journal = &simulation.world.journal;
            let end = midnight(today);
            assert!(journal.events.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].id < pair[1].id));
            assert!(journal.events.iter().all(|event| event.at < end), "{today}");
            let moments = |o: &order::Model| {
                [
                    Some(o.created_at),
                    o.submitted_at,
                    o.released_at,
                    o.completed_at,
                    o.documents_since,
                    Some(o.status_since),
                ]
            };
            assert!(journal.orders.iter().flat_map(moments).flatten().all(|moment| moment < end), "{today}");
            let closed =
                |year: i32| simulation.years().iter().any(|y| y.year == year && y.status == BudgetYearStatus::Closed);
            let done = [OrderStatus::Closed, OrderStatus::Rejected, OrderStatus::Cancelled];
            for order in journal.orders.iter().filter(|order| closed(order.year)) {
                assert!(done.contains(&order.status), "{today}: {order:?}");
            }
        }
    }

    #[test]
    fn balances_are_what_the_ledger_adds_up_to_and_never_overspent() {
        let simulation = history(Size::Orders(3_000), day(2026, 11, 10));
        let mut sums: BTreeMap<_, envelope::Model> = BTreeMap::new();
        for entry in &simulation.world.journal.ledger {
            let sum = sums.entry(entry.envelope_id).or_insert_with(super::super::books::tests::empty);
            super::super::books::tests::add(sum, entry);
        }
        for found in &simulation.world.books.envelopes {
            assert!(found.committed + found.consumed <= found.allocated, "{found:?}");
            let sum = sums.remove(&found.id).unwrap_or_else(super::super::books::tests::empty);
            assert_eq!(
                (sum.allocated, sum.committed, sum.consumed),
                (found.allocated, found.committed, found.consumed)
            );
        }
    }

    #[test]
    fn the_same_day_gives_the_same_history() {
        let [one, two] = [1, 2].map(|_| history(Size::Test, day(2026, 11, 10)).world.journal);
        assert_eq!(one.orders, two.orders);
        assert_eq!(one.events, two.events);
        assert_eq!(one.ledger, two.ledger);
        let small = history(Size::Small, day(2026, 11, 10));
        assert!((190..=215).contains(&small.world.journal.orders.len()), "{}", small.world.journal.orders.len());
    }
}
