//! The gate's actor: who is half logged in, who is being called back, who is in. In: the halves of log-ins, connections with messages,
//! ends of sessions. Out: sessions on the first shard, and what they say. Owns those tables; a restart after a panic keeps the sessions
//! and the calls that are under way, and forgets halves, with which clients simply begin again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Supervised};
use futures::FutureExt;
use slog::{Logger, debug, info, warn};
use tokio::net::TcpStream;

use crate::hub::legacy::session::{NotStarted, StartLegacy, Started};
use crate::hub::legacy::{LogInPinged, Said, SessionOver};
use crate::hub::messages::UseConfig;
use crate::hub::session::SessionSupervisor;
use crate::ops::again;
use crate::ops::config::Config;
use crate::ops::panic_at;

use super::InForce;
use super::calls::{self, CallError};
use super::half::{Arrived, Half, HalfLogIns};
use super::inbox::{Inbox, MessageRead, OpenCount};

/// Original clients at a time.
const CLIENTS_MAX: usize = 1024;
/// Messages of a client whose log-in is not settled that are kept for it.
const EARLY_MESSAGES_MAX: usize = 16;
/// Between two attempts to call a client back.
const CALLBACK_PAUSE: Duration = Duration::from_millis(100);
/// How often halves that waited too long are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// See the module.
pub struct Gate {
    config: InForce,
    log: Logger,
    home: Option<Addr<SessionSupervisor>>,
    halves: HalfLogIns,
    callbacks: HashMap<IpAddr, Callback>,
    sessions: HashMap<IpAddr, Started>,
    inboxes: HashMap<IpAddr, Inbox>,
    open_messages: OpenCount,
}

/// A client that said both halves and is being called back.
struct Callback {
    /// Gone with the call, however that ended, once its [`CalledBack`] was handled.
    call: Weak<()>,
    /// It said both once more meanwhile, perhaps from a new process: it is called again afterwards.
    again: bool,
    early: Vec<Said>,
}

impl Gate {
    /// Nobody in. [`LiveOn`] has to follow.
    pub(super) fn new(config: InForce, log: Logger) -> Self {
        let deadline = config.borrow().auth.deadline;
        Self {
            halves: HalfLogIns::new(deadline),
            config,
            log,
            home: None,
            callbacks: HashMap::new(),
            sessions: HashMap::new(),
            inboxes: HashMap::new(),
            open_messages: OpenCount::default(),
        }
    }

    fn take_half(&mut self, address: IpAddr, half: Half, ctx: &mut Context<Self>) {
        match self.halves.arrive(address, half, Instant::now()) {
            Arrived::Waits => {
                debug!(self.log, "half a log-in"; "peer" => %address, "half" => ?half)
            }
            Arrived::Complete => self.call_back(address, ctx),
            Arrived::Full => {
                warn!(self.log, "original client refused: too many half log-ins"; "peer" => %address);
            }
        }
    }

    fn call_back(&mut self, address: IpAddr, ctx: &mut Context<Self>) {
        if let Some(callback) = self.callbacks.get_mut(&address) {
            callback.again = true;
            return;
        }
        let is_new = !self.sessions.contains_key(&address);
        if is_new && self.sessions.len() + self.callbacks.len() >= CLIENTS_MAX {
            warn!(self.log, "original client refused: there are too many";
                "peer" => %address, "clients_max" => CLIENTS_MAX);
            return;
        }
        let Some(home) = self.home.clone() else {
            return;
        };
        let call = Arc::new(());
        let callback = Callback {
            call: Arc::downgrade(&call),
            again: false,
            early: Vec::new(),
        };
        self.callbacks.insert(address, callback);
        let (config, gate) = (self.config.borrow().clone(), ctx.address());
        actix_rt::spawn(async move {
            let let_in = AssertUnwindSafe(let_in(address, &config, &home, &gate));
            // However it ended: its address could never log in again otherwise.
            let result = let_in.catch_unwind().await;
            let result = result.unwrap_or(Err(LogInFailed::Lost));
            gate.do_send(CalledBack {
                address,
                result,
                call,
            });
        });
    }

    fn pass_on(&self, address: IpAddr, said: Said) {
        match self.sessions.get(&address) {
            Some(session) if session.client.connected() => session.client.do_send(said),
            _ => info!(self.log, "message refused: its sender is not logged in any more";
                "peer" => %address),
        }
    }

