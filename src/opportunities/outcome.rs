//! What a deal becomes by each action that nothing refuses; what is wrong with the action's own words is refused
//! here. Pure.

use ::entity::{
    sales::opportunity,
    vocabulary::{
        Answer, Attendee, CheckRound, CommitteeDecision, CommitteeKind, CommitteeRequest, Condition, Day, Deliverable,
        DiscountAgreement, DiscountLevel, ForecastCategory, Go, GoDecision, GoRoute, Meeting, Milestone, Minutes,
        NonConforming, NonConformity, OppyDocumentId, OppyStage, PersonId, Playbook, ReadyDeliverable, Reasoned,
        Review, Sending, SignOff, Signature, SizeClass, Stop, Team,
    },
};
use chrono::NaiveDate;

use super::{
    committee::{self, Obstacle},
    error::{Refusal, path},
    gates,
    rules::{self, Check, Facts},
};

/// How many dates a refused day of a committee comes with.
const PROPOSED: usize = 3;

/// What a deal becomes, or everything that is wrong with the words that should change it.
pub type Outcome = Result<opportunity::Model, Vec<Refusal>>;

fn changed(deal: &opportunity::Model, change: impl FnOnce(&mut opportunity::Model)) -> opportunity::Model {
    let mut after = deal.clone();
    change(&mut after);
    after
}

/// The change, unless something is wrong.
fn unless(
    wrong: impl IntoIterator<Item = Refusal>,
    deal: &opportunity::Model,
    change: impl FnOnce(&mut opportunity::Model),
) -> Outcome {
    let wrong: Vec<Refusal> = wrong.into_iter().collect();
    if wrong.is_empty() { Ok(changed(deal, change)) } else { Err(wrong) }
}

fn in_future(field: &str, on: Day, today: NaiveDate) -> Option<Refusal> {
    (on.0 > today).then(|| Refusal::DateInFuture { field: path(&[field]), today })
}

fn empty(field: &str, text: &str) -> Option<Refusal> {
    text.is_empty().then(|| Refusal::TextMissing { field: path(&[field]) })
}

/// P-4: a category that is asked for, with its uncertainty. Who commits a deal is kept.
pub fn categorised(
    deal: &opportunity::Model,
    category: Option<ForecastCategory>,
    uncertainty: Option<String>,
    by: &Signature,
) -> Outcome {
    let category = category.unwrap_or(deal.category);
    let uncertainty = uncertainty.filter(|text| !text.is_empty()).or_else(|| deal.uncertainty.clone());
    let allowed = rules::categories(deal.stage);
    let moved = category != deal.category;
    let wrong = match category {
        ForecastCategory::Closed if moved => Some(Refusal::CategorySetByServer),
        _chosen if moved && !allowed.contains(&category) => {
            Some(Refusal::CategoryNotAllowedAtStage { allowed: allowed.to_vec() })
        }
        ForecastCategory::BestCase if uncertainty.is_none() => Some(Refusal::UncertaintyMissing),
        _fine => None,
    };
    unless(wrong, deal, |after| {
        let commits = matches!(category, ForecastCategory::BestCase | ForecastCategory::Commit);
        after.category = category;
        after.uncertainty = uncertainty.filter(|_| category == ForecastCategory::BestCase);
        if moved {
            after.committed_by_id = commits.then_some(by.by);
        }
    })
}

/// P-2: the next stage.
pub fn advanced(deal: &opportunity::Model, wanted: Option<OppyStage>, facts: &Facts) -> Outcome {
    let next = rules::next_stage(deal.stage);
    let skips = wanted.filter(|_| next.is_some()).is_some_and(|wanted| Some(wanted) != next);
    unless(skips.then_some(Refusal::StageNotNext { next }), deal, |after| {
        if let Some(next) = next.filter(|_| gates::to_next(deal, facts).is_empty()) {
            after.stage = next;
            if next == OppyStage::Won {
                sign(after);
            }
        }
    })
}

/// P-14: entering Won, the agreement's date decides the quarter, and the first round of checks begins.
fn sign(deal: &mut opportunity::Model) {
    if let Some(on) = deal.agreement.on {
        deal.signing_on = on.0;
    }
    deal.category = ForecastCategory::Closed;
    deal.uncertainty = None;
}

