//! What can be asked about orders.

use ::entity::{
    orders::order,
    vocabulary::{AccountId, ActionType, DelegationId, Money, OrderId, OrderKind, OrderStatus, PersonId, RegionId},
};
use async_graphql::{Context, Enum, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, Func, Order as Direction, SimpleExpr},
};

use super::{
    input::SimulateOrderInput,
    lookups::Readable,
    simulation::{self, OrderSimulation},
    store,
    then::OrderThen,
    types::Order,
};
use crate::{
    authz::Permission,
    graphql::{
        connection::{self, Connection, KeyValue, Paging, SortKey},
        filter::{self, Between, Conditions, Filter, OneOf},
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::{ListOrder, Sorting},
    },
    loaders::Loaders,
};

/// Which orders; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub struct OrderFilter {
    /// Where they stand.
    status: Option<OneOf<OrderStatus>>,
    /// Standard or custom.
    kind: Option<OneOf<OrderKind>>,
    /// What custom orders are for.
    action_type: Option<OneOf<ActionType>>,
    /// Budget year.
    year: Option<OneOf<i32>>,
    /// Delegate.
    owner: Option<OneOf<IdOf<PersonId>>>,
    /// Broker.
    broker: Option<OneOf<IdOf<AccountId>>>,
    /// Delegation.
    delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// Region.
    region: Option<OneOf<IdOf<RegionId>>>,
    /// Total.
    total: Option<Between<Money>>,
    /// When they were created.
    created_at: Option<Between<DateTime<Utc>>>,
    /// Part of the number, the title or the comment, whatever the case.
    text: Option<String>,
    /// All of these hold.
    and: Option<Vec<OrderFilter>>,
    /// One of these holds.
    or: Option<Vec<OrderFilter>>,
    /// This does not hold.
    not: Option<Box<OrderFilter>>,
}

impl Filter for OrderFilter {
    fn own(&self) -> crate::error::Result<Conditions> {
        use order::Column as C;
        let Self {
            status, kind, action_type, year, owner, broker, delegation, region, total, created_at, text, ..
        } = self;
        let never_null = |column: C| -> SimpleExpr { Func::coalesce([column.into_expr(), Expr::val("")]).into() };
        let conditions = Conditions::default()
            .one_of(C::Status.into_expr(), status.as_ref())?
            .one_of(C::Kind.into_expr(), kind.as_ref())?
            .one_of_nullable(C::ActionType.into_expr(), action_type.as_ref())?
            .one_of(C::Year.into_expr(), year.as_ref())?
            .one_of(C::OwnerId.into_expr(), owner.as_ref())?
            .one_of(C::BrokerId.into_expr(), broker.as_ref())?
            .one_of(C::DelegationId.into_expr(), delegation.as_ref())?
            .one_of(C::RegionId.into_expr(), region.as_ref())?
            .between(C::Total.into_expr(), total.as_ref())
            .between(C::CreatedAt.into_expr(), created_at.as_ref());
        let texts = [never_null(C::Number), C::Subject.into_expr(), never_null(C::Comment)];
        conditions.contains("text", texts, text.as_deref())
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

/// In which order orders are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum OrderSort {
    /// Newest first.
    CreatedAtDesc,
    /// Oldest first.
    CreatedAtAsc,
    /// Longest in their status first.
    StatusSinceAsc,
    /// Shortest in their status first.
    StatusSinceDesc,
    /// Smallest total first.
    TotalAsc,
    /// Largest total first.
    TotalDesc,
}

impl ListOrder for OrderSort {
    type Row = order::Model;

    const USUAL: Self = Self::CreatedAtDesc;

    fn direction(self) -> Direction {
        match self {
            Self::CreatedAtAsc | Self::StatusSinceAsc | Self::TotalAsc => Direction::Asc,
            Self::CreatedAtDesc | Self::StatusSinceDesc | Self::TotalDesc => Direction::Desc,
        }
    }

    fn key(self) -> SortKey {
        match self {
            Self::CreatedAtDesc | Self::CreatedAtAsc => {
                SortKey::moment(order::Column::CreatedAt.into_expr(), self.direction())
            }
            Self::StatusSinceAsc | Self::StatusSinceDesc => {
                SortKey::moment(order::Column::StatusSince.into_expr(), self.direction())
            }
            Self::TotalAsc | Self::TotalDesc => SortKey::number(order::Column::Total.into_expr(), self.direction()),
        }
    }

    fn value(self, row: &order::Model) -> KeyValue {
        match self {
            Self::CreatedAtDesc | Self::CreatedAtAsc => KeyValue::Moment { at: row.created_at },
            Self::StatusSinceAsc | Self::StatusSinceDesc => KeyValue::Moment { at: row.status_since },
            Self::TotalAsc | Self::TotalDesc => KeyValue::Number(row.total.0),
        }
    }
}

/// Questions about orders.
#[derive(Debug, Default)]
pub struct OrdersQuery;

#[Object]
impl OrdersQuery {
    /// The orders that the caller may read, newest first where nothing else is said.
    #[graphql(directive = requires::apply("readOrders".into()), complexity = "connection::cost(first, last) * child_complexity")]
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which orders.")] filter: Option<OrderFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<Vec<OrderSort>>,
    ) -> Result<Connection<Order>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let sorting = Sorting::new(order_by);
        let select = order::Entity::find()
            .filter(store::within(&op.sees(Permission::ReadOrders)))
            .filter(filter::condition(filter.as_ref()).told(op)?);
        let keys = sorting.keys(order::Column::Id.into_expr());
        let values = |row: &order::Model| sorting.values(row, row.id.0);
        let page = connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?;
        Ok(page.into())
    }

    /// An order by its global id; none where there is none that the caller may read today. With `asOf`: as it stood
    /// at that moment, with its lines, attachments, results and timeline of then, and no available actions. Whom and
    /// what it points to (people, broker, site, articles) is told as it is today.
    #[graphql(directive = requires::apply("readOrders".into()))]
    async fn order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the order.")] id: IdOf<OrderId>,
        #[graphql(desc = "A moment that has come: NOT_FOUND where the order was not there yet.")] as_of: Option<
            DateTime<Utc>,
        >,
    ) -> Result<Option<OrderThen>> {
        let op = op(ctx);
        let Some(found) = Loaders::of(ctx).find(Readable(id.0)).await.told(op)? else { return Ok(None) };
        match as_of {
            Some(moment) => OrderThen::at(op, found, moment).await.map(Some).told(op),
            None => Ok(Some(OrderThen::now(found))),
        }
    }

    /// What a submission would lead to, without writing anything.
    async fn simulate_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order to try out.")] input: SimulateOrderInput,
    ) -> Result<OrderSimulation> {
        let op = op(ctx);
        simulation::simulate(op, input).await
    }
}

impl From<order::Model> for Order {
    fn from(row: order::Model) -> Self {
        Self(row)
    }
}
