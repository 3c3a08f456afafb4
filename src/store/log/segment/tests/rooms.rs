//! Rooms with a retention of their own, and floors that outlive a restart and an earlier clock.

use std::time::Duration;

use super::super::super::disk::Folder;
use super::super::super::{From, LogReader, PageQuery, RoomRetention};
use super::super::expire::BATCH_MESSAGES_MAX;
use super::super::files::{Part, part_path};
use super::super::floors::NAME;
use super::super::{SegmentOptions, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn limits(messages: u64, seconds: u64) -> RoomRetention {
    RoomRetention {
        age: Duration::from_secs(seconds),
        messages,
    }
}

fn served(segments: &Segments) -> Vec<u64> {
    ids(&segments.reader().page(&everything()).unwrap().events)
}

/// Messages 1 to 40, one a second, every second one in `dev`.
fn forty(options: SegmentOptions) -> Segments {
    let mut segments = Segments::open(options, NO_JOURNAL, &log()).unwrap();
    for id in 1..=40 {
        let to = ["dev", "lobby"][id as usize % 2];
        let event = message(id, id * 1_000_000, to, &format!("body of {id}"));
        append(&mut segments, vec![event]);
    }
    segments
}

#[test]
fn a_room_ends_where_its_retention_says_and_the_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = forty(options(folder.path()));
    let dev = room("dev");
    let set = [(dev.clone(), limits(0, 10))];
    segments.set_room_retentions(&set, at(40)).unwrap();
    let reader = segments.reader();
    for id in 1..=40 {
        let there = id % 2 == 1 || id >= 30;
        assert_eq!(reader.get(id).unwrap().is_some(), there, "{id}");
        assert_eq!(served(&segments).contains(&id), there, "{id}");
    }
    let own = PageQuery {
        room: Some(dev.clone()),
        newest_first: true,
        ..everything()
    };
    let expected = [30, 32, 34, 36, 38, 40];
    assert_eq!(ids(&reader.page(&own).unwrap().events), expected);
    let start = |from| {
        let start = reader.resolve(&dev, from).unwrap();
        (start.after, start.gap)
    };
    assert_eq!(start(From::After(0)), (0, Some(30)));
    assert_eq!(start(From::After(27)), (27, Some(30)));
    assert_eq!(start(From::After(28)), (28, None));
    assert_eq!(start(From::Since(at(20))), (29, Some(30)));
    assert_eq!(start(From::Since(at(29))), (29, None));
    assert_eq!(start(From::Last(6)), (29, None));
    assert_eq!(start(From::Last(7)), (29, Some(30)));
    let newest = |count| reader.newest_start(&dev, u64::MAX, count).unwrap();
    assert_eq!((newest(3), newest(100)), (Some(35), Some(29)));
    assert_eq!(
        (reader.room_floor(&dev), reader.room_floor(&room("lobby"))),
        (30, 1)
    );
    let figures = reader.figures().unwrap();
    assert_eq!((figures.messages, figures.removed), (26, 14));
    // Fewer messages, then more again: what has gone has gone.
    for (setting, first) in [(limits(2, 0), 38), (limits(9, 0), 38), (limits(0, 0), 38)] {
        let set = [(dev.clone(), setting)];
        segments.set_room_retentions(&set, at(40)).unwrap();
        assert_eq!(start(From::After(0)), (0, Some(first)));
    }
    // And all of it.
    let set = [(dev.clone(), limits(0, 1))];
    segments.set_room_retentions(&set, at(99)).unwrap();
    assert_eq!(start(From::After(0)), (0, Some(41)));
    assert_eq!(newest(1), None);
    append(&mut segments, vec![message(41, 99_000_000, "dev", "new")]);
    assert_eq!(start(From::Last(2)), (40, Some(41)));
}

#[test]
fn as_time_goes_on_a_room_keeps_so_many_and_so_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = forty(options(folder.path()));
    let set = [
        (room("dev"), limits(5, 0)),
        (room("lobby"), limits(8, 20)),
        (room("void"), limits(1, 1)),
    ];
    segments.set_room_retentions(&set, at(40)).unwrap();
    for id in 41..=60 {
        let to = ["dev", "lobby"][id as usize % 2];
        append(&mut segments, vec![message(id, id * 1_000_000, to, "x")]);
        segments.retain(at(id)).unwrap();
        let dev = (1..=id).rev().filter(|id| id % 2 == 0).take(5);
        let lobby = (1..=id).rev().filter(|id| id % 2 == 1).take(8);
        let mut expected: Vec<u64> = dev.chain(lobby).collect();
        expected.sort_unstable();
        assert_eq!(served(&segments), expected);
    }
    segments.retain(at(75)).unwrap();
    assert_eq!(served(&segments), [52, 54, 55, 56, 57, 58, 59, 60]);
}

