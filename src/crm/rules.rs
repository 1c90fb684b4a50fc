//! What an account, a site, a contact and their numbers must be like. Pure.

use ::entity::vocabulary::{AccountKind, ContactPointKind, Language, Salutation, Sector, SiteKind};
use chrono::NaiveDate;
use serde::Serialize;

use super::error::{Number, PointFlaw, Refusal};
use crate::graphql::scalars::Email;

/// The country whose numbers and postcodes are checked.
pub const FRANCE: &str = "FR";

/// The VAT numbers of the member states: `#` a digit, `@` a letter, `?` either, `%` either, `+` or `*`,
/// anything else itself.
const VAT_FORMS: &[(&str, &[&str])] = &[
    ("AT", &["U########"]),
    ("BE", &["0#########", "1#########"]),
    ("BG", &["#########", "##########"]),
    ("CY", &["########@"]),
    ("CZ", &["########", "#########", "##########"]),
    ("DE", &["#########"]),
    ("DK", &["########"]),
    ("EE", &["#########"]),
    ("EL", &["#########"]),
    ("ES", &["@########", "########@", "@#######@"]),
    ("FI", &["########"]),
    ("HR", &["###########"]),
    ("HU", &["########"]),
    ("IE", &["#%#####@", "#######@@"]),
    ("IT", &["###########"]),
    ("LT", &["#########", "############"]),
    ("LU", &["########"]),
    ("LV", &["###########"]),
    ("MT", &["########"]),
    ("NL", &["#########B##"]),
    ("PL", &["##########"]),
    ("PT", &["#########"]),
    ("RO", &["##", "###", "####", "#####", "######", "#######", "########", "#########", "##########"]),
    ("SE", &["############"]),
    ("SI", &["########"]),
    ("SK", &["##########"]),
];

/// A VAT number in capitals without blanks, dots and hyphens, where it can be one of a member state. The key
/// of a French one is verified where it is numeric; keys with a letter are taken by their form.
#[must_use]
pub fn vat_number(text: &str) -> Option<String> {
    if text.len() > 40 {
        return None;
    }
    let number: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '.' | '-')).collect();
    let number = number.to_ascii_uppercase();
    let (country, rest) = number.split_at_checked(2)?;
    let is_one = match country {
        FRANCE => is_french(rest),
        _ => VAT_FORMS
            .iter()
            .find(|(code, _)| *code == country)
            .is_some_and(|(_, forms)| forms.iter().any(|form| has_form(rest, form))),
    };
    is_one.then_some(number)
}

fn has_form(text: &str, form: &str) -> bool {
    let fits = |(letter, sign): (char, char)| match sign {
        '#' => letter.is_ascii_digit(),
        '@' => letter.is_ascii_uppercase(),
        '?' => letter.is_ascii_uppercase() || letter.is_ascii_digit(),
        '%' => letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '+' || letter == '*',
        other => letter == other,
    };
    text.chars().count() == form.chars().count() && text.chars().zip(form.chars()).all(fits)
}

/// Two characters of a key, neither of them O or I, and a SIREN number.
fn is_french(rest: &str) -> bool {
    if !has_form(rest, "??#########") {
        return false;
    }
    let (key, siren) = rest.split_at(2);
    match key.parse::<u64>() {
        Ok(key) => french_vat_key(siren) == Some(key),
        Err(_) => !key.contains(['O', 'I']),
    }
}

/// The numeric key of the French VAT number of a company.
#[must_use]
pub fn french_vat_key(siren: &str) -> Option<u64> {
    let number: u64 = siren.parse().ok()?;
    Some((12 + 3 * (number % 97)) % 97)
}

/// The SIREN number that a French VAT number contains.
#[must_use]
pub fn siren_of_vat(number: &str) -> Option<&str> {
    number.strip_prefix(FRANCE)?.get(2..)
}

/// A telephone number as it is kept: `+`, the country and the number. It is given in the international form
/// (E.164) or the national one of France; blanks, dots, hyphens, slashes and brackets are dropped.
#[must_use]
pub fn phone(text: &str) -> Option<String> {
    if text.len() > 40 {
        return None;
    }
    let plain = text.trim().replace("(0)", "");
    let plain: String =
        plain.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '.' | '-' | '/' | '(' | ')')).collect();
    let digits = match (plain.strip_prefix('+'), plain.strip_prefix("00"), plain.strip_prefix('0')) {
        (Some(international), _, _) | (None, Some(international), _) => international.to_owned(),
        (None, None, Some(national)) if national.len() == 9 => format!("33{national}"),
        (None, None, _) => return None,
    };
    let is_number = (8..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    let is_french = |national: &str| national.len() == 9 && !national.starts_with('0');
    (is_number && digits.strip_prefix("33").is_none_or(is_french)).then(|| format!("+{digits}"))
}

