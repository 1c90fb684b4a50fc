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

#[cfg(test)]
mod tests {
    use ::entity::sales::oppy_document;
    use ::entity::vocabulary::{
        Attendee, CommitteeFunction, ContractDocument, Day, DealSheet, Deciders, Deliverable, GoDecision, Milestone,
        Money, NegotiationKind, NonConforming, OpportunityId, OppyDocumentId, Signature, Team,
    };
    use chrono::{Days, TimeZone};
    use proptest::prelude::*;

    use super::*;
    use crate::{
        authz::InNameOf,
        opportunities::{
            draft::{self, Origin},
            outcome::{self, ConditionWords, Outcome, StopWords},
            rules::Client,
            transition::derived,
        },
        workflow::{Action as _, at_step},
    };

    /// People of the sequences, each with what they may do: owner, two managers, assistant, office, director,
    /// engagement manager.
    const OWNER: i64 = 1;
    const MANAGERS: [i64; 2] = [2, 3];
    const ASSISTANT: i64 = 4;
    const OFFICE: i64 = 5;
    const DIRECTOR: i64 = 6;
    const ENGAGEMENT: i64 = 7;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 16).expect("a day")
    }

    fn by(person: i64, day: u64) -> Signature {
        let at = Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap() + chrono::TimeDelta::days(day.cast_signed());
        Signature { by: PersonId(person), on_behalf_of: None, at }
    }

    fn deal() -> opportunity::Model {
        draft::identified(Origin {
            subject: "A deal".to_owned(),
            account: ::entity::vocabulary::AccountId(1),
            sector: None,
            contacts: Default::default(),
            owner: PersonId(OWNER),
            delegation: ::entity::vocabulary::DelegationId(1),
            region: ::entity::vocabulary::RegionId(1),
            author: PersonId(OWNER),
            authored_for: None,
            signing_on: today() + Days::new(90),
            at: by(OWNER, 0).at,
        })
    }

    fn facts() -> Facts {
        Facts {
            client: Client { siret: true, address: true, sector: true },
            deciders: Deciders { managers: MANAGERS.map(PersonId).to_vec(), assistants: vec![PersonId(ASSISTANT)] },
            ..Facts::default()
        }
    }

    /// Whether somebody of the sequences holds a permission on the deal.
    fn holds(person: i64, permission: Permission) -> bool {
        use Permission as P;
        let office = matches!(
            permission,
            P::AcceptCommitteeRequest
                | P::DeclineCommitteeRequest
                | P::PlanCommittee
                | P::RecordMinutes
                | P::RecordRestrictedDecision
                | P::WaiveRestrictedCondition
        );
        let directs = matches!(
            permission,
            P::DecideGoAsDirector
                | P::RecordExtendedDecision
                | P::WaiveExtendedCondition
                | P::ApproveDiscountAsDirector
                | P::ApproveAnswerAsDirector
        );
        let manages =
            matches!(permission, P::DecideGoAsRr | P::ApproveDiscountAsRr | P::ApproveAnswerAsRr | P::ReopenOppy);
        let engages = permission.step() == "engagement";
        let checks_last = matches!(permission, P::CheckDocumentsSecond | P::AnnulOppy | P::NameOppyChecker);
        let checks_first = permission == P::CheckDocumentsFirst;
        let sells = !(office || directs || manages || engages || checks_last || checks_first);
        match person {
            OWNER => sells && permission != P::ReassignOppy,
            2 | 3 => sells || manages,
            ASSISTANT => (sells && permission != P::AdvanceOppy) || checks_first,
            OFFICE => office || checks_last,
            DIRECTOR => directs,
            _engagement => office || engages,
        }
    }

    /// The amounts that sequences set: one for each class, and the thresholds themselves.
    const AMOUNTS: [i64; 5] = [1_000, 49_999, 50_000, 250_000, 300_000];

    /// What the action makes of the deal, in words that vary with a number.
    fn tried(action: Action, deal: &opportunity::Model, facts: &Facts, actor: Actor, day: u64, number: u32) -> Outcome {
        let (by, today) = (by(actor.person.0, day), today() + Days::new(day));
        let why = Some("because".to_owned());
        let number_of = number.cast_signed() % 3 + 1;
        let milestones = vec![Milestone { name: "Step".to_owned(), on: Day(today + Days::new((number % 120).into())) }];
        let changed = |change: &dyn Fn(&mut opportunity::Model)| {
            let mut after = deal.clone();
            change(&mut after);
            Ok(after)
        };
        match action {
            Action::Update => changed(&|after| {
                after.one_off = Some(Money::euros(AMOUNTS[number as usize % AMOUNTS.len()]));
                after.amount = after.one_off;
                after.special_bid = number.is_multiple_of(17);
            }),
            Action::FillDealSheet => changed(&|after| {
                let text = || "known".to_owned();
                let (commercial, structural) = (text(), text());
                let (functional, technical, pitch) = (text(), text(), text());
                after.sheet = DealSheet { commercial, structural, functional, technical, pitch };
            }),
            Action::Advance => {
                let after = outcome::advanced(deal, None, facts)?;
                let signs = after.stage == Won && deal.stage != Won;
                Ok(if signs { outcome::with_round(after, &by) } else { after })
            }
            Action::Stop => {
                let stops = rules::stops(deal.stage);
                let stage = stops.get(number as usize % stops.len().max(1)).copied().unwrap_or(OppyStage::Lost);
                let reason = facts.playbook.reasons.iter().find(|r| r.stop == stage).map(|r| r.code.clone());
                let wake_up_on = Some(Day(today + Days::new(7)));
                let words = StopWords { reason, comment: why, competitor: None, wake_up_on };
                outcome::stopped(deal, stage, words, &facts.playbook, &by, today)
            }
            Action::Resume => Ok(outcome::resumed(deal)),
            Action::Reopen => outcome::reopened(deal, why.as_deref()),
            Action::Annul => outcome::annulled(deal, why, &by),
            Action::DecideGo => {
                let decision = if number.is_multiple_of(5) { GoDecision::NoGo } else { GoDecision::Go };
                outcome::rr_decided(deal, decision, why, &by)
            }
            Action::RequestCommittee => outcome::requested(deal, why, &by),
            Action::AcceptCommitteeRequest => Ok(outcome::request_accepted(deal, &by)),
            Action::DeclineCommitteeRequest => outcome::request_declined(deal, why, &by),
            Action::PlanCommittee => {
                let kind = rules::committee_due(deal, &facts.playbook).unwrap_or(CommitteeKind::Restricted);
                let dates = super::super::committee::proposed(&facts.playbook, kind, today, 2);
                let on = dates.get(number as usize % 2).copied().unwrap_or(today);
                outcome::planned(deal, kind, Day(on), facts, &by, today)
            }
            Action::RecordMinutes => {
                use CommitteeFunction::{Engagement, Presales, Sales};
                let attendee = |(person, function)| Attendee { person: PersonId(person), function, vote: None };
                let there = [(OWNER, Sales), (ASSISTANT, Presales), (ENGAGEMENT, Engagement)].map(attendee).to_vec();
                outcome::minuted(deal, why, there, facts, &by, today)
            }
            Action::RecordDecision => {
                let decision = GoDecision::ALL[number as usize % 4];
                let owner = Some(PersonId(OWNER));
                let words = ConditionWords { text: "margin".to_owned(), owner, due_on: Some(Day(today)) };
                let conditions = if decision == GoDecision::GoWithConditions { vec![words] } else { Vec::new() };
                outcome::decided(deal, decision, why, conditions, facts, &by, today)
            }
            Action::WriteExtendedPitch => outcome::pitched(deal, "pitch".to_owned()),
            Action::MeetCondition => outcome::condition_met(deal, number_of, |_| true, &by),
            Action::WaiveCondition => outcome::condition_waived(deal, number_of, why, |_| true, &by),
            Action::NameResponseTeam => changed(&|after| {
                let member = ::entity::vocabulary::TeamMember { person: PersonId(ENGAGEMENT), team: Team::Engagement };
                after.go.response_team = vec![member];
            }),
            Action::SetResponseSchedule => outcome::response_scheduled(deal, milestones),
            Action::RequireTeams => outcome::teams_required(deal, vec![Team::Legal], why.as_deref(), &facts.playbook),
            Action::SetDeliverable => {
                let part = Deliverable::ALL[number as usize % Deliverable::ALL.len()];
                Ok(outcome::deliverable_set(deal, part, !number.is_multiple_of(7), None, &by))
            }
            Action::RecordSignOff => Ok(outcome::signed_off(deal, Team::Legal, PersonId(OFFICE), &by)),
            Action::RecordProposalReview => {
                outcome::reviewed(deal, Day(today), vec![PersonId(OWNER)], None, &by, today)
            }
            Action::SendProposal => outcome::sent(deal, Day(today), "client".to_owned(), &by, today),
            Action::SetNegotiationKind => changed(&|after| after.negotiation.kind = Some(NegotiationKind::Global)),
            Action::SetDiscount => Ok(outcome::discounted(deal, (number % 25).cast_signed() * 100, &by)),
            Action::ApproveDiscount => {
                outcome::discount_judged(deal, !number.is_multiple_of(3), why, DiscountLevel::Director, &by)
            }
            Action::SetReverseSchedule => outcome::reverse_scheduled(deal, milestones),
            Action::DraftAnswer => outcome::drafted(deal, "answer".to_owned(), &by),
            Action::ApproveAnswer => {
                let is_author = |drafted: &Signature| drafted.by == actor.person;
                outcome::answer_approved(deal, number_of, is_author, &by)
            }
            Action::SendAnswer => outcome::answer_sent(deal, number_of, &by),
            Action::RecordClientAgreement => {
                let mut after = outcome::agreed(deal, Some(Day(today)), Some("Anne".to_owned()), today)?;
                after.agreement.document = Some(OppyDocumentId(99));
                Ok(after)
            }
            Action::AttachContractDocument | Action::Reassign | Action::NameChecker => Ok(deal.clone()),
            Action::CheckDocuments if number.is_multiple_of(3) => {
                let named = rules::in_force(facts).next();
                let refused = named.map(|d| NonConforming { document: d.id, reason: "torn".to_owned() });
                outcome::non_conforming(deal, refused.into_iter().collect(), facts, &by)
            }
            Action::CheckDocuments => outcome::conforming(deal, facts, &by),
            Action::ResubmitDocuments => Ok(outcome::with_round(deal.clone(), &by)),
        }
    }

    fn document(kind: ContractDocument, id: i64) -> oppy_document::Model {
        oppy_document::Model {
            id: OppyDocumentId(id),
            opportunity_id: OpportunityId(1),
            kind,
            name: "scan.pdf".to_owned(),
            content_type: "application/pdf".to_owned(),
            size: 1,
            sha256: String::new(),
            storage_key: String::new(),
            added_by_id: PersonId(OWNER),
            added_at: by(OWNER, 0).at,
            refused_for: None,
            replaced_at: None,
        }
    }

    /// Takes an action as the mutations do: at its step, with every rule; nothing where anything refuses.
    fn taken(
        action: Action,
        deal: &opportunity::Model,
        facts: &mut Facts,
        person: i64,
        day: u64,
        number: u32,
    ) -> Option<opportunity::Model> {
        let actor = Actor { person: PersonId(person), name: InNameOf::Self_ };
        at_step::<Deals>(action, deal, |permission| holds(person, permission)).ok()?;
        let after = tried(action, deal, facts, actor, day, number).ok()?;
        let refused = Deals::blockers(action, deal, facts, actor, today() + Days::new(day));
        if !refused.is_empty() {
            return None;
        }
        if action == Action::AttachContractDocument {
            let next = i64::try_from(facts.documents.len()).expect("few") + 100;
            let kind = ContractDocument::ALL[number as usize % ContractDocument::ALL.len()];
            for earlier in facts.documents.iter_mut().filter(|document| document.kind == kind) {
                earlier.replaced_at = Some(by(person, day).at);
            }
            facts.documents.push(document(kind, next));
        }
        let refused = after.contract.rounds.last().and_then(|round| round.refused.as_ref());
        for wanting in refused.into_iter().flat_map(|refused| &refused.documents) {
            let theirs = facts.documents.iter_mut().filter(|document| document.id == wanting.document);
            theirs.for_each(|document| document.refused_for = Some(wanting.reason.clone()));
        }
        Some(derived(after, facts))
    }

    /// What must be true of a deal that has passed the gates before its stage, whatever led there.
    fn has_passed(deal: &opportunity::Model, facts: &Facts) -> Result<(), String> {
        let stage = if deal.stage.is_open() || deal.stage.is_signed() { deal.stage } else { return Ok(()) };
        let place = OppyStage::WAY.iter().position(|one| *one == stage).unwrap_or_default();
        let must =
            |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{what} in {stage:?}: {deal:#?}")) };
        must(place < 1 || !deal.sheet.pitch.is_empty(), "a pitch")?;
        must(place < 2 || deal.go.gos.iter().any(|go| !go.ended), "a Go")?;
        must(place < 3 || !deal.proposal.sendings.is_empty(), "a sent proposal")?;
        let reviewed = |version| deal.proposal.reviews.iter().any(|review| review.version == version);
        must(deal.proposal.sendings.iter().all(|sent| reviewed(sent.version)), "a review of each sent version")?;
        must(place < 4 || (deal.agreement.on.is_some() && deal.agreement.signatory.is_some()), "an agreement")?;
        must(place < 4 || rules::agreement_due(deal, &facts.playbook).is_none(), "an agreed discount")?;
        must(place < 4 || rules::go_holds(deal, &facts.playbook), "a Go that holds")?;
        let Some(round) = deal.contract.rounds.last().filter(|_| place == 5) else { return Ok(()) };
        let (first, second) = (round.first.as_ref().map(|s| s.by), round.second.as_ref().map(|s| s.by));
        must(first.is_some() && second.is_some() && first != second, "two checks by two persons")?;
        must(!deal.involved.iter().any(|p| Some(p) == first || Some(p) == second), "checks by others")?;
        must(rules::documents_missing(deal, facts).is_empty(), "all documents")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// No sequence of actions reaches a stage without its gate.
        #[test]
        fn p15_no_sequence_reaches_a_stage_without_its_gate(
            steps in prop::collection::vec((0..Action::ALL.len(), 1..8_i64, any::<u32>()), 400..1200)
        ) {
            let (mut deal, mut facts) = (deal(), facts());
            for (day, (action, person, number)) in (0..).zip(steps) {
                let before = deal.clone();
                let missing = gates::to_next(&before, &facts);
                let Some(after) = taken(Action::ALL[action], &before, &mut facts, person, day / 40, number) else {
                    continue;
                };
                let on_the_way = |stage| OppyStage::WAY.iter().position(|one| *one == stage);
                if let (Some(from), Some(to)) = (on_the_way(before.stage), on_the_way(after.stage)) {
                    prop_assert!(to <= from + 1, "a stage was skipped");
                    if to == from + 1 && after.stage != OppyStage::ClosedWon {
                        prop_assert!(missing.is_empty(), "advanced though missing: {missing:?}");
                    }
                    prop_assert!(to >= from, "no way back to an earlier stage");
                }
                prop_assert!(before.stage != OppyStage::ClosedWon, "nothing leaves closed won");
                let passed = has_passed(&after, &facts);
                prop_assert!(passed.is_ok(), "{}", passed.unwrap_err());
                let kinds: Vec<_> = after.waiting.0.iter().map(|waiting| waiting.kind).collect();
                prop_assert!(kinds.iter().all(|kind| kinds.iter().filter(|k| *k == kind).count() == 1));
                deal = after;
            }
        }
    }

    /// Sequences as above do get somewhere: with everybody willing, to the end.
    #[test]
    fn p15_the_sequences_reach_every_stage() {
        use proptest::{strategy::ValueTree, test_runner::TestRunner};
        let mut runner = TestRunner::deterministic();
        let mut reached = std::collections::BTreeSet::new();
        for _ in 0..40 {
            let steps = prop::collection::vec((0..Action::ALL.len(), 1..8_i64, any::<u32>()), 8000);
            let steps = steps.new_tree(&mut runner).expect("steps").current();
            let (mut deal, mut facts) = (deal(), facts());
            for (day, (action, person, number)) in (0..).zip(steps) {
                let action = Action::ALL[action];
                // Whoever is willing does not stop what goes well.
                if matches!(action, Action::Stop | Action::Update | Action::Annul) && deal.size_class.is_some() {
                    continue;
                }
                if let Some(after) = taken(action, &deal, &mut facts, person, day / 100, number) {
                    deal = after;
                    reached.insert(deal.stage);
                }
            }
        }
        assert!(OppyStage::WAY[1..].iter().all(|stage| reached.contains(stage)), "{reached:?}");
    }
}
