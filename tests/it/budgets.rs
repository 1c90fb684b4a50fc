//! Budgets and goodwill gestures: B-1 to B-6, O-6.

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use ::entity::{
    budgets::envelope,
    vocabulary::{BudgetFamily, DelegationId, EnvelopeId, EventId, GoodwillId, Language, LedgerKind, Money, RegionId},
};
use async_graphql::{Request, Response, Variables};
use futures_util::{Stream, StreamExt, future::join_all};
use proptest::{collection::vec, prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use sesame::{
    authz::Caller,
    budgets::{self, Cause, Posting},
    db::{Conn, Meter},
    graphql::{self, id::global},
    identity,
    live::LiveCaller,
    op::Op,
};
use tokio::{sync::watch, time};

use crate::{
    app::{Client, TestApp},
    harness::{Backend, Trial, trials},
    network::{PEOPLE, leaflets, person, person_id},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both b2_a_budget_is_shared_out_to_the_cent,
        both b2_what_cannot_be_shared_out_is_refused_whole,
        both b2_a_dry_run_shows_everything_and_writes_nothing,
        both b6_budget_moves_from_delegates_and_from_the_region,
        both b6_a_donor_keeps_its_promises_and_its_split,
        both b6_each_move_that_is_refused_moves_nothing,
        both b6_nobody_moves_budget_to_themselves,
        both b6_who_sees_more_than_they_may_move_is_forbidden,
        both b6_new_delegates_get_an_envelope_with_their_first_budget,
        both the_pool_is_granted_from_until_it_is_empty,
        both keys_replay_the_answer_and_no_other_request,
        both the_rules_of_a_year_are_planned_and_changed,
        both o6_a_gesture_is_asked_for_approved_and_paid,
        both o6_refusals_have_reasons_and_deficits_amounts,
        both o6_nobody_decides_their_own_request,
        both o6_a_deputy_asks_in_the_name_of_the_absent,
        both each_role_has_its_names_and_no_others,
        both each_role_reads_what_is_within_its_scope,
        both lists_cost_statements_by_depth_not_by_rows,
        both filters_orders_and_pages_of_envelopes,
        both a_change_reaches_whoever_may_read_it,
        both who_comes_back_gets_every_change_once,
        both(threads = 2, seconds = 300) b4_concurrent_moves_never_overspend,
        both(threads = 2, seconds = 300) b4_concurrent_approvals_never_overspend,
        both b3_any_postings_keep_balances_and_ledger_alike,
        both b3_the_check_finds_what_is_wrong,
    ]
}

// ---------------------------------------------------------------------------------------------------
// Verbs

const ENVELOPE: &str = "id kind year allocated committed consumed available version delegate { code } region { code }";
const GESTURE: &str = "id status statusLabel version amount year chequeNumber paidOn decisionReason";
/// What only those see of a gesture who decide on gestures.
const ACTIONS: &str = "availableActions { action allowed reasons { code } }";

fn payload_of(field: &str) -> String {
    match field {
        "allocateBudgets" => format!("budgetYear {{ year status version }} envelopes {{ {ENVELOPE} }}"),
        "updateBudgetYear" => "budgetYear { year status version autoStandardBelow refundMaximum customMinimum \
                               standardMinimum standardClosesOn customClosesOn receiptDueMonths }"
            .to_owned(),
        "moveBudget" | "grantFromPool" => format!("from {{ {ENVELOPE} }} to {{ {ENVELOPE} }}"),
        "requestGoodwill" => format!("gesture {{ {GESTURE} }}"),
        _ => format!("gesture {{ {GESTURE} {ACTIONS} }}"),
    }
}

/// What a mutation answered.
struct Answer {
    body: Value,
    field: &'static str,
}

impl Answer {
    #[track_caller]
    fn payload(&self) -> &Value {
        assert!(self.body["errors"].is_null(), "{:#}", self.body);
        &self.body["data"][self.field]
    }

    /// It did what it was asked for.
    #[track_caller]
    fn good(self) -> Value {
        assert_eq!(self.payload()["userErrors"], json!([]), "{:#}", self.body);
        self.payload().clone()
    }

    #[track_caller]
    fn codes(&self) -> Vec<&str> {
        let errors = self.payload()["userErrors"].as_array().expect("user errors");
        errors.iter().map(|error| error["code"].as_str().expect("a code")).collect()
    }

    /// It was refused for exactly these reasons.
    #[track_caller]
    fn refused(self, codes: &[&str]) -> Value {
        assert_eq!(self.codes(), codes, "{:#}", self.body);
        self.payload().clone()
    }

    /// The code and the text of its top-level error.
    #[track_caller]
    fn error(&self) -> (&str, &str) {
        let error = &self.body["errors"][0];
        let code = error["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no error in {:#}", self.body));
        (code, error["message"].as_str().unwrap_or_default())
    }

    #[track_caller]
    fn failed(&self, code: &str) {
        assert_eq!(self.error().0, code, "{:#}", self.body);
    }
}

async fn call(who: &Client<'_>, field: &'static str, input: Value) -> Answer {
    let type_name = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let query = format!(
        "mutation($input: {type_name}!) {{ {field}(input: $input) {{ {} \
         userErrors {{ code message field details {{ available }} }} }} }}",
        payload_of(field)
    );
    Answer { body: who.ask(&query, json!({ "input": input })).await.body, field }
}

fn region(key: i64) -> String {
    global(RegionId(key)).0
}

fn delegation(key: i64) -> String {
    global(DelegationId(key)).0
}

/// A move of budget between delegates.
fn a_move(from: &str, to: &str, amount: &str) -> Value {
    json!({ "year": 2026, "from": { "delegate": person(from) }, "to": { "delegate": person(to) },
            "amount": amount, "reason": "Trade fair" })
}

/// The same with something else said.
fn but(input: Value, more: Value) -> Value {
    crate::network::but(input, more)
}

/// An allocation of 2027 among the three delegates.
fn allocation() -> Value {
    let objectives: Vec<Value> = ["delegate3", "delegate2", "delegate"]
        .into_iter()
        .map(|name| json!({ "delegate": person(name), "weight": "1.00" }))
        .collect();
    json!({ "year": 2027, "total": "1000.00", "objectives": objectives,
            "regions": [{ "region": region(2), "amount": "70.00" }], "management": "30.00", "pool": "500.00" })
}

/// A gesture asked for by the assistant for the delegate.
fn a_gesture(amount: &str) -> Value {
    json!({ "memberName": "Jeanne Morel", "memberNumber": "M-12", "amount": amount, "motive": "A claim settled late",
            "requestedFor": person("delegate") })
}

async fn requested(app: &TestApp, amount: &str) -> Value {
    call(&app.assistant(), "requestGoodwill", a_gesture(amount)).await.good()["gesture"].clone()
}

fn decision(gesture: &Value, decision: &str) -> Value {
    json!({ "id": gesture["id"], "expectedVersion": gesture["version"], "decision": decision, "reason": "Long a member" })
}

fn payment(gesture: &Value) -> Value {
    json!({ "id": gesture["id"], "expectedVersion": gesture["version"], "paidOn": "2026-03-16", "chequeNumber": "000123" })
}

/// The balances of the 2026 envelopes: allocated, committed, consumed, by whose they are.
async fn balances(app: &TestApp) -> BTreeMap<String, [i64; 3]> {
    let rows = envelope::Entity::find().all(app.app.database.reader()).await.expect("envelopes");
    let name = |row: &envelope::Model| match (row.person_id, row.region_id) {
        (Some(person), _) => PEOPLE[usize::try_from(person.0).expect("a key") - 1].0.to_owned(),
        (None, Some(region)) => format!("region {region}"),
        (None, None) => row.kind.code().to_owned(),
    };
    let of_2026 = rows.iter().filter(|row| row.year == 2026);
    of_2026.map(|row| (name(row), [row.allocated.0, row.committed.0, row.consumed.0])).collect()
}

/// Commits on a delegate's envelope as an order would.
async fn commit(app: &TestApp, name: &str, family: BudgetFamily, cents: i64) {
    let (person, family, column) = (person_id(name), family.code(), format!("used_{}", family.code().to_lowercase()));
    app.execute(&format!(
        "UPDATE envelope SET committed = committed + {cents}, {column} = {column} + {cents} WHERE person_id = {person}"
    ))
    .await;
    app.execute(&format!(
        "INSERT INTO ledger_entry (envelope_id, kind, family, amount, author_id, at) \
         SELECT id, 'COMMITMENT', '{family}', {cents}, {person}, '2026-03-16T09:00:00+00:00' FROM envelope \
         WHERE person_id = {person} AND year = 2026"
    ))
    .await;
}

