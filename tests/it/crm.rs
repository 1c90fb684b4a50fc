//! Accounts and the catalogue. What is done to accounts and contacts has a file of its own: [`record`].

use ::entity::{
    catalog::article,
    crm::{account, broker, site},
    vocabulary::{
        AccountId, AccountKind, ArticleCategory, ArticleId, DelegationId, Money, PersonId, RegionId, SiteId, SiteKind,
    },
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseConnection, EntityTrait, IntoActiveModel, QueryFilter,
};
use serde_json::{Value, json};
use sesame::{
    catalog,
    graphql::id::{Key, global},
};

use crate::{
    app::{Client, TestApp, day, monday},
    harness::{Backend, Trial, trials},
    network::person_id,
};

mod record;

pub fn trials() -> Vec<Trial> {
    let reading = trials![
        both each_role_reads_the_accounts_of_its_scope,
        both what_one_may_not_read_is_not_found_by_id,
        both filters_combine_and_never_widen,
        both wildcards_stand_for_themselves,
        both a_page_stays_right_while_rows_come_and_go,
        both malformed_arguments_are_pointed_out,
        both statements_follow_depth_and_not_rows,
        both the_programme_is_judged_today,
        both the_catalogue_knows_what_is_available,
        both(threads = 2) c3_stock_is_never_overdrawn,
        both c3_what_is_given_back_can_be_ordered_again,
    ];
    reading.into_iter().chain(record::trials()).collect()
}

