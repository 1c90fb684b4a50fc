//! The role-aware schema (G-2): what somebody may not use does not exist for them.
//!
//! One schema is built per *set of permissions* by pruning the registry while it is built: root fields
//! without a held permission go, then whatever only they needed, nested fields, types, enum values and
//! interfaces' possible types included. A pruned name is refused by validation like any misspelt one,
//! through the same code. A root field needs the permission of its own name, or the one that its
//! `requires` directive names; a name that no policy line knows is invisible to everybody, so
//! forgetting is safe. The guard around the roots asks again when a field runs.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{HashMap, HashSet},
    pin::Pin,
    sync::Arc,
};

use ::entity::vocabulary::{Day, Money, Quarter};
use async_graphql::{
    ContainerType, Context, ContextSelectionSet, InputType, ObjectType, OutputType, Positioned, Response, ServerError,
    ServerResult, SubscriptionType, TypeDirective, Value,
    parser::types::{Field, OperationType},
    registry::{MetaDirectiveInvocation, MetaType, MetaTypeName, Registry},
    resolver_utils,
};
use chrono::{DateTime, Utc};
use futures_util::stream::{Stream, StreamExt};
use tracing::{Instrument, Span};

use super::{
    completion,
    scalars::{Email, Percent, PhoneNumber, Siren, Siret, VatNumber},
};
use crate::{
    authz::{Permission, PermissionSet},
    error::Error,
    loaders::Loaders,
    observe::traces::TRACE,
    op::Op,
};

/// Names the permission that a field, a type or an enum value needs, where it is not its own name.
#[TypeDirective(
    location = "FieldDefinition",
    location = "Object",
    location = "EnumValue",
    location = "InputFieldDefinition"
)]
pub fn requires(permission: String) {}

thread_local! {
    /// The permissions of the schema being built on this thread, and what its roots turned out to need.
    static BUILDING: RefCell<Building> = RefCell::default();
}

#[derive(Default)]
struct Building {
    held: PermissionSet,
    needs: HashMap<String, PermissionSet>,
}

/// What each root field needs: any one of a set.
#[derive(Debug, Default)]
pub struct Needs(HashMap<String, PermissionSet>);

impl Needs {
    /// The permissions any of which opens a root field; none: nobody may.
    #[must_use]
    pub fn of(&self, field: &str) -> PermissionSet {
        self.0.get(field).copied().unwrap_or_default()
    }

