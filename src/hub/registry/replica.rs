//! A shard's own copy of what is decided about rooms: complete before its first client comes, and changed by its fan-out alone.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::edge::wire::names::RoomName;
use crate::store::accounts::RoomPolicy;

/// See the module.
#[derive(Debug, Default)]
pub struct Policies {
    by_name: RefCell<HashMap<RoomName, Arc<RoomPolicy>>>,
    names: RefCell<BTreeSet<RoomName>>,
    /// Number of the last change that was carried out to its end; read by the registry.
    applied: Arc<AtomicU64>,
}

impl Policies {
    /// What is decided at the start.
    pub fn new(all: &[Arc<RoomPolicy>]) -> Self {
        let policies = Self::default();
        for policy in all {
            policies.set(&policy.name, Some(policy.clone()));
        }
        policies
    }

    /// Calls `ask` with the policy of a room, if it has one.
    pub fn with<T>(&self, room: &str, ask: impl FnOnce(Option<&RoomPolicy>) -> T) -> T {
        let by_name = self.by_name.borrow();
        ask(by_name.get(room).map(|policy| &**policy))
    }

    /// Whether the room has a policy.
    pub fn has(&self, room: &str) -> bool {
        self.by_name.borrow().contains_key(room)
    }

    /// Puts another policy in the place of a room's, or takes it away.
    pub fn set(&self, room: &RoomName, policy: Option<Arc<RoomPolicy>>) {
        match policy {
            Some(policy) => {
                self.names.borrow_mut().insert(room.clone());
                self.by_name.borrow_mut().insert(room.clone(), policy);
            }
            None => {
                self.names.borrow_mut().remove(room);
                self.by_name.borrow_mut().remove(room);
            }
        }
    }

    /// Rooms with a policy in order of name: the first `count` behind `after`, or of all.
    pub fn names_behind(&self, after: Option<&RoomName>, count: usize) -> Vec<RoomName> {
        let lowest = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.names.borrow();
        let behind = names.range::<RoomName, _>((lowest, Bound::Unbounded));
        behind.take(count).cloned().collect()
    }

    /// The counter that the registry reads.
    pub fn applied_counter(&self) -> Arc<AtomicU64> {
        self.applied.clone()
    }

    /// Number of the last change that was carried out to its end.
    pub fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// The change of this number was carried out to its end.
    pub fn note_applied(&self, number: u64) {
        self.applied.store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::wire::timestamp::Timestamp;

    fn policy(name: &str) -> Arc<RoomPolicy> {
        let name = RoomName::parse(name).unwrap();
        Arc::new(RoomPolicy::new(name, Timestamp::default()))
    }

    #[test]
    fn names_come_in_pages() {
        let policies = Policies::new(&["c", "a", "d", "b"].map(policy));
        let page = |after: Option<&str>, count| {
            let after = after.map(|name| RoomName::parse(name).unwrap());
            let names = policies.names_behind(after.as_ref(), count);
            let names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
            names.join(" ")
        };
        assert_eq!(
            (page(None, 2), page(Some("b"), 9)),
            ("a b".into(), "c d".into())
        );
        policies.set(&RoomName::parse("c").unwrap(), None);
        assert_eq!(
            (page(Some("a"), 9), policies.has("c")),
            ("b d".into(), false)
        );
    }
}
