//! The `floors` file: how far retention has gone, in the whole log and in every room that has a retention of its own.
//! In: floors that have risen. Out: the same after any crash. What has expired once stays expired, whatever clock and settings say.

use std::collections::HashMap;
use std::sync::Arc;

use slog::{Logger, error, warn};

use super::super::LogError;
use super::super::disk::Folder;
use super::bytes::{VERSION, checked_length, u64_at};
use super::files::{io_error, replace, sync_folder};
use super::index::{Entry, room_hash};
use crate::edge::wire::names::RoomName;

const MAGIC: &[u8; 8] = b"GCFLOR01";
const HEAD_BYTES: usize = 24;
/// Bytes of a room before its name.
const ROOM_FIXED_BYTES: usize = 25;
pub(super) const NAME: &str = "floors";
/// The second copy begins at a multiple of this: no one sector holds bytes of both.
const SECTOR_BYTES: usize = 512;

/// How far retention has gone in one room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RoomFloor {
    /// The room's records with a lower id have expired; 0 = none has.
    pub(super) id: u64,
    /// Highest time of what has expired, in microseconds.
    pub(super) time_max: u64,
    /// The room's records below this id are overwritten in every file; at most `id`.
    pub(super) overwritten: u64,
}

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Floors {
    /// Ids below it have expired in all rooms.
    pub(super) all: u64,
    pub(super) rooms: HashMap<RoomName, RoomFloor>,
}

/// Replaces the file; durable when this returns. Rooms in which nothing has expired are left out.
pub(super) fn write<'a>(
    folder: &Folder,
    all: u64,
    rooms: impl Iterator<Item = (&'a RoomName, RoomFloor)>,
) -> Result<(), LogError> {
    replace(folder, &folder.join(NAME), &twice(&encode(all, rooms)))?;
    sync_folder(folder)
}

/// The bytes of the file: no other file tells what it says, so it says so twice.
fn twice(copy: &[u8]) -> Vec<u8> {
    let mut bytes = copy.to_vec();
    bytes.resize(copy.len().next_multiple_of(SECTOR_BYTES), 0);
    bytes.extend_from_slice(copy);
    bytes
}

/// The two copies in the file and what lies between them.
fn halves(bytes: &[u8]) -> [&[u8]; 3] {
    let second = bytes.len().div_ceil(2).next_multiple_of(SECTOR_BYTES);
    let second = second.min(bytes.len());
    let (first, copy) = bytes.split_at(second);
    let (first, between) = first.split_at(copy.len().min(first.len()));
    [first, between, copy]
}

/// The bytes of one copy.
pub(super) fn encode<'a>(
    all: u64,
    rooms: impl Iterator<Item = (&'a RoomName, RoomFloor)>,
) -> Vec<u8> {
    let mut bytes = vec![0; HEAD_BYTES];
    let mut count = 0u32;
    for (room, floor) in rooms.filter(|(_, floor)| floor.id > 0) {
        count += 1;
        for field in [floor.id, floor.time_max, floor.overwritten] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        // Names are at most 66 bytes by their grammar, those of conversations.
        bytes.push(room.as_str().len() as u8);
        bytes.extend_from_slice(room.as_str().as_bytes());
    }
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&count.to_le_bytes());
    bytes[16..24].copy_from_slice(&all.to_le_bytes());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// What a copy says, or why it cannot be used.
pub(super) type Readable = Result<Floors, &'static str>;

/// What [`read`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// An error if neither copy can be used.
    pub(super) floors: Readable,
    /// What is wrong with the file, even if one of the copies can be used.
    pub(super) damage: Option<&'static str>,
}

/// Reads the file. Without one nothing has expired by room or age. A disk that does not read is no reason to forget what has.
pub(super) fn read(folder: &Folder) -> Result<Found, LogError> {
    let path = folder.join(NAME);
    let bytes = match folder.read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let (floors, damage) = (Ok(Floors::default()), None);
            return Ok(Found { floors, damage });
        }
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    // As it was written before there were two.
    if let Ok(floors) = decode(&bytes) {
        let (floors, damage) = (Ok(floors), None);
        return Ok(Found { floors, damage });
    }
    let [first, between, second] = halves(&bytes);
    let [first, second] = [first, second].map(decode);
    let damage = first
        .as_ref()
        .err()
        .or(second.as_ref().err())
        .copied()
        .or((first != second).then_some("its two copies differ"))
        .or(between
            .iter()
            .any(|byte| *byte != 0)
            .then_some("something stands between its two copies"));
    let floors = first.or(second);
    Ok(Found { floors, damage })
}

/// Reads the file and says what is wrong with it. Returns whether anything is: then it is to be replaced.
pub(super) fn open(folder: &Folder, log: &Logger) -> Result<(Floors, bool), LogError> {
    let Found { floors, damage } = read(folder)?;
    let file = folder.join(NAME);
    if let (Ok(_), Some(why)) = (&floors, damage) {
        warn!(log, "one copy of the floors of retention is damaged; the other is used";
            "file" => %file.display(), "why" => why);
    }
    let floors = floors.unwrap_or_else(|why| {
        error!(log, "the floors of retention cannot be read; what had expired in rooms, or by age, and was not overwritten yet is served until retention finds it again";
            "file" => %file.display(), "why" => why);
        Floors::default()
    });
    Ok((floors, damage.is_some()))
}

