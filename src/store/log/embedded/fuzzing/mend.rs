//! Puts the checksums of a changed file right, as somebody would who means harm.

use std::path::Path;

/// Little-endian at `at`, if that is within.
fn put(bytes: &mut [u8], at: usize, crc: u32) {
    if let Some(place) = bytes.get_mut(at..at + 4) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

/// The checksum of `bytes` with the four at `at` as zeros.
fn crc_without(bytes: &[u8], at: usize) -> u32 {
    let mut copy = bytes.to_vec();
    put(&mut copy, at, 0);
    crc32fast::hash(&copy)
}

/// Every block of so many bytes behind a header of so many, with its checksum at that place.
fn blocks(bytes: &mut [u8], header: usize, size: usize, crc_at: usize) {
    let behind = bytes.get_mut(header..).unwrap_or_default();
    for block in behind.chunks_exact_mut(size) {
        let crc = crc_without(block, crc_at);
        put(block, crc_at, crc);
    }
}

fn header(bytes: &mut [u8], size: usize) {
    if let Some(head) = bytes.get_mut(..size) {
        let crc = crc_without(head, 12);
        put(head, 12, crc);
    }
}

/// By the form that the name says.
pub(super) fn checksums(name: &Path, bytes: &mut [u8]) {
    let end = name.extension().and_then(|end| end.to_str()).unwrap_or("");
    let name = name.to_str().unwrap_or("");
    match (name, end) {
        (_, "idx") => {
            header(bytes, 64);
            let behind = bytes.get_mut(64..).unwrap_or_default();
            for entry in behind.chunks_exact_mut(128) {
                let crc = crc32fast::hash(&entry[..120]);
                put(entry, 120, crc);
            }
        }
        (_, "chain") => {
            header(bytes, 64);
            blocks(bytes, 64, 64, 20);
        }
        (_, "rooms") => {
            if let Some(body) = bytes.get(64..) {
                let crc = crc32fast::hash(body);
                put(bytes, 52, crc);
            }
            header(bytes, 64);
        }
        (_, "tags") => {
            header(bytes, 24);
            let behind = bytes.get_mut(24..).unwrap_or_default();
            for entry in behind.chunks_exact_mut(40) {
                let crc = crc32fast::hash(&entry[..32]);
                put(entry, 32, crc);
            }
        }
        ("ids", _) => blocks(bytes, 0, 32, 4),
        ("floors" | "rooms.table", _) => {
            if let Some(length) = bytes.len().checked_sub(4) {
                let crc = crc32fast::hash(&bytes[..length]);
                put(bytes, length, crc);
            }
        }
        ("journal-0" | "journal-1", _) => journal(bytes),
        _ => {}
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let found = bytes.get(at..at + 4)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*found)).ok()
}

/// Header and groups; hashes of records stay as they are.
fn journal(bytes: &mut [u8]) {
    header(bytes, 4096);
    let mut at = 4096;
    while let Some(end) = group(bytes, at) {
        at = end.next_multiple_of(8);
    }
}

fn group(bytes: &mut [u8], at: usize) -> Option<usize> {
    let (payload, count) = (number(bytes, at + 4)?, number(bytes, at + 32)?);
    let mut crc = crc32fast::Hasher::new();
    crc.update(bytes.get(at..at + 36)?);
    crc.update(&[0; 4]);
    crc.update(bytes.get(at + 40..at + 80)?);
    let mut from = at + 80;
    for _ in 0..count {
        let content = number(bytes, from + 88)?;
        let names = usize::from(*bytes.get(from + 93)?) + usize::from(*bytes.get(from + 94)?);
        crc.update(bytes.get(from..from + 96 + names)?);
        from = from + 96 + names + 16 + content;
    }
    put(bytes, at + 36, crc.finalize());
    (payload > 0).then_some(at + 80 + payload)
}
