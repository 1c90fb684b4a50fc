//! What is done to accounts, their sites and broker parts, to contacts and portfolios.

use ::entity::vocabulary::{AccountId, ContactId, DelegationId, Language, PersonId};
use migration::MigratorTrait;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use sesame::{
    authz::InNameOf,
    crm::{self, Completeness},
    graphql::id::global,
    identity,
    op::Op,
};

use super::{good, id};
use crate::{
    app::{Client, Reply, TestApp},
    harness::{Backend, TestDb, Trial, trials},
    network::{account, but, person, person_id, site},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both an_account_gets_its_code_and_its_place,
        both r2_each_check_of_an_account_refuses_by_name,
        both r2_each_check_of_a_site_refuses_by_name,
        both r2_each_check_of_a_broker_refuses_by_name,
        both r2_each_check_of_a_contact_refuses_by_name,
        both g3_each_role_changes_what_it_reaches_and_nothing_else,
        both g3_nobody_creates_beyond_their_reach,
        both versions_keys_dry_runs_and_deputies,
        both(threads = 2) r2_one_siren_is_taken_once_however_many_ask,
        both r2_a_contact_is_at_several_accounts,
        both r2_a_portfolio_moves_as_a_whole_or_not_at_all,
        both accounts_and_contacts_are_found_by_what_is_known_of_them,
        both what_others_ask_of_an_account,
        both what_was_one_address_becomes_the_first_of_several,
    ]
}

const SIREN: &str = "732829320";
const SIRET: &str = "73282932000074";
const VAT: &str = "FR44732829320";
const OTHER: &str = "120027016";

const ACCOUNT: &str = "account { id code kind name givenName familyName siren vatNumber sector sectorLabel active email phone \
    version portfolioOwner { id } delegation { id } region { id } contactPoints { kind value display label primary } \
    broker { orias programmeFrom programmeTo } timeline { kind reason actor { id } onBehalfOf { id } } }";
const CONTACT: &str = "contact { id salutation givenName familyName displayName language active version \
    contactPoints { kind value primary } timeline { kind } \
    accounts(former: true) { function department since until primary account { id } } }";
const SITE: &str =
    "site { id kind name siret street postcode city country inseeCode active version account { id version } }";

/// What a mutation's payload is asked for.
fn selection(field: &str) -> &'static str {
    match field {
        "addSite" | "updateSite" => SITE,
        "movePortfolio" => "accounts { id version portfolioOwner { id } delegation { id } region { id } }",
        _ if field.ends_with("Contact") => CONTACT,
        _ => ACCOUNT,
    }
}

async fn ask(client: &Client<'_>, field: &str, input: Value) -> Reply {
    let (first, rest) = field.split_at(1);
    let query = format!(
        "mutation($input: {}{rest}Input!) {{ {field}(input: $input) {{ {} userErrors {{ code message field }} }} }}",
        first.to_uppercase(),
        selection(field)
    );
    client.ask(&query, json!({ "input": input })).await
}

/// The payload of a mutation, whatever became of it.
async fn call(client: &Client<'_>, field: &str, input: Value) -> Value {
    ask(client, field, input).await.data()[field].clone()
}

/// The object that a mutation made or changed.
#[track_caller]
fn made(payload: Value) -> Value {
    assert_eq!(payload["userErrors"], json!([]), "{payload:#}");
    let object = ["account", "site", "contact", "accounts"].into_iter().find(|name| !payload[name].is_null());
    payload[object.unwrap_or_else(|| panic!("nothing in {payload:#}"))].clone()
}

async fn done(client: &Client<'_>, field: &str, input: Value) -> Value {
    made(call(client, field, input).await)
}

/// Code and field of each user error of a mutation that moves nothing.
async fn refused(client: &Client<'_>, field: &str, input: Value) -> Vec<(String, String)> {
    let payload = client.app.nothing_moves(call(client, field, input)).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let path = |error: &Value| {
        let words: Vec<String> = error["field"].as_array().expect("a path").iter().map(text).collect();
        words.join(".")
    };
    payload["userErrors"].as_array().expect("user errors").iter().map(|e| (text(&e["code"]), path(e))).collect()
}

fn is(refusals: Vec<(String, String)>, expected: &[(&str, &str)]) {
    let told: Vec<(&str, &str)> = refusals.iter().map(|(code, field)| (code.as_str(), field.as_str())).collect();
    assert_eq!(told, expected);
}

