//! The three feeds as sockets hear them: whoever asks for the same and may see the same shares one telling.

use serde_json::{Value, json};

use crate::{
    app::TestApp,
    harness::{Backend, Trial, trials},
    network::{leaflets, sponsorship},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both everybody_is_told_what_they_would_read,
        both who_goes_on_from_a_variable_shares_what_is_told,
        sqlite a_name_in_a_message_is_written_as_it_was_said,
    ]
}

/// Fields that everybody reads alike, and some that only this caller reads so.
const ORDER: &str = "id status statusLabel total version lineCount owner { displayName } broker { name } availableActions { action allowed }";

async fn socket(app: &TestApp, name: &'static str, language: &str) -> Talk {
    Talk::begin_in(language, &app.url.trim_start_matches("http://"), &app.token(name)).await
}

/// Hears until every operation of the socket has had an event.
async fn once_each(talk: &mut Talk, ids: &[&str]) -> Vec<Value> {
    let mut heard = vec![Value::Null; ids.len()];
    while heard.iter().any(Value::is_null) {
        let message = talk.hear().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        let place = ids.iter().position(|id| message["id"] == *id).expect("an operation");
        heard[place] = message["payload"]["data"].clone();
    }
    heard
}

async fn settle(talks: &mut [(&'static str, &'static str, Talk)]) {
    for (_, _, talk) in talks {
        talk.is_quiet().await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}

async fn everybody_is_told_what_they_would_read(backend: Backend) {
    let app = TestApp::start(backend).await;
    let plain =
        "subscription { orderChanged { kind cursor order { id status statusLabel version owner { displayName } } } }";
    let personal = &format!("subscription {{ told: orderChanged {{ kind order {{ {ORDER} }} }} }}");
    let queue = "subscription { workQueueChanged { change cursor item { kind label total } } }";
    let budget = "subscription { budgetChanged(year: 2026) { cursor envelope { committed available } } }";
    let mut talks = Vec::new();
    for (name, language) in [("rr", "en"), ("rr", "fr"), ("rr", "en"), ("pdv", "en"), ("delegate", "fr")] {
        let mut talk = socket(&app, name, language).await;
        for (id, query) in [("plain", plain), ("again", plain), ("personal", personal), ("budget", budget)] {
            talk.subscribe(id, query).await;
        }
        if name == "rr" {
            talk.subscribe("queue", queue).await;
        }
        talks.push((name, language, talk));
    }
    settle(&mut talks).await;
    let order = app.delegate().draft(sponsorship("900.00")).await;
    for (_, _, talk) in &mut talks {
        for created in once_each(talk, &["plain", "again", "personal"]).await {
            let change = created.get("orderChanged").or(created.get("told")).expect("a change");
            assert_eq!((&change["kind"], &change["order"]["status"]), (&json!("order.created"), &json!("DRAFT")));
        }
    }
    app.delegate().submit(&order).await.good();
    let mut cursors = Vec::new();
    for (name, language, talk) in &mut talks {
        let ids: &[&str] = match *name {
            "rr" => &["plain", "again", "personal", "budget", "queue"],
            _ => &["plain", "again", "personal", "budget"],
        };
        let heard = once_each(talk, ids).await;
        let reader = app.person(name);
        let reader = if *language == "fr" { reader.in_french() } else { reader };
        let query = format!("query($id: ID!) {{ node(id: $id) {{ ... on Order {{ {ORDER} }} }} }}");
        let read = reader.ask(&query, json!({ "id": order.id })).await.data()["node"].clone();
        assert_eq!(heard[2]["told"]["order"], read, "{name}");
        assert_eq!(heard[0], heard[1], "{name}");
        let told = &heard[0]["orderChanged"];
        assert_eq!(told["kind"], "order.submitted", "{name}");
        for column in ["id", "status", "statusLabel", "version", "owner"] {
            assert_eq!(told["order"][column], read[column], "{name}: {column}");
        }
        assert_eq!(heard[3]["budgetChanged"]["envelope"], json!({ "committed": "900.00", "available": "9100.00" }));
        if let Some(queue) = heard.get(4) {
            let label = if *language == "fr" { "à valider (RR)" } else { "to be validated (regional manager)" };
            let item = json!({ "kind": "RR_VALIDATION", "label": label, "total": "900.00" });
            assert_eq!(queue["workQueueChanged"]["item"], item);
            cursors.push(queue["workQueueChanged"]["cursor"].clone());
        }
    }
    assert!(cursors.iter().all(|cursor| cursor == &cursors[0]), "one person, one cursor: {cursors:?}");
    // With the right goes the sight: what others were told is not told here.
    let elsewhere = app.person("delegate3").ask("{ orders { totalCount } }", json!({})).await;
    assert_eq!(elsewhere.data()["orders"]["totalCount"], 0);
}

async fn who_goes_on_from_a_variable_shares_what_is_told(backend: Backend) {
    let app = TestApp::start(backend).await;
    // Two regional managers' departments: the same shape, but places in the feed of their own.
    let query =
        "subscription($from: String) { queue: workQueueChanged(after: $from) { change cursor item { kind version } } }";
    let mut talks = Vec::new();
    for name in ["rr", "sales-admin", "rr", "pdv"] {
        let client = app.person(name);
        let list = client.ask("{ workQueue(first: 0) { liveCursor } }", json!({})).await;
        let cursor = list.data()["workQueue"]["liveCursor"].clone();
        let mut talk = socket(&app, name, "en").await;
        let payload = json!({ "query": query, "variables": { "from": cursor } });
        talk.say(json!({ "type": "subscribe", "id": "queue", "payload": payload })).await;
        talks.push((name, "en", talk));
    }
    settle(&mut talks).await;
    let order = app.delegate().submitted(sponsorship("900.00")).await;
    let mut kept = Vec::new();
    for (name, _, talk) in talks.iter_mut().filter(|(name, ..)| *name == "rr") {
        let heard = once_each(talk, &["queue"]).await.remove(0)["queue"].clone();
        assert_eq!((&heard["change"], &heard["item"]["kind"]), (&json!("ADDED"), &json!("RR_VALIDATION")), "{name}");
        kept.push(heard["cursor"].clone());
    }
    app.rr().validate(&order, "APPROVE").await.good();
    for (name, _, talk) in &mut talks {
        match *name {
            "rr" => {
                let heard = once_each(talk, &["queue"]).await.remove(0)["queue"].clone();
                assert_eq!((&heard["change"], &heard["item"]), (&json!("REMOVED"), &Value::Null));
            }
            "pdv" => {
                let heard = once_each(talk, &["queue"]).await.remove(0)["queue"].clone();
                assert_eq!((&heard["change"], &heard["item"]["kind"]), (&json!("ADDED"), &json!("PDV_VALIDATION")));
                kept.push(heard["cursor"].clone());
            }
            _ => talk.is_quiet().await,
        }
    }
    // Everybody's place is their own: each goes on from theirs, and hears what came after.
    for (name, cursor) in [("rr", &kept[0]), ("rr", &kept[1]), ("pdv", &kept[2])] {
        let mut talk = socket(&app, name, "en").await;
        let payload = json!({ "query": query, "variables": { "from": cursor } });
        talk.say(json!({ "type": "subscribe", "id": "queue", "payload": payload })).await;
        if name == "rr" {
            assert_eq!(once_each(&mut talk, &["queue"]).await[0]["queue"]["change"], "REMOVED");
        } else {
            talk.is_quiet().await;
        }
    }
}

async fn a_name_in_a_message_is_written_as_it_was_said(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut talk = socket(&app, "delegate", "en").await;
    let query = "subscription { orderChanged { order { subject __typename } __typename } }";
    let id = "\"\\ é\u{1}\u{2028}";
    talk.subscribe(id, query).await;
    talk.subscribe("plain", query).await;
    talk.is_quiet().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let mut input = leaflets(10);
    input["subject"] = json!("« \"Été\" \\ {}");
    app.delegate().draft(input).await;
    let heard = once_each(&mut talk, &[id, "plain"]).await;
    let expected = json!({ "orderChanged": {
        "order": { "subject": "« \"Été\" \\ {}", "__typename": "Order" }, "__typename": "OrderChange" } });
    assert_eq!(heard, [expected.clone(), expected]);
}
