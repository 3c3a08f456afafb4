//! A client's seat: what the actors of its shard know of it and leave there for it.
//!
//! Everything on a shard runs on one thread, so a seat is cells, not locks. Whoever leaves something wakes the client, which
//! looks at all of it in one go: a thousand members cost a thousand wake-ups, and no message of their own.

mod parts;
mod rare;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::edge::socket::Readiness;
use crate::edge::wire::gc2::options::BodyForm;
use crate::edge::wire::names::UserName;

pub use super::identity::{EvictReason, Identity};
use parts::{Moment, News, Peer};
use rare::Rare;

use super::client::Client;
use super::light::turns::Turns;
use super::messages::{Answer, ClientRef};

/// See the module.
pub struct Seat {
    /// Which client this is.
    pub client: ClientRef,
    /// Its socket, for questions to the kernel; -1 where it has none of its own.
    pub socket: RawFd,
    /// When it connected, or began to leave.
    since: Cell<Moment>,
    peer: Cell<Peer>,
    turns: Rc<Turns>,
    /// The client itself, but for an original one; borrowed while it runs.
    actor: RefCell<Option<Client>>,
    readiness: Cell<Readiness>,
    is_due: Cell<bool>,
    /// Its last turn was a long one.
    was_long: Cell<bool>,
    news: Cell<News>,
    /// Boxed: most clients say nothing most of the time.
    #[expect(
        clippy::box_collection,
        reason = "8 bytes instead of 24 in each idle client"
    )]
    answers: Cell<Option<Box<Vec<Answer>>>>,
    rare: Cell<Option<Box<Rare>>>,
    waits_for_log: Cell<bool>,
    waits_for_page: Cell<bool>,
    has_page_offer: Cell<bool>,
    identity: RefCell<Option<Identity>>,
    heard_at: Cell<Moment>,
    asked_at: Cell<Option<Moment>>,
    ask: Cell<bool>,
    evict: Cell<Option<EvictReason>>,
    rejoin: Cell<bool>,
    has_unsent: Cell<bool>,
    is_closing: Cell<bool>,
    is_half_closed: Cell<bool>,
    is_unread: Cell<bool>,
    is_held_up: Cell<bool>,
    is_counted: Cell<bool>,
    has_new_config: Cell<bool>,
    wants_presence: Cell<bool>,
    body_form: Cell<BodyForm>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut seat = f.debug_struct("Seat");
        seat.field("client", &self.client)
            .field("peer", &self.peer());
        seat.finish_non_exhaustive()
    }
}

