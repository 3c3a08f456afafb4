//! Reading a page: candidates from the postings, their entries in runs, their lines in runs.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::super::{Event, EventKind, LogError, Page, PageQuery};
use super::candidates::{Candidates, End, entries};
use super::files::{Part, io_error};
use super::holes::Holes;
use super::index::{Entry, room_hash};
use super::places::Places;
use super::read::SegmentReader;
use super::shared::{Segment, Snapshot};
use super::text::{Line, OTHER_ROOM, WRONGLY_BLANK, is_wrongly_blank, nobody};
use super::view::{Opened, RUN_ENTRIES_MAX};
use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::record::parse_id;
use crate::edge::wire::timestamp::Timestamp;

/// Two lines so near to each other are read with what lies between. A body kept alive keeps its run's bytes
/// alive, so this is also what a body may cost beside itself.
const GAP_BYTES_MAX: u64 = 1024;
/// Entries looked at before it is known how many fit.
const TAKE_FIRST: u32 = 128;
/// A page ends early after so many separate reads: the records of a quiet room lie far apart, and whoever waits for the first of them
/// should not wait for a thousand.
const READS_MAX: usize = 256;
/// Text read in one go, unless one line is longer.
const RUN_BYTES_MAX: u64 = 512 * 1024;

/// A page in the making.
struct Filling<'q> {
    query: &'q PageQuery,
    room: Option<u64>,
    lowest: u64,
    highest: u64,
    snapshot: &'q Snapshot,
    end: End,
    /// In the order of finding: falling where the newest come first.
    events: Vec<Event>,
    bytes: usize,
    /// Places of index and text that were read.
    reads: usize,
    /// The last id that was looked at, once a limit is met.
    stopped_at: Option<u64>,
    names: Names,
    holes: Holes,
    /// The last entry, in the direction of reading.
    last_met: Option<u64>,
}

/// Names met on this page: most lines repeat one.
#[derive(Default)]
struct Names {
    users: HashMap<Box<str>, UserName>,
    /// With their hashes.
    rooms: HashMap<Box<str>, (RoomName, u64)>,
}

impl Names {
    fn user(&mut self, name: &str) -> Option<UserName> {
        if let Some(known) = self.users.get(name) {
            return Some(known.clone());
        }
        let user = UserName::parse(name).ok()?;
        self.users.insert(name.into(), user.clone());
        Some(user)
    }

    fn room(&mut self, name: &str) -> Option<(RoomName, u64)> {
        if let Some(known) = self.rooms.get(name) {
            return Some(known.clone());
        }
        let room = (RoomName::parse_kept(name).ok()?, room_hash(name));
        self.rooms.insert(name.into(), room.clone());
        Some(room)
    }
}

impl SegmentReader {
    pub(super) fn read_page(&self, query: &PageQuery) -> Result<Page, LogError> {
        let snapshot = self.shared.snapshot();
        let removals = self.shared.removal_count();
        let highest = snapshot.newest().min(query.before.saturating_sub(1));
        let room = query.room.as_ref().map(|room| room_hash(room.as_str()));
        let floor = room.map_or(snapshot.floor, |room| snapshot.floor_in(room));
        let mut filling = Filling {
            query,
            room,
            lowest: query.after.saturating_add(1).max(floor),
            highest,
            snapshot: &snapshot,
            end: if query.newest_first {
                End::Back
            } else {
                End::Front
            },
            events: Vec::new(),
            bytes: 0,
            reads: 0,
            stopped_at: None,
            names: Names::default(),
            last_met: None,
            holes: Holes::new(
                room.is_some() && !query.newest_first && query.since.as_micros() == 0,
                query.after.max(floor.saturating_sub(1)),
            ),
        };
        if filling.lowest <= highest && query.events_max > 0 {
            self.fill(&snapshot, &mut filling)?;
        }
        let stopped_at = filling.stopped_at;
        let holes = filling.holes;
        let mut events = filling.events;
        if query.newest_first {
            events.reverse();
        }
        if self.removals_since(removals) {
            let mut kept = Vec::with_capacity(events.len());
            for event in events {
                let message = matches!(event.kind, EventKind::Message(_));
                if !message || !self.is_removed(&snapshot, event.id)? {
                    kept.push(event);
                }
            }
            events = kept;
        }
        if let Some(floors) = self.shared.risen_since(&snapshot) {
            let hash = |event: &Event| room_hash(event.room.as_str());
            events.retain(|event| !floors.is_below(hash(event), event.id));
        }
        let whole = highest.max(query.after).min(snapshot.newest());
        let scanned_to = match stopped_at {
            Some(id) if !query.newest_first => id,
            _ => whole,
        };
        Ok(Page {
            holes: holes.among(&events, scanned_to),
            events,
            scanned_to,
            more: stopped_at.is_some_and(|id| self.may_follow(query, id, highest)),
        })
    }

