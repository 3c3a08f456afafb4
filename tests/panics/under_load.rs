//! Each actor panics while ten send and others read: nothing that got OK is lost or doubled, readers see every id once and in order,
//! connections stay up, and afterwards everything works.

use std::thread::JoinHandle;

use crate::support::{Gc2, Senders, Server, assert_same_ids, fresh_tag, number};

const PANICS: usize = 4;

/// A reader at work: its name, and the ids in the order seen.
type Reader = JoinHandle<(String, Vec<u64>)>;

/// Reads `den` in a thread until the message that ends with `end`.
fn reader(server: &Server, name: &str, options: &str, from: &str, end: &'static str) -> Reader {
    let mut client = server.connect();
    client.send(&format!("HELLO;h;2;tests;{options}"));
    client.expect_start("WELCOME;h;");
    client.login(name);
    client.join("den", from);
    let name = name.to_owned();
    std::thread::spawn(move || {
        let mut ids = Vec::new();
        loop {
            let line = client.line();
            assert!(line.starts_with("MSG;den;"), "{line:?}");
            if line.ends_with(end) {
                return (name, ids);
            }
            ids.push(number(&line, 2));
        }
    })
}

fn survives(place: &str) {
    let server = Server::builder()
        .set("rooms.tail_bytes", "64KiB")
        .set("heartbeat.interval", "1s")
        .start();
    let mut readers = vec![
        reader(&server, "early", "", "after=0", ";the end"),
        reader(&server, "also", "presence=off", "", ";the end"),
        // "the end" in C16.
        reader(&server, "coded", "body=c16", "", ";EHIGFGACFGOGEG"),
    ];
    let senders = Senders::start(server.address(), "den", 10);
    // Connections are spread over the shards; each has its own actors.
    let mut provokers: Vec<Gc2> = (0..PANICS)
        .map(|at| server.guest(&format!("p{at}")))
        .collect();
    for (at, provoker) in provokers.iter_mut().enumerate() {
        senders.wait_for(200 * (at + 1));
        let tag = fresh_tag();
        provoker.ask(
            &format!("PROVOKE;{tag};{place}"),
            &format!("OK;{tag};{place}"),
        );
        readers.push(reader(
            &server,
            &format!("late{at}"),
            "",
            "after=0",
            ";the end",
        ));
    }
    senders.wait_for(senders.kept() + 400);
    let report = senders.finish();
    assert!(
        report.unanswered.is_empty(),
        "connections ended: {:?}",
        report.unanswered.first()
    );
    assert!(report.refused.is_empty(), "{:?}", report.refused.first());
    server.wait_for_log("provoked");

    // Everything still works: log-in, JOIN, SEND, WHO, HISTORY.
    let mut after = server.member("after", "den");
    let end = after.say("den", "end", "the end");
    let mut expected: Vec<(u64, String)> = report
        .kept
        .into_iter()
        .map(|said| (said.id, said.body))
        .collect();
    expected.sort_unstable();
    let ids: Vec<u64> = expected.iter().map(|(id, _)| *id).collect();
    for reader in readers {
        let (name, seen) = reader.join().expect("a reader");
        assert_same_ids(&seen, &ids, &name);
    }
    expected.push((end, "the end".to_owned()));
    assert_eq!(after.whole_history("den"), expected);
    for provoker in &mut provokers {
        provoker.check_alive();
        provoker.join("den", "");
    }
    after.send("WHO;w;den");
    let who = after.until("OK;w;").0;
    for name in ["after", "p0", "p3"] {
        assert!(who.contains(&format!("USER;w;{name};guest")), "{who:?}");
    }
}

#[test]
fn the_fan_out() {
    survives("room");
}

#[test]
fn the_fan_out_with_a_batch_half_heard() {
    survives("half-heard");
}

#[test]
fn the_fan_out_with_a_batch_heard_and_not_noted() {
    survives("unnoted");
}

#[test]
fn the_log() {
    survives("log");
}

#[test]
fn the_log_before_a_commit() {
    survives("before-commit");
}

#[test]
fn the_log_after_a_commit() {
    survives("after-commit");
}

#[test]
fn the_log_while_it_tells() {
    survives("half-told");
}

#[test]
fn the_registry_of_rooms() {
    survives("registry");
}

#[test]
fn the_codec() {
    survives("codec");
}

#[test]
fn the_sessions() {
    survives("sessions");
}

#[test]
fn the_log_in() {
    survives("auth");
}

#[test]
fn the_heartbeat() {
    survives("heartbeat");
}

#[test]
fn names_in_use_are_known_after_the_log_in_panicked() {
    let server = Server::start();
    let home = crate::support::fresh_address();
    let mut ann = Gc2::connect_from(server.address(), home);
    ann.login("ann");
    ann.ask("PROVOKE;p;auth", "OK;p;auth");
    let mut thief = server.connect();
    thief.send("AUTH;a;GUEST;Ann");
    thief.expect_start("ERR;a;conflict;");
    ann.ask("BYE;b", "BYE;bye;0");
    // Its end is heard of a moment later.
    thief.send("AUTH;a;GUEST;Ann");
    while !thief.line().starts_with("OK;") {
        thief.send("AUTH;a;GUEST;Ann");
    }
}

#[test]
fn silent_clients_are_still_sent_away_after_the_heartbeat_panicked() {
    let server = Server::builder()
        .set("heartbeat.interval", "300ms")
        .set("heartbeat.timeout", "300ms")
        .set("server.shards", 1)
        .start();
    let mut silent = server.guest("silent");
    silent.answers_pings = false;
    server
        .guest("other")
        .ask("PROVOKE;p;heartbeat", "OK;p;heartbeat");
    silent.until("BYE;timeout;0");
    server.wait_for_log("provoked");
}

#[test]
fn sends_in_c16_that_the_codec_loses_are_refused_and_can_be_repeated() {
    let server = Server::builder().set("server.shards", 1).start();
    let mut ann = server.connect();
    ann.send("HELLO;h;2;tests;body=c16");
    ann.expect_start("WELCOME;");
    ann.login("ann");
    ann.join("den", "");
    let mut ids = Vec::new();
    for at in 0..200 {
        if at % 50 == 25 {
            ann.send_bytes(format!("PROVOKE;p{at};codec\nSEND;t{at};den;BE\n").as_bytes());
        } else {
            ann.send(&format!("SEND;t{at};den;BE"));
        }
    }
    while ids.len() < 200 {
        let line = ann.line();
        let tag = line.split(';').nth(1).expect("a tag").to_owned();
        match line.split(';').next() {
            Some("OK") if tag.starts_with('t') => ids.push(number(&line, 2)),
            Some("ERR") => {
                assert!(line.contains(";unavailable;"), "{line:?}");
                ann.send(&format!("SEND;{tag};den;BE"));
            }
            _ => {}
        }
    }
    ids.sort_unstable();
    let stored: Vec<u64> = server
        .guest("bob")
        .whole_history("den")
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(stored, ids);
}
