//! How long things took: how many within which bound, written without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The upper bounds in nanoseconds, the same for everything: from a statement to a request that is given up.
const BOUNDS: [u64; 16] = [
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    /// How many within each bound and above the one before; the last ones above all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What a histogram holds at a moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    /// All of it together, in seconds.
    pub sum: f64,
    /// How many.
    pub count: u64,
    /// How many within each bound in seconds and above the one before.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Counts one that took so long.
    pub fn observe(&self, took: Duration) {
        let nanoseconds = nanoseconds(took);
        let place = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// What it holds now.
    pub(super) fn seen(&self) -> Seen {
        let counts = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        let bounds = BOUNDS.into_iter().map(seconds).chain([f64::INFINITY]);
        Seen {
            sum: seconds(self.nanoseconds.load(Ordering::Relaxed)),
            count: counts.iter().sum(),
            buckets: bounds.zip(counts).collect(),
        }
    }
}

/// A time in whole nanoseconds; five hundred years at most.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds in seconds.
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_within_its_bound() {
        let histogram = Histogram::default();
        for micros in [0, 250, 251, 1_000, 40_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let seen = histogram.seen();
        assert_eq!(seen.count, 5);
        assert!((seen.sum - 40.001_501).abs() < 1e-9, "{}", seen.sum);
        let filled: Vec<_> = seen.buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.000_25, 2), (0.000_5, 1), (0.001, 1), (f64::INFINITY, 1)]);
    }
}
