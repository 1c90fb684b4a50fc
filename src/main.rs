//! The `sesame` command.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sesame::cli::main()
}
