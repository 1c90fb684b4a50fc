//! What an operation costs with the variables it was given: its fields, each as often as the page
//! sizes above it say, and the values given to them.
//!
//! The values count because each use of a variable is a copy of it, once per row of every page above.

use std::{cell::RefCell, collections::HashMap};

use async_graphql::{
    Positioned, Variables,
    parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::{ConstValue, Value};

use super::{
    limits::{Limit, Limits, Refused},
    scan::nul,
};
use crate::{both, graphql::connection};

/// How many bytes of a string count as one value.
const STRING: usize = 64;

/// Looks the variables over.
///
/// # Errors
/// The first limit that they exceed, or a NUL character, with the path to it.
pub fn check_variables(variables: &Variables, limits: &Limits) -> Result<(), Refused> {
    let mut values = 0;
    let mut path = vec!["variables".to_owned()];
    each(variables.iter(), &mut path, |value, path| check(value, path, &mut values, limits))
}

/// Looks whether every variable that an operation cannot do without was given.
///
/// # Errors
/// The first one that was not.
pub fn check_given(operation: &OperationDefinition, variables: &Variables) -> Result<(), Refused> {
    for definition in &operation.variable_definitions {
        let name = &definition.node.name.node;
        let given = variables.get(name).or(definition.node.default_value.as_ref().map(|default| &default.node));
        if !definition.node.var_type.node.nullable && given.is_none_or(|value| *value == ConstValue::Null) {
            let ty = &definition.node.var_type.node;
            let text = both!("La variable ${name} ({ty}) manque.", "The variable ${name} ({ty}) is missing.");
            return Err(Refused::malformed(vec!["variables".into(), name.to_string()], text).at(definition.pos));
        }
    }
    Ok(())
}

fn check(value: &ConstValue, path: &mut Vec<String>, values: &mut usize, limits: &Limits) -> Result<(), Refused> {
    *values += 1;
    if *values > limits.values {
        return Err(Refused::excess(Limit::Values, limits));
    }
    if path.len() > limits.nesting {
        return Err(Refused::excess(Limit::Nesting, limits));
    }
    match value {
        ConstValue::String(text) if text.contains('\0') => Err(nul(path.clone())),
        ConstValue::String(text) if text.len() > limits.string_bytes => {
            Err(Refused::excess(Limit::StringBytes, limits))
        }
        ConstValue::List(items) => each(items.iter().enumerate(), path, |item, path| check(item, path, values, limits)),
        ConstValue::Object(fields) => each(fields, path, |field, path| check(field, path, values, limits)),
        ConstValue::Null
        | ConstValue::Number(_)
        | ConstValue::String(_)
        | ConstValue::Boolean(_)
        | ConstValue::Binary(_)
        | ConstValue::Enum(_) => Ok(()),
    }
}

/// Goes through what is in a list or an object, with the path to it.
fn each<K: ToString, V>(
    inside: impl IntoIterator<Item = (K, V)>,
    path: &mut Vec<String>,
    mut look: impl FnMut(V, &mut Vec<String>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    for (place, value) in inside {
        path.push(place.to_string());
        look(value, path)?;
        path.pop();
    }
    Ok(())
}

/// What an operation costs. The document has been measured: it does not grow beyond its limits.
///
/// # Errors
/// Where it costs too much.
pub fn check_cost(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
    variables: &Variables,
    limits: &Limits,
) -> Result<usize, Refused> {
    let given = operation.variable_definitions.iter().filter_map(|definition| {
        let name = &definition.node.name.node;
        let default = || definition.node.default_value.as_ref().map(|default| &default.node);
        Some((name.as_str(), variables.get(name).or_else(default)?))
    });
    let cost = Cost {
        document,
        given: given.map(|(name, value)| (name, (value, weight(value)))).collect(),
        fragments: RefCell::default(),
    };
    let cost = cost.set(&operation.selection_set.node);
    if cost > limits.complexity {
        return Err(Refused::excess(Limit::Complexity, limits));
    }
    Ok(cost)
}

struct Cost<'d> {
    document: &'d ExecutableDocument,
    given: HashMap<&'d str, (&'d ConstValue, usize)>,
    /// What each fragment comes to, found out once: they may double at every level.
    fragments: RefCell<HashMap<&'d str, Fragment>>,
}

/// What a fragment comes to, wherever it is spread.
#[derive(Clone, Copy)]
struct Fragment {
    cost: usize,
    asks_for_rows: bool,
}

