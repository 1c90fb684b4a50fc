//! What the schema shows of the queues.

use ::entity::{
    platform::work_item::{self, Column},
    vocabulary::{AccountId, DelegationId, Money, PersonId, RegionId, WorkItemId, WorkKind},
};
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use sea_orm::{
    Condition,
    sea_query::{self, Expr},
};

use super::{
    feed::Cursor,
    labels, store,
    view::{View, audience},
};
use crate::{
    budgets::types::GoodwillGesture,
    crm::{self, types::Account},
    error::Error,
    graphql::{
        connection::{Connection, Edge, KeyValue, PageInfo, SortKey},
        filter::{Between, Conditions, Filter, OneOf},
        guard::requires,
        id::{IdOf, global},
        payload::{Told, op},
        sorting::ListOrder,
    },
    identity::types::{Delegation, Person, Region},
    loaders::Loaders,
    opportunities::{self, types::Opportunity},
    orders::{Readable, types::Order},
};

/// Something that waits for the caller.
#[derive(Clone, Debug)]
pub struct WorkItem {
    row: work_item::Model,
    on_behalf_of: Option<PersonId>,
}

impl WorkItem {
    /// An item as its viewer sees it; nothing where it does not wait for them.
    #[must_use]
    pub fn seen(row: work_item::Model, view: &View) -> Option<Self> {
        let audience = audience(&row);
        view.contains(&audience).then(|| Self { on_behalf_of: view.on_behalf_of(&audience), row })
    }
}

/// Something that waits for the caller, or for somebody whom they stand in for.
#[Object(directive = requires::apply("workQueue".into()))]
impl WorkItem {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.row.id)
    }

    /// What it waits for.
    async fn kind(&self) -> WorkKind {
        self.row.kind
    }

    /// What it waits for, in the caller's language.
    async fn label(&self, ctx: &Context<'_>) -> String {
        labels::kind(self.row.kind).into_language(op(ctx).language)
    }

    /// Since when it waits.
    async fn since(&self) -> DateTime<Utc> {
        self.row.since
    }

    /// Budget year.
    async fn year(&self) -> i32 {
        self.row.year
    }

    /// Amount at stake.
    async fn total(&self) -> Money {
        self.row.total
    }

    /// Version of what waits: the `expectedVersion` of the action that is due.
    async fn version(&self) -> i64 {
        self.row.version
    }

    /// Whose order, gesture or deal it is.
    async fn owner(&self, ctx: &Context<'_>) -> Result<Person> {
        Ok(Person(Loaders::of(ctx).one(self.row.owner_id).await.told(op(ctx))?))
    }

    /// The order that waits.
    async fn order(&self, ctx: &Context<'_>) -> Result<Option<Order>> {
        let Some(order) = self.row.order_id else { return Ok(None) };
        Ok(Loaders::of(ctx).find(Readable(order)).await.told(op(ctx))?.map(Order))
    }

    /// The deal that waits.
    async fn opportunity(&self, ctx: &Context<'_>) -> Result<Option<Opportunity>> {
        let Some(deal) = self.row.opportunity_id else { return Ok(None) };
        Ok(Loaders::of(ctx).find(opportunities::Readable(deal)).await.told(op(ctx))?.map(Opportunity))
    }

    /// The goodwill gesture that waits.
    async fn goodwill(&self, ctx: &Context<'_>) -> Result<Option<GoodwillGesture>> {
        // Nobody has it in their queue who may not read it.
        Ok(Loaders::of(ctx).optional(self.row.goodwill_id).await.told(op(ctx))?.map(GoodwillGesture))
    }

    /// The broker concerned, where the caller may read it.
    async fn broker(&self, ctx: &Context<'_>) -> Result<Option<Account>> {
        let Some(broker) = self.row.broker_id else { return Ok(None) };
        let op = op(ctx);
        Ok(crm::readable(op, Loaders::of(ctx), broker).await.told(op)?.map(Account))
    }

    /// Delegation that it belongs to.
    async fn delegation(&self, ctx: &Context<'_>) -> Result<Delegation> {
        Ok(Delegation(Loaders::of(ctx).one(self.row.delegation_id).await.told(op(ctx))?))
    }

    /// Region that it belongs to.
    async fn region(&self, ctx: &Context<'_>) -> Result<Region> {
        Ok(Region(Loaders::of(ctx).one(self.row.region_id).await.told(op(ctx))?))
    }

    /// For whom the caller would act, where it waits for them only because they stand in: the
    /// `onBehalfOf` of the action that is due.
    async fn on_behalf_of(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.on_behalf_of).await.told(op(ctx))?.map(Person))
    }
}

