//! Positional reads of one segment: entries by number, id or time, a room's postings, records with their text.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::LogError;
use super::super::disk::{File, Folder, Open};
use super::super::stored::StoredRecord;
use super::files::{Files, Part, io_error, part_path};
use super::index::{ENTRY_BYTES, Entry, entry_at, room_hash};
use super::places::Places;
use super::shared::Segment;
use super::text::{Line, OTHER_ROOM, stored};

/// Entries read in one go.
pub(super) const RUN_ENTRIES_MAX: u32 = 1024;

/// A segment with its files open.
pub(super) struct Opened<'a> {
    pub(super) segment: &'a Segment,
    folder: &'a Folder,
    files: Source,
}

enum Source {
    Active(Arc<Files>),
    Sealed { text: File, index: File },
}

/// Neighbouring entries, read in one go.
pub(super) struct Run {
    first: u32,
    bytes: Vec<u8>,
    bounds: Bounds,
}

/// What is known of the ids in a segment: they rise by one or more from entry to entry. Where none is left out, as mostly, that tells every
/// entry's id.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    first_id: u64,
    last_id: u64,
    count: u32,
}

impl Bounds {
    /// An entry that is whole, but not in its place, is damage as any other: served there, it would be out of its order.
    fn allow(self, n: u32, entry: &Entry) -> bool {
        let behind = u64::from(self.count.saturating_sub(n.saturating_add(1)));
        let lowest = self.first_id.saturating_add(u64::from(n));
        entry.id >= lowest && (n >= self.count || entry.id.saturating_add(behind) <= self.last_id)
    }
}

impl Run {
    /// Entry `n`; `None` if it is damaged or not in this run.
    pub(super) fn entry(&self, n: u32) -> Option<Entry> {
        let at = n.checked_sub(self.first)? as usize * ENTRY_BYTES;
        let entry = Entry::read(self.bytes.get(at..at + ENTRY_BYTES)?);
        entry.filter(|entry| self.bounds.allow(n, entry))
    }
}

impl<'a> Opened<'a> {
    /// Opens a segment to read; `None` if retention has deleted it meanwhile.
    pub(super) fn open(folder: &'a Folder, segment: &'a Segment) -> Result<Option<Self>, LogError> {
        let files = match &segment.files {
            Some(files) => Source::Active(Arc::clone(files)),
            None => {
                let open = |part| {
                    let path = part_path(folder, segment.first_id, part);
                    match folder.open(&path, Open::Read) {
                        Ok(file) => Ok(Some(file)),
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                        Err(error) => Err(io_error("open", &path)(error)),
                    }
                };
                let (Some(text), Some(index)) = (open(Part::Text)?, open(Part::Index)?) else {
                    return Ok(None);
                };
                Source::Sealed { text, index }
            }
        };
        Ok(Some(Self {
            segment,
            folder,
            files,
        }))
    }

    pub(super) fn text(&self) -> &File {
        match &self.files {
            Source::Active(files) => &files.text,
            Source::Sealed { text, .. } => text,
        }
    }

    fn index(&self) -> &File {
        match &self.files {
            Source::Active(files) => &files.index,
            Source::Sealed { index, .. } => index,
        }
    }

    pub(super) fn path(&self, part: Part) -> PathBuf {
        part_path(self.folder, self.segment.first_id, part)
    }

    /// Entries `from..to`, as they are on disk.
    pub(super) fn run(&self, from: u32, to: u32) -> Result<Run, LogError> {
        let mut bytes = vec![0; to.saturating_sub(from) as usize * ENTRY_BYTES];
        self.index()
            .read_exact_at(&mut bytes, entry_at(from))
            .map_err(|error| io_error("read", &self.path(Part::Index))(error))?;
        Ok(Run {
            first: from,
            bytes,
            bounds: self.bounds(),
        })
    }

