//! All SQL of the context.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    identity::{delegation, deputy, person, person_role, refresh_token, region, role, session},
    vocabulary::{DelegationId, DeputyId, PersonId, RegionId, SessionId},
};
use chrono::NaiveDate;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr,
};

use crate::authz::Person;

/// A session with the person behind it.
pub async fn session_of(
    conn: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<(session::Model, person::Model)>, DbErr> {
    let Some(session) = session::Entity::find_by_id(id).one(conn).await? else { return Ok(None) };
    let person = person::Entity::find_by_id(session.person_id).one(conn).await?;
    Ok(person.map(|person| (session, person)))
}

/// People by e-mail address.
pub async fn person_by_email(conn: &impl ConnectionTrait, email: &str) -> Result<Option<person::Model>, DbErr> {
    person::Entity::find().filter(person::Column::Email.eq(email)).one(conn).await
}

/// People by key.
pub async fn people(conn: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<person::Model>, DbErr> {
    person::Entity::find().filter(person::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// Delegations by key.
pub async fn delegations(conn: &impl ConnectionTrait, ids: &[DelegationId]) -> Result<Vec<delegation::Model>, DbErr> {
    delegation::Entity::find().filter(delegation::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// Regions by key.
pub async fn regions(conn: &impl ConnectionTrait, ids: &[RegionId]) -> Result<Vec<region::Model>, DbErr> {
    region::Entity::find().filter(region::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// The roles that there are.
pub async fn roles(conn: &impl ConnectionTrait) -> Result<Vec<role::Model>, DbErr> {
    role::Entity::find().order_by_asc(role::Column::Code).all(conn).await
}

/// Codes of the roles that people hold.
pub async fn roles_of(
    conn: &impl ConnectionTrait,
    people: &[PersonId],
) -> Result<HashMap<PersonId, Vec<String>>, DbErr> {
    let rows = person_role::Entity::find()
        .filter(person_role::Column::PersonId.is_in(people.iter().copied()))
        .order_by_asc(person_role::Column::RoleCode)
        .all(conn)
        .await?;
    let mut roles: HashMap<PersonId, Vec<String>> = HashMap::new();
    for row in rows {
        roles.entry(row.person_id).or_default().push(row.role_code);
    }
    Ok(roles)
}

/// Mandates of a deputy that are not ended and end on a day or later.
pub async fn mandates_from(
    conn: &impl ConnectionTrait,
    deputy: PersonId,
    day: NaiveDate,
) -> Result<Vec<deputy::Model>, DbErr> {
    deputy::Entity::find()
        .filter(deputy::Column::DeputyId.eq(deputy))
        .filter(deputy::Column::EndedAt.is_null())
        .filter(deputy::Column::LastDay.gte(day))
        .order_by_asc(deputy::Column::Id)
        .all(conn)
        .await
}

/// People as far as access is concerned, with their roles; those who are deactivated are left out.
pub async fn active_people(conn: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<Arc<Person>>, DbErr> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut roles = roles_of(conn, ids).await?;
    let rows = people(conn, ids).await?;
    Ok(rows
        .into_iter()
        .filter(|p| p.active)
        .map(|p| Arc::new(known(roles.remove(&p.id).unwrap_or_default(), p)))
        .collect())
}

fn known(roles: Vec<String>, person: person::Model) -> Person {
    Person {
        id: person.id,
        name: format!("{} {}", person.given_name, person.family_name),
        email: person.email,
        language: person.language,
        delegation: person.delegation_id,
        region: person.region_id,
        roles,
    }
}

/// Adds a session.
pub async fn insert_session(conn: &impl ConnectionTrait, row: session::ActiveModel) -> Result<SessionId, DbErr> {
    Ok(session::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Ends a session; whether it was open.
pub async fn revoke_session(
    conn: &impl ConnectionTrait,
    id: SessionId,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<bool, DbErr> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(at))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::RevokedAt.is_null())
        .exec(conn)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Adds a refresh token.
pub async fn insert_refresh_token(conn: &impl ConnectionTrait, session: SessionId, hash: String) -> Result<(), DbErr> {
    let row = refresh_token::ActiveModel { session_id: Set(session), token_hash: Set(hash), ..Default::default() };
    refresh_token::Entity::insert(row).exec_without_returning(conn).await.map(drop)
}

/// A refresh token by its hash.
pub async fn refresh_token(conn: &impl ConnectionTrait, hash: &str) -> Result<Option<refresh_token::Model>, DbErr> {
    refresh_token::Entity::find().filter(refresh_token::Column::TokenHash.eq(hash)).one(conn).await
}

/// Uses a refresh token up; whether it was unused.
pub async fn use_refresh_token(
    conn: &impl ConnectionTrait,
    token: &refresh_token::Model,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<bool, DbErr> {
    let used = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::value(at))
        .filter(refresh_token::Column::Id.eq(token.id))
        .filter(refresh_token::Column::UsedAt.is_null())
        .exec(conn)
        .await?;
    Ok(used.rows_affected == 1)
}

/// A mandate by key.
pub async fn mandate(conn: &impl ConnectionTrait, id: DeputyId) -> Result<Option<deputy::Model>, DbErr> {
    deputy::Entity::find_by_id(id).one(conn).await
}

/// Mandates given by an absent person that are not ended and end on a day or later.
pub async fn deputies_from(
    conn: &impl ConnectionTrait,
    absent: PersonId,
    day: NaiveDate,
) -> Result<Vec<deputy::Model>, DbErr> {
    deputy::Entity::find()
        .filter(deputy::Column::AbsentId.eq(absent))
        .filter(deputy::Column::EndedAt.is_null())
        .filter(deputy::Column::LastDay.gte(day))
        .order_by_asc(deputy::Column::Id)
        .all(conn)
        .await
}
