//! The sales process, rule by rule, through the server.

use serde_json::{Value, json};

use crate::{
    app::{Client, Reply, TestApp, noon},
    harness::{Backend, Trial, trials},
    network::{PDF, account, but, person, person_id},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both a_small_deal_goes_from_identification_to_closed_won,
        both a_large_deal_needs_both_committees,
        both p1_the_class_follows_the_amount_and_the_flags,
        both p2_stops_have_reasons_and_on_hold_wakes_up,
        both p2_what_is_stopped_opens_again_where_it_was,
        both p4_categories_follow_the_stage,
        both p10_everything_missing_comes_in_one_answer,
        both p11_a_go_is_for_its_class_and_returning_restores_it,
        both p11_committees_meet_on_their_days,
        both p11_a_no_go_stops_the_deal_at_once,
        both p11_conditions_block_the_sending,
        both p12_nothing_is_sent_without_its_review,
        both p13_the_discount_follows_the_grid,
        both p13_answers_are_approved_by_another,
        both p13_the_schedule_is_judged_again_when_the_date_moves,
        both p14_rounds_go_back_to_the_owner_and_are_kept,
        both p14_two_persons_check,
        both a_signed_deal_does_not_change,
        both a_won_deal_may_fall_through,
        both who_owns_or_asks_does_not_decide,
        both where_no_manager_is_left_the_director_decides,
        both who_may_do_what_to_which_deal,
        both available_actions_tell_what_the_mutations_do,
        both versions_keys_and_dry_runs,
        both each_step_waits_for_whose_it_is,
        both a_reassigned_deal_moves_with_its_owner,
        both the_playbook_is_data,
        both advancing_takes_few_statements,
        both the_forecast_follows_the_deals,
    ]
}

/// What the payloads of deals are asked for.
const DEAL: &str = "id version number stage sizeClass category forecastAmount signingOn leader \
    go { routeDue holds conditions { number overdue } } negotiation { discount discountWaitsFor } \
    checkRounds { number nonConforming { document reason } } documents { id kind refusedFor replacedAt } \
    stop { reason from wakeUpOn } owner { id } engagementManager { id }";

/// A deal as a client sees it.
#[derive(Clone, Debug)]
struct Deal {
    id: String,
    version: i64,
    row: Value,
}

impl Deal {
    fn stage(&self) -> &str {
        self.row["stage"].as_str().expect("a stage")
    }

    fn document(&self, kind: &str) -> String {
        let documents = self.row["documents"].as_array().expect("documents");
        let found = documents.iter().find(|d| d["kind"] == kind && d["replacedAt"].is_null());
        found.unwrap_or_else(|| panic!("no {kind} in {documents:?}"))["id"].as_str().expect("an id").to_owned()
    }
}

fn deal_of(row: &Value) -> Option<Deal> {
    let (id, version) = (row["id"].as_str()?.to_owned(), row["version"].as_i64()?);
    Some(Deal { id, version, row: row.clone() })
}

/// The codes of the refusals, sorted.
#[track_caller]
fn refused(reply: &Reply, field: &str, codes: &[&str]) {
    let errors = reply.data()[field]["userErrors"].as_array().expect("user errors");
    let mut found: Vec<&str> = errors.iter().map(|e| e["code"].as_str().expect("a code")).collect();
    found.sort_unstable();
    let mut expected = codes.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "{:#}", reply.body);
}

/// Somebody who works on deals.
struct Sales<'a>(Client<'a>);

impl Sales<'_> {
    /// Calls a mutation on a deal.
    async fn try_on(&self, field: &str, deal: &Deal, more: Value) -> Reply {
        let input = but(json!({ "id": deal.id, "expectedVersion": deal.version }), more);
        self.call(field, input).await
    }

    async fn call(&self, field: &str, input: Value) -> Reply {
        let input_type = match field {
            "resumeOppy" | "acceptCommitteeRequest" | "resubmitOppyDocuments" => "OppyInput".to_owned(),
            "requestCommittee" | "declineCommitteeRequest" | "reopenOppy" => "ReasonedOppyInput".to_owned(),
            "meetCondition" | "waiveCondition" => "OppyConditionInput".to_owned(),
            "setResponseSchedule" | "setReverseSchedule" => "ScheduleInput".to_owned(),
            "approveAnswer" | "sendAnswer" => "AnswerInput".to_owned(),
            other => format!("{}{}Input", other[..1].to_uppercase(), &other[1..]),
        };
        let query = format!(
            "mutation($input: {input_type}!) {{ {field}(input: $input) {{ opportunity {{ {DEAL} }} \
             userErrors {{ code message field details {{ items }} }} }} }}"
        );
        self.0.ask(&query, json!({ "input": input })).await
    }

    /// Calls a mutation that must do what it is asked for.
    #[track_caller]
    fn on<'d>(&'d self, field: &'d str, deal: &'d Deal, more: Value) -> impl Future<Output = Deal> + 'd {
        let at = std::panic::Location::caller();
        async move {
            let reply = self.try_on(field, deal, more).await;
            let payload = &reply.data()[field];
            assert_eq!(payload["userErrors"], json!([]), "{at}: {:#}", reply.body);
            deal_of(&payload["opportunity"]).unwrap_or_else(|| panic!("{at}: no deal in {:#}", reply.body))
        }
    }

    /// Calls a mutation that must be refused for exactly these reasons, and move nothing.
    async fn not(&self, field: &str, deal: &Deal, more: Value, codes: &[&str]) {
        let reply = self.0.app.nothing_moves(self.try_on(field, deal, more)).await;
        refused(&reply, field, codes);
    }

    async fn advance(&self, deal: &Deal) -> Deal {
        self.on("advanceOppy", deal, json!({})).await
    }

    async fn stuck(&self, deal: &Deal, codes: &[&str]) {
        self.not("advanceOppy", deal, json!({}), codes).await;
    }

    /// A deal of an amount on the complete client, signing in June.
    async fn create(&self, client: &str, amount: &str) -> Deal {
        let input = json!({
            "subject": "New telephony", "account": client, "oneOff": amount, "signingOn": "2026-06-15",
            "owner": person("delegate"),
        });
        let reply = self.call("createOpportunity", input).await;
        deal_of(&reply.data()["createOpportunity"]["opportunity"]).unwrap_or_else(|| panic!("{:#}", reply.body))
    }

    async fn attach(&self, deal: &Deal, kind: &str) -> Deal {
        let upload = self.0.upload("signed.pdf", PDF).await;
        self.on("attachContractDocument", deal, json!({ "kind": kind, "upload": upload })).await
    }

    /// How many items of each kind wait for them.
    async fn queue(&self) -> Vec<String> {
        let query = "{ workQueue(first: 50) { nodes { kind opportunity { id } } } }";
        let reply = self.0.ask(query, json!({})).await;
        let nodes = reply.data()["workQueue"]["nodes"].as_array().expect("items").clone();
        let of_deals = nodes.iter().filter(|node| !node["opportunity"].is_null());
        of_deals.map(|node| node["kind"].as_str().expect("a kind").to_owned()).collect()
    }
}

fn as_<'a>(app: &'a TestApp, name: &'static str) -> Sales<'a> {
    Sales(app.person(name))
}

