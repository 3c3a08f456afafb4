//! What actors of different kinds say to each other about sends. Other messages stand beside their receivers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::edge::wire::names::{RoomName, UserName};
use crate::edge::wire::timestamp::Timestamp;
use crate::store::log::Event;

use super::rules::block::Block;
use super::rules::standing::Standing;

/// Names one connection: where it sits, and the session that sits there now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientRef {
    /// The shard.
    pub shard: u16,
    /// The place in the shard's registry; given to another one after it.
    pub slot: u32,
    /// Random and unique for each connection; what the log keeps as origin.
    pub session: u64,
}

/// What a client wants the log to do. Requests of one client are numbered and answered in their order.
#[derive(Debug, Clone)]
pub struct Request {
    /// Who wants it.
    pub client: ClientRef,
    /// The client's own number for it.
    pub number: u32,
    /// What.
    pub action: Action,
}

/// What the log is to do.
#[derive(Debug, Clone)]
pub enum Action {
    /// Store a message.
    Say {
        /// Where.
        room: RoomName,
        /// Who.
        user: UserName,
        /// Who, without regard to case.
        account: Arc<str>,
        /// The sender's tag, empty if it gave none.
        tag: Bytes,
        /// The body in its stored form.
        body: Bytes,
        /// Whether the room's rate does not count it.
        is_exempt: bool,
    },
    /// Remove a message.
    Remove {
        /// Its id.
        id: u64,
        /// Who.
        user: UserName,
        /// What the server knows of them.
        standing: Standing,
        /// Since when the account is theirs.
        since: Timestamp,
        /// By which right.
        right: RemovalRight,
    },
}

/// Why somebody may remove a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalRight {
    /// It is their own, which the log makes sure of.
    Author,
    /// They keep order in its room: asked and entered in the audit log before the log hears of it.
    Keeper,
}

impl Action {
    /// What it takes in the log's queue.
    pub fn cost_bytes(&self) -> usize {
        match self {
            Self::Say { body, .. } => body.len() + QUEUED_REQUEST_BYTES,
            Self::Remove { .. } => QUEUED_REQUEST_BYTES,
        }
    }
}

/// What a queued request takes beside its body, roughly.
pub const QUEUED_REQUEST_BYTES: usize = 200;

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Whose request.
    pub client: ClientRef,
    /// Its number.
    pub number: u32,
    /// The result.
    pub result: Result<Done, Refused>,
}

/// A request that was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// The message's id; for a removal the removed message's.
    pub id: u64,
    /// The message's time.
    pub time: Timestamp,
}

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The tag was used for something else.
    TagConflict,
    /// No such message.
    NotFound,
    /// Not this user's to remove.
    Forbidden,
    /// The room has had too many; how long to wait.
    TooFast(Duration),
    /// A limit; its configuration key.
    Limit(&'static str),
    /// The log cannot take it now; why.
    Unavailable(Arc<str>),
}

/// What a committed group means for the members, shared by all shards.
#[derive(Debug, Default)]
pub struct Batch {
    /// Each room's lines, encoded once, in the order of the log.
    pub rooms: Vec<RoomBlocks>,
    /// The answers to what was removed. They wait for every shard, since none may tell the content after one of them.
    pub removals: Vec<Answer>,
    /// Bytes of all requests of the group. They stay in the log's queue until the last shard has heard this: a shard that lags holds up
    /// those who send, instead of collecting without end what it has not heard.
    pub queue_bytes: usize,
    /// Shards that have not heard this batch to its end.
    pub unheard: AtomicUsize,
}

impl Batch {
    /// A shard has heard this batch to its end, and says so once; returns whether it was the last one.
    pub fn heard(&self) -> bool {
        self.unheard.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// One room's part of a batch.
#[derive(Debug)]
pub struct RoomBlocks {
    /// The room.
    pub room: RoomName,
    /// Its new lines, for text connections. None of a direct conversation: its ends see it under two names, and only shards where
    /// one of them is encode what that one sees.
    pub blocks: Vec<Arc<Block>>,
    /// The same events, for connections that want another form.
    pub events: Arc<[Event]>,
    /// The newest message that was removed: what is told from memory has to be behind it.
    pub removed_up_to: u64,
}

/// Another configuration is in force: sent to everybody who keeps one.
#[derive(Debug, Clone, actix::Message)]
#[rtype(result = "()")]
pub struct UseConfig(pub Arc<crate::ops::config::Config>);
