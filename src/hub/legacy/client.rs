//! One original client that is logged in. In: what it said (from the gate), what others left at its seat, the ends of its own calls. Out:
//! requests to the log, calls to its ports. Owns its place in the lobby and how far it has heard.
//!
//! It enters the lobby first and only then gets its `Authed`, so what is said from that moment on reaches it. It has no socket of its
//! own: every call is a connection for itself, made by a task of its own (`call`), which goes on if the actor panics and is dropped with it.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, ActorFuture, AsyncContext, Context, Recipient, Supervised};
use slog::{Logger, debug, info, o};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::edge::legacy::calls;
use crate::hub::rules::cursor::Cursor;
use crate::hub::seat::{EvictReason, Seat};
use crate::hub::session::Ending;
use crate::hub::shard::Shard;
use crate::ops::supervise::{RestartLimit, start_supervised, whatever_happens};
use crate::ops::{again, panic_at};

use super::SessionOver;
use super::lobby::{Lobby, identity};
use super::session::{LegacyEnded, StartLegacy, Started};
use super::speech::Speech;

/// When the server stops: so long for messages that were accepted at the gate and are still being read.
const LEAVE_PAUSE: Duration = Duration::from_millis(200);

/// See the module.
pub struct LegacyClient {
    pub(super) shard: Rc<Shard>,
    pub(super) seat: Rc<Seat>,
    pub(super) log: Logger,
    pub(super) address: IpAddr,
    gate: Recipient<SessionOver>,
    /// Waits for the lobby, to carry `Authed`.
    callback: Option<TcpStream>,
    /// Since `Authed` was written.
    logged_in_at: Option<Instant>,
    pub(super) lobby: Lobby,
    /// How far it has heard; unknown until it was in the lobby for the first time.
    pub(super) cursor: Option<Cursor>,
    /// A batch is being read, delivered, or tried again.
    pub(super) is_delivering: bool,
    pub(super) speech: Speech,
    is_leaving: bool,
    ending: Option<Ending>,
    /// Calls under way; dropped with it.
    pub(super) calls: JoinSet<()>,
    /// What came of a call is being taken; a panic leaves nobody who knows how far that has come.
    pub(super) is_taking_call: bool,
    /// It has panicked too often.
    is_given_up: Rc<Cell<bool>>,
}

impl LegacyClient {
    /// Seats a new client on `shard` and starts its actor.
    pub(super) fn start(shard: &Rc<Shard>, start: StartLegacy) -> std::io::Result<Started> {
        let callback = TcpStream::from_std(start.callback)?;
        let peer = SocketAddr::new(start.address, shard.config().legacy.callback_port);
        let seat = shard.seat(peer, -1);
        seat.set_identity(identity(&super::lobby::name_before_any(start.address)));
        let session = seat.client.session;
        let log = shard
            .log
            .new(o!("actor" => "legacy", "peer" => start.address.to_string()));
        let is_given_up = Rc::new(Cell::new(false));
        let (client_log, given_up) = (log.clone(), is_given_up.clone());
        let client = Self {
            shard: shard.clone(),
            seat,
            log,
            address: start.address,
            gate: start.gate,
            callback: Some(callback),
            logged_in_at: None,
            lobby: Lobby::default(),
            cursor: None,
            is_delivering: false,
            speech: Speech::default(),
            is_leaving: false,
            ending: None,
            calls: JoinSet::new(),
            is_taking_call: false,
            is_given_up,
        };
        // A session that panics too often ends; nobody else is touched by that.
        let give_up = Box::new(move || given_up.set(true));
        let limit = RestartLimit::default();
        let client = start_supervised("legacy", client_log, limit, give_up, |_| client);
        Ok(Started { client, session })
    }

    /// Ends as `how` at the next turn.
    pub(super) fn end(&mut self, how: Ending) {
        self.ending.get_or_insert(how);
        self.seat.wake();
    }

    /// Whether it is too early to take a refused connection for a dead client: it opens its ports only after `Authed`.
    pub(super) fn is_in_grace(&self) -> bool {
        self.logged_in_at
            .is_none_or(|since| since.elapsed() < self.shard.config().legacy.grace)
    }

    pub(super) fn is_logged_in(&self) -> bool {
        self.logged_in_at.is_some()
    }

