//! Marketing-action orders, rule by rule, through the server.

use serde_json::json;

use crate::{
    app::{Client, OrderRef, Reply, TestApp, noon},
    harness::{Backend, Trial, trials},
    network::{account, article, but, gift_cheques, leaflets, mailing, person, refund, site, sponsorship},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both the_main_job_from_draft_to_closed,
        both o1_a_standard_order_is_the_sum_of_its_lines_and_prices_freeze,
        both o2_the_delegation_pays_the_rest,
        both o3_the_address_is_complete_and_copied,
        both o4_what_is_missing_is_named_field_by_field,
        both o5_a_refund_waits_for_its_documents,
        both o6_a_gesture_is_no_order,
        both o7_a_broker_in_the_programme_is_refused_unless_outside_health,
        both o8_an_overdue_receipt_blocks_and_its_arrival_unblocks,
        both o10_closing_dates,
        both o20_auto_validation_at_its_thresholds,
        both o20_a_second_open_order_for_the_broker_goes_to_the_rr,
        both o21_a_deficit_waits_uncommitted_and_is_refused_until_money_moves,
        both o21_the_rr_share_is_committed_on_the_rr_envelope,
        both o22_a_release_may_lower_and_gives_back_at_once,
        both o24_proof_rounds,
        both o25_the_actual_cost_becomes_consumption,
        both o27_two_validators_at_once,
        both o28_bulk_decisions_stand_alone,
        both o28_a_dry_run_counts_what_came_before,
        both o28_a_key_is_for_one_list,
        both c3_several_lines_of_an_article_share_its_stock,
        both o1_lines_and_total_have_the_same_prices,
        both a_copy_is_for_somebody_who_still_places_orders,
        both b10_of_a_closed_year_only_receipts_come,
        both items_wait_since_what_they_wait_for_began,
        both b3_the_ledger_is_never_changed,
        both o29_available_actions_tell_what_the_mutations_do,
        both o30_a_simulation_writes_nothing,
        both b5_a_broken_maximum_refuses_and_names_what_is_left,
        both segregation_of_duties,
        both an_earlier_submission_is_not_forgotten,
        both who_may_do_what_to_which_order,
        both g12_versions,
        both g13_idempotency,
        both g14_dry_runs_write_nothing,
        both cancelling_gives_everything_back,
        both a_deputy_acts_for_the_absent,
        both validate_order_takes_few_statements,
        both each_mutation_of_a_request_is_read_afresh,
        both numbers_are_gapless,
        both(threads = 2) k2_sixty_four_clients_never_overspend_one_envelope,
    ]
}

/// Envelope of somebody: committed and consumed, in cents.
async fn used(app: &TestApp, who: &str) -> (i64, i64) {
    let id = crate::network::person_id(who).0;
    let committed = app.number(&format!("SELECT committed FROM envelope WHERE person_id = {id}")).await;
    (committed, app.number(&format!("SELECT consumed FROM envelope WHERE person_id = {id}")).await)
}

async fn complete(pdv: &Client<'_>, order: &OrderRef) -> OrderRef {
    pdv.with("completeOrder", "CompleteOrderInput", order, json!({})).await.order()
}

async fn results(client: &Client<'_>, order: &OrderRef) -> Reply {
    let results = json!({ "contactsReached": 120, "appointments": 12, "quotes": 8, "contractsSigned": 5, "premiumVolume": "4200.00" });
    client.with("recordResults", "RecordResultsInput", order, results).await
}

async fn the_main_job_from_draft_to_closed(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(mailing("900.00")).await;
    assert_eq!((order.status(), order.number()), ("PENDING_RR", Some("ACOR-2026-000001")));
    let order = app.rr().validate(&order, "APPROVE").await.order();
    assert_eq!(order.status(), "PENDING_PDV");
    let order = app.pdv().validate(&order, "APPROVE").await.order();
    assert_eq!(order.status(), "PROOF_IN_PROGRESS");
    let upload = app.pdv().upload("proof.pdf", crate::network::PDF).await;
    let order = app.pdv().with("sendProof", "SendProofInput", &order, json!({ "upload": upload })).await.order();
    assert_eq!(order.status(), "PENDING_PROOF_APPROVAL");
    let order = app.assistant().with("approveProof", "CommentedOrderInput", &order, json!({})).await.order();
    assert_eq!(order.status(), "IN_PROCESS");
    let order = complete(&app.pdv(), &order).await;
    assert_eq!(order.status(), "AWAITING_RESULTS");
    assert_eq!(used(&app, "delegate").await, (0, 90_000));
    let order = results(&app.delegate(), &order).await.order();
    assert_eq!(order.status(), "CLOSED");
    let reply = app
        .delegate()
        .ask(
            "query($id: ID!) { order(id: $id) { timeline { kind actor { displayName } toStatus } results { contractsSigned } } }",
            json!({ "id": order.id }),
        )
        .await;
    let kinds: Vec<_> =
        reply.data()["order"]["timeline"].as_array().unwrap().iter().map(|e| e["kind"].clone()).collect();
    let told = [
        "created",
        "submitted",
        "approved",
        "approved",
        "proof_sent",
        "proof_approved",
        "completed",
        "results_recorded",
    ];
    assert_eq!(kinds, told.map(|kind| json!(format!("order.{kind}"))));
}

async fn o1_a_standard_order_is_the_sum_of_its_lines_and_prices_freeze(backend: Backend) {
    let app = TestApp::start(backend).await;
    let lines = json!([{ "article": article(1), "quantity": 10 }, { "article": article(2), "quantity": 3 }]);
    let draft = app.delegate().draft(but(leaflets(1), json!({ "lines": lines }))).await;
    assert_eq!(draft.row["total"], "75.00");
    app.execute("UPDATE article SET unit_price = 200 WHERE id = 1").await;
    let order = app.delegate().submit(&draft).await.order();
    assert_eq!((order.row["total"].clone(), order.status()), (json!("80.00"), "PENDING_PDV"));
    app.execute("UPDATE article SET unit_price = 900 WHERE id = 1").await;
    assert_eq!(app.delegate().see(&order).await.unwrap().row["total"], "80.00");
    assert_eq!(app.number("SELECT stock FROM article WHERE id = 2").await, 97);
    let empty = app.delegate().draft(but(leaflets(1), json!({ "lines": [] }))).await;
    app.nothing_moves(app.delegate().submit(&empty)).await.refused(&["NO_LINES"]);
    let old =
        app.delegate().draft(but(leaflets(1), json!({ "lines": [{ "article": article(3), "quantity": 1 }] }))).await;
    app.nothing_moves(app.delegate().submit(&old)).await.refused(&["ARTICLE_NOT_AVAILABLE"]);
    let many =
        app.delegate().draft(but(leaflets(1), json!({ "lines": [{ "article": article(2), "quantity": 98 }] }))).await;
    app.nothing_moves(app.delegate().submit(&many)).await.refused(&["OUT_OF_STOCK"]);
    let none = but(leaflets(1), json!({ "lines": [{ "article": article(1), "quantity": 0 }] }));
    let reply = app.nothing_moves(app.delegate().create(none)).await.refused(&["QUANTITY_INVALID"]);
    assert_eq!(reply.payload()["userErrors"][0]["field"], json!(["lines", "0", "quantity"]));
}

