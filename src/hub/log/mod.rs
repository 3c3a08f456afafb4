//! The one actor that appends. In: requests of clients, from all shards. Out: one message to each shard per committed group,
//! with what its members are to hear and what became of its clients' requests. Owns the writer's side of the store.
//!
//! It has a thread of its own, because it blocks: handlers only take requests into the ledger, and when the mailbox has been
//! drained, everything that came in is one group: one write, one sync. So groups grow by themselves under load.
//!
//! A request stays in the ledger until its group has been told to all shards. After a panic the store is opened anew, and what
//! it says of its last group decides whether the group in question is told or written again: nothing is lost and
//! nothing is stored twice. Shards that lost a group to a panic of their own ask for it again; see [`Resync`].

mod commit;
mod delivery;
mod keeping;
pub mod read_pool;
mod room_rates;
mod shards;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFuture, AsyncContext, Context, Handler, Message, Supervised,
};
use slog::{Logger, error, info};

use crate::edge::wire::names::RoomName;
use crate::ops::again;
use crate::ops::panic_at;
use crate::ops::trouble::Trouble;
use crate::store::log::clock::Clock;
use crate::store::log::{LogError, LogStore};

use super::messages::Request;
use super::registry::ChangeAnswered;
use commit::InHand;
pub(in crate::hub) use commit::NOT_IN_THE_LOG_YET;
pub use delivery::{Listener, ShardLink};
pub use keeping::KeepRooms;
use keeping::Kept;
use read_pool::SharedReader;
pub use room_rates::LimitRooms;
use room_rates::RoomRates;
pub use shards::{AddShard, OpenRoom, Resync};

/// How often retention, background syncing and the like are looked after.
const MAINTENANCE: Duration = Duration::from_millis(100);
/// Every so many turns of that it is looked whether messages of rooms have expired.
const EXPIRY_TURNS: u32 = 10;
/// A group is closed once its events take so much, so that one commit stays short.
const GROUP_BYTES: usize = 2 * 1024 * 1024;
/// A group is closed once it has so many requests.
const GROUP_REQUESTS: usize = 16 * 1024;

/// Opens the store; called again after a panic.
pub type StoreFactory = Box<dyn Fn() -> Result<Box<dyn LogStore>, LogError> + Send>;

/// What ends the process when the log cannot go on; gets the reason.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

/// See the module.
pub struct MessageLog {
    log: Logger,
    factory: StoreFactory,
    store: Option<Box<dyn LogStore>>,
    reader: SharedReader,
    shards: Vec<ShardLink>,
    /// Accepted, not yet in hand.
    ledger: VecDeque<Request>,
    /// The group being committed and told.
    in_hand: Option<InHand>,
    next_nonce: u64,
    /// Newest ids told of rooms whose last groups cannot be read yet, because the segments do not take them (a full disk).
    ahead: HashMap<RoomName, u64>,
    /// What rooms keep, where they keep less than the whole log.
    kept: HashMap<RoomName, Kept>,
    /// Maintenances so far.
    turns: u32,
    room_rates: RoomRates,
    /// Answers that wait for everything that came before them.
    behind: Vec<ChangeAnswered>,
    fatal: Fatal,
    /// The store said that it has stopped for good: opening it anew would forget that.
    has_stopped: bool,
    /// How closing went, once it was done: from then on the log may be another process's.
    closed: Option<Result<(), String>>,
    clock: Clock,
    /// Groups that were refused.
    refusing: Trouble,
    /// What the store does beside commits.
    upkeep: Trouble,
}

impl MessageLog {
    /// A log over the store that `factory` opened first as `store`.
    pub fn new(
        log: Logger,
        store: Box<dyn LogStore>,
        factory: StoreFactory,
        reader: SharedReader,
        fatal: Fatal,
    ) -> Self {
        reader.replace(store.reader());
        Self {
            log,
            factory,
            store: Some(store),
            reader,
            shards: Vec::new(),
            ledger: VecDeque::new(),
            in_hand: None,
            next_nonce: rand::random(),
            ahead: HashMap::new(),
            kept: HashMap::new(),
            turns: 0,
            room_rates: RoomRates::default(),
            behind: Vec::new(),
            fatal,
            has_stopped: false,
            closed: None,
            clock: Clock::system(),
            refusing: Trouble::new("the log takes no messages; they are refused until it does"),
            upkeep: Trouble::new("maintenance of the log failed"),
        }
    }

    /// With other clocks than the machine's.
    #[cfg(test)]
    fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Writes as a group is written, without one; why that failed.
    pub(super) fn probe(&mut self) -> Result<(), String> {
        let Some(store) = &mut self.store else {
            return Err("the log is closed".to_owned());
        };
        let written = store.probe(self.clock.wall());
        if let Err(error @ LogError::Stopped { .. }) = &written {
            self.has_stopped = true;
            (self.fatal)(&error.to_string());
        }
        written.map_err(|error| error.to_string())
    }

    /// Calls `tell` with every shard.
    pub(super) fn each_shard(&self, tell: impl FnMut(&dyn Listener)) {
        self.shards.iter().map(|shard| &*shard.room).for_each(tell);
    }

