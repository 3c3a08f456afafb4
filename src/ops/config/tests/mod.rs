//! Whole configurations, good and bad.

mod defaults;
mod layers;
mod mistakes;
mod reload;

use std::fs;

use super::{ConfigError, Loaded, Problem};

/// A folder with these files, an environment of these variables.
fn read(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let environment = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Loaded::read(dir.path(), &environment).map_err(|error| {
        let folder = format!("{}/", dir.path().display());
        let problems = error.problems.into_iter();
        let short = |problem: Problem| Problem {
            subject: problem.subject.replace(&folder, ""),
            what: problem.what.replace(&folder, ""),
        };
        ConfigError {
            problems: problems.map(short).collect(),
        }
    })
}
