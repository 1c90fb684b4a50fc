//! Why something about a deal is refused.

use ::entity::vocabulary::{
    CommitteeFunction, CommitteeKind, ContractDocument, Day, Deliverable, DiscountLevel, ForecastCategory, Money,
    OppyStage, SheetPart, Team,
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{committee::Obstacle, labels};
use crate::{
    action::Common,
    both,
    i18n::Text,
    refusal::{self, Details},
    workflow::Misstep,
};

/// A path into the input.
pub type Path = Vec<String>;

/// A path into the input from its words.
#[must_use]
pub fn path(words: &[&str]) -> Path {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Something that is missing at a gate (P-10 to P-14).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    /// P-10.
    AccountSiret,
    /// P-10.
    AccountAddress,
    /// P-10.
    AccountSector,
    /// P-10.
    SheetPart(SheetPart),
    /// P-10.
    Pitch,
    /// P-1.
    SizeClass,
    /// P-11.
    RrGo,
    /// P-11.
    GoStale,
    /// P-11.
    CommitteeRequest,
    /// P-11.
    CommitteeRequestAcceptance,
    /// P-11.
    RestrictedMeeting,
    /// P-11.
    RestrictedMinutes,
    /// P-11.
    RestrictedDecision,
    /// P-11.
    ExtendedPitch,
    /// P-11.
    ExtendedMeeting,
    /// P-11.
    ExtendedMinutes,
    /// P-11.
    ExtendedDecision,
    /// P-11.
    ResponseTeam,
    /// P-11.
    ResponseSchedule,
    /// P-12.
    Deliverable(Deliverable),
    /// P-12.
    RequiredTeams,
    /// P-12.
    SignOff(Team),
    /// P-12.
    ProposalReview {
        /// Of which version.
        version: i32,
    },
    /// P-12.
    ProposalNotSent,
    /// P-13.
    ClientAgreementDocument,
    /// P-13.
    ClientAgreementDate,
    /// P-13.
    ClientAgreementSignatory,
    /// P-13.
    NegotiationKind,
    /// P-13.
    DiscountAgreement {
        /// Whose.
        level: DiscountLevel,
        /// To what, in hundredths of a percent.
        discount: i32,
    },
    /// P-13.
    ReverseSchedule,
    /// P-13.
    ReverseScheduleBeyondSigning {
        /// The milestone.
        name: String,
        /// Its day.
        on: Day,
        /// The signing date.
        signing_on: NaiveDate,
    },
    /// P-14.
    Document(ContractDocument),
    /// P-14.
    ConformingDocument(ContractDocument),
    /// P-14.
    FirstCheck,
    /// P-14.
    SecondCheck,
}

impl Missing {
    const fn code(&self) -> &'static str {
        match self {
            Self::AccountSiret => "ACCOUNT_SIRET_MISSING",
            Self::AccountAddress => "ACCOUNT_ADDRESS_MISSING",
            Self::AccountSector => "ACCOUNT_SECTOR_MISSING",
            Self::SheetPart(_) => "SHEET_PART_MISSING",
            Self::Pitch => "PITCH_MISSING",
            Self::SizeClass => "SIZE_CLASS_UNKNOWN",
            Self::RrGo => "RR_GO_MISSING",
            Self::GoStale => "GO_STALE",
            Self::CommitteeRequest => "COMMITTEE_REQUEST_MISSING",
            Self::CommitteeRequestAcceptance => "COMMITTEE_REQUEST_NOT_ACCEPTED",
            Self::RestrictedMeeting => "RESTRICTED_MEETING_MISSING",
            Self::RestrictedMinutes => "RESTRICTED_MINUTES_MISSING",
            Self::RestrictedDecision => "RESTRICTED_DECISION_MISSING",
            Self::ExtendedPitch => "EXTENDED_PITCH_MISSING",
            Self::ExtendedMeeting => "EXTENDED_MEETING_MISSING",
            Self::ExtendedMinutes => "EXTENDED_MINUTES_MISSING",
            Self::ExtendedDecision => "EXTENDED_DECISION_MISSING",
            Self::ResponseTeam => "RESPONSE_TEAM_MISSING",
            Self::ResponseSchedule => "RESPONSE_SCHEDULE_MISSING",
            Self::Deliverable(_) => "DELIVERABLE_MISSING",
            Self::RequiredTeams => "REQUIRED_TEAMS_NOT_NAMED",
            Self::SignOff(_) => "SIGN_OFF_MISSING",
            Self::ProposalReview { .. } => "PROPOSAL_REVIEW_MISSING",
            Self::ProposalNotSent => "PROPOSAL_NOT_SENT",
            Self::ClientAgreementDocument => "CLIENT_AGREEMENT_DOCUMENT_MISSING",
            Self::ClientAgreementDate => "CLIENT_AGREEMENT_DATE_MISSING",
            Self::ClientAgreementSignatory => "CLIENT_AGREEMENT_SIGNATORY_MISSING",
            Self::NegotiationKind => "NEGOTIATION_KIND_MISSING",
            Self::DiscountAgreement { .. } => "DISCOUNT_NOT_AGREED",
            Self::ReverseSchedule => "REVERSE_SCHEDULE_MISSING",
            Self::ReverseScheduleBeyondSigning { .. } => "REVERSE_SCHEDULE_BEYOND_SIGNING",
            Self::Document(_) => "DOCUMENT_MISSING",
            Self::ConformingDocument(_) => "DOCUMENT_NON_CONFORMING",
            Self::FirstCheck => "FIRST_CHECK_MISSING",
            Self::SecondCheck => "SECOND_CHECK_MISSING",
        }
    }

    /// Which of several it is, as the client knows it.
    fn item(&self) -> Option<String> {
        match self {
            Self::SheetPart(part) => Some(part.code().to_owned()),
            Self::Deliverable(part) => Some(part.code().to_owned()),
            Self::SignOff(team) => Some(team.code().to_owned()),
            Self::DiscountAgreement { level, .. } => Some(level.code().to_owned()),
            Self::Document(kind) | Self::ConformingDocument(kind) => Some(kind.code().to_owned()),
            Self::ReverseScheduleBeyondSigning { name, .. } => Some(name.clone()),
            _others => None,
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::AccountSiret
            | Self::AccountAddress
            | Self::AccountSector
            | Self::SheetPart(_)
            | Self::Pitch
            | Self::SizeClass => self.qualification_text(),
            Self::Deliverable(_)
            | Self::RequiredTeams
            | Self::SignOff(_)
            | Self::ProposalReview { .. }
            | Self::ProposalNotSent => self.proposal_text(),
            Self::ClientAgreementDocument
            | Self::ClientAgreementDate
            | Self::ClientAgreementSignatory
            | Self::NegotiationKind
            | Self::DiscountAgreement { .. }
            | Self::ReverseSchedule
            | Self::ReverseScheduleBeyondSigning { .. } => self.negotiation_text(),
            Self::Document(_) | Self::ConformingDocument(_) | Self::FirstCheck | Self::SecondCheck => {
                self.contract_text()
            }
            _go => self.go_text(),
        }
    }

    fn qualification_text(&self) -> Text {
        match self {
            Self::AccountSiret => both!(
                "Le compte n'a pas de SIRET : complétez un de ses sites.",
                "The account has no SIRET number: complete one of its sites."
            ),
            Self::AccountAddress => both!(
                "Le compte n'a pas d'adresse : complétez un de ses sites.",
                "The account has no address: complete one of its sites."
            ),
            Self::AccountSector => {
                both!("Le secteur d'activité du compte manque.", "The account's sector of activity is missing.")
            }
            Self::SheetPart(part) => {
                let (fr, en) = labels::sheet_part(*part);
                both!("La partie {fr} de la fiche affaire est vide.", "The {en} part of the deal sheet is empty.")
            }
            Self::Pitch => both!("Le pitch de l'affaire manque.", "The deal's pitch is missing."),
            _class => both!(
                "La taille de l'affaire est inconnue : saisissez un montant.",
                "The deal's size is unknown: enter an amount."
            ),
        }
    }

    fn go_text(&self) -> Text {
        match self {
            Self::RrGo => both!("Le Go du responsable régional manque.", "The regional manager's Go is missing."),
            Self::GoStale => both!(
                "Le Go a été donné pour une autre taille ou par un comité qui ne suffit plus : il faut décider à nouveau.",
                "The Go was given for another size, or by a road that is not enough any more: it has to be decided again."
            ),
            Self::CommitteeRequest => both!("Le comité n'est pas demandé.", "The committee was not asked for."),
            Self::CommitteeRequestAcceptance => both!(
                "La demande de comité n'est pas acceptée par l'engagement manager ou l'administration des ventes.",
                "The request for a committee is not accepted by the engagement manager or sales administration."
            ),
            Self::RestrictedMeeting => {
                both!("La réunion du comité restreint n'est pas planifiée.", "The restricted committee is not planned.")
            }
            Self::RestrictedMinutes => both!(
                "Le compte rendu du comité restreint manque.",
                "The minutes of the restricted committee are missing."
            ),
            Self::RestrictedDecision => {
                both!("La décision du comité restreint manque.", "The decision of the restricted committee is missing.")
            }
            Self::ExtendedPitch => both!(
                "Le pitch étendu qui prépare le comité élargi manque.",
                "The extended pitch that prepares the extended committee is missing."
            ),
            Self::ExtendedMeeting => {
                both!("La réunion du comité élargi n'est pas planifiée.", "The extended committee is not planned.")
            }
            Self::ExtendedMinutes => {
                both!("Le compte rendu du comité élargi manque.", "The minutes of the extended committee are missing.")
            }
            Self::ExtendedDecision => {
                both!("La décision du comité élargi manque.", "The decision of the extended committee is missing.")
            }
            Self::ResponseTeam => both!("L'équipe de réponse n'est pas nommée.", "The response team is not named."),
            _schedule => both!(
                "Le planning de réponse manque : au moins un jalon.",
                "The response schedule is missing: at least one milestone."
            ),
        }
    }

    fn proposal_text(&self) -> Text {
        match self {
            Self::Deliverable(part) => {
                let (fr, en) = labels::deliverable(*part);
                both!("Livrable à préparer : {fr}.", "Deliverable to be made ready: {en}.")
            }
            Self::RequiredTeams => both!(
                "Les équipes requises ne sont pas nommées : au moins une.",
                "The required teams are not named: at least one."
            ),
            Self::SignOff(team) => {
                let (fr, en) = labels::team(*team);
                both!("L'accord de l'équipe {fr} manque.", "The sign-off of the {en} team is missing.")
            }
            Self::ProposalReview { version } => both!(
                "La version {version} de la proposition n'a pas eu sa revue.",
                "Version {version} of the proposal has not had its review."
            ),
            _sending => {
                both!("La proposition n'est pas envoyée au client.", "The proposal was not sent to the client.")
            }
        }
    }

    fn negotiation_text(&self) -> Text {
        match self {
            Self::ClientAgreementDocument => {
                both!("Le document de l'accord formel du client manque.", "The client's formal agreement is missing.")
            }
            Self::ClientAgreementDate => {
                both!("La date de l'accord du client manque.", "The date of the client's agreement is missing.")
            }
            Self::ClientAgreementSignatory => both!(
                "Le signataire de l'accord du client manque.",
                "The signatory of the client's agreement is missing."
            ),
            Self::NegotiationKind => {
                both!("Le type de négociation n'est pas choisi.", "The kind of negotiation is not chosen.")
            }
            Self::DiscountAgreement { level, discount } => {
                let ((fr, en), percent) = (labels::level(*level), labels::percent(*discount));
                both!(
                    "La remise de {percent} % attend l'accord : {fr}.",
                    "The discount of {percent} % waits for the agreement of the {en}."
                )
            }
            Self::ReverseSchedule => both!(
                "Le rétroplanning manque : au moins un jalon.",
                "The reverse schedule is missing: at least one milestone."
            ),
            Self::ReverseScheduleBeyondSigning { name, on, signing_on } => both!(
                "Le jalon « {name} » du {on} dépasse la date de signature prévue, le {signing_on}.",
                "The milestone \"{name}\" on {on} lies behind the expected signing date, {signing_on}."
            ),
            _others => both!("Il manque quelque chose.", "Something is missing."),
        }
    }

    fn contract_text(&self) -> Text {
        match self {
            Self::Document(kind) => {
                let (fr, en) = labels::document(*kind);
                both!("Document à joindre : {fr}.", "Document to be attached: {en}.")
            }
            Self::ConformingDocument(kind) => {
                let (fr, en) = labels::document(*kind);
                both!("Document non conforme à remplacer : {fr}.", "Non-conforming document to be replaced: {en}.")
            }
            Self::FirstCheck => both!(
                "Le contrôle des documents par l'assistant commercial manque.",
                "The sales assistant's check of the documents is missing."
            ),
            _second => both!(
                "Le contrôle des documents par l'administration des ventes manque ; c'est lui qui clôt l'affaire.",
                "Sales administration's check of the documents is missing; it is what closes the deal."
            ),
        }
    }
}

