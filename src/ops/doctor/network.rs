//! Ports: free, or whose. And who can reach them.

use std::net::{IpAddr, SocketAddr, TcpListener};

use ipnet::IpNet;

use super::Finding;
use crate::ops::config::{Config, Guests};
use crate::ops::ports;

/// The ports that a start will take; `server` is the process that writes this data folder's log now.
pub(super) fn ports(config: &Config, server: Option<u32>) -> Vec<Finding> {
    let main = config.listen.main;
    let mut findings = vec![port("main port", "listen.main", main, server)];
    if config.legacy.enabled {
        for (name, key, number) in [
            (
                "legacy log-in port",
                "legacy.auth_port",
                config.legacy.auth_port,
            ),
            (
                "legacy message port",
                "legacy.message_port",
                config.legacy.message_port,
            ),
        ] {
            findings.push(port(name, key, SocketAddr::new(main.ip(), number), server));
        }
    }
    findings
}

fn port(name: &'static str, key: &str, address: SocketAddr, server: Option<u32>) -> Finding {
    if address.port() == 0 {
        return Finding::ok(name, format!("{address}: any free port"));
    }
    let error = match TcpListener::bind(address) {
        Ok(_) => return Finding::ok(name, format!("{address} is free")),
        Err(error) => error,
    };
    let elsewhere = format!("set {key} in local.toml to another one");
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let holder = ports::holder_of(address);
            match holder {
                Some(holder) if server == Some(holder.pid) => Finding::ok(
                    name,
                    format!("{address} is held by the server of this data folder, {holder}"),
                ),
                Some(holder) => Finding::fail(
                    name,
                    format!("{address} is taken by {holder}"),
                    format!("stop that process, or {elsewhere}"),
                ),
                None => Finding::fail(
                    name,
                    format!("{address} is taken by a process that this user may not see"),
                    format!("`ss -ltnp` as root names it; stop it, or {elsewhere}"),
                ),
            }
        }
        std::io::ErrorKind::PermissionDenied => Finding::fail(
            name,
            format!("{address}: {error}"),
            format!("ports below 1024 need a privilege; {elsewhere}"),
        ),
        _ => Finding::fail(
            name,
            format!("{address}: {error}"),
            format!("this machine has to have that address; {elsewhere}"),
        ),
    }
}

/// Doors that are open to more than this machine.
pub(super) fn exposure(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let main = config.listen.main.ip();
    if config.legacy.enabled {
        let wide: Vec<String> = config
            .legacy
            .allow
            .iter()
            .filter(|network| !is_loopback(network))
            .map(ToString::to_string)
            .collect();
        findings.push(match wide.is_empty() {
            true => Finding::ok("legacy clients", "from this machine only"),
            false => Finding::warn(
                "legacy clients",
                format!("legacy.allow lets in {}", wide.join(", ")),
                "the original protocol has no password and no encryption: allow only networks where you trust everybody",
            ),
        });
    }
    let open = config.auth.guests == Guests::Always && !main.to_canonical().is_loopback();
    findings.push(match open {
        false => Finding::ok("guests", guests(config.auth.guests)),
        true => Finding::warn(
            "guests",
            format!(
                "everybody who reaches {} may talk under any free name",
                config.listen.main
            ),
            "set auth.guests to \"loopback\" or \"never\", or listen.main to a loopback address",
        ),
    });
    findings
}

fn guests(who: Guests) -> &'static str {
    match who {
        Guests::Loopback => "from this machine only",
        Guests::Always => "everybody, on a loopback address",
        Guests::Never => "nobody",
    }
}

pub(super) fn is_loopback(network: &IpNet) -> bool {
    let inside = |address: IpAddr| address.to_canonical().is_loopback();
    inside(network.network()) && inside(network.broadcast())
}
