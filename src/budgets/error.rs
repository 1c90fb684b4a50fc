//! Why something about budgets or goodwill gestures is refused.

use ::entity::vocabulary::{BudgetFamily, GoodwillStatus, Money};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{labels, rules::MoveRefusal};
use crate::{
    action::Common,
    both,
    i18n::Text,
    refusal::{self, Details},
};

/// A path into the input.
pub type Path = Vec<String>;

/// A path into the input from its words.
#[must_use]
pub fn path(words: &[&str]) -> Path {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A refusal of this context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// The budget year does not allow it.
    Year {
        /// Which year.
        year: i32,
        /// Why.
        why: YearRefusal,
    },
    /// Something entered cannot be.
    Input {
        /// Where.
        field: Path,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The budget cannot be shared out so.
    Sharing(SharingRefusal),
    /// The goodwill gesture does not allow it.
    Goodwill(GoodwillRefusal),
}

/// What a budget year has against an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum YearRefusal {
    /// Nothing is allocated yet.
    NotOpen,
    /// B-10.
    Closed,
    /// B-2.
    AlreadyAllocated,
}

/// What can be wrong with something entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flaw {
    /// An amount of zero or less.
    NotPositive,
    /// An amount below zero.
    Negative,
    /// The minima of the families exceed the whole allocation.
    MinimaAboveWhole,
    /// A day outside the budget year.
    OutsideYear {
        /// The year.
        year: i32,
    },
    /// A day that has not come yet.
    InFuture {
        /// Today.
        today: NaiveDate,
    },
    /// A day before what it must follow.
    TooEarly {
        /// The first day that would do.
        earliest: NaiveDate,
    },
    /// No reason is given.
    NoReason,
    /// No name is given.
    NoName,
}

/// Why budget cannot be shared out as asked (B-2, B-6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharingRefusal {
    /// The objectives add up to nothing.
    NothingToShareBy,
    /// The person named has no envelope to be allocated: they do not place orders of their own.
    NoObjectiveFor {
        /// Which objective, from 0.
        objective: usize,
    },
    /// To oneself.
    SelfBenefit,
    /// The receiver is no active delegate.
    NoDelegate,
    /// Donor and receiver are the same envelope.
    SameEnvelope,
    /// Donor and receiver are of different regions.
    OtherRegion,
    /// B-6.
    BelowCommitted {
        /// What could be moved.
        at_most: Money,
    },
    /// B-5.
    SplitMaximum {
        /// The family that would be above its maximum.
        family: BudgetFamily,
        /// What could be moved.
        at_most: Money,
    },
    /// B-5.
    SplitMinimum {
        /// What could be moved.
        at_most: Money,
    },
}

/// Why a goodwill gesture does not go on (O-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoodwillRefusal {
    /// The caller may do this to other gestures, not to this one (only in `availableActions`).
    Forbidden,
    /// It stands elsewhere.
    WrongStatus {
        /// Where it stands.
        status: GoodwillStatus,
        /// Where it would have to.
        allowed: GoodwillStatus,
    },
    /// Spec 00.
    SelfValidation,
    /// The management budget does not hold the amount.
    BudgetDeficit {
        /// What it still holds.
        available: Money,
    },
    /// Whoever asks works in no delegation and names none.
    DelegationRequired,
}

impl Refusal {
    /// Something entered that cannot be.
    #[must_use]
    pub fn input(field: &[&str], flaw: Flaw) -> Self {
        Self::Input { field: path(field), flaw }
    }
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl From<SharingRefusal> for Refusal {
    fn from(refusal: SharingRefusal) -> Self {
        Self::Sharing(refusal)
    }
}

impl From<GoodwillRefusal> for Refusal {
    fn from(refusal: GoodwillRefusal) -> Self {
        Self::Goodwill(refusal)
    }
}

impl From<MoveRefusal> for Refusal {
    fn from(refusal: MoveRefusal) -> Self {
        Self::Sharing(match refusal {
            MoveRefusal::BelowCommitted { at_most } => SharingRefusal::BelowCommitted { at_most },
            MoveRefusal::SplitMaximum { family, at_most } => SharingRefusal::SplitMaximum { family, at_most },
            MoveRefusal::SplitMinimum { at_most } => SharingRefusal::SplitMinimum { at_most },
        })
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::Year { why, .. } => why.code(),
            Self::Input { flaw, .. } => flaw.code(),
            Self::Sharing(refusal) => refusal.code(),
            Self::Goodwill(refusal) => refusal.code(),
        }
    }

