//! What the facts say about a deal: its class, its leader, the road to its Go, what it may be sold for. Pure.

use ::entity::{
    sales::{opportunity, oppy_document},
    vocabulary::{
        CheckRound, ClassRules, CommitteeKind, Condition, ContractDocument, Deciders, Deliverable, DiscountLevel,
        ForecastCategory, GoDecision, GoRoute, Meeting, Money, OppyStage, People, PersonId, Playbook, SheetPart,
        Signature, SizeClass, Team,
    },
};

use crate::playbook;

/// What the rules have to know beside the deal itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The rules in force.
    pub playbook: Playbook,
    /// How much is known of the client.
    pub client: Client,
    /// Its documents, oldest first.
    pub documents: Vec<oppy_document::Model>,
    /// Who may act for a function on it.
    pub deciders: Deciders,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            playbook: playbook::shipped(),
            client: Client::default(),
            documents: Vec::new(),
            deciders: Deciders::default(),
        }
    }
}

/// How much is known of a client (P-10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// A site has a SIRET number.
    pub siret: bool,
    /// A site has an address.
    pub address: bool,
    /// The sector is known.
    pub sector: bool,
}

/// Who leads a deal in its stage (P-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "OppyLeader")]
pub enum Leader {
    /// Sales: the owner.
    Sales,
    /// The engagement manager.
    EngagementManager,
    /// Both together.
    SalesAndEngagementManager,
}

/// An amount is larger than any may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// One-off, a year's recurring and services together; none where none of them is known.
///
/// # Errors
/// [`TooLarge`], where the sum is.
pub fn amount(
    one_off: Option<Money>,
    recurring: Option<Money>,
    services: Option<Money>,
) -> Result<Option<Money>, TooLarge> {
    let mut known = [one_off, recurring, services].into_iter().flatten();
    let Some(first) = known.next() else { return Ok(None) };
    let sum = known.try_fold(first.0, |sum, part| sum.checked_add(part.0)).map(Money);
    sum.filter(|sum| sum.is_in_range()).map(Some).ok_or(TooLarge)
}

/// P-1: the highest class that any clause gives; unknown without an amount, unless it is a special bid.
#[must_use]
pub fn size_class(deal: &opportunity::Model, playbook: &Playbook) -> Option<SizeClass> {
    if deal.special_bid {
        return Some(SizeClass::Large);
    }
    let amount = deal.amount?;
    Some(if amount > playbook.large_above {
        SizeClass::Large
    } else if amount >= playbook.middle_from || deal.complex {
        SizeClass::Middle
    } else {
        SizeClass::Small
    })
}

/// P-3; sales wherever it is silent.
#[must_use]
pub fn leader(deal: &opportunity::Model) -> Leader {
    match (deal.size_class, deal.stage) {
        (Some(SizeClass::Large), OppyStage::Proposition) => Leader::EngagementManager,
        (Some(SizeClass::Large), OppyStage::Negotiation) => Leader::SalesAndEngagementManager,
        _otherwise => Leader::Sales,
    }
}

/// P-4: the categories that may be chosen in a stage.
#[must_use]
pub const fn categories(stage: OppyStage) -> &'static [ForecastCategory] {
    use ForecastCategory::{BestCase, Commit, Omitted, Pipeline};
    match stage {
        OppyStage::Identification | OppyStage::Qualification => &[Pipeline, BestCase, Commit],
        OppyStage::Proposition | OppyStage::Negotiation => &[Pipeline, BestCase, Commit, Omitted],
        OppyStage::Won
        | OppyStage::ClosedWon
        | OppyStage::NoGo
        | OppyStage::OnHold
        | OppyStage::Lost
        | OppyStage::Dismissed => &[],
    }
}

/// P-2: the stops that can be reached from a stage.
#[must_use]
pub const fn stops(stage: OppyStage) -> &'static [OppyStage] {
    use OppyStage::{Dismissed, Lost, NoGo, OnHold};
    match stage {
        OppyStage::Identification | OppyStage::Qualification => &[NoGo, OnHold, Lost, Dismissed],
        OppyStage::Proposition | OppyStage::Negotiation => &[NoGo, OnHold, Lost],
        OppyStage::Won
        | OppyStage::ClosedWon
        | OppyStage::NoGo
        | OppyStage::OnHold
        | OppyStage::Lost
        | OppyStage::Dismissed => &[],
    }
}

