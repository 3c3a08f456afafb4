//! Where a segment ends while it is written, and copying it up to there. In: a folder, the segment's first id. Out: a [`Piece`] elsewhere.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::super::super::LogError;
use super::super::bytes::HEADER_BYTES;
use super::super::chain::{LINK_BYTES, Link};
use super::super::files::{Part, io_error, part_path};
use super::super::index::{ENTRY_BYTES, Entry, entry_at};

/// A segment that was copied, and where it ends in each of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first_id: u64,
    /// Its newest id; one less than its first if it holds no record.
    pub(super) last_id: u64,
    pub(super) entries: u32,
    text_bytes: u64,
    chain_bytes: u64,
}

impl Piece {
    /// Nothing of it, headers neither.
    fn nothing(first_id: u64) -> Self {
        Self {
            first_id,
            last_id: first_id.saturating_sub(1),
            entries: 0,
            text_bytes: 0,
            chain_bytes: 0,
        }
    }

    /// Where what is there ends in a file.
    fn end(&self, part: Part) -> u64 {
        match part {
            Part::Text => self.text_bytes,
            Part::Chain => self.chain_bytes,
            // Both sidecars have a header, so without one in the chain there is none here.
            Part::Index if self.chain_bytes == 0 => 0,
            Part::Index => entry_at(self.entries),
            Part::Rooms => 0,
        }
    }
}

/// Copies a segment as far as it goes now; `is_newest` says that it is the one that is written. `None` if that has just been begun.
pub(super) fn copy_segment(
    from: &Path,
    to: &Path,
    first: u64,
    is_newest: bool,
) -> Result<Option<Piece>, LogError> {
    go_on(from, to, &Piece::nothing(first), is_newest)
}

/// Copies what has come since into a segment that was copied.
pub(super) fn go_on(
    from: &Path,
    to: &Path,
    known: &Piece,
    is_newest: bool,
) -> Result<Option<Piece>, LogError> {
    let first = known.first_id;
    let end = match is_newest {
        true => newest_group(from, first)?,
        false => Some(whole(from, first)?),
    };
    let Some(end) = end else {
        return Ok(None);
    };
    // A start cuts back to whole groups, and appends the same again from the journal.
    if end.entries < known.entries {
        return Ok(Some(*known));
    }
    for part in [Part::Chain, Part::Index, Part::Text] {
        copy_range(from, to, first, part, known.end(part)..end.end(part))?;
    }
    if !is_newest {
        copy_whole(
            &part_path(from, first, Part::Rooms),
            &part_path(to, first, Part::Rooms),
        )?;
    }
    Ok(Some(end))
}

/// Of a segment that is written no more: all of it.
fn whole(folder: &Path, first: u64) -> Result<Piece, LogError> {
    let bytes = |part| {
        let path = part_path(folder, first, part);
        length(&open(&path)?, &path)
    };
    let path = part_path(folder, first, Part::Index);
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
        text_bytes: bytes(Part::Text)?,
        chain_bytes: bytes(Part::Chain)?,
    })
}

/// Up to the newest whole group of the segment that is written, from its chain: what that names is in the other files by then.
fn newest_group(folder: &Path, first: u64) -> Result<Option<Piece>, LogError> {
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
    Ok(Some(Piece {
        first_id: first,
        last_id,
        entries,
        text_bytes,
        chain_bytes: HEADER_BYTES as u64 + links * LINK_BYTES as u64,
    }))
}

fn copy_range(
    from: &Path,
    to: &Path,
    first: u64,
    part: Part,
    bytes: std::ops::Range<u64>,
) -> Result<(), LogError> {
    let (from, to) = (part_path(from, first, part), part_path(to, first, part));
    let mut source = open(&from)?;
    source
        .seek(SeekFrom::Start(bytes.start))
        .map_err(io_error("read", &from))?;
    let mut copy = match bytes.start {
        0 => create(&to)?,
        _ => OpenOptions::new()
            .write(true)
            .open(&to)
            .map_err(io_error("open", &to))?,
    };
    copy.seek(SeekFrom::Start(bytes.start))
        .map_err(io_error("write", &to))?;
    let wanted = bytes.end.saturating_sub(bytes.start);
    let copied = io::copy(&mut source.take(wanted), &mut copy).map_err(io_error("write", &to))?;
    if copied < wanted {
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

pub(super) fn open(path: &Path) -> Result<File, LogError> {
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

/// The bytes of `count` entries from number `from` on.
pub(super) fn block(index: &File, path: &Path, from: u32, count: u32) -> Result<Vec<u8>, LogError> {
    let mut bytes = vec![0; count as usize * ENTRY_BYTES];
    index
        .read_exact_at(&mut bytes, entry_at(from))
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

/// One entry; `None` if it is not whole.
pub(super) fn entry(index: &File, path: &Path, n: u32) -> Result<Option<Entry>, LogError> {
    Ok(Entry::decode(&block(index, path, n, 1)?))
}
