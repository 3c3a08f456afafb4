//! What is cut off at the start, and what becomes of it: nothing is thrown away that the journal does not hold.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use slog::{Logger, info, warn};

use super::super::LogError;
use super::JournalIds;
use super::files::{Part, io_error, part_path, quarantine, remove, sync_error};
use super::scan::{Scanned, lengths};
use crate::edge::wire::record::parse_id;

/// Cuts the files of the active segment back to its last whole group. `None` if there was nothing to cut, else the newest id
/// of what went to quarantine (0 if nothing did).
pub(super) fn cut_back(
    folder: &Path,
    scanned: &Scanned,
    journal: JournalIds,
    log: &Logger,
) -> Result<Option<u64>, LogError> {
    let active = &scanned.active;
    let (files, kept) = (&scanned.files, lengths(active));
    let parts = [
        (&files.text, Part::Text),
        (&files.index, Part::Index),
        (&files.chain, Part::Chain),
    ];
    let mut excess = Vec::new();
    for ((file, part), kept) in parts.into_iter().zip(kept) {
        let path = part_path(folder, active.first_id, part);
        excess.push((file, kept, read_behind(file, &path, kept)?, path));
    }
    if excess.iter().all(|(_, _, bytes, _)| bytes.is_empty()) {
        return Ok(None);
    }
    let why = scanned.cut.unwrap_or("records without a link in the chain");
    let text = &excess[0].2;
    let returns = in_journal(text, active.last_id, journal);
    for (file, kept, bytes, path) in &excess {
        if bytes.is_empty() {
            continue;
        }
        if returns {
            info!(log, "an unfinished end is cut off; it comes back from the journal";
                "file" => %path.display(), "at" => kept, "bytes" => bytes.len(), "why" => why);
        } else {
            let to = quarantine(folder, path, *kept, bytes, why)?;
            warn!(log, "an end that is not whole is cut off and kept aside";
                "file" => %path.display(), "at" => kept, "bytes" => bytes.len(), "why" => why,
                "kept_in" => %to.display());
        }
        file.set_len(*kept).map_err(io_error("cut", path))?;
        file.sync_all().map_err(sync_error(path))?;
    }
    Ok(Some(if returns { 0 } else { newest_in(text) }))
}

/// Takes a whole segment out of the log. Returns the newest id that went to quarantine with it.
pub(super) fn set_aside(
    folder: &Path,
    first_id: u64,
    journal: JournalIds,
    log: &Logger,
) -> Result<u64, LogError> {
    let why = "the segment does not follow on the one before it, or its sidecars cannot be read";
    let path = part_path(folder, first_id, Part::Text);
    let file = File::open(&path).map_err(io_error("open", &path))?;
    let text = read_behind(&file, &path, 0)?;
    let returns = first_id >= journal.first && in_journal(&text, first_id - 1, journal);
    for part in [Part::Text, Part::Index, Part::Chain] {
        let path = part_path(folder, first_id, part);
        let bytes = match part {
            _ if returns => Vec::new(),
            Part::Text => text.clone(),
            _ => std::fs::read(&path).unwrap_or_default(),
        };
        // An empty one was being made when the server ended.
        if !text.is_empty() && !bytes.is_empty() {
            let to = quarantine(folder, &path, 0, &bytes, why)?;
            warn!(log, "a segment is taken out of the log and kept aside";
                "file" => %path.display(), "why" => why, "kept_in" => %to.display());
        }
    }
    for part in Part::ALL {
        remove(&part_path(folder, first_id, part))?;
    }
    Ok(if returns { 0 } else { newest_in(&text) })
}

fn read_behind(file: &File, path: &Path, from: u64) -> Result<Vec<u8>, LogError> {
    let length = file.metadata().map_err(io_error("read", path))?.len();
    let mut bytes = vec![0; length.saturating_sub(from) as usize];
    file.read_exact_at(&mut bytes, from)
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

/// Whether every record of which there is something in the cut text will be appended again.
fn in_journal(text: &[u8], last_kept: u64, journal: JournalIds) -> bool {
    let newest = ids_in(text).max();
    journal.last > last_kept
        && journal.first <= last_kept + 1
        && newest.is_none_or(|newest| newest <= journal.last)
}

/// The newest id in a text, 0 if there is none: it was given, so it must not be given again. What is damaged beyond belief is
/// none.
fn newest_in(text: &[u8]) -> u64 {
    let believed = ids_in(text).filter(|id| *id < u64::MAX / 2);
    believed.max().unwrap_or(0)
}

/// The ids with which lines begin.
fn ids_in(text: &[u8]) -> impl Iterator<Item = u64> + '_ {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| parse_id(&line[..memchr::memchr(b';', line)?]))
}
