//! What the schema shows of deals.

use ::entity::{
    sales::{opportunity, oppy_document},
    vocabulary::{
        self as words, CommitteeFunction, CommitteeKind, CommitteeVote, ContractDocument, Day, DecisionPart,
        Deliverable, DiscountLevel, ForecastCategory, GoDecision, GoRoute, Money, NegotiationKind, OppyStage, PersonId,
        SizeClass, Team,
    },
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use futures_util::future::try_join_all;

use super::{
    gates, labels,
    lookups::DocumentsOf,
    rules::{self, Leader},
    workflow::Deals,
};
use crate::{
    crm::{
        self,
        types::{Account, Contact},
    },
    graphql::{
        available::{self, AvailableAction, FactsOf, Offered},
        guard::requires,
        id::{IdOf, global},
        payload::{Told, UserError, mutations, op, user_errors},
        scalars::Percent,
        timeline::{self, TimelineEntry},
    },
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
};

mutations! {
    OppyActionRefusal: common + ["ACCOUNT_ADDRESS_MISSING", "ACCOUNT_SECTOR_MISSING", "ACCOUNT_SIRET_MISSING", "ALREADY_DECIDED", "ALREADY_REQUESTED", "ANSWER_NOT_WAITING", "ASSISTANT_MAY_CHECK", "CLIENT_AGREEMENT_DATE_MISSING", "CLIENT_AGREEMENT_DOCUMENT_MISSING", "CLIENT_AGREEMENT_SIGNATORY_MISSING", "COMMITTEE_REQUEST_MISSING", "COMMITTEE_REQUEST_NOT_ACCEPTED", "COMMITTEE_REQUIRED", "CONDITION_NOT_OPEN", "CONDITION_OPEN", "DEAL_CLOSED", "DEAL_SIGNED", "DEAL_STOPPED", "DELIVERABLE_MISSING", "DISCOUNT_NOT_AGREED", "DOCUMENTS_BEING_CHECKED", "DOCUMENT_MISSING", "DOCUMENT_NON_CONFORMING", "EXTENDED_DECISION_MISSING", "EXTENDED_MEETING_MISSING", "EXTENDED_MINUTES_MISSING", "EXTENDED_PITCH_MISSING", "FIRST_CHECK_MISSING", "FORBIDDEN", "GO_STALE", "MINUTES_MISSING", "NEGOTIATION_KIND_MISSING", "NOTHING_TO_AGREE", "NOT_ON_HOLD", "NOT_REOPENABLE", "NOT_YOUR_LEVEL", "NOT_YOUR_STEP", "OWN_OPPORTUNITY", "PITCH_MISSING", "PROPOSAL_NOT_SENT", "PROPOSAL_REVIEW_MISSING", "REQUIRED_TEAMS_NOT_NAMED", "RESPONSE_SCHEDULE_MISSING", "RESPONSE_TEAM_MISSING", "RESTRICTED_DECISION_MISSING", "RESTRICTED_MEETING_MISSING", "RESTRICTED_MINUTES_MISSING", "REVERSE_SCHEDULE_BEYOND_SIGNING", "REVERSE_SCHEDULE_MISSING", "RR_GO_MISSING", "SAME_PERSON_CHECKED", "SECOND_CHECK_MISSING", "SHEET_PART_MISSING", "SIGN_OFF_MISSING", "SIZE_CLASS_UNKNOWN", "STOP_NOT_ALLOWED_AT_STAGE", "WAITING_FOR_OWNER", "WRONG_STAGE"],
}

impl Offered for Deals {
    const NAME: &'static str = "OppyAvailableAction";
    type Reasons = OppyActionRefusal;
}

/// A deal.
#[derive(Clone, Debug)]
pub struct Opportunity(pub opportunity::Model);

impl From<opportunity::Model> for Opportunity {
    fn from(row: opportunity::Model) -> Self {
        Self(row)
    }
}

async fn person(ctx: &Context<'_>, id: PersonId) -> Result<Person> {
    Ok(Person(Loaders::of(ctx).one(id).await.told(op(ctx))?))
}

async fn perhaps(ctx: &Context<'_>, id: Option<PersonId>) -> Result<Option<Person>> {
    Ok(Loaders::of(ctx).optional(id).await.told(op(ctx))?.map(Person))
}

/// A deal ("affaire", "oppy").
#[Object(directive = requires::apply("readOpportunities".into()))]
impl Opportunity {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Number, such as `OPP-2026-000123`.
    async fn number(&self) -> &str {
        &self.0.number
    }

    /// A title in a few words.
    async fn subject(&self) -> &str {
        &self.0.subject
    }

    /// The client.
    async fn account(&self, ctx: &Context<'_>) -> Result<Account> {
        Ok(Account(Loaders::of(ctx).one(self.0.account_id).await.told(op(ctx))?))
    }

    /// Who takes part in the client's decision, as far as the caller may read them.
    async fn contacts(&self, ctx: &Context<'_>) -> Result<Vec<DecisionContact>> {
        let op = op(ctx);
        let found = self.0.contacts.0.iter().map(async |one| {
            let contact = crm::readable_contact(op, Loaders::of(ctx), one.contact).await?;
            Ok::<_, crate::error::Error>(contact.map(|row| DecisionContact { contact: Contact(row), part: one.part }))
        });
        Ok(try_join_all(found).await.told(op)?.into_iter().flatten().collect())
    }

    /// Delegate whose deal it is.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.owner_id).await
    }

    /// Who created it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.author_id).await
    }

    /// Delegation of the owner.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.0.delegation_id).await.told(op(ctx))?))
    }

    /// Region of that delegation.
    async fn region(&self, ctx: &Context<'_>) -> Result<Region> {
        Ok(Region(Loaders::of(ctx).one(self.0.region_id).await.told(op(ctx))?))
    }

    /// Who accepted the committee's request.
    async fn engagement_manager(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        perhaps(ctx, self.0.engagement_manager_id).await
    }

    /// Who leads it in its stage (P-3).
    async fn leader(&self) -> Leader {
        rules::leader(&self.0)
    }

    /// One-off price.
    async fn one_off(&self) -> Option<Money> {
        self.0.one_off
    }

    /// Recurring price of a year.
    async fn recurring(&self) -> Option<Money> {
        self.0.recurring
    }

    /// Services.
    async fn services(&self) -> Option<Money> {
        self.0.services
    }

    /// The three together: what decides class, discount and forecast.
    async fn forecast_amount(&self) -> Option<Money> {
        self.0.amount
    }

    /// Day on which the client is expected to sign; from Won on the day of the agreement.
    async fn signing_on(&self) -> Day {
        Day(self.0.signing_on)
    }

    /// How large it is, derived from amount and flags (P-1); none while it is unknown.
    async fn size_class(&self) -> Option<SizeClass> {
        self.0.size_class
    }

    /// Where it stands.
    async fn stage(&self) -> OppyStage {
        self.0.stage
    }

    /// Where it stands, in the users' own words.
    async fn stage_label(&self, ctx: &Context<'_>) -> &'static str {
        let (fr, en) = labels::stage(self.0.stage);
        match op(ctx).language {
            words::Language::Fr => fr,
            words::Language::En => en,
        }
    }

    /// Since when it stands there.
    async fn stage_since(&self) -> DateTime<Utc> {
        self.0.stage_since
    }

    /// How it counts in the forecast (P-4).
    async fn category(&self) -> ForecastCategory {
        self.0.category
    }

    /// The one uncertainty left of a best case.
    async fn uncertainty(&self) -> Option<&str> {
        self.0.uncertainty.as_deref()
    }

    /// Who committed it to its quarter.
    async fn committed_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        perhaps(ctx, self.0.committed_by_id).await
    }

    /// Its flags.
    async fn flags(&self) -> OppyFlags {
        let deal = &self.0;
        OppyFlags {
            complex: deal.complex,
            special_bid: deal.special_bid,
            presales_investment: deal.presales_investment,
            out_of_standard: deal.out_of_standard,
            committee_requested: deal.committee_requested,
        }
    }

    /// The deal sheet ("fiche affaire").
    async fn sheet(&self) -> DealSheet {
        let words::DealSheet { commercial, structural, functional, technical, pitch } = self.0.sheet.clone();
        DealSheet { commercial, structural, functional, technical, pitch }
    }

    /// How the Go is come by (P-11).
    async fn go(&self) -> GoFile {
        GoFile(self.0.clone())
    }

    /// How the proposal is made and sent (P-12).
    async fn proposal(&self) -> Proposal {
        Proposal(self.0.clone())
    }

    /// How it is negotiated (P-13).
    async fn negotiation(&self) -> Negotiation {
        Negotiation(self.0.clone())
    }

    /// The rounds of checks of the contract documents, the first first (P-14).
    async fn check_rounds(&self) -> Vec<CheckRound> {
        self.0.contract.rounds.iter().cloned().map(CheckRound).collect()
    }

    /// Who makes the first check, where sales administration named somebody.
    async fn checker(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        perhaps(ctx, self.0.contract.checker).await
    }

    /// Its documents, oldest first; replaced ones too.
    async fn documents(&self, ctx: &Context<'_>) -> Result<Vec<OppyDocument>> {
        let found = Loaders::of(ctx).find(DocumentsOf(self.0.id)).await.told(op(ctx))?;
        Ok(found.unwrap_or_default().into_iter().map(OppyDocument).collect())
    }

    /// Why and from where it was stopped.
    async fn stop(&self) -> Option<OppyStop> {
        self.0.stop.clone().map(|stop| OppyStop { stop, wake_up_on: self.0.wake_up_on.map(Day) })
    }

    /// Everything that is missing before it may go on to its next stage (P-15).
    async fn missing(&self, ctx: &Context<'_>) -> Result<Vec<UserError<OppyActionRefusal>>> {
        let known = Loaders::of(ctx).find(FactsOf::<Deals>(self.0.id)).await.told(op(ctx))?;
        let missing = known.map(|(deal, facts)| gates::to_next(&deal, &facts)).unwrap_or_default();
        Ok(user_errors(&missing, op(ctx).language))
    }

    /// When it was created.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When somebody last did something about it.
    async fn active_at(&self) -> DateTime<Utc> {
        self.0.active_at
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// Everything that happened to it, oldest first.
    async fn timeline(&self, ctx: &Context<'_>) -> Result<Vec<TimelineEntry>> {
        timeline::of(ctx, self.0.id).await
    }

    /// For each action of the caller's schema whether they may take it now, and if not, every reason.
    async fn available_actions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The absent person for whom the caller would act.")] on_behalf_of: Option<IdOf<PersonId>>,
    ) -> Result<Vec<AvailableAction<Deals>>> {
        available::of(ctx, self.0.id, on_behalf_of).await
    }
}