/// Gives somebody one more role.
async fn also(app: &TestApp, name: &str, role: &str) {
    app.execute(&format!("INSERT INTO person_role (person_id, role_code) VALUES ({}, '{role}')", person_id(name)))
        .await;
    app.app.directory.forget();
}

/// Makes somebody the deputy of somebody else for the month.
async fn stands_in(app: &TestApp, deputy: &str, absent: &str) {
    let (deputy, absent) = (person_id(deputy), person_id(absent));
    app.execute(&format!(
        "INSERT INTO deputy (absent_id, deputy_id, first_day, last_day, named_by_id, created_at, version) \
         VALUES ({absent}, {deputy}, '2026-03-01', '2026-03-31', {absent}, '2026-03-01T09:00:00+00:00', 1)"
    ))
    .await;
    app.app.directory.forget();
}

async fn conn(app: &TestApp) -> Conn {
    Conn::reader(&app.app.database, Arc::<Meter>::default())
}

/// Nothing is wrong with the ledger.
async fn sound(app: &TestApp) {
    assert_eq!(budgets::check(&conn(app).await).await.expect("a check"), []);
}

async fn kinds_of_events(app: &TestApp) -> Vec<String> {
    let rows = ::entity::platform::event::Entity::find().all(app.app.database.reader()).await.expect("events");
    let since = rows.into_iter().filter(|row| row.position != Some(1));
    since.map(|row| row.kind).filter(|kind| !kind.starts_with("identity.")).collect()
}

// ---------------------------------------------------------------------------------------------------
// B-2

async fn b2_a_budget_is_shared_out_to_the_cent(backend: Backend) {
    let app = TestApp::start(backend).await;
    let sales_admin = app.person("sales-admin");
    let made = call(&sales_admin, "allocateBudgets", allocation()).await.good();
    assert_eq!(made["budgetYear"], json!({ "year": 2027, "status": "OPEN", "version": 2 }));
    let got: Vec<(&str, &str, &str)> = made["envelopes"]
        .as_array()
        .expect("envelopes")
        .iter()
        .map(|e| {
            let whose = e["delegate"]["code"].as_str().or(e["region"]["code"].as_str()).unwrap_or_default();
            (e["kind"].as_str().expect("a kind"), whose, e["allocated"].as_str().expect("an amount"))
        })
        .collect();
    // The cent that is left over goes to the first code; a region that is not named gets nothing.
    let expected = [
        ("POOL", "", "500.00"),
        ("MANAGEMENT", "", "30.00"),
        ("REGION", "NORD", "0.00"),
        ("REGION", "SUD", "70.00"),
        ("DELEGATE", "DELEGATE", "333.34"),
        ("DELEGATE", "DELEGATE2", "333.33"),
        ("DELEGATE", "DELEGATE3", "333.33"),
    ];
    assert_eq!(got, expected);
    let entries =
        "FROM ledger_entry l JOIN envelope e ON e.id = l.envelope_id WHERE e.year = 2027 AND l.kind = 'ALLOCATION'";
    assert_eq!(app.number(&format!("SELECT CAST(SUM(l.amount) AS BIGINT) {entries}")).await, 160_000);
    assert_eq!(kinds_of_events(&app).await, ["budget.allocated"]);
    sound(&app).await;
    app.nothing_moves(async {
        call(&sales_admin, "allocateBudgets", allocation()).await.refused(&["ALREADY_ALLOCATED"]);
        call(&sales_admin, "allocateBudgets", but(allocation(), json!({ "year": 2025 })))
            .await
            .refused(&["YEAR_CLOSED"]);
    })
    .await;
    // A year that nobody planned is made with the rules that are shipped.
    let new = call(&sales_admin, "allocateBudgets", but(allocation(), json!({ "year": 2028 }))).await.good();
    assert_eq!(new["budgetYear"], json!({ "year": 2028, "status": "OPEN", "version": 1 }));
    sound(&app).await;
}

async fn b2_what_cannot_be_shared_out_is_refused_whole(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.execute(&format!("UPDATE person SET active = FALSE WHERE id = {}", person_id("delegate3"))).await;
    let sales_admin = app.person("sales-admin");
    let objective = |id: String, weight: &str| json!({ "delegate": id, "weight": weight });
    let with = |more: Value| call(&sales_admin, "allocateBudgets", but(allocation(), more));
    app.nothing_moves(async {
        with(json!({ "objectives": [] })).await.refused(&["NO_OBJECTIVES"]);
        with(json!({ "objectives": [objective(person("delegate"), "0")] })).await.refused(&["NO_OBJECTIVES"]);
        // Nobody but an active delegate: not the manager, the assistant, who left, or who never was.
        let unknown = global(::entity::vocabulary::PersonId(4711)).0;
        let people = [person("delegate"), person("rr"), person("assistant"), person("delegate3"), unknown];
        let objectives: Vec<Value> = people.into_iter().map(|id| objective(id, "1.00")).collect();
        let refused = with(json!({ "objectives": objectives })).await.refused(&["NO_OBJECTIVES"; 4]);
        let errors = refused["userErrors"].as_array().expect("errors");
        let fields: Vec<Value> = errors.iter().map(|error| error["field"].clone()).collect();
        let expected: Vec<Value> = (1..5).map(|i| json!(["objectives", i.to_string(), "delegate"])).collect();
        assert_eq!(fields, expected);
        // Everything at once.
        let all = with(json!({
            "total": "0", "management": "-1", "pool": "-0.01", "objectives": [objective(person("delegate"), "-5")],
            "regions": [{ "region": region(1), "amount": "-1" }]
        }));
        let refused = all.await.refused(&["AMOUNT_INVALID"; 5]);
        assert_eq!(refused["userErrors"][1]["field"], json!(["objectives", "0", "weight"]));
        let twice = vec![objective(person("delegate"), "1.00"); 2];
        with(json!({ "objectives": twice })).await.failed("BAD_USER_INPUT");
        with(json!({ "year": 1999 })).await.failed("BAD_USER_INPUT");
        with(json!({ "objectives": [objective(person("delegate"), "1")], "regions": [{ "region": region(9), "amount": "1" }] }))
            .await
            .failed("NOT_FOUND");
    })
    .await;
}

async fn b2_a_dry_run_shows_everything_and_writes_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (sales_admin, rr) = (app.person("sales-admin"), app.rr());
    app.nothing_moves(async {
        let shown = call(&sales_admin, "allocateBudgets", but(allocation(), json!({ "dryRun": true }))).await.good();
        assert_eq!(shown["budgetYear"]["status"], "OPEN");
        assert_eq!(shown["envelopes"].as_array().map(Vec::len), Some(7));
        let shown = call(&rr, "moveBudget", but(a_move("delegate", "delegate2", "10.00"), json!({ "dryRun": true })));
        let shown = shown.await.good();
        assert_eq!((&shown["from"]["allocated"], &shown["to"]["allocated"]), (&json!("9990.00"), &json!("10010.00")));
        let shown = call(&app.assistant(), "requestGoodwill", but(a_gesture("5.00"), json!({ "dryRun": true }))).await;
        assert_eq!(shown.good()["gesture"]["status"], "REQUESTED");
    })
    .await;
    // What was tried out can be done.
    call(&rr, "moveBudget", a_move("delegate", "delegate2", "10.00")).await.good();
}

// ---------------------------------------------------------------------------------------------------
// B-6

async fn b6_budget_moves_from_delegates_and_from_the_region(backend: Backend) {
    let app = TestApp::start(backend).await;
    let moved = call(&app.rr(), "moveBudget", a_move("delegate", "delegate2", "1234.56")).await.good();
    assert_eq!(moved["from"]["available"], "8765.44");
    assert_eq!(moved["to"]["available"], "11234.56");
    assert_eq!(moved["from"]["version"], 2);
    let from_region = but(a_move("delegate", "delegate2", "0.01"), json!({ "from": { "region": region(1) } }));
    call(&app.rr(), "moveBudget", from_region).await.good();
    let after = balances(&app).await;
    assert_eq!(after["delegate"], [876_544, 0, 0]);
    assert_eq!(after["delegate2"], [1_123_457, 0, 0]);
    assert_eq!(after["region 1"], [499_999, 0, 0]);
    assert_eq!(kinds_of_events(&app).await, ["budget.moved", "budget.moved"]);
    sound(&app).await;
    // The ledger names who moved it, when, why, and from which side.
    let query = "query($f: EnvelopeFilter) { budgets(year: 2026, filter: $f) { nodes { ledger { nodes { kind amount \
                 reason author { code } at decisionId } } } } }";
    let reply = app.rr().ask(query, json!({ "f": { "delegate": { "eq": person("delegate") } } })).await;
    let entries = &reply.data()["budgets"]["nodes"][0]["ledger"]["nodes"];
    let decision = &entries[0]["decisionId"];
    let expected = json!({ "kind": "TRANSFER", "amount": "-1234.56", "reason": "Trade fair", "author": { "code": "RR" },
                           "at": "2026-03-16T09:00:00+00:00", "decisionId": decision });
    assert_eq!(entries[0], expected);
    // Each decision moved on two envelopes, and both name it.
    assert!(decision.is_string(), "{decision}");
    let pairs = "SELECT COUNT(*) FROM (SELECT decision_id FROM ledger_entry WHERE kind = 'TRANSFER' \
                 GROUP BY decision_id HAVING COUNT(*) = 2 AND SUM(amount) = 0) AS pairs";
    assert_eq!(app.number(pairs).await, 2);
    assert_eq!(entries[1]["kind"], "ALLOCATION");
}

