//! How much one may ask for in a minute, counted by what it costs (K-13), whatever process answers.
//!
//! ```text
//! request ──points──▶ Account: the process's share ◀──a share at a time── rate_bucket (PostgreSQL)
//! ```
//! No request asks the database. On PostgreSQL each process takes shares of a sixteenth of the limit out of the
//! bucket that all of them have in common, before they are needed, for everybody at once, once a second or when
//! a share comes to its end; only who has used up the share waits for the next one. N processes together let through
//! in any time at most the limit, what comes back in that time, and N sixteenths of the limit more (a share that
//! was taken out before, or, for who is new to a process, on credit). On SQLite there is one process, which counts
//! exactly. Who has nothing left is refused from memory.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ::entity::vocabulary::PersonId;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

pub use self::account::WINDOW;
use self::{
    account::{Account, Bucket, Verdict, until},
    store::Wish,
};
use crate::{app::App, http::limits::Limits};

mod account;
mod store;

/// What a request costs at least that failed, or that nobody is signed in for.
pub const LEAST: usize = 10;
/// How often shares are settled with the database.
const TICK: Duration = Duration::from_secs(1);
/// How long those who need the next share at the same time are waited for.
const GATHERING: Duration = Duration::from_millis(10);
/// How long the next share is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Accounts that one statement settles.
const BATCH: usize = 500;
/// Accounts at most; beyond, addresses share one.
const MOST_ACCOUNTS: usize = 100_000;

/// Who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    /// Somebody who is signed in.
    Person(PersonId),
    /// An address from which nobody is, or from which something failed.
    Address(IpAddr),
    /// All addresses beyond those that are told apart, and those that are not known.
    Elsewhere,
}

impl Payer {
    /// An address, those of one network of version 6 being one.
    #[must_use]
    pub fn address(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Elsewhere, |address| Self::Address(crate::http::network(address)))
    }
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => write!(f, "person {}", person.0),
            Self::Address(address) => write!(f, "address {address}"),
            Self::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

/// Why something is not answered now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more was asked for than {limit} = {most} points a minute")]
pub struct Spent {
    /// The name of the limit.
    pub limit: &'static str,
    /// How many points it allows in a minute.
    pub most: usize,
    /// How long to wait.
    pub wait: Duration,
}

impl Spent {
    /// Whole seconds to wait, at least one.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.wait.as_secs_f64().ceil().max(1.0) as u64
    }
}

/// What somebody has left.
#[derive(Clone, Copy, Debug)]
pub struct Left {
    /// The name of the limit.
    pub limit: &'static str,
    /// How many points it allows in a minute.
    pub most: usize,
    /// How many are left.
    pub points: usize,
    /// How long until there are as many as there can be.
    pub full_in: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    name: &'static str,
    most: usize,
}

impl Rule {
    const fn points(self) -> f64 {
        self.most as f64
    }

    const fn spent(self, wait: Duration) -> Spent {
        Spent { limit: self.name, most: self.most, wait }
    }
}

/// What a process remembers of a payer.
#[derive(Debug)]
enum Kept {
    /// All of it: there is no other process.
    Alone { bucket: Bucket, used: Instant },
    /// Its share.
    Shared(Account),
}

/// The accounts of those who asked for something lately.
#[derive(Debug)]
pub struct Rates {
    person: Rule,
    address: Rule,
    is_shared: bool,
    accounts: Mutex<HashMap<Payer, Kept>>,
    /// Rung by whoever waits for a share.
    bell: Notify,
    /// Counts the settlements.
    settled: watch::Sender<u64>,
}

impl Rates {
    /// Nobody has asked for anything yet.
    #[must_use]
    pub fn new(limits: &Limits, is_shared: bool) -> Self {
        Self {
            person: Rule { name: "person_points", most: limits.person_points },
            address: Rule { name: "address_points", most: limits.address_points },
            is_shared,
            accounts: Mutex::default(),
            bell: Notify::new(),
            settled: watch::Sender::new(0),
        }
    }

