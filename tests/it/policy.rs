//! The policy as something to work with: its versions, what a change would do, why somebody may do something, the
//! commands on it, and how soon a change is everywhere.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use migration::MigratorTrait;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use serde_json::{Value, json};
use sesame::{app::App, authz::history};

use crate::{
    app::{Client, OrderRef, TestApp},
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    network::{self, PEOPLE, account, but, leaflets, person},
    process::{Place, Server, output, sesame, told},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g1_every_version_is_kept_with_who_when_and_why,
        both g1_going_back_makes_a_new_version_by_the_rules_of_every_change,
        both g1_nobody_goes_back_to_where_nobody_may_administer,
        both g1_a_database_of_before_gets_its_history_and_the_new_lines,
        both g1_what_was_changed_by_other_means_is_noted,
        both g6_a_change_is_foreseen_for_roles_people_fields_and_records,
        both g6_what_is_foreseen_is_what_comes,
        both g6_a_change_that_would_be_refused_is_told_so,
        both g5_access_is_explained_by_the_lines_that_decide,
        both g5_what_is_explained_is_what_the_server_answers,
        both g5_who_can_do_something_is_told_with_the_way_to_it,
        both g5_questions_about_what_is_not_there_are_refused,
        both the_commands_on_policies_tell_and_fail_where_they_must,
        sqlite(threads = 2) g6_a_change_is_everywhere_within_a_second_on_one_process,
        postgres(threads = 2) g6_a_change_is_everywhere_within_a_second_on_two_processes,
    ]
}

fn admin(app: &TestApp) -> Client<'_> {
    app.person("platform-admin")
}

fn grant(role: &str, object: &str, scope: &str) -> Value {
    json!({ "role": role, "object": object, "scope": scope })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap_or_else(|| panic!("no list: {list}")).iter().map(text).collect()
}

async fn mutate(client: &Client<'_>, field: &str, selection: &str, input: Value) -> Value {
    let (first, rest) = field.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {field}(input: $input) {{ {selection} userErrors {{ code message field }} }} }}",
        first.to_uppercase()
    );
    client.ask(&query, json!({ "input": input })).await.data()[field].clone()
}

#[track_caller]
fn good(payload: &Value) -> &Value {
    assert_eq!(payload["userErrors"], json!([]), "{payload:#}");
    payload
}

/// Code and field of each refusal.
fn refusals(list: &Value) -> Vec<String> {
    let one = |error: &Value| format!("{} {}", text(&error["code"]), texts(&error["field"]).join("."));
    list.as_array().unwrap_or_else(|| panic!("no refusals: {list}")).iter().map(one).collect()
}

async fn change(app: &TestApp, input: Value) -> Value {
    let payload =
        mutate(&admin(app), "changePolicy", "policy { version }", but(input, json!({ "reason": "a test" }))).await;
    good(&payload).clone()
}

/// A line as the policy writes it.
fn written(line: &Value) -> String {
    let word = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
    match line["kind"].as_str() {
        Some("INHERIT") => format!("g, {}, {}", word("role"), word("object")),
        _ => format!("p, {}, {}, {}, {}", word("role"), word("object"), word("step"), word("scope")),
    }
}

fn lines(list: &Value) -> Vec<String> {
    list.as_array().unwrap_or_else(|| panic!("no lines: {list}")).iter().map(written).collect()
}

const LINE: &str = "{ kind role object step scope }";

async fn versions(app: &TestApp, page: &str) -> Value {
    let query = format!(
        "{{ policyVersions{page} {{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ version reason isKept \
         changedAt changedBy {{ id }} added {LINE} removed {LINE} }} }} }}"
    );
    admin(app).ask(&query, json!({})).await.data()["policyVersions"].clone()
}

async fn lines_of(app: &TestApp, version: i64) -> BTreeSet<String> {
    let query = format!("query($version: Int) {{ policy(version: $version) {{ version lines {LINE} }} }}");
    let reply = admin(app).ask(&query, json!({ "version": version })).await;
    assert_eq!(reply.data()["policy"]["version"], version);
    lines(&reply.data()["policy"]["lines"]).into_iter().collect()
}

// Versions

async fn g1_every_version_is_kept_with_who_when_and_why(backend: Backend) {
    let app = TestApp::start(backend).await;
    change(&app, json!({ "add": [grant("PDV", "readUsers", "all"), grant("RR", "readUsers", "region")] })).await;
    let input = json!({ "remove": [grant("PDV", "readUsers", "all")], "reason": "no longer", "expectedVersion": 2 });
    let dry = but(input.clone(), json!({ "dryRun": true }));
    let selection = format!("policy {{ version reason removed {LINE} lines {LINE} }}");
    let payload = app.nothing_moves(mutate(&admin(&app), "changePolicy", &selection, dry)).await;
    assert_eq!(good(&payload)["policy"]["version"], 3, "as it would be");
    assert_eq!(lines(&payload["policy"]["removed"]), ["p, PDV, readUsers, -, all"]);
    let payload = mutate(&admin(&app), "changePolicy", &selection, input).await;
    assert_eq!(good(&payload)["policy"]["reason"], "no longer");

    let told = versions(&app, "").await;
    assert_eq!(told["totalCount"], 3);
    let of = |place: usize| &told["nodes"][place];
    assert_eq!([0, 1, 2].map(|place| of(place)["version"].as_i64()), [Some(3), Some(2), Some(1)], "the newest first");
    assert_eq!(
        (lines(&of(0)["added"]), lines(&of(0)["removed"])),
        (vec![], vec!["p, PDV, readUsers, -, all".to_owned()])
    );
    assert_eq!(lines(&of(1)["added"]), ["p, PDV, readUsers, -, all", "p, RR, readUsers, -, region"]);
    assert_eq!(of(1)["changedBy"]["id"], person("platform-admin"));
    assert_eq!((&of(1)["reason"], &of(2)["reason"]), (&json!("a test"), &json!("shipped")));
    assert!(of(2)["changedBy"].is_null() && lines(&of(2)["added"]).len() > 300 && of(2)["isKept"] == true);
    let (first, second, third) = (lines_of(&app, 1).await, lines_of(&app, 2).await, lines_of(&app, 3).await);
    assert_eq!(second.difference(&first).count(), 2);
    assert_eq!(second.difference(&third).collect::<Vec<_>>(), ["p, PDV, readUsers, -, all"]);

    let page = versions(&app, "(first: 2)").await;
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let rest = versions(&app, &format!("(first: 2, after: {})", page["pageInfo"]["endCursor"])).await;
    assert_eq!(rest["nodes"].as_array().map(Vec::len), Some(1));
    let reply = admin(&app).ask("{ policy(version: 9) { version } }", json!({})).await;
    assert_eq!(reply.error(), "NOT_FOUND");
}