async fn o2_the_delegation_pays_the_rest(backend: Backend) {
    let app = TestApp::start(backend).await;
    let shared = but(sponsorship("1000.00"), json!({ "rrShare": "300.00", "partnerShare": "199.99" }));
    assert_eq!(app.delegate().draft(shared).await.row["delegationShare"], "500.01");
    for (field, wrong) in [("rrShare", "-0.01"), ("partnerShare", "-5.00"), ("total", "-1.00")] {
        let reply = app.nothing_moves(app.delegate().create(but(sponsorship("10.00"), json!({ field: wrong })))).await;
        assert_eq!(reply.refused(&["AMOUNT_INVALID"]).payload()["userErrors"][0]["field"], json!([field]));
    }
    let above = but(sponsorship("100.00"), json!({ "rrShare": "60.00", "partnerShare": "40.01" }));
    let above = app.delegate().draft(above).await;
    app.nothing_moves(app.delegate().submit(&above)).await.refused(&["AMOUNT_INVALID"]);
    let partner = app.delegate().draft(but(leaflets(10), json!({ "partnerShare": "1.00" }))).await;
    app.nothing_moves(app.delegate().submit(&partner)).await.refused(&["AMOUNT_INVALID"]);
    let precise = app.delegate().create(sponsorship("10.001")).await;
    assert_eq!(precise.error(), "BAD_USER_INPUT");
}

async fn o3_the_address_is_complete_and_copied(backend: Backend) {
    let app = TestApp::start(backend).await;
    let address = "query($id: ID!) { order(id: $id) { delivery { mode address { recipient street postcode city } } } }";
    let order = app.delegate().submitted(leaflets(10)).await;
    app.execute("UPDATE delegation SET street = 'moved away'").await;
    let reply = app.delegate().ask(address, json!({ "id": order.id })).await;
    assert_eq!(reply.data()["order"]["delivery"]["address"]["street"], "1 place du Marché");
    let to_site = |site: String| json!({ "delivery": { "mode": "PARTNER_SITE", "site": site } });
    // A site of another broker's is not there, on no road: it would tell of a broker whom one may not read.
    let reply = app.nothing_moves(app.delegate().create(but(leaflets(10), to_site(site(2))))).await;
    assert_eq!((reply.error(), reply.message().contains("one of the broker's sites")), ("BAD_USER_INPUT", true));
    let draft = app.delegate().draft(but(leaflets(10), to_site(site(1)))).await;
    let update = async |more| app.delegate().with("updateOrder", "UpdateOrderInput", &draft, more).await;
    assert_eq!(app.nothing_moves(update(to_site(site(2)))).await.error(), "BAD_USER_INPUT");
    let unknown = sesame::graphql::id::global(::entity::vocabulary::SiteId(9_999)).0;
    assert_eq!(app.nothing_moves(update(to_site(unknown))).await.error(), "BAD_USER_INPUT");
    // Another broker's order is delivered to none of the first one's sites.
    let moved = update(json!({ "broker": account(4) })).await.order();
    app.nothing_moves(app.delegate().submit(&moved)).await.refused(&["DELIVERY_INCOMPLETE"]);
    let other = json!({ "mode": "OTHER", "address": { "recipient": "Salle", "street": " ", "postcode": "5900", "city": "Lille" } });
    let other = app.delegate().draft(but(leaflets(10), json!({ "delivery": other }))).await;
    let reply =
        app.nothing_moves(app.delegate().submit(&other)).await.refused(&["DELIVERY_INCOMPLETE", "DELIVERY_INCOMPLETE"]);
    let fields: Vec<_> =
        reply.payload()["userErrors"].as_array().unwrap().iter().map(|e| e["field"][2].clone()).collect();
    assert_eq!(fields, ["street", "postcode"]);
}

async fn o4_what_is_missing_is_named_field_by_field(backend: Backend) {
    let app = TestApp::start(backend).await;
    let bare = app.delegate().draft(but(mailing("150.00"), json!({ "details": { "nature": "Letter" } }))).await;
    let reply = app.nothing_moves(app.delegate().in_french().submit(&bare)).await;
    let errors = reply.payload()["userErrors"].as_array().unwrap();
    assert!(errors.iter().all(|e| e["code"] == "DETAILS_INCOMPLETE"), "{errors:#?}");
    let fields: Vec<String> = errors
        .iter()
        .map(|e| e["field"].as_array().unwrap()[1..].iter().map(|f| f.as_str().unwrap()).collect::<Vec<_>>().join("."))
        .collect();
    assert_eq!(
        fields,
        [
            "officeDetails",
            "legalMentions",
            "printing.format",
            "printing.paper",
            "printing.colours",
            "printing.quantity",
            "routing.volume",
            "routing.postedOn",
            "routing.postageClass",
            "target.audience",
            "target.product",
            "target.zone"
        ]
    );
    assert!(errors[0]["message"].as_str().unwrap().starts_with("Renseignement manquant"));
    app.delegate().submit(&app.delegate().draft(mailing("150.00")).await).await.good();
}

async fn o5_a_refund_waits_for_its_documents(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(refund("150.00")).await;
    assert_eq!(order.status(), "PENDING_PDV");
    assert_eq!(order.row["missingDocuments"], json!(["BROKER_INVOICE", "REFUND_LETTER"]));
    app.nothing_moves(app.pdv().validate(&order, "APPROVE")).await.refused(&["MISSING_DOCUMENTS"]);
    let order = app.delegate().attach(&order, "BROKER_INVOICE").await.order();
    app.nothing_moves(app.pdv().validate(&order, "APPROVE")).await.refused(&["MISSING_DOCUMENTS"]);
    let order = app.assistant().attach(&order, "REFUND_LETTER").await.order();
    let order = app.pdv().validate(&order, "APPROVE").await.order();
    assert_eq!(order.status(), "IN_PROCESS");
    let attachments = app
        .delegate()
        .ask("query($id: ID!) { order(id: $id) { attachments { id } } }", json!({ "id": order.id }))
        .await;
    let attachment = attachments.data()["order"]["attachments"][0]["id"].clone();
    app.nothing_moves(app.delegate().mutate(
        "removeAttachment",
        "AttachmentInput",
        json!({ "attachment": attachment }),
    ))
    .await
    .refused(&["ATTACHMENT_IN_USE"]);
    complete(&app.pdv(), &order).await;
}

async fn o6_a_gesture_is_no_order(backend: Backend) {
    let app = TestApp::start(backend).await;
    let gesture = but(gift_cheques("50.00"), json!({ "beneficiary": "INSURED_MEMBER" }));
    app.nothing_moves(app.delegate().create(gesture)).await.refused(&["GOODWILL_NOT_AN_ORDER"]);
    let draft = app.delegate().draft(gift_cheques("50.00")).await;
    app.nothing_moves(app.delegate().with(
        "updateOrder",
        "UpdateOrderInput",
        &draft,
        json!({ "beneficiary": "INSURED_MEMBER" }),
    ))
    .await
    .refused(&["GOODWILL_NOT_AN_ORDER"]);
}

