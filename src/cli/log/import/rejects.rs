//! Lines that cannot be taken in: the first are told on standard error, all are kept as they are in a file beside the input.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;

use super::super::super::output::{Failure, say};
use super::super::{beside, file_failed};

/// Reasons told; further ones are counted.
const TOLD_MAX: u64 = 20;

/// The rejected lines of one file.
pub(super) struct Rejects {
    pub(super) path: PathBuf,
    /// None in a dry run.
    file: Option<BufWriter<File>>,
    pub(super) count: u64,
    bar: ProgressBar,
}

impl Rejects {
    /// For the lines of `input`. The file is made at once, so that a folder that cannot be written to is known before anything is stored.
    pub(super) fn new(input: &Path, dry_run: bool, bar: ProgressBar) -> Result<Self, Failure> {
        let path = beside(input, ".rejected");
        let open = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&path)
        };
        let file = (!dry_run)
            .then(open)
            .transpose()
            .map_err(file_failed("written", &path))?;
        Ok(Self {
            file: file.map(BufWriter::new),
            path,
            count: 0,
            bar,
        })
    }

    /// Keeps a line, as it was.
    pub(super) fn keep(&mut self, number: u64, why: &str, line: &[u8]) -> Result<(), Failure> {
        self.tell(number, why);
        let kept = self.write_all(line).and_then(|()| self.write_all(b"\n"));
        kept.map_err(file_failed("written", &self.path))
    }

    /// Counts and tells a line that was kept otherwise.
    pub(super) fn tell(&mut self, number: u64, why: &str) {
        self.count += 1;
        if self.count <= TOLD_MAX {
            self.bar.suspend(|| say(&format!("line {number}: {why}")));
        }
    }

    /// Ends the file; it goes if nothing is in it.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if self.count > TOLD_MAX {
            say(&format!("and {} more lines", self.count - TOLD_MAX));
        }
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        let done = file.flush().and_then(|()| file.get_ref().sync_all());
        done.map_err(file_failed("written", &self.path))?;
        if self.count == 0 {
            fs::remove_file(&self.path).map_err(file_failed("deleted", &self.path))?;
        }
        Ok(())
    }
}

/// Bytes for the file; in a dry run they go nowhere.
impl Write for Rejects {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
