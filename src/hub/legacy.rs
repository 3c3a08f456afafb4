//! What the main port tells the gate of original clients.

use std::net::IpAddr;

use actix::Message;

/// Somebody said `Ping`, the first half of an original client's log-in, and gets its `Pong`.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct LogInPinged {
    /// From where.
    pub address: IpAddr,
}
