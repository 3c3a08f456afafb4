//! A new process takes the place of a running server. Both sides of what they say to each other over the control socket.
//!
//! [`claim`] is the new process, [`offer`] the running server, [`wire`] what both need. In turn, a line each:
//!
//! | the new process | the running server |
//! | --- | --- |
//! | `takeover` | `takeover {version} {process id} {milliseconds that its end may take} {milliseconds within which its service manager wants to hear of it, or 0}`, or `failed` and why |
//! | `sockets` | each listening socket: a byte that says which, and the descriptor; then `.` |
//! | `ready` | it stops accepting, sends its clients home, commits and closes the log; then `done`, or `unclosed {why}`; `failed {why}` if it was told to stop meanwhile |
//! | `serving`, or `failed {why}` | it ends |
//!
//! Until `ready` the running server serves as ever, and whatever goes wrong changes nothing. From then on it keeps its own copies of the
//! sockets until it reads `serving`: if the connection ends without that, it opens the log again and goes on. Nothing between the two is
//! lost meanwhile, since the queues of the sockets are the kernel's.

pub(super) mod claim;
pub(super) mod offer;
#[cfg(test)]
mod tests;
mod wire;

use std::io;
use std::net::TcpListener;

use crate::edge::legacy;

pub use claim::TakeoverError;

/// The verb of the control socket.
pub(super) const VERB: &str = "takeover";
/// Of what is said above; both have to have the same.
const VERSION: u32 = 1;

/// Listening sockets that change hands. Copies share their queues of connections.
pub(super) struct Listeners {
    /// Of the main port.
    pub(super) main: Vec<TcpListener>,
    /// Of the original clients' two ports.
    pub(super) legacy: Option<legacy::Sockets>,
}

impl Listeners {
    /// Second descriptors of the same sockets.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let main = self.main.iter().map(TcpListener::try_clone);
        Ok(Self {
            main: main.collect::<io::Result<_>>()?,
            legacy: self
                .legacy
                .as_ref()
                .map(legacy::Sockets::try_clone)
                .transpose()?,
        })
    }
}
