//! Guarded writes: a row is changed where it still is as it was read, and the change is known column by column.

use std::marker::PhantomData;

use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, IdenStatic, Iterable, ModelTrait, QueryFilter,
    sea_query::{Expr, Value, sea_value_to_json_value},
};

use crate::db::Conn;

/// A table whose rows have one key and a version that every change raises.
pub trait Versioned: EntityTrait {
    /// The key.
    const KEY: Self::Column;
    /// The version.
    const VERSION: Self::Column;

    /// The rows with some keys.
    fn among<K: Into<Value>>(keys: impl IntoIterator<Item = K>) -> Condition {
        let keys: Vec<Value> = keys.into_iter().map(Into::into).collect();
        Condition::all().add(Self::KEY.is_in(keys))
    }
}

/// How a row changed, column by column.
pub struct Changed<E: EntityTrait>(Vec<(E::Column, Value, Value)>, PhantomData<fn() -> E>);

impl<E: EntityTrait> Changed<E> {
    /// What differs between two states of a row.
    #[must_use]
    pub fn between(before: &E::Model, after: &E::Model) -> Self {
        let each = E::Column::iter().map(|column| (column, before.get(column), after.get(column)));
        Self(each.filter(|(_, old, new)| old != new).collect(), PhantomData)
    }

    /// The same for the event, each column with its old and its new value, without those that every change
    /// changes.
    #[must_use]
    pub fn as_json(&self, silent: &[E::Column]) -> serde_json::Map<String, serde_json::Value> {
        let told = self.0.iter().filter(|(column, _, _)| !silent.iter().any(|s| s.as_str() == column.as_str()));
        told.map(|(column, old, new)| {
            let pair = [sea_value_to_json_value(old), sea_value_to_json_value(new)];
            (column.as_str().to_owned(), serde_json::Value::from(pair.to_vec()))
        })
        .collect()
    }
}

/// Writes a row's new state where it still is in the old one; whether it was.
///
/// # Errors
/// When the database cannot be written.
pub async fn advance<E: Versioned>(conn: &Conn, before: &E::Model, changed: &Changed<E>) -> Result<bool, DbErr> {
    let mut update = E::update_many();
    for (column, _, new) in &changed.0 {
        update = update.col_expr(*column, column.save_as(Expr::val(new.clone())));
    }
    let updated =
        update.filter(E::KEY.eq(before.get(E::KEY))).filter(E::VERSION.eq(before.get(E::VERSION))).exec(conn).await?;
    Ok(updated.rows_affected == 1)
}
