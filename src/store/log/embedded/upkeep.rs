//! What happens beside commits: syncing, retrying what failed, retention, the clean stop.

use super::super::{LogError, RoomRetention};
use super::sync::SyncWork;
use super::{Durability, EmbeddedLog};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;

impl EmbeddedLog {
    pub(super) fn keep_up(&mut self, now: Timestamp) -> Result<(), LogError> {
        self.refuse_if_stopped()?;
        self.start_sync(false)?;
        self.catch_up(now)?;
        self.tags.forget(now);
        if self.flush_is_due() {
            self.sync_journal()?;
        }
        self.segments.retain(now)?;
        self.overwrite_expired()
    }

    pub(super) fn retain_rooms(
        &mut self,
        rooms: &[(RoomName, RoomRetention)],
    ) -> Result<(), LogError> {
        self.refuse_if_stopped()?;
        let now = self.clock.wall();
        // What readers do not see yet could not be counted.
        self.catch_up(now)?;
        self.segments.set_room_retentions(rooms, now)
    }

    /// Does what earlier commits left undone. An error means that nothing may be accepted yet.
    pub(super) fn catch_up(&mut self, now: Timestamp) -> Result<(), LogError> {
        while let Some(group) = self.unapplied.front() {
            #[cfg(test)]
            if let Some(error) = self.hooks.apply_fault() {
                return Err(error);
            }
            self.segments.append(group)?;
            self.unapplied.pop_front();
        }
        let redacted = self.redact_pending();
        self.segments.publish();
        redacted?;
        self.tags.catch_up(now)
    }

    /// The way of a group without one; see [`LogStore::probe`](super::super::LogStore::probe).
    pub(super) fn write_nothing(&mut self, now: Timestamp) -> Result<(), LogError> {
        self.refuse_if_stopped()?;
        self.syncer.poll()?;
        self.catch_up(now)?;
        self.journal.touch()?;
        self.journal_dirty = true;
        if self.options.durability == Durability::Always {
            self.sync_journal()?;
        }
        Ok(())
    }

    /// Hands what is not durable outside the journal to the thread, if that is free and it is time (or `urgent`).
    pub(super) fn start_sync(&mut self, urgent: bool) -> Result<(), LogError> {
        self.syncer.poll()?;
        if self.options.durability == Durability::Interval && self.flush_is_due() {
            self.sync_journal()?;
        }
        // Tags that are in no file yet are synced by no round, and the round's id must not say so.
        if self.syncer.wants_work(urgent) && self.is_dirty() && self.tags.is_written() {
            let work = self.sync_work()?;
            self.syncer.hand_over(work)?;
        }
        Ok(())
    }

    /// Waits until everything up to `id` is durable outside the journal.
    pub(super) fn sync_now(&mut self, id: u64) -> Result<(), LogError> {
        let began = self.clock.uptime();
        self.syncer.wait()?;
        if self.syncer.synced < id {
            let work = self.sync_work()?;
            let report = work.run();
            self.syncer.note(report)?;
        }
        self.waits += 1;
        slog::debug!(self.log, "a commit waited for the segments to be synced; more storage.journal_bytes make that rarer";
            "waits" => self.waits, "milliseconds" => self.clock.uptime().saturating_sub(began).as_millis() as u64);
        Ok(())
    }

    /// Makes the journal durable.
    pub(super) fn sync_journal(&mut self) -> Result<(), LogError> {
        self.journal.sync()?;
        self.journal_dirty = false;
        self.journal_synced = self.clock.uptime();
        Ok(())
    }

    /// Syncs everything and says so in `ids`.
    pub(super) fn shut(&mut self) -> Result<(), LogError> {
        self.refuse_if_stopped()?;
        self.staged.clear();
        self.catch_up(self.clock.wall())?;
        self.syncer.stop()?;
        self.sync_work()?.run()?;
        self.sync_journal()?;
        self.segments.close()?;
        self.ids.stop(self.next_id)?;
        slog::info!(self.log, "the log is closed"; "next_id" => self.next_id, "group" => self.newest.number,
            "waits_for_sync" => self.waits);
        // Whatever is called after this is a mistake, and told so.
        self.stopped = Some((
            self.options.folder.display().to_string(),
            "the log was closed".to_owned(),
        ));
        Ok(())
    }

    fn flush_is_due(&self) -> bool {
        self.options.durability == Durability::Interval
            && self.journal_dirty
            && self.clock.uptime().saturating_sub(self.journal_synced)
                >= self.options.flush_interval
    }

    fn is_dirty(&self) -> bool {
        self.syncer.synced < self.segments.newest_id() || !self.tags.is_clean()
    }

    pub(super) fn sync_work(&mut self) -> Result<SyncWork, LogError> {
        self.step("sync begins");
        // First what may fail (too many open files): what the segments hand out counts as synced from then on.
        let tags = self.tags.unsynced()?;
        Ok(SyncWork {
            covers: self.segments.newest_id(),
            segments: self.segments.sync_handle(),
            tags,
        })
    }
}
