//! Deals, from their identification to closed won.
//!
//! ```text
//! IDENTIFICATION ──P-10──▶ QUALIFICATION ──P-11: Go──▶ PROPOSITION ──P-12: sent──▶ NEGOTIATION
//!                                                                                      │ P-13: agreement
//!       ┌── round refused ──▶ owner ── resubmit ──┐                                    ▼
//!       └─────────────── first check ◀────────────┴──────────────────────────────── WON
//!                             └──▶ second check ──P-14──▶ CLOSED_WON
//! the first four ──stop──▶ NO_GO · ON_HOLD · LOST · DISMISSED ──resume, reopen──▶ where it was
//! ```
//! The door of the context. It has the rooms of `orders`: one mutation goes `mutation` ─▶ `actions` ─▶
//! `transition` ─▶ `store`. In between decide, without database or request: [`workflow`] (whose step it is, what
//! stands in the way, what a deal waits for), [`gates`] (everything that is missing to the next stage), [`rules`]
//! (what the facts say), [`committee`] (on which days it may meet) and [`outcome`] (what a deal becomes).
//! The numbers and lists behind them are the [`crate::playbook`]'s; each standing goes into the forecast's history.

mod actions;
pub mod committee;
pub mod draft;
pub mod error;
pub mod gates;
mod input;
mod jobs;
pub mod labels;
mod lookups;
mod mutation;
pub mod outcome;
mod query;
pub mod rules;
pub mod store;
pub mod transition;
pub mod types;
pub mod workflow;

pub use error::Refusal;
pub use jobs::wake_daily;
pub use lookups::Readable;
pub use mutation::OpportunitiesMutation;
pub use query::OpportunitiesQuery;

/// The numbers of the deals.
pub const NUMBERS: crate::numbering::Series = crate::numbering::Series::new("OPP");
