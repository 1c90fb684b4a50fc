//! Guarded writes: a row is changed where it still is as it was read, and the change is known column by column.

use std::marker::PhantomData;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, IdenStatic, Iterable, ModelTrait, QueryFilter,
    sea_query::{Expr, Value, sea_value_to_json_value},
};
use serde_json::{Map, Value as Json};

use crate::{
    db::Conn,
    error::{Error, Result},
};

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
    pub fn as_json(&self, silent: &[E::Column]) -> Map<String, Json> {
        let told = self.0.iter().filter(|(column, _, _)| !silent.iter().any(|s| s.as_str() == column.as_str()));
        told.map(|(column, old, new)| {
            let pair = [written(old), written(new)];
            (column.as_str().to_owned(), Json::from(pair.to_vec()))
        })
        .collect()
    }
}

/// A value of a column as an event tells it.
fn written(value: &Value) -> Json {
    match value {
        Value::ChronoDateTimeUtc(Some(at)) => at.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
        Value::ChronoDate(Some(day)) => day.to_string().into(),
        other => sea_value_to_json_value(other),
    }
}

/// Takes a change back that [`Changed::as_json`] told: each column that it names gets its old value again.
///
/// # Errors
/// When what is told cannot be a value of its column, which is a defect.
pub fn take_back<M: ModelTrait>(row: &mut M, changes: &Map<String, Json>) -> Result<()> {
    for column in <M::Entity as EntityTrait>::Column::iter() {
        let Some([old, _new]) = changes.get(column.as_str()).and_then(Json::as_array).map(Vec::as_slice) else {
            continue;
        };
        let defect = || Error::defect(format!("{old} was never a value of {}", column.as_str()));
        let value = read(&row.get(column), old).ok_or_else(defect)?;
        row.try_set(column, value)?;
    }
    Ok(())
}

/// What [`written`] wrote, as a value of the same kind as another one of its column.
fn read(like: &Value, told: &Json) -> Option<Value> {
    let is_null = told.is_null();
    let some = |value: Option<Value>| if is_null { Some(like.as_null()) } else { value };
    match like {
        Value::Bool(_) => some(told.as_bool().map(Value::from)),
        Value::Int(_) => some(told.as_i64().and_then(|number| i32::try_from(number).ok()).map(Value::from)),
        Value::BigInt(_) => some(told.as_i64().map(Value::from)),
        Value::String(_) => some(told.as_str().map(Value::from)),
        Value::Json(_) => some(Some(Value::from(told.clone()))),
        Value::ChronoDate(_) => some(told.as_str().and_then(day).map(Value::from)),
        Value::ChronoDateTimeUtc(_) => some(told.as_str().and_then(moment).map(Value::from)),
        _ => None,
    }
}

/// A day as events tell it; the first ones told it as SQL does, between quotes.
fn day(text: &str) -> Option<NaiveDate> {
    text.trim_matches('\'').parse().ok()
}

/// A moment as events tell it; the first ones told it as SQL does, between quotes.
#[must_use]
pub fn moment(text: &str) -> Option<DateTime<Utc>> {
    let sql = || DateTime::parse_from_str(text.trim_matches('\''), "%Y-%m-%d %H:%M:%S%.f %:z");
    DateTime::parse_from_rfc3339(text).or_else(|_| sql()).ok().map(|at| at.with_timezone(&Utc))
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

#[cfg(test)]
mod tests {
    use ::entity::{
        orders::order,
        vocabulary::{Address, Challenge, Money, RrReason, RrReasons},
    };
    use chrono::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::orders::draft;

    fn order() -> order::Model {
        let now = Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).unwrap();
        let origin = draft::Origin {
            owner: Default::default(),
            delegation: Default::default(),
            region: Default::default(),
            author: Default::default(),
            authored_for: None,
            now,
        };
        draft::empty(origin, ::entity::vocabulary::OrderKind::Standard, 2026, Default::default())
    }

    #[test]
    fn what_is_taken_back_is_as_it_was() {
        let before = order();
        let after = order::Model {
            number: Some("ACOR-2026-000001".into()),
            total: Money(1_234),
            comment: Some("so".into()),
            auto_validated: true,
            documents: 3,
            rr_reasons: RrReasons(vec![RrReason::ALL[0]]),
            challenge: Some(Challenge::default()),
            delivery_address: Some(Address::default()),
            submitted_at: Some(before.created_at + chrono::Duration::microseconds(1)),
            cheques_received_on: NaiveDate::from_ymd_opt(2026, 4, 1),
            ..before.clone()
        };
        for (from, to) in [(&before, &after), (&after, &before)] {
            let told = Changed::<order::Entity>::between(from, to).as_json(&[]);
            assert!(told.len() > 8, "{told:?}");
            let mut row = to.clone();
            take_back(&mut row, &told).unwrap();
            assert_eq!(row, *from);
        }
    }

    #[test]
    fn moments_of_the_first_events_are_read_too() {
        let at = Utc.with_ymd_and_hms(2026, 3, 16, 9, 0, 0).single();
        assert_eq!(moment("'2026-03-16 09:00:00.000000 +00:00'"), at);
        assert_eq!(moment("2026-03-16T10:00:00+01:00"), at);
        assert_eq!(moment("yesterday"), None);
        assert_eq!(day("'2026-03-16'"), day("2026-03-16"));
    }

    #[test]
    fn what_never_was_a_value_is_a_defect() {
        let told = json!({ "total": ["much", "more"] });
        assert!(take_back(&mut order(), told.as_object().unwrap()).is_err());
        let aside = json!({ "lines": true, "attachment": 7 });
        let mut row = order();
        take_back(&mut row, aside.as_object().unwrap()).unwrap();
        assert_eq!(row, order());
    }
}
