//! Copies beside a writer: whole at every step of a commit, and without what was removed.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::super::inspect::{Audit, NO_REASON, audit};
use super::super::super::segment::SegmentsCopy;
use super::super::super::{LogStore, Outcome, RoomRetention};
use super::super::EmbeddedOptions;
use super::super::copy::{copy, leave_ids_out};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

#[track_caller]
fn has_no_fault(folder: &Path) -> Audit {
    let (audit, _) = audit(folder, false, &[], |_, _| {}).unwrap();
    assert_eq!(audit.faults_count, 0, "{:?}", audit.faults);
    audit
}

/// Copies are taken from within a commit, so what they are compared with is what they hold themselves.
#[track_caller]
fn is_whole(folder: &Path, contents: &HashMap<u64, String>) -> Vec<(u64, String)> {
    let audit = has_no_fault(folder);
    let log = open(folder);
    let all = bodies(&log);
    assert!(all.last().map_or(0, |(id, _)| *id) <= audit.ids.1);
    for (_, body) in &all {
        if let Some(id) = body.strip_prefix("gone ") {
            let content = &contents[&id.parse().unwrap()];
            let files = files_with(folder, content.as_bytes());
            assert!(files.is_empty(), "{content:?} in {files:?}");
        }
    }
    all
}

#[test]
fn a_copy_at_every_step_of_a_commit_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let copies = Arc::new(Mutex::new(Vec::new()));
    let (kept, from) = (copies.clone(), folder.path().to_owned());
    log.hooks.watch = Some(Box::new(move |step| {
        let to = tempfile::tempdir().unwrap();
        copy(&from, &to.path().join("log")).unwrap();
        kept.lock().unwrap().push((step, to));
    }));
    let (padding, mut contents) = ("x".repeat(1500), HashMap::new());
    for n in 1..=25u64 {
        let event = tagged(&log, &format!("t{n}"), &format!("content {n}. {padding}"));
        let mut group = vec![event, message("den", &padding)];
        // One that is old, in a sealed segment in the end, and the newest.
        if n % 5 == 0 {
            group.push(removal("lobby", bodies(&log)[n as usize / 5].0));
            let newest = bodies(&log)
                .into_iter()
                .rfind(|(_, body)| body.starts_with("content"));
            group.push(removal("lobby", newest.unwrap().0));
        }
        let outcome = commit(&mut log, group).unwrap().outcomes[0];
        contents.insert(stored(outcome), format!("content {n}. "));
    }
    log.hooks.watch = None;
    let all = bodies(&log);
    let mut sizes = Vec::new();
    for (n, (step, to)) in copies.lock().unwrap().iter().enumerate() {
        // Opening takes its time.
        if n % 4 != 0 {
            has_no_fault(&to.path().join("log"));
            continue;
        }
        let found = is_whole(&to.path().join("log"), &contents);
        let newest = found.last().map_or(0, |(id, _)| *id);
        // What was removed later is there, or was caught up with.
        let is_later = |id: &u64, body: &str| !all.contains(&(*id, body.to_owned()));
        for (id, body) in &found {
            assert!(
                !is_later(id, body) || body.starts_with("content"),
                "{step}: {id} {body}"
            );
        }
        let should = all.iter().filter(|(id, _)| *id <= newest);
        assert!(
            should.into_iter().all(|kept| found.contains(kept)),
            "{step}"
        );
        sizes.push(newest);
    }
    assert!(sizes.len() > 20 && sizes.is_sorted(), "{sizes:?}");
    assert!(
        std::fs::read_dir(folder.path()).unwrap().count() > 12,
        "several segments"
    );
}

