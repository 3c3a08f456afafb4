//! The journal's bytes: file header, group header, record. In: groups. Out: bytes, and groups again.
//! Fields and places: `docs/storage.md`, "Journal".

use std::ops::Range;

use bytes::Bytes;

use super::super::super::TagMark;
use super::super::super::event::{Event, EventKind};
use super::super::super::stored::{Group, REMOVED_FILL, REMOVED_SALT, StoredRecord};
use super::super::files::{u32_at, u64_at};
use super::super::tags::FORGOTTEN_DIGEST;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::record::parse_id;
use crate::edge::wire::timestamp::{Timestamp, push_decimal};

/// Bytes before the first group.
pub(in super::super) const FILE_HEADER_BYTES: usize = 4096;
/// Bytes before a group's records.
pub(in super::super) const GROUP_HEADER_BYTES: usize = 80;
/// Bytes of a record before its names.
const RECORD_FIXED_BYTES: usize = 96;
const SALT_BYTES: usize = 16;
const FILE_MAGIC: [u8; 8] = *b"GCJRNL01";
const VERSION: u32 = 1;
/// What a group begins with.
pub(in super::super) const GROUP_MAGIC: [u8; 4] = *b"GCGR";
const CRC_AT: usize = 36;
const TAGGED: u8 = 1;

/// What a half says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct FileHeader {
    pub(super) generation: u64,
    pub(super) first_group: u64,
    pub(super) first_id: u64,
    pub(super) link: [u8; 32],
    /// When the half was begun, all that there was up to this id stood in segments and sidecars that were synced: nobody has to compare
    /// these with a journal any more.
    pub(super) settled: u64,
}

impl FileHeader {
    /// Fills the first [`FILE_HEADER_BYTES`] of `out`.
    pub(super) fn write_to(&self, out: &mut [u8]) {
        let out = &mut out[..FILE_HEADER_BYTES];
        out.fill(0);
        out[..8].copy_from_slice(&FILE_MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_group.to_le_bytes());
        out[32..40].copy_from_slice(&self.first_id.to_le_bytes());
        out[40..72].copy_from_slice(&self.link);
        out[72..80].copy_from_slice(&self.settled.to_le_bytes());
        let crc = crc32fast::hash(out);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
    }

    /// `None` if the bytes are no whole header.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut head: [u8; FILE_HEADER_BYTES] = *bytes.first_chunk()?;
        let crc = u32_at(&head, 12);
        head[12..16].fill(0);
        let whole =
            head[..8] == FILE_MAGIC && u32_at(&head, 8) == VERSION && crc32fast::hash(&head) == crc;
        whole.then(|| Self {
            generation: u64_at(&head, 16),
            first_group: u64_at(&head, 24),
            first_id: u64_at(&head, 32),
            link: *head[40..].first_chunk().unwrap_or(&[0; 32]),
            settled: u64_at(&head, 72),
        })
    }
}

/// Bytes a record takes, by the lengths of its parts.
pub(in super::super) fn record_bytes(user: usize, room: usize, content: usize) -> usize {
    RECORD_FIXED_BYTES + user + room + SALT_BYTES + content
}

/// The next place where a group may begin.
pub(super) fn aligned(at: usize) -> usize {
    at.next_multiple_of(8)
}

/// Builds one group after the other in the same memory. Before the group stands room for a file header, so that a
/// half can be started and its first group written at once.
pub(in super::super) struct Encoder {
    bytes: Vec<u8>,
    checked: Vec<Range<usize>>,
}

