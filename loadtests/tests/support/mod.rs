//! Running the load tests from tests.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the load tests with these arguments, on the server that `cargo test --workspace` has built beside them. Started by Cargo they
/// would build it again: without the faults that tests inject, which takes minutes and replaces the binary that other tests run.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_loadtests"));
    let mut command = Command::new(program);
    if program.with_file_name("gencomm").is_file() {
        command.env_remove("CARGO");
    }
    command.args(arguments).output().unwrap()
}