/// The stage that follows on the way to the signature; none at its end and in a stop.
#[must_use]
pub const fn next_stage(stage: OppyStage) -> Option<OppyStage> {
    match stage {
        OppyStage::Identification => Some(OppyStage::Qualification),
        OppyStage::Qualification => Some(OppyStage::Proposition),
        OppyStage::Proposition => Some(OppyStage::Negotiation),
        OppyStage::Negotiation => Some(OppyStage::Won),
        OppyStage::Won => Some(OppyStage::ClosedWon),
        OppyStage::ClosedWon | OppyStage::NoGo | OppyStage::OnHold | OppyStage::Lost | OppyStage::Dismissed => None,
    }
}

/// The parts of the deal sheet that are still empty (P-10).
#[must_use]
pub fn sheet_missing(deal: &opportunity::Model) -> Vec<SheetPart> {
    let sheet = &deal.sheet;
    let text = |part: &SheetPart| match part {
        SheetPart::Commercial => &sheet.commercial,
        SheetPart::Structural => &sheet.structural,
        SheetPart::Functional => &sheet.functional,
        SheetPart::Technical => &sheet.technical,
    };
    SheetPart::ALL.iter().filter(|part| text(part).is_empty()).copied().collect()
}

/// A step of the road to a Go (P-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoStep {
    /// The regional manager's own decision.
    RrDecision,
    /// Somebody asks for the committee.
    Request,
    /// The request is accepted.
    Acceptance,
    /// The pitch for the extended committee.
    ExtendedPitch,
    /// A meeting is planned.
    Meeting(CommitteeKind),
    /// Its minutes are written.
    Minutes(CommitteeKind),
    /// It decides.
    Decision(CommitteeKind),
}

/// P-11: the road that a Go has to come by; none while the class is unknown.
#[must_use]
pub fn route_due(deal: &opportunity::Model, playbook: &Playbook) -> Option<GoRoute> {
    let class = deal.size_class?;
    let is_flagged = deal.complex
        || deal.special_bid
        || deal.presales_investment
        || deal.out_of_standard
        || deal.committee_requested;
    let is_extended = class == SizeClass::Large && playbook.large_needs_extended;
    Some(if is_extended || is_escalated(deal, class) {
        GoRoute::Extended
    } else if class == SizeClass::Small && !is_flagged {
        GoRoute::Rr
    } else {
        GoRoute::Restricted
    })
}

fn is_escalated(deal: &opportunity::Model, class: SizeClass) -> bool {
    let decided = deal.go.meetings.iter().filter(|meeting| !meeting.ended).filter_map(|m| m.decision.as_ref());
    decided.filter(|decision| decision.class == class).any(|decision| decision.decision == GoDecision::Escalate)
}

/// Whether a Go holds: taken for the present class, by at least the road that is due now.
#[must_use]
pub fn go_holds(deal: &opportunity::Model, playbook: &Playbook) -> bool {
    let due = route_due(deal, playbook);
    let holds = |route| due.is_some_and(|due| route >= due);
    deal.go.gos.iter().any(|go| !go.ended && Some(go.class) == deal.size_class && holds(go.route))
}

/// Whether a Go was given that does not hold any more.
#[must_use]
pub fn go_is_stale(deal: &opportunity::Model, playbook: &Playbook) -> bool {
    deal.go.gos.iter().any(|go| !go.ended) && !go_holds(deal, playbook)
}

/// The meeting of a committee that counts now: one that has not decided, or that decided on the present class.
#[must_use]
pub fn sitting(deal: &opportunity::Model, committee: CommitteeKind) -> Option<&Meeting> {
    let counts = |meeting: &&Meeting| {
        let class = meeting.decision.as_ref().map(|decision| decision.class);
        meeting.committee == committee && !meeting.ended && class.is_none_or(|class| Some(class) == deal.size_class)
    };
    deal.go.meetings.iter().rev().find(counts)
}

/// The meeting that is planned or held and has not decided.
#[must_use]
pub fn undecided(deal: &opportunity::Model) -> Option<&Meeting> {
    deal.go.meetings.iter().rev().find(|meeting| !meeting.ended && meeting.decision.is_none())
}

