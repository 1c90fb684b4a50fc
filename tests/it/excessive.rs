//! Requests that ask for too much.

use serde_json::{Value, json};

/// Requests that each exceed one limit, by its name.
pub fn excessive() -> Vec<(&'static str, Value)> {
    let viewer = "viewer { user { code } }";
    let chain: String = (0..60).map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1)).collect();
    let doubling: String =
        (0..30).map(|n| format!("fragment F{n} on Query {{ ...F{m} ...F{m} }} ", m = n + 1)).collect();
    let nested = |open: &str, close: &str, levels| format!("{}{}", open.repeat(levels), close.repeat(levels));
    let often: String = (0..40)
        .map(|n| format!("s{n}: __schema {{ types {{ fields {{ args {{ name type {{ name }} }} }} }} }} "))
        .collect();
    let query = |text: String| json!({ "query": text });
    let with = |variables: Value| json!({ "query": "query($v: [String!]) { __typename @include(if: true) }", "variables": { "v": variables } });
    let mut deep_value = json!(1);
    for _ in 0..60 {
        deep_value = json!([deep_value]);
    }
    vec![
        ("document_bytes", query(format!("{{ {viewer} }} {}", "#".repeat(300_000)))),
        ("nesting", query(format!("{{ node(id: {}) {{ id }} }}", nested("[", "]", 60)))),
        ("nesting", query(format!("{{ node(id: {}) {{ id }} }}", nested("{a:", "}", 60)))),
        ("nesting", query(format!("query($v: {}) {{ a }}", nested("[", "]", 60)))),
        ("nesting", query(format!("{{ ...F0 }} {chain} fragment F60 on Query {{ __typename }}"))),
        ("nesting", with(deep_value)),
        ("tokens", query(format!("{{ {viewer} {} }}", "a ".repeat(6_000)))),
        ("name_length", query(format!("{{ {} }}", "a".repeat(300)))),
        ("name_length", query(format!("{{ node(id: {}) {{ id }} }}", "9".repeat(300)))),
        ("string_bytes", with(json!(["x".repeat(300_000)]))),
        ("operations", query((0..60).map(|n| format!("query Q{n} {{ {viewer} }} ")).collect())),
        ("root_fields", query(format!("{{ {} }}", format!("{viewer} ").repeat(60)))),
        ("fields", query(format!("{{ ...F0 }} {doubling} fragment F30 on Query {{ __typename }}"))),
        ("aliases", query(format!("{{ viewer {{ {} }} }}", (0..600).map(|n| format!("a{n}: __typename ")).collect::<String>()))),
        ("directives", query(format!("{{ viewer {{ {} }} }}", "__typename @skip(if: false) ".repeat(250)))),
        ("directives", query(format!("{{ __typename {} }}", "@skip(if: false) ".repeat(250)))),
        ("depth", query(nested("{ a ", "}", 25))),
        ("introspection_depth", query(format!("{{ __schema {{ queryType {{ {} name {} }} }} }}", "ofType { ".repeat(30), "} ".repeat(30)))),
        ("introspection", query("{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }".into())),
        ("introspection", query(format!("{{ {often} }}"))),
        ("complexity", query("{ a(first: 100) { nodes { b(first: 100) { nodes { c d } } } } }".into())),
        ("values", with(json!(vec!["x"; 60_000]))),
    ]
}