    fn may_follow(&self, query: &PageQuery, stopped_at: u64, highest: u64) -> bool {
        if query.newest_first {
            return stopped_at > query.after + 1;
        }
        let newest = query.room.as_ref().map_or(highest, |room| {
            self.shared.read().rooms.get(room).copied().unwrap_or(0)
        });
        stopped_at < newest.min(highest)
    }

    fn fill(&self, snapshot: &Snapshot, filling: &mut Filling<'_>) -> Result<(), LogError> {
        let since = filling.query.since.as_micros();
        let begin = snapshot
            .position(filling.lowest)
            .max(snapshot.position_of_time(since));
        let end = (snapshot.position(filling.highest) + 1).min(snapshot.len());
        let mut segments = begin..end;
        loop {
            let next = match filling.end {
                End::Front => segments.next(),
                End::Back => segments.next_back(),
            };
            let Some(n) = next else { return Ok(()) };
            self.fill_from(snapshot.segment(n), filling)?;
            if filling.stopped_at.is_some() {
                return Ok(());
            }
        }
    }

    fn fill_from(&self, segment: &Segment, filling: &mut Filling<'_>) -> Result<(), LogError> {
        let Some(opened) = self.open(segment)? else {
            return Ok(());
        };
        let since = filling.query.since.as_micros();
        let from = opened
            .lower_bound(filling.lowest)?
            .max(opened.lower_bound_time(since)?);
        let to = match filling.highest {
            highest if highest >= segment.last_id => segment.count,
            highest => opened.lower_bound(highest + 1)?,
        };
        let Some(mut candidates) = Candidates::new(&self.shared, segment, filling.room, from, to)?
        else {
            return Ok(());
        };
        // Few at first: where long bodies end the page soon, more would be read for nothing.
        let mut most = TAKE_FIRST;
        while filling.stopped_at.is_none() {
            let wanted = filling.query.events_max - filling.events.len();
            let take = u32::try_from(wanted).unwrap_or(u32::MAX);
            let numbers =
                candidates.take(filling.end, take.clamp(16, most), &self.shared.folder)?;
            most = (most * 2).min(RUN_ENTRIES_MAX);
            if numbers.is_empty() {
                return Ok(());
            }
            let (mut found, reads) = entries(&self.shared, &opened, &numbers)?;
            filling.reads += reads;
            if filling.end == End::Back {
                found.reverse();
            }
            let looked_at = found.last().map(|entry| entry.id);
            filling.keep_in_order(&mut found);
            let all_there = found.len() == numbers.len();
            filling.holes.meet(&found);
            found.retain(|entry| filling.wants(entry));
            self.add(&opened, &found, filling)?;
            let last = numbers.last().copied().unwrap_or_default();
            if !all_there && filling.holes.sees() && opened.entry(last)?.is_none() {
                filling.holes.unreadable_next();
            }
            if filling.reads >= READS_MAX && !filling.events.is_empty() {
                filling.stopped_at = filling.stopped_at.or(looked_at);
            }
        }
        Ok(())
    }

    /// Adds the events of `found`, in this order, until a limit is met.
    fn add(
        &self,
        opened: &Opened<'_>,
        found: &[Entry],
        filling: &mut Filling<'_>,
    ) -> Result<(), LogError> {
        let mut rest = found;
        while filling.stopped_at.is_none() && !rest.is_empty() {
            let fitting = filling.fitting(rest);
            let (now, later) = rest.split_at(fitting.max(1));
            let last = now.last().map(|entry| entry.id);
            if fitting == 0 && !filling.events.is_empty() {
                // The next one would exceed the limit of bytes; the page ends before it.
                filling.stopped_at = filling.events.last().map(|event| event.id);
                return Ok(());
            }
            self.read_lines(opened, now, filling)?;
            rest = later;
            if filling.is_full() {
                filling.stopped_at = last;
            }
        }
        Ok(())
    }

    fn read_lines(
        &self,
        opened: &Opened<'_>,
        found: &[Entry],
        filling: &mut Filling<'_>,
    ) -> Result<(), LogError> {
        let (there, beyond): (Vec<Entry>, Vec<Entry>) = found
            .iter()
            .partition(|entry| opened.has_text(u64::from(entry.offset), entry.end()));
        for entry in &beyond {
            let why = "the index points behind the end of the text";
            self.log_damage(opened, entry, why);
            filling.holes.unreadable(entry.id);
        }
        let runs = text_runs(&there, filling.end);
        filling.reads += runs.len();
        let places = runs.iter().map(|run| run.place.clone()).collect();
        let mut texts = Places::new(opened.text(), places);
        for run in runs {
            let bytes = texts.read_next();
            let bytes = bytes.map_err(|error| io_error("read", &opened.path(Part::Text))(error))?;
            let Some(bytes) = bytes.map(Bytes::from) else {
                break;
            };
            for entry in run.entries {
                let at = (u64::from(entry.offset) - run.place.start) as usize;
                let line = bytes.slice(at..at + entry.line_bytes as usize);
                if let Err(why) = filling.push(entry, &line) {
                    self.log_damage(opened, entry, why);
                    filling.holes.unreadable(entry.id);
                }
            }
        }
        Ok(())
    }

