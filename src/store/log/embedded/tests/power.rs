//! A power cut: what was synced is there, and of everything else whatever the disk happened to have.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::super::super::{LogStore, Outcome};
use super::super::{Durability, EmbeddedLog, EmbeddedOptions};
use super::support::*;

fn is_journal(name: &str) -> bool {
    name.starts_with("journal") || name == "ids" || name == "LOCK"
}

/// The newest id that the text segments in a folder hold.
fn newest_line(folder: &Path) -> u64 {
    let mut newest = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            for line in fs::read_to_string(path).unwrap().lines() {
                let id = line.split(';').next().unwrap();
                newest = newest.max(id.parse().unwrap_or(0));
            }
        }
    }
    newest
}

/// The folder as a power cut leaves it at worst: the journal of now, all else as of `synced`.
fn after_power_cut(now: &Path, synced: &Path, to: &Path) {
    copy(synced, to);
    for entry in fs::read_dir(now).unwrap() {
        let entry = entry.unwrap();
        if is_journal(&entry.file_name().to_string_lossy()) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_power_cut_costs_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let always = |folder: &Path| EmbeddedOptions {
        durability: Durability::Always,
        tags_max: 10_000,
        ..options(folder)
    };
    let mut log = open_with(always(folder.path()));
    // What is handed over to be synced, as it is then: newest id, copy.
    let handed: Arc<Mutex<Vec<(u64, PathBuf)>>> = Arc::default();
    {
        let (handed, from, to) = (
            Arc::clone(&handed),
            folder.path().to_owned(),
            copies.path().to_owned(),
        );
        copy(&from, &to.join("0"));
        handed.lock().unwrap().push((0, to.join("0")));
        log.hooks.watch = Some(Box::new(move |step| {
            if step == "sync begins" {
                let mut handed = handed.lock().unwrap();
                let path = to.join(handed.len().to_string());
                copy(&from, &path);
                handed.push((newest_line(&path), path));
            }
        }));
    }
    let mut said = Vec::new();
    for n in 0u32..240 {
        let body = format!("{n} {}", "x".repeat(300));
        let event = tagged(&log, &n.to_string(), &body);
        said.push((stored(one(&mut log, event)), body));
        if n % 3 == 1 {
            let (removed, body) = said[said.len() / 2].clone();
            if !body.starts_with("gone") {
                let outcome = one(&mut log, removal("lobby", removed));
                if let Outcome::Stored { id, .. } = outcome {
                    said.retain(|(id, _)| *id != removed);
                    said.push((id, format!("gone {removed}")));
                }
            }
        }
        if n % 8 != 0 {
            continue;
        }
        let synced = log.syncer.synced;
        let handed = handed.lock().unwrap().clone();
        let newest = handed.iter().rfind(|(id, _)| *id <= synced);
        let cut = tempfile::tempdir().unwrap();
        after_power_cut(folder.path(), &newest.unwrap().1, cut.path());
        let mut after = open_with(always(cut.path()));
        assert_eq!(bodies(&after), said, "cut at {n}, synced to {synced}");
        let again = said.iter().rfind(|(_, body)| !body.starts_with("gone"));
        let (id, body) = again.unwrap();
        let tag = body.split(' ').next().unwrap().to_owned();
        let event = tagged(&after, &tag, body);
        let outcome = one(&mut after, event);
        assert!(matches!(outcome, Outcome::Repeated { id: first, .. } if first == *id));
        assert!(say(&mut after, "goes on") > said.last().unwrap().0);
    }
    assert!(handed.lock().unwrap().len() > 2, "the journal has wrapped");
    log.close().unwrap();
}

/// Groups behind a gap in the journal are in segments only, once the half that has them is written over: the power goes in the middle of
/// that, so the half still says that it is the old one.
#[test]
fn what_a_start_found_behind_a_gap_stays_when_the_half_with_the_gap_is_half_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    (0..5).for_each(|n| {
        say(&mut log, &format!("message {n}"));
    });
    drop(log);
    let half = newest_half(folder.path());
    let mut bytes = fs::read(&half).unwrap();
    let groups = groups_of(&bytes);
    let gap = groups[2].0..groups[3].0;
    bytes[gap].fill(0);
    fs::write(&half, bytes).unwrap();
    forget_segments(folder.path());
    let ids = |log: &EmbeddedLog| -> Vec<u64> { bodies(log).iter().map(|(id, _)| *id).collect() };
    for starts in 1..4 {
        let cut = tempfile::tempdir().unwrap();
        copy(folder.path(), cut.path());
        for _ in 0..starts {
            assert_eq!(ids(&open(cut.path())), [1, 2, 4, 5]);
        }
        let half = cut.path().join(half.file_name().unwrap());
        let mut bytes = fs::read(&half).unwrap();
        bytes[groups[3].0..groups[4].0 + groups[4].1].fill(b'x');
        fs::write(&half, bytes).unwrap();
        let mut log = open(cut.path());
        assert_eq!(ids(&log), [1, 2, 4, 5], "after {starts} starts");
        let next = say(&mut log, "goes on");
        assert!(next > 5);
        drop(log);
        assert_eq!(ids(&open(cut.path())), [1, 2, 4, 5, next]);
    }
}

