//! One operation, from what a client sent to its answer: the same for every transport.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use ::entity::vocabulary::Language;
use async_graphql::{
    Name, PathSegment, Positioned, Request, Response, ServerError, Value, Variables,
    parser::{
        parse_query,
        types::{
            Directive, DocumentOperations, ExecutableDocument, InlineFragment, OperationDefinition, OperationType,
            Selection, SelectionSet,
        },
    },
};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use sea_orm::DbErr;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use tracing::{Instrument, Span, field};

use super::{
    as_user,
    cost::{check_cost, check_given, check_variables},
    document::Document,
    documents::Documents,
    limits::{Limit, Limits, Refused},
    persisted::{self, Missing},
    price,
};
use crate::{
    app::App,
    authz::Caller,
    both,
    error::Error,
    graphql::{self, Schema},
    live::LiveCaller,
    observe::{Account, Label, Outcome, traces::TRACE},
    op::Op,
};

/// Values in a request beside its variables: its own parts.
const PARTS: usize = 16;
/// How long a commit may take that is under way when the time of its request ends.
const LAST_COMMIT: Duration = Duration::from_secs(10);
/// Most errors in one answer: who makes a thousand mistakes sees enough of them.
const MOST_ERRORS: usize = 50;

/// What a client sends.
#[derive(Debug, Deserialize)]
pub(super) struct Incoming {
    query: Option<String>,
    #[serde(rename = "operationName")]
    name: Option<String>,
    #[serde(default)]
    variables: Variables,
    extensions: Option<BTreeMap<String, serde_json::Value>>,
    /// Names a document that is published.
    #[serde(rename = "documentId")]
    document_id: Option<String>,
    /// Whether the document is published.
    #[serde(skip)]
    is_published: bool,
}

impl Incoming {
    /// What the server itself asks: nobody has to publish it.
    pub(super) fn new(query: &str, variables: Variables) -> Self {
        let query = Some(query.to_owned());
        Self { query, name: None, variables, extensions: None, document_id: None, is_published: true }
    }

    /// The same with a query, a name and an id that came apart from it.
    pub(super) fn of(self, query: Option<String>, name: Option<String>, document_id: Option<String>) -> Self {
        Self { query, name, document_id, ..self }
    }

    /// Whether there is anything to run.
    pub(super) fn has_query(&self) -> bool {
        self.query.is_some() || self.names_document()
    }

    /// Whether it names a document by id.
    pub(super) fn names_document(&self) -> bool {
        self.document_id.is_some() || self.extension("persistedQuery").is_some()
    }

    /// The document that was sent.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The id of a document.
    pub(super) fn document_id(&self) -> Option<&str> {
        self.document_id.as_deref()
    }

    /// One of its extensions.
    pub(super) fn extension(&self, name: &str) -> Option<&serde_json::Value> {
        self.extensions.as_ref()?.get(name).filter(|extension| !extension.is_null())
    }

    /// The same with a document.
    pub(super) fn with(self, document: &str) -> Self {
        Self { query: Some(document.to_owned()), ..self }
    }

    /// The same with a document that is published.
    pub(super) fn published(self, document: &str) -> Self {
        self.with(document).marked_published()
    }

    /// The same, its document being one that is published.
    pub(super) fn marked_published(self) -> Self {
        Self { is_published: true, ..self }
    }

    /// Whether it is an operation that changes something, as far as its text can be read.
    pub(super) fn is_mutation(&self, limits: &Limits) -> bool {
        let text = self.query.as_deref().filter(|text| text.contains("mutation"));
        text.is_some_and(|text| is_mutation(text, self.name.as_deref().filter(|name| !name.is_empty()), limits))
    }

    /// Reads what was sent as JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words; or that it holds too many values, before it is read.
    pub(super) fn from_json(json: &[u8], limits: &Limits) -> Result<Self, Refused> {
        if has_too_many_values(json, limits) {
            return Err(Refused::excess(Limit::Values, limits));
        }
        if json.trim_ascii_start().first() == Some(&b'[') {
            return Err(Refused::malformed(
                vec!["body".into()],
                both!(
                    "Une requête à la fois : les lots ne sont pas acceptés.",
                    "One request at a time: batches are not accepted."
                ),
            ));
        }
        serde_json::from_slice(&super::json::without_half_characters(json)).map_err(|error| unreadable(&error))
    }
}

