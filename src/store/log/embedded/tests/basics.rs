//! What a caller gets: outcomes, tags, limits, the lock, a clean stop.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::super::{Event, LogError, LogStore, NewEvent, Outcome};
use super::super::{Durability, EmbeddedLog, EmbeddedOptions};
use super::support::*;

#[test]
fn what_was_answered_is_there_after_a_drop_and_after_a_close() {
    for durability in [Durability::Always, Durability::Interval, Durability::Os] {
        for close in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let options = || EmbeddedOptions {
                durability,
                ..options(folder.path())
            };
            let mut log = open_with(options());
            let events = ["one", "two", "three"].map(|body| message("dev", body));
            let commit = commit(&mut log, events).unwrap();
            assert_eq!(
                commit.outcomes,
                [1, 2, 3].map(|id| Outcome::Stored { id, time: at(0) })
            );
            assert_eq!(say(&mut log, "four"), 4);
            log.maintain(at(1)).unwrap();
            let before = all(&log);
            assert_eq!(
                before[..3],
                commit.events.iter().map(unnumbered).collect::<Vec<_>>()
            );
            if close {
                log.close().unwrap();
                assert!(log.commit(at(1)).is_err());
            }
            drop(log);
            let mut log = open_with(options());
            assert_eq!(all(&log), before);
            assert_eq!(log.group(), 2);
            let next = say(&mut log, "five");
            let left_out = if durability == Durability::Always || close {
                5
            } else {
                65_541
            };
            assert!((5..=left_out).contains(&next), "{next}");
        }
    }
}

/// An event as the segments give it back: they do not know its nonce.
fn unnumbered(event: &Event) -> Event {
    Event {
        nonce: 0,
        ..event.clone()
    }
}

#[test]
fn files_are_private() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/log");
    let mut log = open(&path);
    say(&mut log, "x");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in fs::read_dir(&path).unwrap() {
        let path = entry.unwrap().path();
        let right = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), right, "{}", path.display());
    }
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path());
    match EmbeddedLog::open(options(folder.path()), silent()) {
        Err(LogError::Locked { holder, .. }) => {
            assert_eq!(holder, format!("process {}", std::process::id()));
        }
        other => panic!("{:?}", other.err()),
    }
    drop(log);
    open(folder.path());
}

#[test]
fn repeated_sends_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let events = ["a", "a", "b"].map(|body| tagged(&log, "t1", body));
    let outcomes = commit(&mut log, events).unwrap().outcomes;
    let (id, time) = (1, at(0));
    let expected = [
        Outcome::Stored { id, time },
        Outcome::Repeated { id, time },
        Outcome::TagConflict,
    ];
    assert_eq!(outcomes, expected);
    for _ in 0..3 {
        let again = tagged(&log, "t1", "a");
        assert_eq!(one(&mut log, again), Outcome::Repeated { id, time });
        let other = tagged(&log, "t1", "b");
        assert_eq!(one(&mut log, other), Outcome::TagConflict);
        drop(log);
        log = open(folder.path());
    }
    assert_eq!(bodies(&log), [(1, "a".to_owned())]);
    // A repetition alone is no group.
    assert_eq!(log.group(), 1);
}

#[test]
fn tags_grow_old_by_a_clock_that_nobody_sets() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let send = |log: &mut super::super::EmbeddedLog, seconds| {
        let event = tagged(log, "t", "kept");
        log.stage(event);
        log.commit(at(seconds)).unwrap().outcomes[0]
    };
    let id = stored(send(&mut log, 10_000));
    // The wall clock goes back and forth by hours.
    for seconds in [5_000, 10_000, 20_000, 1, 10_001] {
        let outcome = send(&mut log, seconds);
        assert!(matches!(outcome, Outcome::Repeated { id: first, .. } if first == id));
        log.maintain(at(seconds)).unwrap();
    }
    // It stands still, and the time goes by.
    for (minutes, repeated) in [(9, true), (14, true), (16, false)] {
        log.tags.later = minutes * 60_000_000;
        let outcome = send(&mut log, 10_001);
        let is_repeated = matches!(outcome, Outcome::Repeated { .. });
        assert_eq!(is_repeated, repeated, "{minutes}");
    }
}

