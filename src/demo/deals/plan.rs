//! Which deals there are: whose, with whom, from when on, for how much, and what will become of them.

use std::collections::HashMap;

use ::entity::{
    crm::account,
    sales::opportunity,
    vocabulary::{
        AccountId, ContactId, DecisionContact, DecisionContacts, DecisionPart, DelegationId, Money, OppyStage,
        PersonId, Playbook,
    },
};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};

use super::{
    super::{
        Scale,
        dice::Dice,
        network::{Delegate, Network},
        schedule::{WorkDays, midnight, season},
    },
    act::{self, Cast},
    story::{Character, End, Story, Teller},
    words,
};
use crate::{
    calendar,
    opportunities::{
        draft::{self, Origin},
        rules::Client,
    },
};

/// The seed of all deals.
const SEED: u64 = 0x00de_a150;

/// Amounts in thousands of euros: how many in a hundred deals, between what and what.
const AMOUNTS: &[((i64, i64), u32)] = &[((5, 49), 70), ((50, 250), 22), ((255, 900), 8)];

const ENDS: &[(End, u32)] = &[
    (End::Won, 35),
    (End::FallsThrough, 1),
    (End::Lost(OppyStage::Identification), 4),
    (End::Lost(OppyStage::Qualification), 5),
    (End::Lost(OppyStage::Proposition), 12),
    (End::Lost(OppyStage::Negotiation), 16),
    (End::NoGo, 13),
    (End::Dismissed(OppyStage::Identification), 5),
    (End::Dismissed(OppyStage::Qualification), 3),
    (End::Forgotten(OppyStage::Identification), 2),
    (End::Forgotten(OppyStage::Qualification), 2),
    (End::Forgotten(OppyStage::Proposition), 2),
];

/// The ends of deals whose clients nobody knows enough of to go on (P-10).
const EARLY_ENDS: &[(End, u32)] = &[
    (End::Lost(OppyStage::Identification), 40),
    (End::Dismissed(OppyStage::Identification), 35),
    (End::Forgotten(OppyStage::Identification), 25),
];

/// Companies with which deals are made.
#[derive(Debug)]
pub(super) struct Clients<'n> {
    network: &'n Network,
    of_owner: HashMap<PersonId, Vec<&'n account::Model>>,
    of_delegation: HashMap<DelegationId, Vec<&'n account::Model>>,
    people: HashMap<AccountId, Vec<ContactId>>,
}

impl<'n> Clients<'n> {
    pub(super) fn new(network: &'n Network) -> Self {
        let mut clients =
            Self { network, of_owner: HashMap::new(), of_delegation: HashMap::new(), people: HashMap::new() };
        for account in network.accounts.iter().skip(network.brokers.len()) {
            clients.of_delegation.entry(account.delegation_id).or_default().push(account);
            if let Some(owner) = account.portfolio_owner_id {
                clients.of_owner.entry(owner).or_default().push(account);
            }
        }
        for link in &network.links {
            clients.people.entry(link.account_id).or_default().push(link.contact_id);
        }
        clients
    }

    /// Who takes part in a client's decision, as far as one knows them.
    pub(super) fn deciding(&self, account: AccountId) -> DecisionContacts {
        let parts = [DecisionPart::DecisionMaker, DecisionPart::Buyer, DecisionPart::User];
        let people = self.people.get(&account).into_iter().flatten().zip(parts);
        DecisionContacts(people.map(|(contact, part)| DecisionContact { contact: *contact, part }).collect())
    }

    /// A company that is known at a moment: the delegate's own, one of the delegation's, or a broker.
    pub(super) fn pick(&self, delegate: &Delegate, at: DateTime<Utc>, dice: &mut Dice) -> &'n account::Model {
        let known = |accounts: Option<&Vec<&'n account::Model>>| -> Vec<&'n account::Model> {
            accounts.into_iter().flatten().filter(|account| account.created_at < at).copied().collect()
        };
        let mut candidates = Vec::new();
        if dice.chance(70) {
            candidates = known(self.of_owner.get(&delegate.id));
        }
        if candidates.is_empty() {
            candidates = known(self.of_delegation.get(&delegate.delegation));
        }
        if candidates.is_empty() {
            let brokers = self.network.accounts.get(delegate.portfolio.clone()).unwrap_or_default();
            candidates = brokers.iter().filter(|broker| broker.created_at < at).collect();
        }
        let chosen = candidates.get(dice.below(candidates.len())).copied();
        chosen.unwrap_or(&self.network.accounts[delegate.portfolio.start])
    }
}

