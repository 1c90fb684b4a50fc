//! Following the queues.

use ::entity::vocabulary::WorkKind;
use async_graphql::{Context, InputObject, Result, Subscription};
use futures_util::stream::Stream;

use super::{follower::Follower, types::WorkQueueEvent};
use crate::{
    graphql::{
        filter::OneOf,
        guard::requires,
        payload::{Told, op},
    },
    live::{self, Common, Live, LiveCaller, Shape, Shared},
};

/// What everybody is told alike who may ask for it.
const COMMON: Common = Common {
    object: "item",
    columns: &["id", "kind", "label", "since", "year", "total", "version"],
    objects: &["owner", "delegation", "region"],
};

/// Follows the queues.
#[derive(Debug, Default)]
pub struct WorkQueueSubscription;

/// Which items are followed.
#[derive(Clone, Debug, InputObject)]
pub struct WorkQueueChangedFilter {
    /// What they wait for.
    pub kind: Option<OneOf<WorkKind>>,
}

#[Subscription]
impl WorkQueueSubscription {
    /// What comes, changes and goes in the caller's queue, in the order in which it was committed.
    #[graphql(directive = requires::apply("workQueue".into()))]
    async fn work_queue_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "From this cursor on, of an earlier event or of `workQueue`; from now on where there is none."
        )]
        after: Option<String>,
        #[graphql(desc = "Which items.")] filter: Option<WorkQueueChangedFilter>,
    ) -> Result<impl Stream<Item = Result<Live<Shared<WorkQueueEvent>>>>> {
        let op = op(ctx).clone();
        let (caller, kinds, shape) = (LiveCaller::of(ctx)?, filter.and_then(|f| f.kind), Shape::of(ctx, &COMMON));
        let follower = Follower::new(caller, after, kinds, shape).await.told(&op)?;
        Ok(live::follow(op, follower))
    }
}