/// Opens the next round of checks.
pub fn with_round(mut deal: opportunity::Model, by: &Signature) -> opportunity::Model {
    let number = deal.contract.rounds.last().map_or(0, |round| round.number) + 1;
    deal.contract.rounds.push(CheckRound { number, opened_at: by.at, first: None, second: None, refused: None });
    deal
}

/// What is said when a deal is stopped.
#[derive(Clone, Debug, Default)]
pub struct StopWords {
    /// Code of the reason.
    pub reason: Option<String>,
    /// A word on it.
    pub comment: Option<String>,
    /// The competitor who won.
    pub competitor: Option<String>,
    /// On hold: until when.
    pub wake_up_on: Option<Day>,
}

/// P-2: a stop, with a reason from the list and a comment.
pub fn stopped(
    deal: &opportunity::Model,
    stage: OppyStage,
    words: StopWords,
    playbook: &Playbook,
    by: &Signature,
    today: NaiveDate,
) -> Outcome {
    let StopWords { reason, comment, competitor, wake_up_on } = words;
    let (allowed, wake_up_on) = (rules::stops(deal.stage), wake_up_on.map(|day| day.0));
    let list: Vec<String> = playbook.reasons.iter().filter(|r| r.stop == stage).map(|r| r.code.clone()).collect();
    let mut wrong = Vec::new();
    if !allowed.is_empty() && !allowed.contains(&stage) {
        wrong.push(Refusal::StopNotAllowedAtStage { allowed: allowed.to_vec() });
    }
    match &reason {
        None => wrong.push(Refusal::ReasonMissing),
        Some(code) if !list.contains(code) => wrong.push(Refusal::ReasonNotInList { allowed: list }),
        Some(_) => {}
    }
    wrong.extend(comment.is_none().then_some(Refusal::CommentMissing));
    let tomorrow = today.succ_opt().unwrap_or(today);
    if stage == OppyStage::OnHold && wake_up_on.is_none_or(|day| day < tomorrow) {
        wrong.push(Refusal::WakeUpDateMissing { earliest: tomorrow });
    }
    unless(wrong, deal, |after| {
        halt(after, stage, reason.unwrap_or_default(), comment.unwrap_or_default(), by);
        if let Some(stop) = &mut after.stop {
            stop.competitor = competitor.filter(|_| stage == OppyStage::Lost);
        }
        after.wake_up_on = wake_up_on.filter(|_| stage == OppyStage::OnHold);
    })
}

/// Takes a deal off its way. A No Go ends the Go that there was.
fn halt(deal: &mut opportunity::Model, stage: OppyStage, reason: String, comment: String, by: &Signature) {
    deal.stop = Some(Stop {
        reason,
        comment,
        competitor: None,
        from: deal.stage,
        category: deal.category,
        stopped: by.clone(),
        woken: false,
    });
    deal.stage = stage;
}

/// What a No Go ends: every Go, meeting and request; a new decision is needed after it.
fn end_go(deal: &mut opportunity::Model) {
    deal.go.gos.iter_mut().for_each(|go| go.ended = true);
    deal.go.meetings.iter_mut().for_each(|meeting| meeting.ended = true);
    deal.go.conditions.clear();
    deal.go.request = None;
}

/// Back to the stage and the category that it had.
#[must_use]
pub fn resumed(deal: &opportunity::Model) -> opportunity::Model {
    changed(deal, |after| {
        if let Some(stop) = after.stop.take() {
            after.stage = stop.from;
            after.category = stop.category;
        }
        after.wake_up_on = None;
    })
}

/// A stopped deal that is opened again, with a reason.
pub fn reopened(deal: &opportunity::Model, reason: Option<&str>) -> Outcome {
    let wrong = reason.is_none().then_some(Refusal::ReasonMissing);
    unless(wrong, deal, |after| *after = resumed(deal))
}

/// A won deal that fell through.
pub fn annulled(deal: &opportunity::Model, reason: Option<String>, by: &Signature) -> Outcome {
    let wrong = reason.is_none().then_some(Refusal::ReasonMissing);
    unless(wrong, deal, |after| {
        halt(after, OppyStage::Lost, "FELL_THROUGH".to_owned(), reason.unwrap_or_default(), by);
    })
}

