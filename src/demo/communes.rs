//! The communes in which everybody works and lives: real ones (see `ATTRIBUTION.md`).

use std::collections::HashMap;

/// Communes of 3 000 inhabitants or more.
const FILE: &str = include_str!("communes.csv");

/// A commune.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commune {
    pub insee_code: &'static str,
    pub name: &'static str,
    pub postcode: &'static str,
    pub department: &'static str,
}

/// The communes by department.
#[derive(Debug)]
pub(super) struct Communes(HashMap<&'static str, Vec<Commune>>);

impl Communes {
    pub(super) fn read() -> Self {
        let mut by_department: HashMap<_, Vec<_>> = HashMap::new();
        for commune in FILE.lines().skip(1).filter_map(parsed) {
            by_department.entry(commune.department).or_default().push(commune);
        }
        Self(by_department)
    }

    /// The communes of some departments.
    pub(super) fn of(&self, departments: &[&str]) -> Vec<Commune> {
        departments.iter().filter_map(|department| self.0.get(department)).flatten().copied().collect()
    }
}

fn parsed(line: &'static str) -> Option<Commune> {
    let mut fields = line.split(',');
    let [insee_code, name, postcode, department] = std::array::from_fn(|_| fields.next());
    Some(Commune { insee_code: insee_code?, name: name?, postcode: postcode?, department: department? })
}

/// A delegation's office and the departments in which its brokers are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Office {
    pub city: &'static str,
    pub departments: &'static [&'static str],
}

const fn office(city: &'static str, departments: &'static [&'static str]) -> Office {
    Office { city, departments }
}

/// The regions with all offices that they can have; a smaller network has the first of them.
pub(super) const REGIONS: [(&str, &str, &[Office]); 2] = [
    (
        "NORD",
        "Région Nord",
        &[
            office("Rennes", &["35"]),
            office("Nantes", &["44"]),
            office("Lille", &["59"]),
            office("Rouen", &["76", "27"]),
            office("Brest", &["29"]),
            office("Vannes", &["56", "22"]),
            office("Angers", &["49", "53"]),
            office("Le Mans", &["72", "61"]),
            office("La Roche-sur-Yon", &["85"]),
            office("Caen", &["14", "50"]),
            office("Arras", &["62"]),
            office("Amiens", &["80", "60", "02"]),
            office("Versailles", &["78", "28"]),
            office("Argenteuil", &["95"]),
            office("Massy", &["91"]),
            office("Melun", &["77"]),
            office("Reims", &["51", "08", "10"]),
            office("Strasbourg", &["67", "68"]),
            office("Metz", &["57", "54", "55", "88"]),
            office("Orléans", &["45", "41", "37", "18", "36"]),
        ],
    ),
    (
        "SUD",
        "Région Sud",
        &[
            office("Lyon", &["69"]),
            office("Bordeaux", &["33"]),
            office("Toulouse", &["31", "32"]),
            office("Marseille", &["13"]),
            office("Grenoble", &["38", "73"]),
            office("Saint-Étienne", &["42", "43"]),
            office("Annemasse", &["74", "01"]),
            office("Valence", &["26", "07"]),
            office("Clermont-Ferrand", &["63", "03", "15"]),
            office("Dijon", &["21", "71", "89", "58"]),
            office("Besançon", &["25", "39", "70", "90"]),
            office("Limoges", &["87", "19", "23"]),
            office("Poitiers", &["86", "79"]),
            office("La Rochelle", &["17", "16"]),
            office("Pau", &["64", "65", "40"]),
            office("Agen", &["47", "24", "46", "82"]),
            office("Montpellier", &["34", "30"]),
            office("Perpignan", &["66", "11", "09"]),
            office("Toulon", &["83"]),
            office("Nice", &["06"]),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_office_is_in_a_commune_of_its_own_and_has_brokers_around() {
        let communes = Communes::read();
        for (_, _, offices) in REGIONS {
            for Office { city, departments } in offices {
                let around = communes.of(departments);
                assert!(around.len() >= 25, "{city}: {}", around.len());
                assert!(around.iter().any(|commune| commune.name == *city), "{city}");
                assert!(around.iter().all(|commune| commune.postcode.len() == 5), "{city}");
            }
        }
    }
}
