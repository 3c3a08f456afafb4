//! Who is in which room, over all shards: one user may have connections on several of them, and comes and goes but once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use smallvec::SmallVec;

use crate::edge::wire::names::RoomName;

/// The accounts in some rooms, and the shards that each has connections on. Bounded by the connections and the rooms that
/// each may be in; since every membership pays for it, room and account are kept as one keyed 64-bit hash. Two that
/// collide cost a line about presence.
#[derive(Debug, Default)]
pub struct Presence {
    shards: HashMap<u64, SmallVec<[u16; 4]>>,
    keys: RandomState,
}

impl Presence {
    /// `account` has a connection in `room` on `shard` now; returns whether it had none anywhere. Told twice, nothing changes.
    pub fn enter(&mut self, room: &RoomName, account: u64, shard: u16) -> bool {
        let shards = self
            .shards
            .entry(self.keys.hash_one((room, account)))
            .or_default();
        if shards.contains(&shard) {
            return false;
        }
        shards.push(shard);
        shards.len() == 1
    }

    /// `account` has no connection in `room` on `shard` any longer; returns whether it has none anywhere.
    pub fn leave(&mut self, room: &RoomName, account: u64, shard: u16) -> bool {
        let key = self.keys.hash_one((room, account));
        let Some(shards) = self.shards.get_mut(&key) else {
            return true;
        };
        shards.retain(|known| *known != shard);
        if shards.is_empty() {
            self.shards.remove(&key);
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_connections_come_and_go_as_one() {
        let (mut presence, room) = (Presence::default(), RoomName::lobby());
        assert!(presence.enter(&room, 7, 0));
        assert!(!presence.enter(&room, 7, 1));
        assert!(!presence.enter(&room, 7, 1));
        assert!(presence.enter(&room, 8, 1));
        assert!(!presence.leave(&room, 7, 0));
        assert!(presence.leave(&room, 7, 1));
        assert!(presence.leave(&room, 8, 1));
        assert!(presence.shards.is_empty());
        assert!(presence.enter(&room, 7, 1));
    }
}
