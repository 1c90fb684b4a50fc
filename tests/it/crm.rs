//! Accounts and the catalogue.

use ::entity::{
    catalog::article,
    crm::{account, broker},
    vocabulary::{AccountId, ArticleCategory, ArticleId, DelegationId, Money, PersonId, SiteId},
};
use chrono::NaiveDate;
use sea_orm::{ActiveModelTrait, ActiveValue::NotSet, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use sesame::catalog;

use crate::{
    app::{ACCOUNTS, TestApp, User, an_account, id, insert},
    harness::{Backend, Trial, trials},
};

pub fn trials() -> Vec<Trial> {
    trials![
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
    ]
}

const LIST: &str = "query ($filter: AccountFilter, $orderBy: [AccountOrder!], $first: Int, $after: String, $last: Int, $before: String) {
    accounts(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
        nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

fn names(data: &Value) -> Vec<String> {
    let nodes = data["accounts"]["nodes"].as_array().expect("nodes");
    nodes.iter().map(|node| node["name"].as_str().expect("a name").to_owned()).collect()
}

async fn listed(user: &User<'_>, filter: Value) -> Vec<String> {
    let mut names = names(&user.good(LIST, json!({ "filter": filter, "first": 100 })).await);
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
    let app = TestApp::start(backend).await;
    let scopes: &[(&str, &[usize])] = &[
        ("delegate", &[0, 1, 2]),
        ("delegate3", &[4, 5]),
        ("assistant", &[0, 1, 2]),
        ("rr", &[0, 1, 2, 3]),
        ("rr2", &[4, 5]),
        // Sales promotion sees brokers alone, in all regions.
        ("pdv", &[0, 1, 3, 4]),
        ("sales-admin", &[0, 1, 2, 3, 4, 5]),
        ("director", &[0, 1, 2, 3, 4, 5]),
    ];
    for (name, places) in scopes {
        let user = app.sign_in(name).await;
        assert_eq!(listed(&user, Value::Null).await, accounts(places), "{name}");
        let count = user.good("{ accounts(first: 1) { totalCount nodes { name } } }", Value::Null).await;
        assert_eq!(count["accounts"]["totalCount"], places.len(), "{name}");
    }
    let (code, message) = app.sign_in("platform-admin").await.bad("{ accounts { nodes { name } } }", Value::Null).await;
    assert_eq!(code, "BAD_USER_INPUT");
    assert!(message.contains("Unknown field"), "{message}");
}

async fn what_one_may_not_read_is_not_found_by_id(backend: Backend) {
    const FIND: &str = "query ($account: ID!, $site: ID!) {
        account(id: $account) { name } one: node(id: $account) { id } site: node(id: $site) { id } }";
    let app = TestApp::start(backend).await;
    let ids = |key: i64| json!({ "account": id(AccountId(key)), "site": id(SiteId(key)) });
    let found = async |name: &str, key: i64| {
        let data = app.sign_in(name).await.good(FIND, ids(key)).await;
        let there = ["account", "one", "site"].map(|field| !data[field].is_null());
        assert!(there.iter().all(|is| *is == there[0]), "{name}: {data}");
        there[0]
    };
    assert!(found("delegate", 1).await && found("rr", 4).await && found("pdv", 5).await);
    assert!(!found("delegate", 4).await && !found("delegate3", 1).await && !found("rr", 5).await);
    // No broker, nothing there, and nothing of the kind for whom the type does not exist.
    assert!(!found("pdv", 3).await && !found("director", 99).await);
    let admin = app.sign_in("platform-admin").await;
    let none = admin.good("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id(AccountId(1)) })).await;
    assert!(none["node"].is_null());
}

async fn filters_combine_and_never_widen(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (director, delegate) = (app.sign_in("director").await, app.sign_in("delegate").await);
    let lille = json!({ "eq": id(DelegationId(1)) });
    let cases: &[(Value, &[usize])] = &[
        (json!({ "text": "COURTAGE" }), &[3]),
        (json!({ "text": " a00002 " }), &[1]),
        (json!({ "delegation": lille }), &[0, 1, 2]),
        (json!({ "delegation": lille, "isBroker": false }), &[2]),
        (json!({ "portfolioOwner": { "in": [id(PersonId(1)), id(PersonId(3))] } }), &[0, 2, 4]),
        (json!({ "not": { "portfolioOwner": { "eq": id(PersonId(1)) } } }), &[1, 3, 4, 5]),
        (json!({ "city": "lille" }), &[0, 2]),
        (json!({ "not": { "city": "e" } }), &[3]),
        (json!({ "or": [{ "city": "Amiens" }, { "and": [{ "isBroker": true }, { "text": "delmas" }] }] }), &[0, 3]),
        (json!({ "isBroker": true, "not": { "delegation": lille } }), &[3, 4]),
        (json!({ "text": "" }), &[0, 1, 2, 3, 4, 5]),
        (json!({ "not": {} }), &[]),
    ];
    for (filter, places) in cases {
        assert_eq!(listed(&director, filter.clone()).await, accounts(places), "{filter}");
        let own: Vec<_> = places.iter().copied().filter(|place| *place < 3).collect();
        assert_eq!(listed(&delegate, filter.clone()).await, accounts(&own), "{filter}");
    }
}

async fn wildcards_stand_for_themselves(backend: Backend) {
    let app = TestApp::start(backend).await;
    for name in ["100% Courtage", "Sous_total", "Vite! Assuré", "C:\\Courtage"] {
        add_account(&app, name).await;
    }
    let user = app.sign_in("delegate").await;
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
    let mut row = an_account(AccountId(0), name, 1, 1, None).into_active_model().reset_all();
    row.id = NotSet;
    row.code = sea_orm::ActiveValue::Set(format!("N {name}"));
    account::Entity::insert(row).exec(app.db()).await.expect("a new account").last_insert_id
}

async fn a_page_stays_right_while_rows_come_and_go(backend: Backend) {
    let app = TestApp::start(backend).await;
    for letter in ["B", "D", "F", "H", "J", "L"] {
        add_account(&app, &format!("Zone {letter}")).await;
    }
    let user = app.sign_in("delegate").await;
    let page = async |variables: Value| {
        let mut variables = variables;
        variables["filter"] = json!({ "text": "zone" });
        user.good(LIST, variables).await
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
            account::Entity::delete_by_id(key).exec(app.db()).await.expect("gone");
        }
        add_account(&app, first[1]).await;
    }
}

async fn remove_account(app: &TestApp, name: &str) {
    use sea_orm::{ColumnTrait, QueryFilter};
    let gone = account::Entity::delete_many().filter(account::Column::Name.eq(name)).exec(app.db()).await;
    assert_eq!(gone.expect("gone").rows_affected, 1);
}

async fn malformed_arguments_are_pointed_out(backend: Backend) {
    let app = TestApp::start(backend).await;
    let user = app.sign_in("director").await;
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
        assert_eq!(user.bad(LIST, variables.clone()).await.0, "BAD_USER_INPUT", "{variables}");
    }
}

