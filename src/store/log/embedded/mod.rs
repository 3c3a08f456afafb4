//! The embedded log: journal, segments, tags and ids as one store. In: staged events. Out: outcomes, and readers.
//!
//! [`EmbeddedLog`] is the only writer of its folder. What each file holds, the order of a commit and why a crash at any
//! point is harmless: `docs/storage.md`.

mod beside;
mod commit;
pub(crate) mod copy;
mod draft;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod ids;
mod journal;
mod lock;
mod open;
mod quarantine;
mod removal;
mod renew;
mod sync;
mod tags;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::disk::Folder;
use super::ground::Ground;
use super::segment::Segments;
use super::stored::Group;
use super::{Commit, Event, LogError, LogReader, LogStore, NewEvent, RoomRetention, TagMark};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
pub(crate) use beside::look as look_beside;
use draft::Draft;
use ids::Ids;
use journal::Journal;
use journal::layout::GROUP_HEADER_BYTES;
pub(crate) use journal::state::{HalfState, groups as journal_groups, state as journal_state};
use lock::WriterLock;
pub(crate) use lock::{Holder, holder};
pub(crate) use open::segment_options;
use quarantine::Quarantine;
use sync::Syncer;
use tags::{Marker, Tags};

/// How durable a commit is when it returns. A killed process loses nothing in any mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk.
    Always,
    /// On the disk after [`EmbeddedOptions::flush_interval`] at the latest.
    Interval,
    /// On the disk when the kernel writes it.
    Os,
}

/// Where the embedded log is and what it may take.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The log's own folder; made with mode 0700 if it is not there.
    pub folder: PathBuf,
    /// See [`Durability`].
    pub durability: Durability,
    /// Between two syncs of the journal with [`Durability::Interval`].
    pub flush_interval: Duration,
    /// A text segment is sealed at this size.
    pub segment_bytes: u64,
    /// Both halves of the journal; less than 64 KiB counts as 64 KiB.
    pub journal_bytes: u64,
    /// Keep so many of the newest messages; 0 = all.
    pub retain_messages: u64,
    /// Keep messages so long; zero = always.
    pub retain_age: Duration,
    /// Keep so many bytes of segments; 0 = all.
    pub retain_bytes: u64,
    /// Rooms that may ever be made.
    pub rooms_max: usize,
    /// Send-once tags remembered at a time.
    pub tags_max: usize,
}

/// The embedded log's writer. Dropping it without [`LogStore::close`] is what a crash is, and as harmless.
pub struct EmbeddedLog {
    options: EmbeddedOptions,
    folder: Folder,
    log: slog::Logger,
    reader: Arc<dyn LogReader>,
    segments: Segments,
    journal: Journal,
    clock: Clock,
    /// By the clock that nobody sets.
    journal_synced: Duration,
    journal_dirty: bool,
    tags: Tags,
    marker: Marker,
    ids: Ids,
    quarantine: Quarantine,
    syncer: Syncer,
    staged: Vec<NewEvent>,
    staged_bytes: usize,
    draft: Draft,
    /// The newest committed group; empty if the journal no longer has it. Its number and link are always right.
    newest: Group,
    next_id: u64,
    /// Commits that had to wait for a sync of the segments.
    waits: u64,
    /// Committed, but not in the segments, because that failed. While there are any, no commit is taken.
    unapplied: VecDeque<Group>,
    /// Committed removals whose content could not be overwritten everywhere yet. As `unapplied`.
    unredacted: Vec<u64>,
    /// File and reason, once a sync has failed.
    stopped: Option<(String, String)>,
    #[cfg(test)]
    hooks: tests::Hooks,
    /// Last, so that it is given back when all other files are closed.
    _lock: WriterLock,
}

impl EmbeddedLog {
    /// Opens the log in `options.folder`, or makes it, and recovers what a crash left undone.
    pub fn open(options: EmbeddedOptions, log: slog::Logger) -> Result<Self, LogError> {
        Self::open_on(&Ground::real(), options, log)
    }

    /// As [`EmbeddedLog::open`], standing on another ground than the machine's own.
    pub(crate) fn open_on(
        ground: &Ground,
        options: EmbeddedOptions,
        log: slog::Logger,
    ) -> Result<Self, LogError> {
        let folder = Folder::new(Arc::clone(&ground.disk), options.folder.clone());
        let opened = open::open(ground, folder.clone(), options, log);
        if let Err(LogError::Stopped { .. }) = &opened {
            // Without it the next start knows no better than this one; it says what it finds.
            let _ = renew::mark(&folder);
        }
        opened
    }

    /// Remembers that the log has stopped, if that is what `result` says.
    fn noting<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(LogError::Stopped { file, reason }) = &result
            && self.stopped.is_none()
        {
            self.stopped = Some((file.clone(), reason.clone()));
            if let Err(error) = renew::mark(&self.folder) {
                slog::error!(self.log, "a sync failed, and the next start cannot be told of it: restart the machine before the log is opened again";
                    "error" => %error);
            }
        }
        result
    }

    fn refuse_if_stopped(&self) -> Result<(), LogError> {
        match &self.stopped {
            Some((file, reason)) => Err(LogError::Stopped {
                file: file.clone(),
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Tells tests how far a commit is; nothing otherwise.
    #[allow(unused_variables, clippy::unused_self)]
    fn step(&mut self, name: &'static str) {
        #[cfg(test)]
        {
            self.syncer.work_beside();
            if let Some(watch) = &mut self.hooks.watch {
                watch(name);
            }
        }
    }
}

impl LogStore for EmbeddedLog {
    fn stage(&mut self, event: NewEvent) {
        self.staged_bytes += draft::event_bytes(&event);
        self.staged.push(event);
    }

    fn staged_bytes(&self) -> usize {
        self.staged_bytes
    }

    fn group_bytes_max(&self) -> usize {
        self.journal.group_bytes_max()
    }

    fn commit(&mut self, now: Timestamp) -> Result<Commit, LogError> {
        let mut staged = std::mem::take(&mut self.staged);
        self.staged_bytes = GROUP_HEADER_BYTES;
        let result = self.commit_events(&mut staged, now);
        // The memory is used again.
        staged.clear();
        self.staged = staged;
        self.noting(result)
    }

    fn probe(&mut self, now: Timestamp) -> Result<(), LogError> {
        let result = self.write_nothing(now);
        self.noting(result)
    }

    fn group(&self) -> u64 {
        self.newest.number
    }

    fn last_group(&mut self) -> Result<Vec<Event>, LogError> {
        self.refuse_if_stopped()?;
        let records = self.newest.records.iter();
        Ok(records.map(|record| record.event.clone()).collect())
    }

    fn tag_mark(&self, account: &str, tag: &str, room: &RoomName, body: &[u8]) -> TagMark {
        self.marker.mark(account, tag, room.as_str(), body)
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::clone(&self.reader)
    }

    fn set_room_retentions(&mut self, rooms: &[(RoomName, RoomRetention)]) -> Result<(), LogError> {
        let result = self.retain_rooms(rooms);
        self.noting(result)
    }

    fn maintain(&mut self, now: Timestamp) -> Result<(), LogError> {
        let result = self.keep_up(now);
        self.noting(result)
    }

    fn close(&mut self) -> Result<(), LogError> {
        let result = self.shut();
        self.noting(result)
    }
}
