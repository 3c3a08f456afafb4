//! The files beside a text segment, of any bytes: what is taken is what would be written, and no length leads outside.
//!
//! A checksum keeps chance out, not somebody who can compute it. So each input is tried as it is, and with its checksum put right.

use super::super::stored::REMOVED_SALT;
use super::bytes::{HEADER_BYTES, is_header, put, u32_at};
use super::chain::{ChainHeader, LINK_BYTES, Link};
use super::floors::{self, RoomFloor};
use super::index::{ENTRY_BYTES, Entry, IndexHeader};
use super::rooms_table;
use super::text::{Line, is_whole, stored, write_line};
use crate::edge::wire::names::LOBBY;
use crate::fuzzing::Input;

/// One of the files, and then its bytes.
pub fn sidecars(data: &[u8]) {
    let mut input = Input(data);
    match input.byte() % 5 {
        0 => headers(input),
        1 => entry(input),
        2 => link(input),
        3 => checkpoint(input, b"GCFLOR01", |bytes| {
            let Ok(found) = floors::decode(bytes) else {
                return;
            };
            let rooms = || found.rooms.iter().map(|(room, floor)| (room, *floor));
            let again = floors::decode(&floors::encode(found.all, rooms())).expect("our own");
            assert_eq!(again.all, found.all);
            let kept = |floor: &RoomFloor| floor.id > 0;
            let expected = found.rooms.iter().filter(|(_, floor)| kept(floor)).count();
            assert_eq!(again.rooms.len(), expected);
            assert!(
                again
                    .rooms
                    .iter()
                    .all(|(room, floor)| found.rooms[room] == *floor)
            );
        }),
        _ => checkpoint(input, b"GCRTAB01", |bytes| {
            let Ok(found) = rooms_table::decode(bytes) else {
                return;
            };
            let rooms: Vec<_> = found.rooms.iter().map(|(r, id)| (r.clone(), *id)).collect();
            let again = rooms_table::encode(found.as_of, &rooms);
            assert!(again.len() <= bytes.len(), "grows");
            let again = rooms_table::decode(&again).expect("our own");
            assert_eq!((again.as_of, again.rooms), (found.as_of, found.rooms));
        }),
    }
}

/// `N` bytes of the input, zeros where it ends.
fn block<const N: usize>(input: &mut Input<'_>) -> [u8; N] {
    let mut bytes = [0; N];
    let given = input.bytes(N);
    bytes[..given.len()].copy_from_slice(given);
    bytes
}

fn headers(mut input: Input<'_>) {
    let raw: [u8; HEADER_BYTES] = block(&mut input);
    for magic in [b"GCINDX01", b"GCCHAN01", b"GCROOM01"] {
        let mut right = raw;
        put(&mut right, 0, magic);
        put(&mut right, 8, &1u32.to_le_bytes());
        put(&mut right, 12, &[0; 4]);
        let crc = crc32fast::hash(&right);
        put(&mut right, 12, &crc.to_le_bytes());
        assert!(is_header(magic, &right));
        for bytes in [raw, right] {
            if let Some(header) = IndexHeader::decode(&bytes) {
                assert_eq!(header.encode()[..32], bytes[..32].map_crc(&header.encode()));
            }
            if let Some(header) = ChainHeader::decode(&bytes) {
                assert_eq!(header.encode()[16..], bytes[16..]);
            }
        }
    }
}

/// The first 32 bytes with the checksum of another header: what stands behind the fields is not kept, but counts in it.
trait MapCrc {
    fn map_crc(&self, other: &[u8]) -> Vec<u8>;
}

impl MapCrc for [u8] {
    fn map_crc(&self, other: &[u8]) -> Vec<u8> {
        let mut bytes = self.to_vec();
        bytes[12..16].copy_from_slice(&other[12..16]);
        bytes
    }
}

/// An entry and the line that it is said to be of.
fn entry(mut input: Input<'_>) {
    let raw: [u8; ENTRY_BYTES] = block(&mut input);
    let line = input.0;
    let mut right = raw;
    let crc = crc32fast::hash(&right[..120]);
    put(&mut right, 120, &crc.to_le_bytes());
    // And one that fits the line, as far as lengths go.
    let mut fitting = right;
    put(&mut fitting, 52, &(line.len() as u32).to_le_bytes());
    let content = u32_at(&fitting, 56) % (line.len() as u32).max(1);
    put(&mut fitting, 56, &content.to_le_bytes());
    let crc = crc32fast::hash(&fitting[..120]);
    put(&mut fitting, 120, &crc.to_le_bytes());
    for bytes in [raw, right, fitting] {
        let Some(entry) = Entry::decode(&bytes) else {
            continue;
        };
        let again = entry.encode();
        assert_eq!(
            (&again[..62], &again[64..120]),
            (&bytes[..62], &bytes[64..120])
        );
        assert_eq!(Entry::decode(&again), Some(entry));
        assert!(entry.id > 0 && entry.content_at() < entry.end());
        let removed = entry.removed();
        assert!(removed.is_removed() && Entry::decode(&removed.encode()) == Some(removed));
        assert_eq!(removed.salt, REMOVED_SALT);
        line_of(line, &entry);
    }
    assert!(Entry::decode(&raw[..ENTRY_BYTES - 1]).is_none());
}

/// A line that is taken for the entry's is the line that would be written.
fn line_of(line: &[u8], entry: &Entry) {
    let Ok(parsed) = Line::parse(line, entry) else {
        return;
    };
    assert_eq!(parsed.content.len(), entry.content_bytes as usize);
    let _ = is_whole(&parsed, entry);
    let Ok(record) = stored(&parsed, entry) else {
        return;
    };
    assert_eq!(record.event.id, entry.id);
    // The lobby is written without its name, a removed id without zeros before it.
    let names_lobby = parsed.room == LOBBY && memchr::memmem::find(line, b"#lobby;").is_some();
    let has_zeros = !entry.is_message() && parsed.content.starts_with(b"0");
    if Line::time_agrees(line, entry) && !names_lobby && !has_zeros {
        let mut written = Vec::new();
        let (bytes, content) = write_line(&record, &mut written);
        assert_eq!(written, line);
        assert_eq!(bytes, line.len());
        assert_eq!(content, parsed.content.len());
    }
}

fn link(mut input: Input<'_>) {
    let raw: [u8; LINK_BYTES] = block(&mut input);
    let mut right = raw;
    put(&mut right, 20, &[0; 4]);
    let crc = crc32fast::hash(&right);
    put(&mut right, 20, &crc.to_le_bytes());
    assert!(Link::decode(&right).is_some());
    for bytes in [raw, right] {
        if let Some(link) = Link::decode(&bytes) {
            let again = link.encode();
            assert_eq!(
                (&again[..20], &again[24..56]),
                (&bytes[..20], &bytes[24..56])
            );
            assert_eq!(Link::decode(&again), Some(link));
        }
    }
}

/// A file with its checksum at its end.
fn checkpoint(input: Input<'_>, magic: &[u8; 8], check: impl Fn(&[u8])) {
    check(input.0);
    let mut bytes = input.0.to_vec();
    bytes.resize(bytes.len().max(24), 0);
    put(&mut bytes, 0, magic);
    put(&mut bytes, 8, &1u32.to_le_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    check(&bytes);
}