async fn statements_follow_depth_and_not_rows(backend: Backend) {
    const PAGE: &str = "query ($first: Int!, $count: Boolean!) { accounts(first: $first) { totalCount @include(if: $count)
        nodes { code siren version broker { orias } portfolioOwner { displayName } delegation { name region { name } }
            region { name } sites { city account { name } } } } }";
    let app = TestApp::start(backend).await;
    let user = app.sign_in("director").await;
    let measure = async |first: i32, count: bool| user.measure(PAGE, json!({ "first": first, "count": count })).await;
    // Whoever asks first finds nothing remembered of the session.
    measure(1, false).await;
    let (one, few) = (measure(1, false).await, measure(100, false).await);
    assert!(few.0.get("errors").is_none(), "{:#}", few.0);
    assert_eq!(few.0["data"]["accounts"]["nodes"].as_array().map(Vec::len), Some(ACCOUNTS.len()));
    assert!(few.1 > 0 && few.1 <= one.1 + 1, "{} statements for one, {} for all", one.1, few.1);
    // Counting costs a statement, to those alone who ask for it.
    let counted = measure(100, true).await;
    assert_eq!(counted.0["data"]["accounts"]["totalCount"], ACCOUNTS.len());
    assert_eq!(counted.1, few.1 + 1);
}

async fn the_programme_is_judged_today(backend: Backend) {
    let app = TestApp::start(backend).await;
    let user = app.sign_in("delegate").await;
    let query = "query ($id: ID!) { account(id: $id) { broker { orias inProgramme } } }";
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    for (from, to, is_in) in [
        (None, None, false),
        (Some(day("2026-06-15")), None, true),
        (Some(day("2026-06-16")), None, false),
        (Some(day("2026-01-01")), Some(day("2026-06-15")), true),
        (Some(day("2026-01-01")), Some(day("2026-06-14")), false),
    ] {
        let row = broker::Model { account_id: AccountId(1), orias: "07000001".into(), programme_from: from, programme_to: to };
        row.into_active_model().reset_all().update(app.db()).await.expect("changed");
        let data = user.good(query, json!({ "id": id(AccountId(1)) })).await;
        assert_eq!(data["account"]["broker"]["inProgramme"], is_in, "{from:?} to {to:?}");
    }
}

fn an_article(key: i64, name: &str, stock: Option<i64>) -> article::Model {
    article::Model {
        id: ArticleId(key),
        code: format!("ART-{key}"),
        name: name.into(),
        category: ArticleCategory::Leaflet,
        description: "En couleurs".into(),
        unit_price: Money(key * 10),
        pack_size: 50,
        stock,
        valid_from: "2026-01-01".parse().expect("a day"),
        valid_to: None,
        version: 1,
    }
}

