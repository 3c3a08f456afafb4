//! JOIN and PART: how a client gets its place in a room.
//!
//! Where the past is asked for, the log says where it begins; then the room lets the client in and says which id is its newest at that
//! moment. From then on the cursor alone decides what is written.

use std::rc::Rc;

use crate::edge::wire::gc2::range::JoinFrom;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::{RoomText, TagText};
use crate::edge::wire::names::{RoomName, Tag};
use crate::hub::registry::topic_line;
use crate::hub::room::{JoinRoom, JoinedRoom, LocalRoom, Membership};
use crate::hub::rules::access::{Action, Verdict};
use crate::hub::rules::cursor::Cursor;
use crate::ops::config::lists;
use crate::store::log::{From, Start};

use super::answers::unread;
use super::look::AfterLook;
use super::rooms::RoomFeed;
use super::{Busy, Client, StartResolved};

/// A JOIN under way.
pub(super) struct Joining {
    tag: Tag,
    room: RoomName,
    /// What the log said; `None` where only the present is wanted.
    start: Option<Start>,
    /// Whether the client named the id that it has seen, be it newer than what this shard has been told.
    is_exact: bool,
    /// Whether the room was asked already.
    is_asked: bool,
    /// The number under which the room was asked.
    number: u32,
    ticket: u32,
}

impl Client {
    pub(super) fn join(&mut self, tag: TagText<'_>, room: RoomText<'_>, from: JoinFrom) {
        if self.rooms.find(room.as_str()).is_some() {
            let text = "you are in this room already; to read its past use HISTORY";
            self.refuse(tag.as_str(), ErrorCode::Conflict, text);
            return;
        }
        let rooms_max = self.shard.config().limits.rooms_per_client;
        if self.rooms.len() >= rooms_max {
            let text =
                format!("at most {rooms_max} rooms at once (limits.rooms_per_client); leave one");
            self.refuse(tag.as_str(), ErrorCode::RateLimited, &text);
            return;
        }
        if let Err(wait) = self.meter_join() {
            let seconds = wait.as_secs_f64();
            let text =
                format!("too many JOINs (limits.joins_per_minute); the next one in {seconds:.1} s");
            self.refuse(tag.as_str(), ErrorCode::RateLimited, &text);
            return;
        }
        let room = room.owned();
        if !self.is_surely_there(&room) && !self.may_begin_unseen() {
            return self.look_for(tag.owned(), room, AfterLook::Join(from));
        }
        let verdict = self.judge(&room, Action::Join);
        if verdict == Verdict::NotFound {
            return self.look_for(tag.owned(), room, AfterLook::NotFound);
        }
        if !self.refuse_unless_allowed(tag.as_str(), verdict) {
            self.begin_join(tag.owned(), room, from);
        }
    }

    /// Whether it does not matter if a room without a policy is there: whoever asks would begin it without leaving a record, and is
    /// not counted for it. A bridge with fifteen thousand of them does not ask anybody.
    fn may_begin_unseen(&self) -> bool {
        let config = self.shard.config();
        let is_guest = self.seat.with_identity(|who| who.standing.is_guest());
        config.rooms.auto_create
            && is_guest == Some(true)
            && lists(&config.limits.exempt, self.seat.peer().ip())
    }

    /// Enters a room that is there, or comes to be by that.
    pub(super) fn begin_join(&mut self, tag: Tag, room: RoomName, from: JoinFrom) {
        let ticket = self.next_ticket();
        let joining = Joining {
            tag,
            room: room.clone(),
            start: None,
            is_exact: matches!(from, JoinFrom::After(_)),
            is_asked: false,
            number: 0,
            ticket,
        };
        self.busy = Some(Box::new(Busy::Join(joining)));
        let from = match from {
            JoinFrom::Now => return self.ask_room(None),
            JoinFrom::After(id) => From::After(id),
            JoinFrom::Since(time) => From::Since(time),
            JoinFrom::Last(count) => From::Last(u64::from(count)),
        };
        let (client, log) = (self.address(), self.shard.log.clone());
        self.shard.links().reads.run(
            move |reader| Ok((reader.resolve(&room, from)?, reader.newest())),
            move |found: Option<Result<_, crate::store::log::LogError>>| {
                let result = match found {
                    Some(result) => result.map_err(|error| unread(&log, &error)),
                    None => Err("reading the log failed".to_owned()),
                };
                client.do_send(StartResolved { ticket, result });
            },
        );
    }

