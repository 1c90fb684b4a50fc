//! Rows by the thousand, in statements of many rows each.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, IdenStatic, Iterable, ModelTrait, Statement,
};

/// Most parameters of one statement: what SQLite and PostgreSQL allow, and where more gains nothing.
const PARAMETERS: usize = 8_000;

/// Writes rows as they are, keys included.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn insert<E>(conn: &DatabaseTransaction, rows: &[E::Model]) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    let width = E::Column::iter().count();
    let mut left = rows;
    let mut size = floor_to_power_of_four(PARAMETERS / width);
    while !left.is_empty() {
        // Few different lengths: the database prepares each of these statements once.
        while size > left.len() {
            size /= 4;
        }
        let (now, later) = left.split_at(size.max(1));
        let values = now.iter().flat_map(|row| E::Column::iter().map(|column| row.get(column)));
        let sql = statement::<E>(conn.get_database_backend(), now.len());
        conn.execute_raw(Statement::from_sql_and_values(conn.get_database_backend(), sql, values)).await?;
        left = later;
    }
    Ok(())
}

fn floor_to_power_of_four(number: usize) -> usize {
    std::iter::successors(Some(1), |power| Some(power * 4)).take_while(|power| *power <= number).last().unwrap_or(1)
}

fn statement<E: EntityTrait>(backend: DbBackend, rows: usize) -> String {
    let columns: Vec<String> = E::Column::iter().map(|column| format!("\"{}\"", column.as_str())).collect();
    let width = columns.len();
    let mut sql = format!("INSERT INTO \"{}\" ({}) VALUES ", E::default().table_name(), columns.join(", "));
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            if column > 0 {
                sql.push_str(", ");
            }
            match backend {
                DbBackend::Postgres => sql.push_str(&format!("${}", row * width + column + 1)),
                _ => sql.push('?'),
            }
        }
        sql.push(')');
    }
    sql
}
