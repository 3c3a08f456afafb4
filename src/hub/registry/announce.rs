//! How a change becomes known: every shard is told once, in order, and the last one to have carried it out answers who wanted it.
//!
//! As with the log's batches, a shard that panics meanwhile is told again what it has not carried out to its end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use actix::{Addr, Message};
use ipnet::IpNet;

use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::names::{RoomName, UserName};
use crate::hub::messages::ClientRef;
use crate::hub::room::Room;
use crate::hub::rules::room_change::Refusal;
use crate::store::accounts::RoomPolicy;

/// What the registry answers to a client, which asks one thing at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeAnswer {
    /// The client's own number for what it asked.
    pub ticket: u32,
    /// Done, or why not.
    pub result: Result<(), Refusal>,
}

/// An answer of the registry, for a client of this shard.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ChangeAnswered {
    /// Whose.
    pub client: ClientRef,
    /// See there.
    pub answer: ChangeAnswer,
}

/// Who has to leave because of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// Nobody.
    Nobody,
    /// Whoever may not be there any longer.
    Members,
    /// The same, only within a network, be they in the room or reading of it.
    Network(IpNet),
    /// The same, of one account or guest.
    User(Arc<str>),
    /// This account or guest, though it may come back.
    Kicked(Arc<str>),
}

/// A change that every shard carries out.
#[derive(Debug)]
pub struct Announcement {
    /// Of which room.
    pub room: RoomName,
    /// What holds from now on.
    pub policy: Option<Arc<RoomPolicy>>,
    /// Who has to leave.
    pub whom: Whom,
    /// What they are told.
    pub reason: Arc<str>,
    /// The TOPIC line for those who stay, if there is another topic.
    pub topic: Option<Arc<[u8]>>,
    /// Whom to answer when every shard has carried it out.
    pub asker: Option<Asked>,
    pub(super) unheard: AtomicUsize,
    left: AtomicUsize,
}

/// Whom to answer, and how.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Who.
    pub client: ClientRef,
    /// See [`ChangeAnswer::ticket`].
    pub ticket: u32,
    /// Set if it is an error that this one was not there.
    pub must_have_left: Option<UserName>,
    /// Whether the answer waits until what was said before is in the log: it takes something away from somebody, who is not to be heard
    /// after it.
    pub behind_the_log: bool,
}

impl Announcement {
    pub(super) fn new(
        room: RoomName,
        policy: Option<Arc<RoomPolicy>>,
        whom: Whom,
        reason: &str,
        asker: Option<Asked>,
    ) -> Self {
        Self {
            room,
            policy,
            whom,
            reason: reason.into(),
            topic: None,
            asker,
            unheard: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
        }
    }

    /// So many connections were put out.
    pub fn put_out(&self, connections: usize) {
        self.left.fetch_add(connections, Ordering::AcqRel);
    }

    /// A shard has carried this out, and says so once; the last one gets the answer to send.
    pub fn heard(&self) -> Option<(ChangeAnswered, bool)> {
        if self.unheard.fetch_sub(1, Ordering::AcqRel) != 1 {
            return None;
        }
        let asked = self.asker.as_ref()?;
        let result = match &asked.must_have_left {
            Some(user) if self.left.load(Ordering::Acquire) == 0 => {
                Err((ErrorCode::NotFound, format!("{user} is not in this room")))
            }
            _ => Ok(()),
        };
        let answer = ChangeAnswer {
            ticket: asked.ticket,
            result,
        };
        let client = asked.client;
        Some((ChangeAnswered { client, answer }, asked.behind_the_log))
    }
}

/// A change, to a shard's fan-out. Numbered for each shard, from 1.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct PolicyChanged {
    /// Rises by one.
    pub number: u64,
    /// What.
    pub announcement: Arc<Announcement>,
}

/// The registry's side of a shard.
pub struct PolicyLink {
    room: Addr<Room>,
    /// Number of the last change that the shard has carried out to its end; it writes, the registry reads.
    applied: Arc<AtomicU64>,
    /// What it may not have carried out, oldest first. Bounded, since a client waits for the answer to each.
    unheard: VecDeque<PolicyChanged>,
    told: u64,
}

impl PolicyLink {
    /// A shard that was told nothing yet; `applied` is that of its [`Policies`](super::Policies).
    pub fn new(room: Addr<Room>, applied: Arc<AtomicU64>) -> Self {
        Self {
            room,
            applied,
            unheard: VecDeque::new(),
            told: 0,
        }
    }

    pub(super) fn tell(&mut self, announcement: Arc<Announcement>) {
        self.forget_heard();
        self.told += 1;
        let changed = PolicyChanged {
            number: self.told,
            announcement,
        };
        self.unheard.push_back(changed.clone());
        self.room.do_send(changed);
    }

    /// Tells again what was not carried out to its end; returns how much that is.
    pub(super) fn tell_again(&mut self) -> usize {
        self.forget_heard();
        for changed in &self.unheard {
            self.room.do_send(changed.clone());
        }
        self.unheard.len()
    }

    pub(super) fn answer(&self, answered: ChangeAnswered) {
        self.room.do_send(answered);
    }

    fn forget_heard(&mut self) {
        let applied = self.applied.load(Ordering::Acquire);
        while self
            .unheard
            .front()
            .is_some_and(|changed| changed.number <= applied)
        {
            self.unheard.pop_front();
        }
    }
}
