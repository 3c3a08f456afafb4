//! One file of send-once tags: header of 24 bytes (magic `GCTAGS01`, version, crc with the field zero, created), then entries of 40.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::super::LogError;
use super::super::super::disk::{File, Folder};
use super::super::files::{open_file, refused, sync_failed, u32_at, u64_at};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::TagMark;

const MAGIC: [u8; 8] = *b"GCTAGS01";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const ENTRY_BYTES: usize = 40;

/// The digest of a tag whose message was removed: what was said is to be forgotten, that something was said is not.
pub(in super::super) const FORGOTTEN_DIGEST: u64 = 0;

/// What is remembered of a tagged record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Tagged {
    pub(in super::super) mark: TagMark,
    pub(in super::super) id: u64,
    pub(in super::super) time: Timestamp,
}

/// A file open for appending.
pub(super) struct TagFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    bytes: u64,
}

/// What [`TagFile::read`] found.
pub(super) enum Found {
    Whole {
        file: TagFile,
        created: Timestamp,
        /// With their numbers in the file.
        entries: Vec<(u32, Tagged)>,
        /// Bytes behind the last whole entry, cut.
        cut: u64,
    },
    /// No header; the bytes.
    Unreadable(Vec<u8>),
}

impl TagFile {
    /// Makes a file that was not there, or was there without use.
    pub(super) fn create(
        folder: &Folder,
        path: PathBuf,
        created: Timestamp,
    ) -> Result<Self, LogError> {
        let file = open_file(folder, &path)?;
        file.set_len(0).map_err(refused("emptying", &path))?;
        let mut head = [0; HEADER_BYTES];
        head[..8].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&VERSION.to_le_bytes());
        head[16..].copy_from_slice(&created.as_micros().to_le_bytes());
        let crc = crc32fast::hash(&head);
        head[12..16].copy_from_slice(&crc.to_le_bytes());
        file.write_all_at(&head, 0)
            .map_err(refused("writing", &path))?;
        Ok(Self {
            file,
            path,
            bytes: HEADER_BYTES as u64,
        })
    }

    /// Reads a file; a torn end is cut, the journal still has it.
    pub(super) fn read(folder: &Folder, path: &Path) -> Result<Found, LogError> {
        let file = open_file(folder, path)?;
        let bytes = file.read_all().map_err(refused("reading", path))?;
        let Some(created) = read_header(&bytes) else {
            return Ok(Found::Unreadable(bytes));
        };
        let entries: Vec<(u32, Tagged)> = bytes[HEADER_BYTES..]
            .chunks_exact(ENTRY_BYTES)
            .enumerate()
            .filter_map(|(number, entry)| Some((number as u32, read_entry(entry)?)))
            .collect();
        let count = entries.last().map_or(0, |(number, _)| number + 1);
        let whole = place(count);
        file.set_len(whole).map_err(refused("cutting", path))?;
        Ok(Found::Whole {
            file: Self {
                file,
                path: path.to_owned(),
                bytes: whole,
            },
            created,
            entries,
            cut: bytes.len() as u64 - whole,
        })
    }

    /// Appends entries; returns the number of the first.
    pub(super) fn append(&mut self, entries: &[Tagged]) -> Result<u32, LogError> {
        let first = (self.bytes - HEADER_BYTES as u64) / ENTRY_BYTES as u64;
        let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
        entries.iter().for_each(|entry| encode(entry, &mut bytes));
        self.file
            .write_all_at(&bytes, self.bytes)
            .map_err(refused("writing", &self.path))?;
        self.bytes += bytes.len() as u64;
        Ok(first as u32)
    }

    /// Replaces an entry. Should that be torn, this one entry is lost and no other. Durable after [`TagFile::sync`].
    pub(super) fn replace(&mut self, number: u32, entry: &Tagged) -> Result<(), LogError> {
        let mut bytes = Vec::with_capacity(ENTRY_BYTES);
        encode(entry, &mut bytes);
        self.file
            .write_all_at(&bytes, place(number))
            .map_err(refused("overwriting", &self.path))
    }

    /// Makes an entry one that is passed over.
    pub(super) fn erase(&mut self, number: u32) -> Result<(), LogError> {
        self.file
            .write_all_at(&[0; ENTRY_BYTES], place(number))
            .map_err(refused("overwriting", &self.path))
    }

    pub(super) fn sync(&self) -> Result<(), LogError> {
        self.file.sync_data().map_err(sync_failed(&self.path))
    }
}

/// Where in the bytes of a file something stands that is no header and no entry, if anywhere. A kill in the middle
/// of a write leaves that at its end.
pub(in super::super) fn damaged_at(bytes: &[u8]) -> Option<usize> {
    if read_header(bytes).is_none() {
        return Some(0);
    }
    let mut entries = bytes[HEADER_BYTES..].chunks(ENTRY_BYTES);
    let n = entries.position(|entry| entry.len() != ENTRY_BYTES || read_entry(entry).is_none())?;
    Some(HEADER_BYTES + n * ENTRY_BYTES)
}

/// Copies a file that may be appended to: without what is about records above `newest`, and without the digests of `forgotten` ones.
pub(in super::super) fn copy_file(
    from: &Path,
    to: &Path,
    newest: u64,
    forgotten: &HashSet<u64>,
) -> Result<(), LogError> {
    let bytes = match std::fs::read(from) {
        Ok(bytes) => bytes,
        // Too old by now.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused("reading", from)(error)),
    };
    let Some(created) = read_header(&bytes) else {
        return Ok(());
    };
    let folder = to.parent().unwrap_or(to);
    let entries = bytes[HEADER_BYTES..].chunks_exact(ENTRY_BYTES);
    let kept = entries
        .filter_map(read_entry)
        .filter(|tag| tag.id <= newest);
    let kept: Vec<Tagged> = kept
        .map(|mut tag| {
            if forgotten.contains(&tag.id) {
                tag.mark.digest = FORGOTTEN_DIGEST;
            }
            tag
        })
        .collect();
    TagFile::create(&Folder::real(folder), to.to_owned(), created)?
        .append(&kept)
        .map(drop)
}

fn place(number: u32) -> u64 {
    HEADER_BYTES as u64 + u64::from(number) * ENTRY_BYTES as u64
}

fn encode(entry: &Tagged, bytes: &mut Vec<u8>) {
    let from = bytes.len();
    let (mark, time) = (entry.mark, entry.time.as_micros());
    for field in [mark.key, mark.digest, entry.id, time] {
        bytes.extend_from_slice(&field.to_le_bytes());
    }
    let crc = crc32fast::hash(&bytes[from..]);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
}

fn read_header(bytes: &[u8]) -> Option<Timestamp> {
    let mut head: [u8; HEADER_BYTES] = *bytes.first_chunk()?;
    let crc = u32_at(&head, 12);
    head[12..16].fill(0);
    let whole = head[..8] == MAGIC && u32_at(&head, 8) == VERSION && crc32fast::hash(&head) == crc;
    whole.then(|| Timestamp::from_micros(u64_at(&head, 16)))
}

fn read_entry(bytes: &[u8]) -> Option<Tagged> {
    (crc32fast::hash(&bytes[..32]) == u32_at(bytes, 32)).then(|| Tagged {
        mark: TagMark {
            key: u64_at(bytes, 0),
            digest: u64_at(bytes, 8),
        },
        id: u64_at(bytes, 16),
        time: Timestamp::from_micros(u64_at(bytes, 24)),
    })
}
