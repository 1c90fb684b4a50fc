//! The audit chain (G-20, G-21).

use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use sesame::{audit, check};
use sha2::{Digest, Sha256};

use crate::{
    app::{Client, Reply, TestApp, monday},
    harness::{Backend, Trial, trials},
    network::{account, leaflets, person, sponsorship},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g20_the_chain_is_sealed_behind_the_commits_and_says_where_it_breaks,
        both g20_events_are_never_changed,
        postgres(threads = 2) g21_one_seals_at_a_time,
        both g20_the_log_tells_who_did_what_to_what,
        both g20_the_log_is_found_by_each_of_its_filters,
        both g20_pages_of_the_log_go_on_where_they_ended,
        both g20_the_chain_is_verified_from_outside,
        both g20_a_part_of_the_chain_is_verified_and_names_the_break,
        both g20_the_log_is_for_those_who_may_read_it,
        both g20_each_filter_has_its_index,
    ]
}

async fn some_events(app: &TestApp) {
    for _ in 0..4 {
        let order = app.delegate().submitted(sponsorship("300.00")).await;
        app.rr().validate(&order, "APPROVE").await.good();
    }
}

async fn sealed(app: &TestApp) {
    let begun = Instant::now();
    while app.number("SELECT COUNT(*) FROM event WHERE seal IS NULL").await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "events are not sealed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn findings(app: &TestApp) -> Vec<String> {
    let report = check::run(&app.app.database).await.expect("a check");
    report.findings.iter().map(|finding| format!("{}: {}", finding.rule, finding.text)).collect()
}

async fn g20_the_chain_is_sealed_behind_the_commits_and_says_where_it_breaks(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    sealed(&app).await;
    assert_eq!(findings(&app).await, [""; 0]);
    // Somebody with the rights of the database itself changes the past.
    let unlock = match backend {
        Backend::Sqlite => "DROP TRIGGER event_is_not_changed",
        Backend::Postgres => "DROP TRIGGER event_is_kept ON event",
    };
    app.execute(unlock).await;
    app.execute("UPDATE event SET actor_id = 8 WHERE position = 3").await;
    let found = findings(&app).await;
    assert!(found.len() == 1 && found[0].starts_with("G-20: event at position 3: seal is "), "{found:?}");
}

async fn g20_events_are_never_changed(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    sealed(&app).await;
    for sql in [
        "UPDATE event SET reason = 'x' WHERE position = 2",
        "UPDATE event SET position = 77 WHERE position = 2",
        "UPDATE event SET seal = NULL",
        "DELETE FROM event WHERE position = 2",
    ] {
        let refused = app.app.database.writer().execute_unprepared(sql).await.expect_err(sql).to_string();
        assert!(refused.contains("never"), "{sql}: {refused}");
    }
}

/// As on several processes: whoever comes while another seals has nothing to do.
async fn g21_one_seals_at_a_time(backend: Backend) {
    let app = TestApp::start(backend).await;
    let database = &app.app.database;
    let seal = async || audit::seal_some(database).await.expect("a pass");
    for _ in 0..5 {
        some_events(&app).await;
        futures_util::future::join_all((0..8).map(|_| seal())).await;
    }
    sealed(&app).await;
    assert_eq!(findings(&app).await, [""; 0]);
}

/// Entries of the log as somebody sees them.
async fn log(client: &Client<'_>, filter: &str, fields: &str) -> Vec<Value> {
    let reply = client
        .ask(&format!("{{ auditLog(first: 100, filter: {filter}) {{ nodes {{ {fields} }} }} }}"), json!({}))
        .await;
    reply.data()["auditLog"]["nodes"].as_array().expect("entries").clone()
}

