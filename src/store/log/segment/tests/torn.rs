//! An entry that a power cut tore over the border of two sectors while it was overwritten for a removal.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::super::super::disk::Folder;
use super::super::super::{LogReader, RoomRetention};
use super::super::audit::{Asked, audit};
use super::super::files::{Part, part_path};
use super::super::index::{ENTRY_BYTES, Entry, REMOVED, entry_at};
use super::super::repair::repair;
use super::super::{JournalIds, SegmentOptions, Segments};
use super::support::*;
use crate::edge::wire::timestamp::Timestamp;

const SECTOR_BYTES: u64 = 512;
const MESSAGES: u64 = 9;

fn one_segment(folder: &Path) -> SegmentOptions {
    SegmentOptions {
        segment_bytes: 1 << 20,
        ..options(folder)
    }
}

/// Nine messages in one segment, and a record that says that `target` was removed; its content is still there.
fn nine(folder: &Path, target: u64) -> Segments {
    let mut segments = Segments::open(one_segment(folder), NO_JOURNAL, &log()).unwrap();
    for id in 1..=MESSAGES {
        let to = ["dev", "lobby"][id as usize % 2];
        let secret = message(id, id * 1000, to, &format!("secret {id}"));
        append(&mut segments, vec![secret]);
    }
    let to = ["dev", "lobby"][target as usize % 2];
    let end = removal(MESSAGES + 1, 10_000, to, target);
    append(&mut segments, vec![end]);
    segments
}

/// Text and index of the one segment.
fn read(folder: &Path) -> [Vec<u8>; 2] {
    [Part::Text, Part::Index].map(|part| fs::read(part_path(folder, 1, part)).unwrap())
}

fn write(folder: &Path, text: &[u8], index: &[u8]) {
    for (part, bytes) in [(Part::Text, text), (Part::Index, index)] {
        fs::write(part_path(folder, 1, part), bytes).unwrap();
    }
}

/// The two parts of the entry of message `id`, if a border of two sectors goes through it.
fn halves(id: u64) -> Option<[Range<usize>; 2]> {
    let from = entry_at(u32::try_from(id).unwrap() - 1);
    let to = from + ENTRY_BYTES as u64;
    let border = from.next_multiple_of(SECTOR_BYTES);
    let torn = from < border && border < to;
    torn.then_some([from as usize..border as usize, border as usize..to as usize])
}

#[test]
fn a_removal_that_tears_an_entry_is_carried_out_when_it_is_repeated() {
    let mut torn = 0;
    for id in 1..=MESSAGES {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let segments = nine(folder, id);
        let [text, index] = read(folder);
        let mut segments = segments;
        assert!(segments.redact(id).unwrap());
        drop(segments);
        let [text_after, index_after] = read(folder);
        let Some(halves) = halves(id) else { continue };
        torn += 1;
        for half in &halves {
            let mut bytes = index.clone();
            bytes[half.clone()].copy_from_slice(&index_after[half.clone()]);
            let entry = &bytes[halves[0].start..halves[1].end];
            assert_eq!(Entry::decode(entry), None, "it is torn");
            for text in [&text, &text_after] {
                for journal in [ALL_SYNCED, NO_JOURNAL, JournalIds::whole(10, 10)] {
                    write(folder, text, &bytes);
                    let mut segments =
                        Segments::open(one_segment(folder), journal, &log()).unwrap();
                    assert_eq!(segments.newest_id(), MESSAGES + 1);
                    assert!(segments.lookup(id).unwrap().is_some(), "its place is known");
                    segments.redact(id).unwrap();
                    let reader = segments.reader();
                    assert_eq!(reader.get(id).unwrap(), None);
                    assert_eq!(reader.page(&everything()).unwrap().events.len(), 9);
                    drop(segments);
                    assert!(read(folder) == [text_after.clone(), index_after.clone()]);
                    assert!(!folder.join("quarantine").exists());
                    let faults = audit(&Folder::real(folder), &Asked::default(), |_, _| {});
                    assert_eq!(faults.unwrap().faults.len(), 0);
                }
            }
        }
    }
    assert_eq!(torn, 2, "of nine entries in a row two lie in two sectors");
}

