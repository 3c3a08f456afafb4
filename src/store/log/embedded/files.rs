//! Opening, creating and naming the log's files: everything private to the server's user, every error with its file.

use std::io;
use std::path::Path;

use super::super::LogError;
use super::super::disk::{Disk, File, Folder, Open};

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

/// No log comes so far by itself: a billion ids a second would be there after 292 years. What says more was forged, and counting on from
/// it would begin anew at 0.
const NUMBER_MAX: u64 = 1 << 63;

/// Refuses a log in whose `file` an id, or another number that is counted on from, is beyond what a log can reach.
pub(super) fn refuse_beyond(file: &Path, numbers: &[u64]) -> Result<(), LogError> {
    let Some(number) = numbers.iter().find(|number| **number >= NUMBER_MAX) else {
        return Ok(());
    };
    Err(LogError::Damaged {
        file: file.display().to_string(),
        reason: format!(
            "it counts up to {number}, and no log comes that far by itself; put it back from a backup"
        ),
    })
}

/// Creates a folder with mode 0700 unless it is there; its name is durable then.
pub(super) fn make_folder(folder: &Folder) -> Result<(), LogError> {
    let disk = folder.disk();
    let missing: Vec<&Path> = folder.ancestors().take_while(|p| !disk.exists(p)).collect();
    let is_new = !missing.is_empty();
    disk.make_folder(folder)
        .map_err(refused("creating", folder))?;
    // The folder's own name too if it was there: whoever made it may have ended before it was durable.
    let made = missing.into_iter().chain((!is_new).then_some(&**folder));
    for parent in made.filter_map(Path::parent) {
        // The parent of a relative name is the empty path, which cannot be opened.
        let is_here = parent.as_os_str().is_empty();
        sync_names(disk, if is_here { Path::new(".") } else { parent })?;
    }
    Ok(())
}

/// Opens for reading and writing, with mode 0600 if it has to be created.
pub(super) fn open_file(folder: &Folder, path: &Path) -> Result<File, LogError> {
    folder
        .open(path, Open::Create)
        .map_err(refused("opening", path))
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Folder) -> Result<(), LogError> {
    sync_names(folder.disk(), folder)
}

fn sync_names(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    disk.open_folder(path)
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
