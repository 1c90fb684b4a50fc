//! All SQL of the context.

use ::entity::{
    platform::{policy_line, policy_version},
    vocabulary::PersonId,
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::authz::policy::Line;

/// The version in force, with who made it and why.
pub async fn in_force(conn: &impl ConnectionTrait) -> Result<Option<policy_version::Model>, DbErr> {
    policy_version::Entity::find().order_by_desc(policy_version::Column::Version).one(conn).await
}

/// A version, with who made it and why.
pub async fn version(conn: &impl ConnectionTrait, number: i64) -> Result<Option<policy_version::Model>, DbErr> {
    policy_version::Entity::find_by_id(number).one(conn).await
}

/// Makes a version the one in force; fails where another took its number.
pub async fn insert_version(
    conn: &impl ConnectionTrait,
    version: i64,
    by: PersonId,
    at: DateTime<Utc>,
    reason: &str,
) -> Result<(), DbErr> {
    let row = policy_version::ActiveModel {
        version: Set(version),
        changed_at: Set(at),
        changed_by_id: Set(Some(by)),
        reason: Set(reason.to_owned()),
    };
    policy_version::Entity::insert(row).exec_without_returning(conn).await.map(drop)
}

/// Removes a line; whether it was there.
pub async fn remove(conn: &impl ConnectionTrait, line: &Line) -> Result<bool, DbErr> {
    let Line { kind, subject, object, step, scope } = line;
    let removed = policy_line::Entity::delete_many()
        .filter(policy_line::Column::Kind.eq(kind))
        .filter(policy_line::Column::Subject.eq(subject))
        .filter(policy_line::Column::Object.eq(object))
        .filter(policy_line::Column::Step.eq(step))
        .filter(policy_line::Column::Scope.eq(scope))
        .exec(conn)
        .await?;
    Ok(removed.rows_affected == 1)
}