/// Which items are meant; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub struct WorkItemFilter {
    /// What they wait for.
    pub kind: Option<OneOf<WorkKind>>,
    /// Budget year.
    pub year: Option<OneOf<i32>>,
    /// Delegation that they belong to.
    pub delegation: Option<OneOf<IdOf<DelegationId>>>,
    /// Region that they belong to.
    pub region: Option<OneOf<IdOf<RegionId>>>,
    /// Whose they are.
    pub owner: Option<OneOf<IdOf<PersonId>>>,
    /// Broker concerned.
    pub broker: Option<OneOf<IdOf<AccountId>>>,
    /// Amount at stake.
    pub total: Option<Between<Money>>,
    /// Since when they wait.
    pub since: Option<Between<DateTime<Utc>>>,
    /// All of these hold as well.
    pub and: Option<Vec<Self>>,
    /// One of these holds as well; an empty list says nothing.
    pub or: Option<Vec<Self>>,
    /// This does not hold.
    pub not: Option<Box<Self>>,
}

impl WorkItemFilter {
    /// The view of the kinds that the filter lets through.
    #[must_use]
    pub fn narrow(&self, view: View) -> View {
        match &self.kind {
            Some(kinds) => only(view, kinds),
            None => view,
        }
    }
}

/// The view of the kinds that a filter of kinds lets through.
#[must_use]
pub(super) fn only(view: View, OneOf { eq, among }: &OneOf<WorkKind>) -> View {
    let among: &[WorkKind] = among.as_deref().unwrap_or(WorkKind::ALL);
    match eq {
        Some(kind) => view.only(std::slice::from_ref(kind)).only(among),
        None => view.only(among),
    }
}

impl Filter for WorkItemFilter {
    fn own(&self) -> crate::error::Result<Conditions> {
        let Self { kind, year, delegation, region, owner, broker, total, since, and: _, or: _, not: _ } = self;
        Ok(Conditions::default()
            .one_of(column(Column::Kind), kind.as_ref())?
            .one_of(column(Column::Year), year.as_ref())?
            .one_of(column(Column::DelegationId), delegation.as_ref())?
            .one_of(column(Column::RegionId), region.as_ref())?
            .one_of(column(Column::OwnerId), owner.as_ref())?
            .one_of_nullable(column(Column::BrokerId), broker.as_ref())?
            .between(column(Column::Total), total.as_ref())
            .between(column(Column::Since), since.as_ref()))
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

/// In which order items are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WorkItemOrder {
    /// Those that wait longest first.
    SinceAsc,
    /// Those that came last first.
    SinceDesc,
    /// The smallest amounts first.
    TotalAsc,
    /// The largest amounts first.
    TotalDesc,
}

impl WorkItemOrder {
    /// Whether it is the order of the indexes, forwards or backwards.
    pub(super) const fn is_by_waiting(self) -> bool {
        match self {
            Self::SinceAsc | Self::SinceDesc => true,
            Self::TotalAsc | Self::TotalDesc => false,
        }
    }
}

impl ListOrder for WorkItemOrder {
    type Row = work_item::Model;

    const USUAL: Self = Self::SinceAsc;

