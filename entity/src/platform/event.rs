//! One row per change: timeline, outbox and audit at once (G-21).

use sea_orm::entity::prelude::*;

use crate::vocabulary::{EventId, PersonId};

/// One row per change: timeline, outbox and audit at once (G-21).
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Key.
    #[sea_orm(primary_key)]
    pub id: EventId,
    /// Place in the order of commits; given behind the commit on PostgreSQL.
    pub position: Option<i64>,
    /// When.
    pub at: DateTimeUtc,
    /// What happened, such as `order.submitted`.
    pub kind: String,
    /// Who did it; none: the system.
    pub actor_id: Option<PersonId>,
    /// For whom, as a deputy.
    pub on_behalf_of_id: Option<PersonId>,
    /// Roles in which they acted, separated by blanks.
    pub roles: String,
    /// Kind of object.
    pub subject_type: String,
    /// Key of the object.
    pub subject_id: i64,
    /// Status before.
    pub from_status: Option<String>,
    /// Status after.
    pub to_status: Option<String>,
    /// Reason given.
    pub reason: Option<String>,
    /// What changed, field by field.
    pub changes: Json,
    /// How the queues changed.
    pub queue: Json,
    /// Envelopes whose balance changed.
    pub envelopes: Json,
    /// Version of the policy that allowed it.
    pub policy_version: i64,
    /// Request in which it happened.
    pub request_id: String,
    /// Hash over the event and the seal before it; given behind the commit, in the order of positions.
    pub seal: Option<String>,
}

/// Joins are written where they are needed, in the stores.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
