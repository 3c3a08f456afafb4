//! Who is not logged in has little time and few bytes.

use std::time::{Duration, Instant};

use super::{House, PASSWORD, builder, plain};
use crate::support::{Gc2, PATIENCE, Stop};

#[test]
fn four_kibibytes_and_no_more() {
    let mut house = House::open();
    house.add("alice");
    let mut client = house.server.connect();
    // 4,096 bytes to the last one, and the log-in is the last of them.
    let log_in = plain("alice", PASSWORD);
    let filler = 4096 - log_in.len() - 1;
    let mut text = String::new();
    while text.len() < filler {
        let size = (filler - text.len()).clamp(8, 500);
        text.push_str(&format!("PING;;{:x<1$}\n", "", size - 7));
    }
    assert_eq!(text.len(), filler);
    client.send_bytes(text.as_bytes());
    client.send(&log_in);
    client.until("OK;a;alice;");
    client.check_alive();

    // One byte more.
    let mut client = house.server.connect();
    client.send_bytes(format!("PING;;xx\n{}", &text[8..]).as_bytes());
    client.send(&log_in);
    let said = client.until_closed();
    let tail: Vec<&str> = said.iter().rev().take(2).map(String::as_str).collect();
    assert_eq!(
        tail,
        [
            "BYE;log-in;0",
            "ERR;;too-large;log in within 4096 bytes (auth.bytes)"
        ]
    );
}

/// Wrong log-ins count, lines that are no lines count, and what comes after the end is not looked at.
#[test]
fn whatever_is_said_counts() {
    let house = House::open();
    for line in [
        "AUTH;a;GUEST;.",
        "NONSENSE",
        "",
        "REGISTER;a;bob;*",
        "\u{1}\u{2}\u{3}",
    ] {
        let mut client = house.server.connect();
        let text = format!("{line}\n").repeat(8000 / (line.len() + 1));
        let mut socket = client.stream().try_clone().expect("the socket");
        let writing = std::thread::spawn(move || {
            use std::io::Write;
            // The server may be gone before the end.
            let _ = socket.write_all(text.as_bytes());
            let _ = socket.write_all(b"AUTH;late;GUEST;gus\n");
        });
        let said = client.until_closed();
        assert!(
            !said.iter().any(|it| it.starts_with("OK;late;")),
            "{line}: let in"
        );
        writing.join().expect("the writer");
    }
    house.server.guest("gus").check_alive();
}

#[test]
fn a_drip_is_cut_off_at_the_deadline() {
    let house = House::of(builder().set("auth.deadline", "700ms"));
    for text in [&b"AUTH;a;PLAIN;AAAAAAAAAAAA"[..], b"PING;;x\n"] {
        drip(house.server.address(), text);
    }
    house.server.guest("gus").check_alive();
    // Within a handshake, too: a hello of 508 bytes that comes byte by byte.
    let tls = crate::tls::TlsServer::with(|builder| builder.set("auth.deadline", "700ms"));
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3][..], &[0; 501]].concat();
    drip(tls.server.address(), &hello);
    tls.guest("gus").check_alive();
}

/// Sends a byte every now and then until the server has had enough.
#[track_caller]
fn drip(server: std::net::SocketAddr, text: &[u8]) {
    let mut client = Gc2::connect(server);
    let begun = Instant::now();
    for byte in text.iter().cycle() {
        assert!(begun.elapsed() < PATIENCE, "{text:?} was never cut off");
        if std::io::Write::write_all(&mut client.stream(), &[*byte]).is_err() {
            break;
        }
        match client.try_line_bytes(Duration::from_millis(40)) {
            Ok(_) | Err(Stop::TimedOut) => {}
            Err(_) => break,
        }
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(600),
        "{text:?} was cut off early"
    );
}

/// Also one that has begun a log-in, and one that asks again and again.
#[test]
fn a_log_in_has_to_be_done_by_then() {
    let mut house = House::of(
        builder()
            .set("auth.deadline", "700ms")
            .set("auth.scram", "true"),
    );
    house.add("alice");
    let mut half = house.server.connect();
    half.send(&super::scram::step("SCRAM-SHA-256", "n,,n=alice,r=nonce"));
    half.expect_start("AUTH;a;SCRAM-SHA-256;");
    let mut wrong = house.send("AUTH;a;GUEST;.");
    wrong.expect_start("ERR;a;bad-request;");
    for client in [&mut half, &mut wrong] {
        let said = client.until_closed();
        let [refusal, bye] = &said[..] else {
            panic!("{said:?}");
        };
        assert!(
            refusal.starts_with("ERR;;unauthenticated;log in within 0.7 s"),
            "{refusal}"
        );
        assert_eq!(bye, "BYE;timeout;0");
    }
}

#[test]
fn a_thousand_that_say_nothing_are_gone_and_hold_nobody_up() {
    let mut house = House::of(builder().set("auth.deadline", "4s"));
    house.add("alice");
    let mut alice = house.enter(&plain("alice", PASSWORD));
    alice.join("den", "");
    for _ in 0..20 {
        house.enter(&plain("alice", PASSWORD)).check_alive();
    }
    let before = house.server.resident_bytes();
    let mut silent: Vec<Gc2> = (0..1000).map(|_| house.server.connect()).collect();
    for at in 0..20 {
        alice.say("den", &format!("t{at}"), "not held up");
        house.enter(&plain("alice", PASSWORD)).check_alive();
    }
    let grown = house.server.resident_bytes().saturating_sub(before);
    assert!(grown < 12 << 20, "grew by {grown} bytes");
    for client in &mut silent {
        assert_eq!(client.until_closed(), [""; 0]);
    }
    alice.check_alive();
}