/// Whether a request in JSON holds more values than its variables may. In memory a value takes thirty times
/// what it takes as text.
pub(super) fn has_too_many_values(json: &[u8], limits: &Limits) -> bool {
    super::json::values(json) > limits.values.saturating_add(PARTS)
}

/// What JSON's reader says of a body or a message.
pub(super) fn unreadable(error: &serde_json::Error) -> Refused {
    Refused::malformed(
        vec!["body".into()],
        both!("Ce n'est pas une requête GraphQL en JSON : {error}.", "This is not a GraphQL request in JSON: {error}."),
    )
}

/// An operation that keeps the limits.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    document: Arc<Document>,
    name: Option<String>,
    variables: Variables,
    /// Query, mutation or subscription.
    pub(super) kind: OperationType,
    /// What it costs, at least one.
    pub(super) cost: usize,
    /// Whether that is told beside the answer.
    pub(super) tells_cost: bool,
    /// Whether its document is published.
    is_published: bool,
    /// What it is called in figures and in the log.
    label: Label,
}

impl Operation {
    /// Lets an operation in, or names the limit that it exceeds.
    ///
    /// # Errors
    /// Where it is malformed, asks for too much, or needs somebody to be signed in.
    pub(super) fn admit(
        app: &App,
        documents: &Documents,
        caller: Option<&Caller>,
        incoming: Incoming,
    ) -> Result<Self, Refused> {
        let limits = &app.settings.limits;
        let tells_cost = incoming.extension("cost") == Some(&true.into());
        let Incoming { query, name, variables, is_published, extensions: _, document_id: _ } = incoming;
        // Some clients send an empty one where there is none.
        let name = name.filter(|name| !name.is_empty());
        let text = query.ok_or_else(|| {
            Refused::malformed(
                vec!["query".into()],
                both!("Il manque «query» : le document GraphQL.", "«query» is missing: the GraphQL document."),
            )
        })?;
        let document = documents.read(&text, limits, caller.is_some() || is_published)?;
        let operation = document.operation(name.as_deref())?;
        let mut variables = variables;
        // What nobody declared nobody reads: it is not even kept.
        let is_declared = |name: &Name| operation.variable_definitions.iter().any(|it| it.node.name.node == *name);
        variables.retain(|name, _| is_declared(name));
        check_variables(&variables, limits)?;
        if caller.is_none() && !is_public(app, &document, operation) {
            return Err(Refused::unauthenticated());
        }
        if !is_published && !persisted::is_free(app, caller) && !document.is_introspection(operation) {
            return Err(Refused::free_form());
        }
        check_given(operation, &variables)?;
        let cost = check_cost(&document.parsed, operation, &variables, limits)?.max(1);
        let (kind, label) = (operation.ty, label(app, &document, operation));
        Ok(Self { document, name, variables, kind, cost, tells_cost, is_published, label })
    }

