//! Marketing-action orders, from draft to closed.
//!
//! ```text
//! DRAFT ──submit──▶ PENDING_RR ──approve──▶ (gift cheques) HELD_BY_DELEGATION ──release──▶ PENDING_PDV
//!   │  (auto-validated) ──────────────────────────────────────────────────────────────▶ PENDING_PDV
//!   │  (auto-validated gift cheques) ─▶ HELD_BY_DELEGATION                                  │ approve
//!   ▼                                                                                       ▼
//! PENDING_PDV ──approve──▶ (printed) PROOF_IN_PROGRESS ──sendProof──▶ PENDING_PROOF_APPROVAL
//!                                        ▲────────── requestProofChanges ──────┤ approveProof
//!                          (others) ─────────────────────▶ IN_PROCESS ◀────────┘
//! IN_PROCESS ──complete──▶ AWAITING_RESULTS ──recordResults──▶ CLOSED
//! reject ─▶ REJECTED      return ─▶ DRAFT      cancel ─▶ CANCELLED
//! ```
//! The door of the context. One mutation goes `mutation` ─▶ `actions` (or `attachments`, `bulk`) ─▶
//! `transition`, which takes the order with what the rules have to know of it and settles what became of it.
//! In between decide [`workflow`] (what may be done, and where it leads), [`rules`] (what the facts allow)
//! and [`outcome`] (what the order becomes): pure, without database or request. [`past`] takes it back, event by
//! event, to what the order was. SQL is in [`store`].

mod actions;
mod attachments;
mod bulk;
pub mod draft;
pub mod error;
mod input;
pub mod labels;
mod lookups;
pub mod mutation;
pub mod outcome;
pub mod past;
mod query;
pub mod rules;
pub mod shares;
mod simulation;
pub mod store;
mod subscription;
mod then;
mod transition;
pub mod types;
pub mod workflow;

pub use error::Refusal;
pub use lookups::Readable;
pub use mutation::OrdersMutation;
pub use query::{OrderFilter, OrdersQuery};
pub use subscription::OrdersSubscription;

use crate::numbering::Series;

/// The series of the orders' numbers.
pub const NUMBERS: Series = Series::new("ACOR");
