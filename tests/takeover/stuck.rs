//! Clients that read nothing hold up nobody: the new process serves while they still get their last lines.

use crate::support::{Gc2, Senders, Server};

#[test]
fn who_takes_nothing_does_not_hold_up_the_new_process() {
    // A third of this is the time that such a client has.
    let mut server = Server::builder()
        .set("storage.durability", "os")
        .set("server.shutdown_deadline", "120s")
        .start();
    let mut behind = Gc2::connect_with_buffer(server.address(), 4096);
    behind.login("behind");
    behind.join("den", "");
    let senders = Senders::with_body(server.address(), "den", 4, &"x".repeat(7000));
    senders.wait_for(2000);
    let report = senders.finish();
    // And one that is in the midst of an answer that it does not take.
    let mut asks = Gc2::connect_with_buffer(server.address(), 4096);
    asks.login("asks");
    asks.send("HISTORY;h;den;after=0;1000");
    asks.expect_start("HIST;h;");
    let mut successor = server.successor();
    let ready = successor.ready();
    assert!(server.is_running(), "it still waits for them");
    assert!(ready.contains(&server.address().to_string()), "{ready:?}");
    let stored = server.guest("after").whole_history("den");
    assert_eq!(stored.len(), report.kept.len());
    // What it has for them they still get.
    let mut last = behind.until_closed();
    assert!(last.pop().expect("lines").starts_with("BYE;restart;"));
    drop(asks);
    let logged = server.pass_to(successor);
    assert!(
        logged.contains("clients could not be told in time"),
        "{logged}"
    );
}
