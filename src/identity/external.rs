//! From what an issuer's token proves to a person and a session of ours.
//!
//! Whose a token is says its subject, once that is known: it is put to a person the first time that the issuer
//! says of an e-mail address of ours that it is theirs, and stays. Another subject with the same address is
//! somebody else. Each token opens a session, which ends as any other does: by signing out, by the issuer's
//! word (back-channel logout), by deactivation.

use std::sync::Arc;

use ::entity::{
    identity::{external_identity, person, session},
    vocabulary::{Language, PersonId, SessionId},
};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveValue::Set, DbErr};
use serde_json::json;

use super::{
    issuer::Bearer,
    oidc::{Access, Logout, Proven, Provider},
    store,
};
use crate::{
    action::Call,
    app::App,
    db::Conn,
    error::{Error, Result, is_duplicate},
    op::Op,
    outbox::{self, Event, Subject},
};

/// How often one begins again where another request does the same at the same time.
const ATTEMPTS: u32 = 3;
/// How long it is remembered that somebody logged out: longer than tokens live.
const REMEMBERED: chrono::Duration = chrono::Duration::days(7);

/// What the issuer's token gives: whose, under which session, until when.
///
/// # Errors
/// When the database cannot be read or written.
pub(super) async fn bearer(app: &Arc<App>, issuer: &Provider, token: &str) -> Result<Option<Bearer>> {
    let Some(proven) = issuer.access(token, app.clock.now()).await else { return Ok(None) };
    let Some((person, session)) = opened(app, issuer, &proven).await? else { return Ok(None) };
    Ok(Some(Bearer { person, session, until: proven.access.until }))
}

async fn opened(app: &Arc<App>, issuer: &Provider, proven: &Proven) -> Result<Option<(PersonId, SessionId)>> {
    if let Some(opened) = proven.opened.get() {
        return Ok(Some(*opened));
    }
    let mut attempt = 1;
    let found = loop {
        match found_or_opened(app, issuer, &proven.access).await {
            Err(Error::Busy(_)) if attempt < ATTEMPTS => attempt += 1,
            found => break found?,
        }
    };
    // Which session a token opened never changes; whether it is over is looked at each time.
    Ok(found.map(|found| *proven.opened.get_or_init(|| found)))
}

async fn found_or_opened(app: &Arc<App>, issuer: &Provider, access: &Access) -> Result<Option<(PersonId, SessionId)>> {
    if let Some(session) = store::session_of_token(app.database.reader(), &access.hash).await? {
        return Ok(Some((session.person_id, session.id)));
    }
    let op = Op::new(app.clone(), None, Language::Fr, "sign-in".to_owned());
    let conn = op.begin().await?;
    match admitted(&op, &conn, &issuer.settings().issuer, access).await {
        Ok(Some(found)) => {
            conn.commit().await?;
            app.outbox.wake();
            Ok(Some(found))
        }
        nobody => {
            conn.rollback().await?;
            nobody
        }
    }
}

async fn admitted(op: &Op, conn: &Conn, issuer: &str, access: &Access) -> Result<Option<(PersonId, SessionId)>> {
    let Some(person) = whose(op, conn, issuer, access).await?.filter(|person| person.active) else {
        tracing::info!("a token of the issuer's is of nobody here");
        return Ok(None);
    };
    if store::has_logged_out(conn, person.id, access.sid.as_deref(), access.issued_at).await? {
        return Ok(None);
    }
    let row = session::ActiveModel {
        person_id: Set(person.id),
        created_at: Set(op.now),
        expires_at: Set(access.until),
        revoked_at: Set(None),
        token_hash: Set(Some(access.hash.clone())),
        issuer_sid: Set(access.sid.clone()),
        ..Default::default()
    };
    Ok(Some((person.id, store::insert_session(conn, row).await.map_err(meanwhile)?)))
}

