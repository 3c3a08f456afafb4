//! Who is where: what WHO and ROOMS ask the fan-outs for.

use std::ops::Bound;
use std::sync::Arc;

use actix::{Context, Handler, Message, MessageResult};

use crate::edge::wire::names::{RoomName, UserName};
use crate::ops::panic_at;

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
        let _place = panic_at::place("room/ListMembers");
        let mut members = Vec::new();
        if let Some(State::Open(room)) = self.rooms.get(&ask.0) {
            room.each_member(|seat| {
                if let Some(identity) = seat.identity() {
                    let state = identity.standing.as_str();
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

/// Whether anybody is in this room on this shard, or about to be.
#[derive(Debug, Clone, Message)]
#[rtype(result = "bool")]
pub struct HasMembers(pub RoomName);

impl Handler<HasMembers> for Room {
    type Result = bool;

    fn handle(&mut self, ask: HasMembers, _: &mut Context<Self>) -> bool {
        let _place = panic_at::place("room/HasMembers");
        match self.rooms.get(&ask.0) {
            Some(State::Open(room)) => !room.is_empty(),
            Some(State::Opening(_)) => true,
            None => false,
        }
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
        let _place = panic_at::place("room/ListSilent");
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
        let _place = panic_at::place("room/CountMembers");
        let accounts = |room| match self.rooms.get(room) {
            Some(State::Open(room)) => room.account_keys(),
            _ => Vec::new(),
        };
        MessageResult(ask.0.iter().map(accounts).collect())
    }
}
