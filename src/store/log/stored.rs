//! What the embedded back end keeps beside an event: its place in the room, its salt, hash, and the chain of groups.
//! Byte order and fields: `docs/storage.md`, "The record and its hash".

use super::TagMark;
use super::event::{Event, EventKind};

/// The salt that marks removed content; no torn or zero-filled sector looks like it.
pub(crate) const REMOVED_SALT: [u8; 16] = [0xFF; 16];
/// What overwrites removed content.
pub(crate) const REMOVED_FILL: u8 = b'-';

/// An event with everything the files hold about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    /// The event itself. Removed content reads as all [`REMOVED_FILL`].
    pub(crate) event: Event,
    /// Id of the room's previous record, 0 if none.
    pub(crate) prev: u64,
    /// Random, or [`REMOVED_SALT`].
    pub(crate) salt: [u8; 16],
    /// Covers the record; stays when the content goes.
    pub(crate) hash: [u8; 32],
    /// Set if the message was tagged.
    pub(crate) tag: Option<TagMark>,
}

/// One committed group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    /// Rising by one from 1.
    pub(crate) number: u64,
    /// The chain up to and including this group.
    pub(crate) link: [u8; 32],
    /// In rising order of id; never empty.
    pub(crate) records: Vec<StoredRecord>,
}

impl StoredRecord {
    /// Seals `event`: hashes it with `salt`.
    pub(crate) fn seal(event: Event, prev: u64, salt: [u8; 16], tag: Option<TagMark>) -> Self {
        let mut record = Self {
            event,
            prev,
            salt,
            hash: [0; 32],
            tag,
        };
        record.hash = record.computed_hash();
        record
    }

    /// The content as the text line has it: the body, or the removed id in decimal.
    pub(crate) fn content(&self) -> std::borrow::Cow<'_, [u8]> {
        content_of(&self.event.kind)
    }

    /// Whether the content has been overwritten, so that the hash cannot be checked any more.
    pub(crate) fn is_removed(&self) -> bool {
        self.salt == REMOVED_SALT
    }

    /// Whether content and hash agree; true for removed content.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_removed() || self.computed_hash() == self.hash
    }

    fn computed_hash(&self) -> [u8; 32] {
        let event = &self.event;
        let (user, room) = (
            event.user.as_str().as_bytes(),
            event.room.as_str().as_bytes(),
        );
        let removal = matches!(event.kind, EventKind::Removal(_));
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&self.salt);
        bytes.extend_from_slice(&event.id.to_le_bytes());
        bytes.extend_from_slice(&event.time.as_micros().to_le_bytes());
        bytes.push(u8::from(removal));
        bytes.extend_from_slice(&self.prev.to_le_bytes());
        // Names are at most 64 bytes by their grammar, so one byte holds the length.
        bytes.push(user.len() as u8);
        bytes.extend_from_slice(user);
        bytes.push(room.len() as u8);
        bytes.extend_from_slice(room);
        bytes.extend_from_slice(&content_of(&event.kind));
        *blake3::hash(&bytes).as_bytes()
    }
}

/// The link of a group: what ties it to all before it.
pub(crate) fn chain_link(
    previous: &[u8; 32],
    number: u64,
    hashes: impl ExactSizeIterator<Item = [u8; 32]>,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous);
    hasher.update(&number.to_le_bytes());
    hasher.update(&(hashes.len() as u32).to_le_bytes());
    hashes.for_each(|hash| {
        hasher.update(&hash);
    });
    *hasher.finalize().as_bytes()
}

fn content_of(kind: &EventKind) -> std::borrow::Cow<'_, [u8]> {
    match kind {
        EventKind::Message(body) => std::borrow::Cow::Borrowed(body),
        EventKind::Removal(target) => std::borrow::Cow::Owned(target.to_string().into_bytes()),
    }
}
