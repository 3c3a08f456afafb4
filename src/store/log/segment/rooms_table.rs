//! The `rooms.table` checkpoint: every room with its newest id, as of one id. Derived; rebuilt when missing or damaged.

use std::collections::HashMap;

use super::super::LogError;
use super::super::disk::Folder;
use super::bytes::{VERSION, checked_length, u32_at, u64_at};
use super::files::{io_error, replace};
use crate::edge::wire::names::RoomName;

const MAGIC: &[u8; 8] = b"GCRTAB01";
const HEAD_BYTES: usize = 24;
pub(super) const NAME: &str = "rooms.table";

/// The rooms as they were when the log's newest id was `as_of`.
#[derive(Debug, Default)]
pub(super) struct RoomsTable {
    pub(super) as_of: u64,
    pub(super) rooms: HashMap<RoomName, u64>,
}

/// Writes the table; the caller syncs the folder.
pub(super) fn write(
    folder: &Folder,
    as_of: u64,
    rooms: &[(RoomName, u64)],
) -> Result<(), LogError> {
    replace(folder, &folder.join(NAME), &encode(as_of, rooms))
}

/// The bytes of the table.
pub(super) fn encode(as_of: u64, rooms: &[(RoomName, u64)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + rooms.len() * 24);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(rooms.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&as_of.to_le_bytes());
    for (room, newest) in rooms {
        bytes.extend_from_slice(&newest.to_le_bytes());
        // Names are at most 66 bytes by their grammar, those of conversations.
        bytes.push(room.as_str().len() as u8);
        bytes.extend_from_slice(room.as_str().as_bytes());
    }
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// What [`read`] found in a file.
pub(super) type Readable = Result<RoomsTable, &'static str>;

/// Reads the table; the inner error says why it cannot be used. A disk that does not read is no reason to make it anew: it alone
/// knows the rooms of what retention has deleted.
pub(super) fn read(folder: &Folder) -> Result<Readable, LogError> {
    let path = folder.join(NAME);
    match folder.read(&path) {
        Ok(bytes) => Ok(decode(&bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Err("it is missing")),
        Err(error) => Err(io_error("read", &path)(error)),
    }
}

/// Reads the bytes of the table.
pub(super) fn decode(bytes: &[u8]) -> Readable {
    let length = checked_length(MAGIC, HEAD_BYTES, bytes)?;
    let mut table = RoomsTable {
        as_of: u64_at(bytes, 16),
        rooms: HashMap::with_capacity((u32_at(bytes, 12) as usize).min(length / 9)),
    };
    let mut rest = &bytes[HEAD_BYTES..length];
    while !rest.is_empty() {
        let (newest, name) = rest
            .split_at_checked(8)
            .and_then(|(newest, tail)| {
                let (count, tail) = tail.split_first()?;
                let (name, tail) = tail.split_at_checked(usize::from(*count))?;
                rest = tail;
                Some((u64_at(newest, 0), name))
            })
            .ok_or("it ends in the middle of a room")?;
        let room = std::str::from_utf8(name)
            .ok()
            .and_then(|name| RoomName::parse_kept(name).ok())
            .ok_or("it holds what is no room name")?;
        table.rooms.insert(room, newest);
    }
    Ok(table)
}
