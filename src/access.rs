//! Access explained and foreseen: who may do what, by which lines of the policy, and what a change of it would give
//! and take (G-5, G-6). For whoever administers the policy; nothing of a record is told but whether it is within
//! somebody's reach.
//!
//! ```text
//! explainAccess, whoCanDo ─▶ people ─▶ the lines behind each grant ─▶ do their scopes reach the record?
//! simulatePolicy ─▶ administration::decide ─▶ everybody under both policies ─▶ rights, fields, records
//! ```
//! The door of the context, above all others: people act here as the server would have them act. Their grants are
//! put together by [`crate::authz::Caller::new`], where a record belongs is what its context says, whether it can be
//! read is found out by reading it, records are counted by the statements behind the lists, and the workflows are
//! asked whether they would refuse. Nothing is decided a second time.

pub mod comparison;
pub mod expectations;
mod explain;
pub mod gains;
pub mod lint;
mod people;
mod places;
mod query;
mod records;
mod refusing;
mod simulation;
pub mod types;

pub use query::AccessQuery;
