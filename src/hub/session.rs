//! The sessions of one shard. In: accepted connections, and the end of each, panics included. Out: client actors. Owns the limit
//! on connections; how they leave at the end is in [`leaving`](super::leaving).

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message, Supervised};
use slog::{Logger, debug, error, info, warn};

use crate::ops::again;
use crate::ops::config::lists;
use crate::ops::logging::NowAndThen;
use crate::ops::panic_at;

use super::auth::{AccountLeft, AccountsReported, AuthSupervisor, Granted, LogInResult};
use super::client::{Arrival, Client};
use super::connections::ConnectionCount;
use super::messages::{ClientRef, UseConfig};
use super::seat::{EvictReason, Identity};
use super::shard::{Links, Shard};
use super::strangers;

/// See the module.
pub struct SessionSupervisor {
    pub(super) shard: Rc<Shard>,
    pub(super) log: Logger,
    pub(super) connections: Arc<ConnectionCount>,
    pub(super) is_stopping: bool,
    refusals: NowAndThen,
}

impl SessionSupervisor {
    /// Sessions of `shard`, counted in `connections`.
    pub fn new(shard: Rc<Shard>, connections: Arc<ConnectionCount>) -> Self {
        let log = shard.log.new(slog::o!("actor" => "sessions"));
        Self {
            shard,
            log,
            connections,
            is_stopping: false,
            refusals: NowAndThen::default(),
        }
    }
}

impl SessionSupervisor {
    fn start_client(&self, Accepted { stream, peer }: Accepted, arrival: Arrival) {
        match Client::start(&self.shard, stream, peer, arrival) {
            Ok(client) => debug!(self.log, "client connected"; "peer" => %peer,
                "session" => format!("{:016x}", client.session)),
            // Its end is told as any other's.
            Err(error) => {
                error!(self.log, "client not started"; "peer" => %peer, "error" => %error);
            }
        }
    }

    /// Tells the log-in that a connection of this account or guest is no more.
    fn report_end(&self, identity: Identity) {
        self.shard.links().auth.do_send(AccountLeft {
            shard: self.shard.id,
            account: identity.account,
            is_guest: identity.standing.is_guest(),
        });
    }
}

impl Actor for SessionSupervisor {
    type Context = Context<Self>;
}

impl Supervised for SessionSupervisor {
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        let _place = panic_at::place("sessions/restarting");
        // The seats are the shard's and outlive this actor.
        again::handle_again(self, ctx);
    }
}

/// Tells the shard who else there is; before anything else.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Connect(pub Links);

impl Handler<Connect> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, connect: Connect, _: &mut Context<Self>) {
        let connect = again::keep(self, connect);
        let _place = panic_at::place("sessions/Connect");
        self.shard.connect(connect.take().0);
    }
}

impl Handler<UseConfig> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, ask: UseConfig, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("sessions/UseConfig");
        self.shard.set_config(ask.0.clone());
        self.shard.each_seat(|seat| seat.leave_new_config());
    }
}

/// A certificate was read: new TLS connections of this shard are offered it. `None`: there is none any more.
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub struct UseTls(pub Option<Arc<rustls::ServerConfig>>);

impl Handler<UseTls> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, offer: UseTls, _: &mut Context<Self>) {
        let offer = again::keep(self, offer);
        let _place = panic_at::place("sessions/UseTls");
        self.shard.use_tls(offer.0.clone());
    }
}

/// A connection was accepted.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Accepted {
    /// The socket, which does not block.
    pub stream: TcpStream,
    /// Its other end.
    pub peer: SocketAddr,
}

