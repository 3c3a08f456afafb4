//! What one shard's actors share: the registry of its clients, its clock, and the addresses of everybody else.
//!
//! A shard is one thread, so this is cells and counters, never a lock. Actors get it in their constructors.

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Addr, Handler, Message, Recipient};
use rustls::ServerConfig;
use slab::Slab;
use slog::{Logger, info};

use crate::edge::poller::PollerEntry;
use crate::edge::wire::names::RoomName;
use crate::edge::wire::timestamp::Timestamp;
use crate::ops::config::{Config, lists};
use crate::ops::logging::NowAndThen;

use super::addresses::AddressCount;
use super::auth::{AuthSupervisor, Registered};
use super::client::Client;
use super::codec::Codec;
use super::counters::Counters;
use super::heartbeat::Heartbeat;
use super::known_accounts::KnownAccounts;
use super::legacy::LogInPinged;
use super::light;
use super::light::turns::Turns;
use super::log::MessageLog;
use super::log::read_pool::ReadPool;
use super::log_queue::LogQueue;
use super::messages::ClientRef;
use super::page_slots::PageSlots;
use super::probe::Probes;
use super::registry::{Policies, RoomRegistry};
use super::room::{LocalRoom, MemberLeft, Membership, QueueHasRoom, Room};
use super::rules::access::{self, Action, Verdict, Who};
use super::seat::{Identity, Seat};
use super::session::SessionSupervisor;

/// The actors a shard talks to.
#[derive(Clone)]
pub struct Links {
    /// The one that appends.
    pub log: Addr<MessageLog>,
    /// The threads that read the log.
    pub reads: ReadPool,
    /// The one that lets in.
    pub auth: Addr<AuthSupervisor>,
    /// The one that decides about rooms.
    pub registry: Addr<RoomRegistry>,
    /// Connections of each address.
    pub addresses: Arc<AddressCount>,
    /// Connections that are the server's own.
    pub probes: Arc<Probes>,
    /// How often limits were met.
    pub counters: Arc<Counters>,
    /// Names that are accounts'.
    pub registered: Arc<Registered>,
    /// This shard's fan-out.
    pub room: Addr<Room>,
    /// All shards' fan-outs, this one's included, by shard.
    pub rooms: Arc<[Addr<Room>]>,
    /// This shard's codec.
    pub codec: Addr<Codec>,
    /// This shard's sessions.
    pub sessions: Addr<SessionSupervisor>,
    /// The gate of original clients, if it is open.
    pub legacy: Option<Recipient<LogInPinged>>,
    /// The same gate, for tests that make it or its clients panic.
    #[cfg(feature = "fault-injection")]
    pub legacy_faults: Option<Recipient<super::Provoke>>,
}

/// See the module.
pub struct Shard {
    /// Its number, from 0.
    pub id: u16,
    /// Logs with the shard's number.
    pub log: Logger,
    /// See [`LogQueue`].
    pub queue: Arc<LogQueue>,
    /// What is decided about rooms.
    pub policies: Policies,
    /// Where accounts sit, and which names are accounts'.
    pub accounts: KnownAccounts,
    heard: Cell<u64>,
    config: RefCell<Arc<Config>>,
    clock: Instant,
    seats: RefCell<Slab<Rc<Seat>>>,
    turns: Rc<Turns>,
    page_slots: PageSlots,
    poller: PollerEntry,
    waiting_for_log: RefCell<Vec<Rc<Seat>>>,
    links: OnceCell<Links>,
    heartbeat: OnceCell<Addr<Heartbeat>>,
    tls: RefCell<Option<Arc<ServerConfig>>>,
    reports: Cell<u32>,
    address_refusals: RefCell<NowAndThen>,
    turned_away: RefCell<NowAndThen>,
}

impl Shard {
    /// A shard without clients; [`connect`](Self::connect) has to follow before any comes.
    pub fn new(
        id: u16,
        config: Arc<Config>,
        log: Logger,
        queue: Arc<LogQueue>,
        policies: Policies,
        poller: PollerEntry,
    ) -> Rc<Self> {
        Rc::new(Self {
            id,
            config: RefCell::new(config),
            log,
            queue,
            policies,
            accounts: KnownAccounts::default(),
            heard: Cell::default(),
            clock: Instant::now(),
            seats: RefCell::default(),
            turns: Rc::default(),
            page_slots: PageSlots::default(),
            poller,
            waiting_for_log: RefCell::default(),
            links: OnceCell::new(),
            heartbeat: OnceCell::new(),
            tls: RefCell::default(),
            reports: Cell::default(),
            address_refusals: RefCell::default(),
            turned_away: RefCell::default(),
        })
    }

