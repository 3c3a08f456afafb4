//! A real log of several segments, with removals, rooms, tags, retention of a room and a journal in use; what it serves; its heads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::super::super::inspect::{Audit, Head, audit, newest_head};
use super::super::super::super::{Event, LogError, LogStore, PageQuery, RoomRetention};
use super::super::super::{EmbeddedLog, EmbeddedOptions};
use super::super::support::*;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// Groups written.
const GROUPS: u64 = 420;
/// After these a head is kept.
const HEADS_AFTER: [u64; 4] = [20, 150, 300, 400];
/// After this the files are copied, for mutations that put an older one back.
const OLDER_AFTER: u64 = 330;

/// How the log was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// By a clean stop.
    Closed,
    /// By a kill.
    Killed,
    /// By a kill, with the newest group in the journal alone.
    Behind,
}

/// What a segment's files held before they were altered.
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) segment: u64,
    /// Of its line.
    pub(super) text: (u64, u64),
    /// Of its entry.
    pub(super) entry: (u64, u64),
    pub(super) room: u64,
    pub(super) group: u64,
}

pub(super) struct Rig {
    pub(super) kind: Kind,
    /// Path in the folder and bytes.
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
    /// The same at an earlier moment.
    pub(super) older: BTreeMap<PathBuf, Vec<u8>>,
    /// All that is served, as recovery finds it in the unaltered files.
    pub(super) served: BTreeMap<u64, Event>,
    pub(super) records: Vec<Record>,
    pub(super) rooms: Vec<RoomName>,
    pub(super) heads: Vec<Head>,
    /// What the audit of the unaltered files notes.
    pub(super) notes: Vec<String>,
    /// Ids from here on the journal holds.
    pub(super) journal_first: u64,
    /// The newest id in the segments.
    pub(super) segments_newest: u64,
    pub(super) newest: u64,
    _folder: tempfile::TempDir,
}

pub(super) fn options(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions {
        segment_bytes: 8 * 1024,
        rooms_max: 100,
        tags_max: 1000,
        ..super::super::support::options(folder)
    }
}

