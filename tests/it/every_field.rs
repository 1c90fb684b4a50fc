//! K-16: what a role may not see stays unseen by any road. The whole schema is walked, once for each shipped role and
//! once for nobody, over HTTP and the socket; whatever a role lacks is answered like what never was, and whatever it
//! has is answered. Nothing here knows a field by name: what is added to the schema is walked too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ::entity::{identity::person, vocabulary::Language};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use sesame::{
    app::App,
    authz::{ANONYMOUS, ANYONE, PermissionSet, View, policy},
    clock::Clock,
    config::{Partial, Settings},
    demo::{self, Size},
    graphql::id,
    http::Serving,
    identity,
    op::Op,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    app::noon,
    harness::{Backend, TestDb, Trial, scratch_dir, trials},
    schema_walk::{Field, INTROSPECTION, Schema, Way, written},
    talk::Talk,
};

pub fn trials() -> Vec<Trial> {
    trials![
        both(seconds = 300) k16_what_a_role_lacks_is_answered_like_what_never_was,
        both(seconds = 300) k16_what_a_role_has_is_answered,
        both(seconds = 300) k16_lists_ids_counts_and_filters_tell_the_same,
        both k16_files_of_others_are_not_there,
    ]
}

/// Names that never were, made from names that are.
const NEVER: &str = "Zz";
/// Pairs to one request: each may make an error, and an answer has fifty.
const PAIRS: usize = 10;
/// Calls to one request.
const CALLS: usize = 20;

/// A demonstration that is served, with a token for somebody of each role.
struct Served {
    app: Arc<App>,
    url: String,
    http: reqwest::Client,
    /// Role and token; nobody has none.
    roles: Vec<(&'static str, Option<String>)>,
    view: View,
    whole: Schema,
    _serving: Serving,
    _data: TempDir,
    _db: TestDb,
}

impl Served {
    async fn start(backend: Backend) -> Self {
        let db = TestDb::from_template(backend, "every field", async |url| {
            let data = scratch_dir();
            let app = App::open(settings(url, data.path()), clock()).await.expect("an app");
            demo::load(&app, Size::Test, |_, _| {}).await.expect("a demonstration");
        })
        .await;
        let data = scratch_dir();
        let app = App::open(settings(&db.url, data.path()), clock()).await.expect("an app");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let serving = Serving::start(app.clone(), listener).expect("a server");
        let view = View::compile(policy::MODEL, &policy::shipped().expect("lines")).await.expect("a policy");
        let roles = signed_in(&app).await;
        let whole = whole(&app).await;
        let url = format!("http://{}/graphql", serving.address);
        let http = reqwest::Client::new();
        Self { app, url, http, roles, view, whole, _serving: serving, _data: data, _db: db }
    }

