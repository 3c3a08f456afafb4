//! Fan-outs, codec and log-in panic at the worst moments while conversations go on: nothing is lost and nothing comes twice.

use super::{CONNECTIONS, Pair, ids_until, say};
use crate::rooms::refused;
use crate::support::Gc2;

/// The panics come one after the other: more than five in ten seconds end the server.
fn flood_with(places: [&str; 2]) {
    let mut pair = Pair::open();
    let mut coded = pair.house.server.connect();
    coded.send("HELLO;h;2;tests;body=c16");
    coded.expect_start("WELCOME;h;");
    coded.send(&pair.log_ins[1]);
    coded.expect_start("OK;a;");
    let mut sender = pair.house.connect(&pair.log_ins[0]);
    // Whose shards they are on is chance, but there are four.
    let mut pokers = (0..4).map(|at| pair.house.server.guest(&format!("gus{at}")));
    for round in 0..800 {
        sender.send(&format!("SEND;flood{round};@bob;{round}"));
        if round % 20 == 0 {
            sender.until(&format!("OK;flood{round};"));
        }
        if round % 200 == 100 {
            let place = places[round / 200 % 2];
            let mut poker = pokers.next().expect("one for each time");
            poker.ask(&format!("PROVOKE;p;{place}"), &format!("OK;p;{place}"));
        }
    }
    sender.send("SEND;;@bob;end");
    pair.house.server.wait_for_log("provoked");
    sender.send("HISTORY;h;@bob;;1");
    sender.until("OK;h;1");
    let whole: Vec<u64> = sender
        .whole_history("@bob")
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(whole.len(), 801);
    for client in pair.ann.iter_mut().chain(&mut pair.bob) {
        assert_eq!(ids_until(client, "end"), whole, "{places:?}");
    }
    assert_eq!(ids_until(&mut coded, "FGOGEG"), whole, "{places:?}");
    // Nothing more comes, and the next message comes once.
    let id = say(&mut sender, "@bob", "after");
    for client in pair.ann.iter_mut().chain(&mut pair.bob).chain([&mut coded]) {
        client.send("PING;p;");
        let mut lines: Vec<String> = vec![client.line()];
        while !lines.last().is_some_and(|line| line.starts_with("PONG;p;")) {
            lines.push(client.line());
        }
        lines.pop();
        if lines.is_empty() {
            lines.push(client.line());
        }
        assert!(
            lines.len() == 1 && lines[0].contains(&format!(";{id};")),
            "{lines:?}"
        );
    }
}

#[test]
fn a_fan_out_that_panics_under_load() {
    flood_with(["room", "room"]);
}

#[test]
fn a_fan_out_that_panics_with_a_batch_half_heard() {
    flood_with(["half-heard", "half-heard"]);
}

#[test]
fn a_fan_out_that_panics_with_a_batch_heard_and_not_noted() {
    flood_with(["unnoted", "room"]);
}

#[test]
fn a_codec_and_a_log_that_panic() {
    flood_with(["codec", "half-told"]);
}

#[test]
fn a_slow_reader_is_behind_when_its_fan_out_panics() {
    let mut pair = Pair::open();
    let mut slow: Vec<Gc2> = (0..CONNECTIONS)
        .map(|at| {
            let mut client = Gc2::connect_with_buffer(pair.house.server.address(), 4096);
            if at % 2 == 1 {
                client.send("HELLO;h;2;tests;body=c16");
                client.expect_start("WELCOME;h;");
            }
            client.send(&pair.log_ins[1]);
            client.expect_start("OK;a;");
            client
        })
        .collect();
    let mut ann = pair.ann.remove(0);
    let padding = ".".repeat(6000);
    for round in 0..400 {
        if round == 200 {
            slow[0].send("PROVOKE;p;half-heard");
            slow[1].send("PROVOKE;p;room");
        }
        ann.send(&format!("SEND;flood{round};@bob;{padding}"));
        ann.until(&format!("OK;flood{round};"));
    }
    ann.until("MSG;@bob;");
    let whole: Vec<u64> = ann
        .whole_history("@bob")
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(whole.len(), 400);
    for (at, client) in slow.iter_mut().enumerate() {
        let mut heard = Vec::new();
        while heard.len() < 400 {
            let line = client.line();
            if line.starts_with("OK;p;") {
                continue;
            }
            assert!(line.starts_with("MSG;@ann;"), "{:?}", &line[..40]);
            heard.push(crate::support::number(&line, 2));
        }
        assert!(heard == whole, "reader {at}");
    }
}

#[test]
fn a_log_in_that_panics_answers_whoever_asks_for_a_name() {
    let mut pair = Pair::open();
    for round in 0..3 {
        pair.ann[0].ask("PROVOKE;p;auth", "OK;p;auth");
        refused(&mut pair.ann[0], "SEND;x;@nobody;hi", "not-found");
        pair.house.account(&format!("new{round}"));
        say(&mut pair.ann[0], &format!("@new{round}"), "hi");
    }
}
