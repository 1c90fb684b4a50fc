//! What can be asked about budgets and goodwill gestures.

use ::entity::{
    budgets::{envelope, goodwill},
    vocabulary::{DelegationId, EnvelopeKind, GoodwillStatus, Money, PersonId, RegionId},
};
use async_graphql::{Context, Enum, InputObject, Object, Result};
use chrono::Datelike;
use sea_orm::{
    ColumnTrait, QueryFilter,
    sea_query::{ExprTrait, Order as Direction, SimpleExpr},
};

use super::{
    lookups::YearOf,
    rules::Position,
    store,
    types::{BudgetYear, DelegationBalance, Envelope, GoodwillGesture},
};
use crate::{
    authz::{Permission, Place},
    graphql::{
        connection::{self, Connection, KeyValue, Paging, SortKey},
        filter::{self, Between, Conditions, Filter, OneOf},
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::{ListOrder, Sorting},
    },
    loaders::Loaders,
    op::Op,
};

/// Which envelopes; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub struct EnvelopeFilter {
    /// Whose money they hold.
    kind: Option<OneOf<EnvelopeKind>>,
    /// Delegate.
    delegate: Option<OneOf<IdOf<PersonId>>>,
    /// Delegation of the delegates.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// Region: its manager's envelope and its delegates'.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// All of these hold as well.
    and: Option<Vec<Self>>,
    /// One of these holds as well; an empty list says nothing.
    or: Option<Vec<Self>>,
    /// This does not hold.
    not: Option<Box<Self>>,
}

impl Filter for EnvelopeFilter {
    fn own(&self) -> crate::error::Result<Conditions> {
        use envelope::Column as C;
        let Self { kind, delegate, delegation, region, and: _, or: _, not: _ } = self;
        Conditions::default()
            .one_of(C::Kind.into_expr(), kind.as_ref())?
            .one_of_nullable(C::PersonId.into_expr(), delegate.as_ref())?
            .one_of_nullable(C::DelegationId.into_expr(), delegation.as_ref())?
            .one_of_nullable(C::RegionId.into_expr(), region.as_ref())
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

/// In which order envelopes are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum EnvelopeOrder {
    /// As they were made: pool, management, regions and delegates by code, then those made later.
    MadeAsc,
    /// Least available first.
    AvailableAsc,
    /// Most available first.
    AvailableDesc,
    /// Smallest allocation first.
    AllocatedAsc,
    /// Largest allocation first.
    AllocatedDesc,
}

impl ListOrder for EnvelopeOrder {
    type Row = envelope::Model;
    const USUAL: Self = Self::MadeAsc;

    fn direction(self) -> Direction {
        match self {
            Self::MadeAsc | Self::AvailableAsc | Self::AllocatedAsc => Direction::Asc,
            Self::AvailableDesc | Self::AllocatedDesc => Direction::Desc,
        }
    }

    fn key(self) -> SortKey {
        use envelope::Column as C;
        let by: SimpleExpr = match self {
            Self::MadeAsc => C::Id.into_expr(),
            Self::AvailableAsc | Self::AvailableDesc => {
                C::Allocated.into_expr().sub(C::Committed.into_expr()).sub(C::Consumed.into_expr())
            }
            Self::AllocatedAsc | Self::AllocatedDesc => C::Allocated.into_expr(),
        };
        SortKey::number(by, self.direction())
    }

    fn value(self, row: &envelope::Model) -> KeyValue {
        KeyValue::Number(match self {
            Self::MadeAsc => row.id.0,
            Self::AvailableAsc | Self::AvailableDesc => Position::from(row).available().0,
            Self::AllocatedAsc | Self::AllocatedDesc => row.allocated.0,
        })
    }
}

/// Which goodwill gestures; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub struct GoodwillFilter {
    /// Where they stand.
    status: Option<OneOf<GoodwillStatus>>,
    /// Budget year.
    year: Option<OneOf<i32>>,
    /// Delegation that they come from.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// Region of that delegation.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// Who asked for them.
    requester: Option<OneOf<IdOf<PersonId>>>,
    /// Amount.
    amount: Option<Between<Money>>,
    /// All of these hold as well.
    and: Option<Vec<Self>>,
    /// One of these holds as well; an empty list says nothing.
    or: Option<Vec<Self>>,
    /// This does not hold.
    not: Option<Box<Self>>,
}

impl Filter for GoodwillFilter {
    fn own(&self) -> crate::error::Result<Conditions> {
        use goodwill::Column as C;
        let Self { status, year, delegation, region, requester, amount, and: _, or: _, not: _ } = self;
        let conditions = Conditions::default()
            .one_of(C::Status.into_expr(), status.as_ref())?
            .one_of(C::Year.into_expr(), year.as_ref())?
            .one_of(C::DelegationId.into_expr(), delegation.as_ref())?
            .one_of(C::RegionId.into_expr(), region.as_ref())?
            .one_of(C::RequesterId.into_expr(), requester.as_ref())?
            .between(C::Amount.into_expr(), amount.as_ref());
        Ok(conditions)
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

/// In which order goodwill gestures are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum GoodwillOrder {
    /// Those asked for last first.
    CreatedAtDesc,
    /// Those asked for first first.
    CreatedAtAsc,
    /// Largest amount first.
    AmountDesc,
    /// Smallest amount first.
    AmountAsc,
}

impl ListOrder for GoodwillOrder {
    type Row = goodwill::Model;
    const USUAL: Self = Self::CreatedAtDesc;

