//! The contract documents and their checks (P-14).

use ::entity::vocabulary::{NonConforming, OpportunityId};

use super::{Acting, File, bounded, paragraph};
use crate::{
    action::{Call, Request, perform},
    error::Error,
    op::Op,
    opportunities::{
        error::{Refusal, path},
        input::{AttachContractDocumentInput, CheckOppyDocumentsInput, NameOppyCheckerInput, OppyInput},
        outcome, store,
        transition::{settle, signature, take},
        workflow::Action,
    },
    refusal::{Done, Stopped},
    transition::Told,
};

/// Attaches a document of the contract; a later one takes the place of an earlier one of its kind.
pub(in crate::opportunities) async fn attach_document(
    op: &Op,
    input: AttachContractDocumentInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.document_attached");
    let file = File { upload: input.upload.0, kind: input.kind, keep: |_, _| {} };
    Acting::new("attachContractDocument", Action::AttachContractDocument, input.id.0, &call)
        .with_file(Some(file))
        .perform(op, &input, &told, |at_hand, _| Ok(at_hand.object.clone()))
        .await
}

/// Checks the documents, at whichever step of the round the deal is. Sales administration's acceptance closes it.
pub(in crate::opportunities) async fn check_documents(
    op: &Op,
    input: CheckOppyDocumentsInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    bounded("nonConforming", &input.non_conforming)?;
    let mut named = Vec::new();
    for document in &input.non_conforming {
        let reason = paragraph("nonConforming", &document.reason)?;
        named.push(NonConforming { document: document.document.0, reason });
    }
    if input.conform && !named.is_empty() {
        return Err(Error::bad_input(["input", "nonConforming"], "empty where all documents conform").into());
    }
    let request = Request::new("checkOppyDocuments", &call, &input);
    let (call, input, named) = (&call, &input, &named);
    perform(op, &request, move |conn| async move {
        let at_hand = take(op, &conn, call, input.id.0, Action::CheckDocuments).await?;
        let (deal, facts, by) = (&at_hand.object, &at_hand.facts, signature(op, call)?);
        let outcome = match input.conform {
            true => outcome::conforming(deal, facts, &by),
            false => outcome::non_conforming(deal, named.clone(), facts, &by),
        };
        at_hand.judge(op, Action::CheckDocuments, outcome.as_ref().err().cloned().unwrap_or_default())?;
        let after = outcome.map_err(Stopped::Refused)?;
        for NonConforming { document, reason } in named {
            store::refuse_document(&conn, *document, reason).await?;
        }
        let kind = if named.is_empty() { "oppy.documents_accepted" } else { "oppy.documents_refused" };
        settle(op, &conn, call, &at_hand, after, Told::kind(kind)).await
    })
    .await
}

/// Names who makes the first check where no assistant of the delegation may.
pub(in crate::opportunities) async fn name_checker(
    op: &Op,
    input: NameOppyCheckerInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.checker_named").with("person", input.person.0.0);
    Acting::new("nameOppyChecker", Action::NameChecker, input.id.0, &call)
        .naming([(input.person.0, path(&["person"]))])
        .perform(op, &input, &told, |at_hand, _| {
            let person = input.person.0;
            if at_hand.object.involved.iter().any(|involved| involved == person) {
                return Err(vec![Refusal::PersonNotAble { field: path(&["person"]) }]);
            }
            let mut after = at_hand.object.clone();
            after.contract.checker = Some(person);
            Ok(after)
        })
        .await
}

/// Hands the replaced documents in: the next round begins with the assistant.
pub(in crate::opportunities) async fn resubmit(op: &Op, input: OppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.documents_resubmitted");
    Acting::new("resubmitOppyDocuments", Action::ResubmitDocuments, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| Ok(outcome::with_round(at_hand.object.clone(), by)))
        .await
}
