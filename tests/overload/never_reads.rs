//! A reader that never reads while much passes.

use std::time::{Duration, Instant};

use super::{MIB, forget_peak, mib, peak_bytes};
use crate::support::{Gc2, Server, number, rounds};

const BODY_BYTES: usize = 8000;
/// Messages on their way at a time: 128 KB.
const WINDOW: usize = 16;

/// Says so many messages in `den`; returns how long that took until the listener had them all, and their ids.
fn pass(speaker: &mut Gc2, listener: &mut Gc2, count: usize) -> (Duration, Vec<u64>) {
    let body = "x".repeat(BODY_BYTES);
    let line = format!("SEND;;den;{body}\n");
    let begun = Instant::now();
    let mut ids = Vec::with_capacity(count);
    let mut sent = 0;
    while ids.len() < count {
        while sent < count && sent < ids.len() + WINDOW {
            speaker.send_bytes(line.as_bytes());
            sent += 1;
        }
        let heard = listener.expect_start("MSG;den;");
        ids.push(number(&heard, 2));
        // It hears itself.
        speaker.expect_start("MSG;den;");
    }
    (begun.elapsed(), ids)
}

#[test]
fn costs_bounded_memory_and_disturbs_nobody_and_then_gets_it_all() {
    let megabytes = rounds("GENCOMM_PASSING_MB", 32, 1000);
    let count = megabytes * 1_000_000 / BODY_BYTES;
    let server = Server::builder()
        .set("storage.durability", "os")
        .set("storage.journal_bytes", "8MiB")
        .start();
    let mut speaker = server.member("speaker", "den");
    let mut listener = server.member("listener", "den");
    let mut stopped = Gc2::connect_with_buffer(server.address(), 16 * 1024);
    stopped.login("stopped");
    stopped.join("den", "");
    // Everybody reads: to warm up, and to compare with.
    let warm = (count / 10).max(100);
    let mut alone = Duration::ZERO;
    for _ in 0..2 {
        let reading = std::thread::spawn(move || {
            for _ in 0..warm {
                stopped.expect_start("MSG;den;");
            }
            stopped
        });
        alone = pass(&mut speaker, &mut listener, warm).0;
        stopped = reading.join().expect("the reader");
    }
    let before = server.resident_bytes();
    forget_peak(&server);
    let (beside, ids) = pass(&mut speaker, &mut listener, count);
    let peak = peak_bytes(&server).saturating_sub(before);
    let (alone, beside) = (
        warm as f64 / alone.as_secs_f64(),
        count as f64 / beside.as_secs_f64(),
    );
    println!(
        "{megabytes} MB past a reader that does not read: at most {} more; others {beside:.0}/s instead of {alone:.0}/s, {:.0} %",
        mib(peak),
        100.0 * beside / alone
    );
    // A tail of 4 MiB, the index of the segment that is written, buffers.
    assert!(peak < 32 * MIB, "grew by {}", mib(peak));
    assert!(beside > alone / 4.0, "{beside} instead of {alone}");
    // It reads on, and has everything once and in order.
    let begun = Instant::now();
    forget_peak(&server);
    for id in &ids {
        let line = stopped.expect_start("MSG;den;");
        assert_eq!(number(&line, 2), *id);
    }
    let peak = peak_bytes(&server).saturating_sub(before);
    println!(
        "and read on: all in {:?}, at most {} more",
        begun.elapsed(),
        mib(peak)
    );
    assert!(peak < 32 * MIB, "grew by {}", mib(peak));
    stopped.check_alive();
}
