//! The sales forecast: what is to be signed in a quarter, now and on any past day, and what became of it.
//!
//! ```text
//! a deal ──record──▶ deal_state: one row from a moment to a moment ─┬─▶ board (P-21)       sums of a quarter
//!                                                                   ├─▶ waterfall (P-22)   two moments, deal by deal
//! setQuota ────────▶ quota, quota_figure (P-20) ────────────────────┘   analytics (P-23)   stages, ends, slips
//! ```
//! The door of the context. It stands below the deals, and knows nothing of their rules: they hand over how a
//! deal stands ([`Standing`]) with [`record`], in their own transaction, whenever that changed. Whoever follows
//! a board is told after events about an `Opportunity` or a `Quota`, by the states that began or ended at the
//! event's moment: [`record`] takes the moment of the operation.

mod actions;
pub mod analysis;
pub mod board;
pub mod error;
mod history;
mod lookups;
mod mutation;
mod query;
pub mod quotas;
pub mod rules;
pub mod store;
mod subscription;
pub mod types;
pub mod waterfall;

pub use error::Refusal;
pub use history::{record, state};
pub use lookups::{place_of, readable};
pub use mutation::ForecastMutation;
pub use query::ForecastQuery;
pub use rules::Standing;
pub use subscription::ForecastSubscription;