/// Another owner, in another delegation perhaps.
#[must_use]
pub fn reassigned(deal: &opportunity::Model, owner: &crate::identity::Delegate) -> opportunity::Model {
    changed(deal, |after| {
        after.owner_id = owner.id;
        after.delegation_id = owner.delegation;
        after.region_id = owner.region;
        after.involved = after.involved.clone().with([owner.id]);
    })
}

/// Records a Go for the class that the deal has.
fn give_go(deal: &mut opportunity::Model, class: SizeClass, route: GoRoute, minutes: Option<String>, by: &Signature) {
    deal.go.gos.push(Go { class, route, minutes, decided: by.clone(), ended: false });
}

/// A decision No Go moves the deal at once.
fn no_go(deal: &mut opportunity::Model, comment: Option<String>, by: &Signature) {
    end_go(deal);
    halt(deal, OppyStage::NoGo, "NO_GO_DECISION".to_owned(), comment.unwrap_or_default(), by);
}

/// P-11: the regional manager's own decision, with minutes.
pub fn rr_decided(deal: &opportunity::Model, decision: GoDecision, minutes: Option<String>, by: &Signature) -> Outcome {
    let impossible = matches!(decision, GoDecision::GoWithConditions | GoDecision::Escalate);
    let wrong =
        [impossible.then_some(Refusal::DecisionNotPossible), minutes.is_none().then_some(Refusal::MinutesMissing)];
    unless(wrong.into_iter().flatten(), deal, |after| match (decision, deal.size_class) {
        (GoDecision::NoGo, _) => no_go(after, minutes, by),
        (_go, Some(class)) => give_go(after, class, GoRoute::Rr, minutes, by),
        // Without a class there is no Go: a rule refused that before.
        (_go, None) => {}
    })
}

/// P-11: the committee is asked for; on a deal that did not need one, it does now.
pub fn requested(deal: &opportunity::Model, reason: Option<String>, by: &Signature) -> Outcome {
    let wrong = reason.is_none().then_some(Refusal::ReasonMissing);
    unless(wrong, deal, |after| {
        after.committee_requested = true;
        after.go.request = Some(CommitteeRequest {
            reason: reason.unwrap_or_default(),
            asked: by.clone(),
            accepted: None,
            declined: None,
        });
    })
}

/// The request is accepted: whoever does it is the deal's engagement manager.
#[must_use]
pub fn request_accepted(deal: &opportunity::Model, by: &Signature) -> opportunity::Model {
    changed(deal, |after| {
        after.engagement_manager_id = Some(by.on_behalf_of.unwrap_or(by.by));
        if let Some(request) = &mut after.go.request {
            request.accepted = Some(by.clone());
        }
    })
}

/// The request is declined, with a reason; a deal that did not need a committee needs none again.
pub fn request_declined(deal: &opportunity::Model, reason: Option<String>, by: &Signature) -> Outcome {
    let wrong = reason.is_none().then_some(Refusal::ReasonMissing);
    unless(wrong, deal, |after| {
        after.committee_requested = false;
        if let Some(request) = &mut after.go.request {
            request.declined = Some(Reasoned { reason: reason.unwrap_or_default(), signature: by.clone() });
        }
    })
}

/// P-11: a meeting on one of the committee's days; one that was planned and not held is moved.
pub fn planned(
    deal: &opportunity::Model,
    kind: CommitteeKind,
    on: Day,
    facts: &Facts,
    by: &Signature,
    today: NaiveDate,
) -> Outcome {
    let due = rules::committee_due(deal, &facts.playbook);
    let too_early = kind == CommitteeKind::Extended && due != Some(CommitteeKind::Extended);
    let too_late = kind == CommitteeKind::Restricted && due == Some(CommitteeKind::Extended);
    let wrong = [
        too_early.then_some(Refusal::ExtendedNotDue),
        too_late.then_some(Refusal::AlreadyDecided),
        wrong_day(kind, on, facts, today),
    ];
    unless(wrong.into_iter().flatten(), deal, |after| {
        after.go.meetings.retain(|meeting| meeting.ended || meeting.decision.is_some() || meeting.minutes.is_some());
        after.go.meetings.push(Meeting {
            committee: kind,
            on,
            planned: by.clone(),
            minutes: None,
            decision: None,
            ended: false,
        });
    })
}