async fn g20_the_log_tells_who_did_what_to_what(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(leaflets(10)).await;
    let update = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { userErrors { message } } }";
    let input = json!({ "id": person("delegate2"), "expectedVersion": 1, "givenName": "Claude" });
    let reply = app.person("platform-admin").ask(update, json!({ "input": input })).await;
    assert_eq!(reply.data()["updateUser"]["userErrors"], json!([]));
    let fields = "id at action actor { id } onBehalfOf { id } roles objectType objectId object { id __typename }
        fromStatus toStatus reason policyVersion requestId changes { path kind before after }";
    let (admin, sales) = (app.person("platform-admin"), app.person("sales-admin"));
    let submitted = log(&sales, "{ action: { eq: \"order.submitted\" } }", fields).await;
    assert_eq!(submitted.len(), 1);
    let entry = &submitted[0];
    assert_eq!((&entry["actor"]["id"], &entry["roles"]), (&json!(person("delegate")), &json!(["DELEGATE"])));
    assert_eq!(entry["object"], json!({ "id": order.id, "__typename": "Order" }));
    assert_eq!((&entry["fromStatus"], &entry["toStatus"]), (&json!("DRAFT"), &json!("PENDING_PDV")));
    let change = |path: &str| {
        let changes = entry["changes"].as_array().expect("changes");
        changes.iter().find(|c| c["path"] == json!([path])).unwrap_or_else(|| panic!("{entry:#}")).clone()
    };
    let told = |path: &str, kind: &str, before: Value, after: Value| json!({ "path": [path], "kind": kind, "before": before, "after": after });
    assert_eq!(change("committed"), told("committed", "AMOUNT", json!("0.00"), json!("15.00")));
    assert_eq!(change("submitter"), told("submitter", "ID", json!(null), json!(person("delegate"))));
    assert_eq!(change("autoValidated"), told("autoValidated", "BOOLEAN", json!("false"), json!("true")));
    // Platform administration reads the same log, but has no orders.
    let theirs = log(&admin, "{ action: { eq: \"order.submitted\" } }", fields).await;
    let mut without = entry.clone();
    without["object"] = json!(null);
    assert_eq!(theirs, [without]);
    let updated = log(&admin, "{ objectType: { eq: \"Person\" } }", fields).await;
    assert_eq!(updated[0]["object"]["id"], json!(person("delegate2")));
    assert_eq!(updated[0]["changes"], json!([told("givenName", "TEXT", json!("Camille"), json!("Claude"))]));
    let node = sales
        .ask("query($id: ID!) { node(id: $id) { ... on AuditEntry { action } } }", json!({ "id": entry["id"] }))
        .await;
    assert_eq!(node.data()["node"]["action"], "order.submitted");
    let strange = app.delegate().ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": entry["id"] })).await;
    assert_eq!(strange.data()["node"], json!(null));
}

