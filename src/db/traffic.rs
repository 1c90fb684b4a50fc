//! How much goes to the database and how long it takes. What takes too long is told in the log by the name of
//! the operation that asked for it, with the statement's placeholders and nothing in their place.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{DbBackend, Statement};
use tracing::Span;

use super::Meter;
use crate::observe::{Histogram, log::SLOW, milliseconds, nanoseconds, traces::TRACE};

/// Most bytes of a statement that are told.
const LONGEST: usize = 4_000;

/// What went to one database.
#[derive(Debug, Default)]
pub struct Traffic {
    /// How long statements took, waiting for a connection included.
    pub statements: Histogram,
    /// How long transactions that may write waited to begin.
    pub begins: Histogram,
    /// Statements over the threshold.
    pub slow: AtomicU64,
    /// From how many nanoseconds on a statement is slow; 0: none is.
    threshold: AtomicU64,
    /// Who uses the pool for reading, or waits for it.
    readers: AtomicI64,
    /// Who uses the pool for writing, or waits for it.
    writers: AtomicI64,
}

/// Which pool is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The one for reading.
    Read,
    /// The one for writing; on PostgreSQL the same.
    Write,
}

impl Traffic {
    /// Tells statements in the log that take so long; none where it is zero.
    pub fn tell_from(&self, threshold: Duration) {
        self.threshold.store(nanoseconds(threshold), Ordering::Relaxed);
    }

    pub(super) fn asking(&self, side: Side) -> i64 {
        self.side(side).load(Ordering::Relaxed)
    }

    fn side(&self, side: Side) -> &AtomicI64 {
        match side {
            Side::Read => &self.readers,
            Side::Write => &self.writers,
        }
    }

    fn is_slow(&self, took: Duration) -> bool {
        let threshold = self.threshold.load(Ordering::Relaxed);
        threshold > 0 && nanoseconds(took) >= threshold
    }
}

/// A place at a pool, taken or waited for as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    traffic: Arc<Traffic>,
    side: Side,
}

impl Place {
    pub(super) fn take(traffic: &Arc<Traffic>, side: Side) -> Self {
        traffic.side(side).fetch_add(1, Ordering::Relaxed);
        Self { traffic: traffic.clone(), side }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.traffic.side(self.side).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A statement under way. Given up before its answer, it still took its time.
#[derive(Debug)]
pub(super) struct Asking<'c> {
    traffic: &'c Traffic,
    meter: &'c Meter,
    /// Its text, where it may have to be told.
    text: Option<String>,
    begun: Instant,
    rows: Option<u64>,
    _place: Option<Place>,
}

impl<'c> Asking<'c> {
    pub(super) fn begin(traffic: &'c Traffic, meter: &'c Meter, text: Text<'_>, place: Option<Place>) -> Self {
        meter.tick();
        let is_telling = traffic.threshold.load(Ordering::Relaxed) > 0;
        let text = is_telling.then(|| text.shown().into_owned());
        Self { traffic, meter, text, begun: Instant::now(), rows: None, _place: place }
    }

    /// Notes how many rows it gave or changed.
    pub(super) fn answered(&mut self, rows: Option<u64>) {
        self.rows = rows;
    }

    fn tell(&self, took: Duration, text: &str) {
        self.traffic.slow.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            target: SLOW,
            request_id = self.meter.request_id(),
            operation = self.meter.operation(),
            statement = text,
            duration_ms = milliseconds(took),
            rows = self.rows,
            "slow statement"
        );
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        self.traffic.statements.observe(took);
        self.meter.took(took);
        if let Some(text) = self.text.as_deref().filter(|_| self.traffic.is_slow(took)) {
            self.tell(took, text);
        }
    }
}

/// The text of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    text: &'t str,
    /// Whether its values, where it has any, stand in it.
    is_bare: bool,
}

impl<'t> Text<'t> {
    /// The text of a statement that may have its values apart.
    pub(super) fn of(statement: &'t Statement) -> Self {
        Self { text: &statement.sql, is_bare: statement.values.is_none() }
    }

    /// A text that is all there is.
    pub(super) const fn bare(text: &'t str) -> Self {
        Self { text, is_bare: true }
    }

    /// The span of the statement; none beside requests, where nobody follows what goes to the database.
    pub(super) fn span(self, backend: DbBackend) -> Span {
        if !tracing::span_enabled!(target: TRACE, tracing::Level::DEBUG) || Span::current().is_disabled() {
            return Span::none();
        }
        tracing::debug_span!(
            target: TRACE,
            "sql",
            otel.name = self.text.split_whitespace().next(),
            otel.kind = "client",
            db.system.name = if backend == DbBackend::Postgres { "postgresql" } else { "sqlite" },
            db.query.text = &*self.shown(),
        )
    }

    /// As much of it as is told, without values.
    fn shown(self) -> Cow<'t, str> {
        let beginning = beginning(self.text);
        if self.is_bare { without_values(beginning).into() } else { beginning.into() }
    }
}

fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text)
}

/// A text that was written with its values in it, without those that are quoted.
fn without_values(text: &str) -> String {
    let mut parts = text.split('\'');
    let mut bare = parts.next().unwrap_or_default().to_owned();
    while parts.next().is_some() {
        bare.push('?');
        bare.push_str(parts.next().unwrap_or_default());
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_quoted_is_told() {
        assert_eq!(without_values("SELECT 1"), "SELECT 1");
        assert_eq!(without_values("a = 'secret' AND b = 'it''s' OR c = 3"), "a = ? AND b = ?? OR c = 3");
        assert_eq!(without_values("a = 'never closed"), "a = ?");
    }

    #[test]
    fn a_long_statement_is_cut_between_two_characters() {
        let text = "é".repeat(LONGEST);
        assert_eq!(beginning(&text).len(), LONGEST);
        assert_eq!(beginning("short"), "short");
    }

    #[test]
    fn a_place_is_given_up_and_a_statement_counted_even_where_it_is_dropped() {
        let (traffic, meter) = (Arc::new(Traffic::default()), Meter::default());
        let asking = Asking::begin(&traffic, &meter, Text::bare("SELECT 1"), Some(Place::take(&traffic, Side::Read)));
        assert_eq!((traffic.asking(Side::Read), traffic.asking(Side::Write)), (1, 0));
        std::thread::sleep(Duration::from_millis(2));
        drop(asking);
        assert_eq!(traffic.asking(Side::Read), 0);
        assert!(meter.statements() == 1 && meter.time() >= Duration::from_millis(2));
    }
}
