//! One client in ten thousand rooms.

use std::collections::HashSet;

use super::{MIB, mib};
use crate::support::{Gc2, Server, rounds};

/// Joins in one write.
const AT_ONCE: usize = 500;

fn join_all(client: &mut Gc2, count: usize) {
    for from in (0..count).step_by(AT_ONCE) {
        let to = (from + AT_ONCE).min(count);
        let lines: String = (from..to).map(|at| format!("JOIN;j;room{at};\n")).collect();
        client.send_bytes(lines.as_bytes());
        for at in from..to {
            let line = client.line();
            assert!(line.starts_with(&format!("OK;j;room{at};")), "{line:?}");
        }
    }
}

#[test]
fn ten_thousand_rooms_of_one_client_cost_little_and_are_freed() {
    let count = rounds("GENCOMM_ROOMS", 2_000, 10_000);
    let server = Server::builder().set("storage.durability", "os").start();
    let mut ann = server.guest("ann");
    let mut bob = server.guest("bob");
    bob.join("room7", "");
    let before = server.resident_bytes();
    join_all(&mut ann, count);
    let joined = server.resident_bytes();
    ann.send("WHO;w;room7");
    assert_eq!(
        ann.until("OK;w;2").0,
        ["USER;w;ann;guest", "USER;w;bob;guest"]
    );
    // A message in each, once and to the right room.
    for from in (0..count).step_by(AT_ONCE) {
        let to = (from + AT_ONCE).min(count);
        let lines: String = (from..to)
            .map(|at| format!("SEND;;room{at};in {at}\n"))
            .collect();
        ann.send_bytes(lines.as_bytes());
        let mut heard = HashSet::new();
        while heard.len() < to - from {
            let line = ann.expect_start("MSG;room");
            let room = line.split(';').nth(1).unwrap_or_default();
            let at = room.strip_prefix("room").unwrap_or_default().to_owned();
            assert!(line.ends_with(&format!(";ann;in {at}")), "{line:?}");
            assert!(heard.insert(at), "{line:?} came twice");
        }
    }
    bob.expect_start("MSG;room7;");
    let spoken = server.resident_bytes();
    // Half of them by word, the rest by leaving.
    let lines: String = (0..count / 2)
        .map(|at| format!("PART;p;room{at}\n"))
        .collect();
    let mut socket = ann.stream().try_clone().expect("the socket");
    let writing = std::thread::spawn(move || {
        std::io::Write::write_all(&mut socket, lines.as_bytes()).expect("taken");
    });
    for at in 0..count / 2 {
        ann.expect(&format!("OK;p;room{at}"));
    }
    writing.join().expect("the writer");
    ann.ask("BYE;b", "BYE;bye;0");
    drop(ann);
    let mut again = server.guest("again");
    join_all(&mut again, count);
    let second = server.resident_bytes();
    drop(again);
    println!(
        "{count} rooms: {:.2} KiB for each joined, {:.2} KiB more with a message in each; the second time {} instead of {}",
        (joined.saturating_sub(before)) as f64 / 1024.0 / count as f64,
        (spoken.saturating_sub(joined)) as f64 / 1024.0 / count as f64,
        mib(second),
        mib(spoken),
    );
    assert!(
        joined - before < 8 * 1024 * count as u64 + 8 * MIB,
        "{}",
        mib(joined - before)
    );
    assert!(
        second < spoken + 8 * MIB,
        "{} after {}",
        mib(second),
        mib(spoken)
    );
    bob.check_alive();
}

#[test]
fn one_room_more_than_allowed_is_refused_and_the_limit_named() {
    let server = Server::builder()
        .set("limits.rooms_per_client", 100)
        .start();
    let mut ann = server.guest("ann");
    join_all(&mut ann, 100);
    ann.send("JOIN;x;more;");
    let line = ann.expect_start("ERR;x;");
    assert!(line.contains("limits.rooms_per_client"), "{line:?}");
    ann.ask("PART;p;room50", "OK;p;room50");
    ann.ask("JOIN;x;more;", "OK;x;more;0");
}
