//! The live queues: what waits for whom.

use ::entity::vocabulary::{DelegationId, PersonId, RegionId, WorkItemId, WorkKind};
use serde::{Deserialize, Serialize};

/// How the queues changed by one event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moves(pub Vec<Move>);

/// How one item changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Which.
    pub item: WorkItemId,
    /// For whom it waited.
    pub before: Option<Audience>,
    /// For whom it waits now.
    pub after: Option<Audience>,
}

/// What decides for whom an item waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// What it waits for.
    pub kind: WorkKind,
    /// Whose it is.
    pub owner: PersonId,
    /// Delegation.
    pub delegation: DelegationId,
    /// Region.
    pub region: RegionId,
    /// Who may not decide it.
    pub barred: Vec<PersonId>,
}

/// Follows the queues.
#[derive(Debug, Default)]
pub struct WorkQueueSubscription;

#[async_graphql::Subscription]
impl WorkQueueSubscription {
    /// What comes, changes and goes in the caller's queue.
    async fn work_queue_changed(&self) -> impl futures_util::Stream<Item = i32> {
        futures_util::stream::empty()
    }
}
