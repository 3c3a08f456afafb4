//! A little asked, much to answer; a little done, many to tell. What nobody takes is not piled up.

use std::io::Write;
use std::time::Duration;

use crate::support::{Gc2, Server};

const MIB: u64 = 1024 * 1024;
/// More than what waits for one reader by any limit, and much less than what was asked for.
const GROWN_MAX: u64 = 32 * MIB;

/// Writes as much as the server takes of `lines`, over and over, up to `bytes`; returns how much that was.
fn write_while_taken(client: &Gc2, lines: &str, bytes: usize) -> usize {
    let mut socket = client.stream().try_clone().expect("the socket");
    socket
        .set_write_timeout(Some(Duration::from_millis(500)))
        .expect("a timeout");
    let mut written = 0;
    while written < bytes {
        match socket.write(lines.as_bytes()) {
            Ok(taken) => written += taken,
            Err(_) => break,
        }
    }
    written
}

#[test]
fn answers_a_hundred_thousand_times_as_long_as_their_questions_are_not_computed_ahead() {
    let server = Server::builder().set("limits.rooms", 2000).start();
    let mut good = server.member("good", "den");
    let text: String = (0..400)
        .map(|n| format!("SEND;s{n};den;{}\n", "x".repeat(4000)))
        .collect();
    let mut socket = good.stream().try_clone().expect("the socket");
    let writing = std::thread::spawn(move || socket.write_all(text.as_bytes()));
    for n in 0..400 {
        good.until(&format!("OK;s{n};"));
    }
    writing.join().expect("a writer").expect("all is taken");
    let mut bad = Gc2::connect_with_buffer(server.address(), 4096);
    bad.login("bad");
    let before = server.resident_bytes();
    // Each question is answered with more than a megabyte, and there are thousands of them.
    let questions =
        "HISTORY;h;den;;1000\nHISTORY;h;den;after=0;1000\nROOMS;r\nWHO;w;den\n".repeat(100);
    write_while_taken(&bad, &questions, 1_000_000);
    for _ in 0..20 {
        good.check_alive();
    }
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < GROWN_MAX, "grew by {} MiB", grown / MIB);
    good.send("HISTORY;mine;den;;1");
    good.until("OK;mine;1");
}

#[test]
fn who_does_not_read_is_not_waited_for_in_a_storm_of_comings_and_goings() {
    let server = Server::start();
    let mut listener = Gc2::connect_with_buffer(server.address(), 4096);
    listener.send("HELLO;h;2;tests;presence=on");
    listener.expect_start("WELCOME;");
    listener.login("listener");
    listener.join("den", "");
    let mut good = server.member("good", "quiet");
    let mut storm = server.guest("storm");
    let before = server.resident_bytes();
    const ROUNDS: usize = 30_000;
    let text: String = "JOIN;j;den;\nPART;p;den\n".repeat(ROUNDS);
    let mut socket = storm.stream().try_clone().expect("the socket");
    let writing = std::thread::spawn(move || socket.write_all(text.as_bytes()));
    for round in 0..ROUNDS {
        storm.expect("OK;j;den;0");
        storm.expect("OK;p;den");
        if round % 10_000 == 0 {
            good.check_alive();
        }
    }
    writing.join().expect("a writer").expect("all is taken");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < GROWN_MAX, "grew by {} MiB", grown / MIB);
    // Who was not listening hears the rest, and is served as before.
    let id = good_says(&server);
    listener.until(&format!("MSG;den;{id};"));
    listener.check_alive();
}

fn good_says(server: &Server) -> u64 {
    server
        .member("speaker", "den")
        .say("den", "s", "still here")
}