/// The steps of the road to a Go that are not done, in their order; none while a Go holds.
#[must_use]
pub fn go_steps_due(deal: &opportunity::Model, playbook: &Playbook) -> Vec<GoStep> {
    if go_holds(deal, playbook) {
        return Vec::new();
    }
    match route_due(deal, playbook) {
        None => Vec::new(),
        Some(GoRoute::Rr) => vec![GoStep::RrDecision],
        Some(GoRoute::Restricted) => committee_steps(deal),
        Some(GoRoute::Extended) => {
            let mut steps = committee_steps(deal);
            steps.extend(deal.go.extended_pitch.is_none().then_some(GoStep::ExtendedPitch));
            steps.extend(meeting_steps(deal, CommitteeKind::Extended));
            steps
        }
    }
}

fn committee_steps(deal: &opportunity::Model) -> Vec<GoStep> {
    let request = deal.go.request.as_ref().filter(|request| request.declined.is_none());
    let mut steps = Vec::new();
    steps.extend(request.is_none().then_some(GoStep::Request));
    steps.extend(request.is_none_or(|request| request.accepted.is_none()).then_some(GoStep::Acceptance));
    steps.extend(meeting_steps(deal, CommitteeKind::Restricted));
    steps
}

fn meeting_steps(deal: &opportunity::Model, committee: CommitteeKind) -> Vec<GoStep> {
    let meeting = sitting(deal, committee);
    let (is_written, is_decided) =
        (meeting.is_some_and(|m| m.minutes.is_some()), meeting.is_some_and(|m| m.decision.is_some()));
    let mut steps = Vec::new();
    steps.extend(meeting.is_none().then_some(GoStep::Meeting(committee)));
    steps.extend((!is_written).then_some(GoStep::Minutes(committee)));
    steps.extend((!is_decided).then_some(GoStep::Decision(committee)));
    steps
}

/// The committee whose meeting is to be planned next; none where none is due.
#[must_use]
pub fn committee_due(deal: &opportunity::Model, playbook: &Playbook) -> Option<CommitteeKind> {
    let is_open = |step: &GoStep| match step {
        GoStep::Decision(committee) => Some(*committee),
        GoStep::RrDecision
        | GoStep::Request
        | GoStep::Acceptance
        | GoStep::ExtendedPitch
        | GoStep::Meeting(_)
        | GoStep::Minutes(_) => None,
    };
    go_steps_due(deal, playbook).iter().find_map(is_open)
}

/// What the playbook asks of the deal's class.
#[must_use]
pub fn class_rules(deal: &opportunity::Model, playbook: &Playbook) -> Option<ClassRules> {
    deal.size_class.map(|class| playbook::rules_of(playbook, class))
}

/// The parts of the proposal that are not ready (P-12).
#[must_use]
pub fn deliverables_missing(deal: &opportunity::Model, playbook: &Playbook) -> Vec<Deliverable> {
    let required = class_rules(deal, playbook).map(|rules| rules.deliverables).unwrap_or_default();
    let is_ready = |part: &Deliverable| deal.proposal.deliverables.iter().any(|ready| ready.deliverable == *part);
    required.into_iter().filter(|part| !is_ready(part)).collect()
}

/// The teams that have to sign off: those named, and those that the playbook forces.
#[must_use]
pub fn teams_required(deal: &opportunity::Model, playbook: &Playbook) -> Vec<Team> {
    let forced = class_rules(deal, playbook).map(|rules| rules.teams).unwrap_or_default();
    let named = &deal.proposal.required_teams;
    Team::ALL.iter().filter(|team| named.contains(team) || forced.contains(team)).copied().collect()
}

/// The teams that have not signed off (P-12).
#[must_use]
pub fn sign_offs_missing(deal: &opportunity::Model, playbook: &Playbook) -> Vec<Team> {
    let signed = |team: &Team| deal.proposal.sign_offs.iter().any(|sign_off| sign_off.team == *team);
    teams_required(deal, playbook).into_iter().filter(|team| !signed(team)).collect()
}

/// The version of the proposal that is being made, from 1.
#[must_use]
pub fn version_in_hand(deal: &opportunity::Model) -> i32 {
    deal.proposal.sendings.iter().map(|sending| sending.version).max().unwrap_or(0) + 1
}

/// The conditions that are neither met nor waived.
pub fn open_conditions(deal: &opportunity::Model) -> impl Iterator<Item = (usize, &Condition)> {
    deal.go.conditions.iter().enumerate().filter(|(_, condition)| condition.met.is_none() && condition.waived.is_none())
}

/// P-13: who may agree to a discount on a deal of a class; limits are inclusive.
#[must_use]
pub fn discount_level(discount: i32, rules: &ClassRules) -> DiscountLevel {
    if discount <= rules.sales_discount {
        DiscountLevel::Sales
    } else if discount <= rules.rr_discount {
        DiscountLevel::Rr
    } else {
        DiscountLevel::Director
    }
}