/// A refusal of this context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What every context can refuse.
    Common(Common),
    /// The caller may do this to other deals, not to this one (`availableActions`).
    Forbidden,
    /// The stage does not allow the action.
    WrongStage {
        /// Where the deal stands.
        stage: OppyStage,
        /// Where it would have to.
        allowed: Vec<OppyStage>,
    },
    /// The action is due, but at another's step.
    NotYourStep {
        /// Where the deal stands.
        stage: OppyStage,
    },
    /// The agreement is another's to give.
    NotYourLevel {
        /// Whose.
        level: DiscountLevel,
    },
    /// Segregation of duties.
    OwnOpportunity,
    /// The two checks of a round are by two persons.
    SamePersonChecked,
    /// P-10 to P-14.
    Missing(Missing),
    /// P-2.
    DealStopped {
        /// How.
        stage: OppyStage,
    },
    /// P-2.
    DealClosed,
    /// The client has signed: nothing of the deal's substance changes any more.
    DealSigned,
    /// P-2.
    StageNotNext {
        /// The one that is next.
        next: Option<OppyStage>,
    },
    /// P-2.
    StopNotAllowedAtStage {
        /// Which could be reached.
        allowed: Vec<OppyStage>,
    },
    /// P-2.
    NotOnHold,
    /// P-2.
    NotReopenable,
    /// P-2.
    ReasonMissing,
    /// P-2.
    ReasonNotInList {
        /// The list.
        allowed: Vec<String>,
    },
    /// P-2.
    CommentMissing,
    /// P-2.
    WakeUpDateMissing {
        /// The first day that would do.
        earliest: NaiveDate,
    },
    /// P-4.
    CategorySetByServer,
    /// P-4.
    CategoryNotAllowedAtStage {
        /// Those that are.
        allowed: Vec<ForecastCategory>,
    },
    /// P-4.
    UncertaintyMissing,
    /// An amount is negative or too large.
    AmountInvalid {
        /// Which.
        field: Path,
        /// The most it may be.
        at_most: Option<Money>,
    },
    /// A text that has to be there.
    TextMissing {
        /// Which.
        field: Path,
    },
    /// A day that has not come.
    DateInFuture {
        /// Which.
        field: Path,
        /// Today.
        today: NaiveDate,
    },
    /// A list is too long.
    TooMany {
        /// Which.
        field: Path,
        /// The most.
        most: usize,
    },
    /// P-11: the Go is a committee's to give.
    CommitteeRequired,
    /// P-11: somebody asked already.
    AlreadyRequested,
    /// P-11.
    MinutesMissing,
    /// P-11.
    DecisionNotPossible,
    /// P-11.
    CommitteeDay {
        /// What is in the way.
        obstacle: Obstacle,
        /// Which committee.
        committee: CommitteeKind,
        /// The next days on which it may meet.
        next: Vec<NaiveDate>,
    },
    /// P-11.
    ExtendedNotDue,
    /// P-11.
    MeetingNotHeld {
        /// When it is.
        on: Day,
    },
    /// P-11.
    QuorumMissing {
        /// Who was not there.
        functions: Vec<CommitteeFunction>,
        /// How many have to be.
        people: i32,
    },
    /// Decided before.
    AlreadyDecided,
    /// P-11.
    ConditionsMissing,
    /// P-11.
    ConditionOwnerMissing {
        /// Which condition, from 0.
        place: usize,
    },
    /// P-11.
    ConditionDateMissing {
        /// Which condition, from 0.
        place: usize,
    },
    /// P-12.
    ConditionOpen {
        /// Its number, from 1.
        number: usize,
        /// What it says.
        text: String,
        /// Until when.
        due_on: Day,
    },
    /// There is no such condition that is open.
    ConditionNotOpen,
    /// There is no such answer that waits.
    AnswerNotWaiting,
    /// P-13.
    AnswerNotApproved,
    /// P-13.
    NothingToAgree,
    /// P-12: teams that the playbook forces.
    TeamForced {
        /// Which.
        teams: Vec<Team>,
    },
    /// P-14: sales administration checks at this moment.
    DocumentsBeingChecked,
    /// P-14.
    NonConformingMissing,
    /// There is no such document in force on the deal.
    DocumentUnknown {
        /// Which of the list, from 0.
        place: usize,
    },
    /// P-14.
    WaitingForOwner,
    /// P-14: an assistant may still make the first check.
    AssistantMayCheck,
    /// The person cannot do that.
    PersonNotAble {
        /// Where they are named.
        field: Path,
    },
    /// The file cannot be attached.
    FileRequired,
}