    const fn kind_name(&self) -> &'static str {
        match self.kind {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        }
    }

    /// What its client calls it.
    fn called(&self) -> Option<&str> {
        // Where the request names none, the document has only one.
        let only =
            || self.document.parsed.operations.iter().next().and_then(|(name, _)| name).map(|name| name.as_str());
        self.name.as_deref().or_else(only)
    }

    fn span(&self, op: &Op) -> Span {
        tracing::debug_span!(
            target: TRACE,
            "operation",
            otel.name = &*op.app.metrics.operations.name(self.label),
            graphql.operation.name = self.called(),
            "graphql.operation.type" = self.kind_name(),
            request_id = op.request_id,
            outcome = field::Empty,
            otel.status_code = field::Empty,
        )
    }

    /// Goes on from where a client says that it was, if it says with a variable where a subscription begins.
    pub(super) fn resume(&mut self, cursor: &str) {
        let Ok(operation) = self.document.operation(self.name.as_deref()) else { return };
        let after = operation.selection_set.node.items.iter().find_map(|selection| match &selection.node {
            Selection::Field(field) => match &field.node.get_argument("after")?.node {
                async_graphql_value::Value::Variable(name) => Some(name.clone()),
                _ => None,
            },
            Selection::InlineFragment(_) | Selection::FragmentSpread(_) => None,
        });
        if let Some(after) = after.filter(|_| self.kind == OperationType::Subscription) {
            self.variables.insert(after, Value::String(cursor.to_owned()));
        }
    }

    /// Its name, where it has one, and the fields at its root.
    pub(super) fn outline(&self) -> (Option<String>, Vec<String>) {
        let Ok(asked) = self.document.operation(self.name.as_deref()) else { return (None, Vec::new()) };
        let mut fields: Vec<String> = self.document.roots(asked).into_iter().map(ToString::to_string).collect();
        fields.sort_unstable();
        fields.dedup();
        let only = || self.document.parsed.operations.iter().find_map(|(name, _)| name.map(ToString::to_string));
        (self.name.clone().or_else(only), fields)
    }

    /// What it costs, by whoever measures.
    pub(super) fn costs<E>(
        &self,
        measure: impl FnOnce(&ExecutableDocument, &OperationDefinition, &Variables) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Refused>,
    {
        let operation = self.document.operation(self.name.as_deref())?;
        measure(&self.document.parsed, operation, &self.variables)
    }

    /// The same with all of it skipped: it is validated as it stands, and nothing of it runs.
    pub(super) fn without_work(&self) -> Self {
        let mut document = Document::clone(&self.document);
        match &mut document.parsed.operations {
            DocumentOperations::Single(operation) => skip(operation),
            DocumentOperations::Multiple(operations) => operations.values_mut().for_each(skip),
        }
        Self { document: Arc::new(document), ..self.clone() }
    }

    fn request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(self.variables.clone());
        request.operation_name.clone_from(&self.name);
        request.set_parsed_query(self.document.parsed.clone());
        request
    }

    /// An answer to it with its fields in the order in which they were asked for.
    fn arranged(&self, mut response: Response) -> Response {
        if let Ok(asked) = self.document.operation(self.name.as_deref()) {
            let fragments = &self.document.parsed.fragments;
            graphql::completion::arrange(fragments, &asked.selection_set.node, &mut response.data);
        }
        response
    }
}

/// What an operation is called: by its root field, where it is one.
fn label(app: &App, document: &Document, operation: &OperationDefinition) -> Label {
    let known = &app.metrics.operations;
    if let [only] = operation.selection_set.node.items.as_slice()
        && let Selection::Field(field) = &only.node
    {
        return known.label([&*field.node.name.node].into_iter());
    }
    known.label(document.roots(operation).into_iter().map(|name| &**name))
}

/// A body, as [`Operation::admit`] looks at it but for what it asks a server: who may ask at all.
pub(super) fn consider(body: &[u8], limits: &Limits) -> Result<(), Refused> {
    let Incoming { query, name, variables, .. } = Incoming::from_json(body, limits)?;
    let document = Document::read(&query.unwrap_or_default(), limits)?;
    let operation = document.operation(name.as_deref().filter(|name| !name.is_empty()))?;
    check_variables(&variables, limits)?;
    check_given(operation, &variables)?;
    let _roots = document.roots(operation);
    check_cost(&document.parsed, operation, &variables, limits).map(drop)
}

/// Puts everything that an operation selects behind `@skip(if: true)`.
fn skip(operation: &mut Positioned<OperationDefinition>) {
    let at = operation.pos;
    let here = |name: &str| Positioned::new(Name::new(name), at);
    let yes = Positioned::new(async_graphql_value::Value::Boolean(true), at);
    let directive = Directive { name: here("skip"), arguments: vec![(here("if"), yes)] };
    let set = &mut operation.node.selection_set;
    let all = std::mem::replace(set, Positioned::new(SelectionSet::default(), at));
    let directives = vec![Positioned::new(directive, at)];
    let inline = InlineFragment { type_condition: None, directives, selection_set: all };
    set.node.items.push(Positioned::new(Selection::InlineFragment(Positioned::new(inline, at)), at));
}

