//! WHO: an answer that others know, and that is small. The client waits for the lines and does nothing else meanwhile.

use std::collections::BTreeMap;

use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::{RoomText, TagText};
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::ask::ask;
use crate::hub::room::ListMembers;
use crate::hub::rules::access::{Action, Verdict};

use super::look::AfterLook;
use super::{Busy, Client, LinesReady};

/// Lines that others put together.
pub(super) struct LinesDue {
    tag: Tag,
    /// What they tell of.
    room: RoomName,
    pub(super) ticket: u32,
}

impl LinesDue {
    /// What they tell of, and the tag of what asked for them.
    pub(super) fn into_parts(self) -> (RoomName, Tag) {
        (self.room, self.tag)
    }

    /// The tag of what asked for them, if they tell of this room.
    pub(super) fn tag_if_of(&self, room: &RoomName) -> Option<Tag> {
        (self.room == *room).then(|| self.tag.clone())
    }
}

impl Client {
    pub(super) fn await_lines(&mut self, tag: Tag, room: RoomName) -> u32 {
        let ticket = self.next_ticket();
        self.busy = Some(Box::new(Busy::Lines(LinesDue { tag, room, ticket })));
        ticket
    }

    pub(super) fn list_members(&mut self, tag: TagText<'_>, room: RoomText<'_>) {
        let room = room.owned();
        if !self.is_surely_there(&room) {
            return self.look_for(tag.owned(), room, AfterLook::Who);
        }
        let verdict = self.judge(&room, Action::Read);
        if verdict == Verdict::NotFound {
            return self.look_for(tag.owned(), room, AfterLook::NotFound);
        }
        if !self.refuse_unless_allowed(tag.as_str(), verdict) {
            self.begin_list_members(tag.owned(), room);
        }
    }

    /// Asks who is in a room that is there.
    pub(super) fn begin_list_members(&mut self, tag: Tag, room: RoomName) {
        let client = self.address();
        let ticket = self.await_lines(tag.clone(), room.clone());
        let links = self.shard.links().clone();
        actix_rt::spawn(async move {
            let mut users = BTreeMap::new();
            for shard in links.rooms.iter() {
                let members = ask(shard, ListMembers(room.clone()))
                    .await
                    .unwrap_or_default();
                users.extend(
                    members
                        .into_iter()
                        .map(|member| (member.account.clone(), member)),
                );
            }
            let lines = member_lines(&tag, users.values().map(|m| (m.user.as_str(), m.state)));
            client.do_send(LinesReady { ticket, lines });
        });
    }
}

fn member_lines<'a>(
    tag: &Tag,
    users: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let (mut lines, count) = (Vec::new(), users.len() as u64);
    for (user, state) in users {
        reply::user(&mut lines, tag.as_str(), user, state);
    }
    reply::ok_number(&mut lines, tag.as_str(), count);
    lines
}