    fn field(&self) -> Path {
        match self {
            Self::Common(common) => path(&[common.field()]),
            Self::Year { .. } => path(&["year"]),
            Self::Input { field, .. } => field.clone(),
            Self::Sharing(refusal) => refusal.field(),
            Self::Goodwill(GoodwillRefusal::DelegationRequired) => path(&["delegation"]),
            Self::Goodwill(
                GoodwillRefusal::Forbidden
                | GoodwillRefusal::WrongStatus { .. }
                | GoodwillRefusal::SelfValidation
                | GoodwillRefusal::BudgetDeficit { .. },
            ) => Path::new(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::Year { year, why } => why.text(*year),
            Self::Input { flaw, .. } => flaw.text(),
            Self::Sharing(refusal) => refusal.text(),
            Self::Goodwill(refusal) => refusal.text(),
        }
    }

    fn details(&self) -> Details {
        let available = match self {
            Self::Sharing(
                SharingRefusal::BelowCommitted { at_most }
                | SharingRefusal::SplitMaximum { at_most, .. }
                | SharingRefusal::SplitMinimum { at_most },
            ) => Some(*at_most),
            Self::Goodwill(GoodwillRefusal::BudgetDeficit { available }) => Some(*available),
            Self::Common(_) | Self::Year { .. } | Self::Input { .. } | Self::Sharing(_) | Self::Goodwill(_) => None,
        };
        Details { available, ..Details::default() }
    }
}

impl YearRefusal {
    const fn code(self) -> &'static str {
        match self {
            Self::NotOpen => "YEAR_NOT_OPEN",
            Self::Closed => "YEAR_CLOSED",
            Self::AlreadyAllocated => "ALREADY_ALLOCATED",
        }
    }

    fn text(self, year: i32) -> Text {
        match self {
            Self::NotOpen => both!(
                "L'exercice {year} n'est pas ouvert : son budget n'est pas encore réparti.",
                "Budget year {year} is not open: its budget is not shared out yet."
            ),
            Self::Closed => both!("L'exercice {year} est clos.", "Budget year {year} is closed."),
            Self::AlreadyAllocated => both!(
                "Le budget {year} est déjà réparti ; il ne peut plus qu'être déplacé ou complété depuis la réserve centrale.",
                "The budget of {year} is already shared out; it can only be moved, or added to from the central pool."
            ),
        }
    }
}

impl Flaw {
    const fn code(self) -> &'static str {
        match self {
            Self::NotPositive | Self::Negative | Self::MinimaAboveWhole => "AMOUNT_INVALID",
            Self::OutsideYear { .. } => "DATE_OUTSIDE_YEAR",
            Self::InFuture { .. } => "DATE_IN_FUTURE",
            Self::TooEarly { .. } => "DATE_INVALID",
            Self::NoReason => "REASON_REQUIRED",
            Self::NoName => "NAME_REQUIRED",
        }
    }

    fn text(self) -> Text {
        match self {
            Self::NotPositive => {
                both!("Le montant doit être supérieur à 0,00 €.", "The amount must be more than €0.00.")
            }
            Self::Negative => both!("Le montant ne peut pas être négatif.", "The amount cannot be negative."),
            Self::MinimaAboveWhole => both!(
                "Les parts minimales ne peuvent pas dépasser 100 % à elles deux.",
                "The minimum shares cannot exceed 100% together."
            ),
            Self::OutsideYear { year } => both!("La date doit être en {year}.", "The date must lie in {year}."),
            Self::InFuture { today } => both!(
                "La date ne peut pas être postérieure à aujourd'hui, {today}.",
                "The date cannot be later than today, {today}."
            ),
            Self::TooEarly { earliest } => {
                both!("La date ne peut pas être antérieure au {earliest}.", "The date cannot be before {earliest}.")
            }
            Self::NoReason => both!("Un motif est nécessaire.", "A reason is needed."),
            Self::NoName => both!("Un nom est nécessaire.", "A name is needed."),
        }
    }
}

