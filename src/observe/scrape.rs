//! The figures in the words of Prometheus.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet,
        prometheus_text::{self, encode},
    },
    metrics::MetricType,
    registry::Registry,
};

use super::{
    histogram::{Histogram, seconds},
    metrics::{Disproved, Metrics, STATUSES, Transport},
    operations::Outcome,
    process::Process,
    readings::Reading,
};
use crate::{app::App, db::PoolUse, error::Error, http::limits::Limit};

/// The media type of the figures.
pub const MEDIA: &str = prometheus_text::CONTENT_TYPE;

/// All figures at this moment.
///
/// # Errors
/// When they cannot be written, which is a defect.
pub async fn scrape(app: &Arc<App>) -> Result<String, Error> {
    let reading = app.readings.take(app).await;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Sheet { app: app.clone(), reading, process: Process::read() }));
    let mut text = String::with_capacity(64 * 1024);
    encode(&mut text, &registry).map_err(|error| Error::Internal(error.into()))?;
    Ok(text)
}

/// Everything that is told at one moment.
#[derive(Debug)]
struct Sheet {
    app: Arc<App>,
    reading: Reading,
    process: Option<Process>,
}

impl Collector for Sheet {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut Page(encoder);
        let metrics = &*self.app.metrics;
        self.server(page)?;
        operations(page, metrics)?;
        requests(page, metrics)?;
        self.database(page)?;
        self.events(page)?;
        self.business(page)?;
        self.process.map_or(Ok(()), |process| told_of(page, process))
    }
}

type Labels<'l, const N: usize> = [(&'static str, Cow<'l, str>); N];

/// Where figures are written, one after the other.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    fn counters<'l, const N: usize, V: EncodeCounterValue>(
        &mut self,
        (name, help): (&str, &str),
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in samples {
            sample(&mut metric, &labels, |it| it.encode_counter::<NoLabelSet, V, u64>(&value, None))?;
        }
        Ok(())
    }

    fn gauges<'l, const N: usize, V: EncodeGaugeValue>(
        &mut self,
        (name, help): (&str, &str),
        samples: impl IntoIterator<Item = (Labels<'l, N>, V)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in samples {
            sample(&mut metric, &labels, |it| it.encode_gauge(&value))?;
        }
        Ok(())
    }

    fn histograms<'l, const N: usize>(
        &mut self,
        (name, help): (&str, &str),
        samples: impl IntoIterator<Item = (Labels<'l, N>, &'l Histogram)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in samples {
            let seen = histogram.seen();
            sample(&mut metric, &labels, |it| {
                it.encode_histogram::<NoLabelSet>(seen.sum, seen.count, &seen.buckets, None)
            })?;
        }
        Ok(())
    }

    fn counter(&mut self, named: (&str, &str), value: impl EncodeCounterValue) -> fmt::Result {
        self.counters(named, [([], value)])
    }

    fn gauge(&mut self, named: (&str, &str), value: impl EncodeGaugeValue) -> fmt::Result {
        self.gauges(named, [([], value)])
    }
}

/// Writes one sample, with its labels where it has any.
fn sample<const N: usize>(
    metric: &mut MetricEncoder<'_>,
    labels: &Labels<'_, N>,
    write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if N == 0 { write(metric) } else { write(&mut metric.encode_family(labels)?) }
}

fn of(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// A label and the count behind it, for each of some.
fn each<'c>(
    label: &'static str,
    names: impl IntoIterator<Item = &'static str>,
    counts: &'c [AtomicU64],
) -> impl Iterator<Item = (Labels<'c, 1>, u64)> {
    names.into_iter().zip(counts).map(move |(name, count)| ([(label, name.into())], of(count)))
}

/// What is open on each road.
fn open(gauges: &[AtomicI64]) -> impl Iterator<Item = (Labels<'_, 1>, i64)> {
    let names = Transport::ALL.map(Transport::name);
    names.into_iter().zip(gauges).map(|(name, open)| ([("transport", name.into())], open.load(Ordering::Relaxed)))
}

