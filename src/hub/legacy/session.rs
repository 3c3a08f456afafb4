//! What the shard's session supervisor does for original clients: starts them, one an address, and counts them among the connections.

use std::net::IpAddr;

use actix::{Addr, Context, Handler, Message, MessageResult, Recipient};
use slog::{error, info, warn};

use crate::hub::seat::EvictReason;
use crate::hub::session::{Ending, SessionSupervisor};
use crate::ops::again;
use crate::ops::panic_at;

use super::SessionOver;
use super::client::LegacyClient;

/// An original client took the server's connection to its callback port: it is to be let in.
#[derive(Debug, Message)]
#[rtype(result = "Result<Started, NotStarted>")]
pub struct StartLegacy {
    /// Where it lives.
    pub address: IpAddr,
    /// The connection to its callback port, on which `Authed` is written once it hears the lobby. Not blocking.
    pub callback: std::net::TcpStream,
    /// Who is told of the end.
    pub gate: Recipient<SessionOver>,
}

/// A session that goes on.
#[derive(Debug, Clone)]
pub struct Started {
    /// What the client says goes there.
    pub client: Addr<LegacyClient>,
    /// Its number in the shards and in the log.
    pub session: u64,
}

/// Why a client was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotStarted {
    /// No more connections.
    #[error("limits.connections ({0}) is reached")]
    Full(usize),
    /// The server is about to end.
    #[error("the server stops")]
    Stopping,
    /// The operating system said no.
    #[error("its callback connection cannot be used: {0}")]
    Callback(String),
}

impl Handler<StartLegacy> for SessionSupervisor {
    type Result = MessageResult<StartLegacy>;

    fn handle(&mut self, start: StartLegacy, _: &mut Context<Self>) -> Self::Result {
        let _place = panic_at::place("sessions/StartLegacy");
        MessageResult(self.start_legacy(start))
    }
}

impl SessionSupervisor {
    fn start_legacy(&mut self, start: StartLegacy) -> Result<Started, NotStarted> {
        if self.is_stopping {
            return Err(NotStarted::Stopping);
        }
        let address = start.address;
        if !self.connections.enter() {
            return Err(NotStarted::Full(self.connections.max()));
        }
        // Before the new one gets anything, so that the two never deliver at once.
        self.shard.each_seat(|seat| {
            if seat.socket < 0 && seat.peer().ip() == address {
                seat.order_eviction(EvictReason::Replaced);
            }
        });
        LegacyClient::start(&self.shard, start).map_err(|error| {
            self.connections.leave();
            NotStarted::Callback(error.to_string())
        })
    }
}

/// An original client's actor is gone; sent by its drop, so it comes in every case.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct LegacyEnded {
    pub over: SessionOver,
    pub user: String,
    pub ending: Ending,
}

impl Handler<LegacyEnded> for SessionSupervisor {
    type Result = ();

    // Its name was never entered among the guests' names, so it does not leave them either.
    fn handle(&mut self, ended: LegacyEnded, _: &mut Context<Self>) {
        let ended = again::keep(self, ended);
        let _place = panic_at::place("sessions/LegacyEnded");
        let ended = ended.take();
        self.connections.leave();
        let session = format!("{:016x}", ended.over.session);
        match &ended.ending {
            Ending::Panicked => {
                error!(self.log, "original client panicked; its session is lost, no other";
                    "peer" => %ended.over.address, "user" => ended.user, "session" => session);
            }
            Ending::Evicted(how) => info!(self.log, "original client ended"; "how" => ?how,
                "peer" => %ended.over.address, "user" => ended.user, "session" => session),
            Ending::Failed(why) => warn!(self.log, "original client removed"; "why" => why,
                "peer" => %ended.over.address, "user" => ended.user, "session" => session),
            how => info!(self.log, "original client ended"; "how" => ?how,
                "peer" => %ended.over.address, "user" => ended.user, "session" => session),
        }
    }
}
