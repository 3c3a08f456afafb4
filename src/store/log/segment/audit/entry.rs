//! One entry on its way through a segment: against the entry before it, its line, its room, and what it removed.

use std::time::Duration;

use super::super::super::LogError;
use super::super::files::{Part, io_error};
use super::super::index::{ENTRY_BYTES, Entry, entry_at};
use super::super::view::Opened;
use super::record::{Alone, Found, Rooms, Text};
use super::walk::Walk;
use super::{Check, record};

/// Before a second look at what a running server may be changing.
const SECOND_LOOK_AFTER: Duration = Duration::from_millis(50);

impl Walk<'_> {
    pub(super) fn entry(
        &mut self,
        number: u32,
        entry: &Entry,
        found: Found,
        group: Option<u64>,
    ) -> Result<(), LogError> {
        let time_max = self.carried.time_max.max(entry.time);
        let follows_id = entry.id > self.carried.last_id && entry.id >= self.first_id;
        let why = if !follows_id {
            Some("the ids do not rise")
        } else if !entry.is_lost()
            && self
                .text_end
                .is_some_and(|end| end != u64::from(entry.offset))
        {
            Some("the line does not follow on the one before")
        } else if group.is_some_and(|group| group != entry.group) {
            Some("the entry belongs to another group")
        } else if self.carried.lost.is_none() && entry.time_max != time_max {
            Some("the highest time so far is wrong")
        } else {
            None
        };
        if let Some(why) = why {
            let path = self.paths[1].clone();
            self.audit
                .fault(Check::Entries, &path, entry_at(number), Some(entry.id), why);
        }
        if self.audit.records == 0 {
            self.audit.ids.0 = entry.id;
        }
        self.audit.records += 1;
        self.figures.records += 1;
        self.figures.messages += u32::from(entry.is_message());
        self.carried.time_max = self.carried.time_max.max(entry.time_max);
        self.figures.time_max = self.carried.time_max;
        self.text_end = Some(entry.end());
        self.postings
            .entry(entry.room_hash)
            .or_default()
            .push(number);
        if entry.is_lost() {
            self.lost_record(entry, found)?;
            self.carried.last_id = self.carried.last_id.max(entry.id);
            return Ok(());
        }
        if entry.is_removed()
            && entry.is_message()
            && self.carried.gone.met(self.first_id, number, entry)
        {
            self.audit.expired_count += 1;
        }
        match self.record(number, entry, found)? {
            Some(record) => self.follow_up(number, entry, record)?,
            // Which room this was is not certain, so the next one's link proves nothing.
            None => self.carried.lose(entry.id, entry.id),
        }
        self.carried.last_id = self.carried.last_id.max(entry.id);
        Ok(())
    }

    /// A record that is marked as lost. If it was a removal, that it was one still explains what is overwritten.
    fn lost_record(&mut self, entry: &Entry, found: Found) -> Result<(), LogError> {
        self.audit.lost(entry.id);
        self.carried.lose(entry.id, entry.id);
        if let Ok(record) = found
            && let Some(target) = record.removes
        {
            self.carried.gone.removed(target);
        }
        Ok(())
    }

    /// What was found of the record alone; looks again after a moment if a running server may have been at it.
    fn record(
        &mut self,
        number: u32,
        entry: &Entry,
        found: Found,
    ) -> Result<Option<Alone>, LogError> {
        self.audit.checked(Check::Lines);
        let hashed = if entry.is_removed() {
            Check::Removals
        } else {
            Check::Hashes
        };
        self.audit.checked(hashed);
        let (check, why) = match found {
            Ok(record) => return Ok(Some(record)),
            Err(fault) => fault,
        };
        if self.carried.server_runs && self.carried.second_looks > 0 {
            self.carried.second_looks -= 1;
            std::thread::sleep(SECOND_LOOK_AFTER);
            let mut bytes = [0; ENTRY_BYTES];
            let read = self.files.index.read_exact_at(&mut bytes, entry_at(number));
            read.map_err(|error| io_error("read", &self.paths[1])(error))?;
            if let Some(again) = Entry::decode(&bytes) {
                let mut text = Text::new(&self.files.text, self.text_bytes);
                text.read_until(again.end());
                let line = text
                    .line(&again)
                    .map_err(|error| io_error("read", &self.paths[0])(error))?;
                if let Ok(record) = record::check(&again, line, &mut Rooms::default()) {
                    return Ok(Some(record));
                }
            }
        }
        let path = self.paths[0].clone();
        self.audit
            .fault(check, &path, u64::from(entry.offset), Some(entry.id), why);
        Ok(None)
    }

    /// What is known of a record only together with earlier ones.
    fn follow_up(&mut self, number: u32, entry: &Entry, record: Alone) -> Result<(), LogError> {
        self.audit.checked(Check::RoomLinks);
        let known = match self.carried.rooms.get_mut(&record.room) {
            Some(newest) => Some(std::mem::replace(newest, entry.id)),
            None => self.carried.rooms.insert(record.room, entry.id),
        };
        let lost = self.carried.lost;
        let may_be_lost = lost.is_some_and(|(low, high)| (low..=high).contains(&entry.prev));
        let expired = known.is_none() && entry.prev < self.carried.first_id;
        if known != Some(entry.prev) && !expired && !may_be_lost {
            let path = self.paths[1].clone();
            let why = match known {
                Some(before) => format!(
                    "the record names {} as the one before it in its room, which is {before}",
                    entry.prev
                ),
                None => format!(
                    "the record names {} as the one before it in its room, where there is none",
                    entry.prev
                ),
            };
            self.audit.fault(
                Check::RoomLinks,
                &path,
                entry_at(number),
                Some(entry.id),
                why,
            );
        }
        if let Some(target) = record.removes {
            self.removal(number, entry, target)?;
        }
        Ok(())
    }

    fn removal(&mut self, number: u32, entry: &Entry, target: u64) -> Result<(), LogError> {
        self.audit.checked(Check::Removals);
        self.carried.gone.removed(target);
        // A running server may be about to overwrite it.
        if self.carried.server_runs {
            return Ok(());
        }
        let here = self.as_segment(number);
        let earlier = &self.carried.segments;
        let at = earlier.partition_point(|segment| segment.last_id < target);
        let segment = earlier.get(at).unwrap_or(&here);
        let Some(opened) = Opened::open(self.folder, segment)? else {
            return Ok(());
        };
        if let Some((n, found)) = opened.find(target)?
            && !found.is_removed()
        {
            let path = opened.path(Part::Index);
            let why = format!(
                "removal {} names this message, and it is still there",
                entry.id
            );
            self.audit
                .fault(Check::Removals, &path, entry_at(n), Some(target), why);
        }
        Ok(())
    }
}
