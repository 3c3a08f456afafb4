//! A slow reader loses nothing and costs bounded memory; a silent one is sent away.

use crate::support::{Gc2, Senders, Server, number};

const MIB: u64 = 1024 * 1024;

/// What the server may grow by beside its tails: buffers of connections, groups on their way, the index of the active segment.
const SLACK_BYTES: u64 = 28 * MIB;

#[test]
fn who_stops_for_60_megabytes_gets_every_message_and_is_not_evicted() {
    let server = Server::builder()
        .set("heartbeat.interval", "1s")
        .set("heartbeat.timeout", "2s")
        .set("storage.journal_bytes", "8MiB")
        .set("storage.durability", "os")
        .start();
    let mut slow = Gc2::connect_with_buffer(server.address(), 16 * 1024);
    slow.login("slow");
    slow.join("den", "after=0");
    let before = server.resident_bytes();
    let mut highest = before;
    let padding = ".".repeat(7 * 1024);
    let senders = Senders::with_body(server.address(), "den", 8, &padding);
    // 60 MB of lines; the senders are members and hear them too.
    let wanted = 60_000_000 / padding.len();
    let mut step = 0;
    while step < wanted {
        step = (step + 500).min(wanted);
        senders.wait_for(step);
        highest = highest.max(server.resident_bytes());
    }
    let report = senders.finish();
    assert!(report.refused.is_empty() && report.unanswered.is_empty());
    // It stays away for longer than a silent client may, by the server's own clock.
    let mut witness = server.guest("witness");
    witness.answers_pings = false;
    for _ in 0..4 {
        let ping = witness.expect_start("PING;");
        witness.send(&ping.replace("PING", "PONG"));
    }
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    for (at, id) in expected.iter().enumerate() {
        let line = slow.line();
        assert!(
            line.starts_with("MSG;den;"),
            "{:?}",
            &line[..line.len().min(80)]
        );
        assert_eq!(number(&line, 2), *id, "message {at}");
        if at % 500 == 0 {
            highest = highest.max(server.resident_bytes());
        }
    }
    slow.check_alive();
    let grown = highest - before;
    assert!(grown < 4 * MIB + SLACK_BYTES, "grew by {} MiB", grown / MIB);
}

#[test]
fn many_slow_readers_share_what_they_wait_for() {
    let server = Server::builder()
        .set("storage.durability", "os")
        .set("storage.journal_bytes", "8MiB")
        .start();
    let mut readers: Vec<Gc2> = (0..30)
        .map(|at| {
            let mut reader = Gc2::connect_with_buffer(server.address(), 16 * 1024);
            reader.login(&format!("slow{at}"));
            reader.join("den", "");
            reader
        })
        .collect();
    let before = server.resident_bytes();
    let senders = Senders::with_body(server.address(), "den", 4, &".".repeat(7 * 1024));
    senders.wait_for(1500);
    let report = senders.finish();
    let mut expected: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    expected.sort_unstable();
    let writing = server.resident_bytes();
    // All catch up at the same time, in turns.
    for id in &expected {
        for reader in &mut readers {
            assert_eq!(number(&reader.line(), 2), *id);
        }
    }
    let grown = server.resident_bytes().max(writing).saturating_sub(before);
    assert!(grown < 4 * MIB + SLACK_BYTES, "grew by {} MiB", grown / MIB);
}

#[test]
fn a_silent_client_is_asked_and_then_sent_away() {
    let server = Server::builder()
        .set("heartbeat.interval", "300ms")
        .set("heartbeat.timeout", "300ms")
        .start();
    let mut silent = server.guest("silent");
    silent.answers_pings = false;
    let ping = silent.expect_start("PING;;");
    assert_eq!(ping.split(';').count(), 3);
    silent.expect("BYE;timeout;0");
    assert_eq!(silent.until_closed(), [""; 0]);

    // Any line counts as life, for as long as it comes.
    let server = Server::builder()
        .set("heartbeat.interval", "300ms")
        .set("heartbeat.timeout", "20s")
        .start();
    let mut busy = server.guest("busy");
    busy.answers_pings = false;
    for _ in 0..4 {
        busy.expect_start("PING;;");
        busy.send("WHO;w;lobby");
        busy.until("OK;w;0");
    }
}

#[test]
fn who_does_not_log_in_is_sent_away_at_the_deadline() {
    let server = Server::builder().set("auth.deadline", "1500ms").start();
    let mut mute = server.connect();
    let mut chatty = server.connect();
    let mut half = server.connect();
    half.send_bytes(b"Pin");
    chatty.send("PING;p;");
    chatty.expect("PONG;p;");
    chatty.expect_start("ERR;;unauthenticated;");
    chatty.expect("BYE;timeout;0");
    for client in [&mut chatty, &mut mute, &mut half] {
        assert_eq!(client.until_closed(), [""; 0]);
    }
    server.guest("ann").check_alive();
}
