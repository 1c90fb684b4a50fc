//! Deals that are told up to a point, so that on any day something waits in every queue of the sales process for
//! those whom one can sign in as.

use ::entity::{
    crm::account,
    vocabulary::{CommitteeKind, GoDecision, Money, NegotiationKind, OppyStage, Playbook},
};
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::{
    super::{
        dice::Dice,
        network::{Delegate, Network},
        schedule::{WorkDays, midnight},
    },
    act::Cast,
    plan::{self, Clients, New},
    step::Step,
    story::{Story, Teller},
};
use crate::{calendar, opportunities::rules::Client};

const SEED: u64 = 0x00de_a170;
/// How many working days a tale may go back.
const LONGEST: usize = 220;

/// How a tale goes on behind its creation, until it stands where it is to be seen.
type Course = fn(&mut Teller<'_>, NaiveDate);

/// A deal told up to a point.
struct Tale {
    /// A place in the network's delegates.
    owner: usize,
    subject: &'static str,
    /// In thousands of euros.
    amount: i64,
    author: Author,
    course: Course,
}

/// Who creates a deal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Author {
    Owner,
    Assistant,
    Manager,
}

use Author::{Assistant, Manager, Owner};

/// Every tale.
pub(super) fn stories(network: &Network, days: &WorkDays, rules: &Playbook, today: NaiveDate) -> Vec<Story> {
    let clients = Clients::new(network);
    tales(network)
        .into_iter()
        .enumerate()
        .filter_map(|(number, tale)| latest(&tale, number, network, &clients, days, rules, today))
        .collect()
}

/// A tale that ends as late as it can: with the shortest way back from which it comes to its end in time.
fn latest(
    tale: &Tale,
    number: usize,
    network: &Network,
    clients: &Clients<'_>,
    days: &WorkDays,
    rules: &Playbook,
    today: NaiveDate,
) -> Option<Story> {
    let delegate = network.delegates.get(tale.owner)?;
    (2..LONGEST).find_map(|ago| {
        let mut dice = Dice::new(SEED + number as u64);
        let at = days.during(days.past().checked_sub(ago)?, &mut dice);
        let account = account(network, clients, delegate, at, &mut dice);
        let author = match tale.author {
            Owner => delegate.id,
            Assistant => network.assistant(delegate.delegation),
            Manager => network.manager(delegate.region),
        };
        let new = New {
            delegate,
            author,
            account,
            contacts: clients.deciding(account.id),
            subject: format!("{} – {}", tale.subject, account.name),
            amount: Some(Money::euros(tale.amount * 1_000)),
            signing_on: today + Days::new(40 + number as u64 * 3),
            at,
        };
        let engagement = network.engagement.first().copied().unwrap_or_default();
        let cast = Cast { engagement, assisted: tale.author == Assistant, parts: (30, 50) };
        let deal = plan::new_deal(new, cast.parts);
        let mut teller = Teller::new(days, rules, dice, 20, deal, cast);
        (tale.course)(&mut teller, today);
        (teller.last() < midnight(today)).then(|| teller.told())
    })
}

/// A client of whom everything is known.
fn account<'n>(
    network: &'n Network,
    clients: &Clients<'n>,
    delegate: &Delegate,
    at: DateTime<Utc>,
    dice: &mut Dice,
) -> &'n account::Model {
    let is_known = |account: &&account::Model| {
        plan::client(network, account) == Client { siret: true, address: true, sector: true }
    };
    let found = (0..20).map(|_| clients.pick(delegate, at, dice)).find(is_known);
    found.unwrap_or(&network.accounts[delegate.portfolio.start])
}

