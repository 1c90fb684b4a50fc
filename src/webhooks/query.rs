//! What can be asked about webhooks.

use ::entity::{
    vocabulary::WebhookId,
    webhooks::{delivery, webhook},
};
use async_graphql::{Context, Object, Result};
use sea_orm::{IntoSimpleExpr, QueryFilter, sea_query::Order};

use super::{
    Backlog,
    filter::{WebhookDeliveryFilter, WebhookDeliveryOrder},
    store,
    types::{Webhook, WebhookBacklog, WebhookDelivery},
};
use crate::{
    authz::Permission,
    graphql::{
        connection::{self, Connection, KeyValue, Paging, SortKey},
        filter,
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::Sorting,
    },
    outbox::kinds,
};

/// Questions about webhooks.
#[derive(Debug, Default)]
pub struct WebhooksQuery;

#[Object]
impl WebhooksQuery {
    /// The webhooks, in the order in which they were registered.
    #[graphql(
        directive = requires::apply("readWebhooks".into()),
        complexity = "connection::cost(first, last) * child_complexity"
    )]
    async fn webhooks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Webhook>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let select = store::within(&op.sees(Permission::ReadWebhooks));
        let keys = [SortKey::number(webhook::Column::Id.into_simple_expr(), Order::Asc)];
        let values = |row: &webhook::Model| vec![KeyValue::Number(row.id.0)];
        Ok(connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?.into())
    }

    /// A webhook by its id; none where there is none.
    #[graphql(directive = requires::apply("readWebhooks".into()))]
    async fn webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id.")] id: IdOf<WebhookId>,
    ) -> Result<Option<Webhook>> {
        Ok(super::readable(op(ctx), id.0).await.told(op(ctx))?.map(Webhook))
    }

    /// The log of the deliveries, the latest first where nothing else is said.
    #[graphql(
        directive = requires::apply("readWebhooks".into()),
        complexity = "connection::cost(first, last) * child_complexity"
    )]
    #[expect(clippy::too_many_arguments, reason = "a connection's arguments are fixed by Relay")]
    async fn webhook_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, 0 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which deliveries.")] filter: Option<WebhookDeliveryFilter>,
        #[graphql(desc = "In which order.")] order_by: Option<Vec<WebhookDeliveryOrder>>,
    ) -> Result<Connection<WebhookDelivery>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let select = store::deliveries_within(&op.sees(Permission::ReadWebhooks))
            .filter(filter::condition(filter.as_ref()).told(op)?);
        let sorting = Sorting::new(order_by);
        let keys = sorting.keys(delivery::Column::Id.into_simple_expr());
        let values = |row: &delivery::Model| sorting.values(row, row.id.0);
        Ok(connection::page(&op.conn(), select, &keys, values, &paging).await.told(op)?.into())
    }

    /// Every kind of event of which a webhook can be told.
    #[graphql(directive = requires::apply("readWebhooks".into()))]
    async fn webhook_event_kinds(&self) -> &[&str] {
        kinds::ALL
    }

    /// What waits to be sent to all webhooks, and what was given up.
    #[graphql(directive = requires::apply("readWebhooks".into()))]
    async fn webhook_backlog(&self, ctx: &Context<'_>) -> Result<WebhookBacklog> {
        let Backlog { pending, dead, oldest } = super::backlog(&op(ctx).conn()).await.told(op(ctx))?;
        Ok(WebhookBacklog { pending, dead, oldest_at: oldest })
    }
}