fn operations(page: &mut Page<'_>, metrics: &Metrics) -> fmt::Result {
    let all = || metrics.operations.seen();
    let outcomes = all().flat_map(|it| {
        let outcomes = Outcome::ALL.into_iter().zip(&it.outcomes).filter(|(_, count)| of(count) > 0);
        outcomes.map(move |(outcome, count)| {
            ([("operation", Cow::from(&*it.name)), ("outcome", outcome.name().into())], of(count))
        })
    });
    page.counters(("sesame_requests", "Operations by root field and by how they ended."), outcomes)?;
    page.histograms(
        ("sesame_request_seconds", "How long operations took, from their admission to their answer."),
        all().map(|it| ([("operation", Cow::from(&*it.name))], &it.took)),
    )?;
    page.counters(
        ("sesame_request_statements", "SQL statements that operations made."),
        all().map(|it| ([("operation", Cow::from(&*it.name))], of(&it.statements))),
    )?;
    page.counters(
        ("sesame_request_sql_seconds", "Time that the database took for operations."),
        all().map(|it| ([("operation", Cow::from(&*it.name))], seconds(of(&it.sql)))),
    )?;
    page.gauge(("sesame_requests_running", "Operations under way."), metrics.running.load(Ordering::Relaxed))
}

fn requests(page: &mut Page<'_>, metrics: &Metrics) -> fmt::Result {
    let routes = metrics.routes.read();
    let answers = routes.iter().flat_map(|route| {
        let answers = STATUSES.into_iter().zip(&route.answers).filter(|(_, count)| of(count) > 0);
        answers.map(move |(status, count)| {
            let status = if status == 0 { Cow::from("other") } else { status.to_string().into() };
            ([("route", Cow::from(&*route.name)), ("status", status)], of(count))
        })
    });
    page.counters(("sesame_http_answers", "HTTP answers by route and status."), answers)?;
    page.counters(
        ("sesame_refusals", "Requests and connections refused, by the limit that they exceeded."),
        each("limit", Limit::ALL.iter().map(|limit| limit.name()), &metrics.beyond),
    )?;
    page.counters(
        ("sesame_authentication_failures", "What did not prove who somebody is."),
        each("proof", Disproved::ALL.map(Disproved::name), &metrics.disproved),
    )?;
    page.gauges(("sesame_connections", "Open connections, by what they are used for."), open(&metrics.connections))?;
    page.gauges(("sesame_subscriptions", "Subscriptions that are followed."), open(&metrics.subscriptions))?;
    page.counters(
        ("sesame_subscription_messages", "What subscriptions were told."),
        each("transport", Transport::ALL.map(Transport::name), &metrics.messages),
    )?;
    page.counter(
        ("sesame_idempotent_replays", "Mutations answered as the first time, for the sake of their key."),
        of(&metrics.replays),
    )
}

/// What this process is doing to the machine.
fn told_of(page: &mut Page<'_>, process: Process) -> fmt::Result {
    page.counter(("process_cpu_seconds", "Processor time of this process."), process.cpu)?;
    page.gauge(("process_resident_memory_bytes", "Memory of this process."), process.resident)?;
    page.gauge(("process_virtual_memory_bytes", "Address space of this process."), process.virtual_memory)?;
    page.gauge(("process_open_fds", "Open files and sockets."), process.files)?;
    page.gauge(("process_max_fds", "Most files and sockets that may be open."), process.most_files)?;
    page.gauge(("process_threads", "Threads of this process."), process.threads)?;
    page.gauge(("process_start_time_seconds", "When this process began, since 1970."), process.began)
}

impl Sheet {
    fn server(&self, page: &mut Page<'_>) -> fmt::Result {
        let database = if self.app.database.is_postgres() { "postgres" } else { "sqlite" };
        let built = [("version", env!("CARGO_PKG_VERSION").into()), ("database", database.into())];
        page.gauges(("sesame_build_info", "Which Sésame this is."), [(built, 1_i64)])?;
        page.gauge(("sesame_policy_version", "Version of the policy in force."), self.app.policy().version)?;
        let (held, built) = self.app.schemas.built();
        page.gauge(("sesame_schema_views", "Schema views that are kept."), held)?;
        page.counter(("sesame_schema_views_built", "Schema views that were built."), built)?;
        page.gauge(
            ("sesame_signed_in_connections", "Connections that live as long as somebody's rights."),
            self.app.connections.count(),
        )
    }

