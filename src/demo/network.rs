//! The network: regions, delegations, people, and the brokers in the delegates' portfolios.

use std::{collections::HashSet, ops::Range};

use ::entity::{
    crm::{account, broker, contact, contact_link, contact_point, site},
    identity::{delegation, deputy, person, person_role, region},
    vocabulary::{
        AccountId, AccountKind, ContactPointKind, DelegationId, DeputyId, Language, PersonId, RegionId, Sector, SiteId,
        SiteKind,
    },
};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};

use super::{
    ACCOUNTS, Scale, clients,
    communes::{Commune, Communes, Office, REGIONS},
    dice::Dice,
    names, numbers,
    schedule::{day, midnight},
};
use crate::crm::rules::FRANCE;

/// Names of the people behind [`ACCOUNTS`], in their order.
const NAMED: [(&str, &str); 11] = [
    ("Yann", "Le Goff"),
    ("Antoine", "Mercier"),
    ("Karim", "Roux"),
    ("Nathalie", "Petit"),
    ("Hélène", "Garnier"),
    ("Marc", "Fontaine"),
    ("Sophie", "Lambert"),
    ("Julien", "Moreau"),
    ("Catherine", "Dubois"),
    ("Isabelle", "Renard"),
    ("Thomas", "Girard"),
];

/// A delegate with the brokers in their portfolio.
#[derive(Clone, Debug)]
pub(super) struct Delegate {
    pub id: PersonId,
    pub code: String,
    pub delegation: DelegationId,
    pub region: RegionId,
    /// Places of their brokers in [`Network::accounts`].
    pub portfolio: Range<usize>,
}

/// Everybody and everything that is there before the first order.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub regions: Vec<region::Model>,
    pub delegations: Vec<delegation::Model>,
    pub people: Vec<person::Model>,
    pub held: Vec<person_role::Model>,
    pub mandates: Vec<deputy::Model>,
    pub accounts: Vec<account::Model>,
    pub brokers: Vec<broker::Model>,
    pub sites: Vec<site::Model>,
    pub contacts: Vec<contact::Model>,
    pub links: Vec<contact_link::Model>,
    pub points: Vec<contact_point::Model>,
    pub delegates: Vec<Delegate>,
    /// The sales-promotion department.
    pub promotion: Vec<PersonId>,
    pub sales_admin: PersonId,
    pub director: PersonId,
    /// The engagement managers; one can sign in as the first.
    pub engagement: Vec<PersonId>,
    /// Assistants and managers, in the order of delegations and regions.
    assistants: Vec<PersonId>,
    managers: Vec<PersonId>,
    /// Places in [`Network::sites`] of each account's, in the order of accounts.
    sites_of: Vec<Range<usize>>,
    /// The telephone number of each broker as people write it, in the order of accounts.
    phones: Vec<String>,
}

/// The seed of those who are no brokers, and of everybody's contacts.
const CLIENTS: u64 = 0x0c11_e475;

/// The seed of those who came with the sales process.
const ENGAGEMENT: u64 = 0x0e_6a6e;

/// How many of a delegation's first brokers are kept for orders that are told step by step.
pub(super) const KEPT: usize = 18;

impl Network {
    /// The delegates whom one can sign in as, and the two who are near their limits.
    pub(super) const DELEGATE: usize = 0;
    pub(super) const COLLEAGUE: usize = 1;

    pub(super) fn build(scale: &Scale, today: NaiveDate, dice: &mut Dice) -> Self {
        let mut network = Self::default();
        network.organise(scale, dice);
        network.employ(scale, today, dice);
        network.name_deputies(today);
        network.acquire(scale, today, dice);
        clients::acquire(&mut network, scale, today, &mut Dice::new(CLIENTS));
        network
    }

    /// The first delegate of the other region.
    pub(super) fn elsewhere(&self) -> usize {
        let first = self.delegates.first().map(|delegate| delegate.region);
        self.delegates.iter().position(|delegate| Some(delegate.region) != first).unwrap_or_default()
    }