impl From<Common> for Refusal {
    fn from(common: Common) -> Self {
        Self::Common(common)
    }
}

impl From<Missing> for Refusal {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Misstep<OppyStage>> for Refusal {
    fn from(misstep: Misstep<OppyStage>) -> Self {
        match misstep {
            Misstep::Forbidden => Self::Forbidden,
            Misstep::WrongStatus { status, allowed } => Self::WrongStage { stage: status, allowed },
            Misstep::NotYourStep { status } => Self::NotYourStep { stage: status },
        }
    }
}

impl refusal::Refusal for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Common(common) => common.code(),
            Self::Missing(missing) => missing.code(),
            Self::Forbidden => "FORBIDDEN",
            Self::WrongStage { .. } => "WRONG_STAGE",
            Self::NotYourStep { .. } => "NOT_YOUR_STEP",
            Self::NotYourLevel { .. } => "NOT_YOUR_LEVEL",
            Self::OwnOpportunity => "OWN_OPPORTUNITY",
            Self::SamePersonChecked => "SAME_PERSON_CHECKED",
            Self::DealStopped { .. } => "DEAL_STOPPED",
            Self::DealClosed => "DEAL_CLOSED",
            Self::DealSigned => "DEAL_SIGNED",
            Self::StageNotNext { .. } => "STAGE_NOT_NEXT",
            Self::StopNotAllowedAtStage { .. } => "STOP_NOT_ALLOWED_AT_STAGE",
            Self::NotOnHold => "NOT_ON_HOLD",
            Self::NotReopenable => "NOT_REOPENABLE",
            Self::ReasonMissing => "REASON_MISSING",
            Self::ReasonNotInList { .. } => "REASON_NOT_IN_LIST",
            Self::CommentMissing => "COMMENT_MISSING",
            Self::WakeUpDateMissing { .. } => "WAKE_UP_DATE_MISSING",
            Self::CategorySetByServer => "CATEGORY_SET_BY_SERVER",
            Self::CategoryNotAllowedAtStage { .. } => "CATEGORY_NOT_ALLOWED_AT_STAGE",
            Self::UncertaintyMissing => "UNCERTAINTY_MISSING",
            Self::AmountInvalid { .. } => "AMOUNT_INVALID",
            Self::TextMissing { .. } => "TEXT_MISSING",
            Self::DateInFuture { .. } => "DATE_IN_FUTURE",
            Self::TooMany { .. } => "TOO_MANY",
            Self::CommitteeRequired => "COMMITTEE_REQUIRED",
            Self::AlreadyRequested => "ALREADY_REQUESTED",
            Self::MinutesMissing => "MINUTES_MISSING",
            Self::DecisionNotPossible => "DECISION_NOT_POSSIBLE",
            Self::CommitteeDay { obstacle: Obstacle::Weekday, .. } => "COMMITTEE_DAY_NOT_ALLOWED",
            Self::CommitteeDay { obstacle: Obstacle::Holiday, .. } => "COMMITTEE_DAY_HOLIDAY",
            Self::CommitteeDay { obstacle: Obstacle::Past, .. } => "COMMITTEE_DAY_PAST",
            Self::ExtendedNotDue => "EXTENDED_NOT_DUE",
            Self::MeetingNotHeld { .. } => "MEETING_NOT_HELD",
            Self::QuorumMissing { .. } => "QUORUM_MISSING",
            Self::AlreadyDecided => "ALREADY_DECIDED",
            Self::ConditionsMissing => "CONDITIONS_MISSING",
            Self::ConditionOwnerMissing { .. } => "CONDITION_OWNER_MISSING",
            Self::ConditionDateMissing { .. } => "CONDITION_DATE_MISSING",
            Self::ConditionOpen { .. } => "CONDITION_OPEN",
            Self::ConditionNotOpen => "CONDITION_NOT_OPEN",
            Self::AnswerNotWaiting => "ANSWER_NOT_WAITING",
            Self::AnswerNotApproved => "ANSWER_NOT_APPROVED",
            Self::NothingToAgree => "NOTHING_TO_AGREE",
            Self::TeamForced { .. } => "TEAM_FORCED",
            Self::DocumentsBeingChecked => "DOCUMENTS_BEING_CHECKED",
            Self::NonConformingMissing => "NON_CONFORMING_MISSING",
            Self::DocumentUnknown { .. } => "DOCUMENT_UNKNOWN",
            Self::WaitingForOwner => "WAITING_FOR_OWNER",
            Self::AssistantMayCheck => "ASSISTANT_MAY_CHECK",
            Self::PersonNotAble { .. } => "PERSON_NOT_ABLE",
            Self::FileRequired => "FILE_REQUIRED",
        }
    }

    fn field(&self) -> Path {
        match self {
            Self::Common(common) => path(&[common.field()]),
            Self::AmountInvalid { field, .. }
            | Self::TextMissing { field }
            | Self::DateInFuture { field, .. }
            | Self::TooMany { field, .. }
            | Self::PersonNotAble { field } => field.clone(),
            Self::StageNotNext { .. } | Self::StopNotAllowedAtStage { .. } => path(&["stage"]),
            Self::ReasonMissing | Self::ReasonNotInList { .. } => path(&["reason"]),
            Self::CommentMissing => path(&["comment"]),
            Self::WakeUpDateMissing { .. } => path(&["wakeUpOn"]),
            Self::CategorySetByServer | Self::CategoryNotAllowedAtStage { .. } => path(&["category"]),
            Self::UncertaintyMissing => path(&["uncertainty"]),
            Self::MinutesMissing => path(&["minutes"]),
            Self::DecisionNotPossible => path(&["decision"]),
            Self::CommitteeDay { .. } => path(&["on"]),
            Self::ExtendedNotDue => path(&["committee"]),
            Self::QuorumMissing { .. } => path(&["attendees"]),
            Self::ConditionsMissing => path(&["conditions"]),
            Self::ConditionOwnerMissing { place } => path(&["conditions", &place.to_string(), "owner"]),
            Self::ConditionDateMissing { place } => path(&["conditions", &place.to_string(), "dueOn"]),
            Self::ConditionNotOpen => path(&["condition"]),
            Self::AnswerNotWaiting | Self::AnswerNotApproved => path(&["answer"]),
            Self::TeamForced { .. } => path(&["teams"]),
            Self::NonConformingMissing => path(&["nonConforming"]),
            Self::DocumentUnknown { place } => path(&["nonConforming", &place.to_string(), "document"]),
            Self::FileRequired => path(&["upload"]),
            _whole => Path::new(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Common(common) => common.text(),
            Self::Missing(missing) => missing.text(),
            Self::Forbidden
            | Self::WrongStage { .. }
            | Self::NotYourStep { .. }
            | Self::NotYourLevel { .. }
            | Self::OwnOpportunity
            | Self::SamePersonChecked => self.access_text(),
            Self::DealStopped { .. }
            | Self::DealClosed
            | Self::DealSigned
            | Self::StageNotNext { .. }
            | Self::StopNotAllowedAtStage { .. }
            | Self::NotOnHold
            | Self::NotReopenable
            | Self::ReasonMissing
            | Self::ReasonNotInList { .. }
            | Self::CommentMissing
            | Self::WakeUpDateMissing { .. } => self.stage_text(),
            Self::CategorySetByServer
            | Self::CategoryNotAllowedAtStage { .. }
            | Self::UncertaintyMissing
            | Self::AmountInvalid { .. }
            | Self::TextMissing { .. }
            | Self::DateInFuture { .. }
            | Self::TooMany { .. }
            | Self::PersonNotAble { .. }
            | Self::FileRequired => self.input_text(),
            Self::CommitteeRequired
            | Self::AlreadyRequested
            | Self::MinutesMissing
            | Self::DecisionNotPossible
            | Self::CommitteeDay { .. }
            | Self::ExtendedNotDue
            | Self::MeetingNotHeld { .. }
            | Self::QuorumMissing { .. }
            | Self::AlreadyDecided => self.committee_text(),
            _others => self.work_text(),
        }
    }

    fn details(&self) -> Details {
        let codes = |codes: Vec<&'static str>| codes.into_iter().map(str::to_owned).collect();
        let items = match self {
            Self::Missing(missing) => missing.item().into_iter().collect(),
            Self::WrongStage { allowed, .. } | Self::StopNotAllowedAtStage { allowed } => {
                codes(allowed.iter().map(|stage| stage.code()).collect())
            }
            Self::StageNotNext { next } => codes(next.iter().map(|stage| stage.code()).collect()),
            Self::NotYourLevel { level } => codes(vec![level.code()]),
            Self::ReasonNotInList { allowed } => allowed.clone(),
            Self::CategoryNotAllowedAtStage { allowed } => codes(allowed.iter().map(|c| c.code()).collect()),
            Self::CommitteeDay { next, .. } => next.iter().map(ToString::to_string).collect(),
            Self::QuorumMissing { functions, .. } => codes(functions.iter().map(|f| f.code()).collect()),
            Self::ConditionOpen { number, .. } => vec![number.to_string()],
            Self::TeamForced { teams } => codes(teams.iter().map(|team| team.code()).collect()),
            _others => Vec::new(),
        };
        let available = match self {
            Self::AmountInvalid { at_most, .. } => *at_most,
            _others => None,
        };
        Details { items, available, ..Details::default() }
    }
}

