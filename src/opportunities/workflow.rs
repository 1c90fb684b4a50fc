//! The workflow of the deals: one table says at which stage, by which permission, an action may be taken; one
//! match says what stands in its way; one function what a deal waits for. Pure.

use ::entity::{
    sales::opportunity,
    vocabulary::{CommitteeKind, DiscountLevel, GoRoute, OppyStage, People, PersonId, SizeClass, Waiting, WorkKind},
};
use async_graphql::Enum;
use chrono::{DateTime, NaiveDate, Utc};

use super::{
    error::{Missing, Refusal},
    gates,
    rules::{self, Check, Facts, GoStep, Leader},
};
use crate::{
    authz::{Permission, Place},
    calendar,
    graphql::guard::requires,
    workflow::{self, Actor, Misstep, Step, Workflow, step},
};

use OppyStage::{Identification, Negotiation, Proposition, Qualification, Won};

/// Every stage: what the stage allows is said by a rule.
const ANY: &[OppyStage] = OppyStage::ALL;
/// Until the client signs.
const OPEN: &[OppyStage] = &[Identification, Qualification, Proposition, Negotiation];
/// Where a Go is come by, and come by again when the deal changes its size.
const GO: &[OppyStage] = &[Qualification, Proposition, Negotiation];
/// Where the client's answer is prepared.
const RESPONSE: &[OppyStage] = &[Qualification, Proposition];
const PROPOSAL: &[OppyStage] = &[Proposition];
const BARGAIN: &[OppyStage] = &[Negotiation];
const CONTRACT: &[OppyStage] = &[Negotiation, Won];
const CHECKS: &[OppyStage] = &[Won];

/// Declares the actions with their mutations and their steps.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $mutation:literal [$($permission:ident in $stages:expr),+]),+ $(,)?) => {
        /// What can be done to a deal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enum)]
        #[graphql(name = "OppyAction")]
        pub enum Action {
            $($(#[$doc])* #[graphql(directive = requires::apply($mutation.into()))] $name),+
        }

        impl workflow::Action for Action {
            type Status = OppyStage;

            const ALL: &'static [Self] = &[$(Self::$name),+];

            fn steps(self) -> &'static [Step<OppyStage>] {
                match self {
                    $(Self::$name => const { &[$(step(Permission::$permission, $stages)),+] }),+
                }
            }
        }
    };
}