/// A contact of the client's with their part in the decision.
#[derive(Clone, Debug, SimpleObject)]
pub struct DecisionContact {
    /// Who.
    contact: Contact,
    /// Their part.
    part: DecisionPart,
}

/// A deal's flags, each of which asks for more than its amount does.
#[derive(Clone, Debug, SimpleObject)]
pub struct OppyFlags {
    /// Complex: at least middle.
    complex: bool,
    /// Special bid: large.
    special_bid: bool,
    /// Presales have to invest.
    presales_investment: bool,
    /// Outside of the standard offer.
    out_of_standard: bool,
    /// Somebody asked for a committee.
    committee_requested: bool,
}

/// The deal sheet; an empty text is a part that is missing.
#[derive(Clone, Debug, SimpleObject)]
pub struct DealSheet {
    /// What the client buys, from whom today, at what price.
    commercial: String,
    /// How the client is organised and decides.
    structural: String,
    /// What the solution has to do.
    functional: String,
    /// In what technical surroundings.
    technical: String,
    /// The deal in a few sentences.
    pitch: String,
}

/// Who did something, for whom, and when.
#[derive(Clone, Debug)]
pub struct Signature(words::Signature);

/// Who did something, for whom, and when.
#[Object(name = "OppySignature")]
impl Signature {
    /// Who.
    async fn by(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.by).await
    }

    /// For whom, as a deputy.
    async fn on_behalf_of(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        perhaps(ctx, self.0.on_behalf_of).await
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }
}

