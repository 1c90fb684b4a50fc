//! What the schema shows of the forecast.

use ::entity::{
    forecast::{deal_state, quota},
    vocabulary::{
        Day, DelegationId, ForecastCategory, ForecastLevel, Money, OppyStage, PersonId, Quarter, RegionId, SizeClass,
        WaterfallKind,
    },
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};
use sea_orm::{ColumnTrait, sea_query::Order as Direction};

use super::{
    analysis::{self, By, Ends, Of, Period, StageFigures},
    board::{Board, Explained, Line, Waterfall},
    quotas::{Scope, Unit},
    rules::{self, OPEN_STAGES, Share},
};
use crate::{
    error::Error,
    graphql::{
        connection::{self, Connection, KeyValue, Page, Paging, SortKey},
        guard::requires,
        id::{IdOf, global},
        payload::{Told, op},
        scalars::Percent,
    },
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
    opportunities::{self, types::Opportunity},
};

/// Which part of the company is looked at; all that is given holds together.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub struct ForecastScope {
    /// One person's deals.
    owner: Option<IdOf<PersonId>>,
    /// One delegation's.
    delegation: Option<IdOf<DelegationId>>,
    /// One region's.
    region: Option<IdOf<RegionId>>,
}

impl From<Option<ForecastScope>> for Scope {
    fn from(scope: Option<ForecastScope>) -> Self {
        let ForecastScope { owner, delegation, region } = scope.unwrap_or_default();
        Self { owner: owner.map(|id| id.0), delegation: delegation.map(|id| id.0), region: region.map(|id| id.0) }
    }
}

/// A share as the schema shows it.
fn percent(share: Share) -> Percent {
    Percent { hundredths: share.hundredths() }
}

/// The forecast of a quarter.
#[derive(Clone, Debug)]
pub struct ForecastBoard {
    pub(super) board: Board,
    pub(super) live_cursor: Option<String>,
}

/// The forecast of a quarter, as far as the caller may see it.
#[Object(directive = requires::apply("readForecast".into()))]
impl ForecastBoard {
    /// Quarter in which the deals are signed, or expected to be.
    async fn quarter(&self) -> Quarter {
        self.board.wanted.quarter
    }

    /// The past day at whose end it stood so; none: it stands so now.
    async fn as_of(&self) -> Option<Day> {
        self.board.wanted.day.map(Day)
    }

    /// By whom its rows are.
    async fn by(&self) -> ForecastLevel {
        self.board.wanted.level
    }

    /// A row for everybody who has a quota or deals in the quarter.
    #[graphql(complexity = "20 * child_complexity")]
    async fn rows(&self) -> Vec<ForecastRow> {
        self.board.lines.iter().copied().map(ForecastRow).collect()
    }

    /// All rows together; the quota is the one of the largest teams that are the caller's to see.
    async fn total(&self) -> ForecastRow {
        ForecastRow(self.board.total)
    }

    /// What open deals are weighted with, stage by stage.
    #[graphql(complexity = "4 * child_complexity")]
    async fn probabilities(&self) -> Vec<StageProbability> {
        let known = &self.board.probabilities;
        let shares = OPEN_STAGES.into_iter().zip(known.shares).zip(known.seen);
        let told = |((stage, share), seen)| StageProbability { stage, probability: percent(share), learned_from: seen };
        shares.map(told).collect()
    }

    /// Whether the probabilities are learned from the own history; where not, they are the configured ones.
    async fn learned(&self) -> bool {
        self.board.probabilities.learned
    }

    /// How many deals of the whole company had ended: closed as won, lost, or not gone for.
    async fn ended_deals(&self) -> i64 {
        self.board.probabilities.ended
    }

    /// Place in the feed `forecastChanged` behind which lies all that this board does not show yet.
    async fn live_cursor(&self) -> Option<&str> {
        self.live_cursor.as_deref()
    }
}

/// How likely a deal of a stage is to be signed.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readForecast".into()))]
pub struct StageProbability {
    /// Stage.
    stage: OppyStage,
    /// Share of the deals that were in the stage and were closed as won, to two decimals; deals are weighted with
    /// the exact one.
    probability: Percent,
    /// How many ended deals it is learned from; zero where it is the configured one.
    learned_from: i64,
}

/// A row of the forecast.
#[derive(Clone, Copy, Debug)]
pub struct ForecastRow(Line);

