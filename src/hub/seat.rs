//! A client's seat: what the actors of its shard know of it and leave there for it.
//!
//! Everything on a shard runs on one thread, so a seat is cells, not locks. Whoever leaves something wakes the client, which
//! looks at all of it in one go: a thousand members cost a thousand wake-ups, and no message of their own.

mod moment;
mod rare;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::names::{RoomName, UserName};

use super::auth::LogInResult;
use super::messages::{Answer, ClientRef};
use super::registry::ChangeAnswer;
use super::room::{JoinRefused, JoinedRoom};
use super::rules::standing::Standing;
use moment::Moment;
use rare::{Rare, put};

/// Who a client is, once it is someone.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The name as first given.
    pub user: UserName,
    /// The name without regard to case.
    pub account: Arc<str>,
    /// The account as one number, the same on all shards of this process.
    pub key: u64,
    /// What the server knows of it.
    pub standing: Standing,
    /// The account's epoch: it rises with everything that ends the connections from before. 0 for guests.
    pub epoch: u32,
}

/// Why a client is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvictReason {
    /// It did not log in within `auth.deadline`.
    LogInOverdue,
    /// It did not answer a `PING` within `heartbeat.timeout`.
    Silent,
    /// Its TCP acknowledged nothing for interval and timeout.
    Unreachable,
    /// The server stops; come back after so many seconds.
    Restart {
        /// Spread, so that not all come back at once.
        seconds: u32,
    },
    /// Another log-in from the same address took its place (original clients).
    Replaced,
    /// Its account was suspended.
    Suspended,
    /// Its account has another password or role, or is gone.
    AccountChanged,
    /// The guest's name is an account's now.
    NameTaken,
    /// It went on beyond its rates for longer than `limits.patience`.
    TooMuch,
}

/// See the module.
pub struct Seat {
    /// Which client this is.
    pub client: ClientRef,
    /// Its socket, for questions to the kernel; -1 where it has none of its own.
    pub socket: RawFd,
    /// When it connected, or began to leave.
    since: Cell<Moment>,
    peer: Cell<SocketAddr>,
    waker: Cell<Option<Waker>>,
    news: Cell<Vec<u32>>,
    answers: Cell<Vec<Answer>>,
    rare: Cell<Option<Box<Rare>>>,
    waits_for_log: Cell<bool>,
    /// Boxed: who is not logged in has none.
    identity: RefCell<Option<Box<Identity>>>,
    heard_at: Cell<Moment>,
    asked_at: Cell<Option<Moment>>,
    ask: Cell<bool>,
    evict: Cell<Option<EvictReason>>,
    rejoin: Cell<bool>,
    has_unsent: Cell<bool>,
    is_closing: Cell<bool>,
    is_half_closed: Cell<bool>,
    is_unread: Cell<bool>,
    wants_presence: Cell<bool>,
    body_form: Cell<BodyForm>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut seat = f.debug_struct("Seat");
        seat.field("client", &self.client).field("peer", &self.peer);
        seat.finish_non_exhaustive()
    }
}

/// Room numbers for which an idle seat keeps memory.
const KEPT_NEWS: usize = 4;

/// Presence lines that may wait for a client, in bytes; more are dropped, since they tell of a moment that has passed.
const NOTES_BYTES_MAX: usize = 16 * 1024;

impl Seat {
    /// A seat for a client that has just connected.
    pub fn new(client: ClientRef, peer: SocketAddr, socket: RawFd, now: Duration) -> Rc<Self> {
        Rc::new(Self {
            client,
            socket,
            since: Cell::new(Moment::of(now)),
            peer: Cell::new(peer),
            waker: Cell::default(),
            news: Cell::default(),
            answers: Cell::default(),
            rare: Cell::default(),
            waits_for_log: Cell::default(),
            identity: RefCell::default(),
            heard_at: Cell::new(Moment::of(now)),
            asked_at: Cell::default(),
            ask: Cell::default(),
            evict: Cell::default(),
            rejoin: Cell::default(),
            has_unsent: Cell::default(),
            is_closing: Cell::default(),
            is_half_closed: Cell::default(),
            is_unread: Cell::default(),
            wants_presence: Cell::default(),
            body_form: Cell::default(),
        })
    }

    /// When it connected, on the shard's clock; of one that leaves, since when it does.
    pub fn since(&self) -> Duration {
        self.since.get().on_clock()
    }

    /// Where it connects from.
    pub fn peer(&self) -> SocketAddr {
        self.peer.get()
    }

    /// A proxy has said who is behind it.
    pub fn set_peer(&self, peer: SocketAddr) {
        self.peer.set(peer);
    }

    /// Remembers how to wake the client; called from its own poll.
    pub fn keep_waker(&self, waker: &Waker) {
        let kept = self.waker.take();
        let kept = kept.filter(|kept| kept.will_wake(waker));
        self.waker.set(kept.or_else(|| Some(waker.clone())));
    }

