//! How the queues change: which items come, which go, which now wait for somebody else.

use ::entity::{
    platform::work_item,
    vocabulary::{
        AccountId, DelegationId, GoodwillId, Money, OpportunityId, OrderId, People, PersonId, RegionId, WorkItemId,
        WorkKind,
    },
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::store;
use crate::{
    db::Conn,
    error::{Error, Result},
};

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A marketing-action order.
    Order(OrderId),
    /// A goodwill gesture.
    Goodwill(GoodwillId),
    /// A deal.
    Opportunity(OpportunityId),
}

/// One thing that a subject waits for. A subject waits for each kind at most once, and its items
/// differ in kind and moment only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it waits for.
    pub kind: WorkKind,
    /// Whose it is.
    pub owner: PersonId,
    /// Who may not decide on it.
    pub involved: People,
    /// Delegation.
    pub delegation: DelegationId,
    /// Region.
    pub region: RegionId,
    /// Broker concerned.
    pub broker: Option<AccountId>,
    /// Budget year.
    pub year: i32,
    /// Amount at stake.
    pub total: Money,
    /// Since when it waits.
    pub since: DateTime<Utc>,
    /// Version of the subject.
    pub version: i64,
}

impl From<&work_item::Model> for Item {
    fn from(row: &work_item::Model) -> Self {
        Self {
            kind: row.kind,
            owner: row.owner_id,
            involved: row.involved.clone(),
            delegation: row.delegation_id,
            region: row.region_id,
            broker: row.broker_id,
            year: row.year,
            total: row.total,
            since: row.since,
            version: row.version,
        }
    }
}

impl Item {
    /// For whom it waits.
    #[must_use]
    pub fn audience(&self) -> Audience {
        let barred = self.involved.iter().collect();
        Audience { kind: self.kind, owner: self.owner, delegation: self.delegation, region: self.region, barred }
    }
}

/// How the queues changed by one event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moves(pub Vec<Move>);

impl Moves {
    /// Reads what an event keeps.
    ///
    /// # Errors
    /// When it is something else, which is a defect.
    pub fn read(queue: &serde_json::Value) -> Result<Self> {
        Self::deserialize(queue).map_err(|e| Error::Internal(e.into()))
    }
}

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

/// Writes what a subject waits for now, in the transaction that decided it; the moves belong into the
/// event of the same transaction ([`crate::outbox::Event::queue`]).
///
/// An item that goes hands its row over to one that comes. So this is one statement where as many come
/// as go, two where not, and none where nothing differs.
///
/// # Errors
/// When the database cannot be written, or an item of `before` is not there, which is a defect.
pub async fn moved(conn: &Conn, subject: Subject, before: &[Item], after: &[Item]) -> Result<Moves> {
    let difference = Difference::between(before, after);
    let mut moves = Vec::new();
    let changed = store::change(conn, subject, &difference.changed).await?;
    moves.extend(difference.changed.iter().zip(changed).map(|((old, new), item)| Move {
        item,
        before: Some(old.audience()),
        after: Some(new.audience()),
    }));
    let gone = store::remove(conn, subject, &difference.gone).await?;
    moves.extend(difference.gone.iter().zip(gone).map(|(old, item)| Move {
        item,
        before: Some(old.audience()),
        after: None,
    }));
    let come = store::add(conn, subject, &difference.come).await?;
    moves.extend(difference.come.iter().zip(come).map(|(new, item)| Move {
        item,
        before: None,
        after: Some(new.audience()),
    }));
    Ok(Moves(moves))
}

/// What [`moved`] does, for whoever keeps the rows of a subject in memory, with their keys: an item that comes
/// takes the row of one that goes, or a new key. Pure.
pub fn followed(held: &mut Vec<(WorkItemId, Item)>, after: &[Item], mut next: impl FnMut() -> WorkItemId) -> Moves {
    let before: Vec<Item> = held.iter().map(|(_, item)| item.clone()).collect();
    let Difference { changed, gone, come } = Difference::between(&before, after);
    let key_of = |old: &Item| held.iter().find(|(_, item)| item.kind == old.kind).map(|(key, _)| *key);
    let mut rows: Vec<(WorkItemId, Option<&Item>, Option<&Item>)> = Vec::new();
    rows.extend(changed.iter().filter_map(|(old, new)| Some((key_of(old)?, Some(*old), Some(*new)))));
    rows.extend(gone.iter().filter_map(|old| Some((key_of(old)?, Some(*old), None))));
    rows.extend(come.iter().map(|new| (next(), None, Some(*new))));
    let moves = rows.iter().map(|(item, before, after)| Move {
        item: *item,
        before: before.map(Item::audience),
        after: after.map(Item::audience),
    });
    let moves = Moves(moves.collect());
    let kept = held.iter().filter(|(key, _)| !rows.iter().any(|(moved, ..)| moved == key)).cloned();
    let written = rows.iter().filter_map(|(key, _, after)| Some((*key, (*after)?.clone())));
    let now: Vec<_> = kept.chain(written).collect();
    *held = now;
    moves
}

/// What has to be written to get from one set of items to another.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference<'i> {
    /// Rows that change, some of them their kind.
    changed: Vec<(&'i Item, &'i Item)>,
    /// Rows to delete; none where there are rows to insert.
    gone: Vec<&'i Item>,
    /// Rows to insert.
    come: Vec<&'i Item>,
}

impl<'i> Difference<'i> {
    fn between(before: &'i [Item], after: &'i [Item]) -> Self {
        let of_kind = |items: &'i [Item], kind| items.iter().find(|item| item.kind == kind);
        let kept = before.iter().filter_map(|old| Some((old, of_kind(after, old.kind)?)));
        let mut changed: Vec<_> = kept.filter(|(old, new)| old != new).collect();
        let mut gone: Vec<_> = before.iter().filter(|old| of_kind(after, old.kind).is_none()).collect();
        let mut come: Vec<_> = after.iter().filter(|new| of_kind(before, new.kind).is_none()).collect();
        let pairs = gone.len().min(come.len());
        changed.extend(gone.drain(..pairs).zip(come.drain(..pairs)));
        Self { changed, gone, come }
    }
}
