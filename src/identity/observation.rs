//! Whoever sees what another person sees leaves a trace, before they see it (G-7).

use ::entity::vocabulary::PersonId;
use serde_json::json;

use crate::{
    action::Call,
    error::Result,
    graphql::id::Key,
    op::Op,
    outbox::{self, Event, Subject},
};

/// Writes that somebody sees what a person sees: with which operation, and which fields at its root.
///
/// # Errors
/// When the database cannot be written; then nothing may be shown.
pub async fn observed(op: &Op, person: PersonId, operation: Option<&str>, fields: &[String]) -> Result<()> {
    let conn = op.begin().await?;
    // Not under `identity.`: it changes nobody's rights.
    let mut event = Event::new("audit.seen_as_user", Subject { kind: PersonId::TYPE, id: person.0 });
    event.changes = json!({ "operation": operation, "fields": fields });
    outbox::record(op, &conn, &Call::default(), event).await?;
    conn.commit().await?;
    op.app.outbox.wake();
    Ok(())
}