/// Name, delegation, region, delegate, whether it is a broker, city.
type Row = (&'static str, i64, i64, Option<&'static str>, bool, &'static str);

/// Accounts in the order of their keys. The first four come with the network.
const ACCOUNTS: &[Row] = &[
    ("Cabinet 1", 1, 1, Some("delegate"), true, "Lille"),
    ("Cabinet 2", 1, 1, Some("delegate2"), true, "Lille"),
    ("Cabinet 3", 3, 2, Some("delegate3"), true, "Lille"),
    ("Cabinet 4", 1, 1, Some("delegate"), true, "Lille"),
    ("Garage Colin", 1, 1, Some("delegate"), false, "Roubaix"),
    ("Courtage Amiénois", 2, 1, None, true, "Amiens"),
    ("Étoile du Sud", 3, 2, None, false, "Nice"),
];

const LIST: &str = "query ($filter: AccountFilter, $orderBy: [AccountOrder!], $first: Int, $after: String, $last: Int, $before: String) {
    accounts(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
        nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

fn id<K: Key>(key: K) -> String {
    global(key).0
}

fn db(app: &TestApp) -> &DatabaseConnection {
    app.app.database.writer()
}

/// The network with the accounts that it does not come with.
async fn start(backend: Backend) -> TestApp {
    let app = TestApp::start(backend).await;
    for (name, delegation, region, owner, is_broker, city) in &ACCOUNTS[4..] {
        let id = add(&app, name, *delegation, *region, owner.map(person_id)).await;
        let row = site::ActiveModel {
            account_id: Set(id),
            kind: Set(SiteKind::HeadOffice),
            name: Set((*city).to_owned()),
            siret: Set(None),
            street: Set("2 place du Marché".to_owned()),
            postcode: Set("59000".to_owned()),
            city: Set((*city).to_owned()),
            insee_code: Set(None),
            country: Set("FR".to_owned()),
            active: Set(true),
            version: Set(1),
            ..Default::default()
        };
        site::Entity::insert(row).exec(db(&app)).await.expect("a site");
        if *is_broker {
            let row =
                broker::Model { account_id: id, orias: format!("{id}"), programme_from: None, programme_to: None };
            let row = row.into_active_model().reset_all();
            broker::Entity::insert(row).exec_without_returning(db(&app)).await.expect("a broker");
        }
    }
    app
}

async fn add(app: &TestApp, name: &str, delegation: i64, region: i64, owner: Option<PersonId>) -> AccountId {
    let row = account::ActiveModel {
        id: NotSet,
        code: Set(format!("N {name}")),
        kind: Set(AccountKind::Company),
        name: Set(name.to_owned()),
        siren: Set(None),
        vat_number: Set(None),
        sector: Set(None),
        given_name: Set(None),
        family_name: Set(None),
        active: Set(true),
        portfolio_owner_id: Set(owner),
        delegation_id: Set(DelegationId(delegation)),
        region_id: Set(RegionId(region)),
        created_at: Set(monday()),
        version: Set(1),
    };
    account::Entity::insert(row).exec(db(app)).await.expect("a new account").last_insert_id
}

fn names(data: &Value) -> Vec<String> {
    let nodes = data["accounts"]["nodes"].as_array().expect("nodes");
    nodes.iter().map(|node| node["name"].as_str().expect("a name").to_owned()).collect()
}

async fn good(user: &Client<'_>, query: &str, variables: Value) -> Value {
    user.ask(query, variables).await.data().clone()
}

async fn listed(user: &Client<'_>, filter: Value) -> Vec<String> {
    let mut names = names(&good(user, LIST, json!({ "filter": filter, "first": 100 })).await);
    names.sort();
    names
}

/// The names of the accounts of some places in [`ACCOUNTS`], sorted.
fn accounts(places: &[usize]) -> Vec<&'static str> {
    let mut names: Vec<_> = places.iter().map(|place| ACCOUNTS[*place].0).collect();
    names.sort_unstable();
    names
}

async fn each_role_reads_the_accounts_of_its_scope(backend: Backend) {
    let app = start(backend).await;
    let scopes: &[(&'static str, &[usize])] = &[
        ("delegate", &[0, 1, 3, 4]),
        ("delegate3", &[2, 6]),
        ("assistant", &[0, 1, 3, 4]),
        ("rr", &[0, 1, 3, 4, 5]),
        ("rr2", &[2, 6]),
        // Sales promotion sees brokers alone, in all regions.
        ("pdv", &[0, 1, 2, 3, 5]),
        ("sales-admin", &[0, 1, 2, 3, 4, 5, 6]),
        ("director", &[0, 1, 2, 3, 4, 5, 6]),
    ];
    for (name, places) in scopes {
        let user = app.person(name);
        assert_eq!(listed(&user, Value::Null).await, accounts(places), "{name}");
        let count = good(&user, "{ accounts(first: 1) { totalCount nodes { name } } }", Value::Null).await;
        assert_eq!(count["accounts"]["totalCount"], places.len(), "{name}");
    }
    let unknown = app.person("platform-admin").ask("{ accounts { nodes { name } } }", Value::Null).await;
    assert_eq!(unknown.error(), "BAD_USER_INPUT");
    assert!(unknown.message().contains("Unknown field"), "{unknown:?}");
}

async fn what_one_may_not_read_is_not_found_by_id(backend: Backend) {
    const FIND: &str = "query ($account: ID!, $site: ID!) {
        account(id: $account) { name } one: node(id: $account) { id } site: node(id: $site) { id } }";
    let app = start(backend).await;
    let ids = |key: i64| json!({ "account": id(AccountId(key)), "site": id(SiteId(key)) });
    let found = async |name: &'static str, key: i64| {
        let data = good(&app.person(name), FIND, ids(key)).await;
        let there = ["account", "one", "site"].map(|field| !data[field].is_null());
        assert!(there.iter().all(|is| *is == there[0]), "{name}: {data}");
        there[0]
    };
    assert!(found("delegate", 1).await && found("rr", 6).await && found("pdv", 3).await);
    assert!(!found("delegate", 6).await && !found("delegate3", 1).await && !found("rr", 3).await);
    // No broker, nothing there, and nothing of the kind for whom the type does not exist.
    assert!(!found("pdv", 5).await && !found("director", 99).await);
    let admin = app.person("platform-admin");
    let none = good(&admin, "query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id(AccountId(1)) })).await;
    assert!(none["node"].is_null());
}

async fn filters_combine_and_never_widen(backend: Backend) {
    let app = start(backend).await;
    let (director, delegate) = (app.person("director"), app.person("delegate"));
    let lille = json!({ "eq": id(DelegationId(1)) });
    let own = [0, 1, 3, 4];
    let cases: &[(Value, &[usize])] = &[
        (json!({ "text": "COURTAGE" }), &[5]),
        (json!({ "text": " b2 " }), &[1]),
        (json!({ "delegation": lille }), &own),
        (json!({ "region": { "in": [id(RegionId(2))] } }), &[2, 6]),
        (json!({ "delegation": lille, "isBroker": false }), &[4]),
        (json!({ "portfolioOwner": { "in": [id(PersonId(1)), id(PersonId(3))] } }), &[0, 2, 3, 4]),
        (json!({ "not": { "portfolioOwner": { "eq": id(PersonId(1)) } } }), &[1, 2, 5, 6]),
        (json!({ "city": "ROUBAIX" }), &[4]),
        (json!({ "not": { "city": "e" } }), &[4]),
        (json!({ "not": { "city": "lille" } }), &[4, 5, 6]),
        (json!({ "or": [{ "city": "Amiens" }, { "and": [{ "isBroker": true }, { "text": "cabinet 4" }] }] }), &[3, 5]),
        (json!({ "isBroker": true, "not": { "delegation": lille } }), &[2, 5]),
        (json!({ "text": "" }), &[0, 1, 2, 3, 4, 5, 6]),
        (json!({ "not": {} }), &[]),
    ];
    for (filter, places) in cases {
        assert_eq!(listed(&director, filter.clone()).await, accounts(places), "{filter}");
        let own: Vec<_> = places.iter().copied().filter(|place| own.contains(place)).collect();
        assert_eq!(listed(&delegate, filter.clone()).await, accounts(&own), "{filter}");
    }
}

async fn wildcards_stand_for_themselves(backend: Backend) {
    let app = TestApp::start(backend).await;
    for name in ["100% Courtage", "Sous_total", "Vite! Assuré", "C:\\Courtage"] {
        add_account(&app, name).await;
    }
    let user = app.person("delegate");
    for (text, name) in [
        ("%", "100% Courtage"),
        ("0% c", "100% Courtage"),
        ("_", "Sous_total"),
        ("s_t", "Sous_total"),
        ("!", "Vite! Assuré"),
        ("\\", "C:\\Courtage"),
    ] {
        assert_eq!(listed(&user, json!({ "text": text })).await, [name], "{text}");
    }
    assert!(listed(&user, json!({ "text": "c%e" })).await.is_empty());
    assert!(listed(&user, json!({ "text": "' OR 1=1 --" })).await.is_empty());
}

async fn add_account(app: &TestApp, name: &str) -> AccountId {
    add(app, name, 1, 1, None).await
}

async fn a_page_stays_right_while_rows_come_and_go(backend: Backend) {
    let app = TestApp::start(backend).await;
    for letter in ["B", "D", "F", "H", "J", "L"] {
        add_account(&app, &format!("Zone {letter}")).await;
    }
    let user = app.person("delegate");
    let page = async |variables: Value| {
        let mut variables = variables;
        variables["filter"] = json!({ "text": "zone" });
        good(&user, LIST, variables).await
    };
    for (order, first, second) in [
        (json!(["NAME_ASC"]), ["Zone B", "Zone D"], ["Zone E", "Zone F"]),
        (json!(["CREATED_AT_DESC", "NAME_DESC", "NAME_DESC"]), ["Zone L", "Zone J"], ["Zone H", "Zone F"]),
    ] {
        let begun = page(json!({ "first": 2, "orderBy": order })).await;
        assert_eq!(names(&begun), first);
        assert_eq!(begun["accounts"]["pageInfo"]["hasNextPage"], true);
        // One comes before the cursor, one behind it, and the row of the cursor goes.
        let (early, late) = if first[0] == "Zone B" { ("Zone A", "Zone E") } else { ("Zone M", "Zone G") };
        let added = [add_account(&app, early).await, add_account(&app, late).await];
        remove_account(&app, first[1]).await;
        let after = begun["accounts"]["pageInfo"]["endCursor"].clone();
        let next = page(json!({ "first": 2, "after": after, "orderBy": order })).await;
        let expected = if first[0] == "Zone B" { second } else { ["Zone H", "Zone G"] };
        assert_eq!(names(&next), expected);
        let before = next["accounts"]["pageInfo"]["startCursor"].clone();
        let back = page(json!({ "last": 2, "before": before, "orderBy": order })).await;
        assert_eq!(names(&back), if first[0] == "Zone B" { ["Zone A", "Zone B"] } else { ["Zone M", "Zone L"] });
        assert_eq!(back["accounts"]["pageInfo"]["hasPreviousPage"], false);
        for key in added {
            account::Entity::delete_by_id(key).exec(db(&app)).await.expect("gone");
        }
        add_account(&app, first[1]).await;
    }
}

async fn remove_account(app: &TestApp, name: &str) {
    let gone = account::Entity::delete_many().filter(account::Column::Name.eq(name)).exec(db(app)).await;
    assert_eq!(gone.expect("gone").rows_affected, 1);
}

async fn malformed_arguments_are_pointed_out(backend: Backend) {
    let app = TestApp::start(backend).await;
    let user = app.person("director");
    let nested = (0..20).fold(json!({}), |inner, _| json!({ "not": inner }));
    for variables in [
        json!({ "filter": { "text": "a\0b" } }),
        json!({ "filter": { "city": "\u{0}" } }),
        json!({ "filter": { "text": "a".repeat(101) } }),
        json!({ "filter": { "delegation": { "eq": id(PersonId(1)) } } }),
        json!({ "filter": { "delegation": { "in": vec![id(DelegationId(1)); 101] } } }),
        json!({ "filter": nested }),
        json!({ "filter": { "or": vec![json!({}); 200] } }),
        json!({ "first": 101 }),
        json!({ "first": -1 }),
        json!({ "first": 1, "last": 1 }),
        json!({ "after": "x" }),
        json!({ "after": "WzEsMl0" }),
        json!({ "orderBy": ["ID"] }),
    ] {
        assert_eq!(user.ask(LIST, variables.clone()).await.error(), "BAD_USER_INPUT", "{variables}");
    }
}

async fn statements_follow_depth_and_not_rows(backend: Backend) {
    const PAGE: &str =
        "query ($first: Int!, $count: Boolean!) { accounts(first: $first) { totalCount @include(if: $count)
        nodes { code siren version broker { orias } portfolioOwner { displayName } delegation { name region { name } }
            region { name } sites { city account { name } } } } }";
    let app = start(backend).await;
    let user = app.person("director");
    let measure = async |first: i32, count: bool| {
        let reply = user.ask(PAGE, json!({ "first": first, "count": count })).await;
        (reply.data()["accounts"].clone(), reply.statements.expect("a count"))
    };
    // Whoever asks first finds nothing remembered of the session.
    measure(1, false).await;
    let (one, all) = (measure(1, false).await, measure(100, false).await);
    assert_eq!(all.0["nodes"].as_array().map(Vec::len), Some(ACCOUNTS.len()));
    assert!(one.1 > 0 && all.1 <= one.1, "{} statements for one, {} for all", one.1, all.1);
    // Counting costs a statement, to those alone who ask for it.
    let counted = measure(100, true).await;
    assert_eq!(counted.0["totalCount"], ACCOUNTS.len());
    assert_eq!(counted.1, all.1 + 1);
}

