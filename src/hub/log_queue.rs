//! How much is on its way through the log.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Bytes of requests that are on their way through the log and have not been told to every shard. When it is full, clients stop reading
/// their sockets, and TCP pushes back.
#[derive(Debug)]
pub struct LogQueue {
    bytes: AtomicUsize,
    bytes_max: usize,
    is_waited_for: AtomicBool,
}

impl LogQueue {
    /// An empty queue; `bytes_max` is `limits.log_queue_bytes`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
            is_waited_for: AtomicBool::new(false),
        }
    }

    /// Whether no more should be put in.
    pub fn is_full(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) >= self.bytes_max
    }

    /// Counts bytes in.
    pub fn enter(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes out.
    pub fn leave(&self, bytes: usize) {
        // A group that is told twice leaves twice; the count must not wrap.
        let less = |now: usize| Some(now.saturating_sub(bytes));
        let _ = self
            .bytes
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }

    /// Somebody waits for room; looks once more after this whether it is full.
    pub fn note_waited_for(&self) {
        self.is_waited_for.swap(true, Ordering::SeqCst);
    }

    /// Whether anybody has waited since this was asked last; asked after bytes were counted out.
    pub fn take_waited_for(&self) -> bool {
        self.is_waited_for.load(Ordering::SeqCst)
            && self.is_waited_for.swap(false, Ordering::SeqCst)
    }

    /// Bytes in the queue.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}