fn wrong_day(kind: CommitteeKind, on: Day, facts: &Facts, today: NaiveDate) -> Option<Refusal> {
    let obstacle: Obstacle = committee::may_meet(&facts.playbook, kind, on.0, today).err()?;
    let next = committee::proposed(&facts.playbook, kind, today, PROPOSED);
    Some(Refusal::CommitteeDay { obstacle, committee: kind, next })
}

/// The meeting that is planned and has not decided, to be changed.
fn undecided(deal: &mut opportunity::Model) -> Option<&mut Meeting> {
    deal.go.meetings.iter_mut().rev().find(|meeting| !meeting.ended && meeting.decision.is_none())
}

/// P-11: minutes, not before the day, with a quorum.
pub fn minuted(
    deal: &opportunity::Model,
    text: Option<String>,
    attendees: Vec<Attendee>,
    facts: &Facts,
    by: &Signature,
    today: NaiveDate,
) -> Outcome {
    let planned = rules::undecided(deal).map(|meeting| meeting.on);
    let wrong = [
        text.is_none().then_some(Refusal::MinutesMissing),
        planned.filter(|on| on.0 > today).map(|on| Refusal::MeetingNotHeld { on }),
        no_quorum(&attendees, &facts.playbook),
    ];
    unless(wrong.into_iter().flatten(), deal, |after| {
        if let Some(meeting) = undecided(after) {
            meeting.minutes = Some(Minutes { text: text.unwrap_or_default(), attendees, written: by.clone() });
        }
    })
}

fn no_quorum(attendees: &[Attendee], playbook: &Playbook) -> Option<Refusal> {
    let is_there = |function| attendees.iter().any(|attendee| attendee.function == function);
    let functions: Vec<_> = playbook.quorum.iter().copied().filter(|function| !is_there(*function)).collect();
    let mut people: Vec<PersonId> = attendees.iter().map(|attendee| attendee.person).collect();
    people.sort_unstable();
    people.dedup();
    let too_few = i32::try_from(people.len()).is_ok_and(|count| count < playbook.quorum_people);
    (!functions.is_empty() || too_few).then_some(Refusal::QuorumMissing { functions, people: playbook.quorum_people })
}

/// A condition as somebody words it.
#[derive(Clone, Debug)]
pub struct ConditionWords {
    /// What has to be.
    pub text: String,
    /// Who sees to it.
    pub owner: Option<PersonId>,
    /// Until when.
    pub due_on: Option<Day>,
}

/// P-11: what the committee that met decides; a No Go moves the deal in the same step.
pub fn decided(
    deal: &opportunity::Model,
    decision: GoDecision,
    comment: Option<String>,
    conditions: Vec<ConditionWords>,
    facts: &Facts,
    by: &Signature,
    today: NaiveDate,
) -> Outcome {
    let Some((committee, on)) = rules::undecided(deal).map(|meeting| (meeting.committee, meeting.on)) else {
        return Err(Vec::new());
    };
    let wrong = wrong_decision(committee, decision, &conditions)
        .into_iter()
        .chain((on.0 > today).then_some(Refusal::MeetingNotHeld { on }));
    let route = match committee {
        CommitteeKind::Restricted => GoRoute::Restricted,
        CommitteeKind::Extended => GoRoute::Extended,
    };
    unless(wrong, deal, |after| {
        let Some(class) = deal.size_class else { return };
        if let Some(meeting) = undecided(after) {
            let comment = comment.clone();
            meeting.decision = Some(CommitteeDecision { decision, class, comment, decided: by.clone() });
        }
        match decision {
            GoDecision::NoGo => no_go(after, comment, by),
            GoDecision::Escalate => {}
            GoDecision::Go | GoDecision::GoWithConditions => {
                after.go.conditions = conditions.into_iter().filter_map(|words| condition(words, committee)).collect();
                // What is due is asked behind the decision: the restricted committee's word alone may not be enough.
                if rules::route_due(after, &facts.playbook).is_some_and(|due| route >= due) {
                    give_go(after, class, route, None, by);
                }
            }
        }
    })
}

