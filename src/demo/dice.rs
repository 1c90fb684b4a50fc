//! Chance that falls the same way every time.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A sequence of choices that its seed alone decides.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// One of `count` numbers from 0; 0 where there are none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { self.0.random_range(0..count) }
    }

    /// A number between two, both included.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        if least >= most { least } else { self.0.random_range(least..=most) }
    }

    /// Yes, so many times in a hundred.
    pub(super) fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// One of several.
    ///
    /// # Panics
    /// When there are none: the lists are constants.
    pub(super) fn pick<'t, T>(&mut self, several: &'t [T]) -> &'t T {
        &several[self.below(several.len())]
    }

    /// One of several words.
    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    /// One of several, each as often as its weight says.
    ///
    /// # Panics
    /// When there are none: the lists are constants.
    pub(super) fn weighted<T: Copy>(&mut self, several: &[(T, u32)]) -> T {
        let total: u32 = several.iter().map(|(_, weight)| weight).sum();
        let mut left = self.0.random_range(0..total.max(1));
        for (thing, weight) in several {
            if left < *weight {
                return *thing;
            }
            left -= weight;
        }
        several[several.len() - 1].0
    }
}
