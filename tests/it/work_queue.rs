//! The queues: what waits for whom, listed and followed.

use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use ::entity::{
    platform::work_item,
    vocabulary::{
        AccountId, DelegationId, Language, Money, OrderId, PersonId, RegionId, SessionId, WorkItemId, WorkKind,
    },
};
use async_graphql::{Request, Response, Variables};
use chrono::Duration as Span;
use futures_util::{Stream, StreamExt};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, Statement};
use serde_json::{Value, json};
use sesame::{
    action::Call,
    authz::{self, Caller, Person, Policy, policy},
    db::{Conn, Meter},
    graphql::{self, id},
    identity,
    live::LiveCaller,
    op::Op,
    outbox::{self, Event},
    work_queue::{self, Item, Moves, Subject, View},
};
use tokio::{sync::watch, time};

use crate::{
    app::{TestApp, monday},
    harness::{Backend, Trial, trials},
    network::{self, leaflets, person_id, sponsorship},
};

pub fn trials() -> Vec<Trial> {
    trials![
        both a_handover_is_one_statement,
        both what_comes_and_goes_alone_is_one_statement_each,
        both an_item_that_is_not_there_stops_the_action,
        both a_view_means_the_same_in_memory_in_sql_and_in_pages,
        both everybody_sees_what_waits_for_them,
        both those_involved_do_not_see_the_decision,
        both a_deputy_sees_the_union_and_for_whom,
        both pages_stay_right_while_items_come_and_go,
        both filters_and_orders_do_what_they_say,
        both counts_agree_with_the_list,
        both statements_are_bounded_by_depth,
        both(seconds = 300) k23_a_page_reads_as_much_of_100_000_items_as_of_few,
        both a_node_is_an_item_that_waits_for_the_caller,
        both an_event_says_what_it_means_for_this_caller,
        both what_waits_for_others_reaches_nobody_else,
        both who_comes_back_gets_what_they_missed_once_and_in_order,
        both a_snapshot_and_its_live_cursor_leave_no_gap,
        both wrong_cursors_are_bad_input,
        both a_slow_follower_loses_nothing,
        both an_answer_is_shared_only_with_those_for_whom_it_is_the_same,
        both a_change_of_rights_takes_effect_on_an_open_stream,
        both a_stream_ends_with_the_session,
        both followers_of_a_kind_hear_of_that_kind,
        postgres cursor_order_is_commit_order,
    ]
}

// ---------------------------------------------------------------------------------------------------
// Verbs

/// An item of somebody in Lille.
fn item(kind: WorkKind) -> Item {
    Item {
        kind,
        owner: person_id("delegate"),
        involved: [person_id("delegate")].into_iter().collect(),
        delegation: DelegationId(1),
        region: RegionId(1),
        broker: Some(AccountId(1)),
        year: 2026,
        total: Money::euros(600),
        since: monday(),
        version: 2,
    }
}

/// An item of the delegate in Nice.
fn item_in_nice(kind: WorkKind) -> Item {
    let person = person_id("delegate3");
    Item {
        owner: person,
        involved: [person].into_iter().collect(),
        delegation: DelegationId(3),
        region: RegionId(2),
        broker: Some(AccountId(3)),
        ..item(kind)
    }
}

/// A draft's key, for items to be about.
async fn draft(app: &TestApp) -> OrderId {
    let order = app.delegate().draft(leaflets(1)).await;
    OrderId(id::parse(&order.id).expect("an id").1)
}

fn op(app: &TestApp, caller: Option<Arc<Caller>>) -> Arc<Op> {
    Arc::new(Op::new(app.app.clone(), caller, Language::En, "test".into()))
}

async fn caller(app: &TestApp, name: &'static str) -> Arc<Caller> {
    identity::authenticate(&app.app, &app.token(name)).await.expect("somebody")
}

async fn begin(app: &TestApp) -> Conn {
    Conn::begin(&app.app.database, Arc::default()).await.expect("a transaction")
}

/// Moves an order's items in an open transaction, with the event that tells it.
async fn shift_in(app: &TestApp, conn: &Conn, order: OrderId, before: &[Item], after: &[Item]) -> Moves {
    let moves = work_queue::moved(conn, Subject::Order(order), before, after).await.expect("moves");
    let event =
        Event { queue: moves.clone(), ..Event::new("test.moved", outbox::Subject { kind: "Order", id: order.0 }) };
    outbox::record(&op(app, None), conn, &Call::default(), event).await.expect("an event");
    moves
}

/// Moves an order's items.
async fn shift(app: &TestApp, order: OrderId, before: &[Item], after: &[Item]) -> Moves {
    let conn = begin(app).await;
    let moves = shift_in(app, &conn, order, before, after).await;
    conn.commit().await.expect("a commit");
    app.app.outbox.wake();
    moves
}

/// A new item, and the order that it is about.
async fn arrives(app: &TestApp, item: Item) -> (OrderId, String) {
    let order = draft(app).await;
    let moves = shift(app, order, &[], &[item]).await;
    (order, id::global(moves.0[0].item).0)
}

/// Kinds and ids of what waits for somebody.
async fn queue(app: &TestApp, name: &'static str) -> Vec<(String, String)> {
    let reply = app.person(name).ask("{ workQueue { nodes { id kind } } }", json!({})).await;
    let nodes = reply.data()["workQueue"]["nodes"].as_array().expect("nodes").clone();
    nodes.iter().map(|node| (text(&node["kind"]), text(&node["id"]))).collect()
}

async fn kinds(app: &TestApp, name: &'static str) -> Vec<String> {
    queue(app, name).await.into_iter().map(|(kind, _)| kind).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

const FOLLOW: &str = "subscription($after: String, $filter: WorkQueueChangedFilter) {
    workQueueChanged(after: $after, filter: $filter) {
        change itemId cursor item { id kind version total label owner { displayName } order { id status } }
    }
}";

/// Somebody who follows the queues.
struct Following {
    events: Pin<Box<dyn Stream<Item = Response> + Send>>,
    rights: watch::Sender<Option<Arc<Caller>>>,
}

/// What they were told.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    change: String,
    id: String,
    cursor: String,
    item: Value,
}

async fn follow(app: &TestApp, name: &'static str, variables: Value) -> Following {
    follow_as(app, caller(app, name).await, Language::En, FOLLOW, variables)
}

