//! The JOINED and PARTED lines of those who want them. In: an account's first connection into a room of a shard, and its last one out.
//! Out: a note to every member that asked for it, once for all shards together.
//!
//! Each room has a home, a shard whose fan-out knows on which shards an account is and so whether it came or went. After a panic of the
//! home the others tell it again who is there; its own members join again anyway.

use std::hash::{DefaultHasher, Hash, Hasher};

use actix::{Context, Handler, Message};

use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::RoomName;
use crate::hub::messages::ClientRef;
use crate::hub::seat::Identity;
use crate::ops::again;
use crate::ops::panic_at;

use super::{Room, State};

/// On a shard, an account has its first connection in a room, or none any longer; to the room's home.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct PresenceChanged {
    /// Where.
    pub room: RoomName,
    /// Who.
    pub identity: Identity,
    /// Came (or went).
    pub came: bool,
    /// On which shard.
    pub shard: u16,
    /// The connection that came, which is not told.
    pub client: Option<ClientRef>,
    /// Nobody is told, since this was so before.
    pub is_known: bool,
}

/// Somebody came or went; from a room's home to every shard.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct TellPresence(PresenceChanged);

/// A home started anew and asks who is in its rooms.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct ReportPresence {
    /// Which shard it is.
    pub home: u16,
}

impl Room {
    /// Tells the room's home that an account came to this shard or went from it.
    pub(super) fn announce(
        &self,
        room: &RoomName,
        identity: &Identity,
        came: bool,
        client: Option<ClientRef>,
        is_known: bool,
    ) {
        let change = PresenceChanged {
            room: room.clone(),
            identity: identity.clone(),
            came,
            shard: self.shard.id,
            client,
            is_known,
        };
        if let Some(home) = self.shard.links().rooms.get(self.home_of(room)) {
            home.do_send(change);
        }
    }

    fn home_of(&self, room: &RoomName) -> usize {
        // Without a key, so that all shards agree; what people choose as names can at worst load one shard.
        let mut hasher = DefaultHasher::new();
        room.hash(&mut hasher);
        let shards = self.shard.links().rooms.len().max(1) as u64;
        (hasher.finish() % shards) as usize
    }

    /// After a panic: asks the other shards who is in the rooms that have their home here.
    pub(super) fn ask_for_presence(&self) {
        let home = self.shard.id;
        for (shard, other) in self.shard.links().rooms.iter().enumerate() {
            if shard != usize::from(home) {
                other.do_send(ReportPresence { home });
            }
        }
    }
}

impl Handler<PresenceChanged> for Room {
    type Result = ();

    fn handle(&mut self, change: PresenceChanged, _: &mut Context<Self>) {
        let _place = panic_at::place("room/PresenceChanged");
        let (room, account) = (&change.room, change.identity.key);
        let is_news = if change.came {
            self.presence.enter(room, account, change.shard)
        } else {
            self.presence.leave(room, account, change.shard)
        };
        if is_news && !change.is_known {
            for shard in self.shard.links().rooms.iter() {
                shard.do_send(TellPresence(change.clone()));
            }
        }
    }
}

impl Handler<TellPresence> for Room {
    type Result = ();

    fn handle(&mut self, tell: TellPresence, _: &mut Context<Self>) {
        let tell = again::keep(self, tell);
        let _place = panic_at::place("room/TellPresence");
        let change = &tell.0;
        let Some(State::Open(room)) = self.rooms.get(&change.room) else {
            return;
        };
        // Ten thousand who come at once must not each be looked at for each.
        if !room.is_watched() {
            return;
        }
        let mut line = Vec::new();
        let (room_name, user) = (change.room.as_str(), change.identity.user.as_str());
        if change.came {
            reply::joined(&mut line, room_name, user);
        } else {
            reply::parted(&mut line, room_name, user);
        }
        room.each_member(|seat| {
            if Some(seat.client) != change.client {
                seat.leave_note(&line);
            }
        });
    }
}

impl Handler<ReportPresence> for Room {
    type Result = ();

    fn handle(&mut self, ask: ReportPresence, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("room/ReportPresence");
        for (name, state) in &self.rooms {
            if let State::Open(room) = state
                && self.home_of(name) == usize::from(ask.home)
            {
                room.each_member(|seat| {
                    if let Some(identity) = seat.identity() {
                        self.announce(name, &identity, true, None, true);
                    }
                });
            }
        }
    }
}
