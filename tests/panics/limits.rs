//! Too many panics in a row: the process ends with a clear last line, and what got OK is there at the next start.

use std::os::unix::process::ExitStatusExt;

use crate::support::Server;

/// Stores a message, has the process ended by saying all of `provoke` until the connection is gone, and looks at what is left: the exit code,
/// the last line, the message. Returns the log.
fn ends(what: &str, provoke: &[String], code: Option<i32>, last_line: &str) -> String {
    let mut server = Server::builder()
        .set("legacy.enabled", "true")
        .set("legacy.auth_port", "0")
        .set("legacy.message_port", "0")
        .set("server.shards", 1)
        .start();
    let mut client = server.member("ann", "den");
    let id = client.say("den", "t", "kept");
    let mut goes_on = true;
    for turn in 0..20 {
        for place in provoke {
            goes_on = goes_on && client.try_send(&format!("PROVOKE;p{turn};{place}"));
        }
    }
    let status = server.wait_for_end();
    assert_eq!(status.code(), code, "{what}: {status:?}");
    let log = server.log_to_end();
    if code.is_none() {
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{what}");
    } else {
        // The last line of the log; what the command itself says comes behind it.
        let last = log.lines().rfind(|line| !line.starts_with("gencomm: "));
        let last = last.unwrap_or_default();
        assert!(last.contains("CRIT the server ended"), "{what}: {last:?}");
        assert!(last.contains(last_line), "{what}: {last:?}");
    }
    server.restart();
    let stored = server.guest("bob").whole_history("den");
    assert_eq!(stored, [(id, "kept".to_owned())], "{what}");
    log
}

fn gives_up(place: &str, who: &str) {
    let log = ends(
        place,
        &[place.to_owned()],
        Some(1),
        &format!("{who} panicked too often (more than 5 times within 10s)"),
    );
    assert!(log.contains("given up after too many panics"), "{place}");
    assert!(log.contains("Start the server again"), "{place}");
}

#[test]
fn of_the_log() {
    gives_up("log", "the message log");
}

#[test]
fn of_the_registry_of_rooms() {
    gives_up("registry", "the registry of rooms");
}

#[test]
fn of_the_log_in() {
    gives_up("auth", "the log-in");
}

#[test]
fn of_a_fan_out() {
    gives_up("room", "a fan-out");
}

#[test]
fn of_a_codec() {
    gives_up("codec", "a codec");
}

#[test]
fn of_the_sessions() {
    gives_up("sessions", "the sessions");
}

#[test]
fn of_a_heartbeat() {
    gives_up("heartbeat", "a heartbeat");
}

#[test]
fn of_the_gate() {
    gives_up("gate", "the gate of original clients");
}

/// Starting anew is the actor's own code too.
#[test]
fn of_an_actor_that_starts_anew() {
    let provoke = [
        vec!["at=log/restarting/entry".to_owned(); 7],
        vec!["log".to_owned()],
    ]
    .concat();
    ends(
        "restarting",
        &provoke,
        Some(1),
        "the message log panicked too often",
    );
}

#[test]
fn a_runner_ends_the_process_at_once() {
    let provoke = ["at=fatal/runner".to_owned()];
    let last = "the runner of a shard's clients panicked";
    ends("runner", &provoke, Some(1), last);
}

/// The language ends the process then: there is no going on, and no last line of our own, but the panic's.
#[test]
fn a_panic_while_another_one_unwinds_aborts() {
    let log = ends("double", &["double".to_owned()], None, "");
    assert!(log.contains("non-unwinding panic. aborting"), "{log}");
}
