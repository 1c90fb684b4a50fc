//! The buckets that all processes share: one row each, in PostgreSQL.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement, Value};

use super::account::{Ask, WINDOW};

/// What one process asks of one bucket.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) payer: String,
    pub(super) most: f64,
    pub(super) ask: Ask,
}

/// What came of a wish.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) payer: String,
    pub(super) granted: f64,
    pub(super) left: f64,
}

/// Settles wishes with their buckets, in two statements however many they are. The clock is the database's.
///
/// # Errors
/// When the database cannot be written; nothing is settled then.
pub(super) async fn settle(database: &DatabaseConnection, wishes: &[Wish]) -> Result<Vec<Granted>, DbErr> {
    let mut values: Vec<Value> = Vec::new();
    let rows: Vec<String> = wishes.iter().map(|wish| row(wish, &mut values)).collect();
    let asked = format!("WITH asked (payer, most, owed, wanted) AS (VALUES {})", rows.join(", "));
    let backend = database.get_database_backend();
    let made = format!(
        "{asked} INSERT INTO rate_bucket (payer, points, granted, settled_at) \
         SELECT payer, most, 0, clock_timestamp() FROM asked ORDER BY payer ON CONFLICT DO NOTHING"
    );
    database.execute_raw(Statement::from_sql_and_values(backend, made, values.clone())).await?;
    let seconds = WINDOW.as_secs_f64();
    let passed = "GREATEST(0, EXTRACT(EPOCH FROM clock_timestamp() - bucket.settled_at)::float8)";
    let available = format!("LEAST(asked.most, bucket.points + asked.most / {seconds} * {passed}) - asked.owed");
    let granted = format!("LEAST(asked.wanted, GREATEST(0, {available}))");
    // The rows are locked in one order, by whatever process: none waits for another in a circle.
    let taken = format!(
        "{asked}, held AS (SELECT payer FROM rate_bucket WHERE payer IN (SELECT payer FROM asked) ORDER BY payer FOR UPDATE) \
         UPDATE rate_bucket bucket SET points = {available} - {granted}, granted = {granted}, settled_at = clock_timestamp() \
         FROM asked JOIN held ON held.payer = asked.payer WHERE bucket.payer = asked.payer \
         RETURNING bucket.payer, bucket.granted, bucket.points"
    );
    let rows = database.query_all_raw(Statement::from_sql_and_values(backend, taken, values)).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Granted {
                payer: row.try_get_by_index(0)?,
                granted: row.try_get_by_index(1)?,
                left: row.try_get_by_index(2)?,
            })
        })
        .collect()
}

fn row(wish: &Wish, values: &mut Vec<Value>) -> String {
    let place = values.len();
    let Wish { payer, most, ask: Ask { owed, wanted } } = wish;
    values.extend([payer.clone().into(), (*most).into(), (*owed).into(), (*wanted).into()]);
    let number = |offset: usize| format!("${}::float8", place + offset);
    format!("(${}::text, {}, {}, {})", place + 1, number(2), number(3), number(4))
}

/// Forgets the buckets that have been full for long.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn forget(database: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = "DELETE FROM rate_bucket WHERE settled_at < clock_timestamp() - INTERVAL '10 minutes'";
    database.execute_unprepared(sql).await.map(drop)
}
