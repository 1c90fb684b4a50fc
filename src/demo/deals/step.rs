//! What can be done to a deal of the demonstration: each is one mutation, or what the server notices by itself.

use ::entity::vocabulary::{
    CommitteeKind, ContractDocument, Deliverable, ForecastCategory, GoDecision, Money, NegotiationKind, OppyStage,
    PersonId, Team,
};
use chrono::NaiveDate;

use crate::opportunities::workflow::Action;

/// Something that somebody does to a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    FillSheet,
    Update(Change),
    Reassign(PersonId),
    Advance,
    /// For a reason of the list; on hold until a day.
    Stop(OppyStage, &'static str, Option<NaiveDate>),
    /// The server puts a deal on hold on its owner's queue.
    Wake,
    Resume,
    Reopen,
    Annul,
    DecideGo(GoDecision),
    Request,
    Accept,
    Decline,
    Plan(CommitteeKind, NaiveDate),
    Minutes,
    /// With so many conditions.
    Decide(GoDecision, usize),
    Pitch,
    Meet(i32),
    Waive(i32),
    NameTeam,
    ScheduleResponse,
    RequireTeams(&'static [Team]),
    Deliver(Deliverable),
    SignOff(Team),
    Review,
    Send,
    Negotiate(NegotiationKind),
    /// Hundredths of a percent.
    Discount(i32),
    Judge(bool),
    ScheduleBack,
    /// An answer, by the regional manager's own hand or not.
    Draft(bool),
    Approve(i32),
    SendAnswer(i32),
    Agree,
    Attach(ContractDocument),
    CheckFine,
    CheckWrong(ContractDocument),
    NameChecker,
    Resubmit,
}

/// What an update changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// The whole amount.
    pub amount: Option<Money>,
    /// When the client is expected to sign.
    pub signing_on: Option<NaiveDate>,
    /// How it counts.
    pub category: Option<ForecastCategory>,
}

impl Step {
    /// The action of the workflow that it is; none where nobody acts.
    pub(super) const fn action(&self) -> Option<Action> {
        Some(match self {
            Self::FillSheet => Action::FillDealSheet,
            Self::Update(_) => Action::Update,
            Self::Reassign(_) => Action::Reassign,
            Self::Advance => Action::Advance,
            Self::Stop(..) => Action::Stop,
            Self::Wake => return None,
            Self::Resume => Action::Resume,
            Self::Reopen => Action::Reopen,
            Self::Annul => Action::Annul,
            Self::DecideGo(_) => Action::DecideGo,
            Self::Request => Action::RequestCommittee,
            Self::Accept => Action::AcceptCommitteeRequest,
            Self::Decline => Action::DeclineCommitteeRequest,
            Self::Plan(..) => Action::PlanCommittee,
            Self::Minutes => Action::RecordMinutes,
            Self::Decide(..) => Action::RecordDecision,
            Self::Pitch => Action::WriteExtendedPitch,
            Self::Meet(_) => Action::MeetCondition,
            Self::Waive(_) => Action::WaiveCondition,
            Self::NameTeam => Action::NameResponseTeam,
            Self::ScheduleResponse => Action::SetResponseSchedule,
            Self::RequireTeams(_) => Action::RequireTeams,
            Self::Deliver(_) => Action::SetDeliverable,
            Self::SignOff(_) => Action::RecordSignOff,
            Self::Review => Action::RecordProposalReview,
            Self::Send => Action::SendProposal,
            Self::Negotiate(_) => Action::SetNegotiationKind,
            Self::Discount(_) => Action::SetDiscount,
            Self::Judge(_) => Action::ApproveDiscount,
            Self::ScheduleBack => Action::SetReverseSchedule,
            Self::Draft(_) => Action::DraftAnswer,
            Self::Approve(_) => Action::ApproveAnswer,
            Self::SendAnswer(_) => Action::SendAnswer,
            Self::Agree => Action::RecordClientAgreement,
            Self::Attach(_) => Action::AttachContractDocument,
            Self::CheckFine | Self::CheckWrong(_) => Action::CheckDocuments,
            Self::NameChecker => Action::NameChecker,
            Self::Resubmit => Action::ResubmitDocuments,
        })
    }

    /// What its event is called, as the mutation calls it.
    pub(super) const fn event(&self) -> &'static str {
        match self {
            Self::FillSheet => "oppy.sheet_filled",
            Self::Update(_) => "oppy.updated",
            Self::Reassign(_) => "oppy.reassigned",
            Self::Advance => "oppy.advanced",
            Self::Stop(..) => "oppy.stopped",
            Self::Wake => "oppy.woke_up",
            Self::Resume => "oppy.resumed",
            Self::Reopen => "oppy.reopened",
            Self::Annul => "oppy.annulled",
            Self::DecideGo(_) => "oppy.go_decided",
            Self::Request => "oppy.committee_requested",
            Self::Accept => "oppy.committee_accepted",
            Self::Decline => "oppy.committee_declined",
            Self::Plan(..) => "oppy.committee_planned",
            Self::Minutes => "oppy.minutes_recorded",
            Self::Decide(..) => "oppy.committee_decided",
            Self::Pitch => "oppy.extended_pitch_written",
            Self::Meet(_) => "oppy.condition_met",
            Self::Waive(_) => "oppy.condition_waived",
            Self::NameTeam => "oppy.response_team_named",
            Self::ScheduleResponse => "oppy.response_scheduled",
            Self::RequireTeams(_) => "oppy.teams_required",
            Self::Deliver(_) => "oppy.deliverable_set",
            Self::SignOff(_) => "oppy.signed_off",
            Self::Review => "oppy.proposal_reviewed",
            Self::Send => "oppy.proposal_sent",
            Self::Negotiate(_) => "oppy.negotiation_kind_set",
            Self::Discount(_) => "oppy.discount_set",
            Self::Judge(true) => "oppy.discount_agreed",
            Self::Judge(false) => "oppy.discount_refused",
            Self::ScheduleBack => "oppy.reverse_scheduled",
            Self::Draft(_) => "oppy.answer_drafted",
            Self::Approve(_) => "oppy.answer_approved",
            Self::SendAnswer(_) => "oppy.answer_sent",
            Self::Agree => "oppy.client_agreement_recorded",
            Self::Attach(_) => "oppy.document_attached",
            Self::CheckFine => "oppy.documents_accepted",
            Self::CheckWrong(_) => "oppy.documents_refused",
            Self::NameChecker => "oppy.checker_named",
            Self::Resubmit => "oppy.documents_resubmitted",
        }
    }
}
