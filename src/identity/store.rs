//! All SQL of the context.

use std::{collections::HashMap, sync::Arc};

use ::entity::{
    identity::{
        api_key, delegation, deputy, external_identity, former_place, person, person_role, refresh_token, region, role,
        session, sign_in_attempt,
    },
    vocabulary::{ApiKeyId, DelegationId, DeputyId, PersonId, RegionId, SessionId},
};
use chrono::{DateTime, NaiveDate, Utc};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement},
};

use crate::{
    authz::{Person, Place, Reach},
    db::Conn,
};

/// The advisory lock of whoever changes who may administer.
const ADMINISTRATION: i64 = 0x5e5a_3e02;

/// Waits until no other transaction changes who may administer people and policy. Two changes that are
/// harmless each could together leave nobody; on SQLite there is one writer in any case.
pub async fn one_at_a_time(conn: &Conn) -> Result<(), DbErr> {
    if conn.is_postgres() {
        conn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({ADMINISTRATION})")).await?;
    }
    Ok(())
}

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

/// Everybody who can sign in, as far as access is concerned, in the order of keys.
pub async fn everybody(conn: &impl ConnectionTrait) -> Result<Vec<Arc<Person>>, DbErr> {
    let mut roles = roles_of_active(conn).await?;
    let active = person::Entity::find().filter(person::Column::Active.eq(true));
    let rows = active.order_by_asc(person::Column::Id).all(conn).await?;
    let of = |row: person::Model| {
        let mut held = roles.remove(&row.id).unwrap_or_default();
        held.sort_unstable();
        Arc::new(known(held, row))
    };
    Ok(rows.into_iter().map(of).collect())
}

/// The mandates that hold on a day.
pub async fn mandates_on(conn: &impl ConnectionTrait, day: NaiveDate) -> Result<Vec<deputy::Model>, DbErr> {
    deputy::Entity::find()
        .filter(deputy::Column::EndedAt.is_null())
        .filter(deputy::Column::FirstDay.lte(day))
        .filter(deputy::Column::LastDay.gte(day))
        .order_by_asc(deputy::Column::Id)
        .all(conn)
        .await
}

