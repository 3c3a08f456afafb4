//! Overwriting what has expired in its room, in batches: picking one, overwriting it in the segments, noting how far that is.
//!
//! In: the rooms' floors. Out: ids for the owner to overwrite in its own files first. A crash at any point is harmless, since
//! nothing is noted before it is durable, and what is not noted is done again.

use std::collections::HashSet;

use super::super::LogError;
use super::super::disk::File;
use super::Segments;
use super::candidates::End;
use super::files::{Part, part_path, sync_error};
use super::index::room_hash;
use super::read::Wanted;
use super::shared::Segment;
use super::view::Opened;
use crate::edge::wire::names::RoomName;

/// Messages overwritten in one call.
pub(super) const BATCH_MESSAGES_MAX: usize = 1000;
/// Their contents; a single larger one is taken all the same.
const BATCH_BYTES_MAX: u64 = 4 << 20;
/// Segments that one call writes to: each is synced.
const BATCH_SEGMENTS_MAX: usize = 4;
/// Times that one call looks for a room's records in a segment, found or not.
const BATCH_LOOKS_MAX: u32 = 256;

/// What to overwrite next.
#[derive(Debug, Default)]
pub(crate) struct ExpiredBatch {
    /// Messages, in rising order of id.
    pub(crate) ids: Vec<u64>,
    /// Below which id these rooms' records will be overwritten then.
    rooms: Vec<(RoomName, u64)>,
    segments: HashSet<u64>,
    bytes: u64,
    looks: u32,
}

impl ExpiredBatch {
    fn is_full(&self) -> bool {
        self.ids.len() >= BATCH_MESSAGES_MAX
            || self.bytes >= BATCH_BYTES_MAX
            || self.looks >= BATCH_LOOKS_MAX
    }

    fn admits(&self, segment: &Segment) -> bool {
        self.segments.len() < BATCH_SEGMENTS_MAX || self.segments.contains(&segment.first_id)
    }
}

impl Segments {
    /// What has expired in its room and is still to be overwritten; `None` if nothing is.
    pub(crate) fn next_expired(&self) -> Result<Option<ExpiredBatch>, LogError> {
        // A floor that is not durable may be forgotten, and its messages are served again then.
        if self.read_only || !self.rooms_kept.waiting || self.rooms_kept.risen {
            return Ok(None);
        }
        let mut batch = ExpiredBatch::default();
        for (room, floor) in self.rooms_kept.floors() {
            if floor.overwritten >= floor.id {
                continue;
            }
            if batch.is_full() {
                break;
            }
            let to = self.pick(room, floor.overwritten, floor.id, &mut batch)?;
            batch.rooms.push((room.clone(), to));
        }
        batch.ids.sort_unstable();
        Ok(Some(batch))
    }

    /// Adds the room's messages from one id up to another; returns how far it came.
    fn pick(
        &self,
        room: &RoomName,
        from: u64,
        to: u64,
        batch: &mut ExpiredBatch,
    ) -> Result<u64, LogError> {
        let snapshot = self.shared.snapshot();
        let hash = room_hash(room.as_str());
        for n in snapshot.position(from)..snapshot.len() {
            let segment = snapshot.segment(n);
            if segment.first_id >= to {
                break;
            }
            if batch.is_full() || !batch.admits(segment) {
                return Ok(segment.first_id.max(from));
            }
            batch.looks += 1;
            let mut full_at = None;
            let wanted = Wanted {
                room: hash,
                ids: from..to,
                since: 0,
                expected: 0,
            };
            self.reader
                .each_entry(segment, &wanted, End::Front, |entry| {
                    if entry.is_message() {
                        batch.ids.push(entry.id);
                        batch.bytes += u64::from(entry.content_bytes);
                        batch.segments.insert(segment.first_id);
                    }
                    full_at = batch.is_full().then_some(entry.id + 1);
                    full_at.is_none()
                })?;
            if let Some(at) = full_at {
                return Ok(at);
            }
        }
        Ok(to)
    }

    /// Overwrites a batch in the segments and syncs them. The owner has overwritten it everywhere else, durably.
    pub(crate) fn overwrite_expired(&mut self, batch: &ExpiredBatch) -> Result<(), LogError> {
        self.refuse_read_only()?;
        let mut rest = &batch.ids[..];
        while let Some(first) = rest.first() {
            let segment = self.segment_of(*first);
            let here = rest.partition_point(|id| *id <= segment.last_id).max(1);
            let (ids, behind) = rest.split_at(here);
            rest = behind;
            self.overwrite_in(&segment, ids)?;
        }
        for (room, to) in &batch.rooms {
            if let Some(kept) = self.rooms_kept.rooms.get_mut(room) {
                kept.floor.overwritten = kept.floor.overwritten.max(*to);
            }
        }
        self.rooms_kept.progress |= !batch.rooms.is_empty();
        self.rooms_kept.look_for_waiting();
        Ok(())
    }

    fn segment_of(&self, id: u64) -> Segment {
        let state = self.shared.read();
        let at = state.sealed.partition_point(|known| known.last_id < id);
        match state.sealed.get(at) {
            Some(sealed) => (**sealed).clone(),
            None => self.active_segment(),
        }
    }

    /// No reader is told of it as of a removal: what it reads is below a floor by now, and it looks at the floors again.
    fn overwrite_in(&self, segment: &Segment, ids: &[u64]) -> Result<(), LogError> {
        let folder = &self.shared.folder;
        // Retention of the whole log may have deleted it.
        let Some(opened) = Opened::open(folder, segment)? else {
            return Ok(());
        };
        let target = self.target(segment.first_id)?;
        for id in ids {
            if let Some((number, entry)) = opened.find(*id)?
                && entry.is_message()
            {
                self.overwrite(&target, segment.first_id, number, entry)?;
            }
        }
        let sync = |file: &File, part| {
            let path = part_path(folder, segment.first_id, part);
            file.sync_data().map_err(|error| sync_error(&path)(error))
        };
        sync(target.text(), Part::Text)?;
        sync(target.index(), Part::Index)
    }
}
