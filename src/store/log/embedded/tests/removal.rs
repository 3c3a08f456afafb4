//! Removed content is in no file any more, whatever happened before, meanwhile and after.

use std::fs;
use std::sync::{Arc, Mutex};

use super::super::super::{LogStore, Outcome};
use super::support::*;

const SECRET: &str = "the secret of the long letter";

#[test]
fn removed_content_is_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    // At every distance, so that the copy in the journal is valid, stale, or cut off by a newer group.
    for distance in [
        0, 1, 3, 10, 20, 40, 60, 80, 90, 95, 100, 105, 110, 115, 150, 300,
    ] {
        let id = say(&mut log, SECRET);
        for n in 0..distance {
            say(
                &mut log,
                &format!("filling {n:0width$}", width = 200 + n % 17),
            );
        }
        assert!(!files_with(folder.path(), SECRET.as_bytes()).is_empty());
        assert!(matches!(
            one(&mut log, removal("lobby", id)),
            Outcome::Stored { .. }
        ));
        for part in [SECRET, "the secret", "long letter"] {
            let left = files_with(folder.path(), part.as_bytes());
            assert!(left.is_empty(), "{distance}: {left:?}");
        }
        assert!(log.reader().get(id).unwrap().is_none());
        assert_eq!(one(&mut log, removal("lobby", id)), Outcome::NotFound);
    }
    drop(log);
    let log = open(folder.path());
    assert!(bodies(&log).iter().all(|(_, body)| body != SECRET));
}

#[test]
fn only_what_is_there_in_this_room_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let id = say(&mut log, "x");
    for target in [0, 2, 3, 99, u64::MAX] {
        assert_eq!(one(&mut log, removal("lobby", target)), Outcome::NotFound);
    }
    assert_eq!(one(&mut log, removal("other", id)), Outcome::NotFound);
    // Twice in one group, and a removal of what the group itself brings.
    let events = [
        removal("lobby", id),
        removal("lobby", id),
        removal("lobby", 2),
    ];
    let outcomes = commit(&mut log, events).unwrap().outcomes;
    assert!(matches!(outcomes[0], Outcome::Stored { id: 2, .. }));
    assert_eq!(outcomes[1..], [Outcome::NotFound, Outcome::NotFound]);
    // Nobody removes a removal.
    assert_eq!(one(&mut log, removal("lobby", 2)), Outcome::NotFound);
    assert_eq!(bodies(&log), [(2, "gone 1".to_owned())]);
    assert_eq!(all(&log)[0].user.as_str(), "_");
}

#[test]
fn a_crash_in_the_middle_of_a_removal_is_made_good() {
    let folder = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    say(&mut log, "before");
    let id = say(&mut log, SECRET);
    say(&mut log, "after");
    let steps = Arc::new(Mutex::new(Vec::new()));
    let (from, to, seen) = (
        folder.path().to_owned(),
        copies.path().to_owned(),
        Arc::clone(&steps),
    );
    log.hooks.watch = Some(Box::new(move |step| {
        copy(&from, &to.join(step));
        seen.lock().unwrap().push(step);
    }));
    one(&mut log, removal("lobby", id));
    let steps = steps.lock().unwrap().clone();
    assert!(steps.contains(&"journal redacted") && steps.contains(&"segments redacted"));
    for step in steps {
        let path = copies.path().join(step);
        let log = open(&path);
        assert_eq!(
            bodies(&log)
                .iter()
                .map(|(_, body)| body.as_str())
                .collect::<Vec<_>>(),
            ["before", "after", "gone 2"],
            "{step}"
        );
        assert!(files_with(&path, SECRET.as_bytes()).is_empty(), "{step}");
    }
}

#[test]
fn content_overwritten_by_half_is_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    say(&mut log, "before");
    let id = say(&mut log, SECRET);
    say(&mut log, "after");
    one(&mut log, removal("lobby", id));
    drop(log);
    let half = newest_half(folder.path());
    let whole = fs::read(&half).unwrap();
    let (offset, bytes) = groups_of(&whole)[1];
    // Salt and content are the last of the group; a part of the overwriting did not reach the disk.
    let content_at = offset + bytes - SECRET.len();
    for (at, old) in [
        (content_at - 16, &b"0123"[..]),
        (content_at + 4, b"secret"),
        (content_at, b"the"),
    ] {
        for segments in [true, false] {
            let copied = tempfile::tempdir().unwrap();
            copy(folder.path(), copied.path());
            let mut torn = whole.clone();
            torn[at..at + old.len()].copy_from_slice(old);
            fs::write(copied.path().join(half.file_name().unwrap()), torn).unwrap();
            if !segments {
                forget_segments(copied.path());
            }
            let mut log = open(copied.path());
            assert_eq!(bodies(&log).len(), 3);
            assert!(!copied.path().join("quarantine").exists());
            assert!(files_with(copied.path(), b"secret").is_empty());
            say(&mut log, "goes on");
        }
    }
}

