//! One telling of an event for all who ask for the same and may see the same.
//!
//! ```text
//! event ─▶ Finding: rows, read once ─▶ each follower: mine to see? ─▶ Tellings: JSON, once per shape
//! ```
//! The first to come resolves the event, with their own rights; the others take the finished JSON over, and
//! their connections only frame it. What may be shared follows from the request alone: where it asks for
//! common columns only, everybody with the same schema and language is told the same; otherwise only the
//! connections of one person with one set of rights are. The cursor may tell the rights that it was given
//! under: everybody gets their own into the same text.

use std::{any::Any, borrow::Cow, collections::HashMap, fmt, hash::Hash, sync::Arc, time::Duration};

use ::entity::vocabulary::Language;
use async_graphql::{
    Context, ContextSelectionSet, Name, OutputType, Positioned, SelectionField, ServerError, ServerResult, Value,
    parser::types::Field, registry::Registry,
};
use async_graphql_value::Value as Argument;
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    authz::{Caller, PermissionSet},
    graphql::completion,
    outbox::Cursor,
};

/// How long what was read for one follower is good for the others.
const FRESH: Duration = Duration::from_secs(1);
/// Where one begins is no part of what is asked for.
const AFTER: &str = "after";

type Print = [u8; 16];

fn print(of: &impl fmt::Debug) -> Print {
    let digest = Sha256::digest(format!("{of:?}"));
    std::array::from_fn(|place| digest[place])
}

/// What followers find out together about the latest events.
#[derive(Debug, Default)]
pub struct Findings(Mutex<HashMap<(std::any::TypeId, i64), Finding>>);

#[derive(Debug)]
struct Finding {
    since: Instant,
    found: Arc<dyn Any + Send + Sync>,
}

impl Findings {
    /// What is found out about the event at a position. Forgotten when it is no longer fresh.
    pub fn of<T: Default + Send + Sync + 'static>(&self, position: i64) -> Arc<T> {
        let key = (std::any::TypeId::of::<T>(), position);
        let mut findings = self.0.lock();
        if !findings.contains_key(&key) {
            findings.retain(|_, finding| finding.since.elapsed() <= FRESH);
        }
        let begin = || Finding { since: Instant::now(), found: Arc::<T>::default() };
        let found = findings.entry(key).or_insert_with(begin).found.clone();
        found.downcast().unwrap_or_default()
    }
}

/// What is read when the first follower needs it, and shared with those who need it at the same time.
#[derive(Debug)]
pub struct Fresh<T>(OnceCell<(Instant, T)>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(OnceCell::new())
    }
}

impl<T: Clone> Fresh<T> {
    /// What was just read.
    pub fn taken(read: T) -> Self {
        Self(OnceCell::new_with(Some((Instant::now(), read))))
    }

    /// What was read, where it is still fresh: it may be shared. Nothing where everybody has to read alone.
    ///
    /// # Errors
    /// When it cannot be read. The next to come tries again.
    pub async fn get<E>(&self, read: impl AsyncFnOnce() -> Result<T, E>) -> Result<Option<T>, E> {
        let (at, found) = self.0.get_or_try_init(async || Ok((Instant::now(), Box::pin(read()).await?))).await?;
        Ok((at.elapsed() <= FRESH).then(|| found.clone()))
    }
}

/// Fields of what a feed tells that are the same for everybody who may ask for them.
#[derive(Debug)]
pub struct Common {
    /// The field of the event that holds the object.
    pub object: &'static str,
    /// Its columns.
    pub columns: &'static [&'static str],
    /// Objects behind it whose columns are common too.
    pub objects: &'static [&'static str],
}

impl Common {
    fn has(&self, field: &SelectionField<'_>) -> bool {
        let has_only_columns = || field.selection_set().all(|column| column.selection_set().next().is_none());
        let name = field.name();
        name == "__typename" || self.columns.contains(&name) || (self.objects.contains(&name) && has_only_columns())
    }
}