async fn g1_going_back_makes_a_new_version_by_the_rules_of_every_change(backend: Backend) {
    let app = TestApp::start(backend).await;
    let first = lines_of(&app, 1).await;
    change(&app, json!({ "add": [grant("PDV", "readUsers", "all")], "remove": [grant("RR", "readNetwork", "all")] }))
        .await;
    let back = async |input: Value| {
        let selection = format!("policy {{ version reason added {LINE} removed {LINE} }}");
        mutate(&admin(&app), "rollBackPolicy", &selection, input).await
    };
    for (input, refused) in [
        (json!({ "version": 9, "reason": "x" }), "POLICY_VERSION_UNKNOWN version"),
        (json!({ "version": 0, "reason": "x" }), "POLICY_VERSION_UNKNOWN version"),
        (json!({ "version": 2, "reason": "x" }), "POLICY_VERSION_IN_FORCE version"),
        (json!({ "version": 1, "reason": " " }), "REASON_REQUIRED reason"),
        (json!({ "version": 1, "reason": "x", "expectedVersion": 1 }), "CONFLICT expectedVersion"),
    ] {
        let payload = app.nothing_moves(back(input)).await;
        assert_eq!(refusals(&payload["userErrors"]), [refused], "{payload:#}");
        assert_eq!(payload["policy"]["version"], 2);
    }
    let input = json!({ "version": 1, "reason": "a mistake", "expectedVersion": 2, "idempotencyKey": "back" });
    let dry = app.nothing_moves(back(but(input.clone(), json!({ "dryRun": true })))).await;
    assert_eq!(good(&dry)["policy"]["version"], 3);
    let done = back(input.clone()).await;
    let policy = &good(&done)["policy"];
    assert_eq!((&policy["version"], &policy["reason"]), (&json!(3), &json!("a mistake")));
    assert_eq!(lines(&policy["added"]), ["p, RR, readNetwork, -, all"]);
    assert_eq!(lines(&policy["removed"]), ["p, PDV, readUsers, -, all"]);
    assert_eq!(lines_of(&app, 3).await, first);
    assert!(app.pdv().ask("{ users { totalCount } }", json!({})).await.message().starts_with("Unknown field"));
    assert_eq!(app.nothing_moves(back(input)).await["policy"]["version"], 3, "once under one key");
    let events = "SELECT COUNT(*) FROM event WHERE kind = 'policy.rolled_back' AND subject_id = 3";
    assert_eq!(app.number(events).await, 1);

    // A role that has it for one place only has it for none.
    change(&app, json!({ "add": [grant("RR", "rollBackPolicy", "region")] })).await;
    let query = "mutation { rollBackPolicy(input: { version: 1, reason: \"x\" }) { userErrors { code } } }";
    assert_eq!(app.nothing_moves(app.rr().ask(query, json!({}))).await.error(), "FORBIDDEN");
}

async fn g1_nobody_goes_back_to_where_nobody_may_administer(backend: Backend) {
    let app = TestApp::start(backend).await;
    let all = ["changePolicy", "rollBackPolicy", "readPolicy", "updateUser", "simulatePolicy"];
    change(&app, json!({ "add": all.map(|object| grant("SALES_ADMIN", object, "all")) })).await;
    let input = json!({ "id": person("platform-admin"), "roles": ["DIRECTOR"] });
    good(&mutate(&app.person("sales-admin"), "updateUser", "", input).await);
    let back = json!({ "version": 1, "reason": "as it was" });
    let payload =
        app.nothing_moves(mutate(&app.person("sales-admin"), "rollBackPolicy", "policy { version }", back)).await;
    assert_eq!(refusals(&payload["userErrors"]), ["LAST_ADMINISTRATOR "]);
    let query = "{ simulatePolicy(change: { rollBackTo: 1 }) { accepted refusals { code message field } } }";
    let foreseen = app.person("sales-admin").ask(query, json!({})).await;
    assert_eq!(refusals(&foreseen.data()["simulatePolicy"]["refusals"]), ["LAST_ADMINISTRATOR "]);
}