#[test]
fn a_count_stays_right_when_the_log_itself_expires() {
    let folder = tempfile::tempdir().unwrap();
    let options = SegmentOptions {
        retain_messages: 30,
        ..options(folder.path())
    };
    let mut segments = forty(options);
    let set = [(room("dev"), limits(12, 0))];
    segments.set_room_retentions(&set, at(40)).unwrap();
    // The lobby drives the log on, over the oldest of the room.
    for id in 41..=65 {
        append(
            &mut segments,
            vec![message(id, id * 1_000_000, "lobby", "x")],
        );
        segments.retain(at(id)).unwrap();
    }
    let dev = |segments: &Segments| {
        let served = served(segments);
        let dev = served
            .into_iter()
            .filter(|id| id % 2 == 0 && *id <= 40 || *id > 65);
        dev.collect::<Vec<_>>()
    };
    assert_eq!(dev(&segments), [36, 38, 40]);
    for id in 66..=77 {
        append(&mut segments, vec![message(id, id * 1_000_000, "dev", "x")]);
        segments.retain(at(id)).unwrap();
    }
    assert_eq!(dev(&segments), (66..=77).collect::<Vec<_>>());
}

#[test]
fn what_the_whole_log_has_passed_keeps_nothing_behind_it() {
    // Its segment may be deleted or not, the room's messages be counted or not.
    for (segment_bytes, messages) in [(1, 0), (1 << 20, 0), (1, 9), (1 << 20, 9)] {
        let folder = tempfile::tempdir().unwrap();
        let options = SegmentOptions {
            segment_bytes,
            retain_messages: 3,
            ..options(folder.path())
        };
        let mut segments = Segments::open(options.clone(), NO_JOURNAL, &log()).unwrap();
        // The clock is set back behind the first one.
        for (id, second) in [(1, 100), (2, 50), (3, 51), (4, 101)] {
            let event = message(id, second * 1_000_000, "dev", "x");
            append(&mut segments, vec![event]);
        }
        let set = [(room("dev"), limits(messages, 20))];
        segments.set_room_retentions(&set, at(105)).unwrap();
        assert_eq!(served(&segments), [1, 2, 3, 4], "the first one keeps them");
        assert_eq!(segments.retain(at(106)).unwrap(), 2);
        assert_eq!(served(&segments), [4]);
        assert_eq!(segments.reader().room_floor(&room("dev")), 4);
        // And if that was so before anybody limited the room.
        let late = tempfile::tempdir().unwrap();
        let options = SegmentOptions {
            folder: late.path().to_owned(),
            ..options
        };
        let mut segments = Segments::open(options, NO_JOURNAL, &log()).unwrap();
        for (id, second) in [(1, 100), (2, 50), (3, 51), (4, 101)] {
            let event = message(id, second * 1_000_000, "dev", "x");
            append(&mut segments, vec![event]);
        }
        assert_eq!(segments.retain(at(105)).unwrap(), 2);
        segments.set_room_retentions(&set, at(105)).unwrap();
        assert_eq!(served(&segments), [4]);
    }
}

#[test]
fn what_has_expired_stays_so_after_a_restart_with_an_earlier_clock() {
    let folder = tempfile::tempdir().unwrap();
    let aged = SegmentOptions {
        retain_age: Duration::from_secs(20),
        ..options(folder.path())
    };
    let mut segments = forty(aged.clone());
    let set = [(room("dev"), limits(0, 10))];
    segments.set_room_retentions(&set, at(40)).unwrap();
    assert_eq!(segments.retain(at(40)).unwrap(), 20);
    let expected = served(&segments);
    assert_eq!((expected[0], expected.len()), (21, 16));
    // Killed; the clock is back where all began, and nobody says anything about the room.
    for (options, read_only) in [
        (aged.clone(), false),
        (aged, true),
        (options(folder.path()), false),
    ] {
        drop(segments);
        segments = match read_only {
            true => Segments::open_readonly(options, &log()).unwrap(),
            false => Segments::open(options, NO_JOURNAL, &log()).unwrap(),
        };
        segments.retain(at(1)).unwrap();
        assert_eq!(served(&segments), expected);
        assert_eq!(segments.reader().get(28).unwrap(), None);
    }
    segments.set_room_retentions(&set, at(1)).unwrap();
    segments.retain(at(2)).unwrap();
    assert_eq!(served(&segments), expected);
}

