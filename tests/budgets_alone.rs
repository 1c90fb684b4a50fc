//! Temporary: the tests of the budgets without the others, while those are being written. To be deleted.
#![allow(dead_code)]
#[path = "it/app.rs"]
mod app;
#[path = "it/budgets.rs"]
mod budgets;
#[path = "it/harness.rs"]
mod harness;
#[path = "it/network.rs"]
mod network;
#[path = "it/postgres.rs"]
mod postgres;

#[test]
fn all() {
    let filter = std::env::var("ONLY").ok();
    let arguments = libtest_mimic::Arguments { filter, test_threads: Some(2), ..Default::default() };
    let conclusion = libtest_mimic::run(&arguments, budgets::trials());
    postgres::stop_shared();
    assert!(!conclusion.has_failed());
}