/// A client with everything that P-10 asks for, in the delegate's portfolio.
async fn client(app: &TestApp) -> String {
    let input = json!({ "kind": "COMPANY", "name": "Transports Lemaire", "siren": "732829320", "sector": "TRANSPORT" });
    let query =
        "mutation($input: CreateAccountInput!) { createAccount(input: $input) { account { id } userErrors { code } } }";
    let reply = app.delegate().ask(query, json!({ "input": input })).await;
    let id = reply.data()["createAccount"]["account"]["id"].as_str().unwrap_or_else(|| panic!("{:#}", reply.body));
    let site = json!({ "account": id, "name": "Siège", "siret": "73282932000074", "street": "3 rue du Port", "kind": "HEAD_OFFICE",
                       "postcode": "59000", "city": "Lille" });
    let query = "mutation($input: AddSiteInput!) { addSite(input: $input) { userErrors { code message } } }";
    let reply = app.delegate().ask(query, json!({ "input": site })).await;
    assert_eq!(reply.data()["addSite"]["userErrors"], json!([]), "{:#}", reply.body);
    id.to_owned()
}

const SHEET: [(&str, &str); 5] = [
    ("commercial", "Forty lines, from Orange today"),
    ("structural", "The owner decides"),
    ("functional", "Calls, voice mail"),
    ("technical", "Fibre on both sites"),
    ("pitch", "They move in September"),
];

fn sheet() -> Value {
    SHEET.iter().map(|(part, text)| ((*part).to_owned(), json!(text))).collect::<serde_json::Map<_, _>>().into()
}

/// A deal in qualification.
async fn qualified(app: &TestApp, amount: &str) -> Deal {
    let delegate = as_(app, "delegate");
    let deal = delegate.create(&client(app).await, amount).await;
    let deal = delegate.on("fillDealSheet", &deal, sheet()).await;
    delegate.advance(&deal).await
}

/// A small deal in proposition.
async fn proposed(app: &TestApp) -> Deal {
    let deal = qualified(app, "40000.00").await;
    let deal = as_(app, "rr").on("decideGo", &deal, json!({ "decision": "GO", "minutes": "Worth it" })).await;
    as_(app, "delegate").advance(&deal).await
}

const DELIVERABLES: [&str; 6] = [
    "COMPANY_PRESENTATION",
    "FUNCTIONAL_AND_TECHNICAL_PROPOSAL",
    "FINANCIAL_PROPOSAL",
    "TECHNICAL_REQUIREMENTS",
    "STANDARD_CONTRACT",
    "CLIENT_FORMAT_ANSWERS",
];

/// Everything that sending needs but the review.
async fn prepared(app: &TestApp, deal: &Deal) -> Deal {
    let delegate = as_(app, "delegate");
    let mut deal = delegate.on("requireTeams", deal, json!({ "teams": ["PRESALES"] })).await;
    for deliverable in DELIVERABLES {
        deal = delegate.on("setDeliverable", &deal, json!({ "deliverable": deliverable, "ready": true })).await;
    }
    delegate.on("recordSignOff", &deal, json!({ "team": "PRESALES", "person": person("assistant") })).await
}

fn today(app: &TestApp) -> String {
    app.clock.today().to_string()
}

async fn sent(app: &TestApp, deal: &Deal) -> Deal {
    let delegate = as_(app, "delegate");
    let deal = prepared(app, deal).await;
    let review = json!({ "on": today(app), "participants": [person("rr"), person("delegate")] });
    let deal = delegate.on("recordProposalReview", &deal, review).await;
    delegate.on("sendProposal", &deal, json!({ "on": today(app), "recipient": "Mme Lemaire" })).await
}

/// A small deal in negotiation.
async fn negotiated(app: &TestApp) -> Deal {
    let deal = sent(app, &proposed(app).await).await;
    as_(app, "delegate").advance(&deal).await
}

/// A small deal that is won, its documents attached.
async fn won(app: &TestApp) -> Deal {
    let delegate = as_(app, "delegate");
    let deal = negotiated(app).await;
    let deal = delegate.on("setNegotiationKind", &deal, json!({ "kind": "PRICE_ONLY" })).await;
    let schedule = json!({ "milestones": [{ "name": "Last offer", "on": "2026-05-01" }] });
    let deal = delegate.on("setReverseSchedule", &deal, schedule).await;
    let upload = delegate.0.upload("agreement.pdf", PDF).await;
    let agreement = json!({ "upload": upload, "on": today(app), "signatory": "Anne Lemaire" });
    let deal = delegate.on("recordClientAgreement", &deal, agreement).await;
    let deal = delegate.attach(&deal, "SIGNED_CONTRACT").await;
    let deal = as_(app, "assistant").attach(&deal, "ORDER_FORM").await;
    delegate.advance(&deal).await
}

async fn a_small_deal_goes_from_identification_to_closed_won(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = won(&app).await;
    assert_eq!((deal.stage(), deal.row["number"].as_str()), ("WON", Some("OPP-2026-000001")));
    assert_eq!((&deal.row["category"], &deal.row["signingOn"]), (&json!("CLOSED"), &json!("2026-03-16")));
    let deal = as_(&app, "assistant").on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
    assert_eq!(deal.stage(), "WON");
    let deal = as_(&app, "sales-admin").on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
    assert_eq!(deal.stage(), "CLOSED_WON");
    as_(&app, "delegate").stuck(&deal, &["DEAL_CLOSED"]).await;
    let query = "query($id: ID!) { opportunity(id: $id) { timeline { kind toStatus actor { displayName } } } }";
    let reply = app.delegate().ask(query, json!({ "id": deal.id })).await;
    let entries = reply.data()["opportunity"]["timeline"].as_array().expect("entries").clone();
    let stages: Vec<_> = entries
        .windows(2)
        .filter(|pair| pair[0]["toStatus"] != pair[1]["toStatus"])
        .map(|pair| pair[1]["toStatus"].as_str().expect("a stage").to_owned())
        .collect();
    assert_eq!(stages, ["QUALIFICATION", "PROPOSITION", "NEGOTIATION", "WON", "CLOSED_WON"]);
    assert_eq!(entries[0]["kind"], "oppy.created");
}

/// A restricted committee that decides.
async fn restricted(app: &TestApp, deal: &Deal, decision: Value) -> Deal {
    let manager = as_(app, "engagement");
    let tuesday = json!({ "committee": "RESTRICTED", "on": "2026-03-17" });
    let deal = manager.on("planCommittee", deal, tuesday).await;
    app.clock.set(noon(2026, 3, 17));
    let deal = manager.on("recordMinutes", &deal, minutes()).await;
    manager.on("recordDecision", &deal, decision).await
}

fn minutes() -> Value {
    let attendee = |name, function, vote| json!({ "person": person(name), "function": function, "vote": vote });
    json!({ "minutes": "We can do it", "attendees": [
        attendee("delegate", "SALES", Value::Null), attendee("engagement", "ENGAGEMENT", json!("FOR")),
        attendee("assistant", "PRESALES", json!("ABSTAINED")), attendee("director", "DIRECTOR", json!("FOR")),
    ] })
}

async fn requested(app: &TestApp, deal: &Deal) -> Deal {
    let deal = as_(app, "delegate").on("requestCommittee", deal, json!({ "reason": "Large" })).await;
    as_(app, "engagement").on("acceptCommitteeRequest", &deal, json!({})).await
}