/// How the Go is come by.
#[derive(Clone, Debug)]
pub struct GoFile(opportunity::Model);

/// How the Go is come by (P-11).
#[Object(name = "OppyGo")]
impl GoFile {
    /// The road that is due now; none while the size is unknown.
    async fn route_due(&self, ctx: &Context<'_>) -> Result<Option<GoRoute>> {
        let known = Loaders::of(ctx).find(FactsOf::<Deals>(self.0.id)).await.told(op(ctx))?;
        Ok(known.and_then(|(_, facts)| rules::route_due(&self.0, &facts.playbook)))
    }

    /// Whether a Go holds.
    async fn holds(&self, ctx: &Context<'_>) -> Result<bool> {
        let known = Loaders::of(ctx).find(FactsOf::<Deals>(self.0.id)).await.told(op(ctx))?;
        Ok(known.is_some_and(|(_, facts)| rules::go_holds(&self.0, &facts.playbook)))
    }

    /// The committee that was asked for last.
    async fn request(&self) -> Option<CommitteeRequest> {
        let words::CommitteeRequest { reason, asked, accepted, declined } = self.0.go.request.clone()?;
        let decline_reason = declined.as_ref().map(|declined| declined.reason.clone());
        Some(CommitteeRequest {
            reason,
            asked: Signature(asked),
            accepted: accepted.map(Signature),
            declined: declined.map(|declined| Signature(declined.signature)),
            decline_reason,
        })
    }