/// A row of the forecast; no column includes another.
#[Object(directive = requires::apply("readForecast".into()))]
impl ForecastRow {
    /// Whose deals they are, in rows by owner.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Unit::Owner(id) = self.0.unit else { return Ok(None) };
        Ok(Some(Person(Loaders::of(ctx).one(id).await.told(op(ctx))?)))
    }

    /// Delegation, in rows by delegation.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Option<Delegation>> {
        let Unit::Delegation(id) = self.0.unit else { return Ok(None) };
        Ok(Some(Delegation(Loaders::of(ctx).one(id).await.told(op(ctx))?)))
    }

    /// Region, in rows by region.
    async fn region(&self, ctx: &Context<'_>) -> Result<Option<Region>> {
        let Unit::Region(id) = self.0.unit else { return Ok(None) };
        Ok(Some(Region(Loaders::of(ctx).one(id).await.told(op(ctx))?)))
    }

    /// What is to be signed in the quarter: a team's own figure, or the sum of its people's.
    async fn quota(&self) -> Option<Money> {
        self.0.quota
    }

    /// Open deals that may come.
    async fn pipeline(&self) -> Money {
        self.0.sums.pipeline
    }

    /// Open deals committed to sign, with one uncertainty left.
    async fn best_case(&self) -> Money {
        self.0.sums.best_case
    }

    /// Open deals committed to sign.
    async fn commit(&self) -> Money {
        self.0.sums.commit
    }

    /// Pipeline, best case and commit together.
    async fn open(&self) -> Money {
        self.0.sums.open()
    }

    /// Signed deals.
    async fn closed(&self) -> Money {
        self.0.sums.closed
    }

    /// How many times the open deals cover what the quota still lacks, to four decimals; none where it lacks
    /// nothing, or there is no quota.
    async fn coverage(&self) -> Option<Decimal> {
        rules::coverage(self.0.sums.open(), self.0.quota, self.0.sums.closed)
    }

    /// Each open deal times the probability of its stage, rounded to the cent.
    async fn weighted(&self) -> Money {
        self.0.sums.weighted
    }

    /// How many deals are counted: open and signed.
    async fn deals(&self) -> i64 {
        self.0.sums.deals
    }
}

/// A quota.
#[derive(Clone, Debug)]
pub struct Quota(pub quota::Model);

impl From<quota::Model> for Quota {
    fn from(row: quota::Model) -> Self {
        Self(row)
    }
}

/// What a person or a team is to sign in a quarter.
#[Object(directive = requires::apply("readForecast".into()))]
impl Quota {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Quarter.
    async fn quarter(&self) -> Quarter {
        self.0.quarter
    }

    /// Whether it is a person's or a team's.
    async fn level(&self) -> ForecastLevel {
        self.0.level
    }

    /// Whose it is, of a person's.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.person_id).await.told(op(ctx))?.map(Person))
    }

    /// Delegation, of a delegation's.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Option<Delegation>> {
        Ok(Loaders::of(ctx).optional(self.0.delegation_id).await.told(op(ctx))?.map(Delegation))
    }

    /// Region, of a region's or a delegation's.
    async fn region(&self, ctx: &Context<'_>) -> Result<Option<Region>> {
        Ok(Loaders::of(ctx).optional(self.0.region_id).await.told(op(ctx))?.map(Region))
    }

    /// How much; none: it was taken back, and a team's is the sum of its people's.
    async fn amount(&self) -> Option<Money> {
        self.0.amount
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}

/// What changed of a quarter's open deals.
#[derive(Clone, Debug)]
pub struct ForecastWaterfall(pub(super) Waterfall);

/// What changed of a quarter's open deals between two days, deal by deal: start and rows make the end.
#[Object(directive = requires::apply("readForecast".into()))]
impl ForecastWaterfall {
    /// Quarter.
    async fn quarter(&self) -> Quarter {
        self.0.quarter
    }

    /// Day from whose end on.
    async fn from(&self) -> Day {
        Day(self.0.from)
    }

    /// Day until whose end.
    async fn to(&self) -> Day {
        Day(self.0.to)
    }

    /// What was open at the end of the first day: pipeline, best case and commit.
    async fn start(&self) -> Money {
        self.0.start
    }

    /// What was open at the end of the last day, or is now.
    async fn end(&self) -> Money {
        self.0.end
    }

