//! The way out of a client: standard output, standard error, the exit code.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use crate::term::error::TermError;

/// Why a subcommand ends early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Used or configured wrongly: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It did not work: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Everything has been said already: exit code 1.
    #[error("failed")]
    Told,
    /// The reader of standard output has seen enough: exit code 0.
    #[error("standard output is closed")]
    BrokenPipe,
}

impl From<TermError> for Failure {
    fn from(error: TermError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Failures of standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Failed(format!("standard output cannot be written: {error}"))
        }
    }
}

/// Says what went wrong, if anything, and gives the exit code for it.
pub fn exit_code(result: Result<(), Failure>) -> u8 {
    match result {
        Ok(()) | Err(Failure::BrokenPipe) => 0,
        Err(Failure::Told) => 1,
        Err(Failure::Failed(text)) => {
            say(&format!("gencomm: {text}"));
            1
        }
        Err(Failure::Usage(text)) => {
            say(&format!("gencomm: {text}"));
            2
        }
    }
}

/// A line on standard error. Nobody is left to tell if that is closed.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Standard output, buffered.
pub type Output = BufWriter<StdoutLock<'static>>;

/// Takes standard output for the rest of the program.
pub fn stdout() -> Output {
    BufWriter::new(io::stdout().lock())
}

/// Whether standard output is a terminal that wants colour.
pub fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
