//! Copies the segments of a log that somebody may be writing. In: its folder. Out: the same segments elsewhere, up to a whole group, as they were
//! when that was the newest: what was removed by then is removed, what is removed later is there. Takes no lock and changes nothing in the
//! folder it reads.
//!
//! Copying takes its time, and what is removed meanwhile may be overwritten in some of the files that are copied, although its removal stands
//! behind the copy's end. So the copy is looked through, and goes on until the reason of all that is overwritten is in it: a removal is in its
//! segment, and a risen floor in its file, before anything is overwritten.

mod parts;
mod removed;

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use super::super::LogError;
use super::audit::{text_files, without_text};
use super::files::{Part, io_error, part_path};
use super::{floors, rooms_table};
pub(crate) use parts::copy_whole;
use parts::{Piece, copy_segment, go_on};
use removed::Removed;

/// How often the copy is begun anew because retention has taken what was being copied.
const ATTEMPTS_MAX: u32 = 20;
/// A segment that is begun or deleted in this moment has sidecars and no text.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(25);
/// How often it goes on for the sake of removals. What comes with it was written in the moment in which the rest was looked through, so each
/// time is shorter.
const EXTENSIONS_MAX: u32 = 200;

/// A copy in the making.
pub(crate) struct SegmentsCopy<'a> {
    from: &'a Path,
    to: &'a Path,
    pieces: Vec<Piece>,
    removed: Removed,
    /// Overwritten, and no reason came with what was written after that: none will.
    asked: HashSet<u64>,
    attempts: u32,
}

impl<'a> SegmentsCopy<'a> {
    /// Copies what the log in `from` holds now into the folder `to`, which holds no log. [`SegmentsCopy::settle`] has to follow.
    pub(crate) fn begin(from: &'a Path, to: &'a Path) -> Result<Self, LogError> {
        let mut copy = Self {
            from,
            to,
            pieces: Vec::new(),
            removed: Removed::default(),
            asked: HashSet::new(),
            attempts: 0,
        };
        copy.begin_anew()?;
        Ok(copy)
    }

    /// Its newest id, 0 if it holds no record.
    pub(crate) fn newest_id(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.last_id)
    }

    /// Brings it to an end at which all is explained.
    pub(crate) fn settle(&mut self) -> Result<(), LogError> {
        for _ in 0..=EXTENSIONS_MAX {
            self.removed.look(self.from, self.to, &self.pieces)?;
            let waiting = &self.removed.waiting;
            if waiting.is_subset(&self.asked) {
                return Ok(());
            }
            self.asked.extend(waiting);
            if !self.extend()? {
                self.begin_anew()?;
            }
        }
        Err(LogError::Damaged {
            file: self.from.display().to_string(),
            reason: format!("messages are removed faster than the log can be copied, {EXTENSIONS_MAX} times in turn; try again when there is less to do"),
        })
    }

    /// Messages that are overwritten in the copy, as where it comes from, and nothing in the segments says why.
    pub(crate) fn unexplained(&self) -> &HashSet<u64> {
        &self.removed.waiting
    }

    /// Messages that are removed in the copy and perhaps not yet where it comes from: their removals are in it.
    pub(crate) fn removed_ahead(&self) -> &HashSet<u64> {
        &self.removed.ahead
    }

    fn begin_anew(&mut self) -> Result<(), LogError> {
        let (from, to) = (self.from, self.to);
        self.asked.clear();
        let mut alone = Vec::new();
        while self.attempts < ATTEMPTS_MAX {
            self.attempts += 1;
            alone = without_text(from)?;
            if !alone.is_empty() {
                std::thread::sleep(LOOK_AGAIN_AFTER);
                continue;
            }
            remove_pieces(to)?;
            self.pieces.clear();
            let oldest = text_files(from)?.first().copied();
            // Before the segments: neither may know more than they do.
            for name in [floors::NAME, rooms_table::NAME] {
                copy_whole(&from.join(name), &to.join(name))?;
            }
            let firsts = text_files(from)?;
            // The table alone knows the rooms of what retention takes; it has to be one from before that.
            if firsts.first().copied() == oldest && self.append(&firsts)? {
                self.removed = Removed::default();
                self.removed.begin_again(to)?;
                return Ok(());
            }
        }
        if let Some(first) = alone.first() {
            return Err(LogError::Damaged {
                file: part_path(from, *first, Part::Text).display().to_string(),
                reason: "the text of this segment is missing, its sidecars are there; copy it back from a backup, or run `gencomm log repair`".to_owned(),
            });
        }
        Err(LogError::Damaged {
            file: from.display().to_string(),
            reason: "segments are missing, or retention takes them faster than they can be copied; try again, then look with `gencomm log verify`".to_owned(),
        })
    }

    /// Copies what was written since. `false` if retention has taken what would follow on the copy.
    fn extend(&mut self) -> Result<bool, LogError> {
        let known = fs::read(self.to.join(floors::NAME)).ok();
        copy_whole(&self.from.join(floors::NAME), &self.to.join(floors::NAME))?;
        if fs::read(self.to.join(floors::NAME)).ok() != known {
            // They say of any room how far it is overwritten.
            self.removed.begin_again(self.to)?;
        }
        let mut firsts = text_files(self.from)?;
        if let Some(last) = self.pieces.last_mut() {
            firsts.retain(|first| *first >= last.first_id);
            if firsts.first() != Some(&last.first_id) {
                return Ok(false);
            }
            match there(go_on(self.from, self.to, last, firsts.len() == 1))? {
                Some(Some(piece)) => *last = piece,
                Some(None) => {}
                None => return Ok(false),
            }
            firsts.remove(0);
        }
        self.append(&firsts)
    }

    /// Copies further segments. `false` if one has gone meanwhile.
    fn append(&mut self, firsts: &[u64]) -> Result<bool, LogError> {
        for (n, first) in firsts.iter().enumerate() {
            let is_newest = n + 1 == firsts.len();
            match there(copy_segment(self.from, self.to, *first, is_newest))? {
                Some(Some(piece)) => self.pieces.push(piece),
                // Just begun: there is no header yet.
                Some(None) => break,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// `None` if the file is not there.
fn there<T>(result: Result<T, LogError>) -> Result<Option<T>, LogError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(LogError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove_pieces(folder: &Path) -> Result<(), LogError> {
    for entry in fs::read_dir(folder).map_err(io_error("read", folder))? {
        let path = entry.map_err(io_error("read", folder))?.path();
        if path.is_file() {
            fs::remove_file(&path).map_err(io_error("delete", &path))?;
        }
    }
    Ok(())
}
