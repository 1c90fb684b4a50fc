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
        WorkKind::GoDecision => both!("Go à décider (RR)", "Go to be decided (regional manager)"),
        WorkKind::GoDecisionDirector => both!("Go à décider (direction)", "Go to be decided (director)"),
        WorkKind::CommitteeRequest => both!("demande de comité à accepter", "request for a committee to be accepted"),
        WorkKind::CommitteePlanning => both!("comité à planifier", "committee to be planned"),
        WorkKind::CommitteeMinutes => {
            both!("comité à tenir, compte rendu à écrire", "committee to be held and minuted")
        }
        WorkKind::RestrictedDecision => both!("décision du comité restreint", "decision of the restricted committee"),
        WorkKind::ExtendedDecision => both!("décision du comité élargi", "decision of the extended committee"),
        WorkKind::DiscountRr => both!("remise à accorder (RR)", "discount to be agreed to (regional manager)"),
        WorkKind::DiscountDirector => both!("remise à accorder (direction)", "discount to be agreed to (director)"),
        WorkKind::AnswerApproval => {
            both!("réponse au client à approuver (RR)", "answer to be approved (regional manager)")
        }
        WorkKind::AnswerApprovalEngagement => {
            both!("réponse au client à approuver (engagement)", "answer to be approved (engagement)")
        }
        WorkKind::AnswerApprovalDirector => {
            both!("réponse au client à approuver (direction)", "answer to be approved (director)")
        }
        WorkKind::FirstCheck => both!("documents à contrôler (assistant)", "documents to be checked (assistant)"),
        WorkKind::NamedCheck => both!("documents à contrôler (désigné)", "documents to be checked (named)"),
        WorkKind::CheckerToName => both!("contrôleur à désigner", "checker to be named"),
        WorkKind::SecondCheck => {
            both!("documents à contrôler (administration des ventes)", "documents to be checked (sales administration)")
        }
        WorkKind::DocumentsRefused => both!("documents non conformes à remplacer", "documents to be replaced"),
        WorkKind::WakeUp => both!("affaire en pause à reprendre", "deal on hold to be taken up again"),
    }
}