async fn g1_a_database_of_before_gets_its_history_and_the_new_lines(backend: Backend) {
    let db = TestDb::empty(backend).await;
    let mut options = ConnectOptions::new(&db.url);
    options.max_connections(1);
    let conn = Database::connect(options).await.expect("a connection");
    migration::Migrator::up(&conn, Some(13)).await.expect("the steps before");
    let at = "2026-03-16 09:00:00+00:00";
    let event = |version: i64, added: &str, removed: &str| {
        format!(
            "INSERT INTO event (at, kind, roles, subject_type, subject_id, changes, queue, envelopes, policy_version, request_id) \
             VALUES ('{at}', 'policy.changed', '', 'Policy', {version}, '{{\"added\": [{added}], \"removed\": [{removed}]}}', '[]', '[]', 1, 'x')"
        )
    };
    for sql in [
        format!("INSERT INTO policy_version (version, changed_at, reason) VALUES (1, '{at}', 'shipped'), (2, '{at}', 'a'), (3, '{at}', 'b')"),
        "INSERT INTO policy_line (kind, subject, object, step, scope) VALUES ('p', 'BOSS', 'changePolicy', '-', 'all'), \
         ('p', 'CLERK', 'changePolicy', '-', 'region'), ('p', 'CLERK', 'readUsers', '-', 'all')"
            .to_owned(),
        event(2, "\"p, BOSS, readUsers, -, all\"", "\"p, CLERK, readUsers, -, all\""),
        event(3, "\"p, CLERK, readUsers, -, all\"", "\"p, BOSS, readUsers, -, all\""),
    ] {
        conn.execute_unprepared(&sql).await.expect(&sql);
    }
    migration::Migrator::up(&conn, Some(1)).await.expect("the step");
    history::keep_up(&conn).await.expect("a history");
    history::keep_up(&conn).await.expect("the same again");
    let found = history::of(&conn, &[1, 2, 3, 4]).await.expect("versions");
    let told = |version: i64| {
        let mut lines: Vec<String> = found[&version].lines.iter().map(ToString::to_string).collect();
        lines.sort_unstable();
        lines
    };
    let new = ["explainAccess", "rollBackPolicy", "simulatePolicy", "whoCanDo"]
        .map(|object| format!("p, BOSS, {object}, -, all"));
    assert!(new.iter().all(|line| told(4).contains(line)), "{:?}", told(4));
    assert!(!told(4).iter().any(|line| line.contains("CLERK, whoCanDo")), "only whoever may change the whole policy");
    assert_eq!(
        found.keys().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([4]),
        "what a step added tells of no line"
    );
    conn.close().await.expect("closed");
}

async fn g1_what_was_changed_by_other_means_is_noted(backend: Backend) {
    let app = TestApp::start(backend).await;
    change(&app, json!({ "add": [grant("PDV", "readUsers", "all")] })).await;
    // A program that knows of no history changes the policy.
    app.execute("DELETE FROM policy_line WHERE subject = 'PDV' AND object = 'readUsers'").await;
    app.execute(
        "INSERT INTO policy_version SELECT 3, changed_at, NULL, 'by hand' FROM policy_version WHERE version = 1",
    )
    .await;
    app.app.reload_policy().await.expect("the policy");
    assert!(!lines_of(&app, 3).await.contains("p, PDV, readUsers, -, all"), "what is in force is told");
    change(&app, json!({ "add": [grant("RR", "readUsers", "region")] })).await;
    assert!(lines_of(&app, 2).await.contains("p, PDV, readUsers, -, all"));
    assert!(!lines_of(&app, 3).await.contains("p, PDV, readUsers, -, all"));
    // Nothing was noted at all: the events tell as far back as they go without a gap.
    app.execute("DELETE FROM policy_history").await;
    drop(App::open(app.app.settings.clone(), app.clock.clone()).await.expect("an app"));
    let told = versions(&app, "").await;
    let kept = |place: usize| told["nodes"][place]["isKept"].as_bool();
    assert_eq!([0, 1, 2, 3].map(kept), [Some(true), Some(true), Some(false), Some(false)], "{told:#}");
    assert_eq!(lines(&told["nodes"][0]["added"]), ["p, RR, readUsers, -, region"]);
}

// What a change would do

/// An order of each region.
async fn orders(app: &TestApp) -> [OrderRef; 2] {
    let north = app.delegate().submitted(leaflets(400)).await;
    let south = app.delegate3().draft(but(leaflets(10), json!({ "broker": account(3) }))).await;
    [north, south]
}

async fn stands_in(client: &Client<'_>, deputy: &str) {
    let input = json!({ "deputy": person(deputy), "firstDay": "2026-03-16", "lastDay": "2026-03-22" });
    good(&mutate(client, "nameDeputy", "deputy { id }", input).await);
}

async fn foreseen(app: &TestApp, change: Value) -> Value {
    let right = "action step scope";
    let query = format!(
        "query($change: PolicyChangeInput!) {{ simulatePolicy(change: $change) {{ accepted basedOn added {LINE} removed {LINE} \
         refusals {{ code message field }} \
         roles {{ code label holders gained {{ {right} }} lost {{ {right} }} fieldsGained fieldsLost schema {{ kind coordinate before after }} }} \
         people(first: 50) {{ totalCount nodes {{ person {{ id displayName }} \
           gained {{ {right} onBehalfOf {{ id }} }} lost {{ {right} onBehalfOf {{ id }} }} fieldsGained fieldsLost \
           schema {{ kind coordinate }} records {{ kind before after gained lost }} }} }} }} }}"
    );
    admin(app).ask(&query, json!({ "change": change })).await.data()["simulatePolicy"].clone()
}

