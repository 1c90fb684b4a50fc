//! What can be done to deals. Thin: decode, call, answer.

use std::borrow::Cow;

use ::entity::vocabulary::OpportunityId;
use async_graphql::{Context, Object, Result, SimpleObject, TypeName};

use super::{
    actions,
    error::Refusal,
    input::{
        AdvanceOppyInput, AnnulOppyInput, AnswerInput, ApproveDiscountInput, AttachContractDocumentInput,
        CheckOppyDocumentsInput, CreateOpportunityInput, DecideGoInput, DraftAnswerInput, FillDealSheetInput,
        NameOppyCheckerInput, NameResponseTeamInput, OppyConditionInput, OppyInput, PlanCommitteeInput,
        ReasonedOppyInput, ReassignOppyInput, RecordClientAgreementInput, RecordDecisionInput, RecordMinutesInput,
        RecordProposalReviewInput, RecordSignOffInput, RequireTeamsInput, ScheduleInput, SendProposalInput,
        SetDeliverableInput, SetDiscountInput, SetNegotiationKindInput, StopOppyInput, UpdateOpportunityInput,
        WriteExtendedPitchInput,
    },
    store,
    types::Opportunity,
};
use crate::{
    graphql::payload::{Mutation, Told, UserError, answer, mutations, op},
    op::Op,
    refusal::Done,
};