/// Whose a subject is; put to the person with its e-mail address where it is seen for the first time.
async fn whose(op: &Op, conn: &Conn, issuer: &str, access: &Access) -> Result<Option<person::Model>> {
    if let Some(person) = store::person_of_subject(conn, issuer, &access.subject).await? {
        return Ok(Some(person));
    }
    let Some(email) = &access.email else { return Ok(None) };
    let Some(person) = store::person_by_email(conn, email).await?.filter(|person| person.active) else {
        return Ok(None);
    };
    if let Some(linked) = store::subject_of(conn, issuer, person.id).await? {
        if linked.subject == access.subject {
            // Another request with the same subject was faster.
            return Ok(Some(person));
        }
        tracing::warn!(
            person = person.id.0,
            "another subject of the issuer's has the e-mail address of somebody linked"
        );
        return Ok(None);
    }
    if store::is_of_a_key(conn, person.id).await? {
        return Ok(None);
    }
    let row = external_identity::ActiveModel {
        person_id: Set(person.id),
        issuer: Set(issuer.to_owned()),
        subject: Set(access.subject.clone()),
        linked_at: Set(op.now),
        ..Default::default()
    };
    store::insert_identity(conn, row).await.map_err(meanwhile)?;
    let mut event = Event::new("identity.user_linked", Subject { kind: "Person", id: person.id.0 });
    event.changes = json!({ "issuer": issuer, "subject": access.subject });
    outbox::record(op, conn, &Call::default(), event).await?;
    Ok(Some(person))
}

/// Another request with the same token, or the same subject, was faster: begin again, and find what it wrote.
fn meanwhile(error: DbErr) -> Error {
    if is_duplicate(&error) { Error::Busy(error) } else { error.into() }
}

/// Ends what the issuer says is over: one session of somebody's, or all that they have.
///
/// # Errors
/// [`Error::Unauthenticated`] where the token is no logout token of the issuer's.
pub async fn log_out(app: &Arc<App>, token: &str) -> Result<()> {
    let issuer = app.oidc.as_ref().ok_or(Error::NotFound)?;
    let Logout { subject, sid } = issuer.logout(token, app.clock.now()).await.ok_or(Error::Unauthenticated)?;
    let op = Op::new(app.clone(), None, Language::Fr, "logout".to_owned());
    let conn = op.begin().await?;
    for person in concerned(&conn, &issuer.settings().issuer, subject.as_deref(), sid.as_deref()).await? {
        store::insert_session(&conn, mark(person, sid.as_deref(), op.now)).await?;
        store::revoke_external(&conn, person, sid.as_deref(), op.now).await?;
        let mut event = Event::new("identity.logged_out", Subject { kind: "Person", id: person.0 });
        event.reason = Some("the issuer says so".to_owned());
        outbox::record(&op, &conn, &Call::default(), event).await?;
    }
    conn.commit().await?;
    app.directory.forget();
    app.outbox.wake();
    Ok(())
}

/// Whom a logout is about: whose the subject is, or whoever has the session.
async fn concerned(conn: &Conn, issuer: &str, subject: Option<&str>, sid: Option<&str>) -> Result<Vec<PersonId>> {
    match (subject, sid) {
        (Some(subject), _) => {
            Ok(store::person_of_subject(conn, issuer, subject).await?.map(|person| person.id).into_iter().collect())
        }
        (None, Some(sid)) => Ok(store::people_of_sid(conn, sid).await?),
        (None, None) => Ok(Vec::new()),
    }
}

/// A session that is over, to be remembered by: tokens made before it open none any more. Without a session of
/// the issuer's it counts for all of them.
pub(super) fn mark(person: PersonId, sid: Option<&str>, at: DateTime<Utc>) -> session::ActiveModel {
    session::ActiveModel {
        person_id: Set(person),
        created_at: Set(at),
        expires_at: Set(at + REMEMBERED),
        revoked_at: Set(Some(at)),
        token_hash: Set(None),
        issuer_sid: Set(Some(sid.unwrap_or_default().to_owned())),
        ..Default::default()
    }
}
