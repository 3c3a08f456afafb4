//! Text segments and their sidecars: what the log is once it has left the journal, and all that readers read.
//!
//! In: committed groups, in order, from the one writer that owns [`Segments`]. Out: pages, single messages and places
//! in the sequence, through [`SegmentReader`]. Owns the files named by an id in the log's folder, `rooms.table` and
//! what it puts into `quarantine/`. Formats, and why a crash is harmless: `docs/storage.md`.

mod append;
pub(crate) mod audit;
mod bytes;
mod candidates;
mod chain;
mod copy;
mod cut;
mod expire;
mod figures;
mod files;
mod floors;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod gap;
mod holes;
mod index;
mod open;
mod page;
mod places;
mod read;
mod redact;
mod repair;
mod restore;
mod retain;
mod room_retain;
mod rooms;
mod rooms_table;
mod scan;
mod shared;
mod sync;

#[cfg(test)]
mod tests;
mod text;
mod view;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::edge::wire::names::RoomName;
use append::Active;
use files::Files;
use index::{Entry, RoomHashes};
use retain::Floor;
use room_retain::RoomsKept;
use shared::{Segment, Shared};
use view::Opened;

pub(crate) use copy::{SegmentsCopy, copy_whole};
pub(crate) use figures::Figures;
pub(crate) use floors::Expired;
pub(crate) use index::room_hash;
pub(crate) use read::SegmentReader;
pub(crate) use repair::{Repaired, repair};
pub(crate) use sync::SyncJob;

use super::LogError;
use super::stored::StoredRecord;

/// Where the segments are and how many of them are kept. Zero in a `retain_` field keeps everything.
#[derive(Debug, Clone)]
pub(crate) struct SegmentOptions {
    /// The log's folder.
    pub(crate) folder: PathBuf,
    /// A segment is sealed before its text would exceed this.
    pub(crate) segment_bytes: u64,
    /// Keep the newest messages, so many.
    pub(crate) retain_messages: u64,
    /// Keep what is not older.
    pub(crate) retain_age: Duration,
    /// Keep the newest records that fit: lines and index entries.
    pub(crate) retain_bytes: u64,
    /// Rooms that the owner admits; more than that in the files is worth a warning.
    pub(crate) rooms_max: usize,
}

impl SegmentOptions {
    /// Whether whole segments are ever deleted.
    fn expires(&self) -> bool {
        self.retain_messages > 0 || self.retain_bytes > 0 || !self.retain_age.is_zero()
    }
}

/// Which ids the journal still holds; an empty journal's `last` is `first - 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalIds {
    /// Ids from here on are not known to be synced in the segments.
    pub(crate) first: u64,
    /// The newest that can be appended again.
    pub(crate) last: u64,
    /// Number of its first group, 0 if it is not known.
    pub(crate) first_group: u64,
    /// Every id between the two that was given can be appended again.
    pub(crate) is_whole: bool,
}

impl JournalIds {
    /// Nothing is in the journal, and everything in the segments was synced: after a clean stop. Without a journal and
    /// without a clean stop give `first: 1, last: 0`, so that all is checked.
    #[cfg(test)]
    pub(crate) const NOTHING: Self = Self::whole(u64::MAX, 0);

    /// A journal without damage.
    #[cfg(test)]
    pub(crate) const fn whole(first: u64, last: u64) -> Self {
        Self {
            first,
            last,
            first_group: 0,
            is_whole: true,
        }
    }
}

/// The writer's side of the segments. One owner, one at a time per folder.
pub(crate) struct Segments {
    options: SegmentOptions,
    read_only: bool,
    shared: Arc<Shared>,
    reader: Arc<SegmentReader>,
    /// The active segment's files.
    files: Arc<Files>,
    active: Active,
    newest_group: u64,
    newest_link: [u8; 32],
    newest_aside: u64,
    /// Appended and not yet published.
    pending: Pending,
    unsynced: sync::Unsynced,
    floor: Floor,
    rooms_kept: RoomsKept,
    /// Set when what is in the active segment should not stay there with what comes.
    roll_next: bool,
    room_hashes: RoomHashes,
    text_buffer: Vec<u8>,
    index_buffer: Vec<u8>,
}

/// What readers do not see yet.
#[derive(Debug, Default)]
struct Pending {
    rooms: HashMap<RoomName, u64>,
    /// Room hash and entry number.
    postings: Vec<(u64, u32)>,
}

impl Segments {
    /// The newest id appended, 0 in an empty log.
    pub(crate) fn newest_id(&self) -> u64 {
        self.active.last_id
    }

    /// The newest id that was set aside at the start, 0 if none was: nobody may get it again.
    pub(crate) fn newest_aside(&self) -> u64 {
        self.newest_aside
    }

    /// The newest group appended, 0 in an empty log.
    pub(crate) fn newest_group(&self) -> u64 {
        self.newest_group
    }

    /// The chain up to the newest group.
    pub(crate) fn newest_link(&self) -> [u8; 32] {
        self.newest_link
    }

    /// The room's newest id, appended or published; 0 if it has none.
    pub(crate) fn room_newest(&self, room: &RoomName) -> u64 {
        if let Some(newest) = self.pending.rooms.get(room) {
            return *newest;
        }
        self.shared.read().rooms.get(room).copied().unwrap_or(0)
    }

    /// How many rooms there are, those not yet published included.
    pub(crate) fn rooms_len(&self) -> usize {
        let state = self.shared.read();
        let new = self
            .pending
            .rooms
            .keys()
            .filter(|room| !state.rooms.contains_key(*room))
            .count();
        state.rooms.len() + new
    }

    /// The readers of these segments.
    pub(crate) fn reader(&self) -> Arc<SegmentReader> {
        Arc::clone(&self.reader)
    }

    /// The record with this id, removed, expired and unpublished ones too.
    pub(crate) fn lookup(&self, id: u64) -> Result<Option<StoredRecord>, LogError> {
        let Some(located) = self.locate(id)? else {
            return Ok(None);
        };
        let opened = Opened::open(&self.shared.folder, &located.segment)?;
        opened.map_or(Ok(None), |opened| opened.record(&located.entry).map(Some))
    }

    /// Whether there is a record with this id, or retention may have deleted it.
    pub(crate) fn has_had(&self, id: u64) -> Result<bool, LogError> {
        let oldest = {
            let state = self.shared.read();
            let sealed = state.sealed.first().map(|segment| segment.first_id);
            sealed.unwrap_or(self.active.first_id)
        };
        Ok(id < oldest || self.locate(id)?.is_some())
    }

    /// The place of an id, as the writer knows it.
    fn locate(&self, id: u64) -> Result<Option<Located>, LogError> {
        let segment = if id >= self.active.first_id {
            self.active_segment()
        } else {
            let state = self.shared.read();
            let at = state.sealed.partition_point(|known| known.last_id < id);
            match state.sealed.get(at) {
                Some(segment) => (**segment).clone(),
                None => return Ok(None),
            }
        };
        let found = match Opened::open(&self.shared.folder, &segment)? {
            Some(opened) => opened.find(id)?,
            None => None,
        };
        Ok(found.map(|(number, entry)| Located {
            segment,
            number,
            entry,
        }))
    }
}

/// Where a record is.
struct Located {
    segment: Segment,
    number: u32,
    entry: Entry,
}