async fn a_large_deal_needs_both_committees(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = qualified(&app, "300000.00").await;
    assert_eq!((&deal.row["sizeClass"], &deal.row["go"]["routeDue"]), (&json!("LARGE"), &json!("EXTENDED")));
    let all = [
        "COMMITTEE_REQUEST_MISSING",
        "COMMITTEE_REQUEST_NOT_ACCEPTED",
        "RESTRICTED_MEETING_MISSING",
        "RESTRICTED_MINUTES_MISSING",
        "RESTRICTED_DECISION_MISSING",
        "EXTENDED_PITCH_MISSING",
        "EXTENDED_MEETING_MISSING",
        "EXTENDED_MINUTES_MISSING",
        "EXTENDED_DECISION_MISSING",
        "RESPONSE_TEAM_MISSING",
        "RESPONSE_SCHEDULE_MISSING",
    ];
    delegate.stuck(&deal, &all).await;
    as_(&app, "rr")
        .not("decideGo", &deal, json!({ "decision": "GO", "minutes": "Yes" }), &["COMMITTEE_REQUIRED"])
        .await;
    let deal = requested(&app, &deal).await;
    assert_eq!(deal.row["engagementManager"]["id"], json!(person("engagement")));
    let extended = json!({ "committee": "EXTENDED", "on": "2026-03-23" });
    let early = ["EXTENDED_NOT_DUE"];
    as_(&app, "engagement").not("planCommittee", &deal, extended.clone(), &early).await;
    let deal = restricted(&app, &deal, json!({ "decision": "GO" })).await;
    let left =
        ["EXTENDED_PITCH_MISSING", "EXTENDED_MEETING_MISSING", "EXTENDED_MINUTES_MISSING", "EXTENDED_DECISION_MISSING"];
    delegate.stuck(&deal, &[&left[..], &["RESPONSE_TEAM_MISSING", "RESPONSE_SCHEDULE_MISSING"]].concat()).await;
    as_(&app, "engagement").not("planCommittee", &deal, extended.clone(), &["EXTENDED_PITCH_MISSING"]).await;
    let deal = delegate.on("writeExtendedPitch", &deal, json!({ "pitch": "Our largest client of the north" })).await;
    let deal = as_(&app, "engagement").on("planCommittee", &deal, extended).await;
    app.clock.set(noon(2026, 3, 23));
    let deal = as_(&app, "engagement").on("recordMinutes", &deal, minutes()).await;
    as_(&app, "engagement").not("recordDecision", &deal, json!({ "decision": "GO" }), &["NOT_YOUR_STEP"]).await;
    let director = as_(&app, "director");
    director.not("recordDecision", &deal, json!({ "decision": "ESCALATE" }), &["DECISION_NOT_POSSIBLE"]).await;
    let deal = director.on("recordDecision", &deal, json!({ "decision": "GO" })).await;
    assert_eq!(deal.row["go"]["holds"], json!(true));
    delegate.stuck(&deal, &["RESPONSE_TEAM_MISSING", "RESPONSE_SCHEDULE_MISSING"]).await;
    let team = json!({ "members": [{ "person": person("engagement"), "team": "ENGAGEMENT" }] });
    let deal = delegate.on("nameResponseTeam", &deal, team).await;
    let schedule = json!({ "milestones": [{ "name": "First draft", "on": "2026-04-10" }] });
    let deal = delegate.on("setResponseSchedule", &deal, schedule).await;
    let deal = delegate.advance(&deal).await;
    assert_eq!((deal.stage(), &deal.row["leader"]), ("PROPOSITION", &json!("ENGAGEMENT_MANAGER")));
    // The engagement manager works inside a large deal's proposition.
    let deal = as_(&app, "engagement").on("requireTeams", &deal, json!({ "teams": ["LEGAL"] })).await;
    assert_eq!(deal.stage(), "PROPOSITION");
}

async fn p1_the_class_follows_the_amount_and_the_flags(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let mut deal = delegate.create(&client(&app).await, "49999.99").await;
    let class = |deal: &Deal| deal.row["sizeClass"].as_str().unwrap_or("-").to_owned();
    assert_eq!(class(&deal), "SMALL");
    for (change, expected) in [
        (json!({ "oneOff": "50000.00" }), "MIDDLE"),
        (json!({ "oneOff": "200000.00", "recurring": "30000.00", "services": "20000.00" }), "MIDDLE"),
        (json!({ "services": "20000.01" }), "LARGE"),
        (json!({ "oneOff": "100.00", "recurring": null, "services": null }), "SMALL"),
        (json!({ "flags": { "complex": true } }), "MIDDLE"),
        (json!({ "flags": { "specialBid": true } }), "LARGE"),
        (json!({ "oneOff": null }), "LARGE"),
        (json!({ "flags": { "specialBid": false } }), "-"),
    ] {
        deal = delegate.on("updateOpportunity", &deal, change.clone()).await;
        assert_eq!(class(&deal), expected, "{change}");
    }
    delegate.not("updateOpportunity", &deal, json!({ "oneOff": "-0.01" }), &["AMOUNT_INVALID"]).await;
}

async fn p2_stops_have_reasons_and_on_hold_wakes_up(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = delegate.create(&client(&app).await, "1000.00").await;
    let hold = |more: Value| but(json!({ "stage": "ON_HOLD" }), more);
    let nothing = ["REASON_MISSING", "COMMENT_MISSING", "WAKE_UP_DATE_MISSING"];
    delegate.not("stopOppy", &deal, hold(json!({})), &nothing).await;
    let words = json!({ "reason": "PRICE", "comment": "Later", "wakeUpOn": "2026-03-16" });
    delegate.not("stopOppy", &deal, hold(words), &["REASON_NOT_IN_LIST", "WAKE_UP_DATE_MISSING"]).await;
    delegate.not("resumeOppy", &deal, json!({}), &["NOT_ON_HOLD"]).await;
    let words = json!({ "reason": "BUDGET_FROZEN", "comment": "Later", "wakeUpOn": "2026-03-20" });
    let deal = delegate.on("stopOppy", &deal, hold(words)).await;
    assert_eq!(deal.stage(), "ON_HOLD");
    delegate.stuck(&deal, &["DEAL_STOPPED"]).await;
    assert!(delegate.queue().await.is_empty());
    app.clock.set(noon(2026, 3, 20));
    let woken = async {
        while delegate.queue().await.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), woken).await.expect("woken on its day");
    assert_eq!(delegate.queue().await, ["WAKE_UP"]);
    let events = "SELECT COUNT(*) FROM event WHERE kind = 'oppy.woke_up'";
    assert_eq!(app.number(events).await, 1);
    let query = "query($id: ID!) { opportunity(id: $id) { id version stage } }";
    let reply = app.delegate().ask(query, json!({ "id": deal.id })).await;
    let deal = deal_of(&reply.data()["opportunity"]).expect("a deal");
    assert_eq!(deal.stage(), "ON_HOLD", "it is not resumed by itself");
    let deal = delegate.on("resumeOppy", &deal, json!({})).await;
    assert_eq!(deal.stage(), "IDENTIFICATION");
    assert!(delegate.queue().await.is_empty());
}