    async fn ask(&self, token: Option<&String>, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.http.post(&self.url).header("accept-language", "en").json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Status and text of what stands at an address.
    async fn get(&self, token: Option<&String>, path: &str) -> (u16, String) {
        let mut request = self.http.get(format!("{}{path}", self.url.trim_end_matches("/graphql")));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a text"))
    }

    /// The schema as somebody is told it.
    async fn schema(&self, token: Option<&String>) -> Schema {
        let told = self.ask(token, INTROSPECTION, json!({})).await;
        assert_eq!(told["errors"], json!(null));
        Schema::read(&told["data"])
    }

    fn held(&self, role: &str) -> PermissionSet {
        let beside = if role == ANONYMOUS { ANONYMOUS } else { ANYONE };
        self.view.rights([role, beside]).permissions()
    }

    /// Whether the policy gives a role a field at a root.
    fn opens(&self, role: &str, field: &str) -> bool {
        self.app.schemas.needs().of(field).intersects(self.held(role))
    }

    /// Asks for what is not there in pairs, each with its twin that never was, and compares the answers.
    async fn compare(
        &self,
        role: &str,
        token: Option<&String>,
        pairs: Vec<(String, String)>,
        around: &Way,
        kind: &str,
    ) {
        for some in pairs.chunks(PAIRS) {
            let aliased = |alias: &str, place: usize, text: &str| match text.starts_with("...") {
                true => text.to_owned(),
                false => format!("{alias}{place}: {text}"),
            };
            let both = |(place, (real, twin)): (usize, &(String, String))| {
                [aliased("real", place, real), aliased("twin", place, twin)]
            };
            let lines: Vec<String> = some.iter().enumerate().flat_map(both).collect();
            let query = format!("{kind} {{ {}\n}}", around.around(&format!("\n{}\n", lines.join("\n"))));
            let answer = self.ask(token, &query, json!({})).await;
            let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("{role}: {query}\n{answer:#}"));
            assert!(answer["data"].is_null(), "{role}: {query}");
            for (place, (real, twin)) in some.iter().enumerate() {
                let of = |line: usize| on_line(errors, line);
                // Lines count from 1, and the first pair is on the second.
                let (told, never) = (of(2 * place + 2), of(2 * place + 3));
                assert!(!told.is_empty(), "{role} is answered: {real} {}", around.opening);
                assert_eq!(told, never, "{role}: {real} is not answered like {twin}");
            }
        }
    }
}

/// What is said of a line, without the names that differ.
fn on_line(errors: &[Value], line: usize) -> Vec<Value> {
    let here = errors.iter().filter(|error| error["locations"][0]["line"] == json!(line));
    here.map(|error| {
        let message = error["message"].as_str().expect("a message").replace(NEVER, "");
        json!({ "message": message, "extensions": error["extensions"], "path": error["path"] })
    })
    .collect()
}

fn clock() -> Clock {
    Clock::standing(noon(2026, 11, 10))
}

fn settings(url: &str, data: &std::path::Path) -> Settings {
    let flags = Partial { data: Some(data.to_owned()), database_url: Some(url.to_owned()), ..Partial::default() };
    let mut settings = Settings::resolve(&flags, &Partial::default(), &Partial::default());
    // Walking a whole schema is more than anybody asks for in a minute.
    (settings.limits.person_points, settings.limits.address_points) = (0, 0);
    settings
}

async fn signed_in(app: &Arc<App>) -> Vec<(&'static str, Option<String>)> {
    let nobody = Op::new(app.clone(), None, Language::En, "test".into());
    let mut roles: Vec<(&'static str, Option<String>)> = vec![(ANONYMOUS, None)];
    for account in demo::ACCOUNTS {
        if roles.iter().any(|(role, _)| *role == account.role) {
            continue;
        }
        let found = person::Entity::find().filter(person::Column::Email.eq(account.email));
        let somebody = found.one(app.database.reader()).await.expect("an answer").expect("somebody");
        let session = identity::open_session(&nobody, somebody.id).await.expect("a session");
        roles.push((account.role, Some(session.access.token)));
    }
    roles
}

/// The schema of somebody who may do everything.
async fn whole(app: &Arc<App>) -> Schema {
    let op = Arc::new(Op::new(app.clone(), None, Language::En, "test".into()));
    let schema = app.schemas.of(PermissionSet::all());
    let request = sesame::graphql::request(async_graphql::Request::new(INTROSPECTION), &op);
    let answer = schema.execute(request).await;
    assert!(answer.errors.is_empty(), "{:?}", answer.errors);
    Schema::read(&answer.data.into_json().expect("JSON"))
}

const KINDS: [&str; 3] = ["query", "mutation", "subscription"];

async fn k16_what_a_role_lacks_is_answered_like_what_never_was(backend: Backend) {
    let served = Served::start(backend).await;
    let mut compared = 0;
    for (role, token) in &served.roles {
        if *role == ANONYMOUS {
            nobody_is_told_anything(&served).await;
            continue;
        }
        let (token, seen) = (token.as_ref(), served.schema(token.as_ref()).await);
        compared += roots(&served, role, token, &seen).await;
        compared += inside(&served, role, token, &seen).await;
        compared += types(&served, role, token, &seen).await;
        compared += inputs(&served, role, token, &seen).await;
        compared += by_socket(&served, role, token.expect("a token"), &seen).await;
    }
    assert!(compared > 1_500, "only {compared} pairs were compared");
}

/// Without a token whatever needs one is answered alike, be it there or not.
async fn nobody_is_told_anything(served: &Served) {
    for (root, kind) in KINDS.iter().enumerate().take(2) {
        for field in served.whole.root(root) {
            if served.opens(ANONYMOUS, &field.name) {
                continue;
            }
            let text = served.whole.least(field);
            let real = served.ask(None, &format!("{kind} {{ {text} }}"), json!({})).await;
            let twin = text.replacen(&field.name, &format!("{}{NEVER}", field.name), 1);
            let never = served.ask(None, &format!("{kind} {{ {twin} }}"), json!({})).await;
            assert_eq!(real["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{kind} {text}");
            assert_eq!(real, never, "{kind} {text}");
        }
    }
}

/// Fields at the roots of queries and mutations; the policy says which.
async fn roots(served: &Served, role: &str, token: Option<&String>, seen: &Schema) -> usize {
    let mut compared = 0;
    for (root, kind) in KINDS.iter().enumerate().take(2) {
        let told: BTreeSet<&str> = seen.root(root).iter().map(|field| field.name.as_str()).collect();
        let mut pairs = Vec::new();
        for field in served.whole.root(root) {
            let opens = served.opens(role, &field.name);
            assert_eq!(told.contains(field.name.as_str()), opens, "{role} is told of {}", field.name);
            if !opens {
                pairs.push(twins(&field.name, &served.whole.least(field)));
            }
        }
        compared += pairs.len();
        served.compare(role, token, pairs, &Way::default(), kind).await;
    }
    compared
}

/// A text and its twin, in which a name is one that never was.
fn twins(name: &str, text: &str) -> (String, String) {
    let twin = format!("{name}{NEVER}{}", text.strip_prefix(name).expect("a name in front"));
    (text.to_owned(), twin)
}

/// Fields of every type that the role can reach.
async fn inside(served: &Served, role: &str, token: Option<&String>, seen: &Schema) -> usize {
    let mut compared = 0;
    for (root, kind) in KINDS.iter().enumerate().take(2) {
        for (of, way) in seen.ways(root) {
            let has = |field: &&Field| seen.types[&of].field(&field.name).is_none();
            let is_root = seen.roots.iter().flatten().any(|name| *name == of);
            let lacking: Vec<&Field> = served.whole.fields(&of).iter().filter(has).collect();
            if is_root || lacking.is_empty() {
                continue;
            }
            let pairs: Vec<_> = lacking.iter().map(|field| twins(&field.name, &served.whole.least(field))).collect();
            compared += pairs.len();
            served.compare(role, token, pairs, &way, kind).await;
        }
    }
    compared
}

/// Types that the role has none of: as fragments, as variables, and by their names.
async fn types(served: &Served, role: &str, token: Option<&String>, seen: &Schema) -> usize {
    let foreign = served.whole.types.values().filter(|ty| !seen.types.contains_key(&ty.name));
    let (mut fragments, mut names) = (Vec::new(), Vec::new());
    for ty in foreign {
        names.push(ty.name.clone());
        if matches!(ty.kind.as_str(), "OBJECT" | "INTERFACE" | "UNION") {
            let text = |name: &str| format!("... on {name} {{ __typename }}");
            fragments.push((text(&ty.name), text(&format!("{}{NEVER}", ty.name))));
        } else {
            let (real, twin) = (by_variable(&ty.name), by_variable(&format!("{}{NEVER}", ty.name)));
            let (real, twin) = (served.ask(token, &real, json!({})).await, served.ask(token, &twin, json!({})).await);
            assert!(!real["errors"].is_null(), "{role} has a variable of {}", ty.name);
            assert_eq!(real.to_string(), twin.to_string().replace(NEVER, ""), "{role}: {}", ty.name);
        }
    }
    served.compare(role, token, fragments, &Way::default(), "query").await;
    for some in names.chunks(CALLS) {
        let asked =
            some.iter().enumerate().map(|(place, name)| format!("n{place}: __type(name: \"{name}\") {{ name }}"));
        let answer = served.ask(token, &format!("{{ {} }}", asked.collect::<Vec<_>>().join(" ")), json!({})).await;
        let told: Vec<&Value> = answer["data"].as_object().expect("data").values().filter(|of| !of.is_null()).collect();
        assert!(told.is_empty(), "{role} is told of {told:?}");
    }
    names.len()
}

fn by_variable(name: &str) -> String {
    format!("query ($v: {name}) {{ viewer {{ __typename @skip(if: $v) }} }}")
}

/// Fields of inputs and values of enums that the role lacks, wherever an argument of a root's field leads to them.
async fn inputs(served: &Served, role: &str, token: Option<&String>, seen: &Schema) -> usize {
    let mut compared = 0;
    for (root, kind) in KINDS.iter().enumerate().take(2) {
        for field in seen.root(root) {
            let mut pairs = Vec::new();
            let whole = served.whole.root(root).iter().find(|of| of.name == field.name).expect("the same field");
            for argument in &whole.arguments {
                if field.arguments.iter().all(|known| known.name != argument.name) {
                    let value = written(&served.whole.value(&argument.of));
                    pairs.push((argument.name.clone(), format!("{}: {value}", argument.name)));
                    continue;
                }
                let mut below = Vec::new();
                lacking(&served.whole, seen, &argument.of.name, &mut BTreeSet::new(), &mut below);
                pairs.extend(below.into_iter().map(|(name, text)| (name, format!("{}: {text}", argument.name))));
            }
            let selected = if field.of.has_fields() { " { __typename }" } else { "" };
            let call = |given: &str| format!("{}({given}){selected}", field.name);
            let twin = |name: &str, given: &str| {
                let place = given.rfind(name).expect("the name");
                format!("{}{name}{NEVER}{}", &given[..place], &given[place + name.len()..])
            };
            let pairs: Vec<_> = pairs.iter().map(|(name, given)| (call(given), call(&twin(name, given)))).collect();
            compared += pairs.len();
            served.compare(role, token, pairs, &Way::default(), kind).await;
        }
    }
    compared
}

/// What a role lacks below an input type: its name, and a value that leads to it.
fn lacking(whole: &Schema, seen: &Schema, of: &str, been: &mut BTreeSet<String>, found: &mut Vec<(String, String)>) {
    let (Some(all), Some(theirs)) = (whole.types.get(of), seen.types.get(of)) else { return };
    if !been.insert(of.to_owned()) {
        return;
    }
    found.extend(all.values.iter().filter(|value| !theirs.values.contains(value)).map(|v| (v.clone(), v.clone())));
    for field in &all.inputs {
        if theirs.inputs.iter().all(|known| known.name != field.name) {
            found.push((field.name.clone(), format!("{{ {}: null }}", field.name)));
            continue;
        }
        let mut below = Vec::new();
        lacking(whole, seen, &field.of.name, been, &mut below);
        found.extend(below.into_iter().map(|(name, text)| (name, format!("{{ {}: {text} }}", field.name))));
    }
}

/// Subscriptions, over the socket: those that the role has begin or name their input, the others never were.
async fn by_socket(served: &Served, role: &str, token: &str, seen: &Schema) -> usize {
    let address = served.url.trim_start_matches("http://").trim_end_matches("/graphql").to_owned();
    let mut talk = Talk::begin(&address, token).await;
    let mut compared = 0;
    for field in served.whole.root(2) {
        let opens = served.opens(role, &field.name);
        assert_eq!(seen.root(2).iter().any(|known| known.name == field.name), opens, "{role}: {}", field.name);
        let text = served.whole.least(field);
        if opens {
            talk.subscribe("has", &format!("subscription {{ {text} }}")).await;
            talk.say(json!({ "type": "complete", "id": "has" })).await;
            talk.say(json!({ "type": "ping" })).await;
            loop {
                let heard = talk.hear().await;
                assert!(!heard.to_string().contains("Unknown"), "{role}: {text}: {heard}");
                if heard["type"] == "pong" {
                    break;
                }
            }
            continue;
        }
        compared += 1;
        let (real, twin) = twins(&field.name, &text);
        talk.subscribe("real", &format!("subscription {{ {real} }}")).await;
        let told = talk.hear_of("error", "real").await;
        talk.subscribe("never", &format!("subscription {{ {twin} }}")).await;
        let never = talk.hear_of("error", "never").await;
        assert_eq!(told.to_string(), never.to_string().replace(NEVER, ""), "{role}: {text}");
    }
    compared
}

async fn k16_what_a_role_has_is_answered(backend: Backend) {
    let served = Served::start(backend).await;
    let moved = async || {
        let counted =
            "SELECT (SELECT COUNT(*) FROM event) + (SELECT COUNT(*) FROM orders) + (SELECT COUNT(*) FROM person)";
        let statement = sea_orm::Statement::from_string(served.app.database.backend(), counted);
        let row = sea_orm::ConnectionTrait::query_one_raw(served.app.database.reader(), statement).await;
        row.expect("an answer").expect("a row").try_get_by_index::<i64>(0).expect("a number")
    };
    let before = moved().await;
    let mut answered = 0;
    for (role, token) in &served.roles {
        let (token, seen) = (token.as_ref(), served.schema(token.as_ref()).await);
        if *role == ANONYMOUS {
            let known: Vec<&str> = seen.root(1).iter().map(|field| field.name.as_str()).collect();
            assert!(known.iter().all(|field| served.opens(role, field)), "{known:?}");
            continue;
        }
        for (of, way) in seen.ways(0) {
            let fields = seen.fields(&of).iter().map(|field| seen.least(field)).enumerate();
            let fields: Vec<String> = fields.map(|(place, text)| format!("f{place}: {text}")).collect();
            for some in fields.chunks(CALLS) {
                let query = format!("{{ {} }}", way.around(&some.join("\n")));
                is_answered(role, &query, &served.ask(token, &query, json!({})).await);
                answered += some.len();
            }
        }
        for field in seen.root(1) {
            let query = tried(&seen, field);
            is_answered(role, &query, &served.ask(token, &query, json!({})).await);
            answered += 1;
        }
    }
    assert!(answered > 3_000, "only {answered} fields were asked for");
    assert_eq!(moved().await, before, "something moved");
}

/// A mutation that writes nothing: a dry run, or one whose input has something that never was.
fn tried(seen: &Schema, field: &Field) -> String {
    let input = field.arguments.iter().find(|argument| argument.name == "input").expect("an input");
    let may_be_tried = seen.types[&input.of.name].inputs.iter().any(|field| field.name == "dryRun");
    let call = if may_be_tried { seen.call(field) } else { format!("{}(input: {{ never{NEVER}: 1 }})", field.name) };
    let selected = seen.selection(&field.of.name, 1).0;
    format!("mutation {{ {call} {{ {selected} }} }}")
}

/// Answered, or told what is wrong with what was given: never that it is not there, nor that something broke.
fn is_answered(role: &str, query: &str, answer: &Value) {
    for error in answer["errors"].as_array().into_iter().flatten() {
        let (code, message) = (error["extensions"]["code"].as_str(), error["message"].as_str().unwrap_or_default());
        let is_known = matches!(code, Some("BAD_USER_INPUT" | "NOT_FOUND"));
        let is_named = !message.starts_with("Unknown") || message.contains(&format!("never{NEVER}"));
        assert!(is_known && is_named, "{role}: {query}\n{error:#}");
    }
}

/// What a role lists is what it finds by id, one by one and together; what others list beside that is for it what
/// never was; and no filter tells more than the list.
async fn k16_lists_ids_counts_and_filters_tell_the_same(backend: Backend) {
    let served = Served::start(backend).await;
    let mut listed: BTreeMap<&str, BTreeMap<String, Listed>> = BTreeMap::new();
    let mut everything: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (role, token) in served.roles.iter().filter(|(_, token)| token.is_some()) {
        let seen = served.schema(token.as_ref()).await;
        let theirs = listed.entry(*role).or_default();
        for list in seen.root(0).iter().filter(|list| is_of_nodes(&seen, list)) {
            let of = list.of.name.trim_end_matches("Connection").to_owned();
            let found = pages(&served, token.as_ref(), &seen, list).await;
            everything.entry(of.clone()).or_default().extend(found.ids.iter().cloned());
            let all = theirs.entry(of).or_insert(Listed { ids: BTreeSet::new(), is_whole: true });
            all.ids.extend(found.ids);
            all.is_whole &= found.is_whole;
        }
    }
    assert!(everything.len() >= 8, "{:?}", everything.keys());
    for (role, token) in served.roles.iter().filter(|(_, token)| token.is_some()) {
        for (of, ids) in &everything {
            // Everybody signed in sees people.
            let theirs = listed[role].get(of);
            let is_open = of == "Person" || theirs.is_some_and(|theirs| !theirs.is_whole);
            let none = BTreeSet::new();
            let expected = theirs.map_or(&none, |theirs| &theirs.ids);
            for id in found(&served, token.as_ref(), ids).await.iter().filter(|_| !is_open) {
                assert!(expected.contains(id), "{role} finds a {of} by its id that it does not list: {id}");
            }
            let own = found(&served, token.as_ref(), expected).await;
            assert_eq!(own, *expected, "{role} lists each {of} that it finds by its id");
            if !is_open {
                single(&served, role, token.as_ref(), of, ids.difference(expected)).await;
            }
        }
    }
}

/// A file of an order that one may not read is, for whoever asks, one that never was.
async fn k16_files_of_others_are_not_there(backend: Backend) {
    let served = Served::start(backend).await;
    let mut files: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let query = "{ orders(first: 100) { nodes { attachments { url } } } }";
    for (role, token) in served.roles.iter().filter(|(role, _)| served.opens(role, "orders")) {
        let answer = served.ask(token.as_ref(), query, json!({})).await;
        let orders = answer["data"]["orders"]["nodes"].as_array().expect("orders");
        let all = orders.iter().flat_map(|order| order["attachments"].as_array().expect("attachments"));
        files.insert(*role, all.map(|file| file["url"].as_str().expect("a url").to_owned()).collect());
    }
    let all: BTreeSet<&String> = files.values().flatten().collect();
    let never = format!("/files/attachments/{}", id::named("Attachment", 999_999_999).0);
    let mut compared = 0;
    for (role, token) in &served.roles {
        let theirs = files.get(role).cloned().unwrap_or_default();
        let twin = served.get(token.as_ref(), &never).await;
        assert!(twin.0 == 404 || token.is_none(), "{role}: {twin:?}");
        for foreign in all.iter().filter(|url| !theirs.contains(**url)).take(10) {
            assert_eq!(served.get(token.as_ref(), foreign).await, twin, "{role}: {foreign}");
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

/// What a list told of its rows.
struct Listed {
    ids: BTreeSet<String>,
    /// Whether there were no more.
    is_whole: bool,
}

/// Whether a field lists objects that have ids.
fn is_of_nodes(seen: &Schema, list: &Field) -> bool {
    let Some(of) = list.of.name.strip_suffix("Connection") else { return false };
    let nodes = seen.types.get("Node").map(|node| node.possible.as_slice()).unwrap_or_default();
    list.required().is_empty() && nodes.iter().any(|name| name == of)
}

/// The ids that a list tells, some pages of it; that it counts them right, and that filters do not add to it.
async fn pages(served: &Served, token: Option<&String>, seen: &Schema, list: &Field) -> Listed {
    const PAGES: usize = 4;
    let (mut ids, mut after, mut total) = (BTreeSet::new(), json!(null), 0);
    let name = &list.name;
    for _ in 0..PAGES {
        let query = format!(
            "query ($after: String) {{ {name}(first: 100, after: $after) {{
               totalCount nodes {{ id }} pageInfo {{ hasNextPage endCursor }} }} }}"
        );
        let answer = served.ask(token, &query, json!({ "after": after })).await;
        let page = &answer["data"][name];
        let nodes = page["nodes"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        ids.extend(nodes.iter().map(|node| node["id"].as_str().expect("an id").to_owned()));
        total = page["totalCount"].as_u64().expect("a count");
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            after = json!(null);
            break;
        }
    }
    let is_whole = after.is_null();
    if is_whole {
        assert_eq!(ids.len() as u64, total, "{name} counts what it lists");
    }
    let filter = list.arguments.iter().find(|argument| argument.name == "filter");
    let combines = |of: &str| {
        let inputs = seen.types.get(of).map(|ty| ty.inputs.as_slice()).unwrap_or_default();
        ["or", "not"].iter().all(|name| inputs.iter().any(|input| input.name == *name))
    };
    if filter.is_some_and(|filter| combines(&filter.of.name)) {
        for everything in ["{ or: [{}, {}] }", "{ not: { not: {} } }", "{ or: [{ not: {} }, {}] }"] {
            let query = format!("{{ {name}(filter: {everything}) {{ totalCount }} }}");
            let answer = served.ask(token, &query, json!({})).await;
            assert_eq!(answer["data"][name]["totalCount"], json!(total), "{query}: {answer:#}");
        }
    }
    Listed { ids, is_whole }
}

/// Which of some ids somebody finds an object by.
async fn found(served: &Served, token: Option<&String>, ids: &BTreeSet<String>) -> BTreeSet<String> {
    let ids: Vec<&String> = ids.iter().collect();
    let mut found = BTreeSet::new();
    for some in ids.chunks(100) {
        let answer =
            served.ask(token, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": some })).await;
        let nodes = answer["data"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        found.extend(nodes.iter().filter_map(|node| node["id"].as_str()).map(str::to_owned));
    }
    found
}

/// Whatever looks one object up by its id says the same of another's as of one that never was.
async fn single<'i>(
    served: &Served,
    role: &str,
    token: Option<&String>,
    of: &str,
    foreign: impl Iterator<Item = &'i String>,
) {
    let seen = served.schema(token).await;
    let by_id = |field: &&Field| field.of.name == of && field.required() == ["id"];
    let lookups: Vec<&Field> = seen.root(0).iter().filter(by_id).collect();
    let never = id::named(of, 999_999_999).0;
    for id in foreign.take(5) {
        for field in lookups.iter().map(|field| field.name.as_str()).chain(["node"]) {
            let query = format!("query ($id: ID!) {{ {field}(id: $id) {{ id }} }}");
            let real = served.ask(token, &query, json!({ "id": id })).await;
            let twin = served.ask(token, &query, json!({ "id": never })).await;
            assert_eq!(real, twin, "{role} is told that a {of} is there: {field}");
        }
    }
}
