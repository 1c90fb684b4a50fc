//! Slows guessing of passwords down (K-13), per e-mail address and network address: the first few
//! attempts are free, each further one waits twice as long as the one before.
//!
//! Attempts are counted when they begin, so that a thousand at once gain nothing, and whether the
//! account exists plays no part. They are counted in the database, for all processes together; what is
//! kept of whoever tries is a hash.

use std::net::IpAddr;

use ::entity::identity::sign_in_attempt;
use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use super::store;
use crate::{error::Result, op::Op};

/// Attempts that do not wait.
const FREE: i64 = 5;
/// Longest pause between two attempts.
const LONGEST: Duration = Duration::seconds(60);
/// How long a request is kept waiting; beyond it the caller is told when to come back.
const PATIENCE: Duration = Duration::seconds(5);
/// After so long without an attempt a trail is forgotten.
pub(super) const FORGOTTEN: Duration = Duration::minutes(15);

/// Whose password is tried, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trier(String);

impl Trier {
    /// Somebody who tries the password of an account from an address.
    #[must_use]
    pub fn new(email: &str, address: Option<IpAddr>) -> Self {
        Self(crate::hex(&Sha256::digest(format!("{email}\n{address:?}"))))
    }
}

/// What was tried so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trail {
    attempts: i64,
    /// When the last attempt was or will be made.
    last: DateTime<Utc>,
}

impl Trail {
    /// How long the next attempt waits, and the trail with it.
    ///
    /// # Errors
    /// How long it would have to, where that is too long to be kept waiting; it is not counted then.
    fn next(self, now: DateTime<Utc>) -> std::result::Result<(Duration, Self), Duration> {
        let known = now < self.last + FORGOTTEN;
        let attempts = if known { self.attempts } else { 0 };
        let turn = if known { now.max(self.last + pause(attempts)) } else { now };
        let wait = turn - now;
        if wait > PATIENCE {
            return Err(wait);
        }
        Ok((wait, Self { attempts: attempts.saturating_add(1), last: turn }))
    }
}

/// How long an attempt comes after the one before, which was so many-th.
fn pause(attempts: i64) -> Duration {
    match attempts - FREE {
        ..0 => Duration::zero(),
        beyond => Duration::seconds(1 << beyond.min(30)).min(LONGEST),
    }
}

/// How long an attempt has to wait, or would have to, where that is too long to be kept waiting; it is not
/// counted then.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn admit(op: &Op, trier: &Trier) -> Result<std::result::Result<Duration, Duration>> {
    let conn = op.begin().await?;
    let row = store::attempts_held(&conn, &trier.0, op.now).await?;
    let next = Trail { attempts: row.attempts, last: row.last_at }.next(op.now);
    if let Ok((_, Trail { attempts, last })) = next {
        store::update_attempts(&conn, sign_in_attempt::Model { attempts, last_at: last, ..row }).await?;
    }
    conn.commit().await?;
    Ok(next.map(|(wait, _)| wait))
}

/// Forgets the attempts of whoever got the password right.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn forget(op: &Op, trier: &Trier) -> Result<()> {
    Ok(store::delete_attempts_of(op.app.database.writer(), &trier.0).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    /// How long each of some attempts waits, in seconds, or would have to.
    fn wait(trail: &mut Trail, now: DateTime<Utc>) -> std::result::Result<i64, i64> {
        let (wait, next) = trail.next(now).map_err(|wait| wait.num_seconds())?;
        *trail = next;
        Ok(wait.num_seconds())
    }

    #[test]
    fn k13_guessing_gets_slower_and_slower() {
        let mut trail = Trail { attempts: 0, last: start() };
        for _ in 0..FREE {
            assert_eq!(wait(&mut trail, start()), Ok(0));
        }
        assert_eq!(wait(&mut trail, start()), Ok(1));
        assert_eq!(wait(&mut trail, start()), Ok(3), "two at once do not share a turn");
        assert_eq!(wait(&mut trail, start()), Err(7));
        assert_eq!(wait(&mut trail, start() + Duration::seconds(6)), Ok(1), "whoever comes back later gets a turn");
    }

    #[test]
    fn k13_a_trail_is_forgotten_in_time() {
        let mut trail = Trail { attempts: 40, last: start() };
        assert_eq!(wait(&mut trail, start()), Err(60));
        assert_eq!(wait(&mut trail, start() + FORGOTTEN), Ok(0));
        assert_eq!(trail.attempts, 1);
    }

    #[test]
    fn k13_what_is_kept_tells_nobody_who_it_was() {
        let me = Trier::new("me@demo.example", None);
        assert!(!me.0.contains("me@"));
        assert_ne!(me, Trier::new("me@demo.example", Some(IpAddr::from([127, 0, 0, 1]))));
    }
}