async fn b6_a_donor_keeps_its_promises_and_its_split(backend: Backend) {
    let app = TestApp::start(backend).await;
    let rr = app.rr();
    let try_move = async |amount: &str, codes: &[&str]| {
        let refused = call(&rr, "moveBudget", a_move("delegate", "delegate2", amount)).await.refused(codes);
        refused["userErrors"][0]["details"]["available"].as_str().map(str::to_owned)
    };
    // 6 500 used by catalogue orders: the custom minimum of what is left must stay reachable.
    commit(&app, "delegate", BudgetFamily::Standard, 650_000).await;
    app.nothing_moves(async {
        assert_eq!(try_move("714.29", &["SPLIT_MINIMUM"]).await.as_deref(), Some("714.28"));
        assert_eq!(try_move("3500.01", &["BELOW_COMMITTED", "SPLIT_MINIMUM"]).await.as_deref(), Some("714.28"));
    })
    .await;
    call(&rr, "moveBudget", a_move("delegate", "delegate2", "714.28")).await.good();
    // 3 000 of 10 000 used by refunds is the maximum exactly: nothing can leave.
    commit(&app, "delegate3", BudgetFamily::Refund, 300_000).await;
    app.execute("UPDATE envelope SET region_id = 1 WHERE region_id = 2 AND kind = 'DELEGATE'").await;
    app.nothing_moves(async {
        let refused =
            call(&rr, "moveBudget", a_move("delegate3", "delegate2", "0.01")).await.refused(&["SPLIT_MAXIMUM"]);
        assert_eq!(refused["userErrors"][0]["details"]["available"], "0.00");
        assert_eq!(refused["userErrors"][0]["field"], json!(["amount"]));
    })
    .await;
    // The regional manager's envelope has no split, but it has a bottom.
    let from_region = but(a_move("delegate", "delegate2", "5000.01"), json!({ "from": { "region": region(1) } }));
    let refused = call(&rr, "moveBudget", from_region).await.refused(&["BELOW_COMMITTED"]);
    assert_eq!(refused["userErrors"][0]["details"]["available"], "5000.00");
    // The commitments were made behind the ledger's back: with it, everything adds up.
    sound(&app).await;
}

async fn b6_each_move_that_is_refused_moves_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let rr = app.rr();
    let with = |more: Value| call(&rr, "moveBudget", but(a_move("delegate", "delegate2", "10.00"), more));
    let stale = app
        .nothing_moves(async {
            with(json!({ "reason": "  " })).await.refused(&["REASON_REQUIRED"]);
            with(json!({ "amount": "0.00" })).await.refused(&["AMOUNT_INVALID"]);
            with(json!({ "amount": "-1.00" })).await.refused(&["AMOUNT_INVALID"]);
            with(json!({ "to": { "delegate": person("delegate") } })).await.refused(&["WRONG_ENVELOPE"]);
            with(json!({ "to": { "delegate": person("assistant") } })).await.refused(&["WRONG_ENVELOPE"]);
            with(json!({ "reason": "", "amount": "0", "to": { "delegate": person("delegate") } })).await.refused(&[
                "REASON_REQUIRED",
                "WRONG_ENVELOPE",
                "AMOUNT_INVALID",
            ]);
            // What one may not read is not there: the other region, and a year without envelopes.
            with(json!({ "to": { "delegate": person("delegate3") } })).await.failed("NOT_FOUND");
            with(json!({ "from": { "delegate": person("delegate3") } })).await.failed("NOT_FOUND");
            with(json!({ "from": { "region": region(2) } })).await.failed("NOT_FOUND");
            with(json!({ "year": 2027 })).await.failed("NOT_FOUND");
            call(&app.rr2(), "moveBudget", a_move("delegate", "delegate2", "10.00")).await.failed("NOT_FOUND");
            // Exactly one donor; money with cents; a reason that can be kept.
            with(json!({ "from": { "delegate": person("delegate"), "region": region(1) } }))
                .await
                .failed("BAD_USER_INPUT");
            with(json!({ "amount": "0.001" })).await.failed("BAD_USER_INPUT");
            with(json!({ "reason": "a\u{0}b" })).await.failed("BAD_USER_INPUT");
            with(json!({ "reason": "x".repeat(2_001) })).await.failed("BAD_USER_INPUT");
            with(json!({ "onBehalfOf": person("rr2") })).await.refused(&["NOT_DEPUTY"]);
            with(json!({ "expectedVersion": 7 })).await.refused(&["CONFLICT"])
        })
        .await;
    // The conflict carries what is there now.
    assert_eq!(stale["from"]["version"], 1);
    with(json!({ "expectedVersion": 1 })).await.good();
    with(json!({ "expectedVersion": 1 })).await.refused(&["CONFLICT"]);
    app.execute("UPDATE budget_year SET status = 'CLOSED' WHERE year = 2026").await;
    with(json!({ "reason": "" })).await.refused(&["YEAR_CLOSED"]);
    app.execute("UPDATE budget_year SET status = 'PLANNED' WHERE year = 2026").await;
    with(json!({})).await.refused(&["YEAR_NOT_OPEN"]);
    let french = call(&app.rr().in_french(), "moveBudget", a_move("delegate", "delegate2", "1.00")).await;
    let message = french.refused(&["YEAR_NOT_OPEN"])["userErrors"][0]["message"].clone();
    assert!(message.as_str().is_some_and(|text| text.contains("n'est pas ouvert")), "{message}");
}

async fn b6_nobody_moves_budget_to_themselves(backend: Backend) {
    let app = TestApp::start(backend).await;
    also(&app, "delegate", "RR").await;
    app.nothing_moves(async {
        let to_me = a_move("delegate2", "delegate", "10.00");
        call(&app.delegate(), "moveBudget", to_me).await.refused(&["SELF_BENEFIT"]);
    })
    .await;
    // The same money to somebody else is no matter.
    call(&app.delegate(), "moveBudget", a_move("delegate", "delegate2", "10.00")).await.good();
    // A deputy does not move it to whom they stand in for, nor to themselves in another's name.
    stands_in(&app, "delegate2", "delegate").await;
    let for_delegate =
        |to: &str, from: &str| but(a_move(from, to, "1.00"), json!({ "onBehalfOf": person("delegate") }));
    app.nothing_moves(async {
        call(&app.delegate2(), "moveBudget", for_delegate("delegate", "delegate2")).await.refused(&["SELF_BENEFIT"]);
        call(&app.delegate2(), "moveBudget", for_delegate("delegate2", "delegate")).await.refused(&["SELF_BENEFIT"]);
        let granted =
            json!({ "year": 2026, "to": { "delegate": person("delegate3") }, "amount": "1.00", "reason": "x" });
        also(&app, "delegate3", "SALES_ADMIN").await;
        call(&app.delegate3(), "grantFromPool", granted).await.refused(&["SELF_BENEFIT"]);
        app.execute("DELETE FROM person_role WHERE role_code = 'SALES_ADMIN' AND person_id = 3").await;
    })
    .await;
}

async fn b6_who_sees_more_than_they_may_move_is_forbidden(backend: Backend) {
    let app = TestApp::start(backend).await;
    also(&app, "rr", "DIRECTOR").await;
    app.nothing_moves(async {
        let other_region = json!({ "from": { "region": region(2) }, "to": { "delegate": person("delegate3") } });
        call(&app.rr(), "moveBudget", but(a_move("delegate", "delegate2", "1.00"), other_region))
            .await
            .failed("FORBIDDEN");
        call(&app.rr(), "moveBudget", a_move("delegate", "delegate3", "1.00")).await.failed("FORBIDDEN");
    })
    .await;
    // Where a policy lets somebody move budget everywhere, it still stays within the region.
    app.execute(
        "INSERT INTO policy_line (kind, subject, object, step, scope) VALUES ('p', 'DIRECTOR', 'moveBudget', '-', 'all')",
    )
    .await;
    app.app.reload_policy().await.expect("the policy");
    call(&app.rr(), "moveBudget", a_move("delegate", "delegate3", "1.00")).await.refused(&["WRONG_ENVELOPE"]);
}

