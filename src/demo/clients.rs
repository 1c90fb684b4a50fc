//! Companies in the delegates' portfolios that are no brokers, and the contacts of everybody.
//!
//! They are made after the network with chance of their own: whatever is told here, orders stay as they are.

use std::collections::HashSet;

use ::entity::{
    crm::{account, contact, contact_link, contact_point, site},
    vocabulary::{
        AccountId, AccountKind, ContactId, ContactLinkId, ContactPointId, ContactPointKind, Language, Sector, SiteId,
        SiteKind,
    },
};
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::{
    Scale,
    communes::{Commune, Communes},
    dice::Dice,
    names,
    network::{Delegate, Network, around, next},
    numbers,
    schedule::midnight,
};
use crate::crm::rules;

/// A line of business: how many in a hundred companies, how they are called (`{}` a family name, `@` a town), and
/// what people do there whom a delegate meets.
type Trade = (Sector, u32, &'static [&'static str]);

const TRADES: &[Trade] = &[
    (Sector::Industry, 18, &["Ateliers {}", "{} Mécanique", "Fonderie {}", "{} Plastiques", "Laiterie de @"]),
    (Sector::Retail, 17, &["Maison {}", "{} Distribution", "Comptoir de @", "{} Primeurs", "Jardinerie {}"]),
    (Sector::Construction, 14, &["{} Bâtiment", "Charpentes {}", "{} Travaux publics", "Menuiserie {}"]),
    (Sector::Health, 11, &["Clinique de @", "Résidence {}", "Laboratoire {}", "Ambulances {}"]),
    (Sector::Transport, 10, &["Transports {}", "{} Logistique", "Autocars {}"]),
    (Sector::ItServices, 9, &["{} Informatique", "{} Numérique", "Atelier web de @"]),
    (Sector::PublicSector, 6, &["Mairie de @", "Communauté de communes de @"]),
    (Sector::Agriculture, 5, &["Coopérative de @", "Domaine {}", "Serres {}"]),
    (Sector::Education, 4, &["Institut {}", "École de commerce de @"]),
    (Sector::Banking, 3, &["{} Gestion privée", "Caisse de crédit de @"]),
    (Sector::Other, 3, &["Association sportive de @", "Hôtel {}"]),
];

/// What the people do whom a delegate meets, and where.
const FUNCTIONS: &[(&str, &str)] = &[
    ("Direction générale", "Direction"),
    ("Direction des ressources humaines", "Ressources humaines"),
    ("Responsable de la paie", "Ressources humaines"),
    ("Direction administrative et financière", "Finances"),
    ("Responsable des achats", "Achats"),
    ("Secrétariat du comité social et économique", "CSE"),
];

/// Adds the companies and everybody's contacts to a network.
pub(super) fn acquire(network: &mut Network, scale: &Scale, today: NaiveDate, dice: &mut Dice) {
    let communes = Communes::read();
    let mut clients = Clients { network, today, taken: HashSet::new(), dice };
    clients.meet_brokers();
    for place in 0..clients.network.delegates.len() {
        let delegate = clients.network.delegates[place].clone();
        let office = clients.network.delegation(delegate.delegation).map(|office| office.city.clone());
        let around = around(&communes, &office.unwrap_or_default());
        for _ in 0..clients.dice.between(scale.clients.0, scale.clients.1) {
            let town = *clients.dice.pick(&around);
            clients.sign(&delegate, town);
        }
    }
}

struct Clients<'n> {
    network: &'n mut Network,
    today: NaiveDate,
    taken: HashSet<String>,
    dice: &'n mut Dice,
}

