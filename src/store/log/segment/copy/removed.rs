//! What is overwritten in copied segments. In: these, their originals, the copied floors. Out: the same, with all removed that its own removals
//! name and that has expired by its own floors; and the messages of which something is overwritten for a reason that is not in it.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::super::LogError;
use super::super::super::disk::Folder;
use super::super::super::stored::REMOVED_FILL;
use super::super::audit::WAITING_MAX;
use super::super::audit::record::{Rooms, check};
use super::super::files::{Part, io_error, part_path};
use super::super::floors::{self, RoomFloors};
use super::super::index::{ENTRY_BYTES, Entry, entry_at};
use super::parts::{Piece, block, entry, open};
use super::there;

/// Entries compared in one go.
const ENTRIES: u32 = 1024;
/// Looks at an entry of the original that is being overwritten.
const LOOKS_MAX: u32 = 10;
/// Digits of the highest id.
const ID_BYTES_MAX: u32 = 20;

#[derive(Default)]
pub(super) struct Removed {
    /// Overwritten, and no reason was met yet.
    pub(super) waiting: HashSet<u64>,
    /// Overwritten because of a removal in the copy, and perhaps not yet in the original.
    pub(super) ahead: HashSet<u64>,
    /// The piece and the entry in it that come next.
    next: (usize, u32),
    floors: Option<Arc<RoomFloors>>,
}

/// An entry of both.
struct Pair {
    number: u32,
    ours: Option<Entry>,
    /// `None` if the original is gone, or cannot be read here.
    theirs: Option<Entry>,
}

impl Removed {
    /// Everything is to be looked at, with the floors that are in the copy now.
    pub(super) fn begin_again(&mut self, copy: &Path) -> Result<(), LogError> {
        // That they cannot be read is said by whoever reads all of the copy.
        let floors = floors::read(&Folder::real(copy))?
            .floors
            .unwrap_or_default();
        self.floors = RoomFloors::of(floors.rooms.iter().map(|(room, floor)| (room, *floor)));
        self.waiting.clear();
        self.next = (0, 0);
        Ok(())
    }

    /// Looks at all that was not looked at yet. What was is not overwritten any more but by this: it is a copy.
    pub(super) fn look(
        &mut self,
        from: &Path,
        to: &Path,
        pieces: &[Piece],
    ) -> Result<(), LogError> {
        while let Some(piece) = pieces.get(self.next.0) {
            self.piece(from, to, pieces, piece)?;
            self.next.1 = piece.entries;
            // The last one may go on.
            if self.next.0 + 1 == pieces.len() {
                break;
            }
            self.next = (self.next.0 + 1, 0);
        }
        Ok(())
    }

    fn piece(
        &mut self,
        from: &Path,
        to: &Path,
        pieces: &[Piece],
        piece: &Piece,
    ) -> Result<(), LogError> {
        let copy = Copy::open(to, piece)?;
        let path = part_path(from, piece.first_id, Part::Index);
        // Retention may have taken it.
        let original = there(open(&path))?;
        let mut at = self.next.1;
        while at < piece.entries {
            let here = ENTRIES.min(piece.entries - at);
            let ours = block(&copy.index, &copy.index_path, at, here)?;
            let theirs = original.as_ref().map(|file| block(file, &path, at, here));
            let theirs = theirs.transpose()?;
            for (n, number) in (at..at + here).enumerate() {
                let bytes = n * ENTRY_BYTES..(n + 1) * ENTRY_BYTES;
                let pair = Pair {
                    number,
                    ours: Entry::decode(&ours[bytes.clone()]),
                    theirs: match (&theirs, &original) {
                        (Some(theirs), Some(file)) => {
                            decode_twice(&theirs[bytes], file, &path, number)?
                        }
                        _ => None,
                    },
                };
                match pair.ours {
                    Some(ours) if !ours.is_message() => {
                        if let Some(target) = copy.target_of(&ours)? {
                            self.removal(&ours, target, to, pieces)?;
                        }
                    }
                    _ => self.message(&copy, &pair, original.is_some())?,
                }
            }
            at += here;
        }
        Ok(())
    }

    fn message(&mut self, copy: &Copy, pair: &Pair, has_original: bool) -> Result<(), LogError> {
        let gone = |entry: &Entry| entry.is_message() && entry.is_removed() && !entry.is_lost();
        let is_gone = pair.theirs.as_ref().is_some_and(gone);
        let entry = match (pair.ours, pair.theirs) {
            (Some(ours), _) if ours.is_lost() => return Ok(()),
            (Some(ours), _) if ours.is_removed() => ours,
            (Some(ours), _) => {
                if has_original && !is_gone {
                    return Ok(());
                }
                // The original's entry says so before anything of the text is overwritten, and the copy of the text is older than this look.
                if !self.expired(&ours) && copy.is_as_written(&ours)? {
                    return Ok(());
                }
                ours
            }
            // Copied while it was overwritten.
            (None, Some(theirs)) if is_gone => theirs,
            (None, _) => return Ok(()),
        };
        let is_marked = pair.ours.is_some_and(|ours| ours.is_removed());
        copy.remove(pair.number, &entry, is_marked)?;
        if !self.expired(&entry) && self.waiting.len() < WAITING_MAX {
            self.waiting.insert(entry.id);
        }
        Ok(())
    }

