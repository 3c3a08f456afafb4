//! How much is on its way through the log.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of requests that are on their way through the log, over all shards. When it is full, clients stop reading their
/// sockets, and TCP pushes back.
#[derive(Debug)]
pub struct LogQueue {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl LogQueue {
    /// An empty queue; `bytes_max` is `limits.log_queue_bytes`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
        }
    }

    /// Whether no more should be put in.
    pub fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.bytes_max
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
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Bytes in the queue.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}