async fn p2_what_is_stopped_opens_again_where_it_was(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, rr) = (as_(&app, "delegate"), as_(&app, "rr"));
    let deal = proposed(&app).await;
    let dismissed = json!({ "stage": "DISMISSED", "reason": "DUPLICATE", "comment": "Twice" });
    delegate.not("stopOppy", &deal, dismissed, &["STOP_NOT_ALLOWED_AT_STAGE"]).await;
    delegate
        .not(
            "stopOppy",
            &deal,
            json!({ "stage": "WON", "reason": "PRICE", "comment": "?" }),
            &["STOP_NOT_ALLOWED_AT_STAGE", "REASON_NOT_IN_LIST"],
        )
        .await;
    let lost = json!({ "stage": "LOST", "reason": "COMPETITOR", "comment": "Cheaper", "competitor": "Telma" });
    let deal = delegate.on("stopOppy", &deal, lost).await;
    delegate.not("resumeOppy", &deal, json!({}), &["NOT_ON_HOLD"]).await;
    assert_eq!(delegate.try_on("reopenOppy", &deal, json!({ "reason": "?" })).await.error(), "BAD_USER_INPUT");
    rr.not("reopenOppy", &deal, json!({}), &["REASON_MISSING"]).await;
    let deal = rr.on("reopenOppy", &deal, json!({ "reason": "They called" })).await;
    assert_eq!((deal.stage(), &deal.row["category"]), ("PROPOSITION", &json!("PIPELINE")));
    rr.not("reopenOppy", &deal, json!({ "reason": "Again" }), &["NOT_REOPENABLE"]).await;
    delegate
        .not(
            "advanceOppy",
            &deal,
            json!({ "stage": "WON" }),
            &[
                "STAGE_NOT_NEXT",
                "PROPOSAL_NOT_SENT",
                "PROPOSAL_REVIEW_MISSING",
                "REQUIRED_TEAMS_NOT_NAMED",
                "DELIVERABLE_MISSING",
                "DELIVERABLE_MISSING",
                "DELIVERABLE_MISSING",
                "DELIVERABLE_MISSING",
                "DELIVERABLE_MISSING",
                "DELIVERABLE_MISSING",
            ],
        )
        .await;
}

async fn p4_categories_follow_the_stage(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = delegate.create(&client(&app).await, "1000.00").await;
    let set = |category: &str| json!({ "category": category });
    delegate.not("updateOpportunity", &deal, set("OMITTED"), &["CATEGORY_NOT_ALLOWED_AT_STAGE"]).await;
    delegate.not("updateOpportunity", &deal, set("CLOSED"), &["CATEGORY_SET_BY_SERVER"]).await;
    delegate.not("updateOpportunity", &deal, set("BEST_CASE"), &["UNCERTAINTY_MISSING"]).await;
    let best = json!({ "category": "BEST_CASE", "uncertainty": "Their budget" });
    let deal = delegate.on("updateOpportunity", &deal, best).await;
    let deal = delegate.on("updateOpportunity", &deal, json!({ "signingOn": "2026-09-01" })).await;
    assert_eq!(deal.row["category"], "BEST_CASE", "moving the date keeps the category");
    let deal = delegate.on("updateOpportunity", &deal, set("COMMIT")).await;
    assert_eq!(deal.row["category"], "COMMIT");
}

async fn p10_everything_missing_comes_in_one_answer(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let input = json!({ "subject": "Fibre", "account": account(1), "signingOn": "2026-06-15" });
    let reply = delegate.call("createOpportunity", input).await;
    let deal = deal_of(&reply.data()["createOpportunity"]["opportunity"]).expect("a deal");
    app.execute("UPDATE site SET siret = NULL, street = '' WHERE account_id = 1").await;
    app.execute("UPDATE account SET sector = NULL WHERE id = 1").await;
    let all = [
        "ACCOUNT_SIRET_MISSING",
        "ACCOUNT_ADDRESS_MISSING",
        "ACCOUNT_SECTOR_MISSING",
        "SHEET_PART_MISSING",
        "SHEET_PART_MISSING",
        "SHEET_PART_MISSING",
        "SHEET_PART_MISSING",
        "PITCH_MISSING",
        "SIZE_CLASS_UNKNOWN",
    ];
    delegate.stuck(&deal, &all).await;
    let reply = Sales(app.delegate().in_french()).try_on("advanceOppy", &deal, json!({})).await;
    let errors = reply.data()["advanceOppy"]["userErrors"].as_array().expect("errors").clone();
    assert_eq!(errors[3]["details"]["items"], json!(["COMMERCIAL"]));
    assert_eq!(errors[3]["message"], "La partie commerciale de la fiche affaire est vide.");
    assert_eq!(reply.data()["advanceOppy"]["opportunity"]["stage"], "IDENTIFICATION");
    let query = "query($id: ID!) { opportunity(id: $id) { missing { code } } }";
    let reply = app.delegate().ask(query, json!({ "id": deal.id })).await;
    assert_eq!(reply.data()["opportunity"]["missing"].as_array().map(Vec::len), Some(9));
}

async fn p11_a_go_is_for_its_class_and_returning_restores_it(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = proposed(&app).await;
    let deal = prepared(&app, &deal).await;
    let review = json!({ "on": today(&app), "participants": [person("rr")] });
    let deal = delegate.on("recordProposalReview", &deal, review).await;
    let deal = delegate.on("updateOpportunity", &deal, json!({ "oneOff": "60000.00" })).await;
    let stale = [
        "GO_STALE",
        "COMMITTEE_REQUEST_MISSING",
        "COMMITTEE_REQUEST_NOT_ACCEPTED",
        "RESTRICTED_MEETING_MISSING",
        "RESTRICTED_MINUTES_MISSING",
        "RESTRICTED_DECISION_MISSING",
    ];
    let sending = json!({ "on": today(&app), "recipient": "Mme Lemaire" });
    delegate.not("sendProposal", &deal, sending.clone(), &stale).await;
    delegate.stuck(&deal, &[&stale[..], &["PROPOSAL_NOT_SENT"]].concat()).await;
    let deal = delegate.on("updateOpportunity", &deal, json!({ "oneOff": "45000.00" })).await;
    assert_eq!(deal.row["go"]["holds"], json!(true), "back in its class the Go holds again");
    // A committee asked for on a small deal makes the manager's own word too little.
    let asked = delegate.on("requestCommittee", &deal, json!({ "reason": "Unsure" })).await;
    assert_eq!((&asked.row["go"]["holds"], &asked.row["go"]["routeDue"]), (&json!(false), &json!("RESTRICTED")));
    let declined = as_(&app, "sales-admin").on("declineCommitteeRequest", &asked, json!({ "reason": "No need" })).await;
    assert_eq!(declined.row["go"]["holds"], json!(true));
    delegate.on("sendProposal", &declined, sending).await;
}

async fn p11_committees_meet_on_their_days(backend: Backend) {
    let app = TestApp::start(backend).await;
    let manager = as_(&app, "engagement");
    let deal = requested(&app, &qualified(&app, "60000.00").await).await;
    let on = |day: &str| json!({ "committee": "RESTRICTED", "on": day });
    manager.not("planCommittee", &deal, on("2026-03-20"), &["COMMITTEE_DAY_NOT_ALLOWED"]).await;
    manager.not("planCommittee", &deal, on("2026-03-12"), &["COMMITTEE_DAY_PAST"]).await;
    manager.not("planCommittee", &deal, on("2026-07-14"), &["COMMITTEE_DAY_HOLIDAY"]).await;
    manager.not("recordMinutes", &deal, minutes(), &["RESTRICTED_MEETING_MISSING"]).await;
    let deal = manager.on("planCommittee", &deal, on("2026-03-24")).await;
    let deal = manager.on("planCommittee", &deal, on("2026-03-25")).await;
    manager.not("recordMinutes", &deal, minutes(), &["MEETING_NOT_HELD"]).await;
    manager.not("recordDecision", &deal, json!({ "decision": "GO" }), &["MINUTES_MISSING", "MEETING_NOT_HELD"]).await;
    let agenda = "{ committeeAgenda { committee on opportunity { id } } }";
    let reply = manager.0.ask(agenda, json!({})).await;
    let planned = json!([{ "committee": "RESTRICTED", "on": "2026-03-25", "opportunity": { "id": deal.id } }]);
    assert_eq!(reply.data()["committeeAgenda"], planned);
    assert_eq!(as_(&app, "delegate2").0.ask(agenda, json!({})).await.data()["committeeAgenda"], json!([]));
    let dates = "{ committeeDates(committee: EXTENDED, from: \"2026-04-01\", first: 2) }";
    assert_eq!(manager.0.ask(dates, json!({})).await.data()["committeeDates"], json!(["2026-04-07", "2026-04-13"]));
    app.clock.set(noon(2026, 3, 25));
    let alone = json!({ "minutes": "Hm", "attendees": [{ "person": person("delegate"), "function": "SALES" }] });
    manager.not("recordMinutes", &deal, alone, &["QUORUM_MISSING"]).await;
    let deal = manager.on("recordMinutes", &deal, minutes()).await;
    let deal = manager.on("recordDecision", &deal, json!({ "decision": "ESCALATE" })).await;
    assert_eq!(deal.row["go"]["routeDue"], "EXTENDED", "an escalated deal needs the extended committee");
}

