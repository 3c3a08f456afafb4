//! Removing content for good: every copy that any file of the folder has is overwritten, and that is made durable.

use std::collections::HashSet;

use super::super::segment::Segments;
use super::super::{EventKind, LogError};
use super::EmbeddedLog;
use super::journal::Journal;
use super::quarantine::Quarantine;

impl EmbeddedLog {
    /// Carries out the removals that are committed and not done. What fails stays for the next attempt.
    pub(super) fn redact_pending(&mut self) -> Result<(), LogError> {
        if self.unredacted.is_empty() {
            return Ok(());
        }
        #[cfg(test)]
        if let Some(error) = self.hooks.redact_fault() {
            return Err(error);
        }
        let ids = &self.unredacted;
        forget_copies(ids, &self.segments, &mut self.journal, &self.quarantine)?;
        self.tags.redact_all(ids)?;
        self.step("journal redacted");
        self.segments.redact_all(&self.unredacted)?;
        self.step("segments redacted");
        self.unredacted.clear();
        Ok(())
    }
}

impl EmbeddedLog {
    /// Overwrites a batch of what has expired in its room, in the order of a removal. `quarantine/` is left out: it is not the
    /// log's memory, and retention of the whole log leaves it as it is too.
    pub(super) fn overwrite_expired(&mut self) -> Result<(), LogError> {
        let Some(batch) = self.segments.next_expired()? else {
            return Ok(());
        };
        self.step("expired found");
        self.journal.redact_all(&batch.ids)?;
        self.sync_journal()?;
        self.step("expired: journal");
        self.tags.redact_all(&batch.ids)?;
        self.step("expired: tags");
        self.segments.overwrite_expired(&batch)?;
        self.step("expired: segments");
        Ok(())
    }
}

/// Overwrites removed content everywhere but in the segments, which come last: they are where the content, by which the
/// quarantine is searched, is looked up.
pub(super) fn forget_copies(
    ids: &[u64],
    segments: &Segments,
    journal: &mut Journal,
    quarantine: &Quarantine,
) -> Result<(), LogError> {
    let mut lost = HashSet::new();
    for id in ids {
        let record = match segments.lookup(*id) {
            // Its content is not known for sure, but where it stands is: it is overwritten there.
            Err(LogError::Damaged { .. }) => None,
            record => record?,
        };
        if record.is_none() && !segments.has_had(*id)? {
            lost.insert(*id);
        }
        // Of some the segments do not have the content: they may have been cut off at the start before it was overwritten there, and been
        // completed from the journal, where it was.
        if let Some(record) = record
            && !record.is_removed()
            && let EventKind::Message(body) = &record.event.kind
        {
            quarantine.forget(body)?;
        }
        journal.redact(*id)?;
    }
    let ids: HashSet<u64> = ids.iter().copied().collect();
    quarantine.forget_lines(&ids, &lost)?;
    quarantine.forget_groups(&ids, &lost)?;
    journal.sync()
}
