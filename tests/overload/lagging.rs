//! A shard that stands still while others go on.

use std::time::{Duration, Instant};

use super::{MIB, forget_peak, mib, peak_bytes};
use crate::support::{Gc2, Server, number, rounds};

const QUEUE_MIB: u64 = 4;
const BODY_BYTES: usize = 8000;
/// How long `PROVOKE` has a shard stand still.
const STANDS_STILL: Duration = Duration::from_secs(8);

/// What the shard has not heard waits for it in memory; without a bound that would be all that the others say meanwhile.
#[test]
fn what_it_has_not_heard_is_bounded_by_the_queue_before_the_log() {
    let megabytes = rounds("GENCOMM_LAGGING_MB", 100, 400) as u64;
    let count = megabytes * 1_000_000 / BODY_BYTES as u64;
    let server = Server::builder()
        .set("server.shards", 2)
        .set("storage.durability", "os")
        .set("storage.journal_bytes", "8MiB")
        .set("limits.log_queue_bytes", format!("{QUEUE_MIB}MiB"))
        .start();
    // The kernel spreads connections: some are on either shard. The speaker is alone in its room.
    let mut all: Vec<Gc2> = (0..12)
        .map(|at| server.member(&format!("c{at}"), &format!("r{at}")))
        .collect();
    let mut stopper = server.guest("stopper");
    stopper.send("PROVOKE;p;nap");
    let paused = Instant::now();
    for client in &mut all {
        client.send("PING;p;x");
    }
    // Who is on that shard is not answered.
    let is_elsewhere = |client: &mut Gc2| {
        client
            .try_line_bytes(Duration::from_millis(200))
            .is_ok_and(|line| line == b"PONG;p;x")
    };
    let speaker = all
        .iter_mut()
        .position(is_elsewhere)
        .expect("all are on one shard");
    let (room, mut speaker) = (format!("r{speaker}"), all.swap_remove(speaker));
    let before = server.resident_bytes();
    forget_peak(&server);
    let mut socket = speaker.stream().try_clone().expect("the socket");
    let line = format!("SEND;;{room};{}\n", "x".repeat(BODY_BYTES));
    let writing = std::thread::spawn(move || {
        for _ in 0..count {
            std::io::Write::write_all(&mut socket, line.as_bytes()).expect("taken");
        }
    });
    let (mut last, mut heard_meanwhile) = (0, 0);
    for _ in 0..count {
        let id = number(&speaker.expect_start(&format!("MSG;{room};")), 2);
        assert!(id > last, "{id} after {last}");
        last = id;
        heard_meanwhile += u64::from(paused.elapsed() < STANDS_STILL);
    }
    writing.join().expect("the writer");
    let peak = peak_bytes(&server).saturating_sub(before);
    println!(
        "{megabytes} MB, {heard_meanwhile} of {count} messages while a shard stood still: at most {} more",
        mib(peak)
    );
    // The queue, what a request takes beside its bytes and once encoded, and a tail.
    assert!(
        peak < 6 * QUEUE_MIB * MIB + 16 * MIB,
        "grew by {}",
        mib(peak)
    );
    stopper.expect("OK;p;nap");
}
