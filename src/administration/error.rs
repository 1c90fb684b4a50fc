//! The context's refusals.

use serde::{Deserialize, Serialize};

use crate::{action::Common, both, i18n::Text, refusal};

/// Which line of the input is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// One of those to be added, from 0.
    Added(usize),
    /// One of those to be removed, from 0.
    Removed(usize),
}

/// Why a change of the policy is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// The change has no reason.
    ReasonRequired,
    /// A line names what is not there, or must not be.
    LineInvalid {
        /// Which line.
        place: Place,
        /// Why.
        fault: Fault,
    },
    /// The line is already in the policy.
    LineExists {
        /// Which line.
        place: Place,
        /// How the policy writes it.
        line: String,
    },
    /// The line is not in the policy.
    LineUnknown {
        /// Which line.
        place: Place,
        /// How the policy writes it.
        line: String,
    },
    /// Nobody would be left to change the policy.
    LastAdministrator,
    /// There is no such version, or its lines were not kept.
    VersionUnknown {
        /// What was given.
        given: i64,
        /// The version in force.
        current: i64,
    },
    /// It is the version in force.
    VersionInForce {
        /// Which.
        version: i64,
    },
    /// A line of an old version names what is not there any more.
    OldLineInvalid {
        /// Of which version.
        version: i64,
        /// How the policy writes it.
        line: String,
        /// Why.
        fault: Fault,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// There is no such role.
    Role {
        /// What was given.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A role cannot have all of this one's.
    OtherRole {
        /// What was given.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no permission of that name.
    Permission {
        /// What was given.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The permission has no such step.
    Step {
        /// What was given.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// There is no such scope.
    Scope {
        /// What was given.
        given: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Roles would have each other's permissions in a circle.
    Circle,
    /// Without a token nothing exists but signing in.
    WithoutToken,
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl Place {
    /// Its path into the input.
    fn path(self) -> Vec<String> {
        let (list, place) = match self {
            Self::Added(place) => ("add", place),
            Self::Removed(place) => ("remove", place),
        };
        vec![list.to_owned(), place.to_string()]
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::ReasonRequired => "REASON_REQUIRED",
            Self::LineInvalid { .. } | Self::OldLineInvalid { .. } => "POLICY_LINE_INVALID",
            Self::LineExists { .. } => "POLICY_LINE_EXISTS",
            Self::LineUnknown { .. } => "POLICY_LINE_UNKNOWN",
            Self::LastAdministrator => "LAST_ADMINISTRATOR",
            Self::VersionUnknown { .. } => "POLICY_VERSION_UNKNOWN",
            Self::VersionInForce { .. } => "POLICY_VERSION_IN_FORCE",
        }
    }

    fn field(&self) -> Vec<String> {
        match self {
            Self::Common(common) => vec![common.field().to_owned()],
            Self::ReasonRequired => vec!["reason".to_owned()],
            Self::LineInvalid { place, fault } => {
                place.path().into_iter().chain(fault.field().map(str::to_owned)).collect()
            }
            Self::LineExists { place, line: _ } | Self::LineUnknown { place, line: _ } => place.path(),
            Self::LastAdministrator => Vec::new(),
            Self::VersionUnknown { .. } | Self::VersionInForce { .. } | Self::OldLineInvalid { .. } => {
                vec!["version".to_owned()]
            }
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::ReasonRequired => {
                both!("Un changement de la politique a besoin d'un motif.", "A change of the policy needs a reason.")
            }
            Self::LineInvalid { place: _, fault } => fault.text(),
            Self::LineExists { place: _, line } => {
                both!("La ligne « {line} » est déjà en vigueur.", "The line «{line}» is in force already.")
            }
            Self::LineUnknown { place: _, line } => {
                both!("La ligne « {line} » n'est pas en vigueur.", "The line «{line}» is not in force.")
            }
            Self::LastAdministrator => both!(
                "Plus personne ne pourrait se connecter et modifier les comptes et la politique ; donnez d'abord ces droits à quelqu'un.",
                "Nobody would be left to sign in and change users and the policy; give somebody these rights first."
            ),
            Self::VersionUnknown { given, current } => both!(
                "La politique n'a pas de version {given} dont les lignes soient connues ; {current} est en vigueur, policyVersions nomme les autres.",
                "The policy has no version {given} whose lines are known; {current} is in force, policyVersions names the others."
            ),
            Self::VersionInForce { version } => both!(
                "La version {version} est déjà en vigueur ; choisissez-en une plus ancienne.",
                "Version {version} is in force already; choose an older one."
            ),
            Self::OldLineInvalid { version, line, fault } => {
                let Text { fr, en } = fault.text();
                both!(
                    "La version {version} a la ligne « {line} » : {fr}",
                    "Version {version} has the line «{line}»: {en}"
                )
            }
        }
    }
}

impl Fault {
    const fn field(&self) -> Option<&'static str> {
        match self {
            Self::Role { .. } => Some("role"),
            Self::OtherRole { .. } | Self::Permission { .. } => Some("object"),
            Self::Step { .. } => Some("step"),
            Self::Scope { .. } => Some("scope"),
            Self::Circle | Self::WithoutToken => None,
        }
    }

    /// What is wrong and what there is.
    pub(crate) fn text(&self) -> Text {
        match self {
            Self::Role { given, known } | Self::OtherRole { given, known } => {
                let known = known.join(", ");
                both!(
                    "Le rôle « {given} » n'existe pas ; il y a {known}.",
                    "There is no role «{given}»; there are {known}."
                )
            }
            Self::Permission { given, known } => {
                let known = known.join(", ");
                both!(
                    "La permission « {given} » n'existe pas ; il y a {known}.",
                    "There is no permission «{given}»; there are {known}."
                )
            }
            Self::Step { given, known } => {
                let known = known.join(", ");
                both!(
                    "Cette permission n'a pas d'étape « {given} » ; elle a {known}.",
                    "This permission has no step «{given}»; it has {known}."
                )
            }
            Self::Scope { given, known } => {
                let known = known.join(", ");
                both!(
                    "La portée « {given} » n'existe pas ; il y a {known}.",
                    "There is no scope «{given}»; there are {known}."
                )
            }
            Self::Circle => both!(
                "Ces rôles auraient en cercle les droits l'un de l'autre ; supprimez d'abord l'une des lignes.",
                "These roles would have each other's permissions in a circle; remove one of the lines first."
            ),
            Self::WithoutToken => both!(
                "Sans jeton, seules signIn et refreshSession existent.",
                "Without a token only signIn and refreshSession exist."
            ),
        }
    }
}
