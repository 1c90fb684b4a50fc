//! What people read for the kinds of items.

use ::entity::vocabulary::WorkKind;

use crate::{both, i18n::Text};

/// Label of what an item waits for.
#[must_use]
pub(super) fn kind(kind: WorkKind) -> Text {
    match kind {
        WorkKind::RrValidation => both!("à valider (RR)", "to be validated (regional manager)"),
        WorkKind::PdvValidation => both!("à valider (PDV)", "to be validated (sales promotion)"),
        WorkKind::Proof => both!("PAO à envoyer", "proof to be sent"),
        WorkKind::ProofApproval => both!("PAO à valider", "proof to be approved"),
        WorkKind::Release => both!("chèques à débloquer", "cheques to be released"),
        WorkKind::Processing => both!("à traiter", "to be processed"),
        WorkKind::Results => both!("résultats à saisir", "results to be recorded"),
        WorkKind::MissingDocuments => both!("justificatifs à fournir", "documents to be attached"),
        WorkKind::HandoverReceipt => both!("accusé de remise à fournir", "handover receipt to be attached"),
        WorkKind::GoodwillDecision => both!("geste commercial à décider", "goodwill gesture to be decided"),
        WorkKind::GoodwillPayment => both!("geste commercial à payer", "goodwill gesture to be paid"),
    }
}