actions! {
    /// Change amounts, flags, date or category (`updateOpportunity`).
    Update = "updateOpportunity" [UpdateOpportunity in ANY],
    /// Give it to another delegate (`reassignOppy`).
    Reassign = "reassignOppy" [ReassignOppy in &[Identification, Qualification, Proposition, Negotiation, OppyStage::OnHold, Won]],
    /// Fill in the deal sheet (`fillDealSheet`).
    FillDealSheet = "fillDealSheet" [FillDealSheet in OPEN],
    /// Take it to its next stage (`advanceOppy`).
    Advance = "advanceOppy" [AdvanceOppy in ANY],
    /// Stop it (`stopOppy`).
    Stop = "stopOppy" [StopOppy in ANY],
    /// Take it up again after a pause (`resumeOppy`).
    Resume = "resumeOppy" [ResumeOppy in ANY],
    /// Open it again after a stop (`reopenOppy`).
    Reopen = "reopenOppy" [ReopenOppy in ANY],
    /// Record that a won deal fell through (`annulOppy`).
    Annul = "annulOppy" [AnnulOppy in CHECKS],
    /// Decide Go or No Go without a committee (`decideGo`).
    DecideGo = "decideGo" [DecideGoAsRr in GO, DecideGoAsDirector in GO],
    /// Ask for the committee (`requestCommittee`).
    RequestCommittee = "requestCommittee" [RequestCommittee in OPEN],
    /// Accept that request (`acceptCommitteeRequest`).
    AcceptCommitteeRequest = "acceptCommitteeRequest" [AcceptCommitteeRequest in OPEN],
    /// Decline it (`declineCommitteeRequest`).
    DeclineCommitteeRequest = "declineCommitteeRequest" [DeclineCommitteeRequest in OPEN],
    /// Plan a committee (`planCommittee`).
    PlanCommittee = "planCommittee" [PlanCommittee in GO],
    /// Write its minutes (`recordMinutes`).
    RecordMinutes = "recordMinutes" [RecordMinutes in GO],
    /// Record its decision (`recordDecision`).
    RecordDecision = "recordDecision" [RecordRestrictedDecision in GO, RecordExtendedDecision in GO],
    /// Write the pitch for the extended committee (`writeExtendedPitch`).
    WriteExtendedPitch = "writeExtendedPitch" [WriteExtendedPitch in GO],
    /// Say that a condition is met (`meetCondition`).
    MeetCondition = "meetCondition" [MeetCondition in GO, MeetOwnCondition in GO],
    /// Waive a condition (`waiveCondition`).
    WaiveCondition = "waiveCondition" [WaiveRestrictedCondition in GO, WaiveExtendedCondition in GO],
    /// Name who answers the client (`nameResponseTeam`).
    NameResponseTeam = "nameResponseTeam" [NameResponseTeam in RESPONSE, NameResponseTeamAsEngagement in RESPONSE],
    /// Set until when what is answered (`setResponseSchedule`).
    SetResponseSchedule = "setResponseSchedule" [SetResponseSchedule in RESPONSE, SetResponseScheduleAsEngagement in RESPONSE],
    /// Name the teams that sign the proposal off (`requireTeams`).
    RequireTeams = "requireTeams" [RequireTeams in PROPOSAL, RequireTeamsAsEngagement in PROPOSAL],
    /// Declare a part of the proposal ready, or not (`setDeliverable`).
    SetDeliverable = "setDeliverable" [SetDeliverable in PROPOSAL, SetDeliverableAsEngagement in PROPOSAL],
    /// Record a team's sign-off (`recordSignOff`).
    RecordSignOff = "recordSignOff" [RecordSignOff in PROPOSAL, RecordSignOffAsEngagement in PROPOSAL],
    /// Record the review of the proposal (`recordProposalReview`).
    RecordProposalReview = "recordProposalReview" [RecordProposalReview in PROPOSAL, RecordProposalReviewAsEngagement in PROPOSAL],
    /// Record that the proposal was sent (`sendProposal`).
    SendProposal = "sendProposal" [SendProposal in PROPOSAL, SendProposalAsEngagement in PROPOSAL],
    /// Say what is negotiated (`setNegotiationKind`).
    SetNegotiationKind = "setNegotiationKind" [SetNegotiationKind in BARGAIN, SetNegotiationKindAsEngagement in BARGAIN],
    /// Set the discount (`setDiscount`).
    SetDiscount = "setDiscount" [SetDiscount in BARGAIN, SetDiscountAsEngagement in BARGAIN],
    /// Agree to the discount, or refuse it (`approveDiscount`).
    ApproveDiscount = "approveDiscount" [ApproveDiscountAsRr in BARGAIN, ApproveDiscountAsDirector in BARGAIN],
    /// Set the reverse schedule (`setReverseSchedule`).
    SetReverseSchedule = "setReverseSchedule" [SetReverseSchedule in BARGAIN, SetReverseScheduleAsEngagement in BARGAIN],
    /// Draft an answer to the client (`draftAnswer`).
    DraftAnswer = "draftAnswer" [DraftAnswer in BARGAIN, DraftAnswerAsEngagement in BARGAIN],
    /// Approve an answer (`approveAnswer`).
    ApproveAnswer = "approveAnswer" [ApproveAnswerAsRr in BARGAIN, ApproveAnswerAsEngagement in BARGAIN, ApproveAnswerAsDirector in BARGAIN],
    /// Record that an answer was sent (`sendAnswer`).
    SendAnswer = "sendAnswer" [SendAnswer in BARGAIN, SendAnswerAsEngagement in BARGAIN],
    /// Record the client's formal agreement (`recordClientAgreement`).
    RecordClientAgreement = "recordClientAgreement" [RecordClientAgreement in BARGAIN, RecordClientAgreementAsEngagement in BARGAIN],
    /// Attach a document of the contract (`attachContractDocument`).
    AttachContractDocument = "attachContractDocument" [AttachContractDocument in CONTRACT],
    /// Check the documents (`checkOppyDocuments`).
    CheckDocuments = "checkOppyDocuments" [CheckDocumentsFirst in CHECKS, CheckDocumentsAsNamed in CHECKS, CheckDocumentsSecond in CHECKS],
    /// Name who makes the first check where no assistant may (`nameOppyChecker`).
    NameChecker = "nameOppyChecker" [NameOppyChecker in CHECKS],
    /// Hand in the replaced documents (`resubmitOppyDocuments`).
    ResubmitDocuments = "resubmitOppyDocuments" [ResubmitOppyDocuments in CHECKS],
}

