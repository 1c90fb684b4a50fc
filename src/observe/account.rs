//! An operation under way: counted to its end, and told in the log.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use async_graphql::Response;

use super::{
    log::{REQUEST, SLOW},
    operations::{Label, Outcome},
    traces,
};
use crate::op::Op;

/// An operation under way. Dropped before its end, it was abandoned by whoever asked.
#[derive(Debug)]
pub struct Account<'o> {
    op: &'o Op,
    label: Label,
    /// What the client calls it: a name of GraphQL, for the log alone.
    name: Option<&'o str>,
    kind: &'static str,
    begun: Instant,
    outcome: Outcome,
}

impl<'o> Account<'o> {
    /// Begins it.
    #[must_use]
    pub fn begin(op: &'o Op, label: Label, name: Option<&'o str>, kind: &'static str) -> Self {
        let metrics = &op.app.metrics;
        metrics.running.fetch_add(1, Ordering::Relaxed);
        op.meter.work_for(metrics.operations.name(label));
        Self { op, label, name, kind, begun: Instant::now(), outcome: Outcome::Abandoned }
    }

    /// Ends it with an answer; how it ended.
    pub fn end(mut self, response: &Response) -> Outcome {
        self.outcome = Outcome::of(response, self.op.meter.is_refused());
        response.errors.iter().for_each(|error| self.op.app.metrics.beyond_what(error));
        self.outcome
    }

    fn tell(&self, took: Duration, statements: u32, sql: Duration) {
        let settings = &self.op.app.settings;
        let is_slow = settings.slow_request_ms > 0 && took >= Duration::from_millis(settings.slow_request_ms);
        if is_slow {
            let name = self.op.app.metrics.operations.name(self.label);
            tracing::warn!(
                target: SLOW,
                request_id = self.op.request_id,
                operation = &*name,
                name = self.name,
                duration_ms = milliseconds(took),
                statements,
                sql_ms = milliseconds(sql),
                "slow request"
            );
        }
        if is_slow || self.outcome.is_fault() || is_chosen(settings.log_requests) {
            self.line(took, statements, sql);
        }
    }

    fn line(&self, took: Duration, statements: u32, sql: Duration) {
        let op = self.op;
        let operation = op.app.metrics.operations.name(self.label);
        tracing::info!(
            target: REQUEST,
            request_id = op.request_id,
            trace_id = op.trace.map(|trace| trace.trace_id()).or_else(traces::current),
            operation = &*operation,
            kind = self.kind,
            name = self.name,
            transport = op.transport.name(),
            outcome = self.outcome.name(),
            duration_ms = milliseconds(took),
            statements,
            sql_ms = milliseconds(sql),
            person = op.caller.as_ref().map(|caller| caller.person.id.0),
            "request"
        );
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        let Self { op, label, outcome, begun, .. } = self;
        let (took, statements, sql) = (begun.elapsed(), op.meter.statements(), op.meter.time());
        op.app.metrics.operations.ended(*label, *outcome, took, (statements, sql));
        op.app.metrics.running.fetch_sub(1, Ordering::Relaxed);
        self.tell(took, statements, sql);
    }
}

/// A time for the log, in milliseconds to the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Whether this one is among the share that is told.
pub(crate) fn is_chosen(share: f64) -> bool {
    share >= 1.0 || (share > 0.0 && rand::random::<f64>() < share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_none_or_some_are_told() {
        assert!(is_chosen(1.0) && !is_chosen(0.0));
        let told = (0..1_000).filter(|_| is_chosen(0.5)).count();
        assert!((300..700).contains(&told), "{told}");
    }

    #[test]
    fn times_are_told_to_the_microsecond() {
        assert!((milliseconds(Duration::from_nanos(1_234_567)) - 1.235).abs() < f64::EPSILON);
    }
}
