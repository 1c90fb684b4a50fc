//! What becomes of a deal, told from its first to its last step before it happens: how fast it goes, where it
//! ends, how often it is put off. Whether the rules let it happen so is asked when it does.

use std::collections::VecDeque;

use ::entity::{
    sales::opportunity,
    vocabulary::{
        CommitteeKind, ContractDocument, Deliverable, ForecastCategory, GoDecision, GoRoute, Money, NegotiationKind,
        OppyStage, PersonId, Playbook, SizeClass, Team,
    },
};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use super::{
    super::{dice::Dice, schedule::WorkDays},
    act::{self, Cast},
    step::{Change, Step},
};
use crate::{
    calendar,
    opportunities::{committee, rules},
    playbook,
};

/// A deal told in advance.
#[derive(Clone, Debug)]
pub(super) struct Story {
    /// As it is created.
    pub deal: opportunity::Model,
    pub cast: Cast,
    pub steps: VecDeque<(DateTime<Utc>, Step)>,
    /// When it is signed, whose it is then and for how much; none where it is not, or falls through.
    pub signed: Option<(NaiveDate, PersonId, Money)>,
}

/// Where a deal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Won,
    /// Won, and then it falls through.
    FallsThrough,
    Lost(OppyStage),
    NoGo,
    Dismissed(OppyStage),
    /// Nobody does anything any more.
    Forgotten(OppyStage),
}

/// What kind of deal it is in its owner's hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Character {
    pub end: End,
    /// In which stage it is put on hold for a while.
    pub paused: Option<OppyStage>,
    /// Whether it is given to this colleague on the way.
    pub given_to: Option<PersonId>,
    /// Lost or not gone for at first, and opened again.
    pub reopened: bool,
    /// Its signing date is never brought up to date.
    pub careless: bool,
    /// It grows beyond its class behind the Go.
    pub outgrows: bool,
    /// The assistant created it, so somebody else has to be named for the first check.
    pub checker_named: bool,
}

/// Teams that sign a proposal off.
const TEAMS: &[&[Team]] = &[
    &[Team::Presales],
    &[Team::Presales, Team::Legal],
    &[Team::Presales, Team::Delivery, Team::Controlling],
    &[Team::Engagement, Team::Presales, Team::Delivery, Team::Legal, Team::Management],
];

const LOST_FOR: &[(&str, u32)] = &[("PRICE", 38), ("COMPETITOR", 30), ("FUNCTIONAL_GAP", 14), ("ABANDONED", 18)];
const NO_GO_FOR: &[(&str, u32)] =
    &[("NOT_PROFITABLE", 40), ("NO_CAPACITY", 20), ("OUT_OF_OFFER", 25), ("TOO_RISKY", 15)];
const HOLD_FOR: &[(&str, u32)] = &[("BUDGET_FROZEN", 35), ("PROJECT_POSTPONED", 40), ("WAITING_FOR_CLIENT", 25)];

