//! Looking at records alone, ahead of the walk and on every core: reading, decoding and hashing are most of the work, and need no order.
//!
//! Entries are dealt out in batches, to one thread after the other; the walk takes the batches in the same order, so it meets the
//! entries as they stand in the file. Each thread is at most a few batches ahead, which bounds the memory.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, Scope, available_parallelism};

use super::super::super::LogError;
use super::super::files::{Files, io_error};
use super::super::index::{ENTRY_BYTES, Entry, entry_at};
use super::record::{Found, Rooms, Text, check};

/// Entries looked at in one go.
const BATCH_ENTRIES: u32 = 2048;
/// Batches that wait for the walk, for each thread.
const BATCHES_WAITING: usize = 2;
/// More threads than this would wait for the walk.
const THREADS_MAX: usize = 8;

/// An entry that is whole, and what was found of its record.
pub(super) struct Looked {
    pub(super) entry: Entry,
    pub(super) found: Found,
}

/// In the order of the file; `None` where an entry is not whole.
type Batch = Vec<Option<Looked>>;

/// The entries of a segment, looked at, one after the other.
pub(super) struct Ahead {
    threads: Vec<Receiver<Result<Batch, LogError>>>,
    batch: std::vec::IntoIter<Option<Looked>>,
    batches_taken: usize,
    /// Entries in the index, whole ones and others.
    pub(super) count: u32,
    /// Number of the entry that comes next.
    pub(super) next: u32,
}

/// What the threads look at.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) files: &'a Files,
    /// Of text and index.
    pub(super) paths: &'a [PathBuf; 3],
    pub(super) text_bytes: u64,
    pub(super) count: u32,
}

impl Ahead {
    /// Starts the threads; they end when this is dropped.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        source: Source<'scope>,
    ) -> Result<Self, LogError> {
        let batches = source.count.div_ceil(BATCH_ENTRIES).max(1) as usize;
        let count = available_parallelism().map_or(1, usize::from);
        let count = count.min(THREADS_MAX).min(batches);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (sender, receiver) = sync_channel(BATCHES_WAITING);
            Builder::new()
                .name(format!("log-verify-{number}"))
                .spawn_scoped(scope, move || look(source, number, count, &sender))
                .map_err(io_error("start a thread for", &source.paths[1]))?;
            threads.push(receiver);
        }
        Ok(Self {
            threads,
            batch: Batch::new().into_iter(),
            batches_taken: 0,
            count: source.count,
            next: 0,
        })
    }

    /// The next entry, without taking it; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<&Option<Looked>>, LogError> {
        if self.next >= self.count {
            return Ok(None);
        }
        if self.batch.len() == 0 {
            let thread = self.batches_taken % self.threads.len();
            let batch = self.threads.get(thread).map(Receiver::recv);
            // A thread that is gone without a word has panicked, and the scope will say so.
            self.batch = match batch {
                Some(Ok(batch)) => batch?.into_iter(),
                _ => return Ok(None),
            };
            self.batches_taken += 1;
        }
        Ok(self.batch.as_slice().first())
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self) -> Option<Looked> {
        self.next += 1;
        self.batch.next().flatten()
    }
}

/// What one thread does: every `threads`-th batch.
fn look(
    source: Source<'_>,
    number: usize,
    threads: usize,
    out: &SyncSender<Result<Batch, LogError>>,
) {
    let mut rooms = Rooms::default();
    let mut text = Text::new(&source.files.text, source.text_bytes);
    let batches = (0..source.count).step_by(BATCH_ENTRIES as usize);
    for from in batches.skip(number).step_by(threads) {
        let to = source.count.min(from + BATCH_ENTRIES);
        let batch = batch(source, from, to, &mut text, &mut rooms);
        let failed = batch.is_err();
        if out.send(batch).is_err() || failed {
            return;
        }
    }
}

fn batch(
    source: Source<'_>,
    from: u32,
    to: u32,
    text: &mut Text<'_>,
    rooms: &mut Rooms,
) -> Result<Batch, LogError> {
    let [text_path, index_path, _] = source.paths;
    let mut bytes = vec![0; (to - from) as usize * ENTRY_BYTES];
    let read = source.files.index.read_exact_at(&mut bytes, entry_at(from));
    read.map_err(io_error("read", index_path))?;
    let blocks = bytes.chunks_exact(ENTRY_BYTES);
    let last = blocks.clone().rev().find_map(decoded);
    text.read_until(last.map_or(0, |entry| entry.end()));
    let each = blocks.map(|block| {
        let Some(entry) = decoded(block) else {
            return Ok(None);
        };
        let line = text.line(&entry).map_err(io_error("read", text_path))?;
        let found = check(&entry, line, rooms);
        Ok(Some(Looked { entry, found }))
    });
    each.collect()
}

/// An entry that is whole; its last four bytes are covered by no checksum.
fn decoded(block: &[u8]) -> Option<Entry> {
    Entry::decode(block).filter(|_| block.ends_with(&[0; 4]))
}