    fn database(&self, page: &mut Page<'_>) -> fmt::Result {
        let (database, metrics) = (&self.app.database, &*self.app.metrics);
        page.histograms(
            ("sesame_statement_seconds", "How long SQL statements took, waiting for a connection included."),
            [([], &database.traffic().statements)],
        )?;
        page.histograms(
            ("sesame_transaction_begin_seconds", "How long transactions that may write waited to begin."),
            [([], &database.traffic().begins)],
        )?;
        page.counter(
            ("sesame_transaction_retries", "Transactions begun again because the database asked for it."),
            of(&metrics.retries),
        )?;
        page.counter(("sesame_slow_statements", "Statements over the threshold."), of(&database.traffic().slow))?;
        let pools = database.pools();
        let told = |read: fn(&PoolUse) -> i64| pools.iter().map(move |it| ([("pool", Cow::from(it.name))], read(it)));
        page.gauges(("sesame_pool_connections", "Connections of a pool, at rest or used."), told(|it| it.open))?;
        page.gauges(("sesame_pool_used", "Connections of a pool that are used."), told(|it| it.used))?;
        page.gauges(("sesame_pool_most", "Most connections of a pool."), told(|it| it.most))?;
        page.gauges(("sesame_pool_waiting", "Who waits for a connection of a pool."), told(|it| it.waiting))?;
        page.gauge(
            ("sesame_readings_fresh", "Whether the database told the figures that are read from it."),
            i64::from(self.reading.is_fresh),
        )
    }

    fn events(&self, page: &mut Page<'_>) -> fmt::Result {
        let (outbox, metrics, reading) = (&self.app.outbox, &*self.app.metrics, &self.reading);
        let told = outbox.told().unwrap_or_default();
        page.counter(("sesame_events_told", "Events that this process told its watchers of."), of(&metrics.events))?;
        page.histograms(
            ("sesame_event_lag_seconds", "From the beginning of an operation to the telling of its event."),
            [([], &metrics.event_lag)],
        )?;
        page.gauges(
            ("sesame_event_position", "Place in the order of commits: of the last event, and of the last one told."),
            [([("of", "committed".into())], reading.head.max(told)), ([("of", "told".into())], told)],
        )?;
        page.gauge(
            ("sesame_events_unnumbered", "Events that are committed and have no position yet."),
            reading.unnumbered,
        )?;
        page.gauge(
            ("sesame_outbox_quiet_seconds", "Since the outbox last looked at all of the table."),
            outbox.quiet().as_secs_f64(),
        )?;
        page.gauge(("sesame_outbox_late", "Whether events are stuck."), i64::from(outbox.is_late()))?;
        let (behind, since) = match reading.unsealed {
            Some((position, at)) => (reading.head - position + 1, self.app.clock.now() - at),
            None => (0, chrono::TimeDelta::zero()),
        };
        page.gauge(("sesame_seal_lag_events", "Events without a seal."), behind)?;
        let since = since.to_std().unwrap_or_default().as_secs_f64();
        page.gauge(("sesame_seal_lag_seconds", "Age of the oldest event without a seal."), since)
    }

    fn business(&self, page: &mut Page<'_>) -> fmt::Result {
        let queues = self.reading.queues.iter();
        page.gauges(
            ("sesame_work_items", "What waits for somebody, by kind and region."),
            queues.map(|(kind, region, count)| ([("kind", Cow::from(kind)), ("region", Cow::from(region))], *count)),
        )?;
        let states = || ["attached", "waiting"].into_iter().zip(self.reading.files);
        page.gauges(
            ("sesame_files", "Files that are kept."),
            states().map(|(state, (count, _))| ([("state", state.into())], count)),
        )?;
        page.gauges(
            ("sesame_file_bytes", "Bytes of the files that are kept."),
            states().map(|(state, (_, bytes))| ([("state", state.into())], bytes)),
        )
    }
}
