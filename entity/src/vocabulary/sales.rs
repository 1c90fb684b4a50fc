//! Closed sets of the sales process and its forecast.

use async_graphql::Enum;
use sea_orm::{DeriveActiveEnum, EnumIter};
use serde::{Deserialize, Serialize};

use super::sets::closed_set;

closed_set! {
    /// Where a deal stands (P-2).
    OppyStage {
        /// The need is being found out.
        Identification = "IDENTIFICATION",
        /// Whether to go for it is being decided.
        Qualification = "QUALIFICATION",
        /// The proposal is being made and sent.
        Proposition = "PROPOSITION",
        /// The client has the proposal.
        Negotiation = "NEGOTIATION",
        /// The client agreed; the contract documents are being checked.
        Won = "WON",
        /// The documents are accepted: the deal is done.
        ClosedWon = "CLOSED_WON",
        /// The network decided not to go for it.
        NoGo = "NO_GO",
        /// Asleep until its wake-up date.
        OnHold = "ON_HOLD",
        /// The client decided otherwise.
        Lost = "LOST",
        /// An error or a duplicate.
        Dismissed = "DISMISSED",
    }
}

closed_set! {
    /// How a deal counts in the forecast (P-4).
    ForecastCategory {
        /// It may come.
        Pipeline = "PIPELINE",
        /// Committed to sign in the quarter, one named uncertainty left.
        BestCase = "BEST_CASE",
        /// Committed to sign in the quarter.
        Commit = "COMMIT",
        /// Signed; set by the server.
        Closed = "CLOSED",
        /// Left out of reports.
        Omitted = "OMITTED",
    }
}

closed_set! {
    /// How large a deal is, derived from its amount and flags (P-1).
    SizeClass {
        /// Below the first threshold, without a flag that says otherwise.
        Small = "SMALL",
        /// From the first threshold to the second, or complex.
        Middle = "MIDDLE",
        /// Above the second threshold, or a special bid.
        Large = "LARGE",
    }
}

closed_set! {
    /// The parts of a deal sheet ("fiche affaire").
    SheetPart {
        /// What the client buys, from whom today, at what price.
        Commercial = "COMMERCIAL",
        /// How the client is organised and decides.
        Structural = "STRUCTURAL",
        /// What the solution has to do.
        Functional = "FUNCTIONAL",
        /// In what technical surroundings.
        Technical = "TECHNICAL",
    }
}

closed_set! {
    /// By which road a Go is decided (P-11).
    GoRoute {
        /// By the regional manager alone.
        Rr = "RR",
        /// By the restricted committee.
        Restricted = "RESTRICTED",
        /// By the extended committee, after the restricted one.
        Extended = "EXTENDED",
    }
}

closed_set! {
    /// Which committee meets.
    CommitteeKind {
        /// Sales, presales and engagement.
        Restricted = "RESTRICTED",
        /// The same with the director.
        Extended = "EXTENDED",
    }
}

closed_set! {
    /// What a committee, or the regional manager, decides about a deal.
    GoDecision {
        /// Go for it.
        Go = "GO",
        /// Go for it under conditions.
        GoWithConditions = "GO_WITH_CONDITIONS",
        /// Do not.
        NoGo = "NO_GO",
        /// The extended committee decides.
        Escalate = "ESCALATE",
    }
}

closed_set! {
    /// For what somebody sits in a committee.
    CommitteeFunction {
        /// Sales.
        Sales = "SALES",
        /// Presales.
        Presales = "PRESALES",
        /// Engagement.
        Engagement = "ENGAGEMENT",
        /// The director.
        Director = "DIRECTOR",
        /// Anybody else who is heard.
        Guest = "GUEST",
    }
}

closed_set! {
    /// How somebody voted in a committee.
    CommitteeVote {
        /// For going on.
        For = "FOR",
        /// Against.
        Against = "AGAINST",
        /// Neither.
        Abstained = "ABSTAINED",
    }
}

