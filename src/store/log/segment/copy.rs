//! Copies the segments of a log that somebody may be writing. In: its folder. Out: the same segments elsewhere, up to a whole group, without
//! what was removed meanwhile. Takes no lock and changes nothing in the folder it reads.
//!
//! A copy takes its time, and removals overwrite what is there. So everything is looked at again behind the copy, until a look finds nothing
//! new: an entry that is removed by now is removed in the copy too.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use super::super::LogError;
use super::super::stored::REMOVED_FILL;
use super::audit::{text_files, without_text};
use super::bytes::HEADER_BYTES;
use super::chain::{LINK_BYTES, Link};
use super::files::{Part, io_error, part_path};
use super::index::{ENTRY_BYTES, Entry, entry_at};
use super::{floors, rooms_table};

/// How often the copy is begun anew because retention has taken what was being copied.
const ATTEMPTS_MAX: u32 = 20;
/// A segment that is begun or deleted in this moment has sidecars and no text.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(25);
/// Entries compared in one go.
const ENTRIES: u32 = 1024;
/// Only these, the newest, may hold removals that are recorded and not carried out yet.
const SEGMENTS_WITH_NEW_REMOVALS: usize = 2;

/// A segment that was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    first_id: u64,
    last_id: u64,
    entries: u32,
}

impl Piece {
    /// Its newest id; one less than its first if it holds no record.
    pub(crate) fn last_id(&self) -> u64 {
        self.last_id
    }
}

/// Copies what the log in `from` holds now into the folder `to`, which holds no log. Call [`copy_removals`] behind it.
pub(crate) fn copy_segments(from: &Path, to: &Path) -> Result<Vec<Piece>, LogError> {
    let mut alone = Vec::new();
    for _ in 0..ATTEMPTS_MAX {
        alone = without_text(from)?;
        if !alone.is_empty() {
            std::thread::sleep(LOOK_AGAIN_AFTER);
            continue;
        }
        let oldest = text_files(from)?.first().copied();
        // Before the segments: neither may know more than they do.
        for name in [floors::NAME, rooms_table::NAME] {
            copy_whole(&from.join(name), &to.join(name))?;
        }
        let firsts = text_files(from)?;
        // The table alone knows the rooms of what retention takes; it has to be one from before that.
        if firsts.first().copied() == oldest
            && let Some(pieces) = copy_all(from, to, &firsts)?
        {
            return Ok(pieces);
        }
        remove_pieces(to)?;
    }
    if let Some(first) = alone.first() {
        return Err(LogError::Damaged {
            file: part_path(from, *first, Part::Text).display().to_string(),
            reason: "the text of this segment is missing, its sidecars are there; copy it back from a backup, or run `gencomm log repair`".to_owned(),
        });
    }
    Err(LogError::Damaged {
        file: from.display().to_string(),
        reason: "segments are missing, or retention takes them faster than they can be copied; try again, then look with `gencomm log verify`".to_owned(),
    })
}

