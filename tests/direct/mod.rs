//! Direct conversations against the real server, with real accounts on several shards.

mod c16;
mod flood;
mod names;
#[cfg(feature = "fault-injection")]
mod panics;
mod strangers;
mod terminal;

use std::time::Duration;

use crate::rooms::{House, refused, so_far};
use crate::support::{Gc2, Server, Stop, fresh_tag, number};

use gencomm::store::accounts::Role;

/// Connections of each end: with four shards some share one, and some do not.
const CONNECTIONS: usize = 5;

/// Two accounts with several connections each.
struct Pair {
    house: House,
    log_ins: [String; 2],
    ann: Vec<Gc2>,
    bob: Vec<Gc2>,
}

impl Pair {
    fn open() -> Self {
        Self::of(House::of(Server::builder().set("server.shards", "4")))
    }

    fn of(mut house: House) -> Self {
        let log_ins = ["ann", "Bob"].map(|name| house.add(name, Role::Member));
        let connect = |log_in: &String| (0..CONNECTIONS).map(|_| house.connect(log_in)).collect();
        let (ann, bob) = (connect(&log_ins[0]), connect(&log_ins[1]));
        Self {
            house,
            log_ins,
            ann,
            bob,
        }
    }
}

/// Sends and waits for the OK and for one's own copy, which may come before it. What else comes is skipped.
#[track_caller]
fn say(client: &mut Gc2, to: &str, body: &str) -> u64 {
    let tag = fresh_tag();
    client.send(&format!("SEND;{tag};{to};{body}"));
    let (before, ok) = client.until(&format!("OK;{tag};"));
    let id = number(&ok, 2);
    let start = format!("MSG;{};{id};", to.to_lowercase());
    let own = before.into_iter().find(|line| line.starts_with(&start));
    let own = own.unwrap_or_else(|| client.until(&start).1);
    assert!(own.ends_with(&format!(";{body}")), "{own:?}");
    id
}

/// Ids of the messages that come until one has this body; each is newer than the one before it.
#[track_caller]
fn ids_until(client: &mut Gc2, body: &str) -> Vec<u64> {
    let mut ids: Vec<u64> = Vec::new();
    let end = format!(";{body}");
    loop {
        let line = match client.try_line() {
            Ok(line) => line,
            Err(why) => panic!("no {body:?} but {why:?} after {:?}", ids.last()),
        };
        if !line.starts_with("MSG;@") {
            assert!(line.starts_with("OK;"), "{line:?}");
            continue;
        }
        let id = number(&line, 2);
        assert!(
            ids.last().is_none_or(|last| *last < id),
            "{line:?} after {:?}",
            ids.last()
        );
        ids.push(id);
        if line.ends_with(&end) {
            return ids;
        }
    }
}

#[test]
fn both_ends_hear_it_on_all_their_connections_and_nobody_else_does() {
    let mut pair = Pair::open();
    let mut eve = pair.house.account("eve");
    let mut gus = pair.house.server.guest("gus");
    pair.ann[0].send("SEND;;@BOB;hi; bob");
    let line = pair.ann[0].expect_start("MSG;@bob;");
    let id = number(&line, 2);
    pair.ann[0].send("SEND;again;@bob;how are you");
    let (heard, ok) = pair.ann[0].until("OK;again;");
    let second = number(&ok, 2);
    assert!(heard.len() <= 1 && second > id);
    if heard.is_empty() {
        pair.ann[0].expect_start(&format!("MSG;@bob;{second};"));
    }
    for (id, body) in [(id, "hi; bob"), (second, "how are you")] {
        for client in &mut pair.ann[1..] {
            let line = client.expect_start(&format!("MSG;@bob;{id};"));
            assert!(line.ends_with(&format!(";ann;{body}")), "{line:?}");
        }
        for client in &mut pair.bob {
            let line = client.expect_start(&format!("MSG;@ann;{id};"));
            assert!(line.ends_with(&format!(";ann;{body}")), "{line:?}");
        }
    }
    let third = say(&mut pair.bob[3], "@ann", r"fine\nthanks");
    for client in pair.bob.iter_mut().enumerate().filter(|(at, _)| *at != 3) {
        client.1.expect_start(&format!("MSG;@ann;{third};"));
    }
    for client in &mut pair.ann {
        let line = client.expect_start(&format!("MSG;@bob;{third};"));
        assert!(line.ends_with(r";Bob;fine\nthanks"), "{line:?}");
    }
    for client in pair.ann.iter_mut().chain(&mut pair.bob) {
        assert_eq!(so_far(client), [""; 0]);
    }
    for stranger in [&mut eve, &mut gus] {
        assert_eq!(so_far(stranger), [""; 0]);
    }
}

