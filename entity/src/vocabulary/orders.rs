//! Closed sets and typed documents of the marketing-action orders.

use async_graphql::{Enum, InputObject, SimpleObject};

use sea_orm::{DeriveActiveEnum, EnumIter, FromJsonQueryResult};
use serde::{Deserialize, Serialize};

use super::{Day, sets::closed_set};

closed_set! {
    /// How an order is made up (O-1).
    OrderKind {
        /// Lines of catalogue articles.
        Standard = "STANDARD",
        /// One made-to-measure action with a total typed in by hand.
        Custom = "CUSTOM",
    }
}

closed_set! {
    /// What a custom order is for.
    ActionType {
        /// Part of a broker's own invoice paid back ("refacturation").
        Refund = "REFUND",
        /// Cheques that reward a sales challenge.
        GiftCheques = "GIFT_CHEQUES",
        /// A mailing.
        Mailing = "MAILING",
        /// Leaflets handed out or put into letter boxes.
        Leafleting = "LEAFLETING",
        /// Advertising space.
        Advertising = "ADVERTISING",
        /// Material for the point of sale.
        PointOfSale = "POINT_OF_SALE",
        /// An action in the street.
        StreetMarketing = "STREET_MARKETING",
        /// Sponsorship.
        Sponsorship = "SPONSORSHIP",
        /// Rental of a prospect file.
        FileRental = "FILE_RENTAL",
    }
}

closed_set! {
    /// Where an order stands in its workflow.
    OrderStatus {
        /// Being prepared; it has no number before its first submission.
        Draft = "DRAFT",
        /// Waits for the regional manager.
        PendingRr = "PENDING_RR",
        /// Gift cheques that the delegation has yet to release.
        HeldByDelegation = "HELD_BY_DELEGATION",
        /// Waits for the sales-promotion department.
        PendingPdv = "PENDING_PDV",
        /// Desktop publishing makes the proof.
        ProofInProgress = "PROOF_IN_PROGRESS",
        /// Waits for the delegation's word on the proof.
        PendingProofApproval = "PENDING_PROOF_APPROVAL",
        /// Validated and being processed.
        InProcess = "IN_PROCESS",
        /// Completed; its results are to be recorded.
        AwaitingResults = "AWAITING_RESULTS",
        /// Finished.
        Closed = "CLOSED",
        /// Refused for good.
        Rejected = "REJECTED",
        /// Given up.
        Cancelled = "CANCELLED",
    }
}

closed_set! {
    /// Where the goods go (O-3).
    DeliveryMode {
        /// To the delegation's office.
        Delegation = "DELEGATION",
        /// To one of the broker's sites.
        PartnerSite = "PARTNER_SITE",
        /// To another, complete address.
        Other = "OTHER",
    }
}

closed_set! {
    /// Who the action benefits; a gesture towards an insured member is no order (O-6).
    Beneficiary {
        /// The broker, or people the broker addresses.
        Broker = "BROKER",
        /// An insured member: make a goodwill gesture instead.
        InsuredMember = "INSURED_MEMBER",
    }
}

closed_set! {
    /// What kind of challenge gift cheques reward (O-7).
    ChallengeType {
        /// A challenge between brokers.
        BrokerChallenge = "BROKER_CHALLENGE",
        /// A challenge for final customers.
        FinalCustomerChallenge = "FINAL_CUSTOMER_CHALLENGE",
        /// A booster for a product's sales.
        SalesAccelerator = "SALES_ACCELERATOR",
    }
}

closed_set! {
    /// What an attached file is for.
    AttachmentPurpose {
        /// The broker's own invoice (O-5).
        BrokerInvoice = "BROKER_INVOICE",
        /// The signed refund letter (O-5).
        RefundLetter = "REFUND_LETTER",
        /// The deed that describes the challenge (O-7).
        ChallengeDeed = "CHALLENGE_DEED",
        /// The receipt signed when the cheques were handed over (O-8).
        HandoverReceipt = "HANDOVER_RECEIPT",
        /// A print proof (O-24).
        Proof = "PROOF",
        /// Anything else.
        Other = "OTHER",
    }
}

closed_set! {
    /// Why a submitted order needs its regional manager (O-20).
    RrReason {
        /// The total reaches the threshold of its kind.
        AboveThreshold = "ABOVE_THRESHOLD",
        /// The regional manager pays a share.
        RrShare = "RR_SHARE",
        /// The broker has another open order in the same budget year.
        SeveralOrdersForBroker = "SEVERAL_ORDERS_FOR_BROKER",
        /// The owner's envelope would fall below zero.
        BudgetDeficit = "BUDGET_DEFICIT",
        /// What remains would not let the other families reach their minimum.
        SplitMinimum = "SPLIT_MINIMUM",
        /// The order was carried over from a closed year.
        CarriedOver = "CARRIED_OVER",
    }
}

/// The reasons that an order carries, in the order of their declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct RrReasons(pub Vec<RrReason>);

/// What a printed custom action must say before it can be submitted (O-4).
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, SimpleObject, InputObject,
)]
#[graphql(input_name = "CustomDetailsInput")]
#[serde(default)]
pub struct CustomDetails {
    /// The broker's office details exactly as they must be printed.
    pub office_details: Option<String>,
    /// Legal mentions, the ORIAS number among them.
    pub legal_mentions: Option<String>,
    /// What the action consists of.
    pub nature: Option<String>,
    /// How it is printed.
    pub printing: Option<Printing>,
    /// How it is posted, where anything is posted.
    pub routing: Option<Routing>,
    /// Whom it addresses.
    pub target: Option<Target>,
}

/// How something is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(input_name = "PrintingInput")]
#[serde(default)]
pub struct Printing {
    /// Format, such as A5.
    pub format: Option<String>,
    /// Paper, such as 135 g matt.
    pub paper: Option<String>,
    /// Colours, such as four-colour both sides.
    pub colours: Option<String>,
    /// Number of copies.
    pub quantity: Option<i32>,
}

/// How something is posted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(input_name = "RoutingInput")]
#[serde(default)]
pub struct Routing {
    /// Number of pieces.
    pub volume: Option<i32>,
    /// Day of posting.
    #[graphql(name = "postedOn")]
    pub posted_on: Option<Day>,
    /// Postage class, such as slow or priority.
    pub postage_class: Option<String>,
}

/// Whom an action addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SimpleObject, InputObject)]
#[graphql(input_name = "TargetInput")]
#[serde(default)]
pub struct Target {
    /// Audience, such as young professionals.
    pub audience: Option<String>,
    /// Product put forward.
    pub product: Option<String>,
    /// Zone, such as a list of communes.
    pub zone: Option<String>,
}

/// The challenge that gift cheques reward (O-7).
#[derive(
    Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult, SimpleObject, InputObject,
)]
#[graphql(input_name = "ChallengeInput")]
#[serde(default)]
pub struct Challenge {
    /// Kind of challenge.
    pub challenge_type: Option<ChallengeType>,
    /// First day.
    pub starts_on: Option<Day>,
    /// Last day.
    pub ends_on: Option<Day>,
    /// What is to be reached.
    pub objective: Option<String>,
    /// The support dedicated to it.
    pub dedicated_support: Option<String>,
    /// Whether it concerns health products; unknown counts as health.
    pub concerns_health: Option<bool>,
}

impl AttachmentPurpose {
    /// The purpose's bit in an order's `documents`.
    #[must_use]
    pub const fn bit(self) -> i32 {
        1 << self as i32
    }
}