async fn b6_new_delegates_get_an_envelope_with_their_first_budget(backend: Backend) {
    let app = TestApp::start(backend).await;
    // The assistant becomes a delegate in the middle of the year.
    app.execute(&format!("UPDATE person_role SET role_code = 'DELEGATE' WHERE person_id = {}", person_id("assistant")))
        .await;
    app.app.directory.forget();
    let moved = call(&app.rr(), "moveBudget", a_move("delegate", "assistant", "300.00")).await.good();
    assert_eq!(moved["to"]["allocated"], "300.00");
    assert_eq!(moved["to"]["delegate"]["code"], "ASSISTANT");
    assert_eq!(balances(&app).await["assistant"], [30_000, 0, 0]);
    sound(&app).await;
}

async fn the_pool_is_granted_from_until_it_is_empty(backend: Backend) {
    let app = TestApp::start(backend).await;
    let sales_admin = app.person("sales-admin");
    let grant = |to: Value, amount: &str| {
        let input = json!({ "year": 2026, "to": to, "amount": amount, "reason": "Launch" });
        call(&sales_admin, "grantFromPool", input)
    };
    grant(json!({ "delegate": person("delegate3") }), "1000.00").await.good();
    grant(json!({ "region": region(2) }), "2000.00").await.good();
    let granted = grant(json!({ "management": true }), "3000.00").await.good();
    assert_eq!(granted["from"]["kind"], "POOL");
    assert_eq!(granted["to"]["kind"], "MANAGEMENT");
    let after = balances(&app).await;
    assert_eq!((after["POOL"][0], after["MANAGEMENT"][0]), (4_400_000, 500_000));
    assert_eq!((after["delegate3"][0], after["region 2"][0]), (1_100_000, 700_000));
    assert_eq!(kinds_of_events(&app).await, ["budget.granted"; 3]);
    app.nothing_moves(async {
        let refused = grant(json!({ "region": region(1) }), "44000.01").await.refused(&["BELOW_COMMITTED"]);
        assert_eq!(refused["userErrors"][0]["details"]["available"], "44000.00");
        grant(json!({ "management": false }), "1.00").await.failed("BAD_USER_INPUT");
        grant(json!({ "region": region(9) }), "1.00").await.failed("NOT_FOUND");
        grant(json!({ "delegate": person("rr") }), "1.00").await.refused(&["WRONG_ENVELOPE"]);
        grant(json!({}), "1.00").await.failed("BAD_USER_INPUT");
    })
    .await;
    grant(json!({ "region": region(1) }), "44000.00").await.good();
    sound(&app).await;
}

async fn keys_replay_the_answer_and_no_other_request(backend: Backend) {
    let app = TestApp::start(backend).await;
    let keyed =
        |more: Value| but(but(a_move("delegate", "delegate2", "10.00"), json!({ "idempotencyKey": "k1" })), more);
    call(&app.rr(), "moveBudget", keyed(json!({}))).await.good();
    app.nothing_moves(async {
        call(&app.rr(), "moveBudget", keyed(json!({}))).await.good();
        let other = [json!({ "amount": "11.00" }), json!({ "expectedVersion": 2 }), json!({ "reason": "Another" })];
        for more in other {
            call(&app.rr(), "moveBudget", keyed(more)).await.refused(&["IDEMPOTENCY_MISMATCH"]);
        }
    })
    .await;
    // A refusal is replayed, too, even where the move would now be possible.
    let too_much = keyed(json!({ "amount": "10000.00", "idempotencyKey": "k2" }));
    call(&app.rr(), "moveBudget", too_much.clone()).await.refused(&["BELOW_COMMITTED"]);
    call(&app.rr(), "moveBudget", a_move("delegate2", "delegate", "5000.00")).await.good();
    call(&app.rr(), "moveBudget", too_much).await.refused(&["BELOW_COMMITTED"]);
    let gesture = but(a_gesture("5.00"), json!({ "idempotencyKey": "k3" }));
    let first = call(&app.assistant(), "requestGoodwill", gesture.clone()).await.good();
    let again = call(&app.assistant(), "requestGoodwill", gesture).await.good();
    assert_eq!(first["gesture"]["id"], again["gesture"]["id"]);
    assert_eq!(app.number("SELECT COUNT(*) FROM goodwill").await, 1);
}

// ---------------------------------------------------------------------------------------------------
// The rules of a year

async fn the_rules_of_a_year_are_planned_and_changed(backend: Backend) {
    let app = TestApp::start(backend).await;
    let sales_admin = app.person("sales-admin");
    let update = |more: Value| call(&sales_admin, "updateBudgetYear", but(json!({ "year": 2030 }), more));
    let planned = update(json!({ "expectedVersion": 0 })).await.good();
    let shipped = json!({ "year": 2030, "status": "PLANNED", "version": 1, "autoStandardBelow": "500.00",
        "refundMaximum": "30", "customMinimum": "30", "standardMinimum": "10", "standardClosesOn": "2030-12-31",
        "customClosesOn": "2030-12-10", "receiptDueMonths": 1 });
    assert_eq!(planned["budgetYear"], shipped);
    let changed = update(json!({ "refundMaximum": "12.5", "customMinimum": "90", "customClosesOn": "2030-11-30" }));
    let changed = changed.await.good();
    assert_eq!(changed["budgetYear"]["refundMaximum"], "12.5");
    assert_eq!(changed["budgetYear"]["version"], 2);
    app.nothing_moves(async {
        // What is the same already writes nothing.
        assert_eq!(update(json!({ "refundMaximum": "12.50" })).await.good()["budgetYear"]["version"], 2);
        let stale = update(json!({ "expectedVersion": 1, "refundMaximum": "13" })).await.refused(&["CONFLICT"]);
        assert_eq!(stale["budgetYear"]["version"], 2);
        let message = stale["userErrors"][0]["message"].as_str().expect("a message");
        assert!(message.contains("sales-admin, on 2026-"), "who was faster, and when: {message}");
        let wrong =
            update(json!({ "standardMinimum": "10.01", "autoCustomBelow": "-1", "standardClosesOn": "2031-01-01" }));
        wrong.await.refused(&["AMOUNT_INVALID", "AMOUNT_INVALID", "DATE_OUTSIDE_YEAR"]);
        update(json!({ "refundMaximum": "100.01" })).await.failed("BAD_USER_INPUT");
        update(json!({ "receiptDueMonths": 25 })).await.failed("BAD_USER_INPUT");
        update(json!({ "year": 2201 })).await.failed("BAD_USER_INPUT");
        update(json!({ "year": 2025, "refundMaximum": "1" })).await.refused(&["YEAR_CLOSED"]);
    })
    .await;
    assert_eq!(kinds_of_events(&app).await, ["budget.year_changed", "budget.year_changed"]);
    let years =
        app.delegate().ask("{ budgetYears { year status } budgetYear(year: 2030) { version } }", json!({})).await;
    let listed: Vec<&Value> =
        years.data()["budgetYears"].as_array().expect("years").iter().map(|y| &y["year"]).collect();
    assert_eq!(listed, [2030, 2027, 2026, 2025]);
    assert_eq!(years.data()["budgetYear"]["version"], 2);
}

// ---------------------------------------------------------------------------------------------------
// O-6

fn allowed(gesture: &Value) -> Vec<&str> {
    let actions = gesture["availableActions"].as_array().expect("actions");
    actions.iter().filter(|a| a["allowed"] == true).map(|a| a["action"].as_str().expect("an action")).collect()
}