async fn g6_a_change_is_foreseen_for_roles_people_fields_and_records(backend: Backend) {
    let app = TestApp::start(backend).await;
    let [_, south] = orders(&app).await;
    assert_eq!(south.status(), "DRAFT");
    stands_in(&app.rr(), "delegate2").await;
    let wanted = json!({
        "add": [grant("RR", "readOrders", "all"), grant("RR", "readUsers", "region")],
        "remove": [grant("RR", "readOrders", "region"), { "role": "RR", "object": "validateOrder", "step": "rr", "scope": "region" }]
    });
    let told = app.nothing_moves(foreseen(&app, wanted)).await;
    assert_eq!((&told["accepted"], &told["basedOn"]), (&json!(true), &json!(1)), "{told:#}");
    let [role] = told["roles"].as_array().expect("roles").as_slice() else { panic!("{told:#}") };
    assert_eq!(
        (&role["code"], &role["label"], &role["holders"]),
        (&json!("RR"), &json!("Regional manager"), &json!(2))
    );
    let right =
        |action: &str, step: Option<&str>, scope: &str| json!({ "action": action, "step": step, "scope": scope });
    assert_eq!(role["gained"], json!([right("readUsers", None, "REGION"), right("readOrders", None, "ALL")]));
    assert_eq!(
        role["lost"],
        json!([right("readOrders", None, "REGION"), right("validateOrder", Some("rr"), "REGION")])
    );
    assert_eq!(texts(&role["fieldsGained"]), ["users"]);
    assert_eq!(texts(&role["fieldsLost"]), ["validateOrder", "validateOrders"]);
    let schema = role["schema"].as_array().expect("a schema");
    let at = |coordinate: &str| schema.iter().find(|change| change["coordinate"] == coordinate);
    assert_eq!(at("Query.users").expect("users")["kind"], "ADDED");
    assert_eq!(at("Query.users").expect("users")["after"], "users: PersonConnection!");
    assert_eq!(at("Mutation.validateOrder").expect("validateOrder")["kind"], "REMOVED");
    assert_eq!(at("Person.roles").expect("roles")["kind"], "ADDED");
    assert!(at("Query.users(first:)").is_none() && at("Query.orders").is_none());

    // Both managers, and who stands in for one.
    let people = told["people"]["nodes"].as_array().expect("people");
    let names: Vec<String> = people.iter().map(|change| text(&change["person"]["id"])).collect();
    assert_eq!(names, [person("delegate2"), person("rr"), person("rr2")]);
    let [deputy, rr, rr2] = people.as_slice() else { panic!("{told:#}") };
    assert_eq!(
        deputy["gained"][0],
        json!({ "action": "readUsers", "step": null, "scope": "REGION", "onBehalfOf": { "id": person("rr") } })
    );
    assert!(rr["gained"][0]["onBehalfOf"].is_null());
    let counted = |change: &Value| {
        let of = |kind: &str| {
            let found = change["records"].as_array().expect("records").iter().find(|record| record["kind"] == kind);
            found.map(|record| ["before", "after", "gained", "lost"].map(|name| record[name].as_i64().unwrap_or(-1)))
        };
        (of("ORDERS"), of("USERS"), of("ACCOUNTS"))
    };
    // In the region Nord are a delegation's three and the manager.
    assert_eq!(counted(rr), (Some([1, 2, 1, 0]), Some([0, 4, 4, 0]), None));
    assert_eq!(counted(rr2).0, Some([1, 2, 1, 0]));
    assert_eq!(counted(deputy).0, Some([1, 2, 1, 0]));
}

async fn g6_what_is_foreseen_is_what_comes(backend: Backend) {
    let app = TestApp::start(backend).await;
    orders(&app).await;
    stands_in(&app.pdv(), "assistant").await;
    let seen = async |name: &'static str| {
        let reply = app.person(name).ask("{ orders { totalCount } }", json!({})).await;
        reply.body["data"]["orders"]["totalCount"].as_i64().unwrap_or_default()
    };
    let schema = async |name: &'static str| {
        let url = format!("{}/schema.graphql", app.url);
        let request = reqwest::Client::new().get(url).bearer_auth(app.token(name));
        request.send().await.expect("an answer").text().await.expect("a text")
    };
    let wanted = json!({
        "add": [grant("DELEGATE", "readOrders", "own"), { "kind": "INHERIT", "role": "DIRECTOR", "object": "PLATFORM_ADMIN" }],
        "remove": [grant("DELEGATE", "readOrders", "delegation"), grant("PDV", "readOrders", "all")]
    });
    let mut before = Vec::new();
    for (name, ..) in PEOPLE {
        before.push((*name, seen(name).await, schema(name).await));
    }
    let told = foreseen(&app, wanted.clone()).await;
    change(&app, wanted).await;
    let people = told["people"]["nodes"].as_array().expect("people");
    for (name, orders, sdl) in before {
        let change = people.iter().find(|change| change["person"]["id"] == person(name));
        let records =
            change.and_then(|change| change["records"].as_array()?.iter().find(|record| record["kind"] == "ORDERS"));
        let foreseen = records
            .map_or([orders, orders], |record| ["before", "after"].map(|of| record[of].as_i64().expect("a count")));
        assert_eq!([orders, seen(name).await], foreseen, "{name}: {told:#}");
        let is_another = change.is_some_and(|change| change["schema"].as_array().is_some_and(|list| !list.is_empty()));
        assert_eq!(schema(name).await != sdl, is_another, "{name}");
    }
    assert_eq!(told["people"]["totalCount"], 6, "three delegates, PDV with a deputy, and the director: {told:#}");
    // The way back is foreseen by the same function, and leads back.
    let back = foreseen(&app, json!({ "rollBackTo": 1, "expectedVersion": 2 })).await;
    assert_eq!(lines(&back["added"]), ["p, DELEGATE, readOrders, -, delegation", "p, PDV, readOrders, -, all"]);
    assert_eq!(lines(&back["removed"]), ["g, DIRECTOR, PLATFORM_ADMIN", "p, DELEGATE, readOrders, -, own"]);
    assert_eq!(back["people"]["totalCount"], 6);
}

