//! The sales forecast: P-20 to P-24.

use std::sync::Arc;

use ::entity::vocabulary::{
    DelegationId, ForecastCategory, Language, Money, OpportunityId, OppyStage, RegionId, SizeClass,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sesame::{
    action::Call,
    db::{Conn, Meter},
    forecast::{self, Standing},
    graphql::id::global,
    identity,
    op::Op,
    outbox::{self, Event, Subject},
};

use crate::{
    app::{Client, TestApp, day, noon},
    harness::{Backend, Trial, trials},
    network::{PEOPLE, person, person_id},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both p21_the_board_adds_up_what_counts,
        both p21_each_role_sees_what_is_within_its_reach,
        both p21_probabilities_are_learned_from_the_fiftieth_ended_deal_on,
        both p22_a_past_day_is_shown_as_it_was,
        both p22_changes_at_one_moment_leave_one_state,
        both p22_the_waterfall_explains_every_deal,
        both p22_whoever_loses_a_deal_learns_only_that_it_went,
        both p20_quotas_are_set_and_taken_back,
        both p20_what_is_refused_moves_nothing,
        both p20_a_team_of_a_past_day_is_the_team_of_then,
        both p23_stages_ends_and_slips_are_counted,
        both p24_a_board_is_told_once_for_all_that_happened,
    ]
}

use ForecastCategory::{BestCase, Closed, Commit, Pipeline};
use OppyStage::{ClosedWon, Identification, Lost, Negotiation, OnHold, Proposition, Qualification, Won};

// ---------------------------------------------------------------------------------------------------
// Deals

/// A deal of somebody, and how it stands.
#[derive(Clone)]
struct Deal {
    id: OpportunityId,
    standing: Standing,
}

fn standing(owner: &str, stage: OppyStage, category: ForecastCategory, euros: i64) -> Standing {
    let (_, _, delegation, region) = PEOPLE.iter().find(|(name, ..)| *name == owner).expect("somebody");
    Standing {
        stage,
        category,
        amount: Money::euros(euros),
        signing_day: day(2026, 3, 31),
        owner: person_id(owner),
        delegation: DelegationId(delegation.expect("a delegation")),
        region: RegionId(region.expect("a region")),
        size: Some(SizeClass::Small),
        sector: Some("HEALTH".into()),
        reason: None,
        committed_by: None,
    }
}

/// The row that the history's foreign key needs.
async fn insert_opportunity(app: &TestApp, id: i64, standing: &Standing) {
    let Standing { owner, delegation, region, .. } = standing;
    app.execute(&format!(
        "INSERT INTO opportunity (id, number, subject, account_id, owner_id, author_id, involved, delegation_id, \
         region_id, signing_on, stage, stage_since, category, complex, special_bid, presales_investment, \
         out_of_standard, committee_requested, sheet, go, proposal, negotiation, agreement, contract, deciders, \
         passed, waiting, contacts, created_at, active_at, version) VALUES ({id}, 'OPP-{id}', 'Deal', 1, {owner}, {owner}, '', \
         {delegation}, {region}, '2026-03-31', 'IDENTIFICATION', '2026-03-16T09:00:00+00:00', 'PIPELINE', false, \
         false, false, false, false, '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', 1, '[]', '[]', \
         '2026-03-16T09:00:00+00:00', '2026-03-16T09:00:00+00:00', 1)"
    ))
    .await;
}

async fn record(app: &TestApp, id: OpportunityId, before: Option<&Standing>, after: &Standing) {
    let conn = Conn::begin(&app.app.database, Arc::<Meter>::default()).await.expect("a transaction");
    forecast::record(&conn, id, before, after, app.app.clock.now()).await.expect("a state");
    conn.commit().await.expect("a commit");
}

async fn deal(app: &TestApp, standing: Standing) -> Deal {
    let id = app.number("SELECT COALESCE(MAX(id), 0) + 1 FROM opportunity").await;
    insert_opportunity(app, id, &standing).await;
    record(app, OpportunityId(id), None, &standing).await;
    Deal { id: OpportunityId(id), standing }
}

impl Deal {
    /// Lets it stand otherwise.
    async fn becomes(&mut self, app: &TestApp, change: impl FnOnce(&mut Standing)) {
        let before = self.standing.clone();
        change(&mut self.standing);
        record(app, self.id, Some(&before), &self.standing).await;
    }
}

/// A change with its event, as the deals write it.
async fn told(app: &TestApp, name: &'static str, deal: &mut Deal, change: impl FnOnce(&mut Standing)) {
    let caller = identity::authenticate(&app.app, &app.token(name)).await.expect("somebody");
    let op = Op::new(app.app.clone(), Some(caller), Language::En, "test".into());
    let conn = op.begin().await.expect("a transaction");
    let before = deal.standing.clone();
    change(&mut deal.standing);
    forecast::record(&conn, deal.id, Some(&before), &deal.standing, op.now).await.expect("a state");
    let event = Event::new("opportunity.changed", Subject { kind: "Opportunity", id: deal.id.0 });
    outbox::record(&op, &conn, &Call::default(), event).await.expect("an event");
    conn.commit().await.expect("a commit");
    app.app.outbox.wake();
}

// ---------------------------------------------------------------------------------------------------
// Questions

const ROW: &str = "owner { code } delegation { code } region { code } quota pipeline bestCase commit open closed coverage weighted deals";

async fn board(who: &Client<'_>, arguments: &str) -> Value {
    let query = format!(
        "{{ forecastBoard({arguments}) {{ quarter asOf by learned endedDeals total {{ {ROW} }} rows {{ {ROW} }} \
         probabilities {{ stage probability learnedFrom }} }} }}"
    );
    who.ask(&query, json!({})).await.data()["forecastBoard"].clone()
}

