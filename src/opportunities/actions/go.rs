//! The road to a Go (P-11).

use ::entity::vocabulary::{Attendee, CommitteeKind, Condition, Milestone, OpportunityId, TeamMember};

use super::{Acting, at, bounded, line, paragraph, words};
use crate::{
    action::Call,
    authz::Permission,
    op::Op,
    opportunities::{
        error::{Missing, Refusal},
        input::{
            DecideGoInput, MilestoneInput, NameResponseTeamInput, OppyConditionInput, OppyInput, PlanCommitteeInput,
            ReasonedOppyInput, RecordDecisionInput, RecordMinutesInput, ScheduleInput, WriteExtendedPitchInput,
        },
        outcome::{self, ConditionWords},
        transition::AtHand,
        workflow::{Action, Deals},
    },
    refusal::Done,
    transition::Told,
    workflow::Workflow,
};

/// Decides Go or No Go without a committee.
pub(in crate::opportunities) async fn decide_go(op: &Op, input: DecideGoInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let minutes = words("minutes", input.minutes.as_deref())?;
    let told = Told::kind("oppy.go_decided").with("decision", input.decision.code());
    Acting::new("decideGo", Action::DecideGo, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            outcome::rr_decided(&at_hand.object, input.decision, minutes.clone(), by)
        })
        .await
}

/// Asks for the committee.
pub(in crate::opportunities) async fn request(op: &Op, input: ReasonedOppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = words("reason", input.reason.as_deref())?;
    let told = Told::kind("oppy.committee_requested").because(reason.clone());
    Acting::new("requestCommittee", Action::RequestCommittee, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| outcome::requested(&at_hand.object, reason.clone(), by))
        .await
}

/// Accepts the request.
pub(in crate::opportunities) async fn accept_request(op: &Op, input: OppyInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.committee_accepted");
    Acting::new("acceptCommitteeRequest", Action::AcceptCommitteeRequest, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| Ok(outcome::request_accepted(&at_hand.object, by)))
        .await
}

/// Declines the request, with a reason.
pub(in crate::opportunities) async fn decline_request(
    op: &Op,
    input: ReasonedOppyInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = words("reason", input.reason.as_deref())?;
    let told = Told::kind("oppy.committee_declined").because(reason.clone());
    Acting::new("declineCommitteeRequest", Action::DeclineCommitteeRequest, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| outcome::request_declined(&at_hand.object, reason.clone(), by))
        .await
}

/// Plans a committee, or moves one that was planned.
pub(in crate::opportunities) async fn plan(op: &Op, input: PlanCommitteeInput) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.committee_planned").with("committee", input.committee.code());
    let today = op.today();
    Acting::new("planCommittee", Action::PlanCommittee, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            outcome::planned(&at_hand.object, input.committee, input.on, &at_hand.facts, by, today)
        })
        .await
}

/// Writes the minutes of the committee that was planned.
pub(in crate::opportunities) async fn record_minutes(
    op: &Op,
    input: RecordMinutesInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    bounded("attendees", &input.attendees)?;
    let minutes = words("minutes", input.minutes.as_deref())?;
    let attendees: Vec<Attendee> =
        input.attendees.iter().map(|a| Attendee { person: a.person.0, function: a.function, vote: a.vote }).collect();
    let people = attendees.iter().enumerate().map(|(place, a)| (a.person, at("attendees", place, "person")));
    let told = Told::kind("oppy.minutes_recorded");
    let today = op.today();
    Acting::new("recordMinutes", Action::RecordMinutes, input.id.0, &call)
        .naming(people)
        .perform(op, &input, &told, |at_hand, by| {
            outcome::minuted(&at_hand.object, minutes.clone(), attendees.clone(), &at_hand.facts, by, today)
        })
        .await
}

/// Records what the committee decided; a No Go stops the deal in the same transaction.
pub(in crate::opportunities) async fn record_decision(
    op: &Op,
    input: RecordDecisionInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    bounded("conditions", &input.conditions)?;
    let comment = words("comment", input.comment.as_deref())?;
    let mut conditions = Vec::new();
    for condition in &input.conditions {
        let text = paragraph("conditions", &condition.text)?;
        conditions.push(ConditionWords { text, owner: condition.owner.map(|id| id.0), due_on: condition.due_on });
    }
    let owners = conditions.iter().enumerate().filter_map(|(place, c)| Some((c.owner?, place)));
    let people = owners.map(|(owner, place)| (owner, at("conditions", place, "owner"))).collect::<Vec<_>>();
    let told = Told::kind("oppy.committee_decided").because(comment.clone()).with("decision", input.decision.code());
    let today = op.today();
    Acting::new("recordDecision", Action::RecordDecision, input.id.0, &call)
        .naming(people)
        .perform(op, &input, &told, |at_hand, by| {
            let (deal, facts) = (&at_hand.object, &at_hand.facts);
            outcome::decided(deal, input.decision, comment.clone(), conditions.clone(), facts, by, today)
        })
        .await
}