    fn close_inbox(&mut self, address: IpAddr) {
        if !self.sessions.contains_key(&address) && !self.callbacks.contains_key(&address) {
            self.inboxes.remove(&address);
        }
    }
}

/// Connects to the client's callback port, again and again until the deadline, and has its session started.
async fn let_in(
    address: IpAddr,
    config: &Config,
    home: &Addr<SessionSupervisor>,
    gate: &Addr<Gate>,
) -> Result<Started, LogInFailed> {
    let _place = panic_at::place("gate/let-in");
    let to = (address, config.legacy.callback_port).into();
    let end = Instant::now() + config.auth.deadline;
    loop {
        let callback = match calls::connect(to).await {
            Ok(stream) => stream,
            Err(why) if Instant::now() >= end => return Err(LogInFailed::NoCallback(why)),
            Err(_) => {
                tokio::time::sleep(CALLBACK_PAUSE).await;
                continue;
            }
        };
        let callback = callback.into_std().map_err(|error| {
            let error = NotStarted::Callback(error.to_string());
            LogInFailed::NotStarted(error)
        })?;
        let start = StartLegacy {
            address,
            callback,
            gate: gate.clone().recipient(),
        };
        match home.send(start).await {
            Ok(started) => return started.map_err(LogInFailed::NotStarted),
            Err(_) if Instant::now() >= end || !home.connected() => return Err(LogInFailed::Lost),
            // It panicked, and is there again.
            Err(_) => {}
        }
    }
}

/// Why a log-in came to nothing.
#[derive(Debug, thiserror::Error)]
enum LogInFailed {
    #[error("its callback port did not take the connection within auth.deadline: {0}")]
    NoCallback(CallError),
    #[error(transparent)]
    NotStarted(NotStarted),
    #[error("starting its session failed on our side")]
    Lost,
}

impl Actor for Gate {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("gate/started");
        ctx.run_interval(SWEEP, |gate, _| {
            let _place = panic_at::place("gate/sweep");
            for (address, half) in gate.halves.sweep(Instant::now()) {
                info!(gate.log, "log-in not completed within auth.deadline";
                    "peer" => %address, "only" => ?half);
            }
        });
    }
}

impl Supervised for Gate {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("gate/restarting");
        // Calls go on by themselves, and their clients may have their `Authed` already: what they say, and were thanked for, waits for the
        // call's end as before. Only a call of which nothing will be heard any more is forgotten.
        self.callbacks
            .retain(|_, callback| callback.call.strong_count() > 0);
        self.halves = HalfLogIns::new(self.config.borrow().auth.deadline);
        self.sessions
            .retain(|_, session| session.client.connected());
        let (sessions, callbacks) = (&self.sessions, &self.callbacks);
        self.inboxes
            .retain(|address, _| sessions.contains_key(address) || callbacks.contains_key(address));
        warn!(self.log, "gate starts anew"; "clients" => self.sessions.len());
        again::handle_again(self, ctx);
    }
}

impl Handler<UseConfig> for Gate {
    type Result = ();

    fn handle(&mut self, ask: UseConfig, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("gate/UseConfig");
        let config = ask.0.clone();
        self.halves.set_deadline(config.auth.deadline);
        *self.config.borrow_mut() = config;
    }
}

/// The shard that original clients live on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LiveOn(pub Addr<SessionSupervisor>);

impl Handler<LiveOn> for Gate {
    type Result = ();

    fn handle(&mut self, live: LiveOn, _: &mut Context<Self>) {
        let live = again::keep(self, live);
        let _place = panic_at::place("gate/LiveOn");
        let live = live.take();
        self.home = Some(live.0);
    }
}

impl Handler<LogInPinged> for Gate {
    type Result = ();

    fn handle(&mut self, pinged: LogInPinged, ctx: &mut Context<Self>) {
        let pinged = again::keep(self, pinged);
        let _place = panic_at::place("gate/LogInPinged");
        self.take_half(pinged.address.to_canonical(), Half::Ping, ctx);
    }
}

/// Somebody said `AuthRequest`, and got its `Auth1`.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct AuthAsked {
    pub address: IpAddr,
}