    /// The committee's meetings about the deal, the first first.
    async fn meetings(&self) -> Vec<Meeting> {
        self.0.go.meetings.iter().cloned().map(Meeting).collect()
    }

    /// Every Go that was given, the first first.
    async fn given(&self) -> Vec<Go> {
        let go = |go: &words::Go| Go {
            class: go.class,
            route: go.route,
            minutes: go.minutes.clone(),
            decided: Signature(go.decided.clone()),
            ended: go.ended,
        };
        self.0.go.gos.iter().map(go).collect()
    }

    /// The conditions of the latest Go.
    async fn conditions(&self) -> Vec<Condition> {
        let conditions = self.0.go.conditions.iter().cloned().zip(1..);
        conditions.map(|(condition, number)| Condition { number, condition }).collect()
    }

    /// The pitch that prepares the extended committee.
    async fn extended_pitch(&self) -> Option<&str> {
        self.0.go.extended_pitch.as_deref()
    }

    /// Who answers the client.
    async fn response_team(&self) -> Vec<TeamMember> {
        self.0.go.response_team.iter().cloned().map(TeamMember).collect()
    }

    /// Until when what is answered.
    async fn response_schedule(&self) -> Vec<Milestone> {
        self.0.go.response_schedule.iter().cloned().map(Milestone::from).collect()
    }
}

/// Somebody asked for a committee.
#[derive(Clone, Debug, SimpleObject)]
pub struct CommitteeRequest {
    /// Why.
    reason: String,
    /// Who asked.
    asked: Signature,
    /// Who accepted it.
    accepted: Option<Signature>,
    /// Who declined it.
    declined: Option<Signature>,
    /// Why it was declined.
    decline_reason: Option<String>,
}

/// A committee that meets about a deal.
#[derive(Clone, Debug)]
pub struct Meeting(pub(super) words::Meeting);

/// A committee that meets about a deal.
#[Object(name = "CommitteeMeeting")]
impl Meeting {
    /// Which committee.
    async fn committee(&self) -> CommitteeKind {
        self.0.committee
    }

    /// On what day.
    async fn on(&self) -> Day {
        self.0.on
    }

    /// Who planned it.
    async fn planned(&self) -> Signature {
        Signature(self.0.planned.clone())
    }

    /// What was said.
    async fn minutes(&self) -> Option<&str> {
        self.0.minutes.as_ref().map(|minutes| minutes.text.as_str())
    }

    /// Who was there.
    async fn attendees(&self) -> Vec<Attendee> {
        let minutes = self.0.minutes.as_ref();
        minutes.map(|minutes| minutes.attendees.iter().cloned().map(Attendee).collect()).unwrap_or_default()
    }

    /// What was decided.
    async fn decision(&self) -> Option<GoDecision> {
        self.0.decision.as_ref().map(|decision| decision.decision)
    }

    /// A word on the decision.
    async fn comment(&self) -> Option<&str> {
        self.0.decision.as_ref().and_then(|decision| decision.comment.as_deref())
    }

    /// Who recorded the decision.
    async fn decided(&self) -> Option<Signature> {
        self.0.decision.as_ref().map(|decision| Signature(decision.decided.clone()))
    }
}

/// Somebody in a committee.
#[derive(Clone, Debug)]
pub struct Attendee(words::Attendee);

/// Somebody in a committee.
#[Object(name = "CommitteeAttendee")]
impl Attendee {
    /// Who.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.person).await
    }

    /// For what they were there.
    async fn function(&self) -> CommitteeFunction {
        self.0.function
    }

    /// How they voted, where they did.
    async fn vote(&self) -> Option<CommitteeVote> {
        self.0.vote
    }
}

