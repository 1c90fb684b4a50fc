//! The context's refusals.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::{passwords, rules::Lacking};
use crate::{action::Common, both, i18n::Text, refusal};

/// Why something about people, sessions or mandates is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// Signing in and passwords.
    Access(Access),
    /// Accounts of people, and roles.
    Account(Account),
    /// Who stands in for whom.
    Mandate(Mandate),
    /// API keys.
    Key(Key),
}

/// Refusals about signing in and passwords.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// E-mail address or password are wrong; which one is not told.
    WrongCredentials,
    /// The password that one has now is another.
    WrongPassword,
    /// Too many wrong passwords in a row (K-13).
    TooManyAttempts {
        /// When to try again.
        seconds: i64,
    },
    /// People sign in at an issuer outside.
    SignInElsewhere {
        /// Which one.
        issuer: String,
    },
    /// The refresh token is unknown, used before, or its session has ended.
    SessionEnded,
    /// The caller's session ended while they signed out.
    SignedOut,
    /// The new password is too short.
    PasswordTooShort {
        /// Where it stands in the input.
        field: String,
    },
}

/// Refusals about the accounts of people, and about roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Account {
    /// A name or a label is missing.
    NameRequired {
        /// Which one.
        field: String,
    },
    /// Somebody else has the e-mail address.
    EmailTaken,
    /// Another person or role has the code.
    CodeTaken {
        /// The code.
        code: String,
    },
    /// There is no such role.
    UnknownRole {
        /// Its place in the list.
        place: usize,
        /// The code given.
        code: String,
        /// The codes that there are.
        known: Vec<String>,
    },
    /// The roles reach over a place that the person has not.
    PlaceRequired(Lacking),
    /// Nobody would be left to administer people and policy.
    LastAdministrator,
    /// The person is active already, or deactivated already.
    WrongStatus {
        /// Which of the two.
        active: bool,
    },
    /// The person signs in nowhere else.
    NotLinked,
}

/// Refusals about API keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Key {
    /// A key without a role could do nothing.
    RoleRequired,
    /// The key would have ended already.
    ExpiryPassed {
        /// Now.
        now: DateTime<Utc>,
    },
    /// There is no such permission.
    UnknownPermission {
        /// Its place in the list.
        place: usize,
        /// The name given.
        name: String,
    },
    /// The key is revoked.
    Revoked,
}

/// Refusals about mandates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mandate {
    /// The person who would be stood in for is deactivated.
    AbsentInactive,
    /// The last day lies before the first.
    PeriodReversed,
    /// The last day has passed.
    PeriodPassed {
        /// Today.
        today: NaiveDate,
    },
    /// Nobody stands in for themselves.
    DeputyIsAbsent,
    /// The deputy is deactivated.
    DeputyInactive,
    /// The same deputy is already named for some of these days.
    Overlaps {
        /// First day of the earlier mandate.
        first_day: NaiveDate,
        /// Its last day.
        last_day: NaiveDate,
    },
    /// The mandate has ended.
    AlreadyEnded,
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl From<Access> for Refusal {
    fn from(refusal: Access) -> Self {
        Self::Access(refusal)
    }
}

impl From<Account> for Refusal {
    fn from(refusal: Account) -> Self {
        Self::Account(refusal)
    }
}

impl From<Mandate> for Refusal {
    fn from(refusal: Mandate) -> Self {
        Self::Mandate(refusal)
    }
}

impl From<Key> for Refusal {
    fn from(refusal: Key) -> Self {
        Self::Key(refusal)
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(refusal) => refusal.code(),
            Self::Access(refusal) => refusal.code(),
            Self::Account(refusal) => refusal.code(),
            Self::Mandate(refusal) => refusal.code(),
            Self::Key(refusal) => refusal.code(),
        }
    }

    fn field(&self) -> Vec<String> {
        let name = match self {
            Self::Common(refusal) => refusal.field(),
            Self::Access(refusal) => refusal.field(),
            Self::Account(Account::UnknownRole { place, .. }) => return vec!["roles".to_owned(), place.to_string()],
            Self::Account(refusal) => refusal.field(),
            Self::Mandate(refusal) => refusal.field(),
            Self::Key(Key::UnknownPermission { place, .. }) => return vec!["limitedTo".to_owned(), place.to_string()],
            Self::Key(refusal) => refusal.field(),
        };
        if name.is_empty() { Vec::new() } else { vec![name.to_owned()] }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(refusal) => refusal.text(),
            Self::Access(refusal) => refusal.text(),
            Self::Account(refusal) => refusal.text(),
            Self::Mandate(refusal) => refusal.text(),
            Self::Key(refusal) => refusal.text(),
        }
    }
}

