//! Handshakes that are cut, wrong, old or none at all: each harms its own connection alone.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::session;
use super::{TlsServer, client_config, versions};
use crate::support::{PATIENCE, Server};

/// A record with an alert: the kind, the version, two bytes.
const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;
const PROTOCOL_VERSION: u8 = 70;

fn open(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    socket
}

/// Everything that the server says until it closes.
fn to_end(mut socket: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = socket.read_to_end(&mut said);
    said
}

/// Descriptors that the server holds.
fn descriptors(server: &Server) -> usize {
    let folder = format!("/proc/{}/fd", server.pid());
    std::fs::read_dir(folder)
        .expect("the server's /proc entry")
        .count()
}

/// Waits until it holds no more than `most`.
#[track_caller]
fn wait_for_descriptors(server: &Server, most: usize) {
    let end = Instant::now() + PATIENCE;
    while descriptors(server) > most {
        assert!(Instant::now() < end, "{} of {most}", descriptors(server));
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn client_hello(tls: &TlsServer, speaks: &[&'static rustls::SupportedProtocolVersion]) -> Vec<u8> {
    let mut session = session(Arc::new(client_config(&tls.pair, speaks)));
    let mut hello = Vec::new();
    session.write_tls(&mut hello).expect("a hello");
    hello
}

#[test]
fn a_handshake_may_be_cut_anywhere() {
    let tls = TlsServer::start();
    let mut good = tls.guest("good");
    let before = descriptors(&tls.server);
    for speaks in [versions::ONLY_12, versions::ONLY_13] {
        let hello = client_hello(&tls, speaks);
        assert_eq!(hello[0], HANDSHAKE);
        for cut in 1..=hello.len() {
            let mut socket = open(tls.server.address());
            socket.write_all(&hello[..cut]).expect("taken");
            socket.shutdown(Shutdown::Write).expect("shut down");
            let answer = to_end(socket);
            assert_eq!(
                answer.is_empty(),
                cut < hello.len(),
                "{cut} of {}",
                hello.len()
            );
        }
    }
    // And after the server's part: what ends the client's is cut.
    for speaks in [versions::ONLY_12, versions::ONLY_13] {
        for cut in 0..60 {
            let mut session = session(Arc::new(client_config(&tls.pair, speaks)));
            let mut socket = open(tls.server.address());
            while session.wants_write() {
                session.write_tls(&mut socket).expect("taken");
            }
            while !session.wants_write() {
                session.read_tls(&mut socket).expect("an answer");
                session.process_new_packets().expect("a good answer");
            }
            let mut rest = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut rest).expect("a record");
            }
            assert!(rest.len() > 60);
            socket.write_all(&rest[..cut]).expect("taken");
            socket.shutdown(Shutdown::Write).expect("shut down");
            to_end(socket);
        }
    }
    good.check_alive();
    wait_for_descriptors(&tls.server, before);
    assert!(!tls.server.log_text().contains("panic"));
}

#[test]
fn a_handshake_may_come_in_drops_and_not_at_all() {
    let tls = TlsServer::with(|builder| builder.set("auth.deadline", "2s"));
    let before = descriptors(&tls.server);
    let hello = client_hello(&tls, versions::BOTH);
    let mut mute: Vec<TcpStream> = [0, 1, 5, 6, hello.len() - 1, hello.len()]
        .map(|cut| {
            let mut socket = open(tls.server.address());
            socket.write_all(&hello[..cut]).expect("taken");
            socket
        })
        .into();
    let mut drops = open(tls.server.address());
    for byte in &hello {
        drops.write_all(&[*byte]).expect("taken");
    }
    let mut first = [0];
    drops.read_exact(&mut first).expect("an answer");
    assert_eq!(first, [HANDSHAKE]);
    drop(drops);
    // The deadline of logging in counts for the handshake, too.
    for socket in mute.drain(..) {
        to_end(socket);
    }
    let shaken = tls.connect();
    let (said, end) = { shaken }.until_end();
    assert_eq!(
        (said.as_str(), end),
        ("", Ok(())),
        "ended in order at the deadline"
    );
    wait_for_descriptors(&tls.server, before);
}

#[test]
fn older_versions_are_told_so() {
    let tls = TlsServer::start();
    for minor in 1..=2 {
        // A hello of TLS 1.0 and 1.1, by hand: version, random, no session, two suites, no compression, groups, point
        // formats, signatures.
        let body = [
            &[3, minor][..],
            &[7; 32],
            &[0],
            &[0, 4, 0xC0, 0x13, 0x00, 0x2F],
            &[1, 0],
            &[0, 22],
            &[0x00, 0x0A, 0, 4, 0, 2, 0x00, 0x17],
            &[0x00, 0x0B, 0, 2, 1, 0],
            &[0x00, 0x0D, 0, 4, 0, 2, 0x04, 0x03],
        ]
        .concat();
        let length = body.len() as u8;
        let hello = [
            &[HANDSHAKE, 3, minor.min(1), 0, length + 4, 1, 0, 0, length][..],
            &body,
        ]
        .concat();
        let mut socket = open(tls.server.address());
        socket.write_all(&hello).expect("taken");
        let answer = to_end(socket);
        assert_eq!(
            (answer[0], answer[6]),
            (ALERT, PROTOCOL_VERSION),
            "3.{minor}: {answer:?}"
        );
    }
    tls.server.wait_for_log("TLS failed");
    tls.guest("ann").check_alive();
}

#[test]
fn garbage_is_refused_before_and_after_the_handshake() {
    let tls = TlsServer::start();
    let mut good = tls.guest("good");
    let mut random: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut garbage = |length: usize| -> Vec<u8> {
        let bytes = (0..length).map(|_| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 32) as u8
        });
        bytes.collect()
    };
    for length in [4, 5, 100, 5000, 70_000] {
        let mut socket = open(tls.server.address());
        let _ = socket.write_all(&[&[HANDSHAKE][..], &garbage(length)].concat());
        let _ = socket.shutdown(Shutdown::Write);
        to_end(socket);
        // The same behind a good head, so that it is the content that is wrong.
        let mut socket = open(tls.server.address());
        let record = length.min(16_384) as u16;
        let head = [&[HANDSHAKE, 3, 1][..], &record.to_be_bytes()].concat();
        let _ = socket.write_all(&[head, garbage(usize::from(record))].concat());
        let _ = socket.shutdown(Shutdown::Write);
        to_end(socket);
    }
    // Between good records: the connection ends, and what came before counts.
    let mut client = tls.guest("ann");
    client.join("den", "");
    client.send("SEND;a;den;before");
    client.until("OK;a;");
    let record = [&[0x17, 3, 3, 0, 40][..], &garbage(40)].concat();
    client.socket.write_all(&record).expect("taken");
    let error = loop {
        match client.try_line() {
            Ok(_) => {}
            Err(why) => break why,
        }
    };
    assert_eq!(
        error,
        crate::support::Stop::Broken(std::io::ErrorKind::InvalidData),
        "an alert"
    );
    tls.server.wait_for_log("cannot decrypt peer's message");
    good.check_alive();
    assert!(!tls.server.log_text().contains("panic"));
}

