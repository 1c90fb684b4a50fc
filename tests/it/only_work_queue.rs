#![allow(dead_code)]
mod app;
mod harness;
mod network;
mod postgres;
mod work_queue;
fn main() -> std::process::ExitCode {
    harness::run(work_queue::trials())
}
