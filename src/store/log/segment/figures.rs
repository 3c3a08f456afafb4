//! Figures about everything that may be read: one pass over the index entries, no text.

use std::collections::HashMap;

use super::super::LogError;
use super::read::SegmentReader;
use super::shared::Snapshot;
use super::view::{Opened, RUN_ENTRIES_MAX};

/// What a pass over the index counts; ids below the retention floor are left out.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Index entries that are whole.
    pub(crate) records: u64,
    /// Messages that are served.
    pub(crate) messages: u64,
    /// Messages whose content was overwritten, or will be: they were removed or have expired in their room.
    pub(crate) removed: u64,
    /// Records that say that another one was removed.
    pub(crate) removals: u64,
    /// Index entries that cannot be read.
    pub(crate) damaged: u64,
    /// Lowest and highest id; 0 in an empty log.
    pub(crate) ids: (u64, u64),
    /// Lowest and highest time in microseconds; 0 in an empty log.
    pub(crate) times: (u64, u64),
    /// By the hash of the room's name: messages that are served, and the newest record's id.
    pub(crate) rooms: HashMap<u64, (u64, u64)>,
    /// Text segments.
    pub(crate) segments: usize,
}

impl SegmentReader {
    /// Goes through all entries.
    pub(crate) fn figures(&self) -> Result<Figures, LogError> {
        let snapshot = self.shared.snapshot();
        let mut figures = Figures {
            segments: snapshot.len(),
            ..Figures::default()
        };
        for n in snapshot.position(snapshot.floor)..snapshot.len() {
            let segment = snapshot.segment(n);
            let Some(opened) = self.open(segment)? else {
                continue;
            };
            let mut from = opened.lower_bound(snapshot.floor)?;
            while from < segment.count {
                let to = segment.count.min(from + RUN_ENTRIES_MAX);
                figures.add(&snapshot, &opened, from, to)?;
                from = to;
            }
        }
        Ok(figures)
    }
}

impl Figures {
    fn add(
        &mut self,
        snapshot: &Snapshot,
        opened: &Opened<'_>,
        from: u32,
        to: u32,
    ) -> Result<(), LogError> {
        let run = opened.run(from, to)?;
        for n in from..to {
            let Some(entry) = run.entry(n) else {
                self.damaged += 1;
                continue;
            };
            if self.records == 0 {
                self.ids.0 = entry.id;
                self.times = (entry.time, entry.time);
            }
            self.records += 1;
            self.ids.1 = entry.id;
            self.times.0 = self.times.0.min(entry.time);
            self.times.1 = self.times.1.max(entry.time);
            let room = self.rooms.entry(entry.room_hash).or_default();
            room.1 = entry.id;
            let gone = entry.is_removed() || snapshot.expired_in_room(&entry);
            match (entry.is_message(), gone) {
                (false, _) => self.removals += 1,
                (true, true) => self.removed += 1,
                (true, false) => {
                    self.messages += 1;
                    room.0 += 1;
                }
            }
        }
        Ok(())
    }
}