#[test]
fn what_is_said_within_is_told_apart_as_without() {
    let tls = TlsServer::with(|builder| {
        let builder = builder.set("legacy.enabled", "true");
        builder
            .set("legacy.auth_port", 0)
            .set("legacy.message_port", 0)
    });
    let mut http = client_config(&tls.pair, versions::BOTH);
    http.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut browser = tls.connect_with(http);
    browser.send_bytes(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let (answer, end) = browser.until_end();
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert_eq!(end, Ok(()));

    let mut original = tls.connect();
    original.send_bytes(b"Ping");
    assert_eq!(original.until_end(), (String::new(), Ok(())));
    tls.server
        .wait_for_log("an original client's log-in over TLS");

    let hello = client_hello(&tls, versions::BOTH);
    let mut nested = tls.connect();
    nested.send_bytes(&hello);
    assert_eq!(nested.until_end(), (String::new(), Ok(())));
    tls.server.wait_for_log("TLS within TLS");

    let mut split = tls.connect();
    split.send_bytes(b"PI");
    split.send_bytes(b"NG;p;in two\n");
    split.expect("PONG;p;in two");

    let mut strange = client_config(&tls.pair, versions::BOTH);
    strange.alpn_protocols = vec![b"irc".to_vec()];
    let socket = open(tls.server.address());
    assert!(super::TlsClient::over(socket, Arc::new(strange)).is_err());
}

#[test]
fn without_a_certificate_the_log_says_how_to_get_one() {
    let server = Server::start();
    let mut socket = open(server.address());
    socket
        .write_all(b"\x16\x03\x01\x02\x00\x01")
        .expect("taken");
    assert_eq!(to_end(socket), b"");
    server.wait_for_log("TLS connection refused: there is no certificate; `gencomm certs make`");
}