    /// The rule for somebody; nothing where it is off.
    fn rule(&self, payer: Payer) -> Option<Rule> {
        let rule = match payer {
            Payer::Person(_) => self.person,
            Payer::Address(_) | Payer::Elsewhere => self.address,
        };
        (rule.most > 0).then_some(rule)
    }

    /// Does something with an account, which is made where there is none.
    fn with<T>(&self, payer: Payer, rule: Rule, act: impl FnOnce(&mut Kept, Instant) -> T) -> T {
        let (now, most) = (Instant::now(), rule.points());
        let mut accounts = self.accounts.lock();
        let is_one_too_many = accounts.len() >= MOST_ACCOUNTS && !accounts.contains_key(&payer);
        let payer = match payer {
            Payer::Address(_) if is_one_too_many => Payer::Elsewhere,
            payer => payer,
        };
        let kept = accounts.entry(payer).or_insert_with(|| match self.is_shared {
            true => Kept::Shared(Account::new(most, now)),
            false => Kept::Alone { bucket: Bucket::new(most, now), used: now },
        });
        act(kept, now)
    }

    /// Looks whether somebody has anything left: before something is read, and from memory.
    ///
    /// # Errors
    /// Where they have nothing.
    pub fn check(&self, payer: Payer) -> Result<(), Spent> {
        let Some(rule) = self.rule(payer) else { return Ok(()) };
        let (now, most) = (Instant::now(), rule.points());
        let wait = match self.accounts.lock().get(&payer) {
            Some(Kept::Alone { bucket, .. }) => Some(1.0 - bucket.left(most, now)).filter(|missing| *missing > 0.0),
            Some(Kept::Shared(account)) => account.is_dry(now).then(|| 1.0 - account.left(most, now)),
            None => None,
        };
        wait.map_or(Ok(()), |missing| Err(rule.spent(until(missing, most))))
    }