fn tales(network: &Network) -> Vec<Tale> {
    let (me, her, them) = (Network::DELEGATE, Network::COLLEAGUE, network.elsewhere());
    let tale = |owner, subject, amount, author, course: Course| Tale { owner, subject, amount, author, course };
    vec![
        tale(me, "Prévoyance des cadres", 18, Owner, |_, _| {}),
        tale(me, "Espace salarié", 24, Owner, |t, _| qualify(t)),
        tale(them, "Téléconsultation", 31, Owner, |t, _| qualify(t)),
        tale(me, "Surcomplémentaire", 22, Manager, |t, _| qualify(t)),
        tale(me, "Gestion déléguée", 120, Owner, |t, _| {
            qualify(t);
            t.act(Step::Request);
        }),
        tale(her, "Reprise des contrats du groupe", 160, Owner, |t, _| {
            qualify(t);
            t.ask();
        }),
        tale(me, "Portail d'adhésion", 95, Owner, |t, today| {
            qualify(t);
            t.ask();
            t.plan(CommitteeKind::Restricted, today + Days::new(1));
        }),
        tale(them, "Interface avec la paie", 75, Owner, |t, today| {
            qualify(t);
            t.ask();
            t.plan(CommitteeKind::Restricted, today + Days::new(6));
        }),
        tale(me, "Santé du groupe", 420, Owner, |t, today| {
            until_extended(t);
            t.plan(CommitteeKind::Extended, today + Days::new(1));
        }),
        tale(me, "Épargne salariale", 140, Owner, |t, _| {
            qualify(t);
            t.ask();
            t.meet(CommitteeKind::Restricted);
        }),
        tale(her, "Avantages salariés", 610, Owner, |t, _| {
            until_extended(t);
            t.meet(CommitteeKind::Extended);
        }),
        tale(me, "Prévention", 36, Owner, |t, _| {
            until_negotiation(t);
            t.act(Step::Discount(1_200));
        }),
        tale(me, "Pilotage de l'absentéisme", 44, Owner, |t, _| {
            until_negotiation(t);
            t.act(Step::Discount(1_800));
        }),
        tale(her, "Complémentaire santé", 28, Owner, |t, _| {
            until_negotiation(t);
            t.act(Step::Draft(false));
        }),
        tale(me, "Externalisation des prestations", 380, Owner, |t, _| {
            until_negotiation(t);
            t.act(Step::Draft(false));
        }),
        tale(me, "Assistance", 33, Owner, |t, _| {
            until_negotiation(t);
            t.act(Step::Draft(true));
        }),
        tale(me, "Prévoyance collective", 27, Owner, |t, _| until_checks(t)),
        tale(her, "Santé des saisonniers", 19, Assistant, |t, _| until_checks(t)),
        tale(her, "Mutuelle des intérimaires", 23, Assistant, |t, _| {
            until_checks(t);
            t.act(Step::NameChecker);
        }),
        tale(me, "Retraite supplémentaire", 46, Owner, |t, _| {
            until_checks(t);
            t.act(Step::CheckFine);
        }),
        tale(me, "Garantie obsèques", 38, Owner, |t, _| {
            until_checks(t);
            let kinds = t.documents();
            t.act(Step::CheckFine);
            t.act(Step::CheckWrong(kinds[0]));
        }),
        tale(me, "Renfort hospitalisation", 21, Owner, |t, _| {
            qualify(t);
            // Noticed on a day that is over: it waits until somebody takes it up.
            let until = calendar::paris_day(t.at) + Days::new(3);
            t.sleep(until);
        }),
        tale(her, "Télésurveillance", 29, Owner, |t, today| {
            qualify(t);
            t.act(Step::Stop(OppyStage::OnHold, "PROJECT_POSTPONED", Some(today + Days::new(45))));
        }),
        tale(me, "Plateforme de services", 41, Owner, |t, _| {
            // The Go of a small deal does not hold for what it has become.
            qualify(t);
            t.act(Step::DecideGo(GoDecision::Go));
            t.advance();
            t.begin_proposal();
            t.grow(Money::euros(72_000));
        }),
    ]
}

fn qualify(t: &mut Teller<'_>) {
    t.identify();
    t.advance();
}

/// A large deal whose restricted committee has met.
fn until_extended(t: &mut Teller<'_>) {
    qualify(t);
    t.ask();
    t.meet(CommitteeKind::Restricted);
    t.act(Step::Decide(GoDecision::Go, 0));
    t.act(Step::Pitch);
}

fn until_negotiation(t: &mut Teller<'_>) {
    qualify(t);
    t.go();
    t.advance();
    t.propose(false);
    t.advance();
    t.act(Step::Negotiate(NegotiationKind::Global));
    t.act(Step::ScheduleBack);
}

fn until_checks(t: &mut Teller<'_>) {
    until_negotiation(t);
    t.act(Step::Agree);
    t.advance();
    t.attach_all();
}
