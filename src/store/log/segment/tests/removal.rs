//! Removed content is nowhere in the folder; retention by age.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::super::super::{From, LogReader};
use super::super::files::{Part, part_path};
use super::super::{JournalIds, SegmentOptions, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

fn holds(folder: &Path, what: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        path.is_file() && memchr::memmem::find(&fs::read(path).unwrap(), what).is_some()
    })
}

#[test]
fn removed_content_leaves_no_byte_and_stays_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    let mut salts = Vec::new();
    for id in 1..=40 {
        let group = append(
            &mut segments,
            vec![message(id, id * 1000, "dev", &format!("secret-{id}-words"))],
        );
        salts.push(group.records[0].salt);
    }
    // One in a sealed segment, one in the active.
    for id in [4, 40] {
        let needle = format!("secret-{id}-words");
        assert!(holds(folder.path(), needle.as_bytes()));
        assert!(segments.redact(id).unwrap());
        assert!(!segments.redact(id).unwrap());
        assert!(!holds(folder.path(), needle.as_bytes()));
        assert!(!holds(folder.path(), &salts[id as usize - 1]));
    }
    assert_eq!(
        segments.redact_all(&[4, 7, 99, 8]).unwrap(),
        [false, true, false, true]
    );
    for journal in [NO_JOURNAL, ALL_SYNCED, JournalIds::whole(39, 40)] {
        segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
        let reader = segments.reader();
        assert_eq!(segments.newest_id(), 40);
        assert!(
            [4, 7, 8, 40]
                .iter()
                .all(|id| reader.get(*id).unwrap().is_none())
        );
        assert_eq!(reader.page(&everything()).unwrap().events.len(), 36);
        let removed = segments.lookup(40).unwrap().unwrap();
        assert!(removed.is_removed() && removed.content().iter().all(|byte| *byte == b'-'));
    }
}

#[test]
fn a_removal_cut_short_is_completed_when_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    append(&mut segments, vec![message(1, 1000, "dev", "half removed")]);
    let text = folder.path().join(format!("{:020}.log", 1));
    let before = fs::read(&text).unwrap();
    segments.redact(1).unwrap();
    // The flag had reached the disk, the text had not.
    fs::write(&text, before).unwrap();
    let journal = JournalIds::whole(2, 1);
    let mut segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
    assert_eq!(segments.reader().get(1).unwrap(), None);
    segments.redact(1).unwrap();
    assert!(!holds(folder.path(), b"half removed"));
    // The other way round, in the part that is checked: no reason to cut the record off.
    append(
        &mut segments,
        vec![message(2, 2000, "dev", "half removed too")],
    );
    let index = folder.path().join(format!("{:020}.idx", 1));
    let before = fs::read(&index).unwrap();
    segments.redact(2).unwrap();
    fs::write(&index, before).unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    assert_eq!(segments.newest_id(), 2);
    assert!(segments.redact(2).unwrap());
    assert_eq!(segments.reader().get(2).unwrap(), None);
}

#[test]
fn age_takes_everything_off_the_disk_and_ids_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = SegmentOptions {
        retain_age: Duration::from_secs(10),
        ..options(folder.path())
    };
    let mut segments = Segments::open(options.clone(), NO_JOURNAL, &log()).unwrap();
    for id in 1..=30 {
        append(
            &mut segments,
            vec![message(id, id * 1_000_000, "dev", "soon forgotten")],
        );
    }
    let at = |seconds: u64| Timestamp::from_micros(seconds * 1_000_000);
    assert_eq!(segments.retain(at(30)).unwrap(), 20);
    assert_eq!(all(&segments), (20..=30).collect::<Vec<_>>());
    let since = |seconds| {
        let start = segments
            .reader()
            .resolve(&room("dev"), From::Since(at(seconds)));
        let start = start.unwrap();
        (start.after, start.gap)
    };
    assert_eq!(since(5), (19, Some(20)));
    assert_eq!(since(20), (19, None));
    assert_eq!(since(25), (24, None));
    // The clock steps back: what has gone does not return.
    assert_eq!(segments.retain(at(5)).unwrap(), 20);
    assert_eq!(segments.retain(at(100)).unwrap(), 31);
    assert!(all(&segments).is_empty());
    assert!(!holds(folder.path(), b"soon forgotten"));
    let start = segments
        .reader()
        .resolve(&room("dev"), From::After(3))
        .unwrap();
    assert_eq!((start.after, start.gap), (3, Some(31)));
    let start = segments
        .reader()
        .resolve(&room("dev"), From::Last(2))
        .unwrap();
    assert_eq!((start.after, start.gap), (30, Some(31)));
    let link = segments.newest_link();
    drop(segments);
    let mut segments = Segments::open(options, ALL_SYNCED, &log()).unwrap();
    assert_eq!((segments.newest_id(), segments.newest_group()), (30, 30));
    assert_eq!(segments.newest_link(), link);
    append(&mut segments, vec![message(31, 101_000_000, "dev", "new")]);
    segments.retain(at(102)).unwrap();
    assert_eq!(all(&segments), [31]);
}

#[test]
fn rooms_outlive_their_records_whatever_becomes_of_a_round_of_syncing() {
    let folder = tempfile::tempdir().unwrap();
    let limited = || SegmentOptions {
        retain_messages: 10,
        ..options(folder.path())
    };
    let mut segments = Segments::open(limited(), NO_JOURNAL, &log()).unwrap();
    // Handed out before the room is there, and late.
    append(&mut segments, vec![message(1, 1, "lobby", "first")]);
    segments.unsynced.table_due();
    let late = segments.sync_handle().unwrap();
    append(&mut segments, vec![message(2, 2, "quiet", "all there is")]);
    let body = "x".repeat(100);
    for id in 3..40 {
        append(&mut segments, vec![message(id, id, "lobby", &body)]);
    }
    // Handed out with the table, and not begun when the segments below the floor go.
    let never = segments.sync_handle().unwrap();
    assert!(segments.retain(Timestamp::default()).unwrap() > 2);
    assert!(!part_path(folder.path(), 1, Part::Text).exists());
    for late in [None, Some(late)] {
        if let Some(late) = late {
            late.run().unwrap();
        }
        let read = Segments::open_readonly(limited(), &log()).unwrap();
        assert_eq!(read.room_newest(&room("quiet")), 2);
    }
    drop(never);
}

fn all(segments: &Segments) -> Vec<u64> {
    ids(&segments.reader().page(&everything()).unwrap().events)
}
