//! Audits of healthy, damaged and unfinished logs, and reading beside a writer.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::edge::wire::names::UserName;
use crate::store::log::embedded::Durability;
use crate::store::log::embedded::copy::copy;
use crate::store::log::{EventKind, NewEvent, RoomRetention};

fn options(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions {
        folder: folder.to_owned(),
        durability: Durability::Os,
        flush_interval: std::time::Duration::from_millis(20),
        segment_bytes: 4096,
        journal_bytes: 64 * 1024,
        retain_messages: 0,
        retain_age: std::time::Duration::ZERO,
        retain_bytes: 0,
        rooms_max: 100,
        tags_max: 100,
    }
}

fn silent() -> slog::Logger {
    slog::Logger::root(slog::Discard, slog::o!())
}

fn event(room: &str, kind: EventKind) -> NewEvent {
    NewEvent {
        room: RoomName::parse(room).unwrap(),
        user: UserName::parse("alice").unwrap(),
        kind,
        origin: 7,
        nonce: 0,
        tag: None,
        time: None,
    }
}

/// 300 messages in three rooms, several segments, one removal; closed.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    let mut store = fill(&folder);
    store.close().unwrap();
    (dir, folder)
}

fn fill(folder: &Path) -> EmbeddedLog {
    let mut store = EmbeddedLog::open(options(folder), silent()).unwrap();
    for n in 0..100u64 {
        for room in ["lobby", "dev", "ops"] {
            let body = format!("message {n} of {room}").into_bytes();
            store.stage(event(room, EventKind::Message(body.into())));
        }
        store.commit(Timestamp::from_micros(1_000_000 * n)).unwrap();
        store.maintain(Timestamp::now()).unwrap();
    }
    store.stage(event("lobby", EventKind::Removal(1)));
    store.commit(Timestamp::from_micros(101_000_000)).unwrap();
    store
}

fn audited(folder: &Path) -> Audit {
    audit(folder, false, &[], |_, _| {}).unwrap().0
}

