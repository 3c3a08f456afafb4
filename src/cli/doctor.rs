//! `gencomm doctor`: what the doctor found, as a table or as JSON. Exit code 1 if anything fails.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::output::{Failure, colour, stdout};
use crate::ops::config::process_environment;
use crate::ops::doctor::{Finding, Status, examine};

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    checks: &'a [Finding],
}

/// Looks at the set-up that the configuration in `dir` describes.
pub fn run(dir: &Path, json: bool) -> Result<(), Failure> {
    let findings = examine(dir, &process_environment());
    let failed = findings.iter().any(|one| one.status == Status::Fail);
    let mut out = stdout();
    if json {
        let report = Report {
            ok: !failed,
            checks: &findings,
        };
        let text = serde_json::to_string(&report);
        let text = text.map_err(|error| Failure::Failed(error.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        out.write_all(table(&findings, colour()).as_bytes())?;
    }
    out.flush()?;
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn table(findings: &[Finding], colour: bool) -> String {
    let width = findings.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for one in findings {
        let (word, paint) = match one.status {
            Status::Ok => ("ok  ", "\x1b[32m"),
            Status::Warn => ("warn", "\x1b[33m"),
            Status::Fail => ("FAIL", "\x1b[31m"),
        };
        let word = match colour {
            true => format!("{paint}{word}\x1b[0m"),
            false => word.to_owned(),
        };
        // Into a string: cannot fail.
        let _ = writeln!(text, "{word}  {:width$}  {}", one.name, one.found);
        if !one.remedy.is_empty() {
            let _ = writeln!(text, "      {:width$}  -> {}", "", one.remedy);
        }
    }
    let count = |status| findings.iter().filter(|one| one.status == status).count();
    let (warn, fail) = (count(Status::Warn), count(Status::Fail));
    let _ = match (warn, fail) {
        (0, 0) => writeln!(text, "all is well"),
        (warn, 0) => writeln!(text, "{warn} to look at; the server can run"),
        (warn, fail) => writeln!(text, "{fail} in the way of a server, {warn} to look at"),
    };
    text
}
