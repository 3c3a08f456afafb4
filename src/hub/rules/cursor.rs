//! A reader's place in a room: one state machine over "log so far" and "tail now".
//!
//! JOIN's past, resume, catch-up of a slow reader and the present are the same walk. The reader knows the id up to which
//! everything has been handed to its connection. As long as the tail reaches back that far it reads there; when it does
//! not, it reads the log, page by page, until the two meet. Nothing else is remembered, so a tail that was trimmed,
//! emptied or rebuilt costs a detour and never a message.
//!
//! A write that ends in the middle of a line hands the rest of that line back: the reader then stands at a line's border
//! again, and holds on to no block while its peer is slow.

use std::io::IoSlice;

use smallvec::SmallVec;

use super::block::Block;
use super::tail::Tail;

/// At most so many blocks go into one vectored write (the kernel takes 1,024).
pub const SLICES_MAX: usize = 64;

/// What one write takes; a few blocks without an allocation.
pub type Slices<'a> = SmallVec<[IoSlice<'a>; 8]>;

/// A reader's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    last_id: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// To be looked up from the id.
    Unknown,
    /// In this block of the tail, at this offset, which is a line's border.
    Tail { number: u64, offset: u32 },
}

/// What a reader does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing to do until the room has news.
    Wait,
    /// Write what [`Cursor::gather`] collects.
    Write,
    /// The tail does not reach back far enough: read the log behind this id.
    ReadLog {
        /// Everything up to here has been handed over.
        after: u64,
    },
}

impl Cursor {
    /// A reader that has everything up to `last_id`.
    pub fn behind(last_id: u64) -> Self {
        Self {
            last_id,
            place: Place::Unknown,
        }
    }

    /// Everything up to this id has been handed over.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// Forgets the place in the tail, because the tail is another one now.
    pub fn detach(&mut self) {
        self.place = Place::Unknown;
    }

    /// Finds out what to do next; to be called whenever the tail may have changed.
    pub fn next(&mut self, tail: &Tail) -> Next {
        if matches!(self.place, Place::Tail { number, .. } if number < tail.first_number()) {
            self.place = Place::Unknown;
        }
        if self.place == Place::Unknown {
            if self.last_id < tail.floor_id() {
                return Next::ReadLog {
                    after: self.last_id,
                };
            }
            // What was read from the log may be newer than what this shard has been told. The next block then begins with lines that
            // are known already, so its place can only be looked up once it is there.
            if self.last_id > tail.end_id() {
                return Next::Wait;
            }
            let (number, offset) = tail.locate(self.last_id);
            self.place = Place::Tail { number, offset };
        }
        match self.place {
            Place::Tail { number, .. } if number < tail.next_number() => Next::Write,
            _ => Next::Wait,
        }
    }

    /// Adds what is to be written now to `slices`, oldest first, up to [`SLICES_MAX`] slices and about `bytes_max`.
    /// Returns the bytes added. Only after [`next`](Self::next) said `Write`.
    pub fn gather<'a>(&self, tail: &'a Tail, bytes_max: usize, slices: &mut Slices<'a>) -> usize {
        let Place::Tail { number, offset } = self.place else {
            return 0;
        };
        let (mut skip, mut added) = (offset as usize, 0);
        for block in tail.blocks_from(number) {
            if slices.len() == SLICES_MAX || added >= bytes_max {
                break;
            }
            let part = &block.bytes()[skip..];
            skip = 0;
            added += part.len();
            slices.push(IoSlice::new(part));
        }
        added
    }

    /// Moves on by `written` bytes of what `gather` collected. If they end within a line, returns the rest of that line,
    /// which is to be written before anything else.
    pub fn advance(&mut self, tail: &Tail, mut written: usize) -> Option<Vec<u8>> {
        let Place::Tail {
            mut number,
            mut offset,
        } = self.place
        else {
            return None;
        };
        for block in tail.blocks_from(number) {
            let left = block.bytes().len() - offset as usize;
            if written < left {
                let at = offset as usize + written;
                let rest = self.cut(block, offset as usize, at);
                let offset = at as u32 + rest.as_ref().map_or(0, |rest| rest.len() as u32);
                // The rest may have been the block's end.
                let whole = offset as usize == block.bytes().len();
                self.place = if whole {
                    Place::Tail {
                        number: number + 1,
                        offset: 0,
                    }
                } else {
                    Place::Tail { number, offset }
                };
                return rest;
            }
            written -= left;
            self.last_id = block.last_id();
            (number, offset) = (number + 1, 0);
            if written == 0 {
                break;
            }
        }
        self.place = Place::Tail { number, offset };
        None
    }

    /// Moves on within a page that was read from the log and encoded as `page`, of which the first `written` bytes were
    /// taken by the connection. If that was all of it, everything up to `scanned_to` is done. Otherwise the rest of a cut
    /// line is returned as by `advance`, and the page is to be dropped: what follows is read again when there is room.
    pub fn advance_page(
        &mut self,
        page: &Block,
        scanned_to: u64,
        written: usize,
    ) -> Option<Vec<u8>> {
        self.place = Place::Unknown;
        if written >= page.bytes().len() {
            self.last_id = self.last_id.max(scanned_to).max(page.last_id());
            return None;
        }
        self.cut(page, 0, written)
    }

    /// A page of the log that holds nothing for this reader.
    pub fn skip_to(&mut self, scanned_to: u64) {
        self.place = Place::Unknown;
        self.last_id = self.last_id.max(scanned_to);
    }

    /// A write from `from` stopped at `at`, short of the block's end.
    fn cut(&mut self, block: &Block, from: usize, at: usize) -> Option<Vec<u8>> {
        if at > from {
            let line = block.line_at(at - 1)?;
            self.last_id = line.id;
            let end = line.end_bytes as usize;
            return (end > at).then(|| block.bytes()[at..end].to_vec());
        }
        None
    }
}

#[cfg(test)]
mod tests;
