//! An item as followers are shown it: those who ask for the same and may see the same share one answer.
//!
//! The first to come resolves it, with their own rights; the others take the value over. What may be
//! shared follows from the request alone: where it asks for plain columns only, everybody with the same
//! schema and language is shown the same; otherwise only the connections of one person with one set of
//! rights are.

use std::{borrow::Cow, collections::HashMap, fmt, sync::Arc};

use ::entity::vocabulary::{Language, WorkItemId};
use async_graphql::{
    Context, ContextSelectionSet, OutputType, Pos, Positioned, SelectionField, ServerError, ServerResult, Value,
    parser::types::Field, registry::Registry,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use super::types::WorkItem;
use crate::{
    authz::{Caller, PermissionSet},
    op::Op,
};

/// Fields of an item that are the same for everybody who may ask for them.
const PLAIN: &[&str] = &["__typename", "id", "kind", "label", "since", "year", "total", "version"];
/// Objects behind an item whose columns are.
const PLAIN_OBJECTS: &[&str] = &["owner", "delegation", "region"];

type Print = [u8; 16];

fn print(of: &impl fmt::Debug) -> Print {
    let digest = Sha256::digest(format!("{of:?}"));
    std::array::from_fn(|place| digest[place])
}

/// What a follower asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    request: Print,
    is_plain: bool,
}

impl Shape {
    /// The shape of the subscription that a resolver belongs to.
    pub(super) fn of(ctx: &Context<'_>) -> Self {
        let mut fragments: Vec<_> = ctx.query_env.fragments.iter().collect();
        fragments.sort_by_key(|(name, _)| name.as_str());
        let request = print(&(&ctx.item.node, fragments, &ctx.query_env.variables));
        let event = ctx.field();
        let mut items = event.selection_set().filter(|field| field.name() == "item");
        let is_plain = items.all(|item| item.selection_set().all(|field| is_plain(&field)));
        Self { request, is_plain }
    }
}

fn is_plain(field: &SelectionField<'_>) -> bool {
    let has_only_columns = || field.selection_set().all(|column| column.selection_set().next().is_none());
    PLAIN.contains(&field.name()) || (PLAIN_OBJECTS.contains(&field.name()) && has_only_columns())
}

/// Who is shown the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Audience {
    held: PermissionSet,
    /// A person with their rights; nothing where these do not matter.
    rights: Option<Print>,
}

impl Audience {
    /// Those with whom a caller shares answers of a shape.
    pub(super) fn of(caller: &Caller, shape: Shape) -> Self {
        let grants = || caller.grants.iter().map(|grant| (&grant.holder, &grant.rights)).collect::<Vec<_>>();
        let rights = (!shape.is_plain).then(|| print(&(&caller.person, grants())));
        Self { held: caller.permissions, rights }
    }
}

/// One answer: the selection in a request, its language, its item, and who is shown it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Answer {
    request: Print,
    selection: Pos,
    language: Language,
    item: WorkItemId,
    audience: Audience,
}

/// The answers that were given about the items of one event.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<HashMap<Answer, Arc<OnceCell<Value>>>>);

/// An item, and where its answers are kept, where they are.
#[derive(Debug)]
pub struct Shown {
    item: WorkItem,
    shared: Option<(Arc<Answers>, Shape, Audience)>,
}

impl Shown {
    pub(super) fn new(item: WorkItem, shared: Option<(Arc<Answers>, Shape, Audience)>) -> Self {
        Self { item, shared }
    }
}

/// Why an answer is not kept.
enum Unkept {
    /// There is none.
    Failed(ServerError),
    /// Part of it is missing, which the error beside it says.
    Partial(Value),
}

impl OutputType for Shown {
    fn type_name() -> Cow<'static, str> {
        WorkItem::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        WorkItem::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let Some((answers, shape, audience)) = &self.shared else { return self.item.resolve(ctx, field).await };
        let answer = Answer {
            request: shape.request,
            selection: ctx.item.pos,
            language: ctx.data_unchecked::<Arc<Op>>().language,
            item: self.item.row().id,
            audience: *audience,
        };
        let cell = answers.0.lock().entry(answer).or_default().clone();
        let resolve = async || {
            let value = self.item.resolve(ctx, field).await.map_err(Unkept::Failed)?;
            let is_whole = ctx.query_env.errors.lock().is_ok_and(|errors| errors.is_empty());
            if is_whole { Ok(value) } else { Err(Unkept::Partial(value)) }
        };
        match cell.get_or_try_init(resolve).await {
            Ok(value) => Ok(value.clone()),
            Err(Unkept::Partial(value)) => Ok(value),
            Err(Unkept::Failed(error)) => Err(error),
        }
    }
}
