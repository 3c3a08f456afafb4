//! What all tails of the process may hold together. In: blocks that tails take and let go of. Out: whether it is too much.
//!
//! A block that several shards' tails hold is in memory once, and is counted once.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::block::Block;

/// See the module.
#[derive(Debug)]
pub struct TailBudget {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl TailBudget {
    /// Nothing held; `bytes_max` is `rooms.tails_bytes`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// More than there should be: who takes a block in has to let go of older ones.
    pub fn is_over(&self) -> bool {
        self.bytes() > self.bytes_max
    }

    /// So much more, though only the newest blocks are kept, that not even those can be.
    pub fn is_far_over(&self) -> bool {
        self.bytes() / 2 > self.bytes_max
    }

    /// A tail holds `block` from now on.
    pub fn take_in(&self, block: &Block) {
        if block.holders().0.fetch_add(1, Ordering::AcqRel) == 0 {
            self.bytes.fetch_add(block.cost_bytes(), Ordering::Relaxed);
        }
    }

    /// A tail that took `block` in holds it no more.
    pub fn let_go(&self, block: &Block) {
        if block.holders().0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.bytes.fetch_sub(block.cost_bytes(), Ordering::Relaxed);
        }
    }
}

/// How many tails hold a block. It belongs to the place in memory, not to what stands there: a copy has none, and two blocks
/// with the same lines are the same whoever holds them.
#[derive(Debug, Default)]
pub struct Holders(AtomicU32);

impl Clone for Holders {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Holders {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Holders {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::hub::rules::block::BlockBuilder;
    use crate::hub::rules::tail::Tail;

    fn block(id: u64) -> Arc<Block> {
        let mut builder = BlockBuilder::default();
        builder.push(id, |out| out.extend_from_slice(&[b'x'; 900]));
        Arc::new(builder.take().unwrap())
    }

    #[test]
    fn a_shared_block_is_counted_once_and_until_its_last_holder_is_gone() {
        let budget = Arc::new(TailBudget::new(1 << 20));
        let (mut here, mut there) = (
            Tail::new(0, 1 << 20, &budget),
            Tail::new(0, 1 << 20, &budget),
        );
        let cost = block(1).cost_bytes();
        assert!(cost > 1000, "{cost}");
        for id in 1..=3 {
            let block = block(id);
            here.push(block.clone());
            there.push(block);
        }
        assert_eq!(budget.bytes(), 3 * cost);
        here.drop_through(2);
        assert_eq!(budget.bytes(), 3 * cost);
        there.reset(3);
        assert_eq!((budget.bytes(), here.bytes()), (cost, cost));
        drop(here);
        assert_eq!(budget.bytes(), 0);
        // Told again, it is refused and not counted.
        there.push(block(3));
        assert_eq!(budget.bytes(), 0);
    }

    #[test]
    fn rooms_that_go_on_make_way() {
        let cost = block(1).cost_bytes();
        let budget = Arc::new(TailBudget::new(10 * cost));
        let mut tails: Vec<_> = (0..30).map(|_| Tail::new(0, 1 << 20, &budget)).collect();
        let count = |tail: &Tail| tail.blocks_from(0).count();
        for id in 1..=9 {
            assert!(tails[0].push(block(id)));
        }
        // Full now: each has its newest block, and what is over makes the next one that gets something let go.
        for tail in &mut tails[1..] {
            assert!(tail.push(block(1)));
        }
        assert_eq!((count(&tails[0]), count(&tails[29])), (9, 0));
        assert!(tails[0].push(block(10)));
        assert!(count(&tails[0]) <= 1);
        assert!(budget.bytes() <= 20 * cost, "{}", budget.bytes());
        for id in 2..100 {
            for tail in &mut tails {
                tail.push(block(id));
            }
            assert!(budget.bytes() <= 20 * cost, "{}", budget.bytes());
        }
        assert!(tails[5].blocks_from(0).all(|held| held.last_id() == 99));
        assert_eq!((tails[29].floor_id(), tails[29].end_id()), (99, 99));
    }
}