/// The row of somebody: quota, pipeline, best case, commit, closed, coverage, weighted, deals.
fn row<'a>(board: &'a Value, code: &str) -> Option<Vec<&'a str>> {
    let of = |row: &&Value| ["owner", "delegation", "region"].iter().any(|whose| row[*whose]["code"] == code);
    board["rows"].as_array().expect("rows").iter().find(of).map(figures)
}

fn figures(row: &Value) -> Vec<&str> {
    let columns = ["quota", "pipeline", "bestCase", "commit", "closed", "coverage", "weighted"];
    columns.map(|column| row[column].as_str().unwrap_or("-")).to_vec()
}

async fn set_quota(who: &Client<'_>, of: Value, amount: Value, more: Value) -> Value {
    let mut input = json!({ "of": of, "quarter": "2026-Q1", "amount": amount });
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let query = "mutation($input: SetQuotaInput!) { setQuota(input: $input) { \
                 quota { id level amount version quarter person { code } } userErrors { code field } } }";
    who.ask(query, json!({ "input": input })).await.body
}

/// Sets a quota that must be accepted, and gives it.
async fn quota(app: &TestApp, of: Value, amount: &str) -> Value {
    let answer = set_quota(&app.person("sales-admin"), of, json!(amount), json!({})).await;
    assert_eq!(answer["data"]["setQuota"]["userErrors"], json!([]), "{answer:#}");
    answer["data"]["setQuota"]["quota"].clone()
}

fn of_region(key: i64) -> Value {
    json!({ "region": global(RegionId(key)).0 })
}

fn at(year: i32, month: u32, day: u32) -> DateTime<Utc> {
    noon(year, month, day)
}

// ---------------------------------------------------------------------------------------------------
// Board

async fn p21_the_board_adds_up_what_counts(backend: Backend) {
    let app = TestApp::start(backend).await;
    quota(&app, json!({ "person": person("delegate") }), "1000.00").await;
    deal(&app, standing("delegate", Identification, Pipeline, 100)).await;
    deal(&app, standing("delegate", Qualification, BestCase, 200)).await;
    deal(&app, standing("delegate", Proposition, Commit, 400)).await;
    deal(&app, standing("delegate", Won, Closed, 500)).await;
    deal(&app, standing("delegate", Proposition, ForecastCategory::Omitted, 3_000)).await;
    for stop in [Lost, OnHold, OppyStage::NoGo, OppyStage::Dismissed] {
        deal(&app, standing("delegate", stop, Commit, 5_000)).await;
    }
    let mut elsewhen = standing("delegate", Proposition, Commit, 7_000);
    elsewhen.signing_day = day(2026, 4, 1);
    deal(&app, elsewhen).await;
    // Half a cent is rounded away from zero, deal by deal.
    let mut odd = standing("delegate2", Identification, Pipeline, 0);
    odd.amount = Money(5);
    deal(&app, odd.clone()).await;
    deal(&app, odd).await;
    let director = app.person("director");
    let by_owner = board(&director, "quarter: \"2026-Q1\"").await;
    let delegate = ["1000.00", "100.00", "200.00", "400.00", "500.00", "1.4000", "260.00"];
    assert_eq!(row(&by_owner, "DELEGATE").expect("a row"), delegate);
    assert_eq!(row(&by_owner, "DELEGATE2").expect("a row"), ["-", "0.10", "0.00", "0.00", "0.00", "-", "0.02"]);
    assert_eq!(
        (&by_owner["by"], &by_owner["quarter"], &by_owner["asOf"]),
        (&json!("OWNER"), &json!("2026-Q1"), &Value::Null)
    );
    assert_eq!(figures(&by_owner["total"]), ["1000.00", "100.10", "200.00", "400.00", "500.00", "1.4002", "260.02"]);
    assert_eq!((&by_owner["total"]["open"], &by_owner["total"]["deals"]), (&json!("700.10"), &json!(6)));
    // The present quarter, by others.
    for (level, code) in [("DELEGATION", "LILLE"), ("REGION", "NORD")] {
        let by_team = board(&director, &format!("by: {level}")).await;
        assert_eq!(row(&by_team, code), Some(figures(&by_owner["total"])), "{level}");
    }
    let company = board(&director, "by: COMPANY").await;
    assert_eq!(company["rows"], json!([company["total"]]));
    let next = board(&director, "quarter: \"2026-Q2\"").await;
    assert_eq!(row(&next, "DELEGATE").expect("a row")[3], "7000.00");
    let nobody = board(&director, &format!("scope: {{ owner: \"{}\" }}", person("delegate3"))).await;
    assert_eq!((&nobody["rows"], &nobody["total"]["deals"]), (&json!([]), &json!(0)));
    for bad in ["asOf: \"2026-03-17\"", "quarter: \"2026-Q5\"", "quarter: \"Q1\""] {
        let reply = director.ask(&format!("{{ forecastBoard({bad}) {{ quarter }} }}"), json!({})).await;
        assert!(reply.body["errors"][0].is_object(), "{bad}");
    }
    let statements = async |arguments: &str| {
        let query = format!("{{ forecastBoard({arguments}) {{ total {{ quota weighted }} rows {{ open }} }} }}");
        director.ask(&query, json!({})).await.statements.expect("statements")
    };
    assert!(statements("quarter: \"2026-Q1\"").await <= 5 && statements("by: COMPANY").await <= 5);
}

