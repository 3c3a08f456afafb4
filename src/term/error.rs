//! What can go wrong between a client and its server, said so that a person knows what to do.

use std::io;
use std::time::Duration;

use super::render::sanitized;
use super::tls::Distrust;

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
    /// TLS could not be agreed upon.
    #[error(
        "no TLS with {server}: {}; does it speak TLS on this port? over a network that you trust, --plaintext does without",
        sanitized(.why)
    )]
    NoTls {
        /// `host:port` as it was asked for.
        server: String,
        /// What went wrong.
        why: String,
    },
    /// TLS stands, but the certificate is not believed.
    #[error("{0}")]
    Distrusted(Box<Distrust>),
    /// A password or a token would have to travel readably.
    #[error(
        "without TLS others could read your password or token on its way, so it was not sent; use --tls, or --mechanism scram for a password"
    )]
    Exposed,
    /// The log-in cannot go on, for a reason on this side.
    #[error("cannot log in: {}", sanitized(.0))]
    LogIn(String),
    /// The server said good-bye.
    #[error("the server closed the connection: {}", farewell(.reason))]
    Bye {
        /// Its reason.
        reason: String,
        /// When it wants to be asked again, in seconds.
        seconds: u64,
    },
    /// The server refuses; its own words.
    #[error("{}: {}", sanitized(.code), sanitized(.text))]
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
            Self::Bye { reason, .. } => !matches!(reason.as_str(), "suspended" | "password"),
            Self::NotOurs { .. }
            | Self::Removed { .. }
            | Self::Distrusted(_)
            | Self::Exposed
            | Self::LogIn(_) => false,
            Self::Unreachable { .. }
            | Self::ConnectTimeout { .. }
            | Self::Lost { .. }
            | Self::Silent { .. }
            | Self::NoTls { .. } => true,
        }
    }
}

/// A reason of the protocol with what it means.
fn farewell(reason: &str) -> String {
    let meaning = match reason {
        "restart" => "it is being restarted",
        "full" => "it has as many connections as it takes",
        "timeout" => "nothing was heard from this side for too long",
        "unavailable" => "it cannot serve right now",
        "rate-limited" => "too much came from here in too short a time",
        "suspended" => "this account is suspended; ask whoever runs the server",
        "password" => "the password of this account was changed; log in with the new one",
        _ => return sanitized(reason).into_owned(),
    };
    format!("{reason} ({meaning})")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farewells_say_what_they_mean_and_whether_to_come_back() {
        for (reason, meaning, passing) in [
            ("restart", "being restarted", true),
            ("full", "as many connections", true),
            ("timeout", "nothing was heard", true),
            ("unavailable", "right now", true),
            ("rate-limited", "too much came", true),
            ("suspended", "ask whoever runs", false),
            ("password", "log in with the new one", false),
            ("of a later version", "later version", true),
        ] {
            let error = TermError::Bye {
                reason: reason.to_owned(),
                seconds: 0,
            };
            let text = error.to_string();
            assert!(text.contains(reason) && text.contains(meaning), "{text}");
            assert_eq!(error.is_passing(), passing, "{reason}");
        }
        let refused = TermError::Refused {
            code: "x\x1b]0;root\x07".to_owned(),
            text: "\x1b[2J".to_owned(),
        };
        assert!(!refused.to_string().contains(char::is_control));
        let forged = farewell("x\x1b[2J\nroot");
        assert!(!forged.contains(['\x1b', '\n']), "{forged:?}");
    }
}
