//! What has expired in its room is served no more, and soon is in no file: whatever crash comes, whatever the clock says.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::super::inspect::audit;
use super::super::super::{EventKind, LogStore, NewEvent, Outcome, RoomRetention};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

const SECRET: &str = "what was only said for today";

fn newest(messages: u64) -> RoomRetention {
    RoomRetention {
        messages,
        ..RoomRetention::default()
    }
}

fn aged(age: Duration) -> RoomRetention {
    RoomRetention {
        age,
        ..RoomRetention::default()
    }
}

/// Many secrets in `dev` and as many messages in the lobby, over several segments and both halves of the journal.
fn fill(log: &mut super::super::EmbeddedLog) {
    for n in 0..150 {
        let tag = n.to_string();
        let secret = format!("{SECRET} {n} {}", "-.".repeat(150));
        let secret = message("dev", &secret);
        let mark = log.tag_mark("alice", &tag, &secret.room, SECRET.as_bytes());
        let secret = NewEvent {
            tag: (n % 2 == 0).then_some(mark),
            ..secret
        };
        let other = message("lobby", &format!("kept {n}"));
        commit(log, [secret, other]).unwrap();
    }
}

fn is_clean(folder: &Path) {
    let audit = audit(folder, false, &[], |_, _| {}).unwrap().0;
    assert_eq!(audit.faults_count, 0, "{:#?}", audit.faults);
}

/// Readers find no secret and everything else.
fn serves_no_secret(log: &super::super::EmbeddedLog) {
    let bodies = bodies(log);
    assert_eq!(bodies.len(), 150);
    assert!(bodies.iter().all(|(_, body)| body.starts_with("kept")));
}

#[test]
fn expired_content_leaves_every_file_and_nobody_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    fill(&mut log);
    let group = log.group();
    let last = message("dev", SECRET);
    let mark = log.tag_mark("alice", "148", &last.room, SECRET.as_bytes());
    let digest = mark.digest.to_le_bytes();
    assert_eq!(files_with(folder.path(), &digest).len(), 1);
    log.set_room_retention(&room("dev"), aged(Duration::from_secs(3600)))
        .unwrap();
    serves_no_secret(&log);
    assert!(!files_with(folder.path(), SECRET.as_bytes()).is_empty());
    log.maintain(at(1)).unwrap();
    for what in [SECRET.as_bytes(), &b"-.-."[..], &digest] {
        let left = files_with(folder.path(), what);
        assert!(left.is_empty(), "{left:?}");
    }
    serves_no_secret(&log);
    assert_eq!(log.group(), group);
    assert_eq!(log.reader().newest(), 300);
    assert_eq!(one(&mut log, removal("dev", 1)), Outcome::NotFound);
    let again = NewEvent {
        tag: Some(mark),
        ..last
    };
    assert!(matches!(
        one(&mut log, again),
        Outcome::Repeated { id: 297, .. }
    ));
    is_clean(folder.path());
    log.close().unwrap();
    drop(log);
    is_clean(folder.path());
    serves_no_secret(&open(folder.path()));
}

#[test]
fn a_crash_at_any_step_brings_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    fill(&mut log);
    let steps = Arc::new(Mutex::new(Vec::new()));
    let (from, to, seen) = (
        folder.path().to_owned(),
        copies.path().to_owned(),
        Arc::clone(&steps),
    );
    log.hooks.watch = Some(Box::new(move |step| {
        let mut seen = seen.lock().unwrap();
        if step.starts_with("expired") && !seen.contains(&step) {
            copy(&from, &to.join(step));
            seen.push(step);
        }
    }));
    log.set_room_retention(&room("dev"), newest(1)).unwrap();
    log.set_room_retention(&room("dev"), aged(Duration::from_secs(1)))
        .unwrap();
    log.maintain(at(1)).unwrap();
    let steps = steps.lock().unwrap().clone();
    assert_eq!(steps.len(), 4);
    for step in steps {
        for segments in [true, false] {
            let copied = tempfile::tempdir().unwrap();
            let path = copied.path().to_owned();
            copy(&copies.path().join(step), &path);
            if !segments {
                // What the journal still holds comes from there.
                forget_segments(&path);
            }
            let mut log = open(&path);
            if segments {
                serves_no_secret(&log);
            } else {
                let bodies = bodies(&log);
                assert!(!bodies.is_empty() && bodies.iter().all(|(_, b)| b.starts_with("kept")));
            }
            // The setting was not made again, and the clock is in its childhood.
            log.maintain(Timestamp::from_micros(1)).unwrap();
            let left = files_with(&path, SECRET.as_bytes());
            assert!(left.is_empty(), "{step}: {left:?}");
            assert!(!path.join("quarantine").exists());
            assert!(say(&mut log, "goes on") > 300);
            log.close().unwrap();
            // Without segments the chain has a gap, of course.
            if segments {
                is_clean(&path);
            }
        }
    }
}

