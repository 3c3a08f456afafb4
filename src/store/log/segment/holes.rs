//! Records of a room that damage has taken: found by whoever reads the room in order, since every record names the one before it.
//!
//! In: entries of one room as a page meets them, and lines that could not be read. Out: the ids before which something is missing.

use super::super::Event;
use super::index::Entry;

/// Holes of one page noted one by one; beyond that they run together.
const NOTED_MAX: usize = 4096;

/// Holes met on a page.
pub(super) struct Holes {
    /// Whether they can be told at all.
    sees: bool,
    /// The room's last record that was met, served or not.
    met: u64,
    before: Vec<u64>,
}

impl Holes {
    /// For a page behind `after`; `sees` if it reads one room oldest-first and leaves nothing out.
    pub(super) fn new(sees: bool, after: u64) -> Self {
        Self {
            sees,
            met: after,
            before: Vec::new(),
        }
    }

    pub(super) fn sees(&self) -> bool {
        self.sees
    }

    /// The next entries of the room, rising.
    pub(super) fn meet(&mut self, found: &[Entry]) {
        if !self.sees {
            return;
        }
        for entry in found {
            if entry.id <= self.met {
                continue;
            }
            if entry.prev > self.met && entry.prev < entry.id {
                note(&mut self.before, entry.id);
            }
            if entry.is_lost() {
                note(&mut self.before, entry.id + 1);
            }
            self.met = entry.id;
        }
    }

    /// This record cannot be read.
    pub(super) fn unreadable(&mut self, id: u64) {
        if self.sees {
            note(&mut self.before, id.saturating_add(1));
        }
    }

    /// The room's entry behind the last one that was met cannot be read; which it was is not known until the next one tells.
    pub(super) fn unreadable_next(&mut self) {
        self.unreadable(self.met);
    }

    /// Holes up to `scanned_to`, rising, no two without an event between them.
    pub(super) fn among(mut self, events: &[Event], scanned_to: u64) -> Vec<u64> {
        self.before.retain(|id| *id <= scanned_to.saturating_add(1));
        self.before.sort_unstable();
        let mut out: Vec<u64> = Vec::with_capacity(self.before.len());
        for id in self.before {
            let apart = |last: &u64| {
                let at = events.partition_point(|event| event.id < *last);
                events.get(at).is_some_and(|event| event.id < id)
            };
            match out.last_mut() {
                Some(last) if !apart(last) => *last = id,
                _ => out.push(id),
            }
        }
        out
    }
}

fn note(before: &mut Vec<u64>, id: u64) {
    let is_full = before.len() >= NOTED_MAX;
    match before.last_mut() {
        Some(last) if *last == id => {}
        Some(last) if is_full => *last = id.max(*last),
        _ => before.push(id),
    }
}
