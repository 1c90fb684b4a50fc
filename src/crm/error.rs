//! The context's refusals.

use ::entity::vocabulary::ContactPointKind;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{action::Common, both, i18n::Text, refusal};

/// Why something about accounts or contacts is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// A name is missing.
    NameRequired {
        /// Which one.
        field: String,
    },
    /// A number of a register.
    Number(Number),
    /// An address or a number of the account or the contact cannot be kept.
    ContactPointInvalid {
        /// Its place in the list.
        place: usize,
        /// What it is to be.
        kind: ContactPointKind,
        /// Why not.
        why: PointFlaw,
    },
    /// A part of a site's address is missing.
    AddressIncomplete {
        /// Which one.
        field: String,
    },
    /// A French postcode is none.
    PostcodeInvalid,
    /// A period ends before it begins.
    PeriodInvalid {
        /// Where it ends in the input.
        field: String,
    },
    /// The day lies in the future.
    InFuture {
        /// Today.
        today: NaiveDate,
    },
    /// The contact is already at the account.
    AlreadyLinked,
    /// The contact is not at the account, or no longer.
    NotLinked,
    /// The person keeps no portfolio.
    OwnerInvalid {
        /// Where they are named in the input.
        field: String,
    },
    /// Whoever works in no delegation says which one looks after the account.
    DelegationRequired,
}

/// Refusals about numbers of registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Number {
    /// Another company has the SIREN number.
    SirenTaken {
        /// Which one, where the caller may read it.
        by: Option<Holder>,
    },
    /// Another site has the SIRET number.
    SiretTaken {
        /// Whose, where the caller may read it.
        by: Option<Holder>,
    },
    /// A site's SIRET number is not one of the account's SIREN number.
    SiretNotOfSiren {
        /// Which of the two is given.
        field: String,
        /// The account's number.
        siren: String,
        /// The site's.
        siret: String,
    },
    /// The French VAT number is not that of the account's SIREN number.
    VatNotOfSiren {
        /// The account's number.
        siren: String,
    },
    /// The ORIAS number is none.
    OriasInvalid,
    /// A broker needs an ORIAS number.
    OriasRequired,
    /// Another broker has the ORIAS number.
    OriasTaken {
        /// Which one, where the caller may read it.
        by: Option<Holder>,
    },
}

/// Why an address or a number cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PointFlaw {
    /// It is no address, or no number.
    Malformed,
    /// It is named twice.
    Twice,
    /// Another one of its kind is the first already.
    SecondPrimary,
}

/// The account that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// Whose a number is: in French with its preposition, in English without; `fr` and `en` where it is unknown to the
/// caller.
fn told(by: Option<&Holder>, fr: &str, en: &str) -> (String, String) {
    match by {
        Some(Holder { code, name }) => (format!("de « {name} » ({code})"), format!("«{name}» ({code})")),
        None => (fr.to_owned(), en.to_owned()),
    }
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl From<Number> for Refusal {
    fn from(refusal: Number) -> Self {
        Self::Number(refusal)
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(refusal) => refusal.code(),
            Self::NameRequired { .. } => "NAME_REQUIRED",
            Self::Number(refusal) => refusal.code(),
            Self::ContactPointInvalid { .. } => "CONTACT_POINT_INVALID",
            Self::AddressIncomplete { .. } => "ADDRESS_INCOMPLETE",
            Self::PostcodeInvalid => "POSTCODE_INVALID",
            Self::PeriodInvalid { .. } => "PERIOD_INVALID",
            Self::InFuture { .. } => "DATE_IN_FUTURE",
            Self::AlreadyLinked => "ALREADY_LINKED",
            Self::NotLinked => "NOT_LINKED",
            Self::OwnerInvalid { .. } => "OWNER_INVALID",
            Self::DelegationRequired => "DELEGATION_REQUIRED",
        }
    }

    fn field(&self) -> Vec<String> {
        let field = match self {
            Self::Common(refusal) => refusal.field(),
            Self::ContactPointInvalid { place, .. } => return vec!["contactPoints".to_owned(), place.to_string()],
            Self::NameRequired { field }
            | Self::AddressIncomplete { field }
            | Self::PeriodInvalid { field }
            | Self::OwnerInvalid { field } => field,
            Self::Number(refusal) => refusal.field(),
            Self::PostcodeInvalid => "postcode",
            Self::InFuture { .. } => "until",
            Self::AlreadyLinked | Self::NotLinked => "account",
            Self::DelegationRequired => "delegation",
        };
        if field.is_empty() { Vec::new() } else { vec![field.to_owned()] }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(refusal) => refusal.text(),
            Self::ContactPointInvalid { kind, why, .. } => why.text(*kind),
            Self::NameRequired { .. } => both!("Un nom est nécessaire.", "A name is needed."),
            Self::AddressIncomplete { .. } => both!(
                "L'adresse est incomplète : il faut la rue, le code postal et la ville.",
                "The address is incomplete: street, postcode and city are needed."
            ),
            Self::PostcodeInvalid => both!(
                "Un code postal français a cinq chiffres ; pour une adresse à l'étranger, indiquez le pays.",
                "A French postcode has five digits; for an address abroad, name the country."
            ),
            Self::Number(refusal) => refusal.text(),
            Self::PeriodInvalid { .. } => both!(
                "La période se termine avant de commencer.",
                "The period ends before it begins, or has no beginning."
            ),
            Self::InFuture { today } => both!(
                "Cette date est dans le futur ; le dernier jour peut être le {today} ou avant.",
                "This day lies in the future; the last day may be {today} or earlier."
            ),
            Self::AlreadyLinked => both!(
                "Ce contact est déjà rattaché à ce compte ; mettez d'abord fin à ce rattachement.",
                "This contact is at this account already; end that first."
            ),
            Self::NotLinked => both!(
                "Ce contact n'est pas, ou plus, rattaché à ce compte.",
                "This contact is not at this account, or no longer."
            ),
            Self::OwnerInvalid { .. } => both!(
                "Cette personne ne tient pas de portefeuille : choisissez une ou un délégué en activité.",
                "This person keeps no portfolio: choose an active delegate."
            ),
            Self::DelegationRequired => both!(
                "Vous ne travaillez dans aucune délégation : indiquez celle qui suivra le compte, ou son délégué.",
                "You work in no delegation: say which one looks after the account, or which delegate."
            ),
        }
    }
}

