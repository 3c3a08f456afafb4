//! What the tests of the log share.

use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::super::super::{
    Commit, Event, EventKind, LogError, LogStore, NewEvent, Outcome, PageQuery,
};
use super::super::{Durability, EmbeddedLog, EmbeddedOptions};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// A moment; tests count seconds from it.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros((1_700_000_000 + seconds) * 1_000_000)
}

/// Small files; the durability that does not wait for the disk.
pub(super) fn options(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions {
        folder: folder.to_owned(),
        durability: Durability::Os,
        flush_interval: std::time::Duration::from_millis(20),
        segment_bytes: 32 * 1024,
        journal_bytes: 64 * 1024,
        retain_messages: 0,
        retain_age: std::time::Duration::ZERO,
        retain_bytes: 0,
        rooms_max: 8,
        tags_max: 100,
    }
}

pub(super) fn silent() -> slog::Logger {
    slog::Logger::root(slog::Discard, slog::o!())
}

pub(super) fn open(folder: &Path) -> EmbeddedLog {
    open_with(options(folder))
}

pub(super) fn open_with(options: EmbeddedOptions) -> EmbeddedLog {
    EmbeddedLog::open(options, silent()).unwrap()
}

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

/// A message of alice.
pub(super) fn message(room_name: &str, body: &str) -> NewEvent {
    NewEvent {
        room: room(room_name),
        user: UserName::parse("alice").unwrap(),
        kind: EventKind::Message(body.as_bytes().to_vec().into()),
        origin: 7,
        nonce: 0,
        tag: None,
        time: None,
    }
}

/// The same, tagged.
pub(super) fn tagged(log: &EmbeddedLog, tag: &str, body: &str) -> NewEvent {
    let event = message("lobby", body);
    NewEvent {
        tag: Some(log.tag_mark("Alice", tag, &event.room, body.as_bytes())),
        ..event
    }
}

pub(super) fn removal(room_name: &str, id: u64) -> NewEvent {
    NewEvent {
        kind: EventKind::Removal(id),
        ..message(room_name, "")
    }
}

/// Commits these as one group.
pub(super) fn commit(
    log: &mut EmbeddedLog,
    events: impl IntoIterator<Item = NewEvent>,
) -> Result<Commit, LogError> {
    events.into_iter().for_each(|event| log.stage(event));
    log.commit(at(0))
}

/// Commits one event and returns what became of it.
pub(super) fn one(log: &mut EmbeddedLog, event: NewEvent) -> Outcome {
    commit(log, [event]).unwrap().outcomes[0]
}

/// Commits a message to the lobby and returns its id.
pub(super) fn say(log: &mut EmbeddedLog, body: &str) -> u64 {
    stored(one(log, message("lobby", body)))
}

pub(super) fn stored(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Stored { id, .. } => id,
        other => panic!("{other:?}"),
    }
}

/// Everything that readers find.
pub(super) fn all(log: &EmbeddedLog) -> Vec<Event> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        let query = PageQuery {
            room: None,
            after,
            before: u64::MAX,
            since: Timestamp::from_micros(0),
            newest_first: false,
            with_removals: true,
            events_max: 100,
            bytes_max: 1 << 20,
        };
        let page = log.reader().page(&query).unwrap();
        events.extend(page.events);
        after = page.scanned_to;
        if !page.more {
            return events;
        }
    }
}

/// Ids and bodies of what readers find; a removal's body is the id it removed.
pub(super) fn bodies(log: &EmbeddedLog) -> Vec<(u64, String)> {
    let body = |event: &Event| match &event.kind {
        EventKind::Message(body) => String::from_utf8(body.to_vec()).unwrap(),
        EventKind::Removal(target) => format!("gone {target}"),
    };
    all(log).iter().map(|e| (e.id, body(e))).collect()
}

/// What a killed process leaves behind, as far as files show it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            match fs::copy(entry.path(), target) {
                // Renamed by the thread that syncs.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                result => drop(result.unwrap()),
            }
        }
    }
}

/// The files that hold `bytes`.
pub(super) fn files_with(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if memmem::find(&read_if_there(&path), bytes).is_some() {
            found.push(path);
        }
    }
    found
}

/// The thread that syncs may rename a file between its listing and its reading.
fn read_if_there(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        result => result.unwrap(),
    }
}

/// The places of a half's groups: offset and bytes, read from their headers as the format says.
pub(super) fn groups_of(half: &[u8]) -> Vec<(usize, usize)> {
    let number = |at: usize| u64::from_le_bytes(half[at..at + 8].try_into().unwrap());
    let generation = number(16);
    let mut groups = Vec::new();
    let mut at = 4096;
    while at + 80 <= half.len() && &half[at..at + 4] == b"GCGR" && number(at + 8) == generation {
        let payload = u32::from_le_bytes(half[at + 4..at + 8].try_into().unwrap()) as usize;
        groups.push((at, 80 + payload));
        at += (80 + payload).next_multiple_of(8);
    }
    groups
}

/// The half with the higher generation.
pub(super) fn newest_half(folder: &Path) -> PathBuf {
    let generation = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        u64::from_le_bytes(bytes[16..24].try_into().unwrap())
    };
    let halves = ["journal-0", "journal-1"].map(|name| folder.join(name));
    halves.into_iter().max_by_key(generation).unwrap()
}

/// Deletes the segments, as if they had never reached the disk.
pub(super) fn forget_segments(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("0000") || name == "rooms.table" {
            fs::remove_file(path).unwrap();
        }
    }
}
