//! What can be followed about orders.

use std::sync::Arc;

use ::entity::{orders::order, platform::event, vocabulary::OrderId};
use async_graphql::{Context, SimpleObject, Subscription};
use futures_util::stream::Stream;

use super::{store, types::Order, workflow::OrderWorkflow};
use crate::{
    authz::{Caller, Permission, Reach},
    error::{Error, Result},
    graphql::{
        guard::requires,
        id::IdOf,
        payload::{Told, op},
    },
    live::{self, Audience, Common, Feed, Fresh, Live, LiveCaller, Shape, Shared, Sharing, Tellings},
    outbox::{self, Cursor, Follower, WHOLE},
    workflow::Workflow,
};

/// What the cursors of this feed are marked with.
const FEED: u32 = 0x6f72_6465;

/// What everybody is told alike who may ask for it.
const COMMON: Common = Common {
    object: "order",
    columns: &[
        "id",
        "number",
        "kind",
        "actionType",
        "year",
        "subject",
        "comment",
        "status",
        "statusLabel",
        "statusSince",
        "beneficiary",
        "total",
        "rrShare",
        "partnerShare",
        "delegationShare",
        "committed",
        "actualCost",
        "rrReasons",
        "autoValidated",
        "lineCount",
        "missingDocuments",
        "chequesReceivedOn",
        "receiptDueOn",
        "createdAt",
        "submittedAt",
        "completedAt",
        "version",
    ],
    objects: &["owner", "author", "submitter", "delegation", "region"],
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
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<Live<Shared<OrderChange>>>>> {
        let op = op(ctx).clone();
        let caller = LiveCaller::of(ctx)?;
        let (wanted, shape) = (id.map(|id| id.0), Shape::of(ctx, &COMMON));
        let changes = Changes::new(caller, wanted, after.as_deref(), shape).await.told(&op)?;
        Ok(live::follow(op, changes))
    }
}

/// What the events of the outbox mean for one caller.
struct Changes {
    live: LiveCaller,
    events: Follower,
    /// The one order that is followed; all where there is none.
    wanted: Option<OrderId>,
    shape: Shape,
    /// With whom the caller shares what is told, and with whose rights that was found.
    audience: Audience,
    caller: Arc<Caller>,
    readable: Reach,
    /// An event that is not told yet.
    waiting: Option<Arc<event::Model>>,
}

/// What is found out about an event once for all who follow.
#[derive(Default)]
struct Finding {
    order: Fresh<Option<Arc<order::Model>>>,
    tellings: Arc<Tellings>,
}

impl Changes {
    async fn new(live: LiveCaller, wanted: Option<OrderId>, after: Option<&str>, shape: Shape) -> Result<Self> {
        let op = live.op().ok_or(Error::Unauthenticated)?;
        let after = match after {
            Some(text) => Some(begin(text, outbox::last_position(&op.conn()).await?)?),
            None => None,
        };
        if let Some(id) = wanted {
            store::readable(&op, &[id]).await?.first().ok_or(Error::NotFound)?;
        }
        let events = Follower::new(op.app.clone(), after).await?;
        let caller = op.caller()?.clone();
        let (audience, readable) = (Audience::of(&caller, live.language(), shape), caller.sees(Permission::ReadOrders));
        Ok(Self { live, events, wanted, shape, audience, caller, readable, waiting: None })
    }

    fn concerns(&self, event: &event::Model) -> bool {
        event.subject_type == "Order" && self.wanted.is_none_or(|id| event.subject_id == id.0)
    }

    /// Goes over to the present rights.
    fn turn(&mut self, caller: Arc<Caller>) {
        if !Arc::ptr_eq(&caller, &self.caller) {
            self.audience = Audience::of(&caller, self.live.language(), self.shape);
            self.readable = caller.sees(Permission::ReadOrders);
            self.caller = caller;
        }
    }

    /// The change, with the order read and authorised at this moment; nothing where it is not the caller's to
    /// read.
    async fn change(&self, event: &event::Model) -> Result<Option<Live<Shared<OrderChange>>>> {
        let id = OrderId(event.subject_id);
        let position = event.position.unwrap_or_default();
        let cursor = Cursor { place: (position, WHOLE), view: FEED };
        let op = || self.live.op_of(self.caller.clone());
        let read = async || Ok::<_, Error>(store::by_key(&op().conn(), id).await?.map(Arc::new));
        let finding = self.live.findings().of::<Finding>(position);
        let (order, sharing) = match finding.order.get(read).await? {
            Some(shared) => {
                let tellings = finding.tellings.clone();
                (shared, Some(Sharing::new(tellings, self.shape, self.audience, (id.0, 0))))
            }
            None => (Box::pin(read()).await?, None),
        };
        let Some(order) = order.filter(|order| self.readable.covers(&OrderWorkflow::place(order))) else {
            return Ok(None);
        };
        if let Some(told) = sharing.as_ref().and_then(|sharing| sharing.told(cursor)) {
            return Ok(Some(Live::finished(told)));
        }
        let order = Order(Arc::unwrap_or_clone(order));
        let event = OrderChange { kind: event.kind.clone(), order, cursor: cursor.to_string() };
        Ok(Some(Live::new(op(), Shared::New { event, cursor, sharing })))
    }
}

impl Feed for Changes {
    type Item = Shared<OrderChange>;

    async fn next(&mut self) -> Result<Option<Live<Shared<OrderChange>>>> {
        loop {
            let event = match &self.waiting {
                Some(event) => event.clone(),
                None => match self.events.next().await? {
                    // Until it is read, it waits.
                    Some(event) if self.concerns(&event) => self.waiting.insert(event).clone(),
                    Some(_) => continue,
                    None => return Ok(None),
                },
            };
            let Some(caller) = self.live.current() else { return Ok(None) };
            self.turn(caller);
            let change = self.change(&event).await?;
            self.waiting = None;
            if change.is_some() {
                return Ok(change);
            }
        }
    }
}

/// The position after which one goes on, in a feed that ends at a position.
fn begin(text: &str, end: i64) -> Result<i64> {
    let cursor = Cursor::within(text, end)?;
    match cursor.view == FEED {
        true => Ok(cursor.place.0),
        false => Err(Error::bad_input(["after"], "not a cursor of this feed")),
    }
}
