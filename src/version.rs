//! Versions: the caller decides on what they saw, and whoever was overtaken is told by whom (G-12, O-27).

use crate::{
    action::{Call, Common},
    db::Conn,
    outbox::{self, Subject},
    refusal::{Done, refused},
};

/// Refuses a call whose caller saw another version than the present one; `about` is whose events tell who
/// changed it, where they do.
///
/// # Errors
/// [`Common::Conflict`], or when the database cannot be read.
pub async fn check<R: From<Common>>(conn: &Conn, call: &Call, about: Option<Subject>, current: i64) -> Done<(), R> {
    match call.expected_version {
        Some(expected) if expected != current => overtaken(conn, about, expected, current).await,
        Some(_) | None => Ok(()),
    }
}

/// Refuses what was decided on an older version: somebody else was faster.
///
/// # Errors
/// [`Common::Conflict`], always, or when the database cannot be read.
pub async fn overtaken<T, R: From<Common>>(
    conn: &Conn,
    about: Option<Subject>,
    expected: i64,
    current: i64,
) -> Done<T, R> {
    let last = match about {
        Some(subject) => outbox::last_change(conn, subject).await?,
        None => None,
    };
    refused(Common::Conflict { expected, current, last }.into())
}
