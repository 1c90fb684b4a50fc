//! The gates (P-10 to P-15): everything that is missing before a deal may go on. Pure.

use ::entity::{
    sales::opportunity,
    vocabulary::{CommitteeKind, OppyStage},
};

use super::{
    error::{Missing, Refusal},
    rules::{self, Check, Facts, GoStep},
};

/// Everything that keeps a deal from its next stage (P-15); nothing where it may go on.
#[must_use]
pub fn to_next(deal: &opportunity::Model, facts: &Facts) -> Vec<Refusal> {
    let missing = match deal.stage {
        OppyStage::Identification => to_qualification(deal, facts),
        OppyStage::Qualification => to_proposition(deal, facts),
        OppyStage::Proposition => to_negotiation(deal, facts),
        OppyStage::Negotiation => to_won(deal, facts),
        OppyStage::Won => to_closed(deal, facts),
        OppyStage::ClosedWon => return vec![Refusal::DealClosed],
        OppyStage::NoGo | OppyStage::OnHold | OppyStage::Lost | OppyStage::Dismissed => {
            return vec![Refusal::DealStopped { stage: deal.stage }];
        }
    };
    missing.into_iter().map(Refusal::Missing).collect()
}

/// P-10.
fn to_qualification(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let client = facts.client;
    let mut missing = Vec::new();
    missing.extend((!client.siret).then_some(Missing::AccountSiret));
    missing.extend((!client.address).then_some(Missing::AccountAddress));
    missing.extend((!client.sector).then_some(Missing::AccountSector));
    missing.extend(rules::sheet_missing(deal).into_iter().map(Missing::SheetPart));
    missing.extend(deal.sheet.pitch.is_empty().then_some(Missing::Pitch));
    missing.extend(class_unknown(deal));
    missing
}

fn class_unknown(deal: &opportunity::Model) -> Option<Missing> {
    deal.size_class.is_none().then_some(Missing::SizeClass)
}

/// P-11.
fn to_proposition(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let mut missing = go(deal, facts);
    let route = rules::route_due(deal, &facts.playbook);
    if route.is_some_and(|route| route > ::entity::vocabulary::GoRoute::Rr) {
        missing.extend(deal.go.response_team.is_empty().then_some(Missing::ResponseTeam));
        missing.extend(deal.go.response_schedule.is_empty().then_some(Missing::ResponseSchedule));
    }
    missing
}

/// The steps that are missing to a Go that holds, and that an earlier one does not hold any more.
#[must_use]
pub fn go(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let is_stale = rules::go_is_stale(deal, &facts.playbook).then_some(Missing::GoStale);
    let steps = rules::go_steps_due(deal, &facts.playbook);
    class_unknown(deal).into_iter().chain(is_stale).chain(steps.into_iter().map(go_step)).collect()
}

/// What a step of the road to a Go is called where it is missing.
#[must_use]
pub const fn go_step(step: GoStep) -> Missing {
    use CommitteeKind::{Extended, Restricted};
    match step {
        GoStep::RrDecision => Missing::RrGo,
        GoStep::Request => Missing::CommitteeRequest,
        GoStep::Acceptance => Missing::CommitteeRequestAcceptance,
        GoStep::ExtendedPitch => Missing::ExtendedPitch,
        GoStep::Meeting(Restricted) => Missing::RestrictedMeeting,
        GoStep::Minutes(Restricted) => Missing::RestrictedMinutes,
        GoStep::Decision(Restricted) => Missing::RestrictedDecision,
        GoStep::Meeting(Extended) => Missing::ExtendedMeeting,
        GoStep::Minutes(Extended) => Missing::ExtendedMinutes,
        GoStep::Decision(Extended) => Missing::ExtendedDecision,
    }
}

/// P-12: the gate is that the proposal was sent; until then, everything that sending needs.
fn to_negotiation(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let mut missing = go(deal, facts);
    if deal.proposal.sendings.is_empty() {
        missing.extend(proposal(deal, facts));
        missing.push(Missing::ProposalNotSent);
    }
    missing
}

/// What a version of the proposal needs before it is sent (P-12).
#[must_use]
pub fn proposal(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let playbook = &facts.playbook;
    let version = rules::version_in_hand(deal);
    let is_reviewed = deal.proposal.reviews.iter().any(|review| review.version == version);
    let mut missing: Vec<Missing> =
        rules::deliverables_missing(deal, playbook).into_iter().map(Missing::Deliverable).collect();
    missing.extend(rules::teams_required(deal, playbook).is_empty().then_some(Missing::RequiredTeams));
    missing.extend(rules::sign_offs_missing(deal, playbook).into_iter().map(Missing::SignOff));
    missing.extend((!is_reviewed).then_some(Missing::ProposalReview { version }));
    missing
}

/// P-12: sending is refused without review, with an open condition, or without a Go that holds.
#[must_use]
pub fn sending(deal: &opportunity::Model, facts: &Facts) -> Vec<Refusal> {
    let missing = go(deal, facts).into_iter().chain(proposal(deal, facts)).map(Refusal::Missing);
    let open = rules::open_conditions(deal).map(|(place, condition)| Refusal::ConditionOpen {
        number: place + 1,
        text: condition.text.clone(),
        due_on: condition.due_on,
    });
    missing.chain(open).collect()
}

/// P-13.
fn to_won(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let (agreement, negotiation) = (&deal.agreement, &deal.negotiation);
    let mut missing = go(deal, facts);
    missing.extend(agreement.document.is_none().then_some(Missing::ClientAgreementDocument));
    missing.extend(agreement.on.is_none().then_some(Missing::ClientAgreementDate));
    missing.extend(agreement.signatory.is_none().then_some(Missing::ClientAgreementSignatory));
    missing.extend(negotiation.kind.is_none().then_some(Missing::NegotiationKind));
    let level = rules::agreement_due(deal, &facts.playbook);
    missing.extend(level.map(|level| Missing::DiscountAgreement { level, discount: negotiation.discount }));
    missing.extend(negotiation.reverse_schedule.is_empty().then_some(Missing::ReverseSchedule));
    missing.extend(beyond_signing(deal));
    missing
}

/// Milestones of the reverse schedule behind the signing date, judged again when the date moves.
fn beyond_signing(deal: &opportunity::Model) -> Option<Missing> {
    let late = deal.negotiation.reverse_schedule.iter().find(|milestone| milestone.on.0 > deal.signing_on)?;
    Some(Missing::ReverseScheduleBeyondSigning { name: late.name.clone(), on: late.on, signing_on: deal.signing_on })
}

/// P-14: the second check closes the deal, so that one of the checks is always missing here.
fn to_closed(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let mut missing = documents(deal, facts);
    missing.extend((rules::check_due(deal) != Some(Check::Second)).then_some(Missing::FirstCheck));
    missing.push(Missing::SecondCheck);
    missing
}

/// The documents that are not there, and those that did not conform and were not replaced.
#[must_use]
pub fn documents(deal: &opportunity::Model, facts: &Facts) -> Vec<Missing> {
    let absent = rules::documents_missing(deal, facts).into_iter().map(Missing::Document);
    absent.chain(rules::documents_refused(facts).into_iter().map(Missing::ConformingDocument)).collect()
}
