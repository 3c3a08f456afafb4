//! Original clients, once they are logged in: each is an actor in the lobby. In: what the gate (`edge::legacy`) read from them, and the
//! lobby's lines. Out: requests to the log, and batches of records to the client's own ports.
//!
//! [`session`] starts and counts them, [`client`] is the actor, [`lobby`] its way into the room and its name, [`speech`] what it says,
//! [`delivery`] what it hears, [`vitals`] whether it is alive; [`batch`] is the pure part.

pub mod batch;
mod call;
pub mod client;
mod delivery;
mod lobby;
pub mod session;
mod speech;
mod vitals;

use std::net::IpAddr;

use actix::Message;

pub use speech::Said;

/// Somebody said `Ping`, the first half of an original client's log-in, and gets its `Pong`.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct LogInPinged {
    /// From where.
    pub address: IpAddr,
}

/// The session of an original client is over, however it ended.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct SessionOver {
    /// Whose.
    pub address: IpAddr,
    /// Which: a newer one from the same address goes on.
    pub session: u64,
}
