//! `gencomm log verify|head|repair|show|export|import|remove|stats`: the log of a data folder, with or without a server beside it.
//!
//! What reads goes through `store::log::inspect`; what writes takes the log's own lock and refuses while somebody has it.

mod export;
mod head;
pub(crate) mod import;
mod progress;
mod remove;
mod repair;
mod show;
mod stats;
mod verify;

use std::path::{Path, PathBuf};

use slog::Logger;

use super::args::{Cli, LogAction, LogArgs};
use super::output::{Failure, say};
use crate::ops::config::{Config, Level};
use crate::ops::{boot, logging};
use crate::store::log::embedded::{EmbeddedLog, EmbeddedOptions};
use crate::store::log::inspect::{self, Access, Opened};
use crate::store::log::{LogError, LogReader};

/// Runs it.
pub fn run(cli: &Cli, args: &LogArgs) -> Result<(), Failure> {
    let config = configuration(cli)?;
    let data = args.data.as_ref().unwrap_or(&config.server.data_dir);
    let (log, _guard) = warnings(&config)?;
    let place = Place {
        options: boot::log_options(&config, data.join("log")),
        log,
        reads_config: &config,
    };
    match &args.action {
        LogAction::Verify(args) => verify::run(&place, args),
        LogAction::Head { json } => head::run(&place, *json),
        LogAction::Repair => repair::run(&place),
        LogAction::Show(args) => show::run(&place, args),
        LogAction::Export(args) => export::run(&place, args),
        LogAction::Import(args) => import::run(&place, args),
        LogAction::Remove { id } => remove::run(&place, *id),
        LogAction::Stats { json } => stats::run(&place, *json),
    }
}

/// What recovery and readers find wrong belongs on standard error, wherever a server's log lines go.
pub(super) fn warnings(config: &Config) -> Result<(Logger, logging::Guard), Failure> {
    let mut lines = config.logging.clone();
    lines.file = None;
    lines.levels.clear();
    if lines.level != Level::Error {
        lines.level = Level::Warning;
    }
    logging::build(&lines).map_err(|error| Failure::Usage(error.to_string()))
}

/// The configuration. A log can be read without any, so a folder that is not there counts only if it was named.
pub(super) fn configuration(cli: &Cli) -> Result<Config, Failure> {
    let dir = cli.config_dir();
    if cli.config.is_none() && !dir.exists() {
        return Ok(Config::built_in());
    }
    Config::load(dir).map_err(|error| Failure::Usage(error.to_string()))
}

/// Which log, and where warnings about it go.
struct Place<'a> {
    options: EmbeddedOptions,
    log: Logger,
    reads_config: &'a Config,
}

impl Place<'_> {
    fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// Refuses if there is no log.
    fn exists(&self) -> Result<(), Failure> {
        if inspect::exists(self.folder()) {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "there is no log in {}; name the data folder with --data DIR, or the configuration with --config DIR",
            self.folder().display()
        )))
    }

    /// Opens the log to read, and says so if it is not up to the moment.
    fn read(&self) -> Result<Opened, Failure> {
        self.exists()?;
        let opened = inspect::open(&self.options, &self.log).map_err(failed)?;
        if let Access::AsLeft(why) = &opened.access {
            say(&format!(
                "gencomm: the log is read as it was left, without recovery ({why})"
            ));
        }
        Ok(opened)
    }

    /// Opens the log to write; refuses while somebody else does.
    fn write(&self) -> Result<EmbeddedLog, Failure> {
        EmbeddedLog::open(self.options.clone(), self.log.clone()).map_err(failed)
    }
}

fn failed(error: LogError) -> Failure {
    Failure::Failed(match error {
        LogError::Locked { folder, holder } => format!(
            "the log in {folder} is written by {holder}; stop that server first, then run this again"
        ),
        other => other.to_string(),
    })
}

/// An error about a file that the command line names.
fn file_failed<'a>(action: &'a str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Failure + 'a {
    move |error| Failure::Failed(format!("{} cannot be {action}: {error}", path.display()))
}

/// `path` with `suffix` at the end of its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The newest id that readers find.
fn newest(opened: &Opened) -> u64 {
    opened.reader.newest()
}