#[test]
fn a_start_after_a_jump_of_the_clock_knows_what_was_sent_since() {
    const MONTH: u64 = 30 * 86_400;
    for (before, after) in [(10_000, 10_000 + MONTH), (10_000 + MONTH, 10_000)] {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path());
        for (tag, seconds) in [("before", before), ("after", after)] {
            let event = tagged(&log, tag, "kept");
            log.stage(event);
            log.commit(at(seconds)).unwrap();
        }
        drop(log);
        let mut log = open(folder.path());
        let event = tagged(&log, "after", "kept");
        log.stage(event);
        let outcome = log.commit(at(after + 1)).unwrap().outcomes[0];
        assert!(
            matches!(outcome, Outcome::Repeated { id: 2, .. }),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_jump_in_one_life_forgets_nothing_of_the_life_before() {
    const MONTH: u64 = 30 * 86_400;
    let folder = tempfile::tempdir().unwrap();
    // Set forwards in every life, so that the next one begins a file of its own.
    let lives: &[&[(&str, u64, bool)]] = &[
        &[("zeroth", 1_000, false), ("first", 10_000, false)],
        &[("second", 10_001, false), ("third", 10_002 + MONTH, false)],
        &[
            ("fourth", 10_003 + MONTH, false),
            ("fifth", 10_004 + 2 * MONTH, false),
        ],
        &[
            ("sixth", 10_005 + 2 * MONTH, false),
            ("seventh", 10_006 + 3 * MONTH, false),
        ],
        &[
            ("first", 10_007 + 3 * MONTH, true),
            ("third", 10_008 + 3 * MONTH, true),
        ],
        // Old is what was sent long before a start, whatever came between.
        &[("first", 10_920 + 3 * MONTH, false)],
    ];
    for sent in lives {
        let mut log = open(folder.path());
        for (tag, seconds, is_known) in *sent {
            let event = tagged(&log, tag, "kept");
            log.stage(event);
            let outcome = log.commit(at(*seconds)).unwrap().outcomes[0];
            let is_repeated = matches!(outcome, Outcome::Repeated { .. });
            assert_eq!(is_repeated, *is_known, "{tag}: {outcome:?}");
        }
    }
}

#[test]
fn tags_outlive_the_journal_and_are_forgotten_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let event = tagged(&log, "t", "kept");
    let id = stored(one(&mut log, event));
    for n in 0..600 {
        say(&mut log, &format!("filling the journal {n:0200}"));
    }
    drop(log);
    for (seconds, repeated) in [(1, true), (599, true), (901, false)] {
        let mut log = open(folder.path());
        let event = tagged(&log, "t", "kept");
        log.stage(event);
        let outcome = log.commit(at(seconds)).unwrap().outcomes[0];
        let is_repeated = matches!(outcome, Outcome::Repeated { id: first, .. } if first == id);
        assert_eq!(is_repeated, repeated, "{seconds}");
    }
}

#[test]
fn tags_that_are_in_the_journal_alone_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for n in 0..5 {
        let event = tagged(&log, &format!("t{n}"), "x");
        one(&mut log, event);
    }
    drop(log);
    let file = folder.path().join("tags/1.tags");
    let bytes = fs::read(&file).unwrap();
    for keep in [0, 10, 24, 25, 64, 100, bytes.len() - 1] {
        let copied = tempfile::tempdir().unwrap();
        copy(folder.path(), copied.path());
        fs::write(copied.path().join("tags/1.tags"), &bytes[..keep]).unwrap();
        for _ in 0..2 {
            let mut log = open(copied.path());
            for n in 0..5 {
                let event = tagged(&log, &format!("t{n}"), "x");
                let outcome = one(&mut log, event);
                assert!(matches!(outcome, Outcome::Repeated { id, .. } if id == n + 1));
            }
        }
    }
}

