//! The line of a record in the text segment: written from a stored record, and taken apart again with its index entry,
//! which knows the lengths, so that a read costs no search through the content.

use super::super::stored::{Hashed, REMOVED_FILL, REMOVED_SALT, StoredRecord};
use super::super::{Event, EventKind};
use super::index::Entry;
use crate::edge::wire::names::{LOBBY, RoomName, UserName};
use crate::edge::wire::record::{GONE_USER, RecordRef, parse_id};
use crate::edge::wire::timestamp::{Timestamp, push_decimal};

/// Appends the line of `record`; returns the bytes of the line and of its content.
pub(super) fn write_line(record: &StoredRecord, out: &mut Vec<u8>) -> (usize, usize) {
    let begin = out.len();
    let event = &record.event;
    let content = record.content();
    RecordRef {
        id: event.id,
        time: event.time,
        user: match event.kind {
            EventKind::Message(_) => event.user.as_str(),
            EventKind::Removal(_) => GONE_USER,
        },
        room: event.room.as_str(),
        body: &content,
    }
    .write_to(out);
    (out.len() - begin, content.len())
}

/// A line taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) user: &'a str,
    pub(super) room: &'a str,
    pub(super) content: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes the line of `entry` apart; the error says in what they disagree.
    pub(super) fn parse(line: &'a [u8], entry: &Entry) -> Result<Self, &'static str> {
        if line.len() != entry.line_bytes as usize || line.last() != Some(&b'\n') {
            return Err("the line does not end where its index entry says");
        }
        let content_at = line.len() - 1 - entry.content_bytes as usize;
        let (head, rest) = line.split_at(content_at);
        let content = &rest[..rest.len() - 1];
        let mut id = Vec::with_capacity(20);
        push_decimal(entry.id, 1, &mut id);
        let names = head
            .strip_prefix(&id[..])
            .and_then(|head| head.strip_prefix(b";"))
            .ok_or("the line does not begin with the id of its index entry")?;
        let names = names
            .strip_suffix(b";")
            .and_then(|names| {
                let at = memchr::memchr(b';', names)?;
                std::str::from_utf8(&names[at + 1..]).ok()
            })
            .ok_or("the content does not begin where the index entry says")?;
        let (user, room) = names.rsplit_once('#').unwrap_or((names, LOBBY));
        if (user == GONE_USER) == entry.is_message() {
            return Err("the line and its index entry are of different kinds");
        }
        Ok(Self {
            user,
            room,
            content,
        })
    }

    /// The time as written; only recovery compares it, readers take the entry's.
    pub(super) fn time_agrees(line: &[u8], entry: &Entry) -> bool {
        let mut fields = line.splitn(3, |byte| *byte == b';');
        let mut written = Vec::with_capacity(24);
        Timestamp::from_micros(entry.time).write_to(&mut written);
        fields.nth(1) == Some(&written[..])
    }
}

/// The stored record that line and entry make together.
pub(super) fn stored(line: &Line<'_>, entry: &Entry) -> Result<StoredRecord, &'static str> {
    let room = RoomName::parse_kept(line.room).map_err(|_| "the line names no room")?;
    let (user, kind) = if entry.is_message() {
        let user = UserName::parse(line.user).map_err(|_| "the line names no user")?;
        let body = bytes::Bytes::copy_from_slice(line.content);
        (user, EventKind::Message(body))
    } else {
        let target = parse_id(line.content).ok_or("the removal names no id")?;
        (nobody(), EventKind::Removal(target))
    };
    Ok(StoredRecord {
        event: Event {
            id: entry.id,
            time: Timestamp::from_micros(entry.time),
            room,
            user,
            kind,
            origin: entry.origin,
            nonce: 0,
        },
        prev: entry.prev,
        salt: entry.salt,
        hash: entry.hash,
        tag: None,
    })
}

/// Whether the content of the line fits the hash in its entry, by which the names fit too; true for what was removed.
pub(super) fn is_whole(line: &Line<'_>, entry: &Entry) -> bool {
    if entry.salt == REMOVED_SALT {
        return true;
    }
    let hashed = Hashed {
        salt: &entry.salt,
        id: entry.id,
        micros: entry.time,
        is_removal: !entry.is_message(),
        prev: entry.prev,
        user: if entry.is_message() {
            line.user
        } else {
            NOBODY
        },
        room: line.room,
        content: line.content,
    };
    hashed.hash() == entry.hash
}

/// What is wrong with a line whose room is not the one of its entry.
pub(super) const OTHER_ROOM: &str = "the line names another room than its index entry means";

/// What a content of nothing but [`REMOVED_FILL`] is if nobody wrote it so.
pub(super) const WRONGLY_BLANK: &str =
    "the content is overwritten, but the index entry does not say that it was removed";

/// Whether nothing stands there but what overwrites removed content. Rare enough that hashing it costs nobody time.
pub(super) fn is_blank(content: &[u8]) -> bool {
    !content.is_empty() && content.iter().all(|byte| *byte == REMOVED_FILL)
}

/// Whether a line that is to be served was overwritten: an index of an earlier day does not know of the removal.
pub(super) fn is_wrongly_blank(line: &Line<'_>, entry: &Entry) -> bool {
    is_blank(line.content) && !is_whole(line, entry)
}

/// What stands for the name that a removal's line does not keep.
const NOBODY: &str = "_";

/// The same as a name.
pub(super) fn nobody() -> UserName {
    UserName::repaired(NOBODY).0
}
