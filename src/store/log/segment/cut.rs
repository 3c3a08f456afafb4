//! What is cut off at the start, and what becomes of it: nothing is thrown away that the journal does not hold.

use std::path::Path;

use slog::{Logger, error, info, warn};

use super::super::LogError;
use super::super::disk::{File, Folder, Open};
use super::JournalIds;
use super::bytes::HEADER_BYTES;
use super::chain::{LINK_BYTES, Link};
use super::files::{Part, io_error, part_path, quarantine, remove, sync_error};
use super::index::{ENTRY_BYTES, Entry};
use super::scan::{Scanned, lengths};
use crate::edge::wire::record::parse_id;

/// Cuts the files of the active segment back to its last whole group. `None` if there was nothing to cut, else the newest id
/// of what went to quarantine (0 if nothing did).
pub(super) fn cut_back(
    folder: &Folder,
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
    let [text, index, chain] = [0, 1, 2].map(|part: usize| {
        let part = excess.get(part);
        part.map_or(&[][..], |(_, _, bytes, _)| bytes.as_slice())
    });
    let newest = newest_in(text, index, chain);
    let returns = in_journal(newest, active.last_id, scanned.group, journal);
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
    Ok(Some(if returns { 0 } else { believed(newest) }))
}

/// Takes a whole segment out of the log. Returns the newest id that went to quarantine with it.
pub(super) fn set_aside(
    folder: &Folder,
    first_id: u64,
    journal: JournalIds,
    log: &Logger,
) -> Result<u64, LogError> {
    let why = "the segment does not follow on the one before it, or its sidecars cannot be read";
    let path = part_path(folder, first_id, Part::Text);
    let file = folder
        .open(&path, Open::Read)
        .map_err(io_error("open", &path))?;
    let text = read_behind(&file, &path, 0)?;
    // The sidecars may be what cannot be read.
    let sidecar = |part| read_or_nothing(folder, &part_path(folder, first_id, part));
    let (index, chain) = (sidecar(Part::Index)?, sidecar(Part::Chain)?);
    let newest = newest_in(&text, behind_header(&index), behind_header(&chain));
    let returns = first_id >= journal.first && in_journal(newest, first_id - 1, 0, journal);
    // Without a text and without a record in the others it was being made when the server ended.
    let is_kept = !returns && (!text.is_empty() || newest > 0);
    for (part, bytes) in [
        (Part::Text, &text),
        (Part::Index, &index),
        (Part::Chain, &chain),
    ] {
        let path = part_path(folder, first_id, part);
        if is_kept && !bytes.is_empty() {
            let to = quarantine(folder, &path, 0, bytes, why)?;
            warn!(log, "a segment is taken out of the log and kept aside";
                "file" => %path.display(), "why" => why, "kept_in" => %to.display());
        }
    }
    for part in Part::ALL {
        remove(folder, &part_path(folder, first_id, part))?;
    }
    Ok(if returns { 0 } else { believed(newest) })
}

/// Takes sidecars without a text out of the log. Returns the newest id that went to quarantine with them.
pub(super) fn set_orphan_aside(
    folder: &Folder,
    first_id: u64,
    journal: JournalIds,
    log: &Logger,
) -> Result<u64, LogError> {
    let why = "the text of this segment is missing";
    let sidecar = |part| read_or_nothing(folder, &part_path(folder, first_id, part));
    let (index, chain) = (sidecar(Part::Index)?, sidecar(Part::Chain)?);
    let newest = newest_in(&[], behind_header(&index), behind_header(&chain));
    let returns = first_id >= journal.first && in_journal(newest, first_id - 1, 0, journal);
    for (part, bytes) in [(Part::Index, &index), (Part::Chain, &chain)] {
        let path = part_path(folder, first_id, part);
        if !returns && newest > 0 && !bytes.is_empty() {
            let to = quarantine(folder, &path, 0, bytes, why)?;
            error!(log, "the text of a segment is missing; what is left of the segment is kept aside";
                "file" => %path.display(), "kept_in" => %to.display());
        }
    }
    for part in Part::ALL {
        remove(folder, &part_path(folder, first_id, part))?;
    }
    Ok(if returns { 0 } else { believed(newest) })
}

/// All of a file; nothing if it is missing.
fn read_or_nothing(folder: &Folder, path: &Path) -> Result<Vec<u8>, LogError> {
    match folder.read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        bytes => bytes.map_err(|error| io_error("read", path)(error)),
    }
}

fn read_behind(file: &File, path: &Path, from: u64) -> Result<Vec<u8>, LogError> {
    let length = file.length().map_err(io_error("read", path))?;
    let mut bytes = vec![0; length.saturating_sub(from) as usize];
    file.read_exact_at(&mut bytes, from)
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

/// Whether every record of which there is something in what is cut, the newest being `newest`, will be appended again. What is kept
/// ends with id `last_kept`, in group `last_group` if that is above 0.
fn in_journal(newest: u64, last_kept: u64, last_group: u64, journal: JournalIds) -> bool {
    // Ids may be left out where the journal begins, groups are not.
    let follows =
        journal.first <= last_kept + 1 || (last_group > 0 && journal.first_group == last_group + 1);
    journal.is_whole && journal.last > last_kept && follows && newest <= journal.last
}

/// The newest id that the ends of the three files know of, 0 if there is none: it was given, so it must not be given again. Each of them
/// may have lost what the others still have.
fn newest_in(text: &[u8], entries: &[u8], links: &[u8]) -> u64 {
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| parse_id(&line[..memchr::memchr(b';', line)?]));
    let entries = entries.chunks_exact(ENTRY_BYTES).filter_map(Entry::read);
    let links = links.chunks_exact(LINK_BYTES).filter_map(Link::decode);
    let ids = lines
        .chain(entries.map(|entry| entry.id))
        .chain(links.map(|link| link.last_id));
    ids.max().unwrap_or(0)
}

/// An id that is damaged beyond belief is none: nobody could be given one behind it.
fn believed(id: u64) -> u64 {
    if id < u64::MAX / 2 { id } else { 0 }
}

fn behind_header(bytes: &[u8]) -> &[u8] {
    bytes.get(HEADER_BYTES..).unwrap_or_default()
}