async fn o7_a_broker_in_the_programme_is_refused_unless_outside_health(backend: Backend) {
    let app = TestApp::start(backend).await;
    let enrolled = |input| but(input, json!({ "broker": account(4) }));
    let draft = app.delegate().draft(enrolled(gift_cheques("100.00"))).await;
    app.delegate().submit(&draft).await.good();
    for health in [json!(true), json!(null)] {
        let mut input = enrolled(gift_cheques("100.00"));
        input["challenge"]["concernsHealth"] = health;
        let draft = app.delegate().draft(input).await;
        app.nothing_moves(app.delegate().submit(&draft)).await.refused(&["BROKER_IN_CHALLENGE_PROGRAMME"]);
    }
    let empty = app.delegate().draft(but(gift_cheques("100.00"), json!({ "challenge": {} }))).await;
    app.nothing_moves(app.delegate().submit(&empty)).await.refused(&["CHALLENGE_INCOMPLETE"; 5]);
}

/// Gift cheques up to the point where they are processed.
async fn cheques_in_process(app: &TestApp) -> OrderRef {
    let order = app.delegate().submitted(gift_cheques("150.00")).await;
    assert_eq!(order.status(), "HELD_BY_DELEGATION");
    let order = app.delegate().attach(&order, "CHALLENGE_DEED").await.order();
    let release = app.delegate().with("releaseGiftCheques", "ReleaseGiftChequesInput", &order, json!({})).await.order();
    app.pdv().validate(&release, "APPROVE").await.order()
}

async fn o8_an_overdue_receipt_blocks_and_its_arrival_unblocks(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = cheques_in_process(&app).await;
    let received = |on: &str| json!({ "receivedOn": on });
    let record = async |on: &str| {
        app.delegate().with("recordChequesReceived", "RecordChequesReceivedInput", &order, received(on)).await
    };
    app.nothing_moves(record("2026-03-17")).await.refused(&["DATE_IN_FUTURE"]);
    app.nothing_moves(record("2026-03-15")).await.refused(&["DATE_INVALID"]);
    let order = record("2026-03-16").await.order();
    assert_eq!(order.row["receiptDueOn"], "2026-04-16");
    app.nothing_moves(app.delegate().with(
        "recordChequesReceived",
        "RecordChequesReceivedInput",
        &order,
        received("2026-03-16"),
    ))
    .await
    .refused(&["ALREADY_RECORDED"]);
    app.nothing_moves(app.pdv().with("cancelOrder", "CancelOrderInput", &order, json!({})))
        .await
        .refused(&["CHEQUES_RECEIVED"]);
    let next = app.delegate().draft(leaflets(10)).await;
    app.clock.set(noon(2026, 4, 16));
    app.delegate().submit(&app.delegate().draft(leaflets(11)).await).await.good();
    app.clock.set(noon(2026, 4, 17));
    let delegate = app.delegate();
    let pdv = app.pdv();
    let reply = app.nothing_moves(delegate.submit(&next)).await.refused(&["RECEIPT_OVERDUE"]);
    assert_eq!(reply.payload()["userErrors"][0]["details"]["orders"][0]["number"], json!(order.number().unwrap()));
    let order = delegate.see(&order).await.unwrap();
    let order = delegate.attach(&order, "HANDOVER_RECEIPT").await.order();
    assert_eq!(order.row["receiptDueOn"], json!(null));
    delegate.submit(&next).await.good();
    let attachments =
        pdv.ask("query($id: ID!) { order(id: $id) { attachments { id purpose } } }", json!({ "id": order.id })).await;
    let all = attachments.data()["order"]["attachments"].as_array().unwrap().clone();
    let receipt = all.iter().find(|a| a["purpose"] == "HANDOVER_RECEIPT").unwrap();
    let invalid = json!({ "attachment": receipt["id"], "reason": "not signed" });
    pdv.mutate("declareReceiptInvalid", "AttachmentInput", invalid).await.good();
    let blocked = delegate.draft(leaflets(12)).await;
    app.nothing_moves(delegate.submit(&blocked)).await.refused(&["RECEIPT_OVERDUE"]);
}

async fn o10_closing_dates(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (custom, standard) =
        (app.delegate().draft(sponsorship("100.00")).await, app.delegate().draft(leaflets(10)).await);
    let next_year = app.delegate().draft(but(leaflets(10), json!({ "year": 2027 }))).await;
    app.nothing_moves(app.delegate().submit(&next_year)).await.refused(&["YEAR_NOT_OPEN"]);
    let last_year = app.delegate().draft(but(leaflets(10), json!({ "year": 2025 }))).await;
    app.nothing_moves(app.delegate().submit(&last_year)).await.refused(&["YEAR_CLOSED"]);
    app.clock.set(noon(2026, 12, 11));
    let delegate = app.delegate();
    app.nothing_moves(delegate.submit(&custom)).await.refused(&["SUBMISSION_CLOSED"]);
    app.clock.set(noon(2026, 12, 31));
    let delegate = app.delegate();
    delegate.submit(&standard).await.good();
}

async fn o20_auto_validation_at_its_thresholds(backend: Backend) {
    let app = TestApp::start(backend).await;
    let cases = [
        (leaflets(333), "PENDING_PDV", json!([])),
        (
            but(leaflets(1), json!({ "broker": account(4), "lines": [{ "article": article(2), "quantity": 25 }] })),
            "PENDING_RR",
            json!(["ABOVE_THRESHOLD"]),
        ),
    ];
    for (input, status, reasons) in cases {
        let order = app.delegate().submitted(input).await;
        assert_eq!((order.status(), &order.row["rrReasons"]), (status, &reasons));
    }
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(sponsorship("199.99")).await;
    assert_eq!((order.status(), &order.row["autoValidated"]), ("PENDING_PDV", &json!(true)));
    let order = app.delegate().submitted(but(sponsorship("200.00"), json!({ "broker": account(4) }))).await;
    assert_eq!((order.status(), &order.row["rrReasons"]), ("PENDING_RR", &json!(["ABOVE_THRESHOLD"])));
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(but(leaflets(10), json!({ "rrShare": "5.00" }))).await;
    assert_eq!((order.status(), &order.row["rrReasons"]), ("PENDING_RR", &json!(["RR_SHARE"])));
}

async fn o20_a_second_open_order_for_the_broker_goes_to_the_rr(backend: Backend) {
    let app = TestApp::start(backend).await;
    let first = app.delegate().submitted(leaflets(10)).await;
    let second = app.delegate().submitted(leaflets(10)).await;
    assert_eq!(second.row["rrReasons"], json!(["SEVERAL_ORDERS_FOR_BROKER"]));
    app.delegate().with("cancelOrder", "CancelOrderInput", &first, json!({})).await.good();
    app.delegate().with("cancelOrder", "CancelOrderInput", &second, json!({})).await.good();
    assert_eq!(app.delegate().submitted(leaflets(10)).await.status(), "PENDING_PDV");
}