fn condition(words: ConditionWords, committee: CommitteeKind) -> Option<Condition> {
    let ConditionWords { text, owner, due_on } = words;
    Some(Condition { text, owner: owner?, due_on: due_on?, committee, met: None, waived: None })
}

fn wrong_decision(committee: CommitteeKind, decision: GoDecision, conditions: &[ConditionWords]) -> Vec<Refusal> {
    let mut wrong = Vec::new();
    let escalates_twice = committee == CommitteeKind::Extended && decision == GoDecision::Escalate;
    let conditional = decision == GoDecision::GoWithConditions;
    if escalates_twice || (!conditional && !conditions.is_empty()) {
        wrong.push(Refusal::DecisionNotPossible);
    }
    wrong.extend((conditional && conditions.is_empty()).then_some(Refusal::ConditionsMissing));
    for (place, words) in conditions.iter().enumerate().filter(|_| conditional) {
        let text = path(&["conditions", &place.to_string(), "text"]);
        wrong.extend(words.text.is_empty().then_some(Refusal::TextMissing { field: text }));
        wrong.extend(words.owner.is_none().then_some(Refusal::ConditionOwnerMissing { place }));
        wrong.extend(words.due_on.is_none().then_some(Refusal::ConditionDateMissing { place }));
    }
    wrong
}

/// The pitch for the extended committee.
pub fn pitched(deal: &opportunity::Model, pitch: String) -> Outcome {
    unless(empty("pitch", &pitch), deal, |after| after.go.extended_pitch = Some(pitch))
}

/// The place of an open condition, by its number from 1.
pub fn open_condition(deal: &opportunity::Model, number: i32) -> Option<(usize, &Condition)> {
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    rules::open_conditions(deal).find(|(open, _)| *open == place)
}

/// A condition is met: by its owner, the deal's owner, or the regional manager.
pub fn condition_met(
    deal: &opportunity::Model,
    number: i32,
    may: impl Fn(&Condition) -> bool,
    by: &Signature,
) -> Outcome {
    let Some((place, condition)) = open_condition(deal, number) else { return Err(vec![Refusal::ConditionNotOpen]) };
    let elsewhere = (!may(condition)).then_some(Refusal::NotYourStep { stage: deal.stage });
    unless(elsewhere, deal, |after| after.go.conditions[place].met = Some(by.clone()))
}

/// A condition is waived, with a reason, by who may take the decision that set it.
pub fn condition_waived(
    deal: &opportunity::Model,
    number: i32,
    reason: Option<String>,
    may: impl Fn(CommitteeKind) -> bool,
    by: &Signature,
) -> Outcome {
    let Some((place, condition)) = open_condition(deal, number) else { return Err(vec![Refusal::ConditionNotOpen]) };
    let wrong = [
        (!may(condition.committee)).then_some(Refusal::NotYourStep { stage: deal.stage }),
        reason.is_none().then_some(Refusal::ReasonMissing),
    ];
    unless(wrong.into_iter().flatten(), deal, |after| {
        let waived = Reasoned { reason: reason.unwrap_or_default(), signature: by.clone() };
        after.go.conditions[place].waived = Some(waived);
    })
}

/// The teams that have to sign off (P-12): at least one, those that the playbook forces among them.
pub fn teams_required(
    deal: &opportunity::Model,
    teams: Vec<Team>,
    reason: Option<&str>,
    playbook: &Playbook,
) -> Outcome {
    let before = rules::teams_required(deal, playbook);
    let forced = rules::class_rules(deal, playbook).map(|rules| rules.teams).unwrap_or_default();
    let out: Vec<Team> = forced.into_iter().filter(|team| !teams.contains(team) && before.contains(team)).collect();
    let removes = deal.proposal.required_teams.iter().any(|team| !teams.contains(team));
    let wrong = [
        (!out.is_empty()).then_some(Refusal::TeamForced { teams: out }),
        teams.is_empty().then_some(super::error::Missing::RequiredTeams.into()),
        (removes && reason.is_none()).then_some(Refusal::ReasonMissing),
    ];
    unless(wrong.into_iter().flatten(), deal, |after| {
        after.proposal.sign_offs.retain(|sign_off| teams.contains(&sign_off.team));
        after.proposal.required_teams = Team::ALL.iter().filter(|team| teams.contains(team)).copied().collect();
    })
}