/// A telephone number as people of the country write it: a French one in pairs, another one as it is kept.
#[must_use]
pub fn written(phone: &str) -> String {
    match phone.strip_prefix("+33").filter(|national| national.len() == 9 && national.is_ascii()) {
        Some(national) => {
            let pairs: Vec<&str> = (1..9).step_by(2).filter_map(|place| national.get(place..place + 2)).collect();
            format!("0{} {}", &national[..1], pairs.join(" "))
        }
        None => phone.to_owned(),
    }
}

/// An address or a number of an account or a contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// What it is.
    pub kind: ContactPointKind,
    /// As it is kept.
    pub value: String,
    /// What it is for.
    pub label: Option<String>,
    /// Whether it is the first of its kind.
    pub primary: bool,
}

/// Addresses and numbers as they are kept, each once; where none of a kind is the first, the first named is.
///
/// # Errors
/// What is malformed, named twice, or the second to be the first of its kind.
pub fn points(given: &[Point]) -> Result<Vec<Point>, Vec<Refusal>> {
    let mut kept: Vec<Point> = Vec::new();
    let mut refusals = Vec::new();
    for (place, point) in given.iter().enumerate() {
        let flawed = |why| Refusal::ContactPointInvalid { place, kind: point.kind, why };
        let value = match point.kind {
            ContactPointKind::Email => Email::normalised(&point.value),
            ContactPointKind::Phone | ContactPointKind::Mobile | ContactPointKind::Fax => phone(&point.value),
        };
        let Some(value) = value else {
            refusals.push(flawed(PointFlaw::Malformed));
            continue;
        };
        let mut alike = kept.iter().filter(|other| other.kind == point.kind);
        if alike.clone().any(|other| other.value == value) {
            refusals.push(flawed(PointFlaw::Twice));
        } else if point.primary && alike.any(|other| other.primary) {
            refusals.push(flawed(PointFlaw::SecondPrimary));
        } else {
            kept.push(Point { value, ..point.clone() });
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    for kind in ContactPointKind::ALL {
        if !kept.iter().any(|point| point.kind == *kind && point.primary)
            && let Some(first) = kept.iter_mut().find(|point| point.kind == *kind)
        {
            first.primary = true;
        }
    }
    Ok(kept)
}

/// An account as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProfile {
    /// Company or person.
    pub kind: AccountKind,
    /// Name; a person's is made of the two others.
    pub name: String,
    /// A person's given name.
    pub given_name: Option<String>,
    /// A person's family name.
    pub family_name: Option<String>,
    /// SIREN number.
    pub siren: Option<String>,
    /// VAT number.
    pub vat_number: Option<String>,
    /// Line of business.
    pub sector: Option<Sector>,
    /// Whether it is still dealt with.
    pub active: bool,
    /// How it is reached.
    pub contact_points: Vec<Point>,
}

impl AccountProfile {
    /// The same with the name that follows from a person's own.
    #[must_use]
    pub fn named(self) -> Self {
        match self.kind {
            AccountKind::Company => self,
            AccountKind::Person => {
                Self { name: full_name(self.given_name.as_deref(), self.family_name.as_deref()), ..self }
            }
        }
    }

    /// The SIREN number that no other account may have.
    #[must_use]
    pub fn sole_siren(&self) -> Option<&str> {
        self.siren.as_deref().filter(|_| self.active && self.kind == AccountKind::Company)
    }
}

/// Given and family name in one.
#[must_use]
pub fn full_name(given: Option<&str>, family: Option<&str>) -> String {
    let names: Vec<&str> = [given, family].into_iter().flatten().filter(|name| !name.is_empty()).collect();
    names.join(" ")
}

/// Every reason, as far as it can be told from itself and the SIRET numbers of its sites, why an account cannot
/// be like this.
#[must_use]
pub fn account_flaws(account: &AccountProfile, sirets: &[String]) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let (field, name) = match account.kind {
        AccountKind::Company => ("name", account.name.as_str()),
        AccountKind::Person => ("familyName", account.family_name.as_deref().unwrap_or_default()),
    };
    if name.is_empty() {
        refusals.push(Refusal::NameRequired { field: field.to_owned() });
    }
    if let Some(siren) = &account.siren {
        if let Some(other) = sirets.iter().find(|siret| !siret.starts_with(siren.as_str())) {
            let (field, siret) = ("siren".to_owned(), other.clone());
            refusals.push(Number::SiretNotOfSiren { field, siren: siren.clone(), siret }.into());
        }
        if account.vat_number.as_deref().and_then(siren_of_vat).is_some_and(|of_vat| of_vat != siren) {
            refusals.push(Number::VatNotOfSiren { siren: siren.clone() }.into());
        }
    }
    refusals
}