mutations! {
    CreateOpportunity: common + ["AMOUNT_INVALID", "PERSON_NOT_ABLE", "TEXT_MISSING"],
    UpdateOpportunity: common + ["AMOUNT_INVALID", "CATEGORY_NOT_ALLOWED_AT_STAGE", "CATEGORY_SET_BY_SERVER", "DEAL_SIGNED", "DEAL_STOPPED", "PERSON_NOT_ABLE",
        "TEXT_MISSING", "UNCERTAINTY_MISSING"],
    ReassignOppy: common + ["WRONG_STAGE"],
    FillDealSheet: common + ["WRONG_STAGE"],
    AdvanceOppy: common + ["ACCOUNT_ADDRESS_MISSING", "ACCOUNT_SECTOR_MISSING", "ACCOUNT_SIRET_MISSING", "CLIENT_AGREEMENT_DATE_MISSING", "CLIENT_AGREEMENT_DOCUMENT_MISSING", "CLIENT_AGREEMENT_SIGNATORY_MISSING", "COMMITTEE_REQUEST_MISSING", "COMMITTEE_REQUEST_NOT_ACCEPTED", "DEAL_CLOSED", "DEAL_STOPPED", "DELIVERABLE_MISSING", "DISCOUNT_NOT_AGREED", "DOCUMENT_MISSING", "DOCUMENT_NON_CONFORMING", "EXTENDED_DECISION_MISSING", "EXTENDED_MEETING_MISSING", "EXTENDED_MINUTES_MISSING", "EXTENDED_PITCH_MISSING", "FIRST_CHECK_MISSING", "GO_STALE", "NEGOTIATION_KIND_MISSING", "PITCH_MISSING", "PROPOSAL_NOT_SENT", "PROPOSAL_REVIEW_MISSING", "REQUIRED_TEAMS_NOT_NAMED", "RESPONSE_SCHEDULE_MISSING", "RESPONSE_TEAM_MISSING", "RESTRICTED_DECISION_MISSING", "RESTRICTED_MEETING_MISSING", "RESTRICTED_MINUTES_MISSING", "REVERSE_SCHEDULE_BEYOND_SIGNING", "REVERSE_SCHEDULE_MISSING", "RR_GO_MISSING", "SECOND_CHECK_MISSING", "SHEET_PART_MISSING", "SIGN_OFF_MISSING", "SIZE_CLASS_UNKNOWN", "STAGE_NOT_NEXT"],
    StopOppy: common + ["COMMENT_MISSING", "REASON_MISSING", "REASON_NOT_IN_LIST", "STOP_NOT_ALLOWED_AT_STAGE", "WAKE_UP_DATE_MISSING"],
    ResumeOppy: common + ["NOT_ON_HOLD"],
    ReopenOppy: common + ["NOT_REOPENABLE", "REASON_MISSING"],
    AnnulOppy: common + ["FILE_REQUIRED", "REASON_MISSING", "WRONG_STAGE"],
    DecideGo: common + ["ALREADY_DECIDED", "COMMITTEE_REQUIRED", "DECISION_NOT_POSSIBLE", "MINUTES_MISSING", "NOT_YOUR_STEP", "OWN_OPPORTUNITY", "SIZE_CLASS_UNKNOWN", "WRONG_STAGE"],
    RequestCommittee: common + ["ALREADY_REQUESTED", "REASON_MISSING", "WRONG_STAGE"],
    AcceptCommitteeRequest: common + ["ALREADY_DECIDED", "COMMITTEE_REQUEST_MISSING", "OWN_OPPORTUNITY", "WRONG_STAGE"],
    DeclineCommitteeRequest: common + ["ALREADY_DECIDED", "COMMITTEE_REQUEST_MISSING", "OWN_OPPORTUNITY", "REASON_MISSING", "WRONG_STAGE"],
    PlanCommittee: common + ["ALREADY_DECIDED", "COMMITTEE_DAY_HOLIDAY", "COMMITTEE_DAY_NOT_ALLOWED", "COMMITTEE_DAY_PAST", "COMMITTEE_REQUEST_MISSING", "COMMITTEE_REQUEST_NOT_ACCEPTED", "EXTENDED_NOT_DUE", "EXTENDED_PITCH_MISSING", "SIZE_CLASS_UNKNOWN", "WRONG_STAGE"],
    RecordMinutes: common + ["EXTENDED_MEETING_MISSING", "MEETING_NOT_HELD", "MINUTES_MISSING", "PERSON_NOT_ABLE", "QUORUM_MISSING", "RESTRICTED_MEETING_MISSING", "WRONG_STAGE"],
    RecordDecision: common + ["CONDITIONS_MISSING", "CONDITION_DATE_MISSING", "CONDITION_OWNER_MISSING", "DECISION_NOT_POSSIBLE", "EXTENDED_MEETING_MISSING", "MEETING_NOT_HELD", "MINUTES_MISSING", "NOT_YOUR_STEP", "OWN_OPPORTUNITY", "PERSON_NOT_ABLE", "RESTRICTED_MEETING_MISSING", "SIZE_CLASS_UNKNOWN", "TEXT_MISSING", "WRONG_STAGE"],
    WriteExtendedPitch: common + ["TEXT_MISSING", "WRONG_STAGE"],
    MeetCondition: common + ["CONDITION_NOT_OPEN", "NOT_YOUR_STEP", "WRONG_STAGE"],
    WaiveCondition: common + ["CONDITION_NOT_OPEN", "NOT_YOUR_STEP", "OWN_OPPORTUNITY", "REASON_MISSING", "WRONG_STAGE"],
    NameResponseTeam: common + ["NOT_YOUR_STEP", "PERSON_NOT_ABLE", "RESPONSE_TEAM_MISSING", "WRONG_STAGE"],
    SetResponseSchedule: common + ["NOT_YOUR_STEP", "RESPONSE_SCHEDULE_MISSING", "TEXT_MISSING", "WRONG_STAGE"],
    RequireTeams: common + ["NOT_YOUR_STEP", "REASON_MISSING", "REQUIRED_TEAMS_NOT_NAMED", "TEAM_FORCED", "WRONG_STAGE"],
    SetDeliverable: common + ["NOT_YOUR_STEP", "WRONG_STAGE"],
    RecordSignOff: common + ["NOT_YOUR_STEP", "PERSON_NOT_ABLE", "WRONG_STAGE"],
    RecordProposalReview: common + ["DATE_IN_FUTURE", "NOT_YOUR_STEP", "PERSON_NOT_ABLE", "TEXT_MISSING", "WRONG_STAGE"],
    SendProposal: common + ["COMMITTEE_REQUEST_MISSING", "COMMITTEE_REQUEST_NOT_ACCEPTED", "CONDITION_OPEN", "DATE_IN_FUTURE", "DELIVERABLE_MISSING", "EXTENDED_DECISION_MISSING", "EXTENDED_MEETING_MISSING", "EXTENDED_MINUTES_MISSING", "EXTENDED_PITCH_MISSING", "GO_STALE", "NOT_YOUR_STEP", "PROPOSAL_REVIEW_MISSING", "REQUIRED_TEAMS_NOT_NAMED", "RESTRICTED_DECISION_MISSING", "RESTRICTED_MEETING_MISSING", "RESTRICTED_MINUTES_MISSING", "RR_GO_MISSING", "SIGN_OFF_MISSING", "SIZE_CLASS_UNKNOWN", "TEXT_MISSING", "WRONG_STAGE"],
    SetNegotiationKind: common + ["NOT_YOUR_STEP", "WRONG_STAGE"],
    SetDiscount: common + ["NOT_YOUR_STEP", "WRONG_STAGE"],
    ApproveDiscount: common + ["NOTHING_TO_AGREE", "NOT_YOUR_LEVEL", "OWN_OPPORTUNITY", "REASON_MISSING", "WRONG_STAGE"],
    SetReverseSchedule: common + ["NOT_YOUR_STEP", "REVERSE_SCHEDULE_BEYOND_SIGNING", "REVERSE_SCHEDULE_MISSING", "TEXT_MISSING", "WRONG_STAGE"],
    DraftAnswer: common + ["NOT_YOUR_STEP", "TEXT_MISSING", "WRONG_STAGE"],
    ApproveAnswer: common + ["ANSWER_NOT_WAITING", "NOT_YOUR_STEP", "OWN_OPPORTUNITY", "WRONG_STAGE"],
    SendAnswer: common + ["ANSWER_NOT_APPROVED", "ANSWER_NOT_WAITING", "NOT_YOUR_STEP", "WRONG_STAGE"],
    RecordClientAgreement: common + ["DATE_IN_FUTURE", "FILE_REQUIRED", "NOT_YOUR_STEP", "WRONG_STAGE"],
    AttachContractDocument: common + ["DOCUMENTS_BEING_CHECKED", "FILE_REQUIRED", "WRONG_STAGE"],
    CheckOppyDocuments: common + ["DOCUMENT_MISSING", "DOCUMENT_NON_CONFORMING", "DOCUMENT_UNKNOWN", "NON_CONFORMING_MISSING", "NOT_YOUR_STEP", "OWN_OPPORTUNITY", "SAME_PERSON_CHECKED", "WAITING_FOR_OWNER", "WRONG_STAGE"],
    NameOppyChecker: common + ["ASSISTANT_MAY_CHECK", "PERSON_NOT_ABLE", "WRONG_STAGE"],
    ResubmitOppyDocuments: common + ["DOCUMENTS_BEING_CHECKED", "DOCUMENT_MISSING", "DOCUMENT_NON_CONFORMING", "WRONG_STAGE"],
}

