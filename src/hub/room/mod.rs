//! The fan-out of one shard. In: committed batches, each once. Out: woken members; what they write they take from the
//! room's tail themselves. Owns this shard's rooms: tails and members.
//!
//! A room is here while it has a member on this shard. The first member makes the actor ask the log for the room's newest id; the
//! answer comes the same way as the batches, so what was committed before and after it cannot be confused.
//!
//! After a panic nothing of it is trusted: it starts empty, every client of the shard joins its rooms again from its own
//! cursors, and the log tells the batches that were not heard.

mod direct;
mod directory;
mod local;
mod policy;
mod presence;

pub use directory::{CountMembers, HasMembers, ListMembers, ListSilent, Member};
pub use local::{JoinedRoom, LocalRoom, Membership};
pub use presence::{PresenceChanged, ReportPresence, TellPresence};

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, Context, Handler, Message, Supervised};
use slog::{Logger, debug, warn};

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::names::RoomName;
use crate::ops::again;
use crate::ops::panic_at;

use super::codec::EncodeBlocks;
use super::log::{OpenRoom, Resync};
use super::messages::{Answer, Batch, ClientRef, RoomBlocks};
use super::registry::ResyncPolicies;
use super::rules::access::Action;
use super::rules::block::Block;
use super::rules::presence::Presence;
use super::rules::tail_budget::TailBudget;
use super::seat::Identity;
use super::shard::Shard;
use direct::Conversations;

/// See the module.
pub struct Room {
    shard: Rc<Shard>,
    log: Logger,
    rooms: HashMap<RoomName, State>,
    /// Those that had no message when they were opened, and which the log may therefore not name.
    silent: BTreeSet<RoomName>,
    /// Number of the last batch that was heard to its end; read by the log, which keeps those that were not.
    heard: Arc<AtomicU64>,
    /// Who is in the rooms that have their home here.
    presence: Presence,
    /// What the tails of all shards may hold.
    tails: Arc<TailBudget>,
    conversations: Conversations,
}

enum State {
    /// The log was asked for the newest id; these wait.
    Opening(Vec<JoinRoom>),
    Open(Rc<LocalRoom>),
}

impl Room {
    /// `heard` is shared with the log, `tails` with the other shards.
    pub fn new(shard: Rc<Shard>, heard: Arc<AtomicU64>, tails: Arc<TailBudget>) -> Self {
        let log = shard.log.new(slog::o!("actor" => "room"));
        Self {
            shard,
            log,
            rooms: HashMap::new(),
            silent: BTreeSet::new(),
            heard,
            presence: Presence::default(),
            tails,
            conversations: Conversations::default(),
        }
    }

    /// Which shard's it is.
    pub(super) fn shard_id(&self) -> u16 {
        self.shard.id
    }

    /// What one tail may hold.
    fn tail_bytes(&self) -> usize {
        usize::try_from(self.shard.config().rooms.tail_bytes).unwrap_or(usize::MAX)
    }

    fn hear(&self, part: &RoomBlocks) {
        let Some(State::Open(room)) = self.rooms.get(&part.room) else {
            return;
        };
        if part.removed_up_to > 0 {
            room.drop_through(part.removed_up_to);
        }
        let previous_end = room.end_id();
        let mut news = false;
        for block in &part.blocks {
            news |= room.push(block.clone());
        }
        if news {
            room.wake_members(BodyForm::Text);
            if room.has_members(BodyForm::C16) {
                self.shard.links().codec.do_send(EncodeBlocks {
                    room: part.room.clone(),
                    reader: None,
                    behind: previous_end,
                    events: part.events.clone(),
                });
            }
        }
    }

    fn admit(&self, room: &Rc<LocalRoom>, join: JoinRoom) {
        let Some(seat) = self.shard.find(join.client) else {
            return;
        };
        // The client asked, but what is decided may have changed since; and after a panic of this actor it did not ask.
        if !self
            .shard
            .judge(&seat, room.name(), Action::Join)
            .is_allowed()
        {
            seat.leave_refused(JoinRefused {
                room: room.name().clone(),
            });
            return;
        }
        let identity = seat.identity();
        let (membership, newcomer) = room.admit(&seat, join.membership);
        let newest = room.end_id();
        seat.leave_joined(JoinedRoom {
            room: room.clone(),
            membership,
            newest,
            unasked_after: None,
        });
        if let (true, Some(identity)) = (newcomer, identity) {
            self.announce(room.name(), &identity, true, Some(join.client), join.again);
        }
    }
}