async fn the_programme_is_judged_today(backend: Backend) {
    let app = TestApp::start(backend).await;
    let user = app.person("delegate");
    let query = "query ($id: ID!) { account(id: $id) { broker { orias inProgramme } } }";
    // Today is 16 March 2026.
    for (from, to, is_in) in [
        (None, None, false),
        (Some(day(2026, 3, 16)), None, true),
        (Some(day(2026, 3, 17)), None, false),
        (Some(day(2026, 1, 1)), Some(day(2026, 3, 16)), true),
        (Some(day(2026, 1, 1)), Some(day(2026, 3, 15)), false),
    ] {
        let row = broker::Model {
            account_id: AccountId(1),
            orias: "07000001".into(),
            programme_from: from,
            programme_to: to,
        };
        row.into_active_model().reset_all().update(db(&app)).await.expect("changed");
        let data = good(&user, query, json!({ "id": id(AccountId(1)) })).await;
        assert_eq!(data["account"]["broker"]["inProgramme"], is_in, "{from:?} to {to:?}");
    }
}

async fn add_article(app: &TestApp, name: &str, stock: Option<i64>, days: (NaiveDate, Option<NaiveDate>)) -> ArticleId {
    let row = article::ActiveModel {
        id: NotSet,
        code: Set(format!("ART-{name}")),
        name: Set(name.to_owned()),
        category: Set(ArticleCategory::Poster),
        description: Set("En couleurs".to_owned()),
        unit_price: Set(Money(12_34)),
        pack_size: Set(50),
        stock: Set(stock),
        valid_from: Set(days.0),
        valid_to: Set(days.1),
        version: Set(1),
    };
    article::Entity::insert(row).exec(db(app)).await.expect("a new article").last_insert_id
}

