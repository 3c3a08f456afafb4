//! What a shard knows of accounts: which of its seats are theirs, and of which names it was told that they are accounts'.
//!
//! Guests are in neither, so they cost nothing here. The second is a copy with a limit, for direct conversations; it is dropped for a
//! name as soon as that account changes.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::edge::wire::timestamp::Timestamp;

/// Names that are remembered; beyond that all are asked for anew.
const NAMES_MAX: usize = 4096;

/// Places in the shard's registry. Nearly every account has one or two connections on a shard.
pub type Slots = SmallVec<[u32; 4]>;

/// An account that is here.
#[derive(Debug, Default)]
struct Seated {
    slots: Slots,
    created: Timestamp,
}

/// See the module.
#[derive(Debug, Default)]
pub struct KnownAccounts {
    seats: RefCell<HashMap<Arc<str>, Seated>>,
    names: RefCell<HashSet<Arc<str>>>,
    changes: Cell<u64>,
}

impl KnownAccounts {
    /// This account, made at that time, sits there too from now on.
    pub fn seat(&self, account: &Arc<str>, slot: u32, created: Timestamp) {
        let mut seats = self.seats.borrow_mut();
        let seated = seats.entry(account.clone()).or_default();
        seated.slots.push(slot);
        // Where a connection of one that was removed lingers, the younger one counts.
        seated.created = seated.created.max(created);
    }

    /// When an account that sits here was made.
    pub fn created(&self, account: &str) -> Option<Timestamp> {
        self.seats
            .borrow()
            .get(account)
            .map(|seated| seated.created)
    }

    /// It sits there no more.
    pub fn unseat(&self, account: &str, slot: u32) {
        let mut seats = self.seats.borrow_mut();
        let Some(seated) = seats.get_mut(account) else {
            return;
        };
        seated.slots.retain(|sits| *sits != slot);
        if seated.slots.is_empty() {
            seats.remove(account);
        }
    }

    /// Where it sits on this shard.
    pub fn slots_of(&self, account: &str) -> Slots {
        let seats = self.seats.borrow();
        let seated = seats.get(account);
        seated
            .map(|seated| seated.slots.clone())
            .unwrap_or_default()
    }

    /// Whether it is known that there is this account.
    pub fn has(&self, account: &str) -> bool {
        self.seats.borrow().contains_key(account) || self.names.borrow().contains(account)
    }

    /// Rises whenever an account changes: what was asked before may be out of date.
    pub fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// There is this account, as was answered to a question from when [`changes`](Self::changes) was `asked_at`.
    pub fn note(&self, account: Arc<str>, asked_at: u64) {
        if asked_at != self.changes.get() {
            return;
        }
        let mut names = self.names.borrow_mut();
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        names.insert(account);
    }

    /// Something was done to this account.
    pub fn forget(&self, account: &str) {
        self.changes.set(self.changes.get().wrapping_add(1));
        self.names.borrow_mut().remove(account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_come_and_go() {
        let known = KnownAccounts::default();
        let ann: Arc<str> = "ann".into();
        let at = Timestamp::from_micros;
        known.seat(&ann, 3, at(5));
        known.seat(&ann, 7, at(9));
        assert_eq!(
            (known.created("ann"), known.created("bob")),
            (Some(at(9)), None)
        );
        assert_eq!(known.slots_of("ann").as_slice(), [3, 7]);
        assert!(known.has("ann") && !known.has("bob"));
        known.unseat("ann", 3);
        known.unseat("bob", 7);
        assert_eq!(known.slots_of("ann").as_slice(), [7]);
        known.unseat("ann", 7);
        assert!(known.slots_of("ann").is_empty() && !known.has("ann"));
    }

    #[test]
    fn an_answer_that_a_change_has_overtaken_is_not_kept() {
        let known = KnownAccounts::default();
        known.note("ann".into(), known.changes());
        assert!(known.has("ann"));
        let asked_at = known.changes();
        known.forget("ann");
        known.note("ann".into(), asked_at);
        assert!(!known.has("ann"));
        for number in 0..=NAMES_MAX {
            known.note(format!("a{number}").into(), known.changes());
        }
        assert!(known.names.borrow().len() <= NAMES_MAX && known.has(&format!("a{NAMES_MAX}")));
    }
}
