//! Who is let in and how: proxies, plain text, registration. What is fine for a server on one machine's own address may not be for one that
//! everybody reaches.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::Finding;
use super::network::is_loopback;
use crate::ops::config::{Config, Guests, Plaintext, Registration};

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let is_public = !config.listen.main.ip().to_canonical().is_loopback();
    vec![
        proxies(config, is_public),
        plaintext(config, is_public),
        registration(config, is_public),
    ]
}

/// Behind a proxy on this machine that is not listed, everybody looks like this machine.
fn proxies(config: &Config, is_public: bool) -> Finding {
    const NAME: &str = "proxies";
    let listed = &config.listen.proxies;
    if !listed.is_empty() {
        let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
        let found = format!(
            "{} say who comes (listen.proxies), and are believed",
            listed.join(", ")
        );
        return Finding::ok(NAME, found);
    }
    let trusting = trusting(config).join(", ");
    if trusting.is_empty() {
        let found = "none, and nothing trusts this machine more than others";
        return Finding::ok(NAME, found);
    }
    let hint = format!("everybody behind a proxy on this machine would look like it to {trusting}");
    // A server that lets strangers in, and only from its own machine, is one that something stands before.
    let auth = &config.auth;
    let expects_others = auth.guests == Guests::Always
        || auth.plaintext == Plaintext::Always
        || auth.registration != Registration::Closed;
    if !is_public && expects_others {
        return Finding::warn(
            NAME,
            format!(
                "none, yet others are let in at {}, which is this machine's own: {hint}",
                config.listen.main
            ),
            "if a proxy stands before it, list its address in listen.proxies and let it send a PROXY header, version 2; if \
             nobody is to come from elsewhere, set auth.guests and auth.plaintext to \"loopback\" and auth.registration to \"closed\"",
        );
    }
    Finding::ok(NAME, format!("none; {hint}, unless listen.proxies has it"))
}

/// Keys that let this machine do more than others.
fn trusting(config: &Config) -> Vec<&'static str> {
    let here = |networks: &[IpNet]| networks.iter().any(reaches_loopback);
    let keys = [
        ("auth.guests", config.auth.guests == Guests::Loopback),
        (
            "auth.plaintext",
            config.auth.plaintext == Plaintext::Loopback,
        ),
        ("limits.exempt", here(&config.limits.exempt)),
        (
            "legacy.allow",
            config.legacy.enabled && here(&config.legacy.allow),
        ),
    ];
    let keys = keys.into_iter().filter(|(_, trusts)| *trusts);
    keys.map(|(key, _)| key).collect()
}

fn reaches_loopback(network: &IpNet) -> bool {
    is_loopback(network)
        || network.contains(&IpAddr::from(Ipv4Addr::LOCALHOST))
        || network.contains(&IpAddr::from(Ipv6Addr::LOCALHOST))
}

fn plaintext(config: &Config, is_public: bool) -> Finding {
    const NAME: &str = "plain text";
    match (config.auth.plaintext, is_public) {
        (Plaintext::Loopback, _) => Finding::ok(NAME, "log-ins without TLS from this machine only"),
        (Plaintext::Always, false) => Finding::ok(
            NAME,
            "log-ins without TLS from everybody, on a loopback address",
        ),
        (Plaintext::Always, true) => Finding::warn(
            NAME,
            format!(
                "everybody who reaches {} may log in without TLS: passwords can be read on the way",
                config.listen.main
            ),
            "set auth.plaintext to \"loopback\"; `gencomm certs make` makes a certificate",
        ),
    }
}

fn registration(config: &Config, is_public: bool) -> Finding {
    const NAME: &str = "registration";
    let limits = &config.limits;
    match (config.auth.registration, is_public) {
        (Registration::Closed, _) => Finding::ok(NAME, "closed; `gencomm user add` opens accounts"),
        (Registration::Invite, _) => {
            Finding::ok(NAME, "with an invitation (`gencomm user invite`)")
        }
        (Registration::Open, false) => Finding::ok(NAME, "open, on a loopback address"),
        (Registration::Open, true) => {
            let everybody = limits
                .exempt
                .iter()
                .any(|network| network.prefix_len() == 0);
            let missing = [
                (
                    limits.log_ins_per_minute == 0,
                    "limits.log_ins_per_minute is 0",
                ),
                (
                    limits.connections_per_address == 0,
                    "limits.connections_per_address is 0",
                ),
                (everybody, "limits.exempt holds everybody"),
            ];
            let missing = missing.iter().filter(|(is_missing, _)| *is_missing);
            let missing: Vec<&str> = missing.map(|(_, what)| *what).collect();
            if missing.is_empty() {
                let rate = limits.log_ins_per_minute;
                return Finding::ok(
                    NAME,
                    format!("open to everybody, {rate} a minute from one address"),
                );
            }
            Finding::warn(
                NAME,
                format!(
                    "open to everybody who reaches {}, without a limit: {}",
                    config.listen.main,
                    missing.join(", ")
                ),
                "set these limits, or auth.registration to \"invite\" or \"closed\"",
            )
        }
    }
}
