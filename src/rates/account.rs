//! What one payer has left: pure arithmetic on points and time.
//!
//! A [`Bucket`] is counted in one place. An [`Account`] is what a process knows of a bucket that the database keeps:
//! it spends from a share that was taken out beforehand, and asks for the next one when half of that is gone.

use std::time::{Duration, Instant};

/// How long an empty bucket takes to be full.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Into how many shares a bucket is cut.
pub const SHARES: f64 = 16.0;
/// How long somebody who has nothing left is refused before the database is asked again.
const DRY: Duration = Duration::from_secs(1);
/// Less than this is nothing: sums of fractions are not exact.
const NOTHING: f64 = 1e-6;

/// Points that come back by themselves, as many in a [`WINDOW`] as there are at most.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// With so many points in it.
    pub const fn new(left: f64, now: Instant) -> Self {
        Self { left, at: now }
    }

    /// What is in it now; less than nothing where more was spent.
    pub fn left(&self, most: f64, now: Instant) -> f64 {
        let come_back = most * now.saturating_duration_since(self.at).as_secs_f64() / WINDOW.as_secs_f64();
        (self.left + come_back).min(most)
    }

    /// Takes points out. What is dearer than a full bucket takes a full one, and is paid off afterwards.
    ///
    /// # Errors
    /// How long to wait where there are not enough.
    pub fn take(&mut self, points: f64, most: f64, now: Instant) -> Result<(), Duration> {
        let (left, needed) = (self.left(most, now), points.min(most));
        if left + NOTHING < needed {
            return Err(until(needed - left, most));
        }
        *self = Self::new(left - points, now);
        Ok(())
    }

    /// Takes points out that are already spent.
    pub fn spend(&mut self, points: f64, most: f64, now: Instant) {
        *self = Self::new((self.left(most, now) - points).max(-most), now);
    }
}

/// How long so many points take to come back.
pub fn until(points: f64, most: f64) -> Duration {
    WINDOW.mul_f64((points / most).clamp(0.0, 1e6))
}

/// What may be done about a wish to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is paid.
    Paid,
    /// There is nothing left, in the database neither.
    Spent(Duration),
    /// The database has to be asked for more.
    Ask,
}

/// What a process asks of the bucket that the database keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ask {
    /// What it spent on credit and has not told yet.
    pub owed: f64,
    /// How much it would like to take out.
    pub wanted: f64,
}

/// What a process knows of somebody's bucket in the database, and its share of it.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// What it may still spend: taken out of the bucket already, or owed to it.
    share: f64,
    owed: f64,
    /// What those who wait would spend.
    wanted: f64,
    /// The bucket, as it was last told.
    bucket: Bucket,
    dry_until: Option<Instant>,
    used: Instant,
}

impl Account {
    /// Somebody new to this process: the first share is on credit, for nobody has to wait for the database.
    pub fn new(most: f64, now: Instant) -> Self {
        let share = most / SHARES;
        let bucket = Bucket::new(most - share, now);
        Self { share, owed: share, wanted: 0.0, bucket, dry_until: None, used: now }
    }

    /// Pays for something out of the share, where that is enough.
    pub fn take(&mut self, points: f64, most: f64, now: Instant) -> Verdict {
        self.used = now;
        let needed = points.min(most);
        if self.share + NOTHING >= needed {
            self.share -= points;
            return Verdict::Paid;
        }
        if let Some(dry_until) = self.dry_until.filter(|until| *until > now) {
            let missing = needed - self.share - self.bucket.left(most, now).max(0.0);
            return Verdict::Spent(until(missing, most).max(dry_until - now));
        }
        self.wanted += points.min(most);
        Verdict::Ask
    }

    /// Pays for what is already spent.
    pub fn spend(&mut self, points: f64, now: Instant) {
        self.used = now;
        self.share -= points;
    }

    /// Whether nothing can be paid for now, which costs nothing to know.
    pub fn is_dry(&self, now: Instant) -> bool {
        self.share < 1.0 && self.dry_until.is_some_and(|until| until > now)
    }

    /// Whether half of the share is gone, or somebody waits for more.
    pub fn is_low(&self, most: f64) -> bool {
        self.wanted > 0.0 || self.share < most / SHARES / 2.0
    }

    /// What there is to ask, where there is anything. Whoever asks says later what came of it.
    pub fn ask(&mut self, most: f64, now: Instant) -> Option<Ask> {
        let is_dry = self.dry_until.is_some_and(|until| until > now);
        let wanted = match self.is_low(most) && !is_dry {
            true => (self.wanted.max(most / SHARES) - self.share).max(0.0),
            false => 0.0,
        };
        if wanted <= 0.0 && self.owed <= 0.0 {
            return None;
        }
        self.wanted = 0.0;
        Some(Ask { owed: self.owed, wanted })
    }

