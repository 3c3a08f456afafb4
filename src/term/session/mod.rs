//! Staying in one room whatever happens to the connection.
//!
//! In: [`Request`]s of the program. Out: [`Event`]s. [`state`] decides (pure), [`driver`] does: connects, waits, carries
//! lines. Nothing is missed or doubled over a reconnection, and a message that was not answered is sent again with its tag.

pub mod backoff;
pub mod driver;
pub mod state;

#[cfg(test)]
mod account_tests;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod driver_tests;
#[cfg(test)]
mod state_tests;

use std::time::Duration;

use super::error::TermError;
use super::message::Message;
use crate::edge::wire::timestamp::Timestamp;

pub use driver::{Live, start};
pub use state::Session;

/// Messages that may wait for their answers; what comes then waits with its giver.
pub const WINDOW: usize = 256;

/// What a program wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Say this; the numbers of [`Event::Sent`] count these requests from 0.
    Send(String),
    /// Say this in a direct conversation; counts as a [`Request::Send`].
    Tell {
        /// `@name`.
        to: String,
        /// What.
        text: String,
    },
    /// Look something up.
    Ask(Query),
    /// End the session.
    Leave,
}

/// What can be asked of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The members of the room.
    Who,
    /// All rooms.
    Rooms,
    /// The newest messages of the room, 1 to 1000.
    History(u16),
    /// Change something about the room.
    Manage {
        /// What.
        action: RoomAction,
        /// A name or a text, or nothing.
        argument: String,
    },
}

/// What a person can do about a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the actions of ROOM, by their names")]
pub enum RoomAction {
    Topic,
    Invite,
    Kick,
    Ban,
    Unban,
    Mute,
    Unmute,
    Private,
    Public,
}

impl RoomAction {
    /// The action as it stands in a line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Invite => "invite",
            Self::Kick => "kick",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// What a program learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Logged in and in the room.
    Entered {
        /// The name as the server has it.
        user: String,
        /// The room's newest message, 0 if none (or if the room is not joined).
        newest: u64,
        /// Whether this is a return.
        again: bool,
    },
    /// The connection is gone and another one will be tried.
    Lost {
        /// Why, for a person.
        why: String,
        /// When.
        retry_in: Duration,
    },
    /// A message of the room; ids rise.
    Message(Message),
    /// A message of another conversation, which comes unasked.
    Direct(Message),
    /// A message was deleted.
    Gone {
        /// Which.
        id: u64,
    },
    /// Retention has removed part of what was asked for.
    Gap {
        /// The first message that is still there.
        first_kept: u64,
    },
    /// The server's log ends before what was already seen: it was restored from an older copy.
    Restored {
        /// The last message that had been seen.
        last_seen: u64,
    },
    /// The topic changed.
    Topic {
        /// By whom.
        user: String,
        /// Still escaped.
        topic: String,
    },
    /// A message is committed.
    Sent {
        /// Which request.
        number: u64,
        /// The message's place in the sequence.
        id: u64,
        /// The server's time.
        time: Timestamp,
    },
    /// A message is refused and will not be sent again.
    SendRefused {
        /// Which request.
        number: u64,
        /// The server's words.
        error: Refused,
    },
    /// A line of an answer to [`Query::Who`].
    User {
        /// Name.
        user: String,
        /// What they are.
        state: String,
    },
    /// A line of an answer to [`Query::Rooms`].
    Room {
        /// Name.
        room: String,
        /// How many are in it.
        members: u64,
        /// Newest message, 0 if none.
        newest: u64,
    },
    /// A line of an answer to [`Query::History`].
    Past(Message),
    /// The answer is complete.
    Answered {
        /// To what.
        query: Query,
        /// How many lines it had.
        count: u64,
    },
    /// The question could not be answered.
    NotAnswered {
        /// Which.
        query: Query,
        /// Why.
        error: Refused,
    },
    /// The server complains about something else.
    Complaint(Refused),
}

/// An `ERR` of the server, or its like from this side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// One of the codes of the protocol.
    pub code: String,
    /// What to do about it.
    pub text: String,
}

impl From<Refused> for TermError {
    fn from(refused: Refused) -> Self {
        Self::Refused {
            code: refused.code,
            text: refused.text,
        }
    }
}