async fn o6_a_gesture_is_asked_for_approved_and_paid(backend: Backend) {
    let app = TestApp::start(backend).await;
    let sales_admin = app.person("sales-admin");
    let before = balances(&app).await;
    let gesture = requested(&app, "150.00").await;
    assert_eq!((&gesture["status"], &gesture["year"]), (&json!("REQUESTED"), &json!(2026)));
    assert_eq!(app.number("SELECT COUNT(*) FROM work_item WHERE kind = 'GOODWILL_DECISION'").await, 1);
    let seen = sales_admin
        .ask(
            &format!("query($id: ID!) {{ node(id: $id) {{ ... on GoodwillGesture {{ {ACTIONS} }} }} }}"),
            json!({ "id": gesture["id"] }),
        )
        .await;
    assert_eq!(allowed(&seen.data()["node"]), ["APPROVE", "REFUSE"]);

    let approved = call(&sales_admin, "decideGoodwill", decision(&gesture, "APPROVE")).await.good()["gesture"].clone();
    assert_eq!((&approved["status"], allowed(&approved)), (&json!("APPROVED"), vec!["RECORD_PAID"]));
    assert_eq!(balances(&app).await["MANAGEMENT"], [200_000, 15_000, 0]);
    assert_eq!(app.number("SELECT COUNT(*) FROM work_item WHERE kind = 'GOODWILL_PAYMENT'").await, 1);
    sound(&app).await;

    let paid = call(&sales_admin, "recordGoodwillPaid", payment(&approved)).await.good()["gesture"].clone();
    assert_eq!(
        (&paid["status"], &paid["chequeNumber"], &paid["paidOn"]),
        (&json!("PAID"), &json!("000123"), &json!("2026-03-16"))
    );
    let mut after = balances(&app).await;
    assert_eq!(after.remove("MANAGEMENT"), Some([200_000, 0, 15_000]));
    assert!(after.iter().all(|(whose, balance)| before[whose] == *balance), "no other envelope is touched");
    assert_eq!(app.number("SELECT COUNT(*) FROM work_item").await, 0);
    assert_eq!(kinds_of_events(&app).await, ["goodwill.requested", "goodwill.approved", "goodwill.paid"]);
    sound(&app).await;
    // The ledger of the management budget leads to the gesture, for whoever may read it.
    let query = "{ budgets(year: 2026, filter: { kind: { eq: MANAGEMENT } }) { nodes { ledger { totalCount nodes { kind amount goodwill { id } } } } } }";
    let reply = sales_admin.ask(query, json!({})).await;
    let ledger = &reply.data()["budgets"]["nodes"][0]["ledger"];
    assert_eq!(ledger["totalCount"], 4);
    let kinds: Vec<&Value> = ledger["nodes"].as_array().expect("entries").iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["CONSUMPTION", "RELEASE", "COMMITMENT", "ALLOCATION"]);
    assert_eq!(ledger["nodes"][2]["goodwill"]["id"], gesture["id"]);
}

async fn o6_refusals_have_reasons_and_deficits_amounts(backend: Backend) {
    let app = TestApp::start(backend).await;
    let sales_admin = app.person("sales-admin");
    app.nothing_moves(async {
        call(&app.assistant(), "requestGoodwill", but(a_gesture("0"), json!({ "memberName": " ", "motive": "" })))
            .await
            .refused(&["NAME_REQUIRED", "AMOUNT_INVALID", "REASON_REQUIRED"]);
        let years = [(2025, "YEAR_CLOSED"), (2027, "YEAR_NOT_OPEN"), (2040, "YEAR_NOT_OPEN")];
        for (year, code) in years {
            call(&app.assistant(), "requestGoodwill", but(a_gesture("1"), json!({ "year": year })))
                .await
                .refused(&[code]);
        }
        // Nobody asks for somebody out of reach, or names a delegation that is not theirs.
        let elsewhere = [json!({ "requestedFor": person("delegate3") }), json!({ "delegation": delegation(3) })];
        for more in elsewhere {
            call(&app.assistant(), "requestGoodwill", but(a_gesture("1"), more)).await.failed("FORBIDDEN");
        }
        call(&app.delegate(), "requestGoodwill", but(a_gesture("1"), json!({ "requestedFor": person("delegate2") })))
            .await
            .failed("FORBIDDEN");
        let of_rr = json!({ "memberName": "A", "amount": "1", "motive": "b" });
        call(&app.rr(), "requestGoodwill", of_rr.clone()).await.refused(&["DELEGATION_REQUIRED"]);
        call(&app.rr(), "requestGoodwill", but(of_rr, json!({ "delegation": delegation(3) })))
            .await
            .failed("FORBIDDEN");
    })
    .await;
    let of_rr = json!({ "memberName": "A", "amount": "1", "motive": "b", "delegation": delegation(2) });
    call(&app.rr(), "requestGoodwill", of_rr).await.good();

    let gesture = requested(&app, "2000.01").await;
    app.nothing_moves(async {
        let refused =
            call(&sales_admin, "decideGoodwill", decision(&gesture, "APPROVE")).await.refused(&["BUDGET_DEFICIT"]);
        assert_eq!(refused["userErrors"][0]["details"]["available"], "2000.00");
        let reasons = &refused["gesture"]["availableActions"][0]["reasons"];
        assert_eq!(*reasons, json!([{ "code": "BUDGET_DEFICIT" }]), "availableActions tells the same");
        let no_reason = but(decision(&gesture, "REFUSE"), json!({ "reason": " " }));
        call(&sales_admin, "decideGoodwill", no_reason).await.refused(&["REASON_REQUIRED"]);
        call(&sales_admin, "recordGoodwillPaid", payment(&gesture)).await.refused(&["WRONG_STATUS"]);
        let stale = but(decision(&gesture, "REFUSE"), json!({ "expectedVersion": 9 }));
        call(&sales_admin, "decideGoodwill", stale).await.refused(&["CONFLICT"]);
        let unknown = but(decision(&gesture, "REFUSE"), json!({ "id": global(GoodwillId(4711)).0 }));
        call(&sales_admin, "decideGoodwill", unknown).await.failed("NOT_FOUND");
    })
    .await;
    let refused = call(&sales_admin, "decideGoodwill", decision(&gesture, "REFUSE")).await.good();
    assert_eq!(
        (&refused["gesture"]["status"], &refused["gesture"]["decisionReason"]),
        (&json!("REFUSED"), &json!("Long a member"))
    );
    assert_eq!(balances(&app).await["MANAGEMENT"], [200_000, 0, 0]);

    let gesture = requested(&app, "10.00").await;
    let approved = call(&sales_admin, "decideGoodwill", decision(&gesture, "APPROVE")).await.good()["gesture"].clone();
    app.nothing_moves(async {
        let pay = |more: Value| call(&sales_admin, "recordGoodwillPaid", but(payment(&approved), more));
        pay(json!({ "paidOn": "2026-03-17" })).await.refused(&["DATE_IN_FUTURE"]);
        pay(json!({ "paidOn": "2026-03-15" })).await.refused(&["DATE_INVALID"]);
        pay(json!({ "chequeNumber": " " })).await.failed("BAD_USER_INPUT");
        call(&sales_admin, "decideGoodwill", decision(&approved, "APPROVE")).await.refused(&["WRONG_STATUS"]);
    })
    .await;
    sound(&app).await;
}

async fn o6_nobody_decides_their_own_request(backend: Backend) {
    let app = TestApp::start(backend).await;
    also(&app, "assistant", "SALES_ADMIN").await;
    also(&app, "delegate", "SALES_ADMIN").await;
    let gesture = requested(&app, "10.00").await;
    app.nothing_moves(async {
        for who in ["assistant", "delegate"] {
            for what in ["APPROVE", "REFUSE"] {
                let refused = call(&app.person(who), "decideGoodwill", decision(&gesture, what))
                    .await
                    .refused(&["SELF_VALIDATION"]);
                let reasons = &refused["gesture"]["availableActions"][0]["reasons"];
                assert_eq!(*reasons, json!([{ "code": "SELF_VALIDATION" }]));
            }
        }
    })
    .await;
    // Nor does a deputy for them; in the own name, which is somebody else's, it may be decided.
    stands_in(&app, "sales-admin", "delegate").await;
    let for_delegate = but(decision(&gesture, "APPROVE"), json!({ "onBehalfOf": person("delegate") }));
    call(&app.person("sales-admin"), "decideGoodwill", for_delegate).await.refused(&["SELF_VALIDATION"]);
    call(&app.person("sales-admin"), "decideGoodwill", decision(&gesture, "APPROVE")).await.good();
}

