//! All SQL of the context.

use ::entity::{
    orders::{attachment, upload},
    vocabulary::{PersonId, UploadId},
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

/// Adds an upload.
pub(super) async fn insert(conn: &impl ConnectionTrait, row: upload::ActiveModel) -> Result<UploadId, DbErr> {
    Ok(upload::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// An upload by the hash of its token.
pub(super) async fn by_token(conn: &impl ConnectionTrait, hash: &str) -> Result<Option<upload::Model>, DbErr> {
    upload::Entity::find().filter(upload::Column::TokenHash.eq(hash)).one(conn).await
}

/// Somebody's upload by key.
pub(super) async fn of_person(
    conn: &impl ConnectionTrait,
    id: UploadId,
    person: PersonId,
) -> Result<Option<upload::Model>, DbErr> {
    upload::Entity::find_by_id(id).filter(upload::Column::PersonId.eq(person)).one(conn).await
}

/// What is known of an upload once its content is there.
#[derive(Clone, Debug)]
pub(super) struct Content<'a> {
    /// Name, ending in what the content is.
    pub name: &'a str,
    /// Media type.
    pub content_type: &'a str,
    /// SHA-256 in hexadecimal.
    pub sha256: &'a str,
    /// Where the object store keeps it.
    pub storage_key: &'a str,
}

/// Notes that the content is there; whether the upload still waited for it.
pub(super) async fn receive(
    conn: &impl ConnectionTrait,
    id: UploadId,
    content: &Content<'_>,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let Content { name, content_type, sha256, storage_key } = *content;
    let changed = upload::Entity::update_many()
        .col_expr(upload::Column::Name, Expr::value(name))
        .col_expr(upload::Column::ContentType, Expr::value(content_type))
        .col_expr(upload::Column::Sha256, Expr::value(sha256))
        .col_expr(upload::Column::StorageKey, Expr::value(storage_key))
        .col_expr(upload::Column::ReceivedAt, Expr::value(at))
        .filter(upload::Column::Id.eq(id))
        .filter(upload::Column::ReceivedAt.is_null())
        .filter(upload::Column::ExpiresAt.gt(at))
        .exec(conn)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Marks somebody's upload as attached; whether it was there, received, in time and not attached yet.
pub(super) async fn attach(
    conn: &impl ConnectionTrait,
    id: UploadId,
    person: PersonId,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let changed = upload::Entity::update_many()
        .col_expr(upload::Column::AttachedAt, Expr::value(at))
        .filter(upload::Column::Id.eq(id))
        .filter(upload::Column::PersonId.eq(person))
        .filter(upload::Column::ReceivedAt.is_not_null())
        .filter(upload::Column::AttachedAt.is_null())
        .filter(upload::Column::ExpiresAt.gt(at))
        .exec(conn)
        .await?;
    Ok(changed.rows_affected == 1)
}

/// Uploads that had expired by a moment, the oldest first.
pub(super) async fn expired(
    conn: &impl ConnectionTrait,
    before: DateTime<Utc>,
    most: u64,
) -> Result<Vec<upload::Model>, DbErr> {
    upload::Entity::find()
        .filter(upload::Column::ExpiresAt.lt(before))
        .order_by_asc(upload::Column::Id)
        .limit(most)
        .all(conn)
        .await
}

/// Number and bytes of the files that are kept: those that are attached, and those that wait to be.
///
/// # Errors
/// When the database cannot be read.
pub async fn stored(conn: &impl ConnectionTrait) -> Result<[(i64, i64); 2], DbErr> {
    let attached = attachment::Entity::find()
        .select_only()
        .column_as(attachment::Column::Id.count(), "count")
        .column_as(bytes(attachment::Column::Size), "bytes")
        .into_tuple()
        .one(conn)
        .await?;
    let waiting = upload::Entity::find()
        .select_only()
        .column_as(upload::Column::Id.count(), "count")
        .column_as(bytes(upload::Column::Size), "bytes")
        .filter(upload::Column::ReceivedAt.is_not_null())
        .filter(upload::Column::AttachedAt.is_null())
        .into_tuple()
        .one(conn)
        .await?;
    Ok([attached.unwrap_or_default(), waiting.unwrap_or_default()])
}

fn bytes(size: impl ColumnTrait) -> Expr {
    Expr::expr(size.sum().if_null(0)).cast_as("bigint")
}

/// Forgets an upload.
pub(super) async fn delete(conn: &impl ConnectionTrait, id: UploadId) -> Result<(), DbErr> {
    upload::Entity::delete_by_id(id).exec(conn).await.map(drop)
}
