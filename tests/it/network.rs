//! A small network for the tests: two regions, three delegations, eleven people, a few brokers and articles.

use ::entity::{
    budgets::{budget_year, envelope, ledger_entry},
    catalog::article,
    crm::{account, broker, site},
    identity::{delegation, person, person_role, region},
    platform::event,
    vocabulary::{
        AccountId, AccountKind, ArticleCategory, ArticleId, BudgetYearStatus, DelegationId, EnvelopeId, EnvelopeKind,
        EventId, Language, LedgerKind, Money, PersonId, RegionId, SiteId, SiteKind,
    },
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseConnection, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use sesame::{app::App, graphql::id::global, identity};

use crate::app::{day, monday};

/// A file that is really a PDF.
pub const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// The tables of the business, in which nothing may move when something is denied.
pub const TABLES: &[&str] = &[
    "person",
    "person_role",
    "deputy",
    "external_identity",
    "api_key",
    "policy_history",
    "policy_line",
    "policy_version",
    "account",
    "broker",
    "site",
    "contact",
    "contact_link",
    "contact_point",
    "article",
    "budget_year",
    "envelope",
    "ledger_entry",
    "goodwill",
    "orders",
    "order_line",
    "order_result",
    "number_series",
    "attachment",
    "opportunity",
    "oppy_document",
    "playbook",
    "deal_state",
    "quota",
    "quota_figure",
    "former_place",
    "work_item",
    "webhook",
    "webhook_delivery",
    "event",
];

/// Name, role, delegation, region.
pub const PEOPLE: &[(&str, &str, Option<i64>, Option<i64>)] = &[
    ("delegate", "DELEGATE", Some(1), Some(1)),
    ("delegate2", "DELEGATE", Some(1), Some(1)),
    ("delegate3", "DELEGATE", Some(3), Some(2)),
    ("assistant", "ASSISTANT", Some(1), Some(1)),
    ("rr", "RR", None, Some(1)),
    ("rr2", "RR", None, Some(2)),
    ("pdv", "PDV", None, None),
    ("sales-admin", "SALES_ADMIN", None, None),
    ("director", "DIRECTOR", None, None),
    ("platform-admin", "PLATFORM_ADMIN", None, None),
    ("engagement", "ENGAGEMENT_MANAGER", None, None),
];

/// The key of somebody.
pub fn person_id(name: &str) -> PersonId {
    let place = PEOPLE.iter().position(|(known, ..)| *known == name);
    PersonId(place.unwrap_or_else(|| panic!("nobody is called {name}")) as i64 + 1)
}

/// The global id of somebody.
pub fn person(name: &str) -> String {
    global(person_id(name)).0
}

/// Brokers: 1 and 4 are the delegate's, 2 delegate2's, 3 delegate3's; 4 is in the challenge programme.
pub fn account(key: i64) -> String {
    global(AccountId(key)).0
}

/// Articles: 1 a leaflet at 1.50, unlimited; 2 a poster at 20.00, 100 left; 3 no longer available.
pub fn article(key: i64) -> String {
    global(ArticleId(key)).0
}

/// Sites: 1 is broker 1's, 2 broker 2's.
pub fn site(key: i64) -> String {
    global(SiteId(key)).0
}

/// A standard order of leaflets at 1.50 for broker 1.
pub fn leaflets(pieces: i64) -> Value {
    json!({ "kind": "STANDARD", "broker": account(1), "subject": "Leaflets",
            "lines": [{ "article": article(1), "quantity": pieces }] })
}

/// A custom order without print for broker 1.
pub fn sponsorship(total: &str) -> Value {
    json!({ "kind": "CUSTOM", "actionType": "SPONSORSHIP", "broker": account(1), "subject": "Tournament", "total": total })
}

/// A refund for broker 1.
pub fn refund(total: &str) -> Value {
    json!({ "kind": "CUSTOM", "actionType": "REFUND", "broker": account(1), "subject": "Stand", "total": total })
}

/// Gift cheques for broker 1, outside health.
pub fn gift_cheques(total: &str) -> Value {
    json!({ "kind": "CUSTOM", "actionType": "GIFT_CHEQUES", "broker": account(1), "subject": "Challenge", "total": total,
            "challenge": { "challengeType": "BROKER_CHALLENGE", "startsOn": "2026-04-01", "endsOn": "2026-05-31",
                           "objective": "Ten contracts", "dedicatedSupport": "Weekly call", "concernsHealth": false } })
}

/// A mailing for broker 1, complete (O-4).
pub fn mailing(total: &str) -> Value {
    json!({ "kind": "CUSTOM", "actionType": "MAILING", "broker": account(1), "subject": "Spring", "total": total,
            "details": {
                "officeDetails": "Cabinet 1, Lille", "legalMentions": "ORIAS 07000001", "nature": "Letter",
                "printing": { "format": "A4", "paper": "90 g", "colours": "Four", "quantity": 500 },
                "routing": { "volume": 500, "postedOn": "2026-04-20", "postageClass": "Slow" },
                "target": { "audience": "Families", "product": "Health", "zone": "Lille" } } })
}

/// The same with something else said.
pub fn but(mut input: Value, more: Value) -> Value {
    input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    input
}

/// Loads the network.
pub async fn load(app: &App) {
    let db = app.database.writer();
    organisation(db).await;
    people(db).await;
    accounts(db).await;
    articles(db).await;
    budgets(db).await;
}

async fn organisation(db: &DatabaseConnection) {
    for (id, code, name) in [(1, "NORD", "Nord"), (2, "SUD", "Sud")] {
        let row = region::Model { id: RegionId(id), code: code.into(), name: name.into() };
        region::Entity::insert(row.into_active_model().reset_all()).exec(db).await.expect("a region");
    }
    for (id, code, name, region) in [(1, "LILLE", "Lille", 1), (2, "AMIENS", "Amiens", 1), (3, "NICE", "Nice", 2)] {
        let row = delegation::Model {
            id: DelegationId(id),
            code: code.into(),
            name: name.into(),
            region_id: RegionId(region),
            street: "1 place du Marché".into(),
            postcode: "59000".into(),
            city: name.into(),
        };
        delegation::Entity::insert(row.into_active_model().reset_all()).exec(db).await.expect("a delegation");
    }
}

async fn people(db: &DatabaseConnection) {
    for (name, role, delegation, region) in PEOPLE {
        let row = person::ActiveModel {
            code: Set(name.to_uppercase()),
            email: Set(format!("{name}@test.example")),
            given_name: Set("Camille".into()),
            family_name: Set((*name).to_owned()),
            language: Set(Language::Fr),
            delegation_id: Set(delegation.map(DelegationId)),
            region_id: Set(region.map(RegionId)),
            password_hash: Set(None),
            active: Set(true),
            created_at: Set(monday()),
            version: Set(1),
            ..Default::default()
        };
        let id = person::Entity::insert(row).exec(db).await.expect("a person").last_insert_id;
        assert_eq!(id, person_id(name));
        let row = person_role::ActiveModel { person_id: Set(id), role_code: Set((*role).to_owned()) };
        person_role::Entity::insert(row).exec_without_returning(db).await.expect("a role");
    }
}

async fn accounts(db: &DatabaseConnection) {
    for (key, owner, delegation, region, enrolled) in [
        (1, "delegate", 1, 1, false),
        (2, "delegate2", 1, 1, false),
        (3, "delegate3", 3, 2, false),
        (4, "delegate", 1, 1, true),
    ] {
        let row = account::ActiveModel {
            code: Set(format!("B{key}")),
            kind: Set(AccountKind::Company),
            name: Set(format!("Cabinet {key}")),
            portfolio_owner_id: Set(Some(person_id(owner))),
            delegation_id: Set(DelegationId(delegation)),
            region_id: Set(RegionId(region)),
            siren: Set(None),
            vat_number: Set(None),
            sector: Set(None),
            given_name: Set(None),
            family_name: Set(None),
            active: Set(true),
            created_at: Set(monday()),
            version: Set(1),
            ..Default::default()
        };
        let id = account::Entity::insert(row).exec(db).await.expect("an account").last_insert_id;
        let row = broker::ActiveModel {
            account_id: Set(id),
            orias: Set(format!("0700000{key}")),
            programme_from: Set(enrolled.then(|| day(2026, 1, 1))),
            programme_to: Set(None),
        };
        broker::Entity::insert(row).exec_without_returning(db).await.expect("a broker");
        let row = site::ActiveModel {
            account_id: Set(id),
            kind: Set(SiteKind::HeadOffice),
            name: Set(format!("Cabinet {key}, siège")),
            siret: Set(None),
            street: Set("12 rue Neuve".into()),
            postcode: Set("59000".into()),
            city: Set("Lille".into()),
            insee_code: Set(None),
            country: Set("FR".into()),
            active: Set(true),
            version: Set(1),
            ..Default::default()
        };
        site::Entity::insert(row).exec(db).await.expect("a site");
    }
}

async fn articles(db: &DatabaseConnection) {
    for (code, price, stock, valid_to) in
        [("LEAFLET", 150, None, None), ("POSTER", 2_000, Some(100), None), ("OLD", 100, None, Some(day(2025, 12, 31)))]
    {
        let row = article::ActiveModel {
            code: Set(code.into()),
            name: Set(code.into()),
            category: Set(ArticleCategory::Leaflet),
            description: Set(String::new()),
            unit_price: Set(Money(price)),
            pack_size: Set(1),
            stock: Set(stock),
            valid_from: Set(day(2025, 1, 1)),
            valid_to: Set(valid_to),
            version: Set(1),
            ..Default::default()
        };
        article::Entity::insert(row).exec(db).await.expect("an article");
    }
}

/// The rules of a year as they are by default.
pub fn year(year: i32, status: BudgetYearStatus) -> budget_year::Model {
    budget_year::Model {
        year,
        status,
        auto_standard_below: Money::euros(500),
        auto_custom_below: Money::euros(200),
        refund_maximum: 3_000,
        gift_cheques_maximum: 3_000,
        custom_minimum: 3_000,
        standard_minimum: 1_000,
        standard_closes_on: day(year, 12, 31),
        custom_closes_on: day(year, 12, 10),
        receipt_due_months: 1,
        version: 1,
    }
}

async fn budgets(db: &DatabaseConnection) {
    for row in [
        year(2025, BudgetYearStatus::Closed),
        year(2026, BudgetYearStatus::Open),
        year(2027, BudgetYearStatus::Planned),
    ] {
        budget_year::Entity::insert(row.into_active_model().reset_all())
            .exec_without_returning(db)
            .await
            .expect("a year");
    }
    allocated(db).await;
    let delegates = [("delegate", 1, 1), ("delegate2", 1, 1), ("delegate3", 3, 2)];
    for (name, delegation, region) in delegates {
        envelope(db, EnvelopeKind::Delegate, 10_000, Some(region), Some(delegation), Some(person_id(name))).await;
    }
    envelope(db, EnvelopeKind::Region, 5_000, Some(1), None, None).await;
    envelope(db, EnvelopeKind::Region, 5_000, Some(2), None, None).await;
    envelope(db, EnvelopeKind::Pool, 50_000, None, None, None).await;
    envelope(db, EnvelopeKind::Management, 2_000, None, None, None).await;
}

/// The decision that shared the year out: before everything that anybody follows.
const ALLOCATED: EventId = EventId(1);

async fn allocated(db: &DatabaseConnection) {
    let decision = event::ActiveModel {
        position: Set(Some(1)),
        at: Set(monday()),
        kind: Set("budget.allocated".into()),
        actor_id: Set(Some(person_id("sales-admin"))),
        on_behalf_of_id: Set(None),
        roles: Set("SALES_ADMIN".into()),
        subject_type: Set("BudgetYear".into()),
        subject_id: Set(2026),
        from_status: Set(None),
        to_status: Set(None),
        reason: Set(None),
        changes: Set(json!({})),
        queue: Set(json!([])),
        envelopes: Set(json!([])),
        policy_version: Set(1),
        request_id: Set("test".into()),
        ..Default::default()
    };
    let id = event::Entity::insert(decision).exec(db).await.expect("an event").last_insert_id;
    assert_eq!(id, ALLOCATED);
}

async fn envelope(
    db: &DatabaseConnection,
    kind: EnvelopeKind,
    euros: i64,
    region: Option<i64>,
    delegation: Option<i64>,
    person: Option<PersonId>,
) {
    let zero = Money::ZERO;
    let row = envelope::Model {
        id: EnvelopeId(0),
        year: 2026,
        kind,
        region_id: region.map(RegionId),
        delegation_id: delegation.map(DelegationId),
        person_id: person,
        allocated: Money::euros(euros),
        committed: zero,
        consumed: zero,
        used_refund: zero,
        used_gift_cheques: zero,
        used_custom: zero,
        used_standard: zero,
        version: 1,
    };
    let mut row = row.into_active_model().reset_all();
    row.id = sea_orm::ActiveValue::NotSet;
    let id = envelope::Entity::insert(row).exec(db).await.expect("an envelope").last_insert_id;
    let entry = ledger_entry::ActiveModel {
        envelope_id: Set(id),
        kind: Set(LedgerKind::Allocation),
        family: Set(None),
        amount: Set(Money::euros(euros)),
        order_id: Set(None),
        goodwill_id: Set(None),
        decision_id: Set(Some(ALLOCATED)),
        author_id: Set(person_id("sales-admin")),
        at: Set(monday()),
        reason: Set(None),
        ..Default::default()
    };
    ledger_entry::Entity::insert(entry).exec(db).await.expect("an entry");
}

/// A token for everybody, without the cost of passwords.
pub async fn sign_in_everybody(app: &std::sync::Arc<App>) -> Vec<(&'static str, String)> {
    let op = sesame::op::Op::new(app.clone(), None, Language::Fr, "test".into());
    let mut tokens = Vec::new();
    for (name, ..) in PEOPLE {
        let opened = identity::open_session(&op, person_id(name)).await.expect("a session");
        tokens.push((*name, opened.access.token));
    }
    tokens
}
