//! Deliveries: what one webhook is told of one event, and how that went.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{DeliveryAttempts, DeliveryId, DeliveryState, EventId, WebhookId};

/// What one webhook is told of one event, and how that went.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: DeliveryId,
    /// Whom.
    pub webhook_id: WebhookId,
    /// Of what; none: it is a test.
    pub event_id: Option<EventId>,
    /// Kind of the event.
    pub kind: String,
    /// The event's position; 0 for a test.
    pub position: i64,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts have failed since it was last begun.
    pub failures: i64,
    /// When the next attempt is due.
    pub due_at: DateTimeUtc,
    /// Until when somebody is at it.
    pub leased_until: Option<DateTimeUtc>,
    /// The attempts, oldest first.
    pub attempts: DeliveryAttempts,
    /// The beginning of what was last answered.
    pub response: Option<String>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it ended.
    pub finished_at: Option<DateTimeUtc>,
    /// Number of changes: whoever was overtaken writes nothing.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
