//! The one writer's lock: an advisory lock on `LOCK`, which holds the process id for the message to the second comer.
//! It goes when the file is closed, so neither a panic nor a kill leaves it behind.

use std::fmt;
use std::fs::TryLockError;
use std::io;
use std::path::Path;

use super::super::LogError;
use super::super::disk::{File, Folder, Open};
use super::files::{open_file, refused};

/// Held as long as it lives.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock or says who has it.
    pub(super) fn take(folder: &Folder) -> Result<Self, LogError> {
        let path = folder.join("LOCK");
        let file = open_file(folder, &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(folder, &file)),
            Err(TryLockError::Error(error)) => return Err(refused("locking", &path)(error)),
        }
        file.set_len(0).map_err(refused("writing", &path))?;
        let holder = format!("{}\n", std::process::id());
        file.write_all_at(holder.as_bytes(), 0)
            .map_err(refused("writing", &path))?;
        Ok(Self { _file: file })
    }
}

/// Who writes a log now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its process id, if the file tells.
    pub(crate) pid: Option<u32>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

/// Who writes the log in `folder` now, if anybody does. Holds the lock, shared, for as long as it takes to ask.
pub(crate) fn holder(folder: &Path) -> Result<Option<Holder>, LogError> {
    let path = folder.join("LOCK");
    let file = match Folder::real(folder).open(&path, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused("opening", &path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(named(&file))),
        Err(TryLockError::Error(error)) => Err(refused("locking", &path)(error)),
    }
}

fn named(file: &File) -> Holder {
    /// A number and the end of its line.
    const HOLDER_BYTES_MAX: u64 = 32;
    let read = file.length().and_then(|length| {
        let mut text = vec![0; length.min(HOLDER_BYTES_MAX) as usize];
        file.read_exact_at(&mut text, 0).map(|()| text)
    });
    let text = read.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Holder {
        pid: text.and_then(|text| text.trim().parse().ok()),
    }
}

fn held(folder: &Path, file: &File) -> LogError {
    LogError::Locked {
        folder: folder.display().to_string(),
        holder: named(file).to_string(),
    }
}
