//! The page that walks a small and a large deal through, run as it stands.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::{
    app::{TestApp, noon},
    harness::{Backend, Trial, trials},
    network::{PDF, PEOPLE, person},
};

pub fn trials() -> Vec<Trial> {
    trials![both the_page_of_two_deals_is_true]
}

const PAGE: &str = include_str!("../../src/opportunities/WALK.md");

/// What the page says between two requests.
#[derive(Default)]
struct Words {
    person: Option<String>,
    day: Option<NaiveDate>,
    refused: Vec<String>,
    ends: Option<String>,
}

/// The words in backquotes behind a mark.
fn quoted<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let Some((_, behind)) = text.rsplit_once(mark) else { return Vec::new() };
    let sentence = behind.split("\n\n").next().unwrap_or_default();
    sentence.split('`').skip(1).step_by(2).collect()
}

fn words(text: &str) -> Words {
    let first = |mark| quoted(text, mark).first().map(|word| (*word).to_owned());
    Words {
        person: first("### As ").and_then(|email| email.split('@').next().map(str::to_owned)),
        day: first("\nOn ").and_then(|day| day.parse().ok()),
        refused: quoted(text, "Refused with ").into_iter().map(str::to_owned).collect(),
        ends: first("The deal ends in "),
    }
}

async fn the_page_of_two_deals_is_true(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut known: HashMap<String, String> = HashMap::new();
    let mut acting = "delegate";
    let mut requests = 0;
    for part in PAGE.split("```graphql\n") {
        let (request, text) = match part.split_once("```") {
            Some((request, text)) if requests > 0 || part.starts_with(['m', '{', 'q']) => (Some(request), text),
            _ => (None, part),
        };
        if let Some(request) = request {
            let answer = run(&app, acting, request, &mut known).await;
            let expected = known.remove("refused").unwrap_or_default();
            assert_eq!(codes(&answer).join(" "), expected, "as {acting}: {request}\n{answer:#}");
            requests += 1;
        }
        let Words { person, day, refused, ends } = words(text);
        if let Some(name) = person {
            acting =
                PEOPLE.iter().find(|(known, ..)| *known == name).unwrap_or_else(|| panic!("nobody is called {name}")).0;
        }
        if let Some(day) = day {
            use chrono::Datelike;
            app.clock.set(noon(day.year(), day.month(), day.day()));
        }
        known.insert("refused".to_owned(), refused.join(" "));
        if let Some(stage) = ends {
            let query = "query($id: ID!) { opportunity(id: $id) { stage } }";
            let reply = app.delegate().ask(query, json!({ "id": known["deal"] })).await;
            assert_eq!(reply.data()["opportunity"]["stage"], json!(stage));
        }
    }
    assert!(requests > 40, "{requests} requests were found");
}

/// Runs a request of the page, its angle brackets filled in, and remembers what it made.
async fn run(app: &TestApp, name: &'static str, request: &str, known: &mut HashMap<String, String>) -> Value {
    let client = app.person(name);
    let mut request = request.to_owned();
    for (place, id) in ["deal", "client"].iter().filter_map(|place| Some((place, known.get(*place)?))) {
        request = request.replace(&format!("<{place}>"), id);
    }
    for (somebody, ..) in PEOPLE {
        request = request.replace(&format!("<person {somebody}>"), &person(somebody));
    }
    if request.contains("<upload>") {
        request = request.replace("<upload>", &client.upload("signed.pdf", PDF).await);
    }
    let reply = client.ask(&request, json!({})).await;
    let data = reply.data().clone();
    for payload in data.as_object().into_iter().flat_map(|fields| fields.values()) {
        for (object, place) in [("opportunity", "deal"), ("account", "client")] {
            if let Some(id) = payload[object]["id"].as_str() {
                known.insert(place.to_owned(), id.to_owned());
            }
        }
    }
    data
}

/// The codes of all user errors in an answer.
fn codes(answer: &Value) -> Vec<String> {
    let payloads = answer.as_object().into_iter().flat_map(|fields| fields.values());
    let errors = payloads.filter_map(|payload| payload["userErrors"].as_array()).flatten();
    errors.map(|error| error["code"].as_str().expect("a code").to_owned()).collect()
}