/// Without a token only what nobody needs one for exists, and the schema's word on that.
fn is_public(app: &App, document: &Document, operation: &OperationDefinition) -> bool {
    let held = app.permissions_of(None);
    let needs = app.schemas.needs();
    document.roots(operation).into_iter().all(|name| name.starts_with("__") || held.intersects(needs.of(name)))
}

/// What is answered to an operation.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    /// Whether it was run; otherwise nothing of it was, and the answer has no `data`.
    pub(super) ran: bool,
    /// Whether a resolver panicked.
    pub(super) is_broken: bool,
    /// Whether something was written: a change, or that one was refused.
    pub(super) wrote: bool,
}

impl Answer {
    /// An operation that is not run.
    pub(super) fn refused(error: ServerError) -> Self {
        Self { response: Response::from_errors(vec![error]), ran: false, is_broken: false, wrote: false }
    }

    /// An operation that was run, and of which nothing but an error is known.
    fn cut(error: ServerError) -> Self {
        Self { ran: true, ..Self::refused(error) }
    }

    /// An operation during which a resolver panicked.
    fn broken(op: &Op) -> Self {
        Self { is_broken: true, ..Self::cut(plain(Error::defect("a resolver panicked"), op.language, &op.request_id)) }
    }

    /// Whether it says that somebody has to sign in.
    pub(super) fn is_unauthenticated(&self) -> bool {
        let code = |error: &ServerError| error.extensions.as_ref().and_then(|e| e.get("code").cloned());
        !self.ran && self.response.errors.iter().any(|error| code(error) == Some(Error::Unauthenticated.code().into()))
    }

    /// The only field of its data, where its value is finished JSON ([`crate::live::Shared`]) and nothing is beside
    /// it.
    pub(super) fn finished(&self) -> Option<(&str, &str)> {
        let Response { data: Value::Object(data), errors, extensions, .. } = &self.response else { return None };
        match data.first() {
            Some((key, Value::Binary(json))) if data.len() == 1 && errors.is_empty() && extensions.is_empty() => {
                Some((key, std::str::from_utf8(json).ok()?))
            }
            _ => None,
        }
    }

    /// The same with its cost beside it.
    fn with_cost(mut self, cost: Value) -> Self {
        if let Value::Object(data) = &mut self.response.data {
            for value in data.values_mut() {
                // Finished JSON stands for itself only where nothing is beside it.
                if let Value::Binary(json) = value {
                    *value = serde_json::from_slice(json).unwrap_or_default();
                }
            }
        }
        self.response.extensions.insert("cost".into(), cost);
        self
    }