    /// The configuration in force.
    pub fn config(&self) -> Ref<'_, Config> {
        Ref::map(self.config.borrow(), |config| &**config)
    }

    /// Another configuration is in force from now on.
    pub fn set_config(&self, config: Arc<Config>) {
        *self.config.borrow_mut() = config;
    }

    /// Tells the shard who else there is; once.
    pub fn connect(&self, links: Links) {
        if self.links.set(links).is_err() {
            slog::error!(
                self.log,
                "shard was connected twice; the first connection holds"
            );
        }
    }

    /// The others.
    ///
    /// # Panics
    /// Before [`connect`](Self::connect): a fault in the wiring, which the first start shows.
    pub fn links(&self) -> &Links {
        match self.links.get() {
            Some(links) => links,
            None => unreachable!("the shard was not connected before it got work"),
        }
    }

    /// How often the log-in was told who is here. What ends before is in no report after that.
    pub fn reports(&self) -> u32 {
        self.reports.get()
    }

    /// The log-in is told who is here.
    pub fn note_report(&self) {
        self.reports.set(self.reports.get().wrapping_add(1));
    }

    /// Keeps the heartbeat: an actor that nobody has the address of ends.
    pub fn keep_heartbeat(&self, heartbeat: Addr<Heartbeat>) {
        let _ = self.heartbeat.set(heartbeat);
    }

    /// The heartbeat, once it runs.
    pub fn heartbeat(&self) -> Option<&Addr<Heartbeat>> {
        self.heartbeat.get()
    }

    /// What new TLS connections are offered; `None` = no TLS.
    pub fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.tls.borrow().clone()
    }

    /// Offers new TLS connections this; those that are there keep what they have.
    pub fn use_tls(&self, config: Option<Arc<ServerConfig>>) {
        *self.tls.borrow_mut() = config;
    }

    /// Counts a connection from `address`: whether it counts, or `None` if there are too many.
    pub fn count_address(&self, address: IpAddr) -> Option<bool> {
        let config = self.config();
        if lists(&config.limits.exempt, address) {
            return Some(false);
        }
        let links = self.links();
        let max = config.limits.connections_per_address;
        if links.addresses.enter(address, max) {
            return Some(true);
        }
        links.counters.connections_per_address_refused_total.count();
        let count = self.address_refusals.borrow_mut().note();
        if let Some(count) = count {
            info!(self.log, "connections refused: limits.connections_per_address is reached";
                "last" => %address, "refused" => count);
        }
        None
    }

    /// Somebody was turned away at the door. If that is to be told now: how many since it was told last.
    pub fn note_turned_away(&self) -> Option<u64> {
        self.turned_away.borrow_mut().note()
    }

    /// Time on the shard's clock.
    pub fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Gives a new client a seat.
    pub fn seat(&self, peer: SocketAddr, socket: RawFd) -> Rc<Seat> {
        let mut seats = self.seats.borrow_mut();
        let entry = seats.vacant_entry();
        let slot = entry.key() as u32;
        let client = ClientRef {
            shard: self.id,
            slot,
            session: rand::random(),
        };
        let seat = Seat::new(client, peer, socket, self.now(), &self.turns);
        entry.insert(seat.clone());
        seat
    }

    /// The seat of `client`, if it still sits there.
    pub fn find(&self, client: ClientRef) -> Option<Rc<Seat>> {
        let seats = self.seats.borrow();
        seats
            .get(client.slot as usize)
            .filter(|seat| seat.client == client)
            .cloned()
    }

    /// The seat at this place.
    pub fn seat_at(&self, slot: u32) -> Option<Rc<Seat>> {
        self.seats.borrow().get(slot as usize).cloned()
    }

    /// Whose turn it is.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Takes one of the pages that the shard's clients may have under way; see [`PageSlots::take`].
    pub fn take_page_slot(&self, seat: &Rc<Seat>) -> bool {
        self.page_slots.take(seat)
    }

    /// Whether somebody waits for one.
    pub fn is_page_slot_wanted(&self) -> bool {
        self.page_slots.is_wanted()
    }

    /// Gives it back.
    pub fn give_page_slot_back(&self) {
        self.page_slots
            .give_back(|seat| self.find(seat.client).is_some());
    }

    /// Has the kernel tell of the socket of whoever sits at `seat`.
    pub fn watch(&self, seat: &Seat) -> std::io::Result<()> {
        self.poller.enter(seat.socket, seat.client.slot)
    }

    /// Gives a message to `client`, if it still sits there.
    pub fn deliver<M>(&self, client: ClientRef, message: M)
    where
        M: Message<Result = ()>,
        Client: Handler<M>,
    {
        let Some(seat) = self.find(client) else {
            return;
        };
        let mut is_here = false;
        seat.run_client(|place| {
            light::handle(place, message);
            is_here = place.is_some();
        });
        if is_here {
            seat.wake();
        }
    }

    /// Takes the seat away; returns whether it was there.
    pub fn unseat(&self, client: ClientRef) -> bool {
        let mut seats = self.seats.borrow_mut();
        let sits = seats
            .get(client.slot as usize)
            .is_some_and(|seat| seat.client == client);
        if sits {
            let seat = seats.remove(client.slot as usize);
            if seat.socket < 0 {
                self.turns.forget_other(client.slot);
            }
            seat.with_identity(|who| {
                if !who.standing.is_guest() {
                    self.accounts.unseat(&who.account, client.slot);
                }
            });
        }
        sits
    }

    /// Whoever sits at `seat` is someone now, once and for all; `created` says since when there is the account, if it has one.
    pub fn identify(&self, seat: &Seat, identity: Identity, created: Option<Timestamp>) {
        if let Some(created) = created {
            let slot = seat.client.slot;
            self.accounts.seat(&identity.account, slot, created);
        }
        seat.set_identity(identity);
    }

    /// The seats of this account on this shard.
    pub fn seats_of(&self, account: &str) -> Vec<Rc<Seat>> {
        let slots = self.accounts.slots_of(account);
        let seats = self.seats.borrow();
        let sits = |slot: &u32| seats.get(*slot as usize).cloned();
        slots.iter().filter_map(sits).collect()
    }

    /// Number of the last batch that the fan-out heard to its end: what came in it is not told again.
    pub fn heard(&self) -> u64 {
        self.heard.get()
    }

    /// The fan-out heard this batch to its end.
    pub fn note_heard(&self, batch: u64) {
        self.heard.set(batch);
    }

    /// How many clients there are.
    pub fn clients(&self) -> usize {
        self.seats.borrow().len()
    }

    /// Calls `visit` for every client. It must not seat or unseat anybody.
    pub fn each_seat(&self, mut visit: impl FnMut(&Rc<Seat>)) {
        for (_, seat) in &*self.seats.borrow() {
            visit(seat);
        }
    }

    /// Whether whoever sits at `seat` may do this in a room that is there, be it without a policy.
    pub fn judge(&self, seat: &Seat, room: &RoomName, action: Action) -> Verdict {
        let judged = seat.with_identity(|identity| {
            self.policies.with(room.as_str(), |policy| {
                let who = Who {
                    standing: identity.standing,
                    account: &identity.account,
                    address: seat.peer().ip(),
                };
                access::judge(who, room, policy, action)
            })
        });
        // Before its log-in a client is nobody.
        judged.unwrap_or(Verdict::NotFound)
    }

    /// Lets a member out of a room and tells the fan-out, if that matters to anybody.
    pub fn leave_room(&self, room: &LocalRoom, membership: &Rc<Membership>) {
        let last_of = room.dismiss(membership);
        // Of a conversation nobody is told who comes and goes.
        let last_of = last_of.filter(|_| room.end().is_none());
        if last_of.is_some() || room.is_empty() {
            let room = room.name().clone();
            self.links().room.do_send(MemberLeft { room, last_of });
        }
    }

    /// Remembers to wake this client when the log's queue has room again.
    pub fn wait_for_log(&self, seat: &Rc<Seat>) {
        if !seat.set_waits_for_log(true) {
            self.waiting_for_log.borrow_mut().push(seat.clone());
            self.queue.note_waited_for();
        }
    }

    /// All shards have heard of these requests: counts them out, and tells the others if somebody waits for that.
    pub fn leave_queue(&self, bytes: usize) {
        self.queue.leave(bytes);
        if !self.queue.is_full() && self.queue.take_waited_for() {
            for room in self.links().rooms.iter() {
                room.do_send(QueueHasRoom);
            }
        }
    }

    /// Wakes who waits for room in the log's queue, if there is some.
    pub fn wake_waiting_if_room(&self) {
        if !self.queue.is_full() {
            self.wake_waiting();
        }
    }

    /// Wakes who waits for room in the log's queue; also called now and then, since other shards make room too.
    pub fn wake_waiting(&self) {
        for seat in std::mem::take(&mut *self.waiting_for_log.borrow_mut()) {
            seat.set_waits_for_log(false);
            seat.wake();
        }
    }
}
