//! Opening, creating and naming the log's files: everything private to the server's user, every error with its file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::super::LogError;

/// Turns an error of the system into one that says what was tried on which file.
pub(super) fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Io {
        action,
        file: path.display().to_string(),
        source,
    }
}

/// Turns a failed sync into the end of the log.
pub(super) fn sync_failed(path: &Path) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Stopped {
        file: path.display().to_string(),
        reason: source.to_string(),
    }
}

/// Creates a folder with mode 0700 unless it is there; its name is durable then.
pub(super) fn make_folder(path: &Path) -> Result<(), LogError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|p| !p.exists()).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(refused("creating", path))?;
    for parent in missing.iter().filter_map(|folder| folder.parent()) {
        // The parent of a relative name is the empty path, which cannot be opened.
        let is_here = parent.as_os_str().is_empty();
        sync_folder(if is_here { Path::new(".") } else { parent })?;
    }
    Ok(())
}

/// Opens for reading and writing, with mode 0600 if it has to be created.
pub(super) fn open_file(path: &Path) -> Result<File, LogError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(refused("opening", path))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), LogError> {
    File::open(path)
        .map_err(refused("opening", path))?
        .sync_all()
        .map_err(sync_failed(path))
}

/// The little-endian u64 at `at`; 0 behind the end, which every caller's checksum then refuses.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes.get(at..).and_then(|tail| tail.first_chunk());
    field.map_or(0, |field| u64::from_le_bytes(*field))
}

/// As [`u64_at`], of four bytes.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let field = bytes.get(at..).and_then(|tail| tail.first_chunk());
    field.map_or(0, |field| u32::from_le_bytes(*field))
}