impl Number {
    const fn code(&self) -> &'static str {
        match self {
            Self::SirenTaken { .. } => "SIREN_TAKEN",
            Self::SiretTaken { .. } => "SIRET_TAKEN",
            Self::SiretNotOfSiren { .. } => "SIRET_NOT_OF_SIREN",
            Self::VatNotOfSiren { .. } => "VAT_NOT_OF_SIREN",
            Self::OriasInvalid => "ORIAS_INVALID",
            Self::OriasRequired => "ORIAS_REQUIRED",
            Self::OriasTaken { .. } => "ORIAS_TAKEN",
        }
    }

    fn field(&self) -> &str {
        match self {
            Self::SirenTaken { .. } => "siren",
            Self::SiretTaken { .. } => "siret",
            Self::SiretNotOfSiren { field, .. } => field,
            Self::VatNotOfSiren { .. } => "vatNumber",
            Self::OriasInvalid | Self::OriasRequired | Self::OriasTaken { .. } => "orias",
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::SirenTaken { by } => {
                let (fr, en) = told(by.as_ref(), "d'un autre compte", "another account");
                both!("Ce numéro SIREN est déjà celui {fr}.", "This SIREN number is already that of {en}.")
            }
            Self::SiretTaken { by } => {
                let (fr, en) = told(by.as_ref(), "d'un autre compte", "another account");
                both!(
                    "Ce numéro SIRET est déjà celui d'un établissement {fr}.",
                    "This SIRET number is already that of a site of {en}."
                )
            }
            Self::SiretNotOfSiren { siren, siret, .. } => both!(
                "Le numéro SIRET {siret} n'est pas de l'entreprise {siren} : il doit commencer par son numéro SIREN.",
                "The SIRET number {siret} is not of the company {siren}: it must begin with its SIREN number."
            ),
            Self::VatNotOfSiren { siren } => both!(
                "Ce numéro de TVA n'est pas de l'entreprise {siren} : un numéro français se termine par le numéro SIREN.",
                "This VAT number is not of the company {siren}: a French one ends with the SIREN number."
            ),
            Self::OriasInvalid => both!("Un numéro ORIAS a huit chiffres.", "An ORIAS number has eight digits."),
            Self::OriasRequired => {
                both!("Un courtier a un numéro ORIAS : indiquez-le.", "A broker has an ORIAS number: give it.")
            }
            Self::OriasTaken { by } => {
                let (fr, en) = told(by.as_ref(), "d'un autre courtier", "another broker");
                both!("Ce numéro ORIAS est déjà celui {fr}.", "This ORIAS number is already that of {en}.")
            }
        }
    }
}

impl PointFlaw {
    fn text(self, kind: ContactPointKind) -> Text {
        match (self, kind) {
            (Self::Malformed, ContactPointKind::Email) => {
                both!("Ce n'est pas une adresse e-mail.", "This is no e-mail address.")
            }
            (Self::Malformed, _) => both!(
                "Ce n'est pas un numéro de téléphone : donnez-le sous la forme 01 23 45 67 89 ou +352 27 12 34 56.",
                "This is no telephone number: write it like 01 23 45 67 89 or +352 27 12 34 56."
            ),
            (Self::Twice, _) => both!("Cette coordonnée figure deux fois.", "This is named twice."),
            (Self::SecondPrimary, _) => {
                both!("Une seule coordonnée de chaque type est la principale.", "Of each kind one alone is the first.")
            }
        }
    }
}
