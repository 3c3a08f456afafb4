//! One group: drafted, written to the journal, made durable, applied. The order is that of `docs/storage.md`.

use slog::{error, warn};

use super::super::stored::{Group, chain_link};
use super::super::{Commit, LogError, LogStore, NewEvent, Outcome};
use super::draft::Known;
use super::files::refused;
use super::{Durability, EmbeddedLog, ids};
use crate::edge::wire::timestamp::Timestamp;

impl EmbeddedLog {
    pub(super) fn commit_events(
        &mut self,
        staged: &mut Vec<NewEvent>,
        now: Timestamp,
    ) -> Result<Commit, LogError> {
        self.refuse_if_stopped()?;
        self.catch_up(now)?;
        self.tags.forget(now);
        self.draft_group(staged, now)?;
        let outcomes = std::mem::take(&mut self.draft.outcomes);
        if self.draft.records.is_empty() {
            return Ok(Commit {
                outcomes,
                events: Vec::new(),
            });
        }
        let (group, switched) = self.write_group()?;
        let events = group.records.iter().map(|r| r.event.clone()).collect();
        self.accept(group);
        let applied = self.apply(now);
        // After a switch at once: then it is done when this half is full.
        match self.start_sync(switched) {
            Err(stopped @ LogError::Stopped { .. }) => return Err(stopped),
            Err(error) => warn!(self.log, "syncing could not be started; it is tried again";
                "reason" => %error),
            Ok(()) => {}
        }
        applied?;
        Ok(Commit { outcomes, events })
    }

    /// Decides about every event; changes nothing that lasts.
    fn draft_group(&mut self, staged: &mut Vec<NewEvent>, now: Timestamp) -> Result<(), LogError> {
        self.draft.begin(staged.len());
        let known = Known {
            segments: &self.segments,
            reader: &*self.reader,
            tags: &self.tags,
            tags_max: self.options.tags_max,
            rooms_max: self.options.rooms_max,
        };
        let mut id = self.next_id;
        for event in staged.drain(..) {
            let outcome = self.draft.add(event, id, now, &known)?;
            id += u64::from(matches!(outcome, Outcome::Stored { .. }));
        }
        self.draft.finish();
        Ok(())
    }

    /// Brings the draft into the journal, as durable as configured. After an error the journal does not have it.
    /// Says whether it switched to the other half.
    fn write_group(&mut self) -> Result<(Group, bool), LogError> {
        let bytes = self.draft.encoder.group_bytes();
        if bytes > self.group_bytes_max() {
            let reason = format!(
                "a group of {bytes} bytes where {} fit; set storage.journal_bytes higher",
                self.group_bytes_max()
            );
            let source = std::io::Error::new(std::io::ErrorKind::FileTooLarge, reason);
            return Err(refused("writing", &self.options.folder.join("journal"))(
                source,
            ));
        }
        let next_id = self.next_id + self.draft.records.len() as u64;
        if self.options.durability != Durability::Always && !self.ids.covers(next_id) {
            self.ids.reserve(next_id.saturating_add(ids::AHEAD))?;
        }
        let needed = self.journal.needs_synced(bytes);
        if needed > self.syncer.synced {
            self.sync_now(needed)?;
        }
        let number = self.newest.number + 1;
        let records = std::mem::take(&mut self.draft.records);
        let hashes = records.iter().map(|record| record.hash);
        let group = Group {
            number,
            link: chain_link(&self.newest.link, number, hashes),
            records,
        };
        let written = self
            .journal
            .write(&mut self.draft.encoder, &group, self.newest.link);
        let switched = written?;
        self.journal_dirty = true;
        self.step("journal written");
        // What a removal overwrites must not outlive the removal's own record in a power cut.
        if self.options.durability == Durability::Always || !self.draft.removals.is_empty() {
            self.sync_journal()?;
            self.step("journal synced");
        }
        Ok((group, switched))
    }

    /// From here on the group counts, whatever fails.
    fn accept(&mut self, group: Group) {
        self.next_id += group.records.len() as u64;
        let before = std::mem::replace(&mut self.newest, group);
        self.draft.records = before.records;
        self.unredacted.extend(&self.draft.removals);
    }

    /// Brings the newest group where readers find it. An error says that a removal of it is not done.
    fn apply(&mut self, now: Timestamp) -> Result<(), LogError> {
        #[cfg(test)]
        let appended = match self.hooks.apply_fault() {
            Some(error) => Err(error),
            None => self.segments.append(&self.newest),
        };
        #[cfg(not(test))]
        let appended = self.segments.append(&self.newest);
        match appended {
            Ok(()) => {}
            Err(stopped @ LogError::Stopped { .. }) => return Err(stopped),
            Err(error) => {
                error!(self.log, "a committed group could not be brought into its segment; nothing is accepted until it is";
                    "group" => self.newest.number, "reason" => %error);
                self.unapplied.push_back(self.newest.clone());
            }
        }
        self.step("appended");
        let redacted = self.redact_pending();
        if self.unapplied.is_empty() {
            self.segments.publish();
        }
        self.step("published");
        if let Err(error) = self.tags.insert(&self.draft.tagged, now) {
            error!(self.log, "tags could not be written; nothing is accepted until they are";
                "reason" => %error);
        }
        self.step("tags written");
        redacted
    }
}
