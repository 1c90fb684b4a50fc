//! The documents that a deal carries: its sheet and what happened in each stage, each written and read
//! whole, under the deal's version.

use chrono::{DateTime, Utc};
use sea_orm::FromJsonQueryResult;
use serde::{Deserialize, Serialize};

use super::{
    CommitteeFunction, CommitteeKind, CommitteeVote, ContactId, Day, DecisionPart, Deliverable, DiscountLevel,
    ForecastCategory, GoDecision, GoRoute, NegotiationKind, OppyDocumentId, OppyStage, PersonId, SizeClass, Team,
    WorkKind,
};

/// Who did something, for whom, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Who.
    pub by: PersonId,
    /// Whom they stood in for.
    pub on_behalf_of: Option<PersonId>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The deal sheet ("fiche affaire"); an empty text is a part that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct DealSheet {
    /// What the client buys, from whom today, at what price.
    pub commercial: String,
    /// How the client is organised and decides.
    pub structural: String,
    /// What the solution has to do.
    pub functional: String,
    /// In what technical surroundings.
    pub technical: String,
    /// The deal in a few sentences.
    pub pitch: String,
}

/// How the Go is come by (P-11): request, meetings, decisions, conditions, and who answers the client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct GoFile {
    /// The committee that was asked for last.
    pub request: Option<CommitteeRequest>,
    /// Every meeting that was planned and not moved, the latest last.
    pub meetings: Vec<Meeting>,
    /// Every Go that was given, the latest last.
    pub gos: Vec<Go>,
    /// The conditions of the latest Go.
    pub conditions: Vec<Condition>,
    /// The pitch that prepares the extended committee.
    pub extended_pitch: Option<String>,
    /// Who answers the client.
    pub response_team: Vec<TeamMember>,
    /// Until when what is answered.
    pub response_schedule: Vec<Milestone>,
}

/// Somebody asked for a committee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitteeRequest {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub asked: Signature,
    /// Who accepted it.
    pub accepted: Option<Signature>,
    /// Who declined it.
    pub declined: Option<Reasoned>,
}

/// Something done for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoned {
    /// Why.
    pub reason: String,
    /// Who did it.
    pub signature: Signature,
}

/// A committee that meets about a deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// Which committee.
    pub committee: CommitteeKind,
    /// On what day.
    pub on: Day,
    /// Who planned it.
    pub planned: Signature,
    /// What was said, and by whom.
    pub minutes: Option<Minutes>,
    /// What was decided.
    pub decision: Option<CommitteeDecision>,
    /// Whether a No Go ended what it led to.
    #[serde(default)]
    pub ended: bool,
}

/// The minutes of a meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minutes {
    /// What was said.
    pub text: String,
    /// Who was there.
    pub attendees: Vec<Attendee>,
    /// Who wrote them.
    pub written: Signature,
}

/// Somebody in a meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// Who.
    pub person: PersonId,
    /// For what they were there.
    pub function: CommitteeFunction,
    /// How they voted, where they did.
    pub vote: Option<CommitteeVote>,
}

/// What a committee decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitteeDecision {
    /// What.
    pub decision: GoDecision,
    /// The size class that the deal had.
    pub class: SizeClass,
    /// A word on it.
    pub comment: Option<String>,
    /// Who recorded it.
    pub decided: Signature,
}

/// A Go: it holds for the class and the road that it was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Go {
    /// The size class that the deal had.
    pub class: SizeClass,
    /// By which road.
    pub route: GoRoute,
    /// The minutes of the regional manager's own decision.
    pub minutes: Option<String>,
    /// Who decided.
    pub decided: Signature,
    /// Whether a No Go ended it.
    #[serde(default)]
    pub ended: bool,
}

/// A condition of a Go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What has to be.
    pub text: String,
    /// Who sees to it.
    pub owner: PersonId,
    /// Until when.
    pub due_on: Day,
    /// Which committee set it.
    pub committee: CommitteeKind,
    /// Who said that it is met.
    pub met: Option<Signature>,
    /// Who waived it, and why.
    pub waived: Option<Reasoned>,
}

/// Somebody who answers the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamMember {
    /// Who.
    pub person: PersonId,
    /// For which team.
    pub team: Team,
}

/// Something that is to be done by a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// What.
    pub name: String,
    /// Until when.
    pub on: Day,
}

/// How the proposal is made and sent (P-12).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct Proposal {
    /// The teams that have to sign off.
    pub required_teams: Vec<Team>,
    /// Those that did.
    pub sign_offs: Vec<SignOff>,
    /// What is ready.
    pub deliverables: Vec<ReadyDeliverable>,
    /// The reviews, the latest last.
    pub reviews: Vec<Review>,
    /// The versions that were sent, the latest last.
    pub sendings: Vec<Sending>,
}