impl Handler<AuthAsked> for Gate {
    type Result = ();

    fn handle(&mut self, asked: AuthAsked, ctx: &mut Context<Self>) {
        let asked = again::keep(self, asked);
        let _place = panic_at::place("gate/AuthAsked");
        self.take_half(asked.address, Half::AuthRequest, ctx);
    }
}

/// A callback came to its end.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct CalledBack {
    address: IpAddr,
    result: Result<Started, LogInFailed>,
    /// See [`Callback::call`].
    #[expect(dead_code, reason = "held, not read")]
    call: Arc<()>,
}

impl Handler<CalledBack> for Gate {
    type Result = ();

    fn handle(&mut self, called: CalledBack, ctx: &mut Context<Self>) {
        let called = again::keep(self, called);
        let _place = panic_at::place("gate/CalledBack");
        let called = called.take();
        let address = called.address;
        let callback = self.callbacks.remove(&address);
        let (early, again) = callback.map_or_else(Default::default, |it| (it.early, it.again));
        match called.result {
            Ok(started) => {
                self.sessions.insert(address, started);
            }
            Err(why) => info!(self.log, "original client not logged in";
                "peer" => %address, "why" => %why),
        }
        for said in early {
            self.pass_on(address, said);
        }
        if again {
            self.call_back(address, ctx);
        }
        self.close_inbox(address);
    }
}

impl Handler<SessionOver> for Gate {
    type Result = ();

    fn handle(&mut self, over: SessionOver, _: &mut Context<Self>) {
        let over = again::keep(self, over);
        let _place = panic_at::place("gate/SessionOver");
        let is_current = |session: &Started| session.session == over.session;
        if self.sessions.get(&over.address).is_some_and(is_current) {
            self.sessions.remove(&over.address);
            self.close_inbox(over.address);
        }
    }
}

/// A connection to the message port.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct MessageComes {
    pub address: IpAddr,
    pub stream: TcpStream,
}

impl Handler<MessageComes> for Gate {
    type Result = ();

    fn handle(&mut self, comes: MessageComes, ctx: &mut Context<Self>) {
        let comes = again::keep(self, comes);
        let _place = panic_at::place("gate/MessageComes");
        let comes = comes.take();
        let address = comes.address;
        if !self.sessions.contains_key(&address) && !self.callbacks.contains_key(&address) {
            info!(self.log, "message refused: nobody is logged in from there"; "peer" => %address);
            return;
        }
        let content_bytes_max = self.config.borrow().limits.message_bytes;
        let content_bytes_max = usize::try_from(content_bytes_max).unwrap_or(usize::MAX);
        let open_together = self.open_messages.clone();
        if self.inboxes.get(&address).is_some_and(Inbox::is_broken) {
            self.inboxes.remove(&address);
        }
        let inbox = self
            .inboxes
            .entry(address)
            .or_insert_with(|| Inbox::open(address, open_together, ctx.address()));
        if let Err(why) = inbox.take(comes.stream, content_bytes_max) {
            warn!(self.log, "message refused"; "peer" => %address, "why" => why);
        }
    }
}

impl Handler<MessageRead> for Gate {
    type Result = ();

    fn handle(&mut self, read: MessageRead, _: &mut Context<Self>) {
        let read = again::keep(self, read);
        let _place = panic_at::place("gate/MessageRead");
        let read = read.take();
        let address = read.address;
        let said = match read.result {
            Ok(said) => said,
            Err(why) => {
                info!(self.log, "message refused"; "peer" => %address, "why" => %why);
                return;
            }
        };
        if self.sessions.contains_key(&address) {
            self.pass_on(address, said);
            return;
        }
        match self.callbacks.get_mut(&address) {
            Some(callback) if callback.early.len() < EARLY_MESSAGES_MAX => {
                callback.early.push(said)
            }
            _ => self.pass_on(address, said),
        }
    }
}

/// Makes this actor panic (`gate`), or every client that is in (`original-clients`), to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<crate::hub::Provoke> for Gate {
    type Result = ();

    fn handle(&mut self, provoke: crate::hub::Provoke, _: &mut Context<Self>) {
        if provoke.0 != "original-clients" {
            panic!("provoked");
        }
        for session in self.sessions.values() {
            session.client.do_send(provoke);
        }
    }
}