impl Encoder {
    pub(in super::super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            checked: Vec::new(),
        }
    }

    /// Forgets the last group.
    pub(in super::super) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.resize(FILE_HEADER_BYTES + GROUP_HEADER_BYTES, 0);
        self.checked.clear();
    }

    /// Bytes of the group so far.
    pub(in super::super) fn group_bytes(&self) -> usize {
        self.bytes.len() - FILE_HEADER_BYTES
    }

    /// Adds a record.
    pub(in super::super) fn push(&mut self, record: &StoredRecord) {
        let out = &mut self.bytes;
        let from = out.len();
        let event = &record.event;
        let (user, room) = (event.user.as_str(), event.room.as_str());
        let (key, digest) = record.tag.map_or((0, 0), |tag| {
            (tag.key, tag.digest ^ digest_mask(&record.salt))
        });
        for field in [
            event.id,
            event.time.as_micros(),
            event.origin,
            event.nonce,
            record.prev,
            key,
            digest,
        ] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&record.hash);
        let length_at = out.len();
        let kind = u8::from(matches!(event.kind, EventKind::Removal(_)));
        let flags = if record.tag.is_some() { TAGGED } else { 0 };
        // Names are at most 64 bytes by their grammar.
        let (user_bytes, room_bytes) = (user.len() as u8, room.len() as u8);
        out.extend_from_slice(&[0, 0, 0, 0, kind, user_bytes, room_bytes, flags]);
        out.extend_from_slice(user.as_bytes());
        out.extend_from_slice(room.as_bytes());
        self.checked.push(from..out.len());
        out.extend_from_slice(&record.salt);
        let content_at = out.len();
        match &event.kind {
            EventKind::Message(body) => out.extend_from_slice(body),
            EventKind::Removal(target) => push_decimal(*target, 1, out),
        }
        let content_bytes = (out.len() - content_at) as u32;
        out[length_at..length_at + 4].copy_from_slice(&content_bytes.to_le_bytes());
    }

    /// Completes the group; `header` starts a half with it. Returns what is to be written.
    pub(in super::super) fn finish(
        &mut self,
        generation: u64,
        group: &Group,
        header: Option<&FileHeader>,
    ) -> &[u8] {
        let payload = (self.group_bytes() - GROUP_HEADER_BYTES) as u32;
        let first_id = group.records.first().map_or(0, |record| record.event.id);
        let head = &mut self.bytes[FILE_HEADER_BYTES..FILE_HEADER_BYTES + GROUP_HEADER_BYTES];
        head.fill(0);
        head[..4].copy_from_slice(&GROUP_MAGIC);
        head[4..8].copy_from_slice(&payload.to_le_bytes());
        head[8..16].copy_from_slice(&generation.to_le_bytes());
        head[16..24].copy_from_slice(&group.number.to_le_bytes());
        head[24..32].copy_from_slice(&first_id.to_le_bytes());
        head[32..36].copy_from_slice(&(group.records.len() as u32).to_le_bytes());
        head[40..72].copy_from_slice(&group.link);
        let mut crc = crc32fast::Hasher::new();
        crc.update(head);
        for range in &self.checked {
            crc.update(&self.bytes[range.clone()]);
        }
        let crc_at = FILE_HEADER_BYTES + CRC_AT;
        self.bytes[crc_at..crc_at + 4].copy_from_slice(&crc.finalize().to_le_bytes());
        let padded = aligned(self.bytes.len());
        self.bytes.resize(padded, 0);
        match header {
            Some(header) => {
                header.write_to(&mut self.bytes);
                &self.bytes
            }
            None => &self.bytes[FILE_HEADER_BYTES..],
        }
    }
}

/// A group as found in a half.
#[derive(Debug)]
pub(super) struct FoundGroup {
    pub(super) group: Group,
    pub(super) generation: u64,
    /// Behind its padding.
    pub(super) end: usize,
    /// Ids of records whose content does not fit their hash; a removal that was interrupted leaves that.
    pub(super) doubtful: Vec<u64>,
}

/// Reads the group at `at`; `None` if there is none, or its checksum fails.
pub(super) fn read_group(half: &Bytes, at: usize) -> Option<FoundGroup> {
    let head = half.get(at..at + GROUP_HEADER_BYTES)?;
    if head[..4] != GROUP_MAGIC {
        return None;
    }
    let payload_from = at + GROUP_HEADER_BYTES;
    let payload_to = payload_from.checked_add(u32_at(head, 4) as usize)?;
    if payload_to > half.len() {
        return None;
    }
    let payload = half.slice(payload_from..payload_to);
    let mut crc = crc32fast::Hasher::new();
    crc.update(&head[..CRC_AT]);
    crc.update(&[0; 4]);
    crc.update(&head[CRC_AT + 4..]);
    let count = u32_at(head, 32);
    let mut places = Vec::new();
    let mut from = 0;
    for _ in 0..count {
        let place = Place::read(&payload, from)?;
        crc.update(&payload[place.checked()]);
        from = place.end();
        places.push(place);
    }
    if crc.finalize() != u32_at(head, CRC_AT) || from != payload.len() || count == 0 {
        return None;
    }
    let records: Option<Vec<StoredRecord>> = places.iter().map(|p| p.record(&payload)).collect();
    let records = records?;
    let doubtful = records.iter().filter(|record| !record.is_whole());
    Some(FoundGroup {
        doubtful: doubtful.map(|record| record.event.id).collect(),
        generation: u64_at(head, 8),
        end: aligned(payload_to).min(half.len()),
        group: Group {
            number: u64_at(head, 16),
            link: *head[40..].first_chunk()?,
            records,
        },
    })
}

