//! A takeover that fails half-way: with `kill -9`, without a word, with a signal. One server is there in the end, and nothing is lost.

use std::time::{Duration, Instant};

use super::crowd::Crowd;
use super::fake::Fake;
use super::under_load::{members, settle};
use crate::auth::{House, builder};
use crate::support::{PATIENCE, Server};

/// Longer than starting a server takes here, most of the time.
const LONGEST_LIFE: Duration = Duration::from_millis(800);

/// How far a new process goes.
type Step = fn(&Server) -> Fake;

/// The server came back from a hand-over: same address, same past, and the next one works.
#[track_caller]
fn is_back(server: &mut Server, id: u64) {
    server.wait_for_log("serving again");
    let mut ann = server.guest("ann");
    assert_eq!(ann.whole_history("den").last().map(|it| it.0), Some(id));
    ann.join("den", "");
    let next = ann.say("den", "next", "still here");
    assert!(next > id);
    assert!(server.data_dir().join("control.sock").exists());
    server.take_over();
    ann.until("BYE;restart;");
    let stored = server.guest("bob").whole_history("den");
    assert_eq!(stored.last().map(|it| it.0), Some(next));
}

#[test]
fn nobody_takes_over_and_the_server_goes_on() {
    let steps: [(&str, Step); 4] = [
        ("without a word", |server| {
            let mut fake = Fake::with_sockets(server);
            fake.say("ready");
            fake
        }),
        ("without a word", Fake::with_log),
        ("the disk is on fire", |server| {
            let mut fake = Fake::with_log(server);
            fake.say("failed the disk is on fire");
            fake
        }),
        ("it said", |server| {
            let mut fake = Fake::with_log(server);
            fake.say("served");
            fake
        }),
    ];
    for (why, step) in steps {
        let mut server = Server::start();
        let mut ann = server.member("ann", "den");
        let id = ann.say("den", "first", "hello");
        let fake = step(&server);
        ann.until("BYE;restart;");
        assert_eq!(ann.until_closed(), [""; 0]);
        drop(fake);
        server.wait_for_log("nobody took over");
        server.wait_for_log(why);
        is_back(&mut server, id);
    }
}

#[test]
fn what_was_reloaded_holds_after_a_takeover_that_failed() {
    let mut server = Server::builder()
        .local_toml("[server]\nname = \"before\"\n")
        .start();
    let toml = server.home().join("config/local.toml");
    std::fs::write(&toml, "[server]\nname = \"after\"\n").expect("local.toml");
    let ran = crate::serve::reload::reload(&server);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // What is written now is not read: it was not asked for.
    std::fs::write(&toml, "[server]\nname = \"later\"\n").expect("local.toml");
    drop(Fake::with_log(&server));
    server.wait_for_log("serving again");
    let mut ann = server.connect();
    ann.send("HELLO;h;2;test");
    assert!(ann.line().starts_with("WELCOME;h;2;after;"));
    server.take_over();
    let mut ann = server.connect();
    ann.send("HELLO;h;2;test");
    assert!(ann.line().starts_with("WELCOME;h;2;later;"));
}

#[test]
fn a_signal_before_it_is_ready_ends_the_server_and_the_takeover() {
    let mut server = Server::start();
    let mut fake = Fake::with_sockets(&server);
    assert_eq!(server.term().code(), Some(0));
    assert_eq!(fake.until_end(), "failed the server is stopping\n");
}

#[test]
fn a_signal_while_nobody_serves_yet_ends_the_server() {
    let mut server = Server::start();
    let fake = Fake::with_log(&server);
    server.wait_for_log("may have it");
    assert_eq!(server.term().code(), Some(0));
    drop(fake);
    // The log is free, and whole.
    server.restart();
    server.connect().check_alive();
}

#[test]
fn a_server_that_hangs_is_not_waited_for() {
    let mut server = Server::start();
    let mut ann = server.member("ann", "den");
    let (code, log) = server.while_stopped(|| server.successor().wait_for_end());
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("the running server did not answer within"),
        "{log}"
    );
    ann.check_alive();
    server.take_over();
    ann.expect_start("BYE;restart;");
}