impl Refusal {
    fn access_text(&self) -> Text {
        match self {
            Self::Forbidden => {
                both!("Vous ne pouvez pas faire cela sur cette affaire.", "You may not do this to this deal.")
            }
            Self::WrongStage { stage, allowed } => {
                let ((fr, en), (fr_allowed, en_allowed)) = (labels::stage(*stage), labels::stages(allowed));
                both!(
                    "L'affaire est à l'étape « {fr} » ; cette action n'est possible qu'aux étapes : {fr_allowed}.",
                    "The deal is in the stage \"{en}\"; this action is possible only in: {en_allowed}."
                )
            }
            Self::NotYourStep { stage } => {
                let (fr, en) = labels::stage(*stage);
                both!(
                    "À l'étape « {fr} », cette action revient à quelqu'un d'autre.",
                    "In the stage \"{en}\" this action is somebody else's."
                )
            }
            Self::NotYourLevel { level } => {
                let (fr, en) = labels::level(*level);
                both!(
                    "Cette remise dépasse votre niveau : l'accord revient à : {fr}.",
                    "This discount is above your level: it takes the agreement of the {en}."
                )
            }
            Self::OwnOpportunity => both!(
                "Vous ne pouvez pas décider d'une affaire ou d'une demande qui est la vôtre, ou celle de la personne que vous remplacez.",
                "You cannot decide on a deal or a request that is your own, or that of the person for whom you stand in."
            ),
            _same => both!(
                "Les deux contrôles d'un même tour sont faits par deux personnes différentes.",
                "The two checks of a round are made by two persons."
            ),
        }
    }

