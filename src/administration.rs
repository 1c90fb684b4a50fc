//! Administration of the policy: who may do what is data, changed here and nowhere else.
//!
//! ```text
//! changePolicy ─▶ rules: is each line one, is somebody left? ─▶ lines + a new version, one transaction
//!              ─▶ this process reads the policy again before it answers; the others when the event, or a
//!                 look at the version twice a second, tells them
//! ```
//! The door of the context.

mod actions;
mod error;
mod mutation;
mod query;
mod rules;
mod store;
mod types;

pub use error::Refusal;
pub use mutation::AdministrationMutation;
pub use query::AdministrationQuery;