    /// The places of runs of entry numbers, to be read one after the other with [`Opened::next_run`].
    pub(super) fn runs(&self, runs: &[&[u32]]) -> Places<'_> {
        let place = |numbers: &&[u32]| {
            let first = numbers.first().copied().unwrap_or_default();
            let last = numbers.last().copied().unwrap_or_default();
            entry_at(first)..entry_at(last) + ENTRY_BYTES as u64
        };
        Places::new(self.index(), runs.iter().map(place).collect())
    }

    /// The next of several runs, which holds these numbers.
    pub(super) fn next_run(
        &self,
        reads: &mut Places<'_>,
        numbers: &[u32],
    ) -> Result<Option<Run>, LogError> {
        let bytes = reads.read_next();
        let bytes = bytes.map_err(|error| io_error("read", &self.path(Part::Index))(error))?;
        let first = numbers.first().copied().unwrap_or_default();
        let bounds = self.bounds();
        Ok(bytes.map(|bytes| Run {
            first,
            bytes,
            bounds,
        }))
    }

    /// The first entry with this id or a higher one; the segment's count if there is none.
    pub(super) fn lower_bound(&self, id: u64) -> Result<u32, LogError> {
        let distance = id.saturating_sub(self.segment.first_id);
        // Ids rise by one or more, so entry n has at least id first_id + n: it cannot stand further behind than this.
        let high =
            u32::try_from(distance).map_or(self.segment.count, |n| n.min(self.segment.count));
        // Mostly ids have no gaps, and the guess is right.
        if high > 0 && self.entry(high - 1)?.is_some_and(|entry| entry.id < id) {
            return Ok(high);
        }
        self.bisect(high, |entry| entry.id < id)
    }

    /// The first entry at which the highest time so far is `time` or later: all before it are earlier.
    pub(super) fn lower_bound_time(&self, time: u64) -> Result<u32, LogError> {
        if time == 0 {
            return Ok(0);
        }
        self.bisect(self.segment.count, |entry| entry.time_max < time)
    }

    /// Damaged entries are passed over: what is sought may then begin with some, which readers pass over too.
    fn bisect(&self, count: u32, below: impl Fn(&Entry) -> bool) -> Result<u32, LogError> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut probe = middle;
            let mut found = self.entry(probe)?;
            while found.is_none() && probe + 1 < high {
                probe += 1;
                found = self.entry(probe)?;
            }
            match found {
                Some(entry) if below(&entry) => low = probe + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// Entry `n`, `None` if it is damaged.
    pub(super) fn entry(&self, n: u32) -> Result<Option<Entry>, LogError> {
        let mut bytes = [0; ENTRY_BYTES];
        self.index()
            .read_exact_at(&mut bytes, entry_at(n))
            .map_err(|error| io_error("read", &self.path(Part::Index))(error))?;
        Ok(Entry::read(&bytes).filter(|entry| self.bounds().allow(n, entry)))
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            first_id: self.segment.first_id,
            last_id: self.segment.last_id,
            count: self.segment.count,
        }
    }

    /// The entry with this id and its number.
    pub(super) fn find(&self, id: u64) -> Result<Option<(u32, Entry)>, LogError> {
        let count = self.segment.count;
        let mut n = self.lower_bound(id)?;
        while n < count {
            match self.entry(n)? {
                Some(entry) if entry.id == id => return Ok(Some((n, entry))),
                Some(_) => return Ok(None),
                None => n += 1,
            }
        }
        Ok(None)
    }

    /// Whether the text has bytes `from..to`.
    pub(super) fn has_text(&self, from: u64, to: u64) -> bool {
        from <= to && to <= self.segment.text_bytes
    }

    /// Bytes `from..to` of the text.
    pub(super) fn text_range(&self, from: u64, to: u64) -> Result<Vec<u8>, LogError> {
        if !self.has_text(from, to) {
            return Err(self.damaged(from, "the index points behind the end of the text"));
        }
        let mut bytes = vec![0; (to - from) as usize];
        self.text()
            .read_exact_at(&mut bytes, from)
            .map_err(|error| io_error("read", &self.path(Part::Text))(error))?;
        Ok(bytes)
    }

    /// The record of an entry, as text and index hold it.
    pub(super) fn record(&self, entry: &Entry) -> Result<StoredRecord, LogError> {
        let bytes = self.text_range(u64::from(entry.offset), entry.end())?;
        Line::parse(&bytes, entry)
            .and_then(|line| match room_hash(line.room) == entry.room_hash {
                true => stored(&line, entry),
                false => Err(OTHER_ROOM),
            })
            .map_err(|why| self.damaged(u64::from(entry.offset), why))
    }

    pub(super) fn damaged(&self, offset: u64, why: &str) -> LogError {
        damaged(&self.path(Part::Text), offset, why)
    }
}

/// The error for a place that cannot be read as what it should be.
pub(super) fn damaged(path: &Path, offset: u64, why: &str) -> LogError {
    LogError::Damaged {
        file: path.display().to_string(),
        reason: format!(
            "at byte {offset}: {why}; run `gencomm log verify` to see what else is damaged"
        ),
    }
}
