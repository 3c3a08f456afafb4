//! Original clients against the real server, each on a loopback address of its own, with the ports that are fixed in them.

mod alive;
mod default_ports;
mod log_in;
#[cfg(feature = "fault-injection")]
mod panics;
mod refusals;
mod talk;

use crate::support::{Builder, Server};

/// A server that lets original clients in, on any free ports of its own.
pub fn builder() -> Builder {
    Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", "0")
        .set("legacy.message_port", "0")
}
