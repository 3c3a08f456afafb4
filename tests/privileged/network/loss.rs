//! Packets that are lost now and then.

use std::time::{Duration, Instant};

use super::space::{self, Link, Space, connect, member};
use super::travellers::{self, Journey};
use crate::support::{load, rounds};

#[test]
fn with_three_of_ten_packets_lost_nothing_is_lost_doubled_or_out_of_order() {
    if !space::is_possible() {
        return;
    }
    let seconds = rounds("GENCOMM_LOSS_SECONDS", 8, 30) as u64;
    let space = Space::new();
    // So short that somebody is sent away now and then, and comes back.
    let server = space.serve(
        load::builder()
            .set("heartbeat.interval", "1s")
            .set("heartbeat.timeout", "2s"),
    );
    let (near, far) = (
        space.address(&server, Link::Near),
        space.address(&server, Link::Far),
    );
    let mut witness = space.on(Link::Near, || connect(near));
    witness.login("witness");
    witness.join("den", "");
    space.lose(3);
    let journey = Journey::new(
        far,
        Duration::from_secs(4),
        Duration::from_secs(seconds + 240),
    );
    let (senders, readers) = space.on(Link::Far, || {
        let pace = Duration::from_millis(2);
        let senders: Vec<_> = (0..6)
            .map(|at| travellers::send(&journey, &format!("s{at}"), pace))
            .collect();
        let readers: Vec<_> = (0..6)
            .map(|at| travellers::read(&journey, &format!("r{at}")))
            .collect();
        (senders, readers)
    });
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) || journey.kept() < 50 {
        assert!(
            begun.elapsed() < Duration::from_secs(seconds + 60),
            "only {} kept",
            journey.kept()
        );
        std::thread::sleep(Duration::from_millis(100));
        // The one on the other link is served all the while.
        witness.check_alive();
    }
    let outcome = travellers::finish(&journey, senders, readers, || {
        space.on(Link::Near, || member(near, "checker", "den"))
    });
    println!(
        "{} messages in {seconds} s, 12 clients came in {} times",
        outcome.messages, outcome.entries
    );
}
