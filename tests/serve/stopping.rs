//! SIGTERM: what was promised is kept, everybody is told, and it is over soon.

use std::time::{Duration, Instant};

use crate::support::{Gc2, Senders, Server, assert_same_ids, number};

/// What the service managers of this world allow.
const END_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn clients_are_told_to_come_back_and_the_exit_code_is_0() {
    let mut server = Server::start();
    let mut clients: Vec<Gc2> = (0..5)
        .map(|at| server.member(&format!("g{at}"), "den"))
        .collect();
    let stranger = server.connect();
    server.order_to_stop();
    for client in &mut clients {
        let bye = client.expect_start("BYE;restart;");
        let seconds = number(&bye, 2);
        assert!((1..=60).contains(&seconds), "{bye:?}");
        assert_eq!(client.until_closed(), [""; 0]);
    }
    assert_eq!(server.wait_for_end().code(), Some(0));
    drop(stranger);
    assert!(server.log_to_end().contains("clean: true"));
}

#[test]
fn under_load_every_answer_is_true_and_every_member_has_heard_it() {
    let mut server = Server::start();
    let mut reader = server.member("reader", "den");
    let listening = std::thread::spawn(move || {
        let lines = reader.until_closed();
        let told = lines.iter().filter(|line| line.starts_with("MSG;den;"));
        let ids: Vec<u64> = told.map(|line| number(line, 2)).collect();
        (ids, lines.last().cloned())
    });
    let senders = Senders::start(server.address(), "den", 20);
    senders.wait_for(500);
    assert_eq!(server.term().code(), Some(0));
    let report = senders.collect();
    assert!(report.refused.is_empty(), "{:?}", report.refused.first());
    server.restart();
    let stored = server.guest("after").whole_history("den");
    for said in &report.kept {
        assert!(
            stored.contains(&(said.id, said.body.clone())),
            "{said:?} is lost"
        );
    }
    // The reader has heard a beginning of the log, and knows where to go on.
    let (heard, bye) = listening.join().expect("the reader");
    let ids: Vec<u64> = stored.iter().map(|(id, _)| *id).collect();
    assert_same_ids(&heard, &ids[..heard.len()], "the reader");
    assert!(bye.is_some_and(|line| line.starts_with("BYE;restart;")));
}

#[test]
fn a_client_that_takes_nothing_does_not_hold_up_the_end() {
    let mut server = Server::builder().set("storage.durability", "os").start();
    let mut stuck = Gc2::connect_with_buffer(server.address(), 4096);
    stuck.login("stuck");
    stuck.join("den", "");
    let senders = Senders::with_body(server.address(), "den", 4, &"x".repeat(7000));
    senders.wait_for(2000);
    let report = senders.finish();
    let begun = Instant::now();
    let status = server.term();
    assert_eq!(status.code(), Some(0));
    // The one time that is promised.
    assert!(begun.elapsed() < END_WITHIN, "{:?}", begun.elapsed());
    server.restart();
    let stored = server.guest("after").whole_history("den");
    assert_eq!(stored.len(), report.kept.len());
}

#[test]
fn sigint_is_an_order_to_stop_as_well() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let pid = server.pid().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.is_ok_and(|status| status.success()));
    ann.expect_start("BYE;restart;");
    assert_eq!(server.wait_for_end().code(), Some(0));
}

#[test]
fn not_all_come_back_at_the_same_time() {
    let mut server = Server::start();
    let clients: Vec<Gc2> = (0..40).map(|at| server.guest(&format!("g{at}"))).collect();
    server.order_to_stop();
    let told = clients
        .into_iter()
        .map(|mut client| number(&client.expect_start("BYE;restart;"), 2));
    let told: std::collections::BTreeSet<u64> = told.collect();
    assert!(told.len() > 1, "{told:?}");
    assert_eq!(server.wait_for_end().code(), Some(0));
}

#[test]
fn a_second_order_waits_for_nobody_and_still_keeps_everything() {
    // A third of this is the time of clients that take nothing.
    let mut server = Server::builder()
        .set("storage.durability", "os")
        .set("server.shutdown_deadline", "300s")
        .start();
    let mut stuck = Gc2::connect_with_buffer(server.address(), 4096);
    stuck.login("stuck");
    stuck.join("den", "");
    let senders = Senders::with_body(server.address(), "den", 4, &"x".repeat(7000));
    senders.wait_for(2000);
    let report = senders.finish();
    server.order_to_stop();
    server.wait_for_log("stopping: SIGTERM");
    server.order_to_stop();
    assert_eq!(server.wait_for_end().code(), Some(0));
    assert!(server.log_to_end().contains("clients are not waited for"));
    server.restart();
    let stored = server.guest("after").whole_history("den");
    assert_eq!(stored.len(), report.kept.len());
}