    /// The rows added up by what became of the deals; kinds without rows are left out.
    #[graphql(complexity = "7 * child_complexity")]
    async fn totals(&self) -> Vec<WaterfallTotal> {
        let total = |kind: &WaterfallKind| {
            let of_kind = self.0.changes.iter().map(|told| told.change).filter(|change| change.kind == *kind);
            let start = WaterfallTotal { kind: *kind, amount: Money::ZERO, deals: 0 };
            of_kind.fold(start, |all, change| WaterfallTotal {
                amount: rules::plus(all.amount, change.amount),
                deals: all.deals + 1,
                ..all
            })
        };
        WaterfallKind::ALL.iter().map(total).filter(|total| total.deals > 0).collect()
    }

    /// Deal by deal, those created first first; of one deal how it came, how its amount changed, how it went.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    async fn rows(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<WaterfallRow>> {
        let paging = Paging::new(ctx, first, after, last, before).told(op(ctx))?;
        Ok(page(&self.0.changes, &paging).told(op(ctx))?.into())
    }
}

/// The place of a row: which deal, and which of its changes.
fn cursor_of(row: &Explained) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", row.change.opportunity, row.place))
}

fn place_of(argument: &str, cursor: &str) -> crate::error::Result<(i64, usize)> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = text.as_deref().and_then(|text| text.split_once('.'));
    let place = place.and_then(|(deal, place)| Some((deal.parse().ok()?, place.parse().ok()?)));
    place.ok_or_else(|| Error::bad_input([argument], "not a cursor of this list"))
}

/// The page that is asked for.
fn page(rows: &[Explained], paging: &Paging) -> crate::error::Result<Page<Explained>> {
    let key = |row: &Explained| (row.change.opportunity.0, row.place);
    let (mut begin, mut end) = (0, rows.len());
    if let Some(cursor) = &paging.after {
        let place = place_of("after", cursor)?;
        begin = rows.partition_point(|row| key(row) <= place);
    }
    if let Some(cursor) = &paging.before {
        let place = place_of("before", cursor)?;
        end = rows.partition_point(|row| key(row) < place).max(begin);
    }
    let size = |count: i32| usize::try_from(count).unwrap_or(0);
    match paging.last {
        Some(last) => begin = begin.max(end.saturating_sub(size(last))),
        None => end = end.min(begin + size(paging.first.unwrap_or(connection::USUAL))),
    }
    Ok(Page {
        rows: rows[begin..end].iter().map(|row| (cursor_of(row), row.clone())).collect(),
        has_next: end < rows.len(),
        has_previous: begin > 0,
        total: paging.counted.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX)),
    })
}

/// The rows of one kind added up.
#[derive(Clone, Copy, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readForecast".into()))]
pub struct WaterfallTotal {
    /// What became of the deals.
    kind: WaterfallKind,
    /// By how much what is open changed for it.
    amount: Money,
    /// Of how many deals.
    deals: i64,
}

/// What became of a deal.
#[derive(Clone, Debug)]
pub struct WaterfallRow(Explained);

impl From<Explained> for WaterfallRow {
    fn from(row: Explained) -> Self {
        Self(row)
    }
}

/// What became of a deal between two days.
#[Object(directive = requires::apply("readForecast".into()))]
impl WaterfallRow {
    /// What became of it.
    async fn kind(&self) -> WaterfallKind {
        self.0.change.kind
    }

    /// By how much what is open changed for it: positive where it rose.
    async fn amount(&self) -> Money {
        self.0.change.amount
    }

    /// Global id of the deal, for `node`.
    async fn opportunity_id(&self) -> ID {
        global(self.0.change.opportunity)
    }

    /// The deal, as it is now, where the caller may read it.
    async fn opportunity(&self, ctx: &Context<'_>) -> Result<Option<Opportunity>> {
        let deal = opportunities::Readable(self.0.change.opportunity);
        Ok(Loaders::of(ctx).find(deal).await.told(op(ctx))?.map(Opportunity))
    }

    /// How the deal stood on the first day; none where it did not exist or was not the caller's to see.
    async fn before(&self) -> Option<DealState> {
        self.0.before.clone().map(DealState)
    }

    /// How the deal stood on the last day; none where it was not the caller's to see.
    async fn after(&self) -> Option<DealState> {
        self.0.after.clone().map(DealState)
    }
}

/// How a deal stood.
#[derive(Clone, Debug)]
pub struct DealState(deal_state::Model);

/// How a deal stood, as far as the forecast is concerned.
#[Object(directive = requires::apply("readForecast".into()))]
impl DealState {
    /// Since when it stood so.
    async fn since(&self) -> DateTime<Utc> {
        self.0.from_at
    }