/// The workflow of the deals.
#[derive(Debug)]
pub struct Deals;

impl Workflow for Deals {
    type Object = opportunity::Model;
    type Action = Action;
    type Facts = Facts;
    type Refusal = Refusal;

    fn status(deal: &opportunity::Model) -> OppyStage {
        deal.stage
    }

    fn place(deal: &opportunity::Model) -> Place {
        Place { owner: Some(deal.owner_id), delegation: Some(deal.delegation_id), region: Some(deal.region_id) }
    }

    fn applies(step: &Step<OppyStage>, deal: &opportunity::Model) -> bool {
        step.statuses.contains(&deal.stage) && is_step_of(step.permission, deal)
    }

    fn misstep(action: Action, deal: &opportunity::Model, misstep: Misstep<OppyStage>) -> Refusal {
        match (action, &misstep) {
            // That the agreement is another's to give has a name of its own.
            (Action::ApproveDiscount, Misstep::NotYourStep { .. }) => {
                Refusal::NotYourLevel { level: deal.negotiation.waits_for.unwrap_or(DiscountLevel::Director) }
            }
            _usual => misstep.into(),
        }
    }

    fn blockers(
        action: Action,
        deal: &opportunity::Model,
        facts: &Facts,
        actor: Actor,
        _today: NaiveDate,
    ) -> Vec<Refusal> {
        blockers(action, deal, facts, actor)
    }
}

/// Whether a permission counts for this very deal: whose step it is may follow from its size, from how far its
/// committee came, and from who is left to decide.
fn is_step_of(permission: Permission, deal: &opportunity::Model) -> bool {
    use Permission as P;
    let engagement_leads = rules::leader(deal) != Leader::Sales;
    match permission {
        P::DecideGoAsDirector => rules::nobody_left(&deal.deciders.managers, &rules::barred(deal, [])),
        P::RecordRestrictedDecision => !is_extended_sitting(deal),
        P::RecordExtendedDecision => is_extended_sitting(deal),
        P::ApproveDiscountAsRr => deal.negotiation.waits_for != Some(DiscountLevel::Director),
        P::ApproveAnswerAsDirector => no_manager_for_answers(deal),
        P::ApproveAnswerAsEngagement
        | P::NameResponseTeamAsEngagement
        | P::SetResponseScheduleAsEngagement
        | P::RequireTeamsAsEngagement
        | P::SetDeliverableAsEngagement
        | P::RecordSignOffAsEngagement
        | P::RecordProposalReviewAsEngagement
        | P::SendProposalAsEngagement
        | P::SetNegotiationKindAsEngagement
        | P::SetDiscountAsEngagement
        | P::SetReverseScheduleAsEngagement
        | P::DraftAnswerAsEngagement
        | P::SendAnswerAsEngagement
        | P::RecordClientAgreementAsEngagement => engagement_leads,
        P::CheckDocumentsFirst => {
            matches!(rules::check_due(deal), Some(Check::First | Check::Owner)) && deal.contract.checker.is_none()
        }
        P::CheckDocumentsAsNamed => {
            matches!(rules::check_due(deal), Some(Check::First | Check::Owner)) && deal.contract.checker.is_some()
        }
        P::CheckDocumentsSecond => matches!(rules::check_due(deal), Some(Check::Second | Check::Owner)),
        _plain => true,
    }
}

