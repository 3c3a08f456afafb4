//! Who is in which room, over all shards: one user may have connections on several of them, and comes and goes but once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::edge::wire::names::RoomName;

use super::hashed::{Hashed, tidy};

/// The accounts in some rooms, and the shards that each has connections on. Bounded by the connections and the rooms that
/// each may be in; since every membership pays for it, room and account are kept as one keyed 64-bit hash, and shards as bits. Two
/// that collide cost a line about presence.
#[derive(Debug, Default)]
pub struct Presence {
    /// Bit `n` stands for shard `n`.
    shards: HashMap<u64, u64, Hashed>,
    /// The shards beyond these bits, of a very large machine.
    more: HashMap<u64, Vec<u16>, Hashed>,
    keys: RandomState,
}

impl Presence {
    /// `account` has a connection in `room` on `shard` now; returns whether it had none anywhere. Told twice, nothing changes.
    pub fn enter(&mut self, room: &RoomName, account: u64, shard: u16) -> bool {
        let key = self.keys.hash_one((room, account));
        let had_none = !self.is_anywhere(key);
        match bit(shard) {
            Some(bit) => *self.shards.entry(key).or_default() |= bit,
            None => {
                let shards = self.more.entry(key).or_default();
                if !shards.contains(&shard) {
                    shards.push(shard);
                }
            }
        }
        had_none
    }

    /// `account` has no connection in `room` on `shard` any longer; returns whether it has none anywhere.
    pub fn leave(&mut self, room: &RoomName, account: u64, shard: u16) -> bool {
        let key = self.keys.hash_one((room, account));
        match bit(shard) {
            Some(bit) => {
                if let Some(shards) = self.shards.get_mut(&key) {
                    *shards &= !bit;
                    if *shards == 0 {
                        self.shards.remove(&key);
                        tidy(&mut self.shards);
                    }
                }
            }
            None => {
                if let Some(shards) = self.more.get_mut(&key) {
                    shards.retain(|known| *known != shard);
                    if shards.is_empty() {
                        self.more.remove(&key);
                    }
                }
            }
        }
        !self.is_anywhere(key)
    }

    fn is_anywhere(&self, key: u64) -> bool {
        self.shards.contains_key(&key) || self.more.contains_key(&key)
    }
}

fn bit(shard: u16) -> Option<u64> {
    1_u64.checked_shl(shard.into())
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

    #[test]
    fn shards_beyond_the_bits_count_too() {
        let (mut presence, room) = (Presence::default(), RoomName::parse("den").unwrap());
        assert!(presence.enter(&room, 7, 63));
        assert!(!presence.enter(&room, 7, 64));
        assert!(!presence.enter(&room, 7, 900));
        assert!(!presence.leave(&room, 7, 63));
        assert!(!presence.leave(&room, 7, 64));
        assert!(presence.leave(&room, 7, 900));
        assert!(presence.more.is_empty() && presence.enter(&room, 7, 900));
    }
}
