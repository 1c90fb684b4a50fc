//! Whether a webhook can be told of anything: whether the person whose rights it runs with is there, and whether its
//! query is valid with these rights. Asked again whenever rights change, since a query that was valid may not stay so.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    vocabulary::{WebhookId, WebhookStatus},
    webhooks::webhook,
};
use async_graphql::{ID, Name, Value, Variables};
use parking_lot::Mutex;

use crate::{
    app::App,
    authz::{Caller, PermissionSet},
    error::Result,
    http::stored::Stored,
    i18n::Text,
    identity,
    op::Op,
};

/// The variable in which a query is given the event's object.
const SUBJECT: &str = "id";
/// An id for those who only look whether a query is valid.
const ANY: &str = "T3JkZXI6MQ";

/// What a webhook can do now.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It can be told, of what this caller may read.
    Able(Arc<Caller>),
    /// It cannot: the status that says so, and what is wrong.
    Unable(WebhookStatus, Option<String>),
}

/// Remembers which queries are valid.
#[derive(Debug, Default)]
pub(super) struct Judge(Mutex<HashMap<WebhookId, Known>>);

#[derive(Debug)]
struct Known {
    /// What was judged: the webhook's version, and the schema of its person.
    version: i64,
    permissions: PermissionSet,
    found: std::result::Result<(), String>,
}

impl Judge {
    /// What a webhook can do now.
    pub(super) async fn judge(&self, app: &Arc<App>, hook: &webhook::Model) -> Result<Verdict> {
        let Some(caller) = identity::in_the_name_of(app, hook.run_as_id).await? else {
            return Ok(Verdict::Unable(WebhookStatus::PausedNobody, None));
        };
        Ok(match self.validity(app, hook, &caller).await {
            Ok(()) => Verdict::Able(caller),
            Err(message) => Verdict::Unable(WebhookStatus::PausedInvalid, Some(message)),
        })
    }

    async fn validity(
        &self,
        app: &Arc<App>,
        hook: &webhook::Model,
        caller: &Arc<Caller>,
    ) -> std::result::Result<(), String> {
        let Some(query) = &hook.query else { return Ok(()) };
        let (version, permissions) = (hook.version, caller.permissions);
        let same = |known: &&Known| known.version == version && known.permissions == permissions;
        if let Some(known) = self.0.lock().get(&hook.id).filter(same) {
            return known.found.clone();
        }
        let found = validate(app, caller, query).await.map_err(|text| text.en);
        self.0.lock().insert(hook.id, Known { version, permissions, found: found.clone() });
        found
    }
}

/// The operation in which something is read for a webhook.
pub(super) fn op_of(app: &Arc<App>, caller: Arc<Caller>, name: &str) -> Arc<Op> {
    let language = caller.person.language;
    Arc::new(Op::new(app.clone(), Some(caller), language, format!("webhook-{name}")))
}

/// A webhook's query for an object.
pub(super) fn query_for(
    app: &App,
    caller: &Caller,
    query: &str,
    subject: Option<&ID>,
) -> std::result::Result<Stored, Text> {
    let id = subject.map_or(ANY, |id| id.as_str());
    let mut variables = Variables::default();
    variables.insert(Name::new(SUBJECT), Value::from(id));
    Stored::read(app, caller, query, variables, app.settings.webhooks.query_cost as usize)
}

/// Whether a query is valid with somebody's rights.
pub(super) async fn validate(app: &Arc<App>, caller: &Arc<Caller>, query: &str) -> std::result::Result<(), Text> {
    let stored = query_for(app, caller, query, None)?;
    let op = op_of(app, caller.clone(), "validation");
    let same = |message: String| Text { fr: message.clone(), en: message };
    stored.validate(&op).await.map_err(same)
}
