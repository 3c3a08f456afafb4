//! The room table at start: the checkpoint, completed from the records behind it, or everything from the sidecars.

use std::collections::HashMap;

use slog::{Logger, info, warn};

use super::super::LogError;
use super::super::disk::Folder;
use super::candidates::in_memory;
use super::files::{Part, io_error, part_path};
use super::index::{Entry, room_hash};
use super::rooms::RoomsFile;
use super::rooms_table;
use super::shared::{RoomIndex, Segment};
use super::view::{Opened, RUN_ENTRIES_MAX};
use crate::edge::wire::names::RoomName;

/// Every room with its newest id, and whether the checkpoint on disk is of no use and should be replaced.
pub(super) fn rooms(
    folder: &Folder,
    sealed: &[Segment],
    active: &Segment,
    log: &Logger,
) -> Result<(HashMap<RoomName, u64>, bool), LogError> {
    let table = rooms_table::read(folder)?.and_then(|table| {
        let beyond = table.as_of > active.last_id;
        (!beyond).then_some(table).ok_or("it is ahead of the log")
    });
    let mut known = Known::default();
    let rebuilt = table.is_err();
    let segments = sealed.iter().chain(std::iter::once(active));
    match table {
        Ok(table) => {
            for (room, newest) in table.rooms {
                let hash = room_hash(room.as_str());
                if !known.raise(hash, newest) {
                    known.rooms.insert(hash, (room, newest));
                }
            }
            for segment in segments.filter(|segment| segment.last_id > table.as_of) {
                known.complete(folder, segment, table.as_of)?;
            }
        }
        Err(why) => {
            // Before the first segment is sealed there is a table only after an ordered stop.
            if !sealed.is_empty() {
                warn!(log, "the room table is built again from all segments"; "why" => why);
            } else if active.count > 0 {
                info!(log, "the room table is built again from the log's one segment"; "why" => why);
            }
            for segment in segments {
                known.whole_segment(folder, segment)?;
            }
        }
    }
    Ok((known.rooms.into_values().collect(), rebuilt))
}

/// Rooms by their hash, so that a name is read from the text once only.
#[derive(Default)]
struct Known {
    rooms: HashMap<u64, (RoomName, u64)>,
}

impl Known {
    /// Whether the room is known; its newest id is then `id` at least.
    fn raise(&mut self, hash: u64, id: u64) -> bool {
        let known = self.rooms.get_mut(&hash);
        known.map(|(_, newest)| *newest = id.max(*newest)).is_some()
    }

    fn meet_entry(&mut self, opened: &Opened<'_>, entry: &Entry) -> Result<(), LogError> {
        if self.raise(entry.room_hash, entry.id) {
            return Ok(());
        }
        match opened.record(entry) {
            Ok(record) => {
                let room = (record.event.room, entry.id);
                self.rooms.insert(entry.room_hash, room);
                Ok(())
            }
            // Another record of the room may still tell its name.
            Err(LogError::Damaged { .. }) => Ok(()),
            // A disk that cannot be read now must not make rooms be forgotten.
            Err(error) => Err(error),
        }
    }

    /// From the entries behind an id.
    fn complete(&mut self, folder: &Folder, segment: &Segment, as_of: u64) -> Result<(), LogError> {
        let Some(opened) = Opened::open(folder, segment)? else {
            return Ok(());
        };
        let mut from = opened.lower_bound(as_of + 1)?;
        while from < segment.count {
            let to = segment.count.min(from + RUN_ENTRIES_MAX);
            let run = opened.run(from, to)?;
            for entry in (from..to).filter_map(|n| run.entry(n)) {
                self.meet_entry(&opened, &entry)?;
            }
            from = to;
        }
        Ok(())
    }

    /// From the last record of every room of a segment.
    fn whole_segment(&mut self, folder: &Folder, segment: &Segment) -> Result<(), LogError> {
        let Some(opened) = Opened::open(folder, segment)? else {
            return Ok(());
        };
        if let (RoomIndex::File(_), Some(file)) =
            (&segment.rooms, RoomsFile::open(folder, segment.first_id)?)
        {
            if !file.is_whole() {
                return self.complete(folder, segment, 0);
            }
            let path = part_path(folder, segment.first_id, Part::Rooms);
            for n in 0..file.rooms() {
                let span = file.span(n).map_err(io_error("read", &path))?;
                let last = span.first + span.count;
                let numbers = file
                    .postings(last.saturating_sub(1), last)
                    .map_err(io_error("read", &path))?;
                self.last_of(&opened, &numbers)?;
            }
        } else if let Some(postings) = in_memory(segment) {
            for numbers in postings.values() {
                self.last_of(&opened, numbers)?;
            }
        }
        Ok(())
    }

    fn last_of(&mut self, opened: &Opened<'_>, numbers: &[u32]) -> Result<(), LogError> {
        if let Some(n) = numbers.last()
            && let Some(entry) = opened.entry(*n)?
        {
            self.meet_entry(opened, &entry)?;
        }
        Ok(())
    }
}
