//! The documents of the demonstration: one small PDF for each purpose, shared by all orders, and one for each
//! document of a contract, shared by all deals.

use std::sync::LazyLock;

use ::entity::vocabulary::{AttachmentPurpose, ContractDocument};
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, path::Path as Key};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A document as it is stored.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Name of the file, without its ending.
    pub name: &'static str,
    /// Where the object store keeps it.
    pub key: String,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
    content: Bytes,
}

/// The documents: those of orders in the order of [`AttachmentPurpose::ALL`], those of deals in the order of
/// [`ContractDocument::ALL`].
#[derive(Debug)]
pub(super) struct Documents {
    of_orders: Vec<Document>,
    of_deals: Vec<Document>,
}

/// Every document.
pub(super) static DOCUMENTS: LazyLock<Documents> = LazyLock::new(|| Documents {
    of_orders: AttachmentPurpose::ALL.iter().map(|purpose| Document::for_order(*purpose)).collect(),
    of_deals: ContractDocument::ALL.iter().map(|kind| Document::of_deal(*kind)).collect(),
});

impl Documents {
    /// The document for a purpose.
    pub(super) fn of(&self, purpose: AttachmentPurpose) -> &Document {
        &self.of_orders[purpose as usize]
    }

    /// The document of a contract.
    pub(super) fn of_contract(&self, kind: ContractDocument) -> &Document {
        &self.of_deals[kind as usize]
    }

    /// Puts them all into the object store.
    pub(super) async fn put(&self, store: &dyn ObjectStore) -> Result<()> {
        for Document { key, content, .. } in self.of_orders.iter().chain(&self.of_deals) {
            let put = store.put(&Key::from(key.as_str()), content.clone().into()).await;
            put.map_err(|error| Error::Internal(error.into()))?;
        }
        Ok(())
    }
}

impl Document {
    fn for_order(purpose: AttachmentPurpose) -> Self {
        let (name, title) = match purpose {
            AttachmentPurpose::BrokerInvoice => ("Facture du courtier", "Facture du courtier"),
            AttachmentPurpose::RefundLetter => ("Lettre de refacturation", "Lettre de refacturation, signee"),
            AttachmentPurpose::ChallengeDeed => ("Acte de challenge", "Acte de challenge"),
            AttachmentPurpose::HandoverReceipt => ("Récépissé de remise", "Recepisse de remise des cheques cadeaux"),
            AttachmentPurpose::Proof => ("BAT", "Bon a tirer"),
            AttachmentPurpose::Other => ("Pièce jointe", "Piece jointe"),
        };
        Self::new(name, title, format!("demonstration/{}.pdf", file_name(purpose.code())))
    }

    fn of_deal(kind: ContractDocument) -> Self {
        let (name, title) = match kind {
            ContractDocument::SignedContract => ("Contrat signé", "Contrat"),
            ContractDocument::OrderForm => ("Bon de commande", "Bon de commande"),
            ContractDocument::FinancialAnnex => ("Annexe financière", "Annexe financiere"),
            ContractDocument::TechnicalAnnex => ("Annexe technique", "Annexe technique"),
            ContractDocument::DataProtectionAnnex => ("Annexe RGPD", "Annexe sur les donnees personnelles"),
            ContractDocument::ServiceLevelAgreement => ("Niveaux de service", "Engagements de service"),
            ContractDocument::RegisterExtract => ("Extrait Kbis", "Extrait Kbis"),
            ContractDocument::BankDetails => ("RIB et mandat", "RIB et mandat de prelevement"),
            ContractDocument::SignatoryPower => ("Pouvoir du signataire", "Pouvoir du signataire"),
            ContractDocument::ClientAgreement => ("Accord du client", "Accord du client"),
            ContractDocument::Annulment => ("Annulation", "Annulation"),
            ContractDocument::Other => ("Pièce jointe", "Piece jointe"),
        };
        Self::new(name, title, format!("demonstration/deal/{}.pdf", file_name(kind.code())))
    }

    fn new(name: &'static str, title: &str, key: String) -> Self {
        let content = Bytes::from(pdf(title));
        Self { name, key, sha256: crate::hex(&Sha256::digest(&content)), content }
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> i64 {
        self.content.len() as i64
    }
}

fn file_name(code: &str) -> String {
    code.to_lowercase().replace('_', "-")
}

/// A page of A4 with a title in plain letters, as small as a valid PDF can be.
fn pdf(title: &str) -> String {
    let text = format!("BT /F1 20 Tf 72 760 Td ({title}) Tj 0 -28 Td /F1 11 Tf (Document de demonstration) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, count) = (file.len(), objects.len() + 1);
    file.push_str(&format!(
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::files::Kind;

    #[test]
    fn each_purpose_has_a_pdf_of_its_own_whose_table_points_at_its_objects() {
        let of_orders = AttachmentPurpose::ALL.iter().map(|purpose| DOCUMENTS.of(*purpose));
        for document in of_orders.chain(ContractDocument::ALL.iter().map(|kind| DOCUMENTS.of_contract(*kind))) {
            let Document { name, content, .. } = document;
            assert_eq!(Kind::of(&mut Cursor::new(content)).unwrap(), Some(Kind::Pdf));
            let text = std::str::from_utf8(content).unwrap();
            let table = text.split("xref\n0 6\n").nth(1).unwrap();
            for (number, entry) in table.lines().skip(1).take(5).enumerate() {
                let offset: usize = entry[..10].parse().unwrap();
                assert!(text[offset..].starts_with(&format!("{} 0 obj", number + 1)), "{name}");
            }
        }
    }
}