closed_set! {
    /// A team that may have to sign a proposal off (P-12).
    Team {
        /// Engagement.
        Engagement = "ENGAGEMENT",
        /// Presales.
        Presales = "PRESALES",
        /// Delivery.
        Delivery = "DELIVERY",
        /// Product.
        Product = "PRODUCT",
        /// Legal.
        Legal = "LEGAL",
        /// Product marketing.
        ProductMarketing = "PRODUCT_MARKETING",
        /// Controlling.
        Controlling = "CONTROLLING",
        /// Support.
        Support = "SUPPORT",
        /// Cloud operations.
        CloudOperations = "CLOUD_OPERATIONS",
        /// Management.
        Management = "MANAGEMENT",
    }
}

closed_set! {
    /// What a proposal consists of (P-12).
    Deliverable {
        /// Presentation of the company.
        CompanyPresentation = "COMPANY_PRESENTATION",
        /// Functional and technical proposal.
        FunctionalAndTechnicalProposal = "FUNCTIONAL_AND_TECHNICAL_PROPOSAL",
        /// Financial proposal.
        FinancialProposal = "FINANCIAL_PROPOSAL",
        /// Technical requirements.
        TechnicalRequirements = "TECHNICAL_REQUIREMENTS",
        /// Standard contract.
        StandardContract = "STANDARD_CONTRACT",
        /// Answers in the client's own format.
        ClientFormatAnswers = "CLIENT_FORMAT_ANSWERS",
    }
}

closed_set! {
    /// What is negotiated (P-13).
    NegotiationKind {
        /// The price alone.
        PriceOnly = "PRICE_ONLY",
        /// Everything: scope, terms, price.
        Global = "GLOBAL",
    }
}

closed_set! {
    /// Who may agree to a discount (P-13).
    DiscountLevel {
        /// Sales, which means the deal's owner.
        Sales = "SALES",
        /// The regional manager ("Sales Responsible").
        Rr = "RR",
        /// The director.
        Director = "DIRECTOR",
    }
}

closed_set! {
    /// A document of a signed deal (P-14).
    ContractDocument {
        /// The signed contract.
        SignedContract = "SIGNED_CONTRACT",
        /// The client's order form.
        OrderForm = "ORDER_FORM",
        /// The signed financial annex.
        FinancialAnnex = "FINANCIAL_ANNEX",
        /// The signed technical annex.
        TechnicalAnnex = "TECHNICAL_ANNEX",
        /// The signed annex on the processing of personal data.
        DataProtectionAnnex = "DATA_PROTECTION_ANNEX",
        /// The service level agreement.
        ServiceLevelAgreement = "SERVICE_LEVEL_AGREEMENT",
        /// The client's extract from the register ("Kbis").
        RegisterExtract = "REGISTER_EXTRACT",
        /// The client's bank details ("RIB") with the debit mandate.
        BankDetails = "BANK_DETAILS",
        /// The power of whoever signed.
        SignatoryPower = "SIGNATORY_POWER",
        /// The client's formal agreement (P-13).
        ClientAgreement = "CLIENT_AGREEMENT",
        /// Why a won deal fell through.
        Annulment = "ANNULMENT",
        /// Anything else.
        Other = "OTHER",
    }
}

closed_set! {
    /// What somebody on the client's side does in the decision.
    DecisionPart {
        /// Decides.
        DecisionMaker = "DECISION_MAKER",
        /// Advises whoever decides.
        Influencer = "INFLUENCER",
        /// Buys.
        Buyer = "BUYER",
        /// Will use what is bought.
        User = "USER",
        /// Works for us inside.
        Sponsor = "SPONSOR",
        /// Works against us inside.
        Opponent = "OPPONENT",
    }
}

impl OppyStage {
    /// The stages of the way to the signature, in their order.
    pub const WAY: [Self; 6] =
        [Self::Identification, Self::Qualification, Self::Proposition, Self::Negotiation, Self::Won, Self::ClosedWon];

    /// Whether the deal is still to be signed and not stopped.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Identification | Self::Qualification | Self::Proposition | Self::Negotiation)
    }

    /// Whether the client has signed.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Won | Self::ClosedWon)
    }

    /// Its bit in a set of stages.
    #[must_use]
    pub const fn bit(self) -> i32 {
        1 << self as i32
    }
}

impl ForecastCategory {
    /// Whether it belongs to what may still be signed.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pipeline | Self::BestCase | Self::Commit)
    }
}