    /// The root fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Runs `build` so that the schemas it makes hold what these permissions allow.
pub fn building<T>(held: PermissionSet, build: impl FnOnce() -> T) -> (T, Needs) {
    BUILDING.set(Building { held, needs: HashMap::new() });
    let built = build();
    (built, Needs(BUILDING.take().needs))
}

fn required(directives: &[MetaDirectiveInvocation]) -> Option<&str> {
    let directive = directives.iter().find(|d| d.name == "requires")?;
    match directive.args.get("permission")? {
        Value::String(permission) => Some(permission),
        _ => None,
    }
}

/// The permissions that a name stands for: the object, at any of its steps.
fn permissions_of(object: &str) -> PermissionSet {
    Permission::ALL.iter().copied().filter(|p| p.object() == object).collect()
}

fn is_held(held: PermissionSet, directives: &[MetaDirectiveInvocation]) -> bool {
    required(directives).is_none_or(|object| held.intersects(permissions_of(object)))
}

/// Takes everything out of a finished registry that the permissions do not open.
fn prune(registry: &mut Registry) {
    let held = BUILDING.with_borrow(|b| b.held);
    let roots = roots(registry);
    for root in &roots {
        prune_root(registry, root, held);
    }
    let mut gone = prune_declared(registry, held, &roots);
    while !gone.is_empty() {
        gone = remove(registry, &gone, &roots);
    }
    forget_empty_roots(registry);
    forget_directives(registry);
    describe_inputs(registry);
    validate_scalars(registry);
    describe_scalars(registry);
}

/// A mutation's one argument, where it says no more than that (G-19): what there is to say is said in its type.
fn describe_inputs(registry: &mut Registry) {
    let Some(mutations) = registry.mutation_type.clone() else { return };
    let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(&mutations) else { return };
    for (mutation, field) in fields {
        if let Some(input) = field.args.get_mut("input") {
            input.description.get_or_insert_with(|| format!("What `{mutation}` is asked to do."));
        }
    }
}

/// The library's own scalars, in words of ours.
fn describe_scalars(registry: &mut Registry) {
    let words = [
        ("DateTime", "A moment in RFC 3339 with its offset, such as \"2026-07-14T09:30:00+02:00\"."),
        ("Decimal", "An exact decimal number, as a string: \"1.2500\"."),
    ];
    for (name, meaning) in words {
        if let Some(MetaType::Scalar { description, .. }) = registry.types.get_mut(name) {
            *description = Some(meaning.to_owned());
        }
    }
}

/// Has malformed values refused before anything runs, in literals and in variables: the library would find
/// them only when their field runs, behind others that may have written.
fn validate_scalars(registry: &mut Registry) {
    validate::<i32>(registry);
    validate::<Day>(registry);
    validate::<DateTime<Utc>>(registry);
    validate::<Money>(registry);
    validate::<Quarter>(registry);
    validate::<Email>(registry);
    validate::<Percent>(registry);
    validate::<Siren>(registry);
    validate::<Siret>(registry);
    validate::<VatNumber>(registry);
    validate::<PhoneNumber>(registry);
}

fn validate<T: InputType>(registry: &mut Registry) {
    if let Some(MetaType::Scalar { is_valid, .. }) = registry.types.get_mut(&*T::type_name()) {
        *is_valid = Some(Arc::new(|value| T::parse(Some(value.clone())).is_ok()));
    }
}

fn roots(registry: &Registry) -> Vec<String> {
    [Some(&registry.query_type), registry.mutation_type.as_ref(), registry.subscription_type.as_ref()]
        .into_iter()
        .flatten()
        .cloned()
        .collect()
}

fn prune_root(registry: &mut Registry, root: &str, held: PermissionSet) {
    let Some(MetaType::Object { fields, .. }) = registry.types.get_mut(root) else { return };
    fields.retain(|name, field| {
        if name.starts_with("__") {
            return true;
        }
        let needed = permissions_of(required(&field.directive_invocations).unwrap_or(name));
        BUILDING.with_borrow_mut(|b| b.needs.insert(name.clone(), needed));
        held.intersects(needed)
    });
}

/// Drops what declares a permission that is not held; the names of the types that went.
fn prune_declared(registry: &mut Registry, held: PermissionSet, roots: &[String]) -> HashSet<String> {
    let mut gone = HashSet::new();
    for (name, ty) in &mut registry.types {
        if roots.contains(name) {
            continue;
        }
        match ty {
            MetaType::Object { fields, directive_invocations, .. }
            | MetaType::Interface { fields, directive_invocations, .. } => {
                if !is_held(held, directive_invocations) {
                    gone.insert(name.clone());
                }
                fields.retain(|_, field| is_held(held, &field.directive_invocations));
            }
            MetaType::Enum { enum_values, .. } => {
                enum_values.retain(|_, value| is_held(held, &value.directive_invocations));
            }
            MetaType::InputObject { input_fields, .. } => {
                input_fields.retain(|_, field| is_held(held, &field.directive_invocations));
            }
            MetaType::Scalar { .. } | MetaType::Union { .. } => {}
        }
    }
    gone
}

/// Removes types and everything that mentions them; the names of those that are empty for it.
fn remove(registry: &mut Registry, gone: &HashSet<String>, roots: &[String]) -> HashSet<String> {
    registry.types.retain(|name, _| !gone.contains(name));
    registry.implements.retain(|name, _| !gone.contains(name));
    let is_gone = |ty: &str| gone.contains(MetaTypeName::concrete_typename(ty));
    let mut empty = HashSet::new();
    for (name, ty) in &mut registry.types {
        let left = match ty {
            MetaType::Object { fields, .. } => {
                fields.retain(|_, field| !is_gone(&field.ty));
                fields.values_mut().for_each(|f| f.args.retain(|_, arg| !is_gone(&arg.ty)));
                fields.len()
            }
            MetaType::Interface { fields, possible_types, .. } => {
                fields.retain(|_, field| !is_gone(&field.ty));
                possible_types.retain(|ty| !is_gone(ty));
                fields.len().min(possible_types.len())
            }
            MetaType::Union { possible_types, .. } => {
                possible_types.retain(|ty| !is_gone(ty));
                possible_types.len()
            }
            MetaType::InputObject { input_fields, .. } => {
                input_fields.retain(|_, field| !is_gone(&field.ty));
                input_fields.len()
            }
            MetaType::Enum { enum_values, .. } => enum_values.len(),
            MetaType::Scalar { .. } => 1,
        };
        if left == 0 && !roots.contains(name) && !name.starts_with("__") {
            empty.insert(name.clone());
        }
    }
    empty
}

/// GraphQL forbids empty types: a role without mutations has no mutation root.
fn forget_empty_roots(registry: &mut Registry) {
    let is_empty =
        |name: &String| matches!(registry.types.get(name), Some(MetaType::Object { fields, .. }) if fields.is_empty());
    let mutations = registry.mutation_type.as_ref().is_some_and(is_empty);
    let subscriptions = registry.subscription_type.as_ref().is_some_and(is_empty);
    if mutations && let Some(name) = registry.mutation_type.take() {
        registry.types.remove(&name);
    }
    if subscriptions && let Some(name) = registry.subscription_type.take() {
        registry.types.remove(&name);
    }
}

/// The directives have done their work and would tell the names of permissions.
fn forget_directives(registry: &mut Registry) {
    registry.directives.remove("requires");
    for ty in registry.types.values_mut() {
        match ty {
            MetaType::Object { fields, directive_invocations, .. }
            | MetaType::Interface { fields, directive_invocations, .. } => {
                directive_invocations.clear();
                fields.values_mut().for_each(|f| f.directive_invocations.clear());
            }
            MetaType::Enum { enum_values, .. } => {
                enum_values.values_mut().for_each(|v| v.directive_invocations.clear());
            }
            MetaType::InputObject { input_fields, .. } => {
                input_fields.values_mut().for_each(|f| f.directive_invocations.clear());
            }
            MetaType::Scalar { .. } | MetaType::Union { .. } => {}
        }
    }
}

/// A root whose fields are asked for permission again when they run.
#[derive(Clone, Debug, Default)]
pub struct Guarded<T>(pub T);

fn check(ctx: &Context<'_>) -> ServerResult<()> {
    let name = ctx.item.node.name.node.as_str();
    if name.starts_with("__") {
        return Ok(());
    }
    let op = ctx.data_unchecked::<Arc<Op>>();
    let held = op.app.permissions_of(op.caller.as_deref());
    if held.intersects(op.app.schemas.needs().of(name)) {
        return Ok(());
    }
    let error = if op.caller.is_some() { Error::Forbidden } else { Error::Unauthenticated };
    Err(ctx.set_error_path(error.into_graphql(op.language, &op.request_id).into_server_error(ctx.item.pos)))
}

/// The span of a root field.
fn span(ctx: &Context<'_>) -> Span {
    tracing::debug_span!(target: TRACE, "field", otel.name = ctx.item.node.name.node.as_str())
}

impl<T: ObjectType> OutputType for Guarded<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        resolver_utils::resolve_container(ctx, self).await
    }
}

