//! A client that panics, and an actor that does nothing else.

use crate::support::{Gc2, Senders, Server};

#[test]
fn a_client_that_panics_loses_its_own_connection_and_no_other() {
    let server = Server::builder().set("limits.connections", 20).start();
    let mut good = server.member("good", "den");
    let senders = Senders::start(server.address(), "den", 10);
    for round in 0..12 {
        // Refused at the limit if a connection that panicked were still counted.
        let mut bad = server.member(&format!("bad{round}"), "den");
        senders.wait_for(20 * round + 20);
        bad.send("PROVOKE;p;client");
        let said = bad.until_closed();
        assert!(
            said.iter().all(|line| line.starts_with("MSG;den;")),
            "{said:?}"
        );
        server.wait_for_log(&format!("user: bad{round}, session"));
    }
    let report = senders.finish();
    assert!(report.refused.is_empty() && report.unanswered.is_empty());
    let mut ids: Vec<u64> = report.kept.iter().map(|said| said.id).collect();
    ids.sort_unstable();
    for id in &ids {
        good.expect_start(&format!("MSG;den;{id};"));
    }
    // The rooms have let go of it, and its name is free for others.
    loop {
        good.send("WHO;w;den");
        if good.until("OK;w;").1 == "OK;w;1" {
            break;
        }
    }
    let mut heir = Gc2::connect_from(server.address(), crate::support::fresh_address());
    heir.login("bad0");
    assert_eq!(heir.whole_history("den").len(), ids.len());
}

#[test]
fn what_a_client_panics_over_on_its_way_to_the_log_takes_no_room_there() {
    let server = Server::builder()
        .set("limits.message_bytes", "8KiB")
        .set("limits.log_queue_bytes", "64KiB")
        .start();
    let mut good = server.member("good", "den");
    let body = "x".repeat(8 << 10);
    // More than the queue holds.
    for round in 0..10 {
        let mut bad = server.member(&format!("bad{round}"), "den");
        bad.ask("PROVOKE;p;at=client/enrolled", "OK;p;at=client/enrolled");
        bad.send(&format!("SEND;s;den;{body}"));
        bad.until_closed();
    }
    server.wait_for_log("provoked client/enrolled");
    good.say("den", "after", "there is room");
}
