//! The message log: what goes in is staged and committed in groups by one writer, what comes out is read by id, room or
//! time by many readers.
//!
//! [`LogStore`] is the writer's side, owned by the `MessageLog` actor; [`LogReader`] the readers', shared by a small pool of
//! threads. Both may block on the disk, so neither is ever called on a shard. The traits hold for a back end that assigns
//! ids elsewhere too: ids are known when a commit returns, not when an event is staged.

pub(crate) mod clock;
pub(crate) mod disk;
pub mod embedded;
mod event;
pub(crate) mod ground;
pub(crate) mod inspect;
mod retention;
pub(crate) mod segment;
pub(crate) mod stored;

pub use event::{Event, EventKind, NewEvent, TagMark};
pub use retention::RoomRetention;

use std::sync::Arc;

use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;

/// The writer's side of the log.
pub trait LogStore: Send {
    /// Adds an event to the group to come.
    fn stage(&mut self, event: NewEvent);

    /// Bytes that the staged events will take in the journal.
    fn staged_bytes(&self) -> usize;

    /// Bytes that a group may take; the caller keeps [`LogStore::staged_bytes`] at or below it.
    fn group_bytes_max(&self) -> usize;

    /// Commits the staged events as one group: when this returns they are as durable as configured and can be read.
    /// Outcomes stand in the order of staging. After an error nothing is staged, and nothing of the group was kept unless
    /// [`LogStore::group`] has risen: then the group is committed, but a removal in it is not carried out everywhere yet.
    fn commit(&mut self, now: Timestamp) -> Result<Commit, LogError>;

    /// Whether a group could be committed now: writes to the disk what is there already, as durably as a group, and stores nothing.
    fn probe(&mut self, now: Timestamp) -> Result<(), LogError>;

    /// Number of the newest committed group, 0 in an empty log.
    fn group(&self) -> u64;

    /// The events of the newest committed group, for a writer that lost its memory between commit and answer. Empty if the
    /// log holds no journal of it any more.
    fn last_group(&mut self) -> Result<Vec<Event>, LogError>;

    /// The send-once mark of a tagged message; the same for the same account (compared without regard to case), tag, room
    /// and stored body as long as this log lives.
    fn tag_mark(&self, account: &str, tag: &str, room: &RoomName, body: &[u8]) -> TagMark;

    /// Gives a room a retention of its own, or takes it away. See [`LogStore::set_room_retentions`].
    fn set_room_retention(
        &mut self,
        room: &RoomName,
        retention: RoomRetention,
    ) -> Result<(), LogError> {
        self.set_room_retentions(&[(room.clone(), retention)])
    }

    /// Gives rooms a retention of their own, or takes it away. When this returns, no reader is served what has expired by
    /// it, and nothing ever will be again: not after a restart, not by an earlier clock, not by a longer retention. The
    /// settings themselves are not kept: the caller makes them again whenever it has opened the log, all at once, since
    /// each call in which something expires waits for the disk. After an error the settings are in force, and what could not be
    /// looked up or made durable is tried again by [`LogStore::maintain`]; until then it is served. If the log is behind
    /// with a commit or has stopped, nothing is set.
    fn set_room_retentions(&mut self, rooms: &[(RoomName, RoomRetention)]) -> Result<(), LogError>;

    /// Readers of this log.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// Periodic work: syncing, retention, forgetting old tags. Called about ten times a second, and whenever idle.
    fn maintain(&mut self, now: Timestamp) -> Result<(), LogError>;

    /// Syncs everything and marks the stop as clean. Nothing may be called after it.
    fn close(&mut self) -> Result<(), LogError>;
}

/// The readers' side of the log. Removed and expired messages are never served.
pub trait LogReader: Send + Sync {
    /// The newest committed id, 0 in an empty log.
    fn newest(&self) -> u64;

    /// The room's newest id, removals included; 0 if the room has none.
    fn room_newest(&self, room: &RoomName) -> u64;

    /// The room's records with lower ids have expired, by the log's retention or the room's own. It only rises. For whoever
    /// keeps messages in memory.
    fn room_floor(&self, room: &RoomName) -> u64;

    /// Rooms with their newest ids, in order of name: the first `count` behind `after`, or of all.
    fn rooms_page(&self, after: Option<&RoomName>, count: usize) -> Vec<(RoomName, u64)>;

    /// The message with this id; `None` if there is none, it was removed or has expired, or the id is a removal's.
    fn get(&self, id: u64) -> Result<Option<Event>, LogError>;

