//! The schema as somebody sees it, walked: types, fields, arguments, and texts of queries made from them.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// Everything that the walks have to know of a schema.
pub const INTROSPECTION: &str = "{ __schema { queryType { name } mutationType { name } subscriptionType { name } \
    types { kind name fields { name args { ...A } type { ...T } } inputFields { ...A } enumValues { name } \
    possibleTypes { name } } } } \
    fragment A on __InputValue { name defaultValue type { ...T } } \
    fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// What a field or an argument is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Of {
    /// The type behind lists and exclamation marks.
    pub name: String,
    /// Its kind.
    pub kind: String,
    pub is_list: bool,
    pub is_required: bool,
}

impl Of {
    fn read(ty: &Value) -> Self {
        let is_required = ty["kind"] == "NON_NULL";
        let (mut of, mut is_list) = (ty, false);
        while !of["ofType"].is_null() {
            is_list |= of["kind"] == "LIST";
            of = &of["ofType"];
        }
        Self { name: text(&of["name"]), kind: text(&of["kind"]), is_list, is_required }
    }

    /// Whether something has to be selected in it.
    pub fn has_fields(&self) -> bool {
        matches!(self.kind.as_str(), "OBJECT" | "INTERFACE" | "UNION")
    }
}

/// An argument, or a field of an input.
#[derive(Clone, Debug)]
pub struct Argument {
    pub name: String,
    pub of: Of,
    /// Whether it has to be given.
    pub is_required: bool,
}

impl Argument {
    fn read(argument: &Value) -> Self {
        let of = Of::read(&argument["type"]);
        let is_required = of.is_required && argument["defaultValue"].is_null();
        Self { name: text(&argument["name"]), of, is_required }
    }
}

/// A field as the schema tells it.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub of: Of,
    pub arguments: Vec<Argument>,
}

impl Field {
    fn read(field: &Value) -> Self {
        let arguments = each(&field["args"], Argument::read);
        Self { name: text(&field["name"]), of: Of::read(&field["type"]), arguments }
    }

    /// Arguments that have to be given.
    pub fn required(&self) -> Vec<&str> {
        self.arguments.iter().filter(|argument| argument.is_required).map(|argument| argument.name.as_str()).collect()
    }
}

/// A type as the schema tells it.
#[derive(Clone, Debug)]
pub struct Type {
    pub kind: String,
    pub name: String,
    pub fields: Vec<Field>,
    pub inputs: Vec<Argument>,
    pub values: Vec<String>,
    pub possible: Vec<String>,
}