/// A part of the proposal is ready, or not any more.
#[must_use]
pub fn deliverable_set(
    deal: &opportunity::Model,
    deliverable: Deliverable,
    ready: bool,
    note: Option<String>,
    by: &Signature,
) -> opportunity::Model {
    changed(deal, |after| {
        after.proposal.deliverables.retain(|part| part.deliverable != deliverable);
        if ready {
            after.proposal.deliverables.push(ReadyDeliverable { deliverable, note, declared: by.clone() });
        }
    })
}

/// A team signs off.
#[must_use]
pub fn signed_off(deal: &opportunity::Model, team: Team, person: PersonId, by: &Signature) -> opportunity::Model {
    changed(deal, |after| {
        after.proposal.sign_offs.retain(|sign_off| sign_off.team != team);
        after.proposal.sign_offs.push(SignOff { team, person, recorded: by.clone() });
    })
}

/// A review of the version in hand.
pub fn reviewed(
    deal: &opportunity::Model,
    on: Day,
    participants: Vec<PersonId>,
    comment: Option<String>,
    by: &Signature,
    today: NaiveDate,
) -> Outcome {
    let nobody = participants.is_empty().then(|| Refusal::TextMissing { field: path(&["participants"]) });
    unless(in_future("on", on, today).into_iter().chain(nobody), deal, |after| {
        let version = rules::version_in_hand(deal);
        after.proposal.reviews.push(Review { version, on, participants, comment, recorded: by.clone() });
    })
}

/// The version in hand goes to the client.
pub fn sent(deal: &opportunity::Model, on: Day, recipient: String, by: &Signature, today: NaiveDate) -> Outcome {
    unless(in_future("on", on, today).into_iter().chain(empty("recipient", &recipient)), deal, |after| {
        let version = rules::version_in_hand(deal);
        after.proposal.sendings.push(Sending { version, on, recipient, recorded: by.clone() });
    })
}

/// A discount (P-13). Above the owner's level it waits.
#[must_use]
pub fn discounted(deal: &opportunity::Model, discount: i32, by: &Signature) -> opportunity::Model {
    changed(deal, |after| {
        after.negotiation.discount = discount;
        after.negotiation.asked = Some(by.clone());
        after.negotiation.refused = None;
    })
}

/// A word on the discount that waits; a refusal has a reason and resets it.
pub fn discount_judged(
    deal: &opportunity::Model,
    agree: bool,
    reason: Option<String>,
    level: DiscountLevel,
    by: &Signature,
) -> Outcome {
    let wrong = (!agree && reason.is_none()).then_some(Refusal::ReasonMissing);
    unless(wrong, deal, |after| match (agree, deal.size_class) {
        (true, Some(class)) => {
            let discount = deal.negotiation.discount;
            after.negotiation.agreed = Some(DiscountAgreement { discount, class, level, agreed: by.clone() });
        }
        (true, None) => {}
        (false, _) => {
            after.negotiation.discount = 0;
            let refused = Reasoned { reason: reason.unwrap_or_default(), signature: by.clone() };
            after.negotiation.refused = Some(refused);
        }
    })
}

/// A schedule whose milestones all have names.
fn nameless(milestones: &[Milestone]) -> impl Iterator<Item = Refusal> {
    milestones
        .iter()
        .enumerate()
        .filter(|(_, milestone)| milestone.name.is_empty())
        .map(|(place, _)| Refusal::TextMissing { field: path(&["milestones", &place.to_string(), "name"]) })
}

/// The response schedule (P-11).
pub fn response_scheduled(deal: &opportunity::Model, milestones: Vec<Milestone>) -> Outcome {
    let none = milestones.is_empty().then_some(super::error::Missing::ResponseSchedule.into());
    let wrong: Vec<Refusal> = none.into_iter().chain(nameless(&milestones)).collect();
    unless(wrong, deal, |after| after.go.response_schedule = milestones)
}