async fn the_catalogue_knows_what_is_available(backend: Backend) {
    let app = TestApp::start(backend).await;
    // Today is 16 March 2026.
    let new_year = day(2026, 1, 1);
    let leaflet = add_article(&app, "Dépliant", None, (new_year, None)).await;
    add_article(&app, "Hier", Some(3), (new_year, Some(day(2026, 3, 15)))).await;
    add_article(&app, "Jusqu'au soir", Some(0), (new_year, Some(day(2026, 3, 16)))).await;
    add_article(&app, "Demain", None, (day(2026, 3, 17), None)).await;
    let user = app.delegate();
    let query = "query ($filter: ArticleFilter, $orderBy: [ArticleOrder!]) {
        articles(filter: $filter, orderBy: $orderBy) { nodes { name unitPrice stock available } } }";
    let found = async |filter: Value, order: Value| {
        let data = good(&user, query, json!({ "filter": filter, "orderBy": order })).await;
        data["articles"]["nodes"].as_array().expect("nodes").clone()
    };
    let posters = json!({ "category": { "eq": "POSTER" } });
    let told = found(posters.clone(), json!(["UNIT_PRICE_DESC", "CODE_DESC"])).await;
    let told: Vec<_> = told.iter().map(|a| (&a["name"], &a["stock"], &a["available"], &a["unitPrice"])).collect();
    let price = json!("12.34");
    let row = |name: &str, stock: Value, available: bool| (json!(name), stock, json!(available));
    let expected = [
        row("Jusqu'au soir", json!(0), true),
        row("Hier", json!(3), false),
        row("Dépliant", Value::Null, true),
        row("Demain", Value::Null, false),
    ];
    assert_eq!(told, expected.iter().map(|(name, stock, is)| (name, stock, is, &price)).collect::<Vec<_>>());
    let names = async |filter: Value| -> Vec<Value> {
        let filter = json!({ "and": [posters, filter] });
        found(filter, json!(["CODE_ASC"])).await.into_iter().map(|article| article["name"].clone()).collect()
    };
    assert_eq!(names(json!({ "available": true })).await, ["Dépliant", "Jusqu'au soir"]);
    assert_eq!(names(json!({ "available": false })).await, ["Demain", "Hier"]);
    assert_eq!(names(json!({ "not": { "available": true } })).await, ["Demain", "Hier"]);
    assert_eq!(names(json!({ "text": "art-jusqu" })).await, ["Jusqu'au soir"]);
    let find = "query ($id: ID!) { article(id: $id) { code } node(id: $id) { id } }";
    let found = good(&user, find, json!({ "id": id(leaflet) })).await;
    assert_eq!((&found["article"]["code"], &found["node"]["id"]), (&json!("ART-Dépliant"), &json!(id(leaflet))));
    let admin = app.person("platform-admin");
    let none = good(&admin, "query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id(leaflet) })).await;
    assert!(none["node"].is_null());
}