impl SharingRefusal {
    const fn code(&self) -> &'static str {
        match self {
            Self::NothingToShareBy | Self::NoObjectiveFor { .. } => "NO_OBJECTIVES",
            Self::SelfBenefit => "SELF_BENEFIT",
            Self::NoDelegate | Self::SameEnvelope | Self::OtherRegion => "WRONG_ENVELOPE",
            Self::BelowCommitted { .. } => "BELOW_COMMITTED",
            Self::SplitMaximum { .. } => "SPLIT_MAXIMUM",
            Self::SplitMinimum { .. } => "SPLIT_MINIMUM",
        }
    }

    fn field(&self) -> Path {
        match self {
            Self::NothingToShareBy => path(&["objectives"]),
            Self::NoObjectiveFor { objective } => path(&["objectives", &objective.to_string(), "delegate"]),
            Self::SelfBenefit | Self::NoDelegate | Self::SameEnvelope | Self::OtherRegion => path(&["to"]),
            Self::BelowCommitted { .. } | Self::SplitMaximum { .. } | Self::SplitMinimum { .. } => path(&["amount"]),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::NothingToShareBy => both!(
                "La somme des objectifs doit être supérieure à zéro.",
                "The objectives must add up to more than nothing."
            ),
            Self::NoObjectiveFor { .. } => both!(
                "Seul un délégué en activité, rattaché à une délégation, reçoit une enveloppe.",
                "Only an active delegate of a delegation gets an envelope."
            ),
            Self::SelfBenefit => both!(
                "Nul ne s'attribue du budget, ni à la personne qu'il remplace ; un autre responsable doit le faire.",
                "Nobody moves budget to themselves, nor to whom they stand in for; somebody else has to."
            ),
            Self::NoDelegate => both!(
                "Le bénéficiaire doit être un délégué en activité, rattaché à une délégation.",
                "The receiver must be an active delegate of a delegation."
            ),
            Self::SameEnvelope => both!(
                "L'enveloppe d'origine et l'enveloppe bénéficiaire doivent être distinctes.",
                "The envelope that gives and the one that receives must differ."
            ),
            Self::OtherRegion => {
                both!("Le budget ne se déplace qu'au sein d'une même région.", "Budget only moves within one region.")
            }
            Self::BelowCommitted { at_most } => both!(
                "L'enveloppe passerait sous ce qui est déjà engagé ; {at_most} € au plus peuvent en sortir.",
                "The envelope would hold less than is already committed; €{at_most} at most can leave it."
            ),
            Self::SplitMaximum { family, at_most } => {
                let family = labels::family(*family);
                Text {
                    fr: format!(
                        "La part maximale « {} » serait dépassée ; {at_most} € au plus peuvent en sortir.",
                        family.fr
                    ),
                    en: format!(
                        "The maximum share of “{}” would be passed; €{at_most} at most can leave it.",
                        family.en
                    ),
                }
            }
            Self::SplitMinimum { at_most } => both!(
                "Le reste ne permettrait plus d'atteindre les parts minimales ; {at_most} € au plus peuvent en sortir.",
                "What remains would not reach the minimum shares any more; €{at_most} at most can leave it."
            ),
        }
    }
}

impl GoodwillRefusal {
    const fn code(self) -> &'static str {
        match self {
            Self::Forbidden => "FORBIDDEN",
            Self::WrongStatus { .. } => "WRONG_STATUS",
            Self::SelfValidation => "SELF_VALIDATION",
            Self::BudgetDeficit { .. } => "BUDGET_DEFICIT",
            Self::DelegationRequired => "DELEGATION_REQUIRED",
        }
    }

    fn text(self) -> Text {
        match self {
            Self::Forbidden => both!(
                "Cette action ne vous est pas permise sur ce geste commercial.",
                "You are not allowed to do this to this goodwill gesture."
            ),
            Self::WrongStatus { status, allowed } => {
                let (here, there) = (labels::goodwill(status), labels::goodwill(allowed));
                Text {
                    fr: format!("Le geste commercial est « {} » ; cette action suppose : {}.", here.fr, there.fr),
                    en: format!("The goodwill gesture is “{}”; this action needs: {}.", here.en, there.en),
                }
            }
            Self::SelfValidation => both!(
                "Nul ne décide d'un geste qu'il a demandé ou qui l'a été pour lui, ni son remplaçant.",
                "Nobody decides on a gesture that they asked for or that was asked for them, nor does their deputy."
            ),
            Self::BudgetDeficit { available } => both!(
                "Le budget de la direction ne contient plus que {available} €.",
                "The management budget holds only €{available}."
            ),
            Self::DelegationRequired => both!(
                "Vous n'êtes rattaché à aucune délégation : indiquez celle du geste.",
                "You work in no delegation: name the one of the gesture."
            ),
        }
    }
}