/// Somebody who hears of everything that happens from here on.
async fn listen(app: &TestApp, name: &'static str, filter: Value) -> Following {
    let caller = caller(app, name).await;
    let after = live_cursor(app, &caller).await;
    follow_as(app, caller, Language::En, FOLLOW, json!({ "after": after, "filter": filter }))
}

/// Where the feed ends when every event has its position.
async fn live_cursor(app: &TestApp, caller: &Arc<Caller>) -> String {
    while app.number("SELECT COUNT(*) FROM event WHERE position IS NULL").await > 0 {
        time::sleep(Duration::from_millis(20)).await;
    }
    let schema = app.app.schemas.of(caller.permissions);
    let request =
        graphql::request(Request::new("{ workQueue(first: 0) { liveCursor } }"), &op(app, Some(caller.clone())));
    let answer = schema.execute(request).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    text(&answer.data.into_json().expect("JSON")["workQueue"]["liveCursor"])
}

fn follow_as(app: &TestApp, caller: Arc<Caller>, language: Language, query: &str, variables: Value) -> Following {
    let (rights, seen) = watch::channel(Some(caller.clone()));
    let schema = app.app.schemas.of(app.app.permissions_of(Some(&caller)));
    let live = LiveCaller::new(app.app.clone(), seen, language, "test");
    let request = Request::new(query).variables(Variables::from_json(variables));
    let request = graphql::request(request, &op(app, Some(caller))).data(live);
    Following { events: schema.execute_stream(request).boxed(), rights }
}

impl Following {
    /// Goes on until there is nothing to tell.
    async fn begin(&mut self) {
        let told = time::timeout(Duration::from_millis(500), self.events.next()).await;
        assert!(told.is_err(), "{told:?}");
    }

    async fn response(&mut self) -> Option<Response> {
        time::timeout(Duration::from_secs(20), self.events.next()).await.expect("an event in time")
    }

    async fn next(&mut self) -> Told {
        let response = self.response().await.expect("the stream goes on");
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        let event = crate::app::event(response, "workQueueChanged");
        let told = Told {
            change: text(&event["change"]),
            id: text(&event["itemId"]),
            cursor: text(&event["cursor"]),
            item: event["item"].clone(),
        };
        assert_eq!(told.change == "REMOVED", told.item.is_null(), "{told:?}");
        told
    }

    async fn changes(&mut self, count: usize) -> Vec<(String, String)> {
        let mut changes = Vec::new();
        for _ in 0..count {
            let told = self.next().await;
            changes.push((told.change, told.id));
        }
        changes
    }

    /// The code of the error with which the stream begins and ends.
    async fn refusal(mut self) -> String {
        let response = self.response().await.expect("an error");
        let error = response.errors.first().expect("an error").clone();
        assert!(self.response().await.is_none(), "the stream goes on after an error");
        let code = error.extensions.as_ref().and_then(|e| e.get("code")).expect("a code").clone();
        text(&code.into_json().expect("JSON"))
    }
}

fn told(change: &str, id: &str) -> (String, String) {
    (change.to_owned(), id.to_owned())
}

// ---------------------------------------------------------------------------------------------------
// The door

async fn statements(conn: &Conn, meter: &Meter, order: OrderId, before: &[Item], after: &[Item]) -> (u32, Moves) {
    let begun = meter.statements();
    let moves = work_queue::moved(conn, Subject::Order(order), before, after).await.expect("moves");
    (meter.statements() - begun, moves)
}

async fn a_handover_is_one_statement(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = draft(&app).await;
    let meter = Arc::<Meter>::default();
    let conn = Conn::begin(&app.app.database, meter.clone()).await.expect("a transaction");
    let documents = item(WorkKind::MissingDocuments);
    let rr = [item(WorkKind::RrValidation), documents.clone()];
    let (count, moves) = statements(&conn, &meter, order, &[], &rr).await;
    assert_eq!((count, moves.0.len()), (1, 2));
    let ids: Vec<WorkItemId> = moves.0.iter().map(|m| m.item).collect();

    let later = monday() + Span::hours(3);
    let pdv = [Item { since: later, version: 3, ..item(WorkKind::PdvValidation) }, Item { version: 3, ..documents }];
    let (count, moves) = statements(&conn, &meter, order, &rr, &pdv).await;
    assert_eq!(count, 1, "one goes, one comes, one is kept");
    let handed = moves.0.iter().find(|m| m.item == ids[0]).expect("the handed-over row");
    assert_eq!(handed.before, Some(rr[0].audience()));
    assert_eq!(handed.after, Some(pdv[0].audience()));
    let kept = moves.0.iter().find(|m| m.item == ids[1]).expect("the kept row");
    assert_eq!((kept.before.as_ref(), kept.after.as_ref()), (Some(&rr[1].audience()), Some(&pdv[1].audience())));

    let (count, moves) = statements(&conn, &meter, order, &pdv, &pdv).await;
    assert_eq!((count, moves), (0, Moves::default()), "nothing differs");
    let rows = work_item::Entity::find().order_by_asc(work_item::Column::Id).all(&conn).await.expect("rows");
    let rows: Vec<_> =
        rows.iter().filter(|row| row.order_id == Some(order)).map(|row| (row.id, Item::from(row))).collect();
    assert_eq!(rows, ids.into_iter().zip(pdv).collect::<Vec<_>>());
}

async fn what_comes_and_goes_alone_is_one_statement_each(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = draft(&app).await;
    let meter = Arc::<Meter>::default();
    let conn = Conn::begin(&app.app.database, meter.clone()).await.expect("a transaction");
    let (one, two) = ([item(WorkKind::Proof)], [item(WorkKind::Results), item(WorkKind::HandoverReceipt)]);
    assert_eq!(statements(&conn, &meter, order, &[], &one).await.0, 1);
    let (count, moves) = statements(&conn, &meter, order, &one, &two).await;
    assert_eq!((count, moves.0.len()), (2, 2), "one hands over, one comes");
    assert!(moves.0[0].before.is_some() && moves.0[1].before.is_none());
    let (count, moves) = statements(&conn, &meter, order, &two, &[]).await;
    assert_eq!((count, moves.0.len()), (1, 2));
    assert!(moves.0.iter().all(|m| m.after.is_none()));
}