/// A Go: it holds for the class and the road that it was taken for.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "GivenGo")]
pub struct Go {
    /// The size class that the deal had.
    class: SizeClass,
    /// By which road.
    route: GoRoute,
    /// The minutes of the regional manager's own decision.
    minutes: Option<String>,
    /// Who decided.
    decided: Signature,
    /// Whether a No Go ended it.
    ended: bool,
}

/// A condition of a Go.
#[derive(Clone, Debug)]
pub struct Condition {
    number: i32,
    condition: words::Condition,
}

/// A condition of a Go.
#[Object(name = "OppyCondition")]
impl Condition {
    /// Number, from 1.
    async fn number(&self) -> i32 {
        self.number
    }

    /// What has to be.
    async fn text(&self) -> &str {
        &self.condition.text
    }

    /// Who sees to it.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.condition.owner).await
    }

    /// Until when.
    async fn due_on(&self) -> Day {
        self.condition.due_on
    }

    /// Whether its day has passed while it is open.
    async fn overdue(&self, ctx: &Context<'_>) -> bool {
        let is_open = self.condition.met.is_none() && self.condition.waived.is_none();
        is_open && self.condition.due_on.0 < op(ctx).today()
    }

    /// Which committee set it.
    async fn committee(&self) -> CommitteeKind {
        self.condition.committee
    }

    /// Who said that it is met.
    async fn met(&self) -> Option<Signature> {
        self.condition.met.clone().map(Signature)
    }

    /// Who waived it.
    async fn waived(&self) -> Option<Signature> {
        self.condition.waived.as_ref().map(|waived| Signature(waived.signature.clone()))
    }

    /// Why it was waived.
    async fn waived_because(&self) -> Option<&str> {
        self.condition.waived.as_ref().map(|waived| waived.reason.as_str())
    }
}

/// Somebody who answers the client.
#[derive(Clone, Debug)]
pub struct TeamMember(words::TeamMember);

/// Somebody who answers the client.
#[Object(name = "ResponseTeamMember")]
impl TeamMember {
    /// Who.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.person).await
    }

    /// For which team.
    async fn team(&self) -> Team {
        self.0.team
    }
}

/// Something that is to be done by a day.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "OppyMilestone")]
pub struct Milestone {
    /// What.
    name: String,
    /// Until when.
    on: Day,
}

impl From<words::Milestone> for Milestone {
    fn from(milestone: words::Milestone) -> Self {
        let words::Milestone { name, on } = milestone;
        Self { name, on }
    }
}

/// How the proposal is made and sent.
#[derive(Clone, Debug)]
pub struct Proposal(opportunity::Model);

/// How the proposal is made and sent (P-12).
#[Object(name = "OppyProposal")]
impl Proposal {
    /// The version that is being made, from 1.
    async fn version(&self) -> i32 {
        rules::version_in_hand(&self.0)
    }

    /// The teams that have to sign off.
    async fn required_teams(&self, ctx: &Context<'_>) -> Result<Vec<Team>> {
        let known = Loaders::of(ctx).find(FactsOf::<Deals>(self.0.id)).await.told(op(ctx))?;
        Ok(known.map(|(_, facts)| rules::teams_required(&self.0, &facts.playbook)).unwrap_or_default())
    }

    /// The teams that did.
    async fn sign_offs(&self) -> Vec<SignOff> {
        self.0.proposal.sign_offs.iter().cloned().map(SignOff).collect()
    }

    /// What is ready.
    async fn deliverables(&self) -> Vec<ReadyDeliverable> {
        let ready = |part: &words::ReadyDeliverable| ReadyDeliverable {
            deliverable: part.deliverable,
            note: part.note.clone(),
            declared: Signature(part.declared.clone()),
        };
        self.0.proposal.deliverables.iter().map(ready).collect()
    }

    /// The reviews, the first first.
    async fn reviews(&self) -> Vec<Review> {
        let review = |review: &words::Review| Review {
            version: review.version,
            on: review.on,
            comment: review.comment.clone(),
            recorded: Signature(review.recorded.clone()),
        };
        self.0.proposal.reviews.iter().map(review).collect()
    }