/// A mandate by key, whoever asks.
pub async fn mandate(conn: &impl ConnectionTrait, id: DeputyId) -> Result<Option<deputy::Model>, DbErr> {
    deputy::Entity::find_by_id(id).one(conn).await
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
pub async fn revoke_session(conn: &impl ConnectionTrait, id: SessionId, at: DateTime<Utc>) -> Result<bool, DbErr> {
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
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let used = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::value(at))
        .filter(refresh_token::Column::Id.eq(token.id))
        .filter(refresh_token::Column::UsedAt.is_null())
        .exec(conn)
        .await?;
    Ok(used.rows_affected == 1)
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

/// People by key, in the order of their keys, held until the transaction ends.
pub async fn people_held(conn: &impl ConnectionTrait, ids: &[PersonId]) -> Result<Vec<person::Model>, DbErr> {
    person::Entity::find()
        .filter(person::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(person::Column::Id)
        .lock_exclusive()
        .all(conn)
        .await
}

/// The roles of each active person; API keys are nobody who could look after anything.
pub async fn roles_of_active(conn: &impl ConnectionTrait) -> Result<HashMap<PersonId, Vec<String>>, DbErr> {
    let rows: Vec<(PersonId, Option<String>)> = person::Entity::find()
        .filter(person::Column::Active.eq(true))
        .filter(person::Column::Id.not_in_subquery(people_of_keys()))
        .join_rev(
            sea_orm::JoinType::LeftJoin,
            person_role::Entity::belongs_to(person::Entity)
                .from(person_role::Column::PersonId)
                .to(person::Column::Id)
                .into(),
        )
        .select_only()
        .column(person::Column::Id)
        .column(person_role::Column::RoleCode)
        .into_tuple()
        .all(conn)
        .await?;
    let mut roles: HashMap<PersonId, Vec<String>> = HashMap::new();
    for (person, role) in rows {
        roles.entry(person).or_default().extend(role);
    }
    Ok(roles)
}

/// Whether somebody else has an e-mail address.
pub async fn is_email_taken(conn: &impl ConnectionTrait, email: &str, except: Option<PersonId>) -> Result<bool, DbErr> {
    Ok(person_by_email(conn, email).await?.is_some_and(|p| Some(p.id) != except))
}

/// Whether somebody else has a code.
pub async fn is_code_taken(conn: &impl ConnectionTrait, code: &str, except: Option<PersonId>) -> Result<bool, DbErr> {
    let found = person::Entity::find().filter(person::Column::Code.eq(code)).one(conn).await?;
    Ok(found.is_some_and(|p| Some(p.id) != except))
}

/// Whether there is any person yet.
pub async fn is_anybody_there(conn: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(person::Entity::find().one(conn).await?.is_some())
}

/// Deletes the sessions that expired or were revoked before a moment, with their refresh tokens.
pub async fn delete_sessions(conn: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<(), DbErr> {
    let of_keys = || Query::select().column(api_key::Column::SessionId).from(api_key::Entity).to_owned();
    let ended = || session::Column::ExpiresAt.lt(before).or(session::Column::RevokedAt.lt(before));
    let over = || ended().and(session::Column::Id.not_in_subquery(of_keys()));
    let theirs = Query::select().column(session::Column::Id).from(session::Entity).and_where(over()).to_owned();
    refresh_token::Entity::delete_many()
        .filter(refresh_token::Column::SessionId.in_subquery(theirs))
        .exec(conn)
        .await?;
    session::Entity::delete_many().filter(over()).exec(conn).await.map(drop)
}

/// A code that nobody has.
pub async fn free_code(conn: &impl ConnectionTrait) -> Result<String, DbErr> {
    let mut number = person::Entity::find().count(conn).await? + 1;
    loop {
        let code = format!("P{number:05}");
        if !is_code_taken(conn, &code, None).await? {
            return Ok(code);
        }
        number += 1;
    }
}

/// Adds a person.
pub async fn insert_person(conn: &impl ConnectionTrait, row: person::ActiveModel) -> Result<PersonId, DbErr> {
    Ok(person::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Writes a person's row as it is to be, one version on; whether it still was at its version.
pub async fn update_person(conn: &impl ConnectionTrait, row: person::Model) -> Result<bool, DbErr> {
    let (id, version) = (row.id, row.version);
    let mut changed = person::Model { version: version + 1, ..row }.into_active_model().reset_all();
    changed.id = sea_orm::ActiveValue::NotSet;
    let written = person::Entity::update_many()
        .set(changed)
        .filter(person::Column::Id.eq(id))
        .filter(person::Column::Version.eq(version))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}

/// Keeps in mind where somebody worked until they moved; what was so for no moment at all is not kept.
pub async fn insert_former_place(
    conn: &impl ConnectionTrait,
    person: &person::Model,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = former_place::ActiveModel {
        person_id: Set(person.id),
        until_at: Set(until),
        delegation_id: Set(person.delegation_id),
        region_id: Set(person.region_id),
    };
    let key = [former_place::Column::PersonId, former_place::Column::UntilAt];
    former_place::Entity::insert(row)
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(conn)
        .await
        .map(drop)
}

/// Where people work, or worked just before a moment.
pub async fn places(
    conn: &impl ConnectionTrait,
    ids: &[PersonId],
    as_of: Option<DateTime<Utc>>,
) -> Result<HashMap<PersonId, Place>, DbErr> {
    let present = people(conn, ids).await?.into_iter().map(|p| (p.id, p.delegation_id, p.region_id));
    let place = |(owner, delegation, region)| (owner, Place { owner: Some(owner), delegation, region });
    let mut places: HashMap<PersonId, Place> = present.map(place).collect();
    let Some(as_of) = as_of else { return Ok(places) };
    let former = former_place::Entity::find()
        .filter(former_place::Column::PersonId.is_in(ids.iter().copied()))
        .filter(former_place::Column::UntilAt.gte(as_of))
        .order_by_desc(former_place::Column::UntilAt)
        .all(conn)
        .await?;
    // The earliest comes last, and is the one that held then.
    places.extend(former.into_iter().map(|f| place((f.person_id, f.delegation_id, f.region_id))));
    Ok(places)
}

/// Gives a person exactly these roles.
pub async fn set_roles(conn: &impl ConnectionTrait, person: PersonId, codes: &[String]) -> Result<(), DbErr> {
    person_role::Entity::delete_many().filter(person_role::Column::PersonId.eq(person)).exec(conn).await?;
    if codes.is_empty() {
        return Ok(());
    }
    let rows =
        codes.iter().map(|code| person_role::ActiveModel { person_id: Set(person), role_code: Set(code.clone()) });
    person_role::Entity::insert_many(rows).exec_without_returning(conn).await.map(drop)
}

/// Adds a role.
pub async fn insert_role(conn: &impl ConnectionTrait, row: role::Model) -> Result<(), DbErr> {
    role::Entity::insert(row.into_active_model()).exec_without_returning(conn).await.map(drop)
}

/// Ends every open session of a person but one.
pub async fn revoke_sessions(
    conn: &impl ConnectionTrait,
    person: PersonId,
    except: Option<SessionId>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(at))
        .filter(session::Column::PersonId.eq(person))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::Id.ne(except.unwrap_or_default()))
        .exec(conn)
        .await
        .map(drop)
}

/// Ends every mandate that a person gave or holds and that ends on a day or later.
pub async fn end_mandates_of(
    conn: &impl ConnectionTrait,
    person: PersonId,
    day: NaiveDate,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let concerned = Condition::any().add(deputy::Column::AbsentId.eq(person)).add(deputy::Column::DeputyId.eq(person));
    deputy::Entity::update_many()
        .col_expr(deputy::Column::EndedAt, Expr::value(at))
        .col_expr(deputy::Column::Version, Expr::col(deputy::Column::Version).add(1))
        .filter(concerned)
        .filter(deputy::Column::EndedAt.is_null())
        .filter(deputy::Column::LastDay.gte(day))
        .exec(conn)
        .await
        .map(drop)
}

/// The mandates that one person gave another, except those that were ended.
pub async fn mandates_between(
    conn: &impl ConnectionTrait,
    absent: PersonId,
    deputy: PersonId,
) -> Result<Vec<deputy::Model>, DbErr> {
    deputy::Entity::find()
        .filter(deputy::Column::AbsentId.eq(absent))
        .filter(deputy::Column::DeputyId.eq(deputy))
        .filter(deputy::Column::EndedAt.is_null())
        .order_by_asc(deputy::Column::FirstDay)
        .all(conn)
        .await
}

/// Adds a mandate.
pub async fn insert_mandate(conn: &impl ConnectionTrait, row: deputy::ActiveModel) -> Result<DeputyId, DbErr> {
    Ok(deputy::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Ends a mandate; whether it still was at its version.
pub async fn end_mandate(
    conn: &impl ConnectionTrait,
    mandate: &deputy::Model,
    at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let written = deputy::Entity::update_many()
        .col_expr(deputy::Column::EndedAt, Expr::value(at))
        .col_expr(deputy::Column::Version, Expr::value(mandate.version + 1))
        .filter(deputy::Column::Id.eq(mandate.id))
        .filter(deputy::Column::Version.eq(mandate.version))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}

/// People within reach, without those of API keys.
#[must_use]
pub fn people_within(reach: &Reach) -> Select<person::Entity> {
    let place = reach.condition(person::Column::Id, person::Column::DelegationId, person::Column::RegionId);
    person::Entity::find().filter(place).filter(person::Column::Id.not_in_subquery(people_of_keys()))
}

/// API keys whose person is within reach.
#[must_use]
pub fn api_keys_within(reach: &Reach) -> Select<api_key::Entity> {
    let place = reach.condition(person::Column::Id, person::Column::DelegationId, person::Column::RegionId);
    let people = Query::select().column(person::Column::Id).from(person::Entity).cond_where(place).to_owned();
    api_key::Entity::find().filter(api_key::Column::PersonId.in_subquery(people))
}

/// Active people within reach.
#[must_use]
pub fn active_within(reach: &Reach) -> Select<person::Entity> {
    people_within(reach).filter(person::Column::Active.eq(true))
}

/// Mandates of absent people within reach, and those that somebody holds; with a day only those that are
/// not ended and end on that day or later.
#[must_use]
pub fn mandates_within(reach: &Reach, deputy: PersonId, from: Option<NaiveDate>) -> Select<deputy::Entity> {
    let absent = people_within(reach).select_only().column(person::Column::Id).into_query();
    let concerned =
        Condition::any().add(deputy::Column::AbsentId.in_subquery(absent)).add(deputy::Column::DeputyId.eq(deputy));
    let mandates = deputy::Entity::find().filter(concerned);
    match from {
        Some(day) => mandates.filter(deputy::Column::EndedAt.is_null()).filter(deputy::Column::LastDay.gte(day)),
        None => mandates,
    }
}

/// A mandate by key, where it is of an absent person within reach, or somebody's.
pub async fn mandate_within(
    conn: &impl ConnectionTrait,
    id: DeputyId,
    reach: &Reach,
    deputy: PersonId,
) -> Result<Option<deputy::Model>, DbErr> {
    mandates_within(reach, deputy, None).filter(deputy::Column::Id.eq(id)).one(conn).await
}

/// Delegations within reach, of one region or of all.
pub async fn delegations_within(
    conn: &impl ConnectionTrait,
    reach: &Reach,
    of_region: Option<RegionId>,
) -> Result<Vec<delegation::Model>, DbErr> {
    let mut select = delegation::Entity::find().order_by_asc(delegation::Column::Code);
    if !reach.all {
        let here = delegation::Column::Id.is_in(reach.delegations.iter().copied());
        select = select.filter(here.or(delegation::Column::RegionId.is_in(reach.regions.iter().copied())));
    }
    if let Some(region) = of_region {
        select = select.filter(delegation::Column::RegionId.eq(region));
    }
    select.all(conn).await
}

/// Regions within reach.
pub async fn regions_within(conn: &impl ConnectionTrait, reach: &Reach) -> Result<Vec<region::Model>, DbErr> {
    let mut select = region::Entity::find().order_by_asc(region::Column::Code);
    if !reach.all {
        select = select.filter(region::Column::Id.is_in(reach.regions.iter().copied()));
    }
    select.all(conn).await
}

/// The session that an issuer's token opened, by the hash of what it says.
pub async fn session_of_token(conn: &impl ConnectionTrait, hash: &str) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find().filter(session::Column::TokenHash.eq(hash)).one(conn).await
}

/// The person whom a subject of an issuer's is.
pub async fn person_of_subject(
    conn: &impl ConnectionTrait,
    issuer: &str,
    subject: &str,
) -> Result<Option<person::Model>, DbErr> {
    let found = external_identity::Entity::find()
        .filter(external_identity::Column::Issuer.eq(issuer))
        .filter(external_identity::Column::Subject.eq(subject))
        .one(conn)
        .await?;
    match found {
        Some(identity) => person::Entity::find_by_id(identity.person_id).one(conn).await,
        None => Ok(None),
    }
}

/// The subject that a person is at an issuer.
pub async fn subject_of(
    conn: &impl ConnectionTrait,
    issuer: &str,
    person: PersonId,
) -> Result<Option<external_identity::Model>, DbErr> {
    external_identity::Entity::find()
        .filter(external_identity::Column::PersonId.eq(person))
        .filter(external_identity::Column::Issuer.eq(issuer))
        .one(conn)
        .await
}

/// Puts a subject of an issuer's to a person.
pub async fn insert_identity(conn: &impl ConnectionTrait, row: external_identity::ActiveModel) -> Result<(), DbErr> {
    external_identity::Entity::insert(row).exec_without_returning(conn).await.map(drop)
}

/// Takes the subjects of every issuer from a person; whether there was any.
pub async fn delete_identities(conn: &impl ConnectionTrait, person: PersonId) -> Result<bool, DbErr> {
    let gone = external_identity::Entity::delete_many()
        .filter(external_identity::Column::PersonId.eq(person))
        .exec(conn)
        .await?;
    Ok(gone.rows_affected > 0)
}

/// Whether somebody logged out after a moment: of one session of the issuer's, or of all. Where it is not
/// known of which session a token is, each counts.
pub async fn has_logged_out(
    conn: &impl ConnectionTrait,
    person: PersonId,
    sid: Option<&str>,
    since: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let concerned = match sid {
        Some(sid) => session::Column::IssuerSid.is_in([sid, ""]),
        None => session::Column::IssuerSid.is_not_null(),
    };
    let mark = session::Entity::find()
        .filter(session::Column::PersonId.eq(person))
        .filter(session::Column::TokenHash.is_null())
        .filter(concerned)
        .filter(session::Column::RevokedAt.gte(since))
        .one(conn)
        .await?;
    Ok(mark.is_some())
}

/// Ends the sessions that an issuer's tokens opened for somebody: those of one session of the issuer's and those
/// of which that is not known, or all.
pub async fn revoke_external(
    conn: &impl ConnectionTrait,
    person: PersonId,
    sid: Option<&str>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let of_sid = sid.map(|sid| session::Column::IssuerSid.eq(sid).or(session::Column::IssuerSid.is_null()));
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(at))
        .filter(session::Column::PersonId.eq(person))
        .filter(session::Column::TokenHash.is_not_null())
        .filter(session::Column::RevokedAt.is_null())
        .filter(Condition::all().add_option(of_sid))
        .exec(conn)
        .await
        .map(drop)
}

/// The people who have, or had, a session of the issuer's.
pub async fn people_of_sid(conn: &impl ConnectionTrait, sid: &str) -> Result<Vec<PersonId>, DbErr> {
    session::Entity::find()
        .select_only()
        .column(session::Column::PersonId)
        .distinct()
        .filter(session::Column::IssuerSid.eq(sid))
        .into_tuple()
        .all(conn)
        .await
}

/// API keys by key.
pub async fn api_keys(conn: &impl ConnectionTrait, ids: &[ApiKeyId]) -> Result<Vec<api_key::Model>, DbErr> {
    api_key::Entity::find().filter(api_key::Column::Id.is_in(ids.iter().copied())).all(conn).await
}

/// An API key by its hash.
pub async fn api_key_by_hash(conn: &impl ConnectionTrait, hash: &str) -> Result<Option<api_key::Model>, DbErr> {
    api_key::Entity::find().filter(api_key::Column::KeyHash.eq(hash)).one(conn).await
}

/// The API key that a session belongs to.
pub async fn api_key_of_session(conn: &impl ConnectionTrait, id: SessionId) -> Result<Option<api_key::Model>, DbErr> {
    api_key::Entity::find().filter(api_key::Column::SessionId.eq(id)).one(conn).await
}

/// Whether somebody is the person of an API key.
pub async fn is_of_a_key(conn: &impl ConnectionTrait, person: PersonId) -> Result<bool, DbErr> {
    Ok(api_key::Entity::find().filter(api_key::Column::PersonId.eq(person)).one(conn).await?.is_some())
}

/// The people of API keys.
fn people_of_keys() -> SelectStatement {
    Query::select().column(api_key::Column::PersonId).from(api_key::Entity).to_owned()
}

/// Adds an API key.
pub async fn insert_api_key(conn: &impl ConnectionTrait, row: api_key::ActiveModel) -> Result<ApiKeyId, DbErr> {
    Ok(api_key::Entity::insert(row).exec(conn).await?.last_insert_id)
}

/// Writes an API key's row as it is to be, one version on; whether it still was at its version. When it was used
/// is written elsewhere.
pub async fn update_api_key(conn: &impl ConnectionTrait, row: api_key::Model) -> Result<bool, DbErr> {
    let (id, version) = (row.id, row.version);
    let mut changed = api_key::Model { version: version + 1, ..row }.into_active_model().reset_all();
    changed.id = sea_orm::ActiveValue::NotSet;
    changed.last_used_at = sea_orm::ActiveValue::NotSet;
    let written = api_key::Entity::update_many()
        .set(changed)
        .filter(api_key::Column::Id.eq(id))
        .filter(api_key::Column::Version.eq(version))
        .exec(conn)
        .await?;
    Ok(written.rows_affected == 1)
}

/// Lets a session end at another moment.
pub async fn prolong_session(conn: &impl ConnectionTrait, id: SessionId, until: DateTime<Utc>) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::ExpiresAt, Expr::value(until))
        .filter(session::Column::Id.eq(id))
        .exec(conn)
        .await
        .map(drop)
}

/// Writes when an API key was used, unless that is known to be later than a moment.
pub async fn note_use(
    conn: &impl ConnectionTrait,
    id: ApiKeyId,
    at: DateTime<Utc>,
    unless_since: DateTime<Utc>,
) -> Result<(), DbErr> {
    let is_older = api_key::Column::LastUsedAt.is_null().or(api_key::Column::LastUsedAt.lte(unless_since));
    api_key::Entity::update_many()
        .col_expr(api_key::Column::LastUsedAt, Expr::value(at))
        .filter(api_key::Column::Id.eq(id))
        .filter(is_older)
        .exec(conn)
        .await
        .map(drop)
}

/// What was tried by somebody, held until the transaction ends; nothing so far where they are new.
pub async fn attempts_held(
    conn: &impl ConnectionTrait,
    trier: &str,
    now: DateTime<Utc>,
) -> Result<sign_in_attempt::Model, DbErr> {
    let none = sign_in_attempt::Model { trier: trier.to_owned(), attempts: 0, last_at: now };
    sign_in_attempt::Entity::insert(none.clone().into_active_model().reset_all())
        .on_conflict(OnConflict::column(sign_in_attempt::Column::Trier).do_nothing().to_owned())
        .exec_without_returning(conn)
        .await?;
    let row = sign_in_attempt::Entity::find_by_id(trier).lock_exclusive().one(conn).await?;
    Ok(row.unwrap_or(none))
}

/// Writes what was tried.
pub async fn update_attempts(conn: &impl ConnectionTrait, row: sign_in_attempt::Model) -> Result<(), DbErr> {
    sign_in_attempt::Entity::update_many()
        .col_expr(sign_in_attempt::Column::Attempts, Expr::value(row.attempts))
        .col_expr(sign_in_attempt::Column::LastAt, Expr::value(row.last_at))
        .filter(sign_in_attempt::Column::Trier.eq(row.trier))
        .exec(conn)
        .await
        .map(drop)
}

/// Forgets what somebody tried.
pub async fn delete_attempts_of(conn: &impl ConnectionTrait, trier: &str) -> Result<(), DbErr> {
    sign_in_attempt::Entity::delete_many().filter(sign_in_attempt::Column::Trier.eq(trier)).exec(conn).await.map(drop)
}

/// Forgets what was tried for the last time before a moment.
pub async fn delete_attempts(conn: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<(), DbErr> {
    sign_in_attempt::Entity::delete_many().filter(sign_in_attempt::Column::LastAt.lt(before)).exec(conn).await.map(drop)
}