/// How much is known of a client, as the gate asks it (P-10).
pub(super) fn client(network: &Network, account: &account::Model) -> Client {
    let sites = network.sites_of(account.id).iter().filter(|site| site.active);
    let (mut siret, mut address) = (false, false);
    for site in sites {
        siret |= site.siret.is_some();
        address |= [&site.street, &site.postcode, &site.city].iter().all(|part| !part.is_empty());
    }
    Client { siret, address, sector: account.sector.is_some() }
}

/// What a new deal is, beside what every new deal is.
pub(super) struct New<'n> {
    pub delegate: &'n Delegate,
    pub author: PersonId,
    pub account: &'n account::Model,
    pub contacts: DecisionContacts,
    pub subject: String,
    pub amount: Option<Money>,
    pub signing_on: NaiveDate,
    pub at: DateTime<Utc>,
}

/// A deal as it is created, without key and number.
pub(super) fn new_deal(new: New<'_>, parts: (i64, i64)) -> opportunity::Model {
    let New { delegate, author, account, contacts, subject, amount, signing_on, at } = new;
    let mut deal = draft::identified(Origin {
        subject,
        account: account.id,
        sector: account.sector.map(|sector| sector.code().to_owned()),
        contacts,
        owner: delegate.id,
        delegation: delegate.delegation,
        region: delegate.region,
        author,
        authored_for: None,
        signing_on,
        at,
    });
    if let Some(amount) = amount {
        act::price(&mut deal, amount, parts);
    }
    deal
}

/// Every deal of the history, in the order in which they are created.
pub(super) fn stories(
    network: &Network,
    scale: &Scale,
    days: &WorkDays,
    rules: &Playbook,
    today: NaiveDate,
) -> Vec<Story> {
    let mut dice = Dice::new(SEED);
    let clients = Clients::new(network);
    let activity = activity(network, scale, &mut dice);
    let mut starts = Vec::new();
    for (index, count) in per_day(scale.deals, days).into_iter().enumerate() {
        starts.extend((0..count).map(|_| days.during(index, &mut dice)));
    }
    starts.sort_unstable();
    let known = |at: &DateTime<Utc>| *at < midnight(today);
    let mut plan = Plan { network, clients, days, rules, activity, dice };
    starts.into_iter().filter(known).enumerate().map(|(number, at)| plan.story(number, at)).collect()
}

/// How many deals come on each working day: a little more every year.
fn per_day(deals: usize, days: &WorkDays) -> Vec<usize> {
    let past = days.past();
    let growth = |index: usize| 100 + 30 * index / past.max(1);
    let weights: Vec<usize> =
        (0..past).map(|index| usize::try_from(season(days.day(index))).unwrap_or(100) * growth(index)).collect();
    let all = weights.iter().sum::<usize>().max(1);
    let counts = weights.iter().scan(0, |sum, weight| {
        let before = deals * *sum / all;
        *sum += weight;
        Some(deals * *sum / all - before)
    });
    counts.collect()
}

/// How many deals each delegate has, compared with others; those whom one can sign in as have more.
fn activity(network: &Network, scale: &Scale, dice: &mut Dice) -> Vec<(usize, u32)> {
    let favourites = [Network::DELEGATE, Network::COLLEAGUE, network.elsewhere()];
    (0..network.delegates.len())
        .map(|place| {
            let usual = u32::try_from(dice.between(70, 130)).unwrap_or(100);
            (place, if favourites.contains(&place) { 70 * scale.favour } else { usual })
        })
        .collect()
}

