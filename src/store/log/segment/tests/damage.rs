//! Torn ends, lost derived files and flipped bytes.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::super::{From, LogReader, PageQuery};
use super::super::{JournalIds, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn all_ids(segments: &Segments) -> Vec<u64> {
    ids(&segments.reader().page(&everything()).unwrap().events)
}

/// Two groups and a third of three records.
fn three_groups(folder: &Path) -> super::super::super::stored::Group {
    let mut options = options(folder);
    options.segment_bytes = 1 << 20;
    let mut segments = Segments::open(options, NO_JOURNAL, &log()).unwrap();
    append(&mut segments, vec![message(1, 1000, "lobby", "one")]);
    append(&mut segments, vec![message(2, 2000, "dev", "two")]);
    let last = append(
        &mut segments,
        vec![
            message(3, 3000, "dev", "three"),
            message(4, 4000, "lobby", "four"),
            removal(5, 5000, "dev", 2),
        ],
    );
    segments.close().unwrap();
    last
}

#[test]
fn an_end_torn_anywhere_reopens_to_whole_groups_and_takes_the_rest_again() {
    let origin = tempfile::tempdir().unwrap();
    let last = three_groups(origin.path());
    for (extension, keep) in [
        ("log", 18 + 22),
        ("idx", 64 + 2 * 128),
        ("chain", 64 + 2 * 64),
    ] {
        let whole = fs::read(&files(origin.path(), extension)[0]).unwrap();
        for (cut, zeros) in (keep..whole.len()).flat_map(|cut| [(cut, false), (cut, true)]) {
            let folder = tempfile::tempdir().unwrap();
            copy(origin.path(), folder.path());
            let mut torn = whole[..cut].to_vec();
            if zeros {
                torn.resize(whole.len(), 0);
            }
            if torn == whole {
                continue;
            }
            fs::write(&files(folder.path(), extension)[0], &torn).unwrap();
            let what = format!("{extension} {cut} {zeros}");
            let journal = JournalIds::whole(2, 5);
            let mut segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
            assert_eq!(
                (segments.newest_id(), segments.newest_group()),
                (2, 2),
                "{what}"
            );
            assert_eq!(all_ids(&segments), [1, 2], "{what}");
            assert_eq!(segments.room_newest(&room("dev")), 2, "{what}");
            assert!(!folder.path().join("quarantine").exists(), "{what}");
            segments.append(&last).unwrap();
            segments.append(&last).unwrap();
            segments.publish();
            assert_eq!(all_ids(&segments), [1, 2, 3, 4, 5], "{what}");
            let now = fs::read(&files(folder.path(), extension)[0]).unwrap();
            assert_eq!(now, whole, "{what}");
        }
    }
}

#[test]
fn what_the_journal_does_not_hold_is_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    three_groups(folder.path());
    let chain = files(folder.path(), "chain").remove(0);
    let bytes = fs::read(&chain).unwrap();
    fs::write(&chain, &bytes[..bytes.len() - 1]).unwrap();
    // Beside a running server nothing is changed.
    let read = Segments::open_readonly(options(folder.path()), &log()).unwrap();
    assert_eq!(all_ids(&read), [1, 2]);
    assert_eq!(fs::read(&chain).unwrap().len(), bytes.len() - 1);
    let segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    assert_eq!(all_ids(&segments), [1, 2]);
    let quarantine = folder.path().join("quarantine");
    let notes = fs::read_to_string(quarantine.join("notes")).unwrap();
    assert_eq!(notes.lines().count(), 3, "{notes}");
    let text = fs::read_dir(&quarantine)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains(".log."))
        .unwrap();
    assert!(
        fs::read_to_string(text)
            .unwrap()
            .starts_with("3;0.003;alice#dev;three\n")
    );
}