    fn maintain(&mut self) {
        let _place = panic_at::place("log/maintain");
        self.shards.iter_mut().for_each(ShardLink::forget_heard);
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(EXPIRY_TURNS) {
            self.expire_tails();
        }
        let Some(store) = &mut self.store else { return };
        match store.maintain(self.clock.wall()) {
            Ok(()) => self.upkeep.is_over(&self.log),
            Err(error @ LogError::Stopped { .. }) => {
                self.has_stopped = true;
                (self.fatal)(&error.to_string());
            }
            Err(error) => self.upkeep.happened(&self.log, &error),
        }
    }

    fn reopen(&mut self) -> Result<(), LogError> {
        // The old one has to let go of the lock first.
        self.store = None;
        let store = (self.factory)()?;
        self.reader.replace(store.reader());
        self.store = Some(store);
        let kept = self.kept.iter();
        let kept = kept.map(|(room, kept)| (room.clone(), kept.retention));
        self.keep_rooms(kept.collect());
        Ok(())
    }

    /// Gives the answers that wait, if there is nothing left to commit.
    fn answer_behind(&mut self) {
        if !self.ledger.is_empty() || self.in_hand.is_some() {
            return;
        }
        for answered in std::mem::take(&mut self.behind) {
            if let Some(shard) = self.shards.get(usize::from(answered.client.shard)) {
                shard.room.answered(answered);
            }
        }
    }
}

impl Actor for MessageLog {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("log/started");
        ctx.spawn(CommitWhenDrained);
        ctx.run_interval(MAINTENANCE, |log, _| log.maintain());
    }
}

impl Supervised for MessageLog {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("log/restarting");
        if self.has_stopped {
            // The process is about to end, as `fatal` was told.
            ctx.terminate();
            return;
        }
        if self.closed.is_some() {
            // Opened again it would be kept from the process that takes over.
            again::handle_again(self, ctx);
            return;
        }
        if let Err(error) = self.reopen() {
            error!(self.log, "the log cannot be opened again"; "error" => %error);
            (self.fatal)(&error.to_string());
            ctx.terminate();
            return;
        }
        self.settle_in_hand();
        info!(self.log, "log opened again after a panic"; "waiting" => self.ledger.len());
        again::handle_again(self, ctx);
    }
}

/// Polled by actix after the mailbox has been drained.
struct CommitWhenDrained;

impl ActorFuture<MessageLog> for CommitWhenDrained {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        log: &mut MessageLog,
        _: &mut Context<MessageLog>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        let _place = panic_at::place("log/CommitWhenDrained");
        log.commit_group();
        log.answer_behind();
        // What comes behind the close stays where it is.
        if !log.ledger.is_empty() && log.store.is_some() {
            // The mailbox gets its turn between groups.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Requests of one client, in its order.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Requests(pub Vec<Request>);

impl Handler<Requests> for MessageLog {
    type Result = ();

    fn handle(&mut self, requests: Requests, _: &mut Context<Self>) {
        let requests = again::keep(self, requests);
        let _place = panic_at::place("log/Requests");
        self.ledger.extend(requests.take().0);
        // A mailbox that never runs dry must not keep groups from closing.
        if self.ledger.len() >= GROUP_REQUESTS {
            self.commit_group();
        }
    }
}

/// What a client is told once everything that came before this is in the log and has been told.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AnswerBehind(pub ChangeAnswered);

impl Handler<AnswerBehind> for MessageLog {
    type Result = ();

    fn handle(&mut self, ask: AnswerBehind, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("log/AnswerBehind");
        // Kept until it is given: a panic within these commits must not lose it.
        self.behind.push(ask.take().0);
        // Under a load that never lets the mailbox run dry it would wait for long otherwise.
        while !self.ledger.is_empty() && self.store.is_some() {
            self.commit_group();
        }
        self.answer_behind();
    }
}

/// Commit what is left, sync everything and close; the answer says how that went.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), String>")]
pub struct CloseLog;

impl Handler<CloseLog> for MessageLog {
    type Result = Result<(), String>;

    fn handle(&mut self, _: CloseLog, _: &mut Context<Self>) -> Self::Result {
        let _place = panic_at::place("log/CloseLog");
        while !self.ledger.is_empty() && self.store.is_some() {
            self.commit_group();
        }
        let closed = match (self.store.take(), &self.closed) {
            (Some(mut store), _) => store.close().map_err(|error| error.to_string()),
            // Asked once more, as after a panic.
            (None, Some(closed)) => closed.clone(),
            (None, None) => Ok(()),
        };
        self.closed = Some(closed.clone());
        closed
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for MessageLog {
    type Result = ();
    fn handle(&mut self, provoke: super::Provoke, _: &mut Context<Self>) {
        match provoke.0 {
            "log" => panic!("provoked"),
            "hang" => panic_at::hang(),
            _ => {}
        }
        // At the worst moments: the next group panics before or after its commit, or half told.
        panic_at::set(provoke.0);
    }
}