async fn stock(app: &TestApp, article: ArticleId) -> Option<i64> {
    article::Entity::find_by_id(article).one(db(app)).await.expect("an answer").expect("an article").stock
}

/// An article that can be ordered for ever.
async fn add_stock(app: &TestApp, name: &str, stock: Option<i64>) -> ArticleId {
    add_article(app, name, stock, (day(2026, 1, 1), None)).await
}

async fn c3_stock_is_never_overdrawn(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (pen, bag) = (add_stock(&app, "Stylo", Some(10)).await, add_stock(&app, "Sac", Some(10)).await);
    let poster = add_stock(&app, "Affiche", None).await;
    let attempts = (0..30).map(|attempt| {
        let database = app.app.database.clone();
        tokio::spawn(async move {
            // Half of them name the articles the other way round.
            let mut wanted = vec![(pen, 1), (bag, 2), (poster, 1000)];
            if attempt % 2 == 0 {
                wanted.reverse();
            }
            let transaction = database.begin().await.expect("a transaction");
            let short = catalog::reserve(&transaction, &wanted).await.expect("an answer");
            transaction.commit().await.expect("a commit");
            short
        })
    });
    let answers = futures_util::future::join_all(attempts).await;
    let reserved = answers.iter().filter(|short| short.as_ref().expect("no panic").is_empty()).count();
    assert_eq!(reserved, 5);
    assert_eq!((stock(&app, pen).await, stock(&app, bag).await, stock(&app, poster).await), (Some(5), Some(0), None));
}

async fn c3_what_is_given_back_can_be_ordered_again(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (pen, poster) = (add_stock(&app, "Stylo", Some(10)).await, add_stock(&app, "Affiche", None).await);
    let transaction = app.app.database.begin().await.expect("a transaction");
    let reserve = async |wanted: &[(ArticleId, i64)]| catalog::reserve(&transaction, wanted).await.expect("an answer");
    // Two lines of one article count together, and nothing is held where something is short.
    assert_eq!(reserve(&[(pen, 6), (poster, 1), (pen, 5)]).await, [pen]);
    assert_eq!(reserve(&[(pen, 6), (poster, 1)]).await, []);
    assert_eq!(reserve(&[(pen, 5)]).await, [pen]);
    catalog::give_back(&transaction, &[(pen, 4), (poster, 9)]).await.expect("given back");
    assert_eq!(reserve(&[(pen, 8)]).await, []);
    assert_eq!(reserve(&[]).await, []);
    assert_eq!(reserve(&[(poster, i64::MAX), (poster, 1)]).await, []);
    transaction.commit().await.expect("a commit");
    assert_eq!((stock(&app, pen).await, stock(&app, poster).await), (Some(0), None));
}