    /// Lets the client run.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// A room has news; `membership` is the client's own number for it.
    pub fn leave_news(&self, membership: u32) {
        let mut news = self.news.take();
        news.push(membership);
        self.news.set(news);
        self.wake();
    }

    /// Takes the number of a room with news.
    pub fn take_news(&self) -> Option<u32> {
        let mut news = self.news.take();
        let number = news.pop();
        if !news.is_empty() || news.capacity() <= KEPT_NEWS {
            self.news.set(news);
        }
        number
    }

    /// The log answered.
    pub fn leave_answer(&self, answer: Answer) {
        let mut answers = self.answers.take();
        answers.push(answer);
        self.answers.set(answers);
        self.wake();
    }

    /// Takes the log's answers.
    pub fn take_answers(&self) -> Vec<Answer> {
        self.answers.take()
    }

    /// A room let the client in.
    pub fn leave_joined(&self, joined: JoinedRoom) {
        self.with_rare(|rare| rare.joined.push(joined));
        self.wake();
    }

    /// Takes the rooms that let the client in.
    pub fn take_joined(&self) -> Vec<JoinedRoom> {
        self.take_rare(|rare| std::mem::take(&mut rare.joined))
            .unwrap_or_default()
    }

    /// A room did not let the client in.
    pub fn leave_refused(&self, refused: JoinRefused) {
        self.with_rare(|rare| rare.refused.push(refused));
        self.wake();
    }

    /// Takes the rooms that did not let the client in.
    pub fn take_refused(&self) -> Vec<JoinRefused> {
        self.take_rare(|rare| std::mem::take(&mut rare.refused))
            .unwrap_or_default()
    }

    /// Orders the client out of a room, whether it is in it or about to read of it.
    pub fn order_out(&self, room: &RoomName, reason: &Arc<str>) {
        self.with_rare(|rare| put(&mut rare.outs, room, reason.clone()));
        self.wake();
    }

    /// Takes the rooms that the client is put out of, and why.
    pub fn take_outs(&self) -> Vec<(RoomName, Arc<str>)> {
        self.take_rare(|rare| std::mem::take(&mut rare.outs))
            .unwrap_or_default()
    }

    /// A room has another topic: its TOPIC line.
    pub fn leave_topic(&self, room: &RoomName, line: &Arc<[u8]>) {
        self.with_rare(|rare| put(&mut rare.topics, room, line.clone()));
        self.wake();
    }

    /// Takes the rooms that have another topic.
    pub fn take_topics(&self) -> Vec<(RoomName, Arc<[u8]>)> {
        self.take_rare(|rare| std::mem::take(&mut rare.topics))
            .unwrap_or_default()
    }

    /// The registry answered. A client asks it one thing at a time.
    pub fn leave_change(&self, answer: ChangeAnswer) {
        self.with_rare(|rare| rare.change = Some(answer));
        self.wake();
    }

    /// Takes the registry's answer.
    pub fn take_change(&self) -> Option<ChangeAnswer> {
        self.take_rare(|rare| rare.change.take()).flatten()
    }

    /// The log-in was decided.
    pub fn leave_log_in(&self, result: LogInResult) {
        self.with_rare(|rare| rare.log_in = Some(result));
        self.wake();
    }

    /// Takes what became of the log-in, if that is known.
    pub fn take_log_in(&self) -> Option<LogInResult> {
        self.take_rare(|rare| rare.log_in.take()).flatten()
    }

    /// Notes whether the client waits for room in the log's queue; returns what it was.
    pub fn set_waits_for_log(&self, waits: bool) -> bool {
        self.waits_for_log.replace(waits)
    }

    /// Leaves presence lines, if the client asked for them.
    pub fn leave_note(&self, lines: &[u8]) {
        if !self.wants_presence.get() {
            return;
        }
        self.with_rare(|rare| {
            if rare.notes.len() + lines.len() <= NOTES_BYTES_MAX {
                rare.notes.extend_from_slice(lines);
                self.wake();
            }
        });
    }

    /// Takes the presence lines.
    pub fn take_notes(&self) -> Vec<u8> {
        self.take_rare(|rare| std::mem::take(&mut rare.notes))
            .unwrap_or_default()
    }

    /// Leaves a part.
    fn with_rare(&self, leave: impl FnOnce(&mut Rare)) {
        let mut rare = self.rare.take().unwrap_or_default();
        leave(&mut rare);
        self.rare.set(Some(rare));
    }

    /// Takes a part, and gives the memory back once all is taken.
    fn take_rare<T>(&self, take: impl FnOnce(&mut Rare) -> T) -> Option<T> {
        let mut rare = self.rare.take()?;
        let taken = take(&mut rare);
        if !rare.is_empty() {
            self.rare.set(Some(rare));
        }
        Some(taken)
    }