/// The deal after a mutation; as it is now where the mutation was refused.
#[derive(SimpleObject)]
#[graphql(name_type)]
pub struct OppyPayload<M: Mutation> {
    /// The deal, as it is now.
    opportunity: Option<Opportunity>,
    /// Why nothing was changed.
    user_errors: Vec<UserError<M>>,
}

impl<M: Mutation> TypeName for OppyPayload<M> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Payload", M::NAME).into()
    }
}

/// The payload of an action: `known` is the deal where there was one before.
async fn payload<M: Mutation>(
    op: &Op,
    known: Option<OpportunityId>,
    done: Done<OpportunityId, Refusal>,
) -> Result<OppyPayload<M>> {
    let (made, user_errors) = answer(op, done)?;
    let opportunity = match made.or(known) {
        Some(id) => store::readable(op, &[id]).await.told(op)?.pop().map(Opportunity),
        None => None,
    };
    Ok(OppyPayload { opportunity, user_errors })
}

/// Changes to deals.
#[derive(Debug, Default)]
pub struct OpportunitiesMutation;

#[Object]
impl OpportunitiesMutation {
    /// Creates a deal.
    async fn create_opportunity(
        &self,
        ctx: &Context<'_>,
        input: CreateOpportunityInput,
    ) -> Result<OppyPayload<CreateOpportunity>> {
        payload(op(ctx), None, actions::create(op(ctx), input).await).await
    }