/// Files with this extension, oldest first.
fn parts(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_healthy_log_has_no_fault() {
    let (_dir, folder) = filled();
    let audit = audited(&folder);
    assert!(audit.faults.is_empty(), "{:#?}", audit.faults);
    assert!(audit.notes.is_empty(), "{:#?}", audit.notes);
    assert_eq!(
        (audit.records, audit.ids, audit.group),
        (301, (1, 301), 101)
    );
    assert!(audit.segments > 3 && audit.link != [0; 32]);
    assert_eq!(audit.count(Check::Lines), (301, 0));
    assert_eq!(audit.count(Check::RoomLinks), (301, 0));
    assert_eq!(audit.count(Check::Chain), (101, 0));
    assert_eq!(audit.count(Check::Postings), (audit.segments - 1, 0));
    assert_eq!(audit.count(Check::RoomTable), (1, 0));
}

#[test]
fn every_flipped_byte_is_found_in_the_file_that_has_it() {
    let (_dir, folder) = filled();
    for (extension, check) in [
        ("log", None),
        ("idx", Some(Check::Entries)),
        ("chain", Some(Check::Chain)),
        ("rooms", Some(Check::Postings)),
    ] {
        let path = parts(&folder, extension)[1].clone();
        let whole = fs::read(&path).unwrap();
        let from = if extension == "log" { 0 } else { 64 };
        for at in (from..whole.len()).step_by(37) {
            flip(&path, at);
            let audit = audited(&folder);
            let fault = audit.faults.first();
            let fault = fault.unwrap_or_else(|| panic!("{extension} at {at}"));
            assert_eq!(fault.file, path, "{at}");
            assert!(check.is_none_or(|check| check == fault.check), "{fault:?}");
            assert!(
                fault.offset <= at as u64 && fault.offset + 140 > at as u64 || extension == "rooms"
            );
            fs::write(&path, &whole).unwrap();
        }
    }
    // One damaged place is one fault: what follows is not suspected for it.
    let path = parts(&folder, "log")[1].clone();
    flip(&path, fs::read(&path).unwrap().len() - 2);
    assert_eq!(audited(&folder).faults_count, 1);
}

#[test]
fn missing_and_swapped_files_are_found() {
    let (_dir, folder) = filled();
    let chain = parts(&folder, "chain");
    let first = fs::read(&chain[1]).unwrap();
    fs::remove_file(&chain[1]).unwrap();
    let audit = audited(&folder);
    assert_eq!(audit.faults[0].file, chain[1]);
    assert!(
        audit.faults[0].what.contains("missing"),
        "{:#?}",
        audit.faults
    );
    assert_eq!(audit.faults_count, 1, "{:#?}", audit.faults);
    // The chain of another log: whole in itself.
    let (_other, other) = filled();
    fs::copy(&parts(&other, "chain")[1], &chain[1]).unwrap();
    assert!(
        audited(&folder)
            .faults
            .iter()
            .any(|fault| fault.check == Check::Chain)
    );
    fs::write(&chain[1], first).unwrap();
    assert_eq!(audited(&folder).faults_count, 0);
    fs::write(folder.join("rooms.table"), b"nonsense").unwrap();
    assert_eq!(audited(&folder).faults[0].check, Check::RoomTable);
}

#[test]
fn an_unfinished_end_is_no_fault() {
    let (_dir, folder) = filled();
    let last = parts(&folder, "log").pop().unwrap();
    let mut text = fs::read(&last).unwrap();
    text.extend_from_slice(b"302;1.000;al");
    fs::write(&last, text).unwrap();
    let audit = audited(&folder);
    assert_eq!((audit.faults_count, audit.notes.len()), (0, 1));
    let opened = open(&options(&folder), &silent()).unwrap();
    assert_eq!(opened.access, Access::Recovered);
    assert!(audited(&folder).notes.is_empty());
}

#[test]
fn reading_works_beside_a_writer() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    assert!(!exists(&folder));
    let mut store = fill(&folder);
    assert!(exists(&folder));
    let opened = open(&options(&folder), &silent()).unwrap();
    let pid = Some(std::process::id());
    assert_eq!(opened.access, Access::Beside(Holder { pid }));
    let page = opened.page(None, 0, Timestamp::default()).unwrap();
    assert_eq!((page.events.len(), page.events[0].id), (299, 2));
    let lobby = RoomName::lobby();
    let after = opened.before_newest(Some(&lobby), 0, Timestamp::default(), 2);
    let page = opened.page(Some(&lobby), after.unwrap(), Timestamp::default());
    assert_eq!(page.unwrap().events.len(), 2);
    let figures = opened.figures().unwrap();
    assert_eq!(
        (figures.messages, figures.removed, figures.removals),
        (299, 1, 1)
    );
    let rooms = opened.rooms(&figures);
    assert_eq!(
        (rooms[0].room.as_str(), rooms[0].messages, rooms[0].newest),
        ("dev", 100, 299)
    );
    assert_eq!((rooms[2].messages, rooms[2].newest), (99, 301));
    assert_eq!(
        audit(&folder, true, &[], |_, _| {}).unwrap().0.faults_count,
        0
    );
    store.close().unwrap();
    drop(store);
    assert_eq!(holder(&folder).unwrap(), None);
    let sizes = sizes(&folder).unwrap();
    assert_eq!(sizes.journal, 64 * 1024);
    assert!(sizes.text > 0 && sizes.total() > sizes.text + sizes.index);
}

#[test]
fn what_has_expired_in_a_room_looks_like_what_was_removed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("log");
    let mut store = fill(&folder);
    let dev = RoomName::parse("dev").unwrap();
    let newest = RoomRetention {
        messages: 10,
        ..RoomRetention::default()
    };
    store.set_room_retention(&dev, newest).unwrap();
    for overwritten in [false, true] {
        if overwritten {
            store.maintain(Timestamp::now()).unwrap();
        }
        let opened = open_as_left(&options(&folder), &silent()).unwrap();
        let figures = opened.figures().unwrap();
        assert_eq!(
            (figures.messages, figures.removed, figures.removals),
            (209, 91, 1)
        );
        let page = opened.page(Some(&dev), 0, Timestamp::default()).unwrap();
        assert_eq!((page.events.len(), page.events[0].id), (10, 272));
        let page = opened.page(None, 0, Timestamp::default()).unwrap();
        assert_eq!(page.events.len(), 209);
        assert_eq!(
            audit(&folder, true, &[], |_, _| {}).unwrap().0.faults_count,
            0
        );
    }
    store.close().unwrap();
    drop(store);
    let clean = audited(&folder);
    assert_eq!(
        (clean.faults_count, clean.count(Check::Floors)),
        (0, (1, 0))
    );
    assert_eq!(clean.records, 301);
    flip(&folder.join("floors"), 30);
    assert_eq!(audited(&folder).faults[0].check, Check::Floors);
    // The next start has the other copy, and makes both anew.
    open(&options(&folder), &silent()).unwrap();
    assert_eq!(audited(&folder).faults_count, 0);
    for at in [30, 512 + 30] {
        flip(&folder.join("floors"), at);
    }
    assert_eq!(audited(&folder).faults[0].check, Check::Floors);
    // The next start says so and writes a new one, which does not know why messages are overwritten, until the room has its
    // retention again, as a server gives it at once.
    open(&options(&folder), &silent()).unwrap();
    let unexplained = audited(&folder);
    assert_eq!(unexplained.count(Check::Floors), (1, 0));
    assert_eq!(unexplained.faults_count, 90);
    assert_eq!(unexplained.faults[0].what, NO_REASON);
    let mut store = EmbeddedLog::open(options(&folder), silent()).unwrap();
    store.set_room_retention(&dev, newest).unwrap();
    store.close().unwrap();
    drop(store);
    assert_eq!(audited(&folder).faults_count, 0);
}