impl Type {
    fn read(ty: &Value) -> Self {
        Self {
            kind: text(&ty["kind"]),
            name: text(&ty["name"]),
            fields: each(&ty["fields"], Field::read),
            inputs: each(&ty["inputFields"], Argument::read),
            values: each(&ty["enumValues"], |value| text(&value["name"])),
            possible: each(&ty["possibleTypes"], |of| text(&of["name"])),
        }
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn each<T>(list: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    list.as_array().into_iter().flatten().map(read).collect()
}

/// A schema as somebody sees it.
#[derive(Clone, Debug)]
pub struct Schema {
    pub types: BTreeMap<String, Type>,
    /// Names of the types at the root of queries, mutations and subscriptions, as far as there are any.
    pub roots: [Option<String>; 3],
}

impl Schema {
    /// Reads the answer to [`INTROSPECTION`].
    pub fn read(data: &Value) -> Self {
        let schema = &data["__schema"];
        let types = each(&schema["types"], Type::read).into_iter().filter(|ty| !ty.name.starts_with("__"));
        let roots = ["queryType", "mutationType", "subscriptionType"];
        Self {
            types: types.map(|ty| (ty.name.clone(), ty)).collect(),
            roots: roots.map(|root| schema[root]["name"].as_str().map(str::to_owned)),
        }
    }

    /// The fields at one of the roots: 0 of queries, 1 of mutations, 2 of subscriptions.
    pub fn root(&self, root: usize) -> &[Field] {
        let ty = self.roots[root].as_ref().and_then(|name| self.types.get(name));
        ty.map(|ty| ty.fields.as_slice()).unwrap_or_default()
    }

    /// The fields of a type.
    pub fn fields(&self, of: &str) -> &[Field] {
        self.types.get(of).map(|ty| ty.fields.as_slice()).unwrap_or_default()
    }

    /// Everything of a type that needs no arguments, and as much of what it points to; how many objects that is.
    pub fn selection(&self, of: &str, levels: usize) -> (String, usize) {
        let (mut text, mut objects) = (String::from("__typename "), 0);
        let plain = |field: &&Field| field.required().is_empty() && !field.of.name.ends_with("Connection");
        for field in self.fields(of).iter().filter(plain) {
            if !field.of.has_fields() {
                text += &format!("{} ", field.name);
            } else if levels > 0 {
                let (below, more) = self.selection(&field.of.name, levels - 1);
                text += &format!("{} {{ {below} }} ", field.name);
                objects += 1 + more;
            }
        }
        (text, objects)
    }

    /// A field with the least that has to be given to it.
    pub fn call(&self, field: &Field) -> String {
        let given = field.arguments.iter().filter(|argument| argument.is_required);
        let given: Vec<String> = given.map(|it| format!("{}: {}", it.name, written(&self.value(&it.of)))).collect();
        if given.is_empty() { field.name.clone() } else { format!("{}({})", field.name, given.join(", ")) }
    }

    /// A field with the least that has to be given to it, and the least selected in it.
    pub fn least(&self, field: &Field) -> String {
        let selected = if field.of.has_fields() { " { __typename }" } else { "" };
        self.call(field) + selected
    }

    /// The least that is a value of a type; an input tries out where it can.
    pub fn value(&self, of: &Of) -> Value {
        if of.is_list {
            return json!([]);
        }
        let Some(ty) = self.types.get(&of.name) else { return json!("x") };
        match (ty.kind.as_str(), ty.name.as_str()) {
            ("INPUT_OBJECT", _) => {
                let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
                for field in ty.inputs.iter().filter(|field| field.is_required) {
                    fields.insert(&field.name, self.value(&field.of));
                }
                if ty.inputs.iter().any(|field| field.name == "dryRun") {
                    fields.insert("dryRun", json!(true));
                }
                json!(fields)
            }
            ("ENUM", _) => json!({ ENUM: ty.values.first() }),
            (_, "Int") => json!(1),
            (_, "Float") => json!(1.5),
            (_, "Boolean") => json!(true),
            (_, "Money" | "Decimal" | "Percent") => json!("1.00"),
            (_, "Date") => json!("2026-03-16"),
            (_, "DateTime") => json!("2026-03-16T10:00:00+01:00"),
            (_, "Quarter") => json!("2026-Q1"),
            (_, "Email") => json!("nobody@test.example"),
            (_, "Siren") => json!("732829320"),
            (_, "Siret") => json!("73282932000074"),
            (_, "VatNumber") => json!("FR44732829320"),
            (_, "PhoneNumber") => json!("+33261910017"),
            _ => json!("x"),
        }
    }

    /// The ways from a root to each type that can be reached from there: what opens, and how often it has to be
    /// closed again. The shortest of each.
    pub fn ways(&self, root: usize) -> BTreeMap<String, Way> {
        let Some(name) = &self.roots[root] else { return BTreeMap::new() };
        let mut ways = BTreeMap::from([(name.clone(), Way::default())]);
        let mut next = VecDeque::from([name.clone()]);
        while let Some(of) = next.pop_front() {
            let (ty, way) = (&self.types[&of], ways[&of].clone());
            let through = ty.fields.iter().filter(|field| field.of.has_fields());
            let steps = through.map(|field| (self.call(field), field.of.name.clone()));
            let narrowed = ty.possible.iter().map(|name| (format!("... on {name}"), name.clone()));
            for (step, to) in steps.chain(narrowed) {
                if self.types.contains_key(&to) && !ways.contains_key(&to) {
                    ways.insert(to.clone(), way.through(&step));
                    next.push_back(to);
                }
            }
        }
        ways
    }
}

/// A way into a schema.
#[derive(Clone, Debug, Default)]
pub struct Way {
    pub opening: String,
    pub levels: usize,
}

impl Way {
    fn through(&self, step: &str) -> Self {
        Self { opening: format!("{}{step} {{ ", self.opening), levels: self.levels + 1 }
    }

    /// Something at the end of it.
    pub fn around(&self, inside: &str) -> String {
        format!("{}{inside}{}", self.opening, " }".repeat(self.levels))
    }
}

/// Marks an enum's value among JSON.
const ENUM: &str = "\u{1}enum";

/// A value as a document writes it.
pub fn written(value: &Value) -> String {
    match value {
        Value::Object(fields) if fields.contains_key(ENUM) => fields[ENUM].as_str().unwrap_or("NONE").to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}: {}", written(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        plain => plain.to_string(),
    }
}
