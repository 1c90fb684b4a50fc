//! What can be asked about deals.

use ::entity::{
    sales::opportunity,
    vocabulary::{
        AccountId, CommitteeKind, Day, DelegationId, ForecastCategory, Money, OpportunityId, OppyStage, PersonId,
        RegionId, SizeClass,
    },
};
use async_graphql::{Context, Enum, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{ExprTrait, Order as Direction},
};

use super::{committee, lookups::Readable, store, types::Opportunity};
use crate::{
    authz::Permission,
    calendar,
    error::Error,
    graphql::{
        connection::{self, Connection, KeyValue, Paging, SortKey},
        filter::{self, Between, Conditions, Filter, OneOf},
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::{ListOrder, Sorting},
    },
    loaders::Loaders,
    playbook,
};

/// Most meetings that the agenda tells.
const MOST_MEETINGS: u64 = 500;
/// Most dates that are proposed.
const MOST_DATES: i32 = 50;

/// Which deals; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub struct OpportunityFilter {
    /// Where they stand.
    stage: Option<OneOf<OppyStage>>,
    /// How they count in the forecast.
    category: Option<OneOf<ForecastCategory>>,
    /// How large they are.
    size_class: Option<OneOf<SizeClass>>,
    /// Delegate.
    owner: Option<OneOf<IdOf<PersonId>>>,
    /// Client.
    account: Option<OneOf<IdOf<AccountId>>>,
    /// Delegation.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// Region.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// Amount.
    forecast_amount: Option<Between<Money>>,
    /// Expected signing day.
    signing_on: Option<Between<Day>>,
    /// When they were created.
    created_at: Option<Between<DateTime<Utc>>>,
    /// Part of the number or the title, whatever the case.
    text: Option<String>,
    /// All of these hold.
    and: Option<Vec<OpportunityFilter>>,
    /// One of these holds.
    or: Option<Vec<OpportunityFilter>>,
    /// This does not hold.
    not: Option<Box<OpportunityFilter>>,
}

impl Filter for OpportunityFilter {
    fn own(&self) -> crate::error::Result<Conditions> {
        use opportunity::Column as C;
        let Self {
            stage,
            category,
            size_class,
            owner,
            account,
            delegation,
            region,
            forecast_amount,
            signing_on,
            created_at,
            text,
            ..
        } = self;
        let conditions = Conditions::default()
            .one_of(C::Stage.into_expr(), stage.as_ref())?
            .one_of(C::Category.into_expr(), category.as_ref())?
            .one_of_nullable(C::SizeClass.into_expr(), size_class.as_ref())?
            .one_of(C::OwnerId.into_expr(), owner.as_ref())?
            .one_of(C::AccountId.into_expr(), account.as_ref())?
            .one_of(C::DelegationId.into_expr(), delegation.as_ref())?
            .one_of(C::RegionId.into_expr(), region.as_ref())?
            .between(C::Amount.into_expr(), forecast_amount.as_ref())
            .between(C::SigningOn.into_expr(), signing_on.as_ref())
            .between(C::CreatedAt.into_expr(), created_at.as_ref());
        conditions.contains("text", [C::Number.into_expr(), C::Subject.into_expr()], text.as_deref())
    }

    fn and(&self) -> &[Self] {
        self.and.as_deref().unwrap_or_default()
    }

    fn or(&self) -> &[Self] {
        self.or.as_deref().unwrap_or_default()
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

/// In which order deals are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OpportunitySort {
    /// Newest first.
    CreatedAtDesc,
    /// Oldest first.
    CreatedAtAsc,
    /// Those to be signed first.
    SigningOnAsc,
    /// Those to be signed last first.
    SigningOnDesc,
    /// Smallest amount first; one that is unknown counts as nothing.
    AmountAsc,
    /// Largest amount first.
    AmountDesc,
    /// Longest in their stage first.
    StageSinceAsc,
    /// Those without activity for longest first.
    ActiveAtAsc,
}

impl ListOrder for OpportunitySort {
    type Row = opportunity::Model;

    const USUAL: Self = Self::CreatedAtDesc;

    fn direction(self) -> Direction {
        match self {
            Self::CreatedAtAsc | Self::SigningOnAsc | Self::AmountAsc | Self::StageSinceAsc | Self::ActiveAtAsc => {
                Direction::Asc
            }
            Self::CreatedAtDesc | Self::SigningOnDesc | Self::AmountDesc => Direction::Desc,
        }
    }

    fn key(self) -> SortKey {
        use opportunity::Column as C;
        let direction = self.direction();
        match self {
            Self::CreatedAtDesc | Self::CreatedAtAsc => SortKey::moment(C::CreatedAt.into_expr(), direction),
            Self::SigningOnAsc | Self::SigningOnDesc => SortKey::day(C::SigningOn.into_expr(), direction),
            Self::AmountAsc | Self::AmountDesc => SortKey::number(C::Amount.if_null(0_i64), direction),
            Self::StageSinceAsc => SortKey::moment(C::StageSince.into_expr(), direction),
            Self::ActiveAtAsc => SortKey::moment(C::ActiveAt.into_expr(), direction),
        }
    }