#[test]
fn what_has_expired_is_overwritten_though_that_tore_an_entry() {
    let keep_one = RoomRetention {
        messages: 1,
        age: Duration::ZERO,
    };
    let id = 4;
    let halves = halves(id).unwrap();
    for half in &halves {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut segments = nine(folder, 1);
        segments.redact(1).unwrap();
        let set = [(room("dev"), keep_one)];
        let now = Timestamp::from_micros(20_000);
        segments.set_room_retentions(&set, now).unwrap();
        let [_, index] = read(folder);
        let batch = segments.next_expired().unwrap().unwrap();
        assert!(batch.ids.contains(&id));
        segments.overwrite_expired(&batch).unwrap();
        drop(segments);
        let [text_after, index_after] = read(folder);
        // How far it was is not noted, and of the text nothing is lost that the first half did not take.
        let mut bytes = index_after.clone();
        bytes[half.clone()].copy_from_slice(&index[half.clone()]);
        let mut text = text_after.clone();
        let entry = Entry::read(&bytes[halves[0].start..halves[1].end]).unwrap();
        let content = entry.content_at() as usize..entry.end() as usize - 1;
        text[content].copy_from_slice(b"secret 4");
        write(folder, &text, &bytes);
        let mut segments = Segments::open(one_segment(folder), ALL_SYNCED, &log()).unwrap();
        assert_eq!(segments.reader().get(id).unwrap(), None);
        while let Some(batch) = segments.next_expired().unwrap() {
            segments.overwrite_expired(&batch).unwrap();
        }
        assert!(read(folder) == [text_after, index_after]);
    }
}

#[test]
fn an_entry_torn_or_not_is_read_only_if_nothing_but_its_flag_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    drop(nine(folder.path(), 1));
    let [_, index] = read(folder.path());
    let from = entry_at(3) as usize;
    let written = &index[from..from + ENTRY_BYTES];
    let entry = Entry::decode(written).unwrap();
    for whole in [entry, entry.removed()] {
        let bytes = whole.encode();
        for bit in 0..120 * 8 + 32 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Entry::decode(&flipped), None);
            let is_flag = bit / 8 == 61 && 1 << (bit % 8) == REMOVED;
            assert_eq!(Entry::read(&flipped), is_flag.then_some(whole), "{bit}");
        }
    }
    assert_eq!(Entry::read(&written[1..]), None);
}

#[test]
fn an_audit_tells_of_a_flag_that_nobody_set() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut segments = nine(folder, 1);
    segments.redact(1).unwrap();
    drop(segments);
    let [text, mut index] = read(folder);
    index[entry_at(3) as usize + 61] ^= REMOVED;
    write(folder, &text, &index);
    let found = audit(&Folder::real(folder), &Asked::default(), |_, _| {}).unwrap();
    assert!(found.faults.iter().any(|fault| fault.offset == entry_at(3)));
    // Served it is all the same: its crc says that nobody removed it.
    let segments = Segments::open(one_segment(folder), ALL_SYNCED, &log()).unwrap();
    assert!(segments.reader().get(4).unwrap().is_some());
    drop(segments);
    // And so it is repaired, with nothing lost.
    let repaired = repair(&Folder::real(folder)).unwrap();
    assert!(repaired.lost.is_empty() && !repaired.aside.is_empty());
    let found = audit(&Folder::real(folder), &Asked::default(), |_, _| {}).unwrap();
    assert!(found.faults.is_empty());
    let segments = Segments::open(one_segment(folder), ALL_SYNCED, &log()).unwrap();
    assert!(segments.reader().get(4).unwrap().is_some());
}
