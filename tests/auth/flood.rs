//! Two hundred log-ins a second from one address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{House, OTHER, PASSWORD, plain, strict};
use crate::support::{Gc2, fresh_address};

#[test]
fn a_flood_of_log_ins_is_told_to_wait_and_hurts_nobody_else() {
    let mut house = House::of(strict());
    house.add("alice");
    house.add("bob");
    let mut alice = house.send_from(&plain("alice", PASSWORD), fresh_address());
    alice.expect_start("OK;a;");
    alice.join("den", "");
    let (stop, slowed, looked_at) = (
        Arc::<AtomicBool>::default(),
        Arc::<AtomicUsize>::default(),
        Arc::<AtomicUsize>::default(),
    );
    let flood = {
        let (server, from) = (house.server.address(), fresh_address());
        let (stop, slowed, looked_at) = (stop.clone(), slowed.clone(), looked_at.clone());
        std::thread::spawn(move || {
            for at in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let mut client = Gc2::connect_from(server, from);
                // Ten on each connection.
                for n in 0..10 {
                    client.send(&plain(&format!("n{at}x{n}"), OTHER));
                    let line = client.line();
                    if line.starts_with("ERR;a;rate-limited;") {
                        assert!(line.contains("try again in "), "{line}");
                        slowed.fetch_add(1, Ordering::Relaxed);
                    } else {
                        assert!(line.starts_with("ERR;a;unauthenticated;"), "{line}");
                        looked_at.fetch_add(1, Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        })
    };
    for at in 0..40 {
        alice.say("den", &format!("t{at}"), "not held up");
        let mut bob = house.send_from(&plain("bob", PASSWORD), fresh_address());
        bob.expect_start("OK;a;bob;");
        bob.check_alive();
        if at < 39 && slowed.load(Ordering::Relaxed) < 400 {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    stop.store(true, Ordering::Relaxed);
    flood.join().expect("the flood");
    let (slowed, looked_at) = (
        slowed.load(Ordering::Relaxed),
        looked_at.load(Ordering::Relaxed),
    );
    assert!(
        slowed > 100,
        "{slowed} of {} told to wait",
        slowed + looked_at
    );
    assert!(looked_at < 60, "{looked_at} looked at");
    // No line of the log for each of them.
    let lines = house.server.log_text().lines().count();
    assert!(lines < 400, "{lines} lines in the log");
}
