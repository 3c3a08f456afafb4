//! One record: its entry against its line, its hash, and what removal has to have done to it.

use hashbrown::HashMap;

use super::super::super::disk::File;
use super::super::super::stored::{REMOVED_FILL, REMOVED_SALT};
use super::super::index::{Entry, room_hash};
use super::super::text::{Line, is_whole};
use super::Check;
use crate::edge::wire::names::{RoomName, is_user};
use crate::edge::wire::record::parse_id;

/// Text read in one go.
const WINDOW_BYTES: u64 = 256 * 1024;

/// The text of a segment, read forwards in large pieces.
pub(super) struct Text<'a> {
    file: &'a File,
    length: u64,
    /// Nothing behind it is wanted yet.
    until: u64,
    begin: u64,
    bytes: Vec<u8>,
}

impl<'a> Text<'a> {
    pub(super) fn new(file: &'a File, length: u64) -> Self {
        Self {
            file,
            length,
            until: length,
            begin: 0,
            bytes: Vec::new(),
        }
    }

    /// The line of `entry`; `None` if it lies behind the end.
    pub(super) fn line(&mut self, entry: &Entry) -> std::io::Result<Option<&[u8]>> {
        let (from, to) = (u64::from(entry.offset), entry.end());
        if to > self.length {
            return Ok(None);
        }
        if from < self.begin || to > self.begin + self.bytes.len() as u64 {
            let wanted = self.until.saturating_sub(from).min(WINDOW_BYTES);
            let bytes = wanted.max(to - from).min(self.length - from);
            self.bytes.resize(bytes as usize, 0);
            self.begin = from;
            self.file.read_exact_at(&mut self.bytes, from)?;
        }
        let at = (from - self.begin) as usize;
        Ok(self.bytes.get(at..at + entry.line_bytes as usize))
    }

    /// Has no more read than up to here, unless a line is longer.
    pub(super) fn read_until(&mut self, end: u64) {
        self.until = end;
    }
}

/// What a record says about itself once it was found to be as it was written.
#[derive(Debug)]
pub(in super::super) struct Alone {
    pub(in super::super) room: RoomName,
    /// The id that it removes, if it is a removal.
    pub(in super::super) removes: Option<u64>,
}

/// Or in what it is not.
pub(in super::super) type Found = Result<Alone, (Check, &'static str)>;

/// Names of rooms by their hash, so that each is checked once and not with every record.
#[derive(Default)]
pub(in super::super) struct Rooms(HashMap<u64, RoomName>);

impl Rooms {
    /// Rooms kept at a time.
    const MAX: usize = 65_536;

    fn room(&mut self, name: &str, hash: u64) -> Result<RoomName, &'static str> {
        if let Some(known) = self.0.get(&hash).filter(|known| known.as_str() == name) {
            return Ok(known.clone());
        }
        let room = RoomName::parse_kept(name).map_err(|_| "the line names no room")?;
        if room_hash(name) != hash {
            return Err("the line names another room than its index entry means");
        }
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        self.0.insert(hash, room.clone());
        Ok(room)
    }
}

/// Compares an entry, its line and its hash.
pub(in super::super) fn check(entry: &Entry, line: Option<&[u8]>, rooms: &mut Rooms) -> Found {
    let lines = |why| (Check::Lines, why);
    let line = line.ok_or(lines("the index points behind the end of the text"))?;
    if !Line::time_agrees(line, entry) {
        return Err(lines("the line is not the one that was indexed"));
    }
    let line = Line::parse(line, entry).map_err(lines)?;
    let room = rooms.room(line.room, entry.room_hash).map_err(lines)?;
    let removes = if entry.is_message() {
        if !is_user(line.user.as_bytes()) {
            return Err(lines("the line names no user"));
        }
        None
    } else {
        Some(parse_id(line.content).ok_or(lines("the removal names no id"))?)
    };
    if entry.is_removed() != (entry.salt == REMOVED_SALT) {
        return Err((
            Check::Removals,
            "the entry is marked as removed and keeps its salt, or the other way round",
        ));
    }
    if entry.is_removed() {
        let overwritten = line.content.iter().all(|byte| *byte == REMOVED_FILL);
        return if removes.is_some() || overwritten {
            Ok(Alone { room, removes })
        } else {
            Err((Check::Removals, "removed content is still in the text"))
        };
    }
    if is_whole(&line, entry) {
        Ok(Alone { room, removes })
    } else {
        Err((Check::Hashes, "the content does not fit its hash"))
    }
}