async fn an_item_that_is_not_there_stops_the_action(backend: Backend) {
    let app = TestApp::start(backend).await;
    let order = draft(&app).await;
    let conn = begin(&app).await;
    let (before, after) = ([item(WorkKind::Proof)], [item(WorkKind::Processing)]);
    work_queue::moved(&conn, Subject::Order(order), &before, &after).await.expect_err("nothing to hand over");
}

// ---------------------------------------------------------------------------------------------------
// Views

fn any<T: Copy>(dice: &mut StdRng, of: &[T]) -> T {
    of[dice.random_range(0..of.len())]
}

fn maybe<T: Copy>(dice: &mut StdRng, of: &[T]) -> Option<T> {
    dice.random_bool(0.5).then(|| any(dice, of))
}

const EVERYBODY: [PersonId; 6] = [PersonId(1), PersonId(2), PersonId(3), PersonId(4), PersonId(5), PersonId(7)];
const PLACES: [(DelegationId, RegionId); 3] =
    [(DelegationId(1), RegionId(1)), (DelegationId(2), RegionId(1)), (DelegationId(3), RegionId(2))];

/// A policy in which three roles may do anything anywhere.
async fn any_policy(dice: &mut StdRng) -> Policy {
    let mut lines = vec!["p, ANYONE, workQueue, -, all".to_owned()];
    for role in ["A", "B", "C"] {
        for permission in authz::Permission::ALL {
            let scope = any(dice, &authz::Scope::EACH).name();
            let may = dice.random_bool(if permission.object().starts_with("read") { 0.8 } else { 0.5 });
            if may && permission.object() != "workQueue" {
                lines.push(format!("p, {role}, {}, {}, {scope}", permission.object(), permission.step()));
            }
        }
    }
    let lines: Vec<policy::Line> = lines.iter().map(|line| policy::Line::parse(line).expect("a line")).collect();
    Policy { version: 1, view: authz::View::compile(policy::MODEL, &lines).await.expect("a policy") }
}

fn any_person(dice: &mut StdRng) -> Arc<Person> {
    let place = maybe(dice, &PLACES);
    Arc::new(Person {
        id: any(dice, &EVERYBODY),
        email: String::new(),
        name: String::new(),
        language: Language::Fr,
        delegation: place.map(|(delegation, _)| delegation),
        region: place.map(|(_, region)| region),
        roles: ["A", "B", "C"].into_iter().filter(|_| dice.random_bool(0.4)).map(str::to_owned).collect(),
    })
}

fn any_item(dice: &mut StdRng, minute: i64) -> work_item::ActiveModel {
    let (delegation, region) = any(dice, &PLACES);
    work_item::ActiveModel {
        kind: Set(any(dice, WorkKind::ALL)),
        order_id: Set(None),
        goodwill_id: Set(None),
        owner_id: Set(any(dice, &EVERYBODY)),
        involved: Set((0..3).filter_map(|_| maybe(dice, &EVERYBODY)).collect()),
        delegation_id: Set(delegation),
        region_id: Set(region),
        broker_id: Set(maybe(dice, &[AccountId(1), AccountId(2)])),
        year: Set(any(dice, &[2025, 2026])),
        total: Set(Money::euros(dice.random_range(1..50))),
        // Several wait since the same moment.
        since: Set(monday() + Span::minutes(minute / 3)),
        version: Set(1),
        ..Default::default()
    }
}

async fn a_view_means_the_same_in_memory_in_sql_and_in_pages(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut dice = StdRng::seed_from_u64(20);
    let db = app.app.database.writer();
    let rows: Vec<_> = (0..300).map(|minute| any_item(&mut dice, minute)).collect();
    work_item::Entity::insert_many(rows).exec_without_returning(db).await.expect("items");
    let items = work_item::Entity::find().all(db).await.expect("items");
    let mut seen_at_all = 0;
    for _ in 0..40 {
        let policy = any_policy(&mut dice).await;
        let absent: Vec<_> =
            (0..dice.random_range(0..3)).map(|n| (::entity::vocabulary::DeputyId(n), any_person(&mut dice))).collect();
        let caller = Caller::new(&policy, any_person(&mut dice), absent, SessionId(1), monday() + Span::hours(1));
        let view = View::of(&caller);
        let in_memory: BTreeSet<WorkItemId> =
            items.iter().filter(|row| view.contains(&Item::from(*row).audience())).map(|row| row.id).collect();
        let in_sql = work_item::Entity::find().filter(view.condition()).all(db).await.expect("items");
        assert_eq!(in_memory, in_sql.iter().map(|row| row.id).collect(), "{caller:#?}");
        for row in &in_sql {
            let barred = |name| authz::is_barred(caller.person.id, name, &Item::from(row).audience().barred);
            if row.kind == WorkKind::RrValidation {
                let for_whom = view.on_behalf_of(&Item::from(row).audience());
                assert!(!barred(for_whom.map_or(authz::InNameOf::Self_, authz::InNameOf::Absent)));
            }
        }
        let paged = every_page(&app, Arc::new(caller)).await;
        let mut in_order = in_sql;
        in_order.sort_by_key(|row| (row.since, row.id));
        assert_eq!(paged, in_order.iter().map(|row| id::global(row.id).0).collect::<Vec<_>>());
        seen_at_all += in_memory.len();
    }
    assert!(seen_at_all > 1_000, "{seen_at_all} in all prove little");
}

