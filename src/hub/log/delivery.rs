//! The log's side of a shard: what it was told and may not have heard yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::Addr;

use crate::hub::messages::{Answer, Batch};
use crate::hub::room::{Committed, Room};

/// A shard that listens to the log.
pub struct ShardLink {
    /// Its fan-out.
    pub room: Addr<Room>,
    /// Number of the last batch that it heard to its end; it writes, the log reads.
    heard: Arc<AtomicU64>,
    /// What it may not have heard, oldest first. Bounded by `limits.log_queue_bytes`, since requests leave that queue only
    /// when every shard has heard what became of them.
    unheard: VecDeque<Committed>,
    told: u64,
}

impl ShardLink {
    /// A shard that has heard nothing yet; `heard` is shared with its fan-out.
    pub fn new(room: Addr<Room>, heard: Arc<AtomicU64>) -> Self {
        Self {
            room,
            heard,
            unheard: VecDeque::new(),
            told: 0,
        }
    }

    pub(super) fn tell(&mut self, batch: Arc<Batch>, answers: Arc<[Answer]>) {
        self.forget_heard();
        self.told += 1;
        let committed = Committed {
            number: self.told,
            batch,
            answers,
        };
        self.unheard.push_back(committed.clone());
        self.room.do_send(committed);
    }

    pub(super) fn forget_heard(&mut self) {
        let heard = self.heard.load(Ordering::Acquire);
        while self
            .unheard
            .front()
            .is_some_and(|committed| committed.number <= heard)
        {
            self.unheard.pop_front();
        }
    }

    /// Tells again what was not heard to its end; returns how many batches that are.
    pub(super) fn tell_again(&mut self) -> usize {
        self.forget_heard();
        for committed in &self.unheard {
            self.room.do_send(committed.clone());
        }
        self.unheard.len()
    }
}
