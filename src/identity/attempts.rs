//! Slows guessing of passwords down (K-13), per e-mail address and network address: the first few
//! attempts are free, each further one waits twice as long as the one before.
//!
//! Attempts are counted when they begin, so that a thousand at once gain nothing, and whether the
//! account exists plays no part. Kept in memory, bounded: to have one trail forgotten, somebody would
//! have to verify ten thousand other passwords first.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Attempts that do not wait.
const FREE: u32 = 5;
/// Longest pause between two attempts.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a request is kept waiting; beyond it the caller is told when to come back.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so long without an attempt a trail is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);
/// Most trails remembered.
const MOST: usize = 10_000;

/// Whose password is tried, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trier {
    /// E-mail address.
    pub email: String,
    /// Network address.
    pub address: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
struct Trail {
    attempts: u32,
    /// When the last attempt was or will be made.
    last: Instant,
}

/// The attempts that this process remembers.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<Trier, Trail>>);

impl Attempts {
    /// How long an attempt has to wait.
    ///
    /// # Errors
    /// How long it would have to, where that is too long to be kept waiting; it is not counted then.
    pub fn admit(&self, trier: &Trier, now: Instant) -> Result<Duration, Duration> {
        let mut trails = self.0.lock();
        let known = trails.get(trier).copied().filter(|trail| now < trail.last + FORGOTTEN);
        let trail = known.unwrap_or(Trail { attempts: 0, last: now });
        let turn = now.max(trail.last + pause(trail.attempts));
        let wait = turn - now;
        if wait > PATIENCE {
            return Err(wait);
        }
        if trails.len() >= MOST && !trails.contains_key(trier) {
            make_room(&mut trails, now);
        }
        trails.insert(trier.clone(), Trail { attempts: trail.attempts.saturating_add(1), last: turn });
        Ok(wait)
    }

    /// Forgets the attempts of whoever got the password right.
    pub fn forget(&self, trier: &Trier) {
        self.0.lock().remove(trier);
    }
}

/// How long an attempt comes after the one before, which was so many-th.
fn pause(attempts: u32) -> Duration {
    match attempts.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(beyond) => Duration::from_secs(1 << beyond.min(30)).min(LONGEST),
    }
}

fn make_room(trails: &mut HashMap<Trier, Trail>, now: Instant) {
    trails.retain(|_, trail| now < trail.last + FORGOTTEN);
    let oldest = || trails.iter().min_by_key(|(_, trail)| trail.last).map(|(trier, _)| trier.clone());
    if trails.len() >= MOST
        && let Some(trier) = oldest()
    {
        trails.remove(&trier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trier(email: &str) -> Trier {
        Trier { email: email.into(), address: None }
    }

    #[test]
    fn guessing_gets_slower_and_slower() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let me = trier("me@demo.example");
        let seconds = Duration::from_secs;
        for _ in 0..FREE {
            assert_eq!(attempts.admit(&me, start), Ok(Duration::ZERO));
        }
        assert_eq!(attempts.admit(&me, start), Ok(seconds(1)));
        assert_eq!(attempts.admit(&me, start), Ok(seconds(3)), "two at once do not share a turn");
        assert_eq!(attempts.admit(&me, start), Err(seconds(7)));
        assert_eq!(attempts.admit(&me, start + seconds(6)), Ok(seconds(1)), "whoever comes back later gets a turn");
        assert_eq!(attempts.admit(&trier("other@demo.example"), start), Ok(Duration::ZERO));
        attempts.forget(&me);
        assert_eq!(attempts.admit(&me, start), Ok(Duration::ZERO));
    }

    #[test]
    fn a_trail_is_forgotten_in_time() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        let me = trier("me@demo.example");
        (0..=FREE).for_each(|_| assert!(attempts.admit(&me, start).is_ok()));
        assert_eq!(attempts.admit(&me, start + FORGOTTEN * 2), Ok(Duration::ZERO));
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, start) = (Attempts::default(), Instant::now());
        for number in 0..MOST + 10 {
            assert!(attempts.admit(&trier(&number.to_string()), start).is_ok());
        }
        assert_eq!(attempts.0.lock().len(), MOST);
    }
}