    /// Stage.
    async fn stage(&self) -> OppyStage {
        self.0.stage
    }

    /// How it was forecast.
    async fn category(&self) -> ForecastCategory {
        self.0.category
    }

    /// What it was worth.
    async fn amount(&self) -> Money {
        self.0.amount
    }

    /// Day on which the client was expected to sign, or signed.
    async fn signing_day(&self) -> Day {
        Day(self.0.signing_day)
    }

    /// Quarter of that day.
    async fn quarter(&self) -> Quarter {
        self.0.quarter
    }

    /// How large it was; none where that was not known.
    async fn size_class(&self) -> Option<SizeClass> {
        self.0.size_class
    }

    /// Code of the reason for which it was stopped.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Whose deal it was.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.0.owner_id).await.told(op(ctx))?))
    }

    /// Delegation that it belonged to.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.0.delegation_id).await.told(op(ctx))?))
    }

    /// Who had committed it.
    async fn committed_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.committed_by_id).await.told(op(ctx))?.map(Person))
    }
}

/// What the history of the deals teaches.
#[derive(Clone, Debug)]
pub struct SalesAnalytics(pub(super) Period);

/// By what ended deals are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WinRateBy {
    /// By their size.
    Size,
    /// By whose they were.
    Owner,
    /// By the client's sector.
    Sector,
    /// By the reason for which they were stopped.
    Reason,
}

/// What the history of the deals that the caller may see teaches about a period.
#[Object(directive = requires::apply("readForecast".into()))]
impl SalesAnalytics {
    /// Conversion and time of each stage, in the order of the stages.
    #[graphql(complexity = "5 * child_complexity")]
    async fn stages(&self, ctx: &Context<'_>) -> Result<Vec<StageAnalytics>> {
        let stages = analysis::stages(&op(ctx).conn(), &self.0).await.told(op(ctx))?;
        Ok(stages.into_iter().map(StageAnalytics).collect())
    }

    /// How the deals ended that ended in the period: closed as won, lost, or not gone for.
    #[graphql(complexity = "20 * child_complexity")]
    async fn win_rates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "By what they are told apart.")] by: WinRateBy,
    ) -> Result<Vec<WinRate>> {
        let by = match by {
            WinRateBy::Size => By::Size,
            WinRateBy::Owner => By::Owner,
            WinRateBy::Sector => By::Sector,
            WinRateBy::Reason => By::Reason,
        };
        let ends = analysis::ends(&op(ctx).conn(), &self.0, by).await.told(op(ctx))?;
        Ok(ends.into_iter().map(|(of, ends)| WinRate { of, ends }).collect())
    }

    /// Open deals whose signing day was put off to another quarter in the period.
    async fn slipped(&self, ctx: &Context<'_>) -> Result<SlippedDates> {
        let (count, amount) = analysis::slipped(&op(ctx).conn(), &self.0).await.told(op(ctx))?;
        Ok(SlippedDates { count, amount, period: self.0.clone() })
    }
}

/// Conversion and time of a stage.
#[derive(Clone, Copy, Debug)]
pub struct StageAnalytics(StageFigures);

/// A number of seconds in days, to two decimals.
fn days(seconds: Decimal) -> Decimal {
    let mut days = (seconds / Decimal::from(86_400)).round_dp_with_strategy(2, MidpointAwayFromZero);
    days.rescale(2);
    days
}

/// Conversion and time of a stage; on hold is a pause, in which no time counts.
#[Object(directive = requires::apply("readForecast".into()))]
impl StageAnalytics {
    /// Stage.
    async fn stage(&self) -> OppyStage {
        self.0.stage
    }

    /// How many deals entered it.
    async fn entered(&self) -> i64 {
        self.0.entered
    }

    /// How many left it for the next stage.
    async fn went_on(&self) -> i64 {
        self.0.went_on
    }

    /// How many were stopped in it: lost, dismissed or not gone for.
    async fn stopped(&self) -> i64 {
        self.0.stopped
    }

    /// Share of those that left it that went on; none where none left.
    async fn conversion(&self) -> Option<Percent> {
        Share::new(self.0.went_on, self.0.went_on + self.0.stopped).map(percent)
    }

    /// Days that those that left had spent in it on average, to two decimals; none where none left.
    async fn mean_days(&self) -> Option<Decimal> {
        let left = self.0.went_on + self.0.stopped;
        Decimal::from(self.0.seconds).checked_div(Decimal::from(left)).map(days)
    }

