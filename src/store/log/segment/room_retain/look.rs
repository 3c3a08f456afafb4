//! Looking through a room for the first record that is kept: how far its floor rises.

use super::super::super::{LogError, LogReader};
use super::super::Segments;
use super::super::candidates::End;
use super::super::index::{Entry, room_hash};
use super::super::read::Wanted;
use super::super::shared::Snapshot;
use super::{Kept, Next};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;

impl Segments {
    /// Raises a floor however far it has to go, without a look at what it passes.
    pub(super) fn jump(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        kept: &mut Kept,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let newest = self.reader.room_newest(room);
        let cutoff = kept.retention.cutoff(now.as_micros());
        let log_floor = self.log_floor();
        let mut lowest = kept.floor.id;
        kept.recount = false;
        let first = loop {
            let from = lowest.max(log_floor);
            let first = self.first_kept(snapshot, room, newest, from, cutoff)?;
            if cutoff > 0 && newest > 0 {
                lowest = first.map_or(newest + 1, |entry| entry.id).max(lowest);
            }
            if kept.retention.messages == 0 {
                break first;
            }
            let limit = kept.retention.messages;
            let (over, found) = self.count_back(snapshot, room, newest, lowest, limit)?;
            kept.messages = found;
            match over {
                // Where the clock stepped back, what follows may be too old again.
                Some(over) => lowest = over + 1,
                None => break first,
            }
        };
        kept.next = first.map(Next::from);
        let gone = first.map_or(newest, |entry| entry.prev);
        if lowest > kept.floor.id && gone > 0 {
            // If it is not there, the whole log's retention knows its time.
            let time_max = self.locate(gone)?.map_or(0, |gone| gone.entry.time_max);
            kept.raise(lowest, time_max);
        }
        Ok(())
    }

    /// The room's first entry at or above `lowest` and at or after `since`.
    fn first_kept(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        newest: u64,
        lowest: u64,
        since: u64,
    ) -> Result<Option<Entry>, LogError> {
        if newest < lowest || snapshot.position_of_time(since) > snapshot.position(newest) {
            return Ok(None);
        }
        self.reader.first_entry(snapshot, room, lowest, since)
    }

    /// How many messages of the room have ids at or above `lowest`, `limit` at most; and the newest one beyond that.
    fn count_back(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        newest: u64,
        lowest: u64,
        limit: u64,
    ) -> Result<(Option<u64>, u64), LogError> {
        let hash = room_hash(room.as_str());
        let (mut over, mut found) = (None, 0);
        let end = (snapshot.position(newest) + 1).min(snapshot.len());
        for n in (snapshot.position(lowest)..end).rev() {
            let wanted = Wanted {
                room: hash,
                ids: lowest..u64::MAX,
                since: 0,
                expected: limit - found,
            };
            self.reader
                .each_entry(snapshot.segment(n), &wanted, End::Back, |entry| {
                    if entry.is_message() && found == limit {
                        over = Some(entry.id);
                    } else if entry.is_message() {
                        found += 1;
                    }
                    over.is_none()
                })?;
            if over.is_some() {
                break;
            }
        }
        Ok((over, found))
    }

    /// Raises a floor record by record, counting.
    pub(super) fn walk(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        kept: &mut Kept,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let hash = room_hash(room.as_str());
        let cutoff = kept.retention.cutoff(now.as_micros());
        let wanted = Wanted {
            room: hash,
            ids: kept.floor.id..u64::MAX,
            since: 0,
            expected: 0,
        };
        let log_floor = self.log_floor();
        let young = |entry: &Entry| cutoff == 0 || entry.time >= cutoff && entry.id >= log_floor;
        let (mut first, mut gone) = (None, None);
        for n in snapshot.position(wanted.ids.start)..snapshot.len() {
            self.reader
                .each_entry(snapshot.segment(n), &wanted, End::Front, |entry| {
                    if !kept.is_over() && young(entry) {
                        first = Some(*entry);
                        return false;
                    }
                    kept.messages = kept.messages.saturating_sub(u64::from(entry.is_message()));
                    gone = Some(*entry);
                    true
                })?;
            if first.is_some() {
                break;
            }
        }
        kept.next = first.map(Next::from);
        if let Some(gone) = gone {
            let id = first.map_or(self.reader.room_newest(room) + 1, |entry| entry.id);
            kept.raise(id, gone.time_max);
        }
        Ok(())
    }
}
