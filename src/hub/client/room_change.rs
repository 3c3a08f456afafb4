//! ROOM, and whatever else the registry has to be asked for: to begin a room, to note that another's message is removed.

use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::{RoomText, TagText};
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::messages::RemovalRight;
use crate::hub::registry::{ChangeAnswer, ChangeRoom, Wish};
use crate::hub::rules::access::{self, Action, Rank, RoomState, Verdict};
use crate::hub::rules::room_change::Change;

use super::look::AfterLook;
use super::{Busy, Client};

/// What was asked of the registry.
pub(super) struct Waiting {
    tag: Tag,
    room: RoomName,
    ticket: u32,
    then: Then,
}

/// What follows when it says yes.
pub(super) enum Then {
    /// The client is told so.
    Answer,
    /// The client enters the room.
    Join(JoinFrom),
    /// The message is removed.
    Remove(u64),
}

impl Client {
    /// ROOM.
    pub(super) fn change_room(
        &mut self,
        tag: TagText<'_>,
        room: RoomText<'_>,
        action: &str,
        argument: &str,
    ) {
        let change = match Change::parse(action, argument) {
            Ok(change) => change,
            Err((code, text)) => return self.refuse(tag.as_str(), code, &text),
        };
        let room = room.owned();
        let is_guest = self.seat.with_identity(|who| who.standing.is_guest());
        if change == Change::Create && is_guest == Some(true) {
            // Before any look: whether there is such a room is not for those who cannot begin one.
            let verdict = access::decide(Rank::Guest, false, RoomState::Absent, Action::Create);
            self.refuse_unless_allowed(tag.as_str(), verdict);
            return;
        }
        if !self.is_surely_there(&room) {
            let then = AfterLook::Change(change);
            return self.look_for(tag.owned(), room, then);
        }
        // The registry judges again; but most of what is refused need not go there.
        let verdict = self.judge(&room, change.action());
        if verdict == Verdict::NotFound {
            return self.look_for(tag.owned(), room, AfterLook::NotFound);
        }
        if !self.refuse_unless_allowed(tag.as_str(), verdict) {
            self.ask_registry(tag.owned(), room, true, Wish::Change(change), Then::Answer);
        }
    }

    pub(super) fn ask_registry(
        &mut self,
        tag: Tag,
        room: RoomName,
        is_there: bool,
        wish: Wish,
        then: Then,
    ) {
        let Some(identity) = self.seat.identity() else {
            return;
        };
        let ticket = self.next_ticket();
        self.shard.links().registry.do_send(ChangeRoom {
            client: self.seat.client,
            ticket,
            identity,
            address: self.seat.peer().ip(),
            room: room.clone(),
            is_there,
            wish,
        });
        self.busy = Some(Box::new(Busy::Change(Waiting {
            tag,
            room,
            ticket,
            then,
        })));
    }

    /// The registry answered, and every shard has carried out what it decided.
    pub(super) fn take_change(&mut self, answer: ChangeAnswer) {
        let is_awaited = matches!(self.busy.as_deref(), Some(Busy::Change(waiting)) if waiting.ticket == answer.ticket);
        if !is_awaited {
            return;
        }
        let Some(Busy::Change(waiting)) = self.busy.take().map(|busy| *busy) else {
            return;
        };
        let Waiting {
            tag, room, then, ..
        } = waiting;
        match (answer.result, then) {
            (Err((code, text)), _) => {
                if code == ErrorCode::RateLimited {
                    self.shard.links().counters.rooms_refused_total.count();
                }
                self.refuse(tag.as_str(), code, &text);
            }
            (Ok(()), Then::Answer) => {
                self.reply(|out| reply::ok_room(out, tag.as_str(), room.as_str()));
            }
            (Ok(()), Then::Join(from)) => self.begin_join(tag, room, from),
            (Ok(()), Then::Remove(id)) => {
                // The right to it may have been taken away since the registry looked.
                let verdict = self.judge(&room, Action::DeleteOthers);
                if !self.refuse_unless_allowed(tag.as_str(), verdict) {
                    self.remove(&tag, id, RemovalRight::Keeper);
                }
            }
        }
    }
}
