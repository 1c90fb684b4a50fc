//! Spans for OpenTelemetry: request, operation, root field, statement, sent to a collector (OTLP over HTTP, in
//! JSON) where the settings name one. Where they name none, a span costs a look at a flag.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{ParentBasedSampler, Sampler, SdkTracerProvider},
};
use tokio::runtime::Handle;
use tracing::{Span, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

use super::naming::TraceParent;
use crate::config::Settings;

/// What all spans are called in filters.
pub const TRACE: &str = "sesame::trace";
/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Spans on their way to a collector.
#[derive(Debug)]
pub struct Exporting(SdkTracerProvider);

/// The way to the collector, where the settings name one.
///
/// # Errors
/// When its address is none.
pub(super) fn exporting(settings: &Settings) -> Result<Option<Exporting>, Box<dyn std::error::Error>> {
    let Some(collector) = &settings.otel_endpoint else { return Ok(None) };
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client { http, runtime: Handle::current() })
        .with_protocol(Protocol::HttpJson)
        .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
        .with_timeout(PATIENCE)
        .build()?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler(settings.otel_share))
        .with_resource(Resource::builder().with_service_name("sesame").with_attribute(version).build())
        .build();
    Ok(Some(Exporting(provider)))
}

/// A share of the traces. Whoever asks can leave their own out of it, but not put it in: nobody outside decides
/// how much is kept here.
fn sampler(share: f64) -> ParentBasedSampler {
    let ours = Sampler::TraceIdRatioBased(share);
    Sampler::parent_based(ours.clone()).with_remote_parent_sampled(ours)
}

impl Exporting {
    /// The layer of the log's subscriber that makes spans.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s> + Send + Sync,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("sesame"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TRACE, LevelFilter::DEBUG))
    }

    /// Sends what there is.
    pub(super) fn end(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::debug!(%error, "the last spans are lost");
        }
    }
}

/// Puts a span into the trace of whoever asks.
pub(crate) fn adopt(span: &Span, parent: Option<TraceParent>) {
    let Some(TraceParent { trace, span: above, is_sampled }) = parent.filter(|_| !span.is_disabled()) else { return };
    let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, above) = (TraceId::from_bytes(trace.to_be_bytes()), SpanId::from_bytes(above.to_be_bytes()));
    let context = SpanContext::new(trace, above, flags, true, TraceState::default());
    if let Err(error) = span.set_parent(Context::new().with_remote_span_context(context)) {
        tracing::debug!(%error, "a span has no parent");
    }
}

/// The trace of the span that one is in, where there is one.
pub(crate) fn current() -> Option<String> {
    let span = Span::current();
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let span = context.span();
    let within = span.span_context();
    within.is_valid().then(|| within.trace_id().to_string())
}

/// Sends to the collector. The exporter's thread is none of the runtime's, in which alone one can wait for a
/// connection.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sending = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let response = Response::builder().status(answer.status());
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        });
        sending.await?
    }
}
