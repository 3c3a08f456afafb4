//! Where reading a room begins, and whether retention has taken part of what was asked for.

use super::super::{From, LogError, LogReader, Start};
use super::candidates::End;
use super::index::room_hash;
use super::read::{SegmentReader, Wanted};
use super::shared::Snapshot;
use crate::edge::wire::names::RoomName;

impl SegmentReader {
    pub(super) fn find_start(&self, room: &RoomName, from: From) -> Result<Start, LogError> {
        let (snapshot, newest) = {
            let newest = self.shared.read().rooms.get(room).copied().unwrap_or(0);
            (self.shared.snapshot(), newest)
        };
        match from {
            From::After(after) => self.start_after(&snapshot, room, newest, after),
            From::Since(time) => self.start_since(&snapshot, room, newest, time.as_micros()),
            From::Last(count) => self.start_last(&snapshot, room, newest, count),
        }
    }

    fn start_after(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        newest: u64,
        after: u64,
    ) -> Result<Start, LogError> {
        let floor = snapshot.floor_in(room_hash(room.as_str()));
        let gap = if after.saturating_add(1) >= floor || newest <= after {
            None
        } else {
            self.expired_part(snapshot, room, newest, after)?
        };
        Ok(Start { after, gap })
    }

    fn start_since(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        newest: u64,
        since: u64,
    ) -> Result<Start, LogError> {
        let hash = room_hash(room.as_str());
        let first = self.first_entry(snapshot, room, snapshot.floor_in(hash), since)?;
        let after = first.map_or(snapshot.newest(), |entry| entry.id - 1);
        let gap = if since <= snapshot.expired_time_max_in(hash) {
            self.expired_part(snapshot, room, newest, 0)?
        } else {
            None
        };
        Ok(Start { after, gap })
    }

    fn start_last(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        newest: u64,
        count: u64,
    ) -> Result<Start, LogError> {
        let (first, found) = self.newest_messages(snapshot, room, u64::MAX, count)?;
        let after = first.map_or(snapshot.newest(), |id| id - 1);
        let gap = if found < count {
            self.expired_part(snapshot, room, newest, 0)?
        } else {
            None
        };
        Ok(Start { after, gap })
    }

    /// The first of the newest `count` messages of the room with ids below `before`, and how many there are. Only the index is read.
    pub(super) fn newest_messages(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        before: u64,
        count: u64,
    ) -> Result<(Option<u64>, u64), LogError> {
        let (mut first, mut found) = (None, 0);
        let hash = room_hash(room.as_str());
        let mut wanted = Wanted {
            room: hash,
            ids: snapshot.floor_in(hash)..before,
            since: 0,
            expected: count,
        };
        let end = (snapshot.position(before) + 1).min(snapshot.len());
        for n in (snapshot.position(wanted.ids.start)..end).rev() {
            if found >= count {
                break;
            }
            wanted.expected = count - found;
            self.each_entry(snapshot.segment(n), &wanted, End::Back, |entry| {
                if entry.is_message() && !entry.is_removed() {
                    first = Some(entry.id);
                    found += 1;
                }
                found < count
            })?;
        }
        Ok((first, found))
    }

    /// If retention took events of the room behind `after`: the first id of it that was kept, or the first one that will be.
    fn expired_part(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        newest: u64,
        after: u64,
    ) -> Result<Option<u64>, LogError> {
        let mut newer = None;
        loop {
            let snapshot = newer.as_ref().unwrap_or(snapshot);
            // Every record knows the one before it in its room, so the first one kept knows of the last one gone.
            let floor = snapshot.floor_in(room_hash(room.as_str()));
            let first = self.first_entry(snapshot, room, floor, 0)?;
            // What was looked for may have been deleted meanwhile, and what was found is not the first one above this floor then.
            if self.room_floor(room) > floor {
                newer = Some(self.shared.snapshot());
                continue;
            }
            let (last_gone, first_kept) = match first {
                Some(entry) => (entry.prev, entry.id),
                None => (newest, floor),
            };
            let gone = last_gone > after && last_gone != 0 && last_gone < floor;
            return Ok(gone.then_some(first_kept));
        }
    }
}
