//! How many connections there are, over all shards.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Connections of all shards together, and how many there may be.
#[derive(Debug)]
pub struct ConnectionCount {
    open: AtomicUsize,
    max: AtomicUsize,
    ended: AtomicU64,
}

impl ConnectionCount {
    /// None open.
    pub fn new(max: usize) -> Self {
        Self {
            open: AtomicUsize::new(0),
            max: AtomicUsize::new(max),
            ended: AtomicU64::new(0),
        }
    }

    /// The limit.
    pub fn max(&self) -> usize {
        self.max.load(Ordering::Relaxed)
    }

    /// Another limit. If more are open, they stay, and nobody comes in until enough of them have left.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many have begun, and ended, since the start: two for each that is over.
    pub fn turnover(&self) -> u64 {
        2 * self.ended.load(Ordering::Relaxed) + self.open() as u64
    }

    pub(super) fn enter(&self) -> bool {
        let max = self.max();
        let more = |open: usize| (open < max).then_some(open + 1);
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    /// One more, whatever the limit.
    pub(super) fn enter_in_any_case(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}
