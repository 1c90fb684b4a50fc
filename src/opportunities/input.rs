//! What the mutations on deals are called with.

use ::entity::vocabulary::{
    AccountId, CommitteeFunction, CommitteeKind, CommitteeVote, ContactId, ContractDocument, Day, DecisionPart,
    Deliverable, ForecastCategory, GoDecision, Money, NegotiationKind, OpportunityId, OppyDocumentId, OppyStage,
    PersonId, Team, UploadId,
};
use async_graphql::{InputObject, MaybeUndefined};

use crate::graphql::{
    call::{CallInput, NewCallInput},
    id::IdOf,
    scalars::Percent,
};

/// A deal's flags, each of which asks for more than its amount does.
#[derive(Clone, Debug, Default, InputObject)]
pub struct OppyFlagsInput {
    /// Complex: at least middle.
    pub complex: Option<bool>,
    /// Special bid: large.
    pub special_bid: Option<bool>,
    /// Presales have to invest.
    pub presales_investment: Option<bool>,
    /// Outside of the standard offer.
    pub out_of_standard: Option<bool>,
}

/// A contact of the client's with their part in the decision.
#[derive(Clone, Debug, InputObject)]
pub struct DecisionContactInput {
    /// Who: a contact of the deal's account.
    pub contact: IdOf<ContactId>,
    /// Their part.
    pub part: DecisionPart,
}

/// A new deal.
#[derive(Clone, Debug, InputObject)]
pub struct CreateOpportunityInput {
    /// A title in a few words.
    pub subject: String,
    /// The client.
    pub account: IdOf<AccountId>,
    /// Delegate whose deal it is; the caller where it is not said.
    pub owner: Option<IdOf<PersonId>>,
    /// One-off price.
    pub one_off: Option<Money>,
    /// Recurring price of a year.
    pub recurring: Option<Money>,
    /// Services.
    pub services: Option<Money>,
    /// Day on which the client is expected to sign.
    pub signing_on: Day,
    /// Its flags.
    pub flags: Option<OppyFlagsInput>,
    /// Who takes part in the client's decision, all of them.
    pub contacts: Option<Vec<DecisionContactInput>>,
    #[graphql(flatten)]
    pub call: NewCallInput,
}

/// A change of a deal; what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateOpportunityInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// A title in a few words.
    pub subject: Option<String>,
    /// One-off price; `null` takes it away.
    pub one_off: MaybeUndefined<Money>,
    /// Recurring price of a year; `null` takes it away.
    pub recurring: MaybeUndefined<Money>,
    /// Services; `null` takes them away.
    pub services: MaybeUndefined<Money>,
    /// Day on which the client is expected to sign.
    pub signing_on: Option<Day>,
    /// Its flags.
    pub flags: Option<OppyFlagsInput>,
    /// Who takes part in the client's decision, all of them.
    pub contacts: Option<Vec<DecisionContactInput>>,
    /// How it counts in the forecast.
    pub category: Option<ForecastCategory>,
    /// The one uncertainty left of a best case.
    pub uncertainty: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A deal to act on, with nothing more to say.
#[derive(Clone, Debug, InputObject)]
pub struct OppyInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A new owner.
#[derive(Clone, Debug, InputObject)]
pub struct ReassignOppyInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Delegate whose deal it is from now on.
    pub owner: IdOf<PersonId>,
    /// Why.
    pub reason: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// Parts of the deal sheet; what is left out stays, an empty text empties a part.
#[derive(Clone, Debug, InputObject)]
pub struct FillDealSheetInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What the client buys, from whom today, at what price.
    pub commercial: Option<String>,
    /// How the client is organised and decides.
    pub structural: Option<String>,
    /// What the solution has to do.
    pub functional: Option<String>,
    /// In what technical surroundings.
    pub technical: Option<String>,
    /// The deal in a few sentences.
    pub pitch: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A step to the next stage.
#[derive(Clone, Debug, InputObject)]
pub struct AdvanceOppyInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// The stage that it should come to: the next one, which is meant where it is left out.
    pub stage: Option<OppyStage>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A stop.
#[derive(Clone, Debug, InputObject)]
pub struct StopOppyInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// How: `NO_GO`, `ON_HOLD`, `LOST` or `DISMISSED`.
    pub stage: OppyStage,
    /// Code of the reason, from the playbook's list.
    pub reason: Option<String>,
    /// A word on it.
    pub comment: Option<String>,
    /// The competitor who won, where known.
    pub competitor: Option<String>,
    /// On hold: the day on which it goes on its owner's queue, later than today.
    pub wake_up_on: Option<Day>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// Something done for a reason.
#[derive(Clone, Debug, InputObject)]
pub struct ReasonedOppyInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Why.
    pub reason: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A won deal that fell through.
#[derive(Clone, Debug, InputObject)]
pub struct AnnulOppyInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Why.
    pub reason: Option<String>,
    /// The document that says so, sent with `createUpload`.
    pub upload: IdOf<UploadId>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// The regional manager's own decision.
#[derive(Clone, Debug, InputObject)]
pub struct DecideGoInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// `GO` or `NO_GO`.
    pub decision: GoDecision,
    /// What was said.
    pub minutes: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A meeting to be planned.
#[derive(Clone, Debug, InputObject)]
pub struct PlanCommitteeInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Which committee.
    pub committee: CommitteeKind,
    /// On what day.
    pub on: Day,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// Somebody in a committee.
#[derive(Clone, Debug, InputObject)]
pub struct AttendeeInput {
    /// Who.
    pub person: IdOf<PersonId>,
    /// For what they were there.
    pub function: CommitteeFunction,
    /// How they voted, where they did.
    pub vote: Option<CommitteeVote>,
}

