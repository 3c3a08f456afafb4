//! Whom to call, and as whom. In: options of the command line, the configuration, the environment. Out: an [`Endpoint`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use rand::Rng;
use rand::distr::Alphanumeric;

use super::dialer::Dialer;
use super::login::Credentials;
use crate::edge::wire::names::{NameError, RoomName, UserName};

/// Where the server listens if nobody says otherwise.
pub const DEFAULT_PORT: u16 = 10740;
/// Random characters behind `guest` where the system knows no name.
const GUEST_SUFFIX_CHARS: usize = 4;

/// A server, and who calls it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Whom to call.
    pub server: Dialer,
    /// As whom.
    pub who: Credentials,
}

/// `host`, `host:port`, `[v6]:port` or a bare IPv6 address as `host:port`.
pub fn server_address(text: &str) -> Result<String, String> {
    let wrong = |why: &str| {
        Err(format!(
            "\"{text}\": {why}; write HOST:PORT, as in 127.0.0.1:10740"
        ))
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, DEFAULT_PORT).to_string());
    }
    if text.is_empty()
        || text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '/')
    {
        return wrong("that is no address");
    }
    if text.starts_with('[') && text.ends_with(']') {
        return Ok(format!("{text}:{DEFAULT_PORT}"));
    }
    match text.rsplit_once(':') {
        None => Ok(format!("{text}:{DEFAULT_PORT}")),
        Some(("", _)) => wrong("the host is missing"),
        Some((_, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(text.to_owned()),
            _ => wrong("the port is a number from 1 to 65535"),
        },
    }
}

/// Where a client on the same machine reaches a server that listens on `listen`. `None` if its port is not known in advance.
pub fn reachable(listen: SocketAddr) -> Option<String> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    (listen.port() != 0).then(|| SocketAddr::new(ip, listen.port()).to_string())
}

/// Whether `host` is this very machine, so that nobody sits between.
pub fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        // Names below it are not asked of the network either (RFC 6761, section 6.3), but not everywhere.
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// A room name or `@name`, checked before anybody is called.
pub fn room_or_direct(text: &str) -> Result<String, NameError> {
    match text.strip_prefix('@') {
        Some(name) => UserName::parse(name).map(|_| text.to_owned()),
        None => RoomName::parse(text).map(|_| text.to_owned()),
    }
}

/// The nickname for somebody whom the system calls `login`: made to fit the grammar, or `guest` and random characters.
pub fn default_user(login: Option<&str>) -> UserName {
    match login.map(str::trim) {
        Some(login) if !login.is_empty() => UserName::repaired(login).0,
        _ => {
            let suffix = rand::rng()
                .sample_iter(Alphanumeric)
                .take(GUEST_SUFFIX_CHARS)
                .map(|byte| char::from(byte).to_ascii_lowercase());
            UserName::repaired(&"guest".chars().chain(suffix).collect::<String>()).0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_completed_and_checked() {
        for (text, address) in [
            ("127.0.0.1:99", "127.0.0.1:99"),
            ("127.0.0.1", "127.0.0.1:10740"),
            ("chat.example", "chat.example:10740"),
            ("chat.example:1", "chat.example:1"),
            ("::1", "[::1]:10740"),
            ("[::1]", "[::1]:10740"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(server_address(text).as_deref(), Ok(address), "{text}");
        }
        for bad in ["", ":5", "a:0", "a:b", "a:70000", "a b:1", "tcp://a:1"] {
            let error = server_address(bad).unwrap_err();
            assert!(error.contains("HOST:PORT"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_reached_on_loopback() {
        let at = |text: &str| reachable(text.parse().unwrap());
        assert_eq!(at("0.0.0.0:7").as_deref(), Some("127.0.0.1:7"));
        assert_eq!(at("[::]:7").as_deref(), Some("127.0.0.1:7"));
        assert_eq!(at("10.0.0.2:7").as_deref(), Some("10.0.0.2:7"));
        assert_eq!(at("127.0.0.1:0"), None);
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "localhost",
            "LocalHost",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "10.0.0.1",
            "0.0.0.0",
            "::",
            "::2",
            "localhost.example",
            "a.localhost",
            "notlocalhost",
            "127.0.0.1.example",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn names_fit_the_grammar() {
        assert_eq!(default_user(Some("Zoë x")).as_str(), "Zo__x");
        let guest = default_user(None);
        assert!(guest.as_str().starts_with("guest") && guest.as_str().len() == 9);
        assert!(UserName::parse(default_user(Some("")).as_str()).is_ok());
        assert_eq!(room_or_direct("@Bob").as_deref(), Ok("@Bob"));
        assert!(room_or_direct("Lobby").is_err() && room_or_direct("@").is_err());
    }
}