/// The code of the error of a mutation that moves nothing.
async fn fails(client: &Client<'_>, field: &str, input: Value) -> String {
    client.app.nothing_moves(ask(client, field, input)).await.error().to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn delegation(key: i64) -> String {
    id(DelegationId(key))
}

fn company(name: &str) -> Value {
    json!({ "kind": "COMPANY", "name": name })
}

fn a_site(of: &str) -> Value {
    json!({ "account": of, "kind": "BRANCH", "name": "Agence", "street": "2 rue Neuve", "postcode": "59000", "city": "Lille" })
}

fn a_contact(at: &str) -> Value {
    json!({ "familyName": "Morel", "givenName": "Jeanne", "place": { "account": at, "function": "Achats" } })
}

async fn an_account_gets_its_code_and_its_place(backend: Backend) {
    let app = TestApp::start(backend).await;
    let points = json!([
        { "kind": "EMAIL", "value": "Contact@Colin.example" },
        { "kind": "PHONE", "value": "02 61 91 00 17", "label": "standard" },
        { "kind": "EMAIL", "value": "compta@colin.example", "primary": true },
    ]);
    let more = json!({ "siren": "732 829 320", "vatNumber": "fr 44 732 829 320", "sector": "RETAIL", "contactPoints": points });
    let own = done(&app.delegate(), "createAccount", but(company(" Garage Colin "), more)).await;
    assert!(text(&own["code"]).starts_with("CLI-") && text(&own["code"]).len() == 10, "{own}");
    let told = json!([own["name"], own["siren"], own["vatNumber"], own["sectorLabel"], own["email"], own["phone"]]);
    let expected = ["Garage Colin", SIREN, VAT, "retail and wholesale", "compta@colin.example", "+33261910017"];
    assert_eq!(told, json!(expected));
    assert_eq!(own["contactPoints"][2]["display"], "02 61 91 00 17");
    assert_eq!((&own["version"], &own["active"]), (&json!(1), &json!(true)));
    let place = |account: &Value| {
        json!([account["portfolioOwner"]["id"], account["delegation"]["id"], account["region"]["id"]])
    };
    let north = id(::entity::vocabulary::RegionId(1));
    assert_eq!(place(&own), json!([person("delegate"), delegation(1), north]));
    assert_eq!(own["timeline"][0]["kind"], "account.created");
    // An assistant's is nobody's yet, a manager names the delegate, sales administration a delegation.
    let office = done(&app.assistant(), "createAccount", company("Office")).await;
    assert_eq!(place(&office), json!([null, delegation(1), north]));
    let named = but(company("Named"), json!({ "portfolioOwner": person("delegate2") }));
    assert_eq!(
        place(&done(&app.rr(), "createAccount", named).await),
        json!([person("delegate2"), delegation(1), north])
    );
    let away = but(company("Away"), json!({ "delegation": delegation(3) }));
    let south = id(::entity::vocabulary::RegionId(2));
    assert_eq!(
        place(&done(&app.person("sales-admin"), "createAccount", away).await),
        json!([null, delegation(3), south])
    );
    let somebody = json!({ "kind": "PERSON", "givenName": "Jeanne", "familyName": "Morel" });
    let somebody = done(&app.delegate(), "createAccount", somebody).await;
    assert_eq!(somebody["name"], "Jeanne Morel");
    let renamed = done(&app.delegate(), "updateAccount", json!({ "id": somebody["id"], "familyName": "Petit" })).await;
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("Jeanne Petit"), &json!(2)));
}

async fn r2_each_check_of_an_account_refuses_by_name(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, field) = (app.delegate(), "createAccount");
    is(refused(&delegate, field, company(" ")).await, &[("NAME_REQUIRED", "name")]);
    is(
        refused(&delegate, field, json!({ "kind": "PERSON", "givenName": "A" })).await,
        &[("NAME_REQUIRED", "familyName")],
    );
    for bad in [
        json!({ "siren": "732829321" }),
        json!({ "vatNumber": "FR45732829320" }),
        json!({ "familyName": "Morel" }),
        json!({ "name": "a".repeat(201) }),
    ] {
        assert_eq!(fails(&delegate, field, but(company("Garage"), bad.clone())).await, "BAD_USER_INPUT", "{bad}");
    }
    let colin = done(&delegate, field, but(company("Garage Colin"), json!({ "siren": SIREN, "vatNumber": VAT }))).await;
    // Whoever may read the other account is told which one it is; the others are not.
    let twin = but(company("Twin"), json!({ "siren": SIREN }));
    is(refused(&app.delegate2(), field, twin.clone()).await, &[("SIREN_TAKEN", "siren")]);
    let message = |payload: Value| text(&payload["userErrors"][0]["message"]).to_owned();
    let near = message(call(&app.delegate2(), field, twin.clone()).await);
    assert!(near.contains("Garage Colin") && near.contains(text(&colin["code"])), "{near}");
    let far = message(call(&app.delegate3().in_french(), field, twin.clone()).await);
    assert_eq!(far, "Ce numéro SIREN est déjà celui d'un autre compte.");
    let wrong = but(company("Other"), json!({ "siren": OTHER, "vatNumber": VAT }));
    is(refused(&delegate, field, wrong).await, &[("VAT_NOT_OF_SIREN", "vatNumber")]);
    let points = json!([
        { "kind": "EMAIL", "value": "a@b.example", "primary": true },
        { "kind": "EMAIL", "value": "A@B.example" },
        { "kind": "EMAIL", "value": "c@b.example", "primary": true },
        { "kind": "MOBILE", "value": "12" },
    ]);
    let invalid = [1, 2, 3].map(|place| ("CONTACT_POINT_INVALID", format!("contactPoints.{place}")));
    let told = refused(&delegate, field, but(company("Points"), json!({ "contactPoints": points }))).await;
    assert_eq!(told, invalid.map(|(code, place)| (code.to_owned(), place)));
    let nobodys = but(company("Nobody's"), json!({ "portfolioOwner": person("assistant") }));
    is(refused(&app.assistant(), field, nobodys).await, &[("OWNER_INVALID", "portfolioOwner")]);
    is(refused(&app.person("sales-admin"), field, company("Nowhere")).await, &[("DELEGATION_REQUIRED", "delegation")]);
    let elsewhere = json!({ "portfolioOwner": person("delegate"), "delegation": delegation(2) });
    assert_eq!(fails(&app.rr(), field, but(company("Both"), elsewhere)).await, "BAD_USER_INPUT");

    // A site's number holds the account's, and an account that is given up frees its own.
    let site = but(a_site(text(&colin["id"])), json!({ "siret": SIRET }));
    done(&delegate, "addSite", site).await;
    let field = "updateAccount";
    let change = json!({ "id": colin["id"], "siren": OTHER, "name": "" });
    let expected = [("NAME_REQUIRED", "name"), ("SIRET_NOT_OF_SIREN", "siren"), ("VAT_NOT_OF_SIREN", "vatNumber")];
    is(refused(&delegate, field, change).await, &expected);
    assert_eq!(fails(&delegate, field, json!({ "id": colin["id"], "givenName": "A" })).await, "BAD_USER_INPUT");
    done(&delegate, field, json!({ "id": colin["id"], "active": false })).await;
    let twin = done(&app.delegate2(), "createAccount", twin).await;
    is(refused(&delegate, field, json!({ "id": colin["id"], "active": true })).await, &[("SIREN_TAKEN", "siren")]);
    let without = json!({ "id": twin["id"], "siren": null, "sector": "OTHER" });
    assert_eq!(done(&app.delegate2(), field, without).await["siren"], Value::Null);
    let back = done(&delegate, field, json!({ "id": colin["id"], "active": true })).await;
    assert_eq!(back["siren"], SIREN);
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'account.updated'").await, 3);
    let told = app
        .number("SELECT COUNT(*) FROM event WHERE CAST(changes AS TEXT) LIKE '%\"after\"%false%\"before\"%true%'")
        .await;
    assert_eq!(told, 1, "what changed is told with the value before and after");
}

