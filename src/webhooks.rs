//! Webhooks (R-16): other systems are told of events, signed, again until they took it, and of nothing that the
//! person whose rights the webhook runs with may not read.
//!
//! ```text
//!                        ┌──disable──▶ DISABLED ──enable──┐   what happens meanwhile it is not told of
//! createWebhook ─▶ ACTIVE ◀───────────────────────────────┤
//!                    │  ├──only fails──▶ PAUSED_FAILING ──enable──┤
//!                    │  └──query or person no longer good──▶ PAUSED_INVALID, PAUSED_NOBODY ──good again──┘
//!                    ▼                                       while paused, nothing is lost: it is told later
//! event ─▶ delivery: PENDING ──2xx──▶ DELIVERED
//!                      │ ├──last attempt failed──▶ DEAD ──replay──▶ PENDING
//!                      │ └──not readable──▶ WITHHELD ──replay──▶ PENDING
//!                      └──failed: again after a longer pause
//! ```
//! Nothing of it is done in the transaction in which something happens: deliveries are written behind it, from the
//! outbox ([`follow`]), and sent from there ([`desk`]). Messages come at least once, mostly in the order of their
//! positions, and have the form of Standard Webhooks ([`signature`]); what they say is in [`payload`]. To whom they
//! may go, [`crate::outgoing`] knows.
//!
//! The door of the context.

use std::sync::Arc;

use ::entity::{
    vocabulary::{DeliveryId, WebhookId},
    webhooks::{delivery, webhook},
};
use chrono::{DateTime, Duration, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, QueryFilter};

use crate::{app::App, authz::Permission, error::Result, op::Op};

mod actions;
mod deliver;
mod desk;
mod error;
mod filter;
mod follow;
mod judge;
mod labels;
mod log;
mod mutation;
mod pause;
mod payload;
mod query;
mod rules;
pub mod settings;
mod signature;
pub mod store;
pub mod types;

pub use desk::run;
pub use error::Refusal;
pub use mutation::WebhooksMutation;
pub use query::WebhooksQuery;

/// What waits to be sent, and what was given up: for whoever watches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that wait for an attempt.
    pub pending: i64,
    /// Deliveries of which every attempt failed.
    pub dead: i64,
    /// When the oldest that waits was made.
    pub oldest: Option<DateTime<Utc>>,
}

/// What waits to be sent, in one statement that reads an index.
///
/// # Errors
/// When the database cannot be read.
pub async fn backlog(conn: &impl ConnectionTrait) -> Result<Backlog, DbErr> {
    store::backlog(conn).await
}

/// Forgets the deliveries that ended long enough ago.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(app: &Arc<App>) -> Result<()> {
    let kept = Duration::days(app.settings.webhooks.keep_days.into());
    Ok(store::forget(app.database.writer(), app.clock.now() - kept).await?)
}

/// A webhook by its key, where the caller may read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, id: WebhookId) -> Result<Option<webhook::Model>> {
    let select = store::within(&op.sees(Permission::ReadWebhooks)).filter(webhook::Column::Id.eq(id));
    Ok(select.one(&op.conn()).await?)
}

/// A delivery by its key, where the caller may read it.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable_delivery(op: &Op, id: DeliveryId) -> Result<Option<delivery::Model>> {
    let select = store::deliveries_within(&op.sees(Permission::ReadWebhooks)).filter(delivery::Column::Id.eq(id));
    Ok(select.one(&op.conn()).await?)
}