async fn o21_a_deficit_waits_uncommitted_and_is_refused_until_money_moves(backend: Backend) {
    let app = TestApp::start(backend).await;
    // 10 000 allocated: custom actions may take all but the 1 000 held back for standard orders.
    let order = app.delegate().submitted(sponsorship("9500.00")).await;
    assert_eq!((order.status(), &order.row["rrReasons"]), ("PENDING_RR", &json!(["ABOVE_THRESHOLD", "SPLIT_MINIMUM"])));
    assert_eq!((order.row["committed"].clone(), used(&app, "delegate").await), (json!("0.00"), (0, 0)));
    let reply = app.nothing_moves(app.rr().validate(&order, "APPROVE")).await.refused(&["SPLIT_MINIMUM"]);
    // m + 10 000 − 9 500 ≥ 10 % of (10 000 + m): m = 555.56, since money moved in raises the minimum.
    assert_eq!(reply.payload()["userErrors"][0]["details"]["toMove"], "555.56");
    let moved = json!({ "year": 2026, "from": { "delegate": person("delegate2") }, "to": { "delegate": person("delegate") }, "amount": "555.56", "reason": "for the tournament" });
    let query = "mutation($input: MoveBudgetInput!) { moveBudget(input: $input) { userErrors { code message } } }";
    let reply = app.rr().ask(query, json!({ "input": moved })).await;
    assert_eq!(reply.data()["moveBudget"]["userErrors"], json!([]));
    let order = app.rr().validate(&order, "APPROVE").await.order();
    assert_eq!((order.status(), used(&app, "delegate").await), ("PENDING_PDV", (950_000, 0)));
}

async fn o21_the_rr_share_is_committed_on_the_rr_envelope(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(but(sponsorship("6000.00"), json!({ "rrShare": "5000.01" }))).await;
    let reply = app.nothing_moves(app.rr().validate(&order, "APPROVE")).await.refused(&["RR_BUDGET_DEFICIT"]);
    assert_eq!(reply.payload()["userErrors"][0]["details"]["available"], "5000.00");
    app.rr().validate(&order, "RETURN").await.good();
    let order = app.delegate().see(&order).await.unwrap();
    assert_eq!((order.status(), used(&app, "delegate").await), ("DRAFT", (0, 0)));
    let order =
        app.delegate().with("updateOrder", "UpdateOrderInput", &order, json!({ "rrShare": "2000.00" })).await.order();
    let order = app.delegate().submit(&order).await.order();
    assert_eq!(order.number(), Some("ACOR-2026-000001"), "a numbered order keeps its number");
    app.rr().validate(&order, "APPROVE").await.good();
    assert_eq!(app.number("SELECT committed FROM envelope WHERE kind = 'REGION' AND region_id = 1").await, 200_000);
    assert_eq!(used(&app, "delegate").await, (400_000, 0));
}

async fn o22_a_release_may_lower_and_gives_back_at_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let shared = but(gift_cheques("1000.00"), json!({ "rrShare": "300.00", "partnerShare": "200.00" }));
    let order = app.delegate().submitted(shared).await;
    let order = app.rr().validate(&order, "APPROVE").await.order();
    assert_eq!((order.status(), used(&app, "delegate").await), ("HELD_BY_DELEGATION", (50_000, 0)));
    let release = async |order: &OrderRef, more| {
        app.delegate().with("releaseGiftCheques", "ReleaseGiftChequesInput", order, more).await
    };
    app.nothing_moves(release(&order, json!({}))).await.refused(&["MISSING_DOCUMENTS"]);
    let order = app.delegate().attach(&order, "CHALLENGE_DEED").await.order();
    app.nothing_moves(release(&order, json!({ "total": "1000.01" }))).await.refused(&["TOTAL_RAISED"]);
    app.nothing_moves(release(&order, json!({ "total": "0.00" }))).await.refused(&["AMOUNT_INVALID"]);
    app.nothing_moves(release(&order, json!({ "total": "900.00", "rrShare": "300.01" })))
        .await
        .refused(&["SHARES_INVALID"]);
    let order = release(&order, json!({ "total": "450.00" })).await.order();
    let shares =
        ["total", "partnerShare", "rrShare", "delegationShare"].map(|f| order.row[f].as_str().unwrap().to_owned());
    assert_eq!(shares, ["450.00", "0.00", "0.00", "450.00"]);
    assert_eq!((order.status(), used(&app, "delegate").await), ("PENDING_PDV", (45_000, 0)));
    assert_eq!(app.number("SELECT committed FROM envelope WHERE kind = 'REGION' AND region_id = 1").await, 0);
}

async fn o24_proof_rounds(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(mailing("150.00")).await;
    let mut order = app.pdv().validate(&order, "APPROVE").await.order();
    for _ in 0..2 {
        let upload = app.pdv().upload("proof.pdf", crate::network::PDF).await;
        let sent = app.pdv().with("sendProof", "SendProofInput", &order, json!({ "upload": upload })).await.order();
        app.nothing_moves(app.delegate().with(
            "requestProofChanges",
            "CommentedOrderInput",
            &sent,
            json!({ "comment": " " }),
        ))
        .await
        .refused(&["COMMENT_REQUIRED"]);
        let again = json!({ "comment": "The logo, please" });
        order = app.delegate().with("requestProofChanges", "CommentedOrderInput", &sent, again).await.order();
    }
    let used_up = app.pdv().upload("proof.pdf", crate::network::PDF).await;
    let foreign = app.delegate().upload("proof.pdf", crate::network::PDF).await;
    let send = async |order: &OrderRef, upload: &str| {
        app.pdv().with("sendProof", "SendProofInput", order, json!({ "upload": upload })).await
    };
    app.nothing_moves(send(&order, &foreign)).await.refused(&["FILE_REQUIRED"]);
    let order = send(&order, &used_up).await.order();
    let reply = app
        .delegate()
        .ask("query($id: ID!) { order(id: $id) { attachments { round } } }", json!({ "id": order.id }))
        .await;
    assert_eq!(reply.data()["order"]["attachments"], json!([{ "round": 1 }, { "round": 2 }, { "round": 3 }]));
}

async fn o25_the_actual_cost_becomes_consumption(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app
        .delegate()
        .submitted(but(sponsorship("1000.00"), json!({ "rrShare": "300.00", "partnerShare": "200.00" })))
        .await;
    let order = app.rr().validate(&order, "APPROVE").await.order();
    let order = app.pdv().validate(&order, "APPROVE").await.order();
    let complete = async |cost: &str| {
        app.pdv().with("completeOrder", "CompleteOrderInput", &order, json!({ "actualCost": cost })).await
    };
    app.nothing_moves(complete("-1.00")).await.refused(&["AMOUNT_INVALID"]);
    app.nothing_moves(complete("12000.00")).await.refused(&["BUDGET_DEFICIT", "SPLIT_MINIMUM"]);
    let order = complete("700.00").await.order();
    assert_eq!(order.row["actualCost"], "700.00");
    // 300 less: the partner's 200 first, then 100 of the regional manager's.
    assert_eq!(used(&app, "delegate").await, (0, 50_000));
    assert_eq!(app.number("SELECT consumed FROM envelope WHERE kind = 'REGION' AND region_id = 1").await, 20_000);
}

async fn o27_two_validators_at_once(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(sponsorship("500.00")).await;
    let (one, two) = (app.rr(), app.rr());
    let (one, two) = tokio::join!(one.validate(&order, "APPROVE"), two.validate(&order, "REJECT"));
    let (won, lost) = if one.codes().is_empty() { (one, two) } else { (two, one) };
    let won = won.order();
    let lost = lost.refused(&["CONFLICT"]);
    assert_eq!(lost.current().unwrap().version, won.version, "the payload carries the order as it is now");
}