impl Seat {
    /// A seat for a client that has just connected.
    pub fn new(
        client: ClientRef,
        peer: SocketAddr,
        socket: RawFd,
        now: Duration,
        turns: &Rc<Turns>,
    ) -> Rc<Self> {
        Rc::new(Self {
            client,
            socket,
            since: Cell::new(Moment::of(now)),
            peer: Cell::new(Peer::of(peer)),
            turns: turns.clone(),
            actor: RefCell::default(),
            readiness: Cell::default(),
            is_due: Cell::default(),
            was_long: Cell::default(),
            news: Cell::default(),
            answers: Cell::default(),
            rare: Cell::default(),
            waits_for_log: Cell::default(),
            waits_for_page: Cell::default(),
            has_page_offer: Cell::default(),
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
            is_held_up: Cell::default(),
            is_counted: Cell::default(),
            has_new_config: Cell::default(),
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
        self.peer.get().address()
    }

    /// A proxy has said who is behind it.
    pub fn set_peer(&self, peer: SocketAddr) {
        self.peer.set(Peer::of(peer));
    }

    /// Remembers how to wake a client with a task of its own; called from its own poll.
    pub fn keep_waker(&self, waker: &Waker) {
        self.turns.keep_other(self.client.slot, waker);
    }

    /// Lets the client run.
    pub fn wake(&self) {
        if self.socket < 0 {
            self.turns.wake_other(self.client.slot);
        } else if !self.is_due.replace(true) {
            match self.was_long.get() {
                false => self.turns.queue(self.client.slot),
                true => self.turns.queue_long(self.client.slot),
            }
        }
    }

    /// Lets the client run once the shard's other actors have: what they have for it comes first. Not for an original one.
    pub fn wake_later(&self) {
        if !self.is_due.replace(true) {
            self.turns.queue_later(self.client.slot);
        }
    }

    /// The client has its turn: whatever wakes it from here on gives it another.
    pub fn begin_turn(&self) {
        self.is_due.set(false);
    }

    /// The client had its turn; whether that was a long one decides how it stands in line for the next.
    pub fn note_turn(&self, was_long: bool) {
        self.was_long.set(was_long);
    }

    /// The client takes its place.
    pub fn put_client(&self, client: Client) {
        if let Ok(mut actor) = self.actor.try_borrow_mut() {
            *actor = Some(client);
        }
    }

    /// Runs the client, if it is there and does not run already; it leaves its place if it ends by that.
    pub fn run_client(&self, run: impl FnOnce(&mut Option<Client>)) {
        if let Ok(mut actor) = self.actor.try_borrow_mut() {
            run(&mut actor);
        }
    }

    /// The kernel has said this of its socket.
    pub fn leave_readiness(&self, news: Readiness) {
        let known = self.readiness.get();
        self.readiness.set(Readiness {
            readable: known.readable || news.readable,
            writable: known.writable || news.writable,
            stops_short: known.stops_short || news.stops_short,
        });
        self.wake();
    }

    /// Takes what the kernel has said of its socket.
    pub fn take_readiness(&self) -> Readiness {
        self.readiness.take()
    }

    /// A room has news; `membership` is the client's own number for it.
    pub fn leave_news(&self, membership: u32) {
        self.news.set(match self.news.take() {
            News::None => News::One(membership),
            News::One(first) => News::Several(Box::new(vec![first, membership])),
            News::Several(mut numbers) => {
                numbers.push(membership);
                News::Several(numbers)
            }
        });
        self.wake();
    }

    /// Takes the number of a room with news.
    pub fn take_news(&self) -> Option<u32> {
        match self.news.take() {
            News::None => None,
            News::One(number) => Some(number),
            News::Several(mut numbers) => {
                let number = numbers.pop();
                if !numbers.is_empty() {
                    self.news.set(News::Several(numbers));
                }
                number
            }
        }
    }

    /// The log answered.
    pub fn leave_answer(&self, answer: Answer) {
        let mut answers = self.answers.take().unwrap_or_default();
        answers.push(answer);
        self.answers.set(Some(answers));
        self.wake();
    }

    /// Takes the log's answers.
    pub fn take_answers(&self) -> Vec<Answer> {
        self.answers
            .take()
            .map_or_else(Vec::new, |answers| *answers)
    }

    /// Notes whether the client waits for room in the log's queue; returns what it was.
    pub fn set_waits_for_log(&self, waits: bool) -> bool {
        self.waits_for_log.replace(waits)
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

    /// Notes whether its kernel had not acknowledged everything when its time to answer was over; returns what it was.
    pub fn set_held_up(&self, held_up: bool) -> bool {
        self.is_held_up.replace(held_up)
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

    /// Another configuration is in force: what was derived from the old one for this client is to be looked at again.
    pub fn leave_new_config(&self) {
        self.has_new_config.set(true);
        self.wake();
    }

    /// Takes that note.
    pub fn take_new_config(&self) -> bool {
        self.has_new_config.take()
    }

    /// Notes that it counts among the connections of its address.
    pub fn set_counted(&self) {
        self.is_counted.set(true);
    }

    /// Whether it counts among the connections of its address.
    pub fn is_counted(&self) -> bool {
        self.is_counted.get()
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
        self.identity.borrow().clone()
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
        self.identity.borrow().as_ref().map(ask)
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
        *self.identity.borrow_mut() = Some(identity);
    }
}
