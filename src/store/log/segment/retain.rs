//! Retention: an exact floor under the ids that are served, and the deletion of whole segments below it.

use super::super::LogError;
use super::Segments;
use super::append::kept_bytes;
use super::files::{Part, part_path, remove, sync_folder};
use super::index::ENTRY_BYTES;
use super::shared::Segment;
use super::view::{Opened, RUN_ENTRIES_MAX};
use crate::edge::wire::timestamp::Timestamp;

/// The active segment is sealed early once it holds this part of what is to be kept, so that at most so much lingers.
const LINGER_PART: u64 = 8;
/// But no segment is sealed early below this: tiny limits must not make a file of every message.
const EARLY_MESSAGES_MIN: u64 = 256;
const EARLY_BYTES_MIN: u64 = 64 * 1024;

/// Where the floor is, and what is above it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Floor {
    /// First id of the segment that it is in.
    segment: u64,
    /// Number of the first entry above it.
    entry: u32,
    /// Messages above it, removed ones included.
    messages: u64,
    /// Bytes above it.
    bytes: u64,
    /// Time of the first entry above it, if it was looked at.
    next_time: Option<u64>,
    /// First id above it, and the highest time below; readers may not know them yet.
    pub(super) id: u64,
    time_max: u64,
    /// As `floors` has it from an earlier run: what is below has expired, whatever the limits say now.
    pub(super) known: u64,
}

impl Floor {
    /// The floor under everything.
    pub(super) fn below<'a>(segments: impl Iterator<Item = &'a Segment>) -> Self {
        let mut floor = Self::default();
        for (n, segment) in segments.enumerate() {
            if n == 0 {
                floor.segment = segment.first_id;
            }
            let bytes = kept_bytes(segment.text_bytes, segment.count);
            floor.appended(u64::from(segment.messages), bytes);
        }
        floor
    }

    pub(super) fn appended(&mut self, messages: u64, bytes: u64) {
        self.messages += messages;
        self.bytes += bytes;
    }
}

/// What the floor passed in one segment.
struct Passed {
    floor_id: Option<u64>,
    time_max: u64,
}

impl Segments {
    /// Raises the floor as far as the limits ask, deletes whole segments below it, oldest first, and returns the first id kept.
    /// The owner calls it after opening, before anything is served, and from time to time.
    pub(crate) fn retain(&mut self, now: Timestamp) -> Result<u64, LogError> {
        let age = u64::try_from(self.options.retain_age.as_micros()).unwrap_or(u64::MAX);
        let due = self.rooms_kept.is_due(now);
        let cutoff = match age {
            // Raised by age, the floor has to be written down first. By number and size it is found again, for nothing.
            age if age > 0 && due => now.as_micros().saturating_sub(age),
            _ => 0,
        };
        if age > 0 && self.active.count > 0 {
            let held = now.as_micros().saturating_sub(self.active.first_time);
            self.roll_next |= held > age / LINGER_PART;
        }
        let aged = cutoff > 0 && self.floor.next_time.is_none_or(|t| t < cutoff);
        if self.over_limit() || aged || self.floor.known > 0 {
            let before = self.floor.id;
            self.raise(cutoff)?;
            self.rooms_kept.risen |= aged && self.floor.id > before;
        }
        if self.read_only {
            self.publish_floor();
            return Ok(self.shared.read().floor);
        }
        let raised = match due {
            true => self.raise_rooms(now),
            false => Ok(()),
        };
        match self.write_risen(due) {
            Ok(()) => self.publish_floor(),
            Err(stopped @ LogError::Stopped { .. }) => return Err(stopped),
            Err(error) => {
                // On a full disk the floors cannot be written, and deleting is what helps. It needs no floor to last.
                self.publish_whole_segments();
                self.delete_below()?;
                return Err(error);
            }
        }
        self.delete_below()?;
        raised?;
        Ok(self.shared.read().floor)
    }

    /// Whether the active segment should be sealed before the next group for the sake of retention.
    pub(super) fn holds_enough(&self) -> bool {
        let (messages, bytes) = (self.options.retain_messages, self.options.retain_bytes);
        let held = kept_bytes(self.active.text_bytes, self.active.count);
        let many = (messages / LINGER_PART).max(EARLY_MESSAGES_MIN);
        let much = (bytes / LINGER_PART).max(EARLY_BYTES_MIN);
        (messages > 0 && u64::from(self.active.messages) >= many) || (bytes > 0 && held >= much)
    }

    fn over_limit(&self) -> bool {
        let (messages, bytes) = (self.options.retain_messages, self.options.retain_bytes);
        (messages > 0 && self.floor.messages > messages) || (bytes > 0 && self.floor.bytes > bytes)
    }