fn is_extended_sitting(deal: &opportunity::Model) -> bool {
    rules::undecided(deal).is_some_and(|meeting| meeting.committee == CommitteeKind::Extended)
}

/// Every rule that refuses an action on the deal as it stands.
fn blockers(action: Action, deal: &opportunity::Model, facts: &Facts, actor: Actor) -> Vec<Refusal> {
    let own = |barred: People| actor.is_barred(&barred).then_some(Refusal::OwnOpportunity);
    match action {
        Action::Update => frozen(deal).into_iter().collect(),
        Action::Advance => gates::to_next(deal, facts),
        Action::Stop => stop(deal).into_iter().collect(),
        Action::Resume => (deal.stage != OppyStage::OnHold).then_some(Refusal::NotOnHold).into_iter().collect(),
        Action::Reopen => reopen(deal).into_iter().collect(),
        Action::DecideGo => own(rules::barred(deal, [])).into_iter().chain(rr_go(deal, facts)).collect(),
        Action::RequestCommittee => request(deal).into_iter().collect(),
        Action::AcceptCommitteeRequest | Action::DeclineCommitteeRequest => {
            own(rules::barred_from_committee(deal)).into_iter().chain(requested(deal)).collect()
        }
        Action::PlanCommittee => planning(deal, facts),
        Action::RecordMinutes => meeting(deal).err().into_iter().collect(),
        Action::RecordDecision => own(rules::barred_from_committee(deal)).into_iter().chain(decision(deal)).collect(),
        Action::MeetCondition => no_condition(deal).into_iter().collect(),
        Action::WaiveCondition => {
            own(rules::barred_from_committee(deal)).into_iter().chain(no_condition(deal)).collect()
        }
        Action::SendProposal => gates::sending(deal, facts),
        Action::ApproveDiscount => {
            let nothing = rules::agreement_due(deal, &facts.playbook).is_none().then_some(Refusal::NothingToAgree);
            own(rules::barred_from_discount(deal)).into_iter().chain(nothing).collect()
        }
        Action::ApproveAnswer => {
            let nothing = rules::answers_to_approve(deal).next().is_none().then_some(Refusal::AnswerNotWaiting);
            own(barred_from_answers(deal)).into_iter().chain(nothing).collect()
        }
        Action::SendAnswer => {
            let none = deal.negotiation.answers.iter().all(|answer| answer.sent.is_some());
            none.then_some(Refusal::AnswerNotWaiting).into_iter().collect()
        }
        Action::AttachContractDocument => {
            let busy = rules::check_due(deal) == Some(Check::Second);
            busy.then_some(Refusal::DocumentsBeingChecked).into_iter().collect()
        }
        Action::CheckDocuments => check(deal, actor),
        Action::NameChecker => checker(deal).into_iter().collect(),
        Action::ResubmitDocuments => resubmission(deal, facts),
        Action::Reassign
        | Action::FillDealSheet
        | Action::Annul
        | Action::WriteExtendedPitch
        | Action::NameResponseTeam
        | Action::SetResponseSchedule
        | Action::RequireTeams
        | Action::SetDeliverable
        | Action::RecordSignOff
        | Action::RecordProposalReview
        | Action::SetNegotiationKind
        | Action::SetDiscount
        | Action::SetReverseSchedule
        | Action::DraftAnswer
        | Action::RecordClientAgreement => Vec::new(),
    }
}

/// Amount, flags, date and category do not change once the client has signed, nor while the deal is stopped.
fn frozen(deal: &opportunity::Model) -> Option<Refusal> {
    match deal.stage {
        stage if stage.is_open() => None,
        stage if stage.is_signed() => Some(Refusal::DealSigned),
        stage => Some(Refusal::DealStopped { stage }),
    }
}

