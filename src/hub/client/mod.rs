//! One connected client. In: what its socket has, and what others left at its seat. Out: requests to the log and the rooms, bytes
//! to its socket. Owns the socket, the state of its protocol, and its cursors into its rooms.
//!
//! A client runs when its socket or its seat wakes it, and then does everything there is to do: orders, answers, writing, reading
//! ([`io`]). It reads no further command while it waits for the answer to one that others build on ([`Busy`]), so commands take effect
//! in the order sent. An idle client holds no buffer, no timer and no address.

mod address;
mod answers;
mod behind;
mod commands;
mod direct;
mod events;
mod feed;
mod history;
mod input;
mod io;
mod join;
mod lists;
mod log_in;
mod look;
mod orders;
#[cfg(feature = "fault-injection")]
mod provoke;
mod put_out;
mod rates;
mod room_change;
mod room_list;
mod rooms;
mod secure;
mod sends;

pub use address::ClientAddr;
pub use answers::{BodiesDecoded, LinesReady, PageFor, PageRead, StartResolved};
pub use history::write_page_line;
pub use io::READ_BYTES;

use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use actix::Actor;

use crate::edge::outbox::Outbox;
use crate::edge::socket::Socket;
use crate::edge::stream::Stream;
use crate::edge::wire::gc2::lines::LineSplitter;
use crate::edge::wire::gc2::refusal::ErrorCode;
use crate::edge::wire::gc2::reply;
use crate::edge::wire::names::{RoomName, Tag};
use crate::ops::config::lists;
use crate::ops::panic_at;
use crate::ops::supervise::whatever_happens;

use super::light::{self, LightContext};
use super::messages::ClientRef;
use super::rules::access::{Action, Verdict, refusal_of};
use super::rules::meter::Meter;
use super::seat::Seat;
use super::session::{ClientEnded, Ending};
use super::shard::Shard;
use direct::Found;
use events::EventWanted;
use feed::PageInHand;
use history::HistoryWalk;
use join::Joining;
use lists::LinesDue;
use log_in::{Asked, Stranger};
use look::Look;
use room_change::Waiting;
use room_list::RoomsWalk;
use rooms::Rooms;
use sends::{SendBatch, Unanswered};

/// See the module.
pub struct Client {
    shard: Rc<Shard>,
    seat: Rc<Seat>,
    stream: Stream,
    outbox: Outbox,
    phase: Phase,
    splitter: LineSplitter,
    /// Input that was read and could not be looked at yet.
    held: Option<Box<Held>>,
    /// A command that has to wait.
    deferred: Option<Box<Deferred>>,
    busy: Option<Box<Busy>>,
    rooms: Rooms,
    page: Option<Box<PageInHand>>,
    /// Numbers pages and queries, so that a late answer is known as one.
    ticket: u32,
    feed_ticket: u32,
    page_is_due: bool,
    /// It is among those of the shard that may have a page under way.
    has_page_slot: bool,
    pending: Unanswered,
    ending: Option<Box<Ending>>,
    /// Gone once it is logged in.
    stranger: Option<Box<Stranger>>,
    /// How fast it goes.
    meter: Option<Box<Meter>>,
    /// Whether that is looked at; not where it is exempt.
    is_metered: bool,
    said_hello: bool,
    /// Its answers wait for the next one; see `holds_back`.
    has_held_back: bool,
    is_blocked: bool,
    /// A proxy that is believed says that it came to it over TLS.
    came_over_tls: bool,
}

/// How far the connection is.
enum Phase {
    /// It comes through a proxy that has not said yet for whom.
    Proxy,
    /// Its protocol is not known yet.
    First,
    /// It speaks GC/2.
    Gc2,
    /// Nothing more is read from it; it ends when its outbox is empty.
    Closing,
}

/// A command that was read and cannot be carried out yet.
struct Deferred {
    line: Vec<u8>,
    until: Until,
}

/// What a deferred command waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The requests before it are answered.
    Answered,
    /// The log's queue has room.
    QueueHasRoom,
    /// It is known if there is an account of the name that it is for.
    Account(Option<Found>),
}

struct Held {
    bytes: Vec<u8>,
    at: usize,
}

/// What the client waits for before it reads its next command.
enum Busy {
    /// The log-in.
    LogIn { tag: Tag, asked: Asked },
    /// A room.
    Join(Joining),
    /// Pages of a HISTORY.
    History(HistoryWalk),
    /// Pages of ROOMS.
    Rooms(RoomsWalk),
    /// Whether a room is there.
    Look(Look),
    /// What is decided about a room.
    Change(Waiting),
    /// The message that GET or DELETE is about.
    Event(EventWanted),
    /// The lines of GET or WHO.
    Lines(LinesDue),
    /// The codec, for bodies in C16.
    Decode(SendBatch),
}

/// How a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Among those that are counted for its address.
    Counted,
    /// Not counted for its address: exempt, or a proxy's that has not said for whom it speaks.
    Uncounted,
    /// The server calls itself.
    Probe,
}

