//! Readers beside the writer, and a disk that refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::super::disk::{Folder, Open};
use super::super::super::{EventKind, LogReader, PageQuery, RoomRetention};
use super::super::files::{Files, Part, part_path};
use super::super::{SegmentOptions, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

#[test]
fn a_reader_beside_the_writer_sees_whole_and_live_messages_only() {
    let folder = tempfile::tempdir().unwrap();
    let options = SegmentOptions {
        retain_messages: 300,
        ..options(folder.path())
    };
    let mut segments = Segments::open(options, NO_JOURNAL, &log()).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|n| {
            let (reader, stop) = (segments.reader(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut pages = 0u32;
                let mut highest = 0;
                while !stop.load(Ordering::Relaxed) || pages == 0 {
                    let dev = (n == 1).then(|| room("dev"));
                    let newest_first = pages % 2 == 1;
                    let query = PageQuery {
                        room: dev,
                        newest_first,
                        events_max: 50,
                        ..everything()
                    };
                    let page = reader.page(&query).unwrap();
                    assert!(page.events.is_sorted_by(|a, b| a.id < b.id));
                    for event in &page.events {
                        if let EventKind::Message(body) = &event.kind {
                            assert_eq!(&body[..], format!("body {}", event.id).as_bytes());
                        }
                    }
                    if newest_first && n == 0 {
                        let newest = page.events.last().map_or(0, |event| event.id);
                        // Unless it has expired meanwhile.
                        let kept = highest >= reader.room_floor(&room("dev"));
                        assert!(newest >= highest || !kept, "what was read once stays");
                        highest = newest;
                    }
                    pages += 1;
                }
                pages
            })
        })
        .collect();
    for turn in 0..150u64 {
        // Ten messages and a removal a turn.
        let before = turn * 11;
        let events = (1..=10).map(|n| {
            let id = before + n;
            message(
                id,
                id,
                ["lobby", "dev"][n as usize % 2],
                &format!("body {id}"),
            )
        });
        let events = events.collect();
        append(&mut segments, events);
        let id = before + 11;
        // Not the newest one: between its removal and the publishing of it readers would find an older one newest.
        let target = (id - 2).saturating_sub(turn % 40).max(1);
        let group = group(&segments, vec![removal(id, id, "dev", target)]);
        segments.append(&group).unwrap();
        segments.redact(target).unwrap();
        segments.publish();
        // At every turn the oldest of a room expire and are overwritten, under readers that may be at them.
        let newest = RoomRetention {
            messages: 60,
            ..RoomRetention::default()
        };
        let now = Timestamp::default();
        let set = [(room("dev"), newest)];
        segments.set_room_retentions(&set, now).unwrap();
        while let Some(batch) = segments.next_expired().unwrap() {
            segments.overwrite_expired(&batch).unwrap();
        }
        if turn % 10 == 0 {
            segments.retain(now).unwrap();
            if let Some(job) = segments.sync_handle() {
                job.run().unwrap();
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().unwrap() > 0);
    }
}

#[test]
fn after_a_failed_write_the_next_append_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    append(&mut segments, vec![message(1, 1000, "dev", "one")]);
    let path = |part| part_path(folder.path(), 1, part);
    let good = Arc::clone(&segments.files);
    for refused in [Part::Text, Part::Index, Part::Chain] {
        // A file opened to read refuses the write like a full disk does.
        let open = |part| {
            let how = if part == refused {
                Open::Read
            } else {
                Open::Write
            };
            Folder::real(folder.path()).open(&path(part), how).unwrap()
        };
        segments.files = Arc::new(Files {
            text: open(Part::Text),
            index: open(Part::Index),
            chain: open(Part::Chain),
        });
        let group = group(
            &segments,
            vec![message(2, 2000, "new", "two"), message(3, 2000, "dev", "x")],
        );
        segments.append(&group).unwrap_err();
        assert_eq!((segments.newest_id(), segments.newest_group()), (1, 1));
        assert_eq!(
            (segments.room_newest(&room("new")), segments.rooms_len()),
            (0, 1)
        );
        for (part, length) in [
            (Part::Text, 22),
            (Part::Index, 64 + 128),
            (Part::Chain, 64 + 64),
        ] {
            assert_eq!(std::fs::metadata(path(part)).unwrap().len(), length);
        }
    }
    segments.files = good;
    append(&mut segments, vec![message(2, 2000, "dev", "two again")]);
    let reader = segments.reader();
    assert_eq!(ids(&reader.page(&everything()).unwrap().events), [1, 2]);
    drop(segments);
    let segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    assert_eq!(segments.newest_id(), 2);
}