    /// As it is told where it is an event among others.
    pub(super) fn to_json(&self) -> String {
        match self.finished() {
            Some((key, json)) => format!(r#"{{"data":{{"{key}":{json}}}}}"#),
            None => serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// The cursor of an event, where it was asked for: from there one can go on.
    pub(super) fn cursor(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct At {
            cursor: Option<String>,
        }
        match &self.response.data {
            Value::Object(data) => match data.first()?.1 {
                Value::Binary(json) => serde_json::from_slice::<At>(json).ok()?.cursor,
                Value::Object(event) => match event.get("cursor")? {
                    Value::String(cursor) => Some(cursor.clone()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// What is said instead of an answer that is too large to be sent. What was written stays, which is said; what
    /// that was stood in the answer, and is found again by the key.
    pub(super) fn too_large(wrote: bool, limits: &Limits, language: Language) -> Self {
        let mut error = Refused::excess(Limit::ResponseBytes, limits).into_error(language);
        if wrote {
            let kept = both!(
                " Ce qui a été écrit le reste ; pour le savoir, redemandez moins de champs avec la même «idempotencyKey» : rien ne sera fait deux fois.",
                " What was written stays; to learn of it, ask for fewer fields with the same «idempotencyKey»: nothing will be done twice."
            );
            error.message.push_str(&kept.into_language(language));
            error.extensions.get_or_insert_default().set("outcome", "UNKNOWN");
        }
        Self::cut(error)
    }

    /// Whether nothing but errors came out of it.
    pub(super) fn failed(&self) -> bool {
        self.response.data == Value::Null && !self.response.errors.is_empty()
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Response { data, errors, extensions, .. } = &self.response;
        let mut map = serializer.serialize_map(None)?;
        if !errors.is_empty() {
            map.serialize_entry("errors", errors)?;
        }
        if self.ran {
            map.serialize_entry("data", data)?;
        }
        if !extensions.is_empty() {
            map.serialize_entry("extensions", extensions)?;
        }
        map.end()
    }
}

fn schema(op: &Op) -> Schema {
    op.app.schemas.of(op.app.permissions_of(op.caller.as_deref()))
}

/// Runs a query or a mutation against the schema of its caller, within the time that it may take, and tells of it.
pub(super) async fn run(op: &Arc<Op>, operation: &Operation) -> Answer {
    let account = Account::begin(op, operation.label, operation.called(), operation.kind_name());
    let span = operation.span(op);
    let answer = executed(op, operation).instrument(span.clone()).await;
    let outcome = account.end(&answer.response);
    span.record("outcome", outcome.name());
    if outcome.is_fault() {
        span.record("otel.status_code", "ERROR");
    }
    answer
}

async fn executed(op: &Arc<Op>, operation: &Operation) -> Answer {
    if let Err(answer) = as_user::witness(op, operation).await {
        return answer;
    }
    let limits = &op.app.settings.limits;
    let schema = schema(op);
    let work = schema.execute(graphql::request(operation.request(), op));
    let seconds = u64::try_from(limits.seconds).unwrap_or(u64::MAX);
    let work = AssertUnwindSafe(work).catch_unwind();
    tokio::pin!(work);
    let done = match tokio::time::timeout(Duration::from_secs(seconds), work.as_mut()).await {
        // What is being committed is not cut, nor is it denied.
        Err(_elapsed) if op.meter.is_committing() => tokio::time::timeout(LAST_COMMIT, work).await,
        done => done,
    };
    let mut answer = match done {
        Ok(Ok(response)) => told(op, operation.arranged(response)),
        Ok(Err(_panic)) => Answer::broken(op),
        Err(_elapsed) => too_long(op),
    };
    if operation.tells_cost {
        answer.response.extensions.insert("cost".into(), price::told(op, operation.cost));
    }
    answer
}

/// What is said of an operation that took too long: where it may have written, that this is not known.
fn too_long(op: &Op) -> Answer {
    let error = match op.meter.may_have_written() {
        true => {
            let error = Error::Uncertain(DbErr::Custom("the time of the request ended".into()));
            plain(error, op.language, &op.request_id)
        }
        false => Refused::excess(Limit::Seconds, &op.app.settings.limits).into_error(op.language),
    };
    Answer::cut(error)
}

fn is_mutation(text: &str, name: Option<&str>, limits: &Limits) -> bool {
    let parsed = super::scan::scan(text, limits).ok().and_then(|_| parse_query(text).ok());
    let Some(parsed) = parsed else { return false };
    let document = Document { parsed, tokens: 0 };
    document.operation(name).is_ok_and(|operation| operation.ty == OperationType::Mutation)
}

/// Follows a subscription. The stream ends with the caller's interest in it: drop it then.
pub(super) fn follow(
    op: &Arc<Op>,
    live: LiveCaller,
    operation: &Arc<Operation>,
) -> impl Stream<Item = Answer> + Send + use<> {
    let request = graphql::request(operation.request(), op).data(live);
    if let Err(refused) = as_user::only_reads(op, operation) {
        return stream::once(std::future::ready(refused)).left_stream();
    }
    let (op, operation) = (op.clone(), operation.clone());
    let metrics = &op.app.metrics;
    op.meter.work_for(metrics.operations.name(operation.label));
    metrics.operations.counted(operation.label, Outcome::Ok);
    let open = metrics.subscription(op.transport);
    let events = AssertUnwindSafe(schema(&op).execute_stream(request)).catch_unwind();
    let mut tells_cost = operation.tells_cost;
    let answers = events.map(move |event| {
        open.message();
        let answer = match event {
            Ok(response) if response.errors.is_empty() => told(&op, response),
            Ok(response) => told(&op, operation.arranged(response)),
            Err(_panic) => Answer::broken(&op),
        };
        // It is paid for once, and told beside the first event.
        match std::mem::take(&mut tells_cost) {
            true => answer.with_cost(price::told(&op, operation.cost)),
            false => answer,
        }
    });
    answers.right_stream()
}

/// Whether a subscription is still valid for what its caller may do now.
///
/// # Errors
/// The answer to what is not.
pub(super) fn revalidate(op: &Arc<Op>, operation: &Operation) -> Result<(), Answer> {
    if !operation.is_published && !persisted::is_free(&op.app, op.caller.as_deref()) {
        return Err(Answer::refused(Refused::free_form().into_error(op.language)));
    }
    // Run as a query, a subscription is validated and goes no further.
    let done = schema(op).execute(graphql::request(operation.request(), op)).now_or_never();
    let refused = done.filter(|response| response.errors.iter().any(|error| !error.locations.is_empty()));
    refused.map_or(Ok(()), |response| Err(told(op, response)))
}

/// An error of the whole request.
pub(super) fn plain(error: Error, language: Language, request_id: &str) -> ServerError {
    let error = error.into_graphql(language, request_id);
    ServerError { extensions: error.extensions, ..ServerError::new(error.message, None) }
}

/// An answer as it may be shown: every error has a code, none tells what is inside, and there are not
/// too many.
fn told(op: &Op, mut response: Response) -> Answer {
    let ran = !(response.data == Value::Null && response.errors.iter().all(|e| e.path.is_empty()))
        || response.errors.is_empty();
    graphql::completion::complete_root(&mut response);
    response.errors.truncate(MOST_ERRORS);
    for error in &mut response.errors {
        if error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
            continue;
        }
        if is_about_the_request(error) {
            error.extensions.get_or_insert_default().set("code", "BAD_USER_INPUT");
        } else {
            let hidden = plain(Error::defect(std::mem::take(&mut error.message)), op.language, &op.request_id);
            *error = ServerError { locations: std::mem::take(&mut error.locations), path: path(error), ..hidden };
        }
    }
    Answer { response, ran, is_broken: false, wrote: op.meter.may_have_written() }
}

fn path(error: &mut ServerError) -> Vec<PathSegment> {
    std::mem::take(&mut error.path)
}

/// The library's own words on syntax, validation and scalars. Whatever else has no code of ours is a
/// fault that somebody forgot to translate.
fn is_about_the_request(error: &ServerError) -> bool {
    let of_a_scalar = ["Failed to parse \"", "Expected input type \""];
    error.source.is_none()
        && (error.path.is_empty() || of_a_scalar.iter().any(|start| error.message.starts_with(start)))
}

/// What a request asks for by id, put into it.
///
/// # Errors
/// What is said where there is no such document.
pub(super) async fn resolved(
    app: &App,
    caller: Option<&Caller>,
    language: Language,
    request_id: &str,
    incoming: Incoming,
) -> Result<Incoming, ServerError> {
    persisted::resolve(app, caller, incoming).await.map_err(|missing| match missing {
        Missing::Refused(refused) => refused.into_error(language),
        Missing::Failed(error) => plain(error, language, request_id),
    })
}

/// What is said of a limit that only a transport knows.
pub(super) fn beyond(limit: Limit, limits: &Limits, language: Language) -> Answer {
    Answer::refused(Refused::excess(limit, limits).into_error(language))
}