#[test]
fn tags_go_with_their_messages_and_ids_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let event = tagged(&log, "a", "first");
    let id = stored(one(&mut log, event));
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("log");
    copy(folder.path(), &to).unwrap();
    let event = tagged(&log, "b", "second");
    let later = stored(one(&mut log, event));
    // A tag that knows of more than the copy.
    std::fs::remove_dir_all(to.join("tags")).unwrap();
    std::fs::create_dir(to.join("tags")).unwrap();
    let tags = |folder: &Path| {
        let mut all: Vec<_> = std::fs::read_dir(folder.join("tags"))
            .unwrap()
            .flatten()
            .collect();
        all.sort_by_key(std::fs::DirEntry::path);
        all
    };
    for entry in tags(folder.path()) {
        let target = to.join("tags").join(entry.file_name());
        if entry.path().extension().is_some() {
            super::super::tags::copy_file(&entry.path(), &target, id, &[].into()).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
    leave_ids_out(&to, id, 1000).unwrap();
    let mut restored = open(&to);
    let event = tagged(&restored, "a", "first");
    assert!(matches!(
        one(&mut restored, event),
        Outcome::Repeated { id: 1, .. }
    ));
    let event = tagged(&restored, "b", "second");
    let anew = stored(one(&mut restored, event));
    assert!(anew > later + 999, "{anew}");
}

/// A copy of the segments was made and something has happened since; now it is brought to its end. What it holds.
#[track_caller]
fn settled(mut segments: SegmentsCopy<'_>, from: &Path, to: &Path) -> Vec<(u64, String)> {
    segments.settle().unwrap();
    assert_eq!(*segments.unexplained(), HashSet::new());
    let newest = segments.newest_id();
    std::fs::copy(from.join("ids"), to.join("ids")).unwrap();
    let found = is_whole(to, &numbered());
    assert_eq!(found.last().map_or(0, |(id, _)| *id), newest);
    found
}

/// As if a file had been copied behind what happened to it.
fn copied_late(from: &Path, to: &Path, name: &str) {
    std::fs::copy(from.join(name), to.join(name)).unwrap();
}

const PADDED: usize = 1500;

/// By their ids, which are their numbers.
fn numbered() -> HashMap<u64, String> {
    (1..=200).map(|n| (n, format!("content {n}. "))).collect()
}

fn padded(log: &mut super::super::EmbeddedLog, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        say(log, &format!("content {n}. {}", "x".repeat(PADDED)));
    }
}

#[test]
fn a_removal_behind_the_end_of_a_copy_comes_with_it_if_a_file_shows_it() {
    for late in [&["idx"][..], &["log"], &["log", "idx"]] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        padded(&mut log, 1..=60);
        let to = tempfile::tempdir().unwrap();
        let copy = SegmentsCopy::begin(folder.path(), to.path()).unwrap();
        one(&mut log, removal("lobby", 2));
        // The segment that was written is sealed meanwhile, and others follow.
        padded(&mut log, 62..=120);
        one(&mut log, removal("lobby", 60));
        for part in late {
            let name = format!("00000000000000000001.{part}");
            copied_late(folder.path(), to.path(), &name);
        }
        let found = settled(copy, folder.path(), to.path());
        assert_eq!(found, bodies(&log), "{late:?}");
        for content in ["content 2.", "content 60."] {
            let files = files_with(to.path(), content.as_bytes());
            assert!(files.is_empty(), "{late:?}: {content} in {files:?}");
        }
        let newest = found.last().map(|(id, _)| *id);
        assert_eq!(newest, Some(121), "{late:?}: it has gone on");
    }
}

#[test]
fn what_is_removed_behind_the_end_of_a_copy_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    padded(&mut log, 1..=60);
    let to = tempfile::tempdir().unwrap();
    let copy = SegmentsCopy::begin(folder.path(), to.path()).unwrap();
    let before = bodies(&log);
    one(&mut log, removal("lobby", 2));
    one(&mut log, removal("lobby", 60));
    assert_eq!(settled(copy, folder.path(), to.path()), before);
}

#[test]
fn what_expires_in_its_room_while_it_is_copied_is_explained_by_the_floors() {
    for late in ["idx", "log"] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        padded(&mut log, 1..=60);
        let to = tempfile::tempdir().unwrap();
        let copy = SegmentsCopy::begin(folder.path(), to.path()).unwrap();
        log.set_room_retentions(&[(room("lobby"), newest_of(10))])
            .unwrap();
        while !files_with(folder.path(), b"content 50.").is_empty() {
            log.maintain(Timestamp::now()).unwrap();
        }
        let name = format!("00000000000000000001.{late}");
        copied_late(folder.path(), to.path(), &name);
        let found = settled(copy, folder.path(), to.path());
        assert_eq!(found, bodies(&log), "{late}");
        // The copied floors say that all of it is overwritten.
        for n in 1..=50 {
            let files = files_with(to.path(), format!("content {n}.").as_bytes());
            assert!(files.is_empty(), "{late}: {n} in {files:?}");
        }
    }
}

fn newest_of(messages: u64) -> RoomRetention {
    RoomRetention {
        messages,
        age: Duration::ZERO,
    }
}