    fn stage_text(&self) -> Text {
        match self {
            Self::DealStopped { stage } => {
                let (fr, en) = labels::stage(*stage);
                both!(
                    "L'affaire est arrêtée ({fr}) : reprenez-la ou faites-la rouvrir d'abord.",
                    "The deal is stopped ({en}): resume it or have it reopened first."
                )
            }
            Self::DealClosed => {
                both!("L'affaire est gagnée et close : rien n'en sort.", "The deal is closed won: nothing leaves it.")
            }
            Self::DealSigned => both!(
                "Le client a signé : montant, options, date de signature et catégorie ne changent plus.",
                "The client has signed: amount, flags, signing date and category do not change any more."
            ),
            Self::StageNotNext { next } => {
                let (fr, en) = next.map_or(("aucune", "none"), labels::stage);
                both!(
                    "On ne saute pas d'étape : la suivante est « {fr} ».",
                    "No stage is skipped: the next one is \"{en}\"."
                )
            }
            Self::StopNotAllowedAtStage { allowed } => {
                let (fr, en) = labels::stages(allowed);
                both!(
                    "Cet arrêt n'est pas possible à cette étape ; possibles : {fr}.",
                    "This stop is not possible in this stage; possible: {en}."
                )
            }
            Self::NotOnHold => both!("L'affaire n'est pas en pause.", "The deal is not on hold."),
            Self::NotReopenable => both!(
                "Seule une affaire No Go, perdue ou écartée peut être rouverte.",
                "Only a deal that is no go, lost or dismissed can be reopened."
            ),
            Self::ReasonMissing => both!("Donnez une raison.", "Give a reason."),
            Self::ReasonNotInList { allowed } => {
                let list = allowed.join(", ");
                both!("Cette raison n'est pas dans la liste : {list}.", "This reason is not in the list: {list}.")
            }
            Self::CommentMissing => both!("Ajoutez un commentaire.", "Add a comment."),
            Self::WakeUpDateMissing { earliest } => both!(
                "Donnez la date de réveil, au plus tôt le {earliest}.",
                "Give the wake-up date, {earliest} at the earliest."
            ),
            _others => both!("Cette étape ne le permet pas.", "This stage does not allow it."),
        }
    }