async fn g6_a_change_that_would_be_refused_is_told_so(backend: Backend) {
    let app = TestApp::start(backend).await;
    for (change, refused) in [
        (json!({ "add": [grant("PDV", "sendFax", "all")] }), "POLICY_LINE_INVALID add.0.object"),
        (json!({ "remove": [grant("PDV", "readUsers", "all")] }), "POLICY_LINE_UNKNOWN remove.0"),
        (json!({ "remove": [grant("PLATFORM_ADMIN", "changePolicy", "all")] }), "LAST_ADMINISTRATOR "),
        (json!({ "rollBackTo": 4 }), "POLICY_VERSION_UNKNOWN version"),
        (json!({ "add": [grant("PDV", "readUsers", "all")], "expectedVersion": 7 }), "CONFLICT expectedVersion"),
    ] {
        let told = app.nothing_moves(foreseen(&app, change)).await;
        assert_eq!((refusals(&told["refusals"]), &told["accepted"]), (vec![refused.to_owned()], &json!(false)));
        assert_eq!((&told["roles"], &told["people"]["nodes"]), (&json!([]), &json!([])));
    }
    for change in ["{}", "{ rollBackTo: 1, add: [{ role: \"PDV\", object: \"readUsers\", scope: \"all\" }] }"] {
        let reply = admin(&app).ask(&format!("{{ simulatePolicy(change: {change}) {{ accepted }} }}"), json!({})).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT");
    }
    change(&app, json!({ "add": [grant("RR", "simulatePolicy", "region")] })).await;
    let query = "{ simulatePolicy(change: { rollBackTo: 1 }) { accepted } }";
    assert_eq!(app.rr().ask(query, json!({})).await.error(), "FORBIDDEN", "the policy belongs to no place");
}

// Why, and who

async fn explained(app: &TestApp, user: &str, action: &str, id: Option<&str>) -> Value {
    let query = format!(
        "query($user: ID!, $action: String!, $id: ID) {{ explainAccess(user: $user, action: $action, id: $id) {{ verdict person {{ id }} \
         ways {{ role step scope inScope readable lines {LINE} onBehalfOf {{ id }} mandate {{ id }} }} }} }}"
    );
    let reply = admin(app).ask(&query, json!({ "user": person(user), "action": action, "id": id })).await;
    reply.data()["explainAccess"].clone()
}

async fn g5_access_is_explained_by_the_lines_that_decide(backend: Backend) {
    let app = TestApp::start(backend).await;
    let [order, _] = orders(&app).await;
    let about = async |user: &str, action: &str| explained(&app, user, action, Some(&order.id)).await;
    let told = app.nothing_moves(about("rr", "validateOrder")).await;
    assert_eq!((&told["verdict"], &told["person"]["id"]), (&json!("ALLOWED"), &json!(person("rr"))));
    let [way] = told["ways"].as_array().expect("ways").as_slice() else { panic!("{told:#}") };
    assert_eq!(lines(&way["lines"]), ["p, RR, validateOrder, rr, region"]);
    assert_eq!((&way["role"], &way["step"], &way["scope"]), (&json!("RR"), &json!("rr"), &json!("REGION")));
    assert_eq!((&way["inScope"], &way["readable"], &way["onBehalfOf"]), (&json!(true), &json!(true), &Value::Null));

    let told = about("rr2", "validateOrder").await;
    assert_eq!((&told["verdict"], &told["ways"][0]["inScope"]), (&json!("NOT_READABLE"), &json!(false)));
    let told = about("delegate2", "updateOrder").await;
    assert_eq!((&told["verdict"], &told["ways"][0]["scope"]), (&json!("OUT_OF_SCOPE"), &json!("OWN")));
    let told = about("delegate", "validateOrder").await;
    assert_eq!((&told["verdict"], &told["ways"]), (&json!("NO_LINE"), &json!([])));
    assert_eq!(about("platform-admin", "orders").await["verdict"], "NO_LINE");
    // A field's name means what it needs.
    assert_eq!(lines(&about("pdv", "orders").await["ways"][0]["lines"]), ["p, PDV, readOrders, -, all"]);
    // What everybody may do, without a record.
    let told = explained(&app, "pdv", "viewer", None).await;
    assert_eq!(
        (&told["verdict"], &told["ways"][0]["role"], &told["ways"][0]["inScope"]),
        (&json!("ALLOWED"), &json!("ANYONE"), &Value::Null)
    );

    // What the policy lets, rules may refuse: at which step, by whom, is told with yes or no.
    let refused = async |user: &str, action: &str, order: &OrderRef| {
        let query = "query($user: ID!, $action: String!, $id: ID) { explainAccess(user: $user, action: $action, id: $id) { verdict refusedByRules } }";
        let reply = admin(&app).ask(query, json!({ "user": person(user), "action": action, "id": order.id })).await;
        let told = &reply.data()["explainAccess"];
        (text(&told["verdict"]), told["refusedByRules"].as_bool())
    };
    assert_eq!(order.status(), "PENDING_RR");
    assert_eq!(refused("rr", "validateOrder", &order).await, ("ALLOWED".to_owned(), Some(false)));
    assert_eq!(refused("pdv", "validateOrder", &order).await, ("ALLOWED".to_owned(), Some(true)), "not at its step");
    assert_eq!(refused("pdv", "orders", &order).await, ("ALLOWED".to_owned(), None), "no step of a workflow");
    assert_eq!(refused("rr2", "validateOrder", &order).await, ("NOT_READABLE".to_owned(), None));
    // Whoever submitted it stands in for the manager: the segregation of duties.
    stands_in(&app.rr(), "delegate").await;
    assert_eq!(refused("delegate", "validateOrder", &order).await, ("ALLOWED".to_owned(), Some(true)));

    // Through a deputy's mandate.
    stands_in(&app.rr(), "rr2").await;
    let told = about("rr2", "validateOrder").await;
    let ways = told["ways"].as_array().expect("ways");
    assert_eq!((&told["verdict"], ways.len()), (&json!("ALLOWED"), 2));
    assert_eq!((&ways[0]["inScope"], &ways[1]["inScope"]), (&json!(false), &json!(true)));
    assert_eq!(ways[1]["onBehalfOf"]["id"], person("rr"));
    assert!(ways[1]["mandate"]["id"].is_string() && ways[0]["mandate"].is_null());
    // Through another role's lines.
    change(&app, json!({ "add": [{ "kind": "INHERIT", "role": "DIRECTOR", "object": "PDV" }] })).await;
    let told = about("director", "sendProof").await;
    assert_eq!(lines(&told["ways"][0]["lines"]), ["g, DIRECTOR, PDV", "p, PDV, sendProof, -, all"]);
    assert_eq!(told["verdict"], "ALLOWED");
    // Whoever cannot sign in may nothing.
    good(&mutate(&admin(&app), "deactivateUser", "", json!({ "id": person("pdv") })).await);
    assert_eq!(about("pdv", "orders").await["verdict"], "INACTIVE");
}

