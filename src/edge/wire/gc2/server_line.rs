//! What a server sends, as a client reads it. In: one line without its newline. Out: a [`ServerLine`] that borrows it.
//!
//! Lenient where the protocol may grow: unknown verbs and further fields are no errors.

use super::super::record::parse_id;
use super::super::timestamp::Timestamp;
use super::reply::MessageLine;
use super::text::{saturating_number, take_text};

/// One line of a server. Texts are as written: bodies and topics still escaped or C16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are those of docs/protocol.md, by their names"
)]
pub enum ServerLine<'a> {
    /// The answer to HELLO; `options` are those in force.
    Welcome {
        tag: &'a str,
        version: &'a str,
        server: &'a str,
        session: &'a str,
        options: &'a str,
    },
    /// A log-in goes on.
    Auth {
        tag: &'a str,
        mechanism: &'a str,
        data: &'a str,
    },
    /// A command is done.
    Ok { tag: &'a str, fields: OkFields<'a> },
    /// A command is refused; `ErrorCode::parse` knows the codes of this version.
    Err {
        tag: &'a str,
        code: &'a str,
        text: &'a str,
    },
    /// A message in a joined room or a direct one.
    Msg { message: MessageLine<'a> },
    /// A message of the past that was asked for.
    Hist {
        tag: &'a str,
        message: MessageLine<'a>,
    },
    /// A message was deleted.
    Gone { room: &'a str, id: u64 },
    /// One line of ROOMS.
    Room {
        tag: &'a str,
        room: &'a str,
        members: u64,
        newest: u64,
    },
    /// One line of WHO.
    User {
        tag: &'a str,
        user: &'a str,
        state: &'a str,
    },
    /// Part of the past is no longer there.
    Gap { room: &'a str, first_kept: u64 },
    /// Someone entered.
    Joined { room: &'a str, user: &'a str },
    /// Someone left.
    Parted { room: &'a str, user: &'a str },
    /// The topic changed.
    Topic {
        room: &'a str,
        user: &'a str,
        topic: &'a str,
    },
    /// You were removed from the room.
    Left { room: &'a str, reason: &'a str },
    /// The heartbeat; answer PONG with the same tag and text.
    Ping { tag: &'a str, text: &'a str },
    /// The answer to a PING.
    Pong { tag: &'a str, text: &'a str },
    /// The server closes; come back after so many seconds.
    Bye { reason: &'a str, seconds: u64 },
    /// A verb of a later version.
    Unknown { verb: &'a str },
}

/// The fields of an `OK` behind its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OkFields<'a>(&'a str);

impl<'a> OkFields<'a> {
    /// The fields in order.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.split(';')
    }

    /// Field `index`, from 0; empty if it was left out.
    pub fn get(self, index: usize) -> &'a str {
        self.iter().nth(index).unwrap_or("")
    }

    /// Field `index` as a whole number.
    pub fn number(self, index: usize) -> Option<u64> {
        saturating_number(self.get(index))
    }
}

/// A line that a server of this protocol does not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServerLineError {
    /// Not UTF-8.
    #[error("the server's line is not UTF-8 at byte {at} of it")]
    NotUtf8 {
        /// Counted from 1.
        at: usize,
    },
    /// A field that is no number.
    #[error("the server's line has no valid {field}")]
    Field {
        /// Which.
        field: &'static str,
    },
}

/// Reads one line, without its newline.
pub fn parse(line: &[u8]) -> Result<ServerLine<'_>, ServerLineError> {
    let mut rest = std::str::from_utf8(line).map_err(|error| ServerLineError::NotUtf8 {
        at: error.valid_up_to() + 1,
    })?;
    let rest = &mut rest;
    let verb = take_text(rest);
    Ok(match verb {
        "MSG" => ServerLine::Msg {
            message: message(rest)?,
        },
        "OK" => ServerLine::Ok {
            tag: take_text(rest),
            fields: OkFields(rest),
        },
        "HIST" => ServerLine::Hist {
            tag: take_text(rest),
            message: message(rest)?,
        },
        "ERR" => ServerLine::Err {
            tag: take_text(rest),
            code: take_text(rest),
            text: rest,
        },
        "WELCOME" => ServerLine::Welcome {
            tag: take_text(rest),
            version: take_text(rest),
            server: take_text(rest),
            session: take_text(rest),
            options: take_text(rest),
        },
        "AUTH" => ServerLine::Auth {
            tag: take_text(rest),
            mechanism: take_text(rest),
            data: take_text(rest),
        },
        "GONE" => ServerLine::Gone {
            room: take_text(rest),
            id: id(rest)?,
        },
        "ROOM" => ServerLine::Room {
            tag: take_text(rest),
            room: take_text(rest),
            members: number(rest, "number of members")?,
            newest: number(rest, "newest id")?,
        },
        "USER" => ServerLine::User {
            tag: take_text(rest),
            user: take_text(rest),
            state: take_text(rest),
        },
        "GAP" => ServerLine::Gap {
            room: take_text(rest),
            first_kept: number(rest, "first id")?,
        },
        "JOINED" => ServerLine::Joined {
            room: take_text(rest),
            user: take_text(rest),
        },
        "PARTED" => ServerLine::Parted {
            room: take_text(rest),
            user: take_text(rest),
        },
        "TOPIC" => ServerLine::Topic {
            room: take_text(rest),
            user: take_text(rest),
            topic: rest,
        },
        "LEFT" => ServerLine::Left {
            room: take_text(rest),
            reason: rest,
        },
        "PING" => ServerLine::Ping {
            tag: take_text(rest),
            text: rest,
        },
        "PONG" => ServerLine::Pong {
            tag: take_text(rest),
            text: rest,
        },
        "BYE" => ServerLine::Bye {
            reason: take_text(rest),
            // A farewell counts as one even if it does not say when to come back.
            seconds: saturating_number(take_text(rest)).unwrap_or(0),
        },
        verb => ServerLine::Unknown { verb },
    })
}

fn message<'a>(rest: &mut &'a str) -> Result<MessageLine<'a>, ServerLineError> {
    let room = take_text(rest);
    let id = id(rest)?;
    let time = Timestamp::parse(take_text(rest))
        .map_err(|_| ServerLineError::Field { field: "timestamp" })?;
    let user = take_text(rest);
    Ok(MessageLine {
        room,
        id,
        time,
        user,
        body: rest.as_bytes(),
    })
}

fn id(rest: &mut &str) -> Result<u64, ServerLineError> {
    parse_id(take_text(rest).as_bytes()).ok_or(ServerLineError::Field {
        field: "message id",
    })
}

fn number(rest: &mut &str, field: &'static str) -> Result<u64, ServerLineError> {
    saturating_number(take_text(rest)).ok_or(ServerLineError::Field { field })
}
