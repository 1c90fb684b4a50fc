//! Orders that are told step by step, so that on any day there is one to see of everything: every
//! status, every reason to go to the regional manager, a receipt that is overdue.

use std::collections::VecDeque;

use ::entity::{
    catalog::article,
    vocabulary::{ActionType, ArticleId, AttachmentPurpose as Purpose, BudgetFamily, Money},
};
use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, Utc};

use super::{
    content::Asked,
    dice::Dice,
    journey::Step,
    network::Network,
    schedule::{WorkDays, day, midnight},
    world::World,
};
use crate::budgets::rules::{held_back, still_orderable};

/// An order told in advance.
#[derive(Clone, Debug)]
pub(super) struct Tale {
    /// Whose order it is: a place in the network's delegates.
    pub owner: usize,
    /// Whether the assistant handles it.
    pub by_assistant: bool,
    /// Which of the brokers kept for such orders.
    pub broker: usize,
    pub wanted: Wanted,
    /// When it is created.
    pub starts_at: DateTime<Utc>,
    pub script: VecDeque<(DateTime<Utc>, Step)>,
}

/// What such an order asks for.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// This.
    Exactly(Asked),
    /// An action whose delegation share is so much above what the envelope has left (B-4).
    AboveWhatIsLeft(ActionType, Money),
    /// An action that takes so much of what is held back for the other families (B-5).
    OfWhatIsHeldBack(ActionType, Money),
    /// An action of so many hundredths of the envelope.
    Percent(ActionType, i64),
    /// Articles for about so many hundredths of the envelope.
    Articles(i64),
}

impl Wanted {
    /// What it comes to for an owner at that moment.
    pub(super) fn asked(&self, world: &World, owner: usize, on: NaiveDate) -> Option<Asked> {
        let delegate = world.network.delegates.get(owner)?;
        let (position, limits) = world.books.standing(on.year(), delegate.id)?;
        let custom = |action, total| Asked::Custom { action, total, rr: Money::ZERO, partner: Money::ZERO };
        let percent = |hundredths: i64| Money(position.allocated.0 * hundredths / 100);
        Some(match self {
            Self::Exactly(asked) => asked.clone(),
            Self::AboveWhatIsLeft(action, above) => custom(*action, position.available() + *above),
            Self::OfWhatIsHeldBack(action, part) => {
                let held_back = held_back(&position, &limits, BudgetFamily::Custom);
                custom(*action, still_orderable(&position, &limits, BudgetFamily::Custom) + held_back.min(*part))
            }
            Self::Percent(action, hundredths) => custom(*action, percent(*hundredths)),
            Self::Articles(hundredths) => {
                let article = world.catalogue.get(CALENDARS)?;
                let pieces = (percent(*hundredths).0 / article.unit_price.0).max(1);
                Asked::Standard { lines: vec![(article.id, pieces)], rr: Money::ZERO }
            }
        })
    }
}

/// Places in the catalogue of articles that are always there.
const CALENDARS: usize = 34;
const BROCHURES: usize = 8;
const LEAFLETS: usize = 0;
const PENS: usize = 30;
const STANDS: usize = 55;

/// The year in which the orders told here play: the running one, or in its first days, when nothing
/// could have happened yet, the one before.
pub(super) fn stage(today: NaiveDate) -> i32 {
    if today.ordinal() > 21 { today.year() } else { today.year() - 1 }
}

/// Writes the tales.
struct Teller<'n> {
    network: &'n Network,
    catalogue: &'n [article::Model],
    days: &'n WorkDays,
    today: NaiveDate,
    dice: Dice,
    tales: Vec<Tale>,
    /// How many tales each owner has: each has a broker of its own.
    told: std::collections::HashMap<usize, usize>,
}

/// Every tale, in no particular order.
pub(super) fn tales(
    network: &Network,
    catalogue: &[article::Model],
    days: &WorkDays,
    today: NaiveDate,
    dice: Dice,
) -> Vec<Tale> {
    let mut teller =
        Teller { network, catalogue, days, today, dice, tales: Vec::new(), told: std::collections::HashMap::new() };
    teller.of_the_delegate();
    teller.of_the_colleague();
    teller.of_the_other_region();
    teller.of_those_near_their_limits();
    teller.tales
}

