//! Where removed content stands in what recovery has cut off: of torn lines and groups a piece may be all that is left. Pure.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use memchr::memmem;

use super::super::super::stored::REMOVED_FILL;
use super::super::journal::layout::{GROUP_HEADER_BYTES, GROUP_MAGIC, content_places, has_content};
use crate::edge::wire::record::parse_id;

/// What a disk writes all or nothing of.
const SECTOR_BYTES: usize = 512;
/// So many bytes that agree are a piece of the content, however it goes on.
const PIECE_BYTES_MIN: usize = 16;
/// Of fewer than those, so many at a sector's border.
const PIECE_BYTES_LEAST: usize = 4;

/// Where the content stands in a copy, and where pieces of it do that a torn write left: they begin with the content, or at a
/// sector of the file that they were cut off. `sectors_at` is the place of the first whole sector in the copy.
pub(super) fn pieces(copy: &[u8], sectors_at: usize, content: &[u8]) -> Vec<Range<usize>> {
    let agreeing = |at: usize, from: usize| {
        let both = copy[at..].iter().zip(&content[from..]);
        both.take_while(|(here, there)| here == there).count()
    };
    let head = &content[..content.len().min(PIECE_BYTES_MIN)];
    let heads = memmem::find_iter(copy, head).map(|at| at..at + agreeing(at, 0));
    let sectors = (sectors_at..copy.len()).step_by(SECTOR_BYTES);
    let torn = sectors.filter_map(|at| {
        let begin = copy.get(at..at + PIECE_BYTES_MIN)?;
        let from = memmem::find(content, begin)?;
        Some(at..at + agreeing(at, from))
    });
    // Shorter ones, at the end of one sector and at the beginning of another.
    let lengths = PIECE_BYTES_LEAST..PIECE_BYTES_MIN.min(content.len());
    let cut = (sectors_at..copy.len())
        .step_by(SECTOR_BYTES)
        .flat_map(|at| {
            let begins = |length: &usize| copy[..at].ends_with(&content[..*length]);
            let ends = |length: &usize| copy[at..].starts_with(&content[content.len() - length..]);
            let begun = lengths.clone().rev().find(begins);
            let ended = lengths.clone().rev().find(ends);
            let begun = begun.map(|length| at - length..at);
            begun.into_iter().chain(ended.map(|length| at..at + length))
        });
    heads.chain(torn).chain(cut).collect()
}

/// Where the content of these messages stands in lines of a text, as far as it is not overwritten. The first and the last line may be
/// parts of one.
pub(super) fn contents_of(text: &[u8], ids: &HashSet<u64>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split(|byte| *byte == b'\n') {
        let mut ends = memchr::memchr_iter(b';', line);
        let id = ends.next().and_then(|end| parse_id(&line[..end]));
        if id.is_some_and(|id| ids.contains(&id))
            && let Some(end) = ends.nth(1)
            && line[end + 1..].iter().any(|byte| *byte != REMOVED_FILL)
        {
            found.push(at + end + 1..at + line.len());
        }
        at += line.len() + 1;
    }
    found
}

/// Where salt and content of these messages stand in groups of the journal, whose records may go on as something else.
pub(super) fn contents_of_groups(
    copy: &Bytes,
    ids: &HashSet<u64>,
    lost: &HashSet<u64>,
) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut readable: Vec<Range<usize>> = Vec::new();
    let mut lost = lost.clone();
    // Content can hold the magic too, so that records are come upon from many places: from each on, once is enough.
    let mut seen = HashSet::new();
    for group in memmem::find_iter(copy, &GROUP_MAGIC) {
        let from = group + GROUP_HEADER_BYTES;
        let payload = copy.slice(from.min(copy.len())..);
        let mut record = from;
        for (id, place) in content_places(&payload) {
            // No id: where a sector is missing.
            if id == 0 || !seen.insert(record) {
                break;
            }
            // In a torn group other messages may stand where this one claims to.
            let is_sure = has_content(&payload, record - from);
            let place = from + place.start..from + place.end;
            record = place.end;
            if is_sure {
                lost.remove(&id);
                readable.push(place.clone());
            }
            if ids.contains(&id) {
                found.push(place);
            }
        }
    }
    if !lost.is_empty() {
        let from = memchr::memchr(b'\n', copy).map_or(0, |line| line + 1);
        found.extend(between(from, readable.iter(), copy.len()));
    }
    found
}

