//! The readers' side: shared by any number of threads, beside the one writer.

use std::ops::{Bound, Range};
use std::sync::Arc;

use super::super::{Event, From, LogError, LogReader, Page, PageQuery, Start};
use super::candidates::{Candidates, End, entries};
use super::index::{Entry, room_hash};
use super::shared::{Segment, Shared, Snapshot};
use super::text::{WRONGLY_BLANK, is_blank};
use super::view::{Opened, RUN_ENTRIES_MAX};
use crate::edge::wire::names::RoomName;

/// Entries of one room.
pub(super) struct Wanted {
    /// The room, by its hash.
    pub(super) room: u64,
    /// With these ids.
    pub(super) ids: Range<u64>,
    /// Those before may be left out: the highest time so far is earlier.
    pub(super) since: u64,
    /// So many will probably do; for reading no more than that at first.
    pub(super) expected: u64,
}

/// Reads what has been published.
pub(crate) struct SegmentReader {
    pub(super) shared: Arc<Shared>,
}

impl SegmentReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) fn open<'a>(&'a self, segment: &'a Segment) -> Result<Option<Opened<'a>>, LogError> {
        Opened::open(&self.shared.folder, segment)
    }

    /// Whether this message has been removed, as the disk says now.
    pub(super) fn is_removed(&self, snapshot: &Snapshot, id: u64) -> Result<bool, LogError> {
        let segment = snapshot.segment(snapshot.position(id));
        let Some(opened) = self.open(segment)? else {
            return Ok(true);
        };
        Ok(opened.find(id)?.is_none_or(|(_, entry)| entry.is_removed()))
    }

    /// Whether content may have been overwritten since `before` was taken.
    pub(super) fn removals_since(&self, before: u64) -> bool {
        before % 2 == 1 || self.shared.removal_count() != before
    }

    /// Goes through the wanted entries in one segment from one end, until `each` says stop (false).
    pub(super) fn each_entry(
        &self,
        segment: &Segment,
        wanted: &Wanted,
        end: End,
        mut each: impl FnMut(&Entry) -> bool,
    ) -> Result<bool, LogError> {
        let Some(opened) = self.open(segment)? else {
            return Ok(true);
        };
        let (room, ids) = (wanted.room, &wanted.ids);
        let from = opened
            .lower_bound(ids.start)?
            .max(opened.lower_bound_time(wanted.since)?);
        let to = match ids.end {
            end if end > segment.last_id => segment.count,
            end => opened.lower_bound(end)?,
        };
        let Some(mut candidates) = Candidates::new(&self.shared, segment, Some(room), from, to)?
        else {
            return Ok(true);
        };
        let mut take = u32::try_from(wanted.expected).unwrap_or(u32::MAX);
        take = take.clamp(16, RUN_ENTRIES_MAX);
        loop {
            let numbers = candidates.take(end, take, &self.shared.folder)?;
            if numbers.is_empty() {
                return Ok(true);
            }
            let (mut found, _) = entries(&self.shared, &opened, &numbers)?;
            if end == End::Back {
                found.reverse();
            }
            let wanted = |entry: &&Entry| entry.room_hash == room && ids.contains(&entry.id);
            for entry in found.iter().filter(wanted) {
                if !each(entry) {
                    return Ok(false);
                }
            }
            take = (take * 4).min(RUN_ENTRIES_MAX);
        }
    }

    /// The first entry of the room at or above `lowest` and at or after `since`.
    pub(super) fn first_entry(
        &self,
        snapshot: &Snapshot,
        room: &RoomName,
        lowest: u64,
        since: u64,
    ) -> Result<Option<Entry>, LogError> {
        let hash = room_hash(room.as_str());
        let begin = snapshot
            .position(lowest)
            .max(snapshot.position_of_time(since));
        let wanted = Wanted {
            room: hash,
            ids: lowest..u64::MAX,
            since,
            expected: 1,
        };
        let mut first = None;
        for n in begin..snapshot.len() {
            self.each_entry(snapshot.segment(n), &wanted, End::Front, |entry| {
                if entry.time >= since {
                    first = Some(*entry);
                }
                first.is_none()
            })?;
            if first.is_some() {
                break;
            }
        }
        Ok(first)
    }
}

impl LogReader for SegmentReader {
    fn newest(&self) -> u64 {
        self.shared.read().active.last_id
    }

    fn room_newest(&self, room: &RoomName) -> u64 {
        self.shared.read().rooms.get(room).copied().unwrap_or(0)
    }

    fn room_floor(&self, room: &RoomName) -> u64 {
        let state = self.shared.read();
        let rooms = state.room_floors.as_ref();
        let own = rooms.map_or(0, |all| all.room(room_hash(room.as_str())).0);
        state.floor.max(own)
    }

    fn rooms_page(&self, after: Option<&RoomName>, count: usize) -> Vec<(RoomName, u64)> {
        let state = self.shared.read();
        let lowest = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = state
            .room_names
            .range::<RoomName, _>((lowest, Bound::Unbounded));
        names
            .take(count)
            .map(|room| (room.clone(), state.rooms.get(room).copied().unwrap_or(0)))
            .collect()
    }

    fn get(&self, id: u64) -> Result<Option<Event>, LogError> {
        let snapshot = self.shared.snapshot();
        if id < snapshot.floor || id > snapshot.newest() {
            return Ok(None);
        }
        let before = self.shared.removal_count();
        let segment = snapshot.segment(snapshot.position(id));
        let Some(opened) = self.open(segment)? else {
            return Ok(None);
        };
        let found = opened.find(id)?.map(|(_, entry)| entry);
        let served = |entry: &Entry| {
            entry.is_message() && !entry.is_removed() && !snapshot.expired_in_room(entry)
        };
        let Some(entry) = found.filter(served) else {
            return Ok(None);
        };
        let record = opened.record(&entry)?;
        if is_blank(&record.content()) && !record.is_whole() {
            return Err(opened.damaged(u64::from(entry.offset), WRONGLY_BLANK));
        }
        if self.removals_since(before) && self.is_removed(&snapshot, id)? {
            return Ok(None);
        }
        let risen = self.shared.risen_since(&snapshot);
        if risen.is_some_and(|floors| floors.expired(&entry)) {
            return Ok(None);
        }
        Ok(Some(record.event))
    }

    fn page(&self, query: &PageQuery) -> Result<Page, LogError> {
        self.read_page(query)
    }

    fn resolve(&self, room: &RoomName, from: From) -> Result<Start, LogError> {
        self.find_start(room, from)
    }

    fn newest_start(
        &self,
        room: &RoomName,
        before: u64,
        count: u64,
    ) -> Result<Option<u64>, LogError> {
        let snapshot = self.shared.snapshot();
        let (first, _) = self.newest_messages(&snapshot, room, before, count)?;
        Ok(first.map(|id| id - 1))
    }
}