/// A site as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SiteProfile {
    /// What it is to its account.
    pub kind: SiteKind,
    /// Name.
    pub name: String,
    /// SIRET number.
    pub siret: Option<String>,
    /// Number and street.
    pub street: String,
    /// Postcode.
    pub postcode: String,
    /// City.
    pub city: String,
    /// Country, two letters.
    pub country: String,
    /// INSEE code of the commune.
    pub insee_code: Option<String>,
    /// Whether it is still there.
    pub active: bool,
}

/// Every reason, as far as it can be told from itself and its account's SIREN number, why a site cannot be like
/// this.
#[must_use]
pub fn site_flaws(site: &SiteProfile, siren: Option<&str>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if site.name.is_empty() {
        refusals.push(Refusal::NameRequired { field: "name".to_owned() });
    }
    for (field, text) in [("street", &site.street), ("postcode", &site.postcode), ("city", &site.city)] {
        if text.is_empty() {
            refusals.push(Refusal::AddressIncomplete { field: field.to_owned() });
        }
    }
    let is_french_postcode = has_form(&site.postcode, "#####");
    if site.country == FRANCE && !site.postcode.is_empty() && !is_french_postcode {
        refusals.push(Refusal::PostcodeInvalid);
    }
    if let (Some(siret), Some(siren)) = (&site.siret, siren)
        && !siret.starts_with(siren)
    {
        let (field, siren, siret) = ("siret".to_owned(), siren.to_owned(), siret.clone());
        refusals.push(Number::SiretNotOfSiren { field, siren, siret }.into());
    }
    refusals
}

/// A contact as they are to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactProfile {
    /// How they are addressed.
    pub salutation: Option<Salutation>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: String,
    /// Language that they are spoken to in.
    pub language: Language,
    /// Whether they are dealt with.
    pub active: bool,
    /// How they are reached.
    pub contact_points: Vec<Point>,
}

/// Every reason why a contact cannot be like this.
#[must_use]
pub fn contact_flaws(contact: &ContactProfile) -> Vec<Refusal> {
    if contact.family_name.is_empty() {
        return vec![Refusal::NameRequired { field: "familyName".to_owned() }];
    }
    Vec::new()
}

/// A broker part as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BrokerProfile {
    /// Number in the register of insurance intermediaries.
    pub orias: Option<String>,
    /// First day in the challenge programme.
    pub programme_from: Option<NaiveDate>,
    /// Last day in it.
    pub programme_to: Option<NaiveDate>,
}

