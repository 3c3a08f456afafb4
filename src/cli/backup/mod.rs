//! `gencomm backup DIR|-`, `gencomm backup verify SOURCE`, `gencomm restore SOURCE`: what the server keeps, copied, compared and put back.
//!
//! A backup is made beside a running server or without one, a restore without one only. What is printed names files and figures, nothing of
//! what is in them.

mod restore;
mod verify;

pub use restore::run as restore;

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use super::args::{BackupAction, BackupArgs, Cli};
use super::log::{configuration, warnings};
use super::output::{Failure, say, stdout};
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::boot;
use crate::store::backup::{self, BackupError, Made, Manifest, Origin, Source, Temporary};
use crate::store::log::inspect::{self, Access};
use crate::term::time::{Clock, shown};

/// How unfinished work is named, before the process id.
const UNFINISHED: &str = ".gencomm-backup";
/// What stands for standard output, or standard input.
const STREAM: &str = "-";

/// Runs `backup`.
pub fn run(cli: &Cli, args: &BackupArgs) -> Result<(), Failure> {
    if let Some(BackupAction::Verify { source }) = &args.action {
        return verify::run(source);
    }
    let Some(target) = &args.target else {
        return Err(Failure::Usage(
            "name a folder, or - for a stream".to_owned(),
        ));
    };
    let is_stream = target.as_os_str() == STREAM;
    if is_stream && io::stdout().is_terminal() {
        let text = "a backup is no text for a terminal; redirect it to a file or a pipe";
        return Err(Failure::Usage(text.to_owned()));
    }
    let config = configuration(cli)?;
    let data = args.data.as_ref().unwrap_or(&config.server.data_dir);
    let log_folder = data.join("log");
    if !inspect::exists(&log_folder) {
        return Err(Failure::Failed(format!(
            "there is no log in {}; name the data folder with --data DIR, or the configuration with --config DIR",
            log_folder.display()
        )));
    }
    let (log, _guard) = warnings(&config)?;
    if inspect::holder(&log_folder)
        .map_err(|e| told(e.into()))?
        .is_none()
    {
        let options = boot::log_options(&config, log_folder);
        let access = inspect::recover(&options, &log).map_err(|error| told(error.into()))?;
        if let Access::AsLeft(why) = access {
            say(&format!(
                "gencomm: the log is copied as it was left, without recovery ({why}); what only its journal holds is not in the backup"
            ));
        }
    }
    let dir = cli.config_dir();
    let origin = Origin {
        data: data.clone(),
        config: dir.is_dir().then(|| dir.to_owned()),
    };
    let made = if is_stream {
        stream(&origin)
    } else {
        outside(target, data)?;
        folder(&origin, target)
    };
    let made = made.map_err(told)?;
    let mut lines = vec![format!(
        "backup of {}: {}",
        data.display(),
        figures(&made.manifest)
    )];
    lines.extend(made.notes.iter().map(|note| format!("note: {note}")));
    if is_stream {
        lines.iter().for_each(|line| say(line));
        return Ok(());
    }
    let mut out = stdout();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    Ok(out.flush()?)
}

fn folder(origin: &Origin, target: &Path) -> Result<Made, BackupError> {
    let to = Temporary::make(target)?;
    let made = backup::make(origin, to.path())?;
    to.keep();
    Ok(made)
}

/// The stream begins with the manifest, so everything is copied first: into the data folder, where there is room for data.
fn stream(origin: &Origin) -> Result<Made, BackupError> {
    let to = Temporary::beside(&origin.data, UNFINISHED)?;
    let made = backup::make(origin, to.path())?;
    backup::write_archive(to.path(), &made.manifest, io::stdout().lock())?;
    Ok(made)
}

/// A backup within the data folder would be in the next one, and go with the disk that it is for.
fn outside(target: &Path, data: &Path) -> Result<(), Failure> {
    let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
    let absolute = std::path::absolute(target).unwrap_or_else(|_| target.to_owned());
    let existing = absolute
        .ancestors()
        .find_map(|above| above.canonicalize().ok());
    match existing.is_some_and(|existing| existing.starts_with(&data)) {
        false => Ok(()),
        true => Err(Failure::Usage(format!(
            "{} is in the data folder itself; name one elsewhere, best on another disk",
            target.display()
        ))),
    }
}

/// What a backup holds, for people.
fn figures(manifest: &Manifest) -> String {
    let seconds = Timestamp::parse(&manifest.made_at);
    let made = seconds.map_or("?".to_owned(), |at| shown(at, Clock::Full));
    format!(
        "messages up to id {}, {} files, {:.1} MiB, made {made} by {}",
        manifest.newest_id,
        manifest.files.len(),
        manifest.bytes() as f64 / 1_048_576.0,
        manifest.made_by.escape_debug()
    )
}

fn told(error: BackupError) -> Failure {
    Failure::Failed(error.to_string())
}

/// Where a backup lies that was named on the command line.
enum Named {
    Folder(PathBuf),
    Stream(Box<dyn Read>),
}

impl Named {
    fn open(source: &Path) -> Result<Self, Failure> {
        if source.as_os_str() == STREAM {
            return Ok(Self::Stream(Box::new(io::stdin().lock())));
        }
        if source.is_dir() {
            return Ok(Self::Folder(source.to_owned()));
        }
        let file = File::open(source).map_err(|error| {
            Failure::Failed(format!("{} cannot be read: {error}", source.display()))
        })?;
        Ok(Self::Stream(Box::new(io::BufReader::new(file))))
    }

    fn source(&mut self) -> Source<'_> {
        match self {
            Self::Folder(path) => Source::Folder(path),
            Self::Stream(input) => Source::Stream(&mut **input),
        }
    }
}
