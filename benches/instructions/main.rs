//! A guard against slow-downs that needs no clock: counts the instructions of a few paths under `valgrind --tool=callgrind` and
//! compares them with the budgets in `budgets.txt`. `.ci/instructions` builds it as the budgets want it, and runs it:
//!
//! ```sh
//! .ci/instructions                 # compare
//! .ci/instructions --write         # make what is counted now the budgets
//! .ci/instructions --runs 5        # count five times and say how far apart the counts are
//! ```
//!
//! `paths.rs` holds what is counted, `callgrind.rs` the counting, `budget.rs` the file and the verdicts.

mod budget;
mod callgrind;
mod paths;

use std::path::Path;
use std::process::ExitCode;

use budget::{Budgets, Count};

/// Where the budgets are, from the package's folder.
const BUDGETS: &str = "benches/instructions/budgets.txt";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut write, mut runs) = (false, 1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What `cargo bench` says to every benchmark.
            "--bench" => {}
            callgrind::MEASURE => return done(paths::run_all()),
            "--write" => write = true,
            "--runs" => match arguments.next().and_then(|runs| runs.parse().ok()) {
                Some(count @ 1..=100) => runs = count,
                _ => return done(Err("--runs takes a number from 1 to 100".to_owned())),
            },
            other => {
                return done(Err(format!(
                    "{other}: not known; there are --write, --runs"
                )));
            }
        }
    }
    done(guard(write, runs))
}

fn done(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn guard(write: bool, runs: u32) -> Result<(), String> {
    let conditions = callgrind::conditions()?;
    let mut counts: Vec<Count> = callgrind::count()?;
    for _ in 1..runs {
        for (count, again) in counts.iter_mut().zip(callgrind::count()?) {
            count.widen(&again);
        }
    }
    if runs > 1 {
        print!("{}", budget::spread(&counts));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(BUDGETS);
    if write {
        let text = Budgets::of(conditions, &counts).to_text();
        return std::fs::write(&path, text).map_err(|error| format!("{BUDGETS}: {error}"));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{BUDGETS}: {error}"))?;
    let budgets = Budgets::parse(&text).map_err(|error| format!("{BUDGETS}: {error}"))?;
    let report = budgets.compare(&conditions, &counts);
    print!("{}", report.text);
    match report.failures {
        0 => Ok(()),
        n => Err(format!(
            "{n} of the paths above cost more than their budget. If that is meant, \
             `.ci/instructions --write`, and say why in the commit"
        )),
    }
}
