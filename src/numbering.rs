//! Numbers by which people name things, such as `ACOR-2026-000123`: one series for each kind of thing, counted
//! within each year, without gaps.

use ::entity::platform::number_series;
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    db::Conn,
    error::{Error, Result},
};

/// A series of numbers, by what they begin with: capital letters alone, such as `ACOR`. Each context declares its
/// own, and [`crate::check`] knows them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Series(&'static str);

impl Series {
    /// The series whose numbers begin so.
    #[must_use]
    pub const fn new(prefix: &'static str) -> Self {
        Self(prefix)
    }

    /// What its numbers begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        self.0
    }

    /// The number that stands at a place of a year, from 1.
    #[must_use]
    pub fn number(self, year: i32, place: i32) -> String {
        format!("{}-{year:04}-{place:06}", self.0)
    }

    /// How far a year has come, as the table keeps it.
    #[must_use]
    pub fn counter(self, year: i32, last: i32) -> number_series::Model {
        number_series::Model { series: self.0.to_owned(), year, last }
    }
}

/// Takes the next number of a year; its counter stays locked until the transaction ends, so the numbers have no
/// gaps.
///
/// # Errors
/// When the database cannot be written.
pub async fn next(conn: &Conn, series: Series, year: i32) -> Result<String> {
    let sql = "INSERT INTO number_series (series, year, last) VALUES ($1, $2, 1) \
               ON CONFLICT (series, year) DO UPDATE SET last = number_series.last + 1 RETURNING last";
    let values = [series.prefix().into(), year.into()];
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let row = conn.query_one_raw(statement).await?.ok_or_else(|| Error::defect("no number was given"))?;
    Ok(series.number(year, row.try_get("", "last")?))
}

#[cfg(test)]
mod tests {
    use migration::MigratorTrait;
    use sea_orm::EntityTrait;

    use super::*;

    #[tokio::test]
    async fn a_database_of_before_goes_on_where_its_orders_were() {
        let database = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        migration::Migrator::up(&database, Some(8)).await.unwrap();
        database
            .execute_unprepared("INSERT INTO order_number (year, last) VALUES (2025, 41), (2026, 7)")
            .await
            .unwrap();
        migration::Migrator::up(&database, None).await.unwrap();
        let orders = crate::orders::NUMBERS;
        let kept = number_series::Entity::find().all(&database).await.unwrap();
        assert_eq!(kept, [orders.counter(2025, 41), orders.counter(2026, 7)]);
        assert_eq!(orders.number(2026, 8), "ACOR-2026-000008");
    }
}
