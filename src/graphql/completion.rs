//! Answers, completed and put in order as the specification says.
//!
//! async-graphql leaves a field that failed out of its object, and puts what took longer behind what did
//! not. A field that failed is null; where its type allows no null, what holds it is, and so on upwards
//! (GraphQL, 6.4.4): whatever an error's path points into is gone through once more. And the fields of an
//! object come in the order in which they were asked for (7.2.2): [`arrange`].

use std::collections::HashMap;

use async_graphql::{
    Context, Name, PathSegment, Positioned, Response, ServerResult, Value,
    indexmap::IndexMap,
    parser::types::{Field, FragmentDefinition, OperationType, Selection, SelectionSet},
    registry::Registry,
};

/// Completes the answer of a root field.
///
/// # Errors
/// The error that leaves nothing of the whole answer: the root's field is missing then.
pub fn complete(ctx: &Context<'_>, answer: ServerResult<Option<Value>>) -> ServerResult<Option<Value>> {
    let field = &ctx.item.node;
    let completion = Completion { registry: &ctx.schema_env.registry, fragments: &ctx.query_env.fragments };
    let ty = completion.root_field(ctx.query_env.operation.node.ty, field);
    let may_be_null = !ty.ends_with('!');
    let mut value = match answer {
        Ok(Some(value)) => value,
        Ok(None) => return Ok(None),
        Err(error) if may_be_null => {
            ctx.add_error(error);
            return Ok(Some(Value::Null));
        }
        Err(error) => return Err(error),
    };
    let Ok(mut errors) = ctx.query_env.errors.lock() else { return Ok(Some(value)) };
    let key = field.response_key().node.as_str();
    errors.iter().filter_map(|error| within(&error.path, key)).for_each(|path| restore(&mut value, path));
    for place in 0..errors.len() {
        let Some(rest) = within(&errors[place].path, key) else { continue };
        if completion.settle(ty, &[&field.selection_set.node], &mut value, rest) {
            // It is told once: as what became of the whole answer.
            return Err(errors.remove(place));
        }
    }
    Ok(Some(value))
}

/// Completes an event of a subscription.
pub fn complete_event(ctx: &Context<'_>, mut event: Response) -> Response {
    if event.errors.is_empty() {
        return event;
    }
    let field = &ctx.item.node;
    let completion = Completion { registry: &ctx.schema_env.registry, fragments: &ctx.query_env.fragments };
    let ty = completion.root_field(OperationType::Subscription, field);
    let key = field.response_key().node.as_str();
    let Value::Object(data) = &mut event.data else { return event };
    let Some(value) = data.get_mut(key) else {
        event.data = Value::Null;
        return event;
    };
    let paths = || event.errors.iter().filter_map(|error| within(&error.path, key));
    paths().for_each(|path| restore(value, path));
    if paths().any(|rest| completion.settle(ty, &[&field.selection_set.node], value, rest)) {
        event.data = Value::Null;
    }
    event
}

/// Leaves nothing of an answer one of whose root fields is missing: it could not be null.
pub fn complete_root(response: &mut Response) {
    let Value::Object(data) = &response.data else { return };
    let is_missing = |path: &[PathSegment]| match path.first() {
        Some(PathSegment::Field(key)) => !data.contains_key(key.as_str()),
        Some(PathSegment::Index(_)) | None => false,
    };
    if response.errors.iter().any(|error| is_missing(&error.path)) {
        response.data = Value::Null;
    }
}

/// What is left of a path behind a root field.
fn within<'p>(path: &'p [PathSegment], root: &str) -> Option<&'p [PathSegment]> {
    match path.split_first()? {
        (PathSegment::Field(first), rest) if first == root => Some(rest),
        _ => None,
    }
}

/// Gives back the objects of which nothing was left but what failed, which the library makes null.
fn restore(value: &mut Value, path: &[PathSegment]) {
    match (&mut *value, path.split_first()) {
        (Value::Null, Some((PathSegment::Field(_), _))) => *value = Value::Object(IndexMap::new()),
        (Value::List(items), Some((PathSegment::Index(place), rest))) => {
            if let Some(item) = items.get_mut(*place) {
                restore(item, rest);
            }
        }
        (Value::Object(fields), Some((PathSegment::Field(key), rest))) => {
            if let Some(field) = fields.get_mut(key.as_str()) {
                restore(field, rest);
            }
        }
        _ => {}
    }
}

struct Completion<'c> {
    registry: &'c Registry,
    fragments: &'c Fragments,
}

