//! After a failed sync the kernel may have let go of what it could not write, call it written, and still show it to whoever reads: a
//! process that starts again would believe it, and the next power cut would take it. So a log that stops for a failed sync leaves a
//! mark, and whoever opens it with the mark there writes everything again that was not known to be durable.
//!
//! The mark need not be durable itself: what the kernel shows and the disk lacks goes with it.

use std::io::ErrorKind;
use std::path::Path;

use super::super::LogError;
use super::super::disk::{Folder, Open};
use super::files::{open_file, refused, sync_failed, sync_folder};

pub(super) const MARK: &str = "UNSYNCED";
/// Files of the log beside its segments.
const FILES: [&str; 5] = ["journal-0", "journal-1", "ids", "floors", "rooms.table"];
/// Copied in one go.
const PIECE_BYTES: u64 = 1024 * 1024;

/// Leaves the mark; an error means that it could not be left.
pub(super) fn mark(folder: &Folder) -> Result<(), LogError> {
    open_file(folder, &folder.join(MARK)).map(drop)
}

/// Whether the mark is there.
pub(super) fn is_marked(folder: &Folder) -> bool {
    folder.disk().exists(&folder.join(MARK))
}

/// Writes everything again but segments that end before id `first`, makes it durable, and takes the mark away. Returns the bytes.
pub(super) fn all(folder: &Folder, first: u64) -> Result<u64, LogError> {
    let names = names(folder)?;
    let begins = names.iter().filter_map(|name| segment(name));
    let oldest = begins.filter(|id| *id <= first).max().unwrap_or(0);
    let mut bytes = 0;
    for name in &names {
        // What somebody else has put there (`lost+found`) may be no file, and is not the log's.
        let is_ours = match segment(name) {
            Some(id) => id >= oldest,
            None => FILES.contains(&name.as_str()),
        };
        if is_ours {
            bytes += again(folder, &folder.join(name))?;
        }
    }
    for inner in ["tags", "quarantine"].map(|name| folder.inner(name)) {
        if folder.disk().exists(&inner) {
            for name in self::names(&inner)? {
                bytes += again(&inner, &inner.join(name))?;
            }
            sync_folder(&inner)?;
        }
    }
    sync_folder(folder)?;
    let mark = folder.join(MARK);
    folder
        .disk()
        .remove(&mark)
        .map_err(refused("removing", &mark))?;
    Ok(bytes)
}

fn names(folder: &Folder) -> Result<Vec<String>, LogError> {
    let names = folder.disk().names(folder);
    names.map_err(refused("reading", folder))
}

/// The first id of the segment that a name is of.
fn segment(name: &str) -> Option<u64> {
    let (digits, _) = name.split_once('.').filter(|(id, _)| id.len() == 20)?;
    digits.parse().ok()
}

fn again(folder: &Folder, path: &Path) -> Result<u64, LogError> {
    let file = match folder.open(path, Open::Write) {
        Ok(file) => file,
        // A folder, or a link to nothing, is none of the log's files.
        Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::NotFound) => {
            return Ok(0);
        }
        Err(error) => return Err(refused("opening", path)(error)),
    };
    let length = file.length().map_err(refused("reading", path))?;
    let mut at = 0;
    while at < length {
        let mut piece = vec![0; (length - at).min(PIECE_BYTES) as usize];
        file.read_exact_at(&mut piece, at)
            .and_then(|()| file.write_all_at(&piece, at))
            .map_err(refused("writing again", path))?;
        at += piece.len() as u64;
    }
    // The length counts as written too.
    file.set_len(length)
        .map_err(refused("writing again", path))?;
    file.sync_all().map_err(sync_failed(path))?;
    Ok(length)
}