impl<'d> Cost<'d> {
    /// A fragment that is not there comes to nothing.
    fn fragment(&self, name: &str) -> Fragment {
        if let Some(known) = self.fragments.borrow().get(name) {
            return *known;
        }
        let Some((name, definition)) = self.document.fragments.get_key_value(name) else {
            return Fragment { cost: 0, asks_for_rows: false };
        };
        let set = &definition.node.selection_set.node;
        let fragment = Fragment { cost: self.set(set), asks_for_rows: self.asks_for_rows(set) };
        self.fragments.borrow_mut().insert(name, fragment);
        fragment
    }

    fn set(&self, set: &SelectionSet) -> usize {
        set.items.iter().fold(0, |sum, selection| sum.saturating_add(self.selection(selection)))
    }

    fn selection(&self, selection: &Positioned<Selection>) -> usize {
        match &selection.node {
            Selection::Field(field) => self.field(&field.node),
            Selection::InlineFragment(inline) => self.set(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node).cost,
        }
    }

    fn field(&self, field: &Field) -> usize {
        // Introspection has limits of its own.
        if field.name.node.starts_with("__") {
            return 1;
        }
        let values =
            field.arguments.iter().fold(0_usize, |sum, (_, value)| sum.saturating_add(self.weight(&value.node)));
        let below = self.set(&field.selection_set.node);
        let rows = if below == 0 { 1 } else { self.rows(field) };
        rows.saturating_mul(below).saturating_add(values).saturating_add(1)
    }

    /// How many rows a field answers with at most; 1 where it does not say.
    fn rows(&self, field: &Field) -> usize {
        let most = usize::try_from(connection::MOST).unwrap_or_default();
        let pages = ["first", "last"].into_iter().filter_map(|name| self.number(field, name));
        if let Some(page) = pages.max() {
            // A page that is too large is refused where it is asked for.
            return page.min(most);
        }
        if self.asks_for_rows(&field.selection_set.node) {
            return usize::try_from(connection::USUAL).unwrap_or_default();
        }
        field.get_argument("ids").map_or(1, |ids| self.length(&ids.node))
    }

