//! The policy as a whole: which role has which field, that nothing is forgotten, and that nothing
//! foreign shows.

use std::collections::{BTreeMap, BTreeSet};

use sesame::{
    authz::{ANONYMOUS, ANYONE, Permission, PermissionSet, Scope, View, policy},
    config::{Partial, Settings},
    graphql::{self, Schemas},
};

use crate::{
    app::TestApp,
    harness::{Backend, Trial, trials},
};

/// The roles of the business, in the order of the table in the specification.
const ROLES: [&str; 7] = ["DELEGATE", "ASSISTANT", "RR", "PDV", "SALES_ADMIN", "DIRECTOR", "PLATFORM_ADMIN"];

pub fn trials() -> Vec<Trial> {
    trials![
        once the_role_by_action_table_is_the_committed_one,
        once every_root_field_has_a_policy_line_and_every_line_a_field,
        once no_foreign_name_shows_in_any_roles_schema,
        once every_schema_is_described_from_end_to_end,
        once the_committed_schema_is_current,
        once no_root_field_is_declared_twice,
        sqlite every_mutation_denied_to_a_role_moves_nothing,
    ]
}

async fn view() -> View {
    View::compile(policy::MODEL, &policy::shipped().expect("lines")).await.expect("a policy")
}

fn schemas() -> Schemas {
    let none = Partial::default();
    Schemas::new(Settings::resolve(&none, &none, &none).limits)
}

fn held(view: &View, role: &str) -> PermissionSet {
    let beside = if role == ANONYMOUS { ANONYMOUS } else { ANYONE };
    view.rights([role, beside]).permissions()
}

async fn the_role_by_action_table_is_the_committed_one() {
    let view = view().await;
    let mut table = format!("{:<24}{:<8}", "action", "step");
    ROLES.iter().for_each(|role| table += &format!("{role:<16}"));
    for permission in Permission::ALL {
        table.truncate(table.trim_end().len());
        table += &format!("\n{:<24}{:<8}", permission.object(), permission.step());
        for role in ROLES {
            let scopes = view.rights([role, ANYONE]).scopes(*permission);
            let names: Vec<&str> = Scope::EACH.into_iter().filter(|s| scopes.contains(*s)).map(Scope::name).collect();
            table += &format!("{:<16}", if names.is_empty() { "–".to_owned() } else { names.join("+") });
        }
    }
    let table = table.trim_end().to_owned() + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots/role_by_action.txt");
    if std::env::var_os("SESAME_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &table).expect("a written snapshot");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == table, "the table differs from {path}; SESAME_UPDATE_SNAPSHOTS=1 writes it:\n{table}");
}

async fn every_root_field_has_a_policy_line_and_every_line_a_field() {
    let schemas = schemas();
    let lines = policy::shipped().expect("lines");
    let granted: BTreeSet<&str> = lines.iter().filter(|l| !l.is_grouping()).map(|l| l.object.as_str()).collect();
    for field in schemas.needs().fields() {
        let needed = schemas.needs().of(field);
        assert!(needed != PermissionSet::default(), "{field} names no permission");
        assert!(needed.iter().any(|p| granted.contains(p.object())), "no role may use {field}");
    }
    let used: BTreeSet<&str> = schemas
        .needs()
        .fields()
        .flat_map(|field| schemas.needs().of(field).iter().map(|p| p.object()).collect::<Vec<_>>())
        .collect();
    // Permissions that no root field needs reach something inside: an action's step or a nested field; or they are
    // about how one asks, not about what.
    let inside = ["readBrokers", "freeFormOperations", "asUser"];
    for object in granted {
        assert!(used.contains(object) || inside.contains(&object), "the policy grants {object}, which no field needs");
    }
}

/// Names that a schema tells: of types, fields, arguments and enum values.
fn names(sdl: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut quoted = false;
    for line in sdl.lines() {
        if line.trim() == "\"\"\"" {
            quoted = !quoted;
        } else if !quoted {
            names.extend(
                line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).map(str::to_owned),
            );
        }
    }
    names
}

async fn no_foreign_name_shows_in_any_roles_schema() {
    let (view, schemas) = (view().await, schemas());
    for role in ROLES.into_iter().chain([ANONYMOUS]) {
        let held = held(&view, role);
        let sdl = graphql::sdl(&schemas, held);
        let names = names(&sdl);
        for field in schemas.needs().fields() {
            let opens = schemas.needs().of(field).iter().any(|p| held.contains(p));
            if !opens {
                let pascal = field[..1].to_uppercase() + &field[1..];
                for foreign in [format!("{pascal}Payload"), format!("{pascal}Error"), format!("{pascal}ErrorCode")] {
                    assert!(!names.contains(&foreign), "{role} sees {foreign}");
                }
                let mentioned =
                    sdl.lines().any(|l| l.starts_with('\t') && l.trim_start().starts_with(&format!("{field}(")));
                assert!(!mentioned, "{role} sees {field}");
            }
        }
        assert!(!sdl.contains("@requires"), "{role} sees names of permissions");
    }
    let admin = names(&graphql::sdl(&schemas, held(&view, "PLATFORM_ADMIN")));
    for business in
        ["Order", "Envelope", "WorkItem", "Account", "OrderStatus", "BudgetFamily", "APPROVE", "GoodwillGesture"]
    {
        assert!(!admin.contains(business), "platform administration sees {business}");
    }
    let delegate = names(&graphql::sdl(&schemas, held(&view, "DELEGATE")));
    for foreign in ["APPROVE", "SEND_PROOF", "ChangePolicyInput", "PolicyLineInput"] {
        assert!(!delegate.contains(foreign), "a delegate sees {foreign}");
    }
}