/// The reverse schedule (P-13): at least one milestone, none behind the signing date.
pub fn reverse_scheduled(deal: &opportunity::Model, milestones: Vec<Milestone>) -> Outcome {
    use super::error::Missing;
    let none = milestones.is_empty().then_some(Missing::ReverseSchedule.into());
    let late = milestones.iter().filter(|milestone| milestone.on.0 > deal.signing_on).map(|milestone| {
        let (name, on) = (milestone.name.clone(), milestone.on);
        Refusal::from(Missing::ReverseScheduleBeyondSigning { name, on, signing_on: deal.signing_on })
    });
    let wrong: Vec<Refusal> = none.into_iter().chain(nameless(&milestones)).chain(late).collect();
    unless(wrong, deal, |after| after.negotiation.reverse_schedule = milestones)
}

/// An answer to the client is drafted.
pub fn drafted(deal: &opportunity::Model, text: String, by: &Signature) -> Outcome {
    unless(empty("text", &text), deal, |after| {
        let number = after.negotiation.answers.iter().map(|answer| answer.number).max().unwrap_or(0) + 1;
        after.negotiation.answers.push(Answer { number, text, drafted: by.clone(), approved: None, sent: None });
    })
}

/// An answer is approved, not by its author.
pub fn answer_approved(
    deal: &opportunity::Model,
    number: i32,
    is_author: impl Fn(&Signature) -> bool,
    by: &Signature,
) -> Outcome {
    let waiting = rules::answers_to_approve(deal).find(|answer| answer.number == number);
    let Some(answer) = waiting else { return Err(vec![Refusal::AnswerNotWaiting]) };
    unless(is_author(&answer.drafted).then_some(Refusal::OwnOpportunity), deal, |after| {
        let answers = &mut after.negotiation.answers;
        answers.iter_mut().filter(|answer| answer.number == number).for_each(|a| a.approved = Some(by.clone()));
    })
}

/// An approved answer goes to the client.
pub fn answer_sent(deal: &opportunity::Model, number: i32, by: &Signature) -> Outcome {
    let answer = deal.negotiation.answers.iter().find(|answer| answer.number == number && answer.sent.is_none());
    let wrong = match answer {
        None => Some(Refusal::AnswerNotWaiting),
        Some(answer) if answer.approved.is_none() => Some(Refusal::AnswerNotApproved),
        Some(_) => None,
    };
    unless(wrong, deal, |after| {
        let answers = &mut after.negotiation.answers;
        answers.iter_mut().filter(|answer| answer.number == number).for_each(|a| a.sent = Some(by.clone()));
    })
}

/// The client's agreement, as far as it is known (P-13).
pub fn agreed(deal: &opportunity::Model, on: Option<Day>, signatory: Option<String>, today: NaiveDate) -> Outcome {
    unless(on.and_then(|on| in_future("on", on, today)), deal, |after| {
        after.agreement.on = on.or(after.agreement.on);
        after.agreement.signatory = signatory.or_else(|| after.agreement.signatory.clone());
    })
}

/// P-14: all documents conform. The second check closes the deal.
pub fn conforming(deal: &opportunity::Model, facts: &Facts, by: &Signature) -> Outcome {
    let missing = gates::documents(deal, facts).into_iter().map(Refusal::Missing);
    unless(missing, deal, |after| {
        let due = rules::check_due(deal);
        let Some(round) = after.contract.rounds.last_mut() else { return };
        match due {
            Some(Check::First) => round.first = Some(by.clone()),
            Some(Check::Second) => {
                round.second = Some(by.clone());
                after.stage = OppyStage::ClosedWon;
            }
            Some(Check::Owner) | None => {}
        }
    })
}

/// P-14: some documents do not conform, each with a reason: the deal goes back to its owner.
pub fn non_conforming(
    deal: &opportunity::Model,
    documents: Vec<NonConforming>,
    facts: &Facts,
    by: &Signature,
) -> Outcome {
    let is_known = |id: OppyDocumentId| rules::in_force(facts).any(|document| document.id == id);
    let unknown = documents.iter().enumerate().filter(|(_, named)| !is_known(named.document));
    let mut wrong: Vec<Refusal> = unknown.map(|(place, _)| Refusal::DocumentUnknown { place }).collect();
    if documents.is_empty() || documents.iter().any(|named| named.reason.is_empty()) {
        wrong.push(Refusal::NonConformingMissing);
    }
    unless(wrong, deal, |after| {
        if let Some(round) = after.contract.rounds.last_mut() {
            round.refused = Some(NonConformity { documents, declared: by.clone() });
        }
    })
}
