//! Whether the configuration is right, and where it comes from.

use std::path::Path;

use super::Finding;
use crate::ops::config::{Config, Environment, Loaded};

const NAME: &str = "configuration";

/// The configuration to go on with: the one in `dir`, or the built-in one if that is wrong.
pub(super) fn check(dir: &Path, environment: &Environment) -> (Config, Vec<Finding>) {
    match Loaded::read(dir, environment) {
        Ok(loaded) => {
            let files: Vec<String> = loaded
                .files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            let mut found = match files.is_empty() {
                true => format!("no file in {}; the built-in values", dir.display()),
                false => files.join(", "),
            };
            if !environment.is_empty() {
                found.push_str(&format!(", {} environment variables", environment.len()));
            }
            (loaded.config, vec![Finding::ok(NAME, found)])
        }
        Err(error) => {
            let problems = error.problems.iter();
            let findings = problems.map(|problem| {
                Finding::fail(
                    NAME,
                    format!("{}: {}", problem.subject, problem.what),
                    "correct it; the checks below take the built-in values. `gencomm config default` explains every key",
                )
            });
            (Config::built_in(), findings.collect())
        }
    }
}