    /// The two delegates of the second delegation who have hardly any budget left.
    pub(super) fn tight(&self) -> [usize; 2] {
        let first = self.delegates.first().map(|delegate| delegate.delegation);
        let second = self.delegates.iter().position(|d| Some(d.delegation) != first).unwrap_or_default();
        [second, second + 1]
    }

    pub(super) fn account(&self, id: AccountId) -> Option<&account::Model> {
        self.accounts.get(place(id.0))
    }

    pub(super) fn broker(&self, id: AccountId) -> Option<&broker::Model> {
        self.brokers.get(place(id.0))
    }

    /// A broker's telephone number as people write it.
    pub(super) fn phone(&self, id: AccountId) -> &str {
        self.phones.get(place(id.0)).map_or("", String::as_str)
    }

    /// The sites that were added from a place on are the next account's.
    pub(super) fn add_sites_from(&mut self, first: usize) {
        self.sites_of.push(first..self.sites.len());
    }

    pub(super) fn site(&self, id: SiteId) -> Option<&site::Model> {
        self.sites.get(place(id.0))
    }

    pub(super) fn sites_of(&self, id: AccountId) -> &[site::Model] {
        let range = self.sites_of.get(place(id.0)).cloned().unwrap_or_default();
        self.sites.get(range).unwrap_or_default()
    }

    pub(super) fn delegation(&self, id: DelegationId) -> Option<&delegation::Model> {
        self.delegations.get(place(id.0))
    }

    pub(super) fn assistant(&self, delegation: DelegationId) -> PersonId {
        self.assistants.get(place(delegation.0)).copied().unwrap_or_default()
    }

    pub(super) fn manager(&self, region: RegionId) -> PersonId {
        self.managers.get(place(region.0)).copied().unwrap_or_default()
    }

    /// Somebody of the network.
    pub(super) fn person(&self, id: PersonId) -> Option<&person::Model> {
        self.people.get(place(id.0))
    }

    /// The role that somebody acts in: everybody here holds one.
    pub(super) fn role(&self, person: PersonId) -> &str {
        self.held.get(place(person.0)).map_or("", |held| held.role_code.as_str())
    }

    fn organise(&mut self, scale: &Scale, dice: &mut Dice) {
        let communes = Communes::read();
        for (code, name, offices) in REGIONS {
            let region_id = RegionId(next(&self.regions));
            self.regions.push(region::Model { id: region_id, code: text(code), name: text(name) });
            for Office { city, departments } in offices.iter().take(scale.delegations) {
                let around = communes.of(departments);
                self.delegations.push(delegation::Model {
                    id: DelegationId(next(&self.delegations)),
                    code: format!("D{:02}", next(&self.delegations)),
                    name: format!("Délégation de {city}"),
                    region_id,
                    street: names::street(dice),
                    postcode: around.iter().find(|c| c.name == *city).map_or_else(String::new, |c| text(c.postcode)),
                    city: text(city),
                });
            }
        }
    }

    fn employ(&mut self, scale: &Scale, today: NaiveDate, dice: &mut Dice) {
        let delegations = self.delegations.clone();
        let (first, other) = (&delegations[0], &delegations[scale.delegations]);
        let places = [Some(first), Some(first), Some(other), Some(first), None, None, None, None, None, None, None];
        for ((account, (given, family)), place) in ACCOUNTS.iter().zip(NAMED).zip(places) {
            let region = match account.email {
                "rr@demo.example" => Some(first.region_id),
                "rr2@demo.example" => Some(other.region_id),
                _ => place.map(|delegation| delegation.region_id),
            };
            self.hire(account.role, account.email.to_owned(), (given, family), place, region);
        }
        let of_role = |network: &Self, role: &str| -> Vec<PersonId> {
            network.held.iter().filter(|held| held.role_code == role).map(|held| held.person_id).collect()
        };
        for _ in 0..2 {
            let id = self.hire_somebody("PDV", None, None, dice);
            self.promotion.push(id);
        }
        self.promotion.insert(0, of_role(self, "PDV")[0]);
        self.managers = of_role(self, "RR");
        self.sales_admin = of_role(self, "SALES_ADMIN")[0];
        self.director = of_role(self, "DIRECTOR")[0];
        for (number, delegation) in delegations.iter().enumerate() {
            let assistant = match number {
                0 => of_role(self, "ASSISTANT")[0],
                _ => self.hire_somebody("ASSISTANT", Some(delegation), Some(delegation.region_id), dice),
            };
            self.assistants.push(assistant);
            self.employ_delegates(scale, number, delegation, dice);
        }
        // With chance of their own: everybody else stays who they are.
        let mut own = Dice::new(ENGAGEMENT);
        for _ in 0..2 {
            self.hire_somebody("ENGAGEMENT_MANAGER", None, None, &mut own);
        }
        self.engagement = of_role(self, "ENGAGEMENT_MANAGER");
        // Before the first deal, three years ago.
        let hired = midnight(day(today.year() - 4, 1, 6));
        self.people.iter_mut().for_each(|person| person.created_at = hired);
    }

