//! Which records of a segment belong to which room. In memory while the segment is written; once it is sealed in the
//! `.rooms` file, which also holds the figures about the segment that would otherwise take a pass over its index.

use hashbrown::HashMap;

use super::super::LogError;
use super::super::disk::{File, Folder, Open};
use super::bytes::{HEADER_BYTES, header, is_header, u32_at, u64_at};
use super::files::{Part, io_error, part_path, replace};

const MAGIC: &[u8; 8] = b"GCROOM01";
/// Bytes of one room's place in the directory.
const ROOM_BYTES: usize = 32;
/// Bytes of a posting.
const POSTING_BYTES: usize = 4;

/// Entry numbers by room hash, rising.
pub(super) type Postings = HashMap<u64, Vec<u32>>;

/// Figures about a sealed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) last_id: u64,
    pub(super) time_max: u64,
    pub(super) records: u32,
    /// Those that are no removals.
    pub(super) messages: u32,
}

/// A room's place in the directory of a sealed segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoomSpan {
    pub(super) hash: u64,
    /// Of its postings, counted in postings.
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Writes the file. `id_of` gives the id of an entry number.
pub(super) fn write(
    folder: &Folder,
    first_id: u64,
    figures: Figures,
    postings: &Postings,
    id_of: impl Fn(u32) -> Result<u64, LogError>,
) -> Result<(), LogError> {
    let mut hashes: Vec<u64> = postings.keys().copied().collect();
    hashes.sort_unstable();
    let mut body =
        Vec::with_capacity(hashes.len() * ROOM_BYTES + figures.records as usize * POSTING_BYTES);
    let mut first = 0u32;
    for hash in &hashes {
        let list = &postings[hash];
        let (Some(oldest), Some(newest)) = (list.first(), list.last()) else {
            continue;
        };
        body.extend_from_slice(&hash.to_le_bytes());
        body.extend_from_slice(&id_of(*oldest)?.to_le_bytes());
        body.extend_from_slice(&id_of(*newest)?.to_le_bytes());
        body.extend_from_slice(&first.to_le_bytes());
        body.extend_from_slice(&(list.len() as u32).to_le_bytes());
        first += list.len() as u32;
    }
    for hash in &hashes {
        for posting in &postings[hash] {
            body.extend_from_slice(&posting.to_le_bytes());
        }
    }
    let head = header(
        MAGIC,
        &[
            &first_id.to_le_bytes(),
            &figures.last_id.to_le_bytes(),
            &figures.time_max.to_le_bytes(),
            &figures.records.to_le_bytes(),
            &figures.messages.to_le_bytes(),
            &(hashes.len() as u32).to_le_bytes(),
            &crc32fast::hash(&body).to_le_bytes(),
            &first.to_le_bytes(),
        ],
    );
    let mut bytes = head.to_vec();
    bytes.append(&mut body);
    replace(folder, &part_path(folder, first_id, Part::Rooms), &bytes)
}

/// An open `.rooms` file.
#[derive(Debug)]
pub(super) struct RoomsFile {
    file: File,
    rooms: u32,
    postings: u32,
    body_crc: u32,
    pub(super) figures: Figures,
}

impl RoomsFile {
    /// Opens and checks the header; `None` if the file is missing or not what it should be.
    pub(super) fn open(folder: &Folder, first_id: u64) -> Result<Option<Self>, LogError> {
        let path = part_path(folder, first_id, Part::Rooms);
        let file = match folder.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("open", &path)(error)),
        };
        let mut head = [0; HEADER_BYTES];
        if file.read_exact_at(&mut head, 0).is_err()
            || !is_header(MAGIC, &head)
            || u64_at(&head, 16) != first_id
        {
            return Ok(None);
        }
        let opened = Self {
            rooms: u32_at(&head, 48),
            postings: u32_at(&head, 56),
            body_crc: u32_at(&head, 52),
            figures: Figures {
                last_id: u64_at(&head, 24),
                time_max: u64_at(&head, 32),
                records: u32_at(&head, 40),
                messages: u32_at(&head, 44),
            },
            file,
        };
        let length = opened.file.length().map_err(io_error("read", &path))?;
        Ok((length == opened.postings_at(opened.postings)).then_some(opened))
    }

    /// Whether directory and postings are as they were written; reads the whole file.
    pub(super) fn is_whole(&self) -> bool {
        /// Read in one go.
        const PIECE_BYTES: u64 = 256 * 1024;
        let (mut at, end) = (HEADER_BYTES as u64, self.postings_at(self.postings));
        let mut crc = crc32fast::Hasher::new();
        let mut bytes = vec![0; PIECE_BYTES.min(end - at) as usize];
        while at < end {
            bytes.truncate((end - at).min(PIECE_BYTES) as usize);
            if self.file.read_exact_at(&mut bytes, at).is_err() {
                return false;
            }
            crc.update(&bytes);
            at += bytes.len() as u64;
        }
        crc.finalize() == self.body_crc
    }

    /// Where a room's postings are, by binary search; `None` if it has none here.
    pub(super) fn find(&self, hash: u64) -> std::io::Result<Option<RoomSpan>> {
        let (mut low, mut high) = (0, self.rooms);
        while low < high {
            let middle = low + (high - low) / 2;
            let span = self.span(middle)?;
            match span.hash.cmp(&hash) {
                std::cmp::Ordering::Equal => return Ok(Some(span)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The `n`-th room, in order of hash.
    pub(super) fn span(&self, n: u32) -> std::io::Result<RoomSpan> {
        let mut bytes = [0; ROOM_BYTES];
        let at = HEADER_BYTES as u64 + u64::from(n) * ROOM_BYTES as u64;
        self.file.read_exact_at(&mut bytes, at)?;
        let (first, count) = (u32_at(&bytes, 24), u32_at(&bytes, 28));
        // Whatever the checksum says: memory is taken for what the file has.
        match first.checked_add(count) {
            Some(end) if end <= self.postings => Ok(RoomSpan {
                hash: u64_at(&bytes, 0),
                first,
                count,
            }),
            _ => Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "a room has more postings than the file",
            )),
        }
    }

    /// How many rooms the segment holds.
    pub(super) fn rooms(&self) -> u32 {
        self.rooms
    }

    /// Postings `from..to` of the whole file.
    pub(super) fn postings(&self, from: u32, to: u32) -> std::io::Result<Vec<u32>> {
        let mut bytes = vec![0; (to.saturating_sub(from)) as usize * POSTING_BYTES];
        self.file
            .read_exact_at(&mut bytes, self.postings_at(from))?;
        Ok(bytes
            .chunks_exact(POSTING_BYTES)
            .map(|posting| u32_at(posting, 0))
            .collect())
    }

    fn postings_at(&self, n: u32) -> u64 {
        HEADER_BYTES as u64
            + u64::from(self.rooms) * ROOM_BYTES as u64
            + u64::from(n) * POSTING_BYTES as u64
    }
}