    fn input_text(&self) -> Text {
        match self {
            Self::CategorySetByServer => both!(
                "La catégorie « gagné » est posée par le serveur.",
                "The category \"closed\" is set by the server."
            ),
            Self::CategoryNotAllowedAtStage { allowed } => {
                let list = allowed.iter().map(|category| category.code()).collect::<Vec<_>>().join(", ");
                both!(
                    "Cette catégorie n'est pas possible à cette étape ; possibles : {list}.",
                    "This category is not possible in this stage; possible: {list}."
                )
            }
            Self::UncertaintyMissing => {
                both!("Nommez l'incertitude qui reste.", "Name the one uncertainty that is left.")
            }
            Self::AmountInvalid { at_most: Some(most), .. } => {
                both!("Un montant va de 0 à {most} €.", "An amount lies between 0 and {most} €.")
            }
            Self::AmountInvalid { at_most: None, .. } => {
                both!("Un montant n'est pas négatif.", "An amount is not negative.")
            }
            Self::TextMissing { .. } => both!("Ce texte est obligatoire.", "This text has to be given."),
            Self::DateInFuture { today, .. } => {
                both!(
                    "Cette date est au plus tard aujourd'hui, le {today}.",
                    "This date is today, {today}, at the latest."
                )
            }
            Self::TooMany { most, .. } => both!("Au plus {most} éléments.", "At most {most} items."),
            Self::PersonNotAble { .. } => both!(
                "Cette personne ne peut pas tenir ce rôle pour cette affaire.",
                "This person cannot take that part on this deal."
            ),
            _file => both!(
                "Envoyez d'abord le fichier avec createUpload, puis joignez-le.",
                "Send the file with createUpload first, then attach it."
            ),
        }
    }