async fn o28_bulk_decisions_stand_alone(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (good, stale) =
        (app.delegate().submitted(sponsorship("300.00")).await, app.delegate().submitted(sponsorship("310.00")).await);
    let foreign = app.delegate3().submitted(but(sponsorship("300.00"), json!({ "broker": account(3) }))).await;
    let draft = app.delegate().draft(sponsorship("320.00")).await;
    let items = json!([
        { "id": good.id, "expectedVersion": good.version }, { "id": stale.id, "expectedVersion": 99 },
        { "id": foreign.id }, { "id": draft.id }, { "id": stale.id }
    ]);
    let query = "mutation($input: ValidateOrdersInput!) { validateOrders(input: $input) { results { order { status } userErrors { code } } userErrors { code } } }";
    let reply = app.rr().ask(query, json!({ "input": { "items": items, "decision": "APPROVE" } })).await;
    let results = reply.data()["validateOrders"]["results"].as_array().unwrap().clone();
    let codes: Vec<_> = results.iter().map(|r| r["userErrors"][0]["code"].clone()).collect();
    assert_eq!(codes, [json!(null), json!("CONFLICT"), json!("NOT_FOUND"), json!("WRONG_STATUS"), json!(null)]);
    assert_eq!(results[2]["order"], json!(null), "nothing is told about what may not be read");
    let many: Vec<_> = (0..101).map(|_| json!({ "id": draft.id })).collect();
    let reply =
        app.nothing_moves(app.rr().ask(query, json!({ "input": { "items": many, "decision": "APPROVE" } }))).await;
    assert_eq!(reply.data()["validateOrders"]["userErrors"][0]["code"], "TOO_MANY");
}

async fn o28_a_dry_run_counts_what_came_before(backend: Backend) {
    let app = TestApp::start(backend).await;
    // Each fits into the regional manager's 5 000, three do not.
    let mut items = Vec::new();
    for _ in 0..3 {
        let order = app.delegate().submitted(but(sponsorship("2100.00"), json!({ "rrShare": "2000.00" }))).await;
        items.push(json!({ "id": order.id, "expectedVersion": order.version }));
    }
    let query = "mutation($input: ValidateOrdersInput!) { validateOrders(input: $input) { results { order { status availableActions { action } } userErrors { code details { available } } } userErrors { code } } }";
    let input = |dry: bool| json!({ "input": { "items": items, "decision": "APPROVE", "dryRun": dry } });
    let dry = app.nothing_moves(app.rr().ask(query, input(true))).await;
    let real = app.rr().ask(query, input(false)).await;
    assert_eq!(dry.data()["validateOrders"], real.data()["validateOrders"]);
    let results = &real.data()["validateOrders"]["results"];
    assert_eq!(
        results[2]["userErrors"][0],
        json!({ "code": "RR_BUDGET_DEFICIT", "details": { "available": "1000.00" } })
    );
    assert_eq!((&results[1]["order"]["status"], &results[1]["userErrors"]), (&json!("PENDING_PDV"), &json!([])));
}

async fn o28_a_key_is_for_one_list(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut items = Vec::new();
    for _ in 0..3 {
        items.push(json!({ "id": app.delegate().submitted(sponsorship("300.00")).await.id }));
    }
    let query = "mutation($input: ValidateOrdersInput!) { validateOrders(input: $input) { results { order { status } userErrors { code } } userErrors { code } } }";
    // As long a key as any other mutation takes.
    let key = "k".repeat(200);
    let bulk = async |items: &[serde_json::Value], key: &str| {
        let input = json!({ "items": items, "decision": "APPROVE", "idempotencyKey": key });
        app.rr().ask(query, json!({ "input": input })).await.data()["validateOrders"].clone()
    };
    let first = bulk(&items[..2], &key).await;
    assert_eq!((&first["userErrors"], &first["results"][1]["userErrors"]), (&json!([]), &json!([])));
    assert_eq!(app.nothing_moves(bulk(&items[..2], &key)).await, first);
    let longer = app.nothing_moves(bulk(&items, &key)).await;
    assert_eq!(longer, json!({ "results": [], "userErrors": [{ "code": "IDEMPOTENCY_MISMATCH" }] }));
    let too_long = json!({ "items": items, "decision": "APPROVE", "idempotencyKey": "k".repeat(201) });
    assert_eq!(app.nothing_moves(app.rr().ask(query, json!({ "input": too_long }))).await.error(), "BAD_USER_INPUT");
}

async fn c3_several_lines_of_an_article_share_its_stock(backend: Backend) {
    let app = TestApp::start(backend).await;
    let posters = |pieces: &[i64]| {
        let lines: Vec<_> = pieces.iter().map(|n| json!({ "article": article(2), "quantity": n })).collect();
        but(leaflets(1), json!({ "lines": lines }))
    };
    let simulate =
        "query($input: SimulateOrderInput!) { simulateOrder(input: $input) { refusals { code field message } } }";
    let told = async |input| {
        app.delegate().ask(simulate, json!({ "input": input })).await.data()["simulateOrder"]["refusals"].clone()
    };
    let refusals = told(posters(&[60, 60])).await;
    assert_eq!(
        (&refusals[0]["code"], &refusals[0]["field"]),
        (&json!("OUT_OF_STOCK"), &json!(["lines", "1", "quantity"]))
    );
    assert!(refusals[0]["message"].as_str().unwrap().contains("40"), "{refusals}");
    let draft = app.delegate().draft(posters(&[60, 60])).await;
    let actions = "query($id: ID!) { order(id: $id) { availableActions { action reasons { code } } } }";
    let actions = app.delegate().ask(actions, json!({ "id": draft.id })).await;
    let submit = json!({ "action": "SUBMIT", "reasons": [{ "code": "OUT_OF_STOCK" }] });
    assert!(actions.data()["order"]["availableActions"].as_array().unwrap().contains(&submit), "{actions:?}");
    app.nothing_moves(app.delegate().submit(&draft)).await.refused(&["OUT_OF_STOCK"]);
    let many: Vec<i64> = vec![1; 201];
    assert_eq!(told(posters(&many)).await[0]["code"], "TOO_MANY");
    app.delegate().submitted(posters(&[60, 40])).await;
}

async fn o1_lines_and_total_have_the_same_prices(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "query($id: ID!) { order(id: $id) { total lines { unitPrice quantity } } }";
    let priced = async |id: &str| app.delegate().ask(query, json!({ "id": id })).await.data()["order"].clone();
    let order = app.delegate().submitted(leaflets(10)).await;
    let draft = app.delegate().draft(leaflets(10)).await;
    app.execute("UPDATE article SET unit_price = 200 WHERE id = 1").await;
    let now = json!({ "total": "20.00", "lines": [{ "unitPrice": "2.00", "quantity": 10 }] });
    let copy = app.delegate().act("duplicateOrder", &order).await.order();
    assert_eq!(priced(&copy.id).await, now);
    let draft =
        app.delegate().with("updateOrder", "UpdateOrderInput", &draft, json!({ "subject": "Later" })).await.order();
    assert_eq!(priced(&draft.id).await, now);
    assert_eq!(priced(&order.id).await["lines"][0]["unitPrice"], "1.50", "frozen when it was submitted");
    // Beyond all range is refused, and does not count as nothing.
    app.execute("UPDATE article SET unit_price = 900000000000 WHERE id = 1").await;
    app.nothing_moves(app.delegate().submit(&draft)).await.refused(&["AMOUNT_INVALID"]);
}