/// What the server answers somebody who tries.
async fn tried(client: &Client<'_>, field: &str, input_type: &str, input: Value) -> &'static str {
    let query = format!("mutation($input: {input_type}!) {{ {field}(input: $input) {{ userErrors {{ code }} }} }}");
    let reply = client.ask(&query, json!({ "input": but(input, json!({ "dryRun": true })) })).await;
    if reply.body["errors"].is_null() {
        return "ALLOWED";
    }
    match reply.error() {
        "NOT_FOUND" => "NOT_READABLE",
        "FORBIDDEN" => "OUT_OF_SCOPE",
        "BAD_USER_INPUT" if reply.message().contains("Unknown") => "NO_LINE",
        other => panic!("{field}: {other}: {:#}", reply.body),
    }
}

async fn g5_what_is_explained_is_what_the_server_answers(backend: Backend) {
    let app = TestApp::start(backend).await;
    let orders = orders(&app).await;
    change(&app, json!({ "add": [grant("ENGAGEMENT_MANAGER", "submitOrder", "all"), { "kind": "INHERIT", "role": "ASSISTANT", "object": "RR" }] })).await;
    let mut answers = BTreeSet::new();
    for order in &orders {
        let id = json!({ "id": order.id });
        let tries = [
            ("submitOrder", "OrderInput", id.clone()),
            ("updateOrder", "UpdateOrderInput", but(id.clone(), json!({ "subject": "Other" }))),
            ("cancelOrder", "CancelOrderInput", but(id.clone(), json!({ "reason": "because" }))),
            ("validateOrder", "ValidateOrderInput", but(id.clone(), json!({ "decision": "APPROVE" }))),
        ];
        for (name, ..) in PEOPLE {
            for (field, input_type, input) in &tries {
                let answer = tried(&app.person(name), field, input_type, input.clone()).await;
                let told = explained(&app, name, field, Some(&order.id)).await;
                assert_eq!(told["verdict"], answer, "{name} {field}: {told:#}");
                answers.insert(answer);
            }
        }
    }
    assert_eq!(answers.len(), 4, "every answer was met: {answers:?}");
}

async fn who(app: &TestApp, action: &str, id: Option<&str>, page: &str) -> Value {
    let query = format!(
        "query($action: String!, $id: ID) {{ whoCanDo(action: $action, id: $id) {{ lines {LINE} people{page} {{ totalCount \
         pageInfo {{ hasNextPage endCursor }} nodes {{ verdict person {{ id }} ways {{ inScope onBehalfOf {{ id }} lines {LINE} }} }} }} }} }}"
    );
    admin(app).ask(&query, json!({ "action": action, "id": id })).await.data()["whoCanDo"].clone()
}

fn names(told: &Value) -> Vec<String> {
    told["people"]["nodes"].as_array().expect("people").iter().map(|one| text(&one["person"]["id"])).collect()
}

async fn g5_who_can_do_something_is_told_with_the_way_to_it(backend: Backend) {
    let app = TestApp::start(backend).await;
    let [north, _] = orders(&app).await;
    stands_in(&app.rr(), "delegate2").await;
    let told = app.nothing_moves(who(&app, "validateOrder", Some(&north.id), "")).await;
    assert_eq!(lines(&told["lines"]), ["p, RR, validateOrder, rr, region", "p, PDV, validateOrder, pdv, all"]);
    assert_eq!(names(&told), [person("delegate2"), person("rr"), person("pdv")]);
    assert_eq!(told["people"]["nodes"][0]["ways"][0]["onBehalfOf"]["id"], person("rr"));
    // Whichever order: the other manager too.
    assert_eq!(names(&who(&app, "validateOrder", None, "").await), ["delegate2", "rr", "rr2", "pdv"].map(person));
    // The same that is explained, for everybody.
    for action in ["orders", "updateOrder", "cancelOrder", "whoCanDo"] {
        let id = (action != "whoCanDo").then_some(north.id.as_str());
        let able = names(&who(&app, action, id, "(first: 100)").await);
        for (name, ..) in PEOPLE {
            let verdict = explained(&app, name, action, id).await["verdict"].clone();
            assert_eq!(verdict == "ALLOWED", able.contains(&person(name)), "{name} {action} {verdict}");
        }
    }
    // Page by page, from both ends.
    let page = who(&app, "orders", Some(&north.id), "(first: 3)").await;
    assert_eq!(page["people"]["pageInfo"]["hasNextPage"], true);
    let rest = who(
        &app,
        "orders",
        Some(&north.id),
        &format!("(first: 100, after: {})", page["people"]["pageInfo"]["endCursor"]),
    )
    .await;
    let all = names(&who(&app, "orders", Some(&north.id), "(last: 100)").await);
    assert_eq!([names(&page), names(&rest)].concat(), all);
    assert_eq!(page["people"]["totalCount"], all.len());
    assert_eq!(names(&who(&app, "orders", Some(&north.id), "(last: 1)").await), all[all.len() - 1..]);
}

async fn g5_questions_about_what_is_not_there_are_refused(backend: Backend) {
    let app = TestApp::start(backend).await;
    let ask = async |client: Client<'_>, arguments: String| {
        let who = client.ask(&format!("{{ whoCanDo({arguments}) {{ people {{ totalCount }} }} }}"), json!({})).await;
        let user = person("rr");
        let why =
            client.ask(&format!("{{ explainAccess(user: \"{user}\", {arguments}) {{ verdict }} }}"), json!({})).await;
        assert_eq!(who.error(), why.error(), "{arguments}");
        who.error().to_owned()
    };
    let (nobody, broker) = (sesame::graphql::id::global(::entity::vocabulary::OrderId(99)).0, account(1));
    for (arguments, code) in [
        ("action: \"sendFax\"".to_owned(), "BAD_USER_INPUT"),
        ("action: \"validateOrder\", step: \"boss\"".to_owned(), "BAD_USER_INPUT"),
        (format!("action: \"validateOrder\", id: \"{broker}\""), "BAD_USER_INPUT"),
        (format!("action: \"validateOrder\", id: \"{nobody}\""), "NOT_FOUND"),
        ("action: \"validateOrder\", id: \"nonsense\"".to_owned(), "NOT_FOUND"),
    ] {
        assert_eq!(ask(admin(&app), arguments).await, code);
    }
    let user = sesame::graphql::id::global(::entity::vocabulary::PersonId(99)).0;
    let query = format!("{{ explainAccess(user: \"{user}\", action: \"orders\") {{ verdict }} }}");
    assert_eq!(admin(&app).ask(&query, json!({})).await.error(), "NOT_FOUND");
    change(&app, json!({ "add": [grant("RR", "whoCanDo", "region"), grant("RR", "explainAccess", "region")] })).await;
    assert_eq!(ask(app.rr(), "action: \"orders\"".to_owned()).await, "FORBIDDEN");
    // Everything that can be pointed to has a place.
    for id in [network::site(1), account(1), network::article(1), person("rr"), person("platform-admin")] {
        let query = format!("{{ whoCanDo(action: \"node\", id: \"{id}\") {{ people {{ totalCount }} }} }}");
        let reply = admin(&app).ask(&query, json!({})).await;
        assert!(reply.data()["whoCanDo"]["people"]["totalCount"].as_i64() > Some(0), "{:#}", reply.body);
    }
}