#[test]
fn kill_9_of_the_new_process_at_any_moment() {
    let rounds: u32 =
        std::env::var("GENCOMM_TAKEOVER_KILLS").map_or(8, |text| text.parse().expect("a number"));
    let count = 50;
    let mut house = House::of(builder());
    let everybody = members(&mut house, count);
    let server = &mut house.server;
    server.set("listen.main", server.address());
    let crowd = Crowd::start(server.address(), everybody);
    crowd.wait("all are in", |crowd| crowd.inside() == count);
    let (mut came_back, mut served) = (0, 0);
    for round in 0..rounds {
        let kept = crowd.kept();
        crowd.wait("a load", |crowd| crowd.kept() >= kept + 50);
        let mut successor = server.successor();
        let life = LONGEST_LIFE * round / rounds;
        let begun = Instant::now();
        if successor.is_ready_within(life) {
            // It was quicker.
            successor.kill9();
        } else {
            std::thread::sleep(life.saturating_sub(begun.elapsed()));
            successor.kill9();
        }
        // Either it had said that it serves, and the one before has ended; or that one goes on.
        let end = Instant::now() + PATIENCE;
        while server.is_running() && crowd.inside() < count {
            assert!(Instant::now() < end, "neither serves");
            std::thread::sleep(Duration::from_millis(5));
        }
        if server.is_running() {
            came_back += 1;
        } else {
            served += 1;
            server.restart();
        }
        crowd.wait("all are back", |crowd| crowd.inside() == count);
    }
    println!(
        "killed {rounds} times: {came_back} times the one before went on, {served} times it had ended"
    );
    server.take_over();
    crowd.wait("all are back", |crowd| crowd.inside() == count);
    settle(crowd, server, count);
}

#[test]
fn kill_9_of_the_old_process_at_any_moment() {
    let rounds = kills();
    let count = 50;
    let mut house = House::of(builder());
    let everybody = members(&mut house, count);
    let server = &mut house.server;
    server.set("listen.main", server.address());
    let crowd = Crowd::start(server.address(), everybody);
    crowd.wait("all are in", |crowd| crowd.inside() == count);
    let (mut taken, mut not_taken) = (0, 0);
    for round in 0..rounds {
        let kept = crowd.kept();
        crowd.wait("a load", |crowd| crowd.kept() >= kept + 50);
        let mut successor = server.successor();
        std::thread::sleep(LONGEST_LIFE * round / rounds);
        server.kill9();
        if successor.is_ready_within(PATIENCE) {
            taken += 1;
            server.replace(successor);
        } else {
            // Killed before it had let go, so that nothing could be taken over.
            not_taken += 1;
            let (code, log) = successor.wait_for_end();
            assert_eq!(code, Some(1), "{log}");
            server.restart();
        }
        crowd.wait("all are back", |crowd| crowd.inside() == count);
    }
    println!(
        "killed {rounds} times: {taken} times the new one served, {not_taken} times it came too late"
    );
    server.take_over();
    crowd.wait("all are back", |crowd| crowd.inside() == count);
    settle(crowd, server, count);
}

/// How often a process is killed.
fn kills() -> u32 {
    let text = std::env::var("GENCOMM_TAKEOVER_KILLS");
    text.map_or(8, |text| text.parse().expect("a number"))
}

/// What only a takeover does panics on every shard.
#[cfg(feature = "fault-injection")]
#[test]
fn a_panic_while_clients_are_told_to_go_loses_nothing() {
    for end in ["entry", "end"] {
        let panics = format!("rate=4000000000,at=sessions/AwaitTold/{end}");
        let mut server = Server::builder().env("GENCOMM_PANICS", panics).start();
        let mut ann = server.member("ann", "den");
        let id = ann.say("den", "first", "hello");
        let logged = server.take_over();
        assert!(logged.contains("sessions/AwaitTold"), "{logged}");
        ann.until("BYE;restart;");
        let stored = server.guest("bob").whole_history("den");
        assert_eq!(stored, [(id, "hello".to_owned())]);
    }
}