#[test]
fn ids_that_only_the_sidecars_remember_are_not_given_again() {
    for journal_last in [2, 3] {
        let folder = tempfile::tempdir().unwrap();
        three_groups(folder.path());
        // Two faults at once: the text lost its end, and the journal the group that stood there, or part of it.
        let text = files(folder.path(), "log").remove(0);
        let bytes = fs::read(&text).unwrap();
        fs::write(&text, &bytes[..18 + 22]).unwrap();
        let journal = JournalIds::whole(2, journal_last);
        let segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
        assert_eq!((segments.newest_id(), segments.newest_aside()), (2, 5));
        let notes = fs::read_to_string(folder.path().join("quarantine/notes")).unwrap();
        assert_eq!(notes.lines().count(), 2, "{notes}");
    }
}

#[test]
fn a_segment_without_its_text_is_kept_aside_with_its_ids() {
    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let texts = files(folder.path(), "log");
    let last = texts.last().unwrap();
    fs::write(last, b"").unwrap();
    // Its header too: nothing of the segment can be read.
    let index = last.with_extension("idx");
    let mut bytes = fs::read(&index).unwrap();
    bytes[0] ^= 1;
    fs::write(&index, &bytes).unwrap();
    let first: u64 = last.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let journal = JournalIds::whole(first - 1, first - 1);
    let segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
    assert_eq!(
        (segments.newest_id(), segments.newest_aside()),
        (first - 1, 60)
    );
    let notes = fs::read_to_string(folder.path().join("quarantine/notes")).unwrap();
    assert_eq!(notes.lines().count(), 2, "{notes}");
}

/// Sixty records over several segments, closed.
fn many(folder: &Path) {
    let mut options = options(folder);
    options.segment_bytes = 500;
    let mut segments = Segments::open(options, NO_JOURNAL, &log()).unwrap();
    for id in 1..=60 {
        let to = ["lobby", "dev"][id as usize % 2];
        append(
            &mut segments,
            vec![message(id, id * 1000, to, "some words to fill it")],
        );
    }
    segments.close().unwrap();
}

#[test]
fn a_sealed_segment_lost_in_the_unsynced_part_ends_the_log_there() {
    let folder = tempfile::tempdir().unwrap();
    many(folder.path());
    let texts = files(folder.path(), "log");
    assert!(texts.len() > 3);
    let second = texts[1].clone();
    let bytes = fs::read(&second).unwrap();
    fs::write(&second, &bytes[..bytes.len() - 5]).unwrap();
    let journal = JournalIds::whole(2, 60);
    let segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
    let newest = segments.newest_id();
    assert!(newest > 1 && newest < 60);
    assert_eq!(all_ids(&segments), (1..=newest).collect::<Vec<_>>());
    assert_eq!(files(folder.path(), "log").len(), 2);
    assert!(!folder.path().join("quarantine").exists());
    assert_eq!(
        segments
            .room_newest(&room("dev"))
            .max(segments.room_newest(&room("lobby"))),
        newest
    );
}

#[test]
fn a_new_segment_without_its_headers_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    three_groups(folder.path());
    for extension in ["log", "idx", "chain"] {
        fs::write(folder.path().join(format!("{:020}.{extension}", 6)), b"").unwrap();
    }
    let journal = JournalIds::whole(3, 5);
    let mut segments = Segments::open(options(folder.path()), journal, &log()).unwrap();
    assert_eq!(segments.newest_id(), 5);
    append(&mut segments, vec![message(6, 6000, "dev", "six")]);
    assert_eq!(all_ids(&segments), [1, 2, 3, 4, 5, 6]);
    assert!(!folder.path().join("quarantine").exists());
}

