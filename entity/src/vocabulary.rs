//! The words that tables and schema share: money, ids and the closed sets.
//!
//! They live here, in one place, because Rust's orphan rule lets a type implement both SeaORM's and
//! async-graphql's traits only in the crate that defines it.

mod crm;
mod day;
mod deal;
mod forecast;
mod ids;
mod money;
mod orders;
mod people;
mod playbook;
mod sales;
mod sets;
mod webhooks;

pub use crm::*;
pub use day::Day;
pub use deal::*;
pub use forecast::*;
pub use ids::*;
pub use money::{Money, MoneyError};
pub use orders::*;
pub use people::People;
pub use playbook::{ClassRules, Playbook, StopReason};
pub use sales::*;
pub use sets::*;
pub use webhooks::*;