/// The ids of a whole queue, page by page.
async fn every_page(app: &TestApp, caller: Arc<Caller>) -> Vec<String> {
    let schema = app.app.schemas.of(caller.permissions);
    let op = op(app, Some(caller));
    let (mut ids, mut after) = (Vec::new(), Value::Null);
    loop {
        let query = "query($after: String) { workQueue(first: 17, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }";
        let request = Request::new(query).variables(Variables::from_json(json!({ "after": after })));
        let answer = schema.execute(graphql::request(request, &op)).await;
        assert!(answer.errors.is_empty(), "{:?}", answer.errors);
        let page = answer.data.into_json().expect("JSON")["workQueue"].take();
        ids.extend(page["nodes"].as_array().expect("nodes").iter().map(|node| text(&node["id"])));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return ids;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn everybody_sees_what_waits_for_them(backend: Backend) {
    let app = TestApp::start(backend).await;
    for kind in WorkKind::ALL {
        arrives(&app, item(*kind)).await;
        arrives(&app, item_in_nice(*kind)).await;
    }
    let delegation = ["PROOF_APPROVAL", "RELEASE", "RESULTS", "MISSING_DOCUMENTS", "HANDOVER_RECEIPT"];
    let sorted = |kinds: &[&str]| {
        let mut kinds: Vec<String> = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        kinds.sort();
        kinds
    };
    let twice = |kinds: &[&str]| sorted(&[kinds, kinds].concat());
    let owner = [&delegation[..], &["NAMED_CHECK", "DOCUMENTS_REFUSED", "WAKE_UP"]].concat();
    let manager = ["RR_VALIDATION", "GO_DECISION", "DISCOUNT_RR", "ANSWER_APPROVAL"];
    let committee = ["COMMITTEE_REQUEST", "COMMITTEE_PLANNING", "COMMITTEE_MINUTES", "RESTRICTED_DECISION"];
    let office = ["GOODWILL_DECISION", "GOODWILL_PAYMENT", "CHECKER_TO_NAME", "SECOND_CHECK"];
    let expected = [
        ("delegate", sorted(&owner)),
        ("delegate2", vec![]),
        ("delegate3", sorted(&owner)),
        ("assistant", sorted(&[&delegation[..], &["FIRST_CHECK"]].concat())),
        ("rr", sorted(&manager)),
        ("rr2", sorted(&manager)),
        ("engagement", twice(&[&committee[..], &["ANSWER_APPROVAL_ENGAGEMENT"]].concat())),
        ("pdv", twice(&["PDV_VALIDATION", "PROOF", "PROCESSING"])),
        ("sales-admin", twice(&[&committee[..], &office[..]].concat())),
        (
            "director",
            twice(&[
                "GOODWILL_DECISION",
                "GO_DECISION_DIRECTOR",
                "EXTENDED_DECISION",
                "DISCOUNT_DIRECTOR",
                "ANSWER_APPROVAL_DIRECTOR",
            ]),
        ),
    ];
    for (name, expected) in expected {
        let mut found = kinds(&app, name).await;
        found.sort();
        assert_eq!(found, expected, "{name}");
    }
    let reply = app.person("platform-admin").ask("{ workQueue { nodes { id } } }", json!({})).await;
    assert!(
        reply.body["errors"][0]["message"].as_str().is_some_and(|m| m.contains("Unknown field")),
        "{:#}",
        reply.body
    );
}

async fn those_involved_do_not_see_the_decision(backend: Backend) {
    let app = TestApp::start(backend).await;
    let rr = person_id("rr");
    let involved = [
        Item { involved: [rr].into_iter().collect(), ..item(WorkKind::RrValidation) },
        Item { involved: item(WorkKind::RrValidation).involved.with([rr]), ..item(WorkKind::RrValidation) },
    ];
    for item in involved {
        arrives(&app, item).await;
    }
    assert_eq!(kinds(&app, "rr").await, [""; 0]);
    let (_, free) = arrives(&app, item(WorkKind::RrValidation)).await;
    assert_eq!(queue(&app, "rr").await, [told("RR_VALIDATION", &free)]);
}

/// Names a deputy from the first day of March on.
async fn deputise(app: &TestApp, absent: &str, deputy: &str) {
    let row = ::entity::identity::deputy::ActiveModel {
        absent_id: Set(person_id(absent)),
        deputy_id: Set(person_id(deputy)),
        first_day: Set(crate::app::day(2026, 3, 1)),
        last_day: Set(crate::app::day(2026, 3, 31)),
        named_by_id: Set(person_id(absent)),
        ended_at: Set(None),
        created_at: Set(monday()),
        version: Set(1),
        ..Default::default()
    };
    ::entity::identity::deputy::Entity::insert(row).exec(app.app.database.writer()).await.expect("a mandate");
    app.app.directory.forget();
}

async fn a_deputy_sees_the_union_and_for_whom(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, own) = arrives(&app, item(WorkKind::RrValidation)).await;
    let (_, theirs) = arrives(&app, item_in_nice(WorkKind::RrValidation)).await;
    // Whom they stand in for is barred, and so are they.
    arrives(&app, Item { involved: [person_id("rr2")].into_iter().collect(), ..item_in_nice(WorkKind::RrValidation) })
        .await;
    arrives(&app, Item { involved: [person_id("rr")].into_iter().collect(), ..item_in_nice(WorkKind::RrValidation) })
        .await;
    deputise(&app, "rr2", "rr").await;
    let query = "{ workQueue { totalCount nodes { id onBehalfOf { id } } } }";
    let reply = app.rr().ask(query, json!({})).await;
    let expected = json!([
        { "id": own, "onBehalfOf": null },
        { "id": theirs, "onBehalfOf": { "id": network::person("rr2") } },
    ]);
    assert_eq!(reply.data()["workQueue"], json!({ "totalCount": 2, "nodes": expected }));
}

// ---------------------------------------------------------------------------------------------------
// The list

async fn many(app: &TestApp, count: usize) {
    let row = |n: usize| work_item::ActiveModel {
        kind: Set([WorkKind::PdvValidation, WorkKind::Proof, WorkKind::Processing][n % 3]),
        owner_id: Set(person_id("delegate")),
        involved: Set([person_id("delegate")].into_iter().collect()),
        delegation_id: Set(DelegationId(1)),
        region_id: Set(RegionId(1)),
        broker_id: Set(n.is_multiple_of(2).then_some(AccountId(1))),
        year: Set(2026),
        total: Set(Money::euros(i64::try_from(n * 7 % 20).expect("small"))),
        since: Set(monday() + Span::minutes(i64::try_from(n).expect("few"))),
        version: Set(1),
        ..Default::default()
    };
    work_item::Entity::insert_many((0..count).map(row))
        .exec_without_returning(app.app.database.writer())
        .await
        .expect("items");
}

async fn list(app: &TestApp, arguments: &str) -> Value {
    let query = format!(
        "{{ workQueue({arguments}) {{ edges {{ cursor node {{ id kind total since }} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} totalCount counts {{ kind count }} }} }}"
    );
    app.pdv().ask(&query, json!({})).await.data()["workQueue"].clone()
}

fn ids(page: &Value) -> Vec<String> {
    page["edges"].as_array().expect("edges").iter().map(|edge| text(&edge["node"]["id"])).collect()
}

async fn pages_stay_right_while_items_come_and_go(backend: Backend) {
    let app = TestApp::start(backend).await;
    many(&app, 30).await;
    let all = ids(&list(&app, "first: 100").await);
    assert_eq!(all.len(), 30);
    let first = list(&app, "first: 10").await;
    assert_eq!(ids(&first), all[..10]);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    // What stood before the cursor goes, something comes before it: the next page is the same.
    app.execute("DELETE FROM work_item WHERE id IN (SELECT MIN(id) FROM work_item)").await;
    arrives(&app, Item { since: monday() - Span::days(1), ..item(WorkKind::Proof) }).await;
    let end = text(&first["pageInfo"]["endCursor"]);
    let second = list(&app, &format!("first: 10, after: \"{end}\"")).await;
    assert_eq!(ids(&second), all[10..20]);
    let start = text(&second["pageInfo"]["startCursor"]);
    let back = list(&app, &format!("last: 5, before: \"{start}\"")).await;
    assert_eq!(ids(&back), all[5..10]);
    assert_eq!((&back["pageInfo"]["hasNextPage"], &back["pageInfo"]["hasPreviousPage"]), (&json!(true), &json!(true)));
    let last = list(&app, "last: 3").await;
    assert_eq!(ids(&last), all[27..]);
    let backwards: Vec<String> = all[20..].iter().rev().cloned().collect();
    assert_eq!(ids(&list(&app, "first: 10, orderBy: [SINCE_DESC]").await), backwards);
    for bad in [
        "first: 101",
        "first: -1",
        "first: 1, last: 1",
        "after: \"x\"",
        "after: \"W10\"",
        "orderBy: [TOTAL_ASC], after: \"$end\"",
    ] {
        let query = format!("{{ workQueue({}) {{ nodes {{ id }} }} }}", bad.replace("$end", &end));
        let reply = app.pdv().ask(&query, json!({})).await;
        assert_eq!(reply.body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{bad}: {:#}", reply.body);
    }
}

async fn filters_and_orders_do_what_they_say(backend: Backend) {
    let app = TestApp::start(backend).await;
    many(&app, 20).await;
    let page = async |arguments: &str| list(&app, arguments).await;
    let count =
        async |filter: &str| page(&format!("filter: {{ {filter} }}")).await["totalCount"].as_i64().expect("a count");
    assert_eq!(count("kind: { eq: PROOF }").await, 7);
    assert_eq!(count("kind: { in: [PROOF, PROCESSING] }").await, 13);
    assert_eq!(count("kind: { in: [] }").await, 0);
    assert_eq!(count("kind: { eq: RR_VALIDATION }").await, 0, "it waits for somebody else");
    assert_eq!(count(&format!("broker: {{ eq: \"{}\" }}", network::account(1))).await, 10);
    assert_eq!(
        count(&format!("not: {{ broker: {{ eq: \"{}\" }} }}", network::account(1))).await,
        10,
        "those without a broker"
    );
    assert_eq!(count(&format!("owner: {{ eq: \"{}\" }}", network::person("delegate2"))).await, 0);
    assert_eq!(count("year: { eq: 2026 }, total: { gte: \"5.00\", lte: \"9.00\" }").await, 5);
    assert_eq!(count("since: { gte: \"2026-03-16T09:10:00Z\" }").await, 10);
    assert_eq!(
        count("or: [{ kind: { eq: PROOF } }, { kind: { eq: PROCESSING } }], and: [{ year: { eq: 2026 } }]").await,
        13
    );
    assert_eq!(count("not: {}").await, 0);
    assert_eq!(count("or: []").await, 20);
    let sorted = page("first: 100, orderBy: [TOTAL_DESC, SINCE_ASC]").await;
    let totals: Vec<f64> = sorted["edges"]
        .as_array()
        .expect("edges")
        .iter()
        .map(|e| text(&e["node"]["total"]).parse().expect("a number"))
        .collect();
    assert!(totals.is_sorted_by(|one, next| one >= next), "{totals:?}");
    let deep = format!("{}{}", "not: {".repeat(6), "}".repeat(6));
    let reply = app.pdv().ask(&format!("{{ workQueue(filter: {{ {deep} }}) {{ nodes {{ id }} }} }}"), json!({})).await;
    assert_eq!(reply.body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

async fn counts_agree_with_the_list(backend: Backend) {
    let app = TestApp::start(backend).await;
    many(&app, 20).await;
    arrives(&app, item(WorkKind::RrValidation)).await;
    let page = list(&app, "first: 1").await;
    assert_eq!(page["totalCount"], 20);
    let counts = json!([
        { "kind": "PDV_VALIDATION", "count": 7 }, { "kind": "PROOF", "count": 7 }, { "kind": "PROCESSING", "count": 6 }
    ]);
    assert_eq!(page["counts"], counts);
    let page = list(&app, "first: 1, filter: { kind: { eq: PROOF }, total: { lte: \"7.00\" } }").await;
    assert_eq!((&page["totalCount"], &page["counts"]), (&json!(1), &json!([{ "kind": "PROOF", "count": 1 }])));
}

async fn statements_are_bounded_by_depth(backend: Backend) {
    let app = TestApp::start(backend).await;
    let page = "nodes { id kind label since total version year owner { displayName delegation { name } } delegation { name } region { name } \
                broker { name } order { number status lineCount broker { name } } onBehalfOf { displayName } }";
    let measure = async |fields: &str| {
        let reply = app.rr().ask(&format!("{{ workQueue(first: 20) {{ {fields} }} }}"), json!({})).await;
        let rows = reply.data()["workQueue"]["nodes"].as_array().map_or(0, Vec::len);
        (rows, reply.statements.expect("counted"))
    };
    for _ in 0..2 {
        app.delegate().submitted(leaflets(400)).await;
    }
    let (rows, few) = measure(page).await;
    assert_eq!(rows, 2);
    for _ in 0..10 {
        app.delegate().submitted(leaflets(400)).await;
    }
    let (rows, many) = measure(page).await;
    assert_eq!((rows, many), (12, few), "as many statements for twelve as for two");
    let counted = app.rr().ask("{ workQueue { nodes { order { lineCount lines { position } } } } }", json!({})).await;
    for order in counted.data()["workQueue"]["nodes"].as_array().expect("nodes") {
        let lines = order["order"]["lines"].as_array().map(Vec::len);
        assert!(lines.is_some_and(|lines| lines > 0 && order["order"]["lineCount"] == lines), "{order}");
    }
    assert_eq!(measure("nodes { id kind total }").await.1, 1);
    assert_eq!(measure("nodes { id } totalCount counts { kind count } liveCursor").await.1, 4);
}

async fn k23_a_page_reads_as_much_of_100_000_items_as_of_few(backend: Backend) {
    let app = TestApp::start(backend).await;
    let db = app.app.database.writer();
    let kinds: Vec<String> = WorkKind::ALL.iter().map(|kind| format!("'{}'", kind.code())).collect();
    let (series, kind, moment) =
        match db.get_database_backend() {
            DbBackend::Postgres => (
                "SELECT n FROM generate_series(1, 100000) AS s (n)",
                format!("(ARRAY[{}])[1 + n % {}]", kinds.join(","), kinds.len()),
                "TIMESTAMPTZ '2026-01-01' + n * INTERVAL '1 second'",
            ),
            _ => (
                "SELECT value AS n FROM generate_series(1, 100000)",
                kinds.iter().enumerate().fold(format!("CASE n % {} ", kinds.len()), |case, (n, kind)| {
                    format!("{case} WHEN {n} THEN {kind}")
                }) + " END",
                "strftime('%Y-%m-%dT%H:%M:%S', 1767225600 + n, 'unixepoch') || '+00:00'",
            ),
        };
    let series = match db.get_database_backend() {
        DbBackend::Sqlite => {
            "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100000) SELECT n FROM s"
        }
        _ => series,
    };
    app.execute(&format!(
        "INSERT INTO work_item (kind, owner_id, involved, delegation_id, region_id, year, total, since, version) \
         SELECT {kind}, 1 + n % 3, ',1,', 1 + n % 3, 1 + n % 2, 2026, n, {moment}, 1 FROM ({series}) AS numbers"
    ))
    .await;
    app.execute("ANALYZE").await;
    for name in ["rr", "pdv", "delegate", "assistant", "sales-admin"] {
        let sql = work_queue::first_page(&View::of(&*caller(&app, name).await), db.get_database_backend());
        match db.get_database_backend() {
            DbBackend::Postgres => bounded_on_postgres(db, name, &sql).await,
            _ => bounded_on_sqlite(db, name, &sql).await,
        }
        let reply = app.person(name).ask("{ workQueue { nodes { id } } }", json!({})).await;
        assert_eq!(reply.data()["workQueue"]["nodes"].as_array().map(Vec::len), Some(20), "{name}");
    }
}

async fn bounded_on_sqlite(db: &impl ConnectionTrait, name: &str, sql: &str) {
    let plan = Statement::from_string(DbBackend::Sqlite, format!("EXPLAIN QUERY PLAN {sql}"));
    let rows = db.query_all_raw(plan).await.expect("a plan");
    let steps: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").expect("a step")).collect();
    let mut ranges = 0;
    for (place, step) in steps.iter().enumerate() {
        if !step.starts_with("SEARCH work_item") {
            // Else it reads what such a search gives, and nothing more.
            assert!(step != "SCAN work_item" || ranges > 0, "{name}: {steps:#?}\n{sql}");
            continue;
        }
        ranges += 1;
        assert!(
            step.starts_with("SEARCH work_item USING INDEX work_item_") && step.contains("kind=?"),
            "{name}: {steps:#?}\n{sql}"
        );
        let is_sorted = steps.get(place + 1).is_some_and(|next| next.contains("TEMP B-TREE"));
        assert!(!is_sorted, "{name} sorts a whole range: {steps:#?}\n{sql}");
    }
    assert!(ranges > 0, "{name}: {steps:#?}\n{sql}");
}

async fn bounded_on_postgres(db: &impl ConnectionTrait, name: &str, sql: &str) {
    let plan = Statement::from_string(DbBackend::Postgres, format!("EXPLAIN (ANALYZE, FORMAT JSON) {sql}"));
    let row = db.query_one_raw(plan).await.expect("a plan").expect("a plan");
    let plan: Value = row.try_get_by_index(0).expect("JSON");
    let mut nodes = vec![plan[0]["Plan"].clone()];
    let mut read = 0.0;
    while let Some(node) = nodes.pop() {
        if node["Relation Name"] == "work_item" {
            let number = |name: &str| node[name].as_f64().unwrap_or_default();
            read += (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
        }
        nodes.extend(node["Plans"].as_array().cloned().unwrap_or_default());
    }
    assert!(read <= 21.0 * 6.0, "{name} reads {read} rows: {plan:#}\n{sql}");
}

async fn a_node_is_an_item_that_waits_for_the_caller(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, id) = arrives(&app, item(WorkKind::RrValidation)).await;
    let query = "query($id: ID!) { node(id: $id) { id ... on WorkItem { kind } } }";
    let found = app.rr().ask(query, json!({ "id": id })).await;
    assert_eq!(found.data()["node"], json!({ "id": id, "kind": "RR_VALIDATION" }));
    for name in ["rr2", "pdv", "delegate"] {
        assert!(app.person(name).ask(query, json!({ "id": id })).await.data()["node"].is_null(), "{name}");
    }
    let query = "query($id: ID!) { node(id: $id) { id } }";
    assert!(app.person("platform-admin").ask(query, json!({ "id": id })).await.data()["node"].is_null());
}

// ---------------------------------------------------------------------------------------------------
// The feed

async fn an_event_says_what_it_means_for_this_caller(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = listen(&app, "rr", Value::Null).await;
    let mut pdv = listen(&app, "pdv", Value::Null).await;
    let order = draft(&app).await;
    let waiting = [item(WorkKind::RrValidation)];
    let updated = [Item { version: 3, total: Money::euros(700), ..item(WorkKind::RrValidation) }];
    let handed = [Item { version: 4, ..item(WorkKind::PdvValidation) }];
    let moves = shift(&app, order, &[], &waiting).await;
    let id = id::global(moves.0[0].item).0;
    let added = rr.next().await;
    assert_eq!((added.change.as_str(), &added.id), ("ADDED", &id));
    assert_eq!((&added.item["kind"], &added.item["version"]), (&json!("RR_VALIDATION"), &json!(2)));
    assert_eq!(added.item["order"]["status"], "DRAFT");
    shift(&app, order, &waiting, &updated).await;
    let changed = rr.next().await;
    assert_eq!((changed.change.as_str(), &changed.item["total"]), ("UPDATED", &json!("700.00")));
    shift(&app, order, &updated, &handed).await;
    assert_eq!(rr.changes(1).await, [told("REMOVED", &id)]);
    assert_eq!(pdv.changes(1).await, [told("ADDED", &id)]);
    shift(&app, order, &handed, &[]).await;
    assert_eq!(pdv.changes(1).await, [told("REMOVED", &id)]);
}

/// Through the whole workflow, with nothing but mutations.
async fn what_waits_for_others_reaches_nobody_else(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = listen(&app, "rr", Value::Null).await;
    let mut rr2 = listen(&app, "rr2", Value::Null).await;
    let mut pdv = listen(&app, "pdv", Value::Null).await;
    let mut delegate2 = listen(&app, "delegate2", Value::Null).await;
    let order = app.delegate().submitted(sponsorship("600.00")).await;
    app.rr().validate(&order, "APPROVE").await.order();
    let first = rr.next().await;
    assert!(first.change == "ADDED" || first.change == "REMOVED", "{first:?}");
    assert_eq!(rr.changes(1).await, [told("REMOVED", &first.id)]);
    let added = pdv.next().await;
    assert_eq!((added.change.as_str(), &added.item["order"]["id"]), ("ADDED", &json!(order.id)));
    // The first that the others hear of is what is theirs.
    let (_, theirs) = arrives(&app, item_in_nice(WorkKind::RrValidation)).await;
    assert_eq!(rr2.changes(1).await, [told("ADDED", &theirs)]);
    let colleague = person_id("delegate2");
    let (_, theirs) = arrives(&app, Item { owner: colleague, ..item(WorkKind::Results) }).await;
    assert_eq!(delegate2.changes(1).await, [told("ADDED", &theirs)]);
}

async fn who_comes_back_gets_what_they_missed_once_and_in_order(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = listen(&app, "rr", Value::Null).await;
    let (order, first) = arrives(&app, item(WorkKind::RrValidation)).await;
    let added = rr.next().await;
    assert_eq!(added.id, first);
    drop(rr);
    let mut missed = Vec::new();
    shift(&app, order, &[item(WorkKind::RrValidation)], &[item(WorkKind::PdvValidation)]).await;
    missed.push(told("REMOVED", &first));
    for _ in 0..5 {
        arrives(&app, item_in_nice(WorkKind::RrValidation)).await;
        missed.push(told("ADDED", &arrives(&app, item(WorkKind::RrValidation)).await.1));
    }
    let mut back = follow(&app, "rr", json!({ "after": added.cursor })).await;
    assert_eq!(back.changes(missed.len()).await, missed);
    // It goes on live.
    let (_, live) = arrives(&app, item(WorkKind::RrValidation)).await;
    assert_eq!(back.changes(1).await, [told("ADDED", &live)]);
    // From the middle of what was missed on.
    let mut again = follow(&app, "rr", json!({ "after": added.cursor })).await;
    assert_eq!(again.changes(2).await, missed[..2]);
    let middle = again.next().await;
    let mut rest = follow(&app, "rr", json!({ "after": middle.cursor })).await;
    assert_eq!(rest.changes(missed.len() - 3).await, missed[3..]);
    assert_eq!(rest.changes(1).await, [told("ADDED", &live)]);
}

async fn a_snapshot_and_its_live_cursor_leave_no_gap(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, old) = arrives(&app, item(WorkKind::RrValidation)).await;
    // On PostgreSQL the event has its position a moment later.
    live_cursor(&app, &caller(&app, "rr").await).await;
    let reply = app.rr().ask("{ workQueue { nodes { id } liveCursor } }", json!({})).await;
    let snapshot = &reply.data()["workQueue"];
    assert_eq!(snapshot["nodes"], json!([{ "id": old }]));
    let (_, new) = arrives(&app, item(WorkKind::RrValidation)).await;
    let mut rr = follow(&app, "rr", json!({ "after": snapshot["liveCursor"] })).await;
    assert_eq!(rr.changes(1).await, [told("ADDED", &new)]);
}

async fn wrong_cursors_are_bad_input(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, _) = arrives(&app, item(WorkKind::RrValidation)).await;
    let cursor = text(&app.rr().ask("{ workQueue { liveCursor } }", json!({})).await.data()["workQueue"]["liveCursor"]);
    let ahead = "OTk5OTk5LjQyOTQ5NjcyOTUuMA";
    for bad in ["", "x", "é", "MQ", &cursor[1..], ahead, &"A".repeat(1000)] {
        let refused = follow(&app, "rr", json!({ "after": bad })).await.refusal().await;
        assert_eq!(refused, "BAD_USER_INPUT", "{bad:?}");
    }
    // Somebody else's is of other rights.
    assert_eq!(follow(&app, "pdv", json!({ "after": cursor })).await.refusal().await, "BAD_USER_INPUT");
}

async fn a_slow_follower_loses_nothing(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = listen(&app, "rr", Value::Null).await;
    let order = draft(&app).await;
    let state = |version| [Item { version, ..item(WorkKind::RrValidation) }];
    shift(&app, order, &[], &state(0)).await;
    // More than a letterbox holds; nobody reads meanwhile.
    for version in 1..=300 {
        let conn = begin(&app).await;
        shift_in(&app, &conn, order, &state(version - 1), &state(version)).await;
        conn.commit().await.expect("a commit");
    }
    app.app.outbox.wake();
    let mut cursors = Vec::new();
    for version in 0..=300 {
        let heard = rr.next().await;
        assert_eq!(heard.change, if version == 0 { "ADDED" } else { "UPDATED" }, "{version}");
        cursors.push(heard.cursor);
    }
    let once: BTreeSet<&String> = cursors.iter().collect();
    assert_eq!(once.len(), 301, "each once");
    shift(&app, order, &state(300), &[]).await;
    assert_eq!(rr.next().await.change, "REMOVED");
}

async fn an_answer_is_shared_only_with_those_for_whom_it_is_the_same(backend: Backend) {
    let app = TestApp::start(backend).await;
    deputise(&app, "rr", "rr2").await;
    let plain = "subscription($after: String) { workQueueChanged(after: $after) { change itemId cursor item { kind label owner { displayName } } } }";
    let personal = "subscription($after: String) { workQueueChanged(after: $after) { change itemId cursor item { kind label onBehalfOf { id } } } }";
    let mut all = Vec::new();
    for name in ["rr", "rr2", "rr"] {
        for (language, label) in
            [(Language::En, "to be validated (regional manager)"), (Language::Fr, "à valider (RR)")]
        {
            for query in [plain, personal] {
                let caller = caller(&app, name).await;
                let after = live_cursor(&app, &caller).await;
                let following = follow_as(&app, caller, language, query, json!({ "after": after }));
                let absent = (name == "rr2").then(|| json!({ "id": network::person("rr") }));
                let expected = match query == plain {
                    true => {
                        json!({ "kind": "RR_VALIDATION", "label": label, "owner": { "displayName": "Camille delegate" } })
                    }
                    false => json!({ "kind": "RR_VALIDATION", "label": label, "onBehalfOf": absent }),
                };
                all.push((following, expected));
            }
        }
    }
    arrives(&app, item(WorkKind::RrValidation)).await;
    for (following, expected) in &mut all {
        assert_eq!(following.next().await.item, *expected);
    }
}

async fn a_change_of_rights_takes_effect_on_an_open_stream(backend: Backend) {
    let app = TestApp::start(backend).await;
    let (_, north) = arrives(&app, item(WorkKind::RrValidation)).await;
    let (_, south) = arrives(&app, item_in_nice(WorkKind::RrValidation)).await;
    let before = caller(&app, "rr").await;
    let mut rr = listen(&app, "rr", Value::Null).await;
    rr.begin().await;
    // Somebody for whom they stand in.
    deputise(&app, "rr2", "rr").await;
    rr.rights.send_replace(Some(caller(&app, "rr").await));
    let gained = rr.next().await;
    assert_eq!((gained.change.as_str(), &gained.id), ("ADDED", &south));
    let (_, more) = arrives(&app, item_in_nice(WorkKind::RrValidation)).await;
    assert_eq!(rr.changes(1).await, [told("ADDED", &more)]);
    // No longer.
    rr.rights.send_replace(Some(before.clone()));
    assert_eq!(rr.changes(2).await, [told("REMOVED", &south), told("REMOVED", &more)]);
    arrives(&app, item_in_nice(WorkKind::RrValidation)).await;
    let (_, own) = arrives(&app, item(WorkKind::RrValidation)).await;
    assert_eq!(rr.changes(1).await, [told("ADDED", &own)]);
    // Another region altogether.
    rr.rights.send_replace(Some(caller(&app, "rr2").await));
    let mut turned = rr.changes(5).await;
    turned.sort();
    let south_again: Vec<_> = queue(&app, "rr2").await.into_iter().map(|(_, id)| told("ADDED", &id)).collect();
    let mut expected = [south_again, vec![told("REMOVED", &north), told("REMOVED", &own)]].concat();
    expected.sort();
    assert_eq!(turned, expected);
}

async fn a_stream_ends_with_the_session(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut rr = follow(&app, "rr", json!({})).await;
    rr.begin().await;
    assert_eq!(app.app.queues.count(), 1);
    // Without a cursor: from now on.
    let (_, id) = arrives(&app, item(WorkKind::RrValidation)).await;
    assert_eq!(rr.changes(1).await, [told("ADDED", &id)]);
    rr.rights.send_replace(None);
    assert!(rr.response().await.is_none());
    drop(rr);
    assert_eq!(app.app.queues.count(), 0);
    let mut nobody = follow(&app, "platform-admin", json!({})).await;
    let refused = nobody.response().await.expect("an answer");
    assert!(refused.errors[0].message.contains("workQueueChanged") || refused.is_err(), "{refused:?}");
}

async fn followers_of_a_kind_hear_of_that_kind(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut proofs = listen(&app, "pdv", json!({ "kind": { "eq": "PROOF" } })).await;
    let order = draft(&app).await;
    let (validation, proof) = ([item(WorkKind::PdvValidation)], [item(WorkKind::Proof)]);
    shift(&app, order, &[], &validation).await;
    let moves = shift(&app, order, &validation, &proof).await;
    let id = id::global(moves.0[0].item).0;
    assert_eq!(proofs.changes(1).await, [told("ADDED", &id)]);
    shift(&app, order, &proof, &[item(WorkKind::ProofApproval)]).await;
    assert_eq!(proofs.changes(1).await, [told("REMOVED", &id)]);
}

/// Keys are handed out before commits: the first to begin commits last, and nobody misses it.
async fn cursor_order_is_commit_order(backend: Backend) {
    let app = TestApp::start(backend).await;
    let mut live = listen(&app, "rr", Value::Null).await;
    live.begin().await;
    let start = text(&app.rr().ask("{ workQueue { liveCursor } }", json!({})).await.data()["workQueue"]["liveCursor"]);
    let (early, late) = (draft(&app).await, draft(&app).await);
    let (first, second) = (begin(&app).await, begin(&app).await);
    let early = shift_in(&app, &first, early, &[], &[item(WorkKind::RrValidation)]).await;
    let late = shift_in(&app, &second, late, &[], &[item(WorkKind::RrValidation)]).await;
    let name = |moves: &Moves| told("ADDED", &id::global(moves.0[0].item).0);
    assert!(early.0[0].item < late.0[0].item);
    second.commit().await.expect("a commit");
    app.app.outbox.wake();
    let heard = live.next().await;
    assert_eq!((heard.change, heard.id), name(&late), "what is committed is told");
    let mut resumed = follow(&app, "rr", json!({ "after": heard.cursor })).await;
    first.commit().await.expect("a commit");
    app.app.outbox.wake();
    assert_eq!(live.changes(1).await, [name(&early)]);
    assert_eq!(resumed.changes(1).await, [name(&early)], "though its key is the smaller one");
    let mut all = follow(&app, "rr", json!({ "after": start })).await;
    assert_eq!(all.changes(2).await, [name(&late), name(&early)]);
    let (_, last) = arrives(&app, item(WorkKind::RrValidation)).await;
    for following in [&mut live, &mut resumed, &mut all] {
        assert_eq!(following.changes(1).await, [told("ADDED", &last)], "each once");
    }
}