    /// Days that the one in the middle of those that left had spent in it, to two decimals; none where none left.
    async fn median_days(&self) -> Option<Decimal> {
        self.0.median.map(|seconds| days(Decimal::from(seconds)))
    }
}

/// How some deals ended.
#[derive(Clone, Debug)]
pub struct WinRate {
    of: Of,
    ends: Ends,
}

/// How those deals ended that are alike in what they are told apart by.
#[Object(directive = requires::apply("readForecast".into()))]
impl WinRate {
    /// Their size, where they are told apart by it and it is known.
    async fn size(&self) -> Option<SizeClass> {
        match &self.of {
            Of::Size(size) => *size,
            Of::Owner(_) | Of::Sector(_) | Of::Reason(_) => None,
        }
    }

    /// Whose they were, where they are told apart by it.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Of::Owner(id) = self.of else { return Ok(None) };
        Ok(Some(Person(Loaders::of(ctx).one(id).await.told(op(ctx))?)))
    }

    /// The client's sector, where they are told apart by it and it is known.
    async fn sector(&self) -> Option<&str> {
        match &self.of {
            Of::Sector(sector) => sector.as_deref(),
            Of::Size(_) | Of::Owner(_) | Of::Reason(_) => None,
        }
    }

    /// Code of the reason for which they were stopped, where they are told apart by it; none of those won.
    async fn reason(&self) -> Option<&str> {
        match &self.of {
            Of::Reason(reason) => reason.as_deref(),
            Of::Size(_) | Of::Owner(_) | Of::Sector(_) => None,
        }
    }

    /// How many were closed as won.
    async fn won(&self) -> i64 {
        self.ends.won
    }

    /// How many were lost or not gone for.
    async fn lost(&self) -> i64 {
        self.ends.lost
    }

    /// What those won were worth.
    async fn won_amount(&self) -> Money {
        self.ends.won_amount
    }

    /// What those lost were worth.
    async fn lost_amount(&self) -> Money {
        self.ends.lost_amount
    }

    /// Share of those that ended that were won.
    async fn rate(&self) -> Option<Percent> {
        Share::new(self.ends.won, self.ends.won + self.ends.lost).map(percent)
    }
}

/// Signing days that were put off.
#[derive(Clone, Debug)]
pub struct SlippedDates {
    count: i64,
    amount: Money,
    period: Period,
}

/// Signing days of open deals that were put off to another quarter.
#[Object(directive = requires::apply("readForecast".into()))]
impl SlippedDates {
    /// How often.
    async fn count(&self) -> i64 {
        self.count
    }

    /// What those deals were worth then, all together.
    async fn amount(&self) -> Money {
        self.amount
    }

    /// Which deals, the latest first.
    #[graphql(complexity = "connection::cost(first, last) * child_complexity")]
    async fn deals(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<SlippedDate>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let keys = [SortKey::number(deal_state::Column::Id.into_expr(), Direction::Desc)];
        let values = |row: &deal_state::Model| vec![KeyValue::Number(row.id.0)];
        let slips = analysis::slips(&self.period);
        Ok(connection::page(&op.conn(), slips, &keys, values, &paging).await.told(op)?.into())
    }
}

/// A signing day that was put off.
#[derive(Clone, Debug)]
pub struct SlippedDate(deal_state::Model);

impl From<deal_state::Model> for SlippedDate {
    fn from(row: deal_state::Model) -> Self {
        Self(row)
    }
}

/// A signing day that was put off to another quarter.
#[Object(directive = requires::apply("readForecast".into()))]
impl SlippedDate {
    /// Global id of the deal, for `node`.
    async fn opportunity_id(&self) -> ID {
        global(self.0.opportunity_id)
    }

    /// The deal, as it is now, where the caller may read it.
    async fn opportunity(&self, ctx: &Context<'_>) -> Result<Option<Opportunity>> {
        let deal = opportunities::Readable(self.0.opportunity_id);
        Ok(Loaders::of(ctx).find(deal).await.told(op(ctx))?.map(Opportunity))
    }

    /// When it was put off.
    async fn at(&self) -> DateTime<Utc> {
        self.0.from_at
    }

    /// Quarter that the deal was expected in.
    async fn from(&self) -> Option<Quarter> {
        self.0.slipped_from
    }

    /// How the deal stood from then on.
    async fn state(&self) -> DealState {
        DealState(self.0.clone())
    }
}
