//! Signing in, renewing, signing out.

use std::time::{Duration as Pause, Instant};

use ::entity::{
    identity::session,
    vocabulary::{PersonId, SessionId},
};
use chrono::Duration;
use rand::RngExt;
use sea_orm::ActiveValue::Set;
use sha2::{Digest, Sha256};

use super::{
    attempts::Trier,
    error::{Access, Refusal},
    issuer::AccessToken,
    passwords::Password,
    store,
};
use crate::{
    action::Call,
    app::App,
    db::Conn,
    error::{Error, Result},
    observe::Disproved,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused},
};

/// What one gets by signing in.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Short-lived, for every request.
    pub access: AccessToken,
    /// Long-lived, for one renewal.
    pub refresh: String,
}

/// Signs somebody in with e-mail address and password.
///
/// # Errors
/// The same refusal, in the same time, for an unknown address and for a wrong password.
pub async fn sign_in(op: &Op, email: &str, password: Password) -> Done<Tokens, Refusal> {
    let trier = attempt(op, email).await?;
    let found = store::person_by_email(&op.conn(), email).await?.filter(|p| p.active);
    // The demonstration's password is public, and shorter than one that can be chosen: elsewhere it opens nothing.
    let opens = op.app.settings.demo || password.is_long_enough();
    let hash = found.as_ref().and_then(|p| p.password_hash.clone()).filter(|_| opens);
    let fits = password.fits(hash).await?;
    match found {
        Some(person) if fits => {
            op.app.directory.attempts.forget(&trier);
            Ok(open(op, person.id).await?)
        }
        Some(_) | None => {
            op.app.metrics.disproved(Disproved::Password);
            refused(Access::WrongCredentials.into())
        }
    }
}

/// Waits for one's turn to try a password (K-13).
///
/// # Errors
/// A refusal where one would have to wait too long.
pub(super) async fn attempt(op: &Op, email: &str) -> Done<Trier, Refusal> {
    let trier = Trier { email: email.to_owned(), address: op.address };
    match op.app.directory.attempts.admit(&trier, Instant::now()) {
        Ok(Pause::ZERO) => Ok(trier),
        Ok(wait) => {
            tokio::time::sleep(wait).await;
            Ok(trier)
        }
        Err(wait) => {
            op.app.metrics.disproved(Disproved::Attempts);
            refused(Access::TooManyAttempts { seconds: wait.as_secs() + 1 }.into())
        }
    }
}

/// Opens a session for somebody.
///
/// # Errors
/// When the database cannot be written.
pub async fn open(op: &Op, person: PersonId) -> Result<Tokens> {
    let conn = op.begin().await?;
    let session = opened(op, &conn, person, Duration::days(op.app.settings.session_days.into())).await?;
    let tokens = tokens(op, &conn, person, session).await?;
    conn.commit().await?;
    Ok(tokens)
}

async fn opened(op: &Op, conn: &Conn, person: PersonId, life: Duration) -> Result<SessionId> {
    let row = session::ActiveModel {
        person_id: Set(person),
        created_at: Set(op.now),
        expires_at: Set(op.now + life),
        revoked_at: Set(None),
        ..Default::default()
    };
    Ok(store::insert_session(conn, row).await?)
}

/// Opens a session without a password and gives its only token, good for so many days: for whoever
/// runs the server. It can be ended like any other session.
///
/// # Errors
/// [`Error::NotFound`] where no active person has the address.
pub async fn token(op: &Op, email: &str, days: u32) -> Result<AccessToken> {
    let person = store::person_by_email(&op.conn(), email).await?.filter(|p| p.active).ok_or(Error::NotFound)?;
    let life = Duration::days(days.into());
    let conn = op.begin().await?;
    let session = opened(op, &conn, person.id, life).await?;
    let mut event = Event::new("identity.token_issued", Subject { kind: "Session", id: session.0 });
    event.reason = Some("issued on the command line".to_owned());
    outbox::record(op, &conn, &Call::default(), event).await?;
    conn.commit().await?;
    op.app.outbox.wake();
    op.app.issuer.issue(person.id, session, op.now, Some(life)).map_err(|e| Error::Internal(e.into()))
}

async fn tokens(op: &Op, conn: &Conn, person: PersonId, session: SessionId) -> Result<Tokens> {
    let refresh = crate::hex(&rand::rng().random::<[u8; 32]>());
    store::insert_refresh_token(conn, session, fingerprint(&refresh)).await?;
    let access = op.app.issuer.issue(person, session, op.now, None).map_err(|e| Error::Internal(e.into()))?;
    Ok(Tokens { access, refresh })
}

/// Renews a session: the refresh token is used up and replaced. A second use of one betrays that
/// somebody copied it, and ends the session for both.
///
/// # Errors
/// A refusal where the token is unknown, used before, or the session has ended.
pub async fn refresh(op: &Op, token: &str) -> Done<Tokens, Refusal> {
    let conn = op.begin().await?;
    let Some(found) = store::refresh_token(&conn, &fingerprint(token)).await? else {
        conn.rollback().await?;
        return refused(Access::SessionEnded.into());
    };
    let Some((session, person)) = store::session_of(&conn, found.session_id).await? else {
        return Err(Error::defect("a refresh token without a session").into());
    };
    let ended = session.revoked_at.is_some() || session.expires_at <= op.now || !person.active;
    if ended {
        conn.rollback().await?;
        return refused(Access::SessionEnded.into());
    }
    if !store::use_refresh_token(&conn, &found, op.now).await? {
        end(op, &conn, session.id, "refresh token used twice").await?;
        conn.commit().await?;
        op.app.directory.forget();
        op.app.outbox.wake();
        return refused(Access::SessionEnded.into());
    }
    let tokens = tokens(op, &conn, person.id, session.id).await?;
    conn.commit().await?;
    Ok(tokens)
}

/// Ends the caller's session; it is over at once, on every process and open socket.
///
/// # Errors
/// A refusal where it ended at this very moment.
pub async fn sign_out(op: &Op) -> Done<(), Refusal> {
    let session = op.caller()?.session;
    let conn = op.begin().await?;
    let ended = end(op, &conn, session, "signed out").await?;
    conn.commit().await?;
    op.app.directory.forget();
    op.app.outbox.wake();
    if ended { Ok(()) } else { refused(Access::SignedOut.into()) }
}

/// Ends a session; whether it was open.
async fn end(op: &Op, conn: &Conn, session: SessionId, why: &str) -> Result<bool> {
    let ended = store::revoke_session(conn, session, op.now).await?;
    if ended {
        let mut event = Event::new("identity.session_ended", Subject { kind: "Session", id: session.0 });
        event.reason = Some(why.to_owned());
        outbox::record(op, conn, &Call::default(), event).await?;
    }
    Ok(ended)
}

/// How long a session that is over is kept, to tell a stolen refresh token from an unknown one.
const KEPT: Duration = Duration::days(7);

/// Forgets the sessions that have been over for a week, with their refresh tokens.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(app: &App) -> Result<()> {
    // No transaction: a session that is over gets no new token between the two statements.
    Ok(store::delete_sessions(app.database.writer(), app.clock.now() - KEPT).await?)
}

fn fingerprint(token: &str) -> String {
    crate::hex(&Sha256::digest(token))
}