/// Reads the bytes of one copy.
pub(super) fn decode(bytes: &[u8]) -> Readable {
    let length = checked_length(MAGIC, HEAD_BYTES, bytes)?;
    let mut floors = Floors {
        all: u64_at(bytes, 16),
        rooms: HashMap::new(),
    };
    let mut rest = &bytes[HEAD_BYTES..length];
    while !rest.is_empty() {
        let (fixed, name) = rest
            .split_at_checked(ROOM_FIXED_BYTES)
            .and_then(|(fixed, tail)| {
                let (name, tail) = tail.split_at_checked(usize::from(fixed[24]))?;
                rest = tail;
                Some((fixed, name))
            })
            .ok_or("it ends in the middle of a room")?;
        let room = std::str::from_utf8(name)
            .ok()
            .and_then(|name| RoomName::parse(name).ok())
            .ok_or("it holds what is no room name")?;
        let floor = RoomFloor {
            id: u64_at(fixed, 0),
            time_max: u64_at(fixed, 8),
            overwritten: u64_at(fixed, 16),
        };
        floors.rooms.insert(room, floor);
    }
    Ok(floors)
}

/// What the file in a log's folder says of single records. A file that cannot be used says nothing; opening the segments says so.
pub(crate) struct Expired(Floors);

impl Expired {
    /// Reads it.
    pub(crate) fn read(folder: &Folder) -> Result<Self, LogError> {
        Ok(Self(read(folder)?.floors.unwrap_or_default()))
    }

    /// Whether the record has expired in its room, so that its content may be overwritten, by half too.
    pub(crate) fn holds(&self, room: &RoomName, id: u64) -> bool {
        self.0.rooms.get(room).is_some_and(|floor| id < floor.id)
    }
}

/// The rooms' floors as readers look them up. There are none as long as no room has had anything expire.
#[derive(Debug)]
pub(super) struct RoomFloors {
    /// By the hash of the name: id, and highest time below it. Two rooms of one hash share the higher floor.
    rooms: HashMap<u64, (u64, u64)>,
    highest: u64,
}

impl RoomFloors {
    pub(super) fn of<'a>(
        rooms: impl Iterator<Item = (&'a RoomName, RoomFloor)>,
    ) -> Option<Arc<Self>> {
        let mut floors = Self {
            rooms: HashMap::new(),
            highest: 0,
        };
        for (room, floor) in rooms.filter(|(_, floor)| floor.id > 0) {
            let known = floors.rooms.entry(room_hash(room.as_str())).or_default();
            *known = (known.0.max(floor.id), known.1.max(floor.time_max));
            floors.highest = floors.highest.max(floor.id);
        }
        (floors.highest > 0).then(|| Arc::new(floors))
    }

    /// Id and highest expired time of a room, by its hash.
    pub(super) fn room(&self, hash: u64) -> (u64, u64) {
        self.rooms.get(&hash).copied().unwrap_or_default()
    }

    pub(super) fn expired(&self, entry: &Entry) -> bool {
        self.is_below(entry.room_hash, entry.id)
    }

    pub(super) fn is_below(&self, room: u64, id: u64) -> bool {
        id < self.highest && id < self.room(room).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_every_flipped_bit_is_found_and_survived() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::real(place.path());
        let none = Found {
            floors: Ok(Floors::default()),
            damage: None,
        };
        assert_eq!(read(&folder).unwrap(), none);
        let floor = |id| RoomFloor {
            id,
            time_max: id * 10,
            overwritten: id / 2,
        };
        let name = |n: usize| format!("room{n}");
        let named = [(name(1), 7), (name(2), 0), (name(3), u64::MAX / 20)];
        // A copy that fits into a sector, and one that does not.
        for more in [0, 30] {
            let many = (0..more).map(|n| (name(n + 10), n as u64 + 1));
            let rooms = named.iter().cloned().chain(many);
            let rooms = rooms.map(|(name, id)| (RoomName::parse(&name).unwrap(), floor(id)));
            let rooms: Vec<(RoomName, RoomFloor)> = rooms.collect();
            write(&folder, 5, rooms.iter().map(|(r, f)| (r, *f))).unwrap();
            let found = read(&folder).unwrap();
            assert_eq!(found.damage, None);
            let floors = found.floors.unwrap();
            assert_eq!((floors.all, floors.rooms.len()), (5, 2 + more));
            assert!(
                rooms
                    .iter()
                    .all(|(r, f)| f.id == 0 || floors.rooms[r] == *f)
            );
            let path = folder.join(NAME);
            let whole = std::fs::read(&path).unwrap();
            let copy = encode(5, rooms.iter().map(|(r, f)| (r, *f)));
            let second = copy.len().next_multiple_of(SECTOR_BYTES);
            for at in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 4;
                std::fs::write(&path, &bytes).unwrap();
                let found = read(&folder).unwrap();
                assert_eq!(found.floors.as_ref(), Ok(&floors), "{at}");
                assert!(found.damage.is_some(), "{at}");
                // The same byte of the other copy too.
                if at < copy.len() {
                    bytes[second + at] ^= 4;
                    std::fs::write(&path, &bytes).unwrap();
                    assert!(read(&folder).unwrap().floors.is_err(), "{at}");
                }
                std::fs::write(&path, &whole[..at]).unwrap();
                let cut = read(&folder).unwrap();
                assert_eq!(cut.damage.is_none(), at == copy.len(), "cut at {at}");
            }
        }
    }
}
