//! Original clients against the real server, each on a loopback address of its own, with the ports that are fixed in them.

mod alive;
mod default_ports;
mod log_in;
#[cfg(feature = "fault-injection")]
mod panics;
mod refusals;
mod talk;

use std::time::{Duration, Instant};

use crate::support::{Builder, PATIENCE, Server};

/// A server that lets original clients in, on any free ports of its own.
pub fn builder() -> Builder {
    Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", "0")
        .set("legacy.message_port", "0")
}

/// Waits until `count` log lines hold `text`.
#[track_caller]
fn wait_for_logs(server: &Server, text: &str, count: usize) {
    let end = Instant::now() + PATIENCE;
    while server.log_text().matches(text).count() < count {
        assert!(
            Instant::now() < end,
            "not {count} times {text:?} in the log"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
