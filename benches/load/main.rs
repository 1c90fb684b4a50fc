//! The load script: processor time and SQL statements per request, measured side by side (K-20 to K-25).
//!
//! ```text
//! this process ──requests──▶ sesame serve  ─┐
//!      │       └─requests──▶ bare handlers ─┴─▶ PostgreSQL, its own or a given one
//!      └── before and after each run: what all of them used, from /proc
//! ```
//! The servers are this same binary started again: as `sesame`, whose command line is a function, or as
//! [`bare`]. What they are sent is in [`queue`] and [`decisions`]. See `benches/README.md`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod bare;
#[cfg(target_os = "linux")]
mod board;
#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod client;
#[cfg(target_os = "linux")]
mod contest;
#[cfg(target_os = "linux")]
mod database;
#[cfg(target_os = "linux")]
mod decisions;
#[cfg(target_os = "linux")]
#[path = "../../tests/it/excessive.rs"]
mod excessive;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod permission;
#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/it/postgres.rs"]
mod postgres;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod queue;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod script;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(target_os = "linux")]
mod start;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    if sockets::is_asked() {
        sockets::main()
    } else if board::is_asked() {
        board::main()
    } else {
        script::main()
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    println!("The load script reads what processes used from /proc: it runs on Linux only.");
    ExitCode::SUCCESS
}
