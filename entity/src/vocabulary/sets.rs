//! Closed sets of the organisation, the budgets and the queues.

use async_graphql::Enum;
use sea_orm::{DeriveActiveEnum, EnumIter, FromJsonQueryResult};
use serde::{Deserialize, Serialize};

/// Declares a closed set once for the database (its text), the schema (its name) and JSON.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        #[graphql(rename_items = "SCREAMING_SNAKE_CASE")]
        pub enum $name {
            $(
                $(#[$vdoc])*
                #[sea_orm(string_value = $text)]
                #[serde(rename = $text)]
                #[graphql(name = $text)]
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the schema, the database and the policy.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}
pub(crate) use closed_set;

closed_set! {
    /// A language that Sésame speaks to people.
    Language {
        /// French, the first language.
        Fr = "FR",
        /// English.
        En = "EN",
    }
}

closed_set! {
    /// What kind of party an account is.
    AccountKind {
        /// A company or another organisation.
        Company = "COMPANY",
        /// A natural person.
        Person = "PERSON",
    }
}

closed_set! {
    /// What a catalogue article is.
    ArticleCategory {
        /// A leaflet or a brochure.
        Leaflet = "LEAFLET",
        /// A poster.
        Poster = "POSTER",
        /// A promotional object.
        PromotionalObject = "PROMOTIONAL_OBJECT",
        /// Material for the point of sale.
        PointOfSale = "POINT_OF_SALE",
    }
}

closed_set! {
    /// Where a budget year stands.
    BudgetYearStatus {
        /// Prepared, no money shared out yet.
        Planned = "PLANNED",
        /// Allocated, orders run.
        Open = "OPEN",
        /// Closed: no order of the year changes any more (B-10).
        Closed = "CLOSED",
    }
}

closed_set! {
    /// Whose money an envelope holds (B-1).
    EnvelopeKind {
        /// The central pool.
        Pool = "POOL",
        /// The management budget, for goodwill gestures.
        Management = "MANAGEMENT",
        /// The envelope of a region's manager.
        Region = "REGION",
        /// The envelope of one delegate.
        Delegate = "DELEGATE",
    }
}

closed_set! {
    /// Why money moved on an envelope (B-3).
    LedgerKind {
        /// The year's allocation.
        Allocation = "ALLOCATION",
        /// Moved from or to another envelope.
        Transfer = "TRANSFER",
        /// Promised to an order.
        Commitment = "COMMITMENT",
        /// A promise taken back.
        Release = "RELEASE",
        /// Spent.
        Consumption = "CONSUMPTION",
        /// Given back to the pool at mid-year.
        ClawBack = "CLAW_BACK",
    }
}

closed_set! {
    /// The four families between which a delegate's allocation is split (B-5).
    BudgetFamily {
        /// Refunds to brokers: at most 30 % by default.
        Refund = "REFUND",
        /// Gift cheques: at most 30 % by default.
        GiftCheques = "GIFT_CHEQUES",
        /// All other custom actions: at least 30 % by default.
        Custom = "CUSTOM",
        /// Catalogue orders: at least 10 % by default.
        Standard = "STANDARD",
    }
}

closed_set! {
    /// Where a goodwill gesture stands (O-6).
    GoodwillStatus {
        /// Asked for, not decided.
        Requested = "REQUESTED",
        /// Approved; its amount is committed on the management budget.
        Approved = "APPROVED",
        /// The cheque is paid.
        Paid = "PAID",
        /// Refused, with a reason.
        Refused = "REFUSED",
    }
}

closed_set! {
    /// What a work item waits for.
    WorkKind {
        /// The regional manager validates.
        RrValidation = "RR_VALIDATION",
        /// The sales-promotion department validates.
        PdvValidation = "PDV_VALIDATION",
        /// The sales-promotion department makes the proof.
        Proof = "PROOF",
        /// The delegation approves the proof.
        ProofApproval = "PROOF_APPROVAL",
        /// The delegation releases gift cheques.
        Release = "RELEASE",
        /// The sales-promotion department processes and completes.
        Processing = "PROCESSING",
        /// The delegation records the results.
        Results = "RESULTS",
        /// The delegation owes supporting documents.
        MissingDocuments = "MISSING_DOCUMENTS",
        /// The delegation owes the signed handover receipt.
        HandoverReceipt = "HANDOVER_RECEIPT",
        /// A goodwill gesture is to be decided.
        GoodwillDecision = "GOODWILL_DECISION",
        /// An approved goodwill gesture is to be paid.
        GoodwillPayment = "GOODWILL_PAYMENT",
        /// The regional manager decides Go or No Go on a deal.
        GoDecision = "GO_DECISION",
        /// The director decides it, since no manager of the region may.
        GoDecisionDirector = "GO_DECISION_DIRECTOR",
        /// A request for a committee is to be accepted.
        CommitteeRequest = "COMMITTEE_REQUEST",
        /// A committee is to be planned.
        CommitteePlanning = "COMMITTEE_PLANNING",
        /// A planned committee is to be held and its minutes written.
        CommitteeMinutes = "COMMITTEE_MINUTES",
        /// The restricted committee's decision is to be recorded.
        RestrictedDecision = "RESTRICTED_DECISION",
        /// The extended committee's decision is the director's to take.
        ExtendedDecision = "EXTENDED_DECISION",
        /// The regional manager agrees to a discount.
        DiscountRr = "DISCOUNT_RR",
        /// The director agrees to a discount.
        DiscountDirector = "DISCOUNT_DIRECTOR",
        /// The regional manager approves an answer to the client.
        AnswerApproval = "ANSWER_APPROVAL",
        /// The engagement manager may approve an answer to the client of a large deal.
        AnswerApprovalEngagement = "ANSWER_APPROVAL_ENGAGEMENT",
        /// The director approves an answer, since no manager of the region may.
        AnswerApprovalDirector = "ANSWER_APPROVAL_DIRECTOR",
        /// The assistant checks the contract documents.
        FirstCheck = "FIRST_CHECK",
        /// Whoever sales administration named makes the first check.
        NamedCheck = "NAMED_CHECK",
        /// Sales administration names who makes the first check.
        CheckerToName = "CHECKER_TO_NAME",
        /// Sales administration checks the contract documents.
        SecondCheck = "SECOND_CHECK",
        /// The owner replaces documents that did not conform.
        DocumentsRefused = "DOCUMENTS_REFUSED",
        /// A deal on hold has come to its wake-up date.
        WakeUp = "WAKE_UP",
    }
}

/// A postal address, copied where it must not change afterwards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Address {
    /// Name on the letter box.
    pub recipient: String,
    /// Number and street, further lines separated by a line break.
    pub street: String,
    /// Postcode.
    pub postcode: String,
    /// City.
    pub city: String,
}
