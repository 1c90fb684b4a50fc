//! Timelines: what happened to an object, from its events; looked up for a whole list at a time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ::entity::platform::event;
use async_graphql::{Context, ID, Object, Result, dataloader::Loader};
use chrono::{DateTime, Utc};
use sea_orm::DbErr;

use super::{
    id::{Key, global},
    payload::{Told, op},
};
use crate::{
    identity::types::Person,
    loaders::{Loaders, Reader},
    outbox,
};

/// Something that happened to an object.
#[derive(Clone, Debug)]
pub struct TimelineEntry(pub event::Model);

/// Something that happened to an object.
#[Object]
impl TimelineEntry {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// What happened, such as `order.submitted`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// When.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// Who did it; none: the system.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.actor_id).await.told(op(ctx))?.map(Person))
    }

    /// For whom, as a deputy.
    async fn on_behalf_of(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        Ok(Loaders::of(ctx).optional(self.0.on_behalf_of_id).await.told(op(ctx))?.map(Person))
    }

    /// Status before.
    async fn from_status(&self) -> Option<&str> {
        self.0.from_status.as_deref()
    }

    /// Status after.
    async fn to_status(&self) -> Option<&str> {
        self.0.to_status.as_deref()
    }

    /// Reason given.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }
}

/// Everything that happened to an object, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn of<K: Key>(ctx: &Context<'_>, key: K) -> Result<Vec<TimelineEntry>> {
    let events = Loaders::of(ctx).find(TimelineOf { kind: K::TYPE, id: key.raw() }).await.told(op(ctx))?;
    Ok(events.unwrap_or_default().into_iter().map(TimelineEntry).collect())
}

/// Asks for what happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimelineOf {
    /// Name of its type in the schema.
    pub kind: &'static str,
    /// Its key.
    pub id: i64,
}

impl Loader<TimelineOf> for Reader {
    type Value = Vec<event::Model>;
    type Error = Arc<DbErr>;

    async fn load(&self, keys: &[TimelineOf]) -> std::result::Result<HashMap<TimelineOf, Self::Value>, Self::Error> {
        let mut wanted: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
        for key in keys {
            wanted.entry(key.kind).or_default().push(key.id);
        }
        let conn = self.0.conn();
        let mut found: HashMap<TimelineOf, Self::Value> = HashMap::new();
        for (kind, ids) in wanted {
            for event in outbox::about(&conn, kind, &ids).await.map_err(Arc::new)? {
                found.entry(TimelineOf { kind, id: event.subject_id }).or_default().push(event);
            }
        }
        Ok(found)
    }
}