#[test]
fn what_retention_takes_meanwhile_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    padded(&mut log, 1..=60);
    let to = tempfile::tempdir().unwrap();
    let copy = SegmentsCopy::begin(folder.path(), to.path()).unwrap();
    one(&mut log, removal("lobby", 3));
    // Its text was copied behind the removal; no index is there any more to tell that.
    copied_late(folder.path(), to.path(), "00000000000000000001.log");
    for part in ["log", "idx", "chain", "rooms"] {
        let path = folder.path().join(format!("00000000000000000001.{part}"));
        let _ = std::fs::remove_file(path);
    }
    let found = settled(copy, folder.path(), to.path());
    assert_eq!(found.len(), 60);
    assert!(!found.iter().any(|(id, _)| *id == 3));
}

#[test]
fn a_copy_that_cannot_go_on_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    padded(&mut log, 1..=60);
    let to = tempfile::tempdir().unwrap();
    let copy = SegmentsCopy::begin(folder.path(), to.path()).unwrap();
    one(&mut log, removal("lobby", 2));
    copied_late(folder.path(), to.path(), "00000000000000000001.idx");
    log.close().unwrap();
    drop(log);
    let mut log = open_with(EmbeddedOptions {
        retain_messages: 30,
        ..options(folder.path())
    });
    padded(&mut log, 62..=150);
    log.maintain(at(0)).unwrap();
    let found = settled(copy, folder.path(), to.path());
    assert!(found.first().is_some_and(|(id, _)| *id > 60), "{found:?}");
    assert_eq!(found.last(), bodies(&log).last());
}

#[test]
fn what_nothing_explains_is_left_to_those_who_read_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    padded(&mut log, 1..=60);
    log.segments.redact(7).unwrap();
    let to = tempfile::tempdir().unwrap();
    let to = to.path().join("log");
    copy(folder.path(), &to).unwrap();
    let (audit, _) = audit(&to, false, &[], |_, _| {}).unwrap();
    assert_eq!(audit.faults_count, 1, "{:?}", audit.faults);
    assert_eq!(
        (audit.faults[0].id, &*audit.faults[0].what),
        (Some(7), NO_REASON)
    );
}

#[test]
fn a_removal_that_only_the_journal_has_makes_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    padded(&mut log, 1..=3);
    log.hooks.apply_faults = 1;
    one(&mut log, removal("lobby", 2));
    let to = tempfile::tempdir().unwrap();
    let error = copy(folder.path(), &to.path().join("log")).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("the removal of 2 is in the journal"), "{said}");
    log.maintain(at(0)).unwrap();
    let to = to.path().join("again");
    copy(folder.path(), &to).unwrap();
    assert_eq!(is_whole(&to, &numbered()), bodies(&log));
}

/// Copies made in a row beside the writer below.
const COPIES: usize = 40;

#[test]
fn copies_beside_a_writer_that_removes_all_the_time_are_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    padded(&mut log, 1..=100);
    log.set_room_retentions(&[(room("den"), newest_of(20))])
        .unwrap();
    let contents = Arc::<Mutex<HashMap<u64, String>>>::default();
    let stop = Arc::<AtomicBool>::default();
    let (said, is_over) = (contents.clone(), stop.clone());
    let writer = std::thread::spawn(move || {
        let mut open = std::collections::VecDeque::new();
        for n in 0.. {
            let content = format!("word {n}. ");
            let event = message("lobby", &format!("{content}{}", "x".repeat(300)));
            let id = stored(one(&mut log, event));
            said.lock().unwrap().insert(id, content);
            open.push_back(id);
            one(&mut log, message("den", &format!("den {n}")));
            // Some at once, some when their segment has long been sealed.
            let delay = [0, 1, 200][n % 3];
            while open.len() > delay {
                let target = open.pop_front().unwrap();
                one(&mut log, removal("lobby", target));
            }
            log.maintain(Timestamp::now()).unwrap();
            if is_over.load(Ordering::Relaxed) {
                return log;
            }
        }
        unreachable!()
    });
    let mut copies = Vec::new();
    for _ in 0..COPIES {
        let to = tempfile::tempdir().unwrap();
        let made = copy(folder.path(), &to.path().join("log"));
        copies.push((made, to));
        if writer.is_finished() {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let log = writer.join().unwrap();
    let all: HashMap<u64, String> = bodies(&log).into_iter().collect();
    let contents = contents.lock().unwrap();
    for (made, to) in copies {
        made.unwrap();
        let found = is_whole(&to.path().join("log"), &contents);
        let newest = found.last().map_or(0, |(id, _)| *id);
        let found: HashMap<u64, String> = found.into_iter().collect();
        for (id, body) in all.iter().filter(|(id, _)| **id <= newest) {
            assert_eq!(found.get(id), Some(body), "{id} of {newest}");
        }
    }
}