async fn p11_a_no_go_stops_the_deal_at_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = requested(&app, &qualified(&app, "60000.00").await).await;
    let deal = restricted(&app, &deal, json!({ "decision": "NO_GO", "comment": "Too risky" })).await;
    assert_eq!((deal.stage(), &deal.row["stop"]["from"]), ("NO_GO", &json!("QUALIFICATION")));
    let deal = as_(&app, "rr").on("reopenOppy", &deal, json!({ "reason": "New facts" })).await;
    assert_eq!(deal.stage(), "QUALIFICATION");
    let again = [
        "COMMITTEE_REQUEST_MISSING",
        "COMMITTEE_REQUEST_NOT_ACCEPTED",
        "RESTRICTED_MEETING_MISSING",
        "RESTRICTED_MINUTES_MISSING",
        "RESTRICTED_DECISION_MISSING",
        "RESPONSE_TEAM_MISSING",
        "RESPONSE_SCHEDULE_MISSING",
    ];
    as_(&app, "delegate").stuck(&deal, &again).await;
}

async fn p11_conditions_block_the_sending(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, manager) = (as_(&app, "delegate"), as_(&app, "engagement"));
    let deal = requested(&app, &qualified(&app, "60000.00").await).await;
    let deal = manager.on("planCommittee", &deal, json!({ "committee": "RESTRICTED", "on": "2026-03-17" })).await;
    app.clock.set(noon(2026, 3, 17));
    let deal = manager.on("recordMinutes", &deal, minutes()).await;
    let decide = |conditions: Value| json!({ "decision": "GO_WITH_CONDITIONS", "conditions": conditions });
    manager.not("recordDecision", &deal, decide(json!([])), &["CONDITIONS_MISSING"]).await;
    let vague = json!([{ "text": "Margin" }]);
    manager.not("recordDecision", &deal, decide(vague), &["CONDITION_OWNER_MISSING", "CONDITION_DATE_MISSING"]).await;
    let condition = |owner: &str| json!({ "text": "Margin above 20 %", "owner": person(owner), "dueOn": "2026-03-19" });
    let conditions = json!([condition("assistant"), condition("engagement"), condition("delegate")]);
    let deal = manager.on("recordDecision", &deal, decide(conditions)).await;
    let team = json!({ "members": [{ "person": person("engagement"), "team": "ENGAGEMENT" }] });
    let deal = delegate.on("nameResponseTeam", &deal, team).await;
    let schedule = json!({ "milestones": [{ "name": "First draft", "on": "2026-04-10" }] });
    let deal = delegate.on("setResponseSchedule", &deal, schedule).await;
    let deal = delegate.advance(&deal).await;
    let deal = prepared(&app, &deal).await;
    let review = json!({ "on": today(&app), "participants": [person("rr")] });
    let deal = delegate.on("recordProposalReview", &deal, review).await;
    let sending = json!({ "on": today(&app), "recipient": "Mme Lemaire" });
    delegate.not("sendProposal", &deal, sending.clone(), &["CONDITION_OPEN"; 3]).await;
    manager.not("meetCondition", &deal, json!({ "condition": 1 }), &["NOT_YOUR_STEP"]).await;
    let deal = as_(&app, "assistant").on("meetCondition", &deal, json!({ "condition": 1 })).await;
    as_(&app, "assistant").not("meetCondition", &deal, json!({ "condition": 1 }), &["CONDITION_NOT_OPEN"]).await;
    let deal = manager.on("meetCondition", &deal, json!({ "condition": 2 })).await;
    app.clock.set(noon(2026, 3, 20));
    manager.not("waiveCondition", &deal, json!({ "condition": 3 }), &["REASON_MISSING"]).await;
    let deal = manager.on("waiveCondition", &deal, json!({ "condition": 3, "reason": "Not needed" })).await;
    assert_eq!(deal.row["go"]["conditions"][2]["overdue"], json!(false));
    delegate.on("sendProposal", &deal, sending).await;
}

async fn p12_nothing_is_sent_without_its_review(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = proposed(&app).await;
    delegate.not("requireTeams", &deal, json!({ "teams": [] }), &["REQUIRED_TEAMS_NOT_NAMED"]).await;
    let deal = prepared(&app, &deal).await;
    delegate.not("requireTeams", &deal, json!({ "teams": ["LEGAL"] }), &["REASON_MISSING"]).await;
    let sending = json!({ "on": today(&app), "recipient": "Mme Lemaire" });
    delegate.not("sendProposal", &deal, sending.clone(), &["PROPOSAL_REVIEW_MISSING"]).await;
    let later = json!({ "on": "2026-03-17", "participants": [person("rr")] });
    delegate.not("recordProposalReview", &deal, later, &["DATE_IN_FUTURE"]).await;
    let review = json!({ "on": today(&app), "participants": [person("rr")] });
    let deal = delegate.on("recordProposalReview", &deal, review.clone()).await;
    let deal =
        delegate.on("setDeliverable", &deal, json!({ "deliverable": "STANDARD_CONTRACT", "ready": false })).await;
    delegate.not("sendProposal", &deal, sending.clone(), &["DELIVERABLE_MISSING"]).await;
    let deal = delegate.on("setDeliverable", &deal, json!({ "deliverable": "STANDARD_CONTRACT", "ready": true })).await;
    let deal = delegate.on("sendProposal", &deal, sending.clone()).await;
    delegate.not("sendProposal", &deal, sending.clone(), &["PROPOSAL_REVIEW_MISSING"]).await;
    let deal = delegate.on("recordProposalReview", &deal, review).await;
    let deal = delegate.on("sendProposal", &deal, sending).await;
    let deal = delegate.advance(&deal).await;
    assert_eq!(deal.stage(), "NEGOTIATION");
    let ready = json!({ "deliverable": "STANDARD_CONTRACT", "ready": true });
    delegate.not("setDeliverable", &deal, ready, &["WRONG_STAGE"]).await;
}

