//! What the server tells of itself (K-30): figures for Prometheus, a line for each request, slow statements,
//! spans.
//!
//! ```text
//! operations ──Account──▶ Metrics ─┐
//! statements ──Meter, Traffic──────┼──scrape──▶ /metrics
//! database, process ──Readings─────┘
//!            └──▶ the log: one line a request, slow requests and statements by the operation's name
//!            └──▶ spans: request, operation, root field, statement
//! ```
//! What happens on the way of a request is counted by atomics alone, and looked at when somebody asks. Nothing
//! that a client chose becomes a label (K-18): operations are named by the schema's root fields.

mod account;
mod histogram;
pub mod log;
mod metrics;
mod naming;
mod operations;
mod process;
mod readings;
mod scrape;
pub mod traces;

pub use account::Account;
pub(crate) use account::{is_chosen, milliseconds};
pub use histogram::Histogram;
pub(crate) use histogram::nanoseconds;
pub use metrics::{Disproved, Metrics, Open, Transport};
pub use naming::{TraceParent, is_request_id};
pub use operations::{Label, Operations, Outcome};
pub use readings::Readings;
pub use scrape::{MEDIA, scrape};
