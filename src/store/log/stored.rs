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
    /// Gives the record the hash of what is in it.
    pub(crate) fn seal(&mut self) {
        self.hash = self.computed_hash();
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
        Hashed {
            salt: &self.salt,
            id: event.id,
            micros: event.time.as_micros(),
            is_removal: matches!(event.kind, EventKind::Removal(_)),
            prev: self.prev,
            user: event.user.as_str(),
            room: event.room.as_str(),
            content: &content_of(&event.kind),
        }
        .hash()
    }
}

/// What the hash of a record covers, wherever it stands.
pub(crate) struct Hashed<'a> {
    pub(crate) salt: &'a [u8; 16],
    pub(crate) id: u64,
    pub(crate) micros: u64,
    pub(crate) is_removal: bool,
    pub(crate) prev: u64,
    pub(crate) user: &'a str,
    pub(crate) room: &'a str,
    pub(crate) content: &'a [u8],
}

/// Records of up to so many bytes are hashed without asking for memory.
const HASHED_IN_PLACE_BYTES: usize = 512;

impl Hashed<'_> {
    /// The hash.
    pub(crate) fn hash(&self) -> [u8; 32] {
        let (id, micros) = (self.id.to_le_bytes(), self.micros.to_le_bytes());
        let (prev, kind) = (self.prev.to_le_bytes(), [u8::from(self.is_removal)]);
        let (user, room) = (self.user.as_bytes(), self.room.as_bytes());
        // Names are at most 66 bytes by their grammar, so one byte holds the length.
        let (user_bytes, room_bytes) = ([user.len() as u8], [room.len() as u8]);
        let parts: [&[u8]; 10] = [
            self.salt,
            &id,
            &micros,
            &kind,
            &prev,
            &user_bytes,
            user,
            &room_bytes,
            room,
            self.content,
        ];
        let mut bytes = [0; HASHED_IN_PLACE_BYTES];
        let mut rest = &mut bytes[..];
        for part in parts {
            let Some((here, behind)) = rest.split_at_mut_checked(part.len()) else {
                return *blake3::hash(&parts.concat()).as_bytes();
            };
            here.copy_from_slice(part);
            rest = behind;
        }
        let unused = rest.len();
        *blake3::hash(&bytes[..HASHED_IN_PLACE_BYTES - unused]).as_bytes()
    }
}

/// The link of a group: what ties it to all before it.
pub(crate) fn chain_link(
    previous: &[u8; 32],
    number: u64,
    hashes: impl ExactSizeIterator<Item = [u8; 32]>,
) -> [u8; 32] {
    /// Handed over at once: so many bytes keep all lanes of the processor busy.
    const PIECE_BYTES: usize = 64 * 1024;
    let mut hasher = blake3::Hasher::new();
    let head = previous.len() + size_of::<u64>() + size_of::<u32>();
    let mut piece = Vec::with_capacity((head + hashes.len() * 32).min(PIECE_BYTES));
    piece.extend_from_slice(previous);
    piece.extend_from_slice(&number.to_le_bytes());
    piece.extend_from_slice(&(hashes.len() as u32).to_le_bytes());
    for hash in hashes {
        if piece.len() + hash.len() > PIECE_BYTES {
            hasher.update(&piece);
            piece.clear();
        }
        piece.extend_from_slice(&hash);
    }
    hasher.update(&piece);
    *hasher.finalize().as_bytes()
}

fn content_of(kind: &EventKind) -> std::borrow::Cow<'_, [u8]> {
    match kind {
        EventKind::Message(body) => std::borrow::Cow::Borrowed(body),
        EventKind::Removal(target) => std::borrow::Cow::Owned(target.to_string().into_bytes()),
    }
}
