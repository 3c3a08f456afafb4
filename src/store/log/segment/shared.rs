//! What writer and readers share: which segments there are, what of the active one has been published, and the rooms.
//! The lock is held to copy or change a few words, never during a disk read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use slog::{Logger, warn};

use super::super::disk::Folder;
use super::files::Files;
use super::floors::RoomFloors;
use super::index::Entry;
use super::rooms::Postings;
use crate::edge::wire::names::RoomName;

/// How many damaged places are remembered so that each is logged once.
const DAMAGE_LOGGED_MAX: usize = 1024;

/// Where a segment's postings are.
#[derive(Debug, Clone)]
pub(super) enum RoomIndex {
    /// Here: the active segment, and sealed ones whose file is not written yet.
    Memory(Arc<RwLock<Postings>>),
    /// In the `.rooms` file; the flag says that its checksum was seen to fit.
    File(Arc<AtomicBool>),
}

impl RoomIndex {
    pub(super) fn empty() -> Self {
        Self::Memory(Arc::default())
    }
}

/// A segment as readers know it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// Its name; no record in it has a lower id.
    pub(super) first_id: u64,
    /// `first_id - 1` while it is empty.
    pub(super) last_id: u64,
    /// Entries that may be read.
    pub(super) count: u32,
    /// Those that are no removals.
    pub(super) messages: u32,
    /// Length of the text, which readers keep within.
    pub(super) text_bytes: u64,
    /// Highest time up to its end, in microseconds.
    pub(super) time_max: u64,
    pub(super) rooms: RoomIndex,
    /// The open files of the active segment; sealed ones are opened when they are read.
    pub(super) files: Option<Arc<Files>>,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct State {
    /// Oldest first; replaced as a whole, so that a reader's copy costs a reference.
    pub(super) sealed: Arc<Vec<Arc<Segment>>>,
    pub(super) active: Segment,
    /// Newest published id of every room.
    pub(super) rooms: HashMap<RoomName, u64>,
    /// The same rooms in order of name, for whoever goes through them in pages.
    pub(super) room_names: BTreeSet<RoomName>,
    /// Ids below it have expired.
    pub(super) floor: u64,
    /// Highest time of what has expired, in microseconds.
    pub(super) expired_time_max: u64,
    /// Floors of single rooms, once there are any.
    pub(super) room_floors: Option<Arc<RoomFloors>>,
}

impl State {
    /// Notes the newest ids of rooms, new ones among them.
    pub(super) fn note_rooms(&mut self, rooms: impl Iterator<Item = (RoomName, u64)>) {
        for (room, id) in rooms {
            if let Some(newest) = self.rooms.get_mut(&room) {
                *newest = id;
            } else {
                self.room_names.insert(room.clone());
                self.rooms.insert(room, id);
            }
        }
    }
}

/// A reader's copy of the state: what the log was at one moment.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) sealed: Arc<Vec<Arc<Segment>>>,
    pub(super) active: Arc<Segment>,
    pub(super) floor: u64,
    pub(super) expired_time_max: u64,
    pub(super) room_floors: Option<Arc<RoomFloors>>,
    /// [`Shared::floors_turn`] of it or of just before.
    pub(super) floors_turn: u64,
}

impl Snapshot {
    /// Ids of this room (by its hash) below it have expired, in the log or in the room.
    pub(super) fn floor_in(&self, room: u64) -> u64 {
        let own = self.room_floors.as_ref().map_or(0, |all| all.room(room).0);
        self.floor.max(own)
    }

    /// Highest time of what has expired, in the log or in this room.
    pub(super) fn expired_time_max_in(&self, room: u64) -> u64 {
        let own = self.room_floors.as_ref().map_or(0, |all| all.room(room).1);
        self.expired_time_max.max(own)
    }

    /// Whether the entry has expired in its room.
    pub(super) fn expired_in_room(&self, entry: &Entry) -> bool {
        self.room_floors
            .as_ref()
            .is_some_and(|all| all.expired(entry))
    }