impl Handler<Accepted> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, _: &mut Context<Self>) {
        let accepted = again::keep(self, accepted);
        let _place = panic_at::place("sessions/Accepted");
        let _work = strangers::work();
        let accepted = accepted.take();
        if self.is_stopping {
            return;
        }
        let links = self.shard.links();
        if links.probes.claim(accepted.peer, self.shard.id) {
            self.connections.enter_in_any_case();
            return self.start_client(accepted, Arrival::Probe);
        }
        let Some(accepted) = strangers::receive(&self.shard, accepted) else {
            return;
        };
        if !self.connections.enter() {
            self.shard
                .links()
                .counters
                .connections_refused_total
                .count();
            if let Some(count) = self.refusals.note() {
                warn!(self.log, "connections refused: limits.connections is reached";
                    "last" => %accepted.peer, "refused" => count, "connections" => self.connections.max());
            }
            strangers::waste(&self.shard, accepted.peer.ip());
            refuse_full(accepted.stream);
            return;
        }
        let address = accepted.peer.ip();
        let is_proxy = lists(&self.shard.config().listen.proxies, address);
        let is_counted = match is_proxy {
            // Counted once the proxy has said for whom it speaks.
            true => Some(false),
            false => self.shard.count_address(address),
        };
        let Some(is_counted) = is_counted else {
            self.connections.leave();
            strangers::waste(&self.shard, address);
            refuse_politely(accepted.stream, TOO_MANY_FROM_ADDRESS);
            return;
        };
        let arrival = match is_counted {
            true => Arrival::Counted,
            false => Arrival::Uncounted,
        };
        self.start_client(accepted, arrival);
    }
}

/// What is said when `limits.connections` is reached.
const FULL: &[u8] = b"ERR;;unavailable;too many connections; try again later\nBYE;full;10\n";
/// What is said when `limits.connections_per_address` is reached.
pub(super) const TOO_MANY_FROM_ADDRESS: &[u8] =
    b"ERR;;rate-limited;too many connections from your address (limits.connections_per_address); close one\nBYE;full;60\n";

/// Refuses a connection because there are too many.
pub fn refuse_full(stream: TcpStream) {
    refuse_politely(stream, FULL);
}

/// Says `lines`, as far as they fit into the socket's empty buffer.
fn refuse_politely(mut stream: TcpStream, lines: &[u8]) {
    let _ = stream.write_all(lines);
    let _ = stream.shutdown(Shutdown::Write);
    // Closed with something unread it would be reset, and a reset may overtake the lines.
    let _ = stream.read(&mut [0; 512]);
}

/// A message for a client of this shard.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver<M> {
    /// Which client.
    pub client: ClientRef,
    /// What it is to hear.
    pub message: M,
}

impl<M> Handler<Deliver<M>> for SessionSupervisor
where
    M: Message<Result = ()> + 'static,
    Client: Handler<M>,
{
    type Result = ();

    fn handle(&mut self, deliver: Deliver<M>, _: &mut Context<Self>) {
        let deliver = again::keep(self, deliver);
        let _place = panic_at::place("sessions/Deliver");
        let Deliver { client, message } = deliver.take();
        self.shard.deliver(client, message);
    }
}

/// A log-in was decided, or what else was asked of the log-in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LogInDecided {
    /// Whose.
    pub client: ClientRef,
    /// What is granted, or why nothing is.
    pub result: LogInResult,
}

impl Handler<LogInDecided> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, decided: LogInDecided, _: &mut Context<Self>) {
        let decided = again::keep(self, decided);
        let _place = panic_at::place("sessions/LogInDecided");
        let decided = decided.take();
        match (self.shard.find(decided.client), decided.result) {
            (Some(seat), result) => {
                match &result {
                    // From here on its end is reported as this account's.
                    Ok(Granted::In {
                        identity, created, ..
                    }) => {
                        strangers::let_in();
                        self.shard.identify(&seat, identity.clone(), *created);
                    }
                    Ok(Granted::PasswordChanged { epoch }) => seat.set_epoch(*epoch),
                    _ => {}
                }
                seat.leave_log_in(result);
            }
            // It left while it was let in.
            (None, Ok(Granted::In { identity, .. })) => self.report_end(identity),
            (None, _) => {}
        }
    }
}

/// An account is not what it was: connections that were let in as what it was have to go.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct AccountChanged {
    /// Which.
    pub account: Arc<str>,
    /// Its epoch now; `None` if it is gone.
    pub epoch: Option<u32>,
    /// Whether it is suspended.
    pub is_suspended: bool,
    /// Whether one of its tokens was revoked.
    pub token_revoked: bool,
}

