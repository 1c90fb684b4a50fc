//! Making and sending the proposal (P-12).

use ::entity::vocabulary::{OpportunityId, PersonId};

use super::{Acting, at, bounded, line, words};
use crate::{
    action::Call,
    op::Op,
    opportunities::{
        error::{Refusal, path},
        input::{
            RecordProposalReviewInput, RecordSignOffInput, RequireTeamsInput, SendProposalInput, SetDeliverableInput,
        },
        outcome,
        workflow::Action,
    },
    refusal::Done,
    transition::Told,
};

/// Names the teams that have to sign off.
pub(in crate::opportunities) async fn require_teams(op: &Op, input: RequireTeamsInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    bounded("teams", &input.teams)?;
    let reason = words("reason", input.reason.as_deref())?;
    let told = Told::kind("oppy.teams_required").because(reason.clone());
    Acting::new("requireTeams", Action::RequireTeams, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| {
            let playbook = &at_hand.facts.playbook;
            outcome::teams_required(&at_hand.object, input.teams.clone(), reason.as_deref(), playbook)
        })
        .await
}

/// Declares a part of the proposal ready, or not any more.
pub(in crate::opportunities) async fn set_deliverable(
    op: &Op,
    input: SetDeliverableInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let note = words("note", input.note.as_deref())?;
    let told = Told::kind("oppy.deliverable_set").with("deliverable", input.deliverable.code());
    Acting::new("setDeliverable", Action::SetDeliverable, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            Ok(outcome::deliverable_set(&at_hand.object, input.deliverable, input.ready, note.clone(), by))
        })
        .await
}

/// Records a team's sign-off, with who answers for it.
pub(in crate::opportunities) async fn record_sign_off(
    op: &Op,
    input: RecordSignOffInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.signed_off").with("team", input.team.code());
    Acting::new("recordSignOff", Action::RecordSignOff, input.id.0, &call)
        .naming([(input.person.0, path(&["person"]))])
        .perform(op, &input, &told, |at_hand, by| {
            Ok(outcome::signed_off(&at_hand.object, input.team, input.person.0, by))
        })
        .await
}

/// Records the review of the version in hand.
pub(in crate::opportunities) async fn record_review(
    op: &Op,
    input: RecordProposalReviewInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    bounded("participants", &input.participants)?;
    let comment = words("comment", input.comment.as_deref())?;
    let participants: Vec<PersonId> = input.participants.iter().map(|id| id.0).collect();
    let people = participants.iter().enumerate().map(|(place, person)| {
        let mut field = at("participants", place, "");
        field.pop();
        (*person, field)
    });
    let told = Told::kind("oppy.proposal_reviewed");
    let today = op.today();
    Acting::new("recordProposalReview", Action::RecordProposalReview, input.id.0, &call)
        .naming(people)
        .perform(op, &input, &told, |at_hand, by| {
            outcome::reviewed(&at_hand.object, input.on, participants.clone(), comment.clone(), by, today)
        })
        .await
}

/// Records that the version in hand went to the client.
pub(in crate::opportunities) async fn send_proposal(op: &Op, input: SendProposalInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let recipient = line("recipient", &input.recipient)?;
    let told = Told::kind("oppy.proposal_sent");
    let today = op.today();
    Acting::new("sendProposal", Action::SendProposal, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            outcome::sent(&at_hand.object, input.on, recipient.clone(), by, today)
        })
        .await
}