// Commands

async fn the_commands_on_policies_tell_and_fail_where_they_must(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let _place = Place::with_network(&db.url, data.path()).await;
    let run = async |arguments: &[&str]| {
        let mut command = sesame(&db.url, data.path());
        command.arg("policy").args(arguments);
        let end = output(command, "").await;
        (end.status.success(), told(&end))
    };
    let file = |name: &str, content: &str| {
        let path = data.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("a path").to_owned()
    };
    let shipped = sesame::authz::policy::SHIPPED;
    let (fine, text) = run(&["lint", "shipped"]).await;
    assert!(fine && text.contains("0 errors, 0 warnings"), "{text}");
    let (fine, text) = run(&["lint"]).await;
    assert!(fine && text.contains("0 errors"), "{text}");
    let broken = file("broken.csv", &format!("{shipped}p, RR, sendFax, -, all\n"));
    let (fine, text) = run(&["lint", &broken]).await;
    assert!(
        !fine && text.contains("error: «p, RR, sendFax, -, all»") && text.contains("sesame: the policy cannot"),
        "{text}"
    );
    assert!(!run(&["show", &broken]).await.0, "what is not sound is not read");

    let (fine, text) = run(&["test"]).await;
    assert!(fine && text.contains("expectations"), "{text}");
    let expected = file("expected.csv", "RR, readOrders, -, region, allow\nPDV, readUsers, -, any, allow\n");
    let (fine, text) = run(&["test", "shipped", "--expect", &expected]).await;
    assert!(
        !fine && text.contains("line 2: «PDV, readUsers, -, any, allow»") && text.contains("1 expectation is not kept"),
        "{text}"
    );

    let other = file("other.csv", &shipped.replace("p, RR, readOrders, -, region", "p, RR, readUsers, -, all"));
    let (fine, text) = run(&["diff", "database", &other]).await;
    assert!(fine, "{text}");
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    assert!(at("RR\n") < at("- readOrders, -, region") && at("- readOrders, -, region") < at("+ readUsers, -, all"));
    assert!(text.contains("- Query.orders  orders: OrderConnection!") && text.contains("+ Query.users"), "{text}");
    assert!(!run(&["diff", "database", &other, "--brief"]).await.1.contains("Query.orders"));
    assert_eq!(run(&["diff", "version:1", "shipped"]).await.1.trim(), "every role may do the same");
    assert!(!run(&["show", "version:7"]).await.0);

    let (fine, text) = run(&["show"]).await;
    assert!(fine && text.lines().count() > 300 && text.contains("p, RR, validateOrder, rr, region\n"), "{text}");
    let (fine, text) = run(&["show", "--role", "RR"]).await;
    assert!(fine && text.lines().any(|line| line.split_whitespace().eq(["nameDeputy", "-", "own+region"])), "{text}");
    assert!(!run(&["show", "--role", "NOBODY"]).await.0);
}

