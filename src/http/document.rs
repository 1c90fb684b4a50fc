//! A parsed document, measured before it is validated.
//!
//! Validation and execution put every fragment in its place as often as it is spread, so a kilobyte of
//! fragments that double holds a core for minutes. Here each fragment is measured once and remembered:
//! what an operation comes to once all is in place is a sum, and known before anything is expanded.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Pos, Positioned,
    parser::{
        self, parse_query,
        types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet},
    },
};

use super::{
    limits::{Limit, Limits, Refused},
    scan::scan,
};
use crate::both;

/// A document that keeps the limits, parsed.
#[derive(Clone, Debug)]
pub struct Document {
    /// What the parser made of it.
    pub parsed: ExecutableDocument,
    /// How many tokens it had.
    pub tokens: usize,
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// The first limit that it exceeds, or where it is no document.
    pub fn read(text: &str, limits: &Limits) -> Result<Self, Refused> {
        if text.trim().is_empty() {
            return Err(Refused::malformed(
                vec!["query".into()],
                both!(
                    "La requête est vide : envoyez un document GraphQL.",
                    "The query is empty: send a GraphQL document."
                ),
            ));
        }
        let tokens = scan(text, limits)?;
        let parsed = parse_query(text).map_err(|error| unreadable(error, limits))?;
        measure(&parsed, limits)?;
        Ok(Self { parsed, tokens })
    }

    /// The operation to run, with its name where it has one.
    ///
    /// # Errors
    /// Where there is none of that name, or several and none is named.
    pub fn operation(&self, name: Option<&str>) -> Result<&OperationDefinition, Refused> {
        let mut operations = self.parsed.operations.iter();
        let found = match name {
            Some(name) => operations.find(|(found, _)| found.is_some_and(|found| found.as_str() == name)),
            None if operations.len() == 1 => operations.next(),
            None => None,
        };
        found.map(|(_, operation)| &operation.node).ok_or_else(|| {
            Refused::malformed(
                vec!["operationName".into()],
                match name {
                    Some(_) => both!(
                        "Le document n'a pas d'opération de ce nom.",
                        "The document has no operation of that name."
                    ),
                    None => both!(
                        "Le document a plusieurs opérations : nommez celle à exécuter.",
                        "The document has several operations: name the one to run."
                    ),
                },
            )
        })
    }

    /// Whether an operation asks for nothing but what the schema tells about itself.
    pub fn is_introspection(&self, operation: &OperationDefinition) -> bool {
        self.roots(operation).into_iter().all(|name| name.starts_with("__"))
    }

    /// The names of the fields at the root of an operation, those of fragments included: each fragment
    /// is looked into once, however often it is spread.
    pub fn roots<'d>(&'d self, operation: &'d OperationDefinition) -> Vec<&'d Name> {
        let mut names = Vec::new();
        self.collect_roots(&operation.selection_set.node, &mut names, &mut HashSet::new());
        names
    }

    fn collect_roots<'d>(&'d self, set: &'d SelectionSet, names: &mut Vec<&'d Name>, seen: &mut HashSet<&'d str>) {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => names.push(&field.node.name.node),
                Selection::InlineFragment(inline) => self.collect_roots(&inline.node.selection_set.node, names, seen),
                Selection::FragmentSpread(spread) => {
                    let name = &spread.node.fragment_name.node;
                    if let Some(fragment) = self.parsed.fragments.get(name)
                        && seen.insert(name)
                    {
                        self.collect_roots(&fragment.node.selection_set.node, names, seen);
                    }
                }
            }
        }
    }
}

/// The parser's own text repeats the whole line: what was expected, and the place, are enough.
fn unreadable(error: parser::Error, limits: &Limits) -> Refused {
    let at = error.positions().next();
    let refused = match error {
        parser::Error::RecursionLimitExceeded => Refused::excess(Limit::Nesting, limits),
        parser::Error::Syntax { message, .. } => {
            let expected = message.rsplit(" = ").next().unwrap_or_default().trim().replace('_', " ");
            Refused::malformed(Vec::new(), both!("Erreur de syntaxe : {expected}.", "Syntax error: {expected}."))
        }
        other => {
            let text = other.to_string();
            Refused::malformed(Vec::new(), both!("Erreur de syntaxe : {text}.", "Syntax error: {text}."))
        }
    };
    match at {
        Some(at) => refused.at(at),
        None => refused,
    }
}