    fn number(&self, field: &Field, argument: &str) -> Option<usize> {
        let number = match &field.get_argument(argument)?.node {
            Value::Number(number) => number.as_u64(),
            Value::Variable(name) => match self.given.get(name.as_str())?.0 {
                ConstValue::Number(number) => number.as_u64(),
                _ => None,
            },
            _ => None,
        };
        number.map(|number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn length(&self, value: &Value) -> usize {
        match value {
            Value::List(items) => items.len(),
            Value::Variable(name) => match self.given.get(name.as_str()) {
                Some((ConstValue::List(items), _)) => items.len(),
                _ => 1,
            },
            _ => 1,
        }
    }

    /// Whether a selection is one on a connection.
    fn asks_for_rows(&self, set: &SelectionSet) -> bool {
        set.items.iter().any(|selection| match &selection.node {
            Selection::Field(field) => matches!(field.node.name.node.as_str(), "edges" | "nodes"),
            Selection::InlineFragment(inline) => self.asks_for_rows(&inline.node.selection_set.node),
            Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node).asks_for_rows,
        })
    }

    fn weight(&self, value: &Value) -> usize {
        match value {
            Value::Variable(name) => self.given.get(name.as_str()).map_or(0, |(_, weight)| *weight),
            Value::String(text) => text.len() / STRING,
            Value::List(items) => {
                items.iter().fold(0, |sum, item| sum.saturating_add(1).saturating_add(self.weight(item)))
            }
            Value::Object(fields) => {
                fields.values().fold(0, |sum, field| sum.saturating_add(1).saturating_add(self.weight(field)))
            }
            Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => 0,
        }
    }
}

/// How much a value counts: nothing by itself, and one for each that it holds.
fn weight(value: &ConstValue) -> usize {
    match value {
        ConstValue::String(text) => text.len() / STRING,
        ConstValue::List(items) => items.iter().map(|item| 1 + weight(item)).sum(),
        ConstValue::Object(fields) => fields.values().map(|field| 1 + weight(field)).sum(),
        ConstValue::Null
        | ConstValue::Number(_)
        | ConstValue::Boolean(_)
        | ConstValue::Binary(_)
        | ConstValue::Enum(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;
    use serde_json::json;

    use super::*;

    fn cost(text: &str, variables: serde_json::Value) -> usize {
        let document = parse_query(text).unwrap();
        let variables = Variables::from_json(variables);
        let fits = |complexity| {
            let operation = document.operations.iter().next().unwrap().1;
            check_cost(&document, &operation.node, &variables, &Limits { complexity, ..Limits::default() }).is_ok()
        };
        let (mut low, mut high) = (0, 1 << 40);
        while low < high {
            let middle = (low + high) / 2;
            if fits(middle) { high = middle } else { low = middle + 1 }
        }
        low
    }

    #[test]
    fn pages_multiply() {
        assert_eq!(cost("{ a { b c } }", json!({})), 3);
        assert_eq!(cost("{ a(first: 10) { edges { node { b } } } }", json!({})), 31);
        assert_eq!(cost("{ a { edges { node { b } } } }", json!({})), 61);
        assert_eq!(cost("{ a { ...E } } fragment E on A { edges { node { b } } }", json!({})), 61);
        assert_eq!(cost("{ a(first: 100) { nodes { b(last: 100) { nodes { c } } } } }", json!({})), 20_201);
        assert_eq!(cost("query ($n: Int = 5) { a(first: $n) { b } }", json!({})), 6);
        assert_eq!(cost("query ($n: Int = 5) { a(first: $n) { b } }", json!({ "n": 7 })), 8);
        assert_eq!(cost("{ a(first: 99999999999999999999999) { b } }", json!({})), 2);
        assert_eq!(cost("{ a(first: 4294967296) { b } }", json!({})), 101);
        assert_eq!(cost("{ nodes(ids: [\"a\", \"b\"]) { id } }", json!({})), 5);
    }

    #[test]
    fn each_fragment_is_looked_into_once() {
        let chain: String =
            (0..60).map(|n| format!("fragment F{n} on T {{ a {{ ...F{m} ...F{m} }} }} ", m = n + 1)).collect();
        let document = parse_query(format!("{{ ...F0 }} {chain} fragment F60 on T {{ ...Missing }}")).unwrap();
        let operation = document.operations.iter().next().unwrap().1;
        let begun = std::time::Instant::now();
        assert!(check_cost(&document, &operation.node, &Variables::default(), &Limits::default()).is_err());
        assert!(begun.elapsed().as_millis() < 500);
    }

    #[test]
    fn each_use_of_a_variable_counts() {
        let hundred = json!({ "v": vec![1; 100] });
        assert_eq!(cost("query ($v: [Int!]) { a(v: $v) b(v: $v) }", hundred.clone()), 202);
        assert_eq!(cost("query ($v: [Int!]) { a(first: 3) { b(v: $v) } }", hundred), 304);
        assert_eq!(cost("query ($v: I) { a(v: $v) }", json!({ "v": { "text": "x".repeat(640) } })), 12);
    }

    #[test]
    fn variables_that_are_needed_are_given() {
        let document = parse_query("query ($a: Int!, $b: Int, $c: Int! = 1) { a }").unwrap();
        let operation = &document.operations.iter().next().unwrap().1.node;
        let fits = |json| check_given(operation, &Variables::from_json(json)).is_ok();
        assert!(fits(json!({ "a": 1 })));
        assert!(fits(json!({ "a": 1, "b": null, "more": 1 })));
        assert!(!fits(json!({})));
        assert!(!fits(json!({ "a": null })));
        assert!(!fits(json!({ "a": 1, "c": null })));
    }

    #[test]
    fn introspection_costs_nothing_here() {
        assert_eq!(cost("{ __schema { types { name fields { name } } } __typename }", json!({})), 2);
    }

    #[test]
    fn variables_are_bounded_and_pointed_into() {
        let limits = Limits { values: 4, nesting: 3, string_bytes: 5, ..Limits::default() };
        let limit = |json| check_variables(&Variables::from_json(json), &limits).err().and_then(|r| r.limit());
        assert_eq!(limit(json!({ "a": [1, 2, 3] })), None);
        assert_eq!(limit(json!({ "a": [1, 2, 3, 4] })), Some(Limit::Values));
        assert_eq!(limit(json!({ "a": { "b": {} } })), None);
        assert_eq!(limit(json!({ "a": { "b": { "c": 1 } } })), Some(Limit::Nesting));
        assert_eq!(limit(json!({ "a": "123456" })), Some(Limit::StringBytes));
        let nul = check_variables(&Variables::from_json(json!({ "a": [{ "b": "\0" }] })), &Limits::default());
        let error = nul.unwrap_err().into_error(::entity::vocabulary::Language::Fr);
        let path = error.extensions.unwrap().get("path").cloned();
        assert_eq!(path, Some(async_graphql::value!(["variables", "a", "0", "b"])));
    }
}
