//! How many pages of the log a shard's clients may have under way: asked for, or in hand and not yet written. In: clients that have to catch up.
//! Out: a slot for each, at once or when one is free.
//!
//! After an outage everybody catches up at the same time. Without this, each would hold a page before the first was written: hundreds of
//! megabytes for some milliseconds, and holes in the heap for ever.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::seat::Seat;

/// Pages that a shard's clients have under way at most; each has some 256 KiB at most.
const PAGES_MAX: u32 = 32;

/// See the module.
#[derive(Debug, Default)]
pub struct PageSlots {
    taken: Cell<u32>,
    waiting: RefCell<VecDeque<Rc<Seat>>>,
}

impl PageSlots {
    /// Takes a slot for whoever sits at `seat`. If there is none, one is offered at the seat later ([`Seat::take_page_offer`]).
    pub fn take(&self, seat: &Rc<Seat>) -> bool {
        if self.taken.get() < PAGES_MAX {
            self.taken.set(self.taken.get() + 1);
            return true;
        }
        if !seat.set_waits_for_page(true) {
            self.waiting.borrow_mut().push_back(seat.clone());
        }
        false
    }

    /// Whether somebody waits for one.
    pub fn is_wanted(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    /// Gives a slot back, or on to the next who waits and `is_here`.
    pub fn give_back(&self, is_here: impl Fn(&Seat) -> bool) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(seat) => {
                    seat.set_waits_for_page(false);
                    if is_here(&seat) {
                        return seat.offer_page();
                    }
                }
                None => return self.taken.set(self.taken.get().saturating_sub(1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::light::turns::Turns;
    use crate::hub::messages::ClientRef;
    use std::time::Duration;

    fn seat(slot: u32, turns: &Rc<Turns>) -> Rc<Seat> {
        let client = ClientRef {
            shard: 0,
            slot,
            session: slot.into(),
        };
        let peer = ([127, 0, 0, 1], 1).into();
        Seat::new(client, peer, 0, Duration::ZERO, turns)
    }

    #[test]
    fn who_finds_none_is_offered_one_in_turn_unless_it_left() {
        let (slots, turns) = (PageSlots::default(), Rc::new(Turns::default()));
        for slot in 0..PAGES_MAX {
            assert!(slots.take(&seat(slot, &turns)));
        }
        let [gone, first, second] = [100, 101, 102].map(|slot| seat(slot, &turns));
        for waiting in [&gone, &first, &first, &second] {
            assert!(!slots.take(waiting));
        }
        let is_here = |seat: &Seat| seat.client.slot != 100;
        assert!(slots.is_wanted());
        slots.give_back(is_here);
        assert!(first.take_page_offer() && !second.take_page_offer() && !gone.take_page_offer());
        slots.give_back(is_here);
        assert!(second.take_page_offer() && !first.take_page_offer());
        assert!(!slots.is_wanted());
        // All are taken still; those that nobody waits for are free after.
        assert_eq!(slots.taken.get(), PAGES_MAX);
        for _ in 0..PAGES_MAX {
            slots.give_back(is_here);
        }
        assert_eq!(slots.taken.get(), 0);
    }
}
