//! Nobody shows a secret where others can read along: connections that are neither encrypted nor of this machine.

use std::net::Ipv4Addr;

use gencomm::edge::wire::sasl::scram::client::Binding;

use super::scram::log_in;
use super::{House, OTHER, PASSWORD, base64, builder, plain};
use crate::support::{Builder, Gc2, fresh_address};

/// `PP2_TYPE_SSL` with `PP2_CLIENT_SSL`.
const OVER_TLS: [u8; 8] = [0x20, 0, 5, 1, 0, 0, 0, 0];

/// A PROXY header, version 2, for a client at 203.0.113.7.
pub fn header(more: &[u8]) -> Vec<u8> {
    let addresses = [203, 0, 113, 7, 192, 0, 2, 1, 0xC0, 0x01, 0x29, 0xF4];
    let length = (addresses.len() + more.len()) as u16;
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    [
        &signature[..],
        &[0x21, 0x11],
        &length.to_be_bytes(),
        &addresses,
        more,
    ]
    .concat()
}

/// A server behind a proxy at this address.
fn behind(proxy: Ipv4Addr) -> Builder {
    builder()
        .set("auth.scram", "true")
        .set("auth.registration", "open")
        .set("auth.guests", "always")
        .set("listen.proxies", proxy)
}

fn through(house: &House, proxy: Ipv4Addr, more: &[u8]) -> Gc2 {
    let mut client = Gc2::connect_from(house.server.address(), proxy);
    client.send_bytes(&header(more));
    client
}

#[test]
fn who_can_be_read_logs_in_by_nothing() {
    let proxy = fresh_address();
    let mut house = House::of(behind(proxy));
    house.add("alice");
    let bot = house.add_bot("builder");
    let (_, token) = house.enter_for_token(&plain("alice", PASSWORD));
    let mut remote = through(&house, proxy, &[]);
    for line in [
        plain("alice", PASSWORD),
        bot,
        super::token_line(&token),
        "AUTH;a;GUEST;gus".to_owned(),
        "AUTH;a;EXTERNAL;".to_owned(),
        format!("AUTH;a;SCRAM-SHA-256;{}", base64("n,,n=alice,r=nonce")),
        format!(
            "AUTH;a;SCRAM-SHA-256-PLUS;{}",
            base64("p=tls-exporter,,n=alice,r=nonce")
        ),
        format!("REGISTER;a;new;{}", base64(PASSWORD)),
        // Whatever is wrong with it is not looked at.
        "AUTH;a;PLAIN;*".to_owned(),
        plain("nobody", OTHER),
    ] {
        remote.send(&line);
        let answer = remote.expect_start("ERR;a;forbidden;this connection is not encrypted");
        assert!(
            answer.contains("TLS") && answer.contains("auth.plaintext"),
            "{answer}"
        );
    }
    remote.send(&format!("PASSWD;a;{};{}", base64(PASSWORD), base64(OTHER)));
    remote.expect_start("ERR;a;unauthenticated;");
    remote.check_alive();
    house.enter(&plain("alice", PASSWORD)).check_alive();
    house
        .send(&plain("new", PASSWORD))
        .expect_start("ERR;a;unauthenticated;");
}

fn everything_works(house: &House, proxy: Ipv4Addr, more: &[u8]) {
    let mut remote = through(house, proxy, more);
    let line = format!("REGISTER;a;new;{}", base64(PASSWORD));
    remote.ask(&line, "OK;a;new");
    let line = log_in(&mut remote, "SCRAM-SHA-256", "new", PASSWORD, Binding::None);
    assert!(line.starts_with("OK;a;new;gcr_"), "{line}");
    let line = format!("PASSWD;a;{};{}", base64(PASSWORD), base64(OTHER));
    remote.ask(&line, "OK;a");
    let mut other = through(house, proxy, more);
    other.send(&plain("new", OTHER));
    other.expect_start("OK;a;new;");
    let mut guest = through(house, proxy, more);
    guest.ask("AUTH;a;GUEST;gus", "OK;a;gus;");
}

#[test]
fn unless_the_configuration_says_so() {
    let proxy = fresh_address();
    let house = House::of(behind(proxy).set("auth.plaintext", "always"));
    everything_works(&house, proxy, &[]);
}

#[test]
fn a_proxy_that_is_believed_may_have_done_the_tls() {
    let proxy = fresh_address();
    let house = House::of(behind(proxy));
    everything_works(&house, proxy, &OVER_TLS);
}

/// What is behind a proxy on this machine is not this machine.
#[test]
fn a_proxy_here_makes_nobody_a_local() {
    let house = House::of(
        builder()
            .set("auth.guests", "loopback")
            .set("auth.plaintext", "always")
            .set("listen.proxies", "127.0.0.0/8"),
    );
    let mut remote = Gc2::connect(house.server.address());
    remote.send_bytes(&header(&OVER_TLS));
    remote.send("AUTH;a;GUEST;gus");
    remote.expect_start("ERR;a;forbidden;guests are not let in");
}