async fn o6_a_deputy_asks_in_the_name_of_the_absent(backend: Backend) {
    let app = TestApp::start(backend).await;
    stands_in(&app, "delegate2", "rr").await;
    let request = json!({ "memberName": "A", "amount": "1", "motive": "b", "delegation": delegation(2), "onBehalfOf": person("rr") });
    let asked = call(&app.delegate2(), "requestGoodwill", request.clone()).await.good();
    let query = "query($id: ID!) { node(id: $id) { ... on GoodwillGesture { requester { code } requestedFor { code } delegation { code } } } }";
    let reply = app.rr().ask(query, json!({ "id": asked["gesture"]["id"] })).await;
    let expected = json!({ "requester": { "code": "DELEGATE2" }, "requestedFor": { "code": "RR" }, "delegation": { "code": "AMIENS" } });
    assert_eq!(reply.data()["node"], expected);
    app.nothing_moves(async {
        let third = but(request, json!({ "requestedFor": person("delegate") }));
        call(&app.delegate2(), "requestGoodwill", third).await.failed("BAD_USER_INPUT");
    })
    .await;
    // Both are barred.
    also(&app, "delegate2", "SALES_ADMIN").await;
    also(&app, "rr", "SALES_ADMIN").await;
    for who in ["delegate2", "rr"] {
        call(&app.person(who), "decideGoodwill", decision(&asked["gesture"], "APPROVE"))
            .await
            .refused(&["SELF_VALIDATION"]);
    }
}

// ---------------------------------------------------------------------------------------------------
// Roles and scopes

/// Whether a name exists for somebody: a query with it is answered otherwise than one with a misspelt one.
async fn knows(who: &Client<'_>, document: &str) -> bool {
    let reply = who.ask(document, json!({})).await;
    !reply.message().contains("Unknown field")
}

/// Everybody who reads budgets.
fn budgeted() -> Vec<&'static str> {
    PEOPLE.iter().map(|p| p.0).filter(|n| !["platform-admin", "engagement"].contains(n)).collect()
}

async fn each_role_has_its_names_and_no_others(backend: Backend) {
    let app = TestApp::start(backend).await;
    let names = [
        ("mutation { allocateBudgets }", vec!["sales-admin"]),
        ("mutation { grantFromPool }", vec!["sales-admin"]),
        ("mutation { updateBudgetYear }", vec!["sales-admin"]),
        ("mutation { moveBudget }", vec!["rr", "rr2"]),
        ("mutation { requestGoodwill }", vec!["delegate", "delegate2", "delegate3", "assistant", "rr", "rr2"]),
        ("mutation { decideGoodwill }", vec!["sales-admin", "director"]),
        ("mutation { recordGoodwillPaid }", vec!["sales-admin"]),
        (
            "{ goodwillGestures }",
            PEOPLE.iter().map(|p| p.0).filter(|n| !["pdv", "platform-admin", "engagement"].contains(n)).collect(),
        ),
        ("{ budgets }", budgeted()),
        ("{ delegationBalance }", budgeted()),
        ("{ budgetYears }", budgeted()),
    ];
    for (document, holders) in names {
        for (name, ..) in PEOPLE {
            let held = knows(&app.person(name), document).await;
            assert_eq!(held, holders.contains(name), "{name}: {document}");
        }
    }
    // Sales promotion reads the ledger, and nothing of the gestures behind it.
    let query = "{ budgets(year: 2026) { nodes { ledger { nodes { goodwill { id } } } } } }";
    assert!(!knows(&app.pdv(), query).await);
    assert!(knows(&app.rr(), query).await);
}

async fn kinds(who: &Client<'_>) -> Vec<String> {
    let reply = who
        .ask("{ budgets(year: 2026) { totalCount nodes { id kind delegate { code } region { code } } } }", json!({}))
        .await;
    let nodes = reply.data()["budgets"]["nodes"].as_array().expect("nodes").clone();
    assert_eq!(reply.data()["budgets"]["totalCount"], nodes.len());
    let name = |node: &Value| {
        let whose = node["delegate"]["code"].as_str().or(node["region"]["code"].as_str()).unwrap_or_default();
        format!("{} {whose}", node["kind"].as_str().expect("a kind")).trim().to_owned()
    };
    nodes.iter().map(name).collect()
}

async fn each_role_reads_what_is_within_its_scope(backend: Backend) {
    let app = TestApp::start(backend).await;
    let lille = ["DELEGATE DELEGATE", "DELEGATE DELEGATE2"];
    let all = [
        "DELEGATE DELEGATE",
        "DELEGATE DELEGATE2",
        "DELEGATE DELEGATE3",
        "REGION NORD",
        "REGION SUD",
        "POOL",
        "MANAGEMENT",
    ];
    for name in ["delegate", "delegate2", "assistant"] {
        assert_eq!(kinds(&app.person(name)).await, lille, "{name}");
    }
    assert_eq!(kinds(&app.delegate3()).await, ["DELEGATE DELEGATE3"]);
    assert_eq!(kinds(&app.rr()).await, [lille[0], lille[1], "REGION NORD"]);
    assert_eq!(kinds(&app.rr2()).await, ["DELEGATE DELEGATE3", "REGION SUD"]);
    for name in ["pdv", "sales-admin", "director"] {
        assert_eq!(kinds(&app.person(name)).await, all, "{name}");
    }
    // By global id it is the same.
    let nodes = async |who: Client<'_>| {
        let ids: Vec<String> = (1..=7).map(|key| global(EnvelopeId(key)).0).collect();
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
        let reply = who.ask(query, json!({ "ids": ids })).await;
        reply.data()["nodes"].as_array().expect("nodes").iter().filter(|node| !node.is_null()).count()
    };
    assert_eq!((nodes(app.delegate()).await, nodes(app.rr2()).await, nodes(app.pdv()).await), (2, 2, 7));
    assert_eq!(nodes(app.person("platform-admin")).await, 0);
    // The delegation's balance is shown to everybody of the delegation, and to whoever reads it anyway.
    let balance = async |who: Client<'_>, key: i64| {
        let query = "query($d: ID!) { delegationBalance(year: 2026, delegation: $d) { allocated committed consumed available delegation { code } } }";
        who.ask(query, json!({ "d": delegation(key) })).await.data()["delegationBalance"].clone()
    };
    let sum = json!({ "allocated": "20000.00", "committed": "0.00", "consumed": "0.00", "available": "20000.00", "delegation": { "code": "LILLE" } });
    for name in ["delegate", "assistant", "rr", "pdv"] {
        assert_eq!(balance(app.person(name), 1).await, sum, "{name}");
    }
    assert_eq!(balance(app.delegate3(), 1).await, Value::Null);
    assert_eq!(balance(app.rr2(), 1).await, Value::Null);
    assert_eq!(balance(app.rr(), 9).await, Value::Null);
    assert_eq!(balance(app.rr(), 2).await["allocated"], "0.00");
    // Even where the policy leaves the delegate no envelope but their own.
    app.execute("UPDATE policy_line SET scope = 'own' WHERE subject = 'DELEGATE' AND object = 'readBudgets'").await;
    app.app.reload_policy().await.expect("the policy");
    assert_eq!(kinds(&app.delegate()).await, ["DELEGATE DELEGATE"]);
    assert_eq!(balance(app.delegate(), 1).await, sum);
    // Gestures: own are those asked for by one or for one.
    requested(&app, "10.00").await;
    let gestures = async |who: Client<'_>| {
        let reply = who.ask("{ goodwillGestures { totalCount nodes { id } } }", json!({})).await;
        reply.data()["goodwillGestures"]["totalCount"].as_i64()
    };
    for (name, seen) in
        [("delegate", 1), ("delegate2", 0), ("assistant", 1), ("delegate3", 0), ("rr", 1), ("rr2", 0), ("director", 1)]
    {
        assert_eq!(gestures(app.person(name)).await, Some(seen), "{name}");
    }
    let foreign = json!({ "id": global(GoodwillId(1)).0, "decision": "APPROVE" });
    also(&app, "rr2", "DIRECTOR").await;
    app.execute("UPDATE policy_line SET scope = 'region' WHERE subject = 'DIRECTOR' AND object IN ('readGoodwill', 'decideGoodwill')").await;
    app.app.reload_policy().await.expect("the policy");
    call(&app.rr2(), "decideGoodwill", foreign.clone()).await.failed("NOT_FOUND");
    app.execute("UPDATE policy_line SET scope = 'all' WHERE subject = 'DIRECTOR' AND object = 'readGoodwill'").await;
    app.app.reload_policy().await.expect("the policy");
    call(&app.rr2(), "decideGoodwill", foreign).await.failed("FORBIDDEN");
}

