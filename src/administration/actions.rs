//! One function per use case; each owns its transaction.

use serde_json::json;

use super::{
    decision::{self, Decided, Wanted},
    error::Refusal,
    rules::Change,
    store,
};
use crate::{
    action::{Call, Common, Request, perform},
    authz::{
        Permission, Scope, history,
        policy::{self, Line},
    },
    db::Conn,
    error::{Error, Result, is_duplicate},
    identity,
    op::Op,
    outbox::{self, Event, Subject},
    refusal::{Done, refused},
};

/// Changes the policy and answers with its new version. It is in force on this process when this
/// returns, and on every other one within a second (G-6).
///
/// Of two changes at once one wins: without an `expectedVersion` the one in force when the request came
/// is expected.
///
/// # Errors
/// Every rule that the change breaks.
pub async fn change_policy(op: &Op, call: &Call, change: Change) -> Done<i64, Refusal> {
    let way = Way { mutation: "changePolicy", permission: Permission::ChangePolicy, event: "policy.changed" };
    make(op, call, &way, Wanted::Lines(change)).await
}

/// Gives the policy the lines of an old version again, as a new one, by the rules of every change.
///
/// # Errors
/// As [`change_policy`], and where there is no such version.
pub async fn roll_back_policy(op: &Op, call: &Call, version: i64, reason: String) -> Done<i64, Refusal> {
    let way = Way { mutation: "rollBackPolicy", permission: Permission::RollBackPolicy, event: "policy.rolled_back" };
    make(op, call, &way, Wanted::Version(version, Some(reason))).await
}

/// How a new version comes about.
struct Way {
    mutation: &'static str,
    permission: Permission,
    event: &'static str,
}

async fn make(op: &Op, call: &Call, way: &Way, wanted: Wanted) -> Done<i64, Refusal> {
    let expected = call.expected_version.unwrap_or_else(|| op.app.policy().version);
    let request = Request::new(way.mutation, call, &(&wanted, call.on_behalf_of, call.expected_version));
    let wanted = &wanted;
    let done = perform(op, &request, |tx| write(op, tx, call, way, wanted, expected)).await;
    if !call.dry_run
        && let Err(error) = op.app.reload_policy().await
    {
        // It is written: the event, or the next look at the version, makes up for it.
        tracing::error!(error = &error as &dyn std::error::Error, "the policy cannot be read again");
    }
    done
}

async fn write(op: &Op, tx: Conn, call: &Call, way: &Way, wanted: &Wanted, expected: i64) -> Done<i64, Refusal> {
    identity::store::one_at_a_time(&tx).await?;
    permitted(op, &tx, call, way.permission).await?;
    let current = policy::version(&tx).await?.ok_or_else(|| Error::defect("there is no policy"))?;
    if expected != current {
        return refused(Common::Conflict { expected, current, last: None }.into());
    }
    // What was changed by other means belongs to the versions before.
    history::keep_up(&tx).await?;
    let decided = decision::decide(&tx, wanted).await?;
    let version = current + 1;
    insert(op, &tx, &decided, decision::reason(wanted), version).await?;
    history::keep_up(&tx).await?;
    outbox::record(op, &tx, call, told(way, wanted, &decided, version)).await?;
    Ok(version)
}

fn told(way: &Way, wanted: &Wanted, decided: &Decided, version: i64) -> Event {
    let lines = |lines: &[Line]| lines.iter().map(Line::to_string).collect::<Vec<_>>();
    let mut event = Event::new(way.event, Subject { kind: "Policy", id: version });
    event.reason = Some(decision::reason(wanted).to_owned());
    event.changes = json!({ "added": lines(&decided.change.add), "removed": lines(&decided.change.remove) });
    if let Wanted::Version(old, _) = wanted {
        event.changes["to"] = json!(old);
    }
    event
}

/// Whoever changes the policy must be allowed to by the policy as it is now, whatever this process has
/// heard of it; and everywhere, since the policy belongs to no place.
async fn permitted(op: &Op, tx: &Conn, call: &Call, permission: Permission) -> Result<()> {
    let grant = op.caller()?.grant(call.name()).ok_or(Error::Forbidden)?;
    let now = policy::up_to_date(tx, op.app.policy()).await?;
    let rights = now.view.rights(grant.holder.roles.iter().map(String::as_str));
    let held = op.acts(permission, call.name()).all;
    let still_held = rights.scopes(permission).contains(Scope::All);
    if held && still_held { Ok(()) } else { Err(Error::Forbidden) }
}

async fn insert(op: &Op, tx: &Conn, decided: &Decided, reason: &str, version: i64) -> Result<()> {
    // The version first: it is what two changes at once meet at.
    let made = store::insert_version(tx, version, op.me()?, op.now, reason).await;
    made.map_err(|error| if is_duplicate(&error) { Error::Busy(error) } else { error.into() })?;
    for line in &decided.change.remove {
        if !store::remove(tx, line).await? {
            return Err(Error::defect(format!("the line «{line}» vanished")));
        }
    }
    Ok(policy::insert(tx, decided.change.add.clone()).await?)
}
