//! A crash at any point, a torn write, a flipped bit: every answered event is there once, in order.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::super::super::{LogStore, Outcome};
use super::super::{Durability, EmbeddedOptions};
use super::support::*;

#[test]
fn a_crash_at_any_step_loses_nothing_answered() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let answered = Arc::new(Mutex::new(Vec::new()));
    let snapshots = Arc::new(Mutex::new(Vec::new()));
    {
        let (answered, snapshots) = (Arc::clone(&answered), Arc::clone(&snapshots));
        let (from, to) = (folder.path().to_owned(), copies.path().to_owned());
        log.hooks.watch = Some(Box::new(move |_| {
            let mut snapshots = snapshots.lock().unwrap();
            let path = to.join(snapshots.len().to_string());
            copy(&from, &path);
            let answered: Vec<(u64, String)> = answered.lock().unwrap().clone();
            snapshots.push((path, answered));
        }));
    }
    for n in 0..30 {
        let body = format!("{n:02} {}", "x".repeat(2000));
        let event = tagged(&log, &n.to_string(), &body);
        let id = stored(one(&mut log, event));
        answered.lock().unwrap().push((id, body));
    }
    drop(log);
    let snapshots = snapshots.lock().unwrap();
    assert!(snapshots.len() >= 90);
    for (path, answered) in snapshots.iter() {
        let mut log = open(path);
        let mut found = bodies(&log);
        let unanswered = found.split_off(answered.len());
        assert_eq!(&found, answered);
        assert!(unanswered.len() <= 1);
        // Sent again, they get the ids they had.
        for (id, body) in found.iter().chain(&unanswered) {
            let tag = body[..2].parse::<u32>().unwrap().to_string();
            let event = tagged(&log, &tag, body);
            let outcome = one(&mut log, event);
            assert!(matches!(outcome, Outcome::Repeated { id: first, .. } if first == *id));
        }
        let newest = found.iter().chain(&unanswered).map(|(id, _)| *id).max();
        assert!(say(&mut log, "goes on") > newest.unwrap_or(0));
    }
}

/// Three groups, the last one to be spoilt; the segments know the first two only.
fn torn_rig(folder: &Path) -> (String, Vec<u8>, (usize, usize)) {
    let mut log = open_with(always(folder));
    say(&mut log, "first");
    say(&mut log, "second");
    log.hooks.apply_faults = 1;
    assert_eq!(say(&mut log, "the third, torn"), 3);
    drop(log);
    let half = newest_half(folder);
    let bytes = fs::read(&half).unwrap();
    let last = groups_of(&bytes)[2];
    let name = half.file_name().unwrap().to_string_lossy().into_owned();
    (name, bytes, last)
}

fn always(folder: &Path) -> EmbeddedOptions {
    EmbeddedOptions {
        durability: Durability::Always,
        ..options(folder)
    }
}

#[test]
fn a_group_torn_at_any_byte_is_cut_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (name, bytes, (at, length)) = torn_rig(folder.path());
    let zeroed = |from: usize| {
        let mut torn = bytes.clone();
        torn[from..].fill(0);
        torn
    };
    let truncated = |from: usize| bytes[..from].to_vec();
    let copied = tempfile::tempdir().unwrap();
    for from in (at..at + length).step_by(3) {
        for torn in [zeroed(from), truncated(from)] {
            fs::remove_dir_all(copied.path()).unwrap();
            copy(folder.path(), copied.path());
            fs::write(copied.path().join(&name), torn).unwrap();
            let mut log = open_with(always(copied.path()));
            assert_eq!(bodies(&log).len(), 2, "torn from {from}");
            assert_eq!(log.group(), 2);
            // With its header it is a torn write; with less it is nothing.
            let kept = copied.path().join("quarantine").exists();
            assert!(kept || from < at + 80, "{from}");
            assert_eq!(say(&mut log, "goes on"), 3);
            drop(log);
            assert_eq!(bodies(&open(copied.path())).len(), 3);
        }
    }
}

