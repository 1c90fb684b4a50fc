//! `order(id, asOf)` (G-20): orders go their whole way, and every moment of it is answered as it was.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use crate::{
    app::{Client, OrderRef, TestApp, monday},
    harness::{Backend, Trial, trials},
    network::{PDF, article, but, gift_cheques, leaflets, mailing, refund},
    schema_walk::{INTROSPECTION, Schema},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both g20_a_standard_order_stands_as_it_stood,
        both g20_a_mailing_stands_as_it_stood,
        both g20_gift_cheques_stand_as_they_stood,
        both g20_a_refund_stands_as_it_stood,
        both g20_moments_that_cannot_be_asked_for,
        both g20_the_first_releases_told_less,
    ]
}

/// What was seen of one order, each time with the moment.
struct Diary<'a> {
    app: &'a TestApp,
    /// Everything of an order, with as much of what belongs to it.
    query: String,
    seen: Vec<(DateTime<Utc>, Value)>,
}

impl<'a> Diary<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let schema = Schema::read(app.rr().ask(INTROSPECTION, json!({})).await.data());
        let (everything, _) = schema.selection("Order", 2);
        let mut everything = everything.split_whitespace().collect::<Vec<_>>().join(" ") + " ";
        for listed in ["lines", "lineCount", "attachments", "results", "timeline", "delivery", "missingDocuments"] {
            assert!(everything.contains(listed), "{listed} is not in {everything}");
        }
        // What it points to is told as it is today: the stock and the prices of its articles change beside it. And
        // nothing can be done in the past.
        for (name, end, instead) in [("article {", "} ", "article { id } "), ("availableActions {", "} } ", "")] {
            let begin = everything.find(name).expect(name);
            let end = everything[begin..].find(end).expect("an end") + begin + end.len();
            everything.replace_range(begin..end, instead);
        }
        let query = format!("query($id: ID!, $asOf: DateTime) {{ order(id: $id, asOf: $asOf) {{ {everything} }} }}");
        Self { app, query, seen: Vec::new() }
    }

    async fn ask(&self, order: &OrderRef, moment: Option<DateTime<Utc>>) -> Value {
        let variables = json!({ "id": order.id, "asOf": moment.map(|at| at.to_rfc3339()) });
        self.app.rr().ask(&self.query, variables).await.data()["order"].clone()
    }

    /// Notes how the order stands, and lets a minute pass.
    async fn note(&mut self, order: OrderRef) -> OrderRef {
        let now = self.app.clock.now();
        let seen = self.ask(&order, None).await;
        assert_eq!(self.ask(&order, Some(now)).await, seen, "now is as it is");
        self.seen.push((now, seen));
        self.app.clock.set(now + Duration::minutes(1));
        order
    }

    /// Every moment is answered as it was, to the end of its minute.
    async fn compare(&self, order: &OrderRef, steps: usize) {
        assert_eq!(self.seen.len(), steps);
        for (at, seen) in &self.seen {
            for moment in [*at, *at + Duration::seconds(59)] {
                let then = self.ask(order, Some(moment)).await;
                assert!(then == *seen, "as of {moment}\nwas {seen:#}\nis {then:#}");
            }
        }
        let versions: Vec<_> = self.seen.iter().map(|(_, seen)| seen["version"].as_i64().unwrap()).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "each step changed something: {versions:?}");
    }
}

async fn completed(app: &TestApp, order: &OrderRef, cost: Value) -> OrderRef {
    app.pdv().with("completeOrder", "CompleteOrderInput", order, json!({ "actualCost": cost })).await.order()
}

async fn brought(client: &Client<'_>, order: &OrderRef, contracts: i32, comment: Option<&str>) -> OrderRef {
    let results = json!({ "contactsReached": 120, "appointments": 12, "quotes": 8, "contractsSigned": contracts,
                          "premiumVolume": format!("{contracts}00.00"), "comment": comment });
    client.with("recordResults", "RecordResultsInput", order, results).await.order()
}