#[test]
fn a_copy_in_quarantine_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    let id = say(&mut log, SECRET);
    log.quarantine
        .keep(
            "journal-0",
            4096,
            "test",
            format!("..{SECRET}..{SECRET}").as_bytes(),
        )
        .unwrap();
    one(&mut log, removal("lobby", id));
    assert!(files_with(folder.path(), b"secret").is_empty());
}

#[test]
fn no_digest_is_left_to_test_a_guess_with() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    for crash in [false, true] {
        let tag = crash.to_string();
        let event = tagged(&log, &tag, SECRET);
        let digest = event.tag.unwrap().digest.to_le_bytes();
        let id = stored(one(&mut log, event));
        assert_eq!(
            files_with(folder.path(), &digest).len(),
            1,
            "the tag file alone"
        );
        if crash {
            log.hooks.redact_faults = 1;
            commit(&mut log, [removal("lobby", id)]).unwrap_err();
            drop(log);
            log = open(folder.path());
        } else {
            one(&mut log, removal("lobby", id));
        }
        for _ in 0..2 {
            assert!(files_with(folder.path(), &digest).is_empty());
            // That it was sent is known all the same.
            for body in [SECRET, "a guess"] {
                let event = tagged(&log, &tag, body);
                let outcome = one(&mut log, event);
                assert!(matches!(outcome, Outcome::Repeated { id: first, .. } if first == id));
            }
            // Without the file the journal has to tell it.
            drop(log);
            for entry in fs::read_dir(folder.path().join("tags")).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some() {
                    fs::remove_file(path).unwrap();
                }
            }
            log = open(folder.path());
        }
        drop(log);
        fs::remove_dir_all(folder.path().join("tags")).unwrap();
        log = open(folder.path());
    }
}

#[test]
fn a_message_with_a_damaged_line_can_neither_stop_a_group_nor_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    (0..300).for_each(|n| {
        say(&mut log, &format!("{n:0300}"));
    });
    let text = folder.path().join("00000000000000000001.log");
    let whole = std::fs::read(&text).unwrap();
    let mut damaged = whole.clone();
    damaged[0] = b'9';
    std::fs::write(&text, &damaged).unwrap();
    let events = [message("lobby", "another's"), removal("lobby", 1)];
    let outcomes = commit(&mut log, events).unwrap().outcomes;
    assert!(matches!(
        outcomes[..],
        [Outcome::Stored { .. }, Outcome::NotFound]
    ));
    std::fs::write(&text, &whole).unwrap();
    stored(one(&mut log, removal("lobby", 1)));
    drop(log);
    // The start repeats the removal.
    std::fs::write(&text, &damaged).unwrap();
    assert!(!bodies(&open(folder.path())).is_empty());
    assert_eq!(
        files_with(folder.path(), &[b'0'; 300]),
        [] as [std::path::PathBuf; 0]
    );
}

#[test]
fn content_before_the_first_group_of_a_half_without_header_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path());
    (0..150).for_each(|n| {
        say(&mut log, &format!("{n:0300}"));
    });
    drop(log);
    let half = newest_half(folder.path());
    let mut bytes = std::fs::read(&half).unwrap();
    let (at, _) = groups_of(&bytes)[0];
    bytes[20] ^= 1;
    bytes[at + 50] ^= 1;
    std::fs::write(&half, &bytes).unwrap();
    let id = u64::from_le_bytes(bytes[at + 24..at + 32].try_into().unwrap());
    let body = format!("{:0300}", id - 1);
    assert!(files_with(folder.path(), body.as_bytes()).contains(&half));
    let mut log = open(folder.path());
    stored(one(&mut log, removal("lobby", id)));
    assert_eq!(
        files_with(folder.path(), body.as_bytes()),
        [] as [std::path::PathBuf; 0]
    );
}
