//! Little-endian fields at fixed places, and the header that every sidecar begins with.

/// Bytes of every sidecar's header.
pub(super) const HEADER_BYTES: usize = 64;
/// The version in every sidecar's header.
pub(super) const VERSION: u32 = 1;
const CRC_AT: usize = 12;

/// `N` bytes at `at`. The callers' offsets are constants inside fixed-size arrays.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

pub(super) fn put(out: &mut [u8], at: usize, value: &[u8]) {
    out[at..at + value.len()].copy_from_slice(value);
}

/// A header: magic, version, crc, then `fields` from byte 16.
pub(super) fn header(magic: &[u8; 8], fields: &[&[u8]]) -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    put(&mut out, 0, magic);
    put(&mut out, 8, &VERSION.to_le_bytes());
    let mut at = 16;
    for field in fields {
        put(&mut out, at, field);
        at += field.len();
    }
    let crc = crc32fast::hash(&out);
    put(&mut out, CRC_AT, &crc.to_le_bytes());
    out
}

/// Whether `bytes` are a whole header of this kind.
pub(super) fn is_header(magic: &[u8; 8], bytes: &[u8; HEADER_BYTES]) -> bool {
    let mut copy = *bytes;
    put(&mut copy, CRC_AT, &[0; 4]);
    bytes[..8] == *magic
        && u32_at(bytes, 8) == VERSION
        && crc32fast::hash(&copy) == u32_at(bytes, CRC_AT)
}

/// Where the checksum of a checkpoint file (`floors`, `rooms.table`) stands, which is its end but for that, if the file is whole and of
/// this kind; `Err` says what is wrong with it.
pub(super) fn checked_length(
    magic: &[u8; 8],
    head_bytes: usize,
    bytes: &[u8],
) -> Result<usize, &'static str> {
    let Some(length) = bytes.len().checked_sub(4).filter(|n| *n >= head_bytes) else {
        return Err("it is too short");
    };
    if bytes[..8] != *magic || u32_at(bytes, 8) != VERSION {
        return Err("it is of another kind or version");
    }
    if crc32fast::hash(&bytes[..length]) != u32_at(bytes, length) {
        return Err("its checksum does not fit");
    }
    Ok(length)
}