    fn log_damage(&self, opened: &Opened<'_>, entry: &Entry, why: &str) {
        let error = opened.damaged(u64::from(entry.offset), why);
        let segment = opened.segment.first_id;
        self.shared.log_damage(segment, entry.offset, &error);
    }
}

/// Entries whose lines stand so near to each other that they are read together.
struct TextRun<'e> {
    entries: &'e [Entry],
    place: Range<u64>,
}

/// Cuts entries into runs; towards `end` lies where they were taken from, so from `End::Back` they fall.
fn text_runs(entries: &[Entry], end: End) -> Vec<TextRun<'_>> {
    let mut runs = Vec::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let mut place = u64::from(first.offset)..first.end();
        let together = rest
            .iter()
            .take_while(|entry| {
                let from = place.start.min(u64::from(entry.offset));
                let to = place.end.max(entry.end());
                let gap = match end {
                    End::Front => u64::from(entry.offset).saturating_sub(place.end),
                    End::Back => place.start.saturating_sub(entry.end()),
                };
                let near =
                    entry.id == first.id || (gap <= GAP_BYTES_MAX && to - from <= RUN_BYTES_MAX);
                if near {
                    place = from..to;
                }
                near
            })
            .count();
        let (entries, behind) = rest.split_at(together);
        rest = behind;
        runs.push(TextRun { entries, place });
    }
    runs
}

impl Filling<'_> {
    /// Drops what is out of order: entries that are not in their place. Where ids are left out, that shows here alone.
    fn keep_in_order(&mut self, found: &mut Vec<Entry>) {
        found.retain(|entry| {
            let follows = match (self.last_met, self.end) {
                (None, _) => true,
                (Some(last), End::Front) => entry.id > last,
                (Some(last), End::Back) => entry.id < last,
            };
            if follows {
                self.last_met = Some(entry.id);
            }
            follows
        });
    }

    fn wants(&self, entry: &Entry) -> bool {
        let kind = if entry.is_message() {
            !entry.is_removed()
        } else {
            self.query.with_removals
        };
        kind && !entry.is_lost()
            && (self.lowest..=self.highest).contains(&entry.id)
            && entry.time >= self.query.since.as_micros()
            && self.room.is_none_or(|room| room == entry.room_hash)
            && !self.snapshot.expired_in_room(entry)
    }

    fn body_bytes(entry: &Entry) -> usize {
        if entry.is_message() {
            entry.content_bytes as usize
        } else {
            0
        }
    }

    /// How many of these still fit.
    fn fitting(&self, entries: &[Entry]) -> usize {
        let mut bytes = self.bytes;
        let room = self.query.events_max - self.events.len();
        entries
            .iter()
            .take(room)
            .take_while(|entry| {
                bytes += Self::body_bytes(entry);
                bytes <= self.query.bytes_max
            })
            .count()
    }

    fn is_full(&self) -> bool {
        self.events.len() >= self.query.events_max || self.bytes > self.query.bytes_max
    }

    fn push(&mut self, entry: &Entry, line: &Bytes) -> Result<(), &'static str> {
        let parsed = Line::parse(line, entry)?;
        let room = match &self.query.room {
            Some(room) if room.as_str() == parsed.room => room.clone(),
            // Two names with one hash: it is another room's.
            Some(_) if room_hash(parsed.room) == entry.room_hash => return Ok(()),
            Some(_) => return Err(OTHER_ROOM),
            None => {
                let (room, hash) = self
                    .names
                    .room(parsed.room)
                    .ok_or("the line names no room")?;
                if hash != entry.room_hash {
                    return Err(OTHER_ROOM);
                }
                room
            }
        };
        let (user, kind) = if entry.is_message() {
            let user = self
                .names
                .user(parsed.user)
                .ok_or("the line names no user")?;
            let end = line.len() - 1;
            let body = line.slice(end - parsed.content.len()..end);
            if is_wrongly_blank(&parsed, entry) {
                return Err(WRONGLY_BLANK);
            }
            (user, EventKind::Message(body))
        } else {
            let target = parse_id(parsed.content).ok_or("the removal names no id")?;
            (nobody(), EventKind::Removal(target))
        };
        self.bytes += Self::body_bytes(entry);
        self.events.push(Event {
            id: entry.id,
            time: Timestamp::from_micros(entry.time),
            room,
            user,
            kind,
            origin: entry.origin,
            nonce: 0,
        });
        Ok(())
    }
}