struct Plan<'n> {
    network: &'n Network,
    clients: Clients<'n>,
    days: &'n WorkDays,
    rules: &'n Playbook,
    activity: Vec<(usize, u32)>,
    dice: Dice,
}

impl Plan<'_> {
    fn story(&mut self, number: usize, at: DateTime<Utc>) -> Story {
        let dice = &mut self.dice;
        let delegate = &self.network.delegates[dice.weighted(&self.activity)];
        let account = self.clients.pick(delegate, at, dice);
        let assistant = self.network.assistant(delegate.delegation);
        let author = match dice.below(100) {
            0 => self.network.manager(delegate.region),
            1..=22 => assistant,
            _ => delegate.id,
        };
        let (least, most) = dice.weighted(AMOUNTS);
        let amount = Money::euros(skewed(least, most, dice) * 1_000 + dice.between(0, 9) * 100);
        let slowness = if least < 50 { 100 } else { 130 + least / 4 };
        let pace = slowness * dice.between(45, 150) / 100;
        let promised = 80 * pace / 100 * dice.between(55, 125) / 100 + 5;
        let new = New {
            delegate,
            author,
            account,
            contacts: self.clients.deciding(account.id),
            subject: format!("{} – {}", dice.word(words::SUBJECTS), account.name),
            amount: (!dice.chance(5)).then_some(amount),
            signing_on: calendar::paris_day(at) + Days::new(promised.unsigned_abs()),
            at,
        };
        let cast = Cast {
            engagement: *dice.pick(&self.network.engagement),
            assisted: author == assistant || dice.chance(25),
            parts: (dice.between(10, 40), dice.between(40, 60)),
        };
        let mut deal = new_deal(new, cast.parts);
        deal.complex = dice.chance(if least < 50 { 1 } else { 12 });
        deal.out_of_standard = dice.chance(4);
        deal.presales_investment = dice.chance(if least < 50 { 1 } else { 15 });
        deal.special_bid = least >= 50 && dice.chance(2);
        let is_plain = !deal.complex && !deal.out_of_standard && !deal.presales_investment && least < 50;
        let is_known = client(self.network, account) == Client { siret: true, address: true, sector: true };
        let character =
            self.character(delegate, author == assistant, is_known, is_plain && amount < Money::euros(49_000));
        let own = Dice::new(SEED + 1 + number as u64);
        let mut teller = Teller::new(self.days, self.rules, own, pace, deal, cast);
        teller.tell(&character);
        teller.told()
    }

    fn character(&mut self, delegate: &Delegate, checker_named: bool, is_known: bool, may_outgrow: bool) -> Character {
        let dice = &mut self.dice;
        let end = dice.weighted(if is_known { ENDS } else { EARLY_ENDS });
        let stages = [
            (OppyStage::Identification, 25),
            (OppyStage::Qualification, 30),
            (OppyStage::Proposition, 25),
            (OppyStage::Negotiation, 20),
        ];
        let stage = dice.weighted(&stages);
        let paused = (is_known && dice.chance(16)).then_some(stage);
        let colleagues = self.network.delegates.iter().filter(|other| other.delegation == delegate.delegation);
        let colleagues: Vec<PersonId> = colleagues.map(|other| other.id).filter(|id| *id != delegate.id).collect();
        let is_given = is_known && !colleagues.is_empty() && dice.chance(3);
        Character {
            end,
            paused,
            given_to: is_given.then(|| *dice.pick(&colleagues)),
            reopened: is_known && dice.chance(8),
            careless: dice.chance(10),
            outgrows: may_outgrow && dice.chance(3),
            checker_named,
        }
    }
}

/// A number between two, the smaller ones more often.
fn skewed(least: i64, most: i64, dice: &mut Dice) -> i64 {
    dice.between(least, most).min(dice.between(least, most))
}

/// Three years before a day.
pub(super) fn beginning(today: NaiveDate) -> NaiveDate {
    today.with_year(today.year() - 3).unwrap_or(today - Days::new(1_096))
}
