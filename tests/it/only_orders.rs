mod app;
mod harness;
mod network;
mod orders;
mod postgres;
fn main() -> std::process::ExitCode {
    harness::run(orders::trials())
}