async fn a_copy_is_for_somebody_who_still_places_orders(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate2().submitted(but(leaflets(10), json!({ "broker": account(2) }))).await;
    let query = "query($id: ID!) { order(id: $id) { availableActions { action reasons { code } } } }";
    let reasons = async || {
        let reply = app.assistant().ask(query, json!({ "id": order.id })).await;
        let all = reply.data()["order"]["availableActions"].as_array().unwrap().clone();
        all.into_iter().find(|a| a["action"] == "DUPLICATE").unwrap()["reasons"].clone()
    };
    assert_eq!(reasons().await, json!([]));
    app.execute("UPDATE person SET active = FALSE WHERE id = 2").await;
    assert_eq!(reasons().await, json!([{ "code": "OWNER_LEFT" }]));
    app.nothing_moves(app.assistant().act("duplicateOrder", &order)).await.refused(&["OWNER_LEFT"]);
}

async fn b10_of_a_closed_year_only_receipts_come(backend: Backend) {
    let app = TestApp::start(backend).await;
    let cheques = cheques_in_process(&app).await;
    let order = app.delegate().submitted(refund("150.00")).await;
    let order = app.delegate().attach(&order, "OTHER").await.order();
    let draft = app.delegate().draft(leaflets(10)).await;
    let receipt = app.delegate().attach(&draft, "HANDOVER_RECEIPT").await;
    receipt.refused(&["NOT_GIFT_CHEQUES"]);
    app.execute("UPDATE budget_year SET status = 'CLOSED' WHERE year = 2026").await;
    app.delegate().attach(&order, "BROKER_INVOICE").await.refused(&["YEAR_CLOSED"]);
    app.delegate().attach(&cheques, "OTHER").await.refused(&["YEAR_CLOSED"]);
    let attachments = "query($id: ID!) { order(id: $id) { attachments { id } } }";
    let attachments = app.delegate().ask(attachments, json!({ "id": order.id })).await;
    let input = json!({ "attachment": attachments.data()["order"]["attachments"][0]["id"], "expectedVersion": order.version - 1 });
    let remove = async |input| app.delegate().mutate("removeAttachment", "AttachmentInput", input).await;
    let stale = remove(input.clone()).await.refused(&["CONFLICT"]);
    assert_eq!(stale.current().unwrap().version, order.version, "the order as it is now (G-12)");
    let message = stale.payload()["userErrors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("Camille delegate, on 2026-03-16 at 10:00"), "who and when (O-27): {message}");
    app.nothing_moves(remove(but(input, json!({ "expectedVersion": order.version })))).await.refused(&["YEAR_CLOSED"]);
    let received = json!({ "receivedOn": "2026-03-16" });
    let cheques =
        app.delegate().with("recordChequesReceived", "RecordChequesReceivedInput", &cheques, received).await.order();
    app.delegate().attach(&cheques, "HANDOVER_RECEIPT").await.good();
}

async fn items_wait_since_what_they_wait_for_began(backend: Backend) {
    let app = TestApp::start(backend).await;
    let cheques = cheques_in_process(&app).await;
    let refunded = app.delegate().submitted(refund("300.00")).await;
    app.clock.set(noon(2026, 3, 20));
    let received = json!({ "receivedOn": "2026-03-19" });
    app.delegate().with("recordChequesReceived", "RecordChequesReceivedInput", &cheques, received).await.good();
    app.rr().validate(&refunded, "APPROVE").await.good();
    let query = "{ workQueue { nodes { kind since } } }";
    let reply = app.delegate().ask(query, json!({})).await;
    let since = |kind: &str| {
        let nodes = reply.data()["workQueue"]["nodes"].as_array().unwrap();
        nodes.iter().find(|n| n["kind"] == kind).unwrap_or_else(|| panic!("{nodes:?}"))["since"].clone()
    };
    assert_eq!(since("HANDOVER_RECEIPT"), "2026-03-18T23:00:00+00:00");
    assert_eq!(since("MISSING_DOCUMENTS"), "2026-03-16T09:00:00+00:00");
    assert_eq!(sesame::check::run(&app.app.database).await.unwrap().findings, []);
}

async fn b3_the_ledger_is_never_changed(backend: Backend) {
    use sea_orm::ConnectionTrait;
    let app = TestApp::start(backend).await;
    app.delegate().submitted(sponsorship("300.00")).await;
    for sql in ["UPDATE ledger_entry SET amount = 1", "DELETE FROM ledger_entry"] {
        let refused = app.app.database.writer().execute_unprepared(sql).await.expect_err(sql).to_string();
        assert!(refused.contains("never"), "{refused}");
    }
}

async fn o29_available_actions_tell_what_the_mutations_do(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "query($id: ID!) { order(id: $id) { availableActions { action allowed reasons { code } } } }";
    let order = app.delegate().submitted(refund("150.00")).await;
    let available = async |client: Client<'_>, order: &OrderRef| {
        let reply = client.ask(query, json!({ "id": order.id })).await;
        reply.data()["order"]["availableActions"].as_array().unwrap().clone()
    };
    let of = |actions: &[serde_json::Value], name: &str| actions.iter().find(|a| a["action"] == name).cloned();
    let mine = available(app.delegate(), &order).await;
    assert!(of(&mine, "APPROVE").is_none(), "an action that the role does not have is not named");
    assert_eq!(of(&mine, "CANCEL").unwrap()["allowed"], true);
    assert_eq!(of(&mine, "SUBMIT").unwrap()["reasons"][0]["code"], "WRONG_STATUS");
    assert_eq!(of(&available(app.delegate2(), &order).await, "CANCEL").unwrap()["reasons"][0]["code"], "FORBIDDEN");
    assert_eq!(of(&available(app.rr(), &order).await, "APPROVE").unwrap()["reasons"][0]["code"], "NOT_YOUR_STEP");
    assert_eq!(of(&available(app.pdv(), &order).await, "APPROVE").unwrap()["reasons"][0]["code"], "MISSING_DOCUMENTS");
    assert_eq!(of(&available(app.pdv(), &order).await, "REJECT").unwrap()["allowed"], true);
}