/// The lines of a text, with their ids, that stand within one sector: a torn write can have put nothing else into them.
pub(super) fn sure_lines(text: &[u8], sectors_at: usize) -> Vec<(u64, Range<usize>)> {
    // Sectors before the first whole one are part of one.
    let sector = |at: usize| (at + SECTOR_BYTES - sectors_at % SECTOR_BYTES) / SECTOR_BYTES;
    let (mut found, mut at) = (Vec::new(), 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let range = at..at + line.len();
        at = range.end;
        let id = memchr::memchr(b';', line).and_then(|end| parse_id(&line[..end]));
        if let Some(id) = id
            && line.ends_with(b"\n")
            && sector(range.start) == sector(range.end - 1)
        {
            found.push((id, range));
        }
    }
    found
}

/// What lies between these places, which rise.
pub(super) fn between<'a>(
    from: usize,
    places: impl Iterator<Item = &'a Range<usize>>,
    to: usize,
) -> Vec<Range<usize>> {
    let (mut at, mut found) = (from, Vec::new());
    for place in places {
        found.push(at..place.start.max(at));
        at = at.max(place.end);
    }
    found.push(at..to);
    found.retain(|gap| !gap.is_empty());
    found
}

/// Where the first sector of the file, of which `path` is a copy, begins in the copy. Names end with the offset (`-at-{offset}`, behind a
/// line of text) or with it and a number (`.{offset}.{number}`).
pub(super) fn offset_of(path: &Path, copy: &[u8]) -> usize {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default();
    let (offset, line) = match name.rsplit_once("-at-") {
        Some((_, offset)) => (Some(offset), memchr::memchr(b'\n', copy)),
        None => (name.rsplit('.').nth(1), None),
    };
    let offset: usize = offset.and_then(|text| text.parse().ok()).unwrap_or(0);
    line.map_or(0, |line| line + 1) + (SECTOR_BYTES - offset % SECTOR_BYTES) % SECTOR_BYTES
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::super::super::super::stored::{Group, StoredRecord};
    use super::super::super::super::{Event, EventKind};
    use super::super::super::journal::layout::Encoder;
    use super::*;
    use crate::edge::wire::names::{RoomName, UserName};
    use crate::edge::wire::timestamp::Timestamp;

    #[test]
    fn content_is_found_whole_and_in_pieces() {
        let letter = |n: u32| b'a' + ((n.wrapping_mul(2_654_435_761) >> 24) % 26) as u8;
        let content: Vec<u8> = (0..1200).map(letter).collect();
        let mut copy = b"300 bytes of x at 100: torn\n".to_vec();
        let line = copy.len();
        copy.extend_from_slice(&[0; 600]);
        let at = Path::new("x-at-100");
        assert_eq!(offset_of(at, &copy), line + 412);
        assert_eq!(offset_of(Path::new("0001.log.1024.3"), &copy), 0);
        let sectors = offset_of(at, &copy);
        assert!(pieces(&copy, sectors, &content).is_empty());
        // Its beginning, up to the end of a sector; and a sector from its middle.
        copy[line + 112..line + 412].copy_from_slice(&content[..300]);
        copy[line + 412..line + 600].copy_from_slice(&content[812..1000]);
        let found = pieces(&copy, sectors, &content);
        assert_eq!(found, [line + 112..line + 412, line + 412..line + 600]);
        // Less of it than is looked for everywhere: its first eight bytes, its last five.
        copy[line + 112..].fill(0);
        copy[line + 404..line + 412].copy_from_slice(&content[..8]);
        copy[line + 412..line + 417].copy_from_slice(&content[1195..]);
        let found = pieces(&copy, sectors, &content);
        assert_eq!(found, [line + 404..line + 412, line + 412..line + 417]);
        let short = pieces(b"xx short xx", 0, b"short");
        assert_eq!(short.first(), Some(&(3..8)));
    }

    fn record(id: u64, body: &[u8]) -> StoredRecord {
        let mut record = StoredRecord {
            event: Event {
                id,
                time: Timestamp::from_micros(id),
                room: RoomName::parse("lobby").unwrap(),
                user: UserName::parse("ann").unwrap(),
                kind: EventKind::Message(Bytes::copy_from_slice(body)),
                origin: 1,
                nonce: 1,
            },
            prev: 0,
            salt: [7; 16],
            hash: [0; 32],
            tag: None,
        };
        record.seal();
        record
    }

    /// A group of the journal, and where salts and contents stand in it.
    fn group(records: Vec<StoredRecord>) -> (Vec<u8>, Vec<Range<usize>>) {
        let mut encoder = Encoder::new();
        encoder.begin();
        records.iter().for_each(|record| encoder.push(record));
        let number = 1;
        let link = [0; 32];
        let lengths: Vec<usize> = records.iter().map(|r| 16 + r.content().len()).collect();
        let group = Group {
            number,
            link,
            records,
        };
        let bytes = encoder.finish(1, &group, None).to_vec();
        let (mut at, mut places) = (GROUP_HEADER_BYTES, Vec::new());
        for length in lengths {
            at += 96 + "ann".len() + "lobby".len();
            places.push(at..at + length);
            at += length;
        }
        (bytes, places)
    }

    #[test]
    fn removed_content_is_found_in_a_cut_group_and_what_cannot_be_read_goes_with_what_is_lost() {
        let mut copy = b"why\n".to_vec();
        copy.extend_from_slice(b"what only this piece knows");
        let from = copy.len();
        let (bytes, places) = group(vec![record(7, b"secret"), record(8, b"other")]);
        copy.extend_from_slice(&bytes);
        let moved = |place: &Range<usize>| from + place.start..from + place.end;
        let [seventh, eighth] = [&places[0], &places[1]].map(moved);
        let [none, seven, nine] = [vec![], vec![7], vec![9]].map(HashSet::from_iter);
        let whole = Bytes::copy_from_slice(&copy);
        let find = |copy: &Bytes, ids, lost| contents_of_groups(copy, ids, lost);
        assert_eq!(find(&whole, &seven, &none), from_ref(&seventh));
        assert_eq!(find(&whole, &nine, &none), []);
        assert_eq!(find(&whole, &seven, &seven), from_ref(&seventh));
        let rest = [
            4..seventh.start,
            seventh.end..eighth.start,
            eighth.end..copy.len(),
        ];
        assert_eq!(find(&whole, &nine, &nine), rest);
        // Something else stands in the middle of a content: who knows whose that is.
        copy[eighth.end - 2] ^= 1;
        let torn = Bytes::from(copy);
        let rest = [4..seventh.start, seventh.end..torn.len()];
        assert_eq!(find(&torn, &nine, &nine), rest);
    }

    #[test]
    fn records_of_a_cut_group_are_read_once_however_many_groups_their_content_pretends() {
        let mut body = vec![b'x'; 100 - GROUP_HEADER_BYTES];
        body.extend_from_slice(&GROUP_MAGIC);
        body.resize(100, b'x');
        let records = (1..=50).map(|id| record(id, &body)).collect();
        let copy = group(records).0.into();
        let found = contents_of_groups(&copy, &HashSet::from([7]), &HashSet::new());
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn lines_of_removed_messages_are_found_by_their_ids() {
        let text = b"7;x\n12;2024;a#b;to go\n120;2024;a#b;stays\n13;2024;a;to; go too";
        let ids = HashSet::from([12, 13, 7]);
        let found = contents_of(text, &ids);
        let found: Vec<&[u8]> = found.into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, [&b"to go"[..], &b"to; go too"[..]]);
        // The text was cut off in the middle of a sector, 510 bytes before the next one.
        let long = [
            b"14;2024;a#b;".as_slice(),
            &[b'l'; 600],
            b"\n15;2024;a#b;ends\nsense",
        ]
        .concat();
        let sure = sure_lines(&[text.as_slice(), b"\n", &long].concat(), 510);
        let sure: Vec<u64> = sure.into_iter().map(|(id, _)| id).collect();
        assert_eq!(sure, [7, 12, 120, 13, 15]);
        assert_eq!(between(1, [2..4, 3..6].iter(), 8), [1..2, 6..8]);
        let fill = String::from_utf8(vec![REMOVED_FILL; 5]).unwrap();
        assert!(contents_of(format!("12;2024;a;{fill}\n").as_bytes(), &ids).is_empty());
    }
}