async fn p13_the_discount_follows_the_grid(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, rr, director) = (as_(&app, "delegate"), as_(&app, "rr"), as_(&app, "director"));
    let deal = negotiated(&app).await;
    let off = |percent: &str| json!({ "discount": percent });
    let waits = |deal: &Deal| deal.row["negotiation"]["discountWaitsFor"].clone();
    let deal = delegate.on("setDiscount", &deal, off("5")).await;
    assert_eq!(waits(&deal), Value::Null, "up to 5 % sales agree themselves");
    rr.not("approveDiscount", &deal, json!({ "agree": true }), &["NOTHING_TO_AGREE"]).await;
    let deal = delegate.on("setDiscount", &deal, off("5.01")).await;
    assert_eq!(waits(&deal), "RR");
    let all = [
        "CLIENT_AGREEMENT_DOCUMENT_MISSING",
        "CLIENT_AGREEMENT_DATE_MISSING",
        "CLIENT_AGREEMENT_SIGNATORY_MISSING",
        "NEGOTIATION_KIND_MISSING",
        "DISCOUNT_NOT_AGREED",
        "REVERSE_SCHEDULE_MISSING",
    ];
    delegate.stuck(&deal, &all).await;
    rr.not("approveDiscount", &deal, json!({ "agree": false }), &["REASON_MISSING"]).await;
    let refused = rr.on("approveDiscount", &deal, json!({ "agree": false, "reason": "Too much" })).await;
    assert_eq!((&refused.row["negotiation"]["discount"], waits(&refused)), (&json!("0"), Value::Null));
    let deal = delegate.on("setDiscount", &refused, off("15")).await;
    let deal = rr.on("approveDiscount", &deal, json!({ "agree": true })).await;
    let deal = delegate.on("setDiscount", &deal, off("12")).await;
    assert_eq!(waits(&deal), Value::Null, "an agreement covers any lower discount");
    let deal = delegate.on("setDiscount", &deal, off("15.01")).await;
    assert_eq!(waits(&deal), "DIRECTOR");
    rr.not("approveDiscount", &deal, json!({ "agree": true }), &["NOT_YOUR_LEVEL"]).await;
    assert_eq!(director.queue().await, ["DISCOUNT_DIRECTOR"]);
    let deal = director.on("approveDiscount", &deal, json!({ "agree": true })).await;
    assert_eq!(waits(&deal), Value::Null);
    let query =
        "query($id: ID!) { opportunity(id: $id) { negotiation { delegation { level mostDiscount lowestPrice } } } }";
    let reply = app.delegate().ask(query, json!({ "id": deal.id })).await;
    let grid = &reply.data()["opportunity"]["negotiation"]["delegation"];
    assert_eq!(grid[0], json!({ "level": "SALES", "mostDiscount": "5", "lowestPrice": "38000.00" }));
    assert_eq!(grid[1], json!({ "level": "RR", "mostDiscount": "15", "lowestPrice": "34000.00" }));
}

async fn p13_answers_are_approved_by_another(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, rr) = (as_(&app, "delegate"), as_(&app, "rr"));
    let deal = negotiated(&app).await;
    let deal = delegate.on("draftAnswer", &deal, json!({ "text": "Yes, both sites" })).await;
    delegate.not("sendAnswer", &deal, json!({ "answer": 1 }), &["ANSWER_NOT_APPROVED"]).await;
    assert_eq!(rr.queue().await, ["ANSWER_APPROVAL"]);
    let deal = rr.on("approveAnswer", &deal, json!({ "answer": 1 })).await;
    let deal = delegate.on("sendAnswer", &deal, json!({ "answer": 1 })).await;
    let deal = rr.on("draftAnswer", &deal, json!({ "text": "From me" })).await;
    assert!(rr.queue().await.is_empty(), "nobody approves their own answer");
    rr.not("approveAnswer", &deal, json!({ "answer": 2 }), &["OWN_OPPORTUNITY", "OWN_OPPORTUNITY"]).await;
    assert_eq!(as_(&app, "director").queue().await, ["ANSWER_APPROVAL_DIRECTOR"]);
    as_(&app, "director").on("approveAnswer", &deal, json!({ "answer": 2 })).await;
}

async fn p13_the_schedule_is_judged_again_when_the_date_moves(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = negotiated(&app).await;
    let schedule = |day: &str| json!({ "milestones": [{ "name": "Last offer", "on": day }] });
    let late = ["REVERSE_SCHEDULE_BEYOND_SIGNING"];
    delegate.not("setReverseSchedule", &deal, schedule("2026-06-16"), &late).await;
    let deal = delegate.on("setReverseSchedule", &deal, schedule("2026-06-15")).await;
    let deal = delegate.on("updateOpportunity", &deal, json!({ "signingOn": "2026-06-01" })).await;
    let all = [
        "CLIENT_AGREEMENT_DOCUMENT_MISSING",
        "CLIENT_AGREEMENT_DATE_MISSING",
        "CLIENT_AGREEMENT_SIGNATORY_MISSING",
        "NEGOTIATION_KIND_MISSING",
        "REVERSE_SCHEDULE_BEYOND_SIGNING",
    ];
    delegate.stuck(&deal, &all).await;
    let tomorrow = json!({ "on": "2026-03-17", "signatory": "Anne Lemaire" });
    delegate.not("recordClientAgreement", &deal, tomorrow, &["DATE_IN_FUTURE"]).await;
}

async fn p14_rounds_go_back_to_the_owner_and_are_kept(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, assistant, office) = (as_(&app, "delegate"), as_(&app, "assistant"), as_(&app, "sales-admin"));
    let deal = won(&app).await;
    delegate.stuck(&deal, &["FIRST_CHECK_MISSING", "SECOND_CHECK_MISSING"]).await;
    office.not("checkOppyDocuments", &deal, json!({ "conform": true }), &["NOT_YOUR_STEP"]).await;
    let refuse = |document: String| json!({ "conform": false, "nonConforming": [{ "document": document, "reason": "Not signed" }] });
    assistant.not("checkOppyDocuments", &deal, json!({ "conform": false }), &["NON_CONFORMING_MISSING"]).await;
    let deal = assistant.on("checkOppyDocuments", &deal, refuse(deal.document("ORDER_FORM"))).await;
    assert_eq!(deal.stage(), "WON");
    assert_eq!(delegate.queue().await, ["DOCUMENTS_REFUSED"]);
    assistant
        .not("checkOppyDocuments", &deal, json!({ "conform": true }), &["DOCUMENT_NON_CONFORMING", "WAITING_FOR_OWNER"])
        .await;
    delegate.not("resubmitOppyDocuments", &deal, json!({}), &["DOCUMENT_NON_CONFORMING"]).await;
    let deal = delegate.attach(&deal, "ORDER_FORM").await;
    let deal = delegate.on("resubmitOppyDocuments", &deal, json!({})).await;
    let deal = assistant.on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
    delegate.stuck(&deal, &["SECOND_CHECK_MISSING"]).await;
    let upload = delegate.0.upload("late.pdf", PDF).await;
    let late = json!({ "kind": "OTHER", "upload": upload });
    delegate.not("attachContractDocument", &deal, late, &["DOCUMENTS_BEING_CHECKED"]).await;
    let deal = office.on("checkOppyDocuments", &deal, refuse(deal.document("SIGNED_CONTRACT"))).await;
    let deal = delegate.attach(&deal, "SIGNED_CONTRACT").await;
    let deal = delegate.on("resubmitOppyDocuments", &deal, json!({})).await;
    assert_eq!(assistant.queue().await, ["FIRST_CHECK"], "the round starts again with the assistant");
    let deal = assistant.on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
    let deal = office.on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
    let rounds = deal.row["checkRounds"].as_array().expect("rounds");
    let numbers: Vec<_> = rounds.iter().map(|round| round["number"].as_i64()).collect();
    assert_eq!((deal.stage(), numbers), ("CLOSED_WON", vec![Some(1), Some(2), Some(3)]));
    assert_eq!(rounds[1]["nonConforming"][0]["reason"], "Not signed");
    assert_eq!(deal.row["documents"].as_array().map(Vec::len), Some(5), "all versions are kept");
}

