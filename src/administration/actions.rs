//! One function per use case; each owns its transaction.

use serde_json::json;

use super::{
    error::Refusal,
    rules::{self, Change},
    store,
};
use crate::{
    action::{Call, Common, Request, perform},
    authz::{
        Permission, Scope, View,
        policy::{self, Line},
    },
    db::Conn,
    error::{Error, Result, is_duplicate},
    identity,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, Stopped, refused},
};

/// Changes the policy and answers with its new version. It is in force on this process when this
/// returns, and on every other one within a second (G-6).
///
/// Of two changes at once one wins: without an `expectedVersion` the one in force when the request came
/// is expected.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn change_policy(op: &Op, call: &Call, change: &Change) -> Done<i64, Refusal> {
    let expected = call.expected_version.unwrap_or_else(|| op.app.policy().version);
    let request = Request::new("changePolicy", call, &(change, call.on_behalf_of, call.expected_version));
    let done = perform(op, &request, |tx| write(op, tx, call, change, expected)).await;
    if !call.dry_run
        && let Err(error) = op.app.reload_policy().await
    {
        // It is written: the event, or the next look at the version, makes up for it.
        tracing::error!(error = &error as &dyn std::error::Error, "the policy cannot be read again");
    }
    done
}

async fn write(op: &Op, tx: Conn, call: &Call, change: &Change, expected: i64) -> Done<i64, Refusal> {
    identity::store::one_at_a_time(&tx).await?;
    let (current, lines) = policy::in_force(&tx).await?.ok_or_else(|| Error::defect("there is no policy"))?;
    permitted(op, &tx, call).await?;
    if expected != current {
        return refused(Common::Conflict { expected, current, last: None }.into());
    }
    let roles: Vec<String> = identity::store::roles(&tx).await?.into_iter().map(|role| role.code).collect();
    let after = rules::changed(&lines, change, &roles).map_err(Stopped::Refused)?;
    if !is_administered(&tx, &after).await? {
        return refused(Refusal::LastAdministrator);
    }
    let version = current + 1;
    insert(op, &tx, change, version).await?;
    let mut event = Event::new("policy.changed", Subject { kind: "Policy", id: version });
    event.reason = Some(change.reason.clone());
    let told = |lines: &[Line]| lines.iter().map(Line::to_string).collect::<Vec<_>>();
    event.changes = json!({ "added": told(&change.add), "removed": told(&change.remove) });
    outbox::record(op, &tx, call, event).await?;
    Ok(version)
}

/// Whoever changes the policy must be allowed to by the policy as it is now, whatever this process has
/// heard of it; and everywhere, since the policy belongs to no place.
async fn permitted(op: &Op, tx: &Conn, call: &Call) -> Result<()> {
    let grant = op.caller()?.grant(call.name()).ok_or(Error::Forbidden)?;
    let now = policy::up_to_date(tx, op.app.policy()).await?;
    let rights = now.view.rights(grant.holder.roles.iter().map(String::as_str));
    let held = op.acts(Permission::ChangePolicy, call.name()).all;
    let still_held = rights.scopes(Permission::ChangePolicy).contains(Scope::All);
    if held && still_held { Ok(()) } else { Err(Error::Forbidden) }
}

async fn is_administered(tx: &Conn, lines: &[Line]) -> Result<bool> {
    let view = View::compile(policy::MODEL, lines).await.map_err(|e| Error::Internal(e.into()))?;
    let held = identity::store::roles_of_active(tx).await?;
    Ok(identity::is_administered(&view, held.values()))
}

async fn insert(op: &Op, tx: &Conn, change: &Change, version: i64) -> Result<()> {
    // The version first: it is what two changes at once meet at.
    let made = store::insert_version(tx, version, op.me()?, op.now, &change.reason).await;
    made.map_err(|error| if is_duplicate(&error) { Error::Busy(error) } else { error.into() })?;
    for line in &change.remove {
        if !store::remove(tx, line).await? {
            return Err(Error::defect(format!("the line «{line}» vanished")));
        }
    }
    Ok(policy::insert(tx, change.add.clone()).await?)
}