const fn custom(action: ActionType, total: i64, rr: i64, partner: i64) -> Wanted {
    Wanted::Exactly(Asked::Custom {
        action,
        total: Money::euros(total),
        rr: Money::euros(rr),
        partner: Money::euros(partner),
    })
}

use Step::{
    Approve, ApproveProof, Attach, Cancel, Complete, RecordCheques, RecordResults, Reject, Release,
    RequestProofChanges, Return, SendProof, Submit,
};

impl Teller<'_> {
    /// One order in every status.
    fn of_the_delegate(&mut self) {
        let me = Network::DELEGATE;
        let articles = self.articles(&[(LEAFLETS, 300), (PENS, 100)]);
        self.tell(me, articles, (2, 2), &[]);
        self.tell(me, custom(ActionType::Sponsorship, 150, 0, 0), (1, 1), &[]);
        self.tell(me, custom(ActionType::StreetMarketing, 900, 0, 200), (9, 3), &[Submit, Return]);
        self.tell(me, custom(ActionType::Advertising, 1_850, 500, 350), (3, 1), &[Submit]);
        let exactly = self.articles(&[(BROCHURES, 400)]);
        self.tell(me, exactly, (2, 1), &[Submit]);
        let deed = Attach(Purpose::ChallengeDeed);
        self.tell(me, custom(ActionType::GiftCheques, 600, 0, 0), (8, 2), &[Submit, Approve, deed]);
        let articles = self.articles(&[(STANDS, 1), (LEAFLETS, 500)]);
        self.tell(me, articles, (2, 1), &[Submit]);
        self.tell(me, custom(ActionType::Refund, 700, 0, 350), (6, 3), &[Submit, Approve]);
        self.tell(me, custom(ActionType::Leafleting, 640, 0, 0), (11, 2), &[Submit, Approve, Approve]);
        let proofs = [Submit, Approve, Approve, SendProof, RequestProofChanges, SendProof];
        self.tell(me, custom(ActionType::Mailing, 1_480, 0, 300), (16, 1), &proofs);
        let cheques = [Submit, Approve, deed, Release, Approve, RecordCheques];
        self.tell(me, custom(ActionType::GiftCheques, 450, 0, 0), (14, 3), &cheques);
        self.tell(me, custom(ActionType::Sponsorship, 520, 0, 120), (19, 6), &[Submit, Approve, Approve, Complete]);
        let all = [Submit, Approve, Approve, SendProof, ApproveProof, Complete, RecordResults];
        self.tell(me, custom(ActionType::PointOfSale, 380, 0, 0), (28, 8), &all);
        self.tell(me, custom(ActionType::Advertising, 1_300, 400, 0), (12, 9), &[Submit, Reject]);
        self.tell(me, custom(ActionType::FileRental, 260, 0, 0), (7, 5), &[Submit, Approve, Cancel]);
    }

    /// What the assistant prepares for a colleague of the same delegation.
    fn of_the_colleague(&mut self) {
        let her = Network::COLLEAGUE;
        self.tell(her, custom(ActionType::Mailing, 960, 0, 200), (3, 2), &[Submit]);
        self.tell(her, custom(ActionType::GiftCheques, 380, 0, 0), (6, 3), &[Submit, Approve]);
        let documents = [Submit, Attach(Purpose::BrokerInvoice), Approve, Attach(Purpose::RefundLetter)];
        self.tell(her, custom(ActionType::Refund, 540, 0, 270), (9, 1), &documents);
        let all = [Submit, Approve, Complete];
        let articles = self.articles(&[(PENS, 200), (CALENDARS, 50)]);
        self.tell(her, articles, (13, 4), &all);
        self.tales.iter_mut().filter(|tale| tale.owner == her).for_each(|tale| tale.by_assistant = true);
    }

    /// O-8: a receipt that is overdue, and the draft that cannot be submitted for it.
    fn of_the_other_region(&mut self) {
        let them = self.network.elsewhere();
        self.tell(them, custom(ActionType::Advertising, 1_100, 300, 0), (21, 20), &[Submit]);
        let deed = Attach(Purpose::ChallengeDeed);
        let steps = [Submit, Approve, deed, Release, Approve, RecordCheques, Complete, RecordResults];
        self.tell_between(them, custom(ActionType::GiftCheques, 520, 0, 0), self.overdue(), &steps);
        let articles = self.articles(&[(CALENDARS, 75)]);
        self.tell(them, articles, (2, 2), &[]);
    }

    /// Two delegates who spent nearly everything, and now ask for more (B-4, B-5).
    fn of_those_near_their_limits(&mut self) {
        let [deficit, minimum] = self.network.tight();
        let closed = [Submit, Approve, Approve, Complete, RecordResults];
        let refund = [
            Submit,
            Attach(Purpose::BrokerInvoice),
            Attach(Purpose::RefundLetter),
            Approve,
            Approve,
            Complete,
            RecordResults,
        ];
        for percent in [32, 27] {
            self.tell(deficit, Wanted::Percent(ActionType::Sponsorship, percent), (45, 20), &closed);
        }
        self.tell(deficit, Wanted::Articles(12), (44, 22), &closed);
        self.tell(deficit, Wanted::Percent(ActionType::Refund, 24), (43, 18), &refund);
        self.tell(deficit, Wanted::AboveWhatIsLeft(ActionType::Advertising, Money::euros(750)), (4, 2), &[Submit]);
        for percent in [30, 26] {
            self.tell(minimum, Wanted::Percent(ActionType::StreetMarketing, percent), (45, 20), &closed);
        }
        self.tell(minimum, Wanted::Percent(ActionType::Refund, 25), (43, 18), &refund);
        self.tell(minimum, Wanted::OfWhatIsHeldBack(ActionType::Advertising, Money::euros(350)), (4, 2), &[Submit]);
    }

    fn articles(&self, lines: &[(usize, i64)]) -> Wanted {
        let line =
            |(place, pieces): &(usize, i64)| (self.catalogue.get(*place).map_or(ArticleId(1), |a| a.id), *pieces);
        Wanted::Exactly(Asked::Standard { lines: lines.iter().map(line).collect(), rr: Money::ZERO })
    }

    /// From so many working days ago to so many working days ago.
    fn tell(&mut self, owner: usize, wanted: Wanted, (first, last): (usize, usize), steps: &[Step]) {
        let past = self.days.past();
        let year = stage(self.today);
        let latest = self.days.from(day(year, 12, 9)).saturating_sub(1);
        let earliest = self.days.from(day(year, 1, 2));
        let first = past.saturating_sub(first).clamp(earliest, latest.max(earliest));
        self.tell_between(owner, wanted, (first, past.saturating_sub(last).max(first)), steps);
    }

    /// Working days between which cheques were handed over so long ago that the receipt is overdue.
    fn overdue(&self) -> (usize, usize) {
        let start = self.today - Days::new(76);
        let closed = start.month() == 12 && start.day() > 5;
        let start = if closed { day(start.year(), 12, 5) } else { start };
        (self.days.from(start), self.days.from(self.today - Days::new(36)))
    }

    /// Submitted on the day after its creation at the latest; all other steps evenly until the last day.
    fn tell_between(&mut self, owner: usize, wanted: Wanted, (first, last): (usize, usize), steps: &[Step]) {
        let told = self.told.entry(owner).or_default();
        let broker = *told;
        *told += 1;
        let end = midnight(self.today) - TimeDelta::minutes(1);
        let starts_at = self.days.during(first, &mut self.dice).min(end);
        let mut at = starts_at;
        let mut script = VecDeque::new();
        let span = last.saturating_sub(first);
        for (number, step) in steps.iter().enumerate() {
            let index = match number {
                0 => first + span.min(1),
                _ => first + span * number / (steps.len() - 1),
            };
            let moment = self.days.during(index, &mut self.dice);
            at = if moment > at { moment } else { at + TimeDelta::minutes(11) };
            script.push_back((at.min(end), *step));
        }
        self.tales.push(Tale { owner, by_assistant: false, broker, wanted, starts_at, script });
    }
}
