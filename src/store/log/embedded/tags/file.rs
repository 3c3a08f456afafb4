//! One file of send-once tags: header of 24 bytes (magic `GCTAGS01`, version, crc with the field zero, created), then entries of 40.

use std::collections::HashSet;
use std::ops::Range;
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
/// Where in an entry its digest is.
const DIGEST: Range<usize> = 8..16;
/// The least that a disk writes in one go.
const SECTOR_BYTES: u64 = 512;

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

    /// Reads a file; a torn end is cut, the journal still has it. What tore an entry when its digest was forgotten is completed, durable
    /// after [`TagFile::sync`].
    pub(super) fn read(folder: &Folder, path: &Path) -> Result<Found, LogError> {
        let file = open_file(folder, path)?;
        let bytes = file.read_all().map_err(refused("reading", path))?;
        let Some(created) = read_header(&bytes) else {
            return Ok(Found::Unreadable(bytes));
        };
        let mut torn = Vec::new();
        let entries: Vec<(u32, Tagged)> = numbered(&bytes)
            .filter_map(|(number, entry)| {
                let whole = read_entry(entry);
                let found = whole.or_else(|| read_torn(number, entry))?;
                if whole.is_none() {
                    torn.push((number, found));
                }
                Some((number, found))
            })
            .collect();
        let count = entries.last().map_or(0, |(number, _)| number + 1);
        let whole = place(count);
        file.set_len(whole).map_err(refused("cutting", path))?;
        let mut file = Self {
            file,
            path: path.to_owned(),
            bytes: whole,
        };
        for (number, entry) in &torn {
            file.replace(*number, entry)?;
        }
        Ok(Found::Whole {
            file,
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

    /// Replaces an entry by one without digest. Should that be torn, [`TagFile::read`] completes it. Durable after [`TagFile::sync`].
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
    let kept = numbered(&bytes)
        .filter_map(|(number, entry)| read_entry(entry).or_else(|| read_torn(number, entry)))
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

/// The entries of a file with a header.
fn numbered(bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    (0..).zip(bytes[HEADER_BYTES..].chunks_exact(ENTRY_BYTES))
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
    (crc32fast::hash(&bytes[..32]) == u32_at(bytes, 32)).then(|| fields(bytes))
}

/// An entry whose digest was being forgotten when the power went, so that of digest and crc one is new. An append that was torn looks
/// otherwise: what is missing of it is zeros, and key and digest, or what follows on them, are among these.
fn read_torn(number: u32, bytes: &[u8]) -> Option<Tagged> {
    let border = place(number).next_multiple_of(SECTOR_BYTES) - place(number);
    if border < DIGEST.end as u64 || border >= ENTRY_BYTES as u64 {
        return None;
    }
    let mut found = fields(bytes);
    let has_all = found.mark.key != 0 && found.id != 0 && found.time != Timestamp::default();
    let is_old_crc = found.mark.digest == FORGOTTEN_DIGEST && has_all;
    let mut forgotten = bytes.to_vec();
    forgotten[DIGEST].fill(0);
    found.mark.digest = FORGOTTEN_DIGEST;
    (is_old_crc || read_entry(&forgotten).is_some()).then_some(found)
}

fn fields(bytes: &[u8]) -> Tagged {
    Tagged {
        mark: TagMark {
            key: u64_at(bytes, 0),
            digest: u64_at(bytes, DIGEST.start),
        },
        id: u64_at(bytes, 16),
        time: Timestamp::from_micros(u64_at(bytes, 24)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: u32 = 64;

    fn tagged(n: u32) -> Tagged {
        let n = u64::from(n) + 1;
        Tagged {
            mark: TagMark {
                key: n << 32 | 7,
                digest: n << 32 | 9,
            },
            id: n,
            time: Timestamp::from_micros(n * 1000),
        }
    }

    fn entries(folder: &Folder, path: &Path) -> Vec<(u32, Tagged)> {
        match TagFile::read(folder, path).unwrap() {
            Found::Whole { entries, .. } => entries,
            Found::Unreadable(_) => panic!("no header"),
        }
    }

    #[test]
    fn a_digest_is_forgotten_and_its_tag_is_not_though_that_tore_the_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.tags");
        let folder = Folder::real(folder.path());
        let all: Vec<Tagged> = (0..ENTRIES).map(tagged).collect();
        let mut torn = 0;
        for number in 0..ENTRIES {
            let mut file =
                TagFile::create(&folder, path.clone(), Timestamp::from_micros(1)).unwrap();
            file.append(&all).unwrap();
            let before = std::fs::read(&path).unwrap();
            let mut expected = all.clone();
            expected[number as usize].mark.digest = FORGOTTEN_DIGEST;
            file.replace(number, &expected[number as usize]).unwrap();
            let after = std::fs::read(&path).unwrap();
            let border = place(number).next_multiple_of(SECTOR_BYTES) as usize;
            // The first sector is on the disk, or the second one.
            let first = [
                &after[..border.min(after.len())],
                &before[border.min(after.len())..],
            ];
            let second = [
                &before[..border.min(after.len())],
                &after[border.min(after.len())..],
            ];
            for bytes in [first.concat(), second.concat()] {
                if bytes == before || bytes == after {
                    continue;
                }
                torn += 1;
                std::fs::write(&path, bytes).unwrap();
                let found = entries(&folder, &path);
                let found: Vec<Tagged> = found.into_iter().map(|(_, tag)| tag).collect();
                assert_eq!(found, expected);
                assert!(std::fs::read(&path).unwrap() == after, "no digest is left");
            }
        }
        assert!(torn >= 4, "{torn} tears");
    }

    #[test]
    fn what_a_torn_append_or_erasing_leaves_is_no_tag() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.tags");
        let folder = Folder::real(folder.path());
        for number in 0..ENTRIES {
            let at = place(number) as usize;
            let border = place(number).next_multiple_of(SECTOR_BYTES) as usize;
            if border >= at + ENTRY_BYTES || border == at {
                continue;
            }
            for lost in [at..border, border..at + ENTRY_BYTES] {
                let mut file =
                    TagFile::create(&folder, path.clone(), Timestamp::from_micros(1)).unwrap();
                let all: Vec<Tagged> = (0..=number).map(tagged).collect();
                file.append(&all).unwrap();
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[lost.clone()].fill(0);
                let is_whole = read_entry(&bytes[at..]).is_some();
                std::fs::write(&path, bytes).unwrap();
                let found = entries(&folder, &path);
                assert_eq!(found.len(), number as usize + usize::from(is_whole));
            }
        }
    }
}