/// Everything in the folder belongs to its owner alone.
#[track_caller]
fn is_private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o77;
        assert_eq!(mode, 0, "{}", entry.path().display());
    }
}

#[test]
fn a_text_that_was_lost_leaves_a_log_that_is_private_and_copied_as_it_is() {
    for cut in [None, Some(1000)] {
        let (dir, folder) = filled();
        let text = parts(&folder, "log")[1].clone();
        match cut {
            None => fs::remove_file(&text).unwrap(),
            Some(at) => fs::write(&text, &fs::read(&text).unwrap()[..at]).unwrap(),
        }
        // Else it would bring all of it back.
        for half in ["journal-0", "journal-1"] {
            fs::remove_file(folder.join(half)).unwrap();
        }
        let lost = repair(&options(&folder), &silent()).unwrap().lost.len() as u64;
        assert!(lost > 5);
        is_private(&folder);
        // It alone knows a room of which no line is left.
        assert!(folder.join("rooms.table").exists());
        let audit = audited(&folder);
        assert_eq!((audit.faults_count, audit.lost_count), (0, lost));
        let to = dir.path().join("copy");
        copy(&folder, &to).unwrap();
        let audit = audited(&to);
        assert_eq!((audit.faults_count, audit.lost_count), (0, lost));
        // Retention of a room comes by what is lost without making anything of it.
        let bytes = fs::metadata(&text).unwrap().len();
        let mut store = EmbeddedLog::open(options(&folder), silent()).unwrap();
        for room in ["lobby", "dev", "ops"] {
            let none = RoomRetention {
                messages: 1,
                ..RoomRetention::default()
            };
            let room = RoomName::parse(room).unwrap();
            store.set_room_retention(&room, none).unwrap();
        }
        for _ in 0..5 {
            store.maintain(Timestamp::now()).unwrap();
        }
        store.close().unwrap();
        assert_eq!(fs::metadata(&text).unwrap().len(), bytes);
        let (to, from) = (dir.path().join("later"), &folder);
        copy(from, &to).unwrap();
        assert_eq!(audited(&to).faults_count, 0);
    }
}

#[test]
fn a_log_without_the_text_of_a_segment_makes_no_copy() {
    // Without the first one, the rest is whole in itself.
    for n in [0, 1] {
        let (dir, folder) = filled();
        let text = parts(&folder, "log")[n].clone();
        fs::remove_file(&text).unwrap();
        let error = copy(&folder, &dir.path().join("copy")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(text.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_mark_of_a_failed_sync_is_told_and_goes_whatever_else_lies_in_the_folder() {
    let (_dir, folder) = filled();
    let mark = folder.join("UNSYNCED");
    fs::write(&mark, "").unwrap();
    let audit = audited(&folder);
    assert_eq!((audit.faults_count, audit.notes.len()), (0, 1));
    assert!(audit.notes[0].contains("UNSYNCED"), "{:?}", audit.notes);
    fs::create_dir(folder.join("lost+found")).unwrap();
    fs::create_dir_all(folder.join("quarantine/old")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", folder.join("link")).unwrap();
    open(&options(&folder), &silent()).unwrap();
    assert!(!mark.exists());
    assert!(audited(&folder).notes.is_empty());
}
