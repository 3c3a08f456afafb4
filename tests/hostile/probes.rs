//! Clients that speak something else, or stop in the middle.

use crate::support::{Gc2, Server, fresh_address};

#[test]
fn http_is_answered_in_http_and_closed() {
    let server = Server::start();
    let mut good = server.member("good", "den");
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
        "OPTIONS * HTTP/1.0\r\n\r\n",
    ] {
        let mut probe = server.connect();
        probe.send_bytes(request.as_bytes());
        let answer = String::from_utf8(probe.bytes_to_end()).expect("text");
        assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
        let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        assert_eq!(length, Some(body.len().to_string().as_str()), "{answer:?}");
    }
    server.wait_for_log("HTTP on the chat port");
    good.check_alive();
    server
        .guest("ann")
        .ask("GET;g;1", "ERR;g;not-found;there is no such message");
}

#[test]
fn tls_is_closed_with_a_logged_reason() {
    let server = Server::start();
    let mut probe = server.connect();
    probe.send_bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on");
    assert_eq!(probe.bytes_to_end(), b"");
    server.wait_for_log("TLS is not offered");
    server.guest("ann").check_alive();
}

#[test]
fn an_original_client_is_refused_where_the_gate_is_closed() {
    let server = Server::start();
    for hello in ["Ping", "Ping\n", "Ping\r\n"] {
        let mut probe = server.connect();
        probe.send_bytes(hello.as_bytes());
        assert_eq!(probe.bytes_to_end(), b"");
    }
    server.wait_for_log("legacy");
    let mut split = server.connect();
    split.send_bytes(b"Pi");
    server.guest("ann").check_alive();
    split.send_bytes(b"ng");
    assert_eq!(split.bytes_to_end(), b"");
}

#[test]
fn half_a_line_and_then_silence_is_ended_by_the_heartbeat() {
    let server = Server::builder()
        .set("heartbeat.interval", "300ms")
        .set("heartbeat.timeout", "300ms")
        .start();
    let mut half = server.guest("half");
    half.answers_pings = false;
    half.send_bytes(b"SEND;s;den;and then");
    half.until("BYE;timeout;0");
    assert_eq!(half.until_closed(), [""; 0]);
    server.guest("ann").check_alive();
}

#[test]
fn random_bytes_end_no_more_than_their_own_connection() {
    let server = Server::start();
    let mut good = server.member("good", "den");
    let mut random: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..40 {
        let mut probe = server.connect();
        let bytes: Vec<u8> = (0..5000)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random >> 32) as u8
            })
            .collect();
        probe.send_bytes(&bytes);
        probe.close_sending();
        let _ = probe.bytes_to_end();
    }
    good.check_alive();
    assert!(!server.log_text().contains("panic"));
}

#[test]
fn too_many_connections_are_refused_with_a_reason_until_one_ends() {
    let server = Server::builder().set("limits.connections", 5).start();
    let mut inside: Vec<Gc2> = (0..5).map(|at| server.guest(&format!("g{at}"))).collect();
    for _ in 0..3 {
        let mut refused = server.connect();
        refused.expect_start("ERR;;unavailable;");
        refused.expect_start("BYE;");
        assert_eq!(refused.until_closed(), [""; 0]);
    }
    server.wait_for_log("limits.connections");
    for client in &mut inside {
        client.check_alive();
    }
    drop(inside.pop());
    // The end of a connection is heard of a moment later.
    let mut tries = 0;
    loop {
        let mut late = Gc2::connect_from(server.address(), fresh_address());
        let _ = late.try_send("PING;p;in");
        if late.try_line().is_ok_and(|line| line == "PONG;p;in") {
            break;
        }
        tries += 1;
        assert!(tries < 2000, "never let in again");
    }
}
