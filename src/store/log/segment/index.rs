//! The `.idx` sidecar: a header and one entry of 128 bytes per record, in rising order of id.
//! Behind the header of 64 bytes every fourth entry straddles a border of 512 bytes, in its middle. A removal overwrites an entry in
//! place and can be torn there: [`Entry::read`] tells of such a one what it was, and whether the removal reached it.

use hashbrown::HashMap;

use super::super::stored::{REMOVED_SALT, StoredRecord};
use super::super::{Event, EventKind};
use super::bytes::{HEADER_BYTES, array, header, is_header, put, u32_at, u64_at};
use crate::edge::wire::names::RoomName;

const MAGIC: &[u8; 8] = b"GCINDX01";
/// Bytes of an entry.
pub(super) const ENTRY_BYTES: usize = 128;
const FLAGS_AT: usize = 61;
const CRC_AT: usize = 120;
/// Flag of a record whose content was overwritten.
pub(super) const REMOVED: u8 = 2;
/// Flag, with [`REMOVED`], of a record that was found damaged and set aside. Its hash stays, if it is known.
pub(super) const LOST: u8 = 4;
/// The hash of a lost record of which nothing but its place in the sequence is known.
pub(super) const NO_HASH: [u8; 32] = [0; 32];

/// What the index header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexHeader {
    pub(super) first_id: u64,
    /// Highest time of any record before this segment, in microseconds.
    pub(super) time_max_before: u64,
}

impl IndexHeader {
    pub(super) fn encode(self) -> [u8; HEADER_BYTES] {
        header(
            MAGIC,
            &[
                &self.first_id.to_le_bytes(),
                &self.time_max_before.to_le_bytes(),
            ],
        )
    }

    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        is_header(MAGIC, bytes).then(|| Self {
            first_id: u64_at(bytes, 16),
            time_max_before: u64_at(bytes, 24),
        })
    }
}

/// One record, without its names and content, which are in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: u64,
    /// Microseconds.
    pub(super) time: u64,
    /// Highest time of this and every earlier record.
    pub(super) time_max: u64,
    pub(super) room_hash: u64,
    /// Id of the room's previous record.
    pub(super) prev: u64,
    pub(super) origin: u64,
    /// Where the line begins in the text.
    pub(super) offset: u32,
    /// Length of the line, newline included.
    pub(super) line_bytes: u32,
    pub(super) content_bytes: u32,
    /// 0 message, 1 removal.
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) salt: [u8; 16],
    pub(super) hash: [u8; 32],
    /// Number of the group that it was committed in.
    pub(super) group: u64,
}

/// Where a record stands, beside what the record itself says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) time_max: u64,
    pub(super) room_hash: u64,
    pub(super) offset: u32,
    pub(super) line_bytes: u32,
    pub(super) content_bytes: u32,
    pub(super) group: u64,
}

impl Entry {
    pub(super) fn new(record: &StoredRecord, place: Place) -> Self {
        let event: &Event = &record.event;
        Self {
            id: event.id,
            time: event.time.as_micros(),
            time_max: place.time_max,
            room_hash: place.room_hash,
            prev: record.prev,
            origin: event.origin,
            offset: place.offset,
            line_bytes: place.line_bytes,
            content_bytes: place.content_bytes,
            kind: u8::from(matches!(event.kind, EventKind::Removal(_))),
            flags: if record.is_removed() { REMOVED } else { 0 },
            salt: record.salt,
            hash: record.hash,
            group: place.group,
        }
    }