    fn direction(self) -> sea_query::Order {
        match self {
            Self::SinceAsc | Self::TotalAsc => sea_query::Order::Asc,
            Self::SinceDesc | Self::TotalDesc => sea_query::Order::Desc,
        }
    }

    fn key(self) -> SortKey {
        match self {
            Self::SinceAsc | Self::SinceDesc => SortKey::moment(column(Column::Since), self.direction()),
            Self::TotalAsc | Self::TotalDesc => SortKey::number(column(Column::Total), self.direction()),
        }
    }

    fn value(self, row: &work_item::Model) -> KeyValue {
        match self {
            Self::SinceAsc | Self::SinceDesc => KeyValue::Moment { at: row.since },
            Self::TotalAsc | Self::TotalDesc => KeyValue::Number(row.total.0),
        }
    }
}

fn column(column: Column) -> Expr {
    Expr::col((work_item::Entity, column))
}

/// How many items of a kind there are.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct WorkKindCount {
    /// What they wait for.
    pub kind: WorkKind,
    /// How many.
    pub count: i64,
}

/// What waits for the caller, a page of it.
#[derive(Debug)]
pub struct WorkItemConnection {
    pub(super) page: Connection<WorkItem>,
    pub(super) view: View,
    pub(super) filter: Condition,
    pub(super) live: Option<Cursor>,
}

/// What waits for the caller, a page of it.
#[Object(directive = requires::apply("workQueue".into()))]
impl WorkItemConnection {
    /// The page's items with their cursors.
    async fn edges(&self) -> &[Edge<WorkItem>] {
        &self.page.edges
    }

    /// The page's items without their cursors.
    async fn nodes(&self) -> Vec<&WorkItem> {
        self.page.edges.iter().map(|edge| &edge.node).collect()
    }

    /// Where the page lies.
    async fn page_info(&self) -> &PageInfo {
        &self.page.page_info
    }

    /// How many items there are in all; counted only when asked for.
    async fn total_count(&self) -> Option<i64> {
        self.page.total_count
    }

    /// How many items of each kind there are in all, of those kinds that can wait for the caller.
    async fn counts(&self, ctx: &Context<'_>) -> Result<Vec<WorkKindCount>> {
        let op = op(ctx);
        let counted = store::counts(&op.conn(), &self.view, &self.filter).await.told(op)?;
        let count = |kind| counted.iter().find(|(found, _)| *found == kind).map_or(0, |(_, count)| *count);
        Ok(self.view.kinds().map(|kind| WorkKindCount { kind, count: count(kind) }).collect())
    }

    /// Cursor from which `workQueueChanged` tells everything that the page does not show yet.
    async fn live_cursor(&self, ctx: &Context<'_>) -> Result<String> {
        let missing = || Error::defect("the live cursor was asked for and not read");
        self.live.map(|cursor| cursor.to_string()).ok_or_else(missing).told(op(ctx))
    }
}

/// How an item changed for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum WorkQueueChange {
    /// It waits for the caller now.
    Added,
    /// It still waits for the caller, and changed.
    Updated,
    /// It waits for the caller no longer.
    Removed,
}

/// A change in the caller's queue.
#[derive(Debug, SimpleObject)]
#[graphql(directive = requires::apply("workQueue".into()))]
pub struct WorkQueueEvent {
    /// How it changed for the caller.
    change: WorkQueueChange,
    /// Global id of the item.
    item_id: ID,
    /// The item as it is now; none where it was removed.
    item: Option<WorkItem>,
    /// Place in the feed: a client that comes back gives its last one as `after`.
    cursor: String,
}

impl WorkQueueEvent {
    pub(super) fn new(change: WorkQueueChange, id: WorkItemId, item: Option<WorkItem>, cursor: Cursor) -> Self {
        Self { change, item_id: global(id), item, cursor: cursor.to_string() }
    }
}