    fn value(self, row: &opportunity::Model) -> KeyValue {
        match self {
            Self::CreatedAtDesc | Self::CreatedAtAsc => KeyValue::Moment { at: row.created_at },
            Self::SigningOnAsc | Self::SigningOnDesc => KeyValue::Day { on: row.signing_on },
            Self::AmountAsc | Self::AmountDesc => KeyValue::Number(row.amount.unwrap_or_default().0),
            Self::StageSinceAsc => KeyValue::Moment { at: row.stage_since },
            Self::ActiveAtAsc => KeyValue::Moment { at: row.active_at },
        }
    }
}

/// A committee's meeting in the agenda.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(directive = requires::apply("readOpportunities".into()))]
pub struct AgendaItem {
    /// Which committee.
    committee: CommitteeKind,
    /// On what day.
    on: Day,
    /// About which deal.
    opportunity: Opportunity,
}

/// Questions about deals.
#[derive(Debug, Default)]
pub struct OpportunitiesQuery;

#[Object]
impl OpportunitiesQuery {
    /// The deals that the caller may read, newest first where nothing else is said.
    #[graphql(directive = requires::apply("readOpportunities".into()), complexity = "connection::cost(first, last) * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn opportunities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which deals.")] filter: Option<OpportunityFilter>,
        #[graphql(desc = "Open deals alone that nobody did anything about for so many days (P-23).")]
        inactive_days: Option<i32>,
        #[graphql(desc = "In which order.")] order_by: Option<Vec<OpportunitySort>>,
    ) -> Result<Connection<Opportunity>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let sorting = Sorting::new(order_by);
        let mut select = opportunity::Entity::find()
            .filter(store::within(&op.sees(Permission::ReadOpportunities)))
            .filter(filter::condition(filter.as_ref()).told(op)?);
        if let Some(days) = inactive_days {
            let since = op.now - TimeDelta::days(Ord::max(days, 0).into());
            let open = OppyStage::ALL.iter().copied().filter(|stage| stage.is_open());
            let quiet = opportunity::Column::ActiveAt.lte(since).and(opportunity::Column::Stage.is_in(open));
            select = select.filter(quiet);
        }
        let keys = sorting.keys(opportunity::Column::Id.into_expr());
        let values = |row: &opportunity::Model| sorting.values(row, row.id.0);
        let page = connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?;
        Ok(page.into())
    }

    /// A deal by its global id; none where there is none that the caller may read.
    #[graphql(directive = requires::apply("readOpportunities".into()))]
    async fn opportunity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the deal.")] id: IdOf<OpportunityId>,
    ) -> Result<Option<Opportunity>> {
        let found = Loaders::of(ctx).find(Readable(id.0)).await.told(op(ctx))?;
        Ok(found.map(Opportunity))
    }

    /// The committees that meet between two days about deals that the caller may read, in the order of the days.
    #[graphql(directive = requires::apply("readOpportunities".into()), complexity = "20 * child_complexity")]
    async fn committee_agenda(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First day; today where nothing is said.")] from: Option<Day>,
        #[graphql(desc = "Last day; a month later where nothing is said.")] to: Option<Day>,
    ) -> Result<Vec<AgendaItem>> {
        let op = op(ctx);
        let from = from.map_or(op.today(), |day| day.0);
        let to = to.map_or_else(|| calendar::add_months(from, 1), |day| day.0);
        let reach = op.sees(Permission::ReadOpportunities);
        let deals = store::agenda(&op.conn(), &reach, from, to, MOST_MEETINGS).await.told(op)?;
        let item = |deal: opportunity::Model| {
            Some(AgendaItem {
                committee: deal.meeting_kind?,
                on: Day(deal.meeting_on?),
                opportunity: Opportunity(deal),
            })
        };
        Ok(deals.into_iter().filter_map(item).collect())
    }

    /// The next days on which a committee may meet: its days of the week, without public holidays.
    #[graphql(directive = requires::apply("readOpportunities".into()))]
    async fn committee_dates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which committee.")] committee: CommitteeKind,
        #[graphql(desc = "From this day on; from today where nothing is said.")] from: Option<Day>,
        #[graphql(desc = "How many, at most 50.", default = 5)] first: i32,
    ) -> Result<Vec<Day>> {
        let op = op(ctx);
        if !(0..=MOST_DATES).contains(&first) {
            return Err(Error::bad_input(["first"], format!("0 to {MOST_DATES}"))).told(op);
        }
        let from = Ord::max(from.map_or(op.today(), |day| day.0), op.today());
        let playbook = playbook::of_year(&op.conn(), from.year()).await.told(op)?.rules;
        let days = committee::proposed(&playbook, committee, from, first.unsigned_abs() as usize);
        Ok(days.into_iter().map(Day).collect())
    }
}
