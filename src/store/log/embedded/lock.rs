//! The one writer's lock: an advisory lock on `LOCK`, which holds the process id for the message to the second comer.
//! It goes when the file is closed, so neither a panic nor a kill leaves it behind.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::super::LogError;
use super::files::{open_file, refused};

/// Held as long as it lives.
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock or says who has it.
    pub(super) fn take(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join("LOCK");
        let mut file = open_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(folder, &mut file)),
            Err(TryLockError::Error(error)) => return Err(refused("locking", &path)(error)),
        }
        file.set_len(0).map_err(refused("writing", &path))?;
        writeln!(file, "{}", std::process::id()).map_err(refused("writing", &path))?;
        Ok(Self { _file: file })
    }
}

fn held(folder: &Path, file: &mut File) -> LogError {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    let holder = match text.trim() {
        id if read.is_ok() && !id.is_empty() => format!("process {id}"),
        _ => "another process".to_owned(),
    };
    LogError::Locked {
        folder: folder.display().to_string(),
        holder,
    }
}
