//! A reader behind a link that is far slower than what is said.

use std::time::{Duration, Instant};

use super::space::{self, Link, Space, member};
use crate::support::privileges::{self, Need};
use crate::support::{Gc2, Server, fresh_tag, rounds};

/// What the link takes.
const LINK_BYTES: u32 = 10 * 1024;
const MIB: u64 = 1024 * 1024;

/// Says so many messages, each when the one before was answered and heard by `fast`: how long the whole takes, and their ids.
fn talk(speaker: &mut Gc2, fast: &mut Gc2, rounds: usize, body: &str) -> (Duration, Vec<u64>) {
    let begun = Instant::now();
    let say = |_| {
        let id = speaker.say("den", &fresh_tag(), body);
        fast.expect_start(&format!("MSG;den;{id};"));
        id
    };
    let ids = (0..rounds).map(say).collect();
    (begun.elapsed(), ids)
}

#[test]
fn a_reader_behind_a_slow_link_loses_nothing_and_disturbs_nobody() {
    if !space::is_possible() || !privileges::has(&[Need::Tool("tc")]) {
        return;
    }
    let messages = rounds("GENCOMM_SLOW_MESSAGES", 150, 1500);
    let space = Space::new();
    let server = space.serve(
        Server::builder()
            .set("heartbeat.interval", "2s")
            .set("heartbeat.timeout", "2s")
            .set("rooms.tail_bytes", "64KiB"),
    );
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut speaker = space.on(Link::Near, || member(near, "speaker", "den"));
    let mut fast = space.on(Link::Near, || member(near, "fast", "den"));
    let body = "x".repeat(1000);
    let (alone, _) = talk(&mut speaker, &mut fast, messages, &body);
    let mut slow = space.on(Link::Far, || member(far, "slow", "den"));
    space.slow_down(LINK_BYTES);
    let before = server.resident_bytes();
    let begun = Instant::now();
    // It reads all the while.
    let slow_reader = std::thread::spawn(move || {
        let mut ids = Vec::new();
        while ids.len() < messages {
            // The next line may be long in coming, and is cut into many pieces.
            let line = slow.expect_start("MSG;den;");
            ids.push(crate::support::number(&line, 2));
        }
        ids
    });
    let (beside, second) = talk(&mut speaker, &mut fast, messages, &body);
    let heard = slow_reader.join().expect("the slow reader");
    let took = begun.elapsed();
    assert_eq!(heard, second);
    let grown = server.resident_bytes().saturating_sub(before);
    let bytes = messages as u64 * 1040;
    println!(
        "{messages} messages of 1,000 bytes: {alone:?} without and {beside:?} beside a reader at {LINK_BYTES} bytes/s, which had them after {took:?}; grew by {} KiB",
        grown / 1024
    );
    assert!(grown < 16 * MIB, "grew by {} MiB", grown / MIB);
    // It was slow indeed, as its link is: a socket's buffer holds what has not passed yet.
    let least = Duration::from_secs(bytes / u64::from(LINK_BYTES) / 2);
    assert!(took > least, "{took:?}");
    assert!(
        beside < 10 * alone + Duration::from_secs(2),
        "{beside:?} instead of {alone:?}"
    );
}
