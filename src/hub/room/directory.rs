//! Who is where: what WHO and ROOMS ask the fan-outs for, and the JOINED and PARTED lines of those who want them.

use std::ops::Bound;
use std::sync::Arc;

use actix::{Context, Handler, Message, MessageResult};

use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::{RoomName, UserName};
use crate::hub::messages::ClientRef;
use crate::hub::seat::Identity;

use super::{Room, State};

/// One who is in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The name.
    pub user: UserName,
    /// The name without regard to case; one user may have several connections.
    pub account: Arc<str>,
    /// What WHO shows.
    pub state: &'static str,
}

/// The members of a room on this shard, a connection each.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<Member>")]
pub struct ListMembers(pub RoomName);

impl Handler<ListMembers> for Room {
    type Result = MessageResult<ListMembers>;

    fn handle(&mut self, ask: ListMembers, _: &mut Context<Self>) -> Self::Result {
        let mut members = Vec::new();
        if let Some(State::Open(room)) = self.rooms.get(&ask.0) {
            room.each_member(|seat| {
                if let Some(identity) = seat.identity() {
                    let state = if identity.is_guest { "guest" } else { "member" };
                    members.push(Member {
                        user: identity.user,
                        account: identity.account,
                        state,
                    });
                }
            });
        }
        MessageResult(members)
    }
}

/// The shard's rooms that may be unknown to the log, in order of name: the first `count` behind `after`, or of all.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<RoomName>")]
pub struct ListSilent {
    /// The name behind which to begin.
    pub after: Option<RoomName>,
    /// At most so many.
    pub count: usize,
}

impl Handler<ListSilent> for Room {
    type Result = MessageResult<ListSilent>;

    fn handle(&mut self, ask: ListSilent, _: &mut Context<Self>) -> Self::Result {
        let lowest = ask.after.as_ref();
        let lowest = lowest.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.silent.range::<RoomName, _>((lowest, Bound::Unbounded));
        MessageResult(names.take(ask.count).cloned().collect())
    }
}

/// Who is in these rooms on this shard: the keys of the accounts, each once, for each room in the order asked.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<Vec<u64>>")]
pub struct CountMembers(pub Arc<[RoomName]>);

impl Handler<CountMembers> for Room {
    type Result = MessageResult<CountMembers>;

    fn handle(&mut self, ask: CountMembers, _: &mut Context<Self>) -> Self::Result {
        let accounts = |room| match self.rooms.get(room) {
            Some(State::Open(room)) => room.account_keys(),
            _ => Vec::new(),
        };
        MessageResult(ask.0.iter().map(accounts).collect())
    }
}

/// On another shard somebody came or went.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct PresenceChanged {
    /// Where.
    pub room: RoomName,
    /// Who.
    pub identity: Identity,
    /// Came (or went).
    pub came: bool,
}

impl Handler<PresenceChanged> for Room {
    type Result = ();

    fn handle(&mut self, change: PresenceChanged, _: &mut Context<Self>) {
        if let Some(State::Open(room)) = self.rooms.get(&change.room) {
            // Somebody with a connection here too is neither new to these members nor gone.
            if !room.holds(&change.identity) {
                self.tell_presence(&change, None);
            }
        }
    }
}

impl Room {
    /// Tells this shard's members and the other shards. `except` is who came, and knows.
    pub(super) fn announce(
        &self,
        room: &RoomName,
        identity: &Identity,
        came: bool,
        except: Option<ClientRef>,
    ) {
        let change = PresenceChanged {
            room: room.clone(),
            identity: identity.clone(),
            came,
        };
        self.tell_presence(&change, except);
        for (shard, other) in self.shard.links().rooms.iter().enumerate() {
            if shard != usize::from(self.shard.id) {
                other.do_send(change.clone());
            }
        }
    }

    fn tell_presence(&self, change: &PresenceChanged, except: Option<ClientRef>) {
        let Some(State::Open(room)) = self.rooms.get(&change.room) else {
            return;
        };
        let mut line = Vec::new();
        let (room_name, user) = (change.room.as_str(), change.identity.user.as_str());
        if change.came {
            reply::joined(&mut line, room_name, user);
        } else {
            reply::parted(&mut line, room_name, user);
        }
        room.each_member(|seat| {
            if Some(seat.client) != except {
                seat.leave_note(&line);
            }
        });
    }
}