fn stop(deal: &opportunity::Model) -> Option<Refusal> {
    let allowed = rules::stops(deal.stage);
    allowed.is_empty().then(|| Refusal::StopNotAllowedAtStage { allowed: Vec::new() })
}

fn reopen(deal: &opportunity::Model) -> Option<Refusal> {
    let reopenable = matches!(deal.stage, OppyStage::NoGo | OppyStage::Lost | OppyStage::Dismissed);
    // What was won and fell through has been signed: nothing leads back there.
    let was_open = deal.stop.as_ref().is_some_and(|stop| stop.from.is_open());
    (!reopenable || !was_open).then_some(Refusal::NotReopenable)
}

/// P-11: without a committee the regional manager decides.
fn rr_go(deal: &opportunity::Model, facts: &Facts) -> Option<Refusal> {
    match rules::route_due(deal, &facts.playbook) {
        None => Some(Missing::SizeClass.into()),
        Some(GoRoute::Restricted | GoRoute::Extended) => Some(Refusal::CommitteeRequired),
        Some(GoRoute::Rr) => rules::go_holds(deal, &facts.playbook).then_some(Refusal::AlreadyDecided),
    }
}

fn request(deal: &opportunity::Model) -> Option<Refusal> {
    let request = deal.go.request.as_ref()?;
    request.declined.is_none().then_some(Refusal::AlreadyRequested)
}

/// A request waits for its acceptance.
fn requested(deal: &opportunity::Model) -> Option<Refusal> {
    match &deal.go.request {
        None => Some(Missing::CommitteeRequest.into()),
        Some(request) if request.accepted.is_some() || request.declined.is_some() => Some(Refusal::AlreadyDecided),
        Some(_) => None,
    }
}

/// P-11: a committee meets on an accepted request, the extended one after the restricted one and with its pitch.
fn planning(deal: &opportunity::Model, facts: &Facts) -> Vec<Refusal> {
    if deal.size_class.is_none() {
        return vec![Missing::SizeClass.into()];
    }
    let before_meeting = |step: &GoStep| match step {
        GoStep::Request | GoStep::Acceptance | GoStep::ExtendedPitch => Some(gates::go_step(*step)),
        GoStep::RrDecision | GoStep::Meeting(_) | GoStep::Minutes(_) | GoStep::Decision(_) => None,
    };
    let steps = rules::go_steps_due(deal, &facts.playbook);
    match rules::committee_due(deal, &facts.playbook) {
        None if steps.is_empty() => vec![Refusal::AlreadyDecided],
        // Where the manager may decide alone, a committee meets on request only.
        None => vec![Missing::CommitteeRequest.into()],
        Some(CommitteeKind::Restricted) => {
            let due = steps.iter().filter(|step| **step != GoStep::ExtendedPitch);
            due.filter_map(before_meeting).map(Refusal::Missing).collect()
        }
        Some(CommitteeKind::Extended) => steps.iter().filter_map(before_meeting).map(Refusal::Missing).collect(),
    }
}

/// The meeting that is planned.
fn meeting(deal: &opportunity::Model) -> Result<&::entity::vocabulary::Meeting, Refusal> {
    rules::undecided(deal).ok_or_else(|| {
        let restricted_is_over =
            rules::sitting(deal, CommitteeKind::Restricted).is_some_and(|meeting| meeting.decision.is_some());
        if restricted_is_over { Missing::ExtendedMeeting.into() } else { Missing::RestrictedMeeting.into() }
    })
}

fn decision(deal: &opportunity::Model) -> Option<Refusal> {
    match meeting(deal) {
        Err(refusal) => Some(refusal),
        Ok(meeting) if meeting.minutes.is_none() => Some(Refusal::MinutesMissing),
        Ok(_) if deal.size_class.is_none() => Some(Missing::SizeClass.into()),
        Ok(_) => None,
    }
}

fn no_condition(deal: &opportunity::Model) -> Option<Refusal> {
    rules::open_conditions(deal).next().is_none().then_some(Refusal::ConditionNotOpen)
}

