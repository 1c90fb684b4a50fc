//! `order(id, asOf)`: an order as it stood, in the schema's own type.
//!
//! What belongs to an order is looked up as it is now by [`Order`]'s resolvers; those here answer instead of them
//! from the same moment as its row, and leave every other field to them.

use std::borrow::Cow;

use ::entity::orders::order;
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, Object, OutputType, Positioned, Result, ServerResult, Value,
    parser::types::Field, registry::Registry, resolver_utils,
};
use chrono::{DateTime, Utc};

use super::{
    past::Whole,
    store,
    types::{Attachment, Order, OrderLine, OrderResults},
    workflow::OrderWorkflow,
};
use crate::{
    error::{self, Error},
    graphql::{
        available::AvailableAction,
        payload::{Told, op},
        timeline::TimelineEntry,
    },
    op::Op,
};

/// An order: as it is, or with what belonged to it at a moment.
pub(super) struct OrderThen {
    order: Order,
    past: Option<Past>,
}

impl OrderThen {
    /// An order as it is.
    pub(super) const fn now(order: order::Model) -> Self {
        Self { order: Order(order), past: None }
    }

    /// An order that the caller may read today, as it stood at a moment.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it was not there yet, [`Error::BadInput`] for a moment to come.
    pub(super) async fn at(op: &Op, order: order::Model, moment: DateTime<Utc>) -> error::Result<Self> {
        if moment > op.now {
            return Err(Error::bad_input(["asOf"], "a moment that has come"));
        }
        let whole = store::whole(&op.conn(), order).await?;
        let then = whole.at(moment)?.ok_or(Error::NotFound)?;
        Ok(Self { order: Order(then.order.clone()), past: Some(Past(then)) })
    }
}

/// What belonged to an order.
struct Past(Whole);

/// What belonged to an order; never in the schema by itself.
#[Object]
impl Past {
    /// Its lines.
    async fn lines(&self, ctx: &Context<'_>) -> Result<Vec<OrderLine>> {
        let lines = self.0.lines.clone().ok_or_else(|| unknown("lines")).told(op(ctx))?;
        Ok(lines.into_iter().map(OrderLine).collect())
    }

    /// How many lines it had.
    async fn line_count(&self, ctx: &Context<'_>) -> Result<i64> {
        let lines = self.0.lines.as_ref().ok_or_else(|| unknown("lineCount")).told(op(ctx))?;
        Ok(i64::try_from(lines.len()).unwrap_or(i64::MAX))
    }

    /// Its attachments.
    async fn attachments(&self) -> Vec<Attachment> {
        self.0.attachments.iter().cloned().map(Attachment).collect()
    }

    /// What it had brought.
    async fn results(&self, ctx: &Context<'_>) -> Result<Option<OrderResults>> {
        let results = self.0.results.clone().ok_or_else(|| unknown("results")).told(op(ctx))?;
        Ok(results.map(OrderResults))
    }

    /// What had happened to it.
    async fn timeline(&self) -> Vec<TimelineEntry> {
        self.0.events.iter().cloned().map(TimelineEntry).collect()
    }

    /// Nothing can be done in the past.
    async fn available_actions(&self) -> Vec<AvailableAction<OrderWorkflow>> {
        Vec::new()
    }
}

/// The first releases did not record it.
fn unknown(field: &str) -> Error {
    Error::bad_input(["asOf"], format!("«{field}» was not recorded yet at that moment: ask for a later one"))
}

impl OutputType for OrderThen {
    fn type_name() -> Cow<'static, str> {
        <Order as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        <Order as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        resolver_utils::resolve_container(ctx, self).await
    }
}

impl ContainerType for OrderThen {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if let Some(past) = &self.past
            && let Some(answer) = past.resolve_field(ctx).await?
        {
            return Ok(Some(answer));
        }
        self.order.resolve_field(ctx).await
    }
}