    fn employ_delegates(&mut self, scale: &Scale, number: usize, delegation: &delegation::Model, dice: &mut Dice) {
        let mut named = match number {
            0 => vec![PersonId(1), PersonId(2)],
            _ if number == scale.delegations => vec![PersonId(3)],
            _ => Vec::new(),
        };
        while named.len() < scale.delegates {
            named.push(self.hire_somebody("DELEGATE", Some(delegation), Some(delegation.region_id), dice));
        }
        self.delegates.extend(named.into_iter().map(|id| Delegate {
            id,
            code: format!("DELEGATE-{:04}", id.0),
            delegation: delegation.id,
            region: delegation.region_id,
            portfolio: 0..0,
        }));
    }

    fn hire_somebody(
        &mut self,
        role: &str,
        delegation: Option<&delegation::Model>,
        region: Option<RegionId>,
        dice: &mut Dice,
    ) -> PersonId {
        let (given, family) = names::person(dice);
        let address = format!("{}.{}.{}@demo.example", names::plain(given), names::plain(family), next(&self.people));
        self.hire(role, address, (given, family), delegation, region)
    }

    fn hire(
        &mut self,
        role: &str,
        email: String,
        (given, family): (&str, &str),
        delegation: Option<&delegation::Model>,
        region: Option<RegionId>,
    ) -> PersonId {
        let id = PersonId(next(&self.people));
        self.people.push(person::Model {
            id,
            code: format!("{}-{:04}", role.replace('_', "-"), id.0),
            email,
            given_name: text(given),
            family_name: text(family),
            language: Language::Fr,
            delegation_id: delegation.map(|delegation| delegation.id),
            region_id: region,
            password_hash: None,
            // Nobody signs in before everything is there.
            active: false,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
            version: 1,
        });
        self.held.push(person_role::Model { person_id: id, role_code: text(role) });
        id
    }

    /// The manager of the first region is away next week; the other one stands in.
    fn name_deputies(&mut self, today: NaiveDate) {
        let [absent, deputy] = [self.managers[0], self.managers[1]];
        let monday = today.iter_days().skip(1).find(|day| day.weekday() == Weekday::Mon).unwrap_or(today);
        self.mandates.push(deputy::Model {
            id: DeputyId(1),
            absent_id: absent,
            deputy_id: deputy,
            first_day: monday,
            last_day: monday + Days::new(4),
            named_by_id: absent,
            ended_at: None,
            created_at: midnight(today) - chrono::TimeDelta::hours(7),
            version: 1,
        });
    }

    fn acquire(&mut self, scale: &Scale, today: NaiveDate, dice: &mut Dice) {
        let communes = Communes::read();
        let mut taken = HashSet::new();
        let named = [Self::DELEGATE, Self::COLLEAGUE, self.elsewhere()];
        for number in 0..self.delegates.len() {
            let Delegate { id, delegation, region, .. } = self.delegates[number].clone();
            let office = self.delegation(delegation).map(|office| office.city.clone()).unwrap_or_default();
            let around = around(&communes, &office);
            let least = if named.contains(&number) { KEPT as i64 + 6 } else { 1 };
            let count = dice.between(scale.brokers.0, scale.brokers.1).max(least);
            let first = self.accounts.len();
            for _ in 0..count {
                self.sign(id, delegation, region, *dice.pick(&around), today, &mut taken, dice);
            }
            self.delegates[number].portfolio = first..self.accounts.len();
        }
    }