async fn p21_each_role_sees_what_is_within_its_reach(backend: Backend) {
    let app = TestApp::start(backend).await;
    for (owner, euros) in [("delegate", 100), ("delegate2", 200), ("delegate3", 400)] {
        quota(&app, json!({ "person": person(owner) }), "50.00").await;
        deal(&app, standing(owner, Proposition, Commit, euros)).await;
    }
    quota(&app, of_region(1), "1000.00").await;
    for (name, codes, commit, total) in [
        ("delegate", vec!["DELEGATE"], "100.00", "50.00"),
        ("delegate3", vec!["DELEGATE3"], "400.00", "50.00"),
        ("assistant", vec!["DELEGATE", "DELEGATE2"], "300.00", "100.00"),
        ("rr", vec!["DELEGATE", "DELEGATE2"], "300.00", "1000.00"),
        ("rr2", vec!["DELEGATE3"], "400.00", "50.00"),
        ("sales-admin", vec!["DELEGATE", "DELEGATE2", "DELEGATE3"], "700.00", "150.00"),
        ("director", vec!["DELEGATE", "DELEGATE2", "DELEGATE3"], "700.00", "150.00"),
    ] {
        let who = app.person(name);
        let seen = board(&who, "quarter: \"2026-Q1\"").await;
        let rows = seen["rows"].as_array().expect("rows");
        assert_eq!(rows.iter().map(|row| row["owner"]["code"].as_str().expect("a code")).collect::<Vec<_>>(), codes);
        assert_eq!((&seen["total"]["commit"], &seen["total"]["quota"]), (&json!(commit), &json!(total)), "{name}");
        let quotas = who.ask("{ quotas(quarter: \"2026-Q1\") { id amount } }", json!({})).await;
        let quotas = quotas.data()["quotas"].as_array().expect("quotas").clone();
        let expected = codes.len() + usize::from(["rr", "sales-admin", "director"].contains(&name));
        assert_eq!(quotas.len(), expected, "{name}");
        // No scope reaches further.
        let wide = board(&who, &format!("scope: {{ region: \"{}\" }}", global(RegionId(2)).0)).await;
        let is_there = codes.contains(&"DELEGATE3");
        assert_eq!(row(&wide, "DELEGATE3").is_some(), is_there, "{name}");
    }
    let theirs = app.person("delegate3").ask("{ quotas(quarter: \"2026-Q1\") { id } }", json!({})).await;
    let id = theirs.data()["quotas"][0]["id"].clone();
    let node = "query($id: ID!) { node(id: $id) { id } }";
    assert_eq!(app.delegate().ask(node, json!({ "id": id })).await.data()["node"], Value::Null);
    assert_eq!(app.person("rr2").ask(node, json!({ "id": id })).await.data()["node"]["id"], id);
    for name in ["pdv", "platform-admin"] {
        for query in [
            "{ forecastBoard { quarter } }",
            "{ forecastWaterfall(from: \"2026-03-01\") { start } }",
            "{ salesAnalytics(from: \"2026-03-01\", to: \"2026-03-02\") { slipped { count } } }",
            "{ quotas { id } }",
        ] {
            let reply = app.person(name).ask(query, json!({})).await;
            assert!(reply.message().starts_with("Unknown field"), "{name}: {:#}", reply.body);
        }
    }
}

async fn p21_probabilities_are_learned_from_the_fiftieth_ended_deal_on(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.clock.set(at(2026, 3, 10));
    // They were in each stage; 20 of them were closed as won.
    for number in 0..49 {
        let mut one = deal(&app, standing("delegate3", Identification, Pipeline, 1)).await;
        app.clock.set(app.app.clock.now() + chrono::TimeDelta::seconds(1));
        let end = if number < 20 { ClosedWon } else { Lost };
        one.becomes(&app, |deal| (deal.stage, deal.category) = (end, if number < 20 { Closed } else { Pipeline }))
            .await;
    }
    deal(&app, standing("delegate", Identification, Pipeline, 1_000)).await;
    let rr = app.rr();
    let shares = |board: &Value| -> Vec<(String, i64)> {
        let stages = board["probabilities"].as_array().expect("probabilities").iter();
        let share = |of: &Value| {
            (of["probability"].as_str().expect("a share").into(), of["learnedFrom"].as_i64().expect("a number"))
        };
        stages.map(share).collect()
    };
    let before = board(&rr, "quarter: \"2026-Q1\"").await;
    assert_eq!((&before["learned"], &before["endedDeals"]), (&json!(false), &json!(49)));
    assert_eq!(shares(&before), [("10".into(), 0), ("25".into(), 0), ("50".into(), 0), ("75".into(), 0)]);
    assert_eq!(before["total"]["weighted"], "100.00");
    app.clock.set(at(2026, 3, 11));
    let mut last = deal(&app, standing("delegate3", Identification, Pipeline, 1)).await;
    app.clock.set(at(2026, 3, 12));
    last.becomes(&app, |deal| deal.stage = OppyStage::NoGo).await;
    // A region's manager has what the whole company taught; stages that nobody was in keep their own.
    let after = board(&rr, "quarter: \"2026-Q1\"").await;
    assert_eq!((&after["learned"], &after["endedDeals"]), (&json!(true), &json!(50)));
    assert_eq!(shares(&after), [("40".into(), 50), ("25".into(), 0), ("50".into(), 0), ("75".into(), 0)]);
    assert_eq!(after["total"]["weighted"], "400.00");
    app.clock.set(at(2026, 3, 20));
    let then = board(&rr, "quarter: \"2026-Q1\", asOf: \"2026-03-11\"").await;
    assert_eq!((&then["learned"], &then["total"]["weighted"]), (&json!(false), &json!("100.00")));
    // Reopened, it has not ended any more.
    last.becomes(&app, |deal| deal.stage = Identification).await;
    assert_eq!(board(&rr, "quarter: \"2026-Q1\"").await["endedDeals"], 49);
    assert_eq!(board(&rr, "quarter: \"2026-Q1\", asOf: \"2026-03-19\"").await["endedDeals"], 50);
}