async fn o30_a_simulation_writes_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let query = "query($input: SimulateOrderInput!) { simulateOrder(input: $input) { accepted total committed rrReasons \
                 refusals { code } warnings { code } path { status action roles { code } } envelope { before after } } }";
    let simulate = async |input| {
        app.nothing_moves(app.delegate().ask(query, json!({ "input": input }))).await.data()["simulateOrder"].clone()
    };
    let told = simulate(mailing("900.00")).await;
    let roles =
        |n: usize| told["path"][n]["roles"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect::<Vec<_>>();
    assert_eq!((roles(0), roles(1)), (vec![json!("RR")], vec![json!("PDV")]), "who has to act");
    let warned = simulate(but(refund("400.00"), json!({ "rrShare": "399.00" }))).await;
    assert_eq!((&warned["accepted"], &warned["warnings"][0]["code"]), (&json!(true), &json!("MISSING_DOCUMENTS")));
    assert_eq!((&told["accepted"], &told["rrReasons"]), (&json!(true), &json!(["ABOVE_THRESHOLD"])));
    let path: Vec<_> =
        told["path"].as_array().unwrap().iter().map(|s| s["status"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        path,
        [
            "PENDING_RR",
            "PENDING_PDV",
            "PROOF_IN_PROGRESS",
            "PENDING_PROOF_APPROVAL",
            "IN_PROCESS",
            "AWAITING_RESULTS",
            "CLOSED"
        ]
    );
    assert_eq!(told["envelope"], json!({ "before": "10000.00", "after": "9100.00" }));
    let draft = app.delegate().draft(leaflets(10)).await;
    assert_eq!(simulate(json!({ "id": draft.id })).await["total"], "15.00");
    let refused = simulate(but(mailing("4000.00"), json!({ "actionType": "REFUND" }))).await;
    assert_eq!((&refused["accepted"], &refused["refusals"][0]["code"]), (&json!(false), &json!("SPLIT_MAXIMUM")));
    let rr = app.rr().ask(query, json!({ "input": mailing("900.00") })).await;
    assert_eq!(rr.error(), "BAD_USER_INPUT", "the name does not exist for the role");
}

async fn b5_a_broken_maximum_refuses_and_names_what_is_left(backend: Backend) {
    let app = TestApp::start(backend).await;
    app.delegate().submitted(refund("2000.00")).await;
    let draft = app.delegate().draft(refund("1000.01")).await;
    let reply = app.nothing_moves(app.delegate().submit(&draft)).await.refused(&["SPLIT_MAXIMUM"]);
    assert_eq!(reply.payload()["userErrors"][0]["details"]["available"], "1000.00");
    let draft =
        app.delegate().with("updateOrder", "UpdateOrderInput", &draft, json!({ "total": "1000.00" })).await.order();
    app.delegate().submit(&draft).await.good();
}

async fn segregation_of_duties(backend: Backend) {
    let app = TestApp::start(backend).await;
    // The regional manager also places orders as a delegate of the same region.
    app.execute("INSERT INTO person_role (person_id, role_code) VALUES (5, 'DELEGATE')").await;
    app.execute("UPDATE person SET delegation_id = 1 WHERE id = 5").await;
    app.execute("UPDATE account SET portfolio_owner_id = 5 WHERE id = 2").await;
    app.execute("UPDATE envelope SET person_id = 5 WHERE person_id = 2").await;
    app.app.directory.forget();
    let order = app.rr().submitted(but(sponsorship("500.00"), json!({ "broker": account(2) }))).await;
    for decision in ["APPROVE", "REJECT", "RETURN"] {
        app.nothing_moves(app.rr().validate(&order, decision)).await.refused(&["SELF_VALIDATION"]);
    }
    let query =
        "mutation($input: ValidateOrdersInput!) { validateOrders(input: $input) { results { userErrors { code } } } }";
    let bulk = json!({ "input": { "items": [{ "id": order.id }], "decision": "APPROVE" } });
    let reply = app.nothing_moves(app.rr().ask(query, bulk)).await;
    assert_eq!(reply.data()["validateOrders"]["results"][0]["userErrors"][0]["code"], "SELF_VALIDATION");
}

/// Whoever submitted an order once may not decide on it when another submits it again.
async fn an_earlier_submission_is_not_forgotten(backend: Backend) {
    let app = TestApp::start(backend).await;
    // The assistant is promoted: from now on they could validate.
    app.execute("INSERT INTO person_role (person_id, role_code) VALUES (4, 'RR')").await;
    app.app.directory.forget();
    let draft = app.delegate().draft(sponsorship("500.00")).await;
    let order = app.assistant().submit(&draft).await.order();
    let order = app.rr().validate(&order, "RETURN").await.order();
    let order = app.delegate().submit(&order).await.order();
    app.nothing_moves(app.assistant().validate(&order, "APPROVE")).await.refused(&["SELF_VALIDATION"]);
    let query = "{ workQueue(filter: { kind: { in: [RR_VALIDATION] } }) { totalCount } }";
    for (who, waiting) in [("assistant", 0), ("rr", 1)] {
        assert_eq!(app.person(who).ask(query, json!({})).await.data()["workQueue"]["totalCount"], waiting, "{who}");
    }
}

async fn who_may_do_what_to_which_order(backend: Backend) {
    let app = TestApp::start(backend).await;
    let draft = app.delegate().draft(sponsorship("500.00")).await;
    // No permission for the name: an unknown field, like any misspelt one.
    let reply = app.nothing_moves(app.rr().act("submitOrder", &draft)).await;
    let misspelt = app.rr().act("submitOrdre", &draft).await;
    assert_eq!(reply.error(), "BAD_USER_INPUT");
    assert_eq!(reply.message().replace("submitOrder", "…"), misspelt.message().replace("submitOrdre", "…"));
    // A row that one may not read: not found, like one that is not there.
    let reply = app.nothing_moves(app.delegate3().submit(&draft)).await;
    let nowhere =
        OrderRef { id: sesame::graphql::id::global(::entity::vocabulary::OrderId(999_999)).0, ..draft.clone() };
    assert_eq!((reply.error(), app.delegate3().submit(&nowhere).await.error()), ("NOT_FOUND", "NOT_FOUND"));
    assert_eq!(app.delegate3().see(&draft).await, None);
    // A row that one may read, but the action does not reach it.
    assert_eq!(app.nothing_moves(app.delegate2().submit(&draft)).await.error(), "FORBIDDEN");
    app.assistant().submit(&draft).await.good();
    let order = app.delegate().see(&draft).await.unwrap();
    assert_eq!(app.nothing_moves(app.rr2().validate(&order, "APPROVE")).await.error(), "NOT_FOUND");
    app.nothing_moves(app.pdv().validate(&order, "APPROVE")).await.refused(&["NOT_YOUR_STEP"]);
    assert_eq!(app.nothing_moves(app.nobody().validate(&order, "APPROVE")).await.error(), "UNAUTHENTICATED");
    assert_eq!(app.person("director").see(&order).await.unwrap().id, order.id);
    assert_eq!(
        app.person("platform-admin").ask("{ orders { nodes { id } } }", json!({})).await.error(),
        "BAD_USER_INPUT"
    );
}

async fn g12_versions(backend: Backend) {
    let app = TestApp::start(backend).await;
    let draft = app.delegate().draft(sponsorship("100.00")).await;
    let newer =
        app.delegate().with("updateOrder", "UpdateOrderInput", &draft, json!({ "subject": "Other" })).await.order();
    let reply = app.nothing_moves(app.delegate().submit(&draft)).await.refused(&["CONFLICT"]);
    assert_eq!(reply.current().unwrap().version, newer.version);
}

async fn g13_idempotency(backend: Backend) {
    let app = TestApp::start(backend).await;
    let keyed = but(leaflets(10), json!({ "idempotencyKey": "one" }));
    let first = app.delegate().create(keyed.clone()).await.order();
    let again = app.nothing_moves(app.delegate().create(keyed)).await.order();
    assert_eq!(first.id, again.id);
    let other = but(leaflets(11), json!({ "idempotencyKey": "one" }));
    app.nothing_moves(app.delegate().create(other)).await.refused(&["IDEMPOTENCY_MISMATCH"]);
    let submit = json!({ "idempotencyKey": "two" });
    app.delegate().with("submitOrder", "OrderInput", &first, submit.clone()).await.good();
    app.nothing_moves(app.delegate().with("submitOrder", "OrderInput", &first, submit)).await.good();
    let (one, two) = (app.delegate(), app.delegate());
    let twice = but(leaflets(12), json!({ "idempotencyKey": "three" }));
    let (one, two) = tokio::join!(one.create(twice.clone()), two.create(twice));
    assert_eq!(one.order().id, two.order().id);
}

async fn g14_dry_runs_write_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let draft = app.delegate().draft(sponsorship("500.00")).await;
    let dry = json!({ "dryRun": true });
    let told = app.nothing_moves(app.delegate().with("submitOrder", "OrderInput", &draft, dry.clone())).await.order();
    assert_eq!((told.status(), told.number()), ("PENDING_RR", Some("ACOR-2026-000001")));
    assert_eq!(app.delegate().see(&draft).await.unwrap().status(), "DRAFT");
    app.nothing_moves(app.delegate().create(but(leaflets(5), dry))).await.good();
    assert_eq!(app.delegate().submit(&draft).await.order().number(), Some("ACOR-2026-000001"), "no number was taken");
}