    fn committee_text(&self) -> Text {
        match self {
            Self::CommitteeRequired => both!(
                "Cette affaire passe en comité : le responsable régional n'en décide pas seul.",
                "This deal goes to the committee: the regional manager does not decide it alone."
            ),
            Self::AlreadyRequested => {
                both!("Le comité est déjà demandé.", "The committee was asked for already.")
            }
            Self::MinutesMissing => {
                both!("Pas de décision sans compte rendu.", "There is no decision without minutes.")
            }
            Self::DecisionNotPossible => both!(
                "Cette décision n'est pas possible ici : le responsable régional décide Go ou No Go, le comité élargi n'escalade pas, et des conditions vont avec un Go sous conditions.",
                "This decision is not possible here: the regional manager decides Go or No Go, the extended committee cannot escalate, and conditions go with a Go with conditions."
            ),
            Self::CommitteeDay { next, .. } => {
                let next = next.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                both!(
                    "Le comité ne se réunit pas ce jour-là ; prochaines dates possibles : {next}.",
                    "The committee does not meet on that day; the next possible dates: {next}."
                )
            }
            Self::ExtendedNotDue => both!(
                "Le comité élargi se réunit après un Go, un Go sous conditions ou une escalade du comité restreint, quand l'affaire l'exige.",
                "The extended committee meets after the restricted one's Go, Go with conditions or escalation, where the deal needs it."
            ),
            Self::MeetingNotHeld { on } => {
                both!("La réunion n'a lieu que le {on}.", "The meeting takes place only on {on}.")
            }
            Self::QuorumMissing { functions, people } => {
                let list = functions.iter().map(|f| f.code()).collect::<Vec<_>>().join(", ");
                both!(
                    "Le quorum n'est pas atteint : {people} personnes au moins ; manquent : {list}.",
                    "There is no quorum: at least {people} people; missing: {list}."
                )
            }
            _decided => both!("C'est déjà décidé.", "It is decided already."),
        }
    }

