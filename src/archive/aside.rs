//! What a database keeps up row by row, and makes in a fraction of the time when all rows are there; and what
//! it would do to rows that have been through it before.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};

/// What was taken away, and the statements that bring it back.
#[derive(Debug, Default)]
#[must_use = "it must be brought back in the same transaction"]
pub(crate) struct Aside(Vec<String>);

impl Aside {
    /// Takes away what PostgreSQL keeps up for these tables: references and plain indexes. What brings it back
    /// belongs into the same transaction, so nobody ever sees a database without.
    ///
    /// # Errors
    /// When the database cannot be changed.
    pub(crate) async fn upkeep(conn: &DatabaseTransaction, tables: &[&str]) -> Result<Self, DbErr> {
        if conn.get_database_backend() != DbBackend::Postgres || tables.is_empty() {
            return Ok(Self::default());
        }
        let tables = tables.iter().map(|table| format!("'\"{table}\"'::regclass")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT format('DROP INDEX %s', indexrelid::regclass) AS away, pg_get_indexdef(indexrelid) AS back
             FROM pg_index WHERE NOT indisunique AND indrelid IN ({tables})
             UNION ALL
             SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
             FROM pg_constraint WHERE contype = 'f' AND conrelid IN ({tables})"
        );
        Self::take(conn, &sql).await
    }

    /// Takes away the triggers of all tables: what they did, they did when the rows were new.
    ///
    /// # Errors
    /// When the database cannot be changed.
    pub(super) async fn triggers(conn: &DatabaseTransaction) -> Result<Self, DbErr> {
        let sql = match conn.get_database_backend() {
            DbBackend::Postgres => {
                "SELECT DISTINCT format('ALTER TABLE %s DISABLE TRIGGER USER', tgrelid::regclass) AS away,
                    format('ALTER TABLE %s ENABLE TRIGGER USER', tgrelid::regclass) AS back
                 FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
                 WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace"
            }
            _ => {
                "SELECT 'DROP TRIGGER \"' || name || '\"' AS away, sql AS back
                 FROM sqlite_master WHERE type = 'trigger'"
            }
        };
        Self::take(conn, sql).await
    }

    async fn take(conn: &DatabaseTransaction, sql: &str) -> Result<Self, DbErr> {
        let mut back = Vec::new();
        for row in conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await? {
            conn.execute_unprepared(&row.try_get::<String>("", "away")?).await?;
            back.push(row.try_get("", "back")?);
        }
        Ok(Self(back))
    }

    /// Brings it back.
    ///
    /// # Errors
    /// When a row points to one that is not there, or the database cannot be changed.
    pub(crate) async fn bring_back(self, conn: &DatabaseTransaction) -> Result<(), DbErr> {
        if !self.0.is_empty() && conn.get_database_backend() == DbBackend::Postgres {
            conn.execute_unprepared("SET LOCAL maintenance_work_mem = '256MB'").await?;
        }
        for statement in self.0 {
            conn.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