/// Tells a deal: what would happen to it, at what moment.
pub(super) struct Teller<'a> {
    days: &'a WorkDays,
    rules: &'a Playbook,
    pub dice: Dice,
    /// Hundredths of the usual waits.
    pace: i64,
    pub at: DateTime<Utc>,
    /// The deal as far as the telling needs it.
    deal: opportunity::Model,
    careless: bool,
    /// On hold or lost for a while: nothing about it can be changed.
    halted: bool,
    story: Story,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        days: &'a WorkDays,
        rules: &'a Playbook,
        dice: Dice,
        pace: i64,
        deal: opportunity::Model,
        cast: Cast,
    ) -> Self {
        let at = deal.created_at;
        let mut seen = deal.clone();
        seen.size_class = rules::size_class(&seen, rules);
        let story = Story { deal, cast, steps: VecDeque::new(), signed: None };
        Self { days, rules, dice, pace, at, deal: seen, careless: false, halted: false, story }
    }

    pub(super) fn told(self) -> Story {
        self.story
    }

    /// The moment of the last step.
    pub(super) fn last(&self) -> DateTime<Utc> {
        self.story.steps.back().map_or(self.deal.created_at, |(at, _)| *at)
    }

    /// Something happens, behind everything that happened before.
    pub(super) fn act(&mut self, step: Step) {
        let last = self.last();
        if self.at <= last {
            self.at = last + TimeDelta::seconds(self.dice.between(61, 900));
        }
        self.story.steps.push_back((self.at, step));
    }

    /// So many working days go by; a promised signing date that does with them is put off.
    pub(super) fn pass(&mut self, least: i64, most: i64) {
        let days = (self.dice.between(least, most) * self.pace + 50) / 100;
        let (first, rest) = (days / 2, days - days / 2);
        self.at = self.later(first);
        let then = self.later(rest);
        self.put_off(calendar::paris_day(then));
        self.at = then.max(self.at);
    }

    fn later(&mut self, days: i64) -> DateTime<Utc> {
        let days = usize::try_from(days).unwrap_or_default();
        self.days.after(self.at, days, &mut self.dice).max(self.at + TimeDelta::seconds(61))
    }

    /// Where the promised day is over, another one is promised; some of them do not count for the quarter any more.
    fn put_off(&mut self, until: NaiveDate) {
        if self.careless || self.halted || !self.deal.stage.is_open() || self.deal.signing_on > until {
            return;
        }
        let signing_on = until + Days::new(self.dice.between(12, 75).unsigned_abs());
        let committed = matches!(self.deal.category, ForecastCategory::BestCase | ForecastCategory::Commit);
        let category = (committed && self.dice.chance(35)).then_some(ForecastCategory::Pipeline);
        self.update(Change { signing_on: Some(signing_on), category, amount: None });
    }

    fn update(&mut self, change: Change) {
        if let Some(signing_on) = change.signing_on {
            self.deal.signing_on = signing_on;
        }
        if let Some(amount) = change.amount {
            act::price(&mut self.deal, amount, self.story.cast.parts);
            self.deal.size_class = rules::size_class(&self.deal, self.rules);
        }
        self.deal.category = change.category.unwrap_or(self.deal.category);
        self.act(Step::Update(change));
    }

    /// It is to be sold for another amount.
    pub(super) fn grow(&mut self, amount: Money) {
        self.update(Change { amount: Some(amount), ..Change::default() });
    }

    fn categorise(&mut self, category: ForecastCategory) {
        if self.deal.category != category {
            self.update(Change { category: Some(category), ..Change::default() });
        }
    }

    /// The whole way of a deal.
    pub(super) fn tell(&mut self, character: &Character) {
        self.careless = character.careless;
        for stage in
            [OppyStage::Identification, OppyStage::Qualification, OppyStage::Proposition, OppyStage::Negotiation]
        {
            if character.paused == Some(stage) {
                self.pass(1, 6);
                self.pause();
            }
            if !self.stay(stage, character) {
                return;
            }
            self.advance();
        }
        self.sign();
        if character.end == End::FallsThrough {
            self.pass(5, 30);
            self.act(Step::Annul);
            self.story.signed = None;
        } else {
            self.hand_in(character.checker_named);
        }
    }

    /// What happens in a stage; whether the deal goes on behind it.
    fn stay(&mut self, stage: OppyStage, character: &Character) -> bool {
        if let Some(colleague) = character.given_to.filter(|_| stage == OppyStage::Qualification) {
            self.pass(1, 5);
            self.deal.owner_id = colleague;
            self.act(Step::Reassign(colleague));
        }
        match character.end {
            End::Forgotten(at) if at == stage => {
                self.begin(stage);
                self.careless = true;
                self.pass(170, 260);
                self.act(Step::Stop(OppyStage::Lost, "ABANDONED", None));
                return false;
            }
            End::Dismissed(at) if at == stage => {
                self.begin(stage);
                self.pass(1, 10);
                let reason = if self.dice.chance(60) { "DUPLICATE" } else { "ERROR" };
                self.act(Step::Stop(OppyStage::Dismissed, reason, None));
                return false;
            }
            End::Lost(at) if at == stage => {
                self.begin(stage);
                self.pass(3, 20);
                let reason = self.dice.weighted(LOST_FOR);
                self.act(Step::Stop(OppyStage::Lost, reason, None));
                if !character.reopened {
                    return false;
                }
                self.halted = true;
                self.pass(15, 60);
                self.act(Step::Reopen);
                self.halted = false;
                self.pass(1, 4);
            }
            End::NoGo if stage == OppyStage::Qualification => {
                self.no_go();
                return false;
            }
            _goes_on => {}
        }
        match stage {
            OppyStage::Identification => self.identify(),
            OppyStage::Qualification => {
                self.pass(2, 10);
                self.go();
            }
            OppyStage::Proposition => self.propose(character.outgrows),
            _negotiation => self.negotiate(),
        }
        true
    }

    /// Some of what a stage begins with, where the deal goes no further in it.
    fn begin(&mut self, stage: OppyStage) {
        self.pass(1, 8);
        match stage {
            OppyStage::Identification if self.dice.chance(50) => self.act(Step::FillSheet),
            OppyStage::Proposition => self.begin_proposal(),
            OppyStage::Negotiation => {
                self.act(Step::Negotiate(NegotiationKind::PriceOnly));
                self.commit(40);
            }
            _nothing => {}
        }
    }

    pub(super) fn advance(&mut self) {
        self.act(Step::Advance);
        self.deal.stage = rules::next_stage(self.deal.stage).unwrap_or(self.deal.stage);
    }

    /// On hold until a day on which the server puts the deal on its owner's queue.
    fn pause(&mut self) {
        let until = calendar::paris_day(self.at) + Days::new(self.dice.between(25, 190).unsigned_abs());
        self.sleep(until);
        self.pass(0, 6);
        self.wake();
    }

    /// On hold until a day, and noticed on it.
    pub(super) fn sleep(&mut self, until: NaiveDate) {
        let reason = self.dice.weighted(HOLD_FOR);
        self.act(Step::Stop(OppyStage::OnHold, reason, Some(until)));
        self.halted = true;
        self.at = calendar::start_of_paris_day(until) + TimeDelta::seconds(self.dice.between(5, 55));
        self.act(Step::Wake);
    }

    fn wake(&mut self) {
        self.act(Step::Resume);
        self.halted = false;
        self.put_off(calendar::paris_day(self.at));
    }

    /// P-10.
    pub(super) fn identify(&mut self) {
        self.pass(1, 9);
        if self.deal.amount.is_none() {
            let amount = Money::euros(self.dice.between(6, 45) * 1_000);
            self.grow(amount);
        }
        self.act(Step::FillSheet);
        self.pass(1, 8);
    }

    /// P-11.
    pub(super) fn go(&mut self) {
        if rules::route_due(&self.deal, self.rules) == Some(GoRoute::Rr) {
            if self.dice.chance(4) {
                self.act(Step::Request);
                self.pass(1, 3);
                self.act(Step::Decline);
            }
            self.pass(0, 6);
            self.act(Step::DecideGo(GoDecision::Go));
            self.pass(0, 4);
            return;
        }
        self.ask();
        self.committees();
        self.act(Step::NameTeam);
        self.pass(0, 2);
        self.act(Step::ScheduleResponse);
        self.pass(0, 3);
    }

    /// A request for a committee that is accepted.
    pub(super) fn ask(&mut self) {
        self.act(Step::Request);
        self.pass(0, 4);
        self.act(Step::Accept);
        self.pass(0, 3);
    }

    /// The meetings up to a Go.
    fn committees(&mut self) {
        let is_due = rules::route_due(&self.deal, self.rules) == Some(GoRoute::Extended);
        let escalates = !is_due && self.dice.chance(8);
        if is_due || escalates {
            let decision = if escalates { GoDecision::Escalate } else { GoDecision::Go };
            self.meet(CommitteeKind::Restricted);
            self.act(Step::Decide(decision, 0));
            self.pass(1, 5);
            self.act(Step::Pitch);
            self.pass(0, 3);
        }
        let last = if is_due || escalates { CommitteeKind::Extended } else { CommitteeKind::Restricted };
        self.meet(last);
        let conditions = if self.dice.chance(22) { self.dice.between(1, 2) } else { 0 };
        let decision = if conditions > 0 { GoDecision::GoWithConditions } else { GoDecision::Go };
        self.act(Step::Decide(decision, usize::try_from(conditions).unwrap_or_default()));
        self.pass(1, 4);
        for number in 1..=conditions {
            let number = i32::try_from(number).unwrap_or(1);
            let is_waived = last == CommitteeKind::Restricted && self.dice.chance(25);
            self.act(if is_waived { Step::Waive(number) } else { Step::Meet(number) });
            self.pass(0, 3);
        }
    }

    /// A committee is planned, sometimes moved, and meets; what is decided is told by whoever asks.
    pub(super) fn meet(&mut self, kind: CommitteeKind) {
        if self.dice.chance(10) {
            let on = self.allowed(kind, 3);
            self.act(Step::Plan(kind, on));
            self.pass(0, 1);
        }
        let on = self.allowed(kind, 2);
        self.act(Step::Plan(kind, on));
        let held = self.days.during(self.days.from(on), &mut self.dice);
        self.put_off(on);
        self.at = held.max(self.at + TimeDelta::seconds(61));
        self.act(Step::Minutes);
        self.pass(0, 1);
    }

    /// A day on which a committee may meet, some days ahead.
    fn allowed(&mut self, kind: CommitteeKind, ahead: u64) -> NaiveDate {
        let from = calendar::paris_day(self.at) + Days::new(ahead);
        committee::proposed(self.rules, kind, from, 1).first().copied().unwrap_or(from)
    }

    /// Plans a committee for the next day on which it may meet behind a day.
    pub(super) fn plan(&mut self, kind: CommitteeKind, behind: NaiveDate) {
        let on = committee::proposed(self.rules, kind, behind, 1).first().copied().unwrap_or(behind);
        self.act(Step::Plan(kind, on));
    }

    fn no_go(&mut self) {
        self.pass(3, 15);
        let is_simple = rules::route_due(&self.deal, self.rules) == Some(GoRoute::Rr);
        if self.dice.chance(40) {
            let reason = self.dice.weighted(NO_GO_FOR);
            return self.act(Step::Stop(OppyStage::NoGo, reason, None));
        }
        if is_simple {
            return self.act(Step::DecideGo(GoDecision::NoGo));
        }
        self.ask();
        self.meet(CommitteeKind::Restricted);
        self.act(Step::Decide(GoDecision::NoGo, 0));
    }

    pub(super) fn begin_proposal(&mut self) {
        if self.teams().is_some() {
            return;
        }
        let most = match self.deal.size_class {
            Some(SizeClass::Large) => 3,
            Some(SizeClass::Middle) => 2,
            Some(SizeClass::Small) | None => 1,
        };
        let teams = TEAMS[usize::try_from(self.dice.between(most - 1, most)).unwrap_or_default()];
        self.act(Step::RequireTeams(teams));
        if self.dice.chance(55) {
            let category = self.dice.weighted(&[
                (ForecastCategory::BestCase, 70),
                (ForecastCategory::Commit, 22),
                (ForecastCategory::Omitted, 8),
            ]);
            self.categorise(category);
        }
    }

    /// P-12.
    pub(super) fn propose(&mut self, outgrows: bool) {
        self.pass(0, 4);
        self.begin_proposal();
        if outgrows {
            // The Go does not hold for the larger class: the committee has to be asked.
            self.pass(1, 3);
            let amount = Money::euros(self.dice.between(60, 140) * 1_000);
            self.grow(amount);
            self.pass(0, 2);
            self.ask();
            self.committees();
        }
        self.make_proposal();
        self.act(Step::Review);
        self.pass(0, 2);
        self.act(Step::Send);
        if self.dice.chance(18) {
            self.pass(2, 9);
            self.reprice(25, 90, 112);
            self.act(Step::Review);
            self.act(Step::Send);
        }
        self.pass(1, 10);
    }

    /// What the proposal consists of, and the teams' word.
    pub(super) fn make_proposal(&mut self) {
        for part in Deliverable::ALL {
            self.act(Step::Deliver(*part));
            self.pass(0, 4);
        }
        for team in self.teams().unwrap_or_default() {
            self.act(Step::SignOff(*team));
            self.pass(0, 2);
        }
    }

    /// The teams that have to sign off, once they are named.
    fn teams(&self) -> Option<&'static [Team]> {
        self.story.steps.iter().rev().find_map(|(_, step)| match step {
            Step::RequireTeams(teams) => Some(*teams),
            _other => None,
        })
    }

    /// Another amount, so many times in a hundred, within the class that the deal has.
    fn reprice(&mut self, percent: u32, least: i64, most: i64) {
        let (Some(amount), Some(class)) = (self.deal.amount, self.deal.size_class) else { return };
        if !self.dice.chance(percent) {
            return;
        }
        let wanted = Money(amount.0 * self.dice.between(least, most) / 10_000 * 100);
        let mut after = self.deal.clone();
        act::price(&mut after, wanted, self.story.cast.parts);
        if wanted > Money::ZERO && rules::size_class(&after, self.rules) == Some(class) {
            self.grow(wanted);
        }
    }

    /// Whether the owner commits to the quarter.
    fn commit(&mut self, percent: u32) {
        if self.dice.chance(percent) {
            let category = self.dice.weighted(&[(ForecastCategory::Commit, 60), (ForecastCategory::BestCase, 40)]);
            self.categorise(category);
        }
    }

    /// P-13.
    pub(super) fn negotiate(&mut self) {
        self.pass(1, 6);
        let kind = self.dice.weighted(&[(NegotiationKind::PriceOnly, 60), (NegotiationKind::Global, 40)]);
        self.act(Step::Negotiate(kind));
        self.commit(55);
        self.pass(1, 6);
        self.reprice(40, 82, 108);
        self.discount();
        self.act(Step::ScheduleBack);
        self.pass(1, 7);
        let answers = if kind == NegotiationKind::Global { self.dice.between(1, 3) } else { self.dice.between(0, 1) };
        for number in 1..=i32::try_from(answers).unwrap_or_default() {
            self.act(Step::Draft(false));
            self.pass(0, 2);
            self.act(Step::Approve(number));
            self.pass(0, 1);
            self.act(Step::SendAnswer(number));
            self.pass(1, 4);
        }
        self.commit(50);
        self.pass(1, 8);
        self.act(Step::Agree);
        self.deal.signing_on = calendar::paris_day(self.at);
    }

    fn discount(&mut self) {
        let grid = playbook::rules_of(self.rules, self.deal.size_class.unwrap_or(SizeClass::Small));
        let steps = i64::from(self.dice.weighted(&[
            (0, 30),
            (4, 12),
            (8, 14),
            (10, 14),
            (16, 10),
            (20, 8),
            (24, 4),
            (36, 5),
            (44, 3),
        ]));
        let discount = i32::try_from(steps * 50).unwrap_or_default();
        if discount == 0 {
            return;
        }
        self.act(Step::Discount(discount));
        if discount <= grid.sales_discount {
            return;
        }
        self.pass(0, 4);
        let agrees = self.dice.chance(84);
        self.act(Step::Judge(agrees));
        self.pass(0, 2);
        if !agrees {
            self.act(Step::Discount(grid.sales_discount));
        }
    }

    /// The client has signed.
    fn sign(&mut self) {
        let amount = self.deal.amount.unwrap_or_default();
        self.story.signed = Some((self.deal.signing_on, self.deal.owner_id, amount));
    }

    /// The documents that the contract needs.
    pub(super) fn documents(&self) -> Vec<ContractDocument> {
        rules::class_rules(&self.deal, self.rules).map(|rules| rules.documents).unwrap_or_default()
    }

    pub(super) fn attach_all(&mut self) {
        for kind in self.documents() {
            self.pass(0, 2);
            self.act(Step::Attach(kind));
        }
    }

    /// P-14.
    fn hand_in(&mut self, checker_named: bool) {
        self.attach_all();
        if checker_named {
            self.pass(1, 3);
            self.act(Step::NameChecker);
        }
        let rounds = self.dice.weighted(&[(0, 84), (1, 13), (2, 3)]);
        for _ in 0..rounds {
            self.refuse_document();
            self.pass(1, 5);
            self.act(Step::Resubmit);
        }
        self.pass(0, 5);
        self.act(Step::CheckFine);
        self.pass(0, 5);
        self.act(Step::CheckFine);
    }

    /// A check that finds a document wanting, which is replaced.
    fn refuse_document(&mut self) {
        let kinds = self.documents();
        let kind = *self.dice.pick(&kinds);
        self.pass(0, 5);
        if self.dice.chance(45) {
            self.act(Step::CheckFine);
            self.pass(0, 4);
        }
        self.act(Step::CheckWrong(kind));
        self.pass(1, 6);
        self.act(Step::Attach(kind));
    }
}
