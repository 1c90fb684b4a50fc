//! Every list of every role, read with all that hangs on its rows: statements follow depth, not rows (K-20).

use std::{collections::HashMap, sync::Arc};

use ::entity::{identity::person, vocabulary::Language};
use async_graphql::Request;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use sesame::{
    app::App,
    authz::Caller,
    clock::Clock,
    config::{Partial, Settings},
    demo::{self, Size},
    graphql, identity,
    op::Op,
};

use crate::{
    app::noon,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    schema_walk::{INTROSPECTION, Schema},
};

pub fn trials() -> Vec<Trial> {
    trials![both(seconds = 300) k20_statements_follow_depth_and_not_rows]
}

async fn ask(app: &Arc<App>, caller: &Arc<Caller>, query: &str) -> (Value, u32) {
    let op = Arc::new(Op::new(app.clone(), Some(caller.clone()), Language::En, "test".into()));
    let schema = app.schemas.of(caller.permissions);
    let answer = schema.execute(graphql::request(Request::new(query), &op)).await;
    assert!(answer.errors.is_empty(), "{query}: {:?}", answer.errors);
    (answer.data.into_json().expect("JSON"), op.meter.statements())
}

async fn k20_statements_follow_depth_and_not_rows(backend: Backend) {
    let (db, data) = (TestDb::empty(backend).await, scratch_dir());
    let flags =
        Partial { data: Some(data.path().to_owned()), database_url: Some(db.url.clone()), ..Partial::default() };
    let settings = Settings::resolve(&flags, &Partial::default(), &Partial::default());
    let app = App::open(settings, Clock::standing(noon(2026, 11, 10))).await.expect("an app");
    demo::load(&app, Size::Test, |_, _| {}).await.expect("a demonstration");
    let nobody = Op::new(app.clone(), None, Language::En, "test".into());
    let mut longest: HashMap<String, usize> = HashMap::new();
    for account in demo::ACCOUNTS {
        let found = person::Entity::find().filter(person::Column::Email.eq(account.email));
        let person = found.one(app.database.reader()).await.expect("an answer").expect("somebody");
        let session = identity::open_session(&nobody, person.id).await.expect("a session");
        let caller = identity::authenticate(&app, &session.access.token).await.expect("a caller");
        let schema = Schema::read(&ask(&app, &caller, INTROSPECTION).await.0);
        for list in schema.root(0).iter().filter(|field| field.of.name.ends_with("Connection")) {
            assert!(list.required().is_empty(), "{} needs {:?}", list.name, list.required());
            let (text, objects) = schema.selection(list.of.name.trim_end_matches("Connection"), 2);
            let page = |first: u32| format!("{{ {}(first: {first}) {{ nodes {{ {text} }} }} }}", list.name);
            let (_, few) = ask(&app, &caller, &page(3)).await;
            let (all, many) = ask(&app, &caller, &page(100)).await;
            let rows = all[&list.name]["nodes"].as_array().expect("nodes").len();
            let known = longest.entry(list.name.clone()).or_default();
            *known = rows.max(*known);
            // What the first rows point to nowhere is one statement more, once.
            let most = few + u32::try_from(objects).expect("few") / 2;
            assert!(
                many <= most,
                "{}: {} of {rows} rows: {few} statements for 3, {many} for all",
                account.email,
                list.name
            );
        }
    }
    assert!(longest.len() >= 8, "{longest:?}");
    for list in ["orders", "accounts", "articles", "contacts"] {
        assert!(longest[list] >= 40, "too few rows to tell: {longest:?}");
    }
}