async fn r2_each_check_of_a_site_refuses_by_name(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    done(&delegate, "updateAccount", json!({ "id": account(1), "siren": SIREN })).await;
    let (field, one) = ("addSite", account(1));
    let empty = json!({ "name": "", "street": "", "postcode": " ", "city": "" });
    let expected = [
        ("NAME_REQUIRED", "name"),
        ("ADDRESS_INCOMPLETE", "street"),
        ("ADDRESS_INCOMPLETE", "postcode"),
        ("ADDRESS_INCOMPLETE", "city"),
    ];
    is(refused(&delegate, field, but(a_site(&one), empty)).await, &expected);
    is(
        refused(&delegate, field, but(a_site(&one), json!({ "postcode": "590" }))).await,
        &[("POSTCODE_INVALID", "postcode")],
    );
    let not_theirs = but(a_site(&one), json!({ "siret": "12002701600563" }));
    is(refused(&delegate, field, not_theirs).await, &[("SIRET_NOT_OF_SIREN", "siret")]);
    for bad in [json!({ "siret": "73282932000075" }), json!({ "country": "France" }), json!({ "kind": "HOME" })] {
        assert_eq!(fails(&delegate, field, but(a_site(&one), bad)).await, "BAD_USER_INPUT");
    }
    let office = done(&delegate, field, but(a_site(&one), json!({ "siret": SIRET, "kind": "HEAD_OFFICE" }))).await;
    assert_eq!((&office["country"], &office["version"], &office["siret"]), (&json!("FR"), &json!(1), &json!(SIRET)));
    // Without a SIREN number of its own, another account could have it.
    let taken = but(a_site(&account(4)), json!({ "siret": SIRET }));
    is(refused(&delegate, field, taken.clone()).await, &[("SIRET_TAKEN", "siret")]);
    let payload = call(&delegate, field, taken.clone()).await;
    assert!(text(&payload["userErrors"][0]["message"]).contains("Cabinet 1"), "{payload}");
    let abroad =
        json!({ "id": office["id"], "country": "lu", "postcode": "L-1234", "siret": null, "name": "Luxembourg" });
    let abroad = done(&delegate, "updateSite", but(abroad, json!({ "expectedVersion": 1 }))).await;
    assert_eq!((&abroad["country"], &abroad["version"], &abroad["siret"]), (&json!("LU"), &json!(2), &Value::Null));
    assert_eq!(abroad["account"]["version"], 2, "the account itself did not change");
    let back = done(&delegate, "updateSite", json!({ "id": office["id"], "siret": SIRET, "active": false })).await;
    assert_eq!((&back["siret"], &back["active"]), (&json!(SIRET), &json!(false)));
    // A site that is gone leaves its number to another.
    let fourth = done(&delegate, field, taken).await;
    is(
        refused(&delegate, "updateSite", json!({ "id": office["id"], "active": true })).await,
        &[("SIRET_TAKEN", "siret")],
    );
    is(
        refused(&delegate, "updateSite", json!({ "id": fourth["id"], "street": "" })).await,
        &[("ADDRESS_INCOMPLETE", "street")],
    );
    is(
        refused(&delegate, "updateSite", json!({ "id": fourth["id"], "name": "B", "expectedVersion": 7 })).await,
        &[("CONFLICT", "expectedVersion")],
    );
    let timeline =
        good(&delegate, "query($id: ID!) { account(id: $id) { timeline { kind } } }", json!({ "id": one })).await;
    let kinds: Vec<&str> =
        timeline["account"]["timeline"].as_array().expect("events").iter().map(|e| text(&e["kind"])).collect();
    assert_eq!(kinds, ["account.updated", "account.site_added", "account.site_updated", "account.site_updated"]);
}

async fn r2_each_check_of_a_broker_refuses_by_name(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, field) = (app.delegate(), "updateBroker");
    let client = done(&delegate, "createAccount", company("Courtage Colin")).await;
    let of = |more: Value| but(json!({ "id": client["id"] }), more);
    is(refused(&delegate, field, of(json!({}))).await, &[("ORIAS_REQUIRED", "orias")]);
    for bad in ["0700001", "07000001A", ""] {
        is(refused(&delegate, field, of(json!({ "orias": bad }))).await, &[("ORIAS_INVALID", "orias")]);
    }
    is(refused(&delegate, field, of(json!({ "orias": "07 000 002" }))).await, &[("ORIAS_TAKEN", "orias")]);
    let period = json!({ "orias": "26000001", "programmeFrom": "2026-03-02", "programmeTo": "2026-03-01" });
    is(refused(&delegate, field, of(period)).await, &[("PERIOD_INVALID", "programmeTo")]);
    let broker = done(&delegate, field, of(json!({ "orias": "26 000 001", "programmeFrom": "2026-03-02" }))).await;
    assert_eq!(broker["broker"], json!({ "orias": "26000001", "programmeFrom": "2026-03-02", "programmeTo": null }));
    assert_eq!(broker["version"], 2);
    let left = of(json!({ "programmeFrom": null, "expectedVersion": 2 }));
    let left = done(&delegate, field, left).await;
    assert_eq!(left["broker"], json!({ "orias": "26000001", "programmeFrom": null, "programmeTo": null }));
    // From now on sales promotion reads it, and orders can be for it.
    let seen = good(&app.pdv(), "query($id: ID!) { account(id: $id) { name } }", json!({ "id": client["id"] })).await;
    assert_eq!(seen["account"]["name"], "Courtage Colin");
    let order = but(crate::network::leaflets(100), json!({ "broker": client["id"] }));
    delegate.draft(order).await;
}