async fn p14_two_persons_check(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = won(&app).await;
    // Somebody who is both assistant and sales administration.
    let both = person_id("assistant").0;
    app.execute(&format!("INSERT INTO person_role (person_id, role_code) VALUES ({both}, 'SALES_ADMIN')")).await;
    app.app.directory.forget();
    let assistant = as_(&app, "assistant");
    let deal = assistant.on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
    assistant.not("checkOppyDocuments", &deal, json!({ "conform": true }), &["SAME_PERSON_CHECKED"]).await;
    assert!(assistant.queue().await.is_empty());
    as_(&app, "sales-admin").on("checkOppyDocuments", &deal, json!({ "conform": true })).await;
}

async fn a_signed_deal_does_not_change(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = won(&app).await;
    for change in
        [json!({ "oneOff": "1.00" }), json!({ "flags": { "complex": true } }), json!({ "signingOn": "2026-07-01" })]
    {
        delegate.not("updateOpportunity", &deal, change, &["DEAL_SIGNED"]).await;
    }
    let lost = json!({ "stage": "LOST", "reason": "PRICE", "comment": "?" });
    delegate.not("stopOppy", &deal, lost, &["STOP_NOT_ALLOWED_AT_STAGE"]).await;
}

async fn a_won_deal_may_fall_through(backend: Backend) {
    let app = TestApp::start(backend).await;
    let office = as_(&app, "sales-admin");
    let deal = won(&app).await;
    let upload = office.0.upload("annulment.pdf", PDF).await;
    office.not("annulOppy", &deal, json!({ "upload": upload }), &["REASON_MISSING"]).await;
    let deal = office.on("annulOppy", &deal, json!({ "upload": upload, "reason": "Bankrupt" })).await;
    assert_eq!((deal.stage(), &deal.row["stop"]["reason"]), ("LOST", &json!("FELL_THROUGH")));
    assert!(as_(&app, "assistant").queue().await.is_empty());
    as_(&app, "rr").not("reopenOppy", &deal, json!({ "reason": "?" }), &["NOT_REOPENABLE"]).await;
}

async fn who_owns_or_asks_does_not_decide(backend: Backend) {
    let app = TestApp::start(backend).await;
    // The delegate manages the region as well: their own deals are not theirs to decide.
    let delegate = person_id("delegate").0;
    app.execute(&format!("INSERT INTO person_role (person_id, role_code) VALUES ({delegate}, 'RR')")).await;
    app.app.directory.forget();
    let deal = qualified(&app, "40000.00").await;
    let go = json!({ "decision": "GO", "minutes": "Mine" });
    as_(&app, "delegate").not("decideGo", &deal, go.clone(), &["OWN_OPPORTUNITY"]).await;
    assert!(as_(&app, "delegate").queue().await.is_empty());
    assert_eq!(as_(&app, "rr").queue().await, ["GO_DECISION"]);
    as_(&app, "rr")
        .not("decideGo", &deal, json!({ "decision": "ESCALATE" }), &["DECISION_NOT_POSSIBLE", "MINUTES_MISSING"])
        .await;
    let deal = as_(&app, "rr").on("decideGo", &deal, go.clone()).await;
    as_(&app, "rr").not("decideGo", &deal, go, &["ALREADY_DECIDED"]).await;
}

async fn where_no_manager_is_left_the_director_decides(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (rr, director) = (as_(&app, "rr"), as_(&app, "director"));
    let client = client(&app).await;
    let deal = rr.create(&client, "40000.00").await;
    let deal = rr.on("fillDealSheet", &deal, sheet()).await;
    let deal = rr.advance(&deal).await;
    let go = json!({ "decision": "GO", "minutes": "Fine" });
    rr.not("decideGo", &deal, go.clone(), &["OWN_OPPORTUNITY"]).await;
    assert!(rr.queue().await.is_empty());
    assert_eq!(director.queue().await, ["GO_DECISION_DIRECTOR"]);
    let deal = director.on("decideGo", &deal, go.clone()).await;
    assert_eq!(deal.row["go"]["holds"], json!(true));
    // A delegate's own deal stays with the manager.
    let other = as_(&app, "delegate").create(&client, "40000.00").await;
    let other = as_(&app, "delegate").on("fillDealSheet", &other, sheet()).await;
    let other = as_(&app, "delegate").advance(&other).await;
    director.not("decideGo", &other, go, &["NOT_YOUR_STEP"]).await;
    assert_eq!(rr.queue().await, ["GO_DECISION"]);
}

async fn who_may_do_what_to_which_deal(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = qualified(&app, "40000.00").await;
    let sees = async |name| {
        let query = "query($id: ID!) { opportunity(id: $id) { id } node(id: $id) { id } opportunities { totalCount } }";
        let reply = app.person(name).ask(query, json!({ "id": deal.id })).await;
        if reply.body["errors"].is_null() {
            let data = reply.data();
            assert_eq!(data["opportunity"].is_null(), data["node"].is_null());
            return data["opportunities"]["totalCount"].as_i64();
        }
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{name}: an unknown field");
        None
    };
    for (name, count) in
        [("delegate", 1), ("assistant", 1), ("rr", 1), ("sales-admin", 1), ("director", 1), ("engagement", 1)]
    {
        assert_eq!(sees(name).await, Some(count), "{name}");
    }
    for name in ["delegate2", "delegate3", "rr2"] {
        assert_eq!(sees(name).await, Some(0), "{name}");
    }
    for name in ["pdv", "platform-admin"] {
        assert_eq!(sees(name).await, None, "{name}");
    }
    let tried = async |name, field: &str, more: Value| {
        app.nothing_moves(as_(&app, name).try_on(field, &deal, more)).await.error().to_owned()
    };
    for name in ["delegate2", "delegate3", "rr2"] {
        assert_eq!(tried(name, "fillDealSheet", json!({ "pitch": "x" })).await, "NOT_FOUND", "{name}");
    }
    assert_eq!(
        tried("assistant", "advanceOppy", json!({})).await,
        "BAD_USER_INPUT",
        "the assistant never moves the stage"
    );
    for name in ["director", "sales-admin", "pdv", "engagement"] {
        assert_eq!(tried(name, "advanceOppy", json!({})).await, "BAD_USER_INPUT", "{name}");
    }
    let prepared = as_(&app, "assistant").on("fillDealSheet", &deal, json!({ "pitch": "Prepared" })).await;
    as_(&app, "engagement").not("nameResponseTeam", &prepared, json!({ "members": [] }), &["NOT_YOUR_STEP"]).await;
}

