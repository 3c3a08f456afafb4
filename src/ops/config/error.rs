//! What can be wrong with a configuration, said so that the reader knows which line to change.

use std::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a key with its file or environment variable, a place in a file, or a folder.
    pub subject: String,
    /// What is wrong there and what to do about it.
    pub what: String,
}

impl Problem {
    pub(super) fn new(subject: impl fmt::Display, what: impl Into<String>) -> Self {
        Self {
            subject: subject.to_string(),
            what: what.into(),
        }
    }

    /// A mistake in the value of `key`, as `origin` gives it.
    pub(super) fn at(key: &str, origin: impl fmt::Display, what: impl Into<String>) -> Self {
        Self::new(format_args!("{key} in {origin}"), what)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)
    }
}

/// Every mistake found in a configuration; prints as one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(f, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}