impl<'c> Completion<'c> {
    fn root_field(&self, operation: OperationType, field: &Field) -> &'c str {
        let root = match operation {
            OperationType::Query => Some(&self.registry.query_type),
            OperationType::Mutation => self.registry.mutation_type.as_ref(),
            OperationType::Subscription => self.registry.subscription_type.as_ref(),
        };
        root.and_then(|root| self.type_of(root, &field.name.node)).unwrap_or_default()
    }

    fn type_of(&self, parent: &str, field: &str) -> Option<&'c str> {
        Some(self.registry.types.get(parent)?.field_by_name(field)?.ty.as_str())
    }

    /// Makes null what an error at a path leaves nothing of; whether what holds the value is null for it.
    fn settle(&self, ty: &str, sets: &[&'c SelectionSet], value: &mut Value, path: &[PathSegment]) -> bool {
        let inner = ty.strip_suffix('!');
        let (inner, may_be_null) = (inner.unwrap_or(ty), inner.is_none());
        let is_null = match (&mut *value, path.split_first()) {
            (Value::Null, _) => true,
            (Value::List(items), Some((PathSegment::Index(place), rest))) => {
                let of = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner);
                items.get_mut(*place).is_some_and(|item| self.settle(of, sets, item, rest))
            }
            (Value::Object(fields), Some((PathSegment::Field(key), rest))) => {
                self.settle_field(inner, sets, fields, key, rest)
            }
            _ => false,
        };
        if is_null {
            *value = Value::Null;
        }
        is_null && !may_be_null
    }

    fn settle_field(
        &self,
        parent: &str,
        sets: &[&'c SelectionSet],
        fields: &mut IndexMap<Name, Value>,
        key: &str,
        path: &[PathSegment],
    ) -> bool {
        let mut selected = Vec::new();
        sets.iter().for_each(|set| self.select(parent, set, &mut selected));
        let mut named = selected.iter().filter(|(_, field)| field.response_key().node == key);
        let Some(ty) = named.clone().find_map(|(parent, field)| self.type_of(parent, &field.name.node)) else {
            return false;
        };
        let below: Vec<&SelectionSet> = named.by_ref().map(|(_, field)| &field.selection_set.node).collect();
        match fields.get_mut(key) {
            Some(value) => self.settle(ty, &below, value, path),
            None if ty.ends_with('!') => true,
            None => {
                fields.insert(Name::new(key), Value::Null);
                false
            }
        }
    }

    /// The fields of a selection, each with the type that it is a field of, those of fragments included.
    fn select<'t>(&self, parent: &'t str, set: &'c SelectionSet, selected: &mut Vec<(&'t str, &'c Field)>)
    where
        'c: 't,
    {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => selected.push((parent, &field.node)),
                Selection::InlineFragment(inline) => {
                    let on = inline.node.type_condition.as_ref().map_or(parent, |condition| &condition.node.on.node);
                    self.select(on, &inline.node.selection_set.node, selected);
                }
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.fragments.get(&spread.node.fragment_name.node) {
                        let on = &fragment.node.type_condition.node.on.node;
                        self.select(on, &fragment.node.selection_set.node, selected);
                    }
                }
            }
        }
    }
}

/// The fragments of a document, by name.
pub type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Puts the fields of an answer to a selection in the order in which they were asked for.
pub fn arrange(fragments: &Fragments, set: &SelectionSet, answer: &mut Value) {
    Arrangement::of(fragments, &[set]).apply(answer);
}

/// In which order the fields of an object come, and those of what they hold.
struct Arrangement<'c>(Vec<(&'c str, Arrangement<'c>)>);

impl<'c> Arrangement<'c> {
    fn of(fragments: &'c Fragments, sets: &[&'c SelectionSet]) -> Self {
        let mut fields = Vec::new();
        sets.iter().for_each(|set| collect(fragments, set, &mut fields));
        Self(fields.into_iter().map(|(key, below)| (key, Self::of(fragments, &below))).collect())
    }

    fn apply(&self, value: &mut Value) {
        match value {
            Value::List(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Object(fields) if !self.0.is_empty() => self.sort(fields),
            _ => {}
        }
    }

    fn sort(&self, fields: &mut IndexMap<Name, Value>) {
        let (mut next, mut is_sorted) = (0, true);
        for (key, value) in fields.iter_mut() {
            // Nearly always the one behind the last.
            let Some(place) = self.place(key, next).or_else(|| self.place(key, 0)) else { continue };
            is_sorted &= next <= place;
            next = place + 1;
            self.0[place].1.apply(value);
        }
        if !is_sorted {
            fields.sort_by_cached_key(|key, _| self.place(key, 0));
        }
    }

    fn place(&self, key: &str, from: usize) -> Option<usize> {
        let rest = self.0.iter().enumerate().skip(from);
        rest.into_iter().find(|(_, (field, _))| *field == key).map(|(place, _)| place)
    }
}

