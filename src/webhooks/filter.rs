//! Which deliveries are wanted, and in which order.

use ::entity::{
    vocabulary::{DeliveryState, WebhookId},
    webhooks::delivery,
};
use async_graphql::{Enum, InputObject};
use sea_orm::{ColumnTrait, IntoSimpleExpr, sea_query::Order};

use crate::{
    error::Result,
    graphql::{
        connection::{KeyValue, SortKey},
        filter::{Conditions, Filter, OneOf},
        id::IdOf,
        sorting::ListOrder,
    },
    input,
};

/// Longest kind of an event.
const KIND: usize = 100;

/// Which deliveries are wanted; all that is given holds together.
#[derive(Clone, Debug, Default, InputObject)]
pub(super) struct WebhookDeliveryFilter {
    /// Of which webhook.
    webhook: Option<OneOf<IdOf<WebhookId>>>,
    /// Where they stand.
    state: Option<OneOf<DeliveryState>>,
    /// Exactly this kind of event.
    kind: Option<String>,
    /// All of these hold.
    #[graphql(default)]
    and: Vec<WebhookDeliveryFilter>,
    /// One of these holds.
    #[graphql(default)]
    or: Vec<WebhookDeliveryFilter>,
    /// This does not hold.
    not: Option<Box<WebhookDeliveryFilter>>,
}

impl Filter for WebhookDeliveryFilter {
    fn own(&self) -> Result<Conditions> {
        use delivery::Column::{Kind, State, WebhookId};
        let Self { webhook, state, kind, and: _, or: _, not: _ } = self;
        let kind = kind.as_deref().map(|kind| input::line(["filter", "kind"], kind, KIND)).transpose()?;
        Conditions::default()
            .with(kind.map(|kind| Kind.eq(kind)))
            .one_of(WebhookId.into_simple_expr(), webhook.as_ref())?
            .one_of(State.into_simple_expr(), state.as_ref())
    }

    fn and(&self) -> &[Self] {
        &self.and
    }

    fn or(&self) -> &[Self] {
        &self.or
    }

    fn not(&self) -> Option<&Self> {
        self.not.as_deref()
    }
}

/// In which order deliveries come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum WebhookDeliveryOrder {
    /// The latest first.
    CreatedAtDesc,
    /// The oldest first.
    CreatedAtAsc,
}

impl ListOrder for WebhookDeliveryOrder {
    type Row = delivery::Model;

    const USUAL: Self = Self::CreatedAtDesc;

    fn direction(self) -> Order {
        match self {
            Self::CreatedAtDesc => Order::Desc,
            Self::CreatedAtAsc => Order::Asc,
        }
    }

    /// Keys are given in the order in which deliveries are made.
    fn key(self) -> SortKey {
        SortKey::number(delivery::Column::Id.into_simple_expr(), self.direction())
    }

    fn value(self, row: &delivery::Model) -> KeyValue {
        KeyValue::Number(row.id.0)
    }
}
