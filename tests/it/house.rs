//! The house itself: doors point downwards, and the README tells of nothing that is not there.

use std::path::Path;

use crate::{
    authz_matrix::rust_files,
    harness::{Trial, trials},
};

pub fn trials() -> Vec<Trial> {
    trials![
        once contexts_use_each_other_through_their_doors_and_downwards_only,
        once rules_and_workflows_know_neither_database_nor_schema,
        once every_path_that_the_readme_names_exists,
        once k15_no_crate_of_ours_has_unsafe_code,
    ]
}

/// The contexts, lowest first: one may use those before it.
const CONTEXTS: [&str; 13] = [
    "identity",
    "crm",
    "catalog",
    "files",
    "work_queue",
    "forecast",
    "budgets",
    "opportunities",
    "orders",
    "administration",
    "access",
    "audit",
    "webhooks",
];

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The code of a file without its tests.
fn code(file: &str) -> String {
    let text = std::fs::read_to_string(file).expect("a source file");
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

async fn contexts_use_each_other_through_their_doors_and_downwards_only() {
    for (level, context) in CONTEXTS.iter().enumerate() {
        let folder = format!("{ROOT}/src/{context}");
        if !Path::new(&folder).exists() {
            continue;
        }
        for file in rust_files(&folder) {
            // What the schema and the addresses show is a graph: there, one may point both ways.
            let is_schema =
                ["types.rs", "query.rs", "mutation.rs", "subscription.rs", "simulation.rs", "lookups.rs", "send.rs"];
            if is_schema.iter().any(|name| file.ends_with(name)) || file.contains("/types/") {
                continue;
            }
            let code = code(&file);
            for above in &CONTEXTS[level + 1..] {
                let upward = code.contains(&format!("crate::{above}::")) || imported(&code).contains(above);
                assert!(!upward, "{file} reaches up to {above}");
            }
        }
    }
}

/// The modules that `use crate::{…}` names, however deep it goes into them.
fn imported(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for list in code.split("use crate::{").skip(1) {
        let (mut depth, mut begin) = (0_usize, 0);
        for (place, sign) in list.char_indices() {
            match sign {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    names.push(list[begin..place].split("::").next().unwrap_or_default().trim());
                    begin = place + 1;
                    if sign == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    names
}

async fn rules_and_workflows_know_neither_database_nor_schema() {
    let knows_nothing_of = |file: &str, foreign: &[&str]| {
        let code = code(file);
        for foreign in foreign {
            assert!(!code.contains(foreign), "{file} knows {foreign}");
        }
    };
    let database = ["sea_orm", "crate::db", "crate::op", "async fn"];
    for context in ["administration", "audit", "crm", "forecast", "opportunities", "orders", "budgets", "webhooks"] {
        let names = [
            "rules.rs",
            "workflow.rs",
            "outcome.rs",
            "past.rs",
            "changes.rs",
            "shares.rs",
            "draft.rs",
            "waterfall.rs",
            "quotas.rs",
            "gates.rs",
            "committee.rs",
        ];
        for pure in names {
            let file = format!("{ROOT}/src/{context}/{pure}");
            if Path::new(&file).exists() {
                knows_nothing_of(&file, &database);
            }
        }
    }
    // What every workflow has in common does not even know how its actions are shown.
    let common = format!("{ROOT}/src/workflow.rs");
    knows_nothing_of(&common, &database);
    knows_nothing_of(&common, &["async_graphql", "graphql::", "db::", "op::Op"]);
}

/// The roots of everything that is compiled here: of the crates, the programs, the trials, the benches.
async fn k15_no_crate_of_ours_has_unsafe_code() {
    let mut roots = Vec::new();
    for folder in ["src", "entity/src", "migration/src", "benches", "tests"] {
        let folder = format!("{ROOT}/{folder}");
        let files = if Path::new(&folder).exists() { rust_files(&folder) } else { Vec::new() };
        let is_root = |file: &String| ["lib.rs", "main.rs"].iter().any(|name| file.ends_with(&format!("/{name}")));
        roots.extend(files.into_iter().filter(is_root));
    }
    assert!(roots.len() >= 6, "{roots:?}");
    for file in roots {
        let text = std::fs::read_to_string(&file).expect("a source file");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{file} does not forbid unsafe code");
    }
}

async fn every_path_that_the_readme_names_exists() {
    let readme = std::fs::read_to_string(format!("{ROOT}/README.md")).expect("a README");
    let named = readme.split('`').skip(1).step_by(2).filter(|word| {
        let is_path =
            word.contains('/') || word.ends_with(".rs") || word.ends_with(".toml") || word.ends_with(".graphql");
        let starts = ["src/", "entity/", "migration/", "tests/", "benches/", "deploy/", ".ci/"];
        is_path && (starts.iter().any(|s| word.starts_with(s)) || ["Cargo.toml", "schema.graphql"].contains(word))
    });
    for path in named {
        assert!(Path::new(&format!("{ROOT}/{path}")).exists(), "the README names {path}, which is not there");
    }
}
