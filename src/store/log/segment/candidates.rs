//! A room's (or everybody's) entries in one segment, to be taken from either end in bulk.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use slog::warn;

use super::super::LogError;
use super::files::{Part, io_error, part_path};
use super::index::Entry;
use super::rooms::{Postings, RoomsFile};
use super::shared::{RoomIndex, Segment, Shared, lock_postings};
use super::view::{Opened, RUN_ENTRIES_MAX};

/// Two entries so near to each other are read with what lies between: less than a second system call costs.
const GAP_ENTRIES_MAX: u32 = 16;

/// Entry numbers in rising order, of which ever fewer remain.
pub(super) struct Candidates {
    list: List,
    low: u32,
    high: u32,
}

enum List {
    /// Every entry: the position is the number.
    All,
    Memory(Arc<RwLock<Postings>>, u64),
    File {
        file: RoomsFile,
        first: u32,
    },
}

/// Which end to take from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

impl Candidates {
    /// The entries `from..to` of a segment, of one room if given. `None` if the room has none.
    pub(super) fn new(
        shared: &Shared,
        segment: &Segment,
        room: Option<u64>,
        from: u32,
        to: u32,
    ) -> Result<Option<Self>, LogError> {
        if from >= to {
            return Ok(None);
        }
        let Some(room) = room else {
            let (list, low, high) = (List::All, from, to);
            return Ok(Some(Self { list, low, high }));
        };
        let (list, count) = match &segment.rooms {
            RoomIndex::Memory(postings) => {
                let count = lock_postings(postings).get(&room).map_or(0, Vec::len);
                (List::Memory(Arc::clone(postings), room), count as u32)
            }
            RoomIndex::File(checked) => {
                let Some(file) = open_rooms(shared, segment.first_id)? else {
                    return rebuilt(shared, segment, room, from, to);
                };
                if !checked.load(Ordering::Relaxed) {
                    if !file.is_whole() {
                        return rebuilt(shared, segment, room, from, to);
                    }
                    checked.store(true, Ordering::Relaxed);
                }
                let path = part_path(&shared.folder, segment.first_id, Part::Rooms);
                let Some(span) = file.find(room).map_err(io_error("read", &path))? else {
                    return Ok(None);
                };
                let first = span.first;
                (List::File { file, first }, span.count)
            }
        };
        let mut found = Self {
            list,
            low: 0,
            high: count,
        };
        let path = &shared.folder;
        found.low = found.bound(path, from)?;
        found.high = found.bound(path, to)?;
        Ok((found.low < found.high).then_some(found))
    }

    /// Takes up to `count` from one end; rising in either case.
    pub(super) fn take(
        &mut self,
        end: End,
        count: u32,
        folder: &Path,
    ) -> Result<Vec<u32>, LogError> {
        let count = count.min(self.high - self.low);
        let (from, to) = match end {
            End::Front => (self.low, self.low + count),
            End::Back => (self.high - count, self.high),
        };
        match end {
            End::Front => self.low = to,
            End::Back => self.high = from,
        }
        self.positions(folder, from, to)
    }

    fn positions(&self, folder: &Path, from: u32, to: u32) -> Result<Vec<u32>, LogError> {
        match &self.list {
            List::All => Ok((from..to).collect()),
            List::Memory(postings, room) => {
                let postings = lock_postings(postings);
                let list = postings.get(room).map_or(&[][..], Vec::as_slice);
                Ok(list
                    .get(from as usize..to as usize)
                    .unwrap_or_default()
                    .to_vec())
            }
            List::File { file, first } => file
                .postings(first.saturating_add(from), first.saturating_add(to))
                .map_err(io_error("read the room postings in", folder)),
        }
    }

    /// How many of the list stand before entry `n`.
    fn bound(&self, folder: &Path, n: u32) -> Result<u32, LogError> {
        if let List::Memory(postings, room) = &self.list {
            let postings = lock_postings(postings);
            let list = postings.get(room).map_or(&[][..], Vec::as_slice);
            return Ok(list.partition_point(|entry| *entry < n) as u32);
        }
        let (mut low, mut high) = (self.low, self.high);
        while high - low > RUN_ENTRIES_MAX {
            let middle = low + (high - low) / 2;
            match self.positions(folder, middle, middle + 1)?.first() {
                Some(entry) if *entry < n => low = middle + 1,
                _ => high = middle,
            }
        }
        let rest = self.positions(folder, low, high)?;
        Ok(low + rest.partition_point(|entry| *entry < n) as u32)
    }
}

