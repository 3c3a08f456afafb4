//! The program's own log lines.
//!
//! In: the `[logging]` section. Out: a logger that any thread may use without waiting, and the guard that writes what is
//! left. Owns one thread, which alone touches the file or standard error.

mod levels;
mod now_and_then;
mod sanitize;

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, LineWriter};
use std::path::{Path, PathBuf};

use slog::{Drain, FnValue, Logger, o};
use slog_async::{Async, AsyncGuard, OverflowStrategy};

pub use self::levels::LevelSwitch;
pub use self::now_and_then::NowAndThen;
use self::sanitize::Sanitized;
use super::config::{LogFormat, Logging};

/// Log lines that may wait for the writing thread. When they are more, the newest are dropped, and a line says how many:
/// a slow terminal must never hold up a shard.
pub const QUEUE_LINES_MAX: usize = 8192;

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoggingError {
    /// The file of `logging.file` cannot be appended to.
    #[error(
        "the log file {} cannot be written: {error}; change logging.file, or leave it empty for standard error",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Keeps the writing thread. When it is dropped, all lines that wait are written and the thread ends; later ones are lost.
/// So it is held by `main`, and dropped last.
#[must_use = "dropping the guard ends logging"]
pub struct Guard {
    _writer: AsyncGuard,
    levels: LevelSwitch,
}

impl Guard {
    /// The levels, to change them while lines are written.
    pub fn levels(&self) -> LevelSwitch {
        self.levels.clone()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// The logger that `config` describes, and the guard to hold until the end of the program.
pub fn build(config: &Logging) -> Result<(Logger, Guard), LoggingError> {
    let file = config.file.as_deref().map(append_to).transpose()?;
    // A line that cannot be written is lost without a word: there is no other place to complain to, and an error would end
    // the writing thread for good.
    Ok(match (config.format, file) {
        (LogFormat::Terminal, None) => {
            let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let builder = slog_term::TermDecorator::new().stderr();
            let builder = if colour {
                builder
            } else {
                builder.force_plain()
            };
            start(config, for_people(builder.build()))
        }
        (LogFormat::Terminal, Some(file)) => start(
            config,
            for_people(slog_term::PlainDecorator::new(LineWriter::new(file))),
        ),
        (LogFormat::Json, None) => start(config, for_machines(LineWriter::new(io::stderr()))),
        (LogFormat::Json, Some(file)) => start(config, for_machines(LineWriter::new(file))),
    })
}

fn append_to(path: &Path) -> Result<File, LoggingError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| LoggingError::File {
            path: path.to_owned(),
            error,
        })
}

/// A drain that the writing thread can have for itself and that never fails.
trait Writing: Drain<Ok = (), Err = slog::Never> + Send + 'static {}
impl<D: Drain<Ok = (), Err = slog::Never> + Send + 'static> Writing for D {}

fn for_people<D>(decorator: D) -> impl Writing
where
    D: slog_term::Decorator + Send + 'static,
{
    slog_term::FullFormat::new(Sanitized(decorator))
        .use_original_order()
        .build()
        .ignore_res()
}

fn for_machines<W>(writer: W) -> impl Writing
where
    W: io::Write + Send + 'static,
{
    let module = FnValue(|record: &slog::Record<'_>| record.module());
    slog_json::Json::new(writer)
        .add_default_keys()
        .add_key_value(o!("module" => module))
        .build()
        .ignore_res()
}

fn start(config: &Logging, drain: impl Writing) -> (Logger, Guard) {
    let (queue, writer) = Async::new(drain)
        .chan_size(QUEUE_LINES_MAX)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .thread_name("log-writer".to_owned())
        .build_with_guard();
    // Levels are looked at before the queue, so that a line nobody wants costs next to nothing.
    let levels = LevelSwitch::new(config);
    let filtered = levels.clone().over(queue.ignore_res());
    let guard = Guard {
        _writer: writer,
        levels,
    };
    (Logger::root(filtered.ignore_res(), o!()), guard)
}

#[cfg(test)]
mod tests;