/// Who wrote all the answers that wait: one of another's one may always approve.
fn barred_from_answers(deal: &opportunity::Model) -> People {
    let mut authors = rules::answers_to_approve(deal).map(|a| rules::signers(&a.drafted).collect::<People>());
    let Some(first) = authors.next() else { return deal.involved.clone() };
    let of_all = authors.fold(first, |common, authors| {
        common.iter().filter(|person| authors.iter().any(|author| author == *person)).collect()
    });
    deal.involved.clone().with(of_all.iter())
}

fn no_manager_for_answers(deal: &opportunity::Model) -> bool {
    rules::nobody_left(&deal.deciders.managers, &barred_from_answers(deal))
}

/// P-14: two checks by two persons, of whom neither owns or created the deal.
fn check(deal: &opportunity::Model, actor: Actor) -> Vec<Refusal> {
    let barred = actor.is_barred(&deal.involved).then_some(Refusal::OwnOpportunity);
    let checked_first = rules::round(deal).and_then(|round| round.first.as_ref());
    let same = checked_first.is_some_and(|first| actor.is_barred(&rules::signers(first).collect()));
    match rules::check_due(deal) {
        None | Some(Check::Owner) => vec![Refusal::WaitingForOwner],
        Some(Check::First) => {
            let another_is_named = deal.contract.checker.is_some_and(|named| !is_named(named, actor));
            let elsewhere = another_is_named.then_some(Refusal::NotYourStep { stage: deal.stage });
            barred.into_iter().chain(elsewhere).collect()
        }
        Some(Check::Second) => barred.into_iter().chain(same.then_some(Refusal::SamePersonChecked)).collect(),
    }
}

fn is_named(named: PersonId, actor: Actor) -> bool {
    actor.is_barred(&[named].into_iter().collect())
}

/// Sales administration names somebody only where no assistant of the delegation may check.
fn checker(deal: &opportunity::Model) -> Option<Refusal> {
    (!no_assistant_left(deal)).then_some(Refusal::AssistantMayCheck)
}

fn no_assistant_left(deal: &opportunity::Model) -> bool {
    rules::nobody_left(&deal.deciders.assistants, &deal.involved)
}

fn resubmission(deal: &opportunity::Model, facts: &Facts) -> Vec<Refusal> {
    if rules::check_due(deal) != Some(Check::Owner) {
        return vec![Refusal::DocumentsBeingChecked];
    }
    gates::documents(deal, facts).into_iter().map(Refusal::Missing).collect()
}

/// What a deal waits for, in every queue: kept on the deal, so that what is in the queues is known without them.
#[must_use]
pub fn waits_for(deal: &opportunity::Model, facts: &Facts) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    if GO.contains(&deal.stage) || deal.stage == Identification {
        waiting.extend(go(deal, facts));
    }
    if deal.stage == Negotiation {
        waiting.extend(discount(deal, facts));
        waiting.extend(answers(deal));
    }
    waiting.extend(documents(deal));
    waiting.extend(wake_up(deal));
    waiting
}

fn item(kind: WorkKind, deal: &opportunity::Model, barred: &People, since: DateTime<Utc>) -> Waiting {
    Waiting { kind, owner: deal.owner_id, barred: barred.iter().collect(), since }
}