impl Actor for Room {
    type Context = Context<Self>;
}

impl Supervised for Room {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        use actix::AsyncContext;
        let _place = panic_at::place("room/restarting");
        self.rooms.clear();
        self.presence = Presence::default();
        self.silent.clear();
        self.conversations.clear();
        let after = self.heard.load(Ordering::Acquire);
        warn!(self.log, "fan-out starts anew"; "clients" => self.shard.clients(), "after_batch" => after);
        // In this order: the rooms are asked for before the batches come again, and both come in the log's order.
        self.shard.each_seat(|seat| seat.order_rejoin());
        self.ask_for_presence();
        self.shard.links().registry.do_send(ResyncPolicies {
            shard: self.shard.id,
        });
        let room = ctx.address();
        self.shard.links().log.do_send(Resync {
            shard: self.shard.id,
            room,
        });
        again::handle_again(self, ctx);
    }
}

/// Enter a room; the answer is left at the client's seat.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct JoinRoom {
    /// Who.
    pub client: ClientRef,
    /// The client's own number for it, which stands in its news.
    pub membership: u32,
    /// Which.
    pub room: RoomName,
    /// Whether it was a member before the fan-out started anew.
    pub again: bool,
}

impl Handler<JoinRoom> for Room {
    type Result = ();

    fn handle(&mut self, join: JoinRoom, _: &mut Context<Self>) {
        let _place = panic_at::place("room/JoinRoom");
        match self.rooms.get_mut(&join.room) {
            Some(State::Open(room)) => {
                let room = room.clone();
                self.admit(&room, join);
            }
            Some(State::Opening(waiting)) => waiting.push(join),
            None => {
                let room = join.room.clone();
                self.shard.links().log.do_send(OpenRoom {
                    shard: self.shard.id,
                    room: room.clone(),
                });
                self.rooms.insert(room, State::Opening(vec![join]));
            }
        }
    }
}

/// A client was not let into a room that it asked for, or was in before the fan-out started anew.
#[derive(Debug, Clone)]
pub struct JoinRefused {
    /// Which.
    pub room: RoomName,
}

/// The newest id of a room that was asked for; comes from the log among the batches.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RoomOpened {
    /// Which room.
    pub room: RoomName,
    /// Its newest id; every later one comes in a batch behind this message.
    pub newest: u64,
}

impl Handler<RoomOpened> for Room {
    type Result = ();

    fn handle(&mut self, opened: RoomOpened, _: &mut Context<Self>) {
        let _place = panic_at::place("room/RoomOpened");
        let Some(state) = self.rooms.get_mut(&opened.room) else {
            return;
        };
        let State::Opening(waiting) = state else {
            return;
        };
        let waiting = std::mem::take(waiting);
        let tail_bytes = usize::try_from(self.shard.config().rooms.tail_bytes);
        let room = Rc::new(LocalRoom::new(
            opened.room.clone(),
            opened.newest,
            tail_bytes.unwrap_or(usize::MAX),
            &self.tails,
        ));
        *state = State::Open(room.clone());
        for join in waiting {
            self.admit(&room, join);
        }
        if room.is_empty() {
            self.rooms.remove(&opened.room);
        } else if opened.newest == 0 {
            self.silent.insert(opened.room);
        }
    }
}

/// What a room has with lower ids has expired.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RoomExpired {
    /// Which room.
    pub room: RoomName,
    /// The lowest id that it still has, or will have.
    pub floor: u64,
}

impl Handler<RoomExpired> for Room {
    type Result = ();

    fn handle(&mut self, expired: RoomExpired, _: &mut Context<Self>) {
        let _place = panic_at::place("room/RoomExpired");
        if let Some(State::Open(room)) = self.rooms.get(&expired.room) {
            room.drop_through(expired.floor.saturating_sub(1));
        }
    }
}

/// A client let itself out of a room; see [`LocalRoom::dismiss`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct MemberLeft {
    /// Which room.
    pub room: RoomName,
    /// Who, if that was the account's last connection in the room on this shard.
    pub last_of: Option<Identity>,
}

impl Handler<MemberLeft> for Room {
    type Result = ();

