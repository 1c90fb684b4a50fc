//! What a step makes of a deal: the pure functions of the mutations, with the words and people that the
//! demonstration gives them.

use ::entity::{
    sales::{opportunity, oppy_document},
    vocabulary::{
        Attendee, CommitteeFunction, CommitteeKind, CommitteeVote, ContractDocument, Day, DiscountLevel, GoDecision,
        Milestone, Money, NonConforming, OppyDocumentId, OppyStage, PersonId, Signature, Team, TeamMember,
    },
};
use chrono::{Days, NaiveDate};
use serde_json::{Map, Value};

use super::{
    super::{
        files::DOCUMENTS,
        network::{Delegate, Network},
    },
    step::{Change, Step},
    words,
};
use crate::{
    identity,
    opportunities::{
        Refusal,
        outcome::{self, ConditionWords, StopWords},
        rules::{self, Check, Facts, Leader},
    },
};

/// A deal with its documents, and who plays which part in it.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub deal: opportunity::Model,
    /// Oldest first.
    pub documents: Vec<oppy_document::Model>,
    pub cast: Cast,
}

/// Who plays which part in a deal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cast {
    /// The engagement manager who takes its requests.
    pub engagement: PersonId,
    /// Whether the assistant prepares it.
    pub assisted: bool,
    /// How its amount is made up: one-off and a year's recurring, in hundredths.
    pub parts: (i64, i64),
}

/// What a step made of a deal.
pub(super) struct Made {
    pub deal: opportunity::Model,
    pub documents: Vec<oppy_document::Model>,
    pub reason: Option<String>,
    pub told: Map<String, Value>,
}

/// What the steps need of the world around the deal.
pub(super) struct Around<'a> {
    pub network: &'a Network,
    pub facts: &'a Facts,
    pub by: &'a Signature,
    pub today: NaiveDate,
    /// Key of the next document.
    pub next_document: OppyDocumentId,
}