// ---------------------------------------------------------------------------------------------------
// History

async fn p22_a_past_day_is_shown_as_it_was(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.clock.set(at(2026, 2, 2));
    let mut one = deal(&app, standing("delegate", Identification, Pipeline, 100)).await;
    let first = quota(&app, json!({ "person": person("delegate") }), "500.00").await;
    // A quarter of an hour before midnight in Paris, and the first moment of the next day.
    app.clock.set("2026-02-05T22:45:00Z".parse().expect("a moment"));
    one.becomes(&app, |deal| (deal.amount, deal.category) = (Money::euros(150), BestCase)).await;
    app.clock.set("2026-02-05T23:00:00Z".parse().expect("a moment"));
    one.becomes(&app, |deal| deal.amount = Money::euros(999)).await;
    app.clock.set(at(2026, 2, 10));
    let more = json!({ "expectedVersion": first["version"] });
    set_quota(&app.person("sales-admin"), json!({ "person": person("delegate") }), json!("700.00"), more).await;
    let other = standing("delegate3", Identification, BestCase, 999);
    one.becomes(&app, |deal| {
        (deal.owner, deal.delegation, deal.region) = (other.owner, other.delegation, other.region)
    })
    .await;
    app.clock.set(at(2026, 2, 12));
    one.becomes(&app, |deal| deal.signing_day = day(2026, 5, 1)).await;
    app.clock.set(at(2026, 2, 20));
    let director = app.person("director");
    let of = async |arguments: &str, code: &str| {
        let board = board(&director, &format!("quarter: \"2026-Q1\", {arguments}")).await;
        row(&board, code).map(|row| row[..3].iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    };
    let figures = |texts: [&str; 3]| Some(texts.map(str::to_owned).to_vec());
    assert_eq!(of("asOf: \"2026-02-01\"", "DELEGATE").await, None);
    assert_eq!(of("asOf: \"2026-02-02\"", "DELEGATE").await, figures(["500.00", "100.00", "0.00"]));
    assert_eq!(of("asOf: \"2026-02-05\"", "DELEGATE").await, figures(["500.00", "0.00", "150.00"]));
    assert_eq!(of("asOf: \"2026-02-06\"", "DELEGATE").await, figures(["500.00", "0.00", "999.00"]));
    assert_eq!(of("asOf: \"2026-02-10\"", "DELEGATE").await, figures(["700.00", "0.00", "0.00"]));
    assert_eq!(of("asOf: \"2026-02-10\"", "DELEGATE3").await, figures(["-", "0.00", "999.00"]));
    assert_eq!(of("asOf: \"2026-02-12\"", "DELEGATE3").await, None);
    assert_eq!(of("asOf: \"2026-02-10\", by: REGION", "SUD").await, figures(["-", "0.00", "999.00"]));
    // Whose it was then, saw it then and sees it of then.
    let theirs = board(&app.delegate(), "quarter: \"2026-Q1\", asOf: \"2026-02-06\"").await;
    assert_eq!(theirs["total"]["bestCase"], "999.00");
    assert_eq!(board(&app.delegate(), "quarter: \"2026-Q1\"").await["total"]["deals"], 0);
    // Today has not ended.
    let today = board(&director, "quarter: \"2026-Q2\", asOf: \"2026-02-20\"").await;
    assert_eq!((&today["asOf"], &today["total"]["bestCase"]), (&Value::Null, &json!("999.00")));
}

async fn p22_changes_at_one_moment_leave_one_state(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut one = deal(&app, standing("delegate", Identification, Pipeline, 100)).await;
    one.becomes(&app, |deal| deal.amount = Money::euros(200)).await;
    one.becomes(&app, |deal| deal.stage = Qualification).await;
    let states = || app.number("SELECT COUNT(*) FROM deal_state");
    assert_eq!(states().await, 1);
    app.clock.set(at(2026, 3, 20));
    one.becomes(&app, |_| {}).await;
    assert_eq!(states().await, 1, "nothing changed");
    one.becomes(&app, |deal| deal.stage = Proposition).await;
    one.becomes(&app, |deal| deal.committed_by = Some(person_id("delegate"))).await;
    // A clock that lags behind another process's.
    app.clock.set(at(2026, 3, 19));
    one.becomes(&app, |deal| deal.stage = Negotiation).await;
    assert_eq!(states().await, 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM deal_state WHERE until_at IS NULL AND stage = 'NEGOTIATION'").await, 1);
    let passed = Identification.bit() | Qualification.bit() | Proposition.bit() | Negotiation.bit();
    assert_eq!(
        app.number("SELECT CAST(passed AS BIGINT) FROM deal_state WHERE until_at IS NULL").await,
        i64::from(passed)
    );
    assert_eq!(app.number("SELECT COUNT(*) FROM deal_state WHERE left_stage = 'QUALIFICATION'").await, 1);
}

async fn waterfall(who: &Client<'_>, arguments: &str) -> Value {
    let state = "stage amount quarter owner { code } committedBy { code }";
    let query = format!(
        "{{ forecastWaterfall({arguments}) {{ quarter from to start end totals {{ kind amount deals }} \
         rows(first: 100) {{ totalCount nodes {{ kind amount opportunityId before {{ {state} }} after {{ {state} }} }} }} }} }}"
    );
    who.ask(&query, json!({})).await.data()["forecastWaterfall"].clone()
}

fn changes(waterfall: &Value) -> Vec<(i64, &str, &str)> {
    let rows = waterfall["rows"]["nodes"].as_array().expect("rows").iter();
    let key = |id: &Value| sesame::graphql::id::parse(id.as_str().expect("an id")).expect("an id").1;
    rows.map(|row| {
        (key(&row["opportunityId"]), row["kind"].as_str().expect("a kind"), row["amount"].as_str().expect("an amount"))
    })
    .collect()
}

async fn p22_the_waterfall_explains_every_deal(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.clock.set(at(2026, 3, 2));
    let mut deals = Vec::new();
    for _ in 0..7 {
        deals.push(deal(&app, standing("delegate", Proposition, Commit, 100)).await);
    }
    let mut later = standing("delegate", Proposition, Commit, 50);
    later.signing_day = day(2026, 6, 1);
    let mut comes = deal(&app, later).await;
    app.clock.set(at(2026, 3, 5));
    deals[0].becomes(&app, |deal| (deal.stage, deal.category, deal.amount) = (Won, Closed, Money::euros(130))).await;
    deals[1].becomes(&app, |deal| deal.stage = Lost).await;
    deals[2].becomes(&app, |deal| deal.signing_day = day(2026, 4, 1)).await;
    deals[3].becomes(&app, |deal| deal.category = ForecastCategory::Omitted).await;
    deals[4].becomes(&app, |deal| deal.amount = Money::euros(80)).await;
    deals[5].becomes(&app, |deal| (deal.stage, deal.category) = (Negotiation, BestCase)).await;
    comes.becomes(&app, |deal| deal.signing_day = day(2026, 3, 20)).await;
    let mut quick = deal(&app, standing("delegate", Identification, Pipeline, 10)).await;
    app.clock.set(at(2026, 3, 6));
    quick.becomes(&app, |deal| (deal.stage, deal.category) = (Won, Closed)).await;
    deals[6].becomes(&app, |deal| deal.stage = OnHold).await;
    app.clock.set(at(2026, 3, 7));
    deals[6].becomes(&app, |deal| deal.stage = Proposition).await;
    app.clock.set(at(2026, 3, 9));
    let director = app.person("director");
    let told = waterfall(&director, "quarter: \"2026-Q1\", from: \"2026-03-04\"").await;
    assert_eq!((&told["start"], &told["end"]), (&json!("700.00"), &json!("330.00")));
    assert_eq!((&told["from"], &told["to"]), (&json!("2026-03-04"), &json!("2026-03-09")));
    let expected = [
        (1, "GROWN", "30.00"),
        (1, "WON", "-130.00"),
        (2, "LOST", "-100.00"),
        (3, "MOVED_OUT", "-100.00"),
        (4, "MOVED_OUT", "-100.00"),
        (5, "SHRUNK", "-20.00"),
        (8, "MOVED_IN", "50.00"),
        (9, "NEW", "10.00"),
        (9, "WON", "-10.00"),
    ];
    assert_eq!(changes(&told), expected);
    let total = |kind: &str| told["totals"].as_array().expect("totals").iter().find(|total| total["kind"] == kind);
    assert_eq!(total("WON"), Some(&json!({ "kind": "WON", "amount": "-140.00", "deals": 2 })));
    let row = &told["rows"]["nodes"][1];
    assert_eq!((&row["before"]["amount"], &row["after"]["stage"]), (&json!("100.00"), &json!("WON")));
    // Other days: one on which it was on hold, one on which nothing happened.
    let held = waterfall(&director, "quarter: \"2026-Q1\", from: \"2026-03-05\", to: \"2026-03-06\"").await;
    assert_eq!(changes(&held), [(7, "MOVED_OUT", "-100.00"), (9, "WON", "-10.00")]);
    let quiet = waterfall(&director, "quarter: \"2026-Q1\", from: \"2026-03-07\", to: \"2026-03-08\"").await;
    assert_eq!((changes(&quiet), &quiet["start"]), (vec![], &quiet["end"]));
    let next = waterfall(&director, "quarter: \"2026-Q2\", from: \"2026-03-04\"").await;
    assert_eq!(changes(&next), [(3, "MOVED_IN", "100.00"), (8, "MOVED_OUT", "-50.00")]);
    // Page by page it is the same.
    let mut after = Value::Null;
    let mut paged = Vec::new();
    for size in [2, 4, 2, 1] {
        let query = "query($after: String, $first: Int) { forecastWaterfall(quarter: \"2026-Q1\", from: \"2026-03-04\") { \
                     rows(first: $first, after: $after) { totalCount nodes { kind amount opportunityId } \
                     pageInfo { endCursor hasNextPage hasPreviousPage } } } }";
        let reply = director.ask(query, json!({ "after": after, "first": size })).await;
        let page = reply.data()["forecastWaterfall"]["rows"].clone();
        assert_eq!((&page["totalCount"], &page["pageInfo"]["hasPreviousPage"]), (&json!(9), &json!(!after.is_null())));
        assert_eq!(page["pageInfo"]["hasNextPage"], json!(size != 1));
        after = page["pageInfo"]["endCursor"].clone();
        paged.extend(page["nodes"].as_array().expect("rows").clone());
    }
    assert_eq!(changes(&json!({ "rows": { "nodes": paged } })), expected);
    for bad in
        ["from: \"2026-03-08\", to: \"2026-03-07\"", "from: \"2026-03-10\"", "from: \"2026-03-01\", to: \"2026-03-10\""]
    {
        let reply = director.ask(&format!("{{ forecastWaterfall({bad}) {{ start }} }}"), json!({})).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{bad}");
    }
}

async fn p22_whoever_loses_a_deal_learns_only_that_it_went(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.clock.set(at(2026, 3, 2));
    let mut one = deal(&app, standing("delegate", Proposition, Commit, 100)).await;
    app.clock.set(at(2026, 3, 5));
    let other = standing("delegate3", Proposition, Commit, 777);
    one.becomes(&app, |deal| *deal = other).await;
    app.clock.set(at(2026, 3, 6));
    let lost = waterfall(&app.delegate(), "from: \"2026-03-04\"").await;
    assert_eq!(changes(&lost), [(1, "MOVED_OUT", "-100.00")]);
    assert_eq!((&lost["rows"]["nodes"][0]["after"], &lost["end"]), (&Value::Null, &json!("0.00")));
    let got = waterfall(&app.person("delegate3"), "from: \"2026-03-04\"").await;
    assert_eq!((changes(&got), &got["rows"]["nodes"][0]["before"]), (vec![(1, "MOVED_IN", "777.00")], &Value::Null));
    let whole = waterfall(&app.person("director"), "from: \"2026-03-04\"").await;
    assert_eq!(changes(&whole), [(1, "GROWN", "677.00")]);
    assert_eq!(waterfall(&app.rr2(), "from: \"2026-03-01\"").await["start"], "0.00");
}

// ---------------------------------------------------------------------------------------------------
// Quotas

async fn p20_quotas_are_set_and_taken_back(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = app.person("sales-admin");
    let person_of = |name: &str| json!({ "person": person(name) });
    let first = quota(&app, person_of("delegate"), "100.00").await;
    assert_eq!(
        (&first["version"], &first["level"], &first["person"]["code"]),
        (&json!(1), &json!("OWNER"), &json!("DELEGATE"))
    );
    quota(&app, person_of("delegate2"), "50.00").await;
    let total = async || board(&app.person("director"), "by: REGION").await["total"]["quota"].clone();
    assert_eq!(total().await, "150.00");
    let own = quota(&app, of_region(1), "999.00").await;
    let region = async || row(&board(&app.rr(), "by: REGION").await, "NORD").expect("a row")[0].to_owned();
    assert_eq!(region().await, "999.00");
    assert_eq!(total().await, "150.00", "the company's people");
    quota(&app, json!({ "company": true }), "5000.00").await;
    assert_eq!(total().await, "5000.00");
    let version = json!({ "expectedVersion": own["version"] });
    let back = set_quota(&admin, of_region(1), Value::Null, version.clone()).await;
    assert_eq!(back["data"]["setQuota"]["quota"]["version"], 2, "{back:#}");
    assert_eq!(region().await, "150.00");
    // Whoever saw an older one is told; the same again writes nothing.
    let events = || app.number("SELECT COUNT(*) FROM event WHERE kind = 'quota.set'");
    let before = events().await;
    let late = set_quota(&admin, of_region(1), json!("1.00"), version).await;
    assert_eq!(late["data"]["setQuota"]["userErrors"][0]["code"], "CONFLICT");
    assert_eq!(late["data"]["setQuota"]["quota"]["version"], 2, "as it is now");
    let same = set_quota(&admin, person_of("delegate"), json!("100.00"), json!({ "expectedVersion": 1 })).await;
    assert_eq!(same["data"]["setQuota"]["quota"]["version"], 1);
    let key = json!({ "idempotencyKey": "q1" });
    let once = set_quota(&admin, person_of("delegate3"), json!("30.00"), key.clone()).await;
    assert_eq!(once, set_quota(&admin, person_of("delegate3"), json!("30.00"), key).await);
    assert_eq!(events().await, before + 1);
    let dry = set_quota(&admin, person_of("delegate3"), json!("31.00"), json!({ "dryRun": true }));
    let dry = app.nothing_moves(dry).await;
    assert_eq!(dry["data"]["setQuota"]["quota"]["amount"], "31.00");
}

async fn p20_what_is_refused_moves_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let admin = app.person("sales-admin");
    let of = json!({ "person": person("delegate") });
    for (of, amount, code) in [
        (of.clone(), "-0.01", "AMOUNT_INVALID"),
        (json!({ "person": person("assistant") }), "1.00", "NOT_A_DELEGATE"),
        (json!({ "person": person("rr") }), "1.00", "NOT_A_DELEGATE"),
    ] {
        let answer = app.nothing_moves(set_quota(&admin, of, json!(amount), json!({}))).await;
        assert_eq!(answer["data"]["setQuota"]["userErrors"][0]["code"], code, "{answer:#}");
    }
    for (of, code) in [
        (of_region(99), "NOT_FOUND"),
        (json!({ "delegation": global(DelegationId(99)).0 }), "NOT_FOUND"),
        (json!({ "company": false }), "BAD_USER_INPUT"),
    ] {
        let answer = app.nothing_moves(set_quota(&admin, of, json!("1.00"), json!({}))).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer:#}");
    }
    for (name, ..) in PEOPLE.iter().filter(|(name, ..)| *name != "sales-admin") {
        let answer = app.nothing_moves(set_quota(&app.person(name), of.clone(), json!("1.00"), json!({}))).await;
        assert!(answer["errors"][0].is_object() && answer["data"].is_null(), "{name}: {answer:#}");
    }
}

async fn p20_a_team_of_a_past_day_is_the_team_of_then(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.clock.set(at(2026, 2, 2));
    quota(&app, json!({ "person": person("delegate") }), "100.00").await;
    quota(&app, json!({ "person": person("delegate2") }), "50.00").await;
    app.clock.set(at(2026, 2, 10));
    let query =
        "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { version } userErrors { code } } }";
    for (delegation, day) in [(2, 10), (3, 12)] {
        app.clock.set(at(2026, 2, day));
        let input = json!({ "id": person("delegate"), "delegation": global(DelegationId(delegation)).0 });
        let moved = app.person("platform-admin").ask(query, json!({ "input": input })).await;
        assert_eq!(moved.data()["updateUser"]["userErrors"], json!([]), "{:#}", moved.body);
    }
    app.clock.set(at(2026, 2, 20));
    let director = app.person("director");
    let of = async |day: &str| {
        let board = board(&director, &format!("by: DELEGATION, asOf: \"{day}\"")).await;
        ["LILLE", "AMIENS", "NICE"].map(|code| row(&board, code).map(|row| row[0].to_owned()))
    };
    let quota = |text: &str| Some(text.to_owned());
    assert_eq!(of("2026-02-01").await, [None, None, None]);
    assert_eq!(of("2026-02-09").await, [quota("150.00"), None, None]);
    assert_eq!(of("2026-02-10").await, [quota("50.00"), quota("100.00"), None]);
    assert_eq!(of("2026-02-12").await, [quota("50.00"), None, quota("100.00")]);
    assert_eq!(of("2026-02-20").await, [quota("50.00"), None, quota("100.00")]);
}

// ---------------------------------------------------------------------------------------------------
// Analytics

async fn p23_stages_ends_and_slips_are_counted(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.clock.set(at(2026, 2, 2));
    let mut deals = Vec::new();
    for owner in ["delegate", "delegate", "delegate2", "delegate3"] {
        deals.push(deal(&app, standing(owner, Identification, Pipeline, 100)).await);
    }
    deals[2].becomes(&app, |deal| (deal.size, deal.sector) = (Some(SizeClass::Large), None)).await;
    for (place, day) in [(0, 4), (1, 6), (2, 12)] {
        app.clock.set(at(2026, 2, day));
        deals[place].becomes(&app, |deal| deal.stage = Qualification).await;
    }
    app.clock.set(at(2026, 2, 13));
    deals[0].becomes(&app, |deal| (deal.stage, deal.reason) = (Lost, Some("PRICE".into()))).await;
    deals[1].becomes(&app, |deal| deal.signing_day = day(2026, 4, 2)).await;
    deals[3].becomes(&app, |deal| (deal.stage, deal.reason) = (OppyStage::Dismissed, Some("ERROR".into()))).await;
    app.clock.set(at(2026, 2, 14));
    deals[2].becomes(&app, |deal| (deal.stage, deal.category) = (Won, Closed)).await;
    app.clock.set(at(2026, 2, 15));
    deals[2].becomes(&app, |deal| deal.stage = ClosedWon).await;
    app.clock.set(at(2026, 2, 20));
    let ask = async |who: &Client<'_>, days: &str| {
        let win = "won lost wonAmount lostAmount rate";
        let query = format!(
            "{{ salesAnalytics({days}) {{ stages {{ stage entered wentOn stopped conversion meanDays medianDays }} \
             size: winRates(by: SIZE) {{ size {win} }} owner: winRates(by: OWNER) {{ owner {{ code }} {win} }} \
             sector: winRates(by: SECTOR) {{ sector {win} }} reason: winRates(by: REASON) {{ reason {win} }} \
             slipped {{ count amount deals {{ totalCount nodes {{ opportunityId from state {{ quarter }} }} }} }} }} }}"
        );
        who.ask(&query, json!({})).await.data()["salesAnalytics"].clone()
    };
    let february = ask(&app.person("director"), "from: \"2026-02-01\", to: \"2026-02-20\"").await;
    // 2, 4 and 10 days, and 11 of the one dismissed.
    assert_eq!(
        february["stages"][0],
        json!({ "stage": "IDENTIFICATION", "entered": 4, "wentOn": 3, "stopped": 1, "conversion": "75",
                "meanDays": "6.75", "medianDays": "7.00" })
    );
    assert_eq!(
        february["stages"][1],
        json!({ "stage": "QUALIFICATION", "entered": 3, "wentOn": 1, "stopped": 1, "conversion": "50",
                "meanDays": "5.50", "medianDays": "5.50" })
    );
    assert_eq!(february["stages"][2]["conversion"], Value::Null);
    assert_eq!(february["stages"].as_array().map(Vec::len), Some(5));
    let won = json!({ "won": 1, "lost": 0, "wonAmount": "100.00", "lostAmount": "0.00", "rate": "100" });
    let lost = json!({ "won": 0, "lost": 1, "wonAmount": "0.00", "lostAmount": "100.00", "rate": "0" });
    let with = |of: &Value, key: &str, value: Value| {
        let mut of = of.clone();
        of[key] = value;
        of
    };
    let told = |by: &str| february[by].as_array().expect("rates").clone();
    assert_eq!(told("size"), [with(&lost, "size", json!("SMALL")), with(&won, "size", json!("LARGE"))]);
    assert_eq!(
        told("owner"),
        [with(&lost, "owner", json!({ "code": "DELEGATE" })), with(&won, "owner", json!({ "code": "DELEGATE2" }))]
    );
    assert_eq!(told("sector"), [with(&won, "sector", Value::Null), with(&lost, "sector", json!("HEALTH"))]);
    assert_eq!(told("reason"), [with(&won, "reason", Value::Null), with(&lost, "reason", json!("PRICE"))]);
    assert_eq!((&february["slipped"]["count"], &february["slipped"]["amount"]), (&json!(1), &json!("100.00")));
    let slip = &february["slipped"]["deals"]["nodes"][0];
    assert_eq!((&slip["from"], &slip["state"]["quarter"]), (&json!("2026-Q1"), &json!("2026-Q2")));
    // Other days, other eyes.
    let early = ask(&app.person("director"), "from: \"2026-02-03\", to: \"2026-02-06\"").await;
    assert_eq!((&early["stages"][0]["entered"], &early["stages"][0]["wentOn"]), (&json!(0), &json!(2)));
    assert_eq!((&early["owner"], &early["slipped"]["count"]), (&json!([]), &json!(0)));
    let theirs = ask(&app.person("delegate3"), "from: \"2026-02-01\", to: \"2026-02-20\"").await;
    assert_eq!((&theirs["stages"][0]["entered"], &theirs["owner"]), (&json!(1), &json!([])));
    // Reopened, it has not ended in the period any more, but had by its end.
    deals[0].becomes(&app, |deal| (deal.stage, deal.reason) = (Qualification, None)).await;
    let now = ask(&app.person("director"), "from: \"2026-02-01\", to: \"2026-02-20\"").await;
    assert_eq!(now["reason"].as_array().map(Vec::len), Some(1));
    let then = ask(&app.person("director"), "from: \"2026-02-01\", to: \"2026-02-19\"").await;
    assert_eq!(then["reason"].as_array().map(Vec::len), Some(2));
    let future = "{ salesAnalytics(from: \"2026-02-01\", to: \"2026-02-21\") { slipped { count } } }";
    assert_eq!(app.person("director").ask(future, json!({})).await.error(), "BAD_USER_INPUT");
}

