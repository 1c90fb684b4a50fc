//! Webhooks: addresses that are told of events.

use sea_orm::entity::prelude::*;

use crate::vocabulary::{EventPatterns, Headers, PersonId, WebhookId, WebhookStatus};

/// An address that is told of events.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: WebhookId,
    /// What people call it.
    pub name: String,
    /// Where it is told.
    pub url: String,
    /// Of which kinds of events.
    pub events: EventPatterns,
    /// What of the event's object is sent; none: nothing.
    pub query: Option<String>,
    /// With whose rights that is read.
    pub run_as_id: PersonId,
    /// Headers that are sent along.
    pub headers: Headers,
    /// Whether it is told, or why not.
    pub status: WebhookStatus,
    /// Since when.
    pub status_since: DateTimeUtc,
    /// What was found wrong, where something was.
    pub status_detail: Option<String>,
    /// What its secret is derived from.
    pub secret: String,
    /// What the secret before it is derived from.
    pub former_secret: Option<String>,
    /// Until when that one is used too.
    pub former_secret_until: Option<DateTimeUtc>,
    /// Every event up to here has been looked at.
    pub position: i64,
    /// Events behind this position are to be looked at again.
    pub replay_after: Option<i64>,
    /// Until this one.
    pub replay_until: Option<i64>,
    /// Since when nothing but failures came back.
    pub failing_since: Option<DateTimeUtc>,
    /// Who created it.
    pub created_by_id: PersonId,
    /// When.
    pub created_at: DateTimeUtc,
    /// Number of changes, for optimistic locking.
    pub version: i64,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
