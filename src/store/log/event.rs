//! What the log holds: messages and removals, each with its place in the one sequence.

use bytes::Bytes;

use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;

/// The two 64-bit marks by which a repeated send is known: who said it under which tag, and what was said.
/// 64 bits each, both have to agree for a message to count as a repetition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagMark {
    /// Account and tag.
    pub key: u64,
    /// Room and body.
    pub digest: u64,
}

/// An event on its way into the log.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Where.
    pub room: RoomName,
    /// Who. For a removal: who removed (recorded in server logs, not in the record).
    pub user: UserName,
    /// What.
    pub kind: EventKind,
    /// The session that sent it; what lets a guest delete only what its own connection sent.
    pub origin: u64,
    /// Unique among the requests of this server process: finds a request again in a group that was committed but
    /// not answered.
    pub nonce: u64,
    /// Set if the sender gave a tag.
    pub tag: Option<TagMark>,
    /// Keeps this time instead of the server's clock (imports).
    pub time: Option<Timestamp>,
}

/// An event as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the sequence of the whole server, from 1.
    pub id: u64,
    /// When it was accepted.
    pub time: Timestamp,
    /// Where.
    pub room: RoomName,
    /// Who. For a removal read back from the log this is the room's name holder `_`, since the record keeps no name.
    pub user: UserName,
    /// What.
    pub kind: EventKind,
    /// The session that sent it.
    pub origin: u64,
    /// See [`NewEvent::nonce`]; 0 where it is no longer known.
    pub nonce: u64,
}

/// What an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A message; the body in its stored, escaped form.
    Message(Bytes),
    /// The message with this id was removed.
    Removal(u64),
}
