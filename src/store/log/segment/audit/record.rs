//! One record: its entry against its line, its hash, and what removal has to have done to it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::super::super::EventKind;
use super::super::super::stored::{REMOVED_FILL, REMOVED_SALT, StoredRecord};
use super::super::index::{Entry, room_hash};
use super::super::text::{Line, stored};
use super::Check;

/// Text read in one go.
const WINDOW_BYTES: u64 = 256 * 1024;

/// The text of a segment, read forwards in large pieces.
pub(super) struct Text<'a> {
    pub(super) file: &'a File,
    pub(super) length: u64,
    begin: u64,
    bytes: Vec<u8>,
}

impl<'a> Text<'a> {
    pub(super) fn new(file: &'a File, length: u64) -> Self {
        Self {
            file,
            length,
            begin: 0,
            bytes: Vec::new(),
        }
    }

    /// The line of `entry`; `None` if it lies behind the end.
    pub(super) fn line(&mut self, entry: &Entry) -> std::io::Result<Option<&[u8]>> {
        let (from, to) = (u64::from(entry.offset), entry.end());
        if to > self.length {
            return Ok(None);
        }
        if from < self.begin || to > self.begin + self.bytes.len() as u64 {
            let bytes = WINDOW_BYTES.max(to - from).min(self.length - from);
            self.bytes.resize(bytes as usize, 0);
            self.begin = from;
            self.file.read_exact_at(&mut self.bytes, from)?;
        }
        let at = (from - self.begin) as usize;
        Ok(self.bytes.get(at..at + entry.line_bytes as usize))
    }

    /// Forgets what was read.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
    }
}

/// The record that entry and line make, or in what they are not as they were written.
pub(super) fn check(
    entry: &Entry,
    line: Option<&[u8]>,
) -> Result<StoredRecord, (Check, &'static str)> {
    let lines = |why| (Check::Lines, why);
    let line = line.ok_or(lines("the index points behind the end of the text"))?;
    if !Line::time_agrees(line, entry) {
        return Err(lines("the line is not the one that was indexed"));
    }
    let record = Line::parse(line, entry)
        .and_then(|line| stored(&line, entry))
        .map_err(lines)?;
    if room_hash(record.event.room.as_str()) != entry.room_hash {
        return Err(lines(
            "the line names another room than its index entry means",
        ));
    }
    if entry.is_removed() != (entry.salt == REMOVED_SALT) {
        return Err((
            Check::Removals,
            "the entry is marked as removed and keeps its salt, or the other way round",
        ));
    }
    if let (true, EventKind::Message(body)) = (entry.is_removed(), &record.event.kind) {
        let overwritten = body.iter().all(|byte| *byte == REMOVED_FILL);
        return if overwritten {
            Ok(record)
        } else {
            Err((Check::Removals, "removed content is still in the text"))
        };
    }
    if record.is_whole() {
        Ok(record)
    } else {
        Err((Check::Hashes, "the content does not fit its hash"))
    }
}