impl Handler<AccountChanged> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, changed: AccountChanged, _: &mut Context<Self>) {
        let changed = again::keep(self, changed);
        let _place = panic_at::place("sessions/AccountChanged");
        self.shard.accounts.forget(&changed.account);
        self.shard.each_seat(|seat| {
            // The names of original clients travel as they come; the gate looks at each.
            if seat.socket < 0 {
                return;
            }
            let Some(identity) = seat.identity() else {
                return;
            };
            if identity.account != changed.account {
                return;
            }
            if identity.standing.is_guest() {
                if changed.epoch.is_some() {
                    seat.order_eviction(EvictReason::NameTaken);
                }
            } else if changed.is_suspended {
                seat.order_eviction(EvictReason::Suspended);
            } else if changed.epoch != Some(identity.epoch) || changed.token_revoked {
                seat.order_eviction(EvictReason::AccountChanged);
            }
        });
    }
}

/// How a client ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It closed the connection, or said BYE.
    Left,
    /// The connection failed; how.
    Failed(String),
    /// It was ordered to go.
    Evicted(EvictReason),
    /// It broke a rule that costs the connection; which.
    Refused(&'static str),
    /// Its actor panicked.
    Panicked,
}

/// A client's actor is gone; sent by its drop, so it comes in every case.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientEnded {
    /// Which.
    pub client: ClientRef,
    /// From where.
    pub peer: SocketAddr,
    /// Who it was, if it was someone.
    pub identity: Option<Identity>,
    /// How it ended.
    pub ending: Ending,
    /// How often the shard had reported who is there.
    pub reports: u32,
}

impl Handler<ClientEnded> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, ended: ClientEnded, _: &mut Context<Self>) {
        let ended = again::keep(self, ended);
        let _place = panic_at::place("sessions/ClientEnded");
        let ended = ended.take();
        let _work = ended.identity.is_none().then(|| {
            strangers::waste(&self.shard, ended.peer.ip());
            strangers::work()
        });
        self.connections.leave();
        let user = ended
            .identity
            .as_ref()
            .map_or("-", |who| who.user.as_str())
            .to_owned();
        let session = format!("{:016x}", ended.client.session);
        match &ended.ending {
            Ending::Panicked => {
                error!(self.log, "client panicked; its connection is lost, no other";
                "peer" => %ended.peer, "user" => user, "session" => session)
            }
            Ending::Left => debug!(self.log, "client left";
                "peer" => %ended.peer, "user" => user, "session" => session),
            how => info!(self.log, "client ended"; "how" => ?how,
                "peer" => %ended.peer, "user" => user, "session" => session),
        }
        // Whoever had left its seat before the last report is not in it, and so cannot leave it.
        let is_reported = ended.reports == self.shard.reports();
        if let Some(identity) = ended.identity.filter(|_| is_reported) {
            self.report_end(identity);
        }
    }
}

/// The log-in started anew and asks who is here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReportAccounts {
    /// Whom to tell.
    pub to: Addr<AuthSupervisor>,
    /// To be said in the answer.
    pub round: u32,
}

impl Handler<ReportAccounts> for SessionSupervisor {
    type Result = ();

    fn handle(&mut self, ask: ReportAccounts, _: &mut Context<Self>) {
        let ask = again::keep(self, ask);
        let _place = panic_at::place("sessions/ReportAccounts");
        let (mut guests, mut accounts): (Vec<(Arc<str>, IpAddr)>, Vec<_>) = Default::default();
        self.shard.each_seat(|seat| {
            // The names of original clients are not entered: they travel as they come.
            if seat.socket < 0 {
                return;
            }
            match seat.identity() {
                Some(who) if who.standing.is_guest() => {
                    guests.push((who.account, seat.peer().ip().to_canonical()));
                }
                Some(who) => accounts.push(who.account),
                None => {}
            }
        });
        self.shard.note_report();
        let (shard, round) = (self.shard.id, ask.round);
        ask.to.do_send(AccountsReported {
            shard,
            round,
            guests,
            accounts,
        });
    }
}

/// Makes this actor panic, to show that it is survived.
#[cfg(feature = "fault-injection")]
impl Handler<super::Provoke> for SessionSupervisor {
    type Result = ();
    fn handle(&mut self, _: super::Provoke, _: &mut Context<Self>) {
        panic!("provoked");
    }
}