/// One of some words, always the same for a deal.
pub(super) fn word(words: &[&'static str], deal: &opportunity::Model) -> &'static str {
    let place = usize::try_from(deal.id.0).unwrap_or_default();
    words[(place + deal.version.unsigned_abs() as usize) % words.len()]
}

fn text(text: &str) -> String {
    text.to_owned()
}

impl Scene {
    /// Who takes a step; nobody where the server does.
    pub(super) fn hand(&self, step: &Step, network: &Network) -> Option<PersonId> {
        let deal = &self.deal;
        let (manager, assistant) = (network.manager(deal.region_id), network.assistant(deal.delegation_id));
        let preparing = if self.cast.assisted { assistant } else { deal.owner_id };
        let engagement = deal.engagement_manager_id.unwrap_or(self.cast.engagement);
        let leading = if rules::leader(deal) == Leader::Sales { preparing } else { engagement };
        let manager_may = !rules::nobody_left(&deal.deciders.managers, &deal.involved);
        Some(match step {
            Step::Wake => return None,
            Step::FillSheet
            | Step::Update(_)
            | Step::Request
            | Step::Pitch
            | Step::NameTeam
            | Step::ScheduleResponse
            | Step::RequireTeams(_)
            | Step::Send
            | Step::Negotiate(_)
            | Step::Discount(_)
            | Step::ScheduleBack
            | Step::Draft(false)
            | Step::SendAnswer(_)
            | Step::Agree
            | Step::Attach(_)
            | Step::Resubmit => preparing,
            Step::Deliver(_) | Step::SignOff(_) | Step::Review => leading,
            Step::Advance | Step::Stop(..) | Step::Resume | Step::Meet(_) => deal.owner_id,
            Step::Reassign(_) | Step::Reopen | Step::Draft(true) => manager,
            Step::DecideGo(_) if manager_may => manager,
            Step::DecideGo(_) => network.director,
            Step::Accept | Step::Decline | Step::Plan(..) | Step::Minutes | Step::Waive(_) => engagement,
            Step::Decide(..) => match rules::undecided(deal).map(|meeting| meeting.committee) {
                Some(CommitteeKind::Extended) => network.director,
                Some(CommitteeKind::Restricted) | None => engagement,
            },
            Step::Judge(_) => match deal.negotiation.waits_for {
                Some(DiscountLevel::Director) => network.director,
                Some(DiscountLevel::Sales | DiscountLevel::Rr) | None => manager,
            },
            Step::Approve(_) if manager_may => manager,
            Step::Approve(_) => network.director,
            Step::Annul | Step::NameChecker => network.sales_admin,
            Step::CheckFine | Step::CheckWrong(_) => match rules::check_due(deal) {
                Some(Check::Second) => network.sales_admin,
                Some(Check::First | Check::Owner) | None => deal.contract.checker.unwrap_or(assistant),
            },
        })
    }

    /// What a step that no rule of the workflow refuses makes of the deal.
    ///
    /// # Errors
    /// What is wrong with the step's own words.
    pub(super) fn after(&self, step: &Step, around: &Around<'_>) -> Result<Made, Vec<Refusal>> {
        let (deal, by, facts, today) = (&self.deal, around.by, around.facts, around.today);
        let mut made = Made { deal: deal.clone(), documents: Vec::new(), reason: None, told: Map::new() };
        made.deal = match step {
            Step::FillSheet => changed(deal, fill_sheet),
            Step::Update(change) => self.updated(change, by)?,
            Step::Reassign(owner) => {
                made.reason = Some(text(words::REASSIGNED));
                reassigned(deal, *owner, around.network)
            }
            Step::Advance => {
                let after = outcome::advanced(deal, None, facts)?;
                let signs = after.stage == OppyStage::Won && deal.stage != OppyStage::Won;
                if signs { outcome::with_round(after, by) } else { after }
            }
            Step::Stop(stage, reason, wake_up_on) => {
                made.reason = Some(text(word(words::STOPPED, deal)));
                outcome::stopped(deal, *stage, self.stop_words(reason, *wake_up_on), &facts.playbook, by, today)?
            }
            Step::Wake => changed(deal, |after| after.stop.iter_mut().for_each(|stop| stop.woken = true)),
            Step::Resume => outcome::resumed(deal),
            Step::Reopen => {
                made.reason = Some(text(word(words::REOPENED, deal)));
                outcome::reopened(deal, made.reason.as_deref())?
            }
            Step::Annul => {
                made.reason = Some(text(words::ANNULLED));
                outcome::annulled(deal, made.reason.clone(), by)?
            }
            Step::DecideGo(_) | Step::Request | Step::Accept | Step::Decline => self.asked(step, by, &mut made)?,
            Step::Plan(..) | Step::Minutes | Step::Decide(..) | Step::Pitch | Step::Meet(_) | Step::Waive(_) => {
                self.met(step, around, &mut made)?
            }
            Step::NameTeam => changed(deal, |after| after.go.response_team = self.response_team(around.network)),
            Step::ScheduleResponse => {
                let days = [("Lancement", 2), ("Relecture", 12), ("Envoi de la proposition", 18)];
                let milestone = |(name, later)| Milestone { name: text(name), on: Day(today + Days::new(later)) };
                outcome::response_scheduled(deal, days.map(milestone).to_vec())?
            }
            Step::RequireTeams(_) | Step::Deliver(_) | Step::SignOff(_) | Step::Review | Step::Send => {
                self.proposed(step, around, &mut made)?
            }
            Step::Negotiate(_)
            | Step::Discount(_)
            | Step::Judge(_)
            | Step::ScheduleBack
            | Step::Draft(_)
            | Step::Approve(_)
            | Step::SendAnswer(_)
            | Step::Agree => self.negotiated(step, around, &mut made)?,
            Step::Attach(_) => deal.clone(),
            Step::CheckFine => outcome::conforming(deal, facts, by)?,
            Step::CheckWrong(kind) => {
                let found = rules::in_force(facts).find(|document| document.kind == *kind);
                let reason = text(word(words::NON_CONFORMING, deal));
                let named: Vec<NonConforming> =
                    found.map(|document| NonConforming { document: document.id, reason }).into_iter().collect();
                outcome::non_conforming(deal, named, facts, by)?
            }
            Step::NameChecker => {
                // Not the one who makes the second check.
                let checker = self.cast.engagement;
                made.told.insert(text("person"), checker.0.into());
                changed(deal, |after| after.contract.checker = Some(checker))
            }
            Step::Resubmit => outcome::with_round(deal.clone(), by),
        };
        made.documents = self.documents_after(step, around, &mut made);
        Ok(made)
    }

    fn updated(&self, change: &Change, by: &Signature) -> Result<opportunity::Model, Vec<Refusal>> {
        let mut after = self.deal.clone();
        if let Some(amount) = change.amount {
            price(&mut after, amount, self.cast.parts);
        }
        after.signing_on = change.signing_on.unwrap_or(after.signing_on);
        outcome::categorised(&after, change.category, Some(text(word(words::UNCERTAINTIES, &self.deal))), by)
    }

    fn stop_words(&self, reason: &str, wake_up_on: Option<NaiveDate>) -> StopWords {
        let to_a_competitor = matches!(reason, "COMPETITOR" | "PRICE");
        StopWords {
            reason: Some(text(reason)),
            comment: Some(text(word(words::STOPPED, &self.deal))),
            competitor: to_a_competitor.then(|| text(word(words::COMPETITORS, &self.deal))),
            wake_up_on: wake_up_on.map(Day),
        }
    }

    /// The beginning of the road to a Go.
    fn asked(&self, step: &Step, by: &Signature, made: &mut Made) -> Result<opportunity::Model, Vec<Refusal>> {
        let deal = &self.deal;
        match step {
            Step::DecideGo(decision) => {
                made.told.insert(text("decision"), decision.code().into());
                let minutes =
                    if *decision == GoDecision::NoGo { words::NO_GO_MINUTES } else { word(words::GO_MINUTES, deal) };
                outcome::rr_decided(deal, *decision, Some(text(minutes)), by)
            }
            Step::Request => {
                made.reason = Some(text(word(words::REQUESTED, deal)));
                outcome::requested(deal, made.reason.clone(), by)
            }
            Step::Decline => {
                made.reason = Some(text(words::DECLINED));
                outcome::request_declined(deal, made.reason.clone(), by)
            }
            _accepted => Ok(outcome::request_accepted(deal, by)),
        }
    }

    /// What committees do, and what follows from it.
    fn met(&self, step: &Step, around: &Around<'_>, made: &mut Made) -> Result<opportunity::Model, Vec<Refusal>> {
        let (deal, by, facts, today) = (&self.deal, around.by, around.facts, around.today);
        match step {
            Step::Plan(committee, on) => {
                made.told.insert(text("committee"), committee.code().into());
                outcome::planned(deal, *committee, Day(*on), facts, by, today)
            }
            Step::Minutes => {
                let said = Some(text(word(words::MINUTES, deal)));
                outcome::minuted(deal, said, self.attendees(around.network), facts, by, today)
            }
            Step::Decide(decision, conditions) => {
                made.told.insert(text("decision"), decision.code().into());
                let comment = match decision {
                    GoDecision::NoGo => words::REFUSED_BY_COMMITTEE,
                    GoDecision::Escalate => words::ESCALATED,
                    GoDecision::Go | GoDecision::GoWithConditions => word(words::DECISIONS, deal),
                };
                made.reason = Some(text(comment));
                let condition = |words: &&str| ConditionWords {
                    text: text(words),
                    owner: Some(deal.owner_id),
                    due_on: Some(Day(today + Days::new(15))),
                };
                let conditions = words::CONDITIONS.iter().take(*conditions).map(condition).collect();
                outcome::decided(deal, *decision, made.reason.clone(), conditions, facts, by, today)
            }
            Step::Pitch => outcome::pitched(deal, text(words::EXTENDED_PITCH)),
            Step::Meet(number) => {
                made.told.insert(text("condition"), (*number).into());
                outcome::condition_met(deal, *number, |condition| condition.owner == by.by, by)
            }
            Step::Waive(number) => {
                made.told.insert(text("condition"), (*number).into());
                made.reason = Some(text(words::WAIVED));
                outcome::condition_waived(
                    deal,
                    *number,
                    made.reason.clone(),
                    |committee| committee == CommitteeKind::Restricted,
                    by,
                )
            }
            _other => Ok(deal.clone()),
        }
    }

    /// The proposal is made and sent.
    fn proposed(&self, step: &Step, around: &Around<'_>, made: &mut Made) -> Result<opportunity::Model, Vec<Refusal>> {
        let (deal, by, today) = (&self.deal, around.by, around.today);
        match step {
            Step::RequireTeams(teams) => outcome::teams_required(deal, teams.to_vec(), None, &around.facts.playbook),
            Step::Deliver(part) => {
                made.told.insert(text("deliverable"), part.code().into());
                Ok(outcome::deliverable_set(deal, *part, true, None, by))
            }
            Step::SignOff(team) => {
                made.told.insert(text("team"), team.code().into());
                Ok(outcome::signed_off(deal, *team, self.speaks_for(*team, around.network), by))
            }
            Step::Review => {
                let participants = vec![deal.owner_id, around.network.manager(deal.region_id)];
                outcome::reviewed(deal, Day(today), participants, Some(text(words::REVIEWED)), by, today)
            }
            _sent => outcome::sent(deal, Day(today), text("Direction générale"), by, today),
        }
    }

    /// The deal is negotiated.
    fn negotiated(
        &self,
        step: &Step,
        around: &Around<'_>,
        made: &mut Made,
    ) -> Result<opportunity::Model, Vec<Refusal>> {
        let (deal, by, today) = (&self.deal, around.by, around.today);
        match step {
            Step::Negotiate(kind) => {
                made.told.insert(text("kind"), kind.code().into());
                Ok(changed(deal, |after| after.negotiation.kind = Some(*kind)))
            }
            Step::Discount(discount) => {
                made.told.insert(text("discount"), (*discount).into());
                Ok(outcome::discounted(deal, *discount, by))
            }
            Step::Judge(agree) => {
                made.reason = (!agree).then(|| text(words::DISCOUNT_NO));
                let is_director = by.by == around.network.director;
                let level = if is_director { DiscountLevel::Director } else { DiscountLevel::Rr };
                outcome::discount_judged(deal, *agree, made.reason.clone(), level, by)
            }
            Step::ScheduleBack => outcome::reverse_scheduled(deal, milestones_back(deal.signing_on, today)),
            Step::Draft(_) => outcome::drafted(deal, text(word(words::ANSWERS, deal)), by),
            Step::Approve(number) => {
                made.told.insert(text("answer"), (*number).into());
                let is_author = |drafted: &Signature| drafted.by == by.by;
                outcome::answer_approved(deal, *number, is_author, by)
            }
            Step::SendAnswer(number) => {
                made.told.insert(text("answer"), (*number).into());
                outcome::answer_sent(deal, *number, by)
            }
            _agreed => outcome::agreed(deal, Some(Day(today)), Some(text("Le dirigeant")), today),
        }
    }

    /// The documents after a step: a later one takes the place of an earlier one of its kind, all are kept.
    fn documents_after(&self, step: &Step, around: &Around<'_>, made: &mut Made) -> Vec<oppy_document::Model> {
        let mut documents = self.documents.clone();
        let kind = match step {
            Step::Attach(kind) => *kind,
            Step::Agree => ContractDocument::ClientAgreement,
            Step::Annul => ContractDocument::Annulment,
            Step::CheckWrong(_) => {
                let refused = made.deal.contract.rounds.last().and_then(|round| round.refused.as_ref());
                for named in refused.into_iter().flat_map(|refused| &refused.documents) {
                    let named_one = documents.iter_mut().filter(|document| document.id == named.document);
                    named_one.for_each(|document| document.refused_for = Some(named.reason.clone()));
                }
                return documents;
            }
            _no_document => return documents,
        };
        let id = around.next_document;
        for document in documents.iter_mut().filter(|document| document.kind == kind && document.replaced_at.is_none())
        {
            if kind != ContractDocument::Other {
                document.replaced_at = Some(around.by.at);
            }
        }
        let file = DOCUMENTS.of_contract(kind);
        documents.push(oppy_document::Model {
            id,
            opportunity_id: self.deal.id,
            kind,
            name: format!("{}.pdf", file.name),
            content_type: text("application/pdf"),
            size: file.size(),
            sha256: file.sha256.clone(),
            storage_key: file.key.clone(),
            added_by_id: around.by.by,
            added_at: around.by.at,
            refused_for: None,
            replaced_at: None,
        });
        if kind == ContractDocument::ClientAgreement {
            made.deal.agreement.document = Some(id);
        }
        made.told.insert(text("document"), id.0.into());
        made.told.insert(text("documentKind"), kind.code().into());
        documents
    }

    fn response_team(&self, network: &Network) -> Vec<TeamMember> {
        [Team::Presales, Team::Delivery]
            .map(|team| TeamMember { person: self.speaks_for(team, network), team })
            .to_vec()
    }

    /// Who answers for a team.
    fn speaks_for(&self, team: Team, network: &Network) -> PersonId {
        match team {
            Team::Engagement => self.cast.engagement,
            Team::Management => network.manager(self.deal.region_id),
            Team::Legal | Team::Controlling => network.sales_admin,
            Team::Presales
            | Team::Delivery
            | Team::Product
            | Team::ProductMarketing
            | Team::Support
            | Team::CloudOperations => network.promotion[team as usize % network.promotion.len()],
        }
    }

    /// Who sits in the committee that meets: sales, presales and engagement, and the director where it is extended.
    fn attendees(&self, network: &Network) -> Vec<Attendee> {
        let there = |person, function, vote| Attendee { person, function, vote };
        let voted = Some(CommitteeVote::For);
        let engagement = self.deal.engagement_manager_id.unwrap_or(self.cast.engagement);
        let mut attendees = vec![
            there(self.deal.owner_id, CommitteeFunction::Sales, None),
            there(network.promotion[0], CommitteeFunction::Presales, voted),
            there(engagement, CommitteeFunction::Engagement, voted),
        ];
        let committee = rules::undecided(&self.deal).map(|meeting| meeting.committee);
        if committee == Some(CommitteeKind::Extended) {
            attendees.push(there(network.director, CommitteeFunction::Director, voted));
        }
        attendees
    }
}

fn changed(deal: &opportunity::Model, change: impl FnOnce(&mut opportunity::Model)) -> opportunity::Model {
    let mut after = deal.clone();
    change(&mut after);
    after
}

fn fill_sheet(deal: &mut opportunity::Model) {
    let [commercial, structural, functional, technical, pitch] =
        [words::COMMERCIAL, words::STRUCTURAL, words::FUNCTIONAL, words::TECHNICAL, words::PITCH]
            .map(|texts| text(word(texts, deal)));
    let sheet = &mut deal.sheet;
    sheet.commercial = commercial;
    sheet.structural = structural;
    sheet.functional = functional;
    sheet.technical = technical;
    sheet.pitch = pitch;
}

fn reassigned(deal: &opportunity::Model, owner: PersonId, network: &Network) -> opportunity::Model {
    let Some(delegate) = network.delegates.iter().find(|delegate| delegate.id == owner) else { return deal.clone() };
    let Delegate { id, code, delegation, region, .. } = delegate.clone();
    outcome::reassigned(deal, &identity::Delegate { id, code, delegation, region })
}

/// Sets the three prices that make up an amount.
pub(super) fn price(deal: &mut opportunity::Model, amount: Money, (one_off, recurring): (i64, i64)) {
    let part = |hundredths: i64| Money(amount.0 * hundredths / 10_000 * 100);
    let (one_off, recurring) = (part(one_off), part(recurring));
    let services = amount - one_off - recurring;
    deal.one_off = Some(one_off);
    deal.recurring = Some(recurring);
    deal.services = (services > Money::ZERO).then_some(services);
    deal.amount = rules::amount(deal.one_off, deal.recurring, deal.services).unwrap_or_default();
}

/// The way back from the signing date, none of it behind.
fn milestones_back(signing_on: NaiveDate, today: NaiveDate) -> Vec<Milestone> {
    let left = (signing_on - today).num_days().max(0).unsigned_abs();
    let before = |part: u64| Day(signing_on - Days::new(left * part / 4));
    [("Accord de principe", 3), ("Revue juridique", 2), ("Conditions arrêtées", 1), ("Signature", 0)]
        .map(|(name, part)| Milestone { name: text(name), on: before(part) })
        .to_vec()
}
