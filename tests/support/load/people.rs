//! Who a client is, and people who register.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::{Gc2, PATIENCE};
use super::ledger::Ledger;
use super::place::Place;

/// The two ends of the direct conversation.
pub(super) const SPEAKER: &str = "dora";
pub(super) const LISTENER: &str = "emil";
const PASSWORD: &str = "tuesday rain on tin";
/// Between two accounts, so that they are some and not thousands.
const BETWEEN_ACCOUNTS: Duration = Duration::from_millis(15);
/// Before what was refused is asked again.
pub(super) const BEFORE_AGAIN: Duration = Duration::from_millis(10);

/// Who a client logs in as.
#[derive(Debug, Clone)]
pub(super) enum Person {
    Guest(String),
    Account(&'static str),
}

impl Person {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Guest(name) => name,
            Self::Account(name) => name,
        }
    }

    /// A connection that is logged in; `None` if the server went away meanwhile.
    pub(super) fn enter(&self, server: SocketAddr) -> Option<Gc2> {
        let local = std::net::Ipv4Addr::LOCALHOST;
        let mut client = Gc2::try_connect(server, local, None).ok()?;
        let line = match self {
            Self::Guest(name) => format!("AUTH;a;GUEST;{name}"),
            Self::Account(name) => plain(name),
        };
        if !client.try_send(&line) {
            return None;
        }
        let answer = answer(&mut client, "a")?;
        answer.starts_with("OK;").then_some(client)
    }
}

/// The line that makes an account.
pub(super) fn register(name: &str) -> String {
    format!("REGISTER;r;{name};{};", STANDARD.encode(PASSWORD))
}

/// The line that logs into one.
pub(super) fn plain(name: &str) -> String {
    let data = STANDARD.encode(format!("\0{name}\0{PASSWORD}"));
    format!("AUTH;a;PLAIN;{data}")
}

/// The OK or ERR that bears `tag`; `None` if the connection ended before it.
pub(super) fn answer(client: &mut Gc2, tag: &str) -> Option<String> {
    loop {
        let line = client.try_line_bytes(PATIENCE).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut fields = line.split(';');
        if matches!(fields.next(), Some("OK" | "ERR")) && fields.next() == Some(tag) {
            return Some(line);
        }
    }
}

/// Registers one account after the other; after a restart the one first that was not answered. Each is asked for on a connection of its
/// own: little may be said on one before its log-in, and while accounts are refused this asks for one again and again.
pub(super) fn keep_registering(place: &Place, ledger: &Ledger) {
    let (mut epoch, mut number, mut is_unsure) = (0, 0, false);
    while !place.is_stopping() {
        let Some((now, server)) = place.next(epoch) else {
            return;
        };
        epoch = now;
        while !place.is_stopping() {
            let name = format!("acct{number}");
            let local = std::net::Ipv4Addr::LOCALHOST;
            let Ok(mut client) = Gc2::try_connect(server, local, None) else {
                break;
            };
            let Some(line) = client
                .try_send(&register(&name))
                .then(|| answer(&mut client, "r"))
                .flatten()
            else {
                is_unsure = true;
                break;
            };
            let is_there = line.starts_with("ERR;r;conflict;") && is_unsure;
            if line.starts_with("OK;") || is_there {
                ledger.has_account(&name);
                (number, is_unsure) = (number + 1, false);
            } else if line.starts_with("ERR;r;unavailable;") {
                // It may have been made all the same, if its answer was the failure.
                is_unsure = true;
                ledger.refused(line);
            } else {
                ledger.fail(format!("{name} was answered {line:?}"));
            }
            std::thread::sleep(BETWEEN_ACCOUNTS);
        }
    }
}
