//! What can be followed about orders.

use std::sync::Arc;

use ::entity::{platform::event, vocabulary::OrderId};
use async_graphql::{Context, Result, SimpleObject, Subscription};
use futures_util::stream::Stream;

use super::{store, types::Order};
use crate::{
    error::Error,
    graphql::{
        guard::requires,
        id::IdOf,
        payload::{Told, op},
    },
    live::{self, Feed, Live, LiveCaller},
    op::Op,
    outbox::{self, Cursor, Follower, WHOLE},
};

/// What the cursors of this feed are marked with.
const FEED: u32 = 0x6f72_6465;

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
        let op = op(ctx).clone();
        let caller = LiveCaller::of(ctx)?;
        let changes = Changes::new(caller, id.map(|id| id.0), after.as_deref()).await.told(&op)?;
        Ok(live::follow(op, changes))
    }
}

/// What the events of the outbox mean for one caller.
struct Changes {
    live: LiveCaller,
    events: Follower,
    /// The one order that is followed; all where there is none.
    wanted: Option<OrderId>,
    /// An event that is not told yet.
    waiting: Option<Arc<event::Model>>,
}

impl Changes {
    async fn new(live: LiveCaller, wanted: Option<OrderId>, after: Option<&str>) -> crate::error::Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let after = match after {
            Some(text) => Some(begin(text, outbox::last_position(&op.conn()).await?)?),
            None => None,
        };
        if let Some(id) = wanted {
            store::readable(&op, &[id]).await?.first().ok_or(Error::NotFound)?;
        }
        let events = Follower::new(op.app.clone(), after).await?;
        Ok(Self { live, events, wanted, waiting: None })
    }

    fn concerns(&self, event: &event::Model) -> bool {
        event.subject_type == "Order" && self.wanted.is_none_or(|id| event.subject_id == id.0)
    }
}

impl Feed for Changes {
    type Item = OrderChange;

    async fn next(&mut self) -> crate::error::Result<Option<Live<OrderChange>>> {
        loop {
            let event = match self.waiting.take() {
                Some(event) => event,
                None => match self.events.next().await? {
                    Some(event) if self.concerns(&event) => event,
                    Some(_) => continue,
                    None => return Ok(None),
                },
            };
            let Some(op) = self.live.op() else { return Ok(None) };
            // Until it is read, it waits.
            let change = change(&op, self.waiting.insert(event)).await?;
            self.waiting = None;
            if let Some(change) = change {
                return Ok(Some(Live::new(op, change)));
            }
        }
    }
}

/// The change, with the order read and authorised at this moment; nothing where it is not the caller's to read.
async fn change(op: &Op, event: &event::Model) -> crate::error::Result<Option<OrderChange>> {
    let order = store::readable(op, &[OrderId(event.subject_id)]).await?.pop();
    let cursor = Cursor { place: (event.position.unwrap_or_default(), WHOLE), view: FEED }.to_string();
    Ok(order.map(|order| OrderChange { kind: event.kind.clone(), order: Order(order), cursor }))
}

/// The position after which one goes on, in a feed that ends at a position.
fn begin(text: &str, end: i64) -> crate::error::Result<i64> {
    let cursor = Cursor::within(text, end)?;
    match cursor.view == FEED {
        true => Ok(cursor.place.0),
        false => Err(Error::bad_input(["after"], "not a cursor of this feed")),
    }
}