async fn g20_the_log_is_found_by_each_of_its_filters(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    app.clock.set(monday() + chrono::Duration::hours(1));
    let input = json!({ "deputy": person("delegate"), "firstDay": "2026-03-16", "lastDay": "2026-03-20" });
    let name = "mutation($input: NameDeputyInput!) { nameDeputy(input: $input) { userErrors { code } } }";
    app.delegate2().ask(name, json!({ "input": input })).await.data();
    let own = json!({ "onBehalfOf": person("delegate2"), "broker": account(2) });
    let order = app.delegate().draft(crate::network::but(sponsorship("90.00"), own)).await;
    let count = async |filter: &str| {
        let reply = app
            .person("sales-admin")
            .ask(&format!("{{ auditLog(filter: {filter}) {{ totalCount }} }}"), json!({}))
            .await;
        reply.data()["auditLog"]["totalCount"].as_i64().expect("a count")
    };
    let sql = async |condition: &str| app.number(&format!("SELECT COUNT(*) FROM event WHERE {condition}")).await;
    let id = |name| crate::network::person_id(name).0;
    let cases = [
        (format!("{{ actor: {{ eq: \"{}\" }} }}", person("rr")), format!("actor_id = {}", id("rr"))),
        (
            format!("{{ actor: {{ in: [\"{}\", \"{}\"] }} }}", person("rr"), person("delegate2")),
            format!("actor_id IN ({}, {})", id("rr"), id("delegate2")),
        ),
        (
            format!("{{ onBehalfOf: {{ eq: \"{}\" }} }}", person("delegate2")),
            format!("on_behalf_of_id = {}", id("delegate2")),
        ),
        (
            format!("{{ not: {{ onBehalfOf: {{ eq: \"{}\" }} }} }}", person("delegate2")),
            "on_behalf_of_id IS NULL".to_owned(),
        ),
        ("{ role: \"RR\" }".into(), "roles = 'RR'".into()),
        ("{ role: \"SALES_ADMIN\" }".into(), "roles = 'SALES_ADMIN'".into()),
        (
            "{ action: { in: [\"order.approved\", \"order.created\"] } }".into(),
            "kind IN ('order.approved', 'order.created')".into(),
        ),
        (format!("{{ object: \"{}\" }}", order.id), "subject_type = 'Order' AND subject_id = 5".into()),
        ("{ objectType: { eq: \"BudgetYear\" } }".into(), "subject_type = 'BudgetYear'".into()),
        ("{ requestId: \"test\" }".into(), "request_id = 'test'".into()),
        ("{ policyVersion: { eq: 1 } }".into(), "policy_version = 1".into()),
        (
            "{ at: { gte: \"2026-03-16T10:30:00+01:00\" } }".into(),
            "kind IN ('identity.deputy_named') OR subject_id = 5 AND subject_type = 'Order'".into(),
        ),
        (
            "{ or: [{ role: \"RR\" }, { objectType: { eq: \"Deputy\" } }] }".into(),
            "roles = 'RR' OR subject_type = 'Deputy'".into(),
        ),
    ];
    for (filter, condition) in cases {
        let expected = sql(&condition).await;
        assert!(expected > 0, "{condition}");
        assert_eq!(count(&filter).await, expected, "{filter}");
    }
    // A code with a wildcard in it, and one inside another, are not each other.
    for (filter, expected) in
        [("{ role: \"R_\" }", 0), ("{ role: \"ADMIN\" }", 0), ("{ role: \"%\" }", 0), ("{ requestId: \"t\" }", 0)]
    {
        assert_eq!(count(filter).await, expected, "{filter}");
    }
    for bad in [
        "{ object: \"nothing\" }",
        "{ role: \"a\\u0000b\" }",
        "{ action: { eq: \"a\\nb\" } }",
        "{ at: { gte: \"soon\" } }",
    ] {
        let reply =
            app.person("sales-admin").ask(&format!("{{ auditLog(filter: {bad}) {{ totalCount }} }}"), json!({})).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{bad}");
    }
}

async fn g20_pages_of_the_log_go_on_where_they_ended(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    let ask = async |order: &str, after: Value| {
        let query = format!(
            "query($after: String) {{ auditLog(first: 3, after: $after, orderBy: {order}) {{
               nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        app.person("sales-admin").ask(&query, json!({ "after": after })).await.data()["auditLog"].clone()
    };
    let mut read = Vec::new();
    for order in ["AT_DESC", "AT_ASC"] {
        let (mut ids, mut after) = (Vec::new(), json!(null));
        loop {
            let page = ask(order, after).await;
            ids.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["id"].clone()));
            if order == "AT_DESC" {
                // What comes meanwhile is newer: the pages behind stay what they are.
                app.delegate().draft(sponsorship("10.00")).await;
            }
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == json!(false) {
                break;
            }
        }
        read.push(ids);
    }
    let (mut newest, oldest) = (read.remove(0), read.remove(0));
    newest.reverse();
    assert_eq!(newest, oldest[..newest.len()], "the same, the other way round");
    assert!(newest.len() >= 13, "{}", newest.len());
}

async fn g20_the_chain_is_verified_from_outside(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    sealed(&app).await;
    let query = "{ auditLog(first: 100, orderBy: AT_ASC) { nodes { position seal previousSeal sealedText } } }";
    let reply = app.person("platform-admin").ask(query, json!({})).await;
    assert!(reply.statements.expect("statements") <= 3, "{:?}", reply.statements);
    let mut entries = reply.data()["auditLog"]["nodes"].as_array().unwrap().clone();
    entries.sort_by_key(|entry| entry["position"].as_i64());
    assert!(entries.len() > 10);
    let mut previous = String::new();
    for (entry, position) in entries.iter().zip(1..) {
        assert_eq!(entry["position"], json!(position), "no gaps");
        assert_eq!(entry["previousSeal"], json!(previous));
        let text = entry["sealedText"].as_str().unwrap();
        assert!(text.starts_with(&format!("[\"{previous}\",")), "{text}");
        previous = sesame::hex(&Sha256::digest(text));
        assert_eq!(entry["seal"], json!(previous), "anybody can hash it");
    }
}