/// Bytes that the group header at the start of `head` claims for its whole group.
pub(super) fn claimed_bytes(head: &[u8]) -> usize {
    GROUP_HEADER_BYTES + u32_at(head, 4) as usize
}

/// The generation that a group header claims, `None` where none stands.
pub(super) fn claimed_generation(head: &[u8]) -> Option<u64> {
    (head.get(..4)? == GROUP_MAGIC && head.len() >= GROUP_HEADER_BYTES).then(|| u64_at(head, 8))
}

/// Of every record in the payload of a group: its id, and where its salt and content stand.
pub(in super::super) fn content_places(
    payload: &[u8],
) -> impl Iterator<Item = (u64, Range<usize>)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let place = Place::read(payload, from)?;
        from = place.end();
        let id = u64_at(payload, place.from);
        Some((id, place.checked().end..place.end()))
    })
}

/// Whether the record that begins there has its content, or that content overwritten, and nothing else where it claims to.
pub(in super::super) fn has_content(payload: &Bytes, record_from: usize) -> bool {
    let place = Place::read(payload, record_from);
    let record = place.and_then(|place| place.record(payload));
    record.is_some_and(|record| match &record.event.kind {
        EventKind::Message(body) if record.is_removed() => body.iter().all(|b| *b == REMOVED_FILL),
        _ => record.is_whole(),
    })
}

/// A tag's digest is written under the salt: whoever overwrites the salt has overwritten the digest, by which a guess of the
/// content could be tested.
fn digest_mask(salt: &[u8]) -> u64 {
    u64_at(salt, 0)
}

/// Makes a record what it is after its removal.
pub(super) fn blank(record: &mut StoredRecord) {
    record.salt = REMOVED_SALT;
    if let Some(tag) = &mut record.tag {
        tag.digest = FORGOTTEN_DIGEST;
    }
    if let EventKind::Message(body) = &mut record.event.kind {
        *body = vec![REMOVED_FILL; body.len()].into();
    }
}

/// Salt and content of a removed record; `length` of both.
pub(super) fn blank_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![REMOVED_FILL; length];
    bytes[..SALT_BYTES].copy_from_slice(&REMOVED_SALT);
    bytes
}

/// Where a record's parts are.
struct Place {
    from: usize,
    user: usize,
    room: usize,
    content: usize,
}

impl Place {
    fn read(payload: &[u8], from: usize) -> Option<Self> {
        let fixed = payload.get(from..from.checked_add(RECORD_FIXED_BYTES)?)?;
        let place = Self {
            from,
            user: fixed[93].into(),
            room: fixed[94].into(),
            content: u32_at(fixed, 88) as usize,
        };
        (place.end() <= payload.len()).then_some(place)
    }

    fn checked(&self) -> Range<usize> {
        self.from..self.from + RECORD_FIXED_BYTES + self.user + self.room
    }

    fn end(&self) -> usize {
        self.from + record_bytes(self.user, self.room, self.content)
    }

    fn record(&self, payload: &Bytes) -> Option<StoredRecord> {
        let fixed = &payload[self.from..self.from + RECORD_FIXED_BYTES];
        let names = &payload[self.from + RECORD_FIXED_BYTES..self.checked().end];
        let (user, room) = names.split_at(self.user);
        let salt_at = self.checked().end;
        let content = payload.slice(salt_at + SALT_BYTES..self.end());
        let kind = match fixed[92] {
            0 => EventKind::Message(content),
            1 => EventKind::Removal(parse_id(&content)?),
            _ => return None,
        };
        Some(StoredRecord {
            event: Event {
                id: u64_at(fixed, 0),
                time: Timestamp::from_micros(u64_at(fixed, 8)),
                room: RoomName::parse_kept(std::str::from_utf8(room).ok()?).ok()?,
                user: UserName::parse(std::str::from_utf8(user).ok()?).ok()?,
                kind,
                origin: u64_at(fixed, 16),
                nonce: u64_at(fixed, 24),
            },
            prev: u64_at(fixed, 32),
            salt: *payload[salt_at..].first_chunk()?,
            hash: *fixed[56..].first_chunk()?,
            tag: (fixed[95] & TAGGED != 0).then(|| TagMark {
                key: u64_at(fixed, 40),
                digest: match payload[salt_at..salt_at + SALT_BYTES] == REMOVED_SALT {
                    true => FORGOTTEN_DIGEST,
                    false => u64_at(fixed, 48) ^ digest_mask(&payload[salt_at..]),
                },
            }),
        })
    }
}
