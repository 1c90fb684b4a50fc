//! What people read for the closed sets of the sales process: French, English.

use ::entity::vocabulary::{ContractDocument, Deliverable, DiscountLevel, OppyStage, SheetPart, Team};
use rust_decimal::Decimal;

/// A label in both languages.
pub type Label = (&'static str, &'static str);

/// Label of a stage.
#[must_use]
pub const fn stage(stage: OppyStage) -> Label {
    match stage {
        OppyStage::Identification => ("identification", "identification"),
        OppyStage::Qualification => ("qualification", "qualification"),
        OppyStage::Proposition => ("proposition", "proposal"),
        OppyStage::Negotiation => ("négociation", "negotiation"),
        OppyStage::Won => ("gagnée", "won"),
        OppyStage::ClosedWon => ("gagnée et close", "closed won"),
        OppyStage::NoGo => ("No Go", "no go"),
        OppyStage::OnHold => ("en pause", "on hold"),
        OppyStage::Lost => ("perdue", "lost"),
        OppyStage::Dismissed => ("écartée", "dismissed"),
    }
}

/// Labels of several stages, in both languages.
#[must_use]
pub fn stages(stages: &[OppyStage]) -> (String, String) {
    let list = |pick: fn(Label) -> &'static str, none: &str| {
        let labels: Vec<&str> = stages.iter().map(|one| pick(stage(*one))).collect();
        if labels.is_empty() { none.to_owned() } else { labels.join(", ") }
    };
    (list(|label| label.0, "aucune"), list(|label| label.1, "none"))
}

/// Label of a part of the deal sheet.
#[must_use]
pub const fn sheet_part(part: SheetPart) -> Label {
    match part {
        SheetPart::Commercial => ("commerciale", "commercial"),
        SheetPart::Structural => ("structurelle", "structural"),
        SheetPart::Functional => ("fonctionnelle", "functional"),
        SheetPart::Technical => ("technique", "technical"),
    }
}

/// Label of a part of the proposal.
#[must_use]
pub const fn deliverable(part: Deliverable) -> Label {
    match part {
        Deliverable::CompanyPresentation => ("présentation de la société", "company presentation"),
        Deliverable::FunctionalAndTechnicalProposal => {
            ("proposition fonctionnelle et technique", "functional and technical proposal")
        }
        Deliverable::FinancialProposal => ("proposition financière", "financial proposal"),
        Deliverable::TechnicalRequirements => ("prérequis techniques", "technical requirements"),
        Deliverable::StandardContract => ("contrat standard", "standard contract"),
        Deliverable::ClientFormatAnswers => ("réponses au format du client", "answers in the client's format"),
    }
}

/// Label of a team.
#[must_use]
pub const fn team(team: Team) -> Label {
    match team {
        Team::Engagement => ("engagement", "engagement"),
        Team::Presales => ("avant-vente", "presales"),
        Team::Delivery => ("réalisation", "delivery"),
        Team::Product => ("produit", "product"),
        Team::Legal => ("juridique", "legal"),
        Team::ProductMarketing => ("marketing produit", "product marketing"),
        Team::Controlling => ("contrôle de gestion", "controlling"),
        Team::Support => ("support", "support"),
        Team::CloudOperations => ("exploitation cloud", "cloud operations"),
        Team::Management => ("direction", "management"),
    }
}

/// Label of whoever may agree to a discount.
#[must_use]
pub const fn level(level: DiscountLevel) -> Label {
    match level {
        DiscountLevel::Sales => ("le commercial", "sales"),
        DiscountLevel::Rr => ("le responsable régional", "regional manager"),
        DiscountLevel::Director => ("la direction commerciale", "director"),
    }
}

/// Label of a document of the contract.
#[must_use]
pub const fn document(kind: ContractDocument) -> Label {
    match kind {
        ContractDocument::SignedContract => ("contrat signé", "signed contract"),
        ContractDocument::OrderForm => ("bon de commande du client", "client's order form"),
        ContractDocument::FinancialAnnex => ("annexe financière signée", "signed financial annex"),
        ContractDocument::TechnicalAnnex => ("annexe technique signée", "signed technical annex"),
        ContractDocument::DataProtectionAnnex => ("annexe RGPD signée", "signed data protection annex"),
        ContractDocument::ServiceLevelAgreement => ("convention de service", "service level agreement"),
        ContractDocument::RegisterExtract => ("extrait Kbis", "extract from the register"),
        ContractDocument::BankDetails => ("RIB et mandat de prélèvement", "bank details with debit mandate"),
        ContractDocument::SignatoryPower => ("pouvoir du signataire", "power of the signatory"),
        ContractDocument::ClientAgreement => ("accord formel du client", "client's formal agreement"),
        ContractDocument::Annulment => ("annulation de l'affaire", "annulment of the deal"),
        ContractDocument::Other => ("autre document", "another document"),
    }
}

/// Hundredths of a percent as people write them.
#[must_use]
pub fn percent(hundredths: i32) -> String {
    Decimal::new(hundredths.into(), 2).normalize().to_string()
}