impl Rig {
    pub(super) fn build(kind: Kind) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("log");
        let mut log = open_with(options(&folder));
        let mut older = BTreeMap::new();
        let mut heads = Vec::new();
        let rooms = ["lobby", "dev", "ops", "@ann,bob"];
        let rooms = rooms.map(|name| RoomName::parse_kept(name).unwrap());
        for n in 1..=GROUPS {
            group(&mut log, n, &rooms);
            if n == 200 {
                retain(&mut log, &rooms[1]).unwrap();
            }
            log.maintain(Timestamp::now()).unwrap();
            if HEADS_AFTER.contains(&n) {
                heads.push(newest_head(&folder, true).unwrap().unwrap());
            }
            if n == OLDER_AFTER {
                let newest = log.segments.newest_id();
                log.sync_now(newest).unwrap();
                older = files(&folder);
            }
        }
        let newest = log.segments.newest_id();
        log.sync_now(newest).unwrap();
        retain(&mut log, &rooms[1]).unwrap();
        log.maintain(Timestamp::now()).unwrap();
        if kind == Kind::Behind {
            log.hooks.apply_faults = 1;
            let text = "what the segments do not have yet";
            assert_eq!(say(&mut log, text), newest + 1);
        }
        if kind == Kind::Closed {
            log.close().unwrap();
        }
        drop(log);
        heads.push(newest_head(&folder, false).unwrap().unwrap());
        let files = files(&folder);
        let (found, halves) = audit(&folder, false, &heads, |_, _| {}).unwrap();
        assert_eq!(found.faults_count, 0, "{:#?}", found.faults);
        let journal_first = halves
            .iter()
            .filter_map(|half| half.first_id)
            .min()
            .unwrap();
        let records = records(&files);
        let mut log = open_with(options(&folder));
        retain(&mut log, &rooms[1]).unwrap();
        let served: BTreeMap<u64, Event> = all(&log).into_iter().map(|e| (e.id, e)).collect();
        let rig = Self {
            kind,
            older,
            served,
            rooms: rooms.to_vec(),
            heads,
            notes: found.notes.clone(),
            journal_first,
            segments_newest: found.ids.1,
            newest: log.segments.newest_id(),
            records,
            files,
            _folder: temporary,
        };
        rig.is_worth_it(&found);
        rig
    }

    fn is_worth_it(&self, found: &Audit) {
        assert!(found.segments > 6 && found.expired_count > 20, "{found:#?}");
        assert!(self.served.len() > 400);
        let before_journal = self.records.iter().filter(|r| r.id < self.journal_first);
        assert!(before_journal.count() > 200, "{}", self.journal_first);
    }

    /// Writes the files into an empty folder.
    pub(super) fn lay_out(&self, folder: &Path) {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

/// The `n`-th group: one to three messages, a tag on some, now and then a removal.
fn group(log: &mut EmbeddedLog, n: u64, rooms: &[RoomName]) {
    for k in 0..=n % 3 {
        let room = &rooms[((n * 7 + k * 3) % 10).min(3) as usize];
        let body = format!(
            "group {n}, part {k}: {}",
            "words ".repeat((n % 11) as usize)
        );
        let mut event = message("lobby", &body);
        event.room = room.clone();
        event.user = UserName::parse(if n.is_multiple_of(2) { "alice" } else { "bob" }).unwrap();
        if n.is_multiple_of(4) {
            let tag = format!("{n}-{k}");
            event.tag = Some(log.tag_mark("alice", &tag, room, body.as_bytes()));
        }
        log.stage(event);
    }
    if n.is_multiple_of(20) {
        let reader = log.reader();
        let query = PageQuery {
            after: log.segments.newest_id().saturating_sub(n / 2 % 90 + 3),
            events_max: 1,
            ..everything(None)
        };
        if let Some(event) = reader.page(&query).unwrap().events.first() {
            let mut gone = removal("lobby", event.id);
            gone.room = event.room.clone();
            log.stage(gone);
        }
    }
    log.commit(at(n)).unwrap();
}

pub(super) fn everything(room: Option<&RoomName>) -> PageQuery {
    PageQuery {
        room: room.cloned(),
        after: 0,
        before: u64::MAX,
        since: Timestamp::default(),
        newest_first: false,
        with_removals: true,
        events_max: 50,
        bytes_max: 1 << 20,
    }
}

/// What the server says after every start.
pub(super) fn retain(log: &mut EmbeddedLog, room: &RoomName) -> Result<(), LogError> {
    let few = RoomRetention {
        messages: 20,
        ..RoomRetention::default()
    };
    log.set_room_retention(room, few)
}

/// All files of the folder; what `verify` and `repair` put there excepted.
pub(super) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for sub in ["", "tags"] {
        for entry in fs::read_dir(folder.join(sub)).unwrap().flatten() {
            if entry.path().is_file() && entry.path().extension().is_none_or(|e| e != "new") {
                let name = Path::new(sub).join(entry.file_name());
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Every entry of every index, taken apart as the format says.
fn records(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<Record> {
    let mut records = Vec::new();
    for (path, bytes) in files {
        if path.extension().is_none_or(|extension| extension != "idx") {
            continue;
        }
        let segment = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        for (n, entry) in bytes[64..].chunks_exact(128).enumerate() {
            let u64_at = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().unwrap());
            let u32_at = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
            let (offset, length) = (u64::from(u32_at(48)), u64::from(u32_at(52)));
            let at = 64 + n as u64 * 128;
            records.push(Record {
                id: u64_at(0),
                segment,
                text: (offset, offset + length),
                entry: (at, at + 128),
                room: u64_at(24),
                group: u64_at(112),
            });
        }
    }
    records
}
