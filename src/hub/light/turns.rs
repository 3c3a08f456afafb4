//! Whose turn it is on a shard. In: numbers of actors that something woke. Out: these numbers, each once until it was given. Owns the queues
//! and the waker of the future that runs them.
//!
//! Whoever needed long the last time stands in a queue of its own, which gets a share of the time however many are quick, and no more than
//! that: who asks for little does not wait behind those who ask for all there is.
//!
//! An actor with a runtime task of its own (an original client) can be entered under its number too: waking it wakes that task.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::task::Waker;

/// See the module.
#[derive(Default)]
pub struct Turns {
    due: RefCell<VecDeque<u32>>,
    long: RefCell<VecDeque<u32>>,
    later: RefCell<Vec<u32>>,
    runner: Cell<Option<Waker>>,
    others: RefCell<HashMap<u32, Waker>>,
}

impl Turns {
    /// Queues this actor; whoever calls sees to it that it stands there once.
    pub fn queue(&self, number: u32) {
        self.due.borrow_mut().push_back(number);
        self.wake_runner();
    }

    /// Queues this actor, whose last turn was long; as [`queue`](Self::queue) otherwise.
    pub fn queue_long(&self, number: u32) {
        self.long.borrow_mut().push_back(number);
        self.wake_runner();
    }

    /// Queues this actor for after the thread's other actors have had their turns: what they have for it comes first.
    pub fn queue_later(&self, number: u32) {
        self.later.borrow_mut().push(number);
        self.wake_runner();
    }

    fn wake_runner(&self) {
        if let Some(runner) = self.runner.take() {
            // It looks at all that are due before it waits again, and says then who is to be woken.
            runner.wake();
        }
    }

    /// The runner goes on after the thread's other actors have had their turns.
    pub fn begin(&self) {
        // It runs: nobody has to wake it.
        self.runner.set(None);
        self.due
            .borrow_mut()
            .extend(self.later.borrow_mut().drain(..));
    }

    /// Takes the one whose turn it is, of those that are quick.
    pub fn next(&self) -> Option<u32> {
        self.due.borrow_mut().pop_front()
    }

    /// Takes the one whose turn it is, of those whose last turn was long.
    pub fn next_long(&self) -> Option<u32> {
        self.long.borrow_mut().pop_front()
    }

    /// Whether nobody is due.
    pub fn is_empty(&self) -> bool {
        self.due.borrow().is_empty()
            && self.long.borrow().is_empty()
            && self.later.borrow().is_empty()
    }

    /// Who runs the actors, and waits now until one is due.
    pub fn wait(&self, runner: &Waker) {
        self.runner.set(Some(runner.clone()));
    }

    /// This actor has a task of its own.
    pub fn keep_other(&self, number: u32, waker: &Waker) {
        let mut others = self.others.borrow_mut();
        let is_known = others
            .get(&number)
            .is_some_and(|kept| kept.will_wake(waker));
        if !is_known {
            others.insert(number, waker.clone());
        }
    }

    /// Wakes an actor with a task of its own.
    pub fn wake_other(&self, number: u32) {
        let waker = self.others.borrow().get(&number).cloned();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The actor of this number is no more.
    pub fn forget_other(&self, number: u32) {
        self.others.borrow_mut().remove(&number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_is_due_comes_in_order_and_the_runner_is_woken_once_for_all() {
        let (turns, count) = (Turns::default(), Arc::new(Count::default()));
        let waker = Waker::from(count.clone());
        turns.queue(1);
        assert_eq!(turns.next(), Some(1));
        turns.wait(&waker);
        turns.queue(2);
        turns.queue(3);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(
            (turns.next(), turns.next(), turns.next()),
            (Some(2), Some(3), None)
        );
        assert!(turns.is_empty());
    }

    #[test]
    fn who_waits_for_others_comes_with_the_next_round() {
        let turns = Turns::default();
        turns.queue_later(1);
        turns.queue(2);
        assert_eq!((turns.next(), turns.next()), (Some(2), None));
        assert!(!turns.is_empty());
        turns.begin();
        assert_eq!((turns.next(), turns.next()), (Some(1), None));
        assert!(turns.is_empty());
    }

    #[test]
    fn whoever_needed_long_stands_apart() {
        let turns = Turns::default();
        turns.queue_long(1);
        turns.queue(2);
        turns.queue_long(3);
        assert_eq!((turns.next(), turns.next()), (Some(2), None));
        assert!(!turns.is_empty());
        assert_eq!((turns.next_long(), turns.next_long()), (Some(1), Some(3)));
        assert!(turns.is_empty());
    }

    #[test]
    fn others_are_woken_by_their_number_until_they_are_forgotten() {
        let (turns, count) = (Turns::default(), Arc::new(Count::default()));
        turns.keep_other(4, &Waker::from(count.clone()));
        turns.wake_other(4);
        turns.wake_other(5);
        turns.forget_other(4);
        turns.wake_other(4);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