/// What a selection comes to once every fragment is in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Fields and fragments: whatever is gone through one by one.
    selections: usize,
    /// Fields of the first level.
    roots: usize,
    /// Aliases.
    aliases: usize,
    /// Directives.
    directives: usize,
    /// Levels of fields, introspection aside.
    depth: usize,
    /// Levels of selections, those of fragments included.
    levels: usize,
    /// What it costs where it is within introspection.
    inside: usize,
    /// Levels of fields, where it is within introspection.
    inside_depth: usize,
    /// What the introspection that begins in it costs.
    introspection: usize,
    /// Levels of fields of the introspection that begins in it.
    introspection_depth: usize,
}

impl Size {
    /// Puts two selections side by side.
    fn beside(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            roots: self.roots.saturating_add(other.roots),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            depth: self.depth.max(other.depth),
            levels: self.levels.max(other.levels),
            inside: self.inside.saturating_add(other.inside),
            inside_depth: self.inside_depth.max(other.inside_depth),
            introspection: self.introspection.saturating_add(other.introspection),
            introspection_depth: self.introspection_depth.max(other.introspection_depth),
        }
    }

    /// One level down, in a fragment.
    fn within(self, directives: usize) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            levels: self.levels + 1,
            directives: self.directives.saturating_add(directives),
            ..self
        }
    }

    /// One level down, in a field.
    fn under(self, field: &Field) -> Self {
        let below = Self { levels: self.levels + 1, ..self };
        let is_introspection = matches!(field.name.node.as_str(), "__schema" | "__type");
        let inside = usual_length(&field.name.node).saturating_mul(below.inside.saturating_add(1));
        let inside_depth = below.inside_depth + 1;
        Self {
            selections: below.selections.saturating_add(1),
            roots: 1,
            aliases: below.aliases.saturating_add(field.alias.is_some().into()),
            directives: below.directives.saturating_add(field.directives.len()),
            depth: if is_introspection { 1 } else { below.depth + 1 },
            inside,
            inside_depth,
            introspection: if is_introspection { inside } else { below.introspection },
            introspection_depth: if is_introspection { inside_depth } else { below.introspection_depth },
            ..below
        }
    }

    fn check(self, limits: &Limits, at: Pos) -> Result<(), Refused> {
        let counts = [
            (Limit::Fields, self.selections),
            (Limit::Aliases, self.aliases),
            (Limit::Directives, self.directives),
            (Limit::Nesting, self.levels),
            (Limit::Depth, self.depth),
            (Limit::IntrospectionDepth, self.introspection_depth),
            (Limit::Introspection, self.introspection),
        ];
        match counts.into_iter().find(|(limit, count)| *count > limit.most(limits)) {
            Some((limit, _)) => Err(Refused::excess(limit, limits).at(at)),
            None => Ok(()),
        }
    }
}

/// How long the lists of the introspection types usually are.
fn usual_length(field: &str) -> usize {
    match field {
        "types" => 200,
        "fields" | "inputFields" | "enumValues" | "possibleTypes" => 10,
        "directives" => 5,
        "args" | "interfaces" => 3,
        _ => 1,
    }
}

/// Measures every operation, and every fragment for itself: validation goes through all of them.
fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<(), Refused> {
    if document.operations.iter().len() > limits.operations {
        return Err(Refused::excess(Limit::Operations, limits));
    }
    let mut measure = Measure { document, limits, fragments: HashMap::new() };
    let mut selections = 0_usize;
    for name in document.fragments.keys() {
        selections = selections.saturating_add(measure.fragment(name, Pos::default(), 0)?.selections);
    }
    for (_, operation) in document.operations.iter() {
        let OperationDefinition { selection_set, directives, variable_definitions, .. } = &operation.node;
        let declared = variable_definitions.iter().map(|variable| variable.node.directives.len()).sum::<usize>();
        let mut size = measure.set(&selection_set.node, 0)?;
        size.directives = size.directives.saturating_add(directives.len()).saturating_add(declared);
        size.check(limits, operation.pos)?;
        if size.roots > limits.root_fields {
            return Err(Refused::excess(Limit::RootFields, limits).at(operation.pos));
        }
        selections = selections.saturating_add(size.selections);
    }
    if selections > limits.fields {
        return Err(Refused::excess(Limit::Fields, limits));
    }
    Ok(())
}

struct Measure<'d> {
    document: &'d ExecutableDocument,
    limits: &'d Limits,
    /// The fragments measured; without a size: being measured.
    fragments: HashMap<&'d str, Option<Size>>,
}

