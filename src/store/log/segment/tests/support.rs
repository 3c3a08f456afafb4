//! Building groups, opening folders, and the plain model that pages are compared with.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use slog::{Logger, o};

use super::super::super::stored::{Group, StoredRecord, chain_link};
use super::super::super::{Event, EventKind, PageQuery};
use super::super::{JournalIds, SegmentOptions, Segments};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

pub(super) fn log() -> Logger {
    Logger::root(slog::Discard, o!())
}

pub(super) fn options(folder: &Path) -> SegmentOptions {
    SegmentOptions {
        folder: folder.to_owned(),
        segment_bytes: 1024,
        retain_messages: 0,
        retain_age: Duration::ZERO,
        retain_bytes: 0,
        rooms_max: 1000,
    }
}

/// Nothing in the journal, everything synced.
pub(super) const ALL_SYNCED: JournalIds = JournalIds::NOTHING;
/// Nothing known to be synced, nothing in the journal.
pub(super) const NO_JOURNAL: JournalIds = JournalIds::whole(1, 0);

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub(super) fn message(id: u64, time: u64, to: &str, body: &str) -> Event {
    Event {
        id,
        time: Timestamp::from_micros(time),
        room: room(to),
        user: UserName::parse("alice").unwrap(),
        kind: EventKind::Message(Bytes::copy_from_slice(body.as_bytes())),
        origin: id * 7,
        nonce: 0,
    }
}

pub(super) fn removal(id: u64, time: u64, to: &str, target: u64) -> Event {
    Event {
        user: UserName::repaired("").0,
        kind: EventKind::Removal(target),
        ..message(id, time, to, "")
    }
}

/// The next group of these segments.
pub(super) fn group(segments: &Segments, events: Vec<Event>) -> Group {
    let mut newest = std::collections::HashMap::new();
    let records: Vec<StoredRecord> = events
        .into_iter()
        .map(|event| {
            let room = event.room.clone();
            let prev = newest.insert(room.clone(), event.id);
            let prev = prev.unwrap_or_else(|| segments.room_newest(&room));
            // Any salt but the one that marks removed content.
            let salt = [(event.id % 251) as u8; 16];
            let mut record = StoredRecord {
                event,
                prev,
                salt,
                hash: [0; 32],
                tag: None,
            };
            record.seal();
            record
        })
        .collect();
    let number = segments.newest_group() + 1;
    let hashes: Vec<_> = records.iter().map(|record| record.hash).collect();
    Group {
        number,
        link: chain_link(&segments.newest_link(), number, hashes.into_iter()),
        records,
    }
}

pub(super) fn append(segments: &mut Segments, events: Vec<Event>) -> Group {
    let group = group(segments, events);
    segments.append(&group).unwrap();
    segments.publish();
    group
}

pub(super) fn everything() -> PageQuery {
    PageQuery {
        room: None,
        after: 0,
        before: u64::MAX,
        since: Timestamp::default(),
        newest_first: false,
        with_removals: true,
        events_max: 100_000,
        bytes_max: usize::MAX,
    }
}

pub(super) fn ids(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}