    /// A removal in the copy.
    fn removal(
        &mut self,
        removal: &Entry,
        target: u64,
        to: &Path,
        pieces: &[Piece],
    ) -> Result<(), LogError> {
        // What it names comes before it.
        if self.waiting.remove(&target) || removal.is_lost() {
            return Ok(());
        }
        let at = pieces.partition_point(|piece| piece.last_id < target);
        if let Some(piece) = pieces.get(at).filter(|piece| piece.first_id <= target) {
            let copy = Copy::open(to, piece)?;
            if let Some((number, entry)) = copy.find(piece, target)?
                && entry.is_message()
                && !entry.is_removed()
            {
                copy.remove(number, &entry, false)?;
                self.ahead.insert(target);
            }
        }
        Ok(())
    }

    fn expired(&self, entry: &Entry) -> bool {
        self.floors.as_ref().is_some_and(|all| all.expired(entry))
    }
}

/// An entry of the original; it may be in the middle of being overwritten.
fn decode_twice(
    bytes: &[u8],
    index: &File,
    path: &Path,
    number: u32,
) -> Result<Option<Entry>, LogError> {
    let mut found = Entry::decode(bytes);
    for _ in 0..LOOKS_MAX {
        if found.is_some() {
            break;
        }
        found = entry(index, path, number)?;
    }
    Ok(found)
}

/// A copied segment, open to remove records from.
struct Copy {
    text: File,
    index: File,
    text_path: PathBuf,
    index_path: PathBuf,
}

impl Copy {
    fn open(folder: &Path, piece: &Piece) -> Result<Self, LogError> {
        let open = |part| {
            let path = part_path(folder, piece.first_id, part);
            let file = OpenOptions::new().read(true).write(true).open(&path);
            file.map_err(io_error("open", &path))
                .map(|file| (file, path))
        };
        let ((text, text_path), (index, index_path)) = (open(Part::Text)?, open(Part::Index)?);
        Ok(Self {
            text,
            index,
            text_path,
            index_path,
        })
    }

    /// `None` where the text ends before.
    fn read(&self, from: u64, bytes: u32) -> Result<Option<Vec<u8>>, LogError> {
        let mut read = vec![0; bytes as usize];
        match self.text.read_exact_at(&mut read, from) {
            Ok(()) => Ok(Some(read)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(io_error("read", &self.text_path)(error)),
        }
    }

    /// Whether line and content are what the entry says.
    fn is_as_written(&self, entry: &Entry) -> Result<bool, LogError> {
        let line = self.read(u64::from(entry.offset), entry.line_bytes)?;
        Ok(check(entry, line.as_deref(), &mut Rooms::default()).is_ok())
    }

    /// Makes entry `n` one that was removed; `is_marked` says that the index has it so.
    fn remove(&self, n: u32, entry: &Entry, is_marked: bool) -> Result<(), LogError> {
        let content = self.read(entry.content_at(), entry.content_bytes)?;
        if let Some(mut content) = content
            && content.iter().any(|byte| *byte != REMOVED_FILL)
        {
            content.fill(REMOVED_FILL);
            self.text
                .write_all_at(&content, entry.content_at())
                .map_err(io_error("overwrite", &self.text_path))?;
        }
        if is_marked {
            return Ok(());
        }
        self.index
            .write_all_at(&entry.removed().encode(), entry_at(n))
            .map_err(io_error("overwrite", &self.index_path))
    }

    /// The entry of an id, and its number.
    fn find(&self, piece: &Piece, id: u64) -> Result<Option<(u32, Entry)>, LogError> {
        let (mut low, mut high) = (0, piece.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            match entry(&self.index, &self.index_path, middle)? {
                Some(found) if found.id < id => low = middle + 1,
                _ => high = middle,
            }
        }
        if low >= piece.entries {
            return Ok(None);
        }
        let found = entry(&self.index, &self.index_path, low)?;
        Ok(found
            .filter(|found| found.id == id)
            .map(|found| (low, found)))
    }

    /// What a removal removes: its content is that id.
    fn target_of(&self, removal: &Entry) -> Result<Option<u64>, LogError> {
        let bytes = removal.content_bytes.min(ID_BYTES_MAX);
        let content = self.read(removal.content_at(), bytes)?;
        Ok(content
            .as_deref()
            .and_then(|content| std::str::from_utf8(content).ok())
            .and_then(|id| id.parse().ok()))
    }
}
