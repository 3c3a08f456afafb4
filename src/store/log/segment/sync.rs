//! Making appended groups durable, away from the writer's thread, and then what is derived from them.

use std::sync::{Arc, PoisonError};

use slog::warn;

use super::super::LogError;
use super::super::disk::File;
use super::candidates::{in_memory, now_in_file};
use super::files::{Files, Part, part_path, sync_error, sync_folder};
use super::index::Entry;
use super::rooms::{self, Figures};
use super::shared::{Segment, Shared};
use super::view::Opened;
use super::{Segments, rooms_table};
use crate::edge::wire::names::RoomName;

/// What has been written since the last job was handed out.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// Segments by first id; usually one.
    files: Vec<(u64, Arc<Files>)>,
    /// Files were created.
    pub(super) names: bool,
    /// The room table is to be written: a segment was sealed, or the one on disk is of no use.
    table: bool,
}

impl Unsynced {
    pub(super) fn touch(&mut self, first_id: u64, files: &Arc<Files>) {
        if self
            .files
            .last()
            .is_none_or(|(known, _)| *known != first_id)
        {
            self.files.push((first_id, Arc::clone(files)));
        }
    }

    pub(super) fn table_due(&mut self) {
        self.table = true;
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && !self.names && !self.table
    }
}

/// What has to be synced; to be run on another thread. After an error the log must stop: what the disk holds is unknown.
pub(crate) struct SyncJob {
    shared: Arc<Shared>,
    unsynced: Unsynced,
    /// Sealed segments whose `.rooms` is to be written.
    derived: Vec<Arc<Segment>>,
    rooms: Option<Vec<(RoomName, u64)>>,
    /// What the room table is of.
    newest_id: u64,
}

impl SyncJob {
    /// Syncs. Derived files that cannot be written are said in the log and tried again with a later job.
    pub(crate) fn run(&self) -> Result<(), LogError> {
        let folder = &self.shared.folder;
        for (first_id, files) in &self.unsynced.files {
            let sync = |file: &File, part| {
                file.sync_data()
                    .map_err(|error| sync_error(&part_path(folder, *first_id, part))(error))
            };
            sync(&files.text, Part::Text)?;
            sync(&files.index, Part::Index)?;
            sync(&files.chain, Part::Chain)?;
        }
        if self.unsynced.names {
            sync_folder(folder)?;
        }
        if let Err(error) = self.write_derived() {
            warn!(self.shared.log, "a derived file could not be written; it will be tried again";
                "error" => %error);
        }
        Ok(())
    }

    fn write_derived(&self) -> Result<(), LogError> {
        let folder = &self.shared.folder;
        let table = self.shared.derived.lock();
        let mut table = table.unwrap_or_else(PoisonError::into_inner);
        // An older job that comes late must not put back an older table: what it lacks may be deleted by now.
        let rooms = self
            .rooms
            .as_ref()
            .filter(|_| self.newest_id >= table.as_of);
        table.missed |= rooms.is_some();
        if let Some(rooms) = rooms {
            rooms_table::write(folder, self.newest_id, rooms)?;
        }
        for segment in &self.derived {
            write_rooms(&self.shared, segment)?;
        }
        if rooms.is_some() || !self.derived.is_empty() {
            sync_folder(folder)?;
        }
        if rooms.is_some() {
            (table.as_of, table.missed) = (self.newest_id, false);
        }
        Ok(())
    }
}

/// Writes a sealed segment's `.rooms` and lets go of its postings in memory.
fn write_rooms(shared: &Shared, segment: &Segment) -> Result<(), LogError> {
    let Some(postings) = in_memory(segment) else {
        return Ok(());
    };
    let Some(opened) = Opened::open(&shared.folder, segment)? else {
        return Ok(());
    };
    let figures = Figures {
        last_id: segment.last_id,
        time_max: segment.time_max,
        records: segment.count,
        messages: segment.messages,
    };
    let id_of = |n| Ok(opened.entry(n)?.map_or(0, |entry: Entry| entry.id));
    rooms::write(&shared.folder, segment.first_id, figures, &postings, id_of)?;
    now_in_file(shared, segment.first_id);
    Ok(())
}

impl Segments {
    /// What must be synced now; `None` if everything appended was handed out before.
    pub(crate) fn sync_handle(&mut self) -> Option<SyncJob> {
        if self.read_only {
            return None;
        }
        let derived: Vec<_> = {
            let state = self.shared.read();
            let waiting =
                |s: &&Arc<Segment>| matches!(s.rooms, super::shared::RoomIndex::Memory(_));
            state.sealed.iter().filter(waiting).cloned().collect()
        };
        // Not waited for: who holds it is writing the table.
        if let Ok(table) = self.shared.derived.try_lock() {
            self.unsynced.table |= table.missed;
        }
        if self.unsynced.is_empty() && derived.is_empty() {
            return None;
        }
        let unsynced = std::mem::take(&mut self.unsynced);
        Some(SyncJob {
            shared: Arc::clone(&self.shared),
            rooms: unsynced.table.then(|| self.all_rooms()),
            unsynced,
            derived,
            newest_id: self.newest_id(),
        })
    }

    /// Publishes and syncs everything and writes the derived files, so that the next start has nothing to rebuild.
    pub(crate) fn close(&mut self) -> Result<(), LogError> {
        if self.read_only {
            return Ok(());
        }
        self.publish();
        self.publish_floors()?;
        if self.rooms_kept.progress {
            self.write_floors()?;
        }
        self.unsynced.table_due();
        match self.sync_handle() {
            Some(job) => job.run(),
            None => Ok(()),
        }
    }

    fn all_rooms(&self) -> Vec<(RoomName, u64)> {
        let state = self.shared.read();
        let published = state
            .rooms
            .iter()
            .filter(|(room, _)| !self.pending.rooms.contains_key(*room));
        published
            .chain(self.pending.rooms.iter())
            .map(|(room, newest)| (room.clone(), *newest))
            .collect()
    }
}
