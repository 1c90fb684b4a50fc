//! All of the manifests' SQL.

use ::entity::platform::persisted_operation::{ActiveModel, Column, Entity, Model};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};

/// Rows to one statement.
const BATCH: usize = 500;

/// One version of a client, as it was published.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Release {
    /// The client's name.
    pub client: String,
    /// Its version.
    pub version: String,
    /// How many operations it has.
    pub operations: i64,
    /// When the first of them was published.
    pub published_at: DateTime<Utc>,
    /// Since when they are no longer answered.
    pub retired_at: Option<DateTime<Utc>>,
}

/// The document of an id, or of a SHA-256.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn document(conn: &impl ConnectionTrait, id: &str) -> Result<Option<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Body)
        .filter(Condition::any().add(Column::OperationId.eq(id)).add(Column::Sha256.eq(id)))
        .filter(Column::RetiredAt.is_null())
        .limit(1)
        .into_tuple()
        .one(conn)
        .await
}

/// What is published under some ids, whoever published it.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn known(conn: &impl ConnectionTrait, ids: &[String]) -> Result<Vec<Model>, DbErr> {
    let mut found = Vec::new();
    for ids in ids.chunks(BATCH) {
        let of_these = Column::OperationId.is_in(ids.iter().map(String::as_str));
        found.extend(Entity::find().filter(of_these).all(conn).await?);
    }
    Ok(found)
}

/// Adds operations.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn insert(conn: &impl ConnectionTrait, rows: Vec<ActiveModel>) -> Result<(), DbErr> {
    for rows in rows.chunks(BATCH) {
        Entity::insert_many(rows.to_vec()).exec_without_returning(conn).await?;
    }
    Ok(())
}

/// Retires a version of a client, or takes that back; how many operations that changed.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn set_retired(
    conn: &impl ConnectionTrait,
    client: &str,
    version: &str,
    at: Option<DateTime<Utc>>,
) -> Result<u64, DbErr> {
    let was = if at.is_some() { Column::RetiredAt.is_null() } else { Column::RetiredAt.is_not_null() };
    let done = Entity::update_many()
        .col_expr(Column::RetiredAt, Expr::value(at))
        .filter(Column::Client.eq(client))
        .filter(Column::Version.eq(version))
        .filter(was)
        .exec(conn)
        .await?;
    Ok(done.rows_affected)
}

/// The versions of all clients, the latest published first.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn releases(conn: &impl ConnectionTrait) -> Result<Vec<Release>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Client)
        .column(Column::Version)
        .column_as(Column::Id.count(), "operations")
        .column_as(Column::PublishedAt.min(), "published_at")
        .column_as(Column::RetiredAt.max(), "retired_at")
        .group_by(Column::Client)
        .group_by(Column::Version)
        .order_by_desc(Column::Id.max())
        .into_model()
        .all(conn)
        .await
}

/// A row that is not there yet.
pub(super) fn row(model: Model) -> ActiveModel {
    let Model { id: _, client, version, operation_id, sha256, name, kind, body, published_at, retired_at } = model;
    ActiveModel {
        client: Set(client),
        version: Set(version),
        operation_id: Set(operation_id),
        sha256: Set(sha256),
        name: Set(name),
        kind: Set(kind),
        body: Set(body),
        published_at: Set(published_at),
        retired_at: Set(retired_at),
        ..Default::default()
    }
}