// ---------------------------------------------------------------------------------------------------
// Following

async fn follow(app: &TestApp, name: &'static str, arguments: &str) -> Talk {
    let mut talk = Talk::begin(&app.url.trim_start_matches("http://"), &app.token(name)).await;
    let query = format!(
        "subscription {{ forecastChanged({arguments}) {{ cursor board {{ quarter total {{ commit quota }} }} }} }}"
    );
    talk.subscribe("board", &query).await;
    talk.is_quiet().await;
    talk
}

async fn heard(talk: &mut Talk) -> Value {
    let payload = talk.hear_of("next", "board").await;
    assert!(payload["errors"].is_null(), "{payload:#}");
    payload["data"]["forecastChanged"].clone()
}

async fn rest() {
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
}

async fn p24_a_board_is_told_once_for_all_that_happened(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut one = deal(&app, standing("delegate", Proposition, Commit, 100)).await;
    let start = app.rr().ask("{ forecastBoard { liveCursor } }", json!({})).await;
    let cursor = start.data()["forecastBoard"]["liveCursor"].as_str().expect("a cursor").to_owned();
    let quarter = "quarter: \"2026-Q1\"";
    let mut rr = follow(&app, "rr", quarter).await;
    let mut delegate = follow(&app, "delegate", quarter).await;
    let mut elsewhere = follow(&app, "rr2", quarter).await;
    let mut colleague = follow(&app, "delegate2", quarter).await;
    let mut later = follow(&app, "rr", "quarter: \"2026-Q2\"").await;
    rest().await;
    for (seconds, euros) in [(1, 150), (2, 180), (3, 200)] {
        app.clock.set(crate::app::monday() + chrono::TimeDelta::seconds(seconds));
        told(&app, "delegate", &mut one, |deal| deal.amount = Money::euros(euros)).await;
    }
    let mut last = String::new();
    for talk in [&mut rr, &mut delegate] {
        let told = heard(talk).await;
        assert_eq!(told["board"]["total"]["commit"], "200.00", "once for all three");
        last = told["cursor"].as_str().expect("a cursor").to_owned();
    }
    rest().await;
    for talk in [&mut rr, &mut delegate, &mut elsewhere, &mut colleague, &mut later] {
        talk.is_quiet().await;
    }
    // Something that the forecast cannot tell apart is no news.
    app.clock.set(crate::app::monday() + chrono::TimeDelta::seconds(4));
    told(&app, "delegate", &mut one, |_| {}).await;
    rest().await;
    rr.is_quiet().await;
    // A quota is news to whom it concerns, and so is a deal that leaves.
    quota(&app, json!({ "person": person("delegate") }), "500.00").await;
    assert_eq!(heard(&mut rr).await["board"]["total"]["quota"], "500.00");
    assert_eq!(heard(&mut delegate).await["board"]["total"]["quota"], "500.00");
    app.clock.set(crate::app::monday() + chrono::TimeDelta::seconds(9));
    told(&app, "delegate", &mut one, |deal| deal.signing_day = day(2026, 4, 1)).await;
    for talk in [&mut rr, &mut delegate] {
        assert_eq!(heard(talk).await["board"]["total"]["commit"], "0.00");
    }
    assert_eq!(heard(&mut later).await["board"]["total"]["commit"], "200.00");
    elsewhere.is_quiet().await;
    colleague.is_quiet().await;
    // Whoever comes back is told once what they missed, and nothing where they missed nothing.
    for after in [&cursor, &last] {
        let mut back = follow(&app, "rr", &format!("{quarter}, after: \"{after}\"")).await;
        assert_eq!(heard(&mut back).await["board"]["total"]["commit"], "0.00");
        rest().await;
        back.is_quiet().await;
    }
    let mut bad = Talk::begin(&app.url.trim_start_matches("http://"), &app.token("rr")).await;
    bad.subscribe("bad", "subscription { forecastChanged(after: \"x\") { cursor } }").await;
    assert_eq!(bad.refused("bad").await, "BAD_USER_INPUT");
    let mut unknown = Talk::begin(&app.url.trim_start_matches("http://"), &app.token("pdv")).await;
    unknown.subscribe("unknown", "subscription { forecastChanged { cursor } }").await;
    let errors = unknown.hear_of("error", "unknown").await;
    assert!(errors[0]["message"].as_str().is_some_and(|text| text.starts_with("Unknown field")), "{errors}");
}