async fn r2_each_check_of_a_contact_refuses_by_name(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let nameless =
        but(a_contact(&account(1)), json!({ "familyName": " ", "contactPoints": [{ "kind": "FAX", "value": "x" }] }));
    let expected = [("CONTACT_POINT_INVALID", "contactPoints.0"), ("NAME_REQUIRED", "familyName")];
    is(refused(&delegate, "createContact", nameless).await, &expected);
    let points = json!([{ "kind": "MOBILE", "value": "06 39 98 00 17" }]);
    let contact =
        done(&delegate, "createContact", but(a_contact(&account(1)), json!({ "contactPoints": points }))).await;
    assert_eq!(contact["displayName"], "Jeanne Morel");
    assert_eq!(contact["contactPoints"], json!([{ "kind": "MOBILE", "value": "+33639980017", "primary": true }]));
    let of = |more: Value| but(json!({ "id": contact["id"] }), more);
    is(refused(&delegate, "updateContact", of(json!({ "familyName": "" }))).await, &[("NAME_REQUIRED", "familyName")]);
    let change =
        json!({ "givenName": null, "salutation": "MS", "language": "EN", "active": false, "expectedVersion": 1 });
    let changed = done(&delegate, "updateContact", of(change)).await;
    let told = json!([
        changed["displayName"],
        changed["salutation"],
        changed["language"],
        changed["active"],
        changed["version"]
    ]);
    assert_eq!(told, json!(["Morel", "MS", "EN", false, 2]));
    assert_eq!(changed["contactPoints"][0]["value"], "+33639980017");
    let place = |more: Value| but(json!({ "contact": contact["id"] }), more);
    let again = json!({ "place": { "account": account(1) } });
    is(refused(&delegate, "linkContact", place(again)).await, &[("ALREADY_LINKED", "account")]);
    is(
        refused(&delegate, "unlinkContact", place(json!({ "account": account(4) }))).await,
        &[("NOT_LINKED", "account")],
    );
    let since = json!({ "place": { "account": account(4), "since": "2026-02-02" } });
    done(&delegate, "linkContact", place(since)).await;
    let until = |day: &str| place(json!({ "account": account(4), "until": day }));
    is(refused(&delegate, "unlinkContact", until("2026-03-17")).await, &[("DATE_IN_FUTURE", "until")]);
    is(refused(&delegate, "unlinkContact", until("2026-02-01")).await, &[("PERIOD_INVALID", "until")]);
    let left = done(&delegate, "unlinkContact", until("2026-03-15")).await;
    assert_eq!(left["accounts"][1]["until"], "2026-03-15");
    is(refused(&delegate, "unlinkContact", until("2026-03-15")).await, &[("NOT_LINKED", "account")]);
}

/// What belongs to the first three accounts: their sites come with the network, a contact of each is made.
struct Things {
    contacts: Vec<Value>,
}

impl Things {
    async fn make(app: &TestApp) -> Self {
        let mut contacts = Vec::new();
        for key in 1..=3 {
            contacts
                .push(done(&app.person("sales-admin"), "createContact", a_contact(&account(key))).await["id"].clone());
        }
        Self { contacts }
    }

    /// A mutation on what belongs to account `key`.
    fn input(&self, field: &str, key: i64) -> Value {
        let of = account(key);
        let contact = &self.contacts[usize::try_from(key).expect("a place") - 1];
        match field {
            "updateAccount" => json!({ "id": of, "name": "Other" }),
            "updateBroker" => json!({ "id": of, "programmeFrom": "2026-03-16" }),
            "addSite" => a_site(&of),
            "updateSite" => json!({ "id": site(key), "name": "Other" }),
            "createContact" => a_contact(&of),
            "updateContact" => json!({ "id": contact, "familyName": "Other" }),
            "linkContact" => json!({ "contact": contact, "place": { "account": account(4) } }),
            "unlinkContact" => json!({ "contact": contact, "account": of }),
            "movePortfolio" => {
                json!({ "accounts": [{ "id": of }], "to": person(if key == 1 { "delegate2" } else { "delegate" }) })
            }
            other => panic!("no input of {other}"),
        }
    }
}

async fn g3_each_role_changes_what_it_reaches_and_nothing_else(backend: Backend) {
    const FIELDS: [&str; 9] = [
        "updateAccount",
        "updateBroker",
        "addSite",
        "updateSite",
        "createContact",
        "updateContact",
        "linkContact",
        "unlinkContact",
        "movePortfolio",
    ];
    let app = TestApp::start(backend).await;
    let things = Things::make(&app).await;
    let (yes, no, none, unknown) = ("done", "FORBIDDEN", "NOT_FOUND", "unknown");
    // Accounts 1 to 3 are the delegate's, that of a colleague and that of somebody in the other region.
    let table = [
        ("delegate", [yes, no, none], [unknown; 3]),
        ("delegate3", [none, none, yes], [unknown; 3]),
        ("assistant", [yes, yes, none], [unknown; 3]),
        ("rr", [yes, yes, none], [yes, yes, none]),
        ("rr2", [none, none, yes], [none, none, no]),
        ("sales-admin", [yes; 3], [yes; 3]),
        ("pdv", [unknown; 3], [unknown; 3]),
        ("director", [unknown; 3], [unknown; 3]),
        ("platform-admin", [unknown; 3], [unknown; 3]),
    ];
    for (name, changes, moves) in table {
        for field in FIELDS {
            for (key, expected) in (1..).zip(if field == "movePortfolio" { moves } else { changes }) {
                // The account that a contact is to be linked to lies in Lille.
                let expected = match (name, field, key) {
                    ("delegate3" | "rr2", "linkContact", _) => none,
                    _ => expected,
                };
                let input = but(things.input(field, key), json!({ "dryRun": true }));
                let reply = app.nothing_moves(ask(&app.person(name), field, input)).await;
                let told = match reply.body["errors"].is_null() {
                    true => {
                        assert_eq!(reply.data()[field]["userErrors"], json!([]), "{name} {field} {key}");
                        yes
                    }
                    false if reply.message().contains("Unknown") => unknown,
                    false => reply.error(),
                };
                assert_eq!(told, expected, "{name} {field} {key}: {:#}", reply.body);
            }
        }
    }
}

