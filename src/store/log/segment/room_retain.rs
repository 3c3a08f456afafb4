//! Retention of single rooms: the writer's side of the rooms' floors.
//!
//! In: settings, what is appended, the clock. Out: floors that only rise; each is durable in `floors` before a reader sees it.
//!
//! Age takes a room's oldest records: what stands behind one that is young enough is kept with it, though a clock that was set back made it
//! older. What is below the floor of the whole log keeps nothing, whether its segment is deleted yet or not.

use std::collections::HashMap;
use std::time::Duration;

use super::super::stored::StoredRecord;
use super::super::{EventKind, LogError, LogReader, RoomRetention};
use super::Segments;
use super::candidates::End;
use super::floors::{self, RoomFloor, RoomFloors};
use super::index::{Entry, room_hash};
use super::read::Wanted;
use super::shared::Snapshot;
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;

/// What expires as time goes on is looked for so often, since each time waits for the disk.
pub(super) const RAISE_EVERY: Duration = Duration::from_secs(1);

/// A room with a retention, or with a floor left by one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    retention: RoomRetention,
    pub(super) floor: RoomFloor,
    /// Messages above the floor, removed ones included; counted only if their number is limited.
    messages: u64,
    /// What was counted may be gone, deleted for the whole log's retention.
    recount: bool,
    /// The first record that is kept; `None` if there is none, or if it was not looked at.
    next: Option<Next>,
}

/// The record that keeps those behind it from expiring by age.
#[derive(Debug, Clone, Copy)]
struct Next {
    id: u64,
    /// Microseconds.
    time: u64,
}

impl From<Entry> for Next {
    fn from(entry: Entry) -> Self {
        let Entry { id, time, .. } = entry;
        Self { id, time }
    }
}

impl Kept {
    fn is_over(&self) -> bool {
        self.retention.messages > 0 && self.messages > self.retention.messages
    }

    /// After a failure: whatever was counted, everything is looked at again.
    fn look_again(&mut self) {
        self.next = Some(Next { id: 0, time: 0 });
        self.messages = self.retention.messages.saturating_add(1);
        self.recount = true;
    }

    /// Raises the floor; never lowers it.
    fn raise(&mut self, id: u64, time_max: u64) {
        if id > self.floor.id {
            self.floor.id = id;
            self.floor.time_max = self.floor.time_max.max(time_max);
        }
    }
}

/// All of them, and what of their floors is not where it belongs yet.
#[derive(Debug, Default)]
pub(super) struct RoomsKept {
    pub(super) rooms: HashMap<RoomName, Kept>,
    /// Floors have risen that neither disk nor readers know.
    pub(super) risen: bool,
    /// How far overwriting has come is not on disk; without harm, since it is done again.
    pub(super) progress: bool,
    /// Some expired content may not be overwritten yet.
    pub(super) waiting: bool,
    /// Time of the last look, in microseconds.
    looked: Option<u64>,
    /// Time of the newest record in microseconds, `None` before the first append.
    newest_time: Option<u64>,
    /// From this id on no record is older than the one before it; `None` if that is not known.
    steady_from: Option<u64>,
}

impl RoomsKept {
    /// As the file has them; the settings are unknown until they are made.
    pub(super) fn of(rooms: HashMap<RoomName, RoomFloor>) -> Self {
        let kept = |floor| Kept {
            floor,
            ..Kept::default()
        };
        Self {
            waiting: rooms.values().any(|floor| floor.overwritten < floor.id),
            rooms: rooms.into_iter().map(|(r, f)| (r, kept(f))).collect(),
            ..Self::default()
        }
    }

    pub(super) fn floors(&self) -> impl Iterator<Item = (&RoomName, RoomFloor)> {
        self.rooms.iter().map(|(room, kept)| (room, kept.floor))
    }

    /// Notes what was appended.
    pub(super) fn appended(&mut self, record: &StoredRecord) {
        let (id, time) = (record.event.id, record.event.time.as_micros());
        if self.newest_time.is_none_or(|newest| time < newest) {
            self.steady_from = Some(id);
        }
        self.newest_time = Some(time);
        if self.rooms.is_empty() {
            return;
        }
        if let Some(kept) = self.rooms.get_mut(&record.event.room) {
            kept.messages += u64::from(matches!(record.event.kind, EventKind::Message(_)));
            kept.next.get_or_insert(Next { id, time });
        }
    }

    /// Whether it is time to look at a room. That the log's floor passed the first record that it kept matters if one behind it may be
    /// older: the clock was set back between them.
    fn is_room_due(&self, kept: &Kept, floor: u64, now: Timestamp) -> bool {
        let cutoff = kept.retention.cutoff(now.as_micros());
        let older_behind = |next: Next| self.steady_from.is_none_or(|from| next.id < from);
        let aged = |next: Next| next.time < cutoff || next.id < floor && older_behind(next);
        kept.is_over() || cutoff > 0 && kept.next.is_some_and(aged)
    }