async fn every_schema_is_described_from_end_to_end() {
    let sdl = graphql::sdl(&schemas(), PermissionSet::all());
    let lines: Vec<&str> = sdl.lines().collect();
    let mut quoted = false;
    let mut bare = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let text = line.trim();
        if text == "\"\"\"" {
            quoted = !quoted;
            continue;
        }
        let declares = text.starts_with("type ")
            || text.starts_with("input ")
            || text.starts_with("enum ")
            || text.starts_with("interface ")
            || text.starts_with("scalar ")
            || (line.starts_with('\t') && !text.is_empty() && !text.starts_with(['}', ')']));
        let in_schema = lines[..place].iter().rev().find(|l| l.ends_with('{')).is_some_and(|l| l.starts_with("schema"));
        if !quoted && declares && !in_schema && lines[place - 1].trim() != "\"\"\"" {
            bare.push(*line);
        }
        // An argument with a description stands on a line of its own; those of GraphQL's directives have none.
        if !quoted && line.starts_with('\t') && text.contains('(') && text.contains("): ") {
            bare.push(*line);
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}

async fn the_committed_schema_is_current() {
    let committed = include_str!("../../schema.graphql");
    let printed = graphql::sdl(&schemas(), PermissionSet::all());
    assert!(committed == printed, "schema.graphql is not current: cargo run -- schema > schema.graphql");
}

async fn no_root_field_is_declared_twice() {
    // async-graphql's merging overwrites a name declared twice without a word: count the declarations.
    let mut declared: BTreeMap<String, usize> = BTreeMap::new();
    let schemas = schemas();
    for file in rust_files(concat!(env!("CARGO_MANIFEST_DIR"), "/src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let is_root = ["mutation.rs", "query.rs", "subscription.rs", "node.rs"].iter().any(|name| file.ends_with(name));
        if !is_root && !file.contains("/mutation/") {
            continue;
        }
        let mut root = false;
        for line in text.lines() {
            if let Some(implemented) = line.strip_prefix("impl ") {
                let name = implemented.trim_end_matches(" {");
                root = ["Query", "Mutation", "Subscription"].iter().any(|kind| name.ends_with(kind));
            }
            if let Some(declaration) = line.strip_prefix("    async fn ").filter(|_| root) {
                *declared.entry(camel_case(declaration)).or_default() += 1;
            }
        }
    }
    for field in schemas.needs().fields() {
        assert!(
            declared.get(field).is_some_and(|times| *times == 1),
            "{field} is declared {:?} times",
            declared.get(field)
        );
    }
}

/// The field's name of a resolver's declaration.
fn camel_case(declaration: &str) -> String {
    let name = declaration.split(['(', '<']).next().unwrap_or_default();
    let word = |(place, word): (usize, &str)| match place {
        0 => word.to_owned(),
        _ => word[..1].to_uppercase() + &word[1..],
    };
    name.split('_').enumerate().map(word).collect()
}

pub fn rust_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(path.to_str().expect("a path")));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path.to_str().expect("a path").to_owned());
        }
    }
    files
}

async fn every_mutation_denied_to_a_role_moves_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (view, whole) = (view().await, graphql::sdl(&app.app.schemas, PermissionSet::all()));
    let mutation = whole.split("type Mutation {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("mutations");
    let fields: Vec<&str> = mutation
        .lines()
        .filter(|l| l.starts_with('\t') && l[1..].starts_with(char::is_alphabetic) && l.contains('('))
        .map(|l| l.trim().split('(').next().unwrap_or_default())
        .collect();
    assert!(fields.len() > 25, "{fields:?}");
    let people = [
        ("delegate", "DELEGATE"),
        ("assistant", "ASSISTANT"),
        ("rr", "RR"),
        ("pdv", "PDV"),
        ("sales-admin", "SALES_ADMIN"),
        ("director", "DIRECTOR"),
        ("platform-admin", "PLATFORM_ADMIN"),
    ];
    let before = app.everything().await;
    for (person, role) in people {
        for field in &fields {
            if app.app.schemas.needs().of(field).intersects(held(&view, role)) {
                continue;
            }
            let reply = app
                .person(person)
                .ask(&format!("mutation {{ {field}(input: {{}}) {{ __typename }} }}"), serde_json::json!({}))
                .await;
            assert_eq!(reply.error(), "BAD_USER_INPUT", "{role} {field}");
            assert!(reply.message().contains("Unknown field"), "{role} {field}: {}", reply.message());
        }
    }
    assert!(before == app.everything().await, "something moved");
}