    /// Orders the client to send a `PING`.
    pub fn order_ping(&self, now: Duration) {
        self.asked_at.set(Some(Moment::of(now)));
        self.ask.set(true);
        self.wake();
    }

    /// Takes the order to send a `PING`.
    pub fn take_ping_order(&self) -> bool {
        self.ask.take()
    }

    /// Whether it has an order that it has not taken yet.
    pub fn has_order(&self) -> bool {
        self.ask.get() || self.evict.get().is_some()
    }

    /// Orders the client to go.
    pub fn order_eviction(&self, reason: EvictReason) {
        if self.evict.get().is_none() {
            self.evict.set(Some(reason));
            self.wake();
        }
    }

    /// Why the client is to go, if it is.
    pub fn eviction(&self) -> Option<EvictReason> {
        self.evict.get()
    }

    /// The room actor started anew: join again what you are in.
    pub fn order_rejoin(&self) {
        self.rejoin.set(true);
        self.wake();
    }

    /// Takes the order to join again.
    pub fn take_rejoin_order(&self) -> bool {
        self.rejoin.take()
    }

    /// The client said something.
    pub fn heard(&self, now: Duration) {
        self.heard_at.set(Moment::of(now));
        self.asked_at.set(None);
    }

    /// When the client last said something.
    pub fn heard_at(&self) -> Duration {
        self.heard_at.get().on_clock()
    }

    /// When a `PING` was ordered that nothing has answered.
    pub fn asked_at(&self) -> Option<Duration> {
        self.asked_at.get().map(Moment::on_clock)
    }

    /// Its bytes are out: what was asked before counts from now.
    pub fn restart_question(&self, now: Duration) {
        if self.asked_at.get().is_some() {
            self.asked_at.set(Some(Moment::of(now)));
        }
    }

    /// Whether bytes for it wait to be sent.
    pub fn has_unsent(&self) -> bool {
        self.has_unsent.get()
    }

    /// Notes whether bytes for it wait to be sent.
    pub fn set_unsent(&self, unsent: bool) {
        self.has_unsent.set(unsent);
    }

    /// It ends once its last lines are written.
    pub fn set_closing(&self, now: Duration) {
        if !self.is_closing.replace(true) {
            self.since.set(Moment::of(now));
        }
    }

    /// Since when it is about to end.
    pub fn closing_since(&self) -> Option<Duration> {
        self.is_closing.get().then(|| self.since())
    }

    /// It sends nothing more, but still listens.
    pub fn set_half_closed(&self) {
        self.is_half_closed.set(true);
    }

    /// Whether it sends nothing more.
    pub fn is_half_closed(&self) -> bool {
        self.is_half_closed.get()
    }

    /// Notes whether its socket is left unread for now: an answer to a `PING` may wait there.
    pub fn set_unread(&self, unread: bool, now: Duration) {
        if self.is_unread.replace(unread) && !unread {
            self.restart_question(now);
        }
    }

    /// Whether its socket is left unread for now.
    pub fn is_unread(&self) -> bool {
        self.is_unread.get()
    }

    /// Chooses whether it hears who comes and goes; before it is in any room.
    pub fn set_presence(&self, wanted: bool) {
        self.wants_presence.set(wanted);
    }

    /// How bodies are written on its connection.
    pub fn body_form(&self) -> BodyForm {
        self.body_form.get()
    }

    /// Chooses how bodies are written.
    pub fn set_body_form(&self, form: BodyForm) {
        self.body_form.set(form);
    }

    /// Who it is; `None` before its log-in.
    pub fn identity(&self) -> Option<Identity> {
        self.identity.borrow().as_deref().cloned()
    }

    /// Its name and account; `None` before its log-in.
    pub fn user(&self) -> Option<(UserName, Arc<str>)> {
        let identity = self.identity.borrow();
        identity
            .as_ref()
            .map(|who| (who.user.clone(), who.account.clone()))
    }

    /// Its own act raised its account's epoch: it goes on, the account's other connections do not.
    pub fn set_epoch(&self, epoch: u32) {
        if let Some(identity) = &mut *self.identity.borrow_mut() {
            identity.epoch = epoch;
        }
    }

    /// Calls `ask` with who it is, if it is someone.
    pub fn with_identity<T>(&self, ask: impl FnOnce(&Identity) -> T) -> Option<T> {
        self.identity.borrow().as_deref().map(ask)
    }

    /// Whether it wants to hear who comes and goes.
    pub fn wants_presence(&self) -> bool {
        self.wants_presence.get()
    }

    /// Whether it is logged in.
    pub fn is_known(&self) -> bool {
        self.identity.borrow().is_some()
    }

    /// It is someone now. An original client is someone else with each new name in its messages.
    pub fn set_identity(&self, identity: Identity) {
        *self.identity.borrow_mut() = Some(Box::new(identity));
    }
}