/// The minutes of the committee that was planned last.
#[derive(Clone, Debug, InputObject)]
pub struct RecordMinutesInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What was said.
    pub minutes: Option<String>,
    /// Who was there.
    pub attendees: Vec<AttendeeInput>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A condition of a Go.
#[derive(Clone, Debug, InputObject)]
pub struct ConditionInput {
    /// What has to be.
    pub text: String,
    /// Who sees to it.
    pub owner: Option<IdOf<PersonId>>,
    /// Until when.
    pub due_on: Option<Day>,
}

/// The decision of the committee that was planned last.
#[derive(Clone, Debug, InputObject)]
pub struct RecordDecisionInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What was decided.
    pub decision: GoDecision,
    /// A word on it.
    pub comment: Option<String>,
    /// The conditions of a Go with conditions.
    #[graphql(default)]
    pub conditions: Vec<ConditionInput>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// The pitch for the extended committee.
#[derive(Clone, Debug, InputObject)]
pub struct WriteExtendedPitchInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What it says.
    pub pitch: String,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A condition that is met, or waived.
#[derive(Clone, Debug, InputObject)]
pub struct OppyConditionInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Number of the condition, from 1.
    pub condition: i32,
    /// Why; needed to waive it.
    pub reason: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// Somebody who answers the client.
#[derive(Clone, Debug, InputObject)]
pub struct TeamMemberInput {
    /// Who.
    pub person: IdOf<PersonId>,
    /// For which team.
    pub team: Team,
}

/// The response team, whole.
#[derive(Clone, Debug, InputObject)]
pub struct NameResponseTeamInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Who answers the client.
    pub members: Vec<TeamMemberInput>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// Something that is to be done by a day.
#[derive(Clone, Debug, InputObject)]
pub struct MilestoneInput {
    /// What.
    pub name: String,
    /// Until when.
    pub on: Day,
}

/// A schedule, whole.
#[derive(Clone, Debug, InputObject)]
pub struct ScheduleInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What is to be done by when.
    pub milestones: Vec<MilestoneInput>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// The teams that have to sign off, whole.
#[derive(Clone, Debug, InputObject)]
pub struct RequireTeamsInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Which teams.
    pub teams: Vec<Team>,
    /// Why; needed to take one away.
    pub reason: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A part of the proposal.
#[derive(Clone, Debug, InputObject)]
pub struct SetDeliverableInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Which part.
    pub deliverable: Deliverable,
    /// Whether it is ready.
    pub ready: bool,
    /// Where it is, or a word on it.
    pub note: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A team's sign-off.
#[derive(Clone, Debug, InputObject)]
pub struct RecordSignOffInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Which team.
    pub team: Team,
    /// Who answers for it.
    pub person: IdOf<PersonId>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A review of the proposal's version in hand.
#[derive(Clone, Debug, InputObject)]
pub struct RecordProposalReviewInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// On what day; not in the future.
    pub on: Day,
    /// Who was there.
    pub participants: Vec<IdOf<PersonId>>,
    /// What came out.
    pub comment: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// The sending of the proposal's version in hand.
#[derive(Clone, Debug, InputObject)]
pub struct SendProposalInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// On what day; not in the future.
    pub on: Day,
    /// To whom.
    pub recipient: String,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// What is negotiated.
#[derive(Clone, Debug, InputObject)]
pub struct SetNegotiationKindInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What.
    pub kind: NegotiationKind,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A discount.
#[derive(Clone, Debug, InputObject)]
pub struct SetDiscountInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// On the proposal's price.
    pub discount: Percent,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A word on the discount that waits.
#[derive(Clone, Debug, InputObject)]
pub struct ApproveDiscountInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Whether it is agreed to; a refusal resets it to nothing.
    pub agree: bool,
    /// Why; needed to refuse.
    pub reason: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// An answer to the client.
#[derive(Clone, Debug, InputObject)]
pub struct DraftAnswerInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What it says.
    pub text: String,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// An answer to approve or to send.
#[derive(Clone, Debug, InputObject)]
pub struct AnswerInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Number of the answer, from 1.
    pub answer: i32,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// The client's formal agreement; what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct RecordClientAgreementInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// The document, sent with `createUpload`.
    pub upload: Option<IdOf<UploadId>>,
    /// The day that it bears; not in the future.
    pub on: Option<Day>,
    /// Who signed.
    pub signatory: Option<String>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A document of the contract.
#[derive(Clone, Debug, InputObject)]
pub struct AttachContractDocumentInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// What it is.
    pub kind: ContractDocument,
    /// The file, sent with `createUpload`.
    pub upload: IdOf<UploadId>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// A document that will not do.
#[derive(Clone, Debug, InputObject)]
pub struct NonConformingInput {
    /// Which.
    pub document: IdOf<OppyDocumentId>,
    /// Why.
    pub reason: String,
}

/// A check of the documents, at whichever step of the round the deal is.
#[derive(Clone, Debug, InputObject)]
pub struct CheckOppyDocumentsInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Whether all conform; the second check's acceptance closes the deal.
    pub conform: bool,
    /// Those that do not, each with why.
    #[graphql(default)]
    pub non_conforming: Vec<NonConformingInput>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// Who makes the first check where no assistant may.
#[derive(Clone, Debug, InputObject)]
pub struct NameOppyCheckerInput {
    /// The deal.
    pub id: IdOf<OpportunityId>,
    /// Who.
    pub person: IdOf<PersonId>,
    #[graphql(flatten)]
    pub call: CallInput,
}
