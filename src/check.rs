//! Integrity: whether what is stored is what it must be, for `sesame check`.
//!
//! Everything is recomputed in SQL, in a dozen statements however many rows there are; only what is
//! wrong comes back. Each comparison is one statement, so it sees one moment, and a server may run
//! beside it. The budgets look after their own ([`budgets::check`]).

use sea_orm::{FromQueryResult, Statement};

use crate::{
    audit, budgets,
    db::{Conn, Database},
    error::Result,
};

mod comparisons;
mod deals;
mod queue;
mod webhooks;

pub use budgets::Finding;

/// Most findings that one comparison tells.
const MOST: usize = 100;

/// What was looked at, and what is wrong.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Orders.
    pub orders: i64,
    /// Ledger entries.
    pub entries: i64,
    /// Events.
    pub events: i64,
    /// Everything that is not what it must be.
    pub findings: Vec<Finding>,
}

/// A statement that finds rows which contradict others: key, what it is about, what is there, what
/// should be.
#[derive(Clone, Debug)]
struct Comparison {
    /// The rule that a row found breaks.
    rule: &'static str,
    /// The table in which it is.
    table: &'static str,
    /// With the columns of [`Difference`].
    sql: String,
}

#[derive(Debug, FromQueryResult)]
struct Difference {
    row_key: String,
    what: String,
    found: String,
    expected: String,
}

/// Looks at everything.
///
/// # Errors
/// When the database cannot be read.
pub async fn run(database: &Database) -> Result<Report> {
    let conn = Conn::reader(database, std::sync::Arc::default());
    let mut findings = budgets::check(&conn).await?;
    for comparison in comparisons::all(database.is_postgres()) {
        findings.extend(compare(&conn, &comparison).await?);
    }
    findings.extend(queue::check(&conn).await?);
    findings.extend(deals::check(&conn).await?);
    findings.extend(audit::verify(&conn).await?.map(broken));
    let [orders, entries, events] =
        [count(&conn, "orders").await?, count(&conn, "ledger_entry").await?, count(&conn, "event").await?];
    Ok(Report { orders, entries, events, findings })
}

/// G-20: the chain says where it breaks.
fn broken(at: audit::Break) -> Finding {
    let audit::Break { position, found, expected } = at;
    let found = found.as_deref().unwrap_or("none");
    let text = format!(
        "event at position {position}: seal is {found}, should be {expected}; it was changed, or one before it is gone"
    );
    Finding { rule: "G-20", text }
}

async fn compare(conn: &Conn, comparison: &Comparison) -> Result<Vec<Finding>> {
    let Comparison { rule, table, sql } = comparison;
    let sql = format!("{sql} LIMIT {MOST}");
    let rows: Vec<Difference> = all(conn, &sql).await?;
    let text = |Difference { row_key, what, found, expected }: &Difference| {
        format!("{table} {row_key}: {what} is {found}, should be {expected}")
    };
    Ok(rows.iter().map(|row| Finding { rule, text: text(row) }).collect())
}

async fn count(conn: &Conn, table: &str) -> Result<i64> {
    #[derive(Debug, FromQueryResult)]
    struct Count {
        count: i64,
    }
    let rows: Vec<Count> = all(conn, &format!("SELECT COUNT(*) AS count FROM {table}")).await?;
    Ok(rows.first().map_or(0, |row| row.count))
}

async fn all<R: FromQueryResult>(conn: &Conn, sql: &str) -> Result<Vec<R>> {
    use sea_orm::ConnectionTrait;
    Ok(R::find_by_statement(Statement::from_string(conn.get_database_backend(), sql)).all(conn).await?)
}
