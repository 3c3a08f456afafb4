//! `gencomm log export`: every message that is left, to standard output or to a file that appears only when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::super::args::{ExportFormat, LogExportArgs};
use super::super::output::{Failure, say, stdout};
use super::progress::{Unit, bar};
use super::{Place, beside, failed, file_failed, show};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::inspect::Opened;
use crate::term::render::{self, Format, Look};
use crate::term::time::Clock;

/// Runs it.
pub(super) fn run(place: &Place<'_>, args: &LogExportArgs) -> Result<(), Failure> {
    let opened = place.read()?;
    let format = match args.format {
        ExportFormat::Record => Format::Record,
        ExportFormat::Jsonl => Format::Json,
    };
    let Some(path) = &args.output else {
        let mut out = stdout();
        let count = write(&opened, format, |bytes| Ok(out.write_all(bytes)?))?;
        out.flush()?;
        return whole(&opened, count);
    };
    let temporary = Temporary::create(path)?;
    let mut out = BufWriter::new(&temporary.file);
    let count = write(&opened, format, |bytes| {
        out.write_all(bytes)
            .map_err(file_failed("written", &temporary.path))
    })?;
    out.flush()
        .map_err(file_failed("written", &temporary.path))?;
    drop(out);
    temporary.become_file(path)?;
    say(&format!("exported {count} messages to {}", path.display()));
    whole(&opened, count)
}

fn write(
    opened: &Opened,
    format: Format,
    mut out: impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let total = opened.figures().map_err(failed)?.messages;
    let bar = bar(total, Unit::Messages);
    let look = Look {
        clock: Clock::Full,
        colour: false,
    };
    let (mut after, mut count, mut line) = (0, 0, Vec::new());
    loop {
        let page = opened
            .page(None, after, Timestamp::default())
            .map_err(failed)?;
        for message in page.events.iter().filter_map(show::message) {
            line.clear();
            render::message(&message, format, look, &mut line);
            out(&line)?;
        }
        count += page.events.len() as u64;
        bar.set_position(count);
        after = page.scanned_to;
        if !page.more {
            bar.finish_and_clear();
            return Ok(count);
        }
    }
}

/// Whether all that the index has could be read. Counted afterwards, since a server beside may have removed some.
fn whole(opened: &Opened, count: u64) -> Result<(), Failure> {
    let figures = opened.figures().map_err(failed)?;
    let missing = (figures.messages + figures.damaged).saturating_sub(count);
    if missing == 0 {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{missing} records are damaged and were left out; `gencomm log verify` says which"
    )))
}

/// A file under a name of its own until it is whole; goes if it never is.
struct Temporary {
    file: File,
    path: PathBuf,
    done: bool,
}

impl Temporary {
    fn create(target: &Path) -> Result<Self, Failure> {
        if target.is_dir() {
            return Err(Failure::Usage(format!(
                "{} is a folder; --output takes a file",
                target.display()
            )));
        }
        let path = beside(target, &format!(".{}.partial", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(file_failed("created", &path))?;
        Ok(Self {
            file,
            path,
            done: false,
        })
    }

    fn become_file(mut self, target: &Path) -> Result<(), Failure> {
        self.file
            .sync_all()
            .map_err(file_failed("synced", &self.path))?;
        fs::rename(&self.path, target).map_err(file_failed("replaced", target))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.done {
            // It has served its purpose; a name left behind harms nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}
