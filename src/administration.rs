//! Administration of the policy: who may do what is data, changed here and nowhere else.
//!
//! ```text
//! changePolicy ───┬─▶ decide: is each line one, is somebody left? ─▶ lines + a new version, one transaction
//! rollBackPolicy ─┘            (dry runs and simulatePolicy ask the same)
//!              ─▶ this process reads the policy again before it answers; the others when the event, or a
//!                 look at the version twice a second, tells them
//! ```
//! The door of the context.

mod actions;
mod decision;
pub mod error;
mod lookups;
mod mutation;
mod query;
pub mod rules;
mod store;
pub mod types;

pub use decision::{Decided, Wanted, decide};
pub use error::Refusal;
pub use mutation::{AdministrationMutation, change_of};
pub use query::AdministrationQuery;