async fn g3_nobody_creates_beyond_their_reach(backend: Backend) {
    let app = TestApp::start(backend).await;
    let owner = |name: &str| but(company("New"), json!({ "portfolioOwner": person(name) }));
    let at = |key: i64| but(company("New"), json!({ "delegation": delegation(key) }));
    for (name, input) in [
        ("delegate", owner("delegate2")),
        ("delegate", at(2)),
        ("assistant", owner("delegate3")),
        ("assistant", at(2)),
        ("rr", owner("delegate3")),
        ("rr", at(3)),
    ] {
        assert_eq!(fails(&app.person(name), "createAccount", input.clone()).await, "FORBIDDEN", "{name}: {input}");
    }
    for (name, input) in [("delegate", owner("delegate")), ("assistant", owner("delegate2")), ("rr", at(2))] {
        done(&app.person(name), "createAccount", input).await;
    }
    let nobody = but(company("New"), json!({ "portfolioOwner": id(PersonId(99)) }));
    assert_eq!(fails(&app.person("sales-admin"), "createAccount", nobody).await, "NOT_FOUND");
    assert_eq!(fails(&app.person("sales-admin"), "createAccount", at(99)).await, "NOT_FOUND");
    assert_eq!(fails(&app.person("sales-admin"), "updateAccount", json!({ "id": account(99) })).await, "NOT_FOUND");
    assert_eq!(
        app.nobody().ask("mutation { createAccount(input: {}) { __typename } }", json!({})).await.error(),
        "UNAUTHENTICATED"
    );
}

async fn versions_keys_dry_runs_and_deputies(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (delegate, field) = (app.delegate(), "updateAccount");
    let of = |more: Value| but(json!({ "id": account(1) }), more);
    let renamed = done(&delegate, field, of(json!({ "name": "Renamed", "expectedVersion": 1 }))).await;
    assert_eq!((&renamed["name"], &renamed["version"]), (&json!("Renamed"), &json!(2)));
    let late = of(json!({ "name": "Late", "expectedVersion": 1 }));
    let late = app.nothing_moves(call(&app.assistant(), field, late)).await;
    let error = &late["userErrors"][0];
    assert_eq!((&error["code"], &late["account"]["name"]), (&json!("CONFLICT"), &json!("Renamed")));
    assert!(text(&error["message"]).contains("Camille delegate"), "{error}");
    // A dry run answers as if, a key answers again.
    let dry = but(company("Dry"), json!({ "siren": SIREN, "dryRun": true }));
    let dry = app.nothing_moves(call(&delegate, "createAccount", dry)).await;
    assert_eq!(made(dry)["siren"], SIREN);
    let keyed = but(company("Keyed"), json!({ "siren": SIREN, "idempotencyKey": "once" }));
    let first = call(&delegate, "createAccount", keyed.clone()).await;
    assert_eq!(app.nothing_moves(call(&delegate, "createAccount", keyed.clone())).await, first);
    let other = but(keyed, json!({ "name": "Other" }));
    is(refused(&delegate, "createAccount", other).await, &[("IDEMPOTENCY_MISMATCH", "idempotencyKey")]);
    let contact = but(a_contact(&account(1)), json!({ "idempotencyKey": "contact" }));
    let first = done(&delegate, "createContact", contact.clone()).await;
    assert_eq!(app.nothing_moves(done(&delegate, "createContact", contact)).await["id"], first["id"]);
    let stale = json!({ "id": first["id"], "familyName": "B", "expectedVersion": 4 });
    is(refused(&delegate, "updateContact", stale).await, &[("CONFLICT", "expectedVersion")]);
    let stale = json!({ "contact": first["id"], "place": { "account": account(4) }, "expectedVersion": 4 });
    is(refused(&delegate, "linkContact", stale).await, &[("CONFLICT", "expectedVersion")]);

    // The deputy of an absent delegate acts for them, and alone with their rights.
    let on_behalf = of(json!({ "name": "By the deputy", "onBehalfOf": person("delegate") }));
    is(refused(&app.delegate2(), field, on_behalf.clone()).await, &[("NOT_DEPUTY", "onBehalfOf")]);
    let mandate = "mutation($input: NameDeputyInput!) { nameDeputy(input: $input) { userErrors { code } } }";
    let days = json!({ "deputy": person("delegate2"), "firstDay": "2026-03-16", "lastDay": "2026-03-20" });
    assert_eq!(good(&delegate, mandate, json!({ "input": days })).await["nameDeputy"]["userErrors"], json!([]));
    assert_eq!(fails(&app.delegate2(), field, of(json!({ "name": "Own name" }))).await, "FORBIDDEN");
    let by_deputy = done(&app.delegate2(), field, on_behalf).await;
    let last = by_deputy["timeline"].as_array().and_then(|events| events.last()).expect("an event");
    assert_eq!(
        (&last["actor"]["id"], &last["onBehalfOf"]["id"]),
        (&json!(person("delegate2")), &json!(person("delegate")))
    );
    let own = json!({ "id": account(2), "name": "B", "onBehalfOf": person("delegate") });
    assert_eq!(fails(&app.delegate2(), field, own).await, "FORBIDDEN");
    let theirs = but(company("For the absent"), json!({ "onBehalfOf": person("delegate") }));
    assert_eq!(done(&app.delegate2(), "createAccount", theirs).await["portfolioOwner"]["id"], person("delegate"));
}

async fn r2_one_siren_is_taken_once_however_many_ask(backend: Backend) {
    let app = TestApp::start(backend).await;
    let creates = (0..6).map(|n| {
        let client = if n % 2 == 0 { app.delegate() } else { app.assistant() };
        async move { call(&client, "createAccount", but(company("Race"), json!({ "siren": SIREN }))).await }
    });
    let payloads = futures_util::future::join_all(creates).await;
    let codes: Vec<&Value> = payloads.iter().filter_map(|p| p["userErrors"].get(0)).map(|e| &e["code"]).collect();
    assert_eq!(codes, [&json!("SIREN_TAKEN"); 5], "{payloads:#?}");
    assert_eq!(app.number("SELECT COUNT(*) FROM account WHERE name = 'Race'").await, 1);
    let codes = app.number("SELECT COUNT(DISTINCT code) FROM account").await;
    assert_eq!(codes, app.number("SELECT COUNT(*) FROM account").await);
}

