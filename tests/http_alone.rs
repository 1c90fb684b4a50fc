//! Temporary: the HTTP tests without the others, while those are being written. To be deleted.
#![allow(dead_code)]
#[path = "it/harness.rs"]
mod harness;
#[path = "it/http.rs"]
mod http;
#[path = "it/postgres.rs"]
mod postgres;

#[test]
fn all() {
    let arguments = libtest_mimic::Arguments { filter: std::env::var("ONLY").ok(), ..Default::default() };
    let conclusion = libtest_mimic::run(&arguments, http::trials());
    postgres::stop_shared();
    assert!(!conclusion.has_failed());
}