/// The next step of the road to a Go that is somebody else's to take.
fn go(deal: &opportunity::Model, facts: &Facts) -> Option<Waiting> {
    let barred = rules::barred_from_committee(deal);
    let file = &deal.go;
    let step = *rules::go_steps_due(deal, &facts.playbook).first()?;
    if deal.stage == Identification && step != GoStep::Acceptance {
        return None;
    }
    let planned = rules::undecided(deal).map(|meeting| meeting.planned.at);
    let written = rules::undecided(deal).and_then(|meeting| meeting.minutes.as_ref()).map(|minutes| minutes.written.at);
    let (kind, since) = match step {
        GoStep::RrDecision => {
            let barred = rules::barred(deal, []);
            let nobody = rules::nobody_left(&deal.deciders.managers, &barred);
            let kind = if nobody { WorkKind::GoDecisionDirector } else { WorkKind::GoDecision };
            return Some(item(kind, deal, &barred, deal.stage_since));
        }
        // The owner's side asks and pitches of its own accord.
        GoStep::Request | GoStep::ExtendedPitch => return None,
        GoStep::Acceptance => (WorkKind::CommitteeRequest, file.request.as_ref().map(|request| request.asked.at)),
        GoStep::Meeting(_) => (WorkKind::CommitteePlanning, file.request.as_ref()?.accepted.as_ref().map(|a| a.at)),
        GoStep::Minutes(_) => (WorkKind::CommitteeMinutes, planned),
        GoStep::Decision(CommitteeKind::Restricted) => (WorkKind::RestrictedDecision, written),
        GoStep::Decision(CommitteeKind::Extended) => (WorkKind::ExtendedDecision, written),
    };
    Some(item(kind, deal, &barred, since.unwrap_or(deal.stage_since)))
}

/// P-13: a discount above the owner's level waits for the one who may agree to it.
fn discount(deal: &opportunity::Model, facts: &Facts) -> Option<Waiting> {
    let level = rules::agreement_due(deal, &facts.playbook)?;
    let barred = rules::barred_from_discount(deal);
    let nobody = rules::nobody_left(&deal.deciders.managers, &barred);
    let kind = match level {
        DiscountLevel::Sales | DiscountLevel::Rr if !nobody => WorkKind::DiscountRr,
        DiscountLevel::Sales | DiscountLevel::Rr | DiscountLevel::Director => WorkKind::DiscountDirector,
    };
    let since = deal.negotiation.asked.as_ref().map_or(deal.stage_since, |asked| asked.at);
    Some(item(kind, deal, &barred, since))
}

/// Answers wait for the regional manager; of a large deal, for the engagement manager as well.
fn answers(deal: &opportunity::Model) -> Vec<Waiting> {
    let Some(first) = rules::answers_to_approve(deal).next() else { return Vec::new() };
    let barred = barred_from_answers(deal);
    let manager =
        if no_manager_for_answers(deal) { WorkKind::AnswerApprovalDirector } else { WorkKind::AnswerApproval };
    let engagement = (deal.size_class == Some(SizeClass::Large)).then_some(WorkKind::AnswerApprovalEngagement);
    [Some(manager), engagement].into_iter().flatten().map(|kind| item(kind, deal, &barred, first.drafted.at)).collect()
}

/// P-14: the checks, and what goes back to the owner.
fn documents(deal: &opportunity::Model) -> Option<Waiting> {
    let round = rules::round(deal)?;
    let nobody = People::default();
    Some(match rules::check_due(deal)? {
        Check::Owner => {
            let since = round.refused.as_ref().map_or(round.opened_at, |refused| refused.declared.at);
            item(WorkKind::DocumentsRefused, deal, &nobody, since)
        }
        Check::First => match deal.contract.checker {
            Some(named) => {
                let waiting = item(WorkKind::NamedCheck, deal, &deal.involved, round.opened_at);
                Waiting { owner: named, ..waiting }
            }
            None if no_assistant_left(deal) => item(WorkKind::CheckerToName, deal, &nobody, round.opened_at),
            None => item(WorkKind::FirstCheck, deal, &deal.involved, round.opened_at),
        },
        Check::Second => {
            let since = round.first.as_ref().map_or(round.opened_at, |first| first.at);
            let barred = deal.involved.clone().with(round.first.iter().flat_map(rules::signers));
            item(WorkKind::SecondCheck, deal, &barred, since)
        }
    })
}

/// P-2: on its day a deal on hold goes on its owner's queue.
fn wake_up(deal: &opportunity::Model) -> Option<Waiting> {
    let is_woken = deal.stage == OppyStage::OnHold && deal.stop.as_ref().is_some_and(|stop| stop.woken);
    let on = deal.wake_up_on.filter(|_| is_woken)?;
    Some(item(WorkKind::WakeUp, deal, &People::default(), calendar::start_of_paris_day(on)))
}