async fn cancelling_gives_everything_back(backend: Backend) {
    let app = TestApp::start(backend).await;
    let posters =
        but(leaflets(1), json!({ "lines": [{ "article": article(2), "quantity": 40 }], "rrShare": "100.00" }));
    let order = app.delegate().submitted(posters).await;
    let order = app.rr().validate(&order, "APPROVE").await.order();
    assert_eq!(
        (used(&app, "delegate").await.0, app.number("SELECT stock FROM article WHERE id = 2").await),
        (70_000, 60)
    );
    app.nothing_moves(app.rr().with("cancelOrder", "CancelOrderInput", &order, json!({})))
        .await
        .refused(&["NOT_YOUR_STEP"]);
    let order =
        app.assistant().with("cancelOrder", "CancelOrderInput", &order, json!({ "reason": "rain" })).await.order();
    assert_eq!(order.status(), "CANCELLED");
    assert_eq!((used(&app, "delegate").await.0, app.number("SELECT stock FROM article WHERE id = 2").await), (0, 100));
    assert_eq!(app.number("SELECT COUNT(*) FROM work_item").await, 0);
    app.nothing_moves(app.assistant().with("cancelOrder", "CancelOrderInput", &order, json!({})))
        .await
        .refused(&["WRONG_STATUS"]);
}

async fn a_deputy_acts_for_the_absent(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(sponsorship("500.00")).await;
    let for_rr = |decision: &str| json!({ "decision": decision, "onBehalfOf": person("rr"), "reason": "away" });
    let validate =
        async |client: Client<'_>, more| client.with("validateOrder", "ValidateOrderInput", &order, more).await;
    app.nothing_moves(validate(app.rr2(), for_rr("APPROVE"))).await.refused(&["NOT_DEPUTY"]);
    let named = json!({ "input": { "deputy": person("rr2"), "firstDay": "2026-03-16", "lastDay": "2026-03-20" } });
    let reply = app
        .rr()
        .ask("mutation($input: NameDeputyInput!) { nameDeputy(input: $input) { userErrors { code } } }", named)
        .await;
    assert_eq!(reply.data()["nameDeputy"]["userErrors"], json!([]));
    // In their own name the other region does not exist for an action.
    let own = app.nothing_moves(validate(app.rr2(), json!({ "decision": "APPROVE" }))).await;
    assert_eq!(own.error(), "NOT_FOUND");
    validate(app.rr2(), for_rr("APPROVE")).await.good();
    let query = "query($id: ID!) { order(id: $id) { timeline { kind actor { code } onBehalfOf { code } } } }";
    let reply = app.delegate().ask(query, json!({ "id": order.id })).await;
    assert_eq!(
        reply.data()["order"]["timeline"][2],
        json!({ "kind": "order.approved", "actor": { "code": "RR2" }, "onBehalfOf": { "code": "RR" } })
    );
}

async fn each_mutation_of_a_request_is_read_afresh(backend: Backend) {
    let app = TestApp::start(backend).await;
    let draft = app.delegate().draft(leaflets(400)).await;
    let fields = "order { status availableActions { action allowed } }";
    let text = format!(
        "mutation($id: ID!) {{ submitted: submitOrder(input: {{ id: $id }}) {{ {fields} userErrors {{ code }} }} \
         cancelled: cancelOrder(input: {{ id: $id }}) {{ {fields} userErrors {{ code }} }} }}"
    );
    let reply = app.delegate().ask(&text, json!({ "id": draft.id })).await;
    let done = |field: &str| reply.data()[field]["order"].clone();
    let text = "query($id: ID!) { node(id: $id) { ... on Order { status availableActions { action allowed } } } }";
    let now = app.delegate().ask(text, json!({ "id": draft.id })).await;
    let now = now.data()["node"].clone();
    assert_eq!((&done("cancelled")["status"], &now["status"]), (&json!("CANCELLED"), &json!("CANCELLED")));
    assert_eq!(done("cancelled")["availableActions"], now["availableActions"]);
    assert_ne!(done("submitted")["availableActions"], now["availableActions"]);
}

async fn validate_order_takes_few_statements(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(but(sponsorship("5000.00"), json!({ "rrShare": "1000.00" }))).await;
    let query = "mutation($input: ValidateOrderInput!) { validateOrder(input: $input) { userErrors { code } } }";
    let approve = json!({ "id": order.id, "expectedVersion": order.version, "decision": "APPROVE" });
    let reply = app.rr().ask(query, json!({ "input": approve })).await;
    assert_eq!(reply.data()["validateOrder"]["userErrors"], json!([]));
    // One more reads the order for the payload.
    assert!(reply.statements.unwrap() <= 11, "{:?} statements", reply.statements);
}

async fn numbers_are_gapless(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut drafts = Vec::new();
    for _ in 0..12 {
        drafts.push(app.delegate().draft(leaflets(2)).await);
    }
    let client = app.delegate();
    let submitted = futures_util::future::join_all(drafts.iter().map(|draft| client.submit(draft))).await;
    let mut numbers: Vec<_> = submitted.into_iter().map(|r| r.order().number().unwrap().to_owned()).collect();
    numbers.sort();
    let expected: Vec<_> = (1..=12).map(|n| format!("ACOR-2026-{n:06}")).collect();
    assert_eq!(numbers, expected);
}

async fn k2_sixty_four_clients_never_overspend_one_envelope(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut drafts = Vec::new();
    for _ in 0..64 {
        drafts.push(app.delegate().draft(sponsorship("199.00")).await);
    }
    app.execute("UPDATE envelope SET allocated = 500000 WHERE person_id = 1").await;
    app.execute(
        "INSERT INTO ledger_entry (envelope_id, kind, amount, author_id, at) \
         SELECT id, 'TRANSFER', -500000, 8, '2026-03-16T09:00:00+00:00' FROM envelope WHERE person_id = 1",
    )
    .await;
    let client = app.delegate();
    let submitted = futures_util::future::join_all(drafts.iter().map(|draft| client.submit(draft))).await;
    let committed = submitted.into_iter().filter(|r| r.payload()["order"]["committed"] == "199.00").count() as i64;
    // 5 000 allocated, of which 500 are held back for standard orders: 22 orders of 199.
    assert_eq!(committed, 22);
    assert_eq!(used(&app, "delegate").await, (committed * 19_900, 0));
    let ledger = "SELECT SUM(amount) FROM ledger_entry WHERE kind = 'COMMITMENT'";
    let ledger = if backend == Backend::Postgres {
        ledger.replace("SUM(amount)", "SUM(amount)::bigint")
    } else {
        ledger.to_owned()
    };
    assert_eq!(app.number(&ledger).await, committed * 19_900);
}
