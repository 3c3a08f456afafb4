//! The group to come: what each staged event becomes. Ids, links and salts are given here, but nothing is kept until the
//! journal has it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::thread::Builder;

use hashbrown::HashMap;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use super::super::segment::Segments;
use super::super::stored::StoredRecord;
use super::super::{Event, EventKind, LogError, LogReader, NewEvent, Outcome, TagMark};
use super::journal::layout::{Encoder, record_bytes};
use super::tags::{FORGOTTEN_DIGEST, Tagged, Tags};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// Longest decimal form of an id.
const ID_DIGITS_MAX: usize = 20;

/// What drafting looks at.
pub(super) struct Known<'a> {
    pub(super) segments: &'a Segments,
    pub(super) reader: &'a dyn LogReader,
    pub(super) tags: &'a Tags,
    pub(super) tags_max: usize,
    pub(super) rooms_max: usize,
}

/// A group being made; its memory is used again for the next.
pub(super) struct Draft {
    pub(super) records: Vec<StoredRecord>,
    pub(super) encoder: Encoder,
    pub(super) outcomes: Vec<Outcome>,
    /// Ids that this group removes.
    pub(super) removals: Vec<u64>,
    /// Tagged records of this group.
    pub(super) tagged: Vec<Tagged>,
    tag_keys: HashMap<u64, usize>,
    removed: HashSet<u64>,
    /// Newest id of every room that this group touches.
    rooms: HashMap<RoomName, u64>,
    rooms_new: usize,
    /// What content is hashed with, so that a hash tells nobody what was removed.
    pub(super) salts: StdRng,
    nobody: UserName,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            encoder: Encoder::new(),
            outcomes: Vec::new(),
            removals: Vec::new(),
            tagged: Vec::new(),
            tag_keys: HashMap::new(),
            removed: HashSet::new(),
            rooms: HashMap::new(),
            rooms_new: 0,
            salts: StdRng::from_os_rng(),
            nobody: UserName::repaired("_").0,
        }
    }

    /// Forgets the last group; so many events come.
    pub(super) fn begin(&mut self, events: usize) {
        self.records.clear();
        self.encoder.begin();
        self.outcomes = Vec::with_capacity(events);
        self.removals.clear();
        self.tagged.clear();
        self.tag_keys.clear();
        self.removed.clear();
        self.rooms.clear();
        self.rooms_new = 0;
    }

    /// Decides about one event; `id` is the next free one, taken if the outcome is `Stored`.
    pub(super) fn add(
        &mut self,
        event: NewEvent,
        id: u64,
        now: Timestamp,
        known: &Known<'_>,
    ) -> Result<Outcome, LogError> {
        let outcome = self.decide(event, id, now, known)?;
        self.outcomes.push(outcome);
        Ok(outcome)
    }

    fn decide(
        &mut self,
        event: NewEvent,
        id: u64,
        now: Timestamp,
        known: &Known<'_>,
    ) -> Result<Outcome, LogError> {
        if let Some(outcome) = event.tag.and_then(|mark| self.repeated(mark, known)) {
            return Ok(outcome);
        }
        if event.tag.is_some() && known.tags.len() + self.tagged.len() >= known.tags_max {
            return Ok(Outcome::Limit("limits.tags"));
        }
        let mut user = event.user;
        if let EventKind::Removal(target) = event.kind {
            let found = match known.reader.get(target) {
                // Not served either; and it must not cost the others in the group theirs.
                Err(LogError::Damaged { .. }) => None,
                found => found?,
            };
            let there = found.is_some_and(|found| found.room == event.room);
            if !there || self.removed.contains(&target) {
                return Ok(Outcome::NotFound);
            }
            // The record keeps no name, so the hash must not cover one.
            user = self.nobody.clone();
        }
        let Some(prev) = self.room_newest(&event.room, id, known) else {
            return Ok(Outcome::Limit("limits.rooms"));
        };
        if let EventKind::Removal(target) = event.kind {
            self.removed.insert(target);
            self.removals.push(target);
        }
        let time = event.time.unwrap_or(now);
        if let Some(mark) = event.tag {
            self.tag_keys.insert(mark.key, self.tagged.len());
            self.tagged.push(Tagged { mark, id, time });
        }
        let mut salt = [0; 16];
        self.salts.fill_bytes(&mut salt);
        let event_stored = Event {
            id,
            time,
            room: event.room,
            user,
            kind: event.kind,
            origin: event.origin,
            nonce: event.nonce,
        };
        self.records.push(StoredRecord {
            event: event_stored,
            prev,
            salt,
            // Given with those of all others, by `finish`.
            hash: [0; 32],
            tag: event.tag,
        });
        Ok(Outcome::Stored { id, time })
    }

    /// Hashes what was added and encodes it for the journal. To be called once, behind the last [`Draft::add`].
    pub(super) fn finish(&mut self) {
        seal_all(&mut self.records);
        for record in &self.records {
            self.encoder.push(record);
        }
    }

    fn repeated(&self, mark: TagMark, known: &Known<'_>) -> Option<Outcome> {
        let own = self.tag_keys.get(&mark.key);
        let own = own.and_then(|index| self.tagged.get(*index)).copied();
        let tagged = own.or_else(|| known.tags.known(mark.key))?;
        let same = tagged.mark == mark || tagged.mark.digest == FORGOTTEN_DIGEST;
        Some(if same {
            Outcome::Repeated {
                id: tagged.id,
                time: tagged.time,
            }
        } else {
            Outcome::TagConflict
        })
    }

    /// The room's newest id before `id`, which becomes its newest; `None` if it would be one room too many.
    fn room_newest(&mut self, room: &RoomName, id: u64, known: &Known<'_>) -> Option<u64> {
        if let Some(newest) = self.rooms.get_mut(room) {
            return Some(std::mem::replace(newest, id));
        }
        let prev = known.segments.room_newest(room);
        if prev == 0 {
            if known.segments.rooms_len() + self.rooms_new >= known.rooms_max {
                return None;
            }
            self.rooms_new += 1;
        }
        self.rooms.insert(room.clone(), id);
        Some(prev)
    }
}

/// Hashes the records, a large group (of an import) on two threads: they are most of its work.
fn seal_all(records: &mut [StoredRecord]) {
    /// Below this a thread costs more than it takes off.
    const WORTH_A_THREAD: usize = 1024;
    const PIECE_RECORDS: usize = 256;
    let seal = |records: &mut [StoredRecord]| records.iter_mut().for_each(StoredRecord::seal);
    if records.len() < WORTH_A_THREAD {
        return seal(records);
    }
    let pieces = Mutex::new(records.chunks_mut(PIECE_RECORDS));
    let work = || {
        loop {
            let piece = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(piece) = piece else { return };
            seal(piece);
        }
    };
    std::thread::scope(|scope| {
        // If there is no thread to be had, this one does it all.
        let _ = Builder::new().spawn_scoped(scope, work);
        work();
    });
}

/// Bytes that an event will take in the journal, at most.
pub(super) fn event_bytes(event: &NewEvent) -> usize {
    let content = match &event.kind {
        EventKind::Message(body) => body.len(),
        EventKind::Removal(_) => ID_DIGITS_MAX,
    };
    record_bytes(
        event.user.as_str().len(),
        event.room.as_str().len(),
        content,
    )
}