impl<'d> Measure<'d> {
    /// `level` counts the recursion, which fragments that spread each other drive as deep as they are many.
    fn set(&mut self, set: &'d SelectionSet, level: usize) -> Result<Size, Refused> {
        let mut all = Size::default();
        for selection in &set.items {
            if level >= self.limits.nesting {
                return Err(Refused::excess(Limit::Nesting, self.limits).at(selection.pos));
            }
            all = all.beside(self.selection(selection, level + 1)?);
        }
        Ok(all)
    }

    fn selection(&mut self, selection: &'d Positioned<Selection>, level: usize) -> Result<Size, Refused> {
        Ok(match &selection.node {
            Selection::Field(field) => self.set(&field.node.selection_set.node, level)?.under(&field.node),
            Selection::InlineFragment(inline) => {
                self.set(&inline.node.selection_set.node, level)?.within(inline.node.directives.len())
            }
            Selection::FragmentSpread(spread) => {
                let name = spread.node.fragment_name.node.as_str();
                match self.fragments.get(name) {
                    Some(None) => return Err(circle(name).at(spread.pos)),
                    Some(Some(size)) => *size,
                    None => self.fragment(name, spread.pos, level)?,
                }
                .within(spread.node.directives.len())
            }
        })
    }

    /// A fragment that is not there is refused at once: it would come to nothing, however often it is spread.
    fn fragment(&mut self, name: &str, at: Pos, level: usize) -> Result<Size, Refused> {
        let Some((name, fragment)) = self.document.fragments.get_key_value(name) else {
            return Err(unknown(name).at(at));
        };
        if let Some(Some(size)) = self.fragments.get(name.as_str()) {
            return Ok(*size);
        }
        self.fragments.insert(name, None);
        let mut size = self.set(&fragment.node.selection_set.node, level)?.within(fragment.node.directives.len());
        if fragment.node.type_condition.node.on.node.starts_with("__") {
            // It lies within introspection, wherever it is spread.
            size.depth = 0;
            size.introspection_depth = size.introspection_depth.max(size.inside_depth);
        }
        size.check(self.limits, fragment.pos)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
}

fn unknown(name: &str) -> Refused {
    Refused::malformed(
        Vec::new(),
        both!("Le fragment «{name}» n'est pas défini.", "The fragment «{name}» is not defined."),
    )
}

fn circle(name: &str) -> Refused {
    Refused::malformed(
        Vec::new(),
        both!("Le fragment «{name}» se contient lui-même.", "The fragment «{name}» contains itself."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_of(text: &str, limits: &Limits) -> Option<Limit> {
        Document::read(text, limits).err().and_then(|refused| refused.limit())
    }

    fn message_of(text: &str) -> String {
        let refused = Document::read(text, &Limits::default()).unwrap_err();
        refused.into_error(::entity::vocabulary::Language::En).message
    }

    fn sized(text: &str) -> Size {
        let parsed = parse_query(text).unwrap();
        let limits = Limits::default();
        let mut measure = Measure { document: &parsed, limits: &limits, fragments: HashMap::new() };
        let operation = parsed.operations.iter().next().unwrap().1;
        measure.set(&operation.node.selection_set.node, 0).unwrap()
    }

    #[test]
    fn fragments_are_counted_as_often_as_they_are_spread() {
        let Size { selections, roots, aliases, directives, depth, levels, .. } =
            sized("{ a { ...F } b: c @x { ...F @y ... on T @z { d } } } fragment F on T @w { e f: g { h } }");
        // Nine fields; two spreads with a fragment behind each, and one fragment without a name.
        assert_eq!((selections, roots, aliases, directives), (14, 2, 3, 5));
        // a, the spread, its fragment's f, h: an inner set is a level, a spread is one too.
        assert_eq!((depth, levels), (3, 5));
    }

    #[test]
    fn introspection_is_measured_for_itself() {
        let size = sized("{ a { b } __schema { types { fields { name } } } }");
        assert_eq!((size.depth, size.introspection_depth), (2, 4));
        assert_eq!(size.introspection, 1 + 200 * (1 + 10 * 2));
        assert_eq!(sized("{ a { types { fields { name } } } }").introspection, 0);
        let limits = Limits { depth: 2, introspection_depth: 4, ..Limits::default() };
        assert_eq!(limit_of("{ a { b } __schema { types { fields { name } } } }", &limits), None);
        assert_eq!(limit_of("{ a { b { c } } }", &limits), Some(Limit::Depth));
        let of_a_type =
            |fields: &str| format!("{{ __schema {{ types {{ name }} }} }} fragment F on __Type {{ {fields} }}");
        assert_eq!(limit_of(&of_a_type("ofType { ofType { ofType { name } } }"), &limits), None);
        let deeper = of_a_type("ofType { ofType { ofType { ofType { name } } } }");
        assert_eq!(limit_of(&deeper, &limits), Some(Limit::IntrospectionDepth));
        assert_eq!(
            limit_of("{ __schema { types { fields { type { name } } } } }", &limits),
            Some(Limit::IntrospectionDepth)
        );
    }

    #[test]
    fn fragments_that_double_are_measured_at_once() {
        let doubling: String =
            (0..40).map(|n| format!("fragment F{n} on T {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
        let text = format!("{{ ...F0 }} {doubling} fragment F40 on T {{ a }}");
        let begun = std::time::Instant::now();
        assert_eq!(limit_of(&text, &Limits::default()), Some(Limit::Fields));
        assert!(begun.elapsed().as_millis() < 200);
    }

    #[test]
    fn a_fragment_that_is_not_there_is_refused_at_once() {
        let bomb = |last: &str| {
            let spreads = |n: usize| format!("...F{n} ").repeat(10);
            let chain: String = (0..20).map(|n| format!("fragment F{n} on T {{ {} }} ", spreads(n + 1))).collect();
            format!("{{ ...F0 }} {chain} fragment F20 on T {{ {last} }}")
        };
        let begun = std::time::Instant::now();
        assert!(message_of(&bomb("...Missing")).contains("«Missing» is not defined"));
        assert!(message_of("{ a } fragment F on T { ...Missing }").contains("not defined"));
        assert!(limit_of(&bomb("a"), &Limits { tokens: 10_000, ..Limits::default() }) == Some(Limit::Fields));
        assert!(begun.elapsed().as_millis() < 500);
    }

    #[test]
    fn every_spread_counts() {
        let text = format!("{{ {} }} fragment F on T {{ a }}", "...F ".repeat(20));
        let limits = |fields| Limits { fields, ..Limits::default() };
        // Each is a spread, a fragment and a field, and the fragment is measured for itself too.
        assert_eq!(limit_of(&text, &limits(61)), Some(Limit::Fields));
        assert_eq!(limit_of(&text, &limits(62)), None);
    }

    #[test]
    fn roots_are_looked_for_once_in_each_fragment() {
        let chain: String = (0..40).map(|n| format!("fragment F{n} on T {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
        let parsed = parse_query(format!("{{ ...F0 }} {chain} fragment F40 on T {{ a }}")).unwrap();
        let document = Document { parsed, tokens: 0 };
        assert_eq!(document.roots(document.operation(None).unwrap()), ["a"]);
    }

    #[test]
    fn a_fragment_within_itself_is_refused_used_or_not() {
        for text in [
            "{ ...F } fragment F on T { ...F }",
            "{ a } fragment F on T { ...G } fragment G on T { b { ...F } }",
            "{ a { ... { ...F } } } fragment F on T { ... on T { c { ...F } } }",
        ] {
            assert!(message_of(text).contains("contains itself"), "{text}");
        }
    }

    #[test]
    fn long_chains_of_fragments_do_not_recurse_far() {
        let chain: String = (0..500).map(|n| format!("fragment F{n} on T {{ ...F{} }} ", n + 1)).collect();
        let limits = Limits { tokens: 10_000, ..Limits::default() };
        for first in ["{ ...F0 }", "{ a }", "{ ...F499 }"] {
            let text = format!("{first} {chain} fragment F500 on T {{ a }}");
            assert_eq!(limit_of(&text, &limits), Some(Limit::Nesting), "{first}");
        }
    }

    #[test]
    fn roots_are_found_through_fragments() {
        let text = "query A { a ...F ... { b: c } } query B { d } fragment F on Q { e { f } }";
        let document = Document::read(text, &Limits::default()).unwrap();
        let roots = |name| {
            document.roots(document.operation(Some(name)).unwrap()).into_iter().map(|n| n.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(roots("A"), ["a", "e", "c"]);
        assert_eq!(roots("B"), ["d"]);
        assert!(document.operation(None).is_err() && document.operation(Some("C")).is_err());
    }

    #[test]
    fn syntax_errors_are_short() {
        let text = message_of(&format!("{{ a( }} #{}", "x".repeat(10_000)));
        assert!(text.starts_with("Syntax error: expected") && text.len() < 200, "{text}");
    }
}