#[test]
fn a_torn_group_is_kept_in_quarantine_once() {
    let folder = tempfile::tempdir().unwrap();
    let (name, mut bytes, (at, length)) = torn_rig(folder.path());
    bytes[at + length - 1] ^= 1;
    fs::write(folder.path().join(&name), bytes).unwrap();
    for _ in 0..2 {
        open(folder.path());
        let kept: Vec<_> = fs::read_dir(folder.path().join("quarantine"))
            .unwrap()
            .collect();
        assert_eq!(kept.len(), 1);
        let text = fs::read(kept[0].as_ref().unwrap().path()).unwrap();
        let line = text.split(|byte| *byte == b'\n').next().unwrap();
        assert!(line.ends_with(b"a write that did not end: nobody was told of it"));
        let bytes = text.len() - line.len() - 1;
        assert_eq!(bytes, length.next_multiple_of(8));
    }
}

#[test]
fn a_half_without_header_counts_as_far_as_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let mut said = Vec::new();
    for n in 0..200 {
        let body = format!("{n:0300}");
        said.push((say(&mut log, &body), body));
    }
    drop(log);
    for name in ["journal-0", "journal-1"] {
        for from in [0, 8, 16, 40, 71] {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let path = copied.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            bytes[from] ^= 0x40;
            fs::write(&path, bytes).unwrap();
            let mut log = open(copied.path());
            assert_eq!(bodies(&log), said);
            assert!(say(&mut log, "goes on") > 200);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_middle_is_told_and_costs_no_more_than_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(always(folder.path()));
    (0..5).for_each(|n| {
        say(&mut log, &format!("message {n}"));
    });
    drop(log);
    let half = newest_half(folder.path());
    let whole = fs::read(&half).unwrap();
    let (at, length) = groups_of(&whole)[2];
    for bit_at in (at..at + length).step_by(5) {
        for segments in [true, false] {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let mut bytes = whole.clone();
            bytes[bit_at] ^= 1;
            fs::write(copied.path().join(half.file_name().unwrap()), bytes).unwrap();
            if !segments {
                forget_segments(copied.path());
            }
            let mut log = open_with(always(copied.path()));
            let ids: Vec<u64> = bodies(&log).iter().map(|(id, _)| *id).collect();
            if segments {
                assert_eq!(ids, [1, 2, 3, 4, 5], "{bit_at}");
            } else {
                assert_eq!(ids, [1, 2, 4, 5], "{bit_at}");
            }
            assert!(copied.path().join("quarantine").exists());
            assert_eq!(say(&mut log, "goes on"), 6);
            drop(log);
            assert_eq!(bodies(&open(copied.path())).len(), ids.len() + 1);
        }
    }
}

#[test]
fn ids_are_not_given_twice_when_the_newest_groups_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut highest = 0;
    for round in 0..4 {
        let before = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        copy(folder.path(), before.path());
        let id = say(&mut log, &format!("round {round}"));
        assert!(id > highest);
        highest = id;
        drop(log);
        // A power cut: the journal and the segments as they were before, only what was synced is there: `ids`.
        fs::copy(folder.path().join("ids"), before.path().join("ids")).unwrap();
        fs::remove_dir_all(folder.path()).unwrap();
        copy(before.path(), folder.path());
    }
}

#[test]
fn a_lost_beginning_of_a_half_does_not_hide_what_stands_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(always(folder.path()));
    let mut said = Vec::new();
    for n in 0..150 {
        let body = format!("{n:0300}");
        said.push((say(&mut log, &body), body));
    }
    drop(log);
    let half = newest_half(folder.path());
    let mut bytes = fs::read(&half).unwrap();
    let (at, length) = groups_of(&bytes)[0];
    bytes[20] ^= 1;
    bytes[at + 50] ^= 1;
    fs::write(&half, &bytes).unwrap();
    let lost_id = u64::from_le_bytes(bytes[at + 24..at + 32].try_into().unwrap());
    assert!(length > 300 && lost_id > 1);
    // With its segments nothing is lost; the newest generation is not given out a second time.
    for _ in 0..3 {
        let mut log = open_with(always(folder.path()));
        assert_eq!(bodies(&log), said);
        let body = "goes on".to_owned();
        said.push((say(&mut log, &body), body));
    }
}

