//! A thread that hangs: it is told of, the process ends, and what was answered is there after the next start. Who only stood still is spared.

use std::time::Duration;

use super::provoke;
use crate::serve::reload::{reload, write};
use crate::support::{Senders, Server};

const SHORT: &str = "3s";

/// The server has ended because of `thread`, and said so in its log and last of all.
#[track_caller]
fn ended_because_of(server: &mut Server, thread: &str) {
    assert_eq!(server.wait_for_end().code(), Some(1), "{thread}");
    let log = server.log_to_end();
    assert!(log.contains("a thread does not turn"), "{log}");
    let last = log.lines().last().unwrap_or_default();
    let start = format!("gencomm: the thread \"{thread}");
    assert!(last.starts_with(&start), "{last:?}");
    assert!(last.contains(" has not turned for "), "{last:?}");
    assert!(
        log.contains(&format!("CRIT the thread \"{thread}")),
        "{log}"
    );
}

#[test]
fn a_shard_that_hangs_ends_the_process_and_nothing_answered_is_lost() {
    for place in ["spin", "hang"] {
        let mut server = Server::builder().set("server.watchdog", SHORT).start();
        let senders = Senders::start(server.address(), "den", 8);
        senders.wait_for(100);
        provoke(&server, place);
        ended_because_of(&mut server, "shard ");
        let report = senders.collect();
        assert!(report.refused.is_empty(), "{:?}", report.refused);
        server.restart();
        let stored = server.guest("bob").whole_history("den");
        for said in &report.kept {
            assert!(
                stored.contains(&(said.id, said.body.clone())),
                "{said:?} after {place}"
            );
        }
    }
}

#[test]
fn a_thread_that_writes_to_the_disk_has_four_times_as_long() {
    for thread in ["log", "auth", "registry"] {
        let mut server = Server::builder().set("server.watchdog", SHORT).start();
        let mut ann = server.member("ann", "den");
        let id = ann.say("den", "a", "kept");
        provoke(&server, &format!("hang-{thread}"));
        server.wait_for_log("a thread does not turn");
        // The deadline of the others passes.
        std::thread::sleep(Duration::from_secs(4));
        ann.check_alive();
        ended_because_of(&mut server, thread);
        server.restart();
        let stored = server.guest("bob").whole_history("den");
        assert_eq!(stored, [(id, "kept".to_owned())], "{thread}");
    }
}

#[test]
fn a_thread_that_turns_again_is_told_of_and_left_alone() {
    let server = Server::builder().set("server.watchdog", "60s").start();
    provoke(&server, "nap");
    server.wait_for_log("a thread does not turn");
    server.wait_for_log("the thread turns again");
    server.guest("ann").check_alive();
}

#[test]
fn a_process_that_stood_still_was_not_hanging() {
    let server = Server::builder().set("server.watchdog", SHORT).start();
    let mut ann = server.guest("ann");
    for _ in 0..2 {
        server.while_stopped(|| std::thread::sleep(Duration::from_secs(5)));
        ann.check_alive();
    }
    assert!(
        !server.log_text().contains("does not turn"),
        "{}",
        server.log_text()
    );
}

#[test]
fn it_can_be_switched_on_for_a_server_that_hangs_already() {
    let mut server = Server::builder()
        .local_toml("[server]\nwatchdog = \"0s\"\n")
        .start();
    provoke(&server, "hang");
    server.wait_for_log("a thread does not turn");
    write(&server, "[server]\nwatchdog = \"3s\"\n");
    // It cannot tell every shard, so there is no answer; but the end comes.
    let _ = reload(&server);
    ended_because_of(&mut server, "shard ");
}