// Within a second

const CHANGE: &str = "mutation($input: ChangePolicyInput!) { changePolicy(input: $input) { policy { version } userErrors { code message } } }";

fn taking(add: Value, remove: Value) -> Value {
    json!({ "input": { "add": add, "remove": remove, "reason": "a test" } })
}

/// Somebody whose rights come and go on a server, with a subscription that is open there.
struct Watched<'a> {
    http: reqwest::Client,
    url: &'a str,
    token: &'a str,
}

impl Watched<'_> {
    async fn sdl(&self) -> String {
        let request = self.http.get(format!("{}/schema.graphql", self.url)).bearer_auth(self.token);
        request.send().await.expect("an answer").text().await.expect("a text")
    }

    async fn ask(&self, query: &str) -> Value {
        let request =
            self.http.post(format!("{}/graphql", self.url)).bearer_auth(self.token).json(&json!({ "query": query }));
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// How long after a moment something holds.
    async fn until(&self, since: Instant, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) -> Duration {
        while !holds(self).await {
            assert!(since.elapsed() < Duration::from_secs(1), "G-6: {what} within a second");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        since.elapsed()
    }
}

/// Takes the orders from the delegates and gives them back, and looks how soon schema, requests and subscription
/// follow; `change` answers when the policy is changed.
async fn follows(watched: &Watched<'_>, change: impl AsyncFn(Value)) {
    let mut talk = Talk::begin(&watched.url.trim_start_matches("http://"), watched.token).await;
    talk.subscribe("orders", "subscription { orderChanged { cursor } }").await;
    talk.subscribe("queue", "subscription { workQueueChanged { cursor } }").await;
    talk.is_quiet().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let line = grant("DELEGATE", "readOrders", "delegation");
    let query = "{ orders { totalCount } }";
    for round in 0..3 {
        change(taking(json!([]), json!([line]))).await;
        let taken = Instant::now();
        let ended = async {
            // The queue's subscription may be told of the same event, or begin anew.
            loop {
                let message = talk.hear().await;
                if message["id"] == "orders" {
                    assert_eq!(message["type"], "error", "{message}");
                    return taken.elapsed();
                }
            }
        };
        let gone = watched.until(taken, "requests", async |it| !it.ask(query).await["errors"].is_null());
        let hidden = watched.until(taken, "the schema", async |it| !it.sdl().await.contains("orders("));
        let (ended, gone, hidden) = tokio::join!(ended, gone, hidden);
        assert!(ended < Duration::from_secs(1), "G-6: the subscription ended after {ended:?}");
        change(taking(json!([line]), json!([]))).await;
        let given = Instant::now();
        let back = watched.until(given, "requests", async |it| it.ask(query).await["errors"].is_null());
        let shown = watched.until(given, "the schema", async |it| it.sdl().await.contains("orders("));
        let (back, shown) = tokio::join!(back, shown);
        println!(
            "round {round}: subscription {ended:?}, requests {gone:?} and {back:?}, schema {hidden:?} and {shown:?}"
        );
        talk.subscribe("orders", "subscription { orderChanged { cursor } }").await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn g6_a_change_is_everywhere_within_a_second_on_one_process(backend: Backend) {
    let app = TestApp::start(backend).await;
    let token = app.token("delegate");
    let watched = Watched { http: reqwest::Client::new(), url: &app.url, token: &token };
    let change = async |variables: Value| {
        let reply = admin(&app).ask(CHANGE, variables).await;
        good(&reply.data()["changePolicy"]);
    };
    follows(&watched, change).await;
}

async fn g6_a_change_is_everywhere_within_a_second_on_two_processes(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let place = Place::with_network(&db.url, data.path()).await;
    let (one, other) = (place.serve().await, place.serve().await);
    let (token, boss) = (place.token("delegate").await, place.token("platform-admin").await);
    let watched = Watched { http: reqwest::Client::new(), url: &other.url, token: &token };
    let change = async |variables: Value| {
        let (_, body) = one.ask(Some(&boss), CHANGE, variables).await.expect("an answer");
        good(&body["data"]["changePolicy"]);
    };
    follows(&watched, change).await;
    let ended = |server: Server| server.terminate();
    assert!(ended(one).await < Duration::from_secs(10));
    assert!(ended(other).await < Duration::from_secs(10));
}