    pub(super) fn take_start(&mut self, resolved: StartResolved) {
        let Some(Busy::Join(joining)) = self.busy.as_deref() else {
            return;
        };
        if joining.ticket != resolved.ticket {
            return;
        }
        let refusal = match resolved.result {
            Ok((start, newest)) if start.after <= newest => return self.ask_room(Some(start)),
            Ok((_, newest)) => (
                ErrorCode::Conflict,
                format!(
                    "this log ends at {newest}, before what you have seen: it was restored; join with after=0 or without"
                ),
            ),
            Err(why) => (ErrorCode::Unavailable, why),
        };
        let tag = joining.tag.clone();
        self.busy = None;
        self.refuse(tag.as_str(), refusal.0, &refusal.1);
    }

    fn ask_room(&mut self, start: Option<Start>) {
        let membership = self.rooms.next_number();
        let Some(Busy::Join(joining)) = self.busy.as_deref_mut() else {
            return;
        };
        joining.start = start;
        joining.is_asked = true;
        joining.number = membership;
        let room = joining.room.clone();
        let client = self.seat.client;
        let join = JoinRoom {
            client,
            membership,
            room,
            again: false,
        };
        self.shard.links().room.do_send(join);
    }

    /// The fan-out started anew before it answered.
    pub(super) fn join_again(&mut self) {
        if let Some(Busy::Join(Joining {
            start,
            is_asked: true,
            ..
        })) = self.busy.as_deref()
        {
            let start = *start;
            self.ask_room(start);
        }
    }

    /// The tag of the JOIN of this room that is under way.
    pub(super) fn joining(&self, room: &RoomName) -> Option<Tag> {
        match self.busy.as_deref() {
            Some(Busy::Join(joining)) if joining.room == *room => Some(joining.tag.clone()),
            _ => None,
        }
    }

    /// A room let this client in.
    pub(super) fn enter(&mut self, joined: JoinedRoom) {
        if let Some(after) = joined.unasked_after {
            return self.enter_unasked(joined, after);
        }
        let known = self.rooms.find(joined.room.name().as_str());
        if let Some(number) = known
            && let Some(feed) = self.rooms.get_mut(number)
        {
            // Back after the fan-out started anew: the cursor knows where to go on.
            feed.is_waiting = false;
            if Rc::ptr_eq(&feed.room, &joined.room) {
                // Asked for twice, before and after; one membership is enough.
                joined.room.dismiss(&feed.membership);
            }
            joined.membership.set_number(number);
            feed.room = joined.room;
            feed.membership = joined.membership;
            feed.cursor.detach();
            self.rooms.enqueue(number);
            return;
        }
        let is_awaited = matches!(self.busy.as_deref(), Some(Busy::Join(joining))
            if joining.room == *joined.room.name() && joined.number() == joining.number);
        if !is_awaited {
            self.leave(&joined.room, &joined.membership);
            return;
        }
        let Some(Busy::Join(joining)) = self.busy.take().map(|busy| *busy) else {
            return;
        };
        let newest = joined.newest;
        let room = joined.room.name().clone();
        let (tag, room) = (joining.tag.as_str(), room.as_str());
        self.reply(|out| reply::ok_join(out, tag, room, newest));
        let start = joining.start.unwrap_or(Start {
            after: newest,
            gap: None,
        });
        let mut after = start.after;
        if !joining.is_exact {
            // The log may be ahead of what this shard has been told; what lies between is the present.
            after = after.min(newest);
        }
        if let Some(first_kept) = start.gap {
            self.reply(|out| reply::gap(out, room, first_kept));
            // The tail in memory may reach back further than the log: what retention has removed is not told from there.
            after = after.max(first_kept.saturating_sub(1));
        }
        let topic = self.shard.policies.with(room, |policy| {
            let topic = policy.and_then(|policy| policy.topic.as_ref())?;
            Some(topic_line(joined.room.name(), &topic.by, &topic.text))
        });
        if let Some(line) = topic {
            self.outbox.lines().extend_from_slice(&line);
        }
        let cursor = Cursor::behind(after);
        let membership = joined.membership.clone();
        let feed = RoomFeed::new(joined.room, joined.membership, cursor);
        // Perhaps not the one under which it was asked: conversations come and go meanwhile.
        membership.set_number(self.rooms.insert(feed));
    }

    pub(super) fn part(&mut self, tag: TagText<'_>, room: &str) {
        let Some(number) = self.rooms.find(room) else {
            self.refuse(
                tag.as_str(),
                ErrorCode::Conflict,
                "you are not in this room",
            );
            return;
        };
        self.forget_reading(number);
        if let Some(feed) = self.rooms.remove(number) {
            self.leave(&feed.room, &feed.membership);
        }
        let tag = tag.as_str();
        self.reply(|out| reply::ok_room(out, tag, room));
    }

    /// Lets itself out of a room and tells the fan-out.
    pub(super) fn leave(&self, room: &LocalRoom, membership: &Rc<Membership>) {
        self.shard.leave_room(room, membership);
    }
}