    /// What came of asking: how much was taken out, and what is left in the bucket.
    pub fn settle(&mut self, ask: Ask, granted: f64, left: f64, now: Instant) {
        self.owed -= ask.owed;
        self.share += granted;
        self.bucket = Bucket::new(left, now);
        self.dry_until = (granted + NOTHING < ask.wanted).then(|| now + DRY);
    }

    /// What is left of all, as far as this process knows.
    pub fn left(&self, most: f64, now: Instant) -> f64 {
        (self.share + self.bucket.left(most, now)).clamp(0.0, most)
    }

    /// Whether it can be forgotten: nothing is owed, and nobody has paid from it for so long that the bucket would
    /// be full.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.owed <= 0.0 && now.saturating_duration_since(self.used) > WINDOW
    }
}

/// What the database does with an [`Ask`], in the words of this file: what is granted, and what is left.
#[cfg(test)]
fn answer(bucket: &mut Bucket, ask: Ask, most: f64, now: Instant) -> (f64, f64) {
    let available = bucket.left(most, now) - ask.owed;
    let granted = ask.wanted.min(available.max(0.0));
    *bucket = Bucket::new(available - granted, now);
    (granted, available - granted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: f64 = 1_600.0;

    #[test]
    fn a_bucket_fills_in_a_minute_and_no_further() {
        let now = Instant::now();
        let mut bucket = Bucket::new(MOST, now);
        assert_eq!(bucket.take(1_000.0, MOST, now), Ok(()));
        assert_eq!(bucket.take(700.0, MOST, now), Err(WINDOW.mul_f64(100.0 / MOST)));
        let later = now + WINDOW.mul_f64(100.0 / MOST);
        assert_eq!(bucket.take(700.0, MOST, later), Ok(()));
        assert_eq!(bucket.left(MOST, later + WINDOW * 5), MOST);
    }

    #[test]
    fn what_is_dearer_than_all_is_paid_off_afterwards() {
        let now = Instant::now();
        let mut bucket = Bucket::new(MOST, now);
        assert_eq!(bucket.take(2.0 * MOST, MOST, now), Ok(()));
        assert_eq!(bucket.left(MOST, now), -MOST);
        assert_eq!(bucket.take(1.0, MOST, now + WINDOW / 2), Err(WINDOW.mul_f64((1.0 + MOST / 2.0) / MOST)));
    }

    #[test]
    fn who_has_nothing_left_is_refused_without_asking() {
        let now = Instant::now();
        let (mut account, mut bucket) = (Account::new(MOST, now), Bucket::new(0.0, now));
        assert_eq!(account.take(100.0, MOST, now), Verdict::Paid, "the first share is on credit");
        assert_eq!(account.take(10.0, MOST, now), Verdict::Ask);
        let ask = account.ask(MOST, now).unwrap();
        let (granted, left) = answer(&mut bucket, ask, MOST, now);
        account.settle(ask, granted, left, now);
        assert!(account.is_dry(now) && account.ask(MOST, now).is_none());
        assert!(matches!(account.take(10.0, MOST, now), Verdict::Spent(wait) if wait >= DRY));
        assert_eq!(account.take(10.0, MOST, now + DRY), Verdict::Ask, "and asks again in a second");
    }

    proptest! {
        /// However processes spend and settle: together they let through no more than a full bucket, what comes
        /// back meanwhile, and a share for each.
        #[test]
        fn processes_together_keep_the_limit(
            steps in prop::collection::vec((0..4_usize, 1..120_u32, 0..400_u64, any::<bool>()), 1..400),
        ) {
            let begun = Instant::now();
            let mut now = begun;
            let mut bucket = Bucket::new(MOST, now);
            let mut accounts: [Option<Account>; 4] = [None; 4];
            let mut spent = 0.0;
            for (process, points, pause, settles) in steps {
                now += Duration::from_millis(pause);
                let account = accounts[process].get_or_insert_with(|| Account::new(MOST, now));
                if account.take(points.into(), MOST, now) == Verdict::Paid {
                    spent += f64::from(points);
                }
                if settles && let Some(ask) = account.ask(MOST, now) {
                    let (granted, left) = answer(&mut bucket, ask, MOST, now);
                    account.settle(ask, granted, left, now);
                }
                let come_back = MOST * (now - begun).as_secs_f64() / WINDOW.as_secs_f64();
                prop_assert!(spent <= MOST + come_back + 4.0 * MOST / SHARES + 0.001, "{spent} after {come_back}");
            }
        }
    }
}