async fn lists_cost_statements_by_depth_not_by_rows(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "query($n: Int!) { budgets(year: 2026, first: $n) { totalCount nodes { kind delegate { code } delegation { code } \
                 region { code } corridors { family used limit kind stillOrderable } \
                 ledger(first: 5) { totalCount nodes { kind amount author { code } } } } } }";
    for (from, to) in [("delegate", "delegate2"), ("delegate2", "delegate")] {
        call(&app.rr(), "moveBudget", a_move(from, to, "5.00")).await.good();
    }
    let few = app.person("sales-admin").ask(query, json!({ "n": 1 })).await;
    let many = app.person("sales-admin").ask(query, json!({ "n": 7 })).await;
    assert_eq!(many.data()["budgets"]["nodes"].as_array().map(Vec::len), Some(7));
    let (few, many) = (few.statements.expect("a count"), many.statements.expect("a count"));
    assert!(many <= few + 1, "{few} statements for one envelope, {many} for seven");
    for amount in ["10.00", "20.00", "30.00"] {
        requested(&app, amount).await;
    }
    let query = format!(
        "query($n: Int!) {{ goodwillGestures(first: $n) {{ nodes {{ {GESTURE} {ACTIONS} requester {{ code }} }} }} }}"
    );
    let few = app.person("sales-admin").ask(&query, json!({ "n": 1 })).await.statements.expect("a count");
    let many = app.person("sales-admin").ask(&query, json!({ "n": 3 })).await.statements.expect("a count");
    assert_eq!(few, many);
}

async fn filters_orders_and_pages_of_envelopes(backend: Backend) {
    let app = TestApp::start(backend).await;
    let director = app.person("director");
    commit(&app, "delegate2", BudgetFamily::Custom, 100).await;
    let list = async |arguments: &str| {
        let reply = director.ask(&format!("{{ budgets(year: 2026, {arguments}) {{ nodes {{ id kind delegate {{ code }} }} pageInfo {{ hasNextPage hasPreviousPage endCursor startCursor }} }} }}"), json!({})).await;
        reply.data()["budgets"].clone()
    };
    let codes = |page: &Value| -> Vec<String> {
        let name = |n: &Value| n["delegate"]["code"].as_str().or(n["kind"].as_str()).expect("a name").to_owned();
        page["nodes"].as_array().expect("nodes").iter().map(name).collect()
    };
    assert_eq!(codes(&list("filter: { kind: { in: [POOL, MANAGEMENT] } }").await), ["POOL", "MANAGEMENT"]);
    let sud = format!("filter: {{ region: {{ eq: \"{}\" }} }}", region(2));
    assert_eq!(codes(&list(&sud).await), ["DELEGATE3", "REGION"]);
    let lille = format!("filter: {{ delegation: {{ eq: \"{}\" }} }}", delegation(1));
    assert_eq!(codes(&list(&lille).await), ["DELEGATE", "DELEGATE2"]);
    let not = format!("filter: {{ not: {{ region: {{ in: [\"{}\", \"{}\"] }} }} }}", region(1), region(2));
    assert_eq!(codes(&list(&not).await), ["POOL", "MANAGEMENT"]);
    let by_available = "orderBy: [AVAILABLE_ASC], filter: { kind: { eq: DELEGATE } }";
    assert_eq!(codes(&list(by_available).await), ["DELEGATE2", "DELEGATE", "DELEGATE3"]);
    // Page by page, forwards and backwards, it is the same list.
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = list(&format!("orderBy: [ALLOCATED_DESC, AVAILABLE_ASC], first: 2 {after}")).await;
        seen.extend(codes(&page));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = format!(", after: {}", page["pageInfo"]["endCursor"]);
    }
    assert_eq!(seen, ["POOL", "DELEGATE2", "DELEGATE", "DELEGATE3", "REGION", "REGION", "MANAGEMENT"]);
    // A ledger's pages, from the end as well.
    for _ in 0..3 {
        call(&app.rr(), "moveBudget", a_move("delegate", "delegate2", "1.00")).await.good();
    }
    let ledger = async |arguments: &str| {
        let reply = director.ask(&format!("{{ budgets(year: 2026, first: 1) {{ nodes {{ ledger({arguments}) {{ nodes {{ id kind }} pageInfo {{ hasNextPage hasPreviousPage endCursor startCursor }} }} }} }} }}"), json!({})).await;
        reply.data()["budgets"]["nodes"][0]["ledger"].clone()
    };
    let whole = ledger("first: 100").await;
    assert_eq!(whole["nodes"].as_array().map(Vec::len), Some(4));
    let first = ledger("first: 3").await;
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let rest = ledger(&format!("first: 3, after: {}", first["pageInfo"]["endCursor"])).await;
    assert_eq!(rest["nodes"], json!([whole["nodes"][3]]));
    let last = ledger("last: 1").await;
    assert_eq!((&last["nodes"], &last["pageInfo"]["hasPreviousPage"]), (&rest["nodes"], &json!(true)));
    let bad =
        director.ask("{ budgets(year: 2026) { nodes { ledger(after: \"x\") { nodes { id } } } } }", json!({})).await;
    assert_eq!(bad.error(), "BAD_USER_INPUT");
}

// ---------------------------------------------------------------------------------------------------
// Following

const FOLLOW: &str = "subscription($after: String) { budgetChanged(year: 2026, after: $after) { cursor envelope { kind allocated delegate { code } } } }";

/// An open subscription.
struct Following {
    events: Pin<Box<dyn Stream<Item = Response>>>,
    rights: watch::Sender<Option<Arc<Caller>>>,
}

async fn follow(app: &TestApp, name: &'static str, after: Option<&str>) -> Following {
    let caller = identity::authenticate(&app.app, &app.token(name)).await.expect("somebody");
    let (rights, seen) = watch::channel(Some(caller.clone()));
    let schema = app.app.schemas.of(app.app.permissions_of(Some(&caller)));
    let live = LiveCaller::new(app.app.clone(), seen, Language::En, "test");
    let op = Arc::new(Op::new(app.app.clone(), Some(caller), Language::En, "test".into()));
    let request = Request::new(FOLLOW).variables(Variables::from_json(json!({ "after": after })));
    let request = graphql::request(request, &op).data(live);
    let mut events: Pin<Box<dyn Stream<Item = Response>>> = schema.execute_stream(request).boxed_local();
    if after.is_none() {
        // Begins to follow.
        let first = time::timeout(Duration::from_millis(200), events.next()).await;
        assert!(first.is_err(), "{first:?}");
    }
    Following { events, rights }
}

impl Following {
    /// The next change: whose envelope, what is allocated, the cursor.
    async fn next(&mut self) -> (String, String, String) {
        let response = time::timeout(Duration::from_secs(20), self.events.next()).await.expect("a change in time");
        let response = response.expect("a change");
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        let change = crate::app::event(response, "budgetChanged");
        let envelope = &change["envelope"];
        let whose = envelope["delegate"]["code"].as_str().or(envelope["kind"].as_str()).expect("a name").to_owned();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (whose, text(&envelope["allocated"]), text(&change["cursor"]))
    }

    async fn silence(&mut self) {
        let next = time::timeout(Duration::from_millis(700), self.events.next()).await;
        assert!(next.is_err(), "{next:?}");
    }
}

async fn a_change_reaches_whoever_may_read_it(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = follow(&app, "rr", None).await;
    let mut colleague = follow(&app, "delegate2", None).await;
    let mut elsewhere = follow(&app, "rr2", None).await;
    let mut pdv = follow(&app, "pdv", None).await;
    let from_region = but(a_move("delegate", "delegate2", "50.00"), json!({ "from": { "region": region(1) } }));
    call(&app.rr(), "moveBudget", from_region).await.good();
    for following in [&mut rr, &mut pdv] {
        let mut both = [following.next().await, following.next().await].map(|(whose, allocated, _)| (whose, allocated));
        both.sort();
        assert_eq!(
            both,
            [("DELEGATE2".to_owned(), "10050.00".to_owned()), ("REGION".to_owned(), "4950.00".to_owned())]
        );
    }
    // The region's envelope is not the delegates' to read.
    assert_eq!(colleague.next().await.0, "DELEGATE2");
    colleague.silence().await;
    elsewhere.silence().await;
    // A dry run and another year are no news.
    call(&app.rr(), "moveBudget", but(a_move("delegate", "delegate2", "1.00"), json!({ "dryRun": true }))).await.good();
    call(&app.person("sales-admin"), "allocateBudgets", allocation()).await.good();
    rr.silence().await;
    // The rights of this moment count: without any, the stream ends.
    rr.rights.send(None).expect("a follower");
    assert!(time::timeout(Duration::from_secs(5), rr.events.next()).await.expect("an end in time").is_none());
    // An order's commitment is news, too.
    app.delegate().submitted(leaflets(10)).await;
    assert_eq!(colleague.next().await.0, "DELEGATE");
}