impl Clients<'_> {
    /// Whoever runs a broker's office.
    fn meet_brokers(&mut self) {
        for place in 0..self.network.brokers.len() {
            let account = self.network.accounts[place].clone();
            self.meet(&account, ("Gérance", "Direction"), true);
        }
    }

    /// A company that is a client, or may become one.
    fn sign(&mut self, delegate: &Delegate, town: Commune) {
        let id = AccountId(next(&self.network.accounts));
        let number = id.0.unsigned_abs();
        let trades: Vec<(usize, u32)> =
            TRADES.iter().enumerate().map(|(place, (_, often, _))| (place, *often)).collect();
        let (sector, _, patterns) = TRADES[self.dice.weighted(&trades)];
        let name = self.name(patterns, town, number);
        let siren = numbers::siren(number);
        let vat_number = rules::french_vat_key(&siren).map(|key| format!("FR{key:02}{siren}"));
        let account = account::Model {
            id,
            code: format!("CLI-{number:06}"),
            kind: AccountKind::Company,
            name,
            siren: Some(siren.clone()),
            vat_number,
            // Not everything is known of everybody.
            sector: (!self.dice.chance(6)).then_some(sector),
            given_name: None,
            family_name: None,
            active: true,
            portfolio_owner_id: Some(delegate.id),
            delegation_id: delegate.delegation,
            region_id: delegate.region,
            created_at: self.some_time(1_400),
            version: 1,
        };
        self.network.accounts.push(account.clone());
        let address = format!("accueil@{}.example", names::plain(&account.name));
        let owner = (Some(id), None);
        self.network.reach(owner, ContactPointKind::Email, address, None);
        let phone = numbers::phone(town.department, number);
        self.network.reach(owner, ContactPointKind::Phone, phone, Some("standard"));
        self.settle(id, &siren, town);
        let people = self.dice.between(1, 3);
        for place in 0..people {
            let function =
                FUNCTIONS[(self.dice.below(3) + usize::try_from(place).unwrap_or_default() * 3) % FUNCTIONS.len()];
            self.meet(&account, function, place == 0);
        }
        self.share(&account);
    }

    /// A name that no other company has: with its number, where it is taken.
    fn name(&mut self, patterns: &[&'static str], town: Commune, number: u64) -> String {
        let (_, family) = names::person(self.dice);
        let name = self.dice.word(patterns).replace("{}", family).replace('@', town.name);
        let free = if self.taken.contains(&name) { format!("{name} – {} {number}", town.name) } else { name };
        self.taken.insert(free.clone());
        free
    }

    /// Its head office, and perhaps a branch; of some one knows no address yet.
    fn settle(&mut self, account_id: AccountId, siren: &str, town: Commune) {
        let first = self.network.sites.len();
        for number in 0..self.dice.weighted(&[(0, 8), (1, 72), (2, 20)]) {
            let (kind, what) = match number {
                0 => (SiteKind::HeadOffice, "Siège"),
                _ => (SiteKind::Branch, "Établissement"),
            };
            self.network.sites.push(site::Model {
                id: SiteId(next(&self.network.sites)),
                account_id,
                kind,
                name: format!("{what} de {}", town.name),
                siret: Some(numbers::siret(siren, number)),
                street: names::street(self.dice),
                postcode: town.postcode.to_owned(),
                city: town.name.to_owned(),
                insee_code: Some(town.insee_code.to_owned()),
                country: rules::FRANCE.to_owned(),
                active: true,
                version: 1,
            });
        }
        self.network.add_sites_from(first);
    }

    /// Somebody at an account.
    fn meet(&mut self, account: &account::Model, (function, department): (&str, &str), primary: bool) {
        let id = ContactId(next(&self.network.contacts));
        let (given, family) = names::person(self.dice);
        self.network.contacts.push(contact::Model {
            id,
            salutation: None,
            given_name: Some(given.to_owned()),
            family_name: family.to_owned(),
            language: Language::Fr,
            active: true,
            created_at: account.created_at,
            version: 1,
        });
        let address =
            format!("{}.{}@{}.example", names::plain(given), names::plain(family), names::plain(&account.name));
        self.network.reach((None, Some(id)), ContactPointKind::Email, address, None);
        if self.dice.chance(60) {
            let number = numbers::mobile(id.0.unsigned_abs());
            self.network.reach((None, Some(id)), ContactPointKind::Mobile, number, None);
        }
        self.place(id, account.id, function, department, primary);
    }

    fn place(&mut self, contact_id: ContactId, account_id: AccountId, function: &str, department: &str, primary: bool) {
        let since = self.dice.chance(70).then(|| self.some_time(2_000).date_naive());
        self.network.links.push(contact_link::Model {
            id: ContactLinkId(next(&self.network.links)),
            contact_id,
            account_id,
            function: Some(function.to_owned()),
            department: Some(department.to_owned()),
            since,
            until: None,
            is_primary: primary,
        });
    }

    /// Now and then somebody keeps the books of a neighbour, too.
    fn share(&mut self, account: &account::Model) {
        let neighbour = self.network.accounts.iter().rev().nth(1).filter(|other| {
            other.portfolio_owner_id == account.portfolio_owner_id && other.sector != Some(Sector::InsuranceBrokerage)
        });
        let Some(neighbour) = neighbour.map(|other| other.id).filter(|_| self.dice.chance(15)) else { return };
        if let Some(last) = self.network.contacts.last().map(|contact| contact.id) {
            self.place(last, neighbour, "Cabinet comptable", "Finances", false);
        }
    }

    /// A moment at most so many days ago.
    fn some_time(&mut self, days: usize) -> DateTime<Utc> {
        midnight(self.today - Days::new(self.dice.below(days) as u64 + 2))
    }
}

