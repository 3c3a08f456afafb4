//! A half of the journal, of any bytes: its groups follow on each other, are read again as they were found, and lie within it.

use bytes::Bytes;

use super::super::super::TagMark;
use super::super::super::event::{Event, EventKind};
use super::super::super::stored::{Group, StoredRecord, chain_link};
use super::layout::{Encoder, FILE_HEADER_BYTES, FileHeader, GROUP_HEADER_BYTES};
use super::scan::HalfScan;
use crate::edge::wire::escape::escape_into;
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::fuzzing::Input;

/// Bytes behind what is written, as a half that is not full has them.
const TAIL_BYTES: usize = 256;

/// Groups that are right, then what happened to them, then what stands behind them.
pub fn journal(data: &[u8]) {
    let mut input = Input(data);
    let how = input.byte();
    let (generation, first_id) = (1 + u64::from(how >> 4), input.long() >> (how & 63));
    let header = FileHeader {
        generation,
        first_group: 1,
        first_id,
        link: [0; 32],
        settled: 0,
    };
    let groups = groups(&mut input, first_id);
    let mut half = vec![0; FILE_HEADER_BYTES];
    header.write_to(&mut half);
    let mut encoder = Encoder::new();
    for group in &groups {
        encoder.begin();
        group.records.iter().for_each(|record| encoder.push(record));
        half.extend_from_slice(encoder.finish(generation, group, None));
    }
    let written = half.len();
    half.resize(written + TAIL_BYTES, 0);
    let whole = checked(half.clone());
    assert_eq!(whole.groups.len(), groups.len());
    assert!(whole.cuts.is_empty() && !whole.header_lost && whole.generation == generation);
    for (meta, group) in whole.groups.iter().zip(&groups) {
        assert_eq!(whole.group(meta).as_ref(), Some(group));
    }
    let changes = change(&mut half, &mut input, written);
    let found = checked(half);
    // One place that changed costs the group that it lies in, and no other: with a checksum it is not to be forged by chance.
    if let Some(at) = changes {
        let kept = whole
            .groups
            .iter()
            .filter(|meta| !(meta.offset..meta.end).contains(&at));
        for meta in kept {
            let again = found
                .groups
                .iter()
                .find(|group| group.offset == meta.offset);
            let again = again.and_then(|meta| found.group(meta));
            assert_eq!(
                again,
                whole.group(meta),
                "a group that nobody touched is gone"
            );
        }
    }
}

/// Reads a half and looks at all that it says.
fn checked(half: Vec<u8>) -> HalfScan {
    let length = half.len();
    let mut scan = HalfScan::read(Bytes::from(half));
    let mut end = FILE_HEADER_BYTES;
    for meta in &scan.groups {
        assert!(meta.offset >= end && meta.end <= length && meta.offset.is_multiple_of(8));
        end = meta.end;
        let group = scan.group(meta).expect("found a moment ago");
        assert!(!group.records.is_empty());
        assert_eq!(
            group.records.first().map(|r| r.event.id),
            Some(meta.first_id)
        );
        // Nothing is served that does not fit its hash.
        assert!(group.records.iter().all(StoredRecord::is_whole));
    }
    for cut in &scan.cuts {
        assert!(cut.range.start <= cut.range.end && cut.range.end <= length);
        assert!(scan.cut_bytes(cut).len() == cut.range.len());
    }
    assert!(scan.end() <= length);
    let before = scan.groups.len();
    scan.settle(|_, _| true);
    assert_eq!(scan.groups.len(), before, "explained");
    scan
}

/// A few groups, as the input has it.
fn groups(input: &mut Input<'_>, first_id: u64) -> Vec<Group> {
    let (count, mut id, mut link) = (input.byte() % 4, first_id, [0; 32]);
    (1..=u64::from(count))
        .map(|number| {
            let records: Vec<StoredRecord> = (0..=input.byte() % 3)
                .map(|_| {
                    let record = record(input, id);
                    id = id.wrapping_add(1);
                    record
                })
                .collect();
            link = chain_link(&link, number, records.iter().map(|record| record.hash));
            Group {
                number,
                link,
                records,
            }
        })
        .collect()
}

fn record(input: &mut Input<'_>, id: u64) -> StoredRecord {
    let flags = input.byte();
    let mut body = Vec::new();
    escape_into(input.piece(), &mut body);
    let kind = match flags & 1 {
        0 => EventKind::Message(body.into()),
        _ => EventKind::Removal(input.long().max(1)),
    };
    let mark = |input: &mut Input<'_>| TagMark {
        key: input.long(),
        digest: input.long(),
    };
    let mut record = StoredRecord {
        event: Event {
            id,
            time: Timestamp::from_micros(input.long()),
            room: RoomName::lobby(),
            user: UserName::repaired(if flags & 2 == 0 { "ann" } else { "B" }).0,
            kind,
            origin: 7,
            nonce: 9,
        },
        prev: id.wrapping_sub(1),
        salt: [flags | 1; 16],
        hash: [0; 32],
        tag: (flags & 4 != 0).then(|| mark(input)),
    };
    if flags & 0xF8 == 0xF8 {
        super::layout::blank(&mut record);
    }
    record.seal();
    record
}

/// Changes bytes; returns where, if it was one place in a group alone.
fn change(half: &mut [u8], input: &mut Input<'_>, written: usize) -> Option<usize> {
    let (mut places, mut only) = (0, 0);
    while !input.is_empty() && places < 16 {
        let at = usize::from(input.short()) % (written + TAIL_BYTES - FILE_HEADER_BYTES);
        let (at, by) = (FILE_HEADER_BYTES + at, input.byte());
        half[at] ^= by;
        if by != 0 {
            (places, only) = (places + 1, at);
        }
        if by == 0 {
            // A header of a group where none was, with what the input says.
            let header = input.bytes(GROUP_HEADER_BYTES);
            let room = half.len() - at / 8 * 8;
            let header = &header[..header.len().min(room)];
            half[at / 8 * 8..][..header.len()].copy_from_slice(header);
            places += 2;
        }
    }
    (places == 1 && only < written).then_some(only)
}
