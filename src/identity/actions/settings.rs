//! One's own settings.

use ::entity::{
    identity::person,
    vocabulary::{Language, PersonId},
};
use serde_json::json;

use super::{hashed, place_of, request, settled, too_short, users::about};
use crate::{
    action::{Call, perform},
    authz::Permission,
    db::Conn,
    error::{Error, Result},
    identity::{
        attempts,
        error::{Access, Refusal},
        passwords::Password,
        session, store,
    },
    op::Op,
    outbox::{self, Event},
    refusal::{Done, unless_refused},
    version,
};

/// What somebody changes about themselves; what is none stays as it is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The language they want to be spoken to in.
    pub language: Option<Language>,
    /// Their new password.
    pub new_password: Option<Password>,
    /// The one they have now, for a new one.
    pub current_password: Option<Password>,
}

/// A new password's hash, and the old one's that the current password was found to fit.
struct Renewal {
    fits: Option<String>,
    new: Option<String>,
}

/// Changes one's own settings. A new password ends all one's other sessions.
///
/// # Errors
/// Refusals about the passwords.
pub async fn update_settings(op: &Op, call: &Call, settings: &Settings) -> Done<PersonId, Refusal> {
    let renewal = match settings.new_password {
        Some(_) => Some(renewal(op, settings).await?),
        None => None,
    };
    let request = request("updateSettings", call, settings);
    settled(op, call, perform(op, &request, |tx| update(op, tx, call, settings, renewal.as_ref())).await)
}

/// Does the slow work before the transaction: nobody waits for it with a lock in hand.
async fn renewal(op: &Op, settings: &Settings) -> Done<Renewal, Refusal> {
    let me = &op.caller()?.person;
    let trier = session::attempt(op, &me.email).await?;
    let kept = store::people(&op.conn(), &[me.id]).await?.pop().and_then(|p| p.password_hash);
    let fits = match &settings.current_password {
        Some(password) => password.clone().fits(kept.clone()).await?,
        None => false,
    };
    if fits {
        attempts::forget(op, &trier).await?;
    }
    Ok(Renewal { fits: kept.filter(|_| fits), new: hashed(settings.new_password.as_ref()).await? })
}

async fn update(
    op: &Op,
    tx: Conn,
    call: &Call,
    settings: &Settings,
    renewal: Option<&Renewal>,
) -> Done<PersonId, Refusal> {
    let me = op.me()?;
    let before = store::people_held(&tx, &[me]).await?.pop().ok_or(Error::NotFound)?;
    if !op.acts(Permission::UpdateSettings, call.name()).covers(&place_of(&before)) {
        return Err(Error::Forbidden.into());
    }
    version::check(&tx, call, Some(about(me)), before.version).await?;
    let mut refusals = Vec::new();
    if renewal.is_some_and(|r| r.fits.is_none() || r.fits != before.password_hash) {
        refusals.push(Access::WrongPassword.into());
    }
    refusals.extend(too_short(settings.new_password.as_ref(), "newPassword"));
    unless_refused(refusals)?;
    let version = before.version;
    let after = after(before, settings, renewal);
    if !store::update_person(&tx, after).await? {
        return version::overtaken(&tx, Some(about(me)), version, version + 1).await;
    }
    if renewal.is_some() {
        store::revoke_sessions(&tx, me, Some(op.caller()?.session), op.now).await?;
    }
    record(op, &tx, call, settings).await?;
    Ok(me)
}

fn after(before: person::Model, settings: &Settings, renewal: Option<&Renewal>) -> person::Model {
    person::Model {
        language: settings.language.unwrap_or(before.language),
        password_hash: renewal.and_then(|r| r.new.clone()).or(before.password_hash),
        ..before
    }
}

async fn record(op: &Op, tx: &Conn, call: &Call, settings: &Settings) -> Result<()> {
    let mut event = Event::new("identity.settings_updated", about(op.me()?));
    event.changes = json!({ "language": settings.language, "password": settings.new_password.is_some() });
    outbox::record(op, tx, call, event).await.map(drop)
}