/// Whose address or number it is.
pub(super) type PointOwner = (Option<AccountId>, Option<ContactId>);

impl Network {
    /// An address or a number of an account or a contact, the first of its kind.
    pub(super) fn reach(
        &mut self,
        (account_id, contact_id): PointOwner,
        kind: ContactPointKind,
        value: String,
        label: Option<&str>,
    ) {
        let value = match kind {
            ContactPointKind::Email => value,
            ContactPointKind::Phone | ContactPointKind::Mobile | ContactPointKind::Fax => {
                rules::phone(&value).unwrap_or(value)
            }
        };
        self.points.push(contact_point::Model {
            id: ContactPointId(next(&self.points)),
            account_id,
            contact_id,
            kind,
            value,
            label: label.map(str::to_owned),
            is_primary: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{ScalarType, Value};

    use super::*;
    use crate::{
        demo::Size,
        graphql::scalars::{Email, PhoneNumber, Siren, Siret, VatNumber},
    };

    fn is<T: ScalarType>(text: &str) -> bool {
        T::parse(Value::String(text.to_owned())).is_ok()
    }

    /// whatever is shown keeps the rules that the mutations check.
    #[test]
    fn everything_keeps_the_rules() {
        let network =
            Network::build(&Size::Small.scale(), super::super::schedule::day(2026, 11, 10), &mut Dice::new(1));
        let clients = network.accounts.len() - network.brokers.len();
        assert!((240..=400).contains(&clients), "{clients}");
        let mut sirens = HashSet::new();
        for account in &network.accounts {
            let siren = account.siren.as_deref().unwrap();
            assert!(is::<Siren>(siren) && sirens.insert(siren), "{siren}");
            let vat = account.vat_number.as_deref();
            assert!(vat.is_none_or(|vat| is::<VatNumber>(vat) && rules::siren_of_vat(vat) == Some(siren)), "{vat:?}");
            let sites = network.sites_of(account.id);
            assert!(sites.iter().all(|site| site.account_id == account.id));
            for siret in sites.iter().filter_map(|site| site.siret.as_deref()) {
                assert!(is::<Siret>(siret) && siret.starts_with(siren), "{siret}");
            }
        }
        for broker in &network.accounts[..network.brokers.len()] {
            assert_eq!(broker.sector, Some(Sector::InsuranceBrokerage));
            let head = network.sites_of(broker.id).iter().find(|site| site.kind == SiteKind::HeadOffice);
            assert!(head.is_some_and(|site| site.siret.is_some()), "{}", broker.name);
        }
        for point in &network.points {
            let fits = if point.kind == ContactPointKind::Email { is::<Email> } else { is::<PhoneNumber> };
            assert!(fits(&point.value), "{}", point.value);
        }
        assert!(network.links.len() > network.contacts.len(), "somebody is at two accounts");
    }
}