async fn r2_a_contact_is_at_several_accounts(backend: Backend) {
    const FIND: &str = "query($id: ID!) { contact(id: $id) { version accounts { function account { name } } }
        node(id: $id) { id } contacts(first: 100) { totalCount nodes { id } } }";
    let app = TestApp::start(backend).await;
    let admin = app.person("sales-admin");
    let first = but(
        a_contact(&account(1)),
        json!({ "place": { "account": account(1), "function": "Gérance", "primary": true } }),
    );
    let contact = done(&app.delegate(), "createContact", first).await;
    let place = |at: i64, more: Value| json!({ "contact": contact["id"], "place": but(json!({ "account": account(at) }), more) });
    // A delegate links neither to nor from what is another's.
    assert_eq!(fails(&app.delegate(), "linkContact", place(3, json!({}))).await, "NOT_FOUND");
    assert_eq!(fails(&app.delegate(), "linkContact", place(2, json!({}))).await, "FORBIDDEN");
    assert_eq!(fails(&app.delegate2(), "linkContact", place(2, json!({}))).await, "FORBIDDEN");
    assert_eq!(fails(&app.delegate3(), "linkContact", place(3, json!({}))).await, "NOT_FOUND");
    let linked =
        done(&admin, "linkContact", place(3, json!({ "function": "Comptabilité", "department": "Finances" }))).await;
    assert_eq!(linked["accounts"].as_array().map(Vec::len), Some(2));
    let seen = async |name: &'static str| {
        let data = good(&app.person(name), FIND, json!({ "id": contact["id"] })).await;
        let accounts = data["contact"]["accounts"].as_array().cloned().unwrap_or_default();
        let listed =
            data["contacts"]["nodes"].as_array().expect("nodes").iter().any(|node| node["id"] == contact["id"]);
        assert_eq!(listed, !data["contact"].is_null(), "{name}");
        assert_eq!(listed, !data["node"].is_null(), "{name}");
        let names: Vec<String> = accounts.iter().map(|link| text(&link["account"]["name"]).to_owned()).collect();
        (listed, names)
    };
    let both = ["Cabinet 1".to_owned(), "Cabinet 3".to_owned()];
    for (name, names) in [
        ("delegate", &both[..1]),
        ("delegate2", &both[..1]),
        ("delegate3", &both[1..]),
        ("rr2", &both[1..]),
        ("pdv", &both[..]),
        ("director", &both[..]),
    ] {
        assert_eq!(seen(name).await, (true, names.to_vec()), "{name}");
    }
    // Sales promotion knows brokers alone, and their contacts alone.
    let client = done(&app.delegate(), "createAccount", company("Garage Colin")).await;
    let mechanic = done(&app.delegate(), "createContact", a_contact(text(&client["id"]))).await;
    let none = good(&app.pdv(), FIND, json!({ "id": mechanic["id"] })).await;
    assert!(none["contact"].is_null() && none["node"].is_null());
    assert_eq!(none["contacts"]["totalCount"], 1);
    let unknown = app.person("platform-admin").ask("{ contacts { nodes { id } } }", json!({})).await;
    assert!(unknown.message().contains("Unknown field"), "{unknown:?}");

    // Both who have them may change them; one alone is an account's first.
    done(&app.delegate3(), "updateContact", json!({ "id": contact["id"], "language": "EN" })).await;
    let second = but(a_contact(&account(1)), json!({ "place": { "account": account(1), "primary": true } }));
    let second = done(&app.delegate(), "createContact", second).await;
    let query = "query($id: ID!) { account(id: $id) { contacts { primary contact { id } } } }";
    let first = good(&app.delegate(), query, json!({ "id": account(1) })).await["account"]["contacts"].clone();
    let told = json!([
        { "primary": true, "contact": { "id": second["id"] } },
        { "primary": false, "contact": { "id": contact["id"] } },
    ]);
    assert_eq!(first, told);
    // Who left is still known there, but in other hands.
    let left = json!({ "contact": contact["id"], "account": account(1) });
    done(&app.delegate(), "unlinkContact", left).await;
    assert_eq!(seen("delegate").await, (true, Vec::new()));
    let change = json!({ "id": contact["id"], "familyName": "Petit" });
    assert_eq!(fails(&app.delegate(), "updateContact", change.clone()).await, "FORBIDDEN");
    done(&app.delegate3(), "updateContact", change).await;
    let former =
        "query($id: ID!) { account(id: $id) { contacts { contact { id } } all: contacts(former: true) { until } } }";
    let told = good(&app.delegate(), former, json!({ "id": account(1) })).await;
    assert_eq!(told["account"]["contacts"], json!([{ "contact": { "id": second["id"] } }]));
    assert_eq!(told["account"]["all"], json!([{ "until": null }, { "until": "2026-03-16" }]));
    let history = "query($id: ID!) { contact(id: $id) { timeline { kind } } }";
    let told = good(&app.delegate3(), history, json!({ "id": contact["id"] })).await;
    let kinds = ["created", "linked", "updated", "unlinked", "updated"]
        .map(|kind| json!({ "kind": format!("contact.{kind}") }));
    assert_eq!(told["contact"]["timeline"], json!(kinds));
}