/// What a follower asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    request: Print,
    is_common: bool,
}

impl Shape {
    /// The shape of the subscription that a resolver belongs to.
    #[must_use]
    pub fn of(ctx: &Context<'_>, common: &Common) -> Self {
        let mut fragments: Vec<_> = ctx.query_env.fragments.iter().collect();
        fragments.sort_by_key(|(name, _)| name.as_str());
        let mut field = ctx.item.node.clone();
        let after = field.arguments.iter().position(|(name, _)| name.node == AFTER);
        let after = after.map(|place| field.arguments.remove(place).1.node);
        let mut variables: Vec<_> = ctx.query_env.variables.iter().collect();
        if let Some(Argument::Variable(name)) = &after
            && !is_used(name, &format!("{:?}", (&field, &fragments)))
        {
            variables.retain(|(variable, _)| *variable != name);
        }
        let request = print(&(&ctx.item.pos, field, fragments, variables));
        let event = ctx.field();
        let mut objects = event.selection_set().filter(|field| field.name() == common.object);
        let is_common = objects.all(|object| object.selection_set().all(|field| common.has(&field)));
        Self { request, is_common }
    }
}

/// Whether a variable is used in what was written out. A text that looks the same is taken for it, which
/// only means that less is shared.
fn is_used(variable: &Name, written: &str) -> bool {
    written.contains(&format!("{:?}", Argument::Variable(variable.clone())))
}

/// Who is told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Audience {
    held: PermissionSet,
    /// A person with their rights; nothing where these do not matter.
    rights: Option<Print>,
    language: Language,
}

impl Audience {
    /// Those with whom a caller shares what is told in a shape.
    #[must_use]
    pub fn of(caller: &Caller, language: Language, shape: Shape) -> Self {
        let grants = || caller.grants.iter().map(|grant| (&grant.holder, &grant.rights)).collect::<Vec<_>>();
        let rights = (!shape.is_common).then(|| print(&(&caller.person, grants())));
        Self { held: caller.permissions, rights, language }
    }
}

/// What is told: which part of an event, to whom, in which shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Telling {
    part: (i64, u8),
    request: Print,
    audience: Audience,
}

/// The JSON of an event's parts, and the cursor that stands in it.
#[derive(Debug)]
struct Told {
    json: Bytes,
    cursor: String,
}

impl Told {
    /// The same with another cursor. Both are of an alphabet that JSON writes as it is.
    fn at(&self, cursor: Cursor) -> Bytes {
        let cursor = cursor.to_string();
        match std::str::from_utf8(&self.json) {
            Ok(json) if cursor != self.cursor => json.replace(&self.cursor, &cursor).into(),
            Ok(_) | Err(_) => self.json.clone(),
        }
    }
}

/// What was told about an event, or about some that were read together.
#[derive(Debug, Default)]
pub struct Tellings(Mutex<HashMap<Telling, Arc<OnceCell<Told>>>>);

/// One follower's part in what is told about an event.
#[derive(Clone, Debug)]
pub struct Sharing {
    tellings: Arc<Tellings>,
    telling: Telling,
}

impl Sharing {
    /// The part that those of an audience have who ask for a shape; `part` says what of the event it is.
    #[must_use]
    pub fn new(tellings: Arc<Tellings>, shape: Shape, audience: Audience, part: (i64, u8)) -> Self {
        Self { tellings, telling: Telling { part, request: shape.request, audience } }
    }

    /// What another follower was told.
    #[must_use]
    pub fn told<T>(&self, cursor: Cursor) -> Option<Shared<T>> {
        let tellings = self.tellings.0.lock();
        let told = tellings.get(&self.telling)?.get()?;
        Some(Shared::Finished(told.at(cursor)))
    }
}

/// An event of a subscription as its followers are told it.
#[derive(Debug)]
pub enum Shared<T> {
    /// Told to somebody else before: as finished JSON, in a [`Value::Binary`], which nothing else in the schema is.
    Finished(Bytes),
    /// Not told yet.
    New {
        /// The event.
        event: T,
        /// Where it stands in the feed.
        cursor: Cursor,
        /// With whom it is shared, where it is.
        sharing: Option<Sharing>,
    },
}

