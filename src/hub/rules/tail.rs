//! A room's tail: its newest blocks, in memory. Everything of the room with an id above the floor is here, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::block::Block;
use super::tail_budget::TailBudget;

/// The newest part of a room. Blocks are numbered; the number of a block never changes, so a reader keeps its place
/// as a number and an offset, and notices when that has been trimmed away.
#[derive(Debug)]
pub struct Tail {
    blocks: VecDeque<Arc<Block>>,
    /// Number of the first block held (or of the next one, if none is).
    first_number: u64,
    /// Every event of the room above this id is in `blocks`.
    floor_id: u64,
    /// The room's newest id.
    end_id: u64,
    bytes: usize,
    bytes_max: usize,
    budget: Arc<TailBudget>,
}

impl Tail {
    /// An empty tail of a room whose newest id is `newest_id`. It holds up to `bytes_max`, and never less than one block; of what
    /// `budget` allows all tails together, if that is used up, one block or none.
    pub fn new(newest_id: u64, bytes_max: usize, budget: &Arc<TailBudget>) -> Self {
        let (floor_id, end_id) = (newest_id, newest_id);
        Self {
            blocks: VecDeque::new(),
            first_number: 0,
            floor_id,
            end_id,
            bytes: 0,
            bytes_max,
            budget: budget.clone(),
        }
    }

    /// Every event of the room above this id is in the tail.
    pub fn floor_id(&self) -> u64 {
        self.floor_id
    }

    /// The room's newest id.
    pub fn end_id(&self) -> u64 {
        self.end_id
    }

    /// Number that the next block will have.
    pub fn next_number(&self) -> u64 {
        self.first_number + self.blocks.len() as u64
    }

    /// Number of the oldest block held.
    pub fn first_number(&self) -> u64 {
        self.first_number
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The blocks from `number` on.
    pub fn blocks_from(&self, number: u64) -> impl Iterator<Item = &Arc<Block>> {
        let skip = usize::try_from(number.saturating_sub(self.first_number)).unwrap_or(usize::MAX);
        self.blocks.range(skip.min(self.blocks.len())..)
    }

    /// Appends a block and trims the oldest ones. A block that is not newer than what is here was heard before (it is
    /// told again after a restart) and is ignored; returns whether it was taken.
    pub fn push(&mut self, block: Arc<Block>) -> bool {
        if block.first_id() <= self.end_id {
            return false;
        }
        self.end_id = block.last_id();
        self.bytes += block.cost_bytes();
        self.budget.take_in(&block);
        self.blocks.push_back(block);
        while self.blocks.len() > 1 && (self.bytes > self.bytes_max || self.budget.is_over()) {
            self.drop_first();
        }
        if self.budget.is_far_over() {
            self.drop_first();
        }
        true
    }

    /// Drops every block up to the one that holds `id`: what was removed must not be told from memory. Readers before
    /// that point go on from the log.
    pub fn drop_through(&mut self, id: u64) {
        while self
            .blocks
            .front()
            .is_some_and(|block| block.first_id() <= id)
        {
            self.drop_first();
        }
    }

    /// Empties the tail: everything up to `newest_id` is to be read from the log.
    pub fn reset(&mut self, newest_id: u64) {
        while !self.blocks.is_empty() {
            self.drop_first();
        }
        self.end_id = self.end_id.max(newest_id);
        self.floor_id = self.end_id;
        // A reader that stood at the end must not take the next block for the one that follows on what it has.
        self.first_number += 1;
    }

    /// The block in which a reader that has seen `last_id` goes on, and the offset in it. Only for
    /// `last_id >= floor_id`.
    pub fn locate(&self, last_id: u64) -> (u64, u32) {
        let at = self
            .blocks
            .partition_point(|block| block.last_id() <= last_id);
        let offset = self
            .blocks
            .get(at)
            .map_or(0, |block| block.offset_behind(last_id));
        (self.first_number + at as u64, offset)
    }

    fn drop_first(&mut self) {
        if let Some(block) = self.blocks.pop_front() {
            self.bytes -= block.cost_bytes();
            self.budget.let_go(&block);
            self.floor_id = block.last_id();
            self.first_number += 1;
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        for block in &self.blocks {
            self.budget.let_go(block);
        }
    }
}
