//! Signing in, renewing, signing out.

use ::entity::{
    identity::session,
    vocabulary::{PersonId, SessionId},
};
use chrono::Duration;
use rand::RngExt;
use sea_orm::ActiveValue::Set;
use sha2::{Digest, Sha256};

use super::{
    attempts::{self, Trier},
    error::{Access, Refusal},
    external,
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
    at_home(op)?;
    let trier = attempt(op, email).await?;
    let found = store::person_by_email(&op.conn(), email).await?.filter(|p| p.active);
    // The demonstration's password is public, and shorter than one that can be chosen: elsewhere it opens nothing.
    let opens = op.app.settings.demo || password.is_long_enough();
    let hash = found.as_ref().and_then(|p| p.password_hash.clone()).filter(|_| opens);
    let fits = password.fits(hash).await?;
    match found {
        Some(person) if fits => {
            attempts::forget(op, &trier).await?;
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
    let trier = Trier::new(email, op.address);
    match attempts::admit(op, &trier).await? {
        Ok(wait) => {
            // What is not longer than nothing is not waited for.
            tokio::time::sleep(wait.to_std().unwrap_or_default()).await;
            Ok(trier)
        }
        Err(wait) => {
            op.app.metrics.disproved(Disproved::Attempts);
            refused(Access::TooManyAttempts { seconds: wait.num_seconds() + 1 }.into())
        }
    }
}

/// Goes on only where people sign in here.
fn at_home(op: &Op) -> Done<(), Refusal> {
    match &op.app.oidc {
        Some(issuer) => refused(Access::SignInElsewhere { issuer: issuer.settings().issuer.clone() }.into()),
        None => Ok(()),
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
/// [`Error::NotFound`] where no active person has the address, [`Error::Forbidden`] where people sign in elsewhere.
pub async fn token(op: &Op, email: &str, days: u32) -> Result<AccessToken> {
    if op.app.oidc.is_some() {
        return Err(Error::Forbidden);
    }
    let person = store::person_by_email(&op.conn(), email).await?.filter(|p| p.active).ok_or(Error::NotFound)?;
    if store::is_of_a_key(&op.conn(), person.id).await? {
        return Err(Error::NotFound);
    }
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
    at_home(op)?;
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
    let caller = op.caller()?;
    let conn = op.begin().await?;
    let ended = end(op, &conn, caller.session, "signed out").await?;
    end_elsewhere(op, &conn, caller.person.id, caller.session).await?;
    conn.commit().await?;
    op.app.directory.forget();
    op.app.outbox.wake();
    if ended { Ok(()) } else { refused(Access::SignedOut.into()) }
}

/// Ends what hangs on the same session of the issuer's: every token that it gave for it so far.
async fn end_elsewhere(op: &Op, conn: &Conn, person: PersonId, session: SessionId) -> Result<()> {
    let Some(sid) = store::session_of(conn, session).await?.and_then(|(session, _)| session.issuer_sid) else {
        return Ok(());
    };
    store::insert_session(conn, external::mark(person, Some(&sid), op.now)).await?;
    store::revoke_external(conn, person, Some(&sid), op.now).await?;
    let event = Event::new("identity.logged_out", Subject { kind: "Person", id: person.0 });
    outbox::record(op, conn, &Call::default(), event).await.map(drop)
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

/// Forgets the sessions that have been over for a week, with their refresh tokens, and old attempts at passwords.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(app: &App) -> Result<()> {
    store::delete_attempts(app.database.writer(), app.clock.now() - attempts::FORGOTTEN).await?;
    // No transaction: a session that is over gets no new token between the two statements.
    Ok(store::delete_sessions(app.database.writer(), app.clock.now() - KEPT).await?)
}

fn fingerprint(token: &str) -> String {
    crate::hex(&Sha256::digest(token))
}
