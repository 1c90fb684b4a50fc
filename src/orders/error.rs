//! Why something about an order is refused.

use ::entity::vocabulary::{AttachmentPurpose, BudgetFamily, Money, OrderId, OrderStatus};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::labels;
use crate::{
    action::Common,
    both,
    i18n::Text,
    refusal::{self, Details},
    workflow::Misstep,
};

/// A path into the input.
pub type Path = Vec<String>;

/// A path into the input from its words.
#[must_use]
pub fn path(words: &[&str]) -> Path {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A refusal of this context; its code is the name in `SCREAMING_SNAKE_CASE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// The caller may do this to other orders, not to this one (`availableActions`, bulk).
    Forbidden,
    /// There is no such order for the caller (bulk).
    NotFound,
    /// The status does not allow the action.
    WrongStatus {
        /// Where the order stands.
        status: OrderStatus,
        /// Where it would have to.
        allowed: Vec<OrderStatus>,
    },
    /// The action is due, but at another's step.
    NotYourStep {
        /// Where the order stands.
        status: OrderStatus,
    },
    /// O-1.
    ActionTypeRequired,
    /// O-1.
    NoLines,
    /// O-1.
    QuantityInvalid {
        /// Which line, from 0.
        line: usize,
    },
    /// C-1.
    ArticleNotAvailable {
        /// Which line, from 0.
        line: usize,
        /// Code of the article.
        article: String,
    },
    /// C-3.
    OutOfStock {
        /// Which line, from 0.
        line: usize,
        /// Code of the article.
        article: String,
        /// Pieces left.
        left: i64,
    },
    /// O-2.
    AmountInvalid {
        /// Which amount.
        field: Path,
        /// The most it may be.
        at_most: Option<Money>,
    },
    /// O-3.
    DeliveryIncomplete {
        /// What is missing.
        field: Path,
    },
    /// O-4.
    DetailsIncomplete {
        /// What is missing.
        field: Path,
    },
    /// O-7.
    ChallengeIncomplete {
        /// What is missing or contradictory.
        field: Path,
    },
    /// O-7.
    BrokerInChallengeProgramme,
    /// O-1.
    BrokerNotInPortfolio,
    /// O-6.
    GoodwillNotAnOrder,
    /// The owner of the order to be copied places no orders any more.
    OwnerLeft,
    /// A fault came in between (bulk).
    Interrupted,
    /// O-8.
    ReceiptOverdue {
        /// The orders that block.
        orders: Vec<(OrderId, Option<String>)>,
    },
    /// B-5.
    SplitMaximum {
        /// Which family.
        family: BudgetFamily,
        /// What could still be ordered in it.
        available: Money,
    },
    /// B-5.
    SplitMinimum {
        /// What is held back for the other families.
        held_back: Money,
        /// The least to be moved into the envelope.
        to_move: Option<Money>,
    },
    /// B-4.
    BudgetDeficit {
        /// By how much the envelope falls short.
        short_by: Money,
        /// The least to be moved into the envelope.
        to_move: Option<Money>,
    },
    /// O-21.
    RrBudgetDeficit {
        /// What the regional manager's envelope still holds.
        available: Money,
    },
    /// O-10.
    SubmissionClosed {
        /// The last day.
        closed_on: NaiveDate,
    },
    /// O-10.
    YearNotOpen {
        /// The year.
        year: i32,
    },
    /// B-10.
    YearClosed {
        /// The year.
        year: i32,
    },
    /// O-10.
    YearFixed {
        /// The year that the number names.
        year: i32,
    },
    /// B-1.
    NotAllocated {
        /// The year.
        year: i32,
    },
    /// Spec 00.
    SelfValidation,
    /// O-21.
    ReasonRequired,
    /// O-5, O-7.
    MissingDocuments {
        /// What is missing.
        missing: Vec<AttachmentPurpose>,
    },
    /// O-28.
    TooMany {
        /// The most.
        most: usize,
    },
    /// O-22.
    TotalRaised {
        /// The total, which is the most.
        at_most: Money,
    },
    /// O-22.
    SharesInvalid,
    /// O-8.
    NotGiftCheques,
    /// O-24, D-2.
    FileRequired,
    /// O-24.
    CommentRequired,
    /// O-8.
    DateInFuture {
        /// Today.
        today: NaiveDate,
    },
    /// O-8.
    DateInvalid {
        /// The first day that would do.
        earliest: NaiveDate,
    },
    /// O-8.
    AlreadyRecorded {
        /// What was recorded.
        on: NaiveDate,
    },
    /// O-8, 11.
    ChequesReceived,
    /// O-5.
    AttachmentInUse,
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl From<Misstep<OrderStatus>> for Refusal {
    fn from(misstep: Misstep<OrderStatus>) -> Self {
        match misstep {
            Misstep::Forbidden => Self::Forbidden,
            Misstep::WrongStatus { status, allowed } => Self::WrongStatus { status, allowed },
            Misstep::NotYourStep { status } => Self::NotYourStep { status },
        }
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::WrongStatus { .. } => "WRONG_STATUS",
            Self::NotYourStep { .. } => "NOT_YOUR_STEP",
            Self::ActionTypeRequired => "ACTION_TYPE_REQUIRED",
            Self::NoLines => "NO_LINES",
            Self::QuantityInvalid { .. } => "QUANTITY_INVALID",
            Self::ArticleNotAvailable { .. } => "ARTICLE_NOT_AVAILABLE",
            Self::OutOfStock { .. } => "OUT_OF_STOCK",
            Self::AmountInvalid { .. } => "AMOUNT_INVALID",
            Self::DeliveryIncomplete { .. } => "DELIVERY_INCOMPLETE",
            Self::DetailsIncomplete { .. } => "DETAILS_INCOMPLETE",
            Self::ChallengeIncomplete { .. } => "CHALLENGE_INCOMPLETE",
            Self::BrokerInChallengeProgramme => "BROKER_IN_CHALLENGE_PROGRAMME",
            Self::BrokerNotInPortfolio => "BROKER_NOT_IN_PORTFOLIO",
            Self::GoodwillNotAnOrder => "GOODWILL_NOT_AN_ORDER",
            Self::OwnerLeft => "OWNER_LEFT",
            Self::Interrupted => "INTERRUPTED",
            Self::ReceiptOverdue { .. } => "RECEIPT_OVERDUE",
            Self::SplitMaximum { .. } => "SPLIT_MAXIMUM",
            Self::SplitMinimum { .. } => "SPLIT_MINIMUM",
            Self::BudgetDeficit { .. } => "BUDGET_DEFICIT",
            Self::RrBudgetDeficit { .. } => "RR_BUDGET_DEFICIT",
            Self::SubmissionClosed { .. } => "SUBMISSION_CLOSED",
            Self::YearNotOpen { .. } => "YEAR_NOT_OPEN",
            Self::YearClosed { .. } => "YEAR_CLOSED",
            Self::YearFixed { .. } => "YEAR_FIXED",
            Self::NotAllocated { .. } => "NOT_ALLOCATED",
            Self::SelfValidation => "SELF_VALIDATION",
            Self::ReasonRequired => "REASON_REQUIRED",
            Self::MissingDocuments { .. } => "MISSING_DOCUMENTS",
            Self::TooMany { .. } => "TOO_MANY",
            Self::TotalRaised { .. } => "TOTAL_RAISED",
            Self::SharesInvalid => "SHARES_INVALID",
            Self::NotGiftCheques => "NOT_GIFT_CHEQUES",
            Self::FileRequired => "FILE_REQUIRED",
            Self::CommentRequired => "COMMENT_REQUIRED",
            Self::DateInFuture { .. } => "DATE_IN_FUTURE",
            Self::DateInvalid { .. } => "DATE_INVALID",
            Self::AlreadyRecorded { .. } => "ALREADY_RECORDED",
            Self::ChequesReceived => "CHEQUES_RECEIVED",
            Self::AttachmentInUse => "ATTACHMENT_IN_USE",
        }
    }

    fn field(&self) -> Path {
        match self {
            Self::AmountInvalid { field, .. }
            | Self::DeliveryIncomplete { field }
            | Self::DetailsIncomplete { field }
            | Self::ChallengeIncomplete { field } => field.clone(),
            Self::QuantityInvalid { line } => path(&["lines", &line.to_string(), "quantity"]),
            Self::ArticleNotAvailable { line, .. } => path(&["lines", &line.to_string(), "article"]),
            Self::OutOfStock { line, .. } => path(&["lines", &line.to_string(), "quantity"]),
            Self::Common(common) => path(&[common.field()]),
            Self::ActionTypeRequired => path(&["actionType"]),
            Self::NoLines => path(&["lines"]),
            Self::BrokerInChallengeProgramme => path(&["challenge"]),
            Self::BrokerNotInPortfolio => path(&["broker"]),
            Self::GoodwillNotAnOrder => path(&["beneficiary"]),
            Self::YearNotOpen { .. } | Self::YearClosed { .. } | Self::YearFixed { .. } => path(&["year"]),
            Self::ReasonRequired => path(&["reason"]),
            Self::TooMany { .. } => path(&["items"]),
            Self::TotalRaised { .. } => path(&["total"]),
            Self::SharesInvalid => path(&["rrShare"]),
            Self::FileRequired => path(&["upload"]),
            Self::CommentRequired => path(&["comment"]),
            Self::DateInFuture { .. } | Self::DateInvalid { .. } => path(&["receivedOn"]),
            Self::AttachmentInUse => path(&["attachment"]),
            Self::Forbidden
            | Self::NotFound
            | Self::OwnerLeft
            | Self::Interrupted
            | Self::WrongStatus { .. }
            | Self::NotYourStep { .. }
            | Self::ReceiptOverdue { .. }
            | Self::SplitMaximum { .. }
            | Self::SplitMinimum { .. }
            | Self::BudgetDeficit { .. }
            | Self::RrBudgetDeficit { .. }
            | Self::SubmissionClosed { .. }
            | Self::NotAllocated { .. }
            | Self::SelfValidation
            | Self::MissingDocuments { .. }
            | Self::NotGiftCheques
            | Self::AlreadyRecorded { .. }
            | Self::ChequesReceived => Path::new(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::Forbidden
            | Self::NotFound
            | Self::OwnerLeft
            | Self::Interrupted
            | Self::WrongStatus { .. }
            | Self::NotYourStep { .. }
            | Self::SelfValidation => self.access_text(),
            Self::SplitMaximum { .. }
            | Self::SplitMinimum { .. }
            | Self::BudgetDeficit { .. }
            | Self::RrBudgetDeficit { .. }
            | Self::NotAllocated { .. }
            | Self::TotalRaised { .. }
            | Self::SharesInvalid
            | Self::AmountInvalid { .. } => self.money_text(),
            Self::SubmissionClosed { .. }
            | Self::YearNotOpen { .. }
            | Self::YearClosed { .. }
            | Self::YearFixed { .. }
            | Self::DateInFuture { .. }
            | Self::DateInvalid { .. }
            | Self::AlreadyRecorded { .. }
            | Self::ReceiptOverdue { .. }
            | Self::ChequesReceived => self.date_text(),
            Self::ActionTypeRequired
            | Self::NoLines
            | Self::QuantityInvalid { .. }
            | Self::ArticleNotAvailable { .. }
            | Self::OutOfStock { .. }
            | Self::DeliveryIncomplete { .. }
            | Self::DetailsIncomplete { .. }
            | Self::ChallengeIncomplete { .. }
            | Self::BrokerInChallengeProgramme
            | Self::BrokerNotInPortfolio
            | Self::GoodwillNotAnOrder
            | Self::ReasonRequired
            | Self::MissingDocuments { .. }
            | Self::TooMany { .. }
            | Self::NotGiftCheques
            | Self::FileRequired
            | Self::CommentRequired
            | Self::AttachmentInUse => self.content_text(),
        }
    }

    fn details(&self) -> Details {
        match self {
            Self::SplitMaximum { available, .. } | Self::RrBudgetDeficit { available } => {
                Details { available: Some(*available), ..Details::default() }
            }
            Self::SplitMinimum { to_move, .. } | Self::BudgetDeficit { to_move, .. } => {
                Details { to_move: *to_move, ..Details::default() }
            }
            Self::TotalRaised { at_most } => Details { available: Some(*at_most), ..Details::default() },
            Self::AmountInvalid { at_most, .. } => Details { available: *at_most, ..Details::default() },
            Self::ReceiptOverdue { orders } => Details { orders: orders.clone(), ..Details::default() },
            _ => Details::default(),
        }
    }
}

fn to_move_text(to_move: Option<Money>) -> Text {
    match to_move {
        Some(amount) => both!(
            " Il faut y transférer au moins {amount} € (moveBudget).",
            " At least €{amount} must be moved into it first (moveBudget)."
        ),
        None => both!(" Aucun transfert n'y suffirait.", " No transfer would be enough."),
    }
}

fn numbers(orders: &[(OrderId, Option<String>)]) -> String {
    orders.iter().filter_map(|(_, number)| number.as_deref()).collect::<Vec<_>>().join(", ")
}

fn join(texts: Vec<Text>, comma: &str) -> Text {
    let (fr, en): (Vec<String>, Vec<String>) = texts.into_iter().map(|t| (t.fr, t.en)).unzip();
    Text { fr: fr.join(comma), en: en.join(comma) }
}

impl Refusal {
    fn access_text(&self) -> Text {
        match self {
            Self::WrongStatus { status, allowed } => {
                let here = labels::status(*status);
                let there = join(allowed.iter().map(|s| labels::status(*s)).collect(), ", ");
                Text {
                    fr: format!("La commande est « {} » ; cette action suppose : {}.", here.fr, there.fr),
                    en: format!("The order is “{}”; this action needs: {}.", here.en, there.en),
                }
            }
            Self::NotYourStep { status } => {
                let here = labels::status(*status);
                Text {
                    fr: format!("La commande est « {} » : la décision revient à un autre service.", here.fr),
                    en: format!("The order is “{}”: the decision is another department's.", here.en),
                }
            }
            Self::SelfValidation => both!(
                "Nul ne décide d'une commande qu'il possède, a créée ou soumise, ni son remplaçant ; un autre responsable doit le faire.",
                "Nobody decides on an order that they own, created or submitted, nor does their deputy; somebody else has to."
            ),
            Self::NotFound => both!("Cette commande n'existe pas.", "There is no such order."),
            Self::OwnerLeft => both!(
                "Le délégué de cette commande ne passe plus de commandes : créez-en une nouvelle pour un autre délégué.",
                "The delegate of this order places no orders any more: create a new one for another delegate."
            ),
            Self::Interrupted => both!(
                "Une panne a interrompu le traitement : relisez cette commande, puis recommencez avec la même clé.",
                "A fault interrupted the request: read this order again, then retry with the same key."
            ),
            _ => both!(
                "Cette action ne vous est pas permise sur cette commande.",
                "You are not allowed to do this to this order."
            ),
        }
    }

    fn money_text(&self) -> Text {
        match self {
            Self::SplitMaximum { family, available } => {
                let family = labels::family(*family);
                Text {
                    fr: format!(
                        "La part maximale « {} » serait dépassée : il reste {available} € à commander dans cette famille.",
                        family.fr
                    ),
                    en: format!(
                        "The maximum share of “{}” would be passed: €{available} can still be ordered in this family.",
                        family.en
                    ),
                }
            }
            Self::SplitMinimum { held_back, to_move } => join(
                vec![
                    both!(
                        "{held_back} € sont réservés aux autres familles pour qu'elles atteignent leur minimum.",
                        "€{held_back} is held back so that the other families can reach their minimum."
                    ),
                    to_move_text(*to_move),
                ],
                "",
            ),
            Self::BudgetDeficit { short_by, to_move } => join(
                vec![
                    both!("Il manque {short_by} € dans l'enveloppe.", "The envelope falls €{short_by} short."),
                    to_move_text(*to_move),
                ],
                "",
            ),
            Self::RrBudgetDeficit { available } => both!(
                "L'enveloppe du responsable régional ne contient plus que {available} €.",
                "The regional manager's envelope holds only €{available}."
            ),
            Self::NotAllocated { year } => both!(
                "Aucune enveloppe n'est allouée au délégué pour {year}.",
                "The delegate has no envelope for {year}."
            ),
            Self::TotalRaised { at_most } => both!(
                "Le total ne peut qu'être abaissé ; il est de {at_most} €.",
                "The total can only be lowered; it is €{at_most}."
            ),
            Self::SharesInvalid => both!(
                "Les parts ne peuvent qu'être abaissées, restent positives et ne dépassent pas le total.",
                "Shares can only be lowered, stay positive and do not exceed the total."
            ),
            Self::AmountInvalid { at_most: Some(most), .. } => both!(
                "Le montant doit être compris entre 0,00 € et {most} €.",
                "The amount must lie between €0.00 and €{most}."
            ),
            _ => both!("Le montant doit être supérieur à 0,00 €.", "The amount must be more than €0.00."),
        }
    }

    fn date_text(&self) -> Text {
        match self {
            Self::SubmissionClosed { closed_on } => both!(
                "Les soumissions sont closes depuis le {closed_on} ; le brouillon est conservé.",
                "Submissions closed on {closed_on}; the draft is kept."
            ),
            Self::YearNotOpen { year } => {
                both!("L'exercice {year} n'est pas ouvert.", "Budget year {year} is not open.")
            }
            Self::YearClosed { year } => both!("L'exercice {year} est clos.", "Budget year {year} is closed."),
            Self::YearFixed { year } => both!(
                "Une commande numérotée garde son exercice : {year}.",
                "A numbered order keeps its budget year: {year}."
            ),
            Self::DateInFuture { today } => both!(
                "La date ne peut pas être postérieure à aujourd'hui ({today}).",
                "The date cannot be later than today ({today})."
            ),
            Self::DateInvalid { earliest } => both!(
                "La date ne peut pas être antérieure au déblocage ({earliest}).",
                "The date cannot be earlier than the release ({earliest})."
            ),
            Self::AlreadyRecorded { on } => {
                both!("La réception a déjà été enregistrée, au {on}.", "The arrival was already recorded, on {on}.")
            }
            Self::ReceiptOverdue { orders } => {
                let numbers = numbers(orders);
                both!(
                    "Un accusé de remise signé est en retard pour : {numbers}. Aucune nouvelle soumission avant son arrivée.",
                    "A signed handover receipt is overdue for: {numbers}. No new submission before it arrives."
                )
            }
            _ => both!(
                "Les chèques ont été reçus : la commande ne s'annule plus.",
                "The cheques have been received: the order can no longer be cancelled."
            ),
        }
    }

    fn content_text(&self) -> Text {
        match self {
            Self::ActionTypeRequired => {
                both!("Une commande sur mesure a un type d'action.", "A custom order has an action type.")
            }
            Self::NoLines => both!(
                "Une commande standard a au moins une ligne, une commande sur mesure n'en a pas.",
                "A standard order has at least one line, a custom one has none."
            ),
            Self::QuantityInvalid { .. } => both!(
                "La quantité doit être comprise entre 1 et 1 000 000.",
                "The quantity must lie between 1 and 1,000,000."
            ),
            Self::ArticleNotAvailable { article, .. } => both!(
                "L'article {article} n'est pas disponible aujourd'hui.",
                "Article {article} is not available today."
            ),
            Self::OutOfStock { article, left, .. } => both!(
                "Stock insuffisant pour l'article {article} : il en reste {left}.",
                "Not enough stock of article {article}: {left} left."
            ),
            Self::DeliveryIncomplete { field } => {
                let field = field.join(".");
                both!("Adresse de livraison à compléter : {field}.", "Delivery address to be completed: {field}.")
            }
            Self::DetailsIncomplete { field } => {
                let field = field.join(".");
                both!("Renseignement manquant : {field}.", "Missing detail: {field}.")
            }
            Self::ChallengeIncomplete { field } => {
                let field = field.join(".");
                both!("Challenge à compléter : {field}.", "Challenge to be completed: {field}.")
            }
            Self::BrokerInChallengeProgramme => both!(
                "Ce courtier participe à Cap'Cadeaux : seul un challenge hors santé est possible.",
                "This broker takes part in Cap'Cadeaux: only a challenge outside health is possible."
            ),
            Self::BrokerNotInPortfolio => both!(
                "Ce courtier n'est pas dans le portefeuille du délégué.",
                "This broker is not in the delegate's portfolio."
            ),
            Self::GoodwillNotAnOrder => both!(
                "Un geste envers un assuré n'est pas une commande ACOR : utilisez requestGoodwill.",
                "A gesture towards an insured member is not an ACOR order: use requestGoodwill."
            ),
            Self::ReasonRequired => both!("Un motif est obligatoire.", "A reason is required."),
            Self::MissingDocuments { missing } => {
                let missing = join(missing.iter().map(|p| labels::purpose(*p)).collect(), ", ");
                Text {
                    fr: format!("Justificatifs manquants : {}.", missing.fr),
                    en: format!("Missing documents: {}.", missing.en),
                }
            }
            Self::TooMany { most } => both!("Au plus {most} éléments à la fois.", "At most {most} items at a time."),
            Self::NotGiftCheques => {
                both!("Cette action ne concerne que les chèques cadeaux.", "This action concerns gift cheques only.")
            }
            Self::FileRequired => both!(
                "Un fichier envoyé par vous, complet et pas encore joint, est nécessaire (createUpload).",
                "A file that you sent completely and did not attach yet is needed (createUpload)."
            ),
            Self::CommentRequired => both!("Un commentaire est obligatoire.", "A comment is required."),
            _ => both!(
                "Une étape s'est appuyée sur ce justificatif : il ne peut plus être retiré.",
                "A step relied on this document: it can no longer be removed."
            ),
        }
    }
}