async fn g20_a_standard_order_stands_as_it_stood(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut diary = Diary::new(&app).await;
    let (delegate, pdv) = (app.delegate(), app.pdv());
    let line = |key: i64, quantity: i64| json!({ "article": article(key), "quantity": quantity });
    let update =
        async |order: &OrderRef, more| delegate.with("updateOrder", "UpdateOrderInput", order, more).await.order();
    let order = diary.note(delegate.draft(leaflets(10)).await).await;
    let order = diary.note(update(&order, json!({ "lines": [line(1, 20), line(2, 3)] })).await).await;
    let order = diary.note(update(&order, json!({ "comment": "Urgent", "subject": "Flyers" })).await).await;
    // The price rises: told with the next change of the draft, though it names no lines.
    app.execute("UPDATE article SET unit_price = 200 WHERE id = 1").await;
    let order = diary.note(update(&order, json!({ "comment": null })).await).await;
    // And again: frozen by the submission.
    app.execute("UPDATE article SET unit_price = 210 WHERE id = 1").await;
    let order = diary.note(delegate.submit(&order).await.order()).await;
    let order = diary.note(pdv.validate(&order, "RETURN").await.order()).await;
    let order = diary.note(update(&order, json!({ "lines": [line(2, 1)] })).await).await;
    let order = diary.note(delegate.submit(&order).await.order()).await;
    let order = diary.note(pdv.validate(&order, "APPROVE").await.order()).await;
    let order = diary.note(completed(&app, &order, json!(null)).await).await;
    let order = diary.note(brought(&delegate, &order, 5, Some("Good")).await).await;
    let order = diary.note(brought(&pdv, &order, 6, None).await).await;
    let order = diary.note(brought(&delegate, &order, 4, Some("Counted again")).await).await;
    diary.compare(&order, 13).await;
}

async fn g20_a_mailing_stands_as_it_stood(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut diary = Diary::new(&app).await;
    let (delegate, rr, pdv) = (app.delegate(), app.rr(), app.pdv());
    let shared = but(mailing("900.00"), json!({ "rrShare": "100.00", "partnerShare": "50.00" }));
    let order = diary.note(delegate.draft(shared).await).await;
    let details = json!({ "details": { "nature": "Card", "printing": { "format": "A6", "quantity": 50 } } });
    let order = diary.note(delegate.with("updateOrder", "UpdateOrderInput", &order, details).await.order()).await;
    let whole = json!({ "details": mailing("1.00")["details"] });
    let order = diary.note(delegate.with("updateOrder", "UpdateOrderInput", &order, whole).await.order()).await;
    let order = diary.note(app.assistant().submit(&order).await.order()).await;
    let order = diary.note(rr.validate(&order, "APPROVE").await.order()).await;
    let mut order = diary.note(pdv.validate(&order, "APPROVE").await.order()).await;
    for _ in 0..2 {
        let upload = pdv.upload("proof.pdf", PDF).await;
        let sent = pdv.with("sendProof", "SendProofInput", &order, json!({ "upload": upload })).await.order();
        let sent = diary.note(sent).await;
        let again = json!({ "comment": "The logo, please" });
        let back = delegate.with("requestProofChanges", "CommentedOrderInput", &sent, again).await.order();
        order = diary.note(back).await;
    }
    let upload = pdv.upload("last.pdf", PDF).await;
    let order =
        diary.note(pdv.with("sendProof", "SendProofInput", &order, json!({ "upload": upload })).await.order()).await;
    let approve = delegate.with("approveProof", "CommentedOrderInput", &order, json!({})).await.order();
    let order = diary.note(approve).await;
    let order = diary.note(completed(&app, &order, json!("850.00")).await).await;
    let order = diary.note(brought(&delegate, &order, 2, None).await).await;
    diary.compare(&order, 14).await;
}

async fn g20_gift_cheques_stand_as_they_stood(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut diary = Diary::new(&app).await;
    let (delegate, rr, pdv) = (app.delegate(), app.rr(), app.pdv());
    let shared = but(gift_cheques("1000.00"), json!({ "rrShare": "300.00", "partnerShare": "200.00" }));
    let order = diary.note(delegate.draft(shared).await).await;
    let order = diary.note(delegate.submit(&order).await.order()).await;
    let order = diary.note(rr.validate(&order, "APPROVE").await.order()).await;
    let order = diary.note(delegate.attach(&order, "CHALLENGE_DEED").await.order()).await;
    let address = json!({ "recipient": "Cabinet 1", "street": "1 quai Bas", "postcode": "59000", "city": "Lille" });
    let lower = json!({ "total": "450.00", "comment": "Fewer", "delivery": { "mode": "OTHER", "address": address } });
    let released = delegate.with("releaseGiftCheques", "ReleaseGiftChequesInput", &order, lower).await.order();
    let order = diary.note(released).await;
    let order = diary.note(pdv.validate(&order, "APPROVE").await.order()).await;
    let received = json!({ "receivedOn": "2026-03-16" });
    let came = delegate.with("recordChequesReceived", "RecordChequesReceivedInput", &order, received).await.order();
    let order = diary.note(came).await;
    let order = diary.note(delegate.attach(&order, "HANDOVER_RECEIPT").await.order()).await;
    let receipt = attached(&app, &order, "HANDOVER_RECEIPT").await;
    let invalid = json!({ "attachment": receipt, "reason": "not signed" });
    let order = diary.note(pdv.mutate("declareReceiptInvalid", "AttachmentInput", invalid).await.order()).await;
    let order = diary.note(delegate.attach(&order, "HANDOVER_RECEIPT").await.order()).await;
    let order = diary.note(completed(&app, &order, json!(null)).await).await;
    diary.compare(&order, 11).await;
}

