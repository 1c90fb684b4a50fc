//! Budgets: years with their rules, envelopes with stored balances, the immutable ledger; and the goodwill
//! gestures that the management budget pays.
//!
//! ```text
//! PLANNED ──allocateBudgets──▶ OPEN ──(B-10)──▶ CLOSED        updateBudgetYear plans a year and changes its rules
//!
//! central pool ──grantFromPool──▶ regional manager ──moveBudget──▶ delegate ◀──moveBudget──▶ delegate
//!      └────────grantFromPool──▶ management budget, delegate
//! ```
//! The door of the context. Another context reads the envelopes it is about to charge with
//! [`envelopes_of`], which locks them until the end of the transaction, judges with [`rules`], and moves
//! money with [`post`] alone: ledger entry and balance are written together or not at all (B-3).
//! [`check`] recomputes every balance from the ledger.

mod actions;
mod check;
pub mod error;
pub mod goodwill;
mod history;
pub mod labels;
mod ledger;
mod lookups;
mod mutation;
mod query;
pub mod rules;
pub mod store;
mod subscription;
pub mod types;
pub mod year;

pub use check::{Finding, check};
pub use error::Refusal;
pub use ledger::{Cause, Change, Named, Posting, post};
pub use lookups::{readable, readable_gesture};
pub use mutation::BudgetsMutation;
pub use query::BudgetsQuery;
pub use store::{Envelopes, envelopes, envelopes_of, pick, years};
pub use subscription::BudgetsSubscription;