#[test]
fn history_holds_both_directions_for_both_ends() {
    let mut pair = Pair::open();
    let (mut ann, mut bob) = (pair.ann.remove(0), pair.bob.remove(0));
    let mut ids = Vec::new();
    for round in 0..3 {
        ids.push(say(&mut ann, "@bob", &format!("a{round}")));
        bob.until(&format!("MSG;@ann;{};", ids[ids.len() - 1]));
        ids.push(say(&mut bob, "@ANN", &format!("b{round}")));
        ann.until(&format!("MSG;@bob;{};", ids[ids.len() - 1]));
    }
    for (client, other) in [(&mut ann, "bob"), (&mut bob, "ann")] {
        let whole = client.whole_history(&format!("@{other}"));
        let bodies: Vec<&str> = whole.iter().map(|(_, body)| &**body).collect();
        assert_eq!(bodies, ["a0", "b0", "a1", "b1", "a2", "b2"]);
        assert_eq!(whole.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
        client.send(&format!("HISTORY;h;@{other};before={};2", ids[3]));
        client.expect_start(&format!("HIST;h;@{other};{};", ids[1]));
        client.expect_start(&format!("HIST;h;@{other};{};", ids[2]));
        client.expect("OK;h;2");
        client.send(&format!("GET;g;{}", ids[4]));
        let line = client.expect_start(&format!("HIST;g;@{other};{};", ids[4]));
        assert!(line.ends_with(";ann;a2"));
        client.expect("OK;g;1");
        client.ask(&format!("HISTORY;h;@{other};after={};", ids[5]), "OK;h;0");
    }
    pair.house.server.kill9();
    pair.house.server.restart();
    let [mut ann, mut bob] = pair.log_ins.map(|log_in| pair.house.connect(&log_in));
    for (client, other) in [(&mut ann, "@bob"), (&mut bob, "@ann")] {
        assert_eq!(client.whole_history(other).len(), 6);
        client.send(&format!("GET;g;{}", ids[0]));
        client.expect_start(&format!("HIST;g;{other};{};", ids[0]));
        client.expect("OK;g;1");
    }
    say(&mut ann, "@bob", "still there");
    assert!(bob.line().ends_with(";still there"));
}

#[test]
fn notes_to_oneself_come_once() {
    let mut pair = Pair::open();
    let id = say(&mut pair.ann[0], "@Ann", "milk");
    for client in &mut pair.ann[1..] {
        client.expect_start(&format!("MSG;@ann;{id};"));
    }
    assert_eq!(pair.ann[0].whole_history("@ann"), [(id, "milk".to_owned())]);
    for client in pair.ann.iter_mut().chain(&mut pair.bob) {
        assert_eq!(so_far(client), [""; 0]);
    }
    refused(&mut pair.bob[0], &format!("GET;x;{id}"), "not-found");
}

#[test]
fn what_is_deleted_is_gone_for_both_ends() {
    let mut pair = Pair::open();
    let id = say(&mut pair.ann[0], "@bob", "a secret");
    for client in &mut pair.ann[1..] {
        client.expect_start("MSG;@bob;");
    }
    for client in &mut pair.bob {
        client.expect_start("MSG;@ann;");
    }
    let answer = refused(&mut pair.bob[0], &format!("DELETE;x;{id}"), "forbidden");
    assert!(!answer.contains("secret"));
    pair.ann[1].send(&format!("DELETE;d;{id}"));
    pair.ann[1].until(&format!("OK;d;{id}"));
    pair.ann[0].expect(&format!("GONE;@bob;{id}"));
    for client in &mut pair.bob {
        client.expect(&format!("GONE;@ann;{id}"));
    }
    for client in [&mut pair.ann[0], &mut pair.bob[0]] {
        refused(client, &format!("GET;x;{id}"), "not-found");
        refused(client, &format!("DELETE;x;{id}"), "not-found");
    }
    pair.ann[0].ask("HISTORY;h;@bob;;", "OK;h;0");
    pair.bob[0].ask("HISTORY;h;@ann;;", "OK;h;0");
}

#[test]
fn the_same_tag_is_stored_once() {
    let mut pair = Pair::open();
    let (mut ann, mut bob) = (pair.ann.remove(0), pair.bob.remove(0));
    ann.send("SEND;once;@bob;hi");
    let id = number(&ann.until("OK;once;").1, 2);
    pair.ann[0].expect_start("MSG;@bob;");
    // Another connection of the same account, and another spelling of the same name.
    pair.ann[0].send("SEND;once;@Bob;hi");
    assert_eq!(number(&pair.ann[0].line(), 2), id);
    pair.ann[0].send("SEND;once;@ann;hi");
    pair.ann[0].expect_start("ERR;once;conflict;");
    bob.expect_start(&format!("MSG;@ann;{id};"));
    assert_eq!(so_far(&mut bob), [""; 0]);
}

#[test]
fn who_says_bye_or_is_not_there_yet_disturbs_nobody() {
    let mut pair = Pair::open();
    let mut late = pair.house.server.connect();
    let mut leaving = pair.bob.remove(0);
    for round in 0..200 {
        pair.ann[0].send(&format!("SEND;;@bob;{round}"));
        if round == 100 {
            leaving.send("BYE;b");
            late.send(&pair.log_ins[1]);
        }
    }
    let own = ids_until(&mut pair.ann[0], "199");
    assert_eq!(own.len(), 200);
    let heard = leaving.until_closed();
    let (bye, heard) = heard.split_last().expect("BYE");
    assert_eq!(bye, "BYE;bye;0");
    for (line, id) in heard.iter().zip(&own) {
        assert_eq!(number(line, 2), *id);
    }
    for client in &mut pair.bob {
        assert_eq!(ids_until(client, "199"), own);
    }
    late.expect_start("OK;a;");
    let after = say(&mut pair.ann[1], "@bob", "are you there now");
    // It may have been let in during the flood: what it hears of that is its end.
    let heard = ids_until(&mut late, "are you there now");
    let (last, heard) = heard.split_last().expect("the last one");
    assert!(*last == after && own.ends_with(heard), "{heard:?}");
    assert_eq!(late.try_line_bytes(Duration::ZERO), Err(Stop::TimedOut));
}