async fn the_catalogue_knows_what_is_available(backend: Backend) {
    let app = TestApp::start(backend).await;
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let poster = ArticleCategory::Poster;
    insert(app.db(), an_article(1, "Dépliant santé", None)).await;
    insert(app.db(), article::Model { valid_to: Some(day("2026-06-14")), ..an_article(2, "Ancien", Some(3)) }).await;
    insert(app.db(), article::Model { valid_to: Some(day("2026-06-15")), ..an_article(3, "Dernier jour", Some(0)) }).await;
    insert(app.db(), article::Model { valid_from: day("2026-06-16"), category: poster, ..an_article(4, "Demain", None) }).await;
    let user = app.sign_in("delegate").await;
    let query = "query ($filter: ArticleFilter, $orderBy: [ArticleOrder!]) {
        articles(filter: $filter, orderBy: $orderBy) { nodes { name unitPrice stock available } } }";
    let found = async |filter: Value, order: Value| {
        let data = user.good(query, json!({ "filter": filter, "orderBy": order })).await;
        data["articles"]["nodes"].as_array().expect("nodes").clone()
    };
    let all = found(Value::Null, json!(["UNIT_PRICE_DESC"])).await;
    let told: Vec<_> = all.iter().map(|a| (a["unitPrice"].as_str().expect("a price"), &a["available"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(told, [("0.40", &no), ("0.30", &yes), ("0.20", &no), ("0.10", &yes)]);
    let names = async |filter: Value| -> Vec<Value> {
        found(filter, Value::Null).await.into_iter().map(|article| article["name"].clone()).collect()
    };
    assert_eq!(names(json!({ "available": true })).await, ["Dernier jour", "Dépliant santé"]);
    assert_eq!(names(json!({ "not": { "available": true } })).await, ["Ancien", "Demain"]);
    assert_eq!(names(json!({ "category": { "eq": "POSTER" } })).await, ["Demain"]);
    assert_eq!(names(json!({ "text": "art-3" })).await, ["Dernier jour"]);
    let find = "query ($id: ID!) { article(id: $id) { code } node(id: $id) { id } }";
    let found = user.good(find, json!({ "id": id(ArticleId(1)) })).await;
    assert_eq!(found["article"]["code"], "ART-1");
    let admin = app.sign_in("platform-admin").await;
    let none = admin.good("query ($id: ID!) { node(id: $id) { id } }", json!({ "id": id(ArticleId(1)) })).await;
    assert!(none["node"].is_null());
}

async fn stock(app: &TestApp, key: i64) -> Option<i64> {
    article::Entity::find_by_id(ArticleId(key)).one(app.db()).await.expect("an answer").expect("an article").stock
}

async fn c3_stock_is_never_overdrawn(backend: Backend) {
    let app = TestApp::start(backend).await;
    for key in [1, 2] {
        insert(app.db(), an_article(key, "Stylo", Some(10))).await;
    }
    insert(app.db(), an_article(3, "Affiche", None)).await;
    let attempts = (0..30).map(|attempt| {
        let database = app.app.database.clone();
        tokio::spawn(async move {
            // Half of them name the articles the other way round.
            let mut wanted = vec![(ArticleId(1), 1), (ArticleId(2), 2), (ArticleId(3), 1000)];
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
    assert_eq!((stock(&app, 1).await, stock(&app, 2).await, stock(&app, 3).await), (Some(5), Some(0), None));
}

async fn c3_what_is_given_back_can_be_ordered_again(backend: Backend) {
    let app = TestApp::start(backend).await;
    insert(app.db(), an_article(1, "Stylo", Some(10))).await;
    insert(app.db(), an_article(2, "Affiche", None)).await;
    let transaction = app.app.database.begin().await.expect("a transaction");
    // Two lines of one article count together, and nothing is held where something is short.
    let two_lines = [(ArticleId(1), 6), (ArticleId(2), 1), (ArticleId(1), 5)];
    assert_eq!(catalog::reserve(&transaction, &two_lines).await.expect("an answer"), [ArticleId(1)]);
    assert_eq!(catalog::reserve(&transaction, &two_lines[..2]).await.expect("an answer"), []);
    assert_eq!(catalog::reserve(&transaction, &[(ArticleId(1), 5)]).await.expect("an answer"), [ArticleId(1)]);
    catalog::give_back(&transaction, &[(ArticleId(1), 4), (ArticleId(2), 9)]).await.expect("given back");
    assert_eq!(catalog::reserve(&transaction, &[(ArticleId(1), 8)]).await.expect("an answer"), []);
    assert_eq!(catalog::reserve(&transaction, &[]).await.expect("an answer"), []);
    assert_eq!(catalog::reserve(&transaction, &[(ArticleId(2), i64::MAX)]).await.expect("an answer"), []);
    transaction.commit().await.expect("a commit");
    assert_eq!((stock(&app, 1).await, stock(&app, 2).await), (Some(0), None));
}