    pub(super) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut out = [0; ENTRY_BYTES];
        let longs = [
            self.id,
            self.time,
            self.time_max,
            self.room_hash,
            self.prev,
            self.origin,
        ];
        for (n, value) in longs.into_iter().enumerate() {
            put(&mut out, n * 8, &value.to_le_bytes());
        }
        put(&mut out, 48, &self.offset.to_le_bytes());
        put(&mut out, 52, &self.line_bytes.to_le_bytes());
        put(&mut out, 56, &self.content_bytes.to_le_bytes());
        out[60] = self.kind;
        out[FLAGS_AT] = self.flags;
        put(&mut out, 64, &self.salt);
        put(&mut out, 80, &self.hash);
        put(&mut out, 112, &self.group.to_le_bytes());
        let crc = crc32fast::hash(&out[..CRC_AT]);
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }

    /// `None` if the crc or a length cannot be right. `bytes` holds exactly one entry.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != ENTRY_BYTES || crc32fast::hash(&bytes[..CRC_AT]) != u32_at(bytes, CRC_AT)
        {
            return None;
        }
        let entry = Self {
            id: u64_at(bytes, 0),
            time: u64_at(bytes, 8),
            time_max: u64_at(bytes, 16),
            room_hash: u64_at(bytes, 24),
            prev: u64_at(bytes, 32),
            origin: u64_at(bytes, 40),
            offset: u32_at(bytes, 48),
            line_bytes: u32_at(bytes, 52),
            content_bytes: u32_at(bytes, 56),
            kind: bytes[60],
            flags: bytes[FLAGS_AT],
            salt: array(bytes, 64),
            hash: array(bytes, 80),
            group: u64_at(bytes, 112),
        };
        (entry.id > 0 && entry.content_bytes < entry.line_bytes).then_some(entry)
    }

    /// As [`Entry::decode`], of one too that a removal overwrote by half. Of what a removal changes the flag stands in the first half,
    /// salt and crc in the second: so the crc fits the other flag, and says by that whether the entry is the old one or the new one.
    /// What begins with the old one has its removal in the journal, or its room's floor above it, and is overwritten again.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).or_else(|| {
            let mut other: [u8; ENTRY_BYTES] = bytes.try_into().ok()?;
            other[FLAGS_AT] ^= REMOVED;
            Self::decode(&other)
        })
    }

    pub(super) fn is_message(&self) -> bool {
        self.kind == 0
    }

    pub(super) fn is_removed(&self) -> bool {
        self.flags & REMOVED != 0
    }

    /// Whether it was set aside as damaged.
    pub(super) fn is_lost(&self) -> bool {
        self.flags & LOST != 0
    }

    /// The entry once its content has been set aside as damaged.
    pub(super) fn lost(self) -> Self {
        let mut entry = self.removed();
        entry.flags |= LOST;
        entry
    }

    /// The entry once its content has been overwritten.
    pub(super) fn removed(mut self) -> Self {
        self.flags |= REMOVED;
        self.salt = REMOVED_SALT;
        self
    }

    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.line_bytes)
    }

    /// Where the content begins in the text.
    pub(super) fn content_at(&self) -> u64 {
        self.end() - 1 - u64::from(self.content_bytes)
    }
}

/// Where entry `n` begins in the file.
pub(super) fn entry_at(n: u32) -> u64 {
    HEADER_BYTES as u64 + u64::from(n) * ENTRY_BYTES as u64
}

/// The key of a room in the sidecars: the first 8 bytes of BLAKE3 of its name.
pub(crate) fn room_hash(room: &str) -> u64 {
    u64_at(blake3::hash(room.as_bytes()).as_bytes(), 0)
}

/// Keys of the rooms that were met lately: hashing a name costs as much as hashing a short record.
#[derive(Default)]
pub(super) struct RoomHashes(HashMap<RoomName, u64>);

impl RoomHashes {
    /// Rooms remembered at a time.
    const MAX: usize = 4096;

    /// The [`room_hash`] of a room.
    pub(super) fn of(&mut self, room: &RoomName) -> u64 {
        if let Some(hash) = self.0.get(room) {
            return *hash;
        }
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        let hash = room_hash(room.as_str());
        self.0.insert(room.clone(), hash);
        hash
    }
}