async fn attached(app: &TestApp, order: &OrderRef, purpose: &str) -> Value {
    let query = "query($id: ID!) { order(id: $id) { attachments { id purpose } } }";
    let reply = app.pdv().ask(query, json!({ "id": order.id })).await;
    let all = reply.data()["order"]["attachments"].as_array().expect("attachments").clone();
    all.iter().find(|file| file["purpose"] == purpose).expect("the attachment")["id"].clone()
}

async fn g20_a_refund_stands_as_it_stood(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut diary = Diary::new(&app).await;
    let delegate = app.delegate();
    let order = diary.note(delegate.draft(refund("150.00")).await).await;
    let order = diary.note(delegate.attach(&order, "BROKER_INVOICE").await.order()).await;
    let first = attached(&app, &order, "BROKER_INVOICE").await;
    let order = diary.note(delegate.submit(&order).await.order()).await;
    diary.note(delegate.attach(&order, "REFUND_LETTER").await.order()).await;
    let gone = delegate.mutate("removeAttachment", "AttachmentInput", json!({ "attachment": first })).await.order();
    let order = diary.note(gone).await;
    let cancel = json!({ "reason": "Given up" });
    let cancelled = app.pdv().with("cancelOrder", "CancelOrderInput", &order, cancel).await.order();
    let order = diary.note(cancelled).await;
    diary.compare(&order, 6).await;
}

async fn g20_moments_that_cannot_be_asked_for(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = app.delegate().submitted(refund("150.00")).await;
    let ask = async |client: Client<'_>, at: DateTime<Utc>| {
        let query = "query($id: ID!, $at: DateTime!) { order(id: $id, asOf: $at) { id availableActions { action } } }";
        client.ask(query, json!({ "id": order.id, "at": at.to_rfc3339() })).await
    };
    let before = ask(app.delegate(), monday() - Duration::microseconds(1)).await;
    assert_eq!((before.error(), before.body["data"]["order"].clone()), ("NOT_FOUND", json!(null)));
    let to_come = ask(app.delegate(), monday() + Duration::seconds(1)).await;
    assert_eq!(to_come.error(), "BAD_USER_INPUT");
    assert_eq!(to_come.body["errors"][0]["extensions"]["path"], json!(["asOf"]));
    let now = ask(app.delegate(), monday()).await;
    assert_eq!(now.data()["order"]["availableActions"], json!([]), "nothing can be done in the past");
    // Whoever may not read it today is told of no moment: neither that it was, nor that it was not yet.
    for at in [monday() - Duration::days(1), monday(), monday() + Duration::days(1)] {
        assert_eq!(ask(app.delegate3(), at).await.data()["order"], json!(null));
    }
    let malformed =
        app.delegate().ask(&format!("{{ order(id: \"{}\", asOf: \"soon\") {{ id }} }}", order.id), json!({})).await;
    assert_eq!(malformed.error(), "BAD_USER_INPUT");
}

/// Events from before lines and results were told: what they do not know is said so, the rest is right.
async fn g20_the_first_releases_told_less(backend: Backend) {
    let app = TestApp::start(backend).await;
    let draft = app.delegate().draft(leaflets(10)).await;
    app.clock.set(monday() + Duration::minutes(1));
    let lines = json!({ "lines": [{ "article": article(1), "quantity": 20 }] });
    app.delegate().with("updateOrder", "UpdateOrderInput", &draft, lines).await.good();
    let unlock = match backend {
        Backend::Sqlite => "DROP TRIGGER event_is_not_changed",
        Backend::Postgres => "DROP TRIGGER event_is_kept ON event",
    };
    app.execute(unlock).await;
    app.execute(
        "UPDATE event SET changes = '{\"lines\": true, \"total\": [1500, 3000], \"delegation_share\": [1500, 3000]}' \
         WHERE kind = 'order.updated'",
    )
    .await;
    let ask = async |fields: &str| {
        let query = format!("query($id: ID!, $at: DateTime!) {{ order(id: $id, asOf: $at) {{ {fields} }} }}");
        app.delegate().ask(&query, json!({ "id": draft.id, "at": monday().to_rfc3339() })).await
    };
    assert_eq!(ask("total version").await.data()["order"], json!({ "total": "15.00", "version": 1 }));
    for unknown in ["lines { quantity }", "lineCount"] {
        let reply = ask(unknown).await;
        assert_eq!(reply.error(), "BAD_USER_INPUT", "{:#}", reply.body);
        assert!(reply.message().contains("was not recorded yet"), "{}", reply.message());
    }
}
