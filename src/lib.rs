//! Sésame: the back office of a French sales network, served as one role-aware GraphQL API.
//!
//! ```text
//!   cli ─▶ app ─▶ http ─▶ graphql ─▶ the contexts: orders · forecast · budgets · work_queue · identity · crm · catalog
//!                                       each: mutation ─▶ actions ─▶ store, workflow, rules
//!   those with a workflow on:  workflow · transition · record · numbering
//!   all of them stand on:  op · action · version · authz · outbox · db · observe · refusal · error · i18n · calendar · clock
//! ```
//! A context reaches another only through its door (`orders.rs`, not what is inside `orders/`), handing
//! over the open transaction, and doors point downwards only.

#![forbid(unsafe_code)]

/// An answer is thousands of small pieces of memory: what hands them out is a fifth of its cost.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod access;
pub mod action;
pub mod administration;
pub mod app;
pub mod archive;
pub mod audit;
pub mod authz;
pub mod budgets;
pub mod calendar;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crm;
pub mod db;
pub mod demo;
pub mod error;
mod fetch;
pub mod files;
pub mod forecast;
#[doc(hidden)]
pub mod fuzzing;
pub mod graphql;
pub mod http;
pub mod i18n;
pub mod identity;
pub mod input;
pub mod live;
pub mod loaders;
pub mod manifests;
pub mod numbering;
pub mod observe;
pub mod op;
pub mod opportunities;
pub mod orders;
pub mod outbox;
pub mod outgoing;
pub mod playbook;
pub mod rates;
pub mod record;
pub mod refusal;
mod tls;
pub mod transition;
pub mod version;
pub mod webhooks;
pub mod work_queue;
pub mod workflow;

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