#[test]
fn lost_or_damaged_derived_files_are_built_again() {
    let origin = tempfile::tempdir().unwrap();
    many(origin.path());
    let dev = PageQuery {
        room: Some(room("dev")),
        ..everything()
    };
    let expected: Vec<u64> = (1..=60).filter(|id| id % 2 == 1).collect();
    for damage in ["remove", "truncate", "head", "body"] {
        let folder = tempfile::tempdir().unwrap();
        copy(origin.path(), folder.path());
        let mut derived = files(folder.path(), "rooms");
        assert!(derived.len() > 2);
        derived.push(folder.path().join("rooms.table"));
        for path in derived {
            let mut bytes = fs::read(&path).unwrap();
            match damage {
                "remove" => fs::remove_file(&path).unwrap(),
                "truncate" => fs::write(&path, &bytes[..bytes.len() / 2]).unwrap(),
                _ => {
                    let at = if damage == "head" {
                        17
                    } else {
                        bytes.len() - 6
                    };
                    bytes[at] ^= 1;
                    fs::write(&path, &bytes).unwrap();
                }
            }
        }
        let mut segments = Segments::open(options(folder.path()), ALL_SYNCED, &log()).unwrap();
        let reader = segments.reader();
        assert_eq!(
            ids(&reader.page(&dev).unwrap().events),
            expected,
            "{damage}"
        );
        assert_eq!(reader.room_newest(&room("dev")), 59, "{damage}");
        assert_eq!(reader.room_newest(&room("lobby")), 60, "{damage}");
        segments.close().unwrap();
        for path in files(origin.path(), "rooms") {
            let again = fs::read(folder.path().join(path.file_name().unwrap())).unwrap();
            assert_eq!(again, fs::read(&path).unwrap(), "{damage}");
        }
    }
}

#[test]
fn a_flipped_byte_costs_one_record() {
    let origin = tempfile::tempdir().unwrap();
    many(origin.path());
    let first = files(origin.path(), "idx").remove(0);
    let records = (fs::read(&first).unwrap().len() - 64) / 128;
    assert!(records > 6);
    for (extension, at) in [
        ("idx", 64 + 3 * 128 + 50),
        ("idx", 64 + 3 * 128),
        ("log", 3 * 43),
    ] {
        for rebuilt in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            copy(origin.path(), folder.path());
            let path = files(folder.path(), extension).remove(0);
            let mut bytes = fs::read(&path).unwrap();
            let text = fs::read_to_string(files(folder.path(), "log").remove(0)).unwrap();
            let line = text.find("\n4;").unwrap() + 1;
            let at = if extension == "log" { line } else { at };
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            if rebuilt {
                fs::remove_file(files(folder.path(), "rooms").remove(0)).unwrap();
            }
            let segments = Segments::open(options(folder.path()), ALL_SYNCED, &log()).unwrap();
            let expected: Vec<u64> = (1..=60).filter(|id| *id != 4).collect();
            assert_eq!(all_ids(&segments), expected, "{extension} {at}");
            let reader = segments.reader();
            let lobby = PageQuery {
                room: Some(room("lobby")),
                ..everything()
            };
            let expected: Vec<u64> = expected.into_iter().filter(|id| id % 2 == 0).collect();
            assert_eq!(ids(&reader.page(&lobby).unwrap().events), expected);
            for id in [3, 5, 6] {
                assert!(reader.get(id).unwrap().is_some());
            }
            assert!(!matches!(reader.get(4), Ok(Some(_))));
        }
    }
}

#[test]
fn since_finds_everything_though_the_clock_stepped_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut segments = Segments::open(options(folder.path()), NO_JOURNAL, &log()).unwrap();
    for id in 1..=90u64 {
        // Thirty forward, thirty from an hour earlier, thirty forward again.
        let base = if (31..=60).contains(&id) {
            1_000_000
        } else {
            5_000_000
        };
        append(
            &mut segments,
            vec![message(
                id,
                base + id * 1000,
                "lobby",
                "tick tock tick tock",
            )],
        );
    }
    let reader = segments.reader();
    let since = Timestamp::from_micros(5_020_000);
    let page = reader
        .page(&PageQuery {
            since,
            ..everything()
        })
        .unwrap();
    assert_eq!(
        ids(&page.events),
        (20..=30).chain(61..=90).collect::<Vec<_>>()
    );
    let start = reader.resolve(
        &room("lobby"),
        From::Since(Timestamp::from_micros(5_061_000)),
    );
    assert_eq!(start.unwrap().after, 60);
    let start = reader.resolve(
        &room("lobby"),
        From::Since(Timestamp::from_micros(9_000_000)),
    );
    assert_eq!(start.unwrap().after, 90);
}
