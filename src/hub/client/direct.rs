//! Direct conversations, seen from one of their ends: whom a line is for, and how a conversation comes and goes.
//!
//! Nobody joins one. The fan-out lets the client in when there is something to hear; once all of it is written the client lets itself
//! out, so a connection at rest holds nothing of its conversations.

use std::ops::ControlFlow;
use std::sync::Arc;

use actix::{Handler, Message};

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::gc2::text::{RoomTarget, UserText};
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::hub::ask::ask;
use crate::hub::auth::HasAccount;
use crate::hub::light::LightContext;
use crate::hub::room::JoinedRoom;
use crate::hub::rules::cursor::Cursor;
use crate::hub::session::Ending;
use crate::ops::panic_at;

use super::rooms::RoomFeed;
use super::{Client, Deferred, Phase, Until};

/// Conversations in which one connection may be behind at a time. Beyond that it is closed: they are all in the log.
const BEHIND_MAX: usize = 1024;

const NO_DIRECT: &str = "guests have no direct conversations; use a room";
/// What is said of a name that is nobody's, or a guest's.
pub(super) const NO_SUCH_ACCOUNT: &str = "there is no account of this name";

/// Whether there is an account of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Yes,
    No,
    /// The accounts could not be asked.
    Unknown,
}

impl Client {
    /// Its account, or name without regard to case; empty before its log-in.
    pub(super) fn account(&self) -> Arc<str> {
        let account = self.seat.with_identity(|who| who.account.clone());
        account.unwrap_or_default()
    }

    /// The room that a line is for, whether it is there or not. Guests have no conversations.
    pub(super) fn room_of(&self, target: RoomTarget<'_>) -> Result<RoomName, (ErrorCode, String)> {
        let other = match target {
            RoomTarget::Room(room) => return Ok(room.owned()),
            RoomTarget::Direct(other) => other,
        };
        let room = self.seat.with_identity(|who| {
            let is_guest = who.standing.is_guest();
            (!is_guest).then(|| RoomName::direct(&who.user, &other.owned()))
        });
        let refusal = || (ErrorCode::Forbidden, NO_DIRECT.to_owned());
        room.flatten().ok_or_else(refusal)
    }

    /// From when on it may read of a room: a conversation began with its account, whoever had the name before.
    pub(super) fn may_read_since(&self, room: &RoomName) -> Timestamp {
        if !room.is_direct() {
            return Timestamp::default();
        }
        self.account_since()
    }

    /// Since when its account is its own; whoever has none, never.
    pub(super) fn account_since(&self) -> Timestamp {
        let created = self.shard.accounts.created(&self.account());
        created.unwrap_or(Timestamp::from_micros(u64::MAX))
    }

    /// Whether it has to be asked first if there is somebody to send this to.
    pub(super) fn must_look_up(&self, target: RoomTarget<'_>) -> bool {
        let RoomTarget::Direct(other) = target else {
            return false;
        };
        let is_account = self.seat.with_identity(|who| !who.standing.is_guest());
        is_account == Some(true) && !self.shard.accounts.has(&other.owned().account())
    }

    /// Keeps the line until it is known if there is an account of this name.
    pub(super) fn look_up(&mut self, line: &[u8], other: UserText<'_>) -> ControlFlow<()> {
        let account = other.owned().account();
        let (shard, client) = (self.shard.clone(), self.address());
        let asked_at = shard.accounts.changes();
        actix_rt::spawn(async move {
            let auth = shard.links().auth.clone();
            let found = match ask(&auth, HasAccount(account.clone())).await.flatten() {
                Some(true) => Found::Yes,
                Some(false) => Found::No,
                // It panicked over it.
                None => Found::Unknown,
            };
            if found == Found::Yes {
                shard.accounts.note(account, asked_at);
            }
            client.do_send(AccountLooked(found));
        });
        self.deferred = Some(Box::new(Deferred {
            line: line.to_vec(),
            until: Until::Account(None),
        }));
        ControlFlow::Break(())
    }

    /// The fan-out has something of a conversation for this client, which has everything up to `after`.
    pub(super) fn enter_unasked(&mut self, joined: JoinedRoom, after: u64) {
        if matches!(self.phase, Phase::Closing) {
            return self.leave(&joined.room, &joined.membership);
        }
        let known = self.rooms.find(joined.room.name().as_str());
        if let Some(number) = known
            && let Some(feed) = self.rooms.get_mut(number)
        {
            // The fan-out started anew, and perhaps tells again what is known: the cursor knows.
            feed.room.dismiss(&feed.membership);
            joined.membership.set_number(number);
            feed.room = joined.room;
            feed.membership = joined.membership;
            feed.cursor.detach();
            self.rooms.enqueue(number);
            return;
        }
        if self.rooms.conversations() >= BEHIND_MAX {
            self.leave(&joined.room, &joined.membership);
            self.reply(|out| reply::bye(out, "unavailable", 1));
            self.close(Ending::Refused("behind in too many conversations"));
            return;
        }
        let membership = joined.membership.clone();
        let feed = RoomFeed::new(joined.room, joined.membership, Cursor::behind(after));
        membership.set_number(self.rooms.insert(feed));
    }

    /// There is nothing more to write of this room for now: if it is a conversation, the client leaves it.
    pub(super) fn leave_if_told(&mut self, number: u32) {
        let Some(feed) = self.rooms.get(number) else {
            return;
        };
        let end_id = feed.room.end_id();
        // A batch that was not heard to its end is told again, and only the cursor knows then that it is known.
        let is_told = feed.cursor.last_id() >= end_id && feed.room.batch() <= self.shard.heard();
        if feed.room.end().is_none() || !is_told {
            return;
        }
        if self.page_is_due {
            // Pages come by the number of a room, which must not be another room's by then.
            return self.rooms.park(number);
        }
        if let Some(feed) = self.rooms.remove(number) {
            self.leave(&feed.room, &feed.membership);
        }
    }
}

/// Whether there is an account of the name in the line that waits.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct AccountLooked(Found);

impl Handler<AccountLooked> for Client {
    type Result = ();

    fn handle(&mut self, AccountLooked(found): AccountLooked, _: &mut LightContext) {
        let _place = panic_at::place("client/AccountLooked");
        // One line waits at a time, and nothing takes it away but the connection's end.
        if let Some(deferred) = &mut self.deferred
            && deferred.until == Until::Account(None)
        {
            deferred.until = Until::Account(Some(found));
        }
    }
}