/// A team's word that its part is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOff {
    /// Which team.
    pub team: Team,
    /// Who answers for it.
    pub person: PersonId,
    /// Who recorded it.
    pub recorded: Signature,
}

/// A part of the proposal that is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyDeliverable {
    /// Which.
    pub deliverable: Deliverable,
    /// Where it is, or a word on it.
    pub note: Option<String>,
    /// Who declared it ready.
    pub declared: Signature,
}

/// A review of a version of the proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Of which version, from 1.
    pub version: i32,
    /// On what day.
    pub on: Day,
    /// Who was there.
    pub participants: Vec<PersonId>,
    /// What came out.
    pub comment: Option<String>,
    /// Who recorded it.
    pub recorded: Signature,
}

/// A version of the proposal that went to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// Which version, from 1.
    pub version: i32,
    /// On what day.
    pub on: Day,
    /// To whom.
    pub recipient: String,
    /// Who recorded it.
    pub recorded: Signature,
}

/// How the deal is negotiated (P-13).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct Negotiation {
    /// What is negotiated.
    pub kind: Option<NegotiationKind>,
    /// Discount on the proposal's price, in hundredths of a percent.
    pub discount: i32,
    /// Whose agreement it waits for.
    pub waits_for: Option<DiscountLevel>,
    /// Who asked for that discount last.
    pub asked: Option<Signature>,
    /// The latest agreement to a discount.
    pub agreed: Option<DiscountAgreement>,
    /// The latest refusal of one.
    pub refused: Option<Reasoned>,
    /// The way back from the signing date.
    pub reverse_schedule: Vec<Milestone>,
    /// Answers to the client.
    pub answers: Vec<Answer>,
}

/// Somebody's word for a discount: it covers any lower one of the same size class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscountAgreement {
    /// Hundredths of a percent.
    pub discount: i32,
    /// The size class that the deal had.
    pub class: SizeClass,
    /// At whose level.
    pub level: DiscountLevel,
    /// Who agreed.
    pub agreed: Signature,
}

/// An answer to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Number within the deal, from 1.
    pub number: i32,
    /// What it says.
    pub text: String,
    /// Who drafted it.
    pub drafted: Signature,
    /// Who approved it.
    pub approved: Option<Signature>,
    /// Who sent it.
    pub sent: Option<Signature>,
}

/// The client's formal agreement (P-13), as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct ClientAgreement {
    /// The document.
    pub document: Option<OppyDocumentId>,
    /// The day that it bears.
    pub on: Option<Day>,
    /// Who signed.
    pub signatory: Option<String>,
}

/// The checks of the contract documents (P-14), round by round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct Contract {
    /// The rounds, the latest last.
    pub rounds: Vec<CheckRound>,
    /// Who makes the first check where no assistant may.
    pub checker: Option<PersonId>,
}

/// A round of checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRound {
    /// Number, from 1.
    pub number: i32,
    /// When it began.
    pub opened_at: DateTime<Utc>,
    /// The assistant's check.
    pub first: Option<Signature>,
    /// Sales administration's check.
    pub second: Option<Signature>,
    /// What was declared non-conforming, which ended the round.
    pub refused: Option<NonConformity>,
}

/// A check that found documents wanting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonConformity {
    /// The documents, each with why.
    pub documents: Vec<NonConforming>,
    /// Who declared it.
    pub declared: Signature,
}

/// A document that will not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonConforming {
    /// Which.
    pub document: OppyDocumentId,
    /// Why.
    pub reason: String,
}

/// Why and from where a deal was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Stop {
    /// Code of the reason.
    pub reason: String,
    /// A word on it.
    pub comment: String,
    /// The competitor who won, where known.
    pub competitor: Option<String>,
    /// The stage that the deal was in.
    pub from: OppyStage,
    /// The category that it had.
    pub category: ForecastCategory,
    /// Who stopped it.
    pub stopped: Signature,
    /// Whether it was woken on its day.
    #[serde(default)]
    pub woken: bool,
}

/// Who may act in the name of a function on a deal, as of its last change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct Deciders {
    /// Those who manage its region.
    pub managers: Vec<PersonId>,
    /// Those who make the first check in its delegation.
    pub assistants: Vec<PersonId>,
}

/// Everything that a deal waits for in the queues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Waits(pub Vec<Waiting>);

/// Something that a deal waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// What.
    pub kind: WorkKind,
    /// Whose queue it is in, where it is one person's.
    pub owner: PersonId,
    /// Who may not decide it.
    pub barred: Vec<PersonId>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Who takes part in the client's decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct DecisionContacts(pub Vec<DecisionContact>);

/// A contact of the client's with their part in the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionContact {
    /// Who.
    pub contact: ContactId,
    /// Their part.
    pub part: DecisionPart,
}
