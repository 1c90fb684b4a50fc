//! What the schema shows of the playbook, and how it is changed.

use ::entity::{
    sales::playbook,
    vocabulary::{
        self as words, CommitteeFunction, ContractDocument, Deliverable, Language, Money, OppyStage, SizeClass, Team,
    },
};
use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};

use crate::graphql::{call::CallInput, guard::requires, payload::op, scalars::Percent};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
}

impl Weekday {
    const ALL: [Self; 5] = [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday];

    fn read(days: &[u8]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|day| days.contains(&day.number())).collect()
    }

    /// From 1 for Monday.
    pub(super) const fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// The rules of the sales process.
#[derive(Clone, Debug)]
pub struct Playbook(pub playbook::Model);

/// The rules of the sales process, from a year on: every number, list and day that the business may change.
#[Object(directive = requires::apply("playbook".into()))]
impl Playbook {
    /// The first year for which they hold.
    async fn since_year(&self) -> i32 {
        self.0.year
    }

    /// From this amount on a deal is middle (P-1).
    async fn middle_from(&self) -> Money {
        self.0.rules.middle_from
    }

    /// Above this amount a deal is large (P-1).
    async fn large_above(&self) -> Money {
        self.0.rules.large_above
    }

    /// Days on which the restricted committee meets (P-11).
    async fn restricted_days(&self) -> Vec<Weekday> {
        Weekday::read(&self.0.rules.restricted_days)
    }

    /// Days on which the extended committee meets.
    async fn extended_days(&self) -> Vec<Weekday> {
        Weekday::read(&self.0.rules.extended_days)
    }

    /// Days on which it meets where a holiday takes its own.
    async fn extended_days_after_holiday(&self) -> Vec<Weekday> {
        Weekday::read(&self.0.rules.extended_days_after_holiday)
    }

    /// Whether every large deal needs the extended committee.
    async fn large_needs_extended(&self) -> bool {
        self.0.rules.large_needs_extended
    }

    /// The functions without which a committee has no quorum.
    async fn quorum(&self) -> &[CommitteeFunction] {
        &self.0.rules.quorum
    }

    /// How many people at least have to be there.
    async fn quorum_people(&self) -> i32 {
        self.0.rules.quorum_people
    }

    /// What each size asks for.
    async fn sizes(&self) -> Vec<SizeRules> {
        SizeClass::ALL.iter().map(|class| super::rules_of(&self.0.rules, *class).into()).collect()
    }

    /// The reasons for which a deal may be stopped.
    async fn stop_reasons(&self, ctx: &Context<'_>) -> Vec<StopReason> {
        let label = |reason: &words::StopReason| match op(ctx).language {
            Language::Fr => reason.label_fr.clone(),
            Language::En => reason.label_en.clone(),
        };
        let told = |reason: &words::StopReason| StopReason {
            stop: reason.stop,
            code: reason.code.clone(),
            label: label(reason),
        };
        self.0.rules.reasons.iter().map(told).collect()
    }

    /// Probability of each open stage, until it is learned (P-21).
    async fn probabilities(&self) -> Vec<StageProbability> {
        let stages = OppyStage::WAY.into_iter().zip(self.0.rules.probabilities);
        stages.map(|(stage, hundredths)| StageProbability { stage, probability: Percent { hundredths } }).collect()
    }

    /// From how many ended deals on probabilities are learned.
    async fn learned_from(&self) -> i64 {
        self.0.rules.learned_from
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// What a size asks for.
#[derive(Clone, Debug, SimpleObject)]
pub struct SizeRules {
    /// Which.
    size_class: SizeClass,
    /// What its proposal consists of (P-12).
    deliverables: Vec<Deliverable>,
    /// Teams that always sign off (P-12).
    teams: Vec<Team>,
    /// The documents of its contract (P-14).
    documents: Vec<ContractDocument>,
    /// The discount up to which sales may agree (P-13).
    sales_discount: Percent,
    /// The discount up to which the regional manager may agree (P-13).
    rr_discount: Percent,
}

impl From<words::ClassRules> for SizeRules {
    fn from(rules: words::ClassRules) -> Self {
        let words::ClassRules { class, deliverables, teams, documents, sales_discount, rr_discount } = rules;
        let percent = |hundredths| Percent { hundredths };
        let (sales_discount, rr_discount) = (percent(sales_discount), percent(rr_discount));
        Self { size_class: class, deliverables, teams, documents, sales_discount, rr_discount }
    }
}

/// A reason for which a deal may be stopped.
#[derive(Clone, Debug, SimpleObject)]
pub struct StopReason {
    /// For which stop.
    stop: OppyStage,
    /// Its code.
    code: String,
    /// What people read.
    label: String,
}

/// How probable it is that a deal in a stage is won.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[graphql(name = "PlaybookProbability")]
pub struct StageProbability {
    /// The stage.
    stage: OppyStage,
    /// Its probability.
    probability: Percent,
}

/// A change of the playbook, from a year on; what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct UpdatePlaybookInput {
    /// The first year for which it holds; later years that have rules of their own keep these.
    pub year: i32,
    /// From this amount on a deal is middle.
    pub middle_from: Option<Money>,
    /// Above this amount a deal is large; not below `middleFrom`.
    pub large_above: Option<Money>,
    /// Days on which the restricted committee meets; at least one.
    pub restricted_days: Option<Vec<Weekday>>,
    /// Days on which the extended committee meets; at least one.
    pub extended_days: Option<Vec<Weekday>>,
    /// Days on which it meets where a holiday takes its own.
    pub extended_days_after_holiday: Option<Vec<Weekday>>,
    /// Whether every large deal needs the extended committee.
    pub large_needs_extended: Option<bool>,
    /// The functions without which a committee has no quorum.
    pub quorum: Option<Vec<CommitteeFunction>>,
    /// How many people at least have to be there, 1 to 20.
    pub quorum_people: Option<i32>,
    /// What sizes ask for; those that are not named stay.
    pub sizes: Option<Vec<SizeRulesInput>>,
    /// The reasons for which a deal may be stopped, all of them.
    pub stop_reasons: Option<Vec<StopReasonInput>>,
    /// Probability of each of the four open stages, in their order.
    pub probabilities: Option<Vec<Percent>>,
    /// From how many ended deals on probabilities are learned.
    pub learned_from: Option<i64>,
    #[graphql(flatten)]
    pub call: CallInput,
}

/// What a size asks for; what is left out stays.
#[derive(Clone, Debug, InputObject)]
pub struct SizeRulesInput {
    /// Which.
    pub size_class: SizeClass,
    /// What its proposal consists of.
    pub deliverables: Option<Vec<Deliverable>>,
    /// Teams that always sign off.
    pub teams: Option<Vec<Team>>,
    /// The documents of its contract.
    pub documents: Option<Vec<ContractDocument>>,
    /// The discount up to which sales may agree.
    pub sales_discount: Option<Percent>,
    /// The discount up to which the regional manager may agree; not below that of sales.
    pub rr_discount: Option<Percent>,
}

/// A reason for which a deal may be stopped.
#[derive(Clone, Debug, InputObject)]
pub struct StopReasonInput {
    /// For which stop.
    pub stop: OppyStage,
    /// Its code, in capital letters.
    pub code: String,
    /// What people read, in French.
    pub label_fr: String,
    /// What people read, in English.
    pub label_en: String,
}
