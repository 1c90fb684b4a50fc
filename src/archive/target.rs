//! The database that an archive goes into: without data, at the archive's step of the schema.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use migration::MigratorTrait;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

use super::{
    Problem, Result,
    format::Head,
    tables::{self, Table},
};
use crate::{
    app,
    db::{self, Database},
};

/// The tables that the first start of a server fills: they do not make a database somebody's.
const SHIPPED: [&str; 5] = ["playbook", "policy_history", "policy_line", "policy_version", "role"];

/// How long connections that were closed may take to be gone.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often that is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Every step of the schema that this program knows, oldest first.
pub(super) fn known() -> Vec<String> {
    migration::Migrator::migrations().iter().map(|step| step.name().to_owned()).collect()
}

/// Looks whether nobody else works with the database.
///
/// # Errors
/// [`Problem::InUse`], or when the database cannot be asked.
pub(super) async fn is_alone(url: &str) -> Result<()> {
    match db::embedded_file(url) {
        Some(file) if Path::new(file).exists() => db::fold(url).await.map_err(|_| Problem::InUse),
        Some(_) => Ok(()),
        None => is_alone_on_postgres(url).await,
    }
}

async fn is_alone_on_postgres(url: &str) -> Result<()> {
    let database = Database::connect(url, 1).await?;
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
               AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    let mut others = count(database.reader(), sql).await?;
    let begun = Instant::now();
    while others > 0 && begun.elapsed() < FAREWELL {
        tokio::time::sleep(TICK).await;
        others = count(database.reader(), sql).await?;
    }
    database.close().await?;
    if others > 0 { Err(Problem::InUse) } else { Ok(()) }
}

/// Brings a database to the archive's step of the schema.
///
/// # Errors
/// Where it is ahead of it, or holds something else.
pub(super) async fn bring_to(database: &Database, head: &Head) -> Result<()> {
    let there = tables::steps(database.reader()).await?;
    if there.is_empty() && !tables::all(database.reader()).await?.is_empty() {
        return Err(Problem::NotOurs);
    }
    if there.len() > head.schema.len() {
        let last = |steps: &[String]| steps.last().cloned().unwrap_or_default();
        return Err(Problem::Ahead { archive: last(&head.schema), database: last(&there) });
    }
    if let Some((step, _)) = there.iter().zip(&head.schema).find(|(there, needed)| there != needed) {
        return Err(Problem::OtherTables(format!("the database has the step {step}, the archive has not")));
    }
    match u32::try_from(head.schema.len() - there.len()) {
        Ok(0) => Ok(()),
        Ok(missing) => Ok(app::migrate_by(database, Some(missing)).await?),
        Err(_) => Err(Problem::Foreign),
    }
}

/// Looks whether archive and database have the same tables with the same columns.
///
/// # Errors
/// The first table that is not the same.
pub(super) fn compare(head: &Head, tables: &[Table]) -> Result<()> {
    let sorted = |mut columns: Vec<String>| {
        columns.sort();
        columns
    };
    let shape = |name: &str| tables.iter().find(|table| table.name == name).map(|table| sorted(table.shape().columns));
    for theirs in &head.tables {
        if shape(&theirs.name).is_none_or(|columns| columns != sorted(theirs.columns.clone())) {
            return Err(Problem::OtherTables(format!("«{}» is not the same", theirs.name)));
        }
    }
    match tables.iter().find(|table| !head.tables.iter().any(|theirs| theirs.name == table.name)) {
        Some(table) => Err(Problem::OtherTables(format!("the archive has no «{}»", table.name))),
        None => Ok(()),
    }
}

/// Takes what a first start left out of the tables, or everything where it is to be replaced.
///
/// # Errors
/// [`Problem::NotEmpty`] where there is somebody's data that is to stay.
pub(super) async fn empty(conn: &DatabaseTransaction, tables: &[Table], replace: bool) -> Result<()> {
    for table in tables.iter().filter(|table| !replace && !SHIPPED.contains(&table.name.as_str())) {
        if is_filled(conn, table).await? {
            return Err(Problem::NotEmpty(table.name.clone()));
        }
    }
    if conn.get_database_backend() == DbBackend::Postgres {
        let all: Vec<String> = tables.iter().map(Table::quoted).collect();
        conn.execute_unprepared(&format!("TRUNCATE {} RESTART IDENTITY", all.join(", "))).await?;
        return Ok(());
    }
    for table in tables.iter().rev() {
        conn.execute_unprepared(&format!("DELETE FROM {}", table.quoted())).await?;
    }
    Ok(())
}

async fn is_filled(conn: &DatabaseTransaction, table: &Table) -> Result<bool, DbErr> {
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT 1) AS first", table.quoted());
    Ok(count(conn, &sql).await? > 0)
}

async fn count(conn: &impl ConnectionTrait, sql: &str) -> Result<i64, DbErr> {
    let row = conn.query_one_raw(Statement::from_string(conn.get_database_backend(), sql)).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::App, clock::Clock, config::Partial};

    /// A table that a later release fills at its first start would make every new database somebody's.
    #[tokio::test]
    async fn a_first_start_fills_these_tables_and_no_other() {
        let data = tempfile::tempdir().unwrap();
        let flags = Partial { data: Some(data.path().to_owned()), ..Partial::default() };
        let settings = crate::config::Settings::resolve(&flags, &Partial::default(), &Partial::default());
        let app = App::open(settings, Clock::system()).await.unwrap();
        let conn = app.database.begin().await.unwrap();
        let mut filled = Vec::new();
        for table in tables::all(&conn).await.unwrap() {
            if is_filled(&conn, &table).await.unwrap() {
                filled.push(table.name);
            }
        }
        filled.sort();
        assert_eq!(filled, SHIPPED);
    }
}