    /// Pays for something that is about to be run.
    ///
    /// # Errors
    /// Where there is not enough left.
    pub async fn take(&self, payer: Payer, points: usize) -> Result<(), Spent> {
        let Some(rule) = self.rule(payer) else { return Ok(()) };
        let mut settled = self.settled.subscribe();
        let asked = async {
            loop {
                match self.attempt(payer, rule, points as f64) {
                    Verdict::Paid => return Ok(()),
                    Verdict::Spent(wait) => return Err(rule.spent(wait)),
                    Verdict::Ask => self.bell.notify_one(),
                }
                if settled.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        // A database that does not answer lets nobody through who has used up their share.
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_elapsed| Err(rule.spent(TICK)))
    }

    fn attempt(&self, payer: Payer, rule: Rule, points: f64) -> Verdict {
        let most = rule.points();
        let (verdict, is_low) = self.with(payer, rule, |kept, now| match kept {
            Kept::Alone { bucket, used } => {
                *used = now;
                (bucket.take(points, most, now).map_or_else(Verdict::Spent, |()| Verdict::Paid), false)
            }
            Kept::Shared(account) => {
                let verdict = account.take(points, most, now);
                (verdict, verdict == Verdict::Paid && account.is_low(most) && !account.is_dry(now))
            }
        });
        if is_low {
            // Before anybody has to wait for it.
            self.bell.notify_one();
        }
        verdict
    }

    /// Has somebody pay for what failed, whether they can or not.
    pub fn fine(&self, payer: Payer) {
        let Some(rule) = self.rule(payer) else { return };
        self.with(payer, rule, |kept, now| match kept {
            Kept::Alone { bucket, used } => {
                *used = now;
                bucket.spend(LEAST as f64, rule.points(), now);
            }
            Kept::Shared(account) => account.spend(LEAST as f64, now),
        });
    }

    /// What somebody has left; nothing where there is no limit.
    #[must_use]
    pub fn left(&self, payer: Payer) -> Option<Left> {
        let rule = self.rule(payer)?;
        let (now, most) = (Instant::now(), rule.points());
        let left = match self.accounts.lock().get(&payer) {
            Some(Kept::Alone { bucket, .. }) => bucket.left(most, now).max(0.0),
            Some(Kept::Shared(account)) => account.left(most, now),
            None => most,
        };
        let full_in = until(most - left, most);
        Some(Left { limit: rule.name, most: rule.most, points: left as usize, full_in })
    }

    /// What there is to settle.
    fn wishes(&self) -> Vec<(Payer, Wish)> {
        let now = Instant::now();
        let mut wishes = Vec::new();
        for (payer, kept) in &mut *self.accounts.lock() {
            let (Kept::Shared(account), Some(rule)) = (kept, self.rule(*payer)) else { continue };
            if let Some(ask) = account.ask(rule.points(), now) {
                wishes.push((*payer, Wish { payer: payer.to_string(), most: rule.points(), ask }));
            }
        }
        wishes
    }

    /// Settles the shares with the database.
    async fn settle(&self, app: &App) -> crate::error::Result<()> {
        for wishes in self.wishes().chunks_mut(BATCH) {
            wishes.sort_by(|(_, one), (_, other)| one.payer.cmp(&other.payer));
            let (payers, wishes): (Vec<Payer>, Vec<Wish>) =
                wishes.iter().map(|(payer, wish)| (*payer, Wish { payer: wish.payer.clone(), ..*wish })).unzip();
            let granted = store::settle(app.database.writer(), &wishes).await?;
            let granted: HashMap<_, _> = granted.into_iter().map(|granted| (granted.payer.clone(), granted)).collect();
            let now = Instant::now();
            let mut accounts = self.accounts.lock();
            for (payer, wish) in payers.into_iter().zip(wishes) {
                let given = granted.get(&wish.payer);
                if let (Some(Kept::Shared(account)), Some(given)) = (accounts.get_mut(&payer), given) {
                    account.settle(wish.ask, given.granted, given.left, now);
                }
            }
        }
        self.settled.send_modify(|times| *times += 1);
        Ok(())
    }

    /// Forgets those who have asked for nothing for so long that all of it has come back.
    fn forget_idle(&self) {
        let now = Instant::now();
        self.accounts.lock().retain(|_, kept| match kept {
            Kept::Alone { used, .. } => now.saturating_duration_since(*used) <= WINDOW * 2,
            Kept::Shared(account) => !account.is_idle(now),
        });
    }
}

/// Keeps the shares of this process filled, and forgets who is gone. Never ends.
pub async fn keep(app: Arc<App>) {
    let rates = &app.rates;
    let mut forgotten = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = rates.bell.notified() => tokio::time::sleep(GATHERING).await,
        }
        if rates.is_shared
            && let Err(error) = rates.settle(&app).await
        {
            tracing::warn!(%error, "shares of the rate limits cannot be settled now");
            tokio::time::sleep(TICK).await;
        }
        if forgotten.elapsed() > WINDOW {
            forgotten = Instant::now();
            rates.forget_idle();
            if rates.is_shared
                && let Err(error) = store::forget(app.database.writer()).await
            {
                tracing::warn!(%error, "old rate limits cannot be forgotten now");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(most: usize) -> Rates {
        Rates::new(&Limits { person_points: most, address_points: 0, ..Limits::default() }, false)
    }

    #[tokio::test]
    async fn each_has_their_own_and_off_is_off() {
        let rates = rates(100);
        let (one, other) = (Payer::Person(PersonId(1)), Payer::Person(PersonId(2)));
        assert_eq!(rates.take(one, 100).await, Ok(()));
        let spent = rates.take(one, 50).await.unwrap_err();
        assert_eq!((spent.limit, spent.most, spent.seconds()), ("person_points", 100, 30));
        assert!(rates.check(one).is_err() && rates.check(other).is_ok());
        assert_eq!(rates.take(other, 50).await, Ok(()));
        assert_eq!(rates.left(other).map(|left| left.points), Some(50));
        for _ in 0..1_000 {
            assert_eq!(rates.take(Payer::Elsewhere, 1_000_000).await, Ok(()));
        }
        assert!(rates.left(Payer::Elsewhere).is_none());
    }

    #[tokio::test]
    async fn what_fails_is_paid_for_too() {
        let rates = rates(5 * LEAST);
        let one = Payer::Person(PersonId(1));
        for _ in 0..5 {
            assert_eq!(rates.check(one), Ok(()));
            rates.fine(one);
        }
        assert!(rates.check(one).is_err());
    }
}
