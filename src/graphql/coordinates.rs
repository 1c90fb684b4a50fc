//! What a schema consists of, by coordinate (`Query.orders`, `Query.orders(first:)`, `OrderStatus.DRAFT`), and in
//! what two schemas differ: what a change of the policy gives and takes, told in the words of whoever writes
//! queries. Pure.
//!
//! It reads the schema language as this program prints it: a member to a line, descriptions apart.

use std::collections::BTreeMap;

/// The parts of a schema by coordinate, each with its definition on one line.
pub type Coordinates = BTreeMap<String, String>;

/// How a part of one schema differs from the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub coordinate: String,
    /// Its definition before; none: it is new.
    pub before: Option<String>,
    /// Its definition after; none: it is gone.
    pub after: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { coordinate, before, after } = self;
        match (before, after) {
            (None, Some(new)) => write!(f, "+ {coordinate}  {new}"),
            (Some(old), None) => write!(f, "- {coordinate}  {old}"),
            (old, new) => {
                let [old, new] = [old, new].map(|text| text.as_deref().unwrap_or_default());
                write!(f, "~ {coordinate}  {old}  ->  {new}")
            }
        }
    }
}

/// In what two schemas differ. The arguments of a field that is new or gone are not named beside it.
#[must_use]
pub fn differences(before: &Coordinates, after: &Coordinates) -> Vec<Difference> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let differs = |name: &String| {
        let (old, new) = (before.get(name), after.get(name));
        (old != new).then(|| Difference { coordinate: name.clone(), before: old.cloned(), after: new.cloned() })
    };
    let is_in_both = |name: &str| before.contains_key(name) && after.contains_key(name);
    let is_told = |name: &str| name.split_once('(').is_none_or(|(field, _)| is_in_both(field));
    let mut differences: Vec<Difference> = names.filter(|name| is_told(name)).filter_map(differs).collect();
    differences.sort_by(|a, b| a.coordinate.cmp(&b.coordinate));
    differences
}

/// The parts of a schema.
#[must_use]
pub fn coordinates(sdl: &str) -> Coordinates {
    let mut reader = Reader::default();
    sdl.lines().for_each(|line| reader.read(line));
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Coordinates,
    is_description: bool,
    /// The type whose members are read.
    of: Option<String>,
    /// The field whose arguments are read.
    field: Option<String>,
}

impl Reader {
    fn read(&mut self, line: &str) {
        let text = line.trim();
        if text == "\"\"\"" {
            self.is_description = !self.is_description;
        } else if !self.is_description && !text.is_empty() {
            self.declared(text);
        }
    }

    fn declared(&mut self, text: &str) {
        match (&self.of, &self.field) {
            (None, _) => self.of_type(text),
            (Some(of), Some(field)) => match text.strip_prefix("): ") {
                Some(ty) => {
                    self.found.insert(format!("{of}.{field}"), format!("{field}: {ty}"));
                    self.field = None;
                }
                None => {
                    let text = text.trim_end_matches(',');
                    let coordinate = format!("{of}.{field}({}:)", name(text));
                    self.found.insert(coordinate, text.to_owned());
                }
            },
            (Some(_), None) if text == "}" => self.of = None,
            (Some(_), None) if text.ends_with('(') => self.field = Some(name(text).to_owned()),
            (Some(of), None) => {
                self.found.insert(format!("{of}.{}", name(text)), text.to_owned());
            }
        }
    }

    /// A type, or the schema with its roots; of directives nothing is told.
    fn of_type(&mut self, text: &str) {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let name = name(rest).to_owned();
        let opens = text.ends_with('{');
        if matches!(kind, "type" | "interface" | "input" | "enum" | "union" | "scalar") {
            self.found.insert(name.clone(), text.trim_end_matches(" {").to_owned());
        }
        if opens {
            self.of = Some(if kind == "schema" { "schema".to_owned() } else { name });
        }
    }
}

/// The name with which a declaration begins.
fn name(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\"\"\"\nAn order {\n\"\"\"\ntype Order implements Node {\n\t\"\"\"\n\tGlobal id.\n\t\"\"\"\n\tid: ID!\n\
        \tlines(\n\t\t\"\"\"\n\t\tSo many.\n\t\t\"\"\"\n\t\tfirst: Int = 20,\n\t\tafter: String\n\t): [Line!]!\n}\n\n\
        enum Status {\n\tDRAFT\n}\n\nscalar Money\n";

    #[test]
    fn a_schema_is_read_by_coordinate() {
        let found: Vec<(String, String)> = coordinates(SMALL).into_iter().collect();
        let expected = [
            ("Money", "scalar Money"),
            ("Order", "type Order implements Node"),
            ("Order.id", "id: ID!"),
            ("Order.lines", "lines: [Line!]!"),
            ("Order.lines(after:)", "after: String"),
            ("Order.lines(first:)", "first: Int = 20"),
            ("Status", "enum Status"),
            ("Status.DRAFT", "DRAFT"),
        ];
        assert_eq!(found, expected.map(|(coordinate, text)| (coordinate.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_difference_names_what_is_new_what_is_gone_and_what_is_another() {
        let before = coordinates(SMALL);
        let later = SMALL.replace("first: Int = 20,", "first: Int,").replace("\tDRAFT", "\tDRAFT\n\tSENT");
        let told =
            |a: &Coordinates, b: &Coordinates| differences(a, b).iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = ["~ Order.lines(first:)  first: Int = 20  ->  first: Int", "+ Status.SENT  SENT"];
        assert_eq!(told(&before, &coordinates(&later)), expected);
        let without = SMALL.split("\tlines(").next().unwrap().to_owned() + "}\n";
        let gone = told(&before, &coordinates(&without));
        assert!(gone.contains(&"- Order.lines  lines: [Line!]!".to_owned()), "{gone:?}");
        assert!(!gone.iter().any(|line| line.contains("first:")), "an argument goes with its field: {gone:?}");
    }
}