    /// A broker signs with the network.
    #[expect(clippy::too_many_arguments, reason = "a row has many columns")]
    fn sign(
        &mut self,
        owner: PersonId,
        delegation_id: DelegationId,
        region_id: RegionId,
        town: Commune,
        today: NaiveDate,
        taken: &mut HashSet<String>,
        dice: &mut Dice,
    ) {
        let id = AccountId(next(&self.accounts));
        let number = id.0.unsigned_abs();
        let name = unused(taken, names::broker(dice, town.name), town.name, number);
        let siren = numbers::siren(number);
        let address = names::plain(&name);
        self.accounts.push(account::Model {
            id,
            code: format!("C{number:06}"),
            kind: AccountKind::Company,
            name,
            siren: Some(siren.clone()),
            // Brokerage is exempt from VAT.
            vat_number: None,
            sector: Some(Sector::InsuranceBrokerage),
            given_name: None,
            family_name: None,
            active: true,
            portfolio_owner_id: Some(owner),
            delegation_id,
            region_id,
            created_at: midnight(day(today.year() - 2, 2, 1)) - Days::new(dice.below(2_500) as u64),
            version: 1,
        });
        let phone = numbers::phone(town.department, number);
        self.reach((Some(id), None), ContactPointKind::Email, format!("contact@{address}.example"), None);
        self.reach((Some(id), None), ContactPointKind::Phone, phone.clone(), None);
        self.phones.push(phone);
        let enrolled = dice.chance(10);
        self.brokers.push(broker::Model {
            account_id: id,
            orias: numbers::orias(number),
            programme_from: enrolled.then(|| day(today.year() - 1, 1, 1)),
            programme_to: (enrolled && dice.chance(50)).then(|| day(today.year(), 12, 31)),
        });
        self.settle(id, &siren, town, dice);
    }

    /// A broker's sites: one, two or three.
    fn settle(&mut self, account_id: AccountId, siren: &str, town: Commune, dice: &mut Dice) {
        let first = self.sites.len();
        let count = dice.weighted(&[(1, 65), (2, 25), (3, 10)]);
        for number in 0..count {
            let (kind, what) = match number {
                0 => (SiteKind::HeadOffice, "Siège"),
                1 => (SiteKind::Branch, "Agence"),
                _ => (SiteKind::Branch, "Bureau"),
            };
            self.sites.push(site::Model {
                id: SiteId(next(&self.sites)),
                account_id,
                kind,
                name: format!("{what} de {}", town.name),
                siret: Some(numbers::siret(siren, number)),
                street: names::street(dice),
                postcode: text(town.postcode),
                city: text(town.name),
                insee_code: Some(text(town.insee_code)),
                country: text(FRANCE),
                active: true,
                version: 1,
            });
        }
        self.add_sites_from(first);
    }
}

/// The communes around an office.
pub(super) fn around(communes: &Communes, city: &str) -> Vec<Commune> {
    let offices = REGIONS.iter().flat_map(|(_, _, offices)| offices.iter());
    let departments =
        offices.filter(|office| office.city == city).flat_map(|office| office.departments.iter().copied());
    communes.of(&departments.collect::<Vec<_>>())
}

/// A name that no other broker has: with its town or, where that is taken too, its number.
fn unused(taken: &mut HashSet<String>, name: String, town: &str, number: u64) -> String {
    let candidates = [name.clone(), format!("{name} – {town}"), format!("{name} – {town} {number}")];
    let free = candidates.into_iter().find(|candidate| !taken.contains(candidate)).unwrap_or(name);
    taken.insert(free.clone());
    free
}

/// The key of the next row of a table: keys are counted from 1.
pub(super) fn next<T>(rows: &[T]) -> i64 {
    rows.len() as i64 + 1
}

/// The place of the row with a key.
fn place(key: i64) -> usize {
    usize::try_from(key - 1).unwrap_or(usize::MAX)
}

fn text(text: &str) -> String {
    text.to_owned()
}