impl Access {
    const fn code(&self) -> &'static str {
        match self {
            Self::WrongCredentials | Self::WrongPassword => "WRONG_CREDENTIALS",
            Self::TooManyAttempts { .. } => "TOO_MANY_ATTEMPTS",
            Self::SignInElsewhere { .. } => "SIGN_IN_ELSEWHERE",
            Self::SessionEnded | Self::SignedOut => "SESSION_ENDED",
            Self::PasswordTooShort { .. } => "PASSWORD_TOO_SHORT",
        }
    }

    fn field(&self) -> &str {
        match self {
            Self::WrongCredentials => "password",
            Self::WrongPassword => "currentPassword",
            Self::SignedOut | Self::TooManyAttempts { .. } | Self::SignInElsewhere { .. } => "",
            Self::SessionEnded => "refreshToken",
            Self::PasswordTooShort { field } => field,
        }
    }

    fn text(&self) -> Text {
        let least = passwords::LEAST;
        match self {
            Self::WrongCredentials => {
                both!("Adresse ou mot de passe incorrect.", "The e-mail address or the password is wrong.")
            }
            Self::WrongPassword => both!(
                "Le mot de passe actuel est incorrect ; donnez-le pour en choisir un nouveau.",
                "The current password is wrong; give it to choose a new one."
            ),
            Self::TooManyAttempts { seconds } => both!(
                "Trop de tentatives avec un mot de passe incorrect ; réessayez dans {seconds} s.",
                "Too many attempts with a wrong password; try again in {seconds} s."
            ),
            Self::SignInElsewhere { issuer } => both!(
                "La connexion se fait auprès de {issuer} ; présentez le jeton qu'il vous donne.",
                "One signs in at {issuer}; come with the token that it gives."
            ),
            Self::SessionEnded | Self::SignedOut => both!(
                "Cette session est terminée ; connectez-vous à nouveau.",
                "This session has ended; sign in again."
            ),
            Self::PasswordTooShort { .. } => both!(
                "Ce mot de passe est trop court : il en faut au moins {least} caractères.",
                "This password is too short: it takes at least {least} characters."
            ),
        }
    }
}

impl Account {
    const fn code(&self) -> &'static str {
        match self {
            Self::NameRequired { .. } => "NAME_REQUIRED",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::CodeTaken { .. } => "CODE_TAKEN",
            Self::UnknownRole { .. } => "UNKNOWN_ROLE",
            Self::PlaceRequired(_) => "PLACE_REQUIRED",
            Self::LastAdministrator => "LAST_ADMINISTRATOR",
            Self::WrongStatus { .. } => "WRONG_STATUS",
            Self::NotLinked => "NOT_LINKED",
        }
    }

    fn field(&self) -> &str {
        match self {
            Self::NameRequired { field } => field,
            Self::EmailTaken => "email",
            Self::CodeTaken { .. } => "code",
            Self::UnknownRole { .. } => "roles",
            Self::PlaceRequired(Lacking::Delegation) => "delegation",
            Self::PlaceRequired(Lacking::Region) => "region",
            Self::LastAdministrator | Self::WrongStatus { .. } | Self::NotLinked => "",
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::NameRequired { .. } => both!("Un nom est nécessaire.", "A name is needed."),
            Self::EmailTaken => {
                both!("Une autre personne a déjà cette adresse.", "Somebody else already has this address.")
            }
            Self::CodeTaken { code } => both!("Le code « {code} » est déjà pris.", "The code «{code}» is taken."),
            Self::UnknownRole { code, known, .. } => {
                let known = known.join(", ");
                both!(
                    "Le rôle « {code} » n'existe pas ; il y a {known}.",
                    "There is no role «{code}»; there are {known}."
                )
            }
            Self::PlaceRequired(Lacking::Delegation) => both!(
                "Un de ces rôles agit dans une délégation : indiquez laquelle.",
                "One of these roles works in a delegation: say which."
            ),
            Self::PlaceRequired(Lacking::Region) => both!(
                "Un de ces rôles agit dans une région : indiquez laquelle, ou une délégation de celle-ci.",
                "One of these roles works in a region: say which, or name one of its delegations."
            ),
            Self::LastAdministrator => both!(
                "Plus personne ne pourrait modifier les comptes et la politique d'accès ; donnez d'abord ce droit à quelqu'un d'autre.",
                "Nobody would be left to change users and the policy; give somebody else that right first."
            ),
            Self::NotLinked => both!(
                "Cette personne n'est liée à aucun compte extérieur : il n'y a rien à délier.",
                "This person is linked to no account elsewhere: there is nothing to unlink."
            ),
            Self::WrongStatus { active: true } => both!("Ce compte est déjà actif.", "This account is active already."),
            Self::WrongStatus { active: false } => {
                both!("Ce compte est déjà désactivé.", "This account is deactivated already.")
            }
        }
    }
}