async fn r2_a_portfolio_moves_as_a_whole_or_not_at_all(backend: Backend) {
    let app = TestApp::start(backend).await;
    let field = "movePortfolio";
    let input = |keys: &[i64], to: &str| {
        let accounts: Vec<Value> =
            keys.iter().map(|key| json!({ "id": account(*key), "expectedVersion": 1 })).collect();
        json!({ "accounts": accounts, "to": person(to), "reason": "Départ en retraite" })
    };
    assert_eq!(fails(&app.rr(), field, input(&[1, 3], "delegate2")).await, "NOT_FOUND");
    assert_eq!(fails(&app.rr(), field, input(&[1, 4], "delegate3")).await, "FORBIDDEN");
    assert_eq!(fails(&app.rr(), field, input(&[1, 99], "delegate2")).await, "NOT_FOUND");
    for bad in
        [json!([]), json!([{ "id": account(1) }, { "id": account(1) }]), json!(vec![json!({ "id": account(1) }); 101])]
    {
        let input = but(input(&[1], "delegate2"), json!({ "accounts": bad }));
        assert_eq!(fails(&app.rr(), field, input).await, "BAD_USER_INPUT");
    }
    is(refused(&app.rr(), field, input(&[1], "assistant")).await, &[("OWNER_INVALID", "to")]);
    done(&app.delegate(), "updateAccount", json!({ "id": account(4), "name": "Cabinet 4 bis" })).await;
    is(refused(&app.rr(), field, input(&[1, 4], "delegate2")).await, &[("CONFLICT", "expectedVersion")]);
    let moved = done(&app.rr(), field, input(&[1, 2], "delegate2")).await;
    let place =
        |account: &Value| json!([account["portfolioOwner"]["id"], account["delegation"]["id"], account["version"]]);
    let theirs = |version: i64| json!([person("delegate2"), delegation(1), version]);
    assert_eq!([place(&moved[0]), place(&moved[1])], [theirs(2), theirs(1)], "what is theirs already stays");
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'account.moved'").await, 1);
    assert_eq!(fails(&app.delegate(), "updateAccount", json!({ "id": account(1), "name": "B" })).await, "FORBIDDEN");
    done(&app.delegate2(), "updateAccount", json!({ "id": account(1), "name": "B" })).await;
    // Into the other region: delegation and region follow, and with them who reads account and contacts.
    let contact = done(&app.delegate2(), "createContact", a_contact(&account(1))).await;
    let far = json!({ "accounts": [{ "id": account(1), "expectedVersion": 3 }], "to": person("delegate3") });
    let far = done(&app.person("sales-admin"), field, far).await;
    assert_eq!(place(&far[0]), json!([person("delegate3"), delegation(3), 4]));
    assert_eq!(far[0]["region"]["id"], id(::entity::vocabulary::RegionId(2)));
    let find = "query($account: ID!, $contact: ID!) { account(id: $account) { timeline { kind reason } } contact(id: $contact) { id } }";
    let ids = json!({ "account": account(1), "contact": contact["id"] });
    let gone = good(&app.rr(), find, ids.clone()).await;
    assert!(gone["account"].is_null() && gone["contact"].is_null());
    let come = good(&app.rr2(), find, ids).await;
    assert_eq!(come["account"]["timeline"][0], json!({ "kind": "account.moved", "reason": "Départ en retraite" }));
    assert_eq!(come["contact"]["id"], contact["id"]);
}

async fn accounts_and_contacts_are_found_by_what_is_known_of_them(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let points = json!([{ "kind": "EMAIL", "value": "accueil@colin.example" }]);
    let more = json!({ "siren": SIREN, "sector": "RETAIL", "contactPoints": points });
    let colin = done(&delegate, "createAccount", but(company("Garage Colin"), more)).await;
    done(&delegate, "addSite", but(a_site(text(&colin["id"])), json!({ "siret": SIRET }))).await;
    done(&delegate, "createAccount", json!({ "kind": "PERSON", "familyName": "Morel" })).await;
    done(&delegate, "updateAccount", json!({ "id": account(4), "active": false })).await;
    let found = async |filter: Value| super::listed(&delegate, filter).await;
    let all = ["Cabinet 1", "Cabinet 2", "Cabinet 4", "Garage Colin", "Morel"];
    let cases: [(Value, &[&str]); 9] = [
        (json!({ "siren": SIREN }), &["Garage Colin"]),
        (json!({ "siret": "732 829 320 00074" }), &["Garage Colin"]),
        (json!({ "sector": { "in": ["RETAIL", "HEALTH"] } }), &["Garage Colin"]),
        (json!({ "kind": { "eq": "PERSON" } }), &["Morel"]),
        (json!({ "email": "ACCUEIL@colin.example" }), &["Garage Colin"]),
        (json!({ "active": false }), &["Cabinet 4"]),
        (json!({ "not": { "siren": SIREN } }), &["Cabinet 1", "Cabinet 2", "Cabinet 4", "Morel"]),
        (json!({ "not": { "sector": { "eq": "RETAIL" } } }), &["Cabinet 1", "Cabinet 2", "Cabinet 4", "Morel"]),
        (json!({ "siren": OTHER }), &[]),
    ];
    for (filter, names) in cases {
        assert_eq!(found(filter.clone()).await, names, "{filter}");
    }
    assert_eq!(found(json!({ "or": [{ "siret": SIRET }, {}] })).await, all);
    let none = super::listed(&app.delegate3(), json!({ "siren": SIREN })).await;
    assert!(none.is_empty(), "a filter never widens");

    let named = |family: &str, points: Value| {
        but(a_contact(&account(1)), json!({ "familyName": family, "contactPoints": points }))
    };
    done(&delegate, "createContact", named("Adam", json!([{ "kind": "EMAIL", "value": "adam@b.example" }]))).await;
    done(&delegate, "createContact", named("Barre", json!([{ "kind": "MOBILE", "value": "0639980017" }]))).await;
    let barre = but(named("Carlier", json!([])), json!({ "language": "EN", "givenName": null }));
    done(&delegate, "createContact", barre).await;
    let query = "query($filter: ContactFilter, $orderBy: [ContactOrder!], $first: Int, $after: String) {
        contacts(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
            nodes { familyName } pageInfo { endCursor } } }";
    let names = async |variables: Value| {
        let data = good(&delegate, query, variables).await;
        let nodes = data["contacts"]["nodes"].as_array().expect("nodes").clone();
        let names: Vec<String> = nodes.iter().map(|node| text(&node["familyName"]).to_owned()).collect();
        (names, data["contacts"]["pageInfo"]["endCursor"].clone())
    };
    for (filter, expected) in [
        (json!({}), vec!["Adam", "Barre", "Carlier"]),
        (json!({ "text": "ARR" }), vec!["Barre"]),
        (json!({ "text": "jeanne" }), vec!["Adam", "Barre"]),
        (json!({ "not": { "text": "jeanne" } }), vec!["Carlier"]),
        (json!({ "email": "Adam@B.example" }), vec!["Adam"]),
        (json!({ "phone": "+33 6 39 98 00 17" }), vec!["Barre"]),
        (json!({ "language": { "eq": "EN" } }), vec!["Carlier"]),
        (json!({ "active": false }), vec![]),
    ] {
        assert_eq!(names(json!({ "filter": filter })).await.0, expected, "{filter}");
    }
    let (page, cursor) = names(json!({ "first": 2, "orderBy": ["FAMILY_NAME_DESC"] })).await;
    assert_eq!(page, ["Carlier", "Barre"]);
    assert_eq!(names(json!({ "first": 2, "orderBy": ["FAMILY_NAME_DESC"], "after": cursor })).await.0, ["Adam"]);
    let by_age = names(json!({ "orderBy": ["CREATED_AT_DESC", "FAMILY_NAME_ASC"] })).await.0;
    assert_eq!(by_age, ["Adam", "Barre", "Carlier"]);
}