    fn raise(&mut self, cutoff: u64) -> Result<(), LogError> {
        let sealed = std::sync::Arc::clone(&self.shared.read().sealed);
        let active = self.active_segment();
        let begin = sealed.partition_point(|segment| segment.first_id < self.floor.segment);
        let mut time_max = 0;
        let mut floor_id = None;
        let segments = sealed[begin..].iter().map(|s| &**s);
        for segment in segments.chain(std::iter::once(&active)) {
            if segment.first_id != self.floor.segment {
                self.floor.segment = segment.first_id;
                self.floor.entry = 0;
            }
            let passed = self.raise_in(segment, cutoff)?;
            time_max = time_max.max(passed.time_max);
            floor_id = passed.floor_id;
            if floor_id.is_some() {
                break;
            }
        }
        let floor_id = floor_id.unwrap_or(self.newest_id() + 1);
        self.floor.id = self.floor.id.max(floor_id);
        self.floor.time_max = self.floor.time_max.max(time_max);
        self.floor.known = 0;
        Ok(())
    }

    fn write_risen(&mut self, due: bool) -> Result<(), LogError> {
        self.publish_floors()?;
        if due && self.rooms_kept.progress {
            self.write_floors()?;
        }
        Ok(())
    }

    /// Lets readers know the floor as far as the sealed segments below it go.
    fn publish_whole_segments(&self) {
        let mut state = self.shared.write();
        let below = state.sealed.partition_point(|s| s.last_id < self.floor.id);
        if let Some(last) = below.checked_sub(1).and_then(|n| state.sealed.get(n)) {
            let (last_id, time_max) = (last.last_id, last.time_max);
            state.floor = state.floor.max(last_id + 1);
            state.expired_time_max = state.expired_time_max.max(time_max);
        }
    }

    /// Lets readers know the floor.
    pub(super) fn publish_floor(&self) {
        let mut state = self.shared.write();
        state.floor = state.floor.max(self.floor.id);
        state.expired_time_max = state.expired_time_max.max(self.floor.time_max);
    }

    /// Passes the entries of one segment that have to go.
    fn raise_in(&mut self, segment: &Segment, cutoff: u64) -> Result<Passed, LogError> {
        let mut passed = Passed {
            floor_id: None,
            time_max: 0,
        };
        self.floor.next_time = None;
        let folder = self.shared.folder.clone();
        let Some(opened) = Opened::open(&folder, segment)? else {
            return Ok(passed);
        };
        while self.floor.entry < segment.count {
            let to = segment.count.min(self.floor.entry + RUN_ENTRIES_MAX);
            let run = opened.run(self.floor.entry, to)?;
            while self.floor.entry < to {
                let entry = run.entry(self.floor.entry);
                let over = self.over_limit();
                if let Some(entry) = entry {
                    if !over && entry.time >= cutoff && entry.id >= self.floor.known {
                        passed.floor_id = Some(entry.id);
                        self.floor.next_time = Some(entry.time);
                        return Ok(passed);
                    }
                    passed.time_max = passed.time_max.max(entry.time_max);
                    let bytes = u64::from(entry.line_bytes) + ENTRY_BYTES as u64;
                    let messages = u64::from(entry.is_message());
                    self.floor.messages = self.floor.messages.saturating_sub(messages);
                    self.floor.bytes = self.floor.bytes.saturating_sub(bytes);
                }
                self.floor.entry += 1;
            }
        }
        Ok(passed)
    }

    fn delete_below(&mut self) -> Result<(), LogError> {
        let floor = self.shared.read().floor;
        if self.active.count > 0 && self.active.last_id < floor {
            self.roll(self.active.last_id + 1)?;
        }
        if self
            .shared
            .read()
            .sealed
            .first()
            .is_none_or(|s| s.last_id >= floor)
        {
            return Ok(());
        }
        // What goes must not hold anything that is nowhere else yet: the newest id, the chain, the rooms. A round on the other
        // thread may have been given these and not have come to them.
        self.unsynced.touch(self.active.first_id, &self.files);
        self.unsynced.names = true;
        self.unsynced.table_due();
        if let Some(job) = self.sync_handle() {
            job.run()?;
        }
        loop {
            let oldest = self.shared.read().sealed.first().cloned();
            let Some(oldest) = oldest.filter(|segment| segment.last_id < floor) else {
                break;
            };
            self.rooms_kept.forget_count(oldest.last_id);
            // Content first. A text without sidecars cannot be told from damage; sidecars without a text are debris.
            for part in Part::ALL {
                let path = part_path(&self.shared.folder, oldest.first_id, part);
                remove(&self.shared.folder, &path)?;
            }
            std::sync::Arc::make_mut(&mut self.shared.write().sealed).remove(0);
        }
        sync_folder(&self.shared.folder)
    }
}
