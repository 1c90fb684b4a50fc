//! One operation, from what a client sent to its answer: the same for every transport.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use ::entity::vocabulary::Language;
use async_graphql::{PathSegment, Request, Response, ServerError, Value, Variables, parser::types::OperationType};
use futures_util::{FutureExt, Stream, StreamExt};
use serde::{Deserialize, Serialize, Serializer, de::IgnoredAny, ser::SerializeMap};

use super::{
    cost::{check_cost, check_given, check_variables},
    document::Document,
    documents::Documents,
    limits::{Limit, Limits, Refused},
};
use crate::{
    app::App,
    authz::Caller,
    both,
    error::Error,
    graphql::{self, Schema},
    live::LiveCaller,
    op::Op,
};

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
    /// Only its form is looked at.
    #[serde(rename = "extensions")]
    _extensions: Option<BTreeMap<String, IgnoredAny>>,
}

impl Incoming {
    /// The same with a query and a name that came apart from it.
    pub(super) fn of(self, query: Option<String>, name: Option<String>) -> Self {
        Self { query, name, ..self }
    }

    /// Whether there is anything to run.
    pub(super) const fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// Reads what was sent as JSON.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, Refused> {
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
        let Incoming { query, name, variables, _extensions } = incoming;
        // Some clients send an empty one where there is none.
        let name = name.filter(|name| !name.is_empty());
        let text = query.ok_or_else(|| {
            Refused::malformed(
                vec!["query".into()],
                both!("Il manque «query» : le document GraphQL.", "«query» is missing: the GraphQL document."),
            )
        })?;
        let document = documents.read(&text, limits, caller.is_some())?;
        check_variables(&variables, limits)?;
        let operation = document.operation(name.as_deref())?;
        if caller.is_none() && !is_public(app, &document, operation) {
            return Err(Refused::unauthenticated());
        }
        check_given(operation, &variables)?;
        check_cost(&document.parsed, operation, &variables, limits)?;
        let kind = operation.ty;
        Ok(Self { document, name, variables, kind })
    }

    fn request(&self) -> Request {
        let mut request = Request::new(String::new()).variables(self.variables.clone());
        request.operation_name.clone_from(&self.name);
        request.set_parsed_query(self.document.parsed.clone());
        request
    }
}

/// Without a token only what nobody needs one for exists, and the schema's word on that.
fn is_public(app: &App, document: &Document, operation: &async_graphql::parser::types::OperationDefinition) -> bool {
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
}

impl Answer {
    /// An operation that is not run.
    pub(super) fn refused(error: ServerError) -> Self {
        Self { response: Response::from_errors(vec![error]), ran: false }
    }

    /// Whether it says that somebody has to sign in.
    pub(super) fn is_unauthenticated(&self) -> bool {
        let code = |error: &ServerError| error.extensions.as_ref().and_then(|e| e.get("code").cloned());
        !self.ran && self.response.errors.iter().any(|error| code(error) == Some(Error::Unauthenticated.code().into()))
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

/// Runs a query or a mutation against the schema of its caller, within the time that it may take.
pub(super) async fn run(op: &Arc<Op>, operation: &Operation) -> Answer {
    let limits = &op.app.settings.limits;
    let schema = schema(op);
    let work = schema.execute(graphql::request(operation.request(), op));
    let seconds = u64::try_from(limits.seconds).unwrap_or(u64::MAX);
    let work = tokio::time::timeout(Duration::from_secs(seconds), AssertUnwindSafe(work).catch_unwind());
    match work.await {
        Ok(Ok(response)) => told(op, response),
        Ok(Err(_panic)) => Answer { ran: true, ..Answer::refused(panicked(op)) },
        Err(_elapsed) => {
            let error = Refused::excess(Limit::Seconds, limits).into_error(op.language);
            Answer { ran: true, ..Answer::refused(error) }
        }
    }
}

/// Follows a subscription. The stream ends with the caller's interest in it: drop it then.
pub(super) fn follow(
    op: &Arc<Op>,
    live: LiveCaller,
    operation: &Operation,
) -> impl Stream<Item = Answer> + Send + use<> {
    let request = graphql::request(operation.request(), op).data(live);
    let op = op.clone();
    let events = AssertUnwindSafe(schema(&op).execute_stream(request)).catch_unwind();
    events.map(move |event| match event {
        Ok(response) => told(&op, response),
        Err(_panic) => Answer { ran: true, ..Answer::refused(panicked(&op)) },
    })
}

/// Whether a subscription is still valid for what its caller may do now.
///
/// # Errors
/// The answer to what is not.
pub(super) fn revalidate(op: &Arc<Op>, operation: &Operation) -> Result<(), Answer> {
    // Run as a query, a subscription is validated and goes no further.
    let done = schema(op).execute(graphql::request(operation.request(), op)).now_or_never();
    let refused = done.filter(|response| response.errors.iter().any(|error| !error.locations.is_empty()));
    refused.map_or(Ok(()), |response| Err(told(op, response)))
}

fn panicked(op: &Op) -> ServerError {
    plain(Error::defect("a resolver panicked"), op.language, &op.request_id)
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
    Answer { response, ran }
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

/// What is said of a limit that only a transport knows.
pub(super) fn beyond(limit: Limit, limits: &Limits, language: Language) -> Answer {
    Answer::refused(Refused::excess(limit, limits).into_error(language))
}