async fn what_others_ask_of_an_account(backend: Backend) {
    let app = TestApp::start(backend).await;
    let delegate = app.delegate();
    let bare = done(&delegate, "createAccount", company("Bare")).await;
    done(&delegate, "updateAccount", json!({ "id": account(4), "siren": SIREN, "sector": "INSURANCE_BROKERAGE" }))
        .await;
    done(&delegate, "addSite", but(a_site(&account(4)), json!({ "siret": SIRET }))).await;
    let contact = done(&delegate, "createContact", a_contact(&account(4))).await;
    let session =
        identity::open_session(&Op::new(app.app.clone(), None, Language::En, "test".into()), person_id("delegate"))
            .await;
    let caller = identity::authenticate(&app.app, &session.expect("a session").access.token).await.expect("a caller");
    let op = Op::new(app.app.clone(), Some(caller), Language::En, "test".into());
    let raw = |id: &Value| sesame::graphql::id::parse(text(id)).expect("an id").1;
    let (bare, fourth, absent) = (AccountId(raw(&bare["id"])), AccountId(4), AccountId(99));
    let before = op.meter.statements();
    let known = crm::completeness(&op.conn(), &[fourth, absent, bare, AccountId(1)]).await.expect("an answer");
    assert_eq!(op.meter.statements() - before, 2);
    let whole = Completeness { siret: true, address: true, sector: true };
    let placed = Completeness { address: true, ..Completeness::default() };
    assert_eq!(known, [(fourth, whole), (bare, Completeness::default()), (AccountId(1), placed)]);
    let conn = op.conn();
    for (key, is_readable) in [(1, true), (2, true), (3, false), (99, false)] {
        let found = crm::is_readable_account(&op, &conn, InNameOf::Self_, AccountId(key)).await.expect("an answer");
        assert_eq!(found, is_readable, "{key}");
    }
    let nobody = InNameOf::Absent(person_id("delegate3"));
    assert!(!crm::is_readable_account(&op, &conn, nobody, AccountId(3)).await.expect("an answer"));
    let id = ContactId(raw(&contact["id"]));
    let people = crm::store::contacts(&conn, &[id, ContactId(99)]).await.expect("an answer");
    assert_eq!(people.iter().map(|row| (row.id, row.family_name.as_str())).collect::<Vec<_>>(), [(id, "Morel")]);
    assert_eq!(global(id).0, text(&contact["id"]));
}

/// The step that brings several addresses keeps the one that was.
async fn what_was_one_address_becomes_the_first_of_several(backend: Backend) {
    let db = TestDb::empty(backend).await;
    let mut options = ConnectOptions::new(&db.url);
    options.max_connections(1);
    let conn = Database::connect(options).await.expect("a connection");
    migration::Migrator::up(&conn, Some(8)).await.expect("the steps before");
    let day = "2026-03-16 09:00:00+00:00";
    for sql in [
        "INSERT INTO region (code, name) VALUES ('N', 'Nord')".to_owned(),
        "INSERT INTO delegation (code, name, region_id, street, postcode, city) VALUES ('L', 'Lille', 1, '', '', '')".to_owned(),
        format!("INSERT INTO account (code, kind, name, email, phone, delegation_id, region_id, created_at, version) VALUES
            ('A', 'COMPANY', 'A', 'Contact@A.example', '02 61 91 00 17', 1, 1, '{day}', 1),
            ('B', 'COMPANY', 'B', NULL, '+352 27 12 34 56', 1, 1, '{day}', 1), ('C', 'COMPANY', 'C', NULL, NULL, 1, 1, '{day}', 1)"),
        "INSERT INTO broker (account_id, orias) VALUES (1, '07000001')".to_owned(),
        "INSERT INTO site (account_id, name, street, postcode, city) VALUES (1, 'a', '', '', ''), (1, 'b', '', '', '')".to_owned(),
    ] {
        conn.execute_unprepared(&sql).await.expect(&sql);
    }
    migration::Migrator::up(&conn, None).await.expect("the steps from there");
    let told = async |sql: &str| {
        let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.expect(sql);
        rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("a text")).collect::<Vec<_>>()
    };
    let points = "SELECT CAST(account_id AS TEXT) || ' ' || kind || ' ' || value FROM contact_point WHERE is_primary ORDER BY id";
    assert_eq!(told(points).await, ["1 EMAIL contact@a.example", "1 PHONE +33261910017", "2 PHONE +35227123456"]);
    assert_eq!(told("SELECT kind || country FROM site WHERE active ORDER BY id").await, ["HEAD_OFFICEFR", "BRANCHFR"]);
    assert_eq!(told("SELECT code FROM account WHERE sector = 'INSURANCE_BROKERAGE' AND active").await, ["A"]);
    conn.close().await.expect("closed");
}