/// The level whose agreement the deal's discount waits for; none where sales may give it or somebody agreed to
/// at least as much for the same class.
#[must_use]
pub fn agreement_due(deal: &opportunity::Model, playbook: &Playbook) -> Option<DiscountLevel> {
    let rules = class_rules(deal, playbook)?;
    let discount = deal.negotiation.discount;
    let is_agreed = deal.negotiation.agreed.as_ref().is_some_and(|a| a.class == rules.class && a.discount >= discount);
    let level = discount_level(discount, &rules);
    (level != DiscountLevel::Sales && !is_agreed).then_some(level)
}

/// The round of checks that is under way or was last (P-14).
#[must_use]
pub fn round(deal: &opportunity::Model) -> Option<&CheckRound> {
    deal.contract.rounds.last()
}

/// For whom the contract documents wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// For the assistant.
    First,
    /// For sales administration.
    Second,
    /// For the owner, who replaces what did not conform.
    Owner,
}

/// For whom the contract documents of a won deal wait.
#[must_use]
pub fn check_due(deal: &opportunity::Model) -> Option<Check> {
    if deal.stage != OppyStage::Won {
        return None;
    }
    let round = round(deal)?;
    Some(match (&round.refused, &round.first) {
        (Some(_), _) => Check::Owner,
        (None, None) => Check::First,
        (None, Some(_)) => Check::Second,
    })
}

/// The documents of the contract that are not there (P-14).
#[must_use]
pub fn documents_missing(deal: &opportunity::Model, facts: &Facts) -> Vec<ContractDocument> {
    let required = class_rules(deal, &facts.playbook).map(|rules| rules.documents).unwrap_or_default();
    let is_there = |kind: &ContractDocument| in_force(facts).any(|document| document.kind == *kind);
    required.into_iter().filter(|kind| !is_there(kind)).collect()
}

/// The documents that were declared non-conforming and not replaced.
#[must_use]
pub fn documents_refused(facts: &Facts) -> Vec<ContractDocument> {
    let refused = in_force(facts).filter(|document| document.refused_for.is_some());
    let mut kinds: Vec<ContractDocument> = refused.map(|document| document.kind).collect();
    kinds.dedup();
    kinds
}

/// The documents that no later one took the place of.
pub fn in_force(facts: &Facts) -> impl Iterator<Item = &oppy_document::Model> {
    facts.documents.iter().filter(|document| document.replaced_at.is_none())
}

/// Everybody behind a signature: who signed, and for whom.
pub fn signers(signature: &Signature) -> impl Iterator<Item = PersonId> + use<> {
    [Some(signature.by), signature.on_behalf_of].into_iter().flatten()
}

/// Segregation of duties: who may not decide on the deal, nor on a request of their own making.
#[must_use]
pub fn barred<'s>(deal: &opportunity::Model, requests: impl IntoIterator<Item = &'s Signature>) -> People {
    deal.involved.clone().with(requests.into_iter().flat_map(signers))
}

/// Whether nobody of some people may decide.
#[must_use]
pub fn nobody_left(people: &[PersonId], barred: &People) -> bool {
    people.iter().all(|person| barred.iter().any(|out| out == *person))
}

/// Who asked for the committee.
#[must_use]
pub fn asker(deal: &opportunity::Model) -> Option<&Signature> {
    deal.go.request.as_ref().map(|request| &request.asked)
}

/// Who may not decide by a committee.
#[must_use]
pub fn barred_from_committee(deal: &opportunity::Model) -> People {
    barred(deal, asker(deal))
}

/// Who may not agree to the discount.
#[must_use]
pub fn barred_from_discount(deal: &opportunity::Model) -> People {
    barred(deal, deal.negotiation.asked.as_ref())
}

/// The answers that wait for approval.
pub fn answers_to_approve(deal: &opportunity::Model) -> impl Iterator<Item = &::entity::vocabulary::Answer> {
    deal.negotiation.answers.iter().filter(|answer| answer.approved.is_none() && answer.sent.is_none())
}

/// A price after a discount in hundredths of a percent, rounded half away from zero to the cent.
#[must_use]
pub fn discounted_price(price: Money, discount: i32) -> Option<Money> {
    let kept = rust_decimal::Decimal::new((10_000 - discount).into(), 4);
    price.to_decimal().checked_mul(kept).and_then(Money::round)
}
