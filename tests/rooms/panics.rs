//! The registry, and a fan-out in the middle of a change, panic at the worst moments: nothing that was answered is lost, whoever waits is
//! answered, and the shards agree afterwards.

use super::{House, change, refused};
use crate::support::Gc2;

/// Makes `place` panic with the next change, makes that change, and returns its answer.
fn panic_in(own: &mut Gc2, place: &str, act: &str) -> String {
    own.ask(&format!("PROVOKE;p;{place}"), &format!("OK;p;{place}"));
    own.send(&format!("ROOM;act;den;{act}"));
    loop {
        let line = own.line();
        if line.starts_with("OK;act;") || line.starts_with("ERR;act;") {
            return line;
        }
    }
}

#[test]
fn a_ban_in_the_middle_of_a_panic() {
    for (place, is_written) in [
        ("before-write", false),
        ("after-write", true),
        ("half-announced", true),
        ("half-applied", true),
    ] {
        let mut house = House::open();
        let mut own = house.account("own");
        own.join("den", "");
        let mut gone = house.account("gone");
        let log_in = house.add("bad", gencomm::store::accounts::Role::Member);
        // Spread over the shards.
        let mut bad: Vec<Gc2> = (0..4).map(|_| house.connect(&log_in)).collect();
        for client in bad.iter_mut().chain([&mut gone]) {
            client.join("den", "");
        }
        let answer = panic_in(&mut own, place, "ban;bad");
        let is_answered = answer == "OK;act;den";
        assert!(
            is_answered || answer.starts_with("ERR;act;unavailable;"),
            "{place}: {answer:?}"
        );
        assert!(is_written || !is_answered, "{place}: {answer:?}");
        house.server.wait_for_log("provoked");
        if !is_written {
            change(&mut own, "den", "ban;bad");
        }
        // A change behind it: every shard has carried out what came before.
        change(&mut own, "den", "topic;after");
        for client in &mut bad {
            let (before, _) = client.until("LEFT;den;");
            assert!(
                before.iter().all(|line| !line.contains("after")),
                "{before:?}"
            );
            refused(client, "JOIN;x;den;", "forbidden");
            refused(client, "SEND;x;den;still here", "forbidden");
        }
        gone.until("TOPIC;den;own;after");
        gone.say("den", "t", "everything works");
        let bans = house
            .audit()
            .iter()
            .filter(|line| line.contains("room.ban"))
            .count();
        assert_eq!(bans, 1, "{place}");
    }
}

#[test]
fn a_registry_that_panics_between_changes_loses_nothing() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let mut gus = house.server.member("gus", "den");
    for round in 0..4 {
        change(&mut own, "den", &format!("topic;round {round}"));
        own.ask("PROVOKE;p;registry", "OK;p;registry");
        change(&mut own, "den", "mute;gus");
        refused(&mut gus, "SEND;x;den;muted", "forbidden");
        change(&mut own, "den", "unmute;gus");
        gus.say("den", &format!("t{round}"), "unmuted");
    }
    house.server.wait_for_logs("rooms read again", 4);
}

#[test]
fn a_fan_out_that_starts_anew_lets_nobody_in_who_was_put_out() {
    let mut house = House::open();
    let mut own = house.account("own");
    own.join("den", "");
    let log_in = house.add("bad", gencomm::store::accounts::Role::Member);
    let mut bad: Vec<Gc2> = (0..4).map(|_| house.connect(&log_in)).collect();
    for client in &mut bad {
        client.join("den", "");
    }
    own.ask("PROVOKE;p;room", "OK;p;room");
    bad[0].send("PROVOKE;p;room");
    bad[1].send("PROVOKE;p;room");
    change(&mut own, "den", "ban;bad");
    let after = own.say("den", "t", "peace");
    for client in &mut bad {
        let (before, _) = client.until("LEFT;den;");
        let lines = before.iter().chain(&[]);
        assert!(
            !lines
                .into_iter()
                .any(|line| line.contains(&format!(";{after};")))
        );
        client.send("PING;end;x");
        let rest = client.until("PONG;end;").0;
        assert!(
            !rest.iter().any(|line| line.starts_with("MSG;den;")),
            "{rest:?}"
        );
    }
    own.check_alive();
}

#[test]
fn an_answer_that_waits_for_the_log_outlives_its_panics() {
    for place in ["log", "before-commit", "after-commit", "half-told"] {
        let mut house = House::open();
        let mut own = house.account("own");
        own.join("den", "");
        let mut bad = house.account("bad");
        bad.join("den", "");
        own.ask(&format!("PROVOKE;p;{place}"), &format!("OK;p;{place}"));
        let lines: String = (0..500).map(|at| format!("SEND;t{at};den;x\n")).collect();
        bad.send_bytes(lines.as_bytes());
        change(&mut own, "den", "ban;bad");
        own.send("HISTORY;newest;den;last=1;");
        let (before, _) = own.until("OK;newest;");
        let newest = before.iter().find(|line| line.starts_with("HIST;newest;"));
        let newest = newest.map_or(0, |line| crate::support::number(line, 3));
        let mut answers = 0;
        while answers < 500 {
            let line = bad.line();
            if line.starts_with("OK;") {
                let id = crate::support::number(&line, 2);
                assert!(id <= newest, "{place}: {id} after {newest}");
            }
            answers += usize::from(line.starts_with("OK;") || line.starts_with("ERR;"));
        }
        own.check_alive();
    }
}