    /// Changes amounts, flags, signing date and category, as long as the client has not signed.
    async fn update_opportunity(
        &self,
        ctx: &Context<'_>,
        input: UpdateOpportunityInput,
    ) -> Result<OppyPayload<UpdateOpportunity>> {
        payload(op(ctx), Some(input.id.0), actions::update(op(ctx), input).await).await
    }

    /// Gives a deal to another delegate.
    async fn reassign_oppy(&self, ctx: &Context<'_>, input: ReassignOppyInput) -> Result<OppyPayload<ReassignOppy>> {
        payload(op(ctx), Some(input.id.0), actions::reassign(op(ctx), input).await).await
    }

    /// Fills in parts of the deal sheet.
    async fn fill_deal_sheet(
        &self,
        ctx: &Context<'_>,
        input: FillDealSheetInput,
    ) -> Result<OppyPayload<FillDealSheet>> {
        payload(op(ctx), Some(input.id.0), actions::fill_deal_sheet(op(ctx), input).await).await
    }

    /// Takes a deal to its next stage, or says everything that is missing.
    async fn advance_oppy(&self, ctx: &Context<'_>, input: AdvanceOppyInput) -> Result<OppyPayload<AdvanceOppy>> {
        payload(op(ctx), Some(input.id.0), actions::advance(op(ctx), input).await).await
    }

    /// Stops a deal: no go, on hold, lost or dismissed.
    async fn stop_oppy(&self, ctx: &Context<'_>, input: StopOppyInput) -> Result<OppyPayload<StopOppy>> {
        payload(op(ctx), Some(input.id.0), actions::stop(op(ctx), input).await).await
    }

    /// Takes up a deal that is on hold, where it was.
    async fn resume_oppy(&self, ctx: &Context<'_>, input: OppyInput) -> Result<OppyPayload<ResumeOppy>> {
        payload(op(ctx), Some(input.id.0), actions::resume(op(ctx), input).await).await
    }

    /// Opens a stopped deal again, where it was.
    async fn reopen_oppy(&self, ctx: &Context<'_>, input: ReasonedOppyInput) -> Result<OppyPayload<ReopenOppy>> {
        payload(op(ctx), Some(input.id.0), actions::reopen(op(ctx), input).await).await
    }

    /// Records that a won deal fell through.
    async fn annul_oppy(&self, ctx: &Context<'_>, input: AnnulOppyInput) -> Result<OppyPayload<AnnulOppy>> {
        payload(op(ctx), Some(input.id.0), actions::annul(op(ctx), input).await).await
    }

    /// Decides Go or No Go on a deal that needs no committee.
    async fn decide_go(&self, ctx: &Context<'_>, input: DecideGoInput) -> Result<OppyPayload<DecideGo>> {
        payload(op(ctx), Some(input.id.0), actions::decide_go(op(ctx), input).await).await
    }

    /// Asks for a committee.
    async fn request_committee(
        &self,
        ctx: &Context<'_>,
        input: ReasonedOppyInput,
    ) -> Result<OppyPayload<RequestCommittee>> {
        payload(op(ctx), Some(input.id.0), actions::request(op(ctx), input).await).await
    }

    /// Accepts the request for a committee, and becomes the deal's engagement manager.
    async fn accept_committee_request(
        &self,
        ctx: &Context<'_>,
        input: OppyInput,
    ) -> Result<OppyPayload<AcceptCommitteeRequest>> {
        payload(op(ctx), Some(input.id.0), actions::accept_request(op(ctx), input).await).await
    }

    /// Declines the request for a committee.
    async fn decline_committee_request(
        &self,
        ctx: &Context<'_>,
        input: ReasonedOppyInput,
    ) -> Result<OppyPayload<DeclineCommitteeRequest>> {
        payload(op(ctx), Some(input.id.0), actions::decline_request(op(ctx), input).await).await
    }