    pub(super) fn newest(&self) -> u64 {
        self.active.last_id
    }

    /// Sealed segments and the active one.
    pub(super) fn len(&self) -> usize {
        self.sealed.len() + 1
    }

    pub(super) fn segment(&self, n: usize) -> &Segment {
        self.sealed.get(n).unwrap_or(&self.active)
    }

    /// The first segment that may hold an id at or above `id`.
    pub(super) fn position(&self, id: u64) -> usize {
        self.sealed.partition_point(|segment| segment.last_id < id)
    }

    /// The first segment that may hold a time at or after `time`.
    pub(super) fn position_of_time(&self, time: u64) -> usize {
        self.sealed
            .partition_point(|segment| segment.time_max < time)
    }
}

/// Shared by the writer, the readers and the sync jobs.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: Folder,
    pub(super) log: Logger,
    state: RwLock<State>,
    /// Odd while content is being overwritten; changes with every removal.
    removals: AtomicU64,
    /// Changes after every rise of a room's floor.
    floors_turn: AtomicU64,
    damage_logged: Mutex<HashSet<(u64, u32)>>,
    /// Held while derived files are written, which the writer's thread and the syncing one both may do.
    pub(super) derived: Mutex<TableState>,
}

/// What is known of the room table on disk.
#[derive(Debug, Default)]
pub(super) struct TableState {
    /// The newest id it is of, 0 before it was first written.
    pub(super) as_of: u64,
    /// Writing it failed.
    pub(super) missed: bool,
}

impl Shared {
    pub(super) fn new(folder: Folder, log: Logger, state: State) -> Self {
        Self {
            folder,
            log,
            state: RwLock::new(state),
            removals: AtomicU64::new(0),
            floors_turn: AtomicU64::new(0),
            damage_logged: Mutex::default(),
            derived: Mutex::default(),
        }
    }

    /// The state. Nobody panics half-way through a change of it, so a poisoned lock is still sound.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        // First: a floor that rises in between is then seen as one that rose during the read.
        let floors_turn = self.floors_turn.load(Ordering::SeqCst);
        let state = self.read();
        Snapshot {
            sealed: Arc::clone(&state.sealed),
            active: Arc::new(state.active.clone()),
            floor: state.floor,
            expired_time_max: state.expired_time_max,
            room_floors: state.room_floors.clone(),
            floors_turn,
        }
    }

    /// Lets readers know the rooms' floors. Those under way find out at their end.
    pub(super) fn set_room_floors(&self, floors: Option<Arc<RoomFloors>>) {
        self.write().room_floors = floors;
        self.floors_turn.fetch_add(1, Ordering::SeqCst);
    }

    /// The rooms' floors of now if they have risen since `snapshot`: what was read may have expired and been overwritten meanwhile.
    pub(super) fn risen_since(&self, snapshot: &Snapshot) -> Option<Arc<RoomFloors>> {
        if self.floors_turn.load(Ordering::SeqCst) == snapshot.floors_turn {
            return None;
        }
        self.read().room_floors.clone()
    }

    /// Begins or ends overwriting content.
    pub(super) fn removal_step(&self) {
        self.removals.fetch_add(1, Ordering::SeqCst);
    }

    /// Taken before and after a read: if they differ, or one is odd, content may have been overwritten under the reader.
    pub(super) fn removal_count(&self) -> u64 {
        self.removals.load(Ordering::SeqCst)
    }

    /// Logs a damaged place, the first time it is met.
    pub(super) fn log_damage(&self, segment: u64, entry: u32, what: &dyn std::fmt::Display) {
        let mut logged = self
            .damage_logged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if logged.len() < DAMAGE_LOGGED_MAX && logged.insert((segment, entry)) {
            drop(logged);
            warn!(self.log, "a damaged record is left out"; "why" => %what);
        }
    }
}

/// The postings of a room index in memory.
pub(super) fn lock_postings(postings: &RwLock<Postings>) -> RwLockReadGuard<'_, Postings> {
    postings.read().unwrap_or_else(PoisonError::into_inner)
}