#[test]
fn no_reader_knows_a_floor_that_is_not_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = forty(SegmentOptions {
        retain_age: Duration::from_secs(35),
        ..options(folder.path())
    });
    // The file cannot be written: its temporary name is taken by a folder.
    let obstacle = folder.path().join(format!("{NAME}.new"));
    std::fs::create_dir(&obstacle).unwrap();
    let set = [(room("dev"), limits(3, 0))];
    segments.set_room_retentions(&set, at(40)).unwrap_err();
    segments.retain(at(41)).unwrap_err();
    assert_eq!(served(&segments).len(), 40);
    assert!(segments.next_expired().unwrap().is_none());
    // Were the disk full, deleting whole segments would still be right.
    let first = part_path(folder.path(), 1, Part::Text);
    assert!(first.exists());
    segments.retain(at(70)).unwrap_err();
    assert!(!first.exists());
    let left = served(&segments);
    assert!(left[0] > 2 && left[0] < 35 && left.len() as u64 == 41 - left[0]);
    std::fs::remove_dir(&obstacle).unwrap();
    segments.retain(at(70)).unwrap();
    let expected: Vec<u64> = (35..=40).filter(|id| id % 2 == 1 || *id >= 36).collect();
    assert_eq!(served(&segments), expected);
    assert!(segments.next_expired().unwrap().is_some());
}

#[test]
fn a_room_that_cannot_be_read_is_tried_again_and_hinders_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = forty(options(folder.path()));
    append(&mut segments, vec![message(41, 41_000_000, "new", "x")]);
    append(&mut segments, vec![message(42, 42_000_000, "new", "x")]);
    let index = part_path(folder.path(), 1, Part::Index);
    let aside = folder.path().join("aside");
    std::fs::rename(&index, &aside).unwrap();
    std::fs::create_dir(&index).unwrap();
    let set = [(room("dev"), limits(0, 30)), (room("new"), limits(1, 0))];
    segments.set_room_retentions(&set, at(42)).unwrap_err();
    assert_eq!(segments.reader().room_floor(&room("new")), 42);
    segments.retain(at(43)).unwrap_err();
    std::fs::remove_dir(&index).unwrap();
    std::fs::rename(&aside, &index).unwrap();
    segments.retain(at(44)).unwrap();
    assert_eq!(segments.reader().room_floor(&room("dev")), 14);
}

#[test]
fn floors_of_another_log_hide_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = forty(options(folder.path()));
    let set = [(room("dev"), limits(1, 0))];
    segments.set_room_retentions(&set, at(40)).unwrap();
    drop(segments);
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join(NAME), other.path().join(NAME)).unwrap();
    let open = || Segments::open(options(other.path()), NO_JOURNAL, &log()).unwrap();
    let mut segments = open();
    segments.fit_floors(1);
    segments.retain(at(1)).unwrap();
    append(&mut segments, vec![message(1, 1, "dev", "new")]);
    assert_eq!(served(&segments), [1]);
    // Nor does a file that cannot be read; it is replaced.
    std::fs::write(other.path().join(NAME), "nonsense").unwrap();
    segments = open();
    segments.retain(at(2)).unwrap();
    assert_eq!(served(&segments), [1]);
    let found = super::super::floors::read(&Folder::real(other.path())).unwrap();
    assert_eq!(found.damage, None);
}

#[test]
fn overwriting_goes_on_in_batches_of_a_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let large = SegmentOptions {
        segment_bytes: 20_000,
        ..options(folder.path())
    };
    let mut segments = Segments::open(large.clone(), NO_JOURNAL, &log()).unwrap();
    let mut id = 0;
    for _ in 0..60 {
        let events = (0..100).map(|n| {
            id += 1;
            message(
                id,
                id,
                ["dev", "lobby", "quiet"][n % 3],
                &format!("secret {id}"),
            )
        });
        let events = events.collect();
        append(&mut segments, events);
    }
    let set = [(room("dev"), limits(10, 0)), (room("quiet"), limits(7, 0))];
    segments.set_room_retentions(&set, at(1)).unwrap();
    let (mut calls, mut overwritten) = (0, 0);
    while let Some(batch) = segments.next_expired().unwrap() {
        assert!(batch.ids.len() <= BATCH_MESSAGES_MAX);
        segments.overwrite_expired(&batch).unwrap();
        (calls, overwritten) = (calls + 1, overwritten + batch.ids.len());
        if calls == 2 {
            // Killed: nothing noted how far it was, so it begins again.
            drop(segments);
            segments = Segments::open(large.clone(), NO_JOURNAL, &log()).unwrap();
            overwritten = 0;
        }
        assert!(calls < 100);
    }
    assert_eq!(overwritten, 2040 - 10 + 1980 - 7);
    segments.close().unwrap();
    let segments = Segments::open(large, ALL_SYNCED, &log()).unwrap();
    assert!(segments.next_expired().unwrap().is_none());
    let left: Vec<u8> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "log"))
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    let secrets = memchr::memmem::find_iter(&left, "secret").count();
    assert_eq!(secrets, 6000 - overwritten);
    assert_eq!(served(&segments).len(), 6000 - overwritten);
}