#[test]
fn expired_content_overwritten_by_half_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    say(&mut log, "before");
    let id = stored(one(&mut log, message("dev", SECRET)));
    say(&mut log, "after");
    log.set_room_retention(&room("dev"), aged(Duration::from_secs(1)))
        .unwrap();
    drop(log);
    let half = newest_half(folder.path());
    let whole = fs::read(&half).unwrap();
    let (offset, bytes) = groups_of(&whole)[1];
    let content_at = offset + bytes - SECRET.len();
    for at_byte in [content_at - 16, content_at - 1, content_at, content_at + 9] {
        for segments in [true, false] {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let mut torn = whole.clone();
            torn[at_byte..at_byte + 3].copy_from_slice(&[0xFF, b'-', b'-']);
            fs::write(copied.path().join(half.file_name().unwrap()), torn).unwrap();
            if !segments {
                forget_segments(copied.path());
            }
            let mut log = open(copied.path());
            assert_eq!(bodies(&log).len(), 2);
            assert_eq!(log.reader().get(id).unwrap(), None);
            assert!(!copied.path().join("quarantine").exists());
            log.maintain(at(0)).unwrap();
            assert!(files_with(copied.path(), &SECRET.as_bytes()[12..]).is_empty());
            assert!(say(&mut log, "goes on") > 3);
            log.close().unwrap();
            is_clean(copied.path());
        }
    }
}

#[test]
fn the_newest_stay_and_settings_are_made_for_all_rooms_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let now = Timestamp::now().as_micros();
    for n in 0..20u64 {
        for name in ["a", "b", "c"] {
            let time = Timestamp::from_micros(now - (20 - n) * 60_000_000);
            let event = NewEvent {
                time: Some(time),
                ..message(name, &format!("{name}{n}"))
            };
            one(&mut log, event);
        }
    }
    let minutes = |n: u64| Duration::from_secs(n * 60 + 30);
    let settings = [
        (room("a"), newest(3)),
        (room("b"), aged(minutes(5))),
        (room("nobody"), newest(1)),
    ];
    log.set_room_retentions(&settings).unwrap();
    let of = |log: &super::super::EmbeddedLog, name: &str| {
        let events = all(log).into_iter().filter(|e| e.room.as_str() == name);
        events
            .map(|event| match event.kind {
                EventKind::Message(body) => String::from_utf8(body.to_vec()).unwrap(),
                EventKind::Removal(_) => unreachable!(),
            })
            .collect::<Vec<_>>()
    };
    let floors = folder.path().join("floors");
    let written = fs::read(&floors).unwrap();
    for _ in 0..3 {
        assert_eq!(of(&log, "a"), ["a17", "a18", "a19"]);
        assert_eq!(of(&log, "b"), ["b15", "b16", "b17", "b18", "b19"]);
        assert_eq!(of(&log, "c").len(), 20);
        // Killed, and the settings made again.
        drop(log);
        log = open(folder.path());
        log.set_room_retentions(&settings).unwrap();
        assert_eq!(fs::read(&floors).unwrap(), written, "nothing has risen");
    }
    log.maintain(Timestamp::now()).unwrap();
    let late = Timestamp::from_micros(now + 3 * 60_000_000);
    log.maintain(late).unwrap();
    assert_eq!(of(&log, "b"), ["b18", "b19"]);
    for body in ["a16", "b17"] {
        assert!(files_with(folder.path(), body.as_bytes()).is_empty());
    }
    is_clean(folder.path());
}