async fn who_comes_back_gets_every_change_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = follow(&app, "rr", None).await;
    let transfer = async |cents: i64| {
        call(&app.rr(), "moveBudget", a_move("delegate", "delegate2", &Money(cents).to_string())).await.good();
    };
    transfer(1).await;
    // One of the two messages of this event was seen, the other was not.
    let (first, _, cursor) = rr.next().await;
    drop(rr);
    for cents in 2..=5 {
        transfer(cents).await;
    }
    // The missed ones come from the table, the later ones from the feed.
    time::sleep(Duration::from_millis(300)).await;
    let mut again = follow(&app, "rr", Some(&cursor)).await;
    let mut seen = vec![first];
    for _ in 0..9 {
        seen.push(again.next().await.0);
    }
    transfer(6).await;
    seen.push(again.next().await.0);
    let (last, allocated, cursor) = again.next().await;
    seen.push(last);
    again.silence().await;
    assert_eq!(seen.len(), 12);
    assert_eq!(seen.iter().filter(|whose| *whose == "DELEGATE").count(), 6);
    assert!(["9999.79", "10000.21"].contains(&allocated.as_str()), "{allocated}");
    let mut nothing_missed = follow(&app, "rr", Some(&cursor)).await;
    nothing_missed.silence().await;
    for bad in ["x", "OTk5OTkuMA"] {
        let mut wrong = follow(&app, "rr", Some(bad)).await;
        let response = wrong.events.next().await.expect("an answer");
        assert_eq!(response.errors.len(), 1, "{bad}: {response:?}");
    }
}

// ---------------------------------------------------------------------------------------------------
// B-3, B-4

async fn b4_concurrent_moves_never_overspend(backend: Backend) {
    let app = TestApp::start(backend).await;
    // 64 moves of 200 from 10 000, of which 4 000 are promised: 30 fit, and the custom minimum stands at 0.
    app.execute("UPDATE budget_year SET custom_minimum = 0, standard_minimum = 0 WHERE year = 2026").await;
    commit(&app, "delegate", BudgetFamily::Standard, 400_000).await;
    let rr = app.rr();
    let moves = (0..64).map(|i| {
        // Some go the other way, so that locks are asked for in both orders.
        let (from, to, amount) =
            if i % 8 == 7 { ("delegate2", "delegate", "0.01") } else { ("delegate", "delegate2", "200.00") };
        call(&rr, "moveBudget", a_move(from, to, amount))
    });
    let answers = join_all(moves).await;
    let done = answers.iter().filter(|answer| answer.codes().is_empty()).count();
    assert!(answers.iter().all(|answer| answer.codes().is_empty() || answer.codes() == ["BELOW_COMMITTED"]));
    assert_eq!(done, 8 + 30);
    let after = balances(&app).await;
    assert_eq!(after["delegate"], [400_008, 400_000, 0]);
    assert_eq!(after["delegate2"][0], 1_599_992);
    sound(&app).await;
}

async fn b4_concurrent_approvals_never_overspend(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut gestures = Vec::new();
    for _ in 0..64 {
        gestures.push(requested(&app, "95.00").await);
    }
    let sales_admin = app.person("sales-admin");
    // 21 of them fit into 2 000; each is decided twice at once, and the budget is added to meanwhile.
    let twice = gestures
        .iter()
        .chain(&gestures)
        .map(|gesture| call(&sales_admin, "decideGoodwill", decision(gesture, "APPROVE")));
    let grants = (0..10).map(|_| {
        let input = json!({ "year": 2026, "to": { "management": true }, "amount": "9.50", "reason": "More" });
        call(&sales_admin, "grantFromPool", input)
    });
    let (answers, grants) = tokio::join!(join_all(twice), join_all(grants));
    assert!(grants.iter().all(|grant| grant.codes().is_empty()));
    let done = answers.iter().filter(|answer| answer.codes().is_empty()).count();
    let known = [["BUDGET_DEFICIT"], ["CONFLICT"]];
    assert!(
        answers
            .iter()
            .all(|answer| answer.codes().is_empty() || known.contains(&answer.codes().try_into().expect("one code")))
    );
    let held = balances(&app).await["MANAGEMENT"];
    assert!((21..=22).contains(&done), "{done}");
    assert_eq!(held, [209_500, 9_500 * i64::try_from(done).expect("few"), 0]);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM goodwill WHERE status = 'APPROVED'").await,
        i64::try_from(done).expect("few")
    );
    sound(&app).await;
}

async fn b3_any_postings_keep_balances_and_ledger_alike(backend: Backend) {
    let app = TestApp::start(backend).await;
    let caller = identity::authenticate(&app.app, &app.token("sales-admin")).await.expect("somebody");
    let op = Op::new(app.app.clone(), Some(caller), Language::En, "test".into());
    let mut runner = TestRunner::deterministic();
    let step = (1..=3_i64, select(BudgetFamily::ALL), 1..500_000_i64, any::<bool>());
    for _ in 0..6 {
        let steps = vec(step.clone(), 1..12).new_tree(&mut runner).expect("steps").current();
        for (key, family, cents, release) in steps {
            let conn = op.begin().await.expect("a transaction");
            let envelope = EnvelopeId(key);
            let row = envelope::Entity::find_by_id(envelope).one(&conn).await.expect("a row").expect("an envelope");
            let used = [row.used_refund, row.used_gift_cheques, row.used_custom, row.used_standard][family as usize];
            let amount = Money(cents);
            // What may be posted is what an order could ask for: never below nothing, never above the rest.
            let postings: Vec<Posting> = if release && row.committed >= amount && used >= amount {
                let released = Posting::new(envelope, LedgerKind::Release, Some(family), amount);
                let spent = Posting::new(envelope, LedgerKind::Consumption, Some(family), Money(cents / 2));
                released.into_iter().chain(spent).collect()
            } else if row.allocated - row.committed - row.consumed >= amount {
                Posting::new(envelope, LedgerKind::Commitment, Some(family), amount).into_iter().collect()
            } else {
                Vec::new()
            };
            budgets::post(&op, &conn, Cause::Decision(EventId(1)), &postings, None).await.expect("postings");
            conn.commit().await.expect("a commit");
        }
        sound(&app).await;
    }
    assert!(app.number("SELECT COUNT(*) FROM ledger_entry").await > 20);
    // What nobody asked about before, the database refuses.
    let conn = op.begin().await.expect("a transaction");
    let too_much =
        Posting::new(EnvelopeId(1), LedgerKind::Commitment, None, Money::euros(1_000_000)).expect("a posting");
    assert!(budgets::post(&op, &conn, Cause::Decision(EventId(1)), &[too_much], None).await.is_err());
    conn.rollback().await.expect("an end");
    sound(&app).await;
}

async fn b3_the_check_finds_what_is_wrong(backend: Backend) {
    let app = TestApp::start(backend).await;
    let gesture = requested(&app, "10.00").await;
    call(&app.person("sales-admin"), "decideGoodwill", decision(&gesture, "APPROVE")).await.good();
    commit(&app, "delegate", BudgetFamily::Refund, 500).await;
    sound(&app).await;
    let damage = [
        (
            "UPDATE envelope SET allocated = allocated + 1 WHERE id = 4",
            "UPDATE envelope SET allocated = allocated - 1 WHERE id = 4",
            "B-3",
        ),
        (
            "UPDATE envelope SET committed = committed + 1 WHERE id = 4",
            "UPDATE envelope SET committed = committed - 1 WHERE id = 4",
            "B-3",
        ),
        ("UPDATE envelope SET consumed = 1 WHERE id = 4", "UPDATE envelope SET consumed = 0 WHERE id = 4", "B-3"),
        (
            "UPDATE envelope SET used_refund = 0, used_custom = 500 WHERE id = 1",
            "UPDATE envelope SET used_refund = 500, used_custom = 0 WHERE id = 1",
            "B-3",
        ),
        ("UPDATE goodwill SET status = 'PAID'", "UPDATE goodwill SET status = 'APPROVED'", "O-6"),
        ("UPDATE goodwill SET amount = 1", "UPDATE goodwill SET amount = 1000", "O-6"),
    ];
    for (break_it, mend_it, rule) in damage {
        app.execute(break_it).await;
        let found = budgets::check(&conn(&app).await).await.expect("a check");
        assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [rule], "{break_it}: {found:?}");
        app.execute(mend_it).await;
        sound(&app).await;
    }
    // Money that reaches an envelope and leaves none.
    app.execute(
        "INSERT INTO ledger_entry (envelope_id, kind, amount, author_id, at) VALUES (4, 'TRANSFER', 7, 1, '2026-03-16T09:00:00+00:00')",
    )
    .await;
    app.execute("UPDATE envelope SET allocated = allocated + 7 WHERE id = 4").await;
    let found = budgets::check(&conn(&app).await).await.expect("a check");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].text.contains("0.07"), "{found:?}");
}