#[test]
fn limits_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(EmbeddedOptions {
        rooms_max: 2,
        tags_max: 2,
        ..options(folder.path())
    });
    let rooms = ["a", "b", "c", "a"].map(|name| message(name, "x"));
    let outcomes = commit(&mut log, rooms).unwrap().outcomes;
    assert_eq!(outcomes[2], Outcome::Limit("limits.rooms"));
    assert!(matches!(outcomes[3], Outcome::Stored { id: 3, .. }));
    let event = message("d", "x");
    assert_eq!(one(&mut log, event), Outcome::Limit("limits.rooms"));
    let room_a = room("a");
    for (tag, taken) in [("1", true), ("2", true), ("3", false)] {
        let event = NewEvent {
            tag: Some(log.tag_mark("x", tag, &room_a, b"x")),
            ..message("a", "x")
        };
        let outcome = one(&mut log, event);
        assert_eq!(
            outcome != Outcome::Limit("limits.tags"),
            taken,
            "{outcome:?}"
        );
    }
}

#[test]
fn a_group_larger_than_a_half_is_refused_and_the_largest_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let max = log.group_bytes_max();
    let empty = message("lobby", "");
    log.stage(empty);
    let head = log.staged_bytes();
    assert_eq!(log.commit(at(0)).unwrap().outcomes.len(), 1);
    for (over, fits) in [(0, true), (1, false)] {
        let body = "x".repeat(max - head + over);
        log.stage(message("lobby", &body));
        assert_eq!(log.staged_bytes() <= max, fits);
        assert_eq!(log.commit(at(0)).is_ok(), fits);
        assert_eq!(log.group(), 2);
    }
    drop(log);
    let log = open(folder.path());
    assert_eq!(all(&log).len(), 2);
}

#[test]
fn a_journal_of_another_size_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    for kibibytes in [64, 256, 128, 64] {
        let mut log = open_with(EmbeddedOptions {
            journal_bytes: kibibytes * 1024,
            ..options(folder.path())
        });
        for n in 0..150 {
            let body = format!("{kibibytes} {n:0300}");
            said.push((say(&mut log, &body), body));
        }
        let bytes = fs::metadata(folder.path().join("journal-1")).unwrap().len();
        assert_eq!(bytes, kibibytes * 512);
        assert_eq!(bodies(&log), said);
    }
}

#[test]
fn the_newest_group_is_known_with_its_nonces_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    assert!(log.last_group().unwrap().is_empty());
    say(&mut log, "before");
    let events = [11, 12].map(|nonce| NewEvent {
        nonce,
        ..message("lobby", "x")
    });
    let committed = commit(&mut log, events).unwrap().events;
    for _ in 0..3 {
        assert_eq!(log.last_group().unwrap(), committed);
        assert_eq!(log.group(), 2);
        drop(log);
        log = open(folder.path());
    }
}

#[test]
fn an_import_keeps_its_times() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let time = crate::edge::wire::timestamp::Timestamp::from_micros(5);
    let event = NewEvent {
        time: Some(time),
        ..message("lobby", "old")
    };
    assert_eq!(one(&mut log, event), Outcome::Stored { id: 1, time });
    assert_eq!(all(&log)[0].time, time);
}

#[test]
fn the_journal_is_flushed_in_its_interval() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open_with(EmbeddedOptions {
        durability: Durability::Interval,
        ..options(folder.path())
    });
    say(&mut log, "x");
    assert!(log.journal_dirty);
    std::thread::sleep(log.options.flush_interval);
    log.maintain(at(1)).unwrap();
    assert!(!log.journal_dirty);
}

#[test]
fn what_is_not_durable_stays_so_for_about_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let id = say(&mut log, "x");
    for _ in 0..40 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        log.maintain(at(1)).unwrap();
        if log.syncer.synced == id {
            return;
        }
    }
    panic!("not synced in two seconds");
}
