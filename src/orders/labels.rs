//! What people read for the values of the closed sets.

use ::entity::vocabulary::{AttachmentPurpose, BudgetFamily, OrderStatus};

use crate::{both, i18n::Text};

/// Label of a status (11: faithful to the users' own words).
#[must_use]
pub fn status(status: OrderStatus) -> Text {
    match status {
        OrderStatus::Draft => both!("provisionnelle", "draft"),
        OrderStatus::PendingRr => both!("en attente validation RR", "waiting for the regional manager"),
        OrderStatus::HeldByDelegation => both!("provisionnelle – chèques à débloquer", "held – cheques to be released"),
        OrderStatus::PendingPdv => both!("en attente validation PDV", "waiting for sales promotion"),
        OrderStatus::ProofInProgress => both!("PAO en cours", "proof in progress"),
        OrderStatus::PendingProofApproval => both!("en attente validation PAO", "waiting for proof approval"),
        OrderStatus::InProcess => both!("validée PDV (en cours de traitement)", "validated, being processed"),
        OrderStatus::AwaitingResults => both!("traitée PDV – résultats à saisir", "processed – results to be recorded"),
        OrderStatus::Closed => both!("clôturée", "closed"),
        OrderStatus::Rejected => both!("refusée", "rejected"),
        OrderStatus::Cancelled => both!("annulée", "cancelled"),
    }
}

/// Label of a family.
#[must_use]
pub fn family(family: BudgetFamily) -> Text {
    match family {
        BudgetFamily::Refund => both!("refacturations", "refunds"),
        BudgetFamily::GiftCheques => both!("chèques cadeaux", "gift cheques"),
        BudgetFamily::Custom => both!("actions sur mesure", "custom actions"),
        BudgetFamily::Standard => both!("commandes standard", "standard orders"),
    }
}

/// Label of a document's purpose.
#[must_use]
pub fn purpose(purpose: AttachmentPurpose) -> Text {
    match purpose {
        AttachmentPurpose::BrokerInvoice => both!("facture du courtier", "the broker's invoice"),
        AttachmentPurpose::RefundLetter => both!("lettre de refacturation signée", "the signed refund letter"),
        AttachmentPurpose::ChallengeDeed => both!("acte de challenge", "the challenge deed"),
        AttachmentPurpose::HandoverReceipt => both!("accusé de remise signé", "the signed handover receipt"),
        AttachmentPurpose::Proof => both!("épreuve", "a proof"),
        AttachmentPurpose::Other => both!("autre document", "another document"),
    }
}