    /// Reads a page of events, in rising order of id. It may be shorter than asked for if they lie far apart; [`Page::more`] tells.
    fn page(&self, query: &PageQuery) -> Result<Page, LogError>;

    /// Turns what a `JOIN` asked for into a place in the sequence.
    fn resolve(&self, room: &RoomName, from: From) -> Result<Start, LogError>;

    /// The id behind which the newest `count` messages of the room with ids below `before` stand; `None` if there is none.
    fn newest_start(
        &self,
        room: &RoomName,
        before: u64,
        count: u64,
    ) -> Result<Option<u64>, LogError>;
}

/// Where reading a room shall begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Behind this id (0 = everything).
    After(u64),
    /// With the first event at or after this time, and everything behind it.
    Since(Timestamp),
    /// With the n-th newest message.
    Last(u64),
}

/// A place in the sequence to read on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Read what is behind this id.
    pub after: u64,
    /// Set if retention, the log's or the room's own, has removed events of this room behind what was asked for: the first id
    /// kept.
    pub gap: Option<u64>,
}

/// Which events to read. All conditions hold together.
#[derive(Debug, Clone)]
pub struct PageQuery {
    /// Of this room; `None` = of all.
    pub room: Option<RoomName>,
    /// With an id above this.
    pub after: u64,
    /// With an id below this; `u64::MAX` for no bound.
    pub before: u64,
    /// At or after this time.
    pub since: Timestamp,
    /// The newest that match instead of the oldest.
    pub newest_first: bool,
    /// Removals too, not messages alone.
    pub with_removals: bool,
    /// At most so many events; must be above 0.
    pub events_max: usize,
    /// Stop once the bodies exceed this; at least one event is returned if any matches.
    pub bytes_max: usize,
}

/// What a page read found.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In rising order of id.
    pub events: Vec<Event>,
    /// Reading oldest-first: everything that matches up to this id has been returned, so the next page begins behind it. It moves on
    /// even where nothing matched; it never exceeds the log's newest id at the time of the read.
    pub scanned_to: u64,
    /// Whether more matching events may follow (or precede, reading newest-first).
    pub more: bool,
    /// Reading one room oldest-first, from any time: records of it that retention did not take are missing before each of these ids,
    /// because they are damaged. Rising; no two without an event between them.
    pub holes: Vec<u64>,
}

/// What became of a group.
#[derive(Debug, Default)]
pub struct Commit {
    /// One for each staged event, in that order.
    pub outcomes: Vec<Outcome>,
    /// The events stored, in rising order of id: what members are to hear.
    pub events: Vec<Event>,
}

/// What became of one staged event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored now.
    Stored {
        /// Its id.
        id: u64,
        /// Its time.
        time: Timestamp,
    },
    /// A repetition: stored earlier (or earlier in this group) under the same tag, room and content.
    Repeated {
        /// The first one's id.
        id: u64,
        /// The first one's time.
        time: Timestamp,
    },
    /// The account used this tag within the window for something else.
    TagConflict,
    /// A removal whose target is not there (any more).
    NotFound,
    /// A limit was met; the name of its configuration key.
    Limit(&'static str),
}

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused; the log goes on.
    #[error("{action} {file}: {source}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process writes this log.
    #[error(
        "the log in {folder} is in use by {holder}; stop that server first, or set another server.data_dir"
    )]
    Locked {
        /// The log's folder.
        folder: String,
        /// Who holds it, as far as known.
        holder: String,
    },
    /// A sync failed: what is on disk is unknown, so nothing is accepted any more.
    #[error(
        "the log has stopped: syncing {file} failed ({reason}); check the disk, then start the server again"
    )]
    Stopped {
        /// The file.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// A file holds what it cannot hold.
    #[error("{file}: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it and what to do.
        reason: String,
    },
}

impl LogError {
    /// What clients are told of it: why, but no place on the server's disk. Whoever keeps the server needs all of it, in the log.
    pub fn for_clients(&self) -> String {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded) => {
                "the server's disk is full; try again later".to_owned()
            }
            Self::Io { source, .. } => {
                format!("the log cannot be read or written now ({source}); try again later")
            }
            Self::Locked { .. } => "another process has the log; try again later".to_owned(),
            Self::Stopped { .. } => "the log has stopped, and the server ends".to_owned(),
            Self::Damaged { .. } => {
                "this part of the log is damaged; the server's own log says where".to_owned()
            }
        }
    }
}
