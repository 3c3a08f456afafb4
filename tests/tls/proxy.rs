//! Connections through a proxy that is named in `listen.proxies`, and headers from anybody else.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;

use super::{TlsClient, TlsServer, client_config, versions};
use crate::support::{Gc2, PATIENCE, Server, fresh_address};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// `PP2_TYPE_SSL` with `PP2_CLIENT_SSL`.
pub const OVER_TLS: [u8; 8] = [0x20, 0, 5, 1, 0, 0, 0, 0];

/// A header for a client at 203.0.113.`host`.
pub fn header(host: u8, more: &[u8]) -> Vec<u8> {
    let addresses = [203, 0, 113, host, 192, 0, 2, 1, 0xC0, 0x01, 0x29, 0xF4];
    let length = (addresses.len() + more.len()) as u16;
    [
        SIGNATURE,
        &[0x21, 0x11],
        &length.to_be_bytes(),
        &addresses,
        more,
    ]
    .concat()
}

fn local() -> Vec<u8> {
    [SIGNATURE, &[0x20, 0x00, 0, 0]].concat()
}

/// A server that believes one address, and that.
fn server() -> (Server, Ipv4Addr) {
    let proxy = fresh_address();
    let builder = Server::builder().set("listen.proxies", proxy);
    (builder.set("logging.level", "debug").start(), proxy)
}

#[test]
fn who_is_behind_counts() {
    let (server, proxy) = server();
    let mut remote = Gc2::connect_from(server.address(), proxy);
    remote.send_bytes(&[&header(7, &[])[..], b"PING;p;x\n"].concat());
    remote.expect("PONG;p;x");
    // Guests come from this machine only, and this one does not any more.
    remote.send("AUTH;a;GUEST;ann");
    remote.expect_start("ERR;a;forbidden;");
    server.wait_for_log("peer: 203.0.113.7:49153");

    // The header in drops, then its first line, too.
    let mut slow = Gc2::connect_from(server.address(), proxy);
    for byte in [&header(8, &OVER_TLS)[..], b"PING;p;y\n"].concat() {
        slow.send_bytes(&[byte]);
    }
    slow.expect("PONG;p;y");
    server.wait_for_log("peer: 203.0.113.8:49153");
    server.wait_for_log("tls: true");

    // The proxy for itself.
    let mut own = Gc2::connect_from(server.address(), proxy);
    own.send_bytes(&local());
    own.login("proxy");
    own.check_alive();
    remote.check_alive();
}

#[test]
fn a_proxy_that_says_nothing_good_is_refused() {
    let (server, proxy) = server();
    let mut too_long = header(9, &[]);
    too_long[14] = 0x7F;
    let mut short = header(9, &[]);
    short[15] = 11;
    let mut udp = header(9, &[]);
    udp[13] = 0x12;
    let shortened_tlv = header(9, &[0x20, 0, 200, 1]);
    for (bytes, why) in [
        (
            b"AUTH;a;GUEST;ann\n".to_vec(),
            "does not begin with a PROXY header",
        ),
        (
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec(),
            "does not begin with a PROXY header",
        ),
        (
            b"\x16\x03\x01\x02\x00\x01".to_vec(),
            "does not begin with a PROXY header",
        ),
        (too_long, "claims 32524 bytes"),
        (short, "shorter than what it says"),
        (udp, "something else than TCP"),
        (shortened_tlv, "shorter than what it says"),
    ] {
        let mut refused = Gc2::connect_from(server.address(), proxy);
        refused.send_bytes(&bytes);
        assert_eq!(refused.bytes_to_end(), b"");
        server.wait_for_log(why);
    }
    server.guest("ann").check_alive();
}

#[test]
fn a_header_may_be_cut_anywhere_and_wait_for_the_deadline() {
    let proxy = fresh_address();
    let builder = Server::builder().set("listen.proxies", proxy);
    let server = builder.set("auth.deadline", "1500ms").start();
    let whole = header(9, &OVER_TLS);
    for cut in 0..whole.len() {
        let mut client = Gc2::connect_from(server.address(), proxy);
        client.send_bytes(&whole[..cut]);
        client.close_sending();
        assert_eq!(client.bytes_to_end(), b"", "{cut}");
    }
    // It claims more than comes.
    let mut lying = whole.clone();
    lying[15] = 200;
    let mut client = Gc2::connect_from(server.address(), proxy);
    client.send_bytes(&lying);
    assert_eq!(client.bytes_to_end(), b"");
    server.guest("ann").check_alive();
}

#[test]
fn from_a_stranger_it_is_no_header() {
    let (server, _) = server();
    let mut stranger = server.connect();
    stranger.send_bytes(&header(7, &OVER_TLS));
    stranger.send_bytes(b"\n");
    stranger.expect_start("ERR;;");
    stranger.send("AUTH;login;GUEST;ann");
    stranger.until("OK;login;ann");
    assert!(!server.log_text().contains("203.0.113."));
}

#[test]
fn tls_goes_through_a_proxy() {
    let proxy = fresh_address();
    let tls = TlsServer::with(|builder| builder.set("listen.proxies", proxy));
    let config = Arc::new(client_config(&tls.pair, versions::BOTH));
    let mut socket: TcpStream = from(proxy, &tls);
    socket.write_all(&header(7, &[])).expect("taken");
    let mut client = TlsClient::over(socket, config.clone()).expect("a handshake");
    client.check_alive();
    // Header and hello in one go.
    let mut session = super::client::session(config);
    let mut bytes = header(8, &[]);
    session.write_tls(&mut bytes).expect("a hello");
    let mut socket: TcpStream = from(proxy, &tls);
    socket.write_all(&bytes).expect("taken");
    let mut first = [0];
    socket.read_exact(&mut first).expect("an answer");
    assert_eq!(first, [0x16]);
    socket.shutdown(Shutdown::Both).expect("shut down");
    tls.server.wait_for_log("peer: 203.0.113.8:49153");
    client.check_alive();
}

fn from(proxy: Ipv4Addr, tls: &TlsServer) -> TcpStream {
    let gc2 = Gc2::connect_from(tls.server.address(), proxy);
    let socket = gc2.stream().try_clone().expect("a second handle");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    socket
}