    /// The versions that went to the client, the first first.
    async fn sendings(&self) -> Vec<Sending> {
        let sending = |sending: &words::Sending| Sending {
            version: sending.version,
            on: sending.on,
            recipient: sending.recipient.clone(),
            recorded: Signature(sending.recorded.clone()),
        };
        self.0.proposal.sendings.iter().map(sending).collect()
    }
}

/// A team's word that its part is right.
#[derive(Clone, Debug)]
pub struct SignOff(words::SignOff);

/// A team's word that its part is right.
#[Object(name = "OppySignOff")]
impl SignOff {
    /// Which team.
    async fn team(&self) -> Team {
        self.0.team
    }

    /// Who answers for it.
    async fn person(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.person).await
    }

    /// Who recorded it.
    async fn recorded(&self) -> Signature {
        Signature(self.0.recorded.clone())
    }
}

/// A part of the proposal that is ready.
#[derive(Clone, Debug, SimpleObject)]
pub struct ReadyDeliverable {
    /// Which.
    deliverable: Deliverable,
    /// Where it is, or a word on it.
    note: Option<String>,
    /// Who declared it ready.
    declared: Signature,
}

/// A review of a version of the proposal.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "ProposalReview")]
pub struct Review {
    /// Of which version.
    version: i32,
    /// On what day.
    on: Day,
    /// What came out.
    comment: Option<String>,
    /// Who recorded it.
    recorded: Signature,
}

/// A version of the proposal that went to the client.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "ProposalSending")]
pub struct Sending {
    /// Which version.
    version: i32,
    /// On what day.
    on: Day,
    /// To whom.
    recipient: String,
    /// Who recorded it.
    recorded: Signature,
}

/// How the deal is negotiated.
#[derive(Clone, Debug)]
pub struct Negotiation(opportunity::Model);

/// How the deal is negotiated (P-13).
#[Object(name = "OppyNegotiation")]
impl Negotiation {
    /// What is negotiated.
    async fn kind(&self) -> Option<NegotiationKind> {
        self.0.negotiation.kind
    }

    /// Discount on the proposal's price.
    async fn discount(&self) -> Percent {
        Percent { hundredths: self.0.negotiation.discount }
    }

    /// Whose agreement the discount waits for; none where it is agreed or needs none.
    async fn discount_waits_for(&self) -> Option<DiscountLevel> {
        self.0.negotiation.waits_for
    }

    /// Why a discount was refused last.
    async fn discount_refused_because(&self) -> Option<&str> {
        self.0.negotiation.refused.as_ref().map(|refused| refused.reason.as_str())
    }

    /// The price-delegation grid for this deal: who may go how low.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Vec<PriceDelegation>> {
        let known = Loaders::of(ctx).find(FactsOf::<Deals>(self.0.id)).await.told(op(ctx))?;
        let class = known.and_then(|(_, facts)| rules::class_rules(&self.0, &facts.playbook));
        let Some(class) = class else { return Ok(Vec::new()) };
        let limits = [
            (DiscountLevel::Sales, class.sales_discount),
            (DiscountLevel::Rr, class.rr_discount),
            (DiscountLevel::Director, 10_000),
        ];
        let amount = self.0.amount;
        let line = |(level, most): (DiscountLevel, i32)| PriceDelegation {
            level,
            most_discount: Percent { hundredths: most },
            lowest_price: amount.and_then(|amount| rules::discounted_price(amount, most)),
        };
        Ok(limits.into_iter().map(line).collect())
    }

    /// The way back from the signing date.
    async fn reverse_schedule(&self) -> Vec<Milestone> {
        self.0.negotiation.reverse_schedule.iter().cloned().map(Milestone::from).collect()
    }

    /// Answers to the client, the first first.
    async fn answers(&self) -> Vec<Answer> {
        let answer = |answer: &words::Answer| Answer {
            number: answer.number,
            text: answer.text.clone(),
            drafted: Signature(answer.drafted.clone()),
            approved: answer.approved.clone().map(Signature),
            sent: answer.sent.clone().map(Signature),
        };
        self.0.negotiation.answers.iter().map(answer).collect()
    }

    /// The day that the client's formal agreement bears.
    async fn agreement_on(&self) -> Option<Day> {
        self.0.agreement.on
    }

    /// Who signed the client's formal agreement.
    async fn agreement_signatory(&self) -> Option<&str> {
        self.0.agreement.signatory.as_deref()
    }
}