impl<T: ObjectType> ContainerType for Guarded<T> {
    async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
        if ctx.query_env.operation.node.ty == OperationType::Mutation {
            Loaders::of(ctx).forget();
        }
        let answer = match check(ctx) {
            Ok(()) => self.0.resolve_field(ctx).instrument(span(ctx)).await,
            Err(error) => Err(error),
        };
        // The payload has been read by now: a dry run ends with its field.
        let op = ctx.data_unchecked::<Arc<Op>>();
        if let Err(error) = op.end_rehearsal().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "taking back a dry run");
        }
        completion::complete(ctx, answer)
    }
}

impl<T: ObjectType> ObjectType for Guarded<T> {}

impl<T: SubscriptionType> SubscriptionType for Guarded<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        let name = T::create_type_info(registry);
        // Subscriptions are registered last: now everything is there to be pruned.
        prune(registry);
        name
    }

    fn create_field_stream<'a>(
        &'a self,
        ctx: &'a Context<'_>,
    ) -> Option<Pin<Box<dyn Stream<Item = Response> + Send + 'a>>> {
        match check(ctx) {
            Ok(()) => {
                let events = self.0.create_field_stream(ctx)?;
                Some(Box::pin(events.map(move |event| completion::complete_event(ctx, event))))
            }
            Err(error) => Some(refused(error)),
        }
    }
}

fn refused<'a>(error: ServerError) -> Pin<Box<dyn Stream<Item = Response> + Send + 'a>> {
    Box::pin(futures_util::stream::once(async move { Response::from_errors(vec![error]) }))
}