    /// Plans a committee, or moves one that was not held.
    async fn plan_committee(&self, ctx: &Context<'_>, input: PlanCommitteeInput) -> Result<OppyPayload<PlanCommittee>> {
        payload(op(ctx), Some(input.id.0), actions::plan(op(ctx), input).await).await
    }

    /// Writes the minutes of the committee that was planned.
    async fn record_minutes(&self, ctx: &Context<'_>, input: RecordMinutesInput) -> Result<OppyPayload<RecordMinutes>> {
        payload(op(ctx), Some(input.id.0), actions::record_minutes(op(ctx), input).await).await
    }

    /// Records what the committee decided; No Go stops the deal at once.
    async fn record_decision(
        &self,
        ctx: &Context<'_>,
        input: RecordDecisionInput,
    ) -> Result<OppyPayload<RecordDecision>> {
        payload(op(ctx), Some(input.id.0), actions::record_decision(op(ctx), input).await).await
    }

    /// Writes the pitch that prepares the extended committee.
    async fn write_extended_pitch(
        &self,
        ctx: &Context<'_>,
        input: WriteExtendedPitchInput,
    ) -> Result<OppyPayload<WriteExtendedPitch>> {
        payload(op(ctx), Some(input.id.0), actions::write_extended_pitch(op(ctx), input).await).await
    }

    /// Says that a condition of the Go is met.
    async fn meet_condition(&self, ctx: &Context<'_>, input: OppyConditionInput) -> Result<OppyPayload<MeetCondition>> {
        payload(op(ctx), Some(input.id.0), actions::meet_condition(op(ctx), input).await).await
    }

    /// Waives a condition of the Go.
    async fn waive_condition(
        &self,
        ctx: &Context<'_>,
        input: OppyConditionInput,
    ) -> Result<OppyPayload<WaiveCondition>> {
        payload(op(ctx), Some(input.id.0), actions::waive_condition(op(ctx), input).await).await
    }

    /// Names who answers the client.
    async fn name_response_team(
        &self,
        ctx: &Context<'_>,
        input: NameResponseTeamInput,
    ) -> Result<OppyPayload<NameResponseTeam>> {
        payload(op(ctx), Some(input.id.0), actions::name_response_team(op(ctx), input).await).await
    }

    /// Sets until when what is answered.
    async fn set_response_schedule(
        &self,
        ctx: &Context<'_>,
        input: ScheduleInput,
    ) -> Result<OppyPayload<SetResponseSchedule>> {
        payload(op(ctx), Some(input.id.0), actions::set_response_schedule(op(ctx), input).await).await
    }

    /// Names the teams that have to sign the proposal off.
    async fn require_teams(&self, ctx: &Context<'_>, input: RequireTeamsInput) -> Result<OppyPayload<RequireTeams>> {
        payload(op(ctx), Some(input.id.0), actions::require_teams(op(ctx), input).await).await
    }

    /// Declares a part of the proposal ready, or not any more.
    async fn set_deliverable(
        &self,
        ctx: &Context<'_>,
        input: SetDeliverableInput,
    ) -> Result<OppyPayload<SetDeliverable>> {
        payload(op(ctx), Some(input.id.0), actions::set_deliverable(op(ctx), input).await).await
    }

    /// Records a team's sign-off.
    async fn record_sign_off(
        &self,
        ctx: &Context<'_>,
        input: RecordSignOffInput,
    ) -> Result<OppyPayload<RecordSignOff>> {
        payload(op(ctx), Some(input.id.0), actions::record_sign_off(op(ctx), input).await).await
    }

    /// Records the review of the proposal's version in hand.
    async fn record_proposal_review(
        &self,
        ctx: &Context<'_>,
        input: RecordProposalReviewInput,
    ) -> Result<OppyPayload<RecordProposalReview>> {
        payload(op(ctx), Some(input.id.0), actions::record_review(op(ctx), input).await).await
    }

    /// Records that the proposal went to the client, after its review.
    async fn send_proposal(&self, ctx: &Context<'_>, input: SendProposalInput) -> Result<OppyPayload<SendProposal>> {
        payload(op(ctx), Some(input.id.0), actions::send_proposal(op(ctx), input).await).await
    }

