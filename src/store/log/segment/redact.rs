//! Removing content: overwritten in the text, the salt in the index, both synced before the call returns.

use std::sync::Arc;

use super::super::LogError;
use super::super::disk::{File, Open};
use super::super::stored::REMOVED_FILL;
use super::Segments;
use super::files::{Files, Part, io_error, part_path, sync_error};
use super::floors::RoomFloors;
use super::index::{Entry, entry_at};

/// A segment's files, open to overwrite.
pub(super) enum Target {
    Active(Arc<Files>),
    Sealed { text: File, index: File },
}

impl Target {
    pub(super) fn text(&self) -> &File {
        match self {
            Self::Active(files) => &files.text,
            Self::Sealed { text, .. } => text,
        }
    }

    pub(super) fn index(&self) -> &File {
        match self {
            Self::Active(files) => &files.index,
            Self::Sealed { index, .. } => index,
        }
    }
}

impl Segments {
    #[cfg(test)]
    /// Overwrites the content of one message; see [`Segments::redact_all`].
    pub(crate) fn redact(&mut self, id: u64) -> Result<bool, LogError> {
        Ok(self.redact_all(&[id])?.contains(&true))
    }

    /// Overwrites the content of these messages and syncs once. For each: whether it was a live message. Repeating it
    /// is harmless and completes what a crash cut short.
    pub(crate) fn redact_all(&mut self, ids: &[u64]) -> Result<Vec<bool>, LogError> {
        self.refuse_read_only()?;
        self.shared.removal_step();
        let outcome = self.overwrite_and_sync(ids);
        self.shared.removal_step();
        outcome
    }

    fn overwrite_and_sync(&self, ids: &[u64]) -> Result<Vec<bool>, LogError> {
        let (floor, room_floors) = {
            let state = self.shared.read();
            (state.floor, state.room_floors.clone())
        };
        let mut targets: Vec<(u64, Target)> = Vec::new();
        let mut live = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(located) = self.locate(*id)? else {
                live.push(false);
                continue;
            };
            if !located.entry.is_message() {
                live.push(false);
                continue;
            }
            let first_id = located.segment.first_id;
            let known = targets.iter().position(|(known, _)| *known == first_id);
            let at = match known {
                Some(at) => at,
                None => {
                    targets.push((first_id, self.target(first_id)?));
                    targets.len() - 1
                }
            };
            self.overwrite(&targets[at].1, first_id, located.number, located.entry)?;
            let in_room = |all: &Arc<RoomFloors>| !all.expired(&located.entry);
            let kept = *id >= floor && room_floors.as_ref().is_none_or(in_room);
            live.push(!located.entry.is_removed() && kept);
        }
        for (first_id, target) in &targets {
            let sync = |file: &File, part| {
                let path = part_path(&self.options.folder, *first_id, part);
                file.sync_data().map_err(|error| sync_error(&path)(error))
            };
            sync(target.text(), Part::Text)?;
            sync(target.index(), Part::Index)?;
        }
        Ok(live)
    }

    pub(super) fn target(&self, first_id: u64) -> Result<Target, LogError> {
        if first_id == self.active.first_id {
            return Ok(Target::Active(Arc::clone(&self.files)));
        }
        let open = |part| {
            let path = part_path(&self.options.folder, first_id, part);
            let file = self.shared.folder.open(&path, Open::Write);
            file.map_err(|error| io_error("open", &path)(error))
        };
        Ok(Target::Sealed {
            text: open(Part::Text)?,
            index: open(Part::Index)?,
        })
    }

    /// The flag comes first: a reader that meets overwritten content finds it.
    pub(super) fn overwrite(
        &self,
        target: &Target,
        first_id: u64,
        number: u32,
        entry: Entry,
    ) -> Result<(), LogError> {
        let path = |part| part_path(&self.options.folder, first_id, part);
        let removed: Entry = entry.removed();
        target
            .index()
            .write_all_at(&removed.encode(), entry_at(number))
            .map_err(|error| io_error("overwrite", &path(Part::Index))(error))?;
        let mut bytes = u64::from(entry.content_bytes);
        if entry.is_lost() {
            // Its line may not be there, and none is made by overwriting it.
            let end = target.text().length();
            let end = end.map_err(|error| io_error("read", &path(Part::Text))(error))?;
            bytes = bytes.min(end.saturating_sub(entry.content_at()));
        }
        let fill = vec![REMOVED_FILL; bytes as usize];
        target
            .text()
            .write_all_at(&fill, entry.content_at())
            .map_err(|error| io_error("overwrite", &path(Part::Text))(error))
    }
}