    fn direction(self) -> Direction {
        match self {
            Self::CreatedAtAsc | Self::AmountAsc => Direction::Asc,
            Self::CreatedAtDesc | Self::AmountDesc => Direction::Desc,
        }
    }

    fn key(self) -> SortKey {
        use goodwill::Column as C;
        match self {
            Self::CreatedAtDesc | Self::CreatedAtAsc => SortKey::moment(C::CreatedAt.into_expr(), self.direction()),
            Self::AmountDesc | Self::AmountAsc => SortKey::number(C::Amount.into_expr(), self.direction()),
        }
    }

    fn value(self, row: &goodwill::Model) -> KeyValue {
        match self {
            Self::CreatedAtDesc | Self::CreatedAtAsc => KeyValue::Moment { at: row.created_at },
            Self::AmountDesc | Self::AmountAsc => KeyValue::Number(row.amount.0),
        }
    }
}

/// Questions about budgets and goodwill gestures.
#[derive(Debug, Default)]
pub struct BudgetsQuery;

#[Object]
impl BudgetsQuery {
    /// The envelopes of a year that the caller may read, in the order in which they were made where
    /// nothing else is said.
    #[graphql(
        directive = requires::apply("readBudgets".into()),
        complexity = "connection::cost(first, last) * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn budgets(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Budget year; this year's where nothing is said.")] year: Option<i32>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which envelopes.")] filter: Option<EnvelopeFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<Vec<EnvelopeOrder>>,
    ) -> Result<Connection<Envelope>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let year = year.unwrap_or(op.today().year());
        let select = store::envelopes_within(&op.sees(Permission::ReadBudgets), year)
            .filter(filter::condition(filter.as_ref()).told(op)?);
        let sorting = Sorting::new(order_by);
        let keys = sorting.keys(envelope::Column::Id.into_expr());
        let values = |row: &envelope::Model| sorting.values(row, row.id.0);
        Ok(connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?.into())
    }

    /// What the delegates of a delegation hold together, shown to everybody of the delegation; none where
    /// the caller may not see it.
    #[graphql(directive = requires::apply("readBudgets".into()))]
    async fn delegation_balance(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Budget year; this year's where nothing is said.")] year: Option<i32>,
        #[graphql(desc = "Delegation.")] delegation: IdOf<DelegationId>,
    ) -> Result<Option<DelegationBalance>> {
        let (op, delegation) = (op(ctx), delegation.0);
        let Some(office) = Loaders::of(ctx).find(delegation).await.told(op)? else { return Ok(None) };
        if !sees_balance(op, office.id, office.region_id) {
            return Ok(None);
        }
        let year = year.unwrap_or(op.today().year());
        let balance = store::balance_of(&op.conn(), year, delegation).await.told(op)?;
        Ok(Some(DelegationBalance { year, delegation, balance }))
    }

    /// A budget year with its rules; none where there is none.
    #[graphql(directive = requires::apply("readBudgets".into()))]
    async fn budget_year(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The calendar year.")] year: i32,
    ) -> Result<Option<BudgetYear>> {
        Ok(Loaders::of(ctx).find(YearOf(year)).await.told(op(ctx))?.map(BudgetYear))
    }

    /// The budget years, latest first.
    #[graphql(directive = requires::apply("readBudgets".into()))]
    async fn budget_years(&self, ctx: &Context<'_>) -> Result<Vec<BudgetYear>> {
        let years = store::all_years(&op(ctx).conn()).await.told(op(ctx))?;
        Ok(years.into_iter().map(BudgetYear).collect())
    }

    /// The goodwill gestures that the caller may read, latest first where nothing else is said.
    #[graphql(
        directive = requires::apply("readGoodwill".into()),
        complexity = "connection::cost(first, last) * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn goodwill_gestures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which gestures.")] filter: Option<GoodwillFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<Vec<GoodwillOrder>>,
    ) -> Result<Connection<GoodwillGesture>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let select = store::gestures_within(&op.sees(Permission::ReadGoodwill))
            .filter(filter::condition(filter.as_ref()).told(op)?);
        let sorting = Sorting::new(order_by);
        let keys = sorting.keys(goodwill::Column::Id.into_expr());
        let values = |row: &goodwill::Model| sorting.values(row, row.id.0);
        Ok(connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?.into())
    }
}

/// Whether a delegation's balance is shown: to everybody of the delegation who reads budgets at all, and to
/// whoever reads those of the delegation.
fn sees_balance(op: &Op, delegation: DelegationId, region: RegionId) -> bool {
    let place = Place { owner: None, delegation: Some(delegation), region: Some(region) };
    let works_there = op.caller.iter().flat_map(|caller| &caller.grants).any(|grant| {
        grant.holder.delegation == Some(delegation) && !grant.rights.scopes(Permission::ReadBudgets).is_empty()
    });
    works_there || op.sees(Permission::ReadBudgets).covers(&place)
}