impl Key {
    const fn code(&self) -> &'static str {
        match self {
            Self::RoleRequired => "ROLE_REQUIRED",
            Self::ExpiryPassed { .. } => "EXPIRY_PASSED",
            Self::UnknownPermission { .. } => "UNKNOWN_PERMISSION",
            Self::Revoked => "KEY_REVOKED",
        }
    }

    const fn field(&self) -> &'static str {
        match self {
            Self::RoleRequired => "roles",
            Self::ExpiryPassed { .. } => "expiresAt",
            Self::UnknownPermission { .. } => "limitedTo",
            Self::Revoked => "id",
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::RoleRequired => both!(
                "Une clé sans rôle ne pourrait rien faire : donnez-lui au moins un rôle.",
                "A key without a role could do nothing: give it one at least."
            ),
            Self::ExpiryPassed { now } => {
                let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
                both!(
                    "Cette clé aurait déjà expiré ; sa fin doit être après le {now}.",
                    "This key would have ended already; its end must be after {now}."
                )
            }
            Self::UnknownPermission { name, .. } => both!(
                "La permission « {name} » n'existe pas ; prenez les noms de viewer.permissions.",
                "There is no permission «{name}»; take the names that viewer.permissions tells."
            ),
            Self::Revoked => both!(
                "Cette clé est révoquée, définitivement ; créez-en une autre.",
                "This key is revoked for good; make another one."
            ),
        }
    }
}

impl Mandate {
    const fn code(&self) -> &'static str {
        match self {
            Self::AbsentInactive => "WRONG_STATUS",
            Self::PeriodReversed | Self::PeriodPassed { .. } => "PERIOD_INVALID",
            Self::DeputyIsAbsent | Self::DeputyInactive => "DEPUTY_INVALID",
            Self::Overlaps { .. } => "MANDATE_OVERLAPS",
            Self::AlreadyEnded => "ALREADY_ENDED",
        }
    }

    const fn field(&self) -> &'static str {
        match self {
            Self::AbsentInactive => "absent",
            Self::PeriodReversed | Self::PeriodPassed { .. } => "lastDay",
            Self::DeputyIsAbsent | Self::DeputyInactive => "deputy",
            Self::Overlaps { .. } => "firstDay",
            Self::AlreadyEnded => "id",
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::AbsentInactive => both!(
                "Le compte de la personne absente est désactivé : personne ne peut la remplacer.",
                "The absent person's account is deactivated: nobody can stand in for them."
            ),
            Self::PeriodReversed => both!(
                "Le dernier jour précède le premier ; il peut être le même jour ou plus tard.",
                "The last day lies before the first; it may be the same day or later."
            ),
            Self::PeriodPassed { today } => both!(
                "Cette période est passée ; le dernier jour peut être le {today} ou plus tard.",
                "This period has passed; the last day may be {today} or later."
            ),
            Self::DeputyIsAbsent => both!(
                "Personne ne se remplace soi-même ; choisissez quelqu'un d'autre.",
                "Nobody stands in for themselves; choose somebody else."
            ),
            Self::DeputyInactive => both!(
                "Le compte de cette personne est désactivé ; choisissez quelqu'un d'actif.",
                "This person's account is deactivated; choose somebody active."
            ),
            Self::Overlaps { first_day, last_day } => both!(
                "Cette personne est déjà désignée du {first_day} au {last_day} ; choisissez d'autres jours ou mettez d'abord fin à ce remplacement.",
                "This person is already named from {first_day} to {last_day}; choose other days, or end that mandate first."
            ),
            Self::AlreadyEnded => {
                both!("Ce remplacement est déjà terminé.", "This mandate has ended already.")
            }
        }
    }
}
