//! What a change of the policy would come to: asked by the change itself, a roll-back, a dry run and a simulation.

use super::{
    error::Refusal,
    rules::{self, Change},
};
use crate::{
    authz::{
        View, history,
        policy::{self, Line},
    },
    db::Conn,
    error::Error,
    identity,
    refusal::{Done, Stopped, refused},
};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Lines that come and go.
    Lines(Change),
    /// The lines of an old version, and why; without a reason it is only tried out.
    Version(i64, Option<String>),
}

impl Wanted {
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Lines(change) => change.reason.as_deref(),
            Self::Version(_, reason) => reason.as_deref(),
        }
    }
}

/// A change that no rule refuses.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Version in force.
    pub version: i64,
    /// Its lines.
    pub before: Vec<Line>,
    /// The lines that the next version would have.
    pub after: Vec<Line>,
    /// The same, compiled.
    pub view: View,
    /// The lines that come and go.
    pub change: Change,
}

/// Decides what is asked for on the policy as it stands in the database.
///
/// # Errors
/// Every rule that it breaks, or when the database cannot be read.
pub async fn decide(conn: &Conn, wanted: &Wanted) -> Done<Decided, Refusal> {
    let (version, before) = policy::in_force(conn).await?.ok_or_else(|| Error::defect("there is no policy"))?;
    let roles: Vec<String> = identity::store::roles(conn).await?.into_iter().map(|role| role.code).collect();
    let change = match wanted {
        Wanted::Lines(change) => change.clone(),
        Wanted::Version(old, reason) => rules::back(&before, &old_lines(conn, *old, version).await?, reason.clone()),
    };
    let judged = rules::changed(&before, &change, &roles);
    let after = judged.map_err(|refusals| Stopped::Refused(told(refusals, wanted, &change)))?;
    let view = View::compile(policy::MODEL, &after).await.map_err(|e| Error::Internal(e.into()))?;
    let held = identity::store::roles_of_active(conn).await?;
    if !identity::is_administered(&view, held.values()) {
        return refused(Refusal::LastAdministrator);
    }
    Ok(Decided { version, before, after, view, change })
}

/// The lines of a version to which one may go back.
async fn old_lines(conn: &Conn, old: i64, current: i64) -> Done<Vec<Line>, Refusal> {
    if old == current {
        return refused(Refusal::VersionInForce { version: old });
    }
    match history::of(conn, &[old]).await?.remove(&old) {
        Some(past) if old < current => Ok(past.lines),
        Some(_) | None => refused(Refusal::VersionUnknown { given: old, current }),
    }
}

/// What is wrong with an old version's lines is told of the version: nobody wrote these lines.
fn told(refusals: Vec<Refusal>, wanted: &Wanted, change: &Change) -> Vec<Refusal> {
    match wanted {
        Wanted::Lines(_) => refusals,
        Wanted::Version(version, _) => {
            let of_version = |refusal| rules::of_version(refusal, *version, change);
            refusals.into_iter().map(of_version).collect()
        }
    }
}

/// The reason that the next version is kept with.
pub(super) fn reason(wanted: &Wanted) -> &str {
    wanted.reason().unwrap_or_default()
}