    /// Breaks when the client is at its end.
    fn take_turn(&mut self, ctx: &mut Context<Self>) -> ControlFlow<()> {
        let _place = panic_at::place("legacy/turn");
        self.take_lobby_orders();
        self.take_answers();
        // The membership tells of news; they are looked for in any case.
        while self.seat.take_news().is_some() {}
        self.submit_held();
        match self.seat.eviction() {
            Some(EvictReason::Restart { .. }) => self.leave_soon(ctx),
            Some(reason) => self.end(Ending::Evicted(reason)),
            // Its start was lost on the way to the gate: what it says would reach nobody.
            None if !ctx.connected() => self.end(Ending::Failed("not known to the gate".into())),
            None => {}
        }
        if self.ending.is_some() {
            return ControlFlow::Break(());
        }
        if self.lobby.is_in() {
            self.greet(ctx);
            self.deliver_next(ctx);
        }
        ControlFlow::Continue(())
    }

    /// Writes `Authed`, once.
    fn greet(&mut self, ctx: &mut Context<Self>) {
        let Some(callback) = self.callback.take() else {
            return;
        };
        self.call(
            ctx,
            calls::say_authed(callback),
            |result, client, ctx| match result {
                Ok(()) => {
                    info!(client.log, "original client logged in");
                    client.logged_in_at = Some(Instant::now());
                    client.start_heartbeat(ctx);
                    client.seat.wake();
                }
                Err(error) => client.end(Ending::Failed(format!("Authed not taken: {error}"))),
            },
        );
    }

    fn leave_soon(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.is_leaving, true) {
            debug!(self.log, "original client is let go: the server stops");
            Self::leave_when_answered(ctx);
        }
    }

    /// What the client was thanked for goes into the log first; whoever stops the server sets the deadline.
    fn leave_when_answered(ctx: &mut Context<Self>) {
        ctx.run_later(LEAVE_PAUSE, |client, ctx| match client.seat.eviction() {
            Some(reason) if client.speech.is_done() => client.end(Ending::Evicted(reason)),
            _ => Self::leave_when_answered(ctx),
        });
    }
}

impl Actor for LegacyClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("legacy/started");
        ctx.spawn(Turn);
        // After a panic it is there still.
        if !self.lobby.is_in() {
            self.ask_lobby(false);
        }
    }
}

impl Supervised for LegacyClient {
    // What it was thanked for lies in its mailbox and in `speech`, and calls go on by themselves; both outlive this.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("legacy/restarting");
        // The timer is gone.
        self.is_leaving = false;
        if std::mem::take(&mut self.is_taking_call) {
            self.end(Ending::Panicked);
        }
        again::handle_again(self, ctx);
    }
}

/// Runs in the client's context; polled whenever something woke it.
struct Turn;

impl ActorFuture<LegacyClient> for Turn {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        client: &mut LegacyClient,
        ctx: &mut Context<LegacyClient>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        client.seat.keep_waker(cx.waker());
        match client.take_turn(ctx) {
            ControlFlow::Continue(()) => Poll::Pending,
            ControlFlow::Break(()) => {
                ctx.terminate();
                Poll::Ready(())
            }
        }
    }
}

impl Drop for LegacyClient {
    /// The sentinel: however the client ended, the lobby, its supervisor and the gate learn of it.
    fn drop(&mut self) {
        let client = self.seat.client;
        whatever_happens(|| {
            self.shard.unseat(client);
            panic_at::point("legacy/drop/seat");
        });
        whatever_happens(|| {
            self.leave_lobby_for_good();
            panic_at::point("legacy/drop/lobby");
        });
        let ending = if self.is_given_up.get() {
            Ending::Panicked
        } else {
            self.ending.take().unwrap_or(Ending::Left)
        };
        let over = SessionOver {
            address: self.address,
            session: client.session,
        };
        self.gate.do_send(over);
        let user = self.seat.identity().map(|who| who.user.to_string());
        self.shard.links().sessions.do_send(LegacyEnded {
            over,
            user: user.unwrap_or_default(),
            ending,
        });
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl actix::Handler<crate::hub::Provoke> for LegacyClient {
    type Result = ();
    fn handle(&mut self, _: crate::hub::Provoke, _: &mut Context<Self>) {
        panic!("provoked");
    }
}