async fn available_actions_tell_what_the_mutations_do(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = qualified(&app, "300000.00").await;
    let told = async |name| {
        let query = "query($id: ID!) { opportunity(id: $id) { availableActions { action allowed reasons { code } } } }";
        let reply = app.person(name).ask(query, json!({ "id": deal.id })).await;
        let actions = reply.data()["opportunity"]["availableActions"].as_array().expect("actions").clone();
        actions
            .into_iter()
            .map(|action| {
                let codes = action["reasons"]
                    .as_array()
                    .expect("reasons")
                    .iter()
                    .map(|r| r["code"].as_str().expect("a code").to_owned())
                    .collect::<Vec<_>>();
                (action["action"].as_str().expect("an action").to_owned(), codes)
            })
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let delegate = told("delegate").await;
    assert_eq!(delegate["REQUEST_COMMITTEE"], Vec::<String>::new());
    assert_eq!(delegate["ADVANCE"].len(), 11);
    assert_eq!(delegate["SET_DISCOUNT"], ["WRONG_STAGE"]);
    assert!(!delegate.contains_key("DECIDE_GO"), "what the schema does not offer is not told");
    assert_eq!(told("rr").await["DECIDE_GO"], ["COMMITTEE_REQUIRED"]);
    assert_eq!(told("sales-admin").await["ACCEPT_COMMITTEE_REQUEST"], ["COMMITTEE_REQUEST_MISSING"]);
    let refused = as_(&app, "delegate").try_on("advanceOppy", &deal, json!({})).await;
    let codes: Vec<_> = refused.data()["advanceOppy"]["userErrors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|e| e["code"].as_str().expect("a code").to_owned())
        .collect();
    assert_eq!(codes, delegate["ADVANCE"]);
}

async fn versions_keys_and_dry_runs(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = as_(&app, "delegate");
    let deal = delegate.create(&client(&app).await, "1000.00").await;
    let dry = app.nothing_moves(delegate.try_on("fillDealSheet", &deal, but(sheet(), json!({ "dryRun": true })))).await;
    assert_eq!(dry.data()["fillDealSheet"]["opportunity"]["version"], 2);
    let keyed = but(sheet(), json!({ "idempotencyKey": "once" }));
    let first = delegate.on("fillDealSheet", &deal, keyed.clone()).await;
    let again = delegate.on("fillDealSheet", &deal, keyed).await;
    assert_eq!((first.version, again.version), (2, 2));
    let reply = delegate.try_on("updateOpportunity", &deal, json!({ "oneOff": "2.00" })).await;
    refused(&reply, "updateOpportunity", &["CONFLICT"]);
    assert_eq!(reply.data()["updateOpportunity"]["opportunity"]["version"], 2);
    let both = tokio::join!(
        delegate.try_on("updateOpportunity", &first, json!({ "oneOff": "2.00" })),
        delegate.try_on("updateOpportunity", &first, json!({ "oneOff": "3.00" })),
    );
    let done = [&both.0, &both.1].iter().filter(|r| r.data()["updateOpportunity"]["userErrors"] == json!([])).count();
    assert_eq!(done, 1, "of two at once, one");
}

async fn each_step_waits_for_whose_it_is(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, manager, office) = (as_(&app, "delegate"), as_(&app, "engagement"), as_(&app, "sales-admin"));
    let deal = qualified(&app, "60000.00").await;
    assert!(as_(&app, "rr").queue().await.is_empty(), "a committee's deal is not the manager's");
    let deal = delegate.on("requestCommittee", &deal, json!({ "reason": "Middle" })).await;
    assert_eq!(
        (manager.queue().await, office.queue().await),
        (vec!["COMMITTEE_REQUEST".to_owned()], vec!["COMMITTEE_REQUEST".to_owned()])
    );
    let deal = office.on("acceptCommitteeRequest", &deal, json!({})).await;
    assert_eq!(manager.queue().await, ["COMMITTEE_PLANNING"]);
    let deal = manager.on("planCommittee", &deal, json!({ "committee": "RESTRICTED", "on": "2026-03-17" })).await;
    assert_eq!(office.queue().await, ["COMMITTEE_MINUTES"]);
    app.clock.set(noon(2026, 3, 17));
    let deal = office.on("recordMinutes", &deal, minutes()).await;
    assert_eq!(manager.queue().await, ["RESTRICTED_DECISION"]);
    manager.on("recordDecision", &deal, json!({ "decision": "GO" })).await;
    for name in ["engagement", "sales-admin", "rr", "director", "delegate"] {
        assert!(as_(&app, name).queue().await.is_empty(), "{name}");
    }
}

async fn a_reassigned_deal_moves_with_its_owner(backend: Backend) {
    let app = TestApp::start(backend).await;
    let rr = as_(&app, "rr");
    let deal = qualified(&app, "40000.00").await;
    let to = |name: &str| json!({ "owner": person(name) });
    assert_eq!(rr.try_on("reassignOppy", &deal, to("delegate3")).await.error(), "BAD_USER_INPUT", "another region's");
    let deal = rr.on("reassignOppy", &deal, to("delegate2")).await;
    assert_eq!(deal.row["owner"]["id"], json!(person("delegate2")));
    assert_eq!(as_(&app, "delegate").try_on("advanceOppy", &deal, json!({})).await.error(), "NOT_FOUND");
    as_(&app, "delegate2").stuck(&deal, &["RR_GO_MISSING"]).await;
}

async fn the_playbook_is_data(backend: Backend) {
    let app = TestApp::start(backend).await;
    let office = app.person("sales-admin");
    let query = "mutation($input: UpdatePlaybookInput!) { updatePlaybook(input: $input) { playbook { sinceYear version middleFrom } userErrors { code field } } }";
    let wrong = json!({ "year": 2026, "middleFrom": "300000.00", "probabilities": ["10", "20"] });
    let reply = app.nothing_moves(office.ask(query, json!({ "input": wrong }))).await;
    refused(&reply, "updatePlaybook", &["PLAYBOOK_INVALID", "PLAYBOOK_INVALID"]);
    let input =
        json!({ "year": 2026, "middleFrom": "30000.00", "sizes": [{ "sizeClass": "MIDDLE", "teams": ["LEGAL"] }] });
    let reply = office.ask(query, json!({ "input": input })).await;
    assert_eq!(
        reply.data()["updatePlaybook"]["playbook"],
        json!({ "sinceYear": 2026, "version": 1, "middleFrom": "30000.00" })
    );
    let deal = as_(&app, "delegate").create(&client(&app).await, "40000.00").await;
    assert_eq!(deal.row["sizeClass"], "MIDDLE");
    assert_eq!(
        app.delegate().ask("{ playbook { middleFrom } }", json!({})).await.data()["playbook"]["middleFrom"],
        "30000.00"
    );
    assert_eq!(
        app.delegate().ask("{ playbook(year: 2025) { middleFrom } }", json!({})).await.data()["playbook"]["middleFrom"],
        "50000.00"
    );
    assert_eq!(app.delegate().ask(query, json!({ "input": { "year": 2026 } })).await.error(), "BAD_USER_INPUT");
}

async fn advancing_takes_few_statements(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = qualified(&app, "40000.00").await;
    let deal = as_(&app, "rr").on("decideGo", &deal, json!({ "decision": "GO", "minutes": "Worth it" })).await;
    let query = "mutation($input: AdvanceOppyInput!) { advanceOppy(input: $input) { opportunity { stage } userErrors { code } } }";
    let reply = app.delegate().ask(query, json!({ "input": { "id": deal.id } })).await;
    assert_eq!(reply.data()["advanceOppy"]["opportunity"]["stage"], "PROPOSITION");
    assert!(reply.statements.is_some_and(|statements| statements <= 12), "{:?}", reply.statements);
}

async fn the_forecast_follows_the_deals(backend: Backend) {
    let app = TestApp::start(backend).await;
    let deal = won(&app).await;
    let states = "SELECT COUNT(*) FROM deal_state WHERE until_at IS NULL AND stage = 'WON' AND amount = 4000000";
    assert_eq!((deal.stage(), app.number(states).await), ("WON", 1));
    let query = "{ forecastBoard(quarter: \"2026-Q1\", by: OWNER) { total { closed } } }";
    let reply = app.delegate().ask(query, json!({})).await;
    assert_eq!(reply.data()["forecastBoard"]["total"]["closed"], "40000.00", "{:#}", reply.body);
}
