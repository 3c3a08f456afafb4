//! What a service manager hears of a takeover. It asks for signs of life from the process that it started, and from no other.

use crate::health::notify::by_path;
use crate::support::Server;

use super::fake::Fake;

#[test]
fn the_new_process_is_made_known_and_lives_on_in_the_place_of_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut manager, path) = by_path(folder.path());
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", path)
        .env("WATCHDOG_USEC", 400_000)
        .start();
    manager.wait_for("WATCHDOG=1");
    server.set_env("WATCHDOG_PID", 1);
    for _ in 0..2 {
        let successor = server.successor();
        let pid = successor.pid();
        server.pass_to(successor);
        manager.wait_for(&format!("MAINPID={pid}"));
        // Those before it have ended, and what they said is read.
        manager.drain();
        for _ in 0..3 {
            manager.wait_for("WATCHDOG=1");
        }
    }
    assert!(!manager.has_heard("STOPPING=1"));
    assert!(server.term().success());
    manager.wait_for("STOPPING=1");
}

#[test]
fn who_waits_for_the_new_process_lives() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut manager, path) = by_path(folder.path());
    let server = Server::builder()
        .env("NOTIFY_SOCKET", path)
        .env("WATCHDOG_USEC", 400_000)
        .start();
    let fake = Fake::with_log(&server);
    manager.drain();
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    drop(fake);
    server.wait_for_log("serving again");
    manager.drain();
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1");
    }
    assert!(!manager.has_heard("STOPPING=1"));
    assert!(!manager.has_heard("MAINPID"));
}

#[cfg(feature = "fault-injection")]
#[test]
fn the_new_process_is_made_known_by_one_that_could_not_close_its_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut manager, path) = by_path(folder.path());
    let twice = "at=log/CloseLog/entry|log/CloseLog/entry";
    let mut server = Server::builder()
        .env("NOTIFY_SOCKET", path)
        .env("GENCOMM_PANICS", twice)
        .start();
    server.set_env("GENCOMM_PANICS", "calm");
    let mut ann = server.member("ann", "den");
    let id = ann.say("den", "first", "hello");
    let mut successor = server.successor();
    let pid = successor.pid();
    successor.ready();
    manager.wait_for(&format!("MAINPID={pid}"));
    let logged = server.replace(successor);
    assert!(logged.contains("before it was closed"), "{logged}");
    let past = server.guest("bob").whole_history("den");
    assert_eq!(past.last().map(|it| it.0), Some(id));
}