    /// Says what is negotiated.
    async fn set_negotiation_kind(
        &self,
        ctx: &Context<'_>,
        input: SetNegotiationKindInput,
    ) -> Result<OppyPayload<SetNegotiationKind>> {
        payload(op(ctx), Some(input.id.0), actions::set_negotiation_kind(op(ctx), input).await).await
    }

    /// Sets the discount; above the owner's level it waits for an agreement.
    async fn set_discount(&self, ctx: &Context<'_>, input: SetDiscountInput) -> Result<OppyPayload<SetDiscount>> {
        payload(op(ctx), Some(input.id.0), actions::set_discount(op(ctx), input).await).await
    }

    /// Agrees to the discount that waits, or refuses it.
    async fn approve_discount(
        &self,
        ctx: &Context<'_>,
        input: ApproveDiscountInput,
    ) -> Result<OppyPayload<ApproveDiscount>> {
        payload(op(ctx), Some(input.id.0), actions::approve_discount(op(ctx), input).await).await
    }

    /// Sets the way back from the signing date.
    async fn set_reverse_schedule(
        &self,
        ctx: &Context<'_>,
        input: ScheduleInput,
    ) -> Result<OppyPayload<SetReverseSchedule>> {
        payload(op(ctx), Some(input.id.0), actions::set_reverse_schedule(op(ctx), input).await).await
    }

    /// Drafts an answer to the client.
    async fn draft_answer(&self, ctx: &Context<'_>, input: DraftAnswerInput) -> Result<OppyPayload<DraftAnswer>> {
        payload(op(ctx), Some(input.id.0), actions::draft_answer(op(ctx), input).await).await
    }

    /// Approves an answer to the client.
    async fn approve_answer(&self, ctx: &Context<'_>, input: AnswerInput) -> Result<OppyPayload<ApproveAnswer>> {
        payload(op(ctx), Some(input.id.0), actions::approve_answer(op(ctx), input).await).await
    }

    /// Records that an approved answer went to the client.
    async fn send_answer(&self, ctx: &Context<'_>, input: AnswerInput) -> Result<OppyPayload<SendAnswer>> {
        payload(op(ctx), Some(input.id.0), actions::send_answer(op(ctx), input).await).await
    }

    /// Records the client's formal agreement, as far as it is known.
    async fn record_client_agreement(
        &self,
        ctx: &Context<'_>,
        input: RecordClientAgreementInput,
    ) -> Result<OppyPayload<RecordClientAgreement>> {
        payload(op(ctx), Some(input.id.0), actions::record_client_agreement(op(ctx), input).await).await
    }

    /// Attaches a document of the contract.
    async fn attach_contract_document(
        &self,
        ctx: &Context<'_>,
        input: AttachContractDocumentInput,
    ) -> Result<OppyPayload<AttachContractDocument>> {
        payload(op(ctx), Some(input.id.0), actions::attach_document(op(ctx), input).await).await
    }

    /// Checks the contract documents; sales administration's acceptance closes the deal.
    async fn check_oppy_documents(
        &self,
        ctx: &Context<'_>,
        input: CheckOppyDocumentsInput,
    ) -> Result<OppyPayload<CheckOppyDocuments>> {
        payload(op(ctx), Some(input.id.0), actions::check_documents(op(ctx), input).await).await
    }

    /// Names who makes the first check where no assistant may.
    async fn name_oppy_checker(
        &self,
        ctx: &Context<'_>,
        input: NameOppyCheckerInput,
    ) -> Result<OppyPayload<NameOppyChecker>> {
        payload(op(ctx), Some(input.id.0), actions::name_checker(op(ctx), input).await).await
    }

    /// Hands the replaced documents in: the next round begins.
    async fn resubmit_oppy_documents(
        &self,
        ctx: &Context<'_>,
        input: OppyInput,
    ) -> Result<OppyPayload<ResubmitOppyDocuments>> {
        payload(op(ctx), Some(input.id.0), actions::resubmit(op(ctx), input).await).await
    }
}