/// A half's generation, as its header says it.
fn turn_of(half: &[u8]) -> u64 {
    u64::from_le_bytes(half[16..24].try_into().unwrap())
}

/// The power goes while a half is begun: its new header does not reach the disk, a group behind the first one does.
#[test]
fn a_group_whose_turn_never_began_counts_in_no_later_turn() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..3 {
        say(&mut open(folder.path()), &format!("message {n}"));
    }
    let cut = tempfile::tempdir().unwrap();
    copy(folder.path(), cut.path());
    let mut log = open(folder.path());
    (0..3).for_each(|n| {
        say(&mut log, &format!("lost {n}"));
    });
    drop(log);
    let half = newest_half(folder.path());
    let name = half.file_name().unwrap();
    let before = fs::read(cut.path().join(name)).unwrap();
    let mut bytes = fs::read(&half).unwrap();
    let turn = turn_of(&bytes);
    assert!(turn_of(&before) < turn);
    let groups = groups_of(&bytes);
    assert_eq!(groups.len(), 3);
    bytes[..groups[1].0].copy_from_slice(&before[..groups[1].0]);
    fs::write(cut.path().join(name), bytes).unwrap();
    fs::copy(folder.path().join("ids"), cut.path().join("ids")).unwrap();

    let there = bodies(&open(cut.path()));
    assert_eq!(there.len(), 3, "{there:?}");
    let newest = newest_half(cut.path());
    assert!(turn_of(&fs::read(&newest).unwrap()) > turn);
    assert_eq!(bodies(&open(cut.path())), there);
    // The next header is torn, so that the groups tell the turn.
    let newest = newest_half(cut.path());
    assert_eq!(newest.file_name(), Some(name));
    let mut bytes = fs::read(&newest).unwrap();
    bytes[64..512].fill(b'x');
    fs::write(&newest, bytes).unwrap();
    for _ in 0..2 {
        assert_eq!(bodies(&open(cut.path())), there);
    }
    let next = say(&mut open(cut.path()), "goes on");
    assert_eq!(bodies(&open(cut.path())).last().unwrap().0, next);
}

/// Writes into the header of a half up to which id all is settled; returns what stood there.
fn put_settled(half: &Path, id: u64) -> u64 {
    let mut bytes = fs::read(half).unwrap();
    let said = u64::from_le_bytes(bytes[72..80].try_into().unwrap());
    bytes[72..80].copy_from_slice(&id.to_le_bytes());
    bytes[12..16].fill(0);
    let crc = crc32fast::hash(&bytes[..4096]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(half, bytes).unwrap();
    said
}

#[test]
fn a_journal_that_says_more_is_settled_than_any_log_reaches_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    say(&mut open(folder.path()), "message");
    let half = newest_half(folder.path());
    let said = put_settled(&half, u64::MAX);
    let refused = EmbeddedLog::open(options(folder.path()), silent());
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains("it counts up to")
    );
    put_settled(&half, said);
    assert_eq!(bodies(&open(folder.path())).len(), 1);
}

/// Up to which id all is settled stands where earlier versions wrote zeros.
#[test]
fn a_journal_that_does_not_say_what_is_settled_is_read_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for n in 0..60 {
        say(&mut log, &format!("{n} {}", "x".repeat(2000)));
    }
    let all = bodies(&log);
    drop(log);
    let halves = ["journal-0", "journal-1"].map(|name| folder.path().join(name));
    let said = halves.each_ref().map(|half| put_settled(half, 0));
    assert!(said[0].max(said[1]) > 0, "no half has said it");
    let mut log = open(folder.path());
    assert_eq!(bodies(&log), all);
    let next = say(&mut log, "goes on");
    assert!(next > all.last().unwrap().0);
    drop(log);
    let log = open(folder.path());
    assert_eq!(bodies(&log).last().unwrap().0, next);
    assert_eq!(bodies(&log).len(), all.len() + 1);
}
