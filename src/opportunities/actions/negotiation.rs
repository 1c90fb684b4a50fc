//! Negotiating (P-13).

use ::entity::vocabulary::{ContractDocument, DiscountLevel, OpportunityId, Signature};

use super::{
    Acting, File,
    go::{holds, milestones},
    line, paragraph, words,
};
use crate::{
    action::Call,
    authz::Permission,
    op::Op,
    opportunities::{
        error::Refusal,
        input::{
            AnswerInput, ApproveDiscountInput, DraftAnswerInput, RecordClientAgreementInput, ScheduleInput,
            SetDiscountInput, SetNegotiationKindInput,
        },
        outcome, rules,
        workflow::Action,
    },
    refusal::Done,
    transition::Told,
};

/// Says what is negotiated.
pub(in crate::opportunities) async fn set_negotiation_kind(
    op: &Op,
    input: SetNegotiationKindInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.negotiation_kind_set").with("kind", input.kind.code());
    Acting::new("setNegotiationKind", Action::SetNegotiationKind, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| {
            let mut after = at_hand.object.clone();
            after.negotiation.kind = Some(input.kind);
            Ok(after)
        })
        .await
}

/// Sets the discount; above the owner's level it waits for the one who may agree to it.
pub(in crate::opportunities) async fn set_discount(op: &Op, input: SetDiscountInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let discount = input.discount.hundredths;
    let told = Told::kind("oppy.discount_set").with("discount", discount);
    Acting::new("setDiscount", Action::SetDiscount, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| Ok(outcome::discounted(&at_hand.object, discount, by)))
        .await
}

/// Agrees to the discount that waits, or refuses it with a reason.
pub(in crate::opportunities) async fn approve_discount(
    op: &Op,
    input: ApproveDiscountInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = words("reason", input.reason.as_deref())?;
    let kind = if input.agree { "oppy.discount_agreed" } else { "oppy.discount_refused" };
    let told = Told::kind(kind).because(reason.clone());
    Acting::new("approveDiscount", Action::ApproveDiscount, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            let highest = holds(op, &call, at_hand, Permission::ApproveDiscountAsDirector);
            let level = if highest { DiscountLevel::Director } else { DiscountLevel::Rr };
            outcome::discount_judged(&at_hand.object, input.agree, reason.clone(), level, by)
        })
        .await
}

/// Sets the reverse schedule: the way back from the signing date.
pub(in crate::opportunities) async fn set_reverse_schedule(
    op: &Op,
    input: ScheduleInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let milestones = milestones(&input.milestones)?;
    let told = Told::kind("oppy.reverse_scheduled");
    Acting::new("setReverseSchedule", Action::SetReverseSchedule, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| outcome::reverse_scheduled(&at_hand.object, milestones.clone()))
        .await
}

/// Drafts an answer to the client.
pub(in crate::opportunities) async fn draft_answer(op: &Op, input: DraftAnswerInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let text = paragraph("text", &input.text)?;
    let told = Told::kind("oppy.answer_drafted");
    Acting::new("draftAnswer", Action::DraftAnswer, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| outcome::drafted(&at_hand.object, text.clone(), by))
        .await
}

/// Approves an answer, which its author may not.
pub(in crate::opportunities) async fn approve_answer(op: &Op, input: AnswerInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.answer_approved").with("answer", input.answer);
    Acting::new("approveAnswer", Action::ApproveAnswer, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            let is_author = |drafted: &Signature| at_hand.actor.is_barred(&rules::signers(drafted).collect());
            outcome::answer_approved(&at_hand.object, input.answer, is_author, by)
        })
        .await
}

/// Records that an approved answer went to the client.
pub(in crate::opportunities) async fn send_answer(op: &Op, input: AnswerInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.answer_sent").with("answer", input.answer);
    Acting::new("sendAnswer", Action::SendAnswer, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| outcome::answer_sent(&at_hand.object, input.answer, by))
        .await
}

/// Records the client's formal agreement, as far as it is known.
pub(in crate::opportunities) async fn record_client_agreement(
    op: &Op,
    input: RecordClientAgreementInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let signatory = input.signatory.as_deref().map(|text| line("signatory", text)).transpose()?;
    let signatory = signatory.filter(|name| !name.is_empty());
    let file = input.upload.map(|upload| File {
        upload: upload.0,
        kind: ContractDocument::ClientAgreement,
        keep: |deal, document| deal.agreement.document = Some(document),
    });
    let told = Told::kind("oppy.client_agreement_recorded");
    let today = op.today();
    Acting::new("recordClientAgreement", Action::RecordClientAgreement, input.id.0, &call)
        .with_file(file)
        .perform(op, &input, &told, |at_hand, _| outcome::agreed(&at_hand.object, input.on, signatory.clone(), today))
        .await
}
