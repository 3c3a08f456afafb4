//! `gencomm`: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    gencomm::cli::run(std::env::args_os())
}
