//! Deals.
pub mod committee;
pub mod error;
pub mod gates;
pub mod labels;
pub mod rules;
pub mod workflow;
pub use error::Refusal;