impl Client {
    /// Seats a new client on `shard` and starts its actor.
    pub fn start(
        shard: &Rc<Shard>,
        stream: TcpStream,
        peer: SocketAddr,
        arrival: Arrival,
    ) -> std::io::Result<ClientRef> {
        let seat = shard.seat(peer, stream.as_raw_fd());
        if arrival == Arrival::Counted {
            seat.set_counted();
        }
        let is_proxy = || lists(&shard.config().listen.proxies, peer.ip());
        let phase = match arrival != Arrival::Probe && is_proxy() {
            true => Phase::Proxy,
            false => Phase::First,
        };
        let client = seat.client;
        let config = shard.config();
        // More once it is logged in.
        let line_bytes = config.limits.line_bytes.min(config.auth.bytes);
        let line_bytes = usize::try_from(line_bytes).unwrap_or(usize::MAX);
        drop(config);
        let actor = Self {
            shard: shard.clone(),
            seat,
            stream: Stream::plain(Socket::new(stream)),
            outbox: Outbox::default(),
            phase,
            splitter: LineSplitter::new(line_bytes),
            held: None,
            deferred: None,
            busy: None,
            rooms: Rooms::default(),
            page: None,
            ticket: 0,
            feed_ticket: 0,
            page_is_due: false,
            has_page_slot: false,
            pending: Unanswered::default(),
            ending: None,
            stranger: None,
            meter: None,
            is_metered: false,
            said_hello: false,
            has_held_back: false,
            is_blocked: false,
            came_over_tls: false,
        };
        let seat = actor.seat.clone();
        // From here on its drop tells of its end.
        shard.watch(&seat)?;
        seat.put_client(actor);
        seat.run_client(light::start);
        Ok(client)
    }

    fn reply(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.outbox.lines());
    }

    fn refuse(&mut self, tag: &str, code: ErrorCode, text: &str) {
        if code == ErrorCode::TooLarge {
            self.shard.links().counters.too_large_total.count();
        }
        reply::err(self.outbox.lines(), tag, code, text);
    }

    /// Whether it may do this in a room that is there, be it without a policy.
    fn judge(&self, room: &RoomName, action: Action) -> Verdict {
        self.shard.judge(&self.seat, room, action)
    }

    /// Answers what is not allowed; returns whether it is not.
    fn refuse_unless_allowed(&mut self, tag: &str, verdict: Verdict) -> bool {
        match refusal_of(verdict) {
            None => false,
            Some((code, text)) => {
                self.refuse(tag, code, &text);
                true
            }
        }
    }

    fn next_ticket(&mut self) -> u32 {
        self.ticket = self.ticket.wrapping_add(1);
        self.ticket
    }

    /// Leaves its rooms and reads nothing more; ends as `how` once what waits for it is written.
    fn close(&mut self, how: Ending) {
        self.leave_all();
        self.seat.set_closing(self.shard.now());
        self.finish(how);
    }

    fn leave_all(&mut self) {
        for joined in self.seat.take_joined() {
            self.leave(&joined.room, &joined.membership);
        }
        for feed in std::mem::take(&mut self.rooms).into_feeds() {
            self.leave(&feed.room, &feed.membership);
        }
        self.page = None;
        self.page_is_due = false;
    }

    /// Reads nothing more; ends as `how` once everything that is there for it is written.
    fn finish(&mut self, how: Ending) {
        self.phase = Phase::Closing;
        self.held = None;
        self.deferred = None;
        self.ending.get_or_insert_with(|| Box::new(how));
    }
}

impl Actor for Client {
    type Context = LightContext;
}

impl Drop for Client {
    /// The sentinel: however the client ended, its rooms, its supervisor and the log-in learn of it.
    fn drop(&mut self) {
        let client = self.seat.client;
        whatever_happens(|| {
            self.shard.unseat(client);
            panic_at::point("client/drop/seat");
        });
        if self.seat.is_counted() {
            self.shard.links().addresses.leave(self.seat.peer().ip());
        }
        whatever_happens(|| {
            self.leave_all();
            panic_at::point("client/drop/rooms");
        });
        whatever_happens(|| {
            self.has_page_slot |= self.seat.take_page_offer();
            self.settle_page_slot();
            panic_at::point("client/drop/page");
        });
        let ending = self.ending.take().map_or(Ending::Left, |ending| *ending);
        let (peer, identity) = (self.seat.peer(), self.seat.identity());
        let sessions = &self.shard.links().sessions;
        sessions.do_send(ClientEnded {
            client,
            peer,
            identity,
            ending,
            reports: self.shard.reports(),
        });
        panic_at::point("client/drop/told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 15,000 idle clients pay for every field: whoever adds one should notice. A client is a part of its seat.
    #[test]
    fn an_idle_client_is_small() {
        assert!(size_of::<Client>() <= 216, "{}", size_of::<Client>());
        assert!(size_of::<Seat>() <= 416, "{}", size_of::<Seat>());
    }
}