/// Why an answer is not kept.
enum Unkept {
    /// There is none.
    Failed(ServerError),
    /// Part of it is missing, which the error beside it says.
    Partial(Value),
}

impl<T: OutputType> OutputType for Shared<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let (event, cursor, Sharing { tellings, telling }) = match self {
            Self::Finished(json) => return Ok(Value::Binary(json.clone())),
            Self::New { event, cursor, sharing: Some(sharing) } => (event, *cursor, sharing),
            Self::New { event, cursor: _, sharing: None } => return event.resolve(ctx, field).await,
        };
        let cell = tellings.0.lock().entry(*telling).or_default().clone();
        let tell = async || {
            let mut value = event.resolve(ctx, field).await.map_err(Unkept::Failed)?;
            completion::arrange(&ctx.query_env.fragments, &field.node.selection_set.node, &mut value);
            let is_whole = ctx.query_env.errors.lock().is_ok_and(|errors| errors.is_empty());
            match serde_json::to_vec(&value) {
                Ok(json) if is_whole => Ok(Told { json: json.into(), cursor: cursor.to_string() }),
                Ok(_) | Err(_) => Err(Unkept::Partial(value)),
            }
        };
        match cell.get_or_try_init(tell).await {
            Ok(told) => Ok(Value::Binary(told.at(cursor))),
            Err(Unkept::Partial(value)) => Ok(value),
            Err(Unkept::Failed(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::WHOLE;

    #[tokio::test]
    async fn an_event_is_found_out_about_once() {
        let findings = Findings::default();
        let (one, same) = (findings.of::<Fresh<u32>>(1), findings.of::<Fresh<u32>>(1));
        assert!(Arc::ptr_eq(&one, &same));
        assert_eq!(one.get(async || Ok::<_, ()>(7)).await, Ok(Some(7)));
        assert_eq!(same.get(async || Err(())).await, Ok(Some(7)), "read once");
        assert_eq!(findings.of::<Fresh<u32>>(2).get(async || Err(())).await, Err(()), "of another event");
        assert_eq!(*findings.of::<u8>(1), 0, "by another feed");
    }

    #[tokio::test]
    async fn what_failed_to_be_read_is_read_by_the_next() {
        let fresh = Fresh::default();
        assert_eq!(fresh.get(async || Err::<u32, _>("away")).await, Err("away"));
        assert_eq!(fresh.get(async || Ok::<_, &str>(7)).await, Ok(Some(7)));
    }

    #[tokio::test]
    async fn what_is_no_longer_fresh_is_nobodys() {
        let long_ago = Instant::now().checked_sub(FRESH * 2).expect("a clock that runs for a while");
        let fresh = Fresh(OnceCell::new_with(Some((long_ago, 7))));
        assert_eq!(fresh.get(async || Err(())).await, Ok(None));
        let findings = Findings::default();
        drop(findings.of::<u8>(1));
        findings.0.lock().values_mut().for_each(|finding| finding.since = long_ago);
        drop(findings.of::<u8>(2));
        assert_eq!(findings.0.lock().len(), 1, "forgotten");
    }

    #[test]
    fn everybody_gets_their_own_place_in_the_feed() {
        let cursor = |view| Cursor { place: (7, WHOLE), view };
        let text = cursor(1).to_string();
        let told = Told { json: format!(r#"{{"cursor":"{text}","title":"é {text}"}}"#).into(), cursor: text };
        assert_eq!(told.at(cursor(1)), told.json);
        let other = cursor(2).to_string();
        assert_eq!(told.at(cursor(2)), format!(r#"{{"cursor":"{other}","title":"é {other}"}}"#));
        let silent = Told { json: "{}".into(), cursor: cursor(1).to_string() };
        assert_eq!(silent.at(cursor(2)), "{}");
    }
}
