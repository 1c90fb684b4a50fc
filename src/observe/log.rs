//! The log: text for people, or JSON with one object a line, on standard error.
//!
//! Nothing secret is ever a field: people are keys, requests are called by their root fields, statements have
//! their placeholders and nothing in their place.

use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use super::traces::{self, Exporting};
use crate::config::Settings;

/// The lines that tell of requests.
pub const REQUEST: &str = "sesame::request";
/// The lines that tell of what took too long.
pub const SLOW: &str = "sesame::slow";
/// What is told where `SESAME_LOG` says nothing else.
const USUAL: &str =
    "info,sqlx=warn,sea_orm_migration=warn,opentelemetry=warn,opentelemetry_sdk=warn,opentelemetry-otlp=warn";

/// The log, and the spans on their way to a collector. Dropping it sends what there is.
#[derive(Debug)]
#[must_use]
pub struct Log(Option<Exporting>);

/// Starts the log, and the export of spans where there is a collector.
///
/// # Errors
/// When the collector's address is none.
pub fn start(settings: &Settings) -> Result<Log, Box<dyn std::error::Error>> {
    let exporting = traces::exporting(settings)?;
    let spans = exporting.as_ref().map(Exporting::layer);
    tracing_subscriber::registry().with(lines(settings)).with(spans).try_init()?;
    Ok(Log(exporting))
}

fn lines(settings: &Settings) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::try_from_env("SESAME_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let lines = fmt::layer().with_writer(std::io::stderr);
    if settings.log_json {
        let json = lines.json().flatten_event(true).with_current_span(false).with_span_list(false);
        json.with_filter(filter).boxed()
    } else {
        lines.with_filter(filter).boxed()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(exporting) = &self.0 {
            exporting.end();
        }
    }
}