/// Every reason, as far as it can be told from itself, why a broker part cannot be like this.
#[must_use]
pub fn broker_flaws(broker: &BrokerProfile) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    match &broker.orias {
        None => refusals.push(Number::OriasRequired.into()),
        Some(orias) if !has_form(orias, "########") => refusals.push(Number::OriasInvalid.into()),
        Some(_) => {}
    }
    let (from, to) = (broker.programme_from, broker.programme_to);
    if to.is_some_and(|to| from.is_none_or(|from| to < from)) {
        refusals.push(Refusal::PeriodInvalid { field: "programmeTo".to_owned() });
    }
    refusals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn company() -> AccountProfile {
        AccountProfile {
            kind: AccountKind::Company,
            name: "Garage Colin".into(),
            given_name: None,
            family_name: None,
            siren: Some("732829320".into()),
            vat_number: Some("FR44732829320".into()),
            sector: Some(Sector::Retail),
            active: true,
            contact_points: Vec::new(),
        }
    }

    /// the key of a French VAT number is that of its SIREN number.
    #[test]
    fn a_french_vat_number_has_its_key() {
        assert_eq!(french_vat_key("732829320"), Some(44));
        for good in ["FR44732829320", "fr 44 732 829 320", "FR.44-732829320", "FRK7399859412", "FR4Z123456782"] {
            assert!(vat_number(good).is_some(), "{good}");
        }
        assert_eq!(vat_number("fr 44 732 829 320").as_deref(), Some("FR44732829320"));
        assert_eq!(siren_of_vat("FR44732829320"), Some("732829320"));
        let bad = ["", "FR", "FR45732829320", "FR4473282932", "FRO4732829320", "FR1I732829320", "FR 44 73282932O", "F"];
        for bad in bad {
            assert_eq!(vat_number(bad), None, "{bad}");
        }
    }

    /// the numbers of the other member states have their forms.
    #[test]
    fn vat_numbers_of_the_member_states_have_their_forms() {
        let good = [
            "ATU12345678",
            "BE0123456789",
            "BG123456789",
            "CY12345678X",
            "CZ12345678",
            "DE123456789",
            "DK12345678",
            "EE123456789",
            "EL123456789",
            "ESX1234567X",
            "ES12345678Z",
            "FI12345678",
            "HR12345678901",
            "HU12345678",
            "IE1234567X",
            "IE1+23456X",
            "IE1234567WA",
            "IT12345678901",
            "LT123456789",
            "LU12345678",
            "LV12345678901",
            "MT12345678",
            "NL123456789B01",
            "PL1234567890",
            "PT123456789",
            "RO1234567890",
            "SE123456789001",
            "SI12345678",
            "SK1234567890",
        ];
        for number in good {
            assert_eq!(vat_number(number).as_deref(), Some(number));
            assert_eq!(siren_of_vat(number), None);
        }
        assert_eq!(VAT_FORMS.len(), 26, "all members but France");
        let bad =
            ["GB123456789", "US12", "DE12345678", "ATX12345678", "NL123456789C01", "ES123456789", "XX", "RO1", "É1"];
        for bad in bad {
            assert_eq!(vat_number(bad), None, "{bad}");
        }
    }

    /// numbers are kept in the international form, however they are written.
    #[test]
    fn a_telephone_number_is_kept_in_the_international_form() {
        for same in ["02 61 91 00 17", "02.61.91.00.17", "+33 2 61 91 00 17", "+33 (0)2 61 91 00 17", "0033261910017"] {
            assert_eq!(phone(same).as_deref(), Some("+33261910017"), "{same}");
        }
        assert_eq!(phone("+352 27 12 34 56").as_deref(), Some("+35227123456"));
        for bad in ["", "12", "0261910", "+33 02 61 91 00 17", "+0123456789", "+336", "02 61 91 00 1x"] {
            assert_eq!(phone(bad), None, "{bad}");
        }
        assert_eq!(written("+33261910017"), "02 61 91 00 17");
        assert_eq!(written("+35227123456"), "+35227123456");
    }

    proptest! {
        #[test]
        fn exactly_one_numeric_key_fits_each_siren(siren in 0_u64..1_000_000_000) {
            let siren = format!("{siren:09}");
            let fitting: Vec<u64> =
                (0..100).filter(|key| vat_number(&format!("FR{key:02}{siren}")).is_some()).collect();
            prop_assert_eq!(fitting, vec![french_vat_key(&siren).unwrap()]);
        }

        #[test]
        fn what_is_kept_of_a_number_is_kept_again(text in "[+0-9 .()/-]{0,24}") {
            if let Some(kept) = phone(&text) {
                prop_assert_eq!(phone(&kept), Some(kept.clone()));
                prop_assert_eq!(phone(&written(&kept)), Some(kept.clone()));
                prop_assert!(kept.starts_with('+') && kept[1..].bytes().all(|b| b.is_ascii_digit()));
            }
        }

        #[test]
        fn what_is_kept_of_a_vat_number_is_kept_again(text in "\\PC{0,20}") {
            if let Some(kept) = vat_number(&text) {
                prop_assert_eq!(vat_number(&kept), Some(kept.clone()));
            }
        }
    }

    fn point(kind: ContactPointKind, value: &str, primary: bool) -> Point {
        Point { kind, value: value.into(), label: None, primary }
    }

    /// several numbers and addresses, of each kind one first.
    #[test]
    fn of_each_kind_one_is_the_first() {
        use ContactPointKind::{Email, Mobile, Phone};
        let given = [
            point(Email, "A@b.example", false),
            point(Email, "c@b.example", true),
            point(Phone, "02 61 91 00 17", false),
            point(Mobile, "02 61 91 00 17", false),
        ];
        let kept = points(&given).unwrap();
        let told: Vec<_> = kept.iter().map(|p| (p.value.as_str(), p.primary)).collect();
        let number = "+33261910017";
        assert_eq!(told, [("a@b.example", false), ("c@b.example", true), (number, true), (number, true)]);
        let flawed = [
            point(Email, "c@b.example", true),
            point(Email, "C@B.example", false),
            point(Email, "d@b.example", true),
            point(Phone, "c@b.example", false),
        ];
        let why = [(1, PointFlaw::Twice), (2, PointFlaw::SecondPrimary), (3, PointFlaw::Malformed)];
        let refused = why.map(|(place, why)| Refusal::ContactPointInvalid { place, kind: flawed[place].kind, why });
        assert_eq!(points(&flawed), Err(refused.to_vec()));
    }

    /// the numbers of a company, its sites and its VAT number are of one SIREN number.
    #[test]
    fn numbers_of_an_account_agree() {
        let sirets = ["73282932000074".to_owned()];
        assert_eq!(account_flaws(&company(), &sirets), []);
        let other = AccountProfile { siren: Some("120027016".into()), name: String::new(), ..company() };
        let siren = "120027016".to_owned();
        let expected = vec![
            Refusal::NameRequired { field: "name".into() },
            Number::SiretNotOfSiren { field: "siren".into(), siren: siren.clone(), siret: sirets[0].clone() }.into(),
            Number::VatNotOfSiren { siren }.into(),
        ];
        assert_eq!(account_flaws(&other, &sirets), expected);
        let foreign = AccountProfile { vat_number: Some("BE0123456789".into()), ..company() };
        assert_eq!(account_flaws(&foreign, &[]), []);
        let unknown = AccountProfile { siren: None, ..company() };
        assert_eq!(account_flaws(&unknown, &sirets), []);
    }

    #[test]
    fn a_person_is_called_by_their_names() {
        let person = AccountProfile {
            kind: AccountKind::Person,
            given_name: Some("Jeanne".into()),
            family_name: Some("Morel".into()),
            ..company()
        };
        assert_eq!(person.clone().named().name, "Jeanne Morel");
        assert_eq!(person.sole_siren(), None);
        assert_eq!(company().sole_siren(), Some("732829320"));
        assert_eq!(AccountProfile { active: false, ..company() }.sole_siren(), None);
        let nobody = AccountProfile { family_name: None, ..person };
        assert_eq!(account_flaws(&nobody, &[]), [Refusal::NameRequired { field: "familyName".into() }]);
    }

    /// a site has an address; in France a postcode of five digits, and a SIRET number of its company.
    #[test]
    fn a_site_has_an_address() {
        let site = SiteProfile {
            kind: SiteKind::HeadOffice,
            name: "Siège".into(),
            siret: Some("73282932000074".into()),
            street: "2 place du Marché".into(),
            postcode: "59000".into(),
            city: "Lille".into(),
            country: FRANCE.into(),
            insee_code: None,
            active: true,
        };
        assert_eq!(site_flaws(&site, Some("732829320")), []);
        assert_eq!(site_flaws(&site, None), []);
        let bare = SiteProfile { street: String::new(), postcode: "5900".into(), ..site.clone() };
        let incomplete = Refusal::AddressIncomplete { field: "street".into() };
        assert_eq!(site_flaws(&bare, None), [incomplete, Refusal::PostcodeInvalid]);
        let abroad = SiteProfile { country: "LU".into(), postcode: "L-1234".into(), siret: None, ..site.clone() };
        assert_eq!(site_flaws(&abroad, Some("732829320")), []);
        let (field, siren, siret) = ("siret".into(), "120027016".into(), "73282932000074".into());
        assert_eq!(site_flaws(&site, Some("120027016")), [Number::SiretNotOfSiren { field, siren, siret }.into()]);
    }

    /// R-2, O-7: a broker has an ORIAS number of eight digits, and an enrolment that begins before it ends.
    #[test]
    fn a_broker_is_registered() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 3, day);
        let broker = |orias: Option<&str>, from, to| BrokerProfile {
            orias: orias.map(str::to_owned),
            programme_from: from,
            programme_to: to,
        };
        assert_eq!(broker_flaws(&broker(Some("07000001"), day(2), day(2))), []);
        assert_eq!(broker_flaws(&broker(Some("07000001"), day(2), None)), []);
        let period = Refusal::PeriodInvalid { field: "programmeTo".into() };
        assert_eq!(broker_flaws(&broker(None, day(2), day(1))), [Number::OriasRequired.into(), period.clone()]);
        for bad in ["0700001", "070000011", "0700000A", "０７００００１１", ""] {
            assert_eq!(broker_flaws(&broker(Some(bad), None, day(1))), [Number::OriasInvalid.into(), period.clone()]);
        }
    }
}