    fn handle(&mut self, left: MemberLeft, _: &mut Context<Self>) {
        let left = again::keep(self, left);
        let _place = panic_at::place("room/MemberLeft");
        if left.room.is_direct() {
            return self.conversations.tidy(&left.room);
        }
        let left = left.take();
        if let Some(identity) = left.last_of {
            self.announce(&left.room, &identity, false, None, false);
        }
        if matches!(self.rooms.get(&left.room), Some(State::Open(room)) if room.is_empty()) {
            debug!(self.log, "room left by its last member here"; "room" => %left.room);
            self.rooms.remove(&left.room);
            self.silent.remove(&left.room);
        }
    }
}

/// A committed group, and the answers for this shard's clients.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Committed {
    /// Rising by one for each shard, from 1.
    pub number: u64,
    /// What members are to hear.
    pub batch: Arc<Batch>,
    /// What became of the requests of this shard's clients.
    pub answers: Arc<[Answer]>,
}

impl Handler<Committed> for Room {
    type Result = ();

    fn handle(&mut self, committed: Committed, _: &mut Context<Self>) {
        let _place = panic_at::place("room/Committed");
        // After a panic the log tells everything again that was not heard to its end. What comes before that is either older,
        // or stands behind a batch that was lost, and will come again in its turn.
        if committed.number != self.heard.load(Ordering::Acquire) + 1 {
            return;
        }
        for part in &committed.batch.rooms {
            if part.room.is_direct() {
                self.hear_direct(part, committed.number);
            } else {
                self.hear(part);
            }
        }
        panic_at::point("half-heard");
        for answer in &*committed.answers {
            if let Some(seat) = self.shard.find(answer.client) {
                seat.leave_answer(answer.clone());
            }
        }
        panic_at::point("unnoted");
        self.heard.store(committed.number, Ordering::Release);
        self.shard.note_heard(committed.number);
        let is_last = committed.batch.heard();
        if is_last {
            self.shard.leave_queue(committed.batch.queue_bytes);
        }
        self.shard.wake_waiting_if_room();
        if is_last {
            for answer in &committed.batch.removals {
                if let Some(room) = self
                    .shard
                    .links()
                    .rooms
                    .get(usize::from(answer.client.shard))
                {
                    room.do_send(RemovalAnswered(answer.clone()));
                }
            }
        }
    }
}

/// There is room in the log's queue, and somebody waited for it.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct QueueHasRoom;

impl Handler<QueueHasRoom> for Room {
    type Result = ();

    fn handle(&mut self, _: QueueHasRoom, _: &mut Context<Self>) {
        let _place = panic_at::place("room/QueueHasRoom");
        self.shard.wake_waiting();
    }
}

/// No shard tells the content any longer: the answer for a client of this one.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct RemovalAnswered(pub Answer);

impl Handler<RemovalAnswered> for Room {
    type Result = ();

    fn handle(&mut self, answered: RemovalAnswered, _: &mut Context<Self>) {
        let answered = again::keep(self, answered);
        let _place = panic_at::place("room/RemovalAnswered");
        if let Some(seat) = self.shard.find(answered.0.client) {
            seat.leave_answer(answered.0.clone());
        }
    }
}

/// Blocks in C16, from this shard's codec.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct BlocksEncoded {
    /// Which room.
    pub room: RoomName,
    /// The account that hears them, in a direct conversation.
    pub reader: Option<Arc<str>>,
    /// The room's newest id before these.
    pub behind: u64,
    /// The blocks; `None` if the codec failed on them.
    pub blocks: Option<Vec<Arc<Block>>>,
}

impl Handler<BlocksEncoded> for Room {
    type Result = ();

    fn handle(&mut self, encoded: BlocksEncoded, _: &mut Context<Self>) {
        let _place = panic_at::place("room/BlocksEncoded");
        let room = match (&encoded.reader, self.rooms.get(&encoded.room)) {
            (Some(reader), _) => self.conversations.find(&encoded.room, reader),
            (None, Some(State::Open(room))) => Some(room),
            _ => None,
        };
        if let Some(room) = room {
            room.take_encoded(encoded.behind, encoded.blocks);
            room.wake_members(BodyForm::C16);
        }
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for Room {
    type Result = ();
    fn handle(&mut self, provoke: super::Provoke, _: &mut Context<Self>) {
        if provoke.0 == "room" {
            panic!("provoked");
        }
        // At the worst moments: with the next batch heard and its answers not given, or given and not noted.
        panic_at::set(provoke.0);
    }
}
