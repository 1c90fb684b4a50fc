//! Whoever runs the server lets somebody administer it: the first person of a new database, or one who
//! is locked out. There is no caller, so the policy is not asked; the event says where it came from.

use ::entity::{
    identity::person,
    vocabulary::{Language, PersonId},
};

use super::{
    too_short,
    users::{Profile, about, insert},
};
use crate::{
    action::Call,
    db::Conn,
    error::Result,
    identity::{error::Refusal, passwords::Password, roles::ADMINISTRATOR, store},
    op::Op,
    outbox::{self, Event},
    refusal::{Done, unless_refused},
};

/// Who is to administer the platform.
#[derive(Clone, Debug)]
pub struct Administrator {
    /// E-mail address; where nobody has it, a person is made.
    pub email: String,
    /// Given name of a new person.
    pub given_name: String,
    /// Family name of a new person.
    pub family_name: String,
    /// Password from now on.
    pub password: Password,
}

/// Gives somebody the administrator's role and a new password, and lets them in. Sessions that were open
/// under the old password end.
///
/// # Errors
/// A refusal where the password is too short.
pub async fn appoint(op: &Op, who: &Administrator) -> Done<PersonId, Refusal> {
    unless_refused(too_short(Some(&who.password), "password").into_iter().collect())?;
    let hash = who.password.clone().hashed().await?;
    let tx = op.begin().await?;
    store::one_at_a_time(&tx).await?;
    let (id, kind) = match store::person_by_email(&tx, &who.email).await? {
        Some(person) => (readmitted(op, &tx, person, hash).await?, "identity.user_updated"),
        None => (admitted(op, &tx, who, hash).await?, "identity.user_created"),
    };
    let mut event = Event::new(kind, about(id)).with_changes(&serde_json::json!({ "roles": [ADMINISTRATOR] }))?;
    event.reason = Some("made an administrator on the command line".to_owned());
    outbox::record(op, &tx, &Call::default(), event).await?;
    tx.commit().await?;
    op.app.outbox.wake();
    Ok(id)
}

async fn readmitted(op: &Op, tx: &Conn, person: person::Model, hash: String) -> Result<PersonId> {
    let id = person.id;
    let mut roles = store::roles_of(tx, &[id]).await?.remove(&id).unwrap_or_default();
    if !roles.iter().any(|role| role == ADMINISTRATOR) {
        roles.push(ADMINISTRATOR.to_owned());
        store::set_roles(tx, id, &roles).await?;
    }
    store::revoke_sessions(tx, id, None, op.now).await?;
    store::update_person(tx, person::Model { active: true, password_hash: Some(hash), ..person }).await?;
    Ok(id)
}

async fn admitted(op: &Op, tx: &Conn, who: &Administrator, hash: String) -> Result<PersonId> {
    let profile = Profile {
        email: who.email.clone(),
        given_name: who.given_name.clone(),
        family_name: who.family_name.clone(),
        code: store::free_code(tx).await?,
        roles: vec![ADMINISTRATOR.to_owned()],
        delegation: None,
        region: None,
        language: Language::Fr,
    };
    let id = insert(op, tx, &profile, Some(hash)).await?;
    store::set_roles(tx, id, &profile.roles).await?;
    Ok(id)
}
