//! What can go wrong between a client and its server, said so that a person knows what to do.

use std::io;
use std::time::Duration;

use super::render::sanitized;

/// Why a client could not go on. Displays as one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    /// Nobody answers there.
    #[error("cannot reach {server}: {}{}", reason(.source), advice(.source))]
    Unreachable {
        /// `host:port` as it was asked for.
        server: String,
        /// What the system said.
        source: io::Error,
    },
    /// Neither yes nor no within the time.
    #[error("cannot reach {server}: no answer within {} s; is the address right?", .after.as_secs())]
    ConnectTimeout {
        /// `host:port` as it was asked for.
        server: String,
        /// How long it was tried.
        after: Duration,
    },
    /// The connection ended.
    #[error("the connection to {server} was lost: {}", reason(.source))]
    Lost {
        /// `host:port` as it was asked for.
        server: String,
        /// What the system said.
        source: io::Error,
    },
    /// The server said good-bye.
    #[error("the server closed the connection: {}", sanitized(.reason))]
    Bye {
        /// Its reason.
        reason: String,
        /// When it wants to be asked again, in seconds.
        seconds: u64,
    },
    /// The server refuses; its own words.
    #[error("{code}: {}", sanitized(.text))]
    Refused {
        /// One of the codes of the protocol.
        code: String,
        /// What to do about it.
        text: String,
    },
    /// What answers there speaks something else.
    #[error(
        "{server} does not speak this protocol (it sent {shown}); is that the port of listen.main?"
    )]
    NotOurs {
        /// `host:port` as it was asked for.
        server: String,
        /// The beginning of what it sent, printable.
        shown: String,
    },
    /// An answer is overdue.
    #[error("no answer from {server} within {} s", .after.as_secs())]
    Silent {
        /// `host:port` as it was asked for.
        server: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The room is closed to this user.
    #[error("removed from room {room}: {}", sanitized(.reason))]
    Removed {
        /// Which room.
        room: String,
        /// The server's reason.
        reason: String,
    },
}

impl TermError {
    /// Whether trying again later can help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused { code, .. } => matches!(code.as_str(), "unavailable" | "rate-limited"),
            Self::NotOurs { .. } | Self::Removed { .. } => false,
            _ => true,
        }
    }
}

/// The system's text in the words of a person; its number says nothing to anybody.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::UnexpectedEof => "closed by the server".to_owned(),
        io::ErrorKind::ConnectionReset => "reset by the server".to_owned(),
        _ => error.to_string(),
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "; is the server running? start it with: gencomm serve",
        _ => "; name another server with --server HOST:PORT",
    }
}