async fn chain(app: &TestApp, arguments: &str) -> Reply {
    let fields = "from to entries verified brokenAt foundSeal expectedSeal seal sealedTo";
    app.person("sales-admin").ask(&format!("{{ auditChain{arguments} {{ {fields} }} }}"), json!({})).await
}

async fn g20_a_part_of_the_chain_is_verified_and_names_the_break(backend: Backend) {
    let app = TestApp::start(backend).await;
    some_events(&app).await;
    sealed(&app).await;
    let last = app.number("SELECT MAX(position) FROM event").await;
    let whole = chain(&app, "").await.data()["auditChain"].clone();
    let told = |field: &str| whole[field].clone();
    assert_eq!(
        (told("verified"), told("to"), told("entries"), told("sealedTo")),
        (json!(true), json!(last), json!(last), json!(last))
    );
    let part = chain(&app, "(from: 4, to: 6)").await.data()["auditChain"].clone();
    assert_eq!((&part["entries"], &part["to"], &part["verified"]), (&json!(3), &json!(6), &json!(true)));
    for bad in ["(from: 0)", "(from: 5, to: 4)"] {
        assert_eq!(chain(&app, bad).await.error(), "BAD_USER_INPUT", "{bad}");
    }
    let beyond = chain(&app, "(from: 5000)").await.data()["auditChain"].clone();
    assert_eq!((&beyond["entries"], &beyond["verified"]), (&json!(0), &json!(true)));
    let unlock = match backend {
        Backend::Sqlite => "DROP TRIGGER event_is_not_deleted",
        Backend::Postgres => "DROP TRIGGER event_is_kept ON event",
    };
    app.execute(unlock).await;
    app.execute("DELETE FROM event WHERE position = 5").await;
    let broken = chain(&app, "").await.data()["auditChain"].clone();
    assert_eq!((&broken["verified"], &broken["brokenAt"], &broken["to"]), (&json!(false), &json!(6), &json!(4)));
    assert_ne!(broken["foundSeal"], broken["expectedSeal"]);
    let behind = chain(&app, "(from: 7)").await.data()["auditChain"].clone();
    assert_eq!(behind["verified"], json!(true), "what is behind holds by itself");
}

async fn g20_the_log_is_for_those_who_may_read_it(backend: Backend) {
    let app = TestApp::start(backend).await;
    for who in ["delegate", "assistant", "rr", "pdv", "director", "engagement"] {
        for query in ["{ auditLog { totalCount } }", "{ auditChain { verified } }"] {
            let reply = app.person(who).ask(query, json!({})).await;
            assert!(reply.message().starts_with("Unknown field"), "{who}: {:#}", reply.body);
        }
    }
    let reply = app.nobody().ask("{ auditLog { totalCount } }", json!({})).await;
    assert_eq!(reply.error(), "UNAUTHENTICATED");
}

/// The database finds entries by an index, whichever filter is given: with many rows it would take one.
async fn g20_each_filter_has_its_index(backend: Backend) {
    let app = TestApp::start(backend).await;
    let columns = [
        ("actor_id = 7", "event_of_actor"),
        ("on_behalf_of_id = 7", "event_of_absent"),
        ("kind = 'x'", "event_of_kind"),
        ("request_id = 'x'", "event_of_request"),
        ("policy_version = 7", "event_of_policy"),
        ("subject_type = 'Order' AND subject_id = 7", "event_of_subject"),
        ("at >= '2026-03-16'", "event_by_moment"),
    ];
    for (condition, index) in columns {
        let sql = format!("SELECT * FROM event WHERE {condition} ORDER BY at DESC, id DESC LIMIT 21");
        let explain = match backend {
            Backend::Sqlite => format!("EXPLAIN QUERY PLAN {sql}"),
            Backend::Postgres => format!("EXPLAIN {sql}"),
        };
        let plan = app.plan(&explain).await;
        assert!(plan.contains(index), "{condition}:\n{plan}");
    }
}
