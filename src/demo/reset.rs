//! Starting afresh: what an earlier demonstration left is removed, and nothing else.

use std::{io::ErrorKind, path::Path, time::Duration};

use ::entity::{
    budgets::{budget_year, envelope, goodwill, ledger_entry},
    catalog::article,
    crm::{account, broker, contact, contact_link, contact_point, site},
    forecast::{deal_state, quota, quota_figure},
    identity::{
        api_key, delegation, deputy, external_identity, former_place, person, person_role, refresh_token, region, role,
        session, sign_in_attempt,
    },
    orders::{attachment, order, order_line, order_result, upload},
    platform::{
        event, idempotency, number_series, persisted_operation, policy_history, policy_line, policy_version, work_item,
    },
    sales::{opportunity, oppy_document, playbook},
    webhooks::{delivery, webhook},
};
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbErr, EntityName, Statement};

use super::{Contents, contents};
use crate::{
    config::Settings,
    error::{Error, Result},
};

/// Removes the demonstration from the database and its files from the data folder. Where there is no
/// database, nothing is removed.
///
/// # Errors
/// When the database is not Sésame's, holds somebody's own data, or is in use; nothing is removed then.
pub async fn remove(settings: &Settings) -> Result<()> {
    let removed = match embedded(&settings.database_url) {
        Some(file) => remove_file(&settings.database_url, Path::new(file)).await?,
        None => empty_tables(&settings.database_url).await?,
    };
    if removed {
        gone(std::fs::remove_dir_all(settings.data.join("uploads")))?;
    }
    Ok(())
}

/// The file of an embedded database.
fn embedded(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    rest.strip_prefix("//").unwrap_or(rest).split('?').next()
}

/// Whether there was a file to be removed.
async fn remove_file(url: &str, file: &Path) -> Result<bool> {
    if !file.exists() {
        return Ok(false);
    }
    let database = connect(url).await?;
    check(&database, "SELECT name FROM sqlite_master WHERE name = 'seaql_migrations'").await?;
    // Leaving the log takes the file for oneself: it fails while another process has it open.
    let alone = database.execute_unprepared("PRAGMA journal_mode = DELETE").await;
    database.close().await?;
    alone.map_err(|_| refusal("the database is in use: stop the server first; nothing was removed"))?;
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        gone(std::fs::remove_file(name))?;
    }
    Ok(true)
}

/// Whether there was anything in the tables.
async fn empty_tables(url: &str) -> Result<bool> {
    let database = connect(url).await?;
    let made = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()";
    let is_empty =
        database.query_one_raw(Statement::from_string(database.get_database_backend(), made)).await?.is_none();
    if is_empty {
        return Ok(false);
    }
    check(&database, &format!("{made} AND tablename = 'seaql_migrations'")).await?;
    database.execute_unprepared(&format!("TRUNCATE {} RESTART IDENTITY", tables().join(", "))).await?;
    database.close().await?;
    Ok(true)
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|sqlite| sqlite.busy_timeout(Duration::from_millis(500)));
    sea_orm::Database::connect(options).await
}

/// Only a demonstration, or a Sésame database without people, may go.
async fn check(database: &DatabaseConnection, migrations: &str) -> Result<()> {
    let found = database.query_one_raw(Statement::from_string(database.get_database_backend(), migrations)).await;
    let is_ours = found.is_ok_and(|row| row.is_some());
    let contents = if is_ours { contents(database).await.ok() } else { None };
    match contents {
        Some(Contents::Nothing | Contents::Demonstration | Contents::Unfinished) => Ok(()),
        Some(Contents::Other) => {
            Err(refusal("the database holds somebody's own data, no demonstration; nothing was removed"))
        }
        None => Err(refusal("the database is not Sésame's; nothing was removed")),
    }
}

fn refusal(text: &str) -> Error {
    Error::Internal(text.into())
}

/// What is not there need not be removed.
fn gone(removed: std::io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::Internal(error.into())),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Every table of ours.
fn tables() -> Vec<String> {
    vec![
        quoted(budget_year::Entity),
        quoted(envelope::Entity),
        quoted(goodwill::Entity),
        quoted(ledger_entry::Entity),
        quoted(article::Entity),
        quoted(account::Entity),
        quoted(broker::Entity),
        quoted(site::Entity),
        quoted(contact::Entity),
        quoted(contact_link::Entity),
        quoted(contact_point::Entity),
        quoted(api_key::Entity),
        quoted(delegation::Entity),
        quoted(deputy::Entity),
        quoted(external_identity::Entity),
        quoted(former_place::Entity),
        quoted(person::Entity),
        quoted(person_role::Entity),
        quoted(refresh_token::Entity),
        quoted(region::Entity),
        quoted(role::Entity),
        quoted(session::Entity),
        quoted(sign_in_attempt::Entity),
        quoted(attachment::Entity),
        quoted(order::Entity),
        quoted(order_line::Entity),
        quoted(order_result::Entity),
        quoted(upload::Entity),
        quoted(event::Entity),
        quoted(idempotency::Entity),
        quoted(number_series::Entity),
        quoted(persisted_operation::Entity),
        quoted(policy_history::Entity),
        quoted(policy_line::Entity),
        quoted(policy_version::Entity),
        quoted(work_item::Entity),
        quoted(opportunity::Entity),
        quoted(oppy_document::Entity),
        quoted(deal_state::Entity),
        quoted(quota::Entity),
        quoted(quota_figure::Entity),
        quoted(playbook::Entity),
        quoted(webhook::Entity),
        quoted(delivery::Entity),
        // Written by hand, without an entity.
        "\"rate_bucket\"".to_owned(),
    ]
}

fn quoted(table: impl EntityName) -> String {
    format!("\"{}\"", table.table_name())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use migration::MigratorTrait;
    use sea_orm::FromQueryResult;

    use super::*;

    #[derive(FromQueryResult)]
    struct Table {
        name: String,
    }

    /// A table that is added later and not named here would survive a fresh start.
    #[tokio::test]
    async fn every_table_is_emptied() {
        let database = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        migration::Migrator::up(&database, None).await.unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'seaql_%'";
        let statement = Statement::from_string(database.get_database_backend(), sql);
        let made = Table::find_by_statement(statement).all(&database).await.unwrap();
        let made: BTreeSet<String> = made.into_iter().map(|table| format!("\"{}\"", table.name)).collect();
        assert_eq!(made, tables().into_iter().collect());
    }

    #[test]
    fn the_file_of_an_embedded_database_is_found() {
        assert_eq!(embedded("sqlite://data/sesame.db?mode=rwc"), Some("data/sesame.db"));
        assert_eq!(embedded("sqlite:///var/lib/sesame.db"), Some("/var/lib/sesame.db"));
        assert_eq!(embedded("postgres://localhost/sesame"), None);
    }
}
