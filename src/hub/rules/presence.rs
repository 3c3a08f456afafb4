//! Who is in which room, over all shards: one user may have connections on several of them, and comes and goes but once.

use std::collections::HashMap;

use crate::edge::wire::names::RoomName;

/// The accounts in some rooms, and the shards that each has connections on. Bounded by the connections and the rooms that
/// each may be in.
#[derive(Debug, Default)]
pub struct Presence {
    rooms: HashMap<RoomName, HashMap<u64, Vec<u16>>>,
}

impl Presence {
    /// `account` has a connection in `room` on `shard` now; returns whether it had none anywhere. Told twice, nothing changes.
    pub fn enter(&mut self, room: &RoomName, account: u64, shard: u16) -> bool {
        // Looked up first: the name is copied for a room's first account only.
        if !self.rooms.contains_key(room) {
            self.rooms.insert(room.clone(), HashMap::new());
        }
        let Some(accounts) = self.rooms.get_mut(room) else {
            return false;
        };
        let shards = accounts.entry(account).or_default();
        if !shards.contains(&shard) {
            shards.push(shard);
            return shards.len() == 1;
        }
        false
    }

    /// `account` has no connection in `room` on `shard` any longer; returns whether it has none anywhere.
    pub fn leave(&mut self, room: &RoomName, account: u64, shard: u16) -> bool {
        let Some(accounts) = self.rooms.get_mut(room) else {
            return true;
        };
        let Some(shards) = accounts.get_mut(&account) else {
            return true;
        };
        shards.retain(|known| *known != shard);
        if !shards.is_empty() {
            return false;
        }
        accounts.remove(&account);
        if accounts.is_empty() {
            self.rooms.remove(room);
        }
        true
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
        assert!(presence.rooms.is_empty());
        assert!(presence.enter(&room, 7, 1));
    }
}
