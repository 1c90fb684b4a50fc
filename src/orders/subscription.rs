//! What can be followed about orders.

use std::sync::Arc;

use ::entity::{platform::event, vocabulary::OrderId};
use async_graphql::{Context, Result, SimpleObject, Subscription};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream::{self, Stream};

use super::{store, types::Order};
use crate::{
    error::Error,
    graphql::{guard::requires, id::IdOf, payload::Told},
    live::{Live, LiveCaller},
    op::Op,
    outbox::Follower,
};

/// Something that happened to an order.
#[derive(Clone, Debug, SimpleObject)]
pub struct OrderChange {
    /// What happened, such as `order.submitted`.
    kind: String,
    /// The order as it is now.
    order: Order,
    /// Go on from here after a lost connection.
    cursor: String,
}

/// Follows orders.
#[derive(Debug, Default)]
pub struct OrdersSubscription;

#[Subscription]
impl OrdersSubscription {
    /// What happens to an order, or to all that the caller may read.
    #[graphql(directive = requires::apply("readOrders".into()))]
    async fn order_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "One order; all that the caller may read where it is not said.")] id: Option<IdOf<OrderId>>,
        #[graphql(desc = "Everything after this cursor, in order, then what comes.")] after: Option<String>,
    ) -> Result<impl Stream<Item = Result<Live<OrderChange>>>> {
        let live = LiveCaller::of(ctx)?;
        let op = live.op().ok_or(Error::Unauthenticated).told(crate::graphql::payload::op(ctx))?;
        let after = after.map(|cursor| parse(&cursor)).transpose().told(&op)?;
        if let Some(id) = id {
            let readable = store::readable(&op, &[id.0]).await.told(&op)?;
            readable.first().ok_or(Error::NotFound).told(&op)?;
        }
        let follower = Follower::new(op.app.clone(), after).await.told(&op)?;
        let wanted = id.map(|id| id.0);
        Ok(stream::unfold((follower, live), move |(mut follower, live)| async move {
            let change = next(&mut follower, &live, wanted).await?;
            Some((change, (follower, live)))
        }))
    }
}

/// The next change that the caller may read; nothing where nobody is signed in any more.
async fn next(
    follower: &mut Follower,
    live: &LiveCaller,
    wanted: Option<OrderId>,
) -> Option<Result<Live<OrderChange>>> {
    loop {
        let event = follower.next().await;
        let op = live.op()?;
        let event = match event {
            Ok(event) => event?,
            Err(error) => return Some(Err(Error::from(error)).told(&op)),
        };
        if !concerns(&event, wanted) {
            continue;
        }
        match change(&op, &event).await {
            Ok(Some(change)) => return Some(Ok(Live::new(op, change))),
            Ok(None) => {}
            Err(error) => return Some(Err(error).told(&op)),
        }
    }
}

fn concerns(event: &event::Model, wanted: Option<OrderId>) -> bool {
    event.subject_type == "Order" && wanted.is_none_or(|id| event.subject_id == id.0)
}

/// The change, with the order read and authorised at this moment.
async fn change(op: &Arc<Op>, event: &event::Model) -> crate::error::Result<Option<OrderChange>> {
    let order = store::readable(op, &[OrderId(event.subject_id)]).await?.pop();
    let cursor = URL_SAFE_NO_PAD.encode(event.position.unwrap_or_default().to_string());
    Ok(order.map(|order| OrderChange { kind: event.kind.clone(), order: Order(order), cursor }))
}

fn parse(cursor: &str) -> crate::error::Result<i64> {
    let position = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let position = position.and_then(|text| text.parse::<i64>().ok()).filter(|position| *position >= 0);
    position.ok_or_else(|| Error::bad_input(["after"], "not a cursor of this subscription"))
}