/// How low somebody may go.
#[derive(Clone, Debug, SimpleObject)]
pub struct PriceDelegation {
    /// Who.
    level: DiscountLevel,
    /// The largest discount, inclusive.
    most_discount: Percent,
    /// The lowest price that makes; none without an amount.
    lowest_price: Option<Money>,
}

/// An answer to the client.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "OppyAnswer")]
pub struct Answer {
    /// Number within the deal, from 1.
    number: i32,
    /// What it says.
    text: String,
    /// Who drafted it.
    drafted: Signature,
    /// Who approved it.
    approved: Option<Signature>,
    /// Who sent it.
    sent: Option<Signature>,
}

/// A round of checks.
#[derive(Clone, Debug)]
pub struct CheckRound(words::CheckRound);

/// A round of checks of the contract documents (P-14).
#[Object(name = "OppyCheckRound")]
impl CheckRound {
    /// Number, from 1.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// When it began.
    async fn opened_at(&self) -> DateTime<Utc> {
        self.0.opened_at
    }

    /// The first check.
    async fn first(&self) -> Option<Signature> {
        self.0.first.clone().map(Signature)
    }

    /// The second check, which closed the deal.
    async fn second(&self) -> Option<Signature> {
        self.0.second.clone().map(Signature)
    }

    /// Who declared documents non-conforming, which ended the round.
    async fn refused(&self) -> Option<Signature> {
        self.0.refused.as_ref().map(|refused| Signature(refused.declared.clone()))
    }

    /// The documents that did not conform, each with why.
    async fn non_conforming(&self) -> Vec<NonConformingDocument> {
        let documents = self.0.refused.iter().flat_map(|refused| &refused.documents);
        documents
            .map(|one| NonConformingDocument { document: global(one.document), reason: one.reason.clone() })
            .collect()
    }
}

/// A document that did not conform.
#[derive(Clone, Debug, SimpleObject)]
pub struct NonConformingDocument {
    /// Global id of the document.
    document: ID,
    /// Why.
    reason: String,
}

/// A document of a deal.
#[derive(Clone, Debug)]
pub struct OppyDocument(pub oppy_document::Model);

/// A document of a deal; all versions are kept.
#[Object(directive = requires::apply("readOpportunities".into()))]
impl OppyDocument {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// What it is.
    async fn kind(&self) -> ContractDocument {
        self.0.kind
    }

    /// Name of the file.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Media type, found from its content.
    async fn content_type(&self) -> &str {
        &self.0.content_type
    }

    /// Size in bytes.
    async fn size(&self) -> i64 {
        self.0.size
    }

    /// SHA-256 of its content, in hexadecimal.
    async fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// Where it can be had, with the same sign-in.
    async fn url(&self) -> String {
        format!("/files/attachments/{}", global(self.0.id).0)
    }

    /// Who added it.
    async fn added_by(&self, ctx: &Context<'_>) -> Result<Person> {
        person(ctx, self.0.added_by_id).await
    }

    /// When.
    async fn added_at(&self) -> DateTime<Utc> {
        self.0.added_at
    }

    /// Why it was declared non-conforming.
    async fn refused_for(&self) -> Option<&str> {
        self.0.refused_for.as_deref()
    }

    /// When a later one took its place.
    async fn replaced_at(&self) -> Option<DateTime<Utc>> {
        self.0.replaced_at
    }
}

/// Why and from where a deal was stopped.
#[derive(Clone, Debug)]
pub struct OppyStop {
    stop: words::Stop,
    wake_up_on: Option<Day>,
}

/// Why and from where a deal was stopped (P-2).
#[Object]
impl OppyStop {
    /// Code of the reason.
    async fn reason(&self) -> &str {
        &self.stop.reason
    }

    /// A word on it.
    async fn comment(&self) -> &str {
        &self.stop.comment
    }

    /// The competitor who won, where known.
    async fn competitor(&self) -> Option<&str> {
        self.stop.competitor.as_deref()
    }

    /// The stage that the deal was in.
    async fn from(&self) -> OppyStage {
        self.stop.from
    }

    /// On hold: the day on which it goes on its owner's queue.
    async fn wake_up_on(&self) -> Option<Day> {
        self.wake_up_on
    }

    /// Who stopped it.
    async fn stopped(&self) -> Signature {
        Signature(self.stop.stopped.clone())
    }
}