/// The fields of a selection, each once, with what is selected below it; whatever type they are of.
fn collect<'c>(fragments: &'c Fragments, set: &'c SelectionSet, fields: &mut Vec<(&'c str, Vec<&'c SelectionSet>)>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => {
                let (key, below) = (field.node.response_key().node.as_str(), &field.node.selection_set.node);
                match fields.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, all)) => all.push(below),
                    None => fields.push((key, vec![below])),
                }
            }
            Selection::InlineFragment(inline) => collect(fragments, &inline.node.selection_set.node, fields),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = fragments.get(&spread.node.fragment_name.node) {
                    collect(fragments, &fragment.node.selection_set.node, fields);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{
        ContainerType, ContextSelectionSet, EmptyMutation, EmptySubscription, Object, ObjectType, OutputType, Schema,
        resolver_utils,
    };
    use serde_json::{Value as Json, json};

    use super::*;

    struct Root;
    struct Thing;

    #[Object]
    impl Thing {
        async fn slow(&self) -> i32 {
            tokio::task::yield_now().await;
            1
        }
        async fn quick(&self) -> i32 {
            2
        }
        async fn may_fail(&self) -> async_graphql::Result<Option<i32>> {
            Err("failed".into())
        }
        async fn must_not_fail(&self) -> async_graphql::Result<i32> {
            Err("failed".into())
        }
        async fn perhaps(&self) -> Option<Thing> {
            Some(Thing)
        }
        async fn many(&self) -> Vec<Option<Thing>> {
            vec![Some(Thing), None]
        }
    }

    #[Object]
    impl Root {
        async fn thing(&self) -> Thing {
            Thing
        }
        async fn perhaps(&self) -> Option<Thing> {
            Some(Thing)
        }
        async fn failing(&self) -> async_graphql::Result<Option<Thing>> {
            Err("failed".into())
        }
    }

    /// Completes its root fields, as the guarded roots do.
    struct Completed(Root);

    impl OutputType for Completed {
        fn type_name() -> std::borrow::Cow<'static, str> {
            <Root as OutputType>::type_name()
        }

        fn create_type_info(registry: &mut Registry) -> String {
            <Root as OutputType>::create_type_info(registry)
        }

        async fn resolve(&self, ctx: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
            resolver_utils::resolve_container(ctx, self).await
        }
    }

    impl ContainerType for Completed {
        async fn resolve_field(&self, ctx: &Context<'_>) -> ServerResult<Option<Value>> {
            complete(ctx, self.0.resolve_field(ctx).await)
        }
    }

    impl ObjectType for Completed {}

    async fn data(query: &str) -> Json {
        let schema = Schema::new(Completed(Root), EmptyMutation, EmptySubscription);
        let mut response = schema.execute(query).await;
        assert!(!response.errors.is_empty());
        complete_root(&mut response);
        serde_json::to_value(response.data).unwrap()
    }

    #[tokio::test]
    async fn what_failed_is_null() {
        assert_eq!(data("{ thing { quick mayFail } }").await, json!({ "thing": { "quick": 2, "mayFail": null } }));
        assert_eq!(data("{ thing { mayFail } }").await, json!({ "thing": { "mayFail": null } }));
        assert_eq!(
            data("{ failing { quick } perhaps { quick } }").await,
            json!({ "failing": null, "perhaps": { "quick": 2 } })
        );
    }

    #[tokio::test]
    async fn what_holds_something_that_cannot_be_null_is() {
        assert_eq!(data("{ perhaps { quick mustNotFail } }").await, json!({ "perhaps": null }));
        assert_eq!(
            data(
                "{ thing { quick perhaps { quick ...F } many { a: mustNotFail } } } fragment F on Thing { mustNotFail }"
            )
            .await,
            json!({ "thing": { "quick": 2, "perhaps": null, "many": [null, null] } })
        );
        assert_eq!(data("{ perhaps { quick } thing { quick mustNotFail } }").await, Json::Null);
    }

    #[tokio::test]
    async fn the_order_is_that_of_the_request() {
        let arranged = async |query: &str| {
            let document = async_graphql::parser::parse_query(query).unwrap();
            let (_, operation) = document.operations.iter().next().unwrap();
            let schema = Schema::new(Completed(Root), EmptyMutation, EmptySubscription);
            let mut response = schema.execute(query).await;
            arrange(&document.fragments, &operation.node.selection_set.node, &mut response.data);
            serde_json::to_string(&response.data).unwrap()
        };
        assert_eq!(
            arranged("{ thing { slow ... { mayFail quick } a: quick } }").await,
            r#"{"thing":{"slow":1,"mayFail":null,"quick":2,"a":2}}"#
        );
        assert_eq!(
            arranged("{ thing { slow quick ...F quick } perhaps { many { slow b: quick a: quick } } a: perhaps { quick } } fragment F on Thing { a: slow perhaps { slow quick } perhaps { z: quick } }").await,
            r#"{"thing":{"slow":1,"quick":2,"a":1,"perhaps":{"slow":1,"quick":2,"z":2}},"perhaps":{"many":[{"slow":1,"b":2,"a":2},null]},"a":{"quick":2}}"#
        );
    }
}