#[test]
fn a_gap_stays_what_it_is_when_the_journal_has_moved_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(always(folder.path()));
    (0..5).for_each(|n| {
        say(&mut log, &format!("message {n}"));
    });
    drop(log);
    let half = newest_half(folder.path());
    let mut bytes = fs::read(&half).unwrap();
    let (at, _) = groups_of(&bytes)[2];
    bytes[at + 90] ^= 1;
    fs::write(&half, bytes).unwrap();
    forget_segments(folder.path());
    let big = || EmbeddedOptions {
        segment_bytes: 1 << 20,
        ..options(folder.path())
    };
    for round in 0..4 {
        let mut log = open_with(big());
        assert_eq!(bodies(&log).len(), 4 + round * 300);
        for n in 0..300 {
            say(&mut log, &format!("{n:0400}"));
        }
    }
}

#[test]
fn without_its_journal_the_log_is_what_the_segments_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for n in 0..100 {
        say(&mut log, &format!("{n:0600}"));
    }
    drop(log);
    for name in ["journal-0", "journal-1"] {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    for extra in 0..3 {
        let mut log = open(folder.path());
        assert_eq!(bodies(&log).len(), 100 + extra);
        assert_eq!(log.group(), 100 + extra as u64);
        assert!(say(&mut log, "goes on") > 100);
    }
}

#[test]
fn a_group_torn_in_its_content_leaves_no_tag() {
    let folder = tempfile::tempdir().unwrap();
    let before = tempfile::tempdir().unwrap();
    let mut log = open_with(always(folder.path()));
    say(&mut log, "first");
    copy(folder.path(), before.path());
    let body = "x".repeat(3000);
    let event = tagged(&log, "t", &body);
    assert_eq!(stored(one(&mut log, event)), 2);
    drop(log);
    // Header, names and salt have reached the disk, the end of the content has not.
    let half = newest_half(folder.path());
    let mut bytes = fs::read(&half).unwrap();
    let (at, _) = groups_of(&bytes)[1];
    bytes[at + 1024..].fill(0);
    fs::write(before.path().join(half.file_name().unwrap()), bytes).unwrap();
    let mut log = open_with(always(before.path()));
    assert_eq!(bodies(&log), [(1, "first".to_owned())]);
    // It was not stored, so it is stored now, and not answered as a repetition of nothing.
    let event = tagged(&log, "t", &body);
    let outcome = one(&mut log, event);
    assert!(
        matches!(outcome, Outcome::Stored { id: 2, .. }),
        "{outcome:?}"
    );
    assert_eq!(bodies(&log).len(), 2);
}

#[test]
fn a_damaged_removal_in_the_journal_removes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(always(folder.path()));
    (0..9).for_each(|n| {
        say(&mut log, &format!("message {n}"));
    });
    assert_eq!(stored(one(&mut log, removal("lobby", 5))), 10);
    say(&mut log, "last");
    let there = bodies(&log);
    drop(log);
    let half = newest_half(folder.path());
    let mut bytes = fs::read(&half).unwrap();
    let (at, length) = groups_of(&bytes)[9];
    assert_eq!(bytes[at + length - 1], b'5');
    bytes[at + length - 1] = b'4';
    fs::write(&half, bytes).unwrap();
    assert_eq!(bodies(&open_with(always(folder.path()))), there);
}

#[test]
fn ids_of_what_is_set_aside_are_not_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(always(folder.path()));
    (0..200).for_each(|n| {
        say(&mut log, &format!("{n:0600}"));
    });
    log.close().unwrap();
    drop(log);
    // A journal of another size is made anew, and empty.
    let resized = |folder: &Path| EmbeddedOptions {
        journal_bytes: 128 * 1024,
        ..always(folder)
    };
    open_with(resized(folder.path())).close().unwrap();
    fs::remove_file(folder.path().join("ids")).unwrap();
    let sidecar = |extensions: &[&str], path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    };
    for (lost, journal) in [
        (&["idx"][..], true),
        (&["idx"], false),
        (&["idx", "chain", "rooms"], false),
    ] {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        let entries = fs::read_dir(copied.path()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| sidecar(lost, path));
        paths.sort();
        let kept = if lost.len() == 1 { paths.len() - 1 } else { 0 };
        for path in &paths[kept..] {
            fs::remove_file(path).unwrap();
        }
        if !journal {
            for name in ["journal-0", "journal-1"] {
                fs::remove_file(copied.path().join(name)).unwrap();
            }
        }
        for next in 201..204 {
            let mut log = open_with(resized(copied.path()));
            assert_eq!(say(&mut log, "goes on"), next, "{lost:?} {journal}");
        }
    }
}
