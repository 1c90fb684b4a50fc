//! The network's deals: three years of them, each taken through the pure functions of `opportunities`, in the
//! order of time.
//!
//! ```text
//! plan, showcase ──Story──▶ Deals ──Step──▶ workflow::at_step, blockers ──▶ outcome ──▶ transition::derived
//!                             │                    └─ refused: derailed                     │
//!                             └────────────── journal ◀── event · queues · deal_state ◀─────┘
//! ```
//! Their chance is their own: whatever is told of deals, orders stay as they are.

use std::collections::{BTreeMap, VecDeque};

use ::entity::{
    forecast::deal_state,
    sales::opportunity,
    vocabulary::{Deciders, OpportunityId, OppyDocumentId, OppyStage, PersonId, Signature, WorkItemId},
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde_json::{Map, Value};

use super::{
    Scale,
    journal::{Journal, Told},
    network::Network,
    schedule::{WorkDays, midnight},
};
use crate::{
    authz::InNameOf,
    calendar, forecast,
    opportunities::{
        self, Refusal,
        rules::Facts,
        transition,
        workflow::{Action, Deals as Workflow},
    },
    outbox::Subject,
    playbook,
    record::Changed,
    transition::Tracked,
    work_queue::{self, Item, Moves},
    workflow::{Actor, Workflow as _, at_step},
};

mod act;
mod plan;
mod powers;
mod quotas;
mod showcase;
mod step;
mod story;
mod words;

use act::{Around, Made, Scene};
use powers::Powers;
use quotas::{Quotas, Setting};
use step::Step;
use story::Story;

/// The deals in the making.
#[derive(Debug)]
pub(super) struct Deals {
    agenda: BTreeMap<(DateTime<Utc>, u64), Task>,
    entries: u64,
    journeys: Vec<Option<Journey>>,
    settings: Vec<Setting>,
    quotas: Quotas,
    /// What the rules have to know, of the deal at hand.
    facts: Facts,
    powers: Powers,
    end: DateTime<Utc>,
    /// The last number of each year.
    pub numbers: BTreeMap<i32, i32>,
    deals: i64,
    documents: i64,
    /// Steps that a rule refused: none, or the story contradicts the rules.
    pub derailed: Vec<String>,
}

/// Something that is going to happen.
#[derive(Clone, Copy, Debug)]
enum Task {
    Begin(usize),
    Next(usize),
    Quota(usize),
}

/// A deal under way, with everything that belongs to it.
#[derive(Debug)]
struct Journey {
    scene: Scene,
    steps: VecDeque<(DateTime<Utc>, Step)>,
    /// The states that it was in, the present one last.
    states: Vec<deal_state::Model>,
    items: Vec<(WorkItemId, Item)>,
}

impl Deals {
    /// Everything that is going to happen to deals until the last midnight.
    pub(super) fn new(network: &Network, scale: &Scale, today: NaiveDate) -> Self {
        let playbook = playbook::shipped();
        let days = WorkDays::new(plan::beginning(today), today);
        let mut stories = plan::stories(network, scale, &days, &playbook, today);
        stories.extend(showcase::stories(network, &days, &playbook, today));
        let settings = quotas::settings(&stories, network, &days, today);
        let mut deals = Self {
            agenda: BTreeMap::new(),
            entries: 0,
            journeys: Vec::new(),
            settings,
            quotas: Quotas::default(),
            facts: Facts { playbook, ..Facts::default() },
            powers: Powers::shipped(),
            end: midnight(today),
            numbers: BTreeMap::new(),
            deals: 0,
            documents: 0,
            derailed: Vec::new(),
        };
        for (place, setting) in deals.settings.iter().map(|setting| setting.at).enumerate().collect::<Vec<_>>() {
            deals.add(setting, Task::Quota(place));
        }
        for (place, story) in stories.into_iter().enumerate() {
            deals.add(story.deal.created_at, Task::Begin(place));
            let Story { deal, cast, steps, signed: _ } = story;
            let scene = Scene { deal, documents: Vec::new(), cast };
            deals.journeys.push(Some(Journey { scene, steps, states: Vec::new(), items: Vec::new() }));
        }
        deals
    }

    /// What does not happen before the last midnight does not happen.
    fn add(&mut self, at: DateTime<Utc>, task: Task) {
        if at < self.end {
            self.entries += 1;
            self.agenda.insert((at, self.entries), task);
        }
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets the next thing happen.
    pub(super) fn happen(&mut self, network: &Network, journal: &mut Journal) {
        let Some(((at, _), task)) = self.agenda.pop_first() else { return };
        match task {
            Task::Quota(place) => {
                let setting = self.settings[place].clone();
                self.quotas.set(&setting, network, journal);
            }
            Task::Begin(place) => {
                if let Some(mut journey) = self.journeys[place].take() {
                    self.begin(&mut journey, network, journal, at);
                    self.go_on(place, journey, journal);
                }
            }
            Task::Next(place) => {
                if let Some(journey) = self.journeys[place].take() {
                    self.step(place, journey, network, journal);
                }
            }
        }
    }

    /// Hands over what only the end decides.
    pub(super) fn leave(&mut self, journal: &mut Journal) {
        self.quotas.write(journal);
    }

    /// Plans a deal's next step; where none comes before the last midnight, the deal is written.
    fn go_on(&mut self, place: usize, journey: Journey, journal: &mut Journal) {
        match journey.steps.front().map(|(at, _)| *at).filter(|at| *at < self.end) {
            Some(at) => {
                self.journeys[place] = Some(journey);
                self.add(at, Task::Next(place));
            }
            None => write(journey, journal),
        }
    }

    fn step(&mut self, place: usize, mut journey: Journey, network: &Network, journal: &mut Journal) {
        let Some((at, step)) = journey.steps.pop_front() else { return };
        match self.take(&mut journey, &step, network, journal, at) {
            Ok(()) => self.go_on(place, journey, journal),
            Err(refusals) => {
                let deal = &journey.scene.deal;
                self.derailed.push(format!("{step:?} of {} in {:?}: {refusals:?}", deal.number, deal.stage));
                write(journey, journal);
            }
        }
    }

    /// A deal is created, as the mutation creates it.
    fn begin(&mut self, journey: &mut Journey, network: &Network, journal: &mut Journal, at: DateTime<Utc>) {
        self.deals += 1;
        let year = calendar::paris_day(at).year();
        let last = self.numbers.entry(year).or_default();
        *last += 1;
        let number = opportunities::NUMBERS.number(year, *last);
        let deal = &mut journey.scene.deal;
        *deal = opportunity::Model { id: OpportunityId(self.deals), number, ..deal.clone() };
        self.look(&journey.scene, network);
        let deal = transition::derived(journey.scene.deal.clone(), &self.facts);
        journey.states.push(forecast::state(deal.id, None, &transition::standing(&deal), at));
        let queue = work_queue::followed(&mut journey.items, &Workflow::items(&deal), || journal.next_item());
        let happened = Happened { at, kind: "oppy.created", actor: Some(deal.author_id), reason: None, queue };
        tell(&deal, None, happened, Map::new(), network, journal);
        journey.scene.deal = deal;
    }

    /// Learns what the rules have to know about a deal, as `opportunities::store` would read it.
    fn look(&mut self, scene: &Scene, network: &Network) {
        let deal = &scene.deal;
        let is_early = deal.stage == OppyStage::Identification;
        let account = network.account(deal.account_id).filter(|_| is_early);
        let signs = matches!(deal.stage, OppyStage::Negotiation | OppyStage::Won);
        self.facts.client = account.map(|account| plan::client(network, account)).unwrap_or_default();
        self.facts.documents = if signs { scene.documents.clone() } else { Vec::new() };
        self.facts.deciders = Deciders {
            managers: vec![network.manager(deal.region_id)],
            assistants: vec![network.assistant(deal.delegation_id)],
        };
    }

    /// Takes a step, where no rule refuses it.
    fn take(
        &mut self,
        journey: &mut Journey,
        step: &Step,
        network: &Network,
        journal: &mut Journal,
        at: DateTime<Utc>,
    ) -> Result<(), Vec<Refusal>> {
        let stored = journey.scene.deal.clone();
        self.look(&journey.scene, network);
        journey.scene.deal.deciders.clone_from(&self.facts.deciders);
        let actor = journey.scene.hand(step, network);
        if let (Some(action), Some(person)) = (step.action(), actor) {
            self.judge(action, &journey.scene.deal, person, network, at)?;
        }
        let by = Signature { by: actor.unwrap_or_default(), on_behalf_of: None, at };
        let next_document = OppyDocumentId(self.documents + 1);
        let around = Around { network, facts: &self.facts, by: &by, today: calendar::paris_day(at), next_document };
        let made = journey.scene.after(step, &around)?;
        if made.documents.len() > journey.scene.documents.len() {
            self.documents += 1;
        }
        if matches!(step, Step::Reassign(_)) {
            // Who may decide follows the new place.
            self.look(&Scene { deal: made.deal.clone(), ..journey.scene.clone() }, network);
        }
        settle(journey, stored, step, made, &self.facts, actor, network, journal, at);
        Ok(())
    }

    /// Whether it is at somebody's step, and no rule stands in the way: as the mutation asks.
    fn judge(
        &self,
        action: Action,
        deal: &opportunity::Model,
        person: PersonId,
        network: &Network,
        at: DateTime<Utc>,
    ) -> Result<(), Vec<Refusal>> {
        let place = Workflow::place(deal);
        let held = |permission| self.powers.holds(network, person, permission, &place);
        at_step::<Workflow>(action, deal, held).map_err(|refusal| vec![refusal])?;
        let actor = Actor { person, name: InNameOf::Self_ };
        let refusals = Workflow::blockers(action, deal, &self.facts, actor, calendar::paris_day(at));
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }
}

/// Everything that follows from a deal's new state, as `transition::settle` of the deals writes it: version,
/// queues, event, and its standing in the forecast's history.
#[expect(clippy::too_many_arguments, reason = "what belongs to one transaction")]
fn settle(
    journey: &mut Journey,
    before: opportunity::Model,
    step: &Step,
    made: Made,
    facts: &Facts,
    actor: Option<PersonId>,
    network: &Network,
    journal: &mut Journal,
    at: DateTime<Utc>,
) {
    let Made { deal, documents, reason, told } = made;
    let mut after = transition::derived(opportunity::Model { active_at: at, ..deal }, facts);
    Workflow::raise(&mut after, &before, at);
    let (from, stood) = (before.stage, transition::standing(&before));
    let mut changes = changes(before, after.clone());
    changes.extend(told);
    let queue = work_queue::followed(&mut journey.items, &Workflow::items(&after), || journal.next_item());
    let happened = Happened { at, kind: step.event(), actor, reason, queue };
    tell(&after, Some(from), happened, changes, network, journal);
    let stands = transition::standing(&after);
    if stood != stands {
        let state = forecast::state(after.id, journey.states.last(), &stands, at);
        journey.states.iter_mut().rev().take(1).for_each(|last| last.until_at = Some(at));
        journey.states.push(state);
    }
    journey.scene.deal = after;
    journey.scene.documents = documents;
}

/// What changed, column by column, as every transition tells it. Most of the work is to make JSON of the deal's
/// documents, so those that stayed as they were are left out before: what is told is the same.
fn changes(mut before: opportunity::Model, mut after: opportunity::Model) -> Map<String, Value> {
    macro_rules! without {
        ($($same:ident)+) => {
            $(if before.$same == after.$same {
                before.$same = Default::default();
                after.$same = Default::default();
            })+
        };
    }
    without!(contacts sheet go proposal negotiation agreement contract stop);
    (before.deciders, after.deciders) = Default::default();
    (before.waiting, after.waiting) = Default::default();
    Changed::<opportunity::Entity>::between(&before, &after).as_json(Workflow::SILENT)
}

/// What an event tells beside the deal.
struct Happened {
    at: DateTime<Utc>,
    kind: &'static str,
    actor: Option<PersonId>,
    reason: Option<String>,
    queue: Moves,
}

fn tell(
    deal: &opportunity::Model,
    from: Option<OppyStage>,
    happened: Happened,
    changes: Map<String, Value>,
    network: &Network,
    journal: &mut Journal,
) {
    let Happened { at, kind, actor, reason, queue } = happened;
    journal.tell(Told {
        at,
        kind,
        actor,
        role: actor.map_or("", |actor| network.role(actor)),
        subject: Subject { kind: Workflow::TYPE, id: deal.id.0 },
        from: from.map(OppyStage::code),
        to: Some(deal.stage.code()),
        reason: reason.as_deref(),
        changes: Value::Object(changes),
        queue,
        envelopes: &[],
    });
}

/// Writes a deal that nothing happens to any more, with everything that belongs to it.
fn write(journey: Journey, journal: &mut Journal) {
    let Journey { scene: Scene { deal, documents, .. }, states, items, .. } = journey;
    journal.queue_as(Workflow::subject(&deal), items);
    journal.keep_states(states);
    journal.deal_documents.extend(documents);
    journal.deals.push(deal);
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use ::entity::vocabulary::{CommitteeKind, ForecastLevel, GoRoute, Money, Quarter, SizeClass, WorkKind};

    use super::{
        super::{Size, dice::Dice, schedule::day},
        *,
    };
    use crate::opportunities::committee;

    /// The deals of a network by themselves.
    fn history(size: Size, today: NaiveDate) -> (Deals, Journal, Network) {
        let network = Network::build(&size.scale(), today, &mut Dice::new(7));
        let mut deals = Deals::new(&network, &size.scale(), today);
        let mut journal = Journal::new(1);
        while deals.next().is_some() {
            deals.happen(&network, &mut journal);
        }
        deals.leave(&mut journal);
        assert_eq!(deals.derailed, Vec::<String>::new(), "{today}");
        (deals, journal, network)
    }

    fn share(of: usize, all: usize) -> usize {
        of * 100 / all.max(1)
    }

    #[test]
    fn three_thousand_deals_keep_every_rule_and_end_as_deals_end() {
        let today = day(2026, 11, 10);
        let (deals, journal, _) = history(Size::Small, today);
        let all = journal.deals.len();
        assert!((2_900..=3_100).contains(&all), "{all}");
        let at = |stage: OppyStage| journal.deals.iter().filter(|deal| deal.stage == stage).count();
        assert!((25..=30).contains(&share(at(OppyStage::ClosedWon), all)), "{}", at(OppyStage::ClosedWon));
        assert!(
            OppyStage::ALL.iter().all(|stage| at(*stage) >= 4),
            "{:?}",
            OppyStage::ALL.iter().map(|stage| at(*stage)).collect::<Vec<_>>()
        );
        let amounts = journal.deals.iter().filter_map(|deal| deal.amount);
        let known = amounts.clone().count();
        let small = share(amounts.clone().filter(|amount| *amount < Money::euros(50_000)).count(), known);
        let large = share(amounts.filter(|amount| *amount > Money::euros(250_000)).count(), known);
        assert!((66..=74).contains(&small) && (6..=10).contains(&large), "{small} {large}");
        let routes: BTreeSet<GoRoute> = journal.deals.iter().flat_map(|d| d.go.gos.iter().map(|go| go.route)).collect();
        assert_eq!(routes, GoRoute::ALL.iter().copied().collect());
        // The numbers of a year have no gaps, and the history goes back three years.
        let given: usize = deals.numbers.values().map(|last| usize::try_from(*last).unwrap()).sum();
        assert_eq!((given, deals.numbers.len()), (all, 4));
        // The forecast's history is alive.
        let count = |of: &dyn Fn(&deal_state::Model) -> bool| journal.deal_states.iter().filter(|s| of(s)).count();
        assert!(count(&|state| state.slipped_from.is_some()) > 300);
        assert!(count(&|state| state.committed_by_id.is_some()) > 1_000);
        assert_eq!(count(&|state| state.until_at.is_none()), all);
        assert!(journal.events.windows(2).all(|pair| pair[0].at <= pair[1].at));
        attainment(&journal, today);
    }

    /// What was signed in past quarters is between 60 and 130 hundredths of what was to be.
    fn attainment(journal: &Journal, today: NaiveDate) {
        let mut signed: BTreeMap<(Quarter, PersonId), Money> = BTreeMap::new();
        for deal in journal.deals.iter().filter(|deal| deal.stage.is_signed()) {
            *signed.entry((Quarter::of(deal.signing_on), deal.owner_id)).or_default() += deal.amount.unwrap();
        }
        let past = journal.quotas.iter().filter(|quota| quota.quarter < Quarter::of(today));
        let (mut fair, mut people) = (0, 0);
        let mut quarters: BTreeMap<Quarter, (Money, Money)> = BTreeMap::new();
        for quota in past.filter(|quota| quota.level == ForecastLevel::Owner) {
            let reached = signed.get(&(quota.quarter, quota.person_id.unwrap())).copied().unwrap_or_default();
            let due = quota.amount.unwrap();
            let sums = quarters.entry(quota.quarter).or_default();
            (sums.0, sums.1) = (sums.0 + reached, sums.1 + due);
            people += 1;
            fair += usize::from((60..=130).contains(&(reached.0 * 100 / due.0)));
        }
        assert_eq!(quarters.len(), 11);
        assert!(share(fair, people) >= 60, "{fair} of {people}");
        for (quarter, (reached, due)) in quarters {
            assert!((60..=130).contains(&(reached.0 * 100 / due.0)), "{quarter}: {reached} of {due}");
        }
        assert!(journal.quota_figures.len() > journal.quotas.len(), "some are raised");
    }

    /// Every month of a year, and the days around which years change.
    fn days() -> Vec<NaiveDate> {
        let edges = [(1, 1), (1, 2), (1, 5), (2, 28), (5, 2), (8, 16), (12, 9), (12, 31)];
        let edges = edges.map(|(month, date)| day(2027, month, date));
        (1..=12).map(|month| day(2026, month, 3 + month)).chain(edges).collect()
    }

    #[test]
    fn on_any_day_something_waits_in_every_queue_for_those_whom_one_can_sign_in_as() {
        for today in days() {
            let (_, journal, network) = history(Size::Test, today);
            let mine: Vec<_> = journal.items.iter().filter(|item| item.region_id == network.regions[0].id).collect();
            let kinds: BTreeSet<WorkKind> = mine.iter().map(|item| item.kind).collect();
            let of_deals = WorkKind::ALL.iter().skip_while(|kind| **kind != WorkKind::GoDecision);
            assert_eq!(kinds, of_deals.copied().collect(), "{today}");
            let owners = |kind| mine.iter().filter(|i| i.kind == kind).map(|i| i.owner_id).collect::<BTreeSet<_>>();
            for kind in [WorkKind::DocumentsRefused, WorkKind::WakeUp] {
                assert!(owners(kind).contains(&PersonId(1)), "{today}: {kind:?}");
            }
            assert!(owners(WorkKind::NamedCheck).contains(&network.engagement[0]), "{today}");
            let checks = mine.iter().filter(|item| item.kind == WorkKind::FirstCheck);
            assert!(checks.map(|item| item.delegation_id).any(|id| id == network.delegations[0].id), "{today}");
            agenda(&journal, today);
            let woken = |deal: &&opportunity::Model| deal.wake_up_on.is_some_and(|on| on < today);
            let asleep = journal.deals.iter().filter(|deal| deal.wake_up_on.is_some_and(|on| on > today));
            assert!(asleep.count() > 0, "{today}");
            for deal in journal.deals.iter().filter(woken) {
                assert!(deal.stop.as_ref().is_some_and(|stop| stop.woken), "{today}: {}", deal.number);
            }
            assert!(journal.events.iter().all(|event| event.at < midnight(today)));
        }
    }

    /// Meetings are to come, on days on which the committees may meet.
    fn agenda(journal: &Journal, today: NaiveDate) {
        let upcoming: Vec<_> = journal
            .deals
            .iter()
            .filter_map(|deal| Some((deal.meeting_kind?, deal.meeting_on.filter(|on| *on >= today)?)))
            .collect();
        for kind in CommitteeKind::ALL {
            assert!(upcoming.iter().any(|(planned, _)| planned == kind), "{today}: {kind:?}");
        }
        for (kind, on) in upcoming {
            assert_eq!(committee::may_meet(&playbook::shipped(), kind, on, today), Ok(()), "{on}");
        }
    }

    #[test]
    fn the_same_day_gives_the_same_deals() {
        let [one, two] = [1, 2].map(|_| history(Size::Test, day(2026, 11, 10)).1);
        assert!(one.deals.len() > 60 && one.deals.iter().any(|deal| deal.size_class == Some(SizeClass::Large)));
        assert_eq!(one.deals, two.deals);
        assert_eq!(one.events, two.events);
        assert_eq!(one.deal_states, two.deal_states);
        assert_eq!(one.quotas, two.quotas);
    }
}