/// Writes the pitch that prepares the extended committee.
pub(in crate::opportunities) async fn write_extended_pitch(
    op: &Op,
    input: WriteExtendedPitchInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let pitch = paragraph("pitch", &input.pitch)?;
    let told = Told::kind("oppy.extended_pitch_written");
    Acting::new("writeExtendedPitch", Action::WriteExtendedPitch, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| outcome::pitched(&at_hand.object, pitch.clone()))
        .await
}

/// Says that a condition is met: by its owner, the deal's owner or the regional manager.
pub(in crate::opportunities) async fn meet_condition(
    op: &Op,
    input: OppyConditionInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let told = Told::kind("oppy.condition_met").with("condition", input.condition);
    Acting::new("meetCondition", Action::MeetCondition, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            let may_any = holds(op, &call, at_hand, Permission::MeetCondition);
            let is_own = |condition: &Condition| at_hand.actor.is_barred(&[condition.owner].into_iter().collect());
            outcome::condition_met(&at_hand.object, input.condition, |one| may_any || is_own(one), by)
        })
        .await
}

/// Waives a condition, with a reason: by who may take the decision that set it.
pub(in crate::opportunities) async fn waive_condition(
    op: &Op,
    input: OppyConditionInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let reason = words("reason", input.reason.as_deref())?;
    let told = Told::kind("oppy.condition_waived").because(reason.clone()).with("condition", input.condition);
    Acting::new("waiveCondition", Action::WaiveCondition, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, by| {
            let may = |committee| holds(op, &call, at_hand, waiving(committee));
            outcome::condition_waived(&at_hand.object, input.condition, reason.clone(), may, by)
        })
        .await
}

const fn waiving(committee: CommitteeKind) -> Permission {
    match committee {
        CommitteeKind::Restricted => Permission::WaiveRestrictedCondition,
        CommitteeKind::Extended => Permission::WaiveExtendedCondition,
    }
}

/// Whether the caller holds a permission on the deal at hand, in the name that the call says.
pub(super) fn holds(op: &Op, call: &Call, at_hand: &AtHand, permission: Permission) -> bool {
    op.acts(permission, call.name()).covers(&Deals::place(&at_hand.stored))
}

/// Names who answers the client.
pub(in crate::opportunities) async fn name_response_team(
    op: &Op,
    input: NameResponseTeamInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    bounded("members", &input.members)?;
    let members: Vec<TeamMember> =
        input.members.iter().map(|member| TeamMember { person: member.person.0, team: member.team }).collect();
    let people = members.iter().enumerate().map(|(place, m)| (m.person, at("members", place, "person")));
    let told = Told::kind("oppy.response_team_named");
    Acting::new("nameResponseTeam", Action::NameResponseTeam, input.id.0, &call)
        .naming(people)
        .perform(op, &input, &told, |at_hand, _| {
            if members.is_empty() {
                return Err(vec![Missing::ResponseTeam.into()]);
            }
            let mut after = at_hand.object.clone();
            after.go.response_team.clone_from(&members);
            Ok(after)
        })
        .await
}

/// Sets until when what is answered.
pub(in crate::opportunities) async fn set_response_schedule(
    op: &Op,
    input: ScheduleInput,
) -> Done<OpportunityId, Refusal> {
    let call = Call::from(input.call.clone());
    let milestones = milestones(&input.milestones)?;
    let told = Told::kind("oppy.response_scheduled");
    Acting::new("setResponseSchedule", Action::SetResponseSchedule, input.id.0, &call)
        .perform(op, &input, &told, |at_hand, _| outcome::response_scheduled(&at_hand.object, milestones.clone()))
        .await
}

/// Milestones as they are asked for, in the order of their days.
pub(super) fn milestones(wanted: &[MilestoneInput]) -> crate::error::Result<Vec<Milestone>> {
    bounded("milestones", wanted)?;
    let milestone = |wanted: &MilestoneInput| Ok(Milestone { name: line("milestones", &wanted.name)?, on: wanted.on });
    let mut milestones = wanted.iter().map(milestone).collect::<crate::error::Result<Vec<_>>>()?;
    milestones.sort_by_key(|milestone| milestone.on);
    Ok(milestones)
}
