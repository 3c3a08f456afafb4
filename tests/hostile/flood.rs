//! Too much at once.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::{Gc2, Server, number};

const MIB: u64 = 1024 * 1024;

/// Writes from a thread of its own, so that the test can read meanwhile.
fn write_aside(client: &Gc2, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
    let mut socket = client.stream().try_clone().expect("the socket");
    std::thread::spawn(move || socket.write_all(&bytes).expect("the server reads on"))
}

#[test]
fn a_hundred_thousand_pings_in_one_write_are_all_answered() {
    let server = Server::start();
    let mut good = server.member("good", "den");
    let mut bad = server.guest("bad");
    let text: String = (0..100_000).map(|at| format!("PING;p{at};x\n")).collect();
    let writing = write_aside(&bad, text.into_bytes());
    for at in 0..100_000 {
        if at % 20_000 == 0 {
            good.check_alive();
        }
        bad.expect(&format!("PONG;p{at};x"));
    }
    writing.join().expect("the writer");
    bad.check_alive();
}

#[test]
fn a_hundred_thousand_sends_in_one_write_are_all_answered_in_order() {
    let server = Server::start();
    let mut good = server.member("good", "quiet");
    let mut bad = server.member("bad", "den");
    let text: String = (0..100_000)
        .map(|at| format!("SEND;t{at};den;n{at}\n"))
        .collect();
    let writing = write_aside(&bad, text.into_bytes());
    let (mut answered, mut told, mut last) = (0, 0, 0);
    while answered < 100_000 || told < 100_000 {
        let line = bad.line();
        if line.starts_with("OK;") {
            assert!(line.starts_with(&format!("OK;t{answered};")), "{line:?}");
            answered += 1;
            if answered % 20_000 == 0 {
                good.say("quiet", &format!("q{answered}"), "not held up");
            }
        } else {
            let id = number(&line, 2);
            assert!(
                id > last && line.ends_with(&format!(";bad;n{told}")),
                "{line:?}"
            );
            (last, told) = (id, told + 1);
        }
    }
    writing.join().expect("the writer");
    good.check_alive();
}

#[test]
fn answers_that_nobody_reads_are_not_piled_up() {
    let server = Server::start();
    let mut good = server.member("good", "den");
    let mut bad = Gc2::connect_with_buffer(server.address(), 4096);
    bad.login("bad");
    let before = server.resident_bytes();
    // Up to 64 MB of answers, which nobody takes: the server stops reading, so the writer stands still at some point.
    let line = format!("PING;;{}\n", "y".repeat(8000));
    let mut socket = bad.stream().try_clone().expect("the socket");
    socket
        .set_write_timeout(Some(std::time::Duration::from_millis(500)))
        .expect("a timeout");
    let mut written = 0_usize;
    while written < 64_000_000 {
        match socket.write(line.as_bytes()) {
            Ok(bytes) => written += bytes,
            Err(_) => break,
        }
    }
    assert!(written < 64_000_000, "all of it was taken");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 * MIB, "grew by {} MiB", grown / MIB);
    good.check_alive();
}

#[test]
fn a_megabyte_without_newline_is_not_kept() {
    let server = Server::start();
    let mut good = server.member("good", "den");
    let mut bad = server.member("bad", "den");
    let before = server.resident_bytes();
    bad.send_bytes(b"SEND;big;den;");
    for _ in 0..64 {
        bad.send_bytes(&vec![b'x'; 1024 * 1024]);
    }
    // Answered as soon as it is too long, not only at its end.
    bad.expect_start("ERR;big;too-large;");
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 16 * MIB, "grew by {} MiB", grown / MIB);
    bad.send_bytes(b"\nPING;p;on we go\n");
    bad.expect("PONG;p;on we go");
    let id = bad.say("den", "s", "small");
    good.until(&format!("MSG;den;{id};"));

    // Before the log-in too, where nobody knows yet what is spoken.
    let mut stranger = server.connect();
    stranger.send_bytes(&vec![b'A'; 1024 * 1024]);
    stranger.expect_start("ERR;;too-large;");
    stranger.send_bytes(b"\nPING;p;x\n");
    stranger.expect("PONG;p;x");
}

#[test]
fn joining_and_parting_a_thousand_times_leaves_nothing_behind() {
    let server = Server::start();
    let mut bad = server.guest("bad");
    let text: String = (0..1000)
        .map(|at| format!("JOIN;j;r{0};\nPART;p;r{0}\n", at % 100))
        .collect();
    let writing = write_aside(&bad, text.into_bytes());
    for at in 0..1000 {
        bad.expect(&format!("OK;j;r{};0", at % 100));
        bad.expect(&format!("OK;p;r{}", at % 100));
    }
    writing.join().expect("the writer");
    bad.ask("ROOMS;r", "OK;r;0");
}

/// What one turn of a client takes in, at most.
const TURN_BYTES: u64 = 128 * 1024;
/// So many turns of those who flood may come before the answer to one who does not.
const TURNS_BETWEEN: u64 = 20;

#[test]
fn who_asks_for_little_does_not_wait_behind_those_who_ask_without_end() {
    let server = Server::builder()
        .set("server.shards", "1")
        .set("heartbeat.interval", "300s")
        .start();
    let mut quiet = server.guest("quiet");
    let (stop, answered) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
    let flood = |n| {
        let client = server.guest(&format!("bad{n}"));
        let (mut writer, mut reader) = [(); 2]
            .map(|()| client.stream().try_clone().expect("the socket"))
            .into();
        let (stop, answered) = (stop.clone(), answered.clone());
        let writing = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let text = "PING;p;x\n".repeat(10_000);
                while !stop.load(Ordering::Relaxed) && writer.write_all(text.as_bytes()).is_ok() {}
                let _ = writer.shutdown(Shutdown::Both);
            }
        });
        let reading = std::thread::spawn(move || {
            let mut buffer = vec![0; 256 * 1024];
            while let Ok(read) = reader.read(&mut buffer)
                && read > 0
            {
                answered.fetch_add(read as u64, Ordering::Relaxed);
            }
        });
        [writing, reading]
    };
    let threads: Vec<_> = (0..4).flat_map(flood).collect();
    while answered.load(Ordering::Relaxed) < 4 * TURN_BYTES {
        std::thread::yield_now();
    }
    let mut between: Vec<u64> = (0..30)
        .map(|at| {
            let before = answered.load(Ordering::Relaxed);
            quiet.ask(&format!("PING;{at};x"), &format!("PONG;{at};x"));
            answered.load(Ordering::Relaxed) - before
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("no panic");
    }
    between.sort_unstable();
    let median = between[between.len() / 2];
    assert!(median < TURNS_BETWEEN * TURN_BYTES, "{between:?}");
}