    /// After some were overwritten.
    pub(super) fn look_for_waiting(&mut self) {
        let waits = |(_, floor): (&RoomName, RoomFloor)| floor.overwritten < floor.id;
        let waiting = self.floors().any(waits);
        self.waiting = waiting;
    }

    /// Ids up to this one are deleted, for the whole log's retention.
    pub(super) fn forget_count(&mut self, last_id: u64) {
        let below = |kept: &&mut Kept| kept.floor.id <= last_id;
        let rooms = self.rooms.values_mut().filter(below);
        rooms.for_each(|kept| kept.recount = true);
    }

    /// Whether it is time to look for what has expired. A clock that steps back counts as time gone by.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        let (now, every) = (now.as_micros(), RAISE_EVERY.as_micros() as u64);
        let due = self.looked.is_none_or(|last| last.abs_diff(now) >= every);
        if due {
            self.looked = Some(now);
        }
        due
    }
}

impl Segments {
    /// Sets these rooms' retentions; what has expired by them is not served any more when this returns. A room that cannot be read
    /// is tried again with the next look, and does not keep the others from theirs.
    pub(crate) fn set_room_retentions(
        &mut self,
        rooms: &[(RoomName, RoomRetention)],
        now: Timestamp,
    ) -> Result<(), LogError> {
        self.refuse_read_only()?;
        let snapshot = self.shared.snapshot();
        let mut failed = None;
        for (room, retention) in rooms {
            let known = self.rooms_kept.rooms.get(room).copied();
            let mut kept = known.unwrap_or_default();
            kept.retention = *retention;
            if !retention.is_none()
                && let Err(error) = self.jump(&snapshot, room, &mut kept, now)
            {
                kept.look_again();
                failed.get_or_insert(error);
            }
            self.keep(room, kept);
        }
        self.publish_floors()?;
        failed.map_or(Ok(()), Err)
    }

    /// Raises the floors of the rooms in which something has expired. Readers know it after [`Segments::publish_floors`].
    pub(super) fn raise_rooms(&mut self, now: Timestamp) -> Result<(), LogError> {
        let floor = self.log_floor();
        let rooms = self.rooms_kept.rooms.iter();
        let due: Vec<RoomName> = rooms
            .filter(|(_, kept)| self.rooms_kept.is_room_due(kept, floor, now))
            .map(|(room, _)| room.clone())
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let snapshot = self.shared.snapshot();
        let mut failed = None;
        for room in due {
            let Some(mut kept) = self.rooms_kept.rooms.get(&room).copied() else {
                continue;
            };
            let raised = if kept.retention.messages > 0 && !kept.recount {
                self.walk(&snapshot, &room, &mut kept, now)
            } else {
                self.jump(&snapshot, &room, &mut kept, now)
            };
            if let Err(error) = raised {
                kept.look_again();
                failed.get_or_insert(error);
            }
            self.keep(&room, kept);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Makes risen floors durable, then lets readers know them.
    pub(super) fn publish_floors(&mut self) -> Result<(), LogError> {
        if !self.rooms_kept.risen {
            return Ok(());
        }
        self.write_floors()?;
        self.publish_floor();
        let floors = RoomFloors::of(self.rooms_kept.floors());
        self.shared.set_room_floors(floors);
        self.rooms_kept.risen = false;
        self.rooms_kept.waiting = true;
        Ok(())
    }

    pub(super) fn write_floors(&mut self) -> Result<(), LogError> {
        let all = self.log_floor();
        floors::write(&self.shared.folder, all, self.rooms_kept.floors())?;
        self.rooms_kept.progress = false;
        Ok(())
    }

    /// The floor of the whole log; readers may not know it yet.
    fn log_floor(&self) -> u64 {
        self.floor.id.max(self.shared.read().floor)
    }

    /// Lowers floors to `next_id`, the next id that will be given: higher ones are not of this log, and would hide what comes.
    pub(crate) fn fit_floors(&mut self, next_id: u64) {
        let mut lowered = 0;
        for kept in self.rooms_kept.rooms.values_mut() {
            let floor = &mut kept.floor;
            lowered += u32::from(floor.id > next_id);
            floor.id = floor.id.min(next_id);
            floor.overwritten = floor.overwritten.min(next_id);
        }
        lowered += u32::from(self.floor.known > next_id);
        self.floor.known = self.floor.known.min(next_id);
        if lowered > 0 {
            slog::error!(self.shared.log, "floors of retention are ahead of the log, as if part of its files were restored; lowered";
                "floors" => lowered, "next_id" => next_id);
            self.rooms_kept.risen = true;
        }
    }

    fn keep(&mut self, room: &RoomName, kept: Kept) {
        let rooms = &mut self.rooms_kept.rooms;
        if kept.retention.is_none() && kept.floor.id == 0 {
            rooms.remove(room);
            return;
        }
        let before = rooms.insert(room.clone(), kept);
        self.rooms_kept.risen |= before.map_or(0, |before| before.floor.id) < kept.floor.id;
    }

    /// Raises a floor however far it has to go, without a look at what it passes.
    fn jump(
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
    fn walk(
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