/// `None` if a segment has gone meanwhile.
fn copy_all(from: &Path, to: &Path, firsts: &[u64]) -> Result<Option<Vec<Piece>>, LogError> {
    let mut pieces = Vec::with_capacity(firsts.len());
    for (n, first) in firsts.iter().enumerate() {
        let copied = if n + 1 == firsts.len() {
            match newest_group(from, *first) {
                Ok(Some(end)) => copy_to(from, to, *first, &end),
                // Just begun: there is no header yet.
                Ok(None) => break,
                Err(error) => Err(error),
            }
        } else {
            copy_sealed(from, to, *first)
        };
        match copied {
            Ok(piece) => pieces.push(piece),
            Err(LogError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(pieces))
}

/// Where a segment ends, in each of its files.
struct End {
    piece: Piece,
    text_bytes: u64,
    chain_bytes: u64,
}

fn copy_sealed(from: &Path, to: &Path, first: u64) -> Result<Piece, LogError> {
    for part in [Part::Chain, Part::Index, Part::Text] {
        copy_part(from, to, first, part, u64::MAX)?;
    }
    copy_whole(
        &part_path(from, first, Part::Rooms),
        &part_path(to, first, Part::Rooms),
    )?;
    let path = part_path(to, first, Part::Index);
    let index = open(&path)?;
    let entries = count(&index, &path)?;
    let last = entries
        .checked_sub(1)
        .map(|n| entry(&index, &path, n))
        .transpose()?;
    Ok(Piece {
        first_id: first,
        last_id: last
            .flatten()
            .map_or(first.saturating_sub(1), |entry| entry.id),
        entries,
    })
}

/// The newest whole group of the segment that is written, from its chain: what that names is in the other files by then.
fn newest_group(folder: &Path, first: u64) -> Result<Option<End>, LogError> {
    let path = part_path(folder, first, Part::Chain);
    let chain = open(&path)?;
    let bytes = length(&chain, &path)?;
    let Some(links) = bytes.checked_sub(HEADER_BYTES as u64) else {
        return Ok(None);
    };
    let (mut links, mut last) = (links / LINK_BYTES as u64, None);
    while links > 0 && last.is_none() {
        let mut link = [0; LINK_BYTES];
        let at = HEADER_BYTES as u64 + (links - 1) * LINK_BYTES as u64;
        chain
            .read_exact_at(&mut link, at)
            .map_err(io_error("read", &path))?;
        last = Link::decode(&link);
        links -= u64::from(last.is_none());
    }
    let path = part_path(folder, first, Part::Index);
    let index = open(&path)?;
    let mut entries = match last {
        Some(_) => count(&index, &path)?,
        None => 0,
    };
    let (last_id, mut text_bytes) = (last.map_or(first.saturating_sub(1), |link| link.last_id), 0);
    while entries > 0 {
        match entry(&index, &path, entries - 1)? {
            Some(newest) if newest.id <= last_id => {
                text_bytes = newest.end();
                break;
            }
            _ => entries -= 1,
        }
    }
    if length(&index, &path)? < HEADER_BYTES as u64 {
        return Ok(None);
    }
    Ok(Some(End {
        piece: Piece {
            first_id: first,
            last_id,
            entries,
        },
        text_bytes,
        chain_bytes: HEADER_BYTES as u64 + links * LINK_BYTES as u64,
    }))
}

fn copy_to(from: &Path, to: &Path, first: u64, end: &End) -> Result<Piece, LogError> {
    copy_part(from, to, first, Part::Chain, end.chain_bytes)?;
    let index_bytes = entry_at(end.piece.entries);
    copy_part(from, to, first, Part::Index, index_bytes)?;
    copy_part(from, to, first, Part::Text, end.text_bytes)?;
    Ok(end.piece)
}

/// Brings what was removed since it was copied to the copy as well. Returns the ids that were removed there now; call it again until there
/// are none.
pub(crate) fn copy_removals(
    from: &Path,
    to: &Path,
    pieces: &[Piece],
) -> Result<HashSet<u64>, LogError> {
    let mut removed = HashSet::new();
    let mut ordered = Vec::new();
    for (n, piece) in pieces.iter().enumerate() {
        let has_new = n + SEGMENTS_WITH_NEW_REMOVALS >= pieces.len();
        let mut copy = Copy::open(to, piece)?;
        let path = part_path(from, piece.first_id, Part::Index);
        let source = match open(&path) {
            Ok(file) => file,
            // Retention has taken it: there is nothing to compare with.
            Err(LogError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut at = 0;
        while at < piece.entries {
            let here = ENTRIES.min(piece.entries - at);
            let theirs = block(&source, &path, at, here)?;
            let ours = block(&copy.index, &path, at, here)?;
            let both = theirs
                .chunks_exact(ENTRY_BYTES)
                .zip(ours.chunks_exact(ENTRY_BYTES));
            for (n, (theirs, ours)) in (at..).zip(both) {
                let Some(entry) = Entry::decode(theirs) else {
                    continue;
                };
                if entry.is_removed() && copy.remove(n, &entry, theirs != ours)? {
                    removed.insert(entry.id);
                }
                if has_new && !entry.is_message() {
                    ordered.extend(copy.target_of(&entry)?);
                }
            }
            at += here;
        }
    }
    // Recorded, and perhaps not carried out yet where it was copied from.
    for id in ordered {
        let at = pieces.partition_point(|piece| piece.last_id < id);
        if let Some(piece) = pieces.get(at).filter(|piece| piece.first_id <= id) {
            let mut copy = Copy::open(to, piece)?;
            if copy.remove_by_id(piece, id)? {
                removed.insert(id);
            }
        }
    }
    Ok(removed)
}

/// A copied segment, open to remove records from.
struct Copy {
    text: File,
    index: File,
    text_path: std::path::PathBuf,
    index_path: std::path::PathBuf,
}

impl Copy {
    fn open(folder: &Path, piece: &Piece) -> Result<Self, LogError> {
        let open = |part| {
            let path = part_path(folder, piece.first_id, part);
            let file = OpenOptions::new().read(true).write(true).open(&path);
            file.map_err(io_error("open", &path))
                .map(|file| (file, path))
        };
        let ((text, text_path), (index, index_path)) = (open(Part::Text)?, open(Part::Index)?);
        Ok(Self {
            text,
            index,
            text_path,
            index_path,
        })
    }

    /// Makes entry `n` one that was removed. Says whether anything was not as it should be.
    fn remove(&mut self, n: u32, entry: &Entry, index_differs: bool) -> Result<bool, LogError> {
        // Of a lost record there may be no text, or a part of it.
        let there = length(&self.text, &self.text_path)?.saturating_sub(entry.content_at());
        let mut content = vec![0; there.min(u64::from(entry.content_bytes)) as usize];
        self.text
            .read_exact_at(&mut content, entry.content_at())
            .map_err(io_error("read", &self.text_path))?;
        let text_differs = content.iter().any(|byte| *byte != REMOVED_FILL);
        if text_differs {
            content.fill(REMOVED_FILL);
            self.text
                .write_all_at(&content, entry.content_at())
                .map_err(io_error("overwrite", &self.text_path))?;
        }
        if index_differs {
            self.index
                .write_all_at(&entry.removed().encode(), entry_at(n))
                .map_err(io_error("overwrite", &self.index_path))?;
        }
        Ok(text_differs || index_differs)
    }

    fn remove_by_id(&mut self, piece: &Piece, id: u64) -> Result<bool, LogError> {
        let (mut low, mut high) = (0, piece.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            match entry(&self.index, &self.index_path, middle)? {
                Some(found) if found.id < id => low = middle + 1,
                _ => high = middle,
            }
        }
        match entry(
            &self.index,
            &self.index_path,
            low.min(piece.entries.saturating_sub(1)),
        )? {
            Some(found) if found.id == id && found.is_message() => {
                self.remove(low, &found, !found.is_removed())
            }
            _ => Ok(false),
        }
    }

    /// What a removal removes: its content is that id. One that is lost may have no text.
    fn target_of(&self, removal: &Entry) -> Result<Option<u64>, LogError> {
        if removal.end() > length(&self.text, &self.text_path)? {
            return Ok(None);
        }
        let mut content = vec![0; removal.content_bytes.min(20) as usize];
        self.text
            .read_exact_at(&mut content, removal.content_at())
            .map_err(io_error("read", &self.text_path))?;
        Ok(std::str::from_utf8(&content)
            .ok()
            .and_then(|id| id.parse().ok()))
    }
}

fn open(path: &Path) -> Result<File, LogError> {
    File::open(path).map_err(io_error("open", path))
}

fn length(file: &File, path: &Path) -> Result<u64, LogError> {
    let data = file.metadata().map_err(io_error("read", path))?;
    Ok(data.len())
}

/// How many whole entries an index has.
fn count(index: &File, path: &Path) -> Result<u32, LogError> {
    let bytes = length(index, path)?.saturating_sub(HEADER_BYTES as u64);
    Ok(u32::try_from(bytes / ENTRY_BYTES as u64).unwrap_or(u32::MAX))
}

fn block(index: &File, path: &Path, from: u32, count: u32) -> Result<Vec<u8>, LogError> {
    let mut bytes = vec![0; count as usize * ENTRY_BYTES];
    index
        .read_exact_at(&mut bytes, entry_at(from))
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

fn entry(index: &File, path: &Path, n: u32) -> Result<Option<Entry>, LogError> {
    Ok(Entry::decode(&block(index, path, n, 1)?))
}

fn copy_part(from: &Path, to: &Path, first: u64, part: Part, bytes: u64) -> Result<(), LogError> {
    let (from, to) = (part_path(from, first, part), part_path(to, first, part));
    let mut source = open(&from)?.take(bytes);
    let mut copy = create(&to)?;
    let copied = io::copy(&mut source, &mut copy).map_err(io_error("write", &to))?;
    if bytes != u64::MAX && copied < bytes {
        let why = io::Error::new(
            ErrorKind::UnexpectedEof,
            "it is shorter than its index says",
        );
        return Err(io_error("read", &from)(why));
    }
    Ok(())
}

/// Copies a file that is only ever replaced as a whole; one that is not there is left out.
pub(crate) fn copy_whole(from: &Path, to: &Path) -> Result<(), LogError> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("open", from)(error)),
    };
    let mut copy = create(to)?;
    io::copy(&mut source, &mut copy).map_err(io_error("write", to))?;
    Ok(())
}

fn create(path: &Path) -> Result<File, LogError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(io_error("create", path))
}

fn remove_pieces(folder: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(folder).map_err(io_error("read", folder))? {
        let path = entry.map_err(io_error("read", folder))?.path();
        if path.is_file() {
            fs::remove_file(&path).map_err(io_error("delete", &path))?;
        }
    }
    Ok(())
}