    fn work_text(&self) -> Text {
        match self {
            Self::ConditionsMissing => {
                both!("Un Go sous conditions nomme ses conditions.", "A Go with conditions names them.")
            }
            Self::ConditionOwnerMissing { .. } => {
                both!("Chaque condition a un responsable.", "Each condition has an owner.")
            }
            Self::ConditionDateMissing { .. } => both!("Chaque condition a une date.", "Each condition has a date."),
            Self::ConditionOpen { number, text, due_on } => both!(
                "La condition {number} (« {text} », pour le {due_on}) n'est ni remplie ni levée.",
                "Condition {number} (\"{text}\", by {due_on}) is neither met nor waived."
            ),
            Self::ConditionNotOpen => {
                both!("Il n'y a pas de telle condition ouverte.", "There is no such open condition.")
            }
            Self::AnswerNotWaiting => {
                both!("Aucune réponse de ce numéro n'attend.", "No answer of that number is waiting.")
            }
            Self::AnswerNotApproved => both!(
                "Cette réponse n'est pas approuvée : elle ne part pas.",
                "This answer is not approved: it is not sent."
            ),
            Self::NothingToAgree => {
                both!("Aucune remise n'attend d'accord.", "No discount waits for an agreement.")
            }
            Self::TeamForced { teams } => {
                let list = teams.iter().map(|team| labels::team(*team).0).collect::<Vec<_>>().join(", ");
                both!(
                    "Ces équipes sont toujours requises pour cette taille : {list}.",
                    "These teams are always required for this size: {list}."
                )
            }
            Self::DocumentsBeingChecked => both!(
                "L'administration des ventes contrôle les documents : attendez sa réponse.",
                "Sales administration is checking the documents: wait for its answer."
            ),
            Self::NonConformingMissing => both!(
                "Nommez chaque document non conforme et dites pourquoi.",
                "Name each document that does not conform, and why."
            ),
            Self::DocumentUnknown { .. } => {
                both!("Ce document n'est pas parmi ceux de l'affaire.", "This document is not among those of the deal.")
            }
            Self::WaitingForOwner => both!(
                "Les documents sont chez le propriétaire de l'affaire, qui remplace ce qui n'est pas conforme.",
                "The documents are with the deal's owner, who replaces what did not conform."
            ),
            _checker => both!(
                "Un assistant de la délégation peut encore faire ce contrôle.",
                "An assistant of the delegation may still make this check."
            ),
        }
    }
}