/// Reads the entries with these (rising) numbers, neighbours together, and tells how many reads that took. Damaged ones are logged and
/// left out.
pub(super) fn entries(
    shared: &Shared,
    opened: &Opened<'_>,
    numbers: &[u32],
) -> Result<(Vec<Entry>, usize), LogError> {
    // Postings from a file may not rise, whatever its checksum says; then each is read for itself.
    let near = |run: &[u32], next: u32| {
        let within = |from: u32, max: u32| next.checked_sub(from).is_some_and(|gap| gap <= max);
        match run {
            [first, .., last] => {
                within(*last, GAP_ENTRIES_MAX) && within(*first, RUN_ENTRIES_MAX - 1)
            }
            [only] => within(*only, GAP_ENTRIES_MAX),
            [] => true,
        }
    };
    let mut runs: Vec<&[u32]> = Vec::new();
    let mut rest = numbers;
    while !rest.is_empty() {
        let mut together = 1;
        while let (run, [next, ..]) = rest.split_at(together) {
            if !near(run, *next) {
                break;
            }
            together += 1;
        }
        let (run, behind) = rest.split_at(together);
        runs.push(run);
        rest = behind;
    }
    let (mut reads, count) = (opened.runs(&runs), runs.len());
    let mut out = Vec::with_capacity(numbers.len());
    for numbers in runs {
        let Some(run) = opened.next_run(&mut reads, numbers)? else {
            break;
        };
        for n in numbers {
            match run.entry(*n) {
                Some(entry) => out.push(entry),
                None => {
                    let path = opened.path(Part::Index);
                    let at = super::index::entry_at(*n);
                    let why = super::view::damaged(
                        &path,
                        at,
                        "the entry is not whole, or not in its place",
                    );
                    shared.log_damage(opened.segment.first_id, *n, &why);
                }
            }
        }
    }
    Ok((out, count))
}

fn open_rooms(shared: &Shared, first_id: u64) -> Result<Option<RoomsFile>, LogError> {
    RoomsFile::open(&shared.folder, first_id)
}

/// For a `.rooms` file found damaged or gone while reading: builds the postings from the index again and keeps them in memory.
fn rebuilt(
    shared: &Shared,
    segment: &Segment,
    room: u64,
    from: u32,
    to: u32,
) -> Result<Option<Candidates>, LogError> {
    let Some(opened) = Opened::open(&shared.folder, segment)? else {
        return Ok(None);
    };
    warn!(shared.log, "a segment's room postings are missing or damaged; built again from its index";
        "segment" => segment.first_id);
    let postings = postings_of(&opened)?;
    let rooms = RoomIndex::Memory(Arc::new(RwLock::new(postings)));
    let mut renewed = segment.clone();
    renewed.rooms = rooms;
    let mut state = shared.write();
    let sealed = Arc::make_mut(&mut state.sealed);
    if let Some(known) = sealed
        .iter_mut()
        .find(|known| known.first_id == segment.first_id)
    {
        *known = Arc::new(renewed.clone());
    }
    drop(state);
    Candidates::new(shared, &renewed, Some(room), from, to)
}

/// The postings of a segment, from its index.
pub(super) fn postings_of(opened: &Opened<'_>) -> Result<Postings, LogError> {
    let mut postings = Postings::new();
    let count = opened.segment.count;
    let mut from = 0;
    while from < count {
        let to = count.min(from + RUN_ENTRIES_MAX);
        let run = opened.run(from, to)?;
        for n in from..to {
            if let Some(entry) = run.entry(n) {
                postings.entry(entry.room_hash).or_default().push(n);
            }
        }
        from = to;
    }
    Ok(postings)
}

/// Drops the postings of a segment whose `.rooms` file has been written.
pub(super) fn now_in_file(shared: &Shared, first_id: u64) {
    let mut state = shared.write();
    let sealed = Arc::make_mut(&mut state.sealed);
    if let Ok(at) = sealed.binary_search_by_key(&first_id, |segment| segment.first_id) {
        let mut renewed = (*sealed[at]).clone();
        renewed.rooms = RoomIndex::File(Arc::default());
        sealed[at] = Arc::new(renewed);
    }
}

/// The postings in memory of a sealed segment, if they still are there.
pub(super) fn in_memory(segment: &Segment) -> Option<Postings> {
    match &segment.rooms {
        RoomIndex::Memory(postings) => Some(
            postings
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        ),
        RoomIndex::File(_) => None,
    }
}
