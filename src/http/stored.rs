//! Queries that the server keeps and runs by itself with somebody's rights: what webhooks send. They keep the
//! limits that every request keeps, and see the schema that the person sees.

use std::sync::Arc;

use ::entity::vocabulary::Language;
use async_graphql::{ServerError, Value, Variables, parser::types::OperationType};

use super::{
    cost::check_cost,
    documents::Documents,
    limits::{Limits, Refused},
    operation::{Incoming, Operation, run},
};
use crate::{app::App, authz::Caller, both, i18n::Text, op::Op};

/// A query that is kept.
#[derive(Debug)]
pub struct Stored(Operation);

/// What a kept query answered.
#[derive(Debug)]
pub struct Read {
    /// What was asked for.
    pub data: Value,
    /// What of it could not be read, and why.
    pub errors: Vec<ServerError>,
}

impl Stored {
    /// Reads a query that may cost so much with some variables.
    ///
    /// # Errors
    /// The first limit that it exceeds, or what is wrong with it.
    pub fn read(app: &App, caller: &Caller, text: &str, variables: Variables, cost: usize) -> Result<Self, Text> {
        let admitted = Operation::admit(app, &Documents::default(), Some(caller), Incoming::new(text, variables));
        let operation = admitted.map_err(told)?;
        if operation.kind != OperationType::Query {
            return Err(both!("seule une requête «query» convient.", "only an operation of the kind «query» will do."));
        }
        let complexity = cost.min(app.settings.limits.complexity);
        let limits = Limits { complexity, ..app.settings.limits.clone() };
        operation
            .costs(|document, it, variables| check_cost(document, it, variables, &limits).map(drop))
            .map_err(told)?;
        Ok(Self(operation))
    }

    /// Whether the schema of the caller has all that it asks for. Nothing of it runs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn validate(&self, op: &Arc<Op>) -> Result<(), String> {
        let answer = run(op, &self.0.without_work()).await;
        let messages: Vec<String> = answer.response.errors.into_iter().map(|error| error.message).collect();
        if messages.is_empty() { Ok(()) } else { Err(messages.join(" ")) }
    }

    /// Runs it.
    pub async fn run(&self, op: &Arc<Op>) -> Read {
        let response = run(op, &self.0).await.response;
        Read { data: response.data, errors: response.errors }
    }
}

fn told(refused: Refused) -> Text {
    let message = |language| refused.clone().into_error(language).message;
    Text { fr: message(Language::Fr), en: message(Language::En) }
}
