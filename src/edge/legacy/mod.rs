//! The gate of the original clients: their two ports of ours, and our calls to theirs. In: connections. Out: sessions in the lobby
//! (`hub::legacy`), and what they say.
//!
//! [`doors`] accepts and refuses by `legacy.allow`; [`gate`] is the actor that knows who is half logged in ([`half`]), who is being
//! called back and who is in; [`inbox`] keeps the messages of an address in order while [`message`] reads each; [`calls`] are the
//! connections that the server opens.

pub mod calls;
mod doors;
mod gate;
mod half;
mod inbox;
mod message;

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;
use slog::{Logger, o};

use crate::edge::listener;
use crate::ops::boot::Door;
use crate::ops::config::Config;
use crate::ops::supervise::{GiveUp, RestartLimit, start_supervised};

pub use gate::{Gate, LiveOn};

/// The configuration in force, for the gate, which is told of changes, and its doors on the same thread.
type InForce = Rc<RefCell<Arc<Config>>>;

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

    /// These two, which listen already.
    pub(crate) fn of(auth: TcpListener, message: TcpListener) -> Self {
        Self { auth, message }
    }

    /// The two again, authorisation first.
    pub(crate) fn listeners(&self) -> (&TcpListener, &TcpListener) {
        (&self.auth, &self.message)
    }

    /// Second descriptors of the same sockets.
    pub(crate) fn try_clone(&self) -> std::io::Result<Self> {
        Ok(Self {
            auth: self.auth.try_clone()?,
            message: self.message.try_clone()?,
        })
    }

    /// Those of `there` that are where `config` wants them; the others are bound.
    pub(crate) fn take(
        config: &Config,
        there: Self,
    ) -> Result<Self, (SocketAddr, &'static str, std::io::Error)> {
        let take = |port, key, socket: TcpListener| {
            let address = SocketAddr::new(config.listen.main.ip(), port);
            match listener::is_at(&socket, address) {
                true => Ok(socket),
                false => listener::bind_one(address).map_err(|error| (address, key, error)),
            }
        };
        let (auth, message) = (config.legacy.auth_port, config.legacy.message_port);
        Ok(Self {
            auth: take(auth, "legacy.auth_port", there.auth)?,
            message: take(message, "legacy.message_port", there.message)?,
        })
    }

    /// Where they are.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.auth.local_addr()?, self.message.local_addr()?))
    }
}

/// Starts the gate and opens its doors. `give_up` runs when it panicked too often.
pub(crate) fn start(
    config: &Arc<Config>,
    log: &Logger,
    sockets: Sockets,
    give_up: GiveUp,
) -> (Addr<Gate>, [Door; 2]) {
    let log = log.new(o!("actor" => "legacy-gate"));
    let config = InForce::new(RefCell::new(config.clone()));
    let (gate_config, gate_log) = (config.clone(), log.clone());
    let limit = RestartLimit::default();
    let gate = start_supervised("legacy-gate", log.clone(), limit, give_up, |_| {
        Gate::new(gate_config, gate_log)
    });
    let (auth_door, auth_frame) = Door::new();
    let auth = doors::auth(sockets.auth, config.clone(), gate.clone(), log.clone());
    actix_rt::spawn(auth_frame.run(auth));
    let (message_door, message_frame) = Door::new();
    let message = doors::message(sockets.message, config, gate.clone(), log);
    actix_rt::spawn(message_frame.run(message));
    (gate, [auth_door, message_door])
}
