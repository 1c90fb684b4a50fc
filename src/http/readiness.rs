//! `/readyz`: whether requests should be sent here, and where not, why, in codes that tell nothing of what is
//! inside.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, DbErr, Statement};
use serde::Serialize;

use super::Server;
use crate::{
    db::Database,
    identity::oidc::{Provider, Standing},
};

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why requests should not be sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Reason {
    /// The server ends.
    Draining,
    /// Events are stuck: what other processes changed may be unknown here.
    EventsLate,
    /// The database does not answer, or takes too long.
    DatabaseAway,
    /// The database's schema is older than this program.
    MigrationsPending,
    /// The issuer's keys are not known yet: nobody could be let in.
    IssuerUnknown,
}

/// What is wrong, though requests are welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Warning {
    /// The issuer does not answer. Tokens whose keys are known go on: taking this server out of use would help
    /// nobody.
    IssuerAway,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<Reason>,
    warnings: Vec<Warning>,
}

/// `GET /readyz`.
pub(super) async fn ready(State(server): State<Arc<Server>>) -> Response {
    let mut reasons = Vec::new();
    if server.life.is_draining() {
        reasons.push(Reason::Draining);
    }
    if server.app.outbox.is_late() {
        reasons.push(Reason::EventsLate);
    }
    let issuer = server.app.oidc.as_ref().map(Provider::standing);
    if issuer == Some(Standing::Unknown) {
        reasons.push(Reason::IssuerUnknown);
    }
    reasons.extend(database(&server.app.database).await);
    let warnings = (issuer == Some(Standing::Away)).then_some(Warning::IssuerAway).into_iter().collect();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Readiness { ready: reasons.is_empty(), reasons, warnings };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(readiness)).into_response()
}

/// What the database lacks.
async fn database(database: &Database) -> Option<Reason> {
    match tokio::time::timeout(PATIENCE, steps(database)).await {
        Ok(Ok(steps)) => (steps < migration::Migrator::migrations().len()).then_some(Reason::MigrationsPending),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Some(Reason::DatabaseAway)
        }
        Err(_elapsed) => {
            tracing::warn!("not ready: the database takes too long");
            Some(Reason::DatabaseAway)
        }
    }
}

/// How many steps its schema has been through.
async fn steps(database: &Database) -> Result<usize, DbErr> {
    let sql = "SELECT COUNT(*) FROM seaql_migrations";
    let row = database.reader().query_one_raw(Statement::from_string(database.backend(), sql)).await?;
    let steps: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(usize::try_from(steps).unwrap_or_default())
}
